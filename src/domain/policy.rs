//! All that planning needs to know besides facts: one schema version compiled, with the app's settings.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::account::Model;
use super::dn::Dn;
use super::mapping::{Mapping, Role};
use super::matching::TwinFilter;
use super::plan::Recipe;
use super::schema::Compiled;

#[derive(Clone, Debug)]
pub struct Policy {
    /// The schema version that plans name.
    pub version: i64,
    pub schema: Compiled,
    pub model: Model,
    pub settings: Settings,
}

/// An app's switches (`BEHAVIOUR.md`), each with the safe choice as its default.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where accounts are made when no mapping says so.
    pub container: Option<String>,
    /// The only containers in which anything is written (B21).
    pub managed: Vec<Dn>,
    /// `DefaultDomain()` of the mapping language.
    pub default_domain: Option<String>,
    /// B11: `true` is Entra's way, enabling whatever HR calls active.
    pub reenable_by_hr: bool,
    /// B14: leaving the scope does nothing to the account.
    pub skip_out_of_scope_deletions: bool,
    /// B15: from *gone at the source* to the deletion of the account.
    pub delete_after: SignedDuration,
    /// The administrator does without being able to bring a deleted account back.
    pub may_delete_at_once: bool,
    /// B7: which of several candidates are their people's second accounts.
    pub twins: TwinFilter,
    /// B10: an account that is gone is made again when HR has spoken since.
    pub recreate: bool,
    /// B21: disabled accounts follow their container mapping.
    pub move_disabled: bool,
    /// B29: how passwords are drawn that no mapping draws.
    pub initial_password: Recipe,
    /// B29: the first password is drawn anew when the work begins, and sealed for whoever hands it over.
    pub hands_over: bool,
    /// B30: whose names go home to HR, and when.
    pub user_names: UserNames,
    /// B30: attributes whose values from HR are remembered, so that nobody sends them back.
    pub remembered: BTreeSet<String>,
}

/// B30: which names to sign in with are written into people's records in an HR system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserNames {
    /// Whoever began to work before this day keeps the name that HR has; `None` for nobody.
    pub kept_before: Option<Date>,
    /// Names are written before their people's first day.
    pub before_hire: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            container: None,
            managed: Vec::new(),
            default_domain: None,
            reenable_by_hr: false,
            skip_out_of_scope_deletions: true,
            delete_after: SignedDuration::from_hours(30 * 24),
            may_delete_at_once: false,
            twins: TwinFilter::default(),
            recreate: false,
            move_disabled: false,
            initial_password: Recipe::default(),
            hands_over: false,
            user_names: UserNames::default(),
            remembered: BTreeSet::new(),
        }
    }
}

impl Policy {
    pub fn mapping(&self, role: Role) -> Option<&Mapping> {
        self.schema.mappings.iter().find(|mapping| mapping.role == role)
    }

    /// The mappings that find an account, most trusted first.
    pub fn matching(&self) -> impl Iterator<Item = &Mapping> {
        self.schema
            .mappings
            .iter()
            .filter(|mapping| mapping.matching.is_some())
    }

    /// Every target attribute that planning reads, for the connector to ask for.
    pub fn target_attributes(&self) -> Vec<String> {
        let mapped = self.schema.mappings.iter();
        let mapped = mapped.filter(|mapping| mapping.role != Role::Password);
        let mut names: Vec<String> = mapped.map(|mapping| mapping.target.clone()).collect();
        for name in self.settings.twins.attributes() {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.to_string());
            }
        }
        names
    }

    /// Some mapping or filter may say something else an hour from now (B18).
    pub fn reads_clock(&self) -> bool {
        let reads = |mapping: &Mapping| mapping.expression.as_ref().is_some_and(|one| one.reads_clock());
        self.schema.mappings.iter().any(reads)
    }
}
