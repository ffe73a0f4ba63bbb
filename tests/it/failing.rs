//! When what the gateway stands on fails: a store that is full, a clock that jumps.

use std::net::TcpListener;

use diesel::connection::SimpleConnection;
use jiff::SignedDuration;
use muster::api::Gateway as Api;
use muster::config::Config;
use muster::engine::{Clock, Engine};
use muster::store::{Location, Store};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gateway::{Caller, JOB, Setup, bulk, eventually, outcome, person};
use crate::guard::target;
use crate::quarantine::Ahead;
use crate::store::write;
use crate::support::openldap;

/// A gateway in this process whose store is the test's as well.
struct Limited {
    store: Store,
    caller: Caller,
    stop: CancellationToken,
    _setup: Setup,
}

impl Limited {
    async fn start(setup: Setup) -> Limited {
        let config = Config::parse(&setup.text("127.0.0.1:0"), setup.dir.path()).unwrap();
        let store = Store::open(Location::parse(&config.store.url).unwrap())
            .await
            .unwrap();
        let engine = Engine::prepare(config, store.clone(), Clock::system())
            .await
            .unwrap();
        let api = Api::new(engine.clone()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let caller = Caller::new(&format!("http://{}", listener.local_addr().unwrap()), None);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        engine.start(&tasks, &stop);
        let serving = stop.clone();
        tokio::spawn(async move { muster::api::serve(api, listener, None, serving).await });
        Limited {
            store,
            caller,
            stop,
            _setup: setup,
        }
    }

    /// Leaves the database so many more pages than it has.
    async fn room(&self, pages: i64) {
        write(&self.store, move |conn| {
            let muster::store::Conn::Sqlite(conn) = conn else {
                return Ok(());
            };
            let limit = format!("PRAGMA max_page_count = {pages}");
            conn.batch_execute(&limit).map_err(muster::error::Error::from)
        })
        .await;
    }

    async fn upload(&self, people: &[Json]) -> (u16, Option<String>, Json) {
        let body = bulk(people).to_string();
        let token = self.caller.token().await;
        let answer = self.caller.post_bulk(&token, body).await.unwrap();
        let status = answer.status().as_u16();
        let again = answer
            .headers()
            .get("retry-after")
            .map(|wait| wait.to_str().unwrap().to_string());
        (status, again, answer.json().await.unwrap_or(Json::Null))
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_full_takes_nothing_in_and_loses_nothing() {
    let directory = openldap::directory();
    let gateway = Limited::start(Setup::with_target(&target(&directory)).app("start = true")).await;
    gateway.caller.upload(&[person("first", "Ada Byron")]).await;
    gateway.caller.settled().await;
    gateway.room(1).await;
    let mut acknowledged: Vec<String> = Vec::new();
    let mut refused = None;
    for upload in 0..2_000 {
        let people: Vec<Json> = (0..50)
            .map(|one| {
                person(
                    &format!("{upload}-{one}"),
                    &format!("Person Number{upload}x{one}"),
                )
            })
            .collect();
        let (status, again, body) = gateway.upload(&people).await;
        match status {
            202 => acknowledged.extend((0..50).map(|one| format!("{upload}-{one}"))),
            _ => {
                refused = Some((status, again, body));
                break;
            }
        }
    }
    let (status, again, body) = refused.expect("the database has no more room");
    assert_eq!((status, again.as_deref()), (503, Some("60")), "{body}");
    assert_eq!(body["error"]["code"], "StoreFull", "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("the store is full"), "{message}");
    // It goes on saying so, and answers questions meanwhile.
    for _ in 0..3 {
        let (status, ..) = gateway.upload(&[person("more", "More Over")]).await;
        assert!(status == 503 || status == 202, "{status}");
    }
    assert_eq!(gateway.caller.job().await["id"], JOB);
    // There is room: nothing has to be done, and everything that was acknowledged has its outcome.
    gateway.room(1_000_000_000).await;
    let (status, _, body) = gateway.upload(&[person("last", "Last One")]).await;
    assert_eq!(status, 202, "{body}");
    gateway.caller.settled().await;
    for id in acknowledged.iter().map(String::as_str).chain(["first", "last"]) {
        assert_eq!(
            gateway.caller.outcome(id).await,
            outcome("create", "success", ""),
            "{id}"
        );
    }
    let found = directory
        .client()
        .search("(employeeID=*)", &["employeeID"])
        .unwrap();
    let mut ids: Vec<&str> = found
        .iter()
        .filter_map(|entry| entry.value("employeeID"))
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "nobody has two accounts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_makes_nobody_wait() {
    let directory = openldap::directory();
    let ahead = Ahead::default();
    let setup = Setup::with_target(&target(&directory))
        .clock(ahead.clock())
        .app("start = true");
    let mut gateway = setup.start().await;
    let mut number = 0;
    for hours in [24 * 400, -24 * 400, -36, 30, -2] {
        for kind in ["before", "after"] {
            if kind == "after" {
                // What was acknowledged by the other time is still due.
                ahead.pass(SignedDuration::from_hours(hours));
            }
            number += 1;
            let id = format!("{kind}-{number}");
            gateway
                .caller
                .upload(&[person(&id, &format!("Person Number{number}"))])
                .await;
            if kind == "after" {
                gateway.caller.settled().await;
                assert_eq!(
                    gateway.caller.outcome(&id).await,
                    outcome("create", "success", ""),
                    "{hours}"
                );
            }
        }
        let refused = json!({ "externalId": format!("poor-{hours}"), "active": true });
        gateway.caller.upload(&[refused]).await;
        gateway.caller.settled().await;
    }
    // The same across a restart.
    let caller = &gateway.caller;
    let (status, _) = caller
        .send("POST", &format!("{}/pause", caller.job_path()), None)
        .await;
    assert_eq!(status, 204);
    caller.upload(&[person("late", "Late Comer")]).await;
    let setup = gateway.stop().await;
    ahead.pass(SignedDuration::from_hours(-72));
    gateway = setup.start().await;
    let caller = &gateway.caller;
    let (status, _) = caller
        .send("POST", &format!("{}/start", caller.job_path()), None)
        .await;
    assert_eq!(status, 204);
    caller.settled().await;
    assert_eq!(caller.outcome("late").await, outcome("create", "success", ""));
    eventually("the last cycle is told by the new time", async || {
        let job = gateway.caller.job().await;
        job["status"]["lastExecution"]["state"] != Json::Null
    })
    .await;
}
