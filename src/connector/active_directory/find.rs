//! Asking for accounts: many workers in one search, or all accounts page by page.

use std::collections::{BTreeMap, HashMap};

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use ldap3::Scope;

use super::connection::{CONNECTIONS, Connection, Search};
use super::errors::During;
use super::model;
use super::target::DirectorySession;
use super::wire::{self, Entry, Filter};
use crate::connector::Lookup;
use crate::domain::account::{Account, Anchor};
use crate::domain::value;
use crate::error::{Error, Kind, Result};

/// Terms in one search. An unindexed attribute costs one walk through the domain a search, not a term.
pub(super) const BATCH: usize = 100;

/// The accounts each lookup finds, in the order of the lookups.
pub(super) async fn find(session: &DirectorySession, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
    let questions = questions(session, lookups)?;
    let answers: Vec<Vec<(usize, Account)>> = stream::iter(questions)
        .map(|question| answer(session, question))
        .buffered(CONNECTIONS)
        .try_collect()
        .await?;
    let mut found = vec![Vec::new(); lookups.len()];
    for (lookup, account) in answers.into_iter().flatten() {
        found[lookup].push(account);
    }
    Ok(found)
}

/// One search that answers several lookups.
struct Question {
    /// Below the domain's DN; the search base otherwise.
    everywhere: bool,
    terms: Vec<Term>,
}

/// One lookup, by its position, as the directory is asked.
#[derive(Clone)]
struct Term {
    lookup: usize,
    attribute: String,
    /// Folded for comparison with what comes back.
    value: String,
    /// What the account holds besides, likewise.
    also: Option<(String, String)>,
    filter: Filter,
}

/// Anchors are looked for in the whole domain, for a linked account may have been moved away; matching
/// values in the search base only.
fn questions(session: &DirectorySession, lookups: &[Lookup]) -> Result<Vec<Question>> {
    let dialect = session.server.dialect;
    let fold = |value: &str| folded(value, dialect.folds_accents);
    let mut by_base: BTreeMap<bool, Vec<Term>> = BTreeMap::new();
    for (position, lookup) in lookups.iter().enumerate() {
        let (everywhere, attribute, value, also, filter) = match lookup {
            Lookup::Anchor(anchor) => {
                let filter = Filter::anchor(dialect, anchor);
                (true, dialect.anchor, anchor.0.to_lowercase(), None, filter)
            }
            // Nobody holds an empty value, and servers differ in what they make of the question.
            Lookup::Match { value, .. } if value.is_empty() => continue,
            Lookup::Both(both) if both.iter().any(|(_, value)| value.is_empty()) => continue,
            Lookup::Match { attribute, value } => {
                searchable(attribute)?;
                let attribute = match attribute.eq_ignore_ascii_case("distinguishedName") {
                    true => dialect.dn,
                    false => attribute.as_str(),
                };
                let filter = Filter::equal(attribute, value);
                (false, attribute, fold(value), None, filter)
            }
            Lookup::Both([(attribute, value), (other, held)]) => {
                searchable(attribute)?;
                searchable(other)?;
                let filter = vec![Filter::equal(attribute, value), Filter::equal(other, held)];
                let also = Some((other.clone(), fold(held)));
                (false, attribute.as_str(), fold(value), also, Filter::All(filter))
            }
        };
        by_base.entry(everywhere).or_default().push(Term {
            lookup: position,
            attribute: attribute.to_string(),
            value,
            also,
            filter,
        });
    }
    let questions = by_base.into_iter().flat_map(|(everywhere, terms)| {
        let batches: Vec<_> = terms.chunks(BATCH).map(<[Term]>::to_vec).collect();
        batches
            .into_iter()
            .map(move |terms| Question { everywhere, terms })
    });
    Ok(questions.collect())
}

/// What is made from other attributes is not searched by.
pub(super) fn searchable(attribute: &str) -> Result<()> {
    match wire::is_attribute_name(attribute) && !model::is_virtual(attribute) {
        true => Ok(()),
        false => Err(Error::invalid("no directory can search by this attribute").at(attribute)),
    }
}

/// Asks one question and tells whom each account answers. The directory is the judge of what is equal: if it
/// returns an account that equals none of the values as we compare, each lookup is asked by itself.
async fn answer(session: &DirectorySession, question: Question) -> Result<Vec<(usize, Account)>> {
    let connection = session.connection().await?;
    let entries = ask(session, &connection, question.everywhere, &question.terms).await?;
    if let Some(belongs) = answered_by(session, &question.terms, &entries) {
        return accounts(session, &entries, &belongs).await;
    }
    let mut answers = Vec::new();
    for term in &question.terms {
        let entries = ask(
            session,
            &connection,
            question.everywhere,
            std::slice::from_ref(term),
        )
        .await?;
        let belongs = vec![vec![term.lookup]; entries.len()];
        answers.append(&mut accounts(session, &entries, &belongs).await?);
    }
    Ok(answers)
}

