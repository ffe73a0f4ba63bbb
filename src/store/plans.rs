//! Plans that are kept: a head each, and pages of what is proposed.

use std::io::{Read, Write};

use diesel::prelude::*;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

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

/// The page behind the one that a worker is the last of, and where it is; the first where nobody is named. In which order
/// anchors come is not asked here: a database may have another than whoever made the pages.
pub fn page(conn: &mut Conn, plan: &str, after: &str) -> Result<Option<(i32, Vec<u8>)>> {
    let pages = plan_pages::table.filter(plan_pages::plan.eq(plan));
    let before: Option<i32> = match after {
        "" => Some(-1),
        last => pages
            .filter(plan_pages::last.eq(last))
            .select(plan_pages::position)
            .first(conn)
            .optional()?,
    };
    let Some(before) = before else { return Ok(None) };
    Ok(pages
        .filter(plan_pages::position.gt(before))
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

/// Takes a worker out of a job's plans; answers how many plans that concerned.
pub fn forget(conn: &mut Conn, job: &str, worker: &str) -> Result<usize> {
    let all: Vec<String> = plans::table
        .filter(plans::job.eq(job))
        .select(plans::id)
        .load(conn)?;
    let mut count = 0;
    for id in all {
        diesel::delete(plan_done::table.filter(plan_done::plan.eq(&id).and(plan_done::worker.eq(worker))))
            .execute(conn)?;
        let others = |one: &Json| (one["worker"] != worker).then(|| one.clone());
        count += usize::from(rewrite_pages(conn, &id, &others)?);
    }
    Ok(count)
}

/// Makes what is proposed in any plan what `other` makes of it, and nothing where that is `None`; answers how many plans became
/// others.
pub fn rewrite(conn: &mut Conn, other: impl Fn(&Json) -> Option<Json>) -> Result<usize> {
    let all: Vec<String> = plans::table.select(plans::id).load(conn)?;
    let mut count = 0;
    for id in all {
        count += usize::from(rewrite_pages(conn, &id, &other)?);
    }
    Ok(count)
}

/// Whether the plan became another, which is not carried out then.
fn rewrite_pages(conn: &mut Conn, id: &str, other: &impl Fn(&Json) -> Option<Json>) -> Result<bool> {
    let pages: Vec<i32> = plan_pages::table
        .filter(plan_pages::plan.eq(id))
        .select(plan_pages::position)
        .load(conn)?;
    let mut is_another = false;
    for position in pages {
        is_another |= rewrite_page(conn, id, position, other)?;
    }
    if is_another {
        spoil(conn, id)?;
    }
    Ok(is_another)
}

/// Whether anything on the page became another.
fn rewrite_page(
    conn: &mut Conn,
    plan: &str,
    position: i32,
    other: &impl Fn(&Json) -> Option<Json>,
) -> Result<bool> {
    let this = || plan_pages::table.find((plan, position));
    let body: Vec<u8> = this().select(plan_pages::body).first(conn)?;
    let before: Vec<Json> = unpack(&body)?;
    let after: Vec<Json> = before.iter().filter_map(other).collect();
    if after == before {
        return Ok(false);
    }
    let texts: Vec<String> = after.iter().map(Json::to_string).collect();
    match after.last().and_then(|last| last["worker"].as_str()) {
        None => diesel::delete(this()).execute(conn)?,
        Some(last) => diesel::update(this())
            .set((plan_pages::last.eq(last), plan_pages::body.eq(pack(&texts)?)))
            .execute(conn)?,
    };
    Ok(true)
}

/// A plan is not what was made any more, and is not carried out.
fn spoil(conn: &mut Conn, id: &str) -> Result<()> {
    let head: String = plans::table.find(id).select(plans::head).first(conn)?;
    let mut head: Json = from_json(&head)?;
    if head["state"] != "applied" {
        head["state"] = "failed".into();
    }
    head["error"] = "somebody in this plan was forgotten: make another".into();
    if let Some(members) = head.as_object_mut() {
        members.remove("hash");
    }
    update(conn, id, &head)
}
