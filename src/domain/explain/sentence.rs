//! The one sentence. What comes first in these lists outweighs what follows.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::attribute::{self, Attribute, Input, NOT_KEPT};
use super::{Known, waits_for};
use crate::domain::finding::{Finding, Weight};
use crate::domain::hold::{Hold, Until};
use crate::domain::link::Situation;
use crate::domain::mapping::{Flow, Mapping, Role};
use crate::domain::plan::Effect;
use crate::domain::provenance::Occasion;
use crate::domain::scope::Refusal;

/// Characters of an expression in a sentence.
const LONGEST: usize = 120;

pub fn of_worker(known: &Known<'_>) -> String {
    let name = known.name();
    let account = match (&known.plan, known.account().is_some()) {
        (Err(_), _) | (_, true) => format!("the account of {name}"),
        (_, false) => name.clone(),
    };
    if let Err(error) = &known.plan {
        return format!(
            "What {account} is like cannot be said now, because the target did not answer: {error}{}",
            last_known(known)
        );
    }
    if let Some(refusal) = refusal(known) {
        let then = match known.account() {
            Some(_) if does_something(known) => "is in nobody's scope any more",
            Some(_) => "is left as it is",
            None => "has no account from this job",
        };
        return capital(&format!(
            "{account} {then} because {}.",
            turned_away(known, &refusal)
        ));
    }
    if let Some(obstacle) = known.obstacle() {
        let done = match known.account() {
            Some(_) => "is left as it is",
            None => "has no account",
        };
        return capital(&format!("{account} {done} because {}.", plain(&obstacle.message)));
    }
    if let Some(doing) = doing(known) {
        return capital(&format!("{account} {doing}{}.", but(known)));
    }
    if let Some(held) = known.held().first() {
        let why = format!(
            "is kept from a {} by a limit of {} in 24 hours",
            held.action, held.limit
        );
        return capital(&format!("{account} {why}: a person has to answer for it."));
    }
    let planned = known.planned();
    let mut findings = planned.iter().flat_map(|planned| &planned.findings);
    if let Some(finding) = findings.find(|one| one.weight >= Weight::Warning) {
        return capital(&format!("{account} is as far as it can be: {}.", on(finding)));
    }
    if let Some(pending) = planned.and_then(|planned| planned.pending.first()) {
        return capital(&format!(
            "{account} is as HR wants it but for {}.",
            waits_for(pending)
        ));
    }
    capital(&format!(
        "{account} has all that HR wants{}: there is nothing to do.",
        found(known)
    ))
}

/// What is known of an account that cannot be read.
fn last_known(known: &Known<'_>) -> String {
    match known.receipts.first() {
        Some((_, receipt)) => format!(
            "; it was written last on {}, at {}.",
            minute(receipt.at),
            receipt.address
        ),
        None if known.link.is_some() => "; it was found, and never written.".into(),
        None => "; no account is known of.".into(),
    }
}

fn found(known: &Known<'_>) -> String {
    match known.planned().map(|planned| &planned.situation) {
        Some(Situation::Unlinked { by, .. }) => format!(" (it was found by {by})"),
        _ => String::new(),
    }
}

fn does_something(known: &Known<'_>) -> bool {
    known.planned().is_some_and(|one| !one.change.effects.is_empty())
}

/// What the next look does.
fn doing(known: &Known<'_>) -> Option<String> {
    let effects = &known.planned()?.change.effects;
    let first = effects.first()?;
    let mut told: Vec<String> = effects.iter().filter_map(told).take(3).collect();
    if first.is_create() {
        told = vec!["an account".into()];
    }
    let more = match effects.len().saturating_sub(3) {
        0 => String::new(),
        _ if first.is_create() => String::new(),
        more => format!(" and {more} more"),
    };
    let verb = match first {
        Effect::Create { .. } => "gets",
        _ => "is about to change:",
    };
    Some(format!("{verb} {}{more}", told.join(", ")))
}

