//! One HTTP client for everything outside that speaks it: TLS verified, time-outs on every call, answers bounded,
//! no redirects, tokens renewed before they end, and a failure that says whether the request may have arrived.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value as Json;

use super::is_loopback;
use crate::error::{Error, Kind, Result};

/// No answer that this gateway asks for is longer: a page of a thousand users is a few megabytes.
const LONGEST_ANSWER: usize = 32 << 20;

/// A token is renewed when a fifth of its life is left.
const RENEW_AT: f64 = 0.8;

/// How soon another is asked for again where that could not be had.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// A service that is called with tokens of an app (OAuth 2.0).
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    tokens: Arc<Tokens>,
}

/// How an app signs in.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub token_url: Url,
    pub client_id: String,
    pub client_secret: SecretString,
    pub grant: Grant,
}

/// What a token is given for.
#[derive(Clone, Debug)]
pub enum Grant {
    /// The app on its own, for one `…/.default` (RFC 6749 §4.4).
    ClientCredentials { scope: String },
    /// Somebody's consent from before, which lasts (RFC 6749 §6).
    RefreshToken(SecretString),
}

/// A request without its token. It may hold a password.
#[derive(Clone)]
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(HeaderName, &'static str)>,
    /// Content type and bytes.
    pub body: Option<(&'static str, Vec<u8>)>,
}

impl Call {
    pub fn get(url: Url) -> Call {
        Call {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn post(url: Url, content_type: &'static str, body: Vec<u8>) -> Call {
        Call {
            method: Method::POST,
            body: Some((content_type, body)),
            ..Call::get(url)
        }
    }

    pub fn header(mut self, name: HeaderName, value: &'static str) -> Call {
        self.headers.push((name, value));
        self
    }
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// `None` for what is no JSON: a proxy's page of HTML, say.
    pub fn json(&self) -> Option<Json> {
        serde_json::from_slice(&self.body).ok()
    }

    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }

    /// An answer that says no, told in the sender's own words where it has any (Graph's and OAuth's envelopes).
    pub fn into_error(self, place: &str) -> Error {
        let said = self.json().and_then(|json| said(&json));
        let kind = kind(self.status);
        let message = match said {
            Some((_, message)) => format!("{place} answered {}: {message}", self.status.as_u16()),
            None => format!("{place} answered {} without saying why", self.status.as_u16()),
        };
        let error = Error::new(kind, message);
        match self.retry_after() {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }
}

/// The wait that the other side asks for (RFC 9110 §10.2.3, in seconds; Graph says 2.128 at times).
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Code and message of an error in Graph's envelope, or OAuth's (RFC 6749 §5.2).
pub fn said(json: &Json) -> Option<(String, String)> {
    let error = json.get("error")?;
    let text = |json: Option<&Json>| json.and_then(Json::as_str).map(str::to_string);
    match error.as_str() {
        Some(code) => Some((
            code.into(),
            text(json.get("error_description")).unwrap_or_else(|| code.into()),
        )),
        None => {
            let code = text(error.get("code"))?;
            let message = text(error.get("message")).unwrap_or_else(|| code.clone());
            Some((code, message))
        }
    }
}

/// What a status means to whoever called.
pub fn kind(status: StatusCode) -> Kind {
    match status.as_u16() {
        401 => Kind::Unauthenticated,
        403 => Kind::Forbidden,
        404 | 410 => Kind::NotFound,
        409 => Kind::Conflict,
        412 => Kind::Stale,
        413 => Kind::TooLarge,
        408 | 429 => Kind::Unavailable,
        405 | 501 => Kind::Unsupported,
        500.. => Kind::Unavailable,
        _ => Kind::Invalid,
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The request did not get there.
    Unsent(Error),
    /// Nobody knows whether it arrived (B26).
    Lost(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Unsent(error) | Failure::Lost(error) => error,
        }
    }
}

impl Http {
    /// `timeout` bounds one call, connecting included. `ca_file` names further roots, in PEM.
    pub fn new(credentials: Credentials, timeout: Duration, ca_file: Option<&Path>) -> Result<Http> {
        let client = client(&credentials.token_url, timeout, ca_file)?;
        Ok(Http {
            client,
            tokens: Arc::new(Tokens::new(credentials)),
        })
    }

    /// Sends one request with a token. Where the token is refused, a new one is tried once: nothing was done yet.
    pub async fn send(&self, call: &Call) -> std::result::Result<Answer, Failure> {
        let token = self.token(None).await.map_err(Failure::Unsent)?;
        let answer = self.exchange(call, &token).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let fresh = self.token(Some(&token)).await.map_err(Failure::Unsent)?;
        self.exchange(call, &fresh).await
    }

    /// Has a token in hand.
    pub async fn ready(&self) -> Result<()> {
        self.token(None).await.map(drop)
    }

    /// What a token says of whom it was given to (RFC 7519 §3), for people to read: nothing proves it. `None` for one
    /// that says nothing.
    pub async fn claims(&self) -> Result<Option<Json>> {
        let token = self.token(None).await?;
        let claims = token.expose_secret().split('.').nth(1);
        let claims = claims.and_then(|encoded| BASE64URL.decode(encoded).ok());
        Ok(claims.and_then(|claims| serde_json::from_slice(&claims).ok()))
    }

    /// A token that is good for a while. `refused` is one that the service did not take.
    async fn token(&self, refused: Option<&SecretString>) -> Result<SecretString> {
        self.tokens.token(&self.client, refused).await
    }

    /// Throws away the token in hand, if it is still the one that a part of a batch was refused with.
    pub async fn renew(&self) -> Result<()> {
        let held = self.tokens.state().token.as_ref().map(|held| held.text.clone());
        self.token(held.as_ref()).await.map(drop)
    }

    /// Lets credentials that were refused be tried once more (B25).
    pub fn forgive(&self) {
        self.tokens.forgive();
    }

    async fn exchange(&self, call: &Call, token: &SecretString) -> std::result::Result<Answer, Failure> {
        let mut request = self
            .client
            .request(call.method.clone(), call.url.clone())
            .bearer_auth(token.expose_secret());
        for (name, value) in &call.headers {
            request = request.header(name, *value);
        }
        if let Some((content_type, body)) = &call.body {
            request = request
                .header(reqwest::header::CONTENT_TYPE, *content_type)
                .body(body.clone());
        }
        let lost = |error| failed(&call.url, error);
        read(request.send().await.map_err(lost)?).await.map_err(lost)
    }
}

/// A client for a service at this address: TLS verified, no redirects, `timeout` for one call with its answer.
/// `ca_file` names further roots, in PEM.
pub(super) fn client(url: &Url, timeout: Duration, ca_file: Option<&Path>) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(10)))
        .pool_max_idle_per_host(16);
    if let Some(file) = ca_file {
        builder = builder.tls_certs_merge(authorities(file)?);
    }
    // What stays on this machine goes through no proxy.
    if is_local(url) {
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|error| Error::internal("no HTTP client can be made").because(error))
}

