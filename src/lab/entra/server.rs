//! The HTTP side: calls come in, answers go out, and connections are cut when a fault says so.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use uuid::Uuid;

use super::exchange::{self, Answer, Call, Content, Refusal};
use super::service::{Outcome, Service};
use crate::error::{Error, Result};

/// A body may be so large.
const BODY: usize = 4 << 20;

/// A second handle on the caller's connection, to cut it with.
struct Line(TcpStream);

/// Serves on this listener; ends when the handle is told to stop.
pub fn bind(
    service: Arc<Service>,
    listener: TcpListener,
) -> Result<(impl Future<Output = std::io::Result<()>>, ServerHandle)> {
    let service = Data::from(service);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(service.clone())
            .app_data(PayloadConfig::new(BODY))
            .default_service(web::to(handle))
    })
    .on_connect(|connection, extensions| {
        let stream = connection.downcast_ref::<actix_web::rt::net::TcpStream>();
        if let Some(stream) = stream {
            // Or the end of a long answer waits for the caller to acknowledge its beginning.
            let _ = stream.set_nodelay(true);
        }
        let copy = stream.and_then(|stream| stream.as_fd().try_clone_to_owned().ok());
        if let Some(copy) = copy {
            extensions.insert(Line(copy.into()));
        }
    })
    .workers(2)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)
    .map_err(|error| Error::internal(format!("the simulator cannot listen: {error}")).because(error))?
    .run();
    let handle = server.handle();
    Ok((server, handle))
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
        Outcome::Cut => {
            if let Some(Line(line)) = request.conn_data::<Line>() {
                // It may be cut already, by the other side.
                let _ = line.shutdown(Shutdown::Both);
            }
            HttpResponse::new(StatusCode::BAD_GATEWAY)
        }
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
