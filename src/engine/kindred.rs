//! Several records of one person (B20): one of them speaks for the account, and the account goes along when that becomes
//! another.

use std::collections::{BTreeSet, HashMap};

use super::subject::Subject;
use crate::domain::finding::{Finding, Weight};
use crate::domain::link::Link;
use crate::domain::person::{self, Speaks};
use crate::domain::plan::Moment;
use crate::domain::policy::Policy;
use crate::domain::worker::Worker;
use crate::error::Result;
use crate::store::workers::MOST_RECORDS;
use crate::store::{Conn, links, workers};

/// Another record of a subject's person.
#[derive(Clone)]
pub struct Kin {
    pub worker: Worker,
    pub link: Option<Link>,
}

/// Who is whose kin, on one page.
pub struct Kindred {
    by_person: HashMap<String, Vec<Kin>>,
    /// Keys of more records than one person has.
    shared: BTreeSet<String>,
}

impl Kindred {
    pub fn load<'w>(
        conn: &mut Conn,
        job: &str,
        system: &str,
        workers: impl Iterator<Item = &'w Worker>,
    ) -> Result<Kindred> {
        let persons: BTreeSet<&str> = workers.filter_map(person_of).collect();
        let persons: Vec<&str> = persons.into_iter().collect();
        let mut anchors: HashMap<String, Vec<String>> = HashMap::new();
        for (person, anchor) in workers::of_persons(conn, system, &persons)? {
            anchors.entry(person).or_default().push(anchor);
        }
        let several = |least: usize| move |(_, anchors): &(&String, &Vec<String>)| anchors.len() >= least;
        let shared = anchors.iter().filter(several(MOST_RECORDS + 1));
        let shared: BTreeSet<String> = shared.map(|(person, _)| person.clone()).collect();
        let joined = anchors
            .iter()
            .filter(several(2))
            .filter(|(person, _)| !shared.contains(*person));
        let joined: Vec<&str> = joined
            .flat_map(|(_, anchors)| anchors)
            .map(String::as_str)
            .collect();
        let mut links: HashMap<String, Link> = links::by_workers(conn, job, &joined)?
            .into_iter()
            .map(|link| (link.worker.clone(), link))
            .collect();
        let mut by_person: HashMap<String, Vec<Kin>> = HashMap::new();
        for worker in workers::load(conn, system, &joined)? {
            if let Some(person) = person_of(&worker) {
                let link = links.remove(&worker.anchor);
                by_person
                    .entry(person.to_string())
                    .or_default()
                    .push(Kin { link, worker });
            }
        }
        Ok(Kindred { by_person, shared })
    }

    /// The others, or what is wrong with the key.
    pub fn of(&self, worker: &Worker) -> Result<Vec<Kin>, Finding> {
        let Some(person) = person_of(worker) else {
            return Ok(Vec::new());
        };
        if self.shared.contains(person) {
            let message = format!(
                "more than {MOST_RECORDS} records have the key '{person}', which is to tell people apart: they are taken for different people; correct `person_key` or the records"
            );
            return Err(Finding::new(Weight::Warning, "PersonKeyShared", message));
        }
        let all = self.by_person.get(person).into_iter().flatten();
        Ok(all
            .filter(|kin| kin.worker.anchor != worker.anchor)
            .cloned()
            .collect())
    }
}

fn person_of(worker: &Worker) -> Option<&str> {
    worker.employment.as_ref()?.person.as_deref()
}

/// Puts everybody to the moment: what follows dates is as it is now (B19), and of several records of one person one speaks
/// for the account (B20).
pub fn turn_to(policy: &Policy, subjects: &mut [Subject], moment: &Moment) {
    for subject in subjects {
        if policy.model.record.is_none() {
            // What is to go home to HR is no other target's affair.
            let kin = subject.kin.iter_mut().map(|kin| &mut kin.worker);
            kin.chain([&mut subject.worker])
                .for_each(|worker| worker.stated.clear());
        }
        subject.worker.turn_to(moment.now);
        for kin in &mut subject.kin {
            kin.worker.turn_to(moment.now);
        }
        subject.speaker = None;
        if subject.heir_of.take().is_some() {
            subject.link = None;
        }
        if !subject.kin.is_empty() {
            choose_speaker(policy, subject, moment);
        }
    }
}

fn choose_speaker(policy: &Policy, subject: &mut Subject, moment: &Moment) {
    let kin = subject.kin.iter().map(|kin| (&kin.worker, kin.link.as_ref()));
    let records: Vec<_> = kin.chain([(&subject.worker, subject.link.as_ref())]).collect();
    let Some(Speaks { speaker, inherits }) = person::speaks(policy, &records, moment.now) else {
        return;
    };
    let own = subject.worker.anchor.as_str();
    if speaker == own {
        if let Some(before) = inherits.cloned() {
            subject.link = Some(Link {
                worker: own.to_string(),
                ..before.clone()
            });
            subject.heir_of = Some(before);
        }
    } else if subject.link.is_none() || inherits.is_some_and(|link| link.worker == own) {
        subject.speaker = Some(speaker.to_string());
    }
}
