//! `Change_Work_Contact_Information`, and its reading counterpart, with the rules that the service states.

use jiff::Timestamp;
use jiff::civil::Date;
use roxmltree::Node;

use super::answer::{begin, contact_reference, usage};
use super::event::{About, Email, Fact, Phone, Process, Usage};
use super::fault::Fault;
use super::pacific;
use super::phone;
use super::places;
use super::settings::{Permission, Settings};
use super::soap::{self, child, children};
use super::tenant::{Entry, Tenant};
use super::version::Version;
use super::wid::Wid;
use super::worker::{Kind, Worker};
use super::xml::Xml;

const CONFLICT: &str = "You cannot initiate this action because there are other pending or completed actions for the person that conflict with this one.";
const NOBODY: &str = "Unable to find a subject for this request. Please provide one using either Person Reference or Universal ID Reference.";
const NOT_HOME: &str = "Only Work Contact Information can be maintained through this web service. Please remove the Home usage type from the request.";
const NO_COUNTRY: &str = "Country Code is required unless the device type is VOIP.";
const EMAIL_FORMAT: &str =
    "Email addresses must be in the format of 'xxx@yy.com'. Please enter the email address in this format.";

/// Device types of this tenant.
const DEVICES: [&str; 4] = ["Landline", "Mobile", "Fax", "VOIP"];

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
    let mut xml = Xml::new(version.labels_references());
    begin(&mut xml, "Change_Work_Contact_Information_Response", version);
    xml.reference(
        "Change_Work_Contact_Information_Event_Reference",
        "Work Contact Change",
        wid,
        &[],
    );
    xml.close("Change_Work_Contact_Information_Response");
    Ok(xml.finish())
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
fn subject<'d>(data: Node<'d, 'd>, tenant: &Tenant) -> Result<usize, Fault> {
    let person = child(data, "Person_Reference");
    let universal = child(data, "Universal_ID_Reference");
    let mut found = Vec::new();
    for reference in [person, universal].into_iter().flatten() {
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

/// A means of contact, as requests put it.
trait Contact: Clone + PartialEq {
    const ITEM: &str;
    const DATA: &str;
    const REFERENCE: &str;
    const ID: &str;
    /// In messages: `Phone Number`, `phone number`, `phone`, `Phone`, and as something deleted.
    const TITLE: &str;
    const LONG: &str;
    const SHORT: &str;
    const CAPITAL: &str;
    const DELETED: &str;

    fn read(data: Node<'_, '_>, number: u32, usage: Usage) -> Result<Self, Fault>;
    fn number(&self) -> u32;
    fn usage(&self) -> &Usage;
    fn usage_mut(&mut self) -> &mut Usage;
    fn reference(&self) -> String;
    fn fact(self) -> Fact;
    fn gone(number: u32) -> Fact;
}

impl Contact for Phone {
    const ITEM: &str = "Phone_Information_Data";
    const DATA: &str = "Phone_Data";
    const REFERENCE: &str = "Phone_Reference";
    const ID: &str = "Phone_ID";
    const TITLE: &str = "Phone Number";
    const LONG: &str = "phone number";
    const SHORT: &str = "phone";
    const CAPITAL: &str = "Phone";
    const DELETED: &str = "a phone number.";

    fn read(data: Node<'_, '_>, number: u32, usage: Usage) -> Result<Phone, Fault> {
        let device = child(data, "Device_Type_Reference");
        let device = device.ok_or_else(|| soap::refused(data, "Phone Device Type is required."))?;
        let (kind, id) = soap::ids(device).next().unwrap_or_default();
        let known = DEVICES
            .iter()
            .find(|known| **known == id || Wid::parse(&id) == Some(Wid::of("Phone_Device_Type_ID", known)));
        let known = known.ok_or_else(|| soap::invalid_id(device, kind, &id))?;
        let country = child(data, "Country_Code_Reference").ok_or_else(|| soap::refused(data, NO_COUNTRY))?;
        let (kind, id) = soap::ids(country).next().unwrap_or_default();
        let code = places::phone_code(&id).or_else(|| {
            places::COUNTRIES.iter().find(|country| {
                let code = format!("{}_{}", country.alpha3, country.dialling);
                Wid::parse(&id) == Some(Wid::of("Country_Phone_Code_ID", &code))
            })
        });
        let place = code.ok_or_else(|| soap::invalid_id(country, kind, &id))?;
        let written = child(data, "Complete_Phone_Number");
        let written = written.ok_or_else(|| soap::refused(data, "Phone Number is required."))?;
        let digits = phone::digits(&soap::trimmed(written), place);
        let extension = child(data, "Extension").map(soap::trimmed);
        Ok(Phone {
            number,
            device: (*known).into(),
            country: place.alpha2.into(),
            digits: digits.map_err(|why| soap::refused(written, why))?.into(),
            extension: extension
                .filter(|extension| !extension.is_empty())
                .map(Into::into),
            usage,
        })
    }

    fn number(&self) -> u32 {
        self.number
    }

    fn usage(&self) -> &Usage {
        &self.usage
    }

    fn usage_mut(&mut self) -> &mut Usage {
        &mut self.usage
    }

    fn reference(&self) -> String {
        Phone::reference(self)
    }

    fn fact(self) -> Fact {
        Fact::Phone(Box::new(self))
    }

    fn gone(number: u32) -> Fact {
        Fact::PhoneGone(number)
    }
}

impl Contact for Email {
    const ITEM: &str = "Email_Information_Data";
    const DATA: &str = "Email_Data";
    const REFERENCE: &str = "Email_Reference";
    const ID: &str = "Email_ID";
    const TITLE: &str = "Email Address";
    const LONG: &str = "email address";
    const SHORT: &str = "email";
    const CAPITAL: &str = "Email";
    const DELETED: &str = "an email address";

    fn read(data: Node<'_, '_>, number: u32, usage: Usage) -> Result<Email, Fault> {
        let written = child(data, "Email_Address");
        let written = written.ok_or_else(|| soap::refused(data, "Email Address is required."))?;
        let address = soap::trimmed(written);
        let is_address = address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && !address.contains(char::is_whitespace)
                && !domain.contains('@')
        });
        match is_address {
            true => Ok(Email {
                number,
                address: address.into(),
                usage,
            }),
            false => Err(soap::refused(written, EMAIL_FORMAT)),
        }
    }

    fn number(&self) -> u32 {
        self.number
    }

    fn usage(&self) -> &Usage {
        &self.usage
    }

    fn usage_mut(&mut self) -> &mut Usage {
        &mut self.usage
    }

    fn reference(&self) -> String {
        Email::reference(self)
    }

    fn fact(self) -> Fact {
        Fact::Email(Box::new(self))
    }

    fn gone(number: u32) -> Fact {
        Fact::EmailGone(number)
    }
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

