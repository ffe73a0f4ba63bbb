//! `Get_Workers`: what a request asks for, and who fits.

use jiff::Timestamp;
use jiff::civil::Date;
use roxmltree::Node;

use super::criteria::{self, Criteria};
use super::fault::Fault;
use super::group::Group;
use super::pacific;
use super::settings::Settings;
use super::soap::{self, children, elements};
use super::tenant::{Tenant, organization_id};
use super::wid::Wid;
use super::worker::{Kind, Worker};
use super::xml::Xml;

/// A request, understood.
pub struct Query {
    references: Option<References>,
    criteria: Option<Criteria>,
    filter: Option<Filter>,
    pub group: Option<Group>,
    /// The day and the moment by which data are judged.
    pub day: Date,
    pub known: Timestamp,
    pub page: usize,
    pub count: usize,
}

struct References {
    /// As they were asked for, and who that is; IDs that are nobody's, where they may be.
    found: Vec<usize>,
    asked: Vec<Vec<(String, String)>>,
    pub invalid: Vec<(String, String)>,
    skips: bool,
    ignores: bool,
}

#[derive(Default)]
struct Filter {
    day: Option<Date>,
    known: Option<Timestamp>,
    page: Option<usize>,
    count: Option<usize>,
}

const MOST: usize = 999;
const USUAL: usize = 100;

/// Reads the request element.
pub fn read<'d>(request: Node<'d, 'd>, tenant: &Tenant, now: Timestamp) -> Result<Query, Fault> {
    let mut query = Query {
        references: None,
        criteria: None,
        filter: None,
        group: None,
        day: pacific::day(now),
        known: now,
        page: 1,
        count: USUAL,
    };
    for part in elements(request) {
        match part.tag_name().name() {
            "Request_References" => query.references = Some(references(part, tenant)?),
            "Request_Criteria" => query.criteria = Some(criteria::read(part, tenant, now)?),
            "Response_Filter" => query.filter = Some(filter(part)?),
            "Response_Group" => query.group = Some(Group::read(part)?),
            name => return Err(Fault::Element { name: name.into() }),
        }
    }
    if let Some(filter) = &query.filter {
        query.day = filter.day.unwrap_or(query.day);
        // Moments to come are taken, and nobody knows more by then than now.
        query.known = filter.known.unwrap_or(now).min(now);
        query.page = filter.page.unwrap_or(1);
        query.count = filter.count.unwrap_or(USUAL);
    }
    Ok(query)
}

fn references<'d>(node: Node<'d, 'd>, tenant: &Tenant) -> Result<References, Fault> {
    let mut references = References {
        found: Vec::new(),
        asked: Vec::new(),
        invalid: Vec::new(),
        skips: soap::boolean_attribute(node, "Skip_Non_Existing_Instances")?,
        ignores: soap::boolean_attribute(node, "Ignore_Invalid_References")?,
    };
    for reference in children(node, "Worker_Reference") {
        let mut asked = Vec::new();
        let mut found = None;
        for (kind, id) in soap::ids(reference) {
            let worker = match kind {
                "WID" => Wid::parse(&id).and_then(|wid| tenant.by_wid(wid)),
                "Employee_ID" => tenant.by_id(Kind::Employee, &id),
                "Contingent_Worker_ID" => tenant.by_id(Kind::Contingent, &id),
                _ => return Err(soap::invalid_id(reference, kind, &id)),
            };
            match worker {
                Some(worker) => found = Some(worker),
                None if references.skips || references.ignores => {
                    references.invalid.push((kind.to_string(), id.clone()));
                }
                None => return Err(soap::invalid_id(reference, kind, &id)),
            }
            asked.push((kind.to_string(), id));
        }
        if asked.is_empty() {
            return Err(soap::refused(reference, "Worker Reference must have an ID"));
        }
        if let Some(found) = found {
            references.asked.push(asked);
            if !references.found.contains(&found) {
                references.found.push(found);
            }
        }
    }
    Ok(references)
}

