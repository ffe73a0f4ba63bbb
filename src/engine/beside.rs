//! Several jobs over one target (B8): who owns an account, who is making it just now, and what the others write of it. It is
//! read before planning, and decided in the commit before anything is sent.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::subject::Subject;
use super::{Context, Engine, Runner};
use crate::domain::account::Account;
use crate::domain::link::Link;
use crate::domain::ownership::{self, Others};
use crate::domain::person;
use crate::domain::plan::{Absence, ChangeId, Effect, Planned};
use crate::domain::worker::Worker;
use crate::error::{Error, Kind, Result};
use crate::store::owners::{self, Claim, Key, Owner};
use crate::store::wakes::Cause;
use crate::store::{Conn, jobs, links, systems, wakes, workers};

/// How long after an account was made somebody else's search may not have seen it: the clocks of two replicas differ by less.
const UNSEEN: SignedDuration = SignedDuration::from_mins(1);

/// Where one worker's account stands among the jobs.
#[derive(Clone, Default)]
pub struct Share {
    pub others: Others,
    /// It is this job's already, as far as anybody asked.
    is_ours: bool,
    /// The job that had it and does not keep it.
    instead_of: Option<String>,
    /// It had it for another record of the person, which has ended (B20): it may be disabling the account just now.
    is_inherited: bool,
    /// The accounts were looked for from this instant on.
    pub searched: Timestamp,
}

impl Share {
    /// It is another job's until this look is recorded.
    pub fn takes_over(&self) -> bool {
        self.instead_of.is_some() && self.others.owner.is_none()
    }
}

impl Engine {
    /// The other jobs that write the same target, each as its newest schema has it.
    pub(super) async fn beside(&self, runner: &Runner) -> Vec<Arc<Runner>> {
        let others: Vec<Arc<Runner>> = {
            let runners = self.runners();
            let others = runners.values().filter(|other| is_beside(runner, other));
            others.cloned().collect()
        };
        let mut beside = Vec::with_capacity(others.len());
        for other in others {
            // One that cannot run any more goes on counting as what it was.
            beside.push(self.current(&other.app.job).await.unwrap_or(other));
        }
        beside
    }
}

fn is_beside(runner: &Runner, other: &Runner) -> bool {
    other.app.target == runner.app.target && other.app.job != runner.app.job
}

/// What the database says of a page.
#[derive(Default)]
struct Known {
    owners: HashMap<Key, Owner>,
    /// The links of other jobs to an account.
    sharing: HashMap<String, Vec<(String, Link)>>,
    /// The other jobs that do nothing before somebody starts them.
    resting: HashSet<String>,
}

/// Finds out what the other jobs have to do with everybody's account. An account of another person's is claimed, whichever job
/// knows it. The accounts were looked for from an instant on.
pub async fn look(
    cx: &Context,
    subjects: &mut [Subject],
    keys: &[Vec<(String, String)>],
    searched: Timestamp,
) -> Result<()> {
    if cx.beside.is_empty() {
        return Ok(());
    }
    let mut asked: Vec<Key> = Vec::new();
    for (subject, keys) in subjects.iter().zip(keys) {
        asked.extend(asks(subject, keys));
        if let several @ [_, _, ..] = subject.found.accounts.as_slice() {
            asked.extend(several.iter().map(|account| Key::account(&account.anchor)));
        }
    }
    let (target, job) = (cx.origin.target.clone(), cx.origin.job.clone());
    let jobs: Vec<String> = cx.beside.iter().map(|other| other.app.job.clone()).collect();
    let known = cx
        .store
        .read(move |conn| known(conn, &target, &job, &jobs, &asked))
        .await?;
    for (subject, keys) in subjects.iter_mut().zip(keys) {
        keep_theirs(cx, subject, &known);
        let asked = asks(subject, keys);
        share(cx, subject, &asked, &known, searched);
    }
    Ok(())
}

/// Of several accounts that carry the worker's number, the one that another job has for the same person is meant.
fn keep_theirs(cx: &Context, subject: &mut Subject, known: &Known) {
    if subject.link.is_some() || subject.found.accounts.len() < 2 {
        return;
    }
    let is_theirs = |account: &&Account| {
        let links = known.sharing.get(&account.anchor.0).into_iter().flatten();
        let mut theirs = links.filter(|(job, link)| is_same_person(cx, subject, job, link));
        theirs.next().is_some()
    };
    let mut theirs = subject.found.accounts.iter().filter(is_theirs);
    if let (Some(account), None) = (theirs.next().cloned(), theirs.next()) {
        subject.found.settle_on(account);
    }
}

