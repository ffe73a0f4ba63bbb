//! A page of workers: facts are gathered for all of them at once, then each is planned.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::accounts::Accounts;
use super::beside;
use super::kindred::Kindred;
use super::review;
use super::subject::{Page, Subject};
use super::{Context, Runner, given, unanswered};
use crate::connector::Lookup;
use crate::domain::account::Anchor;
use crate::domain::guard::{Action, Budget};
use crate::domain::handover::Handover;
use crate::domain::hold::digest;
use crate::domain::link::{Link, Situation};
use crate::domain::matching;
use crate::domain::plan::{self, Effect, Facts, Moment};
use crate::domain::policy::Policy;
use crate::domain::worker::Worker;
use crate::error::Result;
use crate::store::changes::{self, Sent};
use crate::store::escrows::{self, Escrow};
use crate::store::reviews::{self, Review};
use crate::store::uploads::{self, Place};
use crate::store::wakes::Wake;
use crate::store::{self, Conn, guard, handovers, holds, links, owners, workers};

/// Links that the page before made and ended; the store may not know of it yet.
#[derive(Default)]
pub struct Recent {
    accounts: HashMap<String, Anchor>,
    owners: HashMap<Anchor, String>,
    ended: HashSet<String>,
}

impl Recent {
    pub fn new(links: Vec<Link>, ended: Vec<String>) -> Recent {
        let pairs = || {
            links
                .iter()
                .map(|link| (link.worker.clone(), link.account.clone()))
        };
        Recent {
            accounts: pairs().collect(),
            owners: pairs().map(|(worker, account)| (account, worker)).collect(),
            ended: ended.into_iter().collect(),
        }
    }
}

/// Reads what the store knows of everybody on the page.
pub async fn load(cx: &Context, due: Vec<Wake>) -> Result<Page> {
    let (job, system) = (cx.origin.job.clone(), cx.origin.source.clone());
    let memory = given::Side::of(&cx.runner);
    cx.store
        // As of one instant: whoever sees a word of HR's sees the operation that it came with.
        .read(move |conn| store::snapshot(conn, |conn| load_in(conn, &job, &system, &due, &memory)))
        .await
}

fn load_in(conn: &mut Conn, job: &str, system: &str, due: &[Wake], memory: &given::Side) -> Result<Page> {
    let anchors: Vec<&str> = due.iter().map(|wake| wake.anchor.as_str()).collect();
    let mut places: HashMap<String, Vec<Place>> = HashMap::new();
    for place in uploads::pending(conn, job, &anchors)? {
        places.entry(place.anchor.clone()).or_default().push(place);
    }
    let known = workers::load(conn, system, &anchors)?;
    let mut known: HashMap<String, Worker> = known
        .into_iter()
        .map(|worker| (worker.anchor.clone(), worker))
        .collect();
    let mut linked: HashMap<String, Link> = links::by_workers(conn, job, &anchors)?
        .into_iter()
        .map(|link| (link.worker.clone(), link))
        .collect();
    let mut held: HashMap<String, Vec<(Action, bool)>> = HashMap::new();
    for (worker, action, released) in guard::held(conn, job, &anchors)? {
        held.entry(worker).or_default().push((action, released));
    }
    let mut escrows: HashMap<String, Escrow> = escrows::of(conn, job, &anchors)?
        .into_iter()
        .map(|escrow| (escrow.worker.clone(), escrow))
        .collect();
    let mut unknown: HashMap<String, Vec<Sent>> = HashMap::new();
    for sent in changes::unknown(conn, job, &anchors)? {
        unknown.entry(sent.change.worker.clone()).or_default().push(sent);
    }
    let mut given = memory.load(conn, &anchors, &linked)?;
    let mut handovers: HashMap<String, Handover> = handovers::of(conn, job, &anchors)?.into_iter().collect();
    let mut held_by_people: HashSet<String> = HashSet::new();
    for (_, hold) in holds::of(conn, &[job], &anchors)? {
        held_by_people.extend(hold.worker);
    }
    let reviews = reviews::of(conn, job, &anchors)?.into_iter();
    let mut reviews: HashMap<String, Review> = reviews.map(|one| (one.worker.clone(), one)).collect();
    let mut told = links::told(conn, job, &anchors)?;
    let kin = Kindred::load(conn, job, system, known.values())?;
    let mut page = Page::default();
    for wake in due {
        let Some(mut worker) = known.remove(&wake.anchor) else {
            page.vanished.push(wake.clone());
            continue;
        };
        let others = kin.of(&worker).unwrap_or_else(|finding| {
            worker.findings.push(finding);
            Vec::new()
        });
        page.subjects.push(Subject {
            link: linked.remove(&wake.anchor),
            kin: others,
            places: places.remove(&wake.anchor).unwrap_or_default(),
            held_before: held.remove(&wake.anchor).unwrap_or_default(),
            escrow: escrows.remove(&wake.anchor),
            unknown: unknown.remove(&wake.anchor).unwrap_or_default(),
            told: told.remove(&wake.anchor),
            given: given.remove(&wake.anchor).unwrap_or_default(),
            handover: handovers.remove(&wake.anchor),
            said: match held_by_people.contains(&wake.anchor) {
                true => digest(&worker),
                false => String::new(),
            },
            review: reviews.remove(&wake.anchor),
            ..Subject::new(wake.clone(), worker)
        });
    }
    Ok(page)
}

