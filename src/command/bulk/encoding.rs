//! From a file's bytes to UTF-8, a piece at a time: byte order marks, other encodings, and which character parts
//! the cells.

use std::io::{self, Cursor, Read};
use std::path::Path;

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8};

/// Bytes looked at for the byte order mark and the header line.
const HEAD: usize = 64 << 10;

/// What a file may part its cells with.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// How files begin that people take for CSV files, and what they are.
const NO_TEXT: [(&[u8], &str); 2] = [
    (b"PK\x03\x04", "it is an Excel workbook: save it as CSV UTF-8"),
    (
        b"\xd0\xcf\x11\xe0",
        "it is a workbook of an old Excel: save it as CSV UTF-8",
    ),
];

/// A file's text, its head read ahead.
pub struct Text {
    pub bytes: Box<dyn Read + Send>,
    /// Lines that are taken off already: one that names the delimiter.
    pub lines: u64,
    /// Whether the bytes come from another encoding, so that what could not be read shows as U+FFFD.
    pub decoded: bool,
    pub delimiter: u8,
}

/// Any name that the web knows (WHATWG): `windows-1252`, `latin1`, `utf-16`.
pub fn named(name: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label(name.as_bytes())
        .filter(|encoding| *encoding != encoding_rs::REPLACEMENT)
        .ok_or_else(|| "write utf-8, windows-1252, utf-16 or another encoding that browsers know".to_string())
}

/// Opens a text. Its byte order mark outweighs `encoding`; without either it is UTF-8, as it stands.
pub fn open(
    mut file: Box<dyn Read + Send>,
    encoding: Option<&'static Encoding>,
    delimiter: Option<u8>,
) -> io::Result<Text> {
    let start = head(&mut file, 4)?;
    if let Some((_, what)) = NO_TEXT.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(io::Error::other(*what));
    }
    let (encoding, mark) = Encoding::for_bom(&start).unwrap_or((encoding.unwrap_or(UTF_8), 0));
    let mut start = Cursor::new(start);
    start.set_position(mark as u64);
    let decoded = encoding != UTF_8;
    let mut text: Box<dyn Read + Send> = match decoded {
        false => Box::new(start.chain(file)),
        true => Box::new(Decoded::new(start.chain(file), encoding)),
    };
    let mut head = head(&mut text, HEAD)?;
    let declared = declared(&head);
    if let Some((_, line)) = declared {
        head.drain(..line);
    }
    Ok(Text {
        delimiter: delimiter
            .or(declared.map(|(delimiter, _)| delimiter))
            .unwrap_or_else(|| delimiter_of(&head)),
        bytes: Box::new(Cursor::new(head).chain(text)),
        lines: u64::from(declared.is_some()),
        decoded,
    })
}

/// A small file's whole text, in UTF-8 or what its byte order mark says.
pub fn text(file: &Path) -> Result<String, String> {
    let cannot = |why: String| format!("cannot read {}: {why}", file.display());
    let bytes = std::fs::read(file).map_err(|error| cannot(error.to_string()))?;
    match UTF_8.decode(&bytes) {
        (text, _, false) => Ok(text.into_owned()),
        (_, encoding, true) => Err(cannot(format!("it is not {}: save it as UTF-8", encoding.name()))),
    }
}

/// The delimiter of a first line `sep=;`, which Excel takes for no row of the table, and that line's length.
fn declared(head: &[u8]) -> Option<(u8, usize)> {
    let (word, rest) = head.split_at_checked(4)?;
    let (delimiter, rest) = rest.split_first()?;
    let end = ["\r\n", "\n", "\r"]
        .into_iter()
        .find(|end| rest.starts_with(end.as_bytes()))?;
    word.eq_ignore_ascii_case(b"sep=")
        .then_some((*delimiter, 5 + end.len()))
}

fn head(from: &mut impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    from.by_ref().take(most as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// The one that stands most often in the header line, outside of quotes.
fn delimiter_of(head: &[u8]) -> u8 {
    let mut counts = [0; DELIMITERS.len()];
    let mut quoted = false;
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            byte => {
                if let Some(at) = DELIMITERS.iter().position(|delimiter| delimiter == byte) {
                    counts[at] += 1;
                }
            }
        }
    }
    // Of as many, the first: `max_by_key` would take the last.
    let best = (0..DELIMITERS.len()).rev().max_by_key(|at| counts[*at]);
    DELIMITERS[best.unwrap_or(0)]
}

/// Decodes as it is read; what cannot be decoded becomes U+FFFD, and is found in its cell.
struct Decoded<R> {
    from: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// What is decoded and not yet taken.
    text: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    fn new(from: R, encoding: &'static Encoding) -> Decoded<R> {
        Decoded {
            from,
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: Vec::new(),
            text: Vec::new(),
            taken: 0,
            ended: false,
        }
    }

    fn decode(&mut self) -> io::Result<()> {
        if self.raw.is_empty() {
            self.raw = head(&mut self.from, 8 << 10)?;
            self.ended = self.raw.is_empty();
        }
        self.text.resize(32 << 10, 0);
        let (result, read, written, _) = self.decoder.decode_to_utf8(&self.raw, &mut self.text, self.ended);
        self.raw.drain(..read);
        self.text.truncate(written);
        self.taken = 0;
        // Three bytes come of one at most: there is room for all of them.
        debug_assert_eq!(result, CoderResult::InputEmpty);
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() && !self.ended {
            self.decode()?;
        }
        let count = into.len().min(self.text.len() - self.taken);
        into[..count].copy_from_slice(&self.text[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}
