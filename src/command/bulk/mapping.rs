//! Which column goes into which SCIM attribute. A mapping has the shape of the person that comes of it:
//!
//! - `"title": "JobTitle"`: the text of a column;
//! - `{ "column": "WorkerStatus", "equals": "Active", "false": ["Inactive", "Left"] }`: true or false, whatever the
//!   case. A word in neither list is an error, unless `"otherwise": false` says what all others mean;
//! - `{ "constant": "work" }`: the same for everybody;
//! - an object for an attribute with members and for an extension's URN, a list for a multi-valued attribute.
//!
//! An empty cell is the text `""`, as in Microsoft's sample client, which the other side takes for no value. Of a
//! true-or-false attribute it says nothing, so that nobody is disabled by an empty status.

use serde_json::{Map, Value as Json};

use super::attributes::{self, Attribute, CORE_USER, ENTERPRISE_USER, Kind};
use super::sheet::{Header, Record};
use super::written;

/// The columns of Microsoft's sample files.
pub const DEFAULT: &str = include_str!("../../../examples/bulk-mapping.json");

/// A mapping that fits a file.
pub struct Mapping {
    members: Members,
    /// The column of the worker's key.
    id: usize,
    /// What `data.schemas` lists.
    schemas: Vec<String>,
}

type Members = Vec<(String, Node)>;

enum Node {
    Text(usize),
    Truth(usize),
    Words(usize, Words),
    Constant(Json),
    Members(Members),
    List(Vec<Node>),
}

/// What the words of a column mean, in lower case.
struct Words {
    yes: Vec<String>,
    no: Vec<String>,
    otherwise: Option<bool>,
}

/// How to say what words mean.
pub const WORDS: &str = r#"write { "column": …, "equals": [what means true], "false": [what means false] }, or "otherwise": false for all others, in a --mapping in the shape of examples/bulk-mapping.json"#;

impl Words {
    fn mean(&self, word: &str) -> Option<bool> {
        let word = word.to_lowercase();
        match (self.yes.contains(&word), self.no.contains(&word)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => self.otherwise,
        }
    }
}

/// One row of a file, as SCIM.
pub struct Person {
    pub id: String,
    pub data: Json,
}

impl Mapping {
    /// Reads a mapping for a file with these columns. `namespace` takes in every column under its own name. The
    /// error has a line for everything that is wrong.
    pub fn read(text: &str, header: &Header, namespace: Option<&str>) -> Result<Mapping, String> {
        let Json::Object(written) = written::read(text)? else {
            return Err("must be a JSON object: SCIM attributes and the columns they come from".into());
        };
        let mut reader = Reader {
            header,
            problems: Vec::new(),
            missing: false,
        };
        let mut members = reader.person(&written);
        let id = members
            .iter()
            .find_map(|(name, node)| match node {
                Node::Text(column) if name == "externalId" => Some(*column),
                _ => None,
            })
            .or_else(|| reader.no_id(&written));
        if let Some(urn) = namespace {
            reader.whole_row(&mut members, urn);
        }
        match (id, reader.problems.is_empty()) {
            (Some(id), true) => Ok(Mapping {
                id,
                schemas: schemas(&members),
                members,
            }),
            _ => Err(reader.told()),
        }
    }

    /// The error says which column is at fault, and how.
    pub fn person(&self, record: &Record, header: &Header) -> Result<Person, String> {
        let id = record.cell(self.id);
        let wrong = |what: &str| Err(format!("column {}: {what}", header.name(self.id)));
        if id.is_empty() {
            return wrong("it is empty, and nobody can be known without it: fill it in, or take the row out");
        }
        if id.chars().any(char::is_control) {
            return wrong("a line end or control character stands in it: no worker's key has one");
        }
        let mut data = Map::new();
        data.insert("schemas".into(), self.schemas.clone().into());
        for (name, node) in &self.members {
            let value = node.value(record, header)?;
            data.extend(value.map(|value| (name.clone(), value)));
        }
        data.insert("externalId".into(), id.into());
        Ok(Person {
            id: id.into(),
            data: Json::Object(data),
        })
    }

