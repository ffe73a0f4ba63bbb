//! The seam: what a cursor means to Workday.
//!
//! A read first asks what time it is there; all its queries are as of that moment and that day. It learns who leaves within
//! a day, and then hands over page after page: everybody who was ever hired, or about whom something was entered or takes
//! effect since the watermark, nobody twice. Who will be hired is looked up as of the first day; who leaves and was in none
//! of the pages is looked up by WID.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use sha2::{Digest, Sha256};

use super::ahead::{self, Ahead};
use super::attributes::{self, Attributes, Definition, Generation, documented};
use super::check;
use super::client::Client;
use super::config::Config;
use super::employment::{self, Leaving, Zones};
use super::pull::{Desk, Query, Sheet, key};
use super::record::{Reader, Record, pacific_day};
use super::request::{AsOf, Selection, Window};
use super::response_group;
use super::zone::{self, Zone};
use crate::connector::pages::{Teller, told};
use crate::connector::{Cursor, End, Page, Problem, Source, SourceCapability, Watermark};
use crate::domain::expression::Expression;
use crate::domain::finding::{Finding, Weight};
use crate::domain::schema::{self, Schema};
use crate::domain::worker::{self, Said, Statement};
use crate::error::{Detail, Error, Kind, Result};

/// Windows begin so much before the watermark: clocks of many machines are one clock only roughly, and hearing a thing
/// twice does no harm.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);

/// How far the look-ahead goes.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// How far back it begins. Whether the log has a termination on the last day or on the day after is not published; it
/// shows on the day after, and has to be found then, too.
const BACK: SignedDuration = SignedDuration::from_hours(48);

/// What is asked for beside what the XPaths need: without it nobody knows who will be hired.
const LOG: &str = "Include_Transaction_Log_Data";

/// Workday as a source of workers.
pub struct Workday {
    pub(super) desk: Arc<Desk>,
    pub(super) version: String,
    pub(super) zone: Zone,
    /// What is doubtful in the schema.
    pub(super) warnings: Vec<schema::Problem>,
    leaving: Leaving,
    person_key: Option<Arc<Expression>>,
    ahead: Ahead,
    looks_ahead: bool,
    fingerprint: String,
}

impl Workday {
    /// Reads the attributes of the schemas' source objects that the schemas have a use for, and those that say when somebody
    /// works here. The error names those whose XPaths cannot be read, or are not the same in all schemas.
    pub fn new(config: &Config, schemas: &[&Schema]) -> Result<Workday> {
        let generation = Generation::of_version(&config.version).unwrap_or(Generation::V30);
        let (mut definitions, mut warnings) = (Vec::new(), Vec::new());
        for schema in schemas {
            let (mut more, doubts) = attributes::of_schema(schema, generation);
            let needed = attributes::needed(schema);
            more.retain(|it| needed.contains(it.name.as_str()) || ahead::says_when(&it.xpath));
            attributes::join(&mut definitions, more)?;
            warnings.extend(doubts);
        }
        let of_person = config.person_key.iter().flat_map(|key| key.attributes());
        let needed: Vec<&str> = config
            .time_zone
            .attributes()
            .into_iter()
            .chain(of_person)
            .collect();
        add_missing(&mut definitions, &needed, generation);
        let attributes = Attributes::compile(definitions).map_err(|problems| wrong_xpaths(&problems))?;
        warnings.extend_from_slice(attributes.warnings());
        let mut forced = config.flags.clone();
        forced.entry(LOG.into()).or_insert(true);
        let xpaths = attributes.definitions().iter().map(|it| it.xpath.as_str());
        let flags = response_group::derive(xpaths, &forced).map_err(|why| Error::invalid(why).at("flags"))?;
        let ahead = Ahead::new(attributes.definitions());
        let fingerprint = fingerprint(config, attributes.definitions(), &flags);
        let desk = Desk {
            client: Client::new(config)?,
            reader: Arc::new(Reader::new(attributes, &flags)),
            flags,
            page_size: config.page_size,
            in_flight: config.pages_in_flight,
        };
        Ok(Workday {
            desk: Arc::new(desk),
            version: config.version.clone(),
            zone: config.time_zone.clone(),
            warnings,
            ahead,
            leaving: config.leaving.clone(),
            person_key: config.person_key.clone(),
            looks_ahead: config.termination_look_ahead,
            fingerprint,
        })
    }