/// The account that was found, and what one that is being made would be found by: it may be made already, and not known yet.
fn asks(subject: &Subject, keys: &[(String, String)]) -> Vec<Key> {
    let mut asked: Vec<Key> = match subject.found.accounts.as_slice() {
        [account] => vec![Key::account(&account.anchor)],
        _ => Vec::new(),
    };
    if subject.link.is_none() {
        let values = keys.iter();
        asked.extend(values.map(|(attribute, value)| Key::value(attribute, value)));
    }
    asked
}

fn known(conn: &mut Conn, target: &str, job: &str, jobs: &[String], asked: &[Key]) -> Result<Known> {
    let mut known = Known::default();
    for owner in owners::of(conn, target, job, asked)? {
        known.owners.insert(owner.key.clone(), owner);
    }
    let accounts = asked.iter().filter(|key| key.attribute.is_empty());
    let accounts: Vec<&str> = accounts.map(|key| key.value.as_str()).collect();
    known.resting = jobs::resting(conn, &super::texts(jobs))?;
    for (job, link) in links::sharing(conn, &super::texts(jobs), &accounts)? {
        let account = link.account.0.clone();
        known.sharing.entry(account).or_default().push((job, link));
    }
    Ok(known)
}

fn share(cx: &Context, subject: &mut Subject, asked: &[Key], known: &Known, searched: Timestamp) {
    let mut share = Share {
        searched,
        ..Share::default()
    };
    let mut owner = None;
    let mut rows: Vec<&Owner> = asked.iter().filter_map(|key| known.owners.get(key)).collect();
    // What an account was made by says nothing more once this job has it, or the one that made it lets it go.
    if let [account, ..] = rows.as_slice()
        && account.key.attribute.is_empty()
        && keeps(cx, subject, account, searched).is_none()
    {
        let (left, is_ours) = (account.job.clone(), account.job == cx.origin.job);
        rows.retain(|row| row.key.attribute.is_empty() || !is_ours && row.job != left);
    }
    for row in rows {
        if row.job == cx.origin.job {
            share.is_ours |= row.key.attribute.is_empty();
            continue;
        }
        match keeps(cx, subject, row, searched) {
            Some(runner) => {
                // What an account was made by says whose it is only for a while.
                share.others.unsettled |= owner.is_none() && !row.key.attribute.is_empty();
                owner = owner.or(Some((row, runner)));
            }
            None => {
                share.instead_of = Some(row.job.clone());
                share.others.unsettled |= row.writes;
                let runs = cx.beside.iter().any(|other| other.app.job == row.job);
                share.is_inherited = runs && row.worker != subject.worker.anchor;
            }
        }
    }
    if let Some((row, runner)) = owner {
        let told = ownership::Owner {
            app: runner.app.name.clone(),
            job: row.job.clone(),
            rests: known.resting.contains(&row.job) && (row.writes || row.key.attribute.is_empty()),
        };
        // As long as that one's may come, what was found is not known to be it.
        let is_coming = row.writes && !row.key.attribute.is_empty() && subject.link.is_none();
        let is_there = !subject.found.accounts.is_empty() && !is_coming;
        if subject.link.is_none() && is_another_person(cx, subject, row, runner) {
            subject.found.owner = Some(format!(
                "{} of the system '{}' (job {})",
                row.worker, runner.app.source, row.job
            ));
        } else if is_there {
            give_way(subject, row, searched);
            share.others.owner = Some(told);
        } else {
            share.others.maker = Some(told);
        }
    }
    let links = asked.iter().filter_map(|key| known.sharing.get(&key.value));
    // Whoever took an account over, or finds it without an owner, still has to know what the one before did to it.
    share.others.turned = links.flatten().any(|(job, link)| {
        let is_before = share.instead_of.as_ref() == Some(job);
        let is_left = || owner.is_none() && is_same_person(cx, subject, job, link);
        (is_before && link.wanted == Some(false)) || (link.disabled_by_us && (is_before || is_left()))
    });
    if !share.is_ours && (share.others.owner.is_some() || !ownership::may_own(&cx.runner.policy)) {
        share.others.written = written(cx, subject, asked, known);
    }
    subject.share = share;
}

