//! Planning: from one worker, what the target holds and a policy, to the change that makes them agree.
//!
//! Pure, and the same for a live cycle, a dry run, an undo or a replay: the clock and the dice come in as a
//! [`Moment`]. Bad data is a [`Finding`] that holds the attribute it names; the rest of the person goes on,
//! and a leaver's disable depends on nothing but the account-state mapping (B13).

mod change;
mod draft;
mod homeward;
mod proposal;
mod reversal;
#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, TimestampRound, Unit};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use change::{Change, ChangeId, Effect, HrEvent, Receipt, Recipe};
pub use proposal::{CONTAINER, Difference, ENABLED, Kept, NAME, Proposal};
pub use reversal::{Reversal, reversal};

use super::account::{Account, Anchor, Protection};
use super::dn;
use super::expression::{Context, EvaluationError, Expression, Outcome, Seed};
use super::finding::{Finding, Weight};
use super::handover::Handover;
use super::hold::{Hold, ON_HOLD};
use super::link::{GONE, Link, Situation};
use super::mapping::{Desired, Mapping, Role};
use super::matching::{self, Found};
use super::ownership::Others;
use super::policy::Policy;
use super::worker::Worker;
use draft::Draft;

/// The code of what HR said and nobody kept (B33): on an attribute, or on nobody's where a filter reads it.
pub const NOT_KEPT: &str = "InputNotKept";

/// The code of accounts that carry the matching value of one that is known.
const STRANGER_LEFT_OUT: &str = "StrangerLeftOut";

/// What planning knows of the world outside the worker's record.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub link: Option<Link>,
    /// Another record of the same person, which speaks for the account (B20).
    pub speaker: Option<String>,
    /// When one of the same person's other records begins or ceases to be active.
    pub kin_turns: Option<Timestamp>,
    pub found: Found,
    /// The accounts of the workers whom this one refers to, as far as some job has linked them.
    pub references: BTreeMap<String, Anchor>,
    /// Why others to whom this one refers have none.
    pub absent: BTreeMap<String, Absence>,
    /// What other jobs have to do with the account (B8).
    pub others: Others,
    /// The values that were chosen for this worker among candidates, by attribute.
    pub names: BTreeMap<String, String>,
    /// Why nothing could be chosen: what was said when somebody was asked who has the candidates.
    pub unclear: BTreeMap<String, Unclear>,
    /// Attributes that would be given what the source has from those very attributes (B30).
    pub returned: BTreeSet<String>,
    /// How far the first password is on its way to its person (B29).
    pub handover: Option<Handover>,
    /// What people decided over HR's head (B12).
    pub holds: Vec<Hold>,
    /// The account's state is our own doing: a create or a disable was interrupted before it was recorded (B26).
    pub resumed: bool,
    /// This job made the account or wrote to it, and has no link to it yet: what it sent was never answered for (B26).
    pub touched: bool,
    /// An account that this job sent for may still come, and none of those that were found is it (B26).
    pub arriving: bool,
    /// The target can bring a deleted account back.
    pub recoverable: bool,
}

/// Why nobody can say whether a candidate is free.
#[derive(Clone, Debug)]
pub struct Unclear {
    pub why: String,
    /// Nobody could be asked just now; otherwise the question itself was refused.
    pub passes: bool,
}

/// When a plan is made and what its dice show: the same moment gives the same plan.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: Timestamp,
    /// The plan's id, which is also the seed of its random functions.
    pub plan: Uuid,
}

/// The plan for one worker, with everything that explains it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    pub change: Change,
    pub situation: Situation,
    /// `Err` names the scoping filters that turned the worker away.
    pub scope: Result<(), String>,
    pub findings: Vec<Finding>,
    /// References to workers who have no account yet.
    pub pending: Vec<Pending>,
    /// What the account holds already of what is remembered (`Settings::remembered`): attribute and value.
    pub agreed: Vec<(String, String)>,
    /// The state HR wants, where it says (B3).
    pub wanted: Option<bool>,
    /// When this plan may differ without anybody saying anything (B18).
    pub revisit: Option<Timestamp>,
}

impl Planned {
    /// Other accounts carry the worker's number, which somebody has to know: the next look does not find them.
    pub fn leaves_out_strangers(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.code == STRANGER_LEFT_OUT)
    }

    /// A reference waits for another worker's account.
    pub fn waits(&self) -> bool {
        self.pending.iter().any(|pending| pending.why.may_end())
    }
}

