//! The tenant as a source of workers: everybody who is a member, then what becomes of them, as Graph's delta query tells.

use std::collections::HashSet;

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use reqwest::{StatusCode, Url};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::config::Config;
use super::delta::{self, Behind, Sheet};
use super::find;
use super::graph::{Graph, Part};
use super::record::{self, Reader};
use crate::connector::pages::{Teller, told};
use crate::connector::wanted::Wanted;
use crate::connector::{Cursor, End, Page, Problem, Severity, Source, SourceCapability, Watermark, answered};
use crate::domain::schema::Schema;
use crate::domain::worker::Statement;
use crate::error::{Error, Kind, Result};

/// Users asked for by id or by value at once: the statements of one page.
const ASKED: usize = 300;

/// One tenant that is asked for workers. Cheap to keep, and meant to be kept: it holds the token.
pub struct EntraSource {
    graph: Graph,
    /// As the schemas want it.
    wanted: Reader,
    /// What cannot be asked for by name: no property of Graph's is called so.
    nameless: Vec<String>,
    doubt: Option<Problem>,
    fingerprint: String,
    /// As far as the tenant knows the properties.
    known: OnceCell<Asked>,
}

/// What is asked of the tenant about each user.
struct Asked {
    reader: Reader,
    /// Properties that it does not know.
    refused: Vec<String>,
}

impl Asked {
    /// As users are asked for one by one, or searched for.
    fn query(&self) -> String {
        let references = self.reader.references().iter();
        let expand: Vec<String> = references.map(|name| format!("{name}($select=id)")).collect();
        match expand.is_empty() {
            true => format!("$select={}", self.select()),
            false => format!("$select={}&$expand={}", self.select(), expand.join(",")),
        }
    }

    fn select(&self) -> String {
        self.reader.properties().join(",")
    }

    /// As changes are asked for, where references count as properties.
    fn followed(&self) -> String {
        let references = self.reader.references().iter().map(String::as_str);
        let followed: Vec<&str> = self.reader.properties().into_iter().chain(references).collect();
        followed.join(",")
    }
}

impl EntraSource {
    /// Reads the attributes of the schemas' source object that mappings and filters read. Connects to nothing yet. Errors:
    /// an unreadable `ca_file`.
    pub fn new(config: &Config, schemas: &[&Schema]) -> Result<EntraSource> {
        let mut wanted = Wanted::of(schemas);
        let doubt = wanted.problems();
        let mut hash = Sha256::new();
        hash.update(format!("{} {}\n{wanted:?}", config.url, config.token_url));
        let (attributes, nameless) = wanted
            .attributes
            .into_iter()
            .partition(|name| is_property_name(name));
        wanted.attributes = attributes;
        Ok(EntraSource {
            graph: Graph::new(config)?,
            wanted: Reader::new(wanted),
            nameless,
            doubt,
            fingerprint: format!("{:x}", hash.finalize()),
            known: OnceCell::new(),
        })
    }

    /// What can be asked for: one property that the tenant does not know would have every question refused.
    async fn asked(&self) -> Result<&Asked> {
        let find_out = async || {
            let refused = self.refused().await?;
            Ok::<_, Error>(Asked {
                reader: self.wanted.without(&refused),
                refused,
            })
        };
        self.known.get_or_try_init(find_out).await
    }

    async fn refused(&self) -> Result<Vec<String>> {
        let properties = self.wanted.properties();
        let ask = |select: &str| format!("users?$top=1&$select={select}");
        let url = self.graph.address(&ask(&properties.join(",")))?;
        let answer = self.graph.answer(&url).await?;
        match answer.status {
            StatusCode::BAD_REQUEST => {}
            status if status.is_success() => return Ok(Vec::new()),
            _ => return Err(answer.into_error("Graph")),
        }
        let parts = properties
            .iter()
            .map(|property| Part::get(format!("/{}", ask(property))));
        let replies = self.graph.ask_all(parts.collect()).await?;
        let refused = properties.iter().zip(replies);
        let refused = refused.filter(|(_, reply)| reply.status == StatusCode::BAD_REQUEST);
        Ok(refused.map(|(property, _)| (*property).to_string()).collect())
    }

