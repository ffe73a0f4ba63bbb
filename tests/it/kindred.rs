//! B20: which of several records of one person speaks for the account.

use jiff::Timestamp;
use muster::connector::active_directory;
use muster::domain::account::Anchor;
use muster::domain::employment::{Employment, Turn};
use muster::domain::link::Link;
use muster::domain::person::{Speaks, gives_way, speaks, succeeds};
use muster::domain::policy::{Policy, Settings};
use muster::domain::schema;
use muster::domain::value::Value;
use muster::domain::worker::Worker;
use serde_json::json;

const BEFORE: &str = "2026-01-31T23:59:59Z";
const AFTER: &str = "2026-02-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn worker(anchor: &str, hired: &str, active: Option<bool>) -> Worker {
    let mut worker = Worker::new(anchor);
    worker.active = active;
    worker.attributes.insert("Company".into(), Value::text("Railway"));
    worker.employment = Some(Employment {
        person: Some("21001".into()),
        hired: Some(hired.parse().unwrap()),
        turns: Vec::new(),
    });
    worker
}

/// Begins or ceases to be active on the first of February.
fn turning(mut worker: Worker, active: bool) -> Worker {
    worker.employment.as_mut().unwrap().turns = vec![Turn {
        at: at(AFTER),
        active,
    }];
    worker
}

fn link(worker: &Worker) -> Link {
    Link {
        worker: worker.anchor.clone(),
        account: Anchor(format!("account of {}", worker.anchor)),
        generation: 3,
        made: true,
        wanted: None,
        disabled_by_us: false,
        disabled_at: None,
        waiting: None,
        enabled: Some(true),
    }
}

/// Workday's template, whose job is about one company.
fn policy() -> Policy {
    let template = schema::template("Workday2AD").unwrap().document().unwrap();
    let mut json = template.json().clone();
    json["synchronizationRules"][0]["objectMappings"][0]["scope"] = json!({ "groups": [{ "name": "scope", "clauses": [{
        "sourceOperandName": "Company", "operatorName": "EQUALS", "targetOperand": { "values": ["Railway"] },
    }] }] });
    let document = schema::Document::read(json).unwrap();
    let model = active_directory::MODEL;
    Policy {
        version: 1,
        schema: schema::compile(document.schema(), schema::Options { model })
            .unwrap()
            .0,
        model,
        settings: Settings {
            container: Some("OU=Staff,DC=example,DC=test".into()),
            ..Settings::default()
        },
    }
}

/// `e1 takes c1`, or who speaks. Those with `true` have an account.
fn told(records: &[(&Worker, bool)], now: &str) -> String {
    let policy = policy();
    let links: Vec<Option<Link>> = records
        .iter()
        .map(|(worker, linked)| linked.then(|| link(worker)))
        .collect();
    let forwards: Vec<_> = records
        .iter()
        .map(|(worker, _)| *worker)
        .zip(links.iter().map(Option::as_ref))
        .collect();
    let backwards: Vec<_> = forwards.iter().rev().copied().collect();
    let told = speaks(&policy, &forwards, at(now));
    assert_eq!(told, speaks(&policy, &backwards, at(now)), "whatever the order");
    match told {
        None => "nobody".into(),
        Some(Speaks { speaker, inherits }) => match inherits {
            None => speaker.into(),
            Some(link) => format!("{speaker} takes {}", link.worker),
        },
    }
}

#[test]
fn the_active_record_speaks_and_the_account_goes_along() {
    let contract = turning(worker("c1", "2024-01-01", Some(true)), false);
    let employee = turning(worker("e1", "2026-02-01", Some(false)), true);
    assert_eq!(told(&[(&contract, true), (&employee, false)], BEFORE), "c1");
    assert_eq!(
        told(&[(&contract, true), (&employee, false)], AFTER),
        "e1 takes c1"
    );
    assert_eq!(told(&[(&contract, false), (&employee, true)], AFTER), "e1");
    assert_eq!(
        told(&[(&contract, true), (&employee, true)], AFTER),
        "e1",
        "each has one"
    );
}

