//! The templates: what they map, beside what Microsoft documents; that they run; and what comes of the people of a simulated
//! tenant.
//!
//! `data/templates/*.tsv` has the documented defaults of Workday's templates: `ours` is what the template has instead (`-` for
//! nothing), and `why`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use muster::connector::workday::attributes::{self, Generation, documented};
use muster::connector::{Cursor, active_directory, entra};
use muster::domain::account::Model;
use muster::domain::expression::{Context, Seed};
use muster::domain::mapping::{Desired, Mapping};
use muster::domain::schema::{self, Compiled, Document, Options, TEMPLATES, template};
use muster::domain::worker::Attributes;
use serde_json::{Value as Json, json};

use crate::support::workday::{Tenant, at, read};

/// One row of a template's defaults.
#[derive(Debug, PartialEq)]
pub struct Row {
    pub target: String,
    pub flow: String,
    pub matching: u64,
    pub documented: String,
    /// The template's, if it is another; `None` where it maps nothing.
    pub ours: Option<String>,
    /// Empty where the two agree.
    pub why: String,
}

/// The defaults that are documented for a template; none for those of which nothing is.
pub fn defaults(id: &str) -> Vec<Row> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join(format!("tests/it/data/templates/{id}.tsv"));
    let Ok(text) = std::fs::read_to_string(path) else {
        return Vec::new();
    };
    let row = |row: &str| {
        let [target, flow, matching, documented, ours, why] =
            <[&str; 6]>::try_from(row.split('\t').collect::<Vec<_>>()).unwrap();
        Row {
            target: target.into(),
            flow: flow.into(),
            matching: matching.parse().unwrap(),
            documented: documented.into(),
            ours: match ours {
                "-" => None,
                "" => Some(documented.into()),
                ours => Some(ours.into()),
            },
            why: why.into(),
        }
    };
    text.lines().skip(1).map(row).collect()
}

/// The mappings of a template, as Graph's JSON.
pub fn mappings(id: &str) -> Vec<Json> {
    let document = document(id);
    let mappings = document
        .json()
        .pointer("/synchronizationRules/0/objectMappings/0/attributeMappings");
    mappings.unwrap().as_array().unwrap().clone()
}

fn document(id: &str) -> Document {
    template(id).unwrap().document().unwrap()
}

fn model(id: &str) -> Model {
    match id {
        _ if id.ends_with("Writeback") => muster::connector::workday::MODEL,
        _ if id.ends_with("2AAD") => entra::MODEL,
        _ => active_directory::MODEL,
    }
}

fn compiled(id: &str) -> Compiled {
    let (compiled, warnings) = schema::compile(document(id).schema(), Options { model: model(id) }).unwrap();
    assert_eq!(warnings, [], "{id}");
    compiled
}

const WORKDAY: [&str; 2] = ["Workday2AD", "Workday2AAD"];
const HOMEWARD: [&str; 2] = ["WorkdayWriteback", "ADWorkdayWriteback"];

#[test]
fn all_templates_are_in_order() {
    let mut rules = BTreeSet::new();
    for template in TEMPLATES {
        let document = document(template.id);
        assert_eq!(document.warnings(), [], "{}", template.id);
        let flows = compiled(template.id).flow_types;
        let is_homeward = model(template.id).record.is_some();
        assert!(flows.update && !flows.delete, "B15: {}", template.id);
        assert_eq!(
            flows.add, !is_homeward,
            "nobody is hired by a directory: {}",
            template.id
        );
        let rule = &document.json()["synchronizationRules"][0];
        assert!(rules.insert(rule["id"].to_string()), "{}", template.id);
        for mapping in mappings(template.id) {
            let expression = mapping["source"]["expression"].as_str().unwrap();
            assert!(!expression.contains("contoso"), "{expression}");
        }
    }
}

#[test]
fn workdays_templates_map_what_is_documented() {
    for id in WORKDAY.into_iter().chain(HOMEWARD) {
        let row = |mapping: &Json| {
            let text = |value: &Json| value.as_str().unwrap().to_string();
            (
                text(&mapping["targetAttributeName"]),
                text(&mapping["flowType"]),
                mapping["matchingPriority"].as_u64().unwrap(),
                text(&mapping["source"]["expression"]),
            )
        };
        let actual: BTreeSet<_> = mappings(id).iter().map(row).collect();
        let expected = defaults(id).into_iter();
        let expected = expected.filter_map(|row| Some((row.target, row.flow, row.matching, row.ours?)));
        assert_eq!(actual, expected.collect(), "{id}");
        for row in defaults(id) {
            let differs = row.ours.as_ref() != Some(&row.documented);
            assert_eq!(differs, !row.why.is_empty(), "{row:?}");
        }
    }
}

