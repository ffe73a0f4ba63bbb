//! The shape of answers: order, cardinality and presence by version, from a table; data sets by flags; labels.

use std::collections::BTreeMap;

use super::*;

/// Elements in their order, with what may follow a name: `?` at most one, `*` any number, `!` exactly one; `@30` from
/// that version on, `<31` before it.
#[rustfmt::skip]
const SHAPES: &[(&str, &str)] = &[
    ("Get_Workers_Response", "Request_References? Request_Criteria? Response_Filter? Response_Group? Response_Results! Response_Data? Invalid_Reference_ID_Response*@31"),
    ("Response_Results", "Total_Results! Total_Pages! Page_Results! Page!"),
    ("Response_Data", "Worker*"),
    ("Worker", "Worker_Reference? Worker_Descriptor?@28 Universal_Identifier_Reference?@30 Worker_Data?"),
    ("Worker_Data", "Worker_ID? User_ID? Universal_ID?@30 Personal_Data? Employment_Data? Organization_Data? Management_Chain_Data? Transaction_Log_Entry_Data? User_Account_Data? Account_Provisioning_Data?"),
    ("Personal_Data", "Universal_ID?@30 Name_Data? Identification_Data? Contact_Data?"),
    ("Name_Data", "Legal_Name_Data? Preferred_Name_Data?"),
    ("Legal_Name_Data", "Name_Detail_Data!"),
    ("Preferred_Name_Data", "Name_Detail_Data!"),
    ("Name_Detail_Data", "Country_Reference! First_Name? Middle_Name? Last_Name?"),
    ("Contact_Data", "Phone_Data* Email_Address_Data*"),
    ("Phone_Data", "Country_ISO_Code? International_Phone_Code? Area_Code?<31 Phone_Number? Phone_Extension? Phone_Device_Type_Reference? Usage_Data* Phone_Reference?@30 ID?@30"),
    ("Email_Address_Data", "Email_Address? Usage_Data* Email_Reference?@30 ID?@30"),
    ("Usage_Data", "Type_Data! Use_For_Reference*"),
    ("Type_Data", "Type_Reference!"),
    ("Employment_Data", "Worker_Job_Data*@26 Position_Data*<26 Worker_Status_Data? International_Assignment_Summary_Data?"),
    ("Worker_Job_Data", "Position_Data!"),
    ("Position_Data", "Position_Reference? Position_ID? Position_Title? Business_Title? Start_Date? End_Employment_Date? Worker_Type_Reference? Position_Time_Type_Reference? Job_Exempt? Scheduled_Weekly_Hours? Default_Weekly_Hours? Full_Time_Equivalent_Percentage? Exclude_from_Headcount? Job_Classification_Summary_Data* Job_Profile_Summary_Data? Business_Site_Summary_Data? International_Assignment_Data? Work_Space__Reference? Manager_as_of_last_detected_manager_change_Reference*"),
    ("Job_Profile_Summary_Data", "Job_Profile_Reference? Job_Exempt? Management_Level_Reference? Job_Family_Reference* Job_Profile_Name? Work_Shift_Required? Critical_Job?"),
    ("Business_Site_Summary_Data", "Location_Reference? Name? Local_Reference? Scheduled_Weekly_Hours? Address_Data*"),
    ("Address_Data", "Country_Reference? Last_Modified? Address_Line_Data* Municipality? Country_Region_Reference? Country_Region_Descriptor?@30 Postal_Code? Usage_Data* Number_of_Days?@30 Address_Reference? Address_ID?"),
    ("Worker_Status_Data", "Active! Active_Status_Date? Hire_Date? Original_Hire_Date? End_Employment_Date? Continuous_Service_Date? First_Day_of_Work? Retired? Seniority_Date? Days_Unemployed? Months_Continuous_Prior_Employment? Terminated! Termination_Date? Primary_Termination_Reason_Reference? Termination_Involuntary? Eligible_for_Hire_Reference?@31 Not_Eligible_for_Hire?<31 Regrettable_Termination? Eligible_for_Rehire_on_Latest_Termination_Reference?@31 Not_Eligible_for_Rehire?<31 Hire_Rescinded?@30 Termination_Last_Day_of_Work? Not_Returning? Return_Unknown? Leave_Status_Data* Rehire?"),
    ("Leave_Status_Data", "Leave_Request_Description? On_Leave? Leave_Start_Date? Leave_End_Date? Leave_Last_Day_of_Work? Leave_of_Absence_Type_Reference?"),
    ("Worker_Organization_Data", "Organization_Reference! Organization_Data!"),
    ("Worker_Supervisory_Management_Chain_Data", "Management_Chain_Data*"),
    ("Transaction_Log_Entry", "Transaction_Log_Reference? Transaction_Log_Data?"),
    ("Transaction_Log_Data", "Transaction_Log_Description? Transaction_Effective_Moment? Transaction_Entry_Moment? Transaction_Log_Type_Reference* Is_Rescind_Or_Rescinded? Is_Correction_Or_Corrected?"),
    ("Provisioning_Group_Assignment_Data", "Provisioning_Group? Status? Last_Changed?"),
    ("User_Account_Data", "User_Name! Locale__Reference? Time_Zone_Reference? Simplified_View?@30"),
];

