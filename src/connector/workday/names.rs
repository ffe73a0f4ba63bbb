//! Names as numbers. A page repeats a few hundred names a hundred thousand times; each is looked up once and compared
//! as a number from then on, by XPaths too.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// A namespace, by its place among the namespaces met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Namespace(u32);

impl Namespace {
    pub const NONE: Namespace = Namespace(0);
}

/// An expanded name: namespace and local part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name(u32);

impl Name {
    /// What the nodes that have no name are called: the document, and texts.
    pub(super) const DOCUMENT: Name = Name(0);
    pub(super) const TEXT: Name = Name(1);
}

/// All names met so far. A copy knows the same names by the same numbers and may learn others: so XPaths are compiled
/// once, and each page goes on from a copy.
#[derive(Clone, Debug)]
pub struct Names {
    namespaces: Vec<Known>,
    names: Vec<(Namespace, Box<str>)>,
}

/// A namespace and what is known in it.
#[derive(Clone, Debug)]
struct Known {
    uri: Box<str>,
    names: HashMap<Box<str>, Name, RandomState>,
}

impl Default for Names {
    fn default() -> Names {
        let mut names = Names {
            namespaces: Vec::new(),
            names: vec![
                (Namespace::NONE, Box::default()),
                (Namespace::NONE, Box::default()),
            ],
        };
        names.namespace("");
        names
    }
}

impl Names {
    /// The number of a namespace, which is a new one if need be.
    pub fn namespace(&mut self, uri: &str) -> Namespace {
        let known = self.namespaces.iter().position(|known| &*known.uri == uri);
        let at = known.unwrap_or_else(|| {
            self.namespaces.push(Known {
                uri: uri.into(),
                names: HashMap::default(),
            });
            self.namespaces.len() - 1
        });
        Namespace(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// The number of a name, which is a new one if need be.
    pub fn name(&mut self, namespace: Namespace, local: &str) -> Name {
        let known = &mut self.namespaces[namespace.0 as usize].names;
        if let Some(name) = known.get(local) {
            return *name;
        }
        let name = Name(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        known.insert(local.into(), name);
        self.names.push((namespace, local.into()));
        name
    }

    pub fn namespace_of(&self, name: Name) -> Namespace {
        self.names[name.0 as usize].0
    }

    pub fn uri(&self, name: Name) -> &str {
        &self.namespaces[self.namespace_of(name).0 as usize].uri
    }

    pub fn local(&self, name: Name) -> &str {
        &self.names[name.0 as usize].1
    }

    /// How many names are known.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// How many namespaces are known.
    pub(super) fn namespaces(&self) -> usize {
        self.namespaces.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_goes_on_with_the_same_numbers() {
        let mut names = Names::default();
        let wd = names.namespace("urn:com.workday/bsvc");
        let worker = names.name(wd, "Worker");
        let mut page = names.clone();
        let other = page.name(Namespace::NONE, "Worker");
        assert_eq!(page.name(wd, "Worker"), worker);
        assert_ne!(other, worker);
        assert_eq!(
            (page.uri(worker), page.local(worker)),
            ("urn:com.workday/bsvc", "Worker")
        );
        assert_eq!((page.uri(other), page.len()), ("", names.len() + 1));
    }
}
