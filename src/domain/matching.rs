//! Finding whose account is whose (B7): what must be asked of the target, and what the answer means.

use std::collections::BTreeMap;

use super::account::{Account, Anchor};
use super::dn::Dn;
use super::expression::pattern::Pattern;
use super::link::{Link, Situation};
use super::mapping::{Desired, Mapping};
use super::plan::Moment;
use super::policy::Policy;
use super::worker::Worker;

/// What looking for one worker's account brought back.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The matching attribute that was asked for; `None` when the account was read by its link.
    pub by: Option<String>,
    pub accounts: Vec<Account>,
    /// The other worker to whom the only candidate, or the value itself, already belongs.
    pub owner: Option<String>,
    /// Accounts that carry the value, too, and are left out as second accounts.
    pub twins: Vec<Anchor>,
    /// Accounts that carry it, too, and are left out because another is known to be the worker's.
    pub strangers: Vec<Anchor>,
}

impl Found {
    /// This one is known to be the worker's.
    pub fn settle_on(&mut self, account: Account) {
        self.accounts.retain(|other| other.anchor != account.anchor);
        self.strangers.extend(anchors(&self.accounts));
        self.accounts = vec![account];
    }
}

/// B7: by what an administrator's second account is known, which carries the number of its person, too.
#[derive(Clone, Debug, Default)]
pub struct TwinFilter {
    /// Attributes, and the pattern of which one value is enough.
    patterns: Vec<(String, Pattern)>,
    container: Option<Dn>,
}

/// The rule that is about where an account lives.
const CONTAINER: &str = "container";

impl TwinFilter {
    /// Reads rules: attribute and regular expression (as in scoping filters), or `container` and a distinguished name. Each of
    /// them alone makes a twin. Error: the rule, and what is wrong with it.
    pub fn parse(rules: &BTreeMap<String, String>) -> Result<TwinFilter, String> {
        let mut filter = TwinFilter::default();
        for (attribute, rule) in rules {
            if attribute == CONTAINER {
                let container = Dn::parse(rule)
                    .ok_or_else(|| format!("{CONTAINER}: '{rule}' is no distinguished name"))?;
                filter.container = Some(container);
                continue;
            }
            let pattern = Pattern::compile(rule)
                .map_err(|error| format!("{attribute}: the pattern '{rule}' does not compile: {error}"))?;
            filter.patterns.push((attribute.clone(), pattern));
        }
        Ok(filter)
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty() && self.container.is_none()
    }

    /// What it has to know of accounts.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|(attribute, _)| attribute.as_str())
    }

    fn is_twin(&self, account: &Account) -> bool {
        let address = || Dn::parse(&account.address);
        let matches = |(attribute, pattern): &(String, Pattern)| {
            let mut values = account
                .values
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(attribute));
            values.any(|(_, values)| values.iter().any(|value| pattern.is_match(value) == Ok(true)))
        };
        let lives = |container: &Dn| address().is_some_and(|address| address.is_within(container));
        self.container.as_ref().is_some_and(lives) || self.patterns.iter().any(matches)
    }

    /// Leaves one of several candidates, if exactly one is nobody's second account; gives those that it took out.
    pub fn single_out(&self, candidates: &mut Vec<Account>) -> Vec<Anchor> {
        let is_first = |account: &&Account| !self.is_twin(account);
        if self.is_empty() || candidates.len() < 2 || candidates.iter().filter(is_first).count() != 1 {
            return Vec::new();
        }
        let (twins, first): (Vec<Account>, Vec<Account>) = std::mem::take(candidates)
            .into_iter()
            .partition(|account| self.is_twin(account));
        *candidates = first;
        anchors(&twins)
    }
}

/// The values by which this worker's account can be recognised, most trusted attribute first. What is made of something that
/// was not kept (B33) is none.
pub fn keys<'p>(policy: &'p Policy, worker: &Worker, moment: &Moment) -> Vec<(&'p Mapping, String)> {
    policy
        .matching()
        .filter(|mapping| worker.unkept_of(mapping).is_empty())
        .filter_map(|mapping| match moment.desired(policy, worker, mapping) {
            Ok(Desired::Values(values)) => Some((mapping, values.into_iter().next()?.into_owned())),
            _ => None,
        })
        .collect()
}

