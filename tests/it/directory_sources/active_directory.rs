//! Active Directory as a source: Samba, and the lab as Windows. The administrator follows changes by DirSync, the service
//! account by their numbers.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::connector::{Cursor, End, Severity, Source};
use muster::domain::value::Value;
use muster::error::Kind;
use uuid::Uuid;

use crate::support::lab;
use crate::support::ldap::Client;
use crate::support::samba::{self, Controller};
use crate::support::source::{self, Heard, nowhere};

const ATTRIBUTES: &[&str] = &[
    "EmployeeID",
    "accountDisabled",
    "mail",
    "department",
    "manager",
    "objectGUID",
    "otherTelephone",
    "parentDistinguishedName",
    "distinguishedName",
];

/// Who reads, and how it follows changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// By cookies.
    Administrator,
    /// By numbers, and without seeing what was deleted.
    ServiceAccount,
}

/// A running domain, and who may do what.
struct Domain {
    admin: Client,
    service: Client,
    _lab: Option<lab::Lab>,
}

static SAMBA: LazyLock<(Controller, String, String)> = LazyLock::new(|| {
    let controller = samba::controller();
    let (user, password) = controller.service_account(&["OU=Staff,DC=example,DC=test"]);
    (controller, user, password)
});

fn simulated() -> Domain {
    let lab = lab::directory();
    Domain {
        admin: lab.admin(),
        service: lab.client(),
        _lab: Some(lab),
    }
}

fn samba() -> Domain {
    let (controller, user, password) = &*SAMBA;
    Domain {
        admin: controller.admin(),
        service: controller.client(user, password),
        _lab: None,
    }
}

impl Domain {
    /// A unit of its own, so that tests do not meet, with another beside it.
    fn units(&self) -> Units<'_> {
        let id = Uuid::new_v4().simple().to_string()[..8].to_string();
        let inside = format!("OU=In {id},{}", self.admin.base_dn);
        let outside = format!("OU=Out {id},{}", self.admin.base_dn);
        for unit in [&inside, &outside] {
            self.admin
                .add(&format!("dn: {unit}\nobjectClass: organizationalUnit\n"))
                .unwrap();
        }
        Units {
            domain: self,
            id,
            inside,
            outside,
        }
    }
}

struct Units<'d> {
    domain: &'d Domain,
    id: String,
    inside: String,
    outside: String,
}

impl Units<'_> {
    fn table(&self, reader: Reader) -> String {
        let client = match reader {
            Reader::Administrator => &self.domain.admin,
            Reader::ServiceAccount => &self.domain.service,
        };
        format!(
            "kind = \"active-directory\"\nurls = [\"{}\"]\nbase_dn = \"{}\"\nsearch_base = \"{}\"\nbind_dn = \"{}\"\npassword = \"{}\"\nca_file = \"{}\"\npage_size = 2\ntimeout = \"20s\"\n",
            client.url,
            client.base_dn,
            self.inside,
            client.user,
            client.password,
            client.ca_file.display()
        )
    }

    fn source(&self, reader: Reader) -> Box<dyn Source> {
        source::source(&self.table(reader), ATTRIBUTES)
    }

    /// Puts somebody into a unit; gives the anchor.
    fn hire(&self, name: &str, unit: &str, more: &str) -> String {
        let account = format!("{name}{}", self.id);
        let dn = format!("CN={name},{unit}");
        self.domain
            .admin
            .add(&format!(
                "dn: {dn}\nobjectClass: user\nsAMAccountName: {account}\nuserAccountControl: 544\n{more}"
            ))
            .unwrap();
        let found = self
            .domain
            .admin
            .search(&format!("(sAMAccountName={account})"), &["objectGUID"]);
        let octets = STANDARD
            .decode(found.unwrap()[0].value("objectGUID").unwrap())
            .unwrap();
        Uuid::from_bytes_le(octets.try_into().unwrap()).to_string()
    }

    fn modify(&self, name: &str, unit: &str, changes: &str) {
        let ldif = format!("dn: CN={name},{unit}\nchangetype: modify\n{changes}\n");
        self.domain.admin.modify(&ldif).unwrap();
    }

    fn move_to(&self, name: &str, from: &str, to: &str) {
        self.rename(&format!("CN={name},{from}"), &format!("CN={name}"), to);
    }

    fn rename(&self, dn: &str, rdn: &str, parent: &str) {
        let ldif =
            format!("dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\nnewsuperior: {parent}\n");
        self.domain.admin.modify(&ldif).unwrap();
    }
}

