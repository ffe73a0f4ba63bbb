//! What the config writes as text and means as something else: values kept elsewhere, secrets, lengths of time, sizes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::error::{Error, Result};

/// A string of the config: written out, or kept in an environment variable or a file.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum Written {
    Plain(String),
    Env(FromEnv),
    File(FromFile),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromEnv {
    env: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromFile {
    file: PathBuf,
}

impl Written {
    /// The text itself. A relative file is looked for beside the config; its last line end is dropped.
    pub fn resolve(&self, beside: &Path) -> Result<String> {
        match self {
            Written::Plain(text) => Ok(text.clone()),
            Written::Env(FromEnv { env }) => std::env::var(env).map_err(|_| {
                Error::invalid(format!(
                    "the environment variable {env} is not set: set it, or write the value here"
                ))
            }),
            Written::File(FromFile { file }) => {
                let path = beside.join(file);
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    Error::invalid(format!("cannot read {}: {error}", path.display())).because(error)
                })?;
                Ok(text.trim_end_matches(['\r', '\n']).to_string())
            }
        }
    }

    pub fn secret(&self, beside: &Path) -> Result<SecretString> {
        match SecretString::from(self.resolve(beside)?) {
            secret if secret.expose_secret().is_empty() => Err(Error::invalid("must not be empty")),
            secret => Ok(secret),
        }
    }
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Written::Plain(_) => f.write_str("[REDACTED]"),
            Written::Env(FromEnv { env }) => write!(f, "env {env}"),
            Written::File(FromFile { file }) => write!(f, "file {}", file.display()),
        }
    }
}

/// Reads the keys of one table; an error names the key that it is about.
pub struct Table<'a> {
    /// The folder of the config, where relative files are looked for.
    pub beside: &'a Path,
}

impl Table<'_> {
    /// A text that says something.
    pub fn text(&self, key: &str, written: &Written) -> Result<String> {
        let text = written.resolve(self.beside).map_err(|error| error.at(key))?;
        match text.trim() {
            "" => Err(Error::invalid("must not be empty").at(key)),
            text => Ok(text.to_string()),
        }
    }

    pub fn optional(&self, key: &str, written: &Option<Written>) -> Result<Option<String>> {
        written.as_ref().map(|it| self.text(key, it)).transpose()
    }

    pub fn secret(&self, key: &str, written: &Written) -> Result<SecretString> {
        written.secret(self.beside).map_err(|error| error.at(key))
    }

    pub fn file(&self, key: &str, written: &Option<Written>) -> Result<Option<PathBuf>> {
        let path = self.optional(key, written)?;
        Ok(path.map(|path| self.beside.join(path)))
    }

    pub fn duration(&self, key: &str, written: &Option<Written>, default: Duration) -> Result<Duration> {
        match self.optional(key, written)? {
            Some(text) => duration(&text)
                .map(|it| it.unsigned_abs())
                .map_err(|error| error.at(key)),
            None => Ok(default),
        }
    }
}

/// `30s`, `15m`, `30d`, `PT10M`: a day is 24 hours; positive.
pub fn duration(text: &str) -> Result<SignedDuration> {
    text.parse::<Span>()
        .ok()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok())
        .filter(|duration| duration.is_positive())
        .ok_or_else(|| {
            Error::invalid(format!(
                "'{text}' is no length of time such as 30s, 15m, 1h or 30d"
            ))
        })
}

/// `32MiB`, `500kB`, `1024`.
pub fn bytes(text: &str) -> Result<usize> {
    const UNITS: &[(&str, usize)] = &[
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1000),
        ("MB", 1_000_000),
        ("B", 1),
        ("", 1),
    ];
    let text = text.trim();
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim());
    unit.zip(number.parse::<usize>().ok())
        .and_then(|((_, factor), number)| number.checked_mul(*factor))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| Error::invalid(format!("'{text}' is no size such as 32MiB")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times() {
        assert_eq!(bytes("32MiB").unwrap(), 32 << 20);
        assert!(bytes("-1").is_err());
        assert_eq!(duration("30d").unwrap(), SignedDuration::from_hours(720));
        assert!(duration("-5s").is_err());
    }

    #[test]
    fn an_error_names_the_key() {
        let table = Table {
            beside: Path::new("."),
        };
        let blank = Written::Plain(" ".into());
        assert_eq!(
            table.text("url", &blank).unwrap_err().target.as_deref(),
            Some("url")
        );
        let soon = Some(Written::Plain("soon".into()));
        let error = table.duration("timeout", &soon, Duration::ZERO).unwrap_err();
        assert_eq!(error.target.as_deref(), Some("timeout"));
    }
}