fn filter<'d>(node: Node<'d, 'd>) -> Result<Filter, Fault> {
    let mut filter = Filter::default();
    for part in elements(node) {
        match part.tag_name().name() {
            "As_Of_Effective_Date" => filter.day = Some(soap::day(part)?),
            "As_Of_Entry_DateTime" => filter.known = Some(soap::moment(part)?),
            "Page" => {
                let page = soap::number(part)?;
                if page == 0 {
                    return Err(soap::refused(part, "Page Number cannot be zero."));
                }
                let page = usize::try_from(page).map_err(|_| soap::invalid(part, &page.to_string()))?;
                filter.page = Some(page);
            }
            "Count" => {
                let count = soap::number(part)?;
                let known = usize::try_from(count)
                    .ok()
                    .filter(|count| (1..=MOST).contains(count));
                filter.count =
                    Some(known.ok_or_else(|| {
                        soap::refused(part, format!("Count must be between 1 and {MOST}."))
                    })?);
            }
            name => return Err(Fault::Element { name: name.into() }),
        }
    }
    Ok(filter)
}

impl Query {
    /// Everybody it finds, in a stable order; `sees` is what the caller may look at.
    pub fn find(&self, tenant: &Tenant, settings: &Settings) -> Vec<usize> {
        let fits = |index: &usize| {
            let worker = &tenant.workers[*index];
            self.is_known(worker)
                && self.fits(worker, tenant, settings)
                && self.sees(worker, tenant, settings)
        };
        match &self.references {
            Some(references) => references.found.iter().copied().filter(fits).collect(),
            None => (0..tenant.workers.len()).filter(fits).collect(),
        }
    }

    fn is_known(&self, worker: &Worker) -> bool {
        worker.events.iter().any(|event| event.entered <= self.known)
    }

    fn fits(&self, worker: &Worker, tenant: &Tenant, settings: &Settings) -> bool {
        let criteria = self.criteria.as_ref();
        criteria.is_none_or(|criteria| criteria.fits(worker, (self.day, self.known), tenant, settings))
    }

    /// A constrained security group shows only its part; who has left it is not there at all.
    fn sees(&self, worker: &Worker, tenant: &Tenant, settings: &Settings) -> bool {
        let Some(groups) = &settings.constrained_to else {
            return true;
        };
        let Some(view) = worker.view(self.day, self.known) else {
            return false;
        };
        let in_group = |id: &str| groups.iter().any(|group| group == id);
        let site = view.site.and_then(|site| tenant.sites.get(usize::from(site)));
        site.is_some_and(|site| in_group(site.id) || in_group(site.company.0))
            || view.organization.is_some_and(|organization| {
                let above = tenant.chain(organization);
                above
                    .iter()
                    .any(|organization| in_group(&organization_id(*organization)))
            })
    }

    pub fn invalid_references(&self) -> &[(String, String)] {
        self.references
            .as_ref()
            .map_or(&[], |references| &references.invalid)
    }

    /// The request's own parts, at the head of the answer.
    pub fn echo(&self, xml: &mut Xml, tenant: &Tenant) {
        // The schema wants one at least.
        if let Some(references) = self.references.as_ref().filter(|one| !one.asked.is_empty()) {
            references.echo(xml, tenant);
        }
        if let Some(criteria) = &self.criteria {
            criteria.echo(xml);
        }
        if let Some(filter) = &self.filter {
            xml.open("Response_Filter");
            xml.date("As_Of_Effective_Date", filter.day);
            if let Some(known) = filter.known {
                xml.moment("As_Of_Entry_DateTime", known);
            }
            xml.optional("Page", filter.page);
            xml.optional("Count", filter.count);
            xml.close("Response_Filter");
        }
        if let Some(group) = &self.group {
            group.echo(xml);
        }
    }
}

impl References {
    fn echo(&self, xml: &mut Xml, tenant: &Tenant) {
        xml.begin("Request_References");
        for (name, flag) in [
            ("Skip_Non_Existing_Instances", self.skips),
            ("Ignore_Invalid_References", self.ignores),
        ] {
            if flag {
                xml.attribute(name, 1);
            }
        }
        xml.end();
        for asked in &self.asked {
            xml.open("Worker_Reference");
            let wid = asked.iter().find_map(|(kind, id)| match kind.as_str() {
                "Employee_ID" => tenant.by_id(Kind::Employee, id),
                "Contingent_Worker_ID" => tenant.by_id(Kind::Contingent, id),
                _ => None,
            });
            if let Some(worker) = wid.filter(|_| asked.iter().all(|(kind, _)| kind != "WID")) {
                xml.id("WID", tenant.workers[worker].wid);
            }
            for (kind, id) in asked {
                xml.id(kind, id);
            }
            xml.close("Worker_Reference");
        }
        xml.close("Request_References");
    }
}
