//! What the next day brings: people join, move, marry, leave and return.

use jiff::civil::Date;
use rand::Rng;

use super::{Company, Person, Post, names};

/// Why HR has something new to say of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    Joined,
    Moved,
    Renamed,
    Left,
    Returned,
}

impl Company {
    /// One day's news, of office and field alike: nobody has two on the same day. Leavers are those whose last day has
    /// passed, or somebody whom nobody reports to.
    pub fn next_day(&mut self, today: Date) -> Vec<(Event, Person)> {
        let before = self.people.len();
        let mut news: Vec<(Event, usize)> = Vec::new();
        let mut free: Vec<usize> = (1..before).rev().filter(|at| !self.leads(*at)).collect();
        let mut take = |people: &[Person], wanted: &dyn Fn(&Person) -> bool| {
            let found = free.iter().position(|at| wanted(&people[*at]))?;
            Some(free.remove(found))
        };
        let gone: Vec<usize> = (1..before)
            .filter(|at| self.people[*at].active && self.people[*at].leave.is_some_and(|last| last < today))
            .collect();
        let people = self.people.as_slice();
        for post in [Post::Office, Post::Field] {
            let active = |one: &Person| one.post == post && one.active && one.leave.is_none();
            news.extend(take(people, &active).map(|at| (Event::Left, at)));
            news.extend(take(people, &active).map(|at| (Event::Moved, at)));
            news.extend(take(people, &active).map(|at| (Event::Renamed, at)));
        }
        news.extend(take(people, &|one| !one.active).map(|at| (Event::Returned, at)));
        news.extend(gone.into_iter().map(|at| (Event::Left, at)));
        for (event, at) in &news {
            self.happens(*event, *at, today);
        }
        for _ in 0..3 {
            self.hire(today);
            let newcomer = self.people.len() - 1;
            self.people[newcomer].active = true;
            news.push((Event::Joined, newcomer));
        }
        let mut told: Vec<usize> = Vec::new();
        news.retain(|(_, at)| {
            !told.contains(at) && {
                told.push(*at);
                true
            }
        });
        news.into_iter()
            .map(|(event, at)| (event, self.people[at].clone()))
            .collect()
    }

    fn leads(&self, at: usize) -> bool {
        let id = Some(&self.people[at].id);
        self.people.iter().any(|one| one.manager.as_ref() == id)
    }

    fn happens(&mut self, event: Event, at: usize, today: Date) {
        let another = self.rng.random_range(0..self.people.len());
        let (family, manager) = (self.people[another].family.clone(), self.people[0].id.clone());
        let person = &mut self.people[at];
        match event {
            Event::Left => {
                person.active = false;
                person.leave = Some(today);
            }
            Event::Returned => {
                person.active = true;
                person.leave = None;
            }
            Event::Renamed => {
                person.family = format!("{}-{family}", person.family);
                person.display = format!("{} {}", person.given, person.family);
            }
            Event::Moved => {
                person.title = format!("Senior {}", person.title);
                person.cost_center = "CC-200".into();
                person.site = &names::SITES[(another + 1) % names::SITES.len()];
                person.manager = Some(manager);
            }
            Event::Joined => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_day_brings_a_bit_of_everything() {
        let today = date(2026, 11, 20);
        let mut company = Company::new(1, 100, today);
        let news = company.next_day(date(2026, 11, 21));
        for event in [
            Event::Joined,
            Event::Moved,
            Event::Renamed,
            Event::Left,
            Event::Returned,
        ] {
            assert!(news.iter().any(|(one, _)| *one == event), "{event:?}");
        }
        let mut ids: Vec<&str> = news.iter().map(|(_, person)| person.id.as_str()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "nobody has two");
        assert_eq!(company.people.len(), 103);
    }
}
