//! Reading a system that has to be asked what HR says.
//!
//! All jobs that read one system share a [`Puller`], whose connector reads what any of their schemas wants. In a cycle that
//! is due to read, a [`Pull`] takes in the pages as they come: who is not as last said is kept and woken, beside the
//! planning of those who came before. The next read goes on from this one once it is proved complete and everybody in it
//! has an outcome.
//!
//! Whoever is known and was not in a complete read of everybody is asked for by anchor, and only then said to be out of
//! sight: absence makes no leaver (B4).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::{Context, log, schemas};
use crate::config::App;
use crate::connector::{Cursor, End, Page, Source, System, Watermark};
use crate::domain::schema::Schema;
use crate::domain::worker::{Statement, Worker};
use crate::error::{Error, Kind, Result};
use crate::store::pulls::{self, Next};
use crate::store::workers::{self, Stored};
use crate::store::{Conn, Store, jobs, logs};

/// Workers taken in at once.
const WORKERS: usize = 1_000;

/// Pages that wait to be taken in; the source fetches no further ones meanwhile.
const PAGES: usize = 4;

/// Known workers who are asked for together.
const ASKED: i64 = 500;

/// When a read that failed is tried again, unless the source says when.
const SOON: SignedDuration = SignedDuration::from_mins(1);
/// However long it asks us to stay away, it is tried again after this (B25).
const LONGEST_REQUEST: SignedDuration = SignedDuration::from_mins(5);

/// A system that is asked, as all jobs that read it share it.
pub(super) struct Puller {
    pub system: String,
    config: System,
    /// The apps that read it.
    apps: Vec<App>,
    built: Mutex<Option<Built>>,
}

/// A connector, and the versions of the schemas whose attributes it reads.
struct Built {
    versions: Vec<i64>,
    source: Arc<dyn Source>,
}

impl Puller {
    pub fn new(system: &str, config: System, apps: Vec<App>) -> Puller {
        Puller {
            system: system.to_string(),
            config,
            apps,
            built: Mutex::new(None),
        }
    }

    /// Lets credentials that were refused be tried once more.
    pub async fn forgive(&self) {
        if let Some(built) = &*self.built.lock().await {
            built.source.forgive().await;
        }
    }

    /// The connector for the schemas as they are now. It outlives them where what it reads stays the same: so do its
    /// connections, and what it knows of refused credentials.
    pub async fn source(&self, store: &Store) -> Result<Arc<dyn Source>> {
        let mut built = self.built.lock().await;
        let mut versions = Vec::new();
        for app in &self.apps {
            let job = app.job.clone();
            let job = store.read(move |conn| jobs::find(conn, &job)).await?;
            versions.push(job.map_or(0, |job| job.schema_version));
        }
        if let Some(known) = built.as_ref().filter(|known| known.versions == versions) {
            return Ok(Arc::clone(&known.source));
        }
        let mut documents = Vec::new();
        for app in &self.apps {
            documents.extend(schemas::newest(store, app).await?);
        }
        let read: Vec<&Schema> = documents.iter().map(|(_, document)| document.schema()).collect();
        let fresh: Arc<dyn Source> = self.config.source(&read)?.into();
        let source = match built.take() {
            Some(known) if known.source.fingerprint() == fresh.fingerprint() => known.source,
            _ => fresh,
        };
        *built = Some(Built {
            versions,
            source: Arc::clone(&source),
        });
        Ok(source)
    }
}

/// A read under way.
pub(super) struct Pull {
    puller: Arc<Puller>,
    source: Arc<dyn Source>,
    /// When it began: the mark of whoever a read of everybody shows.
    began: Timestamp,
    is_full: bool,
    pages: Pages,
    phase: Phase,
    pub heard: u64,
    pub changed: u64,
}

enum Phase {
    Reading,
    /// A complete read of everybody: known workers who were not in it are asked for.
    Asking {
        watermark: Watermark,
        asked: Vec<String>,
        shown: HashSet<String>,
    },
    Complete(Watermark),
    Failed(Error),
}

