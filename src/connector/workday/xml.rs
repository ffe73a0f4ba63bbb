//! Reads XML as it arrives, element by element, into [`Tree`]s.
//!
//! Names are resolved by namespace, never by prefix. There are the five entities of XML and character references, and no
//! others: a DOCTYPE, which could make more, is refused. Depth, sizes and counts are bounded by [`Limits`]; nothing
//! here recurses.
//!
//! The input is any blocking reader. A body that arrives in pieces is read on a thread of its own, through a reader that
//! waits for the next piece.

mod metered;
mod scopes;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufRead};

use foldhash::fast::RandomState;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use thiserror::Error;

use super::names::{Name, Names, Namespace};
use super::tree::{Tree, is_white};
use metered::Metered;
use scopes::Scopes;

/// How much is taken from the other side.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one answer.
    pub answer: u64,
    /// Bytes of one tag or one text; a photo is one text.
    pub token: u64,
    /// Bytes of text and attribute values of one worker.
    pub text: usize,
    /// Elements, attributes and texts of one worker.
    pub nodes: usize,
    /// Elements within one another.
    pub depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Different names in one answer.
    pub names: usize,
    /// Different namespaces, prefixes, and declarations that hold at once.
    pub namespaces: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            answer: 4 << 30,
            token: 64 << 20,
            text: 128 << 20,
            nodes: 4_000_000,
            depth: 200,
            attributes: 1000,
            names: 50_000,
            namespaces: 500,
        }
    }
}

/// Why an answer cannot be read. `at` counts bytes from 0.
#[derive(Debug, Error)]
pub enum XmlError {
    #[error("it broke off at byte {at}: {source}")]
    Unreadable { at: u64, source: io::Error },
    #[error("it is empty")]
    Empty,
    #[error("it is no XML: it begins with {begins:?}")]
    NotXml { begins: String },
    #[error("it is a page of HTML, as proxies and servers under maintenance send")]
    Html,
    #[error("it is not UTF-8 (byte {at}): save it as UTF-8")]
    NotUtf8 { at: u64 },
    #[error("a DOCTYPE is not accepted (byte {at}): Workday sends none")]
    Doctype { at: u64 },
    #[error("it is no well-formed XML at byte {at}: {what}")]
    Malformed { at: u64, what: String },
    #[error("it ends in the middle, at byte {at}")]
    Truncated { at: u64 },
    #[error("it has more than {limit} {what} (byte {at})")]
    TooLarge { at: u64, what: &'static str, limit: u64 },
}

pub(super) struct Reader<R> {
    events: quick_xml::Reader<Metered<R>>,
    buffer: Vec<u8>,
    limits: Limits,
    scopes: Scopes,
    /// Names as they were written, under the prefixes that are bound now.
    spelled: HashMap<Box<str>, (Name, u16), RandomState>,
    tree: Tree,
    /// Elements that are open.
    depth: usize,
    /// The element that was opened last has no content.
    is_hollow: bool,
    had_root: bool,
}

/// What an event meant.
enum Step {
    Opened,
    Closed,
    Nothing,
    Ended,
}

impl<R: BufRead> Reader<R> {
    /// Names are numbered from `names` on.
    pub fn new(input: R, names: Names, limits: Limits) -> Result<Reader<R>, XmlError> {
        let mut input = Metered::new(input, limits.answer);
        if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] = input.peek()? {
            return Err(XmlError::NotUtf8 { at: 0 });
        }
        let mut events = quick_xml::Reader::from_reader(input);
        events.config_mut().check_comments = true;
        Ok(Reader {
            events,
            buffer: Vec::new(),
            limits,
            scopes: Scopes::default(),
            spelled: HashMap::default(),
            tree: Tree::new(names),
            depth: 0,
            is_hollow: false,
            had_root: false,
        })
    }

    /// Goes to the next element inside the one that is open, past any text: from now on that one is open, and the tree
    /// holds its name and attributes. `false` when there is no other: then the one around it is open again.
    pub fn open(&mut self) -> Result<bool, XmlError> {
        self.tree.clear();
        if self.take_hollow() {
            return Ok(false);
        }
        loop {
            match self.step()? {
                Step::Opened => return Ok(true),
                Step::Closed | Step::Ended => return Ok(false),
                Step::Nothing => {}
            }
            // Text around the parts of an answer means nothing.
            self.tree.clear();
        }
    }

    /// Reads all that is inside the element that [`Reader::open`] opened, and closes it.
    pub fn finish(&mut self) -> Result<&Tree, XmlError> {
        let outside = self.depth - 1;
        if self.take_hollow() {
            self.tree.close();
        }
        while self.depth > outside {
            self.step()?;
            if self.is_hollow {
                self.take_hollow();
                self.tree.close();
            }
            self.check_size()?;
        }
        Ok(&self.tree)
    }

    /// What was read last.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Bytes read so far.
    pub fn at(&self) -> u64 {
        self.events.get_ref().consumed
    }