fn told(effect: &Effect) -> Option<String> {
    let to = |what: &str, before: &[String], after: &[String]| {
        format!("{what} from {} to {}", values(before), values(after))
    };
    Some(match effect {
        Effect::Set {
            attribute,
            before,
            after,
        } => to(attribute, before, after),
        Effect::Refer { attribute, .. } => format!("{attribute} to another account"),
        Effect::Rename { before, after } | Effect::Move { before, after } => {
            let what = effect.attribute().unwrap_or_default();
            to(what, std::slice::from_ref(before), std::slice::from_ref(after))
        }
        Effect::Disable => "it is disabled".into(),
        Effect::Enable => "it is enabled".into(),
        Effect::Restore => "it is restored".into(),
        Effect::Delete => "it is deleted".into(),
        Effect::Password { .. } | Effect::Create { .. } => return None,
    })
}

/// Why it is not done yet.
fn but(known: &Known<'_>) -> String {
    let standing = &known.standing;
    match () {
        () if standing.is_stopped => ", but the job is stopped".into(),
        () if standing.unheard > 0 => ", but HR has said more that was not taken in yet".into(),
        () if standing.source_unread => ", but HR has not been read whole yet".into(),
        () if standing.quarantine.is_some() => ", but the job is in quarantine".into(),
        () => match (&standing.refusal, standing.next_look) {
            (Some(refusal), _) => format!(
                ", but the target refused it ({}: {}){}",
                refusal.code,
                plain(&refusal.reason),
                refusal
                    .next
                    .map(|at| format!(", and it is tried again on {}", minute(at)))
                    .unwrap_or_default()
            ),
            (None, Some(at)) if at > known.moment.now => format!(" on {}", minute(at)),
            (None, Some(_)) => " as soon as the job comes to it".into(),
            (None, None) => " when everybody is looked at, or HR says something".into(),
        },
    }
}

/// The clause that turned the worker away. Of leavers of whom next to nothing is kept no filter is asked.
fn refusal(known: &Known<'_>) -> Option<Refusal> {
    if known.worker.shrunk.is_some() {
        return None;
    }
    known
        .policy
        .schema
        .scope
        .refusals(known.worker)
        .into_iter()
        .next()
}

fn turned_away(known: &Known<'_>, refusal: &Refusal) -> String {
    let said = known.worker.said.of(&refusal.attribute);
    let operands = match refusal.operands.as_slice() {
        [] => String::new(),
        some => format!(" {}", quote(some)),
    };
    let is = match &refusal.value {
        _ if refusal.not_kept => "what HR said of it was not kept: HR has to send it again".to_string(),
        None => "HR never said anything of it".to_string(),
        Some(value) if value.is_empty() => "HR says that it is nothing".into(),
        Some(value) => format!("HR says {}{}", quote(value), since(said)),
    };
    let kind = if refusal.is_input {
        "input filter"
    } else {
        "filter"
    };
    format!(
        "the {kind} '{}' asks that {} {}{operands}, and {is}",
        refusal.filter, refusal.attribute, refusal.operator
    )
}

