//! Scoping filters: does this worker belong to this job at all.
//!
//! Groups are alternatives, the clauses of a group must all hold, and no filter means everybody. Clauses test
//! source attributes before any mapping. A clause about an attribute without a value is false, negated ones
//! included; only `IS NULL` is true of nothing. Input filters differ in that: there nothing passes negated tests. Of
//! several values all have to pass, as the service's operators say of themselves (`All`). A search that is given up passes
//! nothing, negated or not. What a clause makes of a value that was said and not kept (B33) nobody can say.

use super::expression::pattern::Pattern;
use super::schema::{Filter, FilterClause, FilterGroup, TargetOperand};
use super::value::Value;
use super::worker::Worker;
use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Whoever none of these lets through is not looked at (Graph's inputFilterGroups).
    input: Vec<Group>,
    groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq)]
struct Group {
    name: String,
    clauses: Vec<Clause>,
}

#[derive(Clone, Debug, PartialEq)]
struct Clause {
    attribute: String,
    operator: &'static Operator,
    operands: Vec<Operand>,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Text(String),
    /// With the text that it was made of.
    Pattern(Box<Pattern>, String),
}

/// One row per operator: its name on the wire (case and `_` do not matter) and when it is true.
#[derive(Debug)]
struct Operator {
    name: &'static str,
    /// How Graph writes it.
    wire: &'static str,
    /// The attribute types that it is offered for.
    types: &'static [&'static str],
    form: Form,
}

impl PartialEq for Operator {
    fn eq(&self, other: &Operator) -> bool {
        self.name == other.name
    }
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Unary(fn(Option<&Value>) -> bool),
    /// True when any of the operands matches.
    Any(Test),
    /// True when none does.
    NoneOf(Test),
}

/// Whether a value passes with an operand; `None` where that cannot be said.
type Test = fn(&str, &Operand) -> Option<bool>;

const TEXTS: &[&str] = &["Integer", "String"];
const NUMBERS: &[&str] = &["Integer"];
const TEXT: &[&str] = &["String"];
const FLAGS: &[&str] = &["Boolean"];
const ALL: &[&str] = &["Integer", "String", "Binary", "Boolean"];

#[rustfmt::skip]
const OPERATORS: &[Operator] = &[
    Operator { name: "EQUALS",                 wire: "EQUALS",                 types: TEXTS,   form: Form::Any(equals) },
    Operator { name: "NOT EQUALS",             wire: "NOT EQUALS",             types: TEXTS,   form: Form::NoneOf(equals) },
    Operator { name: "IS TRUE",                wire: "IS TRUE",                types: FLAGS,   form: Form::Unary(|value| value.and_then(Value::to_bool) == Some(true)) },
    Operator { name: "IS FALSE",               wire: "IS FALSE",               types: FLAGS,   form: Form::Unary(|value| value.and_then(Value::to_bool) == Some(false)) },
    Operator { name: "IS NULL",                wire: "IS NULL",                types: ALL,     form: Form::Unary(|value| value.is_none_or(Value::is_empty)) },
    Operator { name: "IS NOT NULL",            wire: "IS NOT NULL",            types: ALL,     form: Form::Unary(|value| value.is_some_and(|value| !value.is_empty())) },
    Operator { name: "REGEX MATCH",            wire: "REGEX MATCH",            types: TEXTS,   form: Form::Any(matches) },
    Operator { name: "NOT REGEX MATCH",        wire: "NOT REGEX MATCH",        types: TEXTS,   form: Form::NoneOf(matches) },
    Operator { name: "GREATER THAN",           wire: "GREATER_THAN",           types: NUMBERS, form: Form::Any(|left, right| Some(integers(left, right).is_some_and(|(l, r)| l > r))) },
    Operator { name: "GREATER THAN OR EQUALS", wire: "GREATER_THAN_OR_EQUALS", types: NUMBERS, form: Form::Any(|left, right| Some(integers(left, right).is_some_and(|(l, r)| l >= r))) },
    Operator { name: "INCLUDES",               wire: "INCLUDES",               types: TEXT,    form: Form::Any(|left, right| Some(right.text().is_some_and(|right| left.contains(right)))) },
    Operator { name: "ENDS WITH",              wire: "ENDS_WITH",              types: TEXT,    form: Form::Any(|left, right| Some(right.text().is_some_and(|right| left.ends_with(right)))) },
    Operator { name: "&",                      wire: "&",                      types: NUMBERS, form: Form::Any(|left, right| Some(integers(left, right).is_some_and(|(l, r)| l & r != 0))) },
    Operator { name: "!&",                     wire: "!&",                     types: NUMBERS, form: Form::NoneOf(|left, right| Some(integers(left, right).is_none_or(|(l, r)| l & r != 0))) },
];

