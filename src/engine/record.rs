//! How a page ended, told to the database in one commit: links, receipts, log entries, what is held or in escrow, and
//! who is looked at again, when (B25).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;
use std::sync::Arc;

use jiff::Timestamp;

use super::apply::{Fate, Worked};
use super::beside::{self, Settlement};
use super::retry::{self, Refusal};
use super::subject::{Page, Subject};
use super::{Context, callbacks, given, handover, log, news, referrers, review, standing};
use crate::domain::account::{Anchor, Model};
use crate::domain::decision::{BY_ITSELF, Decision};
use crate::domain::guard::{Action, Charge, Charges};
use crate::domain::hold::Hold;
use crate::domain::link::Link;
use crate::domain::plan::{Effect, Pending, Planned, Receipt};
use crate::domain::review::Gate;
use crate::error::{Error, Result};
use crate::store::changes::Sent;
use crate::store::departures::{self, Departure};
use crate::store::escrows::{self, Escrow};
use crate::store::findings::{self, Finding};
use crate::store::given::Given;
use crate::store::links::Waits;
use crate::store::logs::{self, Entry};
use crate::store::owners::{self, Key};
use crate::store::uploads::{self, Place};
use crate::store::wakes::{self, Again, Cause, Wake};
use crate::store::{
    self, Conn, allowances, asked, changes, decisions, guard, handovers, holds, jobs, links, state_inputs,
    systems, workers,
};

/// What one page came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub seen: u64,
    pub unchanged: u64,
    pub exported: u64,
    pub refused: u64,
    /// Operations of uploads that have their outcome now.
    pub answered: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Counts) {
        self.seen += more.seen;
        self.unchanged += more.unchanged;
        self.exported += more.exported;
        self.refused += more.refused;
        self.answered += more.answered;
    }
}

/// A page that was planned and written, and is to be recorded.
pub struct Carried {
    pub page: Page,
    /// One for each subject.
    pub worked: Vec<Worked>,
    pub began: Timestamp,
    /// As of when it was planned, or before: what could still come then is waited for.
    pub planned: Timestamp,
    /// When the first of it was sent.
    pub sent: Timestamp,
}

/// Everything that one commit writes about one worker.
#[derive(Default)]
struct Record {
    worker: String,
    wake: Option<Wake>,
    again: Option<Again>,
    new_link: Option<Link>,
    moved_link: Option<Link>,
    /// Holds that ended by themselves.
    holds_over: Vec<Hold>,
    /// The account to which the link ends.
    lost: Option<Anchor>,
    /// The change of which nobody knows what came.
    unanswered: Option<String>,
    /// The link of another record of the same person, which becomes this worker's.
    heir_of: Option<Link>,
    /// The one that is to take this worker's.
    speaker: Option<String>,
    receipt: Option<Receipt>,
    /// The accounts that were enabled, disabled, deleted or restored, and whether each is enabled now.
    turned: Vec<(Anchor, Option<bool>)>,
    /// An earlier attempt did some of that, maybe.
    is_learned: bool,
    /// The account that another job had and that is taken over open, and when it was looked for.
    open: Option<(Anchor, Timestamp)>,
    /// What became of the first password.
    handover: Option<handover::Step>,
    settled: Vec<String>,
    outcome: Option<Settled>,
    entries: Vec<Entry>,
    review: Option<review::Kept>,
    /// The account was found and is not linked before a person has said so; others can be pointed at it.
    appears: bool,
}

/// What is known once the work on a worker has an outcome.
#[derive(Default)]
struct Settled {
    pending: Vec<Pending>,
    held: Vec<Action>,
    was_held: bool,
    escrow: Option<Escrow>,
    /// The operations that this outcome answers.
    ends: Vec<Place>,
    /// What stands about the worker from now on.
    findings: Vec<Finding>,
    departure: Option<Departure>,
    /// What HR says where it decides whether the account is enabled.
    state: Option<state_inputs::News>,
}

