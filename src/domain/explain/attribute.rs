//! One attribute: what the account has, what HR wants, and every step between.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use super::{Known, effect_name};
use crate::domain::account::Anchor;
use crate::domain::expression::trace::Trace;
use crate::domain::expression::{Context, Seed};
use crate::domain::mapping::{Desired, Flow, Mapping, Role};
use crate::domain::plan::Effect;
use crate::domain::policy::Policy;
use crate::domain::provenance::Occasion;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// As the schema spells it.
    pub name: String,
    /// What the account has; absent where that could not be read, or there is no account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<Vec<String>>,
    /// What the mapping comes to; absent where that is not to be shown, or nothing comes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Vec<String>>,
    /// Why nothing comes of it: `nothing`, `notKept`, `IgnoreAttributeFlow`, `IgnoreObjectFlow`, `error: …`, `notMapped`, `secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
    /// The mapping, as the schema has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    pub inputs: Vec<Input>,
    #[serde(flatten)]
    pub trace: Trace,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    pub default_used: bool,
    /// Graph's attributeFlowType.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_type: Option<&'static str>,
    /// Whether the mapping says anything about the account as it is now.
    pub flows: bool,
    /// The last time that this job changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_change: Option<LastChange>,
}

/// What HR says of an attribute that the mapping reads.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    pub attribute: String,
    /// Absent where HR never said anything, or nobody kept it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Vec<String>>,
    /// HR said something, and nobody kept it (B33).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_kept: bool,
    /// Since when HR says so, where that was written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<Occasion>,
    /// A callback said so, ahead of the source.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub called_back: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastChange {
    pub at: Timestamp,
    pub cycle: String,
    pub before: Vec<String>,
    pub after: Vec<String>,
}

/// The mapping reads something that HR said and nobody kept (B33), and does not flow.
pub const NOT_KEPT: &str = "notKept";

pub fn explain(known: &Known<'_>, name: &str) -> Attribute {
    let mappings = &known.policy.schema.mappings;
    let mapping = mappings.iter().find(|one| one.target.eq_ignore_ascii_case(name));
    let Some(mapping) = mapping else {
        return unmapped(known, name);
    };
    let is_secret = mapping.role == Role::Password;
    let expression = mapping.expression.as_ref();
    let trace = match expression {
        Some(expression) if !is_secret => context(known, mapping, |context| expression.trace(context)),
        _ => Trace {
            is_secret,
            ..Trace::default()
        },
    };
    let (wanted, without) = match trace.is_secret {
        true => (None, Some("secret".to_string())),
        false => wanted(known, mapping),
    };
    // What comes of nothing is not what would come of that which was not kept.
    let trace = match without.as_deref() {
        Some(NOT_KEPT) => Trace::default(),
        _ => trace,
    };
    let is = match trace.is_secret {
        true => None,
        false => has(known, mapping),
    };
    let nothing = without.as_deref() == Some("nothing");
    let empty = is.as_ref().is_none_or(Vec::is_empty);
    let makes = known.planned().is_some_and(|one| one.change.account.is_none());
    let fills = mapping.default.is_some() && nothing && empty;
    Attribute {
        name: mapping.target.clone(),
        expression: expression.filter(|_| !is_secret).map(ToString::to_string),
        inputs: match trace.is_secret {
            true => Vec::new(),
            false => inputs(known, mapping),
        },
        default: mapping.default.clone().filter(|_| !is_secret),
        default_used: fills && (makes || (mapping.expression.is_none() && mapping.role == Role::Plain)),
        flow_type: Some(flow_name(mapping.flow)),
        flows: flows(known, mapping, is.as_deref()),
        last_change: if trace.is_secret {
            None
        } else {
            last_change(known, mapping)
        },
        is,
        wanted,
        without,
        trace,
    }
}

fn unmapped(known: &Known<'_>, name: &str) -> Attribute {
    let held = known.account().map(|account| {
        let values = account
            .values
            .iter()
            .find(|(held, _)| held.eq_ignore_ascii_case(name));
        values.map(|(_, values)| values.clone()).unwrap_or_default()
    });
    Attribute {
        name: name.to_string(),
        is: held.filter(|values| !values.is_empty()),
        wanted: None,
        without: Some("notMapped".into()),
        expression: None,
        inputs: Vec::new(),
        trace: Trace::default(),
        default: None,
        default_used: false,
        flow_type: None,
        flows: false,
        last_change: None,
    }
}

fn flow_name(flow: Flow) -> &'static str {
    match flow {
        Flow::Always => "Always",
        Flow::ObjectAddOnly => "ObjectAddOnly",
        Flow::AttributeAddOnly => "AttributeAddOnly",
        Flow::ValueAddOnly => "ValueAddOnly",
    }
}

/// Whether the mapping says anything about the account as it is.
fn flows(known: &Known<'_>, mapping: &Mapping, is: Option<&[String]>) -> bool {
    let exists = known.account().is_some();
    match mapping.flow {
        Flow::ObjectAddOnly => !exists,
        Flow::AttributeAddOnly => is.is_none_or(<[String]>::is_empty),
        Flow::Always | Flow::ValueAddOnly => mapping.role != Role::Password || !exists,
    }
}

