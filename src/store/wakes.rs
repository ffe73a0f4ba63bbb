//! Who is to be looked at, and when. A wake carries a key, never data: the engine reads the stored worker and
//! decides.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel::upsert::excluded;
use jiff::{SignedDuration, Timestamp};

use super::schema::{links, wakes, workers};
use super::{Conn, instant, micros, native};
use crate::domain::worker::{Move, SOON};
use crate::error::Result;

/// Why a worker is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A day of HR's has come on which somebody begins or leaves.
    Turn,
    /// HR said something.
    Said,
    /// Somebody this worker refers to has an account now.
    Reference,
    /// The plan itself said that it would be different now (B18).
    Revisit,
    /// A refused change is tried again (B25).
    Retry,
    /// A limit held something back; it is planned anew each cycle (B17).
    Held,
    /// Everybody is looked at: a full cycle.
    Full,
}

/// One row per cause: its name in the table, and its rank. Who begins or leaves goes before everything else (B25), then what HR
/// said just now.
#[rustfmt::skip]
const CAUSES: &[(Cause, &str, i32)] = &[
    (Cause::Turn,      "turn",      FIRST_RANK),
    (Cause::Said,      "said",      SAID_RANK),
    (Cause::Reference, "reference", 1),
    (Cause::Revisit,   "revisit",   1),
    (Cause::Retry,     "retry",     2),
    (Cause::Held,      "held",      2),
    (Cause::Full,      "full",      3),
];
const FIRST_RANK: i32 = -1;
const SAID_RANK: i32 = 0;
const LAST_RANK: i32 = 3;

impl Cause {
    fn row(self) -> &'static (Cause, &'static str, i32) {
        CAUSES
            .iter()
            .find(|(cause, ..)| *cause == self)
            .unwrap_or(&CAUSES[0])
    }

    fn name(self) -> &'static str {
        self.row().1
    }

    fn rank(self) -> i32 {
        self.row().2
    }

    fn parse(text: &str) -> Cause {
        CAUSES
            .iter()
            .find(|(_, name, _)| *name == text)
            .map_or(Cause::Said, |(cause, ..)| *cause)
    }
}

#[derive(Clone, Debug)]
pub struct Wake {
    pub anchor: String,
    pub cause: Cause,
    /// How often the same has been tried before.
    pub attempts: i32,
    /// The lower, the sooner.
    rank: i32,
    /// Moves whenever somebody wakes the worker again, so that finishing one wake does not lose the next.
    stamp: i64,
}

impl Wake {
    /// For whoever has none in the database.
    pub fn unkept(anchor: &str, cause: Cause) -> Wake {
        Wake {
            anchor: anchor.to_string(),
            cause,
            attempts: 0,
            rank: cause.rank(),
            stamp: -1,
        }
    }
}

/// Where HR's last word puts somebody.
struct Place {
    moves: Move,
    /// The rank of whoever waits in front already.
    in_front: i32,
    /// Everybody else's.
    otherwise: i32,
    /// In front waits who has the first rank and is due by then.
    within: SignedDuration,
}

/// Who leaves goes in front whatever was said before. Who begins while a leave still waits there had it taken back: nothing is
/// urgent any more. Other news neither earns a place in front nor costs it, nor that of a date which is near.
#[rustfmt::skip]
const PLACES: &[Place] = &[
    Place { moves: Move::Leaves, in_front: FIRST_RANK, otherwise: FIRST_RANK, within: SignedDuration::ZERO },
    Place { moves: Move::Soon,   in_front: FIRST_RANK, otherwise: FIRST_RANK, within: SignedDuration::ZERO },
    Place { moves: Move::Begins, in_front: SAID_RANK,  otherwise: FIRST_RANK, within: SignedDuration::ZERO },
    Place { moves: Move::Stays,  in_front: FIRST_RANK, otherwise: SAID_RANK,  within: SOON },
];

