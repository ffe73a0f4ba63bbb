//! The messages by which contacts and user names are written home, and that by which contacts are read back, in the order
//! of Workday's schema.

use std::io;

use super::answer::Id;
use super::contact::{Email, Entry, Phone, Use};
use super::edit::Item;
use super::envelope::{Message, Xml, id, inside, leaf, marked, reference};
use super::settings::Settings;

/// Asks for the work contacts of people, by WID, in a form that can be sent back.
pub(super) struct GetContacts<'a> {
    pub people: &'a [String],
}

impl Message for GetContacts<'_> {
    fn element(&self) -> &'static str {
        "Get_Change_Work_Contact_Information_Request"
    }

    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        inside(xml, "wd:Request_References", |xml| {
            let mut people = self.people.iter();
            people.try_for_each(|wid| reference(xml, "wd:Person_Reference", "WID", wid))
        })?;
        inside(xml, "wd:Response_Filter", |xml| {
            leaf(xml, "wd:Page", "1")?;
            leaf(xml, "wd:Count", &self.people.len().to_string())
        })
    }
}

/// Changes work contacts of one person, by WID.
pub(super) struct ChangeContacts<'a> {
    pub person: &'a str,
    pub items: &'a [&'a Item],
    pub settings: &'a Settings,
}

impl Message for ChangeContacts<'_> {
    fn element(&self) -> &'static str {
        "Change_Work_Contact_Information_Request"
    }

    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        inside(xml, "wd:Business_Process_Parameters", |xml| {
            leaf(xml, "wd:Auto_Complete", flag(self.settings.auto_complete))?;
            leaf(xml, "wd:Run_Now", "true")?;
            match self.settings.comment.as_str() {
                "" => Ok(()),
                comment => inside(xml, "wd:Comment_Data", |xml| leaf(xml, "wd:Comment", comment)),
            }
        })?;
        inside(xml, "wd:Change_Work_Contact_Information_Data", |xml| {
            reference(xml, "wd:Person_Reference", "WID", self.person)?;
            inside(xml, "wd:Person_Contact_Information_Data", |xml| {
                self.contacts(xml)
            })
        })
    }
}

impl ChangeContacts<'_> {
    fn contacts(&self, xml: &mut Xml) -> io::Result<()> {
        let phones = self.items.iter().filter_map(|item| match item {
            Item::Phone(phone) => Some(phone),
            Item::Email(_) => None,
        });
        let emails = self.items.iter().filter_map(|item| match item {
            Item::Email(email) => Some(email),
            Item::Phone(_) => None,
        });
        self.list(xml, "Phone", phones, phone)?;
        self.list(xml, "Email", emails, email)
    }

    /// The entries of one kind: `Phone` or `Email`.
    fn list<'i, T: 'i>(
        &self,
        xml: &mut Xml,
        kind: &str,
        entries: impl Iterator<Item = &'i Entry<T>>,
        data: fn(&mut Xml, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut entries = entries.peekable();
        if entries.peek().is_none() {
            return Ok(());
        }
        let keep = ("wd:Replace_All", "false");
        marked(xml, &format!("wd:Person_{kind}_Information_Data"), keep, |xml| {
            entries.try_for_each(|entry| {
                let stays = ("wd:Delete", "false");
                marked(xml, &format!("wd:{kind}_Information_Data"), stays, |xml| {
                    inside(xml, &format!("wd:{kind}_Data"), |xml| data(xml, &entry.data))?;
                    usage(xml, entry, &self.settings.usage)?;
                    match &entry.reference {
                        Some(own) => reference(xml, &format!("wd:{kind}_Reference"), &own.kind, &own.value),
                        None => Ok(()),
                    }
                })
            })
        })
    }
}

fn phone(xml: &mut Xml, phone: &Phone) -> io::Result<()> {
    let named = phone.device.iter().find(|id| !is_wid(id));
    let device = named.or(phone.device.first()).map_or("", String::as_str);
    let kind = kind(device, "Phone_Device_Type_ID");
    reference(xml, "wd:Device_Type_Reference", kind, device)?;
    if let (Some(country), Some(code)) = (&phone.country, &phone.code) {
        let dialled = format!("{country}_{code}");
        reference(
            xml,
            "wd:Country_Code_Reference",
            "Country_Phone_Code_ID",
            &dialled,
        )?;
    }
    leaf(xml, "wd:Complete_Phone_Number", &phone.number)?;
    match &phone.extension {
        Some(extension) => leaf(xml, "wd:Extension", extension),
        None => Ok(()),
    }
}