fn authorities(file: &Path) -> Result<Vec<reqwest::Certificate>> {
    let wrong = |what: String| Error::invalid(format!("{}: {what}", file.display())).at("ca_file");
    let pem = std::fs::read(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(wrong("holds no certificate in PEM".into())),
    }
}

/// Reads an answer to its end, or as far as any answer may go.
async fn read(mut response: reqwest::Response) -> reqwest::Result<Answer> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            // What is cut short is no JSON, which is what the caller will find.
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

pub(super) fn failed(url: &Url, error: reqwest::Error) -> Failure {
    let place = place(url);
    // The URL of a lookup names a person, and the log is not for that.
    let error = error.without_url();
    let what = match &error {
        error if error.is_connect() => "cannot be reached",
        error if error.is_timeout() => "did not answer in time",
        _ => "broke the connection off",
    };
    let unsent = error.is_connect() || error.is_builder();
    let told = Error::unavailable(format!("{place} {what}: {}", innermost(&error))).because(error);
    match unsent {
        true => Failure::Unsent(told),
        false => Failure::Lost(told),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Scheme, host and port: what an error may name.
pub fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// An address of a config: https, or http to this very machine (B32).
pub fn address(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|error| Error::invalid(format!("'{text}' is no URL: {error}")))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local(&url) => Ok(url),
        "http" => Err(Error::invalid(format!(
            "'{text}' would send secrets in the clear: write https://"
        ))),
        _ => Err(Error::invalid(format!(
            "'{text}' is no web address: write https://…"
        ))),
    }
}

fn is_local(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback)
}

/// The token in hand, and how it is had.
pub(super) struct Tokens {
    credentials: Credentials,
    held: Mutex<State>,
    /// One asks for a token at a time.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    token: Option<Held>,
    /// Credentials that were refused are not tried again: that may lock the account.
    refused: Option<Error>,
}

