//! What schemas call attributes, what Graph calls them, and how values travel between the two.

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::domain::account::{Account, Anchor, Protection, Values};

/// How Graph holds one attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Boolean,
    /// A date-time in UTC (Edm.DateTimeOffset).
    Moment,
    List,
    /// A list that takes one value.
    OnlyOne,
}

/// Where one attribute lies in Graph's user: a property, or a member of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub property: String,
    pub member: Option<String>,
    pub form: Form,
}

/// Names that the synchronization schema has from an older interface, and properties that are no plain text. What is
/// not here is text and called the same in both.
#[rustfmt::skip]
const PLACES: &[(&str, &str, Option<&str>, Form)] = &[
    ("accountEnabled",             "accountEnabled",       None,               Form::Boolean),
    ("telephoneNumber",            "businessPhones",       None,               Form::OnlyOne),
    ("businessPhones",             "businessPhones",       None,               Form::OnlyOne),
    ("mobile",                     "mobilePhone",          None,               Form::Text),
    ("facsimileTelephoneNumber",   "faxNumber",            None,               Form::Text),
    ("physicalDeliveryOfficeName", "officeLocation",       None,               Form::Text),
    ("otherMails",                 "otherMails",           None,               Form::List),
    ("employeeHireDate",           "employeeHireDate",     None,               Form::Moment),
    ("employeeLeaveDateTime",      "employeeLeaveDateTime", None,              Form::Moment),
    ("division",                   "employeeOrgData",      Some("division"),   Form::Text),
    ("costCenter",                 "employeeOrgData",      Some("costCenter"), Form::Text),
];

/// The fifteen of Exchange (`onPremisesExtensionAttributes`).
const EXTENSION: &str = "extensionAttribute";

/// Where Graph keeps the attribute that a schema calls this.
pub(super) fn place(attribute: &str) -> Place {
    let known = PLACES
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(attribute));
    if let Some((_, property, member, form)) = known {
        return Place {
            property: (*property).into(),
            member: member.map(str::to_string),
            form: *form,
        };
    }
    let number = attribute
        .get(..EXTENSION.len())
        .filter(|start| start.eq_ignore_ascii_case(EXTENSION))
        .and_then(|_| attribute[EXTENSION.len()..].parse::<u8>().ok());
    let (property, member) = match (number, attribute.split_once('.')) {
        (Some(number), _) => (
            "onPremisesExtensionAttributes",
            Some(format!("{EXTENSION}{number}")),
        ),
        (None, Some((property, member))) => (property, Some(member.to_string())),
        (None, None) => (attribute, None),
    };
    Place {
        property: property.into(),
        member,
        form: Form::Text,
    }
}

impl Place {
    /// How a filter names it.
    pub(super) fn path(&self) -> String {
        match &self.member {
            Some(member) => format!("{}/{member}", self.property),
            None => self.property.clone(),
        }
    }

    /// What a user has here; `None` where the property is not shown.
    pub(super) fn held<'u>(&self, user: &'u Json) -> Option<&'u Json> {
        let property = named(user, &self.property)?;
        Some(match &self.member {
            Some(member) => named(property, member).unwrap_or(&Json::Null),
            None => property,
        })
    }

    fn read(&self, user: &Json) -> Vec<String> {
        let held = self.held(user).unwrap_or(&Json::Null);
        let text = |value: &Json| match value {
            Json::String(text) if text.is_empty() => None,
            Json::String(text) if self.form == Form::Moment => Some(moment(text)),
            Json::String(text) => Some(text.clone()),
            Json::Bool(true) => Some("True".to_string()),
            Json::Bool(false) => Some("False".to_string()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        };
        match held {
            Json::Array(values) => values.iter().filter_map(text).collect(),
            one => text(one).into_iter().collect(),
        }
    }

    /// Puts values into the body of a request; none clear the property.
    pub(super) fn write(&self, body: &mut Map<String, Json>, values: &[String]) {
        let first = || values.first().cloned().map_or(Json::Null, Json::String);
        let value = match self.form {
            Form::Text | Form::Moment => first(),
            Form::Boolean => values
                .first()
                .map_or(Json::Null, |text| json!(text.eq_ignore_ascii_case("true"))),
            Form::List => json!(values),
            Form::OnlyOne => json!(values.iter().take(1).collect::<Vec<_>>()),
        };
        match &self.member {
            None => drop(body.insert(self.property.clone(), value)),
            Some(member) => {
                let holder = body.entry(self.property.clone()).or_insert_with(|| json!({}));
                if !holder.is_object() {
                    *holder = json!({});
                }
                holder[member] = value;
            }
        }
    }
}

