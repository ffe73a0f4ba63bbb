//! What people decided about single accounts, over HR's head (B12): given, lifted, and met by everybody who is planned. A hold is
//! a row that is read when a page is planned, so giving one waits for nobody.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::subject::Subject;
use super::{Context, Engine, Runner, allowing, on_demand};
use crate::connector::{Endpoint, Lookup};
use crate::domain::account::Account;
use crate::domain::decision::Decision;
use crate::domain::dn::Dn;
use crate::domain::hold::{HeldAccount, Hold, ON_HOLD, Until};
use crate::domain::mapping::{Mapping, Role};
use crate::domain::plan::{CONTAINER, ENABLED, Moment, NAME};
use crate::domain::policy::Policy;
use crate::error::{Error, Kind, Result};
use crate::store::wakes::{self, Cause};
use crate::store::{Conn, decisions, findings, holds, links, systems};

/// Holds that are read together.
const PAGE: i64 = 1_000;

/// By which names people know an account, beside its DN and its anchor.
const NAMES: [&str; 2] = ["userPrincipalName", "sAMAccountName"];

/// What somebody wants held.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub whose: Whose,
    /// As the schema calls them; none for everything.
    pub attributes: Vec<String>,
    /// A day, to its end (UTC), or an instant; until somebody lifts it otherwise.
    pub until: Option<String>,
    pub reason: String,
    /// Who says so.
    pub by: String,
}

#[derive(Clone, Debug)]
pub enum Whose {
    /// By HR's own key, or the number that accounts are matched by.
    Worker(String),
    /// By DN, anchor, user principal name or sAMAccountName.
    Account(String),
}

impl Engine {
    /// Holds a worker's account, or an account whoever it belongs to, and has its worker looked at. Errors: nobody or several are
    /// meant; the job writes no such attribute; an account's target cannot be asked.
    pub async fn hold(&self, job: &str, wanted: Wanted) -> Result<Hold> {
        let runner = self.current(job).await?;
        let now = self.clock().now();
        let until = wanted.until.as_deref();
        let until = until.map(|text| allowing::until(text, now)).transpose()?;
        let mut hold = Hold {
            id: Uuid::now_v7().to_string(),
            worker: None,
            account: None,
            attributes: attributes(&runner.policy, &wanted.attributes)?,
            disables: false,
            reason: allowing::reason(&wanted.reason)?,
            by: wanted.by,
            since: now,
            until: until.map_or(Until::Lifted, Until::At),
        };
        match &wanted.whose {
            Whose::Worker(named) => {
                hold.worker = Some(on_demand::anchor(self.store(), &runner, named).await?);
            }
            Whose::Account(named) => hold.account = Some(self.account(&runner, named).await?),
        }
        let jobs = self.meeting(&runner).jobs(&hold);
        let (id, kept, woken) = (job.to_string(), hold.clone(), jobs.clone());
        self.store()
            .write(move |conn| {
                holds::keep(conn, &id, std::slice::from_ref(&kept))?;
                decisions::keep(conn, &id, &[Decision::held(&kept)])?;
                for job in &woken {
                    let whose = whose(conn, job, &kept)?;
                    wakes::wake(conn, job, &super::texts(&whose), now, Cause::Retry)?;
                }
                Ok(())
            })
            .await?;
        jobs.iter().for_each(|job| self.wake(job));
        Ok(hold)
    }

    /// What is held of a job's, a page of it after one; empty when there is no more.
    pub async fn holds(&self, job: &str, after: &str) -> Result<Vec<Hold>> {
        let (id, after) = (self.runner(job)?.app.job.clone(), after.to_string());
        self.store()
            .read(move |conn| holds::after(conn, &id, &after, PAGE))
            .await
    }

    /// Lifts a hold, and has everybody looked at whom it kept from something. Error: there is none of this id, or not any more.
    pub async fn lift(&self, job: &str, hold: &str, by: &str) -> Result<()> {
        let runner = self.runner(job)?;
        let meeting = self.meeting(&runner);
        let (id, wanted, by, now) = (
            job.to_string(),
            hold.to_string(),
            by.to_string(),
            self.clock().now(),
        );
        let lifted = self
            .store()
            .write(move |conn| {
                let Some(hold) = holds::find(conn, &id, &wanted)? else {
                    return Ok(None);
                };
                holds::end(conn, &[&hold.id])?;
                decisions::keep(conn, &id, &[Decision::hold_ended(&hold, &by, now)])?;
                let jobs = meeting.jobs(&hold);
                for job in &jobs {
                    let mut woken = whose(conn, job, &hold)?;
                    // Others whom it may have kept from the account: records of the same person, and whoever would have been given it.
                    woken.extend(findings::whom(conn, job, ON_HOLD)?);
                    wakes::wake(conn, job, &unique(&woken), now, Cause::Retry)?;
                }
                Ok(Some(jobs))
            })
            .await?;
        let Some(jobs) = lifted else {
            let message = format!("there is no hold {hold} of this job, or not any more");
            return Err(Error::new(Kind::NotFound, message));
        };
        jobs.iter().for_each(|job| self.wake(job));
        Ok(())
    }

