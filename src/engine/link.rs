//! Joins that a person makes (B9): whose account is whose, where matching cannot know. All of them, or none.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use uuid::Uuid;

use super::desk::Desk;
use super::{Engine, reconcile, texts};
use crate::connector::Lookup;
use crate::domain::account::{Account, Anchor};
use crate::domain::dn;
use crate::domain::link::Link;
use crate::domain::matching;
use crate::domain::plan::Change;
use crate::error::{Error, Kind, Result};
use crate::store::jobs::{self, Reviewed};
use crate::store::reviews;
use crate::store::wakes::{self, Cause};
use crate::store::{changes, links, workers};

/// What people write for: none of the accounts that are there.
const NONE: &str = "-";

/// One line of what a person says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Where it was said, for who corrects it.
    pub line: u64,
    /// HR's own key.
    pub worker: String,
    /// The account's anchor, its DN, or a name that it alone has (userPrincipalName, sAMAccountName, mail); `-` for none: the
    /// worker is not who seems to have one.
    pub account: String,
}

/// What became of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    pub worker: String,
    /// The account's readable address; nothing where the worker has none of them.
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Anchor>,
    /// It was so before.
    pub already: bool,
}

impl Engine {
    /// Makes these joins in one commit. What comes of them waits for its review where the job's first cycle does. Error
    /// `LinksRefused`, with every line that cannot be: nothing is joined then.
    pub async fn join(&self, job: &str, joins: &[Join]) -> Result<Vec<Joined>> {
        let desk = Desk::open(self, job).await?;
        let joined = desk.join(joins).await;
        desk.close(self).await?;
        let joined = joined?;
        self.wake(job);
        Ok(joined)
    }
}

impl Desk {
    async fn join(&self, joins: &[Join]) -> Result<Vec<Joined>> {
        let mut wrong: BTreeMap<u64, String> = twice(joins);
        self.check_workers(joins, &mut wrong).await?;
        self.check_answered(joins, &mut wrong).await?;
        self.check_apart(joins, &mut wrong).await?;
        let accounts = self.accounts_of(joins, &mut wrong).await?;
        self.check_owners(joins, &accounts, &mut wrong).await?;
        if !wrong.is_empty() {
            let lines: Vec<String> = wrong
                .iter()
                .map(|(line, problem)| format!("line {line}: {problem}"))
                .collect();
            let message = format!("nobody was joined:\n{}", lines.join("\n"));
            return Err(Error::new(Kind::Invalid, message).code("LinksRefused"));
        }
        self.keep_links(joins, accounts).await
    }

    async fn check_workers(&self, joins: &[Join], wrong: &mut BTreeMap<u64, String>) -> Result<()> {
        let source = self.cx.origin.source.clone();
        let anchors: Vec<String> = joins.iter().map(|join| join.worker.clone()).collect();
        let known = self
            .cx
            .store
            .read(move |conn| workers::load(conn, &source, &texts(&anchors)))
            .await?;
        for join in joins {
            if !known.iter().any(|worker| worker.anchor == join.worker) {
                let problem = format!(
                    "HR has said nothing of a worker {}: name people by HR's own key",
                    join.worker
                );
                wrong.entry(join.line).or_insert(problem);
            }
        }
        Ok(())
    }

    /// Whose account is being made gets no other one: nobody would look for what comes of it (B26).
    async fn check_answered(&self, joins: &[Join], wrong: &mut BTreeMap<u64, String>) -> Result<()> {
        let (job, now) = (self.cx.origin.job.clone(), self.cx.clock.now());
        let anchors: Vec<String> = joins.iter().map(|join| join.worker.clone()).collect();
        let making = self.cx.store.write(move |conn| {
            let sent = changes::unknown(conn, &job, &texts(&anchors))?.into_iter();
            let creates = sent.map(|sent| sent.change).filter(Change::creates);
            let workers: HashSet<String> = creates.map(|change| change.worker).collect();
            // Somebody waits for what came of it.
            let woken: Vec<&str> = workers.iter().map(String::as_str).collect();
            wakes::wake(conn, &job, &woken, now, Cause::Retry)?;
            Ok(workers)
        });
        let making = making.await?;
        for join in joins.iter().filter(|join| making.contains(&join.worker)) {
            let problem = format!(
                "an account was sent for, for worker {}, and the target never answered: the job is finding out what came of that, so try again in some minutes",
                join.worker
            );
            wrong.entry(join.line).or_insert(problem);
        }
        Ok(())
    }

