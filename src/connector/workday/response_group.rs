//! Which data sets a request asks for (`Response_Group`), as the XPaths need them.
//!
//! A path into a data set switches it on; an organization type that is named keeps the flag away that would exclude its
//! organizations. So an XPath that selects organizations by their label asks for nothing: such a flag has to be forced.

use std::collections::BTreeMap;

/// One flag of `Response_Group`.
pub struct Flag {
    pub name: &'static str,
    sent: Sent,
    /// What it includes: elements of `Worker_Data`, or with a slash those of `Worker`.
    data: &'static [&'static str],
}

/// When a flag is sent.
enum Sent {
    Always,
    /// When an XPath leads into its data.
    ForItsData,
    /// Unless an XPath names one of these organization types.
    Unless(&'static [&'static str]),
    /// When somebody wants it.
    Forced,
}

use Sent::{Always, ForItsData, Forced, Unless};

/// All flags, in the order that the schema has them in.
#[rustfmt::skip]
pub const FLAGS: &[Flag] = &[
    flag("Include_Reference",                                        Always,     &["/Worker_Reference"]),
    flag("Include_Personal_Information",                             Always,     &["Personal_Data"]),
    flag("Include_Additional_Jobs",                                  Always,     &[]),
    flag("Include_Employment_Information",                           Always,     &["Employment_Data"]),
    flag("Include_Compensation",                                     ForItsData, &["Compensation_Data"]),
    flag("Include_Organizations",                                    Always,     &["Organization_Data"]),
    flag("Exclude_Organization_Support_Role_Data",                   Always,     &[]),
    flag("Exclude_Location_Hierarchies",                             Unless(&["LOCATION_HIERARCHY", "BUSINESS_SITE_HIERARCHY"]), &[]),
    flag("Exclude_Cost_Centers",                                     Forced,     &[]),
    flag("Exclude_Cost_Center_Hierarchies",                          Unless(&["COST_CENTER_HIERARCHY"]), &[]),
    flag("Exclude_Companies",                                        Forced,     &[]),
    flag("Exclude_Company_Hierarchies",                              Unless(&["COMPANY_HIERARCHY"]), &[]),
    flag("Exclude_Matrix_Organizations",                             Unless(&["MATRIX"]), &[]),
    flag("Exclude_Pay_Groups",                                       Unless(&["PAY_GROUP"]), &[]),
    flag("Exclude_Regions",                                          Unless(&["REGION", "REGION_HIERARCHY"]), &[]),
    flag("Exclude_Region_Hierarchies",                               Unless(&["REGION_HIERARCHY"]), &[]),
    flag("Exclude_Supervisory_Organizations",                        Forced,     &[]),
    flag("Exclude_Teams",                                            Forced,     &[]),
    flag("Exclude_Custom_Organizations",                             Forced,     &[]),
    flag("Include_Roles",                                            ForItsData, &["Role_Data"]),
    flag("Include_Management_Chain_Data",                            Always,     &["Management_Chain_Data"]),
    flag("Include_Multiple_Managers_in_Management_Chain_Data",       Forced,     &[]),
    flag("Include_Benefit_Enrollments",                              ForItsData, &["Benefit_Enrollment_Data"]),
    flag("Include_Benefit_Eligibility",                              ForItsData, &["Benefit_Eligibility_Data"]),
    // The documentation has the second spelling, Workday's schema the first.
    flag("Include_Related_Persons",                                  ForItsData, &["Related_Person_Data", "Related_Persons_Data"]),
    flag("Include_Qualifications",                                   ForItsData, &["Qualification_Data"]),
    flag("Include_Employee_Review",                                  ForItsData, &["Employee_Review_Data"]),
    flag("Include_Goals",                                            ForItsData, &["Worker_Goal_Data"]),
    flag("Include_Development_Items",                                ForItsData, &["Development_Item_Data"]),
    flag("Include_Skills",                                           ForItsData, &["Skill_Data"]),
    flag("Include_Photo",                                            ForItsData, &["Photo_Data"]),
    flag("Include_Worker_Documents",                                 ForItsData, &["Worker_Document_Data"]),
    flag("Include_Transaction_Log_Data",                             ForItsData, &["Transaction_Log_Entry_Data"]),
    flag("Include_Subevents_for_Corrected_Transaction",              Forced,     &[]),
    flag("Include_Subevents_for_Rescinded_Transaction",              Forced,     &[]),
    flag("Include_Succession_Profile",                               ForItsData, &["Succession_Profile_Data"]),
    flag("Include_Talent_Assessment",                                ForItsData, &["Talent_Assessment_Data"]),
    flag("Include_Employee_Contract_Data",                           ForItsData, &["Employee_Contracts_Data"]),
    flag("Include_Contracts_for_Terminated_Workers",                 Forced,     &[]),
    flag("Include_Collective_Agreement_Data",                        Forced,     &[]),
    flag("Include_Probation_Period_Data",                            Forced,     &[]),
    flag("Include_Extended_Employee_Contract_Details",               Forced,     &["Extended_Employee_Contracts_Data"]),
    flag("Include_Feedback_Received",                                ForItsData, &["Feedback_Received_Data"]),
    flag("Include_User_Account",                                     ForItsData, &["User_Account_Data"]),
    flag("Include_Career",                                           ForItsData, &["Career_Data"]),
    flag("Include_Account_Provisioning",                             ForItsData, &["Account_Provisioning_Data"]),
    flag("Include_Background_Check_Data",                            ForItsData, &["Background_Check_Data"]),
    flag("Include_Contingent_Worker_Tax_Authority_Form_Information", ForItsData, &["Contingent_Worker_Tax_Authority_Form_Type_Data"]),
    flag("Exclude_Funds",                                            Unless(&["FUND"]), &[]),
    flag("Exclude_Fund_Hierarchies",                                 Unless(&["FUND_HIERARCHY"]), &[]),
    flag("Exclude_Grants",                                           Unless(&["GRANT"]), &[]),
    flag("Exclude_Grant_Hierarchies",                                Unless(&["GRANT_HIERARCHY"]), &[]),
    flag("Exclude_Business_Units",                                   Unless(&["BUSINESS_UNIT"]), &[]),
    flag("Exclude_Business_Unit_Hierarchies",                        Unless(&["BUSINESS_UNIT_HIERARCHY"]), &[]),
    flag("Exclude_Programs",                                         Unless(&["PROGRAMS"]), &[]),
    flag("Exclude_Program_Hierarchies",                              Unless(&["PROGRAM_HIERARCHY"]), &[]),
    flag("Exclude_Gifts",                                            Unless(&["GIFT"]), &[]),
    flag("Exclude_Gift_Hierarchies",                                 Unless(&["GIFT_HIERARCHY"]), &[]),
];

