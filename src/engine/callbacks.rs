//! Callbacks: somebody names a person and what is to go home to HR now, ahead of the directory's next report (B30).
//!
//! An item waits until its person has been asked of the directory, so that the record is fresh (`hear.rs`); then its values
//! are laid over that record, the worker is woken, and the item waits for the outcome of the next plan like any other
//! operation (B5). Plan, guard and log are those of everybody else.

mod report;
mod route;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};

use super::hear::{self, Heard};
use super::log::{self, Origin};
use super::{Context, Engine, notify, pull};
use crate::config::App;
use crate::connector::{Cursor, End, Source};
use crate::domain::callback::Call;
use crate::domain::value::Value;
use crate::domain::worker::{Attributes, Said, Statement, Worker};
use crate::error::{Error, Kind, Result};
use crate::store::callbacks::{self, Batch, Item, Status, Verdict};
use crate::store::logs::{self, Entry};
use crate::store::uploads::Place;
use crate::store::workers::{self, Stored};
use crate::store::{Conn, jobs, micros, pulls};
pub use report::Report;
pub use route::Objection;
pub(super) use route::Route;
pub(super) use verdict::Outcome;
use verdict::verdict;

/// People looked up together.
const TOGETHER: i64 = 100;

/// How soon somebody is looked up again where the directory was silent; doubled each time.
const SOON: SignedDuration = SignedDuration::from_secs(1);
const LONGEST: SignedDuration = SignedDuration::from_mins(1);
/// However long the directory asks us to stay away, it is asked again after this (B25).
const LONGEST_REQUEST: SignedDuration = SignedDuration::from_mins(5);
/// How soon it is tried again where another job reads the directory meanwhile.
const BUSY: SignedDuration = SignedDuration::from_secs(2);

impl Engine {
    /// What of these calls the job has no use for; an error where it takes no callbacks at all.
    pub async fn objections(&self, app: &App, calls: &[Call]) -> Result<Vec<Objection>> {
        let runner = self.current(&app.job).await?;
        let (Some(route), Some(puller)) = (&runner.callbacks, &runner.puller) else {
            return Err(Error::invalid(
                "this job takes no callbacks: they are for jobs that take people from a directory to Workday",
            ));
        };
        let source = puller.source(self.store()).await?;
        if !source.capability().by_value {
            return Err(Error::invalid(
                "this job takes no callbacks: its source cannot be asked for one person by a value",
            ));
        }
        let calls = calls.iter().enumerate();
        Ok(calls.flat_map(|(at, call)| route.objections(at, call)).collect())
    }

    /// The batch that a client sent under a key before. Error: it was another one.
    pub async fn called_before(
        &self,
        app: &App,
        client: &str,
        key: Option<&str>,
        digest: &str,
    ) -> Result<Option<String>> {
        let (job, client, digest) = (app.job.clone(), client.to_string(), digest.to_string());
        let key = key.map(str::to_string);
        self.store()
            .read(move |conn| callbacks::known(conn, &job, &client, key.as_deref(), &digest))
            .await
    }

    /// Takes callbacks in: durable when this answers with the id of the batch.
    pub async fn call_back(&self, app: &App, batch: Batch) -> Result<String> {
        let (job, source, now) = (app.job.clone(), app.source.clone(), self.clock().now());
        let id = self
            .store()
            .write(move |conn| callbacks::append(conn, &job, &source, &batch, now))
            .await?;
        self.wake(&app.job);
        Ok(id)
    }

    /// What has become of a batch.
    pub async fn callback(&self, app: &App, id: &str) -> Result<Option<Report>> {
        let (job, id) = (app.job.clone(), id.to_string());
        self.store().read(move |conn| Report::load(conn, &job, &id)).await
    }
}

/// Looks up whom waiting callbacks are about and lays them over; answers how many were dealt with. Nobody may be reading the
/// source meanwhile: what was read before, and is heard later, would look like news.
pub(super) async fn take_in(cx: &Context) -> Result<u64> {
    let (Some(route), Some(puller)) = (&cx.runner.callbacks, &cx.runner.puller) else {
        return Ok(0);
    };
    let (job, now) = (cx.origin.job.clone(), cx.clock.now());
    let waiting = cx
        .store
        .read(move |conn| callbacks::waiting(conn, &job, now, TOGETHER))
        .await?;
    let Some(first) = waiting.first() else {
        return Ok(0);
    };
    if !pull::lend(cx).await? {
        put_off(cx, first, BUSY, first.attempts).await?;
        return Ok(0);
    }
    let outcome = match puller.source(&cx.store).await {
        Ok(source) => look_up(cx, route, source.as_ref(), &waiting).await,
        Err(error) => Err(error),
    };
    pull::give_back(cx).await?;
    match outcome {
        Err(error) if error.kind != Kind::Stale => {
            tracing::warn!(job = %cx.origin.job, code = %error.code, %error, "callbacks wait: the source does not say whom they are about");
            let asked = error
                .retry_after
                .and_then(|wait| SignedDuration::try_from(wait).ok());
            let wait = (SOON * (1 << first.attempts.clamp(0, 10))).min(LONGEST);
            let wait = asked.map_or(wait, |asked| asked.min(LONGEST_REQUEST));
            put_off(cx, first, wait, first.attempts + 1).await?;
            Ok(0)
        }
        outcome => outcome,
    }
}

