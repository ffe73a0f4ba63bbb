//! A worker object: the log of what HR said about it, and what of that is true on a day, as known at a moment.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::event::{About, Assignment, Email, Event, Fact, Job, Phone, Process, Termination, Text};
use super::pacific;
use super::wid::Wid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Employee,
    Contingent,
}

impl Kind {
    /// The type of the ID in references.
    pub fn id_type(self) -> &'static str {
        match self {
            Kind::Employee => "Employee_ID",
            Kind::Contingent => "Contingent_Worker_ID",
        }
    }
}

/// One employment record. A person who is converted, or hired again as somebody new, has several.
#[derive(Clone, Debug)]
pub struct Worker {
    pub wid: Wid,
    pub kind: Kind,
    /// The `Worker_ID`.
    pub id: Text,
    /// Number of the person.
    pub person: u32,
    /// In the order in which they were entered.
    pub events: Vec<Event>,
    pub account: Option<Account>,
    pub groups: Vec<Group>,
    /// A change of contacts that waits for somebody's approval.
    pub pending: Option<Box<Event>>,
}

/// What somebody signs in to Workday with; no part of the log.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: Text,
    /// There is none before this day.
    pub from: Date,
}

/// Membership in a provisioning group; no part of the log.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    pub name: Text,
    /// `Assigned`, `Activated`, `Unassigned` or `Disabled`.
    pub status: Text,
    pub changed: Timestamp,
}

impl Worker {
    pub fn universal_id(&self) -> String {
        format!("UNIV-{:06}", self.person)
    }

    pub fn event(&self, number: u32) -> Option<&Event> {
        self.events.iter().find(|event| event.number == number)
    }

    /// The event that this one is, in the end, a version of.
    fn origin(&self, event: &Event) -> u32 {
        let mut number = event.number;
        let mut about = event.about;
        while let About::Corrects(before) | About::Rescinds(before) = about {
            number = before;
            about = self.event(before).map_or(About::Itself, |event| event.about);
        }
        number
    }

    /// Events that stand at this moment, by the day on which they take effect: the latest version of each, without
    /// those that were rescinded.
    pub fn standing(&self, known: Timestamp) -> Vec<&Event> {
        let told = || self.events.iter().filter(|event| event.entered <= known);
        let mut standing: Vec<&Event> = told().filter(|event| event.about == About::Itself).collect();
        for change in told().filter(|event| event.about != About::Itself) {
            let origin = self.origin(change);
            let at = standing.iter().position(|event| self.origin(event) == origin);
            match (at, change.about) {
                (Some(at), About::Corrects(_)) => standing[at] = change,
                (Some(at), About::Rescinds(_)) => {
                    standing.remove(at);
                }
                _ => {}
            }
        }
        standing.sort_by_key(|event| (event.effective, event.number));
        standing
    }

    /// Whether this event, or what it stands for, was rescinded, and whether it was corrected.
    pub fn fate(&self, event: &Event, known: Timestamp) -> (bool, bool) {
        let origin = self.origin(event);
        let mut fate = (false, false);
        for other in self.events.iter().filter(|other| other.entered <= known) {
            match other.about {
                About::Rescinds(_) if self.origin(other) == origin => fate.0 = true,
                About::Corrects(_) if self.origin(other) == origin => fate.1 = true,
                _ => {}
            }
        }
        fate
    }

    /// What is true on this day, as far as was known at this moment; nothing where nobody knew of the worker.
    pub fn view(&self, day: Date, known: Timestamp) -> Option<View<'_>> {
        let standing = self.standing(known);
        let mut view = View::default();
        for event in standing.iter().filter(|event| event.effective <= day) {
            view.apply(event, day);
        }
        if view.hire.is_none() {
            let hires = |event: &&Event| event.process.begins();
            if let Some(ahead) = standing.iter().copied().find(hires) {
                view.future_hire = Some(ahead.effective);
                view.apply_personal(ahead);
            } else {
                let rescinded = self.events.iter().rfind(|event| {
                    event.process.begins()
                        && event.entered <= known
                        && !matches!(event.about, About::Rescinds(_))
                })?;
                view.apply(rescinded, day);
                view.active = false;
                view.hire_rescinded = true;
            }
        }
        Some(view)
    }

    /// The day of the last thing entered for it, whatever came of it.
    pub fn last_effective(&self) -> Option<Date> {
        self.events.iter().map(|event| event.effective).max()
    }
}

