//! `Employment_Data`: positions, status, assignments abroad.

use super::Desk;
use super::personal::country_reference;
use crate::lab::workday::event::{Job, Termination};
use crate::lab::workday::pacific;
use crate::lab::workday::places::{self, Site};
use crate::lab::workday::settings::Permission;
use crate::lab::workday::wid::Wid;
use crate::lab::workday::worker::{Kind, View, Worker};
use crate::lab::workday::xml::Xml;

/// A position, primary or not.
struct Position<'v> {
    id: String,
    title: &'v str,
    business_title: Option<&'v str>,
    site: Option<&'v Site>,
    start: Option<jiff::civil::Date>,
    effective: Option<jiff::civil::Date>,
    /// Of contracts and additional jobs, as planned; of others when it has come.
    end: Option<jiff::civil::Date>,
    assignment: Option<&'v str>,
}

impl Desk<'_> {
    pub(super) fn employment(&self, xml: &mut Xml, index: usize, worker: &Worker, view: &View) {
        xml.open("Employment_Data");
        if view.hire.is_some() {
            if self.wanted.employment {
                self.job(xml, index, worker, view, &self.primary(worker, view), true);
            }
            let additional = self.wanted.additional_jobs && self.settings.allow(Permission::AllPositions);
            // Before there was a wrapper, nothing told one position from the other.
            if additional && self.version.wraps_jobs() {
                for job in view.jobs.iter().filter(|job| job.start <= self.day) {
                    self.job(xml, index, worker, view, &self.beside(job, None), false);
                }
                if let Some(assignment) = view.assignment.filter(|one| one.job.start <= self.day) {
                    let position = self.beside(&assignment.job, Some(&assignment.kind));
                    self.job(xml, index, worker, view, &position, false);
                }
            }
        }
        if self.wanted.employment {
            self.status(xml, view);
            xml.open("International_Assignment_Summary_Data");
            xml.flag("Has_International_Assignment", view.assignment.is_some());
            xml.close("International_Assignment_Summary_Data");
        }
        xml.close("Employment_Data");
    }

    fn primary<'v>(&'v self, worker: &Worker, view: &'v View) -> Position<'v> {
        let ended = view.termination.map(|termination| termination.last_day);
        Position {
            id: format!("P-{}", worker.id),
            title: view.title,
            business_title: view.business_title,
            site: view
                .site
                .and_then(|site| self.tenant.sites.get(usize::from(site))),
            start: view.position_start,
            effective: view.position_effective,
            end: ended.or(view.contract_end),
            assignment: None,
        }
    }

    fn beside<'v>(&'v self, job: &'v Job, assignment: Option<&'v str>) -> Position<'v> {
        Position {
            id: job.position.to_string(),
            title: &job.title,
            business_title: Some(&job.title),
            site: self.tenant.sites.get(usize::from(job.site)),
            start: Some(job.start),
            effective: Some(job.start),
            end: job.end,
            assignment,
        }
    }

    fn job(
        &self,
        xml: &mut Xml,
        index: usize,
        worker: &Worker,
        view: &View,
        position: &Position,
        is_primary: bool,
    ) {
        if self.version.wraps_jobs() {
            xml.begin("Worker_Job_Data");
            xml.attribute("Primary_Job", u8::from(is_primary));
            xml.end();
        }
        xml.begin("Position_Data");
        if let Some(effective) = position.effective {
            xml.attribute("Effective_Date", effective);
        }
        xml.end();
        self.position(xml, index, worker, view, position);
        xml.close("Position_Data");
        if self.version.wraps_jobs() {
            xml.close("Worker_Job_Data");
        }
    }

    fn position(&self, xml: &mut Xml, index: usize, worker: &Worker, view: &View, position: &Position) {
        let label = format!("{} {}", position.id, position.title);
        xml.simple_reference("Position_Reference", &label, "Position_ID", &position.id);
        xml.leaf("Position_ID", &position.id);
        xml.leaf("Position_Title", position.title);
        if self.settings.allow(Permission::BusinessTitle) {
            xml.leaf(
                "Business_Title",
                position.business_title.unwrap_or(position.title),
            );
        }
        xml.date("Start_Date", position.start);
        xml.date("End_Employment_Date", position.end);
        let type_id = match worker.kind {
            Kind::Employee => "Employee_Type_ID",
            Kind::Contingent => "Contingent_Worker_Type_ID",
        };
        xml.simple_reference(
            "Worker_Type_Reference",
            view.worker_type,
            type_id,
            view.worker_type,
        );
        let hours = view.weekly_hours;
        let (time, time_label) = match hours {
            35.. => ("Full_time", "Full time"),
            _ => ("Part_time", "Part time"),
        };
        xml.simple_reference(
            "Position_Time_Type_Reference",
            time_label,
            "Position_Time_Type_ID",
            time,
        );
        xml.flag("Job_Exempt", true);
        xml.leaf("Scheduled_Weekly_Hours", hours);
        xml.leaf("Default_Weekly_Hours", 40);
        xml.leaf("Full_Time_Equivalent_Percentage", u32::from(hours) * 100 / 40);
        xml.flag("Exclude_from_Headcount", false);
        classification(xml, view.level);
        profile(xml, position.title, view.level);
        if let Some(site) = position.site {
            self.site(xml, site);
        }
        if let Some(kind) = position.assignment {
            self.assignment(xml, view, position, kind);
        }
        if let (Some(space), Some(site), None) = (view.work_space, position.site, position.assignment) {
            let id = format!("{}_{space}", site.id);
            let label = format!("{} {space}", site.name);
            xml.simple_reference("Work_Space__Reference", &label, "Location_ID", &id);
        }
        if let Some(manager) = self.manager(index, view) {
            self.reference(
                xml,
                "Manager_as_of_last_detected_manager_change_Reference",
                manager,
            );
        }
    }

    /// Whoever leads the organization a worker is in; nobody leads himself.
    fn manager(&self, index: usize, view: &View) -> Option<usize> {
        let organization = self.tenant.organizations.get(view.organization? as usize)?;
        let manager = *organization.managers.first()? as usize;
        (manager != index).then_some(manager)
    }

    fn assignment(&self, xml: &mut Xml, view: &View, position: &Position, kind: &str) {
        xml.open("International_Assignment_Data");
        xml.simple_reference(
            "International_Assignment_Type_Reference",
            kind,
            "International_Assignment_Type_ID",
            kind,
        );
        xml.date("Expected_Assignment_End_Date", position.end);
        if let Some(site) = position.site {
            country_reference(xml, "Host_Country_Reference", places::country(site.country));
        }
        if let Some(home) = view
            .site
            .and_then(|site| self.tenant.sites.get(usize::from(site)))
        {
            country_reference(xml, "Home_Country_Reference", places::country(home.country));
        }
        xml.close("International_Assignment_Data");
    }

    fn site(&self, xml: &mut Xml, site: &Site) {
        xml.open("Business_Site_Summary_Data");
        xml.simple_reference("Location_Reference", &site.name, "Location_ID", site.id);
        xml.leaf("Name", &site.name);
        xml.simple_reference("Local_Reference", &site.locale, "Locale_ID", &site.locale);
        xml.leaf("Scheduled_Weekly_Hours", 40);
        self.address(xml, site);
        xml.close("Business_Site_Summary_Data");
    }

    fn address(&self, xml: &mut Xml, site: &Site) {
        let country = places::country(site.country);
        let (region, code) = site.region;
        xml.begin("Address_Data");
        xml.attribute("Effective_Date", "2000-01-01");
        xml.attribute("Address_Format_Type", "Basic");
        // Line breaks are escaped once too often: whoever reads the text finds these six characters.
        let lines = site.lines.join("&#xa;");
        let written = format!(
            "{lines}&#xa;{}, {code} {}&#xa;{}",
            site.city, site.postal_code, country.name
        );
        xml.attribute("Formatted_Address", written);
        xml.attribute("Defaulted_Business_Site_Address", 0);
        xml.end();
        country_reference(xml, "Country_Reference", country);
        xml.leaf("Last_Modified", "2019-03-04T09:15:30.123-08:00");
        for (number, line) in site.lines.iter().enumerate() {
            let number = number + 1;
            xml.begin("Address_Line_Data");
            xml.attribute("Type", format_args!("ADDRESS_LINE_{number}"));
            // This one has its label whatever was asked for.
            xml.attribute("Descriptor", format_args!("Address Line {number}"));
            xml.end();
            xml.raw(&crate::lab::workday::xml::escape(line));
            xml.close("Address_Line_Data");
        }
        xml.leaf("Municipality", site.city);
        let id = format!("{}-{code}", country.alpha3);
        xml.reference(
            "Country_Region_Reference",
            region,
            Wid::of("Country_Region_ID", &id),
            &[("Country_Region_ID", &id), ("ISO_3166-2_Code", code)],
        );
        if self.version.is_30() {
            xml.leaf("Country_Region_Descriptor", region);
        }
        xml.leaf("Postal_Code", site.postal_code);
        xml.begin("Usage_Data");
        xml.attribute("Public", 1);
        xml.end();
        xml.begin("Type_Data");
        xml.attribute("Primary", 1);
        xml.end();
        xml.simple_reference(
            "Type_Reference",
            "Business",
            "Communication_Usage_Type_ID",
            "BUSINESS",
        );
        xml.close("Type_Data");
        xml.close("Usage_Data");
        if self.version.is_30() {
            xml.leaf("Number_of_Days", 0);
        }
        let reference = format!("ADDRESS_REFERENCE-1-{}", site.id);
        xml.simple_reference("Address_Reference", &reference, "Address_ID", &reference);
        xml.leaf("Address_ID", &reference);
        xml.close("Address_Data");
    }

    fn status(&self, xml: &mut Xml, view: &View) {
        let hire = view.hire.or_else(|| {
            let shown = self.settings.future_hires_have_dates;
            view.future_hire.filter(|_| shown)
        });
        let termination = view.termination;
        xml.open("Worker_Status_Data");
        xml.flag("Active", view.active);
        xml.date("Active_Status_Date", view.active_since);
        xml.date("Hire_Date", hire);
        xml.date("Original_Hire_Date", view.original_hire.or(hire));
        xml.date(
            "End_Employment_Date",
            termination.map(|one| one.last_day).or(view.contract_end),
        );
        xml.date("Continuous_Service_Date", view.hire);
        xml.date("First_Day_of_Work", view.first_day);
        xml.flag("Retired", false);
        xml.date("Seniority_Date", view.hire);
        xml.leaf("Days_Unemployed", 0);
        xml.leaf("Months_Continuous_Prior_Employment", 0);
        xml.flag("Terminated", termination.is_some());
        if let Some(termination) = termination {
            self.termination(xml, termination);
        }
        if self.version.is_31() {
            let may_return = termination.is_none_or(|one| one.eligible_for_rehire);
            eligibility(xml, "Eligible_for_Hire_Reference", may_return);
            xml.flag(
                "Regrettable_Termination",
                termination.is_some_and(|one| one.regrettable),
            );
            if termination.is_some() {
                let name = "Eligible_for_Rehire_on_Latest_Termination_Reference";
                eligibility(xml, name, may_return);
            }
        } else {
            let may_not = termination.is_some_and(|one| !one.eligible_for_rehire);
            xml.flag("Not_Eligible_for_Hire", may_not);
            xml.flag(
                "Regrettable_Termination",
                termination.is_some_and(|one| one.regrettable),
            );
            xml.flag("Not_Eligible_for_Rehire", may_not);
        }
        if self.version.is_30() {
            xml.flag("Hire_Rescinded", view.hire_rescinded);
        }
        xml.date(
            "Termination_Last_Day_of_Work",
            termination.map(|one| one.last_day),
        );
        xml.flag("Not_Returning", false);
        xml.flag("Return_Unknown", false);
        self.leaves(xml, view);
        xml.flag("Rehire", view.rehire);
        xml.close("Worker_Status_Data");
    }

    fn termination(&self, xml: &mut Xml, termination: &Termination) {
        xml.date("Termination_Date", Some(termination.last_day));
        let label = termination.reason.replace('_', " ");
        xml.simple_reference(
            "Primary_Termination_Reason_Reference",
            &label,
            "Termination_Subcategory_ID",
            &termination.reason,
        );
        xml.flag("Termination_Involuntary", termination.involuntary);
    }

    /// One for each leave there ever was; only those of this day say so.
    fn leaves(&self, xml: &mut Xml, view: &View) {
        for leave in &view.leaves {
            let is_on = leave.end.is_none_or(|end| end >= self.day);
            let label = leave.kind.replace('_', " ");
            xml.open("Leave_Status_Data");
            xml.leaf(
                "Leave_Request_Description",
                format_args!("{label} {}", leave.start.year()),
            );
            xml.flag("On_Leave", is_on);
            xml.date("Leave_Start_Date", Some(leave.start));
            xml.date("Leave_End_Date", leave.end);
            xml.date("Leave_Last_Day_of_Work", Some(pacific::yesterday(leave.start)));
            xml.simple_reference(
                "Leave_of_Absence_Type_Reference",
                &label,
                "Leave_of_Absence_Type_ID",
                leave.kind,
            );
            xml.close("Leave_Status_Data");
        }
    }
}

