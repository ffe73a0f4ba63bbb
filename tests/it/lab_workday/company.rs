//! Lives that are hard to follow: rehires, conversions, leaves, other jobs, groups that somebody leaves.

use super::*;

const STATUS: &str = "Employment_Data/Worker_Status_Data";

async fn old_hand(tenant: &Tenant, id: &str) -> String {
    let body = json!({"id": id, "hire": "2020-01-06", "entered": "2020-01-01T12:00:00Z", "userName": id});
    tenant.admin("/lab/workers", body).await["wid"]
        .as_str()
        .unwrap()
        .to_string()
}

#[tokio::test]
async fn who_comes_back_has_the_same_wid_or_a_new_one() {
    let tenant = Tenant::start(0);
    let wid = old_hand(&tenant, "1").await;
    old_hand(&tenant, "2").await;
    for id in ["1", "2"] {
        tenant
            .event(id, "terminate", "2025-06-30", json!({"lastDay": "2025-06-30"}))
            .await;
    }
    tenant
        .event("1", "hire", "2026-01-10", json!({"title": "Returner"}))
        .await;
    let anew = json!({"worker": "2", "type": "hire", "effective": "2026-01-10", "id": "22"});
    let anew = tenant.admin("/lab/events", anew).await;
    assert_eq!(tenant.state("1")["wid"], json!(wid));
    for (name, expected) in [
        ("Active", "1"),
        ("Rehire", "1"),
        ("Hire_Date", "2026-01-10"),
        ("Original_Hire_Date", "2020-01-06"),
        ("Terminated", "0"),
        ("Termination_Date", ""),
    ] {
        assert_eq!(
            tenant.value("1", "2026-01-18", &format!("{STATUS}/{name}")).await,
            expected,
            "{name}"
        );
    }
    assert_ne!(anew["wid"], tenant.state("2")["wid"]);
    assert_eq!(
        tenant.state("22")["universalId"],
        tenant.state("2")["universalId"]
    );
    assert_eq!(
        tenant.value("2", "2026-01-18", &format!("{STATUS}/Active")).await,
        "0"
    );
    assert_eq!(
        tenant
            .value("22", "2026-01-18", &format!("{STATUS}/Rehire"))
            .await,
        "0",
        "this record is new"
    );
}

#[tokio::test]
async fn conversions_are_another_object_whatever_the_id() {
    for (day, id) in [
        ("2026-01-05", None),
        ("2026-01-18", None),
        ("2026-03-01", None),
        ("2026-01-18", Some("E-1")),
    ] {
        let tenant = Tenant::start(0);
        let body = json!({"id": "C-1", "kind": "contingent", "hire": "2025-01-06", "entered": "2025-01-01T12:00:00Z"});
        let old = tenant.admin("/lab/workers", body).await["wid"]
            .as_str()
            .unwrap()
            .to_string();
        let convert = json!({"worker": "C-1", "type": "convert", "effective": day, "id": id});
        let new = tenant.admin("/lab/events", convert).await;
        assert_eq!(new["id"], id.unwrap_or("C-1"));
        let new = new["wid"].as_str().unwrap();
        let text = tenant.worker(new, day).await;
        assert!(
            text.contains("wd:type=\"Employee_ID\"") && text.contains("Employee_Type_ID\">Regular"),
            "{text}"
        );
        let active = async |wid: &str, on: &str| tenant.value(wid, on, &format!("{STATUS}/Active")).await;
        let eve = jiff::civil::Date::strptime("%Y-%m-%d", day)
            .unwrap()
            .yesterday()
            .unwrap()
            .to_string();
        assert_eq!(
            (active(&old, &eve).await, active(new, &eve).await),
            ("1".into(), "0".into()),
            "{day}"
        );
        assert_eq!(
            (active(&old, day).await, active(new, day).await),
            ("0".into(), "1".into()),
            "{day}"
        );
        tenant.set_clock(LATER);
        let found = tenant
            .ids(&window("Updated", "2026-01-19T02:00:00Z", LATER))
            .await;
        assert_eq!(found.len(), 2, "both come with the entry");
    }
}

