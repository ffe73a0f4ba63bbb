//! A page of workers: facts are gathered for all of them at once, then each is planned.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use uuid::Uuid;

use super::Runner;
use crate::connector::{Lookup, Session};
use crate::domain::account::{Account, Anchor};
use crate::domain::dn;
use crate::domain::guard::{Action, Budget, Held, History};
use crate::domain::link::{Link, Situation};
use crate::domain::matching::{self, Found};
use crate::domain::plan::{self, Effect, Facts, Moment, Planned, Receipt};
use crate::domain::policy::Policy;
use crate::domain::worker::Worker;
use crate::error::Result;
use crate::store::changes::{self, Sent};
use crate::store::uploads::Place;
use crate::store::wakes::{Cause, Wake};
use crate::store::{Conn, Store, links, listed, uploads, workers};

/// One worker on the way through a cycle.
pub struct Subject {
    pub wake: Wake,
    pub worker: Worker,
    pub link: Option<Link>,
    /// Operations of this worker that have no outcome yet.
    pub places: Vec<Place>,
    /// What limits held when this worker was looked at last: (action, released).
    pub held_before: Vec<(Action, bool)>,
    /// Changes that were sent and never answered for (B26).
    pub unknown: Vec<Sent>,
    /// What of them turned out to have happened.
    pub resumed: Option<Receipt>,
    pub found: Found,
    pub references: BTreeMap<String, Anchor>,
    pub planned: Option<Planned>,
    pub held: Vec<Held>,
}

/// A page with what the guard needs to judge it.
pub struct Page {
    pub subjects: Vec<Subject>,
    pub history: History,
    /// Wakes whose worker is not stored any more.
    pub vanished: Vec<Wake>,
}

/// Where a page's accounts are read from.
pub enum Accounts<'s> {
    /// The target, by lookup.
    Asked(&'s dyn Session),
    /// What the target listed earlier in this cycle; whoever is not in it is asked for all the same.
    Listed(&'s dyn Session),
}

/// Reads what the store knows of everybody on the page.
pub async fn load(store: &Store, job: &str, system: &str, due: Vec<Wake>, now: Timestamp) -> Result<Page> {
    let (job, system) = (job.to_string(), system.to_string());
    store
        .read(move |conn| load_in(conn, &job, &system, &due, now))
        .await
}

fn load_in(conn: &mut Conn, job: &str, system: &str, due: &[Wake], now: Timestamp) -> Result<Page> {
    let anchors: Vec<&str> = due.iter().map(|wake| wake.anchor.as_str()).collect();
    let mut known: HashMap<String, Worker> = workers::load(conn, system, &anchors)?
        .into_iter()
        .map(|worker| (worker.anchor.clone(), worker))
        .collect();
    let mut linked: HashMap<String, Link> = links::by_workers(conn, job, &anchors)?
        .into_iter()
        .map(|link| (link.worker.clone(), link))
        .collect();
    let mut places: HashMap<String, Vec<Place>> = HashMap::new();
    for place in uploads::pending(conn, job, &anchors)? {
        places.entry(place.anchor.clone()).or_default().push(place);
    }
    let mut held: HashMap<String, Vec<(Action, bool)>> = HashMap::new();
    for (worker, action, released) in changes::held(conn, job, &anchors)? {
        held.entry(worker).or_default().push((action, released));
    }
    let mut unknown: HashMap<String, Vec<Sent>> = HashMap::new();
    for sent in changes::unknown(conn, job, &anchors)? {
        unknown.entry(sent.change.worker.clone()).or_default().push(sent);
    }
    let mut page = Page {
        subjects: Vec::with_capacity(due.len()),
        history: History::default(),
        vanished: Vec::new(),
    };
    for wake in due {
        match known.remove(&wake.anchor) {
            None => page.vanished.push(wake.clone()),
            Some(worker) => page.subjects.push(Subject {
                wake: wake.clone(),
                link: linked.remove(&wake.anchor),
                places: places.remove(&wake.anchor).unwrap_or_default(),
                held_before: held.remove(&wake.anchor).unwrap_or_default(),
                unknown: unknown.remove(&wake.anchor).unwrap_or_default(),
                resumed: None,
                found: Found::default(),
                references: BTreeMap::new(),
                planned: None,
                held: Vec::new(),
                worker,
            }),
        }
    }
    let (population, all_made_here) = links::population(conn, job)?;
    page.history = History {
        day: changes::tallies(conn, job, 24, now)?,
        week: changes::tallies(conn, job, 7 * 24, now)?,
        population,
        all_made_here,
    };
    Ok(page)
}

/// Finds everybody's account: by link, else by matching attribute, the most trusted first.
pub async fn find(
    store: &Store,
    runner: &Runner,
    accounts: &Accounts<'_>,
    subjects: &mut [Subject],
    moment: &Moment,
) -> Result<()> {
    let policy = &runner.policy;
    references(store, runner, subjects, moment).await?;
    let keys: Vec<Vec<(String, String)>> = subjects
        .iter()
        .map(|subject| match subject.link {
            Some(_) => Vec::new(),
            None => matching::keys(policy, &subject.worker, moment)
                .into_iter()
                .map(|(mapping, value)| (mapping.target.clone(), value))
                .collect(),
        })
        .collect();
    let mut round = 0;
    loop {
        let mut asked = Vec::new();
        let mut lookups = Vec::new();
        for (at, subject) in subjects.iter_mut().enumerate() {
            let lookup = match (&subject.link, keys[at].get(round)) {
                (Some(link), _) if round == 0 => Lookup::Anchor(link.account.clone()),
                (None, Some((attribute, value))) if subject.found.accounts.is_empty() => {
                    subject.found.by = Some(attribute.clone());
                    Lookup::Match {
                        attribute: attribute.clone(),
                        value: value.clone(),
                    }
                }
                _ => continue,
            };
            asked.push(at);
            lookups.push(lookup);
        }
        if lookups.is_empty() {
            break;
        }
        let answers = accounts.find(store, runner, &lookups).await?;
        for (at, found) in asked.into_iter().zip(answers) {
            subjects[at].found.accounts = found;
        }
        round += 1;
    }
    owners(store, runner, subjects).await?;
    rivals(subjects, &keys);
    Ok(())
}

impl Accounts<'_> {
    async fn find(&self, store: &Store, runner: &Runner, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
        match self {
            Accounts::Asked(session) => session.find(lookups).await,
            Accounts::Listed(session) => {
                let (job, wanted) = (runner.app.job.clone(), lookups.to_vec());
                let mut answers = store.read(move |conn| find_listed(conn, &job, &wanted)).await?;
                // A linked account that is not in the list may live outside the search base, or be gone.
                let missing: Vec<usize> = (0..lookups.len())
                    .filter(|at| answers[*at].is_empty() && matches!(lookups[*at], Lookup::Anchor(_)))
                    .collect();
                let again: Vec<Lookup> = missing.iter().map(|at| lookups[*at].clone()).collect();
                if !again.is_empty() {
                    for (at, found) in missing.into_iter().zip(session.find(&again).await?) {
                        answers[at] = found;
                    }
                }
                Ok(answers)
            }
        }
    }
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
    let accounts: HashMap<String, Account> = listed::by_anchors(conn, job, &wanted)?
        .into_iter()
        .map(|account| (account.anchor.0.clone(), account))
        .collect();
    Ok(lookups
        .iter()
        .map(|lookup| match lookup {
            Lookup::Anchor(anchor) => accounts.get(&anchor.0).cloned().into_iter().collect(),
            Lookup::Match { attribute, value } => holders
                .get(&(attribute.clone(), value.to_lowercase()))
                .into_iter()
                .flatten()
                .filter_map(|anchor| accounts.get(anchor).cloned())
                .collect(),
        })
        .collect())
}

