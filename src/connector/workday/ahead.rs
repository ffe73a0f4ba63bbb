//! What is known of days to come, laid over a worker's record of today. Only this is brought forward, so that no future
//! title or place of work leaks: who will be hired, with everything as of the first day; who will be hired again, the
//! date, and where it begins; who leaves within a day, how and when.

use jiff::civil::Date;

use super::attributes::Definition;
use super::record::Record;
use crate::domain::value::Value;

/// Whose values are taken from which record, by the element of `Worker_Status_Data` that their XPaths select.
pub(super) struct Ahead {
    /// Those that are of today whatever comes.
    activity: Vec<String>,
    starts: Vec<String>,
    ends: Vec<String>,
}

const ACTIVITY: &[&str] = &["Active", "Active_Status_Date"];
const STARTS: &[&str] = &["Hire_Date", "First_Day_of_Work"];
/// Beside whatever has a termination in its name. `Terminated` is of today.
const ENDS: &[&str] = &["End_Employment_Date", "Resignation_Date", "Retirement_Date"];

/// What says from when to when somebody works here.
const WHEN: &[&str] = &[
    "Active",
    "Hire_Date",
    "First_Day_of_Work",
    "End_Employment_Date",
    "Termination_Date",
    "Termination_Last_Day_of_Work",
];

/// Whether an XPath selects something of that.
pub(super) fn says_when(xpath: &str) -> bool {
    element(xpath).is_some_and(|element| WHEN.contains(&element))
}

impl Ahead {
    pub fn new(definitions: &[Definition]) -> Ahead {
        let names = |is_meant: &dyn Fn(&str) -> bool| {
            let meant = definitions
                .iter()
                .filter(|it| element(&it.xpath).is_some_and(is_meant));
            meant.map(|it| it.name.clone()).collect()
        };
        Ahead {
            activity: names(&|element| ACTIVITY.contains(&element)),
            starts: names(&|element| STARTS.contains(&element)),
            ends: names(&|element| ENDS.contains(&element) || element.contains("Termination")),
        }
    }

    /// Lays the first day of an employment over today's record.
    pub fn hire(&self, record: &mut Record, first_day: Record, today: Date) {
        if first_day.hired.is_none_or(|day| day <= today) {
            // It was taken back in the meantime.
            return;
        }
        if record.hired.is_some_and(|day| day <= today) {
            lay(&self.starts, &first_day, record);
            record.hired = first_day.hired;
            record.first_day = Some(first_day.attributes);
            return;
        }
        record.hired = first_day.hired;
        record.is_rescinded = first_day.is_rescinded;
        let present = std::mem::replace(&mut record.attributes, first_day.attributes);
        for name in &self.activity {
            match present.get(name) {
                Some(value) => record.attributes.insert(name.clone(), value.clone()),
                None => record.attributes.remove(name),
            };
        }
    }

    /// Lays the end of an employment over today's record.
    pub fn leave(&self, record: &mut Record, afterwards: &Record) {
        if afterwards.last_day.is_some() {
            lay(&self.ends, afterwards, record);
            record.last_day = afterwards.last_day;
            record.reasons.clone_from(&afterwards.reasons);
        }
    }
}

fn lay(names: &[String], from: &Record, over: &mut Record) {
    for name in names {
        if let Some(value) = from.attributes.get(name).filter(|value| **value != Value::Null) {
            over.attributes.insert(name.clone(), value.clone());
        }
    }
}

/// The element of `Worker_Status_Data` that an XPath leads into.
fn element(xpath: &str) -> Option<&str> {
    let (_, rest) = xpath.split_once("wd:Worker_Status_Data/wd:")?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(&rest[..end.unwrap_or(rest.len())])
}

#[cfg(test)]
mod tests {
    use super::super::attributes::{Generation, documented};
    use super::*;

    fn ahead() -> Ahead {
        Ahead::new(&documented(Generation::V30))
    }

    fn record(hired: Option<&str>, attributes: &[(&str, &str)]) -> Record {
        let mut leaves = attributes
            .iter()
            .filter(|(name, _)| *name == "StatusTerminationDate");
        Record {
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_string(), Value::text(*value)))
                .collect(),
            active: Some(false),
            hired: hired.map(|day| day.parse().unwrap()),
            last_day: leaves.next().map(|(_, day)| day.parse().unwrap()),
            ..Record::new("a1")
        }
    }

    fn text(value: &Value) -> &str {
        match value {
            Value::Text(text) => text,
            _ => "",
        }
    }

    fn values(record: &Record) -> Vec<(&str, &str)> {
        let pairs = record.attributes.iter();
        pairs.map(|(name, value)| (name.as_str(), text(value))).collect()
    }

    #[test]
    fn a_new_hire_is_as_on_the_first_day_but_active_as_today() {
        let today: Date = "2026-01-18".parse().unwrap();
        let first_day = record(Some("2026-02-01"), &[("Active", "1"), ("BusinessTitle", "Guide")]);
        let mut present = record(None, &[("Active", "0"), ("FirstName", "Ada")]);
        ahead().hire(&mut present, first_day.clone(), today);
        assert_eq!(values(&present), [("Active", "0"), ("BusinessTitle", "Guide")]);
        assert_eq!(present.active, Some(false));
        let mut unseen = record(None, &[]);
        ahead().hire(&mut unseen, first_day, today);
        assert_eq!(values(&unseen), [("BusinessTitle", "Guide")]);
    }

    #[test]
    fn a_rehire_brings_forward_the_date_alone() {
        let today: Date = "2026-01-18".parse().unwrap();
        let mut present = record(Some("2020-01-01"), &[("Active", "0"), ("BusinessTitle", "Clerk")]);
        let first_day = record(
            Some("2026-02-01"),
            &[
                ("Active", "1"),
                ("BusinessTitle", "Chief"),
                ("StatusHireDate", "2026-02-01"),
            ],
        );
        ahead().hire(&mut present, first_day, today);
        assert_eq!(
            values(&present),
            [
                ("Active", "0"),
                ("BusinessTitle", "Clerk"),
                ("StatusHireDate", "2026-02-01")
            ]
        );
        let rescinded = record(Some("2020-01-01"), &[("StatusHireDate", "2020-01-01")]);
        ahead().hire(&mut present, rescinded, today);
        assert_eq!(values(&present).len(), 3);
    }

    #[test]
    fn who_leaves_is_said_to_and_nothing_else() {
        let mut present = record(Some("2020-01-01"), &[("Active", "1"), ("StatusTerminated", "0")]);
        let afterwards = record(
            Some("2020-01-01"),
            &[
                ("Active", "0"),
                ("StatusTerminated", "1"),
                ("StatusTerminationDate", "2026-01-18"),
                ("StatusTerminationLastDayOfWork", "2026-01-18"),
                ("BusinessTitle", "Former"),
            ],
        );
        ahead().leave(&mut present, &afterwards);
        assert_eq!(
            values(&present),
            [
                ("Active", "1"),
                ("StatusTerminated", "0"),
                ("StatusTerminationDate", "2026-01-18"),
                ("StatusTerminationLastDayOfWork", "2026-01-18"),
            ]
        );
        let stays = record(Some("2020-01-01"), &[("StatusTerminationLastDayOfWork", "")]);
        let before = values(&present).len();
        let mut same = present.clone();
        ahead().leave(&mut same, &stays);
        assert_eq!(values(&same).len(), before);
    }
}
