//! One person on the way: what is to be sent, what each answer means for the rest, and how it ended.

use std::collections::BTreeMap;

use super::answer::{self, Id};
use super::contact::{Contacts, ids};
use super::edit::{self, Edit, Item};
use super::find::Worker;
use super::model::{Place, USER_NAME};
use super::settings::Settings;
use super::target::Shared;
use super::write::{ChangeContacts, RenameAccount};
use crate::connector::workday::client::Trouble;
use crate::connector::{Halt, MayStart, Outcome, answered};
use crate::domain::account::{Anchor, Protection};
use crate::domain::plan::{Change, ChangeId, Effect, HrEvent, Receipt};
use crate::error::{Error, Kind, Result};

/// One change on its way.
pub(super) struct Writing {
    id: ChangeId,
    account: Option<Anchor>,
    /// What is left to be done.
    effects: Vec<Effect>,
    worker: Option<Worker>,
    edits: Vec<Edit>,
    done: Vec<Effect>,
    event: Option<String>,
    /// What was refused of it while the rest went on.
    error: Option<Error>,
    end: Option<Halt>,
}

impl Writing {
    pub fn new(change: Change) -> Writing {
        let mut writing = Writing {
            id: change.id,
            account: change.account,
            effects: change.effects,
            worker: None,
            edits: Vec::new(),
            done: Vec::new(),
            event: None,
            error: None,
            end: None,
        };
        if writing.account.is_none() {
            writing.refuse(unsupported(
                "workers are hired in Workday and not made from here: take Add out of the job's flowTypes",
            ));
        } else if let Some(error) = writing.effects.iter().find_map(not_writable) {
            writing.refuse(error);
        }
        writing
    }

    pub fn wid(&self) -> Option<String> {
        let wid = self.account.as_ref().filter(|_| self.end.is_none())?;
        Some(wid.0.clone())
    }

    pub fn is_about_contacts(&self) -> bool {
        self.effects.iter().any(is_contact)
    }

    /// Goes no further.
    pub fn refuse(&mut self, error: Error) {
        self.end.get_or_insert(Halt::Refused(error));
    }

    /// Who it is, as of now.
    pub fn meet(&mut self, worker: Option<&Worker>) {
        match worker {
            None => {
                let gone = Error::new(
                    Kind::NotFound,
                    "the worker is not there any more, or the integration user may not see it",
                );
                self.refuse(gone.code("WorkerNotFound"));
            }
            Some(worker) if worker.account.protected == Some(Protection::Left) => {
                let left = Error::new(
                    Kind::Forbidden,
                    "the worker has left since it was read: nothing is written home any more",
                );
                self.refuse(left.code("WorkerHasLeft"));
            }
            Some(worker) => self.worker = Some(worker.clone()),
        }
    }

    /// Holds the plan against what is there (B27), and works out what is to be sent.
    pub fn compare(&mut self, contacts: Option<Result<Contacts>>, settings: &Settings) {
        if self.end.is_some() {
            return;
        }
        let contacts = match contacts.transpose() {
            Ok(contacts) => contacts.unwrap_or_default(),
            Err(error) => return self.refuse(error),
        };
        let user_name = self.worker.as_ref().and_then(|worker| worker.user_name.clone());
        let mut held = contacts.values(settings);
        held.extend(user_name.map(|name| (USER_NAME, name)));
        if let Some(attribute) = self.effects.iter().find_map(|effect| overtaken_by(effect, &held)) {
            let error = Error::new(
                Kind::Stale,
                "somebody changed the worker in Workday since it was read",
            );
            return self.refuse(error.code("Conflict").at(attribute));
        }
        let is_there = |effect: &Effect| matches!(effect, Effect::Set { attribute, after, .. } if value_of(attribute, &held) == text(after));
        let (there, left): (Vec<Effect>, Vec<Effect>) =
            std::mem::take(&mut self.effects).into_iter().partition(is_there);
        self.done = there;
        let edits = edit::edits(&left, &contacts, settings);
        self.effects = left;
        self.error = edits.refused.into_iter().next();
        self.edits = edits.edits;
    }

