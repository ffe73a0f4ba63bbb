//! The messages that ask for workers: a `Get_Workers_Request`, in the order of Workday's schema.

use std::io;

use jiff::Timestamp;
use jiff::civil::Date;

use super::envelope::{Message, Xml, id, inside, leaf, marked, moment, reference};

/// Transactions that make a worker.
const HIRES: &[&str] = &["Hire Employee", "Contract Contingent Worker"];
/// Transactions by which a worker leaves.
const TERMINATIONS: &[&str] = &["Terminate Employee", "End Contingent Worker Contract"];

/// One page of workers, as it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Request<'a> {
    pub selection: &'a Selection,
    pub as_of: Option<AsOf>,
    pub page: Page,
    /// What `Response_Group` sets, in the schema's order.
    pub flags: &'a [&'static str],
}

/// Who is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// Nobody: only whether and when Workday answers.
    Nobody,
    /// Whoever was ever hired, or contracted.
    EverHired,
    /// About whom something was entered.
    Entered(Window),
    /// For whom something takes effect.
    Effective(Window),
    /// Whose employment or contract ends.
    Leaving(Window),
    /// These, by WID. Who does not exist is left out.
    Workers(Vec<String>),
    /// These, by an identifier of another kind.
    Known { by: &'static str, ids: Vec<String> },
}

/// Both ends may belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub from: Timestamp,
    pub through: Timestamp,
}

/// The day on which the data hold, and the moment up to which entries count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AsOf {
    pub day: Date,
    pub entry: Timestamp,
}

/// Counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub number: u64,
    pub size: u32,
}

impl Message for Request<'_> {
    fn element(&self) -> &'static str {
        "Get_Workers_Request"
    }

    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        self.selection.write(xml)?;
        inside(xml, "wd:Response_Filter", |xml| {
            if let Some(AsOf { day, entry }) = self.as_of {
                leaf(xml, "wd:As_Of_Effective_Date", &day.to_string())?;
                leaf(xml, "wd:As_Of_Entry_DateTime", &moment(entry))?;
            }
            leaf(xml, "wd:Page", &self.page.number.to_string())?;
            leaf(xml, "wd:Count", &self.page.size.to_string())
        })?;
        inside(xml, "wd:Response_Group", |xml| {
            let mut flags = self.flags.iter();
            flags.try_for_each(|flag| leaf(xml, &format!("wd:{flag}"), "true"))
        })
    }
}

impl Selection {
    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        match self {
            Selection::Workers(wids) => references(xml, "WID", wids),
            Selection::Known { by, ids } => references(xml, by, ids),
            Selection::Nobody => inside(xml, "wd:Request_Criteria", |xml| {
                let past = Window {
                    from: Timestamp::UNIX_EPOCH,
                    through: Timestamp::UNIX_EPOCH,
                };
                log(xml, Some(("Updated", past)), &[])?;
                ["Inactive_Workers", "Employees", "Contingent_Workers"]
                    .iter()
                    .try_for_each(|kind| leaf(xml, &format!("wd:Exclude_{kind}"), "true"))
            }),
            Selection::EverHired => criteria(xml, None, HIRES),
            Selection::Entered(window) => criteria(xml, Some(("Updated", *window)), &[]),
            Selection::Effective(window) => criteria(xml, Some(("Effective", *window)), &[]),
            Selection::Leaving(window) => criteria(xml, Some(("Effective", *window)), TERMINATIONS),
        }
    }
}

fn criteria(xml: &mut Xml, window: Option<(&str, Window)>, types: &[&str]) -> io::Result<()> {
    inside(xml, "wd:Request_Criteria", |xml| log(xml, window, types))
}

/// What the log of transactions is searched for.
fn log(xml: &mut Xml, window: Option<(&str, Window)>, types: &[&str]) -> io::Result<()> {
    inside(xml, "wd:Transaction_Log_Criteria_Data", |xml| {
        if let Some((what, Window { from, through })) = window {
            inside(xml, "wd:Transaction_Date_Range_Data", |xml| {
                leaf(xml, &format!("wd:{what}_From"), &moment(from))?;
                leaf(xml, &format!("wd:{what}_Through"), &moment(through))
            })?;
        }
        if types.is_empty() {
            return Ok(());
        }
        inside(xml, "wd:Transaction_Type_References", |xml| {
            types.iter().try_for_each(|name| {
                inside(xml, "wd:Transaction_Type_Reference", |xml| {
                    id(xml, "Business_Process_Type", name)
                })
            })
        })
    })
}

fn references(xml: &mut Xml, kind: &str, ids: &[String]) -> io::Result<()> {
    let skips = ("wd:Skip_Non_Existing_Instances", "true");
    marked(xml, "wd:Request_References", skips, |xml| {
        ids.iter()
            .try_for_each(|one| reference(xml, "wd:Worker_Reference", kind, one))
    })
}