/// Finds everybody's account: by link, else by matching attribute, the most trusted first.
pub async fn find(
    cx: &Context,
    accounts: &Accounts<'_>,
    subjects: &mut [Subject],
    moment: &Moment,
    recent: &Recent,
) -> Result<()> {
    let policy = &cx.runner.policy;
    references(cx, subjects, moment, recent).await?;
    outlived(cx, accounts, subjects).await?;
    let mut keys: Vec<Vec<(String, String)>> = subjects
        .iter()
        .map(|subject| keys_of(policy, subject, moment))
        .collect();
    search(cx, accounts, subjects, &keys, |_| true).await?;
    let mut again = unanswered::deleted(policy, subjects);
    if policy.settings.recreate {
        again.extend(lost(cx, subjects, moment).await?);
    }
    for at in &again {
        keys[*at] = keys_of(policy, &subjects[*at], moment);
    }
    search(cx, accounts, subjects, &keys, |at| again.contains(&at)).await?;
    unanswered::find(cx, accounts, subjects).await?;
    beside::look(cx, subjects, &keys, moment.now).await?;
    owners(cx, subjects, recent).await?;
    rivals(policy, subjects, &keys, moment);
    Ok(())
}

/// By what somebody's account is found who has no link.
fn keys_of(policy: &Policy, subject: &Subject, moment: &Moment) -> Vec<(String, String)> {
    if subject.link.is_some() {
        return Vec::new();
    }
    let keys = matching::keys(policy, &subject.worker, moment).into_iter();
    keys.map(|(mapping, value)| (mapping.target.clone(), value))
        .collect()
}

