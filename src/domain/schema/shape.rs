//! The shape of Graph's JSON (synchronizationSchema and all below it): which members there are, of what type, and
//! what a missing one means. Clients leave members out and spell words as they like; what they sent is made whole
//! here, and whatever Muster does not know is kept as it came.

use serde_json::{Map, Value as Json, json};
use smallvec::SmallVec;

use super::{Problem, Severity};

/// A member's type, and what stands for it where it is missing.
enum Kind {
    /// A text, or null where there is none.
    Text,
    /// A text that has to be there.
    Name,
    Flag(bool),
    Number(i32),
    /// A whole number from 0.
    Rank,
    /// A flag, left out where it is.
    NewerFlag,
    /// One of these, in any case; the first where it is missing.
    Word(&'static [&'static str]),
    /// One of these, in any case, or nothing.
    Choice(&'static [&'static str]),
    /// Several of these in one text, parted by commas.
    Flags {
        words: &'static [&'static str],
        missing: &'static str,
    },
    Object(&'static Shape),
    /// An object that has to be there.
    Required(&'static Shape),
    List(&'static Shape),
    /// A list of texts.
    Texts,
    /// As it came; null where it is missing.
    Any,
    /// As it came, and left out where it is: Graph's older answers do not know it.
    Newer,
}

type Shape = &'static [(&'static str, Kind)];

#[rustfmt::skip]
static SCHEMA: Shape = &[
    ("id",                    Kind::Text),
    ("version",               Kind::Text),
    ("synchronizationRules",  Kind::List(&RULE)),
    ("directories",           Kind::List(&DIRECTORY)),
];

#[rustfmt::skip]
static RULE: Shape = &[
    ("id",                    Kind::Text),
    ("name",                  Kind::Text),
    ("priority",              Kind::Number(0)),
    ("editable",              Kind::Flag(true)),
    ("sourceDirectoryName",   Kind::Text),
    ("targetDirectoryName",   Kind::Text),
    ("objectMappings",        Kind::List(&OBJECT_MAPPING)),
    ("metadata",              Kind::List(&PAIR)),
    ("containerFilter",       Kind::Newer),
    ("groupFilter",           Kind::Newer),
];

#[rustfmt::skip]
static OBJECT_MAPPING: Shape = &[
    ("name",                  Kind::Text),
    ("enabled",               Kind::Flag(true)),
    ("flowTypes",             Kind::Flags { words: &["None", "Add", "Update", "Delete"], missing: "Add, Update, Delete" }),
    ("sourceObjectName",      Kind::Text),
    ("targetObjectName",      Kind::Text),
    ("scope",                 Kind::Object(&FILTER)),
    ("attributeMappings",     Kind::List(&ATTRIBUTE_MAPPING)),
    ("metadata",              Kind::List(&PAIR)),
];

#[rustfmt::skip]
static ATTRIBUTE_MAPPING: Shape = &[
    ("targetAttributeName",     Kind::Name),
    ("source",                  Kind::Object(&SOURCE)),
    ("defaultValue",            Kind::Text),
    ("flowType",                Kind::Word(&["Always", "ObjectAddOnly", "MultiValueAddOnly", "ValueAddOnly", "AttributeAddOnly"])),
    ("flowBehavior",            Kind::Word(&["FlowWhenChanged", "FlowAlways"])),
    ("matchingPriority",        Kind::Rank),
    ("exportMissingReferences", Kind::Flag(false)),
    ("flowNullValues",          Kind::NewerFlag),
];

#[rustfmt::skip]
static SOURCE: Shape = &[
    ("expression",            Kind::Text),
    ("name",                  Kind::Text),
    ("type",                  Kind::Choice(&["Attribute", "Constant", "Function"])),
    ("parameters",            Kind::List(&PARAMETER)),
];

static PARAMETER: Shape = &[("key", Kind::Name), ("value", Kind::Required(&SOURCE))];