/// What is wrong with the children of a node, by the table.
fn mistake(node: Node, major: u32) -> Option<String> {
    let name = node.tag_name().name();
    let (_, shape) = SHAPES.iter().find(|(known, _)| *known == name)?;
    let children: Vec<&str> = node
        .children()
        .filter(Node::is_element)
        .map(|child| child.tag_name().name())
        .collect();
    let mut rest = children.as_slice();
    for slot in shape.split(' ') {
        let end = slot.find(['?', '*', '!']).unwrap();
        let (child, rule) = slot.split_at(end);
        let offered = match rule.get(1..) {
            Some(since) if since.starts_with('@') => major >= since[1..].parse().unwrap(),
            Some(before) if before.starts_with('<') => major < before[1..].parse().unwrap(),
            _ => true,
        };
        let count = rest.iter().take_while(|next| **next == child).count();
        let fits = match rule.as_bytes()[0] {
            b'?' => count <= 1,
            b'!' => count == 1,
            _ => true,
        };
        if !fits || (count > 0 && !offered) {
            return Some(format!("{count} {child} in {name}"));
        }
        rest = &rest[count..];
    }
    rest.first()
        .map(|child| format!("{child} is unknown or out of order in {name}"))
}

#[tokio::test]
async fn answers_keep_the_order_and_number_of_elements_of_every_version() {
    let mut tenant = Tenant::start(200);
    for (version, major) in [
        ("v21.1", 21),
        ("v26.1", 26),
        ("v30.0", 30),
        ("v31.2", 31),
        ("v40.0", 40),
    ] {
        tenant.version = version;
        let text = tenant.get(&format!("{}{EVERYTHING}", page(1, 250))).await;
        let document = Document::parse(&text).unwrap();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for node in document.descendants().filter(Node::is_element) {
            *seen.entry(node.tag_name().name()).or_default() += 1;
            assert_eq!(mistake(node, major), None, "{version}");
            assert!(
                node.children().any(|child| child.is_element() || child.is_text())
                    || node.tag_name().name() == "Body",
                "{version}: {} is empty",
                node.tag_name().name()
            );
        }
        let wrapped = if major < 26 {
            "Position_Data"
        } else {
            "Worker_Job_Data"
        };
        for name in [
            wrapped,
            "Preferred_Name_Data",
            "Leave_Status_Data",
            "Termination_Date",
            "Custom_ID",
            "Account_Provisioning_Data",
            "Phone_Extension",
            "Contingent_Worker_Type_ID",
        ] {
            let found = seen.contains_key(name) || text.contains(name);
            assert!(found, "{version}: nobody has {name}");
        }
    }
}

