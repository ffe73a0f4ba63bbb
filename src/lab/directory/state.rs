//! `GET /lab/state`: every object of the domain, as an administrator sees it, and how often what was answered.

use std::sync::{Arc, PoisonError};

use actix_web::web::{Data, Json, ServiceConfig};
use actix_web::{Responder, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json_, json};

use super::domain::{Caller, Context, Domain};
use super::schema::{self, Syntax};
use super::session::Shared;
use super::show::DnForm;
use super::tree::{Id, Life};

/// Adds the route to those of the controls.
pub fn routes(shared: Arc<Shared>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        let shared = Data::from(shared.clone());
        config.app_data(shared).route("/lab/state", web::get().to(state));
    }
}

async fn state(shared: Data<Shared>) -> impl Responder {
    shared.let_time_pass();
    let domain = shared.domain.read().unwrap_or_else(PoisonError::into_inner);
    let context = Context {
        caller: Caller::Nobody,
        now: shared.controls.now(),
        secure: true,
        sees: Life::Recycled,
        permissive: false,
    };
    let root = domain.tree.root();
    let of_domain = domain.tree.entries().map(|entry| entry.id);
    let entries: Vec<Json_> = of_domain
        .filter(|id| domain.tree.context(*id) == root)
        .map(|id| entry(&domain, id, &context))
        .collect();
    let answers = shared.answers.lock().unwrap_or_else(PoisonError::into_inner);
    Json(json!({ "highestCommittedUSN": domain.tree.usn(), "answers": *answers, "entries": entries }))
}

/// Text as it is, everything else in base64.
fn entry(domain: &Domain, id: Id, context: &Context) -> Json_ {
    let mut attributes = Map::new();
    for att in schema::attributes().filter(|att| !att.constructed) {
        let values = domain.values(id, att, DnForm::Plain, context);
        if values.is_empty() {
            continue;
        }
        let is_binary = matches!(att.syntax, Syntax::Octet | Syntax::Sid);
        let text = |value: Vec<u8>| match is_binary {
            true => STANDARD.encode(value),
            false => String::from_utf8_lossy(&value).into_owned(),
        };
        attributes.insert(att.name.to_string(), values.into_iter().map(text).collect());
    }
    let is_deleted = domain.tree.entry(id).is_deleted();
    json!({ "dn": domain.tree.dn(id), "isDeleted": is_deleted, "attributes": attributes })
}