/// Asks for the accounts of those who are wanted, in as many rounds as somebody has keys.
async fn search(
    cx: &Context,
    accounts: &Accounts<'_>,
    subjects: &mut [Subject],
    keys: &[Vec<(String, String)>],
    is_wanted: impl Fn(usize) -> bool,
) -> Result<()> {
    for round in 0.. {
        let mut asked = Vec::new();
        let mut lookups = Vec::new();
        for (at, subject) in subjects.iter_mut().enumerate().filter(|(at, _)| is_wanted(*at)) {
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
        let answers = accounts.find(cx, &lookups).await?;
        for (at, mut accounts) in asked.into_iter().zip(answers) {
            let found = &mut subjects[at].found;
            found.twins = cx.runner.policy.settings.twins.single_out(&mut accounts);
            found.accounts = accounts;
        }
    }
    Ok(())
}

/// B10: ends the links to accounts that are gone, where HR has spoken of their people since, and later than the controllers take
/// to agree. Gives whose those were: they are matched anew.
async fn lost(cx: &Context, subjects: &mut [Subject], moment: &Moment) -> Result<Vec<usize>> {
    let is_gone = |subject: &Subject| subject.link.is_some() && subject.found.accounts.is_empty();
    let mut gone: Vec<usize> = (0..subjects.len()).filter(|at| is_gone(&subjects[*at])).collect();
    gone.retain(|at| plan::wants_account(&cx.runner.policy, &subjects[*at].worker, moment));
    if gone.is_empty() {
        return Ok(gone);
    }
    let (job, source, target) = (
        cx.origin.job.clone(),
        cx.origin.source.clone(),
        cx.origin.target.clone(),
    );
    let links = gone.iter().filter_map(|at| subjects[*at].link.as_ref());
    let (anchors, workers): (Vec<Anchor>, Vec<String>) = links
        .map(|link| (link.account.clone(), link.worker.clone()))
        .unzip();
    let (since, said) = cx
        .store
        .read(move |conn| {
            let since = owners::since(conn, &target, &job, &anchors)?;
            let workers: Vec<&str> = workers.iter().map(String::as_str).collect();
            Ok((since, workers::changed(conn, &source, &workers)?))
        })
        .await?;
    let since: HashMap<Anchor, Timestamp> = since.into_iter().collect();
    let delay = SignedDuration::try_from(cx.runner.replication_delay).unwrap_or(SignedDuration::ZERO);
    gone.retain(|at| {
        let subject = &subjects[*at];
        let owned = subject.link.as_ref().and_then(|link| since.get(&link.account));
        let said = said.get(&subject.worker.anchor);
        owned
            .zip(said)
            .is_some_and(|(owned, said)| said.duration_since(*owned) > delay)
    });
    for at in &gone {
        subjects[*at].outlived = subjects[*at].link.take().map(|link| link.account);
    }
    Ok(gone)
}

/// Links to accounts that we deleted end when the bin is emptied: whoever returns after that is matched anew.
async fn outlived(cx: &Context, accounts: &Accounts<'_>, subjects: &mut [Subject]) -> Result<()> {
    let deleted: Vec<(usize, Lookup)> = subjects
        .iter()
        .enumerate()
        .filter_map(|(at, subject)| {
            let link = subject.link.as_ref().filter(|link| link.is_deleted_by_us())?;
            Some((at, Lookup::Anchor(link.account.clone())))
        })
        .collect();
    if deleted.is_empty() {
        return Ok(());
    }
    let (places, lookups): (Vec<usize>, Vec<Lookup>) = deleted.into_iter().unzip();
    for (at, found) in places.into_iter().zip(accounts.find(cx, &lookups).await?) {
        if found.is_empty() {
            let link = subjects[at].link.take();
            subjects[at].outlived = link.map(|link| link.account);
        }
    }
    Ok(())
}

/// The accounts of everybody that somebody on the page refers to, whichever job between these two systems knows them.
async fn references(cx: &Context, subjects: &mut [Subject], moment: &Moment, recent: &Recent) -> Result<()> {
    let wanted: Vec<Vec<String>> = subjects
        .iter()
        .map(|subject| plan::references(&cx.runner.policy, &subject.worker, moment))
        .collect();
    let all: BTreeSet<String> = wanted.iter().flatten().cloned().collect();
    if all.is_empty() {
        return Ok(());
    }
    let (source, target) = (cx.origin.source.clone(), cx.origin.target.clone());
    let own = cx.origin.job.clone();
    let found = cx
        .store
        .read(move |conn| {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            let linked = links::of_workers(conn, &source, &target, &all)?;
            // Who waits for a review is nobody's yet, and can be pointed at all the same.
            Ok((linked, reviews::accounts(conn, &own, &all)?))
        })
        .await?;
    let (found, reviewed) = found;
    let (job, bin) = (&cx.origin.job, cx.runner.policy.model.bin);
    let (mut accounts, mut binned) = (recent.accounts.clone(), HashSet::new());
    // What this job knows goes first.
    let (own, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(of, _)| of == job);
    let own = own
        .into_iter()
        .filter(|(_, link)| !recent.ended.contains(&link.worker));
    for (_, link) in own.chain(others) {
        match link.is_in_bin(bin) {
            true => drop(binned.insert(link.worker)),
            false => drop(accounts.entry(link.worker).or_insert(link.account)),
        }
    }
    for (worker, account) in reviewed {
        accounts.entry(worker).or_insert(Anchor(account));
    }
    let missing = wanted.iter().flatten().filter(|to| !accounts.contains_key(*to));
    let missing: BTreeSet<String> = missing.cloned().collect();
    let absent = beside::absences(cx, missing, &binned).await?;
    for (subject, wanted) in subjects.iter_mut().zip(wanted) {
        let there = wanted
            .iter()
            .filter_map(|to| Some((to.clone(), accounts.get(to)?.clone())));
        subject.references = there.collect();
        let absences = wanted
            .iter()
            .filter_map(|to| Some((to.clone(), *absent.get(to)?)));
        subject.absent = absences.collect();
    }
    Ok(())
}

/// Whose the only candidates are, where other workers of this job have them.
async fn owners(cx: &Context, subjects: &mut [Subject], recent: &Recent) -> Result<()> {
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
    let job = cx.origin.job.clone();
    let owners: HashMap<String, String> = cx
        .store
        .read(move |conn| {
            let candidates: Vec<&str> = candidates.iter().map(String::as_str).collect();
            links::owners(conn, &job, &candidates)
        })
        .await?
        .into_iter()
        .collect();
    for subject in subjects.iter_mut().filter(|subject| subject.link.is_none()) {
        if let [account] = subject.found.accounts.as_slice() {
            let owner = owners
                .get(&account.anchor.0)
                .or_else(|| recent.owners.get(&account.anchor));
            if let Some(owner) = owner.filter(|owner| **owner != subject.worker.anchor) {
                subject.found.owner = Some(owner.clone());
            }
        }
    }
    Ok(())
}

/// Workers of one page who would all take the same account, or all make one by the same value: one goes on, the others are told whose
/// it is. Whoever works here goes first, and then whoever is there at all; who is gone, out of sight or forgotten makes none, and who
/// is out of scope takes nothing from anybody.
fn rivals(policy: &Policy, subjects: &mut [Subject], keys: &[Vec<(String, String)>], moment: &Moment) {
    let mut takers: HashMap<(String, String), Vec<usize>> = HashMap::new();
    for (at, (subject, keys)) in subjects.iter().zip(keys).enumerate() {
        let worker = &subject.worker;
        let takes = subject.link.is_none() && subject.found.owner.is_none() && subject.speaker.is_none();
        if !takes || !policy.schema.scope.lets_in(worker) {
            continue;
        }
        let place = match (subject.found.accounts.as_slice(), keys.first()) {
            ([account], _) => (String::new(), account.anchor.0.clone()),
            ([], Some((attribute, value))) if !is_past(worker) => (attribute.clone(), value.to_lowercase()),
            _ => continue,
        };
        takers.entry(place).or_default().push(at);
    }
    for mut rivals in takers.into_values().filter(|takers| takers.len() > 1) {
        // What somebody's own create may have made is theirs.
        let makes = |subject: &Subject| subject.unknown.iter().any(|sent| sent.change.creates());
        rivals.sort_by_key(|at| {
            let subject = &subjects[*at];
            (!makes(subject), turn(policy, &subject.worker, moment))
        });
        let first = subjects[rivals[0]].worker.anchor.clone();
        for at in &rivals[1..] {
            subjects[*at].found.owner = Some(first.clone());
        }
    }
}

fn is_past(worker: &Worker) -> bool {
    worker.gone.or(worker.hidden).or(worker.shrunk).is_some()
}

/// The lower, the sooner an account is somebody's.
fn turn(policy: &Policy, worker: &Worker, moment: &Moment) -> (bool, bool) {
    (is_past(worker), !plan::works_here(policy, worker, moment))
}

/// Plans and judges everybody on the page.
pub fn plan_page(runner: &Runner, page: &mut Page, moment: &Moment) {
    let policy = &*runner.policy;
    let recoverable = runner.target.capability().recoverable_delete;
    for subject in &mut page.subjects {
        let earlier = || {
            let earlier = subject.earlier.iter();
            earlier.flat_map(|earlier| earlier.since_delete(&policy.model))
        };
        let turned =
            |effect: &&Effect| effect.is_create() || matches!(effect, Effect::Disable | Effect::Enable);
        let facts = Facts {
            link: subject.link.clone(),
            speaker: subject.speaker.clone(),
            kin_turns: subject
                .kin
                .iter()
                .filter_map(|kin| kin.worker.next_turn(moment.now))
                .min(),
            found: std::mem::take(&mut subject.found),
            references: subject.references.clone(),
            absent: subject.absent.clone(),
            others: subject.share.others.clone(),
            returned: given::returned(runner, subject),
            names: subject.names.clone(),
            unclear: std::mem::take(&mut subject.unclear),
            handover: subject.handover,
            holds: subject.holds.clone(),
            arriving: subject.arrives(moment.now),
            recoverable,
            resumed: earlier()
                .rfind(turned)
                .is_some_and(|last| *last != Effect::Enable),
            touched: subject.link.is_none() && earlier().any(|effect| *effect != Effect::Delete),
        };
        let mut planned = plan::plan(policy, &subject.worker, facts, moment);
        unanswered::keep_first_names(policy, subject, &mut planned, moment.now);
        subject.planned = Some(planned);
        review::withhold(policy, page.gate, subject);
    }
    judge_page(runner, page, moment.now);
}

/// Takes out of the plans of everybody on the page what exceeds a limit.
pub fn judge_page(runner: &Runner, page: &mut Page, now: Timestamp) {
    let (policy, limits) = (&*runner.policy, &runner.app.limits);
    let mut history = std::mem::take(&mut page.history);
    for subject in &page.subjects {
        if let (Some(Situation::Unlinked { account, .. }), None, None) = (
            subject.planned.as_ref().map(|planned| &planned.situation),
            &subject.earlier,
            &subject.withheld,
        ) {
            let is_new = account.enabled == Some(true) && !history.is_counted;
            history.population += u64::from(is_new);
            history.all_made_here = false;
        }
    }
    let mut budget = Budget::new(limits, history, &policy.model);
    for subject in &mut page.subjects {
        // One that is made again counts once.
        let in_flight = subject.in_flight(subject.earlier.as_ref(), &policy.model, now);
        budget.take_back(&in_flight);
        let released = subject.held_before.iter().filter(|(_, released)| *released);
        let mut released: Vec<Action> = released.map(|(action, _)| action.clone()).collect();
        if let Some(planned) = &mut subject.planned {
            if subject.reviewed {
                let effects = planned.change.effects.iter();
                released.extend(effects.filter_map(|effect| Action::of(effect, &policy.model)));
            }
            subject.held = budget.judge(planned, &released, &mut subject.allowed);
        }
        if !subject.creates() {
            budget.add(&in_flight);
        }
    }
    page.history = budget.history();
}

/// A moment of its own for each page: its dice fall anew, and again the same for the same page.
pub fn moment(now: Timestamp) -> Moment {
    Moment {
        now,
        plan: Uuid::now_v7(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::tests::{self as people, policy, shrunk, worker};

    #[test]
    fn b7_of_those_who_would_take_an_account_whoever_works_here_does() {
        let policy = policy();
        let (works, left) = (worker(&policy, "True"), worker(&policy, "False"));
        let turn = |worker: &Worker| turn(&policy, worker, &people::moment());
        assert!(turn(&works) < turn(&left));
        assert!(
            turn(&left) < turn(&shrunk(&policy)),
            "nobody waits for who is long gone"
        );
    }
}
