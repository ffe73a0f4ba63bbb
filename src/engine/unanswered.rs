//! What became of changes that were sent and never answered for (B26): the account is looked for by the values of its create, what
//! it shows happened, and a create is repeated only with its first names.

use jiff::{SignedDuration, Timestamp};

use super::Context;
use super::accounts::Accounts;
use super::reconcile::{Page, Subject};
use crate::connector::Lookup;
use crate::domain::account::{Account, Values};
use crate::domain::dn;
use crate::domain::guard::{Action, Charges};
use crate::domain::plan::{Change, Effect, Planned, Receipt};
use crate::domain::policy::Policy;
use crate::error::Result;
use crate::store::changes::Sent;

/// A create that was sent and never answered for may have made the account under the values of its day: it is
/// looked for by every one of them that can tell accounts apart (B26).
pub async fn find(cx: &Context, accounts: &Accounts<'_>, subjects: &mut [Subject]) -> Result<()> {
    let policy = &cx.runner.policy;
    let mut asked = Vec::new();
    let mut lookups = Vec::new();
    for (at, subject) in subjects.iter().enumerate() {
        if subject.link.is_some() || !subject.found.accounts.is_empty() {
            continue;
        }
        for values in subject.unknown.iter().filter_map(created) {
            for (attribute, value) in telling(policy, values) {
                asked.push(at);
                lookups.push(Lookup::Match {
                    attribute: attribute.to_string(),
                    value: value.to_string(),
                });
            }
        }
    }
    if lookups.is_empty() {
        return Ok(());
    }
    for (at, found) in asked.into_iter().zip(accounts.session().find(&lookups).await?) {
        let subject = &mut subjects[at];
        let ours = found.into_iter().find(|account| {
            subject
                .unknown
                .iter()
                .filter_map(created)
                .any(|values| is_made_by(policy, values, account))
        });
        if let (Some(account), true) = (ours, subject.found.accounts.is_empty()) {
            subject.found.accounts.push(account);
        }
    }
    Ok(())
}

fn created(sent: &Sent) -> Option<&Values> {
    sent.change.effects.iter().find_map(|effect| match effect {
        Effect::Create { values, .. } => Some(values),
        _ => None,
    })
}

/// The values by which one account can be told from every other: those it is matched by, and its names.
fn telling<'v>(policy: &'v Policy, values: &'v Values) -> impl Iterator<Item = (&'v str, &'v str)> {
    let matching = policy.matching().map(|mapping| mapping.target.as_str());
    let names = policy.model.identifying.iter().copied();
    let mut attributes: Vec<&str> = matching.chain(names).collect();
    attributes.sort_unstable();
    attributes.dedup();
    attributes
        .into_iter()
        .filter_map(|name| Some((name, values.get(name)?.first()?.as_str())))
}

/// Whether an account carries every telling value that a create gave it.
fn is_made_by(policy: &Policy, values: &Values, account: &Account) -> bool {
    telling(policy, values).all(|(name, value)| {
        account
            .first(name)
            .is_some_and(|held| held.to_lowercase() == value.to_lowercase())
    })
}

/// Finds out what became of changes that were sent and never answered for: what the account shows of them
/// happened, and a deletion whose account is gone did. The guard counts it before it judges the rest of the page.
pub fn resume(policy: &Policy, page: &mut Page, endpoint: &str, now: Timestamp) {
    let mut resumed = Charges::new();
    for subject in &mut page.subjects {
        page.history.take_back(&subject.unanswered(None, &policy.model));
        keep_ours(policy, subject);
        let unknown = std::mem::take(&mut subject.unknown);
        for (place, sent) in unknown.iter().enumerate() {
            // Somebody may have made one like it since, or have put one in its place.
            let account = match (&sent.change.account, subject.found.accounts.as_slice()) {
                (Some(anchor), found) => found.iter().find(|one| one.anchor == *anchor),
                (None, [account]) => Some(account),
                (None, _) => None,
            };
            let linked = subject.link.as_ref().map(|link| &link.account);
            let is_gone = account.is_none() && linked == sent.change.account.as_ref();
            let happened = sent.change.effects.iter().filter(|effect| {
                let later = unknown[place + 1..].iter().map(|sent| &sent.change);
                let shown = sent.change.shown_by(effect, later);
                shown.unwrap_or_else(|| match account {
                    Some(account) => happened(policy, &sent.change, effect, account),
                    None => is_gone && **effect == Effect::Delete,
                })
            });
            let done: Vec<Effect> = happened.map(|effect| as_found(effect, account)).collect();
            if !done.is_empty() {
                let receipt = Receipt {
                    change: sent.change.id,
                    account: account
                        .map(|one| one.anchor.clone())
                        .or(sent.change.account.clone())
                        .unwrap_or_default(),
                    address: account.map(|one| one.address.clone()).unwrap_or_default(),
                    endpoint: endpoint.to_string(),
                    done,
                    at: now,
                    event: None,
                };
                let actions = receipt
                    .done
                    .iter()
                    .filter_map(|effect| Action::of(effect, &policy.model));
                for action in actions {
                    let under = sent.allowed.get(&action).cloned();
                    subject.allowed.extend(under.map(|id| (action.clone(), id)));
                    if let Some(charge) = subject.charge(&action) {
                        *resumed.entry(charge).or_default() += 1;
                    }
                }
                // What was done to an account that is not there any more counts, and is no part of what is done to the next one.
                if account.is_some() || receipt.has(|effect| *effect == Effect::Delete) {
                    subject.earlier = match subject.earlier.take() {
                        Some(earlier) => Some(earlier.then(receipt)),
                        None => Some(receipt),
                    };
                }
            }
        }
        subject.unknown = unknown;
        if subject
            .earlier
            .as_ref()
            .is_some_and(|earlier| earlier.ends_link(&policy.model))
        {
            subject.link = None;
        }
    }
    page.history.add(&resumed);
}

