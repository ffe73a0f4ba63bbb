//! `muster bulk`: a CSV file of people, sent as SCIM bulk requests and followed to everybody's outcome.
//!
//! The file is read twice: once to find what is wrong with it, while nothing has been sent, and once to send it. Neither
//! keeps more of it than one request.

mod attributes;
mod chunks;
mod encoding;
mod follow;
mod mapping;
mod people;
pub(super) mod progress;
mod report;
pub(super) mod service;
mod sheet;
#[cfg(test)]
mod tests;
mod written;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use reqwest::Url;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{Outcome, read_on, until_signalled};
use crate::connector::http::{self, Credentials, Grant};
use chunks::People;
use follow::{End, Waiting};
use mapping::Mapping;
use people::Roll;
use progress::Progress;
use report::Summary;
use service::{Job, Patience, Service};
use sheet::{Format, Sheet};

/// Sends a CSV file of people and tells what became of each; to Muster, or to Microsoft Graph.
///
/// Every row is checked before the first is sent. Ends with 0 if everybody ended well (success, skipped because nothing
/// was to be done, or with a warning), with 1 if somebody failed, is held by a limit or has no outcome yet, or if sending
/// stopped before the end of the file, with 2 if the command line is wrong. Sending a file again is harmless.
#[derive(Args)]
pub struct Arguments {
    /// The file; its first row names the columns.
    csv: PathBuf,
    /// Which column goes into which SCIM attribute; otherwise the columns of Microsoft's samples (WorkerID, …).
    #[arg(long, value_name = "F.json")]
    mapping: Option<PathBuf>,
    /// Sends every column, under its own name, in an extension with this URN as well.
    #[arg(long, value_name = "URN")]
    namespace: Option<String>,
    /// The file's encoding: utf-8, windows-1252, utf-16, …
    #[arg(long, value_parser = encoding::named)]
    encoding: Option<&'static encoding_rs::Encoding>,
    /// What parts the cells; found in the first row otherwise. `tab` for a tab.
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Where Graph's paths begin: the address of a Muster gateway, or Microsoft's, `https://graph.microsoft.com`.
    #[arg(long, required_unless_present = "dry_run", value_parser = base_url)]
    url: Option<Url>,
    /// The app (service principal), by its object id or its appId.
    #[arg(long, required_unless_present = "dry_run", value_name = "ID")]
    app: Option<String>,
    /// The app's job; may be left out if it has one.
    #[arg(long, value_name = "ID")]
    job: Option<String>,
    /// Who sends: an OAuth client with the roles SynchronizationData-User.Upload, ProvisioningLog.Read.All, and to have
    /// app and job found Application.Read.All and Synchronization.Read.All.
    #[arg(long, required_unless_present = "dry_run", value_name = "ID")]
    client_id: Option<String>,
    /// The environment variable that holds the client's secret.
    #[arg(long, required_unless_present = "dry_run", value_name = "NAME")]
    client_secret_env: Option<String>,
    /// Where tokens are had; a Muster gateway's own otherwise.
    #[arg(long, value_name = "URL", value_parser = address)]
    token_url: Option<Url>,
    /// An authority to trust besides the system's, in PEM.
    #[arg(long, value_name = "F.pem")]
    ca_file: Option<PathBuf>,
    /// Rows in one request; Microsoft takes 50.
    #[arg(long, default_value = "50", value_name = "ROWS")]
    chunk: NonZeroUsize,
    /// Begins with this row, as a spreadsheet counts: the header is row 1.
    #[arg(long, default_value_t = 2, value_name = "ROW")]
    from_row: u64,
    /// How long to wait for outcomes: Muster tells within seconds, Microsoft within ten minutes or so.
    #[arg(long, default_value = "20m", value_name = "TIME", value_parser = patience)]
    wait: Duration,
    /// After as long without an outcome, the last one of somebody in several rows will do, if it is later than the last
    /// row: not every service tells of each.
    #[arg(long, default_value = "2m", value_name = "TIME", value_parser = patience)]
    quiet: Duration,
    /// Sends, and asks for no outcomes.
    #[arg(long)]
    no_wait: bool,
    /// Prints the requests, one a line, and sends nothing.
    #[arg(long, conflicts_with = "json")]
    dry_run: bool,
    /// Shows everybody, however many they are.
    #[arg(long)]
    all: bool,
    /// Prints a JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// A command line that cannot be meant, as clap ends for one.
const USAGE: u8 = 2;

pub async fn run(arguments: Arguments) -> Outcome {
    let connection = match arguments.connection() {
        Ok(connection) => connection,
        Err(message) => {
            eprintln!("muster: {message}");
            return Ok(ExitCode::from(USAGE));
        }
    };
    let sheet = arguments.sheet()?;
    let mapping = arguments.mapping(&sheet)?;
    let (mut roll, rows) = arguments.check(sheet, &mapping)?;
    let Some(connection) = connection else {
        return arguments.print_requests(&mapping);
    };
    let service = Service::new(
        connection.url,
        connection.credentials,
        arguments.ca_file.as_deref(),
    )?;
    service.sign_in().await?;
    let progress = Progress::silent();
    let job = service
        .job(
            &connection.app,
            arguments.job.as_deref(),
            Patience::none(&progress),
        )
        .await?;
    let beginning = match arguments.no_wait {
        true => None,
        false => Some(
            follow::begin(&service, &job, &mut roll)
                .await
                .map_err(|message| format!("{message}; or send without reading outcomes: --no-wait"))?,
        ),
    };
    let stop = until_signalled()?;
    let sent = arguments
        .send(&service, &job, &mapping, &mut roll, rows, &stop)
        .await;
    roll.keep_taken_in();
    let Some(beginning) = beginning.filter(|_| sent.rows > 0) else {
        return sent.end(&roll);
    };
    let waiting = Waiting {
        all: arguments.wait,
        quiet: arguments.quiet,
    };
    let end = follow::follow(&service, &job, &mut roll, beginning, &waiting, &stop).await;
    arguments.report(&roll, &sent, &end)
}

/// Where to send, and as whom.
struct Connection {
    url: Url,
    app: String,
    credentials: Credentials,
}

/// How far sending came.
struct Sent {
    /// Rows that the service says it took in; of a request without an answer nobody knows.
    rows: u64,
    /// Why it came no further.
    stopped: Option<String>,
    /// Where to go on.
    from_row: u64,
}

impl Sent {
    /// Where nobody is followed.
    fn end(&self, roll: &Roll) -> Outcome {
        if let Some(advice) = self.advice() {
            return Err(advice);
        }
        let people = report::counted(roll.people().len(), "person", "people");
        let rows = report::counted(self.rows, "row", "rows");
        eprintln!("{rows} about {people}: taken in");
        Ok(ExitCode::SUCCESS)
    }

