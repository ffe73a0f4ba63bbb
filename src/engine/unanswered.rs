//! What became of changes that were sent and never answered for (B26): the account is looked for by the values of its create, what
//! it shows happened, and a create is repeated only with its first names.

use jiff::{SignedDuration, Timestamp};

use super::Context;
use super::accounts::Accounts;
use super::subject::{Page, Subject};
use crate::connector::Lookup;
use crate::domain::account::{Account, Anchor, Values};
use crate::domain::dn;
use crate::domain::guard::{Action, Charges, add, counted};
use crate::domain::link::Link;
use crate::domain::matching::Found;
use crate::domain::plan::{Change, Effect, Planned, Receipt};
use crate::domain::policy::Policy;
use crate::error::Result;
use crate::store::changes::Sent;

/// A create that was sent and never answered for may have made the account under the values of its day: of several it is the
/// worker's, and where it is not among those that were found, and none is linked, it is looked for by every one of them that can
/// tell accounts apart (B26).
pub async fn find(cx: &Context, accounts: &Accounts<'_>, subjects: &mut [Subject]) -> Result<()> {
    let policy = &cx.runner.policy;
    let mut asked = Vec::new();
    let mut lookups = Vec::new();
    for (at, subject) in subjects.iter_mut().enumerate() {
        let found = &mut subject.found;
        let is_linked = subject.link.is_some() && !found.accounts.is_empty();
        if is_linked || keep_ours(policy, &subject.unknown, found) {
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
        if let Some(account) = ours(policy, &subject.unknown, &found) {
            subject.found.settle_on(account.clone());
            let by = || policy.matching().next().map(|mapping| mapping.target.clone());
            subject.found.by = subject.found.by.take().or_else(by);
            // The link still leads to the account before it.
            if let Some(link) = subject.link.take() {
                subject.outlived = Some(link.account);
            }
        }
    }
    Ok(())
}

/// Ends the links to accounts that are gone after a delete which nobody answered for; whose they were.
pub fn deleted(policy: &Policy, subjects: &mut [Subject]) -> Vec<usize> {
    let mut deleted = Vec::new();
    for (at, subject) in subjects.iter_mut().enumerate() {
        let unknown = &subject.unknown;
        let was_sent = |link: &mut Link| {
            unknown.iter().any(|sent| {
                sent.change.account.as_ref() == Some(&link.account)
                    && sent.change.effects.contains(&Effect::Delete)
            })
        };
        if !policy.model.bin
            && subject.found.accounts.is_empty()
            && let Some(link) = subject.link.take_if(was_sent)
        {
            subject.outlived = Some(link.account);
            deleted.push(at);
        }
    }
    deleted
}

/// The account that a create made whose answer was lost is among those that were found.
pub fn is_found(policy: &Policy, subject: &Subject) -> bool {
    ours(policy, &subject.unknown, &subject.found.accounts).is_some()
}

/// The account that a create made whose answer was lost.
fn ours<'a>(policy: &Policy, unknown: &[Sent], accounts: &'a [Account]) -> Option<&'a Account> {
    let is_ours =
        |account: &&Account| (0..unknown.len()).any(|at| is_made_by(policy, &unknown[at..], account));
    accounts.iter().find(is_ours)
}