#[rustfmt::skip]
static FILTER: Shape = &[
    ("groups",                Kind::List(&FILTER_GROUP)),
    ("inputFilterGroups",     Kind::List(&FILTER_GROUP)),
    ("categoryFilterGroups",  Kind::List(&FILTER_GROUP)),
];

static FILTER_GROUP: Shape = &[("name", Kind::Text), ("clauses", Kind::List(&CLAUSE))];

#[rustfmt::skip]
static CLAUSE: Shape = &[
    ("operatorName",          Kind::Name),
    ("sourceOperandName",     Kind::Name),
    ("targetOperand",         Kind::Object(&OPERAND)),
];

static OPERAND: Shape = &[("values", Kind::Texts)];

#[rustfmt::skip]
static DIRECTORY: Shape = &[
    ("id",                    Kind::Text),
    ("name",                  Kind::Text),
    ("version",               Kind::Text),
    ("readOnly",              Kind::Flag(false)),
    ("discoverabilities",     Kind::Flags {
        words: &["None", "AttributeNames", "AttributeDataTypes", "AttributeReadOnly", "ReferenceAttributes"],
        missing: "None",
    }),
    ("discoveryDateTime",     Kind::Any),
    ("objects",               Kind::List(&OBJECT)),
];

#[rustfmt::skip]
static OBJECT: Shape = &[
    ("name",                  Kind::Text),
    ("attributes",            Kind::List(&ATTRIBUTE)),
    ("metadata",              Kind::List(&PAIR)),
    ("supportedApis",         Kind::Texts),
];

#[rustfmt::skip]
static ATTRIBUTE: Shape = &[
    ("name",                  Kind::Name),
    ("type",                  Kind::Word(&["String", "Integer", "Reference", "Binary", "Boolean", "DateTime"])),
    ("anchor",                Kind::Flag(false)),
    ("required",              Kind::Flag(false)),
    ("multivalued",           Kind::Flag(false)),
    ("caseExact",             Kind::Flag(false)),
    ("mutability",            Kind::Word(&["ReadWrite", "ReadOnly", "Immutable", "WriteOnly"])),
    ("flowNullValues",        Kind::NewerFlag),
    ("defaultValue",          Kind::Text),
    ("apiExpressions",        Kind::List(&PAIR)),
    ("metadata",              Kind::List(&PAIR)),
    ("referencedObjects",     Kind::List(&REFERENCED)),
];

static REFERENCED: Shape = &[
    ("referencedObjectName", Kind::Text),
    ("referencedProperty", Kind::Text),
];

static PAIR: Shape = &[("key", Kind::Text), ("value", Kind::Any)];

/// Rows of the longest shape.
const LONGEST: usize = 12;

/// Nothing that Graph means is deeper; a parse tree may be, and ends where expressions end.
const DEEPEST: usize = 110;

/// Makes a schema whole: every member that Graph's answers carry is there, words are spelled as Graph spells them. Every
/// member of a wrong type is named; one that is only misspelled is a warning, and read as if it were not there.
pub fn complete(schema: &mut Json) -> Vec<Problem> {
    let mut walk = Walk {
        path: Vec::new(),
        problems: Vec::new(),
    };
    match schema {
        Json::Object(members) => walk.object(members, SCHEMA),
        _ => walk
            .error("is no synchronization schema: a JSON object with synchronizationRules and directories"),
    }
    walk.problems
}

struct Walk {
    path: Vec<Step>,
    problems: Vec<Problem>,
}

enum Step {
    Member(&'static str),
    Item(usize),
}

impl Walk {
    fn object(&mut self, members: &mut Map<String, Json>, shape: Shape) {
        if self.path.len() > DEEPEST {
            return self.error("is nested too deeply");
        }
        let mut given = given(members, shape);
        let mut added: Vec<(&str, Json)> = Vec::new();
        for ((name, kind), value) in shape.iter().zip(&mut given) {
            self.path.push(Step::Member(name));
            match value.take() {
                None | Some(Json::Null) if matches!(kind, Kind::Name | Kind::Required(_)) => {
                    self.error("is missing");
                }
                None => added.extend(missing(kind, false).map(|value| (*name, value))),
                Some(value @ Json::Null) => {
                    if let Some(other) = missing(kind, true) {
                        *value = other;
                    }
                }
                Some(value) => self.member(value, kind),
            }
            self.path.pop();
        }
        drop(given);
        members.extend(added.into_iter().map(|(name, value)| (name.to_string(), value)));
    }

