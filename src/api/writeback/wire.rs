//! Callbacks as callers write them: every problem by its place, nothing unknown passed over.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use crate::api::body;
use crate::domain::callback::{Call, Member, Who};
use crate::error::{Detail, Error, Result};

/// Problems that one answer names.
const MOST_PROBLEMS: usize = 20;

/// What a callback says of one person, named by at least one of the first three.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes what is read by hand, so that every problem has its place"
)]
pub struct Callback {
    /// What the job joins people by.
    worker_id: Option<String>,
    /// The same.
    employee_id: Option<String>,
    user_principal_name: Option<String>,
    email: Option<String>,
    user_name: Option<String>,
    /// One of each type at most.
    phones: Option<Vec<Phone>>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what is read by hand")]
pub struct Phone {
    /// `landline`, or `work`, which is the same; or `mobile`.
    r#type: String,
    value: String,
}

/// One callback, and where its parts stand in the body.
#[derive(Debug)]
pub struct Placed {
    pub call: Call,
    pub places: Places,
}

/// Where the parts of a call stand: `items[3].phones[0].value`.
#[derive(Debug, Default)]
pub struct Places {
    who: String,
    members: BTreeMap<Member, String>,
}

impl Places {
    /// Where a member stands; without one, where the person is named.
    pub fn of(&self, member: Option<Member>) -> String {
        let place = member.and_then(|member| self.members.get(&member));
        place.unwrap_or(&self.who).clone()
    }
}

/// Reads a body: one callback, a list, or an object whose `items` are the list.
pub fn read(body: &[u8], most: usize) -> Result<Vec<Placed>> {
    let json: Json = body::json(body)?;
    let (list, name) = match json {
        Json::Array(list) => (list, ""),
        Json::Object(mut object) if object.contains_key("items") => {
            let items = object.remove("items");
            let others = object.keys().map(|name| unknown(name.clone(), &["items"]));
            refuse(others.collect())?;
            match items {
                Some(Json::Array(list)) => (list, "items"),
                _ => return Err(Error::invalid("it must be a list").at("items")),
            }
        }
        one => {
            let mut reader = Reader::default();
            let call = reader.call("", &one);
            refuse(reader.problems)?;
            return Ok(vec![call]);
        }
    };
    match list.len() {
        0 => return Err(Error::invalid("there is no callback in it")),
        count if count > most => {
            let message =
                format!("{count} callbacks are more than the {most} that one request may hold: send several");
            return Err(Error::invalid(message));
        }
        _ => {}
    }
    let mut reader = Reader::default();
    let calls = list.iter().enumerate();
    let calls = calls
        .map(|(at, one)| reader.call(&format!("{name}[{at}]"), one))
        .collect();
    refuse(reader.problems)?;
    Ok(calls)
}

/// An error that says everything that is wrong, if anything is.
pub fn refuse(mut problems: Vec<Detail>) -> Result<()> {
    let count = problems.len();
    problems.truncate(MOST_PROBLEMS);
    let told = problems.iter().map(|problem| match problem.target.as_str() {
        "" => problem.message.clone(),
        place => format!("{place}: {}", problem.message),
    });
    let mut told = told.collect::<Vec<_>>().join("; ");
    if count > MOST_PROBLEMS {
        told = format!("{told}; and {} more", count - MOST_PROBLEMS);
    }
    match problems.first() {
        None => Ok(()),
        Some(first) => Err(Error::invalid(told)
            .at(first.target.clone())
            .with_details(problems)),
    }
}

const MEMBERS: [&str; 6] = [
    "workerId",
    "employeeId",
    "userPrincipalName",
    "email",
    "userName",
    "phones",
];

const PHONE_TYPES: [(&str, Member); 3] = [
    ("work", Member::Landline),
    ("landline", Member::Landline),
    ("mobile", Member::Mobile),
];

/// Notes what is wrong on the way.
#[derive(Default)]
struct Reader {
    problems: Vec<Detail>,
}

impl Reader {
    fn problem(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Detail {
            target: place.into(),
            message: message.into(),
        });
    }

