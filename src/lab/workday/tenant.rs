//! Everything the tenant knows: workers, supervisory organizations, sites; and how things are entered.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::event::{About, Event, Fact, Process, Text};
use super::places::{self, Site};
use super::wid::Wid;
use super::worker::{Account, Kind, Worker};

pub struct Tenant {
    pub seed: u64,
    pub workers: Vec<Worker>,
    pub organizations: Vec<Organization>,
    pub sites: Vec<Site>,
    by_wid: HashMap<Wid, u32>,
    by_id: HashMap<(Kind, Text), u32>,
    /// User names, folded, and whose they are.
    accounts: HashMap<Text, u32>,
    /// The organization that each manager leads.
    led: HashMap<u32, u32>,
    /// Persons whose lives the operator writes.
    scripted: HashSet<u32>,
    next_event: u32,
    next_contact: u32,
    next_person: u32,
    next_id: u32,
}

/// A supervisory organization. Neither its name nor who leads it is in anybody's log.
#[derive(Clone, Debug)]
pub struct Organization {
    pub name: String,
    pub superior: Option<u32>,
    /// Indices of workers, the first of them first.
    pub managers: Vec<u32>,
}

/// What is to be entered for a worker.
pub struct Entry {
    pub process: Process,
    pub entered: Timestamp,
    pub effective: Date,
    pub facts: Vec<Fact>,
    pub about: About,
}

impl Tenant {
    pub fn new(seed: u64) -> Tenant {
        Tenant {
            seed,
            workers: Vec::new(),
            organizations: Vec::new(),
            sites: places::sites(),
            by_wid: HashMap::new(),
            by_id: HashMap::new(),
            accounts: HashMap::new(),
            led: HashMap::new(),
            scripted: HashSet::new(),
            next_event: 1,
            next_contact: 1,
            next_person: 1,
            next_id: FIRST_ID,
        }
    }

    /// A worker of whom nothing is known yet. `person` is the number of somebody known, or a new one.
    pub fn add(&mut self, kind: Kind, id: &str, person: Option<u32>) -> usize {
        let index = self.workers.len();
        let number = u64::try_from(index).unwrap_or(u64::MAX);
        let wid = Wid::numbered("worker", self.seed, number);
        let person = person.unwrap_or_else(|| take(&mut self.next_person));
        let key = key(index);
        self.by_wid.insert(wid, key);
        self.by_id.insert((kind, id.into()), key);
        if let Ok(number) = id.parse::<u32>()
            && number >= self.next_id
            && number < u32::MAX
        {
            self.next_id = number + 1;
        }
        self.workers.push(Worker {
            wid,
            kind,
            id: id.into(),
            person,
            events: Vec::new(),
            account: None,
            groups: Vec::new(),
            pending: None,
        });
        index
    }

    /// A worker ID that nobody has.
    pub fn fresh_id(&mut self) -> String {
        take(&mut self.next_id).to_string()
    }

    /// A number for a phone or an address.
    pub fn fresh_contact(&mut self) -> u32 {
        take(&mut self.next_contact)
    }

    pub fn event(&mut self, entry: Entry) -> Event {
        Event {
            number: take(&mut self.next_event),
            process: entry.process,
            entered: entry.entered,
            effective: entry.effective,
            facts: entry.facts.into(),
            about: entry.about,
        }
    }

    /// Puts it into the worker's log.
    pub fn enter(&mut self, worker: usize, entry: Entry) -> u32 {
        let event = self.event(entry);
        let number = event.number;
        self.workers[worker].events.push(event);
        number
    }

    pub fn event_wid(&self, number: u32) -> Wid {
        Wid::numbered("event", self.seed, u64::from(number))
    }

    pub fn by_wid(&self, wid: Wid) -> Option<usize> {
        self.by_wid.get(&wid).map(|key| *key as usize)
    }

    pub fn by_id(&self, kind: Kind, id: &str) -> Option<usize> {
        self.by_id.get(&(kind, id.into())).map(|key| *key as usize)
    }

    /// Whoever has this WID or worker ID; the employee where there are two.
    pub fn find(&self, key: &str) -> Option<usize> {
        let by_wid = Wid::parse(key).and_then(|wid| self.by_wid(wid));
        by_wid
            .or_else(|| self.by_id(Kind::Employee, key))
            .or_else(|| self.by_id(Kind::Contingent, key))
    }

    pub fn find_person(&self, universal_id: &str) -> Option<usize> {
        let person = universal_id.strip_prefix("UNIV-")?.parse::<u32>().ok()?;
        self.workers.iter().rposition(|worker| worker.person == person)
    }

    /// Whose user name this is.
    pub fn account(&self, name: &str) -> Option<usize> {
        self.accounts.get(fold(name).as_ref()).map(|key| *key as usize)
    }