    /// That a worker has none of the accounts that are there is said of who seems to have one, or was given one by hand. What
    /// matching finds it would find again.
    async fn check_apart(&self, joins: &[Join], wrong: &mut BTreeMap<u64, String>) -> Result<()> {
        let (job, source) = (self.cx.origin.job.clone(), self.cx.origin.source.clone());
        let apart = joins.iter().filter(|join| is_none(&join.account));
        let apart: Vec<&Join> = apart.collect();
        let anchors: Vec<String> = apart.iter().map(|join| join.worker.clone()).collect();
        let known = self.cx.store.read(move |conn| {
            let anchors = texts(&anchors);
            let linked = links::by_workers(conn, &job, &anchors)?.into_iter();
            let waiting = reviews::of(conn, &job, &anchors)?.into_iter();
            let waiting = waiting.map(|review| review.worker);
            let concerned: Vec<String> = linked.map(|link| link.worker).chain(waiting).collect();
            Ok((concerned, workers::load(conn, &source, &anchors)?))
        });
        let (concerned, people) = known.await?;
        for join in apart.iter().filter(|join| !concerned.contains(&join.worker)) {
            let problem = format!(
                "worker {} has no account and waits for no review: there is nothing to take from him or her",
                join.worker
            );
            wrong.entry(join.line).or_insert(problem);
        }
        let (policy, moment) = (&self.cx.runner.policy, reconcile::moment(self.cx.clock.now()));
        let mut asked: Vec<(&Join, Lookup)> = Vec::new();
        for join in &apart {
            let worker = people.iter().find(|worker| worker.anchor == join.worker);
            let keys = worker.map(|worker| matching::keys(policy, worker, &moment));
            asked.extend(keys.into_iter().flatten().map(|(mapping, value)| {
                let attribute = mapping.target.clone();
                (*join, Lookup::Match { attribute, value })
            }));
        }
        let lookups: Vec<Lookup> = asked.iter().map(|(_, lookup)| lookup.clone()).collect();
        let found = self.session().find(&lookups).await?;
        for ((join, lookup), found) in asked.iter().zip(found) {
            if let (Lookup::Match { attribute, value }, Some(account)) = (lookup, found.first()) {
                let problem = format!(
                    "{} has worker {}'s {attribute}, '{value}', so matching would find it again: correct {attribute} on that account first",
                    account.address, join.worker
                );
                wrong.entry(join.line).or_insert(problem);
            }
        }
        Ok(())
    }

    /// The account that each line means; `joins[i]` is answered by `accounts[i]`.
    async fn accounts_of(
        &self,
        joins: &[Join],
        wrong: &mut BTreeMap<u64, String>,
    ) -> Result<Vec<Option<Account>>> {
        let model = &self.cx.runner.policy.model;
        let questions: Vec<Vec<Lookup>> = joins
            .iter()
            .map(|join| lookups(&join.account, model.identifying, model.name))
            .collect();
        let all: Vec<Lookup> = questions.iter().flatten().cloned().collect();
        let mut answers = self.session().find(&all).await?.into_iter();
        let mut accounts = Vec::with_capacity(joins.len());
        for (join, asked) in joins.iter().zip(&questions) {
            let found = answers.by_ref().take(asked.len()).flatten();
            let mut found: Vec<Account> = found.filter(|account| is_meant(&join.account, account)).collect();
            found.sort_by(|one, other| one.anchor.cmp(&other.anchor));
            found.dedup_by(|one, other| one.anchor == other.anchor);
            let problem = match (is_none(&join.account), found.as_slice()) {
                (true, _) | (false, [_]) => None,
                (false, []) => Some(format!(
                    "no account is called {}: use its anchor, its DN, or one of {}",
                    join.account,
                    model.identifying.join(", ")
                )),
                (false, several) => Some(format!(
                    "{} accounts are called {}: name one by its anchor",
                    several.len(),
                    join.account
                )),
            };
            let problem = problem.or_else(|| {
                let account = found.first()?;
                account.protected.map(|protection| {
                    format!(
                        "{} is protected ({protection:?}) and is nobody's",
                        account.address
                    )
                })
            });
            if let Some(problem) = problem {
                wrong.entry(join.line).or_insert(problem);
            }
            accounts.push(found.into_iter().next());
        }
        Ok(accounts)
    }

    /// Nobody's account is taken from him, unless the same file gives him another.
    async fn check_owners(
        &self,
        joins: &[Join],
        accounts: &[Option<Account>],
        wrong: &mut BTreeMap<u64, String>,
    ) -> Result<()> {
        let job = self.cx.origin.job.clone();
        let anchors: Vec<String> = accounts
            .iter()
            .flatten()
            .map(|one| one.anchor.0.clone())
            .collect();
        let owners = self
            .cx
            .store
            .read(move |conn| links::owners(conn, &job, &texts(&anchors)))
            .await?;
        let owners: HashMap<String, String> = owners.into_iter().collect();
        let mut given: HashMap<&Anchor, &Join> = HashMap::new();
        for (join, account) in joins.iter().zip(accounts) {
            let Some(account) = account else { continue };
            if let Some(other) = given.insert(&account.anchor, join) {
                let problem = format!("line {} has the same account, for {}", other.line, other.worker);
                wrong.entry(join.line).or_insert(problem);
            }
            let owner = owners
                .get(&account.anchor.0)
                .filter(|owner| **owner != join.worker);
            let moves = |owner: &&String| joins.iter().any(|other| other.worker == **owner);
            if let Some(owner) = owner.filter(|owner| !moves(owner)) {
                let problem = format!(
                    "{} is worker {owner}'s: say in another line whose account {owner} has",
                    account.address
                );
                wrong.entry(join.line).or_insert(problem);
            }
        }
        Ok(())
    }

