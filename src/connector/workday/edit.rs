//! What is to be sent so that a person's contacts become as wanted: an entry that is there is updated by its reference, a
//! new one added; no second primary one, no duplicate, and no flag turned (Workday's rules for
//! `Change_Work_Contact_Information`).

use super::contact::{Contacts, Email, Entry, Phone};
use super::model::{DEVICES, Device, Part, Place};
use super::phone::{self, Country};
use super::settings::Settings;
use crate::domain::plan::Effect;
use crate::error::{Error, Kind, Result};

/// One entry as it is to be sent, and the effects that it carries out. Without an entry they are true already.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edit {
    pub item: Option<Item>,
    pub effects: Vec<Effect>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Phone(Entry<Phone>),
    Email(Entry<Email>),
}

/// What comes of a change's effects: what can be sent, and what cannot.
#[derive(Debug, Default)]
pub(super) struct Edits {
    pub edits: Vec<Edit>,
    pub refused: Vec<Error>,
}

/// Works out the contacts' part of some effects, all of them `Set`.
pub(super) fn edits(effects: &[Effect], contacts: &Contacts, settings: &Settings) -> Edits {
    let mut edits = Edits::default();
    let of = |wanted: &dyn Fn(Place) -> bool| -> Vec<Set<'_>> {
        let sets = effects.iter().filter_map(Set::of);
        sets.filter(|set| wanted(set.place)).collect()
    };
    let emails = of(&|place| place == Place::Email);
    if let [set] = emails.as_slice() {
        edits.take(email(set, contacts, settings));
    }
    let mut phones: Vec<Change<'_>> = Vec::new();
    for device in DEVICES {
        let sets = of(&|place| matches!(place, Place::Phone(own, _) if own == device));
        if !sets.is_empty() {
            phones.push(Change {
                device,
                sets,
                held: contacts.phone(device, settings),
            });
        }
    }
    let mut has_primary = contacts.has_primary_phone()
        || phones
            .iter()
            .any(|phone| phone.held.is_none() && phone.flag() == Some(true));
    for change in phones {
        match change.held {
            Some(held) => {
                let (edit, refused) = change.update(held);
                edits.take(edit);
                edits.refused.extend(refused);
            }
            None => {
                // A primary one that is there, of whatever device, stays it.
                let is_primary = change.flag().unwrap_or(!has_primary) && !contacts.has_primary_phone();
                has_primary |= is_primary;
                edits.take(change.add(is_primary, has_primary, settings));
            }
        }
    }
    // Whoever is not the primary one needs one that is.
    edits.edits.sort_by_key(|edit| !edit.is_new_primary());
    edits
}

impl Edits {
    fn take(&mut self, edit: Result<Edit>) {
        match edit {
            Ok(edit) if edit.effects.is_empty() => {}
            Ok(edit) => self.edits.push(edit),
            Err(error) => self.refused.push(error),
        }
    }
}

impl Edit {
    fn is_new_primary(&self) -> bool {
        match &self.item {
            Some(Item::Phone(phone)) => phone.is_primary && phone.reference.is_none(),
            _ => false,
        }
    }
}

/// One value that is to be set.
#[derive(Clone, Copy)]
struct Set<'e> {
    effect: &'e Effect,
    place: Place,
    attribute: &'e str,
    /// An empty text means none.
    after: Option<&'e str>,
}

impl Set<'_> {
    fn of(effect: &Effect) -> Option<Set<'_>> {
        match effect {
            Effect::Set { attribute, after, .. } => Some(Set {
                effect,
                place: Place::of(attribute)?,
                attribute,
                after: after.first().map(String::as_str).filter(|text| !text.is_empty()),
            }),
            _ => None,
        }
    }
}

fn email(set: &Set<'_>, contacts: &Contacts, settings: &Settings) -> Result<Edit> {
    let address = set.after.ok_or_else(|| never_cleared(set.attribute))?;
    let held = contacts.primary_email();
    let effects = vec![set.effect.clone()];
    if held.is_some_and(|held| held.data.address == address) {
        return Ok(Edit { item: None, effects });
    }
    let mut entry = match held {
        Some(held) => held.clone(),
        None => new(
            Email {
                address: String::new(),
                comment: None,
            },
            true,
            settings,
        ),
    };
    entry.data.address = address.to_string();
    Ok(Edit {
        item: Some(Item::Email(entry)),
        effects,
    })
}

/// What is to become of one device's phone.
struct Change<'e> {
    device: Device,
    sets: Vec<Set<'e>>,
    held: Option<&'e Entry<Phone>>,
}

