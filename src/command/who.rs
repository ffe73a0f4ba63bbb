//! Who is at the terminal, as the operating system knows: decisions are kept with the name of whoever made them.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

/// The user, and whoever became it with `sudo`.
pub fn decides() -> String {
    let user = name().unwrap_or_else(number);
    match std::env::var("SUDO_USER") {
        Ok(former) if !former.is_empty() && former != user => format!("{user} ({former} by sudo)"),
        _ => user,
    }
}

/// As every directory of users has it that this machine asks.
fn name() -> Option<String> {
    let asked = Command::new("id").arg("-un").output().ok()?;
    let name = String::from_utf8(asked.stdout).ok()?.trim().to_string();
    (asked.status.success() && !name.is_empty()).then_some(name)
}

fn number() -> String {
    let own = std::fs::metadata("/proc/self");
    own.map_or_else(|_| "somebody".into(), |own| format!("user {}", own.uid()))
}
