//! Where what a callback names goes, by the job's own mappings.

use std::collections::BTreeMap;

use crate::connector::Callable;
use crate::domain::callback::{Call, Member, Who};
use crate::domain::mapping::Mapping;
use crate::domain::policy::Policy;

/// What people are looked up by when a callback gives a user principal name.
const PRINCIPAL: &str = "userPrincipalName";

/// Which attributes of the source a callback is about, as far as the mappings say.
pub struct Route {
    pub callable: &'static [Callable],
    /// What the job joins people by.
    join: Result<String, String>,
    principal: Result<String, String>,
    members: BTreeMap<Member, Result<String, String>>,
}

/// Something of a call that the job's schema has no use for.
#[derive(Debug, PartialEq, Eq)]
pub struct Objection {
    /// The place of the call.
    pub call: usize,
    /// What of it; `None` for how the person is named.
    pub member: Option<Member>,
    pub message: String,
}

impl Route {
    pub fn new(policy: &Policy, callable: &'static [Callable]) -> Route {
        let member = |one: &Callable| (one.member, member(policy, one));
        Route {
            callable,
            join: join(policy),
            principal: principal(policy),
            members: callable.iter().map(member).collect(),
        }
    }

    /// What of a call cannot be used.
    pub fn objections(&self, at: usize, call: &Call) -> Vec<Objection> {
        let object = |member, message| Objection {
            call: at,
            member,
            message,
        };
        let who = self.keys(&call.who).err();
        let values = call.values.keys();
        let values = values.filter_map(|one| Some(object(Some(*one), self.attribute(*one).err()?)));
        who.map(|message| object(None, message))
            .into_iter()
            .chain(values)
            .collect()
    }

    /// The attributes and values by which a person is looked up.
    pub fn keys<'w>(&self, who: &'w Who) -> Result<Vec<(&str, &'w str)>, String> {
        let named = [(&who.worker, &self.join), (&who.principal, &self.principal)];
        let key = |(value, attribute): (&'w Option<String>, _)| Some((value.as_deref()?, attribute));
        named
            .into_iter()
            .filter_map(key)
            .map(
                |(value, attribute): (_, &Result<String, String>)| match attribute {
                    Ok(attribute) => Ok((attribute.as_str(), value)),
                    Err(why) => Err(why.clone()),
                },
            )
            .collect()
    }

    /// The source's attribute that a member of a callback is said of.
    pub fn attribute(&self, member: Member) -> Result<&str, String> {
        match self.members.get(&member) {
            Some(Ok(attribute)) => Ok(attribute),
            Some(Err(why)) => Err(why.clone()),
            None => Err("this job's target has no such thing".into()),
        }
    }
}

fn inputs(mapping: &Mapping) -> Vec<&str> {
    let expression = mapping.expression.as_ref();
    expression.map_or_else(Vec::new, |expression| expression.attributes())
}

fn join(policy: &Policy) -> Result<String, String> {
    let mapping = policy
        .matching()
        .next()
        .ok_or("the job's schema has no matching attribute: name the person by userPrincipalName")?;
    match inputs(mapping).as_slice() {
        [one] => Ok((*one).to_string()),
        several => Err(format!(
            "the mapping of {} reads {}, and people are looked up by one attribute only: name the person by userPrincipalName",
            mapping.target,
            listed(several)
        )),
    }
}

fn principal(policy: &Policy) -> Result<String, String> {
    let read = policy.schema.mappings.iter().flat_map(inputs);
    match read.into_iter().find(|name| name.eq_ignore_ascii_case(PRINCIPAL)) {
        Some(name) => Ok(name.to_string()),
        None => Err(format!(
            "no mapping of this job's schema reads {PRINCIPAL}: name the person by workerId"
        )),
    }
}

fn member(policy: &Policy, one: &Callable) -> Result<String, String> {
    let mut mappings = policy.schema.mappings.iter();
    let mapping = mappings
        .find(|mapping| mapping.target.eq_ignore_ascii_case(one.target))
        .ok_or_else(|| format!("this job's schema does not map {}", one.target))?;
    let inputs = inputs(mapping);
    let preferred = |name: &&&str| one.sources.iter().any(|known| known.eq_ignore_ascii_case(name));
    match (inputs.iter().find(preferred), inputs.as_slice()) {
        (Some(name), _) | (None, [name]) => Ok((*name).to_string()),
        (None, several) => Err(format!(
            "the mapping of {} reads {}: map it from {}, so that it is plain which of them this is",
            one.target,
            listed(several),
            one.sources.join(" or ")
        )),
    }
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "no attribute".into(),
        names => names.join(", "),
    }
}
