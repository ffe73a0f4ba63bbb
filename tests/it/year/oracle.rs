//! What HR says of everybody at a moment, asked of the simulator itself.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use muster::lab::workday::Question;
use serde_json::{Value as Json, json};

use crate::support::workday::Tenant;

/// Where days begin first.
const FIRST: &str = "Pacific/Kiritimati";

/// Days within which an event may be in effect in one zone and not yet in another.
const NEAR: SignedDuration = SignedDuration::from_hours(48);

/// What an account is to be.
#[derive(Debug, PartialEq)]
pub struct Expected {
    pub enabled: bool,
    /// By attribute; what HR leaves open is not among it. The manager is a worker ID.
    pub values: BTreeMap<&'static str, String>,
}

/// One record of a worker.
struct Record {
    enabled: bool,
    hire: String,
    values: BTreeMap<&'static str, String>,
}

pub struct Oracle<'t> {
    pub tenant: &'t Tenant,
}

impl Oracle<'_> {
    /// By worker ID, everybody of whom HR has said anything: the record that works today, else the one hired last.
    pub fn all(&self, wids: &[String], at: Timestamp) -> BTreeMap<String, Expected> {
        let day = |at: Timestamp| at.to_string()[..10].to_string();
        let near = (day(at - NEAR), day(at + NEAR));
        let mut people: BTreeMap<String, Record> = BTreeMap::new();
        for wid in wids {
            let Some((id, record)) = self.record(wid, at, &near) else {
                continue;
            };
            let rank = |record: &Record| (record.enabled, record.hire.clone());
            match people.get(&id) {
                Some(other) if rank(other) >= rank(&record) => {}
                _ => drop(people.insert(id, record)),
            }
        }
        let expected = people.into_iter().map(|(id, Record { enabled, values, .. })| {
            let expected = Expected { enabled, values };
            (id, expected)
        });
        expected.collect()
    }

    fn record(&self, wid: &str, at: Timestamp, near: &(String, String)) -> Option<(String, Record)> {
        let today = self.asked(wid, at, at, None);
        let now = today["effective"].as_object()?;
        let is_ahead = now["hire"].is_null();
        // Who has not begun is as on the first day.
        let view = match now["futureHire"].as_str().filter(|_| is_ahead) {
            Some(day) => {
                self.asked(wid, format!("{day}T20:00:00Z").parse().unwrap(), at, None)["effective"].clone()
            }
            None => today["effective"].clone(),
        };
        let enabled = match is_near(&today, near) {
            false => view["active"] == true && !is_ahead,
            true => self.works(wid, &view, at),
        };
        let hire = if is_ahead {
            &now["futureHire"]
        } else {
            &now["hire"]
        };
        let record = Record {
            enabled,
            hire: hire.as_str().unwrap_or_default().to_string(),
            values: values(&view),
        };
        Some((today["id"].as_str().unwrap().to_string(), record))
    }

    /// By the date where the worker is. Who works in another place from a day on is there when that day has begun there.
    fn works(&self, wid: &str, view: &Json, at: Timestamp) -> bool {
        let on_date_of = |zone: &Json| self.asked(wid, at, at, zone.as_str())["effective"].clone();
        let soon = on_date_of(&json!(FIRST))["zone"].clone();
        let there = on_date_of(&soon);
        let is_old_place = there["zone"] != soon && on_date_of(&view["zone"])["zone"] == view["zone"];
        let local = if is_old_place {
            on_date_of(&view["zone"])
        } else {
            there
        };
        local["active"] == true
    }

    fn asked(&self, wid: &str, at: Timestamp, known: Timestamp, zone: Option<&str>) -> Json {
        let question = Question {
            worker: Some(wid.into()),
            at: Some(at),
            zone: zone.map(str::to_string),
            known: Some(known),
        };
        self.tenant.lab.state(&question).unwrap()
    }
}

/// Whether anything takes effect about now, so that it matters where the worker is.
fn is_near(state: &Json, (from, through): &(String, String)) -> bool {
    let events = state["events"].as_array().unwrap();
    let days = events.iter().map(|event| event["effective"].as_str().unwrap());
    days.into_iter()
        .any(|day| from.as_str() <= day && day <= through.as_str())
}

fn values(view: &Json) -> BTreeMap<&'static str, String> {
    let text = |name: &str| view[name].as_str().map(str::to_string);
    let given = text("preferredFirstName").or(text("firstName"));
    let family = text("preferredLastName").or(text("lastName"));
    let whole = given
        .zip(family)
        .map(|(given, family)| format!("{given} {family}"));
    [
        ("givenName", text("firstName")),
        ("sn", text("lastName")),
        ("displayName", whole),
        ("title", text("businessTitle").or(text("title"))),
        ("department", text("department")),
        ("l", text("city")),
        ("manager", text("manager")),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}
