//! Nothing of who is forgotten is left where others, and what people decided, mention the person (B9, B12, B17, B33).

use std::collections::BTreeSet;

use jiff::Timestamp;
use muster::domain::account::Anchor;
use muster::domain::allowance::Allowance;
use muster::domain::decision::Decision;
use muster::domain::guard::Action;
use muster::domain::hold::{HeldAccount, Hold, Until};
use muster::domain::plan::{Effect, Receipt};
use muster::domain::review::{Case, Standing};
use muster::domain::worker::{Attributes, Said, Statement, Worker};
use muster::store::forgetting::{self, Known};
use muster::store::jobs::{Job, State, Status};
use muster::store::reviews::Review;
use muster::store::workers::Stored;
use muster::store::{
    Conn, allowances, changes, decisions, holds, jobs, links, plans, reviews, systems, wakes, workers,
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
