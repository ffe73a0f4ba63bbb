//! `Organization_Data` and `Management_Chain_Data`.

use super::Desk;
use crate::lab::workday::places::{self, Site};
use crate::lab::workday::tenant::organization_id;
use crate::lab::workday::wid::Wid;
use crate::lab::workday::worker::View;
use crate::lab::workday::xml::Xml;

/// One organization that a worker belongs to.
struct Membership {
    /// The `Organization_Type_ID`, and what it is called.
    kind: (&'static str, &'static str),
    subtype: &'static str,
    /// Another type of ID, which organizations of this kind have too.
    own_id: Option<&'static str>,
    id: String,
    code: Option<String>,
    name: String,
}

impl Desk<'_> {
    pub(super) fn organizations(&self, xml: &mut Xml, view: &View) {
        xml.open("Organization_Data");
        for membership in self.memberships(view) {
            self.membership(xml, view, &membership);
        }
        xml.close("Organization_Data");
    }

    fn memberships(&self, view: &View) -> Vec<Membership> {
        let wanted = self.wanted;
        let mut memberships = Vec::new();
        if let Some(code) = view.cost_center {
            memberships.extend(wanted.cost_centers.then(|| Membership {
                kind: ("COST_CENTER", "Cost Center"),
                subtype: "Cost Center",
                own_id: Some("Cost_Center_Reference_ID"),
                id: code.to_string(),
                code: Some(code.to_string()),
                name: format!("{code} Lines & Stations"),
            }));
            memberships.extend(wanted.cost_center_hierarchies.then(|| Membership {
                kind: ("COST_CENTER_HIERARCHY", "Cost Center Hierarchy"),
                subtype: "Cost Center Hierarchy",
                own_id: None,
                id: "CCH-1".into(),
                code: None,
                name: "All Cost Centers".into(),
            }));
        }
        if let Some(organization) = view.organization.filter(|_| wanted.supervisory) {
            memberships.push(Membership {
                kind: ("SUPERVISORY", "Supervisory"),
                subtype: "Department",
                own_id: None,
                id: organization_id(organization),
                code: None,
                name: self.tenant.organizations[organization as usize].name.clone(),
            });
        }
        if let Some(site) = view
            .site
            .and_then(|site| self.tenant.sites.get(usize::from(site)))
        {
            memberships.extend(self.of_site(site));
        }
        memberships.extend(wanted.business_units.then(|| Membership {
            kind: ("BUSINESS_UNIT", "Business Unit"),
            subtype: "Business Unit",
            own_id: None,
            id: "BU-RAIL".into(),
            code: None,
            name: "Rail".into(),
        }));
        memberships.extend(wanted.custom.then(|| Membership {
            kind: ("ORGANIZATION_TYPE-1-Union?", "Works Council?"),
            subtype: "Custom",
            own_id: Some("Custom_Organization_Reference_ID"),
            id: "CUSTOM_ORGANIZATION-1-1".into(),
            code: None,
            name: "Works Council".into(),
        }));
        memberships
    }

    fn of_site(&self, site: &Site) -> Vec<Membership> {
        let wanted = self.wanted;
        let mut memberships = Vec::new();
        let (id, name) = site.company;
        memberships.extend(wanted.companies.then(|| Membership {
            kind: ("COMPANY", "Company"),
            subtype: "Company",
            own_id: Some("Company_Reference_ID"),
            id: id.to_string(),
            code: Some(id.replace('_', "")),
            name: name.to_string(),
        }));
        memberships.extend(wanted.company_hierarchies.then(|| Membership {
            kind: ("COMPANY_HIERARCHY", "Company Hierarchy"),
            subtype: "Company Hierarchy",
            own_id: None,
            id: "CH-1".into(),
            code: None,
            name: "Northwind Rail Group".into(),
        }));
        let (id, name) = site.hierarchy;
        memberships.extend(wanted.location_hierarchies.then(|| Membership {
            kind: ("LOCATION_HIERARCHY", "Location Hierarchy"),
            subtype: "Location Hierarchy",
            own_id: None,
            id: id.to_string(),
            code: None,
            name: name.to_string(),
        }));
        memberships.extend(wanted.regions.then(|| Membership {
            kind: ("REGION", "Region"),
            subtype: "Region",
            own_id: Some("Region_Reference_ID"),
            id: format!("REGION_{}", site.country),
            code: None,
            name: places::country(site.country).name.to_string(),
        }));
        memberships.extend(wanted.pay_groups.then(|| Membership {
            kind: ("PAY_GROUP", "Pay Group"),
            subtype: "Pay Group",
            own_id: None,
            id: format!("PG_{}_MONTHLY", site.country),
            code: None,
            name: format!("{} Monthly", places::country(site.country).name),
        }));
        memberships
    }

    fn membership(&self, xml: &mut Xml, view: &View, organization: &Membership) {
        let wid = Wid::of("Organization", &organization.id);
        let mut ids = vec![("Organization_Reference_ID", organization.id.as_str())];
        ids.extend(organization.own_id.map(|kind| (kind, organization.id.as_str())));
        xml.open("Worker_Organization_Data");
        xml.reference("Organization_Reference", &organization.name, wid, &ids);
        xml.open("Organization_Data");
        xml.leaf("Organization_Reference_ID", &organization.id);
        xml.optional("Organization_Code", organization.code.as_ref());
        xml.open("Integration_ID_Data");
        xml.begin("ID");
        xml.attribute("System_ID", "WD-WID");
        xml.end();
        xml.raw(&wid.to_string());
        xml.close("ID");
        xml.close("Integration_ID_Data");
        xml.leaf("Organization_Name", &organization.name);
        let (kind, label) = organization.kind;
        xml.simple_reference("Organization_Type_Reference", label, "Organization_Type_ID", kind);
        xml.simple_reference(
            "Organization_Subtype_Reference",
            organization.subtype,
            "Organization_Subtype_ID",
            organization.subtype,
        );
        if self.wanted.support_roles {
            self.support_roles(xml, view);
        }
        xml.flag("Used_in_Change_Organization_Assignments", true);
        xml.close("Organization_Data");
        xml.close("Worker_Organization_Data");
    }

    /// Who does what for an organization: a flood that nobody wants, unless it was asked not to come.
    fn support_roles(&self, xml: &mut Xml, view: &View) {
        let chain = view
            .organization
            .map_or_else(Vec::new, |own| self.tenant.chain(own));
        let managers: Vec<u32> = chain
            .iter()
            .flat_map(|organization| &self.tenant.organizations[*organization as usize].managers)
            .copied()
            .collect();
        if managers.is_empty() {
            return;
        }
        xml.open("Organization_Support_Role_Data");
        for (number, role) in ROLES.iter().enumerate() {
            xml.open("Organization_Support_Role");
            let label = role.replace('_', " ");
            xml.simple_reference(
                "Organization_Role_Reference",
                &label,
                "Organization_Role_ID",
                role,
            );
            for turn in 0..2 + number % 3 {
                let manager = managers[(number + turn) % managers.len()];
                xml.open("Organization_Role_Data");
                self.reference(xml, "Worker_Reference", manager as usize);
                xml.leaf(
                    "Assignment_From",
                    if turn == 0 { "Assigned" } else { "Inherited" },
                );
                xml.close("Organization_Role_Data");
            }
            xml.close("Organization_Support_Role");
        }
        xml.close("Organization_Support_Role_Data");
    }

    pub(super) fn management_chain(&self, xml: &mut Xml, view: &View) {
        let Some(own) = view.organization else {
            return;
        };
        xml.open("Management_Chain_Data");
        xml.open("Worker_Supervisory_Management_Chain_Data");
        for organization in self.tenant.chain(own) {
            let known = &self.tenant.organizations[organization as usize];
            let most = if self.wanted.all_managers { usize::MAX } else { 1 };
            let managers = || known.managers.iter().take(most).map(|manager| *manager as usize);
            xml.open("Management_Chain_Data");
            let id = organization_id(organization);
            let wid = Wid::of("Organization", &id);
            xml.reference(
                "Organization_Reference",
                &known.name,
                wid,
                &[("Organization_Reference_ID", &id)],
            );
            for manager in managers() {
                self.reference(xml, "Manager_Reference", manager);
            }
            if self.version.is_30() {
                for manager in managers() {
                    xml.open("Manager");
                    self.reference(xml, "Worker_Reference", manager);
                    xml.leaf("Worker_Descriptor", self.name(manager));
                    xml.close("Manager");
                }
            }
            xml.close("Management_Chain_Data");
        }
        xml.close("Worker_Supervisory_Management_Chain_Data");
        xml.close("Management_Chain_Data");
    }
}

const ROLES: [&str; 14] = [
    "Accountant",
    "Accounting_Manager",
    "Accounts_Payable_Analyst",
    "Accounts_Receivable_Analyst",
    "Alternate_Owner",
    "Benefits_Partner",
    "Compensation_Partner",
    "Cost_Center_Manager",
    "Expense_Analyst",
    "Finance_Executive",
    "HR_Partner",
    "Payroll_Partner",
    "Recruiting_Partner",
    "Talent_Partner",
];
