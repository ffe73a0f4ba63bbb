//! Where rows about others mention a person who is forgotten.

use std::collections::BTreeSet;

use diesel::prelude::*;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::{FORGOTTEN, Known, account_of, accounts, decided, like, packed, readers, rows};
use crate::domain::plan::{Change, Effect, Receipt};
use crate::domain::value::Value;
use crate::domain::worker::Worker;
use crate::error::Result;
use crate::store::schema::{
    alarms, callback_items, changes, escrows, findings, given, jobs, logs, names, notices, receipts,
};
use crate::store::{self, Conn, from_json, to_json, workers};

/// Shorter texts say nothing about who somebody is, and would be found in everybody's.
const SHORTEST: usize = 5;

/// By this name people sign in: it is one person's, whether HR says it or a job made it.
const PRINCIPAL: &str = "userPrincipalName";

/// Texts that tell who somebody is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// The longest first, so that none is left in pieces.
    texts: Vec<String>,
    /// What the systems call the person, however short.
    keys: BTreeSet<String>,
}

/// What tells of a person who it is: keys, names, addresses, and whatever HR says of nobody else. Read before it is erased.
pub fn signs(conn: &mut Conn, person: &BTreeSet<Known>) -> Result<Signs> {
    let mut signs = BTreeSet::new();
    for one in person {
        signs.insert(one.anchor.clone());
        for worker in workers::load(conn, &one.system, &[&one.anchor])? {
            for value in values(&worker) {
                if !is_short(&value) && is_peculiar(conn, one, &value)? {
                    signs.insert(value);
                }
            }
        }
        let owner = format!("{}/{}", one.system, one.anchor);
        signs.extend(
            names::table
                .filter(names::owner.eq(owner))
                .select(names::value)
                .load::<String>(conn)?,
        );
        for reader in readers(conn, &one.system)? {
            signs.extend(account_of(conn, &reader.job, &one.anchor)?);
            let written: Vec<String> = receipts::table
                .filter(
                    receipts::job
                        .eq(&reader.job)
                        .and(receipts::worker.eq(&one.anchor)),
                )
                .select(receipts::body)
                .load(conn)?;
            for body in written {
                let receipt: Receipt = from_json(&body)?;
                signs.extend(receipt.done.iter().flat_map(principals).cloned());
                signs.insert(receipt.address);
            }
        }
    }
    let keys = person.iter().map(|one| one.anchor.clone()).collect();
    let mut texts: Vec<String> = signs.into_iter().filter(|sign| !is_short(sign)).collect();
    texts.sort_by_key(|sign| std::cmp::Reverse(sign.len()));
    Ok(Signs { texts, keys })
}

fn principals(effect: &Effect) -> &[String] {
    let values = match effect {
        Effect::Create { values, .. } => values.get(PRINCIPAL),
        Effect::Set { attribute, after, .. } if attribute == PRINCIPAL => Some(after),
        _ => None,
    };
    values.map(Vec::as_slice).unwrap_or_default()
}

fn is_short(text: &str) -> bool {
    text.chars().count() < SHORTEST
}

fn values(worker: &Worker) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = worker
        .display_name()
        .map(|name| name.into_owned())
        .into_iter()
        .collect();
    let stated = worker
        .stated
        .values()
        .flat_map(|stated| [&stated.value, &stated.over]);
    for value in worker.attributes.values().chain(stated) {
        match value {
            Value::Text(text) => found.extend([text.clone()]),
            Value::List(list) => {
                found.extend(list.iter().filter_map(|item| Some(item.to_text()?.into_owned())))
            }
            _ => {}
        }
    }
    found.extend(
        worker
            .employment
            .iter()
            .filter_map(|employment| employment.person.clone()),
    );
    found
}

/// HR says it of nobody else.
fn is_peculiar(conn: &mut Conn, one: &Known, value: &str) -> Result<bool> {
    let found = workers::mentioning(conn, &one.system, value, 2)?;
    Ok(found.iter().all(|worker| worker.anchor == one.anchor))
}

/// Takes a person's signs out of rows about others; answers how many those were. Who was to be done something about the person's
/// account is looked at again.
pub fn blank(conn: &mut Conn, signs: &Signs, now: Timestamp) -> Result<i64> {
    let mut count = 0;
    macro_rules! blank {
        ($table:ident, $key:expr, $kind:ty, [$($column:ident),+], $clean:expr) => {
            $(
                let mut found = $table::table.select(($key, $table::$column)).into_boxed();
                for pattern in signs.patterns()? {
                    found = found.or_filter($table::$column.like(pattern).escape('\\'));
                }
                if !signs.is_empty() {
                    for (key, text) in found.load::<($kind, String)>(conn)? {
                        let clean: String = $clean(signs, &text)?;
                        if clean != text {
                            diesel::update($table::table.filter($key.eq(&key)))
                                .set($table::$column.eq(clean))
                                .execute(conn)?;
                            count += 1;
                        }
                    }
                }
            )+
        };
    }
    blank!(logs, logs::id, String, [body], Signs::clean_json);
    blank!(notices, notices::id, String, [body], Signs::clean_json);
    blank!(jobs, jobs::id, String, [status], Signs::clean_json);
    count += blank_findings(conn, signs)?;
    count += blank_escrows(conn, signs)?;
    count += blank_alarms(conn, signs)?;
    count += blank_callbacks(conn, signs)?;
    count += blank_receipts(conn, signs)?;
    count += blank_changes(conn, signs)?;
    count += blank_given(conn, signs)?;
    count += decided::blank(conn, signs)?;
    count += packed::blank(conn, signs, now)?;
    Ok(count)
}

