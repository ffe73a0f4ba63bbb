//! `/users/delta`: everybody, then whoever changed.
//!
//! That a manager is deleted is told of him, and not again of whoever reports to him.
//!
//! From "user: delta" and "Use delta query to track changes in Microsoft Graph data".

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::desk::Desk;
use super::exchange::{Answer, Call, Refusal};
use super::filter::{Filter, Literal, Operator, Path};
use super::properties::PROPERTIES;
use super::query::{check_options, pack, select, unpack};
use super::shelf::Changed;
use super::user::User;
use super::users::context;

/// How long a token is good for.
const LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Users that a filter may name.
const NAMED: usize = 50;

/// Where a caller is, as its link says.
#[derive(Clone, Deserialize, Serialize)]
struct Place {
    issued: Timestamp,
    /// A tenant that forgot its changes does not know older tokens.
    age: u32,
    /// Absent in the first round, which is about everybody.
    since: Option<u64>,
    until: u64,
    /// Within a round: the last user of the first round, the last change of a later one.
    after_user: Option<Uuid>,
    after_change: Option<u64>,
    select: Option<Vec<String>>,
    managers: bool,
    ids: Option<Vec<Uuid>>,
}

pub fn delta(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    check_options(call, &["select", "filter", "skiptoken", "deltatoken", "format"])?;
    let place = match (call.option("skiptoken"), call.option("deltatoken")) {
        (Some(token), _) => resume(desk, call, token)?,
        (None, Some("latest")) => {
            let place = begin(desk, call)?;
            return Ok(answer(call, Vec::new(), finished(desk, &place)));
        }
        // What a caller is sent to who has to start again.
        (None, Some("") | None) => begin(desk, call)?,
        (None, Some(token)) => {
            let place = resume(desk, call, token)?;
            Place {
                since: Some(place.until),
                until: desk.directory.index().last_change(),
                after_change: None,
                after_user: None,
                issued: desk.now,
                ..place
            }
        }
    };
    let is_minimal = call
        .header("prefer")
        .is_some_and(|prefer| prefer.to_ascii_lowercase().contains("return=minimal"));
    let (value, next) = match place.since {
        None => first_round(desk, &place),
        Some(since) => later_round(desk, &place, since, is_minimal),
    };
    let link = match next {
        Some(next) => ("@odata.nextLink", format!("$skiptoken={}", pack(&next))),
        None => finished(desk, &place),
    };
    let answer = answer(call, value, link);
    Ok(match is_minimal {
        true => answer.with("preference-applied", "return=minimal"),
        false => answer,
    })
}

