//! The store, the same stories on both databases.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use muster::domain::account::{Account, Anchor, Protection};
use muster::domain::allowance::Allowance;
use muster::domain::callback::{Call, Member, Who};
use muster::domain::decision::Decision;
use muster::domain::guard::Action;
use muster::domain::hold::{HeldAccount, Hold, Until};
use muster::domain::link::Link;
use muster::domain::plan::{Absence, Change, Effect, Pending};
use muster::domain::quarantine::Volume;
use muster::domain::review::Standing;
use muster::domain::turned::{Inputs, Turn};
use muster::domain::worker::{Move, Worker};
use muster::error::{Kind, Result};
use muster::store::callbacks::{Batch, Item, Status as Fate, Verdict};
use muster::store::escrows::Escrow;
use muster::store::jobs::{Job, State, Status, Taken};
use muster::store::logs::{Column, Condition, Entry, Query};
use muster::store::owners::{Claim, Key};
use muster::store::reviews::{self, Review};
use muster::store::state_inputs::News;
use muster::store::uploads::{Fold, Place};
use muster::store::wakes::{Again, Cause};
use muster::store::workers::Stored;
use muster::store::{
    Conn, Location, Store, allowances, asked, callbacks, changes, decisions, escrows, guard, holds, jobs,
    links, listed, logs, notices, owners, plans, pulls, quarantine, settings, state_inputs, systems, uploads,
    wakes, workers,
};

use crate::support::postgres;

pub const JOB: &str = "job";
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// Runs a story on SQLite and on PostgreSQL.
pub async fn on_both(story: impl AsyncFn(Store)) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("muster.db").display());
    for url in [sqlite, postgres::database()] {
        let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
        story(store).await;
    }
}

pub async fn write<T: Send + 'static>(
    store: &Store,
    unit: impl Fn(&mut Conn) -> Result<T> + Send + 'static,
) -> T {
    store.write(unit).await.unwrap()
}

pub fn job(source: &str, target: &str) -> Job {
    Job {
        id: JOB.into(),
        app: "app".into(),
        template: "API2AD".into(),
        source: source.into(),
        target: target.into(),
        state: State::Active,
        created: at(0),
        schema_version: 1,
        status: Status::default(),
    }
}

/// Two jobs from one system to another.
fn two_jobs(conn: &mut Conn) -> Result<()> {
    for id in [JOB, OTHER] {
        let job = Job {
            id: id.into(),
            ..job("hr", "corp")
        };
        jobs::take_in(conn, &job)?;
    }
    Ok(())
}

fn fold(sequences: &[i64], anchors: &[&str]) -> Fold {
    Fold {
        sequences: sequences.to_vec(),
        operations: anchors.len() as i64,
        workers: anchors
            .iter()
            .map(|anchor| Stored::new(Worker::new(*anchor)).unwrap())
            .collect(),
        places: (0..)
            .zip(anchors)
            .map(|(position, anchor)| Place {
                sequence: *sequences.last().unwrap(),
                position,
                anchor: (*anchor).into(),
                received: 0,
            })
            .collect(),
        readers: vec![JOB.into(), "other".into()],
    }
}

