//! `muster demo`: the whole job in one process, nothing installed.
//!
//! An invented company's HR posts its people; office staff get accounts in a simulated Active Directory, field staff in a
//! simulated Entra ID. Its subsidiary's HR is a simulated Workday, which is asked for people; they get accounts in the
//! same directory and the same cloud. At midnight one of them leaves and one begins, and in the morning both have news. Then
//! Workday is told what the cloud knows of whom it hired. What is shown comes from the gateway's own API, as a script would
//! ask.
//!
//! `stage` sets everything up as `config` has it, `subsidiary` fills Workday, `hr` posts and follows to the `outcome`,
//! `home` is the way back, `screen` shows.

mod config;
mod home;
mod hr;
mod outcome;
mod screen;
mod stage;
mod subsidiary;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use jiff::SignedDuration;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Outcome, lab, read_on, until_signalled};
use crate::error::{Error, Result};
use crate::lab::company::{Company, Person};
use config::{FIELD, HOME, OFFICE};
use home::Home;
use outcome::{Happened, Said};
use stage::Stage;
use subsidiary::Subsidiary;

/// Shows the whole job on an invented company: HR's uploads and a simulated Workday in, accounts in a simulated
/// directory and a simulated cloud. Nothing is installed and nothing is kept.
#[derive(Args)]
pub struct Arguments {
    /// How many people work there; at its subsidiary, a quarter as many more.
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
    let stage = Stage::set(arguments.listen, arguments.secret.as_deref(), &stop.child_token()).await?;
    let (seed, workers) = (arguments.seed, arguments.workers as usize);
    let mut company = Company::new(seed, workers, stage.today());
    let few = (workers / 4).max(subsidiary::FEWEST);
    let mut subsidiary = Subsidiary::found(&stage.workday, seed, few, stage.now())?;
    let tomorrow = stage.after(SignedDuration::from_hours(24));
    screen::opening(&company, &subsidiary, &stage);

    let mut said: Vec<Said> = company
        .people
        .iter()
        .map(|person| Said::of(person, None))
        .collect();
    said.extend(subsidiary.everybody());
    let first = hr::day(&stage, "Day 1", &company.people, &said).await?;

    let said = subsidiary.evening(&stage.workday)?;
    let night = hr::night(&stage, subsidiary.midnight, &said).await?;

    stage.turn_to(tomorrow);
    let mut news = company.next_day(stage.today());
    news.sort_by_key(|(event, _)| *event);
    let mut said: Vec<Said> = news
        .iter()
        .map(|(event, person)| Said::of(person, Some(*event)))
        .collect();
    said.extend(subsidiary.morning(&stage.workday)?);
    // A read is as of the second in which it began: what is entered in that very second is the next one's.
    stage.turn_to(stage.after(SignedDuration::from_mins(1)));
    for app in [&OFFICE, &FIELD, &HOME] {
        stage.start(app).await?;
    }
    let people: Vec<Person> = news.into_iter().map(|(_, person)| person).collect();
    let second = hr::day(&stage, "Day 2", &people, &said).await?;

    let home = home::shown(&stage, subsidiary.newest(), tomorrow).await?;

    let days = Days {
        first,
        night,
        second,
        home,
    };
    let told = match arguments.json {
        true => days.document(),
        false => screen::days(&days, &mut io::stdout().lock()),
    };
    let told = match arguments.json || arguments.exit {
        true => told,
        false => {
            told.and_then(|()| screen::what_next(&stage, &company, &subsidiary, &mut io::stdout().lock()))
        }
    };
    read_on(told).map_err(Error::internal)?;
    let failed = days.all().any(Happened::failed);
    let code = if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    };
    Ok(Shown { stage, code })
}

/// What happened when.
struct Days {
    first: Vec<Happened>,
    night: Vec<Happened>,
    second: Vec<Happened>,
    home: Home,
}

impl Days {
    fn all(&self) -> impl Iterator<Item = &Happened> {
        self.first
            .iter()
            .chain(&self.night)
            .chain(&self.second)
            .chain(&self.home.happened)
    }

    fn document(&self) -> io::Result<()> {
        let all = json!({ "day1": self.first, "night": self.night, "day2": self.second, "home": self.home });
        writeln!(io::stdout(), "{all:#}")
    }
}
