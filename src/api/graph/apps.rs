//! Apps, which Graph calls service principals: how a client finds the job to send to.

use actix_web::{HttpRequest, HttpResponse, get, web};
use serde_json::{Value, json};

use super::version;
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadApps};
use crate::api::odata::{Collection, Filter, Options};
use crate::api::problem::{Envelope, Problem};
use crate::config::App;

/// Lists the apps this client may reach.
#[utoipa::path(tag = "servicePrincipals", params(Options), responses((status = 200, body = Collection), (status = 401, body = Envelope), (status = 403, body = Envelope)))]
#[get("/servicePrincipals")]
pub async fn list_apps(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadApps>,
    options: web::Query<Options>,
    request: HttpRequest,
) -> Result<web::Json<Collection>, Problem> {
    let filter = options.filter.as_deref().map(Filter::parse).transpose()?;
    let apps = gateway
        .engine
        .config()
        .apps
        .iter()
        .filter(|app| caller.reaches(app))
        .map(view);
    let value = apps
        .filter(|app| filter.as_ref().is_none_or(|filter| filter.admits(app)))
        .take(options.top.unwrap_or(usize::MAX))
        .map(|app| select(app, options.select.as_deref()))
        .collect();
    let context = format!(
        "{}/{}/$metadata#servicePrincipals",
        gateway.base_url(&request),
        version(&request)
    );
    Ok(web::Json(Collection {
        context,
        value,
        next_link: None,
    }))
}

/// One app.
#[utoipa::path(tag = "servicePrincipals", params(("app" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}")]
pub async fn find_app(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadApps>,
    app: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(view(caller.app(&gateway, &app)?)))
}

fn view(app: &App) -> Value {
    json!({
        "id": app.id.to_string(),
        "appId": app.id.to_string(),
        "displayName": app.name,
        "appDisplayName": app.name,
        "servicePrincipalType": "Application",
        "accountEnabled": true,
    })
}

/// `$select`: the named members, and the id, which clients rely on.
fn select(mut record: Value, names: Option<&str>) -> Value {
    if let (Some(names), Some(members)) = (names, record.as_object_mut()) {
        let names: Vec<&str> = names.split(',').map(str::trim).collect();
        members
            .retain(|member, _| member == "id" || names.iter().any(|name| name.eq_ignore_ascii_case(member)));
    }
    record
}
