//! How an error looks to a caller: Graph's envelope, with the status its kind has, and the request's id.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Kind};

/// An [`Error`] on its way out of a handler.
#[derive(Debug)]
pub struct Problem(pub Error);

/// Graph's error envelope.
#[derive(Serialize, ToSchema)]
pub struct Envelope {
    pub error: Body,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    /// Stable, for programs.
    pub code: String,
    /// What is wrong, which member it is about, and what to do.
    pub message: String,
    /// Each thing that is wrong by itself, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
    pub inner_error: Inner,
}

#[derive(Serialize, ToSchema)]
pub struct Detail {
    pub code: String,
    pub message: String,
    /// The member it is about.
    pub target: String,
}

#[derive(Serialize, ToSchema)]
pub struct Inner {
    pub date: String,
    #[serde(rename = "request-id")]
    pub request_id: String,
    #[serde(rename = "client-request-id")]
    pub client_request_id: String,
}

impl Problem {
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.kind.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The answer, complete. What went wrong inside stays inside.
    pub fn response(&self, now: Timestamp, request_id: &str, client_request_id: &str) -> HttpResponse {
        let message = match self.0.kind {
            Kind::Internal if self.0.code == Kind::Internal.row().code => {
                "Something went wrong here; the log names this request's id.".to_string()
            }
            _ => self.0.to_string(),
        };
        let code = match self.0.code.as_ref() {
            // Microsoft's meaning of a full inbox is a plain 500.
            "InboxFull" => Kind::Internal.row().code.to_string(),
            code => code.to_string(),
        };
        let details = self.0.details().iter().map(|one| Detail {
            code: code.clone(),
            message: one.message.clone(),
            target: one.target.clone(),
        });
        let envelope = Envelope {
            error: Body {
                details: details.collect(),
                code,
                message,
                inner_error: Inner {
                    date: now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                    request_id: request_id.to_string(),
                    client_request_id: client_request_id.to_string(),
                },
            },
        };
        let mut response = HttpResponse::build(self.status());
        if let Some(wait) = self.0.retry_after {
            response.insert_header((
                header::RETRY_AFTER,
                wait.as_secs_f64().ceil().max(1.0).to_string(),
            ));
        }
        if self.0.kind == Kind::Unauthenticated {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.json(envelope)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    /// Only the status: the middleware, which knows the request's ids, writes the body.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::new(self.status())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem(error)
    }
}

/// What the web framework itself refused, said in our words.
pub fn from_status(status: StatusCode) -> Error {
    let (kind, message) = match status {
        StatusCode::NOT_FOUND => (Kind::NotFound, "There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => {
            (Kind::Unsupported, "This method is not supported at this address.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => (Kind::TooLarge, "The body is too large."),
        status if status.is_client_error() => (Kind::Invalid, "The request could not be read."),
        _ => (Kind::Internal, "The request failed."),
    };
    Error::new(kind, message)
}
