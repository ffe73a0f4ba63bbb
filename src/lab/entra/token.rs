//! The token endpoint of the client credentials flow, and the tokens it gave out.
//!
//! From "Microsoft identity platform and the OAuth 2.0 client credentials flow" and its error codes.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Settings, Tenant};
use super::exchange::{Answer, Call, Refusal, pairs};

#[derive(Default)]
pub struct Tokens {
    /// When each of them expires.
    expiries: HashMap<String, Timestamp>,
    /// All of them die after so many more calls.
    die_after: Option<u64>,
}

/// An error of the endpoint: status, OAuth's code, Microsoft's number and text.
type Fault = (u16, &'static str, u32, String);

impl Tokens {
    /// `POST /{tenant}/oauth2/v2.0/token`.
    pub fn issue(&mut self, call: &Call, tenant: &Tenant, settings: &Settings, now: Timestamp) -> Answer {
        if let Err(fault) = check(call, tenant) {
            return refusal(call, fault, now);
        }
        self.expiries.retain(|_, expiry| *expiry > now);
        let lifetime = settings.token_lifetime_s;
        let lasts = SignedDuration::from_secs(i64::from(lifetime));
        let expiry = now.saturating_add(lasts).unwrap_or(Timestamp::MAX);
        let token = token(tenant, &settings.roles, now, expiry);
        self.expiries.insert(token.clone(), expiry);
        let issued = json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": token,
        });
        said(200, &issued).with("cache-control", "no-store")
    }

    /// Is the caller somebody, now?
    pub fn check(&mut self, call: &Call, now: Timestamp) -> Result<(), Refusal> {
        let bearer = call
            .header("authorization")
            .and_then(|value| value.split_once(' '));
        let token = match bearer {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => return Err(unauthenticated("Access token is empty.")),
        };
        match self.die_after {
            Some(0) => self.revoke(),
            Some(calls) => self.die_after = Some(calls - 1),
            None => {}
        }
        match self.expiries.get(token) {
            Some(expiry) if *expiry > now => Ok(()),
            Some(_) => Err(unauthenticated(
                "Lifetime validation failed, the token is expired.",
            )),
            None => Err(unauthenticated("CompactToken validation failed.")),
        }
    }

    /// None is good any more.
    pub fn revoke(&mut self) {
        self.expiries.clear();
        self.die_after = None;
    }

    /// Revokes them all after so many more calls, parts of batches included.
    pub fn revoke_after(&mut self, calls: u64) {
        self.die_after = Some(calls);
    }
}

/// A token as Entra ID's look to whoever takes one apart, of an app on its own ("Access token claims reference"). Nobody
/// checks its signature here: it is known, or it is not.
fn token(tenant: &Tenant, roles: &[String], issued: Timestamp, expiry: Timestamp) -> String {
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "lab" });
    let claims = json!({
        "aud": "https://graph.microsoft.com",
        "iss": format!("https://sts.windows.net/{}/", tenant.id),
        "iat": issued.as_second(),
        "nbf": issued.as_second(),
        "exp": expiry.as_second(),
        "appid": tenant.client_id,
        "idtyp": "app",
        "roles": roles,
        "tid": tenant.id,
        "uti": Uuid::new_v4().simple().to_string(),
        "ver": "1.0",
    });
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signature = URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes());
    format!("{}.{}.{signature}", part(&header), part(&claims))
}

/// The endpoint speaks OAuth, and nothing of OData.
fn said(status: u16, body: &Value) -> Answer {
    Answer::text(status, "application/json; charset=utf-8", body.to_string())
}