#[test]
fn the_table_of_shapes_finds_mistakes() {
    let mistaken = |xml: &str, major| mistake(Document::parse(xml).unwrap().root_element(), major);
    let worker = |inside: &str| format!("<Worker xmlns=\"{WD}\">{inside}</Worker>");
    assert_eq!(mistaken(&worker("<Worker_Reference/><Worker_Data/>"), 40), None);
    assert!(mistaken(&worker("<Worker_Data/><Worker_Reference/>"), 40).is_some());
    assert!(mistaken(&worker("<Worker_Data/><Worker_Data/>"), 40).is_some());
    assert!(mistaken(&worker("<Worker_Descriptor/>"), 26).is_some());
    assert!(mistaken(&worker("<Worker_Name/>"), 40).is_some());
}

#[tokio::test]
async fn phones_and_labels_are_those_of_the_version() {
    let mut tenant = Tenant::start(10);
    let phones = |text: &str| -> Vec<bool> {
        [
            "wd:Formatted_Phone=",
            "wd:Area_Code=",
            "wd:E164_Formatted_Phone=",
            "wd:Workday_Traditional_Formatted_Phone=",
        ]
        .map(|name| text.contains(name))
        .to_vec()
    };
    for (version, expected, labels) in [
        ("v21.1", [true, false, false, false], true),
        ("v26.1", [true, false, false, false], true),
        ("v30.0", [true, false, false, false], false),
        ("v31.2", [false, true, true, false], false),
        ("v40.0", [false, true, true, true], false),
    ] {
        tenant.version = version;
        tenant.descriptors = false;
        let everybody = format!("{}{EVERYTHING}", page(1, 999));
        let text = tenant.get(&everybody).await;
        assert_eq!(phones(&text), expected, "{version}");
        // Lines of addresses always have theirs.
        let labelled = text.contains("Worker_Reference wd:Descriptor=");
        assert_eq!(labelled, labels, "{version}");
        assert!(text.contains("wd:Type=\"ADDRESS_LINE_1\" wd:Descriptor="));
        tenant.descriptors = true;
        assert!(
            tenant
                .get(&everybody)
                .await
                .contains("Worker_Type_Reference wd:Descriptor=\"Regular\""),
            "{version}"
        );
    }
}

#[tokio::test]
async fn groups_decide_what_there_is() {
    let tenant = Tenant::start(20);
    let first = page(2, 1);
    let with = |flags: &str| {
        let flags: String = flags
            .split_whitespace()
            .map(|flag| format!("<wd:{flag}>1</wd:{flag}>"))
            .collect();
        format!("{first}<wd:Response_Group>{flags}</wd:Response_Group>")
    };
    let empty = tenant.get(&with("")).await;
    assert!(
        !empty.contains("Response_Data") && results(&empty)[0] == 20,
        "{empty}"
    );
    let reference = tenant.get(&with("Include_Reference")).await;
    assert!(
        reference.contains("Worker_Descriptor") && !reference.contains("Worker_Data"),
        "{reference}"
    );
    let nameless = tenant
        .get(&with(
            "Include_Organizations Exclude_Organization_Support_Role_Data",
        ))
        .await;
    assert!(
        nameless.contains("<wd:Worker><wd:Worker_Data><wd:Worker_ID>"),
        "{nameless}"
    );
    assert!(!nameless.contains("Worker_Descriptor"));
    let usual = tenant.get(&first).await;
    for there in [
        "Worker_Reference",
        "Personal_Data",
        "Employment_Data",
        "Organization_Data",
    ] {
        assert!(usual.contains(there), "{there}");
    }
    for missing in [
        "Management_Chain_Data",
        "Transaction_Log_Entry_Data",
        "User_Account_Data",
    ] {
        assert!(!usual.contains(missing), "{missing}");
    }
    let flood = tenant.get(&with("Include_Organizations")).await;
    assert!(
        flood.len() > 60_000 && flood.len() > 10 * nameless.len(),
        "{} {}",
        flood.len(),
        nameless.len()
    );
    for (flag, id) in [
        ("Exclude_Cost_Centers", "COST_CENTER"),
        ("Exclude_Cost_Center_Hierarchies", "COST_CENTER_HIERARCHY"),
        ("Exclude_Companies", "COMPANY"),
        ("Exclude_Company_Hierarchies", "COMPANY_HIERARCHY"),
        ("Exclude_Location_Hierarchies", "LOCATION_HIERARCHY"),
        ("Exclude_Pay_Groups", "PAY_GROUP"),
        ("Exclude_Regions", "REGION"),
        ("Exclude_Supervisory_Organizations", "SUPERVISORY"),
        ("Exclude_Business_Units", "BUSINESS_UNIT"),
        ("Exclude_Custom_Organizations", "ORGANIZATION_TYPE-1-Union?"),
    ] {
        let id = format!("<wd:ID wd:type=\"Organization_Type_ID\">{id}</wd:ID>");
        assert!(nameless.contains(&id), "{id}");
        let without = tenant
            .get(&with(&format!(
                "Include_Organizations Exclude_Organization_Support_Role_Data {flag}"
            )))
            .await;
        assert!(!without.contains(&id), "{flag}");
        let others = nameless.matches("<wd:Worker_Organization_Data>").count();
        assert_eq!(
            without.matches("<wd:Worker_Organization_Data>").count(),
            others - 1,
            "{flag}"
        );
    }
}

