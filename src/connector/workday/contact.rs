//! A person's work contacts as Workday shows them: in a worker's data, and in a form that can be sent back.

use std::collections::BTreeMap;

use super::answer::Id;
use super::model::{DEVICES, Device, Part, Place};
use super::phone::{self, Country, digits};
use super::settings::Settings;
use super::tree::{Node, Tree};

/// What of somebody's contacts is for work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contacts {
    pub phones: Vec<Entry<Phone>>,
    pub emails: Vec<Entry<Email>>,
}

/// A phone or an address, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<T> {
    pub data: T,
    /// Workday's own name for it; `None` for one that Workday is yet to be told, or that came without.
    pub reference: Option<Id>,
    pub is_primary: bool,
    pub is_public: bool,
    /// What else it is used for. It is sent back as it came.
    pub uses: Vec<Use>,
    pub comments: Option<String>,
}

/// Something that an entry is used for: the element, and the identifier in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub element: &'static str,
    pub id: Id,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phone {
    /// The identifiers of its device type.
    pub device: Vec<String>,
    /// ISO 3166 in three letters.
    pub country: Option<String>,
    /// The dialling code, digits.
    pub code: Option<String>,
    /// National digits.
    pub number: String,
    pub extension: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Email {
    pub address: String,
    pub comment: Option<String>,
}

/// What entries may be used for, in the schema's order.
const USES: [&str; 2] = ["Use_For_Reference", "Use_For_Tenanted_Reference"];

impl Contacts {
    /// Reads the `Contact_Data` of a worker.
    pub fn of_worker(tree: &Tree, contact: Node, settings: &Settings) -> Contacts {
        let mut contacts = Contacts::default();
        for entry in tree.elements(contact) {
            match tree.local(entry) {
                "Phone_Data" => {
                    let phone = || worker_phone(tree, entry);
                    contacts
                        .phones
                        .extend(read(tree, entry, settings, "Phone_Reference", phone));
                }
                "Email_Address_Data" => {
                    let email = || email(tree, entry);
                    contacts
                        .emails
                        .extend(read(tree, entry, settings, "Email_Reference", email));
                }
                _ => {}
            }
        }
        contacts
    }

    /// Reads a `Person_Contact_Information_Data`, which can be sent back.
    pub fn of_person(tree: &Tree, information: Node, settings: &Settings) -> Contacts {
        let mut contacts = Contacts::default();
        let entries = tree.elements(information).flat_map(|list| tree.elements(list));
        for entry in entries {
            let data = |name| tree.child(entry, name);
            match tree.local(entry) {
                "Phone_Information_Data" => {
                    let phone = || person_phone(tree, data("Phone_Data")?);
                    contacts
                        .phones
                        .extend(read(tree, entry, settings, "Phone_Reference", phone));
                }
                "Email_Information_Data" => {
                    let email = || email(tree, data("Email_Data")?);
                    contacts
                        .emails
                        .extend(read(tree, entry, settings, "Email_Reference", email));
                }
                _ => {}
            }
        }
        contacts
    }

    pub fn primary_email(&self) -> Option<&Entry<Email>> {
        self.emails.iter().find(|email| email.is_primary)
    }

    /// The phone of a device: the primary one if it is.
    pub fn phone(&self, device: Device, settings: &Settings) -> Option<&Entry<Phone>> {
        let id = settings.device(device);
        let of_device = || {
            self.phones
                .iter()
                .filter(|phone| phone.data.device.iter().any(|own| own == id))
        };
        of_device()
            .find(|phone| phone.is_primary)
            .or_else(|| of_device().next())
    }

    pub fn has_primary_phone(&self) -> bool {
        self.phones.iter().any(|phone| phone.is_primary)
    }

    /// As attributes, by their documented names.
    pub fn values(&self, settings: &Settings) -> BTreeMap<&'static str, String> {
        let mut values = BTreeMap::new();
        let mut put = |place: Place, value: Option<String>| {
            if let (Some(name), Some(value)) = (place.name(), value) {
                values.insert(name, value);
            }
        };
        put(
            Place::Email,
            self.primary_email().map(|email| email.data.address.clone()),
        );
        for device in DEVICES {
            let Some(phone) = self.phone(device, settings) else {
                continue;
            };
            put(
                Place::Phone(device, Part::IsPrimary),
                Some(phone.is_primary.to_string()),
            );
            put(Place::Phone(device, Part::Country), phone.data.country.clone());
            put(Place::Phone(device, Part::Code), phone.data.code.clone());
            put(
                Place::Phone(device, Part::Number),
                Some(phone.data.number.clone()),
            );
            put(
                Place::Phone(device, Part::Extension),
                phone.data.extension.clone(),
            );
        }
        values
    }
}