/// Another job's link is that of this worker, or of another record of the same person.
fn is_same_person(cx: &Context, subject: &Subject, job: &str, link: &Link) -> bool {
    let other = cx.beside.iter().find(|other| other.app.job == job);
    let is_kin = || {
        let mut kin = subject.kin.iter();
        kin.any(|kin| kin.worker.anchor == link.worker)
    };
    other.is_some_and(|other| other.app.source == cx.origin.source)
        && (link.worker == subject.worker.anchor || is_kin())
}

/// B20: while the record for which another job has the account is at work, this one has nothing to say.
fn give_way(subject: &mut Subject, row: &Owner, now: Timestamp) {
    // A link that goes from one record to the next goes first.
    if subject.speaker.is_some() || subject.heir_of.is_some() {
        return;
    }
    let owner = subject.kin.iter().find(|kin| kin.worker.anchor == row.worker);
    if owner.is_some_and(|owner| person::gives_way(&subject.worker, &owner.worker, now)) {
        subject.speaker = Some(row.worker.clone());
    }
}

/// The job behind a row, if it still owns what the row says: it is configured, may own, stands by it, and has not let the person
/// go to this one by its scope.
fn keeps<'c>(cx: &'c Context, subject: &Subject, row: &Owner, searched: Timestamp) -> Option<&'c Runner> {
    let runner = cx.beside.iter().find(|other| other.app.job == row.job)?;
    let policy = &runner.policy;
    // Who makes an account holds on to what it will be found by, until everybody can have found it.
    if !row.key.attribute.is_empty() {
        let is_unseen = searched.duration_since(row.since) < UNSEEN;
        let is_owner = subject.found.accounts.is_empty() || ownership::may_own(policy);
        return (is_owner && (row.stands || is_unseen)).then_some(runner);
    }
    let is_let_go = ownership::may_own(&cx.runner.policy)
        && admits(&cx.runner, &subject.worker)
        && runner.app.source == cx.origin.source
        && (row.worker == subject.worker.anchor || succeeds(cx, subject, row, searched))
        && runner.policy.schema.scope.refuses(&subject.worker);
    (row.stands && ownership::may_own(policy) && !is_let_go).then_some(runner)
}

/// B20: the account goes along to the next record of the person, once the one for which the other job has it has ended and that
/// job is writing nothing.
fn succeeds(cx: &Context, subject: &Subject, row: &Owner, now: Timestamp) -> bool {
    let before = subject.kin.iter().find(|kin| kin.worker.anchor == row.worker);
    let policy = &cx.runner.policy;
    !row.writes && before.is_some_and(|kin| person::succeeds(policy, &subject.worker, &kin.worker, now))
}

fn admits(runner: &Runner, worker: &Worker) -> bool {
    runner.policy.schema.scope.lets_in(worker)
}

/// Anchors are (system, id): the same number in two systems is two people. A job that makes nobody's account takes the word of
/// what it matches by.
fn is_another_person(cx: &Context, subject: &Subject, row: &Owner, owner: &Runner) -> bool {
    if owner.app.source != cx.origin.source {
        return cx.runner.policy.schema.flow_types.add;
    }
    let is_kin = subject.kin.iter().any(|kin| kin.worker.anchor == row.worker);
    row.worker != subject.worker.anchor && !is_kin
}

/// What the others who are linked to the account write of it.
fn written(cx: &Context, subject: &Subject, asked: &[Key], known: &Known) -> BTreeMap<String, String> {
    let mut written = BTreeMap::new();
    let links = asked.iter().filter_map(|key| known.sharing.get(&key.value));
    for (job, link) in links.flatten() {
        let Some(other) = cx.beside.iter().find(|other| other.app.job == *job) else {
            continue;
        };
        let is_same = other.app.source == cx.origin.source && link.worker == subject.worker.anchor;
        if is_same && other.policy.schema.scope.refuses(&subject.worker) {
            continue;
        }
        for attribute in ownership::written(&other.policy) {
            written.insert(attribute.to_string(), other.app.name.clone());
        }
    }
    written
}