    /// Writes what is to be written: the contacts together, then the user name.
    pub async fn carry_out(mut self, shared: &Shared, may_start: &MayStart) -> (ChangeId, Outcome) {
        let settings = &shared.reader.settings;
        if self.end.is_none() {
            self.change_contacts(shared, may_start).await;
        }
        if self.end.is_none() {
            self.rename(shared, may_start).await;
        }
        self.outcome(&shared.endpoint.0, settings)
    }

    async fn change_contacts(&mut self, shared: &Shared, may_start: &MayStart) {
        let edits = std::mem::take(&mut self.edits);
        let (sent, there): (Vec<Edit>, Vec<Edit>) = edits.into_iter().partition(|edit| edit.item.is_some());
        self.done.extend(there.into_iter().flat_map(|edit| edit.effects));
        if sent.is_empty() {
            return;
        }
        let Err(trouble) = self.send(&sent, shared, may_start).await else {
            return;
        };
        // One of several may be at fault; the others are written without it. What waits would be in the way of the next.
        let may_split = shared.reader.settings.auto_complete && is_about_content(&trouble);
        if sent.len() == 1 || !may_split {
            return self.failed(trouble, &sent);
        }
        for edit in sent {
            let one = std::slice::from_ref(&edit);
            if let Err(trouble) = self.send(one, shared, may_start).await {
                self.failed(trouble, one);
            }
            if self.end.is_some() {
                return;
            }
        }
    }

    async fn send(&mut self, edits: &[Edit], shared: &Shared, may_start: &MayStart) -> Result<(), Trouble> {
        let items: Vec<&Item> = edits.iter().filter_map(|edit| edit.item.as_ref()).collect();
        let message = ChangeContacts {
            person: self.account.as_ref().map_or("", |wid| &wid.0),
            items: &items,
            settings: &shared.reader.settings,
        };
        let read = |body| {
            let wanted = "Change_Work_Contact_Information_Response";
            let event = answer::whole(body, wanted, |tree, root| {
                let reference = tree.child(root, "Change_Work_Contact_Information_Event_Reference")?;
                let wid = ids(tree, reference).find(|id| id.kind == "WID");
                wid.or_else(|| ids(tree, reference).next()).map(|id| id.value)
            })?;
            Ok(event.flatten())
        };
        let answered = shared.client.tell(&message, may_start, read).await?;
        self.event = answered.value.or_else(|| self.event.take());
        self.done
            .extend(edits.iter().flat_map(|edit| edit.effects.iter().cloned()));
        Ok(())
    }

    async fn rename(&mut self, shared: &Shared, may_start: &MayStart) {
        let Some((effect, name)) = self.effects.iter().find_map(new_name) else {
            return;
        };
        let Some(worker) = self.worker.as_ref().and_then(|worker| worker.id.clone()) else {
            let nameless = "Workday shows neither an Employee_ID nor a Contingent_Worker_ID, by which accounts are found";
            self.error
                .get_or_insert(Error::invalid(nameless).code("WorkerNotFound").at(USER_NAME));
            return;
        };
        let worker: &Id = &worker;
        let message = RenameAccount {
            worker,
            name: &name,
            settings: &shared.reader.settings,
        };
        // The answer has an empty body.
        let read = |body| answer::whole(body, "Update_Workday_Account_Response", |_, _| ()).map(drop);
        let edit = Edit {
            item: None,
            effects: vec![effect],
        };
        match shared.client.tell(&message, may_start, read).await {
            Ok(_) => self.done.extend(edit.effects),
            Err(trouble) => self.failed(trouble, &[edit]),
        }
    }

