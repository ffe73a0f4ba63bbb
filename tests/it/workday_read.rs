//! Workday's answers, read: what the documented XPaths select, as lxml sees it too, and what `muster workday read` shows.

mod command;
mod expressions;
mod page;
mod published;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use muster::connector::workday::answer::Answer;
use muster::connector::workday::attributes::{Attributes, Definition, Generation, alternative, documented};
use muster::connector::workday::xml::Limits;
use serde_json::{Value as Json, json};

use page::{Page, Shape};

/// Asks lxml; see `tests/peers/xpath.py`.
fn lxml(cases: &[Json]) -> Vec<Vec<Vec<Json>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/peers/venv/bin/python");
    assert!(
        python.exists(),
        "no Python for the other opinion: run tests/install"
    );
    let mut child = Command::new(python)
        .arg(root.join("tests/peers/xpath.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let question = json!({ "cases": cases }).to_string();
    let mut input = child.stdin.take().unwrap();
    let asking = std::thread::spawn(move || input.write_all(question.as_bytes()));
    let output = child.wait_with_output().unwrap();
    asking.join().unwrap().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The texts of a node-set that lxml selected; empty ones are no values.
fn texts(answer: &Json) -> Vec<String> {
    let nodes = answer["nodes"].as_array().unwrap().iter();
    nodes
        .map(|text| text.as_str().unwrap().to_string())
        .filter(|text| !text.is_empty())
        .collect()
}

/// Every worker's values by attribute.
fn read(page: &str, definitions: &[Definition]) -> Vec<Vec<Vec<String>>> {
    let attributes =
        Attributes::compile(definitions.to_vec()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let mut answer = Answer::open(page.as_bytes(), attributes.xpaths().names(), Limits::default()).unwrap();
    let mut evaluator = attributes.evaluator();
    let mut workers = Vec::new();
    while let Some(worker) = answer.worker().unwrap() {
        let values = evaluator.evaluate(worker.tree).into_iter();
        workers.push(
            values
                .map(|values| values.unwrap().into_iter().map(String::from).collect())
                .collect(),
        );
    }
    workers
}

/// XPaths that people add: data sets of their own, labels, double quotes, the whole address.
const CUSTOM: &[(&str, &str)] = &[
    (
        "ManagementLevel",
        "wd:Worker/wd:Worker_Data/wd:Employment_Data/wd:Worker_Job_Data[@wd:Primary_Job=1]/wd:Position_Data/wd:Job_Profile_Summary_Data/wd:Management_Level_Reference/wd:ID[@wd:type=\"Management_Level_ID\"]/text()",
    ),
    (
        "SecondTitle",
        "wd:Worker/wd:Worker_Data/wd:Employment_Data/wd:Worker_Job_Data[@wd:Primary_Job=0]/wd:Position_Data/wd:Business_Title/text()",
    ),
    (
        "CostCenter",
        "wd:Worker/wd:Worker_Data/wd:Organization_Data/wd:Worker_Organization_Data[wd:Organization_Data/wd:Organization_Type_Reference/wd:ID[@wd:type='Organization_Type_ID']='COST_CENTER']/wd:Organization_Data/wd:Organization_Code/text()",
    ),
    (
        "PayGroup",
        "wd:Worker/wd:Worker_Data/wd:Organization_Data/wd:Worker_Organization_Data/wd:Organization_Data[wd:Organization_Type_Reference/@wd:Descriptor='Pay Group']/wd:Organization_Name/text()",
    ),
    ("Address", "//wd:Address_Data/@wd:Formatted_Address"),
    ("AnyId", "//wd:ID[not(@wd:type='WID')][last()]"),
    (
        "OtherPhones",
        "//wd:Phone_Data[not(wd:Usage_Data/@wd:Public='1')]/@wd:E164_Formatted_Phone",
    ),
    (
        "NextToLast",
        "//wd:Management_Chain_Data[last()-1]/wd:Manager_Reference/wd:ID[2]",
    ),
];

#[test]
fn attributes_are_what_lxml_selects() {
    let pages = [
        (Generation::V30, Shape::V40, true, true),
        (Generation::V30, Shape::V40, false, false),
        (Generation::V21, Shape::V21, true, false),
        (Generation::V21, Shape::V40, true, false),
        (Generation::V30, Shape::V21, false, true),
    ];
    let mut cases = Vec::new();
    let mut ours = Vec::new();
    for (generation, shape, descriptors, pretty) in pages {
        let xml = Page {
            shape,
            descriptors,
            pretty,
        }
        .of(0..60);
        let mut definitions = documented(generation);
        definitions.extend(CUSTOM.iter().map(|(name, xpath)| Definition {
            name: (*name).into(),
            xpath: (*xpath).into(),
        }));
        ours.push((read(&xml, &definitions), definitions.clone()));
        let absolute = |definition: &Definition| format!("/{}", definition.xpath.trim_start_matches('/'));
        // A path with two slashes begins with them there too.
        let xpaths: Vec<String> = definitions
            .iter()
            .map(|definition| match definition.xpath.starts_with("//") {
                true => definition.xpath.clone(),
                false => absolute(definition),
            })
            .collect();
        cases.push(json!({ "xml": xml, "each": "//wd:Response_Data/wd:Worker", "xpaths": xpaths }));
    }
    let mut filled = 0;
    for ((ours, definitions), theirs) in ours.iter().zip(lxml(&cases)) {
        assert_eq!((ours.len(), theirs.len()), (60, 60));
        for (number, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            for ((ours, theirs), definition) in ours.iter().zip(&theirs).zip(definitions) {
                assert_eq!(
                    *ours,
                    texts(theirs),
                    "{} of worker {number}: {}",
                    definition.name,
                    definition.xpath
                );
                filled += usize::from(!ours.is_empty());
            }
        }
    }
    assert!(filled > 5000, "{filled} values say little");
}

#[test]
fn an_older_shape_has_its_phones_where_the_alternative_looks() {
    let xml = Page {
        shape: Shape::V21,
        descriptors: false,
        pretty: false,
    };
    let mut mobile = documented(Generation::V30)
        .into_iter()
        .find(|it| it.name == "Mobile")
        .unwrap();
    let found = |definition: &Definition| {
        read(&xml.of(4..5), std::slice::from_ref(definition))
            .remove(0)
            .remove(0)
    };
    assert!(found(&mobile).is_empty());
    mobile.xpath = alternative(&mobile.xpath).unwrap();
    assert_eq!(found(&mobile), ["+351 (21) 00041"]);
}
