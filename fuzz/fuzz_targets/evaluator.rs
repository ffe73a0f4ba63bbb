//! An expression and a worker: every evaluation ends within bounds, comes to the same again, and depends on nothing that
//! the expression does not say it depends on.

#![no_main]

use arbitrary::Arbitrary;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use muster::domain::expression::{Expression, Outcome};
use muster_fuzz::expression::Written;
use muster_fuzz::world::World;

/// Longest text that a function makes, in bytes.
const MAX_TEXT: usize = 1 << 20;

#[derive(Arbitrary, Debug)]
struct Input {
    written: Written,
    world: World,
}

fuzz_target!(|input: Input| {
    let Input { written, world } = input;
    let Ok(expression) = Expression::parse(&written.0) else {
        return;
    };
    world.evaluate(&expression, |outcome| match outcome {
        Ok(Outcome::Value { value, .. }) => {
            let size: usize = value.to_texts().iter().map(String::len).sum();
            assert!(size <= MAX_TEXT, "{}: {size} bytes", written.0);
        }
        Ok(Outcome::IgnoreAttribute | Outcome::IgnoreObject) => {}
        Err(error) => {
            assert!(
                !error.message.is_empty() || written.0.contains("Error("),
                "{}",
                written.0
            );
            assert!(
                error.at.is_none_or(|at| at <= written.0.chars().count()),
                "{}",
                written.0
            );
        }
    });
    let answer = world.answer(&expression);
    assert_eq!(answer, world.answer(&expression), "{}", written.0);

    let mut other = world.clone();
    let read = expression.attributes();
    other.attributes.retain(|name, _| read.contains(&name.as_str()));
    if !expression.reads_clock() {
        other.now = Timestamp::UNIX_EPOCH;
    }
    if !expression.is_random() {
        other.seed ^= 1;
    }
    if expression.candidates().is_none() {
        other.taken.clear();
    }
    assert_eq!(
        answer,
        other.answer(&expression),
        "{} depends on more than it says",
        written.0
    );
});
