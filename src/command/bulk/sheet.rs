//! A CSV file, row by row (RFC 4180, and what Excel makes of it). Rows are counted as a spreadsheet counts them:
//! the header is row 1.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use csv::{ByteRecord, StringRecord};
use encoding_rs::Encoding;

use super::encoding;

/// Bytes of one row. Nobody has as many: what is longer has a quote that is not closed, most likely, and would be read
/// into memory to the end of the file.
const LONGEST_ROW: usize = 1 << 20;

/// How a file is to be read; `None` for what it tells of itself.
#[derive(Clone, Copy, Default)]
pub struct Format {
    pub encoding: Option<&'static Encoding>,
    pub delimiter: Option<u8>,
}

pub struct Sheet {
    reader: csv::Reader<Lines>,
    /// Bytes taken from the file since the last row ended.
    taken: Arc<AtomicUsize>,
    name: String,
    decoded: bool,
    header: Header,
    raw: ByteRecord,
    row: u64,
    /// Lines before the reader's first.
    before: u64,
}

pub struct Record {
    cells: StringRecord,
    pub row: u64,
    line: u64,
}

pub struct Header(Vec<String>);

impl Sheet {
    pub fn open(path: &Path, format: Format) -> Result<Sheet, String> {
        let name = path.display().to_string();
        let cannot = |error| format!("cannot read {name}: {error}");
        let kind = std::fs::metadata(path).map_err(cannot)?.file_type();
        if !kind.is_file() {
            let why =
                "is read twice, to check it and to send it, which only a file can be: save it as one first";
            return Err(format!("{name} {why}"));
        }
        let file = File::open(path).map_err(cannot)?;
        Sheet::over(name, Box::new(file), format)
    }

    pub fn over(name: String, file: Box<dyn Read + Send>, format: Format) -> Result<Sheet, String> {
        let text = encoding::open(file, format.encoding, format.delimiter)
            .map_err(|error| format!("cannot read {name}: {error}"))?;
        let taken = Arc::new(AtomicUsize::new(0));
        let lines = Lines {
            from: text.bytes,
            taken: taken.clone(),
            last: b'\n',
        };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(text.delimiter)
            .from_reader(lines);
        let mut sheet = Sheet {
            reader,
            taken,
            name,
            decoded: text.decoded,
            header: Header(Vec::new()),
            raw: ByteRecord::new(),
            row: text.lines,
            before: text.lines,
        };
        sheet.header = sheet.read_header()?;
        Ok(sheet)
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next row, of as many cells as the header has.
    pub fn next(&mut self) -> Result<Option<Record>, String> {
        let Some(record) = self.read()? else {
            return Ok(None);
        };
        let (cells, columns) = (record.cells.len(), self.header.0.len());
        if cells == columns {
            return Ok(Some(record));
        }
        let why = match cells < columns {
            true => "a line end or a delimiter is missing, or a quote is not closed",
            false => "a text that holds the delimiter has to stand in quotes",
        };
        Err(self.wrong(
            &record,
            &format!("it has {cells} cells where the header has {columns}: {why}"),
        ))
    }

    /// Something wrong with a row, with its place in the file.
    pub fn wrong(&self, record: &Record, what: &str) -> String {
        wrong(&self.name, record.row, record.line, what)
    }

    fn read_header(&mut self) -> Result<Header, String> {
        let name = self.name.clone();
        let Some(record) = self.read()? else {
            return Err(format!("{name} is empty: its first row has to name the columns"));
        };
        let names: Vec<String> = record.cells.iter().map(|name| name.trim().to_string()).collect();
        for (index, column) in names.iter().enumerate() {
            let before = names[..index].iter().position(|other| same(other, column));
            if let Some(before) = before.filter(|_| !column.is_empty()) {
                let (before, index) = (before + 1, index + 1);
                return Err(format!(
                    "{name}: columns {before} and {index} are both called {column}: rename one of them"
                ));
            }
        }
        Ok(Header(names))
    }

    /// The next row in which something stands: below the last one, spreadsheets like to save empty ones.
    fn read(&mut self) -> Result<Option<Record>, String> {
        loop {
            match self.read_row()? {
                Some(record) if record.is_blank() => {}
                found => return Ok(found),
            }
        }
    }

    fn read_row(&mut self) -> Result<Option<Record>, String> {
        let begun = self.reader.position().line();
        self.taken.store(0, Relaxed);
        match self.reader.read_byte_record(&mut self.raw) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(_) if self.taken.load(Relaxed) > LONGEST_ROW => {
                let what = "it is longer than a megabyte: look for a quote that is opened and not closed";
                return Err(wrong(&self.name, self.row + 1, self.before + begun, what));
            }
            Err(error) => return Err(format!("cannot read {}: {error}", self.name)),
        }
        // Blank lines before it are passed over without a word, and are rows to a spreadsheet.
        let inside: usize = self
            .raw
            .iter()
            .map(|cell| cell.iter().filter(|byte| **byte == b'\n').count())
            .sum();
        let first = self.reader.position().line().saturating_sub(1 + inside as u64);
        self.row += 1 + first.saturating_sub(begun);
        let (row, line) = (self.row, self.before + first);
        let cells = StringRecord::from_byte_record(std::mem::take(&mut self.raw)).map_err(|error| {
            let column = self.header.name(error.utf8_error().field());
            let what = format!(
                "column {column}: it is not UTF-8; if Excel or an older system wrote the file, say --encoding windows-1252"
            );
            wrong(&self.name, row, line, &what)
        })?;
        let unreadable = if self.decoded { '\u{fffd}' } else { '\0' };
        if let Some(index) = cells.iter().position(|cell| cell.contains(['\0', unreadable])) {
            let column = self.header.name(index);
            let what = format!(
                "column {column}: what stands there is no text in this encoding: choose another --encoding, such as utf-16"
            );
            return Err(wrong(&self.name, row, line, &what));
        }
        Ok(Some(Record { cells, row, line }))
    }
}

