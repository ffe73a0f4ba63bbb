//! Alarms: told once when they begin and once when they are over, by the clock alone where nothing else happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use muster::config::Config;
use muster::domain::review::Standing;
use muster::engine::{Clock, Engine};
use muster::store::escrows::{self, Escrow};
use muster::store::reviews::{self, Review};
use muster::store::wakes::{self, Cause};
use muster::store::workers::Stored;
use muster::store::{Location, Store, alarms, jobs, links, workers};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gateway::{JOB, Setup, eventually, person};
use crate::guard::target;
use crate::store::link;
use crate::support::{openldap, postgres};

const NOTIFY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Takes notices in.
pub struct Receiver {
    url: String,
    notices: mpsc::UnboundedReceiver<Json>,
}

impl Receiver {
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (tell, notices) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
                let body = loop {
                    let text = String::from_utf8_lossy(&request);
                    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_string());
                    if let Some(Ok(notice)) = body.map(|body| serde_json::from_str::<Json>(&body)) {
                        break notice;
                    }
                    match stream.read(&mut chunk).await.unwrap_or(0) {
                        0 => return,
                        read => request.extend_from_slice(&chunk[..read]),
                    }
                };
                let answer = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
                let _ = tell.send(body);
            }
        });
        Receiver { url, notices }
    }

    pub fn table(&self) -> String {
        format!("[notify]\nwebhook = \"{}\"\nsecret = \"{NOTIFY}\"\n", self.url)
    }

    pub async fn next(&mut self) -> Json {
        let wait = std::time::Duration::from_secs(60);
        tokio::time::timeout(wait, self.notices.recv())
            .await
            .unwrap()
            .unwrap()
    }
}

/// An engine without HTTP, on a clock that the test sets, with nobody at either end.
struct Alone {
    store: Store,
    engine: Engine,
    seconds: Arc<AtomicI64>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

const BEGAN: i64 = 1_800_000_000;

impl Alone {
    async fn start(text: &str, prepare: impl AsyncFnOnce(&Store)) -> Alone {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::parse(text, folder.path()).unwrap();
        let store = Store::open(Location::parse(&config.store.url).unwrap())
            .await
            .unwrap();
        let seconds = Arc::new(AtomicI64::new(BEGAN));
        let clock = {
            let seconds = Arc::clone(&seconds);
            Clock::from_fn(move || Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap())
        };
        let engine = Engine::prepare(config, store.clone(), clock).await.unwrap();
        prepare(&store).await;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        engine.start(&tasks, &stop);
        Alone {
            store,
            engine,
            seconds,
            stop,
            _folder: folder,
        }
    }