#[tokio::test]
async fn leaves_come_all_and_one_of_them_is_on() {
    let tenant = Tenant::start(0);
    old_hand(&tenant, "1").await;
    tenant
        .event(
            "1",
            "start-leave",
            "2025-03-01",
            json!({"leave": "Parental_Leave"}),
        )
        .await;
    tenant.event("1", "return", "2025-06-01", json!({})).await;
    tenant
        .event(
            "1",
            "start-leave",
            "2026-01-10",
            json!({"leave": "Medical_Leave"}),
        )
        .await;
    let text = tenant.worker("1", "2026-01-18").await;
    let document = Document::parse(&text).unwrap();
    let leaves = all(
        workers(&document)[0],
        &format!("Worker_Data/{STATUS}/Leave_Status_Data"),
    );
    let told: Vec<[String; 3]> = leaves
        .iter()
        .map(|leave| ["On_Leave", "Leave_Start_Date", "Leave_End_Date"].map(|name| text_of(*leave, name)))
        .collect();
    assert_eq!(told, [["0", "2025-03-01", "2025-05-31"], ["1", "2026-01-10", ""]]);
    assert_eq!(
        tenant.value("1", "2026-01-18", &format!("{STATUS}/Active")).await,
        "1"
    );
}

#[tokio::test]
async fn other_jobs_stand_beside_the_primary_one() {
    let tenant = Tenant::start(0);
    old_hand(&tenant, "1").await;
    tenant
        .event(
            "1",
            "add-job",
            "2026-01-05",
            json!({"job": {"title": "Trainer", "site": "LON-01", "position": "P-9"}}),
        )
        .await;
    let abroad = json!({"assignment": {"title": "Visitor", "site": "AKL-01", "end": "2026-06-30"}});
    tenant.event("1", "start-assignment", "2026-01-12", abroad).await;
    let jobs = async |day: &str| -> Vec<(String, String)> {
        let text = tenant.worker("1", day).await;
        let document = Document::parse(&text).unwrap();
        all(
            workers(&document)[0],
            "Worker_Data/Employment_Data/Worker_Job_Data",
        )
        .into_iter()
        .map(|job| {
            (
                job.attribute((WD, "Primary_Job")).unwrap().into(),
                text_of(job, "Position_Data/Position_Title"),
            )
        })
        .collect()
    };
    let job = |primary: &str, title: &str| (primary.to_string(), title.to_string());
    assert_eq!(jobs("2026-01-04").await, [job("1", "Clerk")]);
    assert_eq!(
        jobs("2026-01-12").await,
        [job("1", "Clerk"), job("0", "Trainer"), job("0", "Visitor")]
    );
    let path = "Employment_Data/International_Assignment_Summary_Data/Has_International_Assignment";
    assert_eq!(tenant.value("1", "2026-01-12", path).await, "1");
    tenant
        .event("1", "end-job", "2026-01-15", json!({"endJob": "P-9"}))
        .await;
    assert_eq!(jobs("2026-01-15").await.len(), 2);
    tenant
        .admin("/lab/settings", json!({"lacks": ["all-positions"]}))
        .await;
    assert_eq!(
        jobs("2026-01-12").await.len(),
        1,
        "without the permission there is the primary one alone"
    );
}

#[tokio::test]
async fn what_is_not_permitted_is_left_out_in_silence() {
    let tenant = Tenant::start(120);
    let everybody = format!("{}{EVERYTHING}", page(1, 200));
    let all = tenant.get(&everybody).await;
    for (permission, data) in [
        ("names", "Name_Data"),
        ("work-contact", "Email_Address>a"),
        ("id-information", "Identification_Data"),
        ("current-staffing", "Employment_Data"),
        ("business-title", "Business_Title"),
        ("organizations", "Worker_Organization_Data"),
        ("management-chain", "<wd:Management_Chain_Data>"),
        ("account-provisioning", "Account_Provisioning_Data"),
        ("workday-accounts", "User_ID"),
    ] {
        tenant
            .admin("/lab/settings", json!({"lacks": [permission]}))
            .await;
        let data = if permission == "work-contact" {
            ">WORK<"
        } else {
            data
        };
        assert!(all.contains(data), "{permission}");
        let text = tenant.get(&everybody).await;
        assert!(!text.contains(data), "{permission}");
        assert_eq!(results(&text), results(&all), "{permission}");
    }
    tenant.admin("/lab/settings", json!({"lacks": ["workers"]})).await;
    assert_eq!(
        results(&tenant.get(&everybody).await),
        [0, 0, 0, 1],
        "nobody, and no fault"
    );
}

