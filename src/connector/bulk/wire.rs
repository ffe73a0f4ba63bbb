//! The bulk request on the wire: RFC 7644 §3.7 as Microsoft's bulkUpload takes it, with the leniencies its
//! clients rely on. Member names are compared without case, bulkIds may repeat, `data.schemas` may be
//! incomplete, unknown members are ignored.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::flatten;
use crate::domain::worker::{Said, Statement};
use crate::error::{Error, Result};

const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// Nesting that no payload needs: deeper ones are refused before anything walks them.
const DEPTH: usize = 64;

/// Bytes that a worker's key may have; real ones have a dozen.
const LONGEST_KEY: usize = 512;

/// An operation that says nothing about anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: &'static str,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Post,
    Delete,
}

struct Operation<'a> {
    method: Method,
    data: Members<'a>,
}

/// Checks a request whole and answers how many operations it holds. The error names the member at fault.
pub fn check(body: &[u8], most: usize) -> Result<usize> {
    let operations = operations(body)?;
    match operations.len() {
        0 => Err(invalid("Operations", "there is no operation in it")),
        count if count > most => Err(invalid(
            "Operations",
            format!("{count} operations are more than the {most} that one request may hold: send several"),
        )),
        count => Ok(count),
    }
}

/// What each operation of a checked request says, in order.
pub fn statements(body: &[u8], received: Timestamp) -> Result<Vec<Result<Statement, Refused>>> {
    Ok(operations(body)?
        .into_iter()
        .map(|operation| statement(&operation, received))
        .collect())
}

fn statement(operation: &Operation<'_>, at: Timestamp) -> Result<Statement, Refused> {
    let anchor = operation
        .data
        .get("externalId")
        .and_then(scalar)
        .unwrap_or_default();
    let anchor = anchor.trim();
    if anchor.is_empty() {
        return Err(Refused {
            code: "MissingValues",
            message: "Source identifier of an entry cannot be empty: data.externalId must name the worker"
                .into(),
        });
    }
    let attributes = flatten::attributes(&operation.data).map_err(|message| Refused {
        code: "InvalidData",
        message,
    })?;
    Ok(Statement {
        anchor: anchor.to_string(),
        active: attributes
            .get("active")
            .and_then(crate::domain::value::Value::to_bool),
        said: match operation.method {
            Method::Post => Said::Partial(attributes),
            Method::Delete => Said::Gone,
        },
        at,
    })
}

/// Why a text cannot be anybody's key. Databases and directories agree on this much.
pub(super) fn unusable_key(text: &str) -> Option<String> {
    if text.chars().any(char::is_control) {
        Some("holds control characters".into())
    } else if text.len() > LONGEST_KEY {
        Some(format!("is longer than {LONGEST_KEY} bytes"))
    } else {
        None
    }
}

fn operations(body: &[u8]) -> Result<Vec<Operation<'_>>> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Error::invalid(format!(
            "Invalid Data Format: byte {} is not UTF-8",
            error.valid_up_to()
        ))
    })?;
    if too_deep(text) {
        return Err(Error::invalid(format!(
            "Invalid Data Format: nested deeper than {DEPTH} levels"
        )));
    }
    let request: Members<'_> = serde_json::from_str(text)
        .map_err(|error| Error::invalid(format!("Invalid Data Format: {error}")))?;
    let schemas: Vec<Cow<'_, str>> = match request.get("schemas") {
        None => {
            return Err(invalid(
                "schemas",
                format!("it is missing: it must hold {BULK_REQUEST}"),
            ));
        }
        Some(raw) => serde_json::from_str(raw.get())
            .map_err(|_| invalid("schemas", "it must be a list of schema URNs"))?,
    };
    if !schemas
        .iter()
        .any(|schema| schema.eq_ignore_ascii_case(BULK_REQUEST))
    {
        return Err(invalid("schemas", format!("it must hold {BULK_REQUEST}")));
    }
    let list: Vec<&RawValue> = match request.get("Operations") {
        None => {
            return Err(invalid(
                "Operations",
                "it is missing: it must be a list of operations",
            ));
        }
        Some(raw) => serde_json::from_str(raw.get())
            .map_err(|_| invalid("Operations", "it must be a list of operations"))?,
    };
    list.into_iter()
        .enumerate()
        .map(|(at, raw)| operation(at, raw))
        .collect()
}