pub fn of_attribute(known: &Known<'_>, attribute: &Attribute) -> String {
    let name = &attribute.name;
    let mapping = known
        .policy
        .schema
        .mappings
        .iter()
        .find(|one| one.target == *name);
    let Some(mapping) = mapping else {
        return format!(
            "Nothing is done about {name}, because version {} of the schema does not map it.",
            known.policy.version
        );
    };
    if attribute.trace.is_secret {
        return format!("{name} is a secret: it is drawn when it is written, and never shown.");
    }
    let wants = source(attribute, mapping);
    if let Err(error) = &known.plan {
        return format!(
            "What {name} of {} is cannot be said now, because the target did not answer ({error}); HR wants {wants}.",
            known.name()
        );
    }
    let is = attribute.is.as_deref().unwrap_or_default();
    let (stays, held_back) = (stays(known, attribute), format!("what is wanted is {wants}"));
    let is_kept = attribute.without.as_deref() != Some(NOT_KEPT);
    let agrees = attribute
        .wanted
        .as_ref()
        .is_some_and(|wanted| mapping.agrees(is, wanted));
    if let Some((_, after)) = change(known, mapping) {
        let after = match mapping.role {
            Role::Reference => "the account of another worker".to_string(),
            _ => values(&after),
        };
        let from = match known.account() {
            Some(_) => format!("{name} is {} and becomes {after}", values(is)),
            None => format!("{name} will be {after}, when the account is made"),
        };
        return format!("{from}, because it is {wants}{}.", but(known));
    }
    let is_wanted = attribute.flows && attribute.wanted.is_some() && !agrees;
    if let (Some(hold), true) = (known.hold_on(mapping), is_wanted) {
        return format!("{stays} because {} outranks {wants}.", of_hold(hold));
    }
    let held = known
        .held()
        .iter()
        .find(|held| attribute::change(&held.effect, mapping).is_some());
    if let Some(held) = held {
        return format!(
            "{stays} because a limit holds it back ({}: {} at most in 24 hours), while {held_back}.",
            held.action, held.limit
        );
    }
    let findings = known
        .planned()
        .map_or(&[][..], |planned| planned.findings.as_slice());
    let own = findings.iter().find(|one| one.attribute.as_deref() == Some(name));
    if let (Some(finding), false) = (own, agrees) {
        let held_back = if is_kept {
            format!("; {held_back}")
        } else {
            String::new()
        };
        return format!("{stays} because {}{held_back}.", plain(&finding.message));
    }
    if let Some(refusal) = refusal(known) {
        return format!("{stays} because {}.", turned_away(known, &refusal));
    }
    if let (Some(obstacle), false) = (known.obstacle(), agrees) {
        return format!(
            "{stays} because nothing is done about the account: {}.",
            plain(&obstacle.message)
        );
    }
    if agrees {
        return format!("{name} is {} because it is {wants}.", values(is));
    }
    if !attribute.flows {
        return format!("{stays} because {}; {held_back}.", no_flow(mapping));
    }
    if let Some(without) = &attribute.without {
        return format!("{stays} because {}.", nothing(attribute, without));
    }
    let pending = known.planned().into_iter().flat_map(|planned| &planned.pending);
    if let Some(pending) = pending.into_iter().find(|one| one.attribute == *name) {
        return format!(
            "{stays} because it waits: worker {} has no account yet; {held_back}.",
            pending.to
        );
    }
    if mapping.role == Role::Reference {
        return format!("{name} is the account of the worker whom HR names: {wants}.");
    }
    if mapping.role == Role::Container {
        return format!("{stays} because disabled accounts are not moved; {held_back}.");
    }
    format!("{stays}; {held_back}.")
}

/// What the next look does about an attribute.
fn change(known: &Known<'_>, mapping: &Mapping) -> Option<(Vec<String>, Vec<String>)> {
    let effects = known.planned()?.change.effects.iter();
    effects
        .rev()
        .find_map(|effect| attribute::change(effect, mapping))
}

fn stays(known: &Known<'_>, attribute: &Attribute) -> String {
    match (&attribute.is, known.account()) {
        (Some(is), Some(_)) => format!("{} stays {}", attribute.name, values(is)),
        _ => format!("{} has no {}", known.name(), attribute.name),
    }
}

fn no_flow(mapping: &Mapping) -> &'static str {
    match mapping.flow {
        Flow::ObjectAddOnly => "its mapping flows only when the account is made (ObjectAddOnly)",
        Flow::AttributeAddOnly => "its mapping flows only while there is no value (AttributeAddOnly)",
        Flow::Always | Flow::ValueAddOnly => "its mapping does not flow into accounts that exist",
    }
}

/// Why a mapping comes to nothing.
fn nothing(attribute: &Attribute, without: &str) -> String {
    if let Some(error) = without.strip_prefix("error: ") {
        return format!("the mapping cannot be worked out: {error}");
    }
    if without == NOT_KEPT {
        return format!("{}: HR has to send it again", not_kept(&attribute.inputs));
    }
    if without != "nothing" {
        return format!("the mapping comes to {without}{}", of_inputs(&attribute.inputs));
    }
    let unsaid = attribute.inputs.iter().all(|input| input.value.is_none());
    let said = match attribute.inputs.as_slice() {
        [] => "the mapping comes to nothing".to_string(),
        [input] if unsaid => format!("HR never said anything of {}", input.attribute),
        [input] => format!("HR says that {} is nothing{}", input.attribute, since(input.said)),
        several if unsaid => {
            let names: Vec<&str> = several.iter().map(|input| input.attribute.as_str()).collect();
            format!("HR never said anything of {}", names.join(", "))
        }
        several => format!("the mapping comes to nothing{}", of_inputs(several)),
    };
    match attribute.is.as_ref().is_some_and(|is| !is.is_empty()) {
        true => format!("{said}, and that clears no attribute"),
        false => said,
    }
}

