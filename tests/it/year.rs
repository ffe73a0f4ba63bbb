//! One year of the invented company, on one clock: Workday, a gateway, and a domain of Samba's. Every day, and around every
//! moment at which somebody's account has to turn, the directory is what HR says is effective where each worker is.

mod lives;
mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};
use serde_json::{Value as Json, json};

use self::lives::Life;
use self::oracle::{Expected, Oracle};
use crate::directory::target;
use crate::gateway::{Gateway, JOB, Setup, eventually};
use crate::names;
use crate::support::ldap::Entry;
use crate::support::samba::{self, Controller};
use crate::support::workday::{NOW, Tenant};

const STAFF: &str = "OU=Staff,DC=example,DC=test";
const WORKERS: usize = 50;
const DAYS: i64 = 365;

/// Names that every worker can have, whatever the alphabet.
const NAMES: &[(&str, &str)] = &[
    ("cn", "[WorkerID]"),
    ("sAMAccountName", "[WorkerID]"),
    ("userPrincipalName", r#"Join("@", [WorkerID], DefaultDomain())"#),
];

/// What is compared every day.
const LOOKED_AT: &[&str] = &[
    "employeeID",
    "objectGUID",
    "userAccountControl",
    "givenName",
    "sn",
    "displayName",
    "title",
    "department",
    "l",
    "manager",
];

/// By the region where its country has several zones.
const ZONE: &str = r#"Switch([CountryRegionReference], Switch([CountryReferenceTwoLetter], "UTC",
    "DE", "Europe/Berlin", "GB", "Europe/London", "PL", "Europe/Warsaw", "IS", "Atlantic/Reykjavik", "DK", "Europe/Copenhagen",
    "JP", "Asia/Tokyo", "IN", "Asia/Kolkata", "NZ", "Pacific/Auckland"),
    "São Paulo", "America/Sao_Paulo", "Québec", "America/Toronto", "Hawaii", "Pacific/Honolulu", "New South Wales", "Australia/Sydney",
    "Line Islands", "Pacific/Kiritimati", "New York", "America/New_York", "California", "America/Los_Angeles")"#;

/// Somebody's hundred and more changes a day are not what this is about.
const GUARD: &str = "guard = { disables = 9999, enables = 9999, creates = 9999, moves = 9999, renames = 9999, overwrites = 9999, clears = 9999 }";

struct Year {
    workday: Tenant,
    domain: Controller,
    gateway: Gateway,
    lives: Vec<Life>,
    /// Everybody who ever had an account, and which.
    accounts: BTreeMap<String, String>,
    compared: u64,
    wrong: Vec<String>,
}

impl Year {
    async fn new(workers: usize, lives: Vec<Life>) -> Year {
        let (domain, workday) = tokio::task::block_in_place(|| {
            let domain = samba::controller();
            domain.index("employeeID");
            let workday = Tenant::new(workers);
            lives::enter(&lives, &workday);
            (domain, workday)
        });
        let (user, password) = domain.service_account(&[STAFF]);
        let source = format!("time_zone = '''{ZONE}'''");
        let setup = Setup::with_target(&target(&domain, &user, &password))
            .pulls(&workday.table(&source), "Workday2AD", workday.clock())
            .app("start = true\nschema = \"schema.json\"")
            .app(GUARD);
        let schema = names::schema("Workday2AD", NAMES);
        std::fs::write(setup.dir.path().join("schema.json"), schema).unwrap();
        Year {
            gateway: setup.start().await,
            workday,
            domain,
            lives,
            accounts: BTreeMap::new(),
            compared: 0,
            wrong: Vec::new(),
        }
    }

    /// A moment of every day, now in the morning and now at night, and those around everybody's turns.
    fn looks(&self) -> BTreeSet<Timestamp> {
        let began: Timestamp = NOW.parse().unwrap();
        let turns: BTreeSet<Timestamp> = self
            .lives
            .iter()
            .flat_map(Life::looks)
            .filter(|at| *at > began)
            .collect();
        let daily = (1..=DAYS).map(|day| began + (day * 24).hours() + (day * 5 % 23).hours() + 11.minutes());
        let quiet = daily.filter(|at| turns.range(*at - 12.hours()..*at + 12.hours()).next().is_none());
        turns.iter().copied().chain(quiet).collect()
    }

    /// Moves the time on, and lets everything be read and done.
    async fn until(&self, at: Timestamp) -> Json {
        let controls = &self.workday.lab.controls;
        controls.set_now(at);
        let asked = controls.now();
        let start = format!("{}/start", self.gateway.caller.job_path());
        self.post(&start, None).await;
        self.cycle(asked).await
    }

    async fn post(&self, path: &str, body: Option<Json>) {
        let (status, answer) = self.gateway.caller.send("POST", path, body).await;
        assert_eq!(status, 204, "{answer}");
    }

    /// Waits until a cycle has ended that began after a moment.
    async fn cycle(&self, after: Timestamp) -> Json {
        let mut last = Json::Null;
        eventually("a cycle ended", async || {
            last = self.gateway.caller.job().await["status"]["lastExecution"].clone();
            let began = last["timeBegan"].as_str().unwrap_or_default();
            began.parse::<Timestamp>().is_ok_and(|began| began >= after)
        })
        .await;
        last
    }

