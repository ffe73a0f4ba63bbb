//! What the connector must do on every directory, and what only Active Directory knows.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use muster::connector::active_directory::ActiveDirectory;
use muster::connector::{AttributeType, Endpoint, Lookup, MayStart, Outcome, Target};
use muster::domain::account::{Account, Anchor, Values};
use muster::domain::dn;
use muster::domain::plan::{Change, Effect};
use muster::error::Kind;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::proxy::Proxy;
use super::{Directory, Person, always, by, change, done, make, one, outcome, refused, set, target};

/// Made, found, changed, disabled, enabled, renamed, moved, deleted; what is written is what is read.
pub async fn a_whole_life(directory: &Directory) {
    let session = &*directory.session().await;
    let boss = make(session, directory, &Person::called("Charles Babbage")).await;
    let person = Person::new();
    assert_eq!(one(session, person.lookup()).await, None);

    let receipt = done(outcome(session, directory.new_account(&person, true)).await);
    let anchor = receipt.account.clone();
    assert_eq!(receipt.endpoint, session.endpoint().0);
    assert!(
        matches!(&receipt.done[..], [Effect::Create { enabled: true, .. }]),
        "{:?}",
        receipt.done
    );

    let found = one(session, person.lookup()).await.unwrap();
    let mut expected: Values = person.values.clone();
    expected.insert("accountDisabled".into(), vec!["False".into()]);
    let lives_in = |account: &Account, container: &String| {
        dn::same(account.first("parentDistinguishedName").unwrap(), container)
    };
    assert!(lives_in(&found, &directory.containers[0]));
    expected.insert(
        "parentDistinguishedName".into(),
        found.values["parentDistinguishedName"].clone(),
    );
    assert_eq!(found.values, expected);
    assert_eq!(
        (&found.anchor, found.enabled, found.protected),
        (&anchor, Some(true), None)
    );
    assert!(
        dn::same(&found.address, &receipt.address),
        "{found:?} {receipt:?}"
    );

    let effects = vec![
        Effect::Disable,
        set("department", &["Engines"], &["ENGINES"]),
        set("company", &[], &["Analytical"]),
        set("givenName", &["Ada"], &[]),
        Effect::Refer {
            attribute: "manager".into(),
            before: None,
            after: Some(boss.clone()),
        },
    ];
    let receipt = done(outcome(session, change(Some(&anchor), effects.clone())).await);
    assert_eq!(receipt.done, effects);
    let found = one(session, Lookup::Anchor(anchor.clone())).await.unwrap();
    assert_eq!(found.enabled, Some(false));
    assert_eq!(found.first("accountDisabled"), Some("True"));
    assert_eq!(found.first("department"), Some("ENGINES"));
    assert_eq!(found.first("company"), Some("Analytical"));
    assert_eq!(found.first("manager"), Some(boss.0.as_str()));
    assert!(!found.values.contains_key("givenName"));

    let name = format!("King, \"Ada\" + <Noël> #{}", person.id);
    let other = make(session, directory, &Person::called("Luigi Menabrea")).await;
    let refer = |before: &Anchor, after: Option<&Anchor>| Effect::Refer {
        attribute: "manager".into(),
        before: Some(before.clone()),
        after: after.cloned(),
    };
    done(outcome(session, change(Some(&anchor), vec![refer(&boss, Some(&other))])).await);
    assert_eq!(
        one(session, person.lookup()).await.unwrap().first("manager"),
        Some(other.0.as_str())
    );

    let effects = vec![
        set("department", &["ENGINES"], &["Mathematics"]),
        Effect::Refer {
            attribute: "manager".into(),
            before: Some(other),
            after: None,
        },
        Effect::Enable,
        Effect::Rename {
            before: person.cn().into(),
            after: name.clone(),
        },
        Effect::Move {
            before: directory.containers[0].clone(),
            after: directory.containers[1].clone(),
        },
    ];
    let receipt = done(outcome(session, change(Some(&anchor), effects)).await);
    let found = one(session, person.lookup()).await.unwrap();
    assert_eq!(found.anchor, anchor);
    assert_eq!(found.enabled, Some(true));
    assert_eq!(found.first("cn"), Some(name.as_str()));
    assert!(lives_in(&found, &directory.containers[1]));
    assert_eq!(found.first("manager"), None);
    assert!(
        dn::same(&found.address, &receipt.address),
        "{found:?} {receipt:?}"
    );

    done(outcome(session, change(Some(&anchor), vec![Effect::Delete])).await);
    assert_eq!(one(session, Lookup::Anchor(anchor.clone())).await, None);
    let error = refused(
        outcome(session, change(Some(&anchor), vec![Effect::Disable])).await,
        Kind::NotFound,
    );
    assert_eq!(error.code, "InvalidAnchor");
}

