//! Anchors of referenced accounts ⇄ their DNs. Plans speak of anchors, since DNs move; the directory stores
//! DNs.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::stream::{self, StreamExt, TryStreamExt};
use ldap3::Scope;

use super::connection::{CONNECTIONS, Search};
use super::dialect::{Dialect, References as Style};
use super::errors::During;
use super::find::BATCH;
use super::target::DirectorySession;
use super::wire::{Entry, Filter, Reference};
use crate::domain::account::Anchor;
use crate::error::{Error, Kind, Result};

/// Pairs kept, before all are forgotten and looked up again: a few megabytes.
const KEPT: usize = 20_000;

/// What one session has learnt, both ways.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Pairs>);

#[derive(Debug, Default)]
struct Pairs {
    dns: HashMap<Anchor, String>,
    /// By DN in lower case.
    anchors: HashMap<String, Anchor>,
}

impl Known {
    fn pairs(&self) -> MutexGuard<'_, Pairs> {
        // Nothing panics while holding it, and a half-made pair would only be looked up again.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remember(&self, anchor: &Anchor, dn: &str) {
        let mut pairs = self.pairs();
        if pairs.dns.len() >= KEPT {
            *pairs = Pairs::default();
        }
        pairs.dns.insert(anchor.clone(), dn.to_string());
        pairs.anchors.insert(dn.to_lowercase(), anchor.clone());
    }

    /// Remembers those of a listing for whom there is room: others in it may refer to them.
    pub(super) fn note(&self, entries: &[Entry], dialect: &Dialect) {
        let room = KEPT.saturating_sub(self.pairs().dns.len() + 1);
        for entry in entries.iter().take(room) {
            if let Some(anchor) = entry.anchor(dialect) {
                self.remember(&anchor, &entry.dn);
            }
        }
    }

    /// After a move or a deletion of ours.
    pub(super) fn forget(&self, anchor: &Anchor) {
        let mut pairs = self.pairs();
        if let Some(dn) = pairs.dns.remove(anchor) {
            pairs.anchors.remove(&dn.to_lowercase());
        }
    }
}

impl DirectorySession {
    /// The DNs of these accounts; one that does not exist is left out.
    pub(super) async fn dns_of(&self, anchors: HashSet<Anchor>) -> Result<HashMap<Anchor, String>> {
        let (mut found, unknown) = self.split(anchors, |pairs, anchor| pairs.dns.get(anchor).cloned());
        let dialect = self.server.dialect;
        let attributes = [dialect.anchor.to_string()];
        for batch in unknown.chunks(BATCH) {
            let filters = batch
                .iter()
                .map(|anchor| Filter::anchor(dialect, anchor))
                .collect();
            let search = Search {
                base: &self.shared.base_dn,
                scope: Scope::Subtree,
                filter: Filter::Any(filters),
                attributes: &attributes,
                controls: self.controls(),
                page_size: self.shared.page_size,
            };
            let entries = self.connection().await?.search(&search).await;
            for entry in entries.map_err(|failure| failure.into_error(During::Search))? {
                if let Some(anchor) = entry.anchor(dialect) {
                    self.known.remember(&anchor, &entry.dn);
                    found.insert(anchor, entry.dn);
                }
            }
        }
        Ok(found)
    }

    /// The anchors that the mapped references of these entries point to, by DN in lower case. Nothing to
    /// ask where the server gives anchors by itself.
    pub(super) async fn anchors_in(&self, entries: &[Entry]) -> Result<HashMap<String, Anchor>> {
        if self.server.dialect.references == Style::ExtendedDn {
            return Ok(HashMap::new());
        }
        let dns: HashSet<String> = entries
            .iter()
            .flat_map(|entry| self.shared.mapped.references().flat_map(|name| entry.texts(name)))
            .map(|text| Reference::parse(text).dn.to_lowercase())
            .collect();
        let (mut found, unknown) = self.split(dns, |pairs, dn| pairs.anchors.get(dn).cloned());
        let width = CONNECTIONS * self.server.dialect.depth;
        let mut read = stream::iter(unknown)
            .map(async |dn| Ok::<_, Error>(self.anchor_at(&dn).await?.map(|anchor| (dn, anchor))))
            .buffer_unordered(width);
        while let Some(pair) = read.try_next().await? {
            if let Some((dn, anchor)) = pair {
                self.known.remember(&anchor, &dn);
                found.insert(dn, anchor);
            }
        }
        Ok(found)
    }

    /// `None` where nobody is, or nobody we may see.
    async fn anchor_at(&self, dn: &str) -> Result<Option<Anchor>> {
        let attributes = [self.server.dialect.anchor.to_string()];
        match self.connection().await?.read(dn, &attributes, Vec::new()).await {
            Ok(entry) => Ok(entry.and_then(|entry| entry.anchor(self.server.dialect))),
            Err(failure) => match failure.into_error(During::Search) {
                error if error.kind == Kind::Unavailable => Err(error),
                _ => Ok(None),
            },
        }
    }

    /// What is known already, and what has to be asked for.
    fn split<K: Eq + std::hash::Hash, V>(
        &self,
        keys: HashSet<K>,
        known: impl Fn(&Pairs, &K) -> Option<V>,
    ) -> (HashMap<K, V>, Vec<K>) {
        let pairs = self.known.pairs();
        let mut found = HashMap::new();
        let mut unknown = Vec::new();
        for key in keys {
            match known(&pairs, &key) {
                Some(value) => drop(found.insert(key, value)),
                None => unknown.push(key),
            }
        }
        (found, unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_bounded_and_can_be_forgotten() {
        let known = Known::default();
        let anchor = |number: usize| Anchor(number.to_string());
        for number in 0..=KEPT {
            known.remember(&anchor(number), &format!("CN={number},DC=x"));
        }
        assert_eq!(known.pairs().dns.len(), 1);

        known.forget(&anchor(KEPT));
        assert!(known.pairs().dns.is_empty() && known.pairs().anchors.is_empty());
    }
}
