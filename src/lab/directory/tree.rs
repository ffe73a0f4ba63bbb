//! The objects: a tree, the links between them, and indexes. It keeps what it is given; rules are made elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use uuid::Uuid;

use super::name::{Name, Rdn, Reference};
use super::password::Hashed;
use super::refusal::{Answer, ERROR_DS_MISSING_SUPREF, Refusal};
use super::schema::{self, Att, Class, KNOWN, Syntax};
use super::value::{self, Value};

/// The attribute stays when its object is recycled (`fPRESERVEONDELETE`, [MS-ADTS] 2.2.10).
const PRESERVED: i32 = 0x8;

/// What stays too, although the schema does not mark it.
const REMEMBERED: &[&str] = &["isDeleted", "lastKnownParent", "msDS-LastKnownRDN"];

/// An object, by its place in the tree; never used again.
pub type Id = u32;

/// One object. DNs are kept as the objects they name, so that they follow renames and moves.
#[derive(Debug)]
pub struct Entry {
    pub id: Id,
    pub guid: Uuid,
    pub parent: Option<Id>,
    pub rdn: Rdn,
    pub class: &'static Class,
    pub values: BTreeMap<Att, Vec<Value>>,
    pub links: BTreeMap<Att, BTreeSet<Id>>,
    pub children: BTreeSet<Id>,
    pub life: Life,
    /// A naming context begins here ([MS-ADTS] 3.1.1.1.5).
    pub is_root: bool,
    pub password: Option<Hashed>,
    pub created: (u64, Timestamp),
    pub changed: (u64, Timestamp),
    /// The update sequence number of each attribute's last change.
    pub versions: BTreeMap<Att, u64>,
    /// The last change of each link, and whether it is there ([MS-ADTS] 3.1.1.1.9, link values).
    pub link_versions: BTreeMap<(Att, Id), (u64, bool)>,
}

/// How far an object is gone; each is seen by fewer than the one before ([MS-ADTS] 3.1.1.5.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    #[default]
    Living,
    /// It can be brought back.
    Deleted,
    /// Its name and its identity are left.
    Recycled,
    /// Nothing is left but its place in the list, for what once named it.
    Removed,
}

impl Entry {
    pub fn is_deleted(&self) -> bool {
        self.life > Life::Living
    }

    pub fn first(&self, att: Att) -> Option<&[u8]> {
        self.values.get(&att)?.first().map(Vec::as_slice)
    }

    pub fn text(&self, att: Att) -> Option<&str> {
        std::str::from_utf8(self.first(att)?).ok()
    }

    pub fn number(&self, att: Att) -> Option<i64> {
        value::number(self.first(att)?)
    }

    pub fn says(&self, att: Att) -> bool {
        self.first(att) == Some(b"TRUE")
    }

    pub fn is_a(&self, class: &str) -> bool {
        self.chain().iter().any(|it| it.name == class)
    }

    pub fn chain(&self) -> Vec<&'static Class> {
        schema::chain(self.class)
    }
}

/// Everything there is, below one domain.
#[derive(Debug)]
pub struct Tree {
    entries: Vec<Entry>,
    root: Name,
    guids: HashMap<Uuid, Id>,
    /// By the parent and the RDN's key.
    siblings: HashMap<(Id, Att, String), Id>,
    index: HashMap<(Att, Value), BTreeSet<Id>>,
    /// Who points at an object, by forward link.
    back: HashMap<(Att, Id), BTreeSet<Id>>,
    well_known: HashMap<Uuid, Id>,
    usn: u64,
}

impl Tree {
    /// Of a domain whose root is yet to be inserted as the first object.
    pub fn new(root: Name) -> Tree {
        Tree {
            entries: Vec::new(),
            root,
            guids: HashMap::new(),
            siblings: HashMap::new(),
            index: HashMap::new(),
            back: HashMap::new(),
            well_known: HashMap::new(),
            usn: 4096,
        }
    }

    pub fn usn(&self) -> u64 {
        self.usn
    }

    /// The number of the next change.
    pub fn next_usn(&mut self) -> u64 {
        self.usn += 1;
        self.usn
    }

    pub fn root(&self) -> Id {
        0
    }

