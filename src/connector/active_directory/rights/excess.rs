//! What an access list grants beyond all that is needed, in words.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::descriptor::{AccessEntry, right};
use super::names::{Names, REPLICATE_CHANGES, RESET_PASSWORD, USER};
use super::needs::Right;

/// Rights whose entries name what they are about: what an entry without a name is called, and what one with a name.
#[rustfmt::skip]
const ABOUT: [(u32, &str, &str); 5] = [
    (right::CREATE_CHILD,    "create objects of every class", "create"),
    (right::DELETE_CHILD,    "delete objects of every class", "delete"),
    (right::WRITE_PROPERTY,  "write all properties",          "write"),
    (right::VALIDATED_WRITE, "all validated writes",          "validated write"),
    (right::CONTROL_ACCESS,  "all extended rights",           "extended right"),
];

/// Rights over the object as a whole.
const WHOLE: [(u32, &str); 4] = [
    (right::WRITE_DACL, "change permissions"),
    (right::WRITE_OWNER, "take ownership"),
    (right::DELETE, "delete"),
    (right::DELETE_TREE, "delete with everything below"),
];

/// Members of a property set that are told.
const TOLD: usize = 3;

/// What is needed where an entry stands; nothing outside the managed containers.
pub(super) struct Measure<'a> {
    pub names: &'a Names,
    pub needed: BTreeSet<&'a Right>,
    /// The place is a managed container, or lies in one.
    pub is_managed: bool,
}

impl Measure<'_> {
    /// What one entry grants without need.
    pub(super) fn beyond(&self, entry: &AccessEntry) -> Vec<String> {
        let mask = entry.mask & !right::READING;
        if !entry.allows || mask == 0 {
            return Vec::new();
        }
        if mask == right::ALL & !right::READING && entry.object.is_none() {
            return vec!["full control".to_string()];
        }
        let whole = WHOLE.iter().filter(|(right, _)| mask & right != 0);
        let whole = whole.filter(|(right, _)| !self.is_needed(*right, entry));
        let mut beyond: Vec<String> = whole.map(|(_, text)| (*text).to_string()).collect();
        for (right, of_all, of_one) in ABOUT {
            if mask & right != 0 && !self.is_needed(right, entry) {
                beyond.push(match entry.object {
                    None => of_all.to_string(),
                    Some(object) => format!("{of_one} {}", self.object(object)),
                });
            }
        }
        beyond
    }

    /// On which objects an entry of a container counts, as the end of a phrase.
    pub(super) fn reach(&self, entry: &AccessEntry) -> String {
        let below = match entry.class {
            None => "objects of every class".to_string(),
            Some(USER) => "users".to_string(),
            Some(class) => format!("objects of the class {}", self.names.called(class)),
        };
        let on = match (entry.is_here(), entry.is_below()) {
            (true, true) => format!("on the container itself and {below} below"),
            (false, true) => format!("on {below}"),
            (_, false) => "on the container itself".to_string(),
        };
        match self.is_managed {
            true => on,
            false => format!("{on}, outside the managed containers"),
        }
    }

    fn object(&self, object: Uuid) -> String {
        let members = self.names.members(object);
        let called = self.names.called(object);
        let needed = |name: &&&str| !self.writes(name);
        let unneeded: Vec<&str> = members.iter().filter(needed).copied().collect();
        match unneeded.as_slice() {
            [] => called,
            some => {
                let told = some.iter().take(TOLD).copied().collect::<Vec<_>>().join(", ");
                let more = if some.len() > TOLD { ", …" } else { "" };
                format!("the property set {called} (with {told}{more})")
            }
        }
    }

    fn writes(&self, attribute: &str) -> bool {
        self.needed
            .iter()
            .any(|right| matches!(right, Right::Write(name) if name.eq_ignore_ascii_case(attribute)))
    }

    /// Whether some need asks for this right of the entry, and the entry reaches no further than the need does.
    fn is_needed(&self, right: u32, entry: &AccessEntry) -> bool {
        // Replication reads, whatever it is called.
        if right == right::CONTROL_ACCESS && entry.object == Some(REPLICATE_CHANGES) {
            return true;
        }
        if !self.is_managed {
            return false;
        }
        let of_users = !entry.is_here() && entry.class == Some(USER);
        let needs = |wanted: &Right| self.needed.contains(wanted);
        match (right, entry.object) {
            (right::CREATE_CHILD, Some(USER)) => needs(&Right::CreateUsers),
            (right::DELETE_CHILD, Some(USER)) => needs(&Right::DeleteUsers),
            (right::DELETE, _) => of_users && needs(&Right::DeleteUsers),
            (right::CONTROL_ACCESS, Some(RESET_PASSWORD)) => of_users && needs(&Right::ResetPassword),
            (right::WRITE_PROPERTY, Some(object)) => of_users && self.is_written(object),
            _ => false,
        }
    }

    /// An attribute that is written, or a property set of nothing but such.
    fn is_written(&self, object: Uuid) -> bool {
        let members = self.names.members(object);
        match members.is_empty() {
            true => self.writes(&self.names.called(object)),
            false => members.iter().all(|name| self.writes(name)),
        }
    }
}

/// What is told of entries that hold for everybody in the domain: rights that would be nobody's by default.
pub(super) fn is_alarming(entry: &AccessEntry) -> bool {
    let unbounded = right::WRITE_PROPERTY | right::CONTROL_ACCESS;
    let whole = right::WRITE_DACL | right::WRITE_OWNER | right::DELETE | right::DELETE_TREE;
    entry.allows
        && (entry.mask & whole != 0
            || entry.object.is_none() && entry.mask & unbounded != 0
            || entry.object == Some(RESET_PASSWORD))
}
