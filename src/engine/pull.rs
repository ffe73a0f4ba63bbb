//! Reading a system that has to be asked what HR says.
//!
//! All jobs that read one system share a [`Puller`], whose connector reads what any of their schemas wants. In a cycle that
//! is due to read, a [`Pull`] takes in the pages as they come (`hear.rs`), beside the planning of those who came before. What
//! was taken in is in the store with its wakes; so once a read is proved complete, the next goes on from it.
//!
//! Where everybody has to be read, because nobody was or other attributes are asked for, nobody is planned before that is
//! done: half of a person's records, or half of a record, would make wrong accounts.
//!
//! Whoever is known and was not in a complete read of everybody is asked for by anchor, and only then said to be out of
//! sight: absence makes no leaver (B4).

use std::collections::HashSet;
use std::sync::Arc;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::cycle::failure;
use super::hear::{self, Heard};
use super::{Context, schemas};
use crate::config::App;
use crate::connector::{Cursor, End, Page, Source, System, Watermark};
use crate::domain::schema::{Document, Schema};
use crate::error::{Error, Kind, Result};
use crate::store::pulls::{self, Mark, Standing};
use crate::store::{Store, jobs, workers};

/// Workers taken in at once.
const WORKERS: usize = 1_000;

/// Pages that wait to be taken in; the source fetches no further ones meanwhile.
const PAGES: usize = 4;

/// Known workers who are asked for together.
const ASKED: i64 = 500;

