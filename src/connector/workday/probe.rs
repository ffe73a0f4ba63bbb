//! What is wrong with the configuration of a writeback as Workday sees it.

use super::check::{NOBODY, doubtful, greet, skew, unreachable, wrong};
use super::find::{self, Worker};
use super::read_back;
use super::record::pacific_day;
use super::request::{AsOf, Page, Selection};
use super::target::Shared;
use crate::connector::{Problem, Severity};
use crate::error::Kind;

/// Workers whose contacts are read.
const SAMPLE: u32 = 50;

pub(super) async fn check(shared: &Shared) -> Vec<Problem> {
    let clock = match greet(&shared.client).await {
        Ok(clock) => clock,
        Err(error) => return vec![unreachable(&error)],
    };
    let mut problems: Vec<Problem> = skew(clock).into_iter().collect();
    problems.extend(older_version(shared));
    let as_of = AsOf {
        day: pacific_day(clock.now),
        entry: clock.now,
    };
    let page = Page {
        number: 1,
        size: SAMPLE,
    };
    match find::page(shared, &Selection::EverHired, Some(as_of), page).await {
        Ok((workers, _)) if workers.is_empty() => problems.push(wrong(NOBODY.into())),
        Ok((workers, _)) => problems.extend(contacts(shared, &workers).await),
        Err(error) => problems.push(wrong(error.to_string())),
    }
    problems
}

fn older_version(shared: &Shared) -> Option<Problem> {
    let writing = shared.endpoint.0.rsplit('/').next().unwrap_or_default();
    (writing != shared.version).then(|| Problem {
        severity: Severity::Warning,
        message: format!(
            "url: {} cannot write work contacts, so {writing} is asked and told what concerns the writeback",
            shared.version
        ),
    })
}

/// Whether contacts can be read back, and whether work phones are of the device types that are configured.
async fn contacts(shared: &Shared, workers: &[Worker]) -> Vec<Problem> {
    let people: Vec<(String, &Worker)> = workers
        .iter()
        .map(|worker| (worker.account.anchor.0.clone(), worker))
        .collect();
    let settings = &shared.reader.settings;
    let mut seen: Vec<String> = Vec::new();
    for contacts in read_back::contacts(shared, &people).await.into_values() {
        match contacts {
            Ok(contacts) => {
                let devices = contacts.phones.into_iter().flat_map(|phone| phone.data.device);
                seen.extend(devices);
            }
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) => {
                let advice = match error.kind {
                    Kind::Forbidden => {
                        ": it needs Get and Put of the domain Person Data: Work Contact Information, and the business process Work Contact Change"
                    }
                    _ => "",
                };
                return vec![wrong(format!(
                    "work contacts cannot be read back: {error}{advice}"
                ))];
            }
        }
    }
    seen.sort_unstable();
    seen.dedup();
    let configured = [("landline", &settings.landline), ("mobile", &settings.mobile)];
    let missing = configured
        .into_iter()
        .filter(|(_, id)| !seen.is_empty() && !seen.contains(id));
    missing
        .map(|(key, id)| {
            doubtful(format!(
                "writeback.{key}: none of {} workers has a work phone of the device type '{id}'; there are: {}",
                people.len(),
                seen.join(", ")
            ))
        })
        .collect()
}