fn wrong(name: &str, row: u64, line: u64, what: &str) -> String {
    match row == line {
        true => format!("{name}, row {row}: {what}"),
        false => format!("{name}, row {row} (line {line}): {what}"),
    }
}

/// Columns are found as PowerShell finds them, whatever their case.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

impl Header {
    pub fn find(&self, name: &str) -> Option<usize> {
        let wanted = name.trim();
        self.0
            .iter()
            .position(|column| !wanted.is_empty() && same(column, wanted))
    }

    /// The column's name, or its number if it has none.
    pub fn name(&self, index: usize) -> String {
        match self.0.get(index) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => (index + 1).to_string(),
        }
    }

    /// Columns with a name; spreadsheets like to add empty ones.
    pub fn named(&self) -> impl Iterator<Item = (usize, &str)> {
        let names = self.0.iter().map(String::as_str).enumerate();
        names.filter(|(_, name)| !name.is_empty())
    }

    pub fn names(&self) -> Vec<&str> {
        self.named().map(|(_, name)| name).collect()
    }
}

impl Record {
    /// Without the spaces around it, which nobody sees: a manager's key has to be another row's key.
    pub fn cell(&self, index: usize) -> &str {
        self.cells.get(index).unwrap_or_default().trim()
    }

    fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// Ends every line with `\n`, the last one too, so that lines can be counted; and lets nobody take more than a row may
/// have.
struct Lines {
    from: Box<dyn Read + Send>,
    taken: Arc<AtomicUsize>,
    /// The byte before the next, as it stands in the file.
    last: u8,
}

impl Read for Lines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken.load(Relaxed) > LONGEST_ROW {
            return Err(io::Error::other("a row is too long"));
        }
        let mut kept = 0;
        while kept == 0 {
            let count = self.from.read(into)?;
            if count == 0 {
                return Ok(self.end(into));
            }
            self.taken.fetch_add(count, Relaxed);
            for at in 0..count {
                let (before, byte) = (self.last, into[at]);
                self.last = byte;
                if (before, byte) != (b'\r', b'\n') {
                    into[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
            }
        }
        Ok(kept)
    }
}

impl Lines {
    /// A last line that is not ended is ended here.
    fn end(&mut self, into: &mut [u8]) -> usize {
        let open = !matches!(self.last, b'\r' | b'\n') && !into.is_empty();
        if open {
            (into[0], self.last) = (b'\n', b'\n');
        }
        usize::from(open)
    }
}
