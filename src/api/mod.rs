//! HTTP. Handlers are thin: who may, one call into the engine or the store, one view of the answer.
//!
//! Paths, shapes and errors are Microsoft Graph's, under `/v1.0` and `/beta`, so that its clients work after
//! changing a base URL, a client id and a secret.

mod auth;
mod body;
mod graph;
mod health;
mod oauth;
mod odata;
mod problem;
mod signing;
mod writeback;

use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{App, HttpRequest, HttpServer, get, middleware, web};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use percent_encoding::percent_decode_str;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};
use uuid::Uuid;

use crate::config::{BODIES_IN_FLIGHT, Tls};
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::secret::Sealer;
use problem::Problem;
use signing::Signer;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Graph's limit of provisionOnDemand: five calls in ten seconds.
const CALLS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
const CALLS_A_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// What handlers share.
pub struct Gateway {
    engine: Engine,
    signer: Signer,
    /// Free room for bodies, in bytes.
    room: Arc<Semaphore>,
    /// Uploads by client, where the config limits them.
    uploads: Option<DefaultKeyedRateLimiter<String>>,
    /// Calls for single people by app: each of them makes the job wait.
    on_demand: DefaultKeyedRateLimiter<String>,
}

impl Gateway {
    pub async fn new(engine: Engine) -> Result<Gateway> {
        let config = engine.config();
        let sealer = match (&config.store.key, engine.store().file()) {
            (Some(key), _) => Sealer::new(key)?,
            (None, Some(file)) => Sealer::beside(file)?,
            (None, None) => return Err(Error::invalid("the store needs a key: set [store] key")),
        };
        let signer = Signer::load(engine.store(), &sealer).await?;
        let uploads = config.server.upload_rate.and_then(|rate| {
            let one = rate.per / u32::from(rate.count);
            Quota::with_period(one).map(|quota| RateLimiter::keyed(quota.allow_burst(rate.count)))
        });
        Ok(Gateway {
            signer,
            room: Arc::new(Semaphore::new(BODIES_IN_FLIGHT)),
            uploads,
            on_demand: RateLimiter::keyed(Quota::per_minute(CALLS_A_MINUTE).allow_burst(CALLS)),
            engine,
        })
    }

    /// How this gateway is reached, as far as the request tells.
    fn base_url(&self, request: &HttpRequest) -> String {
        match &self.engine.config().server.public_url {
            Some(url) => url.clone(),
            None => {
                let connection = request.connection_info();
                format!("{}://{}", connection.scheme(), connection.host())
            }
        }
    }

    /// The `@odata.nextLink` of a page that ended with this.
    fn next_link(&self, request: &HttpRequest, last: &str) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("$skiptoken", last)
            .finish();
        format!("{}{}?{query}", self.base_url(request), request.path())
    }
}

/// Everything there is to call, for the server and for the description alike.
fn routes(config: &mut ServiceConfig) {
    config
        .service(utoipa_actix_web::scope("/v1.0").configure(versioned))
        .service(utoipa_actix_web::scope("/beta").configure(versioned))
        .service(health::live)
        .service(health::ready)
        .service(openapi_document)
        .service(oauth::token)
        .service(oauth::configuration)
        .service(oauth::keys);
}

fn versioned(config: &mut ServiceConfig) {
    graph::routes(config);
    writeback::routes(config);
}

#[derive(OpenApi)]
#[openapi(info(
    title = "Muster",
    description = "Takes people from HR into the directories. Graph's synchronization API, and Muster's own.",
    license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
))]
struct Description;

/// The API described, from the code that serves it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, description) = App::new()
        .into_utoipa_app()
        .openapi(Description::openapi())
        .configure(routes)
        .split_for_parts();
    description
}

/// This document.
#[utoipa::path(tag = "health", responses((status = 200, body = Object)))]
#[get("/openapi.json")]
async fn openapi_document(
    document: web::Data<utoipa::openapi::OpenApi>,
) -> web::Json<utoipa::openapi::OpenApi> {
    web::Json(document.get_ref().clone())
}

/// Serves until told to stop; requests under way are finished.
pub async fn serve(
    gateway: Gateway,
    listener: std::net::TcpListener,
    tls: Option<&Tls>,
    stop: CancellationToken,
) -> Result<()> {
    let gateway = web::Data::new(gateway);
    let document = web::Data::new(openapi());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(gateway.clone())
            .app_data(document.clone())
            .app_data(web::FormConfig::default().limit(16 << 10))
            .wrap(middleware::from_fn(answer))
            .wrap_fn(|mut request, service| {
                tidy_path(&mut request);
                service.call(request)
            })
            .into_utoipa_app()
            .configure(routes)
            .into_app()
            .default_service(web::to(nothing_here))
    })
    .workers(2)
    .disable_signals()
    .shutdown_timeout(10);
    let failed = |error: std::io::Error| Error::internal(format!("the server cannot listen: {error}"));
    let server = match tls {
        Some(tls) => server
            .listen_rustls_0_23(listener, tls_config(tls)?)
            .map_err(failed)?,
        None => server.listen(listener).map_err(failed)?,
    }
    .run();
    let handle = server.handle();
    tokio::spawn(async move {
        stop.cancelled().await;
        handle.stop(true).await;
    });
    server.await.map_err(failed)
}

