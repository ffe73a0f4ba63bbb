//! `muster check`: everything wrong with the directory's configuration, at once.

use std::collections::HashMap;

use ldap3::Scope;

use super::connection::Search;
use super::dialect::{Schema, described_names};
use super::errors::During;
use super::find::BATCH;
use super::model;
use super::target::{ActiveDirectory, DirectorySession};
use super::wire::Filter;
use crate::connector::{Problem, Severity};
use crate::error::{Error, Kind, Result};

/// Attributes people are matched by. A controller walks through the whole domain for each search by one that
/// is not indexed, and employeeID is not, as AD comes.
const MATCHED_BY: &[&str] = &[
    "employeeID",
    "employeeNumber",
    "mail",
    "userPrincipalName",
    "sAMAccountName",
    "extensionAttribute1",
];

/// `systemFlags` of a partition that is a domain ([MS-ADTS] 6.1.1.2.1.1.5: FLAG_CR_NTDS_DOMAIN), tested bit by bit.
const IS_DOMAIN: &str = "systemFlags:1.2.840.113556.1.4.803:";

/// `searchFlags`: the attribute has an index ([MS-ADTS] 2.2.10).
const INDEXED: u32 = 1;

pub(super) async fn check(target: &ActiveDirectory, containers: &[String]) -> Vec<Problem> {
    let (mut problems, answering) = reach(target).await;
    if let Some(session) = answering {
        for found in [
            bases(&session, containers).await,
            attributes(&session).await,
            forest(&session).await,
        ] {
            gather(&mut problems, found);
        }
        if !session.server.dialect.state {
            let message = "accounts of this directory cannot be disabled: it has no userAccountControl";
            problems.push(warning(message.to_string()));
        }
    }
    problems
}

/// What is wrong with the directory as a source.
pub(super) async fn source(source: &ActiveDirectory) -> Vec<Problem> {
    let (mut problems, answering) = reach(source).await;
    if let Some(session) = answering {
        gather(&mut problems, bases(&session, &[]).await);
        gather(&mut problems, unknown(&session).await);
        gather(&mut problems, super::sight::blind_spots(&session).await);
    }
    problems
}

fn gather(problems: &mut Vec<Problem>, found: Result<Vec<Problem>>) {
    match found {
        Ok(mut found) => problems.append(&mut found),
        Err(failed) => problems.push(error(failed.message)),
    }
}

/// What is wrong with the controllers, and a session on the first that has nothing.
async fn reach(target: &ActiveDirectory) -> (Vec<Problem>, Option<DirectorySession>) {
    let mut problems = Vec::new();
    let mut answering = None;
    for controller in &target.controllers {
        match target.session(controller).await {
            Ok(session) => drop(answering.get_or_insert(session)),
            Err(refused) => {
                let credentials = refused.kind == Kind::Unauthenticated;
                problems.push(error(refused.message));
                if credentials {
                    break;
                }
            }
        }
    }
    (problems, answering)
}

fn error(message: String) -> Problem {
    Problem {
        severity: Severity::Error,
        message,
    }
}

pub(super) fn warning(message: String) -> Problem {
    Problem {
        severity: Severity::Warning,
        message,
    }
}

async fn bases(session: &DirectorySession, containers: &[String]) -> Result<Vec<Problem>> {
    let connection = session.connection().await?;
    let shared = &session.shared;
    let mut bases = vec![("base_dn", &shared.base_dn)];
    if shared.search_base != shared.base_dn {
        bases.push(("search_base", &shared.search_base));
    }
    bases.extend(containers.iter().map(|container| ("container", container)));
    let mut problems = Vec::new();
    for (key, dn) in bases {
        let found = connection.read(dn, &["1.1".to_string()], Vec::new()).await;
        if found
            .map_err(|failure| failure.into_error(During::Search))?
            .is_none()
        {
            let what = "does not exist, or the service account may not read it";
            problems.push(error(format!("{key}: {dn} {what}")));
        }
    }
    Ok(problems)
}

