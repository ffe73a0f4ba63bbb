//! What people see of a demonstration.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::hr::Happened;
use super::stage::{APPS, App, CLIENT, OFFICE, Stage, job_path};
use crate::lab::company::{Company, Post};

/// People of the first day in the table; the rest are counted.
const SHOWN: usize = 12;

pub fn opening(company: &Company, stage: &Stage) {
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
        "  the gateway is at {}; HR posts SCIM bulk requests to it.\n",
        stage.url
    );
}

/// Live progress of one day, on a terminal; a line at the end elsewhere.
pub struct Bars {
    title: String,
    posted: ProgressBar,
    jobs: Vec<(&'static str, ProgressBar)>,
    terminal: bool,
    _bars: MultiProgress,
}

impl Bars {
    pub fn new(title: &str, people: usize, apps: &[App]) -> Bars {
        let bars = MultiProgress::new();
        let terminal = std::io::stderr().is_terminal();
        let style = ProgressStyle::with_template("{prefix:>22} [{bar:30}] {pos}/{len} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("█▉░");
        let bar = |name: String| {
            let bar = bars.add(
                ProgressBar::new(people as u64)
                    .with_style(style.clone())
                    .with_prefix(name),
            );
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        };
        Bars {
            posted: bar(format!("{title}: HR posts")),
            jobs: apps
                .iter()
                .map(|app| (app.job, bar(app.name.to_string())))
                .collect(),
            title: title.to_string(),
            terminal,
            _bars: bars,
        }
    }

    pub fn posted(&self, people: usize) {
        self.posted.inc(people as u64);
    }

    /// So many operations have no outcome yet.
    pub fn waiting(&self, app: &App, open: u64) {
        if let Some((_, bar)) = self.jobs.iter().find(|(job, _)| *job == app.job) {
            bar.set_position(self.posted.position().saturating_sub(open));
        }
    }

    pub fn done(&self) {
        for bar in self.jobs.iter().map(|(_, bar)| bar).chain([&self.posted]) {
            bar.finish();
        }
        if !self.terminal {
            eprintln!(
                "{}: {} people, {:.1} s",
                self.title,
                self.posted.position(),
                self.posted.elapsed().as_secs_f64()
            );
        }
    }
}

/// What happened on both days.
pub fn both_days(first: &[Happened], second: &[Happened], out: &mut impl Write) -> io::Result<()> {
    first_day(first, out)?;
    second_day(second, out)?;
    out.flush()
}

fn first_day(happened: &[Happened], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nDay 1: HR's first load")?;
    let mut counts: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for one in happened {
        *counts.entry(one.key()).or_default() += 1;
    }
    let mut table = table(&["where", "what", "outcome", "people"]);
    for ((target, action, status), count) in counts {
        table.add_row([target, action, status, &count.to_string()]);
    }
    writeln!(out, "{table}")?;
    let odd = |one: &&Happened| one.status != "success" || one.why.contains("disabled");
    let (odd, plain): (Vec<&Happened>, Vec<&Happened>) = happened.iter().partition(odd);
    let shown: Vec<&Happened> = odd.into_iter().chain(plain).take(SHOWN).collect();
    writeln!(out, "Some of them:")?;
    writeln!(out, "{}", people(&shown, false))
}

fn second_day(happened: &[Happened], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nDay 2: joiners, movers, new names, leavers, a return")?;
    writeln!(out, "{}", people(&happened.iter().collect::<Vec<_>>(), true))
}

fn people(happened: &[&Happened], with_event: bool) -> Table {
    let mut table = match with_event {
        true => table(&["worker", "name", "HR says", "where", "what", "outcome", "why"]),
        false => table(&["worker", "name", "where", "what", "outcome", "why"]),
    };
    for one in happened {
        let mut row = vec![one.worker.as_str(), &one.name];
        row.extend(with_event.then_some(one.event));
        row.extend([one.target, &one.action, &one.status, &one.why]);
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
pub fn what_next(stage: &Stage, company: &Company, out: &mut impl Write) -> io::Result<()> {
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
        job_path(&OFFICE),
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
