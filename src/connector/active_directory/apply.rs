//! Writing changes: several at a time, each effect with what was there before it, each change with exactly
//! one outcome.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, BoxStream, Stream, StreamExt};
use jiff::Timestamp;
use ldap3::Mod;
use secrecy::{ExposeSecret, SecretString};

use super::connection::{Answer, Attributes, CONNECTIONS, Connection, Failure, Octets, POST_READ, Search};
use super::dialect::{Addressing, PasswordRule};
use super::errors::{CONSTRAINT_VIOLATION, During, Refusal, VALUE_EXISTS};
use super::target::DirectorySession;
use super::wire::{self, ACCOUNT_DISABLE, Entry, Filter, NORMAL_ACCOUNT, Reference, USER_ACCOUNT_CONTROL};
use super::{model, password};
use crate::connector::Outcome;
use crate::domain::account::{Anchor, Values};
use crate::domain::dn;
use crate::domain::plan::{Change, ChangeId, Effect, Receipt};
use crate::error::{Error, Kind, Result};

const UNICODE_PASSWORD: &str = "unicodePwd";
const OVERTAKEN: &str = "somebody changed the account since it was read";

/// Changes travel over all connections, and side by side on each where the server works that way.
pub(super) fn apply(session: &DirectorySession, changes: Vec<Change>) -> BoxStream<'_, (ChangeId, Outcome)> {
    let started = async move {
        let batch = Arc::new(Batch::start(session, changes).await);
        let width = CONNECTIONS * session.server.dialect.depth;
        stream::select_all((0..width).map(|number| worker(batch.clone(), number).boxed()))
    };
    stream::once(started).flatten().boxed()
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
    /// The DNs of all accounts that changes refer to.
    dns: HashMap<Anchor, String>,
    /// Why no connection can be had any more: the rest need not wait for the same time-out one by one.
    down: Mutex<Option<(Kind, String)>>,
}

impl<'a> Batch<'a> {
    async fn start(session: &'a DirectorySession, changes: Vec<Change>) -> Batch<'a> {
        let referred = changes
            .iter()
            .flat_map(|change| change.effects.iter().flat_map(referred))
            .collect();
        let (dns, down) = match session.dns_of(referred).await {
            Ok(dns) => (dns, None),
            Err(error) => (HashMap::new(), Some((error.kind, error.message))),
        };
        Batch {
            session,
            waiting: Mutex::new(changes.into()),
            dns,
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
        if let Some((kind, message)) = &*down() {
            return Err(Error::new(*kind, message.clone()).code("EndpointUnavailable"));
        }
        self.session
            .controller
            .connection(number)
            .await
            .inspect_err(|error| {
                *down() = Some((error.kind, error.message.clone()));
            })
    }

    async fn carry_out(&self, number: usize, change: Change) -> Outcome {
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
        Effect::Create { values, .. } => values
            .iter()
            .filter(|(attribute, _)| model::is_reference(attribute))
            .flat_map(|(_, anchors)| anchors.iter().cloned().map(Anchor))
            .collect(),
        _ => Vec::new(),
    }
}

/// Why a change goes no further.
enum Stop {
    /// This step was not written.
    Refused(Error),
    /// This step may have been written.
    Unknown(Error),
}

impl Stop {
    /// How a write failed.
    fn write(during: During) -> impl Fn(Failure) -> Stop {
        move |failure| match failure {
            Failure::Lost(error) => Stop::Unknown(error),
            other => Stop::Refused(other.into_error(during)),
        }
    }

    /// A read that fails leaves nothing written, whatever became of it.
    fn read(failure: Failure) -> Stop {
        Stop::Refused(failure.into_error(During::Search))
    }

    fn stale(attribute: &str, what: &str) -> Stop {
        Stop::Refused(Error::new(Kind::Stale, what).code("Conflict").at(attribute))
    }
}

type Step<T = ()> = std::result::Result<T, Stop>;

/// One change on its way.
struct Writing<'a> {
    batch: &'a Batch<'a>,
    session: &'a DirectorySession,
    connection: Connection,
    account: Option<Anchor>,
    /// Where the account is now.
    dn: String,
    done: Vec<Effect>,
}

impl Writing<'_> {
    async fn change(&mut self, change: &Change) -> Step {
        proved(change)?;
        let effects = |wanted: fn(&Effect) -> bool| change.effects.iter().filter(move |it| wanted(it));
        let entry = match &change.account {
            Some(anchor) => self.read(anchor, &change.effects).await?,
            None => Entry::default(),
        };
        for effect in &change.effects {
            if let Effect::Create {
                values,
                container,
                enabled,
            } = effect
            {
                self.create(values, container, *enabled).await?;
            }
        }
        if effects(|it| matches!(it, Effect::Disable)).next().is_some() {
            self.set_state(&entry, false).await?;
        }
        let values: Vec<&Effect> =
            effects(|it| matches!(it, Effect::Set { .. } | Effect::Refer { .. })).collect();
        if !values.is_empty() {
            self.set_values(&entry, &values).await?;
        }
        if effects(|it| matches!(it, Effect::Enable)).next().is_some() {
            self.set_state(&entry, true).await?;
        }
        let places: Vec<&Effect> =
            effects(|it| matches!(it, Effect::Rename { .. } | Effect::Move { .. })).collect();
        if !places.is_empty() {
            self.place(&places).await?;
        }
        if effects(|it| matches!(it, Effect::Delete)).next().is_some() {
            self.delete().await?;
        }
        Ok(())
    }

