//! Who is looked for: by what the log of transactions says, and by what is true of a worker.

use jiff::Timestamp;
use jiff::civil::Date;
use roxmltree::Node;

use super::event::{self, Event};
use super::fault::Fault;
use super::pacific;
use super::places;
use super::settings::{Settings, TerminationMoment};
use super::soap::{self, child, children, elements};
use super::tenant::{Tenant, organization_id};
use super::wid::Wid;
use super::worker::{Kind, View, Worker};
use super::xml::Xml;

/// All of them are to hold, but of those on the log any one.
#[derive(Default)]
pub struct Criteria {
    log: Vec<LogCriteria>,
    organizations: Vec<u32>,
    companies: Vec<&'static str>,
    countries: Vec<&'static str>,
    subordinates: Option<bool>,
    exclude_inactive: Option<bool>,
    exclude_employees: Option<bool>,
    exclude_contingent: Option<bool>,
}

/// All of it is to hold of one and the same event.
#[derive(Default)]
struct LogCriteria {
    updated: Option<(Timestamp, Timestamp)>,
    effective: Option<(Timestamp, Timestamp)>,
    types: Option<Vec<String>>,
}

pub fn read<'d>(node: Node<'d, 'd>, tenant: &Tenant, now: Timestamp) -> Result<Criteria, Fault> {
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
            criteria.companies.push(site.company.0);
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

impl Criteria {
    /// Whether a worker is one of them, on a day, as far as was known at a moment.
    pub fn fits(
        &self,
        worker: &Worker,
        (day, known): (Date, Timestamp),
        tenant: &Tenant,
        settings: &Settings,
    ) -> bool {
        let excluded = match worker.kind {
            Kind::Employee => self.exclude_employees,
            Kind::Contingent => self.exclude_contingent,
        };
        if excluded == Some(true) {
            return false;
        }
        let logged = self.log.is_empty()
            || self.log.iter().any(|criteria| {
                let fits = |event: &Event| event.entered <= known && criteria.fits(event, settings);
                worker.events.iter().any(fits)
            });
        if !logged {
            return false;
        }
        let by_view = self.exclude_inactive == Some(true)
            || !self.organizations.is_empty()
            || !self.companies.is_empty()
            || !self.countries.is_empty();
        !by_view
            || worker
                .view(day, known)
                .is_some_and(|view| self.fits_view(&view, tenant))
    }

    fn fits_view(&self, view: &View, tenant: &Tenant) -> bool {
        if self.exclude_inactive == Some(true) && !view.active {
            return false;
        }
        let site = view.site.and_then(|site| tenant.sites.get(usize::from(site)));
        if !self.countries.is_empty() && !site.is_some_and(|site| self.countries.contains(&site.country)) {
            return false;
        }
        if self.organizations.is_empty() && self.companies.is_empty() {
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
        in_organization || site.is_some_and(|site| self.companies.contains(&site.company.0))
    }

    pub fn echo(&self, xml: &mut Xml) {
        xml.open("Request_Criteria");
        for criteria in &self.log {
            criteria.echo(xml);
        }
        for organization in &self.organizations {
            let id = organization_id(*organization);
            xml.simple_reference("Organization_Reference", &id, "Organization_Reference_ID", &id);
        }
        for company in &self.companies {
            xml.simple_reference(
                "Organization_Reference",
                company,
                "Organization_Reference_ID",
                company,
            );
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
