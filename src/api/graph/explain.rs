//! Why (ours): what `muster explain` prints.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::jobs::job_app;
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadLogs};
use crate::api::problem::{Envelope, Problem};
use crate::domain::explain::Explanation;
use crate::error::Error;

#[derive(Debug, Deserialize, IntoParams)]
pub struct Asked {
    /// HR's own key for the worker (externalId, WID), or the number that accounts are matched by.
    worker: Option<String>,
    /// An attribute of the account, as the schema's mappings name it.
    attribute: Option<String>,
}

/// Why somebody's account, or one attribute of it, is as it is: one sentence and everything behind it. Nothing is written. It names
/// people, so the provisioning log's roles are needed.
#[utoipa::path(tag = "muster", params(("app" = String, Path), ("job" = String, Path), Asked), responses((status = 200, body = Object), (status = 400, body = Envelope), (status = 403, body = Envelope), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/explain")]
pub async fn find_explanation(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadLogs>,
    path: web::Path<(String, String)>,
    asked: web::Query<Asked>,
) -> Result<web::Json<Explanation>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let unnamed = || Error::invalid("worker: say whose account it is about").at("worker");
    let worker = asked
        .worker
        .as_deref()
        .filter(|one| !one.is_empty())
        .ok_or_else(unnamed)?;
    let attribute = asked.attribute.as_deref();
    let explained = gateway.engine.explain(&app.job, worker, attribute).await?;
    Ok(web::Json(explained))
}
