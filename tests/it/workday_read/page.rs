//! Pages of Get_Workers answers, made up: workers by number, each always the same, in the shapes of two versions.

use std::fmt::Write as _;
use std::ops::Range;

#[derive(Clone, Copy)]
pub struct Page {
    pub shape: Shape,
    /// References carry labels.
    pub descriptors: bool,
    /// Line ends and blanks between elements.
    pub pretty: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Positions right below the employment, one formatted phone number.
    V21,
    /// Jobs, and phone numbers in all formats.
    V40,
}

const FIRST_NAMES: &[&str] = &[
    "Ada",
    "Jürgen",
    "Zoë",
    "山田",
    "Nadia & Co",
    "😀 Emil",
    "שרה",
    "O'Neil",
    "e\u{301}lise",
];
const LAST_NAMES: &[&str] = &[
    "King",
    "Łukasiewicz",
    "van der Berg",
    "<Smith>",
    "D\"Arcy",
    "太郎",
    "Quarles",
];
const CITIES: &[(&str, &str, &str, &str)] = &[
    ("Lisbon", "PT", "PRT", "620"),
    ("Graz", "AT", "AUT", "040"),
    ("Osaka", "JP", "JPN", "392"),
];

impl Page {
    pub fn of(self, workers: Range<usize>) -> String {
        let mut xml = Xml {
            text: String::new(),
            page: self,
            depth: 0,
        };
        let version = match self.shape {
            Shape::V21 => "v21.1",
            Shape::V40 => "v40.0",
        };
        let count = workers.len();
        xml.text.push_str("<?xml version='1.0' encoding='UTF-8'?>");
        xml.text
            .push_str("<env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\"><env:Body>");
        let _ = write!(
            xml.text,
            "<wd:Get_Workers_Response xmlns:wd=\"urn:com.workday/bsvc\" wd:version=\"{version}\">"
        );
        xml.inside("Response_Group", |xml| {
            for flag in [
                "Include_Reference",
                "Include_Personal_Information",
                "Include_Additional_Jobs",
                "Include_Employment_Information",
                "Include_Organizations",
                "Include_Management_Chain_Data",
                "Include_Transaction_Log_Data",
                "Exclude_Pay_Groups",
            ] {
                xml.leaf(flag, "1");
            }
        });
        xml.inside("Response_Results", |xml| {
            xml.leaf("Total_Results", &count.to_string());
            xml.leaf("Total_Pages", "1");
            xml.leaf("Page_Results", &count.to_string());
            xml.leaf("Page", "1");
        });
        xml.inside("Response_Data", |xml| {
            for number in workers {
                xml.inside("Worker", |xml| worker(xml, number));
            }
        });
        xml.text
            .push_str("</wd:Get_Workers_Response></env:Body></env:Envelope>");
        xml.text
    }
}

struct Xml {
    text: String,
    page: Page,
    depth: usize,
}

impl Xml {
    fn inside(&mut self, name: &str, fill: impl FnOnce(&mut Xml)) {
        self.with(name, &[], fill);
    }

    fn with(&mut self, name: &str, attributes: &[(&str, &str)], fill: impl FnOnce(&mut Xml)) {
        self.tag(name, attributes);
        self.depth += 1;
        fill(self);
        self.depth -= 1;
        self.line();
        let _ = write!(self.text, "</wd:{name}>");
    }

    fn leaf(&mut self, name: &str, text: &str) {
        self.tag(name, &[]);
        let _ = write!(self.text, "{}</wd:{name}>", escaped(text));
    }

