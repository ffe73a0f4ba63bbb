//! What a directory's accounts can hold, as its schema describes it: in one entry, in the words of RFC 4512 §4.2. Active
//! Directory describes itself so too, beside its own way ([MS-ADTS] 3.1.1.3.1.1.1).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::connection::Failure;
use super::errors::During;
use super::model::MODEL;
use super::target::{ActiveDirectory, DirectorySession};
use super::wire::Entry;
use crate::connector::{Attribute, AttributeType};
use crate::error::{Error, Kind, Result};

/// Everything that an account may have, by name.
pub(super) async fn discover(target: &ActiveDirectory) -> Result<Vec<Attribute>> {
    let session = target.first_session(None).await?;
    let schema = Schema::of(&subschema(&session).await?);
    let classes = schema.with_parents(session.server.dialect.classes);
    let mut required = BTreeSet::new();
    let mut allowed = BTreeSet::new();
    for class in &classes {
        for description in schema.classes.get(class).into_iter().flatten() {
            required.extend(description.list("MUST").map(str::to_lowercase));
            allowed.extend(description.list("MAY").map(str::to_lowercase));
        }
    }
    let found = required.union(&allowed).filter_map(|name| schema.attribute(name));
    let attributes: BTreeMap<String, Attribute> = found.map(|one| (one.name.to_lowercase(), one)).collect();
    Ok(attributes.into_values().collect())
}

async fn subschema(session: &DirectorySession) -> Result<Entry> {
    let connection = session.connection().await?;
    let failed = |failure: Failure| failure.into_error(During::Search);
    let root = connection.root(&["subschemaSubentry"]).await.map_err(failed)?;
    let hidden = || {
        Error::new(
            Kind::Forbidden,
            "the directory does not describe its schema to the service account",
        )
    };
    let place = root.text("subschemaSubentry").ok_or_else(hidden)?;
    let asked = ["attributeTypes", "objectClasses", "dITContentRules"].map(str::to_string);
    let entry = connection.read(place, &asked, Vec::new()).await.map_err(failed)?;
    entry.ok_or_else(hidden)
}

/// Descriptions by each of their names, in lower case.
struct Schema {
    attributes: HashMap<String, Description>,
    /// A class is described by itself, and by the rule that says what else its entries may hold.
    classes: HashMap<String, Vec<Description>>,
}

impl Schema {
    fn of(entry: &Entry) -> Schema {
        let mut attributes = HashMap::new();
        for description in entry.texts("attributeTypes").filter_map(Description::parse) {
            for name in description.list("NAME") {
                attributes.insert(name.to_lowercase(), description.clone());
            }
        }
        let mut classes: HashMap<String, Vec<Description>> = HashMap::new();
        let described = entry.texts("objectClasses").chain(entry.texts("dITContentRules"));
        for description in described.filter_map(Description::parse) {
            for name in description.list("NAME") {
                let of_class = classes.entry(name.to_lowercase()).or_default();
                of_class.push(description.clone());
            }
        }
        Schema { attributes, classes }
    }

    /// These classes, those they are made from, and those their entries may have besides.
    fn with_parents(&self, classes: &[&str]) -> BTreeSet<String> {
        let mut known = BTreeSet::new();
        let mut open: Vec<String> = classes.iter().map(|name| name.to_lowercase()).collect();
        while let Some(class) = open.pop() {
            if known.insert(class.clone()) {
                let described = self.classes.get(&class).into_iter().flatten();
                let others = described.flat_map(|one| one.list("SUP").chain(one.list("AUX")));
                open.extend(others.map(str::to_lowercase));
            }
        }
        known
    }

    fn attribute(&self, name: &str) -> Option<Attribute> {
        let description = self.attributes.get(name)?;
        let name = description.list("NAME").next()?;
        Some(Attribute {
            name: name.to_string(),
            kind: self.kind(description),
            multivalued: !description.has("SINGLE-VALUE"),
            read_only: description.has("NO-USER-MODIFICATION"),
            required: MODEL.required.contains(&name),
        })
    }

    /// A description may take its syntax from the one it is made from.
    fn kind(&self, description: &Description) -> AttributeType {
        let mut description = description;
        for _ in 0..DEEPEST {
            if let Some(syntax) = description.list("SYNTAX").next() {
                let oid = syntax.split('{').next().unwrap_or(syntax);
                let row = SYNTAXES.iter().find(|(known, _)| *known == oid);
                return row.map_or(AttributeType::String, |(_, kind)| *kind);
            }
            let parent = description.list("SUP").next().map(str::to_lowercase);
            match parent.and_then(|parent| self.attributes.get(&parent)) {
                Some(parent) => description = parent,
                None => break,
            }
        }
        AttributeType::String
    }
}

/// Attributes made from one another, at most.
const DEEPEST: usize = 16;