/// Organizations that flags exclude without being sent by themselves.
const NAMED: &[(&str, &str)] = &[
    ("Exclude_Cost_Centers", "COST_CENTER"),
    ("Exclude_Companies", "COMPANY"),
    ("Exclude_Supervisory_Organizations", "SUPERVISORY"),
];

/// What Workday sends when a request has no `Response_Group`.
const WITHOUT_GROUP: &[&str] = &[
    "Include_Reference",
    "Include_Personal_Information",
    "Include_Employment_Information",
    "Include_Compensation",
    "Include_Organizations",
    "Include_Roles",
];

const fn flag(name: &'static str, sent: Sent, data: &'static [&'static str]) -> Flag {
    Flag { name, sent, data }
}

/// The flags to be sent as true, in the schema's order. Those that are not here are not sent.
///
/// `forced` has the last word: `true` sends a flag, `false` keeps it away. The error names flags that do not exist.
pub fn derive<'x>(
    xpaths: impl IntoIterator<Item = &'x str> + Clone,
    forced: &BTreeMap<String, bool>,
) -> Result<Vec<&'static str>, String> {
    let unknown = forced
        .keys()
        .find(|name| FLAGS.iter().all(|flag| flag.name != name.as_str()));
    if let Some(unknown) = unknown {
        return Err(format!("Response_Group has no flag {unknown}"));
    }
    let any = |test: &dyn Fn(&str) -> bool| xpaths.clone().into_iter().any(test);
    let is_sent = |flag: &Flag| match (forced.get(flag.name), &flag.sent) {
        (Some(forced), _) => *forced,
        (None, Always) => true,
        (None, Forced) => false,
        (None, ForItsData) => any(&|xpath| flag.needed(xpath).next().is_some()),
        (None, Unless(types)) => !any(&|xpath| types.iter().any(|name| names_type(xpath, name))),
    };
    Ok(FLAGS
        .iter()
        .filter(|flag| is_sent(flag))
        .map(|flag| flag.name)
        .collect())
}

