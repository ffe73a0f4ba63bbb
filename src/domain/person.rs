//! Several records of one person (B20): which of them speaks for the account.

use std::cmp::Reverse;

use jiff::Timestamp;
use jiff::civil::Date;

use super::link::Link;
use super::policy::Policy;
use super::worker::Worker;

/// Who speaks, and whose account that record takes over where it has none.
#[derive(Debug, PartialEq, Eq)]
pub struct Speaks<'r> {
    pub speaker: &'r str,
    pub inherits: Option<&'r Link>,
}

/// What one record has to say about the account, the greater the more.
type Claim<'r> = (Standing, Option<Date>, bool, Reverse<&'r str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It is not of this job, and has no account.
    Stranger,
    Inactive,
    /// It has an account, and nobody knows that the person has left: it is out of sight, out of the scope, or says nothing.
    MayBeActive,
    /// Active, in sight and in the scope of the job.
    Active,
}

/// The active record speaks, then the one hired later, then the one that has an account. One without an account gets that of the next best,
/// but an inactive one never that of a record of which nobody knows that it is inactive. A record with another account of its own goes its
/// own way.
pub fn speaks<'r>(
    policy: &Policy,
    records: &[(&'r Worker, Option<&'r Link>)],
    now: Timestamp,
) -> Option<Speaks<'r>> {
    let mut claims: Vec<(Claim<'r>, Option<&'r Link>)> = records
        .iter()
        .map(|(worker, link)| (claim(policy, worker, *link, now), *link))
        .collect();
    claims.sort_unstable_by_key(|(claim, _)| Reverse(*claim));
    let ((standing, _, has_account, Reverse(speaker)), _) = *claims.first()?;
    (standing != Standing::Stranger).then(|| Speaks {
        speaker,
        inherits: match has_account {
            true => None,
            false => claims.iter().find_map(|(_, link)| *link),
        },
    })
}

/// Whether a record takes the account that another job has for another record of the same person, as in a conversion: it is active,
/// in sight and in the scope of its own job, and that other record does not work any more.
pub fn succeeds(policy: &Policy, worker: &Worker, before: &Worker, now: Timestamp) -> bool {
    is_ours(policy, worker) && worker.is_active(now) == Some(true) && !before.works(now)
}

/// Whether a record has nothing to say about the account that another job has for another record of the same person: that one is
/// active, and this one is not.
pub fn gives_way(worker: &Worker, owner: &Worker, now: Timestamp) -> bool {
    let is_at_work = |one: &Worker| one.gone.is_none() && one.is_active(now) == Some(true);
    is_at_work(owner) && !is_at_work(worker)
}

fn is_ours(policy: &Policy, worker: &Worker) -> bool {
    worker.hidden.is_none() && worker.gone.is_none() && policy.schema.scope.lets_in(worker)
}

fn claim<'r>(policy: &Policy, worker: &'r Worker, link: Option<&Link>, now: Timestamp) -> Claim<'r> {
    let standing = match (worker.is_active(now), is_ours(policy, worker), link.is_some()) {
        (Some(true), true, _) => Standing::Active,
        (Some(true) | None, _, true) => Standing::MayBeActive,
        (_, false, false) => Standing::Stranger,
        _ => Standing::Inactive,
    };
    let hired = worker.employment.as_ref().and_then(|employment| employment.hired);
    (standing, hired, link.is_some(), Reverse(worker.anchor.as_str()))
}
