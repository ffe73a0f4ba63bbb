//! Contacts and user names written home, through the connector alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use muster::connector::{Lookup, MayStart, Outcome, Session, System, SystemFile, Target, UniqueValue};
use muster::domain::account::{Account, Anchor, Protection};
use muster::domain::plan::{Change, ChangeId, Effect, HrEvent, Receipt};
use muster::error::Error;
use muster::lab::workday::Question;

use super::*;

const MAPPED: &[&str] = &[
    "WorkerID",
    "EmailAddress",
    "UserID",
    "WorkphoneLandlineIsPrimary",
    "WorkphoneLandlineCountryCodeName",
    "WorkphoneLandlineCountryCodeNumber",
    "WorkphoneLandlineNumber",
    "WorkphoneLandlineExtension",
    "WorkphoneMobileIsPrimary",
    "WorkphoneMobileCountryCodeName",
    "WorkphoneMobileCountryCodeNumber",
    "WorkphoneMobileNumber",
];

/// A tenant with an employee 1, an employee 2 and a contingent worker C-3, and a session of the writeback.
pub struct World {
    pub tenant: Tenant,
    session: Box<dyn Session>,
}

impl World {
    async fn new() -> World {
        World::with(staffed(), "").await
    }

    pub async fn with(tenant: Tenant, extra: &str) -> World {
        let session = target(&tenant, extra).open(None).await.unwrap();
        World { tenant, session }
    }

    /// The worker with this ID.
    async fn worker(&self, id: &str) -> Account {
        let found = self.session.find(&[by_id(id)]).await.unwrap();
        let [accounts] = found.as_slice() else {
            panic!("{found:?}")
        };
        accounts.first().unwrap_or_else(|| panic!("no {id}")).clone()
    }

    /// What the worker has, the named attributes apart by blanks; `-` for none.
    async fn has(&self, id: &str, attributes: &[&str]) -> String {
        let account = self.worker(id).await;
        let texts = attributes.iter().map(|name| account.first(name).unwrap_or("-"));
        texts.collect::<Vec<_>>().join(" ")
    }

    async fn landline(&self, id: &str) -> String {
        self.has(id, &MAPPED[3..8]).await
    }

    async fn mobile(&self, id: &str) -> String {
        self.has(id, &MAPPED[8..12]).await
    }

    /// Plans what mappings want, and writes it.
    async fn write(&self, id: &str, wanted: &[(&str, &str)]) -> Outcome {
        let account = self.worker(id).await;
        self.apply(change(&account, effects(&account, wanted))).await
    }

    async fn apply(&self, change: Change) -> Outcome {
        let id = change.id;
        let mut outcomes = outcomes(&*self.session, vec![change], always()).await;
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(&id).unwrap()
    }

