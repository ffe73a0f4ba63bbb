//! `Personal_Data`: names, custom IDs, phones, e-mail.

use super::Desk;
use crate::lab::workday::event::{Email, Phone, Usage};
use crate::lab::workday::phone::Written;
use crate::lab::workday::places::{self, Country};
use crate::lab::workday::settings::Permission;
use crate::lab::workday::version::Version;
use crate::lab::workday::wid::Wid;
use crate::lab::workday::worker::{View, Worker};
use crate::lab::workday::xml::Xml;

impl Desk<'_> {
    pub(super) fn personal(&self, xml: &mut Xml, worker: &Worker, view: &View) {
        xml.open("Personal_Data");
        if self.version.is_30() {
            xml.leaf("Universal_ID", worker.universal_id());
        }
        if self.settings.allow(Permission::Names) {
            self.names(xml, view);
        }
        if let Some(badge) = view
            .badge
            .filter(|_| self.settings.allow(Permission::IdInformation))
        {
            custom_id(xml, worker, badge);
        }
        self.contacts(xml, view);
        xml.close("Personal_Data");
    }

    fn names(&self, xml: &mut Xml, view: &View) {
        let country = view
            .site
            .and_then(|site| self.tenant.sites.get(usize::from(site)))
            .map_or(&places::COUNTRIES[0], |site| places::country(site.country));
        xml.open("Name_Data");
        xml.open("Legal_Name_Data");
        name(xml, country, view.first_name, view.middle_name, view.last_name);
        xml.close("Legal_Name_Data");
        if view.preferred_first_name.is_some() || view.preferred_last_name.is_some() {
            let first = view.preferred_first_name.unwrap_or(view.first_name);
            let last = view.preferred_last_name.unwrap_or(view.last_name);
            xml.open("Preferred_Name_Data");
            name(xml, country, first, None, last);
            xml.close("Preferred_Name_Data");
        }
        xml.close("Name_Data");
    }

    fn contacts(&self, xml: &mut Xml, view: &View) {
        let seen = |usage: &Usage| {
            self.settings.allow(match usage.work {
                true => Permission::WorkContact,
                false => Permission::HomeContact,
            })
        };
        let phones: Vec<&&Phone> = view.phones.iter().filter(|phone| seen(&phone.usage)).collect();
        let emails: Vec<&&Email> = view.emails.iter().filter(|email| seen(&email.usage)).collect();
        if phones.is_empty() && emails.is_empty() {
            return;
        }
        xml.open("Contact_Data");
        for phone in phones {
            write_phone(xml, phone, self.version);
        }
        for email in emails {
            write_email(xml, email, self.version);
        }
        xml.close("Contact_Data");
    }
}

fn name(xml: &mut Xml, country: &Country, first: &str, middle: Option<&str>, last: &str) {
    let given = match middle {
        Some(middle) => format!("{first} {middle}"),
        None => first.to_string(),
    };
    xml.begin("Name_Detail_Data");
    xml.attribute("Formatted_Name", format_args!("{given} {last}"));
    xml.attribute("Reporting_Name", format_args!("{last}, {given}"));
    xml.end();
    country_reference(xml, "Country_Reference", country);
    xml.leaf("First_Name", first);
    xml.optional("Middle_Name", middle);
    xml.leaf("Last_Name", last);
    xml.close("Name_Detail_Data");
}

pub(super) fn country_reference(xml: &mut Xml, name: &str, country: &Country) {
    let ids = [
        ("ISO_3166-1_Alpha-2_Code", country.alpha2),
        ("ISO_3166-1_Alpha-3_Code", country.alpha3),
        ("ISO_3166-1_Numeric-3_Code", country.numeric),
    ];
    xml.reference(name, country.name, Wid::of("Country", country.alpha2), &ids);
}

fn custom_id(xml: &mut Xml, worker: &Worker, badge: &str) {
    xml.open("Identification_Data");
    xml.open("Custom_ID");
    let wid = Wid::of(
        "Custom_Identifier_Reference_ID",
        &format!("{}{badge}", worker.wid),
    );
    xml.reference("Custom_ID_Reference", badge, wid, &[]);
    xml.open("Custom_ID_Data");
    xml.leaf("ID", badge);
    xml.simple_reference("ID_Type_Reference", "Badge ID", "Custom_ID_Type_ID", "Badge_ID");
    xml.close("Custom_ID_Data");
    xml.close("Custom_ID");
    xml.close("Identification_Data");
}

fn write_phone(xml: &mut Xml, phone: &Phone, version: Version) {
    let country = places::country(&phone.country);
    let written = Written::of(phone, country);
    xml.begin("Phone_Data");
    if version.is_31() {
        if let Some(area) = written.area {
            xml.attribute("Area_Code", area);
        }
        xml.attribute("Tenant_Formatted_Phone", &written.international);
        xml.attribute("International_Formatted_Phone", &written.international);
        xml.attribute("Phone_Number_Without_Area_Code", written.rest);
        xml.attribute("National_Formatted_Phone", &written.national);
        xml.attribute("E164_Formatted_Phone", &written.e164);
    } else {
        xml.attribute("Formatted_Phone", &written.traditional);
    }
    if version.has_traditional_phones() {
        xml.attribute("Workday_Traditional_Formatted_Phone", &written.traditional);
    }
    xml.end();
    xml.leaf("Country_ISO_Code", country.alpha3);
    xml.leaf("International_Phone_Code", country.dialling);
    if version.is_31() {
        xml.leaf("Phone_Number", &written.plain);
    } else {
        xml.optional("Area_Code", written.area);
        xml.leaf("Phone_Number", written.rest);
    }
    xml.optional("Phone_Extension", phone.extension.as_deref());
    xml.simple_reference(
        "Phone_Device_Type_Reference",
        &phone.device,
        "Phone_Device_Type_ID",
        &phone.device,
    );
    usage(xml, &phone.usage);
    if version.is_30() {
        contact_reference(xml, "Phone_Reference", "Phone_ID", &phone.reference());
        xml.leaf("ID", phone.reference());
    }
    xml.close("Phone_Data");
}

fn write_email(xml: &mut Xml, email: &Email, version: Version) {
    xml.open("Email_Address_Data");
    xml.leaf("Email_Address", &email.address);
    usage(xml, &email.usage);
    if version.is_30() {
        contact_reference(xml, "Email_Reference", "Email_ID", &email.reference());
        xml.leaf("ID", email.reference());
    }
    xml.close("Email_Address_Data");
}

/// A reference to a means of contact.
pub fn contact_reference(xml: &mut Xml, name: &str, kind: &str, id: &str) {
    xml.simple_reference(name, id, kind, id);
}

/// What a means of contact is for.
pub fn usage(xml: &mut Xml, usage: &Usage) {
    let (label, id) = match usage.work {
        true => ("Work", "WORK"),
        false => ("Home", "HOME"),
    };
    xml.begin("Usage_Data");
    xml.attribute("Public", u8::from(usage.public));
    xml.end();
    xml.begin("Type_Data");
    xml.attribute("Primary", u8::from(usage.primary));
    xml.end();
    xml.simple_reference("Type_Reference", label, "Communication_Usage_Type_ID", id);
    xml.close("Type_Data");
    for behavior in &usage.used_for {
        xml.simple_reference(
            "Use_For_Reference",
            behavior,
            "Communication_Usage_Behavior_ID",
            behavior,
        );
    }
    xml.close("Usage_Data");
}
