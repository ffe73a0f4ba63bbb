//! Callbacks (B30): an e-mail address, a user name or a phone that is to go home to HR now. Muster's own, beside Graph's
//! paths and in their manner.

mod wire;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use uuid::Uuid;

use super::auth::{CallBack, Caller, ReadCallbacks};
use super::graph::jobs::job_app;
use super::graph::version;
use super::problem::{Envelope, Problem};
use super::{Gateway, body, within_rate};
use crate::error::{Detail, Error, Kind, Result};
use crate::store::callbacks::Batch;
use wire::Callback;

pub fn routes(config: &mut utoipa_actix_web::service_config::ServiceConfig) {
    config.service(call_back).service(find_callback);
}

#[derive(Debug, Deserialize, IntoParams)]
pub struct Wishes {
    /// `true` has the webhook told of the outcome as well.
    #[serde(default)]
    notify: bool,
}

/// Takes callbacks in: one object, a list of them, or `{"items": […]}`. The answer comes when they are on disk; what became
/// of each is under the `Location`. A request that is sent again with its `Idempotency-Key` is answered as the first time.
#[utoipa::path(
    tag = "writeback",
    params(
        ("app" = String, Path), ("job" = String, Path), Wishes,
        ("Idempotency-Key" = Option<String>, Header, description = "The caller's own name for this request, up to 255 printable characters"),
    ),
    request_body(content = Vec<Callback>),
    responses(
        (status = 202, description = "Taken in", headers(("Location" = String, description = "Where the outcome is read"))),
        (status = 400, body = Envelope), (status = 401, body = Envelope), (status = 403, body = Envelope),
        (status = 404, body = Envelope), (status = 409, body = Envelope, description = "The key was used for another request"),
        (status = 413, body = Envelope), (status = 429, body = Envelope),
    )
)]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/writeback")]
async fn call_back(
    gateway: web::Data<Gateway>,
    caller: Caller<CallBack>,
    path: web::Path<(String, String)>,
    wishes: web::Query<Wishes>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    within_rate(&gateway, &caller.client.id)?;
    is_json(&request)?;
    let key = idempotency_key(&request)?;
    let (body, room) = body::read(&gateway, &request, payload).await?;
    let most = gateway.engine.config().server.max_operations;
    let read = web::block(move || wire::read(&body, most).map(|calls| (digest(&body), calls))).await;
    let (digest, calls) = read.map_err(|error| Error::internal("the check ended early").because(error))??;
    drop(room);
    let (calls, places): (Vec<_>, Vec<_>) = calls.into_iter().map(|one| (one.call, one.places)).unzip();
    let digest = format!("{digest} {}", wishes.notify);
    let client = &caller.client.id;
    let before = gateway.engine.called_before(app, client, key.as_deref(), &digest);
    let id = match before.await? {
        Some(id) => id,
        None => {
            if wishes.notify && gateway.engine.config().notify.is_none() {
                let message = "nobody can be told: set webhook and secret under [notify], or leave notify out and poll the Location";
                return Err(Error::invalid(message).at("notify").into());
            }
            let objections = gateway.engine.objections(app, &calls).await?;
            let objections = objections.into_iter().map(|objection| Detail {
                target: places[objection.call].of(objection.member),
                message: objection.message,
            });
            wire::refuse(objections.collect())?;
            let batch = Batch {
                id: Uuid::now_v7().to_string(),
                client: client.clone(),
                key,
                digest,
                notify: wishes.notify,
                calls,
            };
            gateway.engine.call_back(app, batch).await?
        }
    };
    let location = format!(
        "{}/{}/servicePrincipals/{}/synchronization/jobs/{}/writeback/{id}",
        gateway.base_url(&request),
        version(&request),
        app.id,
        app.job
    );
    Ok(HttpResponse::Accepted()
        .insert_header((header::LOCATION, location))
        .finish())
}

/// What became of callbacks: `status` is `notStarted`, `running` or `completed`; that of an item `accepted`, `pending`,
/// `success`, `failure` or `skipped`, with the provisioning log's code and message.
#[utoipa::path(
    tag = "writeback",
    params(("app" = String, Path), ("job" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Object), (status = 401, body = Envelope), (status = 403, body = Envelope), (status = 404, body = Envelope))
)]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/writeback/{id}")]
async fn find_callback(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadCallbacks>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    let (app, job, id) = path.into_inner();
    let app = job_app(&gateway, &caller, &(app, job))?;
    let unknown = || {
        let message = format!(
            "Resource '{id}' does not exist: this job took in no such callbacks in the last 30 days."
        );
        Error::new(Kind::NotFound, message)
    };
    let report = gateway.engine.callback(app, &id).await?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(report))
}

fn is_json(request: &HttpRequest) -> Result<()> {
    let given = request.headers().get(header::CONTENT_TYPE);
    let given = given.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    match essence.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Error::invalid("the Content-Type must be application/json").at("Content-Type")),
    }
}

/// Characters that a key may have.
const LONGEST_KEY: usize = 255;

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>> {
    let Some(key) = request.headers().get("Idempotency-Key") else {
        return Ok(None);
    };
    let is_printable = |key: &&str| key.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    let key = key.to_str().ok().map(str::trim).filter(is_printable);
    match key.filter(|key| (1..=LONGEST_KEY).contains(&key.len())) {
        Some(key) => Ok(Some(key.to_string())),
        None => {
            let message = format!("a key has 1 to {LONGEST_KEY} printable ASCII characters");
            Err(Error::invalid(message).at("Idempotency-Key"))
        }
    }
}

fn digest(body: &[u8]) -> String {
    format!("{:x}", Sha256::digest(body))
}