    fn member(&mut self, value: &mut Json, kind: &Kind) {
        match (kind, &mut *value) {
            (Kind::Text | Kind::Name, Json::String(_))
            | (Kind::Flag(_) | Kind::NewerFlag, Json::Bool(_))
            | (Kind::Any | Kind::Newer, _) => {}
            (Kind::Number(_), Json::Number(number))
                if number.as_i64().is_some_and(|it| i32::try_from(it).is_ok()) => {}
            (Kind::Rank, Json::Number(number))
                if number.as_u64().is_some_and(|it| u32::try_from(it).is_ok()) => {}
            (Kind::Word(words), Json::String(text)) => match spelling(words, text) {
                Some(word) => *text = word.to_string(),
                None => {
                    let message = format!(
                        "there is no '{text}': taken as {}; use one of {}",
                        words[0],
                        words.join(", ")
                    );
                    self.warn(message);
                    *text = words[0].to_string();
                }
            },
            (Kind::Choice(words), Json::String(text)) => match spelling(words, text) {
                Some(word) => *text = word.to_string(),
                None => self.error(format!("there is no '{text}': use one of {}", words.join(", "))),
            },
            (Kind::Flags { words, .. }, Json::String(text)) => {
                let flags = text.split(',').map(str::trim).filter(|flag| !flag.is_empty());
                let known: Result<Vec<&str>, String> = flags
                    .map(|flag| spelling(words, flag).ok_or_else(|| flag.to_string()))
                    .collect();
                match known {
                    Ok(known) => *text = known.join(", "),
                    Err(flag) => self.error(format!("there is no '{flag}': use {}", words.join(", "))),
                }
            }
            (Kind::Object(shape) | Kind::Required(shape), Json::Object(members)) => {
                self.object(members, shape)
            }
            (Kind::List(shape), Json::Array(items)) => {
                for (at, item) in items.iter_mut().enumerate() {
                    self.path.push(Step::Item(at));
                    match item {
                        Json::Object(members) => self.object(members, shape),
                        _ => self.error("must be an object"),
                    }
                    self.path.pop();
                }
            }
            (Kind::Texts, Json::Array(items)) if items.iter().all(Json::is_string) => {}
            (kind, _) => self.error(format!("must be {}", described(kind))),
        }
    }

    fn error(&mut self, message: impl Into<String>) {
        self.note(Severity::Error, message.into());
    }

    fn warn(&mut self, message: String) {
        self.note(Severity::Warning, message);
    }

    fn note(&mut self, severity: Severity, message: String) {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Member(name) if path.is_empty() => path.push_str(name),
                Step::Member(name) => path.extend([".", name]),
                Step::Item(at) => path.push_str(&format!("[{at}]")),
            }
        }
        self.problems.push(Problem {
            severity,
            path,
            message,
        });
    }
}

/// The members that a shape knows, each in its row's place. They mostly come in that order, and to look each of them up
/// by name would take as long as reading the JSON does.
fn given(members: &mut Map<String, Json>, shape: Shape) -> SmallVec<[Option<&mut Json>; LONGEST]> {
    let mut given: SmallVec<[_; LONGEST]> = shape.iter().map(|_| None).collect();
    let mut next = 0;
    for (name, value) in members {
        let mut rows = (next..shape.len()).chain(0..next);
        if let Some(at) = rows.find(|at| shape[*at].0 == name) {
            given[at] = Some(value);
            next = at + 1;
        }
    }
    given
}