    /// Closes the element that was opened, if it has no content.
    fn take_hollow(&mut self) -> bool {
        let was_hollow = std::mem::take(&mut self.is_hollow);
        if was_hollow {
            self.depth -= 1;
            self.left();
        }
        was_hollow
    }

    fn step(&mut self) -> Result<Step, XmlError> {
        self.buffer.clear();
        self.events.get_mut().begin_token(self.limits.token);
        // Taken out, so that what the event borrows is not all of the reader.
        let mut buffer = std::mem::take(&mut self.buffer);
        let step = match self.events.read_event_into(&mut buffer) {
            Ok(event) => self.take(event),
            Err(error) => Err(self.refuse(error)),
        };
        self.buffer = buffer;
        step
    }

    fn take(&mut self, event: Event<'_>) -> Result<Step, XmlError> {
        match event {
            Event::Start(tag) => {
                self.start(&tag)?;
                Ok(Step::Opened)
            }
            Event::Empty(tag) => {
                self.start(&tag)?;
                self.is_hollow = true;
                Ok(Step::Opened)
            }
            Event::End(_) => {
                self.depth -= 1;
                if self.tree.is_filling() {
                    self.tree.close();
                }
                self.left();
                Ok(Step::Closed)
            }
            Event::Text(text) => {
                self.text(&text.xml10_content())?;
                Ok(Step::Nothing)
            }
            Event::CData(text) => {
                self.text(&text.xml10_content())?;
                Ok(Step::Nothing)
            }
            Event::GeneralRef(reference) => {
                let text = unescape_one(&reference).ok_or_else(|| {
                    self.malformed(format!(
                        "there is no entity &{};: write & as &amp;",
                        excerpt(&reference)
                    ))
                })?;
                self.text(text.encode_utf8(&mut [0; 4]))?;
                Ok(Step::Nothing)
            }
            Event::DocType(text)
                if text
                    .get(..4)
                    .is_some_and(|name| name.eq_ignore_ascii_case("html")) =>
            {
                Err(XmlError::Html)
            }
            Event::DocType(_) => Err(XmlError::Doctype { at: self.at() }),
            Event::Decl(declaration) => match declaration.encoding() {
                Some(Ok(encoding)) if !is_utf8(&encoding) => {
                    Err(self.malformed(format!("it says that it is {encoding}: save it as UTF-8")))
                }
                Some(Err(error)) => Err(self.malformed(error)),
                _ => Ok(Step::Nothing),
            },
            Event::Comment(_) | Event::PI(_) => Ok(Step::Nothing),
            Event::Eof if !self.had_root && self.at() == 0 => Err(XmlError::Empty),
            Event::Eof if self.depth > 0 || !self.had_root => Err(XmlError::Truncated { at: self.at() }),
            Event::Eof => Ok(Step::Ended),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        if self.depth == 0 && std::mem::replace(&mut self.had_root, true) {
            return Err(self.malformed("there is a second element after the first"));
        }
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(self.too_large("elements within one another", self.limits.depth as u64));
        }
        let name = tag.name().into_inner();
        if self.depth == 1 && name.eq_ignore_ascii_case("html") {
            return Err(XmlError::Html);
        }
        let has_attributes = !tag.attributes_raw().is_empty();
        if has_attributes && tag.attributes_raw().contains("xmlns") {
            self.bind(tag)?;
        }
        let (name, prefix) = self.resolve(name)?;
        self.tree.open(name, prefix);
        if has_attributes {
            self.attributes(tag)?;
        }
        Ok(())
    }

