//! One worker of an answer as attributes by name, with what else is to be known of it.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::absence;
use super::answer::Worker;
use super::attributes::{self, Definition};
use super::response_group::{self, DataSet};
use super::tree::{Node, Tree};
use super::xpath::Evaluator;
use crate::domain::finding::{Finding, Weight};
use crate::domain::value::Value;
use crate::domain::worker::Attributes;

/// Types of transactions that make a worker.
const HIRES: [&str; 2] = ["Hire Employee", "Contract Contingent Worker"];
/// And by which one leaves.
const TERMINATIONS: [&str; 2] = ["Terminate Employee", "End Contingent Worker Contract"];

/// Where it says why a worker leaves.
const REASONS: [&str; 2] = [
    "Primary_Termination_Reason_Reference",
    "Primary_Termination_Category_Reference",
];

/// A worker, as of one day.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub wid: String,
    /// Those that the answer says something about, be it nothing. Where a whole data set is absent, nothing was said: the
    /// worker has none, or nobody may see it.
    pub attributes: Attributes,
    pub active: Option<bool>,
    /// What is the same in all records of one person (B20): the Worker_ID.
    pub person: Option<String>,
    pub hired: Option<Date>,
    pub is_rescinded: bool,
    /// The last day of work, else the day of the termination.
    pub last_day: Option<Date>,
    /// Identifiers of why the worker leaves.
    pub reasons: Vec<String>,
    /// A day after the one of the record on which an employment begins, if any; the hire date may be another one still.
    pub begins: Option<Date>,
    /// What will be true on that day, of somebody who was here before.
    pub first_day: Option<Attributes>,
    /// When employments end by the log, whatever became of it.
    pub ends: Vec<End>,
    pub findings: Vec<Finding>,
}

/// An entry of the log by which an employment may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub day: Date,
    /// It corrects something, perhaps the termination: nobody finds it who looks for terminations.
    pub is_correction: bool,
}

/// Reads workers with these attributes.
pub(super) struct Reader {
    pub attributes: attributes::Attributes,
    silences: Vec<Silence>,
}

/// When nothing selected means nothing said, for one attribute.
struct Silence {
    /// The request excludes what the XPath looks for.
    is_excluded: bool,
    data: Vec<DataSet>,
    needs_labels: bool,
}

