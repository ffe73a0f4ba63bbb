//! The envelope of every message: who signs it, whether references are to have labels, and the element that is asked or told.

use std::io;

use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::BytesText;
use secrecy::{ExposeSecret, SecretString};

use super::answer::WORKDAY;
use super::soap::ENVELOPE;

const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PASSWORD_TEXT: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";

/// From this version on references have labels only if the header asks for them.
const FIRST_WITHOUT_LABELS: u32 = 28;

pub(super) type Xml = Writer<Vec<u8>>;

/// What a body says.
pub(super) trait Message: Sync {
    /// The name of its element, without the prefix.
    fn element(&self) -> &'static str;

    /// What is inside that element, in the order of Workday's schema.
    fn write(&self, xml: &mut Xml) -> io::Result<()>;
}

/// The message in its envelope. `user` signs it, where no token does.
pub(super) fn envelope(
    message: &dyn Message,
    version: &str,
    user: Option<(&str, &SecretString)>,
) -> io::Result<Vec<u8>> {
    let mut xml = Writer::new(Vec::with_capacity(4096));
    let envelope = xml
        .create_element("soapenv:Envelope")
        .with_attributes([("xmlns:soapenv", ENVELOPE), ("xmlns:wd", WORKDAY)]);
    envelope.write_inner_content(|xml| {
        inside(xml, "soapenv:Header", |xml| {
            if let Some((name, password)) = user {
                signature(xml, name, password)?;
            }
            match needs_label_header(version) {
                true => inside(xml, "wd:Workday_Common_Header", |xml| {
                    leaf(xml, "wd:Include_Reference_Descriptors_In_Response", "true")
                }),
                false => Ok(()),
            }
        })?;
        inside(xml, "soapenv:Body", |xml| {
            let name = format!("wd:{}", message.element());
            marked(xml, &name, ("wd:version", version), |xml| message.write(xml))
        })
    })?;
    Ok(xml.into_inner())
}

fn signature(xml: &mut Xml, name: &str, password: &SecretString) -> io::Result<()> {
    let security = xml
        .create_element("wsse:Security")
        .with_attributes([("soapenv:mustUnderstand", "1"), ("xmlns:wsse", SECURITY)]);
    let written = security.write_inner_content(|xml| {
        inside(xml, "wsse:UsernameToken", |xml| {
            leaf(xml, "wsse:Username", name)?;
            let secret = xml
                .create_element("wsse:Password")
                .with_attribute(("Type", PASSWORD_TEXT));
            let secret = secret.write_text_content(BytesText::new(password.expose_secret()));
            secret.map(drop)
        })
    });
    written.map(drop)
}

/// A reference with one identifier: `<wd:Person_Reference><wd:ID wd:type="WID">…`.
pub(super) fn reference(xml: &mut Xml, name: &str, kind: &str, value: &str) -> io::Result<()> {
    inside(xml, name, |xml| id(xml, kind, value))
}

pub(super) fn id(xml: &mut Xml, kind: &str, value: &str) -> io::Result<()> {
    let id = xml.create_element("wd:ID").with_attribute(("wd:type", kind));
    id.write_text_content(BytesText::new(value)).map(drop)
}

pub(super) fn leaf(xml: &mut Xml, name: &str, text: &str) -> io::Result<()> {
    xml.create_element(name)
        .write_text_content(BytesText::new(text))
        .map(drop)
}

pub(super) fn inside(
    xml: &mut Xml,
    name: &str,
    content: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    xml.create_element(name).write_inner_content(content).map(drop)
}

/// An element with one attribute.
pub(super) fn marked(
    xml: &mut Xml,
    name: &str,
    attribute: (&str, &str),
    content: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    let element = xml.create_element(name).with_attribute(attribute);
    element.write_inner_content(content).map(drop)
}

/// `2026-01-19T02:29:16.009Z`.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn needs_label_header(version: &str) -> bool {
    let major = version.trim_start_matches('v').split('.').next();
    let major = major.and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= FIRST_WITHOUT_LABELS)
}