#[cfg(test)]
mod tests {
    use super::super::answer::WORKDAY;
    use super::super::envelope::envelope;
    use super::*;
    use roxmltree::{Document, Node};
    use secrecy::SecretString;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn request(selection: &Selection) -> Request<'_> {
        Request {
            selection,
            as_of: Some(AsOf {
                day: "2026-01-18".parse().unwrap(),
                entry: at("2026-01-19T02:49:06.290Z"),
            }),
            page: Page { number: 2, size: 30 },
            flags: &["Include_Reference", "Exclude_Gifts"],
        }
    }

    fn written(selection: &Selection, version: &str) -> String {
        String::from_utf8(envelope(&request(selection), version, None).unwrap()).unwrap()
    }

    /// Elements by their local names and texts: `a(b=1,c)`; attributes where they matter.
    fn shape(node: Node) -> String {
        let children: Vec<String> = node.children().filter(Node::is_element).map(shape).collect();
        let mut name = node.tag_name().name().to_string();
        for attribute in node.attributes() {
            name += &format!("[{}={}]", attribute.name(), attribute.value());
        }
        match (children.is_empty(), node.text()) {
            (false, _) => format!("{name}({})", children.join(",")),
            (true, Some(text)) => format!("{name}={text}"),
            (true, None) => name,
        }
    }

    fn first_part(selection: &Selection) -> String {
        let text = written(selection, "v40.0");
        let document = Document::parse(&text).unwrap();
        let request = document
            .descendants()
            .find(|node| node.has_tag_name((WORKDAY, "Get_Workers_Request")))
            .unwrap();
        assert_eq!(request.attribute((WORKDAY, "version")), Some("v40.0"));
        let parts: Vec<String> = request.children().map(shape).collect();
        assert_eq!(
            parts[1..],
            [
                "Response_Filter(As_Of_Effective_Date=2026-01-18,As_Of_Entry_DateTime=2026-01-19T02:49:06.290Z,Page=2,Count=30)",
                "Response_Group(Include_Reference=true,Exclude_Gifts=true)",
            ]
        );
        parts[0].clone()
    }

    #[test]
    fn every_selection_is_written_in_the_order_of_the_schema() {
        let window = Window {
            from: at("2026-01-19T02:29:16.009Z"),
            through: at("2026-01-19T02:49:06.290Z"),
        };
        let range = |what: &str| {
            format!(
                "Transaction_Date_Range_Data({what}_From=2026-01-19T02:29:16.009Z,{what}_Through=2026-01-19T02:49:06.290Z)"
            )
        };
        let types = |names: [&str; 2]| {
            let reference = names
                .map(|name| format!("Transaction_Type_Reference(ID[type=Business_Process_Type]={name})"));
            format!("Transaction_Type_References({})", reference.join(","))
        };
        let of_log = |parts: String| format!("Request_Criteria(Transaction_Log_Criteria_Data({parts}))");
        for (selection, expected) in [
            (
                Selection::EverHired,
                of_log(types(["Hire Employee", "Contract Contingent Worker"])),
            ),
            (Selection::Entered(window), of_log(range("Updated"))),
            (Selection::Effective(window), of_log(range("Effective"))),
            (
                Selection::Leaving(window),
                of_log(format!(
                    "{},{}",
                    range("Effective"),
                    types(["Terminate Employee", "End Contingent Worker Contract"])
                )),
            ),
            (
                Selection::Workers(vec!["a1".into(), "<&\">".into()]),
                "Request_References[Skip_Non_Existing_Instances=true](Worker_Reference(ID[type=WID]=a1),Worker_Reference(ID[type=WID]=<&\">))".into(),
            ),
            (
                Selection::Nobody,
                "Request_Criteria(Transaction_Log_Criteria_Data(Transaction_Date_Range_Data(\
                 Updated_From=1970-01-01T00:00:00.000Z,Updated_Through=1970-01-01T00:00:00.000Z)),\
                 Exclude_Inactive_Workers=true,Exclude_Employees=true,Exclude_Contingent_Workers=true)".into(),
            ),
        ] {
            assert_eq!(first_part(&selection), expected);
        }
    }

    #[test]
    fn who_signs_is_escaped_and_labels_are_asked_for_where_they_have_to_be() {
        let selection = Selection::EverHired;
        let password = SecretString::from("a<b>&\"'ü]]>");
        let user = Some(("ISU <Muster>@contoso", &password));
        let bytes = envelope(&request(&selection), "v40.0", user).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let document = Document::parse(&text).unwrap();
        let told = |name: &str| {
            let found = document.descendants().find(|node| node.tag_name().name() == name);
            found.and_then(|node| node.text()).map(str::to_string)
        };
        assert_eq!(told("Username").as_deref(), Some("ISU <Muster>@contoso"));
        assert_eq!(told("Password").as_deref(), Some("a<b>&\"'ü]]>"));
        let labels = "Include_Reference_Descriptors_In_Response";
        assert_eq!(told(labels).as_deref(), Some("true"));
        assert!(!written(&selection, "v26.1").contains(labels));
        assert!(written(&selection, "v28.0").contains(labels));
        assert!(!written(&selection, "v40.0").contains("Security"));
    }
}
