//! What an access list lets somebody do: the check that controllers make ([MS-ADTS] 5.1.3.3), for one right at a time.

use std::collections::HashSet;

use uuid::Uuid;

use super::descriptor::{AccessEntry, Descriptor, Sid, right};
use super::names::{Names, RESET_PASSWORD, USER};
use super::needs::Right;

/// Who we are: the SIDs of an account and of all groups that it is in.
pub(super) type Token = HashSet<Sid>;

/// What an account inherits, or has itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// The object that has the list.
    Itself,
    /// A user that is made below it.
    NewUser,
}

impl Descriptor {
    /// Whether one right (a single bit) is granted on something that entries may call by any of these GUIDs.
    pub(super) fn grants(&self, token: &Token, right: u32, ids: &[Uuid], of: Of) -> bool {
        let Some(entries) = &self.entries else {
            return true;
        };
        let counts = |entry: &&AccessEntry| {
            let reaches = match of {
                Of::Itself => entry.is_here(),
                Of::NewUser => entry.is_below() && entry.class.is_none_or(|class| class == USER),
            };
            reaches
                && entry.mask & right != 0
                && entry.object.is_none_or(|object| ids.contains(&object))
                && token.contains(&entry.trustee)
        };
        // The first that says something has the say.
        entries.iter().find(counts).is_some_and(|entry| entry.allows)
    }
}

/// Whether a container lets do this to accounts that are made in it.
pub(super) fn in_container(container: &Descriptor, token: &Token, names: &Names, wanted: &Right) -> bool {
    match wanted {
        Right::List => container.grants(token, right::LIST, &[], Of::Itself),
        Right::CreateUsers => container.grants(token, right::CREATE_CHILD, &[USER], Of::Itself),
        Right::DeleteUsers if takes_children(container, token) => true,
        wanted => on(container, token, names, wanted, Of::NewUser),
    }
}

/// Whether an account that is there, in this container, lets itself be done this to.
pub(super) fn on_account(
    account: &Descriptor,
    container: Option<&Descriptor>,
    token: &Token,
    names: &Names,
    wanted: &Right,
) -> bool {
    match wanted {
        Right::List | Right::CreateUsers => true,
        Right::DeleteUsers if container.is_some_and(|it| takes_children(it, token)) => true,
        wanted => on(account, token, names, wanted, Of::Itself),
    }
}

/// Either end may grant a deletion.
fn takes_children(container: &Descriptor, token: &Token) -> bool {
    container.grants(token, right::DELETE_CHILD, &[USER], Of::Itself)
}

fn on(list: &Descriptor, token: &Token, names: &Names, wanted: &Right, of: Of) -> bool {
    match wanted {
        Right::Read(property) => list.grants(token, right::READ_PROPERTY, &names.ids(property), of),
        Right::Write(property) => list.grants(token, right::WRITE_PROPERTY, &names.ids(property), of),
        Right::ResetPassword => list.grants(token, right::CONTROL_ACCESS, &[RESET_PASSWORD], of),
        Right::DeleteUsers => list.grants(token, right::DELETE, &[], of),
        Right::List | Right::CreateUsers => false,
    }
}
