//! The answer to `Get_Workers`, in the shape of the version that was asked.

mod employment;
mod organizations;
mod personal;
mod records;

pub use personal::{contact_reference, usage};

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::group::{Group, Wanted};
use super::pacific;
use super::query::Query;
use super::settings::{Permission, Settings};
use super::spoil::Spoil;
use super::tenant::Tenant;
use super::version::Version;
use super::worker::{Kind, View, Worker};
use super::xml::Xml;

/// What all parts of an answer are written by.
pub struct Desk<'a> {
    pub tenant: &'a Tenant,
    pub settings: &'a Settings,
    pub version: Version,
    pub day: Date,
    pub known: Timestamp,
    pub now: Timestamp,
    pub wanted: Wanted,
    /// What workers are called who are named by others.
    names: RefCell<HashMap<u32, String>>,
}

/// The message with `Get_Workers_Response`, spoilt if a fault says so.
pub fn get_workers(
    tenant: &Tenant,
    settings: &Settings,
    query: &Query,
    version: Version,
    descriptors: bool,
    now: Timestamp,
    spoil: Option<Spoil>,
) -> String {
    let group = query.group.clone().unwrap_or_else(Group::by_default);
    let desk = Desk {
        tenant,
        settings,
        version,
        day: query.day,
        known: query.known,
        now,
        wanted: group.wanted(),
        names: RefCell::default(),
    };
    let found = match settings.allow(Permission::Workers) {
        true => query.find(tenant, settings),
        false => Vec::new(),
    };
    let mut page = Page::of(&found, query);
    if let Some(spoil) = spoil {
        spoil.apply(&mut page, &found, query);
    }
    let mut xml = Xml::message(descriptors || version.labels_references());
    begin(&mut xml, "Get_Workers_Response", version);
    query.echo(&mut xml, tenant);
    xml.open("Response_Results");
    xml.leaf("Total_Results", page.results);
    xml.leaf("Total_Pages", page.pages);
    xml.leaf("Page_Results", page.said);
    xml.leaf("Page", page.number);
    xml.close("Response_Results");
    if desk.wanted.anything {
        xml.open("Response_Data");
        for (at, worker) in page.workers.iter().enumerate() {
            let is_nameless = page.nameless == Some(at);
            desk.write(&mut xml, *worker, is_nameless);
        }
        xml.close("Response_Data");
    }
    if version.reports_invalid_references() && !query.invalid_references().is_empty() {
        xml.open("Invalid_Reference_ID_Response");
        for (kind, id) in query.invalid_references() {
            xml.open("Invalid_Reference");
            xml.leaf("Invalid_Reference_ID", id);
            xml.leaf("Invalid_Reference_ID_Type", kind);
            xml.close("Invalid_Reference");
        }
        xml.close("Invalid_Reference_ID_Response");
    }
    xml.close("Get_Workers_Response");
    xml.finish_message()
}

/// The root element of an answer, with the namespace and the version.
pub fn begin(xml: &mut Xml, name: &str, version: Version) {
    xml.begin(name);
    xml.raw(" xmlns:wd=\"urn:com.workday/bsvc\"");
    xml.attribute("version", version);
    xml.end();
}

/// Workers on a page, and what is said of it.
pub struct Page {
    pub workers: Vec<usize>,
    pub results: usize,
    pub pages: usize,
    pub said: usize,
    pub number: usize,
    /// This one of them comes without IDs.
    pub nameless: Option<usize>,
}

impl Page {
    fn of(found: &[usize], query: &Query) -> Page {
        let workers = Page::workers(found, query.page, query.count);
        Page {
            results: found.len(),
            pages: found.len().div_ceil(query.count),
            said: workers.len(),
            number: query.page,
            workers,
            nameless: None,
        }
    }

    pub fn workers(found: &[usize], page: usize, count: usize) -> Vec<usize> {
        let from = page.saturating_sub(1).saturating_mul(count).min(found.len());
        let to = from.saturating_add(count).min(found.len());
        found[from..to].to_vec()
    }
}

impl Desk<'_> {
    fn write(&self, xml: &mut Xml, index: usize, is_nameless: bool) {
        let worker = &self.tenant.workers[index];
        let Some(view) = worker.view(self.day, self.known) else {
            return;
        };
        xml.open("Worker");
        if self.wanted.reference && !is_nameless {
            self.reference(xml, "Worker_Reference", index);
            if self.version.describes_workers() {
                xml.leaf("Worker_Descriptor", self.name(index));
            }
            if self.version.is_30() {
                let id = worker.universal_id();
                xml.simple_reference(
                    "Universal_Identifier_Reference",
                    &id,
                    "Universal_Identifier_ID",
                    &id,
                );
            }
        }
        if self.wanted.has_data() {
            self.data(xml, index, worker, &view, is_nameless);
        }
        xml.close("Worker");
    }

    fn data(&self, xml: &mut Xml, index: usize, worker: &Worker, view: &View, is_nameless: bool) {
        let allow = |permission| self.settings.allow(permission);
        xml.open("Worker_Data");
        if !is_nameless {
            xml.leaf("Worker_ID", &worker.id);
        }
        let account = worker
            .account
            .as_ref()
            .filter(|account| account.from <= pacific::day(self.now) && allow(Permission::WorkdayAccounts));
        xml.optional("User_ID", account.map(|account| &account.name));
        if self.version.is_30() {
            xml.leaf("Universal_ID", worker.universal_id());
        }
        if self.wanted.personal {
            self.personal(xml, worker, view);
        }
        let employment = self.wanted.employment || self.wanted.additional_jobs;
        if employment && allow(Permission::CurrentStaffing) {
            self.employment(xml, index, worker, view);
        }
        if self.wanted.organizations && allow(Permission::Organizations) && view.hire.is_some() {
            self.organizations(xml, view);
        }
        if self.wanted.management_chain && allow(Permission::ManagementChain) && view.hire.is_some() {
            self.management_chain(xml, view);
        }
        if self.wanted.log {
            self.log(xml, worker);
        }
        if self.wanted.user_account
            && let Some(account) = account
        {
            self.user_account(xml, &account.name, view);
        }
        if self.wanted.provisioning && allow(Permission::AccountProvisioning) {
            self.provisioning(xml, worker);
        }
        xml.close("Worker_Data");
    }

    /// A reference to a worker.
    pub fn reference(&self, xml: &mut Xml, name: &str, index: usize) {
        let worker = &self.tenant.workers[index];
        let label = if xml.descriptors {
            self.name(index)
        } else {
            String::new()
        };
        xml.reference(name, &label, worker.wid, &[(worker.kind.id_type(), &worker.id)]);
    }

    /// What a worker is called on this day.
    fn name(&self, index: usize) -> String {
        let key = super::tenant::key(index);
        if let Some(name) = self.names.borrow().get(&key) {
            return name.clone();
        }
        let worker = &self.tenant.workers[index];
        let view = worker.view(self.day, self.known);
        let mut name = view.map_or_else(String::new, |view| view.name());
        if worker.kind == Kind::Contingent && self.settings.marks_contingent_workers {
            name.push_str(" [C]");
        }
        self.names.borrow_mut().insert(key, name.clone());
        name
    }
}
