//! The company as it is found: everybody with the history that made it so.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::event::{Assignment, Email, Fact, Job, Phone, Process, Termination, Text, Usage};
use super::pacific;
use super::places::{self, Site};
use super::tenant::{Tenant, key};
use super::worker::{Group, Kind};
use crate::lab::company::{Company, Employment, Person};

/// How many at the top always work, and as what they are known.
const TOP: usize = 7;

/// Puts the invented company's people in, with the IDs that they have everywhere in the lab.
pub fn found(tenant: &mut Tenant, workers: usize, domain: &str, now: Timestamp) {
    let today = pacific::day(now);
    let company = Company::new(tenant.seed, workers, today);
    let mut founder = Founder {
        rng: ChaCha8Rng::seed_from_u64(tenant.seed ^ 0x0057_4452),
        people: Vec::with_capacity(company.people.len()),
        tenant,
        domain,
        now,
        today,
    };
    for (number, person) in company.people.into_iter().enumerate() {
        founder.settle(number, person);
    }
}

struct Founder<'t> {
    tenant: &'t mut Tenant,
    rng: ChaCha8Rng,
    /// Who each of the company's people is here, and in which organization.
    people: Vec<(usize, u32)>,
    domain: &'t str,
    now: Timestamp,
    today: Date,
}

