//! Paths from the document, shared by all expressions that begin alike: each step is taken once for a worker, however many
//! expressions lead along it.

use super::expr::Step;

/// One step from where another walk ends.
#[derive(Clone, Debug)]
pub struct Walk {
    pub from: usize,
    pub step: Step,
}

/// A tree of steps. Walk 0 is the document; every other one comes after the one it goes on from, and after those that its
/// predicates use.
#[derive(Clone, Debug, Default)]
pub struct Walks {
    walks: Vec<Walk>,
}

impl Walks {
    /// The walk along these steps.
    pub fn along(&mut self, steps: Vec<Step>) -> usize {
        steps.into_iter().fold(0, |from, step| self.on(from, step))
    }

    fn on(&mut self, from: usize, step: Step) -> usize {
        let known = self
            .walks
            .iter()
            .position(|walk| walk.from == from && walk.step == step);
        let at = known.unwrap_or_else(|| {
            self.walks.push(Walk { from, step });
            self.walks.len() - 1
        });
        at + 1
    }

    /// All but walk 0.
    pub fn all(&self) -> &[Walk] {
        &self.walks
    }

    /// Forgets the walks from this number on, of an expression that turned out to be wrong.
    pub fn truncate(&mut self, length: usize) {
        self.walks.truncate(length);
    }
}
