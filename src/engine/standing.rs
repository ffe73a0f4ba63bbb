//! What stands about a worker after a look: every reason why something that HR wants is not so, each with its cause, which is
//! what a thousand such reasons have in common.

use super::log::{self, Ending};
use super::subject::Subject;
use crate::domain::finding::Weight as Said;
use crate::domain::guard::{Action, Held};
use crate::domain::mapping::{Mapping, Role};
use crate::domain::plan::{Effect, Planned, Receipt};
use crate::domain::policy::Policy;
use crate::domain::review::HELD;
use crate::domain::turned::Inputs;
use crate::domain::value::Value;
use crate::domain::worker::Worker;
use crate::store::departures::Departure;
use crate::store::findings::{Finding, Weight};
use crate::store::state_inputs::News;
use crate::store::wakes::Cause;

/// Characters that are kept of a cause and of a reason.
const CAUSE: usize = 300;
const REASON: usize = 1000;
/// Characters of a value that is part of a cause.
const VALUE: usize = 40;

/// What the last look found.
pub fn findings(policy: &Policy, subject: &Subject, planned: &Planned, ending: &Ending) -> Vec<Finding> {
    let worker = &subject.worker.anchor;
    let mut found = Vec::new();
    let mut add = |weight, code: &str, cause: String, reason: &str| {
        let one = finding(worker, weight, code, cause, reason);
        if !found
            .iter()
            .any(|other: &Finding| other.code == one.code && other.cause == one.cause)
        {
            found.push(one);
        }
    };
    if let Some(error) = &ending.error {
        let reason = error.to_string();
        add(Weight::Failure, &error.code, cause(&reason), &reason);
    }
    // What failed first, as the log has it: the others mostly follow from it, and one person counts once.
    let failed = planned.findings.iter().find(|one| one.weight == Said::Failure);
    let failed = failed.filter(|_| ending.error.is_none());
    for one in &planned.findings {
        let weight = match one.weight {
            Said::Failure if failed.is_some_and(|first| std::ptr::eq(first, one)) => Weight::Failure,
            Said::Failure => continue,
            Said::Warning => Weight::Warning,
            // Why somebody has no account; of who has one it is no news.
            Said::Skip if subject.link.is_none() => Weight::Skip,
            Said::Skip | Said::Note => continue,
        };
        let of_attribute = match &one.attribute {
            Some(attribute) => format!("{attribute}: {}", cause(&one.message)),
            None => cause(&one.message),
        };
        add(weight, &one.code, of_attribute, &log::describe(one));
    }
    if let Some(withheld) = ending
        .withheld
        .as_ref()
        .filter(|one| one.code == HELD && !one.effects.is_empty())
    {
        add(
            Weight::Held,
            withheld.code,
            cause(&withheld.reason),
            &withheld.reason,
        );
    }
    for held in &ending.held {
        let turned = turned(policy, &subject.worker, planned, held);
        let reason = format!("{}; {turned}", log::describe_held(held));
        add(
            Weight::Held,
            log::held_code(&held.action),
            format!("{}: {turned}", held.action),
            &reason,
        );
    }
    found
}

/// The failure of somebody who could not be looked at at all.
pub fn failure(worker: &str, code: &str, reason: &str) -> Finding {
    finding(worker, Weight::Failure, code, cause(reason), reason)
}

fn finding(worker: &str, weight: Weight, code: &str, cause: String, reason: &str) -> Finding {
    Finding {
        worker: worker.to_string(),
        code: code.to_string(),
        cause: cut(&cause, CAUSE),
        weight,
        reason: cut(reason, REASON),
    }
}

/// Whose account this look disabled or deleted because the person left, and since when HR wanted that.
pub fn departure(subject: &Subject, planned: &Planned, receipt: Option<&Receipt>) -> Option<Departure> {
    let receipt = receipt.filter(|receipt| locks_out(&subject.worker, planned, receipt))?;
    let first = subject.places.first();
    let turns = subject
        .worker
        .employment
        .iter()
        .flat_map(|employment| &employment.turns);
    let last_day = turns
        .filter(|turn| !turn.active && turn.at <= receipt.at)
        .map(|turn| turn.at)
        .max();
    let by_date = matches!(subject.wake.cause, Cause::Turn | Cause::Revisit) && last_day.is_some();
    Some(Departure {
        worker: subject.worker.anchor.clone(),
        last_day,
        // What a date brings about needs no word of HR's.
        heard: match by_date {
            true => last_day,
            false => first.map(|place| crate::store::instant(place.received)),
        },
        done: receipt.at,
    })
}

