//! The bulk upload (Graph's "Perform bulkUpload"): checked whole, durable, then 202.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, web};

use super::{jobs, version};
use crate::api::auth::{Caller, Upload};
use crate::api::problem::{Envelope, Problem};
use crate::api::{Gateway, body, within_rate};
use crate::connector::bulk;
use crate::error::{Error, Result};

/// Takes in what HR says. The answer comes when it is on disk; what became of each operation is in the
/// provisioning log, under the `Location`.
#[utoipa::path(
    tag = "synchronization",
    params(("app" = String, Path), ("job" = String, Path)),
    request_body(content = Object, content_type = "application/scim+json", description = "A SCIM bulk request (RFC 7644 §3.7)"),
    responses(
        (status = 202, description = "Taken in", headers(("Location" = String, description = "The job's log"))),
        (status = 400, body = Envelope), (status = 401, body = Envelope), (status = 403, body = Envelope),
        (status = 404, body = Envelope), (status = 413, body = Envelope), (status = 429, body = Envelope),
        (status = 500, body = Envelope, description = "The inbox is full"),
    )
)]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/bulkUpload")]
pub async fn upload(
    gateway: web::Data<Gateway>,
    caller: Caller<Upload>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let app = jobs::job_app(&gateway, &caller, &path)?;
    within_rate(&gateway, &caller.client.id)?;
    is_scim(&request)?;
    let (body, room) = body::read(&gateway, &request, payload).await?;
    let most = gateway.engine.config().server.max_operations;
    let checked = web::block(move || bulk::check(&body, most).map(|operations| (body, operations))).await;
    let (body, operations) =
        checked.map_err(|error| Error::internal("the check ended early").because(error))??;
    gateway.engine.accept(app, body, operations).await?;
    drop(room);
    let location = format!(
        "{}/{}/auditLogs/provisioning/?$filter=jobid%20eq%20'{}'",
        gateway.base_url(&request),
        version(&request),
        app.job
    );
    Ok(HttpResponse::Accepted()
        .insert_header((header::LOCATION, location))
        .finish())
}

fn is_scim(request: &HttpRequest) -> Result<()> {
    let given = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/scim+json") {
        return Ok(());
    }
    Err(
        Error::invalid("Invalid Data Format: the Content-Type must be application/scim+json")
            .at("Content-Type"),
    )
}
