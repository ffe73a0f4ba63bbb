//! How fast a company appears in its directory: the first cycle, from the first upload to the last outcome, and
//! beside it what a bare client makes of the same directory.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use muster::config::Config;
use muster::connector::Outcome;
use muster::connector::bulk;
use muster::domain::plan::{self, Change, Facts, Moment};
use muster::domain::worker::Worker;
use muster::engine::{self, Clock};
use uuid::Uuid;

use crate::bare::Directory;
use crate::company;
use crate::gateway::Setup;
use crate::report::{Report, Target};
use crate::running::Running;
use crate::support::{openldap, samba};

const WORKERS: usize = 2_000;

/// Active Directory hashes each password many times over.
const IN_ACTIVE_DIRECTORY: usize = 300;

const CONNECTIONS: usize = 4;

pub async fn openldap(report: &mut Report) {
    let [directory, for_the_connector, for_the_bare] = [(); 3].map(|()| openldap::directory());
    let setup = gateway(&Directory::openldap(&directory), &directory.ca_file);
    let created = rate(WORKERS, from_first_to_last(&setup, 0..WORKERS).await);
    report.figure(
        "2,000 workers created, upload to last outcome",
        "workers/s",
        Target::AtLeast(1_500.0),
        created,
    );
    let managed = directory.client().search("(manager=*)", &["1.1"]).unwrap();
    assert_eq!(managed.len(), WORKERS - 1, "everybody but one has a manager");

    let again = gateway(&Directory::openldap(&directory), &directory.ca_file);
    let matched = rate(WORKERS, from_first_to_last(&again, 0..WORKERS).await);
    report.figure(
        "2,000 workers matched, upload to last outcome",
        "workers/s",
        Target::AtLeast(1_500.0),
        matched,
    );

    let by_itself = Directory::openldap(&for_the_bare);
    let changes = planned(&setup, 0..WORKERS);
    let making = by_itself.create(&changes).await;
    let bare = rate(WORKERS, making);
    report.figure("accounts made by a bare client", "accounts/s", Target::None, bare);
    let whole = rate(WORKERS, making + by_itself.refer(&changes).await);
    report.figure(
        "accounts made and managers set by a bare client",
        "accounts/s",
        Target::None,
        whole,
    );
    let setup = gateway(
        &Directory::openldap(&for_the_connector),
        &for_the_connector.ca_file,
    );
    let applied = rate(WORKERS, apply(&setup, planned(&setup, 0..WORKERS)).await);
    report.figure(
        "accounts made by the connector",
        "accounts/s",
        Target::None,
        applied,
    );
    report.figure(
        "applying ÷ bare client",
        "ratio",
        Target::AtLeast(0.5),
        applied / bare,
    );
    report.figure(
        "whole cycle, managers set ÷ bare client",
        "ratio",
        Target::None,
        created / whole,
    );
}

pub async fn active_directory(report: &mut Report) {
    let controller = samba::controller();
    let directory = Directory::samba(&controller);
    let setup = gateway(&directory, &controller.ca_file);
    let [before, ours, after] = [0, 1, 3].map(|start| start * IN_ACTIVE_DIRECTORY);
    // A domain slows down as it fills: half of what the bare client does comes before, half after.
    let half = IN_ACTIVE_DIRECTORY / 2;
    let mut bare = directory.create(&planned(&setup, before..before + half)).await;
    let took = from_first_to_last(&setup, ours..ours + IN_ACTIVE_DIRECTORY).await;
    bare += directory.create(&planned(&setup, after..after + half)).await;
    let (created, bare) = (rate(IN_ACTIVE_DIRECTORY, took), rate(IN_ACTIVE_DIRECTORY, bare));
    report.figure(
        "new enabled accounts by a bare client",
        "accounts/s",
        Target::None,
        bare,
    );
    report.figure(
        "new enabled accounts, upload to last outcome",
        "accounts/s",
        Target::None,
        created,
    );
    report.figure(
        "whole cycle ÷ bare client",
        "ratio",
        Target::AtLeast(0.9),
        created / bare,
    );
}

fn gateway(directory: &Directory, ca_file: &Path) -> Setup {
    Setup::with_target(&directory.config(ca_file)).app("start = true")
}

fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// How long it takes from the first upload until everybody has an outcome, managers included.
async fn from_first_to_last(setup: &Setup, people: Range<usize>) -> Duration {
    let uploads = company::uploads(people);
    let running = Running::start(setup).await;
    let began = Instant::now();
    running.upload(&uploads, CONNECTIONS).await;
    running.until_idle().await;
    began.elapsed()
}

/// How long the connector takes for these changes, without anything around it.
async fn apply(setup: &Setup, changes: Vec<Change>) -> Duration {
    let config = config(setup);
    let (policy, _) = engine::compile(&config, &config.apps[0]).unwrap();
    let target = config.systems["corp"]
        .target(&policy.target_attributes(), None)
        .unwrap();
    let session = target.open(None).await.unwrap();
    let began = Instant::now();
    let outcomes = session.apply(changes, Arc::new(|| true));
    outcomes
        .for_each(async |(_, outcome)| assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}"))
        .await;
    began.elapsed()
}

/// What the gateway plans for these people where nobody has an account yet.
fn planned(setup: &Setup, people: Range<usize>) -> Vec<Change> {
    let config = config(setup);
    let (policy, _) = engine::compile(&config, &config.apps[0]).unwrap();
    let moment = Moment {
        now: Clock::system().now(),
        plan: Uuid::now_v7(),
    };
    let uploads = company::uploads(people);
    let said = uploads
        .iter()
        .flat_map(|upload| bulk::statements(upload.as_bytes(), moment.now).unwrap());
    said.map(|statement| {
        let statement = statement.unwrap();
        let mut worker = Worker::new(statement.anchor.clone());
        worker.fold(statement);
        plan::plan(&policy, &worker, Facts::default(), &moment).change
    })
    .collect()
}

fn config(setup: &Setup) -> Config {
    Config::parse(&setup.text("127.0.0.1:0"), setup.dir.path()).unwrap()
}
