//! A job of which too much is refused: its pace falls, leavers are served all the same, and it comes back by itself (B25).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use muster::domain::guard::Action;
use muster::domain::worker::Worker;
use muster::engine::Clock;
use muster::store::escrows::{self, Escrow};
use muster::store::jobs::{self, Quarantine, State};
use muster::store::wakes::{self, Cause};
use muster::store::workers::{self, Stored};
use muster::store::{Location, Store, guard, links};
use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, JOB, Setup, eventually, outcome, person, with};
use crate::guard::target;
use crate::pull::{Company, settled};
use crate::store::{link, write};
use crate::support::openldap;
use crate::support::workday::Tenant;

/// The system's time, and what a test adds to it.
#[derive(Clone, Default)]
pub struct Ahead(Arc<AtomicI64>);

impl Ahead {
    pub fn clock(&self) -> Clock {
        let seconds = Arc::clone(&self.0);
        Clock::from_fn(move || {
            Clock::system().now() + SignedDuration::from_secs(seconds.load(Ordering::Relaxed))
        })
    }

    pub fn pass(&self, time: SignedDuration) {
        self.0.fetch_add(time.as_secs(), Ordering::Relaxed);
    }
}

async fn quarantine(gateway: &Gateway) -> Json {
    gateway.caller.job().await["status"]["quarantine"].clone()
}

/// Waits until a quarantine has been imposed so often; answers it.
async fn imposed(gateway: &Gateway, times: u64) -> Json {
    let mut found = Json::Null;
    eventually(
        &format!("the quarantine is imposed for time {times}"),
        async || {
            found = quarantine(gateway).await;
            found["seriesCount"] == times
        },
    )
    .await;
    found
}

fn at(value: &Json) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Five more than are judged, and ten of them can be helped.
const POOR: usize = 5_005;

