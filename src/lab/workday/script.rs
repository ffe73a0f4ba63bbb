//! What an operator has HR say: workers hired and events entered, exactly as told.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::event::{Assignment, Email, Fact, Job, Phone, Process, Termination, Usage};
use super::pacific;
use super::places;
use super::tenant::{Tenant, key};
use super::worker::{Group, Kind};

/// A new record, of somebody new or of the person another worker is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewWorker {
    #[serde(default = "employee")]
    pub kind: Kind,
    /// The worker ID; a free one when absent.
    pub id: Option<String>,
    /// A worker who is the same person.
    pub person: Option<String>,
    /// The first day; today when absent.
    pub hire: Option<Date>,
    /// When it was entered; now when absent.
    pub entered: Option<Timestamp>,
    pub user_name: Option<String>,
    #[serde(default)]
    pub set: Details,
}

fn employee() -> Kind {
    Kind::Employee
}

/// One thing that HR enters for a worker.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEvent {
    /// WID or worker ID.
    pub worker: String,
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// From when on it holds; today when absent. For a termination see `lastDay`.
    pub effective: Option<Date>,
    pub entered: Option<Timestamp>,
    /// For `rescind` and `correct`: the number of the event; the latest one that stands when absent.
    pub event: Option<u32>,
    /// For `convert`: the new record's ID; the old one's when absent. For `hire`: a record of its own.
    pub id: Option<String>,
    #[serde(default)]
    pub set: Details,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum EventKind {
    Process(Process),
    Other(Other),
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Other {
    Rescind,
    Correct,
    Convert,
    /// Approves, or denies, a change of contacts that waits.
    Approve,
    Deny,
}

/// What is so from then on. An empty text clears what may be empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Details {
    pub first_name: Option<String>,
    pub middle_name: Option<String>,
    pub last_name: Option<String>,
    pub preferred_first_name: Option<String>,
    pub preferred_last_name: Option<String>,
    pub title: Option<String>,
    pub business_title: Option<String>,
    pub level: Option<u8>,
    /// A `Location_ID`.
    pub site: Option<String>,
    /// An organization's ID, or the worker who leads it, with an organization of his or her own if need be.
    pub organization: Option<String>,
    pub manager: Option<String>,
    pub cost_center: Option<String>,
    pub worker_type: Option<String>,
    pub work_space: Option<String>,
    pub weekly_hours: Option<u8>,
    pub first_day: Option<Date>,
    pub contract_end: Option<Date>,
    pub badge: Option<String>,
    pub phones: Vec<NewPhone>,
    pub emails: Vec<NewEmail>,
    /// A `Leave_of_Absence_Type_ID`.
    pub leave: Option<String>,
    pub job: Option<NewJob>,
    /// Ends the additional job in this position.
    pub end_job: Option<String>,
    pub assignment: Option<NewJob>,
    pub last_day: Option<Date>,
    pub reason: Option<String>,
    pub involuntary: bool,
    pub regrettable: bool,
    pub eligible_for_rehire: Option<bool>,
}

/// A phone at work, secondary and public where nothing else is said.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPhone {
    #[serde(default = "landline")]
    pub device: String,
    /// ISO 3166 alpha-2.
    pub country: String,
    pub digits: String,
    pub extension: Option<String>,
    #[serde(default)]
    pub home: bool,
    #[serde(default)]
    pub primary: bool,
    #[serde(default = "yes")]
    pub public: bool,
}

/// An address at work, secondary and public where nothing else is said.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEmail {
    pub address: String,
    #[serde(default)]
    pub home: bool,
    #[serde(default)]
    pub primary: bool,
    #[serde(default = "yes")]
    pub public: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewJob {
    pub position: Option<String>,
    pub title: String,
    pub site: String,
    pub end: Option<Date>,
}

fn landline() -> String {
    "Landline".into()
}

