//! `Change_Work_Contact_Information`, and its reading counterpart, with the rules that the service states.

mod item;
mod show;

pub use show::get;

use jiff::Timestamp;
use jiff::civil::Date;
use roxmltree::Node;

use item::{Contact, read_usage};

use super::answer::begin;
use super::event::{About, Email, Fact, Phone, Process, Usage};
use super::fault::Fault;
use super::pacific;
use super::settings::{Permission, Settings};
use super::soap::{self, child, children};
use super::tenant::{Entry, Tenant};
use super::version::Version;
use super::wid::Wid;
use super::worker::{Kind, Worker};
use super::xml::Xml;

const CONFLICT: &str = "You cannot initiate this action because there are other pending or completed actions for the person that conflict with this one.";
const NOBODY: &str = "Unable to find a subject for this request. Please provide one using either Person Reference or Universal ID Reference.";

/// Carries it out, or leaves it to be approved; answers with the WID of the event.
pub fn change(
    tenant: &mut Tenant,
    settings: &Settings,
    request: Node<'_, '_>,
    version: Version,
    now: Timestamp,
) -> Result<String, Fault> {
    if !settings.allow(Permission::PutWorkContact) || !settings.allow(Permission::WorkContactChange) {
        return Err(Fault::unauthorized());
    }
    let parameters = child(request, "Business_Process_Parameters");
    let completes = parameters.and_then(|parameters| child(parameters, "Auto_Complete"));
    let completes = completes.map(soap::boolean).transpose()?.unwrap_or(false);
    let data = child(request, "Change_Work_Contact_Information_Data")
        .ok_or_else(|| soap::refused(request, "Change Work Contact Information Data is required."))?;
    let worker = subject(data, tenant)?;
    let day = child(data, "Event_Effective_Date").map(soap::day).transpose()?;
    let day = day.unwrap_or_else(|| pacific::day(now));
    if is_busy(&tenant.workers[worker], day, now) {
        return Err(soap::refused(data, CONFLICT));
    }
    let contacts = child(data, "Person_Contact_Information_Data")
        .ok_or_else(|| soap::refused(data, "Person Contact Information Data is required."))?;
    let facts = facts(tenant, worker, contacts, day, now)?;
    let entry = Entry {
        process: Process::ChangeWorkContact,
        entered: now,
        effective: day,
        facts,
        about: About::Itself,
    };
    let event = tenant.event(entry);
    let wid = tenant.event_wid(event.number);
    let worker = &mut tenant.workers[worker];
    match completes {
        true => worker.events.push(event),
        false => worker.pending = Some(Box::new(event)),
    }
    let mut xml = Xml::message(version.labels_references());
    begin(&mut xml, "Change_Work_Contact_Information_Response", version);
    xml.reference(
        "Change_Work_Contact_Information_Event_Reference",
        "Work Contact Change",
        wid,
        &[],
    );
    xml.close("Change_Work_Contact_Information_Response");
    Ok(xml.finish_message())
}

/// Something waits for approval, or was entered for a later day.
fn is_busy(worker: &Worker, day: Date, now: Timestamp) -> bool {
    worker.pending.is_some()
        || worker
            .standing(now)
            .iter()
            .any(|event| event.process == Process::ChangeWorkContact && event.effective > day)
}

/// Whose contacts they are.
fn subject(data: Node<'_, '_>, tenant: &Tenant) -> Result<usize, Fault> {
    let found = subjects(data, tenant)?;
    let Some(first) = found.first().copied() else {
        return Err(soap::refused(data, NOBODY));
    };
    let person = |worker: &usize| tenant.workers[*worker].person;
    match found.iter().all(|other| person(other) == person(&first)) {
        true => Ok(first),
        false => Err(soap::refused(
            data,
            "Person Reference and Universal ID Reference must be the same person.",
        )),
    }
}

/// Everybody whom references name, in their order.
fn subjects(data: Node<'_, '_>, tenant: &Tenant) -> Result<Vec<usize>, Fault> {
    let is_reference =
        |node: &Node| ["Person_Reference", "Universal_ID_Reference"].contains(&node.tag_name().name());
    let mut found = Vec::new();
    for reference in soap::elements(data).filter(is_reference) {
        for (kind, id) in soap::ids(reference) {
            let worker = match kind {
                "WID" => Wid::parse(&id).and_then(|wid| tenant.by_wid(wid)),
                "Employee_ID" => tenant.by_id(Kind::Employee, &id),
                "Contingent_Worker_ID" => tenant.by_id(Kind::Contingent, &id),
                "Universal_Identifier_ID" => tenant.find_person(&id),
                _ => None,
            };
            found.push(worker.ok_or_else(|| soap::invalid_id(reference, kind, &id))?);
        }
    }
    Ok(found)
}

fn facts<'d>(
    tenant: &mut Tenant,
    worker: usize,
    contacts: Node<'d, 'd>,
    day: Date,
    now: Timestamp,
) -> Result<Vec<Fact>, Fault> {
    let view = tenant.workers[worker].view(day, now);
    let (phones, emails): (Vec<Phone>, Vec<Email>) = view.map_or_else(Default::default, |view| {
        let at_work = |usage: &Usage| usage.work;
        (
            view.phones
                .iter()
                .filter(|phone| at_work(&phone.usage))
                .copied()
                .cloned()
                .collect(),
            view.emails
                .iter()
                .filter(|email| at_work(&email.usage))
                .copied()
                .cloned()
                .collect(),
        )
    });
    let mut facts = Vec::new();
    for part in soap::elements(contacts) {
        match part.tag_name().name() {
            "Person_Phone_Information_Data" => facts.extend(merge(tenant, part, &phones)?),
            "Person_Email_Information_Data" => facts.extend(merge(tenant, part, &emails)?),
            name @ ("Person_Address_Information_Data"
            | "Person_Instant_Messenger_Information_Data"
            | "Person_Web_Address_Information_Data") => {
                return Err(soap::refused(
                    part,
                    format!("{name} is nothing this simulator keeps"),
                ));
            }
            name => return Err(Fault::Element { name: name.into() }),
        }
    }
    Ok(facts)
}

