//! Notices to whoever asked for them, signed as Standard Webhooks has it (specification 1.0.0): HMAC-SHA-256 over the id,
//! the time of the attempt and the body, so that the receiver can tell who sent it, when, and that nobody changed it.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::http;
use super::seal::Recipient;
use crate::error::{Error, Result};
use crate::written::{Table, Written};

/// What the specification gives a receiver.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes that a secret may have, by the specification.
const SECRET: std::ops::RangeInclusive<usize> = 24..=64;

/// `[notify]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// `https://…`, or `http://` on this very machine.
    pub webhook: Written,
    /// `whsec_` and 24 to 64 bytes in Base64.
    pub secret: Written,
    /// The public key, in PEM, of whoever hands first passwords over (B29).
    pub seal_to: Option<Written>,
}

/// `[notify]` as meant.
#[derive(Clone, Debug)]
pub struct Config {
    pub url: Url,
    secret: SecretString,
    pub seal_to: Option<Recipient>,
}

impl File {
    /// The error names the key.
    pub fn resolve(&self, beside: &Path) -> Result<Config> {
        let table = Table { beside };
        let url = http::address(&table.text("webhook", &self.webhook)?);
        let secret = table.secret("secret", &self.secret)?;
        key(&secret).map_err(|error| error.at("secret"))?;
        let seal_to = table.optional("seal_to", &self.seal_to)?;
        let seal_to = seal_to.map(|pem| Recipient::parse(&pem).map_err(|error| error.at("seal_to")));
        Ok(Config {
            seal_to: seal_to.transpose()?,
            url: url.map_err(|error| error.at("webhook"))?,
            secret,
        })
    }
}

fn key(secret: &SecretString) -> Result<hmac::Key> {
    let wrong = || {
        Error::invalid("must be whsec_ and 24 to 64 bytes in Base64, as `openssl rand -base64 32` gives them")
    };
    let text = secret.expose_secret().strip_prefix("whsec_").ok_or_else(wrong)?;
    let bytes = STANDARD.decode(text).map_err(|_| wrong())?;
    match SECRET.contains(&bytes.len()) {
        true => Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
        false => Err(wrong()),
    }
}

/// One receiver.
#[derive(Clone)]
pub struct Webhook {
    url: Url,
    key: hmac::Key,
    client: reqwest::Client,
}

/// How an attempt at a notice ended.
#[derive(Debug)]
pub enum Delivery {
    Done,
    /// The receiver wants it never again.
    Gone,
    /// It may be tried again.
    Failed(Error),
}

impl Webhook {
    pub fn new(config: &Config) -> Result<Webhook> {
        Ok(Webhook {
            key: key(&config.secret)?,
            client: http::client(&config.url, TIMEOUT, None)?,
            url: config.url.clone(),
        })
    }

    /// Posts a notice; the id stays the same in every attempt, so that a receiver can tell that it has it.
    pub async fn deliver(&self, id: &str, body: &str, now: Timestamp) -> Delivery {
        let seconds = now.as_second();
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", sign(&self.key, id, seconds, body))
            .body(body.to_string());
        match request.send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Delivery::Done,
            Ok(StatusCode::GONE) => Delivery::Gone,
            Ok(status) => Delivery::Failed(Error::unavailable(format!(
                "{} answered {}",
                http::place(&self.url),
                status.as_u16()
            ))),
            Err(error) => Delivery::Failed(http::failed(&self.url, error).into()),
        }
    }
}

/// The value of `webhook-signature`.
fn sign(key: &hmac::Key, id: &str, seconds: i64, body: &str) -> String {
    let tag = hmac::sign(key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(webhook: &str, secret: &str) -> Result<Config> {
        let text = format!("webhook = \"{webhook}\"\nsecret = \"{secret}\"");
        toml::from_str::<File>(&text).unwrap().resolve(Path::new("."))
    }

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn signatures_are_those_of_the_specification() {
        // The example that its libraries are tested with.
        let key = key(&SecretString::from(SECRET)).unwrap();
        assert_eq!(
            sign(
                &key,
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn b32_secrets_and_addresses_are_checked() {
        assert!(file("https://hooks.example.test/muster", SECRET).is_ok());
        assert!(file("http://127.0.0.1:8080/hook", SECRET).is_ok());
        for (webhook, secret, key) in [
            ("http://hooks.example.test", SECRET, "webhook"),
            ("hooks.example.test", SECRET, "webhook"),
            (
                "https://hooks.example.test",
                "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "secret",
            ),
            ("https://hooks.example.test", "whsec_c2hvcnQ=", "secret"),
            ("https://hooks.example.test", "whsec_???", "secret"),
        ] {
            let error = file(webhook, secret).unwrap_err();
            assert_eq!(error.target.as_deref(), Some(key), "{error}");
            assert!(key != "secret" || !error.to_string().contains(secret), "{error}");
        }
        let shown = format!("{:?}", file("https://hooks.example.test", SECRET).unwrap());
        assert!(!shown.contains("MfKQ"), "{shown}");
    }
}