/// Mapped attributes that the schema does not know, and slow ones to match by.
async fn attributes(session: &DirectorySession) -> Result<Vec<Problem>> {
    let known = described(session).await?;
    let mapped = session
        .shared
        .mapped
        .spelled
        .iter()
        .filter(|name| !model::is_virtual(name));
    let problem = |name: &String| match known.get(&name.to_lowercase()) {
        None => Some(error(format!(
            "{name} is mapped, and the directory's schema has no such attribute: correct the mapping, or \
             extend the schema"
        ))),
        Some(Index::Missing) if MATCHED_BY.iter().any(|it| it.eq_ignore_ascii_case(name)) => {
            Some(warning(format!(
                "{name} is not indexed: where people are matched by it, every search walks through the whole \
                 domain; set bit 0 of its searchFlags in the schema"
            )))
        }
        Some(_) => None,
    };
    Ok(mapped.filter_map(problem).collect())
}

/// What is read and cannot be there.
async fn unknown(session: &DirectorySession) -> Result<Vec<Problem>> {
    let known = described(session).await?;
    let read = session.shared.mapped.spelled.iter();
    let lost = read.filter(|name| !model::is_virtual(name) && !known.contains_key(&name.to_lowercase()));
    Ok(lost.map(|name| nowhere(name)).collect())
}

/// An attribute that this directory cannot have.
pub(super) fn nowhere(name: &str) -> Problem {
    warning(format!(
        "{name} is read by a mapping or a filter, and the directory has no such attribute: correct the schema"
    ))
}

/// Names have to be nobody's in the whole forest (B22).
async fn forest(session: &DirectorySession) -> Result<Vec<Problem>> {
    let Some(configuration) = session.server.configuration.as_deref() else {
        return Ok(Vec::new());
    };
    if !session.catalogs.is_empty() {
        return Ok(Vec::new());
    }
    let partitions = format!("CN=Partitions,{configuration}");
    let name = "dnsRoot".to_string();
    let search = Search {
        base: &partitions,
        scope: Scope::OneLevel,
        filter: Filter::equal(IS_DOMAIN, "2"),
        attributes: std::slice::from_ref(&name),
        controls: Vec::new(),
        page_size: session.shared.page_size,
    };
    let found = session.connection().await?.search(&search).await;
    let found = found.map_err(|failure| failure.into_error(During::Search))?;
    let domains: Vec<&str> = found.iter().filter_map(|entry| entry.text(&name)).collect();
    if domains.len() < 2 {
        return Ok(Vec::new());
    }
    Ok(vec![warning(format!(
        "the forest has several domains ({}), and names are looked for in this one alone: set `global_catalog`",
        domains.join(", ")
    ))])
}

enum Index {
    Present,
    Missing,
    /// The server does not say.
    Unknown,
}

/// The attributes that the schema knows, by name in lower case; of AD's, where there are thousands, the
/// mapped ones only.
async fn described(session: &DirectorySession) -> Result<HashMap<String, Index>> {
    let server = &session.server;
    let schema = server.schema.as_deref().ok_or_else(|| {
        Error::new(
            Kind::Forbidden,
            "the service account may not read where the directory keeps its schema",
        )
    })?;
    let connection = session.connection().await?;
    let failed = |failure: super::connection::Failure| failure.into_error(During::Search);
    match server.dialect.schema {
        Schema::Objects => {
            let attributes = ["lDAPDisplayName".to_string(), "searchFlags".to_string()];
            let mut known = HashMap::new();
            for names in session.shared.mapped.spelled.chunks(BATCH) {
                let filters = names
                    .iter()
                    .map(|name| Filter::equal("lDAPDisplayName", name))
                    .collect();
                let search = Search {
                    base: schema,
                    scope: Scope::OneLevel,
                    filter: Filter::Any(filters),
                    attributes: &attributes,
                    controls: Vec::new(),
                    page_size: session.shared.page_size,
                };
                for entry in connection.search(&search).await.map_err(failed)? {
                    let indexed = entry
                        .number("searchFlags")
                        .is_some_and(|flags| flags & INDEXED != 0);
                    let index = if indexed { Index::Present } else { Index::Missing };
                    known.extend(
                        entry
                            .text("lDAPDisplayName")
                            .map(|name| (name.to_lowercase(), index)),
                    );
                }
            }
            Ok(known)
        }
        Schema::Subentry => {
            let entry = connection
                .read(schema, &["attributeTypes".to_string()], Vec::new())
                .await;
            let entry = entry.map_err(failed)?.unwrap_or_default();
            let names = entry.texts("attributeTypes").flat_map(described_names);
            Ok(names.map(|name| (name.to_lowercase(), Index::Unknown)).collect())
        }
    }
}
