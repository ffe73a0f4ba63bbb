//! From a file's bytes to bulk requests, and what is said of files and mappings that are wrong.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::{Value as Json, json};

use super::attributes::{CORE_USER, ENTERPRISE_USER};
use super::chunks::People;
use super::encoding;
use super::mapping::{DEFAULT, Mapping};
use super::sheet::{Format, Sheet};

const SMALL: &str = r#"{ "externalId": "id", "title": "title", "active": { "column": "status", "equals": ["Active", "on leave"], "false": "gone" } }"#;

fn sheet(file: &[u8], format: Format) -> Result<Sheet, String> {
    Sheet::over(
        "people.csv".into(),
        Box::new(io::Cursor::new(file.to_vec())),
        format,
    )
}

/// The people that come of a file, or what is wrong with it.
fn read(file: &[u8], mapping: &str, format: Format) -> Result<Vec<Json>, String> {
    let sheet = sheet(file, format)?;
    let mapping = Mapping::read(mapping, sheet.header(), None)?;
    let mut people = People::new(sheet, &mapping);
    let mut found = Vec::new();
    while let Some((_, person)) = people.next()? {
        found.push(person.data);
    }
    Ok(found)
}

fn titles(file: &[u8], format: Format) -> Vec<String> {
    let people = read(file, SMALL, format).unwrap();
    let titles = people
        .iter()
        .map(|person| person["title"].as_str().unwrap().to_string());
    titles.collect()
}

