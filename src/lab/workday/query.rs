//! `Get_Workers`: what a request asks for, and who fits.

use jiff::Timestamp;
use jiff::civil::Date;
use roxmltree::Node;

use super::event::{self, Event};
use super::fault::Fault;
use super::group::Group;
use super::pacific;
use super::places;
use super::settings::{Settings, TerminationMoment};
use super::soap::{self, attribute, child, children, elements};
use super::tenant::{Tenant, organization_id};
use super::wid::Wid;
use super::worker::{Kind, View, Worker};
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
struct Criteria {
    log: Vec<LogCriteria>,
    organizations: Vec<u32>,
    sites: Vec<&'static str>,
    countries: Vec<&'static str>,
    subordinates: Option<bool>,
    exclude_inactive: Option<bool>,
    exclude_employees: Option<bool>,
    exclude_contingent: Option<bool>,
}

#[derive(Default)]
struct LogCriteria {
    updated: Option<(Timestamp, Timestamp)>,
    effective: Option<(Timestamp, Timestamp)>,
    types: Option<Vec<String>>,
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
            "Request_Criteria" => query.criteria = Some(criteria(part, tenant, now)?),
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

fn criteria<'d>(node: Node<'d, 'd>, tenant: &Tenant, now: Timestamp) -> Result<Criteria, Fault> {
    let mut criteria = Criteria::default();
    for part in elements(node) {
        match part.tag_name().name() {
            "Transaction_Log_Criteria_Data" => criteria.log.push(log_criteria(part, now)?),
            "Organization_Reference" => organization(part, tenant, &mut criteria)?,
            "Country_Reference" => {
                for (kind, id) in soap::ids(part) {
                    let known = places::COUNTRIES.iter().find(|country| {
                        id == country.alpha2
                            || id == country.alpha3
                            || id == country.numeric
                            || Wid::parse(&id) == Some(Wid::of("Country", country.alpha2))
                    });
                    let known = known.ok_or_else(|| soap::invalid_id(part, kind, &id))?;
                    criteria.countries.push(known.alpha2);
                }
            }
            "Include_Subordinate_Organizations" => criteria.subordinates = Some(soap::boolean(part)?),
            "Exclude_Inactive_Workers" => criteria.exclude_inactive = Some(soap::boolean(part)?),
            "Exclude_Employees" => criteria.exclude_employees = Some(soap::boolean(part)?),
            "Exclude_Contingent_Workers" => criteria.exclude_contingent = Some(soap::boolean(part)?),
            name @ ("Position_Reference"
            | "Event_Reference"
            | "Benefit_Plan_Reference"
            | "Field_And_Parameter_Criteria_Data"
            | "National_ID_Criteria_Data"
            | "Eligibility_Criteria_Data"
            | "Universal_ID_Reference") => {
                return Err(soap::refused(
                    part,
                    format!("{name} is nothing this simulator selects by"),
                ));
            }
            name => return Err(Fault::Element { name: name.into() }),
        }
    }
    Ok(criteria)
}

fn organization<'d>(node: Node<'d, 'd>, tenant: &Tenant, criteria: &mut Criteria) -> Result<(), Fault> {
    for (kind, id) in soap::ids(node) {
        if let Some(organization) = tenant.organization(&id) {
            criteria.organizations.push(organization);
        } else if let Some(site) = tenant.sites.iter().find(|site| site.company.0 == id) {
            criteria.sites.push(site.company.0);
        } else {
            return Err(soap::invalid_id(node, kind, &id));
        }
    }
    Ok(())
}

fn log_criteria<'d>(node: Node<'d, 'd>, now: Timestamp) -> Result<LogCriteria, Fault> {
    let mut criteria = LogCriteria::default();
    for part in elements(node) {
        match part.tag_name().name() {
            "Transaction_Date_Range_Data" => {
                criteria.updated = range(part, "Updated")?;
                criteria.effective = range(part, "Effective")?;
                if criteria.updated.is_some_and(|(_, through)| through > now) {
                    return Err(soap::refused(
                        part,
                        "Updated Through must be less than or equal to Current Moment!",
                    ));
                }
            }
            "Transaction_Type_References" => {
                let mut types = Vec::new();
                for reference in children(part, "Transaction_Type_Reference") {
                    for (kind, id) in soap::ids(reference) {
                        if kind != "Business_Process_Type" || !event::is_type(&id) {
                            return Err(soap::invalid_id(reference, kind, &id));
                        }
                        types.push(id);
                    }
                }
                criteria.types = Some(types);
            }
            "Subscriber_Reference" => {
                return Err(soap::refused(
                    part,
                    "Subscriber Reference must have an enabled Transaction Log Service configuration.",
                ));
            }
            name => return Err(Fault::Element { name: name.into() }),
        }
    }
    Ok(criteria)
}

