//! Back again (B28): what was done to people's accounts is taken back, as far as nobody changed it since, and stays so until HR
//! says something else of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::Engine;
use super::apply::Fate;
use super::desk::Desk;
use super::hearing;
use super::names::{Names, Promised};
use super::plans::{Applied, Head};
use super::reconcile;
use super::record::Carried;
use super::subject::{Page, Subject};
use crate::domain::guard::History;
use crate::domain::hold::{Hold, Until, digest};
use crate::domain::link::Situation;
use crate::domain::plan::{self, Difference, Effect, Moment, Planned, Receipt};
use crate::domain::policy::Policy;
use crate::error::{Error, Kind, Result};
use crate::store::changes::{self, Of};
use crate::store::wakes::{self, Cause};
use crate::store::{holds, jobs, plans, workers};

/// People whose accounts are taken back together.
const PAGE: i64 = 500;

/// What is taken back.
#[derive(Clone, Debug)]
pub struct Undo {
    pub what: What,
    /// Accounts that were made are deleted, and not only disabled.
    pub delete: bool,
    /// Who wants it so.
    pub by: String,
}

#[derive(Clone, Debug)]
pub enum What {
    /// All that these cycles did: one, or those in which a plan was carried out.
    Cycles(Vec<String>),
    /// All that was done to a worker's account in the last thirty days.
    Worker(String),
}

impl Engine {
    /// What of a job's somebody means by the id of a plan, a cycle or a worker; `None` where nothing was done by it.
    pub async fn undoable(&self, job: &str, named: &str) -> Result<Option<What>> {
        let (job, named) = (job.to_string(), named.to_string());
        self.store()
            .read(move |conn| {
                let plan: Option<Head> = plans::find(conn, &job, &named)?;
                let cycles = plan.map_or(vec![named.clone()], |plan| plan.cycles);
                if changes::any_receipt(conn, &job, &Of::Cycles(&cycles))? {
                    return Ok(Some(What::Cycles(cycles)));
                }
                let is_worker = changes::any_receipt(conn, &job, &Of::Worker(&named))?;
                Ok(is_worker.then_some(What::Worker(named)))
            })
            .await
    }

    /// Takes back what a job did. What somebody changed since is left alone, and named in the answer. Error `NothingToUndo`:
    /// nothing is known of it, or not any more.
    pub async fn undo(&self, job: &str, undo: Undo) -> Result<Applied> {
        self.may_write(job)?;
        let desk = Desk::open(self, job).await?;
        let undone = desk.undo(&undo).await;
        desk.close(self).await?;
        undone
    }
}

impl Desk {
    async fn undo(&self, undo: &Undo) -> Result<Applied> {
        // What was uploaded and not read yet is HR's word, too.
        hearing::hear_out(&self.cx).await?;
        let moment = reconcile::moment(self.cx.clock.now());
        let policy = Arc::clone(&self.cx.runner.policy);
        let mut undone = Applied {
            cycle: self.cx.origin.cycle.clone(),
            ..Applied::default()
        };
        let mut after = String::new();
        loop {
            self.go_on()?;
            let some = self.receipts(&undo.what, &after).await?;
            let Some((last, _)) = some.last() else { break };
            after.clone_from(last);
            let anchors = some.iter().map(|(worker, _)| worker.clone()).collect();
            let names = Promised::default();
            let mut page = self
                .plan(anchors, &moment, History::default(), Names::Look(&names))
                .await?;
            let receipts: BTreeMap<&str, &[Receipt]> = some
                .iter()
                .map(|(worker, receipts)| (worker.as_str(), receipts.as_slice()))
                .collect();
            page.history = self.history().await?;
            page.subjects.retain_mut(|subject| {
                let receipts = receipts
                    .get(subject.worker.anchor.as_str())
                    .copied()
                    .unwrap_or_default();
                take_back(&policy, subject, receipts, undo, &moment, &mut undone.changed)
            });
            reconcile::judge_page(&self.cx.runner, &mut page, moment.now);
            undone.changed.extend(page.subjects.iter().flat_map(held));
            let holds = self.hold(&page, undo, moment.now).await?;
            let (carried, counts) = self.carry_out(page, &moment).await?;
            undone.add(&carried, &counts);
            undone.changed.extend(unanswered(&carried));
            self.let_go(&holds, &unsent(&carried)).await?;
        }
        if after.is_empty() {
            let message =
                "nothing is known that was done by it, or not any more: receipts are kept for thirty days";
            return Err(Error::new(Kind::NotFound, message).code("NothingToUndo"));
        }
        Ok(undone)
    }

