//! An object as it is going to be: values are taken in one by one, as the schema allows, and nothing is stored
//! before all of them are.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::account;
use super::domain::{Context, Domain};
use super::password;
use super::refusal::{
    Answer, ERROR_DS_ADMIN_LIMIT_EXCEEDED, ERROR_DS_ATT_NOT_DEF_FOR_CLASS, ERROR_DS_ATT_VAL_ALREADY_EXISTS,
    ERROR_DS_CANT_ON_RDN, ERROR_DS_CANT_REM_MISSING_ATT_VAL, ERROR_DS_ILLEGAL_MOD_OPERATION,
    ERROR_DS_NAME_REFERENCE_INVALID, ERROR_DS_SINGLE_VALUE_CONSTRAINT,
    ERROR_DS_SPN_VALUE_NOT_UNIQUE_IN_FOREST, ERROR_DS_UPN_VALUE_NOT_UNIQUE_IN_FOREST, ERROR_GEN_FAILURE,
    ERROR_INVALID_PARAMETER, ERROR_MEMBER_IN_ALIAS, ERROR_MEMBER_NOT_IN_ALIAS, Refusal,
};
use super::schema::{self, Att, Class, KNOWN, Syntax};
use super::tree::Id;
use super::value::{self, Value};

/// What a modification does with the values it brings (RFC 4511 §4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Add,
    Delete,
    Replace,
}

/// Changes of one request, and values of all of them: more than any client has, few enough to be held in the way of
/// all others meanwhile.
const MOST_CHANGES: usize = 500;
const MOST_VALUES: usize = 5000;

/// Refuses requests that would keep everybody waiting.
pub fn check_size<'a>(values: impl ExactSizeIterator<Item = &'a Vec<&'a [u8]>>) -> Answer {
    let changes = values.len();
    match changes > MOST_CHANGES || values.map(Vec::len).sum::<usize>() > MOST_VALUES {
        true => Err(Refusal::new(11, ERROR_DS_ADMIN_LIMIT_EXCEEDED)),
        false => Ok(()),
    }
}

pub struct Draft<'a> {
    pub domain: &'a Domain,
    context: &'a Context,
    /// Of an object that is there already.
    id: Option<Id>,
    chain: Vec<&'static Class>,
    /// Attributes that were touched, whole.
    pub values: BTreeMap<Att, Vec<Value>>,
    pub links: BTreeMap<Att, BTreeSet<Id>>,
    old_password: Option<String>,
    pub password: Option<String>,
}

impl<'a> Draft<'a> {
    pub fn new(domain: &'a Domain, context: &'a Context, class: &'static Class) -> Draft<'a> {
        Draft {
            domain,
            context,
            id: None,
            chain: schema::chain(class),
            values: BTreeMap::new(),
            links: BTreeMap::new(),
            old_password: None,
            password: None,
        }
    }

    pub fn of(domain: &'a Domain, context: &'a Context, id: Id) -> Draft<'a> {
        Draft {
            id: Some(id),
            ..Draft::new(domain, context, domain.tree.entry(id).class)
        }
    }

    pub fn is_a(&self, class: &str) -> bool {
        self.chain.iter().any(|it| it.name == class)
    }

    pub fn first(&self, att: Att) -> Option<&[u8]> {
        self.current(att).first().map(Vec::as_slice)
    }

    pub fn number(&self, att: Att) -> Option<i64> {
        value::number(self.first(att)?)
    }

    pub fn text(&self, att: Att) -> Option<&str> {
        std::str::from_utf8(self.first(att)?).ok()
    }

    /// Whether this request touches the attribute.
    pub fn touches(&self, att: Att) -> bool {
        self.values.contains_key(&att)
    }

    pub fn set(&mut self, att: Att, value: impl Into<Vec<u8>>) {
        self.values.insert(att, vec![value.into()]);
    }

    pub fn set_number(&mut self, att: Att, number: i64) {
        self.set(att, number.to_string());
    }

    /// The user's own change, by whoever knows the old password, rather than a reset.
    pub fn is_password_change(&self) -> bool {
        self.old_password.is_some() && self.values.is_empty() && self.links.is_empty()
    }

