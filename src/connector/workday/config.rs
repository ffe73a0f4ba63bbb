//! What `[system.…] kind = "workday"` says, as written and as meant.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::employment::{LeaveAt, Leaving};
use super::response_group;
use super::settings::Settings;
use super::zone::Zone;
use crate::connector::http::{self, Credentials, Grant};
use crate::domain::expression::Expression;
use crate::error::{Error, Result};
use crate::written::{Table, Written};

/// The version of a URL that names none.
const DEFAULT_VERSION: &str = "v21.1";
const DEFAULT_SERVICE: &str = "Human_Resources";

/// Workday takes no more workers for a page.
const LARGEST_PAGE: u32 = 999;

/// More at once would only meet its limit of calls.
pub(super) const MOST_IN_FLIGHT: usize = 16;

/// The table as written. Every string may also be `{ env = "…" }` or `{ file = "…" }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// `https://{host}/ccx/service/{tenant}`, with `/Human_Resources` and a version such as `/v40.0` or without.
    pub url: Written,
    /// `user@tenant`.
    pub username: Option<Written>,
    pub password: Option<Written>,
    /// Instead of user name and password: the API client for integrations, and a refresh token.
    pub token_url: Option<Written>,
    pub client_id: Option<Written>,
    pub client_secret: Option<Written>,
    pub refresh_token: Option<Written>,
    /// Further authorities to trust, in PEM.
    pub ca_file: Option<Written>,
    /// How long one page may take, connecting included: `120s` unless said.
    pub timeout: Option<Written>,
    /// An expression over a worker's attributes that gives an IANA zone; by the country of the place of work unless said.
    pub time_zone: Option<Written>,
    /// When on the last day people leave: `end-of-day`, a time such as `17:30`, or `immediate`.
    pub leave_at: Option<Written>,
    /// The same for some reasons, by an identifier of the termination's reason or category.
    #[serde(default)]
    pub leave_at_for: BTreeMap<String, String>,
    /// An expression over a worker's attributes: records for which it gives the same are of one person. The Worker_ID unless
    /// said.
    pub person_key: Option<Written>,
    /// Workers a page, 1 to 999.
    #[serde(default = "a_hundred")]
    pub page_size: u32,
    /// Pages that are asked for at the same time.
    #[serde(default = "three")]
    pub pages_in_flight: usize,
    /// Flags of `Response_Group` that are sent (`true`) or kept away (`false`) whatever the XPaths need.
    #[serde(default)]
    pub flags: BTreeMap<String, bool>,
    /// Whether last days of the next 24 hours are asked for before Workday shows them by itself.
    #[serde(default = "yes")]
    pub termination_look_ahead: bool,
    /// How contacts and user names are written home, where this system is a target.
    #[serde(default)]
    pub writeback: Settings,
}

/// The version that writes at least (see [`Settings`]).
const FIRST_TO_WRITE: &str = "v31.2";

fn a_hundred() -> u32 {
    100
}

fn three() -> usize {
    3
}

fn yes() -> bool {
    true
}

/// The table as meant.
#[derive(Clone, Debug)]
pub struct Config {
    /// With service and version.
    pub url: Url,
    /// `v40.0`.
    pub version: String,
    pub sign_in: SignIn,
    pub ca_file: Option<PathBuf>,
    pub timeout: Duration,
    pub time_zone: Zone,
    pub leaving: Leaving,
    pub person_key: Option<Arc<Expression>>,
    pub page_size: NonZero<u32>,
    pub pages_in_flight: usize,
    pub flags: BTreeMap<String, bool>,
    pub termination_look_ahead: bool,
    pub writeback: Settings,
}

impl Config {
    /// The same, at the version that writes.
    pub(super) fn for_writing(&self) -> Config {
        let mut config = self.clone();
        if numbers(&self.version) < numbers(FIRST_TO_WRITE) {
            config.version = FIRST_TO_WRITE.to_string();
            let service = self
                .url
                .path()
                .rsplit_once('/')
                .map_or("", |(service, _)| service);
            config.url.set_path(&format!("{service}/{FIRST_TO_WRITE}"));
        }
        config
    }
}

