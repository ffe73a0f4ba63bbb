//! The service itself: every call, alone or in a batch, passes the script of faults, the token, the budget, and
//! reaches what the table of routes says.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::desk::{Desk, Settings, Tenant};
use super::directory::Directory;
use super::exchange::{Answer, Call, Refusal};
use super::spoil::spoil;
use super::throttle::Throttle;
use super::token::{self, Tokens};
use super::{batch, deleted, delta, groups, manager, organization, users};
use crate::lab::controls::Controls;
use crate::lab::faults::Action;

/// One address, by the name that faults know it by.
struct Route {
    kind: &'static str,
    /// In resource units, before options make it cheaper or dearer.
    units: u32,
    answer: fn(&mut Desk, &Call) -> Result<Answer, Refusal>,
}

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    Route { kind: "GET /users",                       units: 2, answer: users::list },
    Route { kind: "POST /users",                      units: 1, answer: users::create },
    Route { kind: "GET /users/$count",                units: 2, answer: users::count },
    Route { kind: "GET /users/delta",                 units: 2, answer: delta::delta },
    Route { kind: "GET /users/{id}",                  units: 1, answer: users::get },
    Route { kind: "PATCH /users/{id}",                units: 1, answer: users::update },
    Route { kind: "DELETE /users/{id}",               units: 1, answer: users::delete },
    Route { kind: "GET /users/{id}/directReports",    units: 1, answer: users::reports },
    Route { kind: "GET /users/{id}/manager",          units: 1, answer: manager::get },
    Route { kind: "GET /users/{id}/manager/$ref",     units: 1, answer: manager::get_reference },
    Route { kind: "PUT /users/{id}/manager/$ref",     units: 1, answer: manager::assign },
    Route { kind: "DELETE /users/{id}/manager/$ref",  units: 1, answer: manager::remove },
    Route { kind: "GET /directory/deletedItems/microsoft.graph.user",        units: 1, answer: deleted::list },
    Route { kind: "GET /directory/deletedItems/microsoft.graph.user/$count", units: 1, answer: deleted::count },
    Route { kind: "GET /directory/deletedItems/{id}",          units: 1, answer: deleted::get },
    Route { kind: "POST /directory/deletedItems/{id}/restore", units: 1, answer: deleted::restore },
    Route { kind: "DELETE /directory/deletedItems/{id}",       units: 1, answer: deleted::purge },
    Route { kind: "GET /groups/{id}/transitiveMembers", units: 2, answer: groups::transitive_members },
    Route { kind: "GET /domains",                     units: 1, answer: organization::domains },
    Route { kind: "GET /domains/{id}",                units: 1, answer: organization::get_domain },
    Route { kind: "GET /organization",                units: 1, answer: organization::organization },
];

/// What becomes of a call.
pub enum Outcome {
    Answer(Answer),
    /// The connection is cut, and nobody hears anything.
    Cut,
}

pub struct Service {
    pub controls: Arc<Controls>,
    pub tenant: Tenant,
    pub seed: u64,
    state: Mutex<State>,
}

/// What changes while it runs.
#[derive(Default)]
pub struct State {
    pub directory: Directory,
    pub tokens: Tokens,
    pub throttle: Throttle,
    pub settings: Settings,
    /// Answers by kind of call and status.
    pub answers: BTreeMap<String, BTreeMap<u16, u64>>,
    pub batches: u64,
}

