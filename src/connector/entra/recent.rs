//! Users made or brought back a moment ago. Not every one of Entra's replicas knows of them at once: a read by id may
//! say that there is no such user, which for these is no answer.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::account::Anchor;
use crate::error::Error;

/// By then everybody knows.
const SPREADS_IN: Duration = Duration::from_secs(60);

/// How soon somebody whom not everybody knows yet is worth another try.
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Recent(Mutex<Made>);

#[derive(Default)]
struct Made {
    users: HashSet<Anchor>,
    since: VecDeque<(Instant, Anchor)>,
}

impl Recent {
    pub fn appeared(&self, user: Anchor) {
        let (now, mut made) = (Instant::now(), self.made(Instant::now()));
        made.since.push_back((now, user.clone()));
        made.users.insert(user);
    }

    /// We deleted it: that it is not there is an answer now.
    pub fn ended(&self, user: &Anchor) {
        self.made(Instant::now()).users.remove(user);
    }

    pub fn knows(&self, user: &str) -> bool {
        self.made(Instant::now())
            .users
            .contains(&Anchor(user.to_string()))
    }

    fn made(&self, now: Instant) -> MutexGuard<'_, Made> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |(since, _): &&(Instant, Anchor)| now.duration_since(*since) > SPREADS_IN;
        let old = made.since.iter().take_while(known).count();
        for (_, user) in made.since.drain(..old).collect::<Vec<_>>() {
            made.users.remove(&user);
        }
        made
    }
}

/// What is meant by "no such user" of somebody who is new.
pub(super) fn not_known_yet() -> Error {
    Error::unavailable("not all of Entra ID knows the new user yet").retry_after(AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_new_for_a_while() {
        let recent = Recent::default();
        recent.appeared(Anchor("a".into()));
        recent.appeared(Anchor("b".into()));
        recent.ended(&Anchor("b".into()));
        assert!(recent.knows("a") && !recent.knows("b") && !recent.knows("c"));
        drop(recent.made(Instant::now() + SPREADS_IN + AGAIN));
        assert!(!recent.knows("a"));
    }
}
