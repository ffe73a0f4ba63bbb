//! What turned, where limits hold the disables of many: the one thing that HR says of most of them, and said otherwise before
//! (B17).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What the account-state mapping reads of a worker, by attribute. An empty text is nothing.
pub type Inputs = BTreeMap<String, String>;

/// One worker's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// When HR last wanted the account enabled, where that is known.
    pub before: Option<Inputs>,
    pub now: Inputs,
}

/// What most have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turned {
    pub attribute: String,
    /// `None` where nothing is said any more.
    pub value: Option<String>,
    /// What most of them had before, where that is known and differs.
    pub before: Option<String>,
    /// So many have it,
    pub count: u64,
    /// of so many that were looked at.
    pub of: u64,
}

/// The value that most have come to. Where it is known what was said before, an attribute whose value is the same as then explains
/// nothing; where it is not known of anybody, the commonest value is the best guess.
pub fn turned(people: &[Turn]) -> Option<Turned> {
    let is_known = people.iter().any(|one| one.before.is_some());
    let mut counts: BTreeMap<(&str, &str), BTreeMap<Option<&str>, u64>> = BTreeMap::new();
    for one in people {
        for (attribute, value) in &one.now {
            let before = one.before.as_ref();
            let before = before.map(|before| before.get(attribute).map_or("", String::as_str));
            if is_known && before.is_none_or(|before| before == value) {
                continue;
            }
            let values = counts.entry((attribute, value)).or_default();
            *values.entry(before).or_default() += 1;
        }
    }
    let total = |befores: &BTreeMap<Option<&str>, u64>| befores.values().sum::<u64>();
    // Of equals the first by name, so that the same people give the same words.
    let firsts = counts.iter().rev();
    let ((attribute, value), befores) = firsts.max_by_key(|(_, befores)| total(befores))?;
    let before = befores.iter().max_by_key(|(_, count)| **count);
    let said = |text: &str| (!text.is_empty()).then(|| text.to_string());
    Some(Turned {
        attribute: (*attribute).to_string(),
        value: said(value),
        before: before.and_then(|(before, _)| said((*before)?)),
        count: total(befores),
        of: people.len() as u64,
    })
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Turned {
            attribute, count, of, ..
        } = self;
        match &self.value {
            Some(value) => write!(f, "{attribute} is '{value}' for {count} of {of}")?,
            None => write!(f, "{attribute} is empty for {count} of {of}")?,
        }
        match &self.before {
            Some(before) => write!(f, ", where it was '{before}'"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(pairs: &[(&str, &str)]) -> Inputs {
        let pair = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        pairs.iter().map(pair).collect()
    }

    fn turn(before: Option<&[(&str, &str)]>, now: &[(&str, &str)]) -> Turn {
        Turn {
            before: before.map(inputs),
            now: inputs(now),
        }
    }

    fn words(people: &[Turn]) -> Option<String> {
        turned(people).map(|turned| turned.to_string())
    }

    #[test]
    fn b17_what_most_have_come_to_is_named_with_what_it_was() {
        let mut people = vec![
            turn(
                Some(&[("Company", "X"), ("Status", "A")]),
                &[("Company", "X"), ("Status", "")]
            );
            8
        ];
        people.push(turn(
            Some(&[("Company", "X"), ("Status", "B")]),
            &[("Company", "X"), ("Status", "")],
        ));
        // One who really left.
        people.push(turn(
            Some(&[("Company", "X"), ("Status", "A")]),
            &[("Company", "X"), ("Status", "T")],
        ));
        let expected = "Status is empty for 9 of 10, where it was 'A'";
        assert_eq!(
            words(&people).unwrap(),
            expected,
            "everybody is of one company, and was before"
        );
        let turned = turned(&people).unwrap();
        assert_eq!((turned.value, turned.before.as_deref()), (None, Some("A")));
    }

    #[test]
    fn without_a_before_the_commonest_is_told_as_it_is() {
        let people = [
            turn(None, &[("Status", "T"), ("Until", "2026-01-01")]),
            turn(None, &[("Status", "T"), ("Until", "2026-02-01")]),
        ];
        assert_eq!(words(&people).unwrap(), "Status is 'T' for 2 of 2");
        assert_eq!(words(&[]), None);
        let as_before = turn(Some(&[("Status", "A")]), &[("Status", "A")]);
        assert_eq!(words(&[as_before]), None, "something else turned");
        let new = turn(Some(&[]), &[("Status", "T")]);
        assert_eq!(
            words(&[new]).unwrap(),
            "Status is 'T' for 1 of 1",
            "it was empty before"
        );
    }
}
