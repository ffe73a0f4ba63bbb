//! Finding users: many at a time by id, by name or by matching attribute, and all of them in pages.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use super::errors;
use super::graph::{Graph, Part, Reply};
use super::target::EntraSession;
use super::wire::{self, place};
use crate::connector::Lookup;
use crate::domain::account::{Account, Protection};
use crate::error::Result;

/// Values in one `in (…)`, as many as Graph takes.
const VALUES: usize = 15;

/// Users a page, the most that Graph gives.
const PAGE: usize = 999;

/// How long to wait before each further look for somebody who is new.
const NEW_AGAIN: &[Duration] = &[
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Guests of the tenant are nobody's employees (B24).
const MEMBERS: &str = "userType eq 'Member'";

/// What stays as it is in a part of a path or in a value of a query (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// `found[i]` answers `lookups[i]`.
pub(super) async fn find(session: &EntraSession, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
    let mut found: Vec<Vec<Account>> = vec![Vec::new(); lookups.len()];
    let mut single = Vec::new();
    let mut sets: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut pairs = Vec::new();
    for (at, lookup) in lookups.iter().enumerate() {
        match lookup {
            Lookup::Anchor(anchor) => single.push((at, anchor.0.as_str())),
            // A search may lag behind the writes; a read by name does not.
            Lookup::Match { attribute, value } if attribute.eq_ignore_ascii_case("userPrincipalName") => {
                single.push((at, value));
            }
            Lookup::Match { attribute, .. } => sets.entry(attribute).or_default().push(at),
            Lookup::Both(both) => pairs.push((at, both)),
        }
    }
    let keys: Vec<&str> = single.iter().map(|(_, key)| *key).collect();
    let replies = addressed(&session.shared.graph, &keys, &session.shared.mapped.query()).await?;
    let mut gone = Vec::new();
    for ((at, key), reply) in single.iter().zip(replies) {
        let called = match &lookups[*at] {
            Lookup::Match { value, .. } => Some(value),
            Lookup::Anchor(_) | Lookup::Both(_) => None,
        };
        match (user(&reply, called.is_some())?, called) {
            (Some(user), name) if name.is_none_or(|name| is_member_called(user, name)) => {
                found[*at].extend(session.account(user, false));
            }
            (None, None) => gone.push((*at, *key)),
            _ => {}
        }
    }
    late(session, &mut gone, &mut found).await?;
    deleted(session, &gone, &mut found).await?;
    matched(session, lookups, &sets, &mut found).await?;
    paired(session, &pairs, &mut found).await?;
    Ok(found)
}

/// Of somebody who is new, "no such user" is asked again for a while.
async fn late(
    session: &EntraSession,
    gone: &mut Vec<(usize, &str)>,
    found: &mut [Vec<Account>],
) -> Result<()> {
    for wait in NEW_AGAIN {
        let new: Vec<(usize, &str)> = gone
            .iter()
            .copied()
            .filter(|(_, id)| session.shared.recent.knows(id))
            .collect();
        if new.is_empty() {
            break;
        }
        tokio::time::sleep(*wait).await;
        let ids: Vec<&str> = new.iter().map(|(_, id)| *id).collect();
        let replies = addressed(&session.shared.graph, &ids, &session.shared.mapped.query()).await?;
        for ((at, _), reply) in new.iter().zip(replies) {
            if let Some(user) = user(&reply, false)? {
                found[*at].extend(session.account(user, false));
            }
        }
        gone.retain(|(at, _)| found[*at].is_empty());
    }
    Ok(())
}

/// Those that are not among the users may lie in the bin.
async fn deleted(session: &EntraSession, gone: &[(usize, &str)], found: &mut [Vec<Account>]) -> Result<()> {
    let ids: Vec<&str> = gone.iter().map(|(_, id)| *id).collect();
    let shared = &session.shared;
    let replies = binned(&shared.graph, &ids, &shared.mapped.select).await?;
    for ((at, _), reply) in gone.iter().zip(replies) {
        if let Some(user) = user(&reply, false)? {
            found[*at].extend(session.account(user, true));
        }
    }
    Ok(())
}

/// Who carries the values, many in one question.
async fn matched(
    session: &EntraSession,
    lookups: &[Lookup],
    sets: &BTreeMap<&str, Vec<usize>>,
    found: &mut [Vec<Account>],
) -> Result<()> {
    let value = |at: usize| match &lookups[at] {
        Lookup::Match { value, .. } => value.as_str(),
        Lookup::Anchor(anchor) => anchor.0.as_str(),
        Lookup::Both(_) => "",
    };
    for (attribute, places) in sets {
        let values: Vec<&str> = places.iter().map(|at| value(*at)).collect();
        let query = session.shared.mapped.query();
        let mut by_value: HashMap<String, Vec<Account>> = HashMap::new();
        for user in holders(&session.shared.graph, attribute, &values, &query).await? {
            if let Some(account) = session.account(&user, false) {
                for held in account.values.get(*attribute).into_iter().flatten() {
                    by_value
                        .entry(held.to_lowercase())
                        .or_default()
                        .push(account.clone());
                }
            }
        }
        for at in places {
            found[*at] = by_value
                .get(&value(*at).to_lowercase())
                .cloned()
                .unwrap_or_default();
        }
    }
    Ok(())
}

/// Who carries two values, each pair in a question of its own.
async fn paired(
    session: &EntraSession,
    pairs: &[(usize, &[(String, String); 2])],
    found: &mut [Vec<Account>],
) -> Result<()> {
    let filter = |(_, [one, other]): &(usize, &[(String, String); 2])| {
        let holds = |(attribute, value): &(String, String)| {
            format!("{} eq {}", place(attribute).path(), wire::literal(value))
        };
        format!("{} and {} and {MEMBERS}", holds(one), holds(other))
    };
    let filters = pairs.iter().map(filter).collect();
    let query = session.shared.mapped.query();
    let answers = filtered(&session.shared.graph, filters, None, &query).await?;
    for ((at, _), users) in pairs.iter().zip(answers) {
        let accounts = users.iter().filter_map(|user| session.account(user, false));
        found[*at] = accounts.collect();
    }
    Ok(())
}

/// Users by id or by name, with what a query asks of each; `replies[i]` answers `keys[i]`.
pub(super) async fn addressed(graph: &Graph, keys: &[&str], query: &str) -> Result<Vec<Reply>> {
    let one = |key: &&str| Part::get(format!("/users/{}?{query}", encoded(key)));
    graph.ask_all(keys.iter().map(one).collect()).await
}

/// Users in the bin, by id; `replies[i]` answers `ids[i]`.
pub(super) async fn binned(graph: &Graph, ids: &[&str], select: &str) -> Result<Vec<Reply>> {
    let one = |id: &&str| {
        let id = encoded(id);
        Part::get(format!("/directory/deletedItems/{id}?$select={select}"))
    };
    graph.ask_all(ids.iter().map(one).collect()).await
}

/// The members of whom an attribute holds one of these values, many in one question.
pub(super) async fn holders(
    graph: &Graph,
    attribute: &str,
    values: &[&str],
    query: &str,
) -> Result<Vec<Json>> {
    let path = place(attribute).path();
    let filters = values.chunks(VALUES).map(|some| {
        let values: Vec<String> = some.iter().map(|value| wire::literal(value)).collect();
        format!("{path} in ({}) and {MEMBERS}", values.join(","))
    });
    let found = filtered(graph, filters.collect(), Some(attribute), query).await?;
    Ok(found.into_iter().flatten().collect())
}

/// The users whom each filter lets through; what is refused is about this attribute.
async fn filtered(
    graph: &Graph,
    filters: Vec<String>,
    about: Option<&str>,
    query: &str,
) -> Result<Vec<Vec<Json>>> {
    let part = |filter: &String| Part::get(format!("/users?$filter={}&$top={PAGE}&{query}", encoded(filter)));
    let mut answers = Vec::with_capacity(filters.len());
    for reply in graph.ask_all(filters.iter().map(part).collect()).await? {
        if !reply.status.is_success() {
            return Err(errors::refusal(&reply, about));
        }
        let (mut found, mut page) = (Vec::new(), reply.body);
        loop {
            found.extend(users(&mut page));
            // A page may be short, or empty, with more behind it.
            let Some(next) = next_page(graph, &page) else {
                break;
            };
            page = graph.ask(&next?).await?;
        }
        answers.push(found);
    }
    Ok(answers)
}

/// Takes the users out of a page.
pub(super) fn users(page: &mut Json) -> Vec<Json> {
    match page["value"].take() {
        Json::Array(users) => users,
        _ => Vec::new(),
    }
}

/// An address by name takes ids too, and finds guests (B24).
pub(super) fn is_member_called(user: &Json, name: &str) -> bool {
    let called = user["userPrincipalName"].as_str();
    user["userType"] == "Member" && called.is_some_and(|called| called.eq_ignore_ascii_case(name))
}

/// The user of an answer; `None` where there is no such one.
pub(super) fn user(reply: &Reply, is_name: bool) -> Result<Option<&Json>> {
    match reply.status.as_u16() {
        200..300 => Ok(Some(&reply.body)),
        404 => Ok(None),
        // A name that Graph cannot read as one is nobody's.
        400 if is_name => Ok(None),
        _ => Err(errors::refusal(reply, None)),
    }
}

/// Every member of the tenant, in pages.
pub(super) fn list(session: &EntraSession) -> BoxStream<'_, Result<Vec<Account>>> {
    let first = format!(
        "users?$filter={}&$top={PAGE}&{}",
        encoded(MEMBERS),
        session.shared.mapped.query()
    );
    let first = session.shared.graph.address(&first);
    stream::unfold(Some(first), move |url| async move {
        let url = match url? {
            Ok(url) => url,
            Err(error) => return Some((Err(error), None)),
        };
        let page = match session.shared.graph.ask(&url).await {
            Ok(page) => page,
            Err(error) => return Some((Err(error), None)),
        };
        let next = next_page(&session.shared.graph, &page);
        Some((Ok(session.accounts(&page)), next))
    })
    .boxed()
}

/// Where the next page is, if there is one.
pub(super) fn next_page(graph: &Graph, page: &Json) -> Option<Result<reqwest::Url>> {
    let next = page["@odata.nextLink"].as_str()?;
    Some(graph.link(next))
}

impl EntraSession {
    fn accounts(&self, page: &Json) -> Vec<Account> {
        let users = page["value"].as_array().into_iter().flatten();
        users.filter_map(|user| self.account(user, false)).collect()
    }

    /// An account as planning sees it.
    fn account(&self, user: &Json, deleted: bool) -> Option<Account> {
        let mut account = self.shared.mapped.account(user, deleted)?;
        if self.never.contains(&account.anchor) {
            account.protected = Some(Protection::Never);
        }
        Some(account)
    }
}
