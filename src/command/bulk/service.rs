//! The calls: which app, which job, the uploads, the log. Graph's paths under one base, so that Muster and
//! Microsoft are called alike.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, DATE};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::people::Entry;
use super::progress::Progress;
use crate::command::plain;
use crate::connector::http::{Answer, Call, Credentials, Failure, Http, place};
use crate::engine::Clock;
use crate::error::{Error, Kind};

/// One call, connecting included: the largest body on a slow line.
const TIMEOUT: Duration = Duration::from_secs(100);

/// How often a call is made that cannot be answered, once work has begun: for about two minutes.
const TRIES: u32 = 7;

/// A service that asks for more patience than this is better asked again by a person.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// A request that may be told to wait time and again goes on for as long as it is told so.
const MOST_WAITS: u32 = 100;

/// Entries on one page of the log.
const PAGE: &str = "500";

const LOG: &[&str] = &["auditLogs", "provisioning"];

pub struct Service {
    http: Http,
    base: Url,
}

/// The job that is uploaded to.
pub struct Job {
    pub app: String,
    pub id: String,
}

impl Job {
    fn path(&self) -> [&str; 5] {
        [
            "servicePrincipals",
            &self.app,
            "synchronization",
            "jobs",
            &self.id,
        ]
    }
}

/// How a job is, and what is wrong if something is.
pub struct State {
    pub code: String,
    pub message: Option<String>,
}

impl State {
    /// `Quarantine: the credentials are refused`.
    pub fn told(&self) -> String {
        let message = self.message.as_deref().unwrap_or("nothing is known to be wrong");
        format!("{}: {message}", self.code)
    }
}

/// How long a call is worth waiting for, and where it is told that somebody waits.
#[derive(Clone, Copy)]
pub struct Patience<'p> {
    tries: u32,
    until: Option<Instant>,
    progress: &'p Progress,
}

impl Patience<'_> {
    /// For the first calls: a person is there to read what is wrong.
    pub fn none(progress: &Progress) -> Patience<'_> {
        Patience {
            tries: 1,
            until: None,
            progress,
        }
    }

    pub fn until(until: Instant, progress: &Progress) -> Patience<'_> {
        Patience {
            tries: TRIES,
            until: Some(until),
            progress,
        }
    }

    /// `None` if time ran out before.
    async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match self.until {
            Some(until) => tokio::time::timeout_at(until.into(), work).await.ok(),
            None => Some(work.await),
        }
    }

    fn allows(&self, wait: Duration) -> bool {
        self.until.is_none_or(|until| Instant::now() + wait <= until)
    }
}

/// What is asked for, which decides what a refusal means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    App,
    Job,
    Upload,
    Log,
}

/// The role that each call needs.
const ROLES: &[(Purpose, &str)] = &[
    (Purpose::App, "Application.Read.All"),
    (Purpose::Job, "Synchronization.Read.All"),
    (Purpose::Upload, "SynchronizationData-User.Upload"),
    (Purpose::Log, "ProvisioningLog.Read.All"),
];

/// What to do about a status.
const ADVICE: &[(u16, &str)] = &[
    (
        401,
        "the token is not taken: check that --token-url belongs to --url, and the client's id and secret",
    ),
    (404, "check --url, --app and --job"),
    (413, "send fewer rows at a time: a smaller --chunk"),
];

#[derive(Deserialize)]
struct Collection<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Service {
    pub fn new(base: Url, credentials: Credentials, ca_file: Option<&Path>) -> Result<Service, String> {
        let http = Http::new(credentials, TIMEOUT, ca_file).map_err(|error| error.to_string())?;
        Ok(Service { http, base })
    }

    /// Has a token in hand, so that what is wrong with that is told apart from all else.
    pub async fn sign_in(&self) -> Result<(), String> {
        self.http.ready().await.map_err(|error| match error.kind {
            Kind::Unauthenticated => no_answer(&error),
            _ => format!("{}; check --token-url", told(&error)),
        })
    }

    /// Finds the app by its object id or its appId, and its job, which may go unnamed if it is the only one.
    pub async fn job(&self, app: &str, job: Option<&str>, patience: Patience<'_>) -> Result<Job, String> {
        let app = self.app(app, patience).await?;
        let id = match job {
            Some(job) => job.to_string(),
            None => self.only_job(&app, patience).await?,
        };
        Ok(Job { app, id })
    }