fn in_encoding(name: &str) -> Format {
    Format {
        encoding: Some(encoding::named(name).unwrap()),
        ..Format::default()
    }
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn microsofts_columns_become_what_its_client_sends() {
    let file = include_bytes!("../../../examples/people.csv");
    let sheet = sheet(file, Format::default()).unwrap();
    let mapping = Mapping::read(DEFAULT, sheet.header(), Some("urn:contoso:employee")).unwrap();
    let mut people = People::new(sheet, &mapping);
    let first = people.chunk(3, 2).unwrap().unwrap();
    let second = people.chunk(3, 2).unwrap().unwrap();
    assert!(people.chunk(3, 2).unwrap().is_none());
    assert_eq!((first.rows, second.rows), (2..=4, 5..=6));
    assert_eq!(first.workers, ["2001", "2002", "2003"]);
    let request: Json = serde_json::from_slice(&first.body).unwrap();
    assert_eq!(
        request["schemas"],
        json!(["urn:ietf:params:scim:api:messages:2.0:BulkRequest"])
    );
    assert_eq!(request["failOnErrors"], Json::Null);
    let operation = &request["Operations"][2];
    let row = operation["data"]["urn:contoso:employee"].clone();
    assert_eq!(row["HireDate"], "2016-06-13");
    assert_eq!(row.as_object().unwrap().len(), 24);
    let expected = json!({
        "method": "POST", "bulkId": "row-4", "path": "/Users",
        "data": {
            "schemas": [CORE_USER, ENTERPRISE_USER, "urn:contoso:employee"],
            "externalId": "2003", "userName": "joseph.clement", "displayName": "Joseph Clement",
            "nickName": "joseph.clement", "name": { "givenName": "Joseph", "familyName": "Clement" },
            "userType": "Employee", "title": "Toolmaker", "active": true,
            "addresses": [{
                "type": "work", "streetAddress": "Unit 4, Mill Lane", "locality": "Leeds", "postalCode": "LS1 4AP",
                "country": "GB",
            }],
            "phoneNumbers": [{ "type": "work", "value": "+44 113 496 0003" }],
            ENTERPRISE_USER: {
                "employeeNumber": "2003", "costCenter": "CC1020", "organization": "Orrery Works",
                "division": "Instruments", "department": "Workshop", "manager": { "value": "2002" },
            },
            "urn:contoso:employee": row,
        },
    });
    assert_eq!(*operation, expected);
    let request: Json = serde_json::from_slice(&second.body).unwrap();
    let last = &request["Operations"][1]["data"];
    assert_eq!(last["active"], false);
    assert_eq!(
        last["addresses"][0]["streetAddress"],
        "7 Drottninggatan\n2nd floor"
    );
    assert!(crate::connector::bulk::check(&second.body, 50).is_ok());
}

#[test]
fn rows_before_the_first_one_wanted_are_left_out() {
    let sheet = sheet(b"id,title,status\n1,,\n2,,\n3,,\n", Format::default()).unwrap();
    let mapping = Mapping::read(SMALL, sheet.header(), None).unwrap();
    let chunk = People::new(sheet, &mapping).chunk(2, 3).unwrap().unwrap();
    assert_eq!(
        (chunk.rows, chunk.workers),
        (3..=4, vec!["2".to_string(), "3".to_string()])
    );
}

#[test]
fn cells() {
    let file =
        b"ID;Status;\"Title\";;\r\n 1 ;ACTIVE;\"A \"\"B\"\"\";;\r\n\r\n2;On Leave;;;x\r\n3; ;;;\r\n4;gone;;;";
    let people = read(file, SMALL, Format::default()).unwrap();
    let schemas = json!([CORE_USER, ENTERPRISE_USER]);
    assert_eq!(
        people,
        [
            json!({ "schemas": schemas, "externalId": "1", "title": "A \"B\"", "active": true }),
            json!({ "schemas": schemas, "externalId": "2", "title": "", "active": true }),
            // Nobody is disabled by a cell that somebody forgot.
            json!({ "schemas": schemas, "externalId": "3", "title": "" }),
            json!({ "schemas": schemas, "externalId": "4", "title": "", "active": false }),
        ]
    );
}

#[test]
fn encodings_and_delimiters() {
    let text = "id;status;title\n1;;Größe, Łódź\n";
    let latin = b"id\tstatus\ttitle\n1\t\tGr\xf6\xdfe \x80\n";
    for (file, format, title) in [
        (text.as_bytes().to_vec(), Format::default(), "Größe, Łódź"),
        (
            [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat(),
            in_encoding("latin1"),
            "Größe, Łódź",
        ),
        (
            utf16(&format!("\u{feff}{text}"), u16::to_le_bytes),
            Format::default(),
            "Größe, Łódź",
        ),
        (
            utf16(&format!("\u{feff}{text}"), u16::to_be_bytes),
            Format::default(),
            "Größe, Łódź",
        ),
        (
            utf16(text, u16::to_le_bytes),
            in_encoding("utf-16"),
            "Größe, Łódź",
        ),
        (latin.to_vec(), in_encoding("windows-1252"), "Größe €"),
        (latin.to_vec(), in_encoding("ISO-8859-1"), "Größe €"),
        ("id|status|title\n1||a;b,c\n".into(), Format::default(), "a;b,c"),
        (
            "\"id, and; more;\",id,status,title\n,1,,x\n".into(),
            Format::default(),
            "x",
        ),
        (
            "id status title\n1  x\n".into(),
            Format {
                delimiter: Some(b' '),
                ..Format::default()
            },
            "x",
        ),
    ] {
        assert_eq!(
            titles(&file, format),
            [title],
            "{}",
            String::from_utf8_lossy(&file)
        );
    }
    assert!(encoding::named("klingon").is_err());
}

#[test]
fn rows_are_counted_as_a_spreadsheet_counts_them() {
    for (file, rows) in [
        ("id,title,status\n1,,\n\n\n2,,\n", vec![2, 5]),
        (
            "\r\nid,title,status\r\n\r\n1,,\r\n\r\n2,\"a\r\nb\",\r\n3,,",
            vec![4, 6, 7],
        ),
        ("\n\nid,title,status\n\n1,,", vec![5]),
        ("id,title,status\r1,,\r\r2,,", vec![2, 4]),
        ("id,title,status\n,,\n1,,\n \n, ,\n", vec![3]),
        ("sep=;\r\nid;title;status\r\n1;;\r\n", vec![3]),
        ("SEP=\t\nid\ttitle\tstatus\n\n1\t,\t\n", vec![4]),
    ] {
        let sheet = sheet(file.as_bytes(), Format::default()).unwrap();
        let mapping = Mapping::read(SMALL, sheet.header(), None).unwrap();
        let mut people = People::new(sheet, &mapping);
        let mut found = Vec::new();
        while let Some((row, _)) = people.next().unwrap() {
            found.push(row);
        }
        assert_eq!(found, rows, "{file:?}");
    }
}

#[test]
fn nobody_sees_the_spaces_around_a_key() {
    let mapping =
        format!(r#"{{ "externalId": "id", "{ENTERPRISE_USER}": {{ "manager": {{ "value": "boss" }} }} }}"#);
    let people = read(
        "id,boss\n1, 2\u{a0}\n2,\n".as_bytes(),
        &mapping,
        Format::default(),
    )
    .unwrap();
    assert_eq!(
        people[0][ENTERPRISE_USER]["manager"]["value"],
        people[1]["externalId"]
    );
}

#[test]
fn nobody_is_disabled_by_a_word_that_nobody_listed() {
    let file = b"id,flag,title,status\n1,,,Aktiv\n2,,,Active\n3,,,AKTIV\n4,,,Ruhend\n5,,,\n6,,,Gone\n";
    let words = |mapping: &str| {
        let sheet = sheet(file, Format::default()).unwrap();
        let mapping = Mapping::read(mapping, sheet.header(), None).unwrap();
        let mut people = People::new(sheet, &mapping);
        let mut active = Vec::new();
        while let Some((_, person)) = people.next().unwrap() {
            active.push(person.data["active"].as_bool());
        }
        (active, people.check_words().err().unwrap_or_default())
    };
    let (active, told) = words(SMALL);
    assert_eq!(active, [None, Some(true), None, None, None, Some(false)]);
    for part in [
        "column status: 'aktiv' in 2 rows\ncolumn status: 'ruhend' in 1 row\n",
        "\"false\": [what means false]",
        "\"otherwise\": false",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let rest =
        r#"{ "externalId": "id", "active": { "column": "status", "equals": "active", "otherwise": false } }"#;
    let (active, told) = words(rest);
    assert_eq!((active[0], active[4], told.as_str()), (Some(false), None, ""));
}

#[test]
fn a_mapping_is_read_in_whatever_encoding_its_mark_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mapping.json");
    for bytes in [
        SMALL.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", SMALL.as_bytes()].concat(),
        utf16(&format!("\u{feff}{SMALL}"), u16::to_le_bytes),
        utf16(&format!("\u{feff}{SMALL}"), u16::to_be_bytes),
    ] {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(encoding::text(&file).unwrap(), SMALL);
    }
    std::fs::write(&file, b"{ \"title\": \"Gr\xf6\xdfe\" }").unwrap();
    assert!(
        encoding::text(&file)
            .unwrap_err()
            .ends_with("it is not UTF-8: save it as UTF-8")
    );
}

#[test]
fn what_is_wrong_with_a_file() {
    let long = [b"id,title,status\n1,\"".to_vec(), vec![b'x'; 3 << 20]].concat();
    let odd = [
        utf16("\u{feff}id,title,status\n1,", u16::to_le_bytes),
        vec![0, 0xd8, b',', 0, b'\n', 0],
    ]
    .concat();
    for (file, told) in [
        (b"".as_slice(), "people.csv is empty"),
        (b";;;\n", "people.csv is empty"),
        (
            b"PK\x03\x04\x14\0",
            "cannot read people.csv: it is an Excel workbook: save it as CSV UTF-8",
        ),
        (b"\r\n", "people.csv is empty"),
        (
            b"id,title,status\n1,x\n",
            "people.csv, row 2: it has 2 cells where the header has 3: a line end or",
        ),
        (
            b"id,title,status\n1,x,y,z\n",
            "people.csv, row 2: it has 4 cells where the header has 3: a text that holds",
        ),
        (
            b"id,title,status\n1,\"a\nb\",x\n\n,x,\n",
            "people.csv, row 4 (line 5): column id: it is empty",
        ),
        (
            b"id,title,status\n \t,x,\n",
            "people.csv, row 2: column id: it is empty",
        ),
        (
            b"id,title,status\n\"1\n2\",x,\n",
            "people.csv, row 2: column id: a line end or control character",
        ),
        (
            b"id,Title,status,title\n",
            "people.csv: columns 2 and 4 are both called title",
        ),
        (
            b"id,title,status\n1,J\xfcrgen,\n",
            "people.csv, row 2: column title: it is not UTF-8",
        ),
        (
            b"id,t\xeftle,status\n",
            "people.csv, row 1: column 2: it is not UTF-8; if Excel or an older system wrote the file, say --encoding windows-1252",
        ),
        (
            b"i\0d\0,\0t\0\n\0",
            "people.csv, row 1: column 1: what stands there is no text in this encoding",
        ),
        (
            &odd,
            "people.csv, row 2: column title: what stands there is no text",
        ),
        (&long, "people.csv, row 2: it is longer than a megabyte"),
        (
            b"id,status\n1,x\n",
            "title: there is no column 'title' in the file\nthe file has the columns id, status",
        ),
    ] {
        let found = read(file, SMALL, Format::default()).unwrap_err();
        assert!(found.starts_with(told), "{found}\nis not\n{told}");
    }
}

#[test]
fn what_is_wrong_with_a_mapping() {
    let header = sheet(b"id,title,flag\n", Format::default()).unwrap();
    let with = |member: &str| format!(r#"{{ "externalId": "id", {member} }}"#);
    for (mapping, told) in [
        ("[".to_string(), "is no JSON: "),
        (
            with(r#""title": "title", "title": "flag""#),
            "title is written twice at line 1",
        ),
        (
            with(r#""name": { "givenName": "title", "givenname": "flag" }"#),
            "givenname is written twice",
        ),
        (
            with(r#""active": { "column": "flag", "equals": "x", "false": ["y", "X"] }"#),
            "active: 'x' cannot be true and false",
        ),
        (
            with(r#""active": { "column": "flag", "equals": "x", "otherwise": "no" }"#),
            "active: otherwise: write true or false",
        ),
        ("[]".to_string(), "must be a JSON object"),
        (
            r#"{ "title": "title" }"#.to_string(),
            "externalId: name the column",
        ),
        (
            r#"{ "externalId": { "constant": "1" } }"#.to_string(),
            "externalId: name the column",
        ),
        (
            r#"{ "externalId": "key" }"#.to_string(),
            "externalId: there is no column 'key'",
        ),
        (
            with(r#""shoeSize": "title""#),
            "shoeSize: SCIM has no such attribute; there are id, externalId",
        ),
        (
            with(r#""password": "title""#),
            "password: SCIM has no such attribute",
        ),
        (
            with(r#""name": "title""#),
            "name: it has members: write an object",
        ),
        (
            with(r#""name": { "firstName": "title" }"#),
            "name.firstName: SCIM has no such attribute; there are formatted",
        ),
        (
            with(r#""emails": { "value": "title" }"#),
            "emails: it is multi-valued: write a list",
        ),
        (with(r#""emails": ["title"]"#), "emails[0]: it has members"),
        (
            with(r#""emails": [{ "worth": "title" }]"#),
            "emails[0].worth: SCIM has no such attribute",
        ),
        (with(r#""title": 1"#), "title: write a column's name"),
        (
            with(r#""title": { "value": "title" }"#),
            "title: write a column's name",
        ),
        (
            with(r#""title": { "constant": true }"#),
            "title: the constant has to be a text",
        ),
        (
            with(r#""active": { "constant": "true" }"#),
            "active: the constant has to be true or false",
        ),
        (
            with(r#""title": { "column": "flag", "equals": "x" }"#),
            "title: a comparison is true or false",
        ),
        (
            with(r#""active": { "column": "flag", "equals": [] }"#),
            "active: equals: write a text",
        ),
        (
            with(r#""active": { "column": "flag", "is": "x" }"#),
            "active: write { \"column\"",
        ),
        (
            with(r#""active": { "column": ["flag"] }"#),
            "active: column: write a column's name",
        ),
        (
            with(r#""active": { "equals": "x" }"#),
            "active: write { \"column\"",
        ),
        (
            with(&format!(r#""{CORE_USER}": {{}}"#)),
            "urn:ietf:params:scim:schemas:core:2.0:User: core attributes stand at the top",
        ),
        (
            with(&format!(r#""{ENTERPRISE_USER}": {{ "badge": "title" }}"#)),
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.badge: SCIM has no such",
        ),
        (with(r#""urn:x": "title""#), "urn:x: it has members"),
    ] {
        let found = Mapping::read(&mapping, header.header(), None)
            .err()
            .unwrap_or_default();
        assert!(found.starts_with(told), "{mapping}: {found}\nis not\n{told}");
    }
    for (urn, told) in [
        ("contoso", "--namespace: write a URN"),
        (ENTERPRISE_USER, "--namespace: write a URN"),
        (&ENTERPRISE_USER.to_uppercase(), "--namespace: write a URN"),
        ("URN:X", "--namespace: the mapping has this URN too"),
    ] {
        let mapping = with(r#""urn:x": { "anything": { "below": ["title", { "constant": 1 }] } }"#);
        let found = Mapping::read(&mapping, header.header(), Some(urn))
            .err()
            .unwrap_or_default();
        assert!(found.starts_with(told), "{found}");
    }
    // All at once.
    let mapping = with(r#""a": "x", "title": "y", "displayName": "z""#);
    let found = Mapping::read(&mapping, header.header(), None).err().unwrap();
    assert_eq!(found.lines().count(), 4, "{found}");
}

#[test]
fn true_and_false_are_read_as_written() {
    let mapping =
        r#"{ "EXTERNALID": "id", "ACTIVE": "flag", "urn:x": { "a": { "constant": 7 }, "b": ["flag"] } }"#;
    let people = read(b"id,flag\n1,TRUE\n2,false\n3,\n", mapping, Format::default()).unwrap();
    let active: Vec<&Json> = people.iter().map(|person| &person["active"]).collect();
    assert_eq!(active, [&json!(true), &json!(false), &Json::Null]);
    assert_eq!(people[0]["urn:x"], json!({ "a": 7, "b": ["TRUE"] }));
    let found = read(b"id,flag\n1,yes\n", mapping, Format::default()).unwrap_err();
    assert!(
        found.starts_with("people.csv, row 2: column flag: it is neither true nor false"),
        "{found}"
    );
}

/// Rows made as they are read, and how many bytes of them were.
struct Endless {
    rows: usize,
    row: usize,
    left: Vec<u8>,
    made: Arc<AtomicUsize>,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() && self.row < self.rows {
            self.row += 1;
            self.left = line(self.row);
            self.made.fetch_add(self.left.len(), Relaxed);
        }
        let count = into.len().min(self.left.len());
        into[..count].copy_from_slice(&self.left[..count]);
        self.left.drain(..count);
        Ok(count)
    }
}

fn line(row: usize) -> Vec<u8> {
    match row {
        1 => b"id,title,status\n".to_vec(),
        row => format!("{row},\"Keeper of the\nmiddle door, number {row}\",Active\n").into_bytes(),
    }
}

#[test]
fn a_hundred_thousand_rows_are_never_in_memory_together() {
    const ROWS: usize = 100_000;
    /// What is read ahead to find the delimiter, and a buffer or two.
    const AHEAD: usize = 128 << 10;
    /// Fifty of these rows as JSON.
    const REQUEST: usize = 32 << 10;
    for format in [Format::default(), in_encoding("windows-1252")] {
        let made = Arc::new(AtomicUsize::new(0));
        let rows = Endless {
            rows: ROWS + 1,
            row: 0,
            left: Vec::new(),
            made: made.clone(),
        };
        let sheet = Sheet::over("people.csv".into(), Box::new(rows), format).unwrap();
        let mapping = Mapping::read(SMALL, sheet.header(), None).unwrap();
        let mut people = People::new(sheet, &mapping);
        let (mut count, mut taken) = (0, line(1).len());
        while let Some(chunk) = people.chunk(50, 2).unwrap() {
            let row = usize::try_from(*chunk.rows.start()).unwrap();
            taken += (row..row + chunk.workers.len())
                .map(|row| line(row).len())
                .sum::<usize>();
            count += chunk.workers.len();
            let ahead = made.load(Relaxed) - taken;
            assert!(ahead <= AHEAD, "{ahead} bytes are read and in no request yet");
            assert!(
                chunk.body.len() <= REQUEST,
                "a request of {} bytes",
                chunk.body.len()
            );
        }
        assert_eq!((count, taken), (ROWS, made.load(Relaxed)));
    }
}
