//! The operator's morning of a job (ours): what `muster report` prints.

use actix_web::{get, web};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::jobs::job_app;
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadLogs};
use crate::api::problem::{Envelope, Problem};
use crate::engine::report;
use crate::error::{Error, Kind};

#[derive(Debug, Deserialize, IntoParams)]
pub struct On {
    /// What was done on this day (UTC), such as 2026-11-01; in the last 24 hours otherwise.
    day: Option<String>,
}

/// Where a job stands, who starts and who leaves, what is in the way, and what to do about it. It names people, so the
/// provisioning log's roles are needed.
#[utoipa::path(tag = "muster", params(("app" = String, Path), ("job" = String, Path), On), responses((status = 200, body = Object), (status = 400, body = Envelope), (status = 403, body = Envelope), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/report")]
pub async fn find_report(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadLogs>,
    path: web::Path<(String, String)>,
    on: web::Query<On>,
) -> Result<web::Json<Value>, Problem> {
    let app = job_app(&gateway, &caller, &path)?.clone();
    let day = on.day.as_deref().map(|day| {
        let wrong = |_| Error::invalid("day: it must be a date such as 2026-11-01").at("day");
        day.parse::<Date>().map_err(wrong)
    });
    let (day, now) = (day.transpose()?, gateway.engine.clock().now());
    let config = gateway.engine.config().clone();
    let made = gateway
        .engine
        .store()
        .read(move |conn| report::report(conn, &config, &[app], day, now))
        .await?;
    let gone = || Error::new(Kind::NotFound, "this app has no such synchronization job");
    let job = made.jobs.into_iter().next().ok_or_else(gone)?;
    let mut view = serde_json::to_value(job)
        .map_err(|error| Error::internal("the report cannot be written").because(error))?;
    view["at"] = made.at.to_string().into();
    view["from"] = made.from.to_string().into();
    view["to"] = made.to.to_string().into();
    Ok(web::Json(view))
}
