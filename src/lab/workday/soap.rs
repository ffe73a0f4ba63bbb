//! Reading what comes in: SOAP 1.1 envelopes, by namespace and never by prefix, in any order, as lenient as the
//! service is said to be.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use roxmltree::{Document, Node, ParsingOptions};

use super::fault::Fault;
use super::pacific;

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub const WORKDAY: &str = "urn:com.workday/bsvc";
/// Nodes that a request may have.
const LARGEST: u32 = 200_000;

/// A message in its parts.
pub struct Envelope<'d> {
    /// User name and password, as the header has them.
    pub credentials: Option<(String, String)>,
    /// Whether the header asks for labels on references.
    pub descriptors: bool,
    pub body: Node<'d, 'd>,
}

pub fn parse(text: &str) -> Result<Document<'_>, Fault> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: LARGEST,
        ..ParsingOptions::default()
    };
    let said = |error: roxmltree::Error| Fault::validation(format!("Invalid SOAP message: {error}"));
    Document::parse_with_options(text, options).map_err(said)
}

pub fn envelope<'d>(document: &'d Document<'d>) -> Result<Envelope<'d>, Fault> {
    let root = document.root_element();
    let missing = |what: &str| Fault::validation(format!("Invalid SOAP message: there is no {what}"));
    if !root.has_tag_name((ENVELOPE, "Envelope")) {
        return Err(missing("Envelope of SOAP 1.1"));
    }
    let part = |name: &str| root.children().find(|node| node.has_tag_name((ENVELOPE, name)));
    let body = part("Body").ok_or_else(|| missing("Body"))?;
    let body = body
        .children()
        .find(Node::is_element)
        .ok_or_else(|| missing("element in the Body"))?;
    if body.tag_name().namespace() != Some(WORKDAY) {
        return Err(Fault::Element {
            name: body.tag_name().name().to_string(),
        });
    }
    let header = part("Header");
    let token = header.and_then(|header| {
        header
            .descendants()
            .find(|node| node.has_tag_name((SECURITY, "UsernameToken")))
    });
    let descriptors = header
        .and_then(|header| child(header, "Workday_Common_Header"))
        .and_then(|common| child(common, "Include_Reference_Descriptors_In_Response"))
        .map(boolean)
        .transpose()?;
    Ok(Envelope {
        credentials: token.map(|token| {
            let part = |name: &str| {
                let node = token.children().find(|node| node.has_tag_name((SECURITY, name)));
                node.map_or_else(String::new, text)
            };
            (part("Username").trim().to_string(), part("Password"))
        }),
        descriptors: descriptors.unwrap_or(false),
        body,
    })
}

pub fn child<'d>(node: Node<'d, 'd>, name: &str) -> Option<Node<'d, 'd>> {
    children(node, name).next()
}

pub fn children<'d, 'n>(
    node: Node<'d, 'd>,
    name: &'n str,
) -> impl Iterator<Item = Node<'d, 'd>> + use<'d, 'n> {
    elements(node).filter(move |node| node.tag_name().name() == name)
}

/// All of its elements that are Workday's.
pub fn elements<'d>(node: Node<'d, 'd>) -> impl Iterator<Item = Node<'d, 'd>> + use<'d> {
    node.children()
        .filter(|node| node.is_element() && node.tag_name().namespace() == Some(WORKDAY))
}

pub fn text(node: Node) -> String {
    node.children().filter_map(|child| child.text()).collect()
}

pub fn trimmed(node: Node) -> String {
    text(node).trim().to_string()
}

/// With or without a prefix.
pub fn attribute<'d>(node: Node<'d, 'd>, name: &str) -> Option<&'d str> {
    node.attribute((WORKDAY, name)).or_else(|| node.attribute(name))
}

pub fn boolean_attribute(node: Node, name: &str) -> Result<bool, Fault> {
    match node.attribute((WORKDAY, name)).or_else(|| node.attribute(name)) {
        None => Ok(false),
        Some(text) => truth(text).ok_or_else(|| invalid(node, text)),
    }
}

pub fn boolean(node: Node) -> Result<bool, Fault> {
    let text = trimmed(node);
    truth(&text).ok_or_else(|| invalid(node, &text))
}

fn truth(text: &str) -> Option<bool> {
    match text.trim() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

pub fn number(node: Node) -> Result<i64, Fault> {
    let text = trimmed(node);
    text.parse().map_err(|_| invalid(node, &text))
}

/// A moment; without an offset it is meant in Pacific time.
pub fn moment(node: Node) -> Result<Timestamp, Fault> {
    let text = trimmed(node);
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        let day = pacific::midnight(civil.date());
        let since = civil.duration_since(civil.date().at(0, 0, 0, 0));
        return day.checked_add(since).map_err(|_| invalid(node, &text));
    }
    Err(invalid(node, &text))
}