    fn outcome(self, change: ChangeId, end: Step) -> Outcome {
        let nothing_done = self.done.is_empty();
        let receipt = self.account.map(|account| Receipt {
            change,
            account,
            address: self.dn,
            endpoint: self.session.controller.endpoint.0.clone(),
            done: self.done,
            at: Timestamp::now(),
        });
        match (end, receipt) {
            (Ok(()), Some(receipt)) => Outcome::Done(receipt),
            (Ok(()), None) => Outcome::Refused(Error::invalid("the change names no account and makes none")),
            (Err(Stop::Refused(error)), Some(receipt)) if !nothing_done => Outcome::Partial(receipt, error),
            (Err(Stop::Refused(error)), _) => Outcome::Refused(error),
            (Err(Stop::Unknown(error)), receipt) => {
                Outcome::Unknown(receipt.filter(|_| !nothing_done), error)
            }
        }
    }

    /// What a request names the account by. AD takes the anchor, which outlives renames and moves.
    fn address(&self) -> String {
        match (&self.session.server.dialect.addressing, &self.account) {
            (Addressing::Guid, Some(anchor)) => wire::guid_dn(anchor),
            _ => self.dn.clone(),
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
        let found = match dialect.addressing {
            Addressing::Guid => {
                let controls = self.session.controls();
                self.connection
                    .read(&wire::guid_dn(anchor), &attributes, controls)
                    .await
            }
            Addressing::Dn => {
                let search = Search {
                    base: &self.session.shared.base_dn,
                    scope: ldap3::Scope::Subtree,
                    filter: Filter::anchor(dialect, anchor),
                    attributes: &attributes,
                    controls: self.session.controls(),
                    page_size: self.session.shared.page_size,
                };
                self.connection
                    .page(&search, Vec::new())
                    .await
                    .map(|page| page.entries.into_iter().next())
            }
        };
        let entry = found.map_err(Stop::read)?.ok_or_else(|| {
            let gone = Error::new(Kind::NotFound, "the account does not exist any more");
            Stop::Refused(gone.code("InvalidAnchor"))
        })?;
        self.dn = entry.dn.clone();
        Ok(entry)
    }

    /// Makes the account, with its password and in its state. Where that takes several writes the account
    /// stays disabled until the last, so that a failure between them leaves nobody an open door.
    async fn create(&mut self, values: &Values, container: &Option<String>, enabled: bool) -> Step {
        let dialect = self.session.server.dialect;
        let missing = |attribute| {
            let missing = Error::invalid("a new account cannot be made without it: map it, or set a default");
            Stop::Refused(missing.code("MandatoryFieldsMissing").at(attribute))
        };
        let container = container
            .as_ref()
            .ok_or_else(|| missing("parentDistinguishedName"))?;
        let name = values
            .iter()
            .find(|(attribute, _)| attribute.eq_ignore_ascii_case("cn"));
        let name = name
            .and_then(|(_, names)| names.first())
            .ok_or_else(|| missing("cn"))?;
        if !enabled && !dialect.state {
            return Err(stateless());
        }
        let in_one_write = dialect.password == PasswordRule::UnicodePwd;
        let dn = format!("{},{container}", wire::own_rdn(name));
        let attributes = self.new_attributes(values)?;
        let made = match in_one_write {
            true => self.add_with_password(&dn, &attributes, enabled).await,
            false => self.add(&dn, attributes, None, false).await,
        };
        let read_back = made.map_err(Stop::write(During::Add))?;
        self.dn = dn;
        self.account = Some(match read_back {
            Some(anchor) => anchor,
            None => self.new_anchor().await?,
        });
        let made = |enabled| Effect::Create {
            values: values.clone(),
            container: Some(container.clone()),
            enabled,
        };
        self.done.push(made(enabled && (in_one_write || !dialect.state)));
        if !in_one_write {
            self.set_password().await?;
            if enabled && dialect.state {
                let disabled = (NORMAL_ACCOUNT | ACCOUNT_DISABLE).to_string();
                let written = self.write_state(Some(&disabled), NORMAL_ACCOUNT).await;
                written.map_err(Stop::write(During::Modify))?;
                self.done = vec![made(true)];
            }
        }
        Ok(())
    }

    /// The values of a new entry as the server takes them; state and place are said elsewhere.
    fn new_attributes(&self, values: &Values) -> Step<Attributes> {
        let classes = self.session.server.dialect.classes;
        let mut attributes: Attributes = vec![(
            "objectClass".into(),
            classes.iter().map(|class| class.as_bytes().to_vec()).collect(),
        )];
        for (attribute, values) in values
            .iter()
            .filter(|(name, held)| !held.is_empty() && !is_state_or_place(name))
        {
            let held: Octets = match model::is_reference(attribute) {
                true => values
                    .iter()
                    .map(|anchor| {
                        self.dn_of(attribute, &Anchor(anchor.clone()))
                            .map(String::into_bytes)
                    })
                    .collect::<Step<_>>()?,
                false => values.iter().map(|value| wire::bytes(attribute, value)).collect(),
            };
            attributes.push((attribute.clone().into_bytes(), held));
        }
        Ok(attributes)
    }

    /// A policy that dislikes one random password is offered another; nothing was made yet.
    async fn add_with_password(
        &self,
        dn: &str,
        attributes: &Attributes,
        enabled: bool,
    ) -> Answer<Option<Anchor>> {
        match self
            .add(dn, attributes.clone(), Some(password::random()), enabled)
            .await
        {
            Err(Failure::Refused(refusal)) if refusal.is_password_policy() => {
                self.add(dn, attributes.clone(), Some(password::random()), enabled)
                    .await
            }
            made => made,
        }
    }

    async fn add(
        &self,
        dn: &str,
        mut attributes: Attributes,
        password: Option<SecretString>,
        enabled: bool,
    ) -> Answer<Option<Anchor>> {
        let server = &self.session.server;
        if server.dialect.state {
            let control = if enabled {
                NORMAL_ACCOUNT
            } else {
                NORMAL_ACCOUNT | ACCOUNT_DISABLE
            };
            attributes.push((USER_ACCOUNT_CONTROL.into(), one(control.to_string())));
        }
        if let Some(password) = &password {
            let encoded = wire::unicode_password(password.expose_secret());
            attributes.push((UNICODE_PASSWORD.into(), one(encoded.as_slice())));
        }
        let read_back = server.supports(POST_READ).then_some(server.dialect.anchor);
        let anchor = self.connection.add(dn, attributes, read_back).await?;
        Ok(anchor.map(|text| Anchor(text.to_lowercase())))
    }

    /// The anchor of the account just made, from the controller that made it. Without it nothing is known
    /// but that something was made.
    async fn new_anchor(&self) -> Step<Anchor> {
        let dialect = self.session.server.dialect;
        let entry = self
            .connection
            .read(&self.dn, &[dialect.anchor.to_string()], Vec::new())
            .await;
        let entry = entry.map_err(|failure| Stop::Unknown(failure.into_error(During::Search)))?;
        entry.and_then(|entry| entry.anchor(dialect)).ok_or_else(|| {
            let message = format!("the account was made, but its {} cannot be read", dialect.anchor);
            Stop::Unknown(Error::new(Kind::Forbidden, message).code("InsufficientRights"))
        })
    }

    /// Disables or enables. An account that already is as wanted was made so by somebody else, and a
    /// receipt of ours would claim it.
    async fn set_state(&mut self, entry: &Entry, enable: bool) -> Step {
        if !self.session.server.dialect.state {
            return Err(stateless());
        }
        if wire::is_enabled(entry) == enable {
            let what = if enable {
                "the account is enabled already"
            } else {
                "the account is disabled already"
            };
            return Err(Stop::stale(model::MODEL.state.name, what));
        }
        let control = entry.number(USER_ACCOUNT_CONTROL).unwrap_or(NORMAL_ACCOUNT);
        let wanted = if enable {
            control & !ACCOUNT_DISABLE
        } else {
            control | ACCOUNT_DISABLE
        };
        let before = entry.text(USER_ACCOUNT_CONTROL);
        let written = match self.write_state(before, wanted).await {
            Err(Failure::Refused(refusal)) if enable && refusal.is_password_policy() => {
                self.set_password().await?;
                self.write_state(before, wanted).await
            }
            written => written,
        };
        written.map_err(Stop::write(During::Modify))?;
        self.done
            .push(if enable { Effect::Enable } else { Effect::Disable });
        Ok(())
    }

    /// The old number goes as the new one comes. Windows and OpenLDAP refuse where the old one is not
    /// there; Samba writes the new one all the same, but what it overwrites was read a moment ago.
    async fn write_state(&self, before: Option<&str>, control: u32) -> Answer<()> {
        let attribute = || USER_ACCOUNT_CONTROL.as_bytes().to_vec();
        let mut changes: Vec<_> = before
            .map(|old| Mod::Delete(attribute(), one(old)))
            .into_iter()
            .collect();
        // The directory's integers are signed.
        changes.push(Mod::Add(attribute(), one(control.cast_signed().to_string())));
        self.connection.modify(&self.address(), changes).await
    }

    /// Gives the account a random password; one that the policy dislikes is followed by another.
    async fn set_password(&self) -> Step {
        let refused = |failure: &Failure| matches!(failure, Failure::Refused(it) if it.is_password_policy() || it.result == CONSTRAINT_VIOLATION);
        let set = match self.write_password(&password::random()).await {
            Err(failure) if refused(&failure) => self.write_password(&password::random()).await,
            set => set,
        };
        set.map_err(Stop::write(During::Password))
    }

    async fn write_password(&self, password: &SecretString) -> Answer<()> {
        match self.session.server.dialect.password {
            PasswordRule::UnicodePwd => {
                let encoded = wire::unicode_password(password.expose_secret());
                let change = Mod::Replace(UNICODE_PASSWORD.into(), one(encoded.as_slice()));
                self.connection.modify(&self.address(), vec![change]).await
            }
            PasswordRule::Operation => self.connection.set_password(&self.dn, password).await,
        }
    }

    /// Writes all plain values and references in one modification, which happens whole or not at all.
    async fn set_values(&mut self, entry: &Entry, effects: &[&Effect]) -> Step {
        let known = self
            .session
            .anchors_in(std::slice::from_ref(entry))
            .await
            .map_err(Stop::Refused)?;
        let mut changes = Vec::new();
        let mut several = false;
        for effect in effects {
            match effect {
                Effect::Set {
                    attribute,
                    before,
                    after,
                } => {
                    if !alike(&wire::texts(entry, attribute), before) {
                        return Err(Stop::stale(attribute, OVERTAKEN));
                    }
                    several |= after.len() > 1;
                    changes.extend(replacement(attribute, before, after));
                }
                Effect::Refer {
                    attribute,
                    before,
                    after,
                } => {
                    let current = wire::anchors(entry, attribute, self.session.server.dialect, &known);
                    if current.iter().ne(before.iter().map(|anchor| &anchor.0)) {
                        return Err(Stop::stale(attribute, OVERTAKEN));
                    }
                    let before: Vec<String> = entry
                        .texts(attribute)
                        .map(|text| Reference::parse(text).dn.to_string())
                        .collect();
                    let after = after
                        .iter()
                        .map(|anchor| self.dn_of(attribute, anchor))
                        .collect::<Step<Vec<_>>>()?;
                    changes.extend(replacement(attribute, &before, &after));
                }
                _ => {}
            }
        }
        if !changes.is_empty() {
            match self.connection.modify(&self.address(), changes).await {
                // A second value for an attribute that holds one looks like a value that was there before.
                Err(Failure::Refused(refusal)) if several && refusal.result == VALUE_EXISTS => {
                    return Err(Stop::Refused(refusal.into_error(During::Add)));
                }
                written => written.map_err(Stop::write(During::Modify))?,
            }
        }
        self.done.extend(effects.iter().map(|&effect| effect.clone()));
        Ok(())
    }

    fn dn_of(&self, attribute: &str, anchor: &Anchor) -> Step<String> {
        self.batch.dns.get(anchor).cloned().ok_or_else(|| {
            let missing = Error::new(
                Kind::NotFound,
                "the account referred to does not exist in the directory",
            );
            Stop::Refused(missing.code("ReferenceNotFound").at(attribute))
        })
    }

    /// Renames and moves in one operation. It names the account by its DN, so that it succeeds only from
    /// where the account was seen.
    async fn place(&mut self, effects: &[&Effect]) -> Step {
        let mut name = dn::own_name(&self.dn).unwrap_or_default();
        let mut container = None;
        for effect in effects {
            match effect {
                Effect::Rename { before, after } => {
                    if name != *before {
                        return Err(Stop::stale("cn", OVERTAKEN));
                    }
                    name = after.clone();
                }
                Effect::Move { before, after } => {
                    if !dn::parent(&self.dn).is_some_and(|parent| dn::same(parent, before)) {
                        return Err(Stop::stale("parentDistinguishedName", OVERTAKEN));
                    }
                    container = Some(after.as_str());
                }
                _ => {}
            }
        }
        let rdn = wire::own_rdn(&name);
        match self.connection.rename(&self.dn, &rdn, container).await {
            // Either end may be missing, and the result does not say which.
            Err(Failure::Refused(refusal)) if refusal.is_missing() => {
                return Err(self.missing_end(refusal, container).await);
            }
            written => written.map_err(Stop::write(During::Rename))?,
        }
        let parent = container.or_else(|| dn::parent(&self.dn)).unwrap_or_default();
        self.dn = format!("{rdn},{parent}");
        self.forget();
        self.done.extend(effects.iter().map(|&effect| effect.clone()));
        Ok(())
    }

    async fn missing_end(&self, refusal: Refusal, container: Option<&str>) -> Stop {
        let Some(container) = container else {
            return Stop::stale("cn", OVERTAKEN);
        };
        match self
            .connection
            .read(container, &["1.1".to_string()], Vec::new())
            .await
        {
            // An add is refused in the same words where the container is missing.
            Ok(None) => Stop::Refused(refusal.into_error(During::Add)),
            Ok(Some(_)) => Stop::stale("parentDistinguishedName", OVERTAKEN),
            Err(failure) => Stop::read(failure),
        }
    }

    async fn delete(&mut self) -> Step {
        self.connection
            .delete(&self.address())
            .await
            .map_err(Stop::write(During::Delete))?;
        self.forget();
        self.done.push(Effect::Delete);
        Ok(())
    }

    fn forget(&self) {
        if let Some(anchor) = &self.account {
            self.session.known.forget(anchor);
        }
    }
}

/// Proves that a change says only what may be written this way (B31), before anything is sent.
fn proved(change: &Change) -> Step {
    let refused = |message: &str| Err(Stop::Refused(Error::invalid(message)));
    let creates = change
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::Create { .. }));
    if creates == change.account.is_some() {
        return refused("a change either names its account or makes it");
    }
    for effect in &change.effects {
        let wrong = match effect {
            Effect::Set { attribute, .. } => Some(attribute).filter(|name| !model::is_settable(name)),
            Effect::Create { values, .. } => values.keys().find(|name| {
                let own =
                    name.eq_ignore_ascii_case("cn") || is_state_or_place(name) || model::is_reference(name);
                !own && !model::is_settable(name)
            }),
            _ => None,
        };
        if let Some(attribute) = wrong {
            let error = Error::invalid("is not written as an attribute").code("NotPermitted");
            return Err(Stop::Refused(error.at(attribute)));
        }
    }
    Ok(())
}

