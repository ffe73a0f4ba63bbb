//! Where a page's accounts are read from: the target, asked for each, or, where so many are due that it pays, what
//! the target listed once for the whole cycle.

use std::collections::{BTreeMap, HashMap};

use futures::StreamExt;

use super::Context;
use crate::connector::{Lookup, Session};
use crate::domain::account::Account;
use crate::error::Result;
use crate::store::wakes::{self, Cause, Wake};
use crate::store::{Conn, jobs, listed};

/// A full cycle of this many workers reads the target's list instead of asking for each.
const LIST_FROM: i64 = 1_000;

pub enum Accounts<'s> {
    /// The target, by lookup.
    Asked(&'s dyn Session),
    /// What the target listed earlier in this cycle; whoever is not in it is asked for all the same.
    Listed(&'s dyn Session),
}

impl Accounts<'_> {
    pub fn session(&self) -> &dyn Session {
        match self {
            Accounts::Asked(session) | Accounts::Listed(session) => *session,
        }
    }

    /// `found[i]` answers `lookups[i]`.
    pub async fn find(&self, cx: &Context, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
        let Accounts::Listed(session) = self else {
            return self.session().find(lookups).await;
        };
        let (job, wanted) = (cx.origin.job.clone(), lookups.to_vec());
        let mut answers = cx
            .store
            .read(move |conn| find_listed(conn, &job, &wanted))
            .await?;
        // Whoever is not in the list may have come since, or live outside the search base.
        let missing: Vec<usize> = (0..lookups.len()).filter(|at| answers[*at].is_empty()).collect();
        let again: Vec<Lookup> = missing.iter().map(|at| lookups[*at].clone()).collect();
        if !again.is_empty() {
            for (at, found) in missing.into_iter().zip(session.find(&again).await?) {
                answers[at] = found;
            }
        }
        Ok(answers)
    }
}

/// Whether nobody of these was woken for anything but the full cycle: then the list is as good as asking.
pub fn may_be_listed<'w>(mut due: impl Iterator<Item = &'w Wake>) -> bool {
    due.all(|wake| wake.cause == Cause::Full)
}

/// Lists the whole target into the scratch table, if so many are due that it pays; says whether it did.
pub async fn list(cx: &Context, session: &dyn Session) -> Result<bool> {
    let (id, now) = (cx.origin.job.clone(), cx.clock.now());
    let due = cx
        .store
        .read(move |conn| wakes::due_count(conn, &id, now, Cause::Full))
        .await?;
    list_for(cx, session, due).await
}

/// The same, for so many workers.
pub async fn list_for(cx: &Context, session: &dyn Session, due: i64) -> Result<bool> {
    if due < LIST_FROM {
        return Ok(false);
    }
    let token = cx.token;
    let id = cx.origin.job.clone();
    let cleared = move |conn: &mut _| {
        jobs::fence(conn, &id, token)?;
        listed::clear(conn, &id)
    };
    cx.store.write(cleared).await?;
    let matching = cx.runner.policy.matching();
    let matching: Vec<String> = matching.map(|mapping| mapping.target.clone()).collect();
    let mut pages = session.list();
    let mut count = 0;
    let mut page = pages.next().await.transpose()?;
    while let Some(accounts) = page {
        count += accounts.len();
        let (id, matching) = (cx.origin.job.clone(), matching.clone());
        let kept = cx.store.write(move |conn| {
            jobs::fence(conn, &id, token)?;
            listed::keep(conn, &id, &accounts, &matching)
        });
        // The target gets the next page ready while this one is kept.
        let (kept, next) = tokio::join!(kept, pages.next());
        kept?;
        page = next.transpose()?;
    }
    tracing::info!(job = %cx.origin.job, workers = due, accounts = count, "listed the target for a full cycle");
    Ok(true)
}

fn find_listed(conn: &mut Conn, job: &str, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
    let mut by_attribute: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut wanted: Vec<String> = Vec::new();
    for lookup in lookups {
        match lookup {
            Lookup::Anchor(anchor) => wanted.push(anchor.0.clone()),
            Lookup::Match { attribute, value } => by_attribute
                .entry(attribute)
                .or_default()
                .push(value.to_lowercase()),
            // The list is not kept by two values: the target is asked.
            Lookup::Both(_) => {}
        }
    }
    let mut holders: HashMap<(String, String), Vec<String>> = HashMap::new();
    for (attribute, values) in &by_attribute {
        for (value, anchor) in listed::by_values(conn, job, attribute, values)? {
            wanted.push(anchor.clone());
            holders
                .entry(((*attribute).to_string(), value))
                .or_default()
                .push(anchor);
        }
    }
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let mut accounts: HashMap<String, Account> = listed::by_anchors(conn, job, &wanted)?
        .into_iter()
        .map(|account| (account.anchor.0.clone(), account))
        .collect();
    let answers: Vec<Vec<&str>> = lookups
        .iter()
        .map(|lookup| match lookup {
            Lookup::Anchor(anchor) => vec![anchor.0.as_str()],
            Lookup::Match { attribute, value } => {
                let holders = holders.get(&(attribute.clone(), value.to_lowercase()));
                holders.into_iter().flatten().map(String::as_str).collect()
            }
            Lookup::Both(_) => Vec::new(),
        })
        .collect();
    // Hardly any account answers two, and the others need no copy.
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for &anchor in answers.iter().flatten() {
        *uses.entry(anchor).or_default() += 1;
    }
    let mut take = |anchor: &str| match uses.get(anchor) {
        Some(1) => accounts.remove(anchor),
        _ => accounts.get(anchor).cloned(),
    };
    Ok(answers
        .into_iter()
        .map(|anchors| anchors.into_iter().filter_map(&mut take).collect())
        .collect())
}