/// Records how a page ended, in one commit.
pub async fn record(cx: &Context, carried: Arc<Carried>) -> Result<Counts> {
    let (context, now) = (cx.clone(), cx.clock.now());
    let settle = move || settle_page(&context, &carried, now);
    let recording = cx.store.blocking().run("recording", settle).await?;
    let counts = recording.counts;
    let deleted = recording.deleted();
    let (job, cycle, token) = (cx.origin.job.clone(), cx.origin.cycle.clone(), cx.token);
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            write(conn, &job, &cycle, &recording, now)
        })
        .await?;
    referrers::wake_left_behind(cx, deleted, now).await;
    Ok(counts)
}

/// Everything that one commit writes about one page.
struct Recording {
    records: Vec<Record>,
    tallies: Charges,
    vanished: Vec<Wake>,
    counts: Counts,
    /// What somebody may have called back for.
    callbacks: Vec<callbacks::Outcome>,
    /// The target has a bin.
    bin: bool,
    /// The target, where somebody takes home to HR what it holds.
    read_back: Option<String>,
    /// What accounts of the target have from HR attributes that another job writes.
    given: Vec<Given>,
    source: String,
    target: String,
    /// Whose accounts are whose among the jobs, from now on.
    ownership: Settlement,
    /// Other jobs write the same target.
    is_shared: bool,
    /// When the page began, and when the first of it was sent.
    began: Timestamp,
    sent: Timestamp,
}

impl Recording {
    /// Whose accounts were deleted.
    fn deleted(&self) -> BTreeSet<String> {
        let is_deleted = |record: &&Record| record.turned.iter().any(|(_, enabled)| enabled.is_none());
        let deleted = self.records.iter().filter(is_deleted);
        deleted.map(|record| record.worker.clone()).collect()
    }
}

fn settle_page(cx: &Context, carried: &Carried, now: Timestamp) -> Recording {
    let Carried {
        page,
        worked,
        began,
        planned: as_of,
        sent,
    } = carried;
    let mut counts = Counts {
        seen: page.subjects.len() as u64,
        ..Counts::default()
    };
    let mut records = Vec::with_capacity(page.subjects.len());
    let (mut called, mut given) = (Vec::new(), Vec::new());
    let mut ownership = Settlement::default();
    for (subject, worked) in page.subjects.iter().zip(worked) {
        let Some(planned) = &subject.planned else { continue };
        let record = settle(cx, page.gate, subject, planned, worked, (*began, *as_of, now));
        if let (Some(route), Some(settled)) = (&cx.runner.callbacks, &record.outcome) {
            called.push(route.outcome(
                &cx.runner.policy,
                subject,
                planned,
                &worked.ending,
                settled.escrow.as_ref(),
                now,
            ));
        }
        counts.answered += record
            .outcome
            .as_ref()
            .map_or(0, |settled| settled.ends.len() as u64);
        let refused = record
            .outcome
            .as_ref()
            .is_some_and(|settled| settled.escrow.is_some());
        counts.exported += u64::from(record.receipt.is_some());
        counts.refused += u64::from(refused);
        counts.unchanged += u64::from(record.receipt.is_none() && worked.fate.is_outcome() && !refused);
        given.extend(given::news(
            &cx.runner.given,
            subject,
            planned,
            record.receipt.as_ref(),
        ));
        if worked.fate.is_outcome() {
            let before = subject.link.as_ref().filter(|_| record.lost.is_none());
            let link = record.new_link.as_ref().or(record.moved_link.as_ref());
            let link = link.or(before);
            let done = worked.ending.done.as_ref();
            let may_arrive = subject.lost_creates(done, *as_of).next().is_some();
            ownership.add(cx, subject, planned, link, may_arrive);
        }
        records.push(record);
    }
    Recording {
        ownership,
        is_shared: !cx.beside.is_empty(),
        began: *began,
        sent: *sent,
        records,
        tallies: news::news(&cx.runner.policy.model, carried).tallies,
        vanished: page.vanished.clone(),
        counts,
        callbacks: called,
        bin: cx.runner.policy.model.bin,
        read_back: cx.runner.app.writeback.map(|_| cx.origin.target.clone()),
        given,
        source: cx.origin.source.clone(),
        target: cx.origin.target.clone(),
    }
}

