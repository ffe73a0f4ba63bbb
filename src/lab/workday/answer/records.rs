//! What is kept about a worker beside the job: the log of transactions, the account, provisioning groups.

use super::Desk;
use crate::lab::workday::criteria::effective_moment;
use crate::lab::workday::worker::{View, Worker};
use crate::lab::workday::xml::Xml;

impl Desk<'_> {
    pub(super) fn log(&self, xml: &mut Xml, worker: &Worker) {
        let name = worker
            .view(self.day, self.known)
            .map_or_else(String::new, |view| view.name());
        xml.open("Transaction_Log_Entry_Data");
        for event in worker.events.iter().filter(|event| event.entered <= self.known) {
            let kind = event.type_name();
            let described = format!("{kind}: {name}");
            let (is_rescinded, is_corrected) = worker.fate(event, self.known);
            xml.open("Transaction_Log_Entry");
            let wid = self.tenant.event_wid(event.number);
            xml.reference("Transaction_Log_Reference", &described, wid, &[]);
            xml.open("Transaction_Log_Data");
            xml.leaf("Transaction_Log_Description", &described);
            xml.moment(
                "Transaction_Effective_Moment",
                effective_moment(event, self.settings),
            );
            xml.moment("Transaction_Entry_Moment", event.entered);
            xml.simple_reference(
                "Transaction_Log_Type_Reference",
                kind,
                "Business_Process_Type",
                kind,
            );
            xml.flag("Is_Rescind_Or_Rescinded", is_rescinded);
            xml.flag("Is_Correction_Or_Corrected", is_corrected);
            xml.close("Transaction_Log_Data");
            xml.close("Transaction_Log_Entry");
        }
        xml.close("Transaction_Log_Entry_Data");
    }

    pub(super) fn user_account(&self, xml: &mut Xml, name: &str, view: &View) {
        xml.open("User_Account_Data");
        xml.leaf("User_Name", name);
        if let Some(site) = view
            .site
            .and_then(|site| self.tenant.sites.get(usize::from(site)))
        {
            xml.simple_reference("Locale__Reference", &site.locale, "Locale_ID", &site.locale);
            xml.simple_reference("Time_Zone_Reference", site.zone, "Time_Zone_ID", site.zone);
        }
        if self.version.is_30() {
            xml.flag("Simplified_View", false);
        }
        xml.close("User_Account_Data");
    }

    pub(super) fn provisioning(&self, xml: &mut Xml, worker: &Worker) {
        if worker.groups.is_empty() {
            return;
        }
        xml.open("Account_Provisioning_Data");
        for group in worker.groups.iter().filter(|group| group.changed <= self.known) {
            xml.open("Provisioning_Group_Assignment_Data");
            xml.leaf("Provisioning_Group", &group.name);
            xml.leaf("Status", &group.status);
            xml.moment("Last_Changed", group.changed);
            xml.close("Provisioning_Group_Assignment_Data");
        }
        xml.close("Account_Provisioning_Data");
    }
}
