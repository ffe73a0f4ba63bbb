//! Schemas of jobs: read, replaced, put back. The database's newest version is the one that runs, in every replica.

use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::circle::{Ruled, circles};
use super::{Engine, Runner, quarantine, setup};
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
        let given = schema::json(&body).map_err(|problems| setup::invalid(&problems))?;
        self.revised(app, "api", |before| Ok(revise(before, given.clone())))
            .await
            .map(drop)
    }

    /// Puts the template's schema back.
    pub async fn reset_schema(&self, app: &App) -> Result<()> {
        let template = app.template.document_without(&app.omit);
        let template = template.map_err(|problems| setup::invalid(&problems))?;
        self.revised(app, "template", |_| Ok(template.json().clone()))
            .await
            .map(drop)
    }

    /// Asks the target what its accounts can hold, and keeps what the schema did not know. Nobody has to be looked at again
    /// for it. Gives the directory as it is defined now.
    pub async fn discover(&self, app: &App, directory: &str) -> Result<Json> {
        let (_, before) = self.schema(app).await?;
        let runner = self.current(&app.job).await?;
        let compiled = &runner.policy.schema;
        let defined = defined(before.json(), directory)?;
        if defined["discoverabilities"] == "None" || defined["name"] != compiled.target_directory.as_str() {
            let message =
                "this directory is not discoverable: it is not the target's, or its definition is complete";
            return Err(Error::invalid(message).at("discoverabilities"));
        }
        let found = runner.target.discover().await?;
        let attributes: Vec<Json> = found.iter().map(definition).collect();
        let now = self.clock().now();
        let add = |before: &Json| {
            let mut schema = before.clone();
            let directories = schema["directories"].as_array_mut().into_iter().flatten();
            for one in directories.filter(|one| one["id"] == directory) {
                revision::discovered(one, &compiled.target_object, attributes.clone(), now);
            }
            Ok(schema)
        };
        // It stays whose it was: a template goes on being replaced by a later release's.
        let kept = self.revised(app, SAME, add).await?;
        self::defined(kept.json(), directory).cloned()
    }

    /// Makes a new version of the newest one; of somebody else's, should that come in between.
    async fn revised(
        &self,
        app: &App,
        origin: &'static str,
        revise: impl Fn(&Json) -> Result<Json>,
    ) -> Result<Document> {
        loop {
            // One that cannot be read any more can be replaced.
            let before = self.schema(app).await.ok();
            let nothing = Json::Null;
            let given = revise(before.as_ref().map_or(&nothing, |(_, document)| document.json()))?;
            let (config, cloned) = (self.config().clone(), app.clone());
            let checked = tokio::task::spawn_blocking(move || checked(&config, &cloned, given));
            let (document, _) = checked
                .await
                .map_err(|error| Error::internal("checking the schema ended early").because(error))??;
            self.check_circles(app, &document).await?;
            if let Some(puller) = &self.runner(&app.job)?.puller {
                puller.check(self.store(), app, &document).await?;
            }
            let revision = Revision {
                origin,
                after: before.map(|(version, _)| version),
                now: self.clock().now(),
            };
            match keep(self.config(), self.store(), app, &document, revision).await {
                Err(error) if error.code == OVERTAKEN => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    self.wake(&app.job);
                    return Ok(document);
                }
            }
        }
    }

    /// Beside the schemas that the other jobs run.
    async fn check_circles(&self, app: &App, document: &Document) -> Result<()> {
        let others = self.config().apps.iter().filter(|other| other.id != app.id);
        let mut newest_of = Vec::new();
        for other in others {
            let newest = newest(self.store(), other).await?;
            newest_of.extend(newest.map(|(_, document)| (other, document)));
        }
        let others: Vec<Ruled> = newest_of.iter().map(|(app, document)| (*app, document)).collect();
        let problems = circles(self.config(), (app, document), &others);
        match problems.is_empty() {
            true => Ok(()),
            false => Err(setup::invalid(&problems)),
        }
    }

    /// A job as the newest version of its schema has it, whoever put it there.
    pub(super) async fn current(&self, job: &str) -> Result<Arc<Runner>> {
        let runner = self.runner(job)?;
        let id = job.to_string();
        let found = self.store().read(move |conn| jobs::find(conn, &id)).await?;
        let (version, forgiven) = found.map_or((runner.policy.version, 0), |job| {
            (job.schema_version, job.status.forgiven)
        });
        if version == runner.policy.version {
            runner.forgive(forgiven).await;
            return Ok(runner);
        }
        let lasting = setup::Lasting {
            wake: Arc::clone(&runner.wake),
            puller: runner.puller.clone(),
            connect: Arc::clone(&runner.connect),
        };
        let runner = Arc::new(setup::runner(self.config(), self.store(), &runner.app, lasting).await?);
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

/// One directory of a schema, by its id.
fn defined<'j>(schema: &'j Json, directory: &str) -> Result<&'j Json> {
    let mut directories = schema["directories"].as_array().into_iter().flatten();
    let found = directories.find(|one| one["id"] == directory);
    found.ok_or_else(|| {
        let message = format!("Resource '{directory}' does not exist.");
        Error::new(Kind::NotFound, message)
    })
}

/// The origin of the version before.
const SAME: &str = "";
/// Another version came in between.
const OVERTAKEN: &str = "SchemaOvertaken";

/// Where a version comes from.
pub struct Revision {
    pub origin: &'static str,
    /// The version it was made from, if it must still be the newest.
    pub after: Option<i64>,
    pub now: Timestamp,
}

/// Makes a schema the newest version of its app's; a gateway that runs beside takes it up by itself.
pub async fn keep(
    config: &Config,
    store: &Store,
    app: &App,
    document: &Document,
    revision: Revision,
) -> Result<()> {
    let changes = changes(config, store, app, document).await?;
    let (id, job) = (app.id.to_string(), app.job.clone());
    let (body, hash) = (document.json().to_string(), document.digest().to_string());
    store
        .write(move |conn| {
            let latest = schemas::latest(conn, &id)?;
            let Revision { origin, after, now } = revision;
            if after.is_some_and(|after| latest.as_ref().is_some_and(|latest| latest.version != after)) {
                let message = "another schema was taken in meanwhile: read it, and send yours again";
                return Err(Error::new(Kind::Conflict, message).code(OVERTAKEN));
            }
            jobs::update_status(conn, &job, |status| status.full_due |= changes)?;
            if changes {
                quarantine::hurry(conn, &job, now)?;
            }
            match latest {
                Some(latest) if origin == SAME => {
                    schemas::add(conn, &id, &body, &latest.hash, &latest.origin, now)
                }
                _ => schemas::add(conn, &id, &body, &hash, origin, now),
            }
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