fn settle(
    cx: &Context,
    gate: Gate,
    subject: &Subject,
    planned: &Planned,
    worked: &Worked,
    (began, as_of, now): (Timestamp, Timestamp, Timestamp),
) -> Record {
    let model = &cx.runner.policy.model;
    let mut record = Record {
        worker: subject.worker.anchor.clone(),
        wake: Some(subject.wake.clone()),
        ..Record::default()
    };
    let marks = || subject.marks.iter().map(|(change, _)| change.id.to_string());
    // Attempts of this cycle that were refused whole leave nothing to find out.
    if subject.earlier.is_none() {
        record.settled = marks().collect();
    }
    let this = planned.change.id.to_string();
    match worked.fate {
        Fate::Waits => {
            record.settled.push(this);
            record.again = Some(retry::after_silence(
                worked.ending.error.as_ref(),
                &subject.wake,
                now,
            ));
            return record;
        }
        Fate::Unknown => {
            record.unanswered = Some(this);
            record.again = Some(retry::after_silence(None, &subject.wake, now));
            return record;
        }
        Fate::GivenUp => record.unanswered = Some(this),
        Fate::Over | Fate::Again => {
            let unknown = subject.unknown.iter().map(|sent| sent.change.id.to_string());
            let all = unknown.chain(marks()).chain([this]);
            record.settled = all.collect();
        }
    }
    let done = worked.ending.done.as_ref();
    let may_arrive: Vec<&Sent> = subject.lost_creates(done, as_of).collect();
    record
        .settled
        .retain(|id| may_arrive.iter().all(|sent| sent.change.id.to_string() != *id));
    // Until it is settled, what was done is the next look's to find.
    if worked.fate != Fate::GivenUp {
        record.receipt = worked.ending.done.clone();
        let ended = record.receipt.as_ref().filter(|receipt| receipt.ends_link(model));
        let ended = ended.map(|receipt| receipt.account.clone());
        record.lost = ended.or(subject.outlived.clone());
    }
    let receipt = record.receipt.as_ref();
    record.review = review::kept(&cx.runner.policy, gate, subject, worked.fate.is_outcome());
    let withheld = subject.withheld.as_ref();
    record.appears = withheld.is_some_and(|withheld| withheld.appears);
    let link = Link::next(
        model,
        subject.link.as_ref(),
        planned,
        record.receipt.as_ref(),
        now,
    );
    // Nobody who had it before has anything to do with what becomes of an account that is taken over open (B11).
    let was_theirs = subject.share.takes_over() || subject.share.others.turned;
    let found = planned.situation.account().filter(|_| was_theirs);
    let open = found.filter(|account| account.enabled == Some(true));
    record.open = open.map(|account| (account.anchor.clone(), subject.share.searched));
    record.is_learned = subject.earlier.is_some();
    record.turned = receipt.map_or_else(Vec::new, |receipt| turned(model, subject, planned, receipt));
    if withheld.is_none() {
        record.heir_of.clone_from(&subject.heir_of);
    }
    match &subject.link {
        // The link in the store stands until it is known what came of this.
        _ if withheld.is_some() || (worked.fate == Fate::GivenUp && subject.outlived.is_some()) => {}
        // The one that speaks moves it.
        Some(_) if subject.speaker.is_some() => record.speaker.clone_from(&subject.speaker),
        Some(_) if subject.heir_of.is_some() => record.new_link = link,
        None => record.new_link = link,
        Some(before) => record.moved_link = link.filter(|link| link != before),
    }
    let status = log::status(planned, &worked.ending);
    let refusal = Refusal::of(planned, &worked.ending);
    let escrow = refusal.map(|refusal| retry::refused(subject, refusal, now));
    record.again = match &worked.ending.postponed {
        Some(_) => Some(Again {
            due: now,
            cause: Cause::Reference,
            attempts: 0,
        }),
        None => {
            let kin = subject.kin.iter().map(|kin| &kin.worker);
            let turns = kin.chain([&subject.worker]).filter_map(|one| one.next_turn(now));
            let turn = turns.min();
            retry::next_look(planned, turn, &worked.ending, escrow.as_ref(), now)
        }
    };
    let late = may_arrive.iter().map(|sent| retry::after_lost_create(sent, now));
    let late = late.max_by_key(|again| again.due);
    let reminds = reminds(subject, planned, now);
    record.handover = handover::step(cx, subject, record.receipt.as_ref());
    let password = record.handover.as_ref().and_then(|step| step.next_look(now));
    record.again = [record.again.take(), late, retry::remind(planned, now), password]
        .into_iter()
        .flatten()
        .min_by_key(|again| again.due);
    // Nobody waits for the outcome of a pulled record: unchanged ones are counts on the cycle (B5).
    let is_pulled = cx.runner.puller.is_some();
    let news = retry::is_news(subject.escrow.as_ref(), escrow.as_ref())
        || worked.ending.held.iter().any(|held| {
            !subject
                .held_before
                .iter()
                .any(|(action, _)| *action == held.action)
        });
    let waits_for_review = withheld.is_some_and(|one| one.is_news && !one.case.proposal.effects.is_empty());
    let entry = || {
        log::entry(
            &cx.origin,
            model,
            &subject.worker,
            planned,
            &worked.ending,
            now.duration_since(began),
            now,
        )
    };
    if let Some((_, earlier)) = subject.places.split_last() {
        let superseded = |_| log::superseded(&cx.origin, &subject.worker, &planned.change.id, now);
        record.entries = earlier.iter().map(superseded).collect();
        record.entries.push(entry());
    } else if record.receipt.is_some()
        || record.heir_of.is_some()
        || waits_for_review
        || (record.new_link.is_some() && planned.leaves_out_strangers())
        || (news && (escrow.is_some() || !worked.ending.held.is_empty()))
        || (is_pulled && subject.wake.cause == Cause::Said && !status.is_redundant())
        || reminds
    {
        record.entries.push(entry());
    }
    let mut held: Vec<Action> = worked
        .ending
        .held
        .iter()
        .map(|held| held.action.clone())
        .collect();
    // What a person released stays released while it is wanted and not done.
    let released = subject.held_before.iter().filter(|(_, released)| *released);
    let undone = news::undone_actions(model, subject, worked);
    held.extend(
        released
            .map(|(action, _)| action.clone())
            .filter(|action| undone.contains(action)),
    );
    record.outcome = Some(Settled {
        // What nobody may write any more is not waited for.
        pending: planned
            .pending
            .iter()
            .filter(|pending| pending.why.may_end())
            .cloned()
            .collect(),
        held,
        was_held: !subject.held_before.is_empty(),
        escrow,
        ends: subject.places.clone(),
        findings: standing::findings(&cx.runner.policy, subject, planned, &worked.ending),
        departure: standing::departure(subject, planned, record.receipt.as_ref()),
        state: standing::state(
            &cx.runner.policy,
            subject,
            planned,
            &worked.ending,
            record.new_link.is_some(),
        ),
    });
    record.holds_over.clone_from(&subject.holds_over);
    record
}

