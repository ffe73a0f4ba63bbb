//! Faults by script: the n-th call of a kind goes wrong, in one of the ways in which calls go wrong.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Calls of one kind that are to fail. The first rule that fits a call and is not used up takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The kind of call, as the simulator names it: `POST /users`, `$batch`, `token`; `add`, `bind`. `*` for any.
    pub on: String,
    /// Only calls whose subject (address, DN, body) contains this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Fitting calls that go well first.
    #[serde(default)]
    pub skip: u64,
    /// Calls that fail after that; absent = all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    #[serde(rename = "do")]
    pub action: Action,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Action {
    /// An answer with this HTTP status, or this LDAP result code, and nothing done.
    Answer {
        code: u32,
        /// Seconds, for 429 and 503.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
        /// The message or diagnostic text; the simulator's own for this code when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// As `answer`, after the call did what it was asked to do.
    AnswerAfter { code: u32 },
    /// The connection is cut, and nothing done.
    Cut,
    /// The connection is cut after the call did what it was asked to do.
    CutAfter,
    /// The answer comes this much later.
    Slow { milliseconds: u64 },
    /// A page of HTML, as proxies send; HTTP only.
    Html,
}

/// The script in force, and how far it is.
#[derive(Default)]
pub struct Script(Mutex<Vec<(Fault, u64)>>);

impl Script {
    pub fn replace(&self, faults: Vec<Fault>) {
        *self.rules() = faults.into_iter().map(|fault| (fault, 0)).collect();
    }

    pub fn faults(&self) -> Vec<Fault> {
        self.rules().iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// What is to go wrong with this call, if anything; counts the call.
    pub fn strike(&self, kind: &str, subject: &str) -> Option<Action> {
        let mut rules = self.rules();
        for (fault, seen) in rules.iter_mut() {
            let fits = (fault.on == "*" || fault.on.eq_ignore_ascii_case(kind))
                && fault.about.as_deref().is_none_or(|text| subject.contains(text));
            let last = fault.times.map(|times| fault.skip.saturating_add(times));
            if !fits || last.is_some_and(|last| *seen >= last) {
                continue;
            }
            *seen += 1;
            if *seen > fault.skip {
                return Some(fault.action.clone());
            }
        }
        None
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<(Fault, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_takes_its_calls_and_no_others() {
        let script = Script::default();
        let rules = r#"[{"on": "add", "about": "ada", "skip": 1, "times": 2, "do": {"answer": {"code": 51}}},
                        {"on": "*", "do": "cut"}]"#;
        script.replace(serde_json::from_str(rules).unwrap());
        let strike = |kind, subject| script.strike(kind, subject).map(|action| action == Action::Cut);
        assert_eq!(strike("modify", "ada"), Some(true));
        assert_eq!(
            strike("add", "cn=ada"),
            Some(true),
            "the first rule lets the first one pass"
        );
        assert_eq!(strike("ADD", "cn=ada"), Some(false));
        assert_eq!(strike("add", "cn=ada"), Some(false));
        assert_eq!(strike("add", "cn=ada"), Some(true), "the first rule is used up");
    }
}