/// A plan that the world has overtaken writes nothing.
pub async fn what_somebody_changed_is_left_alone(directory: &Directory) {
    let session = &*directory.session().await;
    let person = Person::new();
    let anchor = make(session, directory, &person).await;
    let before = one(session, person.lookup()).await.unwrap();

    let [staff, leavers] = &directory.containers;
    for effects in [
        vec![set("department", &["Sales"], &["Marketing"])],
        vec![set("department", &[], &["Marketing"])],
        vec![set("company", &["Gone"], &[])],
        vec![set("company", &[], &["New"]), set("department", &["Sales"], &[])],
        vec![Effect::Enable],
        vec![Effect::Rename {
            before: "Somebody Else".into(),
            after: "X".into(),
        }],
        vec![Effect::Move {
            before: leavers.clone(),
            after: staff.clone(),
        }],
        vec![Effect::Refer {
            attribute: "manager".into(),
            before: Some(anchor.clone()),
            after: None,
        }],
    ] {
        let said = format!("{effects:?}");
        let outcome = outcome(session, change(Some(&anchor), effects)).await;
        assert!(
            matches!(&outcome, Outcome::Refused(error) if error.kind == Kind::Stale),
            "{said}: {outcome:?}"
        );
    }
    assert_eq!(one(session, person.lookup()).await.unwrap(), before);

    // The first effect is in place when the second turns out to be overtaken.
    let effects = vec![Effect::Disable, set("department", &["Sales"], &["Marketing"])];
    match outcome(session, change(Some(&anchor), effects)).await {
        Outcome::Partial(receipt, error) => {
            assert_eq!(receipt.done, [Effect::Disable]);
            assert_eq!(
                (error.kind, error.target.as_deref()),
                (Kind::Stale, Some("department"))
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(one(session, person.lookup()).await.unwrap().enabled, Some(false));
}

/// Whatever a person is called, and whatever an id is made of, is written and found as it is.
pub async fn no_value_is_syntax(directory: &Directory) {
    let session = &*directory.session().await;
    let name = " #O'Neill, \"Zoë\" +=;<>\\ * (Ltd) ";
    let salt = Uuid::new_v4().simple().to_string()[..6].to_string();
    let person = Person::new()
        .with("cn", &format!("{name}{salt}"))
        .with("employeeID", &format!("*)(|\\{salt}&="));
    let anchor = make(session, directory, &person).await;
    let found = one(session, by("employeeID", &person.values["employeeID"][0]))
        .await
        .unwrap();
    assert_eq!(found.anchor, anchor);
    assert_eq!(found.first("cn"), Some(person.cn()));
    assert_eq!(one(session, by("employeeID", "*")).await, None);
    assert!(session.find(&[by("employeeID)(cn=*", "x")]).await.is_err());
}

/// Many people in one question, each answer to whom it belongs.
pub async fn many_are_found_at_once(directory: &Directory) {
    let session = &*directory.session().await;
    let people: Vec<Person> = (0..120).map(|_| Person::new()).collect();
    let twins = [
        Person::new().with("mobile", "+1 555 0100"),
        Person::new().with("mobile", "+1 555 0100"),
    ];
    let changes = people
        .iter()
        .chain(&twins)
        .map(|person| directory.new_account(person, false))
        .collect();
    let made: Vec<_> = session.apply(changes, always()).collect().await;
    assert_eq!(made.len(), 122);
    let anchors: Vec<Anchor> = made
        .into_iter()
        .map(|(_, outcome)| done(outcome).account)
        .collect();

    let mut lookups: Vec<Lookup> = people.iter().map(Person::lookup).collect();
    lookups.push(by("employeeID", "nobody"));
    lookups.push(by("sAMAccountName", &format!("T{}", people[7].id.to_uppercase())));
    lookups.push(Lookup::Anchor(Anchor(Uuid::new_v4().to_string())));
    lookups.extend(anchors.iter().cloned().map(Lookup::Anchor));
    let found = session.find(&lookups).await.unwrap();
    for (person, found) in people.iter().zip(&found) {
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].first("employeeID"), Some(person.id.as_str()));
        assert_eq!(found[0].enabled, Some(false));
    }
    assert!(found[120].is_empty());
    assert_eq!(found[121], found[7]);
    assert!(found[122].is_empty());
    for (anchor, found) in anchors.iter().zip(&found[123..]) {
        assert_eq!(found.iter().map(|it| &it.anchor).collect::<Vec<_>>(), [anchor]);
    }
    assert_eq!(
        session.find(&[by("mobile", "+1 555 0100")]).await.unwrap()[0].len() % 2,
        0
    );
}

/// Everybody is listed once, however small the pages.
pub async fn everybody_is_listed_in_pages(directory: &Directory) {
    let mut config = directory.config();
    config.page_size = 3;
    config.search_base = directory.containers[0].clone();
    let session = &*target(config).open(None).await.unwrap();
    let people: Vec<Person> = (0..10).map(|_| Person::new()).collect();
    let changes = people
        .iter()
        .map(|person| directory.new_account(person, true))
        .collect();
    let made: Vec<_> = session.apply(changes, always()).collect().await;
    assert!(
        made.into_iter()
            .all(|(_, outcome)| matches!(outcome, Outcome::Done(_)))
    );

    let pages: Vec<Vec<Account>> = session.list().try_collect().await.unwrap();
    assert!(pages.iter().all(|page| page.len() <= 3));
    for person in &people {
        let times = pages
            .iter()
            .flatten()
            .filter(|it| it.first("employeeID") == Some(&person.id))
            .count();
        assert_eq!(times, 1);
    }
}

/// A reference to nobody is said to be one, and nothing else of the change is written with it.
pub async fn a_manager_must_exist(directory: &Directory) {
    let session = &*directory.session().await;
    let person = Person::new();
    let anchor = make(session, directory, &person).await;
    let nobody = Anchor(Uuid::new_v4().to_string());
    let effects = vec![Effect::Refer {
        attribute: "manager".into(),
        before: None,
        after: Some(nobody),
    }];
    let error = refused(
        outcome(session, change(Some(&anchor), effects)).await,
        Kind::NotFound,
    );
    assert_eq!(
        (error.code.as_ref(), error.target.as_deref()),
        ("ReferenceNotFound", Some("manager"))
    );
}

/// Once somebody else may have taken over, nothing more is begun.
pub async fn what_may_not_start_is_not_begun(directory: &Directory) {
    let session = &*directory.session().await;
    let people: Vec<Person> = (0..10).map(|_| Person::new()).collect();
    let changes = people
        .iter()
        .map(|person| directory.new_account(person, false))
        .collect();
    let left = AtomicUsize::new(3);
    let may_start: MayStart = Arc::new(move || {
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
    });
    let outcomes: Vec<_> = session.apply(changes, may_start).collect().await;
    let begun = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Done(_)))
        .count();
    let not =
        |outcome: &Outcome| matches!(outcome, Outcome::Refused(error) if error.kind == Kind::Unavailable);
    assert_eq!(
        (begun, outcomes.iter().filter(|(_, outcome)| not(outcome)).count()),
        (3, 7)
    );
    let lookups: Vec<Lookup> = people.iter().map(Person::lookup).collect();
    assert_eq!(session.find(&lookups).await.unwrap().iter().flatten().count(), 3);
}