#[tokio::test]
async fn who_leaves_a_constrained_group_vanishes() {
    let tenant = Tenant::start(0);
    for (id, site) in [("1", "SYD-01"), ("2", "SYD-01"), ("3", "MUC-01")] {
        tenant
            .admin(
                "/lab/workers",
                json!({"id": id, "hire": "2025-01-06", "set": {"site": site}}),
            )
            .await;
    }
    tenant
        .admin("/lab/settings", json!({"constrainedTo": ["SYD-01"]}))
        .await;
    assert_eq!(tenant.ids("").await, ["1", "2"]);
    tenant
        .event("2", "change-job", "2026-01-18", json!({"site": "LON-01"}))
        .await;
    assert_eq!(tenant.ids("").await, ["1"]);
    let text = tenant.get("").await;
    assert_eq!(results(&text)[0], 1, "totals agree with what is shown");
    tenant.set_clock(LATER);
    assert!(
        tenant
            .ids(&window("Updated", "2026-01-19T02:00:00Z", LATER))
            .await
            .iter()
            .all(|id| id != "2")
    );
}

#[tokio::test]
async fn names_and_numbers_try_whoever_reads_them() {
    let tenant = Tenant::start(120);
    let text = tenant.get(&format!("{}{EVERYTHING}", page(1, 999))).await;
    let document = Document::parse(&text).unwrap();
    let has = |part: &str| {
        document
            .descendants()
            .any(|node| node.text().is_some_and(|text| text.contains(part)))
    };
    for part in ["𠮷野", "حداد", "Zoe\u{308}", "O'Brien & <Sons>", " & Partners "] {
        assert!(has(part), "{part}");
    }
    let most = workers(&document)
        .into_iter()
        .map(|worker| all(worker, "Worker_Data/Personal_Data/Contact_Data/Phone_Data").len());
    assert!(most.max().unwrap() > 75);
    let zones: std::collections::BTreeSet<String> = (0..120)
        .filter_map(|number| {
            Some(
                tenant.state(&format!("{}", 100_000 + number))["effective"]["zone"]
                    .as_str()?
                    .to_string(),
            )
        })
        .collect();
    for zone in [
        "Pacific/Honolulu",
        "Australia/Sydney",
        "Pacific/Kiritimati",
        "Europe/London",
        "Asia/Kolkata",
    ] {
        assert!(zones.contains(zone), "{zones:?}");
    }
}

#[tokio::test]
async fn the_operator_is_told_what_is_wrong() {
    let tenant = Tenant::start(0);
    old_hand(&tenant, "1").await;
    let told = async |path: &str, body: Json| {
        let url = format!("{}{path}", tenant.workday.admin);
        let answer = tenant.http.post(url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        answer.text().await.unwrap()
    };
    for (path, body, why) in [
        (
            "/lab/events",
            json!({"worker": "7", "type": "promote"}),
            "there is no worker 7",
        ),
        (
            "/lab/events",
            json!({"worker": "1", "type": "terminate"}),
            "needs `lastDay`",
        ),
        (
            "/lab/events",
            json!({"worker": "1", "type": "rescind", "event": 99}),
            "no event 99",
        ),
        (
            "/lab/events",
            json!({"worker": "1", "type": "approve"}),
            "nothing waits",
        ),
        (
            "/lab/events",
            json!({"worker": "1", "type": "change-job", "set": {"site": "X"}}),
            "there is no site X",
        ),
        ("/lab/workers", json!({"id": "1"}), "there is a worker 1"),
        (
            "/lab/workers",
            json!({"id": "2", "set": {"phones": [{"country": "US", "digits": "12"}]}}),
            "10 digits",
        ),
        ("/lab/settings", json!({"lacks": ["everything"]}), "everything"),
        (
            "/lab/unlogged",
            json!({"organization": "SUP-9"}),
            "there is no organization SUP-9",
        ),
    ] {
        let text = told(path, body).await;
        assert!(text.contains(why), "{text}");
    }
}
