//! Where what people decided about accounts (B12, B17) mentions a person who is forgotten.

use diesel::prelude::*;

use super::mentions::{Signs, without};
use super::{FORGOTTEN, rows};
use crate::domain::decision::Decision;
use crate::domain::hold::Hold;
use crate::error::Result;
use crate::store::schema::{allowances, decisions, holds};
use crate::store::{Conn, from_json, to_json};

/// That something was decided is known still, not about whom. Holds of the worker's are the caller's to end; one of the account
/// goes on, since the account does, without what it was called.
pub(super) fn forget(conn: &mut Conn, job: &str, anchor: &str, account: Option<&str>) -> Result<()> {
    let made: Vec<(String, String)> = decisions::table
        .filter(decisions::job.eq(job))
        .select((decisions::id, decisions::body))
        .load(conn)?;
    for (id, body) in made {
        let mut decision: Decision = from_json(&body)?;
        let about = without(&decision.about, &format!("worker {anchor}"));
        if about != decision.about {
            decision.about = about;
            diesel::update(decisions::table.find(id))
                .set(decisions::body.eq(to_json(&decision)?))
                .execute(conn)?;
        }
    }
    let Some(account) = account else { return Ok(()) };
    let held: Vec<(String, String)> = holds::table
        .filter(holds::job.eq(job).and(holds::account.eq(account)))
        .select((holds::id, holds::body))
        .load(conn)?;
    for (id, body) in held {
        let mut hold: Hold = from_json(&body)?;
        if let Some(account) = &mut hold.account {
            account.address = FORGOTTEN.to_string();
        }
        diesel::update(holds::table.find(id))
            .set(holds::body.eq(to_json(&hold)?))
            .execute(conn)?;
    }
    Ok(())
}

/// Takes a person's signs out of what was decided about others; answers how many rows that were.
pub(super) fn blank(conn: &mut Conn, signs: &Signs) -> Result<i64> {
    let mut count = 0;
    for pattern in signs.patterns()? {
        let made: Vec<(String, String)> = decisions::table
            .filter(decisions::body.like(&pattern).escape('\\'))
            .select((decisions::id, decisions::body))
            .load(conn)?;
        for (id, body) in made {
            let mut decision: Decision = from_json(&body)?;
            decision.about = signs.clean(&decision.about);
            decision.by = signs.clean(&decision.by);
            decision.reason = decision.reason.map(|reason| signs.clean(&reason));
            count += rows(
                diesel::update(decisions::table.find(id))
                    .set(decisions::body.eq(to_json(&decision)?))
                    .execute(conn)?,
            );
        }
        let held: Vec<(String, String)> = holds::table
            .filter(holds::body.like(&pattern).escape('\\'))
            .select((holds::id, holds::body))
            .load(conn)?;
        for (id, body) in held {
            let before: Hold = from_json(&body)?;
            let mut hold = before.clone();
            hold.reason = signs.clean(&hold.reason);
            hold.by = signs.clean(&hold.by);
            if let Some(account) = &mut hold.account {
                account.address = signs.clean(&account.address);
            }
            if hold == before {
                continue;
            }
            count += rows(
                diesel::update(holds::table.find(id))
                    .set(holds::body.eq(to_json(&hold)?))
                    .execute(conn)?,
            );
        }
        let allowed: Vec<(String, String, String)> = allowances::table
            .filter(
                (allowances::reason.like(&pattern).escape('\\'))
                    .or(allowances::decider.like(&pattern).escape('\\')),
            )
            .select((allowances::id, allowances::reason, allowances::decider))
            .load(conn)?;
        for (id, reason, decider) in allowed {
            count += rows(
                diesel::update(allowances::table.find(id))
                    .set((
                        allowances::reason.eq(signs.clean(&reason)),
                        allowances::decider.eq(signs.clean(&decider)),
                    ))
                    .execute(conn)?,
            );
        }
    }
    Ok(count)
}