/// How the integration user shows who it is.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// In the header of every message.
    Password {
        username: String,
        password: SecretString,
    },
    /// With tokens.
    Bearer(Credentials),
}

impl File {
    /// Relative files are looked for in `beside`, the folder of the config. The error names the key.
    pub fn resolve(&self, beside: &Path) -> Result<Config> {
        let table = Table { beside };
        let Endpoint { url, tenant, version } =
            endpoint(&table.text("url", &self.url)?).map_err(|error| error.at("url"))?;
        let time_zone = match table.optional("time_zone", &self.time_zone)? {
            Some(text) => Zone::parse(&text).map_err(|error| error.at("time_zone"))?,
            None => Zone::by_country(),
        };
        let leaving = self.leaving(&table)?;
        let person_key = match table.optional("person_key", &self.person_key)? {
            Some(text) => Some(person_key(&text).map_err(|error| error.at("person_key"))?),
            None => None,
        };
        response_group::derive([], &self.flags).map_err(|why| Error::invalid(why).at("flags"))?;
        let page_size = NonZero::new(self.page_size).filter(|size| size.get() <= LARGEST_PAGE);
        let page_size = page_size.ok_or_else(|| {
            let message = format!("Workday's pages have 1 to {LARGEST_PAGE} workers");
            Error::invalid(message).at("page_size")
        })?;
        if !(1..=MOST_IN_FLIGHT).contains(&self.pages_in_flight) {
            let message = format!("must be between 1 and {MOST_IN_FLIGHT}");
            return Err(Error::invalid(message).at("pages_in_flight"));
        }
        self.writeback.check()?;
        Ok(Config {
            url,
            version,
            sign_in: self.sign_in(&table, &tenant)?,
            ca_file: table.file("ca_file", &self.ca_file)?,
            timeout: table.duration("timeout", &self.timeout, Duration::from_secs(120))?,
            time_zone,
            leaving,
            person_key,
            page_size,
            pages_in_flight: self.pages_in_flight,
            flags: self.flags.clone(),
            termination_look_ahead: self.termination_look_ahead,
            writeback: self.writeback.clone(),
        })
    }

    fn leaving(&self, table: &Table<'_>) -> Result<Leaving> {
        let at = match table.optional("leave_at", &self.leave_at)? {
            Some(text) => LeaveAt::parse(&text).map_err(|error| error.at("leave_at"))?,
            None => LeaveAt::EndOfDay,
        };
        let by_reason = self.leave_at_for.iter().map(|(reason, text)| {
            let at = LeaveAt::parse(text).map_err(|error| error.at(format!("leave_at_for.{reason}")))?;
            Ok((reason.clone(), at))
        });
        Ok(Leaving {
            at,
            by_reason: by_reason.collect::<Result<_>>()?,
        })
    }

    fn sign_in(&self, table: &Table<'_>, tenant: &str) -> Result<SignIn> {
        let tokens = [
            &self.token_url,
            &self.client_id,
            &self.client_secret,
            &self.refresh_token,
        ];
        let has_token_keys = tokens.iter().any(|key| key.is_some());
        match (&self.username, &self.password) {
            (Some(_) | None, Some(_)) | (Some(_), None) if has_token_keys => Err(Error::invalid(
                "give user name and password, or the keys of an API client (token_url, client_id, client_secret, refresh_token), not both",
            )
            .at("username")),
            (Some(username), Some(password)) => {
                let username = table.text("username", username)?;
                user(&username, tenant).map_err(|error| error.at("username"))?;
                let password = table.secret("password", password)?;
                if password.expose_secret().chars().any(char::is_control) {
                    return Err(Error::invalid("has control characters, which XML cannot carry").at("password"));
                }
                Ok(SignIn::Password { username, password })
            }
            (None, None) if has_token_keys => self.bearer(table).map(SignIn::Bearer),
            (None, _) => Err(missing("username")),
            (Some(_), None) => Err(missing("password")),
        }
    }