    fn current(&self, att: Att) -> &[Value] {
        let stored = || Some(self.domain.tree.entry(self.id?).values.get(&att)?.as_slice());
        match self.values.get(&att) {
            Some(values) => values,
            None => stored().unwrap_or_default(),
        }
    }

    fn current_links(&self, att: Att) -> BTreeSet<Id> {
        match (self.links.get(&att), self.id) {
            (Some(links), _) => links.clone(),
            (None, Some(id)) => self.domain.tree.links(id, att).collect(),
            (None, None) => BTreeSet::new(),
        }
    }

    /// One change of one attribute, as the request has it.
    pub fn apply(&mut self, change: Change, description: &str, values: &[&[u8]]) -> Answer {
        let att = schema::find(description).ok_or_else(|| Refusal::conversion(16))?;
        if att == KNOWN.password {
            return self.take_password(change, values);
        }
        self.may_be_written(att)?;
        match att.syntax {
            Syntax::Dn => self.change_links(att, change, values),
            _ => self.change_values(att, change, values),
        }
    }

    /// The directory keeps some attributes itself, and others in the object's name.
    fn may_be_written(&self, att: Att) -> Answer {
        if att.names {
            return Err(Refusal::new(67, ERROR_DS_CANT_ON_RDN));
        }
        if att.system || att.at_birth {
            return Err(Refusal::new(53, ERROR_DS_ILLEGAL_MOD_OPERATION));
        }
        match att.is_held_by(&self.chain) {
            true => Ok(()),
            false => Err(Refusal::new(65, ERROR_DS_ATT_NOT_DEF_FOR_CLASS)),
        }
    }

    fn holds_one(&self, att: Att) -> bool {
        // Account objects show the one description that Windows' old tools knew.
        let is_account = self.is_a("user") || self.is_a("group");
        att.single || att == KNOWN.description && is_account
    }

    pub fn change_values(&mut self, att: Att, change: Change, values: &[&[u8]]) -> Answer {
        let mut after = match change {
            Change::Replace => Vec::new(),
            _ => self.current(att).to_vec(),
        };
        let key = |it: &[u8]| value::key(att.syntax, it);
        let mut held: HashSet<Option<Value>> = after.iter().map(|it| key(it)).collect();
        match change {
            Change::Delete if values.is_empty() => {
                self.must_hold(!after.is_empty(), att)?;
                after.clear();
            }
            Change::Delete => {
                for gone in values {
                    self.must_hold(held.remove(&key(gone)), att)?;
                }
                after.retain(|it| held.contains(&key(it)));
            }
            Change::Add | Change::Replace => {
                for come in values {
                    let come = value::checked(att, come)?;
                    if held.insert(key(&come)) {
                        after.push(come);
                    } else if !self.context.permissive {
                        return Err(Refusal::attribute(20, ERROR_DS_ATT_VAL_ALREADY_EXISTS, att));
                    }
                }
            }
        }
        if after.len() > 1 && self.holds_one(att) {
            return Err(Refusal::attribute(19, ERROR_DS_SINGLE_VALUE_CONSTRAINT, att));
        }
        self.values.insert(att, after);
        Ok(())
    }

    /// What goes must have been there, unless nobody minds.
    fn must_hold(&self, holds: bool, att: Att) -> Answer {
        match holds || self.context.permissive {
            true => Ok(()),
            false => Err(Refusal::attribute(16, ERROR_DS_CANT_REM_MISSING_ATT_VAL, att)),
        }
    }

