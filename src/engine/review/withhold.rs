//! What of a worker's plan waits for a person, and what goes on (B9).

use crate::domain::plan::{Effect, Planned};
use crate::domain::policy::Policy;
use crate::domain::review::{Case, Gate, HELD, PLANNED, Standing};
use crate::engine::subject::Subject;
use crate::store::reviews::Review;

const WAITS: &str = "the first cycle waits until a person has read what it would do: `muster review` shows it, and `muster release` lets it go on";
const LEFT: &str = "it was not released when the review ended: `muster review` shows what would be done, and `muster release --worker` lets it go on";
const ONLY_PLANS: &str = "this app only plans (mode = \"plan\"): nothing is written";

/// What is planned for a worker and not done.
#[derive(Clone, Debug)]
pub struct Withheld {
    pub case: Case,
    pub apart: bool,
    /// The log's code, and why.
    pub code: &'static str,
    pub reason: String,
    /// It is something else than what the look before found.
    pub is_news: bool,
    /// The account was found just now, so that others can be pointed at it.
    pub appears: bool,
}

/// What becomes of a plan.
enum Verdict {
    /// It goes the usual way.
    Goes,
    /// A person has read exactly this.
    Read,
    /// With the log's code, and why.
    Waits(&'static str, String),
}

/// Takes out of a worker's plan what nobody has released.
pub fn withhold(policy: &Policy, gate: Gate, subject: &mut Subject) {
    (subject.withheld, subject.rest, subject.reviewed) = (None, None, false);
    let Some(planned) = &mut subject.planned else {
        return;
    };
    if subject.speaker.is_some() {
        return;
    }
    let before = subject.review.as_ref();
    if goes_unread(gate, before) {
        return;
    }
    let is_under_way = subject.earlier.is_some() || !subject.unknown.is_empty();
    let mut case = Case::of(policy, &subject.worker, planned);
    let (code, reason) = match verdict(gate, before, &case, is_under_way) {
        Verdict::Goes => return,
        Verdict::Read => return subject.reviewed = true,
        Verdict::Waits(code, reason) => (code, reason),
    };
    let leaving = match gate {
        Gate::Open => leaving(planned),
        _ => Vec::new(),
    };
    let goes_on = !leaving.is_empty() || (gate == Gate::Open && is_under_way);
    case.proposal.effects.retain(|effect| !leaving.contains(effect));
    planned.change.effects = leaving;
    let known = before.map(|review| &review.case);
    let account = &case.proposal.account;
    let withheld = Withheld {
        is_news: known.is_none_or(|known| known.proposal.effects != case.proposal.effects),
        appears: account.is_some() && known.is_none_or(|known| known.proposal.account != *account),
        apart: before.is_some_and(|review| review.apart),
        code,
        reason,
        case,
    };
    match goes_on {
        false => subject.withheld = Some(withheld),
        true => subject.rest = Some(withheld).filter(|rest| !rest.case.proposal.effects.is_empty()),
    }
}

/// Whether no review has a say in what is planned, whatever it is.
fn goes_unread(gate: Gate, review: Option<&Review>) -> bool {
    match (gate, review) {
        (Gate::ByHand { .. }, _) | (Gate::Open, None) => true,
        (Gate::Shadow, _) => false,
        (_, review) => review.is_some_and(|review| review.standing == Standing::Done),
    }
}

fn verdict(gate: Gate, review: Option<&Review>, now: &Case, is_under_way: bool) -> Verdict {
    match (gate, review) {
        (Gate::Shadow, _) => Verdict::Waits(PLANNED, ONLY_PLANS.into()),
        (_, Some(review)) if review.standing == Standing::Released => {
            match review.case.unreviewed(now).filter(|_| !is_under_way) {
                None => Verdict::Read,
                Some(unread) => {
                    let attribute = unread.attribute.as_deref().unwrap_or("account");
                    let reason = format!(
                        "it is not what was released any more ({attribute}: {}): read it again",
                        unread.message
                    );
                    Verdict::Waits(HELD, reason)
                }
            }
        }
        (Gate::Open, Some(review)) if review.case.is_answered(review.apart, now) => Verdict::Goes,
        (Gate::Open, _) => Verdict::Waits(HELD, LEFT.into()),
        _ => Verdict::Waits(HELD, WAITS.into()),
    }
}

/// What takes somebody's account away who has left: a review that is over holds no leaver (B13).
fn leaving(planned: &Planned) -> Vec<Effect> {
    let account = planned.situation.account();
    let is_enabled = account.is_some_and(|account| account.enabled == Some(true));
    let leaves = |effect: &&Effect| match effect {
        Effect::Disable => true,
        Effect::Delete => is_enabled,
        _ => false,
    };
    planned.change.effects.iter().filter(leaves).cloned().collect()
}