    async fn app(&self, given: &str, patience: Patience<'_>) -> Result<String, String> {
        let filter = format!("id eq {0} or appId eq {0}", quoted(given));
        let url = self.url(&["servicePrincipals"], &[("$filter", &filter), ("$select", "id")])?;
        let answer = self.ask(&Call::get(url), patience).await?;
        if answer.status == 403 {
            // Who may upload need not be allowed to look apps up: then what is given has to be the object id.
            return Ok(given.to_string());
        }
        let found: Collection<Named> = self.read(answer, Purpose::App)?;
        match found.value.as_slice() {
            [app] => Ok(app.id.clone()),
            [] => Err(format!(
                "{} knows no app whose object id or appId is {given}, or does not show it to this client: check --app",
                self.base
            )),
            _ => Err(format!(
                "several apps answer to {given}: give the object id as --app"
            )),
        }
    }

    async fn only_job(&self, app: &str, patience: Patience<'_>) -> Result<String, String> {
        let url = self.url(&["servicePrincipals", app, "synchronization", "jobs"], &[])?;
        let answer = self.ask(&Call::get(url), patience).await?;
        if answer.status == 403 {
            return Err(format!(
                "this client may not list jobs: name the job with --job, or give the client the role {}",
                role(Purpose::Job)
            ));
        }
        let found: Collection<Named> = self.read(answer, Purpose::Job)?;
        match found.value.as_slice() {
            [job] => Ok(job.id.clone()),
            [] => Err(format!(
                "the app {app} has no synchronization job: create and start one first"
            )),
            several => {
                let ids: Vec<&str> = several.iter().map(|job| job.id.as_str()).collect();
                let ids = ids.join(", ");
                Err(format!(
                    "the app {app} has several jobs: choose one with --job: {}",
                    plain(&ids)
                ))
            }
        }
    }

    /// How the job is, if this client may know.
    pub async fn state(&self, job: &Job, patience: Patience<'_>) -> Option<State> {
        let call = Call::get(self.url(&job.path(), &[]).ok()?);
        let answer = patience.within(self.http.send(&call)).await?.ok()?;
        let status = answer.json()?.get("status")?.clone();
        let text = |pointer: &str| Some(plain(status.pointer(pointer)?.as_str()?).into_owned());
        Some(State {
            code: text("/code")?,
            message: text("/quarantine/error/message").or_else(|| text("/lastExecution/error/message")),
        })
    }

    /// Posts one bulk request, and answers when it was taken in, by the service's clock. Sending one again is
    /// harmless: it says the same of the same people.
    pub async fn upload(&self, job: &Job, body: Vec<u8>, progress: &Progress) -> Result<Timestamp, String> {
        let path = [job.path().as_slice(), &["bulkUpload"]].concat();
        let call = Call::post(self.url(&path, &[])?, "application/scim+json", body);
        let patience = Patience {
            tries: TRIES,
            until: None,
            progress,
        };
        let answer = self.ask(&call, patience).await?;
        match answer.status.as_u16() {
            202 => Ok(self.time(&answer)),
            200..300 if answer.body.is_empty() => Ok(self.time(&answer)),
            200..400 => Err(self.strange(&answer)),
            _ => Err(refused(answer, &self.base, Purpose::Upload)),
        }
    }

    /// Everything that the log says of a job since then, page by page.
    pub async fn log<E: DeserializeOwned>(
        &self,
        job: &Job,
        since: Timestamp,
        patience: Patience<'_>,
        mut each: impl FnMut(E),
    ) -> Result<(), String> {
        let filter = format!("jobid eq {} and activityDateTime ge {since}", quoted(&job.id));
        let mut next = Some(self.url(LOG, &[("$filter", &filter), ("$top", PAGE)])?);
        let mut read = HashSet::new();
        while let Some(url) = next.take() {
            if !read.insert(url.clone()) {
                return Err(format!(
                    "{} leads from the log's last page to an earlier one",
                    self.base
                ));
            }
            let answer = self.ask(&Call::get(url), patience).await?;
            let page: Collection<E> = self.read(answer, Purpose::Log)?;
            page.value.into_iter().for_each(&mut each);
            next = page.next.map(|link| self.own(&link)).transpose()?;
        }
        Ok(())
    }

    /// The service's own time, from a look at the log: whoever may not read it learns so.
    pub async fn now(&self, job: &Job, patience: Patience<'_>) -> Result<Timestamp, String> {
        let filter = format!("jobid eq {}", quoted(&job.id));
        let url = self.url(LOG, &[("$filter", &filter), ("$top", "1")])?;
        let answer = self
            .ask(&Call::get(url), Patience { tries: 1, ..patience })
            .await?;
        let now = self.time(&answer);
        let _: Collection<Entry> = self.read(answer, Purpose::Log)?;
        Ok(now)
    }