async fn ask(
    session: &DirectorySession,
    connection: &Connection,
    everywhere: bool,
    terms: &[Term],
) -> Result<Vec<Entry>> {
    let mut attributes = session.asked.clone();
    for term in terms {
        let also = term.also.iter().map(|(attribute, _)| attribute);
        for wanted in also.chain([&term.attribute]) {
            if !attributes.iter().any(|name| name.eq_ignore_ascii_case(wanted)) {
                attributes.push(wanted.clone());
            }
        }
    }
    let values = terms.iter().map(|term| term.filter.clone()).collect();
    let search = Search {
        base: if everywhere {
            &session.shared.base_dn
        } else {
            &session.shared.search_base
        },
        scope: Scope::Subtree,
        filter: Filter::All(vec![session.server.dialect.people(), Filter::Any(values)]),
        attributes: &attributes,
        controls: session.controls(),
        page_size: session.shared.page_size,
    };
    connection
        .search(&search)
        .await
        .map_err(|failure| failure.into_error(During::Search))
}

/// For each entry the lookups it answers; `None` if some entry seems to answer none.
fn answered_by(session: &DirectorySession, terms: &[Term], entries: &[Entry]) -> Option<Vec<Vec<usize>>> {
    let dialect = session.server.dialect;
    let mut wanted: HashMap<(&str, &str), Vec<&Term>> = HashMap::new();
    for term in terms {
        wanted
            .entry((&term.attribute, &term.value))
            .or_default()
            .push(term);
    }
    let holds = |entry: &Entry, (name, value): &(String, String)| {
        let mut held = wire::texts(entry, name).into_iter();
        held.any(|held| folded(&held, dialect.folds_accents) == *value)
    };
    let mut names: Vec<&str> = terms.iter().map(|term| term.attribute.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let belongs = |entry: &Entry| {
        let mut lookups = Vec::new();
        for &name in &names {
            let held = match name == dialect.anchor {
                true => entry.anchor(dialect).into_iter().map(|anchor| anchor.0).collect(),
                false => wire::texts(entry, name),
            };
            for value in held {
                let value = folded(&value, dialect.folds_accents);
                let found = wanted.get(&(name, value.as_str())).into_iter().flatten();
                let found = found.filter(|term| term.also.as_ref().is_none_or(|also| holds(entry, also)));
                lookups.extend(found.map(|term| term.lookup));
            }
        }
        lookups.sort_unstable();
        lookups.dedup();
        (!lookups.is_empty()).then_some(lookups)
    };
    entries.iter().map(belongs).collect()
}

async fn accounts(
    session: &DirectorySession,
    entries: &[Entry],
    belongs: &[Vec<usize>],
) -> Result<Vec<(usize, Account)>> {
    let accounts = seen(session, entries).await?;
    let each = accounts.into_iter().zip(belongs);
    Ok(each
        .flat_map(|(account, lookups)| lookups.iter().map(move |&it| (it, account.clone())))
        .collect())
}

/// Entries as accounts. An entry whose anchor cannot be read is an error and not left out: whoever misses it
/// would make a second account.
async fn seen(session: &DirectorySession, entries: &[Entry]) -> Result<Vec<Account>> {
    let known: HashMap<String, Anchor> = session.anchors_in(entries).await?;
    let dialect = session.server.dialect;
    let account = |entry: &Entry| {
        session
            .shared
            .mapped
            .account(entry, dialect, &known, &session.fenced)
            .ok_or_else(|| {
                Error::new(
                    Kind::Forbidden,
                    format!("the service account may not read {}", dialect.anchor),
                )
                .code("InsufficientRights")
            })
    };
    entries.iter().map(account).collect()
}

/// As the directory compares: without case; without accents and other marks where it folds them.
fn folded(value: &str, accents: bool) -> String {
    match accents {
        true => value::folded(value),
        false => value.to_lowercase(),
    }
}

/// All people of the search base, a page at a time; the directory gets the next page ready while one is read.
pub(super) fn list(session: &DirectorySession) -> BoxStream<'_, Result<Vec<Account>>> {
    let start = Place {
        connection: None,
        cookie: Some(Vec::new()),
    };
    stream::try_unfold(start, move |place| next_page(session, place))
        .map(async move |entries| {
            let entries = entries?;
            session.known.note(&entries, session.server.dialect);
            seen(session, &entries).await
        })
        .buffered(2)
        .boxed()
}

/// Where a listing has got to.
struct Place {
    /// Made for this listing, since the server keeps its place by connection.
    connection: Option<Connection>,
    /// `None` after the last page.
    cookie: Option<Vec<u8>>,
}

async fn next_page(session: &DirectorySession, place: Place) -> Result<Option<(Vec<Entry>, Place)>> {
    let Some(cookie) = place.cookie else {
        return Ok(None);
    };
    let connection = match place.connection {
        Some(connection) => connection,
        None => session.controller.separate().await?,
    };
    let search = Search {
        base: &session.shared.search_base,
        scope: Scope::Subtree,
        filter: session.server.dialect.people(),
        attributes: &session.asked,
        controls: session.controls(),
        page_size: session.shared.page_size,
    };
    let page = connection.page(&search, cookie).await;
    let page = page.map_err(|failure| failure.into_error(During::Search))?;
    let cookie = (!page.cookie.is_empty()).then_some(page.cookie);
    Ok(Some((
        page.entries,
        Place {
            connection: Some(connection),
            cookie,
        },
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_folded_as_the_directory_compares() {
        assert_eq!(folded("MÜLLER", true), "muller");
        assert_eq!(folded("MÜLLER", false), "müller");
        assert_eq!(folded("Ａda", true), "ada");
    }
}