    /// Gives a worker an account, or another name for the one that is there.
    pub fn set_account(&mut self, worker: usize, name: &str, from: Date) {
        let former = self.workers[worker].account.take();
        if let Some(former) = &former {
            self.accounts.remove(fold(&former.name).as_ref());
        }
        self.accounts.insert(fold(name), key(worker));
        self.workers[worker].account = Some(Account {
            name: name.into(),
            from: former.as_ref().map_or(from, |account| account.from),
        });
    }

    /// The supervisory organization that this worker leads; founded under the one he or she is in if need be.
    pub fn led_by(&mut self, worker: usize, name: &str, superior: Option<u32>) -> u32 {
        if let Some(organization) = self.led.get(&key(worker)) {
            return *organization;
        }
        self.organizations.push(Organization {
            name: name.to_string(),
            superior,
            managers: vec![key(worker)],
        });
        let organization = key(self.organizations.len() - 1);
        self.led.insert(key(worker), organization);
        organization
    }

    /// Nothing happens to this person by itself from now on.
    pub fn script(&mut self, worker: usize) {
        self.scripted.insert(self.workers[worker].person);
    }

    pub fn is_scripted(&self, worker: usize) -> bool {
        self.scripted.contains(&self.workers[worker].person)
    }

    pub fn leads(&self, worker: usize) -> Option<u32> {
        self.led.get(&key(worker)).copied()
    }

    /// Puts somebody else at the head of it.
    pub fn appoint(&mut self, organization: u32, managers: Vec<u32>) {
        self.led.retain(|_, led| *led != organization);
        for manager in &managers {
            self.led.insert(*manager, organization);
        }
        self.organizations[organization as usize].managers = managers;
    }

    /// The organizations above this one and itself, from the top.
    pub fn chain(&self, organization: u32) -> Vec<u32> {
        let mut chain = vec![organization];
        let mut at = organization;
        while let Some(superior) = self.organizations[at as usize].superior
            && chain.len() < DEEPEST
        {
            chain.push(superior);
            at = superior;
        }
        chain.reverse();
        chain
    }

    pub fn organization(&self, id: &str) -> Option<u32> {
        let number: usize = id.strip_prefix(ORGANIZATION)?.parse().ok()?;
        let index = number.checked_sub(FIRST_ORGANIZATION)?;
        (index < self.organizations.len()).then(|| key(index))
    }

    pub fn site(&self, id: &str) -> Option<u16> {
        let at = self.sites.iter().position(|site| site.id == id)?;
        u16::try_from(at).ok()
    }
}

/// The `Organization_Reference_ID`.
pub fn organization_id(organization: u32) -> String {
    format!("{ORGANIZATION}{}", FIRST_ORGANIZATION + organization as usize)
}

const ORGANIZATION: &str = "SUP-";
const FIRST_ORGANIZATION: usize = 1000;
const FIRST_ID: u32 = 100_000;
/// Organizations are no deeper than this, even where somebody made a ring of them.
const DEEPEST: usize = 64;

fn fold(name: &str) -> Text {
    name.to_lowercase().into()
}

/// There are fewer of anything than four thousand million.
pub fn key(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn take(counter: &mut u32) -> u32 {
    let taken = *counter;
    *counter = counter.saturating_add(1);
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn workers_are_found_by_every_id_they_have() {
        let mut tenant = Tenant::new(1);
        let ada = tenant.add(Kind::Contingent, "100007", None);
        let again = tenant.add(Kind::Employee, "100007", Some(tenant.workers[ada].person));
        assert_eq!(tenant.find("100007"), Some(again));
        assert_eq!(tenant.by_id(Kind::Contingent, "100007"), Some(ada));
        assert_eq!(tenant.find(&tenant.workers[ada].wid.to_string()), Some(ada));
        assert_eq!(tenant.find_person("UNIV-000001"), Some(again));
        assert_eq!(tenant.fresh_id(), "100008");
        let day = date(2026, 1, 1);
        tenant.set_account(ada, "Ada", day);
        tenant.set_account(ada, "Ada.King", day);
        assert_eq!(
            (tenant.account("ada"), tenant.account("ADA.KING")),
            (None, Some(ada))
        );
    }

    #[test]
    fn organizations_have_a_chain_and_one_head_each() {
        let mut tenant = Tenant::new(1);
        let people: Vec<usize> = (0..3)
            .map(|number| tenant.add(Kind::Employee, &number.to_string(), None))
            .collect();
        let top = tenant.led_by(people[0], "Top", None);
        let below = tenant.led_by(people[1], "Below", Some(top));
        assert_eq!(tenant.led_by(people[1], "Again", None), below);
        assert_eq!(tenant.chain(below), [top, below]);
        assert_eq!(tenant.organization(&organization_id(below)), Some(below));
        assert_eq!(tenant.organization("SUP-1002"), None);
        tenant.appoint(below, vec![key(people[2])]);
        assert_eq!(
            (tenant.leads(people[1]), tenant.leads(people[2])),
            (None, Some(below))
        );
    }
}
