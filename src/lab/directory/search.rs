//! Searching: where, who, in which order, how many at a time ([MS-ADTS] 3.1.1.3.1.3).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use rasn_ldap::{Control, SearchRequest, SearchRequestScope};

use super::controls::{self, Asked, Sort, SortResult};
use super::domain::{Context, Domain};
use super::filter::Filter;
use super::refusal::{Answer, ERROR_DS_UNWILLING_TO_PERFORM, Refusal};
use super::schema::{self, Att};
use super::show::{DnForm, Selection};
use super::tree::Id;
use super::value;
use super::wire;

/// Entries in one answer (MaxPageSize, [MS-ADTS] 3.1.1.3.4.6).
pub const LONGEST_PAGE: usize = 1000;

/// Listings that one connection may have open (MaxResultSetsPerConn).
const OPEN_LISTINGS: usize = 10;

/// What a search answers.
pub struct Found {
    pub entries: Vec<wire::Entry>,
    pub references: Vec<String>,
    pub outcome: Answer,
    pub controls: Vec<Control>,
}

impl Found {
    pub fn refused(refusal: Refusal) -> Found {
        Found {
            entries: Vec::new(),
            references: Vec::new(),
            outcome: Err(refusal),
            controls: Vec::new(),
        }
    }
}

/// What was asked: pages of a listing are had by asking the same again (RFC 2696 §3).
#[derive(PartialEq)]
struct Question {
    base: Id,
    scope: SearchRequestScope,
    filter: rasn_ldap::Filter,
}

/// Whom a search has found and still has to show.
struct Listing {
    question: Question,
    rest: Vec<Id>,
    /// There were more than the client wanted in all.
    is_cut: bool,
}

impl Listing {
    /// The next so many.
    fn page(&mut self, size: usize) -> Vec<Id> {
        let rest = self.rest.split_off(size.min(self.rest.len()));
        std::mem::replace(&mut self.rest, rest)
    }
}

/// The listings of one connection. Pages belong to the connection that asked.
#[derive(Default)]
pub struct Listings {
    open: BTreeMap<u64, Listing>,
    last: u64,
}

impl Listings {
    fn keep(&mut self, listing: Listing) -> Vec<u8> {
        if self.open.len() >= OPEN_LISTINGS {
            self.open.pop_first();
        }
        self.last += 1;
        self.open.insert(self.last, listing);
        self.last.to_be_bytes().to_vec()
    }

    fn resume(&mut self, cookie: &[u8], question: &Question) -> Answer<Listing> {
        let number = cookie.try_into().ok().map(u64::from_be_bytes);
        let number = number.filter(|number| self.open.contains_key(number));
        let number = number.ok_or_else(controls::unavailable)?;
        if self
            .open
            .get(&number)
            .is_some_and(|kept| kept.question != *question)
        {
            return Err(Refusal::new(53, ERROR_DS_UNWILLING_TO_PERFORM));
        }
        self.open.remove(&number).ok_or_else(controls::unavailable)
    }
}

impl Domain {
    pub fn search(
        &self,
        request: &SearchRequest,
        asked: &Asked,
        listings: &mut Listings,
        context: &Context,
    ) -> Found {
        self.answer(request, asked, listings, context)
            .unwrap_or_else(Found::refused)
    }

    fn answer(
        &self,
        request: &SearchRequest,
        asked: &Asked,
        listings: &mut Listings,
        context: &Context,
    ) -> Answer<Found> {
        let form = asked.form.unwrap_or(DnForm::Plain);
        let mut selection = Selection::new(wire::texts(&request.attributes), request.types_only, form);
        selection.any_range = asked.any_range;
        let filter = Filter::new(self, &request.filter)?;
        let base = self.find(&request.base_object, context)?;
        if let Some(dirsync) = &asked.dirsync {
            return self.changes(base, request.scope, &filter, dirsync, &selection, context);
        }
        let question = Question {
            base,
            scope: request.scope,
            filter: request.filter.clone(),
        };
        let page = asked.paged.as_ref();
        let resumed = page.filter(|page| !page.cookie.is_empty());
        let (mut listing, sorted) = match resumed {
            Some(page) => (listings.resume(&page.cookie, &question)?, None),
            None => self.listing(question, &filter, request.size_limit, asked, context)?,
        };
        let size = page.map_or(LONGEST_PAGE, |page| usize::try_from(page.size).unwrap_or(0));
        let matches = listing.page(size.min(LONGEST_PAGE));
        let is_more = !listing.rest.is_empty();
        let outcome = match is_more && page.is_none() || !is_more && listing.is_cut {
            true => Err(Refusal::plain(4, "")),
            false => Ok(()),
        };
        let paged = page.map(|_| {
            // A page of nobody ends the listing (RFC 2696 §3).
            let goes_on = is_more && size > 0;
            let cookie = goes_on.then(|| listings.keep(listing));
            controls::paged(cookie.unwrap_or_default())
        });
        let is_first = resumed.is_none() && !asked.domain_scope;
        Ok(Found {
            // Whoever was deleted between two pages is not on the second.
            entries: matches
                .into_iter()
                .filter(|id| self.is_seen(*id, context))
                .map(|id| self.show(id, &selection, context))
                .collect::<Answer<_>>()?,
            references: if is_first {
                self.references(base, request.scope)
            } else {
                Vec::new()
            },
            outcome,
            controls: [sorted, paged.flatten()].into_iter().flatten().collect(),
        })
    }