/// A reference that waits for another worker's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub attribute: String,
    /// The other worker's source anchor.
    pub to: String,
    #[serde(default)]
    pub why: Absence,
}

/// Why a worker has no account that another could be pointed at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Absence {
    /// Nobody made or found one yet.
    #[default]
    NoAccount,
    /// The source never said anything of such a worker.
    Unknown,
    /// No job that writes the target has the worker in its scope.
    OutOfScope,
    /// It is deleted, and could be restored.
    InBin,
    /// It was not made, and this job may not write into what is made already.
    NoUpdate,
}

impl Absence {
    /// There may be an account some day that this one can be pointed at.
    pub fn may_end(self) -> bool {
        self != Absence::NoUpdate
    }

    /// What is said of a worker to whom somebody refers.
    pub fn describe(self) -> &'static str {
        match self {
            Absence::NoAccount => "who has no account yet; it is set as soon as there is one",
            Absence::Unknown => {
                "whom HR never mentioned: it has to name a worker by HR's own key; it is set as soon as there is an account"
            }
            Absence::OutOfScope => {
                "who is in the scope of no job that writes here; it is set as soon as there is an account"
            }
            Absence::InBin => "whose account is deleted; it is set as soon as that is restored",
            Absence::NoUpdate => {
                "who had no account when this one was made; it stays empty, since Update is not among this job's flowTypes"
            }
        }
    }
}

/// The workers this one refers to, for whom the engine looks up links before planning.
pub fn references(policy: &Policy, worker: &Worker, moment: &Moment) -> Vec<String> {
    let references = policy
        .schema
        .mappings
        .iter()
        .filter(|mapping| mapping.role == Role::Reference);
    references
        .filter_map(|mapping| match moment.desired(policy, worker, mapping) {
            Ok(Desired::Values(values)) => values.into_iter().next().map(Cow::into_owned),
            _ => None,
        })
        .collect()
}

/// Whether the worker is to have an account, and an enabled one if it is not known otherwise: one that is gone is not made
/// again for whoever has left (B10).
pub fn wants_account(policy: &Policy, worker: &Worker, moment: &Moment) -> bool {
    is_made(policy, worker) && works_here(policy, worker, moment)
}

/// HR does not say that the worker's account is to be disabled.
pub fn works_here(policy: &Policy, worker: &Worker, moment: &Moment) -> bool {
    let facts = Facts::default();
    Draft::new(policy, worker, &facts, moment).wanted_state() != Some(false)
}

/// Whether an account is made for whoever has none.
fn is_made(policy: &Policy, worker: &Worker) -> bool {
    policy.schema.flow_types.add
        && worker.gone.is_none()
        && worker.hidden.is_none()
        && worker.shrunk.is_none()
        && policy.schema.scope.lets_in(worker)
}

/// What has to be unique were an account made for this worker: each such mapping with its candidates, best first. Nothing
/// where none would be made.
pub fn candidates<'p>(
    policy: &'p Policy,
    worker: &Worker,
    moment: &Moment,
) -> Vec<(&'p Mapping, Vec<String>)> {
    if !is_made(policy, worker) {
        return Vec::new();
    }
    let unique = policy.schema.mappings.iter().filter_map(|mapping| {
        let candidates = mapping.expression.as_ref()?.candidates()?;
        let value = |candidate: &Expression| moment.text(policy, worker, &mapping.target, candidate);
        Some((mapping, candidates.iter().filter_map(value).collect()))
    });
    unique.collect()
}

