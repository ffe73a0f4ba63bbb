//! An invented company, the same for the same seed: people from many places, whom HR describes in full.

mod events;
mod names;
mod scim;

use std::collections::HashMap;

use jiff::ToSpan;
use jiff::civil::Date;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub use events::Event;
pub use names::Site;
pub use scim::uploads;

use names::SITES;

/// The people, each after his or her manager.
#[derive(Clone, Debug)]
pub struct Company {
    pub people: Vec<Person>,
    rng: ChaCha8Rng,
    user_names: HashMap<String, usize>,
}

/// What HR knows of one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// The employee number, six digits and more.
    pub id: String,
    pub given: String,
    pub family: String,
    pub display: String,
    /// At most twenty ASCII letters, digits and dots, without a domain; nobody else has it.
    pub user_name: String,
    pub title: String,
    pub department: &'static str,
    pub division: &'static str,
    pub cost_center: String,
    pub site: &'static Site,
    /// The manager's employee number; one person has none.
    pub manager: Option<String>,
    pub employment: Employment,
    pub post: Post,
    pub phone: String,
    pub mobile: Option<String>,
    pub hire: Date,
    /// The last day.
    pub leave: Option<Date>,
    /// What HR says of him or her today; leave days and starts do not change it by themselves.
    pub active: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Employment {
    Employee,
    Contractor,
}

/// Where somebody works, which decides who keeps the account: the directory at the office, the cloud in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    Office,
    Field,
}

impl Company {
    /// `workers` people on this day. Some start within the fortnight, a few leave today, one in eight is a
    /// contractor, and several share a name.
    pub fn new(seed: u64, workers: usize, today: Date) -> Company {
        let mut company = Company {
            people: Vec::with_capacity(workers),
            rng: ChaCha8Rng::seed_from_u64(seed),
            user_names: HashMap::new(),
        };
        for _ in 0..workers {
            company.hire(today);
        }
        company
    }

    /// One more person, who reports to somebody already there.
    pub fn hire(&mut self, today: Date) -> &Person {
        let number = self.people.len();
        let site = &SITES[weighted(&mut self.rng, SITES.len())];
        let (given, family) = self.name(number, site);
        let (division, department, titles) = names::JOBS[if number == 0 {
            0
        } else {
            self.rng.random_range(0..names::JOBS.len())
        }];
        let rank = match number {
            0 => names::CHIEF.to_string(),
            _ if number < 1 + self.people.capacity() / SPAN => format!("{department} Manager"),
            _ => titles
                .choose(&mut self.rng)
                .copied()
                .unwrap_or(names::CHIEF)
                .to_string(),
        };
        let field = number > 0 && names::FIELD.contains(&department);
        let contractor = number > SPAN && self.rng.random_ratio(1, 8);
        // Away for long, or gone and not yet forgotten.
        let active = number < SPAN || number % 23 != 19;
        let hire = match self.rng.random_range(0..100) {
            // Starts within the fortnight.
            0..4 if number > SPAN => today.saturating_add(self.rng.random_range(1..14).days()),
            _ => today.saturating_sub(self.rng.random_range(30..9000).days()),
        };
        let leave = match self.rng.random_range(0..100) {
            _ if hire > today || !active => None,
            0 if number > SPAN => Some(today),
            1..3 if number > SPAN => Some(today.saturating_add(self.rng.random_range(3..90).days())),
            _ => None,
        };
        let person = Person {
            id: (100_000 + number).to_string(),
            user_name: self.user_name(&given, &family),
            display: format!("{given} {family}"),
            title: rank,
            department,
            division,
            cost_center: format!("CC-{:03}", 100 + number % 37),
            site,
            manager: number
                .checked_sub(1)
                .map(|before| self.people[before / SPAN].id.clone()),
            employment: if contractor {
                Employment::Contractor
            } else {
                Employment::Employee
            },
            post: if field { Post::Field } else { Post::Office },
            phone: format!(
                "+{} {:03} {:04}",
                site.dialling,
                self.rng.random_range(100..1000),
                number % 10_000
            ),
            mobile: self
                .rng
                .random_bool(0.7)
                .then(|| format!("+{} 5{:02} {:06}", site.dialling, number % 90 + 10, number)),
            given,
            family,
            hire,
            leave,
            active,
        };
        self.people.push(person);
        &self.people[number]
    }

