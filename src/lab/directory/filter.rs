//! Filters, made ready once and asked of many objects ([MS-ADTS] 3.1.1.3.1.3; RFC 4511 §4.5.1.7).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};

use rasn_ldap::{AttributeValueAssertion, Filter as Wire, SubstringChoice};

use super::domain::Domain;
use super::name;
use super::refusal::{Answer, Refusal};
use super::schema::{self, Att, Class, KNOWN, Syntax};
use super::tree::{Entry, Id, Life, Tree};
use super::value::{self, Value};

const BIT_AND: &str = "1.2.840.113556.1.4.803";
const BIT_OR: &str = "1.2.840.113556.1.4.804";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// The attribute is part of ambiguous name resolution (`fANR`, [MS-ADTS] 2.2.10).
const AMBIGUOUS: i32 = 0x4;

/// Deeper ones are refused in words. It is well below where the decoder gives up, which hangs up on the client.
const DEEPEST: usize = 50;

/// A filter, with its values as keys and its names as objects.
pub enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Present(Att),
    /// One of these values.
    Equal(Att, HashSet<Value>),
    Ordered(Att, Ordering, Value),
    Parts(Att, Vec<Part>),
    /// Bits of a number: all of them, or any.
    Bits(Att, i64, bool),
    Class(&'static Class),
    /// The attribute names this object.
    Names(Att, Id),
    /// One of these objects.
    Is(HashSet<Id>),
    /// Neither true nor false.
    Undefined,
}

pub enum Part {
    Initial(Value),
    Any(Value),
    Final(Value),
}

impl Filter {
    pub fn new(domain: &Domain, wire: &Wire) -> Answer<Filter> {
        Maker { domain }.filter(wire, DEEPEST)
    }

    /// `None` where the question has no answer, as of an attribute that nobody knows.
    pub fn fits(&self, domain: &Domain, entry: &Entry) -> Option<bool> {
        match self {
            Filter::All(parts) => joined(parts.iter().map(|it| it.fits(domain, entry)), false),
            Filter::Any(parts) => joined(parts.iter().map(|it| it.fits(domain, entry)), true),
            Filter::Not(part) => part.fits(domain, entry).map(|it| !it),
            Filter::Present(att) => Some(is_present(domain, entry, *att)),
            Filter::Equal(att, wanted) => {
                let fits = |it: &Value| value::key(att.syntax, it).is_some_and(|key| wanted.contains(&key));
                Some(held(entry, *att).iter().any(fits))
            }
            Filter::Ordered(att, order, wanted) => {
                let fits = |it: &Value| {
                    let key = value::key(att.syntax, it)?;
                    let found = value::ordered(att.syntax, &key, wanted);
                    Some(found == *order || found == Ordering::Equal)
                };
                Some(held(entry, *att).iter().any(|it| fits(it) == Some(true)))
            }
            Filter::Parts(att, parts) => {
                let fits = |it: &Value| value::key(att.syntax, it).is_some_and(|key| has_parts(&key, parts));
                Some(held(entry, *att).iter().any(fits))
            }
            Filter::Bits(att, mask, all) => {
                let fits = |it: &Value| {
                    value::number(it).is_some_and(|number| match all {
                        true => number & mask == *mask,
                        false => number & mask != 0,
                    })
                };
                Some(held(entry, *att).iter().any(fits))
            }
            Filter::Class(class) => Some(entry.chain().contains(class)),
            Filter::Names(att, target) if *att == KNOWN.distinguished_name => Some(entry.id == *target),
            Filter::Names(att, target) => Some(domain.tree.links(entry.id, *att).any(|it| it == *target)),
            Filter::Is(these) => Some(these.contains(&entry.id)),
            Filter::Undefined => None,
        }
    }

    /// The only objects that can fit, where an index knows them.
    pub fn candidates(&self, tree: &Tree) -> Option<BTreeSet<Id>> {
        match self {
            Filter::All(parts) => parts
                .iter()
                .filter_map(|it| it.candidates(tree))
                .min_by_key(BTreeSet::len),
            Filter::Any(parts) => {
                let each: Option<Vec<_>> = parts.iter().map(|it| it.candidates(tree)).collect();
                Some(each?.into_iter().flatten().collect())
            }
            Filter::Equal(att, keys) if *att == KNOWN.guid => {
                let guids = keys.iter().filter_map(|key| uuid::Uuid::from_slice_le(key).ok());
                Some(guids.filter_map(|guid| tree.by_guid(&guid)).collect())
            }
            Filter::Equal(att, keys) if Tree::has_index(*att) => {
                Some(keys.iter().flat_map(|key| tree.equal(*att, key)).collect())
            }
            Filter::Names(att, target) if *att == KNOWN.distinguished_name => Some(BTreeSet::from([*target])),
            Filter::Names(att, target) if *att != KNOWN.category => {
                Some(pointing(tree, *att, *target).collect())
            }
            Filter::Is(these) => Some(these.iter().copied().collect()),
            _ => None,
        }
    }
}