#[tokio::test(flavor = "multi_thread")]
async fn b25_a_job_of_which_too_much_is_refused_slows_down_and_comes_back() {
    let directory = openldap::directory();
    let ahead = Ahead::default();
    let gateway = Setup::with_target(&target(&directory))
        .clock(ahead.clock())
        .app("start = true")
        .start()
        .await;
    let caller = &gateway.caller;
    caller
        .upload(&[
            person("a", "Ada Byron"),
            person("b", "Bob Hope"),
            person("c", "Cora Lee"),
        ])
        .await;
    let poor: Vec<Json> = (0..POOR)
        .map(|id| json!({ "externalId": id.to_string(), "active": true }))
        .collect();
    for page in poor.chunks(50) {
        caller.upload(page).await;
    }
    let first = imposed(&gateway, 1).await;
    let job = caller.job().await;
    assert_eq!(job["status"]["code"], "Quarantine", "{job}");
    assert_eq!(job["schedule"]["state"], "Active");
    assert_eq!(job["status"]["escrowsPruned"], false);
    assert_eq!(first["reason"], "EncounteredEscrowProportionThreshold", "{first}");
    assert_eq!(first["seriesBegan"], first["currentBegan"]);
    let pause = at(&first["nextAttempt"]).duration_since(at(&first["currentBegan"]));
    assert_eq!(pause.as_hours(), 1, "{first}");
    let message = first["error"]["message"].as_str().unwrap();
    let cause = "5005 people are refused";
    assert!(
        message.starts_with(cause) && message.contains("5005 of them with one cause"),
        "{message}"
    );
    let mut report = Json::Null;
    eventually("the alarm is raised", async || {
        report = caller
            .send("GET", &format!("{}/report", caller.job_path()), None)
            .await
            .1;
        report["alarms"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["kind"] == "quarantine")
    })
    .await;
    assert_eq!(
        report["quarantine"]["nextAttempt"], first["nextAttempt"],
        "{report}"
    );

    let filter = format!("jobid eq '{JOB}' and sourceIdentity/id eq '77'");
    let entry = caller.logs(&filter).await.remove(0);
    let action = &entry["provisioningStatusInfo"]["errorInformation"]["recommendedAction"];
    assert!(action.as_str().is_some_and(|text| text.contains("HR")), "{entry}");

    // B13: who leaves is served at once, and everybody else at the next attempt.
    let title = with(person("b", "Bob Hope"), json!({ "title": "Clerk" }));
    caller
        .upload(&[
            person("d", "Dora Maar"),
            title.clone(),
            json!({ "externalId": "a", "active": false }),
        ])
        .await;
    eventually("the leaver is disabled", async || {
        caller.outcome("a").await == outcome("disable", "success", "")
    })
    .await;
    let waiting = async || caller.job().await["status"]["progress"][0]["totalUnits"].clone();
    assert_eq!(waiting().await, 2);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(
        waiting().await,
        2,
        "they are put off, and not tried again and again"
    );
    assert!(
        caller
            .logs(&format!("jobid eq '{JOB}' and sourceIdentity/id eq 'd'"))
            .await
            .is_empty()
    );
    assert_eq!(
        quarantine(&gateway).await["seriesCount"],
        1,
        "a cycle for leavers says nothing"
    );

    // Somebody says go on: everybody is served, and it is judged anew.
    let (status, _) = caller
        .send("POST", &format!("{}/start", caller.job_path()), None)
        .await;
    assert_eq!(status, 204);
    eventually("the joiner is there", async || waiting().await == 0).await;
    assert_eq!(caller.outcome("d").await, outcome("create", "success", ""));
    let again = imposed(&gateway, 1).await;
    assert!(
        at(&again["seriesBegan"]) > at(&first["seriesBegan"]),
        "another series: {again}"
    );

    // By itself: at the next attempt, and the pace falls.
    caller.upload(&[person("e", "Edna Ode")]).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(waiting().await, 1);
    ahead.pass(SignedDuration::from_mins(61));
    eventually("the next joiner is there", async || waiting().await == 0).await;
    assert_eq!(caller.outcome("e").await, outcome("create", "success", ""));
    let second = imposed(&gateway, 2).await;
    assert_eq!(second["seriesBegan"], again["seriesBegan"]);
    let pause = at(&second["nextAttempt"]).duration_since(at(&second["currentBegan"]));
    assert_eq!(pause.as_hours(), 2, "{second}");

    // HR corrects ten of them: too few are left to be judged.
    let corrected: Vec<Json> = (0..10)
        .map(|id| person(&id.to_string(), &format!("Person Number{id}")))
        .collect();
    caller.upload(&corrected).await;
    ahead.pass(SignedDuration::from_mins(122));
    eventually("the job is well again", async || {
        quarantine(&gateway).await == Json::Null
    })
    .await;
    assert_eq!(caller.outcome("9").await, outcome("create", "success", ""));
    assert_eq!(caller.job().await["status"]["code"], "Active");
}

#[tokio::test]
async fn b13_dates_are_kept_in_quarantine() {
    let tenant = Tenant::new(0);
    settled(&tenant, "1", json!({"site": "SYD-01"}));
    settled(&tenant, "3", json!({"site": "SYD-01"}));
    tenant.event(json!({"worker": "1", "type": "terminate", "set": {"lastDay": "2026-01-20"}}));
    let company = Company::of(tenant, "", "").await;
    let url = format!(
        "sqlite:{}",
        company.gateway.setup.dir.path().join("muster.db").display()
    );
    let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
    company.at("2026-01-20T12:20:00Z").await;
    let now: Timestamp = "2026-01-20T12:00:00Z".parse().unwrap();
    write(&store, move |conn| {
        for number in 0..6_000 {
            let escrow = Escrow {
                worker: format!("somebody {number}"),
                code: "InsufficientRights".into(),
                reason: "the directory refuses it".into(),
                attempts: 1,
                next: None,
            };
            escrows::keep(conn, JOB, &escrow, now)?;
        }
        Ok(())
    })
    .await;
    company.at("2026-01-20T12:30:00Z").await;
    let first = imposed(&company.gateway, 1).await;
    // A cycle may have ended before the clock went on.
    let next = at(&first["nextAttempt"]);
    let [earliest, latest] = ["2026-01-20T13:20:00Z", "2026-01-20T13:40:00Z"].map(|at| at.parse().unwrap());
    assert!((earliest..latest).contains(&next), "{first}");
    // Somebody is hired, and the source is read at its usual pace.
    company
        .workday
        .hire(json!({"id": "2", "hire": "2026-01-18", "set": {"site": "SYD-01"}}));
    // Something else about the leaver waits, and the last day does not wait with it.
    company.event(json!({"worker": "1", "type": "promote", "effective": "2026-01-20", "set": {"businessTitle": "Guide"}}));
    company.at("2026-01-20T12:45:00Z").await;
    assert_eq!(company.accounts().len(), 2, "the joiner waits");
    assert!(company.is_enabled("1"));
    company.workday.set_clock("2026-01-20T13:00:01Z");
    company
        .until("the leaver is locked out by date", |it| !it.is_enabled("1"))
        .await;
    company.event(json!({"worker": "3", "type": "terminate", "set": {"lastDay": "2026-01-19"}}));
    company.at("2026-01-20T13:12:00Z").await;
    company
        .until("the leaver is locked out by HR's word", |it| !it.is_enabled("3"))
        .await;
    assert_eq!(company.accounts().len(), 2, "the joiner still waits");
    company.at("2026-01-20T13:45:00Z").await;
    company
        .until("the joiner is there", |it| it.accounts().len() == 3)
        .await;
    imposed(&company.gateway, 2).await;
    write(&store, |conn| escrows::clear(conn, JOB).map(drop)).await;
    company.at("2026-01-20T15:59:00Z").await;
    eventually("the job is well again", async || {
        quarantine(&company.gateway).await == Json::Null
    })
    .await;
}