    /// What to do about a file that is not sent to its end.
    fn advice(&self) -> Option<String> {
        let known = match self.rows {
            0 => "Nothing is known to be taken in".into(),
            rows => format!(
                "{} known to be taken in",
                report::counted(rows, "row is", "rows are")
            ),
        };
        let message = self.stopped.as_ref()?;
        Some(format!(
            "{message}. {known}: go on with --from-row {}",
            self.from_row
        ))
    }
}

impl Arguments {
    /// `None` if nothing is to be sent.
    fn connection(&self) -> Result<Option<Connection>, String> {
        let (false, Some(url), Some(app), Some(client_id), Some(variable)) = (
            self.dry_run,
            &self.url,
            &self.app,
            &self.client_id,
            &self.client_secret_env,
        ) else {
            return Ok(None);
        };
        let client_secret = std::env::var(variable)
            .ok()
            .filter(|secret| !secret.is_empty())
            .map(SecretString::from)
            .ok_or_else(|| {
                format!(
                    "the environment variable {variable} is not set: put the client's secret there, or name another with --client-secret-env"
                )
            })?;
        let token_url = match &self.token_url {
            Some(url) => url.clone(),
            None => token_url(url)?,
        };
        Ok(Some(Connection {
            url: url.clone(),
            app: app.clone(),
            credentials: Credentials {
                token_url,
                client_id: client_id.clone(),
                client_secret,
                grant: Grant::ClientCredentials {
                    scope: format!("{}/.default", http::place(url)),
                },
            },
        }))
    }

    fn sheet(&self) -> Result<Sheet, String> {
        let format = Format {
            encoding: self.encoding,
            delimiter: self.delimiter,
        };
        Sheet::open(&self.csv, format)
    }

    fn mapping(&self, sheet: &Sheet) -> Result<Mapping, String> {
        let (name, text) = match &self.mapping {
            None => ("the default mapping".to_string(), mapping::DEFAULT.to_string()),
            Some(path) => {
                let text = encoding::text(path)?;
                (path.display().to_string(), text)
            }
        };
        Mapping::read(&text, sheet.header(), self.namespace.as_deref()).map_err(|problems| {
            let advice = match self.mapping {
                None => "\nsay which columns this file has: --mapping F.json, in the shape of examples/bulk-mapping.json",
                Some(_) => "",
            };
            format!("{name}: {}{advice}", problems.replace('\n', &format!("\n{name}: ")))
        })
    }

    /// Reads the whole file, and answers whom it is about and in how many rows.
    fn check(&self, sheet: Sheet, mapping: &Mapping) -> Result<(Roll, u64), String> {
        let mut people = People::new(sheet, mapping);
        let (mut roll, mut rows) = (Roll::default(), 0);
        while let Some((row, person)) = people.next()? {
            if row >= self.from_row {
                roll.expect(&person.id);
                rows += 1;
            }
        }
        people
            .check_words()
            .map_err(|words| format!("{}: {words}", self.csv.display()))?;
        if rows == 0 {
            return Err(format!(
                "{} has no row from row {} on: there is nobody to send",
                self.csv.display(),
                self.from_row
            ));
        }
        let repeated = roll.people().iter().filter(|person| person.rows > 1).count();
        if repeated > 0 {
            let repeated = report::counted(repeated, "person stands", "people stand");
            eprintln!("{repeated} in several rows: what is said last of somebody counts");
        }
        Ok((roll, rows))
    }

