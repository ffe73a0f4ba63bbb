//! What the service account is shown of changes.

use ldap3::Scope;
use ldap3::controls::RawControl;

use super::check;
use super::connection::{Connection, Failure, Search};
use super::dirsync::DIRSYNC;
use super::errors::During;
use super::root::Root;
use super::target::DirectorySession;
use super::wire::Filter;
use crate::connector::Problem;
use crate::error::{Kind, Result};

/// Searches also find what was deleted ([MS-ADTS] 3.1.1.3.4.1.14).
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";

/// What it will not be told of.
pub(super) async fn blind_spots(session: &DirectorySession) -> Result<Vec<Problem>> {
    let connection = session.connection().await?;
    let root = Root::read(session, &connection).await?;
    if root.highest.is_none() {
        let message = "this directory does not tell what changed: everybody is read each time";
        return Ok(vec![check::warning(message.to_string())]);
    }
    if follows(session, &connection, &root.context).await? || sees_deleted(&connection, &root.context).await?
    {
        return Ok(Vec::new());
    }
    let message = "the service account may neither replicate changes nor see what was deleted, so whoever is deleted is missed once a day only: grant it \"Replicating Directory Changes\" on the domain, or to read the container Deleted Objects";
    Ok(vec![check::warning(message.to_string())])
}

/// Whether DirSync answers.
async fn follows(session: &DirectorySession, connection: &Connection, context: &str) -> Result<bool> {
    if !session.server.supports(DIRSYNC) {
        return Ok(false);
    }
    let search = Search {
        base: context,
        scope: Scope::Subtree,
        filter: session.server.dialect.people(),
        attributes: &["objectGUID".to_string()],
        controls: Vec::new(),
        page_size: session.shared.page_size,
    };
    match connection.changes(&search, 1, &[]).await {
        Ok(_) => Ok(true),
        Err(failure) => refused(failure).map(|()| false),
    }
}

/// Whether anything that was deleted is shown. Who sees nothing may not see it, or there is nothing yet: the container
/// itself tells neither.
pub(super) async fn sees_deleted(connection: &Connection, context: &str) -> Result<bool> {
    let search = Search {
        base: &format!("CN=Deleted Objects,{context}"),
        scope: Scope::OneLevel,
        filter: Filter::equal("isDeleted", "TRUE"),
        attributes: &["1.1".to_string()],
        controls: vec![show_deleted()],
        page_size: 1,
    };
    match connection.page(&search, Vec::new()).await {
        Ok(page) => Ok(!page.entries.is_empty()),
        Err(failure) => refused(failure).map(|()| false),
    }
}

pub(super) fn show_deleted() -> RawControl {
    RawControl {
        ctype: SHOW_DELETED.to_string(),
        crit: true,
        val: None,
    }
}

/// Whether the answer was no to what was asked, and not to the moment.
pub(super) fn refused(failure: Failure) -> Result<()> {
    match failure {
        Failure::Refused(refusal) => match refusal.into_error(During::Search) {
            error if error.kind == Kind::Unavailable => Err(error),
            _ => Ok(()),
        },
        other => Err(other.into_error(During::Search)),
    }
}