    /// What one record says, with what follows from its dates.
    fn statement(&self, mut record: Record, as_of: AsOf) -> Statement {
        if let Some(key) = &self.person_key {
            record.person = zone::name(key, &record.attributes);
        }
        let next = record.first_day.as_ref().unwrap_or(&record.attributes);
        let zones = Zones {
            now: self.zone.of(&record.attributes).zone,
            next: self.zone.of(next).zone,
        };
        let employment = employment::of(&record, &zones, &self.leaving, as_of);
        let told = worker::Record {
            attributes: record.attributes,
            employment: Some(employment),
            findings: record.findings,
        };
        Statement {
            anchor: record.wid,
            active: record.active,
            said: Said::Whole(Box::new(told)),
            at: as_of.entry,
        }
    }

    async fn tell(&self, from: Cursor, pages: Teller) -> Result<()> {
        let clock = check::greet(&self.desk.client).await?;
        let as_of = AsOf {
            day: pacific_day(clock.now),
            entry: clock.now,
        };
        let mut reading = Reading {
            workday: self,
            as_of,
            pages,
            leaving: HashMap::new(),
            seen: HashSet::new(),
            doubts: Vec::new(),
        };
        if self.looks_ahead {
            reading.look_ahead(&from).await?;
        }
        match from {
            Cursor::Full => reading.hear(Selection::EverHired).await?,
            Cursor::Workers(wids) => reading.hear_of(&wids).await?,
            Cursor::Holding { .. } => {
                return Err(Error::new(
                    Kind::Unsupported,
                    "Workday is asked for workers by WID only",
                ));
            }
            Cursor::Since(Watermark { at: before, .. }) => {
                let window = Window {
                    from: (before - OVERLAP).min(as_of.entry),
                    through: as_of.entry,
                };
                reading.hear(Selection::Entered(window)).await?;
                reading.hear(Selection::Effective(window)).await?;
                reading.hear_of_leavers().await?;
            }
        }
        reading.finish().await
    }
}

/// Expressions of the config look at attributes that the schemas may not have.
fn add_missing(definitions: &mut Vec<Definition>, needed: &[&str], generation: Generation) {
    let is_new = |known: &Definition| {
        needed.contains(&known.name.as_str()) && !definitions.iter().any(|it| it.name == known.name)
    };
    let added: Vec<Definition> = documented(generation).into_iter().filter(is_new).collect();
    definitions.extend(added);
}

fn fingerprint(config: &Config, definitions: &[Definition], flags: &[&str]) -> String {
    let mut hash = Sha256::new();
    for Definition { name, xpath } in definitions {
        hash.update(format!("{name}\t{xpath}\n"));
    }
    let Config {
        time_zone,
        leaving,
        person_key,
        ..
    } = config;
    hash.update(format!("{flags:?} {time_zone:?} {leaving:?} {person_key:?}"));
    format!("{:x}", hash.finalize())
}

fn wrong_xpaths(problems: &[schema::Problem]) -> Error {
    let details: Vec<Detail> = problems
        .iter()
        .map(|problem| Detail {
            target: problem.path.clone(),
            message: problem.message.clone(),
        })
        .collect();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Error::invalid(format!("XPaths that cannot be read: {}", told.join("; "))).with_details(details)
}

#[async_trait]
impl Source for Workday {
    fn capability(&self) -> SourceCapability {
        SourceCapability {
            incremental: true,
            by_anchor: true,
            by_value: false,
        }
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn read(&self, from: Cursor) -> BoxStream<'_, Result<Page>> {
        told(move |pages| self.tell(from, pages))
    }

    async fn forgive(&self) {
        self.desk.client.forgive();
    }

    async fn check(&self) -> Vec<Problem> {
        check::check(self).await
    }
}

/// The names of the transactions that are looked for are not the same everywhere, for all that anybody knows.
fn without_look_ahead(mut error: Error) -> Error {
    if matches!(error.kind, Kind::NotFound | Kind::Invalid) {
        error.message +=
            ": if it is the look-ahead that this tenant does not take, set termination_look_ahead = false";
    }
    error
}

