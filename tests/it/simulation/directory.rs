//! A domain in memory, as a target: accounts under anchors that nobody else gets, names that must be unique, preconditions
//! tested as the write happens, and connections that fail. It keeps a journal of everything that was done, and by whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use muster::connector::active_directory::MODEL;
use muster::connector::{
    Capability, Endpoint, Lookup, MayStart, Outcome, Problem, Session, Target, UniqueValue,
};
use muster::domain::account::{Account, Anchor, Protection};
use muster::domain::dn;
use muster::domain::plan::{Change, ChangeId, Effect, Receipt};
use muster::engine::Clock;
use muster::error::{Error, Kind, Result};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::history::{Fault, Hand, id};

pub const STAFF: &str = "OU=Staff,DC=example,DC=test";
pub const SALES: &str = "OU=Sales,OU=Staff,DC=example,DC=test";
/// Within what is managed, and not there.
pub const LOST: &str = "OU=Lost,OU=Staff,DC=example,DC=test";
/// Nobody's business.
pub const ABROAD: &str = "OU=Abroad,DC=example,DC=test";

const CONTROLLERS: [&str; 2] = ["ldaps://dc1.example.test", "ldaps://dc2.example.test"];

/// How long a caller waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Whoever is asked this often at one instant is being asked in a circle.
const MOST_CALLS: u32 = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Gateway,
    Hand,
}

#[derive(Clone, Debug)]
pub struct Object {
    pub anchor: Anchor,
    pub name: String,
    pub container: String,
    pub enabled: bool,
    pub protected: bool,
    pub values: BTreeMap<String, Vec<String>>,
    pub manager: Option<Anchor>,
    /// The worker for whom the gateway made it.
    pub made_for: Option<String>,
    /// Who gave it the state that it has, how many statements HR had made by then, and when.
    pub state: (By, usize, Timestamp),
    /// Where the gateway saw it last.
    seen_in: Option<String>,
}

impl Object {
    pub fn dn(&self) -> String {
        format!("CN={},{}", dn::escape(&self.name), self.container)
    }

    pub fn value(&self, attribute: &str) -> Option<&str> {
        Some(self.values.get(attribute)?.first()?.as_str())
    }
}

/// Something that happened to an account.
#[derive(Clone, Debug)]
pub struct Deed {
    pub at: Timestamp,
    /// How many statements HR had made by then.
    pub heard: usize,
    pub worker: String,
    pub account: Anchor,
    /// What the gateway calls the change.
    pub change: Option<ChangeId>,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// By the gateway: the state was given by whom, when, and where the account was when the gateway saw it last.
    Effect {
        effect: Effect,
        state: (By, usize, Timestamp),
        seen_in: Option<String>,
        /// Other accounts that the gateway made for the same worker and that are there.
        beside: Vec<Anchor>,
    },
    ByHand(Hand),
}

pub struct Domain {
    pub objects: Vec<Object>,
    containers: BTreeSet<String>,
    pub journal: Vec<Deed>,
    pub faults: Vec<Fault>,
    /// How many statements HR has made.
    pub heard: usize,
    /// Passwords that were given to accounts.
    pub passwords: Vec<String>,
    rng: ChaCha8Rng,
    made: u32,
    /// New accounts whose makers have given up waiting.
    late: Vec<(Timestamp, Change, Vec<Effect>)>,
    /// Which deeds were done after whoever asked for them had given up waiting.
    pub landed_late: BTreeSet<usize>,
    calls: (Timestamp, u32),
}

pub type Shared = Arc<Mutex<Domain>>;

