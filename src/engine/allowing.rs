//! What people let a job do beyond its limits for a while (B17). An allowance is a row that the job reads before each page, so
//! giving one waits for nobody and nothing of it is lost.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{Engine, holding};
use crate::domain::allowance::{Allowance, LONGEST};
use crate::domain::decision::Decision;
use crate::domain::guard::Action;
use crate::domain::mapping::Role;
use crate::domain::policy::Policy;
use crate::error::{Error, Kind, Result};
use crate::store::wakes::{self, Cause};
use crate::store::{allowances, decisions, guard};

/// Characters of a reason.
const REASON: usize = 1_000;

/// What somebody allows.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// How many more of each in all; disables stand for deletes, too.
    pub actions: BTreeMap<Action, u64>,
    /// A day, to its end (UTC), or an instant.
    pub until: String,
    pub reason: String,
    /// Who says so.
    pub by: String,
}

impl Engine {
    /// Gives allowances, and has whoever is held for want of them looked at at once. Error: it says nothing, gives no reason, is
    /// for what the job never counts, or ends in the past or more than 31 days ahead.
    pub async fn allow(&self, job: &str, mut wanted: Wanted) -> Result<Vec<Allowance>> {
        let runner = self.current(job).await?;
        let now = self.clock().now();
        let actions = std::mem::take(&mut wanted.actions).into_iter();
        let counted = actions.map(|(action, most)| Ok((counted(&runner.policy, action)?, most)));
        wanted.actions = counted
            .collect::<Result<_>>()
            .map_err(|error| error.at("actions"))?;
        let given = given(wanted, now)?;
        let (id, kept) = (job.to_string(), given.clone());
        self.store()
            .write(move |conn| {
                allowances::give(conn, &id, &kept)?;
                let made: Vec<Decision> = kept.iter().map(Decision::allowed).collect();
                decisions::keep(conn, &id, &made)?;
                let actions: Vec<Action> = kept.iter().flat_map(Allowance::actions).collect();
                let held = guard::held_by(conn, &id, &actions)?;
                wakes::wake(conn, &id, &super::texts(&held), now, Cause::Held)
            })
            .await?;
        self.wake(job);
        Ok(given)
    }

    /// What a job is allowed now, whatever ends first in front.
    pub async fn allowances(&self, job: &str) -> Result<Vec<Allowance>> {
        let (id, now) = (self.runner(job)?.app.job.clone(), self.clock().now());
        self.store()
            .read(move |conn| allowances::live(conn, &id, now))
            .await
    }

    /// Ends an allowance before its time. Error: there is none of this id, or not any more.
    pub async fn end_allowance(&self, job: &str, allowance: &str, by: &str) -> Result<()> {
        self.runner(job)?;
        let (id, wanted, by, now) = (
            job.to_string(),
            allowance.to_string(),
            by.to_string(),
            self.clock().now(),
        );
        let ended = self
            .store()
            .write(move |conn| {
                let found = allowances::find(conn, &id, &wanted)?;
                let Some(allowance) = found.filter(|allowance| allowance.is_live(now)) else {
                    return Ok(false);
                };
                let is_first = allowances::end(conn, &id, &allowance.id, now)?;
                if is_first {
                    let ended = Decision::allowance_ended(&allowance, &by, now);
                    decisions::keep(conn, &id, &[ended])?;
                }
                Ok(is_first)
            })
            .await?;
        match ended {
            true => Ok(()),
            false => Err(Error::new(
                Kind::NotFound,
                format!("there is no allowance {allowance} of this job, or not any more"),
            )),
        }
    }
}

/// An action as limits count it. Error: the job writes no such attribute, or a limit of another name counts it.
fn counted(policy: &Policy, action: Action) -> Result<Action> {
    let (Action::Overwrite(named) | Action::Clear(named)) = &action else {
        return Ok(action);
    };
    let mapping = holding::written(policy, named)?;
    let attribute = mapping.target.clone();
    let is_clear = matches!(action, Action::Clear(_));
    let names_people = policy.model.identifying.contains(&attribute.as_str());
    let other = match mapping.role {
        Role::State => "disable or enable",
        Role::Container => "move",
        Role::Name => "rename",
        Role::Plain if names_people && !is_clear => "rename",
        Role::Password => return Err(Error::invalid(format!("no limit counts '{attribute}'"))),
        Role::Plain | Role::Reference if is_clear => return Ok(Action::Clear(attribute)),
        Role::Plain | Role::Reference => return Ok(Action::Overwrite(attribute)),
    };
    Err(Error::invalid(format!(
        "what is written to '{attribute}' is counted as {other}: allow that"
    )))
}

