//! Workers as accounts: hundreds by identifier in one request, and all of them in pages.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::answer::{self, Answer, AnswerError, Id, Results};
use super::check::greet;
use super::client::{Answered, Body};
use super::contact::{Contacts, is_true, said};
use super::model::{HIRE_DATE, USER_NAME, WORKER_ID};
use super::names::Names;
use super::record::pacific_day;
use super::request::{AsOf, Page, Request, Selection};
use super::settings::Settings;
use super::target::Shared;
use super::write::{CONTINGENT, EMPLOYEE};
use super::xml::Limits;
use crate::connector::Lookup;
use crate::domain::account::{Account, Anchor, Protection};
use crate::error::{Error, Kind, Result};

/// Workers in one request.
const MANY: usize = 300;

/// One worker as an account.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub account: Account,
    /// `Employee_ID` or `Contingent_Worker_ID`.
    pub id: Option<Id>,
    pub user_name: Option<String>,
}

impl Worker {
    fn has_left(&self) -> bool {
        self.account.protected == Some(Protection::Left)
    }
}

/// `found[i]` answers `lookups[i]`.
pub(super) async fn find(shared: &Shared, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
    let (mut wids, mut ids) = (Vec::new(), Vec::new());
    for lookup in lookups {
        match lookup {
            Lookup::Anchor(Anchor(wid)) => wids.push(wid.clone()),
            Lookup::Match { attribute, value } if attribute.eq_ignore_ascii_case(WORKER_ID) => {
                ids.push(value.trim().to_string());
            }
            Lookup::Match { attribute, .. } | Lookup::Both([(attribute, _), _]) => {
                let message = format!(
                    "Workday is joined by {WORKER_ID} only: make it the matching attribute instead of {attribute}"
                );
                return Err(Error::new(Kind::Unsupported, message).at(attribute.clone()));
            }
        }
    }
    let by_wid = by_wid(shared, wids).await?;
    let by_id = by_id(shared, ids).await?;
    let answer = |lookup: &Lookup| {
        let worker = match lookup {
            Lookup::Anchor(Anchor(wid)) => by_wid.get(&wid.to_ascii_lowercase()).map(std::slice::from_ref),
            Lookup::Match { value, .. } => by_id.get(value.trim()).map(Vec::as_slice),
            Lookup::Both(_) => None,
        };
        let workers = worker.into_iter().flatten();
        workers.map(|worker| worker.account.clone()).collect()
    };
    Ok(lookups.iter().map(answer).collect())
}

/// Workers by WID in lower case, as far as there are any.
pub(super) async fn by_wid(shared: &Shared, wids: Vec<String>) -> Result<HashMap<String, Worker>> {
    let found = known(shared, "WID", wids).await?;
    let own = |worker: Worker| (worker.account.anchor.0.to_ascii_lowercase(), worker);
    Ok(found.into_iter().map(own).collect())
}

/// Workers by worker ID. An employee and a contingent worker may have the same: then both are found, but for who has left.
async fn by_id(shared: &Shared, ids: Vec<String>) -> Result<HashMap<String, Vec<Worker>>> {
    let mut found: HashMap<String, Vec<Worker>> = HashMap::new();
    for kind in [EMPLOYEE, CONTINGENT] {
        for worker in known(shared, kind, ids.clone()).await? {
            if let Some(id) = worker.id.clone().filter(|id| id.kind == kind) {
                found.entry(id.value).or_default().push(worker);
            }
        }
    }
    for workers in found.values_mut() {
        match workers.iter().any(|worker| !worker.has_left()) {
            true => workers.retain(|worker| !worker.has_left()),
            false => workers.truncate(1),
        }
    }
    Ok(found)
}

/// Everybody with one of these identifiers.
async fn known(shared: &Shared, by: &'static str, ids: Vec<String>) -> Result<Vec<Worker>> {
    let mut seen = HashSet::new();
    let ids: Vec<String> = ids
        .into_iter()
        .filter(|id| !id.is_empty() && seen.insert(id.clone()))
        .collect();
    let parts: Vec<Vec<String>> = ids.chunks(MANY).map(<[String]>::to_vec).collect();
    let answers = stream::iter(parts)
        .map(|ids| part(shared, by, ids))
        .buffered(shared.in_flight);
    let found: Vec<Vec<Worker>> = answers.try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Where Workday says no more than that one of them is nobody, halves are asked for.
async fn part(shared: &Shared, by: &'static str, ids: Vec<String>) -> Result<Vec<Worker>> {
    let (mut open, mut found) = (vec![ids], Vec::new());
    while let Some(ids) = open.pop() {
        let size = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let selection = Selection::Known { by, ids };
        let answered = page(shared, &selection, None, Page { number: 1, size }).await;
        match (answered, selection) {
            (Ok((workers, _)), _) => found.extend(workers),
            (Err(error), Selection::Known { mut ids, .. }) if error.kind == Kind::NotFound => {
                let half = ids.split_off(ids.len() / 2);
                open.extend([ids, half].into_iter().filter(|ids| size > 1 && !ids.is_empty()));
            }
            (Err(error), _) => return Err(error),
        }
    }
    Ok(found)
}

/// Everybody who was ever hired, in pages, as of one moment.
pub(super) fn list(shared: &Arc<Shared>) -> BoxStream<'_, Result<Vec<Account>>> {
    let pages = async move {
        let clock = greet(&shared.client).await?;
        let as_of = AsOf {
            day: pacific_day(clock.now),
            entry: clock.now,
        };
        let of = move |number| async move {
            let asked = Page {
                number,
                size: shared.page_size.get(),
            };
            page(shared, &Selection::EverHired, Some(as_of), asked).await
        };
        let (first, results) = of(1).await?;
        let last = results.map_or(1, |results| results.pages);
        let others = stream::iter(2..=last)
            .map(of)
            .buffered(shared.in_flight)
            .map_ok(|(workers, _)| workers);
        Ok::<_, Error>(stream::iter([Ok(first)]).chain(others))
    };
    stream::once(pages)
        .try_flatten()
        .map_ok(|workers| workers.into_iter().map(|worker| worker.account).collect())
        .boxed()
}

