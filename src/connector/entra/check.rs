//! What is wrong with the configuration as the tenant sees it.

use super::target::Entra;
use crate::connector::{Problem, Severity};
use crate::error::{Error, Kind};

pub(super) async fn check(entra: &Entra) -> Vec<Problem> {
    let shared = &entra.shared;
    let mut problems = Vec::new();
    let mut note = |severity, message: String| problems.push(Problem { severity, message });
    match shared.verified_domains().await {
        Ok(Some(domains)) if !domains.contains(&shared.domain.to_lowercase()) => {
            let mut known: Vec<String> = domains.into_iter().collect();
            known.sort();
            let message = format!("domain: the tenant has not verified {}; it has {}", shared.domain, known.join(", "));
            note(Severity::Error, message);
        }
        Ok(Some(_)) => {}
        Ok(None) => note(
            Severity::Warning,
            "the app may not read the tenant's domains (Domain.Read.All), so names in foreign ones are found out only when they are sent".into(),
        ),
        Err(error) => {
            note(Severity::Error, error.to_string());
            return problems;
        }
    }
    if let Err(error) = readable(entra).await {
        let advice = match error.kind {
            Kind::Forbidden => ": grant the app User.ReadWrite.All and consent to it",
            _ => ": one of the mapped attributes may not exist",
        };
        note(Severity::Error, format!("{error}{advice}"));
    }
    problems
}

/// Whether users can be read with everything that is mapped.
async fn readable(entra: &Entra) -> Result<(), Error> {
    let shared = &entra.shared;
    let url = shared
        .graph
        .address(&format!("users?$top=1&$select={}", shared.mapped.select))?;
    shared.graph.ask(&url).await.map(drop)
}