/// A server that stops answering: what was sent is unknown, what was not is refused, each change once.
pub async fn a_silent_server_leaves_doubt_and_no_hang(directory: &Directory) {
    let proxy = Proxy::before(directory).await;
    let mut config = directory.config();
    config.urls = vec![proxy.url.clone()];
    config.timeout = Duration::from_millis(1500);
    let session = &*target(config).open(None).await.unwrap();
    let anchor = make(session, directory, &Person::new()).await;
    session.find(&[Lookup::Anchor(anchor)]).await.unwrap();

    let people: Vec<Person> = (0..200).map(|_| Person::new()).collect();
    let changes: Vec<Change> = people
        .iter()
        .map(|person| directory.new_account(person, false))
        .collect();
    let started = Instant::now();
    let mut outcomes = session.apply(changes, always());
    let mut counts = [0; 4];
    let mut seen = HashSet::new();
    while let Some((id, outcome)) = outcomes.next().await {
        assert!(seen.insert(id));
        match outcome {
            Outcome::Done(_) => counts[0] += 1,
            Outcome::Unknown(..) => counts[1] += 1,
            Outcome::Refused(error) => {
                assert_eq!(error.kind, Kind::Unavailable);
                counts[2] += 1;
            }
            Outcome::Partial(..) => counts[3] += 1,
        }
        if seen.len() == 20 {
            proxy.freeze();
        }
    }
    println!(
        "done, unknown, refused, partial: {counts:?} in {:?}",
        started.elapsed()
    );
    assert_eq!(seen.len(), 200);
    assert!(counts[0] >= 20 && counts[1] > 0 && counts[2] > 0, "{counts:?}");
    assert!(started.elapsed() < Duration::from_secs(15));
    let error = session.find(&[by("employeeID", "x")]).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);

    proxy.thaw();
    let lookups: Vec<Lookup> = people.iter().map(Person::lookup).collect();
    assert_eq!(session.find(&lookups).await.unwrap().len(), 200);
}

