//! The service itself: reads a call, lets the script of faults, the limit and the credentials have their say, and
//! carries out the operation.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::access::{Access, Keys};
use super::answer;
use super::fault::Fault;
use super::life::Life;
use super::query;
use super::reply::Reply;
use super::settings::Settings;
use super::soap::{self, Envelope};
use super::spoil::Spoil;
use super::tenant::Tenant;
use super::version::{self, Version};
use super::{account, contact};
use crate::lab::controls::Controls;
use crate::lab::faults::Action;

pub struct Service {
    pub controls: Arc<Controls>,
    pub keys: Keys,
    state: RwLock<State>,
    desk: Mutex<Desk>,
}

/// What answers are made from; many read it at once.
pub struct State {
    pub tenant: Tenant,
    pub settings: Settings,
    pub life: Life,
}

/// What every call changes, for a moment.
#[derive(Default)]
pub struct Desk {
    pub access: Access,
    /// Answers by kind of call and status; 0 is a connection cut.
    pub answers: BTreeMap<String, BTreeMap<u16, u64>>,
    pub requests: VecDeque<Received>,
}

/// A request that came in, without its password.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    pub kind: &'static str,
    pub path: String,
    pub body: String,
}

/// So many of them are kept, none longer than this.
const KEPT: usize = 100;
const LONGEST_KEPT: usize = 64 << 10;

/// A call as it came in.
pub struct Call {
    pub method: String,
    pub path: String,
    pub authorization: Option<String>,
    pub body: Vec<u8>,
}

pub enum Outcome {
    Reply(Reply),
    Cut,
}

/// Operations by the element that asks for them, the first version that has it, and whether `Staffing` has it too.
#[rustfmt::skip]
const OPERATIONS: &[(&str, &str, Version, bool)] = &[
    ("Get_Workers_Request", GET_WORKERS, Version(10, 0), true),
    ("Change_Work_Contact_Information_Request", CHANGE_CONTACT, Version(30, 0), false),
    ("Get_Change_Work_Contact_Information_Request", GET_CONTACT, Version(30, 0), false),
    ("Workday_Account_for_Worker_Update", UPDATE_ACCOUNT, Version(10, 0), false),
];

const GET_WORKERS: &str = "Get_Workers";
const CHANGE_CONTACT: &str = "Change_Work_Contact_Information";
const GET_CONTACT: &str = "Get_Change_Work_Contact_Information";
const UPDATE_ACCOUNT: &str = "Update_Workday_Account";
const TOKEN: &str = "token";
const UNKNOWN: &str = "unknown";

/// Every kind of call, as faults name it.
pub fn kinds() -> Vec<&'static str> {
    let operations = OPERATIONS.iter().map(|(_, kind, ..)| *kind);
    [TOKEN].into_iter().chain(operations).chain([UNKNOWN]).collect()
}

/// Where a call goes.
enum Address<'c> {
    Token {
        tenant: &'c str,
    },
    Service {
        tenant: &'c str,
        service: &'c str,
        version: Option<&'c str>,
    },
    Nowhere,
}

impl Call {
    fn address(&self) -> Address<'_> {
        let segments: Vec<&str> = self
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        match segments.as_slice() {
            _ if self.method != "POST" => Address::Nowhere,
            ["ccx", "oauth2", tenant, "token"] => Address::Token { tenant },
            ["ccx", "service", tenant] => Address::Service {
                tenant,
                service: HUMAN_RESOURCES,
                version: None,
            },
            ["ccx", "service", tenant, service] => Address::Service {
                tenant,
                service,
                version: None,
            },
            ["ccx", "service", tenant, service, version] => Address::Service {
                tenant,
                service,
                version: Some(version),
            },
            _ => Address::Nowhere,
        }
    }
}

const HUMAN_RESOURCES: &str = "Human_Resources";
const STAFFING: &str = "Staffing";

impl Service {
    pub fn new(controls: Arc<Controls>, keys: Keys, state: State) -> Service {
        Service {
            controls,
            keys,
            state: RwLock::new(state),
            desk: Mutex::default(),
        }
    }

    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets happen in the company what is due.
    pub fn live(&self) -> Timestamp {
        let now = self.controls.now();
        let is_due = {
            let state = self.read();
            state.life.is_due(state.settings.news_per_day, now)
        };
        if !is_due {
            return now;
        }
        let mut state = self.write();
        let state = &mut *state;
        state
            .life
            .go_on(&mut state.tenant, state.settings.news_per_day, now);
        now
    }

