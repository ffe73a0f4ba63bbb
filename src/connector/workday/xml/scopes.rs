//! Namespaces: what prefixes mean inside the elements that declare them.

use super::super::names::Namespace;

/// Which prefix stands for which namespace: the innermost declaration counts.
#[derive(Default)]
pub struct Scopes {
    bound: Vec<Binding>,
}

struct Binding {
    depth: usize,
    prefix: Box<str>,
    namespace: Namespace,
}

impl Scopes {
    pub fn bind(&mut self, depth: usize, prefix: &str, namespace: Namespace) {
        self.bound.push(Binding {
            depth,
            prefix: prefix.into(),
            namespace,
        });
    }

    pub fn find(&self, prefix: &str) -> Option<Namespace> {
        let bound = self.bound.iter().rev().find(|bound| &*bound.prefix == prefix)?;
        Some(bound.namespace)
    }

    /// Declarations that hold now.
    pub fn len(&self) -> usize {
        self.bound.len()
    }

    /// Forgets what was declared deeper than this; says whether that was anything.
    pub fn leave(&mut self, depth: usize) -> bool {
        let before = self.bound.len();
        while self.bound.last().is_some_and(|last| last.depth > depth) {
            self.bound.pop();
        }
        self.bound.len() < before
    }
}
