//! OAuth 2.0 client credentials (RFC 6749 §4.4) at the addresses Microsoft's identity platform has them, so that
//! its clients find everything by the authority's URL alone. Any tenant segment is taken: there is one tenant.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use base64::Engine;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Gateway;
use super::problem::Problem;
use super::signing::{AUDIENCE, Claims};
use crate::config::Client;

#[derive(Deserialize, ToSchema)]
pub struct TokenRequest {
    grant_type: Option<String>,
    client_id: Option<String>,
    #[schema(write_only)]
    client_secret: Option<String>,
    /// `…/.default`; every token carries all of the client's roles.
    #[serde(rename = "scope")]
    _scope: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Token {
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    ext_expires_in: u64,
    access_token: String,
}

/// RFC 6749 §5.2, with the members Microsoft's libraries read.
#[derive(Serialize, ToSchema)]
pub struct Refusal {
    error: &'static str,
    error_description: String,
    error_codes: Vec<u32>,
    timestamp: String,
    trace_id: String,
    correlation_id: String,
}

/// Gives an access token to a client that knows its secret.
#[utoipa::path(
    tag = "oauth",
    params(("tenant" = String, Path, description = "Any tenant id or name")),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Token), (status = 400, body = Refusal), (status = 401, body = Refusal))
)]
#[post("/{tenant}/oauth2/v2.0/token")]
pub async fn token(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    form: web::Form<TokenRequest>,
) -> Result<HttpResponse, Problem> {
    let now = gateway.engine.clock().now();
    if form.grant_type.as_deref() != Some("client_credentials") {
        let message = "AADSTS70003: The grant type is not supported: use client_credentials.";
        return Ok(HttpResponse::BadRequest().json(refusal("unsupported_grant_type", 70003, message, now)));
    }
    let (id, secret) = match basic(&request) {
        Some(pair) => pair,
        None => (
            form.client_id.clone().unwrap_or_default(),
            form.client_secret.clone().unwrap_or_default(),
        ),
    };
    let Some(client) = known(&gateway.engine.config().clients, &id, &secret) else {
        tracing::warn!(
            peer = request.peer_addr().map(|peer| peer.ip().to_string()),
            "a client did not know its secret"
        );
        let message = "AADSTS7000215: Invalid client secret provided, or the client is not known.";
        return Ok(HttpResponse::Unauthorized().json(refusal("invalid_client", 7_000_215, message, now)));
    };
    let server = &gateway.engine.config().server;
    let lifetime = server.token_lifetime.as_secs();
    let tenant = server.tenant.to_string();
    let access_token = gateway.signer.sign(&Claims {
        aud: AUDIENCE.into(),
        iss: format!("{}/{tenant}/v2.0", gateway.base_url(&request)),
        iat: now.as_second(),
        nbf: now.as_second(),
        exp: now.as_second().saturating_add_unsigned(lifetime),
        appid: client.id.clone(),
        sub: client.id.clone(),
        tid: tenant,
        roles: client.roles.clone(),
        ver: "2.0".into(),
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Token {
            token_type: "Bearer",
            expires_in: lifetime,
            ext_expires_in: lifetime,
            access_token,
        }))
}

/// OpenID Connect discovery, as far as client credentials need it.
#[utoipa::path(tag = "oauth", params(("tenant" = String, Path)), responses((status = 200, body = Object)))]
#[get("/{tenant}/v2.0/.well-known/openid-configuration")]
pub async fn configuration(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    tenant: web::Path<String>,
) -> web::Json<Value> {
    let base = format!("{}/{tenant}", gateway.base_url(&request));
    web::Json(json!({
        "issuer": format!("{}/{}/v2.0", gateway.base_url(&request), gateway.engine.config().server.tenant),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": [".default"],
    }))
}

/// The keys that tokens are signed with.
#[utoipa::path(tag = "oauth", params(("tenant" = String, Path)), responses((status = 200, body = Object)))]
#[get("/{tenant}/discovery/v2.0/keys")]
pub async fn keys(gateway: web::Data<Gateway>) -> web::Json<Value> {
    web::Json(gateway.signer.key_set())
}

/// Compares digests in constant time, and as many for an unknown client as for a known one.
fn known<'c>(clients: &'c [Client], id: &str, secret: &str) -> Option<&'c Client> {
    let given = Sha256::digest(secret.as_bytes());
    clients.iter().fold(None, |found, client| {
        let kept = Sha256::digest(client.secret.expose_secret().as_bytes());
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(&given, &kept).is_ok();
        if same && client.id == id {
            Some(client)
        } else {
            found
        }
    })
}

/// `Authorization: Basic`, whose two halves are form-encoded (RFC 6749 §2.3.1).
fn basic(request: &HttpRequest) -> Option<(String, String)> {
    let header = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let encoded = header.strip_prefix("Basic ")?;
    let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((super::decode(id), super::decode(secret)))
}

fn refusal(error: &'static str, code: u32, message: &str, now: Timestamp) -> Refusal {
    Refusal {
        error,
        error_description: message.into(),
        error_codes: vec![code],
        timestamp: now.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        trace_id: Uuid::new_v4().to_string(),
        correlation_id: Uuid::new_v4().to_string(),
    }
}