/// Every operator: its name, whether it compares with a value, and the attribute types it is offered for.
pub fn operators() -> impl Iterator<Item = (&'static str, bool, &'static [&'static str])> {
    OPERATORS
        .iter()
        .map(|one| (one.wire, !matches!(one.form, Form::Unary(_)), one.types))
}

impl Scope {
    /// Compiles a schema's filter. Every clause that cannot be understood is named: where it stands in the filter
    /// (`groups[0].clauses[1].operatorName`), and what is wrong with it.
    pub fn compile(filter: Option<&Filter>) -> Result<Scope, Vec<(String, String)>> {
        let mut problems = Vec::new();
        let mut groups = |member: &str, list: fn(&Filter) -> &[FilterGroup]| -> Vec<Group> {
            let written = filter.map(list).unwrap_or_default().iter().enumerate();
            written
                .map(|(at, group)| self::group(group, &format!("{member}[{at}]"), &mut problems))
                .collect()
        };
        let scope = Scope {
            input: groups("inputFilterGroups", |filter| &filter.input_filter_groups),
            groups: groups("groups", |filter| &filter.groups),
        };
        if problems.is_empty() {
            Ok(scope)
        } else {
            Err(problems)
        }
    }

    /// Whom clauses let through that are written as people read them, `Department EQUALS Sales`, all of them together.
    pub fn written(clauses: &[String]) -> Result<Scope, String> {
        let clauses = clauses.iter().map(|text| {
            let written = read(text).ok_or_else(|| {
                let names: Vec<&str> = OPERATORS.iter().map(|row| row.name).collect();
                format!(
                    "'{text}' is no filter like 'Department EQUALS Sales': an attribute of HR's, one of {}, and a value",
                    names.join(", ")
                )
            })?;
            clause(&written).map_err(|(_, problem)| problem)
        });
        let clauses = clauses.collect::<Result<Vec<_>, String>>()?;
        Ok(Scope {
            input: Vec::new(),
            groups: vec![Group {
                name: String::new(),
                clauses,
            }],
        })
    }

    /// The attributes that decide who is in scope, each once for input filters (`true`) and for groups.
    pub fn attributes(&self) -> Vec<(&str, bool)> {
        let lists = [(&self.groups, false), (&self.input, true)];
        let clauses = lists.into_iter().flat_map(|(groups, is_input)| {
            let clauses = groups.iter().flat_map(|group| &group.clauses);
            clauses.map(move |clause| (clause.attribute.as_str(), is_input))
        });
        let mut names: Vec<(&str, bool)> = clauses.collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether the filters alone say that nobody is in both scopes.
    pub fn excludes(&self, other: &Scope) -> bool {
        excludes(&self.groups, &other.groups) || excludes(&self.input, &other.input)
    }

    /// `Ok` when the worker is looked at, otherwise the names of the filters that drop them: nothing is done to whoever
    /// is dropped, not even what leaving the scope would do.
    pub fn reads(&self, worker: &Worker) -> Result<(), String> {
        any(&self.input, worker, Nothing::PassesNegations)
    }

    /// `Ok` when the worker is in scope; otherwise the names of the filters that turned them away.
    pub fn admits(&self, worker: &Worker) -> Result<(), String> {
        any(&self.groups, worker, Nothing::PassesNone)
    }

    /// Both let the worker in.
    pub fn lets_in(&self, worker: &Worker) -> bool {
        self.reads(worker).is_ok() && self.admits(worker).is_ok()
    }

    /// The attributes that were said and not kept (B33) for lack of which nobody can say whether the worker is let in: then
    /// neither [`Scope::reads`] nor [`Scope::admits`] says that the worker is, and neither knows that he or she is not.
    pub fn undecided(&self, worker: &Worker) -> Vec<&str> {
        let lists = [
            (&self.input, Nothing::PassesNegations),
            (&self.groups, Nothing::PassesNone),
        ];
        let decisive = lists
            .into_iter()
            .map(|(groups, nothing)| (groups, verdict(groups, worker, nothing)))
            .find(|(_, verdict)| *verdict != Some(true));
        let Some((groups, None)) = decisive else {
            return Vec::new();
        };
        let clauses = groups.iter().flat_map(|group| &group.clauses);
        let unkept = clauses.filter(|clause| clause.is_unkept_of(worker));
        let mut names: Vec<&str> = unkept.map(|clause| clause.attribute.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The filters turn the worker away, whatever was not kept.
    pub fn refuses(&self, worker: &Worker) -> bool {
        (self.reads(worker).is_err() || self.admits(worker).is_err()) && self.undecided(worker).is_empty()
    }
}

/// A clause that turned a worker away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The name of the filter.
    pub filter: String,
    /// An input filter: whoever it drops is not looked at.
    pub is_input: bool,
    pub attribute: String,
    /// As Graph writes it.
    pub operator: &'static str,
    /// What it compares with.
    pub operands: Vec<String>,
    /// What HR says; `None` where it never said anything, or nobody kept it.
    pub value: Option<Vec<String>>,
    /// HR said something, and nobody kept it (B33).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_kept: bool,
}

impl Scope {
    /// The clauses that turned a worker away, or might if one knew; none where he or she is let in.
    pub fn refusals(&self, worker: &Worker) -> Vec<Refusal> {
        let of = |groups: &[Group], is_input, nothing| -> Vec<Refusal> {
            let refused = groups.iter().flat_map(|group| {
                let clauses = group.clauses.iter();
                let refusing = clauses.filter(|one| one.admits(worker, nothing) != Some(true));
                refusing.map(move |clause| clause.refusal(&group.name, is_input, worker))
            });
            refused.collect()
        };
        if self.reads(worker).is_err() {
            return of(&self.input, true, Nothing::PassesNegations);
        }
        match self.admits(worker) {
            Ok(()) => Vec::new(),
            Err(_) => of(&self.groups, false, Nothing::PassesNone),
        }
    }
}

/// What a comparison makes of an attribute without a value. Filters at the source let it pass negated tests, as the filters
/// that ship with directory sources need; those of the scope let it pass none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nothing {
    PassesNone,
    PassesNegations,
}

fn any(groups: &[Group], worker: &Worker, nothing: Nothing) -> Result<(), String> {
    if verdict(groups, worker, nothing) == Some(true) {
        return Ok(());
    }
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    Err(names.join(", "))
}

/// Whether one of the groups lets the worker in; `None` where that hangs on what was not kept.
fn verdict(groups: &[Group], worker: &Worker, nothing: Nothing) -> Option<bool> {
    match groups.is_empty() {
        true => Some(true),
        false => one_of(groups.iter().map(|group| group.admits(worker, nothing))),
    }
}

/// Whether one is true; `None` where one might be.
fn one_of(verdicts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all_known = true;
    for verdict in verdicts {
        match verdict {
            Some(true) => return Some(true),
            Some(false) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(false)
}

fn group(written: &FilterGroup, path: &str, problems: &mut Vec<(String, String)>) -> Group {
    let clauses = written.clauses.iter().enumerate().filter_map(|(at, clause)| {
        self::clause(clause)
            .map_err(|(member, problem)| problems.push((format!("{path}.clauses[{at}].{member}"), problem)))
            .ok()
    });
    Group {
        clauses: clauses.collect(),
        name: written.name.clone().unwrap_or_default(),
    }
}

fn excludes(some: &[Group], others: &[Group]) -> bool {
    let contradict = |one: &Group, other: &Group| {
        let mut clauses = one.clauses.iter();
        clauses.any(|one| other.clauses.iter().any(|other| one.contradicts(other)))
    };
    let is_everybody = some.is_empty() || others.is_empty();
    !is_everybody
        && some
            .iter()
            .all(|one| others.iter().all(|other| contradict(one, other)))
}

impl Group {
    fn admits(&self, worker: &Worker, nothing: Nothing) -> Option<bool> {
        let clauses = self.clauses.iter();
        let refused = clauses.map(|clause| clause.admits(worker, nothing).map(|admits| !admits));
        one_of(refused).map(|refused| !refused)
    }
}

impl Clause {
    fn refusal(&self, filter: &str, is_input: bool, worker: &Worker) -> Refusal {
        let operands = self.operands.iter().map(|operand| operand.written().to_string());
        Refusal {
            filter: filter.to_string(),
            is_input,
            attribute: self.attribute.clone(),
            operator: self.operator.wire,
            operands: operands.collect(),
            value: worker.attributes.get(&self.attribute).map(Value::to_texts),
            not_kept: self.is_unkept_of(worker),
        }
    }

    fn is_unkept_of(&self, worker: &Worker) -> bool {
        worker.unkept.contains(&self.attribute) && !worker.attributes.contains_key(&self.attribute)
    }

    fn admits(&self, worker: &Worker, nothing: Nothing) -> Option<bool> {
        let value = worker.attributes.get(&self.attribute);
        (!self.is_unkept_of(worker)).then(|| self.holds(value, nothing))
    }

    fn holds(&self, value: Option<&Value>, nothing: Nothing) -> bool {
        match self.operator.form {
            Form::Unary(test) => test(value),
            Form::Any(test) => {
                let passing = self.passing(value, test);
                !passing.is_empty() && passing.iter().all(|one| *one == Some(true))
            }
            Form::NoneOf(test) => match self.passing(value, test).as_slice() {
                [] => nothing == Nothing::PassesNegations,
                passing => passing.iter().all(|one| *one == Some(false)),
            },
        }
    }
}

impl Clause {
    /// Nobody passes both, since each says that of one attribute which the other denies.
    fn contradicts(&self, other: &Clause) -> bool {
        let names = (self.operator.name, other.operator.name);
        let is_part =
            |some: &Clause, all: &Clause| some.operands.iter().all(|one| all.operands.contains(one));
        self.attribute == other.attribute
            && match names {
                ("EQUALS", "EQUALS") => !self.operands.iter().any(|one| other.operands.contains(one)),
                ("EQUALS", "NOT EQUALS") | ("REGEX MATCH", "NOT REGEX MATCH") => is_part(self, other),
                ("NOT EQUALS", "EQUALS") | ("NOT REGEX MATCH", "REGEX MATCH") => is_part(other, self),
                ("IS TRUE", "IS FALSE") | ("IS FALSE", "IS TRUE") => true,
                ("IS NULL", other) => other != "IS NULL",
                (other, "IS NULL") => other != "IS NULL",
                _ => false,
            }
    }

    /// Of each of the attribute's values, whether it passes with any operand; `None` where that cannot be said.
    fn passing(&self, value: Option<&Value>, test: Test) -> Vec<Option<bool>> {
        let passes = |text: &str| {
            let found: Vec<Option<bool>> = self.operands.iter().map(|one| test(text, one)).collect();
            match found.contains(&Some(true)) {
                true => Some(true),
                false if found.contains(&None) => None,
                false => Some(false),
            }
        };
        match value.filter(|value| !value.is_empty()) {
            None => Vec::new(),
            Some(Value::List(items)) => {
                let items = items.iter().flat_map(|item| self.passing(Some(item), test));
                items.collect()
            }
            Some(single) => single.to_text().map(|text| passes(&text)).into_iter().collect(),
        }
    }
}

impl Operand {
    fn text(&self) -> Option<&str> {
        match self {
            Operand::Text(text) => Some(text),
            Operand::Pattern(..) => None,
        }
    }

    fn written(&self) -> &str {
        match self {
            Operand::Text(text) | Operand::Pattern(_, text) => text,
        }
    }
}

/// The operator whose name comes first in a text, the longest of several there, with what stands before and behind it.
fn read(text: &str) -> Option<FilterClause> {
    let upper = text.to_ascii_uppercase();
    let found = OPERATORS.iter().filter_map(|row| {
        let padded = format!(" {} ", row.name);
        let at = upper.find(&padded).or_else(|| {
            let ends = upper.ends_with(padded.trim_end());
            ends.then(|| upper.len() - (padded.len() - 1))
        })?;
        Some((at, std::cmp::Reverse(row.name.len()), row))
    });
    let (at, _, row) = found.min_by_key(|(at, length, _)| (*at, *length))?;
    let value = text.get(at + row.name.len() + 2..).unwrap_or_default().trim();
    let values = (!value.is_empty()).then(|| vec![value.to_string()]);
    let attribute = text[..at].trim();
    (!attribute.is_empty()).then(|| FilterClause {
        operator_name: row.name.to_string(),
        source_operand_name: attribute.to_string(),
        target_operand: values.map(|values| TargetOperand { values }),
    })
}

/// A clause that cannot be understood is named by its member.
fn clause(written: &FilterClause) -> Result<Clause, (&'static str, String)> {
    let wanted = written.operator_name.replace('_', " ").to_uppercase();
    let attribute = &written.source_operand_name;
    let operator = OPERATORS.iter().find(|row| row.name == wanted).ok_or_else(|| {
        let names: Vec<&str> = OPERATORS.iter().map(|row| row.wire).collect();
        let message = format!(
            "there is no operator '{}': use one of {}",
            written.operator_name,
            names.join(", ")
        );
        ("operatorName", message)
    })?;
    let takes_pattern = operator.name.ends_with("REGEX MATCH");
    let values = written.target_operand.iter().flat_map(|operand| &operand.values);
    let operands = values
        .map(|value| match takes_pattern {
            true => Pattern::compile(value)
                .map(|pattern| Operand::Pattern(Box::new(pattern), value.clone()))
                .map_err(|error| format!("the pattern '{value}' on {attribute} does not compile: {error}")),
            false => Ok(Operand::Text(value.clone())),
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|problem| ("targetOperand.values", problem))?;
    if !matches!(operator.form, Form::Unary(_)) && operands.is_empty() {
        let message = format!("{} on {attribute} needs a value to compare with", operator.name);
        return Err(("targetOperand", message));
    }
    Ok(Clause {
        attribute: attribute.clone(),
        operator,
        operands,
    })
}

fn equals(left: &str, right: &Operand) -> Option<bool> {
    Some(right.text() == Some(left))
}

/// A search that runs away is given up.
fn matches(left: &str, right: &Operand) -> Option<bool> {
    match right {
        Operand::Pattern(pattern, _) => pattern.is_match(left).ok(),
        Operand::Text(_) => Some(false),
    }
}

fn integers(left: &str, right: &Operand) -> Option<(i64, i64)> {
    Some((left.parse().ok()?, right.text()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(operator: &str, operand: Option<&str>, value: Option<Value>) -> bool {
        let clause = FilterClause {
            operator_name: operator.into(),
            source_operand_name: "a".into(),
            target_operand: operand.map(|value| TargetOperand {
                values: vec![value.into()],
            }),
        };
        let group = FilterGroup {
            name: Some("g".into()),
            clauses: vec![clause],
        };
        let scope = Scope::compile(Some(&Filter {
            groups: vec![group],
            ..Filter::default()
        }))
        .unwrap();
        let mut worker = Worker::new("1");
        if let Some(value) = value {
            worker.attributes.insert("a".into(), value);
        }
        scope.admits(&worker).is_ok()
    }

    #[test]
    fn each_operator_is_true_when_the_documentation_says_so() {
        for (operator, operand, value, expected) in [
            ("EQUALS", Some("US"), Some("US".into()), true),
            ("EQUALS", Some("US"), Some("us".into()), false),
            ("NOT EQUALS", Some("US"), Some("DE".into()), true),
            ("NOT EQUALS", Some("US"), None, false),
            ("IS TRUE", None, Some(Value::text("True")), true),
            ("IS FALSE", None, Some(Value::Bool(false)), true),
            ("IS NULL", None, None, true),
            ("IS NULL", None, Some("".into()), true),
            ("IS NOT NULL", None, Some(Value::Null), false),
            ("REGEX MATCH", Some("^1[0-9]$"), Some("17".into()), true),
            ("NOT REGEX MATCH", Some("^x"), Some(Value::Null), false),
            ("Greater_Than", Some("5"), Some(Value::Integer(6)), true),
            ("GREATER_THAN_OR_EQUALS", Some("5"), Some("5".into()), true),
            ("Includes", Some("ell"), Some("Hello".into()), true),
            ("ENDS_WITH", Some("lo"), Some("Hello".into()), true),
            (
                "EQUALS",
                Some("b"),
                Some(Value::List(vec!["a".into(), "b".into()])),
                false,
            ),
            (
                "EQUALS",
                Some("b"),
                Some(Value::List(vec!["b".into(), "b".into()])),
                true,
            ),
            (
                "NOT EQUALS",
                Some("b"),
                Some(Value::List(vec!["a".into(), "b".into()])),
                false,
            ),
            (
                "NOT EQUALS",
                Some("c"),
                Some(Value::List(vec!["a".into(), "b".into()])),
                true,
            ),
            ("&", Some("6"), Some("2".into()), true),
            ("!&", Some("6"), Some("8".into()), true),
        ] {
            assert_eq!(
                admitted(operator, operand, value.clone()),
                expected,
                "{operator} {operand:?} {value:?}"
            );
        }
    }

    #[test]
    fn nothing_passes_negated_tests_of_input_filters_only() {
        let clause = FilterClause {
            operator_name: "NOT REGEX MATCH".into(),
            source_operand_name: "adminDescription".into(),
            target_operand: Some(TargetOperand {
                values: vec!["^User_".into()],
            }),
        };
        let group = FilterGroup {
            name: None,
            clauses: vec![clause],
        };
        let scope = Scope::compile(Some(&Filter {
            groups: vec![group.clone()],
            input_filter_groups: vec![group],
            ..Filter::default()
        }))
        .unwrap();
        let worker = Worker::new("1");
        assert!(scope.reads(&worker).is_ok());
        assert!(scope.admits(&worker).is_err());
        assert_eq!(
            scope.attributes(),
            [("adminDescription", false), ("adminDescription", true)]
        );
    }

    #[test]
    fn b33_what_was_said_and_not_kept_lets_nobody_in_and_turns_nobody_away() {
        let clause = |attribute: &str, operator: &str| FilterClause {
            operator_name: operator.into(),
            source_operand_name: attribute.into(),
            target_operand: Some(TargetOperand {
                values: vec!["Sales".into()],
            }),
        };
        let group = |clauses: Vec<FilterClause>| FilterGroup {
            name: Some("g".into()),
            clauses,
        };
        let mut worker = Worker::new("1");
        worker.unkept.insert("unit".into());
        worker.attributes.insert("city".into(), "Rome".into());
        worker.attributes.insert("team".into(), "Sales".into());
        let (unit, null, other) = (
            clause("unit", "EQUALS"),
            clause("unit", "IS NULL"),
            clause("unit", "NOT EQUALS"),
        );
        let (city, team) = (clause("city", "EQUALS"), clause("team", "EQUALS"));
        for (what, groups, undecided) in [
            ("a comparison", vec![group(vec![unit.clone()])], true),
            ("that it is nothing", vec![group(vec![null])], true),
            ("a negation", vec![group(vec![other])], true),
            (
                "another that fails",
                vec![group(vec![unit.clone(), city.clone()])],
                false,
            ),
            (
                "another that holds",
                vec![group(vec![unit.clone(), team.clone()])],
                true,
            ),
            (
                "another way in",
                vec![group(vec![unit.clone()]), group(vec![team])],
                false,
            ),
            (
                "no other way in",
                vec![group(vec![unit]), group(vec![city])],
                true,
            ),
        ] {
            let names: &[&str] = if undecided { &["unit"] } else { &[] };
            let filter = Filter {
                groups: groups.clone(),
                ..Filter::default()
            };
            let scope = Scope::compile(Some(&filter)).unwrap();
            assert_eq!(scope.undecided(&worker), names, "{what}");
            assert_eq!(scope.admits(&worker).is_ok(), what == "another way in", "{what}");
            assert_eq!(scope.refuses(&worker), what == "another that fails", "{what}");
            let filter = Filter {
                input_filter_groups: groups,
                ..Filter::default()
            };
            let scope = Scope::compile(Some(&filter)).unwrap();
            assert_eq!(scope.undecided(&worker), names, "{what}, of an input filter");
            assert_eq!(scope.reads(&worker).is_ok(), what == "another way in", "{what}");
            assert_eq!(
                scope.refusals(&worker).iter().any(|one| one.not_kept),
                what != "another way in",
                "{what}"
            );
        }
        worker.unkept.clear();
        let filter = Filter {
            groups: vec![group(vec![clause("unit", "IS NULL")])],
            ..Filter::default()
        };
        let scope = Scope::compile(Some(&filter)).unwrap();
        assert!(scope.admits(&worker).is_ok(), "never said");
    }

    #[test]
    fn a_search_that_is_given_up_admits_nobody() {
        let long = Value::text("x".repeat(100_000));
        assert!(!admitted("REGEX MATCH", Some("y"), Some(long.clone())));
        assert!(!admitted("NOT REGEX MATCH", Some("y"), Some(long)));
    }

    #[test]
    fn no_filter_admits_everybody() {
        assert!(Scope::compile(None).unwrap().admits(&Worker::new("1")).is_ok());
    }

    #[test]
    fn clauses_are_written_as_people_read_them() {
        let mut worker = Worker::new("1");
        worker
            .attributes
            .insert("Department".into(), Value::text("R & D"));
        let admits =
            |text: &str| Scope::written(&[text.to_string()]).map(|scope| scope.admits(&worker).is_ok());
        for (text, expected) in [
            ("Department EQUALS R & D", true),
            ("Department equals Sales", false),
            ("Department NOT EQUALS Sales", true),
            ("Department IS NOT NULL", true),
            ("Department IS NULL", false),
            ("Department REGEX MATCH ^R", true),
            ("Cost centre IS NULL", true),
        ] {
            assert_eq!(admits(text), Ok(expected), "{text}");
        }
        for (text, part) in [
            ("Department", "is no filter like"),
            ("EQUALS Sales", "is no filter like"),
            ("Department EQUALS", "needs a value"),
            ("Department REGEX MATCH (", "does not compile"),
        ] {
            let problem = admits(text).unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }

    #[test]
    fn scopes_exclude_each_other_where_every_two_groups_contradict() {
        let scope = |groups: &[&[(&str, &str, &[&str])]]| {
            let clause = |(attribute, operator, values): &(&str, &str, &[&str])| FilterClause {
                operator_name: operator.to_string(),
                source_operand_name: attribute.to_string(),
                target_operand: (!values.is_empty()).then(|| TargetOperand {
                    values: values.iter().map(|value| value.to_string()).collect(),
                }),
            };
            let group = |clauses: &&[(&str, &str, &[&str])]| FilterGroup {
                name: None,
                clauses: clauses.iter().map(clause).collect(),
            };
            Scope::compile(Some(&Filter {
                groups: groups.iter().map(group).collect(),
                ..Filter::default()
            }))
            .unwrap()
        };
        let employees = scope(&[&[("kind", "EQUALS", &["Employee"])]]);
        for (other, excluded) in [
            (scope(&[&[("kind", "EQUALS", &["Contractor", "Intern"])]]), true),
            (scope(&[&[("kind", "NOT EQUALS", &["Employee"])]]), true),
            (scope(&[&[("kind", "NOT EQUALS", &["Intern"])]]), false),
            (scope(&[&[("kind", "IS NULL", &[])]]), true),
            (scope(&[&[("kind", "IS NOT NULL", &[])]]), false),
            (scope(&[&[("city", "EQUALS", &["Rome"])]]), false),
            (
                scope(&[
                    &[("kind", "EQUALS", &["Intern"])],
                    &[("city", "EQUALS", &["Rome"])],
                ]),
                false,
            ),
            (
                scope(&[&[("city", "EQUALS", &["Rome"]), ("kind", "EQUALS", &["Intern"])]]),
                true,
            ),
            (Scope::default(), false),
        ] {
            assert_eq!(employees.excludes(&other), excluded, "{other:?}");
            assert_eq!(other.excludes(&employees), excluded, "{other:?}");
        }
    }
}
