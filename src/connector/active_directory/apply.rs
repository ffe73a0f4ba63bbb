//! Writing changes: several at a time, each effect with what was there before it, each change with exactly
//! one outcome.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, BoxStream, Stream, StreamExt};
use ldap3::Scope;

use super::connection::{CONNECTIONS, Cause, Connection, Failure, Search};
use super::dialect::Addressing;
use super::errors::During;
use super::target::DirectorySession;
use super::wire::{self, Entry, Filter, USER_ACCOUNT_CONTROL};
use crate::connector::{MayStart, Outcome, answered, overtaken};
use crate::domain::account::Anchor;
use crate::domain::plan::{Change, ChangeId, Effect, Receipt};
use crate::error::{Error, Kind, Result};

/// Changes travel over all connections, and side by side on each where the server works that way.
pub(super) fn apply(
    session: &DirectorySession,
    changes: Vec<Change>,
    may_start: MayStart,
) -> BoxStream<'_, (ChangeId, Outcome)> {
    // Whoever is referred to gets his new DN before others are pointed at it.
    let referred: HashSet<Anchor> = changes
        .iter()
        .flat_map(|change| &change.effects)
        .flat_map(referred)
        .collect();
    let (first, rest): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(|change| {
        is_relocated(change) && change.account.as_ref().is_some_and(|it| referred.contains(it))
    });
    let batches = [first, rest].into_iter().filter(|changes| !changes.is_empty());
    stream::iter(batches)
        .then(move |changes| start(session, changes, may_start.clone()))
        .flatten()
        .boxed()
}

async fn start(
    session: &DirectorySession,
    changes: Vec<Change>,
    may_start: MayStart,
) -> impl Stream<Item = (ChangeId, Outcome)> {
    let batch = Arc::new(Batch::start(session, changes, may_start).await);
    let width = CONNECTIONS * session.server.dialect.depth;
    stream::select_all((0..width).map(|number| worker(batch.clone(), number).boxed()))
}

fn is_relocated(change: &Change) -> bool {
    let moves = |effect: &Effect| matches!(effect, Effect::Rename { .. } | Effect::Move { .. });
    change.effects.iter().any(moves)
}

/// Takes one waiting change after the other, on one connection.
fn worker(batch: Arc<Batch<'_>>, number: usize) -> impl Stream<Item = (ChangeId, Outcome)> {
    stream::unfold(batch, move |batch| async move {
        let change = batch.next()?;
        let id = change.id;
        let outcome = batch.carry_out(number, change).await;
        Some(((id, outcome), batch))
    })
}

/// The changes of one call, and what they share.
struct Batch<'a> {
    session: &'a DirectorySession,
    waiting: Mutex<VecDeque<Change>>,
    may_start: MayStart,
    /// The DNs of all accounts that changes refer to, or why they could not be read.
    dns: std::result::Result<HashMap<Anchor, String>, Cause>,
    /// Why no connection can be had any more: the rest need not wait for the same time-out one by one.
    down: Mutex<Option<Cause>>,
}

impl<'a> Batch<'a> {
    async fn start(session: &'a DirectorySession, changes: Vec<Change>, may_start: MayStart) -> Batch<'a> {
        let effects = changes.iter().flat_map(|change| &change.effects);
        let dns = session.dns_of(effects.flat_map(referred).collect()).await;
        let down = dns
            .as_ref()
            .err()
            .filter(|error| error.kind == Kind::Unavailable)
            .map(Cause::of);
        Batch {
            session,
            waiting: Mutex::new(changes.into()),
            may_start,
            dns: dns.map_err(|error| Cause::of(&error)),
            down: Mutex::new(down),
        }
    }

    fn next(&self) -> Option<Change> {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    async fn connect(&self, number: usize) -> Result<Connection> {
        let down = || self.down.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cause) = &*down() {
            return Err(cause.error());
        }
        let connection = self.session.controller.connection(number).await;
        connection.inspect_err(|error| *down() = Some(Cause::of(error)))
    }

    async fn carry_out(&self, number: usize, change: Change) -> Outcome {
        if !(self.may_start)() {
            return Outcome::Refused(overtaken());
        }
        let connection = match self.connect(number).await {
            Ok(connection) => connection,
            Err(error) => return Outcome::Refused(error),
        };
        let mut writing = Writing {
            batch: self,
            session: self.session,
            connection,
            account: change.account.clone(),
            dn: String::new(),
            done: Vec::new(),
        };
        let end = writing.change(&change).await;
        writing.outcome(change.id, end)
    }
}

/// The accounts an effect points at.
fn referred(effect: &Effect) -> Vec<Anchor> {
    match effect {
        Effect::Refer {
            after: Some(anchor), ..
        } => vec![anchor.clone()],
        _ => Vec::new(),
    }
}

/// Why a change goes no further.
pub(super) enum Stop {
    /// This step was not written.
    Refused(Error),
    /// This step may have been written.
    Unknown(Error),
}

impl Stop {
    /// How a write failed.
    pub(super) fn write(during: During) -> impl Fn(Failure) -> Stop {
        move |failure| match failure {
            Failure::Lost(error) => Stop::Unknown(error),
            other => Stop::Refused(other.into_error(during)),
        }
    }

    /// A read that fails leaves nothing written, whatever became of it.
    pub(super) fn read(failure: Failure) -> Stop {
        Stop::Refused(failure.into_error(During::Search))
    }

    /// What the plan took for granted holds no more (B27).
    pub(super) fn overtaken(attribute: &str) -> Stop {
        let error = Error::new(Kind::Stale, "somebody changed the account since it was read");
        Stop::Refused(error.code("Conflict").at(attribute))
    }
}

pub(super) type Step<T = ()> = std::result::Result<T, Stop>;

/// One change on its way.
pub(super) struct Writing<'a> {
    batch: &'a Batch<'a>,
    pub(super) session: &'a DirectorySession,
    pub(super) connection: Connection,
    pub(super) account: Option<Anchor>,
    /// Where the account is now.
    pub(super) dn: String,
    pub(super) done: Vec<Effect>,
}

