//! Business processes that are more than one entry: terminations, corrections, conversions.

use jiff::Timestamp;
use jiff::civil::Date;

use super::event::{About, Fact, Process, Termination};
use super::pacific;
use super::tenant::{Entry, Tenant};
use super::worker::Kind;

impl Kind {
    pub fn begins(self) -> Process {
        match self {
            Kind::Employee => Process::Hire,
            Kind::Contingent => Process::Contract,
        }
    }

    pub fn ends(self) -> Process {
        match self {
            Kind::Employee => Process::Terminate,
            Kind::Contingent => Process::EndContract,
        }
    }

    pub fn other(self) -> Kind {
        match self {
            Kind::Employee => Kind::Contingent,
            Kind::Contingent => Kind::Employee,
        }
    }
}

impl Termination {
    pub fn on(last_day: Date, reason: &str) -> Termination {
        Termination {
            last_day,
            reason: reason.into(),
            involuntary: false,
            regrettable: false,
            eligible_for_rehire: true,
        }
    }
}

impl Tenant {
    pub fn begin(&mut self, worker: usize, day: Date, facts: Vec<Fact>, entered: Timestamp) -> u32 {
        let process = self.workers[worker].kind.begins();
        let entry = Entry {
            process,
            entered,
            effective: day,
            facts,
            about: About::Itself,
        };
        self.enter(worker, entry)
    }

    /// It holds when the last day is over.
    pub fn terminate(&mut self, worker: usize, termination: Termination, entered: Timestamp) -> u32 {
        let process = self.workers[worker].kind.ends();
        let entry = Entry {
            process,
            entered,
            effective: pacific::tomorrow(termination.last_day),
            facts: vec![Fact::Termination(Box::new(termination))],
            about: About::Itself,
        };
        self.enter(worker, entry)
    }

    pub fn change(
        &mut self,
        worker: usize,
        process: Process,
        day: Date,
        facts: Vec<Fact>,
        entered: Timestamp,
    ) -> u32 {
        let entry = Entry {
            process,
            entered,
            effective: day,
            facts,
            about: About::Itself,
        };
        self.enter(worker, entry)
    }

    /// Nothing where there is no such event, or it is rescinded already.
    pub fn rescind(&mut self, worker: usize, number: u32, entered: Timestamp) -> Option<u32> {
        let one = &self.workers[worker];
        let event = one.event(number)?;
        if one.fate(event, Timestamp::MAX).0 {
            return None;
        }
        let entry = Entry {
            process: event.process,
            entered,
            effective: event.effective,
            facts: Vec::new(),
            about: About::Rescinds(number),
        };
        Some(self.enter(worker, entry))
    }

    /// The event as it should have been: on another day, with other facts besides those it had.
    pub fn correct(
        &mut self,
        worker: usize,
        number: u32,
        day: Option<Date>,
        facts: Vec<Fact>,
        entered: Timestamp,
    ) -> Option<u32> {
        let one = &self.workers[worker];
        let event = one.event(number)?;
        if one.fate(event, Timestamp::MAX).0 {
            return None;
        }
        let is_replaced = |old: &Fact| {
            facts
                .iter()
                .any(|new| std::mem::discriminant(old) == std::mem::discriminant(new))
        };
        let mut all: Vec<Fact> = event
            .facts
            .iter()
            .filter(|fact| !is_replaced(fact))
            .cloned()
            .collect();
        all.extend(facts);
        let ended = all.iter().find_map(|fact| match fact {
            Fact::Termination(termination) => Some(pacific::tomorrow(termination.last_day)),
            _ => None,
        });
        let entry = Entry {
            process: event.process,
            entered,
            effective: ended.or(day).unwrap_or(event.effective),
            facts: all,
            about: About::Corrects(number),
        };
        Some(self.enter(worker, entry))
    }

    /// An employee becomes a contingent worker, or the other way round: the old record ends the day before the new one
    /// begins, which is another object with another WID. Both have the same ID where no other is given.
    pub fn convert(&mut self, worker: usize, day: Date, id: Option<&str>, entered: Timestamp) -> usize {
        let old = &self.workers[worker];
        let (kind, person) = (old.kind.other(), old.person);
        let own = old.id.clone();
        let mut facts = old.everything(day, entered);
        let worker_type = match kind {
            Kind::Employee => "Regular",
            Kind::Contingent => "Contractor",
        };
        facts.push(Fact::WorkerType(worker_type.into()));
        let is_active = old.view(day, entered).is_some_and(|view| view.active);
        if is_active {
            let reason = "Convert_Worker";
            self.terminate(worker, Termination::on(pacific::yesterday(day), reason), entered);
        }
        let new = self.add(kind, id.unwrap_or(&own), Some(person));
        self.begin(new, day, facts, entered);
        new
    }

    /// Somebody who was here before comes back with a record and an ID of his or her own.
    pub fn hire_anew(
        &mut self,
        worker: usize,
        id: &str,
        day: Date,
        mut facts: Vec<Fact>,
        entered: Timestamp,
    ) -> usize {
        let old = &self.workers[worker];
        let (kind, person) = (old.kind, old.person);
        let mut known = old.everything(day, entered);
        known.append(&mut facts);
        let new = self.add(kind, id, Some(person));
        self.begin(new, day, known, entered);
        new
    }
}

impl super::worker::Worker {
    /// What is known of the worker on a day, apart from how it began and ended and what was only for a time.
    pub fn everything(&self, day: Date, known: Timestamp) -> Vec<Fact> {
        let standing = self.standing(known);
        let lasting = |fact: &&Fact| {
            !matches!(
                fact,
                Fact::Termination(_) | Fact::Leave(_) | Fact::Job(_) | Fact::JobGone(_) | Fact::Assignment(_)
            )
        };
        let first = standing.first().map(|event| event.number);
        standing
            .iter()
            .filter(|event| event.effective <= day || Some(event.number) == first)
            .flat_map(|event| event.facts.iter().filter(lasting))
            .filter(|fact| !matches!(fact, Fact::FirstDay(_) | Fact::ContractEnd(_)))
            .cloned()
            .collect()
    }
}