/// Whether somebody who left cannot sign in any more from this receipt on. A disable that takes back what we did is nobody's
/// departure, and what is deleted after its time was counted when it was disabled.
fn locks_out(worker: &Worker, planned: &Planned, receipt: &Receipt) -> bool {
    let left = planned.wanted == Some(false) || worker.gone.is_some() || planned.scope.is_err();
    let was_enabled = planned
        .situation
        .account()
        .is_some_and(|account| account.enabled == Some(true));
    let ends = |effect: &Effect| match effect {
        Effect::Disable => true,
        Effect::Delete => was_enabled,
        _ => false,
    };
    left && receipt.has(ends)
}

/// What HR says where it decides whether the account is enabled, as far as that is news: while HR wants it, and where a limit holds
/// the disable.
pub fn state(
    policy: &Policy,
    subject: &Subject,
    planned: &Planned,
    ending: &Ending,
    is_new: bool,
) -> Option<News> {
    let done = ending.done.as_ref();
    let ends = |effect: &Effect| matches!(effect, Effect::Disable | Effect::Delete);
    // Not where there is another account since.
    let is_over = |receipt: &Receipt| match receipt.since_delete(&policy.model) {
        [] => true,
        since => since.iter().any(ends) && !since.iter().any(Effect::is_create),
    };
    if done.is_some_and(is_over) {
        return Some(News::Over);
    }
    let is_held = |held: &Held| matches!(held.action, Action::Disable | Action::Delete);
    let inputs = || Some(state_inputs(policy.mapping(Role::State)?, &subject.worker));
    if ending.held.iter().any(is_held) {
        return inputs().map(News::Held);
    }
    // Of whom HR has said nothing since, it is known already.
    let is_news = is_new || subject.wake.cause == Cause::Said || !subject.held_before.is_empty();
    let is_wanted = planned.wanted == Some(true) && (is_new || subject.link.is_some());
    inputs().filter(|_| is_wanted && is_news).map(News::Active)
}

/// What the account-state mapping reads of a worker.
fn state_inputs(mapping: &Mapping, worker: &Worker) -> Inputs {
    let names = mapping
        .expression
        .as_ref()
        .map(|expression| expression.attributes());
    let names = names.unwrap_or_default().into_iter();
    names
        .map(|name| (name.to_string(), cut(&held_value(worker, name), VALUE)))
        .collect()
}

fn held_value(worker: &Worker, name: &str) -> String {
    let value = worker.attributes.get(name).unwrap_or(&Value::Null);
    value.to_texts().join(", ")
}

/// What of HR's word is behind a held change: the mapping that it follows, with what that reads.
fn turned(policy: &Policy, worker: &Worker, planned: &Planned, held: &Held) -> String {
    if worker.gone.is_some() {
        return "gone at the source".into();
    }
    if let (Err(filter), Effect::Disable | Effect::Delete) = (&planned.scope, &held.effect) {
        return format!("left the scope ({filter})");
    }
    let to = |attribute: &str| {
        let mut mappings = policy.schema.mappings.iter();
        mappings.find(|mapping| mapping.target == attribute)
    };
    let mapping = match &held.effect {
        Effect::Disable | Effect::Enable | Effect::Restore => policy.mapping(Role::State),
        Effect::Move { .. } => policy.mapping(Role::Container),
        Effect::Rename { .. } => policy.mapping(Role::Name),
        Effect::Set { attribute, .. } | Effect::Refer { attribute, .. } => to(attribute),
        Effect::Create { .. } => return "people without an account".into(),
        Effect::Delete | Effect::Password { .. } => None,
    };
    let Some(mapping) = mapping else {
        return "no mapping says so".into();
    };
    format!("{} follows {}", mapping.target, inputs(mapping, worker))
}