/// A data set that an XPath leads into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// The flag that includes it.
    pub flag: &'static str,
    /// `Personal_Data`.
    pub element: &'static str,
    /// The element is a child of `Worker`, not of `Worker_Data`.
    pub is_beside_data: bool,
}

/// The data sets that an XPath leads into.
pub fn data_sets(xpath: &str) -> impl Iterator<Item = DataSet> + '_ {
    FLAGS.iter().flat_map(move |flag| flag.needed(xpath))
}

/// The flag for want of which, or because of which, an XPath can select nothing, if the answer repeats this group.
pub fn missing(xpath: &str, group: Option<&[(String, bool)]>) -> Option<&'static str> {
    let is_on = |name: &str| match group {
        Some(group) => group.iter().any(|(flag, on)| flag == name && *on),
        None => WITHOUT_GROUP.contains(&name),
    };
    let not_included = data_sets(xpath).map(|data| data.flag).find(|flag| !is_on(flag));
    not_included.or_else(|| excluding(xpath).find(|flag| is_on(flag)))
}

/// The flags that exclude organizations which an XPath names.
fn excluding(xpath: &str) -> impl Iterator<Item = &'static str> + '_ {
    let dropped = FLAGS.iter().filter(move |flag| match &flag.sent {
        Unless(types) => types.iter().any(|name| names_type(xpath, name)),
        _ => false,
    });
    let named = NAMED.iter().filter(move |(_, name)| names_type(xpath, name));
    dropped.map(|flag| flag.name).chain(named.map(|(flag, _)| *flag))
}

impl Flag {
    fn needed<'f>(&'f self, xpath: &'f str) -> impl Iterator<Item = DataSet> + 'f {
        let leads = self.data.iter().filter(|element| leads_into(xpath, element));
        leads.map(|element| DataSet {
            flag: self.name,
            element: element.trim_start_matches('/'),
            is_beside_data: element.starts_with('/'),
        })
    }
}

fn leads_into(xpath: &str, element: &str) -> bool {
    let path = match element.strip_prefix('/') {
        Some(element) => format!("wd:Worker/wd:{element}"),
        None => format!("wd:Worker_Data/wd:{element}"),
    };
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    xpath
        .match_indices(&path)
        .any(|(at, _)| !xpath[at + path.len()..].starts_with(goes_on))
}

