//! Whether somebody holds a name that a user is about to be given (B22): anybody in the tenant, guests, shared mailboxes and
//! those in the bin among them, as a name to sign in with or as an address.

use super::errors;
use super::find::{encoded, user};
use super::graph::{Part, Reply};
use super::target::EntraSession;
use super::wire::{self, place};
use crate::connector::UniqueValue;
use crate::error::{Kind, Result};

/// Where a name is looked for, whichever of them it is for.
const NAMES: &[&str] = &["userPrincipalName", "mail", "mailNickname"];

/// Where somebody in the bin keeps a name: Graph puts the id before what they signed in with.
const DELETED_NAMES: &[&str] = &["mail", "mailNickname"];

/// One question about one value.
enum Question {
    Users,
    /// By address, which does not lag behind as searches do.
    Address,
    Deleted,
}

/// `taken[i]` answers `values[i]`. A value that Graph cannot compare gives an error of its own.
pub(super) async fn taken(session: &EntraSession, values: &[UniqueValue]) -> Result<Vec<Result<bool>>> {
    let mut asked = Vec::new();
    let mut parts = Vec::new();
    for (at, one) in values.iter().enumerate() {
        let is_address = one.value.contains('@');
        for question in [Question::Users, Question::Address, Question::Deleted] {
            if is_address || !matches!(question, Question::Address) {
                parts.push(question.part(one));
                asked.push((at, question));
            }
        }
    }
    let mut taken: Vec<Result<bool>> = values.iter().map(|_| Ok(false)).collect();
    for ((at, question), reply) in asked.into_iter().zip(session.shared.graph.ask_all(parts).await?) {
        match (question.finds_somebody(&reply), &mut taken[at]) {
            (Ok(found), Ok(taken)) => *taken |= found,
            (Err(refused), answer) if refused.kind == Kind::Invalid => *answer = Err(refused),
            (Err(failed), _) => return Err(failed),
            (Ok(_), Err(_)) => {}
        }
    }
    Ok(taken)
}

impl Question {
    fn part(&self, one: &UniqueValue) -> Part {
        let value = wire::literal(&one.value);
        let tests = |names: &[&str]| {
            let mut tests: Vec<String> = names.iter().map(|name| format!("{name} eq {value}")).collect();
            let proxy = wire::literal(&format!("smtp:{}", one.value));
            tests.push(format!("proxyAddresses/any(p:p eq {proxy})"));
            tests
        };
        let search = |path: &str, tests: &[String]| {
            let filter = encoded(&tests.join(" or "));
            format!("{path}?$filter={filter}&$select=id&$top=1")
        };
        match self {
            Question::Users => {
                let mut tests = tests(NAMES);
                if !NAMES.iter().any(|name| name.eq_ignore_ascii_case(&one.attribute)) {
                    tests.push(format!("{} eq {value}", place(&one.attribute).path()));
                }
                Part::get(search("/users", &tests))
            }
            Question::Address => Part::get(format!("/users/{}?$select=id", encoded(&one.value))),
            Question::Deleted => {
                let bin = "/directory/deletedItems/microsoft.graph.user";
                Part::advanced(search(bin, &tests(DELETED_NAMES)))
            }
        }
    }

    fn finds_somebody(&self, reply: &Reply) -> Result<bool> {
        match self {
            Question::Address => Ok(user(reply, true)?.is_some()),
            _ if reply.status.is_success() => Ok(reply.body["value"]
                .as_array()
                .is_none_or(|users| !users.is_empty())),
            _ => Err(errors::refusal(reply, None)),
        }
    }
}
