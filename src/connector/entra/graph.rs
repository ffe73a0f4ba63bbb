//! Talking to Graph: many requests in one (`$batch`), pages, and what a busy tenant asks for.

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Map, Value as Json, json};

use super::config::Config;
use super::pace::Pace;
use crate::connector::http::{self, Answer, Call, Credentials, Failure, Grant, Http};
use crate::error::{Error, Kind, Result};

/// Graph takes no more requests in one.
pub(super) const BATCH: usize = 20;

/// Batches under way at the same time.
pub(super) const WIDTH: usize = 4;

/// A question that met a busy or failing service is asked so often before the work goes back to the queue.
const ASKS: u32 = 4;

pub(super) struct Graph {
    http: Http,
    url: Url,
    pub pace: Pace,
}

/// One request of a batch; its address is relative to the service's version. It may hold a password.
#[derive(Clone)]
pub(super) struct Part {
    pub method: Method,
    pub url: String,
    pub body: Option<Json>,
    /// A search that Graph answers as an advanced query only.
    is_advanced: bool,
}

/// The answer to one part.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub body: Json,
    pub retry_after: Option<Duration>,
}

/// What became of one part.
#[derive(Debug)]
pub(super) enum Fate {
    Answered(Reply),
    /// It was not carried out.
    Unsent(Error),
    /// Nobody knows whether it was carried out (B26).
    Lost(Error),
}

impl Part {
    pub(super) fn get(url: impl Into<String>) -> Part {
        Part::bare(Method::GET, url)
    }

    /// Without a body.
    pub(super) fn bare(method: Method, url: impl Into<String>) -> Part {
        Part {
            method,
            url: url.into(),
            body: None,
            is_advanced: false,
        }
    }

    /// A question of a search that lies beyond Graph's plain ones ("Advanced query capabilities"); `url` has a query.
    pub(super) fn advanced(url: impl Into<String>) -> Part {
        Part {
            is_advanced: true,
            ..Part::get(format!("{}&$count=true", url.into()))
        }
    }

    pub(super) fn of(method: Method, url: impl Into<String>, body: Json) -> Part {
        Part {
            method,
            url: url.into(),
            body: Some(body),
            is_advanced: false,
        }
    }

    fn is_read(&self) -> bool {
        self.method == Method::GET
    }
}

impl Reply {
    /// The service is busy and did nothing.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 503)
    }

    /// The service failed, and may have done what it was asked to do before it did.
    pub(super) fn is_unclear(&self) -> bool {
        self.status.is_server_error() && !self.is_busy()
    }
}

impl Graph {
    pub(super) fn new(config: &Config) -> Result<Graph> {
        let credentials = Credentials {
            token_url: config.token_url.clone(),
            client_id: config.client_id.clone(),
            client_secret: config.client_secret.clone(),
            grant: Grant::ClientCredentials {
                scope: config.scope(),
            },
        };
        Ok(Graph {
            http: Http::new(credentials, config.timeout, config.ca_file.as_deref())?,
            url: config.url.clone(),
            pace: Pace::default(),
        })
    }

    pub(super) fn place(&self) -> String {
        http::place(&self.url)
    }

    pub(super) fn address(&self, path: &str) -> Result<Url> {
        self.url
            .join(path)
            .map_err(|error| Error::internal(format!("{path} is no address")).because(error))
    }

    /// Has a token in hand, so that what follows is one call.
    pub(super) async fn ready(&self) -> Result<()> {
        self.http.ready().await
    }

    /// What the token in hand says of us; `None` where it is not one that can be read.
    pub(super) async fn claims(&self) -> Result<Option<Json>> {
        self.http.claims().await
    }

    pub(super) fn forgive(&self) {
        self.http.forgive();
    }

    /// An address that the service gave, if it is the service's own: the token goes along.
    pub(super) fn link(&self, text: &str) -> Result<Url> {
        let url = self.address(text)?;
        let is_own = url.origin() == self.url.origin() && url.path().starts_with(self.url.path());
        is_own.then_some(url).ok_or_else(|| {
            Error::unavailable(format!(
                "{} names a page at another service: it is not followed",
                self.place()
            ))
        })
    }

