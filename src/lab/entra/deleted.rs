//! `/directory/deletedItems`: "List deletedItems", "Get deleted item", "Restore deleted item", "Permanently delete".

use serde_json::Value;

use super::desk::Desk;
use super::exchange::{Answer, Call, Refusal};
use super::query::{self, Query, View, check_options};
use super::users::context;
use super::write;

pub fn list(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let query = Query::parse(call, desk.settings.page)?;
    let shelf = desk.directory.index();
    let mut answer = context(call, &format!("users{}", query.view.columns()));
    answer.extend(query.page(call, shelf.deleted().values(), |user| query.view.of(user, shelf)));
    Ok(Answer::ok(Value::Object(answer)))
}

pub fn count(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let deleted = desk.directory.index().deleted();
    query::count(call, |_| Box::new(deleted.values()))
}

pub fn get(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    check_options(call, &["select", "format"])?;
    let view = View::parse(call)?;
    let user = desk.directory.find_deleted(key(call))?;
    let mut answer = context(call, "directoryObjects/$entity");
    answer.extend(view.typed(&user, desk.directory.truth()));
    Ok(Answer::ok(Value::Object(answer)))
}

pub fn restore(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let members = call.object_if_any()?;
    let user = desk.directory.find_deleted(key(call))?;
    let given = |name: &str| members.get(name).filter(|value| !value.is_null());
    let name = given("newUserPrincipalName").map(|name| write::principal_name(desk, name));
    let name = name.transpose()?;
    let drops_taken = match given("autoReconcileProxyConflict") {
        None => false,
        Some(Value::Bool(drops)) => *drops,
        Some(_) => {
            return Err(Refusal::request(
                "Cannot convert the value given for 'autoReconcileProxyConflict' to 'Edm.Boolean'.",
            ));
        }
    };
    let restored = desk.directory.restore(&user, name.as_deref(), drops_taken)?;
    let mut answer = context(call, "directoryObjects/$entity");
    answer.extend(View::default().typed(&restored, desk.directory.truth()));
    Ok(Answer::ok(Value::Object(answer)))
}

pub fn purge(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let user = desk.directory.find_deleted(key(call))?;
    desk.directory.purge(user.id);
    Ok(Answer::done())
}

fn key(call: &Call) -> &str {
    call.path.get(2).map(String::as_str).unwrap_or_default()
}
