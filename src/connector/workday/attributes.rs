//! The attributes of a worker, by name: those that Microsoft documents for Workday, in both generations of their XPaths, and
//! those that a schema defines.
//!
//! The documented ones are a table of their own, `attributes.tsv`, in which what many paths have in common is a word in
//! braces (`WORDS`). The two generations differ because `Worker_Job_Data` came between an employment and its positions:
//! the paths of v21.1 find nothing in later answers, nor the other way round.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::xpath::{Evaluator, Xpaths};
use crate::domain::schema::{Attribute, Pair, Problem, Schema};
use crate::error::{Error, Result};

static TABLE: &str = include_str!("attributes.tsv");

/// One attribute: what mappings call it, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub name: String,
    pub xpath: String,
}

/// A generation of documented XPaths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// For v21.1, the version of a URL that names none.
    V21,
    /// For v30.0 and later.
    V30,
}

/// The version from which answers have `Worker_Job_Data`, as far as anybody knows.
const FIRST_WITH_JOBS: u32 = 26;

impl Generation {
    /// The one that fits a version such as `v40.0`; `None` if that is no version.
    pub fn of_version(version: &str) -> Option<Generation> {
        let major = version.trim().strip_prefix(['v', 'V'])?.split('.').next()?;
        let major: u32 = major.parse().ok()?;
        Some(match major < FIRST_WITH_JOBS {
            true => Generation::V21,
            false => Generation::V30,
        })
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Generation::V21 => "v21.1",
            Generation::V30 => "v30.0",
        })
    }
}

impl FromStr for Generation {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Generation, String> {
        match text {
            "v21.1" => Ok(Generation::V21),
            "v30.0" => Ok(Generation::V30),
            other => Err(format!(
                "there are XPaths for v21.1 and for v30.0, not for {other}"
            )),
        }
    }
}

/// What the words in braces stand for; an earlier one may contain later ones.
#[rustfmt::skip]
const WORDS: &[(&str, &str)] = &[
    ("{status}",        "{data}/wd:Employment_Data/wd:Worker_Status_Data"),
    ("{site}",          "{job}/wd:Business_Site_Summary_Data"),
    ("{legal}",         "{data}/wd:Personal_Data/wd:Name_Data/wd:Legal_Name_Data/wd:Name_Detail_Data"),
    ("{preferred}",     "{data}/wd:Personal_Data/wd:Name_Data/wd:Preferred_Name_Data/wd:Name_Detail_Data"),
    ("{contact}",       "{data}/wd:Personal_Data/wd:Contact_Data"),
    ("{organizations}", "{data}/wd:Organization_Data/wd:Worker_Organization_Data"),
    ("{work}",          "string(wd:Usage_Data/wd:Type_Data/wd:Type_Reference/wd:ID[@wd:type='Communication_Usage_Type_ID'])='WORK'"),
    ("{device}",        "string(wd:Phone_Device_Type_Reference/wd:ID[@wd:type='Phone_Device_Type_ID'])"),
    ("{work-label}",    "translate(string(wd:Usage_Data/wd:Type_Data/wd:Type_Reference/@wd:Descriptor),{letters})='WORK'"),
    ("{device-label}",  "translate(string(wd:Phone_Device_Type_Reference/@wd:Descriptor),{letters})"),
    ("{type}",          "translate(string(wd:Organization_Type_Reference/wd:ID[@wd:type='Organization_Type_ID']),{letters})"),
    ("{type-inside}",   "translate(string(wd:Organization_Data/wd:Organization_Type_Reference/wd:ID[@wd:type='Organization_Type_ID']),{letters})"),
    ("{letters}",       "'abcdefghijklmnopqrstuvwxyz','ABCDEFGHIJKLMNOPQRSTUVWXYZ'"),
];

const DATA: &str = "wd:Worker/wd:Worker_Data";
const JOB_V21: &str = "wd:Worker/wd:Worker_Data/wd:Employment_Data/wd:Position_Data";
const JOB_V30: &str =
    "wd:Worker/wd:Worker_Data/wd:Employment_Data/wd:Worker_Job_Data[@wd:Primary_Job=1]/wd:Position_Data";

/// The documented attributes, in the order of their names.
pub fn documented(generation: Generation) -> Vec<Definition> {
    let rows = TABLE.lines().skip(1);
    let definition = |row: &str| {
        let mut cells = row.split('\t');
        let (name, newer) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let older = cells.next().filter(|older| !older.is_empty());
        let (short, job) = match generation {
            Generation::V21 => (older.unwrap_or(newer), JOB_V21),
            Generation::V30 => (newer, JOB_V30),
        };
        Definition {
            name: name.to_string(),
            xpath: spell_out(short, job),
        }
    };
    rows.map(definition).collect()
}