/// `decisive` from any part decides; else one undefined part leaves it undefined.
fn joined(parts: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut outcome = Some(!decisive);
    for part in parts {
        match part {
            Some(it) if it == decisive => return Some(decisive),
            Some(_) => {}
            None => outcome = None,
        }
    }
    outcome
}

fn has_parts(mut key: &[u8], parts: &[Part]) -> bool {
    for part in parts {
        let rest = match part {
            Part::Initial(start) => key.strip_prefix(start.as_slice()),
            Part::Final(end) => key.strip_suffix(end.as_slice()),
            Part::Any(inside) if inside.is_empty() => Some(key),
            Part::Any(inside) => {
                let at = key.windows(inside.len()).position(|it| it == inside);
                at.map(|at| &key[at + inside.len()..])
            }
        };
        match rest {
            Some(rest) => key = rest,
            None => return false,
        }
    }
    true
}

fn is_present(domain: &Domain, entry: &Entry, att: Att) -> bool {
    match att.syntax {
        _ if att == KNOWN.distinguished_name => true,
        Syntax::Dn => domain.tree.links(entry.id, att).next().is_some(),
        _ => !att.secret && !held(entry, att).is_empty(),
    }
}

/// The values of an attribute that holds no DNs, as they are stored or as they follow from the object's history.
pub fn held(entry: &Entry, att: Att) -> Cow<'_, [Value]> {
    let known = &*KNOWN;
    let made = match att {
        it if it == known.usn_changed => entry.changed.0.to_string(),
        it if it == known.usn_created => entry.created.0.to_string(),
        it if it == known.when_changed => value::generalized(entry.changed.1),
        it if it == known.when_created => value::generalized(entry.created.1),
        _ => return Cow::Borrowed(entry.values.get(&att).map_or(&[], Vec::as_slice)),
    };
    Cow::Owned(vec![made.into_bytes()])
}

/// Who names this object with that attribute, whichever end of the link it is.
fn pointing(tree: &Tree, att: Att, target: Id) -> Box<dyn Iterator<Item = Id> + '_> {
    match schema::forward(att) {
        Some(forward) => Box::new(tree.links(target, forward)),
        None => Box::new(tree.pointing(att, target)),
    }
}

struct Maker<'a> {
    domain: &'a Domain,
}

impl Maker<'_> {
    fn filter(&self, wire: &Wire, depth: usize) -> Answer<Filter> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Refusal::comment(11, 0x202D, "The filter is nested too deeply"));
        };
        let each = |parts: &rasn::types::SetOf<Wire>| -> Answer<Vec<Filter>> {
            parts.iter().map(|part| self.filter(part, depth)).collect()
        };
        Ok(match wire {
            Wire::And(parts) => Filter::All(each(parts)?),
            Wire::Or(parts) => any_of(each(parts)?),
            Wire::Not(part) => Filter::Not(Box::new(self.filter(part, depth)?)),
            Wire::EqualityMatch(it) | Wire::ApproxMatch(it) => {
                self.equal(&it.attribute_desc, &it.assertion_value)
            }
            Wire::Substrings(it) => match attribute(&it.r#type) {
                Some(att) => parts(att, it.substrings.iter()),
                None => Filter::Undefined,
            },
            Wire::GreaterOrEqual(it) => ordered(it, Ordering::Greater),
            Wire::LessOrEqual(it) => ordered(it, Ordering::Less),
            Wire::Present(name) => match attribute(name) {
                Some(att) => Filter::Present(att),
                None => Filter::Undefined,
            },
            Wire::ExtensibleMatch(it) => {
                let Some(att) = it.r#type.as_ref().and_then(|name| attribute(name)) else {
                    return Ok(Filter::Undefined);
                };
                match it.matching_rule.as_ref().map(|rule| rule.as_str()) {
                    None => self.equal(att.name, &it.match_value),
                    Some(rule @ (BIT_AND | BIT_OR)) => match value::number(&it.match_value) {
                        Some(mask) => Filter::Bits(att, mask, rule == BIT_AND),
                        None => Filter::Undefined,
                    },
                    Some(IN_CHAIN) => self.in_chain(att, &it.match_value),
                    // A rule that nobody knows ([MS-ADTS] 3.1.1.3.1.3.1).
                    Some(_) => return Err(Refusal::comment(18, 0x57, "Unsupported matching rule")),
                }
            }
            _ => Filter::Undefined,
        })
    }

    fn equal(&self, name: &str, value: &[u8]) -> Filter {
        if name.eq_ignore_ascii_case("anr") {
            return ambiguous(value);
        }
        let Some(att) = attribute(name) else {
            return Filter::Undefined;
        };
        if att == KNOWN.class {
            let class = std::str::from_utf8(value).ok().and_then(schema::class);
            return class.map_or(Filter::Undefined, Filter::Class);
        }
        if att.syntax == Syntax::Dn {
            return match self.object(att, value) {
                Some(id) => Filter::Names(att, id),
                // Nobody there, so nobody names him.
                None => Filter::Is(HashSet::new()),
            };
        }
        match value::key(att.syntax, value) {
            Some(key) => Filter::Equal(att, HashSet::from([key])),
            None => Filter::Undefined,
        }
    }

    /// The object that a DN names; the class's own for `objectCategory=person` ([MS-ADTS] 3.1.1.3.1.3.5).
    fn object(&self, att: Att, value: &[u8]) -> Option<Id> {
        let text = std::str::from_utf8(value).ok()?;
        if att == KNOWN.category
            && let Some(class) = schema::class(text)
        {
            return self.domain.category(class);
        }
        let reference = name::reference(text).ok()?;
        self.domain.tree.find(&reference, Life::Deleted).ok()
    }

    /// Whoever gets to the object by following the attribute ([MS-ADTS] 3.1.1.3.4.4.3).
    fn in_chain(&self, att: Att, value: &[u8]) -> Filter {
        if att.syntax != Syntax::Dn {
            return Filter::Undefined;
        }
        let mut found = HashSet::new();
        let mut next: Vec<Id> = self.object(att, value).into_iter().collect();
        while let Some(target) = next.pop() {
            let new: Vec<Id> = pointing(&self.domain.tree, att, target)
                .filter(|id| found.insert(*id))
                .collect();
            next.extend(new);
        }
        Filter::Is(found)
    }
}

