//! Choosing names for accounts that are about to be made (`SelectUniqueValue`, B22): the candidates of a whole page are
//! asked of the target at once, then each worker is given the first that nobody has, in the order of their anchors.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Context;
use super::subject::Subject;
use crate::connector::{Session, Target, UniqueValue};
use crate::domain::account::Values;
use crate::domain::hold::Hold;
use crate::domain::mapping::{Mapping, Role};
use crate::domain::plan::{self, Effect, Moment, Unclear};
use crate::domain::value::folded;
use crate::error::{Error, Kind, Result};
use crate::store::jobs;
use crate::store::names::{self, Name};

/// What people sign in with, in a tenant.
const SIGN_IN: &str = "userPrincipalName";
const NICKNAME: &str = "mailNickname";

/// How long tenants beside a directory are waited for: leavers on the page wait too.
const PATIENCE: Duration = Duration::from_secs(10);

/// Owners of names, by namespace and folded value.
pub type Promised = Mutex<HashMap<(String, String), String>>;

/// What becomes of a name that is chosen.
#[derive(Clone, Copy)]
pub enum Names<'p> {
    /// It is the worker's from now on.
    Keep,
    /// The same, without those that others are promised.
    KeepBeside(&'p Promised),
    /// Nobody hears of it, but for whoever else is planned together with this worker.
    Look(&'p Promised),
}

/// One attribute of one worker's that is to be unique.
#[derive(Clone)]
struct Wish {
    subject: usize,
    namespace: String,
    owner: String,
    attribute: String,
    /// Best first.
    candidates: Vec<String>,
}

/// Gives names to everybody on the page who is about to get an account.
pub async fn choose(
    cx: &Context,
    session: &dyn Session,
    subjects: &mut [Subject],
    moment: &Moment,
    names: Names<'_>,
) -> Result<()> {
    let mut wishes = wishes(cx, subjects, moment);
    if wishes.is_empty() {
        return Ok(());
    }
    remember(cx, &mut wishes).await?;
    let mut answers = ask(session, &questions(&wishes)).await?;
    elsewhere(cx, &wishes, &mut answers).await;
    for wish in &mut wishes {
        let unclear = wish.keep_free(&answers);
        subjects[wish.subject]
            .unclear
            .extend(unclear.map(|why| (wish.attribute.clone(), why)));
    }
    wishes.sort_by(|one, other| one.owner.cmp(&other.owner));
    let given = match names {
        Names::Keep => keep(cx, wishes).await?,
        Names::KeepBeside(promised) => {
            let promised = promised.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for wish in &mut wishes {
                let mut candidates = std::mem::take(&mut wish.candidates);
                candidates.retain(|value| is_free(&wish.name(value), &promised));
                wish.candidates = candidates;
            }
            keep(cx, wishes).await?
        }
        Names::Look(promised) => look(cx, wishes, promised).await?,
    };
    for (subject, attribute, value) in given {
        subjects[subject].names.insert(attribute, value);
    }
    Ok(())
}

/// Which subject gets which name: subject, attribute, value.
type Given = Vec<(usize, String, String)>;

async fn keep(cx: &Context, wishes: Vec<Wish>) -> Result<Given> {
    let (id, token, now) = (cx.origin.job.clone(), cx.token, cx.clock.now());
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &id, token)?;
            let mut given = Vec::with_capacity(wishes.len());
            for wish in &wishes {
                for value in &wish.candidates {
                    if names::reserve(conn, &wish.name(value), now)? {
                        given.push((wish.subject, wish.attribute.clone(), value.clone()));
                        break;
                    }
                }
            }
            Ok(given)
        })
        .await
}

