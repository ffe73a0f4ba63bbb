//! What may be asked, how leniently it is read, and how it is refused.

use super::*;

/// As connectors are published to ask for everybody: dateTimes where dates are declared, flags in another order than
/// the schema's.
const PUBLISHED_GROUP: &str = "<wd:Response_Group>\
    <wd:Include_Reference>true</wd:Include_Reference>\
    <wd:Include_Personal_Information>true</wd:Include_Personal_Information>\
    <wd:Include_Employment_Information>true</wd:Include_Employment_Information>\
    <wd:Include_Organizations>true</wd:Include_Organizations>\
    <wd:Exclude_Organization_Support_Role_Data>true</wd:Exclude_Organization_Support_Role_Data>\
    <wd:Exclude_Location_Hierarchies>true</wd:Exclude_Location_Hierarchies>\
    <wd:Exclude_Cost_Center_Hierarchies>true</wd:Exclude_Cost_Center_Hierarchies>\
    <wd:Exclude_Company_Hierarchies>true</wd:Exclude_Company_Hierarchies>\
    <wd:Exclude_Matrix_Organizations>true</wd:Exclude_Matrix_Organizations>\
    <wd:Exclude_Pay_Groups>true</wd:Exclude_Pay_Groups>\
    <wd:Exclude_Regions>true</wd:Exclude_Regions>\
    <wd:Exclude_Region_Hierarchies>true</wd:Exclude_Region_Hierarchies>\
    <wd:Exclude_Funds>true</wd:Exclude_Funds>\
    <wd:Exclude_Gift_Hierarchies>true</wd:Exclude_Gift_Hierarchies>\
    <wd:Include_Management_Chain_Data>true</wd:Include_Management_Chain_Data>\
    <wd:Include_Transaction_Log_Data>true</wd:Include_Transaction_Log_Data>\
    <wd:Include_Additional_Jobs>true</wd:Include_Additional_Jobs></wd:Response_Group>";

const HIRES: &str = "<wd:Request_Criteria><wd:Transaction_Log_Criteria_Data><wd:Transaction_Type_References>\
    <wd:Transaction_Type_Reference><wd:ID wd:type=\"Business_Process_Type\">Hire Employee</wd:ID>\
    </wd:Transaction_Type_Reference><wd:Transaction_Type_Reference>\
    <wd:ID wd:type=\"Business_Process_Type\">Contract Contingent Worker</wd:ID></wd:Transaction_Type_Reference>\
    </wd:Transaction_Type_References></wd:Transaction_Log_Criteria_Data></wd:Request_Criteria>";

fn as_of(day: &str, moment: &str, rest: &str) -> String {
    format!(
        "<wd:Response_Filter><wd:As_Of_Effective_Date>{day}</wd:As_Of_Effective_Date>\
         <wd:As_Of_Entry_DateTime>{moment}</wd:As_Of_Entry_DateTime>{rest}</wd:Response_Filter>"
    )
}

#[tokio::test]
async fn a_test_of_the_connection_finds_nobody() {
    let tenant = Tenant::start(30);
    let nobody = window("Updated", NOW, NOW).replace(
        "</wd:Request_Criteria>",
        "<wd:Exclude_Inactive_Workers>true</wd:Exclude_Inactive_Workers>\
         <wd:Exclude_Employees>true</wd:Exclude_Employees>\
         <wd:Exclude_Contingent_Workers>true</wd:Exclude_Contingent_Workers></wd:Request_Criteria>",
    );
    let filter = as_of(NOW, NOW, "<wd:Page>1</wd:Page><wd:Count>1</wd:Count>");
    let text = tenant.get(&format!("{nobody}{filter}{PERSONAL}")).await;
    assert_eq!(results(&text), [0, 0, 0, 1]);
    assert!(
        text.contains("<wd:Exclude_Employees>1</wd:Exclude_Employees>"),
        "{text}"
    );
    assert!(
        text.contains("<wd:As_Of_Effective_Date>2026-01-18</wd:As_Of_Effective_Date>"),
        "{text}"
    );
}