    /// Words of which nobody said what they mean, and their columns.
    pub fn unlisted<'r>(&self, record: &'r Record) -> Vec<(usize, &'r str)> {
        let mut found = Vec::new();
        let nodes = self.members.iter().map(|(_, node)| node);
        nodes.for_each(|node| node.unlisted(record, &mut found));
        found
    }
}

impl Node {
    /// `None` where the row says nothing.
    fn value(&self, record: &Record, header: &Header) -> Result<Option<Json>, String> {
        Ok(match self {
            Node::Text(column) => Some(record.cell(*column).into()),
            Node::Truth(column) => match record.cell(*column).to_lowercase().as_str() {
                "" => None,
                "true" => Some(true.into()),
                "false" => Some(false.into()),
                _ => {
                    return Err(format!(
                        "column {0}: it is neither true nor false: map it with {{ \"column\": \"{0}\", \"equals\": … }}",
                        header.name(*column)
                    ));
                }
            },
            Node::Words(column, words) => match record.cell(*column) {
                "" => None,
                word => words.mean(word).map(Json::from),
            },
            Node::Constant(value) => Some(value.clone()),
            Node::Members(members) => {
                let mut object = Map::new();
                for (name, node) in members {
                    let value = node.value(record, header)?;
                    object.extend(value.map(|value| (name.clone(), value)));
                }
                Some(Json::Object(object))
            }
            Node::List(items) => {
                let values: Result<Vec<_>, String> =
                    items.iter().map(|item| item.value(record, header)).collect();
                Some(values?.into_iter().flatten().collect())
            }
        })
    }

    fn unlisted<'r>(&self, record: &'r Record, found: &mut Vec<(usize, &'r str)>) {
        match self {
            Node::Words(column, words) => {
                let word = record.cell(*column);
                if !word.is_empty() && words.mean(word).is_none() {
                    found.push((*column, word));
                }
            }
            Node::Members(members) => members.iter().for_each(|(_, node)| node.unlisted(record, found)),
            Node::List(items) => items.iter().for_each(|node| node.unlisted(record, found)),
            Node::Text(_) | Node::Truth(_) | Node::Constant(_) => {}
        }
    }
}

/// Core and enterprise always, as the service asks for both; then the others that are used.
fn schemas(members: &[(String, Node)]) -> Vec<String> {
    let others = members
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| is_urn(name) && *name != ENTERPRISE_USER);
    [CORE_USER, ENTERPRISE_USER]
        .into_iter()
        .chain(others)
        .map(String::from)
        .collect()
}

fn is_urn(name: &str) -> bool {
    name.get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

/// Reads on after a mistake, so that all are told at once.
struct Reader<'h> {
    header: &'h Header,
    problems: Vec<String>,
    /// Whether one of them is a column that is not there.
    missing: bool,
}

