//! `/users`: list, count, get, create, update, delete, and who reports to somebody.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::desk::Desk;
use super::exchange::{Answer, Call, Refusal};
use super::query::{self, Query, View, check_options};
use super::user::User;
use super::write;

/// "List users".
pub fn list(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let query = Query::parse(call, desk.settings.page)?;
    let shelf = desk.directory.index();
    let mut answer = context(call, &format!("users{}", query.view.columns()));
    answer.extend(query.page(call, query.among(shelf), |user| query.view.of(user, shelf)));
    Ok(Answer::ok(Value::Object(answer)))
}

/// `$count` as a segment; the answer is a bare number.
pub fn count(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    query::count(call, |filter| query::among(filter, desk.directory.index()))
}

/// "Get a user", by id or userPrincipalName.
pub fn get(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    check_options(call, &["select", "expand", "count", "format"])?;
    let view = View::parse(call)?;
    let user = desk.directory.find(key(call))?;
    let mut answer = context(call, &format!("users{}/$entity", view.columns()));
    answer.extend(view.of(&user, desk.directory.truth()));
    Ok(Answer::ok(Value::Object(answer)))
}

/// "Create user".
pub fn create(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let members = call.object()?;
    let mut user = User::new(Uuid::new_v4(), desk.now);
    let mut changed = write::fill(desk, &mut user, &members)?;
    if let Some(reference) = members.get("manager@odata.bind") {
        user.manager = Some(write::referred(desk, reference)?.id);
        changed.push("manager".into());
    }
    let id = user.id;
    let mut answer = context(call, "users/$entity");
    answer.extend(user.project(None));
    desk.directory.store(user, &names(&changed))?;
    let location = call.link(&format!("users/{id}"));
    Ok(Answer::json(201, Value::Object(answer)).with("location", location))
}

/// "Update user".
pub fn update(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let members = call.object()?;
    let mut user = User::clone(&*desk.directory.find(key(call))?);
    let changed = write::change(desk, &mut user, &members)?;
    if !changed.is_empty() {
        desk.directory.store(user, &names(&changed))?;
    }
    Ok(Answer::done())
}

/// "Delete user".
pub fn delete(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let user = desk.directory.find(key(call))?;
    if user.holds_role {
        return Err(write::insufficient());
    }
    desk.directory.delete(&user, desk.now);
    Ok(Answer::done())
}

/// "List directReports".
pub fn reports(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let query = Query::parse(call, desk.settings.page)?;
    let user = desk.directory.find(key(call))?;
    let shelf = desk.directory.truth();
    let mut answer = context(call, &format!("directoryObjects{}", query.view.columns()));
    answer.extend(query.page(call, shelf.reports(user.id), |user| query.view.typed(user, shelf)));
    Ok(Answer::ok(Value::Object(answer)))
}

/// Whom the call is about.
pub fn key(call: &Call) -> &str {
    call.path.get(1).map(String::as_str).unwrap_or_default()
}

/// The beginning of an answer.
pub fn context(call: &Call, of: &str) -> Map<String, Value> {
    let mut members = Map::new();
    let context = json!(call.link(&format!("$metadata#{of}")));
    members.insert("@odata.context".into(), context);
    members
}

pub fn names(changed: &[String]) -> Vec<&str> {
    changed.iter().map(String::as_str).collect()
}