impl Reader {
    /// `flags` are those of the requests.
    pub fn new(attributes: attributes::Attributes, flags: &[&'static str]) -> Reader {
        let group: Vec<(String, bool)> = flags.iter().map(|flag| ((*flag).to_string(), true)).collect();
        let silence = |Definition { xpath, .. }: &Definition| Silence {
            is_excluded: response_group::missing(xpath, Some(&group)).is_some(),
            data: response_group::data_sets(xpath).collect(),
            needs_labels: xpath.contains("@wd:Descriptor"),
        };
        Reader {
            silences: attributes.definitions().iter().map(silence).collect(),
            attributes,
        }
    }

    /// `None` for a worker without a WID: nobody can say who it is. `today` is the day of the record.
    pub fn read(&self, worker: Worker<'_>, evaluator: &mut Evaluator<'_>, today: Date) -> Option<Record> {
        let wid = worker.id("WID").map(str::trim).filter(|wid| !wid.is_empty())?;
        let tree = worker.tree;
        let mut record = Record::new(wid);
        self.select(tree, evaluator, &mut record);
        let data = tree.root().and_then(|root| tree.child(root, "Worker_Data"));
        if let Some(data) = data {
            record.look_at(tree, data, today);
        }
        Some(record)
    }

    fn select(&self, tree: &Tree, evaluator: &mut Evaluator<'_>, record: &mut Record) {
        let mut has_labels = None;
        let selected = evaluator.evaluate(tree).into_iter();
        let definitions = self.attributes.definitions().iter().zip(&self.silences);
        for ((definition, silence), values) in definitions.zip(selected) {
            let value = match values {
                Ok(values) if values.is_empty() => {
                    let mut labels = || *has_labels.get_or_insert_with(|| absence::has_descriptors(tree));
                    match silence.holds(tree, &mut labels) {
                        true => continue,
                        false => Value::Null,
                    }
                }
                Ok(values) => value(values),
                Err(error) => {
                    let message = format!("the XPath was given up: {error}");
                    let finding = Finding::new(Weight::Warning, "XPathTooCostly", message);
                    record.findings.push(finding.on(&definition.name));
                    continue;
                }
            };
            record.attributes.insert(definition.name.clone(), value);
        }
    }
}

impl Silence {
    fn holds(&self, tree: &Tree, has_labels: &mut dyn FnMut() -> bool) -> bool {
        self.is_excluded
            || self.data.iter().any(|data| absence::find(tree, *data).is_none())
            || (self.needs_labels && !has_labels())
    }
}

/// One text, or several.
fn value(mut values: Vec<Cow<'_, str>>) -> Value {
    let text = |text: Cow<'_, str>| Value::Text(text.into_owned());
    match values.len() {
        1 => values.pop().map_or(Value::Null, text),
        _ => Value::List(values.into_iter().map(text).collect()),
    }
}

impl Record {
    pub fn new(wid: &str) -> Record {
        Record {
            wid: wid.to_string(),
            attributes: Attributes::new(),
            active: None,
            person: None,
            hired: None,
            is_rescinded: false,
            last_day: None,
            reasons: Vec::new(),
            begins: None,
            first_day: None,
            ends: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// What counts whatever the mappings want.
    fn look_at(&mut self, tree: &Tree, data: Node, today: Date) {
        let said = |node: Option<Node>| {
            node.map(|node| tree.string(node).trim())
                .filter(|it| !it.is_empty())
        };
        self.person = said(tree.child(data, "Worker_ID")).map(str::to_string);
        if self.person.is_none() {
            let message =
                "Workday shows no Worker_ID: the integration user may not read it, or the worker has none";
            self.findings
                .push(Finding::new(Weight::Warning, "MissingWorkerID", message));
        }
        let employment = tree.child(data, "Employment_Data");
        let status = employment.and_then(|employment| tree.child(employment, "Worker_Status_Data"));
        let of_status = |name| said(status.and_then(|status| tree.child(status, name)));
        self.active = of_status("Active").map(is_true);
        let mut wrong = Vec::new();
        let mut day_of = |name| {
            let text = of_status(name)?;
            let day = date(text);
            if day.is_none() {
                let message = format!("{name} is '{text}', which is no date: correct it in Workday");
                wrong.push(Finding::new(Weight::Warning, "InvalidDate", message));
            }
            day
        };
        self.hired = day_of("Hire_Date");
        self.last_day = day_of("Termination_Last_Day_of_Work");
        if self.last_day.is_none() {
            self.last_day = day_of("Termination_Date");
        }
        self.findings.extend(wrong);
        self.is_rescinded = of_status("Hire_Rescinded").is_some_and(is_true);
        let references = REASONS.iter().filter_map(|name| tree.child(status?, name));
        let identifiers = references.flat_map(|reference| tree.elements(reference));
        self.reasons = identifiers.map(|id| tree.string(id).trim().to_string()).collect();
        let log = tree.child(data, "Transaction_Log_Entry_Data");
        let entries = log.map_or_else(Vec::new, |log| entries(tree, log));
        self.ends = ends(&entries);
        if !self.is_rescinded {
            self.begins = begins(&entries, today).or(self.hired.filter(|day| *day > today));
        }
    }
}

/// What the log says of a transaction that was not rescinded.
struct Entry {
    day: Date,
    is_hire: bool,
    is_termination: bool,
    /// It corrects another one, or was corrected by one. The type of what corrects has no published name.
    is_corrected: bool,
}

fn entries(tree: &Tree, log: Node) -> Vec<Entry> {
    let data = tree
        .elements(log)
        .filter_map(|entry| tree.child(entry, "Transaction_Log_Data"));
    data.filter_map(|entry| {
        let flag = |name| {
            tree.child(entry, name)
                .is_some_and(|node| is_true(tree.string(node)))
        };
        let kind = tree.child(entry, "Transaction_Log_Type_Reference");
        let is_one_of = |types: &[&str]| {
            kind.is_some_and(|kind| {
                tree.elements(kind)
                    .any(|id| types.contains(&tree.string(id).trim()))
            })
        };
        let moment = tree.child(entry, "Transaction_Effective_Moment")?;
        let logged = Entry {
            day: day(tree.string(moment))?,
            is_hire: is_one_of(&HIRES),
            is_termination: is_one_of(&TERMINATIONS),
            is_corrected: flag("Is_Correction_Or_Corrected"),
        };
        (!flag("Is_Rescind_Or_Rescinded")).then_some(logged)
    })
    .collect()
}

/// The last day after today on which an employment begins by the log. What was corrected may begin on the day of the
/// correction.
fn begins(entries: &[Entry], today: Date) -> Option<Date> {
    let is_hired = entries.iter().any(|entry| entry.is_hire);
    let may_begin = entries.iter().filter(|entry| entry.is_hire || entry.is_corrected);
    may_begin
        .map(|entry| entry.day)
        .filter(|day| is_hired && *day > today)
        .max()
}

fn ends(entries: &[Entry]) -> Vec<End> {
    if !entries.iter().any(|entry| entry.is_termination) {
        return Vec::new();
    }
    let may_end = entries
        .iter()
        .filter(|entry| entry.is_termination || (entry.is_corrected && !entry.is_hire));
    may_end
        .map(|entry| End {
            day: entry.day,
            is_correction: !entry.is_termination,
        })
        .collect()
}

fn is_true(text: &str) -> bool {
    matches!(text.trim(), "1" | "true")
}

/// A date of Workday's, which may have an offset.
fn date(text: &str) -> Option<Date> {
    text.trim().get(..10)?.parse().ok()
}

/// The day there on which a moment lies.
fn day(moment: &str) -> Option<Date> {
    match moment.trim().parse::<Timestamp>() {
        Ok(at) => Some(pacific_day(at)),
        Err(_) => date(moment),
    }
}

/// The day in Pacific time, in which Workday judges everything that has a date.
pub(super) fn pacific_day(at: Timestamp) -> Date {
    let zone = TimeZone::get("America/Los_Angeles").unwrap_or(TimeZone::UTC);
    zone.to_datetime(at).date()
}

#[cfg(test)]
mod tests {
    use super::super::answer::Answer;
    use super::super::xml::Limits;
    use super::*;

    const TODAY: &str = "2026-01-18";

    fn definition(name: &str, path: &str) -> Definition {
        Definition {
            name: name.into(),
            xpath: format!("wd:Worker/{path}"),
        }
    }

    fn read(data: &str) -> Option<Record> {
        let attributes = attributes::Attributes::compile(vec![
            definition("Emails", "wd:Worker_Data/wd:Personal_Data/wd:Email/text()"),
            definition("Skill", "wd:Worker_Data/wd:Skill_Data/wd:Skill/text()"),
            definition(
                "Company",
                "wd:Worker_Data/wd:Organization_Data/wd:O[wd:T='COMPANY']/text()",
            ),
            definition(
                "Label",
                "wd:Worker_Data/wd:Personal_Data/wd:A_Reference/@wd:Descriptor",
            ),
        ]);
        let attributes = attributes.unwrap_or_else(|problems| panic!("{problems:?}"));
        let flags = [
            "Include_Personal_Information",
            "Include_Organizations",
            "Exclude_Companies",
            "Include_Skills",
        ];
        let reader = Reader::new(attributes, &flags);
        let xml = format!(
            "<wd:Get_Workers_Response xmlns:wd='urn:com.workday/bsvc'><wd:Response_Data><wd:Worker>{data}</wd:Worker>\
             </wd:Response_Data></wd:Get_Workers_Response>"
        );
        let names = reader.attributes.xpaths().names();
        let mut answer = Answer::open(xml.as_bytes(), names, Limits::default()).unwrap();
        let worker = answer.worker().unwrap().unwrap();
        reader.read(worker, &mut reader.attributes.evaluator(), TODAY.parse().unwrap())
    }

    fn of_data(data: &str) -> Record {
        read(&format!(
            "<wd:Worker_Reference><wd:ID wd:type='WID'>a1</wd:ID></wd:Worker_Reference><wd:Worker_Data>{data}</wd:Worker_Data>"
        ))
        .unwrap()
    }

    #[test]
    fn nothing_selected_is_nothing_said_where_the_data_are_absent() {
        let record = of_data("<wd:Personal_Data/><wd:Organization_Data/>");
        assert_eq!(
            record.attributes,
            Attributes::from([("Emails".into(), Value::Null)])
        );
        let labelled = of_data("<wd:Personal_Data><wd:B_Reference wd:Descriptor='B'/></wd:Personal_Data>");
        assert_eq!(labelled.attributes["Label"], Value::Null);
        assert_eq!(record.findings[0].code, "MissingWorkerID");
    }

    #[test]
    fn several_values_are_a_list() {
        let record = of_data(
            "<wd:Worker_ID>1</wd:Worker_ID><wd:Personal_Data><wd:Email>a</wd:Email><wd:Email>b</wd:Email></wd:Personal_Data>\
             <wd:Skill_Data><wd:Skill>x</wd:Skill></wd:Skill_Data>",
        );
        assert_eq!(
            record.attributes["Emails"],
            Value::List(vec!["a".into(), "b".into()])
        );
        assert_eq!(record.attributes["Skill"], Value::text("x"));
        assert_eq!(record.findings, []);
    }

    #[test]
    fn who_has_no_wid_is_nobody() {
        assert!(read("<wd:Worker_Data/>").is_none());
        assert!(read("<wd:Worker_Reference><wd:ID wd:type='WID'> </wd:ID></wd:Worker_Reference>").is_none());
    }

    #[test]
    fn an_employment_that_begins_later_is_found_in_the_log() {
        let entry = |kind: &str, moment: &str, flag: &str| {
            format!(
                "<wd:Transaction_Log_Entry><wd:Transaction_Log_Data><wd:Transaction_Effective_Moment>{moment}\
                 </wd:Transaction_Effective_Moment><wd:Transaction_Log_Type_Reference>\
                 <wd:ID wd:type='Business_Process_Type'>{kind}</wd:ID></wd:Transaction_Log_Type_Reference>\
                 <wd:{flag}>1</wd:{flag}></wd:Transaction_Log_Data></wd:Transaction_Log_Entry>"
            )
        };
        let (hire, soon) = ("Hire Employee", "2026-02-01T00:00:00.000-08:00");
        let log = |entries: &[String]| {
            of_data(&format!(
                "<wd:Transaction_Log_Entry_Data>{}</wd:Transaction_Log_Entry_Data>",
                entries.concat()
            ))
            .begins
            .map(|day| day.to_string())
        };
        assert_eq!(log(&[entry(hire, soon, "X")]).as_deref(), Some("2026-02-01"));
        assert_eq!(
            log(&[entry(hire, "2026-02-01T08:00:00Z", "X")]).as_deref(),
            Some("2026-02-01")
        );
        assert_eq!(log(&[entry(hire, "2026-01-18T08:00:00Z", "X")]), None);
        assert_eq!(log(&[entry(hire, soon, "Is_Rescind_Or_Rescinded")]), None);
        assert_eq!(log(&[entry("Change Job", soon, "X")]), None);
        let corrected = "Is_Correction_Or_Corrected";
        let later = entry("Correct", "2026-03-01T00:00:00.000-08:00", corrected);
        assert_eq!(
            log(&[entry(hire, soon, corrected), later]).as_deref(),
            Some("2026-03-01")
        );
    }

    #[test]
    fn an_employment_may_end_on_the_day_of_a_correction() {
        let entry = |kind: &str, moment: &str, flag: &str| {
            format!(
                "<wd:Transaction_Log_Entry><wd:Transaction_Log_Data><wd:Transaction_Effective_Moment>{moment}\
                 </wd:Transaction_Effective_Moment><wd:Transaction_Log_Type_Reference>\
                 <wd:ID wd:type='Business_Process_Type'>{kind}</wd:ID></wd:Transaction_Log_Type_Reference>\
                 <wd:{flag}>1</wd:{flag}></wd:Transaction_Log_Data></wd:Transaction_Log_Entry>"
            )
        };
        let ends = |entries: &[String]| -> Vec<(String, bool)> {
            let log = entries.concat();
            let record = of_data(&format!(
                "<wd:Transaction_Log_Entry_Data>{log}</wd:Transaction_Log_Entry_Data>"
            ));
            let told = |end: &End| (end.day.to_string(), end.is_correction);
            record.ends.iter().map(told).collect()
        };
        let (soon, later) = ("2026-02-01T00:00:00.000-08:00", "2026-03-01T00:00:00.000-08:00");
        let corrected = "Is_Correction_Or_Corrected";
        let left = |flag| entry("Terminate Employee", soon, flag);
        let correction = || entry("Correct", later, corrected);
        assert_eq!(ends(&[left("X")]), [("2026-02-01".into(), false)]);
        assert_eq!(
            ends(&[left(corrected), correction()]),
            [("2026-02-01".into(), false), ("2026-03-01".into(), true)]
        );
        assert_eq!(ends(&[left("Is_Rescind_Or_Rescinded"), correction()]), []);
        let hired = entry("Hire Employee", soon, corrected);
        assert_eq!(ends(&[hired, correction()]), []);
    }

    #[test]
    fn the_status_says_what_counts() {
        let record = of_data(
            "<wd:Employment_Data><wd:Worker_Status_Data><wd:Active>0</wd:Active><wd:Hire_Date>2026-03-01-08:00</wd:Hire_Date>\
             <wd:Termination_Date>2026-01-01</wd:Termination_Date></wd:Worker_Status_Data></wd:Employment_Data>",
        );
        assert_eq!(record.active, Some(false));
        assert_eq!(record.last_day, Some("2026-01-01".parse().unwrap()));
        assert_eq!(record.hired, record.begins);
        assert_eq!(record.hired, Some("2026-03-01".parse().unwrap()));
    }

    #[test]
    fn a_date_that_does_not_exist_is_told_and_another_is_taken() {
        let record = of_data(
            "<wd:Worker_ID>1</wd:Worker_ID><wd:Employment_Data><wd:Worker_Status_Data><wd:Active>1</wd:Active>\
             <wd:Hire_Date>2026-02-30</wd:Hire_Date><wd:Termination_Last_Day_of_Work>soon</wd:Termination_Last_Day_of_Work>\
             <wd:Termination_Date>2026-03-31</wd:Termination_Date></wd:Worker_Status_Data></wd:Employment_Data>",
        );
        assert_eq!((record.active, record.hired), (Some(true), None));
        assert_eq!(record.last_day, Some("2026-03-31".parse().unwrap()));
        let told: Vec<&str> = record.findings.iter().map(|one| one.message.as_str()).collect();
        assert!(
            told[0].contains("2026-02-30") && told[1].contains("soon"),
            "{told:?}"
        );
        assert!(record.findings.iter().all(|one| one.code == "InvalidDate"));
    }
}