fn blank_findings(conn: &mut Conn, signs: &Signs) -> Result<i64> {
    let mut count = 0;
    for pattern in signs.patterns()? {
        let found: Vec<(String, String, String, String, String)> = findings::table
            .filter(findings::reason.like(&pattern).escape('\\'))
            .select((
                findings::job,
                findings::worker,
                findings::code,
                findings::cause,
                findings::reason,
            ))
            .load(conn)?;
        for (job, worker, code, cause, reason) in found {
            count += rows(
                diesel::update(findings::table.find((job, worker, code, cause)))
                    .set(findings::reason.eq(signs.clean(&reason)))
                    .execute(conn)?,
            );
        }
    }
    Ok(count)
}

fn blank_escrows(conn: &mut Conn, signs: &Signs) -> Result<i64> {
    let mut count = 0;
    for pattern in signs.patterns()? {
        let found: Vec<(String, String, String)> = escrows::table
            .filter(escrows::reason.like(&pattern).escape('\\'))
            .select((escrows::job, escrows::worker, escrows::reason))
            .load(conn)?;
        for (job, worker, reason) in found {
            count += rows(
                diesel::update(escrows::table.find((job, worker)))
                    .set(escrows::reason.eq(signs.clean(&reason)))
                    .execute(conn)?,
            );
        }
    }
    Ok(count)
}

/// There are few of them.
fn blank_alarms(conn: &mut Conn, signs: &Signs) -> Result<i64> {
    let mut count = 0;
    let found: Vec<(String, String, String, String, String)> = alarms::table
        .select((
            alarms::job,
            alarms::kind,
            alarms::subject,
            alarms::message,
            alarms::details,
        ))
        .load(conn)?;
    for (job, kind, subject, message, details) in found {
        let clean = (signs.clean(&message), signs.clean_json(&details)?);
        if clean != (message, details) {
            count += rows(
                diesel::update(alarms::table.find((job, kind, subject)))
                    .set((alarms::message.eq(clean.0), alarms::details.eq(clean.1)))
                    .execute(conn)?,
            );
        }
    }
    Ok(count)
}

/// Items that name the person and were never joined with a record, or whose outcome mentions it.
fn blank_callbacks(conn: &mut Conn, signs: &Signs) -> Result<i64> {
    let mut count = 0;
    for pattern in signs.patterns()? {
        let found: Vec<(String, i64, i32, String, Option<String>)> = callback_items::table
            .filter(callback_items::said.is_null())
            .filter(
                (callback_items::who.like(&pattern).escape('\\'))
                    .or(callback_items::message.like(&pattern).escape('\\')),
            )
            .select((
                callback_items::job,
                callback_items::sequence,
                callback_items::position,
                callback_items::who,
                callback_items::message,
            ))
            .load(conn)?;
        for (job, sequence, position, who, message) in found {
            count += rows(
                diesel::update(callback_items::table.find((job, sequence, position)))
                    .set((
                        callback_items::who.eq(signs.clean_json(&who)?),
                        callback_items::message.eq(message.map(|message| signs.clean(&message))),
                    ))
                    .execute(conn)?,
            );
        }
    }
    Ok(count)
}

/// What a receipt mentions of the person cannot be taken back any more; one that nobody could read then is let go.
fn blank_receipts(conn: &mut Conn, signs: &Signs) -> Result<i64> {
    let mut count = 0;
    for pattern in signs.patterns()? {
        let found: Vec<(String, String)> = receipts::table
            .filter(receipts::body.like(&pattern).escape('\\'))
            .select((receipts::id, receipts::body))
            .load(conn)?;
        for (id, body) in found {
            let clean = signs.clean_json(&body)?;
            if clean == body {
                continue;
            }
            let this = receipts::table.find(id);
            count += rows(match from_json::<Receipt>(&clean) {
                Ok(_) => diesel::update(this).set(receipts::body.eq(clean)).execute(conn)?,
                Err(_) => diesel::delete(this).execute(conn)?,
            });
        }
    }
    Ok(count)
}

