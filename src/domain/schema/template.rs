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
}
