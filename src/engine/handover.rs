//! First passwords on their way to their people (B29). One is drawn and sealed before its change is sent, and only the sealed text
//! leaves this process: with a notice, in the commit that records the change.

use jiff::Timestamp;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::Context;
use super::notify;
use super::subject::Subject;
use crate::connector::password;
use crate::domain::handover::{Drawn, State};
use crate::domain::plan::{Change, Effect, Receipt};
use crate::error::{Error, Result};
use crate::store::wakes::{Again, Cause};
use crate::store::{Conn, handovers, to_json};

/// The kind of notice that has a sealed password.
const KIND: &str = "password.sealed";

/// Draws the passwords that are to be handed over. One that cannot be drawn is the connector's to refuse.
pub fn draw(cx: &Context, changes: &mut [Change]) -> Result<()> {
    let now = cx.clock.now();
    for change in changes {
        let (worker, account) = (change.worker.clone(), change.account.clone());
        for effect in &mut change.effects {
            let Effect::Password { password: recipe } = effect else {
                continue;
            };
            if !recipe.handover {
                continue;
            }
            let unset = || Error::internal("there is nobody to seal a password for");
            let recipient = cx.runner.seal_to.as_ref().ok_or_else(unset)?;
            let Ok(password) = password::draw(recipe) else {
                continue;
            };
            let clear = Clear {
                job: &cx.origin.job,
                worker: &worker,
                account: account.as_ref().map(|anchor| anchor.0.as_str()),
                at: now,
                password: password.expose_secret(),
            };
            let sealed = recipient.seal(&Zeroizing::new(to_json(&clear)?))?;
            recipe.drawn = Some(Box::new(Drawn { password, sealed }));
        }
    }
    Ok(())
}

/// What is sealed: the password, and whose it is, so that nobody can pass it off as another's.
#[derive(Serialize)]
struct Clear<'a> {
    job: &'a str,
    worker: &'a str,
    account: Option<&'a str>,
    at: Timestamp,
    password: &'a str,
}

/// What a look did for the first password of an account.
#[derive(Clone, Debug)]
pub enum Step {
    Now(State),
    /// It is set, and goes to the webhook.
    Sealed(Json),
}

/// What a write did for the first password, if anything.
pub fn step(cx: &Context, subject: &Subject, receipt: Option<&Receipt>) -> Option<Step> {
    let receipt = receipt?;
    let set = receipt.done.iter().find_map(|effect| match effect {
        Effect::Password { password } => Some(password),
        _ => None,
    });
    if let Some(drawn) = set.and_then(|recipe| recipe.drawn.as_ref()) {
        return Some(Step::Sealed(json!({
            "servicePrincipal": { "id": cx.origin.app, "displayName": cx.origin.app_name },
            "jobId": cx.origin.job,
            "worker": subject.worker.anchor,
            "account": receipt.account,
            "address": receipt.address,
            "sealed": drawn.sealed,
        })));
    }
    let was_lost = subject
        .handover
        .is_some_and(|handover| handover.state == State::Lost);
    match set {
        Some(_) if was_lost => Some(Step::Now(State::Reset)),
        // Nobody knows it, neither of a new account nor of one whose person returns.
        set if cx.runner.policy.settings.hands_over && (set.is_some() || receipt.has(Effect::is_create)) => {
            Some(Step::Now(State::Due))
        }
        _ => None,
    }
}

impl Step {
    /// The first password is on its way as soon as the account is recorded, and not before: until then there is nothing to be
    /// done for it.
    pub fn next_look(&self, now: Timestamp) -> Option<Again> {
        matches!(self, Step::Now(State::Due)).then_some(Again {
            due: now,
            cause: Cause::Revisit,
            attempts: 0,
        })
    }

    /// In the commit that records the write.
    pub fn keep(&self, conn: &mut Conn, job: &str, worker: &str, now: Timestamp) -> Result<()> {
        match self {
            Step::Now(state) => handovers::keep(conn, job, worker, *state, None, now),
            Step::Sealed(data) => {
                let notice = notify::post(conn, KIND, data, now)?;
                handovers::keep(conn, job, worker, State::Sent, Some(&notice), now)
            }
        }
    }
}
