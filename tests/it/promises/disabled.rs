//! B16, B17: a feed that calls everybody inactive disables a day's allowance and no more, however small its uploads are.

use std::collections::BTreeSet;

use futures::StreamExt;
use jiff::Timestamp;
use muster::engine::Clock;
use serde_json::{Value as Json, json};

use super::{STAFF, World, is_enabled};
use crate::gateway::{JOB, bulk, eventually, person};
use crate::webhook::{Receiver, SECRET};

const PEOPLE: usize = 2_000;
/// Those whom the feed calls inactive.
const BROKEN: usize = 1_960;
const UPLOADS: usize = 1_200;
const OPERATIONS: usize = 50;
/// Uploads that come while the job runs; the others wait for its next cycle.
const FIRST: usize = 100;

/// 5 % of the accounts.
const DISABLED: usize = 100;
const HELD: usize = 1_860;
/// 1 % of those who are left would be 19; the least is 20.
const ENABLED: usize = 20;

fn name(number: usize) -> String {
    format!("{number:05}")
}

fn known(number: usize) -> Json {
    person(&name(number), &format!("Person {}", name(number)))
}

/// Accounts as somebody else made them, with what HR says of their people.
fn populate(world: &World) {
    let entries = (0..PEOPLE).map(name).map(|id| {
        format!(
            "dn: CN=Person {id},{STAFF}\nobjectClass: user\nsAMAccountName: person.{id}\nuserPrincipalName: person.{id}@example.test\nemployeeID: {id}\ndisplayName: Person {id}\ngivenName: Person\nsn: {id}\nuserAccountControl: 544\n"
        )
    });
    let entries: Vec<String> = entries.collect();
    // What the tool says of them has to fit into a pipe.
    for some in entries.chunks(200) {
        tokio::task::block_in_place(|| world.domain.add(&some.join("\n")));
    }
}

/// What goes wrong, in uploads of fifty: everybody is called inactive again and again, but for those of another country, of
/// whom twenty are new and twenty have another title.
fn broken_uploads() -> Vec<Vec<Json>> {
    let mut next = (0..BROKEN).cycle();
    let mut upload = |number: usize| {
        let mut people = Vec::with_capacity(OPERATIONS);
        if (FIRST..FIRST + 20).contains(&number) {
            people.push(person(&format!("9{number:04}"), &format!("Joiner N{number}")));
        } else if (FIRST + 20..FIRST + 40).contains(&number) {
            people.push(json!({ "externalId": name(BROKEN + number - FIRST - 20), "title": "Judge" }));
        }
        let left = OPERATIONS - people.len();
        people.extend(
            next.by_ref()
                .take(left)
                .map(|id| json!({ "externalId": name(id), "active": false })),
        );
        people
    };
    (0..UPLOADS).map(&mut upload).collect()
}

async fn send(world: &World, uploads: Vec<Vec<Json>>) {
    let caller = &world.gateway.caller;
    let token = caller.token().await;
    let sent = futures::stream::iter(uploads).map(async |people| {
        let answer = caller.post_bulk(&token, bulk(&people).to_string()).await.unwrap();
        assert_eq!(answer.status(), 202);
    });
    sent.buffer_unordered(8).collect::<Vec<()>>().await;
}

/// Who is disabled, as the directory has it.
fn disabled(world: &World) -> BTreeSet<String> {
    let everybody = world.everybody();
    let disabled = everybody.into_iter().filter(|(_, entry)| !is_enabled(entry));
    disabled.map(|(worker, _)| worker).collect()
}

async fn workers(world: &World, action: &str, code: &str) -> BTreeSet<String> {
    let filter = format!("jobid eq '{JOB}' and provisioningAction eq '{action}'");
    let entries = world.gateway.caller.logs(&filter).await;
    let of_code = entries.iter().filter(|entry| {
        let found = &entry["provisioningStatusInfo"]["errorInformation"]["errorCode"];
        found.as_str().unwrap_or_default() == code
    });
    let worker = |entry: &Json| entry["sourceIdentity"]["id"].as_str().unwrap().to_string();
    of_code.map(worker).collect()
}

async fn report(world: &World) -> Json {
    let path = format!("{}/report", world.gateway.caller.job_path());
    world.gateway.caller.send("GET", &path, None).await.1
}

/// Lets the cycle end, so that what it held is counted, and waits for the alarm.
async fn alarm(world: &World, about: &str) -> Json {
    let mut alarm = Json::Null;
    eventually("the alarm is raised", async || {
        let report = report(world).await;
        let alarms = report["alarms"].as_array().unwrap();
        let found = alarms
            .iter()
            .find(|it| it["kind"] == "hold" && it["details"]["action"] == about);
        alarm = found.cloned().unwrap_or_default();
        !alarm.is_null()
    })
    .await;
    alarm
}

