//! Changing an account that is there: its state, its values, its name and place, its existence. Every write
//! says what it replaces, so that the directory refuses it where somebody was faster (B27).

use std::collections::HashSet;

use ldap3::Mod;

use super::apply::{Step, Stop, Writing};
use super::connection::{Answer, Failure, Octets};
use super::errors::{During, Refusal};
use super::model;
use super::wire::{self, Entry, NORMAL_ACCOUNT, Reference, USER_ACCOUNT_CONTROL};
use crate::domain::dn;
use crate::domain::plan::{Effect, Recipe};
use crate::error::{Error, Kind};

impl Writing<'_> {
    /// Whether an account can be disabled or enabled. One that already is as wanted was made so by somebody else, and a
    /// receipt of ours would claim it.
    pub(super) fn may_turn(&self, entry: &Entry, enable: bool) -> Step {
        if !self.session.server.dialect.state {
            return Err(stateless());
        }
        match wire::is_enabled(entry) == enable {
            true => Err(Stop::overtaken(model::STATE)),
            false => Ok(()),
        }
    }

    /// Disables or enables.
    pub(super) async fn set_state(&mut self, entry: &Entry, enable: bool) -> Step {
        self.may_turn(entry, enable)?;
        let before = entry.text(USER_ACCOUNT_CONTROL);
        let control = entry.number(USER_ACCOUNT_CONTROL).unwrap_or(NORMAL_ACCOUNT);
        let wanted = wire::with_state(control, enable);
        let written = match self.write_state(before, wanted).await {
            // An account without a password cannot be enabled, so it gets one.
            Err(Failure::Refused(refusal)) if enable && refusal.is_password_policy() => {
                self.set_password(&Recipe::default()).await?;
                self.write_state(before, wanted).await
            }
            written => written,
        };
        written.map_err(Stop::write(During::Modify))?;
        self.done
            .push(if enable { Effect::Enable } else { Effect::Disable });
        Ok(())
    }

    /// The old number goes as the new one comes. Samba writes the new one even where the old one is not
    /// there; what it overwrites was read a moment ago.
    pub(super) async fn write_state(&self, before: Option<&str>, control: u32) -> Answer<()> {
        let name = || USER_ACCOUNT_CONTROL.as_bytes().to_vec();
        let gone = before.map(|old| Mod::Delete(name(), one(old)));
        // The directory's integers are signed.
        let come = Mod::Add(name(), one(control.cast_signed().to_string()));
        self.connection
            .modify(&self.address(), gone.into_iter().chain([come]).collect())
            .await
    }

    /// Writes all plain values and references in one modification, which happens whole or not at all.
    pub(super) async fn set_values(&mut self, entry: &Entry, effects: &[Effect]) -> Step {
        let known = self
            .session
            .anchors_in(std::slice::from_ref(entry))
            .await
            .map_err(Stop::Refused)?;
        let mut changes = Vec::new();
        let mut several = false;
        let mut done = Vec::new();
        for effect in effects {
            match effect {
                Effect::Set {
                    attribute,
                    before,
                    after,
                } => {
                    must_be_settable(attribute)?;
                    if !alike(&wire::texts(entry, attribute), before) {
                        return Err(Stop::overtaken(attribute));
                    }
                    several |= after.len() > 1;
                    changes.extend(replacement(attribute, before, after));
                }
                Effect::Refer {
                    attribute,
                    before,
                    after,
                } => {
                    let current = wire::anchors(entry, attribute, self.session.server.dialect, &known);
                    if current.iter().ne(before.iter().map(|anchor| &anchor.0)) {
                        return Err(Stop::overtaken(attribute));
                    }
                    let held = entry
                        .texts(attribute)
                        .map(|text| Reference::parse(text).dn.to_string());
                    let after = after.iter().map(|anchor| self.dn_of(attribute, anchor));
                    let after = after.collect::<Step<Vec<_>>>()?;
                    changes.extend(replacement(attribute, &held.collect::<Vec<_>>(), &after));
                }
                _ => continue,
            }
            done.push(effect.clone());
        }
        if !changes.is_empty() {
            match self.connection.modify(&self.address(), changes).await {
                // Two values for an attribute that holds one look as if one had been there before.
                Err(Failure::Refused(refusal)) if several && refusal.is_second_value() => {
                    return Err(Stop::Refused(refusal.into_error(During::Add)));
                }
                written => written.map_err(Stop::write(During::Modify))?,
            }
        }
        self.done.append(&mut done);
        Ok(())
    }

    /// Renames and moves in one operation. It names the account by its DN, so that it succeeds only from
    /// where the account was seen.
    pub(super) async fn place(&mut self, effects: &[Effect]) -> Step {
        let mut name = dn::own_name(&self.dn).unwrap_or_default();
        let mut container = None;
        let mut done = Vec::new();
        for effect in effects {
            match effect {
                Effect::Rename { before, after } => {
                    if name != *before {
                        return Err(Stop::overtaken("cn"));
                    }
                    name = after.clone();
                }
                Effect::Move { before, after } => {
                    if !dn::parent(&self.dn).is_some_and(|parent| dn::same(parent, before)) {
                        return Err(Stop::overtaken("parentDistinguishedName"));
                    }
                    container = Some(after.as_str());
                }
                _ => continue,
            }
            done.push(effect.clone());
        }
        if done.is_empty() {
            return Ok(());
        }
        let rdn = wire::own_rdn(&name);
        match self.connection.rename(&self.dn, &rdn, container).await {
            // Either end may be missing, and the result does not say which.
            Err(Failure::Refused(refusal)) if refusal.is_missing() => {
                return Err(self.missing_end(refusal, container).await);
            }
            written => written.map_err(Stop::write(During::Rename))?,
        }
        let parent = container.or_else(|| dn::parent(&self.dn)).unwrap_or_default();
        self.dn = format!("{rdn},{parent}");
        self.forget();
        self.done.append(&mut done);
        Ok(())
    }

    async fn missing_end(&self, refusal: Refusal, container: Option<&str>) -> Stop {
        let Some(container) = container else {
            return Stop::overtaken("cn");
        };
        match self
            .connection
            .read(container, &["1.1".to_string()], Vec::new())
            .await
        {
            // As in an add, it is the container that is not there.
            Ok(None) => Stop::Refused(refusal.into_error(During::Add)),
            Ok(Some(_)) => Stop::overtaken("parentDistinguishedName"),
            Err(failure) => Stop::read(failure),
        }
    }

    pub(super) async fn delete(&mut self) -> Step {
        self.connection
            .delete(&self.address())
            .await
            .map_err(Stop::write(During::Delete))?;
        self.forget();
        self.done.push(Effect::Delete);
        Ok(())
    }

    fn forget(&self) {
        if let Some(anchor) = &self.account {
            self.session.known.forget(anchor);
        }
    }
}

