//! When, and by what, HR came to say what it says of each attribute: kept with the worker, so that whoever asks why an account is
//! as it is can be told.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One time at which HR spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasion {
    pub at: Timestamp,
    /// The number of the upload; `None` where HR was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<i64>,
}

/// For each attribute the occasion since which HR says what it says. Each name is there once at most, however often HR
/// spoke.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Provenance(Vec<Word>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Word {
    #[serde(flatten)]
    occasion: Occasion,
    /// The attributes that got another value then; `None` for all that no other word names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<BTreeSet<String>>,
}

impl Provenance {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Since when HR says what it says of an attribute; `None` where that was not written down.
    pub fn of(&self, attribute: &str) -> Option<Occasion> {
        let names = |word: &&Word| word.of.as_ref().is_some_and(|of| of.contains(attribute));
        let first = || self.0.iter().find(|word| word.of.is_none());
        let word = self.0.iter().find(names).or_else(first);
        word.map(|word| word.occasion)
    }

    /// Everything was said for the first time.
    pub(super) fn begin(&mut self, occasion: Occasion) {
        self.0 = vec![Word { occasion, of: None }];
    }

    /// These attributes got another value.
    pub(super) fn note(&mut self, occasion: Occasion, changed: Vec<String>) {
        if changed.is_empty() {
            return;
        }
        for word in &mut self.0 {
            if let Some(of) = &mut word.of {
                of.retain(|name| !changed.contains(name));
            }
        }
        self.0
            .retain(|word| word.of.as_ref().is_none_or(|of| !of.is_empty()));
        match self.0.last_mut() {
            Some(Word {
                occasion: last,
                of: Some(of),
            }) if *last == occasion => of.extend(changed),
            _ => self.0.push(Word {
                occasion,
                of: Some(changed.into_iter().collect()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(sequence: i64) -> Occasion {
        Occasion {
            at: Timestamp::UNIX_EPOCH,
            upload: Some(sequence),
        }
    }

    #[test]
    fn each_attribute_is_as_said_since_the_last_time_it_changed() {
        let mut said = Provenance::default();
        assert_eq!(said.of("title"), None);
        said.begin(upload(1));
        said.note(upload(2), vec!["title".into()]);
        said.note(upload(2), vec!["city".into()]);
        said.note(upload(3), vec!["city".into()]);
        said.note(upload(4), Vec::new());
        let since = ["name", "title", "city"].map(|name| said.of(name).unwrap().upload.unwrap());
        assert_eq!(since, [1, 2, 3]);
        said.note(upload(5), vec!["title".into()]);
        assert_eq!(said.0.len(), 3, "what nothing is left of is gone: {said:?}");
        let kept = serde_json::to_string(&said).unwrap();
        assert_eq!(serde_json::from_str::<Provenance>(&kept).unwrap(), said);
    }
}