    /// Everybody who fits, in the order that was asked for, and no more than the client wants in all.
    fn listing(
        &self,
        question: Question,
        filter: &Filter,
        most: u32,
        asked: &Asked,
        context: &Context,
    ) -> Answer<(Listing, Option<Control>)> {
        let mut rest = self.matches(question.base, question.scope, filter, context);
        let sorted = match &asked.sort {
            Some(sort) => controls::sorted(self.sort(&mut rest, sort, context)?),
            None => None,
        };
        let most = if most == 0 { usize::MAX } else { most as usize };
        let is_cut = rest.len() > most;
        rest.truncate(most);
        let listing = Listing {
            question,
            rest,
            is_cut,
        };
        Ok((listing, sorted))
    }

    /// Who is there and fits, the eldest first.
    pub fn matches(
        &self,
        base: Id,
        scope: SearchRequestScope,
        filter: &Filter,
        context: &Context,
    ) -> Vec<Id> {
        let tree = &self.tree;
        let naming_context = tree.context(base);
        let is_whole = scope == SearchRequestScope::WholeSubtree && base == naming_context;
        let is_inside = |id: Id| match scope {
            SearchRequestScope::BaseObject => id == base,
            SearchRequestScope::SingleLevel => tree.entry(id).parent == Some(base) && !tree.entry(id).is_root,
            _ => tree.context(id) == naming_context && (is_whole || tree.is_within(id, base)),
        };
        let fits = |id: &Id| {
            self.is_seen(*id, context) && filter.fits(self, tree.entry(*id)) == Some(true) && is_inside(*id)
        };
        let only = match scope {
            SearchRequestScope::BaseObject => Some(BTreeSet::from([base])),
            _ => filter.candidates(tree),
        };
        match (only, scope) {
            (Some(ids), _) => ids.into_iter().filter(fits).collect(),
            (None, SearchRequestScope::SingleLevel) => {
                tree.entry(base).children.iter().copied().filter(fits).collect()
            }
            (None, _) => tree.entries().map(|entry| entry.id).filter(fits).collect(),
        }
    }

    /// Deleted objects are shown to administrators who ask for them.
    fn is_seen(&self, id: Id, context: &Context) -> bool {
        let entry = self.tree.entry(id);
        entry.life <= context.sees && (!entry.is_deleted() || self.is_admin(context.caller))
    }

    /// The naming contexts below, which are searched by themselves ([MS-ADTS] 3.1.1.3.1.3.6).
    fn references(&self, base: Id, scope: SearchRequestScope) -> Vec<String> {
        let below = |id: &Id| {
            let entry = self.tree.entry(*id);
            match scope {
                SearchRequestScope::BaseObject => false,
                SearchRequestScope::SingleLevel => entry.parent == Some(base),
                _ => {
                    let above = entry.parent.map(|parent| self.tree.context(parent));
                    above == Some(self.tree.context(base)) && self.tree.is_within(*id, base) && *id != base
                }
            }
        };
        let contexts = [self.configuration, self.schema].into_iter().filter(below);
        contexts
            .map(|id| format!("ldap://{}/{}", self.dns_name, self.tree.dn(id)))
            .collect()
    }

    /// By one key; who has no value comes last (RFC 2891 §2.2).
    fn sort(&self, matches: &mut [Id], sort: &Sort, context: &Context) -> Answer<SortResult> {
        let [key] = &sort.keys[..] else {
            return unsorted(sort, SortResult::UnwillingToPerform);
        };
        let name = std::str::from_utf8(&key.attribute).unwrap_or_default();
        let Some(att) = schema::find(name).filter(|att| !att.constructed && !att.secret) else {
            return unsorted(sort, SortResult::NoSuchAttribute);
        };
        let order = |left: &Option<Vec<u8>>, right: &Option<Vec<u8>>| match (left, right) {
            (Some(left), Some(right)) => value::ordered(att.syntax, left, right),
            (None, None) => Ordering::Equal,
            (None, _) => Ordering::Greater,
            (_, None) => Ordering::Less,
        };
        let keyed = |id: &Id| (*id, self.sort_key(*id, att, context));
        let keys: HashMap<Id, Option<Vec<u8>>> = matches.iter().map(keyed).collect();
        matches.sort_by(|left, right| {
            let order = order(&keys[left], &keys[right]);
            if key.reverse { order.reverse() } else { order }
        });
        Ok(SortResult::Success)
    }

    fn sort_key(&self, id: Id, att: Att, context: &Context) -> Option<Vec<u8>> {
        let values = self.values(id, att, DnForm::Plain, context);
        value::key(att.syntax, values.first()?)
    }
}

fn unsorted(sort: &Sort, why: SortResult) -> Answer<SortResult> {
    match sort.is_critical {
        true => Err(controls::unavailable()),
        false => Ok(why),
    }
}