/// When a read that failed is tried again, unless the source says when; doubled each time, up to the interval.
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

    /// One whose connector is there already, whatever schemas say.
    #[cfg(test)]
    pub fn of(system: &str, config: System, source: Arc<dyn Source>) -> Puller {
        Puller {
            built: Mutex::new(Some(Built {
                versions: Vec::new(),
                source,
            })),
            ..Puller::new(system, config, Vec::new())
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
        let documents = self.documents(store, None).await?;
        let read: Vec<&Schema> = documents.iter().map(Document::schema).collect();
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

    /// Whether the connector could be built if this were an app's schema.
    pub async fn check(&self, store: &Store, app: &App, schema: &Document) -> Result<()> {
        let others = self.documents(store, Some(app)).await?;
        let mut read: Vec<&Schema> = others.iter().map(Document::schema).collect();
        read.push(schema.schema());
        self.config.source(&read).map(drop)
    }

    /// The newest schemas of all apps but one.
    async fn documents(&self, store: &Store, without: Option<&App>) -> Result<Vec<Document>> {
        let mut documents = Vec::new();
        for app in &self.apps {
            if without.is_none_or(|without| without.id != app.id) {
                documents.extend(schemas::newest(store, app).await?.map(|(_, document)| document));
            }
        }
        Ok(documents)
    }

    /// How far reading has come, and whether everybody has to be read before anybody is planned.
    pub async fn standing(&self, store: &Store) -> Result<(Standing, bool)> {
        let system = self.system.clone();
        let standing = store.read(move |conn| pulls::standing(conn, &system)).await?;
        let fingerprint = self.source(store).await.map(|source| source.fingerprint());
        let is_whole = standing.watermark.is_some()
            && fingerprint.is_ok_and(|fingerprint| standing.fingerprint == Some(fingerprint));
        Ok((standing, !is_whole))
    }
}

/// A read under way.
pub(super) struct Pull {
    puller: Arc<Puller>,
    source: Arc<dyn Source>,
    /// When it began: the mark of whoever a read of everybody shows.
    began: Timestamp,
    standing: Standing,
    is_full: bool,
    /// Everybody has to be read before anybody is planned.
    is_first: bool,
    pages: Pages,
    phase: Phase,
    /// Workers whom the system showed before.
    known: u64,
    pub heard: u64,
    pub changed: u64,
    nameless: u64,
    hidden: u64,
}

enum Phase {
    Reading,
    /// A complete read of everybody: known workers who were not in it are asked for.
    Asking {
        watermark: Watermark,
        asked: Vec<String>,
        shown: HashSet<String>,
    },
    Complete,
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
    /// Begins to read, at the instant a cycle begins, if the system is due and no other job reads it.
    pub async fn begin(cx: &Context, began: Timestamp) -> Result<Option<Pull>> {
        let Some(puller) = &cx.runner.puller else {
            return Ok(None);
        };
        let (_, is_first) = puller.standing(&cx.store).await?;
        let interval = match is_first {
            true => SignedDuration::ZERO,
            false => cx.runner.app.interval,
        };
        let (system, now) = (puller.system.clone(), cx.clock.now());
        let (job, token) = (cx.origin.job.clone(), cx.token);
        let claimed = cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &job, token)?;
                pulls::claim(conn, &system, interval, (&job, token), began, now)
            })
            .await?;
        let Some(standing) = claimed else { return Ok(None) };
        let system = puller.system.clone();
        let known = cx.store.read(move |conn| workers::count(conn, &system)).await?;
        let known = known.unsigned_abs();
        let source = match puller.source(&cx.store).await {
            Ok(source) => source,
            Err(error) => {
                give_up(cx, puller, &standing, &error).await?;
                return Err(error);
            }
        };
        let incremental = source.capability().incremental && !is_first;
        let from = match standing.watermark.filter(|_| incremental) {
            Some(at) => Cursor::Since(Watermark {
                at,
                place: standing.place.clone(),
            }),
            None => Cursor::Full,
        };
        Ok(Some(Pull {
            puller: Arc::clone(puller),
            pages: Pages::of(&source, from.clone()),
            source,
            began,
            standing,
            is_full: from == Cursor::Full,
            is_first,
            phase: Phase::Reading,
            known,
            heard: 0,
            changed: 0,
            nameless: 0,
            hidden: 0,
        }))
    }

    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Complete | Phase::Failed(_))
    }

    /// How many records there are, by whom the last read of everybody showed; nobody knows how many are new.
    pub fn expected(&self) -> Option<u64> {
        (self.is_full && self.known > 0).then(|| self.known.max(self.heard))
    }

    /// Nobody is to be planned yet, but who was before and has a date to keep.
    pub fn holds_back(&self) -> bool {
        let is_whole = match &self.phase {
            Phase::Complete => true,
            // All that there is was read.
            Phase::Failed(error) => error.code == INCOMPLETE,
            Phase::Reading | Phase::Asking { .. } => false,
        };
        self.is_first && !is_whole
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
                    self.nameless += page.nameless.len() as u64;
                    statements.extend(page.statements);
                    end = page.end.map(Ok);
                }
            }
        }
        let heard = statements.len() as u64;
        self.heard += heard;
        if !statements.is_empty() {
            if let Phase::Asking { shown, .. } = &mut self.phase {
                shown.extend(statements.iter().map(|statement| statement.anchor.clone()));
            }
            let heard = match self.is_full {
                true => Heard::InFull(self.began),
                false => Heard::AsNews,
            };
            self.changed += hear::hear(cx, statements, heard).await?;
        }
        match end {
            None => {}
            Some(Err(error)) => self.fail(cx, error).await?,
            Some(Ok(End::Doubtful(reasons))) => self.fail(cx, incomplete(&reasons)).await?,
            Some(Ok(End::Complete(watermark))) => self.go_on(cx, watermark).await?,
            Some(Ok(End::Expired)) => self.begin_anew(),
        }
        Ok(heard)
    }

    /// The source has forgotten where the last read ended: everybody is read.
    fn begin_anew(&mut self) {
        tracing::info!(system = %self.puller.system, "the watermark has expired: everybody is read");
        self.is_full = true;
        self.pages = Pages::of(&self.source, Cursor::Full);
    }

    /// Why this read is no good, if it is not.
    pub fn failure(&self) -> Option<&Error> {
        match &self.phase {
            Phase::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Lets somebody else read, where this one stops in the middle.
    pub async fn leave(&self, cx: &Context) -> Result<()> {
        if self.is_over() {
            return Ok(());
        }
        let (system, job, token) = (self.puller.system.clone(), cx.origin.job.clone(), cx.token);
        cx.store
            .write(move |conn| pulls::leave(conn, &system, (&job, token)))
            .await
    }

    async fn fail(&mut self, cx: &Context, error: Error) -> Result<()> {
        tracing::warn!(system = %self.puller.system, code = %error.code, %error, "the read is not complete and will be repeated");
        give_up(cx, &self.puller, &self.standing, &error).await?;
        self.phase = Phase::Failed(error);
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
                self.hidden += hidden.len() as u64;
                self.changed += hear::hide(cx, hidden).await?;
                (watermark, last)
            }
            _ => (read, String::new()),
        };
        let asks = self.is_full && self.source.capability().by_anchor;
        let unseen = match asks {
            true => self.unseen(cx, from).await?,
            false => Vec::new(),
        };
        if unseen.is_empty() {
            return self.complete(cx, watermark).await;
        }
        self.pages = Pages::of(&self.source, Cursor::Workers(unseen.clone()));
        self.phase = Phase::Asking {
            watermark,
            asked: unseen,
            shown: HashSet::new(),
        };
        Ok(())
    }

    async fn complete(&mut self, cx: &Context, watermark: Watermark) -> Result<()> {
        let (system, job, token) = (self.puller.system.clone(), cx.origin.job.clone(), cx.token);
        let (fingerprint, generation) = (self.source.fingerprint(), self.standing.generation);
        cx.store
            .write(move |conn| {
                let mark = Mark {
                    at: watermark.at,
                    place: watermark.place.as_deref(),
                    fingerprint: &fingerprint,
                };
                pulls::complete(conn, &system, (&job, token), generation, &mark)
            })
            .await?;
        self.phase = Phase::Complete;
        let Pull { heard, changed, .. } = self;
        tracing::info!(system = %self.puller.system, heard, changed, "the source was read");
        if self.nameless > 0 {
            tracing::warn!(system = %self.puller.system, records = self.nameless, "records do not say whose they are");
        }
        if self.hidden > 0 {
            tracing::warn!(
                system = %self.puller.system,
                workers = self.hidden,
                "known workers are out of sight; their accounts stay as they are. Did they leave the integration user's security group?"
            );
        }
        Ok(())
    }

    async fn unseen(&self, cx: &Context, after: String) -> Result<Vec<String>> {
        let (system, began) = (self.puller.system.clone(), self.began);
        cx.store
            .read(move |conn| workers::unseen(conn, &system, began, &after, ASKED))
            .await
    }
}

