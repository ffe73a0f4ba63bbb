//! What somebody has to look at, as long as it is so. The row decides who tells of it: whoever makes it tells that it began,
//! whoever takes it away tells that it is over, and nobody else does.

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::alarms;
use super::{Conn, instant, micros, native};
use crate::error::Result;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub kind: String,
    /// Which one of the kind.
    pub subject: String,
    pub message: String,
    /// JSON.
    pub details: String,
    pub since: Timestamp,
}

/// What is going on with a job, oldest first.
pub fn of(conn: &mut Conn, job: &str) -> Result<Vec<Alarm>> {
    let rows: Vec<(String, String, String, String, i64)> = alarms::table
        .filter(alarms::job.eq(job))
        .order((alarms::since, alarms::kind, alarms::subject))
        .select((
            alarms::kind,
            alarms::subject,
            alarms::message,
            alarms::details,
            alarms::since,
        ))
        .load(conn)?;
    let alarm = |(kind, subject, message, details, since)| Alarm {
        kind,
        subject,
        message,
        details,
        since: instant(since),
    };
    Ok(rows.into_iter().map(alarm).collect())
}

/// Begins an alarm; answers whether this call did.
pub fn raise(conn: &mut Conn, job: &str, alarm: &Alarm) -> Result<bool> {
    let row = (
        alarms::job.eq(job),
        alarms::kind.eq(&alarm.kind),
        alarms::subject.eq(&alarm.subject),
        alarms::message.eq(&alarm.message),
        alarms::details.eq(&alarm.details),
        alarms::since.eq(micros(alarm.since)),
    );
    let made = native!(conn, c => diesel::insert_into(alarms::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(made > 0)
}

/// Says anew what an alarm is about; nobody is told.
pub fn reword(conn: &mut Conn, job: &str, alarm: &Alarm) -> Result<()> {
    diesel::update(alarms::table.find((job, &alarm.kind, &alarm.subject)))
        .set((
            alarms::message.eq(&alarm.message),
            alarms::details.eq(&alarm.details),
        ))
        .execute(conn)?;
    Ok(())
}

/// Ends an alarm; answers whether this call did.
pub fn resolve(conn: &mut Conn, job: &str, alarm: &Alarm) -> Result<bool> {
    let gone = diesel::delete(alarms::table.find((job, &alarm.kind, &alarm.subject))).execute(conn)?;
    Ok(gone > 0)
}