/// Whether accounts are enabled now, where this changed it; nothing of one that is deleted.
fn turned(
    model: &Model,
    subject: &Subject,
    planned: &Planned,
    receipt: &Receipt,
) -> Vec<(Anchor, Option<bool>)> {
    let since = receipt.since_delete(model);
    let is_deleted = since.len() < receipt.done.len();
    // The one for which there is another by now, or the one there was.
    let deleted = match since {
        [] => Some(&receipt.account),
        _ => subject.outlived.as_ref(),
    };
    let deleted = deleted
        .filter(|_| is_deleted)
        .map(|account| (account.clone(), None));
    let before = planned.situation.account().and_then(|account| account.enabled);
    let mut states = since.iter().filter_map(|effect| match effect {
        Effect::Enable => Some(Some(true)),
        Effect::Disable => Some(Some(false)),
        Effect::Delete => Some(None),
        Effect::Restore => Some(before),
        _ => None,
    });
    // Of one that was made nobody else knows anything.
    let is_new = since.iter().any(Effect::is_create);
    let state = states.next_back().filter(|_| !is_new);
    let turned = state.map(|enabled| (receipt.account.clone(), enabled));
    deleted.into_iter().chain(turned).collect()
}

/// Whether the log is to tell again of a reference that waits: once a day.
fn reminds(subject: &Subject, planned: &Planned, now: Timestamp) -> bool {
    let is_old = |told: Timestamp| now.duration_since(told) >= retry::REMIND;
    planned.waits() && subject.told.is_none_or(is_old)
}

