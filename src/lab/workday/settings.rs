//! What can be changed while the simulator runs.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// Permissions that the integration user lacks.
    pub lacks: Vec<Permission>,
    /// Only workers who are in one of these are seen: IDs of sites, companies and supervisory organizations with all
    /// below them; absent = all workers. A constrained security group does this.
    pub constrained_to: Option<Vec<String>>,
    pub password_expired: bool,
    /// The password expires after so many more calls.
    pub password_expires_after: Option<u64>,
    /// Too many wrong passwords lock the account; this unlocks it again.
    pub locked: bool,
    /// As the log files the effective moment of a termination.
    pub termination_moment: TerminationMoment,
    /// Whether a worker whose first day lies ahead already shows its date.
    pub future_hires_have_dates: bool,
    /// Whether names of contingent workers end in ` [C]`.
    pub marks_contingent_workers: bool,
    /// The longest user name.
    pub user_name_length: usize,
    pub token_lifetime_s: u32,
    /// Calls that may be made at once, and how many come back each second; 0 = no limit.
    pub rate_limit: u32,
    pub rate_refill: u32,
    /// How long every answer takes at least.
    pub latency_ms: u64,
    /// Things that happen in the company on a day by themselves, but not to whom the operator took on.
    pub news_per_day: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            lacks: Vec::new(),
            constrained_to: None,
            password_expired: false,
            password_expires_after: None,
            locked: false,
            termination_moment: TerminationMoment::DayAfter,
            future_hires_have_dates: false,
            marks_contingent_workers: true,
            user_name_length: 128,
            token_lifetime_s: 3600,
            rate_limit: 0,
            rate_refill: 10,
            latency_ms: 0,
            news_per_day: 0,
        }
    }
}

/// When a termination with the last day D is effective, to those who ask the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TerminationMoment {
    /// At the beginning of D.
    LastDay,
    /// When D is over.
    DayAfter,
}

/// What security policies give or withhold. Without one of the first, data are left out in silence; without one of the
/// last three, calls are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Worker Data: Workers. Without it there is nobody to be seen.
    Workers,
    /// Worker Data: Current Staffing Information: the data of employment.
    CurrentStaffing,
    /// Worker Data: All Positions: jobs beside the primary one.
    AllPositions,
    /// Worker Data: Business Title on Worker Profile.
    BusinessTitle,
    /// Person Data: Name.
    Names,
    /// Person Data: Work Contact Information, to read.
    WorkContact,
    /// Person Data: Home Contact Information, to read.
    HomeContact,
    /// Person Data: ID Information: custom IDs.
    IdInformation,
    /// Worker Data: Organization Information.
    Organizations,
    /// Worker Data: Public Worker Reports: the management chain.
    ManagementChain,
    /// External Account Provisioning.
    AccountProvisioning,
    /// Workday Accounts, to read.
    WorkdayAccounts,
    /// Person Data: Work Contact Information, to write.
    PutWorkContact,
    /// The business process policy: Work Contact Change, initiated by a web service.
    WorkContactChange,
    /// Workday Accounts, to write.
    PutWorkdayAccounts,
}

impl Settings {
    pub fn allow(&self, permission: Permission) -> bool {
        !self.lacks.contains(&permission)
    }

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

    pub fn bounded(self) -> Settings {
        Settings {
            latency_ms: self.latency_ms.min(LONGEST_DELAY),
            news_per_day: self.news_per_day.min(MOST_NEWS),
            user_name_length: self.user_name_length.clamp(1, 1024),
            ..self
        }
    }
}

/// No delay is longer than a day.
const LONGEST_DELAY: u64 = 24 * 60 * 60 * 1000;
const MOST_NEWS: u32 = 10_000;
