//! What an incremental read finds.

use super::*;
use muster::connector::Watermark;
use muster::domain::worker::Said;

/// Everybody of whom something is new since the watermark, at a moment.
async fn since(tenant: &Tenant, watermark: Watermark, clock: &str) -> Heard {
    tenant.set_clock(clock);
    read(&*tenant.source("page_size = 20"), Cursor::Since(watermark))
        .await
        .unwrap()
}

async fn full(tenant: &Tenant) -> Heard {
    read(&*tenant.source("page_size = 20"), Cursor::Full)
        .await
        .unwrap()
}

/// Somebody who has worked there for a year.
fn settled(tenant: &Tenant, id: &str, set: Json) -> String {
    tenant.hire(json!({"id": id, "hire": "2025-01-01", "entered": "2025-01-01T00:00:00Z", "set": set}))
}

#[tokio::test]
async fn exactly_those_who_changed_are_found() {
    let tenant = Tenant::new(60);
    let moved = settled(&tenant, "1", json!({}));
    settled(&tenant, "2", json!({}));
    let before = full(&tenant).await.complete();
    // Nothing is new but what the overlap repeats.
    let quiet = since(&tenant, before, "2026-01-19T02:50:00Z").await;
    assert_eq!(quiet.ids(), [""; 0]);
    tenant.event(json!({"worker": "1", "type": "change-title", "effective": "2026-01-22", "set": {"businessTitle": "Lead"}}));
    let hired = tenant.hire(json!({"id": "3", "hire": "2026-01-18", "set": {"firstName": "Ada"}}));
    let news = since(&tenant, quiet.complete(), "2026-01-19T03:10:00Z").await;
    assert_eq!(news.ids(), ["1", "3"]);
    assert_ne!(
        news.text(&moved, "BusinessTitle"),
        "Lead",
        "titles to come do not leak"
    );
    assert_eq!(news.text(&hired, "FirstName"), "Ada");
    assert_eq!(news.workers[&hired].active, Some(true));
    // Days later it comes true.
    let true_now = since(&tenant, news.complete(), "2026-01-22T08:20:00Z").await;
    assert!(true_now.ids().contains(&"1".to_string()));
    assert_eq!(true_now.text(&moved, "BusinessTitle"), "Lead");
}

#[tokio::test]
async fn a_future_hire_is_as_on_the_first_day_and_not_active_yet() {
    let tenant = Tenant::new(0);
    settled(&tenant, "1", json!({}));
    let before = full(&tenant).await.complete();
    let wid = tenant
        .hire(json!({"id": "2", "hire": "2026-02-01", "set": {"businessTitle": "Guide", "site": "SYD-01"}}));
    let news = since(&tenant, before, "2026-01-19T03:00:00Z").await;
    assert_eq!(news.ids(), ["2"]);
    let told = |heard: &Heard| {
        [
            "StatusHireDate",
            "BusinessTitle",
            "CountryReferenceTwoLetter",
            "Active",
        ]
        .map(|name| heard.text(&wid, name))
        .join(" ")
    };
    assert_eq!(told(&news), "2026-02-01 Guide AU 0");
    assert_eq!(news.workers[&wid].active, Some(false));
    assert_eq!(told(&full(&tenant).await), "2026-02-01 Guide AU 0");
    // Put off, and then taken back.
    tenant.event(json!({"worker": "2", "type": "correct", "effective": "2026-03-01"}));
    let later = since(&tenant, news.complete(), "2026-01-19T03:20:00Z").await;
    assert_eq!(told(&later), "2026-03-01 Guide AU 0");
    tenant.event(json!({"worker": "2", "type": "correct", "effective": "2026-01-25"}));
    let sooner = since(&tenant, later.complete(), "2026-01-19T03:40:00Z").await;
    assert_eq!(told(&sooner), "2026-01-25 Guide AU 0");
    let first_day = since(&tenant, sooner.complete(), "2026-01-25T08:10:00Z").await;
    assert_eq!(told(&first_day), "2026-01-25 Guide AU 1");
    assert_eq!(first_day.workers[&wid].active, Some(true));
    let rescinded = tenant.hire(json!({"id": "3", "hire": "2026-02-01"}));
    tenant.event(json!({"worker": "3", "type": "rescind"}));
    let gone = since(&tenant, first_day.complete(), "2026-01-25T09:00:00Z").await;
    assert_eq!(gone.workers[&rescinded].active, Some(false));
    assert_eq!(gone.text(&rescinded, "Active"), "0");
}