fn shared() -> Option<PathBuf> {
    let shared = std::env::var_os("MUSTER_SHARED").map(|shared| PathBuf::from(shared).join("data/workday"));
    if shared.is_none() {
        eprintln!("skipped: MUSTER_SHARED names no folder");
    }
    shared
}

#[test]
fn what_we_take_for_documented_is_what_was_published() {
    let Some(folder) = shared() else { return };
    for (id, file) in [
        ("Workday2AD", "workday-to-ad-mappings.tsv"),
        ("Workday2AAD", "workday-to-entra-mappings.tsv"),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let row = |row: &str| {
            let cells: Vec<&str> = row.split('\t').collect();
            let source = match cells[0].contains('(') {
                true => cells[0].to_string(),
                false => format!("[{}]", cells[0]),
            };
            let flow = match cells[4] {
                "create" => "ObjectAddOnly",
                _ => "Always",
            };
            let matching = cells[3].parse().unwrap_or_default();
            (cells[1].to_string(), flow.to_string(), matching, source)
        };
        let published: Vec<_> = text.lines().skip(1).map(row).collect();
        let ours: Vec<_> = defaults(id)
            .into_iter()
            .map(|row| (row.target, row.flow, row.matching, row.documented))
            .collect();
        assert_eq!(ours, published);
    }
}

#[test]
fn workdays_attributes_are_the_documented_ones_with_what_the_worker_knows_besides() {
    for id in WORKDAY {
        let document = document(id);
        for generation in [Generation::V21, Generation::V30] {
            let (mut found, problems) = attributes::of_schema(document.schema(), generation);
            assert_eq!(problems, []);
            let mut expected = documented(generation);
            let active = expected.iter().find(|it| it.name == "Active").unwrap();
            expected.push(attributes::Definition {
                name: "ActiveInWorkday".into(),
                xpath: active.xpath.clone(),
            });
            found.sort_by(|one, other| one.name.cmp(&other.name));
            expected.sort_by(|one, other| one.name.cmp(&other.name));
            assert_eq!(found, expected);
        }
        let source = &document.schema().directories[0];
        let attributes = &source.objects[0].attributes;
        let named = |is: &dyn Fn(&schema::Attribute) -> bool| -> Vec<&str> {
            let some = attributes.iter().filter(|attribute| is(attribute));
            some.map(|attribute| attribute.name.as_str()).collect()
        };
        assert_eq!(named(&|it| it.anchor), ["WID"]);
        assert_eq!(
            named(&|it| it.kind.as_deref() == Some("Reference")),
            ["ManagerReference"]
        );
        assert_eq!(
            named(&|it| it.multivalued),
            [
                "AddressLineData",
                "JobClassificationID",
                "JobFamilyID",
                "TransactionLogData"
            ]
        );
    }
}

#[test]
fn the_examples_of_mapping_tests_pass() {
    let folder = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for (id, tests) in [
        ("Workday2AD", "workday-to-ad-tests.json"),
        ("Workday2AAD", "workday-to-entra-tests.json"),
    ] {
        let path = folder.path().join("schema.json");
        std::fs::write(&path, document(id).json().to_string()).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_muster"))
            .args(["schema", "check"])
            .args([&path, Path::new("--tests"), &examples.join(tests)])
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(said, "5 of 5 tests passed\n", "{id}");
    }
}

/// What a mapping gives where nobody has any name yet.
fn desired(mapping: &Mapping, wid: &str, attributes: &Attributes) -> Vec<String> {
    let context = Context {
        attributes,
        now: at("2026-01-19T02:30:00Z"),
        seed: Seed::new(uuid::Uuid::nil(), wid, &mapping.target),
        taken: &|_| false,
        default_domain: Some("example.test"),
        directory_domain: Some("example.test"),
    };
    match mapping.desired(&context) {
        Ok(Desired::Values(values)) => mapping
            .fitting(values)
            .into_iter()
            .map(|value| value.into_owned())
            .collect(),
        Ok(Desired::Nothing) => Vec::new(),
        other => panic!("{}: {other:?}", mapping.target),
    }
}

