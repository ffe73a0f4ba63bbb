//! B9: a review ends when a person has read what it is about, and not before.

use muster::config::Config;
use muster::domain::review::Standing;
use muster::domain::worker::Worker;
use muster::engine::review::{Cohort, Kept};
use muster::engine::{Clock, Engine};
use muster::store::jobs::{self, Reviewed};
use muster::store::reviews::{self, Review};
use muster::store::wakes;
use muster::store::workers::{self, Stored};
use muster::store::{Location, Store};

use super::*;

fn ada() -> String {
    account("Ada Novak", "anovak", ENABLED, "employeeID: 1\ntitle: Clerk\n")
}

impl House {
    async fn incomplete(&self) -> String {
        let (status, refused) = self
            .send("POST", "review/release", Some(json!({"all": true})))
            .await;
        assert_eq!(
            (status, &refused["error"]["code"]),
            (StatusCode::CONFLICT, &json!("ReviewIncomplete")),
            "{refused}"
        );
        refused["error"]["message"].as_str().unwrap().to_string()
    }

    async fn provision(&self, worker: &str) {
        let named = json!({"parameters": [{"subjects": [{"objectId": worker, "objectTypeName": "User"}], "ruleId": "x"}]});
        let (status, answer) = self.send("POST", "provisionOnDemand", Some(named)).await;
        assert_eq!(status, 200, "{answer}");
    }

    async fn state(&self, what: &str) {
        let (status, answer) = self.send("POST", what, None).await;
        assert!(status.is_success(), "{what}: {answer}");
    }

    async fn first_cycle(&self, stands: Reviewed) {
        let store = self.store().await;
        let stands =
            move |conn: &mut _| jobs::update_status(conn, JOB, |status| status.first_cycle = stands.clone());
        store.write(stands).await.unwrap();
    }

