//! What may be written back, and what is said when it may not.

use super::*;

const PERIOD: &str = "Personal_Data/Contact_Data";

impl Tenant {
    /// Changes contacts of a worker: the text of the fault, or nothing.
    async fn write(&self, reference: &str, completes: bool, day: &str, contacts: &str) -> String {
        let (status, text) = self
            .send(&format!(
                "<wd:Change_Work_Contact_Information_Request wd:version=\"v40.0\"><wd:Business_Process_Parameters>\
                 <wd:Auto_Complete>{completes}</wd:Auto_Complete><wd:Run_Now>true</wd:Run_Now>\
                 </wd:Business_Process_Parameters><wd:Change_Work_Contact_Information_Data>{reference}{day}\
                 <wd:Person_Contact_Information_Data>{contacts}</wd:Person_Contact_Information_Data>\
                 </wd:Change_Work_Contact_Information_Data></wd:Change_Work_Contact_Information_Request>"
            ))
            .await;
        if status == 200 {
            assert!(
                text.contains("Change_Work_Contact_Information_Event_Reference"),
                "{text}"
            );
            return String::new();
        }
        fault(status, &text)
    }

    async fn change(&self, contacts: &str) -> String {
        self.write(&person("Employee_ID", "1"), true, "", contacts).await
    }

    /// Work phones as `device number primary`, and addresses as `address primary`.
    fn contacts(&self, worker: &str) -> (Vec<String>, Vec<String>) {
        let state = self.state(worker);
        let list = |name: &str, parts: &[&str]| -> Vec<String> {
            let contacts = state["effective"][name].as_array().unwrap().iter();
            contacts
                .filter(|contact| contact["work"] == true)
                .map(|contact| {
                    let texts = parts
                        .iter()
                        .map(|part| contact[*part].as_str().unwrap_or("-").to_string());
                    let primary = if contact["primary"] == true {
                        "primary"
                    } else {
                        "other"
                    };
                    texts.chain([primary.to_string()]).collect::<Vec<_>>().join(" ")
                })
                .collect()
        };
        (
            list("phones", &["device", "digits", "extension"]),
            list("emails", &["address"]),
        )
    }

    async fn rename(&self, kind: &str, id: &str, name: &str) -> String {
        let (status, text) = self
            .send(&format!(
                "<wd:Workday_Account_for_Worker_Update wd:version=\"v31.2\"><wd:Worker_Reference><wd:{kind}_Reference>\
                 <wd:Integration_ID_Reference><wd:ID wd:System_ID=\"WD-EMPLID\">{id}</wd:ID>\
                 </wd:Integration_ID_Reference></wd:{kind}_Reference></wd:Worker_Reference>\
                 <wd:Workday_Account_for_Worker_Data><wd:User_Name>{name}</wd:User_Name>\
                 </wd:Workday_Account_for_Worker_Data></wd:Workday_Account_for_Worker_Update>"
            ))
            .await;
        match status {
            200 => {
                assert!(text.contains("<env:Body></env:Body>"), "{text}");
                String::new()
            }
            _ => fault(status, &text),
        }
    }

    async fn staffed() -> Tenant {
        let tenant = Tenant::start(0);
        for (id, kind) in [("1", "employee"), ("2", "employee"), ("C-3", "contingent")] {
            let body = json!({"id": id, "kind": kind, "hire": "2025-01-06", "userName": format!("user{id}")});
            tenant.admin("/lab/workers", body).await;
        }
        tenant
    }
}

fn person(kind: &str, id: &str) -> String {
    format!("<wd:Person_Reference><wd:ID wd:type=\"{kind}\">{id}</wd:ID></wd:Person_Reference>")
}

fn usage(kind: &str, primary: bool) -> String {
    format!(
        "<wd:Usage_Data wd:Public=\"true\"><wd:Type_Data wd:Primary=\"{primary}\"><wd:Type_Reference>\
         <wd:ID wd:type=\"Communication_Usage_Type_ID\">{kind}</wd:ID></wd:Type_Reference></wd:Type_Data></wd:Usage_Data>"
    )
}

fn phone_data(device: &str, country: &str, number: &str, extension: &str) -> String {
    let country = match country {
        "" => String::new(),
        code => format!(
            "<wd:Country_Code_Reference><wd:ID wd:type=\"Country_Phone_Code_ID\">{code}</wd:ID></wd:Country_Code_Reference>"
        ),
    };
    format!(
        "<wd:Phone_Data><wd:Device_Type_Reference><wd:ID wd:type=\"Phone_Device_Type_ID\">{device}</wd:ID>\
         </wd:Device_Type_Reference>{country}<wd:Complete_Phone_Number>{number}</wd:Complete_Phone_Number>{extension}\
         </wd:Phone_Data>"
    )
}

