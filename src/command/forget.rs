//! `muster forget`: everything that is known of one worker is erased.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Outcome, offline, plain};
use crate::engine::forget::{Account, Forgotten, Order};

/// Erases what the database knows of one worker: the record, the link, what was done, and every value in the log. Counts stay. The
/// account is left as it is. What HR says of the person from then on is about somebody new.
#[derive(Args)]
pub struct Arguments {
    /// HR's own key for the worker.
    worker: String,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// The system whose key it is, where several use it.
    #[arg(long)]
    system: Option<String>,
    /// Who wants it, for the row that stays.
    #[arg(long, env = "USER", default_value = "muster forget")]
    by: String,
    /// Forget the person though the account is enabled: it is left so, and nobody will ever disable it.
    #[arg(long)]
    leave_enabled: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let engine = offline(&arguments.config).await?;
    let order = Order {
        worker: arguments.worker.clone(),
        system: arguments.system,
        author: arguments.by,
        leave_enabled: arguments.leave_enabled,
    };
    let whom = engine.whom(&order).await.map_err(|error| error.to_string())?;
    if !arguments.yes {
        confirm(&whom.anchor, &whom.system)?;
    }
    let forgotten = engine.forget(&order).await.map_err(|error| error.to_string())?;
    let printed = match arguments.json {
        true => serde_json::to_string_pretty(&forgotten).map_err(|error| error.to_string())? + "\n",
        false => text(&forgotten),
    };
    super::read_on(io::stdout().lock().write_all(printed.as_bytes()))?;
    match forgotten.files_clean {
        true => Ok(ExitCode::SUCCESS),
        false => Err(
            "the rows are erased, but the database is in use and its file could not be written anew: what another release deleted from it may still be there; stop the gateway and run `sqlite3 FILE VACUUM`".into(),
        ),
    }
}

/// It cannot be taken back.
fn confirm(anchor: &str, system: &str) -> Result<(), String> {
    if !io::stdin().is_terminal() {
        return Err("this cannot be taken back: say --yes".into());
    }
    eprint!(
        "This erases all that is known of worker {} in {}, and cannot be taken back. Type the worker's key to go on: ",
        plain(anchor),
        plain(system)
    );
    let mut typed = String::new();
    io::stdin()
        .read_line(&mut typed)
        .map_err(|error| format!("cannot read the answer: {error}"))?;
    match typed.trim() == anchor {
        true => Ok(()),
        false => Err("nothing was erased".into()),
    }
}

fn text(forgotten: &Forgotten) -> String {
    let also = match forgotten.also_in.as_slice() {
        [] => String::new(),
        some => format!(", and in {} by the account", some.join(", ")),
    };
    let mut text = format!("forgotten in {}{also}\n", forgotten.system);
    for (count, what) in [
        (forgotten.records, "records erased"),
        (forgotten.links, "links to accounts erased"),
        (
            forgotten.receipts,
            "receipts erased: what they tell of cannot be undone",
        ),
        (forgotten.log_entries, "entries of the log emptied"),
        (forgotten.operations, "waiting operations ended"),
        (
            forgotten.plans,
            "plans without the worker now: they cannot be carried out",
        ),
        (forgotten.names, "names that stay taken, as hashes"),
        (forgotten.mentions, "rows about others that mentioned the worker"),
    ] {
        if count > 0 {
            text += &format!("{count:>7} {what}\n");
        }
    }
    for one in &forgotten.left {
        text += &format!("left: {}, the same person or account\n", plain(one));
    }
    for one in &forgotten.accounts {
        text += &account(one);
    }
    text + "not reached: the account itself, plans written to files, the log's stream, notices that were sent, backups\n"
}

fn account(one: &Account) -> String {
    let name = one.address.as_deref().or(one.anchor.as_deref());
    let state = match (one.enabled, one.shared) {
        (_, true) => "which others have as well",
        (Some(true), false) => "ENABLED: nobody disables it any more",
        (Some(false), false) => "disabled",
        (None, false) => "of which nobody knows whether it is enabled",
    };
    let name = plain(name.unwrap_or("that was made last"));
    format!("left: the account {name} in {}, {state}\n", plain(&one.system))
}