/// An entry, if it is for work.
fn read<T>(
    tree: &Tree,
    entry: Node,
    settings: &Settings,
    reference: &str,
    data: impl FnOnce() -> Option<T>,
) -> Option<Entry<T>> {
    let is_work = |kind: &Node| {
        let reference = tree.child(*kind, "Type_Reference");
        reference.is_some_and(|reference| ids(tree, reference).any(|id| id.value == settings.usage))
    };
    let kinds = |usage| {
        tree.elements(usage)
            .filter(|kind| tree.local(*kind) == "Type_Data")
    };
    let mut usages = tree
        .elements(entry)
        .filter(|usage| tree.local(*usage) == "Usage_Data");
    let (usage, kind) = usages.find_map(|usage| Some((usage, kinds(usage).find(is_work)?)))?;
    let flag = |node, name| tree.attribute(node, name).is_some_and(is_true);
    let uses = USES.into_iter().flat_map(|element| {
        let named = tree
            .elements(usage)
            .filter(move |used| tree.local(*used) == element);
        named.filter_map(move |used| {
            let id = best(tree, used)?;
            Some(Use { element, id })
        })
    });
    Some(Entry {
        data: data()?,
        reference: tree
            .child(entry, reference)
            .and_then(|reference| best(tree, reference)),
        is_primary: flag(kind, "Primary"),
        is_public: flag(usage, "Public"),
        uses: uses.collect(),
        comments: said(tree, usage, "Comments"),
    })
}

fn worker_phone(tree: &Tree, entry: Node) -> Option<Phone> {
    let number = said(tree, entry, "Phone_Number")?;
    // Up to v30.0 the area code is a part of its own.
    let number = said(tree, entry, "Area_Code").unwrap_or_default() + &number;
    let country = said(tree, entry, "Country_ISO_Code");
    let code = said(tree, entry, "International_Phone_Code").map(|code| digits(&code));
    let device = tree.child(entry, "Phone_Device_Type_Reference");
    Some(phone(
        tree,
        device,
        country,
        code,
        &number,
        said(tree, entry, "Phone_Extension"),
    ))
}

fn person_phone(tree: &Tree, data: Node) -> Option<Phone> {
    let number = said(tree, data, "Complete_Phone_Number")?;
    // `GBR_44`.
    let code = tree.child(data, "Country_Code_Reference").and_then(|reference| {
        let id = ids(tree, reference).find(|id| id.kind == "Country_Phone_Code_ID")?;
        let (country, code) = id.value.split_once('_')?;
        Some((country.to_string(), digits(code)))
    });
    let (country, code) = code.unzip();
    let device = tree.child(data, "Device_Type_Reference");
    Some(phone(
        tree,
        device,
        country,
        code,
        &number,
        said(tree, data, "Extension"),
    ))
}

fn phone(
    tree: &Tree,
    device: Option<Node>,
    country: Option<String>,
    code: Option<String>,
    number: &str,
    extension: Option<String>,
) -> Phone {
    let known = country.as_deref().and_then(Country::named);
    let known = known.or_else(|| code.as_deref().and_then(Country::dialled));
    Phone {
        device: device.map_or_else(Vec::new, |device| ids(tree, device).map(|id| id.value).collect()),
        number: phone::national(number, known),
        country,
        code,
        extension: extension
            .map(|extension| digits(&extension))
            .filter(|digits| !digits.is_empty()),
    }
}

