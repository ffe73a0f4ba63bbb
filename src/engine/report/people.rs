//! Starters and leavers: who they are, how they stand, and what is in the way.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;

use super::{LISTED, Listing};
use crate::domain::worker::Worker;
use crate::engine::texts;
use crate::error::Result;
use crate::store::findings::{self, Finding, Weight};
use crate::store::jobs::Job;
use crate::store::report::{self, Day};
use crate::store::{Conn, departures, escrows, links, uploads, workers};

/// People who are looked at together.
const PAGE: i64 = 500;

/// One worker, as the provisioning log names one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub id: String,
    pub display_name: String,
    /// The first day, or the instant at which the last one is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// What is in the way, as the log's code, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// From HR's instant to the write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// Something has to be done before the account can be made, or be as HR wants it.
    Blocked,
    /// The account will be made by itself.
    Waiting,
    /// The account is there.
    Ready,
}

/// Whose first day is near, and everybody who waits for a first account.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Starters {
    pub ready: i64,
    pub waiting: i64,
    pub blocked: i64,
    /// Some of them: the blocked first, then those who wait, by date.
    pub people: Vec<Person>,
}

/// Who leaves.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leavers {
    /// Whose last day is near.
    pub due: Listing,
    /// Whose last day is over, and who may sign in all the same.
    pub late: Listing,
    /// Whose accounts were disabled or deleted in the report's while; the slowest are named.
    pub done: Listing,
    pub slowest_seconds: i64,
}

