//! The `Response_Group`: which data sets an answer has, and which organizations are left out.

use super::fault::Fault;
use super::soap;
use super::xml::Xml;
use roxmltree::Node;

/// In the order of the schema.
#[rustfmt::skip]
const FLAGS: [&str; 58] = [
    "Include_Reference", "Include_Personal_Information", "Include_Additional_Jobs",
    "Include_Employment_Information", "Include_Compensation", "Include_Organizations",
    "Exclude_Organization_Support_Role_Data", "Exclude_Location_Hierarchies", "Exclude_Cost_Centers",
    "Exclude_Cost_Center_Hierarchies", "Exclude_Companies", "Exclude_Company_Hierarchies",
    "Exclude_Matrix_Organizations", "Exclude_Pay_Groups", "Exclude_Regions", "Exclude_Region_Hierarchies",
    "Exclude_Supervisory_Organizations", "Exclude_Teams", "Exclude_Custom_Organizations", "Include_Roles",
    "Include_Management_Chain_Data", "Include_Multiple_Managers_in_Management_Chain_Data",
    "Include_Benefit_Enrollments", "Include_Benefit_Eligibility", "Include_Related_Persons",
    "Include_Qualifications", "Include_Employee_Review", "Include_Goals", "Include_Development_Items",
    "Include_Skills", "Include_Photo", "Include_Worker_Documents", "Include_Transaction_Log_Data",
    "Include_Subevents_for_Corrected_Transaction", "Include_Subevents_for_Rescinded_Transaction",
    "Include_Succession_Profile", "Include_Talent_Assessment", "Include_Employee_Contract_Data",
    "Include_Contracts_for_Terminated_Workers", "Include_Collective_Agreement_Data",
    "Include_Probation_Period_Data", "Include_Extended_Employee_Contract_Details", "Include_Feedback_Received",
    "Include_User_Account", "Include_Career", "Include_Account_Provisioning", "Include_Background_Check_Data",
    "Include_Contingent_Worker_Tax_Authority_Form_Information", "Exclude_Funds", "Exclude_Fund_Hierarchies",
    "Exclude_Grants", "Exclude_Grant_Hierarchies", "Exclude_Business_Units", "Exclude_Business_Unit_Hierarchies",
    "Exclude_Programs", "Exclude_Program_Hierarchies", "Exclude_Gifts", "Exclude_Gift_Hierarchies",
];

/// As it was sent: a flag is on, off, or not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Group([Option<bool>; FLAGS.len()]);

impl Group {
    pub fn read(node: Node<'_, '_>) -> Result<Group, Fault> {
        let mut group = Group([None; FLAGS.len()]);
        for flag in node.children().filter(Node::is_element) {
            let name = flag.tag_name().name();
            let at = FLAGS.iter().position(|known| *known == name);
            let at = at.ok_or_else(|| Fault::Element { name: name.into() })?;
            group.0[at] = Some(soap::boolean(flag)?);
        }
        Ok(group)
    }

    /// What an answer has when nothing was said.
    pub fn by_default() -> Group {
        let mut group = Group([None; FLAGS.len()]);
        for name in [
            "Include_Reference",
            "Include_Personal_Information",
            "Include_Employment_Information",
            "Include_Compensation",
            "Include_Organizations",
            "Include_Roles",
        ] {
            if let Some(at) = FLAGS.iter().position(|known| *known == name) {
                group.0[at] = Some(true);
            }
        }
        group
    }

    pub fn echo(&self, xml: &mut Xml) {
        xml.open("Response_Group");
        for (name, flag) in FLAGS.iter().zip(self.0) {
            if let Some(flag) = flag {
                xml.flag(name, flag);
            }
        }
        xml.close("Response_Group");
    }

    pub fn wanted(&self) -> Wanted {
        let on = |name: &str| {
            let at = FLAGS.iter().position(|known| *known == name);
            at.and_then(|at| self.0[at]) == Some(true)
        };
        Wanted {
            reference: on("Include_Reference"),
            personal: on("Include_Personal_Information"),
            additional_jobs: on("Include_Additional_Jobs"),
            employment: on("Include_Employment_Information"),
            organizations: on("Include_Organizations"),
            support_roles: !on("Exclude_Organization_Support_Role_Data"),
            management_chain: on("Include_Management_Chain_Data"),
            all_managers: on("Include_Multiple_Managers_in_Management_Chain_Data"),
            log: on("Include_Transaction_Log_Data"),
            user_account: on("Include_User_Account"),
            provisioning: on("Include_Account_Provisioning"),
            location_hierarchies: !on("Exclude_Location_Hierarchies"),
            cost_centers: !on("Exclude_Cost_Centers"),
            cost_center_hierarchies: !on("Exclude_Cost_Center_Hierarchies"),
            companies: !on("Exclude_Companies"),
            company_hierarchies: !on("Exclude_Company_Hierarchies"),
            pay_groups: !on("Exclude_Pay_Groups"),
            regions: !on("Exclude_Regions"),
            supervisory: !on("Exclude_Supervisory_Organizations"),
            custom: !on("Exclude_Custom_Organizations"),
            business_units: !on("Exclude_Business_Units"),
            anything: FLAGS
                .iter()
                .zip(self.0)
                .any(|(name, flag)| name.starts_with("Include_") && flag == Some(true)),
        }
    }
}

/// What that means, as far as this tenant has such data.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub reference: bool,
    pub personal: bool,
    pub additional_jobs: bool,
    pub employment: bool,
    pub organizations: bool,
    pub support_roles: bool,
    pub management_chain: bool,
    pub all_managers: bool,
    pub log: bool,
    pub user_account: bool,
    pub provisioning: bool,
    pub location_hierarchies: bool,
    pub cost_centers: bool,
    pub cost_center_hierarchies: bool,
    pub companies: bool,
    pub company_hierarchies: bool,
    pub pay_groups: bool,
    pub regions: bool,
    pub supervisory: bool,
    pub custom: bool,
    pub business_units: bool,
    /// Otherwise there are results, and nobody in them.
    pub anything: bool,
}

impl Wanted {
    /// Whether there is more to a worker than the reference.
    pub fn has_data(&self) -> bool {
        self.personal
            || self.employment
            || self.additional_jobs
            || self.organizations
            || self.management_chain
            || self.log
            || self.user_account
            || self.provisioning
    }
}