struct Held {
    text: SecretString,
    renew: Instant,
    end: Instant,
}

impl Held {
    fn is(&self, other: &SecretString) -> bool {
        self.text.expose_secret() == other.expose_secret()
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    /// Seconds.
    expires_in: u64,
}

impl Tokens {
    pub fn new(credentials: Credentials) -> Tokens {
        Tokens {
            credentials,
            held: Mutex::new(State::default()),
            asking: tokio::sync::Mutex::new(()),
        }
    }

    /// Lets credentials that were refused be tried once more (B25).
    pub fn forgive(&self) {
        self.state().refused = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token in hand if it is good and none that was `refused`, and whether it is time for another.
    fn held(&self, refused: Option<&SecretString>) -> Result<Option<(SecretString, bool)>> {
        let state = self.state();
        if let Some(error) = &state.refused {
            return Err(error.shared());
        }
        let now = Instant::now();
        let good = |held: &&Held| now < held.end && !refused.is_some_and(|refused| held.is(refused));
        let held = state.token.as_ref().filter(good);
        Ok(held.map(|held| (held.text.clone(), now >= held.renew)))
    }

    /// A token that is good for a while. `refused` is one that the service did not take.
    pub async fn token(
        &self,
        client: &reqwest::Client,
        refused: Option<&SecretString>,
    ) -> Result<SecretString> {
        let turn = self.asking.try_lock();
        let _turn = match (self.held(refused)?, turn) {
            (Some((text, false)), _) => return Ok(text),
            // Somebody asks for another already; until then this one will do.
            (Some((text, true)), Err(_)) => return Ok(text),
            (_, Ok(turn)) => turn,
            (None, Err(_)) => self.asking.lock().await,
        };
        let held = match self.held(refused)? {
            Some((text, false)) => return Ok(text),
            held => held,
        };
        let asked = self.ask(client).await;
        let (mut state, now) = (self.state(), Instant::now());
        match (asked, held) {
            (Ok(granted), _) => {
                let life = Duration::from_secs(granted.expires_in);
                let text = granted.access_token;
                state.token = Some(Held {
                    text: text.clone(),
                    renew: now + life.mul_f64(RENEW_AT),
                    end: now + life,
                });
                Ok(text)
            }
            // The one in hand is good for a while yet.
            (Err(error), Some((text, _))) if error.kind == Kind::Unavailable => {
                if let Some(held) = &mut state.token {
                    held.renew = now + ASK_AGAIN;
                }
                Ok(text)
            }
            (Err(error), _) => {
                state.token = None;
                if error.kind == Kind::Unauthenticated {
                    state.refused = Some(error.shared());
                }
                Err(error)
            }
        }
    }

    async fn ask(&self, client: &reqwest::Client) -> Result<Granted> {
        let Credentials {
            token_url,
            client_id,
            client_secret,
            grant,
        } = &self.credentials;
        let (kind, key, value) = match grant {
            Grant::ClientCredentials { scope } => ("client_credentials", "scope", scope.as_str()),
            Grant::RefreshToken(token) => ("refresh_token", "refresh_token", token.expose_secret()),
        };
        let form = [
            ("grant_type", kind),
            ("client_id", client_id),
            ("client_secret", client_secret.expose_secret()),
            (key, value),
        ];
        let failed = |error| Error::from(failed(token_url, error));
        let request = client.post(token_url.clone()).form(&form).send().await;
        let answer = read(request.map_err(failed)?).await.map_err(failed)?;
        let place = format!("the token service {}", place(token_url));
        if !answer.status.is_success() {
            // invalid_client comes as 401, or as 400 from some.
            let code = answer.json().and_then(|json| said(&json)).map(|(code, _)| code);
            let wrong = code.is_some_and(|code| REFUSALS.contains(&code.as_str()));
            let mut error = answer.into_error(&place);
            if wrong || error.kind == Kind::Unauthenticated {
                error.kind = Kind::Unauthenticated;
                return Err(error.code("InvalidCredentials"));
            }
            // Whatever else it says is about the moment, or a proxy's.
            error.kind = Kind::Unavailable;
            return Err(error);
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| Error::unavailable(format!("{place} answered something that is no token")))
    }
}

/// Codes of the token service that are about the credentials and not about the moment (RFC 6749 §5.2).
const REFUSALS: &[&str] = &[
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "invalid_request",
    "invalid_scope",
];
