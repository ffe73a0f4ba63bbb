//! Compiled expressions. XPath 1.0 without variables is typed by its text alone, so each type is a type here, and every
//! conversion that the recommendation describes was put in when the expression was compiled.

use super::super::names::{Name, Namespace};
use super::text::Mapping;

/// An expression by the type of its value.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Nodes(Nodes),
    Text(Text),
    Number(Number),
    Flag(Flag),
}

/// Selects nodes.
#[derive(Clone, Debug, PartialEq)]
pub enum Nodes {
    /// A path from the document, which is walked once for all expressions: a place in the list of walks.
    Walk(usize),
    /// A path from the context node.
    Path(Path),
    /// A path from other nodes.
    From(Box<Nodes>, Path),
    /// `(…)[…]`: positions count in document order over all of them.
    Filter(Box<Nodes>, Vec<Predicate>),
    Union(Vec<Nodes>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    pub steps: Vec<Step>,
    /// Only downward axes: going depth first meets the nodes in document order, each once.
    pub is_downward: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub axis: Axis,
    pub test: Test,
    pub predicates: Vec<Predicate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    Child,
    Attribute,
    Itself,
    Parent,
    DescendantOrSelf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    Name(Name),
    /// `wd:*`
    Within(Namespace),
    /// `*`
    Any,
    /// `text()`
    Text,
    /// `node()`
    Node,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    pub condition: Condition,
    /// It asks for the position or the number of the nodes it filters.
    pub is_positional: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `[1]`
    At(Number),
    Holds(Flag),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    Literal(String),
    /// The string-value of the first node.
    OfNodes(Nodes),
    OfNumber(Box<Number>),
    OfFlag(Box<Flag>),
    /// A property of the first node's name.
    OfName(NamePart, Nodes),
    Concat(Vec<Text>),
    Before(Box<(Text, Text)>),
    After(Box<(Text, Text)>),
    Substring(Box<(Text, Number, Option<Number>)>),
    Normalized(Box<Text>),
    /// By a mapping that is known already.
    Mapped(Box<Text>, Mapping),
    Translated(Box<(Text, Text, Text)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamePart {
    Qualified,
    Local,
    Uri,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    Literal(f64),
    OfText(Box<Text>),
    OfFlag(Box<Flag>),
    Position,
    Last,
    Count(Nodes),
    Sum(Nodes),
    Length(Box<Text>),
    Negative(Box<Number>),
    Arithmetic(Arithmetic, Box<(Number, Number)>),
    Rounded(Rounding, Box<Number>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Plus,
    Minus,
    Times,
    Div,
    Mod,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    Floor,
    Ceiling,
    Nearest,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Flag {
    Literal(bool),
    /// There is any such node.
    OfNodes(Nodes),
    OfText(Text),
    OfNumber(Number),
    Not(Box<Flag>),
    All(Vec<Flag>),
    Any(Vec<Flag>),
    StartsWith(Text, Text),
    Contains(Text, Text),
    Flags(Relation, Box<(Flag, Flag)>),
    Numbers(Relation, Number, Number),
    /// Equal, or not.
    Texts(bool, Text, Text),
    /// Some node's string-value is equal, or not.
    NodesText(Nodes, bool, Text),
    /// Some node's number compares so.
    NodesNumber(Nodes, Relation, Number),
    /// Some pair's string-values are equal, or not; or their numbers compare so.
    NodesNodes(Nodes, Relation, Nodes),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Relation::Equal => left == right,
            Relation::NotEqual => left != right,
            Relation::Less => left < right,
            Relation::LessOrEqual => left <= right,
            Relation::Greater => left > right,
            Relation::GreaterOrEqual => left >= right,
        }
    }

    /// The same with the sides exchanged.
    pub fn flipped(self) -> Relation {
        match self {
            Relation::Less => Relation::Greater,
            Relation::LessOrEqual => Relation::GreaterOrEqual,
            Relation::Greater => Relation::Less,
            Relation::GreaterOrEqual => Relation::LessOrEqual,
            same => same,
        }
    }

    pub fn is_equality(self) -> bool {
        matches!(self, Relation::Equal | Relation::NotEqual)
    }
}

impl Expr {
    pub fn text(self) -> Text {
        match self {
            Expr::Text(text) => text,
            Expr::Nodes(nodes) => Text::OfNodes(nodes),
            Expr::Number(number) => Text::OfNumber(Box::new(number)),
            Expr::Flag(flag) => Text::OfFlag(Box::new(flag)),
        }
    }

    pub fn number(self) -> Number {
        match self {
            Expr::Number(number) => number,
            Expr::Flag(flag) => Number::OfFlag(Box::new(flag)),
            other => Number::OfText(Box::new(other.text())),
        }
    }

    pub fn flag(self) -> Flag {
        match self {
            Expr::Flag(flag) => flag,
            Expr::Nodes(nodes) => Flag::OfNodes(nodes),
            Expr::Text(text) => Flag::OfText(text),
            Expr::Number(number) => Flag::OfNumber(number),
        }
    }

    /// A comparison (XPath 1.0, 3.4): with nodes it holds if it does for any of them.
    pub fn compare(self, relation: Relation, right: Expr) -> Flag {
        match (self, right) {
            (Expr::Nodes(left), Expr::Nodes(right)) => Flag::NodesNodes(left, relation, right),
            (left @ Expr::Flag(_), right) | (left, right @ Expr::Flag(_)) if relation.is_equality() => {
                Flag::Flags(relation, Box::new((left.flag(), right.flag())))
            }
            // Beside a flag, nodes are whether there are any.
            (left @ Expr::Flag(_), Expr::Nodes(right)) => {
                Flag::Numbers(relation, left.number(), Expr::Flag(Flag::OfNodes(right)).number())
            }
            (Expr::Nodes(left), right @ Expr::Flag(_)) => {
                Flag::Numbers(relation, Expr::Flag(Flag::OfNodes(left)).number(), right.number())
            }
            (Expr::Nodes(nodes), Expr::Text(text)) if relation.is_equality() => {
                Flag::NodesText(nodes, relation == Relation::Equal, text)
            }
            (Expr::Nodes(nodes), other) => Flag::NodesNumber(nodes, relation, other.number()),
            (left, right @ Expr::Nodes(_)) => right.compare(relation.flipped(), left),
            (Expr::Text(left), Expr::Text(right)) if relation.is_equality() => {
                Flag::Texts(relation == Relation::Equal, left, right)
            }
            (left, right) => Flag::Numbers(relation, left.number(), right.number()),
        }
    }
}