fn range<'d>(node: Node<'d, 'd>, what: &str) -> Result<Option<(Timestamp, Timestamp)>, Fault> {
    let end = |name: &str| {
        child(node, &format!("{what}_{name}"))
            .map(soap::moment)
            .transpose()
    };
    match (end("From")?, end("Through")?) {
        (None, None) => Ok(None),
        (Some(from), Some(through)) if from <= through => Ok(Some((from, through))),
        (Some(_), Some(_)) => Err(soap::refused(
            node,
            format!("{what} From must be less than or equal to {what} Through!"),
        )),
        _ => Err(soap::refused(
            node,
            format!("If one of {what} From or {what} Through contains a value, both are Required!"),
        )),
    }
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
        let Some(criteria) = &self.criteria else {
            return true;
        };
        let excluded = match worker.kind {
            Kind::Employee => criteria.exclude_employees,
            Kind::Contingent => criteria.exclude_contingent,
        };
        if excluded == Some(true) {
            return false;
        }
        let logged = criteria.log.is_empty()
            || criteria.log.iter().any(|criteria| {
                let fits = |event: &Event| event.entered <= self.known && criteria.fits(event, settings);
                worker.events.iter().any(fits)
            });
        if !logged {
            return false;
        }
        let by_view = criteria.exclude_inactive == Some(true)
            || !criteria.organizations.is_empty()
            || !criteria.sites.is_empty()
            || !criteria.countries.is_empty();
        if !by_view {
            return true;
        }
        let Some(view) = worker.view(self.day, self.known) else {
            return false;
        };
        criteria.fits_view(&view, tenant)
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
        if let Some(references) = &self.references {
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

impl LogCriteria {
    fn fits(&self, event: &Event, settings: &Settings) -> bool {
        let within = |range: Option<(Timestamp, Timestamp)>, at: Timestamp| {
            range.is_none_or(|(from, through)| from <= at && at <= through)
        };
        within(self.updated, event.entered)
            && self
                .types
                .as_ref()
                .is_none_or(|types| types.iter().any(|name| name == event.type_name()))
            && (self.effective.is_none() || within(self.effective, effective_moment(event, settings)))
    }

    fn echo(&self, xml: &mut Xml) {
        xml.open("Transaction_Log_Criteria_Data");
        if self.updated.is_some() || self.effective.is_some() {
            xml.open("Transaction_Date_Range_Data");
            if let Some((from, through)) = self.updated {
                xml.moment("Updated_From", from);
                xml.moment("Updated_Through", through);
            }
            if let Some((from, through)) = self.effective {
                xml.moment("Effective_From", from);
                xml.moment("Effective_Through", through);
            }
            xml.close("Transaction_Date_Range_Data");
        }
        if let Some(types) = self.types.as_ref().filter(|types| !types.is_empty()) {
            xml.open("Transaction_Type_References");
            for name in types {
                xml.simple_reference("Transaction_Type_Reference", name, "Business_Process_Type", name);
            }
            xml.close("Transaction_Type_References");
        }
        xml.close("Transaction_Log_Criteria_Data");
    }
}

/// When the log says that something takes effect: the midnight, Pacific time, at which its first day begins.
pub fn effective_moment(event: &Event, settings: &Settings) -> Timestamp {
    match (settings.termination_moment, event.termination()) {
        (TerminationMoment::LastDay, Some(termination)) => pacific::midnight(termination.last_day),
        _ => pacific::midnight(event.effective),
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

impl Criteria {
    fn fits_view(&self, view: &View, tenant: &Tenant) -> bool {
        if self.exclude_inactive == Some(true) && !view.active {
            return false;
        }
        let site = view.site.and_then(|site| tenant.sites.get(usize::from(site)));
        if !self.countries.is_empty() && !site.is_some_and(|site| self.countries.contains(&site.country)) {
            return false;
        }
        if self.organizations.is_empty() && self.sites.is_empty() {
            return true;
        }
        let in_organization = view.organization.is_some_and(|own| {
            let above = match self.subordinates {
                Some(true) => tenant.chain(own),
                _ => vec![own],
            };
            above
                .iter()
                .any(|organization| self.organizations.contains(organization))
        });
        in_organization || site.is_some_and(|site| self.sites.contains(&site.company.0))
    }

    fn echo(&self, xml: &mut Xml) {
        xml.open("Request_Criteria");
        for criteria in &self.log {
            criteria.echo(xml);
        }
        for organization in &self.organizations {
            let id = organization_id(*organization);
            xml.simple_reference("Organization_Reference", &id, "Organization_Reference_ID", &id);
        }
        for site in &self.sites {
            xml.simple_reference("Organization_Reference", site, "Organization_Reference_ID", site);
        }
        for country in &self.countries {
            let country = places::country(country);
            xml.simple_reference(
                "Country_Reference",
                country.name,
                "ISO_3166-1_Alpha-2_Code",
                country.alpha2,
            );
        }
        for (name, flag) in [
            ("Include_Subordinate_Organizations", self.subordinates),
            ("Exclude_Inactive_Workers", self.exclude_inactive),
            ("Exclude_Employees", self.exclude_employees),
            ("Exclude_Contingent_Workers", self.exclude_contingent),
        ] {
            if let Some(flag) = flag {
                xml.flag(name, flag);
            }
        }
        xml.close("Request_Criteria");
    }
}

/// The version that the request element names, where it does.
pub fn version<'d>(request: Node<'d, 'd>) -> Option<&'d str> {
    attribute(request, "version")
}