    /// The jobs that write what a job writes.
    fn meeting(&self, runner: &Runner) -> Meeting {
        let runners = self.runners();
        let meeting = runners
            .values()
            .filter(|other| other.app.target == runner.app.target);
        let job = |other: &Runner| (other.app.job.clone(), other.app.source == runner.app.source);
        Meeting(meeting.map(|other| job(other)).collect())
    }

    /// The one account that somebody means, as the target shows it.
    async fn account(&self, runner: &Runner, named: &str) -> Result<HeldAccount> {
        let system = runner.app.target.clone();
        let pinned = self
            .store()
            .read(move |conn| systems::endpoint(conn, &system))
            .await?;
        let pinned = pinned.map(|(endpoint, _)| Endpoint(endpoint));
        let session = runner.target.open(pinned.as_ref()).await?;
        let found = session.find(&lookups(&runner.policy, named)).await?;
        let mut found: Vec<Account> = found.into_iter().flatten().collect();
        found.sort_by(|one, other| one.anchor.cmp(&other.anchor));
        found.dedup_by(|one, other| one.anchor == other.anchor);
        match found.as_slice() {
            [one] => Ok(HeldAccount {
                anchor: one.anchor.clone(),
                address: one.address.clone(),
            }),
            [] => {
                let message = format!(
                    "there is no account '{named}' in '{}': name one by its DN, its object id, or what its person signs in with",
                    runner.app.target
                );
                Err(Error::new(Kind::NotFound, message).code("AccountNotFound"))
            }
            several => {
                let addresses: Vec<&str> = several.iter().map(|one| one.address.as_str()).collect();
                Err(Error::invalid(format!(
                    "{} accounts are called '{named}': name one by its object id ({})",
                    several.len(),
                    addresses.join("; ")
                )))
            }
        }
    }
}

/// Jobs that may meet what is held in one of them, this one too, and whether they read the same system.
struct Meeting(Vec<(String, bool)>);

impl Meeting {
    /// An account is held whichever job writes it, a worker's wherever the same HR speaks of the worker.
    fn jobs(&self, hold: &Hold) -> Vec<String> {
        let meeting = self.0.iter();
        let these = meeting.filter(|(_, has_worker)| hold.account.is_some() || *has_worker);
        these.map(|(job, _)| job.clone()).collect()
    }
}

/// Every way in which somebody may have meant an account.
fn lookups(policy: &Policy, named: &str) -> Vec<Lookup> {
    let called = |attribute: &str| Lookup::Match {
        attribute: attribute.to_string(),
        value: named.to_string(),
    };
    if let Ok(anchor) = named.parse::<Uuid>() {
        return vec![Lookup::Anchor(crate::domain::account::Anchor(anchor.to_string()))];
    }
    if policy.model.container.is_some() && Dn::parse(named).is_some() {
        return vec![called("distinguishedName")];
    }
    let known = |name: &&str| policy.model.identifying.contains(name);
    NAMES
        .iter()
        .filter(|name| known(name))
        .map(|name| called(name))
        .collect()
}

/// As effects call them. Error: the schema maps no such attribute.
fn attributes(policy: &Policy, wanted: &[String]) -> Result<Option<BTreeSet<String>>> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let called = |mapping: &Mapping| match mapping.role {
        Role::State => ENABLED.to_string(),
        Role::Container => CONTAINER.to_string(),
        Role::Name => NAME.to_string(),
        Role::Plain | Role::Reference | Role::Password => mapping.target.clone(),
    };
    let one = |wanted: &String| written(policy, wanted).map(called);
    let named: Result<_> = wanted.iter().map(one).collect();
    named.map(Some).map_err(|error| error.at("attributes"))
}

/// The mapping that writes what somebody calls so. Error: none does.
pub(super) fn written<'p>(policy: &'p Policy, attribute: &str) -> Result<&'p Mapping> {
    let mappings = &policy.schema.mappings;
    let found = mappings
        .iter()
        .find(|mapping| mapping.target.eq_ignore_ascii_case(attribute));
    found.ok_or_else(|| {
        let known: Vec<&str> = mappings.iter().map(|mapping| mapping.target.as_str()).collect();
        Error::invalid(format!(
            "the job writes no attribute '{attribute}': it writes {}",
            known.join(", ")
        ))
    })
}