/// What a job remembers of three people: one is linked, one is refused, and of one a limit holds a disable.
#[derive(Debug, PartialEq)]
struct Memory {
    link: bool,
    refusal: bool,
    /// Not everybody is to be looked at.
    watermark: bool,
    quarantine: bool,
    hold: bool,
}

async fn remember(store: &Store) {
    let now = Clock::system().now();
    write(store, move |conn| {
        let people: Vec<Stored> = ["linked", "refused", "held"]
            .into_iter()
            .map(|anchor| Stored::new(Worker::new(anchor)))
            .collect::<muster::error::Result<_>>()?;
        workers::hear(conn, "hr", &people, &[], &[], now)?;
        links::clear(conn, JOB)?;
        links::insert(conn, JOB, &[link("linked", "anchor")])?;
        let escrow = Escrow {
            worker: "refused".into(),
            code: "InsufficientRights".into(),
            reason: "the directory refuses it".into(),
            attempts: 3,
            next: Some(now + SignedDuration::from_hours(20)),
        };
        escrows::keep(conn, JOB, &escrow, now)?;
        guard::hold(conn, JOB, "held", &[], now)?;
        guard::hold(conn, JOB, "held", &[Action::Disable], now)?;
        // Those of one rank come together.
        loop {
            let due = wakes::due(conn, JOB, now, &HashSet::new(), 100, 100)?;
            if due.is_empty() {
                break;
            }
            wakes::end(conn, JOB, &due.iter().collect::<Vec<_>>())?;
        }
        jobs::update_status(conn, JOB, |status| {
            status.full_due = false;
            status.quarantine = Some(Quarantine {
                reason: "EncounteredBaseEscrowThreshold".into(),
                since: now,
                message: "too much is refused".into(),
                imposed: Some(now),
                count: 4,
                next: Some(now + SignedDuration::from_hours(8)),
            });
        })
    })
    .await;
}

async fn remembered(store: &Store) -> (State, Memory) {
    let read = |conn: &mut muster::store::Conn| {
        let job = jobs::find(conn, JOB)?.unwrap();
        // A cycle may have woken everybody just now: looked for by a time before that, they would not be due.
        let now = Clock::system().now();
        let everybody = job.status.full_due || wakes::due_count(conn, JOB, now, Cause::Full)? > 0;
        let held = guard::held(conn, JOB, &["held"])?;
        let memory = Memory {
            link: links::count(conn, JOB)? == 1,
            refusal: escrows::count(conn, JOB)? == 1,
            watermark: !everybody,
            quarantine: job.status.quarantine.is_some(),
            hold: held == [("held".to_string(), Action::Disable, false)],
        };
        Ok((job.state, memory))
    };
    store.read(read).await.unwrap()
}