#[test]
fn of_two_inactive_records_that_of_the_later_hire_speaks() {
    let (old, new) = (
        worker("a", "2020-01-01", Some(false)),
        worker("b", "2024-01-01", Some(false)),
    );
    assert_eq!(told(&[(&old, true), (&new, false)], AFTER), "b takes a");
    let twin = worker("c", "2024-01-01", Some(false));
    assert_eq!(told(&[(&new, false), (&twin, true)], AFTER), "c");
    assert_eq!(told(&[(&new, false), (&twin, false)], AFTER), "b");
}

#[test]
fn b3_b4_b14_no_inactive_record_takes_the_account_of_one_that_may_be_active() {
    let ended = worker("c1", "2024-01-01", Some(false));
    let active = worker("e1", "2025-01-01", Some(true));
    let mut hidden = active.clone();
    hidden.hidden = Some(at(BEFORE));
    let mut elsewhere = active.clone();
    elsewhere
        .attributes
        .insert("Company".into(), Value::text("Ferry"));
    let mut unknown = active.clone();
    (unknown.active, unknown.employment.as_mut().unwrap().hired) = (None, None);
    for other in [&hidden, &elsewhere, &unknown] {
        assert_eq!(told(&[(&ended, false), (other, true)], AFTER), "e1", "{other:?}");
        let successor = worker("n1", "2026-01-01", Some(true));
        assert_eq!(
            told(&[(&successor, false), (other, true)], AFTER),
            "n1 takes e1",
            "{other:?}"
        );
    }
    assert_eq!(
        told(&[(&ended, true), (&elsewhere, false)], AFTER),
        "c1",
        "an account is disabled by its own record"
    );
    assert_eq!(told(&[(&elsewhere, false), (&hidden, false)], AFTER), "nobody");
}

#[test]
fn of_three_records_one_gives_its_account() {
    let (a, b) = (
        worker("a", "2020-01-01", Some(false)),
        worker("b", "2022-01-01", Some(false)),
    );
    let active = worker("c", "2026-01-01", Some(true));
    assert_eq!(
        told(&[(&a, true), (&b, true), (&active, false)], AFTER),
        "c takes b"
    );
}

/// Contractors in one job, employees in another.
#[test]
fn an_account_goes_to_another_jobs_record_once_its_own_has_ended() {
    let contract = turning(worker("c1", "2024-01-01", Some(true)), false);
    let employee = turning(worker("e1", "2026-02-01", Some(false)), true);
    let policy = policy();
    let told = |one: &Worker, other: &Worker, now: &str| {
        (
            succeeds(&policy, one, other, at(now)),
            gives_way(one, other, at(now)),
        )
    };
    assert_eq!(told(&employee, &contract, BEFORE), (false, true), "not hired yet");
    assert_eq!(told(&contract, &employee, BEFORE), (true, false));
    assert_eq!(told(&employee, &contract, AFTER), (true, false));
    assert_eq!(told(&contract, &employee, AFTER), (false, true));
    let still = worker("c1", "2024-01-01", Some(true));
    assert_eq!(told(&employee, &still, AFTER), (false, false), "both work");
    let gone = Worker {
        gone: Some(at(BEFORE)),
        ..still
    };
    assert_eq!(told(&employee, &gone, AFTER), (true, false));
    let unknown = worker("c1", "2024-01-01", None);
    assert_eq!(
        told(&employee, &unknown, AFTER),
        (false, false),
        "B3: nobody says that it has ended"
    );
    let mut elsewhere = employee.clone();
    elsewhere
        .attributes
        .insert("Company".into(), Value::text("Ferry"));
    let mut hidden = employee.clone();
    hidden.hidden = Some(at(BEFORE));
    for not_ours in [elsewhere, hidden] {
        assert!(
            !succeeds(&policy, &not_ours, &contract, at(AFTER)),
            "{not_ours:?}"
        );
    }
    let ended = worker("e1", "2026-02-01", Some(false));
    assert_eq!(
        told(&contract, &ended, AFTER),
        (false, false),
        "who leaves leaves"
    );
}
