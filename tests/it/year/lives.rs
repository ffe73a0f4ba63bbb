//! The lives that are written down: what HR enters, and when each account is to be enabled.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::support::workday::Tenant;

/// Before a turn, and after it.
const BEFORE: SignedDuration = SignedDuration::from_secs(-60);
const AFTER: SignedDuration = SignedDuration::from_secs(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    life: Vec<Life>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Life {
    id: String,
    pub what: String,
    site: String,
    kind: Option<String>,
    /// A hire first, then events.
    entries: Vec<Entry>,
    /// By worker ID.
    pub works: BTreeMap<String, Vec<Span>>,
    /// Further moments at which something could go wrong.
    #[serde(default)]
    looks: Vec<Timestamp>,
}

#[derive(Deserialize)]
struct Entry {
    at: Timestamp,
    hire: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Json>,
}

/// `from/to`, each of which may be left out.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct Span {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Span, String> {
        let (from, to) = text.split_once('/').ok_or("a span is from/to")?;
        let end = |text: &str| match text {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|error| format!("{text}: {error}")),
        };
        Ok(Span {
            from: end(from)?,
            to: end(to)?,
        })
    }
}

impl Span {
    fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

pub fn all() -> Vec<Life> {
    let file: File = toml::from_str(include_str!("lives.toml")).unwrap();
    file.life
}

/// Has HR enter all of it, each at its moment, most of which are to come.
pub fn enter(lives: &[Life], tenant: &Tenant) {
    for life in lives {
        let hire = &life.entries[0];
        let mut set = hire.rest.get("set").cloned().unwrap_or_else(|| json!({}));
        set["site"] = json!(life.site);
        tenant.hire(json!({
            "id": life.id,
            "kind": life.kind.as_deref().unwrap_or("employee"),
            "hire": hire.hire,
            "entered": hire.at,
            "set": set,
        }));
    }
    for life in lives {
        for entry in &life.entries[1..] {
            let mut event = entry.rest.clone();
            event.insert("worker".into(), json!(life.id));
            event.insert("entered".into(), json!(entry.at));
            tenant.event(Json::Object(event));
        }
    }
}

impl Life {
    /// The moments around everything that turns.
    pub fn looks(&self) -> BTreeSet<Timestamp> {
        let spans = self.works.values().flatten();
        let turns = spans.flat_map(|span| [span.from, span.to]).flatten();
        let around = turns.flat_map(|turn| [turn + BEFORE, turn + AFTER]);
        around.chain(self.looks.iter().copied()).collect()
    }

    /// Whether each account is to be enabled.
    pub fn works_at(&self, at: Timestamp) -> impl Iterator<Item = (&str, bool)> {
        self.works
            .iter()
            .map(move |(id, spans)| (id.as_str(), spans.iter().any(|span| span.holds(at))))
    }
}