/// Pauses the job: once the cycle that may be under way is over, nothing but the test changes what it remembers.
async fn stand_still(gateway: &Gateway, store: &Store) {
    let caller = &gateway.caller;
    let path = format!("{}/pause", caller.job_path());
    let (status, answer) = caller.send("POST", &path, None).await;
    assert_eq!(status, 204, "{answer}");
    eventually("no cycle is under way", async || {
        let holder = store.read(|conn| jobs::holder(conn, JOB)).await;
        holder.unwrap().is_none()
    })
    .await;
}

/// Graph's list of reset scopes, one by one and together, at a gateway whose target is down: so nothing is learnt anew.
#[tokio::test(flavor = "multi_thread")]
async fn each_word_of_a_restart_forgets_what_it_names() {
    let gateway = Setup::nowhere().start().await;
    let caller = &gateway.caller;
    let url = format!("sqlite:{}", gateway.setup.dir.path().join("muster.db").display());
    let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
    let scope = |words: &str| Some(json!({ "criteria": { "resetScope": words } }));
    #[rustfmt::skip]
    let table = [
        //                                            link   refusal watermark quarantine hold
        (scope("None"),                               [true,  true,  true,  false, true]),
        (scope("ConnectorDataStore"),                 [false, true,  false, true,  true]),
        (scope("Escrows"),                            [true,  false, true,  true,  true]),
        (scope("Watermark"),                          [true,  true,  false, true,  true]),
        (scope("QuarantineState"),                    [true,  true,  true,  false, true]),
        (scope("Full"),                               [false, false, false, false, true]),
        (scope("ForceDeletes"),                       [true,  true,  true,  true,  false]),
        (scope("Watermark, Escrows,QuarantineState"), [true,  false, false, false, true]),
        (scope("full,FORCEDELETES"),                  [false, false, false, false, false]),
        (scope("None, Escrows"),                      [true,  false, true,  true,  true]),
        (scope("QuarantineState,ForceDeletes"),       [true,  true,  true,  false, false]),
        (scope("ConnectorDataStore,QuarantineState"), [false, true,  false, false, true]),
        // What the portal's *Restart provisioning* sends, and what SDKs make of a list.
        (scope(""),                                   [true,  false, false, false, true]),
        (scope(" , "),                                [true,  false, false, false, true]),
        (Some(json!({ "criteria": {} })),             [true,  false, false, false, true]),
        (Some(json!({ "criteria": { "resetScope": null } })), [true, false, false, false, true]),
        (Some(json!({ "criteria": null })),           [true,  false, false, false, true]),
        (Some(json!({})),                             [true,  false, false, false, true]),
        (None,                                        [true,  false, false, false, true]),
    ];
    let path = format!("{}/restart", caller.job_path());
    for (body, [link, refusal, watermark, quarantine, hold]) in table {
        stand_still(&gateway, &store).await;
        remember(&store).await;
        let told = format!("{body:?}");
        let (status, answer) = caller.send("POST", &path, body).await;
        assert_eq!(status, 204, "{told}: {answer}");
        let expected = Memory {
            link,
            refusal,
            watermark,
            quarantine,
            hold,
        };
        assert_eq!(remembered(&store).await, (State::Active, expected), "{told}");
    }
    for (wrong, says) in [
        (
            json!({ "criteria": { "resetScope": "Everything" } }),
            "there is no 'Everything'",
        ),
        (
            json!({ "criteria": { "resetScope": "Escrows, Watermarks" } }),
            "there is no 'Watermarks'",
        ),
        (
            json!({ "criteria": { "resetScope": "Escrows Watermark" } }),
            "there is no 'Escrows Watermark'",
        ),
        (json!({ "criteria": { "resetScope": 15 } }), "Invalid Data Format"),
        (
            json!({ "criteria": { "resetScope": ["Full"] } }),
            "Invalid Data Format",
        ),
    ] {
        stand_still(&gateway, &store).await;
        remember(&store).await;
        let before = remembered(&store).await;
        let (status, answer) = caller.send("POST", &path, Some(wrong.clone())).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{wrong}: {answer}");
        assert!(message.contains(says), "{wrong}: {message}");
        if says.starts_with("there") {
            let all = "None, ConnectorDataStore, Escrows, Watermark, QuarantineState, Full, ForceDeletes";
            assert!(message.contains(all), "{message}");
        }
        assert_eq!(remembered(&store).await, before, "{wrong} changed something");
    }
}
