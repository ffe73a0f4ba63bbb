//! What the dates of an employment say: from when to when a person works here (B19).

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

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

    /// When the person last begins to be active; by the hire date (UTC) where no turn says so.
    pub fn starts(&self) -> Option<Timestamp> {
        let by_date = || Some(self.hired?.to_zoned(TimeZone::UTC).ok()?.timestamp());
        self.last_turn(true).or_else(by_date)
    }

    /// When the person last ceases to be active.
    pub fn leaves(&self) -> Option<Timestamp> {
        self.last_turn(false)
    }

    fn last_turn(&self, active: bool) -> Option<Timestamp> {
        let turns = self.turns.iter().rev();
        turns
            .map(|turn| (turn.active, turn.at))
            .find(|(to, _)| *to == active)
            .map(|(_, at)| at)
    }

    pub fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        self.turns.iter().map(|turn| turn.at).find(|at| *at > now)
    }
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
        assert_eq!(employment.starts(), Some(at("2026-02-01T00:00:00Z")));
        assert_eq!(employment.leaves(), Some(at("2026-03-01T00:00:00Z")));
        let hired = Employment {
            hired: Some("2026-02-02".parse().unwrap()),
            ..Employment::default()
        };
        assert_eq!(
            (hired.starts(), hired.leaves()),
            (Some(at("2026-02-02T00:00:00Z")), None)
        );
        assert_eq!(Employment::default().active(at("2026-01-01T00:00:00Z")), None);
    }
}
