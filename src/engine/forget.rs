//! `muster forget` (B33): everything that is known of one worker is erased, while the jobs that know it wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::lease::Lease;
use super::log::{self, Origin};
use super::run::origin;
use super::{Engine, Runner, desk, hearing};
use crate::error::{Error, Kind, Result};
use crate::store::forgetting::{self, Erased, Known, Left};
use crate::store::{Conn, jobs, uploads};

/// The longest call of a job that the config does not name any more: it makes none.
const NO_CALL: Duration = Duration::from_secs(10);

/// How often an embedded database that is in use is tried to be written anew.
const SCOURINGS: u32 = 5;

/// Whom to forget.
#[derive(Clone, Debug)]
pub struct Order {
    /// HR's own key, or, of a directory that is read, the account's.
    pub worker: String,
    /// The system whose key it is, where several use it.
    pub system: Option<String>,
    /// Who says so.
    pub author: String,
    /// An account that is enabled is left so, though nobody will ever disable it.
    pub leave_enabled: bool,
}

/// What was forgotten, in counts, and which accounts are somebody's of whom nothing is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forgotten {
    pub system: String,
    /// Further systems in which the person was known by the account.
    pub also_in: Vec<String>,
    pub records: i64,
    pub links: i64,
    /// Entries of the log that tell no more than that something was done.
    pub log_entries: i64,
    pub receipts: i64,
    /// Operations that waited, and are answered for as skipped.
    pub operations: i64,
    /// Plans that cannot be carried out any more.
    pub plans: i64,
    /// Names that stay taken, without being known.
    pub names: i64,
    /// Rows about others that mentioned the person.
    pub mentions: i64,
    /// Other workers who are the same person or have the same account: they were left.
    pub left: Vec<String>,
    /// The person's accounts, as they were seen last.
    pub accounts: Vec<Account>,
    /// Nothing of what was deleted is left in the database's files; PostgreSQL does that by itself.
    pub files_clean: bool,
}

/// An account of a person who is forgotten. It is left as it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub system: String,
    /// The system's immutable key of it.
    pub anchor: Option<String>,
    /// What it is called, as far as it was written in the last thirty days.
    pub address: Option<String>,
    /// Nothing where it is deleted, or its system knows no such thing.
    pub enabled: Option<bool>,
    /// Others are linked to it as well, and go on looking after it.
    pub shared: bool,
}

impl Account {
    fn of(left: &Left) -> Account {
        Account {
            system: left.system.clone(),
            anchor: left.anchor.clone(),
            address: left.address.clone(),
            enabled: left.enabled,
            shared: left.shared,
        }
    }
}

impl Engine {
    /// Whom an order means. Error `WorkerNotFound`: nothing is known of such a worker; `WorkerAmbiguous`: say which system.
    pub async fn whom(&self, order: &Order) -> Result<Known> {
        let mut knowing = self.knowing(order).await?;
        if knowing.is_empty() {
            self.empty_inboxes(order).await?;
            knowing = self.knowing(order).await?;
        }
        let system = knowing.pop_first().ok_or_else(|| {
            let message = format!(
                "nothing is known of a worker '{}': HR's own key is asked for here",
                order.worker
            );
            Error::new(Kind::NotFound, message).code("WorkerNotFound")
        })?;
        if let Some(other) = knowing.first() {
            let message = format!(
                "'{}' is somebody in '{system}' and in '{other}': say whom you mean with --system",
                order.worker
            );
            return Err(Error::invalid(message).code("WorkerAmbiguous"));
        }
        Ok(Known {
            system,
            anchor: order.worker.clone(),
        })
    }

    async fn knowing(&self, order: &Order) -> Result<BTreeSet<String>> {
        let anchor = order.worker.clone();
        let knowing = self
            .store()
            .read(move |conn| forgetting::systems_knowing(conn, &anchor));
        let mut knowing = knowing.await?;
        if let Some(system) = &order.system {
            knowing.retain(|one| one == system);
        }
        Ok(knowing)
    }