fn spell_out(short: &str, job: &str) -> String {
    let words = WORDS.iter().copied().chain([("{job}", job), ("{data}", DATA)]);
    words.fold(short.to_string(), |text, (word, meaning)| {
        text.replace(word, meaning)
    })
}

/// The attributes that a schema's source object has: each with the XPath that the schema gives it, else with the documented
/// one of its name. What has neither is left out, and told.
///
/// A documented XPath that nobody touched follows the version, so that templates fit both generations: that of the other
/// one could not match.
pub fn of_schema(schema: &Schema, generation: Generation) -> (Vec<Definition>, Vec<Problem>) {
    let [older, newer] = [Generation::V21, Generation::V30].map(documented);
    let (fitting, other) = match generation {
        Generation::V21 => (&older, &newer),
        Generation::V30 => (&newer, &older),
    };
    let xpath_in = |table: &[Definition], name: &str| {
        let known = table.iter().find(|known| known.name == name);
        known.map(|known| known.xpath.clone())
    };
    let (mut definitions, mut problems) = (Vec::new(), Vec::new());
    for attribute in schema.source_attributes() {
        let own = xpath_of(attribute).filter(|own| xpath_in(other, &attribute.name).as_ref() != Some(own));
        match own.or_else(|| xpath_in(fitting, &attribute.name)) {
            Some(xpath) => definitions.push(Definition {
                name: attribute.name.clone(),
                xpath,
            }),
            None => problems.push(Problem::warning(
                &attribute.name,
                "has no XPath: give it one in apiExpressions",
            )),
        }
    }
    (definitions, problems)
}

/// Adds what another schema reads: one connector reads for all, so a name means one thing.
pub fn join(definitions: &mut Vec<Definition>, more: Vec<Definition>) -> Result<()> {
    for one in more {
        match definitions.iter().find(|known| known.name == one.name) {
            None => definitions.push(one),
            Some(known) if known.xpath == one.xpath => {}
            Some(_) => {
                let message = format!(
                    "the attribute '{}' has different XPaths in two schemas that read this system: call one of them otherwise",
                    one.name
                );
                return Err(Error::invalid(message));
            }
        }
    }
    Ok(())
}

/// The attributes that a schema has a use for: those that it reads, and those marked as required, by which people have
/// Workday asked for what nothing reads (Microsoft's Workday integration reference, "flag" attributes).
pub fn needed(schema: &Schema) -> BTreeSet<&str> {
    let mut names = schema.attributes_read();
    let required = schema.source_attributes().into_iter();
    let required = required.filter(|attribute| attribute.required);
    names.extend(required.map(|attribute| attribute.name.as_str()));
    names
}

/// What `apiExpressions`, or else `metadata`, says that is an XPath.
fn xpath_of(attribute: &Attribute) -> Option<String> {
    let values = |pairs: &[Pair]| {
        pairs
            .iter()
            .filter_map(|pair| pair.value.clone())
            .collect::<Vec<_>>()
    };
    let expressions = values(&attribute.api_expressions).into_iter();
    let noted = values(&attribute.metadata).into_iter();
    expressions
        .filter(|text| !text.trim().is_empty())
        .chain(noted.filter(|text| text.contains("wd:Worker")))
        .next()
}

/// Attributes with their XPaths compiled together.
pub struct Attributes {
    definitions: Vec<Definition>,
    xpaths: Xpaths,
    warnings: Vec<Problem>,
}

impl Attributes {
    /// The error names every attribute whose XPath cannot be compiled.
    pub fn compile(definitions: Vec<Definition>) -> Result<Attributes, Vec<Problem>> {
        let mut xpaths = Xpaths::default();
        let (mut warnings, mut errors) = (Vec::new(), Vec::new());
        for Definition { name, xpath } in &definitions {
            match xpaths.add(xpath) {
                Ok(found) => warnings.extend(found.into_iter().map(|warning| {
                    Problem::warning(
                        name,
                        format!("{} (at character {})", warning.message, warning.at + 1),
                    )
                })),
                Err(error) => errors.push(Problem::error(name, error.to_string())),
            }
        }
        match errors.is_empty() {
            true => Ok(Attributes {
                definitions,
                xpaths,
                warnings,
            }),
            false => Err(errors),
        }
    }

