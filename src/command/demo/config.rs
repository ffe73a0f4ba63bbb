//! The gateway's config for a demonstration: five apps, of two employers and two targets, one of them on the way home.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::command::bulk::service::Job;
use crate::domain::schema;
use crate::error::{Error, Result};
use crate::lab::{directory, entra, workday};

pub const CLIENT: &str = "hr-script";

/// The company's own word for who works where (`lab::company`).
const POST: &str = "urn:ietf:params:scim:schemas:extension:company:1.0:User:post";

/// One of the apps.
pub struct App {
    pub id: &'static str,
    pub job: &'static str,
    /// Where its people come from.
    pub source: Source,
    /// Where their accounts are.
    pub target: &'static str,
    /// The unit of the directory in which new ones are made.
    unit: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Whoever has this `post`, which is the company's own word for who works where.
    Uploads(&'static str),
    Workday,
    /// What accounts hold goes home to Workday.
    EntraId,
}

pub static OFFICE: App = App {
    id: "0f0f1c1a-0000-4000-8000-00000000000a",
    job: "API2AD.demo",
    source: Source::Uploads("Office"),
    target: "directory",
    unit: Some("Staff"),
};
pub static FIELD: App = App {
    id: "0f0f1c1a-0000-4000-8000-00000000000b",
    job: "API2AAD.demo",
    source: Source::Uploads("Field"),
    target: "Entra ID",
    unit: None,
};
pub static WORKDAY: App = App {
    id: "0f0f1c1a-0000-4000-8000-00000000000c",
    job: "Workday2AD.demo",
    source: Source::Workday,
    target: "directory",
    unit: Some("Pacific"),
};
pub static CLOUD: App = App {
    id: "0f0f1c1a-0000-4000-8000-00000000000d",
    job: "Workday2AAD.demo",
    source: Source::Workday,
    target: "Entra ID",
    unit: None,
};
pub static HOME: App = App {
    id: "0f0f1c1a-0000-4000-8000-00000000000e",
    job: "WorkdayWriteback.demo",
    source: Source::EntraId,
    target: "Workday",
    unit: None,
};
pub static APPS: [&App; 5] = [&OFFICE, &FIELD, &WORKDAY, &CLOUD, &HOME];
/// Those that ask Workday for people.
pub static FROM_WORKDAY: [&App; 2] = [&WORKDAY, &CLOUD];

impl App {
    pub fn job(&self) -> Job {
        Job {
            app: self.id.into(),
            id: self.job.into(),
        }
    }

    pub fn job_path(&self) -> String {
        format!(
            "/v1.0/servicePrincipals/{}/synchronization/jobs/{}",
            self.id, self.job
        )
    }

    fn template(&self) -> &'static str {
        self.job.split('.').next().unwrap_or_default()
    }
}

impl Source {
    pub fn name(self) -> &'static str {
        match self {
            Source::Uploads(_) => "uploads",
            Source::Workday => "Workday",
            Source::EntraId => "Entra ID",
        }
    }
}

/// The units that the gateway may write to.
pub fn units(base_dn: &str) -> Vec<String> {
    let units = APPS.iter().filter_map(|app| app.unit);
    units.map(|unit| container(unit, base_dn)).collect()
}

fn container(unit: &str, base_dn: &str) -> String {
    format!("OU={unit},{base_dn}")
}

/// What the gateway is to talk to.
pub struct Systems<'s> {
    pub directory: &'s directory::Directory,
    pub entra: &'s entra::Entra,
    pub workday: &'s workday::Workday,
}