fn is_state_or_place(attribute: &str) -> bool {
    model::is_virtual(attribute) || attribute.eq_ignore_ascii_case(USER_ACCOUNT_CONTROL)
}

fn stateless() -> Stop {
    let error = Error::new(Kind::Unsupported, "accounts of this directory cannot be disabled");
    Stop::Refused(error.code("MethodNotAllowed").at(model::MODEL.state.name))
}

/// Takes the values away that go and adds those that come: the directory refuses if one that goes is not
/// there, or one that comes already is (B27).
fn replacement(attribute: &str, before: &[String], after: &[String]) -> Vec<Mod<Vec<u8>>> {
    let name = || attribute.as_bytes().to_vec();
    let only = |these: &[String], those: &[String]| -> Octets {
        let only = these.iter().filter(|value| !those.contains(value));
        only.map(|value| wire::bytes(attribute, value)).collect()
    };
    let (gone, come) = (only(before, after), only(after, before));
    let gone = (!gone.is_empty()).then(|| Mod::Delete(name(), gone));
    let come = (!come.is_empty()).then(|| Mod::Add(name(), come));
    gone.into_iter().chain(come).collect()
}

/// The same values in whatever order.
fn alike(left: &[String], right: &[String]) -> bool {
    let set = |values: &[String]| values.iter().cloned().collect::<HashSet<_>>();
    set(left) == set(right)
}