/// Whether the type is there as a literal of its own, in quotes of either kind.
fn names_type(xpath: &str, name: &str) -> bool {
    xpath.contains(&format!("'{name}'")) || xpath.contains(&format!("\"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::super::attributes::{Generation, documented};
    use super::*;

    fn derived(xpaths: &[&str], forced: &[(&str, bool)]) -> Vec<&'static str> {
        let forced = forced
            .iter()
            .map(|(name, on)| ((*name).to_string(), *on))
            .collect();
        derive(xpaths.iter().copied(), &forced).unwrap()
    }

    const PLAIN: [&str; 24] = [
        "Include_Reference",
        "Include_Personal_Information",
        "Include_Additional_Jobs",
        "Include_Employment_Information",
        "Include_Organizations",
        "Exclude_Organization_Support_Role_Data",
        "Exclude_Location_Hierarchies",
        "Exclude_Cost_Center_Hierarchies",
        "Exclude_Company_Hierarchies",
        "Exclude_Matrix_Organizations",
        "Exclude_Pay_Groups",
        "Exclude_Regions",
        "Exclude_Region_Hierarchies",
        "Include_Management_Chain_Data",
        "Exclude_Funds",
        "Exclude_Fund_Hierarchies",
        "Exclude_Grants",
        "Exclude_Grant_Hierarchies",
        "Exclude_Business_Units",
        "Exclude_Business_Unit_Hierarchies",
        "Exclude_Programs",
        "Exclude_Program_Hierarchies",
        "Exclude_Gifts",
        "Exclude_Gift_Hierarchies",
    ];

    #[test]
    fn nothing_in_particular_is_asked_for_as_published() {
        assert_eq!(derived(&[], &[]), PLAIN);
    }

    #[test]
    fn a_path_switches_its_data_set_on() {
        let with = |xpath: &str| -> Vec<&'static str> {
            let found = derived(&[xpath], &[]);
            found.into_iter().filter(|flag| !PLAIN.contains(flag)).collect()
        };
        assert_eq!(
            with("wd:Worker/wd:Worker_Data/wd:Skill_Data/x"),
            ["Include_Skills"]
        );
        assert_eq!(with("wd:Worker/wd:Worker_Data/wd:Skill_Data_More"), [""; 0]);
        for spelling in ["Related_Person_Data", "Related_Persons_Data"] {
            assert_eq!(
                with(&format!("wd:Worker/wd:Worker_Data/wd:{spelling}")),
                ["Include_Related_Persons"]
            );
        }
        let all = documented(Generation::V30);
        let flags = derive(all.iter().map(|it| it.xpath.as_str()), &BTreeMap::new()).unwrap();
        let added: Vec<_> = flags.iter().filter(|flag| !PLAIN.contains(flag)).collect();
        assert_eq!(added, [&"Include_Transaction_Log_Data"]);
        assert!(
            !flags.contains(&"Exclude_Location_Hierarchies"),
            "FacilityLocation names it"
        );
    }

    #[test]
    fn a_type_drops_its_exclusion_by_its_whole_name() {
        let without = |xpath: &str| -> Vec<&str> {
            let found = derived(&[xpath], &[]);
            PLAIN.into_iter().filter(|flag| !found.contains(flag)).collect()
        };
        assert_eq!(without("x='COST_CENTER'"), [""; 0]);
        assert_eq!(
            without("x='COST_CENTER_HIERARCHY'"),
            ["Exclude_Cost_Center_Hierarchies"]
        );
        assert_eq!(without("x=\"PAY_GROUP\""), ["Exclude_Pay_Groups"]);
        assert_eq!(
            without("x='REGION_HIERARCHY'"),
            ["Exclude_Regions", "Exclude_Region_Hierarchies"]
        );
        assert_eq!(
            without("x='FUND' or x='GIFT_HIERARCHY'"),
            ["Exclude_Funds", "Exclude_Gift_Hierarchies"]
        );
        assert_eq!(without("@wd:Descriptor='Pay Group'"), [""; 0]);
    }

    #[test]
    fn what_is_forced_counts() {
        let flags = derived(
            &["x='PAY_GROUP'"],
            &[
                ("Exclude_Pay_Groups", true),
                ("Include_Organizations", false),
                ("Include_Photo", true),
            ],
        );
        assert!(flags.contains(&"Exclude_Pay_Groups") && flags.contains(&"Include_Photo"));
        assert!(!flags.contains(&"Include_Organizations"));
        let wrong = BTreeMap::from([("Include_Everything".to_string(), true)]);
        assert!(derive([], &wrong).unwrap_err().contains("Include_Everything"));
    }

    #[test]
    fn what_is_missing_is_found() {
        let group = |flags: &[&str]| -> Vec<(String, bool)> {
            flags.iter().map(|flag| ((*flag).to_string(), true)).collect()
        };
        let some = group(&["Include_Organizations", "Exclude_Companies"]);
        let personal = "wd:Worker/wd:Worker_Data/wd:Personal_Data/wd:Name_Data";
        assert_eq!(
            missing(personal, Some(&some)),
            Some("Include_Personal_Information")
        );
        assert_eq!(missing(personal, None), None, "sent when nothing is asked for");
        assert_eq!(
            missing("wd:Worker/wd:Worker_Data/wd:Skill_Data", None),
            Some("Include_Skills")
        );
        let company = "wd:Worker/wd:Worker_Data/wd:Organization_Data/x[y='COMPANY']";
        assert_eq!(missing(company, Some(&some)), Some("Exclude_Companies"));
        assert_eq!(
            missing("wd:Worker/wd:Worker_Data/wd:Worker_ID", Some(&some)),
            None
        );
    }
}