/// State, name, place and secrets are not written as attributes, whatever a plan says (B31).
pub(super) fn must_be_settable(attribute: &str) -> Step {
    if model::is_settable(attribute) {
        return Ok(());
    }
    let error = Error::invalid("the attribute is not written as such").code("NotPermitted");
    Err(Stop::Refused(error.at(attribute)))
}

pub(super) fn stateless() -> Stop {
    let error = Error::new(Kind::Unsupported, "accounts of this directory cannot be disabled");
    Stop::Refused(error.code("MethodNotAllowed").at(model::STATE))
}

/// Takes away the values that go and adds those that come: the directory refuses if one that goes is not
/// there, or one that comes already is.
fn replacement(attribute: &str, before: &[String], after: &[String]) -> Vec<Mod<Vec<u8>>> {
    let name = || attribute.as_bytes().to_vec();
    let only = |these: &[String], those: &[String]| -> Octets {
        let only = these.iter().filter(|value| !those.contains(value));
        only.map(|value| wire::bytes(attribute, value)).collect()
    };
    let (gone, come) = (only(before, after), only(after, before));
    let gone = (!gone.is_empty()).then(|| Mod::Delete(name(), gone));
    let come = (!come.is_empty()).then(|| Mod::Add(name(), come));
    gone.into_iter().chain(come).collect()
}

/// The same values in whatever order.
fn alike(left: &[String], right: &[String]) -> bool {
    let set = |values: &[String]| values.iter().cloned().collect::<HashSet<_>>();
    set(left) == set(right)
}

/// An attribute's only value.
pub(super) fn one(value: impl AsRef<[u8]>) -> Octets {
    Octets::from([value.as_ref().to_vec()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|it| it.to_string()).collect()
    }

    #[test]
    fn a_value_goes_as_another_comes() {
        let changes = replacement("department", &texts(&["Sales"]), &texts(&["SALES"]));
        let name = b"department".to_vec();
        assert_eq!(
            changes,
            [
                Mod::Delete(name.clone(), one("Sales")),
                Mod::Add(name, one("SALES"))
            ]
        );
    }

    #[test]
    fn only_what_differs_is_written() {
        let name = b"proxyAddresses".to_vec();
        let changes = replacement("proxyAddresses", &texts(&["a", "b"]), &texts(&["b", "c"]));
        assert_eq!(
            changes,
            [
                Mod::Delete(name.clone(), one("a")),
                Mod::Add(name.clone(), one("c"))
            ]
        );
        assert_eq!(
            replacement("proxyAddresses", &[], &texts(&["a"])),
            [Mod::Add(name.clone(), one("a"))]
        );
        assert_eq!(
            replacement("proxyAddresses", &texts(&["a"]), &[]),
            [Mod::Delete(name, one("a"))]
        );
        assert!(replacement("proxyAddresses", &texts(&["a"]), &texts(&["a"])).is_empty());
    }

    #[test]
    fn booleans_are_written_as_the_directory_spells_them() {
        let changes = replacement("msExchHideFromAddressLists", &[], &texts(&["True"]));
        assert_eq!(
            changes,
            [Mod::Add(b"msExchHideFromAddressLists".to_vec(), one("TRUE"))]
        );
    }
}
