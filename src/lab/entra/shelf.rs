//! Users in their places, and found by what is unique or often asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::properties::folded;
use super::user::User;

/// Properties by whose value users are found without looking at all of them.
const INDEXED: &[&str] = &[
    "userPrincipalName",
    "proxyAddresses",
    "employeeId",
    "mail",
    "mailNickname",
    "displayName",
    "onPremisesImmutableId",
];

#[derive(Default)]
pub struct Shelf {
    live: BTreeMap<Uuid, Arc<User>>,
    deleted: BTreeMap<Uuid, Arc<User>>,
    /// Removed for good, with the change that did it.
    gone: BTreeMap<Uuid, u64>,
    /// Who was changed, by the number of the last change.
    changes: BTreeMap<u64, Uuid>,
    /// By property and value as it is compared.
    index: HashMap<&'static str, HashMap<String, BTreeSet<Uuid>>>,
    reports: HashMap<Uuid, BTreeSet<Uuid>>,
}

impl Shelf {
    /// By id, in their order.
    pub fn live(&self) -> &BTreeMap<Uuid, Arc<User>> {
        &self.live
    }

    pub fn deleted(&self) -> &BTreeMap<Uuid, Arc<User>> {
        &self.deleted
    }

    /// Deleted or not.
    pub fn get(&self, id: Uuid) -> Option<&Arc<User>> {
        self.live.get(&id).or_else(|| self.deleted.get(&id))
    }

    /// The live user with this id or userPrincipalName.
    pub fn find(&self, key: &str) -> Option<&Arc<User>> {
        if let Ok(id) = key.parse() {
            return self.live.get(&id);
        }
        let id = self.holders("userPrincipalName", key)?.first()?;
        self.live.get(id)
    }

    /// Which live users have this value; `None` if this property is not indexed.
    pub fn lookup(&self, property: &str, value: &str) -> Option<BTreeSet<Uuid>> {
        let indexed = INDEXED.contains(&property);
        indexed.then(|| self.holders(property, value).cloned().unwrap_or_default())
    }

    fn holders(&self, property: &str, value: &str) -> Option<&BTreeSet<Uuid>> {
        self.index.get(property)?.get(&folded(property, value))
    }

    /// Does somebody else who is alive have this value?
    pub fn is_taken(&self, property: &str, value: &str, except: Uuid) -> bool {
        self.holders(property, value)
            .is_some_and(|holders| holders.iter().any(|holder| *holder != except))
    }

    pub fn reports(&self, manager: Uuid) -> impl Iterator<Item = &Arc<User>> {
        let reports = self.reports.get(&manager).into_iter().flatten();
        reports.filter_map(|id| self.live.get(id))
    }

    /// Everybody, deleted or not, whose manager this is.
    pub fn referring(&self, manager: Uuid) -> Vec<Arc<User>> {
        let reports = self.reports.get(&manager).into_iter().flatten();
        reports.filter_map(|id| self.get(*id)).cloned().collect()
    }

    /// The number of the last change there was.
    pub fn last_change(&self) -> u64 {
        self.changes.keys().next_back().copied().unwrap_or_default()
    }

    /// Who was changed after the one and up to the other, in the order of their last changes.
    pub fn changed(&self, after: u64, until: u64) -> impl Iterator<Item = (u64, Changed<'_>)> {
        let range = (
            std::ops::Bound::Excluded(after),
            std::ops::Bound::Included(until.max(after.saturating_add(1))),
        );
        self.changes
            .range(range)
            .filter(move |(change, _)| **change <= until)
            .map(|(change, id)| (*change, self.state(*id)))
    }

    fn state(&self, id: Uuid) -> Changed<'_> {
        match (self.live.get(&id), self.deleted.contains_key(&id)) {
            (Some(user), _) => Changed::Live(user),
            (None, true) => Changed::Deleted(id),
            (None, false) => Changed::Gone(id),
        }
    }

    /// Puts a user where it belongs, in place of what was there.
    pub fn put(&mut self, user: Arc<User>) {
        self.take(user.id);
        self.changes.insert(user.change, user.id);
        if let Some(manager) = user.manager {
            self.reports.entry(manager).or_default().insert(user.id);
        }
        if user.deleted().is_some() {
            self.deleted.insert(user.id, user);
            return;
        }
        for property in INDEXED {
            for value in user.texts(property) {
                let holders = self.index.entry(property).or_default();
                let value = folded(property, value);
                holders.entry(value).or_default().insert(user.id);
            }
        }
        self.live.insert(user.id, user);
    }

    /// Removes a user for good.
    pub fn purge(&mut self, id: Uuid, change: u64) {
        self.take(id);
        self.gone.insert(id, change);
        self.changes.insert(change, id);
    }

    fn take(&mut self, id: Uuid) {
        if let Some(change) = self.gone.remove(&id) {
            self.changes.remove(&change);
        }
        let live = self.live.remove(&id);
        let Some(user) = live.or_else(|| self.deleted.remove(&id)) else {
            return;
        };
        self.changes.remove(&user.change);
        if let Some(manager) = user.manager {
            forget(&mut self.reports, &manager, id);
        }
        if user.deleted().is_some() {
            return;
        }
        for property in INDEXED {
            let Some(holders) = self.index.get_mut(property) else {
                continue;
            };
            for value in user.texts(property) {
                forget(holders, &folded(property, value), id);
            }
        }
    }
}

/// What became of somebody who was changed.
pub enum Changed<'a> {
    Live(&'a Arc<User>),
    Deleted(Uuid),
    Gone(Uuid),
}

fn forget<K: std::hash::Hash + Eq>(sets: &mut HashMap<K, BTreeSet<Uuid>>, key: &K, id: Uuid) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(&id);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
