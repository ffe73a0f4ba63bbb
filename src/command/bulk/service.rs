//! The calls: which app, which job, the uploads, the log. Graph's paths under one base, so that Muster and
//! Microsoft are called alike.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Url;
use reqwest::header::DATE;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::people::Entry;
use super::progress::Progress;
use crate::connector::http::{Answer, Call, Credentials, Failure, Http, place};
use crate::engine::Clock;
use crate::error::{Error, Kind};

/// One call, connecting included: the largest body on a slow line.
const TIMEOUT: Duration = Duration::from_secs(100);

/// How often a call is made that cannot be answered, once work has begun: for about a minute.
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
    app: String,
    id: String,
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

    /// Finds the app by its object id or its appId, and its job, which may go unnamed if it is the only one.
    pub async fn job(&self, app: &str, job: Option<&str>) -> Result<Job, String> {
        let app = self.app(app).await?;
        let id = match job {
            Some(job) => job.to_string(),
            None => self.only_job(&app).await?,
        };
        Ok(Job { app, id })
    }

    async fn app(&self, given: &str) -> Result<String, String> {
        let filter = format!("id eq {0} or appId eq {0}", quoted(given));
        let url = self.url(&["servicePrincipals"], &[("$filter", &filter), ("$select", "id")])?;
        let answer = self.ask(&Call::get(url), 1, None).await?;
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

    async fn only_job(&self, app: &str) -> Result<String, String> {
        let url = self.url(&["servicePrincipals", app, "synchronization", "jobs"], &[])?;
        let answer = self.ask(&Call::get(url), 1, None).await?;
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
                Err(format!(
                    "the app {app} has several jobs: choose one with --job: {}",
                    ids.join(", ")
                ))
            }
        }
    }

    /// How the job is, if this client may know.
    pub async fn state(&self, job: &Job) -> Option<State> {
        let url = self.url(&job.path(), &[]).ok()?;
        let answer = self.http.send(&Call::get(url)).await.ok()?;
        let status = answer.json()?.get("status")?.clone();
        let text = |pointer: &str| Some(status.pointer(pointer)?.as_str()?.to_string());
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
        let answer = self.ask(&call, TRIES, Some(progress)).await?;
        match answer.status.is_success() {
            true => Ok(self.time(&answer)),
            false => Err(refused(answer, &self.base, Purpose::Upload)),
        }
    }

    /// Everything that the log says of a job since then, page by page.
    pub async fn log(&self, job: &Job, since: Timestamp, mut each: impl FnMut(Entry)) -> Result<(), String> {
        let filter = format!("jobid eq {} and activityDateTime ge {since}", quoted(&job.id));
        let mut next = Some(self.url(LOG, &[("$filter", &filter), ("$top", PAGE)])?);
        while let Some(url) = next.take() {
            let answer = self.ask(&Call::get(url), TRIES, None).await?;
            let page: Collection<Entry> = self.read(answer, Purpose::Log)?;
            page.value.into_iter().for_each(&mut each);
            next = page.next.map(|link| self.own(&link)).transpose()?;
        }
        Ok(())
    }

    /// The service's own time, from a look at the log: whoever may not read it learns so.
    pub async fn now(&self, job: &Job) -> Result<Timestamp, String> {
        let filter = format!("jobid eq {}", quoted(&job.id));
        let url = self.url(LOG, &[("$filter", &filter), ("$top", "1")])?;
        let answer = self.ask(&Call::get(url), 1, None).await?;
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
        if !answer.status.is_success() {
            return Err(refused(answer, &self.base, purpose));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            format!(
                "{} answered something else than expected: {error}: check --url",
                self.base
            )
        })
    }

    /// Waits as it is told to, tries again what could not be answered, and gives back any other answer.
    async fn ask(&self, call: &Call, most_tries: u32, progress: Option<&Progress>) -> Result<Answer, String> {
        let (mut tries, mut waits) = (1, 0);
        loop {
            let (wait, error) = match self.http.send(call).await {
                Ok(answer) if !is_passing(&answer) => return Ok(answer),
                Ok(answer) => (answer.retry_after(), answer.into_error(&place(&call.url))),
                Err(Failure::Unsent(error) | Failure::Lost(error)) => (error.retry_after, error),
            };
            if error.kind != Kind::Unavailable {
                return Err(no_answer(&error));
            }
            let wait = match wait {
                Some(wait) if wait > LONGEST_WAIT => {
                    return Err(format!(
                        "{error}; it asks to wait for {} minutes",
                        wait.as_secs() / 60
                    ));
                }
                Some(wait) if waits < MOST_WAITS => {
                    waits += 1;
                    wait
                }
                _ if tries < most_tries => {
                    tries += 1;
                    Duration::from_secs(1 << (tries - 1))
                }
                _ => return Err(error.to_string()),
            };
            if let Some(progress) = progress.filter(|_| wait > Duration::from_secs(2)) {
                progress.say(&format!("{error}; waiting for {} seconds", wait.as_secs()));
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

/// A refusal in the service's own words, and what to do about it.
fn refused(answer: Answer, base: &Url, purpose: Purpose) -> String {
    let status = answer.status.as_u16();
    let error = answer.into_error(&place(base));
    if status == 403 {
        return format!(
            "{error}; give the client the role {}, and this app if its apps are limited",
            role(purpose)
        );
    }
    match ADVICE.iter().find(|(one, _)| *one == status) {
        Some((_, advice)) => format!("{error}; {advice}"),
        None => error.to_string(),
    }
}

fn no_answer(error: &Error) -> String {
    match error.kind {
        Kind::Unauthenticated => format!("{error}; check --client-id, the secret and --token-url"),
        _ => error.to_string(),
    }
}