    /// Has everybody read anew, ten minutes later.
    async fn read_everybody(&self) -> Json {
        let controls = &self.workday.lab.controls;
        controls.set_now(controls.now() + 10.minutes());
        let asked = controls.now();
        let restart = format!("{}/restart", self.gateway.caller.job_path());
        self.post(&restart, Some(json!({"criteria": {"resetScope": "Watermark"}})))
            .await;
        self.cycle(asked).await
    }

    /// Leaves so many sites out of sight that two in five workers are; their WIDs.
    async fn narrow(&self) -> BTreeSet<String> {
        let known = self.workday.wids().await;
        let mut by_site: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut hidden = BTreeSet::new();
        for wid in &known {
            let state = self.workday.state(wid);
            let Some(site) = state["effective"]["site"].as_str() else {
                hidden.insert(wid.clone());
                continue;
            };
            by_site.entry(site.to_string()).or_default().insert(wid.clone());
        }
        let mut sites: Vec<(String, BTreeSet<String>)> = by_site.into_iter().collect();
        sites.sort_by_key(|(_, workers)| std::cmp::Reverse(workers.len()));
        while hidden.len() * 5 < known.len() * 2 {
            hidden.extend(sites.pop().unwrap().1);
        }
        let seen: Vec<String> = sites.into_iter().map(|(site, _)| site).collect();
        self.workday
            .lab
            .configure(&json!({"constrainedTo": seen}))
            .unwrap();
        hidden
    }

    /// The code and the reason of the last entry about a worker.
    async fn finding(&self, wid: &str) -> (String, String) {
        let filter = format!("jobid eq '{JOB}' and sourceIdentity/id eq '{wid}'");
        let entries = self.gateway.caller.logs(&filter).await;
        let why = &entries[0]["provisioningStatusInfo"]["errorInformation"];
        let text = |name: &str| why[name].as_str().unwrap_or_default().to_string();
        (text("errorCode"), text("reason"))
    }

    fn everything(&self) -> Vec<Entry> {
        let mut all = tokio::task::block_in_place(|| self.domain.search("(employeeID=*)", &["*"]));
        all.sort_by(|one, other| one.dn.cmp(&other.dn));
        all
    }

    /// The worker IDs of those whose accounts are enabled.
    fn enabled(&self) -> BTreeSet<String> {
        let held = tokio::task::block_in_place(|| self.held());
        let enabled = held.into_iter().filter(|(_, entries)| is_enabled(&entries[0]));
        enabled.map(|(id, _)| id).collect()
    }

    fn held(&self) -> BTreeMap<String, Vec<Entry>> {
        let mut held: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in self.domain.search("(employeeID=*)", LOOKED_AT) {
            let id = entry.value("employeeID").unwrap().to_string();
            held.entry(id).or_default().push(entry);
        }
        held
    }

    /// Compares the whole directory with what HR says.
    async fn compare(&mut self, at: Timestamp, day: &Json) {
        let wids = self.workday.wids().await;
        let oracle = Oracle {
            tenant: &self.workday,
        };
        let (held, expected) = tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                let expected = scope.spawn(|| oracle.all(&wids, at));
                (self.held(), expected.join().unwrap())
            })
        });
        let mut wrong = Vec::new();
        if day["state"] != "Succeeded" {
            wrong.push(format!("the cycle: {day}"));
        }
        for (id, entries) in &held {
            let guid = entries[0].value("objectGUID").unwrap();
            let before = self
                .accounts
                .entry(id.clone())
                .or_insert_with(|| guid.to_string());
            if entries.len() != 1 || before != guid {
                wrong.push(format!("{id} has another account: {entries:?}"));
            }
        }
        wrong.extend(
            self.accounts
                .keys()
                .filter(|id| !held.contains_key(*id))
                .map(|id| format!("the account of {id} is gone")),
        );
        for (id, expected) in &expected {
            self.compared += 1;
            match held.get(id) {
                None => wrong.push(format!("{id} has no account: {expected:?}")),
                Some(entries) => {
                    wrong.extend(differences(&entries[0], expected, &held).map(|it| format!("{id}: {it}")))
                }
            }
        }
        for life in &self.lives {
            for (id, works) in life.works_at(at) {
                let enabled = held.get(id).is_some_and(|entries| is_enabled(&entries[0]));
                if enabled != works {
                    wrong.push(format!("{id} {}: enabled is {enabled}", life.what));
                }
                let said = expected.get(id).is_some_and(|expected| expected.enabled);
                assert_eq!(
                    said, works,
                    "{at}: HR is of another opinion about {id}, who {}",
                    life.what
                );
            }
        }
        self.wrong
            .extend(wrong.into_iter().map(|wrong| format!("{at}: {wrong}")));
    }
}

