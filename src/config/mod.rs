//! The config: what was written (`File`) and what it means ([`Config`]). Reading it needs nothing but the
//! file; every problem is reported at once, with the key at which it stands.

mod app;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use uuid::Uuid;

use crate::connector::{System, SystemFile, webhook};
use crate::error::{Error, Result};
use crate::written::{Written, bytes, duration};
use app::AppFile;
pub use app::{App, FirstCycle, Mode};

#[derive(Clone, Debug)]
pub struct Config {
    pub server: Server,
    pub store: Store,
    /// Who is told of what happens, where the config names anybody.
    pub notify: Option<webhook::Config>,
    /// Where the provisioning log goes besides the database.
    pub log: Option<LogStream>,
    pub clients: Vec<Client>,
    pub systems: BTreeMap<String, System>,
    pub apps: Vec<App>,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    /// How callers reach this gateway, without a slash at the end; `None` for the address it listens on.
    pub public_url: Option<String>,
    pub tenant: Uuid,
    /// Operations in one upload.
    pub max_operations: usize,
    /// Bytes in one body.
    pub max_body: usize,
    pub upload_rate: Option<Rate>,
    pub token_lifetime: Duration,
}

#[derive(Clone, Debug)]
pub struct Tls {
    pub cert: PathBuf,
    pub key: PathBuf,
    pub client_ca: Option<PathBuf>,
}

/// Uploads that one client may send in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub count: NonZeroU32,
    pub per: Duration,
}

#[derive(Clone, Debug)]
pub struct Store {
    pub url: SecretString,
    /// Seals what the database keeps secret; `None` for the file beside an embedded database.
    pub key: Option<SecretString>,
}

/// Where lines of the provisioning log are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogStream {
    Stdout,
    File(PathBuf),
}

/// One caller of the API.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: SecretString,
    pub roles: Vec<String>,
    /// The apps its roles reach (B32); `None` for all.
    pub apps: Option<Vec<Uuid>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    server: ServerFile,
    store: Option<StoreFile>,
    notify: Option<webhook::File>,
    log: Option<LogFile>,
    #[serde(default, rename = "client")]
    clients: Vec<ClientFile>,
    #[serde(default, rename = "system")]
    systems: BTreeMap<String, SystemFile>,
    #[serde(default, rename = "app")]
    apps: Vec<AppFile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerFile {
    listen: Option<Written>,
    tls: Option<TlsFile>,
    public_url: Option<Written>,
    tenant: Option<Written>,
    max_operations: Option<usize>,
    max_body: Option<Written>,
    upload_rate: Option<Written>,
    token_lifetime: Option<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFile {
    cert: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreFile {
    url: Written,
    key: Option<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogFile {
    /// `stdout`, or a file's path.
    provisioning: Written,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientFile {
    id: Written,
    secret: Written,
    #[serde(default)]
    roles: Vec<String>,
    apps: Option<Vec<Uuid>>,
}

/// Every problem of a config, a line each.
#[derive(Debug)]
pub struct Problems(pub Vec<String>);

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// Roles that a client may have. `…OwnedBy` reaches the client's apps only, as every role does here (B32).
pub const ROLES: &[&str] = &[
    "Application.Read.All",
    "Application.ReadWrite.OwnedBy",
    "AuditLog.Read.All",
    "ProvisioningLog.Read.All",
    "Synchronization.Read.All",
    "Synchronization.ReadWrite.All",
    "SynchronizationData-User.Upload",
    "SynchronizationData-User.Upload.OwnedBy",
    "Writeback.Upload",
];

/// Bytes of upload bodies in flight together; beyond that a client is asked to wait.
pub const BODIES_IN_FLIGHT: usize = 64 << 20;

impl Config {
    pub fn load(path: &Path) -> Result<Config, Problems> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problems(vec![format!(
                "cannot read the config {}: {error}",
                path.display()
            )])
        })?;
        let beside = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Config::parse(&text, beside)
    }

    /// Reads a config; relative paths in it are looked for in `beside`.
    pub fn parse(text: &str, beside: &Path) -> Result<Config, Problems> {
        // The parser's own display quotes the line, and the line may hold a secret.
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].lines().count().max(1)
            });
            Problems(vec![format!("line {line}: {}", error.message())])
        })?;
        let mut reader = Reader {
            beside,
            problems: Vec::new(),
        };
        let config = reader.config(file);
        match config {
            Some(config) if reader.problems.is_empty() => Ok(config),
            _ => Err(Problems(reader.problems)),
        }
    }

    pub fn app(&self, id: &str) -> Option<&App> {
        let id = Uuid::parse_str(id).ok()?;
        self.apps.iter().find(|app| app.id == id)
    }
}

