//! Whether somebody holds a name that an account is about to be given (B22): anybody in the domain, and in the forest where
//! the config names its global catalog, of any kind of object, in any of the attributes by which people are signed in and
//! written to.

use std::collections::HashSet;

use futures::stream::{self, StreamExt, TryStreamExt};
use ldap3::Scope;

use super::connection::{CONNECTIONS, Connection, Search};
use super::errors::During;
use super::find::BATCH;
use super::model;
use super::target::DirectorySession;
use super::wire::{self, Entry, Filter};
use crate::connector::UniqueValue;
use crate::domain::value::folded;
use crate::error::{Error, Kind, Result};

/// Where a name is looked for, whichever of them it is for.
const NAMES: &[&str] = &["userPrincipalName", "mail", "mailNickname", "sAMAccountName"];
/// Of those, what nobody else in the forest may have either.
const FOREST_NAMES: &[&str] = &["userPrincipalName", "mail", "mailNickname"];
const PROXIES: &str = "proxyAddresses";
const PROXY: &str = "smtp:";

/// Where names are looked for.
#[derive(Clone)]
enum Place {
    Domain,
    /// What a global catalog knows of all domains.
    Forest(Connection),
}

/// `taken[i]` answers `values[i]`. Where no global catalog answers, nobody knows of an address whether it is free.
pub(super) async fn taken(session: &DirectorySession, values: &[UniqueValue]) -> Result<Vec<Result<bool>>> {
    let in_domain = answers(session, &Place::Domain, values).await?;
    let mut taken: Vec<Result<bool>> = in_domain.into_iter().map(Ok).collect();
    let is_open = |at: &usize| is_address(&values[*at]) && matches!(taken[*at], Ok(false));
    let open: Vec<usize> = (0..values.len()).filter(is_open).collect();
    if session.catalogs.is_empty() || open.is_empty() {
        return Ok(taken);
    }
    let addresses: Vec<UniqueValue> = open.iter().map(|at| values[*at].clone()).collect();
    let in_forest = match catalog(session).await {
        Ok(catalog) => answers(session, &Place::Forest(catalog), &addresses).await,
        Err(error) => Err(error),
    };
    for (turn, at) in open.into_iter().enumerate() {
        taken[at] = match &in_forest {
            Ok(in_forest) => Ok(in_forest[turn]),
            Err(error) => Err(error.shared()),
        };
    }
    Ok(taken)
}

/// The first global catalog that answers.
async fn catalog(session: &DirectorySession) -> Result<Connection> {
    let mut causes = Vec::new();
    for catalog in session.catalogs.iter() {
        match catalog.connection(0).await {
            Ok(connection) => return Ok(connection),
            Err(error) if error.kind == Kind::Unauthenticated => return Err(error),
            Err(error) => causes.push(error.message),
        }
    }
    Err(Error::unavailable(format!(
        "no global catalog can be asked whether names are free: {}",
        causes.join("; ")
    )))
}

async fn answers(session: &DirectorySession, place: &Place, values: &[UniqueValue]) -> Result<Vec<bool>> {
    let batches: Vec<Vec<UniqueValue>> = values
        .chunks(BATCH / (NAMES.len() + 1))
        .map(<[UniqueValue]>::to_vec)
        .collect();
    let answers: Vec<Vec<bool>> = stream::iter(batches)
        .map(|batch| answer(session, place, batch))
        .buffered(CONNECTIONS)
        .try_collect()
        .await?;
    Ok(answers.concat())
}

/// The directory is the judge of what is equal: if it found somebody in whom we see none of the values, each is asked for
/// by itself.
async fn answer(session: &DirectorySession, place: &Place, values: Vec<UniqueValue>) -> Result<Vec<bool>> {
    let entries = ask(session, place, &values).await?;
    let wanted: Vec<String> = values.iter().map(|one| folded(&one.value)).collect();
    let names = place.attributes(&values);
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
        taken.push(!ask(session, place, std::slice::from_ref(one)).await?.is_empty());
    }
    Ok(taken)
}

/// Whoever there holds any of the values.
async fn ask(session: &DirectorySession, place: &Place, values: &[UniqueValue]) -> Result<Vec<Entry>> {
    let tests = values.iter().flat_map(|one| {
        let proxy = Filter::equal(PROXIES, &format!("{PROXY}{}", one.value));
        let names = place.horizon(one).into_iter();
        let named = names.map(|name| Filter::equal(name, &one.value));
        named.chain(is_address(one).then_some(proxy)).collect::<Vec<_>>()
    });
    let asked = place.attributes(values);
    let search = Search {
        base: match place {
            Place::Domain => &session.shared.base_dn,
            Place::Forest(_) => "",
        },
        scope: Scope::Subtree,
        filter: Filter::Any(tests.collect()),
        attributes: &asked,
        controls: session.controls(),
        page_size: session.shared.page_size,
    };
    let connection = match place {
        Place::Domain => session.connection().await?,
        Place::Forest(catalog) => catalog.clone(),
    };
    let found = connection.search(&search).await;
    found.map_err(|failure| failure.into_error(During::Search))
}

/// A name inside a container is another matter than those by which people are addressed.
fn is_address(value: &UniqueValue) -> bool {
    !model::MODEL
        .name
        .is_some_and(|name| name.eq_ignore_ascii_case(&value.attribute))
}

impl Place {
    /// The attributes in which a value is looked for. Names of accounts are a domain's own.
    fn horizon(&self, value: &UniqueValue) -> Vec<String> {
        let known = match self {
            Place::Domain => NAMES,
            Place::Forest(_) => FOREST_NAMES,
        };
        let known = known.iter().filter(|_| is_address(value));
        let mut names: Vec<String> = known.map(|name| (*name).to_string()).collect();
        let own = value.attribute.as_str();
        let is_new = !names.iter().any(|name| name.eq_ignore_ascii_case(own));
        let is_held = wire::is_attribute_name(own) && (!is_address(value) || !model::is_virtual(own));
        if matches!(self, Place::Domain) && is_new && is_held {
            names.push(own.to_string());
        }
        names
    }

    fn attributes(&self, values: &[UniqueValue]) -> Vec<String> {
        let mut names: Vec<String> = values
            .iter()
            .flat_map(|value| self.horizon(value))
            .chain([PROXIES.to_string()])
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// A proxy address without its kind.
fn bare(attribute: &str, value: &str) -> String {
    let folded = folded(value);
    match folded.strip_prefix(PROXY) {
        Some(address) if attribute == PROXIES => address.to_string(),
        _ => folded,
    }
}
