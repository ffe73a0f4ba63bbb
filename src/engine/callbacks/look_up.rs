//! Whom callbacks are about, as the source says.
//!
//! Many are asked for at once. Where that goes wrong, the source is asked for nobody: if it does not answer that either, it is
//! silent, and everybody waits for one cause (B25). Else the matter is somebody's in particular: they are asked for in ever
//! smaller groups, and whoever cannot be looked up alone waits alone, ever longer and not for ever.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use futures::StreamExt;
use jiff::SignedDuration;

use super::keep::{Laid, keep};
use super::route::Route;
use super::verdict::verdict;
use super::{LONGEST, wait};
use crate::connector::{Cursor, End, Source};
use crate::domain::value::Value;
use crate::domain::worker::{Said, Statement};
use crate::engine::hear::{self, Heard};
use crate::engine::{Context, log};
use crate::error::{Error, Kind, Result};
use crate::store::callbacks::{self, Item, Status, Verdict};
use crate::store::jobs;

/// Silent answers about somebody in particular, after which the rest is left for the next time: pages of workers wait too.
const MOST_FAILURES: usize = 10;

/// The longest wait of an item whose person could not be looked up.
const LONGEST_ALONE: SignedDuration = SignedDuration::from_mins(5);
/// After so many tries, a third of an hour, it has failed.
const TRIES: i32 = 12;

/// What nobody is called.
const NOBODY: &str = "nobody";

/// Looks items up, those that failed before each alone. Answers how many were dealt with, or why the source answered nobody.
pub async fn look_up(
    cx: &Context,
    route: &Route,
    source: &dyn Source,
    fresh: Vec<Item>,
    again: Vec<Item>,
) -> Result<Result<u64, Error>> {
    let mut groups: VecDeque<Vec<Item>> = by_way(fresh).into_values().collect();
    groups.extend(again.into_iter().map(|item| vec![item]));
    let mut silence: Option<Error> = None;
    let mut unanswered: Vec<Item> = Vec::new();
    let (mut dealt, mut answers, mut failures) = (0, false, 0);
    while let Some(mut items) = groups.pop_front() {
        let error = match attempt(cx, route, source, &items).await {
            Ok(()) => {
                dealt += items.len() as u64;
                answers = true;
                continue;
            }
            Err(error) if error.kind == Kind::Stale => return Err(error),
            Err(error) => error,
        };
        let is_passing = log::is_passing(&error);
        if is_passing && is_silent(route, source, &items).await {
            // Whoever is asked for in the same way meets the same silence.
            let ways: BTreeSet<Way> = items.iter().map(way).collect();
            let (same, others) = groups
                .into_iter()
                .partition(|group: &Vec<Item>| group.iter().any(|item| ways.contains(&way(item))));
            groups = others;
            unanswered.extend(items.into_iter().chain(same.into_iter().flatten()));
            silence = Some(error);
            continue;
        }
        answers = true;
        match (items.len(), is_passing) {
            (1, _) => {
                let item = items.swap_remove(0);
                fail(cx, item, error).await?;
                dealt += 1;
            }
            // What is refused is refused for somebody's sake.
            (_, false) => groups.extend(items.into_iter().map(|item| vec![item])),
            (count, true) => {
                let behind = items.split_off(count / 2);
                groups.push_front(behind);
                groups.push_front(items);
            }
        }
        failures += usize::from(is_passing);
        if failures == MOST_FAILURES {
            break;
        }
    }
    match silence {
        Some(error) if !answers => Ok(Err(error)),
        Some(error) => {
            tracing::warn!(job = %cx.origin.job, code = %error.code, %error, waiting = unanswered.len(), "some callbacks wait: the source answers others only");
            put_off(cx, unanswered, wait(&error, i32::MAX, LONGEST), 0).await?;
            Ok(Ok(dealt))
        }
        None => Ok(Ok(dealt)),
    }
}

/// How a person is named: by what the job joins people by, by name, or by both.
type Way = (bool, bool);

fn way(item: &Item) -> Way {
    (item.who.worker.is_some(), item.who.principal.is_some())
}

fn by_way(items: Vec<Item>) -> BTreeMap<Way, Vec<Item>> {
    let mut sorted: BTreeMap<Way, Vec<Item>> = BTreeMap::new();
    for item in items {
        sorted.entry(way(&item)).or_default().push(item);
    }
    sorted
}

/// One who cannot be looked up, though the source answers: later once more, or never.
async fn fail(cx: &Context, item: Item, error: Error) -> Result<()> {
    if !log::is_passing(&error) {
        let refused = verdict(Status::Failure, &error.code, error.to_string());
        return keep(cx, Vec::new(), vec![(item, refused)]).await;
    }
    let tries = item.attempts + 1;
    if tries >= TRIES {
        let message = format!(
            "the source answers, and {tries} times not who this is: {error}. Correct how the person is named, or see why the source cannot search for that; then send this again"
        );
        let refused = verdict(Status::Failure, "LookUpFailed", message);
        return keep(cx, Vec::new(), vec![(item, refused)]).await;
    }
    tracing::warn!(job = %cx.origin.job, code = %error.code, %error, tries, "a callback waits: the source does not say whom it is about");
    let wait = wait(&error, item.attempts, LONGEST_ALONE);
    put_off(cx, vec![item], wait, 1).await
}