    pub async fn done(&self, id: &str, wanted: &[(&str, &str)]) -> Receipt {
        match self.write(id, wanted).await {
            Outcome::Done(receipt) => receipt,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing is left to be planned.
    async fn settled(&self, id: &str, wanted: &[(&str, &str)]) {
        let account = self.worker(id).await;
        assert_eq!(effects(&account, wanted), [], "{account:?}");
    }

    /// Work phones as HR has them, `device digits primary`.
    fn phones(&self, id: &str) -> Vec<String> {
        let state = self.tenant.state(id);
        let phones = state["effective"]["phones"].as_array().unwrap().iter();
        let work = phones.filter(|phone| phone["work"] == true);
        work.map(|phone| {
            let part = |name: &str| phone[name].as_str().unwrap_or("-").to_string();
            format!("{} {} {}", part("device"), part("digits"), phone["primary"])
        })
        .collect()
    }

    /// Messages of an operation that came in.
    async fn told(&self, element: &str) -> Vec<String> {
        let requests = self.tenant.requests().await;
        requests
            .into_iter()
            .filter(|request| request.contains(&format!("<wd:{element} ")))
            .collect()
    }
}

pub fn staffed() -> Tenant {
    let tenant = Tenant::new(0);
    for (id, kind) in [("1", "employee"), ("2", "employee"), ("C-3", "contingent")] {
        tenant.hire(json!({"id": id, "kind": kind, "hire": "2025-01-06", "entered": "2025-01-01T00:00:00Z", "userName": format!("user{id}")}));
    }
    tenant
}

fn system(tenant: &Tenant, extra: &str) -> System {
    let file: SystemFile = toml::from_str(&tenant.table(extra)).unwrap();
    file.resolve(Path::new(".")).unwrap()
}

fn target(tenant: &Tenant, extra: &str) -> Box<dyn Target> {
    let attributes: Vec<String> = MAPPED.iter().map(|name| (*name).to_string()).collect();
    system(tenant, extra).target(&attributes, None).unwrap()
}

fn by_id(id: &str) -> Lookup {
    Lookup::Match {
        attribute: "WorkerID".into(),
        value: id.into(),
    }
}

/// What planning makes of what the mappings want.
fn effects(account: &Account, wanted: &[(&str, &str)]) -> Vec<Effect> {
    let model = muster::connector::workday::MODEL;
    let mut values: BTreeMap<String, String> = wanted
        .iter()
        .map(|(name, value)| ((*name).to_string(), (*value).to_string()))
        .collect();
    assert_eq!(model.compose.unwrap()(&mut values, &account.values), []);
    let mut effects = Vec::new();
    for (attribute, value) in values {
        let value = (model.canonical)(&attribute, value);
        (model.check)(&attribute, &value).unwrap();
        let before = account.values.get(&attribute).cloned().unwrap_or_default();
        if before != [value.clone()] {
            effects.push(Effect::Set {
                attribute,
                before,
                after: vec![value],
            });
        }
    }
    effects
}

fn change(account: &Account, effects: Vec<Effect>) -> Change {
    Change {
        id: ChangeId::new_v4(),
        worker: account.anchor.0.clone(),
        account: Some(account.anchor.clone()),
        effects,
    }
}

fn set(attribute: &str, before: &[&str], after: &str) -> Effect {
    Effect::Set {
        attribute: attribute.into(),
        before: before.iter().map(|text| (*text).to_string()).collect(),
        after: vec![after.into()],
    }
}

fn always() -> MayStart {
    Arc::new(|| true)
}

async fn outcomes(
    session: &dyn Session,
    changes: Vec<Change>,
    may_start: MayStart,
) -> BTreeMap<ChangeId, Outcome> {
    let mut outcomes = BTreeMap::new();
    let mut running = session.apply(changes, may_start);
    while let Some((id, outcome)) = running.next().await {
        assert!(outcomes.insert(id, outcome).is_none(), "one outcome for each");
    }
    outcomes
}

#[track_caller]
fn refused(outcome: Outcome) -> Error {
    match outcome {
        Outcome::Refused(error) => error,
        other => panic!("{other:?}"),
    }
}

fn attributes(receipt: &Receipt) -> Vec<&str> {
    let of = |effect: &'_ Effect| match effect {
        Effect::Set { attribute, .. } => MAPPED.iter().find(|name| *name == attribute).copied(),
        other => panic!("{other:?}"),
    };
    let mut names: Vec<&str> = receipt.done.iter().filter_map(of).collect();
    names.sort_unstable();
    names
}

/// What the documented mappings give for a number of the directory in E.164.
pub fn phone(
    device: &'static str,
    number: &'static str,
    primary: &'static str,
) -> Vec<(&'static str, &'static str)> {
    let names: &[&str] = match device {
        "Landline" => &MAPPED[3..8],
        _ => &MAPPED[8..12],
    };
    let value = |name: &&'static str| match name.ends_with("IsPrimary") {
        true => (*name, primary),
        false => (*name, number),
    };
    names.iter().map(value).collect()
}

