//! One phone or address, as requests put it.

use roxmltree::Node;

use crate::lab::workday::event::{Email, Fact, Phone, Usage};
use crate::lab::workday::fault::Fault;
use crate::lab::workday::phone;
use crate::lab::workday::places;
use crate::lab::workday::soap::{self, child, children};
use crate::lab::workday::wid::Wid;

const NOT_HOME: &str = "Only Work Contact Information can be maintained through this web service. Please remove the Home usage type from the request.";
const NO_COUNTRY: &str = "Country Code is required unless the device type is VOIP.";
const EMAIL_FORMAT: &str =
    "Email addresses must be in the format of 'xxx@yy.com'. Please enter the email address in this format.";

/// Device types of this tenant.
const DEVICES: [&str; 4] = ["Landline", "Mobile", "Fax", "VOIP"];

/// A means of contact, as requests put it.
pub trait Contact: Clone + PartialEq {
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

/// At work, always.
pub fn read_usage(item: Node<'_, '_>) -> Result<Option<Usage>, Fault> {
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
