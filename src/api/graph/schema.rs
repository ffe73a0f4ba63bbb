//! A job's synchronization schema, read and written.

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, put, web};
use serde_json::{Value as Json, json};

use super::jobs::job_app;
use super::version;
use crate::api::auth::{Caller, ReadJobs, WriteJobs};
use crate::api::problem::{Envelope, Problem};
use crate::api::{Gateway, body};
use crate::config::App;
use crate::domain::schema::revision;

/// A job's schema: directories, object mappings, attribute mappings, scoping filters.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/schema")]
pub async fn find_schema(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<web::Json<Json>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let (number, document) = gateway.engine.schema(app).await?;
    let mut schema = document.json().clone();
    schema["@odata.context"] = json!(context(&gateway, &request, app, "schema/$entity"));
    schema["id"] = json!(app.job);
    schema["version"] = json!(format!("v1.{number}"));
    Ok(web::Json(schema))
}

/// Replaces a job's schema, whole. Everybody is looked at again if it means something else than the one before.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), request_body = Object, responses((status = 204), (status = 400, body = Envelope), (status = 404, body = Envelope)))]
#[put("/servicePrincipals/{app}/synchronization/jobs/{job}/schema")]
pub async fn put_schema(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let (body, _room) = body::read(&gateway, &request, payload).await?;
    gateway.engine.put_schema(app, revision::replaced, body).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Replaces members of a job's schema, each whole.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), request_body = Object, responses((status = 204), (status = 400, body = Envelope), (status = 404, body = Envelope)))]
#[patch("/servicePrincipals/{app}/synchronization/jobs/{job}/schema")]
pub async fn patch_schema(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let (body, _room) = body::read(&gateway, &request, payload).await?;
    gateway.engine.put_schema(app, revision::patched, body).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Puts the template's schema back.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), responses((status = 204), (status = 404, body = Envelope)))]
#[delete("/servicePrincipals/{app}/synchronization/jobs/{job}/schema")]
pub async fn delete_schema(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    gateway.engine.reset_schema(app).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The `@odata.context` of part of a job.
pub(super) fn context(gateway: &Gateway, request: &HttpRequest, app: &App, what: &str) -> String {
    format!(
        "{}/{}/$metadata#servicePrincipals('{}')/synchronization/jobs('{}')/{what}",
        gateway.base_url(request),
        version(request),
        app.id,
        app.job
    )
}
