//! Changing objects, and bringing deleted ones back ([MS-ADTS] 3.1.1.5.3).

use super::account;
use super::domain::{Caller, Context, Domain, denied};
use super::draft::{self, Change, Draft};
use super::name::{self, Reference};
use super::password::Hashed;
use super::refusal::{
    Answer, ERROR_DS_OBJ_STRING_NAME_EXISTS, ERROR_DS_UNWILLING_TO_PERFORM, ERROR_INVALID_PARAMETER, Refusal,
};
use super::schema::{self, KNOWN};
use super::tree::{Id, Life};

/// One change of a request: what to do, to which attribute, with which values.
pub type Asked<'a> = (Change, &'a str, Vec<&'a [u8]>);

/// Bits of the state that only administrators set (`SeEnableDelegationPrivilege`).
const TRUSTED: i64 = account::TRUSTED_FOR_DELEGATION | account::TRUSTED_TO_DELEGATE;

impl Domain {
    pub fn modify(&mut self, object: &str, changes: &[Asked], context: &Context) -> Answer {
        draft::check_size(changes.iter().map(|(_, _, values)| values))?;
        let id = self.find(object, context)?;
        if self.tree.entry(id).is_deleted() {
            return self.restore(id, changes, context);
        }
        let mut draft = Draft::of(self, context, id);
        for (change, description, values) in changes {
            draft.apply(*change, description, values)?;
        }
        // Whoever knows the old password may change it.
        if context.caller == Caller::Nobody || !draft.is_password_change() {
            self.must_write(context.caller, id)?;
        }
        draft.check_names()?;
        draft.check_account()?;
        self.check_delegation(id, &draft, context)?;
        self.check_primary_group(id, &draft)?;
        let Draft {
            mut values,
            mut links,
            password,
            ..
        } = draft;
        let entry = self.tree.entry(id);
        values.retain(|att, after| entry.values.get(att).map_or(&[][..], Vec::as_slice) != after.as_slice());
        links.retain(|att, after| !self.tree.links(id, *att).eq(after.iter().copied()));
        // What changes nothing is no change, and has no number.
        if values.is_empty() && links.is_empty() && password.is_none() {
            return Ok(());
        }
        let usn = self.tree.next_usn();
        for (att, values) in values {
            self.tree.set(id, att, values, usn);
        }
        for (att, mut targets) in links {
            // Whoever is deleted may come back, and finds his place in a group; a second manager nobody has room for.
            if !att.single {
                targets.append(&mut self.tree.resting(id, att));
            }
            self.tree.set_links(id, att, targets, usn);
        }
        if let Some(password) = password {
            let salt = self.new_guid();
            self.tree.set_password(id, Hashed::new(&password, salt), usn);
        }
        self.tree.touch(id, usn, context.now);
        Ok(())
    }

    fn check_delegation(&self, id: Id, draft: &Draft, context: &Context) -> Answer {
        let before = self.tree.entry(id).number(KNOWN.control).unwrap_or(0);
        let after = draft.number(KNOWN.control).unwrap_or(0);
        match (before ^ after) & TRUSTED == 0 || self.is_admin(context.caller) {
            true => Ok(()),
            false => Err(denied()),
        }
    }

    /// Nobody's primary group is one that he is no member of.
    fn check_primary_group(&self, id: Id, draft: &Draft) -> Answer {
        let (before, after) = (
            self.tree.entry(id).number(KNOWN.primary_group),
            draft.number(KNOWN.primary_group),
        );
        match after {
            Some(group) if after != before && !self.is_member_of(id, group) => {
                Err(Refusal::new(53, ERROR_INVALID_PARAMETER))
            }
            None if before.is_some() => Err(Refusal::new(53, ERROR_INVALID_PARAMETER)),
            _ => Ok(()),
        }
    }

    /// `isDeleted` goes and `distinguishedName` comes: the object is back, as it was ([MS-ADTS] 3.1.1.5.3.7.2).
    fn restore(&mut self, id: Id, changes: &[Asked], context: &Context) -> Answer {
        let unwilling = || Refusal::new(53, ERROR_DS_UNWILLING_TO_PERFORM);
        let mut lives = false;
        let mut place = None;
        for (change, description, values) in changes {
            let att = schema::find(description).ok_or_else(|| Refusal::conversion(16))?;
            match (change, values.as_slice()) {
                (Change::Delete, _) if att == KNOWN.deleted => lives = true,
                (Change::Replace, [dn]) if att == KNOWN.distinguished_name => place = Some(*dn),
                _ => return Err(unwilling()),
            }
        }
        let is_whole = self.tree.entry(id).life == Life::Deleted;
        let (true, true, Some(place)) = (is_whole, lives, place) else {
            return Err(unwilling());
        };
        if !self.is_admin(context.caller) {
            return Err(denied());
        }
        let place = std::str::from_utf8(place).map_err(|_| Refusal::conversion(21))?;
        let name = name::name(place)?;
        let (rdn, above) = name.split_first().ok_or_else(unwilling)?;
        let parent = self.tree.find(&Reference::Name(above.to_vec()), Life::Living)?;
        let entry = self.tree.entry(id);
        self.check_place(parent, rdn, entry.class)?;
        if self.tree.child(parent, rdn).is_some() {
            return Err(Refusal::new(68, ERROR_DS_OBJ_STRING_NAME_EXISTS));
        }
        self.check_still_free(id)?;
        let usn = self.tree.next_usn();
        self.graves.retain(|(_, buried)| *buried != id);
        self.tree.set_deleted(id, false, usn);
        self.tree.place(id, parent, rdn.clone(), usn);
        self.tree
            .set_links(id, KNOWN.last_known_parent, Default::default(), usn);
        self.tree.set(id, KNOWN.last_known_rdn, Vec::new(), usn);
        self.tree.touch(id, usn, context.now);
        Ok(())
    }

    /// Nobody took the names of a deleted account meanwhile.
    fn check_still_free(&self, id: Id) -> Answer {
        let entry = self.tree.entry(id);
        let taken = |att| {
            entry
                .first(att)
                .and_then(|value| self.tree.others(att, value, Some(id)))
        };
        if let Some(by) = taken(KNOWN.account_name) {
            return Err(account::name_taken(self.tree.entry(by)));
        }
        match taken(KNOWN.principal_name) {
            None => Ok(()),
            Some(_) => Err(Refusal::attribute(
                19,
                super::refusal::ERROR_DS_UPN_VALUE_NOT_UNIQUE_IN_FOREST,
                KNOWN.principal_name,
            )),
        }
    }
}