    pub fn root_name(&self) -> &Name {
        &self.root
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.life < Life::Removed)
    }

    pub fn entry(&self, id: Id) -> &Entry {
        &self.entries[id as usize]
    }

    fn entry_mut(&mut self, id: Id) -> &mut Entry {
        &mut self.entries[id as usize]
    }

    // ---- Names -----------------------------------------------------------------------------------------------

    /// The DN of an object as it is now.
    pub fn dn(&self, id: Id) -> String {
        let mut parts = Vec::new();
        let mut at = self.entry(id);
        while let Some(parent) = at.parent {
            parts.push(at.rdn.text());
            at = self.entry(parent);
        }
        parts.extend(self.root.iter().map(Rdn::text));
        parts.join(",")
    }

    /// The object, or `Err` of the closest above it; `None` for a name outside the domain.
    pub fn locate(&self, name: &Name) -> Option<Result<Id, Id>> {
        let below = name.len().checked_sub(self.root.len())?;
        let is_ours = name[below..]
            .iter()
            .map(Rdn::key)
            .eq(self.root.iter().map(Rdn::key));
        is_ours.then_some(())?;
        let mut at = self.root();
        for part in name[..below].iter().rev() {
            match self.child(at, part) {
                Some(child) => at = child,
                None => return Some(Err(at)),
            }
        }
        Some(Ok(at))
    }

    /// The object that a request names. Deleted ones are there only for those who ask for them.
    pub fn find(&self, reference: &Reference, sees: Life) -> Answer<Id> {
        let found = match reference {
            Reference::Name(name) => Some(self.named(name)?),
            Reference::Guid(guid) => self.guids.get(guid).copied(),
            Reference::Sid(sid) => self.equal(KNOWN.sid, sid).next(),
            Reference::WellKnown(guid, container) => {
                let container = self.named(container)?;
                let child = self.well_known.get(guid).copied();
                child.filter(|child| self.entry(*child).parent == Some(container))
            }
        };
        match found.filter(|id| self.entry(*id).life <= sees) {
            Some(id) => Ok(id),
            None => Err(Refusal::no_object("")),
        }
    }

    fn named(&self, name: &Name) -> Answer<Id> {
        match self.locate(name) {
            Some(Ok(id)) => Ok(id),
            Some(Err(above)) => Err(Refusal::no_object(&self.dn(above))),
            None => Err(outside(name)),
        }
    }

    pub fn child(&self, parent: Id, rdn: &Rdn) -> Option<Id> {
        let (att, key) = rdn.key();
        self.siblings.get(&(parent, att, key)).copied()
    }

    pub fn by_guid(&self, guid: &Uuid) -> Option<Id> {
        self.guids.get(guid).copied()
    }

    pub fn set_well_known(&mut self, guid: Uuid, id: Id) {
        self.well_known.insert(guid, id);
    }

    /// Whether an object is `above` or anywhere below it.
    pub fn is_within(&self, id: Id, above: Id) -> bool {
        let mut at = Some(id);
        while let Some(here) = at {
            if here == above {
                return true;
            }
            at = self.entry(here).parent;
        }
        false
    }

    /// The root of the naming context that an object is in.
    pub fn context(&self, id: Id) -> Id {
        let mut at = self.entry(id);
        while let (false, Some(parent)) = (at.is_root, at.parent) {
            at = self.entry(parent);
        }
        at.id
    }

    // ---- Values ----------------------------------------------------------------------------------------------

    /// Whether equality of this attribute is looked up rather than looked for.
    pub fn has_index(att: Att) -> bool {
        att.lookup
    }

    /// Who holds this value; deleted objects among them. The attribute has an index.
    pub fn equal(&self, att: Att, value: &[u8]) -> impl Iterator<Item = Id> {
        let held = value::key(att.syntax, value).and_then(|key| self.index.get(&(att, key)));
        held.into_iter().flatten().copied()
    }

    /// Who holds this value and is alive, but for one.
    pub fn others(&self, att: Att, value: &[u8], but: Option<Id>) -> Option<Id> {
        self.equal(att, value)
            .find(|id| Some(*id) != but && !self.entry(*id).is_deleted())
    }

    /// The objects that an attribute of this one names, as far as both are alive or both are to be seen dead.
    pub fn links(&self, id: Id, att: Att) -> impl Iterator<Item = Id> {
        let entry = self.entry(id);
        let shown = match schema::forward(att) {
            Some(forward) => self.back.get(&(forward, id)),
            None => entry.links.get(&att),
        };
        let shown = shown.into_iter().flatten().copied();
        // A deleted object's links rest until it is restored ([MS-ADTS] 3.1.1.5.5.1.3); where it was stays known.
        let rests = move |other: &Id| {
            let between_the_living = att.syntax == Syntax::Dn && att != KNOWN.last_known_parent;
            between_the_living && (entry.is_deleted() || self.entry(*other).is_deleted())
        };
        shown.filter(move |other| !rests(other) || att == KNOWN.category)
    }

    /// Links that are kept and not shown, for one end is deleted.
    pub fn resting(&self, id: Id, att: Att) -> BTreeSet<Id> {
        let shown: BTreeSet<Id> = self.links(id, att).collect();
        let kept = self.entry(id).links.get(&att).into_iter().flatten();
        kept.copied().filter(|it| !shown.contains(it)).collect()
    }

    /// Who points at an object with a forward link.
    pub fn pointing(&self, att: Att, target: Id) -> impl Iterator<Item = Id> {
        self.back.get(&(att, target)).into_iter().flatten().copied()
    }

    pub fn insert(&mut self, entry: New) -> Id {
        let id = self.entries.len() as Id;
        let usn = self.next_usn();
        let time = (usn, entry.at);
        let made = Entry {
            id,
            guid: entry.guid,
            parent: entry.parent,
            rdn: entry.rdn,
            class: entry.class,
            values: BTreeMap::new(),
            links: BTreeMap::new(),
            children: BTreeSet::new(),
            life: Life::Living,
            is_root: entry.is_root,
            password: None,
            created: time,
            changed: time,
            versions: BTreeMap::new(),
            link_versions: BTreeMap::new(),
        };
        self.entries.push(made);
        self.guids.insert(entry.guid, id);
        if let Some(parent) = entry.parent {
            self.hang(id, parent);
        }
        self.set(id, KNOWN.guid, vec![entry.guid.to_bytes_le().to_vec()], usn);
        for (att, values) in entry.values {
            self.set(id, att, values, usn);
        }
        for (att, targets) in entry.links {
            self.set_links(id, att, targets, usn);
        }
        id
    }

    /// Stamps a change ([MS-ADTS] 3.1.1.1.9).
    pub fn touch(&mut self, id: Id, usn: u64, at: Timestamp) {
        self.entry_mut(id).changed = (usn, at);
    }

    pub fn set(&mut self, id: Id, att: Att, values: Vec<Value>, usn: u64) {
        let old = self.entry_mut(id).values.remove(&att).unwrap_or_default();
        if Tree::has_index(att) {
            self.unindex(id, att, &old);
            for key in values.iter().filter_map(|it| value::key(att.syntax, it)) {
                self.index.entry((att, key)).or_default().insert(id);
            }
        }
        let entry = self.entry_mut(id);
        entry.versions.insert(att, usn);
        if !values.is_empty() {
            entry.values.insert(att, values);
        }
    }

    fn unindex(&mut self, id: Id, att: Att, values: &[Value]) {
        for key in values.iter().filter_map(|it| value::key(att.syntax, it)) {
            if let Some(holders) = self.index.get_mut(&(att, key.clone())) {
                holders.remove(&id);
                if holders.is_empty() {
                    self.index.remove(&(att, key));
                }
            }
        }
    }

    pub fn set_links(&mut self, id: Id, att: Att, targets: BTreeSet<Id>, usn: u64) {
        let old = self.entry_mut(id).links.remove(&att).unwrap_or_default();
        for gone in old.difference(&targets) {
            if let Some(pointing) = self.back.get_mut(&(att, *gone)) {
                pointing.remove(&id);
            }
            self.entry_mut(id)
                .link_versions
                .insert((att, *gone), (usn, false));
        }
        for come in targets.difference(&old) {
            self.back.entry((att, *come)).or_default().insert(id);
            self.entry_mut(id).link_versions.insert((att, *come), (usn, true));
        }
        let entry = self.entry_mut(id);
        entry.versions.insert(att, usn);
        if !targets.is_empty() {
            entry.links.insert(att, targets);
        }
    }

    pub fn set_password(&mut self, id: Id, password: Hashed, usn: u64) {
        let entry = self.entry_mut(id);
        entry.password = Some(password);
        entry.versions.insert(KNOWN.password, usn);
    }

    /// Renames and moves; the name is free there.
    pub fn place(&mut self, id: Id, parent: Id, rdn: Rdn, usn: u64) {
        let entry = self.entry_mut(id);
        let old = std::mem::replace(&mut entry.rdn, rdn.clone());
        if let Some(was) = entry.parent.replace(parent) {
            let (att, key) = old.key();
            self.siblings.remove(&(was, att, key));
            self.entry_mut(was).children.remove(&id);
        }
        self.hang(id, parent);
        for att in [rdn.att, KNOWN.name] {
            self.set(id, att, vec![rdn.value.clone().into_bytes()], usn);
        }
    }

    /// Brings back or buries.
    pub fn set_deleted(&mut self, id: Id, is_deleted: bool, usn: u64) {
        let (life, said) = match is_deleted {
            true => (Life::Deleted, vec![b"TRUE".to_vec()]),
            false => (Life::Living, Vec::new()),
        };
        self.set(id, KNOWN.deleted, said, usn);
        self.entry_mut(id).life = life;
    }

    /// Takes from a deleted object everything but what tells who it was.
    pub fn recycle(&mut self, id: Id, usn: u64) {
        let stays =
            |att: Att| att.search_flags & PRESERVED != 0 || att.names || REMEMBERED.contains(&att.name);
        self.strip(id, stays, usn);
        self.set(id, KNOWN.recycled, vec![b"TRUE".to_vec()], usn);
        self.entry_mut(id).life = Life::Recycled;
    }

    /// Nobody finds it any more, whatever he asks.
    pub fn remove(&mut self, id: Id, usn: u64) {
        self.strip(id, |_| false, usn);
        let entry = self.entry_mut(id);
        entry.life = Life::Removed;
        let (guid, parent, (att, key)) = (entry.guid, entry.parent, entry.rdn.key());
        self.guids.remove(&guid);
        if let Some(parent) = parent {
            self.siblings.remove(&(parent, att, key));
            self.entry_mut(parent).children.remove(&id);
        }
    }

    /// Takes values, and links from and to the object.
    fn strip(&mut self, id: Id, stays: impl Fn(Att) -> bool, usn: u64) {
        let entry = self.entry_mut(id);
        entry.password = None;
        let values: Vec<Att> = entry.values.keys().copied().filter(|att| !stays(*att)).collect();
        let links: Vec<Att> = entry.links.keys().copied().filter(|att| !stays(*att)).collect();
        for att in values {
            self.set(id, att, Vec::new(), usn);
        }
        for att in links {
            self.set_links(id, att, BTreeSet::new(), usn);
        }
        let ends = schema::attributes().filter(|att| att.syntax == Syntax::Dn && !stays(*att));
        for att in ends {
            let holders: Vec<Id> = self.pointing(att, id).collect();
            for holder in holders {
                let mut targets = self.entry(holder).links.get(&att).cloned().unwrap_or_default();
                targets.remove(&id);
                self.set_links(holder, att, targets, usn);
            }
        }
    }

    fn hang(&mut self, id: Id, parent: Id) {
        let (att, key) = self.entry(id).rdn.key();
        self.siblings.insert((parent, att, key), id);
        self.entry_mut(parent).children.insert(id);
    }
}

/// An object to be.
pub struct New {
    pub guid: Uuid,
    pub parent: Option<Id>,
    pub rdn: Rdn,
    pub class: &'static Class,
    pub is_root: bool,
    pub values: BTreeMap<Att, Vec<Value>>,
    pub links: BTreeMap<Att, BTreeSet<Id>>,
    pub at: Timestamp,
}

/// Of whom no forest here knows: a name that ends in a DNS name is somebody else's.
fn outside(name: &Name) -> Refusal {
    let domain: Vec<&str> = name
        .iter()
        .filter(|part| part.att.name == "dc")
        .map(|part| part.value.as_str())
        .collect();
    match domain.is_empty() {
        true => Refusal::new(1, ERROR_DS_MISSING_SUPREF),
        false => {
            let dn: Vec<String> = name.iter().map(Rdn::text).collect();
            Refusal::elsewhere(&domain.join("."), &dn.join(","))
        }
    }
}