/// Plans one worker.
pub fn plan(policy: &Policy, worker: &Worker, mut facts: Facts, moment: &Moment) -> Planned {
    let keys = matching::keys(policy, worker, moment);
    let mut found = std::mem::take(&mut facts.found);
    let twins = std::mem::take(&mut found.twins);
    let strangers = std::mem::take(&mut found.strangers);
    let situation = matching::situation(facts.link.as_ref(), found, &keys);
    let facts = &facts;
    let filters = &policy.schema.scope;
    let undecided = filters.undecided(worker);
    let scope = match undecided.is_empty() {
        true => filters.admits(worker),
        false => filters.reads(worker).and(filters.admits(worker)),
    };
    let mut draft = Draft::new(policy, worker, facts, moment);
    let wanted = draft.wanted_state();
    let turns = [worker.next_turn(moment.now), facts.kin_turns];
    turns.into_iter().flatten().for_each(|at| draft.revisit_by(at));
    if facts.others.maker.is_some() || facts.others.unsettled {
        draft.revisit_by(moment.now.saturating_add(UNSETTLED).unwrap_or(Timestamp::MAX));
    }
    for finding in &worker.findings {
        draft.finding(finding.clone());
    }
    if let Some(speaker) = &facts.speaker {
        let message = match &facts.others.owner {
            None => format!("the record {speaker} of the same person speaks for the account"),
            Some(owner) => format!(
                "the record {speaker} of the same person speaks for the account, which belongs to the job {} ('{}')",
                owner.job, owner.app
            ),
        };
        draft.finding(Finding::new(Weight::Skip, "AnotherRecordSpeaks", message));
        return draft.finish(situation, scope, wanted);
    }
    if let Some(since) = worker.shrunk {
        forgotten(&mut draft, since, &situation, &scope, wanted);
        return draft.finish(situation, scope, wanted);
    }
    if let Some(since) = worker.hidden {
        draft.finding(Finding::new(
            Weight::Warning,
            "NotVisible",
            format!("the source does not show this worker any more, since {since}: the account stays as it is. Did the worker leave the integration user's security group?"),
        ));
    }
    if !undecided.is_empty() {
        draft.undecided(&undecided);
    } else if filters.reads(worker).is_err() {
        draft.skip("an input filter leaves this worker out: nothing is done about the account");
        return draft.finish(situation, scope, wanted);
    }
    if !twins.is_empty() {
        let twins: Vec<String> = twins.iter().map(Anchor::to_string).collect();
        let message = format!(
            "twin_filter left out {}, which the matching attribute finds, too",
            twins.join(", ")
        );
        draft.finding(Finding::new(Weight::Note, "TwinLeftOut", message));
    }
    if !strangers.is_empty() {
        let strangers: Vec<String> = strangers.iter().map(Anchor::to_string).collect();
        let message = format!(
            "{} carries the same matching value, and is left as it is: another account is known to be the worker's. Disable it by hand if it is nobody's, else correct the value on it",
            strangers.join(", ")
        );
        draft.finding(Finding::new(Weight::Warning, STRANGER_LEFT_OUT, message));
    }
    match &situation {
        // Were this one taken, nobody would look for the other (B26).
        Situation::Unlinked { .. } if facts.arriving => draft.skip(
            "an account was sent for, and the target never answered: whether the one that was found is the worker's is known three minutes after that",
        ),
        Situation::Unlinked { .. } if scope.is_ok() && facts.others.maker.is_some() => making(&mut draft),
        Situation::Linked(account) | Situation::Unlinked { account, .. } => {
            existing(&mut draft, account, &situation, &scope, wanted);
        }
        // Whose the accounts are that somebody's number finds matters to those in scope.
        Situation::Disputed { .. } | Situation::Claimed { .. } if scope.is_err() && !facts.touched => {
            out_of_scope(
                &mut draft,
                "the worker is not in the scope of this job, and has no account of its own",
            );
        }
        Situation::Unmatched if keys.is_empty() && scope.is_ok() => draft.without_key(),
        Situation::Unmatched => missing(&mut draft, &scope, wanted),
        Situation::Disputed { by, candidates } => draft.finding(
            Finding::new(Weight::Failure, "DuplicateTargetEntries", disputed(by, candidates)).on(by.clone()),
        ),
        Situation::Claimed { by, owner, .. } => draft.finding(
            Finding::new(
                Weight::Failure,
                "DuplicateSourceEntries",
                format!("worker {owner} has the same value and the account it finds: correct one of the two records"),
            )
            .on(by.clone()),
        ),
        Situation::Gone(anchor) => draft.finding(Finding::new(
            Weight::Failure,
            GONE,
            format!("the linked account {anchor} no longer exists: restore it, or delete the link so that it is matched anew"),
        )),
    }
    draft.finish(situation, scope, wanted)
}

/// When a worker is looked at again whose account another job is making or writing.
const UNSETTLED: SignedDuration = SignedDuration::from_mins(1);

