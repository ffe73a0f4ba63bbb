//! Answers as HTTP has them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::fault::Fault;

/// What is sent back.
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// The connection is cut when half of it is out.
    pub breaks: bool,
}

/// Statuses that a script may ask for.
pub const CODES: std::ops::RangeInclusive<u16> = 400..=599;

impl Reply {
    fn new(status: u16, content_type: &'static str, body: String) -> Reply {
        Reply {
            status,
            content_type,
            headers: Vec::new(),
            body,
            breaks: false,
        }
    }

    /// It was carried out: a whole message.
    pub fn done(message: String) -> Reply {
        Reply::new(200, XML, message)
            .with("wd-stat-request-id", Uuid::new_v4())
            .with("Set-Cookie", "wd-browser-id=lab; Path=/; HttpOnly")
            .with("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    }

    pub fn fault(fault: &Fault) -> Reply {
        Reply::new(500, XML, fault.envelope()).with("x-wd-gid", Uuid::new_v4())
    }

    /// What stands in front of the service sends pages.
    pub fn html(status: u16, title: &str) -> Reply {
        let body = format!(
            "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        );
        Reply::new(status, "text/html", body)
    }

    pub fn json(status: u16, body: &Value) -> Reply {
        Reply::new(status, "application/json", body.to_string())
    }

    /// What a script of faults says: 500 as a fault, anything else as what stands in front of the service says it.
    pub fn failure(is_token: bool, code: u32, retry_after: Option<u64>, message: Option<String>) -> Reply {
        let status = u16::try_from(code)
            .ok()
            .filter(|code| CODES.contains(code))
            .unwrap_or(500);
        let reply = match status {
            _ if is_token => {
                let error = message.unwrap_or_else(|| "server_error".into());
                Reply::json(status, &json!({ "error": error }))
            }
            500 => Reply::fault(&Fault::scripted(message)),
            _ => Reply::html(
                status,
                &message.unwrap_or_else(|| "The service is not available".into()),
            ),
        };
        match retry_after {
            Some(seconds) => reply.with("Retry-After", seconds),
            None => reply,
        }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Reply {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Half of it is left.
    pub fn truncate(&mut self) {
        let half = (0..=self.body.len() / 2)
            .rev()
            .find(|at| self.body.is_char_boundary(*at));
        self.body.truncate(half.unwrap_or(0));
    }
}

const XML: &str = "text/xml;charset=UTF-8";