    fn call(&mut self, place: &str, json: &Json) -> Placed {
        let mut call = Call::default();
        let mut places = Places {
            who: place.to_string(),
            ..Places::default()
        };
        let Json::Object(object) = json else {
            self.problem(place, "it must be an object");
            return Placed { call, places };
        };
        self.known(place, object, &MEMBERS);
        call.who = self.who(place, object);
        for (name, member, check) in [
            ("email", Member::Email, address as Check),
            ("userName", Member::UserName, name_of_user),
        ] {
            if let Some(value) = self.text(place, object, name, check) {
                call.values.insert(member, value);
                places.members.insert(member, join(place, name));
            }
        }
        self.phones(place, object, &mut call, &mut places);
        let names_none = ["email", "userName", "phones"]
            .iter()
            .all(|name| !object.contains_key(*name));
        if names_none {
            self.problem(place, "it says nothing: give email, userName or phones");
        }
        Placed { call, places }
    }

    fn who(&mut self, place: &str, object: &Map<String, Json>) -> Who {
        let worker = self.text(place, object, "workerId", key);
        let employee = self.text(place, object, "employeeId", key);
        if let (Some(worker), Some(employee)) = (&worker, &employee)
            && worker != employee
        {
            self.problem(
                join(place, "employeeId"),
                "it is not the workerId, which is the same thing",
            );
        }
        let principal = self.text(place, object, "userPrincipalName", address);
        let names_none = MEMBERS[..3].iter().all(|name| !object.contains_key(*name));
        if names_none {
            self.problem(
                place,
                "it names nobody: give workerId, employeeId or userPrincipalName",
            );
        }
        Who {
            worker: worker.or(employee),
            principal,
        }
    }

    fn phones(&mut self, place: &str, object: &Map<String, Json>, call: &mut Call, places: &mut Places) {
        let place = join(place, "phones");
        let list = match object.get("phones") {
            None => return,
            Some(Json::Array(list)) if !list.is_empty() => list,
            Some(_) => return self.problem(place, "it must be a list with at least one phone"),
        };
        for (at, phone) in list.iter().enumerate() {
            let place = format!("{place}[{at}]");
            let Json::Object(phone) = phone else {
                self.problem(place, "it must be an object with type and value");
                continue;
            };
            self.known(&place, phone, &["type", "value"]);
            for name in ["type", "value"] {
                if !phone.contains_key(name) {
                    self.problem(join(&place, name), "it is missing");
                }
            }
            let kind = self.text(&place, phone, "type", |_| Ok(()));
            let value = self.text(&place, phone, "value", number);
            let (Some(kind), Some(value)) = (kind, value) else {
                continue;
            };
            let Some((_, member)) = PHONE_TYPES.iter().find(|(name, _)| *name == kind) else {
                self.problem(
                    join(&place, "type"),
                    format!("'{kind}' is no type: use landline (or work) or mobile"),
                );
                continue;
            };
            places.members.insert(*member, join(&place, "value"));
            if call.values.insert(*member, value).is_some() {
                self.problem(
                    join(&place, "type"),
                    format!("there is a second phone of type {kind}"),
                );
            }
        }
    }

    fn known(&mut self, place: &str, object: &Map<String, Json>, names: &[&str]) {
        for name in object.keys().filter(|name| !names.contains(&name.as_str())) {
            let shown: String = name.chars().take(100).collect();
            self.problems.push(unknown(join(place, &shown), names));
        }
    }

    fn text(&mut self, place: &str, object: &Map<String, Json>, name: &str, check: Check) -> Option<String> {
        let place = join(place, name);
        let problem = match object.get(name)? {
            Json::String(text) if text.trim().is_empty() => "it must not be empty".into(),
            Json::String(text) if text.chars().any(char::is_control) => "it holds control characters".into(),
            Json::String(text) => match check(text.trim()) {
                Ok(()) => return Some(text.trim().to_string()),
                Err(problem) => problem,
            },
            _ => "it must be a text".into(),
        };
        self.problem(place, problem);
        None
    }
}

fn unknown(place: String, names: &[&str]) -> Detail {
    Detail {
        message: format!("there is no such member: use {}", names.join(", ")),
        target: place,
    }
}

fn join(place: &str, name: &str) -> String {
    match place {
        "" => name.to_string(),
        place => format!("{place}.{name}"),
    }
}

/// Whether a text may be what it is to be. HR's own rules come later, and are finer.
type Check = fn(&str) -> Result<(), String>;

fn at_most(text: &str, most: usize) -> Result<(), String> {
    match text.len() <= most {
        true => Ok(()),
        false => Err(format!("it is longer than {most} bytes")),
    }
}

fn key(text: &str) -> Result<(), String> {
    at_most(text, 512)
}

fn name_of_user(text: &str) -> Result<(), String> {
    at_most(text, 320)
}

