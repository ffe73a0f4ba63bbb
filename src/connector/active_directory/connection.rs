//! One controller, and the few long connections to it.
//!
//! A bind costs the controller 50 ms, and more than four writers only stand in each other's way, so a
//! handful of connections is kept for as long as the target lives. The client library neither times out
//! nor reconnects, and panics on malformed answers; all of that is caught here, so that callers see three
//! things only: an answer, "not sent", or "sent, and no answer".

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use ldap3::controls::{Control, PagedResults, PostRead, RawControl, ReadEntryResp};
use ldap3::exop::PasswordModify;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Mod, Scope};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::config::Config;
use super::dirsync::{self, DIRSYNC, Reached};
use super::errors::{self, During, Refusal};
use super::wire::{Entry, Filter};
use crate::connector::Endpoint;
use crate::error::{Error, Kind, Result};

/// Connections kept to one controller.
pub(super) const CONNECTIONS: usize = 4;

/// A connection unused for longer is asked for a sign of life first: firewalls forget idle connections
/// without telling, and a write must not be what finds out.
const IDLE: Duration = Duration::from_secs(60);

/// RFC 2696.
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// Gives an entry back with the answer to the write that made it (RFC 4527 §3.2).
pub(super) const POST_READ: &str = "1.3.6.1.1.13.2";

/// The values of one attribute, as they travel.
pub(super) type Octets = HashSet<Vec<u8>>;
pub(super) type Attributes = Vec<(Vec<u8>, Octets)>;

/// How a call ended that did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing left this machine.
    Unsent(Error),
    /// It was sent, and no answer came.
    Lost(Error),
    /// The server answered no.
    Refused(Refusal),
}

impl Failure {
    pub(super) fn into_error(self, during: During) -> Error {
        match self {
            Failure::Unsent(error) | Failure::Lost(error) => error,
            Failure::Refused(refusal) => refusal.into_error(during),
        }
    }
}

pub(super) type Answer<T> = std::result::Result<T, Failure>;

/// What all connections of one target have in common: how to encrypt, who we are, how long to wait.
pub(super) struct Dial {
    config: Config,
    timeout: Duration,
    bind_dn: String,
    password: SecretString,
    /// Why the credentials were refused. Held across a bind, so that wrong ones are tried once (B25).
    refused: Mutex<Option<Cause>>,
}

impl Dial {
    pub(super) fn new(config: &Config) -> Result<Dial> {
        Ok(Dial {
            config: config.clone(),
            timeout: config.timeout,
            bind_dn: config.bind_dn.clone(),
            password: config.password.clone(),
            refused: Mutex::new(None),
        })
    }

    /// Lets refused credentials be tried once more.
    pub(super) async fn forgive(&self) {
        *self.refused.lock().await = None;
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connection> {
        if let Some(cause) = &*self.refused.lock().await {
            return Err(cause.error());
        }
        let url = &endpoint.0;
        // The authority's file is read each time: it may come later than we do, and be replaced.
        let settings = LdapConnSettings::new()
            .set_conn_timeout(self.timeout)
            .set_starttls(self.config.starttls)
            .set_config(Arc::new(encryption(&self.config)?));
        let opened = AssertUnwindSafe(LdapConnAsync::with_settings(settings, url))
            .catch_unwind()
            .await;
        let (driver, ldap) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return Err(unreachable(url, error)),
            Err(_) => return Err(malformed(url)),
        };
        let driver = tokio::spawn(async move {
            // How it ended shows in every call that waits for it.
            let _ = driver.drive().await;
        });
        let life = Life {
            driver: driver.abort_handle(),
            given_up: AtomicBool::new(false),
            used: std::sync::Mutex::new(Instant::now()),
        };
        let connection = Connection {
            ldap,
            life: Arc::new(life),
            timeout: self.timeout,
            url: url.clone(),
        };
        self.bind(&connection).await?;
        tracing::debug!(url, "connected to the directory");
        Ok(connection)
    }

