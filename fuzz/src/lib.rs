//! What the fuzz targets share: expressions and workers, drawn from the fuzzer's bytes.

pub mod expression;
pub mod world;

/// Longest text of an expression, in characters.
pub const MAX_LENGTH: usize = 10_000;
