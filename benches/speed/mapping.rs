//! The mapping language: how many workers' values a core works out, and how long a large schema takes to be read.

use std::time::Instant;

use jiff::Timestamp;
use muster::connector::{active_directory, bulk};
use muster::domain::expression::{Context, Seed};
use muster::domain::schema::{self, Compiled, Document, Options};
use muster::domain::worker::Worker;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::company;
use crate::report::{Report, Target};

const WORKERS: usize = 10_000;
/// Workers are planned a page at a time, right after they were read, so that the processor has them at hand.
const PAGE: usize = 250;
const ROUNDS: usize = 20;
const LARGE: usize = 1 << 19;
/// One alone is at the mercy of whatever else the machine does.
const READS: usize = 21;

/// What administrators add to the template: a place by city, a name that is nobody's yet, a window around dates, a
/// telephone number taken apart.
const OWN: &[(&str, &str)] = &[
    (
        "parentDistinguishedName",
        r#"Switch([addresses[type eq "work"].locality], "OU=Default Users,DC=contoso,DC=com", "Dallas", "OU=Dallas,OU=Users,DC=contoso,DC=com", "Austin", "OU=Austin,OU=Users,DC=contoso,DC=com", "Seattle", "OU=Seattle,OU=Users,DC=contoso,DC=com", "London", "OU=London,OU=Users,DC=contoso,DC=com")"#,
    ),
    (
        "mail",
        r#"SelectUniqueValue(Join("@", NormalizeDiacritics(StripSpaces(Join(".", [name.givenName], [name.familyName]))), "contoso.com"), Join("@", NormalizeDiacritics(StripSpaces(Join(".", Mid([name.givenName], 1, 1), [name.familyName]))), "contoso.com"))"#,
    ),
    (
        "ipPhone",
        r#"Replace([phoneNumbers[type eq "work"].value], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d*)", , "${phoneNumber}", , )"#,
    ),
    (
        "info",
        r#"IIF(IsPresent([userType]), Join(" ", [userType], FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyy-MM-dd")), "none")"#,
    ),
];

pub fn measure(report: &Report) {
    let compiled = compile(&template());
    let workers = workers();
    let began = Instant::now();
    for page in workers.chunks(PAGE) {
        for worker in std::iter::repeat_n(page, ROUNDS).flatten() {
            evaluate(&compiled, worker);
        }
    }
    let rate = (ROUNDS * WORKERS) as f64 / began.elapsed().as_secs_f64();
    report.figure(
        &format!(
            "workers whose {} mappings are worked out on one core",
            compiled.mappings.len()
        ),
        "workers/s",
        Target::AtLeast(100_000.0),
        rate,
    );

    let large = Document::read(large()).unwrap().json().to_string();
    let mut took: Vec<f64> = (0..READS)
        .map(|_| {
            let began = Instant::now();
            let document = Document::decode(large.as_bytes()).unwrap();
            compile(&document);
            began.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    took.sort_unstable_by(f64::total_cmp);
    report.figure(
        &format!(
            "a schema of {:.1} MiB read, checked and compiled, median",
            large.len() as f64 / f64::from(1 << 20)
        ),
        "ms",
        Target::AtMost(100.0),
        took[READS / 2],
    );
}

fn evaluate(compiled: &Compiled, worker: &Worker) {
    for mapping in &compiled.mappings {
        let desired = mapping.desired(&Context {
            attributes: &worker.attributes,
            now: Timestamp::UNIX_EPOCH,
            seed: Seed::new(Uuid::nil(), &worker.anchor, &mapping.target),
            taken: &|_| false,
            default_domain: Some("contoso.com"),
            directory_domain: Some("contoso.com"),
        });
        std::hint::black_box(desired.unwrap());
    }
}

fn compile(document: &Document) -> Compiled {
    let model = active_directory::MODEL;
    schema::compile(document.schema(), Options { model }).unwrap().0
}

fn template() -> Document {
    let mut schema = schema::template("API2AD")
        .unwrap()
        .document()
        .unwrap()
        .json()
        .clone();
    let mappings = schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"].as_array_mut();
    mappings.unwrap().extend(
        OWN.iter()
            .map(|(target, expression)| json!({ "targetAttributeName": target, "source": { "expression": expression } })),
    );
    Document::read(schema).unwrap()
}

/// A schema with definitions and mappings enough to be as large as any that is taken in, once it has its trees.
fn large() -> Json {
    let mut schema = template().json().clone();
    let one = schema["directories"][1]["objects"][0]["attributes"][5].clone();
    let mapping = json!({
        "source": { "expression": "IIF(IsPresent([title]), Join(\" \", [title], Replace([displayName], \" \", , , \"_\", , )), \"none\")" },
    });
    let mut size = 0;
    for number in 0.. {
        let name = format!("extension{number}");
        let (mut attribute, mut mapping) = (one.clone(), mapping.clone());
        attribute["name"] = json!(name);
        mapping["targetAttributeName"] = json!(name);
        size += attribute.to_string().len() + mapping.to_string().len();
        let objects = &mut schema["directories"][1]["objects"][0]["attributes"];
        objects.as_array_mut().unwrap().push(attribute);
        let mappings = &mut schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
        mappings.as_array_mut().unwrap().push(mapping);
        if size > LARGE {
            break;
        }
    }
    schema
}

fn workers() -> Vec<Worker> {
    let uploads = company::uploads(0..WORKERS);
    let said = uploads
        .iter()
        .flat_map(|upload| bulk::statements(upload.as_bytes(), Timestamp::UNIX_EPOCH).unwrap());
    said.map(|statement| {
        let statement = statement.unwrap();
        let mut worker = Worker::new(statement.anchor.clone());
        worker.fold(statement);
        worker
    })
    .collect()
}