    /// One question on its own; whatever is not 2xx is an error.
    pub(super) async fn ask(&self, url: &Url) -> Result<Json> {
        let answer = self.answer(url).await?;
        match answer.status.is_success() {
            true => answer.json().ok_or_else(|| self.no_json()),
            false => Err(answer.into_error(&self.place())),
        }
    }

    /// The answer to one question on its own, whatever its status. A service that is busy or failing is asked again.
    pub(super) async fn answer(&self, url: &Url) -> Result<Answer> {
        let mut tries = 0;
        loop {
            self.pace.reads().await?;
            let answer = self
                .http
                .send(&Call::get(url.clone()))
                .await
                .map_err(Error::from)?;
            let busy = matches!(answer.status.as_u16(), 429 | 500..);
            if !busy || tries == ASKS {
                return Ok(answer);
            }
            tries += 1;
            self.hold_on(answer.retry_after(), tries).await;
        }
    }

    /// Asks many questions; `replies[i]` answers `parts[i]`, whatever its status.
    pub(super) async fn ask_all(&self, parts: Vec<Part>) -> Result<Vec<Reply>> {
        let batches: Vec<Vec<Part>> = parts.chunks(BATCH).map(<[Part]>::to_vec).collect();
        let mut answers =
            stream::iter(batches.into_iter().map(|parts| self.ask_batch(parts))).buffered(WIDTH);
        let mut replies = Vec::new();
        while let Some(some) = answers.next().await {
            replies.extend(some?);
        }
        Ok(replies)
    }

    async fn ask_batch(&self, parts: Vec<Part>) -> Result<Vec<Reply>> {
        let mut replies: Vec<Option<Reply>> = vec![None; parts.len()];
        let mut tries = 0;
        loop {
            let open: Vec<usize> = (0..parts.len()).filter(|at| replies[*at].is_none()).collect();
            if open.is_empty() {
                return Ok(replies.into_iter().flatten().collect());
            }
            self.pace.reads().await?;
            let asked = open.iter().map(|at| parts[*at].clone()).collect();
            let mut wait = None;
            for (at, fate) in open.into_iter().zip(self.batch(asked).await) {
                match fate {
                    Fate::Answered(reply) if (reply.is_busy() || reply.is_unclear()) && tries < ASKS => {
                        wait = wait.max(Some(reply.retry_after.unwrap_or_default()));
                    }
                    Fate::Answered(reply) if reply.is_busy() || reply.is_unclear() => {
                        return Err(super::errors::refusal(&reply, None));
                    }
                    Fate::Answered(reply) => replies[at] = Some(reply),
                    Fate::Unsent(error) | Fate::Lost(error) => return Err(error),
                }
            }
            if let Some(wait) = wait {
                tries += 1;
                self.hold_on(Some(wait).filter(|wait| !wait.is_zero()), tries)
                    .await;
            }
        }
    }

    /// Everybody waits if the tenant said for how long; else just this question, longer each time.
    async fn hold_on(&self, wait: Option<Duration>, tries: u32) {
        match wait {
            Some(wait) => self.pace.pause(wait),
            None => tokio::time::sleep(Duration::from_millis(250 << tries)).await,
        }
    }

    /// Sends up to twenty requests in one; each has a fate of its own.
    pub(super) async fn batch(&self, parts: Vec<Part>) -> Vec<Fate> {
        let reads = parts.iter().all(Part::is_read);
        let mut fates = self.exchange(&parts).await;
        // A token can die between the batch's door and its parts; nothing was done without one.
        let turned_away: Vec<usize> = (0..parts.len())
            .filter(
                |at| matches!(&fates[*at], Fate::Answered(reply) if reply.status == StatusCode::UNAUTHORIZED),
            )
            .collect();
        if !turned_away.is_empty() && self.http.renew().await.is_ok() {
            let again: Vec<Part> = turned_away.iter().map(|at| parts[*at].clone()).collect();
            for (at, fate) in turned_away.into_iter().zip(self.exchange(&again).await) {
                fates[at] = fate;
            }
        }
        if !reads {
            let taken = fates
                .iter()
                .filter(|fate| matches!(fate, Fate::Answered(reply) if !reply.is_busy()));
            self.pace.taken(taken.count());
        }
        fates
    }

