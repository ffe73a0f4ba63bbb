//! The directory connector against real servers: Samba as Active Directory, OpenLDAP as another LDAP server.
//!
//! Each story takes a [`Directory`] and runs on either kind; the tests at the end say which server gets
//! which story. Accounts get random names, so stories share a server without meeting.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::StreamExt;
use muster::connector::active_directory::{ActiveDirectory, Config};
use muster::connector::{Lookup, MayStart, Outcome, Session, Target};
use muster::domain::account::{Account, Anchor, Values};
use muster::domain::plan::{Change, Effect, Receipt, Recipe};
use muster::error::{Error, Kind};
use uuid::Uuid;

use crate::support;

mod domain;
mod proxy;
mod stories;
mod windows;

/// A running server, and an account that may write in two of its containers.
#[derive(Clone)]
pub struct Directory {
    pub urls: Vec<String>,
    pub base_dn: String,
    pub bind_dn: String,
    pub password: String,
    pub ca_file: Option<PathBuf>,
    pub containers: [String; 2],
}

const ATTRIBUTES: &[&str] = &[
    "cn",
    "sAMAccountName",
    "userPrincipalName",
    "employeeID",
    "givenName",
    "sn",
    "displayName",
    "department",
    "company",
    "mail",
    "mobile",
    "manager",
    "accountDisabled",
    "parentDistinguishedName",
];

impl Directory {
    fn config(&self) -> Config {
        Config {
            urls: self.urls.clone(),
            starttls: false,
            base_dn: self.base_dn.clone(),
            search_base: self.base_dn.clone(),
            bind_dn: self.bind_dn.clone(),
            password: self.password.clone().into(),
            ca_file: self.ca_file.clone(),
            timeout: Duration::from_secs(20),
            page_size: 1000,
            replication_delay: Duration::from_secs(900),
            global_catalog: Vec::new(),
            allow_privileged: false,
        }
    }

    fn target(&self) -> ActiveDirectory {
        target(self.config())
    }

    async fn session(&self) -> Box<dyn Session> {
        self.target().open(None).await.unwrap()
    }

    fn new_account(&self, person: &Person, enabled: bool) -> Change {
        let values = person.values.clone();
        let container = Some(self.containers[0].clone());
        change(
            None,
            vec![Effect::Create {
                values,
                container,
                enabled,
                password: Recipe::default(),
            }],
        )
    }
}

fn target(config: Config) -> ActiveDirectory {
    let attributes: Vec<String> = ATTRIBUTES.iter().map(|it| it.to_string()).collect();
    ActiveDirectory::new(config, &attributes, None).unwrap()
}

/// Somebody nobody else is called like.
struct Person {
    id: String,
    values: Values,
}

impl Person {
    fn new() -> Person {
        Person::called("Ada Lovelace")
    }

    fn called(name: &str) -> Person {
        let id = Uuid::new_v4().simple().to_string()[..10].to_string();
        let values = [
            ("cn", format!("{name} {id}")),
            ("sAMAccountName", format!("t{id}")),
            ("userPrincipalName", format!("t{id}@example.test")),
            ("employeeID", id.clone()),
            ("givenName", "Ada".to_string()),
            ("sn", "Lovelace".to_string()),
            ("department", "Engines".to_string()),
        ];
        let values = values
            .into_iter()
            .map(|(name, value)| (name.to_string(), vec![value]))
            .collect();
        Person { id, values }
    }

    fn with(mut self, attribute: &str, value: &str) -> Person {
        self.values.insert(attribute.to_string(), vec![value.to_string()]);
        self
    }

    fn cn(&self) -> &str {
        &self.values["cn"][0]
    }

    fn lookup(&self) -> Lookup {
        by("employeeID", &self.id)
    }
}

fn by(attribute: &str, value: &str) -> Lookup {
    Lookup::Match {
        attribute: attribute.to_string(),
        value: value.to_string(),
    }
}

fn change(account: Option<&Anchor>, effects: Vec<Effect>) -> Change {
    Change {
        id: Uuid::new_v4(),
        worker: "somebody".to_string(),
        account: account.cloned(),
        effects,
    }
}

fn set(attribute: &str, before: &[&str], after: &[&str]) -> Effect {
    let texts = |values: &[&str]| values.iter().map(|it| it.to_string()).collect();
    Effect::Set {
        attribute: attribute.to_string(),
        before: texts(before),
        after: texts(after),
    }
}

async fn one(session: &dyn Session, lookup: Lookup) -> Option<Account> {
    let mut found = session.find(&[lookup]).await.unwrap().remove(0);
    assert!(found.len() <= 1, "{found:?}");
    found.pop()
}

async fn outcome(session: &dyn Session, change: Change) -> Outcome {
    let id = change.id;
    let mut outcomes: Vec<_> = session.apply(vec![change], always()).collect().await;
    assert_eq!(outcomes.len(), 1);
    let (of, outcome) = outcomes.remove(0);
    assert_eq!(of, id);
    outcome
}