#[tokio::test]
async fn everything_is_written_home_and_shown_as_it_was_wanted() {
    let world = World::new().await;
    let wanted = [
        vec![
            ("EmailAddress", "ada@example.test"),
            ("UserID", "ada@example.test"),
        ],
        phone("Landline", "+1 (206) 555-0143 x4321", "true"),
        phone("Mobile", "+1 514-555-0178", "false"),
    ]
    .concat();
    let receipt = world.done("1", &wanted).await;
    assert_eq!(receipt.done.len(), 11);
    let event = receipt.event.clone().unwrap();
    assert!(event.id.len() == 32 && !event.waiting, "{event:?}");
    assert!(receipt.endpoint.ends_with("/Human_Resources/v40.0"));
    assert!(!receipt.address.is_empty());
    assert_eq!(world.landline("1").await, "true USA 1 2065550143 4321");
    assert_eq!(world.mobile("1").await, "false CAN 1 5145550178");
    assert_eq!(
        world.has("1", &["WorkerID", "EmailAddress", "UserID"]).await,
        "1 ada@example.test ada@example.test"
    );
    world.settled("1", &wanted).await;
    assert_eq!(
        world.told("Change_Work_Contact_Information_Request").await.len(),
        1,
        "one message for all contacts"
    );
    let state = world.tenant.state("1");
    assert_eq!(state["effective"]["emails"][0]["public"], true);
    // Contingent workers as well, and no comment where none is wanted.
    let world = World::with(world.tenant, "writeback = { comment = \"\", public = false }").await;
    world
        .done("C-3", &[("EmailAddress", "tom@example.test"), ("UserID", "tom")])
        .await;
    assert_eq!(
        world.has("C-3", &["EmailAddress", "UserID"]).await,
        "tom@example.test tom"
    );
    let told = world
        .told("Change_Work_Contact_Information_Request")
        .await
        .pop()
        .unwrap();
    assert!(
        !told.contains("Comment") && told.contains("wd:Public=\"false\""),
        "{told}"
    );
    assert!(world.told("Workday_Account_for_Worker_Update").await[1].contains("Contingent_Worker_Reference"));
}

#[tokio::test]
async fn what_is_there_is_updated_in_place_and_never_twice() {
    let world = World::new().await;
    for round in 0..10 {
        let [landline, mobile] = match round % 2 {
            0 => ["+1 206 555 0143 x1", "+49 89 123456"],
            _ => ["+44 20 7946 0958", "+1 514 555 0178"],
        };
        let wanted = [
            phone("Landline", landline, "true"),
            phone("Mobile", mobile, "false"),
        ]
        .concat();
        world.done("1", &wanted).await;
        world.settled("1", &wanted).await;
        world
            .done(
                "1",
                &[(
                    "EmailAddress",
                    if round % 2 == 0 {
                        "a@example.test"
                    } else {
                        "b@example.test"
                    },
                )],
            )
            .await;
        assert_eq!(world.phones("1").len(), 2, "{:?}", world.phones("1"));
    }
    assert_eq!(
        world.phones("1"),
        ["Landline 2079460958 true", "Mobile 5145550178 false"]
    );
    assert_eq!(
        world.landline("1").await,
        "true GBR 44 2079460958 -",
        "no extension of the number before"
    );
    let emails = world.tenant.state("1")["effective"]["emails"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(emails, 1);
    // What holds already is not sent, and counts as done.
    let written = || {
        let state = world.tenant.lab.state(&Question::default()).unwrap();
        state["answers"]["Change_Work_Contact_Information"].clone()
    };
    let before = written();
    let account = world.worker("1").await;
    let outcome = world
        .apply(change(
            &account,
            vec![set("EmailAddress", &["old@example.test"], "b@example.test")],
        ))
        .await;
    let Outcome::Done(receipt) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (attributes(&receipt), receipt.event.clone()),
        (vec!["EmailAddress"], None)
    );
    assert_eq!(written(), before);
}