    async fn tell(&self, from: Cursor, pages: Teller) -> Result<()> {
        let mut reading = Reading {
            graph: &self.graph,
            asked: self.asked().await?,
            at: answered(),
            pages,
        };
        match from {
            Cursor::Full => reading.everybody().await,
            Cursor::Since(watermark) => reading.changes(watermark.place.as_deref()).await,
            Cursor::Workers(ids) => reading.workers(&ids).await,
            Cursor::Holding { attribute, values } => reading.holders(&attribute, &values).await,
        }
    }
}

/// Whether Graph may have a property where this attribute lies; anything else would be a part of the query's syntax.
fn is_property_name(attribute: &str) -> bool {
    let is_name = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
    };
    let place = super::wire::place(attribute);
    is_name(&place.property) && place.member.is_none_or(|member| is_name(&member))
}

#[async_trait]
impl Source for EntraSource {
    fn capability(&self) -> SourceCapability {
        SourceCapability {
            incremental: true,
            by_anchor: true,
            by_value: true,
        }
    }

    fn read(&self, from: Cursor) -> BoxStream<'_, Result<Page>> {
        told(move |pages| self.tell(from, pages))
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    async fn forgive(&self) {
        self.graph.forgive();
    }

    async fn check(&self) -> Vec<Problem> {
        let problem = |severity, message: String| Problem { severity, message };
        let mut problems: Vec<Problem> = self.doubt.iter().cloned().collect();
        let unknown = |name: &str| {
            problem(
                Severity::Warning,
                format!(
                    "{name} is read by a mapping or a filter, and users of this tenant have no such property: correct the schema"
                ),
            )
        };
        problems.extend(self.nameless.iter().map(|name| unknown(name)));
        let readable = async {
            let asked = self.asked().await?;
            let latest = format!("users/delta?$select={}&$deltatoken=latest", asked.followed());
            self.graph.ask(&self.graph.address(&latest)?).await?;
            Ok::<_, Error>(asked)
        };
        match readable.await {
            Ok(asked) => problems.extend(self.wanted.lying_in(&asked.refused).map(unknown)),
            Err(error) => {
                let advice = match error.kind {
                    Kind::Forbidden => ": grant the app User.Read.All and consent to it",
                    _ => "",
                };
                problems.push(problem(Severity::Error, format!("{error}{advice}")));
            }
        }
        problems
    }
}

/// A read under way.
struct Reading<'s> {
    graph: &'s Graph,
    asked: &'s Asked,
    /// When it began.
    at: Timestamp,
    pages: Teller,
}