    fn print_requests(&self, mapping: &Mapping) -> Outcome {
        let mut people = People::new(self.sheet()?, mapping);
        let mut out = io::stdout().lock();
        while let Some(chunk) = people.chunk(self.chunk.get(), self.from_row)? {
            let written = out.write_all(&chunk.body).and_then(|()| out.write_all(b"\n"));
            if !read_on(written)? {
                break;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Sends the file as far as it can, and tells the roll what was taken in.
    async fn send(
        &self,
        service: &Service,
        job: &Job,
        mapping: &Mapping,
        roll: &mut Roll,
        rows: u64,
        stop: &CancellationToken,
    ) -> Sent {
        let mut sent = Sent {
            rows: 0,
            stopped: None,
            from_row: self.from_row,
        };
        let uploads = self.upload(service, job, mapping, roll, rows, &mut sent);
        let ended = stop.run_until_cancelled(uploads).await;
        sent.stopped = ended.unwrap_or_else(|| Err("stopped by a signal".into())).err();
        sent
    }

    /// One request after the other, so that what is said of one person arrives in order.
    async fn upload(
        &self,
        service: &Service,
        job: &Job,
        mapping: &Mapping,
        roll: &mut Roll,
        rows: u64,
        sent: &mut Sent,
    ) -> Result<(), String> {
        let mut people = People::new(self.sheet()?, mapping);
        let mut progress = Progress::new("rows sent", rows);
        while let Some(chunk) = people.chunk(self.chunk.get(), self.from_row)? {
            if !chunk.workers.iter().all(|worker| roll.knows(worker)) {
                return Err("the file was changed while it was sent".into());
            }
            let at = service.upload(job, chunk.body, &progress).await?;
            roll.take_in(&chunk.workers, at);
            sent.rows += u64::try_from(chunk.workers.len()).unwrap_or(0);
            sent.from_row = chunk.rows.end() + 1;
            progress.at(sent.rows);
        }
        Ok(())
    }

    fn report(&self, roll: &Roll, sent: &Sent, end: &End) -> Outcome {
        let summary = Summary::of(roll, sent.rows);
        let mut out = io::stdout().lock();
        let written = match self.json {
            true => report::document(roll, sent, &mut out),
            false => {
                report::table(roll, self.all, &mut out).and_then(|()| writeln!(out, "{}", summary.line()))
            }
        };
        if let Some(why) = self.why(end).filter(|_| summary.missing > 0) {
            eprintln!("muster: not everybody has an outcome: {why}");
        }
        read_on(written)?;
        match sent.advice() {
            Some(advice) => Err(advice),
            None if summary.is_well() && !matches!(end, End::Interrupted) => Ok(ExitCode::SUCCESS),
            None => Ok(ExitCode::FAILURE),
        }
    }

    /// Why somebody may have no outcome.
    fn why(&self, end: &End) -> Option<String> {
        let wait = SignedDuration::try_from(self.wait).unwrap_or(SignedDuration::MAX);
        match end {
            End::EverybodyEnded => None,
            End::StandsStill(state) => Some(format!(
                "the job is {}: what was sent waits until it is started",
                state.code
            )),
            End::OutOfTime(None) => Some(format!("{wait:#} went by")),
            End::OutOfTime(Some(state)) => Some(format!("{wait:#} went by; the job is {}", state.told())),
            End::Unreadable(message) => Some(format!("the log cannot be read: {message}")),
            End::Interrupted => Some("stopped by a signal; what was sent is carried out all the same".into()),
        }
    }
}

/// Microsoft's tokens come from its identity platform, whose addresses name a tenant; Muster gives its own, and takes
/// any tenant.
fn token_url(url: &Url) -> Result<Url, String> {
    let microsoft = ["microsoft.com", "microsoft.us", "chinacloudapi.cn"];
    let host = url.host_str().unwrap_or_default();
    let within = |domain: &&str| host.strip_suffix(*domain).is_some_and(|rest| rest.ends_with('.'));
    if microsoft.iter().any(within) {
        return Err(
            "Microsoft's token service has to be named: --token-url https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"
                .into(),
        );
    }
    let base = url.as_str().trim_end_matches('/');
    Url::parse(&format!("{base}/muster/oauth2/v2.0/token")).map_err(|error| error.to_string())
}

fn address(text: &str) -> Result<Url, String> {
    http::address(text).map_err(|error| error.message)
}

fn base_url(text: &str) -> Result<Url, String> {
    let url = address(text)?;
    match ["/v1.0", "/beta"]
        .iter()
        .find_map(|version| url.path().find(version))
    {
        None => Ok(url),
        Some(_) => Err(
            "leave out /v1.0 or /beta and what follows: the app and the job are given on their own".into(),
        ),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b'"' => Ok(*byte),
        _ => Err("one character that is no letter, digit or quote, or tab".into()),
    }
}

fn patience(text: &str) -> Result<Duration, String> {
    let span: SignedDuration = text.parse().map_err(|_| "write 30s, 10m or 1h".to_string())?;
    Duration::try_from(span).map_err(|_| "time does not go back".to_string())
}
