//! What Workday says when it does not take what is written home: the texts of its schema for work contacts and accounts,
//! what each means, and what to do.

use super::soap::Fault;
use crate::error::Kind;

/// One of Workday's texts, by a part of it that no other has.
#[derive(Debug)]
pub(super) struct Refusal {
    pub says: &'static str,
    pub kind: Kind,
    /// A code of the provisioning log.
    pub code: &'static str,
    pub advice: &'static str,
}

const SYNTAX: &str = "InvalidAttributeSyntax";
const CONSTRAINT: &str = "ConstraintViolation";
const NOBODY: &str = "WorkerNotFound";
const PENDING: &str = "PendingProcess";

const ASK_AGAIN: &str = "something about this person waits in Workday, or was entered for a later day: it is tried again later; approve or rescind it there";
const MOVED: &str = "somebody changed the contacts in Workday meanwhile: they are read and planned anew";
const ONE_PRIMARY: &str = "only one work phone and one work e-mail address are primary: set IsPrimary to \"true\" for one device alone";
const FIRST: &str =
    "the first work phone or address of a person is the primary one: set its IsPrimary to \"true\"";
const FIXED: &str =
    "Workday never turns a primary entry into another or back: change it there, or leave IsPrimary as it is";
const DEVICE: &str =
    "set `landline` and `mobile` in the system's `writeback` to Phone_Device_Type_IDs of this tenant";
const USAGE: &str = "set `usage` in the system's `writeback` to the Communication_Usage_Type_ID that this tenant has for work";
const WRITES_ONLY_WORK: &str = "set `usage` in the system's `writeback` to the usage type for work";
const COUNTRY: &str =
    "map CountryCodeName and CountryCodeNumber so that they name a country and its dialling code";
const NUMBER: &str = "correct the number in the directory";
const OURS: &str = "this is how the gateway wrote it: report it";
const GONE: &str = "the worker is not there, or the integration user may not see it: check WorkerID";
const REFERENCE: &str =
    "the worker is not there by this ID: check WorkerID, and `worker_id_system` in the system's `writeback`";

/// The first row that fits counts.
#[rustfmt::skip]
const REFUSALS: &[Refusal] = &[
    row("pending or completed actions",                                    Kind::Invalid,  PENDING,            ASK_AGAIN),
    row("Contact Change Events that change an Address",                    Kind::Invalid,  PENDING,            ASK_AGAIN),
    row("Unable to find a subject for this request",                       Kind::NotFound, NOBODY,             GONE),
    row("Multiple targets were found in this request",                     Kind::Invalid,  CONSTRAINT,         OURS),
    row("type = 'WID'",                                                    Kind::NotFound, NOBODY,             GONE),
    row("type = 'Employee_ID'",                                            Kind::NotFound, NOBODY,             GONE),
    row("type = 'Contingent_Worker_ID'",                                   Kind::NotFound, NOBODY,             GONE),
    row("Employee Reference Integration ID does not exist",                Kind::NotFound, NOBODY,             REFERENCE),
    row("Contingent Worker Reference Integration ID does not exist",       Kind::NotFound, NOBODY,             REFERENCE),
    row("Only one work Email Address can be marked as Primary",            Kind::Invalid,  CONSTRAINT,         ONE_PRIMARY),
    row("Only one work Phone Number can be marked as Primary",             Kind::Invalid,  CONSTRAINT,         ONE_PRIMARY),
    row("exactly one primary work email address",                          Kind::Invalid,  CONSTRAINT,         FIRST),
    row("exactly one primary work phone number",                           Kind::Invalid,  CONSTRAINT,         FIRST),
    row("You can't change a primary email",                                Kind::Invalid,  CONSTRAINT,         FIXED),
    row("You can't change a primary phone",                                Kind::Invalid,  CONSTRAINT,         FIXED),
    row("Only Work Contact Information can be maintained",                 Kind::Invalid,  CONSTRAINT,         WRITES_ONLY_WORK),
    row("type = 'Communication_Usage_Type_ID'",                            Kind::Invalid,  CONSTRAINT,         USAGE),
    row("type = 'Phone_Device_Type_ID'",                                   Kind::Invalid,  CONSTRAINT,         DEVICE),
    row("type = 'Country_Phone_Code_ID'",                                  Kind::Invalid,  SYNTAX,             COUNTRY),
    row("Country Code is required unless",                                 Kind::Invalid,  SYNTAX,             COUNTRY),
    row("Invalid number:",                                                 Kind::Invalid,  SYNTAX,             NUMBER),
    row("Only Numbers are allowed for Phone Number",                       Kind::Invalid,  SYNTAX,             NUMBER),
    row("Email addresses must be in the format of",                        Kind::Invalid,  SYNTAX,             "correct the address in the directory"),
    row("Phone Reference must match an existing",                          Kind::Stale,    "Conflict",         MOVED),
    row("Email Reference must match an existing",                          Kind::Stale,    "Conflict",         MOVED),
    row("type = 'Phone_ID'",                                               Kind::Stale,    "Conflict",         MOVED),
    row("type = 'Email_ID'",                                               Kind::Stale,    "Conflict",         MOVED),
    row("Phone Reference is required when you delete",                     Kind::Invalid,  CONSTRAINT,         OURS),
    row("Email Reference is required when you delete",                     Kind::Invalid,  CONSTRAINT,         OURS),
    row("When Replace All is True",                                        Kind::Invalid,  CONSTRAINT,         OURS),
    row("Primary Phone can't be deleted",                                  Kind::Invalid,  CONSTRAINT,         OURS),
    row("Primary Email can't be deleted",                                  Kind::Invalid,  CONSTRAINT,         OURS),
    row("No Workday Account found",                                        Kind::Invalid,  "NoWorkdayAccount", "whoever has not begun often has no account yet: it is tried again later; else make one in Workday"),
    row("User Name already taken",                                         Kind::Invalid,  "UserNameTaken",    "somebody else signs in to Workday with this name: give one of them another"),
    row("semicolons or colons",                                            Kind::Invalid,  SYNTAX,             "take ; and : out of the name"),
    row("longer than the current tenant maximum",                          Kind::Invalid,  CONSTRAINT,         "shorten the name with Mid() in the mapping, or raise the tenant's maximum"),
    row("User Name is required",                                           Kind::Invalid,  SYNTAX,             "the mapping gives an empty name"),
];

