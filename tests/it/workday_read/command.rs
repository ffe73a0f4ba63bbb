//! `muster workday read`.

use std::fs;
use std::process::Output;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    /// A file with this content, by its path.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_string()
    }
}

fn workday_read(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_muster");
    Command::new(program)
        .args(["workday", "read"])
        .args(arguments)
        .output()
        .unwrap()
}

fn read_json(arguments: &[&str]) -> Json {
    let output = workday_read(&[arguments, &["--json"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn page(shape: Shape, descriptors: bool) -> String {
    let page = Page {
        shape,
        descriptors,
        pretty: false,
    };
    page.of(1..3)
}

#[test]
fn every_attribute_is_there_or_is_explained() {
    let folder = Folder::new();
    let answer = folder.file("answer.xml", format!("\u{feff}{}", page(Shape::V40, false)));
    let read = read_json(&[&answer]);
    assert_eq!(read["version"], "v40.0");
    assert_eq!(read["problems"], json!([]));
    assert_eq!(
        read["results"],
        json!({ "total": 2, "pages": 1, "page": 1, "onPage": 2 })
    );
    let worker = &read["workers"][0];
    assert_eq!(
        (&worker["descriptor"], &worker["wid"]),
        (&json!("Jürgen Łukasiewicz"), &json!(page::wid(1_000_001)))
    );
    assert_eq!(worker["attributes"]["FirstName"], json!(["Jürgen"]));
    assert_eq!(
        worker["attributes"]["JobFamilyID"],
        json!(["Engineering", "Research"])
    );
    let all = worker["attributes"].as_object().unwrap().len() + worker["empty"].as_object().unwrap().len();
    assert_eq!(all, 80);
    assert_eq!(
        worker["empty"]["CountryReferenceFriendly"]["reason"],
        "noDescriptors"
    );
    assert_eq!(worker["empty"]["MiddleName"]["reason"], "noMatch");
    let hint = worker["empty"]["Mobile"]["explanation"].as_str().unwrap();
    assert!(
        hint.contains("so try wd:Worker") && hint.ends_with("/@wd:Formatted_Phone"),
        "{hint}"
    );
}

#[test]
fn what_was_not_asked_for_is_told_from_what_was_not_sent() {
    let folder = Folder::new();
    let without = |part: &str, page: &str| {
        let (begin, end) = (format!("<wd:{part}>"), format!("</wd:{part}>"));
        let mut page = page.to_string();
        while let Some(at) = page.find(&begin) {
            let to = page[at..].find(&end).unwrap() + at + end.len();
            page.replace_range(at..to, "");
        }
        page
    };
    let whole = page(Shape::V40, true);
    let empty = |page: &str, name: &str| {
        let read = read_json(&[&folder.file("answer.xml", page)]);
        let why = &read["workers"][0]["empty"][name];
        (
            why["reason"].as_str().unwrap().to_string(),
            why["explanation"].as_str().unwrap().to_string(),
        )
    };
    let (reason, why) = empty(&without("Personal_Data", &whole), "FirstName");
    assert_eq!(reason, "notSent");
    assert!(why.contains("there is no Personal_Data"), "{why}");
    let (reason, why) = empty(
        &without("Include_Personal_Information", &without("Personal_Data", &whole)),
        "FirstName",
    );
    assert_eq!(reason, "notRequested");
    assert_eq!(
        why,
        "data set not requested: the request lacks Include_Personal_Information"
    );
    let excluded = whole
        .replace("Exclude_Pay_Groups", "Exclude_Location_Hierarchies")
        .replace(">LOCATION_HIERARCHY<", ">x<");
    let (reason, why) = empty(&excluded, "FacilityLocation");
    assert_eq!(reason, "notRequested");
    assert!(
        why.ends_with("the request has Exclude_Location_Hierarchies"),
        "{why}"
    );
}

#[test]
fn the_xpaths_of_the_other_generation_are_warned_of() {
    let folder = Folder::new();
    let answer = folder.file("answer.xml", page(Shape::V21, true));
    let read = read_json(&[&answer]);
    assert_eq!(read["problems"], json!([]));
    assert_eq!(
        read["workers"][0]["attributes"]["PositionID"],
        json!(["P-00001-0"])
    );
    let read = read_json(&[&answer, "--xpaths", "v30.0"]);
    let warning = read["problems"][0]["message"].as_str().unwrap();
    assert!(warning.contains("use the XPaths for v21.1"), "{warning}");
    assert_eq!(workday_read(&[&answer, "--xpaths", "v1"]).status.code(), Some(2));
}

#[test]
fn people_get_tables() {
    let folder = Folder::new();
    let output = workday_read(&[&folder.file("answer.xml", page(Shape::V40, true))]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("Jürgen Łukasiewicz (WID "), "{shown}");
    let family = shown
        .lines()
        .find(|line| line.trim_start().starts_with("JobFamilyID"))
        .unwrap();
    assert!(family.contains("Engineering | Research"), "{family}");
    assert!(
        shown.ends_with("page 1 of 1: 2 workers here, 2 in all\n"),
        "{shown}"
    );
}

#[test]
fn a_schema_brings_its_attributes() {
    let folder = Folder::new();
    let answer = folder.file("answer.xml", page(Shape::V40, true));
    let schema = |attributes: Json| {
        let schema = json!({
            "synchronizationRules": [{ "sourceDirectoryName": "Workday", "targetDirectoryName": "x",
                "objectMappings": [{ "sourceObjectName": "Worker", "targetObjectName": "user" }] }],
            "directories": [{ "name": "Workday", "objects": [{ "name": "Worker", "attributes": attributes }] }],
        });
        folder.file("schema.json", schema.to_string())
    };
    let custom =
        |xpath: &str| json!({ "name": "Level", "apiExpressions": [{ "key": "XPath", "value": xpath }] });
    let pasted = format!(
        "/env:Envelope/env:Body/wd:Get_Workers_Response/wd:Response_Data/{}",
        CUSTOM[0].1
    );
    let file = schema(json!([custom(&pasted), { "name": "WorkerID" }, { "name": "Nowhere" }]));
    let read = read_json(&[&answer, "--schema", &file]);
    let (attributes, problems) = (&read["workers"][0]["attributes"], &read["problems"]);
    assert_eq!(*attributes, json!({ "Level": ["MGR-8"], "WorkerID": ["00001"] }));
    assert_eq!(
        (&problems[0]["path"], &problems[1]["path"]),
        (&json!("Nowhere"), &json!("Level"))
    );

    let refused = |file: &str| {
        let output = workday_read(&[&answer, "--schema", file]);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&schema(json!([custom("wd:Worker[")]))).contains("Level: expected"));
    assert!(refused(&schema(json!([]))).contains("no attributes with XPaths"));
    assert!(refused(&folder.file("s.json", "{")).contains("is no JSON"));
    assert!(refused("nowhere.json").contains("cannot read nowhere.json"));
}

#[test]
fn any_other_file_is_called_what_it_is() {
    let folder = Folder::new();
    for (content, said) in [
        ("", "it is empty"),
        ("{}", "it is no XML"),
        ("<!DOCTYPE html><html/>", "a page of HTML"),
        (
            &page(Shape::V40, true)[..9000],
            "it ends in the middle, at byte 9000",
        ),
        ("<a/>", "this is no Get_Workers_Response, but a of no namespace"),
        (
            "<S:Envelope xmlns:S='http://schemas.xmlsoap.org/soap/envelope/'><S:Body><S:Fault><faultcode>S:Client.authenticationError</faultcode><faultstring>invalid username or password</faultstring></S:Fault></S:Body></S:Envelope>",
            "Workday refused: S:Client.authenticationError: invalid username or password: check the user name",
        ),
    ] {
        for json in [&[][..], &["--json"]] {
            let output = workday_read(&[&[folder.file("answer.xml", content).as_str()], json].concat());
            let said_it = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{said_it}");
            assert!(
                said_it.contains("answer.xml: ") && said_it.contains(said),
                "{said_it}"
            );
        }
    }
    let output = workday_read(&["nowhere.xml"]);
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("cannot read nowhere.xml")
    );
}
