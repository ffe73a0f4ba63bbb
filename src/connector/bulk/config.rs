//! What `[system.…] kind = "bulk"` says.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Operations that may wait to be folded before uploads are turned away.
    #[serde(default = "a_million")]
    pub inbox_limit: u32,
}

fn a_million() -> u32 {
    1_000_000
}
