//! The operator's morning: the report, the alarms, and the log's stream.

pub mod alarms;
mod stream;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use diesel::connection::SimpleConnection;
use jiff::{SignedDuration, Timestamp};
use muster::config::Config;
use muster::domain::employment::{Employment, Turn};
use muster::domain::guard::Action;
use muster::domain::plan::{Absence, Pending};
use muster::domain::worker::Worker;
use muster::engine::report::{Report, Standing, report};
use muster::error::Result;
use muster::store::departures::Departure;
use muster::store::escrows::Escrow;
use muster::store::findings::{Finding, Weight};
use muster::store::jobs::{Execution, Job, State, Status, Strays};
use muster::store::logs::Entry;
use muster::store::report::{self as asked, Day};
use muster::store::uploads::Place;
use muster::store::workers::Stored;
use muster::store::{
    Conn, Location, Store, alarms as kept, departures, escrows, findings, guard, jobs, links, logs, streams,
    systems, uploads, workers,
};
use serde_json::{Value as Json, json};

use crate::gateway::{APP, JOB, Setup, person, with};
use crate::guard::start;
use crate::shell;
use crate::store::{link, on_both, write};
use crate::support::{openldap, postgres};

/// The morning of the story.
pub fn now() -> Timestamp {
    "2026-11-02T07:00:00Z".parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn config() -> Config {
    let text = Setup::nowhere().text("127.0.0.1:0");
    Config::parse(&text, Path::new(".")).unwrap()
}

/// Somebody with dates.
fn worker(anchor: &str, name: &str, begins: Option<&str>, ends: Option<&str>) -> Worker {
    let turn = |text: &str, active| Turn { at: at(text), active };
    let turns = begins.map(|text| turn(text, true)).into_iter();
    let turns: Vec<Turn> = turns.chain(ends.map(|text| turn(text, false))).collect();
    let employment = (!turns.is_empty()).then(|| Employment {
        turns,
        ..Employment::default()
    });
    Worker {
        active: Some(true),
        attributes: BTreeMap::from([("displayName".to_string(), name.into())]),
        employment,
        ..Worker::new(anchor)
    }
}

fn finding(worker: &str, weight: Weight, code: &str, cause: &str) -> Finding {
    Finding {
        worker: worker.into(),
        code: code.into(),
        cause: cause.into(),
        weight,
        reason: format!("{cause}, in full"),
    }
}

fn entry(id: u32, action: &str, status: &str, at: Timestamp) -> Entry {
    Entry {
        id: format!("{id:04}"),
        at,
        app: APP.into(),
        job: JOB.into(),
        cycle: "cycle".into(),
        change: "change".into(),
        source: "1".into(),
        action: action.into(),
        status: status.into(),
        body: "{}".into(),
    }
}

/// A job in the middle of its life, with something of everything that there is to report.
fn story(conn: &mut Conn) -> Result<()> {
    let before = |hours| now() - SignedDuration::from_hours(hours);
    for system in ["hr", "corp"] {
        systems::ensure(conn, system)?;
    }
    uploads::append(conn, "hr", b"body", 1, before(3), 1000)?;
    systems::switch_endpoint(conn, "corp", None, "ldaps://dc1.example.test", before(240))?;
    let execution = Execution {
        cycle: "cycle".into(),
        began: before(3),
        ended: before(2),
        exported: 3,
        ..Execution::default()
    };
    jobs::take_in(
        conn,
        &Job {
            id: JOB.into(),
            app: APP.into(),
            template: "API2AD".into(),
            source: "hr".into(),
            target: "corp".into(),
            state: State::Active,
            created: before(24 * 30),
            schema_version: 1,
            status: Status {
                last: Some(execution.clone()),
                last_successful: Some(execution),
                strays: Some(Strays {
                    count: 2,
                    at: before(5),
                    examples: vec!["CN=Backup,OU=Staff,DC=example,DC=test".into()],
                }),
                ..Status::default()
            },
        },
    )?;
    let everybody = [
        worker("1", "Ada Byron", Some("2026-11-03T00:00:00Z"), None),
        worker("2", "Grace Hopper", Some("2026-11-04T00:00:00Z"), None),
        worker("3", "Zoë Müller", Some("2026-11-02T00:00:00Z"), None),
        worker("4", "Alan Turing", Some("2026-12-24T00:00:00Z"), None),
        worker(
            "5",
            "Rosa Parks",
            Some("2020-01-01T00:00:00Z"),
            Some("2026-11-05T23:00:00Z"),
        ),
        worker(
            "6",
            "Niels Bohr",
            Some("2020-01-01T00:00:00Z"),
            Some("2026-11-02T06:30:00Z"),
        ),
        worker(
            "7",
            "Max Born",
            Some("2020-01-01T00:00:00Z"),
            Some("2026-11-01T23:00:00Z"),
        ),
        worker("8", "Lise Meitner", None, None),
        worker("9", "Emmy Noether", None, None),
        worker("10", "Out Ofscope", Some("2026-11-03T00:00:00Z"), None),
    ];
    let stored: Vec<Stored> = everybody.into_iter().map(Stored::new).collect::<Result<_>>()?;
    workers::hear(conn, "hr", &stored, &[], &[JOB.into()], before(48))?;
    let wanted = |worker: &str, enabled| muster::domain::link::Link {
        wanted: Some(enabled),
        enabled: Some(enabled),
        ..link(worker, &format!("account {worker}"))
    };
    let linked = [
        wanted("1", true),
        wanted("5", true),
        wanted("6", true),
        wanted("7", false),
    ];
    links::insert(conn, JOB, &linked)?;
    findings::replace(
        conn,
        JOB,
        &["2", "8", "5", "10"],
        &[
            finding(
                "2",
                Weight::Failure,
                "MissingValues",
                "sAMAccountName: HR has to state it",
            ),
            finding(
                "8",
                Weight::Failure,
                "MissingValues",
                "sAMAccountName: HR has to state it",
            ),
            finding(
                "5",
                Weight::Warning,
                "DisabledElsewhere",
                "somebody else disabled the account",
            ),
            finding(
                "10",
                Weight::Skip,
                "EntrySynchronizationSkipped",
                "not in the scope",
            ),
            finding(
                "6",
                Weight::Held,
                "TooManyDeletes",
                "disable: accountDisabled follows active = False",
            ),
        ],
        before(30),
    )?;
    escrows::keep(
        conn,
        JOB,
        &Escrow {
            worker: "2".into(),
            code: "MissingValues".into(),
            reason: "an account cannot be made without this attribute".into(),
            attempts: 1,
            next: Some(before(-3)),
        },
        before(30),
    )?;
    guard::hold(conn, JOB, "6", &[Action::Disable], before(2))?;
    uploads::expect(
        conn,
        JOB,
        &[Place {
            sequence: 1,
            position: 0,
            anchor: "9".into(),
            received: 0,
        }],
    )?;
    departures::keep(
        conn,
        JOB,
        "hr",
        &[Departure {
            worker: "7".into(),
            last_day: Some(at("2026-11-01T23:00:00Z")),
            heard: None,
            done: at("2026-11-01T23:00:42Z"),
        }],
    )?;
    let pending = Pending {
        attribute: "manager".into(),
        to: "404".into(),
        why: Absence::Unknown,
    };
    let waits = |worker| links::Waits {
        worker,
        pending: &pending,
        is_told: true,
    };
    links::wait_for(conn, JOB, &["1", "5"], &[waits("1"), waits("5")], before(40))?;
    logs::append(
        conn,
        &[
            entry(1, "create", "success", before(30)),
            entry(2, "create", "success", before(3)),
            entry(3, "create", "failure", before(3)),
            entry(4, "disable", "success", before(8)),
            entry(5, "create", "success", before(2)),
        ],
    )?;
    kept::raise(
        conn,
        JOB,
        &kept::Alarm {
            kind: "uploads".into(),
            subject: "hr".into(),
            message: "no upload came since 2026-11-01T04:00:00Z, and one is expected every 1h".into(),
            details: "{}".into(),
            since: before(3),
        },
    )?;
    Ok(())
}

async fn told(store: &Store) -> Report {
    store.read(|conn| report_on(conn, None)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_says_who_starts_who_leaves_and_what_is_in_the_way() {
    on_both(async |store| {
        write(&store, story).await;
        let report = told(&store).await;
        let job = &report.jobs[0];
        let starters = &job.starters;
        assert_eq!((starters.ready, starters.waiting, starters.blocked), (1, 2, 2));
        let shown: Vec<_> = starters
            .people
            .iter()
            .map(|one| (one.id.as_str(), one.standing.unwrap(), one.code.as_deref()))
            .collect();
        let missing = Some("MissingValues");
        assert_eq!(
            shown,
            [
                ("2", Standing::Blocked, missing),
                ("8", Standing::Blocked, missing),
                ("3", Standing::Waiting, None),
                ("9", Standing::Waiting, None),
                ("1", Standing::Ready, None),
            ],
            "4 is too far away, 10 is not this job's"
        );
        assert_eq!(starters.people[0].display_name, "Grace Hopper");

        let leavers = &job.leavers;
        let ids = |list: &muster::engine::report::Listing| {
            list.people.iter().map(|one| one.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (ids(&leavers.due), ids(&leavers.late), ids(&leavers.done)),
            (vec!["5".into()], vec!["6".into()], vec!["7".into()],)
        );
        assert_eq!(
            (leavers.done.people[0].seconds, leavers.slowest_seconds),
            (Some(42), 42)
        );

        let done: Vec<_> = job
            .done
            .iter()
            .map(|row| (row.action.as_str(), row.status.as_str(), row.count))
            .collect();
        assert_eq!(
            done,
            [
                ("create", "failure", 1),
                ("create", "success", 2),
                ("disable", "success", 1)
            ],
            "the one before yesterday is not among them"
        );
        assert_eq!(
            (job.failures.len(), job.failures[0].count),
            (1, 2),
            "one cause, one line"
        );
        assert_eq!(job.failures[0].workers.len(), 2);
        assert!(job.failures[0].recommended_action.contains("HR state"));
        assert_eq!(job.disabled_elsewhere.people[0].display_name, "Rosa Parks");
        assert_eq!((job.held[0].action.as_str(), job.held[0].count), ("disable", 1));
        assert_eq!(
            job.held[0].causes[0].cause,
            "accountDisabled follows active = False"
        );
        assert_eq!(
            (job.without_manager.count, job.without_manager.managers.len()),
            (2, 1)
        );
        assert!(!job.without_manager.managers[0].is_known);
        assert_eq!(job.accounts_without_worker.as_ref().unwrap().count, 2);
        assert_eq!(
            (job.accounts, job.enabled_accounts, job.refused, job.retries),
            (4, 3, 1, 1)
        );
        let coming: Vec<_> = job
            .coming
            .iter()
            .map(|day| (day.date.to_string(), day.starters, day.leavers))
            .collect();
        assert_eq!(
            coming,
            [
                ("2026-11-03".to_string(), 2, 0),
                ("2026-11-04".into(), 1, 0),
                ("2026-11-05".into(), 0, 1)
            ]
        );
        assert_eq!(job.source.last_upload, Some(at("2026-11-02T04:00:00Z")));
        assert_eq!(job.alarms[0].kind, "uploads");

        // Of a day of its own, everything that was done on it and nothing else.
        let day = Some("2026-11-01".parse().unwrap());
        let of_day = store.read(move |conn| report_on(conn, day)).await.unwrap();
        let done: Vec<_> = of_day.jobs[0]
            .done
            .iter()
            .map(|row| (row.action.as_str(), row.count))
            .collect();
        assert_eq!(done, [("create", 1), ("disable", 1)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_is_neither_blocked_nor_left_out() {
    on_both(async |store| {
        write(&store, story).await;
        write(&store, |conn| {
            let undated = |anchor| Stored::new(worker(anchor, "Somebody", None, None));
            workers::hear(conn, "hr", &[undated("11")?, undated("12")?], &[], &[], now())?;
            let stands = [
                finding("11", Weight::Skip, "EntrySynchronizationSkipped", "no scope"),
                finding("12", Weight::Held, "TooManyCreates", "create: people"),
            ];
            findings::replace(conn, JOB, &["11", "12"], &stands, now())?;
            // HR says something more of who is blocked (2 by date, 8, 12), and of who is out of the scope (10 by date, 11).
            let place = |(at, anchor): (i32, &str)| Place {
                sequence: 2,
                position: at,
                anchor: anchor.into(),
                received: 0,
            };
            let said: Vec<Place> = (0..).zip(["2", "8", "10", "11", "12"]).map(place).collect();
            uploads::expect(conn, JOB, &said)
        })
        .await;
        let report = told(&store).await;
        let starters = &report.jobs[0].starters;
        assert_eq!((starters.ready, starters.waiting, starters.blocked), (1, 2, 3));
        let people = starters.people.iter();
        let mut shown: Vec<_> = people
            .map(|one| (one.standing.unwrap(), one.id.as_str()))
            .collect();
        shown.sort();
        let (blocked, waiting) = (Standing::Blocked, Standing::Waiting);
        assert_eq!(
            shown,
            [
                (blocked, "12"),
                (blocked, "2"),
                (blocked, "8"),
                (waiting, "3"),
                (waiting, "9"),
                (Standing::Ready, "1")
            ]
        );
    })
    .await;
}

/// Whoever left before being matched has an account of which HR's word was never carried out.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_before_being_matched_is_late_where_hrs_word_decides() {
    on_both(async |store| {
        write(&store, story).await;
        write(&store, |conn| {
            let left = |anchor| {
                let ends = Some("2026-11-02T06:30:00Z");
                worker(anchor, "Hannah Arendt", Some("2020-01-01T00:00:00Z"), ends)
            };
            let stored = [Stored::new(left("11"))?, Stored::new(left("12"))?];
            workers::hear(conn, "hr", &stored, &[], &[], now())?;
            links::insert(conn, JOB, &[link("11", "account 11"), link("12", "account 12")])?;
            let refused = Escrow {
                worker: "11".into(),
                code: "InsufficientRights".into(),
                reason: "the directory refuses it".into(),
                attempts: 1,
                next: None,
            };
            escrows::keep(conn, JOB, &refused, now())
        })
        .await;
        let late = async |config: Config| -> Vec<String> {
            let report = store
                .read(move |conn| report(conn, &config, &config.apps, None, now()))
                .await
                .unwrap();
            let people = report.jobs[0].leavers.late.people.iter();
            people.map(|one| one.id.clone()).collect()
        };
        assert_eq!(
            late(config()).await,
            ["11", "6"],
            "nothing is to be done about the account of 12"
        );
        let text = Setup::nowhere()
            .app("omit = [\"accountDisabled\"]")
            .text("127.0.0.1:0");
        let without = Config::parse(&text, Path::new(".")).unwrap();
        assert_eq!(late(without).await, ["6"], "here HR's word decides nothing");
    })
    .await;
}

fn report_on(conn: &mut Conn, day: Option<jiff::civil::Date>) -> Result<Report> {
    let config = config();
    report(conn, &config, &config.apps, day, now())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_in_the_documentation_is_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("muster.db").display());
    let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
    write(&store, story).await;
    let printed = muster::command::report::text(&told(&store).await);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("```text\n").unwrap();
    let (sample, after) = rest.split_once("```").unwrap();
    if std::env::var_os("MUSTER_UPDATE").is_some() {
        std::fs::write(&path, format!("{before}```text\n{printed}```{after}")).unwrap();
    } else {
        assert_eq!(
            sample, printed,
            "run once with MUSTER_UPDATE=1 and look at the difference"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_settings_are_settings_and_the_documented_commands_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/operating.md")).unwrap();
    let block = |language: &str| -> String {
        let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
        rest.split("```").next().unwrap().to_string()
    };
    let example = std::fs::read_to_string(root.join("examples/muster.toml")).unwrap();
    let toml = block("toml");
    let (app, tables) = toml.split_once("\n[").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("muster.toml");
    std::fs::write(&config, format!("{example}\n{app}\n[{tables}")).unwrap();
    let read = Config::load(&config).unwrap();
    assert!(read.apps[0].expect_upload_every.is_some() && read.log.is_some() && read.notify.is_some());

    // A database that serve would have made.
    let store = Store::open(Location::parse(&read.store.url).unwrap())
        .await
        .unwrap();
    muster::engine::Engine::prepare(read, store, muster::engine::Clock::system())
        .await
        .unwrap();
    let script = block("sh")
        .replace("cargo run --release --", env!("CARGO_BIN_EXE_muster"))
        .replace("examples/muster.toml", config.to_str().unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{printed} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(printed.matches("no cycle has ended yet").count(), 2, "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_keeps_its_age_until_it_is_over() {
    on_both(async |store| {
        let one = |worker: &str| finding(worker, Weight::Failure, "X", "because");
        let other = |worker: &str| finding(worker, Weight::Warning, "Y", "besides");
        let all: Vec<String> = (0..1200).map(|id| format!("{id:04}")).collect();
        let begun = all.clone();
        write(&store, move |conn| {
            let found: Vec<Finding> = begun.iter().flat_map(|id| [one(id), other(id)]).collect();
            let ids: Vec<&str> = begun.iter().map(String::as_str).collect();
            findings::replace(conn, JOB, &ids, &found, now())
        })
        .await;
        let later = now() + SignedDuration::from_hours(1);
        let again = all.clone();
        write(&store, move |conn| {
            let ids: Vec<&str> = again.iter().map(String::as_str).collect();
            // Half are healed; the others have the first still, and another instead of the second.
            let ill = ids[..600].iter();
            let found: Vec<Finding> = ill
                .flat_map(|id| [one(id), finding(id, Weight::Warning, "Z", "new")])
                .collect();
            findings::replace(conn, JOB, &ids, &found, later)
        })
        .await;
        let causes = |weight| store.read(move |conn| findings::causes(conn, JOB, weight, 10));
        let failures = causes(Weight::Failure).await.unwrap();
        assert_eq!(
            (failures.len(), failures[0].count, failures[0].since),
            (1, 600, now())
        );
        let warnings = causes(Weight::Warning).await.unwrap();
        assert_eq!(
            (warnings.len(), warnings[0].code.as_str(), warnings[0].since),
            (1, "Z", later)
        );
        let some = store
            .read(move |conn| findings::examples(conn, JOB, &failures[0], 2))
            .await
            .unwrap();
        assert_eq!(
            some,
            [
                ("0000".into(), "because, in full".into()),
                ("0001".into(), "because, in full".into())
            ]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_tells_and_one_replica_sends() {
    on_both(async |store| {
        let alarm = kept::Alarm {
            kind: "hold".into(),
            subject: "disable".into(),
            message: "a".into(),
            details: "{}".into(),
            since: now(),
        };
        let (first, second) = (
            alarm.clone(),
            kept::Alarm {
                message: "b".into(),
                ..alarm.clone()
            },
        );
        assert!(write(&store, move |conn| kept::raise(conn, JOB, &first)).await);
        assert!(
            !write(&store, move |conn| kept::raise(conn, JOB, &second)).await,
            "told already"
        );
        assert_eq!(
            store.read(|conn| kept::of(conn, JOB)).await.unwrap(),
            std::slice::from_ref(&alarm)
        );
        let (first, second) = (alarm.clone(), alarm);
        assert!(write(&store, move |conn| kept::resolve(conn, JOB, &first)).await);
        assert!(!write(&store, move |conn| kept::resolve(conn, JOB, &second)).await);

        write(&store, |conn| {
            logs::append(conn, &[entry(7, "create", "success", now())])
        })
        .await;
        let take = |holder: &'static str, seconds: i64| {
            write(&store, move |conn| {
                let now = now() + SignedDuration::from_secs(seconds);
                streams::take(conn, "stdout", holder, now, now + SignedDuration::from_secs(30))
            })
        };
        assert_eq!(take("one", 0).await.as_deref(), Some("0007"), "from now on");
        assert_eq!(take("two", 1).await, None);
        write(&store, |conn| streams::sent(conn, "stdout", "two", "0009")).await;
        assert_eq!(
            take("one", 2).await.as_deref(),
            Some("0007"),
            "nobody else says where it is"
        );
        write(&store, |conn| streams::sent(conn, "stdout", "one", "0008")).await;
        assert_eq!(
            take("two", 40).await.as_deref(),
            Some("0008"),
            "the first has gone"
        );
        write(&store, |conn| streams::leave(conn, "stdout", "two")).await;
        assert_eq!(take("one", 41).await.as_deref(), Some("0008"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_read_in_pages_by_their_day() {
    on_both(async |store| {
        write(&store, |conn| {
            let many = (0..25).map(|id| {
                worker(
                    &format!("{id:02}"),
                    "Somebody",
                    Some("2026-11-03T00:00:00Z"),
                    None,
                )
            });
            let stored: Vec<Stored> = many.map(Stored::new).collect::<Result<_>>()?;
            workers::hear(conn, "hr", &stored, &[], &[], now())
        })
        .await;
        let window = (now(), now() + SignedDuration::from_hours(48));
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let place = after.clone();
            let page = store
                .read(move |conn| asked::by_day(conn, "hr", Day::First, window, place.as_ref(), 10))
                .await
                .unwrap();
            let Some((day, last)) = page.last() else { break };
            after = Some((muster::store::micros(*day), last.anchor.clone()));
            seen.extend(page.into_iter().map(|(_, worker)| worker.anchor));
        }
        let expected: Vec<String> = (0..25).map(|id| format!("{id:02}")).collect();
        assert_eq!(seen, expected);
    })
    .await;
}

/// A database of the release before knows the days as well, once its tables are up to date.
#[tokio::test(flavor = "multi_thread")]
async fn days_are_known_of_workers_who_were_stored_before() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("muster.db").display());
    for (url, database) in [(sqlite, "sqlite"), (postgres::database(), "postgres")] {
        let open = || Store::open(Location::parse(&url.clone().into()).unwrap());
        let store = open().await.unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("migrations")
            .join(database);
        let down = std::fs::read_to_string(root.join("0009_alarms/down.sql")).unwrap();
        let somebody = worker(
            "1",
            "Ada",
            Some("2026-11-03T01:00:00+11:00"),
            Some("2026-12-31T23:00:00Z"),
        );
        let record = serde_json::to_string(&somebody).unwrap();
        let nobody = serde_json::to_string(&Worker::new("2")).unwrap();
        write(&store, move |conn| {
            conn.batch_execute(&down)?;
            conn.batch_execute(&format!(
                "INSERT INTO workers (system, anchor, record, changed) VALUES ('hr', '1', '{record}', 0), ('hr', '2', '{nobody}', 0);
                 DELETE FROM __diesel_schema_migrations WHERE version = '0009'"
            ))?;
            Ok(())
        })
        .await;
        drop(store);
        let store = open().await.unwrap();
        let window = (Timestamp::MIN, Timestamp::MAX);
        for (day, expected) in [
            (Day::First, "2026-11-02T14:00:00Z"),
            (Day::Last, "2026-12-31T23:00:00Z"),
        ] {
            let found = store
                .read(move |conn| asked::by_day(conn, "hr", day, window, None, 10))
                .await
                .unwrap();
            let found: Vec<_> = found
                .iter()
                .map(|(day, worker)| (day.to_string(), worker.anchor.as_str()))
                .collect();
            assert_eq!(found, [(expected.to_string(), "1")], "{database} {day:?}");
        }
    }
}

/// Everything through the gateway: what it does is in the report, beside it and over its API.
#[tokio::test(flavor = "multi_thread")]
async fn the_report_is_read_beside_a_running_gateway_and_over_its_api() {
    let directory = openldap::directory();
    let gateway = start(&directory, "[app.guard]\ndisables = 2").await;
    let caller = &gateway.caller;
    let mut people: Vec<Json> = (0..10)
        .map(|id| person(&id.to_string(), &format!("Person Number{id}")))
        .collect();
    let manager = |id: &str| json!({ crate::gateway::ENTERPRISE: { "manager": { "value": id } } });
    people[9] = with(people[9].clone(), manager("404"));
    // Without a name there can be no account.
    people.extend((20..24).map(|id| json!({ "externalId": id.to_string(), "active": true })));
    caller.upload(&people).await;
    caller.settled().await;
    let leavers: Vec<Json> = (0..5)
        .map(|id| json!({ "externalId": id.to_string(), "active": false }))
        .collect();
    caller.upload(&leavers).await;
    caller.settled().await;

    let (status, report) = caller
        .send("GET", &format!("{}/report", caller.job_path()), None)
        .await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["leavers"]["done"]["count"], 2, "{report}");
    let seconds = report["leavers"]["slowestSeconds"].as_i64().unwrap();
    assert!((0..60).contains(&seconds), "{report}");
    assert_eq!(report["held"][0]["count"], 3, "{report}");
    let cause = report["held"][0]["causes"][0]["cause"].as_str().unwrap();
    assert!(cause.contains("active = False"), "{report}");
    assert_eq!(
        report["failures"].as_array().unwrap().len(),
        1,
        "one cause, one line: {report}"
    );
    assert_eq!(report["failures"][0]["count"], 4, "{report}");
    assert_eq!(report["starters"]["blocked"], 4, "{report}");
    assert_eq!(
        report["withoutManager"]["managers"][0]["worker"], "404",
        "{report}"
    );
    assert!(report["source"]["lastUpload"].is_string(), "{report}");
    assert_eq!(report["done"][0]["action"], "create", "{report}");

    let muster = |arguments: &[&str]| {
        let output = shell::muster(&gateway.setup, &[&["report"], arguments].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (code, printed, complaint) = muster(&[APP, "--json"]);
    assert_eq!(code, 0, "{complaint}");
    let printed: Json = serde_json::from_str(&printed).unwrap();
    for member in [
        "starters",
        "leavers",
        "held",
        "failures",
        "withoutManager",
        "done",
    ] {
        assert_eq!(printed["jobs"][0][member], report[member], "{member}");
    }
    let (code, lines, _) = muster(&["HR to Active Directory", "--day", "2001-01-01"]);
    assert_eq!(code, 0);
    assert!(
        lines.contains("log, 2001-01-01T00:00:00Z to 2001-01-02T00:00:00Z\n    nothing\n"),
        "{lines}"
    );
    assert!(lines.contains("3 disable since "), "{lines}");
    let (code, _, complaint) = muster(&["nobody"]);
    assert_eq!(code, 1);
    assert!(
        complaint.contains("there is no app 'nobody'") && complaint.contains(APP),
        "{complaint}"
    );
    assert_eq!(muster(&["--day", "soon"]).0, 2, "bad usage");

    // Whoever has the names has the report; when everything is as HR wants, it is empty.
    let restart = Some(json!({ "criteria": { "resetScope": "ForceDeletes" } }));
    caller
        .send("POST", &format!("{}/restart", caller.job_path()), restart)
        .await;
    let named = |id: usize| person(&id.to_string(), &format!("Late Name{id}"));
    caller.upload(&(20..24).map(named).collect::<Vec<_>>()).await;
    caller.settled().await;
    let mut report = Json::Null;
    crate::gateway::eventually("nothing is in the way", async || {
        report = caller
            .send("GET", &format!("{}/report", caller.job_path()), None)
            .await
            .1;
        report["failures"] == json!([]) && report["held"] == json!([]) && report["starters"]["blocked"] == 0
    })
    .await;
    assert_eq!(report["leavers"]["done"]["count"], 5, "{report}");
}

#[tokio::test]
async fn the_report_is_for_those_who_may_read_the_log_of_the_app() {
    let clients = r#"
        [[client]]
        id = "operator"
        secret = "s3cret"
        roles = ["Synchronization.ReadWrite.All", "Application.Read.All"]
    "#;
    let gateway = Setup::nowhere().clients(clients).start().await;
    let caller = &gateway.caller;
    let path = format!("{}/report", caller.job_path());
    let answer: Json = caller.token_for("operator", "s3cret").await.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let refused = caller
        .request("GET", &path)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 403);
    for (path, status) in [
        (path.clone(), 200),
        (format!("{path}?day=2026-11-01"), 200),
        (format!("{path}?day=soon"), 400),
        (path.replace(JOB, "another"), 404),
    ] {
        let (answered, answer) = caller.send("GET", &path, None).await;
        assert_eq!(answered, status, "{path}: {answer}");
    }
}

#[test]
fn a_report_needs_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("muster.toml");
    std::fs::write(&config, Setup::nowhere().text("127.0.0.1:0")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["report", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("there is no database"), "{complaint}");
    assert!(!folder.path().join("muster.db").exists(), "it makes none");
}