    fn change_links(&mut self, att: Att, change: Change, values: &[&[u8]]) -> Answer {
        let is_membership = att == KNOWN.member;
        let mut after = match change {
            Change::Replace => BTreeSet::new(),
            _ => self.current_links(att),
        };
        if change == Change::Delete && values.is_empty() {
            self.must_hold(!after.is_empty(), att)?;
            after.clear();
        }
        for target in values {
            let target = self.target(att, target);
            match change {
                Change::Delete => {
                    let was = target.is_ok_and(|target| after.remove(&target));
                    if !was && is_membership && !self.context.permissive {
                        return Err(Refusal::new(53, ERROR_MEMBER_NOT_IN_ALIAS));
                    }
                    self.must_hold(was, att)?;
                }
                Change::Add | Change::Replace => {
                    let is_new = after.insert(target?);
                    if !is_new && !self.context.permissive {
                        return Err(match is_membership {
                            true => Refusal::new(68, ERROR_MEMBER_IN_ALIAS),
                            false => Refusal::attribute(20, ERROR_DS_ATT_VAL_ALREADY_EXISTS, att),
                        });
                    }
                }
            }
        }
        if after.len() > 1 && att.single {
            return Err(Refusal::attribute(19, ERROR_DS_SINGLE_VALUE_CONSTRAINT, att));
        }
        self.links.insert(att, after);
        Ok(())
    }

    /// Whom a DN names; it must be somebody.
    fn target(&self, att: Att, value: &[u8]) -> Answer<Id> {
        let text = std::str::from_utf8(value).map_err(|_| Refusal::conversion(21))?;
        if text.is_empty() {
            return Err(Refusal::conversion(21));
        }
        let missing = |refusal: Refusal| match refusal.result {
            34 => refusal,
            _ => Refusal::attribute(19, ERROR_DS_NAME_REFERENCE_INVALID, att),
        };
        self.domain.find(text, self.context).map_err(missing)
    }

    /// A reset replaces; a change deletes the old and adds the new ([MS-ADTS] 3.1.1.3.1.5.1).
    fn take_password(&mut self, change: Change, values: &[&[u8]]) -> Answer {
        if !self.context.secure {
            return Err(Refusal::new(53, ERROR_GEN_FAILURE));
        }
        if !KNOWN.password.is_held_by(&self.chain) {
            return Err(Refusal::new(65, ERROR_DS_ATT_NOT_DEF_FOR_CLASS));
        }
        let &[value] = values else {
            return Err(Refusal::new(53, ERROR_GEN_FAILURE));
        };
        let password = password::decoded(value)?;
        match change {
            Change::Delete => self.old_password = Some(password),
            Change::Add if self.id.is_some() && self.old_password.is_none() => {
                return Err(Refusal::new(53, ERROR_GEN_FAILURE));
            }
            Change::Add | Change::Replace => self.password = Some(password),
        }
        Ok(())
    }

    // ---- The whole -------------------------------------------------------------------------------------------

    /// Names that nobody else may have ([MS-ADTS] 3.1.1.5.1.3).
    pub fn check_names(&self) -> Answer {
        let tree = &self.domain.tree;
        let taken = |att: Att, value: &[u8]| tree.others(att, value, self.id);
        if self.touches(KNOWN.account_name) {
            let name = self.text(KNOWN.account_name).ok_or_else(mandatory)?;
            let is_user = self.is_a("user") && !self.is_a("computer");
            account::check_name(name, is_user)?;
            if let Some(by) = taken(KNOWN.account_name, name.as_bytes()) {
                return Err(account::name_taken(tree.entry(by)));
            }
        }
        if let Some(name) = self.written_text(KNOWN.principal_name)
            && taken(KNOWN.principal_name, name.as_bytes()).is_some()
        {
            let error = ERROR_DS_UPN_VALUE_NOT_UNIQUE_IN_FOREST;
            return Err(Refusal::attribute(19, error, KNOWN.principal_name));
        }
        let services = self.values.get(&KNOWN.service_principal_name);
        for name in services.into_iter().flatten() {
            if taken(KNOWN.service_principal_name, name).is_some() {
                let error = ERROR_DS_SPN_VALUE_NOT_UNIQUE_IN_FOREST;
                return Err(Refusal::attribute(19, error, KNOWN.service_principal_name));
            }
        }
        Ok(())
    }

    fn written_text(&self, att: Att) -> Option<&str> {
        self.values.get(&att)?;
        self.text(att)
    }

