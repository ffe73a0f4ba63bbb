//! Who is found by when things were entered, and who by when they take effect; what is shown of them on which day.

use super::*;

const STATUS: &str = "Employment_Data/Worker_Status_Data";

impl Tenant {
    /// By entry, and by effect, between two moments.
    async fn found(&self, from: &str, through: &str) -> (Vec<String>, Vec<String>) {
        let updated = self.ids(&window("Updated", from, through)).await;
        (updated, self.ids(&window("Effective", from, through)).await)
    }

    async fn status(&self, id: &str, day: &str, name: &str) -> String {
        self.value(id, day, &format!("{STATUS}/{name}")).await
    }
}

fn none() -> Vec<String> {
    Vec::new()
}

fn one(id: &str) -> Vec<String> {
    vec![id.to_string()]
}

#[tokio::test]
async fn changes_are_found_when_entered_and_when_they_come_true() {
    let tenant = Tenant::start(0);
    tenant
        .admin(
            "/lab/workers",
            json!({"id": "1", "hire": "2025-03-01", "entered": "2025-02-01T12:00:00Z"}),
        )
        .await;
    tenant.set_clock("2026-01-20T12:00:00Z");
    tenant
        .event("1", "change-title", "2026-01-23", json!({"title": "Lead"}))
        .await;
    tenant
        .event("1", "change-job", "2026-01-17", json!({"site": "SYD-01"}))
        .await;
    tenant.set_clock("2026-01-20T12:05:00Z");
    assert_eq!(
        tenant.found("2026-01-20T11:55:00Z", "2026-01-20T12:05:00Z").await,
        (one("1"), none())
    );
    // What was entered for the past has been effective before anybody could ask.
    assert_eq!(
        tenant
            .ids(&window(
                "Effective",
                "2026-01-17T08:00:00Z",
                "2026-01-17T08:00:00Z"
            ))
            .await,
        one("1")
    );
    tenant.set_clock("2026-01-23T08:10:00Z");
    assert_eq!(
        tenant.found("2026-01-23T07:50:00Z", "2026-01-23T07:59:59Z").await,
        (none(), none())
    );
    // Midnight in California, both ends included.
    for (from, through) in [
        ("2026-01-23T08:00:00Z", "2026-01-23T08:10:00Z"),
        ("2026-01-23T07:00:00Z", "2026-01-23T08:00:00Z"),
    ] {
        assert_eq!(tenant.found(from, through).await, (none(), one("1")));
    }
    let title = "Employment_Data/Worker_Job_Data/Position_Data/Position_Title";
    assert_eq!(tenant.value("1", "2026-01-22", title).await, "Clerk");
    assert_eq!(tenant.value("1", "2026-01-23", title).await, "Lead");
    let site = "Employment_Data/Worker_Job_Data/Position_Data/Business_Site_Summary_Data/Location_Reference";
    let text = tenant.worker("1", "2026-01-17").await;
    let document = Document::parse(&text).unwrap();
    let location = find(workers(&document)[0], &format!("Worker_Data/{site}")).unwrap();
    assert_eq!(id_of(location, "Location_ID"), Some("SYD-01"));
}

#[tokio::test]
async fn summer_days_begin_an_hour_earlier() {
    let tenant = Tenant::start(0);
    tenant
        .admin(
            "/lab/workers",
            json!({"id": "1", "hire": "2026-07-01", "entered": "2026-01-01T12:00:00Z"}),
        )
        .await;
    let at_seven = window("Effective", "2026-07-01T07:00:00Z", "2026-07-01T07:00:00Z");
    let at_eight = window("Effective", "2026-07-01T08:00:00Z", "2026-07-01T08:00:00Z");
    assert_eq!(
        (tenant.ids(&at_seven).await, tenant.ids(&at_eight).await),
        (one("1"), none())
    );
}

