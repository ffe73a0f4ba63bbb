//! What a controller says of itself and its changes.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::connection::Connection;
use super::errors::During;
use super::place::Numbering;
use super::sight::refused;
use super::target::DirectorySession;
use crate::connector::answered;
use crate::domain::dn::Dn;
use crate::error::Result;

/// The root DSE, as far as it is about changes.
pub(super) struct Root {
    /// The naming context that the configured base lies in.
    pub context: String,
    /// When it was asked, by its clock where it has one.
    pub at: Timestamp,
    /// The number of the last change; `None` where changes have none.
    pub highest: Option<u64>,
    pub numbering: Numbering,
}

const ROOT: &[&str] = &[
    "namingContexts",
    "currentTime",
    "highestCommittedUSN",
    "dsServiceName",
];

impl Root {
    pub(super) async fn read(session: &DirectorySession, connection: &Connection) -> Result<Root> {
        let began = answered();
        let root = connection
            .root(ROOT)
            .await
            .map_err(|failure| failure.into_error(During::Search))?;
        let base = &session.shared.base_dn;
        let contexts = root.texts("namingContexts");
        let context = contexts
            .filter(|context| is_within(base, context))
            .max_by_key(|context| context.len());
        let controller = root.text("dsServiceName").unwrap_or_default().to_string();
        let life = match controller.as_str() {
            "" => String::new(),
            controller => life(connection, controller).await?,
        };
        Ok(Root {
            context: context.unwrap_or(base).to_string(),
            at: root.text("currentTime").and_then(moment).unwrap_or(began),
            highest: root
                .text("highestCommittedUSN")
                .and_then(|number| number.parse().ok()),
            numbering: Numbering { controller, life },
        })
    }
}

/// Which life a controller leads, as far as that may be read ([MS-ADTS] 6.1.1.2.2.1.2.1.1, invocationId).
async fn life(connection: &Connection, controller: &str) -> Result<String> {
    let asked = ["invocationId".to_string()];
    let settings = match connection.read(controller, &asked, Vec::new()).await {
        Ok(settings) => settings.unwrap_or_default(),
        Err(failure) => return refused(failure).map(|()| String::new()),
    };
    let octets = settings.bytes("invocationId").first();
    Ok(octets.map_or_else(String::new, |octets| {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }))
}

/// A time as directories write it: `20261122173614.0Z` (RFC 4517 §3.3.13).
fn moment(text: &str) -> Option<Timestamp> {
    let digits = text.get(..14)?;
    let (date, time) = digits.split_at(8);
    let civil = DateTime::from_str(&format!("{date}T{time}")).ok()?;
    let is_utc = text.ends_with('Z');
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp()).filter(|_| is_utc)
}

pub(super) fn is_within(dn: &str, base: &str) -> bool {
    Dn::parse(dn)
        .zip(Dn::parse(base))
        .is_some_and(|(dn, base)| dn.is_within(&base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controllers_time_is_read() {
        let read = |text: &str| moment(text).map(|moment| moment.to_string());
        assert_eq!(read("20261122173614.0Z").as_deref(), Some("2026-11-22T17:36:14Z"));
        assert_eq!(read("20261122173614Z").as_deref(), Some("2026-11-22T17:36:14Z"));
        for wrong in [
            "20261122173614.0+0100",
            "2026",
            "",
            "20261322173614Z",
            "ä0261122173614Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn who_lies_below_is_inside() {
        assert!(is_within("CN=Ada,OU=staff,DC=x", "OU=Staff, DC=X"));
        assert!(!is_within("CN=Ada,OU=Rome,DC=x", "OU=Staff,DC=x"));
    }
}