    /// In the order in which an evaluator gives their values.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    pub fn xpaths(&self) -> &Xpaths {
        &self.xpaths
    }

    pub fn evaluator(&self) -> Evaluator<'_> {
        self.xpaths.evaluator()
    }

    /// What is hardly meant in single XPaths.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Says so if these XPaths are for another generation than answers of this version: the classic mistake, for which
    /// nearly every attribute is silently empty.
    pub fn disagree(&self, version: &str) -> Option<String> {
        let (path, answers, xpaths) = match Generation::of_version(version)? {
            Generation::V30 => (
                "wd:Employment_Data/wd:Position_Data",
                "from v26 on have Worker_Job_Data",
                "v30.0",
            ),
            Generation::V21 => (
                "wd:Worker_Job_Data",
                "before v26 have no Worker_Job_Data",
                "v21.1",
            ),
        };
        let wrong = self
            .definitions
            .iter()
            .filter(|definition| definition.xpath.contains(path))
            .count();
        (wrong > 0).then(|| {
            format!(
                "{wrong} of {} XPaths cannot match: the answer is of {version}, and answers {answers}: use the XPaths for {xpaths}, or another version in the URL",
                self.definitions.len()
            )
        })
    }
}

/// What documented XPaths ask for that many versions do not have, and what these have instead.
const INSTEAD: &[(&str, &str)] = &[
    // The attribute came after v31.2; the other was there up to v30.0.
    ("@wd:Workday_Traditional_Formatted_Phone", "@wd:Formatted_Phone"),
    // The schema has a small f, wherever it has the element.
    ("wd:Not_Eligible_For_Hire", "wd:Not_Eligible_for_Hire"),
];

