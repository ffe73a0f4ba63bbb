//! Northwind Rail Pacific, the invented company's subsidiary, whose HR is Workday.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::config::{App, FROM_WORKDAY};
use super::outcome::Said;
use crate::error::{Error, Result};
use crate::lab::workday::{Details, EventKind, NewEvent, NewWorker, Process, Workday, WorkerKind};

pub const NAME: &str = "Northwind Rail Pacific";

/// Where the night is shown.
pub const CITY: &str = "Sydney";
const ZONE: &str = "Australia/Sydney";

/// One of them leaves and one of them begins at the same midnight.
const SYDNEY: &str = "SYD-01";
const AUCKLAND: &str = "AKL-01";
const SITES: [&str; 4] = [SYDNEY, AUCKLAND, "MAA-01", "BLR-01"];

/// With fewer, somebody to whom something happens would lead others.
pub const FEWEST: usize = 12;

/// No worker of the company's own has such a number.
const FIRST_ID: usize = 500_000;

/// Reports to one manager.
const SPAN: usize = 7;

/// Midnight is no sooner than this after the beginning; by then the first load is over.
const TONIGHT: SignedDuration = SignedDuration::from_hours(2);

/// Nobody in the company has one of these family names, and a given name with two of them has no more than the twenty
/// characters of a sign-in name. So no two people want the same one, and the template will do as it is.
#[rustfmt::skip]
const GIVEN: [&str; 20] = [
    "Amelia", "Arjun", "Bindi", "Callum", "Daisy", "Elijah", "Farah", "Hazel", "Isaac", "Jarrah",
    "Kiri", "Logan", "Mei", "Nikhil", "Oscar", "Rangi", "Ruby", "Talia", "Tarni", "Vikram",
];
#[rustfmt::skip]
const FAMILY: [&str; 20] = [
    "Archer", "Bligh", "Chan", "Dawson", "Ellery", "Forbes", "Gill", "Hollis", "Irwin", "Joshi",
    "Kelso", "Lawson", "Mehta", "Nolan", "Parata", "Quinn", "Rewi", "Sutton", "Tamati", "Verma",
];
const TITLES: [&str; 6] = [
    "Driver",
    "Signal Technician",
    "Station Supervisor",
    "Timetable Analyst",
    "Fitter",
    "Care Agent",
];

/// What will be said of somebody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Works,
    /// The first day begins when the night is over.
    BeginsTonight,
    BeginsLater,
    LeavesTonight,
    HasLeft,
    IsPromoted,
}

/// Of the last people to be taken on, from the last one back: nobody reports to them.
const FATES: [Fate; 5] = [
    Fate::BeginsTonight,
    Fate::BeginsLater,
    Fate::HasLeft,
    Fate::LeavesTonight,
    Fate::IsPromoted,
];

pub struct Worker {
    pub wid: String,
    pub id: String,
    pub name: String,
    title: &'static str,
    manager: Option<String>,
    fate: Fate,
}

pub struct Subsidiary {
    people: Vec<Worker>,
    seed: usize,
    /// The day that is the last of somebody in Sydney.
    last_day: Date,
    /// When it is over there.
    pub midnight: Timestamp,
}

impl Subsidiary {
    /// Enters everybody into Workday.
    pub fn found(workday: &Workday, seed: u64, workers: usize, now: Timestamp) -> Result<Subsidiary> {
        let (last_day, midnight) = night(now)?;
        let seed = usize::try_from(seed % 20).unwrap_or_default();
        let mut company = Subsidiary {
            people: Vec::with_capacity(workers),
            seed,
            last_day,
            midnight,
        };
        let today = now.to_zoned(TimeZone::UTC).date();
        for number in 0..workers {
            let fate = FATES.get(workers - 1 - number).copied().unwrap_or(Fate::Works);
            let hire = match fate {
                Fate::BeginsTonight => last_day.saturating_add(1.day()),
                Fate::BeginsLater => today.saturating_add(10.days()),
                _ => today.saturating_sub(days(200 + number * 37 % 5000)),
            };
            let begins = hire.to_zoned(TimeZone::UTC).map(|day| day.timestamp());
            let entered = before(begins.unwrap_or(now).min(now));
            company.take_on(workday, fate, Some(hire), Some(entered))?;
            if fate == Fate::HasLeft {
                let last_day = today.saturating_sub(20.days());
                company.leaves(workday, number, last_day, Some(before(before(now))))?;
            }
        }
        Ok(company)
    }

