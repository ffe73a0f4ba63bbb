//! What changed since a cookie was given out ([MS-ADTS] 3.1.1.3.4.1.3, LDAP_SERVER_DIRSYNC_OID).

use std::collections::BTreeMap;

use rasn_ldap::SearchRequestScope;

use super::controls::{self, DirSync};
use super::domain::{Context, Domain, no_rights};
use super::filter::Filter;
use super::refusal::{Answer, ERROR_DS_DRA_ACCESS_DENIED, ERROR_DS_UNWILLING_TO_PERFORM, Refusal};
use super::schema::{Att, KNOWN, Syntax};
use super::search::{Found, LONGEST_PAGE};
use super::show::Selection;
use super::tree::{Entry, Id};
use super::wire;

/// `LDAP_DIRSYNC_OBJECT_SECURITY`: whatever the caller may read; no right to replicate is needed.
const OBJECT_SECURITY: i64 = 0x1;
/// `LDAP_DIRSYNC_ANCESTORS_FIRST_ORDER`.
const ANCESTORS_FIRST: i64 = 0x800;
/// `LDAP_DIRSYNC_INCREMENTAL_VALUES`: links one by one, as a 32-bit number with its sign.
const INCREMENTAL: i64 = i32::MIN as i64;

/// What a cookie begins with, before the number of the last change.
const COOKIE: &[u8; 4] = b"MSDS";

impl Domain {
    pub(super) fn changes(
        &self,
        base: Id,
        scope: SearchRequestScope,
        filter: &Filter,
        asked: &DirSync,
        selection: &Selection,
        context: &Context,
    ) -> Answer<Found> {
        if !self.tree.entry(base).is_root || scope != SearchRequestScope::WholeSubtree {
            return Err(Refusal::new(53, ERROR_DS_UNWILLING_TO_PERFORM));
        }
        let may_replicate = self.is_admin(context.caller);
        if asked.flags & OBJECT_SECURITY == 0 && !may_replicate {
            return Err(no_rights(ERROR_DS_DRA_ACCESS_DENIED));
        }
        let since = since(&asked.cookie)?;
        let incremental = asked.flags & INCREMENTAL != 0;
        let changed = self.changed_since(base, filter, since);
        let mut page = Vec::new();
        let mut room = asked.max_bytes.max(1);
        // One at least, or nobody would get on.
        for id in changed.iter().take(LONGEST_PAGE) {
            let entry = self.change(*id, since, incremental, selection, context);
            room -= entry.size() as i64;
            page.push((*id, entry));
            if room <= 0 {
                break;
            }
        }
        let is_more = page.len() < changed.len();
        let reached = match page.last() {
            Some((last, _)) if is_more => self.tree.entry(*last).changed.0,
            _ => self.tree.usn(),
        };
        if asked.flags & ANCESTORS_FIRST != 0 {
            page.sort_by_key(|(id, _)| self.depth(*id));
        }
        let entries = page.into_iter().map(|(_, entry)| entry).collect();
        let cookie = [&COOKIE[..], &reached.to_be_bytes()].concat();
        Ok(Found {
            entries,
            references: Vec::new(),
            outcome: Ok(()),
            controls: controls::dirsynced(is_more, cookie).into_iter().collect(),
        })
    }

    /// In the order of their changes, the deleted among them.
    fn changed_since(&self, base: Id, filter: &Filter, since: u64) -> Vec<Id> {
        let is_new = |entry: &&Entry| {
            entry.changed.0 > since
                && self.tree.context(entry.id) == base
                // What a deleted object was is no longer asked ([MS-ADTS] 3.1.1.3.4.1.3).
                && (entry.is_deleted() || filter.fits(self, entry) == Some(true))
        };
        let mut changed: Vec<&Entry> = self.tree.entries().filter(is_new).collect();
        changed.sort_by_key(|entry| entry.changed.0);
        changed.into_iter().map(|entry| entry.id).collect()
    }

    fn depth(&self, id: Id) -> usize {
        std::iter::successors(Some(id), |id| self.tree.entry(*id).parent).count()
    }

    /// The attributes that changed, and those by which the object is known.
    fn change(
        &self,
        id: Id,
        since: u64,
        incremental: bool,
        selection: &Selection,
        context: &Context,
    ) -> wire::Entry {
        let entry = self.tree.entry(id);
        let mut shown: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        let mut put = |att: Att| {
            let values = self.values(id, att, selection.form, context);
            shown.insert(att.name.to_string(), values);
        };
        for att in [KNOWN.guid, KNOWN.instance_type] {
            put(att);
        }
        if entry.versions.get(&KNOWN.name).is_some_and(|usn| *usn > since) {
            put(KNOWN.name);
            put(KNOWN.parent_guid);
        }
        for (att, usn) in &entry.versions {
            let is_link = att.syntax == Syntax::Dn && !att.single;
            let is_wanted = selection.wants(*att) && !att.secret && *usn > since;
            if is_wanted && !(is_link && incremental) {
                put(*att);
            }
        }
        if incremental {
            for ((att, target), (usn, is_there)) in &entry.link_versions {
                if *usn > since && !att.single && selection.wants(*att) {
                    let name = format!("{};range={}", att.name, if *is_there { "1-1" } else { "0-0" });
                    let dn = self.dn_text(*target, selection.form).into_bytes();
                    shown.entry(name).or_default().push(dn);
                }
            }
        }
        wire::Entry {
            name: self.dn_text(id, selection.form).into(),
            attributes: shown
                .into_iter()
                .map(|(name, values)| wire::Values::new(&name, values))
                .collect(),
        }
    }
}

/// The last change that the holder of a cookie knows.
fn since(cookie: &[u8]) -> Answer<u64> {
    if cookie.is_empty() {
        return Ok(0);
    }
    let number = cookie.strip_prefix(COOKIE).and_then(|rest| rest.try_into().ok());
    number.map(u64::from_be_bytes).ok_or_else(controls::unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_ours_or_refused() {
        let cookie = [&COOKIE[..], &7u64.to_be_bytes()].concat();
        assert_eq!(since(&cookie), Ok(7));
        assert_eq!(since(b""), Ok(0));
        assert_eq!(since(b"MSDS").unwrap_err().result, 12);
    }
}