impl Service {
    pub fn new(controls: Arc<Controls>, tenant: Tenant, seed: u64, state: State) -> Service {
        Service {
            controls,
            tenant,
            seed,
            state: Mutex::new(state),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call as it comes from outside.
    pub async fn serve(&self, call: Call) -> Outcome {
        let latency = self.state().settings.latency_ms;
        if latency > 0 {
            tokio::time::sleep(Duration::from_millis(latency)).await;
        }
        if is_token(&call) {
            let issue = async || Outcome::Answer(self.issue(&call));
            return self.with_faults("token", &call, issue).await;
        }
        if is_batch(&call) {
            let answer = async || batch::answer(self, &call).await;
            return self.with_faults("$batch", &call, answer).await;
        }
        self.single(&call).await
    }

    /// A call to a resource: one from outside, or a part of a batch.
    pub async fn single(&self, call: &Call) -> Outcome {
        let route = find(call);
        let kind = route.as_ref().map_or(UNKNOWN, |route| route.kind);
        let answer = async move || {
            let answer = self.answer(route, call);
            Outcome::Answer(answer.unwrap_or_else(|refusal| refusal.answer(call, self.controls.now())))
        };
        self.with_faults(kind, call, answer).await
    }

    /// Does the work unless the script says otherwise.
    async fn with_faults(&self, kind: &str, call: &Call, work: impl AsyncFnOnce() -> Outcome) -> Outcome {
        let subject = format!("{} {}", call.address, String::from_utf8_lossy(&call.body));
        let outcome = match self.controls.faults.strike(kind, &subject) {
            None => work().await,
            Some(Action::Slow { milliseconds }) => {
                let outcome = work().await;
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                outcome
            }
            Some(Action::Answer {
                code,
                retry_after,
                message,
            }) => Outcome::Answer(self.failure(call, code, retry_after, message)),
            Some(Action::AnswerAfter {
                code,
                retry_after,
                message,
            }) => match work().await {
                Outcome::Answer(_) => Outcome::Answer(self.failure(call, code, retry_after, message)),
                Outcome::Cut => Outcome::Cut,
            },
            Some(Action::Cut) => Outcome::Cut,
            Some(Action::CutAfter) => {
                work().await;
                Outcome::Cut
            }
            Some(Action::Html) => Outcome::Answer(html(call)),
            Some(Action::Spoil(name)) => match work().await {
                Outcome::Answer(answer) => {
                    let address = format!("{}{}", call.root, call.address);
                    Outcome::Answer(spoil(&name, answer, &address))
                }
                Outcome::Cut => Outcome::Cut,
            },
        };
        let status = match &outcome {
            Outcome::Answer(answer) => answer.status,
            Outcome::Cut => 0,
        };
        self.count(kind, status);
        outcome
    }

    fn count(&self, kind: &str, status: u16) {
        let mut state = self.state();
        let answers = state.answers.entry(kind.to_string()).or_default();
        *answers.entry(status).or_default() += 1;
    }

    /// To a call whose body could not be read.
    pub fn refuse(&self, call: &Call, refusal: Refusal) -> Answer {
        self.count(kind(call), refusal.status);
        match is_token(call) {
            true => token::failure(call, refusal.status, Some(refusal.message), self.controls.now()),
            false => refusal.answer(call, self.controls.now()),
        }
    }

    fn answer(&self, route: Result<&Route, Refusal>, call: &Call) -> Result<Answer, Refusal> {
        let now = self.controls.now();
        let mut state = self.state();
        let state = &mut *state;
        state.tokens.check(call, now)?;
        // Strangers are not told what there is.
        let route = route?;
        state.directory.settle(now);
        let units = units(route, call);
        let scope = format!("{}/{}", self.tenant.client_id, self.tenant.id);
        let near = state.throttle.take(
            state.settings.throttle,
            state.directory.truth().live().len(),
            units,
            call.method != "GET",
            &scope,
        )?;
        let mut desk = Desk {
            directory: &mut state.directory,
            tenant: &self.tenant,
            settings: &state.settings,
            now,
        };
        let answer = match (route.answer)(&mut desk, call) {
            Ok(answer) => answer,
            Err(refusal) => refusal.answer(call, now),
        };
        let answer = answer.with("x-ms-resource-unit", units);
        Ok(match near {
            Some(share) => answer.with("x-ms-throttle-limit-percentage", format!("{share:.2}")),
            None => answer,
        })
    }

    fn issue(&self, call: &Call) -> Answer {
        let mut state = self.state();
        let state = &mut *state;
        let now = self.controls.now();
        state.tokens.issue(call, &self.tenant, &state.settings, now)
    }

    /// What a fault of the script says.
    fn failure(&self, call: &Call, code: u32, retry_after: Option<u64>, message: Option<String>) -> Answer {
        let status = u16::try_from(code).ok().filter(|code| CODES.contains(code));
        let status = status.unwrap_or(500);
        if is_token(call) {
            let answer = token::failure(call, status, message, self.controls.now());
            return match retry_after {
                Some(seconds) => answer.with("retry-after", seconds),
                None => answer,
            };
        }
        let known = FAILURES.iter().find(|(known, ..)| *known == status);
        let (_, code, text) = known.unwrap_or(&(500, "UnknownError", "The request failed."));
        let message = message.unwrap_or_else(|| (*text).to_string());
        let mut refusal = Refusal::new(status, *code, message);
        if let Some(seconds) = retry_after {
            refusal = refusal.with("retry-after", seconds);
        }
        refusal.answer(call, self.controls.now())
    }

    /// Everything, for whoever runs the simulator.
    pub fn report(&self) -> Value {
        let mut state = self.state();
        state.directory.settle(self.controls.now());
        let truth = state.directory.truth();
        let all = |users: &BTreeMap<_, Arc<super::user::User>>| {
            users.values().map(|user| user.everything()).collect::<Vec<_>>()
        };
        json!({
            "users": all(truth.live()),
            "deleted": all(truth.deleted()),
            "answers": state.answers,
            "batches": state.batches,
            "settings": state.settings,
        })
    }

    /// Lays these settings over the present ones.
    pub fn configure(&self, changes: &Value) -> Result<Settings, String> {
        let mut state = self.state();
        state.settings = state.settings.with(changes)?;
        state.apply_delays();
        Ok(state.settings.clone())
    }
}

impl State {
    pub fn apply_delays(&mut self) {
        self.directory.delay = Duration::from_millis(self.settings.search_delay_ms);
        self.directory.read_delay = Duration::from_millis(self.settings.read_delay_ms);
    }
}

/// Statuses that a script may ask for.
pub const CODES: RangeInclusive<u16> = 400..=599;

/// Those that Graph has words for.
#[rustfmt::skip]
const FAILURES: &[(u16, &str, &str)] = &[
    (400, "Request_BadRequest", "One or more properties contains invalid values."),
    (401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
    (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    (404, "Request_ResourceNotFound", "Resource does not exist or one of its queried reference-property objects are not present."),
    (409, "Request_Conflict", "A conflicting object with one or more of the specified property values is present in the directory."),
    (410, "syncStateNotFound", "The sync state generation is not found; resync required."),
    (429, "TooManyRequests", "Please retry again later."),
    (500, "InternalServerError", "An internal server error occurred."),
    (502, "UnknownError", "Bad gateway."),
    (503, "serviceNotAvailable", "The service is temporarily unavailable."),
    (504, "UnknownError", "The gateway timed out."),
];

/// What stands between sends pages of its own: to a read one that looks like an answer, to a write an error.
fn html(call: &Call) -> Answer {
    let status = if call.method == "GET" { 200 } else { 502 };
    Answer::text(
        status,
        "text/html",
        "<!DOCTYPE html><html><head><title>Gateway</title></head><body><h1>Please sign in to the proxy</h1></body></html>",
    )
}

fn is_token(call: &Call) -> bool {
    matches!(call.path.as_slice(), [_, oauth, version, token]
        if oauth == "oauth2" && version == "v2.0" && token == "token")
        && call.method == "POST"
}

/// Every kind of call, as faults name it.
pub fn kinds() -> Vec<&'static str> {
    let routes = ROUTES.iter().map(|route| route.kind);
    ["token", "$batch"]
        .into_iter()
        .chain(routes)
        .chain([UNKNOWN])
        .collect()
}

/// What a call is that has no route.
const UNKNOWN: &str = "unknown";

fn kind(call: &Call) -> &'static str {
    match find(call) {
        _ if is_token(call) => "token",
        _ if is_batch(call) => "$batch",
        Ok(route) => route.kind,
        Err(_) => UNKNOWN,
    }
}

fn is_batch(call: &Call) -> bool {
    call.method == "POST" && call.path == ["$batch"]
}

fn find(call: &Call) -> Result<&'static Route, Refusal> {
    if !["v1.0", "beta"].contains(&call.version.as_str()) {
        return Err(Refusal::bad("BadRequest", "Invalid version."));
    }
    let fits = |route: &&Route| {
        let (_, path) = route.kind.split_once(" /").unwrap_or_default();
        let mut segments = path.split('/');
        let named = call.path.iter().all(|given| {
            segments
                .next()
                .is_some_and(|segment| segment == "{id}" || segment.eq_ignore_ascii_case(given))
        });
        named && segments.next().is_none()
    };
    let mut is_there = false;
    for route in ROUTES.iter().filter(fits) {
        is_there = true;
        if route.kind.split(' ').next() == Some(&call.method) {
            return Ok(route);
        }
    }
    if is_there {
        return Err(Refusal::new(
            405,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        ));
    }
    let first = call.path.first().map(String::as_str).unwrap_or_default();
    let mut begins = ROUTES.iter().filter_map(|route| route.kind.split('/').nth(1));
    let segment = match begins.any(|begin| begin.eq_ignore_ascii_case(first)) {
        true => call.path.last().map(String::as_str).unwrap_or_default(),
        false => first,
    };
    Err(Refusal::bad(
        "BadRequest",
        format!("Resource not found for the segment '{segment}'."),
    ))
}

/// What a call costs, never less than one.
fn units(route: &Route, call: &Call) -> u32 {
    let dearer = u32::from(call.option("expand").is_some());
    let is_small = call
        .option("top")
        .and_then(|top| top.parse().ok())
        .is_some_and(|top: u32| top < 20);
    let cheaper = u32::from(call.option("select").is_some()) + u32::from(is_small);
    (route.units + dearer).saturating_sub(cheaper).max(1)
}
