//! What people see of a demonstration.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Days;
use super::config::{APPS, App, CLIENT, OFFICE, Source, WORKDAY};
use super::home::Home;
use super::outcome::{Happened, Said};
use super::stage::Stage;
use super::subsidiary::{self, Subsidiary};
use crate::lab::company::{Company, Post};

/// People of the first day in the table; the rest are counted.
const SHOWN: usize = 12;

pub fn opening(company: &Company, subsidiary: &Subsidiary, stage: &Stage) {
    let people = &company.people;
    let field = people.iter().filter(|one| one.post == Post::Field).count();
    let countries: std::collections::BTreeSet<&str> = people.iter().map(|one| one.site.country).collect();
    eprintln!(
        "Northwind Rail, an invented company: {} people in {} countries.",
        people.len(),
        countries.len()
    );
    eprintln!(
        "  {} at the office  → accounts in a simulated Active Directory at {}",
        people.len() - field,
        stage.directory.url
    );
    eprintln!(
        "  {field} in the field   → accounts in a simulated Entra ID at {}",
        stage.entra.url
    );
    eprintln!(
        "  Their HR posts SCIM bulk requests to the gateway, which is at {}",
        stage.url
    );
    eprintln!(
        "{}, its subsidiary: {} people, in a simulated Workday at {}",
        subsidiary::NAME,
        subsidiary.size(),
        stage.workday.url
    );
    eprintln!("  The gateway asks for them      → accounts in the same directory and the same cloud");
    eprintln!("  … and their e-mail, user name and numbers go home to Workday\n");
}

/// Live progress of one day, on a terminal; a line at the end elsewhere.
pub struct Bars {
    title: String,
    posted: ProgressBar,
    jobs: Vec<(&'static str, ProgressBar)>,
    terminal: bool,
    people: usize,
    _bars: MultiProgress,
}

impl Bars {
    /// For so many people to post, and everybody of whom something is said.
    pub fn new(title: &str, people: usize, said: &[Said]) -> Bars {
        let bars = MultiProgress::new();
        let terminal = std::io::stderr().is_terminal();
        let style = ProgressStyle::with_template("{prefix:>22} [{bar:30}] {pos}/{len} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("█▉░");
        let bar = |name: String, people: usize| {
            let bar = bars.add(
                ProgressBar::new(people as u64)
                    .with_style(style.clone())
                    .with_prefix(name),
            );
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        };
        let of_app = |app: &&'static App| {
            let of = said.iter().filter(|said| said.app.job == app.job).count();
            let (name, people) = match app.source {
                Source::Uploads(_) => (app.target.to_string(), people),
                Source::Workday | Source::EntraId => (format!("{} → {}", app.source.name(), app.target), of),
            };
            (app.job, bar(name, people))
        };
        Bars {
            posted: bar(format!("{title}: HR posts"), people),
            jobs: APPS
                .iter()
                .filter(|app| app.source != Source::EntraId)
                .map(of_app)
                .collect(),
            title: title.to_string(),
            terminal,
            people: said.len(),
            _bars: bars,
        }
    }

    pub fn posted(&self, people: usize) {
        self.posted.inc(people as u64);
    }

    /// So many people, or operations, of those who have come have no outcome yet.
    pub fn waiting(&self, app: &App, open: u64) {
        let come = match app.source {
            Source::Uploads(_) => self.posted.position(),
            Source::Workday | Source::EntraId => {
                self.bar(app).and_then(ProgressBar::length).unwrap_or_default()
            }
        };
        self.made(app, come.saturating_sub(open));
    }

    /// So many people have an outcome.
    pub fn made(&self, app: &App, people: u64) {
        if let Some(bar) = self.bar(app) {
            bar.set_position(people);
        }
    }

    fn bar(&self, app: &App) -> Option<&ProgressBar> {
        let found = self.jobs.iter().find(|(job, _)| *job == app.job);
        found.map(|(_, bar)| bar)
    }