fn write(conn: &mut Conn, job: &str, cycle: &str, recording: &Recording, now: Timestamp) -> Result<()> {
    let records = recording.records.as_slice();
    if recording.is_shared {
        systems::lock(conn, &recording.target)?;
    }
    for record in records.iter().filter(|record| record.lost.is_some()) {
        links::delete(conn, job, &record.worker)?;
    }
    let lost = records.iter().filter_map(|record| record.lost.as_ref());
    let lost: Vec<&str> = lost.map(|account| account.0.as_str()).collect();
    store::given::forget(conn, &recording.target, &lost)?;
    for record in records {
        if let Some(before) = &record.heir_of {
            links::take_over(conn, job, &before.worker, before.generation)?;
            // What is known of the account's password goes along with it.
            handovers::take_over(conn, job, &before.worker, &record.worker, now)?;
        }
    }
    let new: Vec<Link> = records
        .iter()
        .filter_map(|record| record.new_link.clone())
        .collect();
    links::insert(conn, job, &new)?;
    if recording.is_shared {
        let shut = new.iter().filter(|link| link.is_made_shut());
        let shut: Vec<&str> = shut.map(|link| link.account.0.as_str()).collect();
        links::made_shut(conn, &recording.target, job, &shut)?;
    }
    recording.ownership.write(conn, &recording.target, job, now)?;
    let receipts: Vec<(&str, &Receipt)> = records
        .iter()
        .filter_map(|one| Some((one.worker.as_str(), one.receipt.as_ref()?)))
        .collect();
    changes::keep_receipts(conn, job, cycle, &receipts)?;
    for record in records {
        if let Some(step) = &record.handover {
            step.keep(conn, job, &record.worker, now)?;
        }
    }
    end_holds(conn, job, records, now)?;
    store::given::keep(conn, &recording.target, &recording.given)?;
    if let Some(system) = &recording.read_back {
        let written: Vec<&str> = receipts
            .iter()
            .map(|(_, receipt)| receipt.account.0.as_str())
            .collect();
        asked::ask(conn, system, &written, now)?;
    }
    let settled: Vec<String> = records
        .iter()
        .flat_map(|record| record.settled.iter().cloned())
        .collect();
    changes::settle(conn, &settled)?;
    let unanswered = records.iter().filter_map(|record| record.unanswered.as_deref());
    changes::leave(conn, &unanswered.collect::<Vec<_>>(), now)?;
    spend(conn, job, &recording.tallies, now)?;
    let entries: Vec<&Entry> = records.iter().flat_map(|record| &record.entries).collect();
    logs::append(conn, &entries)?;
    let outcomes = || {
        records
            .iter()
            .filter_map(|record| Some((record, record.outcome.as_ref()?)))
    };
    let healed: Vec<&str> = outcomes()
        .filter(|(_, settled)| settled.escrow.is_none())
        .map(|(record, _)| record.worker.as_str())
        .collect();
    escrows::end(conn, job, &healed)?;
    for (record, settled) in outcomes() {
        if settled.was_held || !settled.held.is_empty() {
            guard::hold(conn, job, &record.worker, &settled.held, now)?;
        }
        if let Some(escrow) = &settled.escrow {
            escrows::keep(conn, job, escrow, now)?;
        }
    }
    for record in records {
        if let Some(link) = &record.moved_link {
            links::advance(conn, job, link)?;
        }
        if let (Some(wake), Some(again)) = (&record.wake, &record.again) {
            wakes::put_off(conn, job, wake, again)?;
        }
    }
    let open: Vec<_> = records.iter().filter_map(|record| record.open.as_ref()).collect();
    links::tell_open(conn, &recording.target, job, &open)?;
    for (is_learned, since) in [(true, recording.began), (false, recording.sent)] {
        let then = records.iter().filter(|record| record.is_learned == is_learned);
        let then = then.flat_map(|record| &record.turned);
        let then: Vec<_> = then.map(|(account, enabled)| (account, *enabled)).collect();
        links::tell_others(conn, &recording.target, job, &then, since)?;
    }
    if recording.is_shared {
        // Whoever took an account over meanwhile did not know what was done to it.
        let turned = records.iter().flat_map(|record| &record.turned);
        let keys: Vec<Key> = turned.map(|(account, _)| Key::account(account)).collect();
        let owners = owners::of(conn, &recording.target, job, &keys)?.into_iter();
        let others = owners.filter(|owner| owner.job != job);
        let woken: Vec<_> = others.map(|owner| (owner.job, owner.worker)).collect();
        beside::wake(conn, &woken, now)?;
    }
    let answered_for: Vec<Place> = outcomes()
        .flat_map(|(_, settled)| settled.ends.iter().cloned())
        .collect();
    let kept: Vec<&review::Kept> = records
        .iter()
        .filter_map(|record| record.review.as_ref())
        .collect();
    review::write(conn, job, &kept, now)?;
    callbacks::answer(conn, job, &recording.callbacks, now)?;
    let looked_at: Vec<&str> = outcomes().map(|(record, _)| record.worker.as_str()).collect();
    let stands: Vec<Finding> = outcomes()
        .flat_map(|(_, settled)| settled.findings.clone())
        .collect();
    findings::replace(conn, job, &looked_at, &stands, now)?;
    let left: Vec<Departure> = outcomes()
        .filter_map(|(_, settled)| settled.departure.clone())
        .collect();
    departures::keep(conn, job, &recording.source, &left)?;
    let states =
        outcomes().filter_map(|(record, settled)| Some((record.worker.as_str(), settled.state.as_ref()?)));
    state_inputs::keep(conn, job, &states.collect::<Vec<_>>())?;
    uploads::end(conn, job, &answered_for)?;
    let ended = records.iter().filter(|record| record.again.is_none());
    wakes::end(
        conn,
        job,
        &ended
            .filter_map(|record| record.wake.as_ref())
            .chain(&recording.vanished)
            .collect::<Vec<_>>(),
    )?;
    let speakers: Vec<&str> = records
        .iter()
        .filter_map(|record| record.speaker.as_deref())
        .collect();
    wakes::wake(conn, job, &speakers, now, Cause::Reference)?;
    let answered: Vec<&str> = outcomes().map(|(record, _)| record.worker.as_str()).collect();
    let pending: Vec<Waits<'_>> = outcomes()
        .flat_map(|(record, settled)| {
            settled.pending.iter().map(|pending| Waits {
                worker: &record.worker,
                pending,
                is_told: !record.entries.is_empty(),
            })
        })
        .collect();
    links::wait_for(conn, job, &answered, &pending, now)?;
    let restored = records.iter().filter(|record| {
        let receipt = record.receipt.as_ref();
        receipt.is_some_and(|receipt| receipt.has(|effect| *effect == Effect::Restore))
    });
    let found = records.iter().filter(|record| record.appears);
    let appeared: Vec<&str> = new
        .iter()
        .map(|link| link.worker.as_str())
        .chain(restored.chain(found).map(|record| record.worker.as_str()))
        .collect();
    let Recording {
        source, target, bin, ..
    } = recording;
    referrers::wake(conn, (job, source, target), *bin, &appeared, &pending, now)
}

