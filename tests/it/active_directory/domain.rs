//! What only Active Directory knows: names that must be unique, rights, certificates, schema.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::StreamExt;
use muster::connector::active_directory::ActiveDirectory;
use muster::connector::{Lookup, Outcome, Severity, Target, UniqueValue};
use muster::domain::account::Protection;
use muster::domain::plan::{Change, Effect, Recipe};
use muster::error::{Kind, Result};

use super::proxy::Proxy;
use super::{Directory, Person, always, by, change, done, make, one, outcome, refused, set, target};

/// Every attribute of the usual mappings can be filled, changed and cleared value by value.
pub async fn every_attribute_takes_its_old_value_for_a_condition(directory: &Directory) {
    let one_by_one = [
        ("displayName", "Ada", "Countess"),
        ("givenName", "Ada", "Augusta"),
        ("sn", "King", "Byron"),
        ("middleName", "A", "B"),
        ("initials", "A", "AL"),
        ("description", "a", "b"),
        ("mail", "a@example.test", "b@example.test"),
        ("telephoneNumber", "1", "2"),
        ("mobile", "1", "2"),
        ("homePhone", "1", "2"),
        ("ipPhone", "1", "2"),
        ("pager", "1", "2"),
        ("facsimileTelephoneNumber", "1", "2"),
        ("otherTelephone", "1", "2"),
        ("title", "a", "b"),
        ("department", "a", "b"),
        ("departmentNumber", "1", "2"),
        ("company", "a", "b"),
        ("division", "a", "b"),
        ("employeeNumber", "1", "2"),
        ("employeeType", "a", "b"),
        ("physicalDeliveryOfficeName", "a", "b"),
        ("streetAddress", "a", "b\r\nc"),
        ("postOfficeBox", "1", "2"),
        ("l", "a", "b"),
        ("st", "a", "b"),
        ("postalCode", "1", "2"),
        ("co", "a", "b"),
        ("c", "DE", "IT"),
        ("preferredLanguage", "de", "it"),
        ("wWWHomePage", "a", "b"),
        ("info", "a", "b"),
        ("proxyAddresses", "smtp:a@example.test", "SMTP:A@example.test"),
        ("homeDirectory", "a", "b"),
        ("scriptPath", "a", "b"),
    ];
    let mut attributes: Vec<String> = one_by_one.iter().map(|(name, ..)| name.to_string()).collect();
    attributes.extend(["countryCode", "accountExpires", "employeeID"].map(str::to_string));
    let target = ActiveDirectory::new(directory.config(), &attributes, None).unwrap();
    let session = &*target.open(None).await.unwrap();
    let mut person = Person::new();
    for name in ["givenName", "sn", "department"] {
        person.values.remove(name);
    }
    let anchor = make(session, directory, &person).await;
    for (before, after) in [(0, 1), (1, 2), (2, 0)] {
        let pick = |(name, one, two): &(&str, &'static str, &'static str)| {
            let states: [&[&str]; 3] = [&[], &[one], &[two]];
            set(name, states[before], states[after])
        };
        let mut effects: Vec<Effect> = one_by_one.iter().map(pick).collect();
        let never = "9223372036854775807";
        let numbers = [
            [never, "0"],
            ["133536384000000000", "276"],
            ["133536384000000001", "380"],
        ];
        effects.push(set("accountExpires", &[numbers[before][0]], &[numbers[after][0]]));
        effects.push(set("countryCode", &[numbers[before][1]], &[numbers[after][1]]));
        done(outcome(session, change(Some(&anchor), effects)).await);
        let account = one(session, person.lookup()).await.unwrap();
        for (name, one, two) in &one_by_one {
            let expected = [None, Some(*one), Some(*two)][after];
            assert_eq!(account.first(name), expected, "{name}");
        }
    }
}

/// Names that must be unique are a conflict at the attribute that caused it.
pub async fn names_are_unique(directory: &Directory) {
    let session = &*directory.session().await;
    let person = Person::new();
    make(session, directory, &person).await;
    let taken = |attribute: &str| Person::new().with(attribute, &person.values[attribute][0]);
    for attribute in ["cn", "sAMAccountName", "userPrincipalName"] {
        let again = directory.new_account(&taken(attribute), true);
        let error = refused(outcome(session, again).await, Kind::Conflict);
        assert_eq!(error.target.as_deref(), Some(attribute), "{error:?}");
        assert!(!error.message.contains(&person.id), "{error:?}");
    }
}