#[tokio::test]
async fn addresses_have_their_line_breaks_escaped_once_too_often() {
    let tenant = Tenant::start(2);
    let text = tenant.worker("100000", "2026-01-19").await;
    let document = Document::parse(&text).unwrap();
    let address = document
        .descendants()
        .find(|node| node.has_tag_name((WD, "Address_Data")))
        .unwrap();
    let written = address.attribute((WD, "Formatted_Address")).unwrap();
    assert!(written.contains("&#xa;") && !written.contains('\n'), "{written}");
}

#[tokio::test]
async fn chains_run_from_the_top_to_the_workers_own_manager() {
    let tenant = Tenant::start(120);
    let chain = |text: &str| -> Vec<String> {
        let document = Document::parse(text).unwrap();
        let worker = workers(&document)[0];
        let path = "Worker_Data/Management_Chain_Data/Worker_Supervisory_Management_Chain_Data/Management_Chain_Data";
        all(worker, path)
            .into_iter()
            .flat_map(|link| all(link, "Manager_Reference"))
            .map(|manager| {
                id_of(manager, "Employee_ID")
                    .or(id_of(manager, "Contingent_Worker_ID"))
                    .unwrap()
                    .to_string()
            })
            .collect()
    };
    // Numbers as the company has them: seven report to each.
    assert_eq!(
        chain(&tenant.worker("100060", "2026-01-19").await),
        ["100000", "100001", "100008"]
    );
    assert_eq!(
        chain(&tenant.worker("100000", "2026-01-19").await),
        ["100000"],
        "the head sees himself"
    );
    let own = tenant.state("100060")["effective"]["organization"].clone();
    let managers = json!({"organization": own, "managers": ["100008", "100009"]});
    tenant.admin("/lab/unlogged", managers).await;
    assert_eq!(
        chain(&tenant.worker("100060", "2026-01-19").await).len(),
        3,
        "one manager where nothing is said"
    );
    let all = EVERYTHING.replace(
        "</wd:Response_Group>",
        "<wd:Include_Multiple_Managers_in_Management_Chain_Data>1\
         </wd:Include_Multiple_Managers_in_Management_Chain_Data></wd:Response_Group>",
    );
    let wid = tenant.state("100060")["wid"].as_str().unwrap().to_string();
    let ask = format!(
        "<wd:Request_References><wd:Worker_Reference><wd:ID wd:type=\"WID\">{wid}</wd:ID></wd:Worker_Reference>\
         </wd:Request_References>"
    );
    let text = tenant.get(&format!("{ask}{all}")).await;
    assert_eq!(chain(&text), ["100000", "100001", "100008", "100009"]);
}