fn address(text: &str) -> Result<(), String> {
    at_most(text, 320)?;
    let parts = text.split_once('@');
    let is_domain = |domain: &str| {
        domain.contains('.') && domain.split('.').all(|label| !label.is_empty()) && !domain.contains('@')
    };
    match parts.is_some_and(|(local, domain)| !local.is_empty() && is_domain(domain)) {
        true if !text.contains(char::is_whitespace) => Ok(()),
        _ => Err("it is no address such as ada@example.com".into()),
    }
}

fn number(text: &str) -> Result<(), String> {
    at_most(text, 64)?;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_written = |c: char| c.is_ascii_digit() || " +-()./x;=ext#".contains(c);
    match (3..=30).contains(&digits) && text.chars().all(is_written) {
        true => Ok(()),
        false => Err("it is no telephone number such as +49 30 123456".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(body: &Json) -> Vec<(String, String)> {
        let error = read(body.to_string().as_bytes(), 3).unwrap_err();
        let details = error.details().iter();
        details
            .map(|one| (one.target.clone(), one.message.clone()))
            .collect()
    }

    #[test]
    fn one_several_and_wrapped_are_the_same() {
        let one = json!({"workerId": "21451", "email": " ada@example.com ", "phones": [{"type": "work", "value": "+49 30 1234"}]});
        for (body, place) in [
            (one.clone(), "phones[0].value"),
            (json!([one]), "[0].phones[0].value"),
            (json!({"items": [one]}), "items[0].phones[0].value"),
        ] {
            let calls = read(body.to_string().as_bytes(), 3).unwrap();
            let Placed { call, places } = &calls[0];
            assert_eq!(call.who.worker.as_deref(), Some("21451"));
            let values = BTreeMap::from([
                (Member::Email, "ada@example.com".to_string()),
                (Member::Landline, "+49 30 1234".to_string()),
            ]);
            assert_eq!(call.values, values);
            assert_eq!(places.of(Some(Member::Landline)), place);
        }
    }

    #[test]
    fn every_problem_is_named_by_its_place() {
        let body = json!([
            {"workerId": "1", "email": "ada@example.com"},
            {"workerId": "1", "employeeId": "2", "email": "nobody", "title": "x"},
            {"phones": [{"type": "fax", "value": "123"}, {"type": "mobile", "value": "call me"}, {"value": "1234"}, 7]},
        ]);
        let found = problems(&body);
        let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
        let expected = [
            "[1].title",
            "[1].employeeId",
            "[1].email",
            "[2]",
            "[2].phones[0].type",
            "[2].phones[1].value",
            "[2].phones[2].type",
            "[2].phones[3]",
        ];
        assert_eq!(places, expected, "{found:?}");
        assert!(found[0].1.contains("there is no such member"), "{found:?}");
    }

    #[test]
    fn what_says_nothing_or_too_much_is_refused() {
        for (body, part) in [
            (json!([]), "no callback"),
            (json!({"items": 7}), "must be a list"),
            (json!({"items": [], "more": 1}), "more: there is no such member"),
            (json!({"workerId": "1"}), "it says nothing"),
            (json!({"email": "a@example.com"}), "it names nobody"),
            (
                json!({"workerId": "1", "email": null}),
                "email: it must be a text",
            ),
            (
                json!({"workerId": 1, "email": "a@example.com"}),
                "workerId: it must be a text",
            ),
            (json!({"workerId": "1", "phones": []}), "at least one phone"),
            (
                json!({"workerId": "1", "phones": [{"type": "work", "value": "1234"}, {"type": "landline", "value": "1235"}]}),
                "second phone",
            ),
            (
                json!({"workerId": "1\n", "userName": "x\u{0}y"}),
                "control characters",
            ),
            (json!([1, 2, 3, 4]), "more than the 3"),
            (json!("ada"), "must be an object"),
        ] {
            let error = read(body.to_string().as_bytes(), 3).unwrap_err();
            assert!(error.to_string().contains(part), "{body}: {error}");
        }
        assert!(read(b"{", 3).is_err());
    }

    #[test]
    fn addresses_and_numbers_are_checked_roughly() {
        for text in ["a@example.com", "o'brien+x@mail.example.co.uk", "ü@example.com"] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in [
            "a",
            "@example.com",
            "a@localhost",
            "a@.com",
            "a b@example.com",
            "a@b@example.com",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
        for text in [
            "+1 (206) 555-0143",
            "030/1234",
            "+49 30 1234 x5",
            "+1-206-555-0143;ext=12",
        ] {
            assert!(number(text).is_ok(), "{text}");
        }
        for text in ["12", "call 1234", "1234567890123456789012345678901"] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