    fn pass(&self, time: SignedDuration) {
        self.seconds.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    async fn kinds(&self) -> Vec<String> {
        let alarms = self.store.read(|conn| alarms::of(conn, JOB)).await.unwrap();
        alarms.into_iter().map(|alarm| alarm.kind).collect()
    }

    async fn until(&self, kinds: &[&str]) {
        eventually(&format!("alarms are {kinds:?}"), async || {
            self.kinds().await == kinds
        })
        .await;
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hr_that_does_not_upload_any_more_is_noticed() {
    let mut receiver = Receiver::start().await;
    let text = Setup::nowhere()
        .app("start = true\nexpect_upload_every = \"P1D\"")
        .clients(&receiver.table())
        .text("127.0.0.1:0");
    let alone = Alone::start(&text, async |_| {}).await;
    let app = alone.engine.config().apps[0].clone();
    alone.pass(SignedDuration::from_hours(23));
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    assert!(alone.kinds().await.is_empty(), "a day is not over yet");
    alone.pass(SignedDuration::from_hours(2));
    let raised = receiver.next().await;
    assert_eq!(raised["type"], "uploads.raised", "{raised}");
    assert_eq!(raised["data"]["jobId"], JOB);
    assert_eq!(raised["data"]["details"]["lastUpload"], Json::Null);
    assert!(
        raised["data"]["message"]
            .as_str()
            .unwrap()
            .contains("no upload ever came"),
        "{raised}"
    );
    alone.until(&["uploads"]).await;

    let body = crate::gateway::bulk(&[person("1", "Ada Byron")]).to_string();
    alone.engine.accept(&app, body.into_bytes(), 1).await.unwrap();
    let resolved = receiver.next().await;
    assert_eq!(resolved["type"], "uploads.resolved", "{resolved}");
    assert_eq!(resolved["data"]["since"], raised["data"]["since"]);
    alone.until(&[]).await;
    assert!(receiver.notices.try_recv().is_err(), "each is told once");
}

/// Of a job that stands still nothing is expected, and none of that when it goes on.
async fn expects_nothing_of_a_job_that_stood_still(setup: Setup, kind: &str) {
    let alone = Alone::start(&setup.text("127.0.0.1:0"), async |_| {}).await;
    let quiet = async || {
        tokio::time::sleep(std::time::Duration::from_secs(7)).await;
        alone.kinds().await.is_empty()
    };
    alone.pass(SignedDuration::from_hours(5 * 24));
    alone.engine.start_job(JOB).await.unwrap();
    assert!(quiet().await, "it runs since now");
    alone.pass(SignedDuration::from_hours(25));
    alone.until(&[kind]).await;
    alone.engine.start_job(JOB).await.unwrap();
    assert!(!quiet().await, "it ran already");
    alone.engine.pause_job(JOB).await.unwrap();
    alone.until(&[]).await;
    alone.pass(SignedDuration::from_hours(5 * 24));
    alone.engine.start_job(JOB).await.unwrap();
    assert!(quiet().await, "it goes on since now");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_upload_is_missed_while_a_job_stands_still() {
    let setup = Setup::nowhere().app("expect_upload_every = \"P1D\"");
    expects_nothing_of_a_job_that_stood_still(setup, "uploads").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_is_missed_while_a_job_stands_still() {
    let setup = Setup::nowhere()
        .pulls(WORKDAY, "Workday2AD", Clock::system())
        .app("interval = \"1h\"");
    expects_nothing_of_a_job_that_stood_still(setup, "pulls").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_end_are_told_a_month_ahead() {
    // The clock begins in the morning of 2027-01-15.
    let text = Setup::nowhere()
        .app("credentials_expire = \"2027-02-16\"")
        .text("127.0.0.1:0");
    let alone = Alone::start(&text, async |_| {}).await;
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert!(alone.kinds().await.is_empty(), "32 days");
    alone.pass(SignedDuration::from_hours(48));
    alone.until(&["credentials"]).await;
    let alarm = alone
        .store
        .read(|conn| alarms::of(conn, JOB))
        .await
        .unwrap()
        .remove(0);
    assert!(alarm.message.contains("end on 2027-02-16"), "{}", alarm.message);
    alone.pass(SignedDuration::from_hours(24 * 31));
    eventually("they have ended", async || {
        let alarm = alone
            .store
            .read(|conn| alarms::of(conn, JOB))
            .await
            .unwrap()
            .remove(0);
        alarm.message.contains("ended on 2027-02-16")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_whoever_is_left_over_of_a_review_is_not_forgotten() {
    let case = json!({"worker": "1", "name": null, "situation": "unmatched", "effects": [], "inScope": true});
    let left = Review {
        worker: "1".into(),
        standing: Standing::Withheld,
        apart: false,
        case: serde_json::from_value(case).unwrap(),
    };
    let text = Setup::nowhere()
        .app("first_cycle = \"review\"")
        .text("127.0.0.1:0");
    let over = move |conn: &mut muster::store::Conn| {
        jobs::update_status(conn, JOB, |status| {
            status.first_cycle = jobs::Reviewed::Over;
            status.released = Timestamp::from_second(BEGAN).ok();
        })?;
        reviews::keep(conn, JOB, &[&left])
    };
    let alone = Alone::start(&text, async |store| store.write(over).await.unwrap()).await;
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert!(alone.kinds().await.is_empty(), "they are being released");
    alone.pass(SignedDuration::from_mins(2));
    alone.until(&["review"]).await;
    let told = alone.store.read(|conn| alarms::of(conn, JOB)).await.unwrap();
    assert!(
        told[0].message.contains("over, but for 1 person"),
        "{}",
        told[0].message
    );
    let done = |conn: &mut muster::store::Conn| reviews::end(conn, JOB, &["1"]);
    alone.store.write(done).await.unwrap();
    alone.until(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_one_however_often_its_error_becomes_another() {
    let mut receiver = Receiver::start().await;
    let text = Setup::nowhere().clients(&receiver.table()).text("127.0.0.1:0");
    let fails = |code: &'static str| {
        move |conn: &mut muster::store::Conn| {
            jobs::update_status(conn, JOB, |status| {
                status.failures_in_a_row = 10;
                status.last = Some(jobs::Execution {
                    failed: Some(code.into()),
                    message: Some(format!("it says {code}")),
                    ..jobs::Execution::default()
                });
            })
        }
    };
    let alone = Alone::start(&text, async |store| {
        store.write(fails("Unavailable")).await.unwrap()
    })
    .await;
    let raised = receiver.next().await;
    assert_eq!(raised["type"], "outage.raised", "{raised}");
    assert_eq!(raised["data"]["details"]["code"], "Unavailable", "{raised}");
    alone.store.write(fails("TimedOut")).await.unwrap();
    eventually("the alarm is reworded", async || {
        let alarms = alone.store.read(|conn| alarms::of(conn, JOB)).await.unwrap();
        alarms.len() == 1 && alarms[0].message.contains("it says TimedOut")
    })
    .await;
    let told = alone.store.read(|conn| alarms::of(conn, JOB)).await.unwrap();
    assert!(told[0].details.contains("TimedOut"), "{}", told[0].details);
    let over = |conn: &mut muster::store::Conn| {
        jobs::update_status(conn, JOB, |status| status.failures_in_a_row = 0)
    };
    alone.store.write(over).await.unwrap();
    let next = receiver.next().await;
    assert_eq!(
        next["type"], "outage.resolved",
        "nothing else was told in between"
    );
    alone.until(&[]).await;
    assert!(receiver.notices.try_recv().is_err(), "each is told once");
}

#[test]
fn settings_are_checked() {
    for (app, tables, problem) in [
        (
            "expect_upload_every = \"soon\"",
            "",
            "expect_upload_every: 'soon' is no length of time",
        ),
        (
            "credentials_expire = \"soon\"",
            "",
            "credentials_expire: 'soon' is no day",
        ),
        (
            "",
            "[log]\nprovisioning = \" \"\n",
            "log.provisioning: it must be stdout, or the path of a file",
        ),
        ("", "[log]\nplace = \"x\"\n", "unknown field `place`"),
    ] {
        let text = Setup::nowhere().app(app).clients(tables).text("127.0.0.1:0");
        let problems = Config::parse(&text, std::path::Path::new("."))
            .unwrap_err()
            .to_string();
        assert!(problems.contains(problem), "{problems}");
    }
    let pulled = Setup::nowhere()
        .pulls(WORKDAY, "Workday2AD", Clock::system())
        .app("expect_upload_every = \"P1D\"")
        .text("127.0.0.1:0");
    let problems = Config::parse(&pulled, std::path::Path::new("."))
        .unwrap_err()
        .to_string();
    assert!(
        problems.contains("nobody uploads what this source says"),
        "{problems}"
    );
}

const WORKDAY: &str = r#"
    kind = "workday"
    url = "http://127.0.0.1:9/ccx/service/contoso4/Human_Resources/v42.0"
    username = "nobody@contoso4"
    password = "none"
    time_zone = '"UTC"'
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_read_and_a_leaver_who_is_not_out_are_noticed() {
    let text = Setup::nowhere()
        .pulls(WORKDAY, "Workday2AD", Clock::system())
        .app("start = true\ninterval = \"10m\"")
        .text("127.0.0.1:0");
    let began = Timestamp::from_second(BEGAN).unwrap();
    let last_day_over = began + SignedDuration::from_hours(1);
    let somebody = {
        let mut worker = super::worker("7", "Max Born", Some("2020-01-01T00:00:00Z"), None);
        let employment = worker.employment.as_mut().unwrap();
        employment.turns.push(muster::domain::employment::Turn {
            at: last_day_over,
            active: false,
        });
        worker
    };
    let alone = Alone::start(&text, async |store| {
        let write = move |conn: &mut muster::store::Conn| {
            workers::hear(conn, "hr", &[Stored::new(somebody.clone())?], &[], &[], began)?;
            let linked = muster::domain::link::Link {
                wanted: Some(true),
                ..link("7", "account 7")
            };
            links::insert(conn, JOB, &[linked])?;
            // As a plan does that has a date to keep.
            wakes::wake(conn, JOB, &["7"], last_day_over, Cause::Revisit)
        };
        store.write(write).await.unwrap();
    })
    .await;
    alone.pass(SignedDuration::from_mins(64));
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    assert!(
        alone.kinds().await.is_empty(),
        "four minutes late, and nobody was ever read"
    );
    alone.pass(SignedDuration::from_mins(2));
    alone.until(&["leave"]).await;
    let alarm = alone
        .store
        .read(|conn| alarms::of(conn, JOB))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(alarm.since, last_day_over);
    assert!(
        alarm.message.contains("last day of 1 person is over"),
        "{}",
        alarm.message
    );
    assert!(alarm.details.contains("\"workers\":[\"7\"]"), "{}", alarm.details);

    alone.pass(SignedDuration::from_mins(60));
    alone.until(&["pulls", "leave"]).await;
    let disabled = |conn: &mut muster::store::Conn| {
        let mut link = links::by_workers(conn, JOB, &["7"])?.remove(0);
        link.enabled = Some(false);
        links::advance(conn, JOB, &link)
    };
    alone.store.write(disabled).await.unwrap();
    alone.until(&["pulls"]).await;
    // What is paused is not read, and that is nobody's surprise.
    alone
        .store
        .write(|conn| jobs::set_state(conn, JOB, jobs::State::Paused))
        .await
        .unwrap();
    alone.until(&[]).await;
}

/// A: whoever left before being matched, and whom the target refuses to disable. B: the same, matched anew after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_is_late_of_whom_no_word_was_ever_carried_out() {
    let text = Setup::nowhere().text("127.0.0.1:0");
    let alone = Alone::start(&text, async |store| {
        let began = Timestamp::from_second(BEGAN).unwrap();
        let write = move |conn: &mut muster::store::Conn| {
            let mut left = super::worker("7", "Max Born", Some("2020-01-01T00:00:00Z"), None);
            let employment = left.employment.as_mut().unwrap();
            employment.turns.push(muster::domain::employment::Turn {
                at: began - SignedDuration::from_hours(24),
                active: false,
            });
            workers::hear(conn, "hr", &[Stored::new(left)?], &[], &[], began)?;
            links::insert(conn, JOB, &[link("7", "account 7")])?;
            let refused = Escrow {
                worker: "7".into(),
                code: "InsufficientRights".into(),
                reason: "the directory refuses it".into(),
                attempts: 1,
                next: None,
            };
            escrows::keep(conn, JOB, &refused, began)?;
            jobs::set_state(conn, JOB, jobs::State::Paused)
        };
        store.write(write).await.unwrap();
    })
    .await;
    alone.until(&["leave"]).await;
    alone.store.write(|conn| links::clear(conn, JOB)).await.unwrap();
    alone.until(&[]).await;
    let matched = |conn: &mut muster::store::Conn| links::insert(conn, JOB, &[link("7", "account 7")]);
    alone.store.write(matched).await.unwrap();
    alone.until(&["leave"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_holds_is_told_once_with_what_turned_however_many_replicas_there_are() {
    let directory = openldap::directory();
    let database = postgres::database();
    let mut receiver = Receiver::start().await;
    let replica = || {
        Setup::with_target(&target(&directory))
            .store(&format!("url = \"{database}\"\nkey = \"the same for both\""))
            .app("start = true\n[app.guard]\ndisables = 2")
            .clients(&receiver.table())
            .start()
    };
    let (one, two) = (replica().await, replica().await);
    let people: Vec<Json> = (0..40)
        .map(|id| person(&id.to_string(), &format!("Person Number{id}")))
        .collect();
    // Of these nobody can make accounts: one cause.
    let nameless = (100..130).map(|id| json!({ "externalId": id.to_string(), "active": true }));
    one.caller
        .upload(&people.into_iter().chain(nameless).collect::<Vec<_>>())
        .await;
    two.caller.settled().await;
    let raised = receiver.next().await;
    assert_eq!(raised["type"], "failures.raised", "{raised}");
    assert_eq!(raised["data"]["details"]["count"], 30, "{raised}");

    let leavers: Vec<Json> = (0..9)
        .map(|id| json!({ "externalId": id.to_string(), "active": false }))
        .collect();
    two.caller.upload(&leavers).await;
    let raised = receiver.next().await;
    assert_eq!(raised["type"], "hold.raised", "{raised}");
    let details = &raised["data"]["details"];
    assert_eq!(
        (&details["action"], &details["code"]),
        (&json!("disable"), &json!("TooManyDeletes"))
    );
    assert_eq!(details["count"], 7, "{raised}");
    let cause = details["causes"][0]["cause"].as_str().unwrap();
    assert!(cause.contains("active = False"), "{raised}");
    assert_eq!(details["causes"][0]["count"], 7, "{raised}");

    let restart = Some(json!({ "criteria": { "resetScope": "ForceDeletes" } }));
    one.caller
        .send("POST", &format!("{}/restart", one.caller.job_path()), restart)
        .await;
    let resolved = receiver.next().await;
    assert_eq!(resolved["type"], "hold.resolved", "{resolved}");
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    assert!(receiver.notices.try_recv().is_err(), "each is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_told() {
    let directory = openldap::directory();
    let mut receiver = Receiver::start().await;
    let wrong = target(&directory).replace(&directory.admin_password, "wrong");
    let gateway = Setup::with_target(&wrong)
        .app("start = true")
        .clients(&receiver.table())
        .start()
        .await;
    gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    let raised = receiver.next().await;
    assert_eq!(raised["type"], "quarantine.raised", "{raised}");
    assert_eq!(raised["data"]["details"]["credentialsRefused"], true, "{raised}");
    let (_, report) = gateway
        .caller
        .send("GET", &format!("{}/report", gateway.caller.job_path()), None)
        .await;
    assert_eq!(report["alarms"][0]["kind"], "quarantine", "{report}");
    assert_eq!(
        report["quarantine"]["reason"], "EncounteredQuarantineException",
        "{report}"
    );
}