/// Many values of one attribute are one question: clients ask for a hundred people at once.
fn any_of(parts: Vec<Filter>) -> Filter {
    let mut values: HashMap<Att, HashSet<Value>> = HashMap::new();
    let mut others = Vec::new();
    for part in parts {
        match part {
            Filter::Equal(att, keys) => values.entry(att).or_default().extend(keys),
            other => others.push(other),
        }
    }
    others.extend(values.into_iter().map(|(att, keys)| Filter::Equal(att, keys)));
    Filter::Any(others)
}

/// An attribute that may be asked for; one that is made up has no values to be compared.
fn attribute(name: &str) -> Option<Att> {
    schema::find(name).filter(|att| !att.constructed && !att.secret)
}

fn ordered(assertion: &AttributeValueAssertion, order: Ordering) -> Filter {
    let Some(att) = attribute(&assertion.attribute_desc) else {
        return Filter::Undefined;
    };
    match value::key(att.syntax, &assertion.assertion_value) {
        Some(key) => Filter::Ordered(att, order, key),
        None => Filter::Undefined,
    }
}

fn parts<'a>(att: Att, wire: impl Iterator<Item = &'a SubstringChoice>) -> Filter {
    // Only what is text has parts.
    if !matches!(att.syntax, Syntax::Unicode | Syntax::Octet) {
        return Filter::Undefined;
    }
    let part = |choice: &SubstringChoice| {
        let key = |it: &[u8]| value::key(att.syntax, it);
        Some(match choice {
            SubstringChoice::Initial(it) => Part::Initial(key(it)?),
            SubstringChoice::Any(it) => Part::Any(key(it)?),
            SubstringChoice::Final(it) => Part::Final(key(it)?),
            _ => return None,
        })
    };
    match wire.map(part).collect::<Option<Vec<_>>>() {
        Some(parts) => Filter::Parts(att, parts),
        None => Filter::Undefined,
    }
}

/// Whoever may be meant: something of him begins so, or his two names do ([MS-ADTS] 3.1.1.3.1.3.3).
fn ambiguous(value: &[u8]) -> Filter {
    let begins = |att: Att, text: &[u8]| {
        let key = value::key(att.syntax, text)?;
        Some(Filter::Parts(att, vec![Part::Initial(key)]))
    };
    let flagged = schema::attributes().filter(|att| att.search_flags & AMBIGUOUS != 0 && !att.constructed);
    let mut meant: Vec<Filter> = flagged.filter_map(|att| begins(att, value)).collect();
    let text = String::from_utf8_lossy(value);
    if let (Some((one, two)), Some(given), Some(family)) = (
        text.split_once(' '),
        schema::find("givenName"),
        schema::find("sn"),
    ) {
        for (first, last) in [(one, two), (two, one)] {
            let both = [begins(given, first.as_bytes()), begins(family, last.as_bytes())];
            meant.push(Filter::All(both.into_iter().flatten().collect()));
        }
    }
    Filter::Any(meant)
}