/// The accounts of everybody that somebody on the page refers to.
async fn references(store: &Store, runner: &Runner, subjects: &mut [Subject], moment: &Moment) -> Result<()> {
    let wanted: Vec<Vec<String>> = subjects
        .iter()
        .map(|subject| plan::references(&runner.policy, &subject.worker, moment))
        .collect();
    let all: BTreeSet<String> = wanted.iter().flatten().cloned().collect();
    if all.is_empty() {
        return Ok(());
    }
    let job = runner.app.job.clone();
    let accounts: HashMap<String, Anchor> = store
        .read(move |conn| {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            links::by_workers(conn, &job, &all)
        })
        .await?
        .into_iter()
        .map(|link| (link.worker, link.account))
        .collect();
    for (subject, wanted) in subjects.iter_mut().zip(wanted) {
        subject.references = wanted
            .into_iter()
            .filter_map(|to| accounts.get(&to).cloned().map(|anchor| (to, anchor)))
            .collect();
    }
    Ok(())
}

/// Whose the only candidates are, where somebody else's.
async fn owners(store: &Store, runner: &Runner, subjects: &mut [Subject]) -> Result<()> {
    let candidates: Vec<String> = subjects
        .iter()
        .filter(|subject| subject.link.is_none())
        .filter_map(|subject| match subject.found.accounts.as_slice() {
            [account] => Some(account.anchor.0.clone()),
            _ => None,
        })
        .collect();
    if candidates.is_empty() {
        return Ok(());
    }
    let job = runner.app.job.clone();
    let owners: HashMap<String, String> = store
        .read(move |conn| {
            let candidates: Vec<&str> = candidates.iter().map(String::as_str).collect();
            links::owners(conn, &job, &candidates)
        })
        .await?
        .into_iter()
        .collect();
    for subject in subjects.iter_mut().filter(|subject| subject.link.is_none()) {
        if let [account] = subject.found.accounts.as_slice() {
            subject.found.owner = owners
                .get(&account.anchor.0)
                .filter(|owner| **owner != subject.worker.anchor)
                .cloned();
        }
    }
    Ok(())
}