#[tokio::test]
async fn workers_are_found_by_id_and_by_wid() {
    let tenant = staffed();
    let gone = tenant.hire(json!({"id": "4", "hire": "2025-01-06", "entered": "2025-01-01T00:00:00Z"}));
    tenant.event(json!({"worker": "4", "type": "terminate", "entered": "2025-06-01T00:00:00Z", "set": {"lastDay": "2025-06-30"}}));
    let future = tenant.hire(json!({"id": "5", "hire": "2026-02-01"}));
    // The same ID, first as an employee and then as a contingent worker.
    tenant.hire(json!({"id": "6", "hire": "2025-01-06", "entered": "2025-01-01T00:00:00Z"}));
    tenant.event(json!({"worker": "6", "type": "convert", "effective": "2026-01-05", "entered": "2026-01-01T00:00:00Z"}));
    let world = World::with(tenant, "").await;
    let lookups = [
        by_id("C-3"),
        by_id("1"),
        by_id("nobody"),
        Lookup::Anchor(Anchor(gone.clone())),
        Lookup::Anchor(Anchor(future)),
        Lookup::Anchor(Anchor("0123456789abcdef0123456789abcdef".into())),
        by_id("6"),
    ];
    let found = world.session.find(&lookups).await.unwrap();
    let states: Vec<String> = found
        .iter()
        .map(|accounts| match accounts.as_slice() {
            [] => "nobody".into(),
            [account] => format!(
                "{:?} {:?} {:?}",
                account.first("WorkerID"),
                account.enabled,
                account.protected
            ),
            several => panic!("{several:?}"),
        })
        .collect();
    let left = Some(Protection::Left);
    assert_eq!(
        states,
        [
            format!("{:?} {:?} None", Some("C-3"), Some(true)),
            format!("{:?} {:?} None", Some("1"), Some(true)),
            "nobody".into(),
            format!("{:?} {:?} {left:?}", Some("4"), Some(false)),
            format!("{:?} {:?} None", Some("5"), Some(false)),
            "nobody".into(),
            format!("{:?} {:?} None", Some("6"), Some(true)),
        ]
    );
    assert_eq!(found[3][0].anchor.0, gone);
    let error = world
        .session
        .find(&[Lookup::Match {
            attribute: "EmailAddress".into(),
            value: "a@b.test".into(),
        }])
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.target.as_deref()),
        (Kind::Unsupported, Some("EmailAddress"))
    );
    assert!(error.message.contains("WorkerID only"), "{error}");
    let value = |attribute: &str, value: &str| UniqueValue {
        attribute: attribute.into(),
        value: value.into(),
    };
    let taken = world
        .session
        .taken(&[
            value("UserID", "user1"),
            value("WorkerID", "1"),
            value("WorkerID", "nobody"),
        ])
        .await
        .unwrap();
    assert_eq!(taken[0].as_ref().unwrap_err().kind, Kind::Unsupported);
    assert_eq!(
        (taken[1].as_ref().unwrap(), taken[2].as_ref().unwrap()),
        (&true, &false)
    );
}

#[tokio::test]
async fn everybody_is_listed() {
    let world = World::with(Tenant::new(250), "page_size = 40").await;
    let mut wids = Vec::new();
    let mut pages = world.session.list();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert!(page.len() <= 40);
        wids.extend(page.into_iter().map(|account| account.anchor.0));
    }
    let mut all = world.tenant.wids().await;
    all.sort();
    wids.sort();
    assert_eq!(wids, all);
}

#[tokio::test]
async fn a_batch_is_written_whoever_fails_in_it() {
    let tenant = Tenant::new(0);
    for id in 1..=300 {
        tenant.hire(json!({"id": id.to_string(), "hire": "2025-01-06", "entered": "2025-01-01T00:00:00Z", "userName": format!("user{id}")}));
    }
    tenant.event(json!({"worker": "77", "type": "terminate", "entered": "2025-06-01T00:00:00Z", "set": {"lastDay": "2025-06-30"}}));
    let world = World::with(tenant, "writeback = { writes_in_flight = 8 }").await;
    let lookups: Vec<Lookup> = (1..=300).map(|id| by_id(&id.to_string())).collect();
    let found = world.session.find(&lookups).await.unwrap();
    let mut ids = BTreeMap::new();
    let mut changes: Vec<Change> = Vec::new();
    for (at, accounts) in found.iter().enumerate() {
        let address = format!("p{}@example.test", at + 1);
        let change = change(&accounts[0], effects(&accounts[0], &[("EmailAddress", &address)]));
        ids.insert(change.id, at + 1);
        changes.push(change);
    }
    let stranger = Change {
        account: Some(Anchor("0123456789abcdef0123456789abcdef".into())),
        id: ChangeId::new_v4(),
        ..changes[0].clone()
    };
    ids.insert(stranger.id, 301);
    changes.insert(150, stranger);
    for (id, outcome) in outcomes(&*world.session, changes, always()).await {
        match ids[&id] {
            77 => assert_eq!(refused(outcome).code, "WorkerHasLeft"),
            301 => assert_eq!(refused(outcome).code, "WorkerNotFound"),
            at => assert!(matches!(outcome, Outcome::Done(_)), "{at}: {outcome:?}"),
        }
    }
    for id in ["1", "150", "300"] {
        assert_eq!(
            world.has(id, &["EmailAddress"]).await,
            format!("p{id}@example.test")
        );
    }
    let read_back = world.tenant.lab.state(&Question::default()).unwrap();
    assert_eq!(
        read_back["answers"]["Get_Change_Work_Contact_Information"]["200"],
        4
    );
}