/// An item with attributes, data, usage and reference.
fn item(kind: &str, attributes: &str, inside: &str) -> String {
    format!("<wd:{kind}_Information_Data {attributes}>{inside}</wd:{kind}_Information_Data>")
}

fn list(kind: &str, attributes: &str, items: &[String]) -> String {
    let items = items.concat();
    format!("<wd:Person_{kind}_Information_Data {attributes}>{items}</wd:Person_{kind}_Information_Data>")
}

fn phone(device: &str, number: &str, primary: bool) -> String {
    item(
        "Phone",
        "wd:Delete=\"false\"",
        &(phone_data(device, "USA_1", number, "") + &usage("WORK", primary)),
    )
}

fn email(address: &str, primary: bool) -> String {
    let data = format!("<wd:Email_Data><wd:Email_Address>{address}</wd:Email_Address></wd:Email_Data>");
    item("Email", "wd:Delete=\"false\"", &(data + &usage("WORK", primary)))
}

#[tokio::test]
async fn contacts_are_written_and_read_again() {
    let tenant = Tenant::staffed().await;
    tenant.set_clock(LATER);
    let extension = "<wd:Extension>4321</wd:Extension>";
    let landline = item(
        "Phone",
        "",
        &(phone_data("Landline", "USA_1", "2065550143", extension) + &usage("WORK", true)),
    );
    let phones = list(
        "Phone",
        "wd:Replace_All=\"false\"",
        &[landline, phone("Mobile", "4255550178", false)],
    );
    let emails = list("Email", "", &[email("ada@example.test", true)]);
    assert_eq!(tenant.change(&(phones + &emails)).await, "");
    let expected = (
        vec![
            "Landline 2065550143 4321 primary".to_string(),
            "Mobile 4255550178 - other".into(),
        ],
        vec!["ada@example.test primary".to_string()],
    );
    assert_eq!(tenant.contacts("1"), expected);
    let text = tenant.worker("1", "2026-01-18").await;
    assert!(
        text.contains("wd:Workday_Traditional_Formatted_Phone=\"+1 (206) 5550143 x4321\""),
        "{text}"
    );
    assert_eq!(
        tenant
            .value(
                "1",
                "2026-01-18",
                &format!("{PERIOD}/Email_Address_Data/Email_Address")
            )
            .await,
        "ada@example.test"
    );
    tenant.set_clock("2026-01-19T02:50:00Z");
    let logged = window("Updated", "2026-01-19T02:39:00Z", "2026-01-19T02:50:00Z");
    assert_eq!(tenant.ids(&logged).await, ["1"], "it is in the log");
    // A new primary one takes the place of the old; a secondary one is added anew each time.
    let again = list("Phone", "", &[phone("Mobile", "4255550178", false)]);
    assert_eq!(tenant.change(&again).await, "");
    let emails = list("Email", "", &[email("ada.king@example.test", true)]);
    assert_eq!(tenant.change(&emails).await, "");
    let (phones, emails) = tenant.contacts("1");
    assert_eq!(
        (phones.len(), emails),
        (3, vec!["ada.king@example.test primary".to_string()])
    );
    // By contingent worker ID, by WID, and with the number as the country writes it.
    let wid = tenant.state("C-3")["wid"].as_str().unwrap().to_string();
    let german = item(
        "Phone",
        "",
        &(phone_data("Landline", "DEU_49", "(089) 12 34", "") + &usage("WORK", true)),
    );
    for reference in [person("Contingent_Worker_ID", "C-3"), person("WID", &wid)] {
        assert_eq!(
            tenant
                .write(
                    &reference,
                    true,
                    "",
                    &list("Phone", "", std::slice::from_ref(&german))
                )
                .await,
            ""
        );
    }
    assert_eq!(tenant.contacts("C-3").0, ["Landline 0891234 - primary"]);
}

