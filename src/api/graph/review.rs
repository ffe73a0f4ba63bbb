//! The review of a job's first cycle (ours): what `muster review` prints, and the release.

use actix_web::{get, post, web};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::jobs::job_app;
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadLogs, WriteJobs};
use crate::api::body;
use crate::api::odata::After;
use crate::api::problem::{Envelope, Problem};
use crate::engine::review::{Cohort, Released};
use crate::error::Error;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Everybody, which ends the review.
    #[serde(default)]
    all: bool,
    /// Only these, by HR's own key for them.
    #[serde(default)]
    workers: Vec<String>,
    /// So many at most, in the order of their keys.
    limit: Option<u64>,
    /// Only whom all of these let through: `Department EQUALS Sales`.
    #[serde(default)]
    filter: Vec<String>,
}

/// What releasing everybody would do. It names people, so the provisioning log's roles are needed. The target is asked for
/// the accounts that are nobody's, which takes as long as listing it.
#[utoipa::path(tag = "muster", params(("app" = String, Path), ("job" = String, Path)), responses((status = 200, body = Object), (status = 403, body = Envelope), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/review")]
pub async fn find_review(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadLogs>,
    path: web::Path<(String, String)>,
) -> Result<web::Json<Value>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let standings = gateway.engine.review(&app.job).await?;
    Ok(web::Json(json!(standings)))
}

/// The workers under review, a page of them: what would be done to each, and how each stands.
#[utoipa::path(tag = "muster", params(("app" = String, Path), ("job" = String, Path), After), responses((status = 200, body = Object), (status = 403, body = Envelope), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/review/workers")]
pub async fn list_reviewed(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadLogs>,
    path: web::Path<(String, String)>,
    after: web::Query<After>,
    request: actix_web::HttpRequest,
) -> Result<web::Json<Value>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let page = gateway.engine.reviewed(&app.job, after.token()).await?;
    let workers: Vec<Value> = page
        .iter()
        .map(|(standing, case)| {
            let mut view = json!(case);
            view["standing"] = json!(standing);
            view
        })
        .collect();
    let mut view = json!({ "value": workers });
    if let Some((_, last)) = page.last() {
        view["@odata.nextLink"] = gateway.next_link(&request, &last.proposal.worker).into();
    }
    Ok(web::Json(view))
}

/// Lets what was read be done, exactly: to everybody, or to some.
#[utoipa::path(tag = "muster", params(("app" = String, Path), ("job" = String, Path)), request_body = ReleaseRequest, responses((status = 200, body = Object), (status = 400, body = Envelope), (status = 404, body = Envelope), (status = 409, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/review/release")]
pub async fn release_reviewed(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<web::Json<Released>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let wanted: ReleaseRequest = body::json(&body)?;
    let some = !wanted.workers.is_empty() || wanted.limit.is_some() || !wanted.filter.is_empty();
    if wanted.all == some {
        let message = "say whom: either all, or workers, limit and filter";
        return Err(Error::invalid(message).at("all").into());
    }
    let cohort = Cohort {
        workers: wanted.workers,
        limit: wanted.limit,
        filter: wanted.filter,
    };
    Ok(web::Json(gateway.engine.release(&app.job, cohort).await?))
}