impl Founder<'_> {
    fn settle(&mut self, number: usize, person: Person) {
        let kind = match person.employment {
            Employment::Employee => Kind::Employee,
            Employment::Contractor => Kind::Contingent,
        };
        let site = match number % 11 {
            7 => places::FAR.start + number / 11 % places::FAR.len(),
            _ => places::position(person.site.city),
        };
        let former = self.former(number, &person, kind);
        let worker = self.tenant.add(kind, &person.id, former);
        let organization = self.organization(number, worker, &person);
        self.people.push((worker, organization));
        let facts = self.facts(number, &person, kind, site, organization);
        self.account(number, worker, &person, kind);
        self.live(number, worker, &person, facts, site);
    }

    /// Those who worked here before as contractors have another record, which has ended.
    fn former(&mut self, number: usize, person: &Person, kind: Kind) -> Option<u32> {
        if number < TOP || number % 97 != 50 || kind != Kind::Employee || person.hire > self.today {
            return None;
        }
        let old = self.tenant.add(Kind::Contingent, &person.id, None);
        let (from, to) = (
            person.hire.saturating_sub(300.days()),
            pacific::yesterday(person.hire),
        );
        let facts = vec![
            Fact::FirstName(person.given.as_str().into()),
            Fact::LastName(person.family.as_str().into()),
            Fact::Title(person.title.as_str().into()),
            Fact::WorkerType("Contractor".into()),
            Fact::WeeklyHours(40),
            Fact::Level(8),
            Fact::Site(0),
        ];
        let entered = self.before(from, 10);
        self.tenant.begin(old, from, facts, entered);
        let entered = self.before(to, 10);
        self.tenant
            .terminate(old, Termination::on(to, "Convert_Worker"), entered);
        Some(self.tenant.workers[old].person)
    }

    fn organization(&mut self, number: usize, worker: usize, person: &Person) -> u32 {
        let Some(above) = number.checked_sub(1) else {
            return self.tenant.led_by(worker, "Executive Office", None);
        };
        let (manager, superior) = self.people[above / SPAN];
        let manager_id = self.tenant.workers[manager].id.clone();
        let name = format!("{} & Partners {manager_id}", person.department);
        self.tenant.led_by(manager, &name, Some(superior))
    }

    fn facts(
        &mut self,
        number: usize,
        person: &Person,
        kind: Kind,
        site: usize,
        organization: u32,
    ) -> Vec<Fact> {
        let level = match number {
            0 => 1,
            1..TOP => 3,
            _ if person.title.ends_with("Manager") => 5,
            _ => 8,
        };
        let worker_type = match (kind, number % 19) {
            (Kind::Contingent, _) => "Contractor",
            (Kind::Employee, 4) => "Temporary",
            _ => "Regular",
        };
        let mut facts = vec![
            Fact::FirstName(person.given.as_str().into()),
            Fact::LastName(person.family.as_str().into()),
            Fact::Title(person.title.as_str().into()),
            Fact::Level(level),
            Fact::Site(u16::try_from(site).unwrap_or_default()),
            Fact::Organization(organization),
            Fact::CostCenter(person.cost_center.as_str().into()),
            Fact::WorkerType(worker_type.into()),
            Fact::WeeklyHours(if number % 13 == 5 { 20 } else { 40 }),
        ];
        if number.is_multiple_of(3) {
            facts.push(Fact::WorkSpace(Some(
                format!("{}-{:03}", number % 9 + 1, number % 250).into(),
            )));
        }
        if number % 4 == 1 {
            facts.push(Fact::Badge(Some(format!("B-{:05}", 10_000 + number).into())));
        }
        facts.extend(unusual_names(number, person));
        self.contacts(number, person, site, &mut facts);
        facts
    }

    fn contacts(&mut self, number: usize, person: &Person, site: usize, facts: &mut Vec<Fact>) {
        let place = self.tenant.sites[site].clone();
        let landline = digits(person, &person.phone, &place, number);
        facts.push(self.phone(
            "Landline",
            &place,
            landline,
            Some(number).filter(|n| n % 8 == 2),
            WORK_PRIMARY,
        ));
        if let Some(mobile) = &person.mobile {
            let mobile = digits(person, mobile, &place, number + 1);
            facts.push(self.phone("Mobile", &place, mobile, None, WORK_OTHER));
        }
        if number % 5 == 3 {
            let home = digits(person, "", &place, number + 2);
            facts.push(self.phone("Mobile", &place, home, None, HOME));
        }
        // Somebody's add-only script was here.
        if number == 57 {
            for turn in 0..75 {
                let again = digits(person, "", &place, number + turn % 5);
                facts.push(self.phone("Mobile", &place, again, None, WORK_OTHER));
            }
        }
        // Whoever has not started yet has no address at work.
        if person.hire <= self.today {
            facts.push(self.email(format!("{}@{}", person.user_name, self.domain), WORK_PRIMARY));
        }
        facts.push(self.email(format!("{}@home.example", person.user_name), HOME));
    }

    fn phone(
        &mut self,
        device: &str,
        site: &Site,
        digits: String,
        extension: Option<usize>,
        usage: (bool, bool, bool),
    ) -> Fact {
        Fact::Phone(Box::new(Phone {
            number: self.tenant.fresh_contact(),
            device: device.into(),
            country: site.country.into(),
            digits: digits.into(),
            extension: extension.map(|number| format!("{:04}", number % 10_000).into()),
            usage: used(usage),
        }))
    }

    fn email(&mut self, address: String, usage: (bool, bool, bool)) -> Fact {
        Fact::Email(Box::new(Email {
            number: self.tenant.fresh_contact(),
            address: address.into(),
            usage: used(usage),
        }))
    }

    /// Contractors often have no account, and nobody has one before the first day.
    fn account(&mut self, number: usize, worker: usize, person: &Person, kind: Kind) {
        if kind == Kind::Employee || !number.is_multiple_of(3) {
            self.tenant.set_account(worker, &person.user_name, person.hire);
        }
        if number.is_multiple_of(6) {
            let status = if number.is_multiple_of(12) {
                "Assigned"
            } else {
                "Unassigned"
            };
            let changed = self.before(person.hire, 1);
            self.tenant.workers[worker].groups.push(Group {
                name: "VPN Users".into(),
                status: status.into(),
                changed,
            });
        }
    }

    /// What has happened to somebody from the first day on.
    fn live(&mut self, number: usize, worker: usize, person: &Person, mut facts: Vec<Fact>, site: usize) {
        let was_here_before = number >= TOP && number % 89 == 40 && person.hire <= self.today;
        let tenure = days_between(person.hire, self.today);
        let rises = number >= TOP && tenure > 200 && self.rng.random_ratio(1, 3);
        let moved = number >= TOP && tenure > 200 && self.rng.random_ratio(1, 8);
        let final_title: Text = person.title.as_str().into();
        if rises {
            facts.push(Fact::Title(format!("Junior {}", person.title).into()));
        }
        if moved {
            let elsewhere = (site + 1) % places::FAR.start;
            facts.push(Fact::Site(u16::try_from(elsewhere).unwrap_or_default()));
        }
        if was_here_before {
            let first = person.hire.saturating_sub(1500.days());
            let left = person.hire.saturating_sub(700.days());
            let entered = self.before(first, 20);
            self.tenant.begin(worker, first, facts.clone(), entered);
            let entered = self.before(left, 14);
            self.tenant
                .terminate(worker, Termination::on(left, "Resignation"), entered);
        }
        let entered = self.before(person.hire, 20);
        let hire = self.tenant.begin(worker, person.hire, facts, entered);
        if person.hire > self.today {
            if number.is_multiple_of(7) {
                self.tenant.rescind(worker, hire, self.now);
            }
            return;
        }
        if rises {
            let day = self.within(person.hire, tenure);
            let facts = vec![Fact::Title(final_title)];
            let entered = self.before(day, 5);
            self.tenant.change(worker, Process::Promote, day, facts, entered);
        }
        if moved {
            let day = self.within(person.hire, tenure);
            let facts = vec![Fact::Site(u16::try_from(site).unwrap_or_default())];
            let entered = self.before(day, 12);
            self.tenant
                .change(worker, Process::ChangeJob, day, facts, entered);
        }
        if number >= TOP && person.active && person.leave.is_none() {
            self.interludes(number, worker, person, site, tenure);
        }
        self.leave(number, worker, person, tenure);
    }

    /// Leaves of absence, other jobs, work abroad.
    fn interludes(&mut self, number: usize, worker: usize, person: &Person, site: usize, tenure: i32) {
        let leave = |kind: &str| vec![Fact::Leave(kind.into())];
        if number % 31 == 12 && tenure > 400 {
            let start = self.today.saturating_sub(300.days());
            let entered = self.before(start, 30);
            self.tenant.change(
                worker,
                Process::StartLeave,
                start,
                leave("Parental_Leave"),
                entered,
            );
            let back = start.saturating_add(90.days());
            let entered = self.before(back, 15);
            self.tenant
                .change(worker, Process::Return, back, Vec::new(), entered);
        }
        if number % 41 == 12 && tenure > 60 {
            let start = self.today.saturating_sub(20.days());
            let entered = self.before(start, 1);
            self.tenant.change(
                worker,
                Process::StartLeave,
                start,
                leave("Medical_Leave"),
                entered,
            );
        }
        let elsewhere = u16::try_from((site + 3) % places::FAR.end).unwrap_or_default();
        let job = |title: String, start: Date, end: Option<Date>| Job {
            position: format!("P-{}-2", person.id).into(),
            title: title.into(),
            site: elsewhere,
            start,
            end,
        };
        if number % 47 == 20 && tenure > 100 {
            let start = self.within(person.hire, tenure);
            let facts = vec![Fact::Job(Box::new(job("Safety Trainer".into(), start, None)))];
            let entered = self.before(start, 7);
            self.tenant.change(worker, Process::AddJob, start, facts, entered);
        }
        if number % 73 == 33 && tenure > 100 {
            let start = self.today.saturating_sub(90.days());
            let end = self.today.saturating_add(270.days());
            let assignment = Assignment {
                job: job(format!("Visiting {}", person.title), start, Some(end)),
                kind: "Long_Term".into(),
            };
            let facts = vec![Fact::Assignment(Some(Box::new(assignment)))];
            let entered = self.before(start, 60);
            self.tenant
                .change(worker, Process::StartAssignment, start, facts, entered);
        }
    }

    fn leave(&mut self, number: usize, worker: usize, person: &Person, tenure: i32) {
        let reason = match number % 5 {
            0 => "Retirement",
            1 => "Dismissal",
            _ => "Resignation",
        };
        let last_day = match person.leave {
            Some(last) => last,
            None if !person.active => {
                let ago = self.rng.random_range(1..=tenure.clamp(1, 700));
                self.today.saturating_sub(ago.days()).max(person.hire)
            }
            None => return,
        };
        let termination = Termination {
            involuntary: reason == "Dismissal",
            regrettable: number.is_multiple_of(4),
            eligible_for_rehire: reason != "Dismissal",
            ..Termination::on(last_day, reason)
        };
        let entered = self.before(last_day, 18);
        self.tenant.terminate(worker, termination, entered);
    }

    /// During working hours some days before this one, and never in the future.
    fn before(&mut self, day: Date, days: i32) -> Timestamp {
        let ahead = self.rng.random_range(1..=days.max(1));
        let on = pacific::midnight(day.saturating_sub(ahead.days()));
        let at = on.saturating_add(self.rng.random_range(7 * 3600..18 * 3600).seconds());
        let latest = self.now.saturating_sub(1.hour());
        at.unwrap_or(self.now).min(latest.unwrap_or(self.now))
    }

    /// A day between the first and today.
    fn within(&mut self, hire: Date, tenure: i32) -> Date {
        hire.saturating_add(self.rng.random_range(30..tenure.max(31)).days())
    }
}