pub fn starters(
    conn: &mut Conn,
    job: &Job,
    window: (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Starters> {
    let mut starters = Starters::default();
    let mut lists: [Vec<Person>; 3] = Default::default();
    let mut after = None;
    loop {
        let page = report::by_day(conn, &job.source, Day::First, window, after.as_ref(), PAGE)?;
        let Some((at, last)) = page.last() else { break };
        after = Some((crate::store::micros(*at), last.anchor.clone()));
        let dated = page.into_iter().map(|(at, worker)| (Some(at), worker)).collect();
        for person in standing(conn, job, dated, now)? {
            let (count, list) = match person.standing {
                Some(Standing::Blocked) => (&mut starters.blocked, 0),
                Some(Standing::Waiting) => (&mut starters.waiting, 1),
                _ => (&mut starters.ready, 2),
            };
            *count += 1;
            if lists[list].len() < LISTED {
                lists[list].push(person);
            }
        }
    }
    let some = i64::try_from(LISTED).unwrap_or(i64::MAX);
    let (blocked, anchors) = report::blocked_undated(conn, &job.id, &job.source, some)?;
    let of_blocked: HashSet<String> = anchors.iter().cloned().collect();
    starters.blocked += blocked;
    lists[0].extend(undated(conn, job, anchors, now)?);
    let (waiting, anchors) = report::waiting_undated(conn, &job.id, &job.source, some)?;
    starters.waiting += waiting;
    let waiting = undated(conn, job, anchors, now)?;
    lists[1].extend(waiting.into_iter().filter(|one| !of_blocked.contains(&one.id)));
    starters.people = lists.into_iter().flatten().take(LISTED).collect();
    Ok(starters)
}

/// People whose first day nobody knows.
fn undated(conn: &mut Conn, job: &Job, anchors: Vec<String>, now: Timestamp) -> Result<Vec<Person>> {
    let known = workers::load(conn, &job.source, &texts(&anchors))?;
    standing(
        conn,
        job,
        known.into_iter().map(|worker| (None, worker)).collect(),
        now,
    )
}

/// How people stand who are to have an account; those who are to have none are left out.
fn standing(
    conn: &mut Conn,
    job: &Job,
    page: Vec<(Option<Timestamp>, Worker)>,
    now: Timestamp,
) -> Result<Vec<Person>> {
    let anchors: Vec<String> = page.iter().map(|(_, worker)| worker.anchor.clone()).collect();
    let anchors = texts(&anchors);
    let linked = links::by_workers(conn, &job.id, &anchors)?;
    let linked: HashSet<&str> = linked.iter().map(|link| link.worker.as_str()).collect();
    let found = findings::of(conn, &job.id, &anchors)?;
    let mut stands: HashMap<&str, Vec<&Finding>> = HashMap::new();
    for one in &found {
        stands.entry(&one.worker).or_default().push(one);
    }
    let refused = escrows::of(conn, &job.id, &anchors)?;
    let refused: HashMap<&str, &str> = refused
        .iter()
        .map(|one| (one.worker.as_str(), one.code.as_str()))
        .collect();
    let pending = uploads::pending(conn, &job.id, &anchors)?;
    let pending: HashSet<&str> = pending.iter().map(|place| place.anchor.as_str()).collect();
    let looks = report::looks(conn, &job.id, &anchors)?;
    let looks: HashMap<&str, Timestamp> = looks
        .iter()
        .map(|(anchor, due, _)| (anchor.as_str(), *due))
        .collect();
    let mut people = Vec::with_capacity(page.len());
    for (date, worker) in &page {
        let anchor = worker.anchor.as_str();
        let mut stands = stands.get(anchor).cloned().unwrap_or_default();
        stands.sort_by_key(|one| one.weight);
        let is_linked = linked.contains(anchor);
        let blocks = |one: &&&Finding| matches!(one.weight, Weight::Failure | Weight::Held);
        let blocked = stands.iter().find(blocks);
        let skipped = stands.iter().find(|one| one.weight == Weight::Skip);
        let (standing, code, reason) = match (blocked, refused.get(anchor), is_linked) {
            (Some(one), ..) => (
                Standing::Blocked,
                Some(one.code.clone()),
                Some(one.reason.clone()),
            ),
            (None, Some(code), _) => (Standing::Blocked, Some((*code).to_string()), None),
            (None, None, true) => (Standing::Ready, None, None),
            // The job has no account for them.
            _ if skipped.is_some() || worker.gone.is_some() => continue,
            _ if pending.contains(anchor) => (
                Standing::Waiting,
                None,
                Some("HR's word is waiting its turn".into()),
            ),
            _ => match looks.get(anchor) {
                Some(due) if *due > now => {
                    (Standing::Waiting, None, Some(format!("looked at again at {due}")))
                }
                Some(_) => (Standing::Waiting, None, Some("waiting its turn".into())),
                None => (Standing::Waiting, None, Some("not looked at yet".into())),
            },
        };
        people.push(Person {
            date: *date,
            standing: Some(standing),
            code,
            reason,
            ..person(worker)
        });
    }
    Ok(people)
}

/// `late`: whose last day is over, and who may sign in all the same.
pub fn leavers(
    conn: &mut Conn,
    job: &Job,
    (from, to): (Timestamp, Timestamp),
    (now, until): (Timestamp, Timestamp),
    late: &[(Timestamp, Worker)],
) -> Result<Leavers> {
    let some = i64::try_from(LISTED).unwrap_or(i64::MAX);
    let coming = (now.max(from), until.max(now));
    let due = report::by_day(conn, &job.source, Day::Last, coming, None, some)?;
    let slowest = departures::slowest(conn, &job.id, from, to, some)?;
    let total = departures::total(conn, &job.id, from, to)?;
    let names = names(
        conn,
        job,
        &slowest.iter().map(|one| one.worker.as_str()).collect::<Vec<_>>(),
    )?;
    let dated = |(at, worker): &(Timestamp, Worker)| Person {
        date: Some(*at),
        ..person(worker)
    };
    Ok(Leavers {
        due: Listing {
            count: report::count_by_day(conn, &job.source, Day::Last, coming)?,
            people: due.iter().map(dated).collect(),
        },
        late: Listing {
            count: i64::try_from(late.len()).unwrap_or(i64::MAX),
            people: late.iter().map(dated).take(LISTED).collect(),
        },
        done: Listing {
            count: total.count,
            people: slowest
                .iter()
                .map(|one| Person {
                    date: Some(one.said),
                    seconds: Some(one.done.duration_since(one.said).as_secs()),
                    ..by_name(&one.worker, &names)
                })
                .collect(),
        },
        slowest_seconds: total.slowest_seconds,
    })
}

/// Workers by name.
pub fn named(conn: &mut Conn, job: &Job, anchors: Vec<String>) -> Result<Vec<Person>> {
    let names = names(conn, job, &texts(&anchors))?;
    Ok(anchors.iter().map(|anchor| by_name(anchor, &names)).collect())
}

fn names(conn: &mut Conn, job: &Job, anchors: &[&str]) -> Result<HashMap<String, Person>> {
    let known = workers::load(conn, &job.source, anchors)?;
    Ok(known
        .iter()
        .map(|worker| (worker.anchor.clone(), person(worker)))
        .collect())
}

fn by_name(anchor: &str, names: &HashMap<String, Person>) -> Person {
    names
        .get(anchor)
        .cloned()
        .unwrap_or_else(|| person(&Worker::new(anchor)))
}

fn person(worker: &Worker) -> Person {
    Person {
        id: worker.anchor.clone(),
        display_name: worker
            .display_name()
            .map_or_else(|| worker.anchor.clone(), |name| name.into_owned()),
        date: None,
        standing: None,
        code: None,
        reason: None,
        seconds: None,
    }
}