/// Counts what was done, against limits or against what people allowed.
fn spend(conn: &mut Conn, job: &str, charges: &Charges, now: Timestamp) -> Result<()> {
    let mut tallies = BTreeMap::new();
    for (charge, count) in charges {
        match charge {
            Charge::Limit(action) => drop(tallies.insert(action.clone(), *count)),
            Charge::Allowance(id) => use_up(conn, job, id, *count, now)?,
        }
    }
    guard::tally(conn, job, &tallies, now)
}

fn use_up(conn: &mut Conn, job: &str, id: &str, count: u64, now: Timestamp) -> Result<()> {
    allowances::spend(conn, job, id, count)?;
    let spent = allowances::find(conn, job, id)?.filter(|allowance| allowance.left() == 0);
    if let Some(allowance) = spent
        && allowances::end(conn, job, id, now)?
    {
        let ended = Decision::allowance_ended(&allowance, BY_ITSELF, now);
        decisions::keep(conn, job, &[ended])?;
    }
    Ok(())
}

/// Holds that ended by themselves. One of an account is met with each of its workers.
fn end_holds(conn: &mut Conn, job: &str, records: &[Record], now: Timestamp) -> Result<()> {
    let over = records.iter().flat_map(|record| &record.holds_over);
    let over: BTreeMap<&str, &Hold> = over.map(|hold| (hold.id.as_str(), hold)).collect();
    let ids: Vec<&str> = over.keys().copied().collect();
    holds::end(conn, &ids)?;
    let ended = over.values().filter(|hold| hold.is_given());
    let ended: Vec<Decision> = ended
        .map(|hold| Decision::hold_ended(hold, BY_ITSELF, now))
        .collect();
    decisions::keep(conn, job, &ended)
}

