//! Systems that are asked what HR says: from where on the next read goes, and which job reads now.

use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};

use super::schema::{jobs, pulls, workers};
use super::wakes::{self, Cause};
use super::workers::Stored;
use super::{Conn, instant, micros, native};
use crate::error::Result;

/// How far reading a system has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// `None` where everybody has to be read.
    pub watermark: Option<Timestamp>,
    /// What was asked about each worker.
    pub fingerprint: Option<String>,
}

/// How a read ended, for the next one.
#[derive(Clone, Debug)]
pub enum Next {
    /// Everything was heard and done: the next goes on from here, an interval after this one began.
    From {
        watermark: Timestamp,
        fingerprint: String,
    },
    /// The same again, an interval after this one began.
    Again,
    /// The same again, not before an instant.
    NotBefore(Timestamp),
}

/// Whether a system is to be read: an interval after the last read, or when one that failed may be tried again.
pub fn is_due(conn: &mut Conn, system: &str, interval: SignedDuration, now: Timestamp) -> Result<bool> {
    let row: Option<(i64, i64)> = pulls::table
        .find(system)
        .select((pulls::began, pulls::not_before))
        .first(conn)
        .optional()?;
    let is_over = |began: i64| {
        instant(began)
            .saturating_add(interval)
            .is_ok_and(|due| due <= now)
    };
    Ok(row.is_none_or(|(began, not_before)| instant(not_before) <= now && is_over(began)))
}

/// Lets a job read a system if it is due and nobody does; the job's lease says how long.
pub fn claim(
    conn: &mut Conn,
    system: &str,
    interval: SignedDuration,
    (job, token): (&str, i64),
    now: Timestamp,
) -> Result<Option<Standing>> {
    let row = (
        pulls::system.eq(system),
        pulls::began.eq(0i64),
        pulls::not_before.eq(0i64),
    );
    native!(conn, c => diesel::insert_into(pulls::table).values(row).on_conflict_do_nothing().execute(c))?;
    // The row is locked before it is read, so that two replicas do not both find it free.
    diesel::update(pulls::table.find(system))
        .set(pulls::began.eq(pulls::began))
        .execute(conn)?;
    let reader: (Option<String>, Option<i64>) = pulls::table
        .find(system)
        .select((pulls::job, pulls::token))
        .first(conn)?;
    if !is_due(conn, system, interval, now)? || is_read(conn, reader, now)? {
        return Ok(None);
    }
    diesel::update(pulls::table.find(system))
        .set((
            pulls::job.eq(job),
            pulls::token.eq(token),
            pulls::began.eq(micros(now)),
        ))
        .execute(conn)?;
    standing(conn, system).map(Some)
}

fn is_read(conn: &mut Conn, reader: (Option<String>, Option<i64>), now: Timestamp) -> Result<bool> {
    let (Some(job), Some(token)) = reader else {
        return Ok(false);
    };
    let lives = jobs::table
        .find(job)
        .filter(jobs::token.eq(token).and(jobs::until.gt(micros(now))));
    Ok(lives.count().get_result::<i64>(conn)? > 0)
}

pub fn standing(conn: &mut Conn, system: &str) -> Result<Standing> {
    let row: Option<(Option<i64>, Option<String>)> = pulls::table
        .find(system)
        .select((pulls::watermark, pulls::fingerprint))
        .first(conn)
        .optional()?;
    let standing = |(watermark, fingerprint): (Option<i64>, _)| Standing {
        watermark: watermark.map(instant),
        fingerprint,
    };
    Ok(row.map(standing).unwrap_or_default())
}

/// Ends a job's reading; nothing moves if another has taken over.
pub fn finish(conn: &mut Conn, system: &str, (job, token): (&str, i64), next: &Next) -> Result<()> {
    let own = pulls::table.filter(
        pulls::system
            .eq(system)
            .and(pulls::job.eq(job))
            .and(pulls::token.eq(token)),
    );
    let free = (pulls::job.eq(None::<String>), pulls::token.eq(None::<i64>));
    match next {
        Next::From {
            watermark,
            fingerprint,
        } => diesel::update(own)
            .set((
                free,
                pulls::watermark.eq(micros(*watermark)),
                pulls::fingerprint.eq(fingerprint),
            ))
            .execute(conn)?,
        Next::Again => diesel::update(own).set(free).execute(conn)?,
        Next::NotBefore(at) => diesel::update(own)
            .set((free, pulls::began.eq(0i64), pulls::not_before.eq(micros(*at))))
            .execute(conn)?,
    };
    Ok(())
}

/// Has a system read at once; everybody, where it is to be read from the beginning.
pub fn hurry(conn: &mut Conn, system: &str, from_the_beginning: bool) -> Result<()> {
    let row = pulls::table.find(system);
    diesel::update(row)
        .set((pulls::began.eq(0i64), pulls::not_before.eq(0i64)))
        .execute(conn)?;
    if from_the_beginning {
        diesel::update(row)
            .set(pulls::watermark.eq(None::<i64>))
            .execute(conn)?;
    }
    Ok(())
}

/// Keeps workers who are not what they were, and wakes them for each job that reads the system; with them whoever else is
/// the same person, since one record speaks for all.
pub fn hear(
    conn: &mut Conn,
    system: &str,
    changed: &[Stored],
    readers: &[String],
    now: Timestamp,
) -> Result<()> {
    super::workers::store(conn, system, changed, now)?;
    let persons: Vec<&str> = changed.iter().filter_map(Stored::person).collect();
    let others = super::workers::anchors_of_persons(conn, system, &persons)?;
    let told = changed.iter().map(|one| one.worker.anchor.as_str());
    let mut anchors: Vec<&str> = told.chain(others.iter().map(String::as_str)).collect();
    anchors.sort_unstable();
    anchors.dedup();
    for job in readers {
        wakes::wake(conn, job, &anchors, now, Cause::Said)?;
    }
    Ok(())
}

/// Marks workers as shown by the full read that began at an instant.
pub fn mark_seen(conn: &mut Conn, system: &str, anchors: &[&str], read: Timestamp) -> Result<()> {
    for page in anchors.chunks(super::ROWS) {
        let these = workers::table.filter(workers::system.eq(system).and(workers::anchor.eq_any(page)));
        diesel::update(these)
            .set(workers::seen.eq(micros(read)))
            .execute(conn)?;
    }
    Ok(())
}

/// Known workers whom that read did not show, in the order of their anchors, from one on.
pub fn unseen(
    conn: &mut Conn,
    system: &str,
    read: Timestamp,
    after: &str,
    limit: i64,
) -> Result<Vec<String>> {
    Ok(workers::table
        .filter(workers::system.eq(system).and(workers::anchor.gt(after)))
        .filter(workers::seen.lt(micros(read)))
        .order(workers::anchor)
        .select(workers::anchor)
        .limit(limit)
        .load(conn)?)
}
