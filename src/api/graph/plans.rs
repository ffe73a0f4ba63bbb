//! Plans (ours): made, read and carried out.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::jobs::job_app;
use super::version;
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadJobs, WriteJobs};
use crate::api::body;
use crate::api::odata::After;
use crate::api::problem::{Envelope, Problem};
use crate::domain::plan::Proposal;
use crate::engine::plans::{Head, Scope};
use crate::engine::undo::Undo;
use crate::error::{Error, Kind, Result};

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRequest {
    /// Everybody, and not only those about whom there is something to look at.
    #[serde(default)]
    full: bool,
    /// Only these, by HR's own key for them.
    workers: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyRequest {
    /// Only what the plan says of these.
    workers: Option<Vec<String>>,
}

/// Has a plan made: what would change, for whom, and why. Nothing is written outside.
#[utoipa::path(tag = "plans", params(("app" = String, Path), ("job" = String, Path)), request_body = PlanRequest, responses((status = 202, body = Object, headers(("Location" = String))), (status = 400, body = Envelope), (status = 404, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/plans")]
pub async fn make_plan(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
    body: web::Bytes,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let wanted: PlanRequest = body::json_or_default(&body)?;
    let scope = match (wanted.full, wanted.workers) {
        (true, Some(_)) => {
            return Err(Error::invalid("full and workers exclude each other: name one of them").into());
        }
        (true, None) => Scope::Everybody,
        (false, None) => Scope::Due,
        (false, Some(workers)) => Scope::Workers(workers),
    };
    let head = gateway.engine.order_plan(&app.job, scope).await?;
    let location = format!(
        "{}/{}/servicePrincipals/{}/synchronization/jobs/{}/plans/{}",
        gateway.base_url(&request),
        version(&request),
        app.id,
        app.job,
        head.id
    );
    let answer = HttpResponse::Accepted()
        .insert_header((header::LOCATION, location))
        .json(view(&head, &[], None));
    Ok(answer)
}

/// A plan and a page of what it proposes. `state` is `making` until it is `ready`.
#[utoipa::path(tag = "plans", params(("app" = String, Path), ("job" = String, Path), ("plan" = String, Path), After), responses((status = 200, body = Object), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/plans/{plan}")]
pub async fn find_plan(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    path: web::Path<(String, String, String)>,
    after: web::Query<After>,
    request: HttpRequest,
) -> Result<web::Json<Value>, Problem> {
    let (app, job, plan) = path.into_inner();
    let app = job_app(&gateway, &caller, &(app, job))?;
    let head = gateway.engine.plan_head(&app.job, plan_id(&plan)?).await?;
    let changes = gateway.engine.proposals(head.id, after.token()).await?;
    let last = changes.last();
    let next = last.map(|last| gateway.next_link(&request, &last.worker));
    Ok(web::Json(view(&head, &changes, next)))
}

/// Carries a plan out, exactly. 409 `PlanOutdated`, and nothing is written, if somebody changed a worker or an account since.
#[utoipa::path(tag = "plans", params(("app" = String, Path), ("job" = String, Path), ("plan" = String, Path)), request_body = ApplyRequest, responses((status = 200, body = Object), (status = 404, body = Envelope), (status = 409, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/plans/{plan}/apply")]
pub async fn apply_plan(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let (app, job, plan) = path.into_inner();
    let app = job_app(&gateway, &caller, &(app, job))?;
    let wanted: ApplyRequest = body::json_or_default(&body)?;
    let (engine, job, id) = (gateway.engine.clone(), app.job.clone(), plan_id(&plan)?);
    // Whoever hangs up does not stop it halfway.
    let applying = async move { engine.apply_plan(&job, id, wanted.workers.as_deref()).await };
    let applied = gateway.engine.in_hand(applying).await?;
    Ok(HttpResponse::Ok().json(applied))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UndoRequest {
    /// A plan, a cycle, or HR's own key for a worker.
    id: String,
    /// Accounts that were made are deleted, and not only disabled.
    #[serde(default)]
    delete: bool,
}

/// Takes back what a plan, a cycle, or everything that was done to one worker's account changed (B28). What somebody changed
/// since is left alone, and named.
#[utoipa::path(tag = "plans", params(("app" = String, Path), ("job" = String, Path)), request_body = UndoRequest, responses((status = 200, body = Object), (status = 400, body = Envelope), (status = 404, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/undo")]
pub async fn undo(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let wanted: UndoRequest = body::json(&body)?;
    let what = gateway.engine.undoable(&app.job, &wanted.id).await?;
    let nothing = || {
        let message = format!(
            "nothing is known that was done by '{}', or not any more",
            wanted.id
        );
        Error::new(Kind::NotFound, message).code("NothingToUndo")
    };
    let undo = Undo {
        what: what.ok_or_else(nothing)?,
        delete: wanted.delete,
        by: caller.client.id.clone(),
    };
    let (engine, job) = (gateway.engine.clone(), app.job.clone());
    let undoing = async move { engine.undo(&job, undo).await };
    let undone = gateway.engine.in_hand(undoing).await?;
    Ok(HttpResponse::Ok().json(undone))
}

fn plan_id(text: &str) -> Result<Uuid> {
    let unknown = |_| Error::new(Kind::NotFound, "there is no such plan");
    text.parse().map_err(unknown)
}

fn view(head: &Head, changes: &[Proposal], next: Option<String>) -> Value {
    let mut view = json!({ "plan": head, "changes": changes });
    if let Some(next) = next {
        view["@odata.nextLink"] = next.into();
    }
    view
}