#[tokio::test]
async fn a_rehire_to_come_brings_forward_its_date_alone() {
    let tenant = Tenant::new(0);
    let wid = settled(&tenant, "1", json!({"businessTitle": "Clerk"}));
    tenant.event(json!({"worker": "1", "type": "terminate", "entered": "2025-06-01T00:00:00Z", "set": {"lastDay": "2025-06-30"}}));
    let before = full(&tenant).await;
    assert_eq!(before.workers[&wid].active, Some(false));
    tenant.event(
        json!({"worker": "1", "type": "hire", "effective": "2026-02-01", "set": {"businessTitle": "Chief"}}),
    );
    let news = since(&tenant, before.complete(), "2026-01-19T03:00:00Z").await;
    assert_eq!(
        [
            news.text(&wid, "StatusHireDate"),
            news.text(&wid, "BusinessTitle"),
            news.text(&wid, "Active")
        ],
        ["2026-02-01", "Clerk", "0"]
    );
}

#[tokio::test]
async fn a_last_day_is_known_before_it_is_over_in_california() {
    for moment in ["day-after", "last-day"] {
        let tenant = Tenant::new(0);
        tenant
            .lab
            .configure(&json!({"terminationMoment": moment}))
            .unwrap();
        let wid = settled(&tenant, "1", json!({"site": "SYD-01"}));
        settled(&tenant, "2", json!({}));
        // Entered long before; the last day is the 20th.
        tenant.event(json!({"worker": "1", "type": "terminate", "entered": "2026-01-02T00:00:00Z", "set": {"lastDay": "2026-01-20"}}));
        let before = full(&tenant).await;
        assert_eq!(before.workers[&wid].active, Some(true));
        let told = |heard: &Heard| {
            ["StatusTerminationLastDayOfWork", "StatusTerminated", "Active"]
                .map(|name| heard.text(&wid, name))
                .join(" ")
        };
        // The 20th is over in Sydney; in California it is two in the afternoon.
        let ahead = since(&tenant, before.complete(), "2026-01-20T22:00:00Z").await;
        assert_eq!(ahead.ids(), ["1"], "{moment}");
        assert_eq!(told(&ahead), "2026-01-20 0 1", "{moment}");
        // Another change on that day does not take it away, nor does a look at this worker alone.
        tenant.event(json!({"worker": "1", "type": "change-title", "set": {"businessTitle": "Last"}}));
        let changed = since(&tenant, ahead.complete(), "2026-01-21T01:00:00Z").await;
        assert_eq!(changed.text(&wid, "BusinessTitle"), "Last");
        assert_eq!(told(&changed), "2026-01-20 0 1", "{moment}");
        let alone = read(&*tenant.source(""), Cursor::Workers(vec![wid.clone()]))
            .await
            .unwrap();
        assert_eq!(told(&alone), "2026-01-20 0 1", "{moment}");
        assert_eq!(told(&full(&tenant).await), "2026-01-20 0 1", "{moment}");
        let over = since(&tenant, changed.complete(), "2026-01-21T08:10:00Z").await;
        assert_eq!(told(&over), "2026-01-20 1 0", "{moment}");
        assert_eq!(over.workers[&wid].active, Some(false));
    }
}

