//! What the work on a worker came to for each callback that waited for it.
//!
//! A callback is judged by what it named: a refused user name is no failure of somebody who named an e-mail address.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Route;
use crate::connector::{Callable, OPEN_PROCESS};
use crate::domain::callback::Member;
use crate::domain::finding::{Finding, Weight};
use crate::domain::link::UNAPPROVED;
use crate::domain::mapping::Desired;
use crate::domain::plan::{Effect, HrEvent, Moment, Planned};
use crate::domain::policy::Policy;
use crate::engine::log::{self, Ending};
use crate::engine::retry;
use crate::engine::subject::Subject;
use crate::store::callbacks::{Item, Status, Verdict};
use crate::store::escrows::Escrow;
use crate::store::uploads::Place;

/// How the work on one worker ended, as far as callbacks are concerned.
pub struct Outcome {
    pub worker: String,
    /// The operations that it answers, in order.
    pub places: Vec<Place>,
    callable: &'static [Callable],
    /// Attributes that were written.
    written: BTreeSet<String>,
    /// Attributes whose mapping gives nothing for this worker now.
    silent: BTreeSet<String>,
    /// What HR made of what was written.
    event: Option<HrEvent>,
    error: Option<Verdict>,
    /// The attribute that was refused.
    at: Option<String>,
    findings: Vec<Finding>,
    kept_back: Vec<KeptBack>,
}

/// Something that a limit holds, or nobody has read yet: the attributes that it writes, the log's code, and why.
struct KeptBack {
    attributes: Vec<String>,
    code: &'static str,
    reason: String,
}

impl KeptBack {
    fn all(ending: &Ending) -> Vec<KeptBack> {
        let held = ending.held.iter().map(|held| KeptBack {
            attributes: written(&held.effect),
            code: log::held_code(&held.action),
            reason: log::describe_held(held),
        });
        let withheld = ending.withheld.iter().map(|withheld| KeptBack {
            attributes: withheld.effects.iter().flat_map(written).collect(),
            code: withheld.code,
            reason: withheld.reason.clone(),
        });
        held.chain(withheld).collect()
    }
}

impl Route {
    /// What came of a worker, for the callbacks that were laid over, and those that HR kept pending.
    pub fn outcome(
        &self,
        policy: &Policy,
        subject: &Subject,
        planned: &Planned,
        ending: &Ending,
        escrow: Option<&Escrow>,
        now: Timestamp,
    ) -> Outcome {
        let moment = Moment {
            now,
            plan: planned.change.id,
        };
        let done = ending.done.iter().flat_map(|receipt| &receipt.done);
        let called = |target: &str| {
            self.callable
                .iter()
                .any(|one| one.target.eq_ignore_ascii_case(target))
        };
        let mappings = policy
            .schema
            .mappings
            .iter()
            .filter(|mapping| called(&mapping.target));
        let silent = mappings.filter(|mapping| {
            let desired = moment.desired(policy, &subject.worker, mapping);
            !matches!(desired, Ok(Desired::Values(_)) | Err(_))
        });
        let error = ending.error.as_ref().map(|error| {
            let is_retried = escrow.and_then(retry::next_try).is_some();
            let status = match is_retried && error.code == OPEN_PROCESS {
                true => Status::Pending,
                false => Status::Failure,
            };
            verdict(status, &error.code, error.to_string())
        });
        Outcome {
            worker: subject.worker.anchor.clone(),
            places: subject.places.clone(),
            callable: self.callable,
            written: done.flat_map(written).collect(),
            silent: silent.map(|mapping| mapping.target.clone()).collect(),
            event: ending.done.as_ref().and_then(|receipt| receipt.event.clone()),
            error,
            at: ending.error.as_ref().and_then(|error| error.target.clone()),
            findings: planned.findings.clone(),
            kept_back: KeptBack::all(ending),
        }
    }
}

impl Outcome {
    /// The same failure for everything that waited.
    pub fn failed(worker: &str, places: &[Place], code: &str, message: &str) -> Outcome {
        Outcome {
            worker: worker.to_string(),
            places: places.to_vec(),
            callable: &[],
            written: BTreeSet::new(),
            silent: BTreeSet::new(),
            event: None,
            error: Some(verdict(Status::Failure, code, message.to_string())),
            at: None,
            findings: Vec::new(),
            kept_back: Vec::new(),
        }
    }

