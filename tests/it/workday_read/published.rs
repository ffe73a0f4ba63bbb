//! Answers as Workday sent them, and samples with the values that somebody else computed. They lie outside the repository, in
//! the folder that `MUSTER_SHARED` names; without it these tests say so and pass.

use std::fs;
use std::path::PathBuf;

use muster::connector::workday::answer::AnswerError;
use muster::connector::workday::soap::FaultClass;

use super::*;

fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("MUSTER_SHARED").map(|shared| PathBuf::from(shared).join("data/workday"));
    if shared.is_none() {
        eprintln!("skipped: MUSTER_SHARED names no folder");
    }
    shared
}

fn table(path: PathBuf) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1);
    rows.map(|row| row.split('\t').map(str::to_string).collect())
        .collect()
}

#[test]
fn the_documented_xpaths_are_the_published_ones() {
    let Some(folder) = folder() else { return };
    let rows = table(folder.join("workday-attributes.tsv"));
    for (column, generation) in [(1, Generation::V21), (2, Generation::V30)] {
        let ours: Vec<(String, String)> = documented(generation)
            .into_iter()
            .map(|it| (it.name, it.xpath))
            .collect();
        let published: Vec<(String, String)> = rows
            .iter()
            .map(|row| (row[0].clone(), row[column].clone()))
            .collect();
        assert_eq!(ours, published);
    }
    let custom = table(folder.join("workday-attributes-custom.tsv"));
    let definitions = custom.iter().map(|row| Definition {
        name: row[0].clone(),
        xpath: row[2].clone(),
    });
    assert!(Attributes::compile(definitions.collect()).is_ok());
}

#[test]
fn samples_have_the_values_that_were_computed_for_them() {
    let Some(folder) = folder() else { return };
    let expected = table(folder.join("workday-sample-expected.tsv"));
    let page = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let newer = read(
        &page("workday-sample-response-v40.xml"),
        &documented(Generation::V30),
    );
    let bare = page("workday-sample-response-v40.xml");
    let bare = without_descriptors(&bare);
    let bare = read(&bare, &documented(Generation::V30));
    let older = read(
        &page("workday-sample-response-v21_1-shape.xml"),
        &documented(Generation::V21),
    );
    let columns = [&newer[0], &newer[1], &bare[0], &older[0], &older[1]];
    for (at, row) in expected.iter().enumerate() {
        for (column, ours) in columns.iter().enumerate() {
            let cell = row.get(column + 1).map_or("", String::as_str);
            let ours = &ours[at];
            match cell.strip_prefix("<node-set of ") {
                Some(count) => assert!(count.starts_with(&ours.len().to_string()), "{}: {ours:?}", row[0]),
                None => assert_eq!(ours.join(" ; "), cell, "{} in column {column}", row[0]),
            }
        }
    }
}

/// As Workday answers a request whose header does not ask for labels.
fn without_descriptors(page: &str) -> String {
    let mut rest = page;
    let mut kept = String::new();
    while let Some(at) = rest.find(" wd:Descriptor=\"") {
        // Address lines keep theirs.
        let tag = rest[..at].rfind('<').unwrap();
        let value = at + " wd:Descriptor=\"".len();
        let end = value + rest[value..].find('"').unwrap() + 1;
        let is_kept = rest[tag..at].starts_with("<wd:Address_Line_Data");
        kept.push_str(&rest[..if is_kept { end } else { at }]);
        rest = &rest[end..];
    }
    kept + rest
}

#[test]
fn recorded_answers_are_read() {
    let Some(folder) = folder() else { return };
    let recorded = folder.join("recorded/responses");
    let text = |name: &str| fs::read_to_string(recorded.join(name)).unwrap();
    let workers = |name: &str| read(&text(name), &documented(Generation::V30));
    let named = |worker: &[Vec<String>], name: &str| {
        let at = documented(Generation::V30)
            .iter()
            .position(|it| it.name == name)
            .unwrap();
        worker[at].clone()
    };
    let demo = workers("Propsbot_Get_Workers_Response.xml");
    assert_eq!(demo.len(), 100);
    assert_eq!(named(&demo[0], "EmployeeID"), ["21001"]);
    let employment = workers("essadk/flightcheck_workday_03_200.xml");
    assert_eq!(
        named(&employment[0], "BusinessTitle"),
        ["Sales & Compensation & Analyst"]
    );
    assert_eq!(named(&employment[0], "Active"), ["1"]);
    assert_eq!(workers("essadk/flightcheck_workday_01_200.xml").len(), 1);
    assert!(workers("essadk/flightcheck_workday_15_200.xml").is_empty());
    for (name, class) in [
        ("essadk/workday_config_00_500.xml", FaultClass::WrongService),
        ("essadk/workday_config_04_500.xml", FaultClass::WrongService),
        ("treestryder/0_Fault.xml", FaultClass::Invalid),
    ] {
        let text = text(name);
        match Answer::open(text.as_bytes(), &Default::default(), Limits::default()) {
            Err(AnswerError::Fault(fault)) => assert_eq!(fault.class(), class, "{fault}"),
            other => panic!("{name}: {:?}", other.err()),
        }
    }
    for name in [
        "treestryder/2_Launch_Integration_Event_Response.xml",
        "essadk/flightcheck_workday_00_request.xml",
    ] {
        let text = text(name);
        let error = Answer::open(text.as_bytes(), &Default::default(), Limits::default())
            .err()
            .unwrap();
        assert!(matches!(error, AnswerError::Other { .. }), "{name}: {error}");
    }
}