    fn time(&self, answer: &Answer) -> Timestamp {
        let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
        date.and_then(|date| rfc2822::parse(date).ok())
            .map_or_else(|| Clock::system().now(), |date| date.timestamp())
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, String> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => drop(segments.pop_if_empty().push("v1.0").extend(path)),
            Err(()) => return Err(format!("{} cannot be called: check --url", self.base)),
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// A link of the service's, at the address that it is reached at: the token goes nowhere else.
    fn own(&self, link: &str) -> Result<Url, String> {
        let link = self.base.join(link);
        let link = link.map_err(|error| format!("{} answered a link that is none: {error}", self.base))?;
        if link.origin() == self.base.origin() {
            return Ok(link);
        }
        let mut own = self.base.clone();
        own.set_path(link.path());
        own.set_query(link.query());
        Ok(own)
    }

    fn read<T: DeserializeOwned>(&self, answer: Answer, purpose: Purpose) -> Result<T, String> {
        match answer.status.as_u16() {
            200..400 => serde_json::from_slice(&answer.body).map_err(|_| self.strange(&answer)),
            _ => Err(refused(answer, &self.base, purpose)),
        }
    }

    /// An answer that no gateway gives; a proxy's page to sign in on, more often than not.
    fn strange(&self, answer: &Answer) -> String {
        let kind = answer
            .headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        format!(
            "{} answered {} with {}, which is no gateway's answer: is that the gateway's address, with no proxy before it? check --url",
            self.base,
            answer.status.as_u16(),
            kind.map_or("no content type".into(), plain)
        )
    }

    /// Waits as it is told to, tries again what could not be answered, and gives back any other answer.
    async fn ask(&self, call: &Call, patience: Patience<'_>) -> Result<Answer, String> {
        let (mut tries, mut waits) = (1, 0);
        loop {
            let (wait, error) = match patience.within(self.http.send(call)).await {
                None => return Err(format!("{} did not answer in time", place(&call.url))),
                Some(Ok(answer)) if !is_passing(&answer) => return Ok(answer),
                Some(Ok(answer)) => (answer.retry_after(), answer.into_error(&place(&call.url))),
                Some(Err(Failure::Unsent(error) | Failure::Lost(error))) => (error.retry_after, error),
            };
            let said = told(&error);
            if error.kind != Kind::Unavailable {
                return Err(no_answer(&error));
            }
            let wait = match wait {
                Some(wait) if wait > LONGEST_WAIT => {
                    return Err(format!(
                        "{said}; it asks to wait for {} minutes",
                        wait.as_secs() / 60
                    ));
                }
                Some(wait) if waits < MOST_WAITS => {
                    waits += 1;
                    wait
                }
                _ if tries < patience.tries => {
                    tries += 1;
                    Duration::from_secs(1 << (tries - 1))
                }
                _ => return Err(said),
            };
            if !patience.allows(wait) {
                let seconds = wait.as_secs();
                return Err(format!(
                    "{said}; there is no time left to wait for {seconds} seconds"
                ));
            }
            if wait > Duration::from_secs(2) {
                let line = format!("{said}; waiting for {} seconds", wait.as_secs());
                patience.progress.say(&line);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

/// Worth another try: too many requests, or a service that is not up to it just now.
fn is_passing(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// A text in a `$filter`.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn role(purpose: Purpose) -> &'static str {
    ROLES
        .iter()
        .find(|(one, _)| *one == purpose)
        .map_or("", |(_, role)| role)
}

/// An error, in which the service may have put anything.
fn told(error: &Error) -> String {
    plain(&error.to_string()).into_owned()
}

/// A refusal in the service's own words, and what to do about it.
fn refused(answer: Answer, base: &Url, purpose: Purpose) -> String {
    let status = answer.status.as_u16();
    let error = told(&answer.into_error(&place(base)));
    if status == 403 {
        return format!(
            "{error}; give the client the role {}, and this app if its apps are limited",
            role(purpose)
        );
    }
    match ADVICE.iter().find(|(one, _)| *one == status) {
        Some((_, advice)) => format!("{error}; {advice}"),
        None => error,
    }
}

fn no_answer(error: &Error) -> String {
    match error.kind {
        Kind::Unauthenticated => format!("{}; check --client-id, the secret and --token-url", told(error)),
        _ => told(error),
    }
}
