//! The HTTP side: calls come in, answers go out, and connections are cut when a fault says so.

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data, PayloadConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

use super::exchange::{self, Answer, Call, Content, Refusal};
use super::service::{Outcome, Service};
use crate::lab::server::cut;

/// A body may be so large.
const BODY: usize = 4 << 20;

/// What is served.
pub fn routes(service: Arc<Service>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let service = Data::from(service);
    move |config| {
        config
            .app_data(service.clone())
            .app_data(PayloadConfig::new(BODY))
            .default_service(web::to(handle));
    }
}

async fn handle(
    request: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
    service: Data<Service>,
) -> HttpResponse {
    let unread = body.as_ref().err().map(unread);
    let call = read(&request, body.unwrap_or_default());
    let ids = (call.request_id.clone(), call.client_request_id().to_string());
    if let Some(refusal) = unread {
        return write(service.refuse(&call, refusal), ids);
    }
    match service.serve(call).await {
        Outcome::Answer(answer) => write(answer, ids),
        Outcome::Cut => cut(&request),
    }
}

/// A body that did not come whole, or was too long to be awaited.
fn unread(error: &actix_web::Error) -> Refusal {
    match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(
            413,
            "RequestEntityTooLarge",
            "The body of the request is too large.",
        ),
        _ => exchange::unreadable(),
    }
}

fn read(request: &HttpRequest, body: Bytes) -> Call {
    let connection = request.connection_info();
    let headers = request.headers().iter();
    let headers = headers
        .filter_map(|(name, value)| Some((name.as_str().to_string(), value.to_str().ok()?.to_string())));
    let mut call = Call {
        method: request.method().as_str().to_ascii_uppercase(),
        headers: headers.collect(),
        body,
        root: format!("{}://{}", connection.scheme(), connection.host()),
        request_id: Uuid::new_v4().to_string(),
        ..Call::default()
    };
    let address = request
        .uri()
        .path_and_query()
        .map_or("/", |address| address.as_str());
    let is_token = request.path().ends_with("/oauth2/v2.0/token");
    call.aim(address, !is_token);
    call
}

fn write(answer: Answer, (request_id, client_request_id): (String, String)) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header(("request-id", request_id));
    response.insert_header(("client-request-id", client_request_id));
    for (name, value) in answer.headers {
        response.insert_header((name, value));
    }
    match answer.content {
        Content::Nothing => response.finish(),
        Content::Json(value) => response
            .insert_header(("odata-version", "4.0"))
            .insert_header((
                header::CONTENT_TYPE,
                "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
            ))
            .body(value.to_string()),
        Content::Text(kind, text) => response.insert_header((header::CONTENT_TYPE, kind)).body(text),
    }
}
