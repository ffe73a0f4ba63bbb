//! Nothing of who is forgotten is left where others, and what people decided, mention the person (B9, B12, B17, B33).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use muster::domain::account::Anchor;
use muster::domain::allowance::Allowance;
use muster::domain::callback::{Call, Member, Who};
use muster::domain::decision::Decision;
use muster::domain::guard::Action;
use muster::domain::hold::{HeldAccount, Hold, Until};
use muster::domain::link::Link;
use muster::domain::plan::{Change, Effect, Receipt};
use muster::domain::review::{Case, Standing};
use muster::domain::worker::{Attributes, Said, Statement, Worker};
use muster::store::callbacks::Batch;
use muster::store::changes::Sent;
use muster::store::forgetting::{self, Known};
use muster::store::given::Given;
use muster::store::jobs::{Job, State, Status};
use muster::store::reviews::Review;
use muster::store::workers::Stored;
use muster::store::{
    Conn, allowances, callbacks, changes, decisions, given, holds, jobs, links, plans, reviews, systems,
    wakes, workers,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::store::{link, on_both, write};

const JOB: &str = "job";
const DN: &str = "CN=Adalwolfa Quuxmann,OU=Staff,DC=example,DC=test";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn ada() -> Known {
    Known {
        system: "hr".into(),
        anchor: "ada-10001".into(),
    }
}

fn worker(anchor: &str, name: &str) -> Stored {
    let mut worker = Worker::new(anchor);
    worker.fold(Statement {
        anchor: anchor.into(),
        active: Some(true),
        said: Said::Partial(Attributes::from([("displayName".to_string(), name.into())])),
        at: at(0),
    });
    Stored::new(worker).unwrap()
}

/// Somebody whose manager's account is Ada's.
fn proposal(worker: &str, reason: &str) -> Json {
    json!({
        "worker": worker, "name": null, "situation": "unlinked", "account": format!("guid-of-{worker}"),
        "effects": [{"effect": "refer", "attribute": "manager", "before": null, "after": "guid-of-ada"}],
        "findings": [{"weight": "Warning", "code": "Claimed", "message": reason, "attribute": null}],
    })
}

fn review(worker: &str, standing: Standing, reason: &str) -> Review {
    let mut case = proposal(worker, reason);
    case["inScope"] = true.into();
    Review {
        worker: worker.into(),
        standing,
        apart: false,
        case: serde_json::from_value::<Case>(case).unwrap(),
    }
}

fn hold(id: &str, of_worker: Option<&str>, account: Option<&str>) -> Hold {
    Hold {
        id: id.into(),
        worker: of_worker.map(str::to_string),
        account: account.map(|anchor| HeldAccount {
            anchor: Anchor(anchor.into()),
            address: DN.into(),
        }),
        attributes: None,
        disables: false,
        reason: "Adalwolfa Quuxmann asked for it".into(),
        by: "Operations".into(),
        since: at(0),
        until: Until::Lifted,
    }
}

fn receipt(worker: &str) -> Receipt {
    Receipt {
        change: Uuid::now_v7(),
        account: Anchor(format!("guid-of-{worker}")),
        address: "CN=Somebody".into(),
        endpoint: String::new(),
        done: vec![Effect::Set {
            attribute: "manager".into(),
            before: vec![DN.into()],
            after: vec![],
        }],
        at: at(0),
        event: None,
    }
}

fn fill(conn: &mut Conn) -> muster::error::Result<()> {
    systems::ensure(conn, "hr")?;
    systems::ensure(conn, "ad")?;
    jobs::take_in(
        conn,
        &Job {
            id: JOB.into(),
            app: "app".into(),
            template: "API2AD".into(),
            source: "hr".into(),
            target: "ad".into(),
            state: State::Active,
            created: at(0),
            schema_version: 1,
            status: Status::default(),
        },
    )?;
    let known = [
        worker("ada-10001", "Adalwolfa Quuxmann"),
        worker("ben", "Ben Novak"),
        worker("cyd", "Cyd Baker"),
    ];
    workers::hear(conn, "hr", &known, &[], &[], at(0))?;
    links::insert(
        conn,
        JOB,
        &[link("ada-10001", "guid-of-ada"), link("ben", "guid-of-ben")],
    )?;
    reviews::keep(
        conn,
        JOB,
        &[
            &review("ada-10001", Standing::Withheld, "none"),
            &review("ben", Standing::Released, "taken by Adalwolfa Quuxmann"),
            &review("cyd", Standing::Withheld, "taken by worker ada-10001"),
            &review("dot", Standing::Done, "Adalwolfa Quuxmannova has it"),
        ],
    )?;
    let head = json!({"state": "ready", "hash": "of all"});
    for (id, people) in [("with", ["ada-10001", "ben"]), ("others", ["cyd", "dot"])] {
        plans::begin(conn, id, JOB, at(0), &head)?;
        for (position, who) in (0..).zip(people) {
            let reason = if who == "ben" { DN } else { "none" };
            let mut one = proposal(who, reason);
            if id == "others" {
                one["effects"] = json!([]);
            }
            plans::add(conn, id, position, who, &plans::pack(&[one.to_string()])?)?;
        }
    }
    let kept = [
        hold("1", Some("ada-10001"), None),
        hold("2", None, Some("guid-of-ada")),
        hold("3", Some("ben"), None),
    ];
    holds::keep(conn, JOB, &kept)?;
    decisions::keep(conn, JOB, &kept.each_ref().map(Decision::held))?;
    let allowance = Allowance {
        id: "a".into(),
        action: Action::Disable,
        most: 5,
        used: 0,
        given: at(0),
        until: at(1000),
        ended: None,
        by: "Operations".into(),
        reason: "the team of Adalwolfa Quuxmann leaves".into(),
    };
    allowances::give(conn, JOB, &[allowance])?;
    changes::keep_receipts(conn, JOB, "cycle", &[("ben", &receipt("ben"))])
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_nothing_of_who_is_forgotten_is_left_in_reviews_plans_and_decisions() {
    on_both(async |store| {
        write(&store, fill).await;
        let mentions = write(&store, |conn| {
            let person = BTreeSet::from([ada()]);
            let signs = forgetting::signs(conn, &person)?;
            let erased = forgetting::erase(conn, &ada(), |_, _| None, at(1))?;
            assert_eq!((erased.records, erased.links, erased.plans), (1, 1, 1));
            forgetting::blank(conn, &signs, at(1))
        })
        .await;
        // Three reviews, a plan, a receipt, three decisions, two holds and an allowance.
        assert_eq!(mentions, 11);

        let left = store
            .read(|conn| reviews::after(conn, JOB, "", 10))
            .await
            .unwrap();
        let whom: Vec<&str> = left.iter().map(|one| one.worker.as_str()).collect();
        assert_eq!(whom, ["ben", "cyd", "dot"]);
        let texts: Vec<String> = left
            .iter()
            .map(|one| serde_json::to_string(&one.case).unwrap())
            .collect();
        assert!(texts[0].contains("taken by (forgotten)"), "{}", texts[0]);
        assert!(texts[1].contains("taken by worker (forgotten)"), "{}", texts[1]);
        assert!(
            texts[2].contains("Adalwolfa Quuxmannova has it"),
            "somebody else: {}",
            texts[2]
        );
        assert!(
            texts.iter().all(|text| !text.contains("guid-of-ada")),
            "{texts:?}"
        );
        let woken = store.read(|conn| wakes::count_due(conn, JOB, at(2))).await;
        assert_eq!(woken.unwrap(), 2, "who waits is looked at again");

        let pages = async |id: &'static str| {
            let page = store.read(move |conn| plans::page(conn, id, "")).await.unwrap();
            let (_, body) = page.unwrap();
            let text = serde_json::to_string(&plans::unpack::<Json>(&body).unwrap()).unwrap();
            let head: Option<Json> = store.read(move |conn| plans::find(conn, JOB, id)).await.unwrap();
            (text, head.unwrap()["state"].clone())
        };
        let (text, state) = pages("with").await;
        assert!(
            text.contains("\"ben\"") && !text.contains("guid-of-ada"),
            "{text}"
        );
        assert!(!text.contains("Quuxmann"), "{text}");
        assert_eq!(state, "failed");
        assert_eq!(pages("others").await.1, "ready", "nobody in it was forgotten");

        let held = store.read(|conn| holds::after(conn, JOB, "", 10)).await.unwrap();
        let ids: Vec<&str> = held.iter().map(|hold| hold.id.as_str()).collect();
        assert_eq!(ids, ["2", "3"], "what is held of the account is held still");
        assert_eq!(held[0].account.as_ref().unwrap().address, "(forgotten)");
        let range = (at(-1000), at(1000));
        let decided = store
            .read(move |conn| decisions::of(conn, JOB, range, 10))
            .await
            .unwrap();
        let allowed = store.read(|conn| allowances::open(conn, JOB)).await.unwrap();
        let text = format!("{held:?} {decided:?} {allowed:?}");
        assert_eq!(decided.len(), 3);
        assert!(
            !text.contains("Quuxmann") && !text.contains("ada-10001"),
            "{text}"
        );
        let written = store
            .read(|conn| changes::history(conn, JOB, "ben", 10))
            .await
            .unwrap();
        assert!(!format!("{written:?}").contains("Quuxmann"), "{written:?}");
        assert_eq!(written.len(), 1);
    })
    .await;
}

/// Sent, and never answered for.
fn mark(worker: &str, effects: Vec<Effect>) -> Sent {
    Sent {
        change: Change {
            id: Uuid::now_v7(),
            worker: worker.into(),
            account: None,
            effects,
        },
        endpoint: String::new(),
        plan: Uuid::now_v7(),
        policy: 1,
        allowed: BTreeMap::new(),
        at: at(0),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_what_others_are_told_of_who_is_forgotten_and_what_accounts_have_is_forgotten_too() {
    on_both(async |store| {
        write(&store, fill).await;
        write(&store, |conn| {
            let at_ada = Effect::Refer {
                attribute: "manager".into(),
                before: None,
                after: Some(Anchor("guid-of-ada".into())),
            };
            changes::mark_sent(conn, JOB, "cycle", 1, &[&mark("cyd", vec![at_ada])])?;
            let before = Receipt {
                address: "CN=Elsewhere".into(),
                ..receipt("ada-of-old")
            };
            changes::keep_receipts(conn, JOB, "cycle", &[("ada-10001", &before)])?;
            let given = |anchor: &str, attribute: &str, value: &str| Given {
                anchor: anchor.into(),
                attribute: attribute.into(),
                source: "Phone".into(),
                value: value.into(),
            };
            given::keep(
                conn,
                "ad",
                &[
                    given("guid-of-ada", "mobile", "+49 1"),
                    given("guid-of-ada-of-old", "mobile", "+49 2"),
                    given("guid-of-nobody", "displayName", "Adalwolfa Quuxmann"),
                    given("guid-of-nobody", "mobile", "+49 3"),
                    given("guid-of-ben", "displayName", "Adalwolfa Quuxmann"),
                    given("guid-of-ben", "mobile", "+49 4"),
                ],
            )
        })
        .await;
        write(&store, |conn| {
            let person = BTreeSet::from([ada()]);
            let signs = forgetting::signs(conn, &person)?;
            forgetting::erase(conn, &ada(), |_, _| None, at(1))?;
            forgetting::blank(conn, &signs, at(1))
        })
        .await;
        let anchors = [
            "guid-of-ada",
            "guid-of-ada-of-old",
            "guid-of-nobody",
            "guid-of-ben",
        ];
        let left = store
            .read(move |conn| given::of(conn, "ad", &anchors))
            .await
            .unwrap();
        let left: Vec<&str> = left.iter().map(|one| one.value.as_str()).collect();
        assert_eq!(left, ["+49 4"]);
        let sent = store
            .read(|conn| changes::unknown(conn, JOB, &["cyd"]))
            .await
            .unwrap();
        assert_eq!(sent[0].change.worker, "cyd");
        assert_eq!(
            sent[0].change.effects,
            [Effect::Refer {
                attribute: "manager".into(),
                before: None,
                after: Some(Anchor("(forgotten)".into())),
            }]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_callbacks_that_wait_do_not_bring_back_who_is_forgotten() {
    on_both(async |store| {
        write(&store, fill).await;
        let call = |worker: Option<&str>, principal: Option<&str>, email: &str| Call {
            who: Who {
                worker: worker.map(str::to_string),
                principal: principal.map(str::to_string),
            },
            values: BTreeMap::from([(Member::Email, email.to_string())]),
        };
        let batch = Batch {
            id: "batch".into(),
            client: "script".into(),
            key: None,
            digest: String::new(),
            notify: false,
            calls: vec![
                call(Some("ADA-10001"), None, "a@x.test"),
                call(None, Some("adalwolfa@example.test"), "b@x.test"),
                call(Some("ben"), None, "adalwolfa quuxmann"),
                call(Some("ben"), None, "ben@x.test"),
            ],
        };
        write(&store, move |conn| {
            jobs::take_in(
                conn,
                &Job {
                    id: "home".into(),
                    app: "home".into(),
                    template: "ADWorkdayWriteback".into(),
                    source: "ad".into(),
                    target: "workday".into(),
                    state: State::Active,
                    created: at(0),
                    schema_version: 1,
                    status: Status::default(),
                },
            )?;
            let made = Receipt {
                done: vec![Effect::Set {
                    attribute: "userPrincipalName".into(),
                    before: vec![],
                    after: vec!["adalwolfa@example.test".into()],
                }],
                ..receipt("ada-10001")
            };
            changes::keep_receipts(conn, JOB, "cycle", &[("ada-10001", &made)])?;
            callbacks::append(conn, "home", "ad", &batch, at(0), 100)
        })
        .await;
        let ended = write(&store, |conn| {
            let person = BTreeSet::from([ada()]);
            assert_eq!(
                forgetting::callers(conn, &person)?,
                BTreeSet::from(["home".to_string()]),
                "whose lease is needed"
            );
            let signs = forgetting::signs(conn, &person)?;
            forgetting::end_waiting(conn, &person, &signs, |_, _| None, at(1))
        })
        .await;
        assert_eq!(ended, 3);
        let (_, items) = store
            .read(|conn| callbacks::find(conn, "home", "batch"))
            .await
            .unwrap()
            .unwrap();
        for item in &items[..3] {
            assert_eq!((&item.who, &item.said), (&Who::default(), &None));
            assert_eq!(item.verdict.status.name(), "skipped");
            assert_eq!(item.verdict.code.as_deref(), Some("Forgotten"));
        }
        let waiting = store
            .read(|conn| callbacks::waiting(conn, "home", at(1), 10))
            .await
            .unwrap();
        assert_eq!(waiting.len(), 1, "what is said of others waits still");
        assert_eq!(waiting[0].who.worker.as_deref(), Some("ben"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_an_account_is_open_as_long_as_it_may_be_and_nobody_else_has_it() {
    on_both(async |store| {
        write(&store, fill).await;
        let open = async || {
            let left = store.read(|conn| forgetting::left(conn, &BTreeSet::from([ada()])));
            let left = left.await.unwrap();
            left.iter().map(forgetting::Left::is_open).collect::<Vec<_>>()
        };
        assert_eq!(open().await, [true]);
        write(&store, |conn| {
            let link = Link {
                enabled: Some(false),
                ..link("ada-10001", "guid-of-ada")
            };
            links::advance(conn, JOB, &link)
        })
        .await;
        assert_eq!(open().await, [false]);
        write(&store, |conn| {
            changes::mark_sent(conn, JOB, "cycle", 1, &[&mark("ada-10001", vec![Effect::Enable])])
        })
        .await;
        assert_eq!(open().await, [true], "nobody knows what came of it");
        write(&store, |conn| {
            links::insert(conn, "other", &[link("cyd", "guid-of-ada")])
        })
        .await;
        assert_eq!(open().await, [true], "a job of which nothing is known has it");
        write(&store, |conn| {
            links::delete(conn, "other", "cyd")?;
            jobs::take_in(
                conn,
                &Job {
                    id: "other".into(),
                    app: "other".into(),
                    template: "API2AD".into(),
                    source: "hr".into(),
                    target: "ad".into(),
                    state: State::Active,
                    created: at(0),
                    schema_version: 1,
                    status: Status::default(),
                },
            )?;
            links::insert(conn, "other", &[link("cyd", "guid-of-ada")])
        })
        .await;
        assert_eq!(open().await, [false], "it is looked after");
    })
    .await;
}