/// At work, always.
fn read_usage(item: Node<'_, '_>) -> Result<Option<Usage>, Fault> {
    let Some(node) = child(item, "Usage_Data") else {
        return Ok(None);
    };
    let mut usage = Usage {
        work: false,
        primary: false,
        public: soap::boolean_attribute(node, "Public")?,
        used_for: children(node, "Use_For_Reference")
            .flat_map(soap::ids)
            .map(|(_, id)| id.into())
            .collect(),
    };
    for kind in children(node, "Type_Data") {
        let reference = child(kind, "Type_Reference");
        let reference = reference.ok_or_else(|| soap::refused(kind, "Usage Type is required."))?;
        for (name, id) in soap::ids(reference) {
            let is = |known: &str| {
                id == known || Wid::parse(&id) == Some(Wid::of("Communication_Usage_Type_ID", known))
            };
            if is("HOME") {
                return Err(soap::refused(reference, NOT_HOME));
            }
            if !is("WORK") {
                return Err(soap::invalid_id(reference, name, &id));
            }
        }
        usage.work = true;
        usage.primary |= soap::boolean_attribute(kind, "Primary")?;
    }
    match usage.work {
        true => Ok(Some(usage)),
        false => Err(soap::refused(node, "Usage Type is required.")),
    }
}