    /// Names of the place, but every now and then a very long one, or one that is taken.
    fn name(&mut self, number: usize, site: &Site) -> (String, String) {
        if number > 4 && self.rng.random_ratio(1, 40) {
            let other = self.rng.random_range(0..number);
            return (
                self.people[other].given.clone(),
                self.people[other].family.clone(),
            );
        }
        if number > 4 && self.rng.random_ratio(1, 60) {
            let (given, family) = names::LONG[number % names::LONG.len()];
            return (given.into(), family.into());
        }
        let mut pick = |names: &[&str]| {
            names
                .choose(&mut self.rng)
                .copied()
                .unwrap_or_default()
                .to_string()
        };
        let given = pick(site.given);
        let family = pick(site.family);
        (given, family)
    }

    fn user_name(&mut self, given: &str, family: &str) -> String {
        let name: String = format!("{}.{}", plain(given), plain(family))
            .chars()
            .take(16)
            .collect();
        let name = name.trim_matches('.').to_string();
        let taken = self.user_names.entry(name.clone()).or_default();
        *taken += 1;
        match *taken {
            1 => name,
            again => format!("{name}{again}"),
        }
    }
}

/// Reports to one manager, and how many people at the top always work.
const SPAN: usize = 7;

/// The first places are the largest.
fn weighted(rng: &mut ChaCha8Rng, places: usize) -> usize {
    rng.random_range(0..places).min(rng.random_range(0..places))
}

/// ASCII letters only, lower case: `Zoë` is `zoe`; what has no Latin base is left out.
fn plain(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    name.chars()
        .flat_map(|c| match c {
            'ß' => vec!['s', 's'],
            'æ' | 'Æ' => vec!['a', 'e'],
            'ø' | 'Ø' => vec!['o'],
            'ł' | 'Ł' => vec!['l'],
            'ð' | 'đ' | 'Đ' => vec!['d'],
            'þ' | 'Þ' => vec!['t', 'h'],
            'ı' => vec!['i'],
            other => vec![other],
        })
        .nfd()
        .filter(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use std::collections::HashSet;

    #[test]
    fn a_seed_is_a_company() {
        let today = date(2026, 11, 20);
        let company = Company::new(7, 500, today);
        assert_eq!(company.people, Company::new(7, 500, today).people);
        assert_ne!(company.people, Company::new(8, 500, today).people);
    }

    #[test]
    fn the_company_has_what_makes_companies_hard() {
        let today = date(2026, 11, 20);
        let people = Company::new(1, 1000, today).people;
        let some = |what: &dyn Fn(&Person) -> bool| people.iter().any(what);
        assert!(some(&|one| !one.display.is_ascii()), "letters beyond ASCII");
        assert!(some(&|one| one.display.chars().count() > 64), "a very long name");
        assert!(some(&|one| one.leave == Some(today)), "a leaver today");
        assert!(some(&|one| one.hire > today), "a starter");
        assert!(some(&|one| one.employment == Employment::Contractor));
        assert!(some(&|one| !one.active));
        assert!(some(&|one| one.post == Post::Field));
        let distinct = |of: &dyn Fn(&Person) -> String| people.iter().map(of).collect::<HashSet<_>>().len();
        assert!(
            distinct(&|one| one.display.clone()) < people.len(),
            "two of one name"
        );
        assert_eq!(distinct(&|one| one.user_name.clone()), people.len());
        assert!(distinct(&|one| one.site.zone.into()) >= 8);
        let mut known = HashSet::new();
        for person in &people {
            assert!(
                person
                    .user_name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '.'),
                "{person:?}"
            );
            assert!(
                person.manager.iter().all(|id| known.contains(id)),
                "managers come first"
            );
            assert!(person.user_name.len() <= 20);
            known.insert(person.id.clone());
        }
    }
}
