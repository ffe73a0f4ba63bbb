//! Several records of one person (B20): one of them speaks for the account, and the account goes along when that becomes
//! another.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::reconcile::Subject;
use crate::domain::employment;
use crate::domain::link::Link;
use crate::domain::plan::Moment;
use crate::domain::policy::Policy;
use crate::domain::worker::Worker;
use crate::error::Result;
use crate::store::{Conn, links, workers};

/// Another record of a subject's person.
#[derive(Clone)]
pub struct Kin {
    pub worker: Worker,
    pub link: Option<Link>,
}

/// Who is whose kin, on one page.
pub struct Kindred(HashMap<String, Vec<Kin>>);

impl Kindred {
    pub fn load<'w>(
        conn: &mut Conn,
        job: &str,
        system: &str,
        workers: impl Iterator<Item = &'w Worker>,
    ) -> Result<Kindred> {
        let persons: BTreeSet<&str> = workers.filter_map(person).collect();
        let persons: Vec<&str> = persons.into_iter().collect();
        let mut records: HashMap<String, Vec<Worker>> = HashMap::new();
        for worker in workers::of_persons(conn, system, &persons)? {
            if let Some(person) = person(&worker) {
                records.entry(person.to_string()).or_default().push(worker);
            }
        }
        records.retain(|_, several| several.len() > 1);
        let anchors: Vec<&str> = records
            .values()
            .flatten()
            .map(|worker| worker.anchor.as_str())
            .collect();
        let mut links: HashMap<String, Link> = links::by_workers(conn, job, &anchors)?
            .into_iter()
            .map(|link| (link.worker.clone(), link))
            .collect();
        let mut kin = |worker: Worker| Kin {
            link: links.remove(&worker.anchor),
            worker,
        };
        let kindred = records
            .into_iter()
            .map(|(person, several)| (person, several.into_iter().map(&mut kin).collect()));
        Ok(Kindred(kindred.collect()))
    }

    pub fn of(&self, worker: &Worker) -> Vec<Kin> {
        let all = person(worker).and_then(|person| self.0.get(person));
        let others = all
            .into_iter()
            .flatten()
            .filter(|kin| kin.worker.anchor != worker.anchor);
        others.cloned().collect()
    }
}

fn person(worker: &Worker) -> Option<&str> {
    worker.employment.as_ref()?.person.as_deref()
}

/// Puts everybody to the moment: what follows dates is as it is now (B19), and of several records of one person one speaks
/// for the account (B20).
pub fn turn_to(policy: &Policy, subjects: &mut [Subject], moment: &Moment) {
    for subject in subjects {
        subject.worker.turn_to(moment.now);
        for kin in &mut subject.kin {
            kin.worker.turn_to(moment.now);
        }
        subject.speaker = None;
        if !subject.kin.is_empty() {
            choose_speaker(policy, subject, moment.now);
        }
    }
}

fn choose_speaker(policy: &Policy, subject: &mut Subject, now: Timestamp) {
    let is_ours = |worker: &Worker| worker.hidden.is_none() && policy.schema.scope.admits(worker).is_ok();
    let kin = subject.kin.iter().map(|kin| (&kin.worker, kin.link.is_some()));
    let all = kin.chain([(&subject.worker, subject.link.is_some())]);
    let Some(speaker) = employment::holder(all.filter(|(worker, _)| is_ours(worker)), now) else {
        return;
    };
    let of_speaker = subject.kin.iter().find(|kin| kin.worker.anchor == speaker.anchor);
    match of_speaker {
        // An account of its own is its own affair.
        Some(kin) if kin.link.is_some() && subject.link.is_some() => {}
        Some(kin) => subject.speaker = Some(kin.worker.anchor.clone()),
        None if subject.link.is_none() => {
            let before = subject.kin.iter().find_map(|kin| kin.link.as_ref());
            subject.heir_of = before.map(|link| link.worker.clone());
            subject.link = before.map(|link| Link {
                worker: subject.worker.anchor.clone(),
                ..link.clone()
            });
        }
        None => {}
    }
}
