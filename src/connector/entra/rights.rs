//! Least privilege (B31): the application permissions that the tenant gave us, as our token tells them, held against what
//! the mapped attributes need.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::config::Config;
use super::graph::Graph;
use super::target::Never;
use super::wire;
use crate::connector::rights::{Duty, Excess, Missing, Rights, Work};
use crate::domain::mapping::{Flow, Role};
use crate::domain::policy::Policy;
use crate::error::{Error, Kind, Result};

const READ: &str = "User.Read.All";
const READ_WRITE: &str = "User.ReadWrite.All";
const STATE: &str = "User.EnableDisableAccount.All";
const PASSWORDS: &str = "User-PasswordProfile.ReadWrite.All";
const DOMAINS: &str = "Domain.Read.All";
const GROUPS: &str = "GroupMember.Read.All";
const LEAVE_DATES: &str = "User-LifeCycleInfo.ReadWrite.All";

/// Permissions that hold another one ("Microsoft Graph permissions reference").
#[rustfmt::skip]
const HELD_BY: &[(&str, &[&str])] = &[
    (READ,       &[READ_WRITE, "Directory.Read.All", "Directory.ReadWrite.All"]),
    (READ_WRITE, &["Directory.ReadWrite.All"]),
    (DOMAINS,    &["Domain.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
    (GROUPS,     &["GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
    (PASSWORDS,  &["the role User Administrator"]),
];

/// Roles of the directory, by the ids that tokens name them with ("Microsoft Entra built-in roles").
#[rustfmt::skip]
const ROLES: &[(&str, &str)] = &[
    ("62e90394-69f5-4237-9190-012177145e10", "the role Global Administrator"),
    ("e8611ab8-c189-46e8-94e1-60213ab1f814", "the role Privileged Role Administrator"),
    ("fe930be7-5e62-47db-91af-98c3a49a38b1", "the role User Administrator"),
];

/// Permissions with which an app can make itself anything.
const POWERS: &[&str] = &[
    "RoleManagement.ReadWrite.Directory",
    "AppRoleAssignment.ReadWrite.All",
    "Application.ReadWrite.All",
    "Directory.ReadWrite.All",
    "the role Global Administrator",
    "the role Privileged Role Administrator",
    "PrivilegedAccess.ReadWrite.AzureADGroup",
    "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
    "RoleAssignmentSchedule.ReadWrite.Directory",
    "UserAuthenticationMethod.ReadWrite.All",
];

/// What each is needed for.
struct Need {
    permission: &'static str,
    app: String,
    attributes: Vec<String>,
    consequence: &'static str,
}

/// What the app lacks and has too much of. Errors: no token can be had, or it cannot be read.
pub(in crate::connector) async fn read(config: &Config, duties: &[Duty<'_>]) -> Result<Rights> {
    let claims = Graph::new(config)?.claims().await?.ok_or_else(|| {
        let message = "the tenant's token is not one that can be read, so nothing can be said of the app's permissions: see \
                       its API permissions in the portal";
        Error::new(Kind::Unsupported, message)
    })?;
    let given = given(&claims);
    let needs = needs(duties);
    Ok(Rights {
        account: format!("the app {}", config.client_id),
        missing: missing(&needs, &given),
        excess: excess(&needs, &given),
        ..Rights::default()
    })
}

/// Application permissions (`roles`) and roles of the directory (`wids`; "Access token claims reference").
fn given(claims: &Json) -> Vec<&str> {
    let texts = |claim: &str| {
        let listed = claims[claim].as_array().into_iter().flatten();
        listed.filter_map(Json::as_str).collect::<Vec<_>>()
    };
    let held = texts("wids");
    let roles = ROLES.iter().filter(|(id, _)| held.contains(id));
    texts("roles")
        .into_iter()
        .chain(roles.map(|(_, name)| *name))
        .collect()
}

/// The permissions to grant, one a line.
pub(in crate::connector) fn needed(duties: &[Duty<'_>]) -> Vec<String> {
    least(&needs(duties)).into_keys().map(str::to_string).collect()
}

/// Without those that another one holds.
fn least(needs: &[Need]) -> BTreeMap<&'static str, Vec<&Need>> {
    let mut least: BTreeMap<&str, Vec<&Need>> = BTreeMap::new();
    for need in needs {
        let is_held = |by: &&str| needs.iter().any(|other| other.permission == *by);
        if !holders(need.permission).iter().any(is_held) {
            least.entry(need.permission).or_default().push(need);
        }
    }
    least
}

fn holders(permission: &str) -> &'static [&'static str] {
    let row = HELD_BY.iter().find(|(held, _)| *held == permission);
    row.map_or(&[], |(_, by)| *by)
}

fn missing(needs: &[Need], given: &[&str]) -> Vec<Missing> {
    let has = |permission: &str| {
        given.contains(&permission) || holders(permission).iter().any(|by| given.contains(by))
    };
    let lacking = needs.iter().filter(|need| !has(need.permission));
    lacking
        .map(|need| Missing {
            app: need.app.clone(),
            place: String::new(),
            right: need.permission.to_string(),
            property: None,
            attributes: need.attributes.clone(),
            consequence: need.consequence.to_string(),
        })
        .collect()
}

fn excess(needs: &[Need], given: &[&str]) -> Vec<Excess> {
    let least = least(needs);
    let unneeded = given
        .iter()
        .filter(|permission| !least.contains_key(**permission));
    unneeded
        .map(|permission| Excess {
            place: String::new(),
            right: match POWERS.contains(permission) {
                true => format!("{permission}, with which an app can take over the tenant"),
                false => (*permission).to_string(),
            },
            through: "admin consent".to_string(),
        })
        .collect()
}

fn needs(duties: &[Duty<'_>]) -> Vec<Need> {
    let mut needs = Vec::new();
    for duty in duties {
        let mut add = |permission, attributes: Vec<String>, consequence| {
            needs.push(Need {
                permission,
                app: duty.app.to_string(),
                attributes,
                consequence,
            });
        };
        match duty.work {
            Work::Reads(_) => add(READ, Vec::new(), "nobody is read from the tenant"),
            Work::Writes(policy) => writes(policy, &mut add),
        }
        if let (Work::Writes(_), Some(Never::MembersOf(_))) = (duty.work, duty.never.map(Never::parse)) {
            add(
                GROUPS,
                Vec::new(),
                "nobody is written: nobody can say who is in the group of `never`",
            );
        }
    }
    needs
}

fn writes(policy: &Policy, add: &mut impl FnMut(&'static str, Vec<String>, &'static str)) {
    let flows = policy.schema.flow_types;
    let mappings = || policy.schema.mappings.iter();
    let changed = || mappings().filter(|it| flows.update && it.flow != Flow::ObjectAddOnly);
    let of_role = |role: Role| {
        let found = changed().filter(move |it| it.role == role);
        found.map(|it| it.target.clone()).collect::<Vec<_>>()
    };
    add(READ, Vec::new(), "nobody is found");
    let is_said = |target: &str| {
        let property = wire::place(target).property;
        property.eq_ignore_ascii_case("employeeLeaveDateTime")
    };
    let ordinary = changed().filter(|it| it.role != Role::State && it.role != Role::Password);
    let ordinary: Vec<String> = ordinary.map(|it| it.target.clone()).collect();
    if flows.add || flows.delete || !ordinary.is_empty() {
        add(READ_WRITE, ordinary, "users are neither made nor changed");
    }
    let state = of_role(Role::State);
    let leaves = flows.delete || !policy.settings.skip_out_of_scope_deletions;
    if !state.is_empty() || leaves {
        add(
            STATE,
            state.clone(),
            "leavers are not disabled, and nobody is enabled",
        );
    }
    if policy.settings.hands_over {
        add(PASSWORDS, state, "nobody is handed a first password");
    } else if !state.is_empty() {
        let consequence = "who returns after more than 30 days is enabled, and keeps the old password";
        add(PASSWORDS, state, consequence);
    }
    let dates = mappings()
        .filter(|it| is_said(&it.target))
        .map(|it| it.target.clone());
    let dates: Vec<String> = dates.collect();
    if !dates.is_empty() {
        add(LEAVE_DATES, dates, "Graph refuses what HR says of it");
    }
    add(
        DOMAINS,
        Vec::new(),
        "names in foreign domains are found out only when they are sent",
    );
}