    /// Whoever is not known may have been uploaded and not be taken in yet.
    async fn empty_inboxes(&self, order: &Order) -> Result<()> {
        for (system, reader) in self.sources() {
            if order.system.as_ref().is_some_and(|meant| *meant != system) {
                continue;
            }
            let name = system.clone();
            if self
                .store()
                .read(move |conn| uploads::waiting(conn, &name))
                .await?
                == 0
            {
                continue;
            }
            let job = reader.app.job.clone();
            let lease = desk::wait_for(self, &job, reader.call_timeout).await?;
            let token = lease.token;
            let leases = BTreeMap::from([(job.clone(), lease)]);
            let heard = self.hear_out(&leases, &system).await;
            drop(leases);
            self.store()
                .write(move |conn| jobs::release(conn, &job, token))
                .await?;
            heard?;
        }
        Ok(())
    }

    /// The systems that are read, each with one of the jobs that do.
    fn sources(&self) -> BTreeMap<String, Arc<Runner>> {
        let runners = self.runners();
        let source = |runner: &Arc<Runner>| (runner.app.source.clone(), Arc::clone(runner));
        runners.values().map(source).collect()
    }

    /// Forgets somebody. Error `JobBusy`: a job that knows the person is at work, and went on being so; `AccountStillEnabled`:
    /// somebody can sign in as the person, and nobody would put an end to that.
    pub async fn forget(&self, order: &Order) -> Result<Forgotten> {
        let whom = self.whom(order).await?;
        let mut leases = BTreeMap::new();
        let forgotten = self.forget_under(&mut leases, &whom, order).await;
        for (job, lease) in leases {
            let token = lease.token;
            drop(lease);
            self.store()
                .write(move |conn| jobs::release(conn, &job, token))
                .await?;
        }
        let mut forgotten = forgotten?;
        forgotten.files_clean = self.scour().await;
        self.wake_readers(&whom.system);
        Ok(forgotten)
    }

    async fn forget_under(
        &self,
        leases: &mut BTreeMap<String, Lease>,
        whom: &Known,
        order: &Order,
    ) -> Result<Forgotten> {
        let person = self.hold_still(leases, whom).await?;
        for one in &person {
            self.hear_out(leases, &one.system).await?;
        }
        let accounts = self.accounts(&person).await?;
        if let Some(open) = accounts.iter().find(|one| one.is_open() && !order.leave_enabled) {
            return Err(still_enabled(whom, open));
        }
        // What takes long is only read, so that nobody has to wait for it: the leases keep these people as they are.
        let known = person.clone();
        let looked = self.store().read(move |conn| {
            Ok((
                forgetting::signs(conn, &known)?,
                forgetting::others(conn, &known)?,
            ))
        });
        let (signs, left) = looked.await?;
        let tokens: Vec<(String, i64)> = leases
            .iter()
            .map(|(job, lease)| (job.clone(), lease.token))
            .collect();
        let origins = self.origins(leases.keys());
        let (first, author, now) = (whom.clone(), order.author.clone(), self.clock().now());
        let forgotten = self
            .store()
            .write(move |conn| {
                for (job, token) in &tokens {
                    jobs::fence(conn, job, *token)?;
                }
                let stub = |job: &str, pseudonym: &str| {
                    let origin = origins.get(job)?;
                    Some(log::forgotten(origin, pseudonym, now))
                };
                let mut all = Erased {
                    operations: forgetting::end_waiting(conn, &person, &signs, stub, now)?,
                    ..Erased::default()
                };
                for one in &person {
                    let erased = forgetting::erase(conn, one, stub, now)?;
                    forgetting::keep_stub(conn, &one.system, &author, erased.entries, now)?;
                    all = all.and(erased);
                }
                all.mentions = forgetting::blank(conn, &signs, now)?;
                Ok(told(&first, &person, all, &left))
            })
            .await?;
        Ok(Forgotten {
            accounts: accounts.iter().map(Account::of).collect(),
            ..forgotten
        })
    }

    /// The person's accounts; HR's own records are none.
    async fn accounts(&self, person: &BTreeSet<Known>) -> Result<Vec<Left>> {
        let person = person.clone();
        let left = self.store().read(move |conn| forgetting::left(conn, &person));
        let goes_home = |left: &Left| {
            let runner = self.runner(&left.job);
            runner.is_ok_and(|runner| runner.policy.model.record.is_some())
        };
        let left = left.await?.into_iter();
        Ok(left.filter(|one| !goes_home(one)).collect())
    }