async fn look(cx: &Context, wishes: Vec<Wish>, promised: &Promised) -> Result<Given> {
    let all = wishes
        .iter()
        .flat_map(|wish| wish.candidates.iter().map(|value| wish.name(value)));
    let all: Vec<Name> = all.collect();
    let owners = cx.store.read(move |conn| names::owners(conn, &all)).await?;
    let mut promised = promised.lock().unwrap_or_else(PoisonError::into_inner);
    let mut given = Vec::with_capacity(wishes.len());
    for wish in &wishes {
        let is_nobodys = |value: &&String| {
            let name = wish.name(value);
            let key = (name.namespace.clone(), name.folded.clone());
            let is_own = owners.get(&key).is_none_or(|owner| *owner == name.owner);
            is_own && is_free(&name, &promised)
        };
        if let Some(value) = wish.candidates.iter().find(is_nobodys) {
            let name = wish.name(value);
            promised.insert((name.namespace, name.folded), name.owner);
            given.push((wish.subject, wish.attribute.clone(), value.clone()));
        }
    }
    Ok(given)
}

/// Promises a worker the names that an account is to be made with.
pub fn promise(cx: &Context, promised: &Promised, worker: &str, values: &Values) {
    let mut promised = promised.lock().unwrap_or_else(PoisonError::into_inner);
    let mappings = cx.runner.policy.schema.mappings.iter();
    for mapping in mappings.filter(|mapping| mapping.chooses()) {
        if let Some(value) = values.get(&mapping.target).and_then(|values| values.first()) {
            let key = (namespace(cx, mapping), folded(value));
            promised.entry(key).or_insert_with(|| owner(cx, worker));
        }
    }
}

/// Nobody else is promised it.
fn is_free(name: &Name, promised: &HashMap<(String, String), String>) -> bool {
    let key = (name.namespace.clone(), name.folded.clone());
    promised.get(&key).is_none_or(|owner| *owner == name.owner)
}

/// A name inside a container is compared with such names; what people sign in and are written to by, with all.
fn namespace(cx: &Context, mapping: &Mapping) -> String {
    let kind = match mapping.role {
        Role::Name => "name",
        _ => "address",
    };
    format!("{}/{kind}", cx.origin.target)
}

fn owner(cx: &Context, worker: &str) -> String {
    format!("{}/{worker}", cx.origin.source)
}

/// What would have to be unique, were these accounts made now. A create of unknown outcome keeps its names (B26).
fn wishes(cx: &Context, subjects: &mut [Subject], moment: &Moment) -> Vec<Wish> {
    let policy = &cx.runner.policy;
    let mut wishes = Vec::new();
    for (at, subject) in subjects.iter_mut().enumerate() {
        subject.names.clear();
        subject.unclear.clear();
        let is_held = subject.holds.iter().any(Hold::is_whole);
        let is_out = subject.found.owner.is_some()
            || subject.speaker.is_some()
            || subject.share.others.maker.is_some()
            || is_held;
        if subject.link.is_some() || !subject.found.accounts.is_empty() || is_out {
            continue;
        }
        let first = subject
            .unknown
            .iter()
            .flat_map(|sent| &sent.change.effects)
            .find_map(|effect| match effect {
                Effect::Create { values, .. } => Some(values),
                _ => None,
            });
        for (mapping, candidates) in plan::candidates(policy, &subject.worker, moment) {
            if let Some(value) = first.and_then(|values| values.get(&mapping.target)?.first()) {
                subject.names.insert(mapping.target.clone(), value.clone());
                continue;
            }
            wishes.push(Wish {
                subject: at,
                namespace: namespace(cx, mapping),
                owner: owner(cx, &subject.worker.anchor),
                attribute: mapping.target.clone(),
                candidates,
            });
        }
    }
    wishes
}

/// Whoever was given a name before is given it again, if it is still nobody's in the target.
async fn remember(cx: &Context, wishes: &mut [Wish]) -> Result<()> {
    let owners: Vec<String> = wishes.iter().map(|wish| wish.owner.clone()).collect();
    let kept = cx.store.read(move |conn| {
        let owners: Vec<&str> = owners.iter().map(String::as_str).collect();
        names::of(conn, &owners)
    });
    let kept: HashMap<(String, String, String), String> = kept
        .await?
        .into_iter()
        .map(|name| ((name.namespace, name.owner, name.attribute), name.value))
        .collect();
    for wish in wishes {
        let key = (wish.namespace.clone(), wish.owner.clone(), wish.attribute.clone());
        if let Some(value) = kept.get(&key) {
            wish.candidates.retain(|candidate| candidate != value);
            wish.candidates.insert(0, value.clone());
        }
    }
    Ok(())
}