    fn bearer(&self, table: &Table<'_>) -> Result<Credentials> {
        let needed = |key, written: &Option<Written>| written.clone().ok_or_else(|| missing(key));
        let token_url = table.text("token_url", &needed("token_url", &self.token_url)?)?;
        let refresh_token = needed("refresh_token", &self.refresh_token)?;
        Ok(Credentials {
            token_url: http::address(&token_url).map_err(|error| error.at("token_url"))?,
            client_id: table.text("client_id", &needed("client_id", &self.client_id)?)?,
            client_secret: table.secret("client_secret", &needed("client_secret", &self.client_secret)?)?,
            grant: Grant::RefreshToken(table.secret("refresh_token", &refresh_token)?),
        })
    }
}

fn person_key(text: &str) -> Result<Arc<Expression>> {
    let expression = Expression::parse(text).map_err(|error| Error::invalid(error.to_string()))?;
    match expression.reads_clock() || expression.is_random() || expression.attributes().is_empty() {
        true => Err(Error::invalid(
            "a person's key depends on the worker alone: read attributes, and leave out Now and random functions",
        )),
        false => Ok(Arc::new(expression)),
    }
}

fn missing(key: &str) -> Error {
    Error::invalid(
        "is missing: the integration user signs in with username (user@tenant) and password, or an API client with token_url, client_id, client_secret and refresh_token",
    )
    .at(key)
}

/// The tenant of the user is the one of the URL.
fn user(username: &str, tenant: &str) -> Result<()> {
    match username.rsplit_once('@') {
        _ if username.chars().any(char::is_control) => {
            Err(Error::invalid("has control characters, which XML cannot carry"))
        }
        Some((name, of)) if !name.is_empty() && of.eq_ignore_ascii_case(tenant) => Ok(()),
        Some((name, of)) if !name.is_empty() => Err(Error::invalid(format!(
            "is a user of the tenant '{of}', and the url is of '{tenant}': make them agree"
        ))),
        _ => Err(Error::invalid(format!(
            "has no tenant: write it as user@{tenant}"
        ))),
    }
}

/// What a URL says.
struct Endpoint {
    url: Url,
    tenant: String,
    version: String,
}

/// The three forms that people write: up to the tenant, up to the service, and with the version.
fn endpoint(text: &str) -> Result<Endpoint> {
    let mut url = http::address(text)?;
    let path = url.path().to_string();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (tenant, service, version) = match segments.as_slice() {
        ["ccx", "service", tenant] => (*tenant, DEFAULT_SERVICE, DEFAULT_VERSION),
        ["ccx", "service", tenant, service] => (*tenant, *service, DEFAULT_VERSION),
        ["ccx", "service", tenant, service, version] => (*tenant, *service, *version),
        _ => {
            return Err(Error::invalid(format!(
                "'{text}' is no address of Workday's web services: write https://host/ccx/service/tenant/{DEFAULT_SERVICE}/v40.0"
            )));
        }
    };
    if !is_version(version) {
        return Err(Error::invalid(format!("'{version}' is no version such as v40.0")));
    }
    let (tenant, version) = (tenant.to_string(), version.to_ascii_lowercase());
    let path = format!("/ccx/service/{tenant}/{service}/{version}");
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(Endpoint { url, tenant, version })
}

/// `v40.0`.
fn is_version(text: &str) -> bool {
    numbers(text).is_some()
}

