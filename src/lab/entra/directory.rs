//! The tenant's users: what is so, what searches already see of it, and the rules that hold between users.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::exchange::Refusal;
use super::groups::Groups;
use super::shelf::Shelf;
use super::user::{User, moment};

/// How long a deleted user can be restored.
const RESTORABLE: SignedDuration = SignedDuration::from_hours(30 * 24);

#[derive(Default)]
pub struct Directory {
    /// Whoever asks for one user by id sees this.
    truth: Shelf,
    /// Lists, searches and changes are answered from this, which follows the truth.
    index: Shelf,
    /// By when it happened.
    under_way: VecDeque<(Instant, Step)>,
    /// How far the index is behind.
    pub delay: Duration,
    /// How long it takes until everybody knows somebody who was made or restored.
    pub read_delay: Duration,
    newcomers: HashMap<Uuid, Instant>,
    pub groups: Groups,
    /// Grows when the directory forgets what changed before.
    pub age: u32,
    change: u64,
    /// When deleted users were deleted.
    deletions: BTreeSet<(Timestamp, Uuid)>,
}

/// What the index does not know yet.
enum Step {
    Put(Arc<User>),
    Purge(Uuid, u64),
}

impl Directory {
    pub fn truth(&self) -> &Shelf {
        &self.truth
    }

    pub fn index(&self) -> &Shelf {
        &self.index
    }

    /// Lets happen what time does: the index catches up, and what was deleted long ago goes for good.
    pub fn settle(&mut self, now: Timestamp) {
        while let Some((happened, _)) = self.under_way.front()
            && happened.elapsed() >= self.delay
            && let Some((_, step)) = self.under_way.pop_front()
        {
            step.take(&mut self.index);
        }
        let read_delay = self.read_delay;
        self.newcomers.retain(|_, came| came.elapsed() < read_delay);
        while let Some((deleted, id)) = self.deletions.first().copied()
            && now.duration_since(deleted) >= RESTORABLE
        {
            self.purge(id);
        }
    }

    /// The live user with this id or userPrincipalName, unless it came so lately that whoever is asked does not know.
    pub fn find(&self, key: &str) -> Result<Arc<User>, Refusal> {
        let found = self.truth.find(key).cloned();
        let is_known = |user: &Arc<User>| !self.newcomers.contains_key(&user.id);
        found.filter(is_known).ok_or_else(|| Refusal::missing(key))
    }

    /// Whoever has this id, alive or deleted, or this userPrincipalName.
    pub fn anybody(&self, key: &str) -> Option<Arc<User>> {
        let found = self.truth.find(key).cloned();
        found.or_else(|| self.find_deleted(key).ok())
    }

    pub fn find_deleted(&self, key: &str) -> Result<Arc<User>, Refusal> {
        let id = key.parse::<Uuid>().ok();
        let found = id.and_then(|id| self.truth.deleted().get(&id)).cloned();
        found.ok_or_else(|| Refusal::missing(key))
    }

    /// Stores a user whose properties of these names are new; refused where a value is somebody else's.
    pub fn store(&mut self, user: User, changed: &[&str]) -> Result<(), Refusal> {
        self.check_unique(&user)?;
        if !self.read_delay.is_zero() && !self.truth.live().contains_key(&user.id) {
            self.newcomers.insert(user.id, Instant::now());
        }
        self.write(user, changed);
        Ok(())
    }

    /// As [`Directory::store`], with no question asked.
    pub fn write(&mut self, mut user: User, changed: &[&str]) {
        self.change += 1;
        user.change = self.change;
        if changed.contains(&"manager") {
            let before = self.truth.get(user.id).and_then(|before| before.manager);
            user.managers.push((self.change, before));
        }
        for name in changed {
            user.changes.insert((*name).to_string(), self.change);
        }
        self.happen(Step::Put(Arc::new(user)));
    }