impl Reading<'_> {
    async fn everybody(&mut self) -> Result<()> {
        let first = format!("users/delta?$select={}", self.asked.followed());
        let mut next = Some(self.graph.address(&first)?);
        while let Some(url) = next.take() {
            let Sheet::Users(users, behind) = delta::sheet(self.graph, &url).await? else {
                return Err(Error::unavailable(
                    "Graph has lost its place in a list of all users",
                ));
            };
            let reader = &self.asked.reader;
            self.hand_over(&users, |user, at| reader.whole(user, at)).await?;
            next = self.go_on(behind).await?;
        }
        Ok(())
    }

    async fn changes(&mut self, place: Option<&str>) -> Result<()> {
        let mut next = place.and_then(|place| delta::place(self.graph, place));
        if next.is_none() {
            return self.pages.end(End::Expired).await;
        }
        while let Some(url) = next.take() {
            let Sheet::Users(users, behind) = delta::sheet(self.graph, &url).await? else {
                return self.pages.end(End::Expired).await;
            };
            let reader = &self.asked.reader;
            self.hand_over(&users, |user, at| reader.changed(user, at))
                .await?;
            next = self.go_on(behind).await?;
        }
        Ok(())
    }

    /// The next page, or the end.
    async fn go_on(&mut self, behind: Behind) -> Result<Option<Url>> {
        let end = match behind {
            Behind::Page(url) => return Ok(Some(url)),
            Behind::Place(place) => End::Complete(Watermark {
                at: self.at,
                place: Some(place),
            }),
            Behind::Unknown(why) => End::Doubtful(vec![why]),
        };
        self.pages.end(end).await?;
        Ok(None)
    }

    /// Hands over a page of changes. Of whom it does not say whether it is a member, that and all else is asked; an answer
    /// without users is no news.
    async fn hand_over(
        &mut self,
        users: &[Json],
        statement: impl Fn(&Json, Timestamp) -> Option<Statement>,
    ) -> Result<()> {
        let mut statements = Vec::with_capacity(users.len());
        let mut unclear = Vec::new();
        for user in users {
            match (record::anchor(user), user.get("@removed"), user.get("userType")) {
                (Some(anchor), Some(_), _) => statements.push(record::gone(anchor, self.at)),
                (Some(anchor), None, None) => unclear.push(anchor),
                _ => statements.extend(statement(user, self.at)),
            }
        }
        statements.extend(self.by_id(&unclear).await?);
        match statements.is_empty() {
            true => Ok(()),
            false => self.pages.statements(statements).await,
        }
    }

    async fn workers(&mut self, ids: &[String]) -> Result<()> {
        for some in ids.chunks(ASKED) {
            let statements = self.by_id(some).await?;
            self.pages.statements(statements).await?;
        }
        self.finish().await
    }

    /// Users as they are, also those in the bin. Who is nowhere is not to be seen.
    async fn by_id(&self, ids: &[String]) -> Result<Vec<Statement>> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut statements = Vec::new();
        let mut missing = Vec::new();
        let replies = find::addressed(self.graph, &ids, &self.asked.query()).await?;
        for (id, reply) in ids.iter().zip(replies) {
            match find::user(&reply, false)? {
                Some(user) => statements.extend(self.asked.reader.whole(user, self.at)),
                None => missing.push(*id),
            }
        }
        for reply in find::binned(self.graph, &missing, "id").await? {
            let id = find::user(&reply, false)?.and_then(record::anchor);
            statements.extend(id.map(|id| record::gone(id, self.at)));
        }
        Ok(statements)
    }

    /// Searches lag behind what was written, and a read by name does not.
    async fn holders(&mut self, attribute: &str, values: &[String]) -> Result<()> {
        let is_name = attribute.eq_ignore_ascii_case("userPrincipalName");
        let query = self.asked.query();
        for some in values.chunks(ASKED) {
            let mut seen = HashSet::new();
            let values: Vec<&str> = some
                .iter()
                .map(String::as_str)
                .filter(|it| !it.is_empty())
                .collect();
            let users = match is_name {
                true => self.called(&values).await?,
                false => find::holders(self.graph, attribute, &values, &query).await?,
            };
            let mut statements: Vec<Statement> = users
                .iter()
                .filter_map(|user| self.asked.reader.whole(user, self.at))
                .collect();
            statements.retain(|statement| seen.insert(statement.anchor.clone()));
            self.pages.statements(statements).await?;
        }
        self.finish().await
    }

    async fn called(&self, names: &[&str]) -> Result<Vec<Json>> {
        let query = self.asked.query();
        let mut users = Vec::new();
        for (name, reply) in names
            .iter()
            .zip(find::addressed(self.graph, names, &query).await?)
        {
            let user = find::user(&reply, true)?.filter(|user| find::is_member_called(user, name));
            users.extend(user.cloned());
        }
        Ok(users)
    }

    async fn finish(&mut self) -> Result<()> {
        let watermark = Watermark {
            at: self.at,
            place: None,
        };
        self.pages.end(End::Complete(watermark)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_can_be_asked_for() {
        for (attribute, is_name) in [
            ("employeeId", true),
            ("extension_1a2b_badge", true),
            ("employeeOrgData.costCenter", true),
            ("emails[type eq \"work\"].value", false),
            ("mail,passwordProfile", false),
            ("a b", false),
            ("", false),
        ] {
            assert_eq!(is_property_name(attribute), is_name, "{attribute}");
        }
    }
}
