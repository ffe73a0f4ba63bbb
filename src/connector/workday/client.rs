//! Calls Workday: signs messages, reads answers as they arrive on a thread that may wait for them, and has the patience
//! that Workday asks for.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap};
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;

use super::answer::AnswerError;
use super::config::{Config, SignIn};
use super::envelope::{Message, envelope};
use super::refusals;
use super::soap::FaultClass;
use super::xml::XmlError;
use crate::connector::http::{self, Failure, Tokens};
use crate::connector::{MayStart, overtaken};
use crate::error::{Error, Kind, Result};

/// A question that met a busy or failing service is asked so often before the work goes back to the queue.
const ASKS: u32 = 4;

/// Of which so many may run into the time-out: the next one would be asked for less.
const SLOW_ASKS: u32 = 2;

/// A longer wait is not sat out.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nobody has to wait longer than this at a time, whatever a service asks for (B25).
const LONGEST: Duration = Duration::from_secs(300);

/// With so few calls left, the next one waits for a while in which some come back.
const FEW_CALLS: u64 = 5;
const WHILE: Duration = Duration::from_secs(1);

/// Pieces of a body between the one who receives and the one who reads.
const PIECES: usize = 8;

/// What Workday calls a request, in its own logs.
const IDS: [&str; 2] = ["wd-stat-request-id", "x-wd-gid"];

pub(super) struct Client {
    http: reqwest::Client,
    url: Url,
    version: String,
    sign_in: Signature,
    state: Mutex<State>,
}

enum Signature {
    Password(String, SecretString),
    Bearer(Box<Tokens>),
}

struct State {
    /// Credentials that were refused are not tried again: that may lock the account.
    refused: Option<Error>,
    /// When Workday wants to hear from us again.
    not_before: Instant,
}

/// What an answer was read as, and when Workday says it is.
pub(super) struct Answered<T> {
    pub value: T,
    pub clock: Clock,
}

/// Workday's clock, as its last answer shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Not ahead of Workday's.
    pub now: Timestamp,
    /// How far it is ahead of ours; `None` where answers have no date.
    pub ahead: Option<SignedDuration>,
}

/// Why there is no answer.
pub(super) struct Trouble {
    pub error: Error,
    /// It did not come in time: it may if less is asked for.
    pub is_slow: bool,
    /// Nobody knows whether Workday did what it was told (B26).
    pub may_be_done: bool,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble {
            error,
            is_slow: false,
            may_be_done: false,
        }
    }
}

/// A body as it arrives, without its compression.
pub(super) type Body = BufReader<Box<dyn Read + Send>>;

impl Client {
    pub fn new(config: &Config) -> Result<Client> {
        let sign_in = match &config.sign_in {
            SignIn::Password { username, password } => {
                Signature::Password(username.clone(), password.clone())
            }
            SignIn::Bearer(credentials) => Signature::Bearer(Box::new(Tokens::new(credentials.clone()))),
        };
        Ok(Client {
            http: http::client(&config.url, config.timeout, config.ca_file.as_deref())?,
            url: config.url.clone(),
            version: config.version.clone(),
            sign_in,
            state: Mutex::new(State {
                refused: None,
                not_before: Instant::now(),
            }),
        })
    }

    /// Lets credentials that were refused be tried once more (B25).
    pub fn forgive(&self) {
        self.state().refused = None;
        if let Signature::Bearer(tokens) = &self.sign_in {
            tokens.forgive();
        }
    }

    /// Asks until there is an answer that can be read to its end, as long as that may help. Asking changes nothing, so it
    /// can be done again.
    pub async fn ask<T, F>(
        &self,
        question: &dyn Message,
        read: F,
    ) -> std::result::Result<Answered<T>, Trouble>
    where
        F: FnOnce(Body) -> std::result::Result<T, AnswerError> + Clone + Send + 'static,
        T: Send + 'static,
    {
        let (mut tries, mut slow) = (0, 0);
        loop {
            let trouble = match self.exchange(question, &|| true, read.clone()).await {
                Ok(answered) => return Ok(answered),
                Err(trouble) => trouble,
            };
            tries += 1;
            slow += u32::from(trouble.is_slow);
            if trouble.error.kind != Kind::Unavailable || tries == ASKS || slow == SLOW_ASKS {
                return Err(trouble);
            }
            self.wait(&trouble.error, tries).await;
        }
    }