/// A read under way.
struct Reading<'w> {
    workday: &'w Workday,
    as_of: AsOf,
    pages: Teller,
    /// Who leaves within a day, by WID, as they will be.
    leaving: HashMap<String, Record>,
    /// Who was handed over.
    seen: HashSet<u128>,
    doubts: Vec<String>,
}

impl Reading<'_> {
    async fn look_ahead(&mut self, from: &Cursor) -> Result<()> {
        let now = self.as_of.entry;
        let before = match from {
            Cursor::Since(Watermark { at: before, .. }) => now.min(*before),
            Cursor::Full | Cursor::Workers(_) | Cursor::Holding { .. } => now,
        };
        let window = Window {
            from: before - BACK,
            through: now + AHEAD,
        };
        let as_of = AsOf {
            day: pacific_day(window.through).saturating_add(1.day()),
            entry: now,
        };
        let leaving = self.collect(Selection::Leaving(window), as_of).await;
        let days = self.as_of.day..=pacific_day(window.through);
        let mut back_by_then = Vec::new();
        for record in leaving.map_err(without_look_ahead)? {
            if record.last_day.is_none() {
                let ends = record.ends.iter().map(|end| end.day);
                back_by_then.extend(
                    ends.filter(|day| days.contains(day))
                        .map(|day| (record.wid.clone(), day)),
                );
            }
            self.leaving.insert(record.wid.clone(), record);
        }
        let left_before = self.after_ends(back_by_then).await?;
        self.leaving.extend(left_before);
        Ok(())
    }

    /// Hands over all whom a query finds.
    async fn hear(&mut self, selection: Selection) -> Result<()> {
        let mut query = Query::new(&self.workday.desk, selection, self.as_of);
        while let Some(sheets) = query.next().await? {
            for sheet in sheets {
                self.hand_over(sheet).await?;
            }
        }
        self.doubts.extend(query.doubts());
        Ok(())
    }

    /// Hands over these workers, as far as they are to be seen.
    async fn hear_of(&mut self, wids: &[String]) -> Result<()> {
        for some in wids.chunks(self.workday.desk.page_size.get() as usize) {
            match self.hear(Selection::Workers(some.to_vec())).await {
                // One of them is nobody, and that is all that Workday says then.
                Err(error) if error.kind == Kind::NotFound && some.len() > 1 => {
                    for wid in some {
                        self.hear_if_visible(wid).await?;
                    }
                }
                Err(error) if error.kind == Kind::NotFound => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    async fn hear_if_visible(&mut self, wid: &str) -> Result<()> {
        match self.hear(Selection::Workers(vec![wid.to_string()])).await {
            Err(error) if error.kind == Kind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// About them there may be no news but that they leave.
    async fn hear_of_leavers(&mut self) -> Result<()> {
        let unheard = self
            .leaving
            .iter()
            .filter(|(wid, record)| record.last_day.is_some() && !self.seen.contains(&key(wid)));
        let mut unheard: Vec<String> = unheard.map(|(wid, _)| wid.clone()).collect();
        unheard.sort_unstable();
        for some in unheard.chunks(self.workday.desk.page_size.get() as usize) {
            self.hear(Selection::Workers(some.to_vec())).await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self, sheet: Sheet) -> Result<()> {
        let place = sheet.place();
        let nameless = sheet.nameless.iter().map(|at| {
            let message = format!("worker {at} on {place} has no WID, so nobody can say who it is");
            Finding::new(Weight::Failure, "MissingAnchor", message)
        });
        let nameless: Vec<Finding> = nameless.collect();
        let mut records = sheet.records;
        records.retain(|record| self.seen.insert(key(&record.wid)));
        self.bring_hires_forward(&mut records).await?;
        self.bring_corrected_ends_forward(&mut records).await?;
        let mut statements = Vec::with_capacity(records.len());
        for mut record in records {
            if let Some(afterwards) = self.leaving.get(&record.wid) {
                self.workday.ahead.leave(&mut record, afterwards);
            }
            statements.push(self.workday.statement(record, self.as_of));
        }
        let page = Page {
            statements,
            nameless,
            end: None,
        };
        self.pages.tell(page).await
    }

    async fn bring_hires_forward(&mut self, records: &mut [Record]) -> Result<()> {
        let begin = |record: &Record| Some((record.wid.clone(), record.begins?));
        let wanted: Vec<(String, Date)> = records.iter().filter_map(begin).collect();
        let mut found = self.as_of_first_days(wanted).await?;
        for record in records {
            if let Some(first_day) = found.remove(&record.wid) {
                self.workday.ahead.hire(record, first_day, self.as_of.day);
            }
        }
        Ok(())
    }

    /// The look-ahead, which goes by type, does not find the day to which a termination was put off or brought forward.
    async fn bring_corrected_ends_forward(&mut self, records: &mut [Record]) -> Result<()> {
        let mut wanted = Vec::new();
        for record in records.iter() {
            let corrections = record.ends.iter().filter(|end| end.is_correction);
            let ahead = corrections.filter(|end| end.day >= self.as_of.day);
            wanted.extend(ahead.map(|end| (record.wid.clone(), end.day)));
        }
        let mut found = self.after_ends(wanted).await?;
        for record in records {
            if let Some(afterwards) = found.remove(&record.wid) {
                record.last_day = afterwards.last_day;
                record.reasons = afterwards.reasons;
            }
        }
        Ok(())
    }

    /// Workers as they are when they have left, as far as they do. The log may have a termination on the last day or on
    /// the day after.
    async fn after_ends(&mut self, wanted: Vec<(String, Date)>) -> Result<HashMap<String, Record>> {
        let mut found = HashMap::new();
        let mut still_there = Vec::new();
        for (day, record) in self.as_of_days(wanted).await? {
            match record.last_day {
                Some(_) => drop(found.insert(record.wid.clone(), record)),
                None => still_there.push((record.wid, day.saturating_add(1.day()))),
            }
        }
        let left = self.as_of_days(still_there).await?.into_iter();
        found.extend(
            left.filter(|(_, record)| record.last_day.is_some())
                .map(|(_, record)| (record.wid.clone(), record)),
        );
        Ok(found)
    }

    /// Workers as of their first days. A correction may have moved the day that the log gave; then the record of that day
    /// says the right one.
    async fn as_of_first_days(&mut self, wanted: Vec<(String, Date)>) -> Result<HashMap<String, Record>> {
        let mut found = HashMap::new();
        let mut moved = Vec::new();
        for record in self.as_of_days(wanted).await? {
            let (day, record) = record;
            match record
                .hired
                .filter(|hired| *hired != day && *hired > self.as_of.day)
            {
                Some(hired) => moved.push((record.wid, hired)),
                None => drop(found.insert(record.wid.clone(), record)),
            }
        }
        for (_, record) in self.as_of_days(moved).await? {
            found.insert(record.wid.clone(), record);
        }
        Ok(found)
    }

    async fn as_of_days(&mut self, wanted: Vec<(String, Date)>) -> Result<Vec<(Date, Record)>> {
        let mut by_day: BTreeMap<Date, Vec<String>> = BTreeMap::new();
        for (wid, day) in wanted {
            by_day.entry(day).or_default().push(wid);
        }
        let mut found = Vec::new();
        for (day, wids) in by_day {
            let as_of = AsOf { day, ..self.as_of };
            let records = self.collect(Selection::Workers(wids), as_of).await?;
            found.extend(records.into_iter().map(|record| (day, record)));
        }
        Ok(found)
    }

    /// All whom a query finds, at once: few.
    async fn collect(&mut self, selection: Selection, as_of: AsOf) -> Result<Vec<Record>> {
        let mut query = Query::new(&self.workday.desk, selection, as_of);
        let mut records = Vec::new();
        while let Some(sheets) = query.next().await? {
            records.extend(sheets.into_iter().flat_map(|sheet| sheet.records));
        }
        self.doubts.extend(query.doubts());
        Ok(records)
    }

    async fn finish(mut self) -> Result<()> {
        let end = match self.doubts.is_empty() {
            true => End::Complete(Watermark {
                at: self.as_of.entry,
                place: None,
            }),
            false => End::Doubtful(std::mem::take(&mut self.doubts)),
        };
        self.pages.end(end).await
    }
}