/// Plans for a worker who has no account.
fn missing(draft: &mut Draft<'_>, scope: &Result<(), String>, wanted: Option<bool>) {
    if draft.worker.gone.is_some() {
        draft.skip("the worker is gone at the source and has no account");
    } else if draft.worker.hidden.is_some() {
        draft.skip("the source does not show this worker any more, and there is no account");
    } else if scope.is_err() {
        out_of_scope(draft, "the worker is not in the scope of this job");
    } else if draft.facts.others.maker.is_some() {
        making(draft);
    } else if draft.policy.model.record.is_some() {
        draft.finding(Finding::new(
            Weight::Failure,
            "WorkerNotFound",
            "HR shows nobody with this worker ID: correct it in the directory, or let the integration user see the worker",
        ));
    } else if !draft.policy.schema.flow_types.add {
        draft.skip("this job may not create accounts: Add is not among its flowTypes");
    } else if let Some(hold) = draft.facts.holds.iter().find(|hold| hold.is_whole()) {
        draft.finding(Finding::new(Weight::Warning, ON_HOLD, hold.says()));
    } else {
        draft.create(wanted);
    }
}

/// Plans for a worker whose account another job is making.
fn making(draft: &mut Draft<'_>) {
    match &draft.facts.others.maker {
        Some(maker) if maker.rests => {
            draft.finding(maker.resting("nobody knows whether the account was made that was sent for by"));
        }
        Some(maker) => {
            let message = format!(
                "the job {} ('{}') is making the account just now",
                maker.job, maker.app
            );
            draft.skip(&message);
        }
        None => {}
    }
}

/// Plans for a worker who has one.
fn existing(
    draft: &mut Draft<'_>,
    account: &Account,
    situation: &Situation,
    scope: &Result<(), String>,
    wanted: Option<bool>,
) {
    let linked = matches!(situation, Situation::Linked(_)) || draft.facts.touched;
    // Of nobody else anything is written, whatever account the matching value finds.
    let is_ours = linked || scope.is_ok();
    let leaves = wanted == Some(false) && account.enabled == Some(true);
    if let (true, Err(reason)) = (is_ours, may_write(draft.policy, account)) {
        draft.finding(fenced(reason, leaves));
    } else if let Some(gone) = draft
        .worker
        .gone
        .filter(|_| draft.policy.schema.flow_types.delete && is_ours)
    {
        draft.gone(account, gone);
    } else if !draft.policy.schema.flow_types.update {
        if leaves && is_ours {
            draft.disable(account);
        }
        draft.skip("this job may not change accounts: Update is not among its flowTypes");
    } else if draft.worker.hidden.is_some() {
        // The dates that HR gave hold all the same (B13).
        if linked && leaves {
            draft.disable(account);
        } else if !linked {
            draft.skip(
                "the source does not show this worker any more, so the account it would find is left alone",
            );
        }
    } else if scope.is_ok() {
        if draft.worker.gone.is_some() {
            draft.skip("the worker is gone at the source, and Delete is not among this job's flowTypes: the account is not deleted");
        }
        draft.update(account, wanted);
    } else if draft.facts.others.owner.is_some() {
        out_of_scope(
            draft,
            "the worker is not in the scope of this job, and the account is another job's",
        );
    } else if linked && (leaves || !draft.policy.settings.skip_out_of_scope_deletions && knows_scope(draft)) {
        draft.disable(account);
    } else {
        out_of_scope(
            draft,
            "the worker is not in the scope of this job; the account is left as it is",
        );
    }
}

/// Plans for a leaver of whom no more is kept than what finds the account (B33). Nothing flows; but the account is not open again
/// because so little is known (B13), and it goes when its time has come (B15).
fn forgotten(
    draft: &mut Draft<'_>,
    since: Timestamp,
    situation: &Situation,
    scope: &Result<(), String>,
    wanted: Option<bool>,
) {
    let filters = &draft.policy.schema.scope;
    let is_dropped = filters.reads(draft.worker).is_err() && knows_scope(draft);
    let is_ours = !is_dropped && (matches!(situation, Situation::Linked(_)) || scope.is_ok());
    if let Some(account) = situation.account().filter(|_| is_ours) {
        let leaves = wanted == Some(false) && account.enabled == Some(true);
        let gone = draft.worker.gone;
        let gone = gone.filter(|_| draft.policy.schema.flow_types.delete && !account.deleted);
        match (may_write(draft.policy, account), gone) {
            (_, None) if !leaves => {}
            (Err(reason), _) => return draft.finding(fenced(reason, leaves)),
            (Ok(()), Some(gone)) => return draft.gone(account, gone),
            (Ok(()), None) => return draft.disable(account),
        }
    }
    draft.finding(Finding::new(
        Weight::Skip,
        "LeaverForgotten",
        format!("the person left, and since {since} no more is kept than what finds the account: it stays as it is until HR takes the person back"),
    ));
}

