//! Plans that people read before they happen: made like a live cycle's, written nowhere but in the store, and carried out
//! exactly so, or refused because the world moved.

mod make;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::apply::Worked;
use super::desk::Desk;
use super::names::{self, Names, Promised};
use super::record::{Carried, Counts};
use super::subject::{Page, Subject};
use super::{Engine, hearing};
use crate::domain::guard::History;
use crate::domain::mapping::Mapping;
use crate::domain::plan::{Difference, Effect, Moment, Proposal};
use crate::domain::policy::Policy;
use crate::error::{Error, Kind, Result};
use crate::store::wakes::{self, Cause};
use crate::store::{jobs, plans};

/// Differences that are told of a plan that does not hold any more.
const TOLD: usize = 20;

/// How long a plan may wait for the job to be free, and its target to answer, before its making begins.
const WAITING: SignedDuration = SignedDuration::from_mins(5);

/// For whom a plan is made.
#[derive(Clone, Debug)]
pub enum Scope {
    /// Whoever would be looked at now.
    Due,
    Everybody,
    /// By source anchor.
    Workers(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    Making,
    Ready,
    Failed,
    Applied,
}

/// All there is to say of a plan but what it proposes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    pub id: Uuid,
    pub app: Uuid,
    pub job: String,
    pub schema_version: i64,
    pub made: Timestamp,
    pub state: State,
    /// Workers who are to be looked at, and those who were.
    pub expected: u64,
    pub looked_at: u64,
    /// How many workers something is proposed for, by what it is; `held` is what a limit keeps back, `findings` what is wrong.
    pub counts: BTreeMap<String, u64>,
    /// What every value comes from: the target's attribute and its expression.
    pub mappings: BTreeMap<String, String>,
    /// Of everything above but the state, and of all that is proposed; SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Those in which it was carried out.
    #[serde(default)]
    pub cycles: Vec<String>,
    /// N of the limits when everybody had been looked at: linked accounts, and those that were found for people without one.
    #[serde(default)]
    pub population: u64,
    /// Of the lease under which it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub making: Option<i64>,
}

/// A plan as a file has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Written {
    pub plan: Head,
    pub changes: Vec<Proposal>,
}

/// What came of a plan.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// The cycle under which the log has it.
    pub cycle: String,
    pub done: u64,
    pub refused: u64,
    /// Nobody answered: the job goes on with them by itself.
    pub waiting: u64,
    /// Changed while the plan was being carried out, and left alone.
    pub changed: Vec<Difference>,
}

impl Applied {
    /// What became of a page.
    pub(super) fn add(&mut self, carried: &Carried, counts: &Counts) {
        let waits = |one: &&Worked| !one.fate.is_outcome();
        self.done += counts.exported;
        self.refused += counts.refused;
        self.waiting += carried.worked.iter().filter(waits).count() as u64;
        self.changed
            .extend(carried.page.subjects.iter().zip(&carried.worked).filter_map(left));
    }
}

impl Engine {
    /// Makes a plan and waits for it; `told` hears how far it is.
    pub async fn make_plan(&self, job: &str, scope: Scope, mut told: impl FnMut(&Head)) -> Result<Head> {
        let mut head = self.begin_plan(job).await?;
        let made = self.fill(&mut head, scope, &mut told).await;
        match made {
            Ok(()) => Ok(head),
            Err(error) => {
                head.state = State::Failed;
                head.error = Some(error.to_string());
                self.keep(&head).await?;
                Err(error)
            }
        }
    }

    /// Begins a plan, and makes it beside whatever else goes on.
    pub async fn order_plan(&self, job: &str, scope: Scope) -> Result<Head> {
        let head = self.begin_plan(job).await?;
        let (engine, mut ordered) = (self.clone(), head.clone());
        self.shared.hands.spawn(async move {
            if let Err(error) = engine.fill(&mut ordered, scope, &mut |_| {}).await {
                tracing::warn!(job = %ordered.job, plan = %ordered.id, code = %error.code, %error, "the plan could not be made");
                ordered.state = State::Failed;
                ordered.error = Some(error.to_string());
                if let Err(error) = engine.keep(&ordered).await {
                    tracing::error!(plan = %ordered.id, %error, "and nobody can be told");
                }
            }
        });
        Ok(head)
    }