pub fn link(worker: &str, account: &str) -> Link {
    Link {
        worker: worker.into(),
        account: Anchor(account.into()),
        generation: 1,
        made: true,
        wanted: None,
        disabled_by_us: false,
        disabled_at: None,
        waiting: None,
        enabled: Some(true),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_keep_their_order_and_are_folded_once() {
    on_both(async |store| {
        write(&store, |conn| systems::ensure(conn, "hr")).await;
        write(&store, |conn| systems::ensure(conn, "hr")).await;
        for expected in 1..=3 {
            let sequence = write(&store, |conn| uploads::append(conn, "hr", b"body", 2, at(0), 6)).await;
            assert_eq!(sequence, expected);
        }
        let full = store
            .write(|conn| uploads::append(conn, "hr", b"body", 1, at(0), 6))
            .await
            .unwrap_err();
        assert_eq!(full.code, "InboxFull");
        let taken =
            |operations, bytes| store.read(move |conn| uploads::oldest(conn, "hr", operations, bytes));
        assert_eq!(taken(4, 1000).await.unwrap().len(), 2, "as many as fit");
        assert_eq!(taken(1, 1000).await.unwrap().len(), 1, "at least one");
        assert_eq!(taken(100, 5).await.unwrap().len(), 1, "bytes are bounded too");

        write(&store, |conn| {
            uploads::fold(conn, "hr", &fold(&[1, 2], &["a", "b", "a", "c"]).unique(), at(1))
        })
        .await;
        let twice = store
            .write(|conn| uploads::fold(conn, "hr", &fold(&[1, 2], &["a"]), at(1)))
            .await
            .unwrap_err();
        assert_eq!(twice.kind, Kind::Stale);
        assert_eq!(
            taken(100, 1000).await.unwrap()[0].sequence,
            3,
            "what is folded is gone"
        );
        let pending = store
            .read(|conn| uploads::pending(conn, "other", &["a"]))
            .await
            .unwrap();
        assert_eq!(
            pending.iter().map(|place| place.position).collect::<Vec<_>>(),
            [0, 2]
        );
        write(&store, move |conn| uploads::end(conn, "other", &pending[..1])).await;
        assert_eq!(
            store
                .read(|conn| uploads::pending_count(conn, "other"))
                .await
                .unwrap(),
            3
        );
        assert_eq!(
            store
                .read(|conn| uploads::pending_count(conn, JOB))
                .await
                .unwrap(),
            4,
            "each job has its own"
        );
        let known = store
            .read(|conn| workers::load(conn, "hr", &["a", "b", "nobody"]))
            .await
            .unwrap();
        assert_eq!(known.len(), 2);
        assert_eq!(store.read(|conn| uploads::waiting(conn, "hr")).await.unwrap(), 2);
    })
    .await;
}

trait Unique {
    fn unique(self) -> Self;
}

impl Unique for Fold {
    /// One worker for each anchor, as folding leaves them.
    fn unique(mut self) -> Fold {
        let mut seen = std::collections::BTreeSet::new();
        self.workers
            .retain(|stored| seen.insert(stored.worker.anchor.clone()));
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hr_says_goes_first_and_no_wake_is_lost() {
    on_both(async |store| {
        write(&store, |conn| systems::ensure(conn, "hr")).await;
        write(&store, |conn| uploads::append(conn, "hr", b"", 3, at(0), 100)).await;
        write(&store, |conn| {
            uploads::fold(conn, "hr", &fold(&[1], &["a", "b", "c"]), at(10))
        })
        .await;
        let due = async |now: i64| {
            let due = store
                .read(move |conn| wakes::due(conn, JOB, at(now), &HashSet::new(), 10, 10))
                .await
                .unwrap();
            due.into_iter()
                .map(|wake| (wake.anchor.clone(), wake))
                .collect::<BTreeMap<_, _>>()
        };
        assert!(due(9).await.is_empty());
        let all = due(10).await;
        let (a, b, c) = (all["a"].clone(), all["b"].clone(), all["c"].clone());
        write(&store, move |conn| {
            wakes::end(conn, JOB, &[&a])?;
            wakes::put_off(
                conn,
                JOB,
                &b,
                &Again {
                    due: at(100),
                    cause: Cause::Retry,
                    attempts: 2,
                },
            )
        })
        .await;
        // A full cycle wakes everybody, but whoever waits because HR spoke keeps the first place.
        write(&store, |conn| wakes::wake_all(conn, JOB, "hr", at(20))).await;
        assert_eq!(due(20).await.keys().collect::<Vec<_>>(), ["c"]);
        assert_eq!(
            store
                .read(|conn| wakes::due_count(conn, JOB, at(20), Cause::Full))
                .await
                .unwrap(),
            2
        );
        // Woken again while being looked at: finishing the old wake leaves the new one.
        write(&store, |conn| {
            wakes::wake(conn, JOB, &["c"], at(30), Cause::Reference)
        })
        .await;
        write(&store, move |conn| wakes::end(conn, JOB, &[&c])).await;
        let again = due(30).await;
        assert_eq!((again["c"].cause, again.len()), (Cause::Said, 1));
        let c = again["c"].clone();
        write(&store, move |conn| wakes::end(conn, JOB, &[&c])).await;
        assert_eq!(due(30).await.keys().collect::<Vec<_>>(), ["a", "b"]);
        // Who leaves goes before what HR says of others, and stays there whatever else HR says (B25).
        write(&store, |conn| {
            wakes::heard(conn, JOB, &[("a", Move::Stays), ("b", Move::Leaves)], at(40))?;
            wakes::heard(conn, JOB, &[("a", Move::Stays), ("b", Move::Stays)], at(50))
        })
        .await;
        let first = due(50).await;
        assert_eq!(first.keys().collect::<Vec<_>>(), ["b"]);
        let b = first["b"].clone();
        let by_date = Again {
            due: at(60),
            cause: Cause::Turn,
            attempts: 0,
        };
        write(&store, move |conn| wakes::put_off(conn, JOB, &b, &by_date)).await;
        assert_eq!(due(59).await.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(due(60).await.keys().collect::<Vec<_>>(), ["b"]);
        assert!(
            store
                .read(|conn| wakes::any_due(conn, JOB, at(60)))
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_one_worker_and_a_link_moves_by_compare_and_set() {
    on_both(async |store| {
        write(&store, |conn| {
            links::insert(conn, JOB, &[link("1", "A"), link("2", "B")])
        })
        .await;
        let taken = store
            .write(|conn| links::insert(conn, JOB, &[link("3", "A")]))
            .await
            .unwrap_err();
        assert_eq!(taken.kind, Kind::Conflict);
        write(&store, |conn| {
            links::advance(
                conn,
                JOB,
                &Link {
                    enabled: Some(false),
                    ..link("1", "A")
                },
            )
        })
        .await;
        let stale = store
            .write(|conn| links::advance(conn, JOB, &link("1", "A")))
            .await
            .unwrap_err();
        assert_eq!(stale.kind, Kind::Stale);
        let found = store
            .read(|conn| links::by_workers(conn, JOB, &["1", "9"]))
            .await
            .unwrap();
        assert_eq!((found[0].generation, found[0].enabled), (2, Some(false)));
        assert_eq!(
            store.read(|conn| links::population(conn, JOB)).await.unwrap(),
            (1, true)
        );
        let found = Link {
            made: false,
            ..link("4", "D")
        };
        write(&store, move |conn| {
            links::insert(conn, JOB, std::slice::from_ref(&found))
        })
        .await;
        assert_eq!(
            store.read(|conn| links::population(conn, JOB)).await.unwrap(),
            (2, false)
        );
        let owners = store
            .read(|conn| links::owners(conn, JOB, &["B", "Z"]))
            .await
            .unwrap();
        assert_eq!(owners, [("B".to_string(), "2".to_string())]);

        write(&store, two_jobs).await;
        let wait = async |told: bool, now: i64| {
            write(&store, move |conn| {
                let pending = Pending {
                    attribute: "manager".into(),
                    to: "7".into(),
                    why: Absence::default(),
                };
                let waits = links::Waits {
                    worker: "1",
                    pending: &pending,
                    is_told: told,
                };
                links::wait_for(conn, JOB, &["1"], &[waits], at(now))
            })
            .await;
        };
        wait(true, 5).await;
        wait(false, 9).await;
        let waiting = async |source: &'static str| {
            store
                .read(move |conn| links::waiting_for(conn, source, "corp", &["7", "8"]))
                .await
                .unwrap()
        };
        assert_eq!(waiting("hr").await, [(JOB.to_string(), "1".to_string())]);
        assert!(waiting("payroll").await.is_empty(), "another system's 7");
        let told = store
            .read(|conn| links::told(conn, JOB, &["1", "2"]))
            .await
            .unwrap();
        assert_eq!(
            told,
            HashMap::from([("1".to_string(), at(5))]),
            "it was told once"
        );
        let missing = store
            .read(|conn| muster::store::report::missing_references(conn, JOB, 9))
            .await
            .unwrap();
        assert_eq!(missing, [("manager".to_string(), "7".to_string(), 1, at(5))]);
        write(&store, |conn| links::wait_for(conn, JOB, &["1"], &[], at(9))).await;
        assert!(waiting("hr").await.is_empty());

        // The other job found one of the accounts, too.
        write(&store, |conn| {
            links::insert(conn, OTHER, std::slice::from_ref(&link("2", "B")))
        })
        .await;
        let of = store
            .read(|conn| links::of_workers(conn, "hr", "corp", &["2", "9"]))
            .await
            .unwrap();
        let of: Vec<(&str, &str)> = of
            .iter()
            .map(|(job, link)| (job.as_str(), link.account.0.as_str()))
            .collect();
        assert_eq!(of, [(JOB, "B"), (OTHER, "B")]);
        let sharing = store
            .read(|conn| links::sharing(conn, &[OTHER], &["A", "B"]))
            .await
            .unwrap();
        assert_eq!(sharing, [(OTHER.to_string(), link("2", "B"))]);
        write(&store, |conn| links::delete(conn, JOB, "2")).await;
        assert_eq!(store.read(|conn| links::count(conn, JOB)).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder_and_the_former_one_writes_nothing() {
    on_both(async |store| {
        assert_eq!(
            write(&store, |conn| jobs::take_in(conn, &job("hr", "corp"))).await,
            Taken::New
        );
        assert_eq!(
            write(&store, |conn| jobs::take_in(conn, &job("hr", "corp"))).await,
            Taken::AsItWas
        );
        let first = write(&store, |conn| jobs::lease(conn, JOB, "one", at(0), at(60)))
            .await
            .unwrap();
        assert_eq!(
            write(&store, |conn| jobs::lease(conn, JOB, "two", at(59), at(90))).await,
            None
        );
        write(&store, move |conn| jobs::extend(conn, JOB, first, at(100))).await;
        assert_eq!(
            write(&store, |conn| jobs::lease(conn, JOB, "two", at(61), at(90))).await,
            None
        );
        let second = write(&store, |conn| jobs::lease(conn, JOB, "two", at(100), at(160)))
            .await
            .unwrap();
        let lost = store
            .write(move |conn| jobs::fence(conn, JOB, first))
            .await
            .unwrap_err();
        assert_eq!(lost.code, "LeaseLost");
        write(&store, move |conn| jobs::release(conn, JOB, first)).await;
        assert_eq!(
            write(&store, |conn| jobs::lease(conn, JOB, "one", at(101), at(160))).await,
            None
        );
        write(&store, move |conn| jobs::release(conn, JOB, second)).await;
        // A heartbeat that was under way does not bring it back.
        let late = store.write(move |conn| jobs::extend(conn, JOB, second, at(160)));
        assert_eq!(late.await.unwrap_err().code, "LeaseLost");
        assert!(
            write(&store, |conn| jobs::lease(conn, JOB, "one", at(101), at(160)))
                .await
                .is_some()
        );
        assert_eq!(
            write(&store, |conn| jobs::take_in(conn, &job("payroll", "corp"))).await,
            Taken::Source
        );
        assert_eq!(
            write(&store, |conn| jobs::take_in(conn, &job("payroll", "other"))).await,
            Taken::Target
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_remembers_a_day_and_a_week_and_what_was_released() {
    on_both(async |store| {
        let hour = SignedDuration::from_hours(1).as_secs();
        let counts =
            |count| BTreeMap::from([(Action::Disable, count), (Action::Overwrite("title".into()), 1)]);
        write(&store, move |conn| guard::tally(conn, JOB, &counts(3), at(0))).await;
        write(&store, move |conn| guard::tally(conn, JOB, &counts(4), at(0))).await;
        write(&store, move |conn| {
            guard::tally(conn, JOB, &counts(5), at(30 * hour))
        })
        .await;
        let tallies = async |hours, now| {
            store
                .read(move |conn| guard::tallies(conn, JOB, hours, at(now)))
                .await
                .unwrap()
        };
        assert_eq!(tallies(24, 30 * hour).await, counts(5));
        assert_eq!(tallies(7 * 24, 30 * hour).await[&Action::Disable], 12);
        let last = tallies(24, 25 * hour - 1).await[&Action::Disable];
        assert_eq!(
            last, 12,
            "what was done at the end of the first hour is not a day old"
        );

        let held = [Action::Disable, Action::Rename];
        write(&store, move |conn| guard::hold(conn, JOB, "1", &held, at(0))).await;
        assert_eq!(
            write(&store, |conn| guard::release(
                conn,
                JOB,
                &[Action::Disable, Action::Delete]
            ))
            .await,
            1
        );
        write(&store, |conn| {
            guard::hold(conn, JOB, "1", &[Action::Disable], at(1))
        })
        .await;
        let kept = store.read(|conn| guard::held(conn, JOB, &["1"])).await.unwrap();
        assert_eq!(
            kept,
            [("1".to_string(), Action::Disable, true)],
            "held again, it stays released"
        );
        assert!(
            store
                .read(|conn| guard::held_counts(conn, JOB))
                .await
                .unwrap()
                .is_empty()
        );
        write(&store, |conn| guard::hold(conn, JOB, "1", &[], at(2))).await;
        assert!(
            store
                .read(|conn| guard::held_workers(conn, JOB))
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_asked_by_column_and_read_page_by_page() {
    on_both(async |store| {
        let entries: Vec<Entry> = (0..10)
            .map(|number| Entry {
                id: format!("{number:02}"),
                at: at(number),
                app: if number < 5 { "app" } else { "other" }.into(),
                job: JOB.into(),
                cycle: format!("c{}", number % 2),
                change: "x".into(),
                source: number.to_string(),
                action: "create".into(),
                status: "success".into(),
                body: format!("{{\"n\":{number}}}"),
            })
            .collect();
        write(&store, move |conn| logs::append(conn, &entries)).await;
        let ids = async |query: Query| {
            let found = store.read(move |conn| logs::query(conn, &query)).await.unwrap();
            found.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
        };
        let of = |conditions| Query {
            conditions,
            limit: 100,
            ..Query::default()
        };
        let is = |column, value: &str| Condition::Is(column, value.into());
        assert_eq!(
            ids(Query {
                limit: 2,
                ..Query::default()
            })
            .await,
            ["09", "08"],
            "newest first"
        );
        assert_eq!(
            ids(Query {
                limit: 2,
                after: Some("08".into()),
                ..Query::default()
            })
            .await,
            ["07", "06"]
        );
        assert_eq!(
            ids(Query {
                limit: 1,
                oldest_first: true,
                after: Some("03".into()),
                ..Query::default()
            })
            .await,
            ["04"]
        );
        assert_eq!(
            ids(of(vec![is(Column::Cycle, "c1"), is(Column::Source, "3")])).await,
            ["03"]
        );
        assert_eq!(
            ids(of(vec![
                Condition::IsNot(Column::Cycle, "c1".into()),
                is(Column::App, "app")
            ]))
            .await
            .len(),
            3
        );
        let from = Condition::From {
            at: muster::store::micros(at(7)),
            inclusive: true,
        };
        let until = Condition::Until {
            at: muster::store::micros(at(9)),
            inclusive: false,
        };
        assert_eq!(ids(of(vec![from, until])).await, ["08", "07"]);
        let mine = Query {
            apps: Some(vec!["app".into()]),
            limit: 100,
            ..Query::default()
        };
        assert_eq!(ids(mine).await.len(), 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_things_are_kept() {
    on_both(async |store| {
        assert_eq!(
            write(&store, |conn| settings::keep_first(conn, "key", "one")).await,
            "one"
        );
        assert_eq!(
            write(&store, |conn| settings::keep_first(conn, "key", "two")).await,
            "one",
            "replicas agree"
        );

        write(&store, |conn| systems::ensure(conn, "corp")).await;
        let switch = async |from: Option<&'static str>, to: &'static str| {
            write(&store, move |conn| {
                systems::switch_endpoint(conn, "corp", from, to, at(5))
            })
            .await
        };
        assert!(
            switch(None, "dc1").await && !switch(None, "dc2").await,
            "B23: by compare-and-set"
        );
        assert!(switch(Some("dc1"), "dc2").await && !switch(Some("dc1"), "dc3").await);
        let current = store.read(|conn| systems::endpoint(conn, "corp")).await.unwrap();
        assert_eq!(current, Some(("dc2".into(), at(5))));

        let account = |anchor: &str, id: &str| Account {
            anchor: Anchor(anchor.into()),
            address: String::new(),
            enabled: None,
            values: BTreeMap::from([("employeeID".to_string(), vec![id.to_string()])]),
            protected: None,
            deleted: false,
        };
        let accounts = [account("A", "One"), account("B", "two")];
        write(&store, move |conn| {
            listed::keep(conn, JOB, &accounts, &["employeeID".into()])
        })
        .await;
        let found = store
            .read(|conn| listed::by_values(conn, JOB, "employeeID", &["one".into(), "x".into()]))
            .await;
        assert_eq!(found.unwrap(), [("one".to_string(), "A".to_string())]);
        assert_eq!(
            store
                .read(|conn| listed::by_anchors(conn, JOB, &["B"]))
                .await
                .unwrap()
                .len(),
            1
        );
        let others = [account("A", "one")];
        write(&store, move |conn| {
            listed::keep(conn, "another", &others, &["employeeID".into()])
        })
        .await;
        let left = async |job: &'static str| {
            let left = store.read(move |conn| {
                let keys = listed::by_values(conn, job, "employeeID", &["one".into(), "two".into()])?;
                Ok((listed::by_anchors(conn, job, &["A", "B"])?.len(), keys.len()))
            });
            left.await.unwrap()
        };
        // B is found for somebody under review, of C nobody is asked whose it is.
        let fenced = Account {
            protected: Some(Protection::AdminCount),
            ..account("C", "three")
        };
        let more = [fenced, account("D", "four")];
        let nobodys = write(&store, move |conn| {
            listed::keep(conn, JOB, &more, &["employeeID".into()])?;
            jobs::take_in(conn, &job("hr", "corp"))?;
            let mut beside = job("hr", "corp");
            beside.id = "beside".into();
            jobs::take_in(conn, &beside)?;
            links::insert(conn, "beside", &[link("1", "A")])?;
            let case = serde_json::json!({
                "worker": "2", "name": null, "account": "B", "situation": "unlinked", "effects": [], "inScope": true
            });
            let review = Review {
                worker: "2".into(),
                standing: Standing::Withheld,
                apart: false,
                case: muster::store::from_json(&case.to_string())?,
            };
            reviews::keep(conn, JOB, &[&review])?;
            let one = listed::without_worker(conn, JOB, 1)?;
            reviews::end(conn, JOB, &["2"])?;
            Ok((one, listed::without_worker(conn, JOB, 1)?))
        })
        .await;
        let anchors = |(count, some): (i64, Vec<Account>)| (count, some[0].anchor.0.clone());
        assert_eq!(anchors(nobodys.0), (1, "D".to_string()));
        assert_eq!(anchors(nobodys.1), (2, "B".to_string()));
        // Whether somebody else has listed something or not.
        write(&store, |conn| listed::clear(conn, JOB)).await;
        assert_eq!((left(JOB).await, left("another").await), ((0, 0), (1, 1)));
        write(&store, |conn| listed::clear(conn, "another")).await;
        assert_eq!(left("another").await, (0, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_units_error_is_its_own_in_a_commit_that_many_share() {
    on_both(async |store| {
        write(&store, |conn| systems::ensure(conn, "hr")).await;
        let units: Vec<_> = (0..50)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    store
                        .write(move |conn| {
                            uploads::append(conn, "hr", b"", 1, at(0), 1000)?;
                            if number % 2 == 0 {
                                Ok(())
                            } else {
                                Err(muster::error::Error::invalid("no"))
                            }
                        })
                        .await
                })
            })
            .collect();
        let mut done = 0;
        for unit in units {
            done += i64::from(unit.await.unwrap().is_ok());
        }
        assert_eq!(done, 25);
        assert_eq!(store.read(|conn| uploads::waiting(conn, "hr")).await.unwrap(), 25);
    })
    .await;
}

/// What HR says of people is nobody else's to read, and in one file once the gateway has stopped.
#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_database_is_private_and_whole_in_its_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("muster.db");
    let url = format!("sqlite:{}", path.display());
    let location = muster::store::Location::parse(&url.into()).unwrap();
    let store = Store::open(location).await.unwrap();
    write(&store, |conn| {
        settings::keep_first(conn, "key", "a word to look for")
    })
    .await;
    let beside = |end: &str| folder.path().join(format!("muster.db{end}"));
    for file in ["", "-wal", "-shm"] {
        let mode = std::fs::metadata(beside(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "muster.db{file}");
    }
    store.tidy().await.unwrap();
    assert_eq!(std::fs::metadata(beside("-wal")).unwrap().len(), 0);
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.windows(18).any(|window| window == b"a word to look for"));
}

fn batch(id: &str, key: Option<&str>, workers: &[&str]) -> Batch {
    let call = |worker: &&str| Call {
        who: Who {
            worker: Some((*worker).into()),
            principal: None,
        },
        values: BTreeMap::from([(Member::Email, format!("{worker}@example.com"))]),
    };
    Batch {
        id: id.into(),
        client: "hr".into(),
        key: key.map(str::to_string),
        digest: workers.join(" "),
        notify: true,
        calls: workers.iter().map(call).collect(),
    }
}

fn append(conn: &mut Conn, batch: &Batch, now: Timestamp) -> Result<String> {
    callbacks::append(conn, JOB, "directory", batch, now, 1_000)
}

fn names(items: &[Item]) -> Vec<String> {
    items.iter().filter_map(|item| item.who.worker.clone()).collect()
}

fn verdict(status: Fate) -> Verdict {
    Verdict {
        status,
        code: None,
        message: None,
        event: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_key_is_taken_in_once() {
    on_both(async |store| {
        write(&store, |conn| systems::ensure(conn, "directory")).await;
        let send = |batch: Batch| store.write(move |conn| append(conn, &batch, at(0)));
        assert_eq!(send(batch("a", Some("k"), &["1"])).await.unwrap(), "a");
        assert_eq!(
            send(batch("b", Some("k"), &["1"])).await.unwrap(),
            "a",
            "as the first time"
        );
        let other = send(batch("c", Some("k"), &["2"])).await.unwrap_err();
        assert_eq!(
            (other.kind, other.code.as_ref()),
            (Kind::Conflict, "IdempotencyKeyReused")
        );
        assert_eq!(send(batch("d", None, &["1"])).await.unwrap(), "d");
        assert_eq!(send(batch("e", None, &["1"])).await.unwrap(), "e");
        let stranger = Batch {
            client: "somebody else".into(),
            ..batch("f", Some("k"), &["3"])
        };
        assert_eq!(send(stranger).await.unwrap(), "f");
        // Two at once.
        let both = futures::future::join(
            send(batch("g", Some("m"), &["1"])),
            send(batch("h", Some("m"), &["1"])),
        )
        .await;
        assert_eq!(both.0.unwrap(), both.1.unwrap());
        let waiting = store
            .read(|conn| callbacks::waiting(conn, JOB, at(0), 100))
            .await
            .unwrap();
        assert_eq!(waiting.len(), 5);
        assert!(
            store
                .read(|conn| callbacks::find(conn, "another job", "a"))
                .await
                .unwrap()
                .is_none()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_wait_in_order_and_have_one_outcome_each() {
    on_both(async |store| {
        write(&store, |conn| systems::ensure(conn, "directory")).await;
        write(&store, |conn| {
            append(conn, &batch("a", None, &["1", "2", "3"]), at(0))
        })
        .await;
        write(&store, |conn| append(conn, &batch("b", None, &["4"]), at(1))).await;
        let waiting = |now| store.read(move |conn| callbacks::waiting(conn, JOB, now, 3));
        let first = waiting(at(1)).await.unwrap();
        assert_eq!(names(&first), ["1", "2", "3"]);
        // One waits alone.
        let head = first[..1].to_vec();
        write(&store, move |conn| {
            callbacks::put_off(conn, JOB, &head, at(10), 1)
        })
        .await;
        assert_eq!(names(&waiting(at(10)).await.unwrap()), ["2", "3", "4"]);
        let again = |now| store.read(move |conn| callbacks::retried(conn, JOB, now, 3));
        assert!(again(at(9)).await.unwrap().is_empty());
        assert_eq!(names(&again(at(10)).await.unwrap()), ["1"]);
        // All wait.
        let are_due = |now| store.read(move |conn| callbacks::are_due(conn, JOB, now));
        write(&store, |conn| callbacks::put_off_all(conn, JOB, at(5), 1)).await;
        assert_eq!(
            (are_due(at(4)).await.unwrap(), are_due(at(5)).await.unwrap()),
            (false, true)
        );

        let places: Vec<Place> = first
            .iter()
            .map(|item| Place {
                sequence: item.sequence,
                position: item.position,
                anchor: format!("id-{}", item.position),
                received: 0,
            })
            .collect();
        let laid = first.iter().map(|item| {
            let mut item = item.clone();
            item.anchor = Some(format!("id-{}", item.position));
            item
        });
        let laid: Vec<Item> = laid.collect();
        write(&store, move |conn| callbacks::lay_over(conn, JOB, &laid)).await;
        assert_eq!(
            names(&waiting(at(10)).await.unwrap()),
            ["4"],
            "only the other batch"
        );
        let pending = store
            .read(|conn| uploads::pending(conn, JOB, &["id-1"]))
            .await
            .unwrap();
        assert_eq!(pending.len(), 1);
        let since = |sequence| store.read(move |conn| callbacks::laid_since(conn, JOB, &["id-1"], sequence));
        let sequence = first[0].sequence;
        assert_eq!(names(&since(sequence).await.unwrap()), ["2"]);
        assert!(since(sequence + 1).await.unwrap().is_empty());
        let settle = |fates: [Fate; 3], now| {
            let places = places.clone();
            store.write(move |conn| {
                let items = callbacks::awaiting(conn, JOB, &places, &["id-0", "id-1", "id-2"])?;
                let settled: Vec<(&Item, Verdict)> = items.iter().zip(fates.map(verdict)).collect();
                callbacks::settle(conn, JOB, &settled, now)
            })
        };
        let told = settle([Fate::Success, Fate::Pending, Fate::Failure], at(20))
            .await
            .unwrap();
        assert!(told.is_empty(), "one is pending");
        let (_, items) = store
            .read(|conn| callbacks::find(conn, JOB, "a"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(items[1].verdict.status, Fate::Pending);
        assert!(
            items.iter().all(|item| item.said.is_none()),
            "nobody's address is kept (B33)"
        );
        let (pending, settled) = store
            .read(|conn| {
                Ok((
                    callbacks::awaiting(conn, JOB, &[], &["id-0", "id-1"])?,
                    waiting_count(conn)?,
                ))
            })
            .await
            .unwrap();
        assert_eq!((pending.len(), pending[0].position, settled), (1, 1, 1));
        let told = write(&store, move |conn| {
            callbacks::settle(conn, JOB, &[(&pending[0], verdict(Fate::Success))], at(30))
        })
        .await;
        assert_eq!(told, ["a"]);
        write(&store, |conn| callbacks::expire(conn, at(31), &[JOB])).await;
        assert!(
            store
                .read(|conn| callbacks::find(conn, JOB, "a"))
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            store
                .read(|conn| callbacks::find(conn, JOB, "b"))
                .await
                .unwrap()
                .is_some(),
            "nobody answered for it"
        );
    })
    .await;
}

fn waiting_count(conn: &mut Conn) -> Result<usize> {
    Ok(callbacks::waiting(conn, JOB, at(100), 100)?.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_callbacks_wait() {
    on_both(async |store| {
        write(&store, |conn| systems::ensure(conn, "directory")).await;
        let send = |batch: Batch| {
            store.write(move |conn| callbacks::append(conn, JOB, "directory", &batch, at(0), 3))
        };
        send(batch("a", None, &["1", "2"])).await.unwrap();
        let refused = send(batch("b", Some("k"), &["3", "4"])).await.unwrap_err();
        assert_eq!(refused.kind, Kind::TooMany);
        send(batch("c", None, &["3"])).await.unwrap();
        // What HR keeps pending waits for HR, and makes room; so does an outcome, once.
        for fate in [Fate::Pending, Fate::Success] {
            let settle = move |conn: &mut Conn| {
                let item = callbacks::find(conn, JOB, "c")?.unwrap().1.remove(0);
                callbacks::settle(conn, JOB, &[(&item, verdict(fate))], at(1))
            };
            write(&store, settle).await;
        }
        assert_eq!(
            send(batch("d", None, &["5", "6"])).await.unwrap_err().kind,
            Kind::TooMany
        );
        assert_eq!(
            send(batch("b", Some("k"), &["3"])).await.unwrap(),
            "b",
            "nothing is left of the refused one"
        );
        assert_eq!(
            send(batch("e", None, &["5"])).await.unwrap_err().kind,
            Kind::TooMany
        );
        let settle_all = |conn: &mut Conn| {
            for id in ["a", "b"] {
                let items = callbacks::find(conn, JOB, id)?.unwrap().1;
                let settled: Vec<_> = items.iter().map(|item| (item, verdict(Fate::Skipped))).collect();
                callbacks::settle(conn, JOB, &settled, at(1))?;
            }
            Ok(())
        };
        write(&store, settle_all).await;
        send(batch("f", None, &["1", "2", "3", "4"]))
            .await
            .expect("one that is larger comes alone");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_vain_is_found_and_what_is_nobodys_is_forgotten() {
    on_both(async |store| {
        write(&store, |conn| systems::ensure(conn, "directory")).await;
        for (id, second) in [("a", 0), ("b", 10)] {
            let append = move |conn: &mut Conn| append(conn, &batch(id, None, &["1", "2"]), at(second));
            write(&store, append).await;
        }
        let overdue = |now| store.read(move |conn| callbacks::overdue(conn, now, 10));
        assert!(overdue(at(0)).await.unwrap().is_empty());
        let old = callbacks::by_job(overdue(at(1)).await.unwrap());
        assert_eq!((old.len(), old[JOB].len()), (1, 1));
        let sequences = old[JOB].clone();
        let settle = move |conn: &mut Conn| {
            callbacks::lock(conn, JOB)?;
            let open = callbacks::open(conn, JOB, &sequences)?;
            let settled: Vec<_> = open.iter().map(|item| (item, verdict(Fate::Failure))).collect();
            let told = callbacks::settle(conn, JOB, &settled, at(20))?;
            Ok((told, settled.len(), callbacks::open(conn, JOB, &sequences)?.len()))
        };
        assert_eq!(write(&store, settle).await, (vec!["a".to_string()], 2, 0));
        assert_eq!(overdue(at(100)).await.unwrap().len(), 1, "the other");
        let is_there =
            |id: &'static str| store.read(move |conn| Ok(callbacks::find(conn, JOB, id)?.is_some()));
        let expire = |jobs: &'static [&str]| store.write(move |conn| callbacks::expire(conn, at(15), jobs));
        assert!(!expire(&["another", JOB]).await.unwrap());
        assert!(is_there("a").await.unwrap(), "it was complete later");
        expire(&["another"]).await.unwrap();
        assert!(
            !is_there("a").await.unwrap(),
            "it was taken in before, and nobody can ask for it"
        );
        assert!(is_there("b").await.unwrap(), "it has no outcome");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_written_again_is_read_back_again() {
    on_both(async |store| {
        let ask = |anchors: &'static [&str], now| {
            store.write(move |conn| asked::ask(conn, "directory", anchors, now))
        };
        ask(&["1", "2"], at(0)).await.unwrap();
        ask(&["3"], at(1)).await.unwrap();
        let due = store
            .read(|conn| asked::due(conn, "directory", at(1), 10))
            .await
            .unwrap();
        ask(&["2"], at(2)).await.unwrap();
        write(&store, move |conn| asked::answered(conn, "directory", &due)).await;
        let left = store
            .read(|conn| asked::due(conn, "directory", at(3), 10))
            .await
            .unwrap();
        let left: Vec<_> = left.iter().map(|one| (one.anchor.as_str(), one.since)).collect();
        assert_eq!(left, [("2", at(2))]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_delivered_by_one_at_a_time() {
    on_both(async |store| {
        write(&store, |conn| notices::add(conn, "msg_1", "test", "{}", at(0))).await;
        let take = |now, until| store.write(move |conn| notices::take(conn, now, until));
        let notice = take(at(0), at(60)).await.unwrap().unwrap();
        assert!(take(at(59), at(119)).await.unwrap().is_none());
        assert!(
            take(at(60), at(120)).await.unwrap().is_some(),
            "whoever had it died"
        );
        write(&store, move |conn| notices::put_off(conn, &notice, at(200))).await;
        assert!(!store.read(|conn| notices::are_due(conn, at(199))).await.unwrap());
        assert_eq!(take(at(200), at(260)).await.unwrap().unwrap().attempts, 1);
        write(&store, |conn| notices::end(conn, "msg_1")).await;
        assert!(take(at(900), at(960)).await.unwrap().is_none());
        write(&store, |conn| notices::add(conn, "msg_2", "test", "{}", at(0))).await;
        write(&store, |conn| notices::expire(conn, at(1))).await;
        assert!(
            take(at(900), at(960)).await.unwrap().is_none(),
            "nobody delivers any more"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_is_lent_while_nobody_reads_it() {
    on_both(async |store| {
        for id in ["a", "b"] {
            let job = Job {
                id: id.into(),
                ..job("directory", "hr")
            };
            write(&store, move |conn| jobs::take_in(conn, &job)).await;
            write(&store, move |conn| jobs::lease(conn, id, "us", at(0), at(30))).await;
        }
        let hour = SignedDuration::from_hours(1);
        let lend =
            |job: &'static str, now| store.write(move |conn| pulls::lend(conn, "directory", (job, 1), now));
        let give_back =
            |job: &'static str| store.write(move |conn| pulls::give_back(conn, "directory", (job, 1)));
        let is_due = |now| store.read(move |conn| pulls::is_due(conn, "directory", hour, now));
        assert!(lend("a", at(0)).await.unwrap());
        assert!(!lend("b", at(1)).await.unwrap() && !is_due(at(1)).await.unwrap());
        give_back("b").await.unwrap();
        assert!(!lend("b", at(1)).await.unwrap(), "it is not his to give");
        give_back("a").await.unwrap();
        assert!(is_due(at(1)).await.unwrap(), "nobody has read it yet");
        let claimed = write(&store, move |conn| {
            pulls::claim(conn, "directory", hour, ("b", 1), at(1), at(1))
        })
        .await;
        assert!(claimed.is_some() && !lend("a", at(2)).await.unwrap());
        // The reader's lease ran out in the middle.
        write(&store, |conn| jobs::lease(conn, "a", "us", at(31), at(90))).await;
        let lent = write(&store, |conn| pulls::lend(conn, "directory", ("a", 2), at(31))).await;
        assert!(lent);
        write(&store, |conn| pulls::give_back(conn, "directory", ("a", 2))).await;
        assert!(is_due(at(32)).await.unwrap(), "what broke off is read again");
    })
    .await;
}

fn allowance(id: &str, action: Action, most: u64, until: i64) -> Allowance {
    Allowance {
        id: id.into(),
        action,
        most,
        used: 0,
        given: at(0),
        until: at(until),
        ended: None,
        by: "ada".into(),
        reason: "a merger".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b17_allowances_are_live_until_they_are_used_up_or_over() {
    on_both(async |store| {
        let given = [
            allowance("1", Action::Disable, 3, 100),
            allowance("2", Action::Overwrite("title".into()), 3, 50),
        ];
        let kept = given.clone();
        write(&store, move |conn| allowances::give(conn, JOB, &kept)).await;
        let live = async |now| {
            let live = store.read(move |conn| allowances::live(conn, JOB, at(now)));
            let live = live.await.unwrap().into_iter();
            live.map(|one| (one.id, one.used)).collect::<Vec<_>>()
        };
        let found = store.read(|conn| allowances::find(conn, JOB, "2")).await.unwrap();
        assert_eq!(found.as_ref(), Some(&given[1]));
        assert_eq!(
            live(0).await,
            [("2".into(), 0), ("1".into(), 0)],
            "what ends first in front"
        );
        assert_eq!(live(50).await, [("1".into(), 0)]);
        assert!(
            store
                .read(|conn| allowances::live(conn, "other", at(0)))
                .await
                .unwrap()
                .is_empty()
        );
        write(&store, |conn| allowances::spend(conn, JOB, "1", 2)).await;
        assert_eq!(live(60).await, [("1".into(), 2)]);
        write(&store, |conn| allowances::spend(conn, JOB, "1", 1)).await;
        assert!(live(60).await.is_empty(), "used up");
        let open = store.read(|conn| allowances::open(conn, JOB)).await.unwrap();
        assert_eq!(open.len(), 2, "nobody noted that they are over");
        assert!(write(&store, |conn| allowances::end(conn, JOB, "2", at(70))).await);
        assert!(
            !write(&store, |conn| allowances::end(conn, JOB, "2", at(80))).await,
            "once"
        );
        write(&store, |conn| allowances::expire(conn, at(71))).await;
        assert!(
            store
                .read(|conn| allowances::find(conn, JOB, "2"))
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            store
                .read(|conn| allowances::find(conn, JOB, "1"))
                .await
                .unwrap()
                .is_some()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b26_a_change_that_was_sent_knows_its_allowance() {
    on_both(async |store| {
        let sent = |worker: &str, allowed: changes::Allowed| changes::Sent {
            change: Change {
                id: uuid::Uuid::now_v7(),
                worker: worker.into(),
                account: None,
                effects: vec![Effect::Disable],
            },
            endpoint: "dc1".into(),
            plan: uuid::Uuid::nil(),
            policy: 1,
            allowed,
            at: at(0),
        };
        let under = BTreeMap::from([
            (Action::Disable, "7".to_string()),
            (Action::Overwrite("a:b".into()), "8".to_string()),
        ]);
        let both = [sent("a", under.clone()), sent("b", BTreeMap::new())];
        write(&store, move |conn| {
            changes::mark_sent(conn, JOB, "cycle", 1, &both.each_ref())
        })
        .await;
        let unknown = store
            .read(|conn| changes::unknown(conn, JOB, &["a", "b"]))
            .await
            .unwrap();
        let of = |worker: &str| unknown.iter().find(|one| one.change.worker == worker).unwrap();
        assert_eq!(of("a").allowed, under);
        assert!(of("b").allowed.is_empty());
        let all = store.read(|conn| changes::unanswered(conn, JOB)).await.unwrap();
        assert_eq!(all.iter().filter(|(_, allowed)| *allowed == under).count(), 1);
        assert_eq!(all.len(), 2);
    })
    .await;
}

/// Whoever had the job before and died may have sent all of it until just now.
#[tokio::test(flavor = "multi_thread")]
async fn b26_what_somebody_else_left_was_sent_until_just_now() {
    on_both(async |store| {
        // Numbers of changes tell nothing of their order; those of plans do.
        let sent = [2, 1].map(|number| changes::Sent {
            change: Change {
                id: uuid::Uuid::from_u128(number),
                worker: "a".into(),
                account: None,
                effects: vec![Effect::Disable],
            },
            endpoint: "dc1".into(),
            plan: uuid::Uuid::now_v7(),
            policy: 1,
            allowed: BTreeMap::new(),
            at: at(1),
        });
        write(&store, move |conn| {
            changes::mark_sent(conn, JOB, "cycle", 1, &sent.each_ref())?;
            changes::leave_all(conn, OTHER, at(20))?;
            changes::leave_all(conn, JOB, at(10))
        })
        .await;
        let unknown = store
            .read(|conn| changes::unknown(conn, JOB, &["a"]))
            .await
            .unwrap();
        let known = unknown.iter().map(|sent| (sent.change.id.as_u128(), sent.at));
        assert_eq!(known.collect::<Vec<_>>(), [(2, at(10)), (1, at(10))]);
    })
    .await;
}

/// The account of a link that ends is gone; the next one may be on its way.
#[tokio::test(flavor = "multi_thread")]
async fn b8_b26_a_link_that_ends_leaves_the_claim_to_what_is_being_made() {
    on_both(async |store| {
        let keys = [Key::account(&Anchor("A".into())), Key::value("employeeID", "1")];
        let asked = keys.clone();
        write(&store, move |conn| {
            systems::ensure(conn, "corp")?;
            let claim = |key: &Key| Claim {
                key: key.clone(),
                worker: "1".into(),
                instead_of: None,
                waits: false,
            };
            links::insert(conn, JOB, &[link("1", "A")])?;
            owners::claim(conn, "corp", JOB, &keys.each_ref().map(claim), at(0))?;
            links::delete(conn, JOB, "1")
        })
        .await;
        let left = store
            .read(move |conn| owners::of(conn, "corp", OTHER, &asked))
            .await
            .unwrap();
        let left: Vec<Key> = left.into_iter().map(|owner| owner.key).collect();
        assert_eq!(left, [Key::value("employeeID", "1")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b12_holds_are_found_by_worker_and_by_account() {
    on_both(async |store| {
        let hold = |id: &str, worker: Option<&str>, account: Option<&str>| Hold {
            id: id.into(),
            worker: worker.map(String::from),
            account: account.map(|anchor| HeldAccount {
                anchor: Anchor(anchor.into()),
                address: "CN=Ada".into(),
            }),
            attributes: None,
            disables: false,
            reason: "a claim".into(),
            by: "ada".into(),
            since: at(0),
            until: Until::At(at(10)),
        };
        let kept = [
            hold("1", Some("a"), None),
            hold("2", None, Some("guid")),
            hold("3", Some("b"), None),
        ];
        let all = kept.to_vec();
        write(&store, move |conn| holds::keep(conn, JOB, &all)).await;
        let theirs = hold("4", Some("a"), None);
        let also = theirs.clone();
        write(&store, move |conn| {
            holds::keep(conn, "beside", std::slice::from_ref(&also))
        })
        .await;
        let read = async |unit: fn(&mut Conn) -> Result<Vec<Hold>>| store.read(unit).await.unwrap();
        type Met = Vec<(String, Hold)>;
        let met = async |unit: fn(&mut Conn) -> Result<Met>| store.read(unit).await.unwrap();
        let ours = |at: usize| (JOB.to_string(), kept[at].clone());
        assert_eq!(met(|conn| holds::of(conn, &[JOB], &["a", "c"])).await, [ours(0)]);
        assert_eq!(
            met(|conn| holds::of(conn, &[JOB, "beside"], &["a", "c"])).await,
            [ours(0), ("beside".to_string(), theirs)]
        );
        assert_eq!(
            met(|conn| holds::of_accounts(conn, &["beside", JOB], &["guid", "a"])).await,
            [ours(1)]
        );
        for (jobs, is_any) in [(vec!["other"], false), (vec!["other", "beside"], true)] {
            let any = store.read(move |conn| holds::any(conn, &jobs)).await.unwrap();
            assert_eq!(any, is_any);
        }
        assert_eq!(read(|conn| holds::after(conn, JOB, "1", 1)).await, kept[1..2]);
        assert_eq!(read(|conn| holds::after(conn, JOB, "", 10)).await, kept);
        assert_eq!(store.read(|conn| holds::count(conn, JOB)).await.unwrap(), 3);
        let found = store.read(|conn| holds::find(conn, JOB, "2")).await.unwrap();
        assert_eq!(found.as_ref(), Some(&kept[1]));
        assert!(
            store
                .read(|conn| holds::find(conn, "other", "2"))
                .await
                .unwrap()
                .is_none()
        );
        write(&store, |conn| holds::end(conn, &["1", "2"])).await;
        assert_eq!(read(|conn| holds::after(conn, JOB, "", 10)).await, kept[2..]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_told_newest_first() {
    on_both(async |store| {
        let made = |seconds, about: &str| Decision::released(about.into(), "ada", at(seconds));
        let all = [
            made(1, "first"),
            made(2, "second"),
            made(2, "third"),
            made(9, "later"),
        ];
        let kept = all.to_vec();
        write(&store, move |conn| decisions::keep(conn, JOB, &kept)).await;
        let told = async |limit| {
            let read = store.read(move |conn| decisions::of(conn, JOB, (at(0), at(9)), limit));
            read.await.unwrap()
        };
        assert_eq!(told(10).await, [all[2].clone(), all[1].clone(), all[0].clone()]);
        assert_eq!(told(1).await, all[2..3]);
        write(&store, |conn| decisions::expire(conn, at(2))).await;
        assert_eq!(told(10).await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b17_what_hr_said_before_a_hold_is_remembered() {
    on_both(async |store| {
        let inputs = |value: &str| Inputs::from([("Status".to_string(), value.to_string())]);
        let keep = async |worker: &'static str, news: News| {
            write(&store, move |conn| {
                state_inputs::keep(conn, JOB, &[(worker, &news)])
            })
            .await;
        };
        keep("a", News::Active(inputs("A"))).await;
        keep("a", News::Held(inputs(""))).await;
        keep("b", News::Held(inputs("T"))).await;
        keep("c", News::Active(inputs("A"))).await;
        let turned = async || {
            store
                .read(|conn| state_inputs::turned(conn, JOB, 10))
                .await
                .unwrap()
        };
        assert!(turned().await.is_empty(), "nothing is held of anybody");
        write(&store, |conn| {
            guard::hold(conn, JOB, "a", &[Action::Disable], at(0))
        })
        .await;
        write(&store, |conn| {
            guard::hold(conn, JOB, "b", &[Action::Delete], at(0))
        })
        .await;
        write(&store, |conn| {
            guard::hold(conn, JOB, "c", &[Action::Enable], at(0))
        })
        .await;
        let expected = [
            Turn {
                before: Some(inputs("A")),
                now: inputs(""),
            },
            Turn {
                before: None,
                now: inputs("T"),
            },
        ];
        assert_eq!(turned().await, expected);
        keep("a", News::Active(inputs("A"))).await;
        assert_eq!(turned().await, expected[1..], "HR took it back");
        keep("b", News::Over).await;
        assert!(turned().await.is_empty());
        let held_by = store.read(|conn| guard::held_by(conn, JOB, &[Action::Disable, Action::Delete]));
        assert_eq!(held_by.await.unwrap(), ["a", "b"]);
        assert_eq!(
            write(&store, |conn| guard::release_worker(conn, JOB, "a")).await,
            1
        );
        assert_eq!(
            write(&store, |conn| guard::release(
                conn,
                JOB,
                &[Action::Disable, Action::Delete]
            ))
            .await,
            1
        );
        write(&store, |conn| state_inputs::clear(conn, JOB)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_is_judged_by_people() {
    on_both(async |store| {
        let refused = |worker: String| Escrow {
            worker,
            code: "InsufficientRights".into(),
            reason: "the directory refuses it".into(),
            attempts: 1,
            next: None,
        };
        write(&store, move |conn| {
            jobs::take_in(conn, &job("hr", "corp"))?;
            for number in 0..4_999 {
                escrows::keep(conn, JOB, &refused(format!("e{number}")), at(100))?;
            }
            let linked = (0..20).map(|number| link(&format!("l{number}"), &format!("a{number}")));
            let both = [link("e0", "b0"), link("e1", "b1")];
            links::insert(conn, JOB, &linked.chain(both).collect::<Vec<_>>())
        })
        .await;
        let measure = async || {
            let read = |conn: &mut Conn| {
                Ok((
                    quarantine::standing(conn, JOB)?,
                    quarantine::since(conn, JOB, at(100))?,
                ))
            };
            store.read(read).await.unwrap()
        };
        assert_eq!(measure().await, Default::default(), "too few to be judged");
        write(&store, move |conn| {
            // The same person twice is one, and the first refusal says since when.
            escrows::keep(conn, JOB, &refused("e4998".into()), at(200))?;
            escrows::keep(conn, JOB, &refused("e4999".into()), at(99))?;
            let pending = Pending {
                attribute: "manager".into(),
                to: "nobody".into(),
                why: Absence::default(),
            };
            let waits = ["l1", "l2"].map(|worker| links::Waits {
                worker,
                pending: &pending,
                is_told: false,
            });
            links::wait_for(conn, JOB, &["l1", "l2"], &waits, at(0))?;
            let entry = |number: i64, source: &str, status: &str, when| Entry {
                id: format!("q{number}"),
                at: at(when),
                app: "app".into(),
                job: JOB.into(),
                cycle: "cycle".into(),
                change: "change".into(),
                source: source.into(),
                action: "update".into(),
                status: status.into(),
                body: "{}".into(),
            };
            let entries = [
                entry(1, "l1", "success", 100),
                entry(2, "l1", "success", 101),
                entry(3, "l2", "success", 99),
                entry(4, "l3", "failure", 102),
                entry(5, "l4", "success", 103),
            ];
            logs::append(conn, &entries)
        })
        .await;
        let (standing, day) = measure().await;
        let expected = Volume {
            refused: 5_000,
            references: 2,
            served: 20,
        };
        assert_eq!(standing, expected);
        assert_eq!(day, Volume::default(), "one of them was refused before");
        write(&store, move |conn| {
            escrows::keep(conn, JOB, &refused("e5000".into()), at(150))
        })
        .await;
        let expected = Volume {
            refused: 5_000,
            references: 0,
            served: 2,
        };
        assert_eq!(measure().await.1, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_and_who_has_a_date_do_not_wait_behind_what_hr_says() {
    on_both(async |store| {
        write(&store, |conn| {
            jobs::take_in(conn, &job("hr", "corp"))?;
            wakes::wake(conn, JOB, &["dated"], at(5), Cause::Revisit)?;
            wakes::wake(conn, JOB, &["full"], at(0), Cause::Full)?;
            let said: Vec<String> = (0..10).map(|number| format!("said{number}")).collect();
            let said: Vec<_> = said.iter().map(|anchor| (anchor.as_str(), Move::Stays)).collect();
            wakes::heard(conn, JOB, &said, at(6))?;
            let leave = [("leaver", Move::Leaves), ("stays", Move::Leaves)];
            wakes::heard(conn, JOB, &leave, at(9))?;
            // Taken back before anybody looked.
            wakes::heard(conn, JOB, &[("stays", Move::Begins)], at(9))
        })
        .await;
        let due = async |limit: usize| {
            let read = move |conn: &mut Conn| wakes::due(conn, JOB, at(10), &HashSet::new(), limit, 100);
            store.read(read).await.unwrap()
        };
        let names = |wakes: &[wakes::Wake]| wakes.iter().map(|one| one.anchor.clone()).collect::<Vec<_>>();
        let first = due(4).await;
        assert_eq!(names(&first), ["leaver"]);
        // A target that does not answer leaves the order as it is.
        let again = Again {
            due: at(10),
            cause: Cause::Said,
            attempts: 1,
        };
        let leaver = first[0].clone();
        write(&store, move |conn| wakes::put_off(conn, JOB, &leaver, &again)).await;
        let first = due(4).await;
        assert_eq!(names(&first), ["leaver"]);
        write(&store, move |conn| {
            wakes::end(conn, JOB, &first.iter().collect::<Vec<_>>())
        })
        .await;
        assert_eq!(names(&due(4).await), ["dated", "said0", "said1", "said2"]);
        assert_eq!(
            due(100).await.len(),
            11,
            "who has a date comes next where not many wait"
        );

        // In quarantine they are put off, and come back when it ends; nobody else does.
        let put_off = due(100).await;
        write(&store, move |conn| {
            wakes::defer(conn, JOB, &put_off.iter().collect::<Vec<_>>(), at(5_000))?;
            wakes::heard(conn, JOB, &[("said3", Move::Stays)], at(10))?;
            wakes::wake(conn, JOB, &["later"], at(6_000), Cause::Revisit)
        })
        .await;
        let but_full = async || {
            let read = |conn: &mut Conn| wakes::due_but_full(conn, JOB, at(10), &HashSet::new(), 100);
            names(&store.read(read).await.unwrap())
        };
        assert_eq!(but_full().await, ["said3"], "HR spoke again");
        write(&store, |conn| wakes::bring_forward(conn, JOB, at(5_000), at(10))).await;
        assert_eq!(but_full().await.len(), 11);

        // A clock that is put back makes nobody wait who was due before.
        let early = async || {
            let read = |conn: &mut Conn| wakes::due(conn, JOB, at(3), &HashSet::new(), 100, 100);
            names(&store.read(read).await.unwrap()).len()
        };
        assert_eq!(early().await, 1, "only the full cycle's");
        write(&store, |conn| wakes::bring_back(conn, JOB, at(10), at(3))).await;
        assert_eq!(early().await, 11);
    })
    .await;
}

/// What happens to somebody's wake.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Heard(Move),
    Woken(Cause),
    Everybody,
    /// The worker is looked at, and the target does not answer.
    Silence,
    /// The worker is looked at, and begins or leaves in so many days.
    Date(i64),
}

fn happens(conn: &mut Conn, what: Happens, now: Timestamp) -> Result<()> {
    let put_off = |conn: &mut Conn, days: Option<i64>| {
        let due = wakes::due(conn, JOB, now, &HashSet::new(), 10, 10)?;
        let wake = due.into_iter().find(|wake| wake.anchor == "a").unwrap();
        let (wait, cause) = match days {
            Some(days) => (SignedDuration::from_hours(24 * days), Cause::Turn),
            None => (SignedDuration::from_secs(60), wake.cause),
        };
        let again = Again {
            due: now + wait,
            cause,
            attempts: wake.attempts + 1,
        };
        wakes::put_off(conn, JOB, &wake, &again)
    };
    match what {
        Happens::Heard(moves) => wakes::heard(conn, JOB, &[("a", moves)], now),
        Happens::Woken(cause) => wakes::wake(conn, JOB, &["a"], now, cause),
        Happens::Everybody => wakes::wake_all(conn, JOB, "hr", now),
        Happens::Silence => put_off(conn, None),
        Happens::Date(days) => put_off(conn, Some(days)),
    }
}

/// B25: in front of, beside or behind somebody of whom HR says something ordinary.
#[tokio::test(flavor = "multi_thread")]
async fn hrs_last_word_alone_decides_who_goes_before_everybody_else() {
    use Happens::{Date, Everybody, Heard, Silence, Woken};
    const IN_FRONT: &[&str] = &["a"];
    const BESIDE: &[&str] = &["a", "ordinary"];
    const BEHIND: &[&str] = &["ordinary"];
    const LEAVES: Happens = Heard(Move::Leaves);
    const BEGINS: Happens = Heard(Move::Begins);
    const STAYS: Happens = Heard(Move::Stays);
    #[rustfmt::skip]
    const STORIES: &[(&[Happens], &[&str])] = &[
        (&[LEAVES],                                                     IN_FRONT),
        (&[Heard(Move::Soon)],                                          IN_FRONT),
        (&[BEGINS],                                                     IN_FRONT),
        (&[STAYS],                                                      BESIDE),
        (&[Everybody],                                                  BEHIND),
        (&[Woken(Cause::Retry), LEAVES],                                IN_FRONT),
        (&[Everybody, BEGINS],                                          IN_FRONT),
        (&[Everybody, STAYS],                                           BESIDE),
        // Other news neither earns a place in front nor costs it.
        (&[LEAVES, STAYS],                                              IN_FRONT),
        (&[BEGINS, STAYS, STAYS],                                       IN_FRONT),
        // What is taken back is not urgent; a leave always is.
        (&[LEAVES, BEGINS],                                             BESIDE),
        (&[BEGINS, LEAVES],                                             IN_FRONT),
        (&[LEAVES, BEGINS, LEAVES],                                     IN_FRONT),
        // Nor do other causes, though the target did not answer meanwhile.
        (&[LEAVES, Silence, STAYS],                                     IN_FRONT),
        (&[LEAVES, Silence, Everybody],                                 IN_FRONT),
        (&[BEGINS, Silence, Woken(Cause::Reference)],                   IN_FRONT),
        (&[LEAVES, Silence, Woken(Cause::Retry), Everybody, STAYS],     IN_FRONT),
        (&[STAYS, Silence, Everybody],                                  BESIDE),
        (&[STAYS, Woken(Cause::Held)],                                  BESIDE),
        (&[Woken(Cause::Held), Everybody],                              BEHIND),
        // A date that is near keeps its place, one that is far earns none.
        (&[STAYS, Date(3), STAYS],                                      IN_FRONT),
        (&[STAYS, Date(3), Everybody],                                  IN_FRONT),
        (&[STAYS, Date(3), BEGINS],                                     IN_FRONT),
        (&[STAYS, Date(300), STAYS],                                    BESIDE),
        (&[STAYS, Date(300), Everybody],                                BEHIND),
    ];
    on_both(async |store| {
        write(&store, |conn| systems::ensure(conn, "hr")).await;
        write(&store, |conn| uploads::append(conn, "hr", b"", 2, at(0), 100)).await;
        write(&store, |conn| {
            uploads::fold(conn, "hr", &fold(&[1], &["a", "ordinary"]), at(1))
        })
        .await;
        for &(story, expected) in STORIES {
            let found = write(&store, move |conn| {
                let due = |conn: &mut Conn| wakes::due(conn, JOB, at(100), &HashSet::new(), 10, 10);
                loop {
                    let before = due(conn)?;
                    if before.is_empty() {
                        break;
                    }
                    wakes::end(conn, JOB, &before.iter().collect::<Vec<_>>())?;
                }
                wakes::heard(conn, JOB, &[("ordinary", Move::Stays)], at(2))?;
                for (seconds, what) in (10..).zip(story) {
                    happens(conn, *what, at(seconds))?;
                }
                Ok(due(conn)?.into_iter().map(|wake| wake.anchor).collect::<Vec<_>>())
            })
            .await;
            let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
            assert_eq!(found, expected.iter().copied().collect(), "{story:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_of_a_clock_that_was_put_back_binds_nobody() {
    on_both(async |store| {
        write(&store, |conn| jobs::take_in(conn, &job("hr", "corp")).map(drop)).await;
        let lease = async |now, until| {
            write(&store, move |conn| {
                jobs::lease(conn, JOB, "one", at(now), at(until))
            })
            .await
        };
        let day = 24 * 3_600;
        assert!(lease(day, day + 30).await.is_some());
        assert!(lease(day, day + 30).await.is_none(), "somebody holds it");
        assert!(
            lease(day - 20, day).await.is_none(),
            "a clock may be off by seconds"
        );
        assert!(lease(1, 31).await.is_some(), "nobody holds a lease for a day");
    })
    .await;
}

const OTHER: &str = "other";

#[tokio::test(flavor = "multi_thread")]
async fn what_one_job_owns_no_other_takes_until_that_lets_go() {
    on_both(async |store| {
        let claim = |key: &Key, worker: &str, instead_of: Option<&str>| Claim {
            key: key.clone(),
            worker: worker.into(),
            instead_of: instead_of.map(String::from),
            waits: false,
        };
        let (account, value) = (Key::account(&Anchor("A".into())), Key::value("employeeID", "Ä1"));
        let make = async |job: &'static str, claims: Vec<Claim>, now: i64| {
            write(&store, move |conn| {
                owners::claim(conn, "corp", job, &claims, at(now))
            })
            .await
        };
        write(&store, |conn| systems::ensure(conn, "corp")).await;
        write(&store, |conn| systems::lock(conn, "corp")).await;
        assert!(
            make(JOB, vec![claim(&account, "1", None), claim(&value, "1", None)], 1)
                .await
                .is_empty()
        );
        let lost = make(
            OTHER,
            vec![
                claim(&account, "1", None),
                claim(&Key::value("mail", "Ä1"), "1", None),
            ],
            2,
        )
        .await;
        assert_eq!(lost, HashSet::from([account.clone()]), "the other value is free");
        let lost = write(&store, |conn| {
            let claim = Claim {
                key: Key::account(&Anchor("A".into())),
                worker: "1".into(),
                instead_of: None,
                waits: false,
            };
            owners::claim(conn, "another domain", OTHER, &[claim], at(2))
        })
        .await;
        assert!(
            lost.is_empty(),
            "the same anchor in another system is another account"
        );

        let owner = async |asks: &'static str| {
            let key = Key::account(&Anchor("A".into()));
            let found = store
                .read(move |conn| owners::of(conn, "corp", asks, std::slice::from_ref(&key)))
                .await
                .unwrap();
            found
                .into_iter()
                .map(|one| (one.job, one.worker, one.stands))
                .collect::<Vec<_>>()
        };
        let is = |job: &str, worker: &str, stands| vec![(job.to_string(), worker.to_string(), stands)];
        assert_eq!(
            owner(OTHER).await,
            is(JOB, "1", false),
            "nothing stands behind it"
        );
        write(&store, |conn| {
            links::insert(conn, JOB, std::slice::from_ref(&link("1", "A")))
        })
        .await;
        assert_eq!(owner(OTHER).await, is(JOB, "1", true));
        let since = async |job: &'static str| {
            let accounts = [Anchor("A".into())];
            store
                .read(move |conn| owners::since(conn, "corp", job, &accounts))
                .await
                .unwrap()
        };
        assert_eq!(since(JOB).await, [(Anchor("A".into()), at(1))]);
        assert!(since(OTHER).await.is_empty());

        // The account goes along with its person, and to another job where that one lets go.
        assert!(make(JOB, vec![claim(&account, "2", None)], 3).await.is_empty());
        assert_eq!(owner(JOB).await, is(JOB, "2", true));
        assert!(
            make(OTHER, vec![claim(&account, "1", Some("a third"))], 4)
                .await
                .contains(&account),
            "who took it meanwhile is somebody else"
        );
        assert!(
            make(OTHER, vec![claim(&account, "1", Some(JOB))], 5)
                .await
                .is_empty()
        );
        let taken = claim(&account, "2", None);
        write(&store, move |conn| {
            owners::take(conn, "corp", JOB, std::slice::from_ref(&taken), at(6))
        })
        .await;
        assert_eq!(owner(OTHER).await, is(JOB, "2", true), "the job made it");

        // What ends a link ends what was owned by it.
        write(&store, |conn| {
            links::insert(conn, JOB, std::slice::from_ref(&link("2", "Z")))?;
            links::delete(conn, JOB, "2")
        })
        .await;
        assert_eq!(owner(OTHER).await, []);
        assert_eq!(
            make(OTHER, vec![claim(&value, "9", None)], 7).await,
            HashSet::from([value.clone()])
        );
        // Of an account that was made just now others may not know yet.
        write(&store, |conn| owners::finish(conn, JOB, &["1"], at(8))).await;
        let asked = value.clone();
        let made = store
            .read(move |conn| owners::of(conn, "corp", OTHER, std::slice::from_ref(&asked)))
            .await
            .unwrap();
        assert_eq!((made[0].since, made[0].stands), (at(8), false));
        write(&store, |conn| owners::expire(conn, at(8))).await;
        assert!(!make(OTHER, vec![claim(&value, "9", None)], 8).await.is_empty());
        write(&store, |conn| owners::expire(conn, at(9))).await;
        assert!(make(OTHER, vec![claim(&value, "9", None)], 9).await.is_empty());
        write(&store, |conn| links::clear(conn, OTHER)).await;
        assert!(make(JOB, vec![claim(&value, "1", None)], 9).await.is_empty());
    })
    .await;
}

/// Whoever is disabling an account for a record that has ended finishes that first.
#[tokio::test(flavor = "multi_thread")]
async fn b20_an_account_that_is_being_written_is_not_inherited() {
    on_both(async |store| {
        let key = Key::account(&Anchor("A".into()));
        let claim = |worker: &str, waits: bool| Claim {
            key: key.clone(),
            worker: worker.into(),
            instead_of: Some(JOB.into()),
            waits,
        };
        let make = async |job: &'static str, claim: Claim| {
            let made = write(&store, move |conn| {
                owners::claim(conn, "corp", job, std::slice::from_ref(&claim), at(1))
            });
            made.await.is_empty()
        };
        assert!(make(JOB, claim("c1", false)).await);
        let sent = changes::Sent {
            change: Change {
                id: uuid::Uuid::now_v7(),
                worker: "c1".into(),
                account: Some(Anchor("A".into())),
                effects: vec![Effect::Disable],
            },
            endpoint: "dc1".into(),
            plan: uuid::Uuid::nil(),
            policy: 1,
            allowed: BTreeMap::new(),
            at: at(1),
        };
        let id = sent.change.id.to_string();
        write(&store, move |conn| {
            changes::mark_sent(conn, JOB, "cycle", 1, &[&sent])
        })
        .await;
        let writes = async || {
            let key = Key::account(&Anchor("A".into()));
            let read = store.read(move |conn| owners::of(conn, "corp", OTHER, std::slice::from_ref(&key)));
            let owner = read.await.unwrap().remove(0);
            (owner.job, owner.stands, owner.writes)
        };
        assert_eq!(writes().await, (JOB.to_string(), true, true));
        assert!(!make(OTHER, claim("e1", true)).await);
        write(&store, move |conn| {
            changes::settle(conn, std::slice::from_ref(&id))
        })
        .await;
        assert_eq!(writes().await, (JOB.to_string(), false, false));
        assert!(make(OTHER, claim("e1", true)).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b8_what_one_job_does_to_an_account_the_others_know() {
    on_both(async |store| {
        write(&store, |conn| {
            for (id, target) in [(JOB, "corp"), (OTHER, "corp"), ("elsewhere", "domain")] {
                let job = Job {
                    id: id.into(),
                    ..job("hr", target)
                };
                jobs::take_in(conn, &job)?;
            }
            for job in [JOB, OTHER, "elsewhere"] {
                let mut all = Vec::new();
                for account in ["A", "B", "C", "D"] {
                    all.push(Link {
                        disabled_by_us: job == OTHER,
                        ..link(account, account)
                    });
                }
                links::insert(conn, job, &all)?;
            }
            let told = [("A", Some(false)), ("B", None), ("C", Some(true))];
            let told = told.map(|(account, enabled)| (Anchor(account.into()), enabled));
            let told: Vec<_> = told
                .iter()
                .map(|(account, enabled)| (account, *enabled))
                .collect();
            links::tell_others(conn, "corp", JOB, &told, at(0))
        })
        .await;
        let known = async |job: &'static str| {
            let links = store.read(move |conn| links::by_workers(conn, job, &["A", "B", "C", "D"]));
            let mut links = links.await.unwrap();
            links.sort_by(|one, other| one.worker.cmp(&other.worker));
            let known = links
                .iter()
                .map(|link| (link.enabled, link.disabled_by_us, link.wanted));
            known.collect::<Vec<_>>()
        };
        assert_eq!(
            known(OTHER).await,
            [
                (Some(false), false, Some(false)),
                (None, false, None),
                (Some(true), false, Some(true)),
                (Some(true), true, None)
            ],
            "B11: of what others did this one says nothing"
        );
        for untouched in [JOB, "elsewhere"] {
            assert_eq!(
                known(untouched).await,
                [(Some(true), false, None); 4],
                "{untouched}"
            );
        }
    })
    .await;
}

/// A look says how the account was when it was looked for, and is recorded later.
#[tokio::test(flavor = "multi_thread")]
async fn b11_an_account_that_was_found_open_is_open_unless_it_was_disabled_since() {
    on_both(async |store| {
        write(&store, |conn| {
            two_jobs(conn)?;
            let disabled = |account, disabled_at: Option<i64>| Link {
                enabled: Some(false),
                disabled_by_us: true,
                disabled_at: disabled_at.map(at),
                ..link(account, account)
            };
            let deleted = Link {
                enabled: None,
                ..disabled("deleted", Some(1))
            };
            let links = [
                disabled("before", Some(10)),
                disabled("since", Some(20)),
                disabled("sometime", None),
                deleted,
            ];
            links::insert(conn, OTHER, &links)?;
            let found = ["before", "since", "sometime", "deleted"];
            let found = found.map(|account| (Anchor(account.into()), at(15)));
            links::tell_open(conn, "corp", JOB, &found.each_ref())
        })
        .await;
        let all = ["before", "since", "sometime", "deleted"];
        let links = store.read(move |conn| links::by_workers(conn, OTHER, &all));
        let links = links.await.unwrap();
        let known = |account: &str| {
            let link = links.iter().find(|link| link.worker == account).unwrap();
            (link.enabled, link.disabled_by_us)
        };
        assert_eq!(known("before"), (Some(true), false));
        assert_eq!(known("sometime"), (Some(true), false));
        assert_eq!(
            known("since"),
            (Some(false), true),
            "the disable is newer than the look"
        );
        assert_eq!(known("deleted"), (None, true), "what is in the bin is not open");
    })
    .await;
}

/// Its making had no answer, and it was enabled before it had one: who disabled it since is not known.
#[tokio::test(flavor = "multi_thread")]
async fn b11_an_account_that_another_job_had_open_was_not_made_disabled() {
    on_both(async |store| {
        write(&store, |conn| {
            two_jobs(conn)?;
            let had = |account, wanted| Link {
                wanted,
                enabled: Some(false),
                ..link(account, account)
            };
            links::insert(conn, OTHER, &[had("open", Some(true)), had("shut", None)])?;
            let made = |account| Link {
                made: true,
                disabled_by_us: true,
                ..had(account, None)
            };
            links::insert(conn, JOB, &["open", "shut", "alone"].map(made))?;
            links::made_shut(conn, "corp", JOB, &["open", "shut", "alone"])
        })
        .await;
        let all = ["open", "shut", "alone"];
        let links = store.read(move |conn| links::by_workers(conn, JOB, &all)).await;
        let links = links.unwrap().into_iter();
        let by_us: BTreeMap<String, bool> = links.map(|link| (link.worker, link.disabled_by_us)).collect();
        let expected = [("alone", true), ("open", false), ("shut", true)];
        assert_eq!(
            by_us,
            expected.map(|(worker, by_us)| (worker.to_string(), by_us)).into()
        );
    })
    .await;
}

/// Two jobs that want the same hundred accounts at once: each is one's.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_jobs_at_once_each_account_has_one_owner() {
    on_both(async |store| {
        write(&store, |conn| systems::ensure(conn, "corp")).await;
        let claim = async |job: &'static str| {
            let claims = (0..100).map(|number| Claim {
                key: Key::account(&Anchor(format!("{number}"))),
                worker: "1".into(),
                instead_of: None,
                waits: false,
            });
            let mut claims: Vec<Claim> = claims.collect();
            if job == OTHER {
                claims.reverse();
            }
            let lost = write(&store, move |conn| {
                systems::lock(conn, "corp")?;
                owners::claim(conn, "corp", job, &claims, at(0))
            });
            lost.await.len()
        };
        let (one, other) = tokio::join!(claim(JOB), claim(OTHER));
        assert_eq!(one + other, 100, "what one lost the other has");
    })
    .await;
}

/// Whoever makes a plan may have another order of anchors than the database.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_plan_come_in_the_order_in_which_they_were_made() {
    on_both(async |store| {
        let read = async |after: &'static str| {
            let page = store.read(move |conn| plans::page(conn, "p", after)).await;
            page.unwrap().map(|(position, _)| position)
        };
        write(&store, |conn| {
            plans::add(conn, "p", 0, "Z1000", &plans::pack(&[])?)?;
            plans::add(conn, "p", 1, "a0200", &plans::pack(&[])?)
        })
        .await;
        assert_eq!(
            (read("").await, read("Z1000").await, read("a0200").await),
            (Some(0), Some(1), None)
        );
    })
    .await;
}

/// B25: whoever is served by hand keeps the place in the queue if it comes to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn wakes_of_named_workers_are_as_they_stand() {
    on_both(async |store| {
        write(&store, |conn| {
            wakes::heard(conn, JOB, &[("1", Move::Leaves), ("3", Move::Stays)], at(0))?;
            let named = wakes::of(conn, JOB, &["1".into(), "2".into()], Cause::Full)?;
            let causes: Vec<Cause> = named.iter().map(|wake| wake.cause).collect();
            assert_eq!(causes, [Cause::Said, Cause::Full]);
            let again = Again {
                due: at(1),
                cause: named[0].cause,
                attempts: 1,
            };
            wakes::put_off(conn, JOB, &named[0], &again)
        })
        .await;
        let due = store.read(|conn| wakes::due(conn, JOB, at(1), &HashSet::new(), 10, 10));
        let due: Vec<String> = due.await.unwrap().into_iter().map(|wake| wake.anchor).collect();
        assert_eq!(due, ["1"], "in front of the others still");
    })
    .await;
}