/// Wakes workers of whom HR says something, and ends any wait they were in. Its last word decides who goes before everybody
/// else (B25); whoever is due there already stays before those who came later.
pub fn heard(conn: &mut Conn, job: &str, said: &[(&str, Move)], now: Timestamp) -> Result<()> {
    for place in PLACES {
        let these = said.iter().filter(|(_, moves)| *moves == place.moves);
        let anchors: Vec<&str> = these.map(|(anchor, _)| *anchor).collect();
        put(conn, job, &anchors, place, now)?;
    }
    Ok(())
}

fn put(conn: &mut Conn, job: &str, anchors: &[&str], place: &Place, now: Timestamp) -> Result<()> {
    let by = micros(now.saturating_add(place.within).unwrap_or(Timestamp::MAX));
    let waits_in_front = || wakes::rank.eq(FIRST_RANK).and(wakes::due.le(by));
    let rank = || {
        case_when(waits_in_front(), place.in_front.into_sql::<Integer>())
            .otherwise(place.otherwise.into_sql::<Integer>())
    };
    let stays = || wakes::due.le(micros(now)).and(wakes::rank.eq(rank()));
    for page in anchors.chunks(super::ROWS) {
        let rows = fresh(job, page, place.otherwise, Cause::Said, now);
        native!(conn, c => diesel::insert_into(wakes::table)
            .values(&rows)
            .on_conflict((wakes::job, wakes::anchor))
            .do_update()
            .set((
                wakes::rank.eq(rank()),
                wakes::due.eq(case_when(stays(), wakes::due).otherwise(excluded(wakes::due))),
                wakes::cause.eq(case_when(stays(), wakes::cause).otherwise(excluded(wakes::cause))),
                wakes::attempts.eq(0),
                wakes::stamp.eq(wakes::stamp + 1),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// What becomes of a wake when its worker is woken for another reason than that HR spoke: it is due at once, and keeps the place
/// that it has by HR's word, or by a date that is near.
macro_rules! woken_besides {
    ($now:expr) => {{
        let now: Timestamp = $now;
        let soon = micros(now.saturating_add(SOON).unwrap_or(Timestamp::MAX));
        let waits = || wakes::due.gt(micros(now));
        let gives_way = || waits().and(wakes::rank.gt(SAID_RANK).or(wakes::due.gt(soon)));
        let is_another = || gives_way().or(waits().and(wakes::cause.eq(Cause::Turn.name())));
        (
            wakes::rank.eq(case_when(gives_way(), excluded(wakes::rank)).otherwise(wakes::rank)),
            wakes::due.eq(case_when(waits(), excluded(wakes::due)).otherwise(wakes::due)),
            wakes::cause.eq(case_when(is_another(), excluded(wakes::cause)).otherwise(wakes::cause)),
            wakes::attempts.eq(0),
            wakes::stamp.eq(wakes::stamp + 1),
        )
    }};
}

/// Wakes workers now, and ends any wait they were in. Whoever is due already keeps the place in the queue. Of whom HR says
/// something, see [`heard`].
pub fn wake(conn: &mut Conn, job: &str, anchors: &[&str], now: Timestamp, cause: Cause) -> Result<()> {
    for page in anchors.chunks(super::ROWS) {
        let rows = fresh(job, page, cause.rank(), cause, now);
        native!(conn, c => diesel::insert_into(wakes::table)
            .values(&rows)
            .on_conflict((wakes::job, wakes::anchor))
            .do_update()
            .set(woken_besides!(now))
            .execute(c))?;
    }
    Ok(())
}

/// A wake on the way into the database.
#[derive(Insertable)]
#[diesel(table_name = wakes, treat_none_as_default_value = false)]
struct Fresh<'w> {
    job: &'w str,
    anchor: &'w str,
    rank: i32,
    due: i64,
    cause: &'static str,
    attempts: i32,
    stamp: i64,
}

fn fresh<'w>(job: &'w str, anchors: &[&'w str], rank: i32, cause: Cause, now: Timestamp) -> Vec<Fresh<'w>> {
    let row = |anchor: &&'w str| Fresh {
        job,
        anchor,
        rank,
        due: micros(now),
        cause: cause.name(),
        attempts: 0,
        stamp: 0,
    };
    anchors.iter().map(row).collect()
}

/// Wakes every known worker of a system, for a full cycle; of leavers of whom next to nothing is kept (B33) those who have an
/// account, which is not to be open.
pub fn wake_all(conn: &mut Conn, job: &str, system: &str, now: Timestamp) -> Result<()> {
    let everybody = || {
        let linked = links::table
            .filter(links::job.eq(job.to_string()))
            .select(links::worker);
        let is_looked_at = workers::shrunk.is_null().or(workers::anchor.eq_any(linked));
        workers::table
            .filter(workers::system.eq(system.to_string()).and(is_looked_at))
            .select((
                job.to_string().into_sql::<diesel::sql_types::Text>(),
                workers::anchor,
                Cause::Full.rank().into_sql::<diesel::sql_types::Integer>(),
                micros(now).into_sql::<diesel::sql_types::BigInt>(),
                Cause::Full.name().into_sql::<diesel::sql_types::Text>(),
                0.into_sql::<diesel::sql_types::Integer>(),
                0i64.into_sql::<diesel::sql_types::BigInt>(),
            ))
    };
    native!(conn, c => diesel::insert_into(wakes::table)
        .values(everybody())
        .into_columns((wakes::job, wakes::anchor, wakes::rank, wakes::due, wakes::cause, wakes::attempts, wakes::stamp))
        .on_conflict((wakes::job, wakes::anchor))
        .do_update()
        .set(woken_besides!(now))
        .execute(c))?;
    Ok(())
}

/// Who is due and not `busy`: of the highest rank that anybody has, longest waiting first. There are `limit` at
/// most, and `full_limit` where nothing but a full cycle wakes them.
pub fn due(
    conn: &mut Conn,
    job: &str,
    now: Timestamp,
    busy: &HashSet<String>,
    limit: usize,
    full_limit: usize,
) -> Result<Vec<Wake>> {
    due_up_to(conn, job, now, busy, LAST_RANK, (limit, full_limit))
}

/// The same without those whom nothing but a full cycle wakes.
pub fn due_but_full(
    conn: &mut Conn,
    job: &str,
    now: Timestamp,
    busy: &HashSet<String>,
    limit: usize,
) -> Result<Vec<Wake>> {
    due_up_to(conn, job, now, busy, Cause::Full.rank() - 1, (limit, limit))
}

fn due_up_to(
    conn: &mut Conn,
    job: &str,
    now: Timestamp,
    busy: &HashSet<String>,
    last_rank: i32,
    (limit, full_limit): (usize, usize),
) -> Result<Vec<Wake>> {
    for rank in FIRST_RANK..=last_rank {
        let limit = if rank == Cause::Full.rank() {
            full_limit
        } else {
            limit
        };
        let rows: Vec<(String, String, i32, i64)> = wakes::table
            .filter(
                wakes::job
                    .eq(job)
                    .and(wakes::rank.eq(rank))
                    .and(wakes::due.le(micros(now))),
            )
            .order((wakes::due, wakes::anchor))
            .select((wakes::anchor, wakes::cause, wakes::attempts, wakes::stamp))
            .limit(i64::try_from(limit + busy.len()).unwrap_or(i64::MAX))
            .load(conn)?;
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|(anchor, ..)| !busy.contains(anchor))
            .take(limit)
            .collect();
        if !rows.is_empty() {
            let wake = |(anchor, cause, attempts, stamp): (String, String, i32, i64)| Wake {
                anchor,
                cause: Cause::parse(&cause),
                attempts,
                rank,
                stamp,
            };
            let mut page: Vec<Wake> = rows.into_iter().map(wake).collect();
            // However much HR says, dates are kept beside it (B25).
            if rank == SAID_RANK && page.len() == limit {
                let dated = due_by_date(conn, job, now, busy, limit / 2)?;
                page.truncate(limit - dated.len());
                page.splice(..0, dated);
            }
            return Ok(page);
        }
    }
    Ok(Vec::new())
}

/// Who is due because a date has come, whatever else waits.
pub fn due_by_date(
    conn: &mut Conn,
    job: &str,
    now: Timestamp,
    busy: &HashSet<String>,
    limit: usize,
) -> Result<Vec<Wake>> {
    let by_date = [Cause::Turn, Cause::Revisit];
    let rows: Vec<(String, String, i32, i32, i64)> = wakes::table
        .filter(
            wakes::job
                .eq(job)
                .and(wakes::rank.eq_any(by_date.map(Cause::rank))),
        )
        .filter(
            wakes::due
                .le(micros(now))
                .and(wakes::cause.eq_any(by_date.map(Cause::name))),
        )
        .order((wakes::rank, wakes::due))
        .select((
            wakes::anchor,
            wakes::cause,
            wakes::rank,
            wakes::attempts,
            wakes::stamp,
        ))
        .limit(i64::try_from(limit + busy.len()).unwrap_or(i64::MAX))
        .load(conn)?;
    let free = rows.into_iter().filter(|(anchor, ..)| !busy.contains(anchor));
    Ok(free.take(limit).map(wake_of).collect())
}

fn wake_of((anchor, cause, rank, attempts, stamp): (String, String, i32, i32, i64)) -> Wake {
    Wake {
        anchor,
        cause: Cause::parse(&cause),
        attempts,
        rank,
        stamp,
    }
}

/// Wakes of these workers as they stand, and one for each who has none, which nobody finds. Whoever is served out of turn keeps
/// the place in the queue (B25).
pub fn of(conn: &mut Conn, job: &str, anchors: &[String], otherwise: Cause) -> Result<Vec<Wake>> {
    let mut known: HashMap<String, Wake> = HashMap::new();
    for page in anchors.chunks(super::ROWS) {
        let rows: Vec<(String, String, i32, i32, i64)> = wakes::table
            .filter(wakes::job.eq(job).and(wakes::anchor.eq_any(page)))
            .select((
                wakes::anchor,
                wakes::cause,
                wakes::rank,
                wakes::attempts,
                wakes::stamp,
            ))
            .load(conn)?;
        let wakes = rows.into_iter().map(|row| (row.0.clone(), wake_of(row)));
        known.extend(wakes);
    }
    let wake = |anchor: &String| {
        known
            .remove(anchor)
            .unwrap_or_else(|| Wake::unkept(anchor, otherwise))
    };
    Ok(anchors.iter().map(wake).collect())
}

/// When a worker is looked at next, and for what cause.
pub fn next_of(conn: &mut Conn, job: &str, anchor: &str) -> Result<Option<(Timestamp, String)>> {
    let row: Option<(i64, String)> = wakes::table
        .find((job, anchor))
        .select((wakes::due, wakes::cause))
        .first(conn)
        .optional()?;
    Ok(row.map(|(due, cause)| (instant(due), cause)))
}

pub fn count_due(conn: &mut Conn, job: &str, now: Timestamp) -> Result<i64> {
    Ok(wakes::table
        .filter(wakes::job.eq(job).and(wakes::due.le(micros(now))))
        .count()
        .get_result(conn)?)
}

/// Everybody who is due, in the order of their anchors, from one on.
pub fn due_after(conn: &mut Conn, job: &str, now: Timestamp, after: &str, limit: i64) -> Result<Vec<String>> {
    Ok(wakes::table
        .filter(wakes::job.eq(job).and(wakes::due.le(micros(now))))
        .filter(wakes::anchor.gt(after))
        .order(wakes::anchor)
        .select(wakes::anchor)
        .limit(limit)
        .load(conn)?)
}

/// How many are due for one cause.
pub fn due_count(conn: &mut Conn, job: &str, now: Timestamp, cause: Cause) -> Result<i64> {
    Ok(wakes::table
        .filter(
            wakes::job
                .eq(job)
                .and(wakes::rank.eq(cause.rank()))
                .and(wakes::due.le(micros(now))),
        )
        .filter(wakes::cause.eq(cause.name()))
        .count()
        .get_result(conn)?)
}

/// Whether anybody is due.
pub fn any_due(conn: &mut Conn, job: &str, now: Timestamp) -> Result<bool> {
    Ok(!due(conn, job, now, &HashSet::new(), 1, 1)?.is_empty())
}

/// When a worker is to be looked at again.
#[derive(Clone, Debug)]
pub struct Again {
    pub due: Timestamp,
    pub cause: Cause,
    pub attempts: i32,
}

/// Ends wakes; leaves those alone whose worker has been woken anew in the meantime.
pub fn end(conn: &mut Conn, job: &str, ended: &[&Wake]) -> Result<()> {
    let mut by_stamp: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for wake in ended {
        by_stamp.entry(wake.stamp).or_default().push(&wake.anchor);
    }
    for (stamp, anchors) in by_stamp {
        for page in anchors.chunks(super::ROWS) {
            let these = wakes::table.filter(wakes::job.eq(job).and(wakes::anchor.eq_any(page)));
            diesel::delete(these.filter(wakes::stamp.eq(stamp))).execute(conn)?;
        }
    }
    Ok(())
}

/// Puts wakes off as they are; leaves those alone whose worker has been woken anew in the meantime.
pub fn defer(conn: &mut Conn, job: &str, wakes: &[&Wake], due: Timestamp) -> Result<()> {
    let mut by_stamp: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for wake in wakes {
        by_stamp.entry(wake.stamp).or_default().push(&wake.anchor);
    }
    for (stamp, anchors) in by_stamp {
        for page in anchors.chunks(super::ROWS) {
            let these = wakes::table.filter(wakes::job.eq(job).and(wakes::anchor.eq_any(page)));
            diesel::update(these.filter(wakes::stamp.eq(stamp)))
                .set((wakes::due.eq(micros(due)), wakes::stamp.eq(wakes::stamp + 1)))
                .execute(conn)?;
        }
    }
    Ok(())
}

/// Has those be due now who were put off to an instant, and those of whom HR said something before it.
pub fn bring_forward(conn: &mut Conn, job: &str, put_off_to: Timestamp, now: Timestamp) -> Result<()> {
    let said = wakes::rank.le(SAID_RANK).and(wakes::due.le(micros(put_off_to)));
    let put_off = wakes::due.eq(micros(put_off_to)).or(said);
    let these = wakes::table.filter(wakes::job.eq(job).and(put_off));
    diesel::update(these.filter(wakes::due.gt(micros(now))))
        .set((wakes::due.eq(micros(now)), wakes::stamp.eq(wakes::stamp + 1)))
        .execute(conn)?;
    Ok(())
}

/// Has those be due now who were due by a clock that has been put back since.
pub fn bring_back(conn: &mut Conn, job: &str, seen: Timestamp, now: Timestamp) -> Result<()> {
    let were_due = wakes::due.gt(micros(now)).and(wakes::due.le(micros(seen)));
    diesel::update(wakes::table.filter(wakes::job.eq(job).and(were_due)))
        .set((wakes::due.eq(micros(now)), wakes::stamp.eq(wakes::stamp + 1)))
        .execute(conn)?;
    Ok(())
}

/// Puts a wake off; leaves it alone when the worker has been woken anew in the meantime.
pub fn put_off(conn: &mut Conn, job: &str, wake: &Wake, again: &Again) -> Result<()> {
    let rank = match again.cause == wake.cause {
        true => wake.rank,
        false => again.cause.rank(),
    };
    diesel::update(wakes::table.find((job, &wake.anchor)))
        .filter(wakes::stamp.eq(wake.stamp))
        .set((
            wakes::rank.eq(rank),
            wakes::due.eq(micros(again.due)),
            wakes::cause.eq(again.cause.name()),
            wakes::attempts.eq(again.attempts),
            wakes::stamp.eq(wakes::stamp + 1),
        ))
        .execute(conn)?;
    Ok(())
}