/// Whom a hold is about: the worker, or whoever the account belongs to.
fn whose(conn: &mut Conn, job: &str, hold: &Hold) -> Result<Vec<String>> {
    match (&hold.worker, &hold.account) {
        (_, Some(account)) => {
            let owners = links::owners(conn, job, &[&account.anchor.0])?;
            Ok(owners.into_iter().map(|(_, worker)| worker).collect())
        }
        (worker, None) => Ok(worker.iter().cloned().collect()),
    }
}

fn unique(workers: &[String]) -> Vec<&str> {
    let unique: BTreeSet<&str> = workers.iter().map(String::as_str).collect();
    unique.into_iter().collect()
}

/// Gathers what people decided of everybody on the page: of the worker, of other records of the same person, and of the account
/// that was found, in whichever job that can write it. What ended by itself is set aside.
pub(super) async fn gather(cx: &Context, subjects: &mut [Subject], moment: &Moment) -> Result<()> {
    let workers: BTreeSet<String> = subjects.iter().flat_map(records).map(String::from).collect();
    let accounts: BTreeSet<String> = subjects.iter().flat_map(accounts_of).map(String::from).collect();
    let known = cx
        .beside
        .iter()
        .filter(|other| other.app.source == cx.origin.source);
    let job_of = |other: &Arc<Runner>| other.app.job.clone();
    let own = || std::iter::once(cx.origin.job.clone());
    let knowing: Vec<String> = own().chain(known.map(job_of)).collect();
    let writing: Vec<String> = own().chain(cx.beside.iter().map(job_of)).collect();
    let (of_workers, of_accounts) = cx
        .store
        .read(move |conn| {
            let (knowing, writing) = (super::texts(&knowing), super::texts(&writing));
            let workers: Vec<&str> = workers.iter().map(String::as_str).collect();
            let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
            let of_workers = holds::of(conn, &knowing, &workers)?;
            Ok((of_workers, holds::of_accounts(conn, &writing, &accounts)?))
        })
        .await?;
    let mut by_key: HashMap<String, Vec<Met>> = HashMap::new();
    for (job, mut hold) in of_workers.into_iter().chain(of_accounts) {
        let is_ours = job == cx.origin.job;
        if !is_ours {
            // Whoever reads why nothing is done has to know where it is lifted.
            hold.by = format!("{} in the job {job}", hold.by);
        }
        let account = hold.account.as_ref().map(|account| account.anchor.0.clone());
        if let Some(key) = account.or(hold.worker.clone()) {
            by_key.entry(key).or_default().push(Met { hold, is_ours });
        }
    }
    for subject in subjects {
        let found: Vec<&Met> = match by_key.is_empty() {
            true => Vec::new(),
            false => records(subject)
                .chain(accounts_of(subject))
                .filter_map(|key| by_key.get(key))
                .flatten()
                .collect(),
        };
        let (holds, over) = sorted(&found, subject, cx.runner.policy.version, moment);
        (subject.holds, subject.holds_over) = (holds, over);
    }
    Ok(())
}

/// A hold that somebody on the page meets.
struct Met {
    hold: Hold,
    /// It was given in this job, which ends it when its time has come.
    is_ours: bool,
}

/// What holds, and what of this job's ended by itself. What an undo took back is one record's of one job alone, and known by what
/// HR says of it.
fn sorted(found: &[&Met], subject: &Subject, version: i64, moment: &Moment) -> (Vec<Hold>, Vec<Hold>) {
    let own = subject.worker.anchor.as_str();
    let is_undone = |met: &Met| met.is_ours && met.hold.worker.as_deref() == Some(own);
    let about = found
        .iter()
        .filter(|met| met.hold.is_given() || (is_undone(met) && !subject.said.is_empty()));
    let (over, holds): (Vec<&&Met>, Vec<&&Met>) = about.partition(|met| {
        met.hold
            .is_over(&subject.said, &subject.worker, version, moment.now)
    });
    let over = over.into_iter().filter(|met| met.is_ours);
    (
        holds.into_iter().map(|met| met.hold.clone()).collect(),
        over.map(|met| met.hold.clone()).collect(),
    )
}

/// The worker's anchor, and those of other records of the same person.
fn records(subject: &Subject) -> impl Iterator<Item = &str> {
    let kin = subject.kin.iter().map(|kin| kin.worker.anchor.as_str());
    std::iter::once(subject.worker.anchor.as_str()).chain(kin)
}

fn accounts_of(subject: &Subject) -> impl Iterator<Item = &str> {
    subject
        .found
        .accounts
        .iter()
        .map(|account| account.anchor.0.as_str())
}