fn created(sent: &Sent) -> Option<&Values> {
    sent.change.effects.iter().find_map(Effect::created)
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

/// Whether an account carries every telling value that the first of these gave it when it made it, or the others since.
fn is_made_by(policy: &Policy, sent: &[Sent], account: &Account) -> bool {
    let Some((create, later)) = sent.split_first() else {
        return false;
    };
    let since = |name: &str| {
        let effects = later.iter().flat_map(|sent| &sent.change.effects);
        let given = effects.filter_map(move |effect| match effect {
            Effect::Set { attribute, after, .. } if attribute == name => after.first(),
            Effect::Rename { after, .. } if policy.model.name == Some(name) => Some(after),
            _ => None,
        });
        given.map(String::as_str).collect::<Vec<_>>()
    };
    created(create).is_some_and(|values| {
        telling(policy, values).all(|(name, value)| {
            let held = account.first(name).map(str::to_lowercase);
            let mut given = since(name).into_iter().chain([value]);
            held.is_some_and(|held| given.any(|value| value.to_lowercase() == held))
        })
    })
}

/// Finds out what became of changes that were sent and never answered for: what the account shows of them
/// happened, and a deletion whose account is gone did. The guard counts it before it judges the rest of the page.
pub fn resume(policy: &Policy, page: &mut Page, endpoint: &str, now: Timestamp) {
    for subject in &mut page.subjects {
        let unanswered = subject.unanswered(&policy.model);
        page.history.take_back(&unanswered);
        if subject.marks.is_empty() {
            subject.counted = unanswered;
        }
        let mut unknown = subject.unknown.iter();
        if unknown.any(|sent| subject.learned.contains(&sent.change.id)) {
            // An attempt of the same cycle has counted it, and it is learned once more.
            page.history.take_back(&std::mem::take(&mut subject.bygone));
        }
        subject.learned.clear();
        for place in 0..subject.unknown.len() {
            if let Some(receipt) = outcome(policy, subject, place, endpoint, now) {
                page.history.add(&learn(policy, subject, place, receipt));
            }
        }
        let in_flight = subject.in_flight(subject.earlier.as_ref(), &policy.model, now);
        page.history.add(&in_flight);
        let deleted =
            |earlier: &Receipt| !policy.model.bin && earlier.has(|effect| *effect == Effect::Delete);
        if subject.earlier.as_ref().is_some_and(deleted)
            && let Some(link) = subject.link.take()
        {
            subject.outlived = Some(link.account);
        }
    }
}

/// What came of one of a worker's changes; `None` where nothing shows that anything did.
fn outcome(
    policy: &Policy,
    subject: &Subject,
    place: usize,
    endpoint: &str,
    now: Timestamp,
) -> Option<Receipt> {
    let change = &subject.unknown[place].change;
    let (sent, later) = (&subject.unknown[place..], &subject.unknown[place + 1..]);
    // Somebody may have made one like it since, or have put one in its place.
    let mut found = subject.found.accounts.iter();
    let account = match &change.account {
        Some(anchor) => found.find(|one| one.anchor == *anchor),
        None => found.find(|one| is_made_by(policy, sent, one)),
    };
    // One that was made and is gone is known by what was done to it since; one that is there, and is another, shows nothing.
    let named = sent.iter().find_map(|sent| sent.change.account.as_ref());
    let is_there = |anchor: &Anchor| subject.found.accounts.iter().any(|one| one.anchor == *anchor);
    let is_another = change.account.is_none() && account.is_none() && named.is_some_and(is_there);
    let linked = subject.link.as_ref().map(|link| &link.account);
    let linked = linked.or(subject.outlived.as_ref());
    let is_gone = account.is_none() && linked == change.account.as_ref();
    let happened = change.effects.iter().filter(|effect| {
        let shown = change.shown_by(effect, later.iter().map(|sent| &sent.change));
        shown.filter(|_| !is_another).unwrap_or_else(|| match account {
            Some(account) => happened(change, effect, account),
            None => is_gone && **effect == Effect::Delete,
        })
    });
    let done: Vec<Effect> = happened.map(|effect| as_found(effect, account)).collect();
    let anchor = account.map(|account| &account.anchor).or(named);
    (!done.is_empty()).then(|| Receipt {
        change: change.id,
        account: anchor.cloned().unwrap_or_default(),
        address: account.map(|one| one.address.clone()).unwrap_or_default(),
        endpoint: endpoint.to_string(),
        done,
        at: now,
        event: None,
    })
}

/// Takes what came of a change for done; what counts of it.
fn learn(policy: &Policy, subject: &mut Subject, place: usize, receipt: Receipt) -> Charges {
    let effects = receipt.done.iter();
    let actions: Vec<Action> = effects
        .filter_map(|effect| Action::of(effect, &policy.model))
        .collect();
    for action in &actions {
        let under = subject.unknown[place].allowed.get(action).cloned();
        subject.allowed.extend(under.map(|id| (action.clone(), id)));
    }
    let charges = counted(actions.iter().filter_map(|action| subject.charge(action)));
    subject.learned.insert(receipt.change);
    // It may be another worker's by now.
    let mut found = subject
        .found
        .accounts
        .iter()
        .filter(|_| subject.found.owner.is_none());
    let is_there = found.any(|account| account.anchor == receipt.account);
    if is_there || receipt.has(|effect| *effect == Effect::Delete) {
        subject.earlier = Some(match subject.earlier.take() {
            Some(earlier) => earlier.then(receipt),
            None => receipt,
        });
    } else {
        // It counts, and is no part of what is done to the worker's account.
        add(&mut subject.bygone, &charges);
    }
    charges
}

/// Of the accounts that carry the worker's number, the one that a create made whose answer was lost is this worker's. Whether it
/// is there.
fn keep_ours(policy: &Policy, unknown: &[Sent], found: &mut Found) -> bool {
    let ours = ours(policy, unknown, &found.accounts).cloned();
    let is_there = ours.is_some();
    ours.into_iter().for_each(|ours| found.settle_on(ours));
    is_there
}

/// What an account shows of a change that nothing came after.
fn happened(change: &Change, effect: &Effect, account: &Account) -> bool {
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
        // It is the one that was made.
        Effect::Create { .. } => true,
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
    use std::collections::BTreeMap;

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
            let happened = |effect: &&Effect| happened(&change, effect, &account);
            effects.iter().filter(happened).count()
        };
        let returns = [Effect::Enable, password.clone()];
        assert_eq!(found(&returns, true), 2);
        assert_eq!(found(&returns, false), 0);
        assert_eq!(found(&[password], true), 0, "nobody can tell");
    }

    /// Somebody may have made another with the number meanwhile: the names of the day tell which is ours.
    #[test]
    fn b26_an_account_is_ours_that_has_every_value_of_the_create() {
        let policy = policy();
        let values = |number: &str, name: &str| {
            let values = [("employeeID", number), ("sAMAccountName", name)];
            values.map(|(attribute, value)| (attribute.to_string(), vec![value.to_string()]))
        };
        let account = |anchor: &str, number, name| Account {
            anchor: Anchor(anchor.into()),
            address: format!("CN={anchor}"),
            enabled: Some(true),
            values: values(number, name).into(),
            protected: None,
            deleted: false,
        };
        let create = Effect::Create {
            values: values("7", "ada").into(),
            container: None,
            password: Recipe::default(),
            enabled: true,
        };
        let sent = Sent {
            change: Change {
                id: Uuid::nil(),
                worker: "1".into(),
                account: None,
                effects: vec![create],
            },
            endpoint: String::new(),
            plan: Uuid::nil(),
            policy: 1,
            allowed: BTreeMap::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        let theirs = account("theirs", "7", "ada2");
        let found = [theirs.clone(), account("ours", "7", "ADA")];
        let told = ours(&policy, std::slice::from_ref(&sent), &found);
        assert_eq!(told.map(|account| account.anchor.0.as_str()), Some("ours"));
        assert!(ours(&policy, &[sent], &[theirs]).is_none(), "it has another name");
        assert!(ours(&policy, &[], &found).is_none(), "nothing was sent");
    }
}
