//! What Graph's refusals mean: one table from status, error code and words to a kind, a code of the provisioning log,
//! and words that say what to do.

use super::graph::Reply;
use crate::connector::http;
use crate::error::{Error, Kind};

struct Row {
    status: u16,
    /// Graph's `error.code`; empty for any.
    graph: &'static str,
    /// A part of the message, in lower case; empty for any.
    says: &'static str,
    kind: Kind,
    /// A code of the provisioning log, as Entra ID documents them.
    code: &'static str,
    advice: &'static str,
}

const fn row(
    status: u16,
    graph: &'static str,
    says: &'static str,
    kind: Kind,
    code: &'static str,
    advice: &'static str,
) -> Row {
    Row {
        status,
        graph,
        says,
        kind,
        code,
        advice,
    }
}

/// The first row that fits is taken.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row(400, "", "same value for property", Kind::Conflict, "EntryConflict", "another user, or a deleted one, has this value: correct the mapping or the match"),
    row(400, "", "conflicting object", Kind::Conflict, "EntryConflict", "another user has this address"),
    row(400, "", "verified domain", Kind::Invalid, "InvalidDomain", "the tenant has not verified this domain: add it there, or correct the mapping"),
    row(400, "", "on-premises mastered", Kind::Forbidden, "AzureActiveDirectoryCannotUpdateObjectsMasteredOnPremises", "the user is synchronised from a directory on premises: write it there"),
    row(400, "", "mailbox", Kind::Forbidden, "AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService", "Exchange owns this property: map it only when the user is created"),
    row(400, "", "password", Kind::Invalid, "BadPassword", "the tenant's password policy refuses what was drawn: ask for a longer one"),
    row(400, "", "required but is empty", Kind::Invalid, "MandatoryFieldsMissing", "map the property, or have HR state it"),
    row(400, "Directory_QuotaExceeded", "", Kind::Unavailable, "AzureActiveDirectoryQuotaLimitExceeded", "the tenant is full: raise its quota or empty its bin"),
    row(400, "", "", Kind::Invalid, "BadRequest", "correct the value or its mapping"),
    row(401, "", "", Kind::Unauthenticated, "Unauthorized", "check the app's id and secret, and its consent"),
    row(403, "Authorization_RequestDenied", "", Kind::Forbidden, "AzureActiveDirectoryForbidden", "the user holds a role, or this app lacks User.ReadWrite.All (and User.EnableDisableAccount.All for the state): an administrator has to do it, or to grant it"),
    row(403, "", "", Kind::Forbidden, "AzureActiveDirectoryForbidden", "this app lacks the permission"),
    row(404, "", "", Kind::NotFound, "InvalidAnchor", "the user does not exist any more"),
    row(409, "", "", Kind::Conflict, "EntryConflict", "somebody else changed it at the same time"),
    row(413, "", "", Kind::TooLarge, "BadRequest", "the request is too large"),
    row(424, "", "", Kind::Unavailable, "TooManyRequests", "a request that this one waited for did not succeed"),
    row(429, "", "", Kind::Unavailable, "TooManyRequests", "it is tried again when the tenant allows it"),
];

const OTHER: Row = row(
    0,
    "",
    "",
    Kind::Unavailable,
    "InternalServerError",
    "it is tried again",
);

/// The error of a refused request. `attribute` is what was to be written, where it was one thing.
pub(super) fn refusal(reply: &Reply, attribute: Option<&str>) -> Error {
    let (graph, said) = http::said(&reply.body).unwrap_or_default();
    let lower = said.to_lowercase();
    let row = ROWS
        .iter()
        .find(|row| {
            row.status == reply.status.as_u16()
                && (row.graph.is_empty() || row.graph.eq_ignore_ascii_case(&graph))
                && (row.says.is_empty() || lower.contains(row.says))
        })
        .unwrap_or(&OTHER);
    let said = if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    };
    let message = format!("Graph answered {}{said} ({})", reply.status.as_u16(), row.advice);
    let error = Error::new(row.kind, message).code(row.code);
    let error = match reply.retry_after {
        Some(wait) => error.retry_after(wait),
        None => error,
    };
    let target = reply.body["error"]["details"][0]["target"].as_str();
    match attribute.or(target) {
        Some(attribute) => error.at(attribute),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;
    use serde_json::json;

    fn told(status: u16, code: &str, message: &str) -> Error {
        let reply = Reply {
            status: StatusCode::from_u16(status).unwrap(),
            body: json!({"error": {"code": code, "message": message}}),
            retry_after: None,
        };
        refusal(&reply, None)
    }

    #[test]
    fn refusals_are_told_apart_by_status_code_and_words() {
        for (status, code, message, kind, log) in [
            (
                400,
                "Request_BadRequest",
                "Another object with the same value for property userPrincipalName already exists.",
                Kind::Conflict,
                "EntryConflict",
            ),
            (
                400,
                "Request_BadRequest",
                "You must use one of the verified domain names in your organization.",
                Kind::Invalid,
                "InvalidDomain",
            ),
            (
                400,
                "Request_BadRequest",
                "Unable to update the specified properties for on-premises mastered Directory Sync objects",
                Kind::Forbidden,
                "AzureActiveDirectoryCannotUpdateObjectsMasteredOnPremises",
            ),
            (
                400,
                "Directory_QuotaExceeded",
                "",
                Kind::Unavailable,
                "AzureActiveDirectoryQuotaLimitExceeded",
            ),
            (
                400,
                "Request_BadRequest",
                "One or more properties contains invalid values.",
                Kind::Invalid,
                "BadRequest",
            ),
            (
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
                Kind::Forbidden,
                "AzureActiveDirectoryForbidden",
            ),
            (
                404,
                "Request_ResourceNotFound",
                "",
                Kind::NotFound,
                "InvalidAnchor",
            ),
            (429, "TooManyRequests", "", Kind::Unavailable, "TooManyRequests"),
            (500, "", "", Kind::Unavailable, "InternalServerError"),
        ] {
            let error = told(status, code, message);
            assert_eq!(
                (error.kind, error.code.as_ref()),
                (kind, log),
                "{status} {message}"
            );
        }
    }
}
