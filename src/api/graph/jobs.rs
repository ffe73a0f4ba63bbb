//! Synchronization jobs: their state, and starting, pausing and restarting them.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::job_view::JobView;
use super::version;
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadJobs, Right, WriteJobs};
use crate::api::body;
use crate::api::odata::{Collection, Filter, Options};
use crate::api::problem::{Envelope, Problem};
use crate::config::App;
use crate::engine::Restart;
use crate::error::{Error, Kind, Result};

/// Lists an app's jobs.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), Options), responses((status = 200, body = Collection), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs")]
pub async fn list_jobs(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    app: web::Path<String>,
    options: web::Query<Options>,
    request: HttpRequest,
) -> Result<web::Json<Collection>, Problem> {
    let app = caller.app(&gateway, &app)?;
    let filter = options.filter.as_deref().map(Filter::parse).transpose()?;
    let jobs = gateway.engine.jobs_of(app).await?;
    let value = jobs
        .iter()
        .map(|report| JobView::of(report).json())
        .filter(|job| filter.as_ref().is_none_or(|filter| filter.admits(job)))
        .collect();
    let context = format!(
        "{}/{}/$metadata#servicePrincipals('{}')/synchronization/jobs",
        gateway.base_url(&request),
        version(&request),
        app.id
    );
    Ok(web::Json(Collection {
        context,
        value,
        next_link: None,
    }))
}

/// One job with its state.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), responses((status = 200, body = JobView), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}")]
pub async fn find_job(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    path: web::Path<(String, String)>,
) -> Result<web::Json<JobView>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let jobs = gateway.engine.jobs_of(app).await?;
    let job = jobs
        .iter()
        .find(|report| report.job.id == path.1)
        .ok_or_else(|| unknown_job(&path.1))?;
    Ok(web::Json(JobView::of(job)))
}

/// Starts a job, or lets a paused or quarantined one go on.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), responses((status = 204), (status = 404, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/start")]
pub async fn start_job(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    gateway.engine.start_job(&app.job).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Pauses a job after the page of changes in hand; what it knows is kept, and uploads are still taken in.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), responses((status = 204), (status = 404, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/pause")]
pub async fn pause_job(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    gateway.engine.pause_job(&app.job).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct RestartRequest {
    criteria: Option<Criteria>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Criteria {
    /// Any of these, separated by commas: None, ConnectorDataStore, Escrows, Watermark, QuarantineState, Full, ForceDeletes.
    /// Nothing is what the portal's *Restart provisioning* does: Escrows, Watermark, QuarantineState.
    reset_scope: Option<String>,
}

/// Forgets parts of what a job knows and lets it run. Acknowledged uploads are never purged.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), request_body = RestartRequest, responses((status = 204), (status = 400, body = Envelope), (status = 404, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/restart")]
pub async fn restart_job(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let request: RestartRequest = body::json_or_default(&body)?;
    let scope = request
        .criteria
        .and_then(|criteria| criteria.reset_scope)
        .unwrap_or_default();
    let by = &caller.client.id;
    match restart(&scope)? {
        // By Graph's word, a job that is paused or in quarantine is started by this.
        nothing if nothing == Restart::default() => gateway.engine.start_job(&app.job).await?,
        restart => gateway.engine.restart_job(&app.job, restart, by).await?,
    }
    Ok(HttpResponse::NoContent().finish())
}

/// One row per word of a reset scope.
#[rustfmt::skip]
const SCOPES: &[(&str, Restart)] = &[
    ("None",               Restart { links: false, escrows: false, watermark: false, quarantine: false, force_deletes: false }),
    ("ConnectorDataStore", Restart { links: true,  escrows: false, watermark: false, quarantine: false, force_deletes: false }),
    ("Escrows",            Restart { links: false, escrows: true,  watermark: false, quarantine: false, force_deletes: false }),
    ("Watermark",          Restart { links: false, escrows: false, watermark: true,  quarantine: false, force_deletes: false }),
    ("QuarantineState",    Restart { links: false, escrows: false, watermark: false, quarantine: true,  force_deletes: false }),
    ("Full",               Restart { links: true,  escrows: true,  watermark: true,  quarantine: true,  force_deletes: false }),
    ("ForceDeletes",       Restart { links: false, escrows: false, watermark: false, quarantine: false, force_deletes: true }),
];

/// Reads a reset scope. An empty one is the portal's *Restart*: escrows, watermark and quarantine.
fn restart(scope: &str) -> Result<Restart> {
    let words: Vec<&str> = scope
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        return Ok(Restart {
            escrows: true,
            watermark: true,
            quarantine: true,
            ..Restart::default()
        });
    }
    words.iter().try_fold(Restart::default(), |sum, word| {
        let row = SCOPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        let (_, one) = row.ok_or_else(|| {
            let known: Vec<&str> = SCOPES.iter().map(|(name, _)| *name).collect();
            Error::invalid(format!(
                "criteria.resetScope: there is no '{word}': use {}",
                known.join(", ")
            ))
            .at("criteria.resetScope")
        })?;
        Ok(Restart {
            links: sum.links || one.links,
            escrows: sum.escrows || one.escrows,
            watermark: sum.watermark || one.watermark,
            quarantine: sum.quarantine || one.quarantine,
            force_deletes: sum.force_deletes || one.force_deletes,
        })
    })
}

/// The app of a job's path, if the caller may reach it and the job is its own.
pub fn job_app<'g, R: Right>(
    gateway: &'g Gateway,
    caller: &Caller<R>,
    path: &(String, String),
) -> Result<&'g App> {
    let (app, job) = path;
    let app = caller.app(gateway, app)?;
    if app.job == *job {
        Ok(app)
    } else {
        Err(unknown_job(job))
    }
}

fn unknown_job(job: &str) -> Error {
    Error::new(
        Kind::NotFound,
        format!("Resource '{job}' does not exist: this app has no such synchronization job."),
    )
}
