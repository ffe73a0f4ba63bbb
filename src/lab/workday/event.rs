//! Transactions: what HR entered, when, from when on it holds, and what it made true of a worker.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub type Text = Box<str>;

/// One entry of a worker's log. Nothing is ever taken out again: what was wrong is corrected or rescinded by
/// another one.
#[derive(Clone, Debug)]
pub struct Event {
    /// Nothing else in the tenant has it; it rises as things are entered for a worker.
    pub number: u32,
    pub process: Process,
    pub entered: Timestamp,
    /// The first day on which it holds. After a last day of work that is the day after.
    pub effective: Date,
    pub facts: Box<[Fact]>,
    pub about: About,
}

/// Whether an event stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Itself,
    /// It stands instead of that one.
    Corrects(u32),
    /// That one never was.
    Rescinds(u32),
}

impl Event {
    /// As the log names its type (`Business_Process_Type`).
    pub fn type_name(&self) -> &'static str {
        match self.about {
            About::Itself => self.process.name(),
            About::Corrects(_) => CORRECT,
            About::Rescinds(_) => RESCIND,
        }
    }

    pub fn termination(&self) -> Option<&Termination> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::Termination(termination) => Some(termination.as_ref()),
            _ => None,
        })
    }
}

/// How Workday calls these two is not published.
const CORRECT: &str = "Correct Business Process";
const RESCIND: &str = "Rescind Business Process";

/// What kind of business process an event came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Process {
    Hire,
    Contract,
    Terminate,
    EndContract,
    ChangeJob,
    Promote,
    ChangeTitle,
    ChangeOrganization,
    ChangeLegalName,
    ChangePreferredName,
    ChangeIds,
    StartLeave,
    Return,
    AddJob,
    EndJob,
    StartAssignment,
    EndAssignment,
    ChangeWorkContact,
    ChangeHomeContact,
}

#[rustfmt::skip]
const NAMES: &[(Process, &str)] = &[
    (Process::Hire, "Hire Employee"),
    (Process::Contract, "Contract Contingent Worker"),
    (Process::Terminate, "Terminate Employee"),
    (Process::EndContract, "End Contingent Worker Contract"),
    (Process::ChangeJob, "Change Job"),
    (Process::Promote, "Promote Employee"),
    (Process::ChangeTitle, "Title Change"),
    (Process::ChangeOrganization, "Change Organization Assignments for Worker"),
    (Process::ChangeLegalName, "Legal Name Change"),
    (Process::ChangePreferredName, "Preferred Name Change"),
    (Process::ChangeIds, "ID Change"),
    (Process::StartLeave, "Request Leave of Absence"),
    (Process::Return, "Request Return from Leave of Absence"),
    (Process::AddJob, "Add Additional Job"),
    (Process::EndJob, "End Additional Job"),
    (Process::StartAssignment, "Start International Assignment"),
    (Process::EndAssignment, "End International Assignment"),
    (Process::ChangeWorkContact, "Work Contact Change"),
    (Process::ChangeHomeContact, "Home Contact Change"),
];

impl Process {
    pub fn name(self) -> &'static str {
        let known = NAMES.iter().find(|(process, _)| *process == self);
        known.map_or("", |(_, name)| name)
    }

    /// Begins an employment or a contract.
    pub fn begins(self) -> bool {
        matches!(self, Process::Hire | Process::Contract)
    }

    pub fn ends(self) -> bool {
        matches!(self, Process::Terminate | Process::EndContract)
    }

    /// Whether the primary position is another one by it.
    pub fn moves(self) -> bool {
        self.begins()
            || matches!(
                self,
                Process::ChangeJob | Process::Promote | Process::ChangeTitle | Process::ChangeOrganization
            )
    }
}

/// Whether the tenant has transactions of this type at all.
pub fn is_type(name: &str) -> bool {
    [CORRECT, RESCIND].contains(&name) || NAMES.iter().any(|(_, known)| *known == name)
}