    /// What was done to the next page of people.
    async fn receipts(&self, what: &What, after: &str) -> Result<Vec<(String, Vec<Receipt>)>> {
        let (job, what, after) = (self.cx.origin.job.clone(), what.clone(), after.to_string());
        self.cx
            .store
            .read(move |conn| {
                let of = match &what {
                    What::Cycles(cycles) => Of::Cycles(cycles),
                    What::Worker(worker) => Of::Worker(worker),
                };
                changes::receipts(conn, &job, &of, &after, PAGE)
            })
            .await
    }

    /// Before anything is written: whatever happens, nobody does it all over again. And whatever happens, the job looks.
    async fn hold(&self, page: &Page, undo: &Undo, now: Timestamp) -> Result<Vec<Hold>> {
        let (job, source, token) = (
            self.cx.origin.job.clone(),
            self.cx.origin.source.clone(),
            self.cx.token,
        );
        let version = self.cx.runner.policy.version;
        let anchors: Vec<String> = page
            .subjects
            .iter()
            .map(|one| one.worker.anchor.clone())
            .collect();
        let said = self
            .cx
            .store
            .read(move |conn| workers::load(conn, &source, &super::texts(&anchors)))
            .await?;
        // As HR said it, and not as the moment turned it.
        let said: HashMap<&str, String> = said
            .iter()
            .map(|one| (one.anchor.as_str(), digest(one)))
            .collect();
        let holds = page.subjects.iter().filter_map(|subject| {
            let record = said.get(subject.worker.anchor.as_str())?.clone();
            hold(subject, record, version, undo, now)
        });
        let holds: Vec<Hold> = holds.collect();
        self.cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &job, token)?;
                let workers: Vec<&str> = holds.iter().filter_map(|hold| hold.worker.as_deref()).collect();
                wakes::wake(conn, &job, &workers, now, Cause::Retry)?;
                holds::keep(conn, &job, &holds)?;
                Ok(holds.clone())
            })
            .await
    }

    /// Ends the holds of workers of whom nothing was written after all.
    async fn let_go(&self, holds: &[Hold], unsent: &[&str]) -> Result<()> {
        let is_unsent = |hold: &&Hold| {
            hold.worker
                .as_deref()
                .is_some_and(|worker| unsent.contains(&worker))
        };
        let ended = holds.iter().filter(is_unsent);
        let ended: Vec<String> = ended.map(|hold| hold.id.clone()).collect();
        self.cx
            .store
            .write(move |conn| holds::end(conn, &super::texts(&ended)))
            .await
    }
}

/// Of whom nothing was written.
fn unsent(carried: &Carried) -> Vec<&str> {
    let pairs = carried.page.subjects.iter().zip(&carried.worked);
    let unsent = pairs.filter(|(_, worked)| worked.fate == Fate::Waits);
    unsent
        .map(|(subject, _)| subject.worker.anchor.as_str())
        .collect()
}

/// Whom nobody answered for. The job finds out what came of it, and takes nothing back by itself.
fn unanswered(carried: &Carried) -> impl Iterator<Item = Difference> {
    let pairs = carried.page.subjects.iter().zip(&carried.worked);
    pairs.filter_map(|(subject, worked)| {
        let message = match worked.fate {
            Fate::Over | Fate::Again => return None,
            Fate::Waits => "nobody answered, and nothing was taken back: undo it again",
            Fate::Unknown | Fate::GivenUp => {
                "it was sent, and nobody answered: look at the account, and undo it again where it is as before"
            }
        };
        Some(Difference {
            worker: subject.worker.anchor.clone(),
            name: subject.worker.display_name().map(|name| name.into_owned()),
            attribute: None,
            message: message.into(),
        })
    })
}

