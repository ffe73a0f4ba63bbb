//! Answers that are wrong: what a client of lists must not believe.

use serde_json::{Value, json};

use super::exchange::{Answer, Content};

/// How answers can be wrong, by the names that faults give.
pub const NAMES: &[&str] = &["foreign-link", "repeats-page", "loses-links", "loses-user-type"];

const LINKS: [&str; 2] = ["@odata.nextLink", "@odata.deltaLink"];

/// A list that leads to another service, to itself or nowhere, or that leaves `userType` out. What is no list stays as it
/// is.
pub fn spoil(name: &str, mut answer: Answer, address: &str) -> Answer {
    let Content::Json(body) = &mut answer.content else {
        return answer;
    };
    let Some(members) = body.as_object_mut() else {
        return answer;
    };
    match name {
        "foreign-link" => {
            for link in LINKS {
                if let Some(link) = members.get_mut(link) {
                    *link = json!("https://graph.example.com/v1.0/users/delta?$skiptoken=x");
                }
            }
        }
        "repeats-page" => {
            members.remove(LINKS[1]);
            members.insert(LINKS[0].into(), json!(address));
        }
        "loses-links" => LINKS.iter().for_each(|link| drop(members.remove(*link))),
        "loses-user-type" => {
            let users = members.get_mut("value").and_then(Value::as_array_mut);
            for user in users.into_iter().flatten().filter_map(Value::as_object_mut) {
                user.remove("userType");
            }
        }
        _ => {}
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_spoils_something() {
        let page = json!({
            "@odata.nextLink": "http://here/v1.0/users?$skiptoken=1", "value": [{ "id": "1", "userType": "Member" }],
        });
        for name in NAMES {
            let answer = spoil(name, Answer::ok(page.clone()), "http://here/v1.0/users");
            assert!(
                matches!(answer.content, Content::Json(body) if body != page),
                "{name}"
            );
        }
    }
}