    /// Takes the leases of all jobs that read what knows the person, and answers what that is.
    async fn hold_still(
        &self,
        leases: &mut BTreeMap<String, Lease>,
        whom: &Known,
    ) -> Result<BTreeSet<Known>> {
        loop {
            let first = whom.clone();
            let (person, readers) = self
                .store()
                .read(move |conn| {
                    let person = forgetting::everywhere(conn, &first)?;
                    let readers = readers(conn, &person)?;
                    Ok((person, readers))
                })
                .await?;
            let missing: Vec<String> = readers
                .into_iter()
                .filter(|job| !leases.contains_key(job))
                .collect();
            if missing.is_empty() {
                return Ok(person);
            }
            for job in missing {
                let call = self.runner(&job).map_or(NO_CALL, |runner| runner.call_timeout);
                let lease = desk::wait_for(self, &job, call).await?;
                leases.insert(job, lease);
            }
        }
    }

    /// What was uploaded may be about the person: it becomes workers first.
    async fn hear_out(&self, leases: &BTreeMap<String, Lease>, system: &str) -> Result<()> {
        let name = system.to_string();
        if self
            .store()
            .read(move |conn| uploads::waiting(conn, &name))
            .await?
            == 0
        {
            return Ok(());
        }
        for reader in self.readers(system) {
            if let Some(lease) = leases.get(&reader.app.job) {
                let runner = self.current(&reader.app.job).await?;
                let cx = self.context(&runner, lease.token, Uuid::now_v7()).await?;
                return hearing::hear_out(&cx).await;
            }
        }
        let message = format!(
            "uploads wait in the inbox of '{system}', and no app of this config reads it: name one that does, so that they are taken in first"
        );
        Err(Error::new(Kind::Conflict, message).code("UploadsWaiting"))
    }

    fn origins<'j>(&self, jobs: impl Iterator<Item = &'j String>) -> BTreeMap<String, Origin> {
        let cycle = Uuid::now_v7();
        jobs.filter_map(|job| {
            let runner = self.runner(job).ok()?;
            Some((job.clone(), origin(self, &runner, cycle, None)))
        })
        .collect()
    }

    /// Whether the files of an embedded database could be written anew.
    async fn scour(&self) -> bool {
        for _ in 0..SCOURINGS {
            match self.store().scour().await {
                Ok(()) => return true,
                Err(error) => tracing::warn!(%error, "the database is in use and is not written anew yet"),
            }
        }
        false
    }
}

fn readers(conn: &mut Conn, person: &BTreeSet<Known>) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for one in person {
        let readers = forgetting::readers(conn, &one.system)?;
        found.extend(readers.into_iter().map(|reader| reader.job));
    }
    found.extend(forgetting::callers(conn, person)?);
    Ok(found)
}

fn still_enabled(whom: &Known, open: &Left) -> Error {
    let name = open.address.as_deref().or(open.anchor.as_deref());
    let state = match open.enabled {
        Some(true) => "is enabled",
        _ => "may be enabled, since what was sent to it was never answered for",
    };
    let message = format!(
        "the account {} of worker {} in '{}' {state}, and of who is forgotten nobody disables it any more: have HR say first that the person has left, and wait until the account is disabled; or leave it as it is with --leave-enabled",
        name.unwrap_or("that was made last"),
        whom.anchor,
        open.system
    );
    Error::new(Kind::Conflict, message).code("AccountStillEnabled")
}

fn told(first: &Known, person: &BTreeSet<Known>, erased: Erased, left: &BTreeSet<Known>) -> Forgotten {
    let others = person.iter().filter(|one| *one != first);
    Forgotten {
        system: first.system.clone(),
        also_in: others.map(|one| one.system.clone()).collect(),
        records: erased.records,
        links: erased.links,
        log_entries: erased.entries,
        receipts: erased.receipts,
        operations: erased.operations,
        plans: erased.plans,
        names: erased.names,
        mentions: erased.mentions,
        left: left
            .iter()
            .map(|one| format!("{} in {}", one.anchor, one.system))
            .collect(),
        accounts: Vec::new(),
        files_clean: false,
    }
}
