//! From the config to jobs that can run: schema versions taken in, policies compiled, connectors built.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::{Clock, Runner};
use crate::config::{App, Config};
use crate::domain::account::Model;
use crate::domain::policy::Policy;
use crate::domain::schema::{self, Schema};
use crate::error::{Error, Result};
use crate::store::jobs::{self, Job, State, Status, Taken};
use crate::store::schemas::{self, SchemaVersion};
use crate::store::{Store, links, systems, to_json};

pub(super) async fn runners(
    config: &Config,
    store: &Store,
    clock: &Clock,
) -> Result<BTreeMap<String, Arc<Runner>>> {
    let mut runners = BTreeMap::new();
    for app in &config.apps {
        let version = take_in(app, store, clock).await?;
        let policy = policy(config, app, version)?;
        let system = target(config, app)?;
        let target = system.target(&policy.target_attributes(), app.never.as_deref())?;
        let runner = Runner {
            target,
            replication_delay: system.replication_delay(),
            call_timeout: system.call_timeout(),
            policy: Arc::new(policy),
            app: app.clone(),
            wake: Notify::new(),
        };
        runners.insert(app.job.clone(), Arc::new(runner));
    }
    Ok(runners)
}

/// Compiles an app's schema as the config has it; the error lists every problem with its JSON path.
pub fn compile(config: &Config, app: &App) -> Result<Policy> {
    policy(config, app, 0)
}

fn policy(config: &Config, app: &App, version: i64) -> Result<Policy> {
    let model = model(config, app)?;
    let (schema, _) = wanted_schema(app)?;
    let compiled = schema::compile(&schema, schema::Options { model }).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect();
        Error::invalid(lines.join("\n")).at(format!("app {}", app.id))
    })?;
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

fn wanted_schema(app: &App) -> Result<(Schema, &'static str)> {
    match &app.schema {
        Some((_, schema)) => Ok((schema.clone(), "file")),
        None => {
            let schema = app.template.schema();
            Ok((
                schema.map_err(|error| Error::internal("the template cannot be read").because(error))?,
                "template",
            ))
        }
    }
}

/// Makes the job known, and the schema a new version if it is not the one last taken from the same place. A new
/// version has everybody looked at again.
async fn take_in(app: &App, store: &Store, clock: &Clock) -> Result<i64> {
    let (schema, origin) = wanted_schema(app)?;
    let body = to_json(&schema)?;
    let hash: String = Sha256::digest(&body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
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
            let last = schemas::latest(conn, &id)?;
            let is_new = schemas::last_hash(conn, &id, origin)?.as_ref() != Some(&hash);
            if is_new || matches!(taken, Taken::Source | Taken::Target) {
                jobs::update_status(conn, &app.job, |status| status.full_due = true)?;
            }
            match last {
                Some(last) if !is_new => Ok(last.version),
                last => {
                    let version = last.map_or(1, |last| last.version + 1);
                    let schema = SchemaVersion {
                        version,
                        body: body.clone(),
                        hash: hash.clone(),
                    };
                    schemas::add(conn, &id, &schema, origin, now)?;
                    Ok(version)
                }
            }
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
