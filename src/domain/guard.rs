//! Limits that cannot be walked around (B16, B17): actions are counted over the plan *and* over what the job
//! did before, and what exceeds a limit is held, action by action, while everything else goes on.

use std::collections::BTreeMap;
use std::fmt;

use super::account::Model;
use super::allowance::Allowance;
use super::plan::{Change, Effect, Planned};

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

/// Where something that was done, or may have been, is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Charge {
    /// Against the job's limit.
    Limit(Action),
    /// Against what a person allowed, by the allowance's id (B17).
    Allowance(String),
}

/// How often something was done, by where it is counted.
pub type Charges = BTreeMap<Charge, u64>;

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
    /// What people allow just now, whoever ends first in front.
    pub allowances: Vec<Allowance>,
    /// N counts the accounts of those already who are still to be judged.
    pub is_counted: bool,
}

impl History {
    /// What people allow by now. Of what was known before, it is known here how much is used.
    pub fn allow(&mut self, allowances: Vec<Allowance>) {
        let known = std::mem::replace(&mut self.allowances, allowances);
        for allowance in &mut self.allowances {
            if let Some(before) = known.iter().find(|before| before.id == allowance.id) {
                allowance.used = before.used;
            }
        }
    }

    /// Takes off what was judged and not done after all.
    pub fn take_back(&mut self, charges: &Charges) {
        for (charge, count) in charges {
            for total in self.totals(charge) {
                *total = total.saturating_sub(*count);
            }
        }
    }

    /// Adds what was done just now.
    pub fn add(&mut self, charges: &Charges) {
        for (charge, count) in charges {
            for total in self.totals(charge) {
                *total += count;
            }
        }
    }