/// Two workers of one page who would both take the same account, or both make one by the same value: the first
/// goes on, the other is told whose it is.
fn rivals(subjects: &mut [Subject], keys: &[Vec<(String, String)>]) {
    let mut takers: HashMap<(String, String), String> = HashMap::new();
    for (subject, keys) in subjects.iter_mut().zip(keys) {
        if subject.link.is_some() || subject.found.owner.is_some() {
            continue;
        }
        let place = match (subject.found.accounts.as_slice(), keys.first()) {
            ([account], _) => (String::new(), account.anchor.0.clone()),
            ([], Some((attribute, value))) => (attribute.clone(), value.to_lowercase()),
            _ => continue,
        };
        match takers.entry(place) {
            Entry::Vacant(free) => drop(free.insert(subject.worker.anchor.clone())),
            Entry::Occupied(taken) => subject.found.owner = Some(taken.get().clone()),
        }
    }
}

/// Settles what is known now about changes that were sent and never answered for: what the account shows of
/// them happened.
pub fn resume(subjects: &mut [Subject], endpoint: &str, now: Timestamp) {
    for subject in subjects.iter_mut() {
        let [account] = subject.found.accounts.as_slice() else {
            continue;
        };
        for sent in &subject.unknown {
            let happened = sent
                .change
                .effects
                .iter()
                .filter(|effect| happened(effect, account));
            let done: Vec<Effect> = happened.map(|effect| as_found(effect, account)).collect();
            if !done.is_empty() {
                subject.resumed = Some(Receipt {
                    change: sent.change.id,
                    account: account.anchor.clone(),
                    address: account.address.clone(),
                    endpoint: endpoint.to_string(),
                    done,
                    at: now,
                });
            }
        }
    }
}

/// An account that was made but not enabled before the interruption is remembered as it is.
fn as_found(effect: &Effect, account: &Account) -> Effect {
    match effect {
        Effect::Create {
            values, container, ..
        } => Effect::Create {
            values: values.clone(),
            container: container.clone(),
            enabled: account.enabled == Some(true),
        },
        other => other.clone(),
    }
}

fn happened(effect: &Effect, account: &Account) -> bool {
    let held = |attribute: &str| {
        account
            .values
            .get(attribute)
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    match effect {
        // Found by its matching value and carrying every value we gave it: that is our own account.
        Effect::Create { values, .. } => values.iter().all(|(name, values)| {
            let held = held(name);
            held.len() == values.len() && values.iter().all(|value| held.contains(value))
        }),
        Effect::Disable => account.enabled == Some(false),
        Effect::Enable => account.enabled == Some(true),
        Effect::Set { attribute, after, .. } => held(attribute) == after,
        Effect::Refer { attribute, after, .. } => {
            held(attribute).first() == after.as_ref().map(|anchor| &anchor.0)
        }
        Effect::Rename { after, .. } => dn::own_name(&account.address).as_deref() == Some(after),
        Effect::Move { after, .. } => {
            dn::parent(&account.address).is_some_and(|place| dn::same(place, after))
        }
        Effect::Delete => false,
    }
}

/// Plans and judges everybody on the page.
pub fn plan_page(policy: &Policy, limits: &crate::domain::guard::Limits, page: &mut Page, moment: &Moment) {
    for subject in &mut page.subjects {
        let facts = Facts {
            link: subject.link.clone(),
            found: subject.found.clone(),
            references: subject.references.clone(),
            resumed: subject.resumed.is_some(),
        };
        subject.planned = Some(plan::plan(policy, &subject.worker, &facts, moment));
    }
    let matched = page.subjects.iter().filter_map(|subject| subject.planned.as_ref()).filter(|planned| {
        matches!(&planned.situation, Situation::Unlinked { account, .. } if account.enabled == Some(true))
    });
    let mut history = page.history.clone();
    history.population += matched.count() as u64;
    history.all_made_here &= !page.subjects.iter().any(|subject| {
        matches!(
            subject.planned.as_ref().map(|one| &one.situation),
            Some(Situation::Unlinked { .. })
        ) && subject.resumed.is_none()
    });
    let mut budget = Budget::new(limits, history, &policy.model);
    for subject in &mut page.subjects {
        let released: Vec<Action> = subject
            .held_before
            .iter()
            .filter(|(_, released)| *released)
            .map(|(action, _)| action.clone())
            .collect();
        if let Some(planned) = &mut subject.planned {
            subject.held = budget.judge(planned, &released);
        }
    }
}

/// A moment of its own for each page: its dice fall anew, and again the same for the same page.
pub fn moment(now: Timestamp) -> Moment {
    Moment {
        now,
        plan: Uuid::now_v7(),
    }
}

/// The page in which nobody was woken for anything but the full cycle reads from the list.
pub fn may_use_list(due: &[Wake]) -> bool {
    !due.is_empty() && due.iter().all(|wake| wake.cause == Cause::Full)
}