fn one(value: impl AsRef<[u8]>) -> Octets {
    Octets::from([value.as_ref().to_vec()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|it| it.to_string()).collect()
    }

    #[test]
    fn a_value_goes_as_another_comes() {
        let changes = replacement("department", &texts(&["Sales"]), &texts(&["SALES"]));
        let name = b"department".to_vec();
        assert_eq!(
            changes,
            [
                Mod::Delete(name.clone(), one("Sales")),
                Mod::Add(name, one("SALES"))
            ]
        );
    }

    #[test]
    fn only_what_differs_is_written() {
        let name = b"proxyAddresses".to_vec();
        let changes = replacement("proxyAddresses", &texts(&["a", "b"]), &texts(&["b", "c"]));
        assert_eq!(
            changes,
            [
                Mod::Delete(name.clone(), one("a")),
                Mod::Add(name.clone(), one("c"))
            ]
        );
        assert_eq!(
            replacement("proxyAddresses", &[], &texts(&["a"])),
            [Mod::Add(name.clone(), one("a"))]
        );
        assert_eq!(
            replacement("proxyAddresses", &texts(&["a"]), &[]),
            [Mod::Delete(name, one("a"))]
        );
        assert!(replacement("proxyAddresses", &texts(&["a"]), &texts(&["a"])).is_empty());
    }

    #[test]
    fn booleans_are_written_as_the_directory_spells_them() {
        let changes = replacement("msExchHideFromAddressLists", &[], &texts(&["True"]));
        assert_eq!(
            changes,
            [Mod::Add(b"msExchHideFromAddressLists".to_vec(), one("TRUE"))]
        );
    }

    #[test]
    fn what_has_an_effect_of_its_own_is_not_set_as_an_attribute() {
        let change = |effects, account: Option<&str>| Change {
            id: ChangeId::nil(),
            worker: "1".into(),
            account: account.map(|it| Anchor(it.into())),
            effects,
        };
        let set = |attribute: &str| {
            let effect = Effect::Set {
                attribute: attribute.into(),
                before: vec![],
                after: texts(&["x"]),
            };
            proved(&change(vec![effect], Some("a"))).is_ok()
        };
        assert!(set("title"));
        for attribute in ["userAccountControl", "cn", "unicodePwd", "manager", "objectSid"] {
            assert!(!set(attribute), "{attribute}");
        }
        assert!(proved(&change(vec![Effect::Delete], None)).is_err());
    }
}
