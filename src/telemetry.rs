//! What the process says about itself on stderr: `MUSTER_LOG` chooses what (tracing's filter syntax),
//! `MUSTER_LOG_FORMAT=json` how. Personal data is not part of it; that is what the provisioning log is for. The LDAP
//! crate's warnings quote answers, so they are left out.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// `level` is what is said where `MUSTER_LOG` is not set.
pub fn start(level: &str) {
    let filter = EnvFilter::try_from_env("MUSTER_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},actix_server=warn,ldap3=error")));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let json = std::env::var("MUSTER_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    // A second start in one process keeps the first.
    let _ = if json {
        lines.json().try_init()
    } else {
        lines.with_target(false).try_init()
    };
}
