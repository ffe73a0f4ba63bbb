//! Limits that cannot be walked around (B16, B17): actions are counted over the plan *and* over what the job
//! did before, and what exceeds a limit is held, action by action, while everything else goes on.

use std::collections::BTreeMap;
use std::fmt;

use super::account::Model;
use super::plan::{Effect, Planned};

/// What the guard counts. Disables and deletes share one limit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Disable,
    Delete,
    Enable,
    Create,
    Move,
    Rename,
    Overwrite(String),
    Clear(String),
}

/// An effect that a limit keeps back until a person releases it or HR takes it back.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub action: Action,
    pub effect: Effect,
    pub limit: u64,
}

/// Limits for 24 hours; over 7 days twice as much.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// The app's own numbers (`[app.guard]`), by the name of the action's family.
    pub fixed: BTreeMap<Family, u64>,
    /// `QuarantineTooManyDeletesThreshold`: the most that 5 % may come to.
    pub most_disables: u64,
}

/// The keys of `[app.guard]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Disables,
    Enables,
    Creates,
    Moves,
    Renames,
    Overwrites,
    Clears,
}

/// One row per family: at least this many, or this share of the enabled linked accounts in thousandths.
#[rustfmt::skip]
const DEFAULTS: &[(Family, &str, u64, u64)] = &[
    (Family::Disables,   "disables",    20, 50),
    (Family::Enables,    "enables",     20, 10),
    (Family::Creates,    "creates",     50, 50),
    (Family::Moves,      "moves",       50, 20),
    (Family::Renames,    "renames",     20, 10),
    (Family::Overwrites, "overwrites", 100, 100),
    (Family::Clears,     "clears",      20, 20),
];

/// What the job did lately, and how many accounts that is to be measured against.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub day: BTreeMap<Action, u64>,
    pub week: BTreeMap<Action, u64>,
    /// N: accounts linked or matched that are enabled.
    pub population: u64,
    /// Every account the matching search ever found was made by this job: there is nothing to trample, so
    /// creates are not limited.
    pub all_made_here: bool,
}

impl History {
    /// Takes off what was judged and not done after all.
    pub fn take_back(&mut self, counts: &BTreeMap<Action, u64>) {
        for (action, count) in counts {
            for window in [&mut self.day, &mut self.week] {
                if let Some(total) = window.get_mut(action) {
                    *total = total.saturating_sub(*count);
                }
            }
        }
    }

    /// Adds what was done just now.
    pub fn add(&mut self, counts: &BTreeMap<Action, u64>) {
        for (action, count) in counts {
            *self.day.entry(action.clone()).or_default() += count;
            *self.week.entry(action.clone()).or_default() += count;
        }
    }
}

/// What may still be done. Judging uses it up.
pub struct Budget<'a> {
    spending: Spending<'a>,
    model: &'a Model,
}

struct Spending<'a> {
    limits: &'a Limits,
    history: History,
}

impl<'a> Budget<'a> {
    pub fn new(limits: &'a Limits, history: History, model: &'a Model) -> Budget<'a> {
        Budget {
            spending: Spending { limits, history },
            model,
        }
    }

    /// What has been done, with everything judged since counted as done.
    pub fn history(self) -> History {
        self.spending.history
    }

    /// Takes out of a plan what exceeds a limit. Released actions pass and are not counted: a person has
    /// answered for them.
    pub fn judge(&mut self, planned: &mut Planned, released: &[Action]) -> Vec<Held> {
        let mut held = Vec::new();
        let effects = std::mem::take(&mut planned.change.effects);
        for effect in effects {
            // Another password goes with an enabling.
            let goes_with_held = matches!(effect, Effect::Password { .. })
                && held.iter().any(|held: &Held| held.effect == Effect::Enable);
            if goes_with_held {
                continue;
            }
            let action = Action::of(&effect, self.model);
            match action {
                Some(action) if !released.contains(&action) => match self.spending.spend(&action) {
                    Ok(()) => planned.change.effects.push(effect),
                    Err(limit) => held.push(Held {
                        action,
                        effect,
                        limit,
                    }),
                },
                _ => planned.change.effects.push(effect),
            }
            // Nothing can be done to an account that is not made, or stays in the bin.
            if held
                .last()
                .is_some_and(|held| matches!(held.effect, Effect::Create { .. } | Effect::Restore))
            {
                break;
            }
        }
        held
    }
}

impl Spending<'_> {
    fn spend(&mut self, action: &Action) -> Result<(), u64> {
        if *action == Action::Create && self.history.all_made_here {
            return Ok(());
        }
        let limit = self.limit(action.family());
        let used = |counts: &BTreeMap<Action, u64>| -> u64 {
            let shares = |other: &Action| match action {
                Action::Disable | Action::Delete => other.family() == Family::Disables,
                _ => other == action,
            };
            counts
                .iter()
                .filter(|(other, _)| shares(other))
                .map(|(_, count)| count)
                .sum()
        };
        if used(&self.history.day) >= limit || used(&self.history.week) >= limit.saturating_mul(2) {
            return Err(limit);
        }
        *self.history.day.entry(action.clone()).or_default() += 1;
        *self.history.week.entry(action.clone()).or_default() += 1;
        Ok(())
    }

    fn limit(&self, family: Family) -> u64 {
        if let Some(fixed) = self.limits.fixed.get(&family) {
            return *fixed;
        }
        let Some((_, _, least, share)) = DEFAULTS.iter().find(|row| row.0 == family) else {
            return 0;
        };
        let share = self.history.population.saturating_mul(*share) / 1000;
        let share = if family == Family::Disables {
            share.min(self.limits.most_disables)
        } else {
            share
        };
        share.max(*least)
    }
}

