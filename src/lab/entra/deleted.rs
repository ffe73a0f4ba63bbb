//! `/directory/deletedItems`: "List deletedItems", "Get deleted item", "Restore deleted item", "Permanently delete".

use serde_json::Value;

use super::desk::Desk;
use super::exchange::{Answer, Call, Refusal};
use super::filter::Filter;
use super::query::{Query, View, check_options};
use super::users::context;

pub fn list(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let query = Query::parse(call, desk.settings.page)?;
    let shelf = desk.directory.index();
    let mut answer = context(call, &format!("users{}", query.view.columns()));
    answer.extend(query.page(call, shelf.deleted().values(), |user| query.view.of(user, shelf)));
    Ok(Answer::ok(Value::Object(answer)))
}

pub fn count(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    check_options(call, &["filter"])?;
    if !call.is_eventual() {
        return Err(Refusal::request("$count is not currently supported."));
    }
    let filter = call.option("filter").map(|text| Filter::parse(text, true));
    let filter = filter.transpose()?;
    let users = desk.directory.index().deleted().values();
    let count = users
        .filter(|user| filter.as_ref().is_none_or(|filter| filter.admits(user)))
        .count();
    Ok(Answer::text(200, "text/plain", count.to_string()))
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
    let name = members.get("newUserPrincipalName").and_then(Value::as_str);
    if let Some(name) = name {
        desk.tenant.check_domain(name)?;
    }
    let drops_taken = members.get("autoReconcileProxyConflict") == Some(&Value::Bool(true));
    let restored = desk.directory.restore(&user, name, drops_taken)?;
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