impl Reader<'_> {
    fn told(mut self) -> String {
        if self.missing {
            let there = self.header.names().join(", ");
            self.problems.push(format!("the file has the columns {there}"));
        }
        self.problems.join("\n")
    }

    fn person(&mut self, written: &Map<String, Json>) -> Members {
        let mut members = Members::new();
        for (name, json) in written {
            let found = match () {
                () if name.eq_ignore_ascii_case(ENTERPRISE_USER) => {
                    let node = self.members(name, json, Some(attributes::ENTERPRISE));
                    node.map(|node| (ENTERPRISE_USER.to_string(), node))
                }
                () if name.eq_ignore_ascii_case(CORE_USER) => {
                    self.wrong(name, "core attributes stand at the top, not under their URN")
                }
                () if is_urn(name) => self.members(name, json, None).map(|node| (name.clone(), node)),
                () => self.attribute("", name, json, attributes::CORE),
            };
            members.extend(found);
        }
        members
    }

    /// One member of something whose members are known.
    fn attribute(
        &mut self,
        path: &str,
        name: &str,
        json: &Json,
        known: &'static [Attribute],
    ) -> Option<(String, Node)> {
        let path = match path {
            "" => name.to_string(),
            path => format!("{path}.{name}"),
        };
        let Some(attribute) = attributes::find(known, name) else {
            let names: Vec<&str> = known.iter().map(|attribute| attribute.name).collect();
            return self.wrong(
                &path,
                &format!(
                    "SCIM has no such attribute; there are {}, and others stand under a URN of your own",
                    names.join(", ")
                ),
            );
        };
        let node = match attribute.kind {
            Kind::Text | Kind::Truth => self.single(&path, json, Some(attribute.kind)),
            Kind::Complex(known) => self.members(&path, json, Some(known)),
            Kind::Many(known) => self.list(&path, json, known),
        };
        node.map(|node| (attribute.name.to_string(), node))
    }

    fn list(&mut self, path: &str, json: &Json, known: &'static [Attribute]) -> Option<Node> {
        let Json::Array(items) = json else {
            return self.wrong(path, "it is multi-valued: write a list, [{ … }]");
        };
        let nodes = items.iter().enumerate();
        let nodes: Vec<_> = nodes
            .map(|(index, item)| self.members(&format!("{path}[{index}]"), item, Some(known)))
            .collect();
        nodes.into_iter().collect::<Option<_>>().map(Node::List)
    }

    /// `known` is `None` below a URN that only its owner knows.
    fn members(&mut self, path: &str, json: &Json, known: Option<&'static [Attribute]>) -> Option<Node> {
        let Json::Object(written) = json else {
            return self.wrong(path, "it has members: write an object, { … }");
        };
        let nodes: Vec<_> = written
            .iter()
            .map(|(name, json)| match known {
                Some(known) => self.attribute(path, name, json, known),
                None => self
                    .anything(&format!("{path}.{name}"), json)
                    .map(|node| (name.clone(), node)),
            })
            .collect();
        nodes.into_iter().collect::<Option<_>>().map(Node::Members)
    }

    fn anything(&mut self, path: &str, json: &Json) -> Option<Node> {
        match json {
            Json::Array(items) => {
                let nodes: Vec<_> = items.iter().map(|item| self.anything(path, item)).collect();
                nodes.into_iter().collect::<Option<_>>().map(Node::List)
            }
            Json::Object(written) if !is_special(written) => self.members(path, json, None),
            _ => self.single(path, json, None),
        }
    }

    /// What comes out as one value: a column, a comparison, a constant. `kind` is `None` where only its owner knows.
    fn single(&mut self, path: &str, json: &Json, kind: Option<Kind>) -> Option<Node> {
        match json {
            Json::String(_) => self.cell(path, json, kind),
            Json::Object(written) if is_special(written) => self.special(path, written, kind),
            _ => self.wrong(
                path,
                "write a column's name, { \"column\": …, \"equals\": … } or { \"constant\": … }",
            ),
        }
    }

    fn special(&mut self, path: &str, written: &Map<String, Json>, kind: Option<Kind>) -> Option<Node> {
        let mut words: Vec<&str> = written.keys().map(String::as_str).collect();
        words.sort_unstable();
        match words.as_slice() {
            ["constant"] => self.constant(path, &written["constant"], kind),
            ["column"] => self.cell(path, &written["column"], kind),
            ["column", "equals", further @ ..] if further.iter().all(|word| FURTHER.contains(word)) => {
                self.comparison(path, written, kind)
            }
            _ => self.wrong(
                path,
                "write { \"column\": …, \"equals\": …, \"false\": …, \"otherwise\": … } or { \"constant\": … }, and nothing beside them",
            ),
        }
    }

    fn constant(&mut self, path: &str, constant: &Json, kind: Option<Kind>) -> Option<Node> {
        match (kind, constant) {
            (Some(Kind::Truth), Json::Bool(_))
            | (Some(Kind::Text), Json::String(_))
            | (None, Json::Bool(_) | Json::String(_) | Json::Number(_)) => {
                Some(Node::Constant(constant.clone()))
            }
            (Some(Kind::Truth), _) => self.wrong(path, "the constant has to be true or false"),
            _ => self.wrong(path, "the constant has to be a text in quotes"),
        }
    }

    fn comparison(&mut self, path: &str, written: &Map<String, Json>, kind: Option<Kind>) -> Option<Node> {
        let column = self.column(path, &written["column"])?;
        let yes = self.words(path, written, "equals")?;
        let no = self.words(path, written, "false")?;
        let otherwise = match written.get("otherwise").map(Json::as_bool) {
            Some(None) => return self.wrong(path, "otherwise: write true or false"),
            found => found.flatten(),
        };
        if let Some(word) = yes.iter().find(|word| no.contains(word)) {
            return self.wrong(path, &format!("'{word}' cannot be true and false"));
        }
        match kind {
            Some(Kind::Text) => self.wrong(
                path,
                "a comparison is true or false, and this attribute is a text",
            ),
            _ => Some(Node::Words(column, Words { yes, no, otherwise })),
        }
    }

    fn words(&mut self, path: &str, written: &Map<String, Json>, list: &str) -> Option<Vec<String>> {
        match written.get(list).map(words_of) {
            None => Some(Vec::new()),
            Some(Some(words)) => Some(words),
            Some(None) => self.wrong(path, &format!("{list}: write a text, or a list of texts")),
        }
    }

    fn cell(&mut self, path: &str, column: &Json, kind: Option<Kind>) -> Option<Node> {
        let column = self.column(path, column)?;
        Some(match kind {
            Some(Kind::Truth) => Node::Truth(column),
            _ => Node::Text(column),
        })
    }

    fn column(&mut self, path: &str, name: &Json) -> Option<usize> {
        let Some(name) = name.as_str() else {
            return self.wrong(path, "column: write a column's name");
        };
        let found = self.header.find(name);
        if found.is_none() {
            self.missing = true;
            return self.wrong(path, &format!("there is no column '{name}' in the file"));
        }
        found
    }

    fn no_id(&mut self, written: &Map<String, Json>) -> Option<usize> {
        // What is there and wrong has been told already.
        let there = written.keys().any(|name| name.eq_ignore_ascii_case("externalId"));
        match there && !self.problems.is_empty() {
            true => None,
            false => self.wrong("externalId", "name the column that holds the worker's key"),
        }
    }

    fn whole_row(&mut self, members: &mut Members, urn: &str) {
        let same = |other: &str| other.eq_ignore_ascii_case(urn);
        if !is_urn(urn) || [CORE_USER, ENTERPRISE_USER].into_iter().any(same) {
            self.wrong::<()>(
                "--namespace",
                "write a URN of your own, such as urn:contoso:employee",
            );
        } else if members.iter().any(|(name, _)| same(name)) {
            self.wrong::<()>(
                "--namespace",
                "the mapping has this URN too: choose another, or take it out there",
            );
        }
        let row = self
            .header
            .named()
            .map(|(index, name)| (name.to_string(), Node::Text(index)));
        members.push((urn.to_string(), Node::Members(row.collect())));
    }

    fn wrong<T>(&mut self, path: &str, what: &str) -> Option<T> {
        self.problems.push(format!("{path}: {what}"));
        None
    }
}

/// What may stand beside a column and the words that mean true.
const FURTHER: [&str; 2] = ["false", "otherwise"];

fn is_special(written: &Map<String, Json>) -> bool {
    ["column", "equals", "constant"]
        .iter()
        .any(|word| written.contains_key(*word))
}

fn words_of(json: &Json) -> Option<Vec<String>> {
    match json {
        Json::String(word) => Some(vec![word.trim().to_lowercase()]),
        Json::Array(words) if !words.is_empty() => words
            .iter()
            .map(|word| word.as_str().map(|word| word.trim().to_lowercase()))
            .collect(),
        _ => None,
    }
}
