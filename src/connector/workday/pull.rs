//! One query, page by page: several pages under way at the same time, smaller ones where large ones do not come in time,
//! and the proof that those that came are all.

use std::collections::{HashSet, VecDeque};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::civil::Date;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::answer::{Answer, AnswerError, Results};
use super::client::{Answered, Body, Client, Trouble};
use super::record::{Reader, Record};
use super::request::{AsOf, Page, Request, Selection};
use super::xml::Limits;
use crate::error::{Error, Result};

/// So many reasons to doubt a read are told.
const MOST_DOUBTS: usize = 10;

/// What all queries of a read have in common.
pub(super) struct Desk {
    pub client: Client,
    pub reader: Arc<Reader>,
    pub flags: Vec<&'static str>,
    pub page_size: NonZero<u32>,
    pub in_flight: usize,
}

/// A query under way. Pages that were asked for are given up when it is dropped.
pub(super) struct Query {
    ask: Arc<Ask>,
    /// In the order of their numbers.
    asked: VecDeque<AbortOnDropHandle<Result<Vec<Sheet>>>>,
    next: u64,
    /// The last page there is, as far as anybody said.
    last: u64,
    in_flight: usize,
    proof: Proof,
}

struct Ask {
    desk: Arc<Desk>,
    selection: Selection,
    as_of: AsOf,
    /// How many workers a page has at present: the page size, halved as often as there was need.
    size: AtomicU32,
}

/// One page as it came.
pub(super) struct Sheet {
    asked: Page,
    pub records: Vec<Record>,
    /// Workers on it, counted from 1, who cannot be told from others.
    pub nameless: Vec<usize>,
    results: Option<Results>,
}

impl Sheet {
    /// Where it stands, for people.
    pub fn place(&self) -> String {
        format!("page {} of {} workers each", self.asked.number, self.asked.size)
    }
}

impl Query {
    pub fn new(desk: &Arc<Desk>, selection: Selection, as_of: AsOf) -> Query {
        Query {
            asked: VecDeque::new(),
            next: 1,
            last: 1,
            in_flight: desk.in_flight,
            proof: Proof::default(),
            ask: Arc::new(Ask {
                size: AtomicU32::new(desk.page_size.get()),
                desk: desk.clone(),
                selection,
                as_of,
            }),
        }
    }

    /// The next page, in parts if it had to be asked for in parts; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<Sheet>>> {
        while self.asked.len() < self.in_flight && self.next <= self.last {
            let (ask, number) = (self.ask.clone(), self.next);
            let task = tokio::spawn(async move { ask.page(number).await });
            self.asked.push_back(AbortOnDropHandle::new(task));
            self.next += 1;
        }
        let Some(task) = self.asked.pop_front() else {
            return Ok(None);
        };
        let sheets = task
            .await
            .map_err(|error| Error::internal("a page was given up").because(error))??;
        for sheet in &sheets {
            self.proof.take(sheet);
        }
        self.last = self.last.max(self.pages(&sheets));
        Ok(Some(sheets))
    }

    /// Why workers may be missing, after the last page.
    pub fn doubts(self) -> Vec<String> {
        self.proof.doubts()
    }

    /// How many whole pages there are by what these say. Beyond an empty one there is nothing.
    fn pages(&self, sheets: &[Sheet]) -> u64 {
        let whole = u64::from(self.ask.desk.page_size.get());
        let pages = sheets.iter().filter(|sheet| !sheet.records.is_empty());
        let pages = pages.filter_map(|sheet| {
            let workers = sheet.results?.pages.checked_mul(u64::from(sheet.asked.size))?;
            Some(workers.div_ceil(whole))
        });
        pages.max().unwrap_or(0)
    }
}

impl Ask {
    /// A whole page, from 1; in parts while whole pages do not come in time.
    async fn page(&self, number: u64) -> Result<Vec<Sheet>> {
        let whole = self.desk.page_size.get();
        let (mut sheets, mut done) = (Vec::new(), 0);
        while done < whole {
            // Halves of halves: each part begins where the ones before it, which were no smaller, end.
            let size = self.size.load(Ordering::Relaxed);
            let asked = Page {
                number: (number - 1) * u64::from(whole / size) + u64::from(done / size) + 1,
                size,
            };
            match self.sheet(asked).await {
                Ok(sheet) => {
                    done += size;
                    let is_last = sheet.results.is_some_and(|results| results.page >= results.pages);
                    sheets.push(sheet);
                    if is_last {
                        break;
                    }
                }
                Err(trouble) if trouble.is_slow && size.is_multiple_of(2) => {
                    self.size.fetch_min(size / 2, Ordering::Relaxed);
                }
                Err(trouble) => return Err(trouble.error),
            }
        }
        Ok(sheets)
    }

    async fn sheet(&self, asked: Page) -> std::result::Result<Sheet, Trouble> {
        let request = Request {
            selection: &self.selection,
            as_of: Some(self.as_of),
            page: asked,
            flags: &self.desk.flags,
        };
        let (reader, today) = (self.desk.reader.clone(), self.as_of.day);
        let read = move |body| sheet(body, asked, &reader, today);
        let Answered { value, .. } = self.desk.client.ask(&request, read).await?;
        Ok(value)
    }
}