/// One thing that is so from an event on.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    FirstName(Text),
    MiddleName(Option<Text>),
    LastName(Text),
    PreferredFirstName(Option<Text>),
    PreferredLastName(Option<Text>),
    /// Of the position.
    Title(Text),
    /// As the worker's card says it.
    BusinessTitle(Text),
    /// 1 is the top.
    Level(u8),
    /// Index of a site.
    Site(u16),
    /// Index of a supervisory organization.
    Organization(u32),
    CostCenter(Text),
    /// `Regular`, `Temporary`, `Contractor` and so on.
    WorkerType(Text),
    WorkSpace(Option<Text>),
    WeeklyHours(u8),
    FirstDay(Date),
    ContractEnd(Option<Date>),
    Badge(Option<Text>),
    /// Added, or put in place of the one with the same number.
    Phone(Box<Phone>),
    PhoneGone(u32),
    Email(Box<Email>),
    EmailGone(u32),
    Leave(Text),
    Job(Box<Job>),
    /// By position ID.
    JobGone(Text),
    Assignment(Option<Box<Assignment>>),
    Termination(Box<Termination>),
}

impl Fact {
    /// Known of a person before the first day of work.
    pub fn is_personal(&self) -> bool {
        matches!(
            self,
            Fact::FirstName(_)
                | Fact::MiddleName(_)
                | Fact::LastName(_)
                | Fact::PreferredFirstName(_)
                | Fact::PreferredLastName(_)
                | Fact::Badge(_)
                | Fact::Phone(_)
                | Fact::PhoneGone(_)
                | Fact::Email(_)
                | Fact::EmailGone(_)
        )
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Phone {
    /// Its `Phone_ID` is `PHONE_REFERENCE-1-n`.
    pub number: u32,
    /// A `Phone_Device_Type_ID`: `Landline`, `Mobile`, `Fax`.
    pub device: Text,
    /// ISO 3166 alpha-2.
    pub country: Text,
    /// The national number, digits only.
    pub digits: Text,
    pub extension: Option<Text>,
    #[serde(flatten)]
    pub usage: Usage,
}

impl Phone {
    pub fn reference(&self) -> String {
        format!("PHONE_REFERENCE-1-{}", self.number)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Email {
    /// Its `Email_ID` is `EMAIL_REFERENCE-1-n`.
    pub number: u32,
    pub address: Text,
    #[serde(flatten)]
    pub usage: Usage,
}

impl Email {
    pub fn reference(&self) -> String {
        format!("EMAIL_REFERENCE-1-{}", self.number)
    }
}

/// What a means of contact is for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// At work, or at home.
    pub work: bool,
    pub primary: bool,
    pub public: bool,
    /// `Communication_Usage_Behavior_ID`s: what it is used for in particular.
    pub used_for: Box<[Text]>,
}

impl Usage {
    /// Only one is primary at work, and one at home.
    pub fn displaced_by(&self, newer: &Usage) -> bool {
        self.primary && newer.primary && self.work == newer.work
    }
}

/// Another job beside the primary one.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The `Position_ID`.
    pub position: Text,
    pub title: Text,
    pub site: u16,
    pub start: Date,
    pub end: Option<Date>,
}

/// Work in another country for some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    pub job: Job,
    /// `International_Assignment_Type_ID`.
    pub kind: Text,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Termination {
    pub last_day: Date,
    /// A `Termination_Subcategory_ID`.
    pub reason: Text,
    pub involuntary: bool,
    pub regrettable: bool,
    pub eligible_for_rehire: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_and_events_are_small() {
        assert!(size_of::<Fact>() <= 24, "{}", size_of::<Fact>());
        assert!(size_of::<Event>() <= 56, "{}", size_of::<Event>());
    }

    #[test]
    fn every_process_has_a_name() {
        let all: Vec<Process> = serde_json::from_str(
            r#"["hire", "contract", "terminate", "end-contract", "change-job", "promote", "change-title",
                "change-organization", "change-legal-name", "change-preferred-name", "change-ids", "start-leave",
                "return", "add-job", "end-job", "start-assignment", "end-assignment", "change-work-contact",
                "change-home-contact"]"#,
        )
        .unwrap();
        assert_eq!(all.len(), NAMES.len());
        for process in all {
            assert!(is_type(process.name()), "{process:?}");
        }
    }
}