/// A connection that breaks is made again; nobody has to open a new session.
pub async fn a_broken_connection_is_made_again(directory: &Directory) {
    let proxy = Proxy::before(directory).await;
    let mut config = directory.config();
    config.urls = vec![proxy.url.clone()];
    let target = target(config);
    let session = &*target.open(None).await.unwrap();
    proxy.cut();
    tokio::time::sleep(Duration::from_millis(200)).await;
    proxy.thaw();
    assert!(session.find(&[by("employeeID", "nobody")]).await.unwrap()[0].is_empty());
    assert!(target.open(None).await.is_ok());
}

/// The pinned controller if it answers; else whoever does, in order of preference.
pub async fn controllers_are_tried_in_order(directory: &Directory) {
    let dead = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let proxy = Proxy::before(directory).await;
    let mut config = directory.config();
    config.urls = vec![
        format!("ldap://{dead}"),
        directory.urls[0].clone(),
        proxy.url.clone(),
    ];
    let target = target(config);
    assert_eq!(target.open(None).await.unwrap().endpoint().0, directory.urls[0]);
    let pin = Endpoint(proxy.url.clone());
    assert_eq!(target.open(Some(&pin)).await.unwrap().endpoint(), &pin);
    proxy.close();
    assert_eq!(
        target.open(Some(&pin)).await.unwrap().endpoint().0,
        directory.urls[0]
    );

    let mut config = directory.config();
    config.urls = vec![format!("ldap://{dead}")];
    let Err(error) = self::target(config).open(None).await else {
        panic!("opened")
    };
    assert_eq!(error.kind, Kind::Unavailable);
}