#[tokio::test]
async fn what_was_read_can_be_sent_back_and_updates_in_place() {
    let tenant = Tenant::staffed().await;
    let phones = list(
        "Phone",
        "",
        &[
            phone("Landline", "2065550143", true),
            phone("Mobile", "4255550178", false),
        ],
    );
    assert_eq!(tenant.change(&phones).await, "");
    let ask = format!(
        "<wd:Get_Change_Work_Contact_Information_Request wd:version=\"v40.0\"><wd:Request_References>{}\
         </wd:Request_References></wd:Get_Change_Work_Contact_Information_Request>",
        person("Employee_ID", "1")
    );
    let (status, text) = tenant.send(&ask).await;
    assert_eq!(status, 200, "{text}");
    let document = Document::parse(&text).unwrap();
    let references: Vec<String> = document
        .descendants()
        .filter(|node| node.has_tag_name((WD, "Phone_Reference")))
        .map(|node| id_of(node, "Phone_ID").unwrap().to_string())
        .collect();
    assert_eq!(references.len(), 2);
    let by_reference = |id: &str, inside: &str| {
        format!("{inside}<wd:Phone_Reference><wd:ID wd:type=\"Phone_ID\">{id}</wd:ID></wd:Phone_Reference>")
    };
    let data = phone_data("Mobile", "USA_1", "4255550199", "") + &usage("WORK", false);
    let update = item("Phone", "", &by_reference(&references[1], &data));
    assert_eq!(tenant.change(&list("Phone", "", &[update])).await, "");
    let (phones, _) = tenant.contacts("1");
    assert_eq!(
        phones,
        ["Landline 2065550143 - primary", "Mobile 4255550199 - other"]
    );
    for (inside, attributes, told) in [
        (
            by_reference(
                &references[1],
                &(phone_data("Mobile", "USA_1", "4255550199", "") + &usage("WORK", true)),
            ),
            "",
            "You can't change a primary phone to an additional phone or an additional phone to a primary phone.",
        ),
        (
            by_reference(&references[0], ""),
            "wd:Delete=\"true\"",
            "Primary Phone can't be deleted when there are additional phones with the same Usage Type",
        ),
        (
            by_reference("PHONE_REFERENCE-1-9999", ""),
            "wd:Delete=\"1\"",
            "Phone Reference must match an existing (and not deleted) phone in use",
        ),
        (
            String::new(),
            "wd:Delete=\"1\"",
            "Phone Reference is required when you delete a phone number.",
        ),
    ] {
        let said = tenant
            .change(&list("Phone", "", &[item("Phone", attributes, &inside)]))
            .await;
        assert!(said.contains(told), "{said}");
    }
    let gone = item("Phone", "wd:Delete=\"true\"", &by_reference(&references[1], ""));
    assert_eq!(tenant.change(&list("Phone", "", &[gone])).await, "");
    assert_eq!(tenant.contacts("1").0.len(), 1);
    let (status, text) = tenant.send(&ask.replace(">1<", ">7<")).await;
    assert!(fault(status, &text).contains("'7' is not a valid ID value"));
}

#[tokio::test]
async fn contacts_of_many_are_read_in_pages() {
    let tenant = Tenant::staffed().await;
    let emails = list("Email", "", &[email("ada@example.test", true)]);
    assert_eq!(tenant.change(&emails).await, "");
    let ask = async |people: &[String], filter: &str| {
        let message = format!(
            "<wd:Get_Change_Work_Contact_Information_Request><wd:Request_References>{}</wd:Request_References>{filter}\
             </wd:Get_Change_Work_Contact_Information_Request>",
            people.concat()
        );
        let (status, text) = tenant.send(&message).await;
        assert_eq!(status, 200, "{text}");
        let count = text.matches("<wd:Change_Work_Contact_Information>").count();
        (count, text)
    };
    let three = [
        person("Employee_ID", "2"),
        person("Contingent_Worker_ID", "C-3"),
        person("Employee_ID", "1"),
    ];
    let (count, text) = ask(&three, "").await;
    assert_eq!(count, 3);
    assert!(
        text.contains("<wd:Total_Results>3<") && text.contains("ada@example.test"),
        "{text}"
    );
    let page = "<wd:Response_Filter><wd:Page>2</wd:Page><wd:Count>2</wd:Count></wd:Response_Filter>";
    let (count, text) = ask(&three, page).await;
    assert_eq!(count, 1);
    assert!(
        text.contains("<wd:Total_Pages>2<") && text.contains("ada@example.test"),
        "{text}"
    );
    let crowd = vec![person("Employee_ID", "2"); 130];
    assert_eq!(ask(&crowd, "").await.0, 100, "as many as a page has usually");
}

