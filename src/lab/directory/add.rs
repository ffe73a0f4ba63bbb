//! Adding objects ([MS-ADTS] 3.1.1.5.2).

use std::collections::{BTreeMap, BTreeSet};

use super::account;
use super::domain::{Context, Domain, denied, rid};
use super::draft::{self, Change, Draft, mandatory};
use super::name::{self, Rdn, Reference};
use super::password::Hashed;
use super::refusal::{
    Answer, ERROR_DS_NAMING_VIOLATION, ERROR_DS_OBJ_CLASS_VIOLATION, ERROR_DS_OBJ_STRING_NAME_EXISTS,
    ERROR_DS_UNWILLING_TO_PERFORM, Refusal,
};
use super::schema::{self, Att, Class, KNOWN};
use super::tree::{Id, Life, New};
use super::value::{self, NEVER, Value};

/// A description with its values, as a request has them.
pub type Given<'a> = (&'a str, Vec<&'a [u8]>);

/// The state of a user to whom nobody gave one: disabled, and without need of a password.
const FIRST_CONTROL: i64 = account::NORMAL | account::NO_PASSWORD_NEEDED | account::DISABLED;

/// Domain Users, Domain Computers ([MS-DTYP] 2.4.2.4).
const USERS: i64 = 513;
const COMPUTERS: i64 = 515;

/// A global security group.
const FIRST_GROUP_TYPE: i64 = -2_147_483_646;

/// What is given with an add although the directory sees to it itself, and is passed over.
const PASSED_OVER: &[&str] = &["objectClass", "instanceType", "objectCategory"];

impl Domain {
    pub fn add(&mut self, dn: &str, given: &[Given], context: &Context) -> Answer<Id> {
        draft::check_size(given.iter().map(|(_, values)| values))?;
        let name = name::name(dn)?;
        let Some((rdn, above)) = name.split_first() else {
            return Err(Refusal::new(53, ERROR_DS_UNWILLING_TO_PERFORM));
        };
        let parent = self.tree.find(&Reference::Name(above.to_vec()), Life::Living)?;
        let class = class_of(given)?;
        if !self.may_create(context.caller, parent, class) {
            return Err(denied());
        }
        self.check_place(parent, rdn, class)?;
        if self.tree.child(parent, rdn).is_some() {
            return Err(Refusal::new(68, ERROR_DS_OBJ_STRING_NAME_EXISTS));
        }
        let account_name = self.new_account_name();
        let mut draft = Draft::new(self, context, class);
        for (description, values) in given {
            take(&mut draft, rdn, description, values)?;
        }
        fill_in(&mut draft, class, account_name);
        if class.required.iter().any(|name| !holds(&draft, name)) {
            return Err(mandatory());
        }
        draft.check_names()?;
        draft.check_account()?;
        let Draft {
            values,
            links,
            password,
            ..
        } = draft;
        Ok(self.make(parent, rdn.clone(), class, values, links, password, context))
    }

    /// Whether objects of the class may be there, and be called so.
    pub fn check_place(&self, parent: Id, rdn: &Rdn, class: &Class) -> Answer {
        let above = self.tree.entry(parent);
        let may_be_there = class.parents.iter().any(|it| above.is_a(it));
        if !rdn.att.name.eq_ignore_ascii_case(class.names) || !may_be_there {
            return Err(Refusal::new(64, ERROR_DS_NAMING_VIOLATION));
        }
        // The directory itself calls the deleted so, and nobody else ([MS-ADTS] 3.1.1.5.1.2).
        if rdn.value.contains(['\n', '\0']) {
            return Err(name::malformed());
        }
        value::checked(rdn.att, rdn.value.as_bytes()).map(drop)
    }

    /// Stores an object, with what the directory adds to it.
    #[expect(clippy::too_many_arguments, reason = "everything that an object is made of")]
    pub(super) fn make(
        &mut self,
        parent: Id,
        rdn: Rdn,
        class: &'static Class,
        mut values: BTreeMap<Att, Vec<Value>>,
        mut links: BTreeMap<Att, BTreeSet<Id>>,
        password: Option<String>,
        context: &Context,
    ) -> Id {
        let chain = schema::chain(class);
        let classes = chain.iter().map(|it| it.name.as_bytes().to_vec());
        values.insert(KNOWN.class, classes.collect());
        for att in [rdn.att, KNOWN.name] {
            values.insert(att, vec![rdn.value.clone().into_bytes()]);
        }
        values.insert(KNOWN.instance_type, vec![b"4".to_vec()]);
        let is_principal = chain.iter().any(|it| matches!(it.name, "user" | "group"));
        if is_principal && !values.contains_key(&KNOWN.sid) {
            let sid = self.new_sid();
            values.insert(KNOWN.sid, vec![sid]);
        }
        if let Some(category) = self.category(class) {
            links.insert(KNOWN.category, BTreeSet::from([category]));
        }
        let guid = self.new_guid();
        let id = self.tree.insert(New {
            guid,
            parent: Some(parent),
            rdn,
            class,
            is_root: false,
            values,
            links,
            at: context.now,
        });
        if let Some(password) = password {
            let usn = self.tree.usn();
            self.tree.set_password(id, Hashed::new(&password, guid), usn);
        }
        id
    }