/// The names that a mapping reads; where it decides whether somebody may sign in, with what they hold.
fn inputs(mapping: &Mapping, worker: &Worker) -> String {
    let names = mapping
        .expression
        .as_ref()
        .map(|expression| expression.attributes());
    let names = names.unwrap_or_default();
    if names.is_empty() {
        return "a constant".into();
    }
    let shown = names.into_iter().map(|name| {
        if mapping.role != Role::State {
            return name.to_string();
        }
        match cut(&held_value(worker, name), VALUE) {
            nothing if nothing.is_empty() => format!("{name} (nothing)"),
            text => format!("{name} = {text}"),
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// A reason without what is peculiar to one person: whatever is quoted, and every longer word with a digit, an `@` or an `=`.
fn cause(reason: &str) -> String {
    let mut text = String::with_capacity(reason.len());
    let mut rest = reason;
    while let Some((at, quote)) = rest.char_indices().find(|(_, one)| matches!(one, '\'' | '"')) {
        let after = &rest[at + 1..];
        let opens = !rest[..at].ends_with(char::is_alphanumeric);
        match after.find(quote).filter(|_| opens) {
            Some(end) => {
                text.push_str(&rest[..at]);
                text.push('…');
                rest = &after[end + 1..];
            }
            None => {
                text.push_str(&rest[..=at]);
                rest = after;
            }
        }
    }
    text.push_str(rest);
    let words = text.split_whitespace().map(|word| {
        let tells = |one: char| one.is_ascii_digit() || matches!(one, '@' | '=');
        match word.len() > 1 && word.contains(tells) {
            true => "…",
            false => word,
        }
    });
    let mut words: Vec<&str> = words.collect();
    words.dedup_by(|next, before| *next == "…" && *before == "…");
    words.join(" ")
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::{Account, Anchor, Values};
    use crate::domain::link::Situation;
    use crate::domain::plan::Change;

    /// The plan for an account that is found in this state.
    fn planned(enabled: bool, wanted: Option<bool>, scope: Result<(), String>) -> Planned {
        let anchor = Anchor("account 7".into());
        let account = Account {
            anchor: anchor.clone(),
            address: String::new(),
            enabled: Some(enabled),
            values: Values::new(),
            protected: None,
            deleted: false,
        };
        Planned {
            change: Change {
                id: uuid::Uuid::nil(),
                worker: "7".into(),
                account: Some(anchor),
                effects: Vec::new(),
            },
            situation: Situation::Linked(Box::new(account)),
            scope,
            findings: Vec::new(),
            pending: Vec::new(),
            agreed: Vec::new(),
            wanted,
            revisit: None,
        }
    }

    #[test]
    fn a_departure_is_of_somebody_who_left_and_is_counted_once() {
        let out = || Err("Department EQUALS Sales".to_string());
        let here = Worker::new("7");
        let gone = Worker {
            gone: Some(jiff::Timestamp::UNIX_EPOCH),
            ..here.clone()
        };
        for (worker, planned, done, expected) in [
            (&here, planned(true, Some(false), Ok(())), Effect::Disable, true),
            (&here, planned(true, Some(true), out()), Effect::Disable, true),
            (&gone, planned(true, None, Ok(())), Effect::Disable, true),
            // What was done is taken back: nobody left.
            (&here, planned(true, None, Ok(())), Effect::Disable, false),
            (&here, planned(true, None, Ok(())), Effect::Delete, false),
            (&gone, planned(true, None, Ok(())), Effect::Delete, true),
            // Disabled a month ago, and told of then.
            (&gone, planned(false, Some(false), Ok(())), Effect::Delete, false),
        ] {
            let receipt = Receipt {
                change: planned.change.id,
                account: Anchor("account 7".into()),
                address: String::new(),
                endpoint: String::new(),
                done: vec![done],
                at: jiff::Timestamp::UNIX_EPOCH,
                event: None,
            };
            let told = format!("{:?} {planned:?} {:?}", worker.gone, receipt.done);
            assert_eq!(locks_out(worker, &planned, &receipt), expected, "{told}");
        }
    }

    #[test]
    fn a_cause_is_the_reason_without_the_person() {
        for (reason, expected) in [
            ("worker 10007 has the same value", "worker … has the same value"),
            ("CN=Ada B,OU=Staff does not exist", "… does not exist"),
            ("'ada@x' is no address of \"Ada King\"", "… is no address of …"),
            ("HR's word hasn't changed", "HR's word hasn't changed"),
            (
                "it holds exactly one @ and 64 characters",
                "it holds exactly one @ and … characters",
            ),
            ("an open 'quote", "an open 'quote"),
            ("", ""),
        ] {
            assert_eq!(cause(reason), expected, "{reason}");
        }
        assert_eq!(cut("Zoë and more", 3), "Zoë…");
        assert_eq!(cut("Zoë", 3), "Zoë");
    }
}