    /// Tells Workday to do something. What it may have done is not told again; what it certainly did not do, being too busy
    /// or out of reach, is, unless `may_start` says no.
    pub async fn tell<T, F>(
        &self,
        message: &dyn Message,
        may_start: &MayStart,
        read: F,
    ) -> std::result::Result<Answered<T>, Trouble>
    where
        F: FnOnce(Body) -> std::result::Result<T, AnswerError> + Clone + Send + 'static,
        T: Send + 'static,
    {
        let mut tries = 0;
        loop {
            let trouble = match self.exchange(message, &**may_start, read.clone()).await {
                Ok(answered) => return Ok(answered),
                Err(trouble) => trouble,
            };
            tries += 1;
            let is_passing = trouble.error.kind == Kind::Unavailable;
            if trouble.may_be_done || !is_passing || tries == ASKS || !may_start() {
                return Err(trouble);
            }
            self.wait(&trouble.error, tries).await;
        }
    }

    /// Before the next try: as long as Workday asked for, or longer each time.
    async fn wait(&self, error: &Error, tries: u32) {
        tracing::debug!("Workday is called again: {error}");
        match error.retry_after {
            Some(wait) => self.pause(wait),
            None => tokio::time::sleep(backoff(tries)).await,
        }
    }

    async fn exchange<T, F>(
        &self,
        message: &dyn Message,
        may_start: &(dyn Fn() -> bool + Send + Sync),
        read: F,
    ) -> std::result::Result<Answered<T>, Trouble>
    where
        F: FnOnce(Body) -> std::result::Result<T, AnswerError> + Send + 'static,
        T: Send + 'static,
    {
        self.turn().await?;
        if !may_start() {
            return Err(overtaken().into());
        }
        let response = self.send(message).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        self.mind_limit(&headers);
        let failed = (!status.is_success()).then(|| self.refusal(status, &headers));
        // Workday's own refusals are faults with status 500; what stands in front of it has others.
        if let Some(failed) = failed
            .as_ref()
            .filter(|_| status != StatusCode::INTERNAL_SERVER_ERROR)
        {
            return Err(Trouble {
                may_be_done: is_unclear(status),
                ..self.keep(failed.shared())
            });
        }
        match (self.read(response, read).await?, failed) {
            (Ok(value), None) => Ok(Answered {
                value,
                clock: clock(&headers),
            }),
            (Ok(_), Some(failed)) => Err(unclear(failed)),
            (Err(error), failed) => Err(self.trouble(error, failed, &headers)),
        }
    }

    async fn send(&self, message: &dyn Message) -> std::result::Result<Response, Trouble> {
        match &self.sign_in {
            Signature::Password(name, password) => {
                let message = self.sealed(message, Some((name, password)))?;
                self.post(message, None).await
            }
            Signature::Bearer(tokens) => {
                let token = tokens.token(&self.http, None).await?;
                let message = self.sealed(message, None)?;
                let response = self.post(message.clone(), Some(&token)).await?;
                if response.status() != StatusCode::UNAUTHORIZED {
                    return Ok(response);
                }
                let fresh = tokens.token(&self.http, Some(&token)).await?;
                self.post(message, Some(&fresh)).await
            }
        }
    }

    fn sealed(&self, message: &dyn Message, user: Option<(&str, &SecretString)>) -> Result<Vec<u8>> {
        envelope(message, &self.version, user)
            .map_err(|error| Error::internal("a message cannot be written").because(error))
    }