#[tokio::test]
async fn a_future_hire_is_there_at_once_and_complete_on_the_first_day() {
    let tenant = Tenant::start(0);
    let wid = tenant.hire("1", "2026-02-01").await;
    tenant.set_clock(LATER);
    assert_eq!(
        tenant.found("2026-01-19T02:00:00Z", LATER).await,
        (one("1"), none())
    );
    assert_eq!(tenant.status("1", "2026-01-18", "Active").await, "0");
    assert_eq!(tenant.status("1", "2026-01-18", "Hire_Date").await, "");
    let today = tenant.worker("1", "2026-01-18").await;
    assert!(
        today.contains("Worker1") && !today.contains("Worker_Job_Data") && !today.contains("<wd:User_ID>")
    );
    // As the look-up of connectors has it: both moments are the first day's.
    let text = tenant
        .get(&format!(
            "<wd:Request_References><wd:Worker_Reference><wd:ID wd:type=\"WID\">{wid}</wd:ID></wd:Worker_Reference>\
             </wd:Request_References><wd:Response_Filter>\
             <wd:As_Of_Effective_Date>2026-02-01T08:00:00Z</wd:As_Of_Effective_Date>\
             <wd:As_Of_Entry_DateTime>2026-02-01T08:00:00Z</wd:As_Of_Entry_DateTime><wd:Count>30</wd:Count>\
             </wd:Response_Filter>{EVERYTHING}"
        ))
        .await;
    let document = Document::parse(&text).unwrap();
    let worker = workers(&document)[0];
    assert_eq!(text_of(worker, &format!("Worker_Data/{STATUS}/Active")), "1");
    assert_eq!(
        text_of(worker, &format!("Worker_Data/{STATUS}/Hire_Date")),
        "2026-02-01"
    );
    tenant
        .admin("/lab/settings", json!({"futureHiresHaveDates": true}))
        .await;
    assert_eq!(tenant.status("1", "2026-01-18", "Hire_Date").await, "2026-02-01");
    tenant.set_clock("2026-02-01T09:00:00Z");
    assert_eq!(
        tenant.found("2026-02-01T07:55:00Z", "2026-02-01T08:05:00Z").await,
        (none(), one("1"))
    );
    assert_eq!(tenant.value("1", "2026-02-01", "User_ID").await, "u1");
}

#[tokio::test]
async fn hires_are_put_off_brought_forward_and_rescinded() {
    let tenant = Tenant::start(0);
    for id in ["1", "2", "3"] {
        tenant.hire(id, "2026-02-01").await;
    }
    tenant.set_clock("2026-01-20T12:00:00Z");
    tenant.event("1", "correct", "2026-03-01", json!({})).await;
    tenant
        .event("2", "correct", "2026-01-21", json!({"title": "Chief"}))
        .await;
    tenant.event("3", "rescind", "2026-02-01", json!({})).await;
    tenant.set_clock("2026-01-20T12:05:00Z");
    let all = ["1", "2", "3"].map(String::from).to_vec();
    assert_eq!(
        tenant.found("2026-01-20T11:00:00Z", "2026-01-20T12:05:00Z").await,
        (all.clone(), none())
    );
    let active = async |day: &str| {
        let mut states = Vec::new();
        for id in ["1", "2", "3"] {
            states.push(tenant.status(id, day, "Active").await);
        }
        states.concat()
    };
    assert_eq!(active("2026-01-20").await, "000");
    assert_eq!(active("2026-01-21").await, "010");
    assert_eq!(active("2026-02-01").await, "010");
    assert_eq!(active("2026-03-01").await, "110");
    assert_eq!(tenant.status("3", "2026-02-01", "Hire_Rescinded").await, "1");
    let title = "Employment_Data/Worker_Job_Data/Position_Data/Position_Title";
    assert_eq!(tenant.value("2", "2026-01-21", title).await, "Chief");
    // Corrections and rescissions have types of their own, and the hire is in the log all the same.
    let of_type = |name: &str| {
        format!(
            "<wd:Request_Criteria><wd:Transaction_Log_Criteria_Data><wd:Transaction_Date_Range_Data>\
             <wd:Updated_From>2026-01-20T11:00:00Z</wd:Updated_From>\
             <wd:Updated_Through>2026-01-20T12:05:00Z</wd:Updated_Through></wd:Transaction_Date_Range_Data>\
             <wd:Transaction_Type_References><wd:Transaction_Type_Reference>\
             <wd:ID wd:type=\"Business_Process_Type\">{name}</wd:ID></wd:Transaction_Type_Reference>\
             </wd:Transaction_Type_References></wd:Transaction_Log_Criteria_Data></wd:Request_Criteria>"
        )
    };
    assert_eq!(tenant.ids(&of_type("Hire Employee")).await, none());
    assert_eq!(tenant.ids(&of_type("Correct Business Process")).await, ["1", "2"]);
    assert_eq!(tenant.ids(&of_type("Rescind Business Process")).await, ["3"]);
    let log = tenant.worker("3", "2026-01-20").await;
    assert_eq!(
        log.matches("<wd:Is_Rescind_Or_Rescinded>1</wd:Is_Rescind_Or_Rescinded>")
            .count(),
        2,
        "{log}"
    );
}