#[tokio::test]
async fn replacing_all_leaves_the_primary_one() {
    let tenant = Tenant::staffed().await;
    let phones = [
        phone("Landline", "2065550143", true),
        phone("Mobile", "4255550178", false),
        phone("Fax", "4255550100", false),
    ];
    assert_eq!(tenant.change(&list("Phone", "", &phones)).await, "");
    let replace = "wd:Replace_All=\"true\"";
    assert_eq!(
        tenant
            .change(&list("Phone", replace, &[phone("Mobile", "4255550111", false)]))
            .await,
        ""
    );
    assert_eq!(
        tenant.contacts("1").0,
        ["Landline 2065550143 - primary", "Mobile 4255550111 - other"]
    );
    let delete = item("Phone", "wd:Delete=\"true\"", "");
    let said = tenant.change(&list("Phone", replace, &[delete])).await;
    assert!(
        said.contains("When Replace All is True, Delete can't be True."),
        "{said}"
    );
    let reference = "<wd:Phone_Reference><wd:ID wd:type=\"Phone_ID\">x</wd:ID></wd:Phone_Reference>";
    let said = tenant
        .change(&list("Phone", replace, &[item("Phone", "", reference)]))
        .await;
    assert!(said.contains("you can't pass a Phone Reference."), "{said}");
}

#[tokio::test]
async fn rules_of_contacts_are_told_in_the_services_words() {
    let tenant = Tenant::staffed().await;
    let phones = |items: &[String]| list("Phone", "", items);
    let bad = |data: String| phones(&[item("Phone", "", &(data + &usage("WORK", true)))]);
    for (contacts, told) in [
        (
            phones(&[phone("Mobile", "4255550178", false)]),
            "Subject person must have exactly one primary work phone number in order to have non-primary entries.",
        ),
        (
            list("Email", "", &[email("a@b.test", false)]),
            "Subject person must have exactly one primary work email address in order to have non-primary entries.",
        ),
        (
            phones(&[
                phone("Landline", "2065550143", true),
                phone("Mobile", "4255550178", true),
            ]),
            "Only one work Phone Number can be marked as Primary.",
        ),
        (
            list("Email", "", &[email("a@b.test", true), email("c@b.test", true)]),
            "Only one work Email Address can be marked as Primary.",
        ),
        (
            phones(&[item(
                "Phone",
                "",
                &(phone_data("Mobile", "USA_1", "4255550178", "") + &usage("HOME", true)),
            )]),
            "Only Work Contact Information can be maintained through this web service.",
        ),
        (
            bad(phone_data("Mobile", "", "4255550178", "")),
            "Country Code is required unless the device type is VOIP.",
        ),
        (
            bad(phone_data("Mobile", "USA_1", "42555501", "")),
            "Invalid number: ",
        ),
        (
            bad(phone_data("Mobile", "USA_1", "425-555-0178", "")),
            "Only Numbers are allowed for Phone Number field",
        ),
        (
            bad(phone_data("Cell", "USA_1", "4255550178", "")),
            "'Cell' is not a valid ID value for type = 'Phone_Device_Type_ID'",
        ),
        (
            bad(phone_data("Mobile", "USA_44", "4255550178", "")),
            "'USA_44' is not a valid ID value",
        ),
        (
            list("Email", "", &[email("nonsense", true)]),
            "Email addresses must be in the format of 'xxx@yy.com'.",
        ),
    ] {
        let said = tenant.change(&contacts).await;
        assert!(said.contains("validationError") && said.contains(told), "{said}");
    }
    let fine = list("Email", "", &[email("a@b.test", true)]);
    let said = tenant.write("", true, "", &fine).await;
    assert!(
        said.contains("Unable to find a subject for this request."),
        "{said}"
    );
    let said = tenant.write(&person("Employee_ID", "77"), true, "", &fine).await;
    assert!(
        said.contains("'77' is not a valid ID value for type = 'Employee_ID'"),
        "{said}"
    );
    let other = tenant.state("2")["universalId"].as_str().unwrap().to_string();
    let two = person("Employee_ID", "1")
        + &format!(
            "<wd:Universal_ID_Reference><wd:ID wd:type=\"Universal_Identifier_ID\">{other}</wd:ID></wd:Universal_ID_Reference>"
        );
    assert!(
        tenant
            .write(&two, true, "", &fine)
            .await
            .contains("must be the same person")
    );
    assert_eq!(tenant.contacts("1"), (vec![], vec![]), "nothing of it was done");
}