fn email(tree: &Tree, data: Node) -> Option<Email> {
    Some(Email {
        address: said(tree, data, "Email_Address")?,
        comment: said(tree, data, "Email_Comment"),
    })
}

/// What a child element says, if anything.
pub(super) fn said(tree: &Tree, parent: Node, local: &str) -> Option<String> {
    let text = tree.string(tree.child(parent, local)?).trim();
    (!text.is_empty()).then(|| text.to_string())
}

/// The identifiers of a reference.
pub(super) fn ids<'t>(tree: &'t Tree, reference: Node) -> impl Iterator<Item = Id> + 't {
    let ids = tree.elements(reference).filter(|id| tree.local(*id) == "ID");
    ids.map(|id| Id {
        kind: tree.attribute(id, "type").unwrap_or_default().to_string(),
        value: tree.string(id).trim().to_string(),
    })
}

/// The identifier that people know, else the WID.
fn best(tree: &Tree, reference: Node) -> Option<Id> {
    let mut all: Vec<Id> = ids(tree, reference).collect();
    all.sort_by_key(|id| id.kind == "WID");
    all.into_iter().next()
}

pub(super) fn is_true(text: &str) -> bool {
    matches!(text.trim(), "1" | "true")
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::answer::{WORKDAY, whole};
    use super::*;

    /// Work contacts in the form that can be sent back.
    pub fn person(entries: &str) -> Contacts {
        let xml = format!("<wd:Person xmlns:wd=\"{WORKDAY}\">{entries}</wd:Person>");
        let settings = Settings::default();
        let read = |tree: &Tree, root| Contacts::of_person(tree, root, &settings);
        whole(xml.as_bytes(), "Person", read).unwrap().unwrap()
    }

    fn worker(entries: &str, settings: &Settings) -> Contacts {
        let xml = format!("<wd:Contact_Data xmlns:wd=\"{WORKDAY}\">{entries}</wd:Contact_Data>");
        let read = |tree: &Tree, root| Contacts::of_worker(tree, root, settings);
        whole(xml.as_bytes(), "Contact_Data", read).unwrap().unwrap()
    }

    pub fn reference(name: &str, kind: &str, id: &str) -> String {
        format!(
            "<wd:{name}><wd:ID wd:type=\"WID\">{id}-wid</wd:ID><wd:ID wd:type=\"{kind}\">{id}</wd:ID></wd:{name}>"
        )
    }

    pub fn usage(kind: &str, primary: u8, more: &str) -> String {
        let kind = reference("Type_Reference", "Communication_Usage_Type_ID", kind);
        format!(
            "<wd:Usage_Data wd:Public=\"1\"><wd:Type_Data wd:Primary=\"{primary}\">{kind}</wd:Type_Data>{more}</wd:Usage_Data>"
        )
    }

    fn worker_phone(device: &str, number: &str, usage: &str) -> String {
        let device = reference("Phone_Device_Type_Reference", "Phone_Device_Type_ID", device);
        format!("<wd:Phone_Data>{number}{device}{usage}</wd:Phone_Data>")
    }

    #[test]
    fn a_workers_contacts_are_those_for_work_the_primary_one_first() {
        let us = "<wd:Country_ISO_Code>USA</wd:Country_ISO_Code><wd:International_Phone_Code>1</wd:International_Phone_Code>";
        let number = |text: &str| format!("{us}{text}");
        let entries = [
            worker_phone(
                "Landline",
                &number("<wd:Phone_Number>206-555-0101</wd:Phone_Number>"),
                &usage("HOME", 1, ""),
            ),
            worker_phone(
                "Landline",
                &number("<wd:Phone_Number>206-555-0102</wd:Phone_Number>"),
                &usage("WORK", 0, ""),
            ),
            // As v30.0 and earlier have it.
            worker_phone(
                "Landline",
                &number(
                    "<wd:Area_Code>206</wd:Area_Code><wd:Phone_Number>5550103</wd:Phone_Number><wd:Phone_Extension>x43</wd:Phone_Extension>",
                ),
                &usage("WORK", 1, ""),
            ),
            worker_phone(
                "Mobile",
                "<wd:Country_ISO_Code>DEU</wd:Country_ISO_Code><wd:International_Phone_Code>49</wd:International_Phone_Code><wd:Phone_Number>(0171) 234 5678</wd:Phone_Number>",
                &usage("WORK", 0, ""),
            ),
            worker_phone("Fax", "", &usage("WORK", 0, "")),
            format!(
                "<wd:Email_Address_Data><wd:Email_Address>b@x.test</wd:Email_Address>{}</wd:Email_Address_Data>",
                usage("WORK", 0, "")
            ),
            format!(
                "<wd:Email_Address_Data><wd:Email_Address> a@x.test </wd:Email_Address>{}</wd:Email_Address_Data>",
                usage("WORK", 1, "")
            ),
        ];
        let settings = Settings::default();
        let values = worker(&entries.concat(), &settings).values(&settings);
        let told: Vec<String> = values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            told,
            [
                "EmailAddress=a@x.test",
                "WorkphoneLandlineCountryCodeName=USA",
                "WorkphoneLandlineCountryCodeNumber=1",
                "WorkphoneLandlineExtension=43",
                "WorkphoneLandlineIsPrimary=true",
                "WorkphoneLandlineNumber=2065550103",
                "WorkphoneMobileCountryCodeName=DEU",
                "WorkphoneMobileCountryCodeNumber=49",
                "WorkphoneMobileIsPrimary=false",
                "WorkphoneMobileNumber=1712345678",
            ]
        );
        // Device types may be given by WID.
        let by_wid = Settings {
            landline: "Fax-wid".into(),
            mobile: "Landline-wid".into(),
            ..Settings::default()
        };
        let values = worker(&entries.concat(), &by_wid).values(&by_wid);
        assert_eq!(values["WorkphoneMobileNumber"], "2065550103");
        assert!(!values.contains_key("WorkphoneLandlineNumber"));
    }

    #[test]
    fn what_can_be_sent_back_keeps_what_it_is_for() {
        let more = format!(
            "{}<wd:Comments>evenings</wd:Comments>",
            reference("Use_For_Reference", "Communication_Usage_Behavior_ID", "MAILING")
        );
        let contacts = person(&format!(
            "<wd:Person_Phone_Information_Data wd:Replace_All=\"0\"><wd:Phone_Information_Data><wd:Phone_Data>{}{}<wd:Complete_Phone_Number>020 7946 0958</wd:Complete_Phone_Number></wd:Phone_Data>{}{}</wd:Phone_Information_Data></wd:Person_Phone_Information_Data>",
            reference("Device_Type_Reference", "Phone_Device_Type_ID", "Landline"),
            reference("Country_Code_Reference", "Country_Phone_Code_ID", "GBR_44"),
            usage("WORK", 1, &more),
            reference("Phone_Reference", "Phone_ID", "PHONE-1"),
        ));
        let [phone] = contacts.phones.as_slice() else {
            panic!("{contacts:?}")
        };
        assert_eq!(
            (phone.data.country.as_deref(), phone.data.code.as_deref()),
            (Some("GBR"), Some("44"))
        );
        assert_eq!(phone.data.number, "2079460958");
        assert_eq!(
            phone.reference.as_ref().map(|id| id.value.as_str()),
            Some("PHONE-1")
        );
        assert_eq!(phone.uses[0].id.value, "MAILING");
        assert_eq!(phone.comments.as_deref(), Some("evenings"));
        assert!(phone.is_public && phone.is_primary);
    }
}