#[tokio::test]
async fn the_first_phone_is_the_primary_one_and_stays_it() {
    let world = World::new().await;
    // Planning takes the mapping for a wish.
    world
        .done("1", &phone("Mobile", "+1 514 555 0178", "false"))
        .await;
    world
        .done("1", &phone("Landline", "+1 206 555 0143", "true"))
        .await;
    world
        .done("1", &phone("Mobile", "+1 514 555 0199", "false"))
        .await;
    assert_eq!(
        world.phones("1"),
        ["Mobile 5145550199 true", "Landline 2065550143 false"]
    );
    world
        .settled("1", &phone("Landline", "+1 206 555 0143", "true"))
        .await;
    // Whatever else is asked for is refused before it is sent.
    let number = |device: &str, primary: &str| {
        let part = |part: &str, value: &str| set(&format!("Workphone{device}{part}"), &[], value);
        vec![
            part("CountryCodeName", "CAN"),
            part("IsPrimary", primary),
            part("Number", "5145550178"),
        ]
    };
    let account = world.worker("2").await;
    let error = refused(world.apply(change(&account, number("Mobile", "false"))).await);
    assert_eq!(
        (error.code.as_ref(), error.target.as_deref()),
        ("ConstraintViolation", Some("WorkphoneMobileIsPrimary"))
    );
    assert!(error.message.contains("first work phone"), "{error}");
    let told = world.told("Change_Work_Contact_Information_Request").await;
    assert!(
        !told
            .iter()
            .any(|message| message.contains("5145550178") && message.contains(&account.anchor.0))
    );
    let outcome = world.apply(change(&account, number("Mobile", "true"))).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let account = world.worker("2").await;
    // The primary one that is there stays it.
    let outcome = world.apply(change(&account, number("Landline", "true"))).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    assert_eq!(
        world.phones("2"),
        ["Mobile 5145550178 true", "Landline 5145550178 false"]
    );
    let account = world.worker("2").await;
    let flag = vec![
        set("WorkphoneMobileIsPrimary", &["true"], "false"),
        set("WorkphoneMobileNumber", &["5145550178"], "5145550199"),
    ];
    let outcome = world.apply(change(&account, flag)).await;
    let Outcome::Partial(receipt, error) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(attributes(&receipt), ["WorkphoneMobileNumber"]);
    assert!(
        error.message.starts_with("You can't change a primary phone"),
        "{error}"
    );
}

#[tokio::test]
async fn of_two_first_phones_the_landline_is_the_primary_one() {
    let world = World::new().await;
    let other: Vec<_> = phone("Landline", "+49 89 123456", "")[1..].to_vec();
    let both = [other, phone("Mobile", "+1 514 555 0178", "")[1..].to_vec()].concat();
    world.done("2", &both).await;
    assert_eq!(
        world.phones("2"),
        ["Landline 89123456 true", "Mobile 5145550178 false"]
    );
}