const fn row(says: &'static str, kind: Kind, code: &'static str, advice: &'static str) -> Refusal {
    Refusal {
        says,
        kind,
        code,
        advice,
    }
}

/// What a fault means, if it is one of these.
pub(super) fn of(fault: &Fault) -> Option<&'static Refusal> {
    let texts = || {
        let details = fault.errors.iter().map(|error| error.message.as_str());
        details.chain([fault.message.as_str()])
    };
    REFUSALS
        .iter()
        .find(|refusal| texts().any(|text| text.contains(refusal.says)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn fault(message: &str) -> Fault {
        Fault {
            code: "SOAP-ENV:Client.validationError".into(),
            message: format!("Validation error occurred. {message}"),
            errors: Vec::new(),
            detail: None,
        }
    }

    #[test]
    fn every_text_of_workdays_has_a_code_and_an_advice() {
        for (text, code) in [
            (
                "You cannot initiate this action because there are other pending or completed actions for the person that conflict with this one.",
                PENDING,
            ),
            (
                "Only one work Email Address can be marked as Primary.",
                CONSTRAINT,
            ),
            ("Only one work Phone Number can be marked as Primary.", CONSTRAINT),
            (
                "Subject person must have exactly one primary work email address in order to have non-primary entries. The primary contact information may be either previously entered or included within this request.",
                CONSTRAINT,
            ),
            (
                "Subject person must have exactly one primary work phone number in order to have non-primary entries. The primary contact information may be either previously entered or included within this request.",
                CONSTRAINT,
            ),
            (
                "You can't change a primary email to an additional email or an additional email to a primary email.",
                CONSTRAINT,
            ),
            (
                "You can't change a primary phone to an additional phone or an additional phone to a primary phone.",
                CONSTRAINT,
            ),
            (
                "Only Work Contact Information can be maintained through this web service. Please remove the Home usage type from all Usage Type elements.",
                CONSTRAINT,
            ),
            (
                "Unable to find a subject for this request. Please provide one using either Person Reference or Universal ID Reference.",
                NOBODY,
            ),
            ("Country Code is required unless the device type is VOIP.", SYNTAX),
            ("Invalid number: it is too short", SYNTAX),
            (
                "Only Numbers are allowed for Phone Number field when the Country USA is listed in the 'Allowed Phone Validations' field in Tenant Setup - Global",
                SYNTAX,
            ),
            (
                "Email addresses must be in the format of 'xxx@yy.com'. Please enter the email address in this format.",
                SYNTAX,
            ),
            (
                "Phone Reference is required when you delete a phone number.",
                CONSTRAINT,
            ),
            (
                "Email Reference is required when you delete an email address",
                CONSTRAINT,
            ),
            (
                "Phone Reference must match an existing (and not deleted) phone in use by the person subject of this request.",
                "Conflict",
            ),
            ("When Replace All is True, Delete can't be True.", CONSTRAINT),
            (
                "When Replace All is True, you can't pass a Phone Reference.",
                CONSTRAINT,
            ),
            (
                "Primary Phone can't be deleted when there are additional phones with the same Usage Type",
                CONSTRAINT,
            ),
            (
                "Contact Change Events that change an Address must be done in order.",
                PENDING,
            ),
            (
                "No Workday Account found for referenced Worker.",
                "NoWorkdayAccount",
            ),
            (
                "User Name already taken, please choose another one.",
                "UserNameTaken",
            ),
            (
                "User Name Parameter must not contain any semicolons or colons",
                SYNTAX,
            ),
            (
                "The entered User Name is longer than the current tenant maximum of 60 characters.",
                CONSTRAINT,
            ),
            ("Employee Reference Integration ID does not exist!", NOBODY),
            (
                "Contingent Worker Reference Integration ID does not exist!",
                NOBODY,
            ),
            (
                "Invalid ID value.  'Cell' is not a valid ID value for type = 'Phone_Device_Type_ID'",
                CONSTRAINT,
            ),
        ] {
            let fault = fault(text);
            let found = of(&fault).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(found.code, code, "{text}");
            let error = Error::from(fault);
            assert_eq!((error.kind, error.code.as_ref()), (found.kind, code));
            assert!(
                error.message.contains(text) && error.message.contains(found.advice),
                "{error}"
            );
        }
        assert!(of(&fault("Something else")).is_none());
    }

    #[test]
    fn no_row_is_out_of_reach() {
        for refusal in REFUSALS {
            let found = of(&fault(refusal.says)).unwrap();
            assert_eq!(found.says, refusal.says);
        }
    }
}
