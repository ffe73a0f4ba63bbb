//! The mappings that come with Muster, as the JSON that Graph would give.

use super::{Document, Problem};

#[derive(Debug)]
pub struct Template {
    /// The template id of jobs and of the config: `API2AD`.
    pub id: &'static str,
    pub description: &'static str,
    json: &'static str,
}

pub const TEMPLATES: &[Template] = &[
    Template {
        id: "API2AD",
        description: "API-driven provisioning to on-premises Active Directory",
        json: include_str!("templates/API2AD.json"),
    },
    Template {
        id: "API2AAD",
        description: "API-driven provisioning to Microsoft Entra ID",
        json: include_str!("templates/API2AAD.json"),
    },
    Template {
        id: "Workday2AD",
        description: "Workday to on-premises Active Directory",
        json: include_str!("templates/Workday2AD.json"),
    },
    Template {
        id: "Workday2AAD",
        description: "Workday to Microsoft Entra ID",
        json: include_str!("templates/Workday2AAD.json"),
    },
    Template {
        id: "WorkdayWriteback",
        description: "Microsoft Entra ID home to Workday: e-mail, user name and phone numbers",
        json: include_str!("templates/WorkdayWriteback.json"),
    },
    Template {
        id: "ADWorkdayWriteback",
        description: "On-premises Active Directory home to Workday: e-mail, user name and phone numbers",
        json: include_str!("templates/ADWorkdayWriteback.json"),
    },
];

/// Looks a template up by its id, whatever the case.
pub fn template(id: &str) -> Option<&'static Template> {
    TEMPLATES
        .iter()
        .find(|template| template.id.eq_ignore_ascii_case(id))
}

impl Template {
    /// The schema as it is kept.
    pub fn document(&self) -> Result<Document, Vec<Problem>> {
        Document::decode(self.json.as_bytes())
    }

    /// The same without the mappings of some target attributes. Error: one of them is not mapped.
    pub fn document_without(&self, omitted: &[String]) -> Result<Document, Vec<Problem>> {
        let whole = self.document()?;
        if omitted.is_empty() {
            return Ok(whole);
        }
        let mut json = whole.json().clone();
        let path = "/synchronizationRules/0/objectMappings/0/attributeMappings";
        let mappings = json
            .pointer_mut(path)
            .and_then(|mappings| mappings.as_array_mut());
        let mut missing: Vec<&String> = omitted.iter().collect();
        if let Some(mappings) = mappings {
            mappings.retain(|mapping| {
                let target = mapping["targetAttributeName"].as_str().unwrap_or_default();
                missing.retain(|name| !name.eq_ignore_ascii_case(target));
                !omitted.iter().any(|name| name.eq_ignore_ascii_case(target))
            });
        }
        match missing.first() {
            None => Document::read(json),
            Some(name) => Err(vec![Problem::error(
                "",
                format!("omit: the template {} does not map '{name}'", self.id),
            )]),
        }
    }
}