/// Reads the answer. Several candidates, a contradiction or another's account are findings, never guesses.
pub fn situation(link: Option<&Link>, found: Found, keys: &[(&Mapping, String)]) -> Situation {
    let Found {
        by, accounts, owner, ..
    } = found;
    let Some(by) = by else {
        return match (link, accounts.into_iter().next()) {
            (Some(_), Some(account)) => Situation::Linked(Box::new(account)),
            (Some(link), None) => Situation::Gone(link.account.clone()),
            (None, _) => Situation::Unmatched,
        };
    };
    match (accounts.as_slice(), owner) {
        ([], None) => Situation::Unmatched,
        ([], Some(owner)) => Situation::Claimed {
            by,
            account: None,
            owner,
        },
        ([account], Some(owner)) => Situation::Claimed {
            by,
            account: Some(account.anchor.clone()),
            owner,
        },
        ([account], None) if !contradicts(account, &by, keys) => Situation::Unlinked {
            account: Box::new(account.clone()),
            by,
        },
        (candidates, _) => Situation::Disputed {
            by,
            candidates: anchors(candidates),
        },
    }
}

/// A more trusted attribute of the candidate holds somebody else's value.
fn contradicts(account: &Account, by: &str, keys: &[(&Mapping, String)]) -> bool {
    keys.iter()
        .take_while(|(mapping, _)| mapping.target != by)
        .any(|(mapping, wanted)| {
            account
                .first(&mapping.target)
                .is_some_and(|held| !mapping.agrees(&[held.to_string()], std::slice::from_ref(wanted)))
        })
}

fn anchors(accounts: &[Account]) -> Vec<Anchor> {
    accounts.iter().map(|account| account.anchor.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, address: &str) -> Account {
        Account {
            anchor: Anchor(name.into()),
            address: address.into(),
            enabled: Some(true),
            values: BTreeMap::from([("sAMAccountName".into(), vec![name.into()])]),
            protected: None,
            deleted: false,
        }
    }

    #[test]
    fn twins_are_left_out_only_where_exactly_one_account_remains() {
        let rules = |rules: &[(&str, &str)]| {
            let rules = rules
                .iter()
                .map(|(name, rule)| (name.to_string(), rule.to_string()));
            TwinFilter::parse(&rules.collect())
        };
        let named = rules(&[("samaccountname", "^adm-")]).unwrap();
        let placed = rules(&[("container", "OU=Admins,DC=example,DC=test")]).unwrap();
        let both = rules(&[
            ("sAMAccountName", "^x"),
            ("container", "ou=admins,dc=example,dc=test"),
        ])
        .unwrap();
        let ada = || account("ada", "CN=Ada,OU=Staff,DC=example,DC=test");
        let admin = || account("adm-ada", "CN=Ada,OU=Admins,DC=example,DC=test");
        let second = || account("adm-ada2", "CN=Ada 2,OU=Admins,DC=example,DC=test");
        let other = || account("ada2", "CN=Ada 2,OU=Staff,DC=example,DC=test");
        for (filter, candidates, left) in [
            (&named, vec![ada(), admin()], vec!["ada"]),
            (&placed, vec![admin(), ada(), second()], vec!["ada"]),
            (&both, vec![admin(), ada()], vec!["ada"]),
            (
                &named,
                vec![ada(), admin(), other()],
                vec!["ada", "adm-ada", "ada2"],
            ),
            (&named, vec![admin(), second()], vec!["adm-ada", "adm-ada2"]),
            (&named, vec![admin()], vec!["adm-ada"]),
            (
                &TwinFilter::default(),
                vec![ada(), admin()],
                vec!["ada", "adm-ada"],
            ),
        ] {
            let mut found = candidates.clone();
            let twins = filter.single_out(&mut found);
            let names: Vec<&str> = found.iter().map(|one| one.anchor.0.as_str()).collect();
            assert_eq!(names, left);
            assert_eq!(twins.len() + found.len(), candidates.len());
        }
        assert!(rules(&[("mail", "(")]).unwrap_err().contains("mail"));
        assert!(
            rules(&[("container", "nowhere")])
                .unwrap_err()
                .contains("nowhere")
        );
    }
}