    /// Answers a call; the second is how long the answer is to be held back.
    pub fn serve(&self, call: &Call) -> (Outcome, Duration) {
        let now = self.live();
        let latency = Duration::from_millis(self.read().settings.latency_ms);
        let text = String::from_utf8_lossy(&call.body);
        let (kind, (outcome, late)) = match call.address() {
            Address::Nowhere => {
                let reply = Reply::html(404, "Not Found");
                (UNKNOWN, self.with_faults(UNKNOWN, call, &text, |_| reply))
            }
            Address::Token { tenant } => {
                let work = |_| self.issue(call, &text, tenant, now);
                (TOKEN, self.with_faults(TOKEN, call, &text, work))
            }
            Address::Service {
                tenant,
                service,
                version,
            } => self.operate(call, &text, (tenant, service, version), now),
        };
        let status = match &outcome {
            Outcome::Reply(reply) => reply.status,
            Outcome::Cut => 0,
        };
        let mut desk = self.desk();
        *desk
            .answers
            .entry(kind.to_string())
            .or_default()
            .entry(status)
            .or_default() += 1;
        (outcome, latency + late)
    }

    fn operate(
        &self,
        call: &Call,
        text: &str,
        (tenant, service, version): (&str, &str, Option<&str>),
        now: Timestamp,
    ) -> (&'static str, (Outcome, Duration)) {
        let parsed = soap::parse(text);
        let envelope = parsed
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|document| soap::envelope(document));
        let operation = envelope.as_ref().ok().and_then(|envelope| {
            let name = envelope.body.tag_name().name();
            OPERATIONS.iter().find(|(element, ..)| *element == name)
        });
        let kind = operation.map_or(UNKNOWN, |(_, kind, ..)| kind);
        self.keep(kind, call, text, envelope.as_ref().ok());
        let version = match version {
            None => Some(version::DEFAULT),
            Some(text) => Version::parse(text),
        };
        let offered = version.filter(|version| {
            operation.is_none_or(|(_, _, since, staffing)| {
                version >= since && (service == HUMAN_RESOURCES || (service == STAFFING && *staffing))
            })
        });
        let known_service = [HUMAN_RESOURCES, STAFFING].contains(&service);
        let work = |spoil: Option<Spoil>| {
            let Some(version) = offered.filter(|_| known_service) else {
                return Reply::fault(&Fault::Version);
            };
            let left = match self.admit(call, envelope.as_ref().ok(), tenant, now) {
                Ok(left) => left,
                Err(reply) => return reply,
            };
            let done = envelope.and_then(|envelope| match operation {
                None => Err(Fault::Element {
                    name: envelope.body.tag_name().name().to_string(),
                }),
                Some(_) => self.carry_out(kind, &envelope, version, now, spoil),
            });
            let reply = match done {
                Ok(message) => Reply::done(message),
                Err(fault) => Reply::fault(&fault),
            };
            reply.with("WD-RateLimit-Tokens-Remaining", left)
        };
        (kind, self.with_faults(kind, call, text, work))
    }

    /// Whether the caller may come in: within the limit, and somebody.
    fn admit(
        &self,
        call: &Call,
        envelope: Option<&Envelope>,
        tenant: &str,
        now: Timestamp,
    ) -> Result<u32, Reply> {
        let settings = self.read().settings.clone();
        let mut desk = self.desk();
        let left = desk
            .access
            .take_call(&settings)
            .map_err(|wait| Reply::html(429, "Too Many Requests").with("Retry-After", wait))?;
        let bearer = call
            .authorization
            .as_deref()
            .and_then(|value| value.split_once(' '));
        if let Some((_, token)) = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
            return match desk.access.check_token(token.trim(), tenant, &self.keys, now) {
                true => Ok(left),
                false => Err(Reply::json(401, &json!({"error": "invalid_token"}))
                    .with("WWW-Authenticate", "Bearer error=\"invalid_token\"")),
            };
        }
        let given = envelope.and_then(|envelope| envelope.credentials.as_ref());
        let mut after = settings.clone();
        let is_known = desk.access.check_password(given, tenant, &self.keys, &mut after);
        // Whoever has both locks took the other one first.
        drop(desk);
        if after != settings {
            // The account was locked by this, or its password is a call nearer to its end.
            self.write().settings = after;
        }
        match is_known {
            true => Ok(left),
            false => Err(Reply::fault(&Fault::Authentication).with("WD-RateLimit-Tokens-Remaining", left)),
        }
    }

    fn carry_out(
        &self,
        kind: &str,
        envelope: &Envelope,
        version: Version,
        now: Timestamp,
        spoil: Option<Spoil>,
    ) -> Result<String, Fault> {
        let request = envelope.body;
        match kind {
            CHANGE_CONTACT | UPDATE_ACCOUNT => {
                let mut state = self.write();
                let State { tenant, settings, .. } = &mut *state;
                match kind {
                    CHANGE_CONTACT => contact::change(tenant, settings, request, version, now),
                    _ => account::update(tenant, settings, request, now),
                }
            }
            GET_CONTACT => {
                let state = self.read();
                contact::get(&state.tenant, &state.settings, request, version, now)
            }
            _ => {
                let state = self.read();
                let State { tenant, settings, .. } = &*state;
                let query = query::read(request, tenant, now)?;
                let labels = envelope.descriptors;
                Ok(answer::get_workers(
                    tenant, settings, &query, version, labels, now, spoil,
                ))
            }
        }
    }

    /// Does the work unless the script says otherwise.
    fn with_faults(
        &self,
        kind: &str,
        call: &Call,
        text: &str,
        work: impl FnOnce(Option<Spoil>) -> Reply,
    ) -> (Outcome, Duration) {
        let subject = format!("{} {text}", call.path);
        let at_once = Duration::ZERO;
        let failure = |code, retry_after, message| Reply::failure(kind == TOKEN, code, retry_after, message);
        match self.controls.faults.strike(kind, &subject) {
            None => (Outcome::Reply(work(None)), at_once),
            Some(Action::Slow { milliseconds }) => {
                (Outcome::Reply(work(None)), Duration::from_millis(milliseconds))
            }
            Some(Action::Answer {
                code,
                retry_after,
                message,
            }) => (Outcome::Reply(failure(code, retry_after, message)), at_once),
            Some(Action::AnswerAfter {
                code,
                retry_after,
                message,
            }) => {
                work(None);
                (Outcome::Reply(failure(code, retry_after, message)), at_once)
            }
            Some(Action::Cut) => (Outcome::Cut, at_once),
            Some(Action::CutAfter) => {
                work(None);
                (Outcome::Cut, at_once)
            }
            Some(Action::Html) => (
                Outcome::Reply(Reply::html(200, "Please sign in to the proxy")),
                at_once,
            ),
            Some(Action::Spoil(name)) => {
                let spoil = Spoil::named(&name);
                let mut reply = work(spoil);
                match spoil {
                    Some(Spoil::Truncated) => reply.truncate(),
                    Some(Spoil::CutInTheMiddle) => reply.breaks = true,
                    _ => {}
                }
                (Outcome::Reply(reply), at_once)
            }
        }
    }

    fn issue(&self, call: &Call, form: &str, tenant: &str, now: Timestamp) -> Reply {
        let lifetime = self.read().settings.token_lifetime_s;
        let authorization = call.authorization.as_deref();
        let mut desk = self.desk();
        let (status, body) = desk
            .access
            .issue(form, authorization, tenant, &self.keys, lifetime, now);
        Reply::json(status, &body).with("Cache-Control", "no-store")
    }

    fn keep(&self, kind: &'static str, call: &Call, text: &str, envelope: Option<&Envelope>) {
        let mut body: String = text.chars().take(LONGEST_KEPT).collect();
        if let Some((_, password)) = envelope.and_then(|envelope| envelope.credentials.as_ref())
            && !password.is_empty()
        {
            body = body
                .replace(&super::xml::escape(password), "***")
                .replace(password, "***");
        }
        let mut desk = self.desk();
        if desk.requests.len() >= KEPT {
            desk.requests.pop_front();
        }
        desk.requests.push_back(Received {
            kind,
            path: call.path.clone(),
            body,
        });
    }
}
