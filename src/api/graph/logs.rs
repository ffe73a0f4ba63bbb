//! The provisioning log (Graph's "List provisioningObjectSummary"): newest first, filtered, paged.

use actix_web::{HttpRequest, get, web};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::version;
use crate::api::Gateway;
use crate::api::auth::{Caller, ReadLogs};
use crate::api::odata::{Collection, Filter, Literal, Operator, Options};
use crate::api::problem::{Envelope, Problem};
use crate::error::{Error, Kind, Result};
use crate::store::logs::{self, Column, Condition, Query};
use crate::store::{from_json, micros};

const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

/// Entries looked at for one page; a filter that admits hardly any goes on behind the next link.
const SCAN: usize = 20_000;

/// Names by which older clients ask, and those of the record.
const ALIASES: &[(&str, &str)] = &[
    ("statusInfo/", "provisioningStatusInfo/"),
    ("action", "provisioningAction"),
    ("servicePrincipal/name", "servicePrincipal/displayName"),
];

/// Properties that a column answers.
const COLUMNS: &[(&str, Column)] = &[
    ("id", Column::Id),
    ("jobId", Column::Job),
    ("cycleId", Column::Cycle),
    ("changeId", Column::Change),
    ("sourceIdentity/id", Column::Source),
    ("servicePrincipal/id", Column::App),
    ("provisioningAction", Column::Action),
    ("provisioningStatusInfo/status", Column::Status),
];

/// What happened to whom and why.
#[utoipa::path(tag = "auditLogs", params(Options), responses((status = 200, body = Collection), (status = 400, body = Envelope), (status = 401, body = Envelope), (status = 403, body = Envelope)))]
#[get("/auditLogs/provisioning")]
pub async fn list_entries(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadLogs>,
    options: web::Query<Options>,
    request: HttpRequest,
) -> Result<web::Json<Collection>, Problem> {
    let top = options.top.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&top) {
        return Err(
            Error::invalid(format!("$top: it must be between 1 and {LARGEST_PAGE}"))
                .at("$top")
                .into(),
        );
    }
    let (conditions, rest) = match &options.filter {
        Some(filter) => split(&Filter::parse(filter)?),
        None => (Vec::new(), Vec::new()),
    };
    let query = Query {
        conditions,
        apps: caller
            .client
            .apps
            .as_ref()
            .map(|apps| apps.iter().map(ToString::to_string).collect()),
        after: options.skiptoken.clone(),
        oldest_first: oldest_first(options.orderby.as_deref())?,
        limit: 0,
    };
    let (mut value, more) = gateway
        .engine
        .store()
        .read(move |conn| page(conn, query, &rest, top))
        .await?;
    if version(&request) == "beta" {
        value.iter_mut().for_each(with_former_names);
    }
    let base = format!("{}/{}", gateway.base_url(&request), version(&request));
    Ok(web::Json(Collection {
        context: format!("{base}/$metadata#auditLogs/provisioning"),
        value,
        next_link: more.map(|after| next_link(&base, &options, top, &after)),
    }))
}

/// One entry.
#[utoipa::path(tag = "auditLogs", params(("entry" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Envelope)))]
#[get("/auditLogs/provisioning/{entry}")]
pub async fn find_entry(
    gateway: web::Data<Gateway>,
    caller: Caller<ReadLogs>,
    entry: web::Path<String>,
) -> Result<web::Json<Value>, Problem> {
    let query = Query {
        conditions: vec![Condition::Is(Column::Id, entry.clone())],
        apps: caller
            .client
            .apps
            .as_ref()
            .map(|apps| apps.iter().map(ToString::to_string).collect()),
        limit: 1,
        ..Query::default()
    };
    let found = gateway
        .engine
        .store()
        .read(move |conn| logs::query(conn, &query))
        .await?;
    let Some((_, body)) = found.first() else {
        return Err(Error::new(Kind::NotFound, format!("Resource '{entry}' does not exist.")).into());
    };
    Ok(web::Json(from_json(body)?))
}

/// Beta shows the same data under its former names as well, and clients of that time read those.
fn with_former_names(record: &mut Value) {
    let Some(members) = record.as_object_mut() else {
        return;
    };
    for (former, name) in [
        ("action", "provisioningAction"),
        ("statusInfo", "provisioningStatusInfo"),
    ] {
        if let Some(value) = members.get(name).cloned() {
            members.insert(former.into(), value);
        }
    }
}

