//! The directory as a source of workers.
//!
//! Before everybody is read, the place is marked from where on changes are told: by the DirSync control where the service
//! account may replicate, else by the numbers that the controller gives its changes. Either tells who changed; they are
//! read whole, since a person who came from elsewhere changed in nothing but the place. Other servers tell nothing, and
//! everybody is read each time.
//!
//! A container that is renamed or moved changes the place of people who are not told of: then the place has expired.

use std::collections::HashSet;

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use ldap3::Scope;
use sha2::{Digest, Sha256};

use super::check;
use super::config::Config;
use super::connection::{Connection, Failure, Search};
use super::dialect::Addressing;
use super::dirsync::DIRSYNC;
use super::errors::During;
use super::find::{self, BATCH};
use super::place::{Number, Place};
use super::record;
use super::root::{Root, is_within};
use super::sight::{refused, sees_deleted, show_deleted};
use super::target::{ActiveDirectory, DirectorySession};
use super::wire::{self, Entry, Filter};
use crate::connector::pages::{Teller, told};
use crate::connector::wanted::Wanted;
use crate::connector::{Cursor, End, Page, Problem, Source, SourceCapability, Target, Watermark};
use crate::domain::account::Anchor;
use crate::domain::finding::{Finding, Weight};
use crate::domain::schema::Schema;
use crate::domain::worker::Statement;
use crate::error::{Error, Result};

/// About so many bytes of changes in one answer.
const MOST: u32 = 1 << 20;

/// Where nobody may see what was deleted, everybody is read so often, and who is missing was.
const BLIND: SignedDuration = SignedDuration::from_hours(24);

/// What DirSync is asked for besides: whether somebody is new, or has another name or place.
const TELLING: &[&str] = &["objectClass", "name", "isDeleted"];

/// One directory that is asked for workers. Cheap to keep, and meant to be kept: it holds the connections.
pub struct DirectorySource {
    directory: ActiveDirectory,
    wanted: Wanted,
    /// What cannot be an attribute of a directory.
    nameless: Vec<String>,
    doubt: Option<Problem>,
    fingerprint: String,
}

impl DirectorySource {
    /// Reads the attributes of the schemas' source object that mappings and filters read. Connects to nothing yet.
    pub fn new(config: &Config, schemas: &[&Schema]) -> Result<DirectorySource> {
        let mut wanted = Wanted::of(schemas);
        let mut hash = Sha256::new();
        hash.update(format!("{} {}\n{wanted:?}", config.base_dn, config.search_base));
        let names = std::mem::take(&mut wanted.attributes).into_iter();
        let (attributes, nameless) = names.partition(|name| wire::is_attribute_name(name));
        wanted.attributes = attributes;
        Ok(DirectorySource {
            directory: ActiveDirectory::new(config.clone(), &wanted.attributes, None)?,
            doubt: wanted.problems(),
            wanted,
            nameless,
            fingerprint: format!("{:x}", hash.finalize()),
        })
    }

    async fn tell(&self, from: Cursor, mut pages: Teller) -> Result<()> {
        let place = match &from {
            Cursor::Since(watermark) => match watermark.place.as_deref().and_then(Place::parse) {
                None => return pages.end(End::Expired).await,
                place => place,
            },
            _ => None,
        };
        let mut reading = Reading::begin(self, pages).await?;
        match (from, place) {
            (_, Some(Place::Cookie(cookie))) => reading.since_cookie(cookie).await,
            (_, Some(Place::Number(number))) => reading.since_number(number).await,
            (Cursor::Workers(anchors), _) => reading.workers(&anchors).await,
            (Cursor::Holding { attribute, values }, _) => reading.holders(&attribute, &values).await,
            (Cursor::Full | Cursor::Since(_), None) => reading.everybody().await,
        }
    }
}

#[async_trait]
impl Source for DirectorySource {
    fn capability(&self) -> SourceCapability {
        SourceCapability {
            incremental: true,
            by_anchor: true,
            by_value: true,
        }
    }

    fn read(&self, from: Cursor) -> BoxStream<'_, Result<Page>> {
        told(move |pages| self.tell(from, pages))
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    async fn forgive(&self) {
        Target::forgive(&self.directory).await;
    }

