//! What is wrong with the configuration as Workday sees it. Permissions that are missing make no noise there: data are
//! left out, so some workers are looked at and what nobody has is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use super::absence::Absence;
use super::answer::{Answer, AnswerError};
use super::client::{Answered, Body, Client, Clock};
use super::names::Names;
use super::record::{Reader, pacific_day};
use super::request::{AsOf, Page, Request, Selection};
use super::source::Workday;
use super::xml::Limits;
use super::zone::Zone;
use crate::connector::{Problem, Severity};
use crate::error::{Error, Kind, Result};

pub(super) const NOBODY: &str = "Workday shows no worker at all: give the integration user's security group the domain Worker Data: Workers, and activate pending security policy changes";

/// Workers who are looked at, as far as one page has so many.
const SAMPLE: u32 = 500;

/// Clocks further apart are told about: passwords and tokens are next.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

pub(super) async fn check(workday: &Workday) -> Vec<Problem> {
    let mut problems = of_schema(workday);
    let clock = match greet(&workday.desk.client).await {
        Ok(clock) => clock,
        Err(error) => {
            problems.push(unreachable(&error));
            return problems;
        }
    };
    problems.extend(skew(clock));
    match sample(workday, clock).await {
        Ok(sample) => problems.extend(sample.problems(&workday.zone)),
        Err(problem) => problems.push(problem),
    }
    problems
}

/// Whether Workday lets us in, and what time it is there.
pub(super) async fn greet(client: &Client) -> Result<Clock> {
    let request = Request {
        selection: &Selection::Nobody,
        as_of: None,
        page: Page { number: 1, size: 1 },
        flags: &["Include_Reference"],
    };
    let read = |body| {
        let mut answer = Answer::open(body, &Names::default(), Limits::default())?;
        while answer.worker()?.is_some() {}
        Ok(())
    };
    let answered = client.ask(&request, read).await;
    let Answered { clock, .. } = answered.map_err(|trouble| trouble.error)?;
    Ok(clock)
}

/// Why nobody can be asked anything.
pub(super) fn unreachable(error: &Error) -> Problem {
    let advice = match error.kind {
        Kind::Unavailable => ": reach it from here with the same proxy and authorities, or try again later",
        _ => "",
    };
    wrong(format!("{error}{advice}"))
}

fn of_schema(workday: &Workday) -> Vec<Problem> {
    let attributes = &workday.desk.reader.attributes;
    let doubts = workday.warnings.iter().map(ToString::to_string);
    doubts
        .chain(attributes.disagree(&workday.version))
        .map(doubtful)
        .collect()
}

pub(super) fn skew(clock: Clock) -> Option<Problem> {
    let ahead = clock.ahead?;
    (ahead.abs() > SKEW).then(|| {
        let direction = if ahead.is_positive() { "behind" } else { "ahead of" };
        doubtful(format!(
            "this machine's clock is {} minutes {direction} Workday's: set it right",
            ahead.abs().as_mins()
        ))
    })
}

/// What some workers have.
#[derive(Default)]
struct Sample {
    workers: usize,
    /// By attribute, in how many it selects nothing, and why not in the first.
    empty: Vec<(String, usize, Option<Absence>)>,
    /// What zones look at, by worker.
    known: Vec<crate::domain::worker::Attributes>,
}

async fn sample(workday: &Workday, clock: Clock) -> Result<Sample, Problem> {
    let desk = &workday.desk;
    let as_of = AsOf {
        day: pacific_day(clock.now),
        entry: clock.now,
    };
    let size = SAMPLE.min(desk.page_size.get());
    let mut sample = Sample::default();
    for number in 1..=SAMPLE.div_ceil(size) {
        let request = Request {
            selection: &Selection::EverHired,
            as_of: Some(as_of),
            page: Page {
                number: number.into(),
                size,
            },
            flags: &desk.flags,
        };
        let reader: Arc<Reader> = desk.reader.clone();
        let read = move |body| look(body, &reader, as_of);
        let answered = desk.client.ask(&request, read).await;
        let Answered { value, .. } = answered.map_err(|trouble| wrong(trouble.error.to_string()))?;
        let is_last = value.workers < size as usize;
        sample.add(value);
        if is_last {
            break;
        }
    }
    Ok(sample)
}

fn look(body: Body, reader: &Reader, as_of: AsOf) -> Result<Sample, AnswerError> {
    let attributes = &reader.attributes;
    let mut answer = Answer::open(body, attributes.xpaths().names(), Limits::default())?;
    let mut evaluator = attributes.evaluator();
    let definitions = attributes.definitions();
    let mut sample = Sample {
        workers: 0,
        empty: definitions.iter().map(|it| (it.name.clone(), 0, None)).collect(),
        known: Vec::new(),
    };
    while let Some(worker) = answer.worker()? {
        sample.workers += 1;
        let values = evaluator.evaluate(worker.tree);
        for ((definition, values), empty) in definitions.iter().zip(values).zip(&mut sample.empty) {
            if values.is_ok_and(|values| values.is_empty()) {
                empty.1 += 1;
                let group = worker.answer.group.as_deref();
                empty
                    .2
                    .get_or_insert_with(|| Absence::of(&definition.xpath, worker.tree, group));
            }
        }
        let record = reader.read(worker, &mut evaluator, as_of.day);
        sample.known.extend(record.map(|record| record.attributes));
    }
    Ok(sample)
}

impl Sample {
    /// More workers, of whom the same is known.
    fn add(&mut self, more: Sample) {
        self.workers += more.workers;
        self.known.extend(more.known);
        if self.empty.is_empty() {
            self.empty = more.empty;
            return;
        }
        for ((_, empty, absence), (_, more, why)) in self.empty.iter_mut().zip(more.empty) {
            *empty += more;
            *absence = absence.take().or(why);
        }
    }

    fn problems(self, zone: &Zone) -> Vec<Problem> {
        let workers = self.workers;
        if workers == 0 {
            return vec![wrong(NOBODY.into())];
        }
        let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, empty, absence) in self.empty {
            if let Some(absence) = absence.filter(|_| empty == workers) {
                by_reason.entry(advice(absence)).or_default().push(name);
            }
        }
        let mut problems: Vec<Problem> = by_reason
            .into_iter()
            .map(|(why, names)| {
                doubtful(format!(
                    "{}: nothing is selected in {workers} workers: {why}",
                    names.join(", ")
                ))
            })
            .collect();
        let zones: Vec<_> = self.known.iter().map(|worker| zone.of(worker)).collect();
        let fallen = zones.iter().filter(|zone| zone.is_fallback).count();
        if fallen > 0 {
            problems.push(doubtful(format!(
                "time_zone: {fallen} of {workers} workers have no zone of their own and fall back to the default"
            )));
        }
        let guessed = zones.iter().filter(|zone| zone.is_guess).count();
        if guessed > 0 {
            problems.push(doubtful(format!(
                "time_zone: {guessed} of {workers} workers are in countries with several zones, where that of most people is taken: give time_zone an expression that tells them apart"
            )));
        }
        problems
    }
}

fn advice(absence: Absence) -> String {
    let question = match absence {
        Absence::NotSent { .. } => ". Is the permission missing?",
        Absence::NotRequested { .. } => ". It can be set in flags",
        Absence::NoDescriptors | Absence::NoMatch => "",
    };
    format!("{absence}{question}")
}

pub(super) fn wrong(message: String) -> Problem {
    Problem {
        severity: Severity::Error,
        message,
    }
}

pub(super) fn doubtful(message: String) -> Problem {
    Problem {
        severity: Severity::Warning,
        message,
    }
}