    pub async fn plan_head(&self, job: &str, id: Uuid) -> Result<Head> {
        let (job, plan) = (job.to_string(), id.to_string());
        let head = self
            .store()
            .read(move |conn| plans::find::<Head>(conn, &job, &plan))
            .await?;
        let head = match head {
            Some(head) if head.state == State::Making => self.end_if_abandoned(head).await?,
            head => head,
        };
        head.ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("there is no plan {id} of this job, or not any more"),
            )
        })
    }

    /// A plan whose maker is gone is never made: it is said to have failed.
    async fn end_if_abandoned(&self, head: Head) -> Result<Option<Head>> {
        let (job, plan, now) = (head.job, head.id.to_string(), self.clock().now());
        self.store()
            .write(move |conn| {
                let Some(mut head) = plans::find::<Head>(conn, &job, &plan)? else {
                    return Ok(None);
                };
                let is_made = match head.making {
                    Some(token) => jobs::is_held(conn, &job, token, now)?,
                    None => now.duration_since(head.made) < WAITING,
                };
                if head.state == State::Making && !is_made {
                    head.state = State::Failed;
                    head.error = Some("whoever made it was stopped in the middle: make another".into());
                    plans::update(conn, &plan, &head)?;
                }
                Ok(Some(head))
            })
            .await
    }

    /// What is proposed for the workers after one, a page of them; empty when there are no more.
    pub async fn proposals(&self, id: Uuid, after: &str) -> Result<Vec<Proposal>> {
        let (plan, after) = (id.to_string(), after.to_string());
        let page = self
            .store()
            .read(move |conn| plans::page(conn, &plan, &after))
            .await?;
        match page {
            Some((_, body)) => {
                let read = move || plans::unpack(&body);
                self.store().blocking().run("reading a plan", read).await?
            }
            None => Ok(Vec::new()),
        }
    }

    async fn begin_plan(&self, job: &str) -> Result<Head> {
        let runner = self.current(job).await?;
        let policy = &runner.policy;
        let mappings = policy.schema.mappings.iter();
        let head = Head {
            id: Uuid::now_v7(),
            app: runner.app.id,
            job: job.to_string(),
            schema_version: policy.version,
            made: self.clock().now(),
            state: State::Making,
            expected: 0,
            looked_at: 0,
            counts: BTreeMap::new(),
            mappings: mappings
                .filter_map(|mapping| {
                    Some((mapping.target.clone(), mapping.expression.as_ref()?.to_string()))
                })
                .collect(),
            hash: None,
            error: None,
            cycles: Vec::new(),
            population: 0,
            making: None,
        };
        let kept = head.clone();
        self.store()
            .write(move |conn| plans::begin(conn, &kept.id.to_string(), &kept.job, kept.made, &kept))
            .await?;
        Ok(head)
    }

    async fn keep(&self, head: &Head) -> Result<()> {
        let head = head.clone();
        self.store()
            .write(move |conn| plans::update(conn, &head.id.to_string(), &head))
            .await
    }

    async fn fill(&self, head: &mut Head, scope: Scope, told: &mut impl FnMut(&Head)) -> Result<()> {
        let mut desk = Desk::open(self, &head.job).await?;
        let made = desk.make(head, scope, told).await;
        desk.close(self).await?;
        made
    }

    /// Carries a plan out, or the part of it that is about some workers. Error `PlanOutdated`: somebody changed a worker or an
    /// account since; nothing is written then.
    pub async fn apply_plan(&self, job: &str, id: Uuid, only: Option<&[String]>) -> Result<Applied> {
        self.may_write(job)?;
        let desk = Desk::open(self, job).await?;
        let applied = desk.apply(self, id, only).await;
        desk.close(self).await?;
        applied
    }
}

