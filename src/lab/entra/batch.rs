//! `/$batch`: "Combine multiple HTTP requests using JSON batching".

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

use base64::Engine;

use super::exchange::{Answer, Call, Content, Refusal};
use super::service::{Outcome, Service};

/// Requests in one batch.
const MOST: usize = 20;

/// One request of a batch.
struct Part {
    id: String,
    call: Call,
    /// What must have gone well before.
    depends_on: Vec<String>,
}

/// Carries out the parts, each by itself; they are answered in any order, since nobody promised one.
pub async fn answer(service: &Service, call: &Call) -> Outcome {
    let parts = match read(service, call) {
        Ok(parts) => parts,
        Err(refusal) => return Outcome::Answer(refusal.answer(call, service.controls.now())),
    };
    let mut statuses: HashMap<String, u16> = HashMap::new();
    let mut responses = Vec::with_capacity(parts.len());
    for part in parts {
        let failed = part
            .depends_on
            .iter()
            .any(|id| statuses.get(id).is_none_or(|status| *status >= 400));
        let outcome = match failed {
            true => Outcome::Answer(failed_dependency(service, &part.call)),
            false => service.single(&part.call).await,
        };
        let answer = match outcome {
            Outcome::Answer(answer) => answer,
            // What was done before stays done, and nobody hears of it.
            Outcome::Cut => return Outcome::Cut,
        };
        statuses.insert(part.id.clone(), answer.status);
        responses.push(response(&part.id, answer));
    }
    let number = {
        let mut state = service.state();
        state.batches += 1;
        state.batches
    };
    responses.shuffle(&mut ChaCha8Rng::seed_from_u64(service.seed ^ number));
    Outcome::Answer(Answer::ok(json!({ "responses": responses })))
}

/// The parts, in an order in which each comes after what it depends on.
fn read(service: &Service, call: &Call) -> Result<Vec<Part>, Refusal> {
    service.state().tokens.check(call, service.controls.now())?;
    let body = call.object()?;
    let requests = body
        .get("requests")
        .and_then(Value::as_array)
        .ok_or_else(|| Refusal::bad("BadRequest", "Invalid batch payload format."))?;
    if requests.len() > MOST {
        return Err(Refusal::bad(
            "BadRequest",
            format!("Number of batch request steps exceeds the maximum value of {MOST}."),
        ));
    }
    if requests.is_empty() {
        return Err(Refusal::bad("BadRequest", "Invalid batch payload format."));
    }
    let parts: Result<Vec<Part>, Refusal> = requests.iter().map(|request| part(call, request)).collect();
    order(parts?)
}

fn part(call: &Call, request: &Value) -> Result<Part, Refusal> {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let id = text("id").filter(|id| !id.is_empty());
    let id =
        id.ok_or_else(|| Refusal::bad("BadRequest", "Invalid batch request: each request needs an id."))?;
    let wrong = |what: &str| Refusal::bad("BadRequest", format!("Invalid batch request id : {id}. {what}"));
    let method = text("method").ok_or_else(|| wrong("It has no method."))?;
    let url = text("url").ok_or_else(|| wrong("It has no url."))?;
    let headers = request.get("headers").and_then(Value::as_object);
    let mut headers: HashMap<String, String> = headers
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_string())))
        .collect();
    let body = request.get("body").filter(|body| !body.is_null());
    let is_write = ["PATCH", "PUT"]
        .iter()
        .any(|write| write.eq_ignore_ascii_case(method))
        || body.is_some();
    if is_write && (body.is_none() || !headers.contains_key("content-type")) {
        return Err(Refusal::bad(
            "BadRequest",
            format!("Write request id : {id} does not contain Content-Type header or body."),
        ));
    }
    for inherited in ["authorization", "client-request-id"] {
        if let Some(value) = call.header(inherited) {
            headers
                .entry(inherited.into())
                .or_insert_with(|| value.to_string());
        }
    }
    let depends_on = request.get("dependsOn").or_else(|| request.get("depends_on"));
    let depends_on: Option<Vec<String>> = match depends_on {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(ids)) => ids.iter().map(|id| id.as_str().map(String::from)).collect(),
        Some(_) => None,
    };
    let depends_on = depends_on.ok_or_else(|| wrong("What it depends on is no list of ids."))?;
    let mut part = Call {
        method: method.to_ascii_uppercase(),
        version: call.version.clone(),
        headers,
        body: body.map(Value::to_string).unwrap_or_default().into(),
        root: call.root.clone(),
        request_id: call.request_id.clone(),
        ..Call::default()
    };
    part.aim(url, false);
    Ok(Part {
        id: id.to_string(),
        call: part,
        depends_on,
    })
}

fn order(parts: Vec<Part>) -> Result<Vec<Part>, Refusal> {
    let mut waiting = parts;
    let mut ordered: Vec<Part> = Vec::with_capacity(waiting.len());
    for at in 0..waiting.len() {
        if waiting[..at].iter().any(|part| part.id == waiting[at].id) {
            return Err(Refusal::bad(
                "BadRequest",
                format!(
                    "Invalid batch payload: the request id '{}' is there twice.",
                    waiting[at].id
                ),
            ));
        }
    }
    while !waiting.is_empty() {
        let is_ready = |part: &Part| {
            let done = |id: &String| ordered.iter().any(|part| part.id == *id);
            part.depends_on.iter().all(done)
        };
        let Some(at) = waiting.iter().position(is_ready) else {
            return Err(Refusal::bad(
                "BadRequest",
                "Invalid batch payload: a request depends on one that is not there, or on itself.",
            ));
        };
        ordered.push(waiting.remove(at));
    }
    Ok(ordered)
}

fn failed_dependency(service: &Service, call: &Call) -> Answer {
    Refusal::new(
        424,
        "FailedDependency",
        "The request failed because a request it depends on failed.",
    )
    .answer(call, service.controls.now())
}

fn response(id: &str, answer: Answer) -> Value {
    let mut headers: Map<String, Value> = answer
        .headers
        .into_iter()
        .map(|(name, value)| (title(name), json!(value)))
        .collect();
    headers.insert("Cache-Control".into(), json!("no-cache"));
    let mut response = json!({"id": id, "status": answer.status});
    let (kind, body) = match answer.content {
        Content::Nothing => (None, None),
        Content::Json(body) => (Some("application/json"), Some(body)),
        // What is not JSON travels in base64.
        Content::Text(kind, text) => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text);
            (Some(kind), Some(json!(encoded)))
        }
    };
    if let Some(kind) = kind {
        headers.insert("Content-Type".into(), json!(kind));
    }
    response["headers"] = Value::Object(headers);
    if let Some(body) = body {
        response["body"] = body;
    }
    response
}

/// `retry-after` is `Retry-After` in a batch.
fn title(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