#[tokio::test]
async fn a_termination_shows_when_the_last_day_is_over_in_california() {
    for (setting, moment) in [
        ("day-after", "2026-01-20T08:00:00Z"),
        ("last-day", "2026-01-19T08:00:00Z"),
    ] {
        let tenant = Tenant::start(0);
        tenant
            .admin("/lab/settings", json!({"terminationMoment": setting}))
            .await;
        for (id, site) in [
            ("1", "SYD-01"),
            ("2", "MUC-01"),
            ("3", "SFO-01"),
            ("4", "CXI-01"),
            ("5", "HNL-01"),
        ] {
            let body = json!({"id": id, "hire": "2025-01-01", "entered": "2025-01-01T00:00:00Z", "set": {"site": site}});
            tenant.admin("/lab/workers", body).await;
            tenant
                .event(
                    id,
                    "terminate",
                    "2026-01-19",
                    json!({"lastDay": "2026-01-19", "reason": "Resignation"}),
                )
                .await;
        }
        let all = ["1", "2", "3", "4", "5"].map(String::from).to_vec();
        // Long after the last day ended in Sydney, and as long before it does in Honolulu.
        for (clock, shown) in [("2026-01-20T07:59:00Z", "1"), ("2026-01-20T08:01:00Z", "0")] {
            tenant.set_clock(clock);
            for id in &all {
                let text = tenant.get(&format!(
                    "<wd:Request_References><wd:Worker_Reference><wd:ID wd:type=\"Employee_ID\">{id}</wd:ID>\
                     </wd:Worker_Reference></wd:Request_References>{EVERYTHING}"
                )).await;
                let document = Document::parse(&text).unwrap();
                let told =
                    |name: &str| text_of(workers(&document)[0], &format!("Worker_Data/{STATUS}/{name}"));
                let last = if shown == "0" { "2026-01-19" } else { "" };
                assert_eq!(
                    (told("Active"), told("Termination_Last_Day_of_Work")),
                    (shown.into(), last.into()),
                    "{clock}"
                );
                assert_eq!(
                    (told("Termination_Date"), told("Terminated") == "1"),
                    (last.into(), shown == "0")
                );
            }
        }
        assert_eq!(
            tenant.ids(&window("Effective", moment, moment)).await,
            all,
            "{setting}"
        );
        // A look ahead, by type and as of a day on which it has happened.
        let ahead = window("Effective", moment, moment).replace(
            "</wd:Transaction_Log_Criteria_Data>",
            "<wd:Transaction_Type_References><wd:Transaction_Type_Reference>\
             <wd:ID wd:type=\"Business_Process_Type\">Terminate Employee</wd:ID></wd:Transaction_Type_Reference>\
             </wd:Transaction_Type_References></wd:Transaction_Log_Criteria_Data>",
        );
        tenant.set_clock("2026-01-19T09:00:00Z");
        let filter = "<wd:Response_Filter><wd:As_Of_Effective_Date>2026-01-20</wd:As_Of_Effective_Date></wd:Response_Filter>";
        let text = tenant.get(&format!("{ahead}{filter}{EVERYTHING}")).await;
        assert_eq!(
            text.matches("<wd:Termination_Last_Day_of_Work>2026-01-19<")
                .count(),
            5,
            "{setting}"
        );
        tenant.event("1", "rescind", "2026-01-19", json!({})).await;
        assert_eq!(tenant.status("1", "2026-01-20", "Active").await, "1");
    }
}

#[tokio::test]
async fn paging_stands_still_as_of_a_moment() {
    let tenant = Tenant::start(0);
    for id in 1..=5 {
        tenant.hire(&id.to_string(), "2026-01-01").await;
    }
    let fixed = |number: usize| {
        format!(
            "<wd:Response_Filter><wd:As_Of_Entry_DateTime>{LATER}</wd:As_Of_Entry_DateTime>\
             <wd:Page>{number}</wd:Page><wd:Count>2</wd:Count></wd:Response_Filter>{PERSONAL}"
        )
    };
    tenant.set_clock(LATER);
    let before = results(&tenant.get(&fixed(1)).await);
    tenant.set_clock("2026-01-19T02:50:00Z");
    tenant.hire("6", "2026-01-01").await;
    tenant
        .event(
            "5",
            "change-legal-name",
            "2026-01-01",
            json!({"lastName": "Newname"}),
        )
        .await;
    assert_eq!(results(&tenant.get(&fixed(3)).await), [5, 3, 1, 3]);
    assert_eq!(before, [5, 3, 2, 1]);
    assert!(!tenant.get(&fixed(3)).await.contains("Newname"));
    assert_eq!(
        results(&tenant.get(&page(3, 2)).await),
        [6, 3, 2, 3],
        "and moves where it is not fixed"
    );
}

#[tokio::test]
async fn what_no_log_tells_is_found_by_nobody_who_asks_the_log() {
    let tenant = Tenant::start(60);
    tenant.set_clock("2026-01-20T12:00:00Z");
    tenant
        .admin(
            "/lab/unlogged",
            json!({"site": "MUC-01", "locale": "de_AT", "name": "Munich East"}),
        )
        .await;
    tenant
        .admin(
            "/lab/unlogged",
            json!({"organization": "SUP-1000", "name": "The Board"}),
        )
        .await;
    assert_eq!(
        tenant.found("2026-01-20T11:00:00Z", "2026-01-20T12:00:00Z").await,
        (none(), none())
    );
    let text = tenant.get(&format!("{}{EVERYTHING}", page(1, 99))).await;
    assert!(text.contains("de_AT") && text.contains("Munich East") && text.contains("The Board"));
}
