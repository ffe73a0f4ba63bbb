//! JSON as a schema: it is taken whole or refused with every place that is wrong. What was taken is read again as it is,
//! and compiles to the same.

#![no_main]

use std::sync::OnceLock;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use muster::connector::{active_directory, entra};
use muster::domain::schema::{Document, Options, TEMPLATES, compile};
use muster_fuzz::expression::Written;
use serde_json::{Value as Json, json};

/// Either a file's bytes, or a template changed in a few places.
#[derive(Debug)]
enum Input<'a> {
    File(&'a [u8]),
    Changed {
        template: usize,
        changes: Vec<(u32, Json)>,
    },
}

impl<'a> Arbitrary<'a> for Input<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Input<'a>> {
        // JSON begins with a sign that is no control character, and so do the seeds.
        if u.peek_bytes(1).is_some_and(|first| first[0] >= b' ') {
            return Ok(Input::File(u.bytes(u.len())?));
        }
        let template = u.arbitrary::<u8>()?.into();
        let mut changes = Vec::new();
        for _ in 0..u.int_in_range(1..=5)? {
            changes.push((u.arbitrary()?, replacement(u)?));
        }
        Ok(Input::Changed { template, changes })
    }
}

fn replacement(u: &mut Unstructured<'_>) -> arbitrary::Result<Json> {
    Ok(match u.int_in_range(0..=9)? {
        0 => Json::Null,
        1 => json!(u.arbitrary::<bool>()?),
        2 => json!(u.arbitrary::<i64>()?),
        3 => json!(u.arbitrary::<u32>()? / 7),
        4 => json!([]),
        5 => json!({}),
        6 => json!(<&str>::arbitrary(u)?),
        7 => json!({ "expression": Written::arbitrary(u)?.0 }),
        8 => json!(Written::arbitrary(u)?.0),
        _ => json!([{ "name": <&str>::arbitrary(u)?, "clauses": [{ "operatorName": "REGEX MATCH",
            "sourceOperandName": "userName", "targetOperand": { "values": [<&str>::arbitrary(u)?] } }] }]),
    })
}

fn templates() -> &'static [Json] {
    static READ: OnceLock<Vec<Json>> = OnceLock::new();
    READ.get_or_init(|| {
        let whole = TEMPLATES.iter().filter_map(|template| template.document().ok());
        whole.map(|document| smaller(document.json().clone())).collect()
    })
}

/// With few attributes: most changes are to hit what is mapped.
fn smaller(mut template: Json) -> Json {
    for directory in template["directories"].as_array_mut().into_iter().flatten() {
        for object in directory["objects"].as_array_mut().into_iter().flatten() {
            if let Some(attributes) = object["attributes"].as_array_mut() {
                attributes.truncate(8);
            }
        }
    }
    template
}

fuzz_target!(|input: Input| {
    let read = match &input {
        Input::File(bytes) => Document::decode(bytes),
        Input::Changed { template, changes } => {
            let mut json = templates()[template % templates().len()].clone();
            for (place, value) in changes {
                let mut places = Vec::new();
                collect(&json, String::new(), &mut places);
                let place = &places[*place as usize % places.len()];
                if let Some(member) = json.pointer_mut(place) {
                    *member = value.clone();
                }
            }
            Document::read(json)
        }
    };
    let document = match read {
        Ok(document) => document,
        Err(problems) => {
            return assert!(
                problems
                    .iter()
                    .any(|one| one.is_error() && !one.message.is_empty())
            );
        }
    };
    let again =
        Document::decode(document.json().to_string().as_bytes()).expect("what was taken is read again");
    assert_eq!(again.json(), document.json());
    assert_eq!(again.schema(), document.schema());
    for model in [entra::MODEL, active_directory::MODEL] {
        let compiled = compile(document.schema(), Options { model });
        assert_eq!(compiled, compile(again.schema(), Options { model }));
        match compiled {
            Ok((_, warnings)) => assert!(warnings.iter().all(|one| !one.is_error())),
            Err(problems) => assert!(problems.iter().any(|one| one.is_error() && !one.path.is_empty())),
        }
    }
});

/// Every place in a document, as a JSON pointer.
fn collect(json: &Json, here: String, places: &mut Vec<String>) {
    match json {
        Json::Object(members) => members.iter().for_each(|(name, value)| {
            collect(
                value,
                format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")),
                places,
            );
        }),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, value)| collect(value, format!("{here}/{at}"), places)),
        _ => {}
    }
    places.push(here);
}