fn may_apply(head: &Head, policy: &Policy, lifetime: SignedDuration, now: Timestamp) -> Result<()> {
    let refuse = |message: String| Err(Error::new(Kind::Conflict, message).code("PlanOutdated"));
    match head.state {
        State::Ready => {}
        State::Applied => return refuse("the plan was carried out already".into()),
        State::Making => return refuse("the plan is not made yet".into()),
        State::Failed => return refuse("the plan could not be made: make another".into()),
    }
    if head.schema_version != policy.version {
        return refuse(format!(
            "the plan was made with version {} of the schema, and the job runs version {}: make another",
            head.schema_version, policy.version
        ));
    }
    if now.duration_since(head.made) > lifetime {
        return refuse(format!(
            "the plan is of {}, older than `plan_lifetime` allows: make another",
            head.made
        ));
    }
    Ok(())
}

impl Desk {
    async fn apply(&self, engine: &Engine, id: Uuid, only: Option<&[String]>) -> Result<Applied> {
        let head = &mut engine.plan_head(&self.cx.origin.job, id).await?;
        let runner = &self.cx.runner;
        may_apply(
            head,
            &runner.policy,
            runner.app.plan_lifetime,
            self.cx.clock.now(),
        )?;
        if let Some(only) = only {
            self.check_part(engine, head, only).await?;
        }
        self.whole_source().await?;
        hearing::hear_out(&self.cx).await?;
        let moment = Moment {
            now: head.made,
            plan: head.id,
        };
        let promised = self.promised(engine, head).await?;
        self.verify(engine, head, only, &moment, &promised).await?;
        head.cycles.push(self.cx.origin.cycle.clone());
        let mut applied = Applied {
            cycle: self.cx.origin.cycle.clone(),
            ..Applied::default()
        };
        let mut history = self.history_for(head).await?;
        let mut after = String::new();
        while let Some((last, proposals)) = self.open_part(engine, head, only, &after).await? {
            self.go_on()?;
            after = last;
            if proposals.is_empty() {
                continue;
            }
            self.promise(head, &proposals).await?;
            let anchors = proposals.iter().map(|one| one.worker.clone()).collect();
            let names = Names::KeepBeside(&promised);
            let mut page = self.plan(anchors, &moment, history, names).await?;
            history = page.history.clone();
            let changed = self.differences(&page, &proposals, &moment);
            self.settle_on(&mut page, &proposals, &changed);
            applied.changed.extend(changed);
            let (carried, counts) = self.carry_out(page, &moment).await?;
            applied.add(&carried, &counts);
        }
        if only.is_none() {
            head.state = State::Applied;
            engine.keep(head).await?;
        }
        Ok(applied)
    }

    /// Error `WorkerNotFound`: somebody is named for whom the plan does nothing.
    async fn check_part(&self, engine: &Engine, head: &Head, only: &[String]) -> Result<()> {
        let mut unknown: BTreeSet<&str> = only.iter().map(String::as_str).collect();
        let mut after = String::new();
        loop {
            let proposals = engine.proposals(head.id, &after).await?;
            let Some(last) = proposals.last() else { break };
            after.clone_from(&last.worker);
            for proposal in proposals.iter().filter(|one| !one.effects.is_empty()) {
                unknown.remove(proposal.worker.as_str());
            }
        }
        match unknown.first() {
            None => Ok(()),
            Some(worker) => {
                let message = format!(
                    "the plan does nothing for a worker {worker}: name people by HR's own key, as the plan has them"
                );
                Err(Error::new(Kind::NotFound, message).code("WorkerNotFound"))
            }
        }
    }

    /// Holds all that is proposed against the world as it is. Nothing is written if any of it does not hold.
    async fn verify(
        &self,
        engine: &Engine,
        head: &Head,
        only: Option<&[String]>,
        moment: &Moment,
        promised: &Promised,
    ) -> Result<()> {
        let mut history = self.history_for(head).await?;
        let mut differences = Vec::new();
        let mut after = String::new();
        while let Some((last, proposals)) = self.open_part(engine, head, only, &after).await? {
            self.go_on()?;
            after = last;
            if proposals.is_empty() {
                continue;
            }
            let anchors = proposals.iter().map(|one| one.worker.clone()).collect();
            let page = self.plan(anchors, moment, history, Names::Look(promised)).await?;
            history = page.history.clone();
            differences.extend(self.differences(&page, &proposals, moment));
        }
        match differences.as_slice() {
            [] => Ok(()),
            some => Err(outdated(some)),
        }
    }