    async fn post(
        &self,
        message: Vec<u8>,
        token: Option<&SecretString>,
    ) -> std::result::Result<Response, Trouble> {
        let mut request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "text/xml; charset=utf-8")
            .header(ACCEPT_ENCODING, "gzip")
            .body(message);
        if let Some(token) = token {
            request = request.bearer_auth(token.expose_secret());
        }
        request.send().await.map_err(|error| {
            let is_slow = error.is_timeout() && !error.is_connect();
            let failure = http::failed(&self.url, error);
            Trouble {
                is_slow,
                may_be_done: matches!(failure, Failure::Lost(_)),
                error: failure.into(),
            }
        })
    }

    /// Has the body read on a thread of its own while it arrives.
    async fn read<T, F>(
        &self,
        mut response: Response,
        read: F,
    ) -> std::result::Result<std::result::Result<T, AnswerError>, Trouble>
    where
        F: FnOnce(Body) -> std::result::Result<T, AnswerError> + Send + 'static,
        T: Send + 'static,
    {
        let is_compressed = response
            .headers()
            .get(CONTENT_ENCODING)
            .is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"));
        let (give, take) = mpsc::channel(PIECES);
        let reading = tokio::task::spawn_blocking(move || {
            let pieces = Pieces { take, piece: None };
            let body: Box<dyn Read + Send> = match is_compressed {
                true => Box::new(MultiGzDecoder::new(pieces)),
                false => Box::new(pieces),
            };
            read(BufReader::with_capacity(1 << 16, body))
        });
        let receiving = async move {
            loop {
                let piece = match response.chunk().await {
                    Ok(Some(piece)) => Ok(piece),
                    Ok(None) => break,
                    Err(error) => Err(broken_off(error)),
                };
                let is_last = piece.is_err();
                // Whoever reads has had enough.
                if give.send(piece).await.is_err() || is_last {
                    break;
                }
            }
        };
        let (read, ()) = tokio::join!(reading, receiving);
        read.map_err(|error| unclear(no_thread().because(error)))
    }

    /// What an answer that could not be read means, which came with this status if `failed`.
    fn trouble(&self, error: AnswerError, failed: Option<Error>, headers: &HeaderMap) -> Trouble {
        let is_slow = matches!(
            &error,
            AnswerError::Xml(XmlError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::TimedOut
        );
        let class = match &error {
            AnswerError::Fault(fault) => Some(fault.class()),
            _ => None,
        };
        let is_known = matches!(&error, AnswerError::Fault(fault) if refusals::of(fault).is_some());
        let mut error = match (error, failed) {
            (AnswerError::Fault(fault), _) => Error::from(*fault),
            (_, Some(failed)) => failed,
            // A proxy's page, or what else is no answer of Workday's.
            (error @ (AnswerError::Other { .. } | AnswerError::Xml(XmlError::Html)), None) => {
                let mut told = Error::from(error);
                told.kind = Kind::Unavailable;
                told
            }
            (error, None) => Error::from(error),
        };
        error.message += &ids(headers);
        if class == Some(FaultClass::Authentication) {
            self.state().refused = Some(error.shared());
        }
        Trouble {
            error,
            is_slow,
            // A fault says that nothing was done, unless it does not know itself what went wrong.
            may_be_done: !is_known && class.is_none_or(|class| class == FaultClass::Processing),
        }
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap) -> Error {
        let (kind, advice) = match status.as_u16() {
            401 => (Kind::Unauthenticated, ": check the credentials"),
            403 => (
                Kind::Forbidden,
                ": an authentication policy may keep this address out",
            ),
            404 => (Kind::Invalid, ": check host and path of the url"),
            300..=399 => (Kind::Invalid, ", which leads elsewhere: check the url"),
            _ => (http::kind(status), ""),
        };
        let message = format!(
            "{} answered {}{advice}{}",
            self.place(),
            status.as_u16(),
            ids(headers)
        );
        let error = Error::new(kind, message);
        match http::retry_after(headers) {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }

    fn keep(&self, error: Error) -> Trouble {
        if error.kind == Kind::Unauthenticated {
            self.state().refused = Some(error.shared());
        }
        error.into()
    }

    /// Waits as long as Workday asked everybody to. Error: that would take too long, or the credentials were refused.
    async fn turn(&self) -> Result<()> {
        let wait = {
            let state = self.state();
            if let Some(refused) = &state.refused {
                return Err(refused.shared());
            }
            state.not_before.saturating_duration_since(Instant::now())
        };
        if wait > PATIENCE {
            return Err(
                Error::unavailable("Workday asks for patience: it was called too often")
                    .code("TooManyRequests")
                    .retry_after(wait),
            );
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn pause(&self, wait: Duration) {
        let mut state = self.state();
        state.not_before = state.not_before.max(Instant::now() + wait.min(LONGEST));
    }

    fn mind_limit(&self, headers: &HeaderMap) {
        let left = text(headers, "WD-RateLimit-Tokens-Remaining").and_then(|left| left.parse::<u64>().ok());
        if left.is_some_and(|left| left <= FEW_CALLS) {
            self.pause(WHILE);
        }
    }

    pub fn place(&self) -> String {
        http::place(&self.url)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether something may have been done although it was answered so: busy services and refusals do nothing.
fn is_unclear(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE
}

fn unclear(error: Error) -> Trouble {
    Trouble {
        may_be_done: true,
        ..error.into()
    }
}

/// Longer each time, and not for everybody the same.
fn backoff(tries: u32) -> Duration {
    let longest = 500_u64 << tries.min(6);
    Duration::from_millis(rand::rng().random_range(longest / 2..=longest))
}

fn broken_off(error: reqwest::Error) -> io::Error {
    let kind = match error.is_timeout() {
        true => io::ErrorKind::TimedOut,
        false => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, error.without_url())
}

fn no_thread() -> Error {
    Error::internal("an answer was not read to its end")
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// For whoever asks Workday's support.
fn ids(headers: &HeaderMap) -> String {
    let ids = IDS.iter().filter_map(|name| {
        let id: String = text(headers, name)?.chars().take(100).collect();
        Some(format!(" ({name} {id})"))
    });
    ids.collect()
}

/// What time it is there. Dates of HTTP have no fractions, so the clock there is up to a second later.
fn clock(headers: &HeaderMap) -> Clock {
    let ours = crate::connector::answered();
    let theirs = text(headers, DATE.as_str()).and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    match theirs.map(|date| date.timestamp()) {
        Some(theirs) => Clock {
            now: theirs,
            ahead: Some(theirs.duration_since(ours)),
        },
        None => Clock {
            now: ours - MARGIN,
            ahead: None,
        },
    }
}

/// How far our clock may be ahead where nobody says.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// A body that comes in pieces; reading waits for the next.
struct Pieces<B> {
    take: mpsc::Receiver<io::Result<B>>,
    piece: Option<Cursor<B>>,
}

impl<B: AsRef<[u8]>> Read for Pieces<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(piece) = &mut self.piece {
                match piece.read(buffer)? {
                    0 if !buffer.is_empty() => self.piece = None,
                    count => return Ok(count),
                }
            }
            match self.take.blocking_recv() {
                Some(piece) => self.piece = Some(Cursor::new(piece?)),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_are_read_as_one_and_a_break_is_told() {
        let (give, take) = mpsc::channel(4);
        for piece in [Ok("ab"), Ok(""), Ok("c"), Err(io::ErrorKind::TimedOut.into())] {
            give.send(piece).await.unwrap();
        }
        let read = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            let mut pieces = Pieces { take, piece: None };
            let outcome = pieces.read_to_string(&mut text);
            (text, outcome.map_err(|error| error.kind()))
        });
        assert_eq!(
            read.await.unwrap(),
            ("abc".to_string(), Err(io::ErrorKind::TimedOut))
        );
    }

    #[test]
    fn the_clock_is_workdays() {
        let mut headers = HeaderMap::new();
        assert!(clock(&headers).ahead.is_none());
        headers.insert(DATE, "Mon, 19 Jan 2026 02:29:16 GMT".parse().unwrap());
        assert_eq!(clock(&headers).now, "2026-01-19T02:29:16Z".parse().unwrap());
    }
}