#[tokio::test]
async fn what_cannot_be_written_says_why() {
    let world = World::new().await;
    let account = world.worker("1").await;
    for (effect, says) in [
        (Effect::Disable, "nobody is made, disabled"),
        (Effect::Delete, "nobody is made, disabled"),
        (set("WorkerID", &["1"], "7"), "Workday gives worker IDs itself"),
        (set("Department", &[], "Rail"), "no such attribute"),
        (set("UserID", &["user1"], ""), "never taken away"),
    ] {
        let error = refused(
            world
                .apply(change(
                    &account,
                    vec![effect, set("EmailAddress", &[], "a@b.test")],
                ))
                .await,
        );
        assert_eq!(error.kind, Kind::Unsupported);
        assert!(error.message.contains(says), "{error}");
    }
    let nobody = Change {
        account: None,
        ..change(&account, vec![])
    };
    assert_eq!(refused(world.apply(nobody).await).kind, Kind::Unsupported);
    // Somebody was quicker.
    world.done("1", &[("EmailAddress", "ada@example.test")]).await;
    let error = refused(
        world
            .apply(change(&account, vec![set("EmailAddress", &[], "other@b.test")]))
            .await,
    );
    assert_eq!(
        (error.kind, error.target.as_deref()),
        (Kind::Stale, Some("EmailAddress"))
    );
    let error = refused(
        world
            .apply(change(&account, vec![set("UserID", &["x"], "y")]))
            .await,
    );
    assert_eq!(
        (error.kind, error.target.as_deref()),
        (Kind::Stale, Some("UserID"))
    );
    assert_eq!(
        world.has("1", &["EmailAddress", "UserID"]).await,
        "ada@example.test user1"
    );
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let world = World::new().await;
    world
        .tenant
        .hire(json!({"id": "4", "hire": "2025-01-06", "entered": "2025-01-01T00:00:00Z"}));
    let told = |outcome| {
        let error = refused(outcome);
        (
            error.kind,
            error.code.to_string(),
            error.target.clone().unwrap_or_default(),
        )
    };
    let both = |kind, code: &str, target: &str| (kind, code.to_string(), target.to_string());
    assert_eq!(
        told(world.write("4", &[("UserID", "four")]).await),
        both(Kind::Invalid, "NoWorkdayAccount", "UserID")
    );
    assert_eq!(
        told(world.write("1", &[("UserID", "USER2")]).await),
        both(Kind::Invalid, "UserNameTaken", "UserID")
    );
    let long = "x".repeat(129);
    assert_eq!(
        told(world.write("1", &[("UserID", &long)]).await),
        both(Kind::Invalid, "ConstraintViolation", "UserID")
    );
    world
        .tenant
        .lab
        .configure(&json!({"lacks": ["work-contact-change"]}))
        .unwrap();
    assert_eq!(
        told(world.write("1", &[("EmailAddress", "a@b.test")]).await),
        both(Kind::Forbidden, "InsufficientRights", "")
    );
    world
        .tenant
        .lab
        .configure(&json!({"lacks": ["put-workday-accounts"]}))
        .unwrap();
    let outcome = world
        .write("1", &[("EmailAddress", "a@b.test"), ("UserID", "ada")])
        .await;
    let Outcome::Partial(receipt, error) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (attributes(&receipt), error.kind),
        (vec!["EmailAddress"], Kind::Forbidden)
    );
    assert!(receipt.event.is_some());
    world.tenant.lab.configure(&json!({"lacks": []})).unwrap();
    let world = World::with(world.tenant, "writeback = { mobile = \"Cell\" }").await;
    let error = refused(
        world
            .write("2", &phone("Mobile", "+1 514 555 0178", "true"))
            .await,
    );
    assert!(
        error.code == "ConstraintViolation" && error.message.contains("`landline` and `mobile`"),
        "{error}"
    );
}

#[tokio::test]
async fn contacts_are_written_although_the_user_name_is_refused() {
    let world = World::new().await;
    let wanted = [
        vec![("EmailAddress", "ada@example.test"), ("UserID", "user2")],
        phone("Landline", "+1 206 555 0143", "true"),
    ]
    .concat();
    let outcome = world.write("1", &wanted).await;
    let Outcome::Partial(receipt, error) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.code, "UserNameTaken");
    assert_eq!(receipt.done.len(), 5);
    assert_eq!(
        world.has("1", &["EmailAddress", "UserID"]).await,
        "ada@example.test user1"
    );
}

