//! From rows to bulk requests (RFC 7644 §3.7, as Graph's bulkUpload takes it), one request in memory at a time.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Value as Json, json};

use super::mapping::{Mapping, Person, WORDS};
use super::report::counted;
use super::sheet::{Record, Sheet};
use crate::command::plain;

const BEFORE: &[u8] = br#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":["#;
const AFTER: &[u8] = br#"],"failOnErrors":null}"#;

/// A file's people, in order.
pub struct People<'m> {
    sheet: Sheet,
    mapping: &'m Mapping,
    /// Words of which the mapping does not say what they mean, by column, and in how many rows they stand.
    unlisted: BTreeMap<(usize, String), u64>,
}

/// So many words are told; a file with more of them has something else in that column.
const MOST_WORDS: usize = 12;

/// One bulk request.
pub struct Chunk {
    pub body: Vec<u8>,
    /// The first row in it and the last.
    pub rows: RangeInclusive<u64>,
    /// Whom its operations are about, in order.
    pub workers: Vec<String>,
}

impl<'m> People<'m> {
    pub fn new(sheet: Sheet, mapping: &'m Mapping) -> People<'m> {
        People {
            sheet,
            mapping,
            unlisted: BTreeMap::new(),
        }
    }

    /// The next person and their row. The error names row and column.
    pub fn next(&mut self) -> Result<Option<(u64, Person)>, String> {
        let Some(record) = self.sheet.next()? else {
            return Ok(None);
        };
        let person = self.person(&record)?;
        for (column, word) in self.mapping.unlisted(&record) {
            let word = (column, word.to_lowercase());
            if self.unlisted.len() < MOST_WORDS || self.unlisted.contains_key(&word) {
                *self.unlisted.entry(word).or_default() += 1;
            }
        }
        Ok(Some((record.row, person)))
    }

    /// Nobody is disabled by a word that nobody thought of: the error names those among the rows read so far.
    pub fn check_words(&self) -> Result<(), String> {
        let header = self.sheet.header();
        let told: Vec<String> = self
            .unlisted
            .iter()
            .map(|((column, word), rows)| {
                let rows = counted(*rows, "row", "rows");
                format!("column {}: '{}' in {rows}", header.name(*column), plain(word))
            })
            .collect();
        match told.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "{}\nwhether that is true or false the mapping does not say: {WORDS}",
                told.join("\n")
            )),
        }
    }

    fn person(&self, record: &Record) -> Result<Person, String> {
        self.mapping
            .person(record, self.sheet.header())
            .map_err(|what| self.sheet.wrong(record, &what))
    }

    /// The next request, of `size` rows at most, from rows no earlier than `from`.
    pub fn chunk(&mut self, size: usize, from: u64) -> Result<Option<Chunk>, String> {
        let mut chunk = Chunk {
            body: BEFORE.to_vec(),
            rows: 0..=0,
            workers: Vec::new(),
        };
        while chunk.workers.len() < size {
            let Some((row, person)) = self.next()? else {
                break;
            };
            if row >= from {
                chunk.add(row, person)?;
            }
        }
        chunk.body.extend_from_slice(AFTER);
        Ok(Some(chunk).filter(|chunk| !chunk.workers.is_empty()))
    }
}

impl Chunk {
    fn add(&mut self, row: u64, person: Person) -> Result<(), String> {
        match self.workers.is_empty() {
            true => self.rows = row..=row,
            false => {
                self.rows = *self.rows.start()..=row;
                self.body.push(b',');
            }
        }
        serde_json::to_writer(&mut self.body, &operation(row, person.data))
            .map_err(|error| format!("row {row} cannot be written as JSON: {error}"))?;
        self.workers.push(person.id);
        Ok(())
    }
}

/// The service decides between create, update and disable: whatever becomes of it, it is a POST.
fn operation(row: u64, data: Json) -> Json {
    json!({ "method": "POST", "bulkId": format!("row-{row}"), "path": "/Users", "data": data })
}