/// Whether a name is of letters that can be signed in with, once their accents are gone.
fn is_latin(attributes: &Attributes) -> bool {
    ["FirstName", "LastName"].iter().all(|name| {
        let text = attributes[*name].to_text().unwrap();
        text.chars()
            .all(|it| it < '\u{180}' && !"ÐðÞþĐđ,&<>".contains(it))
    })
}

#[tokio::test]
async fn everybody_at_a_simulated_company_can_have_an_account() {
    for version in ["v21.1", "v40.0"] {
        let mut tenant = Tenant::new(200);
        tenant.version = version;
        for id in WORKDAY {
            let file = toml::from_str::<muster::connector::SystemFile>(&tenant.table("")).unwrap();
            let system = file.resolve(Path::new(".")).unwrap();
            let source = system.source(&[document(id).schema()]).unwrap();
            let heard = read(&*source, Cursor::Full).await.unwrap();
            let (compiled, model) = (compiled(id), model(id));
            let (mut mapped, mut strangers) = (BTreeSet::new(), 0);
            for wid in heard.workers.keys() {
                let attributes = heard.attributes(wid);
                if !is_latin(attributes) {
                    strangers += 1;
                    continue;
                }
                for mapping in &compiled.mappings {
                    let values = desired(mapping, wid, attributes);
                    for value in &values {
                        let value = (model.canonical)(&mapping.target, value.clone());
                        assert_eq!((model.check)(&mapping.target, &value), Ok(()), "{wid}");
                        mapped.insert(&mapping.target);
                    }
                    let is_needed = model.required.contains(&&*mapping.target)
                        || model.state.is_some_and(|state| mapping.target == state.name);
                    assert!(
                        !is_needed || values.len() == 1,
                        "{} of {wid}: {values:?}",
                        mapping.target
                    );
                }
            }
            assert!(strangers < heard.workers.len() / 5);
            let never: Vec<&String> = compiled
                .mappings
                .iter()
                .map(|mapping| &mapping.target)
                .filter(|target| !mapped.contains(target))
                .collect();
            // There is no fax in the whole company.
            assert_eq!(never, ["facsimileTelephoneNumber"], "{version}");
        }
    }
}

#[tokio::test]
async fn workday_is_asked_for_no_more_than_the_template_reads() {
    let tenant = Tenant::new(20);
    let file = toml::from_str::<muster::connector::SystemFile>(&tenant.table("")).unwrap();
    let system = file.resolve(Path::new(".")).unwrap();
    let heard = async |document: &Document| {
        let source = system.source(&[document.schema()]).unwrap();
        read(&*source, Cursor::Full).await.unwrap()
    };
    let lean = heard(&document("Workday2AD")).await;
    let names: BTreeSet<&String> = lean
        .workers
        .keys()
        .flat_map(|wid| lean.attributes(wid).keys())
        .collect();
    for (name, is_read) in [
        ("WID", true),
        ("WorkerID", true),
        ("ManagerReference", true),
        ("Active", true),
        ("StatusHireDate", true),
        ("StatusTerminationLastDayOfWork", true),
        ("StatusRegrettableTermination", false),
        ("EmailAddress", false),
        ("TransactionLogData", false),
    ] {
        assert_eq!(names.contains(&name.to_string()), is_read, "{name}");
    }
    // Both jobs may share the workers that either of them reads.
    let cloud = heard(&document("Workday2AAD")).await;
    let in_cloud = cloud.workers.keys().flat_map(|wid| cloud.attributes(wid).keys());
    assert_eq!(names, in_cloud.collect());

    let excludes = |request: &String| request.contains("Exclude_Location_Hierarchies>");
    let requests = tenant.requests().await;
    assert!(requests.iter().any(excludes), "{requests:?}");

    let mut schema = document("Workday2AD").json().clone();
    let added = json!({ "targetAttributeName": "info", "source": { "expression": "[FacilityLocation]" } });
    let mappings = schema
        .pointer_mut("/synchronizationRules/0/objectMappings/0/attributeMappings")
        .unwrap();
    mappings.as_array_mut().unwrap().push(added);
    let before = requests.len();
    let more = heard(&Document::read(schema).unwrap()).await;
    assert!(
        more.workers
            .keys()
            .any(|wid| more.attributes(wid).contains_key("FacilityLocation"))
    );
    assert!(!tenant.requests().await[before..].iter().any(excludes));
}