/// Plans the way back for one worker; `false` where there is nothing to be taken back.
fn take_back(
    policy: &Policy,
    subject: &mut Subject,
    receipts: &[Receipt],
    undo: &Undo,
    moment: &Moment,
    changed: &mut Vec<Difference>,
) -> bool {
    let mut differs = |attribute: Option<String>, message: String| {
        changed.push(Difference {
            worker: subject.worker.anchor.clone(),
            name: subject.worker.display_name().map(|name| name.into_owned()),
            attribute,
            message,
        });
    };
    let Some(planned) = &subject.planned else {
        return false;
    };
    let account = match planned.situation.account() {
        Some(account) if receipts.iter().any(|receipt| receipt.account == account.anchor) => account.clone(),
        _ => {
            let gone = "the account that was written is not this worker's any more, or deleted where nobody can bring it back from here";
            differs(None, gone.into());
            return false;
        }
    };
    // The fences hold on the way back, too (B21, B24).
    if let Err(reason) = plan::may_write(policy, &account) {
        differs(reason.attribute, reason.message);
        return false;
    }
    let receipts: Vec<Receipt> = receipts
        .iter()
        .filter(|receipt| receipt.account == account.anchor)
        .cloned()
        .collect();
    let mut reversal = plan::reversal(&receipts, &account, undo.delete);
    for (attribute, message) in reversal.moved {
        differs(Some(attribute), message);
    }
    // What people hold is held against this, too (B12); what another undo set is not.
    for hold in subject.holds.iter().filter(|hold| hold.is_given()) {
        let (kept, left) = reversal
            .effects
            .into_iter()
            .partition(|effect| hold.keeps(effect));
        reversal.effects = left;
        let kept: Vec<Effect> = kept;
        for effect in kept {
            differs(effect.attribute().map(String::from), hold.says());
        }
    }
    let is_wanted_otherwise = |effect: &Effect| {
        // What the limits hold of it is wanted no less.
        let held = subject.held.iter().map(|held| &held.effect);
        let mut wanted = planned.change.effects.iter().chain(held);
        effect.attribute().is_some() && wanted.any(|one| one.attribute() == effect.attribute())
    };
    reversal.effects.retain(|effect| {
        let is_newer = is_wanted_otherwise(effect);
        if is_newer {
            let newer = "HR says something else by now, and the job writes that";
            differs(effect.attribute().map(String::from), newer.into());
        }
        !is_newer
    });
    if reversal.effects.is_empty() {
        return false;
    }
    let mut change = planned.change.clone();
    change.id = Uuid::new_v5(&moment.plan, subject.worker.anchor.as_bytes());
    change.account = Some(account.anchor.clone());
    change.effects = reversal.effects;
    subject.planned = Some(Planned {
        change,
        situation: Situation::Linked(Box::new(account)),
        scope: Ok(()),
        findings: Vec::new(),
        pending: Vec::new(),
        agreed: Vec::new(),
        wanted: None,
        revisit: planned.revisit,
    });
    // What HR says meanwhile is the job's to answer.
    subject.places.clear();
    true
}

/// What a limit keeps from being taken back.
fn held(subject: &Subject) -> impl Iterator<Item = Difference> {
    subject.held.iter().map(|held| Difference {
        worker: subject.worker.anchor.clone(),
        name: subject.worker.display_name().map(|name| name.into_owned()),
        attribute: held.effect.attribute().map(String::from),
        message: format!("a limit holds it back: {} at most in 24 hours", held.limit),
    })
}

/// Until HR says something else of the worker, nothing of what is taken back is done again.
fn hold(subject: &Subject, record: String, schema_version: i64, undo: &Undo, now: Timestamp) -> Option<Hold> {
    let effects = &subject.planned.as_ref()?.change.effects;
    if effects.is_empty() {
        return None;
    }
    let whole = |effect: &Effect| effect.attribute().is_none();
    let attributes = effects.iter().filter_map(Effect::attribute).map(String::from);
    Some(Hold {
        id: Uuid::now_v7().to_string(),
        worker: Some(subject.worker.anchor.clone()),
        account: None,
        attributes: (!effects.iter().any(whole)).then(|| attributes.collect()),
        disables: effects.contains(&Effect::Enable),
        reason: "what was done to the account was undone".into(),
        by: undo.by.clone(),
        since: now,
        until: Until::Changed {
            record,
            schema_version,
        },
    })
}