async fn put_off(cx: &Context, item: &Item, wait: SignedDuration, attempts: i32) -> Result<()> {
    let (job, token, item) = (cx.origin.job.clone(), cx.token, item.clone());
    let now = cx.clock.now();
    let due = now.saturating_add(wait).unwrap_or(now);
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            callbacks::put_off(conn, &job, &item, due, attempts)
        })
        .await
}

/// Looks everybody up together. What is refused then is refused for somebody's sake: each is looked up alone.
async fn look_up(cx: &Context, route: &Route, source: &dyn Source, items: &[Item]) -> Result<u64> {
    match ask(route, source, items).await {
        Ok(statements) => hear_of(cx, route, items, statements).await?,
        Err(error) if log::is_passing(&error) => return Err(error),
        Err(_) => {
            for item in items {
                let alone = std::slice::from_ref(item);
                match ask(route, source, alone).await {
                    Ok(statements) => hear_of(cx, route, alone, statements).await?,
                    Err(error) if log::is_passing(&error) => return Err(error),
                    Err(error) => {
                        let refused = verdict(Status::Failure, &error.code, error.to_string());
                        keep(cx, Vec::new(), vec![(item.clone(), refused)]).await?;
                    }
                }
            }
        }
    }
    Ok(items.len() as u64)
}

/// What the source says of everybody who may be meant.
async fn ask(route: &Route, source: &dyn Source, items: &[Item]) -> Result<Vec<Statement>> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (attribute, value) in items
        .iter()
        .flat_map(|item| route.keys(&item.who).unwrap_or_default())
    {
        values.entry(attribute).or_default().insert(value);
    }
    let mut said = Vec::new();
    for (attribute, values) in values {
        let mut pages = source.read(Cursor::Holding {
            attribute: attribute.to_string(),
            values: values.into_iter().map(str::to_string).collect(),
        });
        let mut end = None;
        while let Some(page) = pages.next().await {
            let page = page?;
            said.extend(page.statements);
            end = page.end;
        }
        match end {
            Some(End::Complete(_)) => {}
            Some(End::Doubtful(reasons)) => {
                let message = format!("the source may not have shown everybody: {}", reasons.join("; "));
                return Err(Error::unavailable(message));
            }
            Some(End::Expired) | None => {
                return Err(Error::unavailable(
                    "the source stopped in the middle of its answer",
                ));
            }
        }
    }
    Ok(said)
}

/// Whom an item turned out to be about, and what is to be said of them.
struct Laid {
    item: Item,
    place: Place,
    values: Attributes,
}

async fn hear_of(cx: &Context, route: &Route, items: &[Item], statements: Vec<Statement>) -> Result<()> {
    hear::hear(cx, statements.clone(), Heard::AsNews).await?;
    let mut laid = Vec::new();
    let mut refused = Vec::new();
    for item in items {
        match lay(route, item, &statements) {
            Ok(one) => laid.push(one),
            Err(verdict) => refused.push((item.clone(), verdict)),
        }
    }
    keep(cx, laid, refused).await
}

fn lay(route: &Route, item: &Item, statements: &[Statement]) -> Result<Laid, Verdict> {
    // The schema may have become another since the callback was taken in.
    let unmapped = |why: String| verdict(Status::Failure, "NotMapped", why);
    let keys = route.keys(&item.who).map_err(unmapped)?;
    let mut found: HashMap<&str, &Statement> = HashMap::new();
    for statement in statements {
        if keys
            .iter()
            .all(|(attribute, value)| holds(statement, attribute, value))
        {
            found.insert(&statement.anchor, statement);
        }
    }
    let named = keys
        .iter()
        .map(|(attribute, value)| format!("{attribute} '{value}'"));
    let named = named.collect::<Vec<_>>().join(" and ");
    let statement = match found.len() {
        0 => {
            let message = format!(
                "nobody in the source has {named}: correct it, or send this again when the account is there"
            );
            return Err(verdict(Status::Failure, "WorkerNotFound", message));
        }
        1 => found.into_values().next(),
        several => {
            let message = format!(
                "{several} people in the source have {named}: correct their accounts, or name the person by userPrincipalName too"
            );
            return Err(verdict(Status::Failure, "AmbiguousWorker", message));
        }
    };
    let mut values = Attributes::new();
    for (member, value) in item.said.iter().flatten() {
        let attribute = route.attribute(*member).map_err(unmapped)?;
        values.insert(attribute.to_string(), Value::text(value.clone()));
    }
    Ok(Laid {
        item: item.clone(),
        place: Place {
            sequence: item.sequence,
            position: item.position,
            anchor: statement.map(|one| one.anchor.clone()).unwrap_or_default(),
            received: micros(item.changed),
        },
        values,
    })
}

