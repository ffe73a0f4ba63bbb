//! From the config to jobs that can run: schema versions taken in, policies compiled, connectors built.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;

use super::{Clock, Runner};
use crate::config::{App, Config};
use crate::domain::account::Model;
use crate::domain::policy::Policy;
use crate::domain::schema::{self, Document, Problem};
use crate::error::{Error, Result};
use crate::store::jobs::{self, Job, State, Status, Taken};
use crate::store::{Store, links, schemas, systems};

pub(super) async fn runners(
    config: &Config,
    store: &Store,
    clock: &Clock,
) -> Result<BTreeMap<String, Arc<Runner>>> {
    let mut runners = BTreeMap::new();
    for app in &config.apps {
        // What cannot run is not taken in.
        compile(config, app)?;
        take_in(app, store, clock).await?;
        let runner = runner(config, store, app, Arc::new(Notify::new())).await?;
        runners.insert(app.job.clone(), Arc::new(runner));
    }
    Ok(runners)
}

/// A job as the newest version of its schema has it.
pub(super) async fn runner(config: &Config, store: &Store, app: &App, wake: Arc<Notify>) -> Result<Runner> {
    let (version, document) = super::schemas::newest(store, app).await?;
    let policy = policy(config, app, &document, version)?;
    let system = target(config, app)?;
    Ok(Runner {
        target: system.target(&policy.target_attributes(), app.never.as_deref())?,
        replication_delay: system.replication_delay(),
        call_timeout: system.call_timeout(),
        policy: Arc::new(policy),
        app: app.clone(),
        wake,
    })
}

/// Compiles an app's schema as the config has it; the error lists every problem with its JSON path.
pub fn compile(config: &Config, app: &App) -> Result<Policy> {
    policy(config, app, &wanted_schema(app)?.0, 0)
}

pub(super) fn policy(config: &Config, app: &App, document: &Document, version: i64) -> Result<Policy> {
    let model = model(config, app)?;
    let compiled = schema::compile(document.schema(), schema::Options { model });
    let compiled = compiled.map_err(|problems| invalid(&problems).at(format!("app {}", app.id)))?;
    Ok(Policy {
        version,
        schema: compiled,
        model,
        settings: app.settings.clone(),
    })
}

fn target<'c>(config: &'c Config, app: &App) -> Result<&'c crate::connector::System> {
    let unknown = || Error::invalid(format!("there is no system '{}'", app.target));
    config.systems.get(&app.target).ok_or_else(unknown)
}

fn model(config: &Config, app: &App) -> Result<Model> {
    target(config, app)?
        .model()
        .ok_or_else(|| Error::invalid(format!("'{}' cannot be a target", app.target)))
}

/// A schema that cannot run, with everything that is wrong with it.
pub(super) fn invalid(problems: &[Problem]) -> Error {
    let lines: Vec<String> = problems
        .iter()
        .filter(|problem| problem.is_error())
        .map(Problem::to_string)
        .collect();
    Error::invalid(lines.join("\n")).code("SchemaInvalid")
}

fn wanted_schema(app: &App) -> Result<(Document, &'static str)> {
    match &app.schema {
        Some((_, document)) => Ok((document.clone(), "file")),
        None => Ok((
            app.template.document().map_err(|problems| invalid(&problems))?,
            "template",
        )),
    }
}

/// Makes the job known, and the schema a new version if it is not the one last taken from the same place. A new
/// version has everybody looked at again.
async fn take_in(app: &App, store: &Store, clock: &Clock) -> Result<()> {
    let (document, origin) = wanted_schema(app)?;
    let body = document.json().to_string();
    let hash = super::schemas::digest(&body);
    let (app, now) = (app.clone(), clock.now());
    store
        .write(move |conn| {
            systems::ensure(conn, &app.source)?;
            systems::ensure(conn, &app.target)?;
            let taken = jobs::take_in(conn, &first_job(&app, now))?;
            if taken == Taken::Target {
                links::clear(conn, &app.job)?;
            }
            let id = app.id.to_string();
            let is_new = schemas::last_hash(conn, &id, origin)?.as_ref() != Some(&hash);
            if is_new || matches!(taken, Taken::Source | Taken::Target) {
                jobs::update_status(conn, &app.job, |status| status.full_due = true)?;
            }
            if is_new {
                schemas::add(conn, &id, &body, &hash, origin, now)?;
            }
            Ok(())
        })
        .await
}

fn first_job(app: &App, now: jiff::Timestamp) -> Job {
    Job {
        id: app.job.clone(),
        app: app.id.to_string(),
        template: app.template.id.to_string(),
        source: app.source.clone(),
        target: app.target.clone(),
        state: if app.start { State::Active } else { State::Disabled },
        created: now,
        schema_version: 0,
        status: Status::default(),
    }
}
