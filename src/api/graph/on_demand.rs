//! One person, now (Graph "synchronizationJob: provisionOnDemand").

use actix_web::{post, web};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::jobs::job_app;
use crate::api::auth::{Caller, WriteJobs};
use crate::api::body;
use crate::api::problem::{Envelope, Problem};
use crate::api::{Gateway, within};
use crate::error::{Error, Result};

#[derive(Debug, Deserialize, ToSchema)]
pub struct OnDemandRequest {
    parameters: Vec<Parameters>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    /// The synchronization rule; a job has one.
    #[serde(default)]
    #[expect(dead_code, reason = "clients send it")]
    rule_id: Option<String>,
    subjects: Vec<Subject>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// HR's own key for the worker (externalId, WID), or the number that accounts are matched by.
    object_id: String,
}

/// Takes one worker the whole way, and tells every step: a stringKeyStringValuePair of two JSON texts. What a limit held back of
/// this person is released. Five calls in ten seconds for each app, as Graph has it.
#[utoipa::path(tag = "synchronization", params(("app" = String, Path), ("job" = String, Path)), request_body = OnDemandRequest, responses((status = 200, body = Object), (status = 400, body = Envelope), (status = 404, body = Envelope), (status = 429, body = Envelope)))]
#[post("/servicePrincipals/{app}/synchronization/jobs/{job}/provisionOnDemand")]
pub async fn provision_on_demand(
    gateway: web::Data<Gateway>,
    caller: Caller<WriteJobs>,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<web::Json<Value>, Problem> {
    let app = job_app(&gateway, &caller, &path)?;
    let wanted: OnDemandRequest = body::json(&body)?;
    let subjects = wanted.parameters.iter().flat_map(|one| &one.subjects);
    let mut subjects = subjects.map(|subject| subject.object_id.clone());
    let (Some(named), None) = (subjects.next(), subjects.next()) else {
        return Err(Error::invalid("parameters[0].subjects: name one worker").into());
    };
    within(&gateway.on_demand, &app.id.to_string())?;
    let (engine, job, by) = (gateway.engine.clone(), app.job.clone(), caller.client.id.clone());
    // Whoever hangs up does not stop it halfway.
    let provisioning = async move { engine.provision(&job, &named, &by).await };
    let entry = gateway.engine.in_hand(provisioning).await?;
    Ok(web::Json(answer(&entry)))
}

/// The log's entry under the names that this answer has for the same.
fn answer(entry: &Value) -> Value {
    let at = timestamp(&entry["activityDateTime"]);
    let error = &entry["provisioningStatusInfo"]["errorInformation"];
    let status = capital(&entry["provisioningStatusInfo"]["status"]);
    let result = match status.as_str() {
        Some("Warning") => json!("Success"),
        _ => status.clone(),
    };
    let key = json!({
        "result": result,
        "details": { "errorCode": error["errorCode"], "errorMessage": error["reason"] },
    });
    let steps = entry["provisioningSteps"].as_array().into_iter().flatten();
    let steps: Vec<Value> = steps
        .map(|step| {
            json!({
                "name": step["name"],
                "type": capital(&step["provisioningStepType"]),
                "status": capital(&step["status"]),
                "description": step["description"],
                "timestamp": at,
                "details": step["details"],
            })
        })
        .collect();
    let value = json!({
        "action": capital(&entry["provisioningAction"]),
        "changeId": entry["changeId"],
        "startTime": at,
        "endTime": at,
        "reportableIdentifier": entry["sourceIdentity"]["displayName"],
        "statusInfo": {
            "status": status,
            "errorCode": error["errorCode"],
            "reason": error["reason"],
            "additionalDetails": error["additionalDetails"],
            "errorCategory": capital(&error["errorCategory"]),
            "recommendedAction": error["recommendedAction"],
        },
        "sourceIdentity": identity(&entry["sourceIdentity"]),
        "sourceSystem": system(&entry["sourceSystem"]),
        "targetIdentity": identity(&entry["targetIdentity"]),
        "targetSystem": system(&entry["targetSystem"]),
        "modifiedProperties": entry["modifiedProperties"],
        "provisioningSteps": steps,
    });
    json!({ "key": key.to_string(), "value": value.to_string() })
}

fn identity(identity: &Value) -> Value {
    json!({
        "id": identity["id"], "type": identity["identityType"],
        "displayName": identity["displayName"], "details": identity["details"],
    })
}

fn system(system: &Value) -> Value {
    json!({ "id": system["id"], "name": system["displayName"], "details": system["details"] })
}

/// Enumerations begin with a capital here.
fn capital(word: &Value) -> Value {
    let Some(text) = word.as_str() else {
        return Value::Null;
    };
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => json!(first.to_uppercase().chain(letters).collect::<String>()),
        None => json!(text),
    }
}

/// With seven digits after the second, as Graph has it.
fn timestamp(at: &Value) -> Value {
    let at = at.as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    match at {
        Some(at) => json!(format!("{at:.7}")),
        None => Value::Null,
    }
}