    async fn check(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.doubt.iter().cloned().collect();
        problems.extend(self.nameless.iter().map(|name| check::nowhere(name)));
        problems.extend(check::source(&self.directory).await);
        problems
    }
}

fn failed(failure: Failure) -> Error {
    failure.into_error(During::Search)
}

fn is_deleted(entry: &Entry) -> bool {
    entry.text("isDeleted") == Some("TRUE")
}

fn deleted() -> Filter {
    Filter::All(vec![
        Filter::equal("objectClass", "user"),
        Filter::equal("isDeleted", "TRUE"),
    ])
}

fn containers() -> Filter {
    Filter::Any(vec![
        Filter::equal("objectCategory", "organizationalUnit"),
        Filter::equal("objectCategory", "container"),
    ])
}

/// A read under way, on one connection: controllers differ in what they know already.
struct Reading<'s> {
    source: &'s DirectorySource,
    session: DirectorySession,
    connection: Connection,
    root: Root,
    pages: Teller,
}

impl<'s> Reading<'s> {
    async fn begin(source: &'s DirectorySource, pages: Teller) -> Result<Reading<'s>> {
        let session = source.directory.first_session(None).await?;
        let connection = session.controller.separate().await?;
        let root = Root::read(&session, &connection).await?;
        Ok(Reading {
            source,
            session,
            connection,
            root,
            pages,
        })
    }

    async fn everybody(&mut self) -> Result<()> {
        let place = self.mark().await?;
        let base = self.session.shared.search_base.clone();
        let people = self.session.server.dialect.people();
        self.hear(&base, people).await?;
        self.finish(place).await
    }

    /// From where on changes are told; `None` where nothing tells them.
    async fn mark(&mut self) -> Result<Option<Place>> {
        if let Some(cookie) = self.last_cookie().await? {
            return Ok(Some(Place::Cookie(cookie)));
        }
        let number = |highest| {
            Place::Number(Number {
                highest,
                numbering: self.root.numbering.clone(),
                everybody: self.root.at,
            })
        };
        Ok(self.root.highest.map(number))
    }

    /// The cookie behind all that there is; `None` where DirSync is not for us. A cookie does not depend on what is asked
    /// for, so that is next to nothing.
    async fn last_cookie(&mut self) -> Result<Option<Vec<u8>>> {
        if !self.session.server.supports(DIRSYNC) {
            return Ok(None);
        }
        let (attributes, filter) = (["objectGUID".to_string()], self.changed());
        let mut cookie = Vec::new();
        loop {
            let search = self.changes(filter.clone(), &attributes);
            match self.connection.changes(&search, MOST, &cookie).await {
                Ok(changes) if changes.reached.is_more => cookie = goes_on(&cookie, changes.reached.cookie)?,
                Ok(changes) => return Ok(Some(changes.reached.cookie)),
                Err(failure) => return refused(failure).map(|()| None),
            }
        }
    }

    /// Whoever may be of interest when something changed.
    fn changed(&self) -> Filter {
        let people = self.session.server.dialect.people();
        Filter::Any(vec![people, deleted(), containers()])
    }

    async fn since_cookie(&mut self, mut cookie: Vec<u8>) -> Result<()> {
        let mut attributes = self.session.asked.clone();
        let telling = TELLING.iter().filter(|name| !contains(&attributes, name));
        let telling: Vec<String> = telling.map(|name| name.to_string()).collect();
        attributes.extend(telling);
        let filter = self.changed();
        loop {
            let search = self.changes(filter.clone(), &attributes);
            let changes = match self.connection.changes(&search, MOST, &cookie).await {
                Ok(changes) => changes,
                Err(failure) => {
                    refused(failure)?;
                    return self.pages.end(End::Expired).await;
                }
            };
            if !self.hear_of(changes.entries).await? {
                return self.pages.end(End::Expired).await;
            }
            let reached = changes.reached;
            if !reached.is_more {
                return self.finish(Some(Place::Cookie(reached.cookie))).await;
            }
            cookie = goes_on(&cookie, reached.cookie)?;
        }
    }

    /// Hands over those of whom DirSync tells that something changed, as they are now; `false` if a container went
    /// elsewhere.
    async fn hear_of(&mut self, entries: Vec<Entry>) -> Result<bool> {
        let dialect = self.session.server.dialect;
        let mut gone = Vec::new();
        let mut changed = Vec::new();
        for entry in &entries {
            match entry.anchor(dialect) {
                Some(anchor) if is_deleted(entry) => gone.push(record::gone(anchor, self.root.at)),
                Some(anchor) => changed.push((anchor, entry)),
                None => {}
            }
        }
        if !gone.is_empty() {
            self.pages.statements(gone).await?;
        }
        for some in changed.chunks(BATCH) {
            let anchors: Vec<Anchor> = some.iter().map(|(anchor, _)| anchor.clone()).collect();
            let seen = self.hear_from(&anchors).await?;
            let others = some.iter().filter(|(anchor, _)| !seen.contains(anchor));
            // Who is no person is a container; one that is new has a class, one of another name or place has a name.
            let mut others = others.map(|(_, entry)| entry);
            if others.any(|entry| entry.names("name") && !entry.names("objectClass")) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn since_number(&mut self, number: Number) -> Result<()> {
        let Some(highest) = self.root.highest else {
            return self.pages.end(End::Expired).await;
        };
        let is_same = self.root.numbering == number.numbering && highest >= number.highest;
        if !is_same
            || self.is_blind_since(number.everybody).await?
            || self.moved_since(number.highest).await?
        {
            return self.pages.end(End::Expired).await;
        }
        let changed = |filter| Filter::All(vec![filter, later_than(number.highest)]);
        let people = self.session.server.dialect.people();
        let context = self.root.context.clone();
        self.hear(&context, changed(people)).await?;
        self.hear_of_deleted(changed(deleted())).await?;
        self.finish(Some(Place::Number(Number { highest, ..number })))
            .await
    }

    /// Nobody told who was deleted since everybody was read, long ago.
    async fn is_blind_since(&self, everybody: Timestamp) -> Result<bool> {
        let is_long_ago = self.root.at.duration_since(everybody) > BLIND;
        Ok(is_long_ago && !sees_deleted(&self.connection, &self.root.context).await?)
    }

    /// Whether a container that was there is not as it was. Its number does not tell what became of it.
    async fn moved_since(&self, highest: u64) -> Result<bool> {
        let attributes = ["uSNCreated".to_string()];
        let filter = Filter::All(vec![containers(), later_than(highest)]);
        let search = self.search(&self.root.context, filter, &attributes);
        let found = self.connection.search(&search).await.map_err(failed)?;
        let made = |entry: &Entry| entry.text("uSNCreated").and_then(|it| it.parse::<u64>().ok());
        Ok(found
            .iter()
            .any(|entry| made(entry).is_none_or(|made| made <= highest)))
    }

    async fn workers(&mut self, anchors: &[String]) -> Result<()> {
        let anchors: Vec<Anchor> = anchors.iter().map(|anchor| Anchor(anchor.clone())).collect();
        for some in anchors.chunks(BATCH) {
            let seen = self.hear_from(some).await?;
            let unseen = some.iter().filter(|anchor| !seen.contains(anchor));
            let dialect = self.session.server.dialect;
            let unseen: Vec<Filter> = unseen.map(|anchor| Filter::anchor(dialect, anchor)).collect();
            if !unseen.is_empty() {
                let filter = Filter::All(vec![deleted(), Filter::Any(unseen)]);
                self.hear_of_deleted(filter).await?;
            }
        }
        self.finish(None).await
    }

    async fn holders(&mut self, attribute: &str, values: &[String]) -> Result<()> {
        find::searchable(attribute)?;
        let base = self.session.shared.search_base.clone();
        let values: Vec<&String> = values.iter().filter(|value| !value.is_empty()).collect();
        for some in values.chunks(BATCH) {
            let terms = some.iter().map(|value| Filter::equal(attribute, value));
            let people = self.session.server.dialect.people();
            let filter = Filter::All(vec![people, Filter::Any(terms.collect())]);
            self.hear(&base, filter).await?;
        }
        self.finish(None).await
    }

    /// Hands over people by anchor, wherever they are now; answers who was there.
    async fn hear_from(&mut self, anchors: &[Anchor]) -> Result<HashSet<Anchor>> {
        let dialect = self.session.server.dialect;
        let terms = anchors.iter().map(|anchor| Filter::anchor(dialect, anchor));
        let filter = Filter::All(vec![dialect.people(), Filter::Any(terms.collect())]);
        let context = self.root.context.clone();
        self.hear(&context, filter).await
    }

    /// Hands over all people whom a search finds, a page at a time. Whoever is not where people are read is gone from
    /// there; answers who they were.
    async fn hear(&mut self, base: &str, filter: Filter) -> Result<HashSet<Anchor>> {
        let dialect = self.session.server.dialect;
        let mut heard = HashSet::new();
        let mut cookie = Vec::new();
        loop {
            let search = self.search(base, filter.clone(), &self.session.asked);
            let page = self.connection.page(&search, cookie).await.map_err(failed)?;
            let known = self.session.anchors_in(&page.entries).await?;
            let mut told = Page::default();
            for entry in &page.entries {
                let inside = is_within(&entry.dn, &self.session.shared.search_base);
                let anchor = entry.anchor(dialect);
                heard.extend(anchor.clone());
                let (wanted, at) = (&self.source.wanted, self.root.at);
                let statement: Option<Statement> = match inside {
                    true => record::whole(wanted, entry, dialect, &known, at),
                    false => anchor.map(|anchor| record::gone(anchor, at)),
                };
                match statement {
                    Some(statement) => told.statements.push(statement),
                    None => told.nameless.push(nameless(entry, dialect.anchor)),
                }
            }
            self.pages.tell(told).await?;
            if page.cookie.is_empty() {
                return Ok(heard);
            }
            cookie = page.cookie;
        }
    }

    /// Hands over whom a search finds among what was deleted, as far as that may be seen.
    async fn hear_of_deleted(&mut self, filter: Filter) -> Result<()> {
        let dialect = self.session.server.dialect;
        if dialect.addressing != Addressing::Guid {
            return Ok(());
        }
        let attributes = [dialect.anchor.to_string()];
        let mut search = self.search(&self.root.context, filter, &attributes);
        search.controls.push(show_deleted());
        let found = self.connection.search(&search).await.map_err(failed)?;
        let gone = found.iter().filter_map(|entry| entry.anchor(dialect));
        let gone = gone.map(|anchor| record::gone(anchor, self.root.at)).collect();
        self.pages.statements(gone).await
    }

    /// DirSync is asked of whole naming contexts, and goes with few other controls.
    fn changes<'a>(&'a self, filter: Filter, attributes: &'a [String]) -> Search<'a> {
        Search {
            controls: Vec::new(),
            ..self.search(&self.root.context, filter, attributes)
        }
    }

    fn search<'a>(&self, base: &'a str, filter: Filter, attributes: &'a [String]) -> Search<'a> {
        Search {
            base,
            scope: Scope::Subtree,
            filter,
            attributes,
            controls: self.session.controls(),
            page_size: self.session.shared.page_size,
        }
    }

    async fn finish(&mut self, place: Option<Place>) -> Result<()> {
        let watermark = Watermark {
            at: self.root.at,
            place: place.map(|place| place.to_string()),
        };
        self.pages.end(End::Complete(watermark)).await
    }
}

fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|it| it.eq_ignore_ascii_case(name))
}

fn later_than(number: u64) -> Filter {
    Filter::AtLeast("uSNChanged".into(), number.saturating_add(1))
}

/// A controller that stays where it is would be asked for ever.
fn goes_on(cookie: &[u8], next: Vec<u8>) -> Result<Vec<u8>> {
    match next == cookie {
        true => Err(Error::unavailable("the directory tells the same changes again")),
        false => Ok(next),
    }
}

fn nameless(entry: &Entry, anchor: &str) -> Finding {
    let message = format!("the service account may not read {anchor} of {}", entry.dn);
    Finding::new(Weight::Failure, "MissingAnchor", message)
}
