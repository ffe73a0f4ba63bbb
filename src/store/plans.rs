//! Plans that are kept: a head each, and pages of what is proposed.

use std::io::{Read, Write};

use diesel::prelude::*;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::schema::{plan_done, plan_pages, plans};
use super::{Conn, ROWS, from_json, micros, native, to_json};
use crate::error::{Error, Result};

/// Keeps a plan without pages.
pub fn begin(conn: &mut Conn, id: &str, job: &str, made: Timestamp, head: &impl Serialize) -> Result<()> {
    diesel::insert_into(plans::table)
        .values((
            plans::id.eq(id),
            plans::job.eq(job),
            plans::made.eq(micros(made)),
            plans::head.eq(to_json(head)?),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn update(conn: &mut Conn, id: &str, head: &impl Serialize) -> Result<()> {
    diesel::update(plans::table.find(id))
        .set(plans::head.eq(to_json(head)?))
        .execute(conn)?;
    Ok(())
}

/// A plan's head, if the job has such a plan.
pub fn find<T: DeserializeOwned>(conn: &mut Conn, job: &str, id: &str) -> Result<Option<T>> {
    let head: Option<String> = plans::table
        .filter(plans::id.eq(id).and(plans::job.eq(job)))
        .select(plans::head)
        .first(conn)
        .optional()?;
    head.map(|head| from_json(&head)).transpose()
}

/// Adds what is proposed for some workers; `last` is the last of them.
pub fn add(conn: &mut Conn, plan: &str, position: i32, last: &str, body: &[u8]) -> Result<()> {
    diesel::insert_into(plan_pages::table)
        .values((
            plan_pages::plan.eq(plan),
            plan_pages::position.eq(position),
            plan_pages::last.eq(last),
            plan_pages::body.eq(body),
        ))
        .execute(conn)?;
    Ok(())
}

/// The first page that goes beyond a worker, and where it is.
pub fn page(conn: &mut Conn, plan: &str, after: &str) -> Result<Option<(i32, Vec<u8>)>> {
    Ok(plan_pages::table
        .filter(plan_pages::plan.eq(plan).and(plan_pages::last.gt(after)))
        .order(plan_pages::position)
        .select((plan_pages::position, plan_pages::body))
        .first(conn)
        .optional()?)
}

/// What a page is kept as: one list of JSON texts, compressed together, which takes a tenth.
pub fn pack(proposals: &[String]) -> Result<Vec<u8>> {
    let wrong = |error| Error::internal("a plan could not be kept").because(error);
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
    let mut sign = "[";
    for proposal in proposals {
        packed.write_all(sign.as_bytes()).map_err(wrong)?;
        packed.write_all(proposal.as_bytes()).map_err(wrong)?;
        sign = ",";
    }
    let end = if proposals.is_empty() { "[]" } else { "]" };
    packed.write_all(end.as_bytes()).map_err(wrong)?;
    packed.finish().map_err(wrong)
}

pub fn unpack<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let mut text = String::new();
    DeflateDecoder::new(body)
        .read_to_string(&mut text)
        .map_err(|error| Error::internal("a plan cannot be read").because(error))?;
    from_json(&text)
}

/// Notes whose part was carried out.
pub fn mark_done(conn: &mut Conn, plan: &str, workers: &[&str]) -> Result<()> {
    for page in workers.chunks(ROWS) {
        let rows: Vec<_> = page
            .iter()
            .map(|worker| (plan_done::plan.eq(plan), plan_done::worker.eq(*worker)))
            .collect();
        native!(conn, c => diesel::insert_into(plan_done::table)
            .values(&rows)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(())
}

/// Who of these has been served.
pub fn done(conn: &mut Conn, plan: &str, workers: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for page in workers.chunks(ROWS) {
        let rows: Vec<String> = plan_done::table
            .filter(plan_done::plan.eq(plan).and(plan_done::worker.eq_any(page)))
            .select(plan_done::worker)
            .load(conn)?;
        found.extend(rows);
    }
    Ok(found)
}

/// Lets plans go that are older than this.
pub fn expire(conn: &mut Conn, before: Timestamp) -> Result<()> {
    let old = || {
        plans::table
            .filter(plans::made.lt(micros(before)))
            .select(plans::id)
    };
    diesel::delete(plan_pages::table.filter(plan_pages::plan.eq_any(old()))).execute(conn)?;
    diesel::delete(plan_done::table.filter(plan_done::plan.eq_any(old()))).execute(conn)?;
    diesel::delete(plans::table.filter(plans::made.lt(micros(before)))).execute(conn)?;
    Ok(())
}
