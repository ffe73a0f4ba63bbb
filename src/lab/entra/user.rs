//! One user: what is stored, and what an answer shows of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::properties::{self, Kind, PROPERTIES};

#[derive(Clone, Debug)]
pub struct User {
    pub id: Uuid,
    /// By the properties' written names; what is absent is null.
    values: Map<String, Value>,
    pub manager: Option<Uuid>,
    /// Who it was before each change of it, by the change's number, for those who follow the changes.
    pub managers: Vec<(u64, Option<Uuid>)>,
    /// Holds an administrator's role: an application may not change what is guarded.
    pub holds_role: bool,
    /// Has a mailbox: Exchange keeps the address.
    pub has_mailbox: bool,
    /// The number of the last change, and of the last one of each property (`manager` too).
    pub change: u64,
    pub changes: BTreeMap<String, u64>,
}

impl User {
    pub fn new(id: Uuid, created: Timestamp) -> User {
        let mut user = User {
            id,
            values: Map::new(),
            manager: None,
            managers: Vec::new(),
            holds_role: false,
            has_mailbox: false,
            change: 0,
            changes: BTreeMap::new(),
        };
        user.set("id", json!(id));
        user.set("createdDateTime", moment(created));
        user.set("userType", json!("Member"));
        user
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The texts of a property that has one or many.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let value = self.get(name);
        let one = value.and_then(Value::as_str);
        let many = value.and_then(Value::as_array);
        one.into_iter()
            .chain(many.into_iter().flatten().filter_map(Value::as_str))
    }

    /// Who the manager was after that change.
    pub fn manager_at(&self, change: u64) -> Option<Uuid> {
        let next = self.managers.iter().find(|(number, _)| *number > change);
        next.map_or(self.manager, |(_, before)| *before)
    }

    pub fn principal_name(&self) -> &str {
        self.text("userPrincipalName").unwrap_or_default()
    }

    pub fn is_synced(&self) -> bool {
        self.get("onPremisesSyncEnabled") == Some(&Value::Bool(true))
    }

    /// When it was deleted, if it was.
    pub fn deleted(&self) -> Option<Timestamp> {
        self.text("deletedDateTime")?.parse().ok()
    }

    /// Null takes the value away. Says whether anything changed.
    pub fn set(&mut self, name: &str, value: Value) -> bool {
        if value.is_null() {
            return self.values.shift_remove(name).is_some();
        }
        let before = self.values.insert(name.to_string(), value);
        before.as_ref() != self.values.get(name)
    }

    /// Lays members over those of a structured property; the others stay.
    pub fn merge(&mut self, name: &str, members: &Map<String, Value>) -> bool {
        let mut merged = match self.get(name) {
            Some(Value::Object(stored)) => stored.clone(),
            _ => Map::new(),
        };
        for (member, value) in members {
            merged.insert(member.clone(), value.clone());
        }
        merged.retain(|_, value| !value.is_null());
        let merged = if merged.is_empty() {
            Value::Null
        } else {
            Value::Object(merged)
        };
        self.set(name, merged)
    }

    /// `mail` is the primary address among the proxy addresses; the one before it becomes a secondary one.
    pub fn set_mail(&mut self, mail: Option<&str>) -> bool {
        let same = |proxy: &str| {
            let address = proxy.split_once(':').map_or(proxy, |(_, address)| address);
            mail.is_some_and(|mail| mail.eq_ignore_ascii_case(address))
        };
        let others = self.texts("proxyAddresses").filter(|proxy| !same(proxy));
        let others = others.filter(|proxy| mail.is_some() || !proxy.starts_with("SMTP:"));
        let demoted = others.map(|proxy| match proxy.strip_prefix("SMTP:") {
            Some(address) => format!("smtp:{address}"),
            None => proxy.to_string(),
        });
        let primary = mail.map(|mail| format!("SMTP:{mail}"));
        let proxies: Vec<String> = primary.into_iter().chain(demoted).collect();
        let proxies = if proxies.is_empty() {
            Value::Null
        } else {
            json!(proxies)
        };
        let changed = self.set("proxyAddresses", proxies);
        self.set("mail", mail.map_or(Value::Null, |mail| json!(mail))) || changed
    }

    /// The properties of this name as an answer says them.
    pub fn shown(&self, name: &str) -> Value {
        let stored = self.get(name).cloned();
        match properties::property(name).map(|property| property.kind) {
            Some(Kind::Password) => Value::Null,
            Some(Kind::List(..) | Kind::Object) => stored.unwrap_or_else(|| json!([])),
            Some(Kind::Members(names, _)) if stored.is_some() || name.starts_with("onPremises") => {
                let member = |name: &&str| {
                    let value = stored.as_ref().and_then(|members| members.get(*name));
                    (name.to_string(), value.cloned().unwrap_or_default())
                };
                Value::Object(names.iter().map(member).collect())
            }
            _ => stored.unwrap_or_default(),
        }
    }

    /// These properties, or the usual ones.
    pub fn project(&self, select: Option<&[String]>) -> Map<String, Value> {
        let shown = |name: &str| (name.to_string(), self.shown(name));
        match select {
            Some(names) => names.iter().map(|name| shown(name)).collect(),
            None => PROPERTIES
                .iter()
                .filter(|property| property.is_shown())
                .map(|property| shown(property.name))
                .collect(),
        }
    }

    /// Everything there is, for whoever runs the simulator.
    pub fn everything(&self) -> Value {
        let mut all = self.values.clone();
        all.insert("manager".into(), json!(self.manager));
        all.insert("roleHolder".into(), json!(self.holds_role));
        all.insert("mailbox".into(), json!(self.has_mailbox));
        Value::Object(all)
    }
}

pub fn moment(at: Timestamp) -> Value {
    json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_the_primary_proxy_address() {
        let mut user = User::new(Uuid::nil(), Timestamp::UNIX_EPOCH);
        let proxies = |user: &User| user.texts("proxyAddresses").collect::<Vec<_>>().join(" ");
        user.set_mail(Some("a@x"));
        assert_eq!(proxies(&user), "SMTP:a@x");
        user.set_mail(Some("b@x"));
        assert_eq!(proxies(&user), "SMTP:b@x smtp:a@x");
        user.set_mail(Some("A@x"));
        assert_eq!(proxies(&user), "SMTP:A@x smtp:b@x");
        user.set_mail(None);
        assert_eq!(proxies(&user), "smtp:b@x");
        assert_eq!(user.get("mail"), None);
    }

    #[test]
    fn structured_members_are_laid_over_each_other() {
        let mut user = User::new(Uuid::nil(), Timestamp::UNIX_EPOCH);
        let members = |value: Value| value.as_object().unwrap().clone();
        assert!(user.merge("employeeOrgData", &members(json!({"division": "A"}))));
        assert!(user.merge("employeeOrgData", &members(json!({"costCenter": "B"}))));
        assert_eq!(
            user.shown("employeeOrgData"),
            json!({"division": "A", "costCenter": "B"})
        );
        user.merge(
            "employeeOrgData",
            &members(json!({"division": null, "costCenter": null})),
        );
        assert_eq!(user.shown("employeeOrgData"), Value::Null);
    }
}