impl Domain {
    pub fn new(seed: u64) -> Domain {
        Domain {
            objects: Vec::new(),
            containers: [STAFF, SALES, ABROAD].map(str::to_string).into(),
            journal: Vec::new(),
            faults: Vec::new(),
            heard: 0,
            passwords: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0xD1_4EC7),
            made: 0,
            late: Vec::new(),
            landed_late: BTreeSet::new(),
            calls: (Timestamp::UNIX_EPOCH, 0),
        }
    }

    pub fn get(&self, anchor: &Anchor) -> Option<&Object> {
        self.objects.iter().find(|one| one.anchor == *anchor)
    }

    pub fn holding<'d>(&'d self, attribute: &'d str, value: &'d str) -> impl Iterator<Item = &'d Object> {
        self.objects.iter().filter(move |one| {
            let held = one.values.get(attribute).into_iter().flatten();
            held.clone().any(|held| held.eq_ignore_ascii_case(value))
        })
    }

    pub fn is_named(&self, container: &str, name: &str) -> bool {
        let mut objects = self.objects.iter();
        objects.any(|one| one.container == container && one.name.eq_ignore_ascii_case(name))
    }

    /// What people do.
    pub fn by_hand(&mut self, hand: Hand, who: usize, at: Timestamp) {
        let worker = id(who);
        match hand {
            Hand::DropContainer => drop(
                self.objects
                    .iter()
                    .all(|one| one.container != SALES)
                    .then(|| self.containers.remove(SALES)),
            ),
            Hand::BringContainer => drop(self.containers.insert(SALES.into())),
            Hand::Make if self.holding("employeeID", &worker).next().is_none() => {
                self.make_by_hand(&worker, "", at)
            }
            Hand::MakeTwin => self.make_by_hand(&worker, "twin", at),
            Hand::Make => {}
            _ => {
                let found = self.holding("employeeID", &worker).next();
                if let Some(anchor) = found.map(|one| one.anchor.clone()) {
                    self.touch(hand, &worker, &anchor, at);
                }
            }
        }
    }

    fn touch(&mut self, hand: Hand, worker: &str, anchor: &Anchor, at: Timestamp) {
        let heard = self.heard;
        let serial = self.journal.len();
        let Some(position) = self.objects.iter().position(|one| one.anchor == *anchor) else {
            return;
        };
        let name = self.objects[position].name.clone();
        let goes_to = |container: &str| !self.is_named(container, &name);
        let (within, out, back) = (goes_to(SALES), goes_to(ABROAD), goes_to(STAFF));
        let within = within && self.containers.contains(SALES);
        let one = &mut self.objects[position];
        match hand {
            Hand::Delete => self.delete(anchor),
            Hand::Recreate => {
                self.delete(anchor);
                self.make_by_hand(worker, "again", at);
            }
            Hand::Rename => one.name = format!("Renamed {serial}"),
            Hand::MoveWithin if within => one.container = SALES.into(),
            Hand::MoveOut if out => one.container = ABROAD.into(),
            Hand::MoveBack if back => one.container = STAFF.into(),
            Hand::Disable if one.enabled => (one.enabled, one.state) = (false, (By::Hand, heard, at)),
            Hand::Enable if !one.enabled => (one.enabled, one.state) = (true, (By::Hand, heard, at)),
            Hand::Edit => {
                one.values.insert("title".into(), vec!["Edited".into()]);
                one.values.insert("sn".into(), vec![format!("Edited {serial}")]);
            }
            Hand::Protect => one.protected = true,
            Hand::Unprotect => one.protected = false,
            _ => return,
        }
        self.note(at, worker, None, anchor, What::ByHand(hand));
    }

    pub fn make_by_hand(&mut self, worker: &str, why: &str, at: Timestamp) {
        let anchor = self.next_anchor();
        let name = format!("By hand {worker} {}", self.made);
        let account_name = format!("h{}", self.made);
        let values = [
            ("employeeID", worker.to_string()),
            ("sAMAccountName", account_name),
            ("title", "By hand".to_string()),
        ];
        let values = values.map(|(attribute, value)| (attribute.to_string(), vec![value]));
        self.objects.push(Object {
            anchor: anchor.clone(),
            name,
            container: STAFF.into(),
            enabled: true,
            protected: false,
            values: values.into(),
            manager: None,
            made_for: None,
            state: (By::Hand, self.heard, at),
            seen_in: None,
        });
        let hand = if why == "twin" { Hand::MakeTwin } else { Hand::Make };
        self.note(at, worker, None, &anchor, What::ByHand(hand));
    }

    fn next_anchor(&mut self) -> Anchor {
        self.made += 1;
        Anchor(format!("00000000-0000-4000-8000-{:012}", self.made))
    }

    fn note(&mut self, at: Timestamp, worker: &str, change: Option<ChangeId>, account: &Anchor, what: What) {
        self.journal.push(Deed {
            at,
            heard: self.heard,
            worker: worker.to_string(),
            account: account.clone(),
            change,
            what,
        });
    }

    fn delete(&mut self, anchor: &Anchor) {
        self.objects.retain(|one| one.anchor != *anchor);
        for one in &mut self.objects {
            one.manager = one.manager.take().filter(|manager| manager != anchor);
        }
    }

    /// Carries out what belongs into one request, whole or not at all.
    fn write(
        &mut self,
        change: &Change,
        account: Option<&Anchor>,
        request: &[Effect],
        at: Timestamp,
    ) -> Result<Anchor> {
        match (request, account) {
            ([Effect::Create { .. }, ..], None) => self.add(change, request, at),
            ([Effect::Create { .. }, ..], Some(_)) | (_, None) => {
                Err(Error::invalid("a change either names its account or makes it"))
            }
            (_, Some(anchor)) => {
                let Some(position) = self.objects.iter().position(|one| one.anchor == *anchor) else {
                    let gone = Error::new(Kind::NotFound, "the account does not exist any more");
                    return Err(gone.code("InvalidAnchor"));
                };
                let mut after = self.objects[position].clone();
                for effect in request {
                    self.lay_on(&mut after, effect, at)?;
                }
                self.is_free(&after)?;
                let before = self.objects[position].clone();
                let deletes = request.contains(&Effect::Delete);
                self.objects[position] = after;
                if deletes {
                    self.delete(anchor);
                }
                for effect in request {
                    self.note_effect(change, &before, effect, at);
                }
                Ok(anchor.clone())
            }
        }
    }

    fn add(&mut self, change: &Change, request: &[Effect], at: Timestamp) -> Result<Anchor> {
        let Some(Effect::Create {
            values,
            container,
            enabled,
            password,
        }) = request.first()
        else {
            return Err(Error::internal("nothing is made"));
        };
        let mut values = values.clone();
        let name = values.remove("cn").and_then(|mut names| names.pop());
        let container = container.clone().unwrap_or_default();
        let mut one = Object {
            anchor: Anchor::default(),
            name: name.unwrap_or_default(),
            container,
            enabled: *enabled,
            protected: false,
            values,
            manager: None,
            made_for: Some(change.worker.clone()),
            state: (By::Gateway, self.heard, at),
            seen_in: None,
        };
        for effect in &request[1..] {
            self.lay_on(&mut one, effect, at)?;
        }
        self.is_free(&one)?;
        one.anchor = self.next_anchor();
        assert!(password.expression.is_none(), "the template draws no passwords");
        self.passwords
            .push(format!("Drawn-{}-{}", self.made, password.length));
        let before = one.clone();
        self.objects.push(one);
        for effect in request {
            self.note_effect(change, &before, effect, at);
        }
        Ok(before.anchor)
    }

    fn note_effect(&mut self, change: &Change, before: &Object, effect: &Effect, at: Timestamp) {
        let others = self.objects.iter().filter(|one| {
            one.anchor != before.anchor && one.made_for.as_ref() == Some(&change.worker) && effect.is_create()
        });
        let beside = others.map(|one| one.anchor.clone()).collect();
        let what = What::Effect {
            effect: effect.clone(),
            state: before.state,
            seen_in: before.seen_in.clone(),
            beside,
        };
        self.note(at, &change.worker, Some(change.id), &before.anchor, what);
    }

    /// One effect on an account that is not yet in place; what it takes for granted has to be so (B27).
    fn lay_on(&self, one: &mut Object, effect: &Effect, at: Timestamp) -> Result<()> {
        let state = (By::Gateway, self.heard, at);
        match effect {
            Effect::Disable | Effect::Enable => {
                let enabled = *effect == Effect::Enable;
                held("accountDisabled", one.enabled != enabled)?;
                (one.enabled, one.state) = (enabled, state);
            }
            Effect::Set {
                attribute,
                before,
                after,
            } => {
                let now = one.values.get(attribute).cloned().unwrap_or_default();
                held(attribute, now == *before)?;
                one.values.insert(attribute.clone(), after.clone());
                one.values.retain(|_, values| !values.is_empty());
            }
            Effect::Refer { before, after, .. } => {
                held("manager", one.manager == *before)?;
                if after.as_ref().is_some_and(|anchor| self.get(anchor).is_none()) {
                    let missing = "the account referred to does not exist in the directory";
                    return Err(Error::new(Kind::NotFound, missing)
                        .code("ReferenceNotFound")
                        .at("manager"));
                }
                one.manager.clone_from(after);
            }
            Effect::Rename { before, after } => {
                held("cn", one.name == *before)?;
                one.name.clone_from(after);
            }
            Effect::Move { before, after } => {
                held("parentDistinguishedName", dn::same(&one.container, before))?;
                one.container.clone_from(after);
            }
            Effect::Password { .. } | Effect::Delete => {}
            Effect::Create { .. } | Effect::Restore => {
                return Err(Error::invalid("this is not done to an account that is there"));
            }
        }
        Ok(())
    }

    /// Whether an account may be as and where it is to be.
    fn is_free(&self, one: &Object) -> Result<()> {
        let taken = |code: &'static str, attribute: &'static str| {
            let error = Error::new(Kind::Conflict, "somebody else has this value");
            Err(error.code(code).at(attribute))
        };
        if !self.containers.contains(&one.container) {
            let error = Error::invalid("the container does not exist in this domain");
            return Err(error.code("OperationsError").at("parentDistinguishedName"));
        }
        let others = || self.objects.iter().filter(|other| other.anchor != one.anchor);
        let holds = |attribute: &str| {
            let value = one.value(attribute);
            value.is_some_and(|value| {
                others().any(|other| {
                    let held = other.value(attribute);
                    held.is_some_and(|held| held.eq_ignore_ascii_case(value))
                })
            })
        };
        if holds("sAMAccountName") {
            return taken("EntryConflict", "sAMAccountName");
        }
        if holds("userPrincipalName") {
            return taken(
                "HybridSynchronizationActiveDirectoryUserPrincipalNameNotUnique",
                "userPrincipalName",
            );
        }
        if others()
            .any(|other| other.container == one.container && other.name.eq_ignore_ascii_case(&one.name))
        {
            return taken("EntryConflict", "cn");
        }
        Ok(())
    }

    fn catch_up(&mut self, now: Timestamp) {
        let (due, later) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.late = later;
        let due: Vec<(Timestamp, Change, Vec<Effect>)> = due;
        for (_, change, request) in due {
            // Whether it succeeds is nobody's affair any more.
            let first = self.journal.len();
            drop(self.write(&change, None, &request, now));
            self.landed_late.extend(first..self.journal.len());
        }
    }

    fn show(&self, one: &Object, attributes: &[String]) -> Account {
        let mut values = one.values.clone();
        values.insert("cn".into(), vec![one.name.clone()]);
        values.insert("parentDistinguishedName".into(), vec![one.container.clone()]);
        values.extend(
            one.manager
                .iter()
                .map(|manager| ("manager".to_string(), vec![manager.0.clone()])),
        );
        values.retain(|name, _| attributes.contains(name));
        Account {
            anchor: one.anchor.clone(),
            address: one.dn(),
            enabled: Some(one.enabled),
            values,
            protected: one.protected.then_some(Protection::AdminCount),
            deleted: false,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn is_up(&self, controller: &str) -> bool {
        let is_out = self.has(Fault::FirstDown) && controller == CONTROLLERS[0];
        !is_out && !self.has(Fault::Down)
    }

    /// Why a controller does nothing just now.
    fn unwilling(&self, controller: &str) -> Result<()> {
        if !self.is_up(controller) {
            return Err(Error::unavailable("the controller does not answer"));
        }
        let patience = self.faults.iter().find_map(|fault| match fault {
            Fault::Throttled(seconds) => Some(Duration::from_secs(*seconds)),
            _ => None,
        });
        match patience {
            Some(wait) => {
                let mut error = Error::new(Kind::TooMany, "too many requests");
                error.retry_after = Some(wait);
                Err(error)
            }
            None => Ok(()),
        }
    }

    fn chance(&mut self, which: fn(&Fault) -> Option<u32>) -> bool {
        let percent = self.faults.iter().find_map(which).unwrap_or(0);
        percent > 0 && self.rng.random_ratio(percent, 100)
    }

    fn latency(&mut self) -> Duration {
        match self.has(Fault::Slow) {
            true => Duration::from_millis(self.rng.random_range(1_000..6_000)),
            false => Duration::from_millis(self.rng.random_range(1..25)),
        }
    }
}

fn held(attribute: &str, is_so: bool) -> Result<()> {
    match is_so {
        true => Ok(()),
        false => {
            let error = Error::new(Kind::Stale, "somebody changed the account since it was read");
            Err(error.code("Conflict").at(attribute))
        }
    }
}

/// The domain as the engine meets it.
pub struct Directory {
    pub domain: Shared,
    pub clock: Clock,
    pub attributes: Vec<String>,
}

struct Connected {
    domain: Shared,
    clock: Clock,
    attributes: Vec<String>,
    controller: Endpoint,
}

#[async_trait]
impl Target for Directory {
    fn capability(&self) -> Capability {
        Capability {
            model: MODEL,
            recoverable_delete: false,
        }
    }

    async fn open(&self, pin: Option<&Endpoint>) -> Result<Box<dyn Session>> {
        let controller = {
            let domain = self.domain.lock().unwrap();
            let pinned = pin.map(|pin| pin.0.as_str());
            let mut preferred = pinned.into_iter().chain(CONTROLLERS);
            preferred
                .find(|controller| domain.is_up(controller))
                .map(str::to_string)
        };
        let Some(controller) = controller else {
            tokio::time::sleep(TIMEOUT).await;
            return Err(Error::unavailable("no controller answers"));
        };
        let session = Connected {
            domain: Arc::clone(&self.domain),
            clock: self.clock.clone(),
            attributes: self.attributes.clone(),
            controller: Endpoint(controller),
        };
        session.question().await?;
        Ok(Box::new(session))
    }

    async fn forgive(&self) {}

    async fn check(&self, _: &[String]) -> Vec<Problem> {
        Vec::new()
    }
}

impl Connected {
    /// The domain as it is now.
    fn domain(&self) -> MutexGuard<'_, Domain> {
        let now = self.clock.now();
        let mut domain = self.domain.lock().unwrap();
        domain.calls = match domain.calls {
            (at, calls) if at == now => (at, calls + 1),
            _ => (now, 0),
        };
        assert!(
            domain.calls.1 < MOST_CALLS,
            "the directory is asked in a circle: time stands still"
        );
        domain.catch_up(now);
        domain
    }

    async fn question(&self) -> Result<()> {
        let latency = self.domain().latency();
        tokio::time::sleep(latency).await;
        let mut domain = self.domain();
        let flaky = |fault: &Fault| match fault {
            Fault::Flaky(percent) => Some(*percent),
            _ => None,
        };
        if domain.chance(flaky) {
            return Err(Error::unavailable("the connection was lost"));
        }
        domain.unwilling(&self.controller.0)
    }

    /// The order of requests is that of a directory's connector: disable, values, password, enable, place, delete.
    async fn carry_out(&self, change: Change, may_start: MayStart) -> (ChangeId, Outcome) {
        let mut done: Vec<Effect> = Vec::new();
        let mut account = change.account.clone();
        let mut end = Ok(());
        for request in self.requests(&change) {
            if !may_start() {
                let error = Error::unavailable("this gateway stops, or another may have taken over");
                end = Err(Stop::Refused(error));
            } else {
                match self.request(&change, account.as_ref(), &request).await {
                    Ok(anchor) => {
                        account = Some(anchor);
                        done.extend(request);
                        continue;
                    }
                    Err(stop) => end = Err(stop),
                }
            }
            break;
        }
        let receipt = account.filter(|_| !done.is_empty()).map(|account| Receipt {
            change: change.id,
            address: self.domain().get(&account).map(Object::dn).unwrap_or_default(),
            account,
            endpoint: self.controller.0.clone(),
            done,
            at: self.clock.now(),
            event: None,
        });
        let outcome = match (end, receipt) {
            (Ok(()), Some(receipt)) => Outcome::Done(receipt),
            (Ok(()), None) => Outcome::Refused(Error::internal("a change without effects")),
            (Err(Stop::Refused(error)), Some(receipt)) => Outcome::Partial(receipt, error),
            (Err(Stop::Refused(error)), None) => Outcome::Refused(error),
            (Err(Stop::Unknown(error)), receipt) => Outcome::Unknown(receipt, error),
        };
        (change.id, outcome)
    }

    /// What goes together into one request. A new account takes along whom it refers to, as far as they are there.
    fn requests(&self, change: &Change) -> Vec<Vec<Effect>> {
        let domain = self.domain();
        let creates = change.effects.iter().any(Effect::is_create);
        let is_aboard = |effect: &Effect| match effect {
            Effect::Refer {
                after: Some(anchor), ..
            } => creates && domain.get(anchor).is_some(),
            _ => false,
        };
        let mut requests: BTreeMap<u8, Vec<Effect>> = BTreeMap::new();
        for effect in &change.effects {
            let turn = match effect {
                Effect::Create { .. } | Effect::Disable | Effect::Restore => 0,
                effect if is_aboard(effect) => 0,
                Effect::Set { .. } | Effect::Refer { .. } => 1,
                Effect::Password { .. } => 2,
                Effect::Enable => 3,
                Effect::Rename { .. } | Effect::Move { .. } => 4,
                Effect::Delete => 5,
            };
            requests.entry(turn).or_default().push(effect.clone());
        }
        requests.into_values().collect()
    }

    async fn request(
        &self,
        change: &Change,
        account: Option<&Anchor>,
        request: &[Effect],
    ) -> std::result::Result<Anchor, Stop> {
        let latency = self.domain().latency();
        tokio::time::sleep(latency).await;
        let written = {
            let mut domain = self.domain();
            domain.unwilling(&self.controller.0).map_err(Stop::Refused)?;
            let refused = |fault: &Fault| matches!(fault, Fault::Refused(who) if id(*who) == change.worker);
            if domain.faults.iter().any(refused) {
                let error = Error::new(Kind::Forbidden, "the service account may not do this");
                let code = "HybridSynchronizationActiveDirectoryInsufficientAccessRights";
                return Err(Stop::Refused(error.code(code)));
            }
            let lost = |fault: &Fault| match fault {
                Fault::Lost(percent) => Some(*percent),
                _ => None,
            };
            let now = self.clock.now();
            let is_lost = domain.chance(lost);
            match is_lost.then(|| domain.rng.random_range(0..5)) {
                None => Some(domain.write(change, account, request, now)),
                Some(0 | 1) => None,
                // Whoever made it has given up waiting when it is made.
                Some(2) if account.is_none() => {
                    let delay = Duration::from_millis(domain.rng.random_range(10_000..40_000));
                    domain.late.push((now + delay, change.clone(), request.to_vec()));
                    None
                }
                Some(_) => {
                    drop(domain.write(change, account, request, now));
                    None
                }
            }
        };
        match written {
            Some(written) => {
                let latency = self.domain().latency();
                tokio::time::sleep(latency).await;
                written.map_err(Stop::Refused)
            }
            None => {
                tokio::time::sleep(TIMEOUT).await;
                Err(Stop::Unknown(Error::unavailable("the answer was lost")))
            }
        }
    }
}

