//! SOAP 1.1: the envelope that answers come in, and the faults that come instead of them.
//!
//! Workday answers every refusal with a fault whose `faultcode` ends in a word for machines (`validationError`); what is
//! to be done about it follows from that word and, where one word covers several things, from its text.

use std::fmt;

use super::refusals;
use super::tree::{Node, Tree};
use super::xml::excerpt;
use crate::error::{Error, Kind};

pub const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// What a service said instead of answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `faultcode` as it came: `SOAP-ENV:Client.validationError`.
    pub code: String,
    /// `faultstring`.
    pub message: String,
    /// What is wrong with the request, one by one.
    pub errors: Vec<ValidationError>,
    /// The `Detail_Message` of a processing fault.
    pub detail: Option<String>,
}

/// One part of the request, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    pub message: String,
    pub detail: Option<String>,
    /// Where in the request, as an XPath of Workday's.
    pub xpath: Option<String>,
}

/// What is to be done about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultClass {
    /// The credentials are wrong: every further try may lock the account.
    Authentication,
    /// The integration user may not do this.
    NotAuthorized,
    /// There is no such service, version or operation.
    WrongService,
    /// The request names somebody who is not there.
    UnknownId,
    /// Another transaction about this person is open; later it may go through.
    Pending,
    /// The request says something that Workday does not take.
    Invalid,
    /// It went wrong inside Workday, or nobody knows.
    Processing,
}

/// What tells the classes apart: the word at the end of the code, a part of the message, and the class. The first row that
/// fits counts.
#[rustfmt::skip]
const CLASSES: &[(&str, &str, FaultClass)] = &[
    ("authenticationError", "",                              FaultClass::Authentication),
    ("",                    "not authorized",                FaultClass::NotAuthorized),
    ("validationError",     "service or version is invalid", FaultClass::WrongService),
    ("validationError",     "Element not found",             FaultClass::WrongService),
    ("validationError",     "Invalid ID value",              FaultClass::UnknownId),
    ("",                    "pending or completed actions",  FaultClass::Pending),
    ("validationError",     "",                              FaultClass::Invalid),
    ("",                    "",                              FaultClass::Processing),
];

impl Fault {
    pub fn class(&self) -> FaultClass {
        let suffix = self.suffix();
        let fits =
            |code: &str, text: &str| (code.is_empty() || code == suffix) && self.message.contains(text);
        let row = CLASSES.iter().find(|(code, text, _)| fits(code, text));
        row.map_or(FaultClass::Processing, |row| row.2)
    }

    /// The word for machines: what follows the last dot of the code.
    pub fn suffix(&self) -> &str {
        self.code.rsplit_once('.').map_or("", |(_, suffix)| suffix)
    }

    /// Reads a `Fault` element.
    pub(super) fn read(tree: &Tree, fault: Node) -> Fault {
        let detail = tree.child(fault, "detail");
        let of_detail = |local| detail.and_then(|detail| tree.child(detail, local));
        let errors = of_detail("Validation_Fault").map(|fault| {
            let errors = tree
                .elements(fault)
                .filter(|child| tree.local(*child) == "Validation_Error");
            let error = |error| ValidationError {
                message: said(tree, error, "Message").unwrap_or_default(),
                detail: said(tree, error, "Detail_Message"),
                xpath: said(tree, error, "Xpath"),
            };
            errors.map(error).collect()
        });
        Fault {
            code: said(tree, fault, "faultcode").unwrap_or_default(),
            message: said(tree, fault, "faultstring").unwrap_or_default(),
            errors: errors.unwrap_or_default(),
            detail: of_detail("Processing_Fault").and_then(|fault| said(tree, fault, "Detail_Message")),
        }
    }
}

/// What a child element says, if anything.
fn said(tree: &Tree, parent: Node, local: &str) -> Option<String> {
    let text = tree.string(tree.child(parent, local)?).trim();
    (!text.is_empty()).then(|| text.to_string())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            excerpt(&self.code),
            excerpt_of_message(&self.message)
        )?;
        for error in &self.errors {
            if let Some(xpath) = &error.xpath {
                write!(f, " (at {})", excerpt(xpath))?;
            }
        }
        match self.advice() {
            "" => Ok(()),
            advice => write!(f, ": {advice}"),
        }
    }
}

/// Texts of Workday's may be long, and nothing says how long.
fn excerpt_of_message(text: &str) -> String {
    text.chars().take(1000).collect()
}

impl Fault {
    fn advice(&self) -> &'static str {
        match self.class() {
            FaultClass::Authentication => "check the user name (user@tenant) and the password",
            FaultClass::NotAuthorized => {
                "give the integration user the domain's permission, then activate pending security policy changes; an expired password says the same"
            }
            FaultClass::WrongService => "check the service and the version in the URL",
            FaultClass::UnknownId | FaultClass::Pending | FaultClass::Invalid | FaultClass::Processing => "",
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        if let Some(refusal) = refusals::of(&fault) {
            let message = format!("Workday refused: {fault}: {}", refusal.advice);
            return Error::new(refusal.kind, message).code(refusal.code);
        }
        let kind = match fault.class() {
            FaultClass::Authentication => Kind::Unauthenticated,
            FaultClass::NotAuthorized => Kind::Forbidden,
            FaultClass::WrongService | FaultClass::Invalid | FaultClass::Pending => Kind::Invalid,
            FaultClass::UnknownId => Kind::NotFound,
            FaultClass::Processing => Kind::Unavailable,
        };
        let error = Error::new(kind, format!("Workday refused: {fault}"));
        match fault.class() {
            FaultClass::NotAuthorized => error.code("InsufficientRights"),
            _ => error,
        }
    }
}