/// Reports to one manager, as in the company.
const SPAN: usize = 7;

/// At work or at home, primary, public.
const WORK_PRIMARY: (bool, bool, bool) = (true, true, true);
const WORK_OTHER: (bool, bool, bool) = (true, false, true);
const HOME: (bool, bool, bool) = (false, true, false);

fn used((work, primary, public): (bool, bool, bool)) -> Usage {
    Usage {
        work,
        primary,
        public,
        used_for: Box::default(),
    }
}

/// Of the number that the person has at the company's site, or of one at this site.
fn digits(person: &Person, phone: &str, site: &Site, number: usize) -> String {
    let country = places::country(site.country);
    let known = site.country == person.site.country;
    let own: String = phone.chars().filter(char::is_ascii_digit).collect();
    let own = own
        .strip_prefix(country.dialling)
        .filter(|_| known && !phone.is_empty());
    let digits = own.map_or_else(
        || {
            format!(
                "{}{:03}{:04}",
                site.area_code,
                200 + number % 700,
                number % 10_000
            )
        },
        ToString::to_string,
    );
    digits.chars().take(country.digits.unwrap_or(14)).collect()
}

fn days_between(from: Date, to: Date) -> i32 {
    (to - from).get_days()
}

/// What some people call themselves, to try whoever reads it.
fn unusual_names(number: usize, person: &Person) -> Vec<Fact> {
    let preferred = |first: &str, last: Option<&str>| {
        vec![
            Fact::PreferredFirstName(Some(first.into())),
            Fact::PreferredLastName(last.map(Into::into)),
        ]
    };
    match number {
        41 => preferred("太郎", Some("𠮷野")),
        43 => preferred("ليلى", Some("حداد")),
        47 => preferred("Zoe\u{308}", Some("O'Brien & <Sons>")),
        _ if number % 17 == 3 => preferred(person.given.split(' ').next().unwrap_or_default(), None),
        _ if number % 23 == 6 => vec![Fact::MiddleName(Some("Alexis".into()))],
        _ => Vec::new(),
    }
}

/// Whether anybody can be picked for what happens by itself: not the top.
pub fn is_top(worker: usize) -> bool {
    key(worker) < key(TOP)
}
