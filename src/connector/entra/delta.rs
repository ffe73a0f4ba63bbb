//! What became of users since (Graph's "user: delta").

use reqwest::{StatusCode, Url};
use serde_json::Value as Json;

use super::graph::Graph;
use crate::connector::http::{self, Answer};
use crate::error::{Error, Result};

/// A place in the stream of changes is a link with all that was asked in it; Graph's are a few kilobytes.
const LONGEST_LINK: usize = 64 << 10;

/// What Graph says of a place that it does not know, or does not know any more.
const FORGOTTEN: &[&str] = &[
    "resyncRequired",
    "syncStateNotFound",
    "syncStateInvalid",
    "resyncApplyDifferences",
    "resyncUploadDifferences",
    "Directory_ExpiredPageToken",
];

/// The same in words, which come with codes that say nothing.
const FORGOTTEN_WORDS: &[&str] = &["deltalink older than", "badly formed token", "delta token"];

/// One page of changes.
pub(super) enum Sheet {
    /// Users, and what comes behind them.
    Users(Vec<Json>, Behind),
    /// Graph does not know this place.
    Forgotten,
}

/// What comes behind a page of changes.
pub(super) enum Behind {
    Page(Url),
    /// Nothing now: from this place on next time.
    Place(String),
    /// Nobody can say, and why.
    Unknown(String),
}

pub(super) async fn sheet(graph: &Graph, url: &Url) -> Result<Sheet> {
    let answer = graph.answer(url).await?;
    if is_forgotten(&answer) {
        return Ok(Sheet::Forgotten);
    }
    if !answer.status.is_success() {
        return Err(answer.into_error(&graph.place()));
    }
    let mut page = answer.json().ok_or_else(|| graph.no_json())?;
    let behind = behind(graph, url, &page)?;
    Ok(Sheet::Users(super::find::users(&mut page), behind))
}

/// The place behind a link that was kept; `None` if it is none of this service.
pub(super) fn place(graph: &Graph, link: &str) -> Option<Url> {
    let url = graph.link(link).ok()?;
    (link.len() <= LONGEST_LINK).then_some(url)
}

fn behind(graph: &Graph, url: &Url, page: &Json) -> Result<Behind> {
    let link = |name: &str| page[name].as_str();
    Ok(match (link("@odata.nextLink"), link("@odata.deltaLink")) {
        (Some(next), _) => {
            let next = graph.link(next)?;
            if next == *url {
                return Err(Error::unavailable("Graph names the same page of changes again"));
            }
            Behind::Page(next)
        }
        (None, Some(place)) if self::place(graph, place).is_some() => Behind::Place(place.to_string()),
        (None, Some(_)) => {
            Behind::Unknown("Graph's delta link is too long, or leads to another service".into())
        }
        (None, None) => {
            Behind::Unknown("the last page of changes does not say where the next ones begin".into())
        }
    })
}

fn is_forgotten(answer: &Answer) -> bool {
    match answer.status {
        StatusCode::GONE => true,
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => answer.json().is_some_and(|body| says_so(&body)),
        _ => false,
    }
}

fn says_so(body: &Json) -> bool {
    let error = &body["error"];
    let inner = ["innerError", "innererror"].map(|name| &error[name]["code"]);
    let details = error["details"].as_array().into_iter().flatten();
    let codes = [&error["code"]].into_iter().chain(inner);
    let mut codes = codes.chain(details.map(|detail| &detail["code"]));
    let is_known = |code: &Json| {
        let code = code.as_str().unwrap_or_default();
        FORGOTTEN.iter().any(|known| known.eq_ignore_ascii_case(code))
    };
    let (_, message) = http::said(body).unwrap_or_default();
    let message = message.to_lowercase();
    codes.any(is_known) || FORGOTTEN_WORDS.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    fn answer(status: StatusCode, body: &Json) -> Answer {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: body.to_string().into_bytes(),
        }
    }

    #[test]
    fn a_place_is_forgotten_in_many_words() {
        let told = |code: &str, message: &str| json!({ "error": { "code": code, "message": message } });
        let bad = StatusCode::BAD_REQUEST;
        for (status, body, forgotten) in [
            (StatusCode::GONE, json!({}), true),
            (bad, told("syncStateNotFound", ""), true),
            (
                bad,
                json!({ "error": { "code": "Request_BadRequest", "message": "", "innerError": { "code": "resyncRequired" } } }),
                true,
            ),
            (
                bad,
                told(
                    "Request_BadRequest",
                    "DeltaLink older than 30 days is not supported.",
                ),
                true,
            ),
            (bad, told("Request_BadRequest", "Badly formed token."), true),
            (
                bad,
                told("Request_BadRequest", "Could not find a property named 'x'"),
                false,
            ),
            (StatusCode::FORBIDDEN, told("syncStateNotFound", ""), false),
        ] {
            assert_eq!(is_forgotten(&answer(status, &body)), forgotten, "{status} {body}");
        }
    }
}
