//! From the config to jobs that can run: schema versions taken in, policies compiled, connectors built.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::tz::TimeZone;
use tokio::sync::Notify;

use super::callbacks::Route;
use super::circle::{Ruled, circles};
use super::pull::Puller;
use super::{Clock, Connect, Runner, given};
use crate::config::{App, Config};
use crate::connector::Target;
use crate::domain::account::Model;
use crate::domain::mapping::{Mapping, Role};
use crate::domain::policy::Policy;
use crate::domain::schema::{self, Document, Problem};
use crate::error::{Detail, Error, Kind, Result};
use crate::store::jobs::{self, Job, Reviewed, State, Status, Taken};
use crate::store::{Conn, Store, findings, handovers, links, reviews, schemas, state_inputs, systems};

/// Makes jobs and schemas of the config known to the store. What cannot run is not taken in.
pub(super) async fn take_all_in(config: &Config, store: &Store, clock: &Clock) -> Result<()> {
    check_circles(config)?;
    for app in &config.apps {
        compile(config, app)?;
        take_in(config, app, store, clock).await?;
    }
    Ok(())
}

/// Every job, as the newest version of its schema has it.
pub(super) async fn runners(
    config: &Config,
    store: &Store,
    connect: &Connect,
) -> Result<BTreeMap<String, Arc<Runner>>> {
    check_newest(config, store).await?;
    let pullers = pullers(config, store).await?;
    let mut runners = BTreeMap::new();
    for app in &config.apps {
        let lasting = Lasting {
            wake: Arc::new(Notify::new()),
            puller: pullers.get(&app.source).cloned(),
            connect: Arc::clone(connect),
        };
        let runner = runner(config, store, app, lasting).await?;
        runners.insert(app.job.clone(), Arc::new(runner));
    }
    Ok(runners)
}

fn check_circles(config: &Config) -> Result<()> {
    let documents: Vec<Document> = config.apps.iter().map(declared).collect::<Result<_>>()?;
    refuse_circles(config, &documents)
}

/// The same of the schemas that the jobs run: those that came over the API are not the config's.
async fn check_newest(config: &Config, store: &Store) -> Result<()> {
    let mut documents = Vec::new();
    for app in &config.apps {
        let newest = super::schemas::newest(store, app).await?;
        documents.push(match newest {
            Some((_, document)) => document,
            None => declared(app)?,
        });
    }
    refuse_circles(config, &documents)
}

fn refuse_circles(config: &Config, documents: &[Document]) -> Result<()> {
    let all: Vec<Ruled> = config.apps.iter().zip(documents).collect();
    for ruled in &all {
        let problems = circles(config, *ruled, &all);
        if !problems.is_empty() {
            return Err(invalid(&problems).at(format!("app {}", ruled.0.id)));
        }
    }
    Ok(())
}

/// One for each system that has to be asked and that somebody reads.
async fn pullers(config: &Config, store: &Store) -> Result<BTreeMap<String, Arc<Puller>>> {
    let mut pullers = BTreeMap::new();
    for (name, system) in config.systems.iter().filter(|(_, system)| system.is_pulled()) {
        let readers = config.apps.iter().filter(|app| app.source == *name);
        let readers: Vec<App> = readers.cloned().collect();
        if !readers.is_empty() {
            let puller = Puller::new(name, system.clone(), readers);
            // It can be mended while the gateway runs; until then its jobs say so.
            if let Err(error) = puller.source(store).await {
                tracing::error!(system = %name, %error, "the system cannot be read");
            }
            pullers.insert(name.clone(), Arc::new(puller));
        }
    }
    Ok(pullers)
}

/// What a job keeps when its schema becomes another.
pub(super) struct Lasting {
    pub wake: Arc<Notify>,
    pub puller: Option<Arc<Puller>>,
    pub connect: Connect,
}

/// A job as the newest version of its schema has it.
pub(super) async fn runner(config: &Config, store: &Store, app: &App, lasting: Lasting) -> Result<Runner> {
    let newest = super::schemas::newest(store, app).await?;
    let (version, document) = newest.ok_or_else(|| not_begun(app))?;
    let (mut policy, _) = policy(config, app, &document, version).map_err(|error| {
        let message = format!(
            "the schema kept for this app, version {version}, cannot run: import another\n{}",
            error.message
        );
        Error::new(error.kind, message)
            .code(error.code.clone())
            .at(format!("app {}", app.id))
    })?;
    if policy.model.record.is_some() && !app.overwrites_user_names {
        let job = app.job.clone();
        let job = store.read(move |conn| jobs::find(conn, &job)).await?;
        let began = job.map(|job| TimeZone::UTC.to_datetime(job.created).date());
        policy.settings.user_names.kept_before = began;
    }
    let given = given::sources(config, app, &document);
    policy.settings.remembered = given.keys().cloned().collect();
    let system = target(config, app)?;
    Ok(Runner {
        target: (lasting.connect)(system, &policy.target_attributes(), app.never.as_deref())?,
        tenants: tenants(config, app, &policy)?,
        given,
        hr: policy.model.record.map(|_| system.clone()),
        replication_delay: system.replication_delay(),
        call_timeout: system.call_timeout(),
        seal_to: config.notify.as_ref().and_then(|notify| notify.seal_to.clone()),
        callbacks: system.callbacks().map(|callable| Route::new(&policy, callable)),
        policy: Arc::new(policy),
        app: app.clone(),
        puller: lasting.puller,
        connect: lasting.connect,
        wake: lasting.wake,
        forgiven: AtomicU64::new(0),
    })
}

