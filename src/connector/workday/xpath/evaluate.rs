//! Evaluates compiled expressions on one worker.
//!
//! First the shared walks, in order, each from the nodes that the one before it reached; then what is left of every
//! expression. Inside predicates paths are followed depth first and no further than the question needs: `=` stops at
//! the first node that is equal, `string()` at the first there is.

mod values;

use std::borrow::Cow;
use std::cell::Cell;

use thiserror::Error;

use super::super::names::Name;
use super::super::tree::{Node, Tree};
use super::Xpaths;
use super::expr::{Axis, Condition, Expr, Nodes, Predicate, Step, Test};
use super::text;

/// Nodes looked at for one expression on one worker; a documented one looks at some dozens.
const BUDGET: usize = 3_000_000;
/// Bytes of text that count as one node.
const BYTES_A_NODE: usize = 64;

/// The expression asks for too much: predicates within predicates, all over the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it looks at more than {BUDGET} nodes of this worker: replace // by the steps that lead there")]
pub struct TooCostly;

type Result<T> = std::result::Result<T, TooCostly>;

/// What an expression selects, as texts in document order: absent values and empty texts are left out.
pub type Values<'t> = Result<Vec<Cow<'t, str>>>;

/// Keeps its memory from one worker to the next.
pub struct Evaluator<'x> {
    xpaths: &'x Xpaths,
    /// What the walks reached, one after the other.
    nodes: Vec<Node>,
    reached: Vec<Reached>,
    fresh: Vec<Node>,
}

/// A part of the nodes reached.
#[derive(Clone, Copy)]
struct Reached {
    from: usize,
    to: usize,
    is_too_costly: bool,
}

impl<'x> Evaluator<'x> {
    pub(super) fn new(xpaths: &'x Xpaths) -> Evaluator<'x> {
        Evaluator {
            xpaths,
            nodes: Vec::new(),
            reached: Vec::new(),
            fresh: Vec::new(),
        }
    }

    /// Every expression's values, in the order in which they were added.
    pub fn evaluate<'t>(&mut self, tree: &'t Tree) -> Vec<Values<'t>> {
        self.walk(tree);
        let world = World {
            tree,
            nodes: &self.nodes,
            reached: &self.reached,
            budget: Cell::new(BUDGET),
        };
        let values = |expr| {
            world.budget.set(BUDGET);
            world.values(expr)
        };
        self.xpaths.expressions.iter().map(values).collect()
    }

    fn walk(&mut self, tree: &Tree) {
        self.nodes.clear();
        self.nodes.push(Node::DOCUMENT);
        self.reached.clear();
        self.reached.push(Reached {
            from: 0,
            to: 1,
            is_too_costly: false,
        });
        for walk in self.xpaths.walks.all() {
            let before = self.reached[walk.from];
            self.fresh.clear();
            let mut is_too_costly = before.is_too_costly;
            if before.from < before.to {
                let world = World {
                    tree,
                    nodes: &self.nodes,
                    reached: &self.reached,
                    budget: Cell::new(BUDGET),
                };
                let origins = &self.nodes[before.from..before.to];
                is_too_costly |= world.steps(&walk.step, origins, &mut self.fresh).is_err();
            }
            let from = self.nodes.len();
            self.nodes.append(&mut self.fresh);
            self.reached.push(Reached {
                from,
                to: self.nodes.len(),
                is_too_costly,
            });
        }
    }
}

/// The context of an expression.
#[derive(Clone, Copy)]
struct At {
    node: Node,
    position: usize,
    size: usize,
}

impl At {
    fn only(node: Node) -> At {
        At {
            node,
            position: 1,
            size: 1,
        }
    }
}

struct World<'w, 't> {
    tree: &'t Tree,
    nodes: &'w [Node],
    reached: &'w [Reached],
    budget: Cell<usize>,
}

/// Is told of a node; says whether it wants another.
type Visitor<'v> = dyn FnMut(Node) -> Result<bool> + 'v;

