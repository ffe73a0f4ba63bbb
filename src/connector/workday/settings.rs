//! What `writeback = { … }` says in a table of the kind `workday`.

use serde::Deserialize;

use super::config::MOST_IN_FLIGHT;
use super::model::Device;
use crate::error::{Error, Result};

/// How contacts and user names are written home. The operations are those of the URL's version, but never of one before
/// v31.2: work contacts cannot be changed before v30.0, and countries to dial have no name of their own before v31.2.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `Phone_Device_Type_ID` of landlines: tenants call them what they like.
    pub landline: String,
    /// That of mobiles.
    pub mobile: String,
    /// `Communication_Usage_Type_ID` of what is for work.
    pub usage: String,
    /// Whether a new phone or address is public.
    pub public: bool,
    /// Whether the business process is approved by itself. Without, what is written waits for people in Workday.
    pub auto_complete: bool,
    /// What Workday shows as the reason of the change; empty for none.
    pub comment: String,
    /// People who are written at the same time, 1 to 16.
    pub writes_in_flight: usize,
    /// `System_ID` by which `Update_Workday_Account` knows worker IDs.
    pub worker_id_system: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            landline: "Landline".into(),
            mobile: "Mobile".into(),
            usage: "WORK".into(),
            public: true,
            auto_complete: true,
            comment: "Written by Muster from the directory".into(),
            writes_in_flight: 4,
            worker_id_system: "WD-EMPLID".into(),
        }
    }
}

impl Settings {
    pub(super) fn device(&self, device: Device) -> &str {
        match device {
            Device::Landline => &self.landline,
            Device::Mobile => &self.mobile,
        }
    }

    /// The error names the key.
    pub(super) fn check(&self) -> Result<()> {
        let named = [
            ("landline", &self.landline),
            ("mobile", &self.mobile),
            ("usage", &self.usage),
            ("worker_id_system", &self.worker_id_system),
        ];
        for (key, text) in named.into_iter().chain([("comment", &self.comment)]) {
            let fault = match text {
                text if text.chars().any(|c| c.is_control() && c != '\n') => {
                    "has control characters, which XML cannot carry"
                }
                text if key != "comment" && text.trim().is_empty() => {
                    "is empty: leave it out for the usual one"
                }
                _ => continue,
            };
            return Err(Error::invalid(fault).at(format!("writeback.{key}")));
        }
        if self.landline == self.mobile {
            let message = "is the device type of landlines as well: give each its own";
            return Err(Error::invalid(message).at("writeback.mobile"));
        }
        if !(1..=MOST_IN_FLIGHT).contains(&self.writes_in_flight) {
            let message = format!("must be between 1 and {MOST_IN_FLIGHT}");
            return Err(Error::invalid(message).at("writeback.writes_in_flight"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_tenant_may_call_things_otherwise() {
        assert_eq!(of(""), Settings::default());
        Settings::default().check().unwrap();
        let settings = of("mobile = \"Cell\"\nauto_complete = false");
        assert_eq!(settings.device(Device::Mobile), "Cell");
        assert_eq!(settings.device(Device::Landline), "Landline");
        assert!(!settings.auto_complete);
        for (text, key) in [
            ("mobile = \"Landline\"", "writeback.mobile"),
            ("usage = \" \"", "writeback.usage"),
            ("comment = \"a\\u0001\"", "writeback.comment"),
            ("writes_in_flight = 17", "writeback.writes_in_flight"),
            ("writes_in_flight = 0", "writeback.writes_in_flight"),
        ] {
            let error = of(text).check().unwrap_err();
            assert_eq!(error.target.as_deref(), Some(key), "{text}: {error}");
        }
        let unknown = toml::from_str::<Settings>("fax = \"Fax\"");
        assert!(unknown.unwrap_err().to_string().contains("fax"));
    }
}
