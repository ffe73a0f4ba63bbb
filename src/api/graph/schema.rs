//! A job's synchronization schema, and what helps to write one: expressions tried out, functions, filter operators.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, put, web};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::jobs::job_app;
use super::{bulk_upload, version};
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadJobs, WriteJobs};
use crate::api::odata::Collection;
use crate::api::problem::{Envelope, Problem};
use crate::config::App;
use crate::domain::expression::functions::{FUNCTIONS, Function, Kind, Repeats};
use crate::domain::expression::{Context, Expression, Outcome, Seed};
use crate::domain::schema::revision;
use crate::domain::scope;
use crate::domain::value::Value;
use crate::error::{Error, Kind as ErrorKind, Result};

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
    let (body, _room) = bulk_upload::read(&gateway, &request, payload).await?;
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
    let (body, _room) = bulk_upload::read(&gateway, &request, payload).await?;
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

/// An expression, and somebody to try it with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParseRequest {
    expression: Option<String>,
    test_input_object: Option<TestInput>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct TestInput {
    #[serde(default)]
    properties: Option<Vec<Property>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct Property {
    key: String,
    /// A text, or a list of texts.
    #[serde(default)]
    value: Json,
}

/// Parses an expression, and evaluates it for a test object. What is wrong with it is an answer, not an error.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), request_body = ParseRequest, responses((status = 200, body = Object), (status = 400, body = Envelope), (status = 404, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/schema/parseExpression")]
pub async fn parse_expression(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    path: web::Path<(String, String)>,
    body: web::Bytes,
    request: HttpRequest,
) -> Result<web::Json<Json>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let trial: ParseRequest = serde_json::from_value(read(&body)?)
        .map_err(|error| Error::invalid(format!("Invalid Data Format: {error}")))?;
    let text = trial.expression.as_deref().unwrap_or_default();
    let mut answer = json!({
        "@odata.context": format!("{}/{}/$metadata#microsoft.graph.parseExpressionResponse", gateway.base_url(&request), version(&request)),
        "error": null,
        "parsingSucceeded": false,
        "evaluationSucceeded": false,
        "evaluationResult": [],
        "parsedExpression": null,
    });
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => {
            let message = format!("{} (at character {})", error.message, error.at);
            answer["error"] = public_error("ExpressionParsingFailed", &message);
            return Ok(web::Json(answer));
        }
    };
    answer["parsingSucceeded"] = json!(true);
    answer["parsedExpression"] = json!(expression.tree());
    let inputs = trial.test_input_object.and_then(|input| input.properties);
    let inputs = attributes(inputs.unwrap_or_default())?;
    let domain = app.settings.default_domain.as_deref();
    let context = Context {
        attributes: &inputs,
        now: gateway.engine.clock().now(),
        seed: Seed::new(Uuid::now_v7(), "", ""),
        taken: &|_| false,
        default_domain: domain,
        directory_domain: domain,
    };
    match expression.evaluate(&context) {
        Ok(outcome) => {
            answer["evaluationSucceeded"] = json!(true);
            answer["evaluationResult"] = json!(match outcome {
                Outcome::Value { redacted: true, .. } => vec!["[Redact]".to_string()],
                Outcome::Value { value, .. } => value.to_texts(),
                Outcome::IgnoreAttribute | Outcome::IgnoreObject => Vec::new(),
            });
        }
        Err(error) => answer["error"] = public_error("ExpressionEvaluationFailed", &error.message),
    }
    Ok(web::Json(answer))
}

/// The functions of the mapping language.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), responses((status = 200, body = Collection), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/schema/functions")]
pub async fn list_functions(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<web::Json<Collection>, Problem> {
    job_app(&gateway, &caller, &path)?;
    Ok(web::Json(Collection {
        context: format!(
            "{}/{}/$metadata#functions",
            gateway.base_url(&request),
            version(&request)
        ),
        value: FUNCTIONS.iter().map(function).collect(),
        next_link: None,
    }))
}

/// The operators of scoping filters.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), responses((status = 200, body = Collection), (status = 404, body = Envelope)))]
#[get("/servicePrincipals/{app}/synchronization/jobs/{job}/schema/filterOperators")]
pub async fn list_filter_operators(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadJobs>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<web::Json<Collection>, Problem> {
    job_app(&gateway, &caller, &path)?;
    let operators = scope::operators().map(|(name, takes_value, types)| {
        json!({
            "id": name,
            "name": name,
            "arity": if takes_value { "Binary" } else { "Unary" },
            "multivaluedComparisonType": "All",
            "supportedAttributeTypes": types,
        })
    });
    Ok(web::Json(Collection {
        context: format!(
            "{}/{}/$metadata#filterOperators",
            gateway.base_url(&request),
            version(&request)
        ),
        value: operators.collect(),
        next_link: None,
    }))
}

fn function(function: &Function) -> Json {
    let parameters = function.parameters.iter().map(|one| {
        json!({
            "name": one.name,
            "type": match one.kind {
                Kind::Integer => "Integer",
                Kind::Boolean => "Boolean",
                Kind::Time => "DateTime",
                Kind::Any | Kind::Text | Kind::Condition | Kind::Pattern | Kind::Choice(_) => "String",
            },
            "required": one.required,
            "allowMultipleOccurrences": one.repeats != Repeats::Once,
        })
    });
    json!({ "id": function.name, "name": function.name, "parameters": parameters.collect::<Vec<_>>() })
}

fn read(body: &[u8]) -> Result<Json> {
    serde_json::from_slice(body).map_err(|error| Error::invalid(format!("Invalid Data Format: {error}")))
}

fn attributes(properties: Vec<Property>) -> Result<BTreeMap<String, Value>> {
    let read = |property: Property| {
        let value = serde_json::from_value(property.value).map_err(|error| {
            let place = format!("testInputObject.properties['{}'].value", property.key);
            Error::invalid(error.to_string()).at(place)
        })?;
        Ok((property.key, value))
    };
    properties.into_iter().map(read).collect()
}

fn public_error(code: &str, message: &str) -> Json {
    json!({ "code": code, "message": message, "target": "expression", "details": [], "innerError": null })
}

fn context(gateway: &Gateway, request: &HttpRequest, app: &App, what: &str) -> String {
    format!(
        "{}/{}/$metadata#servicePrincipals('{}')/synchronization/jobs('{}')/{what}",
        gateway.base_url(request),
        version(request),
        app.id,
        app.job
    )
}