fn given(wanted: Wanted, now: Timestamp) -> Result<Vec<Allowance>> {
    let until = until(&wanted.until, now)?;
    let furthest = end_of_day(TimeZone::UTC.to_datetime(now + LONGEST).date())?;
    if until > furthest {
        return Err(Error::invalid(format!(
            "until: {} is more than 31 days ahead: what goes on for longer belongs in [app.guard]",
            wanted.until
        ))
        .at("until"));
    }
    let reason = reason(&wanted.reason)?;
    if wanted.actions.is_empty() {
        return Err(Error::invalid("nothing is allowed: say of what, and how many").at("actions"));
    }
    let each = wanted.actions.into_iter().map(|(action, most)| {
        if most == 0 || i64::try_from(most).is_err() {
            let message =
                format!("{action}: an allowance is for one at least: to hold everything, set the limit to 0");
            return Err(Error::invalid(message).at("actions"));
        }
        Ok(Allowance {
            id: Uuid::now_v7().to_string(),
            action,
            most,
            used: 0,
            given: now,
            until,
            ended: None,
            by: wanted.by.clone(),
            reason: reason.clone(),
        })
    });
    each.collect()
}

/// Why somebody decides something; nobody may decide without.
pub(super) fn reason(text: &str) -> Result<String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(Error::invalid("reason: say why, for whoever asks later").at("reason")),
        1..=REASON => Ok(text.to_string()),
        _ => Err(Error::invalid(format!("reason: {REASON} characters at most")).at("reason")),
    }
}

/// An instant that lies ahead, or the end of a day (UTC).
pub(super) fn until(text: &str, now: Timestamp) -> Result<Timestamp> {
    let text = text.trim();
    let wrong = |what: &str| Error::invalid(format!("until: '{text}' {what}")).at("until");
    // A time of day without a zone is no instant, and would be dropped silently.
    let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text);
    let until = match (text.parse::<Timestamp>(), day) {
        (Ok(at), _) => at,
        (_, Some(day)) => end_of_day(day)?,
        _ => {
            return Err(wrong(
                "is neither a day such as 2026-12-01 nor an instant such as 2026-12-01T18:00:00Z",
            ));
        }
    };
    match until > now {
        true => Ok(until),
        false => Err(wrong("is over")),
    }
}

fn end_of_day(day: Date) -> Result<Timestamp> {
    let next = day.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC));
    next.map(|next| next.timestamp())
        .map_err(|_| Error::invalid(format!("until: {day} is too far away")).at("until"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(until: &str, reason: &str, most: u64) -> Result<Vec<Allowance>> {
        let wanted = Wanted {
            actions: BTreeMap::from([(Action::Disable, most)]),
            until: until.into(),
            reason: reason.into(),
            by: "Ada".into(),
        };
        given(wanted, "2026-11-22T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn b17_allowances_end_within_31_days_and_have_a_reason() {
        let until = |text: &str| allow(text, "a merger", 1).unwrap()[0].until.to_string();
        assert_eq!(until("2026-11-22"), "2026-11-23T00:00:00Z", "to the day's end");
        assert_eq!(until("2026-12-23"), "2026-12-24T00:00:00Z");
        assert_eq!(until("2026-11-22T18:00:00+01:00"), "2026-11-22T17:00:00Z");
        for (until, reason, most, expected) in [
            ("2026-12-24", "a merger", 1, "more than 31 days ahead"),
            ("2026-11-21", "a merger", 1, "'2026-11-21' is over"),
            ("2026-11-22T09:59:59Z", "a merger", 1, "is over"),
            ("tomorrow", "a merger", 1, "is neither a day"),
            ("2026-12-01T08:00", "a merger", 1, "is neither a day"),
            ("2026-12-01", "  ", 1, "reason: say why"),
            ("2026-12-01", "a merger", 0, "one at least"),
        ] {
            let error = allow(until, reason, most).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
