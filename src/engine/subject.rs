//! One worker on the way through a cycle, and the page of workers who go together.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::beside::Share;
use super::kindred::Kin;
use super::retry;
use super::review::Withheld;
use crate::domain::account::{Anchor, Model};
use crate::domain::guard::{Action, Charge, Charges, Held, History, counted, presumed};
use crate::domain::handover::Handover;
use crate::domain::hold::Hold;
use crate::domain::link::Link;
use crate::domain::matching::Found;
use crate::domain::plan::{self, Absence, Change, ChangeId, Effect, Planned, Receipt};
use crate::domain::review::Gate;
use crate::domain::worker::Worker;
use crate::store::changes::{self, Sent};
use crate::store::escrows::Escrow;
use crate::store::given::Given;
use crate::store::reviews::Review;
use crate::store::uploads::Place;
use crate::store::wakes::Wake;

/// One worker on the way through a cycle.
#[derive(Clone)]
pub struct Subject {
    pub wake: Wake,
    pub worker: Worker,
    pub link: Option<Link>,
    /// Other records of the same person (B20).
    pub kin: Vec<Kin>,
    /// The one of them that speaks for the account instead.
    pub speaker: Option<String>,
    /// The link of one of them, which this worker takes over.
    pub heir_of: Option<Link>,
    /// The account to which the link in the store led: we deleted it, and it is not even in the bin any more.
    pub outlived: Option<Anchor>,
    /// Operations of this worker that have no outcome yet.
    pub places: Vec<Place>,
    /// What limits held when this worker was looked at last: (action, released).
    pub held_before: Vec<(Action, bool)>,
    /// The refusal that this worker's last change met.
    pub escrow: Option<Escrow>,
    /// Changes that were sent and never answered for (B26).
    pub unknown: Vec<Sent>,
    /// Attempts in this cycle that were answered, and what those answered for: their marks are taken off when the outcome is recorded.
    pub marks: Vec<(Change, changes::Allowed)>,
    /// As what the guard counted everything that nobody had answered for, when the page began.
    pub counted: Charges,
    /// Of what was sent and never answered for, what is known by now to have done something.
    pub learned: HashSet<ChangeId>,
    /// What earlier attempts turned out to have done.
    pub earlier: Option<Receipt>,
    /// What they turned out to have done to an account that is gone: it counts, and is no part of a receipt.
    pub bygone: Charges,
    pub found: Found,
    pub references: BTreeMap<String, Anchor>,
    /// Why others to whom this one refers have no account.
    pub absent: BTreeMap<String, Absence>,
    /// What other jobs have to do with the account (B8).
    pub share: Share,
    /// When the log told last of a reference that waits.
    pub told: Option<Timestamp>,
    /// What the account, or the record of it that is read, is known to have from HR.
    pub given: Vec<Given>,
    /// How far the first password is on its way (B29).
    pub handover: Option<Handover>,
    /// What was chosen among candidates, by attribute.
    pub names: BTreeMap<String, String>,
    /// What people decided of the account, as far as it holds.
    pub holds: Vec<Hold>,
    /// What HR says of the worker, by which a hold knows it again.
    pub said: String,
    /// What they decided until now.
    pub holds_over: Vec<Hold>,
    /// Why nothing could be chosen, by attribute.
    pub unclear: BTreeMap<String, plan::Unclear>,
    pub planned: Option<Planned>,
    pub held: Vec<Held>,
    /// How the worker stands under review (B9).
    pub review: Option<Review>,
    /// The plan, of which nobody has released anything.
    pub withheld: Option<Withheld>,
    /// What nobody has released of it beside what goes on.
    pub rest: Option<Withheld>,
    /// A person has released exactly this plan: no limit counts it.
    pub reviewed: bool,
    /// What is done, or may have been, under allowances, and under which (B17).
    pub allowed: changes::Allowed,
}

/// A page with what the guard needs to judge it.
#[derive(Default)]
pub struct Page {
    pub subjects: Vec<Subject>,
    pub history: History,
    pub gate: Gate,
    /// Wakes whose worker is not stored any more.
    pub vanished: Vec<Wake>,
}

