//! What a page came to, for the page after it, which is planned before this one is recorded: who has an account by now, and what the
//! guard counts (B16).

use super::apply::{Fate, Worked};
use super::record::Carried;
use super::subject::Subject;
use crate::domain::account::Model;
use crate::domain::guard::{Action, Charges, add, counted, subtract};
use crate::domain::link::Link;

/// What the next page has to know of this one.
#[derive(Default)]
pub struct News {
    /// Links that are new.
    pub links: Vec<Link>,
    /// Workers whose accounts are gone.
    pub ended: Vec<String>,
    /// What the guard counts.
    pub tallies: Charges,
    /// What it counts as well, since nobody knows whether it was done.
    pub unanswered: Charges,
    /// What it counted for that reason, and need not any longer.
    pub answered: Charges,
}

pub fn news(model: &Model, carried: &Carried) -> News {
    let mut news = News::default();
    for (subject, worked) in carried.page.subjects.iter().zip(&carried.worked) {
        let Some(planned) = &subject.planned else { continue };
        match worked.fate {
            Fate::Over | Fate::Again => {
                let in_flight = subject.in_flight(worked.ending.done.as_ref(), model, carried.planned);
                let mut answered = subject.counted.clone();
                subtract(&mut answered, &in_flight);
                add(&mut news.answered, &answered);
            }
            Fate::Unknown | Fate::GivenUp | Fate::Waits => {
                let sent = Some(&planned.change).filter(|_| worked.fate != Fate::Waits);
                let mut by_now = subject.unrecorded(sent, model);
                subtract(&mut by_now, &subject.counted);
                add(&mut news.unanswered, &by_now);
                continue;
            }
        }
        let receipt = worked.ending.done.as_ref();
        if subject.link.is_none() && subject.withheld.is_none() {
            news.links
                .extend(Link::next(model, None, planned, receipt, carried.began));
        }
        if receipt.is_some_and(|receipt| receipt.ends_link(model)) {
            news.ended.push(subject.worker.anchor.clone());
        }
        let done = receipt.iter().flat_map(|receipt| &receipt.done);
        let actions = done.filter_map(|effect| Action::of(effect, model));
        let charges = actions.filter_map(|action| subject.charge(&action));
        add(&mut news.tallies, &counted(charges));
        add(&mut news.tallies, &subject.bygone);
    }
    news
}

/// What a subject was to do and has not done.
pub fn undone_actions(model: &Model, subject: &Subject, worked: &Worked) -> Vec<Action> {
    let planned = subject.planned.iter().flat_map(|planned| &planned.change.effects);
    let done = worked
        .ending
        .done
        .as_ref()
        .map_or(&[][..], |receipt| &receipt.done);
    planned
        .filter(|effect| !done.contains(effect))
        .filter_map(|effect| Action::of(effect, model))
        .collect()
}

/// The same, as far as the guard counted it when it judged the plan.
pub fn undone(model: &Model, subject: &Subject, worked: &Worked) -> Charges {
    let undone = undone_actions(model, subject, worked);
    counted(undone.iter().filter_map(|action| subject.charge(action)))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::connector::active_directory::MODEL;
    use crate::domain::guard::Charge;
    use crate::domain::plan::Facts;
    use crate::domain::plan::tests::{planned, policy, worker};
    use crate::engine::log::Ending;
    use crate::engine::retry::tests::{create, sent};
    use crate::engine::subject::Page;
    use crate::store::wakes::{Cause, Wake};

    /// A page with somebody for whom nothing is to be done and a create was sent a minute ago, which nobody answered for.
    fn carried(fate: Fate, minutes_later: i64) -> Carried {
        let (now, policy) = (Timestamp::UNIX_EPOCH, policy());
        let worker = worker(&policy, "True");
        let mut subject = Subject::new(Wake::unkept(&worker.anchor, Cause::Said), worker);
        let mut nothing = planned(&policy, &subject.worker, &Facts::default());
        nothing.change.effects.clear();
        subject.planned = Some(nothing);
        subject.unknown = vec![sent(None, create(), 1, now)];
        subject.counted = subject.unanswered(&MODEL);
        subject.bygone = Charges::from([(Charge::Limit(Action::Disable), 1)]);
        let page = Page {
            subjects: vec![subject],
            ..Page::default()
        };
        let began = now + SignedDuration::from_mins(minutes_later);
        let ending = Ending::default();
        Carried {
            page,
            worked: vec![Worked { ending, fate }],
            began,
            planned: began,
            sent: began,
        }
    }

    #[test]
    fn b16_a_lost_create_counts_until_it_cannot_come() {
        let one = |action: Action| Charges::from([(Charge::Limit(action), 1)]);
        let none = |counts: &Charges| counts.values().all(|count| *count == 0);
        for fate in [Fate::Over, Fate::Again] {
            let early = news(&MODEL, &carried(fate, 0));
            assert!(none(&early.answered) && none(&early.unanswered));
            assert_eq!(
                early.tallies,
                one(Action::Disable),
                "what was done to an account that is gone"
            );
            let late = news(&MODEL, &carried(fate, 2));
            assert_eq!(late.answered, one(Action::Create));
        }
        for fate in [Fate::Unknown, Fate::GivenUp, Fate::Waits] {
            let news = news(&MODEL, &carried(fate, 2));
            assert!(none(&news.answered) && none(&news.unanswered) && none(&news.tallies));
        }
    }
}