/// Those of a version: (40, 0).
fn numbers(version: &str) -> Option<(u16, u16)> {
    let (major, minor) = version.strip_prefix(['v', 'V'])?.split_once('.')?;
    let is_number =
        |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match is_number(major) && is_number(minor) {
        true => Some((major.parse().ok()?, minor.parse().ok()?)),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = r#"
        url = "https://wd3.example.com/ccx/service/contoso4"
        username = "ISU_Muster@contoso4"
        password = "hunter2 & more"
    "#;

    fn of(text: &str) -> Result<Config> {
        toml::from_str::<File>(text).unwrap().resolve(Path::new("."))
    }

    fn with(extra: &str) -> Result<Config> {
        of(&format!("{WRITTEN}\n{extra}"))
    }

    #[test]
    fn a_url_names_tenant_service_and_version_or_leaves_some_out() {
        for (url, effective, version) in [
            ("", "/Human_Resources/v21.1", "v21.1"),
            ("/", "/Human_Resources/v21.1", "v21.1"),
            ("/Human_Resources", "/Human_Resources/v21.1", "v21.1"),
            ("/Human_Resources/v40.0", "/Human_Resources/v40.0", "v40.0"),
            ("/Human_Resources/V40.1/?x=y", "/Human_Resources/v40.1", "v40.1"),
        ] {
            let config = of(&WRITTEN.replace(
                "contoso4\"\n        user",
                &format!("contoso4{url}\"\n        user"),
            ))
            .unwrap();
            assert_eq!(
                config.url.as_str(),
                format!("https://wd3.example.com/ccx/service/contoso4{effective}")
            );
            assert_eq!(config.version, version);
        }
    }

    #[test]
    fn what_is_not_said_has_a_sensible_value() {
        let config = with("").unwrap();
        assert_eq!((config.page_size.get(), config.pages_in_flight), (100, 3));
        assert_eq!(config.timeout, Duration::from_secs(120));
        assert!(config.termination_look_ahead);
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_key() {
        for (from, to, key) in [
            ("https://wd3.example.com", "http://wd3.example.com", "url"),
            ("/ccx/service/contoso4", "/ccx/api/v1/contoso4", "url"),
            (
                "contoso4\"\n        user",
                "contoso4/Human_Resources/40\"\n        user",
                "url",
            ),
            ("ISU_Muster@contoso4", "ISU_Muster", "username"),
            ("ISU_Muster@contoso4", "ISU_Muster@contoso5", "username"),
            ("password = \"hunter2 & more\"", "", "password"),
            (
                "password = \"hunter2 & more\"",
                "password = \"a\\u0000b\"",
                "password",
            ),
            ("hunter2 & more\"", "hunter2\"\nclient_id = \"x\"", "username"),
            ("hunter2 & more\"", "hunter2\"\npage_size = 1000", "page_size"),
            ("hunter2 & more\"", "hunter2\"\npage_size = 0", "page_size"),
            (
                "hunter2 & more\"",
                "hunter2\"\npages_in_flight = 0",
                "pages_in_flight",
            ),
            (
                "hunter2 & more\"",
                "hunter2\"\nflags = { Include_Everything = true }",
                "flags",
            ),
            ("hunter2 & more\"", "hunter2\"\ntime_zone = '[Zone]'", "time_zone"),
        ] {
            assert!(WRITTEN.contains(from), "{from}");
            let error = of(&WRITTEN.replace(from, to)).unwrap_err();
            assert_eq!(error.target.as_deref(), Some(key), "{to}: {error}");
        }
    }

    #[test]
    fn writes_are_of_a_version_that_can() {
        for (url, path) in [
            ("", "/Human_Resources/v31.2"),
            ("/Human_Resources/v30.0", "/Human_Resources/v31.2"),
            ("/Human_Resources/v31.2", "/Human_Resources/v31.2"),
            ("/Human_Resources/v40.0", "/Human_Resources/v40.0"),
        ] {
            let written = WRITTEN.replace(
                "contoso4\"\n        user",
                &format!("contoso4{url}\"\n        user"),
            );
            let config = of(&written).unwrap().for_writing();
            assert!(config.url.path().ends_with(path), "{}", config.url);
            assert!(path.ends_with(&config.version));
        }
    }

    #[test]
    fn an_api_client_signs_in_without_a_password() {
        let keys = r#"
            url = "https://wd3.example.com/ccx/service/contoso4"
            token_url = "https://wd3.example.com/ccx/oauth2/contoso4/token"
            client_id = "a"
            client_secret = "hunter2"
            refresh_token = "hunter3"
        "#;
        let config = of(keys).unwrap();
        assert!(matches!(config.sign_in, SignIn::Bearer(_)));
        assert!(!format!("{config:?}").contains("hunter"));
        let error = of(&keys.replace("refresh_token", "#")).unwrap_err();
        assert_eq!(error.target.as_deref(), Some("refresh_token"));
    }
}
