//! One error for everything that leaves a room: a small [`Kind`] that decides what happens next, a code
//! that scripts can test, and a message that a person can act on.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    /// Stable, for machines: a Graph error code on the API, a log code (`InvalidAnchor`) on a target's answer.
    pub code: Cow<'static, str>,
    /// What is wrong, where, and what to do; goes to clients, so it holds no secret and no personal data
    /// beyond what the client itself sent.
    pub message: String,
    /// The member or attribute that is at fault: `Operations[17].data.externalId`, `department`.
    pub target: Option<String>,
    /// When the other side asked for patience.
    pub retry_after: Option<Duration>,
    details: Option<Box<Details>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Out of line, since errors are handed on everywhere and few have any.
#[derive(Debug)]
struct Details(Vec<Detail>);

/// One of several things that are wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    pub target: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request or the data is wrong; sending it again changes nothing.
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    /// A value that must be unique is taken, or the state of the thing does not allow this now.
    Conflict,
    /// Something changed since it was read: plan again.
    Stale,
    TooLarge,
    TooMany,
    Unsupported,
    /// The other side cannot answer just now: keep the work and try again (B25).
    Unavailable,
    Internal,
}

/// What each kind means to those who meet it.
pub struct Row {
    pub kind: Kind,
    pub code: &'static str,
    pub status: u16,
    pub level: tracing::Level,
}

#[rustfmt::skip]
pub const KINDS: &[Row] = &[
    Row { kind: Kind::Invalid,         code: "invalidRequest",             status: 400, level: tracing::Level::INFO },
    Row { kind: Kind::Unauthenticated, code: "InvalidAuthenticationToken", status: 401, level: tracing::Level::INFO },
    Row { kind: Kind::Forbidden,       code: "Authorization_RequestDenied", status: 403, level: tracing::Level::WARN },
    Row { kind: Kind::NotFound,        code: "Request_ResourceNotFound",   status: 404, level: tracing::Level::INFO },
    Row { kind: Kind::Conflict,        code: "Conflict",                   status: 409, level: tracing::Level::INFO },
    Row { kind: Kind::Stale,           code: "Stale",                      status: 412, level: tracing::Level::INFO },
    Row { kind: Kind::TooLarge,        code: "RequestTooLarge",            status: 413, level: tracing::Level::INFO },
    Row { kind: Kind::TooMany,         code: "TooManyRequests",            status: 429, level: tracing::Level::INFO },
    Row { kind: Kind::Unsupported,     code: "notSupported",               status: 405, level: tracing::Level::INFO },
    Row { kind: Kind::Unavailable,     code: "serviceNotAvailable",        status: 503, level: tracing::Level::WARN },
    Row { kind: Kind::Internal,        code: "InternalServerError",        status: 500, level: tracing::Level::ERROR },
];

impl Kind {
    pub fn row(self) -> &'static Row {
        KINDS
            .iter()
            .find(|row| row.kind == self)
            .unwrap_or(&KINDS[KINDS.len() - 1])
    }
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error {
            kind,
            code: Cow::Borrowed(kind.row().code),
            message: message.into(),
            target: None,
            retry_after: None,
            details: None,
            source: None,
        }
    }

    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(Kind::Invalid, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Error {
        Error::new(Kind::Unavailable, message)
    }

    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(Kind::Internal, message)
    }

    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Error {
        self.code = code.into();
        self
    }

    pub fn at(mut self, target: impl Into<String>) -> Error {
        self.target = Some(target.into());
        self
    }

    pub fn retry_after(mut self, wait: Duration) -> Error {
        self.retry_after = Some(wait);
        self
    }

    /// Says one by one what the message sums up.
    pub fn with_details(mut self, details: Vec<Detail>) -> Error {
        self.details = Some(Box::new(Details(details)));
        self
    }

    /// What is wrong one by one, where the message sums several up.
    pub fn details(&self) -> &[Detail] {
        self.details.as_ref().map_or(&[], |details| details.0.as_slice())
    }

    /// The same error, for somebody else whom it hit as well; what caused it is told once.
    pub fn shared(&self) -> Error {
        let shared = Error::new(self.kind, self.message.clone()).code(self.code.clone());
        match self.retry_after {
            Some(wait) => shared.retry_after(wait),
            None => shared,
        }
    }

    /// Keeps what went wrong underneath, for the log; never shown to a client.
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(target) if !self.message.contains(target.as_str()) => {
                write!(f, "{target}: {}", self.message)
            }
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
