//! What contacts are there, in a form that can be sent back.

use jiff::Timestamp;
use jiff::civil::Date;
use roxmltree::Node;

use super::item::Contact;
use super::{NOBODY, subjects};
use crate::lab::workday::answer::{Page, begin, contact_reference, usage};
use crate::lab::workday::event::{Email, Phone};
use crate::lab::workday::fault::Fault;
use crate::lab::workday::pacific;
use crate::lab::workday::places;
use crate::lab::workday::settings::{Permission, Settings};
use crate::lab::workday::soap::{self, child};
use crate::lab::workday::tenant::Tenant;
use crate::lab::workday::version::Version;
use crate::lab::workday::wid::Wid;
use crate::lab::workday::worker::Worker;
use crate::lab::workday::xml::Xml;

/// People on a page where nobody says otherwise.
const USUAL: usize = 100;

/// `Get_Change_Work_Contact_Information`.
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
    let people = subjects(references, tenant)?;
    if people.is_empty() {
        return Err(soap::refused(references, NOBODY));
    }
    let filter = child(request, "Response_Filter");
    let number = |name, usual| match filter.and_then(|filter| child(filter, name)) {
        None => Ok(usual),
        Some(node) => match usize::try_from(soap::number(node)?) {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(soap::refused(node, format!("{name} must be a positive number."))),
        },
    };
    let (page, count) = (number("Page", 1)?, number("Count", USUAL)?);
    let shown = Page::workers(&people, page, count);
    let mut xml = Xml::message(version.labels_references());
    begin(&mut xml, "Get_Change_Work_Contact_Information_Response", version);
    xml.open("Response_Results");
    xml.leaf("Total_Results", people.len());
    xml.leaf("Total_Pages", people.len().div_ceil(count));
    xml.leaf("Page_Results", shown.len());
    xml.leaf("Page", page);
    xml.close("Response_Results");
    xml.open("Response_Data");
    for worker in shown {
        write_person(&mut xml, &tenant.workers[worker], pacific::day(now), now, version);
    }
    xml.close("Response_Data");
    xml.close("Get_Change_Work_Contact_Information_Response");
    Ok(xml.finish_message())
}

fn write_person(xml: &mut Xml, worker: &Worker, day: Date, now: Timestamp, version: Version) {
    let kind = worker.kind.id_type();
    xml.open("Change_Work_Contact_Information");
    xml.reference("Person_Reference", &worker.id, worker.wid, &[(kind, &worker.id)]);
    xml.open("Change_Work_Contact_Information_Data");
    xml.reference("Person_Reference", &worker.id, worker.wid, &[(kind, &worker.id)]);
    xml.date("Event_Effective_Date", Some(day));
    xml.open("Person_Contact_Information_Data");
    if let Some(view) = worker.view(day, now) {
        write_phones(
            xml,
            view.phones.iter().copied().filter(|phone| phone.usage.work),
            version,
        );
        write_emails(xml, view.emails.iter().copied().filter(|email| email.usage.work));
    }
    xml.close("Person_Contact_Information_Data");
    xml.close("Change_Work_Contact_Information_Data");
    xml.close("Change_Work_Contact_Information");
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