impl<'e> Change<'e> {
    fn set(&self, part: Part) -> Option<&Set<'e>> {
        self.sets
            .iter()
            .find(|set| set.place == Place::Phone(self.device, part))
    }

    /// Whether it is to be the primary one, if anybody says.
    fn flag(&self) -> Option<bool> {
        let after = self.set(Part::IsPrimary)?.after?;
        Some(after.eq_ignore_ascii_case("true"))
    }

    /// Updates the entry in place. A flag that would have to turn is refused, and the rest goes on.
    fn update(&self, held: &Entry<Phone>) -> (Result<Edit>, Option<Error>) {
        let turned = self
            .set(Part::IsPrimary)
            .filter(|_| self.flag() != Some(held.is_primary));
        let refused = turned.map(|set| {
            let is = if held.is_primary { "the" } else { "not the" };
            constraint(
                set.attribute,
                &format!(
                    "You can't change a primary phone to an additional phone or an additional phone to a primary phone: this one is {is} primary work phone; change that in Workday, or leave the attribute as it is"
                ),
            )
        });
        let effects = self
            .sets
            .iter()
            .filter(|set| turned.is_none_or(|turned| turned.place != set.place));
        let effects: Vec<Effect> = effects.map(|set| set.effect.clone()).collect();
        let edit = self.data(Some(&held.data)).map(|data| {
            let entry = Entry { data, ..held.clone() };
            let item = (entry != *held && !effects.is_empty()).then_some(Item::Phone(entry));
            Edit { item, effects }
        });
        (edit, refused)
    }

    /// Adds an entry. `has_primary`: there is a primary work phone, or this will be it.
    fn add(&self, is_primary: bool, has_primary: bool, settings: &Settings) -> Result<Edit> {
        let flag = self.set(Part::IsPrimary).map_or_else(
            || {
                Place::Phone(self.device, Part::IsPrimary)
                    .name()
                    .unwrap_or_default()
            },
            |set| set.attribute,
        );
        if !has_primary {
            return Err(constraint(
                flag,
                "a person's first work phone has to be the primary one: set the attribute to \"true\", or write back the primary phone as well",
            ));
        }
        let mut data = self.data(None)?;
        data.device = vec![settings.device(self.device).to_string()];
        Ok(Edit {
            item: Some(Item::Phone(new(data, is_primary, settings))),
            effects: self.sets.iter().map(|set| set.effect.clone()).collect(),
        })
    }

    /// The number as it is to be.
    fn data(&self, held: Option<&Phone>) -> Result<Phone> {
        let number = match (self.set(Part::Number), held) {
            (Some(set), _) => set.after.ok_or_else(|| never_cleared(set.attribute))?.to_string(),
            (None, Some(held)) => held.number.clone(),
            (None, None) => {
                let at = self.sets.first().map_or("", |set| set.attribute);
                return Err(constraint(
                    at,
                    "the person has no such phone, and no number is written with this: map the number as well",
                ));
            }
        };
        let text = |part, held: Option<String>| match self.set(part) {
            Some(set) => set.after.map(str::to_string),
            None => held,
        };
        let (country, code) = self.country(&number, held)?;
        Ok(Phone {
            device: held.map_or_else(Vec::new, |held| held.device.clone()),
            country: Some(country),
            code: Some(code),
            number,
            extension: text(Part::Extension, held.and_then(|held| held.extension.clone())),
        })
    }

    /// Name and dialling code of the number's country, of which one may not be written: they are sent as one.
    fn country(&self, number: &str, held: Option<&Phone>) -> Result<(String, String)> {
        let written = |part| self.set(part).and_then(|set| set.after);
        let (name, code) = (written(Part::Country), written(Part::Code));
        if let Some(name) = name {
            let own = Country::named(name)
                .and_then(Country::code)
                .map(|code| code.to_string());
            if let Some(code) = code.map(str::to_string).or(own) {
                return Ok((name.to_string(), code));
            }
        }
        let code = code.or_else(|| held?.code.as_deref());
        let read = code.and_then(|code| phone::parse(&format!("+{code}{number}"), None).ok());
        let by_number = read.and_then(|read| Some((read.country.alpha3()?.to_string(), read.code)));
        let is_untouched = self.set(Part::Number).is_none() && self.set(Part::Code).is_none();
        let as_held = || {
            let held = held?;
            Some((held.country.clone()?, held.code.clone()?))
        };
        let found = match is_untouched {
            true => as_held().or(by_number),
            false => by_number.or_else(as_held),
        };
        found.ok_or_else(|| {
            let at = self.sets.first().map_or("", |set| set.attribute);
            let message =
                "nobody says which country the number is of: map CountryCodeName and CountryCodeNumber";
            Error::invalid(message).code("InvalidAttributeSyntax").at(at)
        })
    }
}

fn new<T>(data: T, is_primary: bool, settings: &Settings) -> Entry<T> {
    Entry {
        data,
        reference: None,
        is_primary,
        is_public: settings.public,
        uses: Vec::new(),
        comments: None,
    }
}

fn never_cleared(attribute: &str) -> Error {
    let message = "contacts and names are written home and never taken away there: do that in Workday";
    Error::new(Kind::Unsupported, message).at(attribute)
}

fn constraint(attribute: &str, message: &str) -> Error {
    Error::invalid(message).code("ConstraintViolation").at(attribute)
}