fn not_begun(app: &App) -> Error {
    let message = format!(
        "nothing is known of '{}' yet: run `muster serve` with this config first",
        app.name
    );
    Error::new(Kind::NotFound, message).code("AppNotBegun")
}

/// The other systems whose people sign in with the names that this one gives, if it chooses any (B22).
fn tenants(config: &Config, app: &App, policy: &Policy) -> Result<Vec<Box<dyn Target>>> {
    let chooses = policy.schema.mappings.iter().any(Mapping::chooses);
    if !chooses || target(config, app)?.is_tenant() {
        return Ok(Vec::new());
    }
    let others = config.systems.iter().filter(|(name, _)| **name != app.target);
    others
        .filter(|(_, system)| system.is_tenant())
        .map(|(_, system)| system.target(&[], None))
        .collect()
}

/// The connector that a policy asks for.
pub(super) fn connector(config: &Config, app: &App, policy: &Policy) -> Result<Box<dyn Target>> {
    target(config, app)?.target(&policy.target_attributes(), app.never.as_deref())
}

/// Compiles an app's schema as the config has it, and says what in it may not do what was meant; the error lists every problem
/// with its JSON path.
pub fn compile(config: &Config, app: &App) -> Result<(Policy, Vec<Problem>)> {
    policy(config, app, &declared(app)?, 0)
}

/// Whether HR's word decides if an app's accounts are enabled, by the newest version of its schema; not where that cannot run.
pub(super) fn maps_state(conn: &mut Conn, config: &Config, app: &App) -> Result<bool> {
    let kept = schemas::latest(conn, &app.id.to_string())?;
    let document = match &kept {
        Some(newest) => Document::decode(newest.body.as_bytes()).map_err(|problems| invalid(&problems)),
        None => declared(app),
    };
    let policy = document.and_then(|document| policy(config, app, &document, 0));
    Ok(policy.is_ok_and(|(policy, _)| policy.mapping(Role::State).is_some()))
}

/// The schema compiled for this app, and what in it may not do what was meant.
pub(super) fn policy(
    config: &Config,
    app: &App,
    document: &Document,
    version: i64,
) -> Result<(Policy, Vec<Problem>)> {
    let model = model(config, app)?;
    let compiled = schema::compile(document.schema(), schema::Options { model });
    let (schema, warnings) = compiled.map_err(|problems| invalid(&problems).at(format!("app {}", app.id)))?;
    let policy = Policy {
        version,
        schema,
        model,
        settings: app.settings.clone(),
    };
    Ok((
        policy,
        document.warnings().iter().cloned().chain(warnings).collect(),
    ))
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
pub fn invalid(problems: &[Problem]) -> Error {
    let errors = problems.iter().filter(|problem| problem.is_error());
    let lines: Vec<String> = errors.clone().map(Problem::to_string).collect();
    let details = errors.map(|problem| Detail {
        target: problem.path.clone(),
        message: problem.message.clone(),
    });
    Error::invalid(lines.join("\n"))
        .code("SchemaInvalid")
        .with_details(details.collect())
}

/// The schema that the config declares: its file's, or the template's.
pub fn declared(app: &App) -> Result<Document> {
    match &app.schema {
        Some((_, document)) => Ok(document.clone()),
        None => app
            .template
            .document_without(&app.omit)
            .map_err(|problems| invalid(&problems)),
    }
}

/// Makes the job known, and the schema a new version if it is not the one last taken from the same place. A new
/// version has everybody looked at again.
pub async fn take_in(config: &Config, app: &App, store: &Store, clock: &Clock) -> Result<()> {
    let document = declared(app)?;
    let origin = if app.schema.is_some() { "file" } else { "template" };
    let changes = super::schemas::changes(config, store, app, &document).await?;
    let (body, hash) = (document.json().to_string(), document.digest().to_string());
    let (app, now) = (app.clone(), clock.now());
    store
        .write(move |conn| {
            systems::ensure(conn, &app.source)?;
            systems::ensure(conn, &app.target)?;
            let taken = jobs::take_in(conn, &first_job(&app, now))?;
            if taken == Taken::Target {
                links::clear(conn, &app.job)?;
                handovers::clear(conn, &app.job)?;
                findings::clear(conn, &app.job)?;
                reviews::clear(conn, &app.job)?;
                jobs::update_status(conn, &app.job, |status| {
                    status.first_cycle = Reviewed::NotYet;
                })?;
                state_inputs::clear(conn, &app.job)?;
            }
            let id = app.id.to_string();
            let is_new = match (schemas::latest(conn, &id)?, origin) {
                (None, _) => true,
                // A template that came with another release displaces nobody's own schema.
                (Some(latest), "template") => {
                    latest.origin == "file" || (latest.origin == origin && latest.hash != hash)
                }
                (Some(_), _) => schemas::last_hash(conn, &id, origin)?.as_ref() != Some(&hash),
            };
            if (is_new && changes) || matches!(taken, Taken::Source | Taken::Target) {
                jobs::update_status(conn, &app.job, |status| status.full_due = true)?;
                super::quarantine::hurry(conn, &app.job, now)?;
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