fn yes() -> bool {
    true
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entered {
    pub wid: String,
    pub id: String,
    pub event: u32,
}

/// Members that can be changed of what is in nobody's log.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unlogged {
    pub organization: Option<String>,
    pub site: Option<String>,
    pub worker: Option<String>,
    pub name: Option<String>,
    pub locale: Option<String>,
    /// WIDs or worker IDs of whoever leads the organization from now on.
    pub managers: Option<Vec<String>>,
    pub user_name: Option<String>,
    pub groups: Option<Vec<Group>>,
}

impl Tenant {
    pub fn take_on(&mut self, new: NewWorker, now: Timestamp) -> Result<Entered, String> {
        let person = match &new.person {
            Some(other) => Some(self.workers[self.known(other)?].person),
            None => None,
        };
        let id = match new.id {
            Some(id) if self.by_id(new.kind, &id).is_some() => {
                return Err(format!(
                    "there is a worker {id}; hire, rehire or convert by an event"
                ));
            }
            Some(id) => id,
            None => self.fresh_id(),
        };
        if let Some(name) = &new.user_name
            && self.account(name).is_some()
        {
            return Err(format!("the user name {name} is taken"));
        }
        let day = new.hire.unwrap_or_else(|| pacific::day(now));
        let mut facts = vec![
            Fact::FirstName("Nova".into()),
            Fact::LastName(format!("Worker{id}").into()),
            Fact::Title("Clerk".into()),
            Fact::Level(8),
            Fact::Site(0),
            Fact::WeeklyHours(40),
            Fact::WorkerType(
                match new.kind {
                    Kind::Employee => "Regular",
                    Kind::Contingent => "Contractor",
                }
                .into(),
            ),
        ];
        facts.extend(self.details(new.set, day)?);
        let worker = self.add(new.kind, &id, person);
        self.script(worker);
        let event = self.begin(worker, day, facts, new.entered.unwrap_or(now));
        if let Some(name) = new.user_name {
            self.set_account(worker, &name, day);
        }
        Ok(self.entered(worker, event))
    }

    pub fn hear(&mut self, new: NewEvent, now: Timestamp) -> Result<Entered, String> {
        let worker = self.known(&new.worker)?;
        let entered = new.entered.unwrap_or(now);
        let day = new.effective.unwrap_or_else(|| pacific::day(now));
        match new.kind {
            EventKind::Process(process) if process.begins() && new.id.is_some() => {
                let facts = self.details(new.set, day)?;
                let id = new.id.unwrap_or_default();
                let anew = self.hire_anew(worker, &id, day, facts, entered);
                Ok(self.latest(anew))
            }
            EventKind::Process(process) if process.ends() => {
                let last_day = new.set.last_day.ok_or("a termination needs `lastDay` in `set`")?;
                let event = self.terminate(worker, ended(&new.set, last_day), entered);
                Ok(self.entered(worker, event))
            }
            EventKind::Process(process) => {
                let process = match process.begins() {
                    true => self.workers[worker].kind.begins(),
                    false => process,
                };
                let facts = self.details(new.set, day)?;
                let event = self.change(worker, process, day, facts, entered);
                Ok(self.entered(worker, event))
            }
            EventKind::Other(Other::Rescind) => {
                let number = self.meant(worker, new.event, entered)?;
                let event = self.rescind(worker, number, entered);
                let event = event.ok_or_else(|| format!("event {number} is rescinded already"))?;
                Ok(self.entered(worker, event))
            }
            EventKind::Other(Other::Correct) => {
                let number = self.meant(worker, new.event, entered)?;
                let last_day = new.set.last_day.map(|last_day| ended(&new.set, last_day));
                let mut facts = self.details(new.set, day)?;
                facts.extend(last_day.map(|termination| Fact::Termination(Box::new(termination))));
                let event = self.correct(worker, number, new.effective, facts, entered);
                let event = event.ok_or_else(|| format!("event {number} is rescinded"))?;
                Ok(self.entered(worker, event))
            }
            EventKind::Other(Other::Convert) => {
                let converted = self.convert(worker, day, new.id.as_deref(), entered);
                Ok(self.latest(converted))
            }
            EventKind::Other(decision @ (Other::Approve | Other::Deny)) => {
                let pending = self.workers[worker]
                    .pending
                    .take()
                    .ok_or("nothing waits for approval")?;
                let number = pending.number;
                if decision == Other::Approve {
                    self.workers[worker].events.push(*pending);
                }
                Ok(self.entered(worker, number))
            }
        }
    }