/// Syntaxes other than texts (RFC 4517 §3.3, [MS-ADTS] 3.1.1.2.2.2).
#[rustfmt::skip]
const SYNTAXES: &[(&str, AttributeType)] = &[
    ("1.3.6.1.4.1.1466.115.121.1.5",  AttributeType::Binary),
    ("1.3.6.1.4.1.1466.115.121.1.7",  AttributeType::Boolean),
    ("1.3.6.1.4.1.1466.115.121.1.8",  AttributeType::Binary),
    ("1.3.6.1.4.1.1466.115.121.1.12", AttributeType::Reference),
    ("1.3.6.1.4.1.1466.115.121.1.24", AttributeType::DateTime),
    ("1.3.6.1.4.1.1466.115.121.1.27", AttributeType::Integer),
    ("1.3.6.1.4.1.1466.115.121.1.28", AttributeType::Binary),
    ("1.3.6.1.4.1.1466.115.121.1.40", AttributeType::Binary),
    ("1.3.6.1.4.1.1466.115.121.1.53", AttributeType::DateTime),
    ("1.2.840.113556.1.4.903",        AttributeType::Reference),
    ("1.2.840.113556.1.4.904",        AttributeType::Reference),
    ("1.2.840.113556.1.4.906",        AttributeType::Integer),
    ("1.2.840.113556.1.4.907",        AttributeType::Binary),
];

/// One description: `( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name SINGLE-VALUE )`.
#[derive(Clone, Debug)]
struct Description {
    /// Keywords with what follows each.
    fields: HashMap<String, Vec<String>>,
}

impl Description {
    fn parse(text: &str) -> Option<Description> {
        let inside = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        let mut words = words(inside).into_iter();
        words.next()?;
        let mut fields: HashMap<String, Vec<String>> = HashMap::new();
        let mut keyword = String::new();
        let mut in_list = false;
        for word in words {
            match word.as_str() {
                "(" => in_list = true,
                ")" => in_list = false,
                "$" => {}
                _ if !in_list && is_keyword(&word) => {
                    fields.entry(word.clone()).or_default();
                    keyword = word;
                }
                _ => fields.entry(keyword.clone()).or_default().push(word),
            }
        }
        Some(Description { fields })
    }

    fn list(&self, keyword: &str) -> impl Iterator<Item = &str> {
        self.fields.get(keyword).into_iter().flatten().map(String::as_str)
    }

    fn has(&self, keyword: &str) -> bool {
        self.fields.contains_key(keyword)
    }
}

const KEYWORDS: &[&str] = &[
    "NAME",
    "DESC",
    "OBSOLETE",
    "SUP",
    "EQUALITY",
    "ORDERING",
    "SUBSTR",
    "SYNTAX",
    "SINGLE-VALUE",
    "COLLECTIVE",
    "NO-USER-MODIFICATION",
    "USAGE",
    "ABSTRACT",
    "STRUCTURAL",
    "AUXILIARY",
    "MUST",
    "MAY",
    "AUX",
    "NOT",
];

fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word) || word.starts_with("X-")
}

/// Words, brackets and texts in quotes without their quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '(' | ')' | '$' => rest.split_at(1),
            '\'' => {
                let inside = &rest[1..];
                let end = inside.find('\'').unwrap_or(inside.len());
                (&inside[..end], inside.get(end + 1..).unwrap_or_default())
            }
            _ => {
                let ends = |it: char| it.is_whitespace() || matches!(it, '(' | ')' | '$' | '\'');
                rest.split_at(rest.find(ends).unwrap_or(rest.len()))
            }
        };
        words.push(word.to_string());
        rest = after.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_read_in_every_form() {
        let one = Description::parse(
            "( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'a ( name ) MAY $' SUP name SYNTAX '1.2.3{64}' SINGLE-VALUE X-ORIGIN 'x' )",
        )
        .unwrap();
        assert_eq!(one.list("NAME").collect::<Vec<_>>(), ["cn", "commonName"]);
        assert_eq!(one.list("SYNTAX").collect::<Vec<_>>(), ["1.2.3{64}"]);
        assert!(one.has("SINGLE-VALUE") && !one.has("MAY"));
        let class = Description::parse("(1.1 NAME 'user' SUP top MUST (cn$sn) MAY c)").unwrap();
        assert_eq!(class.list("MUST").collect::<Vec<_>>(), ["cn", "sn"]);
        assert_eq!(class.list("MAY").collect::<Vec<_>>(), ["c"]);
        assert!(Description::parse("no description").is_none());
        assert!(Description::parse("( 1.1 NAME 'unfinished )").is_some());
    }

    #[test]
    fn what_an_account_may_hold_comes_from_all_its_classes() {
        let entry = Entry::of(
            "",
            &[
                ("objectClasses", "( 1 NAME 'user' SUP person MAY manager )"),
                ("objectClasses", "( 2 NAME 'person' SUP top MUST sn )"),
                ("objectClasses", "( 4 NAME 'mailbox' AUXILIARY MAY mail )"),
                ("dITContentRules", "( 1 NAME 'user' AUX mailbox MAY age )"),
                (
                    "attributeTypes",
                    "( 5 NAME 'manager' SYNTAX '1.3.6.1.4.1.1466.115.121.1.12' SINGLE-VALUE )",
                ),
                ("attributeTypes", "( 6 NAME 'sn' SUP name )"),
                (
                    "attributeTypes",
                    "( 7 NAME 'name' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
                ),
            ],
        );
        let schema = Schema::of(&entry);
        let classes: Vec<String> = schema.with_parents(&["user"]).into_iter().collect();
        assert_eq!(classes, ["mailbox", "person", "top", "user"]);
        let manager = schema.attribute("manager").unwrap();
        assert_eq!(
            (manager.kind, manager.multivalued),
            (AttributeType::Reference, false)
        );
        let name = schema.attribute("sn").unwrap();
        assert_eq!((name.kind, name.multivalued), (AttributeType::String, true));
        assert!(
            schema.attribute("mail").is_none(),
            "it is allowed, and not described"
        );
    }
}