/// The check finds everything at once, and nothing where nothing is wrong.
pub async fn the_check_finds_everything_at_once(directory: &Directory) {
    let names = |attributes: &[&str]| attributes.iter().map(|it| it.to_string()).collect::<Vec<_>>();
    let fine = ActiveDirectory::new(
        directory.config(),
        &names(&["cn", "accountDisabled", "title"]),
        None,
    )
    .unwrap();
    assert_eq!(fine.check(&[]).await, []);

    let mut config = directory.config();
    config.urls.insert(0, "ldap://127.0.0.1:1".to_string());
    config.search_base = format!("OU=Nowhere,{}", directory.base_dn);
    let wrong = ActiveDirectory::new(config, &names(&["title", "titel", "titles"]), None).unwrap();
    let problems = wrong.check(&[]).await;
    for word in ["127.0.0.1:1", "OU=Nowhere", "titel ", "titles "] {
        assert!(
            problems.iter().any(|it| it.message.contains(word)),
            "{word}: {problems:?}"
        );
    }
    assert_eq!(problems.len(), 4, "{problems:?}");
}

/// The directory says itself what accounts can hold.
pub async fn what_accounts_can_hold_is_discovered(directory: &Directory) {
    let found = directory.target().discover().await.unwrap();
    let of = |name: &str| found.iter().find(|one| one.name == name).cloned();
    let manager = of("manager").unwrap();
    assert_eq!(
        (manager.kind, manager.read_only),
        (AttributeType::Reference, false)
    );
    let description = of("description").unwrap();
    assert_eq!(
        (description.kind, description.multivalued),
        (AttributeType::String, true)
    );
    assert_eq!(of("userPassword").unwrap().kind, AttributeType::Binary);
    assert!(of("dc").is_none(), "no attribute of people's");
    let mut names: Vec<String> = found.iter().map(|one| one.name.to_lowercase()).collect();
    names.dedup();
    assert_eq!(names.len(), found.len());
}

/// How fast accounts are made, changed and found.
pub async fn pace(directory: &Directory) {
    let session = &*directory.session().await;
    let people: Vec<Person> = (0..200).map(|_| Person::new()).collect();
    let rate = |what: &str, started: Instant| {
        println!(
            "{what}: {:.0}/s",
            people.len() as f64 / started.elapsed().as_secs_f64()
        );
    };
    let started = Instant::now();
    let changes = people
        .iter()
        .map(|person| directory.new_account(person, true))
        .collect();
    let made: Vec<_> = session.apply(changes, always()).collect().await;
    let anchors: Vec<Anchor> = made
        .into_iter()
        .map(|(_, outcome)| done(outcome).account)
        .collect();
    rate("created", started);

    let started = Instant::now();
    let effect = || {
        vec![
            set("department", &["Engines"], &["Looms"]),
            set("company", &[], &["Analytical"]),
        ]
    };
    let changes = anchors
        .iter()
        .map(|anchor| change(Some(anchor), effect()))
        .collect();
    let changed: Vec<_> = session.apply(changes, always()).collect().await;
    changed.into_iter().for_each(|(_, outcome)| drop(done(outcome)));
    rate("changed", started);

    let started = Instant::now();
    let lookups: Vec<Lookup> = people.iter().map(Person::lookup).collect();
    for batch in lookups.chunks(100) {
        assert!(
            session
                .find(batch)
                .await
                .unwrap()
                .iter()
                .all(|found| found.len() == 1)
        );
    }
    rate("found", started);

    let started = Instant::now();
    let pages: Vec<Vec<Account>> = session.list().try_collect().await.unwrap();
    let count = pages.iter().map(Vec::len).sum::<usize>();
    println!(
        "listed: {count} at {:.0}/s",
        count as f64 / started.elapsed().as_secs_f64()
    );
}