async fn put_off(cx: &Context, items: Vec<Item>, wait: SignedDuration, tries: i32) -> Result<()> {
    let (job, token, now) = (cx.origin.job.clone(), cx.token, cx.clock.now());
    let due = now.saturating_add(wait).unwrap_or(now);
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            callbacks::put_off(conn, &job, &items, due, tries)
        })
        .await
}

async fn attempt(cx: &Context, route: &Route, source: &dyn Source, items: &[Item]) -> Result<()> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (attribute, value) in keys(route, items) {
        values.entry(attribute).or_default().insert(value);
    }
    let statements = ask(source, values).await?;
    hear_of(cx, route, items, statements).await
}

fn keys<'i>(route: &'i Route, items: &'i [Item]) -> impl Iterator<Item = (&'i str, &'i str)> {
    items
        .iter()
        .flat_map(|item| route.keys(&item.who).unwrap_or_default())
}

/// Whether the source does not even say that there is nobody, asked in the same way.
async fn is_silent(route: &Route, source: &dyn Source, items: &[Item]) -> bool {
    let nobody = keys(route, items).map(|(attribute, _)| (attribute, BTreeSet::from([NOBODY])));
    let answer = ask(source, nobody.collect()).await;
    answer.is_err_and(|error| log::is_passing(&error))
}

/// What the source says of everybody who holds one of these values.
async fn ask(source: &dyn Source, values: BTreeMap<&str, BTreeSet<&str>>) -> Result<Vec<Statement>> {
    let mut said = Vec::new();
    for (attribute, values) in values {
        let mut pages = source.read(Cursor::Holding {
            attribute: attribute.to_string(),
            values: values.into_iter().map(str::to_string).collect(),
        });
        let mut end = None;
        while let Some(page) = pages.next().await {
            let page = page?;
            said.extend(page.statements);
            end = page.end;
        }
        match end {
            Some(End::Complete(_)) => {}
            Some(End::Doubtful(reasons)) => {
                let message = format!("the source may not have shown everybody: {}", reasons.join("; "));
                return Err(Error::unavailable(message));
            }
            Some(End::Expired) | None => {
                return Err(Error::unavailable(
                    "the source stopped in the middle of its answer",
                ));
            }
        }
    }
    Ok(said)
}

async fn hear_of(cx: &Context, route: &Route, items: &[Item], statements: Vec<Statement>) -> Result<()> {
    hear::hear(cx, statements.clone(), Heard::AsNews).await?;
    let mut laid = Vec::new();
    let mut refused = Vec::new();
    for item in items {
        match lay(route, item, &statements) {
            Ok(one) => laid.push(one),
            Err(verdict) => refused.push((item.clone(), verdict)),
        }
    }
    keep(cx, laid, refused).await
}

fn lay(route: &Route, item: &Item, statements: &[Statement]) -> Result<Laid, Verdict> {
    // The schema may have become another since the callback was taken in.
    let unmapped = |why: String| verdict(Status::Failure, "NotMapped", why);
    let keys = route.keys(&item.who).map_err(unmapped)?;
    let mut found: HashMap<&str, &Statement> = HashMap::new();
    for statement in statements {
        if keys
            .iter()
            .all(|(attribute, value)| holds(statement, attribute, value))
        {
            found.insert(&statement.anchor, statement);
        }
    }
    let named = keys
        .iter()
        .map(|(attribute, value)| format!("{attribute} '{value}'"));
    let named = named.collect::<Vec<_>>().join(" and ");
    let anchor = match found.len() {
        0 => {
            let message = format!(
                "nobody in the source has {named}: correct it, or send this again when the account is there"
            );
            return Err(verdict(Status::Failure, "WorkerNotFound", message));
        }
        1 => found.into_keys().next().map(str::to_string),
        several => {
            let message = format!(
                "{several} people in the source have {named}: correct their accounts, or name the person by userPrincipalName too"
            );
            return Err(verdict(Status::Failure, "AmbiguousWorker", message));
        }
    };
    let mut attributes = BTreeMap::new();
    for member in &item.members {
        let attribute = route.attribute(*member).map_err(unmapped)?;
        attributes.insert(*member, attribute.to_string());
    }
    let mut item = item.clone();
    item.anchor = anchor;
    Ok(Laid { item, attributes })
}

/// Whether a record has a value, as directories compare.
fn holds(statement: &Statement, attribute: &str, value: &str) -> bool {
    let Said::Whole(record) = &statement.said else {
        return false;
    };
    let held = record.attributes.get(attribute).map(Value::to_texts);
    let is_same = |held: &String| held.trim().to_lowercase() == value.trim().to_lowercase();
    held.is_some_and(|held| held.iter().any(is_same))
}
