//! No leaver has access because so little is kept (B13, B33).

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use muster::domain::guard::Action;
use muster::domain::link::Link;
use muster::domain::worker::Worker;
use muster::store::escrows::Escrow;
use muster::store::findings::{Finding, Weight};
use muster::store::retention::Leavers;
use muster::store::uploads::Fold;
use muster::store::wakes::Cause;
use muster::store::workers::Stored;
use muster::store::{
    Location, Store, escrows, findings, guard, jobs, links, retention, systems, uploads, wakes, workers,
};
use serde_json::json;

use super::{ADA, Days, ada, count, post};
use crate::gateway::{Setup, eventually, outcome, with};
use crate::pull::ldap;
use crate::store::{JOB, job, link, on_both, write};
use crate::support::lab;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// Somebody whose account was seen like this last.
fn seen(worker: &'static str, enabled: Option<bool>) -> Link {
    Link {
        enabled,
        ..link(worker, worker)
    }
}

fn refused(worker: &str, code: &str) -> Escrow {
    Escrow {
        worker: worker.into(),
        code: code.into(),
        reason: "so it is".into(),
        attempts: 31,
        next: None,
    }
}

fn finding(worker: &str, weight: Weight) -> Finding {
    Finding {
        worker: worker.into(),
        code: "DuplicateTargetEntries".into(),
        cause: "two of them".into(),
        weight,
        reason: "two of them".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_nobody_shrinks_whose_account_may_be_open_or_is_to_be_deleted() {
    on_both(async |store| {
        write(&store, |conn| {
            jobs::take_in(conn, &job("hr", "corp"))?;
            links::insert(
                conn,
                JOB,
                &[
                    seen("open", Some(true)),
                    seen("shut", Some(false)),
                    seen("bad phone", Some(false)),
                    seen("to be deleted", Some(false)),
                    seen("deleted by hand", Some(false)),
                    seen("in the bin", None),
                ],
            )?;
            for (worker, code) in [
                ("disputed", "DuplicateTargetEntries"),
                ("bad phone", "InvalidAttributeSyntax"),
                ("deleted by hand", "InvalidAnchor"),
            ] {
                escrows::keep(conn, JOB, &refused(worker, code), at(0))?;
            }
            let found = [
                finding("claimed", Weight::Failure),
                finding("told", Weight::Warning),
            ];
            findings::replace(conn, JOB, &["claimed", "told"], &found, at(0))?;
            guard::hold(conn, JOB, "held", &[Action::Delete], at(0))
        })
        .await;
        let anchors = [
            "open",
            "shut",
            "bad phone",
            "to be deleted",
            "deleted by hand",
            "in the bin",
            "disputed",
            "claimed",
            "told",
            "held",
            "nobody",
        ];
        let gone = ["to be deleted", "deleted by hand", "in the bin"];
        let unfinished = async |deleting: &[&str]| {
            let leavers = Leavers {
                anchors: anchors.map(String::from).to_vec(),
                gone: gone.map(String::from).into(),
                deleting: deleting.iter().map(|job| job.to_string()).collect(),
            };
            store
                .read(move |conn| retention::unfinished(conn, "hr", &leavers, at(1)))
                .await
                .unwrap()
        };
        let expected = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<BTreeSet<_>>();
        let open = ["open", "disputed", "claimed", "held"];
        assert_eq!(unfinished(&[]).await, expected(&open));
        let deleting = [open.as_slice(), &["to be deleted"]].concat();
        assert_eq!(unfinished(&[JOB]).await, expected(&deleting));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_a_full_cycle_looks_at_leavers_who_have_an_account() {
    on_both(async |store| {
        let worker = |anchor: &str, shrunk| {
            let worker = Worker {
                shrunk,
                ..Worker::new(anchor)
            };
            Stored::new(worker).unwrap()
        };
        let fold = Fold {
            sequences: vec![1],
            operations: 3,
            workers: vec![
                worker("here", None),
                worker("linked", Some(at(0))),
                worker("none", Some(at(0))),
            ],
            places: Vec::new(),
            readers: Vec::new(),
        };
        write(&store, |conn| systems::ensure(conn, "hr")).await;
        write(&store, |conn| uploads::append(conn, "hr", b"", 3, at(0), 100)).await;
        write(&store, move |conn| uploads::fold(conn, "hr", &fold, at(0))).await;
        write(&store, |conn| {
            links::insert(conn, JOB, &[seen("linked", Some(false))])?;
            links::insert(conn, "other", &[seen("none", Some(false))])?;
            wakes::wake_all(conn, JOB, "hr", at(1))
        })
        .await;
        let due = store
            .read(|conn| wakes::due(conn, JOB, at(1), &HashSet::new(), 10, 10))
            .await
            .unwrap();
        let mut due: Vec<String> = due.into_iter().map(|wake| wake.anchor).collect();
        due.sort_unstable();
        assert_eq!(due, ["here", "linked"]);
        let planned = store
            .read(|conn| workers::after(conn, JOB, "hr", "", 10))
            .await
            .unwrap();
        assert_eq!(planned, due);
        assert_eq!(
            store
                .read(|conn| wakes::due_count(conn, JOB, at(1), Cause::Full))
                .await
                .unwrap(),
            2
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b13_a_leaver_of_long_ago_whose_account_is_enabled_is_disabled_again() {
    let (directory, days) = (lab::directory(), Days::from_now());
    let setup = Setup::with_target(&ldap(&directory))
        .at(days.clock())
        .app("start = true");
    let gateway = setup.start().await;
    let leaver = with(ada(), json!({"active": false}));
    gateway.caller.upload(&[ada()]).await;
    gateway.caller.settled().await;
    gateway.caller.upload(std::slice::from_ref(&leaver)).await;
    gateway.caller.settled().await;
    let is_out = "(&(employeeID=ada-10001)(userAccountControl=514))";
    count(&directory, is_out, 1).await;
    let dn = directory.admin().search(is_out, &["cn"]).unwrap().remove(0).dn;
    let enable = || {
        let change =
            format!("dn: {dn}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 512\n");
        directory.admin().modify(&change).unwrap();
    };
    days.pass(91);
    let path = gateway.setup.dir.path().join("muster.db");
    let store = Store::open(Location::Sqlite(path)).await.unwrap();
    eventually("the record shrinks", async || {
        let known = store.read(|conn| workers::load(conn, "hr", &["ada-10001"])).await;
        known.unwrap()[0].shrunk.is_some()
    })
    .await;
    // Whoever looks at everybody looks at her, too.
    enable();
    post(
        &gateway,
        "restart",
        json!({"criteria": {"resetScope": "Watermark"}}),
    )
    .await;
    count(&directory, is_out, 1).await;
    // And so does whoever hears of her.
    enable();
    gateway.caller.upload(&[leaver]).await;
    gateway.caller.settled().await;
    assert_eq!(
        gateway.caller.outcome("ada-10001").await,
        outcome("disable", "success", "")
    );
    count(&directory, is_out, 1).await;
    let known = store.read(|conn| workers::load(conn, "hr", &["ada-10001"])).await;
    let known = serde_json::to_string(&known.unwrap()[0]).unwrap();
    let left = ADA.iter().filter(|text| known.contains(**text));
    assert_eq!(left.count(), 0, "{known}");
}