    /// The limits count as they did when the plan was made, also those people's accounts that are not among what is carried
    /// out: who was found without a link, and nothing is to be done about.
    async fn history_for(&self, head: &Head) -> Result<History> {
        let history = self.history().await?;
        Ok(History {
            population: history.population.max(head.population),
            is_counted: true,
            ..history
        })
    }

    /// The names that a plan gives, whoever of it is served now: nobody takes another's.
    async fn promised(&self, engine: &Engine, head: &Head) -> Result<Promised> {
        let promised = Promised::default();
        if !self.cx.runner.policy.schema.mappings.iter().any(Mapping::chooses) {
            return Ok(promised);
        }
        let mut after = String::new();
        loop {
            let proposals = engine.proposals(head.id, &after).await?;
            let Some(last) = proposals.last() else {
                return Ok(promised);
            };
            after.clone_from(&last.worker);
            for proposal in &proposals {
                let held = proposal.held.iter().map(|held| &held.effect);
                let created = proposal.effects.iter().chain(held).find_map(Effect::created);
                if let Some(values) = created {
                    names::promise(&self.cx, &promised, &proposal.worker, values);
                }
            }
        }
    }

    /// What is left to be done of the next page, and the last worker on it.
    async fn open_part(
        &self,
        engine: &Engine,
        head: &Head,
        only: Option<&[String]>,
        after: &str,
    ) -> Result<Option<(String, Vec<Proposal>)>> {
        let mut proposals = engine.proposals(head.id, after).await?;
        let Some(last) = proposals.last().map(|one| one.worker.clone()) else {
            return Ok(None);
        };
        proposals.retain(|one| !one.effects.is_empty() && only.is_none_or(|only| only.contains(&one.worker)));
        let (plan, anchors) = (head.id.to_string(), workers_of(&proposals));
        let done = self
            .cx
            .store
            .read(move |conn| plans::done(conn, &plan, &super::texts(&anchors)))
            .await?;
        proposals.retain(|one| !done.contains(&one.worker));
        Ok(Some((last, proposals)))
    }

    /// Whatever happens from here on, the job looks at these workers, and the plan is done with them.
    async fn promise(&self, head: &Head, proposals: &[Proposal]) -> Result<()> {
        let (id, token, plan, anchors) = (
            self.cx.origin.job.clone(),
            self.cx.token,
            head.id.to_string(),
            workers_of(proposals),
        );
        let (now, head) = (self.cx.clock.now(), head.clone());
        self.cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                let anchors = super::texts(&anchors);
                wakes::wake(conn, &id, &anchors, now, Cause::Retry)?;
                // By the cycle it can be undone, even if this one does not end.
                plans::update(conn, &plan, &head)?;
                plans::mark_done(conn, &plan, &anchors)
            })
            .await
    }

    /// Where what is proposed does not hold any more.
    fn differences(&self, page: &Page, proposals: &[Proposal], moment: &Moment) -> Vec<Difference> {
        let planned = by_worker(&self.cx.runner.policy, page);
        let subjects: HashMap<&str, &Subject> = page
            .subjects
            .iter()
            .map(|subject| (subject.worker.anchor.as_str(), subject))
            .collect();
        let now = self.cx.clock.now();
        let differences = proposals.iter().filter_map(|one| {
            let subject = subjects.get(one.worker.as_str());
            let turned = subject.and_then(|subject| turned(subject, moment.now, now));
            let turned = turned.map(|at| Difference {
                worker: one.worker.clone(),
                name: one.name.clone(),
                attribute: None,
                message: format!("a day of HR's has begun or ended since, at {at}"),
            });
            turned.or_else(|| one.difference(planned.get(&one.worker)))
        });
        differences.collect()
    }

    /// Takes off the page whoever is not as proposed, and has exactly that done to the others.
    fn settle_on(&self, page: &mut Page, proposals: &[Proposal], changed: &[Difference]) {
        let proposed: HashMap<&str, &Proposal> = proposals
            .iter()
            .filter(|one| !changed.iter().any(|changed| changed.worker == one.worker))
            .map(|one| (one.worker.as_str(), one))
            .collect();
        page.subjects.retain_mut(|subject| {
            let proposal = proposed.get(subject.worker.anchor.as_str());
            if let (Some(proposal), Some(planned)) = (proposal, &mut subject.planned) {
                planned.change.effects.clone_from(&proposal.effects);
            }
            proposal.is_some()
        });
    }
}