/// A day: as a date, with an offset or without, or as a moment on that day in Pacific time.
pub fn day(node: Node) -> Result<Date, Fault> {
    let text = trimmed(node);
    if !text.contains('T') {
        let date = text.get(..10).and_then(|date| date.parse::<Date>().ok());
        let rest = text.get(10..).unwrap_or_default();
        let is_offset = rest.is_empty()
            || rest == "Z"
            || format!("2000-01-01T00:00:00{rest}").parse::<Timestamp>().is_ok();
        return date.filter(|_| is_offset).ok_or_else(|| invalid(node, &text));
    }
    match text.parse::<Timestamp>() {
        Ok(at) => Ok(pacific::day(at)),
        Err(_) => match text.parse::<DateTime>() {
            Ok(civil) => Ok(civil.to_zoned(TimeZone::UTC).map_or(civil.date(), |at| at.date())),
            Err(_) => Err(invalid(node, &text)),
        },
    }
}

/// The IDs of a reference: type and text.
pub fn ids<'d>(node: Node<'d, 'd>) -> impl Iterator<Item = (&'d str, String)> {
    children(node, "ID").map(|id| (attribute(id, "type").unwrap_or_default(), trimmed(id)))
}

pub fn invalid(node: Node, text: &str) -> Fault {
    Fault::Validation {
        message: format!(
            "The value '{text}' is invalid for element {}",
            node.tag_name().name()
        ),
        xpath: xpath(node),
    }
}

pub fn invalid_id(node: Node, kind: &str, id: &str) -> Fault {
    Fault::Validation {
        message: format!("Invalid ID value.  '{id}' is not a valid ID value for type = '{kind}'"),
        xpath: xpath(node),
    }
}

pub fn refused(node: Node, message: impl Into<String>) -> Fault {
    Fault::Validation {
        message: message.into(),
        xpath: xpath(node),
    }
}

/// Where in the body a node is: `/bsvc:Get_Workers_Request[1]/bsvc:Request_References[1]`.
fn xpath(node: Node) -> String {
    let ours = |node: &Node| node.tag_name().namespace() == Some(WORKDAY);
    let mut steps: Vec<String> = node
        .ancestors()
        .filter(|node| node.is_element())
        .take_while(ours)
        .map(|node| {
            let name = node.tag_name();
            let before = node
                .prev_siblings()
                .filter(|other| other.tag_name() == name)
                .count();
            // The node itself is among them.
            format!("/bsvc:{}[{before}]", name.name())
        })
        .collect();
    steps.reverse();
    steps.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn first<T>(xml: &str, read: impl Fn(Node) -> T) -> T {
        let document = parse(xml).unwrap();
        read(document.root_element())
    }

    #[test]
    fn days_and_moments_are_taken_in_every_form_that_clients_send() {
        for (text, expected) in [
            ("2026-01-18", date(2026, 1, 18)),
            (" 2026-01-18-08:00 ", date(2026, 1, 18)),
            ("2026-01-18Z", date(2026, 1, 18)),
            // Half past six in the evening of the day before, there.
            ("2026-01-19T02:29:16.009Z", date(2026, 1, 18)),
            ("2026-01-19T12:00:00", date(2026, 1, 19)),
        ] {
            assert_eq!(first(&format!("<a>{text}</a>"), day).unwrap(), expected, "{text}");
        }
        for wrong in ["", "2026-13-01", "2026-01-18x", "x", "2026-01-18T99"] {
            assert!(first(&format!("<a>{wrong}</a>"), day).is_err(), "{wrong}");
        }
        let read = |text: &str| {
            first(&format!("<a>{text}</a>"), |node| {
                moment(node).ok().map(|at| at.to_string())
            })
        };
        assert_eq!(read("2026-01-18T18:29:16-08:00").unwrap(), "2026-01-19T02:29:16Z");
        assert_eq!(read("2026-01-18T18:29:16").unwrap(), "2026-01-19T02:29:16Z");
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn hostile_messages_are_refused() {
        assert!(parse("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>").is_err());
        assert!(parse("<a><b></a>").is_err());
        assert!(parse(&"<a>".repeat(100_000)).is_err());
        let deep = format!("{}{}", "<a>".repeat(50_000), "</a>".repeat(50_000));
        if let Ok(document) = parse(&deep) {
            assert!(envelope(&document).is_err());
        }
    }

    #[test]
    fn a_place_is_told_as_a_path() {
        let xml = "<w:R xmlns:w='urn:com.workday/bsvc'><w:A/><w:B/><w:A><w:C/></w:A></w:R>";
        let document = parse(xml).unwrap();
        let last = document.descendants().rfind(Node::is_element).unwrap();
        assert_eq!(xpath(last), "/bsvc:R[1]/bsvc:A[2]/bsvc:C[1]");
    }
}