impl Subject {
    /// Somebody of whom nothing else is known.
    pub fn new(wake: Wake, worker: Worker) -> Subject {
        Subject {
            wake,
            worker,
            link: None,
            kin: Vec::new(),
            speaker: None,
            heir_of: None,
            outlived: None,
            places: Vec::new(),
            held_before: Vec::new(),
            escrow: None,
            unknown: Vec::new(),
            marks: Vec::new(),
            counted: Charges::new(),
            learned: HashSet::new(),
            earlier: None,
            bygone: Charges::new(),
            found: Found::default(),
            references: BTreeMap::new(),
            absent: BTreeMap::new(),
            share: Share::default(),
            told: None,
            given: Vec::new(),
            handover: None,
            names: BTreeMap::new(),
            holds: Vec::new(),
            said: String::new(),
            holds_over: Vec::new(),
            unclear: BTreeMap::new(),
            planned: None,
            held: Vec::new(),
            review: None,
            withheld: None,
            rest: None,
            reviewed: false,
            allowed: BTreeMap::new(),
        }
    }

    /// What waits until a person has read it.
    pub fn waits(&self) -> Option<&Withheld> {
        self.withheld.as_ref().or(self.rest.as_ref())
    }

    /// A person has answered for this, so that no limit counts it.
    pub fn is_released(&self, action: &Action) -> bool {
        let mut held = self.held_before.iter();
        self.reviewed || held.any(|(held, released)| held == action && *released)
    }

    /// Where this counts; `None` where a person has answered for it.
    pub fn charge(&self, action: &Action) -> Option<Charge> {
        self.charge_under(&self.allowed, action)
    }

    fn charge_under(&self, allowed: &changes::Allowed, action: &Action) -> Option<Charge> {
        match (self.is_released(action), allowed.get(action)) {
            (true, _) => None,
            (false, Some(id)) => Some(Charge::Allowance(id.clone())),
            (false, None) => Some(Charge::Limit(action.clone())),
        }
    }

    /// What was sent and never answered for: until it is known what came of it, it counts as done.
    pub fn unanswered(&self, model: &Model) -> Charges {
        self.presumed(
            self.unknown.iter().map(|sent| (&sent.change, &sent.allowed)),
            model,
        )
    }

    /// The same together with what this cycle did and does not record yet, and `more` that nobody answered for.
    pub fn unrecorded(&self, more: Option<&Change>, model: &Model) -> Charges {
        // Attempts that did nothing leave no marks.
        let marks = self.marks.iter().filter(|_| self.earlier.is_some());
        let marks = marks.map(|(change, allowed)| (change, allowed));
        let unknown = self.unknown.iter().map(|sent| (&sent.change, &sent.allowed));
        let more = more.map(|change| (change, &self.allowed));
        self.presumed(marks.chain(unknown).chain(more), model)
    }