    /// It was refused, or nobody knows.
    fn failed(&mut self, trouble: Trouble, sent: &[Edit]) {
        if trouble.may_be_done {
            let mut error = trouble.error;
            error.kind = Kind::Unavailable;
            self.end = Some(Halt::Unknown(error));
            return;
        }
        let ends = matches!(
            trouble.error.kind,
            Kind::Unauthenticated | Kind::Unavailable | Kind::Stale
        );
        let error = match sent {
            [edit] if is_about_content(&trouble) => trouble.error.at(at_fault(edit)),
            _ => trouble.error,
        };
        match ends {
            true => self.refuse(error),
            false => drop(self.error.get_or_insert(error)),
        }
    }

    fn outcome(self, endpoint: &str, settings: &Settings) -> (ChangeId, Outcome) {
        let address = self
            .worker
            .map(|worker| worker.account.address)
            .unwrap_or_default();
        let event = self.event.map(|id| HrEvent {
            id,
            waiting: !settings.auto_complete,
        });
        let receipt = self.account.map(|account| Receipt {
            change: self.id,
            account,
            address,
            endpoint: endpoint.to_string(),
            done: self.done,
            at: answered(),
            event,
        });
        let end = self.end.or(self.error.map(Halt::Refused));
        (self.id, Outcome::of(receipt, end))
    }
}

fn is_contact(effect: &Effect) -> bool {
    matches!(effect, Effect::Set { attribute, .. } if matches!(Place::of(attribute), Some(Place::Email | Place::Phone(..))))
}

/// Why an effect cannot be written to Workday at all.
fn not_writable(effect: &Effect) -> Option<Error> {
    let Effect::Set { attribute, after, .. } = effect else {
        return Some(unsupported(
            "Workday takes home e-mail addresses, phones and user names; nobody is made, disabled, moved or deleted there from here",
        ));
    };
    let error = match Place::of(attribute) {
        None => unsupported("Workday takes home no such attribute: take the mapping out"),
        Some(Place::WorkerId) => unsupported(
            "Workday gives worker IDs itself: map WorkerID as the matching attribute, on create only",
        ),
        Some(Place::UserName) if text(after).is_none() => {
            unsupported("an account of Workday's has a user name: it is never taken away")
        }
        Some(_) => return None,
    };
    Some(error.at(attribute.clone()))
}

fn unsupported(message: &str) -> Error {
    Error::new(Kind::Unsupported, message)
}

/// One value; an empty text is none.
fn text(values: &[String]) -> Option<&str> {
    values.first().map(String::as_str).filter(|text| !text.is_empty())
}

fn value_of<'v>(attribute: &str, held: &'v BTreeMap<&'static str, String>) -> Option<&'v str> {
    let name = Place::of(attribute)?.name()?;
    held.get(name).map(String::as_str)
}

/// The attribute that is neither as the plan saw it nor as the plan wants it.
fn overtaken_by(effect: &Effect, held: &BTreeMap<&'static str, String>) -> Option<String> {
    match effect {
        Effect::Set {
            attribute,
            before,
            after,
        } => {
            let held = value_of(attribute, held);
            (held != text(before) && held != text(after)).then(|| attribute.clone())
        }
        _ => None,
    }
}

fn new_name(effect: &Effect) -> Option<(Effect, String)> {
    match effect {
        Effect::Set { attribute, after, .. } if Place::of(attribute) == Some(Place::UserName) => {
            Some((effect.clone(), text(after)?.to_string()))
        }
        _ => None,
    }
}

/// Workday refused what was sent, and not whoever sent it or the moment.
fn is_about_content(trouble: &Trouble) -> bool {
    !trouble.may_be_done && trouble.error.kind == Kind::Invalid && trouble.error.code != "PendingProcess"
}

/// The attribute by which an entry goes.
fn at_fault(edit: &Edit) -> String {
    let attributes = edit.effects.iter().filter_map(|effect| match effect {
        Effect::Set { attribute, .. } => Some(attribute),
        _ => None,
    });
    let rank = |attribute: &&String| {
        !matches!(
            Place::of(attribute),
            Some(Place::Phone(_, super::model::Part::Number))
        )
    };
    attributes.min_by_key(rank).cloned().unwrap_or_default()
}