    async fn exchange(&self, parts: &[Part]) -> Vec<Fate> {
        let all = |fate: &dyn Fn() -> Fate| parts.iter().map(|_| fate()).collect();
        let call = match self.call(parts) {
            Ok(call) => call,
            Err(error) => return all(&|| Fate::Unsent(error.shared())),
        };
        let answer = match self.http.send(&call).await {
            Ok(answer) => answer,
            Err(Failure::Unsent(error)) => return all(&|| Fate::Unsent(error.shared())),
            Err(Failure::Lost(error)) => return all(&|| Fate::Lost(error.shared())),
        };
        if answer.status.is_success() {
            return match answer
                .json()
                .as_ref()
                .and_then(|json| json["responses"].as_array())
            {
                Some(replies) => assign(parts.len(), replies),
                None => all(&|| Fate::Lost(self.no_json())),
            };
        }
        let reply = Reply {
            status: answer.status,
            body: answer.json().unwrap_or(Json::Null),
            retry_after: answer.retry_after(),
        };
        match reply.is_unclear() {
            true => {
                let error = answer.into_error(&self.place());
                all(&|| Fate::Lost(error.shared()))
            }
            // Said to the batch, it holds for each part, as long as it is not about one.
            false if reply.is_busy() || reply.status == StatusCode::UNAUTHORIZED => {
                all(&|| Fate::Answered(reply.clone()))
            }
            false => {
                let mut error = answer.into_error(&self.place());
                error.kind = Kind::Unavailable;
                all(&|| Fate::Unsent(error.shared()))
            }
        }
    }

    fn call(&self, parts: &[Part]) -> Result<Call> {
        let requests: Vec<Json> = parts
            .iter()
            .enumerate()
            .map(|(at, part)| {
                let mut request = Map::new();
                request.insert("id".into(), json!(at.to_string()));
                request.insert("method".into(), json!(part.method.as_str()));
                request.insert("url".into(), json!(part.url));
                if part.is_advanced {
                    request.insert("headers".into(), json!({"ConsistencyLevel": "eventual"}));
                }
                if let Some(body) = &part.body {
                    request.insert("headers".into(), json!({"Content-Type": "application/json"}));
                    request.insert("body".into(), body.clone());
                }
                Json::Object(request)
            })
            .collect();
        let body = json!({ "requests": requests }).to_string().into_bytes();
        Ok(Call::post(self.address("$batch")?, "application/json", body))
    }

    pub(super) fn no_json(&self) -> Error {
        let message = format!(
            "{} answered something that is no JSON, as a proxy in between might",
            self.place()
        );
        Error::unavailable(message).code("SystemForCrossDomainIdentityManagementServiceIncompatible")
    }
}

/// Which answer is whose: they come in any order.
fn assign(count: usize, replies: &[Json]) -> Vec<Fate> {
    let mut by_id: HashMap<usize, Reply> = HashMap::with_capacity(count);
    for reply in replies {
        let id = reply["id"].as_str().and_then(|id| id.parse().ok());
        let status = reply["status"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        if let (Some(id), Some(status)) = (id, status) {
            let reply = Reply {
                status,
                body: reply["body"].clone(),
                retry_after: seconds(&reply["headers"]),
            };
            by_id.insert(id, reply);
        }
    }
    (0..count)
        .map(|at| match by_id.remove(&at) {
            Some(reply) => Fate::Answered(reply),
            None => Fate::Lost(Error::unavailable(
                "Graph answered a batch and left this part out",
            )),
        })
        .collect()
}

/// `Retry-After` of a part, in whatever case; a number or a text of one.
fn seconds(headers: &Json) -> Option<Duration> {
    let headers = headers.as_object()?;
    let (_, value) = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    let seconds = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_their_parts_in_any_order() {
        let replies = [
            json!({"id": "2", "status": 429, "headers": {"retry-after": "7"}, "body": {}}),
            json!({"id": "0", "status": 204}),
            json!({"id": "9", "status": 200}),
        ];
        let fates = assign(3, &replies);
        assert!(matches!(&fates[0], Fate::Answered(reply) if reply.status == 204));
        assert!(matches!(&fates[1], Fate::Lost(_)), "left out");
        assert!(
            matches!(&fates[2], Fate::Answered(reply) if reply.retry_after == Some(Duration::from_secs(7)))
        );
    }
}
