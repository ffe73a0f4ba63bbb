//! One file a subcommand. Each answers with an exit code, or with one line that says what to do next.

pub mod bulk;
pub mod check;
pub mod demo;
pub mod eval;
pub mod lab;
pub mod serve;

use std::process::ExitCode;

pub type Outcome = Result<ExitCode, String>;