/// Ends the wake of a worker who cannot be looked at at all: a failure of their own, in the log and in escrow.
pub async fn give_up(cx: &Context, wake: &Wake, error: &Error) -> Result<()> {
    let now = cx.clock.now();
    let attempts = wake.attempts + 1;
    let (origin, code, reason) = (Arc::clone(&cx.origin), error.code.clone(), error.to_string());
    let refusal = Refusal {
        code: code.to_string(),
        reason: reason.clone(),
        lasts: false,
    };
    let escrow = retry::escrow(&wake.anchor, refusal, attempts, now);
    let retry = retry::next_try(&escrow).map(|again| Again { attempts, ..again });
    let (job, token, wake) = (cx.origin.job.clone(), cx.token, wake.clone());
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            // The dates that HR gave hold all the same.
            let known = workers::load(conn, &origin.source, &[&wake.anchor]).unwrap_or_default();
            let turn = known.first().and_then(|worker| worker.next_turn(now));
            let turn = turn.map(|due| Again {
                due,
                cause: Cause::Turn,
                attempts: 0,
            });
            let again = [retry.clone(), turn]
                .into_iter()
                .flatten()
                .min_by_key(|again| again.due);
            let places = uploads::pending(conn, &job, &[&wake.anchor])?;
            // One for each operation that waited, or for the failure itself.
            let entry = |_| log::unplanned(&origin, &wake.anchor, &code, &reason, now);
            let before = escrows::of(conn, &job, &[&wake.anchor])?;
            let news = usize::from(retry::is_news(before.first(), Some(&escrow)));
            let entries: Vec<Entry> = (0..places.len().max(news)).map(entry).collect();
            logs::append(conn, &entries)?;
            let failed = callbacks::Outcome::failed(&wake.anchor, &places, &code, &reason);
            callbacks::answer(conn, &job, &[failed], now)?;
            uploads::end(conn, &job, &places)?;
            escrows::keep(conn, &job, &escrow, now)?;
            let stands = standing::failure(&wake.anchor, &code, &reason);
            findings::replace(conn, &job, &[&wake.anchor], &[stands], now)?;
            match &again {
                Some(again) => wakes::put_off(conn, &job, &wake, again),
                None => wakes::end(conn, &job, &[&wake]),
            }
        })
        .await
}
