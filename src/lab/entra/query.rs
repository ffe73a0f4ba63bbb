//! The query options of a collection, and the pages it comes in.
//!
//! From "Use query parameters to customize responses" and "List users".

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::exchange::{Answer, Call, Refusal};
use super::filter::{self, Filter};
use super::properties;
use super::shelf::Shelf;
use super::user::User;

/// Users on one page.
pub const MOST: usize = 999;

const OPTIONS: &[&str] = &[
    "select",
    "filter",
    "top",
    "orderby",
    "count",
    "expand",
    "skiptoken",
    "deltatoken",
    "format",
];

/// What to show of each user.
#[derive(Default)]
pub struct View {
    pub select: Option<Vec<String>>,
    /// The manager too, and what of him or her.
    manager: Option<Box<View>>,
}

pub struct Query {
    pub view: View,
    filter: Option<Filter>,
    /// Property, and whether the last come first.
    order: Vec<(String, bool)>,
    top: usize,
    is_counted: bool,
    after: Option<Place>,
}

/// The last user of the page before.
#[derive(Clone, Deserialize, Serialize)]
struct Place {
    id: Uuid,
    keys: Vec<String>,
}

impl View {
    pub fn parse(call: &Call) -> Result<View, Refusal> {
        let mut view = View {
            select: call.option("select").map(select).transpose()?,
            manager: None,
        };
        for expanded in call.option("expand").map(split).into_iter().flatten() {
            let (name, options) = match expanded.split_once('(') {
                Some((name, rest)) => (name.trim(), rest.trim_end().trim_end_matches(')')),
                None => (expanded.trim(), ""),
            };
            if !name.eq_ignore_ascii_case("manager") {
                return Err(filter::no_such_property(
                    "Parsing OData Select and Expand failed",
                    name,
                ));
            }
            let selected = options.split(';').find_map(|option| {
                let (name, value) = option.split_once('=')?;
                let name = name.trim().trim_start_matches('$');
                name.eq_ignore_ascii_case("select").then_some(value)
            });
            view.manager = Some(Box::new(View {
                select: selected.map(select).transpose()?,
                manager: None,
            }));
        }
        Ok(view)
    }

    pub fn of(&self, user: &User, shelf: &Shelf) -> Map<String, Value> {
        let mut shown = user.project(self.select.as_deref());
        if let Some(view) = &self.manager
            && let Some(manager) = user.manager.and_then(|id| shelf.live().get(&id))
        {
            let manager = view.typed(manager, shelf);
            shown.insert("manager".into(), Value::Object(manager));
        }
        shown
    }

    /// Among other kinds of objects, a user says what it is.
    pub fn typed(&self, user: &User, shelf: &Shelf) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("@odata.type".into(), json!("#microsoft.graph.user"));
        shown.extend(self.of(user, shelf));
        shown
    }

    /// What follows `$metadata#users` in a context.
    pub fn columns(&self) -> String {
        match &self.select {
            Some(names) => format!("({})", names.join(",")),
            None => String::new(),
        }
    }
}

impl Query {
    pub fn parse(call: &Call, page: usize) -> Result<Query, Refusal> {
        check_options(call, OPTIONS)?;
        let counts = call
            .option("count")
            .is_some_and(|count| count.eq_ignore_ascii_case("true"));
        // Without the header a count is not refused but forgotten.
        let is_advanced = counts && call.is_eventual();
        let filter = call.option("filter").map(|text| Filter::parse(text, is_advanced));
        let filter = filter.transpose()?;
        let order = call.option("orderby").map(order).transpose()?.unwrap_or_default();
        let is_plain = |(name, _): &(String, bool)| {
            properties::property(name).is_some_and(|property| property.is_orderable_plainly())
        };
        if !is_advanced && !order.is_empty() && (filter.is_some() || !order.iter().all(is_plain)) {
            return Err(filter::needs_advanced("orderby"));
        }
        Ok(Query {
            view: View::parse(call)?,
            filter,
            order,
            top: call.option("top").map(top).transpose()?.unwrap_or(page),
            is_counted: is_advanced,
            after: call.option("skiptoken").map(place).transpose()?,
        })
    }

    /// One page of these users, as the members of the answer that follow the context.
    pub fn page<'a>(
        &self,
        call: &Call,
        users: impl Iterator<Item = &'a Arc<User>>,
        show: impl Fn(&User) -> Map<String, Value>,
    ) -> Map<String, Value> {
        let admits = |user: &&Arc<User>| self.filter.as_ref().is_none_or(|filter| filter.admits(user));
        let mut answer = Map::new();
        let mut page: Vec<&Arc<User>>;
        let is_plain = self.order.is_empty() && !(self.is_counted && self.after.is_none());
        if is_plain {
            let after = self.after.as_ref().map(|place| place.id);
            let rest = users.filter(|user| after.is_none_or(|after| user.id > after));
            page = rest.filter(admits).take(self.top + 1).collect();
        } else {
            page = users.filter(admits).collect();
            if self.is_counted && self.after.is_none() {
                answer.insert("@odata.count".into(), json!(page.len()));
            }
            page.sort_by_cached_key(|user| self.rank(&self.place(user)));
            if let Some(after) = &self.after {
                let after = self.rank(after);
                page.retain(|user| self.rank(&self.place(user)) > after);
            }
        }
        if page.len() > self.top {
            page.truncate(self.top);
            if let Some(last) = page.last() {
                answer.insert(
                    "@odata.nextLink".into(),
                    json!(next_link(call, &self.place(last))),
                );
            }
        }
        let value = page.into_iter().map(|user| Value::Object(show(user))).collect();
        answer.insert("value".into(), Value::Array(value));
        answer
    }

    /// Who could be admitted: everybody, or the few that an index knows.
    pub fn among<'a>(&self, shelf: &'a Shelf) -> Box<dyn Iterator<Item = &'a Arc<User>> + 'a> {
        among(self.filter.as_ref(), shelf)
    }

    fn place(&self, user: &User) -> Place {
        let key = |(name, _): &(String, bool)| user.text(name).unwrap_or_default().to_lowercase();
        Place {
            id: user.id,
            keys: self.order.iter().map(key).collect(),
        }
    }

    fn rank(&self, place: &Place) -> (Vec<Key>, Uuid) {
        let keys = place.keys.iter().zip(&self.order);
        let key = |(key, (_, last_first)): (&String, &(String, bool))| match last_first {
            true => Key::Down(std::cmp::Reverse(key.clone())),
            false => Key::Up(key.clone()),
        };
        (keys.map(key).collect(), place.id)
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Up(String),
    Down(std::cmp::Reverse<String>),
}

