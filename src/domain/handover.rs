//! How the first password of an account comes to its person (B29): drawn anew when the work begins, sealed for whoever hands it
//! over, and drawn once more, for nobody, if that one could not be reached.

use jiff::Timestamp;
use secrecy::SecretString;

/// How far that is with one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover {
    pub state: State,
    pub since: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The account has a password that nobody knows.
    Due,
    /// The sealed password is on its way.
    Sent,
    /// Nobody took it.
    Lost,
    /// Nobody took it, and the account has another that nobody knows.
    Reset,
}

const NAMES: [(State, &str); 4] = [
    (State::Due, "due"),
    (State::Sent, "sent"),
    (State::Lost, "lost"),
    (State::Reset, "reset"),
];

impl State {
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("", |(_, name)| name)
    }

    /// What is none of them counts as lost: then the account gets a password that nobody knows.
    pub fn parse(text: &str) -> State {
        NAMES
            .iter()
            .find(|(_, name)| *name == text)
            .map_or(State::Lost, |(state, _)| *state)
    }
}

/// A password that was drawn ahead of the write, and the same sealed. It is in no plan, receipt or print, and no part of what a
/// change is.
#[derive(Clone)]
pub struct Drawn {
    pub password: SecretString,
    pub sealed: String,
}

impl PartialEq for Drawn {
    fn eq(&self, _: &Drawn) -> bool {
        true
    }
}

impl Eq for Drawn {}

impl std::fmt::Debug for Drawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Drawn")
    }
}