#[tokio::test]
async fn everybody_comes_page_by_page_each_of_them_once() {
    let tenant = Tenant::start(509);
    let everybody = tenant.workday.state(&workday::Question::default()).unwrap()["workers"]
        .as_u64()
        .unwrap();
    let everybody = usize::try_from(everybody).unwrap();
    let mut seen = Vec::new();
    let pages = everybody.div_ceil(30);
    for number in 1..=pages {
        // The first request names no page.
        let rest = if number == 1 {
            String::new()
        } else {
            format!("<wd:Page>{number}</wd:Page>")
        };
        let filter = as_of(NOW, NOW, &format!("{rest}<wd:Count>30</wd:Count>"));
        let text = tenant.get(&format!("{HIRES}{filter}{PUBLISHED_GROUP}")).await;
        let last = everybody - 30 * (pages - 1);
        let expected = if number == pages { last } else { 30 };
        assert_eq!(results(&text), [everybody, pages, expected, number]);
        let document = Document::parse(&text).unwrap();
        for worker in workers(&document) {
            seen.push(
                id_of(find(worker, "Worker_Reference").unwrap(), "WID")
                    .unwrap()
                    .to_string(),
            );
        }
    }
    assert_eq!(seen.len(), everybody);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), everybody);
    let beyond = tenant
        .get(&format!("{HIRES}{}{PERSONAL}", page(pages + 1, 30)))
        .await;
    assert_eq!(results(&beyond), [everybody, pages, 0, pages + 1]);
}