/// A worker on a day.
#[derive(Clone, Debug, Default)]
pub struct View<'w> {
    pub first_name: &'w str,
    pub middle_name: Option<&'w str>,
    pub last_name: &'w str,
    pub preferred_first_name: Option<&'w str>,
    pub preferred_last_name: Option<&'w str>,
    pub title: &'w str,
    pub business_title: Option<&'w str>,
    pub level: u8,
    pub site: Option<u16>,
    pub organization: Option<u32>,
    pub cost_center: Option<&'w str>,
    pub worker_type: &'w str,
    pub work_space: Option<&'w str>,
    pub weekly_hours: u8,
    pub contract_end: Option<Date>,
    pub badge: Option<&'w str>,
    pub phones: Vec<&'w Phone>,
    pub emails: Vec<&'w Email>,
    pub jobs: Vec<&'w Job>,
    pub assignment: Option<&'w Assignment>,
    pub leaves: Vec<Leave<'w>>,
    /// Since when the position is as it is, and since when it is held.
    pub position_effective: Option<Date>,
    pub position_start: Option<Date>,
    pub active: bool,
    pub active_since: Option<Date>,
    pub hire: Option<Date>,
    pub original_hire: Option<Date>,
    pub first_day: Option<Date>,
    pub rehire: bool,
    pub hire_rescinded: bool,
    pub termination: Option<&'w Termination>,
    /// The first day, where it lies ahead.
    pub future_hire: Option<Date>,
}

#[derive(Clone, Copy, Debug)]
pub struct Leave<'w> {
    /// A `Leave_of_Absence_Type_ID`.
    pub kind: &'w str,
    pub start: Date,
    /// The last day of it.
    pub end: Option<Date>,
}

impl<'w> View<'w> {
    pub fn name(&self) -> String {
        let first = self.preferred_first_name.unwrap_or(self.first_name);
        let last = self.preferred_last_name.unwrap_or(self.last_name);
        format!("{first} {last}")
    }

    fn apply_personal(&mut self, event: &'w Event) {
        for fact in event.facts.iter().filter(|fact| fact.is_personal()) {
            self.learn(fact);
        }
    }

    fn apply(&mut self, event: &'w Event, day: Date) {
        let since = event.effective;
        if event.process.begins() {
            self.begin(since);
        }
        for fact in &event.facts {
            match fact {
                Fact::Leave(kind) => self.leaves.push(Leave {
                    kind,
                    start: since,
                    end: None,
                }),
                Fact::Termination(termination) => {
                    self.termination = Some(termination);
                    self.active = false;
                    self.active_since = Some(since);
                }
                fact => self.learn(fact),
            }
        }
        if event.process == Process::Return
            && let Some(leave) = self.leaves.last_mut()
        {
            leave.end = Some(pacific::yesterday(since));
        }
        if event.process.moves() {
            self.position_effective = Some(since);
            if event.process.begins() || event.process == Process::ChangeJob {
                self.position_start = Some(since);
            }
        }
        self.jobs.retain(|job| job.end.is_none_or(|end| end >= day));
    }

    fn begin(&mut self, since: Date) {
        self.rehire = self.hire.is_some();
        self.original_hire = self.original_hire.or(Some(since));
        self.hire = Some(since);
        self.first_day = Some(since);
        self.active = true;
        self.active_since = Some(since);
        self.termination = None;
        self.contract_end = None;
    }

    fn learn(&mut self, fact: &'w Fact) {
        match fact {
            Fact::FirstName(name) => self.first_name = name,
            Fact::MiddleName(name) => self.middle_name = name.as_deref(),
            Fact::LastName(name) => self.last_name = name,
            Fact::PreferredFirstName(name) => self.preferred_first_name = name.as_deref(),
            Fact::PreferredLastName(name) => self.preferred_last_name = name.as_deref(),
            Fact::Title(title) => self.title = title,
            Fact::BusinessTitle(title) => self.business_title = Some(title),
            Fact::Level(level) => self.level = *level,
            Fact::Site(site) => self.site = Some(*site),
            Fact::Organization(organization) => self.organization = Some(*organization),
            Fact::CostCenter(center) => self.cost_center = Some(center),
            Fact::WorkerType(kind) => self.worker_type = kind,
            Fact::WorkSpace(space) => self.work_space = space.as_deref(),
            Fact::WeeklyHours(hours) => self.weekly_hours = *hours,
            Fact::FirstDay(day) => self.first_day = Some(*day),
            Fact::ContractEnd(day) => self.contract_end = *day,
            Fact::Badge(badge) => self.badge = badge.as_deref(),
            Fact::Phone(phone) => match self.phones.iter_mut().find(|known| known.number == phone.number) {
                Some(known) => *known = phone,
                None => {
                    // A new primary one takes the place of the one before.
                    self.phones
                        .retain(|known| !known.usage.displaced_by(&phone.usage));
                    self.phones.push(phone);
                }
            },
            Fact::PhoneGone(number) => self.phones.retain(|known| known.number != *number),
            Fact::Email(email) => match self.emails.iter_mut().find(|known| known.number == email.number) {
                Some(known) => *known = email,
                None => {
                    // A new primary one takes the place of the one before.
                    self.emails
                        .retain(|known| !known.usage.displaced_by(&email.usage));
                    self.emails.push(email);
                }
            },
            Fact::EmailGone(number) => self.emails.retain(|known| known.number != *number),
            Fact::Job(job) => {
                self.jobs.retain(|known| known.position != job.position);
                self.jobs.push(job);
            }
            Fact::JobGone(position) => self.jobs.retain(|known| known.position != *position),
            Fact::Assignment(assignment) => self.assignment = assignment.as_deref(),
            // What these say depends on when it is.
            Fact::Leave(_) | Fact::Termination(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
