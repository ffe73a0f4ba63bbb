//! Answers that are wrong though they look like answers: what real services do on bad days, and clients must notice.

use super::answer::Page;
use super::query::Query;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    /// The document ends in the middle.
    Truncated,
    /// The connection does.
    CutInTheMiddle,
    /// Somebody is there twice.
    RepeatsWorker,
    /// Somebody is missing, though counted.
    LosesWorker,
    /// The workers of the page before.
    RepeatsPage,
    /// There are suddenly more, or fewer, pages.
    MorePages,
    FewerPages,
    /// The first worker of the page comes without any ID.
    WorkerWithoutId,
}

/// As faults call them.
#[rustfmt::skip]
pub const NAMES: &[&str] = &[
    "truncated", "cut-in-the-middle", "repeats-worker", "loses-worker", "repeats-page", "more-pages", "fewer-pages",
    "worker-without-id",
];

impl Spoil {
    pub fn named(name: &str) -> Option<Spoil> {
        Some(match name {
            "truncated" => Spoil::Truncated,
            "cut-in-the-middle" => Spoil::CutInTheMiddle,
            "repeats-worker" => Spoil::RepeatsWorker,
            "loses-worker" => Spoil::LosesWorker,
            "repeats-page" => Spoil::RepeatsPage,
            "more-pages" => Spoil::MorePages,
            "fewer-pages" => Spoil::FewerPages,
            "worker-without-id" => Spoil::WorkerWithoutId,
            _ => return None,
        })
    }

    /// What it does to a page; the first two do nothing to it.
    pub fn apply(self, page: &mut Page, found: &[usize], query: &Query) {
        match self {
            Spoil::Truncated | Spoil::CutInTheMiddle => {}
            Spoil::RepeatsWorker => page.workers.extend(page.workers.first().copied()),
            Spoil::LosesWorker => {
                page.workers.pop();
            }
            Spoil::RepeatsPage => {
                page.workers = Page::workers(found, query.page.saturating_sub(1).max(1), query.count);
                page.said = page.workers.len();
            }
            Spoil::MorePages => {
                page.results += query.count;
                page.pages += 1;
            }
            Spoil::FewerPages => {
                page.results = page.results.saturating_sub(query.count);
                page.pages = page.pages.saturating_sub(1);
            }
            Spoil::WorkerWithoutId => page.nameless = Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known() {
        assert!(NAMES.iter().all(|name| Spoil::named(name).is_some()));
        assert_eq!(Spoil::named("rotten"), None);
    }
}
