//! The company lives: as days pass, HR enters what happened, will happen, or should have been entered long ago.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::event::{About, Assignment, Event, Fact, Job, Process, Termination};
use super::pacific;
use super::places;
use super::seed;
use super::tenant::Tenant;
use super::worker::{Kind, View};
use crate::lab::company::Company;

/// How far the news has come.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    day: Date,
    /// Of this day's news.
    done: u32,
}

impl Life {
    pub fn from(now: Timestamp) -> Life {
        Life {
            day: pacific::first_day_from(now),
            done: 0,
        }
    }

    /// Whether anything is due by now, where so many things happen on a day.
    pub fn is_due(&self, news_per_day: u32, now: Timestamp) -> bool {
        news_per_day > 0 && self.next(news_per_day) <= now
    }

    /// Enters what was due by now, each at its own moment.
    pub fn go_on(&mut self, tenant: &mut Tenant, news_per_day: u32, now: Timestamp) {
        let oldest = pacific::day(now).saturating_sub(LONGEST.days());
        if self.day < oldest {
            *self = Life { day: oldest, done: 0 };
        }
        while self.is_due(news_per_day, now) {
            let due = self.next(news_per_day);
            News::new(tenant, self.day, self.done, due).happens();
            self.done += 1;
            if self.done >= news_per_day {
                *self = Life {
                    day: pacific::tomorrow(self.day),
                    done: 0,
                };
            }
        }
    }

    /// The moment of the next thing: a day's news is spread over it.
    fn next(&self, news_per_day: u32) -> Timestamp {
        let into_the_day = 24 * 3600 * i64::from(self.done + 1) / i64::from(news_per_day + 1);
        let due = pacific::midnight(self.day).saturating_add(into_the_day.seconds());
        due.unwrap_or(Timestamp::MAX)
    }
}

/// Who has not looked for longer than so many days misses what happened before.
const LONGEST: i32 = 1000;

/// One thing that happens.
struct News<'t> {
    tenant: &'t mut Tenant,
    rng: ChaCha8Rng,
    day: Date,
    at: Timestamp,
}

type Happening = (u32, fn(&mut News) -> Option<()>);

/// What happens, and how often in a hundred.
#[rustfmt::skip]
const HAPPENINGS: &[Happening] = &[
    (16, |news| news.hire()),
    (2, |news| news.hire_late()),
    (12, |news| news.terminate()),
    (3, |news| news.terminate_late()),
    (4, |news| news.rescind_hire()),
    (3, |news| news.rescind_termination()),
    (4, |news| news.put_off()),
    (12, |news| news.move_on()),
    (8, |news| news.another_organization()),
    (8, |news| news.another_title()),
    (6, |news| news.legal_name()),
    (3, |news| news.preferred_name()),
    (5, |news| news.start_leave()),
    (4, |news| news.come_back()),
    (3, |news| news.convert()),
    (2, |news| news.rehire()),
    (1, |news| news.rehire_anew()),
    (2, |news| news.go_abroad()),
    (2, |news| news.another_job()),
];

