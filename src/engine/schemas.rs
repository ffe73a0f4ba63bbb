//! Schemas of jobs: read, replaced, put back. The database's newest version is the one that runs, in every replica.

use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Engine, Runner, setup};
use crate::config::{App, Config};
use crate::connector::{Attribute, AttributeType};
use crate::domain::schema::{self, Document, Problem, revision};
use crate::error::{Error, Kind, Result};
use crate::store::{Store, jobs, schemas};

impl Engine {
    /// The schema that runs, and its version.
    pub async fn schema(&self, app: &App) -> Result<(i64, Document)> {
        let newest = newest(self.store(), app).await?;
        newest.ok_or_else(|| Error::internal("the app has no schema"))
    }

    /// Replaces the schema with what clients and portals send, or the members of it that they send. Everybody is looked at
    /// again only if what it means is another thing than before.
    pub async fn put_schema(&self, app: &App, revise: Revise, body: Vec<u8>) -> Result<()> {
        let (_, before) = self.schema(app).await?;
        let (config, cloned) = (self.config().clone(), app.clone());
        let checked = tokio::task::spawn_blocking(move || {
            let given = schema::json(&body).map_err(|problems| setup::invalid(&problems))?;
            checked(&config, &cloned, revise(before.json(), given))
        });
        let (document, _) = checked
            .await
            .map_err(|error| Error::internal("checking the schema ended early").because(error))??;
        self.replace(app, &document, "api").await
    }

    /// Puts the template's schema back.
    pub async fn reset_schema(&self, app: &App) -> Result<()> {
        let document = app
            .template
            .document()
            .map_err(|problems| setup::invalid(&problems))?;
        self.replace(app, &document, "template").await
    }

    /// Asks the target what its accounts can hold, and keeps what the schema did not know. Nobody has to be looked at again
    /// for it. Gives the directory as it is defined now.
    pub async fn discover(&self, app: &App, directory: &str) -> Result<Json> {
        let (_, before) = self.schema(app).await?;
        let unknown = || {
            let message = format!("Resource '{directory}' does not exist.");
            Error::new(Kind::NotFound, message)
        };
        let mut schema = before.json().clone();
        let definitions = schema["directories"].as_array_mut().ok_or_else(unknown)?;
        let defined = definitions.iter_mut().find(|one| one["id"] == directory);
        let defined = defined.ok_or_else(unknown)?;
        if defined["discoverabilities"] == "None" {
            let message =
                "this directory is not discoverable: its definition is complete, or written by hand";
            return Err(Error::invalid(message).at("discoverabilities"));
        }
        let runner = self.current(&app.job).await?;
        let found = runner.target.discover().await?;
        let object = &runner.policy.schema.target_object;
        let attributes = found.iter().map(definition).collect();
        revision::discovered(defined, object, attributes, self.clock().now());
        let defined = defined.clone();
        let (document, _) = checked(self.config(), app, schema)?;
        self.replace(app, &document, "api").await?;
        Ok(defined)
    }

    async fn replace(&self, app: &App, document: &Document, origin: &'static str) -> Result<()> {
        let now = self.clock().now();
        keep(self.config(), self.store(), app, document, origin, now).await?;
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

/// An attribute as schemas define it.
fn definition(found: &Attribute) -> Json {
    json!({
        "name": found.name,
        "type": found.kind.name(),
        "multivalued": found.multivalued,
        "required": found.required,
        "mutability": if found.read_only { "ReadOnly" } else { "ReadWrite" },
        "anchor": false,
        "caseExact": false,
        "defaultValue": null,
        "apiExpressions": [],
        "metadata": [],
        "referencedObjects": match found.kind {
            AttributeType::Reference => json!([{ "referencedObjectName": "user", "referencedProperty": null }]),
            _ => json!([]),
        },
    })
}

/// What becomes of a schema, given what a client sent (see [`schema::revision`]).
pub type Revise = fn(before: &Json, given: Json) -> Json;

/// Everything that could keep a schema from running is found before it is kept; what may not do what was meant is told
/// beside it.
pub fn checked(config: &Config, app: &App, given: Json) -> Result<(Document, Vec<Problem>)> {
    let document = Document::read(given).map_err(|problems| setup::invalid(&problems))?;
    let (policy, warnings) = setup::policy(config, app, &document, 0)?;
    setup::connector(config, app, &policy)?;
    Ok((document, warnings))
}

/// Makes a schema the newest version of its app's; a gateway that runs beside takes it up by itself.
pub async fn keep(
    config: &Config,
    store: &Store,
    app: &App,
    document: &Document,
    origin: &'static str,
    now: Timestamp,
) -> Result<()> {
    let changes = changes(config, store, app, document).await?;
    let (id, job) = (app.id.to_string(), app.job.clone());
    let (body, hash) = (document.json().to_string(), document.digest().to_string());
    store
        .write(move |conn| {
            jobs::update_status(conn, &job, |status| status.full_due |= changes)?;
            schemas::add(conn, &id, &body, &hash, origin, now)
        })
        .await
        .map(drop)
}

/// Whether a schema means another thing than the newest version, so that everybody has to be looked at again. One that cannot
/// run any more meant nothing.
pub(super) async fn changes(config: &Config, store: &Store, app: &App, document: &Document) -> Result<bool> {
    let (after, _) = setup::policy(config, app, document, 0)?;
    let before = newest(store, app).await.ok().flatten();
    let before = before.and_then(|(_, document)| setup::policy(config, app, &document, 0).ok());
    Ok(before.is_none_or(|(before, _)| before.schema != after.schema))
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
