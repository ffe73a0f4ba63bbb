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

#[cfg(test)]
mod tests {
    use super::super::descriptor::{CONTAINER_INHERIT, INHERIT_ONLY};
    use super::*;

    const TITLE: Uuid = Uuid::from_u128(1);
    const SET: Uuid = Uuid::from_u128(2);
    const OTHER: Uuid = Uuid::from_u128(3);
    const BELOW: u8 = CONTAINER_INHERIT | INHERIT_ONLY;

    fn sid(text: &str) -> Sid {
        Sid::parse(text).unwrap()
    }

    fn entry(allows: bool, flags: u8, mask: u32, object: Option<Uuid>, class: Option<Uuid>) -> AccessEntry {
        AccessEntry {
            allows,
            flags,
            mask,
            object,
            class,
            trustee: sid("S-1-5-21-1-2-3-1102"),
        }
    }

    fn may(entries: Vec<AccessEntry>, wanted: &Right) -> (bool, bool) {
        let list = Descriptor {
            owner: None,
            entries: Some(entries),
        };
        let token = Token::from([sid("S-1-5-21-1-2-3-1102"), sid("S-1-5-11")]);
        let names = Names::of(&[("title", TITLE, Some(SET))]);
        (
            in_container(&list, &token, &names, wanted),
            on_account(&list, None, &token, &names, wanted),
        )
    }

    #[test]
    fn an_attribute_is_granted_by_itself_by_its_set_and_with_all_others() {
        let title = Right::Write("Title".into());
        let write = |object| {
            vec![entry(
                true,
                CONTAINER_INHERIT,
                right::WRITE_PROPERTY,
                object,
                None,
            )]
        };
        for (object, granted) in [
            (None, true),
            (Some(TITLE), true),
            (Some(SET), true),
            (Some(OTHER), false),
        ] {
            assert_eq!(may(write(object), &title), (granted, granted), "{object:?}");
        }
        assert_eq!(may(Vec::new(), &title), (false, false));
        let read = vec![entry(true, CONTAINER_INHERIT, right::READING, None, None)];
        assert_eq!(may(read, &title), (false, false));
    }

    #[test]
    fn the_first_entry_that_says_something_has_the_say() {
        let title = Right::Write("title".into());
        let of = |allows, object| entry(allows, CONTAINER_INHERIT, right::WRITE_PROPERTY, object, None);
        assert_eq!(
            may(vec![of(false, Some(SET)), of(true, None)], &title),
            (false, false)
        );
        assert_eq!(
            may(vec![of(true, Some(TITLE)), of(false, None)], &title),
            (true, true)
        );
        assert_eq!(
            may(vec![of(false, Some(OTHER)), of(true, None)], &title),
            (true, true)
        );
        let mut foreign = of(false, None);
        foreign.trustee = sid("S-1-5-21-1-2-3-1103");
        assert_eq!(may(vec![foreign, of(true, None)], &title), (true, true));
    }

    #[test]
    fn an_entry_counts_where_its_flags_and_class_say() {
        let reset = Right::ResetPassword;
        let of = |flags, class| {
            vec![entry(
                true,
                flags,
                right::CONTROL_ACCESS,
                Some(RESET_PASSWORD),
                class,
            )]
        };
        assert_eq!(may(of(BELOW, Some(USER)), &reset), (true, false));
        assert_eq!(may(of(BELOW, Some(OTHER)), &reset), (false, false));
        assert_eq!(may(of(0, None), &reset), (false, true));
    }

    #[test]
    fn either_end_grants_a_deletion() {
        let delete = Right::DeleteUsers;
        let of_users = vec![entry(true, BELOW, right::DELETE, None, Some(USER))];
        assert_eq!(may(of_users, &delete), (true, false));
        let of_container = vec![entry(true, 0, right::DELETE_CHILD, Some(USER), None)];
        assert_eq!(may(of_container, &delete), (true, false));
        let of_groups = vec![entry(true, 0, right::DELETE_CHILD, Some(OTHER), None)];
        assert_eq!(may(of_groups, &delete), (false, false));
    }

    #[test]
    fn without_a_list_everything_is_granted() {
        let open = Descriptor {
            owner: None,
            entries: None,
        };
        assert!(open.grants(&Token::new(), right::WRITE_DACL, &[], Of::Itself));
    }
}
