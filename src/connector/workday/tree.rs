//! One element of an answer as a tree: a `wd:Worker`, or one of the small parts around them.
//!
//! Nodes lie in document order in one list, an element's attributes right after it, then what is inside. So document
//! order is the order of numbers, a subtree is a range, and an element's string-value is a slice of one text.
//! A tree is filled again for each worker of a page and asks for no memory of its own any more.
//!
//! White space between elements is no node: pretty-printed answers read as compact ones do. Comments and processing
//! instructions are not there at all, and the text on both sides of one is one text.

use std::ops::Range;

use super::names::{Name, Names};

/// A node's place in document order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(u32);

impl Node {
    pub const DOCUMENT: Node = Node(0);

    fn at(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
struct Entry {
    name: Name,
    parent: Node,
    /// Behind the last node inside.
    end: Node,
    /// The string-value: in `values` for an attribute, else in `text`.
    from: u32,
    to: u32,
    /// The prefix it was written with, for `name()`.
    prefix: u16,
    attributes: u16,
}

#[derive(Debug)]
pub struct Tree {
    names: Names,
    prefixes: Vec<Box<str>>,
    nodes: Vec<Entry>,
    /// All texts, one after the other.
    text: String,
    /// All attribute values.
    values: String,
    /// The element that is being filled.
    open: Node,
    /// Where the text begins that belongs to no node yet.
    loose: usize,
}

impl Tree {
    pub(super) fn new(names: Names) -> Tree {
        let mut tree = Tree {
            names,
            prefixes: vec![Box::default()],
            nodes: Vec::new(),
            text: String::new(),
            values: String::new(),
            open: Node::DOCUMENT,
            loose: 0,
        };
        tree.clear();
        tree
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    pub fn name(&self, node: Node) -> Name {
        self.nodes[node.at()].name
    }

    /// As it was written, prefix and all; empty for what has no name.
    pub fn qualified_name(&self, node: Node) -> String {
        let entry = &self.nodes[node.at()];
        match &*self.prefixes[usize::from(entry.prefix)] {
            "" => self.names.local(entry.name).to_string(),
            prefix => format!("{prefix}:{}", self.names.local(entry.name)),
        }
    }

    /// What XPath calls the string-value: an attribute's value, or all text inside.
    pub fn string(&self, node: Node) -> &str {
        let entry = &self.nodes[node.at()];
        let text = match self.is_attribute(node) {
            true => &self.values,
            false => &self.text,
        };
        &text[entry.from as usize..entry.to as usize]
    }

    pub fn parent(&self, node: Node) -> Option<Node> {
        (node != Node::DOCUMENT).then(|| self.nodes[node.at()].parent)
    }

    pub fn is_attribute(&self, node: Node) -> bool {
        let parent = self.nodes[node.at()].parent;
        node.0 - parent.0 <= u32::from(self.nodes[parent.at()].attributes) && node != Node::DOCUMENT
    }

    pub fn is_element(&self, node: Node) -> bool {
        let name = self.name(node);
        name != Name::DOCUMENT && name != Name::TEXT && !self.is_attribute(node)
    }

    pub fn attributes(&self, node: Node) -> impl Iterator<Item = Node> + use<> {
        let first = node.0 + 1;
        (first..first + u32::from(self.nodes[node.at()].attributes)).map(Node)
    }

    /// Elements and texts inside, but not inside those.
    pub fn children(&self, node: Node) -> Children<'_> {
        let Range { start, end } = self.inside(node);
        Children {
            tree: self,
            next: start,
            end,
        }
    }

    /// The node itself, and all elements and texts inside, in document order.
    pub fn descendants_or_self(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        let Range { start, end } = self.inside(node);
        let mut next = start;
        let inside = std::iter::from_fn(move || {
            let node = (next < end).then_some(Node(next))?;
            next = self.inside(node).start;
            Some(node)
        });
        std::iter::once(node).chain(inside)
    }

    /// The numbers of what is inside, without the attributes.
    fn inside(&self, node: Node) -> Range<u32> {
        let entry = &self.nodes[node.at()];
        let start = node.0 + 1 + u32::from(entry.attributes);
        start..entry.end.0.max(start)
    }

    /// The one element that the tree holds, or is being filled with.
    pub fn root(&self) -> Option<Node> {
        (self.nodes.len() > 1).then_some(Node(1))
    }

    /// The first child element of this local name, in any namespace.
    pub fn child(&self, node: Node, local: &str) -> Option<Node> {
        self.elements(node).find(|child| self.local(*child) == local)
    }

    pub fn elements(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        self.children(node)
            .filter(|child| self.name(*child) != Name::TEXT)
    }

    pub fn attribute(&self, node: Node, local: &str) -> Option<&str> {
        let found = self
            .attributes(node)
            .find(|attribute| self.local(*attribute) == local)?;
        Some(self.string(found))
    }

    pub fn local(&self, node: Node) -> &str {
        self.names.local(self.name(node))
    }

    /// Nodes and bytes held.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.nodes.len(), self.text.len() + self.values.len())
    }
}

pub struct Children<'t> {
    tree: &'t Tree,
    next: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = Node;