/// Walks the file and notes what is wrong on the way.
struct Reader<'a> {
    beside: &'a Path,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn config(&mut self, file: File) -> Option<Config> {
        let server = self.server(file.server);
        let store = self.store(file.store);
        let seals = file
            .notify
            .as_ref()
            .is_some_and(|notify| notify.seal_to.is_some());
        let notify = file
            .notify
            .map(|notify| notify.resolve(self.beside).map_err(about_its_key));
        let notify: Option<webhook::Config> = notify.and_then(|notify| self.note("notify", notify));
        let log = self.log(file.log);
        let clients: Vec<_> = file
            .clients
            .into_iter()
            .enumerate()
            .filter_map(|(at, one)| self.client(at, one))
            .collect();
        let mut systems = BTreeMap::new();
        for (id, system) in file.systems {
            let resolved = system.resolve(self.beside).map_err(about_its_key);
            if let Some(system) = self.note(&format!("system.{id}"), resolved) {
                systems.insert(id, system);
            }
        }
        let apps: Vec<_> = file
            .apps
            .into_iter()
            .filter_map(|app| self.app(app, &systems))
            .collect();
        self.writebacks(&apps, &systems);
        if !seals {
            for app in apps.iter().filter(|app| app.settings.hands_over) {
                self.problem(
                    &format!("app {}", app.id),
                    "initial_password.handover = \"seal\" needs somebody to seal it for: set [notify] seal_to",
                );
            }
        }
        self.duplicates("client", clients.iter().map(|client| client.id.clone()));
        self.duplicates("app", apps.iter().map(|app| app.id.to_string()));
        self.duplicates("app … job", apps.iter().map(|app| app.job.clone()));
        for client in &clients {
            for app in client
                .apps
                .iter()
                .flatten()
                .filter(|id| !apps.iter().any(|app| app.id == **id))
            {
                self.problem(
                    &format!("client {}", client.id),
                    format!("apps names {app}, which is no app of this config"),
                );
            }
        }
        Some(Config {
            server: server?,
            store: store?,
            notify,
            log: log?,
            clients,
            systems,
            apps,
        })
    }

    /// What an app writes can be read back by the app that takes it home only where both mean the same system.
    fn writebacks(&mut self, apps: &[App], systems: &BTreeMap<String, System>) {
        for app in apps {
            let Some(id) = app.writeback else { continue };
            let home = apps.iter().find(|other| other.id == id);
            let problem = match home {
                None => format!("writeback names {id}, which is no app of this config"),
                Some(home) if home.source != app.target => format!(
                    "writeback names '{}', which reads '{}': it has to read what this app writes, '{}'",
                    home.name, home.source, app.target
                ),
                Some(home) => {
                    let model = systems.get(&home.target).and_then(System::model);
                    if model.is_none_or(|model| model.record.is_some()) {
                        continue;
                    }
                    format!("writeback names '{}', which takes nothing home to HR", home.name)
                }
            };
            self.problem(&format!("app {}", app.id), problem);
        }
    }

    fn server(&mut self, file: ServerFile) -> Option<Server> {
        let listen = self
            .text("server.listen", file.listen)?
            .unwrap_or_else(|| "127.0.0.1:8460".into());
        let listen: Option<SocketAddr> = self.note(
            "server.listen",
            listen.parse().map_err(|_| {
                Error::invalid(format!(
                    "'{listen}' is no address and port such as 127.0.0.1:8460"
                ))
            }),
        );
        let beside = self.beside;
        let tls = file.tls.map(|tls| Tls {
            cert: beside.join(tls.cert),
            key: beside.join(tls.key),
            client_ca: tls.client_ca.map(|path| beside.join(path)),
        });
        let listen = listen?;
        if tls.is_none() && !listen.ip().is_loopback() {
            self.problem(
                "server.listen",
                "plain HTTP is for loopback addresses only: set tls = { cert, key }",
            );
        }
        let tenant = match self.text("server.tenant", file.tenant)? {
            None => Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"muster"),
            Some(text) => self.note(
                "server.tenant",
                Uuid::parse_str(&text).map_err(|_| Error::invalid("it must be a GUID")),
            )?,
        };
        let public_url = self
            .text("server.public_url", file.public_url)?
            .map(|url| url.trim_end_matches('/').to_string());
        let max_body = self
            .text("server.max_body", file.max_body)?
            .unwrap_or_else(|| "32MiB".into());
        let upload_rate = self.text("server.upload_rate", file.upload_rate)?;
        let lifetime = self
            .text("server.token_lifetime", file.token_lifetime)?
            .unwrap_or_else(|| "1h".into());
        Some(Server {
            listen,
            tls,
            public_url,
            tenant,
            max_operations: file.max_operations.unwrap_or(1000),
            max_body: self.note("server.max_body", bytes(&max_body).and_then(within_flight))?,
            upload_rate: match upload_rate {
                Some(text) => Some(self.note("server.upload_rate", rate(&text))?),
                None => None,
            },
            token_lifetime: self
                .note("server.token_lifetime", duration(&lifetime))?
                .unsigned_abs(),
        })
    }

    fn store(&mut self, file: Option<StoreFile>) -> Option<Store> {
        let Some(file) = file else {
            let path = self.beside.join("muster.db");
            return Some(Store {
                url: format!("sqlite:{}", path.display()).into(),
                key: None,
            });
        };
        let url = self.note("store.url", file.url.resolve(self.beside))?;
        let url = match url.strip_prefix("sqlite:") {
            Some(path) => format!(
                "sqlite:{}",
                self.beside.join(path.trim_start_matches("//")).display()
            ),
            None => url,
        };
        let key = match file.key {
            Some(key) => Some(self.note("store.key", key.secret(self.beside))?),
            None => None,
        };
        if key.is_none() && !url.starts_with("sqlite:") {
            self.problem(
                "store.key",
                "with PostgreSQL a key is needed, the same for every replica: key = { file = \"…\" }",
            );
        }
        Some(Store { url: url.into(), key })
    }

    /// `None` when it cannot be had.
    fn log(&mut self, file: Option<LogFile>) -> Option<Option<LogStream>> {
        let written = file.map(|log| log.provisioning);
        let place = self.text("log.provisioning", written)?;
        let stream = place.map(|place| match place.trim() {
            "" => Err(Error::invalid("it must be stdout, or the path of a file")),
            "stdout" => Ok(LogStream::Stdout),
            path => Ok(LogStream::File(self.beside.join(path))),
        });
        match stream {
            Some(stream) => self.note("log.provisioning", stream).map(Some),
            None => Some(None),
        }
    }

    fn client(&mut self, at: usize, file: ClientFile) -> Option<Client> {
        let id = self.note(&format!("client[{at}].id"), file.id.resolve(self.beside))?;
        let place = format!("client {id}");
        for role in file.roles.iter().filter(|role| !ROLES.contains(&role.as_str())) {
            self.problem(
                &place,
                format!("there is no role '{role}': use one of {}", ROLES.join(", ")),
            );
        }
        let secret = self.note(&place, file.secret.secret(self.beside))?;
        Some(Client {
            id,
            secret,
            roles: file.roles,
            apps: file.apps,
        })
    }

    fn duplicates(&mut self, what: &str, ids: impl Iterator<Item = String>) {
        let mut seen = std::collections::BTreeSet::new();
        for id in ids {
            if !seen.insert(id.clone()) {
                self.problem(what, format!("'{id}' is there twice"));
            }
        }
    }

    /// `None` when the text is there and cannot be had.
    fn text(&mut self, place: &str, written: Option<Written>) -> Option<Option<String>> {
        match written {
            None => Some(None),
            Some(written) => self.note(place, written.resolve(self.beside)).map(Some),
        }
    }

    fn note<T>(&mut self, place: &str, outcome: Result<T>) -> Option<T> {
        outcome.map_err(|error| self.problem(place, error)).ok()
    }

    fn problem(&mut self, place: &str, message: impl std::fmt::Display) {
        self.problems.push(format!("{place}: {message}"));
    }
}

