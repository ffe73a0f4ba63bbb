//! A page of 999 workers read and the attributes of the default mappings selected in it, beside what lxml takes for the same,
//! and what it takes to merely see the page's events go by.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use muster::connector::workday::answer::Answer;
use muster::connector::workday::attributes::{Attributes, Generation, documented};
use muster::connector::workday::xml::Limits;
use quick_xml::events::Event;
use serde_json::json;

use crate::report::{Report, Target};

#[path = "../../tests/it/workday_read/page.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod page;

const WORKERS: usize = 999;
const ROUNDS: usize = 20;

/// What the default mappings read.
const MAPPED: [&str; 25] = [
    "Active",
    "AddressLineData",
    "BusinessTitle",
    "Company",
    "CountryReference",
    "CountryReferenceTwoLetter",
    "CountryRegionReference",
    "EmailAddress",
    "Fax",
    "FirstName",
    "LastName",
    "LocalReference",
    "ManagerReference",
    "Mobile",
    "Municipality",
    "PostalCode",
    "PreferredNameData",
    "PrimaryWorkTelephone",
    "StatusHireDate",
    "StatusTerminationLastDayOfWork",
    "SupervisoryOrganization",
    "UserID",
    "WID",
    "WorkerID",
    "WorkSpaceReference",
];

pub fn measure(report: &Report) {
    let page = page::Page {
        shape: page::Shape::V40,
        descriptors: true,
        pretty: false,
    };
    let page = page.of(0..WORKERS);
    let mut definitions = documented(Generation::V30);
    definitions.retain(|definition| MAPPED.contains(&definition.name.as_str()));
    let attributes = Attributes::compile(definitions).unwrap_or_else(|problems| panic!("{problems:?}"));

    let ours = best(|| select(&attributes, &page));
    let events = best(|| see_events(&page));
    let theirs = lxml(&attributes, &page);
    let megabytes = page.len() as f64 / 1e6;
    report.figure(
        &format!(
            "a page of {WORKERS} workers, {megabytes:.1} MB: {} XPaths each",
            MAPPED.len()
        ),
        "ms",
        Target::None,
        ours.as_secs_f64() * 1000.0,
    );
    report.figure(
        "lxml, parsing the page and evaluating the same XPaths ÷ that",
        "times",
        Target::AtLeast(3.0),
        theirs.as_secs_f64() / ours.as_secs_f64(),
    );
    report.figure(
        "that ÷ quick-xml, merely reading the page's events",
        "times",
        Target::AtMost(3.0),
        ours.as_secs_f64() / events.as_secs_f64(),
    );
}

fn select(attributes: &Attributes, page: &str) -> usize {
    let names = attributes.xpaths().names();
    let mut answer = Answer::open(page.as_bytes(), names, Limits::default()).unwrap();
    let mut evaluator = attributes.evaluator();
    let mut found = 0;
    while let Some(worker) = answer.worker().unwrap() {
        let values = evaluator.evaluate(worker.tree);
        found += values
            .iter()
            .map(|values| values.as_ref().unwrap().len())
            .sum::<usize>();
    }
    found
}

fn see_events(page: &str) -> usize {
    let mut reader = quick_xml::Reader::from_reader(page.as_bytes());
    let (mut buffer, mut events) = (Vec::new(), 0);
    loop {
        buffer.clear();
        if let Event::Eof = reader.read_event_into(&mut buffer).unwrap() {
            return events;
        }
        events += 1;
    }
}

/// The shortest of many rounds: on a machine that does other things too, the others measure those.
fn best(mut round: impl FnMut() -> usize) -> Duration {
    let timed = |_| {
        let began = Instant::now();
        black_box(round());
        began.elapsed()
    };
    (0..ROUNDS).map(timed).min().unwrap_or_default()
}

fn lxml(attributes: &Attributes, page: &str) -> Duration {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let xpaths: Vec<&str> = attributes
        .definitions()
        .iter()
        .map(|it| it.xpath.as_str())
        .collect();
    let (page_file, xpaths_file) = (folder.path().join("page.xml"), folder.path().join("xpaths.json"));
    std::fs::write(&page_file, page).unwrap();
    std::fs::write(&xpaths_file, json!(xpaths).to_string()).unwrap();
    let output = Command::new(root.join("target/peers/venv/bin/python"))
        .arg(root.join("tests/peers/xpath_speed.py"))
        .args([&page_file, &xpaths_file])
        .arg(ROUNDS.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let seconds = said.trim().parse().unwrap_or_else(|_| {
        let error = String::from_utf8_lossy(&output.stderr);
        panic!("lxml says {said} {error}: run tests/install")
    });
    Duration::from_secs_f64(seconds)
}