    /// To the deleted users. The name is free again, for the id is put before it.
    pub fn delete(&mut self, user: &User, now: Timestamp) {
        let mut user = user.clone();
        let name = format!("{}{}", user.id.simple(), user.principal_name());
        user.set("userPrincipalName", json!(name));
        user.set("deletedDateTime", moment(now));
        if let Some(deleted) = user.deleted() {
            self.deletions.insert((deleted, user.id));
        }
        self.write(user, &["userPrincipalName", "deletedDateTime"]);
    }

    /// Back from the deleted users, by its old name or a new one.
    pub fn restore(
        &mut self,
        user: &User,
        name: Option<&str>,
        drop_taken_addresses: bool,
    ) -> Result<Arc<User>, Refusal> {
        let mut restored = user.clone();
        let prefix = user.id.simple().to_string();
        let old = user.principal_name();
        let old = old.strip_prefix(&prefix).unwrap_or(old);
        restored.set("userPrincipalName", json!(name.unwrap_or(old)));
        restored.set("deletedDateTime", Value::Null);
        if drop_taken_addresses {
            let free = |proxy: &&str| !self.is_address_taken(proxy, user.id);
            let kept: Vec<&str> = user.texts("proxyAddresses").filter(free).collect();
            restored.set("proxyAddresses", json!(kept));
        }
        self.store(restored, &["userPrincipalName", "deletedDateTime"])?;
        self.deletions.retain(|(_, id)| *id != user.id);
        let restored = self.truth.get(user.id).cloned();
        restored.ok_or_else(|| Refusal::missing(&user.id.to_string()))
    }

    /// Removes a user for good; whoever reported to it reports to nobody.
    pub fn purge(&mut self, id: Uuid) {
        self.deletions.retain(|(_, deleted)| *deleted != id);
        for user in self.truth.referring(id) {
            let mut user = User::clone(&user);
            user.manager = None;
            self.write(user, &["manager"]);
        }
        self.change += 1;
        self.happen(Step::Purge(id, self.change));
    }

    fn happen(&mut self, step: Step) {
        let copy = match &step {
            Step::Put(user) => Step::Put(user.clone()),
            Step::Purge(id, change) => Step::Purge(*id, *change),
        };
        step.take(&mut self.truth);
        if self.delay.is_zero() && self.under_way.is_empty() {
            copy.take(&mut self.index);
        } else {
            self.under_way.push_back((Instant::now(), copy));
        }
    }

    /// Nobody has two names, and nobody's name is another's address.
    fn check_unique(&self, user: &User) -> Result<(), Refusal> {
        let name = user.principal_name();
        if self.truth.is_taken("userPrincipalName", name, user.id) {
            return Err(taken("userPrincipalName"));
        }
        if self.is_address_taken(&format!("smtp:{name}"), user.id) {
            return Err(taken("proxyAddresses"));
        }
        let anchor = user.text("onPremisesImmutableId");
        if anchor.is_some_and(|anchor| self.truth.is_taken("onPremisesImmutableId", anchor, user.id)) {
            return Err(taken("onPremisesImmutableId"));
        }
        let mut addresses = user.texts("proxyAddresses");
        if addresses.any(|address| self.is_address_taken(address, user.id)) {
            return Err(taken("proxyAddresses"));
        }
        Ok(())
    }

    /// Case does not count in addresses, so neither does which of them is the primary one.
    fn is_address_taken(&self, proxy: &str, except: Uuid) -> bool {
        let is_name = match proxy.get(..5) {
            Some(scheme) if scheme.eq_ignore_ascii_case("smtp:") => {
                self.truth.is_taken("userPrincipalName", &proxy[5..], except)
            }
            _ => false,
        };
        is_name || self.truth.is_taken("proxyAddresses", proxy, except)
    }
}

impl Step {
    fn take(self, shelf: &mut Shelf) {
        match self {
            Step::Put(user) => shelf.put(user),
            Step::Purge(id, change) => shelf.purge(id, change),
        }
    }
}

fn taken(property: &'static str) -> Refusal {
    let message = format!("Another object with the same value for property {property} already exists.");
    Refusal::request(message.clone()).about("ObjectConflict", property, &message)
}