/// Users in their order.
type Users<'a> = Box<dyn Iterator<Item = &'a Arc<User>> + 'a>;

/// `$count` as a segment, of those whom a filter admits; the answer is a bare number.
pub fn count<'a>(call: &Call, users: impl FnOnce(Option<&Filter>) -> Users<'a>) -> Result<Answer, Refusal> {
    check_options(call, &["filter"])?;
    if !call.is_eventual() {
        return Err(Refusal::request("$count is not currently supported."));
    }
    let filter = call.option("filter").map(|text| Filter::parse(text, true));
    let filter = filter.transpose()?;
    let admitted = |user: &&Arc<User>| filter.as_ref().is_none_or(|filter| filter.admits(user));
    let count = users(filter.as_ref()).filter(admitted).count();
    Ok(Answer::text(200, "text/plain", count.to_string()))
}

pub fn among<'a>(filter: Option<&Filter>, shelf: &'a Shelf) -> Users<'a> {
    let candidates: Option<BTreeSet<Uuid>> = filter.and_then(|filter| filter.candidates(shelf));
    match candidates {
        Some(ids) => Box::new(ids.into_iter().filter_map(|id| shelf.live().get(&id))),
        None => Box::new(shelf.live().values()),
    }
}

/// Refuses the query options that a resource does not know.
pub fn check_options(call: &Call, known: &[&str]) -> Result<(), Refusal> {
    for (name, _) in &call.query {
        let Some(option) = name.strip_prefix('$') else {
            continue;
        };
        if option.eq_ignore_ascii_case("search") {
            let message = match call.is_eventual() {
                true => "This directory does not search; use $filter.",
                false => {
                    "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'"
                }
            };
            return Err(Refusal::query(message));
        }
        if !known.iter().any(|known| known.eq_ignore_ascii_case(option)) {
            return Err(Refusal::request(format!(
                "'{name}' is not supported by the service."
            )));
        }
    }
    Ok(())
}

/// Names of properties; what a link is called may be among them, and says nothing here.
pub fn select(text: &str) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if ["manager", "directReports"]
            .iter()
            .any(|link| link.eq_ignore_ascii_case(name))
        {
            continue;
        }
        let written = properties::canonical(name);
        names.push(
            written
                .ok_or_else(|| filter::no_such_property("Parsing OData Select and Expand failed", name))?,
        );
    }
    Ok(names)
}

fn order(text: &str) -> Result<Vec<(String, bool)>, Refusal> {
    let key = |part: &str| {
        let mut words = part.split_whitespace();
        let name = words.next().unwrap_or_default();
        let last_first = words.next().is_some_and(|word| word.eq_ignore_ascii_case("desc"));
        let property = properties::property(name)
            .ok_or_else(|| filter::no_such_property("Invalid $orderby clause", name))?;
        if !property.is_orderable() {
            return Err(Refusal::query(format!(
                "Sorting not supported for property '{}' of resource 'User'.",
                property.name
            )));
        }
        Ok((property.name.to_string(), last_first))
    };
    text.split(',').map(key).collect()
}

fn top(text: &str) -> Result<usize, Refusal> {
    let size = text.parse().ok().filter(|size| (1..=MOST).contains(size));
    size.ok_or_else(|| {
        Refusal::query(format!(
            "Invalid page size specified: '{text}'. Must be between 1 and {MOST} inclusive."
        ))
    })
}

fn place(token: &str) -> Result<Place, Refusal> {
    unpack(token).ok_or_else(|| {
        Refusal::bad(
            "Directory_ExpiredPageToken",
            "The specified page token value included in the request is invalid or has expired.",
        )
    })
}

/// At the commas that are in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// In a link: everything but RFC 3986's unreserved characters, and the dollar of options and segments.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'$');

/// The same call from here on.
fn next_link(call: &Call, place: &Place) -> String {
    let others = call.query.iter().filter(|(name, _)| {
        let name = name.strip_prefix('$').unwrap_or(name);
        !name.eq_ignore_ascii_case("skiptoken")
    });
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let mut query: Vec<String> = others
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    query.push(format!("$skiptoken={}", pack(place)));
    let path: Vec<String> = call.path.iter().map(|segment| encode(segment)).collect();
    format!("{}?{}", call.link(&path.join("/")), query.join("&"))
}

/// Something of ours for the caller to keep.
pub fn pack(value: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(json!(value).to_string())
}

pub fn unpack<T: serde::de::DeserializeOwned>(token: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    serde_json::from_slice(&bytes).ok()
}