async fn nothing_here() -> Result<actix_web::HttpResponse, Problem> {
    Err(Problem(Error::new(
        Kind::NotFound,
        "There is nothing at this address.",
    )))
}

/// Gives every answer its ids, and every refusal its envelope.
async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let request_id = Uuid::new_v4().to_string();
    let client_id = request
        .headers()
        .get(&CLIENT_REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .map(str::to_string);
    let client_id = client_id
        .filter(|id| id.len() <= 128)
        .unwrap_or_else(|| request_id.clone());
    let clock = request
        .app_data::<web::Data<Gateway>>()
        .map(|gateway| gateway.engine.clock().clone());
    let is_graph = !request.path().contains("/oauth2/");
    let response = next.call(request).await?.map_into_boxed_body();
    let status = response.status();
    let mut response = if (status.is_client_error() || status.is_server_error()) && is_graph {
        let (request, refused) = response.into_parts();
        let now = clock.map(|clock| clock.now()).unwrap_or_default();
        let problem = match refused.error().and_then(|error| error.as_error::<Problem>()) {
            Some(problem) => {
                report(&problem.0, &request_id, &request);
                problem.response(now, &request_id, &client_id)
            }
            None if refused
                .headers()
                .contains_key(actix_web::http::header::CONTENT_TYPE)
                && refused.error().is_none() =>
            {
                refused
            }
            None => Problem(problem::from_status(status)).response(now, &request_id, &client_id),
        };
        ServiceResponse::new(request, problem)
    } else {
        response
    };
    for (name, id) in [(REQUEST_ID, &request_id), (CLIENT_REQUEST_ID, &client_id)] {
        if let Ok(value) = HeaderValue::from_str(id) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// One line a failure, at the level its kind deserves; callers' own mistakes are theirs.
fn report(error: &Error, request_id: &str, request: &HttpRequest) {
    let (path, code) = (request.path(), &error.code);
    let source = std::error::Error::source(error).map(ToString::to_string);
    match error.kind.row().level {
        tracing::Level::ERROR => tracing::error!(request_id, path, %code, source, "request failed: {error}"),
        tracing::Level::WARN => tracing::warn!(request_id, path, %code, source, "request failed: {error}"),
        _ => tracing::debug!(request_id, path, %code, "request refused"),
    }
}

/// OData writes keys as `jobs/{id}` or `jobs('{id}')`, and clients put slashes where none are needed.
fn tidy_path(request: &mut ServiceRequest) {
    let path = request.path();
    // Clients call functions without arguments with or without parentheses.
    let mut tidy = path
        .trim_end_matches('/')
        .trim_end_matches("()")
        .replace("/microsoft.graph.", "/");
    let quotes = ["('", "(%27"];
    while let Some((at, opening)) = quotes
        .iter()
        .find_map(|opening| tidy.find(opening).map(|at| (at, *opening)))
    {
        let closing = if opening == "('" { "')" } else { "%27)" };
        let Some(length) = tidy[at + opening.len()..].find(closing) else {
            break;
        };
        let key = tidy[at + opening.len()..at + opening.len() + length].to_string();
        tidy.replace_range(
            at..at + opening.len() + length + closing.len(),
            &format!("/{key}"),
        );
    }
    if tidy == path || tidy.is_empty() {
        return;
    }
    let whole = match request.uri().query() {
        Some(query) => format!("{tidy}?{query}"),
        None => tidy,
    };
    if let Ok(uri) = whole.parse::<actix_web::http::Uri>() {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

fn tls_config(tls: &Tls) -> Result<rustls::ServerConfig> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let unreadable = |path: &std::path::Path, error: &dyn std::fmt::Display| {
        Error::invalid(format!("cannot use {}: {error}", path.display()))
    };
    let chain = |path: &std::path::Path| -> Result<Vec<CertificateDer<'static>>> {
        CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| unreadable(path, &error))
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| unreadable(&tls.key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("TLS cannot be set up").because(error))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add_parsable_certificates(chain(path)?);
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| unreadable(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder
        .with_single_cert(chain(&tls.cert)?, key)
        .map_err(|error| unreadable(&tls.cert, &error))
}

/// Undoes percent-encoding; what is no UTF-8 is replaced.
fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

/// Whether a client may send another upload now.
fn within_rate(gateway: &Gateway, client: &str) -> Result<()> {
    gateway
        .uploads
        .as_ref()
        .map_or(Ok(()), |limiter| within(limiter, client))
}

/// Whether so many calls are allowed.
fn within(limiter: &DefaultKeyedRateLimiter<String>, key: &str) -> Result<()> {
    use governor::clock::Clock;
    limiter.check_key(&key.to_string()).map_err(|refused| {
        let clock = governor::clock::DefaultClock::default();
        Error::new(Kind::TooMany, "Please retry again later.")
            .retry_after(refused.wait_time_from(clock.now()))
    })
}
