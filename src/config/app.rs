//! `[[app]]`: what takes workers from one system to another, and by which rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use jiff::civil::Date;
use serde::Deserialize;
use uuid::Uuid;

use super::Reader;
use crate::connector::System;
use crate::domain::dn::Dn;
use crate::domain::guard::{Family, Limits};
use crate::domain::matching::TwinFilter;
use crate::domain::plan::Recipe;
use crate::domain::policy::{Settings, UserNames};
use crate::domain::schema::{self, Document};
use crate::error::Error;
use crate::written::{Written, duration};

#[derive(Clone, Debug)]
pub struct App {
    pub id: Uuid,
    pub name: String,
    pub source: String,
    pub target: String,
    pub template: &'static schema::Template,
    /// A schema of one's own and the file it came from; the template's otherwise.
    pub schema: Option<(PathBuf, Document)>,
    pub job: String,
    pub start: bool,
    /// How often a source that has to be asked is.
    pub interval: SignedDuration,
    pub mode: Mode,
    pub first_cycle: FirstCycle,
    /// How old a plan may be that is carried out.
    pub plan_lifetime: SignedDuration,
    /// How long names stay taken of those who left (B22).
    pub no_reuse: SignedDuration,
    /// Somebody is told when no upload came for so long.
    pub expect_upload_every: Option<SignedDuration>,
    /// The day (UTC) on which the first of the credentials ends by which its systems are reached.
    pub credentials_expire: Option<Date>,
    /// A filter or a group in the target: accounts that are never written (B21).
    pub never: Option<String>,
    /// The app that takes home to HR what this one's target holds, at once (B30).
    pub writeback: Option<Uuid>,
    /// Attributes for which the template's mappings are left out.
    pub omit: Vec<String>,
    /// HR's own user names are replaced, whenever their people began (B30).
    pub overwrites_user_names: bool,
    pub settings: Settings,
    pub limits: Limits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppFile {
    id: Uuid,
    name: Written,
    source: String,
    target: String,
    template: String,
    container: Option<Written>,
    managed: Option<Vec<Written>>,
    never: Option<Written>,
    domain: Option<Written>,
    schema: Option<PathBuf>,
    #[serde(default)]
    omit: Vec<String>,
    job: Option<String>,
    #[serde(default)]
    start: bool,
    writeback: Option<Uuid>,
    user_names: Option<UserNamesFile>,
    interval: Option<Written>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    first_cycle: FirstCycle,
    plan_lifetime: Option<Written>,
    no_reuse: Option<Written>,
    expect_upload_every: Option<Written>,
    credentials_expire: Option<Written>,
    reenable: Option<Reenable>,
    skip_out_of_scope_deletions: Option<bool>,
    delete_after: Option<Written>,
    #[serde(default)]
    allow_unrecoverable: bool,
    #[serde(default)]
    move_disabled: bool,
    #[serde(default)]
    twin_filter: BTreeMap<String, Written>,
    #[serde(default)]
    recreate: bool,
    initial_password: Option<PasswordFile>,
    #[serde(default)]
    guard: BTreeMap<String, u64>,
}

/// What becomes of what is planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Apply,
    /// It is reported, and nothing is written: for running beside another product until both say the same.
    Plan,
}

/// B9: what becomes of the first cycle where the target holds accounts already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstCycle {
    /// It waits until a person has read what it would do.
    #[default]
    Review,
    /// It is carried out like any other.
    Apply,
}

/// B30: names to sign in with that go home to HR.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UserNamesFile {
    /// Also over names that HR gave before the job began.
    overwrite: bool,
    /// Also before the first day.
    before_hire: bool,
}

/// B29: the first password of a new account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordFile {
    length: Option<usize>,
    #[serde(default)]
    change_at_logon: bool,
    #[serde(default)]
    handover: Handover,
}

/// How the first password comes to its person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Handover {
    /// Not at all: the person sets one, by self-service.
    #[default]
    None,
    Seal,
}

/// B11: whose word enables an account that somebody else disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reenable {
    Receipt,
    Hr,
}

/// Whoever reads a plan in the evening carries it out in the morning.
const PLAN_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// Mail for somebody who left comes for about a year.
const NO_REUSE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Entra's, for what is asked and for what is uploaded; there it is only told to clients.
const INTERVAL: SignedDuration = SignedDuration::from_mins(10);
const INTERVAL_OF_UPLOADS: SignedDuration = SignedDuration::from_mins(40);

