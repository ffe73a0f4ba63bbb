//! Reading back the work contacts of many people, as they can be sent again.

use std::collections::HashMap;
use std::sync::Arc;

use super::answer;
use super::contact::{Contacts, ids};
use super::find::{Reader, Worker};
use super::target::Shared;
use super::tree::{Node, Tree};
use super::write::GetContacts;
use crate::error::{Error, Kind, Result};

/// The contacts of these people, by WID as it was given. One who is not among them has an error of his or her own.
pub(super) async fn contacts(
    shared: &Shared,
    people: &[(String, &Worker)],
) -> HashMap<String, Result<Contacts>> {
    let mut found = HashMap::with_capacity(people.len());
    match together(shared, people).await {
        Ok(contacts) => {
            for ((wid, _), contacts) in people.iter().zip(contacts) {
                found.insert(wid.clone(), contacts.ok_or_else(not_there));
            }
        }
        // It may be about one of them; the others are not held up by it.
        Err(error) if people.len() > 1 && matches!(error.kind, Kind::NotFound | Kind::Invalid) => {
            for one in people {
                let contacts = together(shared, std::slice::from_ref(one)).await;
                let own =
                    contacts.and_then(|contacts| contacts.into_iter().flatten().next().ok_or_else(not_there));
                found.insert(one.0.clone(), own);
            }
        }
        Err(error) => found.extend(people.iter().map(|(wid, _)| (wid.clone(), Err(error.shared())))),
    }
    found
}

/// `contacts[i]` are those of `people[i]`.
async fn together(shared: &Shared, people: &[(String, &Worker)]) -> Result<Vec<Option<Contacts>>> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let wids: Vec<String> = people.iter().map(|(wid, _)| wid.clone()).collect();
    let question = GetContacts { people: &wids };
    // Whoever is meant may be named by WID or by the worker's own ID.
    let names: Vec<Vec<(String, String)>> = people
        .iter()
        .map(|(wid, worker)| {
            let own = worker.id.iter().map(|id| (id.kind.clone(), id.value.clone()));
            own.chain([("WID".to_string(), wid.to_ascii_lowercase())])
                .collect()
        })
        .collect();
    let names = Arc::new(names);
    let reader: Arc<Reader> = shared.reader.clone();
    let read = move |body| {
        let wanted = "Get_Change_Work_Contact_Information_Response";
        let contacts = answer::whole(body, wanted, |tree, root| {
            let mut contacts: Vec<Option<Contacts>> = vec![None; names.len()];
            for person in wrappers(tree, root) {
                let at = named(tree, person, &names);
                if let (Some(at), Some(own)) = (at, of(tree, person, &reader)) {
                    contacts[at] = Some(own);
                }
            }
            contacts
        })?;
        Ok(contacts.unwrap_or_default())
    };
    let answered = shared.client.ask(&question, read).await;
    answered
        .map(|answered| answered.value)
        .map_err(|trouble| trouble.error)
}

fn wrappers(tree: &Tree, root: Node) -> impl Iterator<Item = Node> + '_ {
    let data = tree
        .elements(root)
        .filter(|part| tree.local(*part) == "Response_Data");
    data.flat_map(|data| tree.elements(data))
}

/// Whose contacts they are, by position.
fn named(tree: &Tree, person: Node, names: &[Vec<(String, String)>]) -> Option<usize> {
    let reference = tree.child(person, "Person_Reference")?;
    let own: Vec<(String, String)> = ids(tree, reference)
        .map(|id| match id.kind.as_str() {
            "WID" => (id.kind, id.value.to_ascii_lowercase()),
            _ => (id.kind, id.value),
        })
        .collect();
    names
        .iter()
        .position(|names| names.iter().any(|name| own.contains(name)))
}

fn of(tree: &Tree, person: Node, reader: &Reader) -> Option<Contacts> {
    let data = tree.child(person, "Change_Work_Contact_Information_Data")?;
    let contacts = tree
        .child(data, "Person_Contact_Information_Data")
        .map(|information| Contacts::of_person(tree, information, &reader.settings));
    Some(contacts.unwrap_or_default())
}

fn not_there() -> Error {
    let message = "Workday does not show this worker's contacts: the worker may be gone, or the integration user may not see them";
    Error::new(Kind::NotFound, message).code("WorkerNotFound")
}
