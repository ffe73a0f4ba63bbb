//! One object in a target system, as the target shows it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The immutable key of an account in its target: an objectGUID in dashed text form, an entryUUID, a Graph
/// object id. Never a DN: DNs move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Anchor(pub String);

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Values by attribute name. Names are spelled as the policy spells them, whatever the target answered; a
/// reference (manager) holds the anchors of the accounts it points to; an attribute without values is absent.
pub type Values = BTreeMap<String, Vec<String>>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub anchor: Anchor,
    /// Where the target keeps it, for people to read: a DN, a user principal name.
    pub address: String,
    /// `None` where the target has no such notion.
    pub enabled: Option<bool>,
    pub values: Values,
    /// Why nobody but an administrator may touch it (adminCount, critical system object, our own account): B21.
    pub protected: Option<Protection>,
    /// It lies in the target's bin, from which it can be restored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

impl Account {
    pub fn first(&self, attribute: &str) -> Option<&str> {
        self.values
            .get(attribute)
            .and_then(|values| values.first())
            .map(String::as_str)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    AdminCount,
    CriticalSystemObject,
    OwnAccount,
    /// The app's `never` names it.
    Never,
    /// Another directory writes it here, and would write over us (B24).
    MasteredOnPremises,
    /// The worker of an HR system has left: nothing is written home any more (B30).
    Left,
}

impl Protection {
    /// Who is meant by it, for people to read.
    pub fn why(self) -> &'static str {
        match self {
            Protection::AdminCount => "it is, or was, an administrator's (adminCount is 1)",
            Protection::CriticalSystemObject => "the directory itself needs it (isCriticalSystemObject)",
            Protection::OwnAccount => "it is the one that this gateway signs in with",
            Protection::Never => "the app's `never` names it, or a group that it is in",
            Protection::MasteredOnPremises => "a directory on premises writes it",
            Protection::Left => "its worker has left",
        }
    }
}

/// What one kind of target calls the things that planning treats specially, and the values it takes.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// The attribute that enables and disables: (`accountDisabled`, false) or (`accountEnabled`, true); `None` where
    /// nobody is enabled or disabled from outside.
    pub state: Option<StateAttribute>,
    /// Other spellings that reach the same state and are never mapped beside it (`userAccountControl`).
    pub state_aliases: &'static [&'static str],
    /// The attribute that holds the container, where accounts live in a tree.
    pub container: Option<&'static str>,
    /// The attribute that is the object's own name inside its container, changed by renaming.
    pub name: Option<&'static str>,
    /// Attributes that point to other accounts.
    pub references: &'static [&'static str],
    /// Attributes by which people and systems know an account: never cleared, and changes count as renames.
    pub identifying: &'static [&'static str],
    /// The attributes that hold a person's given name and surname.
    pub person: Option<(&'static str, &'static str)>,
    /// Attributes without which an account cannot be made.
    pub required: &'static [&'static str],
    /// Attributes that hold a password: written once, when the account is made, and never read (B29).
    pub passwords: &'static [&'static str],
    /// A deleted account lies in a bin for a while, where it is found by its anchor and can be restored.
    pub bin: bool,
    /// The target's own way of writing one value, where it has several (a date as a date-time); what is compared
    /// and written is this.
    pub canonical: fn(attribute: &str, value: String) -> String,
    /// The target's own rule for one value: length, characters, form.
    pub check: fn(attribute: &str, value: &str) -> Result<(), Violation>,
    /// Puts the parts of one thing, which mean something together only, into the target's own form (those of a telephone
    /// number).
    pub compose: Option<Compose>,
    /// Where accounts are people's records in an HR system.
    pub record: Option<PersonalRecord>,
}

/// What an HR system calls the two things on which a name to sign in with depends (B30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonalRecord {
    /// The name that its person signs in with there.
    pub user_name: &'static str,
    /// The first day of work: `2026-01-19`. Read, and never written.
    pub first_day: &'static str,
}

/// Gets the single values that are wanted, by attribute, beside those that the account holds; changes what has another form
/// and says what cannot be.
pub type Compose = fn(wanted: &mut BTreeMap<String, String>, held: &Values) -> Vec<(String, Violation)>;

impl Model {
    /// How this model spells a name that it treats specially, whatever case a schema writes it in.
    pub fn spelling(&self, name: &str) -> Option<&'static str> {
        let special = [self.state.map(|state| state.name), self.container, self.name]
            .into_iter()
            .flatten();
        let lists = [self.references, self.identifying, self.required, self.passwords]
            .into_iter()
            .flatten()
            .copied();
        special
            .chain(lists)
            .find(|known| known.eq_ignore_ascii_case(name))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateAttribute {
    pub name: &'static str,
    /// The Boolean that means *enabled*.
    pub enabled: bool,
}

/// A value that the target would refuse, found before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// One of the log's codes that Entra ID documents.
    pub code: &'static str,
    pub message: String,
}