    pub fn done(&self) {
        for bar in self.jobs.iter().map(|(_, bar)| bar).chain([&self.posted]) {
            bar.finish();
        }
        if !self.terminal {
            eprintln!(
                "{}: {} people, {:.1} s",
                self.title,
                self.people,
                self.posted.elapsed().as_secs_f64()
            );
        }
    }
}

/// Between two days.
pub fn nightfall() {
    eprintln!("Night: the clocks go on to midnight in {}", subsidiary::CITY);
}

/// What happened.
pub fn days(days: &Days, out: &mut impl Write) -> io::Result<()> {
    first_day(&days.first, out)?;
    night(&days.night, out)?;
    second_day(&days.second, out)?;
    home(&days.home, out)?;
    out.flush()
}

fn first_day(happened: &[Happened], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nDay 1: everybody whom HR has")?;
    let mut counts: BTreeMap<(&str, &str, &str, &str), usize> = BTreeMap::new();
    for one in happened {
        *counts.entry(one.key()).or_default() += 1;
    }
    let mut table = table(&["from", "where", "what", "outcome", "people"]);
    for ((source, target, action, status), count) in counts {
        table.add_row([source, target, action, status, &count.to_string()]);
    }
    writeln!(out, "{table}")?;
    let odd = |one: &&Happened| one.status != "success" || one.why.contains("disabled");
    let (odd, plain): (Vec<&Happened>, Vec<&Happened>) = happened.iter().partition(odd);
    let shown: Vec<&Happened> = odd.into_iter().chain(plain).take(SHOWN).collect();
    writeln!(out, "Some of them:")?;
    writeln!(out, "{}", people(&shown, None))
}

/// Nobody says anything that night.
fn night(happened: &[Happened], out: &mut impl Write) -> io::Result<()> {
    let asked = happened.iter().find_map(|one| one.data_of);
    writeln!(
        out,
        "\nMidnight in {}: a last day is over, a first day begins. Workday was last asked at {}.",
        subsidiary::CITY,
        asked.map_or_else(|| "no time".to_string(), subsidiary::time)
    )?;
    let mut table = table(&["worker", "name", "what day", "at", "what", "outcome", "why"]);
    for one in happened {
        let at = one.at.map_or_else(String::new, subsidiary::time);
        table.add_row([
            &*one.worker,
            &one.name,
            one.event,
            &at,
            &one.action,
            &one.status,
            &one.why,
        ]);
    }
    writeln!(out, "{table}")
}

fn second_day(happened: &[Happened], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nDay 2: joiners, movers, new names, leavers, a return")?;
    writeln!(
        out,
        "{}",
        people(&happened.iter().collect::<Vec<_>>(), Some("HR says"))
    )
}

fn home(home: &Home, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nHome to Workday: what the cloud knows of whom it hired")?;
    writeln!(
        out,
        "{}",
        people(&home.happened.iter().collect::<Vec<_>>(), Some("the cloud has"))
    )?;
    let mut table = table(&["what Get_Workers says of", &home.name]);
    for (attribute, value) in &home.record {
        table.add_row([*attribute, value]);
    }
    writeln!(out, "{table}")?;
    writeln!(
        out,
        "Asked once more, the gateway changed {} records.",
        home.changed_again
    )
}

/// `event` heads the column of what was said, where that is shown.
fn people(happened: &[&Happened], event: Option<&str>) -> Table {
    let mut header = vec!["worker", "name"];
    header.extend(event);
    header.extend(["from", "where", "what", "outcome", "why"]);
    let mut table = table(&header);
    for one in happened {
        let mut row = vec![one.worker.as_str(), &one.name];
        row.extend(event.map(|_| one.event));
        row.extend([one.source, one.target, &one.action, &one.status, &one.why]);
        table.add_row(row);
    }
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.iter().copied());
    if !std::io::stdout().is_terminal() {
        table.set_width(160);
    }
    table
}

