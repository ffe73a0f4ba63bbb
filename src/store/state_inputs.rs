//! What HR said where it decides whether somebody may sign in: as it was while HR wanted that, and as it is where a limit holds
//! the disable. So it can be told what turned.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::schema::{held, state_inputs};
use super::{Conn, ROWS, from_json, native, to_json};
use crate::domain::turned::{Inputs, Turn};
use crate::error::Result;

/// What a look makes of what is remembered of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// HR wants the account enabled, by these.
    Active(Inputs),
    /// A limit holds the disable, which follows from these.
    Held(Inputs),
    /// The account is disabled or gone.
    Over,
}

pub fn keep(conn: &mut Conn, job: &str, news: &[(&str, &News)]) -> Result<()> {
    let of = |wanted: fn(&News) -> Option<Option<&Inputs>>| -> BTreeMap<&str, Option<&Inputs>> {
        let some = news.iter();
        some.filter_map(|(worker, one)| Some((*worker, wanted(one)?)))
            .collect()
    };
    let active = of(|one| match one {
        News::Active(inputs) => Some(Some(inputs)),
        _ => None,
    });
    let kept = of(|one| match one {
        News::Held(inputs) => Some(Some(inputs)),
        _ => None,
    });
    let over = of(|one| matches!(one, News::Over).then_some(None));
    let rows = |inputs: &[(&str, Option<&Inputs>)]| -> Result<Vec<(String, Option<String>)>> {
        let row = |(worker, inputs): &(&str, Option<&Inputs>)| {
            Ok(((*worker).to_string(), inputs.map(to_json).transpose()?))
        };
        inputs.iter().map(row).collect()
    };
    for page in active.into_iter().collect::<Vec<_>>().chunks(ROWS) {
        let rows = rows(page)?;
        let rows: Vec<_> = rows
            .iter()
            .map(|(worker, text)| {
                (
                    state_inputs::job.eq(job),
                    state_inputs::worker.eq(worker),
                    state_inputs::active.eq(text),
                    state_inputs::held.eq(None::<String>),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(state_inputs::table)
            .values(&rows)
            .on_conflict((state_inputs::job, state_inputs::worker))
            .do_update()
            .set((
                state_inputs::active.eq(excluded(state_inputs::active)),
                state_inputs::held.eq(excluded(state_inputs::held)),
            ))
            .execute(c))?;
    }
    for page in kept.into_iter().collect::<Vec<_>>().chunks(ROWS) {
        let rows = rows(page)?;
        let rows: Vec<_> = rows
            .iter()
            .map(|(worker, text)| {
                (
                    state_inputs::job.eq(job),
                    state_inputs::worker.eq(worker),
                    state_inputs::held.eq(text),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(state_inputs::table)
            .values(&rows)
            .on_conflict((state_inputs::job, state_inputs::worker))
            .do_update()
            .set(state_inputs::held.eq(excluded(state_inputs::held)))
            .execute(c))?;
    }
    let over: Vec<&str> = over.into_keys().collect();
    for page in over.chunks(ROWS) {
        let these = state_inputs::table.filter(state_inputs::job.eq(job));
        diesel::delete(these.filter(state_inputs::worker.eq_any(page))).execute(conn)?;
    }
    Ok(())
}

/// Some of those whose disable a limit holds.
pub fn turned(conn: &mut Conn, job: &str, limit: i64) -> Result<Vec<Turn>> {
    let is_held = held::table.filter(
        held::job
            .eq(job)
            .and(held::worker.eq(state_inputs::worker))
            .and(held::released.eq(false))
            .and(held::action.eq_any(["disable", "delete"])),
    );
    let rows: Vec<(Option<String>, Option<String>)> = state_inputs::table
        .filter(state_inputs::job.eq(job).and(state_inputs::held.is_not_null()))
        .filter(diesel::dsl::exists(is_held))
        .order(state_inputs::worker)
        .select((state_inputs::active, state_inputs::held))
        .limit(limit)
        .load(conn)?;
    rows.into_iter()
        .map(|(before, now)| {
            Ok(Turn {
                before: before.as_deref().map(from_json).transpose()?,
                now: now.as_deref().map(from_json).transpose()?.unwrap_or_default(),
            })
        })
        .collect()
}

/// Forgets all of a job's: it has another target.
pub fn clear(conn: &mut Conn, job: &str) -> Result<()> {
    diesel::delete(state_inputs::table.filter(state_inputs::job.eq(job))).execute(conn)?;
    Ok(())
}