#[tokio::test]
async fn the_address_says_the_version_and_may_say_little() {
    let tenant = Tenant::start(3);
    let body = tenant.envelope(&format!(
        "<wd:Get_Workers_Request>{EVERYTHING}</wd:Get_Workers_Request>"
    ));
    for (rest, version) in [
        ("", "v21.1"),
        ("/Human_Resources", "v21.1"),
        ("/Human_Resources/v26.1", "v26.1"),
        ("/Human_Resources/v40.0", "v40.0"),
        ("/Staffing/v40.0", "v40.0"),
    ] {
        let answer = tenant
            .post(&format!("{}{rest}", tenant.workday.url), body.clone())
            .await;
        assert_eq!(answer.status(), 200, "{rest}");
        assert!(answer.headers().contains_key("wd-stat-request-id"), "{rest}");
        let left: u32 = answer.headers()["wd-ratelimit-tokens-remaining"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(left < 700, "{left}");
        let text = answer.text().await.unwrap();
        assert!(
            text.contains(&format!("wd:version=\"{version}\"")),
            "{rest}: {text}"
        );
        assert_eq!(text.contains("<wd:Worker_Job_Data"), version != "v21.1", "{rest}");
    }
    for rest in ["/Payroll/v40.0", "/Human_Resources/v99.0", "/Human_Resources/40"] {
        let answer = tenant
            .post(&format!("{}{rest}", tenant.workday.url), body.clone())
            .await;
        assert!(answer.headers().contains_key("x-wd-gid"));
        assert!(
            !answer.headers().contains_key("wd-ratelimit-tokens-remaining"),
            "{rest}"
        );
        let told = fault(answer.status().as_u16(), &answer.text().await.unwrap());
        assert_eq!(
            told,
            "SOAP-ENV:Client.validationError: The web service or version is invalid for the requested operation"
        );
    }
    let nowhere = tenant
        .post(&tenant.workday.url.replace("/ccx", "/elsewhere"), body)
        .await;
    assert_eq!(nowhere.status(), 404);
}

#[tokio::test]
async fn prefixes_booleans_and_order_are_as_one_likes() {
    let tenant = Tenant::start(5);
    let message = format!(
        r#"<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">
        <e:Header><s:Security xmlns:s="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
        <s:UsernameToken><s:Username>{}</s:Username><s:Password>{}</s:Password></s:UsernameToken></s:Security></e:Header>
        <e:Body><Get_Workers_Request xmlns="{WD}" version="v40.0">
        <Response_Group><Include_Personal_Information>1</Include_Personal_Information>
        <Include_Reference>true</Include_Reference><Include_Organizations>0</Include_Organizations></Response_Group>
        <Response_Filter><Count> 2 </Count><Page>1</Page></Response_Filter>
        <Request_Criteria><Exclude_Employees>false</Exclude_Employees></Request_Criteria>
        </Get_Workers_Request></e:Body></e:Envelope>"#,
        tenant.workday.user,
        tenant.workday.password.replace('&', "&amp;"),
    );
    let text = tenant
        .post(&tenant.address(), message)
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(results(&text)[2], 2, "{text}");
    assert!(text.contains(
        "<wd:Response_Group><wd:Include_Reference>1</wd:Include_Reference>\
         <wd:Include_Personal_Information>1</wd:Include_Personal_Information>\
         <wd:Include_Organizations>0</wd:Include_Organizations></wd:Response_Group>"
    ));
    assert!(
        !text.contains("Worker_Organization_Data") && !text.contains("wd:Descriptor"),
        "{text}"
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_the_services_words() {
    let tenant = Tenant::start(3);
    let later = "2026-01-19T02:29:17Z";
    let reference = |kind: &str, id: &str| {
        format!(
            "<wd:Request_References><wd:Worker_Reference><wd:ID wd:type=\"{kind}\">{id}</wd:ID></wd:Worker_Reference>\
             </wd:Request_References>"
        )
    };
    for (parts, told) in [
        (page(0, 10), "Page Number cannot be zero."),
        (page(1, 1000), "Count must be between 1 and 999."),
        (page(1, 0), "Count must be between 1 and 999."),
        (
            window("Updated", NOW, "2026-01-19T03:00:00Z"),
            "Updated Through must be less than or equal to Current Moment!",
        ),
        (
            window("Updated", later, NOW),
            "Updated From must be less than or equal to Updated Through!",
        ),
        (
            window("Effective", later, NOW),
            "Effective From must be less than or equal to Effective Through!",
        ),
        (
            window("Effective", later, NOW).replace(&format!("<wd:Effective_Through>{NOW}</wd:Effective_Through>"), ""),
            "If one of Effective From or Effective Through contains a value, both are Required!",
        ),
        (
            "<wd:Request_Criteria><wd:Transaction_Log_Criteria_Data><wd:Subscriber_Reference/>\
             </wd:Transaction_Log_Criteria_Data></wd:Request_Criteria>"
                .into(),
            "Subscriber Reference must have an enabled Transaction Log Service configuration.",
        ),
        (
            reference("Employee_ID", "99999"),
            "Invalid ID value.  '99999' is not a valid ID value for type = 'Employee_ID'",
        ),
        (
            HIRES.replace("Hire Employee", "Hire Somebody"),
            "'Hire Somebody' is not a valid ID value for type = 'Business_Process_Type'",
        ),
        ("<wd:Response_Group><wd:Include_Everything>1</wd:Include_Everything></wd:Response_Group>".into(),
         "Element not found=Include_Everything-urn:com.workday/bsvc"),
        (
            "<wd:Response_Filter><wd:As_Of_Effective_Date>soon</wd:As_Of_Effective_Date></wd:Response_Filter>".into(),
            "The value 'soon' is invalid",
        ),
    ] {
        let fault = tenant.fault(&parts).await;
        assert!(fault.starts_with("SOAP-ENV:Client.validationError: Validation error occurred. "), "{fault}");
        assert!(fault.contains(told), "{fault}");
    }
    let (_, text) = tenant.send("<wd:Get_Workers_Request><wd:Request_References><wd:Worker_Reference>\
        <wd:ID wd:type=\"WID\">x</wd:ID></wd:Worker_Reference></wd:Request_References></wd:Get_Workers_Request>").await;
    let path = "/bsvc:Get_Workers_Request[1]/bsvc:Request_References[1]/bsvc:Worker_Reference[1]";
    assert!(text.contains(path), "{text}");
    let (status, text) = tenant.send("<wd:Get_API_Clients_Request/>").await;
    assert!(fault(status, &text).ends_with("Element not found=Get_API_Clients_Request-urn:com.workday/bsvc"));
    for broken in ["", "{}", "<a>", "<a/>"] {
        let answer = tenant.post(&tenant.address(), broken.into()).await;
        // Whoever cannot be read cannot be known.
        let told = fault(answer.status().as_u16(), &answer.text().await.unwrap());
        assert_eq!(
            told, "SOAP-ENV:Client.authenticationError: invalid username or password",
            "{broken}"
        );
    }
    // The future is allowed where things take effect.
    tenant
        .get(&window("Effective", NOW, "2027-01-01T00:00:00Z"))
        .await;
}

#[tokio::test]
async fn unknown_references_can_be_passed_over() {
    let tenant = Tenant::start(3);
    let ask = |flag: &str| {
        format!(
            "<wd:Request_References wd:{flag}=\"true\">\
             <wd:Worker_Reference><wd:ID wd:type=\"Employee_ID\">100001</wd:ID></wd:Worker_Reference>\
             <wd:Worker_Reference><wd:ID wd:type=\"Employee_ID\">7</wd:ID></wd:Worker_Reference>\
             </wd:Request_References>{PERSONAL}"
        )
    };
    let text = tenant.get(&ask("Ignore_Invalid_References")).await;
    assert_eq!(results(&text)[0], 1);
    assert!(
        text.contains("<wd:Invalid_Reference_ID>7</wd:Invalid_Reference_ID>"),
        "{text}"
    );
    let wid = "<wd:Worker_Reference><wd:ID wd:type=\"WID\">";
    assert_eq!(
        text.matches(wid).count(),
        1,
        "the echo of a look-up has the WID too: {text}"
    );
    let old = Tenant {
        version: "v30.0",
        ..tenant
    };
    let text = old.get(&ask("Skip_Non_Existing_Instances")).await;
    assert_eq!(results(&text)[0], 1);
    assert!(!text.contains("Invalid_Reference"), "{text}");
}

#[tokio::test]
async fn criteria_and_inside_and_or_across() {
    let tenant = Tenant::start(0);
    let entered = "2026-01-10T12:00:00Z";
    for (id, effective) in [("501", "2026-01-12"), ("502", "2026-02-12")] {
        let body = json!({"id": id, "hire": effective, "entered": entered});
        tenant.admin("/lab/workers", body).await;
    }
    tenant
        .admin(
            "/lab/workers",
            json!({"id": "503", "kind": "contingent", "hire": "2026-01-12"}),
        )
        .await;
    let date_range = |updated: (&str, &str), effective: Option<(&str, &str)>| {
        let effective = effective.map_or(String::new(), |(from, through)| {
            format!("<wd:Effective_From>{from}</wd:Effective_From><wd:Effective_Through>{through}</wd:Effective_Through>")
        });
        format!(
            "<wd:Transaction_Log_Criteria_Data><wd:Transaction_Date_Range_Data>\
             <wd:Updated_From>{}</wd:Updated_From><wd:Updated_Through>{}</wd:Updated_Through>{effective}\
             </wd:Transaction_Date_Range_Data></wd:Transaction_Log_Criteria_Data>",
            updated.0, updated.1
        )
    };
    let criteria = |inside: &str| format!("<wd:Request_Criteria>{inside}</wd:Request_Criteria>");
    let january = ("2026-01-01T00:00:00Z", "2026-01-15T00:00:00Z");
    let both = date_range(january, Some(january));
    assert_eq!(tenant.ids(&criteria(&both)).await, ["501"]);
    assert_eq!(
        tenant.ids(&criteria(&date_range(january, None))).await,
        ["501", "502"]
    );
    tenant.set_clock(LATER);
    let today = date_range(("2026-01-19T00:00:00Z", LATER), None);
    assert_eq!(
        tenant.ids(&criteria(&format!("{both}{today}"))).await,
        ["501", "503"]
    );
    let exclude = "<wd:Exclude_Contingent_Workers>1</wd:Exclude_Contingent_Workers>";
    assert_eq!(
        tenant.ids(&criteria(&format!("{both}{today}{exclude}"))).await,
        ["501"]
    );
    let active = "<wd:Exclude_Inactive_Workers>1</wd:Exclude_Inactive_Workers>";
    assert_eq!(
        tenant.ids(&criteria(active)).await,
        ["501", "503"],
        "502 has not begun"
    );
    let country = |code: &str| {
        format!(
            "<wd:Country_Reference><wd:ID wd:type=\"ISO_3166-1_Alpha-2_Code\">{code}</wd:ID></wd:Country_Reference>"
        )
    };
    assert_eq!(tenant.ids(&criteria(&country("DE"))).await, ["501", "503"]);
    assert!(tenant.ids(&criteria(&country("AU"))).await.is_empty());
}

#[tokio::test]
async fn answers_are_compressed_when_asked_and_come_in_chunks() {
    let tenant = Tenant::start(120);
    let message = tenant.envelope(&format!(
        "<wd:Get_Workers_Request>{EVERYTHING}</wd:Get_Workers_Request>"
    ));
    let plain = tenant.post(&tenant.address(), message.clone()).await;
    assert_eq!(plain.headers()["transfer-encoding"], "chunked");
    assert!(
        plain.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/xml")
    );
    let plain = plain.text().await.unwrap();
    let request = tenant
        .http
        .post(tenant.address())
        .header("accept-encoding", "gzip, deflate")
        .body(message);
    let packed = request.send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.bytes().await.unwrap();
    assert!(packed.len() * 5 < plain.len());
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
}
