//! The making of a plan: pages of workers through five stations, and what is proposed on the way into the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::{Head, Scope, State, hash_of, line, proposals};
use crate::domain::plan::{Moment, Proposal};
use crate::domain::policy::Policy;
use crate::engine::desk::Desk;
use crate::engine::hearing;
use crate::engine::names::{Names, Promised};
use crate::engine::subject::Page;
use crate::error::{Error, Kind, Result};
use crate::store::{jobs, plans, wakes, workers};

/// Workers planned together: so few that the pages in hand take little memory, and so many that a commit for each is cheap.
const PAGE: i64 = 500;

/// Pages that wait between two stations.
const AHEAD: usize = 1;

impl Desk {
    pub(super) async fn make(
        &mut self,
        head: &mut Head,
        scope: Scope,
        told: &mut impl FnMut(&Head),
    ) -> Result<()> {
        self.whole_source().await?;
        head.making = Some(self.cx.token);
        self.keep(head).await?;
        // What was uploaded and not read yet is known of, too.
        hearing::hear_out(&self.cx).await?;
        let scope = match scope {
            Scope::Due if self.owes_full().await? => Scope::Everybody,
            scope => scope,
        };
        head.expected = self.expected(&scope).await?.unsigned_abs();
        if matches!(scope, Scope::Everybody) {
            self.list(i64::try_from(head.expected).unwrap_or(i64::MAX))
                .await?;
        }
        let moment = Moment {
            now: head.made,
            plan: head.id,
        };
        // Whoever looks sees how many there are.
        self.keep(head).await?;
        head.hash = Some(self.pages(head, &scope, &moment, told).await?);
        head.state = State::Ready;
        // Under the lease, so that nobody takes it for abandoned.
        self.keep(head).await
    }

    /// Pages go through five stations, each of which takes up the next one as soon as it can. The hash of all that is proposed.
    async fn pages(
        &self,
        head: &mut Head,
        scope: &Scope,
        moment: &Moment,
        told: &mut impl FnMut(&Head),
    ) -> Result<String> {
        let (promised, hash) = (Promised::default(), hash_of(head)?);
        let (load, loaded) = mpsc::channel(AHEAD);
        let (find, found) = mpsc::channel(AHEAD);
        let (judge, judged) = mpsc::channel(AHEAD);
        let (pack, packed) = mpsc::channel(AHEAD);
        let ((), (), population, hash, ()) = tokio::try_join!(
            self.load_all(scope, load),
            self.find_all(moment, loaded, find),
            self.judge_all(moment, &promised, found, judge),
            self.pack_all(hash, judged, pack),
            self.keep_all(head, packed, told),
        )?;
        head.population = population;
        Ok(format!("{:x}", hash.finalize()))
    }

    /// The first station: workers are loaded.
    async fn load_all(&self, scope: &Scope, next: Sender<Page>) -> Result<()> {
        let mut last = String::new();
        while let Some((page, end)) = self.load_after(scope, &last).await? {
            // Whoever is asked to stop takes no more people up.
            self.go_on()?;
            last = end;
            if next.send(page).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The second: their accounts are found.
    async fn find_all(&self, moment: &Moment, mut pages: Receiver<Page>, next: Sender<Page>) -> Result<()> {
        while let Some(mut page) = pages.recv().await {
            self.find(&mut page, moment).await?;
            if next.send(page).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The third: what is to be done about them. Names and limits are given out in turn; the population behind the limits.
    async fn judge_all(
        &self,
        moment: &Moment,
        promised: &Promised,
        mut pages: Receiver<Page>,
        next: Sender<Page>,
    ) -> Result<u64> {
        let mut history = self.history().await?;
        while let Some(page) = pages.recv().await {
            let mut page = self.judge(page, moment, history, Names::Look(promised)).await?;
            history = std::mem::take(&mut page.history);
            if next.send(page).await.is_err() {
                break;
            }
        }
        Ok(history.population)
    }

    /// The fourth: it is written as it is kept, and hashed.
    async fn pack_all(
        &self,
        mut hash: Sha256,
        mut pages: Receiver<Page>,
        next: Sender<Packed>,
    ) -> Result<Sha256> {
        while let Some(page) = pages.recv().await {
            let policy = Arc::clone(&self.cx.runner.policy);
            let pack = move || Packed::of(&policy, &page, &mut hash).map(|packed| (hash, packed));
            let packed;
            (hash, packed) = self.cx.store.blocking().run("keeping a plan", pack).await??;
            if next.send(packed).await.is_err() {
                break;
            }
        }
        Ok(hash)
    }

    /// The fifth: it is kept.
    async fn keep_all(
        &self,
        head: &mut Head,
        mut pages: Receiver<Packed>,
        told: &mut impl FnMut(&Head),
    ) -> Result<()> {
        let mut position = 0;
        told(head);
        while let Some(packed) = pages.recv().await {
            head.looked_at += packed.looked_at;
            for (word, count) in &packed.counts {
                *head.counts.entry(word.clone()).or_default() += count;
            }
            self.add(head, position, packed).await?;
            position += 1;
            told(head);
        }
        Ok(())
    }

    /// The next page of workers, and the last of them.
    async fn load_after(&self, scope: &Scope, after: &str) -> Result<Option<(Page, String)>> {
        let anchors = self.next(scope, after).await?;
        let Some(last) = anchors.last().cloned() else {
            return Ok(None);
        };
        let page = self.load(anchors).await?;
        if let (Scope::Workers(_), Some(unknown)) = (scope, page.vanished.first()) {
            let message = format!(
                "no worker {} is known: HR names people by its own key here",
                unknown.anchor
            );
            return Err(Error::new(Kind::NotFound, message).code("WorkerNotFound"));
        }
        Ok(Some((page, last)))
    }

    async fn keep(&self, head: &Head) -> Result<()> {
        let (id, token, head) = (self.cx.origin.job.clone(), self.cx.token, head.clone());
        self.cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                plans::update(conn, &head.id.to_string(), &head)
            })
            .await
    }

    async fn add(&self, head: &Head, position: i32, packed: Packed) -> Result<()> {
        let (id, token, head) = (self.cx.origin.job.clone(), self.cx.token, head.clone());
        self.cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                let plan = head.id.to_string();
                plans::update(conn, &plan, &head)?;
                match &packed.page {
                    Some((last, body)) => plans::add(conn, &plan, position, last, body),
                    None => Ok(()),
                }
            })
            .await
    }