/// Why these workers, to whom others refer, have no account.
pub async fn absences(
    cx: &Context,
    missing: BTreeSet<String>,
    binned: &HashSet<String>,
) -> Result<HashMap<String, Absence>> {
    if missing.is_empty() {
        return Ok(HashMap::new());
    }
    let (source, anchors) = (cx.origin.source.clone(), missing.clone());
    let mut known = cx
        .store
        .read(move |conn| {
            let anchors: Vec<&str> = anchors.iter().map(String::as_str).collect();
            workers::load(conn, &source, &anchors)
        })
        .await?;
    let now = cx.clock.now();
    known.iter_mut().for_each(|worker| worker.turn_to(now));
    let known: HashMap<&str, &Worker> = known
        .iter()
        .map(|worker| (worker.anchor.as_str(), worker))
        .collect();
    let makes =
        |runner: &&Runner| runner.policy.schema.flow_types.add && runner.app.source == cx.origin.source;
    let absence = |to: &String| {
        let all = cx.beside.iter().map(Arc::as_ref).chain([cx.runner.as_ref()]);
        match known.get(to.as_str()) {
            _ if binned.contains(to) => Absence::InBin,
            None => Absence::Unknown,
            Some(worker) if !all.filter(makes).any(|runner| admits(runner, worker)) => Absence::OutOfScope,
            Some(_) => Absence::NoAccount,
        }
    };
    Ok(missing.iter().map(|to| (to.clone(), absence(to))).collect())
}

/// What has to be this job's before changes may be sent.
pub struct Claims {
    claims: Vec<(ChangeId, Vec<Claim>)>,
    /// Other jobs may want the same.
    is_contested: bool,
}

pub fn all_claims(cx: &Context, subjects: &[Subject]) -> Claims {
    let planned = subjects
        .iter()
        .filter_map(|subject| Some((subject, subject.planned.as_ref()?)));
    let claims = planned.map(|(subject, planned)| (planned.change.id, claims(cx, subject, planned)));
    Claims {
        claims: claims.filter(|(_, claims)| !claims.is_empty()).collect(),
        is_contested: !cx.beside.is_empty(),
    }
}

impl Claims {
    /// Makes them; answers the changes that somebody else was faster with.
    pub fn make(
        &self,
        conn: &mut Conn,
        target: &str,
        job: &str,
        now: Timestamp,
    ) -> Result<HashSet<ChangeId>> {
        if self.claims.is_empty() {
            return Ok(HashSet::new());
        }
        if self.is_contested {
            systems::lock(conn, target)?;
        }
        let all: Vec<Claim> = self
            .claims
            .iter()
            .flat_map(|(_, claims)| claims.clone())
            .collect();
        let taken = owners::claim(conn, target, job, &all, now)?;
        let is_lost = |claims: &[Claim]| claims.iter().any(|claim| taken.contains(&claim.key));
        let lost = self.claims.iter().filter(|(_, claims)| is_lost(claims));
        Ok(lost.map(|(id, _)| *id).collect())
    }
}

/// Why a change is planned anew.
pub fn overtaken() -> Error {
    let message = "another job has taken the account meanwhile, or is making it: it is looked at again";
    Error::new(Kind::Conflict, message).code("TakenByAnotherJob")
}

fn claims(cx: &Context, subject: &Subject, planned: &Planned) -> Vec<Claim> {
    if let Some(values) = planned.change.effects.iter().find_map(Effect::created) {
        let matching = cx.runner.policy.matching();
        let values =
            matching.filter_map(|mapping| Some((&mapping.target, values.get(&mapping.target)?.first()?)));
        let claim = |(attribute, value): (&String, &String)| claimed(subject, Key::value(attribute, value));
        return values.map(claim).collect();
    }
    let account = planned
        .situation
        .account()
        .filter(|_| !planned.change.effects.is_empty());
    account
        .and_then(|account| claim(cx, subject, planned, &Key::account(&account.anchor)))
        .into_iter()
        .collect()
}

/// The claim to an account that is found and nobody else's. One that is this job's already is claimed again where only its owner
/// may do what is to be done: another may have taken it over meanwhile.
fn claim(cx: &Context, subject: &Subject, planned: &Planned, key: &Key) -> Option<Claim> {
    let share = &subject.share;
    let is_due = match share.is_ours {
        true => ownership::is_owners(&planned.change.effects),
        false => share.others.owner.is_none() && planned.scope.is_ok(),
    };
    let is_wanted = is_due && !cx.beside.is_empty() && ownership::may_own(&cx.runner.policy);
    is_wanted.then(|| claimed(subject, key.clone()))
}

fn claimed(subject: &Subject, key: Key) -> Claim {
    Claim {
        key,
        worker: subject.worker.anchor.clone(),
        instead_of: subject.share.instead_of.clone(),
        waits: subject.share.is_inherited,
    }
}

/// What becomes of ownership when a look at a worker is recorded.
#[derive(Default)]
pub struct Settlement {
    /// Accounts that this job made: whoever had them by chance gives them up.
    pub made: Vec<Claim>,
    /// Accounts that it found.
    pub found: Vec<Claim>,
    /// Workers whose accounts are there.
    pub finished: Vec<String>,
    /// Workers without an account.
    pub without: Vec<String>,
    /// Whom other jobs have a reason to look at, since there is an account now: (job, worker).
    pub woken: Vec<(String, String)>,
}

