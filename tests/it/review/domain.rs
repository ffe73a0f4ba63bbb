//! Two thousand accounts of a real domain that people made by hand, and HR's word about most of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::gateway::{ENTERPRISE, Gateway, Setup, eventually, person, with};
use crate::support::ldap::Entry;
use crate::support::samba::{self, Controller};

const STAFF: &str = "OU=Staff,DC=example,DC=test";
const SALES: &str = "OU=Sales,OU=Staff,DC=example,DC=test";
const PEOPLE: usize = 2_000;
const NEW: usize = 40;

const SEEN: &[&str] = &[
    "employeeID",
    "sAMAccountName",
    "userPrincipalName",
    "title",
    "department",
    "userAccountControl",
    "displayName",
];

/// How somebody's account came to be, by the last digit of his number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// As HR wants it, but for what nobody ever filled in.
    Plain,
    /// With another title than HR's.
    OtherTitle,
    /// Disabled by hand, of somebody who works there.
    HandDisabled,
    /// Put somewhere else by hand.
    HandPlaced,
    /// Enabled, of somebody who has left.
    Left,
    /// Two accounts with one number: an administrator's twin.
    Twin,
    /// Without a number, with HR's name for it.
    NamedAlike,
    /// Without a number, under another name; only who it is says whose.
    CalledAlike,
    /// The same, with an administrator's twin beside it.
    CalledAlikeTwin,
    /// Of nobody whom HR knows.
    Stray,
}

const KINDS: [Kind; 10] = [
    Kind::Plain,
    Kind::OtherTitle,
    Kind::HandDisabled,
    Kind::HandPlaced,
    Kind::Left,
    Kind::Twin,
    Kind::NamedAlike,
    Kind::CalledAlike,
    Kind::CalledAlikeTwin,
    Kind::Stray,
];

fn kind(who: usize) -> Kind {
    KINDS[who % 10]
}

fn number(who: usize) -> String {
    (10_000 + who).to_string()
}

/// What the person is called, and in HR signs in with.
fn names(who: usize) -> (String, String, String) {
    (
        format!("Given{who}"),
        format!("Surname{who}"),
        format!("given{who}.surname{who}"),
    )
}

/// What is in the directory of one person, in LDIF.
fn accounts(who: usize) -> String {
    let kind = kind(who);
    let (given, surname, login) = names(who);
    let place = if kind == Kind::HandPlaced { SALES } else { STAFF };
    let control = if kind == Kind::HandDisabled { 546 } else { 544 };
    let title = if kind == Kind::OtherTitle {
        "Clerk"
    } else {
        "Guide"
    };
    let login = match kind {
        Kind::CalledAlike | Kind::CalledAlikeTwin | Kind::Stray => format!("g{who}"),
        _ => login,
    };
    let has_number = !matches!(
        kind,
        Kind::NamedAlike | Kind::CalledAlike | Kind::CalledAlikeTwin | Kind::Stray
    );
    let id = match has_number {
        true => format!("employeeID: {}\n", number(who)),
        false => String::new(),
    };
    let mut ldif = format!(
        "dn: CN={given} {surname},{place}\nobjectClass: user\nsAMAccountName: {login}\nuserPrincipalName: {login}@example.test\n\
         displayName: {given} {surname}\ngivenName: {given}\nsn: {surname}\ntitle: {title}\nuserAccountControl: {control}\n{id}\n"
    );
    if matches!(kind, Kind::Twin | Kind::CalledAlikeTwin) {
        ldif += &format!(
            "dn: CN=adm-{given},{STAFF}\nobjectClass: user\nsAMAccountName: adm-{who}\ngivenName: {given}\nsn: {surname}\n\
             userAccountControl: 544\n{id}\n"
        );
    }
    ldif
}

fn said(who: usize) -> Json {
    let (given, surname, _) = names(who);
    with(
        person(&number(who), &format!("{given} {surname}")),
        json!({ "title": "Guide", "active": kind(who) != Kind::Left || who >= PEOPLE,
            ENTERPRISE: { "department": "Tours" } }),
    )
}

struct World {
    controller: Controller,
    gateway: Gateway,
}

impl World {
    async fn new() -> World {
        let controller = samba::controller();
        let (user, password) = controller.service_account(&[STAFF]);
        controller.index("employeeID");
        controller.add(&format!("dn: {SALES}\nobjectClass: organizationalUnit\n"));
        let all: Vec<usize> = (0..PEOPLE).collect();
        for some in all.chunks(250) {
            controller.add(&some.iter().map(|who| accounts(*who)).collect::<String>());
        }
        let target = format!(
            "kind = \"active-directory\"\nurls = [\"{}\"]\nbase_dn = \"{}\"\nbind_dn = \"{user}\"\npassword = \"{password}\"\nca_file = \"{}\"\n",
            controller.ldaps_url,
            controller.base_dn,
            controller.ca_file.display()
        );
        let setup = Setup::with_target(&target)
            .app("start = true\nfirst_cycle = \"review\"\nschema = \"schema.json\"");
        std::fs::write(setup.dir.path().join("schema.json"), schema()).unwrap();
        let gateway = setup.start().await;
        World { controller, gateway }
    }

    fn everybody(&self) -> BTreeMap<String, Entry> {
        let found = self
            .controller
            .search("(&(objectCategory=person)(givenName=*))", SEEN);
        let of = |entry: Entry| (entry.value("sAMAccountName").unwrap().to_string(), entry);
        found.into_iter().map(of).collect()
    }

