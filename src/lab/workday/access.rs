//! Who may call: the integration user with its password, or a bearer token of the API client.

use std::collections::HashMap;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use uuid::Uuid;

use super::settings::Settings;

/// Names and secrets of the tenant.
#[derive(Clone, Debug)]
pub struct Keys {
    pub tenant: String,
    /// With the tenant: `ISU_Muster@northwind`.
    pub user: String,
    pub password: String,
    pub client_id: String,
    pub client_secret: String,
    pub refresh_token: String,
}

/// Tokens given out, wrong passwords counted, and how many calls are left.
#[derive(Default)]
pub struct Access {
    /// When each token expires.
    tokens: HashMap<String, Timestamp>,
    wrong: u32,
    calls: Bucket,
}

/// Wrong passwords in a row that lock the account.
const PATIENCE: u32 = 5;

impl Access {
    /// Whether these are the user and the password; why not is not said to anybody.
    pub fn check_password(
        &mut self,
        given: Option<&(String, String)>,
        tenant: &str,
        keys: &Keys,
        settings: &mut Settings,
    ) -> bool {
        let Some((user, password)) = given else {
            return false;
        };
        if !user.eq_ignore_ascii_case(&keys.user) || !tenant.eq_ignore_ascii_case(&keys.tenant) {
            return false;
        }
        if *password != keys.password {
            self.wrong += 1;
            settings.locked |= self.wrong >= PATIENCE;
            return false;
        }
        if settings.locked {
            return false;
        }
        self.wrong = 0;
        match &mut settings.password_expires_after {
            Some(0) => {
                settings.password_expires_after = None;
                settings.password_expired = true;
            }
            Some(calls) => *calls -= 1,
            None => {}
        }
        !settings.password_expired
    }

    pub fn unlock(&mut self) {
        self.wrong = 0;
    }

    pub fn check_token(&self, token: &str, tenant: &str, keys: &Keys, now: Timestamp) -> bool {
        tenant.eq_ignore_ascii_case(&keys.tenant)
            && self.tokens.get(token).is_some_and(|expiry| *expiry > now)
    }

    pub fn revoke(&mut self) {
        self.tokens.clear();
    }

    /// The refresh-token grant (RFC 6749 §6): status and body.
    pub fn issue(
        &mut self,
        form: &str,
        authorization: Option<&str>,
        tenant: &str,
        keys: &Keys,
        lifetime: u32,
        now: Timestamp,
    ) -> (u16, Value) {
        let refuse = |status, error: &str| (status, json!({ "error": error }));
        let form = pairs(form);
        let field = |name: &str| {
            form.iter()
                .find(|(given, _)| given == name)
                .map(|(_, value)| value.as_str())
        };
        if !tenant.eq_ignore_ascii_case(&keys.tenant) {
            return refuse(400, "invalid_request");
        }
        let basic = authorization.and_then(basic);
        let (id, secret) = match &basic {
            Some((id, secret)) => (Some(id.as_str()), Some(secret.as_str())),
            None => (field("client_id"), field("client_secret")),
        };
        if id != Some(&keys.client_id) || secret != Some(&keys.client_secret) {
            return refuse(401, "invalid_client");
        }
        match field("grant_type") {
            Some("refresh_token") if field("refresh_token") == Some(&keys.refresh_token) => {}
            Some("refresh_token") => return refuse(400, "invalid_grant"),
            _ => return refuse(400, "unsupported_grant_type"),
        }
        self.tokens.retain(|_, expiry| *expiry > now);
        let token = format!("lab.{}", Uuid::new_v4().simple());
        let lasts = SignedDuration::from_secs(i64::from(lifetime));
        let expiry = now.saturating_add(lasts).unwrap_or(Timestamp::MAX);
        self.tokens.insert(token.clone(), expiry);
        let issued = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": lifetime,
            "refresh_token": keys.refresh_token,
        });
        (200, issued)
    }

    /// Takes one call from those that are left; `Err` is how long to wait, in seconds.
    pub fn take_call(&mut self, settings: &Settings) -> Result<u32, u64> {
        match settings.rate_limit {
            0 => Ok(self.calls.show(USUAL, settings.rate_refill)),
            limit => self.calls.take(limit, settings.rate_refill),
        }
    }
}

/// Where the recorded counter began.
const USUAL: u32 = 700;

/// Calls used; real time gives them back, whatever the simulated clock says.
#[derive(Default)]
struct Bucket {
    used: f64,
    at: Option<Instant>,
}

impl Bucket {
    fn leak(&mut self, refill: u32) {
        let now = Instant::now();
        let passed = self
            .at
            .replace(now)
            .map_or(0.0, |at| now.duration_since(at).as_secs_f64());
        self.used = (self.used - passed * f64::from(refill)).max(0.0);
    }

    fn take(&mut self, limit: u32, refill: u32) -> Result<u32, u64> {
        self.leak(refill);
        if self.used + 1.0 > f64::from(limit) {
            return Err(1);
        }
        self.used += 1.0;
        Ok(self.left(limit))
    }

    /// Counts without refusing.
    fn show(&mut self, limit: u32, refill: u32) -> u32 {
        self.leak(refill);
        self.used = (self.used + 1.0).min(f64::from(limit));
        self.left(limit)
    }

    fn left(&self, limit: u32) -> u32 {
        (1..=limit)
            .rev()
            .find(|left| f64::from(limit - left) >= self.used)
            .unwrap_or(0)
    }
}

fn pairs(form: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    form.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Id and secret in a header, as RFC 6749 prefers.
fn basic(authorization: &str) -> Option<(String, String)> {
    let decoded = STANDARD
        .decode(authorization.strip_prefix("Basic ")?.trim())
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((plain(id), plain(secret)))
}