    /// What these count as, as long as nobody answers for them.
    pub fn presumed<'c>(
        &'c self,
        sent: impl Iterator<Item = (&'c Change, &'c changes::Allowed)>,
        model: &Model,
    ) -> Charges {
        let sent: Vec<_> = sent.collect();
        let changes: Vec<&Change> = sent.iter().map(|(change, _)| *change).collect();
        let presumed = presumed(&changes, model).into_iter();
        counted(presumed.filter_map(|(place, action)| self.charge_under(sent[place].1, &action)))
    }

    /// What creates count as that may be carried out although the target does not know of them yet.
    pub fn in_flight(&self, receipt: Option<&Receipt>, model: &Model, now: Timestamp) -> Charges {
        let lost = self.lost_creates(receipt, now);
        self.presumed(lost.map(|sent| (&sent.change, &sent.allowed)), model)
    }

    /// Creates that may be carried out although the target does not know of them yet; none where `receipt` says what came of them.
    pub fn lost_creates(&self, receipt: Option<&Receipt>, now: Timestamp) -> impl Iterator<Item = &Sent> {
        let is_made = receipt.is_some_and(|receipt| receipt.has(Effect::is_create));
        let unknown = self.unknown.iter().filter(move |_| !is_made);
        unknown
            .filter(|sent| !self.learned.contains(&sent.change.id))
            .filter(move |sent| retry::may_come(sent, now))
    }

    /// An account that nobody answered for may still come.
    pub fn arrives(&self, now: Timestamp) -> bool {
        let mut lost = self.lost_creates(self.earlier.as_ref(), now);
        lost.next().is_some()
    }

    /// An account is to be made.
    pub fn creates(&self) -> bool {
        let mut planned = self.planned.iter();
        planned.any(|planned| planned.change.creates())
    }

    /// The same worker for another attempt in the same cycle, after one that did so much of what it was to do.
    pub fn anew(&self, done: Option<Receipt>, now: Timestamp) -> Subject {
        let mut subject = self.clone();
        if done.is_some() {
            let may_come = self.lost_creates(done.as_ref(), now);
            let may_come: HashSet<ChangeId> = may_come.map(|sent| sent.change.id).collect();
            let known = subject
                .unknown
                .extract_if(.., |sent| !may_come.contains(&sent.change.id));
            subject
                .marks
                .extend(known.map(|sent| (sent.change, sent.allowed)));
        }
        let attempt = subject.planned.take().map(|planned| planned.change);
        subject
            .marks
            .extend(attempt.map(|change| (change, self.allowed.clone())));
        subject.found = Found::default();
        subject.earlier = done;
        subject.held = Vec::new();
        subject
    }
}

impl Page {
    pub fn wakes(&self) -> impl Iterator<Item = &Wake> {
        self.subjects
            .iter()
            .map(|subject| &subject.wake)
            .chain(&self.vanished)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::connector::active_directory::MODEL;
    use crate::engine::retry::tests::{create, sent};
    use crate::store::wakes::Cause;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// A create was sent for her a minute ago, and nobody answered.
    fn ada() -> Subject {
        let mut ada = Subject::new(Wake::unkept("1", Cause::Said), Worker::new("1"));
        ada.unknown = vec![sent(None, create(), 1, NOW)];
        ada
    }

    fn receipt(effect: Effect) -> Receipt {
        Receipt {
            change: Uuid::nil(),
            account: Anchor("A".into()),
            address: String::new(),
            endpoint: String::new(),
            done: vec![effect],
            at: NOW,
            event: None,
        }
    }

    #[test]
    fn b26_a_create_may_come_until_something_is_known_of_it_or_its_time_is_over() {
        let mut ada = ada();
        let lost = |ada: &Subject, receipt: Option<&Receipt>, now| ada.lost_creates(receipt, now).count();
        assert_eq!(lost(&ada, None, NOW), 1);
        assert_eq!(lost(&ada, Some(&receipt(Effect::Disable)), NOW), 1);
        assert_eq!(
            lost(&ada, Some(&receipt(create())), NOW),
            0,
            "it is known what came of it"
        );
        assert_eq!(lost(&ada, None, NOW + SignedDuration::from_mins(2)), 0);
        assert!(ada.arrives(NOW));
        ada.learned.insert(ada.unknown[0].change.id);
        assert!(!ada.arrives(NOW), "it has come");
    }

    #[test]
    fn b16_what_an_attempt_leaves_counts_with_what_came_of_the_one_before() {
        let creates = Charges::from([(Charge::Limit(Action::Create), 1)]);
        let ada = ada();
        assert_eq!(ada.unanswered(&MODEL), creates);
        assert_eq!(ada.in_flight(None, &MODEL, NOW), creates);
        // The attempt after one that did nothing waits for the create all the same; after one that tells of it nothing does.
        let again = ada.anew(None, NOW);
        assert_eq!((again.unknown.len(), again.marks.len()), (1, 0));
        let again = ada.anew(Some(receipt(create())), NOW);
        assert_eq!((again.unknown.len(), again.marks.len()), (0, 1));
        assert_eq!(again.unrecorded(None, &MODEL), creates);
        assert_eq!(
            again.in_flight(again.earlier.as_ref(), &MODEL, NOW),
            Charges::new()
        );
    }
}
