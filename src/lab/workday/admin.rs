//! What only whoever runs the simulator may do, beside the clock and the faults.
//!
//! - `GET /lab/state`: counts, settings, and how often what was answered. With `?worker=` (WID or worker ID) what HR
//!   says of that worker: `&at=` a moment (now when absent), `&zone=` whose date it is then (Pacific time when absent),
//!   `&known=` the moment up to which entries count (`at`, but not later than now, when absent).
//! - `GET /lab/workers`: every worker's WID, ID and kind. `POST /lab/workers`: a new one, as
//!   [`NewWorker`](super::script::NewWorker) has it.
//! - `POST /lab/events`: something that HR enters, as [`NewEvent`](super::script::NewEvent) has it.
//! - `POST /lab/unlogged`: something that no log tells: `{"organization": "SUP-1000", "name": …, "managers": […]}`,
//!   `{"site": "SYD-01", "name": …, "locale": …}`, `{"worker": …, "userName": …, "groups": […]}`.
//! - `GET` and `POST /lab/settings`: [`Settings`](super::Settings), members at will.
//! - `GET /lab/requests`: the last hundred requests, without their passwords.
//! - `POST /lab/expire`: every token is worth nothing from now on.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Query, ServiceConfig};
use actix_web::{HttpResponse, Responder, web};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::pacific;
use super::script::{NewEvent, NewWorker, Unlogged};
use super::service::Service;
use super::tenant::{Tenant, organization_id};
use super::worker::View;

pub fn routes(service: Arc<Service>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let service = Data::from(service);
    move |config| {
        config
            .app_data(service.clone())
            .route("/lab/state", web::get().to(state))
            .route("/lab/workers", web::get().to(workers))
            .route("/lab/workers", web::post().to(take_on))
            .route("/lab/events", web::post().to(hear))
            .route("/lab/unlogged", web::post().to(alter))
            .route("/lab/settings", web::get().to(settings))
            .route("/lab/settings", web::post().to(set_settings))
            .route("/lab/requests", web::get().to(requests))
            .route("/lab/expire", web::post().to(expire));
    }
}

/// Which worker, when, and whose date counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    pub worker: Option<String>,
    pub at: Option<Timestamp>,
    pub zone: Option<String>,
    pub known: Option<Timestamp>,
}

impl Service {
    /// What HR says, or how the simulator is.
    pub fn report(&self, question: &Question) -> Result<Value, String> {
        let now = self.live();
        let state = self.read();
        let Some(key) = &question.worker else {
            return Ok(json!({
                "now": now,
                "today": pacific::day(now),
                "workers": state.tenant.workers.len(),
                "organizations": state.tenant.organizations.len(),
                "answers": self.desk().answers,
                "settings": state.settings,
            }));
        };
        let at = question.at.unwrap_or(now);
        let day = match &question.zone {
            None => pacific::day(at),
            Some(name) => {
                let zone = TimeZone::get(name).map_err(|error| error.to_string())?;
                zone.to_datetime(at).date()
            }
        };
        let known = question.known.unwrap_or_else(|| at.min(now));
        let worker = &state.tenant.workers[state.tenant.known(key)?];
        let view = worker.view(day, known);
        let events: Vec<Value> = worker
            .events
            .iter()
            .map(|event| {
                json!({
                    "event": event.number,
                    "wid": state.tenant.event_wid(event.number).to_string(),
                    "type": event.type_name(),
                    "process": event.process,
                    "entered": event.entered,
                    "effective": event.effective,
                })
            })
            .collect();
        Ok(json!({
            "wid": worker.wid.to_string(),
            "id": worker.id,
            "kind": worker.kind,
            "universalId": worker.universal_id(),
            "userName": worker.account.as_ref().map(|account| &account.name),
            "day": day,
            "known": known,
            "effective": view.map(|view| shown(&state.tenant, &view)),
            "events": events,
            "pending": worker.pending.as_ref().map(|event| event.number),
        }))
    }
}

/// A worker on a day, as JSON.
fn shown(tenant: &Tenant, view: &View) -> Value {
    let organization = view
        .organization
        .and_then(|organization| tenant.organizations.get(organization as usize));
    let manager = organization
        .and_then(|organization| organization.managers.first())
        .map(|manager| tenant.workers[*manager as usize].id.clone());
    let site = view.site.and_then(|site| tenant.sites.get(usize::from(site)));
    json!({
        "firstName": view.first_name,
        "middleName": view.middle_name,
        "lastName": view.last_name,
        "preferredFirstName": view.preferred_first_name,
        "preferredLastName": view.preferred_last_name,
        "title": view.title,
        "businessTitle": view.business_title,
        "site": site.map(|site| site.id),
        "city": site.map(|site| site.city),
        "zone": site.map(|site| site.zone),
        "organization": view.organization.map(organization_id),
        "department": organization.map(|organization| &organization.name),
        "manager": manager,
        "costCenter": view.cost_center,
        "workerType": view.worker_type,
        "active": view.active,
        "hire": view.hire,
        "originalHire": view.original_hire,
        "futureHire": view.future_hire,
        "hireRescinded": view.hire_rescinded,
        "rehire": view.rehire,
        "lastDay": view.termination.map(|termination| termination.last_day),
        "phones": view.phones,
        "emails": view.emails,
        "jobs": view.jobs.iter().map(|job| &job.title).collect::<Vec<_>>(),
        "abroad": view.assignment.is_some(),
        "leaves": view
            .leaves
            .iter()
            .map(|leave| json!({"type": leave.kind, "start": leave.start, "end": leave.end}))
            .collect::<Vec<_>>(),
    })
}

fn answer(outcome: Result<impl serde::Serialize, String>) -> HttpResponse {
    match outcome {
        Ok(value) => HttpResponse::Ok().json(value),
        Err(why) => HttpResponse::build(StatusCode::BAD_REQUEST).body(why),
    }
}

async fn state(service: Data<Service>, question: Query<Question>) -> HttpResponse {
    answer(service.report(&question))
}

async fn workers(service: Data<Service>) -> impl Responder {
    service.live();
    let state = service.read();
    let workers = state.tenant.workers.iter();
    let all: Vec<Value> = workers
        .map(|worker| json!({"wid": worker.wid.to_string(), "id": worker.id, "kind": worker.kind}))
        .collect();
    Json(json!({ "workers": all }))
}

async fn take_on(service: Data<Service>, worker: Json<NewWorker>) -> HttpResponse {
    let now = service.live();
    answer(service.write().tenant.take_on(worker.into_inner(), now))
}

async fn hear(service: Data<Service>, event: Json<NewEvent>) -> HttpResponse {
    let now = service.live();
    answer(service.write().tenant.hear(event.into_inner(), now))
}

async fn alter(service: Data<Service>, change: Json<Unlogged>) -> HttpResponse {
    let now = service.live();
    let altered = service.write().tenant.alter(change.into_inner(), now);
    answer(altered.map(|()| json!({})))
}

async fn settings(service: Data<Service>) -> impl Responder {
    Json(service.read().settings.clone())
}

async fn set_settings(service: Data<Service>, changes: Json<Value>) -> HttpResponse {
    answer(service.configure(&changes))
}

async fn requests(service: Data<Service>) -> impl Responder {
    Json(json!({ "requests": service.desk().requests }))
}

async fn expire(service: Data<Service>) -> impl Responder {
    service.desk().access.revoke();
    Json(json!({}))
}
