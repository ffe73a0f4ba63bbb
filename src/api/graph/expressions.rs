//! What helps to write a schema: expressions tried out, functions, the operators of filters.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, get, post, web};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::jobs::job_app;
use super::version;
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadJobs};
use crate::api::body;
use crate::api::odata::Collection;
use crate::api::problem::{Envelope, Problem};
use crate::domain::expression::functions::{FUNCTIONS, Function, Repeats};
use crate::domain::expression::{Context, Expression, Outcome, Seed};
use crate::domain::scope;
use crate::domain::value::Value;
use crate::error::{Error, Result};

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
    let trial: ParseRequest = body::json(&body)?;
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
            "type": one.kind.type_name(),
            "required": one.required,
            "allowMultipleOccurrences": one.repeats != Repeats::Once,
        })
    });
    json!({ "id": function.name, "name": function.name, "parameters": parameters.collect::<Vec<_>>() })
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
