//! The HTTP side: calls come in, answers go out in chunks and compressed when asked, and connections are cut when a
//! fault says so.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data, PayloadConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use jiff::Timestamp;

use super::reply::Reply;
use super::service::{Call, Outcome, Service};
use crate::lab::server::cut;

/// A body may be so large.
const BODY: usize = 8 << 20;
/// What is sent at a time.
const CHUNK: usize = 64 << 10;

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
    let Ok(body) = body else {
        return HttpResponse::PayloadTooLarge().finish();
    };
    let header = |name: header::HeaderName| {
        let value = request.headers().get(name);
        value.and_then(|value| value.to_str().ok()).map(str::to_string)
    };
    let compresses = header(header::ACCEPT_ENCODING).is_some_and(|accepted| accepts_gzip(&accepted));
    let call = Call {
        method: request.method().as_str().to_string(),
        path: request.path().to_string(),
        authorization: header(header::AUTHORIZATION),
        body: body.to_vec(),
    };
    let controls = service.controls.clone();
    let served = web::block(move || {
        let (outcome, late) = service.serve(&call);
        let packed = match outcome {
            Outcome::Reply(reply) => Some(pack(reply, compresses)),
            Outcome::Cut => None,
        };
        (packed, late)
    });
    let Ok((packed, late)) = served.await else {
        return HttpResponse::InternalServerError().finish();
    };
    if !late.is_zero() {
        tokio::time::sleep(late).await;
    }
    let Some(packed) = packed else {
        return cut(&request);
    };
    write(packed, controls.now())
}

fn accepts_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_refused = parts.any(|part| part == "q=0" || part == "q=0.0");
        (name.eq_ignore_ascii_case("gzip") || name == "*") && !is_refused
    })
}

/// An answer, ready to be sent.
struct Packed {
    reply: Reply,
    body: Bytes,
    is_compressed: bool,
}

fn pack(mut reply: Reply, compresses: bool) -> Packed {
    let text = std::mem::take(&mut reply.body).into_bytes();
    let compressed = compresses.then(|| compress(&text)).and_then(io::Result::ok);
    Packed {
        is_compressed: compressed.is_some(),
        body: compressed.unwrap_or(text).into(),
        reply,
    }
}

fn compress(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text)?;
    encoder.finish()
}

/// The answer is dated by the simulated clock, by which the request was judged.
fn write(packed: Packed, now: Timestamp) -> HttpResponse {
    let Packed {
        reply,
        body,
        is_compressed,
    } = packed;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CONTENT_TYPE, reply.content_type));
    response.insert_header(header::Date(SystemTime::from(now).into()));
    if is_compressed {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    for (name, value) in reply.headers {
        response.insert_header((name, value));
    }
    let end = if reply.breaks { body.len() / 2 } else { body.len() };
    let chunks = (0..end)
        .step_by(CHUNK)
        .map(move |from| Ok(body.slice(from..end.min(from + CHUNK))));
    let break_off = reply
        .breaks
        .then(|| Err(io::Error::other("cut off, as the script of faults says")));
    response.streaming(stream::iter(
        chunks.chain(break_off).collect::<Vec<io::Result<Bytes>>>(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_asked_for_in_several_ways() {
        for (accepted, compresses) in [
            ("gzip, deflate", true),
            ("deflate;q=0.5, GZIP;q=1.0", true),
            ("*", true),
            ("gzip;q=0, identity", false),
            ("deflate", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(accepted), compresses, "{accepted}");
        }
    }
}
