//! `/domains` and `/organization`: "List domains", "Get domain", "List organization".

use serde_json::{Map, Value, json};

use super::desk::Desk;
use super::exchange::{Answer, Call, Refusal};
use super::users::context;

pub fn domains(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let domains = desk.tenant.domains();
    let domains = domains.iter().map(|name| Value::Object(domain(desk, name)));
    let mut answer = context(call, "domains");
    answer.insert("value".into(), domains.collect());
    Ok(Answer::ok(Value::Object(answer)))
}

pub fn get_domain(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let name = call.path.get(1).map(String::as_str).unwrap_or_default();
    let known = desk.tenant.domains();
    let known = known.iter().find(|known| known.eq_ignore_ascii_case(name));
    let known = known.ok_or_else(|| Refusal::missing(name))?;
    let mut answer = context(call, "domains/$entity");
    answer.extend(domain(desk, known));
    Ok(Answer::ok(Value::Object(answer)))
}

pub fn organization(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let tenant = desk.tenant;
    let domains = tenant.domains();
    let verified = domains.iter().map(|name| {
        json!({
            "name": name,
            "type": "Managed",
            "isDefault": *name == tenant.domain,
            "isInitial": *name == tenant.initial_domain(),
        })
    });
    let mut answer = context(call, "organization");
    answer.insert(
        "value".into(),
        json!([{
            "id": tenant.id,
            "displayName": tenant.domain,
            "tenantType": "AAD",
            "onPremisesSyncEnabled": null,
            "verifiedDomains": verified.collect::<Vec<_>>(),
        }]),
    );
    Ok(Answer::ok(Value::Object(answer)))
}

fn domain(desk: &Desk, name: &str) -> Map<String, Value> {
    let described = json!({
        "id": name,
        "authenticationType": "Managed",
        "isAdminManaged": true,
        "isDefault": name == desk.tenant.domain,
        "isInitial": name == desk.tenant.initial_domain(),
        "isRoot": true,
        "isVerified": true,
        "supportedServices": [],
    });
    match described {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