/// Whoever returns is let in with another password, or not at all (B20).
pub async fn nobody_returns_with_the_old_password(directory: &Directory) {
    let session = &*directory.session().await;
    let anchor = make(session, directory, &Person::new()).await;
    done(outcome(session, change(Some(&anchor), vec![Effect::Disable])).await);
    let back = |password: Recipe| {
        let password = Effect::Password { password };
        change(
            Some(&anchor),
            vec![set("title", &[], &["Guide"]), Effect::Enable, password],
        )
    };
    let weak = Recipe {
        expression: Some("\"a\"".into()),
        ..Recipe::default()
    };
    match outcome(session, back(weak)).await {
        Outcome::Partial(receipt, error) => {
            assert_eq!(receipt.done, [set("title", &[], &["Guide"])]);
            assert_eq!(error.target.as_deref(), Some("unicodePwd"), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
    let account = one(session, Lookup::Anchor(anchor.clone())).await.unwrap();
    assert_eq!(account.enabled, Some(false));
    let password = Effect::Password {
        password: Recipe::default(),
    };
    let again = change(Some(&anchor), vec![Effect::Enable, password.clone()]);
    let receipt = done(outcome(session, again).await);
    assert_eq!(receipt.done, [password, Effect::Enable]);
    let account = one(session, Lookup::Anchor(anchor)).await.unwrap();
    assert_eq!(account.enabled, Some(true));
}

/// Our service account may do nothing outside its containers, and is told so.
pub async fn rights_end_at_the_containers(directory: &Directory) {
    let session = &*directory.session().await;
    let outside = format!("CN=Users,{}", directory.base_dn);
    let create = Effect::Create {
        values: Person::new().values,
        container: Some(outside.clone()),
        enabled: true,
        password: Recipe::default(),
    };
    let person = Person::new();
    let anchor = make(session, directory, &person).await;
    let away = Effect::Move {
        before: directory.containers[0].clone(),
        after: outside,
    };
    let guest = one(session, by("sAMAccountName", "Guest")).await.unwrap();
    for (account, effect) in [
        (None, create),
        (Some(&anchor), away),
        (Some(&guest.anchor), Effect::Delete),
    ] {
        let error = refused(
            outcome(session, change(account, vec![effect])).await,
            Kind::Forbidden,
        );
        assert_eq!(
            error.code,
            "HybridSynchronizationActiveDirectoryInsufficientAccessRights"
        );
    }
    assert_eq!(guest.protected, Some(Protection::CriticalSystemObject));
    let own = one(session, by("userPrincipalName", &directory.bind_dn))
        .await
        .unwrap();
    assert_eq!(own.protected, Some(Protection::OwnAccount));
    let root = one(session, by("sAMAccountName", "Administrator")).await.unwrap();
    assert!(root.protected.is_some());
}

/// A container that is not there is the container's fault.
pub async fn containers_must_exist(directory: &Directory) {
    let session = &*directory.session().await;
    let nowhere = format!("OU=Nowhere,{}", directory.base_dn);
    let create = Effect::Create {
        values: Person::new().values,
        container: Some(nowhere.clone()),
        enabled: true,
        password: Recipe::default(),
    };
    let anchor = make(session, directory, &Person::new()).await;
    let away = Effect::Move {
        before: directory.containers[0].clone(),
        after: nowhere,
    };
    for (account, effect) in [(None, create), (Some(&anchor), away)] {
        let outcome = outcome(session, change(account, vec![effect])).await;
        let Outcome::Refused(error) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(
            error.target.as_deref(),
            Some("parentDistinguishedName"),
            "{error:?}"
        );
    }
}

/// Values that the schema refuses hold the attribute they belong to.
pub async fn unfit_values_name_their_attribute(directory: &Directory) {
    let session = &*directory.session().await;
    let anchor = make(session, directory, &Person::new()).await;
    for (effect, attribute) in [
        (set("company", &[], &["x".repeat(70).as_str()]), Some("company")),
        (set("company", &[], &["one", "two"]), Some("company")),
        (set("noSuchAttribute", &[], &["x"]), Some("noSuchAttribute")),
        (set("countryCode", &["0"], &["abc"]), Some("countryCode")),
    ] {
        let said = format!("{effect:?}");
        let error = refused(
            outcome(session, change(Some(&anchor), vec![effect])).await,
            Kind::Invalid,
        );
        assert_eq!(error.target.as_deref(), attribute, "{said}: {error:?}");
    }
}

/// Of these Windows names the attribute too; of values that are none and of unknown attributes it does not.
pub async fn values_too_long_or_too_many_name_their_attribute(directory: &Directory) {
    let session = &*directory.session().await;
    let anchor = make(session, directory, &Person::new()).await;
    let long = "x".repeat(70);
    for (after, code) in [
        (&[long.as_str()][..], "ConstraintViolation"),
        (&["one", "two"], "SchemaPropertyCanOnlyAcceptValue"),
    ] {
        let change = change(Some(&anchor), vec![set("company", &[], after)]);
        let error = refused(outcome(session, change).await, Kind::Invalid);
        assert_eq!(
            (error.code.as_ref(), error.target.as_deref()),
            (code, Some("company"))
        );
    }
}

/// Matching by an attribute without an index is slow in AD, and the check says so.
pub async fn a_missing_index_is_a_warning(directory: &Directory) {
    let names = ["employeeID".to_string(), "userPrincipalName".to_string()];
    let problems = ActiveDirectory::new(directory.config(), &names, None)
        .unwrap()
        .check(&[])
        .await;
    assert!(
        matches!(&problems[..], [it] if it.severity == Severity::Warning && it.message.contains("employeeID"))
    );
}

/// A wrong password is tried once, and never again by this target.
pub async fn a_wrong_password_is_tried_once(directory: &Directory) {
    let victim = Person::new();
    let session = &*directory.session().await;
    make(session, directory, &victim).await;

    let proxies = [Proxy::before(directory).await, Proxy::before(directory).await];
    let mut config = directory.config();
    config.bind_dn = victim.values["userPrincipalName"][0].clone();
    config.password = "wrong".to_string().into();
    config.urls = proxies.iter().map(|proxy| proxy.url.clone()).collect();
    let target = target(config);
    for _ in 0..3 {
        let Err(error) = target.open(None).await else {
            panic!("opened")
        };
        assert_eq!(error.kind, Kind::Unauthenticated);
    }
    assert_eq!(target.check(&[]).await.len(), 1);
    assert_eq!(
        proxies.map(|proxy| proxy.connections.load(Ordering::Relaxed)),
        [1, 0]
    );
}

/// Certificates are verified, with StartTLS as well.
pub async fn encryption_is_verified(directory: &Directory) {
    let mut stranger = directory.config();
    stranger.ca_file = None;
    let Err(error) = target(stranger).open(None).await else {
        panic!("opened")
    };
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.message.contains("ca_file"), "{error:?}");

    let mut config = directory.config();
    config.urls = vec![directory.urls[0].replace("ldaps://", "ldap://")];
    config.starttls = true;
    let session = &*target(config).open(None).await.unwrap();
    make(session, directory, &Person::new()).await;
}

/// A controller that hangs: its kernel still accepts connections, but nobody answers.
pub async fn a_hung_controller_is_waited_for_as_long_as_said(directory: &Directory, hang: impl Fn(bool)) {
    let mut config = directory.config();
    config.timeout = Duration::from_secs(1);
    let target = target(config);
    let session = &*target.open(None).await.unwrap();
    let people: Vec<Person> = (0..10).map(|_| Person::new()).collect();
    hang(true);
    let started = Instant::now();
    let changes: Vec<Change> = people
        .iter()
        .map(|person| directory.new_account(person, true))
        .collect();
    let outcomes: Vec<_> = session.apply(changes, always()).collect().await;
    assert_eq!(outcomes.len(), 10);
    // One was sent on the one connection there was; for the others there was none.
    let unknown = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Unknown(None, _)))
        .count();
    assert_eq!(unknown, 1, "{outcomes:?}");
    assert!(target.open(None).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(6));

    hang(false);
    let session = &*target.open(None).await.unwrap();
    let lookups: Vec<_> = people.iter().map(Person::lookup).collect();
    let found = session.find(&lookups).await.unwrap();
    // What was in doubt may have been done, and is found; nothing else was.
    assert!(found.iter().flatten().count() <= 1, "{found:?}");
}