/// Why a change goes no further.
enum Stop {
    Refused(Error),
    Unknown(Error),
}

#[async_trait]
impl Session for Connected {
    fn endpoint(&self) -> &Endpoint {
        &self.controller
    }

    async fn find(&self, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
        self.question().await?;
        let mut domain = self.domain();
        let mut answers = Vec::with_capacity(lookups.len());
        for lookup in lookups {
            let found: Vec<Anchor> = match lookup {
                Lookup::Anchor(anchor) => domain
                    .get(anchor)
                    .map(|one| one.anchor.clone())
                    .into_iter()
                    .collect(),
                Lookup::Match { attribute, value } if attribute == "cn" => {
                    let named = domain
                        .objects
                        .iter()
                        .filter(|one| one.name.eq_ignore_ascii_case(value));
                    named.map(|one| one.anchor.clone()).collect()
                }
                Lookup::Match { attribute, value } => {
                    let holding = domain.holding(attribute, value);
                    holding.map(|one| one.anchor.clone()).collect()
                }
                Lookup::Both([(attribute, value), (other, also)]) => {
                    let others: Vec<Anchor> = domain
                        .holding(other, also)
                        .map(|one| one.anchor.clone())
                        .collect();
                    let holding = domain.holding(attribute, value);
                    let both = holding.filter(|one| others.contains(&one.anchor));
                    both.map(|one| one.anchor.clone()).collect()
                }
            };
            for one in domain
                .objects
                .iter_mut()
                .filter(|one| found.contains(&one.anchor))
            {
                one.seen_in = Some(one.container.clone());
            }
            let found = found.iter().filter_map(|anchor| domain.get(anchor));
            answers.push(found.map(|one| domain.show(one, &self.attributes)).collect());
        }
        Ok(answers)
    }

    async fn taken(&self, values: &[UniqueValue]) -> Result<Vec<Result<bool>>> {
        self.question().await?;
        let domain = self.domain();
        let is_taken = |one: &UniqueValue| {
            let mut names = ["userPrincipalName", "sAMAccountName", "mail"].into_iter();
            names.any(|attribute| domain.holding(attribute, &one.value).next().is_some())
        };
        Ok(values.iter().map(|one| Ok(is_taken(one))).collect())
    }

    fn list(&self) -> BoxStream<'_, Result<Vec<Account>>> {
        let page = async {
            self.question().await?;
            let domain = self.domain();
            let objects = domain.objects.iter();
            Ok(objects.map(|one| domain.show(one, &self.attributes)).collect())
        };
        stream::once(page).boxed()
    }

    fn apply(&self, changes: Vec<Change>, may_start: MayStart) -> BoxStream<'_, (ChangeId, Outcome)> {
        stream::iter(changes)
            .map(move |change| self.carry_out(change, Arc::clone(&may_start)))
            .buffer_unordered(3)
            .boxed()
    }
}
