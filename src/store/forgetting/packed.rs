//! Where what is kept compressed about others mentions a person who is forgotten: what plans propose, and reviews (B9).

use diesel::prelude::*;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::mentions::Signs;
use super::rows;
use crate::domain::plan::Proposal;
use crate::domain::review::{Case, Standing};
use crate::error::Result;
use crate::store::plans::{pack, unpack};
use crate::store::schema::{jobs, reviews};
use crate::store::wakes::{self, Cause};
use crate::store::{Conn, plans};

/// Reviews that are looked through with one query.
const PAGE: i64 = 500;

pub(super) fn blank(conn: &mut Conn, signs: &Signs, now: Timestamp) -> Result<i64> {
    if signs.is_empty() {
        return Ok(0);
    }
    let without = |proposal: &Json| {
        let clean = cleaned(signs, proposal);
        let is_read = |clean: &Json| serde_json::from_value::<Proposal>(clean.clone()).is_ok();
        Some(clean).filter(is_read)
    };
    let mut count = rows(plans::rewrite(conn, without)?);
    let jobs: Vec<String> = jobs::table.select(jobs::id).load(conn)?;
    for job in jobs {
        count += blank_reviews(conn, &job, signs, now)?;
    }
    Ok(count)
}

/// The worker's own key stays what it is.
fn cleaned(signs: &Signs, of_another: &Json) -> Json {
    let mut clean = of_another.clone();
    signs.clean_value(&mut clean);
    clean["worker"] = of_another["worker"].clone();
    clean
}

/// What was reviewed is another then: whoever waits is looked at again.
fn blank_reviews(conn: &mut Conn, job: &str, signs: &Signs, now: Timestamp) -> Result<i64> {
    type Row = (String, String, Option<String>, Vec<u8>);
    let (mut count, mut after) = (0, String::new());
    loop {
        let page: Vec<Row> = reviews::table
            .filter(reviews::job.eq(job).and(reviews::worker.gt(&after)))
            .order(reviews::worker)
            .limit(PAGE)
            .select((
                reviews::worker,
                reviews::standing,
                reviews::account,
                reviews::body,
            ))
            .load(conn)?;
        let Some((last, ..)) = page.last() else {
            return Ok(count);
        };
        after.clone_from(last);
        for (worker, standing, account, body) in page {
            let [case] = unpack::<[Json; 1]>(&body)?;
            let clean = cleaned(signs, &case);
            if clean == case {
                continue;
            }
            let text = clean.to_string();
            let this = reviews::table.find((job, &worker));
            count += rows(match serde_json::from_value::<Case>(clean) {
                Ok(_) => diesel::update(this)
                    .set((
                        reviews::account.eq(account.filter(|account| !signs.has(account))),
                        reviews::body.eq(pack(&[text])?),
                    ))
                    .execute(conn)?,
                Err(_) => diesel::delete(this).execute(conn)?,
            });
            if Standing::parse(&standing) != Standing::Done {
                wakes::wake(conn, job, &[&worker], now, Cause::Retry)?;
            }
        }
    }
}
