//! One change on its way: its requests in order, what each answer means for the rest, and how it ended.

use std::collections::VecDeque;

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Map, Value as Json, json};

use super::errors;
use super::find::encoded;
use super::graph::{Part, Reply};
use super::recent::{Recent, not_known_yet};
use super::target::EntraSession;
use super::wire::place;
use crate::connector::{Halt, Outcome, answered, password};
use crate::domain::account::{Account, Anchor, Values};
use crate::domain::plan::{Change, ChangeId, Effect, Receipt, Recipe};
use crate::error::{Error, Kind, Result};

/// A write that a busy tenant put off so often goes back to the queue.
const TRIES: u32 = 6;

/// One change on its way.
pub(super) struct Writing {
    id: ChangeId,
    account: Option<Anchor>,
    address: String,
    /// What is left to be written: effects that share a request stand together.
    steps: VecDeque<Vec<Effect>>,
    done: Vec<Effect>,
    /// What was refused of it while the rest went on.
    error: Option<Error>,
    tries: u32,
    end: Option<Halt>,
}

impl Writing {
    pub(super) fn new(change: Change) -> Writing {
        Writing {
            id: change.id,
            steps: steps(&change.effects),
            account: change.account,
            address: String::new(),
            done: Vec::new(),
            error: None,
            tries: 0,
            end: None,
        }
    }

    /// The account it is about, once there is one.
    pub(super) fn account(&self) -> Option<&Anchor> {
        self.account.as_ref()
    }

    pub(super) fn is_open(&self) -> bool {
        self.end.is_none() && !self.steps.is_empty()
    }

    /// Goes no further.
    pub(super) fn refuse(&mut self, error: Error) {
        self.end = Some(Halt::Refused(error));
    }

    /// Sent, and nobody knows whether it arrived.
    pub(super) fn lost(&mut self, error: Error) {
        self.end = Some(Halt::Unknown(error));
    }

    /// The request in hand is for, or points at, somebody of whom not all of the tenant knows yet.
    fn is_about_new(&self, recent: &Recent) -> bool {
        let pointed_at = self
            .steps
            .front()
            .into_iter()
            .flatten()
            .filter_map(|effect| match effect {
                Effect::Refer { after, .. } => after.as_ref(),
                _ => None,
            });
        self.account
            .iter()
            .chain(pointed_at)
            .any(|user| recent.knows(&user.0))
    }

    /// Holds the account of this instant against the plan's.
    pub(super) fn meet(&mut self, account: Option<Account>, recent: &Recent) {
        let Some(account) = account else {
            if self.is_about_new(recent) {
                return self.refuse(not_known_yet());
            }
            let gone = Error::new(Kind::NotFound, "the user does not exist any more");
            return self.refuse(gone.code("InvalidAnchor"));
        };
        let effects: Vec<&Effect> = self.steps.iter().flatten().collect();
        if account.deleted && !effects.contains(&&Effect::Restore) {
            let gone = Error::new(Kind::Stale, "somebody deleted the user since it was read");
            return self.refuse(gone.code("Conflict"));
        }
        match effects
            .into_iter()
            .filter_map(|effect| overtakes(effect, &account))
            .next()
        {
            Some(attribute) => {
                let error = Error::new(Kind::Stale, "somebody changed the user since it was read");
                self.error = Some(error.code("Conflict").at(attribute));
                // A disable depends on nothing else (B13).
                self.steps.retain(|step| step.contains(&Effect::Disable));
                self.address = account.address;
            }
            None => self.address = account.address,
        }
    }

    /// The request of the next step. Error: it would be refused, or cannot be made.
    pub(super) fn part(&self, session: &EntraSession) -> Result<Part> {
        let effects = self.steps.front().map(Vec::as_slice).unwrap_or_default();
        if let Some(name) = effects.iter().find_map(new_name) {
            in_a_verified_domain(session, name)?;
        }
        let id = encoded(self.account.as_ref().map_or("", |anchor| &anchor.0));
        match effects {
            [
                Effect::Create {
                    values,
                    enabled,
                    password,
                    ..
                },
            ] => Ok(Part::of(
                Method::POST,
                "/users",
                new_user(values, *enabled, password)?,
            )),
            [Effect::Restore] => Ok(Part::bare(
                Method::POST,
                format!("/directory/deletedItems/{id}/restore"),
            )),
            [Effect::Delete] => Ok(Part::bare(Method::DELETE, format!("/users/{id}"))),
            [
                Effect::Refer {
                    attribute,
                    after: Some(anchor),
                    ..
                },
            ] => {
                let user = session
                    .shared
                    .graph
                    .address(&format!("users/{}", encoded(&anchor.0)))?;
                let body = json!({ "@odata.id": user.as_str() });
                Ok(Part::of(
                    Method::PUT,
                    format!("/users/{id}/{attribute}/$ref"),
                    body,
                ))
            }
            [
                Effect::Refer {
                    attribute,
                    after: None,
                    ..
                },
            ] => Ok(Part::bare(
                Method::DELETE,
                format!("/users/{id}/{attribute}/$ref"),
            )),
            several => Ok(Part::of(Method::PATCH, format!("/users/{id}"), patch(several)?)),
        }
    }