/// Whether a record has a value, as directories compare.
fn holds(statement: &Statement, attribute: &str, value: &str) -> bool {
    let Said::Whole(record) = &statement.said else {
        return false;
    };
    let held = record.attributes.get(attribute).map(Value::to_texts);
    let is_same = |held: &String| held.trim().to_lowercase() == value.trim().to_lowercase();
    held.is_some_and(|held| held.iter().any(is_same))
}

/// Everything happens in one transaction: the values in the workers' records, their wakes, the operations that wait now, and
/// the outcome of those about nobody.
async fn keep(cx: &Context, laid: Vec<Laid>, refused: Vec<(Item, Verdict)>) -> Result<()> {
    let (origin, token, now) = (cx.origin.clone(), cx.token, cx.clock.now());
    let readers: Vec<String> = cx.readers.iter().map(|reader| reader.job.clone()).collect();
    cx.store
        .write(move |conn| {
            let (job, system) = (origin.job.as_str(), origin.source.as_str());
            jobs::fence(conn, job, token)?;
            pulls::fence(conn, system, (job, token))?;
            let anchors: BTreeSet<&str> = laid.iter().map(|one| one.place.anchor.as_str()).collect();
            let anchors: Vec<&str> = anchors.into_iter().collect();
            let known = workers::load(conn, system, &anchors)?;
            let mut known: BTreeMap<&str, Worker> = known
                .iter()
                .map(|worker| (worker.anchor.as_str(), worker.clone()))
                .collect();
            let mut places = Vec::new();
            let mut refused = refused.clone();
            for one in &laid {
                match known.get_mut(one.place.anchor.as_str()) {
                    Some(worker) => {
                        worker.state(one.values.clone());
                        places.push(one.place.clone());
                    }
                    // Hearing of the person failed, and the log says why.
                    None => {
                        let message =
                            "the record of this person could not be stored: the provisioning log says why";
                        refused.push((
                            one.item.clone(),
                            verdict(Status::Failure, "InvalidData", message.into()),
                        ));
                    }
                }
            }
            let told: Vec<Stored> = known.into_values().map(Stored::new).collect::<Result<_>>()?;
            let persons: Vec<&str> = told.iter().filter_map(Stored::person).collect();
            workers::hear(conn, system, &told, &persons, &readers, now)?;
            callbacks::lay_over(conn, job, &places)?;
            refuse(conn, &origin, &refused, now)
        })
        .await
}

/// Says of callbacks that they are about nobody, or nobody in particular.
fn refuse(conn: &mut Conn, origin: &Origin, refused: &[(Item, Verdict)], now: Timestamp) -> Result<()> {
    let entries = refused.iter().map(|(item, verdict)| {
        let who = item.who.worker.as_ref().or(item.who.principal.as_ref());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (code, message) = (text(&verdict.code), text(&verdict.message));
        log::unplanned(origin, who.map_or("", String::as_str), &code, &message, now)
    });
    let entries: Vec<Entry> = entries.collect();
    logs::append(conn, &entries)?;
    let settled: Vec<(&Item, Verdict)> = refused
        .iter()
        .map(|(item, verdict)| (item, verdict.clone()))
        .collect();
    settle(conn, &origin.job, &settled, now)
}

/// Gives the callbacks of some workers the outcome of the work on them.
pub(super) fn answer(conn: &mut Conn, job: &str, outcomes: &[Outcome], now: Timestamp) -> Result<()> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let places: Vec<Place> = outcomes
        .iter()
        .flat_map(|outcome| outcome.places.clone())
        .collect();
    let anchors: Vec<&str> = outcomes.iter().map(|outcome| outcome.worker.as_str()).collect();
    let mut items = callbacks::awaiting(conn, job, &places, &anchors)?;
    items.sort_by_key(|item| (item.sequence, item.position));
    let mut settled = Vec::new();
    for outcome in outcomes {
        let own = |item: &&Item| item.anchor.as_deref() == Some(outcome.worker.as_str());
        let own: Vec<&Item> = items.iter().filter(own).collect();
        for (at, item) in own.iter().enumerate() {
            settled.push((*item, outcome.judge(item, &own[at + 1..])));
        }
    }
    settle(conn, job, &settled, now)
}

fn settle(conn: &mut Conn, job: &str, settled: &[(&Item, Verdict)], now: Timestamp) -> Result<()> {
    for id in callbacks::settle(conn, job, settled, now)? {
        if let Some(report) = Report::load(conn, job, &id)? {
            notify::add(conn, "writeback.completed", &report, now)?;
        }
    }
    Ok(())
}