fn operation(at: usize, raw: &RawValue) -> Result<Operation<'_>> {
    let place = |member: &str| format!("Operations[{at}]{member}");
    let members: Members<'_> =
        serde_json::from_str(raw.get()).map_err(|_| invalid(place(""), "it must be an object"))?;
    let text = |member: &str, meaning: &str| {
        let found = members
            .get(member)
            .and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        found.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
            invalid(
                place(&format!(".{member}")),
                format!("it is missing or no text: {meaning}"),
            )
        })
    };
    let method = text("method", "it must be POST")?;
    let method = match method.to_ascii_uppercase().as_str() {
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        _ => {
            return Err(invalid(
                place(".method"),
                format!("'{method}' is not known: it must be POST (or DELETE)"),
            ));
        }
    };
    let path = text("path", "it must be /Users")?;
    if !path.trim_end_matches('/').eq_ignore_ascii_case("/users") {
        return Err(invalid(
            place(".path"),
            format!("'{path}' is not known: it must be /Users"),
        ));
    }
    text(
        "bulkId",
        "give each operation an id of your own, such as the worker's",
    )?;
    let data = members
        .get("data")
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .ok_or_else(|| {
            invalid(
                place(".data"),
                "it is missing or no object: it must describe the worker",
            )
        })?;
    Ok(Operation { method, data })
}

/// A text, or a number as its digits: HR systems send ids both ways.
fn scalar(raw: &RawValue) -> Option<String> {
    match serde_json::from_str(raw.get()).ok()? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn invalid(member: impl Into<String>, message: impl fmt::Display) -> Error {
    let member = member.into();
    Error::invalid(format!("{member}: {message}")).at(member)
}

/// Counts brackets outside strings; the parser itself would follow raw values to any depth.
fn too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// An object's members, unread, in order.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The last member of this name, whatever its case.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .rev()
            .find(|(member, _)| member.eq_ignore_ascii_case(name))
            .map(|(_, raw)| *raw)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(member, raw)| (member.as_ref(), *raw))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), raw)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name, raw));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A member's name, borrowed unless it holds escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn request(operations: &str) -> String {
        format!(r#"{{"schemas":["{BULK_REQUEST}"],"Operations":{operations},"failOnErrors":null}}"#)
    }

    const GOOD: &str = r#"{"method":"POST","path":"/Users","bulkId":"1","data":{"externalId":"7"}}"#;

    #[test]
    fn errors_name_the_member() {
        let cases: &[(String, &str)] = &[
            ("hello".into(), "Invalid Data Format"),
            (r#"{"name":"John Doe"}"#.into(), "schemas"),
            (r#"{"schemas":["urn:x"],"Operations":[]}"#.into(), "schemas"),
            (format!(r#"{{"schemas":["{BULK_REQUEST}"]}}"#), "Operations"),
            (request("[]"), "Operations"),
            (request("{}"), "Operations"),
            (
                request(&format!("[{GOOD},{GOOD},{GOOD}]")),
                "Operations: 3 operations",
            ),
            (request(&format!("[{GOOD},7]")), "Operations[1]"),
            (
                request(r#"[{"path":"/Users","bulkId":"1","data":{}}]"#),
                "Operations[0].method",
            ),
            (
                request(r#"[{"method":"PATCH","path":"/Users","bulkId":"1","data":{}}]"#),
                "Operations[0].method",
            ),
            (
                request(r#"[{"method":"POST","path":"/Groups","bulkId":"1","data":{}}]"#),
                "Operations[0].path",
            ),
            (
                request(r#"[{"method":"POST","path":"/Users","data":{}}]"#),
                "Operations[0].bulkId",
            ),
            (
                request(r#"[{"method":"POST","path":"/Users","bulkId":"1"}]"#),
                "Operations[0].data",
            ),
            (
                request(r#"[{"method":"POST","path":"/Users","bulkId":"1","data":[]}]"#),
                "Operations[0].data",
            ),
            (
                request(&format!("[{GOOD}]")).split_at(60).0.into(),
                "Invalid Data Format",
            ),
            (
                format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
                "nested deeper",
            ),
        ];
        for (body, names) in cases {
            let error = check(body.as_bytes(), 2).unwrap_err();
            assert_eq!(error.kind, crate::error::Kind::Invalid);
            assert!(error.message.contains(names), "{body:.80} → {}", error.message);
        }
        assert!(
            check(b"{\"schemas\":\"\xff\"}", 2)
                .unwrap_err()
                .message
                .contains("UTF-8")
        );
    }

    #[test]
    fn what_clients_get_away_with() {
        for operation in [
            GOOD,
            r#"{"METHOD":"post","Path":"/users","bulkid":"1","data":{"externalid":"7"}}"#,
            r#"{"method":"DELETE","path":"/Users/","bulkId":"1","data":{"externalId":7,"id":"x","resourceType":"User"}}"#,
        ] {
            assert_eq!(
                check(request(&format!("[{operation},{operation}]")).as_bytes(), 2).unwrap(),
                2
            );
        }
    }

    #[test]
    fn a_missing_external_id_is_that_operations_own_affair() {
        let body = request(&format!(
            r#"[{GOOD},{{"method":"POST","path":"/Users","bulkId":"2","data":{{"userName":"x"}}}}]"#
        ));
        let read = statements(body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(read[0].as_ref().unwrap().anchor, "7");
        assert_eq!(read[1].as_ref().unwrap_err().code, "MissingValues");
    }
}