    /// The tenant did nothing and wants to be asked later.
    pub(super) fn busy(&mut self, reply: &Reply) {
        self.tries += 1;
        if self.tries > TRIES {
            self.refuse(errors::refusal(reply, None));
        }
    }

    pub(super) fn answered(&mut self, reply: &Reply, recent: &Recent) {
        self.tries = 0;
        if reply.status == StatusCode::NOT_FOUND && self.is_about_new(recent) {
            self.refuse(not_known_yet());
        } else if reply.is_unclear() {
            self.end = Some(Halt::Unknown(errors::refusal(reply, None)));
        } else if reply.status.is_success() {
            self.wrote(reply, recent);
        } else if self.is_at_several() && is_about_content(reply.status) {
            self.split();
        } else {
            let attribute = self.steps.front().and_then(|effects| attribute(effects.first()?));
            let error = errors::refusal(reply, attribute.as_deref());
            let error = match self.steps.front().map(Vec::as_slice) {
                Some([Effect::Refer { .. }]) if error.kind == Kind::NotFound => {
                    error.code("ReferenceNotFound")
                }
                _ => error,
            };
            self.refused(error);
        }
    }

    /// One of several values is at fault; the others are written without it.
    fn split(&mut self) {
        for effect in self.steps.pop_front().into_iter().flatten().rev() {
            self.steps.push_front(vec![effect]);
        }
    }

    /// What was found before it was sent.
    pub(super) fn refused_unsent(&mut self, error: Error) {
        match self.is_at_several() {
            true => self.split(),
            false => self.refused(error),
        }
    }

    /// The request in hand writes several values.
    fn is_at_several(&self) -> bool {
        self.steps.front().is_some_and(|effects| effects.len() > 1)
    }

    fn wrote(&mut self, reply: &Reply, recent: &Recent) {
        let effects = self.steps.pop_front().unwrap_or_default();
        if effects.iter().any(Effect::is_create) {
            let Some(id) = reply.body["id"].as_str() else {
                let error =
                    Error::unavailable("the user was made, but the answer does not say under which id");
                self.end = Some(Halt::Unknown(error));
                return;
            };
            self.account = Some(Anchor(id.to_lowercase()));
            self.address = reply.body["userPrincipalName"]
                .as_str()
                .unwrap_or_default()
                .to_string();
        }
        if let Some(name) = effects.iter().find_map(new_name) {
            self.address = name.to_string();
        }
        match (effects.as_slice(), &self.account) {
            ([Effect::Create { .. } | Effect::Restore], Some(user)) => recent.appeared(user.clone()),
            ([Effect::Delete], Some(user)) => recent.ended(user),
            _ => {}
        }
        self.done.extend(effects);
    }

    /// This step was refused. What stands on its own goes on; nothing follows a create or a state that was not written.
    fn refused(&mut self, error: Error) {
        let effects = self.steps.pop_front().unwrap_or_default();
        if effects.iter().any(is_password) {
            self.leave_disabled();
        }
        let alone = effects.iter().all(|effect| {
            matches!(
                effect,
                Effect::Set { .. } | Effect::Refer { .. } | Effect::Enable | Effect::Password { .. }
            )
        });
        if !alone || error.kind == Kind::Unauthenticated {
            self.refuse(error);
        } else if self.error.is_none() {
            self.error = Some(error);
        }
    }

    /// Nobody returns with the old password (B20).
    fn leave_disabled(&mut self) {
        for step in &mut self.steps {
            step.retain(|effect| *effect != Effect::Enable);
        }
        self.steps.retain(|step| !step.is_empty());
    }

