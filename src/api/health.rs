//! Whether the process lives, and whether it can take requests.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Gateway;
use super::problem::{Envelope, Problem};

#[derive(Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
}

/// The process lives.
#[utoipa::path(tag = "health", responses((status = 200, body = Health)))]
#[get("/health/live")]
pub async fn live() -> web::Json<Health> {
    web::Json(Health { status: "ok" })
}

/// Requests can be taken: the database answers. Targets do not matter here: uploads wait for them.
#[utoipa::path(tag = "health", responses((status = 200, body = Health), (status = 503, body = Envelope)))]
#[get("/health/ready")]
pub async fn ready(gateway: web::Data<Gateway>) -> Result<HttpResponse, Problem> {
    gateway.engine.store().ping().await?;
    Ok(HttpResponse::Ok().json(Health { status: "ok" }))
}
