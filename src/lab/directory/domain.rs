//! The domain: its objects, its facts, and who may do what in it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::name;
use super::password::Policy;
use super::refusal::{Answer, ERROR_ACCESS_DENIED, ERROR_DS_INSUFF_ACCESS_RIGHTS, Refusal};
use super::schema::{Class, KNOWN};
use super::tree::{Id, Life, Tree};
use super::value::{self, Value};

/// `PASSWORD_COMPLEX` of `pwdProperties` ([MS-SAMR] 2.2.1.2).
const COMPLEX: i64 = 1;

/// One domain, which is a forest of its own.
pub struct Domain {
    pub tree: Tree,
    /// `example.test`.
    pub dns_name: String,
    /// `EXAMPLE`.
    pub netbios_name: String,
    pub admins: Id,
    pub configuration: Id,
    pub schema: Id,
    pub deleted_objects: Id,
    /// The service account, and where it may do with users as it likes.
    pub service: Id,
    pub delegated: Vec<Id>,
    /// The deleted, by when the next thing happens to them.
    pub(super) graves: BTreeSet<(Timestamp, Id)>,
    pub(super) sid: Value,
    pub(super) next_rid: u32,
    pub(super) rng: ChaCha8Rng,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Nobody,
    Account(Id),
}

/// What a request may count on, whatever it is.
#[derive(Clone, Copy)]
pub struct Context {
    pub caller: Caller,
    pub now: Timestamp,
    /// The connection is encrypted.
    pub secure: bool,
    /// How far gone objects may be that are named and found (controls 417 and 2064).
    pub sees: Life,
    /// Changes that change nothing are no errors (control 1413).
    pub permissive: bool,
}

impl Domain {
    /// The object that a request names.
    pub fn find(&self, text: &str, context: &Context) -> Answer<Id> {
        self.tree.find(&name::reference(text)?, context.sees)
    }

    pub fn policy(&self) -> Policy {
        let root = self.tree.entry(self.tree.root());
        let length = root.number(KNOWN.min_password_length).unwrap_or(0);
        Policy {
            length: usize::try_from(length).unwrap_or(0),
            complex: root
                .number(KNOWN.password_properties)
                .is_some_and(|it| it & COMPLEX != 0),
        }
    }

    pub fn new_guid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// The domain's own SID, and a number behind it ([MS-DTYP] 2.4.2).
    pub fn sid_of(&self, rid: u32) -> Value {
        let mut sid = self.sid.clone();
        sid[1] += 1;
        sid.extend_from_slice(&rid.to_le_bytes());
        sid
    }

    pub fn new_sid(&mut self) -> Value {
        let rid = self.next_rid;
        self.next_rid += 1;
        self.sid_of(rid)
    }

    /// The name of an account to which nobody gave one ([MS-SAMR] 3.1.1.6).
    pub fn new_account_name(&mut self) -> String {
        const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let tail: String = (0..12)
            .map(|_| char::from(LETTERS[self.rng.random_range(0..LETTERS.len())]))
            .collect();
        format!("$000000-{tail}")
    }

    // ---- Rights ----------------------------------------------------------------------------------------------

    pub fn is_admin(&self, caller: Caller) -> bool {
        match caller {
            Caller::Nobody => false,
            Caller::Account(id) => self.tree.links(self.admins, KNOWN.member).any(|it| it == id),
        }
    }

    /// Users may be made below a delegated unit; everything else takes an administrator.
    pub fn may_create(&self, caller: Caller, parent: Id, class: &Class) -> bool {
        self.is_admin(caller) || class.name == "user" && self.is_delegated(caller, parent)
    }

    /// Users below a delegated unit may be written and deleted, unless they are protected: AdminSDHolder's rights
    /// take the place of those of the unit ([MS-ADTS] 3.1.1.6.1).
    pub fn may_write(&self, caller: Caller, id: Id) -> bool {
        let entry = self.tree.entry(id);
        let is_protected = entry.number(KNOWN.admin_count) == Some(1) || entry.says(KNOWN.critical);
        let is_user = entry.class.name == "user";
        let is_below = entry
            .parent
            .is_some_and(|parent| self.is_delegated(caller, parent));
        self.is_admin(caller) || is_user && is_below && !is_protected
    }

    fn is_delegated(&self, caller: Caller, container: Id) -> bool {
        let mut units = self.delegated.iter();
        caller == Caller::Account(self.service) && units.any(|unit| self.tree.is_within(container, *unit))
    }

    pub fn must_write(&self, caller: Caller, id: Id) -> Answer {
        self.may_write(caller, id)
            .then_some(())
            .ok_or_else(|| no_rights(ERROR_DS_INSUFF_ACCESS_RIGHTS))
    }
}

/// The RID of the SID, its last part.
pub fn rid(sid: &[u8]) -> Option<i64> {
    let text = value::sid_text(sid)?;
    text.rsplit('-').next()?.parse().ok()
}

/// `ERROR_ACCESS_DENIED` for what is made and removed, `ERROR_DS_INSUFF_ACCESS_RIGHTS` for what is written.
pub fn no_rights(error: u32) -> Refusal {
    Refusal::new(50, error)
}

pub fn denied() -> Refusal {
    no_rights(ERROR_ACCESS_DENIED)
}