type Sheet = (Vec<Worker>, Option<Results>);

pub(super) async fn page(
    shared: &Shared,
    selection: &Selection,
    as_of: Option<AsOf>,
    page: Page,
) -> Result<Sheet> {
    let request = Request {
        selection,
        as_of,
        page,
        flags: FLAGS,
    };
    let reader = shared.reader.clone();
    let answered = shared
        .client
        .ask(&request, move |body| sheet(body, &reader))
        .await;
    let Answered { value, .. } = answered.map_err(|trouble| trouble.error)?;
    Ok(value)
}

/// Data sets that are asked for: who it is, the contacts, and whether the worker is here.
const FLAGS: &[&str] = &[
    "Include_Reference",
    "Include_Personal_Information",
    "Include_Employment_Information",
    "Include_User_Account",
];

/// How workers are read.
pub(super) struct Reader {
    pub settings: Settings,
    /// How the policy spells attributes, by their documented names.
    pub spelling: BTreeMap<&'static str, String>,
}

fn sheet(body: Body, reader: &Reader) -> Result<Sheet, AnswerError> {
    let mut answer = Answer::open(body, &Names::default(), Limits::default())?;
    let mut workers = Vec::new();
    while let Some(worker) = answer.worker()? {
        workers.extend(reader.read(worker));
    }
    Ok((workers, answer.summary().results))
}

impl Reader {
    /// `None` for a worker without a WID: nobody can say who it is.
    fn read(&self, worker: answer::Worker<'_>) -> Option<Worker> {
        let tree = worker.tree;
        let wid = worker.id("WID").map(str::trim).filter(|wid| !wid.is_empty())?;
        let id = [EMPLOYEE, CONTINGENT].into_iter().find_map(|kind| {
            let value = worker.id(kind)?.trim().to_string();
            Some(Id {
                kind: kind.to_string(),
                value,
            })
        });
        let data = tree.root().and_then(|root| tree.child(root, "Worker_Data"));
        let of_data = |name| said(tree, data?, name);
        let account = |name| said(tree, tree.child(data?, "User_Account_Data")?, name);
        let user_name = of_data("User_ID").or_else(|| account("User_Name"));
        let status = data
            .and_then(|data| tree.child(data, "Employment_Data"))
            .and_then(|employment| tree.child(employment, "Worker_Status_Data"));
        let is = |name| said(tree, status?, name).map(|text| is_true(&text));
        let has_left = is("Terminated") == Some(true) || is("Hire_Rescinded") == Some(true);
        let contact = data
            .and_then(|data| tree.child(data, "Personal_Data"))
            .and_then(|personal| tree.child(personal, "Contact_Data"));
        let contacts = contact.map(|contact| Contacts::of_worker(tree, contact, &self.settings));
        let mut values = contacts.unwrap_or_default().values(&self.settings);
        let number = of_data("Worker_ID").or_else(|| id.as_ref().map(|id| id.value.clone()));
        // Older versions write an offset after the day.
        let hired = status.and_then(|status| said(tree, status, "Hire_Date"));
        let hired = hired.and_then(|day| Some(day.get(..10)?.to_string()));
        let named = [
            (WORKER_ID, number),
            (USER_NAME, user_name.clone()),
            (HIRE_DATE, hired),
        ];
        values.extend(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let address = worker.descriptor().map(str::trim).filter(|name| !name.is_empty());
        let address = address.or_else(|| id.as_ref().map(|id| id.value.as_str()));
        Some(Worker {
            account: Account {
                anchor: Anchor(wid.to_string()),
                address: address.unwrap_or(wid).to_string(),
                enabled: is("Active").map(|active| active && !has_left),
                values: values
                    .into_iter()
                    .map(|(name, value)| (self.spell(name), vec![value]))
                    .collect(),
                protected: has_left.then_some(Protection::Left),
                deleted: false,
            },
            id,
            user_name,
        })
    }

    /// As the policy spells a documented name.
    fn spell(&self, name: &'static str) -> String {
        self.spelling
            .get(name)
            .cloned()
            .unwrap_or_else(|| name.to_string())
    }
}