async fn changes_are_followed(domain: &Domain, reader: Reader) {
    let units = domain.units();
    let (inside, outside) = (units.inside.as_str(), units.outside.as_str());
    let ada = units.hire(
        "Ada",
        inside,
        "employeeID: 1\nmail: ada@example.test\ndepartment: Engines\notherTelephone: 1\notherTelephone: 2\n",
    );
    let bob = units.hire(
        "Bob",
        inside,
        &format!("employeeID: 2\nmanager: CN=Ada,{inside}\n"),
    );
    let cyd = units.hire("Cyd", inside, "employeeID: 3\n");
    let dan = units.hire("Dan", outside, "employeeID: 4\n");

    let source = units.source(reader);
    let mut heard = Heard::default();
    let mut watermark = heard.full(&*source).await;
    assert_eq!(heard.workers.len(), 3, "in pages of two: {:?}", heard.heard_of());
    let place = watermark.place.clone().unwrap();
    match reader {
        Reader::Administrator => assert!(place.starts_with("cookie:"), "{place}"),
        Reader::ServiceAccount => assert!(place.starts_with("number:"), "{place}"),
    }
    let worker = &heard.workers[&ada];
    assert_eq!(worker.active, Some(true));
    assert_eq!(worker.attributes["accountDisabled"], Value::Bool(false));
    assert_eq!(worker.employment.as_ref().unwrap().person.as_deref(), Some("1"));
    for (anchor, attribute, value) in [
        (&ada, "EmployeeID", "1"),
        (&ada, "mail", "ada@example.test"),
        (&ada, "objectGUID", ada.as_str()),
        (&ada, "distinguishedName", &format!("CN=Ada,{inside}")),
        (&ada, "parentDistinguishedName", inside),
        (&ada, "manager", "null"),
        (&bob, "manager", ada.as_str()),
        (&cyd, "mail", "null"),
    ] {
        assert_eq!(heard.text(anchor, attribute), value, "{attribute}");
    }
    let mut numbers = worker.attributes["otherTelephone"].to_texts();
    numbers.sort();
    assert_eq!(numbers, ["1", "2"]);

    watermark = heard.since(&*source, watermark).await;
    assert_eq!(heard.said, [], "no news");

    units.modify(
        "Ada",
        inside,
        "delete: mail\n-\nreplace: department\ndepartment: Poems\n",
    );
    units.modify(
        "Bob",
        inside,
        "replace: userAccountControl\nuserAccountControl: 546\n",
    );
    watermark = heard.since(&*source, watermark).await;
    let mut expected = [ada.as_str(), bob.as_str()];
    expected.sort_unstable();
    assert_eq!(heard.heard_of(), expected);
    assert_eq!(heard.text(&ada, "mail"), "null");
    assert_eq!(heard.text(&ada, "department"), "Poems");
    assert_eq!(heard.text(&ada, "EmployeeID"), "1");
    assert_eq!(heard.workers[&bob].active, Some(false));
    assert_eq!(heard.text(&bob, "accountDisabled"), "True");

    units.move_to("Dan", outside, inside);
    units.move_to("Bob", inside, outside);
    domain.admin.delete(&format!("CN=Cyd,{inside}")).unwrap();
    watermark = heard.since(&*source, watermark).await;
    assert_eq!(heard.text(&dan, "EmployeeID"), "4", "whole, though only moved");
    assert!(heard.workers[&bob].gone.is_some(), "moved out of the base");
    let sees = reader == Reader::Administrator;
    assert_eq!(heard.workers[&cyd].gone.is_some(), sees, "deleted");

    units.move_to("Bob", outside, inside);
    watermark = heard.since(&*source, watermark).await;
    assert_eq!(heard.workers[&bob].gone, None);

    // Who is in it does not change, and lies elsewhere all the same.
    let unit = format!("OU=Deep {}", units.id);
    domain
        .admin
        .add(&format!(
            "dn: {unit},{outside}\nobjectClass: organizationalUnit\n"
        ))
        .unwrap();
    units.hire("Eve", &format!("{unit},{outside}"), "employeeID: 5\n");
    watermark = heard.since(&*source, watermark).await;
    units.rename(&format!("{unit},{outside}"), &unit, inside);
    heard.read(&*source, Cursor::Since(watermark)).await.unwrap();
    assert_eq!(heard.end, Some(End::Expired), "a unit came from elsewhere");
    heard.full(&*source).await;
    assert_eq!(heard.workers.len(), 5);
}

