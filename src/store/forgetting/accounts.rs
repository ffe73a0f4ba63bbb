//! The accounts that a person who is forgotten leaves behind.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::{Known, Reader, readers};
use crate::domain::plan::Effect;
use crate::error::Result;
use crate::store::schema::{jobs, links as link_rows};
use crate::store::{Conn, changes, links};

/// An account as it was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The job that knows it.
    pub job: String,
    pub system: String,
    /// Nothing where nobody answered for its creation.
    pub anchor: Option<String>,
    /// What it was called when it was written last, if that is known still.
    pub address: Option<String>,
    /// Nothing where it is deleted, or its system knows no such thing.
    pub enabled: Option<bool>,
    /// What was sent and never answered for may have enabled it.
    pub in_doubt: bool,
    /// Somebody else is linked to it as well: it is looked after.
    pub shared: bool,
}

impl Left {
    /// Somebody may sign in with it, and nobody will put an end to that.
    pub fn is_open(&self) -> bool {
        !self.shared && (self.in_doubt || self.enabled == Some(true))
    }
}

/// The accounts of a person, in the systems to which jobs take those who know the person.
pub fn left(conn: &mut Conn, person: &BTreeSet<Known>) -> Result<Vec<Left>> {
    let mut found = Vec::new();
    for one in person {
        for Reader { job, target } in readers(conn, &one.system)? {
            let link = links::by_workers(conn, &job, &[&one.anchor])?.into_iter().next();
            let sent = changes::unknown(conn, &job, &[&one.anchor])?;
            let in_doubt = sent.iter().flat_map(|sent| &sent.change.effects).any(opens);
            let anchor = link.as_ref().map(|link| link.account.0.clone());
            if anchor.is_none() && !in_doubt {
                continue;
            }
            let holders = match &anchor {
                Some(anchor) => holders(conn, &target, anchor)?,
                None => BTreeSet::new(),
            };
            let written = changes::history(conn, &job, &one.anchor, 1)?;
            let address = written.into_iter().map(|(_, receipt)| receipt.address).next();
            found.push(Left {
                shared: !holders.is_subset(person),
                address: address.filter(|address| !address.is_empty()),
                enabled: link.and_then(|link| link.enabled),
                system: target,
                job,
                anchor,
                in_doubt,
            });
        }
    }
    Ok(found)
}

fn opens(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Create { enabled: true, .. } | Effect::Enable | Effect::Restore
    )
}

/// Who is linked to an account, in whichever job.
pub(super) fn holders(conn: &mut Conn, target: &str, account: &str) -> Result<BTreeSet<Known>> {
    let rows: Vec<(String, String)> = link_rows::table
        .inner_join(jobs::table.on(jobs::id.eq(link_rows::job)))
        .filter(link_rows::account.eq(account).and(jobs::target.eq(target)))
        .select((jobs::source, link_rows::worker))
        .load(conn)?;
    let known = |(system, anchor)| Known { system, anchor };
    Ok(rows.into_iter().map(known).collect())
}