#[tokio::test]
async fn one_bad_contact_does_not_keep_the_others() {
    let world = World::new().await;
    let account = world.worker("1").await;
    let effects = vec![
        set("EmailAddress", &[], "nonsense"),
        set("WorkphoneLandlineNumber", &[], "2065550143"),
        set("WorkphoneLandlineCountryCodeName", &[], "USA"),
    ];
    let outcome = world.apply(change(&account, effects)).await;
    let Outcome::Partial(receipt, error) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (error.code.as_ref(), error.target.as_deref()),
        ("InvalidAttributeSyntax", Some("EmailAddress"))
    );
    assert_eq!(attributes(&receipt).len(), 2);
    assert_eq!(world.landline("1").await, "true USA 1 2065550143 -");
}

#[tokio::test]
async fn what_waits_in_hr_is_told_and_stops_the_next() {
    let world = World::with(staffed(), "writeback = { auto_complete = false }").await;
    let receipt = world.done("1", &[("EmailAddress", "ada@example.test")]).await;
    let Some(HrEvent { id, waiting: true }) = receipt.event.clone() else {
        panic!("{receipt:?}")
    };
    assert_eq!(id.len(), 32);
    let written = serde_json::to_value(&receipt).unwrap();
    assert_eq!(written["event"], json!({"id": id, "waiting": true}));
    assert_eq!(serde_json::from_value::<Receipt>(written).unwrap(), receipt);
    assert_eq!(world.has("1", &["EmailAddress"]).await, "-", "not yet");
    let error = refused(world.write("1", &[("EmailAddress", "ada@example.test")]).await);
    assert_eq!(
        (error.kind, error.code.as_ref()),
        (Kind::Invalid, "PendingProcess")
    );
    world.tenant.event(json!({"worker": "1", "type": "approve"}));
    assert_eq!(world.has("1", &["EmailAddress"]).await, "ada@example.test");
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    for (action, is_done) in [
        (json!("cut-after"), true),
        (json!("cut"), false),
        (json!({"answer": {"code": 502}}), false),
        (json!({"answer": {"code": 500}}), false),
        (json!({"answer-after": {"code": 504}}), true),
        (json!("html"), false),
        (json!({"spoil": "truncated"}), true),
        (json!({"slow": {"milliseconds": 1500}}), true),
    ] {
        let world = World::with(staffed(), "timeout = \"700ms\"").await;
        world
            .tenant
            .faults(json!([{"on": "Change_Work_Contact_Information", "times": 1, "do": action}]));
        let outcome = world
            .write("1", &[("EmailAddress", "ada@example.test"), ("UserID", "ada")])
            .await;
        let Outcome::Unknown(None, error) = outcome else {
            panic!("{action}: {outcome:?}")
        };
        assert_eq!(error.kind, Kind::Unavailable, "{action}: {error}");
        let told = world.told("Change_Work_Contact_Information_Request").await;
        assert_eq!(told.len(), 1, "{action}");
        assert_eq!(world.has("1", &["UserID"]).await, "user1", "nothing follows");
        let expected = if is_done { "ada@example.test" } else { "-" };
        assert_eq!(world.has("1", &["EmailAddress"]).await, expected, "{action}");
    }
    let world = World::new().await;
    world
        .tenant
        .faults(json!([{"on": "Update_Workday_Account", "times": 1, "do": "cut-after"}]));
    let outcome = world
        .write("1", &[("EmailAddress", "ada@example.test"), ("UserID", "ada")])
        .await;
    let Outcome::Unknown(Some(receipt), _) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(attributes(&receipt), ["EmailAddress"]);
}