    pub fn size(&self) -> usize {
        self.people.len()
    }

    /// Everybody, as of the beginning.
    pub fn everybody(&self) -> Vec<Said> {
        self.people
            .iter()
            .flat_map(|worker| worker.said("first load"))
            .collect()
    }

    /// Somebody leaves with this day; answers who leaves and who begins at midnight.
    pub fn evening(&self, workday: &Workday) -> Result<Vec<Said>> {
        let leaver = self.with(Fate::LeavesTonight)?;
        self.leaves(workday, leaver, self.last_day, None)?;
        let joiner = self.with(Fate::BeginsTonight)?;
        let said = [
            self.people[leaver].said("last day over"),
            self.people[joiner].said("first day"),
        ];
        Ok(said.into_iter().flatten().collect())
    }

    /// What Workday has to say in the morning.
    pub fn morning(&mut self, workday: &Workday) -> Result<Vec<Said>> {
        let promoted = self.with(Fate::IsPromoted)?;
        let one = &self.people[promoted];
        let details = Details {
            title: Some(format!("Senior {}", one.title)),
            ..Details::default()
        };
        workday.hear(event(&one.id, Process::Promote, None, details))?;
        self.take_on(workday, Fate::Works, None, None)?;
        let newest = self.people.len() - 1;
        let said = [
            self.people[newest].said("hired"),
            self.people[promoted].said("promoted"),
        ];
        Ok(said.into_iter().flatten().collect())
    }

    /// Who was hired last.
    pub fn newest(&self) -> Option<&Worker> {
        self.people.last()
    }

    /// Somebody to whom nothing happens.
    pub fn somebody(&self) -> &str {
        self.people.get(1).map_or("", |worker| &worker.id)
    }

    fn with(&self, fate: Fate) -> Result<usize> {
        let found = self.people.iter().position(|worker| worker.fate == fate);
        found.ok_or_else(|| Error::internal("the subsidiary is too small"))
    }

    /// The first day is today, and it is entered now, where nothing else is said.
    fn take_on(
        &mut self,
        workday: &Workday,
        fate: Fate,
        hire: Option<Date>,
        entered: Option<Timestamp>,
    ) -> Result<()> {
        let number = self.people.len();
        let (given, family) = name(number, self.seed);
        let site = match fate {
            Fate::BeginsTonight | Fate::LeavesTonight => SYDNEY,
            Fate::BeginsLater => AUCKLAND,
            _ => SITES[number % SITES.len()],
        };
        let title = match number {
            0 => "General Manager",
            _ => TITLES[number % TITLES.len()],
        };
        let above = number.checked_sub(1).map(|before| &self.people[before / SPAN]);
        let manager = above.map(|worker| worker.id.clone());
        let name = format!("{given} {family}");
        let id = (FIRST_ID + number).to_string();
        // Who is hired while we watch gets an account in Workday, whose name is the number until it is told a better one.
        let user_name = hire.is_none().then(|| id.clone());
        let taken_on = workday.take_on(NewWorker {
            kind: WorkerKind::Employee,
            id: Some(id),
            person: None,
            hire,
            entered,
            user_name,
            set: Details {
                first_name: Some(given.into()),
                last_name: Some(family),
                title: Some(title.into()),
                site: Some(site.into()),
                manager: manager.clone(),
                ..Details::default()
            },
        })?;
        self.people.push(Worker {
            wid: taken_on.wid,
            id: taken_on.id,
            name,
            title,
            manager,
            fate,
        });
        Ok(())
    }