/// One page, and behind which entry the next begins.
fn page(
    conn: &mut crate::store::Conn,
    mut query: Query,
    rest: &[Filter],
    top: usize,
) -> Result<(Vec<Value>, Option<String>)> {
    let mut found = Vec::new();
    let mut seen = 0;
    // One more than asked for tells whether there is more.
    query.limit = i64::try_from(top + 1).unwrap_or(i64::MAX);
    loop {
        let rows = logs::query(conn, &query)?;
        let last_batch = rows.len() <= top;
        for (id, body) in rows {
            if found.len() == top || seen >= SCAN {
                return Ok((found, query.after));
            }
            let record: Value = from_json(&body)?;
            seen += 1;
            query.after = Some(id);
            if rest.iter().all(|filter| filter.admits(&record)) {
                found.push(record);
            }
        }
        if last_batch {
            return Ok((found, None));
        }
    }
}

/// What columns can answer, and what must be asked of each record.
fn split(filter: &Filter) -> (Vec<Condition>, Vec<Filter>) {
    let mut conditions = Vec::new();
    let mut rest = Vec::new();
    for part in filter.conjuncts() {
        let part = renamed(part);
        match condition(&part) {
            Some(condition) => conditions.push(condition),
            None => rest.push(part),
        }
    }
    (conditions, rest)
}

fn condition(filter: &Filter) -> Option<Condition> {
    let Filter::Compare {
        path,
        operator,
        value,
    } = filter
    else {
        return None;
    };
    if path.eq_ignore_ascii_case("activityDateTime") {
        let (Literal::Text(text) | Literal::Bare(text)) = value else {
            return None;
        };
        let at = micros(text.parse::<Timestamp>().ok()?);
        return match operator {
            Operator::Ge | Operator::Gt => Some(Condition::From {
                at,
                inclusive: *operator == Operator::Ge,
            }),
            Operator::Le | Operator::Lt => Some(Condition::Until {
                at,
                inclusive: *operator == Operator::Le,
            }),
            Operator::Eq | Operator::Ne => None,
        };
    }
    let (_, column) = COLUMNS.iter().find(|(name, _)| name.eq_ignore_ascii_case(path))?;
    match (operator, value) {
        (Operator::Eq, Literal::Text(value)) => Some(Condition::Is(*column, value.clone())),
        (Operator::Ne, Literal::Text(value)) => Some(Condition::IsNot(*column, value.clone())),
        _ => None,
    }
}

/// The filter with every property under the name the record has.
fn renamed(filter: &Filter) -> Filter {
    let rename = |path: &str| {
        let alias = ALIASES.iter().find(|(alias, _)| match alias.ends_with('/') {
            true => {
                path.len() > alias.len()
                    && path.is_char_boundary(alias.len())
                    && path[..alias.len()].eq_ignore_ascii_case(alias)
            }
            false => path.eq_ignore_ascii_case(alias),
        });
        alias.map_or_else(
            || path.to_string(),
            |(alias, name)| format!("{name}{}", &path[alias.len()..]),
        )
    };
    match filter {
        Filter::And(parts) => Filter::And(parts.iter().map(renamed).collect()),
        Filter::Or(parts) => Filter::Or(parts.iter().map(renamed).collect()),
        Filter::Not(inner) => Filter::Not(Box::new(renamed(inner))),
        Filter::Compare {
            path,
            operator,
            value,
        } => Filter::Compare {
            path: rename(path),
            operator: *operator,
            value: value.clone(),
        },
        Filter::Text { test, path, text } => Filter::Text {
            test: *test,
            path: rename(path),
            text: text.clone(),
        },
    }
}

fn oldest_first(orderby: Option<&str>) -> Result<bool> {
    let Some(orderby) = orderby else { return Ok(false) };
    let mut words = orderby.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(property), direction, None) if property.eq_ignore_ascii_case("activityDateTime") => {
            Ok(!direction.is_some_and(|direction| direction.eq_ignore_ascii_case("desc")))
        }
        _ => Err(Error::invalid("$orderby: it must be activityDateTime, with asc or desc").at("$orderby")),
    }
}

fn next_link(base: &str, options: &Options, top: usize, after: &str) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut link = format!("{base}/auditLogs/provisioning?$top={top}");
    for (name, value) in [("$filter", &options.filter), ("$orderby", &options.orderby)] {
        if let Some(value) = value {
            link.push_str(&format!("&{name}={}", encode(value)));
        }
    }
    link.push_str(&format!("&$skiptoken={}", encode(after)));
    link
}