impl Family {
    pub fn parse(name: &str) -> Option<Family> {
        // The config's key for deletes is the same limit as that for disables.
        let name = if name == "deletes" { "disables" } else { name };
        DEFAULTS.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

impl Action {
    /// `None` for what no limit counts: filling an empty attribute, a first manager.
    pub fn of(effect: &Effect, model: &Model) -> Option<Action> {
        match effect {
            Effect::Create { .. } => Some(Action::Create),
            Effect::Disable => Some(Action::Disable),
            Effect::Enable | Effect::Restore => Some(Action::Enable),
            Effect::Delete => Some(Action::Delete),
            Effect::Rename { .. } => Some(Action::Rename),
            Effect::Move { .. } => Some(Action::Move),
            Effect::Set { before, .. } if before.is_empty() => None,
            Effect::Set { attribute, after, .. } if after.is_empty() => {
                Some(Action::Clear(attribute.clone()))
            }
            Effect::Set { attribute, .. } if model.identifying.contains(&attribute.as_str()) => {
                Some(Action::Rename)
            }
            Effect::Set { attribute, .. } => Some(Action::Overwrite(attribute.clone())),
            Effect::Refer { before: None, .. } | Effect::Password { .. } => None,
            Effect::Refer {
                attribute,
                after: None,
                ..
            } => Some(Action::Clear(attribute.clone())),
            Effect::Refer { attribute, .. } => Some(Action::Overwrite(attribute.clone())),
        }
    }

    pub fn family(&self) -> Family {
        match self {
            Action::Disable | Action::Delete => Family::Disables,
            Action::Enable => Family::Enables,
            Action::Create => Family::Creates,
            Action::Move => Family::Moves,
            Action::Rename => Family::Renames,
            Action::Overwrite(_) => Family::Overwrites,
            Action::Clear(_) => Family::Clears,
        }
    }

    pub fn parse(text: &str) -> Option<Action> {
        Some(match text.split_once(':') {
            Some(("overwrite", attribute)) => Action::Overwrite(attribute.to_string()),
            Some(("clear", attribute)) => Action::Clear(attribute.to_string()),
            Some(_) => return None,
            None => match text {
                "disable" => Action::Disable,
                "delete" => Action::Delete,
                "enable" => Action::Enable,
                "create" => Action::Create,
                "move" => Action::Move,
                "rename" => Action::Rename,
                _ => return None,
            },
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Disable => f.write_str("disable"),
            Action::Delete => f.write_str("delete"),
            Action::Enable => f.write_str("enable"),
            Action::Create => f.write_str("create"),
            Action::Move => f.write_str("move"),
            Action::Rename => f.write_str("rename"),
            Action::Overwrite(attribute) => write!(f, "overwrite:{attribute}"),
            Action::Clear(attribute) => write!(f, "clear:{attribute}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(population: u64, disables: u64) -> History {
        History {
            day: BTreeMap::from([(Action::Disable, disables)]),
            week: BTreeMap::from([(Action::Disable, disables)]),
            population,
            all_made_here: false,
        }
    }

    fn left(limits: &Limits, history: History, action: Action) -> u64 {
        let mut spent = Spending { limits, history };
        (0..).take_while(|_| spent.spend(&action).is_ok()).count() as u64
    }

    #[test]
    fn defaults_are_a_number_or_a_share() {
        let limits = Limits {
            most_disables: 500,
            ..Limits::default()
        };
        for (population, action, expected) in [
            (0, Action::Disable, 20),
            (1000, Action::Disable, 50),
            (100_000, Action::Disable, 500),
            (100_000, Action::Enable, 1000),
            (10_000, Action::Create, 500),
            (10_000, Action::Move, 200),
            (10, Action::Rename, 20),
            (5000, Action::Overwrite("title".into()), 500),
            (10, Action::Clear("title".into()), 20),
        ] {
            assert_eq!(
                left(&limits, history(population, 0), action.clone()),
                expected,
                "{action} of {population}"
            );
        }
    }

    #[test]
    fn what_was_done_before_counts_and_disables_and_deletes_share() {
        let limits = Limits {
            fixed: BTreeMap::from([(Family::Disables, 10)]),
            most_disables: 500,
        };
        assert_eq!(left(&limits, history(1000, 7), Action::Disable), 3);
        assert_eq!(left(&limits, history(1000, 7), Action::Delete), 3);
        let mut weekly = history(1000, 0);
        weekly.week.insert(Action::Disable, 18);
        assert_eq!(
            left(&limits, weekly, Action::Disable),
            2,
            "over seven days, twice as much"
        );
    }

    #[test]
    fn names_of_actions_survive_the_store() {
        for action in [
            Action::Disable,
            Action::Create,
            Action::Overwrite("a:b".into()),
            Action::Clear("c".into()),
        ] {
            assert_eq!(Action::parse(&action.to_string()), Some(action));
        }
    }
}