/// What was sent to others and never answered for: the mark stays, and the next look finds out by what is left of it.
fn blank_changes(conn: &mut Conn, signs: &Signs) -> Result<i64> {
    let mut count = 0;
    for pattern in signs.patterns()? {
        let found: Vec<(String, String, String)> = changes::table
            .filter(changes::body.like(&pattern).escape('\\'))
            .select((changes::id, changes::worker, changes::body))
            .load(conn)?;
        for (id, worker, body) in found {
            let mut clean: Json = from_json(&body)?;
            signs.clean_value(&mut clean);
            clean["worker"] = worker.into();
            let clean = clean.to_string();
            if clean != body && from_json::<Change>(&clean).is_ok() {
                let this = changes::table.find(id);
                count += rows(diesel::update(this).set(changes::body.eq(clean)).execute(conn)?);
            }
        }
    }
    Ok(count)
}

/// What accounts have from HR, of which a link of the person's tells no more whose they are.
fn blank_given(conn: &mut Conn, signs: &Signs) -> Result<i64> {
    let mut count = 0;
    for pattern in signs.patterns()? {
        let mut found: Vec<(String, String, String, String)> = given::table
            .filter(given::value.like(&pattern).escape('\\'))
            .select((given::system, given::anchor, given::attribute, given::value))
            .load(conn)?;
        found.retain(|(.., value)| signs.clean(value) != *value);
        for (system, anchor, attribute, _) in found {
            match accounts::holders(conn, &system, &anchor)?.is_empty() {
                true => store::given::forget(conn, &system, &[&anchor])?,
                false => {
                    diesel::delete(given::table.find((system, anchor, attribute))).execute(conn)?;
                }
            }
            count += 1;
        }
    }
    Ok(count)
}

impl Signs {
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.texts.iter().any(|sign| sign == text)
    }

    /// Whether a text is one of them, as directories compare.
    pub(super) fn are(&self, text: &str) -> bool {
        let text = text.trim().to_lowercase();
        self.texts.iter().any(|sign| sign.to_lowercase() == text)
    }

    /// The same where a text can only be somebody's name.
    pub(super) fn call(&self, name: &str) -> bool {
        let is_key = |key: &String| key.to_lowercase() == name.trim().to_lowercase();
        self.keys.iter().any(is_key) || self.are(name)
    }

    /// As they stand in JSON and in other texts, for LIKE.
    pub(super) fn patterns(&self) -> Result<BTreeSet<String>> {
        let mut patterns = BTreeSet::new();
        for sign in &self.texts {
            let quoted = to_json(sign)?;
            patterns.insert(format!("%{}%", like(quoted.trim_matches('"'))));
            patterns.insert(format!("%{}%", like(sign)));
        }
        Ok(patterns)
    }

    /// A text without them.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_string();
        for sign in &self.texts {
            text = without(&text, sign);
        }
        text
    }

    fn clean_json(&self, text: &str) -> Result<String> {
        let mut value: Json = from_json(text)?;
        self.clean_value(&mut value);
        Ok(value.to_string())
    }

    pub(super) fn clean_value(&self, value: &mut Json) {
        match value {
            Json::String(text) => *text = self.clean(text),
            Json::Array(items) => items.iter_mut().for_each(|item| self.clean_value(item)),
            Json::Object(members) => members.values_mut().for_each(|member| self.clean_value(member)),
            _ => {}
        }
    }
}

/// A text without another, wherever that stands by itself: "Novak" is not taken out of "Novakova".
pub(super) fn without(text: &str, sign: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(sign) {
        let (before, found) = rest.split_at(at);
        let after = &found[sign.len()..];
        let joins = |one: Option<char>, other: Option<char>| {
            one.is_some_and(char::is_alphanumeric) && other.is_some_and(char::is_alphanumeric)
        };
        let is_part = joins(
            before.chars().next_back().or(clean.chars().next_back()),
            sign.chars().next(),
        ) || joins(sign.chars().next_back(), after.chars().next());
        clean.push_str(before);
        clean.push_str(if is_part { sign } else { FORGOTTEN });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_taken_out_where_it_stands_by_itself() {
        for (text, sign, clean) in [
            ("Ada Novak has it", "Ada Novak", "(forgotten) has it"),
            ("Ada Novakova has it", "Ada Novak", "Ada Novakova has it"),
            (
                "worker 10001 and 110001",
                "10001",
                "worker (forgotten) and 110001",
            ),
            ("10001,10001", "10001", "(forgotten),(forgotten)"),
            ("", "10001", ""),
        ] {
            assert_eq!(without(text, sign), clean);
        }
    }

    #[test]
    fn the_longest_goes_first() {
        let signs = Signs {
            texts: vec!["CN=Ada Novak,DC=x".into(), "Ada Novak".into()],
            ..Signs::default()
        };
        assert_eq!(signs.clean("at CN=Ada Novak,DC=x"), "at (forgotten)");
        let json = signs.clean_json(r#"{"a":["Ada Novak",1],"b":null}"#).unwrap();
        assert_eq!(json, r#"{"a":["(forgotten)",1],"b":null}"#);
    }
}
