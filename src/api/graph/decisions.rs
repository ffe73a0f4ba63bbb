//! What people decide (ours): allowances beyond a job's limits, and holds over HR's head (B12, B17).

use std::collections::BTreeMap;

use actix_web::{HttpResponse, delete, get, post, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::jobs::job_app;
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadJobs, WriteJobs};
use crate::api::body;
use crate::api::odata::After;
use crate::api::problem::{Envelope, Problem};
use crate::domain::guard::Action;
use crate::engine::{allowing, holding};
use crate::error::{Error, Result};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowanceRequest {
    /// How many more of each in all: `disable` (deletes, too), `enable`, `create`, `move`, `rename`, `overwrite:ATTRIBUTE`,
    /// `clear:ATTRIBUTE`.
    actions: BTreeMap<String, u64>,
    /// A day, to its end (UTC), or an instant; 31 days ahead at most.
    until: String,
    reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldRequest {
    /// HR's own key for a worker, or the number that accounts are matched by.
    worker: Option<String>,
    /// A DN, an object id (objectGUID), a user principal name or a sAMAccountName.
    account: Option<String>,
    /// Only these, as the schema calls them; everything otherwise.
    #[serde(default)]
    attributes: Vec<String>,
    /// A day, to its end (UTC), or an instant; until somebody lifts it otherwise.
    until: Option<String>,
    reason: String,
}

/// Lets a job do more of something than its limits do, for a while. Whoever is held for want of it is looked at at once.
#[utoipa::path(tag = "decisions", params(("app" = String, Path), ("job" = String, Path)), request_body = AllowanceRequest, responses((status = 201, body = Object), (status = 400, body = Envelope), (status = 404, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/allowances")]
pub async fn allow(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let wanted: AllowanceRequest = body::json(&body)?;
    let named = wanted.actions.into_iter().map(|(name, most)| {
        let action = Action::parse(&name).ok_or_else(|| {
            let message = format!("actions: there is no action '{name}': use disable, enable, create, move, rename, overwrite:ATTRIBUTE or clear:ATTRIBUTE");
            Error::invalid(message).at("actions")
        });
        Ok((action?, most))
    });
    let wanted = allowing::Wanted {
        actions: named.collect::<Result<_>>()?,
        until: wanted.until,
        reason: wanted.reason,
        by: caller.client.id.clone(),
    };
    let given = gateway.engine.allow(&app.job, wanted).await?;
    Ok(HttpResponse::Created().json(list(&given)?))
}

/// What a job is allowed now: by whom, until when, and how much of it is used.
#[utoipa::path(tag = "decisions", params(("app" = String, Path), ("job" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/allowances")]
pub async fn list_allowances(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    path: web::Path<(String, String)>,
) -> Result<web::Json<Value>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let allowances = gateway.engine.allowances(&app.job).await?;
    Ok(web::Json(list(&allowances)?))
}

/// Ends an allowance before its time.
#[utoipa::path(tag = "decisions", params(("app" = String, Path), ("job" = String, Path), ("allowance" = String, Path)), responses((status = 204), (status = 404, body = Envelope)))]
#[delete("/servicePrincipals/{app}/synchronization/jobs/{job}/allowances/{allowance}")]
pub async fn end_allowance(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    let (app, job, allowance) = path.into_inner();
    let app = job_app(&gateway, &caller, &(app, job))?;
    let by = &caller.client.id;
    gateway.engine.end_allowance(&app.job, &allowance, by).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Holds a worker's account, or an account whoever it belongs to, as it is: over HR's head for everything but a disable (B12).
#[utoipa::path(tag = "decisions", params(("app" = String, Path), ("job" = String, Path)), request_body = HoldRequest, responses((status = 201, body = Object), (status = 400, body = Envelope), (status = 404, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/holds")]
pub async fn hold(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let wanted: HoldRequest = body::json(&body)?;
    let whose = match (wanted.worker, wanted.account) {
        (Some(worker), None) => holding::Whose::Worker(worker),
        (None, Some(account)) => holding::Whose::Account(account),
        _ => return Err(Error::invalid("name a worker or an account, and not both").into()),
    };
    let wanted = holding::Wanted {
        whose,
        attributes: wanted.attributes,
        until: wanted.until,
        reason: wanted.reason,
        by: caller.client.id.clone(),
    };
    let held = gateway.engine.hold(&app.job, wanted).await?;
    Ok(HttpResponse::Created().json(held))
}

/// What is held of a job's, oldest first.
#[utoipa::path(tag = "decisions", params(("app" = String, Path), ("job" = String, Path), After), responses((status = 200, body = Object), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/holds")]
pub async fn list_holds(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    path: web::Path<(String, String)>,
    after: web::Query<After>,
    request: actix_web::HttpRequest,
) -> Result<web::Json<Value>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let holds = gateway.engine.holds(&app.job, after.token()).await?;
    let mut view = list(&holds)?;
    if let Some(last) = holds.last() {
        view["@odata.nextLink"] = gateway.next_link(&request, &last.id).into();
    }
    Ok(web::Json(view))
}

/// Lifts a hold. Whoever it kept from something is looked at at once.
#[utoipa::path(tag = "decisions", params(("app" = String, Path), ("job" = String, Path), ("hold" = String, Path)), responses((status = 204), (status = 404, body = Envelope)))]
#[delete("/servicePrincipals/{app}/synchronization/jobs/{job}/holds/{hold}")]
pub async fn lift(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    let (app, job, id) = path.into_inner();
    let app = job_app(&gateway, &caller, &(app, job))?;
    gateway.engine.lift(&app.job, &id, &caller.client.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn list(of: &[impl Serialize]) -> Result<Value> {
    let value = serde_json::to_value(of)
        .map_err(|error| Error::internal("what was decided cannot be written").because(error))?;
    Ok(serde_json::json!({ "value": value }))
}