    fn next(&mut self) -> Option<Node> {
        let node = (self.next < self.end).then_some(Node(self.next))?;
        self.next = self.tree.nodes[node.at()].end.0;
        Some(node)
    }
}

/// How a tree is filled: elements are opened, given attributes, then text and elements, and closed.
impl Tree {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.text.clear();
        self.values.clear();
        self.loose = 0;
        self.nodes.push(Entry {
            name: Name::DOCUMENT,
            parent: Node::DOCUMENT,
            end: Node(1),
            from: 0,
            to: 0,
            prefix: 0,
            attributes: 0,
        });
        self.open = Node::DOCUMENT;
    }

    pub(super) fn names_mut(&mut self) -> &mut Names {
        &mut self.names
    }

    /// The number of a prefix; `None` if there are too many.
    pub(super) fn prefix(&mut self, prefix: &str) -> Option<u16> {
        let known = self.prefixes.iter().position(|known| &**known == prefix);
        let at = known.unwrap_or_else(|| {
            self.prefixes.push(prefix.into());
            self.prefixes.len() - 1
        });
        u16::try_from(at).ok()
    }

    pub(super) fn open(&mut self, name: Name, prefix: u16) {
        self.settle(true);
        let parent = self.open;
        self.open = self.push(Entry {
            name,
            parent,
            end: Node::DOCUMENT,
            from: offset(&self.text),
            to: 0,
            prefix,
            attributes: 0,
        });
    }

    /// Whether the open element has no attribute of this name yet, and now has one.
    pub(super) fn add_attribute(&mut self, name: Name, prefix: u16, value: &str) -> bool {
        if self.attributes(self.open).any(|known| self.name(known) == name) {
            return false;
        }
        let from = offset(&self.values);
        self.values.push_str(value);
        let node = self.push(Entry {
            name,
            parent: self.open,
            end: Node::DOCUMENT,
            from,
            to: offset(&self.values),
            prefix,
            attributes: 0,
        });
        self.nodes[node.at()].end = Node(node.0 + 1);
        self.nodes[self.open.at()].attributes += 1;
        true
    }

    pub(super) fn add_text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Whether an element is open.
    pub(super) fn is_filling(&self) -> bool {
        self.open != Node::DOCUMENT
    }

    pub(super) fn close(&mut self) {
        let within_elements = self.inside_is_filled();
        self.settle(within_elements);
        let (end, to) = (offset_of_next(&self.nodes), offset(&self.text));
        let closed = &mut self.nodes[self.open.at()];
        (closed.end, closed.to) = (end, to);
        self.open = closed.parent;
        if self.open == Node::DOCUMENT {
            (self.nodes[0].end, self.nodes[0].to) = (end, to);
        }
    }

    fn inside_is_filled(&self) -> bool {
        let entry = &self.nodes[self.open.at()];
        self.nodes.len() > self.open.at() + 1 + usize::from(entry.attributes)
    }

    /// Makes a node of the text that came last, or forgets it where it is white space between elements.
    fn settle(&mut self, between_elements: bool) {
        let loose = &self.text[self.loose..];
        if loose.is_empty() {
            return;
        }
        if between_elements && loose.bytes().all(is_white) {
            self.text.truncate(self.loose);
            return;
        }
        let node = self.push(Entry {
            name: Name::TEXT,
            parent: self.open,
            end: Node::DOCUMENT,
            from: u32::try_from(self.loose).unwrap_or(u32::MAX),
            to: offset(&self.text),
            prefix: 0,
            attributes: 0,
        });
        self.nodes[node.at()].end = Node(node.0 + 1);
        self.loose = self.text.len();
    }

    fn push(&mut self, entry: Entry) -> Node {
        let node = offset_of_next(&self.nodes);
        self.nodes.push(entry);
        node
    }
}

// The reader keeps both far below.
fn offset(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

fn offset_of_next(nodes: &[Entry]) -> Node {
    Node(u32::try_from(nodes.len()).unwrap_or(u32::MAX))
}

/// What XML calls white space.
pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