    pub(super) fn outcome(self, endpoint: &str) -> (ChangeId, Outcome) {
        let receipt = self.account.map(|account| Receipt {
            change: self.id,
            account,
            address: self.address,
            endpoint: endpoint.to_string(),
            done: self.done,
            at: answered(),
            event: None,
        });
        let end = self.end.or(self.error.map(Halt::Refused));
        (self.id, Outcome::of(receipt, end))
    }
}

/// The requests of a change, in order: what makes or ends an account alone, its values with its enabling in one, and another
/// password before that, so that nobody signs in with the old one (B20).
fn steps(effects: &[Effect]) -> VecDeque<Vec<Effect>> {
    let values = |effect: &&Effect| matches!(effect, Effect::Set { .. } | Effect::Enable);
    let first =
        |effect: &&Effect| matches!(effect, Effect::Create { .. } | Effect::Restore | Effect::Disable);
    let (patched, alone): (Vec<&Effect>, Vec<&Effect>) = effects.iter().partition(values);
    let (first, last): (Vec<&Effect>, Vec<&Effect>) = alone.into_iter().partition(first);
    let (passwords, last): (Vec<&Effect>, Vec<&Effect>) = last.into_iter().partition(|one| is_password(one));
    let single = |effect: &Effect| vec![effect.clone()];
    let patched: Vec<Effect> = patched.into_iter().cloned().collect();
    first
        .into_iter()
        .chain(passwords)
        .map(single)
        .chain((!patched.is_empty()).then_some(patched))
        .chain(last.into_iter().map(single))
        .collect()
}

fn is_password(effect: &Effect) -> bool {
    matches!(effect, Effect::Password { .. })
}

/// Wrong values and missing rights may be about one property only.
fn is_about_content(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 403)
}

/// What of the account is not as the plan took for granted, if anything.
fn overtakes(effect: &Effect, account: &Account) -> Option<String> {
    let held = |attribute: &str| {
        account
            .values
            .get(attribute)
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    match effect {
        Effect::Restore if account.deleted => None,
        Effect::Restore => Some("deletedDateTime".into()),
        _ if account.deleted => None,
        Effect::Set {
            attribute, before, ..
        } if held(attribute) != before => Some(attribute.clone()),
        Effect::Refer {
            attribute, before, ..
        } if held(attribute).first() != before.as_ref().map(|anchor| &anchor.0) => Some(attribute.clone()),
        _ => None,
    }
}

fn attribute(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Set { attribute, .. } | Effect::Refer { attribute, .. } => Some(attribute.clone()),
        Effect::Enable | Effect::Disable => Some("accountEnabled".into()),
        Effect::Password { .. } => Some("passwordProfile".into()),
        _ => None,
    }
}

/// The sign-in name that an effect gives.
fn new_name(effect: &Effect) -> Option<&str> {
    let is_name = |attribute: &str| attribute.eq_ignore_ascii_case("userPrincipalName");
    match effect {
        Effect::Create { values, .. } => {
            let (_, names) = values.iter().find(|(attribute, _)| is_name(attribute))?;
            names.first().map(String::as_str)
        }
        Effect::Set { attribute, after, .. } if is_name(attribute) => after.first().map(String::as_str),
        _ => None,
    }
}

fn in_a_verified_domain(session: &EntraSession, name: &str) -> Result<()> {
    let domain = name
        .rsplit_once('@')
        .map_or("", |(_, domain)| domain)
        .to_lowercase();
    match &session.domains {
        Some(domains) if !domains.contains(&domain) => {
            let message = format!(
                "the tenant has not verified the domain {domain}: add it there, or correct the mapping"
            );
            Err(Error::invalid(message)
                .code("InvalidDomain")
                .at("userPrincipalName"))
        }
        _ => Ok(()),
    }
}

/// The body of a new user. The password is drawn here and forgotten here (B29).
fn new_user(values: &Values, enabled: bool, recipe: &Recipe) -> Result<Json> {
    let mut body = Map::new();
    for (attribute, values) in values {
        place(attribute).write(&mut body, values);
    }
    body.insert("accountEnabled".into(), json!(enabled));
    body.insert("passwordProfile".into(), new_password(recipe)?);
    Ok(Json::Object(body))
}

fn new_password(recipe: &Recipe) -> Result<Json> {
    let password = password::draw(recipe)?;
    Ok(json!({
        "password": password.expose_secret(),
        "forceChangePasswordNextSignIn": recipe.change_at_logon,
    }))
}