/// An XPath that selects the same where this one cannot match in some versions. An extension of ours, for people to choose:
/// nothing uses it by itself.
pub fn alternative(xpath: &str) -> Option<String> {
    let (missing, instead) = INSTEAD.iter().find(|(missing, _)| xpath.contains(missing))?;
    Some(format!("{xpath} | {}", xpath.replace(missing, instead)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::Document;
    use serde_json::json;

    #[test]
    fn all_documented_xpaths_compile() {
        for generation in [Generation::V21, Generation::V30] {
            let definitions = documented(generation);
            assert_eq!(definitions.len(), 80);
            assert!(
                definitions
                    .iter()
                    .all(|definition| !definition.xpath.contains(['{', '}']))
            );
            let attributes =
                Attributes::compile(definitions).unwrap_or_else(|problems| panic!("{problems:?}"));
            assert_eq!(attributes.warnings(), []);
        }
    }

    #[test]
    fn a_generation_fits_a_version() {
        for (version, fits) in [
            ("v21.1", Some(Generation::V21)),
            ("v25.1", Some(Generation::V21)),
            ("v26.1", Some(Generation::V30)),
            ("V45.0", Some(Generation::V30)),
            ("40", None),
            ("vNext", None),
        ] {
            assert_eq!(Generation::of_version(version), fits, "{version}");
        }
        let of =
            |generation| Attributes::compile(documented(generation)).unwrap_or_else(|it| panic!("{it:?}"));
        let (older, newer) = (of(Generation::V21), of(Generation::V30));
        assert!(older.disagree("v21.1").is_none() && newer.disagree("v40.0").is_none());
        assert!(
            older
                .disagree("v40.0")
                .unwrap()
                .contains("use the XPaths for v30.0")
        );
        assert!(
            newer
                .disagree("v21.1")
                .unwrap()
                .contains("use the XPaths for v21.1")
        );
    }

    #[test]
    fn every_bad_xpath_is_named() {
        let define = |name: &str, xpath: &str| Definition {
            name: name.into(),
            xpath: xpath.into(),
        };
        let problems = Attributes::compile(vec![
            define("Good", "wd:Worker"),
            define("Open", "wd:Worker["),
            define("Prefix", "p1:Worker"),
        ]);
        let problems: Vec<String> = problems.err().unwrap().iter().map(Problem::to_string).collect();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("Open: expected a path"), "{problems:?}");
        assert!(
            problems[1].starts_with("Prefix: the prefix p1") && problems[1].ends_with("(at character 1)")
        );
    }

    #[test]
    fn a_schema_brings_its_own() {
        let attribute = |name: &str, expression: &str| json!({ "name": name, "apiExpressions": [{ "key": "XPath", "value": expression }] });
        let schema = json!({
            "synchronizationRules": [{
                "sourceDirectoryName": "Workday", "targetDirectoryName": "Active Directory",
                "objectMappings": [{ "sourceObjectName": "Worker", "targetObjectName": "user", "attributeMappings": [] }],
            }],
            "directories": [
                { "name": "Workday", "objects": [{ "name": "Worker", "attributes": [
                    attribute("Badge", "wd:Worker/wd:Badge"), { "name": "WorkerID" }, { "name": "Unheard" },
                    { "name": "Noted", "metadata": [{ "key": "note", "value": "wd:Worker/wd:Noted" }] }, attribute("Badge", "x"),
                ] }] },
                { "name": "Active Directory", "objects": [{ "name": "user", "attributes": [{ "name": "cn" }] }] },
            ],
        });
        let document = Document::read(schema).unwrap();
        let (definitions, problems) = of_schema(document.schema(), Generation::V30);
        let found: Vec<(&str, &str)> = definitions
            .iter()
            .map(|it| (it.name.as_str(), it.xpath.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("Badge", "wd:Worker/wd:Badge"),
                ("WorkerID", "wd:Worker/wd:Worker_Data/wd:Worker_ID/text()"),
                ("Noted", "wd:Worker/wd:Noted"),
            ]
        );
        assert_eq!(problems[0].path, "Unheard");
    }

    #[test]
    fn a_documented_xpath_follows_the_version() {
        let xpath = |generation, name: &str| {
            let all = documented(generation);
            all.into_iter().find(|it| it.name == name).unwrap().xpath
        };
        let attribute = |name: &str, xpath: &str| json!({ "name": name, "apiExpressions": [{ "key": "XPath", "value": xpath }] });
        let schema = json!({
            "synchronizationRules": [{
                "sourceDirectoryName": "Workday",
                "objectMappings": [{ "sourceObjectName": "Worker", "targetObjectName": "user" }],
            }],
            "directories": [{ "name": "Workday", "objects": [{ "name": "Worker", "attributes": [
                attribute("Company", &xpath(Generation::V30, "Company")),
                attribute("Mobile", &xpath(Generation::V21, "Mobile")),
                attribute("Fax", &xpath(Generation::V30, "Mobile")),
                attribute("UserID", "wd:Worker/wd:Worker_Data/wd:User_Account_Data/wd:User_Name/text()"),
            ] }] }],
        });
        let document = Document::read(schema).unwrap();
        for generation in [Generation::V21, Generation::V30] {
            let (found, problems) = of_schema(document.schema(), generation);
            assert_eq!(problems, []);
            let found: Vec<&str> = found.iter().map(|it| it.xpath.as_str()).collect();
            assert_eq!(
                found,
                [
                    xpath(generation, "Company"),
                    xpath(generation, "Mobile"),
                    // Of another name's attribute, so somebody meant it.
                    xpath(Generation::V30, "Mobile"),
                    "wd:Worker/wd:Worker_Data/wd:User_Account_Data/wd:User_Name/text()".into(),
                ]
            );
        }
    }

    #[test]
    fn what_is_needed_is_read_or_required() {
        let clause = |name: &str| json!({ "sourceOperandName": name, "operatorName": "IS NOT NULL" });
        let schema = json!({
            "synchronizationRules": [{
                "sourceDirectoryName": "Workday",
                "objectMappings": [
                    {
                        "sourceObjectName": "Worker", "targetObjectName": "user",
                        "attributeMappings": [{ "targetAttributeName": "cn", "source": { "expression": "Join(\" \", [FirstName], [LastName])" } }],
                        "scope": {
                            "groups": [{ "name": "a", "clauses": [clause("Company")] }],
                            "inputFilterGroups": [{ "name": "b", "clauses": [clause("StatusHireDate")] }],
                        },
                    },
                    {
                        "enabled": false, "sourceObjectName": "Worker", "targetObjectName": "user",
                        "attributeMappings": [{ "targetAttributeName": "cn", "source": { "expression": "[Fax]" } }],
                    },
                ],
            }],
            "directories": [{ "name": "Workday", "objects": [{ "name": "Worker", "attributes": [
                { "name": "WID", "required": true }, { "name": "Fax" }, { "name": "LastName" },
            ] }] }],
        });
        let document = Document::read(schema).unwrap();
        let names: Vec<&str> = needed(document.schema()).into_iter().collect();
        assert_eq!(
            names,
            ["Company", "FirstName", "LastName", "StatusHireDate", "WID"]
        );
    }

    #[test]
    fn what_cannot_match_has_an_alternative() {
        let of = |name: &str| {
            let all = documented(Generation::V30);
            alternative(&all.iter().find(|it| it.name == name).unwrap().xpath)
        };
        assert!(of("Mobile").unwrap().ends_with("='Mobile']/@wd:Formatted_Phone"));
        assert!(
            of("StatusNotEligibleForHire")
                .unwrap()
                .ends_with("wd:Not_Eligible_for_Hire/text()")
        );
        assert_eq!(of("Active"), None);
        let mut xpaths = Xpaths::default();
        assert_eq!(xpaths.add(&of("Fax").unwrap()), Ok(Vec::new()));
    }
}