/// When, between the making of a plan and now, dates of the person's made something else of him or her.
fn turned(subject: &Subject, made: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let kin = subject.kin.iter().map(|kin| &kin.worker);
    let turns = kin
        .chain([&subject.worker])
        .filter_map(|worker| worker.next_turn(made));
    turns.filter(|at| *at <= now).min()
}

/// Who was not written, and why.
fn left((subject, worked): (&Subject, &Worked)) -> Option<Difference> {
    let is_overtaken = |error: &&Error| matches!(error.kind, Kind::Stale | Kind::Conflict);
    let error = worked.ending.error.as_ref();
    let error = error.filter(|error| worked.fate.is_outcome() || is_overtaken(error))?;
    Some(Difference {
        worker: subject.worker.anchor.clone(),
        name: subject.worker.display_name().map(|name| name.into_owned()),
        attribute: error.target.clone(),
        message: error.to_string(),
    })
}

fn workers_of(proposals: &[Proposal]) -> Vec<String> {
    proposals.iter().map(|one| one.worker.clone()).collect()
}

fn proposals(policy: &Policy, page: &Page) -> Vec<Proposal> {
    let subjects = page.subjects.iter();
    subjects
        .filter_map(|subject| Proposal::of(policy, &subject.worker, subject.planned.as_ref()?, &subject.held))
        .collect()
}

fn by_worker(policy: &Policy, page: &Page) -> HashMap<String, Proposal> {
    let proposals = proposals(policy, page).into_iter();
    proposals.map(|one| (one.worker.clone(), one)).collect()
}

fn outdated(differences: &[Difference]) -> Error {
    let told = differences.iter().take(TOLD).map(|one| {
        let name = one.name.as_deref().unwrap_or("?");
        let attribute = one.attribute.as_deref().unwrap_or("account");
        format!("worker {} ({name}), {attribute}: {}", one.worker, one.message)
    });
    let told: Vec<String> = told.collect();
    let more = match differences.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!("\nand {more} more"),
    };
    let message = format!(
        "the world moved since the plan was made, and nothing was written: make another\n{}{more}",
        told.join("\n")
    );
    Error::new(Kind::Conflict, message).code("PlanOutdated")
}

/// What a plan's hash begins with.
fn hash_of(head: &Head) -> Result<Sha256> {
    let mut hash = Sha256::new();
    hash.update(line(&(
        head.id,
        head.app,
        &head.job,
        head.schema_version,
        head.made,
        &head.mappings,
    ))?);
    Ok(hash)
}

fn line(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::internal("a plan cannot be written").because(error))?;
    Ok(text + "\n")
}

impl Written {
    /// Error: this is not what was made, or not all of it.
    pub fn check(&self) -> Result<()> {
        let mut hash = hash_of(&self.plan)?;
        for proposal in &self.changes {
            hash.update(line(proposal)?);
        }
        let hash = format!("{:x}", hash.finalize());
        match self.plan.hash.as_ref() {
            Some(told) if *told == hash => Ok(()),
            _ => Err(
                Error::invalid("the plan was altered after it was made: its hash is another")
                    .code("PlanAltered"),
            ),
        }
    }
}