/// `Get_Change_Work_Contact_Information`: what is there, in a form that can be sent back.
pub fn get(
    tenant: &Tenant,
    settings: &Settings,
    request: Node<'_, '_>,
    version: Version,
    now: Timestamp,
) -> Result<String, Fault> {
    if !settings.allow(Permission::WorkContact) {
        return Err(Fault::unauthorized());
    }
    let references = child(request, "Request_References").ok_or_else(|| soap::refused(request, NOBODY))?;
    let worker = &tenant.workers[subject(references, tenant)?];
    let day = pacific::day(now);
    let kind = worker.kind.id_type();
    let mut xml = Xml::new(version.labels_references());
    begin(&mut xml, "Get_Change_Work_Contact_Information_Response", version);
    xml.open("Response_Data");
    xml.open("Change_Work_Contact_Information");
    xml.reference("Person_Reference", &worker.id, worker.wid, &[(kind, &worker.id)]);
    xml.open("Change_Work_Contact_Information_Data");
    xml.reference("Person_Reference", &worker.id, worker.wid, &[(kind, &worker.id)]);
    xml.date("Event_Effective_Date", Some(day));
    xml.open("Person_Contact_Information_Data");
    if let Some(view) = worker.view(day, now) {
        write_phones(
            &mut xml,
            view.phones.iter().copied().filter(|phone| phone.usage.work),
            version,
        );
        write_emails(
            &mut xml,
            view.emails.iter().copied().filter(|email| email.usage.work),
        );
    }
    xml.close("Person_Contact_Information_Data");
    xml.close("Change_Work_Contact_Information_Data");
    xml.close("Change_Work_Contact_Information");
    xml.close("Response_Data");
    xml.close("Get_Change_Work_Contact_Information_Response");
    Ok(xml.finish())
}

fn write_phones<'p>(xml: &mut Xml, phones: impl Iterator<Item = &'p Phone>, version: Version) {
    xml.begin("Person_Phone_Information_Data");
    xml.attribute("Replace_All", 0);
    xml.end();
    for phone in phones {
        let country = places::country(&phone.country);
        let code = format!("{}_{}", country.alpha3, country.dialling);
        let kind = "Country_Phone_Code_ID";
        let ids = [(kind, code.as_str())];
        let known: &[(&str, &str)] = if version.has_phone_codes() { &ids } else { &[] };
        begin_item(xml, Phone::ITEM);
        xml.open("Phone_Data");
        xml.simple_reference(
            "Device_Type_Reference",
            &phone.device,
            "Phone_Device_Type_ID",
            &phone.device,
        );
        xml.reference(
            "Country_Code_Reference",
            country.name,
            Wid::of(kind, &code),
            known,
        );
        xml.leaf("Complete_Phone_Number", &phone.digits);
        xml.optional("Extension", phone.extension.as_deref());
        xml.close("Phone_Data");
        usage(xml, &phone.usage);
        contact_reference(xml, "Phone_Reference", "Phone_ID", &phone.reference());
        xml.leaf("Phone_ID", phone.reference());
        xml.close(Phone::ITEM);
    }
    xml.close("Person_Phone_Information_Data");
}

fn write_emails<'e>(xml: &mut Xml, emails: impl Iterator<Item = &'e Email>) {
    xml.begin("Person_Email_Information_Data");
    xml.attribute("Replace_All", 0);
    xml.end();
    for email in emails {
        begin_item(xml, Email::ITEM);
        xml.open("Email_Data");
        xml.leaf("Email_Address", &email.address);
        xml.close("Email_Data");
        usage(xml, &email.usage);
        contact_reference(xml, "Email_Reference", "Email_ID", &email.reference());
        xml.leaf("Email_ID", email.reference());
        xml.close(Email::ITEM);
    }
    xml.close("Person_Email_Information_Data");
}

fn begin_item(xml: &mut Xml, name: &str) {
    xml.begin(name);
    xml.attribute("Delete", 0);
    xml.end();
}