/// Why an account is never written, which is worse where HR wants it disabled.
fn fenced(reason: Finding, leaves: bool) -> Finding {
    let (weight, urgent) = match leaves {
        true => (Weight::Failure, "; HR wants it disabled: do that by hand, now"),
        false => (Weight::Warning, ""),
    };
    Finding::new(weight, reason.code, format!("{}{urgent}", reason.message))
}

/// Why nothing is done about somebody out of scope. Where nobody can say who is, that is said already.
fn out_of_scope(draft: &mut Draft<'_>, why: &str) {
    if knows_scope(draft) {
        draft.skip(why);
    }
}

/// Who is in scope does not hang on what was said and not kept (B33): nothing missing disables (B3).
fn knows_scope(draft: &Draft<'_>) -> bool {
    draft.policy.schema.scope.undecided(draft.worker).is_empty()
}

/// The fences of B21: protected accounts and everything outside the managed containers are never written.
pub fn may_write(policy: &Policy, account: &Account) -> Result<(), Finding> {
    let refuse = |code: &'static str, message: String| Err(Finding::new(Weight::Failure, code, message));
    if let Some(protection) = account.protected {
        if protection == Protection::MasteredOnPremises {
            return refuse(
                "MasteredOnPremises",
                "the account is synchronised from a directory on premises and is never written here: write it there, or leave it out of this job's scope".into(),
            );
        }
        if protection == Protection::Left {
            return refuse(
                "WorkerHasLeft",
                "HR says that this worker has left: nothing is written home any more".into(),
            );
        }
        return refuse(
            "ProtectedAccount",
            format!(
                "the account is protected and is never written: {}",
                protection.why()
            ),
        );
    }
    if policy.model.container.is_none() || policy.settings.managed.is_empty() {
        return Ok(());
    }
    let here = dn::Dn::parse(&account.address);
    match here {
        Some(here) if policy.settings.managed.iter().any(|container| here.is_within(container)) => Ok(()),
        _ => refuse(
            "OutsideManagedContainers",
            "the account lies outside the containers this app manages and is not written: move it there, or add its container to `managed`".into(),
        ),
    }
}

fn disputed(by: &str, candidates: &[Anchor]) -> String {
    match candidates {
        [one] => format!(
            "the account {one} found by {by} holds another value in a matching attribute of higher precedence: correct one of them"
        ),
        several => {
            let anchors: Vec<String> = several.iter().map(Anchor::to_string).collect();
            format!(
                "{} accounts hold this value of {by}: {}; leave it on one",
                several.len(),
                anchors.join(", ")
            )
        }
    }
}

impl Moment {
    /// The one text that a candidate comes to; `None` for none, several, or what cannot be had.
    fn text(&self, policy: &Policy, worker: &Worker, target: &str, candidate: &Expression) -> Option<String> {
        let outcome = candidate.evaluate(&Context {
            attributes: &worker.attributes,
            now: self.now,
            seed: Seed::new(self.plan, &worker.anchor, target),
            taken: &|_| false,
            default_domain: policy.settings.default_domain.as_deref(),
            directory_domain: policy.settings.default_domain.as_deref(),
        });
        match outcome {
            Ok(Outcome::Value {
                value,
                redacted: false,
            }) => value
                .to_text()
                .map(|text| text.into_owned())
                .filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// What one mapping wants for one worker at this moment.
    pub fn desired<'a>(
        &self,
        policy: &'a Policy,
        worker: &'a Worker,
        mapping: &'a Mapping,
    ) -> Result<Desired<'a>, EvaluationError> {
        mapping.desired(&Context {
            attributes: &worker.attributes,
            now: self.now,
            seed: Seed::new(self.plan, &worker.anchor, &mapping.target),
            taken: &|_| false,
            default_domain: policy.settings.default_domain.as_deref(),
            directory_domain: policy.settings.default_domain.as_deref(),
        })
    }

    /// The start of the next hour, when a plan that reads the clock is looked at again.
    fn next_hour(&self) -> Option<Timestamp> {
        let hour = self
            .now
            .round(
                TimestampRound::new()
                    .smallest(Unit::Hour)
                    .mode(jiff::RoundMode::Floor),
            )
            .ok()?;
        hour.checked_add(jiff::SignedDuration::from_hours(1)).ok()
    }
}
