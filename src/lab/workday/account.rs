//! `Update_Workday_Account`: the name with which a worker signs in.

use jiff::Timestamp;
use roxmltree::Node;

use super::fault::Fault;
use super::pacific;
use super::settings::{Permission, Settings};
use super::soap::{self, attribute, child};
use super::tenant::Tenant;
use super::wid::Wid;
use super::worker::Kind;
use super::xml::Xml;

const NO_ACCOUNT: &str = "No Workday Account found for referenced Worker.";
const TAKEN: &str = "User Name already taken, please choose another one.";
const FORBIDDEN: &str = "User Name Parameter must not contain any semicolons or colons";

/// Gives the worker's account its new name; the answer has an empty body.
pub fn update(
    tenant: &mut Tenant,
    settings: &Settings,
    request: Node<'_, '_>,
    now: Timestamp,
) -> Result<String, Fault> {
    if !settings.allow(Permission::PutWorkdayAccounts) {
        return Err(Fault::unauthorized());
    }
    let reference = child(request, "Worker_Reference");
    let reference = reference.ok_or_else(|| soap::refused(request, "Worker Reference is required."))?;
    let worker = subject(reference, tenant)?;
    let data = child(request, "Workday_Account_for_Worker_Data");
    let data = data.ok_or_else(|| soap::refused(request, "Workday Account for Worker Data is required."))?;
    let name = child(data, "User_Name").map(soap::trimmed).unwrap_or_default();
    if name.is_empty() {
        return Err(soap::refused(data, "User Name is required."));
    }
    let today = pacific::day(now);
    let account = tenant.workers[worker].account.as_ref();
    if account.is_none_or(|account| account.from > today) {
        return Err(soap::refused(reference, NO_ACCOUNT));
    }
    if name.contains([';', ':']) {
        return Err(soap::refused(data, FORBIDDEN));
    }
    let longest = settings.user_name_length;
    if name.chars().count() > longest {
        let message = format!(
            "The entered User Name is longer than the current tenant maximum of {longest} characters."
        );
        return Err(soap::refused(data, message));
    }
    if tenant.account(&name).is_some_and(|holder| holder != worker) {
        return Err(soap::refused(data, TAKEN));
    }
    tenant.set_account(worker, &name, today);
    Ok(Xml::message(false).finish_message())
}

fn subject<'d>(reference: Node<'d, 'd>, tenant: &Tenant) -> Result<usize, Fault> {
    for (name, kind, unknown) in [
        (
            "Employee_Reference",
            Kind::Employee,
            "Employee Reference Integration ID does not exist!",
        ),
        (
            "Contingent_Worker_Reference",
            Kind::Contingent,
            "Contingent Worker Reference Integration ID does not exist!",
        ),
    ] {
        let Some(own) = child(reference, name) else {
            continue;
        };
        let id = child(own, "Integration_ID_Reference").and_then(|integration| child(integration, "ID"));
        let worker = id.and_then(|id| {
            let text = soap::trimmed(id);
            match attribute(id, "System_ID")? {
                "WD-EMPLID" => tenant.by_id(kind, &text),
                "WD-WID" => tenant.by_wid(Wid::parse(&text)?),
                _ => None,
            }
        });
        return worker.ok_or_else(|| soap::refused(own, unknown));
    }
    Err(soap::refused(
        reference,
        "Employee Reference or Contingent Worker Reference is required.",
    ))
}