/// What becomes of the contacts of one sort that are there.
fn merge<'d, T: Contact>(tenant: &mut Tenant, part: Node<'d, 'd>, before: &[T]) -> Result<Vec<Fact>, Fault> {
    let replaces_all = soap::boolean_attribute(part, "Replace_All")?;
    let mut after = before.to_vec();
    if replaces_all {
        after.retain(|contact| contact.usage().primary);
    }
    let mut new_primaries = 0;
    for item in children(part, T::ITEM) {
        let deletes = soap::boolean_attribute(item, "Delete")?;
        let reference = child(item, T::REFERENCE);
        if replaces_all && deletes {
            return Err(soap::refused(
                item,
                "When Replace All is True, Delete can't be True.",
            ));
        }
        if replaces_all && reference.is_some() {
            let message = format!(
                "When Replace All is True, you can't pass a {} Reference.",
                T::CAPITAL
            );
            return Err(soap::refused(item, message));
        }
        let known = reference.map(|reference| find(reference, &after)).transpose()?;
        match known {
            Some(at) if deletes => delete(item, &mut after, at)?,
            None if deletes => {
                let message = format!(
                    "{} Reference is required when you delete {}",
                    T::CAPITAL,
                    T::DELETED
                );
                return Err(soap::refused(item, message));
            }
            Some(at) => update(item, &mut after[at])?,
            None => {
                let contact: T = add(tenant, item)?;
                if contact.usage().primary {
                    new_primaries += 1;
                    after.retain(|other| !other.usage().primary || !before.contains(other));
                }
                after.push(contact);
            }
        }
    }
    let primaries = after.iter().filter(|contact| contact.usage().primary).count();
    if new_primaries > 1 || primaries > 1 {
        return Err(soap::refused(
            part,
            format!("Only one work {} can be marked as Primary.", T::TITLE),
        ));
    }
    if primaries != 1 && after.iter().any(|contact| !contact.usage().primary) {
        let message = format!(
            "Subject person must have exactly one primary work {} in order to have non-primary entries. The primary contact information may be either previously entered or included within this request.",
            T::LONG
        );
        return Err(soap::refused(part, message));
    }
    let is_gone = |contact: &&T| !after.iter().any(|other| other.number() == contact.number());
    let mut facts: Vec<Fact> = before
        .iter()
        .filter(is_gone)
        .map(|contact| T::gone(contact.number()))
        .collect();
    facts.extend(
        after
            .into_iter()
            .filter(|contact| !before.contains(contact))
            .map(T::fact),
    );
    Ok(facts)
}

/// The contact that a reference names.
fn find<T: Contact>(reference: Node<'_, '_>, contacts: &[T]) -> Result<usize, Fault> {
    let ids: Vec<(&str, String)> = soap::ids(reference).collect();
    let named = |contact: &T| {
        let own = contact.reference();
        ids.iter().any(|(kind, id)| match *kind {
            "WID" => Wid::parse(id) == Some(Wid::of(T::ID, &own)),
            kind => kind == T::ID && *id == own,
        })
    };
    contacts.iter().position(named).ok_or_else(|| {
        soap::refused(
            reference,
            format!(
                "{} Reference must match an existing (and not deleted) {} in use by the person subject of this request.",
                T::CAPITAL,
                T::SHORT
            ),
        )
    })
}

fn delete<T: Contact>(item: Node<'_, '_>, contacts: &mut Vec<T>, at: usize) -> Result<(), Fault> {
    if contacts[at].usage().primary && contacts.len() > 1 {
        let message = format!(
            "Primary {} can't be deleted when there are additional {}s with the same Usage Type.",
            T::CAPITAL,
            T::SHORT
        );
        return Err(soap::refused(item, message));
    }
    contacts.remove(at);
    Ok(())
}

fn update<T: Contact>(item: Node<'_, '_>, contact: &mut T) -> Result<(), Fault> {
    if let Some(usage) = read_usage(item)? {
        if usage.primary != contact.usage().primary {
            let message = format!(
                "You can't change a primary {0} to an additional {0} or an additional {0} to a primary {0}.",
                T::SHORT
            );
            return Err(soap::refused(item, message));
        }
        *contact.usage_mut() = usage;
    }
    if let Some(data) = child(item, T::DATA) {
        *contact = T::read(data, contact.number(), contact.usage().clone())?;
    }
    Ok(())
}

fn add<T: Contact>(tenant: &mut Tenant, item: Node<'_, '_>) -> Result<T, Fault> {
    let usage = read_usage(item)?.ok_or_else(|| soap::refused(item, "Usage Data is required."))?;
    let data = child(item, T::DATA);
    let data = data.ok_or_else(|| soap::refused(item, format!("{} Data is required.", T::CAPITAL)))?;
    T::read(data, tenant.fresh_contact(), usage)
}