#[tokio::test]
async fn what_waits_is_not_there_and_stops_the_next() {
    let tenant = Tenant::staffed().await;
    let one = person("Employee_ID", "1");
    let fine = list("Email", "", &[email("a@b.test", true)]);
    assert_eq!(tenant.write(&one, false, "", &fine).await, "");
    assert!(tenant.contacts("1").1.is_empty());
    let said = tenant.change(&fine).await;
    assert!(
        said.contains("there are other pending or completed actions for the person"),
        "{said}"
    );
    tenant
        .admin("/lab/events", json!({"worker": "1", "type": "approve"}))
        .await;
    assert_eq!(tenant.contacts("1").1, ["a@b.test primary"]);
    let later = "<wd:Event_Effective_Date>2026-03-01</wd:Event_Effective_Date>";
    let emails = list("Email", "", &[email("later@b.test", true)]);
    assert_eq!(tenant.write(&one, true, later, &emails).await, "");
    assert_eq!(tenant.contacts("1").1, ["a@b.test primary"], "not yet");
    assert!(
        tenant
            .change(&fine)
            .await
            .contains("pending or completed actions")
    );
    tenant.set_clock("2026-03-01T08:00:00Z");
    assert_eq!(tenant.contacts("1").1, ["later@b.test primary"]);
    tenant.write(&person("Employee_ID", "2"), false, "", &fine).await;
    tenant
        .admin("/lab/events", json!({"worker": "2", "type": "deny"}))
        .await;
    assert_eq!(
        tenant.write(&person("Employee_ID", "2"), true, "", &fine).await,
        ""
    );
}

#[tokio::test]
async fn user_names_are_changed_and_refused() {
    let tenant = Tenant::staffed().await;
    assert_eq!(tenant.rename("Employee", "1", "ada@example.test").await, "");
    assert_eq!(
        tenant.value("1", "2026-01-18", "User_ID").await,
        "ada@example.test"
    );
    assert_eq!(
        tenant
            .value("1", "2026-01-18", "User_Account_Data/User_Name")
            .await,
        "ada@example.test"
    );
    assert_eq!(
        tenant
            .rename("Contingent_Worker", "C-3", "tom@example.test")
            .await,
        ""
    );
    assert_eq!(
        tenant.rename("Employee", "1", "Ada@example.test").await,
        "",
        "one's own is not taken"
    );
    tenant
        .admin("/lab/workers", json!({"id": "4", "hire": "2025-01-06"}))
        .await;
    tenant.hire("5", "2026-02-01").await;
    for (kind, id, name, told) in [
        (
            "Employee",
            "2",
            "ADA@example.test",
            "User Name already taken, please choose another one.",
        ),
        (
            "Employee",
            "2",
            "a;b",
            "User Name Parameter must not contain any semicolons or colons",
        ),
        (
            "Employee",
            "2",
            &"x".repeat(129),
            "The entered User Name is longer than the current tenant maximum",
        ),
        ("Employee", "2", "", "User Name is required."),
        (
            "Employee",
            "4",
            "four",
            "No Workday Account found for referenced Worker.",
        ),
        (
            "Employee",
            "5",
            "five",
            "No Workday Account found for referenced Worker.",
        ),
        (
            "Employee",
            "C-3",
            "x",
            "Employee Reference Integration ID does not exist!",
        ),
        (
            "Contingent_Worker",
            "1",
            "x",
            "Contingent Worker Reference Integration ID does not exist!",
        ),
    ] {
        let said = tenant.rename(kind, id, name).await;
        assert!(said.contains("validationError") && said.contains(told), "{said}");
    }
}

#[tokio::test]
async fn writing_needs_permissions_and_a_version_that_can() {
    let mut tenant = Tenant::staffed().await;
    let fine = list("Email", "", &[email("a@b.test", true)]);
    let refused =
        "SOAP-ENV:Server.processingError: Processing error occurred. The task submitted is not authorized.";
    for permission in ["put-work-contact", "work-contact-change"] {
        tenant
            .admin("/lab/settings", json!({"lacks": [permission]}))
            .await;
        assert_eq!(tenant.change(&fine).await, refused);
    }
    tenant
        .admin("/lab/settings", json!({"lacks": ["put-workday-accounts"]}))
        .await;
    assert_eq!(tenant.rename("Employee", "1", "x").await, refused);
    assert_eq!(tenant.change(&fine).await, "");
    tenant.version = "v26.1";
    assert!(
        tenant
            .change(&fine)
            .await
            .contains("The web service or version is invalid")
    );
}