/// OAuth's way of refusing (RFC 6749 §5.2), with what Microsoft adds.
fn refusal(call: &Call, (status, error, number, text): Fault, now: Timestamp) -> Answer {
    let description = format!(
        "AADSTS{number}: {text} Trace ID: {} Correlation ID: {} Timestamp: {now}",
        call.request_id,
        call.client_request_id()
    );
    let body = json!({
        "error": error,
        "error_description": description,
        "error_codes": [number],
        "timestamp": now.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        "trace_id": call.request_id,
        "correlation_id": call.client_request_id(),
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    said(status, &body)
}

/// What a script makes of a call for a token, in the endpoint's words.
pub fn failure(call: &Call, status: u16, message: Option<String>, now: Timestamp) -> Answer {
    let known = FAILURES.iter().find(|(known, ..)| known.contains(&status));
    let (_, error, number, text) = known.unwrap_or(&SERVER_ERROR);
    let text = message.unwrap_or_else(|| (*text).to_string());
    refusal(call, (status, error, *number, text), now)
}

type Failure = (RangeInclusive<u16>, &'static str, u32, &'static str);

const SERVER_ERROR: Failure = (
    500..=599,
    "server_error",
    90_033,
    "A transient error has occurred. Please try again.",
);

/// By status: OAuth's code, Microsoft's number and text.
#[rustfmt::skip]
const FAILURES: &[Failure] = &[
    (401..=401, "invalid_client", 7_000_215, "Invalid client secret provided."),
    (429..=429, "temporarily_unavailable", 90_055, "Too many requests were sent. Please retry later."),
    (400..=499, "invalid_request", 90_014, "The request is missing something that it needs."),
    (503..=504, "temporarily_unavailable", 90_033, "A transient error has occurred. Please try again."),
    SERVER_ERROR,
];

fn unauthenticated(message: &str) -> Refusal {
    Refusal::new(401, "InvalidAuthenticationToken", message).with("www-authenticate", "Bearer")
}

fn check(call: &Call, tenant: &Tenant) -> Result<(), Fault> {
    let form = pairs(&String::from_utf8_lossy(&call.body));
    let field = |name: &str| {
        let mut found = form.iter().filter(|(given, _)| given == name);
        found.next().map(|(_, value)| value.clone())
    };
    let named = call.path.first().map(String::as_str).unwrap_or_default();
    let is_ours = named.eq_ignore_ascii_case(&tenant.id.to_string())
        || tenant
            .domains()
            .iter()
            .any(|domain| domain.eq_ignore_ascii_case(named));
    if !is_ours {
        return Err((
            400,
            "invalid_request",
            90002,
            format!("Tenant '{named}' not found. Check to make sure you have the correct tenant ID."),
        ));
    }
    if field("grant_type").as_deref() != Some("client_credentials") {
        return Err((
            400,
            "unsupported_grant_type",
            70003,
            "The app requested an unsupported grant type.".into(),
        ));
    }
    let (id, secret) = credentials(call).unwrap_or_else(|| (field("client_id"), field("client_secret")));
    let Some(id) = id else {
        return Err((
            400,
            "invalid_request",
            900_144,
            "The request body must contain the following parameter: 'client_id'.".into(),
        ));
    };
    if !id.eq_ignore_ascii_case(&tenant.client_id.to_string()) {
        return Err((
            400,
            "unauthorized_client",
            700_016,
            format!("Application with identifier '{id}' was not found in the directory."),
        ));
    }
    match secret {
        None => Err((
            401,
            "invalid_client",
            7_000_216,
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.".into(),
        )),
        Some(secret) if secret != tenant.client_secret => Err((
            401,
            "invalid_client",
            7_000_215,
            format!("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{id}'."),
        )),
        Some(_) => match field("scope") {
            Some(scope) if scope.ends_with("/.default") => Ok(()),
            scope => Err((
                400,
                "invalid_scope",
                1_002_012,
                format!("The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", scope.unwrap_or_default()),
            )),
        },
    }
}

/// Id and secret in a header of their own, as RFC 6749 prefers.
fn credentials(call: &Call) -> Option<(Option<String>, Option<String>)> {
    let encoded = call.header("authorization")?.strip_prefix("Basic ")?;
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    let plain = |text: &str| Some(percent_decode_str(text).decode_utf8_lossy().into_owned());
    Some((plain(id), plain(secret)))
}
