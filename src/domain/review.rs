//! The review of a job's first cycle (B9): what would be done to accounts that are there already, kept back until a person has
//! read it, and the report that there is to read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::link::Situation;
use super::plan::{Difference, Effect, Planned, Proposal};
use super::policy::Policy;
use super::worker::Worker;

/// The code of what waits for its review.
pub const HELD: &str = "HeldForReview";
/// The code of what an app does not do that only plans.
pub const PLANNED: &str = "PlannedOnly";
/// The code of somebody who seems to have an account that matching does not find.
pub const DOUBLE: &str = "PossibleExistingAccount";

/// People whom one line of the report names.
const SAMPLES: usize = 5;
/// Pairs of containers that the report tells apart.
const MOVES: usize = 200;

/// Whether what is planned is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    #[default]
    Open,
    /// Nothing, before a person has released it.
    Review,
    /// Nothing: the app only plans.
    Shadow,
    /// A person says so right now, of these people.
    ByHand { under_review: bool },
}

/// How a worker stands under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    Withheld,
    /// A person has read it: exactly that is done.
    Released,
    /// It was done, and what comes later goes its way.
    Done,
}

/// What one look at a worker found, for people to read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    #[serde(flatten)]
    pub proposal: Proposal,
    /// The attribute by which the account was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched_by: Option<String>,
    /// The state that HR wants, where it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<bool>,
    pub in_scope: bool,
}

impl Standing {
    pub fn name(self) -> &'static str {
        match self {
            Standing::Withheld => "withheld",
            Standing::Released => "released",
            Standing::Done => "done",
        }
    }

    /// What is not understood is not done.
    pub fn parse(text: &str) -> Standing {
        match text {
            "released" => Standing::Released,
            "done" => Standing::Done,
            _ => Standing::Withheld,
        }
    }
}

impl Case {
    pub fn of(policy: &Policy, worker: &Worker, planned: &Planned) -> Case {
        Case {
            proposal: Proposal::whole(policy, worker, planned, &[]),
            matched_by: match &planned.situation {
                Situation::Unlinked { by, .. }
                | Situation::Disputed { by, .. }
                | Situation::Claimed { by, .. } => Some(by.clone()),
                _ => None,
            },
            wanted: planned.wanted,
            in_scope: planned.scope.is_ok(),
        }
    }

    /// What was not reviewed of that which would be done now, or that it would be done to another account. What is not to be done
    /// any more is no news, and of an account that is made, what tramples nobody may be another. Who seemed to have an account and
    /// was released all the same gets one of his own.
    pub fn unreviewed(&self, now: &Case) -> Option<Difference> {
        let is_anew = now.proposal.account.is_none();
        if self.is_double() && is_anew {
            return None;
        }
        let essence_of = |case: &Case| Proposal {
            effects: case.proposal.effects.iter().map(essence).collect(),
            ..case.proposal.clone()
        };
        let (mut reviewed, now) = (essence_of(self), essence_of(now));
        if !is_anew && now.account != self.proposal.account {
            return Some(Difference {
                worker: now.worker,
                name: now.name,
                attribute: None,
                message: "the worker has another account now".into(),
            });
        }
        let is_new = |effect: &&Effect| !reviewed.effects.contains(effect);
        let new: Vec<&Effect> = now.effects.iter().filter(is_new).collect();
        let is_instead = |effect: &Effect| new.iter().any(|one| one.attribute() == effect.attribute());
        let stays = |effect: &Effect| now.effects.contains(effect) || is_instead(effect);
        let still = reviewed
            .effects
            .iter()
            .filter(|effect| stays(effect))
            .cloned()
            .collect();
        reviewed.effects = still;
        reviewed.difference(Some(&now))
    }

    /// Whether somebody who was not released has nothing that a person would have to read once everybody else was: nothing is to
    /// be done, or who seemed to have an account has one now, or is said to have none (`apart`).
    pub fn is_answered(&self, apart: bool, now: &Case) -> bool {
        let is_told = apart || now.proposal.account.is_some();
        now.proposal.effects.is_empty() || (self.is_double() && is_told)
    }

    pub fn is_double(&self) -> bool {
        self.has_finding(DOUBLE)
    }

    fn has_finding(&self, code: &str) -> bool {
        self.proposal.findings.iter().any(|finding| finding.code == code)
    }
}

