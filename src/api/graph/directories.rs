//! The directories that a job's schema describes, and what their systems have besides.

use actix_web::{HttpRequest, get, post, web};
use serde_json::Value as Json;

use super::jobs::job_app;
use super::schema::context;
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadJobs, WriteJobs};
use crate::api::odata::Collection;
use crate::api::problem::{Envelope, Problem};
use crate::error::{Error, Kind as ErrorKind};

/// The directories that a job's schema describes.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), responses((status = 200, body = Collection), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/schema/directories")]
pub async fn list_directories(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<web::Json<Collection>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let (_, document) = gateway.engine.schema(app).await?;
    let directories = document.json()["directories"].as_array().cloned();
    Ok(web::Json(Collection {
        context: context(&gateway, &request, app, "schema/directories"),
        value: directories.unwrap_or_default(),
        next_link: None,
    }))
}

/// One directory of a job's schema.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path), ("directory" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/schema/directories/{directory}")]
pub async fn find_directory(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    path: web::Path<(String, String, String)>,
) -> Result<web::Json<Json>, Problem> {
    let (app, job, directory) = path.into_inner();
    let app = job_app(&gateway, &caller, &(app, job))?;
    let (_, document) = gateway.engine.schema(app).await?;
    let mut directories = document.json()["directories"].as_array().into_iter().flatten();
    let found = directories.find(|one| one["id"] == directory.as_str());
    let unknown = || {
        Error::new(
            ErrorKind::NotFound,
            format!("Resource '{directory}' does not exist."),
        )
    };
    Ok(web::Json(found.cloned().ok_or_else(unknown)?))
}

/// Asks the target what its accounts can hold, and adds to the directory's definition what it did not know.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path), ("directory" = String, Path)), responses((status = 200, body = Object), (status = 400, body = Envelope), (status = 404, body = Envelope), (status = 503, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/schema/directories/{directory}/discover")]
pub async fn discover_directory(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String, String)>,
) -> Result<web::Json<Json>, Problem> {
    let (app, job, directory) = path.into_inner();
    let app = job_app(&gateway, &caller, &(app, job))?;
    Ok(web::Json(gateway.engine.discover(app, &directory).await?))
}