/// Disables that 5 % of the accounts may come to at most: Graph's QuarantineTooManyDeletesThreshold.
const MOST_DISABLES: u64 = 500;

impl Reader<'_> {
    pub(super) fn app(&mut self, file: AppFile, systems: &BTreeMap<String, System>) -> Option<App> {
        let place = format!("app {}", file.id);
        for (key, system) in [("source", &file.source), ("target", &file.target)] {
            if !systems.contains_key(system) {
                self.problem(
                    &place,
                    format!("{key} names the system '{system}', which this config does not define"),
                );
            }
        }
        if systems
            .get(&file.source)
            .is_some_and(|system| !system.is_source())
        {
            self.problem(&place, format!("'{}' cannot be a source", file.source));
        }
        if systems
            .get(&file.target)
            .is_some_and(|system| !system.is_target())
        {
            self.problem(&place, format!("'{}' cannot be a target", file.target));
        }
        let template = schema::template(&file.template).ok_or_else(|| {
            let known: Vec<&str> = schema::TEMPLATES.iter().map(|template| template.id).collect();
            Error::invalid(format!(
                "there is no template '{}': use one of {}",
                file.template,
                known.join(", ")
            ))
        });
        let template = self.note(&place, template);
        let schema = match file.schema {
            Some(path) => {
                let path = self.beside.join(path);
                let document = self.schema(&place, &path)?;
                Some((path, document))
            }
            None => None,
        };
        let container = self.text(&place, file.container)?;
        let mut managed = Vec::new();
        for written in file.managed.unwrap_or_default() {
            let text = self.note(&place, written.resolve(self.beside))?;
            managed.extend(self.dn(&format!("{place} managed"), &text));
        }
        if let Some(container) = &container {
            let container = self.dn(&format!("{place} container"), container)?;
            if managed.is_empty() {
                managed.push(container);
            } else if !managed.iter().any(|one| container.is_within(one)) {
                self.problem(
                    &place,
                    "the container is not among the managed ones: add it to `managed`",
                );
            }
        }
        let system = systems.get(&file.target);
        let in_tree = system
            .and_then(System::model)
            .is_some_and(|model| model.container.is_some());
        if in_tree && managed.is_empty() {
            self.problem(
                &place,
                "no fence: set `container`, or list in `managed` the containers it may write in",
            );
        }
        let safe = Settings::default();
        let delete_after = match self.text(&place, file.delete_after)?.as_deref() {
            None => safe.delete_after,
            Some("0") => SignedDuration::ZERO,
            Some(text) => self.note(&format!("{place} delete_after"), duration(text))?,
        };
        let fixed = file
            .guard
            .iter()
            .filter_map(|(key, limit)| match Family::parse(key) {
                Some(family) => Some((family, *limit)),
                None => {
                    self.problem(&place, format!("guard has no limit '{key}'"));
                    None
                }
            });
        let limits = Limits {
            fixed: fixed.collect(),
            most_disables: MOST_DISABLES,
        };
        let interval = self.interval(&place, file.interval, systems.get(&file.source))?;
        let plan_lifetime = match self.text(&place, file.plan_lifetime)? {
            Some(text) => self.note(&format!("{place} plan_lifetime"), duration(&text))?,
            None => PLAN_LIFETIME,
        };
        let no_reuse = match self.text(&place, file.no_reuse)? {
            Some(text) => self.note(&format!("{place} no_reuse"), duration(&text))?,
            None => NO_REUSE,
        };
        let expect_upload_every =
            self.expect_upload_every(&place, file.expect_upload_every, systems.get(&file.source))?;
        let credentials_expire = self.day(&format!("{place} credentials_expire"), file.credentials_expire)?;
        let twins = self.twins(&place, file.twin_filter)?;
        let handover = file.initial_password.as_ref().map(|file| file.handover);
        let initial_password = self.initial_password(&place, file.initial_password);
        if schema.is_some() && !file.omit.is_empty() {
            self.problem(
                &place,
                "omit takes mappings out of the template; a schema of your own has only what you want",
            );
        }
        let user_names = file.user_names.unwrap_or_default();
        if file.user_names.is_some()
            && system
                .and_then(System::model)
                .is_some_and(|model| model.record.is_none())
        {
            self.problem(&place, "user_names is for apps that write home to HR");
        }
        let name = self.note(&place, file.name.resolve(self.beside))?;
        let never = self.text(&place, file.never)?;
        let domain = self
            .text(&place, file.domain)?
            .or_else(|| system.and_then(System::default_domain));
        Some(App {
            id: file.id,
            name,
            source: file.source,
            target: file.target,
            template: template?,
            schema,
            job: file
                .job
                .unwrap_or_else(|| format!("{}.{}", file.template, file.id.simple())),
            start: file.start,
            interval,
            mode: file.mode,
            first_cycle: file.first_cycle,
            plan_lifetime,
            no_reuse,
            expect_upload_every,
            credentials_expire,
            never,
            writeback: file.writeback,
            omit: file.omit,
            overwrites_user_names: user_names.overwrite,
            settings: Settings {
                container,
                managed,
                default_domain: domain,
                reenable_by_hr: file.reenable == Some(Reenable::Hr),
                skip_out_of_scope_deletions: file
                    .skip_out_of_scope_deletions
                    .unwrap_or(safe.skip_out_of_scope_deletions),
                delete_after,
                may_delete_at_once: file.allow_unrecoverable,
                move_disabled: file.move_disabled,
                twins,
                recreate: file.recreate,
                initial_password,
                hands_over: handover == Some(Handover::Seal),
                user_names: UserNames {
                    kept_before: None,
                    before_hire: user_names.before_hire,
                },
                ..safe
            },
            limits,
        })
    }

    fn twins(&mut self, place: &str, written: BTreeMap<String, Written>) -> Option<TwinFilter> {
        let mut rules = BTreeMap::new();
        for (attribute, rule) in written {
            rules.insert(attribute, self.note(place, rule.resolve(self.beside))?);
        }
        let filter = TwinFilter::parse(&rules).map_err(Error::invalid);
        self.note(&format!("{place} twin_filter"), filter)
    }

    fn interval(
        &mut self,
        place: &str,
        written: Option<Written>,
        source: Option<&System>,
    ) -> Option<SignedDuration> {
        let is_pulled = source.is_some_and(System::is_pulled);
        match self.text(place, written)? {
            Some(_) if !is_pulled => {
                self.problem(place, "interval: what is uploaded is taken at once; leave it out");
                None
            }
            Some(text) => self.note(&format!("{place} interval"), duration(&text)),
            None if is_pulled => Some(INTERVAL),
            None => Some(INTERVAL_OF_UPLOADS),
        }
    }

    fn expect_upload_every(
        &mut self,
        place: &str,
        written: Option<Written>,
        source: Option<&System>,
    ) -> Option<Option<SignedDuration>> {
        let place = format!("{place} expect_upload_every");
        match self.text(&place, written)? {
            None => Some(None),
            Some(_) if source.is_some_and(System::is_pulled) => {
                self.problem(&place, "nobody uploads what this source says: leave it out");
                None
            }
            Some(text) => self.note(&place, duration(&text)).map(Some),
        }
    }

    fn day(&mut self, place: &str, written: Option<Written>) -> Option<Option<Date>> {
        let Some(text) = self.text(place, written)? else {
            return Some(None);
        };
        let wrong = |_| Error::invalid(format!("'{text}' is no day such as 2027-01-31"));
        self.note(place, text.parse::<Date>().map_err(wrong)).map(Some)
    }

    fn initial_password(&mut self, place: &str, file: Option<PasswordFile>) -> Recipe {
        let Some(file) = file else {
            return Recipe::default();
        };
        let length = file.length.unwrap_or(Recipe::default().length);
        if !(12..=128).contains(&length) {
            self.problem(place, "initial_password.length must be between 12 and 128");
        }
        Recipe {
            length,
            change_at_logon: file.change_at_logon,
            ..Recipe::default()
        }
    }

    /// Every problem of the file is noted.
    fn schema(&mut self, place: &str, path: &Path) -> Option<Document> {
        let read = std::fs::read(path)
            .map_err(|error| Error::invalid(format!("cannot read the schema {}: {error}", path.display())));
        let bytes = self.note(place, read)?;
        Document::decode(&bytes)
            .map_err(|problems| {
                for problem in problems {
                    self.problem(place, format!("{}: {problem}", path.display()));
                }
            })
            .ok()
    }

    fn dn(&mut self, place: &str, text: &str) -> Option<Dn> {
        self.note(
            place,
            Dn::parse(text).ok_or_else(|| {
                Error::invalid(format!(
                    "'{text}' is no distinguished name like OU=Staff,DC=example,DC=test"
                ))
            }),
        )
    }
}
