//! One call and its answer, whether it came alone or as a part of a batch; and Graph's way of refusing.

use std::borrow::Cow;
use std::collections::HashMap;

use actix_web::web::Bytes;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// What somebody asks.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Upper case.
    pub method: String,
    /// `v1.0` or `beta`; empty where neither was named.
    pub version: String,
    /// The path's segments after the version: decoded, keys in parentheses taken out of them.
    pub path: Vec<String>,
    /// In their order, decoded.
    pub query: Vec<(String, String)>,
    /// By lower-case name.
    pub headers: HashMap<String, String>,
    pub body: Bytes,
    /// How the caller reached the service: `http://127.0.0.1:9`.
    pub root: String,
    /// Path and query as they were sent, for faults that are about them.
    pub address: String,
    pub request_id: String,
}

impl Call {
    /// Reads a path with its query, from the version on or from the resource on.
    pub fn aim(&mut self, address: &str, versioned: bool) {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        if versioned {
            self.version = segments.next().unwrap_or_default().to_ascii_lowercase();
        }
        self.path = segments.flat_map(segment).collect();
        self.query = pairs(query);
        self.address = address.to_string();
    }

    /// A system query option; the dollar is optional and case does not count.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(given, _)| {
                given
                    .strip_prefix('$')
                    .unwrap_or(given)
                    .eq_ignore_ascii_case(name)
            })
            .map(|(_, value)| value.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Did the caller ask for the eventually consistent index, which advanced queries need?
    pub fn is_eventual(&self) -> bool {
        self.header("consistencylevel")
            .is_some_and(|level| level.trim().eq_ignore_ascii_case("eventual"))
    }

    pub fn client_request_id(&self) -> &str {
        self.header("client-request-id")
            .filter(|id| id.len() <= 128)
            .unwrap_or(&self.request_id)
    }

    /// The members of a body that must be a JSON object.
    pub fn object(&self) -> Result<Map<String, Value>, Refusal> {
        if self.body.is_empty() {
            return Err(Refusal::bad(
                "BadRequest",
                "Empty Payload. JSON content expected.",
            ));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err(unreadable()),
        }
    }

    /// Like [`Call::object`], where no body is as good as an empty one.
    pub fn object_if_any(&self) -> Result<Map<String, Value>, Refusal> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        self.object()
    }

    /// The address of a resource in the version that was asked for.
    pub fn link(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.root, self.version)
    }
}

pub fn unreadable() -> Refusal {
    Refusal::bad(
        "BadRequest",
        "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
    )
}

/// Segments that are written in more than one way: with the namespace, with its alias, without.
const WRITTEN: &[(&str, &str)] = &[
    ("microsoft.graph.delta", "delta"),
    ("graph.delta", "delta"),
    ("microsoft.graph.restore", "restore"),
    ("graph.restore", "restore"),
    ("graph.user", "microsoft.graph.user"),
];

/// `users('7')` is two segments, `delta()` and `microsoft.graph.delta` are `delta`.
fn segment(raw: &str) -> Vec<String> {
    let text = decode(raw);
    let text = text.strip_suffix("()").unwrap_or(&text);
    let known = WRITTEN.iter().find(|(written, _)| *written == text);
    let text = known.map_or(text, |(_, meant)| meant);
    match text.strip_suffix("')").and_then(|open| open.split_once("('")) {
        Some((name, key)) => vec![name.to_string(), key.replace("''", "'")],
        None => vec![text.to_string()],
    }
}

/// What a query or a form says.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        })
        .collect()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What is said in return.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub content: Content,
}

#[derive(Clone, Debug)]
pub enum Content {
    Nothing,
    Json(Value),
    Text(&'static str, String),
}

impl Answer {
    pub fn json(status: u16, value: Value) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            content: Content::Json(value),
        }
    }

    pub fn ok(value: Value) -> Answer {
        Answer::json(200, value)
    }

    /// Done, and nothing to say.
    pub fn done() -> Answer {
        Answer {
            status: 204,
            headers: Vec::new(),
            content: Content::Nothing,
        }
    }

    pub fn text(status: u16, kind: &'static str, text: impl Into<String>) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            content: Content::Text(kind, text.into()),
        }
    }

    pub fn with(mut self, header: &'static str, value: impl ToString) -> Answer {
        self.headers.push((header, value.to_string()));
        self
    }
}

/// No, and why: becomes Graph's error envelope.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    pub code: Cow<'static, str>,
    pub message: String,
    pub details: Vec<Detail>,
    pub headers: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug)]
pub struct Detail {
    pub code: &'static str,
    pub target: String,
    pub message: String,
}

impl Refusal {
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// The caller's mistake, as the gateway in front of the directory says it (`BadRequest`) or the directory
    /// itself (`Request_BadRequest`).
    pub fn bad(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal::new(400, code, message)
    }

    pub fn request(message: impl Into<String>) -> Refusal {
        Refusal::bad("Request_BadRequest", message)
    }

    pub fn query(message: impl Into<String>) -> Refusal {
        Refusal::bad("Request_UnsupportedQuery", message)
    }

    pub fn missing(id: &str) -> Refusal {
        Refusal::new(
            404,
            "Request_ResourceNotFound",
            format!(
                "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
            ),
        )
    }

    pub fn about(mut self, code: &'static str, target: impl Into<String>, message: &str) -> Refusal {
        self.details.push(Detail {
            code,
            target: target.into(),
            message: message.into(),
        });
        self
    }

    pub fn with(mut self, header: &'static str, value: impl ToString) -> Refusal {
        self.headers.push((header, value.to_string()));
        self
    }

    pub fn answer(self, call: &Call, now: Timestamp) -> Answer {
        let mut error = json!({
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                "request-id": call.request_id,
                "client-request-id": call.client_request_id(),
            },
        });
        if !self.details.is_empty() {
            let details = self.details.into_iter();
            error["details"] = details
                .map(
                    |detail| json!({"code": detail.code, "message": detail.message, "target": detail.target}),
                )
                .collect();
        }
        Answer {
            status: self.status,
            headers: self.headers,
            content: Content::Json(json!({ "error": error })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_the_way_clients_write_them() {
        let aimed = |address: &str| {
            let mut call = Call::default();
            call.aim(address, true);
            (call.version, call.path.join("|"))
        };
        let cases = [
            ("/v1.0/users/7", "users|7"),
            ("/v1.0//users('7')", "users|7"),
            (
                "/v1.0/users(%27o''neil@x%27)/manager/$ref",
                "users|o'neil@x|manager|$ref",
            ),
            ("/v1.0/users/delta()?x=1", "users|delta"),
            ("/v1.0/users/microsoft.graph.delta()", "users|delta"),
            (
                "/v1.0/directory/deletedItems/graph.user",
                "directory|deletedItems|microsoft.graph.user",
            ),
            ("/v1.0/users/a%23EXT%23@x", "users|a#EXT#@x"),
        ];
        for (address, path) in cases {
            assert_eq!(aimed(address), ("v1.0".into(), path.into()), "{address}");
        }
        let mut call = Call::default();
        call.aim("/users?%24Filter=a+eq%20'b%2Bc'&select=id", false);
        assert_eq!(call.option("filter"), Some("a eq 'b+c'"));
        assert_eq!(call.option("select"), Some("id"));
        assert_eq!(call.option("top"), None);
    }
}