fn email(xml: &mut Xml, email: &Email) -> io::Result<()> {
    leaf(xml, "wd:Email_Address", &email.address)?;
    match &email.comment {
        Some(comment) => leaf(xml, "wd:Email_Comment", comment),
        None => Ok(()),
    }
}

/// What the entry is for: work, and what else it was for.
fn usage<T>(xml: &mut Xml, entry: &Entry<T>, work: &str) -> io::Result<()> {
    marked(
        xml,
        "wd:Usage_Data",
        ("wd:Public", flag(entry.is_public)),
        |xml| {
            marked(
                xml,
                "wd:Type_Data",
                ("wd:Primary", flag(entry.is_primary)),
                |xml| {
                    reference(
                        xml,
                        "wd:Type_Reference",
                        kind(work, "Communication_Usage_Type_ID"),
                        work,
                    )
                },
            )?;
            for Use { element, id: own } in &entry.uses {
                inside(xml, &format!("wd:{element}"), |xml| {
                    id(xml, &own.kind, &own.value)
                })?;
            }
            match &entry.comments {
                Some(comments) => leaf(xml, "wd:Comments", comments),
                None => Ok(()),
            }
        },
    )
}

/// Gives a worker's account its user name.
pub(super) struct RenameAccount<'a> {
    /// The worker's own identifier.
    pub worker: &'a Id,
    pub name: &'a str,
    pub settings: &'a Settings,
}

/// The identifier of contingent workers.
pub(super) const CONTINGENT: &str = "Contingent_Worker_ID";
pub(super) const EMPLOYEE: &str = "Employee_ID";

impl Message for RenameAccount<'_> {
    // It is called after the message, not after the operation.
    fn element(&self) -> &'static str {
        "Workday_Account_for_Worker_Update"
    }

    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let reference = match self.worker.kind.as_str() {
            CONTINGENT => "wd:Contingent_Worker_Reference",
            _ => "wd:Employee_Reference",
        };
        inside(xml, "wd:Worker_Reference", |xml| {
            inside(xml, reference, |xml| {
                inside(xml, "wd:Integration_ID_Reference", |xml| {
                    let system = ("wd:System_ID", self.settings.worker_id_system.as_str());
                    let own = xml.create_element("wd:ID").with_attribute(system);
                    let text = quick_xml::events::BytesText::new(&self.worker.value);
                    own.write_text_content(text).map(drop)
                })
            })
        })?;
        inside(xml, "wd:Workday_Account_for_Worker_Data", |xml| {
            leaf(xml, "wd:User_Name", self.name)
        })
    }
}

fn flag(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}