fn answer(call: &Call, value: Vec<Value>, (name, query): (&'static str, String)) -> Answer {
    let mut members = context(call, "users");
    let link = format!("{}?{query}", call.link("users/delta"));
    members.insert(name.into(), json!(link));
    members.insert("value".into(), Value::Array(value));
    Answer::ok(Value::Object(members))
}

/// A round that starts now.
fn begin(desk: &Desk, call: &Call) -> Result<Place, Refusal> {
    let selected = call.option("select").map(select).transpose()?;
    let has_managers = call.option("select").is_none_or(|names| {
        names
            .split(',')
            .any(|name| name.trim().eq_ignore_ascii_case("manager"))
    });
    let filter = call.option("filter").map(|text| Filter::parse_long(text, NAMED));
    Ok(Place {
        issued: desk.now,
        age: desk.directory.age,
        since: None,
        until: desk.directory.index().last_change(),
        after_user: None,
        after_change: None,
        select: selected,
        managers: has_managers,
        ids: filter.transpose()?.map(|filter| named(&filter)).transpose()?,
    })
}

fn resume(desk: &Desk, call: &Call, token: &str) -> Result<Place, Refusal> {
    let place: Option<Place> = unpack(token);
    let is_good =
        |place: &Place| place.age == desk.directory.age && desk.now.duration_since(place.issued) < LASTS;
    place.filter(is_good).ok_or_else(|| {
        let start = call.link("users/delta?$deltatoken=");
        Refusal::new(
            410,
            "syncStateNotFound",
            "The sync state generation is not found; resync required.",
        )
        .about(
            "resyncRequired",
            "$deltatoken",
            "Resync required. Replace any local items with the server's version.",
        )
        .with("location", start)
    })
}

/// The end of a round: from here one asks for what comes next.
fn finished(desk: &Desk, place: &Place) -> (&'static str, String) {
    let done = Place {
        issued: desk.now,
        since: None,
        after_user: None,
        after_change: None,
        ..place.clone()
    };
    ("@odata.deltaLink", format!("$deltatoken={}", pack(&done)))
}

fn first_round(desk: &Desk, place: &Place) -> (Vec<Value>, Option<Place>) {
    let shelf = desk.directory.index();
    let after = place.after_user;
    let users = shelf
        .live()
        .values()
        .filter(|user| after.is_none_or(|after| user.id > after))
        .filter(|user| is_meant(place, user.id));
    let mut page: Vec<_> = users.take(desk.settings.delta_page + 1).collect();
    let has_more = page.len() > desk.settings.delta_page;
    page.truncate(desk.settings.delta_page);
    let next = page.last().filter(|_| has_more).map(|last| Place {
        after_user: Some(last.id),
        ..place.clone()
    });
    let shown = page.into_iter().map(|user| {
        let names = tracked(place);
        let mut shown = Map::new();
        for name in names.filter(|name| user.get(name).is_some()) {
            shown.insert(name.to_string(), user.shown(name));
        }
        shown.insert("id".into(), json!(user.id));
        if let Some(manager) = user.manager.filter(|_| place.managers) {
            shown.insert("manager@delta".into(), json!([link(manager)]));
        }
        Value::Object(shown)
    });
    (shown.collect(), next)
}

fn later_round(desk: &Desk, place: &Place, since: u64, is_minimal: bool) -> (Vec<Value>, Option<Place>) {
    let shelf = desk.directory.index();
    let from = place.after_change.unwrap_or(since);
    let mut value = Vec::new();
    for (change, changed) in shelf.changed(from, place.until) {
        if value.len() == desk.settings.delta_page {
            let next = Place {
                after_change: Some(change - 1),
                ..place.clone()
            };
            return (value, Some(next));
        }
        match changed {
            Changed::Live(user) if is_meant(place, user.id) => {
                value.extend(update(place, user, since, is_minimal));
            }
            Changed::Deleted(id) if is_meant(place, id) => value.push(removed(id, "changed")),
            Changed::Gone(id) if is_meant(place, id) => value.push(removed(id, "deleted")),
            _ => {}
        }
    }
    (value, None)
}

/// One changed user, if what changed is asked for.
fn update(place: &Place, user: &User, since: u64, is_minimal: bool) -> Option<Value> {
    let is_new = |name: &str| user.changes.get(name).is_some_and(|change| *change > since);
    let has_new_manager = place.managers && is_new("manager");
    let is_back = is_new("deletedDateTime");
    if !has_new_manager && !is_back && !tracked(place).any(is_new) {
        return None;
    }
    let mut shown = Map::new();
    for name in tracked(place) {
        let is_told = is_new(name) || (!is_minimal || is_back) && user.get(name).is_some();
        if is_told {
            shown.insert(name.to_string(), user.shown(name));
        }
    }
    shown.insert("id".into(), json!(user.id));
    if has_new_manager || (is_back && place.managers) {
        let mut links: Vec<Value> = user.manager.map(link).into_iter().collect();
        let former = user.manager_at(since);
        if let Some(former) = former.filter(|former| user.manager != Some(*former)) {
            let mut former = link(former);
            former["@removed"] = json!({"reason": "deleted"});
            links.push(former);
        }
        shown.insert("manager@delta".into(), Value::Array(links));
    }
    Some(Value::Object(shown))
}

fn link(id: Uuid) -> Value {
    json!({"@odata.type": "#microsoft.graph.user", "id": id})
}

fn removed(id: Uuid, reason: &str) -> Value {
    json!({"id": id, "@removed": {"reason": reason}})
}

/// The properties that this caller follows.
fn tracked(place: &Place) -> impl Iterator<Item = &str> {
    let usual = PROPERTIES.iter().filter(|property| property.is_shown());
    let usual = usual
        .map(|property| property.name)
        .filter(|_| place.select.is_none());
    let selected = place.select.iter().flatten().map(String::as_str);
    usual.chain(selected)
}

fn is_meant(place: &Place, id: Uuid) -> bool {
    place.ids.as_ref().is_none_or(|ids| ids.contains(&id))
}

/// Changes can be had of some users, by their ids alone.
fn named(filter: &Filter) -> Result<Vec<Uuid>, Refusal> {
    let refuse = || Refusal::query("A delta query can be filtered by id only: id eq '…' or id eq '…'.");
    match filter {
        Filter::Or(parts) => {
            let named: Result<Vec<_>, Refusal> = parts.iter().map(named).collect();
            Ok(named?.concat())
        }
        Filter::Compare(Path::Property(name, None), Operator::Eq, Literal::Text(id)) if name == "id" => {
            id.parse().map(|id| vec![id]).map_err(|_| refuse())
        }
        _ => Err(refuse()),
    }
}