/// Whether somebody holds a value, by attribute and folded value, or why nobody knows.
type Answers = HashMap<(String, String), Result<bool>>;

/// Each candidate once.
fn questions(wishes: &[Wish]) -> Vec<UniqueValue> {
    let mut asked: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for wish in wishes {
        for value in &wish.candidates {
            asked.entry((&wish.attribute, folded(value))).or_insert(value);
        }
    }
    let value = |((attribute, _), value): ((&str, String), &str)| UniqueValue {
        attribute: attribute.to_string(),
        value: value.to_string(),
    };
    asked.into_iter().map(value).collect()
}

async fn ask(session: &dyn Session, values: &[UniqueValue]) -> Result<Answers> {
    let answers = session.taken(values).await?;
    Ok(values.iter().map(key).zip(answers).collect())
}

/// What people sign in with is asked of the tenants too. While one cannot be asked nobody is given such a name, and everything
/// else goes on.
async fn elsewhere(cx: &Context, wishes: &[Wish], answers: &mut Answers) {
    let mut values = questions(wishes);
    values.retain(|one| is_everywhere(one) && matches!(answers.get(&key(one)), Some(Ok(false))));
    if values.is_empty() {
        return;
    }
    let as_names: Vec<UniqueValue> = values.iter().map(in_tenant).collect();
    let ask = async |tenant: &dyn Target| tenant.open(None).await?.taken(&as_names).await;
    let asked = cx.runner.tenants.iter().map(async |tenant| {
        let answer = tokio::time::timeout(PATIENCE, ask(tenant.as_ref())).await;
        answer.unwrap_or_else(|_| Err(Error::unavailable("the tenant did not answer in time")))
    });
    for found in futures::future::join_all(asked).await {
        let found = found.unwrap_or_else(|error| values.iter().map(|_| Err(error.shared())).collect());
        for (one, found) in values.iter().zip(found) {
            if !matches!(found, Ok(false)) {
                answers.insert(key(one), found);
            }
        }
    }
}

/// An address or a nickname, which everybody who is synchronized takes along.
fn is_everywhere(value: &UniqueValue) -> bool {
    value.value.contains('@') || value.attribute.eq_ignore_ascii_case(NICKNAME)
}

fn in_tenant(value: &UniqueValue) -> UniqueValue {
    let attribute = match value.value.contains('@') {
        true => SIGN_IN,
        false => NICKNAME,
    };
    UniqueValue {
        attribute: attribute.to_string(),
        value: value.value.clone(),
    }
}

fn key(value: &UniqueValue) -> (String, String) {
    (value.attribute.clone(), folded(&value.value))
}

impl Wish {
    /// Leaves the candidates that are nobody's. Where none is left, and it was not known of one whether it is: why.
    fn keep_free(&mut self, answers: &Answers) -> Option<Unclear> {
        let mut unclear = None;
        let attribute = &self.attribute;
        self.candidates
            .retain(|value| match answers.get(&(attribute.clone(), folded(value))) {
                Some(Ok(is_taken)) => !is_taken,
                Some(Err(error)) => {
                    unclear = Some(Unclear {
                        why: error.to_string(),
                        passes: matches!(error.kind, Kind::Unavailable | Kind::TooMany),
                    });
                    false
                }
                None => false,
            });
        unclear.filter(|_| self.candidates.is_empty())
    }

    fn name(&self, value: &str) -> Name {
        Name {
            namespace: self.namespace.clone(),
            folded: folded(value),
            owner: self.owner.clone(),
            attribute: self.attribute.clone(),
            value: value.to_string(),
        }
    }
}
