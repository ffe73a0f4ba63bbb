//! Renaming, moving and deleting ([MS-ADTS] 3.1.1.5.4, 3.1.1.5.5).

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::domain::{Context, Domain, denied};
use super::name::{self, Rdn};
use super::refusal::{
    Answer, ERROR_DS_CANT_ON_NON_LEAF, ERROR_DS_DST_NC_MISMATCH, ERROR_DS_ILLEGAL_MOD_OPERATION,
    ERROR_DS_OBJ_STRING_NAME_EXISTS, ERROR_DS_UNWILLING_TO_PERFORM, Refusal,
};
use super::schema::KNOWN;
use super::tree::{Id, Life};

/// `msDS-DeletedObjectLifetime` and `tombstoneLifetime` of a new forest.
const LIFETIME: SignedDuration = SignedDuration::from_hours(180 * 24);

impl Domain {
    /// `superior` is where to; the same place when absent.
    pub fn rename(
        &mut self,
        object: &str,
        rdn: &str,
        delete_old_rdn: bool,
        superior: Option<&str>,
        context: &Context,
    ) -> Answer {
        let id = self.find(object, context)?;
        let rdn = name::rdn(rdn)?;
        let entry = self.tree.entry(id);
        let Some(before) = entry.parent.filter(|_| !entry.is_root && !entry.is_deleted()) else {
            return Err(Refusal::new(53, ERROR_DS_UNWILLING_TO_PERFORM));
        };
        let parent = match superior {
            Some(superior) => self.find(superior, context)?,
            None => before,
        };
        if self.tree.context(parent) != self.tree.context(id) {
            return Err(Refusal::new(71, ERROR_DS_DST_NC_MISMATCH));
        }
        if !delete_old_rdn || self.tree.is_within(parent, id) {
            return Err(Refusal::new(53, ERROR_DS_UNWILLING_TO_PERFORM));
        }
        self.must_write(context.caller, id)?;
        if parent != before && !self.may_create(context.caller, parent, entry.class) {
            return Err(denied());
        }
        self.check_place(parent, &rdn, entry.class)?;
        if self.tree.child(parent, &rdn).is_some_and(|other| other != id) {
            return Err(Refusal::new(68, ERROR_DS_OBJ_STRING_NAME_EXISTS));
        }
        if parent == before && rdn == entry.rdn {
            return Ok(());
        }
        let usn = self.tree.next_usn();
        self.tree.place(id, parent, rdn, usn);
        self.tree.touch(id, usn, context.now);
        Ok(())
    }

    /// With `tree`, and everything below it (control 805).
    pub fn delete(&mut self, object: &str, tree: bool, context: &Context) -> Answer {
        let id = self.find(object, context)?;
        let entry = self.tree.entry(id);
        if entry.is_root || entry.is_deleted() || id == self.deleted_objects {
            return Err(Refusal::new(53, ERROR_DS_UNWILLING_TO_PERFORM));
        }
        let going = self.with_all_below(id);
        for id in &going {
            if !self.may_write(context.caller, *id) {
                return Err(denied());
            }
            if self.tree.entry(*id).says(KNOWN.critical) {
                return Err(Refusal::new(53, ERROR_DS_ILLEGAL_MOD_OPERATION));
            }
        }
        if going.len() > 1 && !tree {
            return Err(Refusal::new(66, ERROR_DS_CANT_ON_NON_LEAF));
        }
        // The lowest first, so that each leaves from where it was.
        for id in going.into_iter().rev() {
            self.bury(id, context);
        }
        Ok(())
    }

    fn with_all_below(&self, id: Id) -> Vec<Id> {
        let mut found = vec![id];
        let mut next = 0;
        while let Some(id) = found.get(next) {
            let children = self.tree.entry(*id).children.iter().copied();
            found.extend(children.collect::<Vec<_>>());
            next += 1;
        }
        found
    }

    /// A deleted object goes to where deleted objects are and keeps what it had: the Recycle Bin is on
    /// ([MS-ADTS] 3.1.1.5.5.1.3).
    fn bury(&mut self, id: Id, context: &Context) {
        let entry = self.tree.entry(id);
        let (old, parent, guid) = (entry.rdn.clone(), entry.parent, entry.guid);
        let rdn = Rdn {
            att: old.att,
            value: format!("{}\nDEL:{guid}", old.value),
        };
        let usn = self.tree.next_usn();
        let last_parent: BTreeSet<Id> = parent.into_iter().collect();
        self.tree.set_links(id, KNOWN.last_known_parent, last_parent, usn);
        self.tree
            .set(id, KNOWN.last_known_rdn, vec![old.value.into_bytes()], usn);
        self.tree.place(id, self.deleted_objects, rdn, usn);
        self.tree.set_deleted(id, true, usn);
        self.tree.touch(id, usn, context.now);
        self.graves.insert((after(context.now), id));
    }

    /// Whether it is time for one of the deleted.
    pub fn is_burial_due(&self, now: Timestamp) -> bool {
        self.graves.first().is_some_and(|(due, _)| *due <= now)
    }

    /// The deleted are recycled, and the recycled removed, each when its time has come ([MS-ADTS] 3.1.1.5.5).
    pub fn clear_graves(&mut self, now: Timestamp) {
        while self.is_burial_due(now)
            && let Some((due, id)) = self.graves.pop_first()
        {
            let usn = self.tree.next_usn();
            if self.tree.entry(id).life == Life::Deleted {
                self.tree.recycle(id, usn);
                self.tree.touch(id, usn, due);
                self.graves.insert((after(due), id));
            } else {
                self.tree.remove(id, usn);
            }
        }
    }
}

/// When what is deleted now is recycled, or what is recycled now is removed.
fn after(now: Timestamp) -> Timestamp {
    now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX)
}
