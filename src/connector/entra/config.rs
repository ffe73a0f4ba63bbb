//! What `[system.…] kind = "entra"` says, as written and as meant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;

use crate::connector::http;
use crate::error::{Error, Result};
use crate::written::{Table, Written};

const GRAPH: &str = "https://graph.microsoft.com/v1.0";

/// The table as written. Every string may also be `{ env = "…" }` or `{ file = "…" }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Graph's address with its version; `https://graph.microsoft.com/v1.0` unless said.
    pub url: Option<Written>,
    /// `https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token`.
    pub token_url: Written,
    pub client_id: Written,
    pub client_secret: Written,
    /// A verified domain of the tenant: `DefaultDomain()` of mappings.
    pub domain: Written,
    /// How long one call may take, connecting included: `30s` unless said.
    pub timeout: Option<Written>,
    /// Further authorities to trust, in PEM.
    pub ca_file: Option<Written>,
}

/// The table as meant.
#[derive(Clone, Debug)]
pub struct Config {
    /// Ends with a slash, so that paths can be joined.
    pub url: Url,
    pub token_url: Url,
    pub client_id: String,
    pub client_secret: SecretString,
    pub domain: String,
    pub timeout: Duration,
    pub ca_file: Option<PathBuf>,
}

impl Config {
    /// What a token is asked for: `https://graph.microsoft.com/.default` of the service at `url`.
    pub fn scope(&self) -> String {
        format!("{}/.default", http::place(&self.url))
    }
}

impl File {
    /// Relative files are looked for in `beside`, the folder of the config. The error names the key.
    pub fn resolve(&self, beside: &Path) -> Result<Config> {
        let table = Table { beside };
        let url = table.optional("url", &self.url)?.unwrap_or_else(|| GRAPH.into());
        let domain = table.text("domain", &self.domain)?;
        if domain.contains('@') || !domain.contains('.') {
            return Err(Error::invalid("is no domain like contoso.com").at("domain"));
        }
        Ok(Config {
            url: graph(&url).map_err(|error| error.at("url"))?,
            token_url: http::address(&table.text("token_url", &self.token_url)?)
                .map_err(|error| error.at("token_url"))?,
            client_id: table.text("client_id", &self.client_id)?,
            client_secret: table.secret("client_secret", &self.client_secret)?,
            domain,
            timeout: table.duration("timeout", &self.timeout, Duration::from_secs(30))?,
            ca_file: table.file("ca_file", &self.ca_file)?,
        })
    }
}

/// Graph's address, with `/v1.0` where no version is given.
fn graph(text: &str) -> Result<Url> {
    let mut url = http::address(text)?;
    let path = url.path().trim_end_matches('/');
    let path = if path.is_empty() { "/v1.0" } else { path };
    url.set_path(&format!("{path}/"));
    url.set_query(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = r#"
        token_url = "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"
        client_id = "a"
        client_secret = "hunter2"
        domain = "contoso.com"
    "#;

    fn read(extra: &str) -> Result<Config> {
        toml::from_str::<File>(&format!("{WRITTEN}\n{extra}"))
            .unwrap()
            .resolve(Path::new("."))
    }

    #[test]
    fn graph_is_where_users_are_unless_said() {
        let config = read("").unwrap();
        assert_eq!(config.url.as_str(), "https://graph.microsoft.com/v1.0/");
        assert_eq!(config.scope(), "https://graph.microsoft.com/.default");
        assert!(!format!("{config:?}").contains("hunter2"));
        let lab = read("url = \"http://127.0.0.1:8080\"").unwrap();
        assert_eq!(lab.url.as_str(), "http://127.0.0.1:8080/v1.0/");
    }

    #[test]
    fn secrets_do_not_travel_in_the_clear() {
        for wrong in [
            "url = \"http://graph.example.com\"",
            "url = \"graph\"",
            "timeout = \"soon\"",
        ] {
            assert!(read(wrong).unwrap_err().target.is_some(), "{wrong}");
        }
    }
}