impl Writing<'_> {
    /// Disabling comes first, for nothing may keep a leaver's account open (B13); another password before the enabling that it
    /// goes with, so that nobody signs in with the old one (B20); moving last, since rights may end where the account goes.
    async fn change(&mut self, change: &Change) -> Step {
        let effects = &change.effects;
        let creates = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Create { .. }));
        let entry = match &change.account {
            Some(anchor) if !creates => self.read(anchor, effects).await?,
            None if creates => Entry::default(),
            _ => {
                let message = "a change either names its account or makes it";
                return Err(Stop::Refused(Error::invalid(message)));
            }
        };
        for effect in effects {
            match effect {
                Effect::Create {
                    values,
                    container,
                    enabled,
                    password,
                } => {
                    self.create(values, container.as_deref(), *enabled, password, effects)
                        .await?;
                }
                Effect::Disable => self.set_state(&entry, false).await?,
                _ => {}
            }
        }
        // A new account may have come with its references.
        let effects: Vec<Effect> = effects
            .iter()
            .filter(|effect| !self.done.contains(effect))
            .cloned()
            .collect();
        let effects = effects.as_slice();
        let has = |wanted: fn(&Effect) -> bool| effects.iter().any(wanted);
        if has(|effect| matches!(effect, Effect::Set { .. } | Effect::Refer { .. })) {
            self.may_go_on()?;
            self.set_values(&entry, effects).await?;
        }
        let enables = has(|effect| *effect == Effect::Enable);
        for effect in effects {
            if let Effect::Password { password } = effect {
                self.may_go_on()?;
                if enables {
                    self.may_turn(&entry, true)?;
                }
                self.set_password(password).await?;
                self.done.push(effect.clone());
            }
        }
        if enables {
            self.may_go_on()?;
            self.set_state(&entry, true).await?;
        }
        if has(|effect| matches!(effect, Effect::Rename { .. } | Effect::Move { .. })) {
            self.may_go_on()?;
            self.place(effects).await?;
        }
        if has(|effect| *effect == Effect::Delete) {
            self.may_go_on()?;
            self.delete().await?;
        }
        Ok(())
    }

    /// Between two writes somebody else may have taken over; before the first it was asked already.
    fn may_go_on(&self) -> Step {
        match self.done.is_empty() {
            true => Ok(()),
            false => self.may_begin(),
        }
    }

    pub(super) fn may_begin(&self) -> Step {
        match (self.batch.may_start)() {
            true => Ok(()),
            false => Err(Stop::Refused(overtaken())),
        }
    }

    fn outcome(self, change: ChangeId, end: Step) -> Outcome {
        let nothing_done = self.done.is_empty();
        let receipt = self.account.map(|account| Receipt {
            change,
            account,
            address: self.dn,
            endpoint: self.session.controller.endpoint.0.clone(),
            done: self.done,
            at: answered(),
            event: None,
        });
        match (end, receipt) {
            (Ok(()), Some(receipt)) => Outcome::Done(receipt),
            (Ok(()), None) => Outcome::Refused(Error::internal("a change ended without an account")),
            (Err(Stop::Refused(error)), Some(receipt)) if !nothing_done => Outcome::Partial(receipt, error),
            (Err(Stop::Refused(error)), _) => Outcome::Refused(error),
            (Err(Stop::Unknown(error)), receipt) => {
                Outcome::Unknown(receipt.filter(|_| !nothing_done), error)
            }
        }
    }

    /// Reads the account as it is now, for its DN, its state and everything the effects will replace.
    async fn read(&mut self, anchor: &Anchor, effects: &[Effect]) -> Step<Entry> {
        let dialect = self.session.server.dialect;
        let mut attributes = vec![dialect.anchor.to_string(), USER_ACCOUNT_CONTROL.to_string()];
        attributes.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Set { attribute, .. } | Effect::Refer { attribute, .. } => Some(attribute.clone()),
            _ => None,
        }));
        let search = Search {
            base: &self.session.shared.base_dn,
            scope: Scope::Subtree,
            filter: Filter::anchor(dialect, anchor),
            attributes: &attributes,
            controls: self.session.controls(),
            page_size: self.session.shared.page_size,
        };
        let page = self
            .connection
            .page(&search, Vec::new())
            .await
            .map_err(Stop::read)?;
        let entry = page.entries.into_iter().next().ok_or_else(|| {
            let gone = Error::new(Kind::NotFound, "the account does not exist any more");
            Stop::Refused(gone.code("InvalidAnchor"))
        })?;
        self.dn = entry.dn.clone();
        Ok(entry)
    }

    /// What a request names the account by. AD takes the anchor, which outlives renames and moves.
    pub(super) fn address(&self) -> String {
        match (&self.session.server.dialect.addressing, &self.account) {
            (Addressing::Guid, Some(anchor)) => wire::guid_dn(anchor),
            _ => self.dn.clone(),
        }
    }

    /// The DN of an account referred to.
    pub(super) fn dn_of(&self, attribute: &str, anchor: &Anchor) -> Step<String> {
        let dns = self
            .batch
            .dns
            .as_ref()
            .map_err(|cause| Stop::Refused(cause.error()))?;
        dns.get(anchor).cloned().ok_or_else(|| {
            let message = "the account referred to does not exist in the directory";
            Stop::Refused(
                Error::new(Kind::NotFound, message)
                    .code("ReferenceNotFound")
                    .at(attribute),
            )
        })
    }
}