/// Lines that work when pasted into another terminal.
pub fn what_next(
    stage: &Stage,
    company: &Company,
    subsidiary: &Subsidiary,
    out: &mut impl Write,
) -> io::Result<()> {
    let somebody = |post: Post| {
        company
            .people
            .iter()
            .find(|one| one.post == post)
            .map_or("100001", |one| &one.id)
    };
    let (office, field) = (somebody(Post::Office), somebody(Post::Field));
    let Stage { url, secret, .. } = stage;
    let lab = &stage.entra;
    let directory = &stage.directory;
    writeln!(out, "\nTry next, in another terminal:\n")?;
    writeln!(out, "# A token, as an HR script gets it")?;
    writeln!(
        out,
        "TOKEN=$({})",
        token(&format!("{url}/demo/oauth2/v2.0/token"), CLIENT, secret)
    )?;
    writeln!(out, "# Why is {office} as he or she is?")?;
    writeln!(
        out,
        "curl -sG {url}/v1.0/auditLogs/provisioning -H \"Authorization: Bearer $TOKEN\" --data-urlencode \"\\$filter=sourceIdentity/id eq '{office}'\""
    )?;
    writeln!(out, "# A leaver")?;
    writeln!(
        out,
        "curl -si {url}{}/bulkUpload -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/scim+json' -d '{}'",
        OFFICE.job_path(),
        serde_json::json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "1", "data": {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": office, "active": false } }],
        })
    )?;
    writeln!(out, "# People from a CSV file, followed to everybody's outcome")?;
    writeln!(
        out,
        "HR_SECRET={secret} {} bulk {} --url {url} --app {} --client-id {CLIENT} --client-secret-env HR_SECRET",
        program(),
        stage.file().display(),
        OFFICE.id
    )?;
    writeln!(out, "# What the simulated cloud holds of {field}")?;
    writeln!(
        out,
        "CLOUD=$({})",
        token(&lab.token_url, &lab.client_id.to_string(), &lab.client_secret)
    )?;
    writeln!(
        out,
        "curl -sG {}/v1.0/users -H \"Authorization: Bearer $CLOUD\" --data-urlencode \"\\$filter=employeeId eq '{field}'\"",
        lab.url
    )?;
    writeln!(
        out,
        "# What the simulated directory holds of {office} (ldap-utils)"
    )?;
    writeln!(
        out,
        "LDAPTLS_CACERT={} ldapsearch -LLL -x -H {} -D '{}' -w '{}' -b '{}' '(employeeID={office})'",
        directory.ca_file.display(),
        directory.url,
        directory.user,
        directory.password,
        directory.base_dn
    )?;
    writeln!(
        out,
        "# A new title in Workday, and the gateway asks for news at once"
    )?;
    writeln!(
        out,
        "curl -s {}/lab/events -H 'Content-Type: application/json' -d '{}' && sleep 1",
        stage.workday.admin,
        serde_json::json!({ "worker": subsidiary.somebody(), "type": "promote", "set": { "title": "Head of Track" } })
    )?;
    writeln!(
        out,
        "curl -si -X POST {url}{}/start -H \"Authorization: Bearer $TOKEN\"",
        WORKDAY.job_path()
    )?;
    writeln!(out, "\nJobs: {}", APPS.map(|app| app.job).join(", "))
}

/// This program, as the next command line calls it.
fn program() -> String {
    let path = std::env::current_exe().ok();
    path.map_or("muster".into(), |path| path.display().to_string())
}

fn token(url: &str, id: &str, secret: &str) -> String {
    format!(
        "curl -s {url} -d grant_type=client_credentials -d client_id={id} -d client_secret={secret} -d scope=https://graph.microsoft.com/.default | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'"
    )
}

pub fn stays_up() {
    eprintln!("\nEverything stays up until Ctrl-C.");
}