fn patch(effects: &[Effect]) -> Result<Json> {
    let mut body = Map::new();
    for effect in effects {
        match effect {
            Effect::Set { attribute, after, .. } => place(attribute).write(&mut body, after),
            Effect::Enable => drop(body.insert("accountEnabled".into(), json!(true))),
            Effect::Disable => drop(body.insert("accountEnabled".into(), json!(false))),
            Effect::Password { password } => {
                body.insert("passwordProfile".into(), new_password(password)?);
            }
            _ => {}
        }
    }
    Ok(Json::Object(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(attribute: &str) -> Effect {
        Effect::Set {
            attribute: attribute.into(),
            before: Vec::new(),
            after: vec!["x".into()],
        }
    }

    #[test]
    fn a_disable_is_a_write_of_its_own_and_the_first() {
        let refer = Effect::Refer {
            attribute: "manager".into(),
            before: None,
            after: None,
        };
        let effects = [set("a"), Effect::Disable, refer.clone(), set("b")];
        let steps: Vec<Vec<Effect>> = steps(&effects).into();
        assert_eq!(
            steps,
            [vec![Effect::Disable], vec![set("a"), set("b")], vec![refer]]
        );
    }

    #[test]
    fn b20_nobody_returns_before_the_password_is_another() {
        let password = Effect::Password {
            password: Recipe::default(),
        };
        let recent = Recent::default();
        let back = |status: u16| {
            let mut writing = Writing::new(Change {
                id: ChangeId::nil(),
                worker: "1".into(),
                account: Some(Anchor("a".into())),
                effects: vec![set("jobTitle"), Effect::Enable, password.clone()],
            });
            let reply = |status| Reply {
                status: StatusCode::from_u16(status).unwrap(),
                body: Json::Null,
                retry_after: None,
            };
            assert_eq!(
                writing.steps.front(),
                Some(&vec![password.clone()]),
                "first of all"
            );
            writing.answered(&reply(status), &recent);
            writing.answered(&reply(204), &recent);
            assert!(!writing.is_open());
            writing.outcome("e").1
        };
        match back(204) {
            Outcome::Done(receipt) => {
                assert_eq!(receipt.done, [password.clone(), set("jobTitle"), Effect::Enable]);
            }
            other => panic!("{other:?}"),
        }
        match back(403) {
            Outcome::Partial(receipt, _) => assert_eq!(receipt.done, [set("jobTitle")]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn b13_what_somebody_else_changed_does_not_keep_a_leaver() {
        let mut writing = Writing::new(Change {
            id: ChangeId::nil(),
            worker: "1".into(),
            account: Some(Anchor("a".into())),
            effects: vec![Effect::Disable, set("jobTitle")],
        });
        let account = Account {
            anchor: Anchor("a".into()),
            address: "ada@contoso.com".into(),
            enabled: Some(true),
            values: Values::from([("jobTitle".to_string(), vec!["Guide".to_string()])]),
            protected: None,
            deleted: false,
        };
        writing.meet(Some(account), &Recent::default());
        let left: Vec<Vec<Effect>> = writing.steps.clone().into();
        assert_eq!(left, [vec![Effect::Disable]]);
        let reply = Reply {
            status: StatusCode::NO_CONTENT,
            body: Json::Null,
            retry_after: None,
        };
        writing.wrote(&reply, &Recent::default());
        assert!(matches!(writing.outcome("e").1, Outcome::Partial(_, error) if error.kind == Kind::Stale));
    }

    #[test]
    fn a_value_that_is_refused_does_not_take_the_others_with_it() {
        let mut writing = Writing::new(Change {
            id: ChangeId::nil(),
            worker: "1".into(),
            account: Some(Anchor("a".into())),
            effects: vec![set("mail"), set("jobTitle")],
        });
        let reply = |status| Reply {
            status: StatusCode::from_u16(status).unwrap(),
            body: Json::Null,
            retry_after: None,
        };
        let recent = Recent::default();
        writing.answered(&reply(400), &recent);
        assert_eq!(writing.steps.len(), 2, "each on its own now");
        writing.answered(&reply(400), &recent);
        writing.answered(&reply(204), &recent);
        assert!(!writing.is_open());
        match writing.outcome("e").1 {
            Outcome::Partial(receipt, error) => {
                assert_eq!(receipt.done, [set("jobTitle")]);
                assert_eq!(error.target.as_deref(), Some("mail"));
            }
            other => panic!("{other:?}"),
        }
    }
}