impl Settlement {
    /// Tells the database, in the commit that records the page; `target` is locked where others may want the same.
    pub fn write(&self, conn: &mut Conn, target: &str, job: &str, now: Timestamp) -> Result<()> {
        owners::end(conn, job, &super::texts(&self.without))?;
        owners::finish(conn, job, &super::texts(&self.finished), now)?;
        owners::take(conn, target, job, &self.made, now)?;
        owners::claim(conn, target, job, &self.found, now)?;
        wake(conn, &self.woken, now)
    }

    /// Adds one worker, given the link as it is from now on, and whether an account may still be made by what was sent.
    pub fn add(
        &mut self,
        cx: &Context,
        subject: &Subject,
        planned: &Planned,
        link: Option<&Link>,
        may_arrive: bool,
    ) {
        let worker = &subject.worker.anchor;
        let was_sent =
            !planned.change.effects.is_empty() || !subject.unknown.is_empty() || !subject.marks.is_empty();
        let Some(link) = link else {
            if was_sent && !may_arrive {
                self.without.push(worker.clone());
            }
            return;
        };
        if was_sent {
            self.finished.push(worker.clone());
            self.woken.extend(heirs(cx, subject));
        }
        let is_new = subject.link.is_none() || subject.heir_of.is_some();
        let is_made = link.made && subject.link.is_none();
        let key = Key::account(&link.account);
        let may_own = ownership::may_own(&cx.runner.policy);
        let claim = match is_new {
            false => claim(cx, subject, planned, &key),
            true if may_own && (is_made || subject.share.others.owner.is_none()) => {
                Some(claimed(subject, key))
            }
            true => None,
        };
        if let Some(claim) = claim {
            self.woken.extend(both(cx, &claim));
            match is_made {
                true => self.made.push(claim),
                false => self.found.push(claim),
            }
        }
        if is_new {
            self.woken.extend(others_who_wait(cx, &subject.worker));
        }
    }
}

/// When an account goes from one job to another, both look once more: since this was read HR may have given the person back, and the
/// job before may have done what it had in hand.
fn both(cx: &Context, claim: &Claim) -> Vec<(String, String)> {
    let mut others = cx.beside.iter();
    let before = others.find(|other| {
        claim.instead_of.as_ref() == Some(&other.app.job) && other.app.source == cx.origin.source
    });
    let jobs = before.map(|before| [before.app.job.clone(), cx.origin.job.clone()]);
    let jobs = jobs.into_iter().flatten();
    jobs.map(|job| (job, claim.worker.clone())).collect()
}

/// The other jobs that read the same record and have to do with its account.
fn others_who_wait(cx: &Context, worker: &Worker) -> Vec<(String, String)> {
    let others = cx.beside.iter().filter(|other| {
        other.app.source == cx.origin.source && other.policy.schema.flow_types.update && admits(other, worker)
    });
    others
        .map(|other| (other.app.job.clone(), worker.anchor.clone()))
        .collect()
}

/// Other jobs' records of the same person, to which the account of one that has ended goes (B20): until what was sent had an outcome
/// they left it alone, and it may be disabled by now.
fn heirs(cx: &Context, subject: &Subject) -> Vec<(String, String)> {
    let now = cx.clock.now();
    let same =
        |other: &&Arc<Runner>| other.app.source == cx.origin.source && ownership::may_own(&other.policy);
    let mut heirs = Vec::new();
    for other in cx.beside.iter().filter(same) {
        let kin = subject.kin.iter().map(|kin| &kin.worker);
        let next = kin.filter(|kin| person::succeeds(&other.policy, kin, &subject.worker, now));
        heirs.extend(next.map(|kin| (other.app.job.clone(), kin.anchor.clone())));
    }
    heirs
}

/// Wakes workers of other jobs: a reason to look is nobody's data, and needs no lease of theirs.
pub fn wake(conn: &mut Conn, woken: &[(String, String)], now: Timestamp) -> Result<()> {
    let mut by_job: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (job, worker) in woken {
        by_job.entry(job).or_default().insert(worker);
    }
    for (job, workers) in by_job {
        let workers: Vec<&str> = workers.into_iter().collect();
        wakes::wake(conn, job, &workers, now, Cause::Reference)?;
    }
    Ok(())
}