    async fn send(&self, method: &str, what: &str, body: Option<Json>) -> Json {
        let path = format!("{}/{what}", self.gateway.caller.job_path());
        let (status, answer) = self.gateway.caller.send(method, &path, body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn review(&self) -> Json {
        self.send("GET", "review", None).await
    }
}

/// Whoever is in Tours belongs into the staff's own unit.
fn schema() -> String {
    let template = muster::domain::schema::template("API2AD").unwrap();
    let mut schema = template.document().unwrap().json().clone();
    schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
        .as_array_mut()
        .unwrap()
        .push(json!({
            "targetAttributeName": "parentDistinguishedName", "flowType": "Always", "matchingPriority": 0,
            "source": { "type": "Constant", "expression": format!("\"{STAFF}\""), "name": "Constant", "parameters": [] },
        }));
    schema.to_string()
}

fn of_kind(wanted: Kind) -> usize {
    (0..PEOPLE).filter(|who| kind(*who) == wanted).count()
}

fn is_enabled(entry: &Entry) -> bool {
    entry.value("userAccountControl").unwrap().parse::<u32>().unwrap() & 2 == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_two_thousand_accounts_are_reviewed_before_one_is_touched() {
    let world = World::new().await;
    let before = world.everybody();
    let known = (0..PEOPLE)
        .filter(|who| kind(*who) != Kind::Stray)
        .chain(PEOPLE..PEOPLE + NEW);
    let known: Vec<usize> = known.collect();
    for some in known.chunks(50) {
        let people: Vec<Json> = some.iter().map(|who| said(*who)).collect();
        world.gateway.caller.upload(&people).await;
    }
    world.gateway.caller.settled().await;
    eventually("everybody is under review", async || {
        world.review().await["report"]["withheld"] == known.len()
    })
    .await;
    let review = world.review().await;
    let report = &review["report"];
    let tenth = PEOPLE / 10;
    assert_eq!(report["matched"], json!({ "employeeID": 5 * tenth }), "{review}");
    assert_eq!(report["disputed"]["count"], of_kind(Kind::Twin));
    assert_eq!(report["possibleExistingAccounts"]["count"], 3 * tenth);
    assert_eq!(report["creates"]["count"], NEW);
    assert_eq!(report["enables"]["count"], 0);
    assert_eq!(report["disables"]["count"], of_kind(Kind::Left));
    assert_eq!(
        report["findings"]["DisabledElsewhere"]["count"],
        of_kind(Kind::HandDisabled)
    );
    assert_eq!(report["moves"][0]["from"], SALES);
    assert_eq!(report["moves"][0]["to"], STAFF);
    assert_eq!(report["moves"][0]["count"], of_kind(Kind::HandPlaced));
    let title = &report["attributes"]["title"];
    assert_eq!(title["overwritten"]["count"], of_kind(Kind::OtherTitle));
    assert_eq!(title["filled"]["count"], 0);
    assert_eq!(report["attributes"]["department"]["filled"]["count"], 5 * tenth);
    // The twins of both kinds, and whoever has no number.
    assert_eq!(
        review["accountsWithoutWorker"]["count"],
        4 * tenth + tenth + 2 * tenth,
        "{review}"
    );
    assert_eq!(world.everybody().len(), before.len(), "held");

    let released = world
        .send("POST", "review/release", Some(json!({ "all": true })))
        .await;
    assert_eq!(released["possibleExistingAccounts"], 3 * tenth, "{released}");
    eventually("what was released is done", async || {
        world.review().await["report"]["released"] == 0
    })
    .await;
    let after = world.everybody();
    let new: BTreeSet<&String> = after
        .keys()
        .filter(|login| !before.contains_key(*login))
        .collect();
    assert_eq!(new.len(), NEW, "{new:?}");
    let mut of_number: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in after.values() {
        if let Some(number) = entry.value("employeeID") {
            *of_number.entry(number).or_default() += 1;
        }
    }
    let twice = of_number.values().filter(|count| **count > 1).count();
    assert_eq!(twice, of_kind(Kind::Twin), "nobody got a second account");
    for who in 0..PEOPLE {
        let (given, surname, login) = names(who);
        let kind = kind(who);
        let login = match kind {
            Kind::CalledAlike | Kind::CalledAlikeTwin | Kind::Stray => format!("g{who}"),
            _ => login,
        };
        let (was, is) = (&before[&login], &after[&login]);
        let changes = matches!(
            kind,
            Kind::Plain | Kind::OtherTitle | Kind::HandDisabled | Kind::HandPlaced | Kind::Left
        );
        let title = if changes {
            Some("Guide")
        } else {
            was.value("title")
        };
        assert_eq!(is.value("title"), title, "{who}");
        let department = changes.then_some("Tours");
        assert_eq!(is.value("department"), department, "{who}");
        let enabled = is_enabled(was) && kind != Kind::Left;
        assert_eq!(is_enabled(is), enabled, "{kind:?} {who}");
        let place = if changes {
            STAFF
        } else {
            was.dn.split_once(',').unwrap().1
        };
        assert_eq!(is.dn, format!("CN={given} {surname},{place}"), "{who}");
        assert_eq!(is.value("employeeID"), was.value("employeeID"), "{who}");
    }
    // Whoever comes by to look once more finds nothing to do.
    let log = world.gateway.caller.logs("provisioningAction eq 'enable'").await;
    assert!(log.is_empty());
}