fn eligibility(xml: &mut Xml, name: &str, is_eligible: bool) {
    let answer = if is_eligible { "Yes" } else { "No" };
    xml.simple_reference(name, answer, "Yes_No_Type_ID", answer);
}

fn classification(xml: &mut Xml, level: u8) {
    let (id, label) = match level {
        ..=3 => ("1_EEO1", "1 - Executives & Managers (EEO-1)"),
        _ => ("2_EEO1", "2 - Professionals (EEO-1)"),
    };
    xml.open("Job_Classification_Summary_Data");
    xml.simple_reference(
        "Job_Classification_Reference",
        label,
        "Job_Classification_Reference_ID",
        id,
    );
    xml.simple_reference(
        "Job_Group_Reference",
        "EEO-1",
        "Job_Classification_Group_ID",
        "EEO1",
    );
    xml.close("Job_Classification_Summary_Data");
}

fn profile(xml: &mut Xml, title: &str, level: u8) {
    let family = match title.rsplit_once(' ') {
        Some((_, last)) => last,
        None => title,
    };
    let (level_id, level_label) = match level {
        1 => ("1_Chief_Executive", "1 Chief Executive"),
        2..=3 => ("3_Director", "3 Director"),
        4..=6 => ("5_Manager", "5 Manager"),
        _ => ("8_Individual_Contributor", "8 Individual Contributor"),
    };
    xml.open("Job_Profile_Summary_Data");
    let id = title.replace(' ', "_");
    xml.simple_reference("Job_Profile_Reference", title, "Job_Profile_ID", &id);
    xml.flag("Job_Exempt", true);
    xml.simple_reference(
        "Management_Level_Reference",
        level_label,
        "Management_Level_ID",
        level_id,
    );
    // Families repeat, as they do in real tenants.
    for (id, label) in [(family, family), ("JOB_FAMILY-1-74", "Northwind Rail")] {
        xml.simple_reference("Job_Family_Reference", label, "Job_Family_ID", id);
    }
    xml.leaf("Job_Profile_Name", title);
    xml.flag("Work_Shift_Required", false);
    xml.flag("Critical_Job", false);
    xml.close("Job_Profile_Summary_Data");
}
