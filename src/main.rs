//! `muster`: parse, telemetry, one match.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use muster::command::{
    allow, apply, bulk, check, demo, eval, explain, forget, hold, lab, link, plan, release, report, review,
    schema, serve, undo, workday,
};

/// Cycles allocate much and let go of much: the system's allocator spends a third of their time on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Takes people from HR into the directories: a plan you can read, a reason for every value.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Serve(serve::Arguments),
    Check(check::Arguments),
    Plan(plan::Arguments),
    Apply(apply::Arguments),
    Undo(undo::Arguments),
    Review(review::Arguments),
    Release(release::Arguments),
    Link(link::Arguments),
    Allow(allow::Arguments),
    Hold(hold::Arguments),
    Forget(forget::Arguments),
    Report(report::Arguments),
    Explain(explain::Arguments),
    Eval(eval::Arguments),
    Schema(schema::Arguments),
    Lab(lab::Arguments),
    Bulk(Box<bulk::Arguments>),
    Workday(workday::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    muster::telemetry::start(match &arguments.command {
        Command::Serve(_) | Command::Check(_) | Command::Lab(_) | Command::Bulk(_) => "info",
        _ => "error",
    });
    let outcome = match arguments.command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Check(arguments) => check::run(arguments).await,
        Command::Plan(arguments) => plan::run(arguments).await,
        Command::Apply(arguments) => apply::run(arguments).await,
        Command::Undo(arguments) => undo::run(arguments).await,
        Command::Review(arguments) => review::run(arguments).await,
        Command::Release(arguments) => release::run(arguments).await,
        Command::Link(arguments) => link::run(arguments).await,
        Command::Allow(arguments) => allow::run(arguments).await,
        Command::Hold(arguments) => hold::run(arguments).await,
        Command::Forget(arguments) => forget::run(arguments).await,
        Command::Report(arguments) => report::run(arguments).await,
        Command::Explain(arguments) => explain::run(arguments).await,
        Command::Eval(arguments) => eval::run(arguments),
        Command::Schema(arguments) => schema::run(arguments).await,
        Command::Lab(arguments) => lab::run(arguments).await,
        Command::Bulk(arguments) => bulk::run(*arguments).await,
        Command::Workday(arguments) => workday::run(arguments),
    };
    outcome.unwrap_or_else(|message| {
        eprintln!("muster: {message}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
