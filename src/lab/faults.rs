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
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum Action {
    /// An answer with this HTTP status, or this LDAP result code, and nothing done.
    Answer {
        code: u32,
        /// Seconds, for 429 and 503.
        #[serde(default, alias = "retry_after", skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
        /// The message or diagnostic text; the simulator's own for this code when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// As `answer`, after the call did what it was asked to do.
    AnswerAfter {
        code: u32,
        #[serde(default, alias = "retry_after", skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The connection is cut, and nothing done.
    Cut,
    /// The connection is cut after the call did what it was asked to do.
    CutAfter,
    /// The call does its work at once, and its answer comes this much later.
    Slow { milliseconds: u64 },
    /// A page of HTML, as proxies send; HTTP only.
    Html,
    /// The call does its work, and its answer is wrong in a way that the simulator has a name for.
    Spoil(String),
}

/// What can go wrong with a simulator.
pub struct Repertoire {
    /// The kinds of calls.
    pub kinds: Vec<&'static str>,
    /// Those among them that have no answer: they are cut or slow.
    pub mute: &'static [&'static str],
    /// Whether it answers with this code.
    pub says: fn(u32) -> bool,
    /// In words, for whoever asked for another.
    pub codes: &'static str,
    /// Whether a page of HTML can come instead of an answer.
    pub has_html: bool,
    /// Names of the ways in which answers can be wrong.
    pub spoils: &'static [&'static str],
}

impl Repertoire {
    /// Refuses what would never strike, or not as it was meant.
    pub fn check(&self, faults: &[Fault]) -> Result<(), String> {
        faults.iter().try_for_each(|fault| self.check_one(fault))
    }

    fn check_one(&self, fault: &Fault) -> Result<(), String> {
        let on = &fault.on;
        if on != "*" && !self.kinds.iter().any(|kind| kind.eq_ignore_ascii_case(on)) {
            return Err(format!(
                "no call is a `{on}`; there are: *, {}",
                self.kinds.join(", ")
            ));
        }
        let is_mute = self.mute.iter().any(|kind| kind.eq_ignore_ascii_case(on));
        match &fault.action {
            Action::Cut | Action::Slow { .. } => Ok(()),
            _ if is_mute => Err(format!("a `{on}` has no answer; there are: cut, slow")),
            Action::Answer { code, .. } | Action::AnswerAfter { code, .. } if !(self.says)(*code) => {
                Err(format!("{code} is no code of an answer here; there are: {}", self.codes))
            }
            Action::Html if !self.has_html => Err(
                "there is no page of HTML to answer with; there are: answer, answer-after, cut, cut-after, slow"
                    .to_string(),
            ),
            Action::Spoil(name) if !self.spoils.contains(&name.as_str()) => Err(match self.spoils {
                [] => "answers cannot be spoilt here".to_string(),
                known => format!("no answer is spoilt by `{name}`; there are: {}", known.join(", ")),
            }),
            _ => Ok(()),
        }
    }
}

/// The script in force, and how far it is.
#[derive(Default)]
pub struct Script(Mutex<Vec<(Fault, u64)>>);

impl Script {
    /// Whether the simulator can do these is asked by `Controls::script`.
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

    #[test]
    fn rules_are_read_strictly() {
        let read =
            |action: &str| serde_json::from_str::<Fault>(&format!(r#"{{"on": "add", "do": {action}}}"#));
        for name in ["retry-after", "retry_after"] {
            for action in ["answer", "answer-after"] {
                let text = format!(r#"{{"{action}": {{"code": 429, "{name}": 7, "message": "Wait."}}}}"#);
                let (Action::Answer {
                    retry_after, message, ..
                }
                | Action::AnswerAfter {
                    retry_after, message, ..
                }) = read(&text).unwrap().action
                else {
                    panic!("{text}")
                };
                assert_eq!(
                    (retry_after, message.as_deref()),
                    (Some(7), Some("Wait.")),
                    "{text}"
                );
            }
        }
        for wrong in [
            r#"{"answer": {"code": 429, "retryAfter": 7}}"#,
            r#"{"answer-after": {"code": 429, "after": 7}}"#,
            r#"{"slow": {"milliseconds": 7, "seconds": 1}}"#,
            r#"{"slow": {}}"#,
            r#""explode""#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rule_that_could_not_strike_is_refused_with_what_could() {
        let repertoire = Repertoire {
            kinds: vec!["add", "bind", "connect"],
            mute: &["connect"],
            says: |code| code < 100,
            codes: "0 to 99",
            has_html: false,
            spoils: &["late"],
        };
        let check = |rule: &str| repertoire.check(&[serde_json::from_str(rule).unwrap()]);
        assert_eq!(check(r#"{"on": "ADD", "do": {"answer": {"code": 51}}}"#), Ok(()));
        assert_eq!(check(r#"{"on": "*", "do": "cut"}"#), Ok(()));
        for (rule, told) in [
            (r#"{"on": "ad", "do": "cut"}"#, "there are: *, add, bind, connect"),
            (
                r#"{"on": "add", "do": {"answer": {"code": 100}}}"#,
                "there are: 0 to 99",
            ),
            (
                r#"{"on": "add", "do": {"answer-after": {"code": 100}}}"#,
                "there are: 0 to 99",
            ),
            (r#"{"on": "add", "do": "html"}"#, "there are: answer, "),
            (r#"{"on": "Connect", "do": "cut-after"}"#, "there are: cut, slow"),
            (r#"{"on": "add", "do": {"spoil": "early"}}"#, "there are: late"),
        ] {
            assert!(check(rule).unwrap_err().contains(told), "{rule}");
        }
    }
}