impl<'w, 't: 'w> World<'w, 't> {
    fn values(&self, expr: &'w Expr) -> Values<'t> {
        let at = At::only(Node::DOCUMENT);
        let text = match expr {
            Expr::Nodes(nodes) => {
                let mut values = Vec::new();
                self.each(nodes, at, &mut |node| {
                    let value = self.tree.string(node);
                    if !value.is_empty() {
                        values.push(Cow::Borrowed(value));
                    }
                    Ok(true)
                })?;
                return Ok(values);
            }
            Expr::Text(text) => self.text(text, at)?.into_owned(),
            Expr::Number(number) => match self.number(number, at)? {
                number if number.is_nan() => String::new(),
                number => text::of_number(number),
            },
            Expr::Flag(flag) => self.flag(flag, at)?.to_string(),
        };
        Ok(match text.is_empty() {
            true => Vec::new(),
            false => vec![Cow::Owned(text)],
        })
    }

    fn spend(&self, nodes: usize) -> Result<()> {
        let left = self.budget.get().checked_sub(nodes).ok_or(TooCostly)?;
        self.budget.set(left);
        Ok(())
    }

    fn spend_text(&self, text: &str) -> Result<()> {
        self.spend(1 + text.len() / BYTES_A_NODE)
    }
}

/// Nodes.
impl<'w, 't: 'w> World<'w, 't> {
    /// Visits what is selected, in document order; says whether the visitor still wants more.
    fn each(&self, nodes: &'w Nodes, at: At, visit: &mut Visitor<'_>) -> Result<bool> {
        match nodes {
            Nodes::Path(path) if path.is_downward => self.path(&path.steps, at.node, visit),
            Nodes::Walk(walk) => self.visit_all(self.reached(*walk)?, visit),
            other => self.visit_all(&self.set(other, at)?, visit),
        }
    }

    fn visit_all(&self, nodes: &[Node], visit: &mut Visitor<'_>) -> Result<bool> {
        for node in nodes {
            self.spend(1)?;
            if !visit(*node)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn reached(&self, walk: usize) -> Result<&'w [Node]> {
        let reached = self.reached[walk];
        match reached.is_too_costly {
            true => Err(TooCostly),
            false => Ok(&self.nodes[reached.from..reached.to]),
        }
    }

    fn first(&self, nodes: &'w Nodes, at: At) -> Result<Option<Node>> {
        let mut first = None;
        self.each(nodes, at, &mut |node| {
            first = Some(node);
            Ok(false)
        })?;
        Ok(first)
    }

    /// All that is selected, in document order.
    fn set(&self, nodes: &'w Nodes, at: At) -> Result<Vec<Node>> {
        match nodes {
            Nodes::Walk(walk) => Ok(self.reached(*walk)?.to_vec()),
            Nodes::Path(path) => self.along(vec![at.node], &path.steps),
            Nodes::From(from, path) => self.along(self.set(from, at)?, &path.steps),
            Nodes::Filter(of, predicates) => {
                let mut set = self.set(of, at)?;
                self.filter(&mut set, predicates)?;
                Ok(set)
            }
            Nodes::Union(parts) => {
                let mut set = Vec::new();
                for part in parts {
                    set.append(&mut self.set(part, at)?);
                }
                order(&mut set);
                Ok(set)
            }
        }
    }

    fn along(&self, mut set: Vec<Node>, steps: &'w [Step]) -> Result<Vec<Node>> {
        for step in steps {
            let mut fresh = Vec::new();
            self.steps(step, &set, &mut fresh)?;
            set = fresh;
        }
        Ok(set)
    }

    /// One step from each of these nodes, to nodes in document order.
    fn steps(&self, step: &'w Step, origins: &[Node], into: &mut Vec<Node>) -> Result<()> {
        for origin in origins {
            self.step(step, *origin, &mut |node| {
                into.push(node);
                Ok(true)
            })?;
        }
        order(into);
        Ok(())
    }

    /// Steps that lead downwards, depth first.
    fn path(&self, steps: &'w [Step], node: Node, visit: &mut Visitor<'_>) -> Result<bool> {
        match steps {
            [] => visit(node),
            [last] => self.step(last, node, visit),
            [step, rest @ ..] => self.step(step, node, &mut |node| self.path(rest, node, visit)),
        }
    }

    fn step(&self, step: &'w Step, node: Node, visit: &mut Visitor<'_>) -> Result<bool> {
        let predicates = step.predicates.as_slice();
        if predicates.is_empty() {
            return self.candidates(step, node, visit);
        }
        if !predicates.iter().any(|predicate| predicate.is_positional) {
            return self.candidates(step, node, &mut |candidate| {
                for predicate in predicates {
                    if !self.holds(predicate, At::only(candidate))? {
                        return Ok(true);
                    }
                }
                visit(candidate)
            });
        }
        let mut candidates = Vec::new();
        self.candidates(step, node, &mut |candidate| {
            candidates.push(candidate);
            Ok(true)
        })?;
        self.filter(&mut candidates, predicates)?;
        self.visit_all(&candidates, visit)
    }

    /// What axis and name select.
    fn candidates(&self, step: &Step, node: Node, visit: &mut Visitor<'_>) -> Result<bool> {
        let tree = self.tree;
        let mut look_at = |candidate: Node, is_match: bool| -> Result<bool> {
            self.spend(1)?;
            Ok(!is_match || visit(candidate)?)
        };
        match step.axis {
            Axis::Child => {
                for child in tree.children(node) {
                    if !look_at(child, self.is_child(step.test, child))? {
                        return Ok(false);
                    }
                }
            }
            Axis::Attribute => {
                for attribute in tree.attributes(node) {
                    let is_match = match step.test {
                        Test::Name(name) => tree.name(attribute) == name,
                        Test::Within(namespace) => {
                            tree.names().namespace_of(tree.name(attribute)) == namespace
                        }
                        Test::Any | Test::Node => true,
                        Test::Text => false,
                    };
                    if !look_at(attribute, is_match)? {
                        return Ok(false);
                    }
                }
            }
            Axis::Itself => return look_at(node, self.is(step.test, node)),
            Axis::Parent => {
                if let Some(parent) = tree.parent(node) {
                    return look_at(parent, self.is(step.test, parent));
                }
            }
            Axis::DescendantOrSelf => {
                for inside in tree.descendants_or_self(node) {
                    if !look_at(inside, self.is(step.test, inside))? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// The test where elements are what a name means, and the node may be an attribute or the document.
    fn is(&self, test: Test, node: Node) -> bool {
        match test {
            Test::Node => true,
            Test::Text => self.tree.name(node) == Name::TEXT,
            _ => self.tree.is_element(node) && self.is_child(test, node),
        }
    }

    /// The test for what is inside an element: elements and texts.
    fn is_child(&self, test: Test, node: Node) -> bool {
        let name = self.tree.name(node);
        match test {
            Test::Name(wanted) => name == wanted,
            Test::Within(namespace) => {
                name != Name::TEXT && self.tree.names().namespace_of(name) == namespace
            }
            Test::Any => name != Name::TEXT,
            Test::Text => name == Name::TEXT,
            Test::Node => true,
        }
    }

    /// Each predicate filters what the one before it left, by positions among that.
    fn filter(&self, nodes: &mut Vec<Node>, predicates: &'w [Predicate]) -> Result<()> {
        for predicate in predicates {
            let size = nodes.len();
            let mut kept = 0;
            for index in 0..size {
                let at = At {
                    node: nodes[index],
                    position: index + 1,
                    size,
                };
                if self.holds(predicate, at)? {
                    nodes[kept] = nodes[index];
                    kept += 1;
                }
            }
            nodes.truncate(kept);
        }
        Ok(())
    }

    fn holds(&self, predicate: &'w Predicate, at: At) -> Result<bool> {
        self.spend(1)?;
        match &predicate.condition {
            Condition::Holds(flag) => self.flag(flag, at),
            Condition::At(number) => Ok(self.number(number, at)? == count(at.position)),
        }
    }
}

/// Sorts nodes into document order, each once.
fn order(nodes: &mut Vec<Node>) {
    if !nodes.is_sorted() {
        nodes.sort_unstable();
    }
    nodes.dedup();
}

#[expect(clippy::cast_precision_loss, reason = "there are never so many nodes")]
fn count(number: usize) -> f64 {
    number as f64
}
