//! `muster check`: everything wrong with the directory's configuration, at once.

use super::target::ActiveDirectory;
use crate::connector::Problem;

pub(super) async fn check(_target: &ActiveDirectory) -> Vec<Problem> {
    Vec::new()
}