/// Of several accounts that carry the worker's number, the one that a create made whose answer was lost is this worker's.
fn keep_ours(policy: &Policy, subject: &mut Subject) {
    if subject.link.is_some() || subject.found.accounts.len() < 2 {
        return;
    }
    let mut accounts = subject.found.accounts.iter();
    let ours = accounts.find(|account| {
        let mut created = subject.unknown.iter().filter_map(created);
        created.any(|values| is_made_by(policy, values, account))
    });
    if let Some(ours) = ours {
        subject.found.accounts = vec![ours.clone()];
    }
}

/// What an account shows of a change that nothing came after.
fn happened(policy: &Policy, change: &Change, effect: &Effect, account: &Account) -> bool {
    if account.deleted {
        return *effect == Effect::Delete;
    }
    let held = |attribute: &str| {
        account
            .values
            .get(attribute)
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    match effect {
        Effect::Create { values, .. } => is_made_by(policy, values, account),
        Effect::Disable => account.enabled == Some(false),
        Effect::Enable => account.enabled == Some(true),
        Effect::Set { attribute, after, .. } => held(attribute) == after,
        Effect::Refer { attribute, after, .. } => {
            held(attribute).first() == after.as_ref().map(|anchor| &anchor.0)
        }
        Effect::Rename { after, .. } => dn::own_name(&account.address).as_deref() == Some(after),
        Effect::Move { after, .. } => {
            dn::parent(&account.address).is_some_and(|place| dn::same(place, after))
        }
        Effect::Restore => true,
        // Nobody can see it; but an account is enabled only when it has it (B20).
        Effect::Password { .. } => change.effects.contains(&Effect::Enable) && account.enabled == Some(true),
        Effect::Delete => false,
    }
}

/// An account that was made but not enabled before the interruption is remembered as it is.
fn as_found(effect: &Effect, account: Option<&Account>) -> Effect {
    match effect {
        Effect::Create {
            values,
            container,
            password,
            ..
        } => Effect::Create {
            values: values.clone(),
            container: container.clone(),
            password: password.clone(),
            enabled: account.is_some_and(|account| account.enabled == Some(true)),
        },
        other => other.clone(),
    }
}

/// When what HR calls the person by now is looked at, once an account was made by an earlier name.
const SOON: SignedDuration = SignedDuration::from_mins(1);

/// A create is repeated only with the names of its first try (B26).
pub fn keep_first_names(policy: &Policy, subject: &Subject, planned: &mut Planned, now: Timestamp) {
    let Some(first) = subject.unknown.iter().find_map(created) else {
        return;
    };
    for effect in &mut planned.change.effects {
        if let Effect::Create { values, .. } = effect {
            for (name, value) in telling(policy, first) {
                let wanted = values.insert(name.to_string(), vec![value.to_string()]);
                // What HR calls the person by now is written soon after the account is known; not at once, for a limit may hold
                // the create.
                if wanted.is_some_and(|wanted| wanted != [value]) {
                    planned.revisit = now.checked_add(SOON).ok();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::connector::active_directory;
    use crate::domain::account::Anchor;
    use crate::domain::plan::Recipe;
    use crate::domain::policy::Settings;
    use crate::domain::schema;

    fn policy() -> Policy {
        let document = schema::template("API2AD").unwrap().document().unwrap();
        let model = active_directory::MODEL;
        Policy {
            version: 1,
            schema: schema::compile(document.schema(), schema::Options { model })
                .unwrap()
                .0,
            model,
            settings: Settings::default(),
        }
    }

    #[test]
    fn b20_an_account_that_is_found_enabled_has_the_password_that_goes_along() {
        let policy = policy();
        let password = Effect::Password {
            password: Recipe::default(),
        };
        let found = |effects: &[Effect], enabled| {
            let change = Change {
                id: Uuid::nil(),
                worker: "1".into(),
                account: Some(Anchor("a".into())),
                effects: effects.to_vec(),
            };
            let account = Account {
                anchor: Anchor("a".into()),
                address: "CN=Ada".into(),
                enabled: Some(enabled),
                values: Values::new(),
                protected: None,
                deleted: false,
            };
            let happened = |effect: &&Effect| happened(&policy, &change, effect, &account);
            effects.iter().filter(happened).count()
        };
        let returns = [Effect::Enable, password.clone()];
        assert_eq!(found(&returns, true), 2);
        assert_eq!(found(&returns, false), 0);
        assert_eq!(found(&[password], true), 0, "nobody can tell");
    }
}