/// What matters of an effect to whoever has reviewed it.
fn essence(effect: &Effect) -> Effect {
    match effect {
        Effect::Create {
            container, enabled, ..
        } => Effect::Create {
            values: BTreeMap::new(),
            container: container.clone(),
            enabled: *enabled,
            password: Default::default(),
        },
        other => other.clone(),
    }
}

/// Somebody whom a line of the report is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The worker's source anchor.
    pub worker: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The account's readable address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How many people a line of the report is about, and some of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Line {
    pub count: u64,
    pub samples: Vec<Sample>,
}

/// What becomes of one attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Touched {
    /// It was empty.
    pub filled: Line,
    pub overwritten: Line,
    pub cleared: Line,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    pub from: String,
    pub to: String,
    #[serde(flatten)]
    pub line: Line,
}

/// What releasing everybody would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many workers stand in each way.
    pub withheld: u64,
    pub released: u64,
    pub done: u64,
    /// Workers whose account was found, by the attribute that found it.
    pub matched: BTreeMap<String, u64>,
    /// Workers without an account whom HR wants to have one that is enabled, and those whom it does not.
    pub unmatched_active: Line,
    pub unmatched_inactive: Line,
    pub disputed: Line,
    pub claimed: Line,
    /// Workers who seem to have an account that matching does not find: nothing is made for them.
    pub possible_existing_accounts: Line,
    pub out_of_scope: u64,
    /// Of everything else that is wrong, by code.
    pub findings: BTreeMap<String, Line>,
    pub creates: Line,
    pub enables: Line,
    pub disables: Line,
    pub deletes: Line,
    pub renames: Line,
    /// The most frequent first.
    pub moves: Vec<Moved>,
    /// Moves between other containers than those.
    pub other_moves: u64,
    pub attributes: BTreeMap<String, Touched>,
    /// People whose account is as HR wants it.
    pub nothing_to_do: u64,
}

impl Line {
    fn add(&mut self, sample: impl FnOnce() -> Sample) {
        self.count += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(sample());
        }
    }
}

impl Report {
    /// Takes one worker in; `names` are the attributes by which accounts are known. Of who was served already only the number
    /// counts.
    pub fn add(&mut self, standing: Standing, case: &Case, names: &[&str]) {
        match standing {
            Standing::Withheld => self.withheld += 1,
            Standing::Released => self.released += 1,
            Standing::Done => {
                self.done += 1;
                return;
            }
        }
        let proposal = &case.proposal;
        let sample = || sample(proposal);
        match (proposal.situation.as_str(), case.wanted) {
            _ if !case.in_scope => self.out_of_scope += 1,
            ("linked", _) => *self.matched.entry("link".into()).or_default() += 1,
            ("unlinked", _) => {
                let by = case.matched_by.clone().unwrap_or_default();
                *self.matched.entry(by).or_default() += 1;
            }
            ("unmatched", Some(false)) => self.unmatched_inactive.add(sample),
            ("unmatched", _) => self.unmatched_active.add(sample),
            ("disputed", _) => self.disputed.add(|| because(sample(), proposal)),
            ("claimed", _) => self.claimed.add(|| because(sample(), proposal)),
            _ => {}
        }
        for finding in &proposal.findings {
            let explained = || Sample {
                reason: Some(finding.message.clone()),
                ..sample()
            };
            match finding.code.as_ref() {
                DOUBLE => self.possible_existing_accounts.add(explained),
                "DuplicateTargetEntries" | "DuplicateSourceEntries" => {}
                code => self.findings.entry(code.to_string()).or_default().add(explained),
            }
        }
        if proposal.effects.is_empty() && proposal.findings.is_empty() {
            self.nothing_to_do += 1;
        }
        for effect in &proposal.effects {
            self.count(effect, proposal, names);
        }
    }