    fn totals(&mut self, charge: &Charge) -> Vec<&mut u64> {
        match charge {
            Charge::Limit(action) => vec![
                self.day.entry(action.clone()).or_default(),
                self.week.entry(action.clone()).or_default(),
            ],
            Charge::Allowance(id) => {
                let allowances = self.allowances.iter_mut();
                let used = allowances.filter(|one| one.id == *id).map(|one| &mut one.used);
                used.collect()
            }
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

    /// Takes off what is judged again.
    pub fn take_back(&mut self, charges: &Charges) {
        self.spending.history.take_back(charges);
    }

    /// Adds what is done, or may be, without having been judged.
    pub fn add(&mut self, charges: &Charges) {
        self.spending.history.add(charges);
    }

    /// What has been done, with everything judged since counted as done.
    pub fn history(self) -> History {
        self.spending.history
    }

    /// Takes out of a plan what exceeds a limit. Released actions pass and are not counted: a person has
    /// answered for them. `allowed` is told what passes under an allowance, and under which.
    pub fn judge(
        &mut self,
        planned: &mut Planned,
        released: &[Action],
        allowed: &mut BTreeMap<Action, String>,
    ) -> Vec<Held> {
        let mut held = Vec::new();
        let effects = std::mem::take(&mut planned.change.effects);
        for action in effects.iter().filter_map(|effect| Action::of(effect, self.model)) {
            allowed.remove(&action);
        }
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
                    Ok(charge) => {
                        if let Charge::Allowance(id) = charge {
                            allowed.insert(action, id);
                        }
                        planned.change.effects.push(effect);
                    }
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
    /// What people allowed is used up first, so that what it says is what it comes to.
    fn spend(&mut self, action: &Action) -> Result<Charge, u64> {
        let limit = Charge::Limit(action.clone());
        if *action == Action::Create && self.history.all_made_here {
            return Ok(limit);
        }
        let mut allowances = self.history.allowances.iter_mut();
        if let Some(allowance) = allowances.find(|one| one.covers(action) && one.left() > 0) {
            allowance.used += 1;
            return Ok(Charge::Allowance(allowance.id.clone()));
        }
        self.spend_limit(action).map(|()| limit)
    }

    fn spend_limit(&mut self, action: &Action) -> Result<(), u64> {
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

/// What counts as done of changes to one worker's account that were sent and never answered for, oldest first, with the place of
/// each: all but what a later one found not done. Whatever is sent again and again counts once.
pub fn presumed(sent: &[&Change], model: &Model) -> Vec<(usize, Action)> {
    let mut presumed = Vec::new();
    for (place, change) in sent.iter().enumerate() {
        let later = || sent[place + 1..].iter().copied();
        let effects = change.effects.iter();
        let done = effects.filter(|effect| change.shown_by(effect, later()) != Some(false));
        presumed.extend(done.filter_map(|effect| Some((place, Action::of(effect, model)?))));
    }
    presumed
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

/// How often each is there.
pub fn counted(charges: impl Iterator<Item = Charge>) -> Charges {
    let mut counts = Charges::new();
    for charge in charges {
        *counts.entry(charge).or_default() += 1;
    }
    counts
}

/// Counts more of each.
pub fn add(counts: &mut Charges, more: &Charges) {
    for (charge, count) in more {
        *counts.entry(charge.clone()).or_default() += count;
    }
}

/// Counts so much less of each.
pub fn subtract(counts: &mut Charges, less: &Charges) {
    for (charge, count) in counts {
        *count = count.saturating_sub(less.get(charge).copied().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Values;
    use crate::domain::plan::Recipe;
    use crate::domain::plan::tests::policy;

    fn history(population: u64, disables: u64) -> History {
        History {
            day: BTreeMap::from([(Action::Disable, disables)]),
            week: BTreeMap::from([(Action::Disable, disables)]),
            population,
            ..History::default()
        }
    }

    fn left(limits: &Limits, history: History, action: Action) -> u64 {
        let mut spent = Spending { limits, history };
        (0..).take_while(|_| spent.spend(&action).is_ok()).count() as u64
    }

    #[test]
    fn b17_what_was_seen_done_counts_each_time_and_what_is_sent_again_once() {
        use Effect::{Delete, Disable, Enable};
        let title = |before: &str, after: &str| Effect::Set {
            attribute: "title".into(),
            before: vec![before.into()],
            after: vec![after.into()],
        };
        let overwrite = || Action::Overwrite("title".into());
        let create = || Effect::Create {
            values: Values::new(),
            container: None,
            enabled: true,
            password: Recipe::default(),
        };
        for (sent, expected) in [
            (vec![vec![Disable], vec![Disable]], vec![(1, Action::Disable)]),
            (
                vec![vec![Disable], vec![Disable], vec![Enable]],
                vec![(1, Action::Disable), (2, Action::Enable)],
            ),
            (
                vec![vec![Disable], vec![Enable], vec![Disable]],
                vec![(0, Action::Disable), (1, Action::Enable), (2, Action::Disable)],
            ),
            (
                vec![
                    vec![title("1", "2")],
                    vec![title("1", "2")],
                    vec![title("2", "3")],
                ],
                vec![(1, overwrite()), (2, overwrite())],
            ),
            // The second was planned upon what was there before the first.
            (
                vec![vec![title("1", "2")], vec![title("1", "3")]],
                vec![(1, overwrite())],
            ),
            // Who is taken back out of the bin is enabled twice, as when it is judged.
            (
                vec![vec![Effect::Restore, Enable]],
                vec![(0, Action::Enable), (0, Action::Enable)],
            ),
            (
                vec![vec![create()], vec![create()], vec![Delete], vec![create()]],
                vec![(1, Action::Create), (2, Action::Delete), (3, Action::Create)],
            ),
        ] {
            let change = |effects: Vec<Effect>| Change {
                id: uuid::Uuid::nil(),
                worker: "1".into(),
                account: None,
                effects,
            };
            let sent: Vec<Change> = sent.into_iter().map(change).collect();
            let found = presumed(&sent.iter().collect::<Vec<_>>(), &policy().model);
            assert_eq!(found, expected);
        }
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

    fn allowance(id: &str, action: Action, most: u64) -> Allowance {
        Allowance {
            id: id.into(),
            action,
            most,
            used: 0,
            given: jiff::Timestamp::UNIX_EPOCH,
            until: jiff::Timestamp::MAX,
            ended: None,
            by: "Ada".into(),
            reason: "a merger".into(),
        }
    }

    #[test]
    fn b17_an_allowance_goes_first_and_leaves_the_limits_as_they_were() {
        let limits = Limits::default();
        let mut history = history(0, 20);
        history.allowances = vec![allowance("1", Action::Disable, 30)];
        let mut spent = Spending {
            limits: &limits,
            history,
        };
        let charge = Charge::Allowance("1".into());
        for action in [Action::Disable, Action::Delete] {
            for _ in 0..15 {
                assert_eq!(spent.spend(&action), Ok(charge.clone()), "{action}");
            }
        }
        assert_eq!(
            spent.spend(&Action::Disable),
            Err(20),
            "used up, and the day was full before"
        );
        assert_eq!(
            spent.spend(&Action::Enable),
            Ok(Charge::Limit(Action::Enable)),
            "nobody spoke of these"
        );
        // What was judged and not done is allowed again, and what is read anew is not forgotten to be used.
        spent.history.take_back(&Charges::from([(charge.clone(), 2)]));
        spent.history.allow(vec![allowance("1", Action::Disable, 40)]);
        let left = (0..).take_while(|_| spent.spend(&Action::Disable) == Ok(charge.clone()));
        assert_eq!(left.count(), 12);
        assert_eq!(spent.history.day[&Action::Disable], 20);
        spent.history.allow(Vec::new());
        assert_eq!(spent.spend(&Action::Disable), Err(20), "it was ended");
    }

    #[test]
    fn b17_an_allowance_is_for_one_attribute() {
        let title = || Action::Overwrite("title".into());
        let limits = Limits {
            fixed: BTreeMap::from([(Family::Overwrites, 0)]),
            ..Limits::default()
        };
        let mut history = history(0, 0);
        history.allowances = vec![allowance("1", title(), 1)];
        let mut spent = Spending {
            limits: &limits,
            history,
        };
        assert_eq!(spent.spend(&Action::Overwrite("mail".into())), Err(0));
        assert_eq!(
            spent.spend(&Action::Clear("title".into())),
            Ok(Charge::Limit(Action::Clear("title".into())))
        );
        assert_eq!(spent.spend(&title()), Ok(Charge::Allowance("1".into())));
        assert_eq!(spent.spend(&title()), Err(0));
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