impl<'t> News<'t> {
    fn new(tenant: &'t mut Tenant, day: Date, number: u32, at: Timestamp) -> News<'t> {
        let days =
            u64::try_from(day.year()).unwrap_or_default() * 400 + u64::from(day.day_of_year().unsigned_abs());
        let seed = tenant.seed ^ days.rotate_left(32) ^ u64::from(number).rotate_left(8);
        News {
            rng: ChaCha8Rng::seed_from_u64(seed),
            tenant,
            day,
            at,
        }
    }

    fn happens(&mut self) {
        let all: u32 = HAPPENINGS.iter().map(|(often, _)| often).sum();
        let mut lot = self.rng.random_range(0..all);
        for (often, happens) in HAPPENINGS {
            if lot < *often {
                // Where there is nobody for it, nothing happens.
                let _ = happens(self);
                return;
            }
            lot -= often;
        }
    }

    /// Somebody of whom this is true.
    fn pick(&mut self, fits: impl Fn(&Tenant, usize, &View) -> bool) -> Option<usize> {
        let count = self.tenant.workers.len();
        if count == 0 {
            return None;
        }
        (0..TRIES).find_map(|_| {
            let worker = self.rng.random_range(0..count);
            let one = &self.tenant.workers[worker];
            let view = one.view(self.day, self.at)?;
            let free = !seed::is_top(worker)
                && self.tenant.leads(worker).is_none()
                && !self.tenant.is_scripted(worker);
            (free && fits(self.tenant, worker, &view)).then_some(worker)
        })
    }

    /// Somebody who works here, and of whom nothing is said about days to come.
    fn pick_settled(&mut self) -> Option<usize> {
        let (day, at) = (self.day, self.at);
        self.pick(|tenant, worker, view| {
            let standing = tenant.workers[worker].standing(at);
            view.active && standing.iter().all(|event| event.effective <= day)
        })
    }

    /// Somebody who is not here any more, and whose person has no other record that is.
    fn pick_gone(&mut self) -> Option<usize> {
        let (day, at) = (self.day, self.at);
        self.pick(|tenant, worker, view| {
            let one = &tenant.workers[worker];
            let settled = one.standing(at).iter().all(|event| event.effective <= day);
            view.termination
                .is_some_and(|termination| termination.eligible_for_rehire)
                && settled
                && records(tenant, one.person) == 1
        })
    }

    /// Somebody with a standing event that lies ahead.
    fn pick_ahead(&mut self, wanted: fn(&Event) -> bool) -> Option<(usize, u32)> {
        let (day, at) = (self.day, self.at);
        let count = self.tenant.workers.len();
        // Those who were entered last are likelier to have one.
        let recent = count.min(2000);
        (0..TRIES).find_map(|turn| {
            let worker = match turn % 2 {
                _ if count == 0 => return None,
                0 => self.rng.random_range(0..count),
                _ => count - 1 - self.rng.random_range(0..recent),
            };
            let mut standing = self.tenant.workers[worker].standing(at).into_iter();
            let event = standing.find(|event| event.effective > day && wanted(event))?;
            // What belongs to two records at once is left alone.
            let free = !self.has_other_records(worker) && !self.tenant.is_scripted(worker);
            free.then_some((worker, event.number))
        })
    }

    fn has_other_records(&self, worker: usize) -> bool {
        records(self.tenant, self.tenant.workers[worker].person) > 1
    }

    /// Mostly today or within the month, sometimes in the past.
    fn when(&mut self) -> Date {
        match self.rng.random_range(0..10) {
            0..4 => self.day,
            4..8 => self.day.saturating_add(self.rng.random_range(1..30).days()),
            _ => self.day.saturating_sub(self.rng.random_range(1..20).days()),
        }
    }

    fn hire(&mut self) -> Option<()> {
        let days = match self.rng.random_range(0..10) {
            0..2 => 0,
            _ => self.rng.random_range(1..45),
        };
        self.newcomer(self.day.saturating_add(days.days()))
    }

    /// Entered when he or she had begun already.
    fn hire_late(&mut self) -> Option<()> {
        let day = self.day.saturating_sub(self.rng.random_range(1..10).days());
        self.newcomer(day)
    }

    fn newcomer(&mut self, first_day: Date) -> Option<()> {
        let stranger = Company::new(self.rng.random(), 12, self.day).people.pop()?;
        let colleague = self.pick(|_, _, view| view.active && view.organization.is_some())?;
        let view = self.tenant.workers[colleague].view(self.day, self.at)?;
        let mut facts = vec![
            Fact::FirstName(stranger.given.as_str().into()),
            Fact::LastName(stranger.family.as_str().into()),
            Fact::Title(stranger.title.as_str().into()),
            Fact::Level(8),
            Fact::Site(u16::try_from(places::position(stranger.site.city)).unwrap_or_default()),
            Fact::CostCenter(stranger.cost_center.as_str().into()),
            Fact::WeeklyHours(40),
        ];
        facts.extend(view.organization.map(Fact::Organization));
        let is_contingent = self.rng.random_ratio(1, 6);
        let (kind, worker_type) = match is_contingent {
            true => (Kind::Contingent, "Contractor"),
            false => (Kind::Employee, "Regular"),
        };
        facts.push(Fact::WorkerType(worker_type.into()));
        let id = self.tenant.fresh_id();
        let worker = self.tenant.add(kind, &id, None);
        self.tenant.begin(worker, first_day, facts, self.at);
        if kind == Kind::Employee {
            let name = format!("{}{id}", stranger.user_name);
            self.tenant.set_account(worker, &name, first_day);
        }
        Some(())
    }

    fn terminate(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        let days = match self.rng.random_range(0..10) {
            0..4 => 0,
            _ => self.rng.random_range(1..40),
        };
        let last_day = self.day.saturating_add(days.days());
        self.tenant
            .terminate(worker, Termination::on(last_day, "Resignation"), self.at);
        Some(())
    }

    fn terminate_late(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        let latest = self.tenant.workers[worker].last_effective()?;
        let last_day = self.day.saturating_sub(self.rng.random_range(1..6).days());
        let termination = Termination {
            involuntary: true,
            eligible_for_rehire: false,
            ..Termination::on(last_day, "Dismissal")
        };
        (last_day > latest).then(|| self.tenant.terminate(worker, termination, self.at))?;
        Some(())
    }

    fn rescind_hire(&mut self) -> Option<()> {
        let (worker, event) = self.pick_ahead(|event| event.process.begins())?;
        self.tenant.rescind(worker, event, self.at).map(drop)
    }

    fn rescind_termination(&mut self) -> Option<()> {
        let (worker, event) = self.pick_ahead(|event| event.process.ends())?;
        self.tenant.rescind(worker, event, self.at).map(drop)
    }

    /// A hire later, or earlier, than was said.
    fn put_off(&mut self) -> Option<()> {
        let hire = |event: &Event| event.process.begins() && event.about == About::Itself;
        let (worker, event) = self.pick_ahead(hire)?;
        let first_day = self.day.saturating_add(self.rng.random_range(1..60).days());
        self.tenant
            .correct(worker, event, Some(first_day), Vec::new(), self.at)
            .map(drop)
    }

    fn move_on(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        let site = self.rng.random_range(0..self.tenant.sites.len());
        let mut facts = vec![Fact::Site(u16::try_from(site).ok()?)];
        facts.push(Fact::CostCenter(
            format!("CC-{:03}", self.rng.random_range(100..137)).into(),
        ));
        let day = self.when_for(worker)?;
        self.tenant
            .change(worker, Process::ChangeJob, day, facts, self.at);
        Some(())
    }

    fn another_organization(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        let organization = self
            .rng
            .random_range(0..u32::try_from(self.tenant.organizations.len()).ok()?.max(1));
        let facts = vec![Fact::Organization(organization)];
        let day = self.when_for(worker)?;
        self.tenant
            .change(worker, Process::ChangeOrganization, day, facts, self.at);
        Some(())
    }

    fn another_title(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        let view = self.tenant.workers[worker].view(self.day, self.at)?;
        let title = match view.title.strip_prefix("Senior ") {
            Some(title) => format!("Principal {title}"),
            None => format!("Senior {}", view.title.trim_start_matches("Principal ")),
        };
        let process = match self.rng.random_bool(0.5) {
            true => Process::Promote,
            false => Process::ChangeTitle,
        };
        let day = self.when_for(worker)?;
        self.tenant
            .change(worker, process, day, vec![Fact::Title(title.into())], self.at);
        Some(())
    }

    fn legal_name(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        let other = self.pick(|_, _, view| view.hire.is_some())?;
        let name = self.tenant.workers[other]
            .view(self.day, self.at)?
            .last_name
            .to_string();
        let day = self.when_for(worker)?;
        let facts = vec![Fact::LastName(name.into())];
        self.tenant
            .change(worker, Process::ChangeLegalName, day, facts, self.at);
        Some(())
    }

    fn preferred_name(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        let facts = vec![Fact::PreferredFirstName(Some("Sasha".into()))];
        self.tenant
            .change(worker, Process::ChangePreferredName, self.day, facts, self.at);
        Some(())
    }

    fn start_leave(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        let view = self.tenant.workers[worker].view(self.day, self.at)?;
        if view.leaves.iter().any(|leave| leave.end.is_none()) {
            return None;
        }
        let day = self.when_for(worker)?;
        let facts = vec![Fact::Leave("Parental_Leave".into())];
        self.tenant
            .change(worker, Process::StartLeave, day, facts, self.at);
        Some(())
    }

    fn come_back(&mut self) -> Option<()> {
        let (day, at) = (self.day, self.at);
        let worker = self.pick(|tenant, worker, view| {
            let settled = tenant.workers[worker]
                .standing(at)
                .iter()
                .all(|event| event.effective <= day);
            view.active && settled && view.leaves.last().is_some_and(|leave| leave.end.is_none())
        })?;
        self.tenant.change(
            worker,
            Process::Return,
            pacific::tomorrow(day),
            Vec::new(),
            self.at,
        );
        Some(())
    }

    fn convert(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        if self.has_other_records(worker) {
            return None;
        }
        let latest = self.tenant.workers[worker].last_effective()?;
        let day = self.when().max(pacific::tomorrow(pacific::tomorrow(latest)));
        let id = self.rng.random_bool(0.3).then(|| self.tenant.fresh_id());
        self.tenant.convert(worker, day, id.as_deref(), self.at);
        Some(())
    }

    fn rehire(&mut self) -> Option<()> {
        let worker = self.pick_gone()?;
        let day = self.day.saturating_add(self.rng.random_range(0..20).days());
        self.tenant.begin(worker, day, Vec::new(), self.at);
        Some(())
    }

    fn rehire_anew(&mut self) -> Option<()> {
        let worker = self.pick_gone()?;
        let id = self.tenant.fresh_id();
        let day = self.day.saturating_add(self.rng.random_range(0..20).days());
        self.tenant.hire_anew(worker, &id, day, Vec::new(), self.at);
        Some(())
    }

    fn go_abroad(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        let job = self.job(worker, "Visiting Engineer", Some(180))?;
        let start = job.start;
        let assignment = Assignment {
            job,
            kind: "Short_Term".into(),
        };
        let facts = vec![Fact::Assignment(Some(Box::new(assignment)))];
        self.tenant
            .change(worker, Process::StartAssignment, start, facts, self.at);
        Some(())
    }

    fn another_job(&mut self) -> Option<()> {
        let worker = self.pick_settled()?;
        let job = self.job(worker, "First Aider", None)?;
        let start = job.start;
        self.tenant.change(
            worker,
            Process::AddJob,
            start,
            vec![Fact::Job(Box::new(job))],
            self.at,
        );
        Some(())
    }

    fn job(&mut self, worker: usize, title: &str, days: Option<i32>) -> Option<Job> {
        let start = self.when_for(worker)?;
        let number = self.tenant.fresh_contact();
        Some(Job {
            position: format!("P-{}-{number}", self.tenant.workers[worker].id).into(),
            title: title.into(),
            site: u16::try_from(self.rng.random_range(0..self.tenant.sites.len())).ok()?,
            start,
            end: days.map(|days| start.saturating_add(days.days())),
        })
    }

    /// A day, and none before the last thing that is known of this worker.
    fn when_for(&mut self, worker: usize) -> Option<Date> {
        let latest = self.tenant.workers[worker].last_effective()?;
        Some(self.when().max(latest))
    }
}

/// How many records a person has.
fn records(tenant: &Tenant, person: u32) -> usize {
    tenant
        .workers
        .iter()
        .filter(|worker| worker.person == person)
        .count()
}

/// Looks at so many people before giving up.
const TRIES: usize = 60;
