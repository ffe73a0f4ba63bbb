//! A worker, a clock, a seed and a target to evaluate against.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Result, Unstructured};
use jiff::Timestamp;
use muster::domain::expression::{Context, EvaluationError, Expression, Outcome, Seed};
use muster::domain::value::Value;
use uuid::Uuid;

/// The attributes that expressions are drawn about.
pub const NAMES: [&str; 8] = [
    "a",
    "b",
    "list",
    "number",
    "flag",
    "date",
    "name.givenName",
    "nothing",
];

#[derive(Clone, Debug)]
pub struct World {
    pub attributes: BTreeMap<String, Value>,
    pub now: Timestamp,
    pub seed: u64,
    pub taken: Vec<String>,
}

impl<'a> Arbitrary<'a> for World {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<World> {
        let mut attributes = BTreeMap::new();
        for name in NAMES {
            if name != "nothing" && u.ratio(3, 4)? {
                attributes.insert(name.to_owned(), value(u, 2)?);
            }
        }
        Ok(World {
            attributes,
            now: instant(u)?,
            seed: u.arbitrary()?,
            taken: u.arbitrary_iter::<String>()?.take(4).collect::<Result<_>>()?,
        })
    }
}

impl World {
    /// Evaluates, and hands the outcome on before the context is gone.
    pub fn evaluate<T>(
        &self,
        expression: &Expression,
        then: impl FnOnce(Result<Outcome<'_>, EvaluationError>) -> T,
    ) -> T {
        then(expression.evaluate(&Context {
            attributes: &self.attributes,
            now: self.now,
            seed: Seed::new(Uuid::from_u64_pair(0, self.seed), "worker", "mapping"),
            taken: &|candidate| self.taken.iter().any(|taken| taken == candidate),
            default_domain: Some("contoso.com"),
            directory_domain: Some("contoso.local"),
        }))
    }

    /// What an evaluation comes to, to be held against another.
    pub fn answer(&self, expression: &Expression) -> String {
        self.evaluate(expression, |outcome| format!("{outcome:?}"))
    }
}

/// What an attribute may hold, lists in lists included.
pub fn value(u: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    Ok(match u.int_in_range(0..=9)? {
        0 => Value::Null,
        1 => Value::Bool(u.arbitrary()?),
        2 => Value::Integer(u.arbitrary()?),
        3 => Value::Time(instant(u)?),
        4 if depth > 0 => {
            let count = u.int_in_range(0..=4)?;
            Value::List((0..count).map(|_| value(u, depth - 1)).collect::<Result<_>>()?)
        }
        // Long enough for a pattern to run away, and for work that grows with the square of the length to show.
        5 => {
            let sign = u.choose(&["a", "ab", "{", "(", "[", "\\", "y", "'", "MMM ", "$1", ",", "é"])?;
            let most = if u.ratio(1, 16)? { 70_000 } else { 2_000 };
            Value::Text(sign.repeat(u.int_in_range(0..=most)? / sign.len()))
        }
        6 => Value::text(u.int_in_range(-5..=5)?.to_string()),
        _ => Value::text(<&str>::arbitrary(u)?),
    })
}

fn instant(u: &mut Unstructured<'_>) -> Result<Timestamp> {
    let second = u.int_in_range(-377_705_023_201..=253_402_207_200)?;
    Ok(Timestamp::new(second, u.int_in_range(0..=999_999_999)?).unwrap_or(Timestamp::MAX))
}