async fn somebody_is_asked_for(domain: &Domain, reader: Reader) {
    let units = domain.units();
    let id = &units.id;
    let ada = units.hire("Ada", &units.inside, &format!("employeeID: {id}1\n"));
    let bob = units.hire("Bob", &units.inside, &format!("employeeID: {id}2\n"));
    let out = units.hire("Out", &units.outside, &format!("employeeID: {id}3\n"));
    let source = units.source(reader);
    let mut heard = Heard::default();
    heard.full(&*source).await;
    domain.admin.delete(&format!("CN=Bob,{}", units.inside)).unwrap();
    units.move_to("Ada", &units.inside, &units.outside);
    let asked = [
        &ada,
        &bob,
        &out,
        &Uuid::new_v4().to_string(),
        &"no id".to_string(),
    ]
    .map(String::clone);
    heard
        .read(&*source, Cursor::Workers(asked.to_vec()))
        .await
        .unwrap();
    assert_eq!(heard.complete().place, None);
    assert!(heard.workers[&ada].gone.is_some(), "it lies elsewhere");
    let sees = reader == Reader::Administrator;
    assert_eq!(heard.workers[&bob].gone.is_some(), sees, "deleted");
    assert!(!heard.workers.contains_key(&out));

    units.move_to("Ada", &units.outside, &units.inside);
    let holding = |attribute: &str, values: Vec<String>| Cursor::Holding {
        attribute: attribute.into(),
        values,
    };
    let mut values: Vec<String> = (0..250).map(|at| format!("x{at}")).collect();
    values.extend([format!("{id}1"), format!("{id}3"), String::new()]);
    let mut heard = Heard::default();
    heard.read(&*source, holding("employeeID", values)).await.unwrap();
    assert_eq!(heard.workers.keys().collect::<Vec<_>>(), [&ada]);
    let wrong = heard
        .read(&*source, holding("accountDisabled", vec!["True".into()]))
        .await;
    assert_eq!(wrong.unwrap_err().kind, Kind::Invalid);
}