    /// State, password, and the times that are written as wishes.
    pub fn check_account(&mut self) -> Answer {
        if !self.is_a("user") {
            return Ok(());
        }
        self.check_password()?;
        if self.touches(KNOWN.control) {
            let written = self.number(KNOWN.control).ok_or_else(mandatory)?;
            self.set_number(KNOWN.control, account::control(written, self.is_a("computer"))?);
        }
        let had_password = self
            .id
            .is_some_and(|id| self.domain.tree.entry(id).password.is_some());
        if self.touches(KNOWN.control) {
            let control = self.number(KNOWN.control).unwrap_or(account::DISABLED);
            account::check_enabled(control, had_password || self.password.is_some())?;
        }
        let now = value::filetime(self.context.now);
        match self.written_number(KNOWN.password_set) {
            Some(-1) => self.set_number(KNOWN.password_set, now),
            None if self.password.is_some() => self.set_number(KNOWN.password_set, now),
            None | Some(0) => {}
            Some(_) => return Err(Refusal::new(53, ERROR_INVALID_PARAMETER)),
        }
        match self.written_number(KNOWN.lockout_time) {
            None | Some(0) => Ok(()),
            Some(_) => Err(Refusal::new(53, ERROR_INVALID_PARAMETER)),
        }
    }

    fn written_number(&self, att: Att) -> Option<i64> {
        self.values.get(&att)?;
        self.number(att)
    }

    fn check_password(&self) -> Answer {
        let changed = |error: u32| Refusal::attribute(19, error, KNOWN.password);
        if let Some(old) = &self.old_password {
            let stored = self
                .id
                .and_then(|id| self.domain.tree.entry(id).password.as_ref());
            if !stored.is_some_and(|stored| stored.is(old)) {
                return Err(changed(super::refusal::ERROR_INVALID_PASSWORD));
            }
        }
        let Some(password) = &self.password else {
            return match self.old_password {
                Some(_) => Err(Refusal::new(53, ERROR_GEN_FAILURE)),
                None => Ok(()),
            };
        };
        let name = self.text(KNOWN.account_name).unwrap_or_default();
        let display_name = self.text(KNOWN.display_name).unwrap_or_default();
        let weak = super::refusal::ERROR_PASSWORD_RESTRICTION;
        match (
            self.domain.policy().allows(password, name, display_name),
            &self.old_password,
        ) {
            (true, _) => Ok(()),
            (false, None) => Err(Refusal::new(53, weak)),
            (false, Some(_)) => Err(changed(weak)),
        }
    }
}

/// An attribute without which there is no such object.
pub fn mandatory() -> Refusal {
    Refusal::new(65, super::refusal::ERROR_DS_OBJ_CLASS_VIOLATION)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::lab::directory::domain::Caller;
    use crate::lab::directory::seed::{self, Plan};
    use crate::lab::directory::tree::Life;

    #[test]
    fn each_value_is_compared_once() {
        let plan = Plan {
            seed: 1,
            workers: 0,
            base_dn: "DC=x",
            delegated: &[],
            password: "Pa55-word",
            admin_password: "Pa55-word",
        };
        let domain = seed::domain(&plan, Timestamp::UNIX_EPOCH).unwrap();
        let context = Context {
            caller: Caller::Nobody,
            now: Timestamp::UNIX_EPOCH,
            secure: true,
            sees: Life::Living,
            permissive: false,
        };
        let mut draft = Draft::new(&domain, &context, schema::class("user").unwrap());
        let att = schema::find("proxyAddresses").unwrap();
        // Comparing each with all others would take hours.
        let values: Vec<String> = (0..200_000).map(|number| format!("smtp:{number}")).collect();
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        draft.change_values(att, Change::Add, &values).unwrap();
        let again = draft.change_values(att, Change::Add, &[b"SMTP:7"]);
        assert_eq!(again.unwrap_err().result, 20);
        draft.change_values(att, Change::Delete, &values[1..]).unwrap();
        assert_eq!(draft.values[&att], [b"smtp:0"]);
        let again = draft.change_values(att, Change::Delete, &values[1..2]);
        assert_eq!(again.unwrap_err().result, 16);
    }
}