#[track_caller]
fn done(outcome: Outcome) -> Receipt {
    match outcome {
        Outcome::Done(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(outcome: Outcome, kind: Kind) -> Error {
    match outcome {
        Outcome::Refused(error) if error.kind == kind => error,
        other => panic!("{other:?}"),
    }
}

/// Nobody takes over.
fn always() -> MayStart {
    Arc::new(|| true)
}

async fn make(session: &dyn Session, directory: &Directory, person: &Person) -> Anchor {
    done(outcome(session, directory.new_account(person, true)).await).account
}

/// One controller for all stories. It is gone when the process is.
static DOMAIN: LazyLock<(support::samba::Controller, Directory)> = LazyLock::new(|| {
    let controller = support::samba::controller();
    let directory = domain_of(&controller);
    (controller, directory)
});

static OPENLDAP: LazyLock<support::openldap::Directory> = LazyLock::new(support::openldap::directory);

/// Active Directory, as seen by an account with rights on two containers.
fn domain_of(controller: &support::samba::Controller) -> Directory {
    let containers = ["OU=Staff,DC=example,DC=test", "OU=Leavers,DC=example,DC=test"];
    let (bind_dn, password) = controller.service_account(&containers);
    Directory {
        urls: vec![controller.ldaps_url.clone()],
        base_dn: controller.base_dn.clone(),
        bind_dn,
        password,
        ca_file: Some(controller.ca_file.clone()),
        containers: containers.map(str::to_string),
    }
}

fn samba() -> Directory {
    DOMAIN.1.clone()
}

/// Another server, without encryption on this very machine.
fn openldap() -> Directory {
    Directory {
        urls: vec![OPENLDAP.ldap_url.clone()],
        base_dn: OPENLDAP.base_dn.clone(),
        bind_dn: OPENLDAP.admin_dn.clone(),
        password: OPENLDAP.admin_password.clone(),
        ca_file: None,
        containers: [format!("OU=Staff,{}", OPENLDAP.base_dn), OPENLDAP.base_dn.clone()],
    }
}

/// The lab's directory, which plays Windows.
static LAB: LazyLock<support::lab::Lab> = LazyLock::new(|| {
    let delegated = ["OU=Staff,DC=example,DC=test", "OU=Leavers,DC=example,DC=test"];
    support::lab::directory_with(muster::lab::directory::Options {
        delegated: delegated.map(str::to_string).to_vec(),
        ..Default::default()
    })
});

fn lab() -> Directory {
    Directory {
        urls: vec![LAB.directory.url.clone()],
        base_dn: LAB.directory.base_dn.clone(),
        bind_dn: LAB.upn.clone(),
        password: LAB.directory.password.clone(),
        ca_file: Some(LAB.directory.ca_file.clone()),
        containers: ["OU=Staff,DC=example,DC=test", "OU=Leavers,DC=example,DC=test"].map(str::to_string),
    }
}

macro_rules! stories {
    ($server:ident: $($room:ident::{$($story:ident),* $(,)?})*) => {
        mod $server {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    // Starting a server blocks.
                    let directory = tokio::task::block_in_place(super::$server);
                    super::$room::$story(&directory).await;
                }
            )*)*
        }
    };
}

stories!(samba:
    stories::{
        a_whole_life,
        what_somebody_changed_is_left_alone,
        no_value_is_syntax,
        many_are_found_at_once,
        everybody_is_listed_in_pages,
        a_manager_must_exist,
        what_may_not_start_is_not_begun,
        a_silent_server_leaves_doubt_and_no_hang,
        a_broken_connection_is_made_again,
        controllers_are_tried_in_order,
        what_accounts_can_hold_is_discovered,
        the_check_finds_everything_at_once,
        pace,
    }
    domain::{
        names_are_unique,
        nobody_returns_with_the_old_password,
        rights_end_at_the_containers,
        containers_must_exist,
        unfit_values_name_their_attribute,
        every_attribute_takes_its_old_value_for_a_condition,
        a_wrong_password_is_tried_once,
        a_missing_index_is_a_warning,
        names_are_asked_of_the_whole_forest,
        encryption_is_verified,
    }
);

stories!(lab:
    stories::{
        a_whole_life,
        what_somebody_changed_is_left_alone,
        no_value_is_syntax,
        many_are_found_at_once,
        everybody_is_listed_in_pages,
        a_manager_must_exist,
        what_may_not_start_is_not_begun,
        a_silent_server_leaves_doubt_and_no_hang,
        a_broken_connection_is_made_again,
        controllers_are_tried_in_order,
        the_check_finds_everything_at_once,
        pace,
    }
    domain::{
        names_are_unique,
        nobody_returns_with_the_old_password,
        rights_end_at_the_containers,
        containers_must_exist,
        values_too_long_or_too_many_name_their_attribute,
        every_attribute_takes_its_old_value_for_a_condition,
        a_wrong_password_is_tried_once,
        a_missing_index_is_a_warning,
        encryption_is_verified,
    }
);

stories!(openldap:
    stories::{
        a_whole_life,
        what_somebody_changed_is_left_alone,
        no_value_is_syntax,
        many_are_found_at_once,
        everybody_is_listed_in_pages,
        a_manager_must_exist,
        what_may_not_start_is_not_begun,
        a_silent_server_leaves_doubt_and_no_hang,
        a_broken_connection_is_made_again,
        controllers_are_tried_in_order,
        what_accounts_can_hold_is_discovered,
        the_check_finds_everything_at_once,
        pace,
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_controller_is_waited_for_as_long_as_said() {
    // A controller of its own, for it is no use to others meanwhile.
    let controller = tokio::task::block_in_place(support::samba::controller);
    let directory = domain_of(&controller);
    domain::a_hung_controller_is_waited_for_as_long_as_said(&directory, |hang| match hang {
        true => controller.freeze(),
        false => controller.thaw(),
    })
    .await;
}