async fn a_place_may_be_of_no_use(domain: &Domain) {
    let units = domain.units();
    units.hire("Ada", &units.inside, "");
    domain.admin.delete(&format!("CN=Ada,{}", units.inside)).unwrap();
    let (admin, service) = (
        units.source(Reader::Administrator),
        units.source(Reader::ServiceAccount),
    );
    let mut heard = Heard::default();
    let cookie = heard.full(&*admin).await.place.unwrap();
    let number = heard.full(&*service).await.place.unwrap();
    let parts: Vec<&str> = number["number:".len()..].splitn(4, ' ').collect();
    let [highest, everybody, life, controller] = parts[..] else {
        panic!("{number}")
    };
    assert_eq!(life.len(), 32, "{number}");
    let another = |highest: &str, everybody: &str, life: &str, controller: &str| {
        format!("number:{highest} {everybody} {life} {controller}")
    };
    let other_life = another(
        highest,
        everybody,
        &life.replace(char::is_numeric, "f"),
        controller,
    );
    for (source, place) in [
        (&admin, None),
        (&admin, Some("cookie:bm9uc2Vuc2U=")),
        (&admin, Some("https://graph.microsoft.com/v1.0/users/delta")),
        (&service, Some("cookie")),
        // What only the administrator may ask.
        (&service, Some(cookie.as_str())),
        (&service, Some(&other_life)),
        (
            &service,
            Some(&another(highest, everybody, life, "CN=NTDS Settings,CN=DC9")),
        ),
        // The controller went back in time.
        (&service, Some(&another("99999999", everybody, life, controller))),
        // Nobody told it for days who was deleted.
        (
            &service,
            Some(&another(highest, "2020-01-01T00:00:00Z", life, controller)),
        ),
    ] {
        heard.read(&**source, nowhere(place)).await.unwrap();
        assert_eq!(heard.end, Some(End::Expired), "{place:?}");
        assert_eq!(heard.said, []);
    }
    // The administrator sees what was deleted, and is blind at no time.
    let old = another(highest, "2020-01-01T00:00:00Z", life, controller);
    heard.read(&*admin, nowhere(Some(&old))).await.unwrap();
    heard.complete();
}

async fn check_says_what_is_wrong(domain: &Domain) {
    let units = domain.units();
    assert_eq!(units.source(Reader::Administrator).check().await, []);
    let problems = units.source(Reader::ServiceAccount).check().await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].message.contains("Replicating Directory Changes"));

    let names = ["employeeID", "badge", "a b", "accountDisabled"];
    let source = source::source(&units.table(Reader::Administrator), &names);
    let problems = source.check().await;
    let told: Vec<&str> = problems.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(problems.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("a b ") && told[1].starts_with("badge "),
        "{told:?}"
    );
    assert!(problems.iter().all(|it| it.severity == Severity::Warning));
    let ada = units.hire("Ada", &units.inside, "employeeID: 7\n");
    let mut heard = Heard::default();
    heard.full(&*source).await;
    assert_eq!(heard.text(&ada, "badge"), "null");
    assert_eq!(heard.text(&ada, "a b"), "-");

    let elsewhere = units.table(Reader::Administrator).replace("OU=In", "OU=Nowhere");
    let problems = source::source(&elsewhere, &names[..1]).check().await;
    assert!(problems[0].message.starts_with("search_base"), "{problems:?}");
    assert_eq!(problems[0].severity, Severity::Error);
    let wrong = units
        .table(Reader::Administrator)
        .replace("password = \"", "password = \"not ");
    let source = source::source(&wrong, &names[..1]);
    let error = heard.read(&*source, Cursor::Full).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unauthenticated);
    assert_eq!(source.check().await[0].severity, Severity::Error);
}

macro_rules! on_both {
    ($($name:ident($domain:ident) $body:expr;)+) => {
        mod simulated_domain {
            use super::*;
            $(#[tokio::test]
            async fn $name() { let $domain = &simulated(); $body.await; })+
        }
        mod samba_domain {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                // Of one domain there is one story of changes.
                let _turn = TURN.lock().await;
                let $domain = &samba();
                $body.await;
            })+
        }
    };
}

static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

on_both! {
    changes_are_followed_by_cookies(domain) changes_are_followed(domain, Reader::Administrator);
    changes_are_followed_by_numbers(domain) changes_are_followed(domain, Reader::ServiceAccount);
    an_administrator_asks_for_somebody(domain) somebody_is_asked_for(domain, Reader::Administrator);
    the_service_account_asks_for_somebody(domain) somebody_is_asked_for(domain, Reader::ServiceAccount);
    places_expire(domain) a_place_may_be_of_no_use(domain);
    check_tells(domain) check_says_what_is_wrong(domain);
}