fn differences<'d>(
    entry: &'d Entry,
    expected: &'d Expected,
    held: &'d BTreeMap<String, Vec<Entry>>,
) -> impl Iterator<Item = String> + 'd {
    let state =
        (is_enabled(entry) != expected.enabled).then(|| format!("enabled should be {}", expected.enabled));
    let values = expected.values.iter().filter_map(|(attribute, value)| {
        let value = match *attribute {
            "manager" => &held.get(value)?.first()?.dn,
            _ => value,
        };
        let there = entry.value(attribute);
        (there != Some(value)).then(|| format!("{attribute} is {there:?} and should be {value}"))
    });
    state.into_iter().chain(values)
}

fn is_enabled(entry: &Entry) -> bool {
    entry.value("userAccountControl").unwrap().parse::<u32>().unwrap() & 2 == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_is_what_hr_says_on_every_day_of_a_year() {
    let began = Instant::now();
    let mut year = Year::new(WORKERS, lives::all()).await;
    year.workday.lab.configure(&json!({"newsPerDay": 2})).unwrap();
    let looks = year.looks();
    year.cycle(NOW.parse().unwrap()).await;
    let (mut cycling, mut judging) = (Duration::ZERO, Duration::ZERO);
    for at in &looks {
        let from = Instant::now();
        let day = year.until(*at).await;
        cycling += from.elapsed();
        let from = Instant::now();
        year.compare(*at, &day).await;
        judging += from.elapsed();
        assert!(year.wrong.len() < 100, "{}", year.wrong.join("\n"));
    }
    println!(
        "{} looks in {DAYS} days, {} comparisons of {} accounts: {:.1?}, of which cycles {cycling:.1?} and judging {judging:.1?}",
        looks.len(),
        year.compared,
        year.accounts.len(),
        began.elapsed(),
    );
    assert!(year.wrong.is_empty(), "{}", year.wrong.join("\n"));
    out_of_sight(&year).await;
}

/// B4: the integration user's security group no longer shows everybody, and what it shows is whole.
async fn out_of_sight(year: &Year) {
    let before = year.everything();
    let hidden = year.narrow().await;
    let known = year.workday.wids().await.len();
    assert!(hidden.len() * 5 >= known * 2 && hidden.len() * 2 < known);
    let last = year.read_everybody().await;
    assert_eq!(
        (&last["state"], &last["countExported"]),
        (&json!("Succeeded"), &json!(0)),
        "{last}"
    );
    assert!(before == year.everything(), "nobody is touched");
    let mut findings: BTreeMap<(String, String), usize> = BTreeMap::new();
    let enabled = year.enabled();
    for wid in &hidden {
        let (code, reason) = year.finding(wid).await;
        let id = year.workday.state(wid)["id"].as_str().unwrap().to_string();
        match code.as_str() {
            // Who has no account of his own has nothing to lose.
            "AnotherRecordSpeaks" => {}
            "LeaverForgotten" => assert!(!enabled.contains(&id), "{id} left long ago: {reason}"),
            _ => *findings.entry((code, reason)).or_default() += 1,
        }
    }
    assert_eq!(findings.len(), 1, "{findings:?}");
    let ((code, reason), count) = findings.pop_first().unwrap();
    assert!(
        code == "NotVisible" && reason.contains("security group") && count * 4 > known,
        "{count} times {reason}"
    );
    println!(
        "{} of {known} out of sight, {count} times: {reason}",
        hidden.len()
    );

    year.workday
        .lab
        .configure(&json!({"constrainedTo": null}))
        .unwrap();
    let last = year.read_everybody().await;
    assert_eq!(
        (&last["state"], &last["countExported"]),
        (&json!("Succeeded"), &json!(0)),
        "{last}"
    );
    assert!(
        before == year.everything(),
        "nobody is touched when they are seen again"
    );
}

/// B4, B20: an old record that is in sight does not take the account from the one that is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_former_record_in_sight_is_no_reason_to_disable() {
    let year = Year::new(0, Vec::new()).await;
    let workday = &year.workday;
    let founded = "2024-01-01T00:00:00Z";
    let contract = json!({"id": "1", "kind": "contingent", "hire": "2024-01-01", "entered": founded, "set": {"site": "MUC-01"}});
    workday.hire(contract);
    let set = json!({"lastDay": "2024-12-31"});
    workday.event(json!({"worker": "1", "type": "end-contract", "entered": founded, "set": set}));
    let set = json!({"site": "SYD-01"});
    workday.hire(json!({"id": "1", "person": "1", "hire": "2025-01-01", "entered": founded, "set": set}));
    year.cycle(NOW.parse().unwrap()).await;
    year.read_everybody().await;
    let before = year.everything();
    assert!(before.len() == 1 && is_enabled(&before[0]), "{before:?}");
    for seen in [json!(["MUC-01"]), json!(["LON-01"]), json!(null)] {
        workday.lab.configure(&json!({"constrainedTo": seen})).unwrap();
        let last = year.read_everybody().await;
        assert_eq!(
            (&last["state"], &last["countExported"]),
            (&json!("Succeeded"), &json!(0)),
            "{last}"
        );
        assert!(before == year.everything(), "{seen}");
    }
}
