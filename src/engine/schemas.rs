//! Schemas of jobs: read, replaced, put back. The database's newest version is the one that runs, in every replica.

use std::sync::{Arc, PoisonError};

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::{Engine, Runner, setup};
use crate::config::App;
use crate::domain::schema::Document;
use crate::error::{Error, Result};
use crate::store::{Store, jobs, schemas};

impl Engine {
    /// The schema that runs, and its version.
    pub async fn schema(&self, app: &App) -> Result<(i64, Document)> {
        newest(self.store(), app).await
    }

    /// Replaces the schema. Everybody is looked at again only if what it means is another thing than before.
    pub async fn put_schema(&self, app: &App, json: Json) -> Result<()> {
        let document = Document::read(json).map_err(|problems| setup::invalid(&problems))?;
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
        let changes = self.current(&app.job).await?.policy.schema != policy.schema;
        let body = document.json().to_string();
        let (id, job, hash, now) = (
            app.id.to_string(),
            app.job.clone(),
            digest(&body),
            self.clock().now(),
        );
        self.store()
            .write(move |conn| {
                if changes {
                    jobs::update_status(conn, &job, |status| status.full_due = true)?;
                }
                schemas::add(conn, &id, &body, &hash, origin, now)
            })
            .await?;
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

pub(super) async fn newest(store: &Store, app: &App) -> Result<(i64, Document)> {
    let id = app.id.to_string();
    let newest = store.read(move |conn| schemas::latest(conn, &id)).await?;
    let newest = newest.ok_or_else(|| Error::internal("the app has no schema"))?;
    let document = Document::decode(newest.body.as_bytes()).map_err(|problems| setup::invalid(&problems))?;
    Ok((newest.version, document))
}

pub(super) fn digest(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