/// Lets the job ask the source about some workers, beside any read: `false` while somebody reads.
pub(super) async fn lend(cx: &Context) -> Result<bool> {
    let (system, job, token) = (cx.origin.source.clone(), cx.origin.job.clone(), cx.token);
    let now = cx.clock.now();
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            pulls::lend(conn, &system, (&job, token), now)
        })
        .await
}

pub(super) async fn give_back(cx: &Context) -> Result<()> {
    let (system, job, token) = (cx.origin.source.clone(), cx.origin.job.clone(), cx.token);
    cx.store
        .write(move |conn| pulls::give_back(conn, &system, (&job, token)))
        .await
}

/// The code of a read of which nobody can say that it is whole.
const INCOMPLETE: &str = "IncompleteRead";

fn incomplete(reasons: &[String]) -> Error {
    let message = format!("the read may lack somebody: {}", reasons.join("; "));
    Error::unavailable(message).code(INCOMPLETE)
}

/// Remembers why a read failed, and when it is tried again.
async fn give_up(cx: &Context, puller: &Puller, standing: &Standing, error: &Error) -> Result<()> {
    let (system, job, token) = (puller.system.clone(), cx.origin.job.clone(), cx.token);
    let failure = failure(error);
    let asked = error
        .retry_after
        .and_then(|wait| SignedDuration::try_from(wait).ok());
    let interval = cx.runner.app.interval;
    let wait = match (asked, error.kind) {
        (Some(wait), _) => wait.min(LONGEST_REQUEST),
        (None, Kind::Unavailable) => (SOON * (1 << standing.failures.clamp(0, 10))).min(interval),
        (None, _) => interval,
    };
    let now = cx.clock.now();
    let not_before = now.saturating_add(wait).unwrap_or(now);
    cx.store
        .write(move |conn| pulls::fail(conn, &system, (&job, token), &failure, not_before))
        .await
}