    async fn bind(&self, connection: &Connection) -> Result<()> {
        let mut refused = self.refused.lock().await;
        if let Some(cause) = &*refused {
            return Err(cause.error());
        }
        let mut ldap = connection.ldap.clone();
        let bind = async move {
            ldap.simple_bind(&self.bind_dn, self.password.expose_secret())
                .await
        };
        match connection
            .call(bind)
            .await
            .and_then(|result| accepted(result).map(drop))
        {
            Ok(()) => Ok(()),
            Err(Failure::Refused(refusal)) => {
                let error = errors::bind(refusal);
                if error.kind == Kind::Unauthenticated {
                    *refused = Some(Cause::of(&error));
                }
                Err(error)
            }
            Err(Failure::Unsent(error) | Failure::Lost(error)) => Err(error),
        }
    }
}

/// Certificates are always verified: against the configured authority, or else the system's.
fn encryption(config: &Config) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match &config.ca_file {
        Some(path) => {
            let unreadable =
                |what: String| Error::invalid(format!("{}: {what}", path.display())).at("ca_file");
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                roots
                    .add(certificate)
                    .map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("holds no certificate in PEM".to_string()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("no TLS version is available").because(error))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

/// One server of the configuration.
pub(super) struct Controller {
    pub endpoint: Endpoint,
    dial: Arc<Dial>,
    kept: [Mutex<Option<Connection>>; CONNECTIONS],
    /// When and why the last attempt to connect failed. Held while connecting: one at a time is enough.
    failed: Mutex<Option<(Instant, Cause)>>,
}

/// What went wrong once for several who wait for the same.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    kind: Kind,
    code: Cow<'static, str>,
    message: String,
}

impl Cause {
    pub(super) fn of(error: &Error) -> Cause {
        Cause {
            kind: error.kind,
            code: error.code.clone(),
            message: error.message.clone(),
        }
    }

    pub(super) fn error(&self) -> Error {
        Error::new(self.kind, self.message.clone()).code(self.code.clone())
    }
}

impl Controller {
    pub(super) fn new(url: &str, dial: Arc<Dial>) -> Controller {
        Controller {
            endpoint: Endpoint(url.to_string()),
            dial,
            kept: Default::default(),
            failed: Mutex::default(),
        }
    }

    /// The kept connection of this number (modulo how many there are), made anew when it died.
    pub(super) async fn connection(&self, number: usize) -> Result<Connection> {
        let asked = Instant::now();
        let mut kept = self.kept[number % CONNECTIONS].lock().await;
        if let Some(connection) = kept.as_ref()
            && connection.is_alive()
            && (!connection.is_idle() || connection.root(&["1.1"]).await.is_ok())
        {
            return Ok(connection.clone());
        }
        let made = self.connect(asked).await?;
        *kept = Some(made.clone());
        Ok(made)
    }

    /// A connection of one's own, for a listing: servers keep the state of a paged search by connection.
    pub(super) async fn separate(&self) -> Result<Connection> {
        self.connect(Instant::now()).await
    }

    /// Whoever waited while another tried in vain shares that failure, and does not try the same again.
    async fn connect(&self, asked: Instant) -> Result<Connection> {
        let mut failed = self.failed.lock().await;
        if let Some((at, cause)) = &*failed
            && *at > asked
        {
            return Err(cause.error());
        }
        let made = self.dial.connect(&self.endpoint).await;
        *failed = made
            .as_ref()
            .err()
            .map(|error| (Instant::now(), Cause::of(error)));
        made
    }
}

/// A bound connection. Clones share it, and their calls travel side by side.
#[derive(Clone)]
pub(super) struct Connection {
    ldap: Ldap,
    life: Arc<Life>,
    timeout: Duration,
    url: String,
}

/// Ends the connection's driver with the last clone, even one stuck in a full socket.
struct Life {
    driver: AbortHandle,
    given_up: AtomicBool,
    used: std::sync::Mutex<Instant>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A search, one page at a time.
pub(super) struct Search<'a> {
    pub base: &'a str,
    pub scope: Scope,
    pub filter: Filter,
    pub attributes: &'a [String],
    pub controls: Vec<RawControl>,
    pub page_size: u32,
}

pub(super) struct Page {
    pub entries: Vec<Entry>,
    /// Where the next page begins; empty after the last.
    pub cookie: Vec<u8>,
}

/// A part of what changed.
pub(super) struct Changes {
    pub entries: Vec<Entry>,
    pub reached: Reached,
}

impl Connection {
    fn is_alive(&self) -> bool {
        !self.life.given_up.load(Ordering::Relaxed) && !self.ldap.clone().is_closed()
    }

    fn is_idle(&self) -> bool {
        self.life.used.lock().is_ok_and(|used| used.elapsed() > IDLE)
    }

    /// Makes sure that nobody starts another call on this connection.
    fn give_up(&self) {
        self.life.given_up.store(true, Ordering::Relaxed);
    }

    /// Runs one call: bounded in time, and no panic of the client library gets out.
    async fn call<T>(&self, call: impl Future<Output = ldap3::result::Result<T>>) -> Answer<T> {
        if let Ok(mut used) = self.life.used.lock() {
            *used = Instant::now();
        }
        let guarded = AssertUnwindSafe(call).catch_unwind();
        let failure = match tokio::time::timeout(self.timeout, guarded).await {
            Ok(Ok(Ok(answer))) => return Ok(answer),
            Ok(Ok(Err(error @ LdapError::OpSend { .. }))) => Failure::Unsent(self.gone(error)),
            Ok(Ok(Err(error))) => Failure::Lost(self.gone(error)),
            Ok(Err(_panic)) => Failure::Lost(malformed(&self.url)),
            Err(_elapsed) => Failure::Lost(
                Error::unavailable(format!("{} did not answer within {:?}", self.url, self.timeout))
                    .code("Timeout"),
            ),
        };
        self.give_up();
        Err(failure)
    }

    fn gone(&self, error: LdapError) -> Error {
        Error::unavailable(format!("{} closed the connection", self.url))
            .code("EndpointUnavailable")
            .because(error)
    }

    /// Reads the root DSE (RFC 4512 §5.1).
    pub(super) async fn root(&self, attributes: &[&str]) -> Answer<Entry> {
        let attributes: Vec<String> = attributes.iter().map(|it| it.to_string()).collect();
        let root = self.read("", &attributes, Vec::new()).await?;
        root.ok_or_else(|| Failure::Lost(malformed(&self.url)))
    }

    /// Reads one entry; `None` when there is none.
    pub(super) async fn read(
        &self,
        dn: &str,
        attributes: &[String],
        controls: Vec<RawControl>,
    ) -> Answer<Option<Entry>> {
        let mut ldap = self.ldap.clone();
        ldap.with_controls(controls.clone());
        let (entries, result) = self
            .call(entries(ldap, dn, Scope::Base, "(objectClass=*)", attributes))
            .await?;
        match accepted(result) {
            Ok(_) => Ok(self.complete(entries, &controls).await?.into_iter().next()),
            Err(Failure::Refused(refusal)) if refusal.is_missing() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Reads the page of a search that begins at `cookie`, empty for the first.
    pub(super) async fn page(&self, search: &Search<'_>, cookie: Vec<u8>) -> Answer<Page> {
        let size = i32::try_from(search.page_size).unwrap_or(i32::MAX);
        let mut controls = search.controls.clone();
        controls.push(PagedResults { size, cookie }.into());
        let mut ldap = self.ldap.clone();
        ldap.with_controls(controls);
        let filter = search.filter.to_string();
        let call = entries(ldap, search.base, search.scope, &filter, search.attributes);
        let (entries, result) = self.call(call).await?;
        let result = accepted(result)?;
        // A cookie that cannot be read must not pass for the end: accounts would seem to be gone.
        let cookie = match control(&result, PAGED_RESULTS) {
            Some(raw) => {
                parsed::<PagedResults>(raw)
                    .ok_or_else(|| Failure::Lost(unreadable(&self.url)))?
                    .cookie
            }
            None => Vec::new(),
        };
        Ok(Page {
            entries: self.complete(entries, &search.controls).await?,
            cookie,
        })
    }

    /// Reads what changed since a cookie, empty for all that there is: a part of it, and from where on there is more.
    pub(super) async fn changes(&self, search: &Search<'_>, most: u32, cookie: &[u8]) -> Answer<Changes> {
        let mut controls = search.controls.clone();
        controls.push(dirsync::request(most, cookie));
        let mut ldap = self.ldap.clone();
        ldap.with_controls(controls);
        let filter = search.filter.to_string();
        let call = entries(ldap, search.base, search.scope, &filter, search.attributes);
        let (entries, result) = self.call(call).await?;
        let result = accepted(result)?;
        let reached = control(&result, DIRSYNC).and_then(|raw| dirsync::reached(raw.val.as_deref()?));
        let reached = reached.ok_or_else(|| Failure::Lost(unreadable(&self.url)))?;
        Ok(Changes { entries, reached })
    }

    /// Reads all pages of a search.
    pub(super) async fn search(&self, search: &Search<'_>) -> Answer<Vec<Entry>> {
        let mut page = self.page(search, Vec::new()).await?;
        let mut found = page.entries;
        while !page.cookie.is_empty() {
            page = self.page(search, page.cookie).await?;
            found.append(&mut page.entries);
        }
        Ok(found)
    }

    /// Fetches the rest of attributes of which the server gave only the first part.
    async fn complete(&self, mut entries: Vec<Entry>, controls: &[RawControl]) -> Answer<Vec<Entry>> {
        for entry in &mut entries {
            let mut read = HashMap::new();
            while let Some((attribute, next)) = entry.unfinished() {
                let before = read.insert(attribute.clone(), next);
                if before.is_some_and(|before| next <= before) {
                    return Err(Failure::Lost(unreadable(&self.url)));
                }
                let part = [format!("{attribute};range={next}-*")];
                let mut ldap = self.ldap.clone();
                ldap.with_controls(controls.to_vec());
                let call = self::entries(ldap, &entry.dn, Scope::Base, "(objectClass=*)", &part);
                let (parts, result) = self.call(call).await?;
                accepted(result)?;
                entry.join(&attribute, parts.into_iter().next().unwrap_or_default());
            }
        }
        Ok(entries)
    }

    /// Adds an entry; gives the requested attributes of it back where `read_back` says that the server can
    /// do so in the same round trip (RFC 4527).
    pub(super) async fn add(
        &self,
        dn: &str,
        attributes: Attributes,
        read_back: Option<&str>,
    ) -> Answer<Option<String>> {
        let mut ldap = self.ldap.clone();
        if let Some(attribute) = read_back {
            ldap.with_controls(PostRead::new(vec![attribute]));
        }
        let result = accepted(self.call(async move { ldap.add(dn, attributes).await }).await?)?;
        let read = control(&result, POST_READ).and_then(parsed::<ReadEntryResp>);
        Ok(read
            .zip(read_back)
            .and_then(|(mut entry, name)| entry.attrs.remove(name)?.pop()))
    }

    pub(super) async fn modify(&self, dn: &str, changes: Vec<Mod<Vec<u8>>>) -> Answer<()> {
        let mut ldap = self.ldap.clone();
        let result = self.call(async move { ldap.modify(dn, changes).await }).await?;
        accepted(result).map(drop)
    }

    /// Gives the entry another name, another parent, or both at once.
    pub(super) async fn rename(&self, dn: &str, rdn: &str, parent: Option<&str>) -> Answer<()> {
        let mut ldap = self.ldap.clone();
        let result = self
            .call(async move { ldap.modifydn(dn, rdn, true, parent).await })
            .await?;
        accepted(result).map(drop)
    }

    pub(super) async fn delete(&self, dn: &str) -> Answer<()> {
        let mut ldap = self.ldap.clone();
        let result = self.call(async move { ldap.delete(dn).await }).await?;
        accepted(result).map(drop)
    }

    /// Sets a password by the Password Modify operation (RFC 3062).
    pub(super) async fn set_password(&self, dn: &str, password: &SecretString) -> Answer<()> {
        let mut ldap = self.ldap.clone();
        let call = async move {
            let request = PasswordModify {
                user_id: Some(dn),
                old_pass: None,
                new_pass: Some(password.expose_secret()),
            };
            ldap.extended(request).await
        };
        accepted(self.call(call).await?.1).map(drop)
    }
}

/// Runs one search to its end. The stream is finished before it counts itself done, or the client library
/// would remember its message number for ever.
async fn entries(
    mut ldap: Ldap,
    base: &str,
    scope: Scope,
    filter: &str,
    attributes: &[String],
) -> ldap3::result::Result<(Vec<Entry>, LdapResult)> {
    let mut stream = ldap.streaming_search(base, scope, filter, attributes).await?;
    let mut entries = Vec::new();
    while let Some(item) = stream.next().await? {
        if !item.is_ref() && !item.is_intermediate() {
            entries.push(Entry::read(item.0).ok_or(LdapError::EndOfStream)?);
        }
    }
    Ok((entries, stream.finish().await))
}

fn accepted(result: LdapResult) -> Answer<LdapResult> {
    match result.rc {
        0 => Ok(result),
        code => Err(Failure::Refused(Refusal {
            result: code,
            text: result.text,
        })),
    }
}

fn control<'a>(result: &'a LdapResult, oid: &str) -> Option<&'a RawControl> {
    result
        .ctrls
        .iter()
        .map(|Control(_, raw)| raw)
        .find(|raw| raw.ctype == oid)
}

/// The library's parsers panic on malformed values, which are then as good as none.
fn parsed<T: ldap3::controls::ControlParser>(raw: &RawControl) -> Option<T> {
    std::panic::catch_unwind(AssertUnwindSafe(|| raw.parse::<T>())).ok()
}

fn malformed(url: &str) -> Error {
    Error::unavailable(format!("{url} gave an answer that is no LDAP")).code("EndpointUnavailable")
}

/// One entry's fault, not the controller's: whoever asked for several may ask for each alone.
fn unreadable(url: &str) -> Error {
    Error::internal(format!("{url} gave an entry that is no LDAP"))
}

/// Why no connection came about, in words that say what to look at.
fn unreachable(url: &str, error: LdapError) -> Error {
    let trust = match &error {
        LdapError::Io { source } => source
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>()),
        LdapError::Rustls { source } => Some(source),
        _ => None,
    };
    let message = match (&error, trust) {
        (_, Some(rustls::Error::InvalidCertificate(fault))) => {
            format!(
                "the certificate of {url} is not trusted ({fault}): give its authority as ca_file, and the \
                 name it was made for as the host"
            )
        }
        (_, Some(fault)) => format!("no encrypted connection to {url}: {fault}"),
        (LdapError::Timeout { .. }, _) => format!("{url} did not answer in time"),
        (LdapError::Io { source }, _) => format!("{url} cannot be reached: {source}"),
        (LdapError::LdapResult { result }, _) => {
            format!("{url} does not take StartTLS (LDAP result {})", result.rc)
        }
        _ => format!("{url} cannot be reached"),
    };
    Error::unavailable(message)
        .code("EndpointUnavailable")
        .because(error)
}
