//! What is said of what was not kept (B33).

use super::*;
use crate::domain::plan::tests::{filter, linked, moment, planned, policy, shrunk, worker};

fn explained(policy: &Policy, worker: &Worker, attribute: Option<&str>) -> Explanation {
    let facts = linked(false);
    let planned = planned(policy, worker, &facts);
    let nothing_held: &[Held] = &[];
    explain(
        &Known {
            policy,
            worker,
            moment: &moment(),
            plan: Ok((&planned, nothing_held)),
            link: facts.link.as_ref(),
            holds: &[],
            receipts: &[],
            names: &[],
            standing: Standing::default(),
        },
        attribute,
    )
}

#[test]
fn b33_what_was_not_kept_is_neither_never_said_nor_wanted() {
    let before = policy();
    let mut after = policy();
    let title = after
        .schema
        .mappings
        .iter_mut()
        .find(|one| one.role == Role::Plain && one.target == "title");
    title.unwrap().expression =
        Some(crate::domain::expression::Expression::parse(r#"Append([unit], "!")"#).unwrap());
    let explained = explained(&after, &worker(&before, "False"), Some("title"));
    assert_eq!(
        explained.sentence,
        "title stays 'Clerk' because HR said [unit] when it was not to be kept, so this stays as it is: HR has to send it again."
    );
    let attribute = explained.attribute.unwrap();
    assert_eq!(
        (attribute.wanted, attribute.without.as_deref()),
        (None, Some("notKept"))
    );
    assert!(attribute.inputs[0].not_kept && attribute.trace.steps.is_empty());
}

#[test]
fn b33_a_leaver_of_long_ago_is_not_turned_away_by_a_filter() {
    let mut policy = policy();
    let worker = shrunk(&policy);
    policy.schema.scope = filter("unit", "EQUALS", "Staff", false);
    for attribute in [None, Some("title")] {
        let sentence = explained(&policy, &worker, attribute).sentence;
        assert!(
            sentence.contains("because the person left") || sentence.contains(": the person left"),
            "{sentence}"
        );
    }
}

#[test]
fn b33_a_filter_says_what_it_misses() {
    let mut policy = policy();
    let worker = worker(&policy, "False");
    policy.schema.scope = filter("unit", "IS NULL", "Staff", false);
    let explained = explained(&policy, &worker, None);
    assert!(explained.refusals[0].not_kept);
    assert_eq!(
        explained.sentence,
        "The account of worker 1 is left as it is because the filter 'staff' asks that unit IS NULL 'Staff', and what HR said of it was not kept: HR has to send it again."
    );
}