    /// Changes what is in no log, so that no query by transactions finds it.
    pub fn alter(&mut self, change: Unlogged, now: Timestamp) -> Result<(), String> {
        if let Some(id) = &change.organization {
            let organization = self
                .organization(id)
                .ok_or_else(|| format!("there is no organization {id}"))?;
            if let Some(name) = &change.name {
                self.organizations[organization as usize].name = name.clone();
            }
            if let Some(managers) = &change.managers {
                let managers: Result<Vec<u32>, String> = managers
                    .iter()
                    .map(|manager| self.known(manager).map(key))
                    .collect();
                self.appoint(organization, managers?);
            }
        }
        if let Some(id) = &change.site {
            let site = self.site(id).ok_or_else(|| no_site(id))?;
            let site = &mut self.sites[usize::from(site)];
            if let Some(name) = change.name {
                site.name = name;
            }
            if let Some(locale) = change.locale {
                site.locale = locale;
            }
        }
        if let Some(id) = &change.worker {
            let worker = self.known(id)?;
            if let Some(name) = change.user_name {
                if self.account(&name).is_some_and(|holder| holder != worker) {
                    return Err(format!("the user name {name} is taken"));
                }
                self.set_account(worker, &name, pacific::day(now));
            }
            if let Some(groups) = change.groups {
                self.workers[worker].groups = groups;
            }
        }
        Ok(())
    }

    pub fn known(&self, key: &str) -> Result<usize, String> {
        self.find(key).ok_or_else(|| format!("there is no worker {key}"))
    }

    fn entered(&self, worker: usize, event: u32) -> Entered {
        let worker = &self.workers[worker];
        Entered {
            wid: worker.wid.to_string(),
            id: worker.id.to_string(),
            event,
        }
    }

    fn latest(&self, worker: usize) -> Entered {
        let event = self.workers[worker].events.last().map_or(0, |event| event.number);
        self.entered(worker, event)
    }

    /// The event with this number, or the one that was entered last of those that stand.
    fn meant(&self, worker: usize, number: Option<u32>, known: Timestamp) -> Result<u32, String> {
        let one = &self.workers[worker];
        match number {
            Some(number) if one.event(number).is_some() => Ok(number),
            Some(number) => Err(format!("worker {} has no event {number}", one.id)),
            None => {
                let standing = one.standing(known);
                let latest = standing.iter().map(|event| event.number).max();
                latest.ok_or_else(|| format!("worker {} has no event that stands", one.id))
            }
        }
    }