/// Pages as they come, fetched beside everything else.
struct Pages {
    come: mpsc::Receiver<Result<Page>>,
    /// Come, and not taken.
    first: Option<Result<Page>>,
    _fetching: AbortOnDropHandle<()>,
}

impl Pages {
    fn of(source: &Arc<dyn Source>, from: Cursor) -> Pages {
        let (tell, come) = mpsc::channel(PAGES);
        let source = Arc::clone(source);
        let fetching = tokio::spawn(async move {
            let mut pages = source.read(from);
            while let Some(page) = pages.next().await {
                if tell.send(page).await.is_err() {
                    return;
                }
            }
        });
        Pages {
            come,
            first: None,
            _fetching: AbortOnDropHandle::new(fetching),
        }
    }

    async fn wait(&mut self) {
        if self.first.is_none() {
            let ended = || Err(Error::internal("the read stopped without an end"));
            self.first = Some(self.come.recv().await.unwrap_or_else(ended));
        }
    }

    /// The next page, if it has come.
    fn take(&mut self) -> Option<Result<Page>> {
        self.first.take().or_else(|| self.come.try_recv().ok())
    }
}

impl Pull {
    /// Begins to read, if the system is due and no other job reads it.
    pub async fn begin(cx: &Context) -> Result<Option<Pull>> {
        let Some(puller) = &cx.runner.puller else {
            return Ok(None);
        };
        let (system, interval, now) = (puller.system.clone(), cx.runner.app.interval, cx.clock.now());
        let (job, token) = (cx.origin.job.clone(), cx.token);
        let claimed = cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &job, token)?;
                pulls::claim(conn, &system, interval, (&job, token), now)
            })
            .await?;
        let Some(standing) = claimed else { return Ok(None) };
        let source = match puller.source(&cx.store).await {
            Ok(source) => source,
            Err(error) => {
                put_off(cx, puller, &error).await?;
                return Err(error);
            }
        };
        let is_same = standing.fingerprint.as_deref() == Some(&source.fingerprint());
        let incremental = source.capability().incremental && is_same;
        let from = match standing.watermark.filter(|_| incremental) {
            Some(watermark) => Cursor::Since(Watermark(watermark)),
            None => Cursor::Full,
        };
        Ok(Some(Pull {
            puller: Arc::clone(puller),
            pages: Pages::of(&source, from.clone()),
            source,
            began: now,
            is_full: from == Cursor::Full,
            phase: Phase::Reading,
            heard: 0,
            changed: 0,
        }))
    }

    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Complete(_) | Phase::Failed(_))
    }

    /// Returns as soon as there is something to take in.
    pub async fn wait(&mut self) {
        self.pages.wait().await;
    }

    /// Takes in what has come; answers how many workers that were.
    pub async fn take_in(&mut self, cx: &Context) -> Result<u64> {
        let mut statements = Vec::new();
        let mut end = None;
        while statements.len() < WORKERS && end.is_none() && !self.is_over() {
            match self.pages.take() {
                None => break,
                Some(Err(error)) => end = Some(Err(error)),
                Some(Ok(page)) => {
                    for finding in &page.nameless {
                        tracing::warn!(system = %self.puller.system, code = %finding.code, "{}", finding.message);
                    }
                    statements.extend(page.statements);
                    end = page.end.map(Ok);
                }
            }
        }
        let heard = statements.len() as u64;
        self.heard += heard;
        if !statements.is_empty() {
            self.keep(cx, statements).await?;
        }
        match end {
            None => {}
            Some(Err(error)) => self.fail(error),
            Some(Ok(End::Doubtful(reasons))) => self.fail(doubtful(&reasons)),
            Some(Ok(End::Complete(watermark))) => self.go_on(cx, watermark).await?,
        }
        Ok(heard)
    }

    /// Why this read is no good, if it is not.
    pub fn failure(&self) -> Option<&Error> {
        match &self.phase {
            Phase::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// What to remember of it. `is_done`: everybody in it has an outcome.
    pub fn next(&self, cx: &Context, is_done: bool) -> Next {
        match &self.phase {
            Phase::Complete(watermark) if is_done => Next::From {
                watermark: watermark.0,
                fingerprint: self.source.fingerprint(),
            },
            Phase::Complete(_) => Next::Again,
            Phase::Failed(error) => Next::NotBefore(later(cx, error)),
            Phase::Reading | Phase::Asking { .. } => Next::NotBefore(cx.clock.now()),
        }
    }

    pub fn system(&self) -> &str {
        &self.puller.system
    }

    fn fail(&mut self, error: Error) {
        tracing::warn!(system = %self.puller.system, code = %error.code, %error, "the read is not complete and will be repeated");
        self.phase = Phase::Failed(error);
    }

    async fn keep(&mut self, cx: &Context, statements: Vec<Statement>) -> Result<()> {
        if let Phase::Asking { shown, .. } = &mut self.phase {
            shown.extend(statements.iter().map(|statement| statement.anchor.clone()));
        }
        let read = self.is_full.then_some(self.began);
        self.changed += keep(cx, statements, read).await?;
        Ok(())
    }

    /// What comes after the end of a read.
    async fn go_on(&mut self, cx: &Context, read: Watermark) -> Result<()> {
        let (watermark, from) = match std::mem::replace(&mut self.phase, Phase::Reading) {
            Phase::Asking {
                watermark,
                asked,
                shown,
            } => {
                let last = asked.last().cloned().unwrap_or_default();
                let hidden: Vec<String> = asked.into_iter().filter(|it| !shown.contains(it)).collect();
                self.changed += hide(cx, &self.puller.system, hidden).await?;
                (watermark, last)
            }
            _ => (read, String::new()),
        };
        let asks = self.is_full && self.source.capability().by_anchor;
        let unseen = match asks {
            true => self.unseen(cx, from).await?,
            false => Vec::new(),
        };
        self.phase = match unseen.is_empty() {
            true => Phase::Complete(watermark),
            false => {
                self.pages = Pages::of(&self.source, Cursor::Workers(unseen.clone()));
                Phase::Asking {
                    watermark,
                    asked: unseen,
                    shown: HashSet::new(),
                }
            }
        };
        Ok(())
    }

    async fn unseen(&self, cx: &Context, after: String) -> Result<Vec<String>> {
        let (system, began) = (self.puller.system.clone(), self.began);
        cx.store
            .read(move |conn| pulls::unseen(conn, &system, began, &after, ASKED))
            .await
    }
}

fn doubtful(reasons: &[String]) -> Error {
    let message = format!("the read may lack somebody: {}", reasons.join("; "));
    Error::unavailable(message).code("IncompleteRead")
}

/// When a read that failed is tried again.
fn later(cx: &Context, error: &Error) -> Timestamp {
    let asked = error
        .retry_after
        .and_then(|wait| SignedDuration::try_from(wait).ok());
    let wait = match (asked, error.kind) {
        (Some(wait), _) => wait.min(LONGEST_REQUEST),
        (None, Kind::Unavailable) => SOON,
        (None, _) => cx.runner.app.interval,
    };
    let now = cx.clock.now();
    now.saturating_add(wait).unwrap_or(now)
}

async fn put_off(cx: &Context, puller: &Puller, error: &Error) -> Result<()> {
    let (system, job, token) = (puller.system.clone(), cx.origin.job.clone(), cx.token);
    let next = Next::NotBefore(later(cx, error));
    cx.store
        .write(move |conn| pulls::finish(conn, &system, (&job, token), &next))
        .await
}

/// Keeps what is news; answers for how many workers it is.
async fn keep(cx: &Context, statements: Vec<Statement>, read: Option<Timestamp>) -> Result<u64> {
    let statements: Arc<[Statement]> = statements.into();
    match keep_all(cx, Arc::clone(&statements), read).await {
        Err(error) if is_about_the_data(&error) => {
            let mut changed = 0;
            for statement in &*statements {
                changed += keep_one(cx, statement, read).await?;
            }
            Ok(changed)
        }
        outcome => outcome,
    }
}

fn is_about_the_data(error: &Error) -> bool {
    !log::is_passing(error) && error.kind != Kind::Stale
}

/// What cannot be stored is that worker's failure and nobody else's.
async fn keep_one(cx: &Context, statement: &Statement, read: Option<Timestamp>) -> Result<u64> {
    match keep_all(cx, [statement.clone()].into(), read).await {
        Err(error) if is_about_the_data(&error) => {
            let now = cx.clock.now();
            let reason = format!("the record could not be stored: {error}");
            let entry = |origin| log::unplanned(origin, &statement.anchor, "InvalidData", &reason, now);
            let entries: Vec<_> = cx.readers.iter().map(entry).collect();
            let (job, token) = (cx.origin.job.clone(), cx.token);
            let write = move |conn: &mut Conn| {
                jobs::fence(conn, &job, token)?;
                logs::append(conn, &entries)
            };
            cx.store.write(write).await?;
            Ok(0)
        }
        outcome => outcome,
    }
}

async fn keep_all(cx: &Context, statements: Arc<[Statement]>, read: Option<Timestamp>) -> Result<u64> {
    let system = cx.origin.source.clone();
    let known = {
        let (system, statements) = (system.clone(), Arc::clone(&statements));
        let load = move |conn: &mut Conn| workers::load(conn, &system, &anchors(&statements));
        cx.store.read(load).await?
    };
    let changed = {
        let statements = Arc::clone(&statements);
        tokio::task::spawn_blocking(move || news(known, &statements))
            .await
            .map_err(|error| Error::internal("folding a page ended early").because(error))??
    };
    let count = changed.len() as u64;
    write(cx, changed, move |conn, _| match read {
        Some(read) => pulls::mark_seen(conn, &system, &anchors(&statements), read),
        None => Ok(()),
    })
    .await?;
    Ok(count)
}

fn anchors(statements: &[Statement]) -> Vec<&str> {
    statements
        .iter()
        .map(|statement| statement.anchor.as_str())
        .collect()
}

/// The workers whom these statements make other than they were.
fn news(known: Vec<Worker>, statements: &[Statement]) -> Result<Vec<Stored>> {
    let mut known: BTreeMap<String, Worker> = known
        .into_iter()
        .map(|worker| (worker.anchor.clone(), worker))
        .collect();
    let mut changed = Vec::new();
    for statement in statements {
        let before = known.remove(&statement.anchor);
        let mut after = before
            .clone()
            .unwrap_or_else(|| Worker::new(statement.anchor.clone()));
        after.fold(statement.clone());
        if before.as_ref() != Some(&after) {
            changed.push(Stored::new(after)?);
        }
    }
    Ok(changed)
}

/// Says of workers who were asked for and did not show that they are out of sight; answers of how many that is new.
async fn hide(cx: &Context, system: &str, hidden: Vec<String>) -> Result<u64> {
    if hidden.is_empty() {
        return Ok(0);
    }
    tracing::warn!(
        %system,
        workers = hidden.len(),
        "known workers are out of sight; their accounts stay as they are. Did they leave the integration user's security group?"
    );
    let (named, now) = (system.to_string(), cx.clock.now());
    let known = cx
        .store
        .read(move |conn| {
            let anchors: Vec<&str> = hidden.iter().map(String::as_str).collect();
            workers::load(conn, &named, &anchors)
        })
        .await?;
    let news = known.into_iter().filter(|worker| worker.hidden.is_none());
    let news = news.map(|mut worker| {
        worker.hidden = Some(now);
        Stored::new(worker)
    });
    let news: Vec<Stored> = news.collect::<Result<_>>()?;
    let count = news.len() as u64;
    write(cx, news, |_, _| Ok(())).await?;
    Ok(count)
}

/// Writes workers, wakes their jobs, and does something more in the same commit.
async fn write(
    cx: &Context,
    changed: Vec<Stored>,
    more: impl Fn(&mut Conn, Timestamp) -> Result<()> + Send + 'static,
) -> Result<()> {
    let (system, job, token) = (cx.origin.source.clone(), cx.origin.job.clone(), cx.token);
    let readers: Vec<String> = cx.readers.iter().map(|reader| reader.job.clone()).collect();
    let now = cx.clock.now();
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            pulls::hear(conn, &system, &changed, &readers, now)?;
            more(conn, now)
        })
        .await
}