#[tokio::test]
async fn a_last_day_that_is_taken_back_is_forgotten() {
    let tenant = Tenant::new(0);
    let wid = settled(&tenant, "1", json!({}));
    tenant.event(json!({"worker": "1", "type": "terminate", "set": {"lastDay": "2026-01-18"}}));
    tenant.set_clock("2026-01-19T03:00:00Z");
    let before = full(&tenant).await;
    assert_eq!(before.text(&wid, "StatusTerminationLastDayOfWork"), "2026-01-18");
    tenant.event(json!({"worker": "1", "type": "rescind"}));
    let after = since(&tenant, before.complete(), "2026-01-19T03:10:00Z").await;
    assert_eq!(after.text(&wid, "StatusTerminationLastDayOfWork"), "null");
    let off = tenant.source("termination_look_ahead = false");
    tenant.event(json!({"worker": "1", "type": "terminate", "set": {"lastDay": "2026-01-18"}}));
    tenant.set_clock("2026-01-19T03:20:00Z");
    let heard = read(&*off, Cursor::Full).await.unwrap();
    assert_eq!(heard.text(&wid, "StatusTerminationLastDayOfWork"), "null");
}

#[tokio::test]
async fn a_clock_that_went_backwards_is_no_harm() {
    let tenant = Tenant::new(5);
    let heard = read(
        &*tenant.source(""),
        Cursor::Since(Watermark {
            at: at("2027-01-01T00:00:00Z"),
            place: None,
        }),
    )
    .await
    .unwrap();
    assert!(is_now(heard.complete().at));
}

/// When somebody ceases to be active and begins to be, as told.
fn turns(heard: &Heard, wid: &str) -> String {
    let Said::Whole(record) = &heard.workers[wid].said else {
        panic!("{wid}")
    };
    let turns = record.employment.iter().flat_map(|employment| &employment.turns);
    let told = turns.map(|turn| format!("{}{}", if turn.active { '+' } else { '-' }, turn.at));
    told.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_last_day_is_found_wherever_the_log_has_it() {
    for moment in ["last-day", "day-after"] {
        let tenant = Tenant::new(0);
        let settings = json!({"terminationMoment": moment});
        tenant.lab.configure(&settings).unwrap();
        let put_off = settled(&tenant, "1", json!({"site": "SYD-01"}));
        let back_soon = settled(&tenant, "2", json!({"site": "SYD-01"}));
        let before = full(&tenant).await.complete();
        tenant.event(json!({"worker": "1", "type": "terminate", "set": {"lastDay": "2026-01-22"}}));
        tenant.event(json!({"worker": "1", "type": "correct", "set": {"lastDay": "2026-01-27"}}));
        tenant.event(json!({"worker": "2", "type": "terminate", "set": {"lastDay": "2026-01-20"}}));
        tenant.event(json!({"worker": "2", "type": "hire", "effective": "2026-01-22"}));
        let news = since(&tenant, before, "2026-01-19T03:00:00Z").await;
        assert_eq!(turns(&news, &put_off), "-2026-01-27T13:00:00Z", "{moment}");
        let eve = since(&tenant, news.complete(), "2026-01-20T12:50:00Z").await;
        assert_eq!(
            turns(&eve, &back_soon),
            "-2026-01-20T13:00:00Z +2026-01-21T13:00:00Z",
            "{moment}"
        );
    }
}

#[tokio::test]
async fn a_rehire_begins_where_the_first_day_is_spent() {
    let tenant = Tenant::new(0);
    let wid = settled(&tenant, "1", json!({"site": "MUC-01"}));
    tenant.event(json!({"worker": "1", "type": "terminate", "entered": "2025-06-01T00:00:00Z", "set": {"lastDay": "2025-06-30"}}));
    tenant
        .event(json!({"worker": "1", "type": "hire", "effective": "2026-02-01", "set": {"site": "SYD-01"}}));
    tenant.set_clock("2026-01-19T02:40:00Z");
    assert_eq!(turns(&full(&tenant).await, &wid), "+2026-01-31T13:00:00Z");
}
