//! What the dates of an employment say: from when to when a person works here (B19), and which of a person's records
//! speaks for the account (B20).

use std::cmp::Reverse;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::worker::Worker;

/// The attribute that says whether a worker is active, `1` or `0`, following the dates where HR gives any.
pub const ACTIVE: &str = "Active";

/// One employment or contract, of a source that gives dates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Employment {
    /// Records with the same key are of one person.
    pub person: Option<String>,
    pub hired: Option<Date>,
    /// When the person begins to be active and ceases to be, in order of time, by turns; before the first, the opposite
    /// holds. Empty where no date says anything: then the record's word stands.
    pub turns: Vec<Turn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub at: Timestamp,
    pub active: bool,
}

impl Employment {
    /// Whether the person is active at an instant; `None` where no date says so.
    pub fn active(&self, now: Timestamp) -> Option<bool> {
        let last = self.turns.iter().rev().find(|turn| turn.at <= now);
        let before = || self.turns.first().map(|first| !first.active);
        last.map(|turn| turn.active).or_else(before)
    }

    pub fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        self.turns.iter().map(|turn| turn.at).find(|at| *at > now)
    }
}

/// Which of one person's records speaks for the account: the active one, then that of the later hire, then the one that
/// has the account.
pub fn holder<'w>(records: impl Iterator<Item = (&'w Worker, bool)>, now: Timestamp) -> Option<&'w Worker> {
    let rank = |(worker, linked): &(&'w Worker, bool)| {
        let hired = worker.employment.as_ref().and_then(|employment| employment.hired);
        let active = worker.is_active(now) == Some(true);
        (active, hired, *linked, Reverse(worker.anchor.as_str()))
    };
    records.max_by_key(rank).map(|(worker, _)| worker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn turn(text: &str, active: bool) -> Turn {
        Turn { at: at(text), active }
    }

    fn worker(anchor: &str, hired: &str, turns: Vec<Turn>) -> Worker {
        Worker {
            employment: Some(Employment {
                person: Some("21001".into()),
                hired: Some(hired.parse().unwrap()),
                turns,
            }),
            ..Worker::new(anchor)
        }
    }

    #[test]
    fn b19_a_turn_holds_from_its_instant_on() {
        let employment = Employment {
            turns: vec![
                turn("2026-02-01T00:00:00Z", true),
                turn("2026-03-01T00:00:00Z", false),
            ],
            ..Employment::default()
        };
        for (now, active, next) in [
            ("2026-01-31T23:59:59Z", false, Some("2026-02-01T00:00:00Z")),
            ("2026-02-01T00:00:00Z", true, Some("2026-03-01T00:00:00Z")),
            ("2026-03-01T00:00:00Z", false, None),
        ] {
            assert_eq!(employment.active(at(now)), Some(active), "{now}");
            assert_eq!(employment.next_turn(at(now)), next.map(at), "{now}");
        }
        assert_eq!(Employment::default().active(at("2026-01-01T00:00:00Z")), None);
    }

    #[test]
    fn b20_the_active_record_holds_then_the_later_hire_then_who_has_the_account() {
        let contract = worker("c1", "2024-01-01", vec![turn("2026-02-01T00:00:00Z", false)]);
        let employee = worker("e1", "2026-02-01", vec![turn("2026-02-01T00:00:00Z", true)]);
        let speaks = |now: &str| {
            let both = [(&contract, true), (&employee, false)];
            holder(both.into_iter(), at(now)).map(|worker| worker.anchor.clone())
        };
        assert_eq!(speaks("2026-01-31T23:59:59Z").as_deref(), Some("c1"));
        assert_eq!(speaks("2026-02-01T00:00:00Z").as_deref(), Some("e1"));
        let (left, twin) = (
            worker("a", "2024-01-01", vec![]),
            worker("b", "2024-01-01", vec![]),
        );
        let both = [(&left, false), (&twin, true)];
        assert_eq!(holder(both.into_iter(), at("2026-01-01T00:00:00Z")), Some(&twin));
        let neither = [(&left, false), (&twin, false)];
        assert_eq!(
            holder(neither.into_iter(), at("2026-01-01T00:00:00Z")),
            Some(&left)
        );
    }
}