/// Whoever lives elsewhere in the forest is seen in its global catalog: here, beyond the base (B22).
pub async fn names_are_asked_of_the_whole_forest(directory: &Directory) {
    let person = Person::new();
    make(&*directory.session().await, directory, &person).await;
    let values = ["userPrincipalName", "sAMAccountName"].map(|attribute| UniqueValue {
        attribute: attribute.to_string(),
        value: person.values[attribute][0].clone(),
    });
    let mut config = directory.config();
    config.base_dn = directory.containers[1].clone();
    config.search_base = config.base_dn.clone();
    let taken = async |config: muster::connector::active_directory::config::Config| {
        let session = target(config).open(None).await.unwrap();
        session.taken(&values).await
    };
    let answers =
        |taken: Result<Vec<Result<bool>>>| taken.unwrap().into_iter().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(answers(taken(config.clone()).await), [false, false]);

    config.global_catalog = vec!["ldap://127.0.0.1:9".to_string()];
    for unknown in taken(config.clone()).await.unwrap() {
        assert_eq!(unknown.unwrap_err().kind, Kind::Unavailable);
    }

    // The first does not answer, the second does. A sAMAccountName is the domain's own.
    config.global_catalog.push(format!("{}:3269", directory.urls[0]));
    assert_eq!(answers(taken(config).await), [true, false]);
}
