//! What access lists name by GUID: attributes, property sets, classes and extended rights, from the directory's own
//! schema ([MS-ADTS] 3.1.1.2.3, 5.1.3.2.1).

use std::collections::HashMap;

use ldap3::Scope;
use uuid::Uuid;

use crate::connector::active_directory::connection::{Connection, Search};
use crate::connector::active_directory::errors::During;
use crate::connector::active_directory::target::DirectorySession;
use crate::connector::active_directory::wire::{Entry, Filter};
use crate::error::{Error, Kind, Result};

/// The class of the accounts that are made.
pub(super) const USER: Uuid = Uuid::from_u128(0xbf967aba_0de6_11d0_a285_00aa003049e2);
/// The extended right to set a password without knowing it.
pub(super) const RESET_PASSWORD: Uuid = Uuid::from_u128(0x00299570_246d_11d0_a768_00aa006e0529);
/// Reads changes as another controller does, secrets left out: what a source may need.
pub(super) const REPLICATE_CHANGES: Uuid = Uuid::from_u128(0x1131f6aa_9c07_11d1_f79f_00c04fc2dcd2);

/// The names of this directory.
#[derive(Default)]
pub(super) struct Names {
    attributes: HashMap<String, Attribute>,
    /// Everything that has a GUID, as people call it.
    called: HashMap<Uuid, String>,
}

#[derive(Clone, Copy)]
struct Attribute {
    id: Uuid,
    /// The property set that it is in.
    set: Option<Uuid>,
}

impl Names {
    pub(super) async fn read(session: &DirectorySession) -> Result<Names> {
        let hidden = |what: &str| {
            Error::new(
                Kind::Forbidden,
                format!("the service account may not read {what}, by which access lists are understood"),
            )
        };
        let schema = session
            .server
            .schema
            .as_deref()
            .ok_or_else(|| hidden("the schema"))?;
        let configuration = session.server.configuration.as_deref();
        let configuration = configuration.ok_or_else(|| hidden("the configuration"))?;
        let connection = session.connection().await?;
        let mut names = Names::default();
        let asked = ["lDAPDisplayName", "schemaIDGUID", "attributeSecurityGUID"].map(str::to_string);
        let known = Filter::Any(vec![
            Filter::equal("objectClass", "attributeSchema"),
            Filter::equal("objectClass", "classSchema"),
        ]);
        for entry in read(session, &connection, schema, known, &asked).await? {
            names.schema_object(&entry);
        }
        let asked = ["displayName", "rightsGuid"].map(str::to_string);
        let rights = format!("CN=Extended-Rights,{configuration}");
        let known = Filter::equal("objectClass", "controlAccessRight");
        for entry in read(session, &connection, &rights, known, &asked).await? {
            let id = entry.text("rightsGuid").and_then(|text| text.parse().ok());
            names
                .called
                .extend(id.zip(entry.text("displayName").map(str::to_string)));
        }
        match names.attributes.is_empty() {
            true => Err(hidden("the schema")),
            false => Ok(names),
        }
    }

    fn schema_object(&mut self, entry: &Entry) {
        let id = |attribute: &str| {
            let stored = entry.bytes(attribute).first()?.as_slice();
            Some(Uuid::from_bytes_le(stored.try_into().ok()?))
        };
        let Some((name, own)) = entry.text("lDAPDisplayName").zip(id("schemaIDGUID")) else {
            return;
        };
        self.called.insert(own, name.to_string());
        let set = id("attributeSecurityGUID");
        self.attributes
            .insert(name.to_lowercase(), Attribute { id: own, set });
    }

    /// What an access list may call this attribute: its own GUID first, then that of its property set. Empty for what
    /// is no attribute here.
    pub(super) fn ids(&self, attribute: &str) -> Vec<Uuid> {
        let found = self.attributes.get(&attribute.to_lowercase());
        found.map_or_else(Vec::new, |it| [it.id].into_iter().chain(it.set).collect())
    }

    pub(super) fn called(&self, id: Uuid) -> String {
        self.called.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// The attributes of a property set, by name; empty for what is none.
    pub(super) fn members(&self, set: Uuid) -> Vec<&str> {
        let members = self.attributes.values().filter(|it| it.set == Some(set));
        let mut names: Vec<&str> = members
            .filter_map(|it| self.called.get(&it.id))
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names
    }

    #[cfg(test)]
    pub(super) fn of(attributes: &[(&str, Uuid, Option<Uuid>)]) -> Names {
        let mut names = Names::default();
        for (name, id, set) in attributes {
            names.called.insert(*id, name.to_string());
            let attribute = Attribute { id: *id, set: *set };
            names.attributes.insert(name.to_lowercase(), attribute);
        }
        names
    }
}

async fn read(
    session: &DirectorySession,
    connection: &Connection,
    base: &str,
    filter: Filter,
    attributes: &[String],
) -> Result<Vec<Entry>> {
    let search = Search {
        base,
        scope: Scope::OneLevel,
        filter,
        attributes,
        controls: Vec::new(),
        page_size: session.shared.page_size,
    };
    let found = connection.search(&search).await;
    found.map_err(|failure| failure.into_error(During::Search))
}