    fn leaves(
        &self,
        workday: &Workday,
        number: usize,
        last_day: Date,
        entered: Option<Timestamp>,
    ) -> Result<()> {
        let details = Details {
            last_day: Some(last_day),
            reason: Some("Resignation".into()),
            ..Details::default()
        };
        let id = &self.people[number].id;
        workday.hear(event(id, Process::Terminate, entered, details))?;
        Ok(())
    }
}

impl Worker {
    /// To each job that asks Workday.
    fn said(&self, event: &'static str) -> Vec<Said> {
        FROM_WORKDAY.map(|app| self.said_to(app, event)).into()
    }

    fn said_to(&self, app: &'static App, event: &'static str) -> Said {
        Said {
            app,
            anchor: self.wid.clone(),
            worker: self.id.clone(),
            name: self.name.clone(),
            event,
            disabled: match self.fate {
                Fate::BeginsTonight | Fate::BeginsLater => Some("disabled until the first day"),
                Fate::HasLeft => Some("disabled, as the last day is over"),
                _ => None,
            },
            manager: self.manager.clone(),
        }
    }
}

fn event(worker: &str, process: Process, entered: Option<Timestamp>, set: Details) -> NewEvent {
    NewEvent {
        worker: worker.into(),
        kind: EventKind::Process(process),
        effective: None,
        entered,
        event: None,
        id: None,
        set,
    }
}

/// The day that is over next in Sydney, and when, but for one that is over too soon.
fn night(now: Timestamp) -> Result<(Date, Timestamp)> {
    let night = || {
        let zone = TimeZone::get(ZONE)?;
        let day = zone.to_datetime(now.checked_add(TONIGHT)?).date();
        let midnight = day.tomorrow()?.to_zoned(zone)?.timestamp();
        Ok((day, midnight))
    };
    night().map_err(|error: jiff::Error| Error::internal(error.to_string()))
}

/// The time of day in Sydney.
pub fn time(at: Timestamp) -> String {
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).strftime("%H:%M:%S").to_string()
}

/// Things are entered a while before they hold.
fn before(moment: Timestamp) -> Timestamp {
    let earlier = moment.saturating_sub(SignedDuration::from_hours(14 * 24));
    earlier.unwrap_or(moment)
}

fn days(number: usize) -> jiff::Span {
    i32::try_from(number).unwrap_or_default().days()
}

/// Another for each number below eight thousand.
fn name(number: usize, seed: usize) -> (&'static str, String) {
    let given = GIVEN[(number + seed) % 20];
    let family = 7 * number + number / 20;
    let first = FAMILY[family % 20];
    match number / 400 % 20 {
        0 => (given, first.to_string()),
        second => (given, format!("{first}-{}", FAMILY[(family + second) % 20])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::company::Company;
    use std::collections::HashSet;

    #[test]
    fn nobody_shares_a_name_and_no_name_is_the_companys() {
        let company = Company::new(1, 5_000, "2026-01-05".parse().unwrap());
        let theirs: HashSet<&str> = company.people.iter().map(|one| one.family.as_str()).collect();
        for seed in [0, 19] {
            let mut names = HashSet::new();
            for number in 0..8_000 {
                let (given, family) = name(number, seed);
                assert!(!theirs.contains(family.as_str()), "{family}");
                let sign_in = format!("{given}.{family}").to_ascii_lowercase();
                assert!(sign_in.len() <= 20, "{sign_in}");
                assert!(names.insert(sign_in), "{given} {family} at {number}");
            }
        }
    }

    #[test]
    fn the_night_is_long_enough_ahead_whenever_it_is() {
        let mut now: Timestamp = "2026-04-03T00:00:00Z".parse().unwrap();
        for _ in 0..200 {
            let (day, midnight) = night(now).unwrap();
            let ahead = midnight.duration_since(now);
            assert!(ahead > SignedDuration::from_hours(2), "{now}");
            assert!(ahead <= SignedDuration::from_hours(27), "{now}");
            let zone = TimeZone::get(ZONE).unwrap();
            assert_eq!(zone.to_datetime(midnight).date(), day.tomorrow().unwrap());
            now = now.saturating_add(SignedDuration::from_mins(23)).unwrap();
        }
    }
}