/// The next notice, with its signature verified by somebody else's library.
fn notice(receiver: &mut Receiver) -> Json {
    let told = tokio::task::block_in_place(|| receiver.next());
    assert!(told["verified"].is_object(), "{told}");
    told["verified"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_status_column_disables_a_days_allowance_and_hr_takes_the_rest_back() {
    let mut receiver = tokio::task::block_in_place(|| Receiver::start(&[]));
    let table = format!("[notify]\nwebhook = \"{}\"\nsecret = \"{SECRET}\"", receiver.url);
    let world = World::of_uploads(&Clock::system().now().to_string(), None, &table).await;
    populate(&world);
    let everybody: Vec<Json> = (0..PEOPLE).map(known).collect();
    let before = world.everybody();
    send(&world, everybody.chunks(1_000).map(<[Json]>::to_vec).collect()).await;
    world.work().await;
    assert!(world.everybody() == before, "who is as HR says is left alone");

    // Some come one by one into a job that runs, the others while it rests: another cycle takes those.
    let began = std::time::Instant::now();
    let mut first = broken_uploads();
    let rest = first.split_off(FIRST);
    world.post("start", None).await;
    send(&world, first).await;
    eventually("the first have their outcomes", async || world.is_idle().await).await;
    world.post("pause", None).await;
    assert_eq!(disabled(&world).len(), DISABLED);
    send(&world, rest).await;
    println!("{UPLOADS} uploads taken in after {:.1?}", began.elapsed());
    world.post("start", None).await;
    eventually("every operation has its outcome", async || world.is_idle().await).await;
    println!("60,000 operations answered for after {:.1?}", began.elapsed());
    let status = world.gateway.caller.job().await["status"].clone();
    assert_eq!(
        (&status["code"], &status["quarantine"]["reason"]),
        (&json!("Quarantine"), &json!("TooManyDeletes"))
    );
    let out = disabled(&world);
    assert_eq!(out.len(), DISABLED);
    assert_eq!(workers(&world, "disable", "").await, out);
    let staged = workers(&world, "stagedDelete", "TooManyDeletes").await;
    assert_eq!(staged.len(), HELD);
    assert!(staged.is_disjoint(&out));
    // The others go on.
    let everybody = world.everybody();
    let joiners = everybody.iter().filter(|(worker, _)| worker.starts_with('9'));
    let joiners: Vec<bool> = joiners.map(|(_, entry)| is_enabled(entry)).collect();
    assert_eq!(joiners, [true; 20]);
    let judges = everybody
        .values()
        .filter(|entry| entry.value("title") == Some("Judge"));
    assert_eq!(judges.count(), 20);

    world.post("pause", None).await;
    let raised = alarm(&world, "disable").await;
    println!("{}", raised["message"]);
    let told = notice(&mut receiver);
    assert_eq!(told["type"], "hold.raised", "{told}");
    let details = &told["data"]["details"];
    assert_eq!(
        (&details["action"], &details["code"]),
        (&json!("disable"), &json!("TooManyDeletes"))
    );
    let count = details["count"].as_u64().unwrap();
    assert!((1..=HELD as u64).contains(&count), "{told}");
    let cause = details["causes"][0]["cause"].as_str().unwrap();
    assert!(cause.contains("active = False"), "it names what turned: {cause}");
    eventually("all of them are counted", async || {
        let held = report(&world).await["held"].clone();
        held[0]["action"] == "disable" && held[0]["count"] == HELD
    })
    .await;

    // HR corrects the column.
    let corrected: Vec<Json> = (0..BROKEN)
        .map(|id| json!({ "externalId": name(id), "active": true }))
        .collect();
    send(&world, corrected.chunks(980).map(<[Json]>::to_vec).collect()).await;
    world.work().await;
    let still_out = disabled(&world);
    assert!(still_out.is_subset(&out), "nobody else was disabled");
    assert_eq!(
        still_out.len(),
        DISABLED - ENABLED,
        "as many come back as may in a day"
    );
    assert_eq!(workers(&world, "update", "TooManyEnables").await, still_out);
    assert_eq!(workers(&world, "stagedDelete", "TooManyDeletes").await, staged);
    let held = report(&world).await["held"].clone();
    let held: Vec<(&Json, &Json)> = held
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["action"], &it["count"]))
        .collect();
    assert_eq!(held, [(&json!("enable"), &json!(DISABLED - ENABLED))]);
    let status = world.gateway.caller.job().await["status"].clone();
    assert_ne!(status["quarantine"]["reason"], "TooManyDeletes");
    // Of the disables nothing was told twice.
    alarm(&world, "enable").await;
    let mut told: Vec<String> = (0..2)
        .map(|_| notice(&mut receiver))
        .map(|told| {
            format!(
                "{} {}",
                told["type"].as_str().unwrap(),
                told["data"]["details"]["action"]
            )
        })
        .collect();
    told.sort();
    assert_eq!(told, ["hold.raised \"enable\"", "hold.resolved \"disable\""]);
    let since: Timestamp = raised["since"].as_str().unwrap().parse().unwrap();
    assert!(since <= Clock::system().now());
}