    fn count(&mut self, effect: &Effect, proposal: &Proposal, names: &[&str]) {
        let sample = |before: Option<String>, after: Option<String>| Sample {
            before,
            after,
            ..sample(proposal)
        };
        let plain = || sample(None, None);
        match effect {
            Effect::Create { container, .. } => self.creates.add(|| sample(None, container.clone())),
            Effect::Enable | Effect::Restore => self.enables.add(plain),
            Effect::Disable => self.disables.add(plain),
            Effect::Delete => self.deletes.add(plain),
            Effect::Password { .. } => {}
            Effect::Rename { before, after } => self
                .renames
                .add(|| sample(Some(before.clone()), Some(after.clone()))),
            Effect::Move { before, after } => {
                let same = |it: &Moved| it.from == *before && it.to == *after;
                let line = || sample(Some(before.clone()), Some(after.clone()));
                let place = match self.moves.iter().position(same) {
                    None if self.moves.len() >= MOVES => {
                        self.other_moves += 1;
                        return;
                    }
                    None => {
                        self.moves.push(Moved {
                            from: before.clone(),
                            to: after.clone(),
                            line: Line::default(),
                        });
                        self.moves.len() - 1
                    }
                    Some(place) => place,
                };
                self.moves[place].line.add(line);
            }
            Effect::Set {
                attribute,
                before,
                after,
            } => {
                let line = || sample(joined(before), joined(after));
                if !before.is_empty() && names.contains(&attribute.as_str()) {
                    self.renames.add(line);
                }
                self.touched(attribute, before.is_empty(), after.is_empty())
                    .add(line);
            }
            Effect::Refer {
                attribute,
                before,
                after,
            } => {
                let text = |one: &Option<super::account::Anchor>| one.as_ref().map(ToString::to_string);
                let line = || sample(text(before), text(after));
                self.touched(attribute, before.is_none(), after.is_none())
                    .add(line);
            }
        }
    }

    fn touched(&mut self, attribute: &str, was_empty: bool, will_be_empty: bool) -> &mut Line {
        let touched = self.attributes.entry(attribute.to_string()).or_default();
        match (was_empty, will_be_empty) {
            (true, _) => &mut touched.filled,
            (false, true) => &mut touched.cleared,
            (false, false) => &mut touched.overwritten,
        }
    }

    /// Puts what concerns most people first.
    pub fn finish(mut self) -> Report {
        self.moves
            .sort_by_key(|moved| std::cmp::Reverse(moved.line.count));
        self
    }
}

fn sample(proposal: &Proposal) -> Sample {
    Sample {
        worker: proposal.worker.clone(),
        name: proposal.name.clone(),
        account: proposal.address.clone(),
        before: None,
        after: None,
        reason: None,
    }
}

/// With what is wrong, where something is.
fn because(sample: Sample, proposal: &Proposal) -> Sample {
    let first = proposal.findings.first();
    Sample {
        reason: first.map(|finding| finding.message.clone()),
        ..sample
    }
}

