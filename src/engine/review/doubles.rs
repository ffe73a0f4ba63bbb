//! Accounts that people seem to have already, though nothing on them says so.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::Context;
use super::super::subject::{Page, Subject};
use crate::connector::{Lookup, Session};
use crate::domain::account::Account;
use crate::domain::finding::{Finding, Weight};
use crate::domain::plan::{self, Effect, Moment};
use crate::domain::policy::Policy;
use crate::domain::review::DOUBLE;
use crate::engine::texts;
use crate::error::Result;
use crate::store::{links, reviews};

/// Looks for accounts that people seem to have already, under their first name candidates or their names, and that
/// carry nothing by which they could be matched: no other is made beside one (B9).
pub(in crate::engine) async fn doubles(
    cx: &Context,
    session: &dyn Session,
    page: &mut Page,
    moment: &Moment,
) -> Result<()> {
    let policy = &cx.runner.policy;
    let asked: Vec<(usize, Signs)> = page
        .subjects
        .iter()
        .enumerate()
        .filter_map(|(at, subject)| Some((at, Signs::of(policy, subject, moment)?)))
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let lookups: HashSet<Lookup> = asked.iter().flat_map(|(_, signs)| signs.lookups()).collect();
    let lookups: Vec<Lookup> = lookups.into_iter().collect();
    let found = session.find(&lookups).await?;
    let found: HashMap<&Lookup, Vec<Account>> = lookups.iter().zip(found).collect();
    let all = found.values().flatten().map(|account| account.anchor.0.clone());
    let taken = taken(cx, all.collect()).await?;
    for (at, signs) in asked {
        let subject = &mut page.subjects[at];
        let is_free = |account: &&Account| {
            let owner = taken.get(&account.anchor.0);
            owner.is_none_or(|owner| *owner == subject.worker.anchor) && is_unmarked(policy, account)
        };
        if let Some((by, account)) = signs.met(&found, is_free) {
            let marks: Vec<&str> = policy.matching().map(|mapping| mapping.target.as_str()).collect();
            let message = format!(
                "the account {} seems to be this person's already: it has the same {by}, and no {}. Join them with `muster link`, or say there that it is somebody else's",
                account.address,
                marks.join(" or ")
            );
            keep_from_making(subject, Finding::new(Weight::Failure, DOUBLE, message));
        }
    }
    Ok(())
}

fn keep_from_making(subject: &mut Subject, finding: Finding) {
    let (Some(withheld), Some(planned)) = (&mut subject.withheld, &mut subject.planned) else {
        return;
    };
    let known = subject.review.as_ref().map(|review| &review.case);
    withheld.is_news = known.is_none_or(|known| !known.is_double());
    withheld.case.proposal.effects.clear();
    withheld.case.proposal.findings.push(finding.clone());
    planned.findings.push(finding);
}

/// Whose accounts these are, or are to be: by account.
async fn taken(cx: &Context, accounts: Vec<String>) -> Result<HashMap<String, String>> {
    let job = cx.origin.job.clone();
    cx.store
        .read(move |conn| {
            let accounts = texts(&accounts);
            let mut taken: HashMap<String, String> =
                reviews::finders(conn, &job, &accounts)?.into_iter().collect();
            taken.extend(links::owners(conn, &job, &accounts)?);
            Ok(taken)
        })
        .await
}

/// Nothing on the account says whose it is.
fn is_unmarked(policy: &Policy, account: &Account) -> bool {
    account.protected.is_none()
        && !account.deleted
        && policy
            .matching()
            .all(|mapping| account.first(&mapping.target).is_none())
}

/// By what somebody would know an account for a person's.
struct Signs {
    /// Names that the account would have: attribute and value.
    names: Vec<(String, String)>,
    /// Given name and surname, each with its attribute.
    person: Option<[(String, String); 2]>,
}

impl Signs {
    /// `None` where no account would be made, or a person has said that there is none.
    fn of(policy: &Policy, subject: &Subject, moment: &Moment) -> Option<Signs> {
        let withheld = subject.withheld.as_ref().filter(|withheld| !withheld.apart)?;
        let effects = withheld.case.proposal.effects.iter();
        let values = effects.into_iter().find_map(|effect| match effect {
            Effect::Create { values, .. } => Some(values),
            _ => None,
        })?;
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let identifying = policy.model.identifying.iter();
        for attribute in identifying.filter(|name| Some(**name) != policy.model.name) {
            if let Some(value) = values.get(*attribute).and_then(|values| values.first()) {
                names.insert((*attribute).to_string(), value.clone());
            }
        }
        // What the person would be called were nobody else called so.
        for (mapping, candidates) in plan::candidates(policy, &subject.worker, moment) {
            if let Some(first) = candidates.into_iter().next()
                && names.contains_key(&mapping.target)
            {
                names.insert(mapping.target.clone(), first);
            }
        }
        let text = |attribute: &'static str| {
            let value = values.get(attribute)?.first()?;
            Some((attribute.to_string(), value.clone()))
        };
        let person = policy
            .model
            .person
            .and_then(|(given, surname)| Some([text(given)?, text(surname)?]));
        Some(Signs {
            names: names.into_iter().collect(),
            person,
        })
    }

    fn lookups(&self) -> impl Iterator<Item = Lookup> {
        // Both at once: of one surname alone a directory may hold thousands.
        let person = self.person.iter().cloned().map(Lookup::Both);
        let names = self.names.iter().map(|(attribute, value)| Lookup::Match {
            attribute: attribute.clone(),
            value: value.clone(),
        });
        names.chain(person)
    }

    /// The first account that carries one of the signs, and which.
    fn met<'f>(
        &self,
        found: &'f HashMap<&Lookup, Vec<Account>>,
        is_free: impl Fn(&&Account) -> bool,
    ) -> Option<(String, &'f Account)> {
        let of = |lookup: &Lookup| found.get(lookup).map(Vec::as_slice).unwrap_or_default();
        for (attribute, value) in &self.names {
            let lookup = Lookup::Match {
                attribute: attribute.clone(),
                value: value.clone(),
            };
            if let Some(account) = of(&lookup).iter().find(&is_free) {
                return Some((format!("{attribute} ({value})"), account));
            }
        }
        let person = self.person.as_ref()?;
        let account = of(&Lookup::Both(person.clone())).iter().find(&is_free)?;
        let [(given, _), (surname, _)] = person;
        Some((format!("{given} and {surname}"), account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b9_nobody_is_looked_for_by_a_surname_alone() {
        let text = |text: &str| text.to_string();
        let person = [(text("givenName"), text("Ada")), (text("sn"), text("Novak"))];
        let signs = Signs {
            names: vec![(text("mail"), text("ada@example.test"))],
            person: Some(person.clone()),
        };
        let mail = Lookup::Match {
            attribute: text("mail"),
            value: text("ada@example.test"),
        };
        let asked: Vec<Lookup> = signs.lookups().collect();
        assert_eq!(asked, [mail, Lookup::Both(person)]);
    }
}