/// Graph takes names in any case, and answers in its own.
fn named<'j>(json: &'j Json, name: &str) -> Option<&'j Json> {
    let members = json.as_object()?;
    let in_any_case = || {
        let mut members = members.iter();
        members.find(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    members
        .get(name)
        .or_else(|| in_any_case().map(|(_, value)| value))
}

/// A date, or a date-time in any zone, as Graph writes it: `2026-11-01T00:00:00Z`. Anything else stays as it is, to be
/// refused by name.
pub(super) fn moment(text: &str) -> String {
    let date = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let moment = text.parse::<Timestamp>().ok().or_else(date);
    moment.map_or_else(|| text.to_string(), |moment| moment.to_string())
}

/// The attributes that a policy maps, spelled as it spells them, with where Graph keeps each.
pub(super) struct Mapped {
    attributes: Vec<(String, Place)>,
    references: Vec<String>,
    /// What `$select` asks for.
    pub select: String,
}

/// What planning needs besides what is mapped.
const ALWAYS: &[&str] = &[
    "id",
    "userPrincipalName",
    "accountEnabled",
    "userType",
    "onPremisesSyncEnabled",
];

impl Mapped {
    pub(super) fn new(attributes: &[String], references: &[&str]) -> Mapped {
        let is_reference = |name: &&String| references.iter().any(|one| one.eq_ignore_ascii_case(name));
        let (references, plain): (Vec<&String>, Vec<&String>) = attributes.iter().partition(is_reference);
        let attributes: Vec<(String, Place)> = plain
            .into_iter()
            .map(|name| (name.clone(), place(name)))
            .collect();
        let mut select: Vec<&str> = ALWAYS.to_vec();
        for (_, place) in &attributes {
            if !select.contains(&place.property.as_str()) {
                select.push(&place.property);
            }
        }
        let select = select.join(",");
        Mapped {
            references: references.into_iter().cloned().collect(),
            attributes,
            select,
        }
    }

    /// What every question asks for.
    pub(super) fn query(&self) -> String {
        let select = format!("$select={}", self.select);
        match self.expand() {
            Some(expand) => format!("{select}&$expand={expand}"),
            None => select,
        }
    }

    /// `$expand` for the references, without its name; `None` where none is mapped.
    fn expand(&self) -> Option<String> {
        let each: Vec<String> = self
            .references
            .iter()
            .map(|name| format!("{name}($select=id)"))
            .collect();
        (!each.is_empty()).then(|| each.join(","))
    }

    /// An account of Graph's user; `None` without an id.
    pub(super) fn account(&self, user: &Json, deleted: bool) -> Option<Account> {
        let anchor = user["id"].as_str()?.to_lowercase();
        let address = restored(user["userPrincipalName"].as_str().unwrap_or_default(), &anchor);
        let mut values = Values::new();
        for (name, place) in &self.attributes {
            let mut held = place.read(user);
            if name.eq_ignore_ascii_case("userPrincipalName") && deleted {
                held = vec![address.to_string()];
            }
            if !held.is_empty() {
                values.insert(name.clone(), held);
            }
        }
        for name in &self.references {
            if let Some(id) = user[name]["id"].as_str() {
                values.insert(name.clone(), vec![id.to_lowercase()]);
            }
        }
        let on_premises = user["onPremisesSyncEnabled"] == true;
        Some(Account {
            anchor: Anchor(anchor),
            address: address.to_string(),
            enabled: user["accountEnabled"].as_bool(),
            values,
            protected: on_premises.then_some(Protection::MasteredOnPremises),
            deleted,
        })
    }
}

/// The name that a deleted user had: Graph puts the id, without dashes, before it.
fn restored<'n>(name: &'n str, anchor: &str) -> &'n str {
    let prefix = anchor.replace('-', "");
    match name.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(&prefix) => &name[prefix.len()..],
        _ => name,
    }
}