    /// The class that stands for objects of a class in `objectCategory`.
    pub fn category(&self, class: &Class) -> Option<Id> {
        let named = Rdn {
            att: KNOWN.common_name,
            value: class.category.to_string(),
        };
        self.tree.child(self.schema, &named)
    }

    /// The group with this RID, if the object is a member.
    pub fn is_member_of(&self, id: Id, group_rid: i64) -> bool {
        self.tree
            .links(id, schema::find("memberOf").unwrap_or(KNOWN.member))
            .any(|group| {
                let sid = self.tree.entry(group).first(KNOWN.sid);
                sid.and_then(rid) == Some(group_rid)
            })
    }
}

/// The lowest of the classes given, which all others must be above.
fn class_of(given: &[Given]) -> Answer<&'static Class> {
    let violation = || Refusal::new(65, ERROR_DS_OBJ_CLASS_VIOLATION);
    let named = given
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("objectClass"))
        .flat_map(|(_, values)| values);
    let known = |value: &&[u8]| std::str::from_utf8(value).ok().and_then(schema::class);
    let classes: Vec<&'static Class> = named.map(known).collect::<Option<_>>().ok_or_else(violation)?;
    let lowest = classes.iter().max_by_key(|class| schema::chain(class).len());
    let lowest = *lowest.ok_or_else(violation)?;
    let chain = schema::chain(lowest);
    let is_one_line = classes.iter().all(|class| chain.contains(class));
    match is_one_line && lowest.kind == schema::Kind::Structural {
        true => Ok(lowest),
        false => Err(violation()),
    }
}

fn take(draft: &mut Draft, rdn: &Rdn, description: &str, values: &[&[u8]]) -> Answer {
    let att = schema::find(description).ok_or_else(|| Refusal::conversion(16))?;
    if PASSED_OVER.contains(&att.name) {
        return Ok(());
    }
    if att == rdn.att {
        // The name may be repeated among the attributes, and nothing else in its place.
        let same =
            |value: &&[u8]| value::key(att.syntax, value) == value::key(att.syntax, rdn.value.as_bytes());
        return match values.iter().all(same) {
            true => Ok(()),
            false => Err(Refusal::new(64, ERROR_DS_NAMING_VIOLATION)),
        };
    }
    if values.is_empty() {
        return Err(Refusal::conversion(21));
    }
    draft.apply(Change::Add, description, values)
}

fn holds(draft: &Draft, name: &str) -> bool {
    schema::find(name).is_some_and(|att| draft.first(att).is_some())
}

/// What accounts and groups have although nobody said so ([MS-SAMR] 3.1.1.8).
fn fill_in(draft: &mut Draft, class: &Class, account_name: String) {
    let has_password = draft.password.is_some();
    for (att, number) in first_numbers(class.name) {
        // With a password comes the time at which it was set.
        let is_said = draft.touches(att) || att == KNOWN.password_set && has_password;
        if !is_said {
            draft.set_number(att, number);
        }
    }
    let is_principal = draft.is_a("user") || draft.is_a("group");
    if is_principal && !draft.touches(KNOWN.account_name) {
        draft.set(KNOWN.account_name, account_name);
    }
}

/// The numbers that a new object of the class has.
pub(super) fn first_numbers(class: &str) -> Vec<(Att, i64)> {
    let (control, group) = match class {
        "group" => {
            let kind = account::account_type(class);
            return vec![(KNOWN.account_type, kind), (KNOWN.group_type, FIRST_GROUP_TYPE)];
        }
        "computer" => (FIRST_CONTROL ^ account::NORMAL ^ account::WORKSTATION, COMPUTERS),
        "user" | "inetOrgPerson" => (FIRST_CONTROL, USERS),
        _ => return Vec::new(),
    };
    vec![
        (KNOWN.account_type, account::account_type(class)),
        (KNOWN.control, control),
        (KNOWN.primary_group, group),
        (KNOWN.account_expires, NEVER),
        (KNOWN.country_code, 0),
        (KNOWN.code_page, 0),
        (KNOWN.bad_password_count, 0),
        (KNOWN.bad_password_time, 0),
        (KNOWN.last_logon, 0),
        (KNOWN.logon_count, 0),
        (KNOWN.password_set, 0),
    ]
}
