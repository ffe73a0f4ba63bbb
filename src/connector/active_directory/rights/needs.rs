//! Which rights follow from a policy, and what fails for lack of each.

use crate::connector::active_directory::dialect::ACTIVE_DIRECTORY;
use crate::connector::active_directory::model;
use crate::connector::active_directory::wire::{Mapped, USER_ACCOUNT_CONTROL};
use crate::domain::mapping::{Flow, Role};
use crate::domain::policy::Policy;

/// The object's own name: the attribute that it is made of, and the one that shows it ([MS-ADTS] 3.1.1.5.4).
const NAME: [&str; 2] = ["cn", "name"];

/// Looked at in every search for people.
const CLASSES: [&str; 2] = ["objectClass", "objectCategory"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub right: Right,
    /// The mapped attributes that it is for.
    pub attributes: Vec<String>,
    pub consequence: &'static str,
}

/// On a container, or on the accounts in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    List,
    CreateUsers,
    Read(String),
    Write(String),
    ResetPassword,
    DeleteUsers,
}

impl Right {
    pub(super) fn text(&self) -> &'static str {
        match self {
            Right::List => "list contents",
            Right::CreateUsers => "create users",
            Right::Read(_) => "read",
            Right::Write(_) => "write",
            Right::ResetPassword => "reset passwords",
            Right::DeleteUsers => "delete users",
        }
    }

    pub(super) fn property(&self) -> Option<&str> {
        match self {
            Right::Read(property) | Right::Write(property) => Some(property),
            _ => None,
        }
    }
}

/// Everything that a job with this policy does to accounts, and what of them it reads.
pub(super) fn of(policy: &Policy) -> Vec<Need> {
    let mut needs = Needs::default();
    let flows = policy.schema.flow_types;
    needs.add(Right::List, &[], "nobody in it is found");
    if flows.add {
        needs.add(Right::CreateUsers, &[], "new workers get no account");
        needs.add(Right::ResetPassword, &[], "new accounts get no password");
    }
    for mapping in policy.schema.mappings.iter() {
        if flows.update && mapping.flow != Flow::ObjectAddOnly {
            needs.change(mapping.role, &mapping.target);
        }
    }
    let disables = flows.delete || !policy.settings.skip_out_of_scope_deletions;
    if disables {
        let write = Right::Write(USER_ACCOUNT_CONTROL.into());
        needs.add(write, &[], "whoever is gone or leaves the scope is not disabled");
    }
    if flows.delete {
        needs.add(Right::DeleteUsers, &[], "accounts that are to be deleted stay");
    }
    let resets = needs.has(&Right::ResetPassword);
    if resets && policy.settings.initial_password.change_at_logon {
        let write = Right::Write("pwdLastSet".into());
        needs.add(write, &[], "nobody is asked to choose another password");
    }
    needs.reads(policy);
    needs.0
}

#[derive(Default)]
struct Needs(Vec<Need>);

impl Needs {
    fn has(&self, right: &Right) -> bool {
        self.0.iter().any(|need| need.right == *right)
    }

    /// The first reason for a right is told; further attributes join it.
    fn add(&mut self, right: Right, attributes: &[&str], consequence: &'static str) {
        let names = attributes.iter().map(|name| (*name).to_string());
        match self.0.iter_mut().find(|need| need.right == right) {
            Some(need) => need.attributes.extend(names),
            None => self.0.push(Need {
                right,
                attributes: names.collect(),
                consequence,
            }),
        }
    }

    fn change(&mut self, role: Role, target: &str) {
        let write = |property: &str| Right::Write(property.to_string());
        match role {
            Role::State => {
                let consequence = "leavers are not disabled, and nobody is enabled";
                self.add(write(USER_ACCOUNT_CONTROL), &[target], consequence);
                let consequence = "who returns after a long time goes on with the old password";
                self.add(Right::ResetPassword, &[target], consequence);
            }
            Role::Name => {
                for property in NAME {
                    self.add(write(property), &[target], "accounts are not renamed");
                }
            }
            Role::Container => {
                self.add(Right::CreateUsers, &[target], "accounts are not moved here");
                self.add(Right::DeleteUsers, &[target], "accounts are not moved away");
                for property in NAME {
                    self.add(write(property), &[target], "accounts are not moved");
                }
            }
            Role::Password => {}
            Role::Plain | Role::Reference => {
                if role == Role::Reference || model::is_settable(target) {
                    let consequence = "what HR says of it is refused for accounts that are there";
                    self.add(write(target), &[target], consequence);
                }
            }
        }
    }

    fn reads(&mut self, policy: &Policy) {
        let spelled = policy.target_attributes();
        let is_mapped = |name: &str| spelled.iter().any(|it| it.eq_ignore_ascii_case(name));
        let asked = Mapped {
            spelled: spelled.clone(),
        }
        .asked(&ACTIVE_DIRECTORY);
        for name in asked.iter().map(String::as_str).chain(CLASSES) {
            let mapped: &[&str] = if is_mapped(name) { &[name] } else { &[] };
            let consequence = match mapped {
                [] => "accounts are not found, or not known for what they are",
                _ => "it looks empty, so that what is there is never replaced",
            };
            self.add(Right::Read(name.to_string()), mapped, consequence);
        }
    }
}
