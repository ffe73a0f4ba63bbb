//! Schemas of jobs: read, replaced, put back. The database's newest version is the one that runs, in every replica.

use std::sync::{Arc, PoisonError};

use jiff::Timestamp;

use super::{Engine, Runner, setup};
use crate::config::{App, Config};
use crate::domain::schema::Document;
use crate::error::{Error, Result};
use crate::store::{Store, jobs, schemas};

impl Engine {
    /// The schema that runs, and its version.
    pub async fn schema(&self, app: &App) -> Result<(i64, Document)> {
        let newest = newest(self.store(), app).await?;
        newest.ok_or_else(|| Error::internal("the app has no schema"))
    }

    /// Replaces the schema with this JSON, as clients and portals send it. Everybody is looked at again only if what it
    /// means is another thing than before.
    pub async fn put_schema(&self, app: &App, body: Vec<u8>) -> Result<()> {
        let (config, app) = (self.config().clone(), app.clone());
        let id = app.id;
        let checked = tokio::task::spawn_blocking(move || checked(&config, &app, &body));
        let document = checked
            .await
            .map_err(|error| Error::internal("checking the schema ended early").because(error))??;
        let app = self.config().apps.iter().find(|app| app.id == id);
        let app = app.ok_or_else(|| Error::internal("the app is gone"))?;
        self.replace(app, document, "api").await
    }

    /// Puts the template's schema back.
    pub async fn reset_schema(&self, app: &App) -> Result<()> {
        let document = app
            .template
            .document()
            .map_err(|problems| setup::invalid(&problems))?;
        self.replace(app, document, "template").await
    }

    async fn replace(&self, app: &App, document: Document, origin: &'static str) -> Result<()> {
        let policy = setup::policy(self.config(), app, &document, 0)?;
        // One that cannot run any more is always replaced.
        let before = self.current(&app.job).await;
        let changes = before.map_or(true, |runner| runner.policy.schema != policy.schema);
        keep(self.store(), app, &document, origin, changes, self.clock().now()).await?;
        self.wake(&app.job);
        Ok(())
    }

    /// A job as the newest version of its schema has it, whoever put it there.
    pub(super) async fn current(&self, job: &str) -> Result<Arc<Runner>> {
        let runner = self.runner(job)?;
        let id = job.to_string();
        let found = self.store().read(move |conn| jobs::find(conn, &id)).await?;
        if found.is_none_or(|job| job.schema_version == runner.policy.version) {
            return Ok(runner);
        }
        let wake = Arc::clone(&runner.wake);
        let runner = Arc::new(setup::runner(self.config(), self.store(), &runner.app, wake).await?);
        let mut runners = self
            .shared
            .runners
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        runners.insert(job.to_string(), Arc::clone(&runner));
        Ok(runner)
    }
}

/// Everything that could keep a schema from running is found before it is kept.
pub fn checked(config: &Config, app: &App, body: &[u8]) -> Result<Document> {
    let document = Document::decode(body).map_err(|problems| setup::invalid(&problems))?;
    setup::connector(config, app, &setup::policy(config, app, &document, 0)?)?;
    Ok(document)
}

/// Replaces a schema beside a gateway that may be running, which takes it up by itself.
pub async fn import(
    config: &Config,
    store: &Store,
    app: &App,
    document: &Document,
    now: Timestamp,
) -> Result<()> {
    let policy = setup::policy(config, app, document, 0)?;
    let before = newest(store, app).await.ok().flatten();
    let before = before.and_then(|(_, document)| setup::policy(config, app, &document, 0).ok());
    let changes = before.is_none_or(|before| before.schema != policy.schema);
    keep(store, app, document, "api", changes, now).await
}

/// Makes a schema the newest version of its app's.
pub async fn keep(
    store: &Store,
    app: &App,
    document: &Document,
    origin: &'static str,
    has_all_looked_at: bool,
    now: Timestamp,
) -> Result<()> {
    let (id, job) = (app.id.to_string(), app.job.clone());
    let (body, hash) = (document.json().to_string(), document.digest().to_string());
    store
        .write(move |conn| {
            jobs::update_status(conn, &job, |status| status.full_due |= has_all_looked_at)?;
            schemas::add(conn, &id, &body, &hash, origin, now)
        })
        .await
        .map(drop)
}

/// The newest version, whoever put it there.
pub async fn newest(store: &Store, app: &App) -> Result<Option<(i64, Document)>> {
    let id = app.id.to_string();
    let newest = store.read(move |conn| schemas::latest(conn, &id)).await?;
    let read = |newest: schemas::SchemaVersion| {
        let document = Document::decode(newest.body.as_bytes());
        let document = document.map_err(|problems| {
            Error::internal("the stored schema cannot be read: import another")
                .because(setup::invalid(&problems))
        })?;
        Ok((newest.version, document))
    };
    newest.map(read).transpose()
}
