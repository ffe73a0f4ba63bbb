//! What a resource has before it when a call comes in: the users, the tenant, the settings and the time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::directory::Directory;
use super::exchange::Refusal;
use super::query::MOST;
use super::throttle::Throttling;

pub struct Desk<'a> {
    pub directory: &'a mut Directory,
    pub tenant: &'a Tenant,
    pub settings: &'a Settings,
    pub now: Timestamp,
}

/// Whose directory it is, and the one application that may use it.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub id: Uuid,
    /// The default domain.
    pub domain: String,
    pub client_id: Uuid,
    pub client_secret: String,
}

impl Tenant {
    /// The domain every tenant is born with.
    pub fn initial_domain(&self) -> String {
        let name = self.domain.split('.').next().unwrap_or("lab");
        format!("{name}.onmicrosoft.com")
    }

    pub fn domains(&self) -> [String; 2] {
        [self.domain.clone(), self.initial_domain()]
    }

    /// Names belong to a verified domain.
    pub fn check_domain(&self, principal_name: &str) -> Result<(), Refusal> {
        let domain = principal_name.rsplit_once('@').map_or("", |(_, domain)| domain);
        if self
            .domains()
            .iter()
            .any(|known| known.eq_ignore_ascii_case(domain))
        {
            return Ok(());
        }
        let message = "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization.";
        Err(Refusal::request(message).about("InvalidValue", "userPrincipalName", message))
    }
}

/// What can be changed while it runs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub throttle: Throttling,
    /// How far lists, filters and changes lag behind what was written.
    pub search_delay_ms: u64,
    /// How long a user who was made or restored is not found yet by id or name: not every replica knows at once.
    pub read_delay_ms: u64,
    /// How long every answer takes at least.
    pub latency_ms: u64,
    pub token_lifetime_s: u32,
    /// Users on a page of a list, where `$top` does not say.
    pub page: usize,
    /// Users on a page of changes.
    pub delta_page: usize,
    /// The application permissions that tokens name. They change nothing of what the application may do here.
    pub roles: Vec<String>,
}

/// What Muster needs.
const ROLES: [&str; 4] = [
    "Domain.Read.All",
    "User-PasswordProfile.ReadWrite.All",
    "User.EnableDisableAccount.All",
    "User.ReadWrite.All",
];

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            throttle: Throttling::Published,
            search_delay_ms: 0,
            read_delay_ms: 0,
            latency_ms: 0,
            token_lifetime_s: 3599,
            page: 100,
            delta_page: 200,
            roles: ROLES.map(str::to_string).to_vec(),
        }
    }
}

/// No delay is longer than a day.
const LONGEST_DELAY: u64 = 24 * 60 * 60 * 1000;

impl Settings {
    /// These settings with other members; what is out of bounds is brought within them.
    pub fn with(&self, changes: &Value) -> Result<Settings, String> {
        let changes = changes.as_object().ok_or("settings are a JSON object")?;
        let mut members = json!(self);
        if let Some(members) = members.as_object_mut() {
            members.extend(changes.clone());
        }
        let settings: Settings = serde_json::from_value(members).map_err(|error| error.to_string())?;
        Ok(settings.bounded())
    }

    /// A page of nobody would never end.
    pub fn bounded(self) -> Settings {
        Settings {
            search_delay_ms: self.search_delay_ms.min(LONGEST_DELAY),
            read_delay_ms: self.read_delay_ms.min(LONGEST_DELAY),
            latency_ms: self.latency_ms.min(LONGEST_DELAY),
            page: self.page.clamp(1, MOST),
            delta_page: self.delta_page.clamp(1, MOST),
            ..self
        }
    }
}
