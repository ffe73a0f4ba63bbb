//! Whether somebody holds a name that an account is about to be given (B22): anybody in the domain, of any kind of
//! object, in any of the attributes by which people are signed in and written to.

use std::collections::HashSet;

use futures::stream::{self, StreamExt, TryStreamExt};
use ldap3::Scope;

use super::connection::{CONNECTIONS, Search};
use super::errors::During;
use super::find::BATCH;
use super::model;
use super::target::DirectorySession;
use super::wire::{self, Entry, Filter};
use crate::connector::UniqueValue;
use crate::domain::value::folded;
use crate::error::Result;

/// Where a name is looked for, whichever of them it is for.
const NAMES: &[&str] = &["userPrincipalName", "mail", "mailNickname", "sAMAccountName"];
const PROXIES: &str = "proxyAddresses";
const PROXY: &str = "smtp:";

/// `taken[i]` answers `values[i]`.
pub(super) async fn taken(session: &DirectorySession, values: &[UniqueValue]) -> Result<Vec<bool>> {
    let batches: Vec<Vec<UniqueValue>> = values
        .chunks(BATCH / (NAMES.len() + 1))
        .map(<[UniqueValue]>::to_vec)
        .collect();
    let answers: Vec<Vec<bool>> = stream::iter(batches)
        .map(|batch| answer(session, batch))
        .buffered(CONNECTIONS)
        .try_collect()
        .await?;
    Ok(answers.concat())
}

/// The directory is the judge of what is equal: if it found somebody in whom we see none of the values, each is asked for
/// by itself.
async fn answer(session: &DirectorySession, values: Vec<UniqueValue>) -> Result<Vec<bool>> {
    let entries = ask(session, &values).await?;
    let wanted: Vec<String> = values.iter().map(|one| folded(&one.value)).collect();
    let names = attributes(&values);
    let mut held = HashSet::new();
    let mut all_seen = true;
    for entry in &entries {
        let texts = names
            .iter()
            .flat_map(|name| wire::texts(entry, name).into_iter().map(|text| bare(name, &text)));
        let seen: Vec<String> = texts.filter(|text| wanted.contains(text)).collect();
        all_seen &= !seen.is_empty();
        held.extend(seen);
    }
    if all_seen {
        return Ok(wanted.iter().map(|value| held.contains(value)).collect());
    }
    let mut taken = Vec::with_capacity(values.len());
    for one in &values {
        taken.push(!ask(session, std::slice::from_ref(one)).await?.is_empty());
    }
    Ok(taken)
}

async fn ask(session: &DirectorySession, values: &[UniqueValue]) -> Result<Vec<Entry>> {
    let tests = values.iter().flat_map(|one| {
        let proxy = Filter::equal(PROXIES, &format!("{PROXY}{}", one.value));
        let named = horizon(one)
            .into_iter()
            .map(|name| Filter::equal(name, &one.value));
        named.chain(is_address(one).then_some(proxy)).collect::<Vec<_>>()
    });
    let asked = attributes(values);
    let search = Search {
        base: &session.shared.base_dn,
        scope: Scope::Subtree,
        filter: Filter::Any(tests.collect()),
        attributes: &asked,
        controls: session.controls(),
        page_size: session.shared.page_size,
    };
    let connection = session.connection().await?;
    let found = connection.search(&search).await;
    found.map_err(|failure| failure.into_error(During::Search))
}

/// A name inside a container is another matter than those by which people are addressed.
fn is_address(value: &UniqueValue) -> bool {
    !model::MODEL
        .name
        .is_some_and(|name| name.eq_ignore_ascii_case(&value.attribute))
}

fn horizon(value: &UniqueValue) -> Vec<String> {
    let own = value.attribute.as_str();
    let mut names: Vec<String> = match is_address(value) {
        true => NAMES.iter().map(|name| (*name).to_string()).collect(),
        false => Vec::new(),
    };
    let is_new = !names.iter().any(|name| name.eq_ignore_ascii_case(own));
    if is_new && wire::is_attribute_name(own) && (!is_address(value) || !model::is_virtual(own)) {
        names.push(own.to_string());
    }
    names
}

fn attributes(values: &[UniqueValue]) -> Vec<String> {
    let mut names: Vec<String> = values
        .iter()
        .flat_map(horizon)
        .chain([PROXIES.to_string()])
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A proxy address without its kind.
fn bare(attribute: &str, value: &str) -> String {
    let folded = folded(value);
    match folded.strip_prefix(PROXY) {
        Some(address) if attribute == PROXIES => address.to_string(),
        _ => folded,
    }
}
