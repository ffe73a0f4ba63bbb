//! Least privilege (B31): what the service account may do, as the access lists of the directory say, held against what
//! the apps need of it. Only reads.
//!
//! - `needs`: which rights follow from a policy. `names`: the GUIDs under which access lists know them.
//! - `identity`: the account, the groups it is in, and whether they make it privileged.
//! - `descriptor`, `access`: access lists, and the check that a controller makes by them. New accounts are judged by what
//!   they will inherit of their container, some of those that are there by their own lists.
//! - `survey`: what was read of the domain, and what is missing and too much by it.
//! - `excess`: what an entry grants beyond all that.
//! - `delegation`: the commands that grant what is needed.

mod access;
mod delegation;
mod descriptor;
mod excess;
mod identity;
mod names;
mod needs;
mod survey;

use std::collections::{BTreeMap, BTreeSet};

use self::identity::Identity;
use self::names::Names;
use self::needs::{Need, Right};
use self::survey::Survey;
use super::config::Config;
use super::connection::Failure;
use super::errors::During;
use super::target::{ActiveDirectory, DirectorySession};
use crate::connector::rights::{Duty, Rights, Tool};
use crate::domain::dn::Dn;
use crate::domain::policy::Policy;
use crate::error::{Error, Result};

/// What the account lacks and has too much of. Errors: nobody answers, or the directory tells nothing of rights.
pub(in crate::connector) async fn read(config: &Config, duties: &[Duty<'_>]) -> Result<Rights> {
    let survey = Survey::new(config, duties).await?;
    let privileged = survey.identity.privileges();
    let mut rights = Rights {
        account: survey.identity.name.clone(),
        privileged_allowed: config.allow_privileged,
        privileged,
        ..Rights::default()
    };
    for task in &survey.tasks {
        for managed in &task.managed {
            survey.missing(task, managed, &mut rights).await?;
        }
    }
    if duties.iter().any(|duty| duty.writes().is_none()) {
        let note = "workers are read from it, too: what is hidden from the account is told by the check of the system itself";
        rights.notes.push(note.to_string());
    }
    survey.excess(&mut rights);
    if let Err(error) = survey.protected_accounts(&mut rights).await {
        // It walks through the whole domain, which a controller may find too long.
        let note = format!("rights over protected accounts were not looked for: {error}");
        rights.notes.push(note);
    }
    rights.excess.sort();
    rights.excess.dedup();
    Ok(rights)
}

/// The commands that grant what the apps need, and no more.
pub(in crate::connector) async fn delegation(
    config: &Config,
    duties: &[Duty<'_>],
    tool: Tool,
) -> Result<Vec<String>> {
    let session = session(config).await?;
    let identity = Identity::read(&session).await?;
    let names = Names::read(&session).await?;
    let connection = session.connection().await?;
    let mut by_container: BTreeMap<String, BTreeSet<Right>> = BTreeMap::new();
    for task in tasks(duties, &names) {
        for managed in &task.managed {
            let found = connection
                .read(&managed.to_string(), &["1.1".to_string()], Vec::new())
                .await;
            let missing = || {
                Error::invalid(format!(
                    "{managed}, which app {} manages, does not exist: make it first",
                    task.app
                ))
            };
            let container = found.map_err(failed)?.ok_or_else(missing)?.dn;
            let needed = task.needs.iter().map(|need| need.right.clone());
            by_container.entry(container).or_default().extend(needed);
        }
    }
    let lines = by_container.iter().map(|(container, needed)| match tool {
        Tool::Dsacls => delegation::dsacls(container, needed, &identity),
        Tool::SambaTool => {
            delegation::samba_tool(container, needed, &identity, &names).map(|line| vec![line])
        }
    });
    Ok(lines.collect::<Result<Vec<_>>>()?.concat())
}

async fn session(config: &Config) -> Result<DirectorySession> {
    ActiveDirectory::new(config.clone(), &[], None)?
        .first_session(None)
        .await
}

fn failed(failure: Failure) -> Error {
    failure.into_error(During::Search)
}

/// What one app has to do.
struct Task<'a> {
    app: &'a str,
    /// Its fences, without those that lie in another.
    managed: Vec<Dn>,
    needs: Vec<Need>,
}

/// Attributes that the schema does not know are no matter of rights.
fn tasks<'a>(duties: &[Duty<'a>], names: &Names) -> Vec<Task<'a>> {
    let task = |(app, policy): (&'a str, &Policy)| {
        let is_known = |need: &Need| {
            need.right
                .property()
                .is_none_or(|name| !names.ids(name).is_empty())
        };
        Task {
            app,
            managed: outermost(&policy.settings.managed),
            needs: needs::of(policy).into_iter().filter(is_known).collect(),
        }
    };
    duties.iter().filter_map(|duty| duty.writes()).map(task).collect()
}

fn outermost(fences: &[Dn]) -> Vec<Dn> {
    let is_outermost = |fence: &&Dn| {
        !fences
            .iter()
            .any(|other| other != *fence && fence.is_within(other))
    };
    let mut outermost: Vec<Dn> = fences.iter().filter(is_outermost).cloned().collect();
    outermost.dedup();
    outermost
}