#[tokio::test]
async fn what_was_certainly_not_done_is_tried_again() {
    for action in [
        json!({"answer": {"code": 503}}),
        json!({"answer": {"code": 429, "retry-after": 1}}),
    ] {
        let world = World::new().await;
        world
            .tenant
            .faults(json!([{"on": "Change_Work_Contact_Information", "times": 1, "do": action}]));
        world.done("1", &[("EmailAddress", "ada@example.test")]).await;
        assert_eq!(world.has("1", &["EmailAddress"]).await, "ada@example.test");
    }
    let world = World::new().await;
    world
        .tenant
        .faults(json!([{"on": "Change_Work_Contact_Information", "do": {"answer": {"code": 503}}}]));
    let error = refused(world.write("1", &[("EmailAddress", "ada@example.test")]).await);
    assert_eq!(error.kind, Kind::Unavailable);
}

#[tokio::test]
async fn nothing_is_begun_when_somebody_else_took_over() {
    let world = World::new().await;
    let account = world.worker("1").await;
    let wanted = [("EmailAddress", "ada@example.test"), ("UserID", "ada")];
    let planned = change(&account, effects(&account, &wanted));
    let never: MayStart = Arc::new(|| false);
    for (_, outcome) in outcomes(&*world.session, vec![planned.clone()], never).await {
        assert_eq!(refused(outcome).kind, Kind::Unavailable);
    }
    // Taken over after the first write.
    let asked = AtomicU32::new(0);
    let may_start: MayStart = Arc::new(move || asked.fetch_add(1, Ordering::SeqCst) < 2);
    for (_, outcome) in outcomes(&*world.session, vec![planned], may_start).await {
        let Outcome::Partial(receipt, error) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(
            (attributes(&receipt), error.kind),
            (vec!["EmailAddress"], Kind::Unavailable)
        );
    }
    assert_eq!(world.has("1", &["UserID"]).await, "user1");
}

#[tokio::test]
async fn a_check_of_the_writeback_tells_what_is_missing() {
    let mut tenant = Tenant::new(60);
    let told = async |tenant: &Tenant, extra: &str| {
        let problems = target(tenant, extra).check(&[]).await;
        problems
            .into_iter()
            .map(|problem| problem.message)
            // Clocks of these tests are set.
            .filter(|message| !message.contains("clock"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(told(&tenant, "").await, "");
    let said = told(&tenant, "writeback = { mobile = \"Cell\" }").await;
    assert!(
        said.contains("writeback.mobile: none of") && said.contains("Mobile"),
        "{said}"
    );
    tenant.lab.configure(&json!({"lacks": ["work-contact"]})).unwrap();
    let said = told(&tenant, "").await;
    assert!(
        said.contains("cannot be read back") && said.contains("Work Contact Change"),
        "{said}"
    );
    tenant.lab.configure(&json!({"lacks": ["workers"]})).unwrap();
    assert!(told(&tenant, "").await.contains("shows no worker at all"));
    tenant.lab.configure(&json!({"lacks": []})).unwrap();
    tenant.version = "v21.1";
    let said = told(&tenant, "").await;
    assert!(
        said.contains("v21.1 cannot write work contacts, so v31.2"),
        "{said}"
    );
    tenant.lab.configure(&json!({"passwordExpired": true})).unwrap();
    assert!(told(&tenant, "").await.contains("invalid username or password"));
    let named = target(&tenant, "").discover().await.unwrap();
    assert_eq!(
        named
            .iter()
            .filter(|attribute| attribute.name != "HireDate")
            .map(|attribute| attribute.name.as_str())
            .collect::<Vec<_>>(),
        MAPPED
    );
    let error = system(&tenant, "").target(&[], Some("x eq 'y'")).err().unwrap();
    assert_eq!(error.target.as_deref(), Some("never"));
}

#[tokio::test]
async fn an_old_version_is_written_at_one_that_can() {
    let mut tenant = staffed();
    tenant.version = "v21.1";
    let world = World::with(tenant, "").await;
    let wanted = phone("Landline", "+44 20 7946 0958", "true");
    let receipt = world.done("1", &wanted).await;
    assert!(receipt.endpoint.ends_with("/v31.2"), "{}", receipt.endpoint);
    world.settled("1", &wanted).await;
}