fn spelling(words: &[&'static str], text: &str) -> Option<&'static str> {
    words.iter().copied().find(|word| word.eq_ignore_ascii_case(text))
}

/// What stands for a member that is not there, or null where it may not be.
fn missing(kind: &Kind, is_null: bool) -> Option<Json> {
    match kind {
        Kind::Newer | Kind::NewerFlag | Kind::Name | Kind::Required(_) => None,
        Kind::Text | Kind::Choice(_) | Kind::Any | Kind::Object(_) => (!is_null).then_some(Json::Null),
        Kind::Flag(value) => Some(json!(value)),
        Kind::Number(value) => Some(json!(value)),
        Kind::Rank => Some(json!(0)),
        Kind::Word(words) => Some(json!(words[0])),
        Kind::Flags { missing, .. } => Some(json!(missing)),
        Kind::List(_) | Kind::Texts => Some(json!([])),
    }
}

fn described(kind: &Kind) -> String {
    match kind {
        Kind::Text | Kind::Name => "a text".into(),
        Kind::Flag(_) | Kind::NewerFlag => "true or false".into(),
        Kind::Number(_) => "a whole number".into(),
        Kind::Rank => "a whole number from 0".into(),
        Kind::Word(words) | Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Flags { words, .. } => format!("a text of {}, parted by commas", words.join(", ")),
        Kind::Object(_) | Kind::Required(_) => "an object".into(),
        Kind::List(_) => "a list".into(),
        Kind::Texts => "a list of texts".into(),
        Kind::Any | Kind::Newer => "anything".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_objects_are_made_whole() {
        let mut schema = json!({
            "directories": [{ "name": "d", "objects": [{ "name": "o", "attributes": [{ "name": "a", "type": "string" }] }] }],
            "synchronizationRules": [{ "objectMappings": [{
                "flowTypes": "add,Update",
                "attributeMappings": [{ "targetAttributeName": "x", "source": { "name": "a", "type": "Attribute" }, "mappingType": "Direct" }],
            }] }],
        });
        assert_eq!(complete(&mut schema), []);
        let attribute = &schema["directories"][0]["objects"][0]["attributes"][0];
        assert_eq!(
            (&attribute["type"], &attribute["mutability"], &attribute["anchor"]),
            (&json!("String"), &json!("ReadWrite"), &json!(false))
        );
        let object = &schema["synchronizationRules"][0]["objectMappings"][0];
        assert_eq!(
            (&object["flowTypes"], &object["enabled"]),
            (&json!("Add, Update"), &json!(true))
        );
        let mapping = &object["attributeMappings"][0];
        assert_eq!(
            (&mapping["flowType"], &mapping["mappingType"]),
            (&json!("Always"), &json!("Direct"))
        );
        let whole = schema.clone();
        complete(&mut schema);
        assert_eq!(schema, whole, "what is whole stays as it is");
    }

    #[test]
    fn every_wrong_member_is_named() {
        let mut schema = json!({
            "directories": [{ "objects": [{ "attributes": [{ "name": "a", "anchor": "yes" }, 7] }] }],
            "synchronizationRules": [{ "priority": "1", "objectMappings": [{ "flowTypes": "Fly", "attributeMappings": [{ "targetAttributeName": "x", "flowType": "Add" }] }] }],
        });
        let problems = complete(&mut schema);
        let told: Vec<(Severity, &str)> = problems
            .iter()
            .map(|one| (one.severity, one.path.as_str()))
            .collect();
        let object = "synchronizationRules[0].objectMappings[0]";
        assert_eq!(
            told,
            [
                (Severity::Error, "synchronizationRules[0].priority"),
                (Severity::Error, &*format!("{object}.flowTypes")),
                (
                    Severity::Warning,
                    &*format!("{object}.attributeMappings[0].flowType")
                ),
                (Severity::Error, "directories[0].objects[0].attributes[0].anchor"),
                (Severity::Error, "directories[0].objects[0].attributes[1]"),
            ]
        );
    }
}