fn context<T>(known: &Known<'_>, mapping: &Mapping, then: impl FnOnce(&Context<'_>) -> T) -> T {
    let Policy { settings, .. } = known.policy;
    let given = known.names.iter().find(|(name, _)| *name == mapping.target);
    // The candidate that was chosen is the first that nobody has.
    let taken = |candidate: &str| given.is_some_and(|(_, value)| value != candidate);
    then(&Context {
        attributes: &known.worker.attributes,
        now: known.moment.now,
        seed: Seed::new(known.moment.plan, &known.worker.anchor, &mapping.target),
        taken: &taken,
        default_domain: settings.default_domain.as_deref(),
        directory_domain: settings.default_domain.as_deref(),
    })
}

/// What the mapping comes to, or why nothing does.
fn wanted(known: &Known<'_>, mapping: &Mapping) -> (Option<Vec<String>>, Option<String>) {
    let created = known
        .planned()
        .and_then(|planned| planned.change.effects.iter().find_map(Effect::created));
    if let Some(values) = created.and_then(|values| values.get(&mapping.target)) {
        return (Some(values.clone()), None);
    }
    if let Some((_, value)) = known.names.iter().find(|(name, _)| *name == mapping.target) {
        return (Some(vec![value.clone()]), None);
    }
    if !known.worker.unkept_of(mapping).is_empty() {
        return (None, Some(NOT_KEPT.into()));
    }
    if mapping.chooses() {
        return (None, Some("nothing".into()));
    }
    match known.moment.desired(known.policy, known.worker, mapping) {
        Ok(Desired::Values(values)) => {
            let canonical = known.policy.model.canonical;
            let values = mapping.fitting(values).into_iter().map(Cow::into_owned);
            let values = values.map(|value| canonical(&mapping.target, value));
            (Some(values.collect()), None)
        }
        Ok(Desired::Nothing) => (None, Some("nothing".into())),
        Ok(Desired::AttributeIgnored) => (None, Some("IgnoreAttributeFlow".into())),
        Ok(Desired::ObjectIgnored) => (None, Some("IgnoreObjectFlow".into())),
        Err(error) => (None, Some(format!("error: {}", error.message))),
    }
}

/// What the account has.
fn has(known: &Known<'_>, mapping: &Mapping) -> Option<Vec<String>> {
    let account = known.account()?;
    let state = known.policy.model.state;
    Some(match (mapping.role, state) {
        (Role::State, Some(state)) => account
            .enabled
            .map(|enabled| if enabled == state.enabled { "True" } else { "False" })
            .map(String::from)
            .into_iter()
            .collect(),
        _ => account.values.get(&mapping.target).cloned().unwrap_or_default(),
    })
}

/// What HR says of all that a mapping reads.
pub fn inputs(known: &Known<'_>, mapping: &Mapping) -> Vec<Input> {
    let worker = known.worker;
    let names = mapping.expression.iter().flat_map(|one| one.attributes());
    let unkept = worker.unkept_of(mapping);
    let input = |name: &str| Input {
        attribute: name.to_string(),
        value: worker.attributes.get(name).map(|value| value.to_texts()),
        said: worker
            .said
            .of(name)
            .filter(|_| worker.attributes.contains_key(name)),
        not_kept: unkept.contains(&name),
        called_back: worker.stated.contains_key(name),
    };
    names.map(input).collect()
}

fn last_change(known: &Known<'_>, mapping: &Mapping) -> Option<LastChange> {
    known.receipts.iter().find_map(|(cycle, receipt)| {
        let (before, after) = receipt
            .done
            .iter()
            .rev()
            .find_map(|effect| change(effect, mapping))?;
        Some(LastChange {
            at: receipt.at,
            cycle: cycle.clone(),
            before,
            after,
        })
    })
}

/// From what to what an effect takes an attribute.
pub fn change(effect: &Effect, mapping: &Mapping) -> Option<(Vec<String>, Vec<String>)> {
    let one = |text: &str| vec![text.to_string()];
    if let Effect::Create {
        values,
        container,
        enabled,
        ..
    } = effect
    {
        let after = match mapping.role {
            Role::State => one(if *enabled { "enabled" } else { "disabled" }),
            Role::Container => container.iter().cloned().collect(),
            _ => values.get(&mapping.target)?.clone(),
        };
        return Some((Vec::new(), after));
    }
    if effect.attribute() != Some(effect_name(mapping)) {
        return None;
    }
    let anchor = |anchor: &Option<Anchor>| anchor.iter().map(ToString::to_string).collect();
    Some(match effect {
        Effect::Set { before, after, .. } => (before.clone(), after.clone()),
        Effect::Refer { before, after, .. } => (anchor(before), anchor(after)),
        Effect::Rename { before, after } | Effect::Move { before, after } => (one(before), one(after)),
        Effect::Disable => (one("enabled"), one("disabled")),
        Effect::Enable => (one("disabled"), one("enabled")),
        _ => return None,
    })
}