    /// Whether the next cycle is to look at everybody.
    async fn owes_full(&self) -> Result<bool> {
        let id = self.cx.origin.job.clone();
        let job = self.cx.store.read(move |conn| jobs::find(conn, &id)).await?;
        Ok(job.is_some_and(|job| job.status.full_due))
    }

    async fn expected(&self, scope: &Scope) -> Result<i64> {
        let (id, source, now) = (
            self.cx.origin.job.clone(),
            self.cx.origin.source.clone(),
            self.cx.clock.now(),
        );
        match scope {
            Scope::Workers(anchors) => Ok(i64::try_from(anchors.len()).unwrap_or(i64::MAX)),
            Scope::Everybody => {
                self.cx
                    .store
                    .read(move |conn| workers::count(conn, &source))
                    .await
            }
            Scope::Due => {
                self.cx
                    .store
                    .read(move |conn| wakes::count_due(conn, &id, now))
                    .await
            }
        }
    }

    /// The next workers, in the order of their anchors.
    async fn next(&self, scope: &Scope, after: &str) -> Result<Vec<String>> {
        let (id, source, now) = (
            self.cx.origin.job.clone(),
            self.cx.origin.source.clone(),
            self.cx.clock.now(),
        );
        let after = after.to_string();
        match scope {
            Scope::Workers(anchors) => {
                let mut anchors: Vec<String> = anchors.iter().filter(|one| **one > after).cloned().collect();
                anchors.sort_unstable();
                anchors.dedup();
                anchors.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
                Ok(anchors)
            }
            Scope::Everybody => {
                self.cx
                    .store
                    .read(move |conn| workers::after(conn, &id, &source, &after, PAGE))
                    .await
            }
            Scope::Due => {
                self.cx
                    .store
                    .read(move |conn| wakes::due_after(conn, &id, now, &after, PAGE))
                    .await
            }
        }
    }
}

/// A page of a plan on the way into the database.
struct Packed {
    /// The last worker of whom anything is proposed, and what is; `None` where nothing is.
    page: Option<(String, Vec<u8>)>,
    looked_at: u64,
    counts: BTreeMap<String, u64>,
}

impl Packed {
    /// Each proposal is written once, for the hash and for the database.
    fn of(policy: &Policy, page: &Page, hash: &mut Sha256) -> Result<Packed> {
        let proposals = proposals(policy, page);
        let mut packed = Packed {
            page: None,
            looked_at: page.subjects.len() as u64,
            counts: BTreeMap::new(),
        };
        let Some(last) = proposals.last().map(|one| one.worker.clone()) else {
            return Ok(packed);
        };
        let mut lines = Vec::with_capacity(proposals.len());
        for proposal in &proposals {
            count(&mut packed.counts, policy, proposal);
            let line = line(proposal)?;
            hash.update(&line);
            lines.push(line);
        }
        packed.page = Some((last, plans::pack(&lines)?));
        Ok(packed)
    }
}

fn count(counts: &mut BTreeMap<String, u64>, policy: &Policy, proposal: &Proposal) {
    let actions = proposal.actions(policy);
    let held = (!proposal.held.is_empty()).then_some("held");
    let found = (!proposal.findings.is_empty()).then_some("findings");
    for word in actions.into_iter().chain(held).chain(found) {
        *counts.entry(word.to_string()).or_default() += 1;
    }
}