/// The value that is wanted, and whose word it is.
fn source(attribute: &Attribute, mapping: &Mapping) -> String {
    let Some(wanted) = &attribute.wanted else {
        return match attribute.without.as_deref() {
            Some(NOT_KEPT) => format!("not known, since {}", not_kept(&attribute.inputs)),
            Some(without) if without != "nothing" => without.to_string(),
            _ => "nothing".into(),
        };
    };
    let value = match mapping.role {
        Role::Reference => format!("worker {}", quote(wanted)),
        _ => quote(wanted),
    };
    let expression = attribute.expression.as_deref().unwrap_or_default();
    match attribute.inputs.as_slice() {
        [] => format!("{value}, which the mapping always gives"),
        [input] if expression == format!("[{}]", input.attribute) => {
            format!("HR's {value}{}", word(input))
        }
        several => {
            let by = match expression.chars().count() > LONGEST {
                true => "its mapping",
                false => expression,
            };
            let newest = several.iter().max_by_key(|input| input.said.map(|said| said.at));
            format!(
                "{value}, which {by} makes of {}{}",
                listed(several),
                newest.map(word).unwrap_or_default()
            )
        }
    }
}

fn of_inputs(inputs: &[Input]) -> String {
    match inputs {
        [] => String::new(),
        some => format!(" of {}", listed(some)),
    }
}

fn listed(inputs: &[Input]) -> String {
    let one = |input: &Input| match &input.value {
        _ if input.not_kept => format!("{} (not kept)", input.attribute),
        None => format!("{} (never said)", input.attribute),
        Some(value) => format!("{} {}", input.attribute, values(value)),
    };
    inputs.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What HR said in vain.
fn not_kept(inputs: &[Input]) -> String {
    let names = inputs.iter().filter(|input| input.not_kept);
    let names: Vec<&str> = names.map(|input| input.attribute.as_str()).collect();
    format!("what HR said of {} was not kept", names.join(", "))
}

fn word(input: &Input) -> String {
    match input.called_back {
        true => ", which a callback said".into(),
        false => since(input.said),
    }
}

fn since(said: Option<Occasion>) -> String {
    match said {
        None => String::new(),
        Some(Occasion {
            at,
            upload: Some(upload),
        }) => format!(", said on {} in upload {upload}", minute(at)),
        Some(Occasion { at, upload: None }) => format!(", read on {}", minute(at)),
    }
}

/// A hold, by whom and until when.
pub fn of_hold(hold: &Hold) -> String {
    let until = match &hold.until {
        Until::Changed { .. } => "until HR says something else of this person".to_string(),
        Until::At(at) => format!("until {}", day(*at)),
        Until::Lifted => "until somebody lifts it".into(),
    };
    format!("the hold of {} ({until})", hold.by)
}

fn on(finding: &Finding) -> String {
    match &finding.attribute {
        Some(attribute) => format!("{attribute}: {}", plain(&finding.message)),
        None => plain(&finding.message).to_string(),
    }
}

/// Without the stop that the sentence brings itself.
fn plain(message: &str) -> &str {
    message.trim_end_matches('.')
}

fn values(values: &[String]) -> String {
    match values {
        [] => "empty".into(),
        some => quote(some),
    }
}

fn quote(values: &[String]) -> String {
    format!("'{}'", values.join("', '"))
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// To the minute, UTC.
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A day where it begins with that instant, else to the minute; UTC.
fn day(at: Timestamp) -> String {
    match TimeZone::UTC.to_datetime(at).time() == Time::midnight() {
        true => at.strftime("%Y-%m-%d").to_string(),
        false => minute(at),
    }
}
