//! What only whoever runs the simulator may do, beside the clock and the faults.
//!
//! - `GET /lab/state`: every user with everything, the deleted ones, and how often what was answered.
//! - `GET` and `POST /lab/settings`: [`Settings`](super::Settings), members at will.
//! - `POST /lab/users`: `{"user": id or name, "set": {…}, "roleHolder": true, "mailbox": true}` makes or alters a user
//!   in ways that Graph has no call for; nothing is checked. `{"purge": id or name}` removes one, deleted before
//!   or not, without a trace; 404 where there is none.
//! - `POST /lab/groups`: `{"group": id, "members": [ids of users and groups]}` makes or alters a group.
//! - `POST /lab/expire`: `{"tokens": true}` revokes every token now, `{"tokensAfter": 3}` after three more calls,
//!   `{"changes": true}` forgets every delta token.

use std::sync::Arc;

use actix_web::web::{Data, Json, ServiceConfig};
use actix_web::{HttpResponse, Responder, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::exchange::Refusal;
use super::groups::Group;
use super::properties;
use super::service::Service;
use super::user::User;

pub fn routes(service: Arc<Service>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let service = Data::from(service);
    move |config| {
        config
            .app_data(service.clone())
            .route("/lab/state", web::get().to(state))
            .route("/lab/settings", web::get().to(settings))
            .route("/lab/settings", web::post().to(set_settings))
            .route("/lab/users", web::post().to(alter))
            .route("/lab/groups", web::post().to(group))
            .route("/lab/expire", web::post().to(expire));
    }
}

async fn state(service: Data<Service>) -> impl Responder {
    Json(service.report())
}

async fn settings(service: Data<Service>) -> impl Responder {
    Json(service.state().settings.clone())
}

async fn set_settings(service: Data<Service>, changes: Json<Value>) -> HttpResponse {
    match service.configure(&changes) {
        Ok(settings) => HttpResponse::Ok().json(settings),
        Err(why) => HttpResponse::BadRequest().body(why),
    }
}

/// What is to be done to a user.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Alteration {
    /// An id or a name; nobody's, or absent, for a new user.
    pub user: Option<String>,
    pub set: Map<String, Value>,
    pub role_holder: Option<bool>,
    pub mailbox: Option<bool>,
    pub purge: Option<String>,
}

impl Service {
    /// Makes or alters a user, no questions asked; answers with everything it has then. Nobody is found to purge only
    /// where there is nobody of this key.
    pub fn alter(&self, alteration: Alteration) -> Result<Value, Refusal> {
        let now = self.controls.now();
        let mut state = self.state();
        let directory = &mut state.directory;
        if let Some(key) = alteration.purge {
            let user = directory.anybody(&key).ok_or_else(|| Refusal::missing(&key))?;
            directory.purge(user.id);
            return Ok(Value::Null);
        }
        let key = alteration.user.unwrap_or_default();
        let known = directory.anybody(&key);
        let mut user = known.map_or_else(
            || User::new(key.parse().unwrap_or_else(|_| Uuid::new_v4()), now),
            |user| User::clone(&user),
        );
        let mut changed = Vec::new();
        for (name, value) in alteration.set {
            let name = properties::canonical(&name).unwrap_or(name);
            user.set(&name, value);
            changed.push(name);
        }
        user.holds_role = alteration.role_holder.unwrap_or(user.holds_role);
        user.has_mailbox = alteration.mailbox.unwrap_or(user.has_mailbox);
        let everything = user.everything();
        directory.write(user, &super::users::names(&changed));
        Ok(everything)
    }
}

async fn alter(service: Data<Service>, alteration: Json<Alteration>) -> HttpResponse {
    match service.alter(alteration.into_inner()) {
        Ok(user) => HttpResponse::Ok().json(user),
        Err(refusal) => HttpResponse::NotFound().body(refusal.message),
    }
}

async fn group(service: Data<Service>, group: Json<Group>) -> impl Responder {
    let group = group.into_inner();
    let mut state = service.state();
    state.directory.groups.insert(group.group, group.members);
    Json(json!({}))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Expiry {
    tokens: bool,
    tokens_after: Option<u64>,
    changes: bool,
}

async fn expire(service: Data<Service>, expiry: Json<Expiry>) -> impl Responder {
    let mut state = service.state();
    if expiry.tokens {
        state.tokens.revoke();
    }
    if let Some(calls) = expiry.tokens_after {
        state.tokens.revoke_after(calls);
    }
    if expiry.changes {
        state.directory.age += 1;
    }
    Json(json!({}))
}
