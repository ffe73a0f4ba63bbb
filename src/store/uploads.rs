//! The inbox: an upload is one row, its bytes, until it is folded into workers.

use std::collections::BTreeMap;

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{operations, systems, uploads};
use super::workers::{self, Stored};
use super::{Conn, has_any, micros, native};
use crate::error::{Error, Kind, Result};

/// Takes an upload in and gives it its place in the order in which HR spoke (B2).
pub fn append(
    conn: &mut Conn,
    system: &str,
    body: &[u8],
    operations: i32,
    now: Timestamp,
    inbox: i64,
) -> Result<i64> {
    let taken: Option<i64> = diesel::update(systems::table.find(system))
        .filter(systems::waiting.le(inbox - i64::from(operations)))
        .set((
            systems::sequence.eq(systems::sequence + 1),
            systems::waiting.eq(systems::waiting + i64::from(operations)),
            systems::uploaded.eq(micros(now)),
        ))
        .returning(systems::sequence)
        .get_result(conn)
        .optional()?;
    let Some(sequence) = taken else {
        return Err(Error::new(
            Kind::Internal,
            "The bucket that stores the ingested data is full: wait for the job to process it, then send this request again",
        )
        .code("InboxFull"));
    };
    diesel::insert_into(uploads::table)
        .values((
            uploads::system.eq(system),
            uploads::sequence.eq(sequence),
            uploads::body.eq(body),
            uploads::bytes.eq(i64::try_from(body.len()).unwrap_or(i64::MAX)),
            uploads::operations.eq(operations),
            uploads::received.eq(micros(now)),
        ))
        .execute(conn)?;
    Ok(sequence)
}

/// One upload as it lies in the inbox.
#[derive(Queryable)]
pub struct Upload {
    pub sequence: i64,
    pub body: Vec<u8>,
    pub operations: i32,
    pub received: i64,
}

/// The oldest uploads, up to a number of operations and of bytes: at least one, if any waits.
pub fn oldest(conn: &mut Conn, system: &str, operations: i32, bytes: i64) -> Result<Vec<Upload>> {
    let sizes: Vec<(i64, i32, i64)> = uploads::table
        .filter(uploads::system.eq(system))
        .order(uploads::sequence)
        .select((uploads::sequence, uploads::operations, uploads::bytes))
        .limit(i64::from(operations).max(1))
        .load(conn)?;
    let (mut all, mut size) = (0, 0);
    let fits = sizes.iter().take_while(|(_, more, larger)| {
        let first = all == 0;
        all += more;
        size += larger;
        first || (all <= operations && size <= bytes)
    });
    let Some((last, ..)) = fits.last() else {
        return Ok(Vec::new());
    };
    Ok(uploads::table
        .filter(uploads::system.eq(system).and(uploads::sequence.le(last)))
        .order(uploads::sequence)
        .select((
            uploads::sequence,
            uploads::body,
            uploads::operations,
            uploads::received,
        ))
        .load(conn)?)
}

/// Whether anything waits to be folded.
pub fn waiting(conn: &mut Conn, system: &str) -> Result<i64> {
    Ok(systems::table
        .find(system)
        .select(systems::waiting)
        .first(conn)
        .optional()?
        .unwrap_or(0))
}

/// Where one accepted operation stands in the order, and whom it is about.
#[derive(Clone, Debug)]
pub struct Place {
    pub sequence: i64,
    pub position: i32,
    pub anchor: String,
    pub received: i64,
}

/// What folding some uploads came to.
pub struct Fold {
    pub sequences: Vec<i64>,
    pub operations: i64,
    pub workers: Vec<Stored>,
    pub places: Vec<Place>,
    /// The jobs that read the system.
    pub readers: Vec<String>,
}

/// Records a fold: workers, one pending operation for each job that reads the system, and a wake for each
/// worker. The uploads go (B33). Refused when somebody else folded first.
pub fn fold(conn: &mut Conn, system: &str, fold: &Fold, now: Timestamp) -> Result<()> {
    let (Some(first), Some(last)) = (fold.sequences.first(), fold.sequences.last()) else {
        return Ok(());
    };
    let moved = diesel::update(systems::table.find(system))
        .filter(systems::folded.lt(first))
        .set((
            systems::folded.eq(last),
            systems::waiting.eq(systems::waiting - fold.operations),
        ))
        .execute(conn)?;
    if moved == 0 {
        return Err(Error::new(
            Kind::Stale,
            "these uploads were folded by somebody else",
        ));
    }
    workers::store(conn, system, &fold.workers, now)?;
    for job in &fold.readers {
        expect(conn, job, &fold.places)?;
        super::wakes::heard(conn, job, &workers::heard(&fold.workers), now)?;
    }
    diesel::delete(uploads::table)
        .filter(
            uploads::system
                .eq(system)
                .and(uploads::sequence.eq_any(&fold.sequences)),
        )
        .execute(conn)?;
    Ok(())
}

/// Makes operations wait for an outcome.
pub fn expect(conn: &mut Conn, job: &str, places: &[Place]) -> Result<()> {
    for page in places.chunks(super::ROWS) {
        let rows: Vec<_> = page
            .iter()
            .map(|place| {
                (
                    operations::job.eq(job),
                    operations::sequence.eq(place.sequence),
                    operations::position.eq(place.position),
                    operations::anchor.eq(&place.anchor),
                    operations::received.eq(place.received),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(operations::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// The operations of these workers that have no outcome yet, in the order in which HR spoke.
pub fn pending(conn: &mut Conn, job: &str, anchors: &[&str]) -> Result<Vec<Place>> {
    if !has_any!(conn, operations, job) {
        return Ok(Vec::new());
    }
    // Put in order here: SQLite would walk through every operation of the job to have them in order by itself.
    let rows: Vec<(i64, i32, String, i64)> = operations::table
        .filter(operations::job.eq(job).and(operations::anchor.eq_any(anchors)))
        .select((
            operations::sequence,
            operations::position,
            operations::anchor,
            operations::received,
        ))
        .load(conn)?;
    let place = |(sequence, position, anchor, received)| Place {
        sequence,
        position,
        anchor,
        received,
    };
    let mut places: Vec<Place> = rows.into_iter().map(place).collect();
    places.sort_unstable_by_key(|place| (place.sequence, place.position));
    Ok(places)
}

/// How many operations of a job have no outcome yet.
pub fn pending_count(conn: &mut Conn, job: &str) -> Result<i64> {
    Ok(operations::table
        .filter(operations::job.eq(job))
        .count()
        .get_result(conn)?)
}

/// Ends operations whose outcome is in the log.
pub fn end(conn: &mut Conn, job: &str, ended: &[Place]) -> Result<()> {
    let mut by_upload: BTreeMap<i64, Vec<i32>> = BTreeMap::new();
    for place in ended {
        by_upload.entry(place.sequence).or_default().push(place.position);
    }
    for (sequence, positions) in by_upload {
        for page in positions.chunks(super::ROWS) {
            let these =
                operations::table.filter(operations::job.eq(job).and(operations::sequence.eq(sequence)));
            diesel::delete(these.filter(operations::position.eq_any(page))).execute(conn)?;
        }
    }
    Ok(())
}