/// Configured identifiers may be WIDs instead of those with a name.
fn kind(id: &str, named: &'static str) -> &'static str {
    if is_wid(id) { "WID" } else { named }
}

/// A WID is 32 hexadecimal digits.
fn is_wid(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::super::answer::WORKDAY;
    use super::super::contact::tests::{person, reference, usage};
    use super::super::edit::edits;
    use super::super::envelope::envelope;
    use super::*;
    use crate::domain::plan::Effect;
    use roxmltree::{Document, Node};

    /// Elements by their local names, attributes and texts, without those on the way: `a[b=c]=text`.
    fn leaves(message: &dyn Message) -> Vec<String> {
        let bytes = envelope(message, "v40.0", None).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let document = Document::parse(&text).unwrap();
        let body = document
            .descendants()
            .find(|node| node.has_tag_name((WORKDAY, message.element())))
            .unwrap();
        assert_eq!(body.attribute((WORKDAY, "version")), Some("v40.0"));
        let told = |node: Node| {
            let attributes: String = node
                .attributes()
                .map(|it| format!("[{}={}]", it.name(), it.value()))
                .collect();
            let is_leaf = !node.children().any(|child| child.is_element());
            let text = node.text().filter(|_| is_leaf).map(|text| format!("={text}"));
            let name = node.tag_name().name();
            (is_leaf || !attributes.is_empty())
                .then(|| format!("{name}{attributes}{}", text.unwrap_or_default()))
        };
        body.descendants()
            .skip(1)
            .filter(Node::is_element)
            .filter_map(told)
            .collect()
    }

    fn set(attribute: &str, after: &str) -> Effect {
        Effect::Set {
            attribute: attribute.into(),
            before: Vec::new(),
            after: vec![after.into()],
        }
    }

    #[test]
    fn an_entry_that_is_there_is_updated_by_its_reference_and_keeps_what_it_is_for() {
        let more = reference("Use_For_Reference", "Communication_Usage_Behavior_ID", "MAILING");
        let contacts = person(&format!(
            "<wd:Person_Email_Information_Data><wd:Email_Information_Data><wd:Email_Data><wd:Email_Address>old@x.test</wd:Email_Address><wd:Email_Comment>a &lt; b</wd:Email_Comment></wd:Email_Data>{}{}</wd:Email_Information_Data></wd:Person_Email_Information_Data>",
            usage("WORK", 1, &more),
            reference("Email_Reference", "Email_ID", "EMAIL-1"),
        ));
        let settings = Settings {
            comment: "<home> & \"back\"".into(),
            public: false,
            ..Settings::default()
        };
        let effects = [
            set("EmailAddress", "a&b@x.test"),
            set("WorkphoneLandlineNumber", "2065550143"),
            set("WorkphoneLandlineCountryCodeName", "USA"),
            set("WorkphoneLandlineExtension", "12"),
        ];
        let edits = edits(&effects, &contacts, &settings);
        assert!(edits.refused.is_empty(), "{:?}", edits.refused);
        let items: Vec<&Item> = edits.edits.iter().filter_map(|edit| edit.item.as_ref()).collect();
        let message = ChangeContacts {
            person: "w1",
            items: &items,
            settings: &settings,
        };
        assert_eq!(
            leaves(&message),
            [
                "Auto_Complete=true",
                "Run_Now=true",
                "Comment=<home> & \"back\"",
                "ID[type=WID]=w1",
                "Person_Phone_Information_Data[Replace_All=false]",
                "Phone_Information_Data[Delete=false]",
                "ID[type=Phone_Device_Type_ID]=Landline",
                "ID[type=Country_Phone_Code_ID]=USA_1",
                "Complete_Phone_Number=2065550143",
                "Extension=12",
                "Usage_Data[Public=false]",
                "Type_Data[Primary=true]",
                "ID[type=Communication_Usage_Type_ID]=WORK",
                "Person_Email_Information_Data[Replace_All=false]",
                "Email_Information_Data[Delete=false]",
                "Email_Address=a&b@x.test",
                "Email_Comment=a < b",
                "Usage_Data[Public=true]",
                "Type_Data[Primary=true]",
                "ID[type=Communication_Usage_Type_ID]=WORK",
                "ID[type=Communication_Usage_Behavior_ID]=MAILING",
                "ID[type=Email_ID]=EMAIL-1",
            ]
        );
    }

    #[test]
    fn accounts_are_known_by_the_workers_own_id() {
        let settings = Settings::default();
        for (kind, element) in [
            (EMPLOYEE, "Employee_Reference"),
            (CONTINGENT, "Contingent_Worker_Reference"),
        ] {
            let worker = Id {
                kind: kind.into(),
                value: "<21>".into(),
            };
            let message = RenameAccount {
                worker: &worker,
                name: "a&b",
                settings: &settings,
            };
            assert_eq!(
                leaves(&message),
                ["ID[System_ID=WD-EMPLID]=<21>", "User_Name=a&b"]
            );
            let text = String::from_utf8(envelope(&message, "v40.0", None).unwrap()).unwrap();
            assert!(text.contains(&format!("<wd:{element}>")), "{text}");
        }
    }

    #[test]
    fn many_are_read_back_on_one_page() {
        let people = ["a".to_string(), "b".to_string()];
        let message = GetContacts { people: &people };
        assert_eq!(
            leaves(&message),
            ["ID[type=WID]=a", "ID[type=WID]=b", "Page=1", "Count=2"]
        );
    }
}