    /// Takes the namespaces that a tag declares.
    fn bind(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.malformed(error))?;
            if let Some(prefix) = declared_prefix(attribute.key.into_inner()) {
                let uri = self.value(&attribute.value)?;
                let namespace = self.tree.names_mut().namespace(&uri);
                self.scopes.bind(self.depth, prefix, namespace);
                let (bound, known) = (self.scopes.len(), self.tree.names().namespaces());
                if bound.max(known) > self.limits.namespaces {
                    return Err(self.too_large("namespaces", self.limits.namespaces as u64));
                }
            }
        }
        self.spelled.clear();
        Ok(())
    }

    fn attributes(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        for (number, attribute) in tag.attributes().with_checks(false).enumerate() {
            let attribute = attribute.map_err(|error| self.malformed(error))?;
            let key = attribute.key.into_inner();
            if declared_prefix(key).is_some() {
                continue;
            }
            if number >= self.limits.attributes {
                return Err(self.too_large("attributes on one element", self.limits.attributes as u64));
            }
            // A name without a prefix is in no namespace, whatever the default is.
            let (name, prefix) = match key.contains(':') {
                true => self.resolve(key)?,
                false => (self.tree.names_mut().name(Namespace::NONE, key), 0),
            };
            let value = self.value(&attribute.value)?;
            if !self.tree.add_attribute(name, prefix, &value) {
                return Err(self.malformed(format!("there are two attributes {}", excerpt(key))));
            }
        }
        self.check_names()
    }

    /// An attribute's value as XML reads it: white space as blanks, references as what they stand for.
    fn value<'v>(&self, raw: &'v str) -> Result<Cow<'v, str>, XmlError> {
        let is_plain = !raw
            .bytes()
            .any(|byte| matches!(byte, b'&' | b'<' | b'\t' | b'\r' | b'\n'));
        if is_plain {
            return Ok(Cow::Borrowed(raw));
        }
        if raw.contains('<') {
            return Err(self.malformed("there is a < in an attribute's value"));
        }
        let blank = raw.replace("\r\n", " ").replace(['\t', '\r', '\n'], " ");
        let value = unescape(&blank).map_err(|error| self.malformed(error))?;
        Ok(Cow::Owned(value.into_owned()))
    }

    fn resolve(&mut self, written: &str) -> Result<(Name, u16), XmlError> {
        if let Some(known) = self.spelled.get(written) {
            return Ok(*known);
        }
        let (prefix, local) = written.split_once(':').unwrap_or(("", written));
        let is_name =
            |part: &str| part.starts_with(|c: char| c.is_alphabetic() || c == '_') && !part.contains(':');
        if !is_name(local) || written.contains(':') && !is_name(prefix) {
            return Err(self.malformed(format!("{:?} is no name", excerpt(written))));
        }
        let namespace = match (self.scopes.find(prefix), prefix) {
            (Some(namespace), _) => namespace,
            (None, "") => Namespace::NONE,
            (None, "xml") => self
                .tree
                .names_mut()
                .namespace("http://www.w3.org/XML/1998/namespace"),
            (None, _) => {
                return Err(self.malformed(format!("the prefix {} is bound to nothing", excerpt(prefix))));
            }
        };
        let name = self.tree.names_mut().name(namespace, local);
        let prefix = self
            .tree
            .prefix(prefix)
            .filter(|prefix| usize::from(*prefix) < self.limits.namespaces);
        let Some(prefix) = prefix else {
            return Err(self.too_large("prefixes", self.limits.namespaces as u64));
        };
        self.check_names()?;
        self.spelled.insert(written.into(), (name, prefix));
        Ok((name, prefix))
    }

    /// An element was left: what it declared holds no longer.
    fn left(&mut self) {
        if self.scopes.leave(self.depth) {
            self.spelled.clear();
        }
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        if self.depth > 0 {
            self.tree.add_text(text);
            return Ok(());
        }
        match text.bytes().all(is_white) {
            true => Ok(()),
            false if self.had_root => Err(self.malformed("there is text after the end")),
            false => Err(XmlError::NotXml {
                begins: excerpt(text.trim_start()),
            }),
        }
    }

    fn check_size(&self) -> Result<(), XmlError> {
        let (nodes, text) = self.tree.size();
        if nodes > self.limits.nodes {
            return Err(self.too_large(
                "elements, attributes and texts in one worker",
                self.limits.nodes as u64,
            ));
        }
        if text > self.limits.text {
            return Err(self.too_large("bytes of text in one worker", self.limits.text as u64));
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), XmlError> {
        match self.tree.names().len() > self.limits.names {
            true => Err(self.too_large("different names", self.limits.names as u64)),
            false => Ok(()),
        }
    }

    fn refuse(&self, error: quick_xml::Error) -> XmlError {
        let input = self.events.get_ref();
        if let Some((what, limit)) = input.exceeded {
            return self.too_large(what, limit);
        }
        let at = self.events.error_position();
        match error {
            quick_xml::Error::Io(error) => XmlError::Unreadable {
                at: self.at(),
                source: io::Error::new(error.kind(), error),
            },
            quick_xml::Error::Encoding(_) => XmlError::NotUtf8 { at: self.at() },
            // All of these say that the end came too early.
            quick_xml::Error::Syntax(_) if input.is_at_end => XmlError::Truncated { at: self.at() },
            quick_xml::Error::IllFormed(quick_xml::errors::IllFormedError::UnclosedReference)
                if input.is_at_end =>
            {
                XmlError::Truncated { at: self.at() }
            }
            quick_xml::Error::IllFormed(error) => XmlError::Malformed {
                at,
                what: excerpt(&error.to_string()),
            },
            error => XmlError::Malformed {
                at,
                what: excerpt(&error.to_string()),
            },
        }
    }

    fn malformed(&self, what: impl ToString) -> XmlError {
        XmlError::Malformed {
            at: self.at(),
            what: what.to_string(),
        }
    }

    fn too_large(&self, what: &'static str, limit: u64) -> XmlError {
        XmlError::TooLarge {
            at: self.at(),
            what,
            limit,
        }
    }
}

/// The prefix that an attribute declares; empty for the default namespace.
fn declared_prefix(key: &str) -> Option<&str> {
    match key.strip_prefix("xmlns")? {
        "" => Some(""),
        rest => rest.strip_prefix(':'),
    }
}

fn is_utf8(encoding: &str) -> bool {
    ["utf-8", "utf8", "us-ascii"]
        .iter()
        .any(|known| encoding.eq_ignore_ascii_case(known))
}

fn unescape_one(reference: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    match &**reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}

/// The beginning of what somebody else sent, fit for a message.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 100;
    let mut excerpt: String = text.chars().take(LONGEST).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    excerpt
}
