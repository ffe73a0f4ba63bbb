//! One person, now (Graph's provisionOnDemand): HR is asked, the account is looked up, planned and written, and everything that was
//! decided on the way is told.

use std::sync::Arc;

use serde_json::Value as Json;

use super::desk::Desk;
use super::hear::{self, Heard};
use super::names::Names;
use super::{Engine, Runner, hearing, log, pull, read_back, reconcile};
use crate::domain::decision::Decision;
use crate::domain::policy::Policy;
use crate::domain::worker::Worker;
use crate::error::{Error, Kind, Result};
use crate::store::wakes::{self, Cause};
use crate::store::{Store, decisions, from_json, guard, jobs, workers};

/// Workers that a number may be found in, of whom one has it.
const CANDIDATES: i64 = 100;

impl Engine {
    /// Takes a worker the whole way, named by HR's own key or by the number that accounts are matched by; answers with the entry
    /// as the provisioning log has it. What a limit held back of this person is released: `by` has answered for it (B17).
    pub async fn provision(&self, job: &str, named: &str, by: &str) -> Result<Json> {
        self.may_write(job)?;
        let mut desk = Desk::open(self, job).await?;
        let entry = desk.provision(named, by).await;
        desk.close(self).await?;
        entry
    }
}

impl Desk {
    async fn provision(&mut self, named: &str, by: &str) -> Result<Json> {
        self.whole_source().await?;
        hearing::hear_out(&self.cx).await?;
        let anchor = self.asked(named).await?;
        let began = self.cx.clock.now();
        self.release(&anchor, by).await?;
        let moment = reconcile::moment(began);
        let history = self.history().await?;
        let page = self
            .plan(vec![anchor.clone()], &moment, history, Names::Keep)
            .await?;
        if page.subjects.is_empty() {
            return Err(unknown(named));
        }
        let (carried, _) = self.carry_out(page, &moment).await?;
        let (subject, worked) = (carried.page.subjects.first(), carried.worked.first());
        let told = subject.zip(worked).and_then(|(subject, worked)| {
            let planned = subject.planned.as_ref()?;
            let now = self.cx.clock.now();
            let model = &self.cx.runner.policy.model;
            let took = now.duration_since(began);
            Some(log::entry(
                &self.cx.origin,
                model,
                &subject.worker,
                planned,
                &worked.ending,
                took,
                now,
            ))
        });
        let told = told.ok_or_else(|| Error::internal("the worker was not planned"))?;
        from_json(&told.body)
    }

    /// The worker somebody means, as HR has them now.
    async fn asked(&self, named: &str) -> Result<String> {
        let (store, runner) = (&self.cx.store, &self.cx.runner);
        match anchor(store, runner, named).await {
            Ok(anchor) => self.ask(&anchor).await.map(|()| anchor),
            // HR may have somebody of whom nothing was read yet.
            Err(error) if error.kind == Kind::NotFound => match self.ask(named).await {
                Ok(()) => anchor(store, runner, named).await,
                Err(refused) if refused.kind == Kind::Invalid => Err(error),
                Err(outage) => Err(outage),
            },
            Err(error) => Err(error),
        }
    }

    /// Hears what HR says of the worker now, where it can be asked.
    async fn ask(&self, anchor: &str) -> Result<()> {
        let Some(puller) = &self.cx.runner.puller else {
            return Ok(());
        };
        // While another job reads the system, what it said last is as new.
        if !pull::lend(&self.cx).await? {
            return Ok(());
        }
        let heard = async {
            let statements = read_back::read(&self.cx, puller, vec![anchor.to_string()]).await?;
            hear::hear(&self.cx, statements, Heard::AsNews).await
        };
        let heard = heard.await;
        pull::give_back(&self.cx).await?;
        heard.map(|_| ())
    }

    /// Whatever happens from here on, the job looks at this worker.
    async fn release(&self, anchor: &str, by: &str) -> Result<()> {
        let (job, token, now) = (self.cx.origin.job.clone(), self.cx.token, self.cx.clock.now());
        let (anchor, by) = (anchor.to_string(), by.to_string());
        self.cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &job, token)?;
                if guard::release_worker(conn, &job, &anchor)? > 0 {
                    let about = format!("what limits held of worker {anchor}");
                    decisions::keep(conn, &job, &[Decision::released(about, &by, now)])?;
                }
                wakes::wake(conn, &job, &[&anchor], now, Cause::Retry)
            })
            .await
    }
}

/// Whose key it is, or who alone has it as the number that accounts are matched by. Error `WorkerNotFound`: nobody.
pub(super) async fn anchor(store: &Store, runner: &Runner, named: &str) -> Result<String> {
    let (source, wanted) = (runner.app.source.clone(), named.to_string());
    let policy = Arc::clone(&runner.policy);
    let found = store
        .read(move |conn| {
            if !workers::load(conn, &source, &[&wanted])?.is_empty() {
                return Ok(vec![wanted]);
            }
            let numbers = numbers(&policy);
            let found = workers::mentioning(conn, &source, &wanted, CANDIDATES)?;
            let has = |attribute: &&str, worker: &Worker| {
                let value = worker.attributes.get(*attribute);
                value.is_some_and(|value| value.to_texts() == [wanted.clone()])
            };
            let found = found
                .into_iter()
                .filter(|worker| numbers.iter().any(|attribute| has(attribute, worker)));
            Ok(found.map(|worker| worker.anchor).collect())
        })
        .await?;
    match found.as_slice() {
        [anchor] => Ok(anchor.clone()),
        [] => Err(unknown(named)),
        several => Err(Error::invalid(format!(
            "{} workers have the number {named}: name one by HR's own key ({})",
            several.len(),
            several.join(", ")
        ))),
    }
}

/// The attributes of workers that accounts are matched by as they are.
fn numbers(policy: &Policy) -> Vec<&str> {
    let matching = policy
        .matching()
        .filter_map(|mapping| mapping.expression.as_ref());
    let read = matching.map(|expression| expression.attributes());
    read.filter(|names| names.len() == 1).flatten().collect()
}

pub(super) fn unknown(named: &str) -> Error {
    let message =
        format!("HR has said nothing of a worker {named}: name somebody by HR's own key or by their number");
    Error::new(Kind::NotFound, message).code("WorkerNotFound")
}