/// Reads a page to its end, so that nothing of one that was cut off counts.
fn sheet(body: Body, asked: Page, reader: &Reader, today: Date) -> std::result::Result<Sheet, AnswerError> {
    let mut answer = Answer::open(body, reader.attributes.xpaths().names(), Limits::default())?;
    let mut evaluator = reader.attributes.evaluator();
    let (mut records, mut nameless, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(worker) = answer.worker()? {
        at += 1;
        match reader.read(worker, &mut evaluator, today) {
            Some(record) => records.push(record),
            None => nameless.push(at),
        }
    }
    Ok(Sheet {
        asked,
        records,
        nameless,
        results: answer.summary().results,
    })
}

/// What the pages of one query said, and whether they fit together.
#[derive(Default)]
struct Proof {
    total: Option<u64>,
    /// Workers that came, nobody counted twice.
    came: u64,
    seen: HashSet<u128>,
    doubts: Vec<String>,
}

impl Proof {
    fn take(&mut self, sheet: &Sheet) {
        let place = sheet.place();
        let count = (sheet.records.len() + sheet.nameless.len()) as u64;
        let fresh = sheet
            .records
            .iter()
            .filter(|record| self.seen.insert(key(&record.wid)));
        let fresh = fresh.count();
        self.came += (fresh + sheet.nameless.len()) as u64;
        let repeated = sheet.records.len() - fresh;
        if repeated > 0 {
            self.doubt(format!("{place} repeats {repeated} workers"));
        }
        let Some(results) = sheet.results else {
            return self.doubt(format!("{place} does not say how many workers there are"));
        };
        if results.page != sheet.asked.number {
            self.doubt(format!("{place} says that it is page {}", results.page));
        }
        if results.on_page != count {
            self.doubt(format!(
                "{place} says that it has {} workers, and has {count}",
                results.on_page
            ));
        }
        let total = *self.total.get_or_insert(results.total);
        if results.total != total {
            self.doubt(format!(
                "the number of workers changed between pages, from {total} to {} on {place}",
                results.total
            ));
        }
    }

    fn doubt(&mut self, why: String) {
        if self.doubts.len() < MOST_DOUBTS {
            self.doubts.push(why);
        }
    }

    fn doubts(mut self) -> Vec<String> {
        if let Some(total) = self.total.filter(|total| *total != self.came) {
            let why = format!("of {total} workers {} came", self.came);
            // The sum is what counts, whatever else there is to say.
            self.doubts.truncate(MOST_DOUBTS - 1);
            self.doubts.push(why);
        }
        self.doubts
    }
}

/// A WID in little space.
pub(super) fn key(wid: &str) -> u128 {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, wid.as_bytes()).as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(number: u64, wids: &[&str], results: Option<[u64; 4]>) -> Sheet {
        let record = |wid: &&str| Record::new(wid);
        Sheet {
            asked: Page { number, size: 2 },
            records: wids.iter().map(record).collect(),
            nameless: Vec::new(),
            results: results.map(|[total, pages, on_page, page]| Results {
                total,
                pages,
                on_page,
                page,
            }),
        }
    }

    fn doubts(sheets: &[Sheet]) -> Vec<String> {
        let mut proof = Proof::default();
        sheets.iter().for_each(|sheet| proof.take(sheet));
        proof.doubts()
    }

    #[test]
    fn pages_that_fit_together_prove_that_nobody_is_missing() {
        let first = || sheet(1, &["a", "b"], Some([3, 2, 2, 1]));
        assert_eq!(doubts(&[first(), sheet(2, &["c"], Some([3, 2, 1, 2]))]), [""; 0]);
        let mut nameless = sheet(2, &[], Some([3, 2, 1, 2]));
        nameless.nameless.push(1);
        assert_eq!(doubts(&[first(), nameless]), [""; 0]);
        for (second, says) in [
            (
                sheet(2, &["b"], Some([3, 2, 1, 2])),
                vec!["repeats 1 ", "of 3 workers 2 came"],
            ),
            (sheet(2, &["c"], Some([4, 2, 1, 2])), vec!["from 3 to 4"]),
            (
                sheet(2, &["c"], Some([3, 2, 1, 1])),
                vec!["says that it is page 1"],
            ),
            (
                sheet(2, &["c"], Some([3, 2, 2, 2])),
                vec!["says that it has 2 workers, and has 1"],
            ),
            (sheet(2, &["c"], None), vec!["does not say"]),
            (sheet(2, &[], Some([3, 2, 0, 2])), vec!["of 3 workers 2 came"]),
        ] {
            let doubts = doubts(&[first(), second]);
            assert_eq!(doubts.len(), says.len(), "{doubts:?}");
            for (doubt, says) in doubts.iter().zip(says) {
                assert!(doubt.contains(says), "{doubt}");
            }
        }
    }
}