    fn leaf_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.tag(name, attributes);
        let _ = write!(self.text, "{}</wd:{name}>", escaped(text));
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.line();
        let _ = write!(self.text, "<wd:{name}");
        for (name, value) in attributes {
            let _ = write!(self.text, " wd:{name}=\"{}\"", escaped(value));
        }
        self.text.push('>');
    }

    fn line(&mut self) {
        if self.page.pretty {
            let _ = write!(self.text, "\n{}", "  ".repeat(self.depth));
        }
    }

    /// A reference: a label, a WID, and identifiers of other kinds.
    fn reference(&mut self, name: &str, label: &str, ids: &[(&str, &str)]) {
        let attributes: &[(&str, &str)] = match self.page.descriptors {
            true => &[("Descriptor", label)],
            false => &[],
        };
        self.with(name, attributes, |xml| {
            xml.leaf_with("ID", &[("type", "WID")], &wid(name.len() * 31 + label.len()));
            for (kind, id) in ids {
                xml.leaf_with("ID", &[("type", kind)], id);
            }
        });
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

pub fn wid(number: usize) -> String {
    format!(
        "{:032x}",
        (number as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
    )
}

fn worker(xml: &mut Xml, number: usize) {
    let is_contingent = number % 7 == 3;
    let first = FIRST_NAMES[number % FIRST_NAMES.len()];
    let last = LAST_NAMES[number % LAST_NAMES.len()];
    let name = format!("{first} {last}");
    let id = format!("{}{number:05}", if is_contingent { "C-" } else { "" });
    let kind = if is_contingent {
        "Contingent_Worker_ID"
    } else {
        "Employee_ID"
    };
    let label: &[(&str, &str)] = match xml.page.descriptors {
        true => &[("Descriptor", &name)],
        false => &[],
    };
    xml.with("Worker_Reference", label, |xml| {
        xml.leaf_with("ID", &[("type", "WID")], &wid(1_000_000 + number));
        xml.leaf_with("ID", &[("type", kind)], &id);
    });
    xml.leaf("Worker_Descriptor", &name);
    xml.inside("Worker_Data", |xml| {
        xml.leaf("Worker_ID", &id);
        if number % 5 != 4 {
            xml.leaf("User_ID", &format!("user{number}"));
        }
        xml.inside("Personal_Data", |xml| personal(xml, number, first, last));
        xml.inside("Employment_Data", |xml| employment(xml, number, is_contingent));
        if number % 11 != 10 {
            xml.inside("Organization_Data", |xml| organizations(xml, number));
        }
        xml.inside("Management_Chain_Data", |xml| chains(xml, number));
        xml.inside("Transaction_Log_Entry_Data", |xml| {
            for entry in 0..number % 3 {
                xml.inside("Transaction_Log_Entry", |xml| {
                    xml.inside("Transaction_Log_Data", |xml| {
                        xml.leaf("Transaction_Log_Description", &format!("Hire: {name} ({entry})"));
                        xml.leaf("Transaction_Effective_Moment", "2024-02-01T00:00:00.000-08:00");
                        xml.leaf("Is_Rescind_Or_Rescinded", "0");
                    });
                });
            }
        });
    });
}

fn personal(xml: &mut Xml, number: usize, first: &str, last: &str) {
    let formatted = format!("{first} {last}");
    let reporting = format!("{last}, {first}");
    xml.inside("Name_Data", |xml| {
        for (kind, is_there) in [
            ("Legal_Name_Data", true),
            ("Preferred_Name_Data", number % 4 != 1),
        ] {
            if !is_there {
                continue;
            }
            xml.inside(kind, |xml| {
                let attributes = [
                    ("Formatted_Name", formatted.as_str()),
                    ("Reporting_Name", &reporting),
                ];
                xml.with("Name_Detail_Data", &attributes, |xml| {
                    xml.reference(
                        "Country_Reference",
                        "Portugal",
                        &[("ISO_3166-1_Alpha-2_Code", "PT")],
                    );
                    xml.leaf("First_Name", first);
                    if number.is_multiple_of(3) {
                        xml.leaf("Middle_Name", "Q.");
                    }
                    xml.leaf("Last_Name", last);
                });
            });
        }
    });
    xml.inside("Contact_Data", |xml| {
        for phone in 0..number % 5 {
            self::phone(xml, number, phone);
        }
        for (position, usage) in ["HOME", "WORK", "WORK"].iter().enumerate().skip(number % 2) {
            xml.inside("Email_Address_Data", |xml| {
                xml.leaf("Email_Address", &format!("w{number}.{position}@example.test"));
                self::usage(xml, usage, position != 0, position == 1);
            });
        }
    });
    xml.leaf("Tobacco_Use", "0");
}

fn phone(xml: &mut Xml, number: usize, phone: usize) {
    let device = ["Landline", "Mobile", "Fax", "Mobile"][phone];
    let digits = format!("{number:04}{phone}");
    let formatted = format!("+351 ({}) {digits}", 20 + phone);
    let e164 = format!("+351{digits}");
    let attributes: &[(&str, &str)] = match xml.page.shape {
        Shape::V21 => &[("Formatted_Phone", &formatted)],
        Shape::V40 => &[
            ("Area_Code", "20"),
            ("Phone_Number_Without_Area_Code", &digits),
            ("E164_Formatted_Phone", &e164),
            ("Workday_Traditional_Formatted_Phone", &formatted),
            ("National_Formatted_Phone", &digits),
            ("International_Formatted_Phone", &formatted),
            ("Tenant_Formatted_Phone", &formatted),
        ],
    };
    xml.with("Phone_Data", attributes, |xml| {
        xml.leaf("Country_ISO_Code", "PRT");
        xml.leaf("International_Phone_Code", "351");
        xml.leaf("Phone_Number", &digits);
        xml.reference(
            "Phone_Device_Type_Reference",
            device,
            &[("Phone_Device_Type_ID", device)],
        );
        usage(
            xml,
            if phone == 3 { "HOME" } else { "WORK" },
            !(number + phone).is_multiple_of(3),
            phone == 0,
        );
        if number % 6 == 5 {
            usage(xml, "WORK", true, false);
        }
        let id = format!("PHONE-{number}-{phone}");
        xml.reference("Phone_Reference", &id, &[("Phone_ID", &id)]);
        xml.leaf("ID", &id);
    });
}

fn usage(xml: &mut Xml, kind: &str, is_public: bool, is_primary: bool) {
    let flag = |on| if on { "1" } else { "0" };
    let label = if kind == "WORK" { "Work" } else { "Home" };
    xml.with("Usage_Data", &[("Public", flag(is_public))], |xml| {
        xml.with("Type_Data", &[("Primary", flag(is_primary))], |xml| {
            xml.reference("Type_Reference", label, &[("Communication_Usage_Type_ID", kind)]);
        });
    });
}

fn employment(xml: &mut Xml, number: usize, is_contingent: bool) {
    let jobs = 1 + usize::from(number % 9 == 8);
    for job in 0..jobs {
        let primary = if job == 0 { "1" } else { "0" };
        match xml.page.shape {
            // Further jobs cannot be told from the first there.
            Shape::V21 if job > 0 => {}
            Shape::V21 => xml.inside("Position_Data", |xml| position(xml, number, job, is_contingent)),
            Shape::V40 => xml.with("Worker_Job_Data", &[("Primary_Job", primary)], |xml| {
                xml.with("Position_Data", &[("Effective_Date", "2025-03-01")], |xml| {
                    position(xml, number, job, is_contingent);
                });
            }),
        }
    }
    xml.inside("Worker_Status_Data", |xml| status(xml, number));
}

fn position(xml: &mut Xml, number: usize, job: usize, is_contingent: bool) {
    let id = format!("P-{number:05}-{job}");
    xml.reference("Position_Reference", &id, &[("Position_ID", &id)]);
    xml.leaf("Position_ID", &id);
    xml.leaf("Position_Title", "Engineer III");
    xml.leaf("Business_Title", &format!("Engineer, R&D {job}"));
    xml.leaf("Start_Date", "2024-02-01");
    let (label, kind) = match is_contingent {
        true => ("Contractor", "Contingent_Worker_Type_ID"),
        false => ("Regular", "Employee_Type_ID"),
    };
    xml.reference("Worker_Type_Reference", label, &[(kind, label)]);
    xml.reference(
        "Position_Time_Type_Reference",
        "Full time",
        &[("Position_Time_Type_ID", "Full_time")],
    );
    for (name, value) in [
        ("Job_Exempt", "1"),
        ("Scheduled_Weekly_Hours", "40"),
        ("Default_Weekly_Hours", "40"),
        ("Full_Time_Equivalent_Percentage", "100"),
        ("Exclude_from_Headcount", "0"),
    ] {
        xml.leaf(name, value);
    }
    for class in 0..1 + number % 2 {
        let id = format!("{class}_EEO");
        xml.inside("Job_Classification_Summary_Data", |xml| {
            xml.reference(
                "Job_Classification_Reference",
                &id,
                &[("Job_Classification_Reference_ID", &id)],
            );
            xml.reference(
                "Job_Group_Reference",
                "EEO-1",
                &[("Job_Classification_Group_ID", "EEO1")],
            );
        });
    }
    xml.inside("Job_Profile_Summary_Data", |xml| {
        xml.reference("Job_Profile_Reference", "Engineer", &[("Job_Profile_ID", "ENG")]);
        xml.reference(
            "Management_Level_Reference",
            "8 Individual",
            &[("Management_Level_ID", "MGR-8")],
        );
        for family in ["Engineering", "Research"].iter().take(1 + number % 2) {
            xml.reference("Job_Family_Reference", family, &[("Job_Family_ID", family)]);
        }
    });
    let (city, two, three, numeric) = CITIES[number % CITIES.len()];
    xml.inside("Business_Site_Summary_Data", |xml| {
        xml.reference("Location_Reference", city, &[("Location_ID", city)]);
        xml.leaf("Name", city);
        xml.reference("Local_Reference", two, &[("Locale_ID", "pt_PT")]);
        let address = format!("1 Quay Road&#xa;{city}");
        xml.with(
            "Address_Data",
            &[("Formatted_Address", &address), ("Effective_Date", "2020-01-01")],
            |xml| {
                let ids = [
                    ("ISO_3166-1_Alpha-2_Code", two),
                    ("ISO_3166-1_Alpha-3_Code", three),
                    ("ISO_3166-1_Numeric-3_Code", numeric),
                ];
                xml.reference("Country_Reference", city, &ids);
                for line in 1..=1 + number % 4 {
                    let kind = format!("ADDRESS_LINE_{line}");
                    let attributes = [("Descriptor", "Address line"), ("Type", kind.as_str())];
                    xml.leaf_with("Address_Line_Data", &attributes, &format!("{line} Quay Road"));
                }
                xml.leaf("Municipality", city);
                xml.reference(
                    "Country_Region_Reference",
                    "Coast",
                    &[("Country_Region_ID", "COAST")],
                );
                xml.leaf("Country_Region_Descriptor", "Coast");
                xml.leaf("Postal_Code", &format!("{}", 10_000 + number));
            },
        );
    });
    if number.is_multiple_of(2) {
        xml.reference(
            "Work_Space__Reference",
            "HQ 7-112",
            &[("Location_ID", "HQ-7-112")],
        );
    }
}

fn status(xml: &mut Xml, number: usize) {
    let is_active = number % 6 != 5;
    for (name, value) in [
        ("Active", if is_active { "1" } else { "0" }),
        ("Active_Status_Date", "2024-02-01"),
        ("Hire_Date", "2024-02-01"),
        ("Original_Hire_Date", "2019-09-16-07:00"),
        ("Hire_Rescinded", "0"),
        ("First_Day_of_Work", "2024-02-05"),
        ("Continuous_Service_Date", "2024-02-01"),
        ("Seniority_Date", "2024-02-01"),
        ("Days_Unemployed", "0"),
        ("Months_Continuous_Prior_Employment", "0"),
        ("Retired", "0"),
        ("Terminated", if is_active { "0" } else { "1" }),
        ("Rehire", "0"),
    ] {
        xml.leaf(name, value);
    }
    if !is_active {
        xml.leaf("Termination_Date", "2025-07-31");
        xml.leaf("Termination_Last_Day_of_Work", "2025-07-31");
        xml.leaf("Termination_Involuntary", "0");
    }
    // A leave that is over, and one that may be on.
    for leave in 0..number % 3 {
        xml.inside("Leave_Status_Data", |xml| {
            xml.leaf("On_Leave", if leave == 1 { "1" } else { "0" });
            let kind = ["Parental", "Medical"][leave];
            xml.reference(
                "Leave_of_Absence_Type_Reference",
                kind,
                &[("Leave_of_Absence_Type_ID", kind)],
            );
        });
    }
}

fn organizations(xml: &mut Xml, number: usize) {
    for (kind, label, name) in [
        ("SUPERVISORY", "Supervisory", "Platform (Ada King)"),
        ("Company", "Company", "Example Devices, Inc. & Sons"),
        ("COST_CENTER", "Cost Center", "41600 Engineering"),
        ("COST_CENTER_HIERARCHY", "Cost Center Hierarchy", "Research"),
        ("LOCATION_HIERARCHY", "Location Hierarchy", "Europe"),
        ("FACILITY", "Facility", "Main building"),
        ("PAY_GROUP", "Pay Group", "Monthly"),
    ] {
        if (number + kind.len()).is_multiple_of(8) {
            continue;
        }
        xml.inside("Worker_Organization_Data", |xml| {
            xml.reference(
                "Organization_Reference",
                name,
                &[("Organization_Reference_ID", name)],
            );
            xml.inside("Organization_Data", |xml| {
                xml.leaf("Organization_Reference_ID", name);
                xml.leaf("Organization_Code", &format!("{number}"));
                xml.leaf("Organization_Name", name);
                xml.reference(
                    "Organization_Type_Reference",
                    label,
                    &[("Organization_Type_ID", kind)],
                );
                xml.reference(
                    "Organization_Subtype_Reference",
                    label,
                    &[("Organization_Subtype_ID", kind)],
                );
            });
        });
    }
}

fn chains(xml: &mut Xml, number: usize) {
    for chain in 0..1 + number % 2 {
        xml.inside("Worker_Supervisory_Management_Chain_Data", |xml| {
            for level in 0..2 + number % 3 {
                xml.inside("Management_Chain_Data", |xml| {
                    let name = format!("Level {level}");
                    xml.reference(
                        "Organization_Reference",
                        &name,
                        &[("Organization_Reference_ID", &name)],
                    );
                    let manager = format!("{}", number / 10 + level + chain);
                    xml.reference("Manager_Reference", &manager, &[("Employee_ID", &manager)]);
                });
            }
        });
    }
}