    /// The gateway's own database, opened beside it as commands do.
    async fn store(&self) -> Store {
        let path = self.gateway.setup.dir.path().join("muster.db");
        Store::open(Location::Sqlite(path)).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_whom_a_person_served_by_hand_ends_no_review() {
    let house = House::made(&[ada()], "first_cycle = \"review\"").await;
    let caller = &house.gateway.caller;
    caller
        .upload(&[
            titled("1", "Ada Novak", "Judge"),
            titled("4", "Dan Pohl", "Clerk"),
        ])
        .await;
    assert!(house.incomplete().await.contains("has not been planned yet"));
    house.provision("4").await;
    house.until_title("4", "Clerk").await;
    house.state("start").await;
    caller.settled().await;
    assert_eq!(
        caller.outcome("1").await,
        outcome("update", "skipped", "HeldForReview")
    );
    assert_eq!(house.of("1").value("title"), Some("Clerk"));
    let review = house.review().await;
    assert_eq!(
        review["becauseOf"].as_array().unwrap().len(),
        1,
        "not Dan's: {review}"
    );

    // Where there is nothing but what was made by hand, there is nothing to read.
    let house = House::made(&[], "first_cycle = \"review\"").await;
    let caller = &house.gateway.caller;
    caller
        .upload(&[titled("4", "Dan Pohl", "Clerk"), titled("6", "Fay Rand", "Clerk")])
        .await;
    house.provision("4").await;
    house.state("start").await;
    house.until_title("6", "Clerk").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_everybody_is_released_once_everybody_can_be_read() {
    let house = House::lived_in().await;
    house.state("pause").await;
    let caller = &house.gateway.caller;
    caller.upload(&[titled("6", "Fay Rand", "Clerk")]).await;
    let message = house.incomplete().await;
    assert!(message.contains("1 operations of uploads"), "{message}");
    house.release(json!({"workers": ["4"]})).await;
    house.state("start").await;
    caller.settled().await;
    house.until_title("4", "Clerk").await;
    assert_eq!(
        caller.outcome("6").await,
        outcome("create", "skipped", "HeldForReview")
    );
    house.release(json!({"all": true})).await;
    house.until_title("6", "Clerk").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_puts_no_job_under_review_that_has_long_been_at_work() {
    let house = House::with(&[ada()], "first_cycle = \"apply\"").await;
    let caller = &house.gateway.caller;
    caller.upload(&[titled("1", "Ada Novak", "Judge")]).await;
    house.until_title("1", "Judge").await;
    caller.settled().await;
    let House { directory, gateway } = house;
    let setup = gateway.stop().await.without("first_cycle = \"apply\"");
    let gateway = setup.app("first_cycle = \"review\"").start().await;
    let house = House { directory, gateway };
    // As a job stands that an earlier release served.
    house.first_cycle(Reviewed::NotYet).await;
    let links = house.links("worker,account\n1,anovak\n");
    house.said(&["link", JOB, &links]);
    let store = house.store().await;
    let job = store.read(|conn| jobs::find(conn, JOB)).await.unwrap().unwrap();
    assert!(
        !matches!(job.status.first_cycle, Reviewed::Waits { .. }),
        "{:?}",
        job.status.first_cycle
    );
    house
        .gateway
        .caller
        .upload(&[titled("1", "Ada Novak", "Queen")])
        .await;
    house.until_title("1", "Queen").await;
}

fn waits(worker: &str) -> Review {
    let case =
        json!({"worker": worker, "name": null, "situation": "unmatched", "effects": [], "inScope": true});
    Review {
        worker: worker.into(),
        standing: Standing::Withheld,
        apart: false,
        case: serde_json::from_value(case).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_nobody_is_put_behind_a_release_that_has_passed() {
    const PEOPLE: usize = 3_000;
    let setup = Setup::nowhere().app("start = false\nfirst_cycle = \"review\"");
    let config = Config::parse(&setup.text("127.0.0.1:0"), setup.dir.path()).unwrap();
    let location = Location::parse(&config.store.url).unwrap();
    let store = Store::open(location).await.unwrap();
    let engine = Engine::prepare(config, store.clone(), Clock::system())
        .await
        .unwrap();
    let fill = |conn: &mut _| {
        let now = Clock::system().now();
        let names: Vec<String> = (0..=PEOPLE).map(|who| format!("w{who:05}")).collect();
        let people: Vec<Stored> = names
            .iter()
            .map(|name| Stored::new(Worker::new(name)).unwrap())
            .collect();
        workers::hear(conn, "hr", &people, &[], &[], now)?;
        // One is on a page that is under way.
        let rows: Vec<Review> = names[1..].iter().map(|name| waits(name)).collect();
        reviews::keep(conn, JOB, &rows.iter().collect::<Vec<_>>())?;
        jobs::update_status(conn, JOB, |status| {
            status.full_due = false;
            status.first_cycle = Reviewed::Waits {
                since: now,
                examples: Vec::new(),
            };
        })
    };
    store.write(fill).await.unwrap();
    let releasing = tokio::spawn(async move { engine.release(JOB, Cohort::default()).await });
    eventually("the first were passed", async || {
        let passed = store.read(|conn| reviews::standing(conn, JOB, Standing::Released, "", 1));
        !passed.await.unwrap().is_empty()
    })
    .await;
    let late = |conn: &mut _| {
        let row = Kept::Row(Box::new(waits("w00000")), None);
        muster::engine::review::write(conn, JOB, &[&row], Clock::system().now())
    };
    store.write(late).await.unwrap();
    let released = releasing.await.unwrap().unwrap();
    assert_eq!((released.released, released.is_over), (PEOPLE as u64, true));
    let (waits, woken) = store
        .read(|conn| {
            let waits = reviews::standing(conn, JOB, Standing::Withheld, "", 10)?;
            Ok((waits, wakes::next_of(conn, JOB, "w00000")?))
        })
        .await
        .unwrap();
    assert_eq!(waits, Vec::<String>::new(), "nobody stays behind");
    assert!(woken.is_some(), "and is looked at");
}