/// The config, with its schemas in this folder.
pub fn write(url: &str, secret: &str, systems: &Systems, folder: &Path) -> Result<String> {
    let mut text = format!(
        r#"
        [server]
        listen = "{}"
        [store]
        url = "sqlite:muster.db"
        [[client]]
        id = "{CLIENT}"
        secret = {}
        roles = ["SynchronizationData-User.Upload", "ProvisioningLog.Read.All", "Synchronization.ReadWrite.All"]
        "#,
        url.trim_start_matches("http://"),
        quoted(secret),
    );
    text.push_str(&systems.tables());
    for app in APPS {
        text.push_str(&app.table(&systems.directory.base_dn, folder)?);
    }
    Ok(text)
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

impl Systems<'_> {
    fn tables(&self) -> String {
        let Systems {
            directory,
            entra,
            workday,
        } = self;
        format!(
            r#"
            [system.uploads]
            kind = "bulk"
            [system.Workday]
            kind = "workday"
            url = "{}/Human_Resources/v40.0"
            username = "{}"
            password = {}
            [system.directory]
            kind = "active-directory"
            urls = ["{}"]
            base_dn = "{}"
            bind_dn = "{}"
            password = {}
            ca_file = {}
            [system."Entra ID"]
            kind = "entra"
            url = "{}"
            token_url = "{}"
            client_id = "{}"
            client_secret = {}
            domain = "{}"
            "#,
            workday.url,
            workday.user,
            quoted(&workday.password),
            directory.url,
            directory.base_dn,
            directory.user,
            quoted(&directory.password),
            quoted(&directory.ca_file.display().to_string()),
            entra.url,
            entra.token_url,
            entra.client_id,
            quoted(&entra.client_secret),
            entra.domain,
        )
    }
}

impl App {
    /// Its table, after its schema where that is not the template's own.
    fn table(&self, base_dn: &str, folder: &Path) -> Result<String> {
        let App { id, job, target, .. } = self;
        let (source, template) = (self.source.name(), self.template());
        let container = self.unit.map_or_else(String::new, |unit| {
            format!("container = \"{}\"", container(unit, base_dn))
        });
        let (schema, start) = match self.source {
            Source::Workday | Source::EntraId => (String::new(), false),
            Source::Uploads(post) => {
                self.write_schema(post, folder)?;
                (format!("schema = \"{post}.json\""), true)
            }
        };
        // Numbers are given in the cloud and go home: they do not come from there.
        let way_home = match *id == CLOUD.id {
            true => format!(
                "writeback = \"{}\"\nomit = [\"telephoneNumber\", \"mobile\"]",
                HOME.id
            ),
            false => String::new(),
        };
        Ok(format!(
            r#"
            [[app]]
            id = "{id}"
            name = "{template}: {source} to the {target}"
            source = "{source}"
            target = "{target}"
            template = "{template}"
            {schema}
            job = "{job}"
            start = {start}
            first_cycle = "apply"
            {container}
            {way_home}
            "#
        ))
    }

    /// The template's schema, for whoever works there. Two people of one name cannot share a container, so the
    /// directory's common names end with the employee number.
    fn write_schema(&self, post: &'static str, folder: &Path) -> Result<()> {
        let template = self.template();
        let broken = || Error::internal(format!("the template {template} cannot be used"));
        let document = schema::template(template).and_then(|template| template.document().ok());
        let mut schema = document.ok_or_else(broken)?.json().clone();
        let attributes = schema
            .pointer_mut("/directories/0/objects/0/attributes")
            .and_then(Json::as_array_mut);
        attributes.ok_or_else(broken)?.push(json!({ "name": POST }));
        let object = schema.pointer_mut("/synchronizationRules/0/objectMappings/0");
        let object = object.ok_or_else(broken)?;
        object["scope"] = scope(post);
        for mapping in object["attributeMappings"].as_array_mut().into_iter().flatten() {
            if mapping["targetAttributeName"] == "cn" {
                mapping["source"] =
                    json!({ "expression": r#"Join(" ", Mid([displayName], 1, 50), [externalId])"# });
            }
        }
        std::fs::write(folder.join(format!("{post}.json")), format!("{schema:#}"))
            .map_err(|error| Error::internal(format!("cannot write a schema: {error}")))
    }
}

/// Whose post nobody names works at the office.
fn scope(post: &'static str) -> Json {
    let group = |name: &str, operator: &str, values: &[&str]| {
        json!({ "name": name, "clauses": [{
            "sourceOperandName": POST, "operatorName": operator, "targetOperand": { "values": values },
        }] })
    };
    let mut groups = vec![group(post, "EQUALS", &[post])];
    if OFFICE.source == Source::Uploads(post) {
        groups.push(group("No post", "IS NULL", &[]));
    }
    json!({ "groups": groups })
}
