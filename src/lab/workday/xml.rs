//! Writing XML: elements and attributes of one namespace, under one prefix.

use std::fmt::{Display, Write};

use jiff::Timestamp;
use jiff::civil::Date;

use super::pacific;
use super::wid::Wid;

const HEAD: &str = "<?xml version='1.0' encoding='UTF-8'?><env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\"><env:Body>";
const TAIL: &str = "</env:Body></env:Envelope>";

/// Text that grows. Whoever opens an element closes it.
#[derive(Default)]
pub struct Xml {
    text: String,
    /// Whether references have labels.
    pub descriptors: bool,
}

impl Xml {
    pub fn new(descriptors: bool) -> Xml {
        Xml {
            text: String::with_capacity(4096),
            descriptors,
        }
    }

    /// A SOAP message, with the body open until it is [finished](Xml::finish_message).
    pub fn message(descriptors: bool) -> Xml {
        let mut xml = Xml::new(descriptors);
        xml.raw(HEAD);
        xml
    }

    pub fn finish_message(mut self) -> String {
        self.raw(TAIL);
        self.text
    }

    pub fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub fn open(&mut self, name: &str) {
        self.begin(name);
        self.text.push('>');
    }

    /// `<wd:Name`, for attributes to follow, and [`Xml::end`] after them.
    pub fn begin(&mut self, name: &str) {
        self.text.push_str("<wd:");
        self.text.push_str(name);
    }

    pub fn attribute(&mut self, name: &str, value: impl Display) {
        let _ = write!(self.text, " wd:{name}=\"");
        let from = self.text.len();
        let _ = write!(self.text, "{value}");
        self.escape_since(from);
        self.text.push('"');
    }

    pub fn end(&mut self) {
        self.text.push('>');
    }

    pub fn close(&mut self, name: &str) {
        self.text.push_str("</wd:");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// An element with text.
    pub fn leaf(&mut self, name: &str, value: impl Display) {
        self.open(name);
        let from = self.text.len();
        let _ = write!(self.text, "{value}");
        self.escape_since(from);
        self.close(name);
    }

    /// What has no value is left out, not sent empty.
    pub fn optional<T: Display>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.leaf(name, value);
        }
    }

    pub fn flag(&mut self, name: &str, value: bool) {
        self.leaf(name, u8::from(value));
    }

    pub fn date(&mut self, name: &str, value: Option<Date>) {
        self.optional(name, value);
    }

    pub fn moment(&mut self, name: &str, value: Timestamp) {
        self.leaf(name, pacific::text(value));
    }

    /// A reference: a label, a WID, and the IDs that people give.
    pub fn reference(&mut self, name: &str, label: &str, wid: Wid, ids: &[(&str, &str)]) {
        self.begin(name);
        if self.descriptors {
            self.attribute("Descriptor", label);
        }
        self.end();
        self.id("WID", wid);
        for (kind, id) in ids {
            self.id(kind, id);
        }
        self.close(name);
    }

    /// A reference to something known by one ID of one type.
    pub fn simple_reference(&mut self, name: &str, label: &str, kind: &str, id: &str) {
        self.reference(name, label, Wid::of(kind, id), &[(kind, id)]);
    }

    pub fn id(&mut self, kind: &str, id: impl Display) {
        self.begin("ID");
        self.attribute("type", kind);
        self.end();
        let from = self.text.len();
        let _ = write!(self.text, "{id}");
        self.escape_since(from);
        self.close("ID");
    }

    fn escape_since(&mut self, from: usize) {
        if self.text[from..].bytes().any(is_special) {
            let escaped = escape(&self.text[from..]);
            self.text.replace_range(from.., &escaped);
        }
    }
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'>' | b'"' | 0..=0x1f)
}

/// For text and for attributes in double quotes. Characters that XML cannot hold become a replacement character.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stays_text() {
        let mut xml = Xml::new(true);
        xml.reference("R", "A \"B\" & <C>\n", Wid(1), &[("T", "x&y")]);
        xml.leaf("L", "a\u{0}b 𠮷");
        assert_eq!(
            xml.text,
            "<wd:R wd:Descriptor=\"A &quot;B&quot; &amp; &lt;C&gt;&#10;\">\
             <wd:ID wd:type=\"WID\">00000000000000000000000000000001</wd:ID><wd:ID wd:type=\"T\">x&amp;y</wd:ID></wd:R>\
             <wd:L>a\u{fffd}b 𠮷</wd:L>"
        );
    }

    #[test]
    fn labels_come_when_asked_for() {
        let mut xml = Xml::new(false);
        xml.simple_reference("R", "label", "T", "x");
        assert!(!xml.text.contains("label"));
    }
}