    async fn keep_links(&self, joins: &[Join], accounts: Vec<Option<Account>>) -> Result<Vec<Joined>> {
        let (job, token, now) = (self.cx.origin.job.clone(), self.cx.token, self.cx.clock.now());
        let pairs: Vec<(String, Option<Account>)> = joins
            .iter()
            .map(|join| join.worker.clone())
            .zip(accounts)
            .collect();
        self.cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &job, token)?;
                let is_new = !reviews::is_linked_beyond(conn, &job)?;
                let anchors: Vec<&str> = pairs.iter().map(|(worker, _)| worker.as_str()).collect();
                let before: HashMap<String, Link> = links::by_workers(conn, &job, &anchors)?
                    .into_iter()
                    .map(|link| (link.worker.clone(), link))
                    .collect();
                let is_so = |worker: &String, account: &Option<Account>| {
                    before.get(worker).map(|link| &link.account)
                        == account.as_ref().map(|account| &account.anchor)
                };
                let mut new = Vec::new();
                for (worker, account) in pairs.iter().filter(|(worker, account)| !is_so(worker, account)) {
                    links::delete(conn, &job, worker)?;
                    new.extend(account.as_ref().map(|account| Link::joined(worker, account)));
                }
                links::insert(conn, &job, &new)?;
                let apart: Vec<&str> = pairs
                    .iter()
                    .filter(|(_, account)| account.is_none())
                    .map(|(worker, _)| worker.as_str())
                    .collect();
                reviews::set_apart(conn, &job, &apart)?;
                // A new job that is told whose accounts these are has something to trample: its first cycle is read.
                let status = jobs::find(conn, &job)?.map(|job| job.status);
                if is_new && status.is_some_and(|status| status.first_cycle == Reviewed::NotYet) {
                    jobs::update_status(conn, &job, |status| {
                        status.first_cycle = Reviewed::Waits {
                            since: now,
                            examples: Vec::new(),
                        };
                    })?;
                }
                wakes::wake(conn, &job, &anchors, now, Cause::Retry)?;
                let joined = pairs.iter().map(|(worker, account)| Joined {
                    worker: worker.clone(),
                    account: account.as_ref().map(|account| account.address.clone()),
                    anchor: account.as_ref().map(|account| account.anchor.clone()),
                    already: is_so(worker, account),
                });
                Ok(joined.collect())
            })
            .await
    }
}

/// Workers about whom two lines say something.
fn twice(joins: &[Join]) -> BTreeMap<u64, String> {
    let mut first: HashMap<&str, u64> = HashMap::new();
    let mut wrong = BTreeMap::new();
    for join in joins {
        if let Some(line) = first.insert(&join.worker, join.line) {
            wrong.insert(
                join.line,
                format!("line {line} is about the same worker {}", join.worker),
            );
        }
    }
    wrong
}

fn is_none(account: &str) -> bool {
    account == NONE
}

/// How the target is asked for what a person calls an account.
fn lookups(account: &str, identifying: &[&str], own_name: Option<&str>) -> Vec<Lookup> {
    if account.is_empty() || is_none(account) {
        return Vec::new();
    }
    let by = |attribute: &str, value: &str| Lookup::Match {
        attribute: attribute.to_string(),
        value: value.to_string(),
    };
    if Uuid::parse_str(account).is_ok() {
        return vec![Lookup::Anchor(Anchor(account.to_lowercase()))];
    }
    if let (Some(own), true, Some(value)) =
        (own_name, dn::Dn::parse(account).is_some(), dn::own_name(account))
    {
        return vec![by(own, &value)];
    }
    let names = identifying.iter().filter(|name| Some(**name) != own_name);
    names.map(|name| by(name, account)).collect()
}

/// Of the accounts that have the same name in other containers, the one with this DN.
fn is_meant(written: &str, account: &Account) -> bool {
    match dn::Dn::parse(written) {
        Some(_) => dn::same(written, &account.address),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_called_by_its_anchor_its_place_or_its_names() {
        let names = &["cn", "userPrincipalName", "mail"];
        let asked = |account: &str| lookups(account, names, Some("cn"));
        let by = |attribute: &str, value: &str| Lookup::Match {
            attribute: attribute.into(),
            value: value.into(),
        };
        let anchor = "83F0156C-3222-407e-939c-56677831d525";
        assert_eq!(asked(anchor), [Lookup::Anchor(Anchor(anchor.to_lowercase()))]);
        assert_eq!(
            asked("CN=Ada\\, King,OU=Staff,DC=example,DC=test"),
            [by("cn", "Ada, King")]
        );
        assert_eq!(
            asked("ada@example.test"),
            [
                by("userPrincipalName", "ada@example.test"),
                by("mail", "ada@example.test")
            ]
        );
        assert_eq!(asked("-"), []);
        assert_eq!(asked(""), []);
    }
}