fn joined(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Anchor;
    use crate::domain::finding::{Finding, Weight};

    fn case(worker: &str, effects: Vec<Effect>) -> Case {
        Case {
            proposal: Proposal {
                worker: worker.into(),
                name: Some("Ada".into()),
                situation: "unlinked".into(),
                account: Some(Anchor(worker.into())),
                address: Some(format!("CN={worker}")),
                effects,
                held: Vec::new(),
                findings: Vec::new(),
                pending: Vec::new(),
                inputs: BTreeMap::new(),
            },
            matched_by: Some("employeeID".into()),
            wanted: Some(true),
            in_scope: true,
        }
    }

    fn set(before: &[&str], after: &[&str]) -> Effect {
        let texts = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        Effect::Set {
            attribute: "title".into(),
            before: texts(before),
            after: texts(after),
        }
    }

    fn create(name: &str, enabled: bool) -> Effect {
        Effect::Create {
            values: BTreeMap::from([("displayName".to_string(), vec![name.to_string()])]),
            container: Some("OU=Staff".into()),
            enabled,
            password: Default::default(),
        }
    }

    /// Of somebody who has no account.
    fn anew(mut case: Case) -> Case {
        case.proposal.situation = "unmatched".into();
        (case.proposal.account, case.proposal.address) = (None, None);
        case
    }

    #[test]
    fn b9_nothing_that_was_not_read_is_done() {
        let reviewed = case("1", vec![set(&["Clerk"], &["Judge"])]);
        assert_eq!(reviewed.unreviewed(&reviewed), None);
        for (now, attribute) in [
            (vec![set(&["Usher"], &["Judge"])], Some("title")),
            (vec![set(&["Clerk"], &["Judge"]), Effect::Enable], Some("enabled")),
            (
                vec![
                    set(&["Clerk"], &["Judge"]),
                    Effect::Move {
                        before: "OU=A".into(),
                        after: "OU=B".into(),
                    },
                ],
                Some("container"),
            ),
        ] {
            let difference = reviewed.unreviewed(&case("1", now.clone())).unwrap();
            assert_eq!(difference.attribute.as_deref(), attribute, "{now:?}");
        }
        let disabled = case("1", vec![Effect::Disable, set(&["Clerk"], &["Judge"])]);
        for less in [vec![Effect::Disable], vec![set(&["Clerk"], &["Judge"])], vec![]] {
            assert_eq!(disabled.unreviewed(&case("1", less)), None, "less is no news");
        }
        let more = case("1", vec![Effect::Disable, set(&["Usher"], &["Judge"])]);
        let difference = disabled.unreviewed(&more).unwrap();
        assert_eq!(difference.message, "it was 'Clerk', and is 'Usher' now");
        let mut other = case("1", vec![Effect::Disable]);
        other.proposal.account = Some(Anchor("2".into()));
        assert!(disabled.unreviewed(&other).is_some());
        other.proposal.effects.clear();
        assert!(case("1", vec![]).unreviewed(&other).is_some(), "another account");
        let made = anew(case("2", vec![create("Ben", false)]));
        let again = |name, enabled| anew(case("2", vec![create(name, enabled)]));
        assert_eq!(made.unreviewed(&again("Benjamin", false)), None);
        assert!(made.unreviewed(&again("Ben", true)).is_some());
        assert!(
            made.unreviewed(&case("2", Vec::new())).is_some(),
            "somebody made it"
        );
    }

    #[test]
    fn b9_who_seemed_to_have_an_account_waits_for_an_answer_alone() {
        let double = || {
            let mut double = anew(case("1", Vec::new()));
            let finding = Finding::new(Weight::Failure, DOUBLE, "CN=Ada");
            double.proposal.findings.push(finding);
            double
        };
        let made = anew(case("1", vec![create("Ada", true)]));
        let joined = case("1", vec![set(&["Clerk"], &["Judge"])]);
        assert_eq!(double().unreviewed(&made), None, "released by name");
        assert!(double().unreviewed(&joined).is_some());
        assert!(!double().is_answered(false, &made));
        assert!(double().is_answered(true, &made));
        assert!(double().is_answered(false, &joined));
        let read = case("1", vec![set(&["Clerk"], &["Judge"])]);
        assert!(!read.is_answered(true, &case("1", vec![set(&["Queen"], &["Judge"])])));
        assert!(read.is_answered(false, &case("1", Vec::new())), "mended by hand");
    }

    #[test]
    fn the_report_counts_each_attribute_by_what_becomes_of_it() {
        let mut report = Report::default();
        for (worker, effects) in [
            ("1", vec![set(&[], &["Judge"])]),
            ("2", vec![set(&["Clerk"], &["Judge"]), Effect::Disable]),
            ("3", vec![set(&["Clerk"], &[])]),
            ("4", vec![]),
        ] {
            report.add(Standing::Withheld, &case(worker, effects), &["mail"]);
        }
        let mut double = case("5", Vec::new());
        double.proposal.situation = "unmatched".into();
        double
            .proposal
            .findings
            .push(Finding::new(Weight::Failure, DOUBLE, "CN=Ada"));
        report.add(Standing::Withheld, &double, &["mail"]);
        report.add(Standing::Done, &double, &["mail"]);
        let report = report.finish();
        let title = &report.attributes["title"];
        assert_eq!(
            (
                title.filled.count,
                title.overwritten.count,
                title.cleared.count,
                report.disables.count,
                report.nothing_to_do,
                report.possible_existing_accounts.count,
                report.unmatched_active.count,
                report.withheld,
                report.done,
            ),
            (1, 1, 1, 1, 1, 1, 1, 5, 1)
        );
        assert_eq!(report.matched, BTreeMap::from([("employeeID".into(), 4)]));
        let sample = &title.overwritten.samples[0];
        assert_eq!(
            (
                sample.worker.as_str(),
                sample.before.as_deref(),
                sample.after.as_deref()
            ),
            ("2", Some("Clerk"), Some("Judge"))
        );
    }
}
