//! `muster demo`: the whole job in one process, nothing installed.
//!
//! An invented company's HR posts its people; office staff get accounts in a simulated Active Directory, field staff in a
//! simulated Entra ID. A day later HR has news. What is shown comes from the gateway's own API, as a script would ask.
//!
//! `stage` sets everything up, `hr` posts and follows, `screen` shows.

mod hr;
mod screen;
mod stage;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Outcome, lab, read_on, until_signalled};
use crate::error::{Error, Result};
use crate::lab::company::{Company, Event, Person};
use hr::{Happened, Said};
use stage::Stage;

/// Shows the whole job on an invented company: HR's uploads in, accounts in a simulated directory and a simulated
/// cloud. Nothing is installed and nothing is kept.
#[derive(Args)]
pub struct Arguments {
    /// How many people work there.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(20..=20_000))]
    workers: u32,
    /// Decides who they are.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End when all is done, rather than stay up to be looked at.
    #[arg(long)]
    exit: bool,
    /// Where the gateway listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_parser = lab::loopback)]
    listen: SocketAddr,
    /// The secret of the client hr-script; a random one where it is not set.
    #[arg(long, env = "HR_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Print what happened to whom as JSON instead of tables.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let stop = until_signalled()?;
    let shown = tokio::select! {
        shown = show(&arguments, &stop) => shown.map_err(|error| error.to_string())?,
        () = stop.cancelled() => return Ok(ExitCode::FAILURE),
    };
    if !arguments.exit {
        screen::stays_up();
        stop.cancelled().await;
    }
    shown.stage.strike().await;
    Ok(shown.code)
}

/// A demonstration that is over, and still up.
struct Shown {
    stage: Stage,
    code: ExitCode,
}

async fn show(arguments: &Arguments, stop: &CancellationToken) -> Result<Shown> {
    let mut stage = Stage::set(arguments.listen, arguments.secret.as_deref(), &stop.child_token()).await?;
    let mut company = Company::new(arguments.seed, arguments.workers as usize, stage.today());
    screen::opening(&company, &stage);
    let everybody: Vec<Said> = company.people.iter().cloned().map(Said::first).collect();
    let first = hr::day(&stage, "Day 1", &everybody).await?;
    stage.next_day().await?;
    let news = company.next_day(stage.today());
    let mut news: Vec<Said> = news
        .into_iter()
        .map(|(event, person)| Said::later(event, person))
        .collect();
    news.sort_by_key(|said| said.event);
    let second = hr::day(&stage, "Day 2", &news).await?;
    let failed = first.iter().chain(&second).any(Happened::failed);
    let told = match arguments.json {
        true => document(&first, &second),
        false => screen::both_days(&first, &second, &mut io::stdout().lock()),
    };
    let told = match arguments.json || arguments.exit {
        true => told,
        false => told.and_then(|()| screen::what_next(&stage, &company, &mut io::stdout().lock())),
    };
    read_on(told).map_err(Error::internal)?;
    let code = if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    };
    Ok(Shown { stage, code })
}

fn document(first: &[Happened], second: &[Happened]) -> io::Result<()> {
    writeln!(io::stdout(), "{:#}", json!({ "day1": first, "day2": second }))
}

impl Said {
    fn first(person: Person) -> Said {
        Said { event: None, person }
    }

    fn later(event: Event, person: Person) -> Said {
        Said {
            event: Some(event),
            person,
        }
    }
}
