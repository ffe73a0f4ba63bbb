//! What became of looking callbacks up, in one transaction: the values in the workers' records, their wakes, the operations
//! that wait now, and the outcome of those about nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::settle;
use super::verdict::verdict;
use crate::domain::callback::Member;
use crate::domain::value::Value;
use crate::domain::worker::{Attributes, Worker};
use crate::engine::Context;
use crate::engine::log::{self, Origin};
use crate::error::Result;
use crate::store::callbacks::{self, Item, Status, Verdict};
use crate::store::logs::{self, Entry};
use crate::store::workers::{self, Stored};
use crate::store::{Conn, jobs, pulls};

/// An item whose person is known, and which attributes of that record it is about.
#[derive(Clone)]
pub struct Laid {
    pub item: Item,
    pub attributes: BTreeMap<Member, String>,
}

impl Laid {
    fn anchor(&self) -> &str {
        self.item.anchor.as_deref().unwrap_or_default()
    }

    fn values(&self) -> Attributes {
        let said = self.item.said.iter().flatten();
        let value = |(member, value): (&Member, &String)| {
            Some((self.attributes.get(member)?.clone(), Value::text(value.clone())))
        };
        said.filter_map(value).collect()
    }
}

pub async fn keep(cx: &Context, laid: Vec<Laid>, refused: Vec<(Item, Verdict)>) -> Result<()> {
    let (origin, token, now) = (Arc::clone(&cx.origin), cx.token, cx.clock.now());
    let readers: Vec<String> = cx.readers.iter().map(|reader| reader.job.clone()).collect();
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &origin.job, token)?;
            pulls::fence(conn, &origin.source, (&origin.job, token))?;
            callbacks::lock(conn, &origin.job)?;
            // Whoever waited for too long has an outcome by now.
            let items = laid.iter().map(|one| &one.item);
            let items = items.chain(refused.iter().map(|(item, _)| item));
            let waiting = callbacks::still_waiting(conn, &origin.job, items.map(Item::place))?;
            let laid = laid.iter().filter(|one| waiting.contains(&one.item.place()));
            let refused = refused.iter().filter(|(item, _)| waiting.contains(&item.place()));
            let refused = refused.cloned().collect();
            lay_over(conn, &origin, laid.cloned().collect(), refused, &readers, now)
        })
        .await
}

fn lay_over(
    conn: &mut Conn,
    origin: &Origin,
    mut laid: Vec<Laid>,
    mut refused: Vec<(Item, Verdict)>,
    readers: &[String],
    now: Timestamp,
) -> Result<()> {
    let (job, system) = (origin.job.as_str(), origin.source.as_str());
    laid.sort_by_key(|one| one.item.place());
    let overtaken = without_what_is_said_since(conn, job, &mut laid)?;
    let anchors: BTreeSet<String> = laid.iter().map(|one| one.anchor().to_string()).collect();
    let anchors: Vec<&str> = anchors.iter().map(String::as_str).collect();
    let known = workers::load(conn, system, &anchors)?;
    let mut known: BTreeMap<String, Worker> = known
        .into_iter()
        .map(|worker| (worker.anchor.clone(), worker))
        .collect();
    let mut over = Vec::new();
    for one in laid {
        match known.get_mut(one.anchor()) {
            Some(worker) => {
                worker.state(one.values());
                over.push(one.item);
            }
            // Hearing of the person failed, and the log says why.
            None => {
                let message = "the record of this person could not be stored: the provisioning log says why";
                refused.push((one.item, verdict(Status::Failure, "InvalidData", message.into())));
            }
        }
    }
    let told: Vec<Stored> = known.into_values().map(Stored::new).collect::<Result<_>>()?;
    let persons: Vec<&str> = told.iter().filter_map(Stored::person).collect();
    workers::hear(conn, system, &told, &persons, readers, now)?;
    callbacks::lay_over(conn, job, &over)?;
    end(conn, origin, &refused, &overtaken, now)
}

/// Leaves out what later callbacks said of the same people while these waited (B2); answers of which nothing is left.
fn without_what_is_said_since(conn: &mut Conn, job: &str, laid: &mut Vec<Laid>) -> Result<Vec<Item>> {
    let Some(first) = laid.first().map(|one| one.item.sequence) else {
        return Ok(Vec::new());
    };
    let anchors: BTreeSet<&str> = laid.iter().map(Laid::anchor).collect();
    let anchors: Vec<&str> = anchors.into_iter().collect();
    let since = callbacks::laid_since(conn, job, &anchors, first)?;
    let mut overtaken = Vec::new();
    laid.retain_mut(|one| {
        let later = since
            .iter()
            .filter(|later| later.anchor == one.item.anchor && later.place() > one.item.place());
        let said: BTreeSet<Member> = later.flat_map(|later| later.members.iter().copied()).collect();
        if one.item.members.iter().all(|member| said.contains(member)) {
            overtaken.push(one.item.clone());
            return false;
        }
        one.item.members.retain(|member| !said.contains(member));
        one.attributes.retain(|member, _| !said.contains(member));
        true
    });
    Ok(overtaken)
}

/// Says of callbacks that they are about nobody, or nobody in particular, or came to nothing.
fn end(
    conn: &mut Conn,
    origin: &Origin,
    refused: &[(Item, Verdict)],
    overtaken: &[Item],
    now: Timestamp,
) -> Result<()> {
    let mut entries: Vec<Entry> = refused
        .iter()
        .map(|(item, verdict)| failed(origin, item, verdict, now))
        .collect();
    let mut settled: Vec<(&Item, Verdict)> = refused
        .iter()
        .map(|(item, verdict)| (item, verdict.clone()))
        .collect();
    for item in overtaken {
        let worker = Worker::new(item.anchor.as_deref().unwrap_or_default());
        entries.push(log::superseded(origin, &worker, &Uuid::now_v7(), now));
        settled.push((item, super::verdict::superseded()));
    }
    logs::append(conn, &entries)?;
    settle(conn, &origin.job, &settled, now)
}

/// The log's entry for an item that nobody planned anything for.
pub fn failed(origin: &Origin, item: &Item, verdict: &Verdict, now: Timestamp) -> Entry {
    let named = item.who.worker.as_deref().or(item.who.principal.as_deref());
    let who = item.anchor.as_deref().or(named).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    log::unplanned(origin, who, &text(&verdict.code), &text(&verdict.message), now)
}