    /// Details as facts; `day` is when jobs begin.
    fn details(&mut self, set: Details, day: Date) -> Result<Vec<Fact>, String> {
        let text = |value: Option<String>| value.map(String::into_boxed_str);
        let clearable =
            |value: Option<String>| value.map(|value| Some(value.into_boxed_str()).filter(|v| !v.is_empty()));
        let mut facts = Vec::new();
        facts.extend(text(set.first_name).map(Fact::FirstName));
        facts.extend(clearable(set.middle_name).map(Fact::MiddleName));
        facts.extend(text(set.last_name).map(Fact::LastName));
        facts.extend(clearable(set.preferred_first_name).map(Fact::PreferredFirstName));
        facts.extend(clearable(set.preferred_last_name).map(Fact::PreferredLastName));
        facts.extend(text(set.title).map(Fact::Title));
        facts.extend(text(set.business_title).map(Fact::BusinessTitle));
        facts.extend(set.level.map(Fact::Level));
        facts.extend(text(set.cost_center).map(Fact::CostCenter));
        facts.extend(text(set.worker_type).map(Fact::WorkerType));
        facts.extend(clearable(set.work_space).map(Fact::WorkSpace));
        facts.extend(set.weekly_hours.map(Fact::WeeklyHours));
        facts.extend(set.first_day.map(Fact::FirstDay));
        facts.extend(set.contract_end.map(|end| Fact::ContractEnd(Some(end))));
        facts.extend(clearable(set.badge).map(Fact::Badge));
        facts.extend(text(set.leave).map(Fact::Leave));
        facts.extend(text(set.end_job).map(Fact::JobGone));
        if let Some(id) = set.site {
            facts.push(Fact::Site(self.site(&id).ok_or_else(|| no_site(&id))?));
        }
        if let Some(id) = set.organization {
            let organization = self
                .organization(&id)
                .ok_or_else(|| format!("there is no organization {id}"))?;
            facts.push(Fact::Organization(organization));
        }
        if let Some(manager) = set.manager {
            facts.push(Fact::Organization(self.led_by_known(&manager)?));
        }
        for phone in set.phones {
            facts.push(self.new_phone(phone)?);
        }
        for email in set.emails {
            facts.push(Fact::Email(Box::new(Email {
                number: self.fresh_contact(),
                address: email.address.into(),
                usage: used(email.home, email.primary, email.public),
            })));
        }
        if let Some(job) = set.job {
            facts.push(Fact::Job(Box::new(self.new_job(job, day)?)));
        }
        if let Some(assignment) = set.assignment {
            let job = self.new_job(assignment, day)?;
            let kind = "Long_Term".into();
            facts.push(Fact::Assignment(Some(Box::new(Assignment { job, kind }))));
        }
        Ok(facts)
    }

    fn led_by_known(&mut self, manager: &str) -> Result<u32, String> {
        let manager = self.known(manager)?;
        let one = &self.workers[manager];
        let name = format!("Organization of {}", one.id);
        let superior = one
            .view(Date::MAX, Timestamp::MAX)
            .and_then(|view| view.organization);
        Ok(self.led_by(manager, &name, superior))
    }

    fn new_phone(&mut self, phone: NewPhone) -> Result<Fact, String> {
        let country = places::COUNTRIES
            .iter()
            .find(|country| country.alpha2 == phone.country);
        let country = country.ok_or_else(|| format!("there is no country {} here", phone.country))?;
        Ok(Fact::Phone(Box::new(Phone {
            number: self.fresh_contact(),
            device: phone.device.into(),
            country: country.alpha2.into(),
            digits: super::phone::digits(&phone.digits, country)?.into(),
            extension: phone.extension.map(Into::into),
            usage: used(phone.home, phone.primary, phone.public),
        })))
    }

    fn new_job(&mut self, job: NewJob, day: Date) -> Result<Job, String> {
        let site = self.site(&job.site).ok_or_else(|| no_site(&job.site))?;
        let number = self.fresh_contact();
        Ok(Job {
            position: job.position.unwrap_or_else(|| format!("P-X-{number}")).into(),
            title: job.title.into(),
            site,
            start: day,
            end: job.end,
        })
    }
}

fn ended(set: &Details, last_day: Date) -> Termination {
    Termination {
        involuntary: set.involuntary,
        regrettable: set.regrettable,
        eligible_for_rehire: set.eligible_for_rehire.unwrap_or(true),
        ..Termination::on(last_day, set.reason.as_deref().unwrap_or("Resignation"))
    }
}

fn used(home: bool, primary: bool, public: bool) -> Usage {
    Usage {
        work: !home,
        primary,
        public,
        used_for: Box::default(),
    }
}

fn no_site(id: &str) -> String {
    format!("there is no site {id}")
}
