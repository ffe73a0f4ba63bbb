//! A directory as OpenLDAP's own tools see it: a second opinion, which shares no code with Muster's connector.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

#[derive(Clone)]
pub struct Client {
    pub url: String,
    pub user: String,
    pub password: String,
    pub ca_file: PathBuf,
    pub base_dn: String,
}

/// The server said no: the LDAP result code, and its text.
#[derive(Debug)]
pub struct Refusal {
    pub code: i32,
    pub text: String,
}

impl Client {
    /// Every entry below the base that the filter matches. No attributes means all of them.
    pub fn search(&self, filter: &str, attributes: &[&str]) -> Result<Vec<Entry>, Refusal> {
        let arguments = [&["-LLL", "-b", &self.base_dn, filter], attributes].concat();
        self.run("ldapsearch", &arguments, "").map(|ldif| parse(&ldif))
    }

    pub fn add(&self, ldif: &str) -> Result<(), Refusal> {
        self.run("ldapadd", &[], ldif).map(drop)
    }

    pub fn modify(&self, ldif: &str) -> Result<(), Refusal> {
        self.run("ldapmodify", &[], ldif).map(drop)
    }

    pub fn delete(&self, dn: &str) -> Result<(), Refusal> {
        self.run("ldapdelete", &[dn], "").map(drop)
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Result<String, Refusal> {
        let mut tool = Command::new(program)
            .args(["-x", "-H", &self.url, "-D", &self.user, "-w", &self.password])
            .args(arguments)
            .env("LDAPTLS_CACERT", &self.ca_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}: run tests/install"));
        // A tool that was refused at once no longer reads, which is no matter.
        let _ = tool.stdin.take().unwrap().write_all(input.as_bytes());
        let output = tool.wait_with_output().unwrap();
        // The tools end with the result code of what failed.
        match output.status.code() {
            Some(0) => Ok(String::from_utf8(output.stdout).unwrap()),
            code => Err(Refusal {
                code: code.unwrap(),
                text: String::from_utf8_lossy(&output.stderr).into_owned(),
            }),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub dn: String,
    /// Text as it is, binary values in base64.
    pub values: BTreeMap<String, Vec<String>>,
}

impl Entry {
    /// The one value of an attribute.
    pub fn value(&self, attribute: &str) -> Option<&str> {
        match self.values.get(attribute).map(Vec::as_slice) {
            None => None,
            Some([value]) => Some(value),
            Some(values) => panic!("{attribute} of {} has {} values", self.dn, values.len()),
        }
    }
}

/// Values that are always shown in base64: some few of them happen to be text.
const BINARY: [&str; 3] = ["objectGUID", "objectSid", "unicodePwd"];

/// LDIF as `ldapsearch -LLL` writes it (RFC 2849).
fn parse(ldif: &str) -> Vec<Entry> {
    let unfolded = ldif.replace("\n ", "");
    let mut entries = Vec::new();
    for record in unfolded.split("\n\n") {
        let mut entry = Entry {
            dn: String::new(),
            values: BTreeMap::new(),
        };
        for line in record
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (attribute, rest) = line.split_once(':').unwrap_or_else(|| panic!("not LDIF: {line}"));
            let value = match rest.strip_prefix(':') {
                None => rest.trim_start().to_owned(),
                Some(coded) => text(attribute, coded.trim_start()),
            };
            if attribute == "dn" {
                entry.dn = value;
            } else {
                entry.values.entry(attribute.to_owned()).or_default().push(value);
            }
        }
        // What has no DN is a referral to another part of the forest.
        if !entry.dn.is_empty() {
            entries.push(entry);
        }
    }
    entries
}

fn text(attribute: &str, coded: &str) -> String {
    match String::from_utf8(STANDARD.decode(coded).unwrap()) {
        Ok(text) if !BINARY.contains(&attribute) => text,
        _ => coded.to_owned(),
    }
}

#[test]
fn ldif_is_unfolded_and_decoded() {
    let entries = parse(
        "dn:: Q049WsO8cmljaCxEQz1leGFtcGxlLERDPXRlc3Q=\n\
         description: a line that was too lo\n ng for one\n\
         mail: one@example.test\nmail: two@example.test\ninfo:\nobjectSid:: c2lk\n\n\
         # refldaps://example.test/CN=Configuration,DC=example,DC=test\n\n",
    );
    let [entry] = &entries[..] else {
        panic!("one entry: {entries:?}")
    };
    assert_eq!(entry.dn, "CN=Zürich,DC=example,DC=test");
    assert_eq!(
        entry.value("description"),
        Some("a line that was too long for one")
    );
    assert_eq!(entry.values["mail"], ["one@example.test", "two@example.test"]);
    assert_eq!(entry.value("info"), Some(""));
    assert_eq!(entry.value("objectSid"), Some("c2lk"));
    assert_eq!(entry.value("manager"), None);
}