    /// What this means for one callback; `later` are those about the same worker that were carried out with it.
    pub fn judge(&self, item: &Item, later: &[&Item]) -> Verdict {
        let is_said_again = |member: &Member| later.iter().any(|item| item.members.contains(member));
        if item.members.iter().all(is_said_again) {
            return superseded();
        }
        let named: Vec<&Callable> = self
            .callable
            .iter()
            .filter(|one| item.members.contains(&one.member))
            .collect();
        let is_ours = |attribute: &str| named.iter().any(|one| begins_with(attribute, one.family));
        let is_written = |one: &&Callable| {
            self.written
                .iter()
                .any(|name| name.eq_ignore_ascii_case(one.target))
        };
        // One that has nothing to do with any callback is about the whole person.
        let is_anybodys =
            |attribute: &str| self.callable.iter().any(|one| begins_with(attribute, one.family));
        if !named.is_empty() && named.iter().all(is_written) {
            return self.done();
        }
        let is_elsewhere = |attribute: &String| is_anybodys(attribute) && !is_ours(attribute);
        if let Some(error) = &self.error
            && !self.at.as_ref().is_some_and(is_elsewhere)
        {
            return error.clone();
        }
        let concerns = |finding: &&Finding| match (&finding.attribute, finding.weight) {
            (Some(attribute), _) if is_ours(attribute) => true,
            // The whole person: who has left, say.
            (None, _) => true,
            (_, Weight::Warning) => false,
            (Some(attribute), _) => !is_anybodys(attribute),
        };
        let heaviest = self
            .findings
            .iter()
            .filter(concerns)
            .max_by_key(|finding| finding.weight);
        match heaviest {
            Some(finding) if finding.code == UNAPPROVED => {
                return verdict(Status::Pending, UNAPPROVED, log::describe(finding));
            }
            Some(finding) if finding.weight >= Weight::Warning => {
                return verdict(Status::Failure, &finding.code, log::describe(finding));
            }
            Some(finding) if finding.weight == Weight::Skip => {
                return verdict(Status::Skipped, &finding.code, log::describe(finding));
            }
            _ => {}
        }
        let is_about_it = |kept: &&KeptBack| kept.attributes.iter().any(|one| is_ours(one));
        if let Some(kept) = self.kept_back.iter().find(is_about_it) {
            return verdict(Status::Skipped, kept.code, kept.reason.clone());
        }
        let silent = |one: &&&Callable| {
            self.silent
                .iter()
                .any(|name| name.eq_ignore_ascii_case(one.target))
        };
        if let Some(silent) = named.iter().find(silent) {
            let message = format!(
                "the mapping of {} gives nothing for this person now",
                silent.target
            );
            return verdict(Status::Skipped, "NothingToFlow", message);
        }
        match self.written.iter().any(|name| is_ours(name)) {
            // The rest of it was there already.
            true => self.done(),
            false => verdict(Status::Success, "RedundantExport", "HR holds it already".into()),
        }
    }

    /// What was written is there, unless somebody has to approve of it first.
    fn done(&self) -> Verdict {
        let waits = self.event.as_ref().is_some_and(|event| event.waiting);
        let why = waits.then_some("HR began a process for this change, which waits for somebody's approval");
        Verdict {
            status: if waits { Status::Pending } else { Status::Success },
            code: waits.then(|| UNAPPROVED.to_string()),
            message: why.map(str::to_string),
            event: self.event.as_ref().map(|event| event.id.clone()),
        }
    }
}

pub fn verdict(status: Status, code: &str, message: String) -> Verdict {
    Verdict {
        status,
        code: Some(code.to_string()),
        message: Some(message),
        event: None,
    }
}

pub fn superseded() -> Verdict {
    let message = "a later callback about the same person names the same and was carried out instead";
    verdict(Status::Skipped, "Superseded", message.into())
}

fn begins_with(name: &str, family: &str) -> bool {
    let head = name.get(..family.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(family))
}

/// The attributes that an effect writes.
fn written(effect: &Effect) -> Vec<String> {
    match effect {
        Effect::Create { values, .. } => values.keys().cloned().collect(),
        Effect::Set { attribute, .. } => vec![attribute.clone()],
        _ => Vec::new(),
    }
}