/// A text as a literal of OData: quotes doubled (OASIS OData 4.01 URL conventions §5.1.1.14.1).
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_by_the_names_of_the_schema() {
        let names = [
            "employeeId",
            "telephoneNumber",
            "division",
            "extensionAttribute3",
            "employeeHireDate",
            "manager",
        ];
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        let mapped = Mapped::new(&names, &["manager"]);
        let user = json!({
            "id": "AABBCCDD-0000-0000-0000-000000000001",
            "userPrincipalName": "ada@contoso.com",
            "accountEnabled": false,
            "employeeId": "1",
            "businessPhones": ["+44 20"],
            "employeeOrgData": {"division": "Engines", "costCenter": null},
            "onPremisesExtensionAttributes": {"extensionAttribute3": "x"},
            "employeeHireDate": "2026-11-01T00:00:00Z",
            "manager": {"id": "m1"},
        });
        let account = mapped.account(&user, false).unwrap();
        assert_eq!(account.enabled, Some(false));
        assert_eq!(account.address, "ada@contoso.com");
        let first = |name: &str| account.first(name).unwrap_or("-").to_string();
        assert_eq!(
            names.iter().map(|name| first(name)).collect::<Vec<_>>(),
            ["1", "+44 20", "Engines", "x", "2026-11-01T00:00:00Z", "m1"]
        );
        assert_eq!(mapped.expand().as_deref(), Some("manager($select=id)"));
        assert!(mapped.select.contains("onPremisesExtensionAttributes"));
    }

    #[test]
    fn bodies_hold_what_graph_takes() {
        let mut body = Map::new();
        for (name, values) in [
            ("jobTitle", vec!["Analyst"]),
            ("telephoneNumber", vec!["1", "2"]),
            ("division", vec!["Engines"]),
            ("costCenter", vec![]),
            ("mobile", vec![]),
            ("extensionAttribute15", vec!["z"]),
            ("otherMails", vec!["a@b", "c@d"]),
        ] {
            let values: Vec<String> = values.into_iter().map(str::to_string).collect();
            place(name).write(&mut body, &values);
        }
        let wanted = json!({
            "jobTitle": "Analyst", "businessPhones": ["1"], "mobilePhone": null,
            "employeeOrgData": {"division": "Engines", "costCenter": null},
            "onPremisesExtensionAttributes": {"extensionAttribute15": "z"},
            "otherMails": ["a@b", "c@d"],
        });
        assert_eq!(Json::Object(body), wanted);
    }

    #[test]
    fn a_deleted_user_keeps_the_name_it_had() {
        let user = json!({"id": "aabbccdd-0000-0000-0000-000000000001", "userPrincipalName": "aabbccdd000000000000000000000001ada@contoso.com"});
        let mapped = Mapped::new(&["userPrincipalName".to_string()], &[]);
        let account = mapped.account(&user, true).unwrap();
        assert_eq!(account.first("userPrincipalName"), Some("ada@contoso.com"));
    }

    #[test]
    fn dates_are_moments_and_quotes_are_doubled() {
        assert_eq!(moment("2026-11-01"), "2026-11-01T00:00:00Z");
        assert_eq!(moment("2026-11-01T02:00:00+02:00"), "2026-11-01T00:00:00Z");
        assert_eq!(moment("soon"), "soon");
        assert_eq!(literal("O'Neill"), "'O''Neill'");
    }
}
