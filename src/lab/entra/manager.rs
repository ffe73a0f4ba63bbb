//! `/users/{id}/manager`: "Get manager", "Assign manager", "Remove manager".

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::Desk;
use super::exchange::{Answer, Call, Refusal};
use super::query::{View, check_options};
use super::user::User;
use super::users::{context, key};
use super::write;

pub fn get(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    check_options(call, &["select", "expand", "format"])?;
    let view = View::parse(call)?;
    let manager = manager(desk, call)?;
    let mut answer = context(call, "directoryObjects/$entity");
    answer.extend(view.typed(&manager, desk.directory.truth()));
    Ok(Answer::ok(Value::Object(answer)))
}

pub fn get_reference(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let manager = manager(desk, call)?;
    let mut answer = context(call, "$ref");
    let address = call.link(&format!("directoryObjects/{}", manager.id));
    answer.insert("@odata.id".into(), json!(address));
    Ok(Answer::ok(Value::Object(answer)))
}

pub fn assign(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let members = call.object()?;
    let user = desk.directory.find(key(call))?;
    let reference = members.get("@odata.id");
    let reference = reference.ok_or_else(|| Refusal::request("Missing '@odata.id' in the payload."))?;
    let manager = write::referred(desk, reference)?.id;
    set(desk, &user, Some(manager))
}

pub fn remove(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    manager(desk, call)?;
    let user = desk.directory.find(key(call))?;
    set(desk, &user, None)
}

fn set(desk: &mut Desk, user: &User, manager: Option<Uuid>) -> Result<Answer, Refusal> {
    if user.is_synced() {
        return Err(write::mastered_elsewhere());
    }
    if user.manager != manager {
        let mut user = user.clone();
        user.manager = manager;
        desk.directory.store(user, &["manager"])?;
    }
    Ok(Answer::done())
}

/// The live manager; a deleted one is as good as none.
fn manager(desk: &Desk, call: &Call) -> Result<Arc<User>, Refusal> {
    let user = desk.directory.find(key(call))?;
    let manager = user.manager.and_then(|id| desk.directory.truth().live().get(&id));
    manager.cloned().ok_or_else(|| Refusal::missing("manager"))
}