/// The key first, as in every other problem.
fn about_its_key(error: Error) -> Error {
    match &error.target {
        Some(key) => Error::invalid(format!("{key} {}", error.message)),
        None => error,
    }
}

/// A body larger than all that may be in flight together could never be taken in.
fn within_flight(bytes: usize) -> Result<usize> {
    if bytes <= BODIES_IN_FLIGHT {
        Ok(bytes)
    } else {
        Err(Error::invalid("it must be at most 64MiB"))
    }
}

/// `40/5s`: so many uploads in so much time.
fn rate(text: &str) -> Result<Rate> {
    let wrong = || Error::invalid(format!("'{text}' is no rate such as 40/5s"));
    let (count, per) = text.split_once('/').ok_or_else(wrong)?;
    let count = count.trim().parse().map_err(|_| wrong())?;
    Ok(Rate {
        count,
        per: duration(per.trim()).map_err(|_| wrong())?.unsigned_abs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = include_str!("../../examples/muster.toml");

    #[test]
    fn the_examples_are_configs() {
        for (text, apps) in [
            (WHOLE, 1),
            (include_str!("../../examples/entra.toml"), 1),
            (include_str!("../../examples/workday.toml"), 3),
        ] {
            let config = Config::parse(text, Path::new("examples")).unwrap();
            assert_eq!(config.apps.len(), apps);
        }
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let problems = Config::parse(
            r#"
            [server]
            listen = "0.0.0.0:80"
            max_body = "lots"
            [[client]]
            id = "a"
            secret = "s"
            roles = ["Boss"]
            [[app]]
            id = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c11"
            name = "x"
            source = "hr"
            target = "corp"
            template = "API2XX"
            "#,
            Path::new("."),
        )
        .unwrap_err()
        .to_string();
        for part in ["loopback", "lots", "'Boss'", "'hr'", "'corp'", "API2XX"] {
            assert!(problems.contains(part), "{part} in {problems}");
        }
    }

    #[test]
    fn a_mistake_in_a_line_does_not_show_the_secret_in_it() {
        let text = "[[client]]\nid = \"a\"\nsecret = \"hunter2\" x\n";
        let problem = Config::parse(text, Path::new(".")).unwrap_err().to_string();
        assert!(
            problem.starts_with("line 3") && !problem.contains("hunter2"),
            "{problem}"
        );
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(Config::parse("[server]\nlisten_on = 1", Path::new(".")).is_err());
    }

    #[test]
    fn b32_a_webhook_is_told_nothing_in_the_clear() {
        let notify = |webhook: &str, secret: &str| {
            let text = format!("[notify]\nwebhook = \"{webhook}\"\nsecret = \"{secret}\"");
            Config::parse(&text, Path::new("."))
        };
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let config = notify("https://hooks.example.test/muster", secret).unwrap();
        assert_eq!(config.notify.unwrap().url.host_str(), Some("hooks.example.test"));
        for (webhook, secret, key) in [
            ("http://hooks.example.test", secret, "notify: webhook"),
            ("https://hooks.example.test", "hunter2", "notify: secret"),
        ] {
            let problem = notify(webhook, secret).unwrap_err().to_string();
            assert!(
                problem.starts_with(key) && !problem.contains("hunter2"),
                "{problem}"
            );
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("40/5s").unwrap().per, Duration::from_secs(5));
        assert!(rate("0/5s").is_err());
    }
}
