//! What a server's refusal means: one table from result code, Windows error code and text to a kind, a
//! code of the provisioning log, and words that say what to do.
//!
//! Windows puts a Windows error as eight hex digits before its text; Samba does so sometimes, with codes of
//! its own choosing; other servers never do. Where they differ, both have a row. A row says only what its
//! three keys prove, and the first row that fits is taken.

use crate::error::{Error, Kind};

/// Results that callers tell apart (RFC 4511, appendix A).
const CONSTRAINT_VIOLATION: u32 = 19;
const VALUE_EXISTS: u32 = 20;
const NO_SUCH_OBJECT: u32 = 32;

/// What was being done when the server said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum During {
    Search,
    Add,
    Modify,
    Password,
    Rename,
    Delete,
}

/// A result that is not success (RFC 4511 §4.1.9).
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub result: u32,
    pub text: String,
}

/// noSuchAttribute, undefinedAttributeType, constraintViolation, invalidAttributeSyntax, noSuchObject (a reference's),
/// insufficientAccessRights, unwillingToPerform, objectClassViolation (RFC 4511 §4.1.9).
const ABOUT_CONTENT: &[u32] = &[16, 17, 19, 21, 32, 50, 53, 65];

impl Refusal {
    /// The Windows error code at the front of the text.
    fn windows_code(&self) -> Option<&str> {
        let (code, _) = self.text.split_once(':')?;
        (code.len() == 8 && code.bytes().all(|it| it.is_ascii_hexdigit())).then_some(code)
    }

    /// The password policy said no, or the account has no password that would let it be enabled.
    pub(super) fn is_password_policy(&self) -> bool {
        matches!(self.result, 19 | 53) && self.windows_code() == Some("0000052D")
    }

    /// A password was refused, in the words of whatever server.
    pub(super) fn is_password_refused(&self) -> bool {
        self.is_password_policy() || self.result == CONSTRAINT_VIOLATION
    }

    /// What was to be written may be at fault, rather than its place, its name or the moment.
    pub(super) fn is_about_content(&self) -> bool {
        ABOUT_CONTENT.contains(&self.result)
    }

    /// An attribute that holds one value was to get another beside it.
    pub(super) fn is_second_value(&self) -> bool {
        self.result == VALUE_EXISTS || self.windows_code() == Some("00002081")
    }

    /// The entry, or something on the way to it, does not exist.
    pub(super) fn is_missing(&self) -> bool {
        self.result == NO_SUCH_OBJECT
    }

    pub(super) fn into_error(self, during: During) -> Error {
        let row = row(during, &self);
        let code = self
            .windows_code()
            .map_or(String::new(), |code| format!(", {code}"));
        let message = format!("{} (LDAP result {}{code})", row.message, self.result);
        let error = Error::new(row.kind, message).code(row.code);
        match row
            .attribute
            .map(str::to_string)
            .or_else(|| attribute(&self.text))
        {
            Some(attribute) => error.at(attribute),
            None => error,
        }
    }
}

struct Row {
    during: Option<During>,
    result: u32,
    windows: Option<&'static str>,
    /// A part of the text, in lower case.
    text: Option<&'static str>,
    kind: Kind,
    /// A code of the provisioning log, as Entra ID documents them.
    code: &'static str,
    /// At fault, where the row proves it and the text may not name it.
    attribute: Option<&'static str>,
    message: &'static str,
}

/// Shapes of rows, so that the table below stays readable.
const fn any(result: u32, kind: Kind, code: &'static str, message: &'static str) -> Row {
    Row {
        during: None,
        result,
        windows: None,
        text: None,
        kind,
        code,
        attribute: None,
        message,
    }
}

const fn with(
    result: u32,
    windows: &'static str,
    kind: Kind,
    code: &'static str,
    message: &'static str,
) -> Row {
    Row {
        windows: Some(windows),
        ..any(result, kind, code, message)
    }
}

impl Row {
    const fn during(self, during: During) -> Row {
        Row {
            during: Some(during),
            ..self
        }
    }

    const fn saying(self, text: &'static str) -> Row {
        Row {
            text: Some(text),
            ..self
        }
    }

    const fn at(self, attribute: &'static str) -> Row {
        Row {
            attribute: Some(attribute),
            ..self
        }
    }

    fn fits(&self, during: During, refusal: &Refusal, code: Option<&str>, lower: &str) -> bool {
        self.result == refusal.result
            && self.during.is_none_or(|it| it == during)
            && self
                .windows
                .is_none_or(|it| code.is_some_and(|code| code.eq_ignore_ascii_case(it)))
            && self.text.is_none_or(|it| lower.contains(it))
    }
}

const ACCOUNT_NAME_TAKEN: &str =
    "another account of the domain has this sAMAccountName: choose another, or match that account instead";
const PRINCIPAL_NAME_TAKEN: &str =
    "another account of the forest has this userPrincipalName: choose another, or match that account instead";
const SERVICE_NAME_TAKEN: &str = "another object of the forest has this servicePrincipalName";
const ENTRY_TAKEN: &str =
    "the container already holds an object of this name: make cn unique, for instance with the employee id";
const TOO_LONG: &str =
    "the directory refuses the value: it is too long or of the wrong form for the attribute";
const SYNTAX: &str = "the value does not fit the attribute's syntax, or is empty: correct the mapping, or leave empty values out";
const NO_RIGHTS: &str = "the service account may not do this: delegate the right on the container, and see \
     whether inheritance is off there or the account is protected (adminCount = 1)";
const NO_PARENT: &str =
    "the container does not exist in this domain: create it, or correct parentDistinguishedName";
const ELSEWHERE: &str = "the object or its container lies in another domain";
const UNKNOWN_ATTRIBUTE: &str =
    "the directory's schema has no such attribute: correct the mapping, or extend the schema";
const GONE: &str = "the account does not exist any more";
const OVERTAKEN: &str = "somebody changed the account since it was read";
const REFERENCE_GONE: &str = "the account referred to does not exist in the directory";
const WEAK: &str = "the password policy refuses even a long random password, or the account has none: see \
     whether a fine-grained policy or a password filter applies";
const BUSY: &str = "the directory cannot answer just now";
const NOT_ENCRYPTED: &str =
    "the directory takes this over encrypted connections only: use ldaps:// or starttls = true";
const NO_CHILD: &str =
    "the container cannot hold user accounts: take an organizational unit in parentDistinguishedName";
const BAD_DN: &str = "the distinguished name is malformed: correct parentDistinguishedName or the reference";
const SEVERAL: &str = "the attribute holds one value only, and was given several";

use During::{Add, Delete, Modify, Rename};
use Kind::{Conflict, Forbidden, Internal, Invalid, NotFound, Stale, TooLarge, Unavailable, Unsupported};

const NO_ACCESS: &str = "HybridSynchronizationActiveDirectoryInsufficientAccessRights";
const NO_ATTRIBUTE: &str = "HybridSynchronizationActiveDirectoryCannotFindAttribute";
const NOT_UNIQUE: &str = "HybridSynchronizationActiveDirectoryUserPrincipalNameNotUnique";
/// Spelled as the service spells it.
const ON_RDN: &str = "HybridSyncronizationinvalidOperationOnRelativeDistinguishedNameAttribute";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Values that must be unique.
    with(68, "00000524", Conflict, "EntryConflict", ACCOUNT_NAME_TAKEN).at("sAMAccountName"),
    with(68, "00000526", Conflict, "EntryConflict", ACCOUNT_NAME_TAKEN).at("sAMAccountName"),
    with(68, "00002071", Conflict, "EntryConflict", ACCOUNT_NAME_TAKEN).at("sAMAccountName").saying("samaccountname"),
    any(68, Conflict, "EntryConflict", ENTRY_TAKEN).at("cn"),
    with(19, "000021C8", Conflict, NOT_UNIQUE, PRINCIPAL_NAME_TAKEN).at("userPrincipalName"),
    with(19, "0000202F", Conflict, NOT_UNIQUE, PRINCIPAL_NAME_TAKEN).at("userPrincipalName").saying("userprincipalname"),
    with(19, "000021C7", Conflict, "EntryConflict", SERVICE_NAME_TAKEN).at("servicePrincipalName"),
    with(19, "0000202F", Conflict, "EntryConflict", SERVICE_NAME_TAKEN).at("servicePrincipalName").saying("serviceprincipalname"),
    any(19, Conflict, "EntryConflict", "another entry has this value, which must be unique").saying("attributes not unique"),

    // Passwords.
    with(19, "0000052D", Invalid, "UnprocessableEntity", WEAK).at("unicodePwd"),
    with(53, "0000052D", Invalid, "UnprocessableEntity", WEAK).at("unicodePwd"),
    with(53, "0000001F", Invalid, "UnprocessableEntity", NOT_ENCRYPTED).at("unicodePwd"),
    any(19, Invalid, "UnprocessableEntity", WEAK).during(During::Password),

    // Values that do not fit.
    with(19, "00002082", Invalid, "ConstraintViolation", TOO_LONG),
    with(19, "00002081", Stale, "Conflict", OVERTAKEN).during(Modify),
    with(19, "00002081", Invalid, "SchemaPropertyCanOnlyAcceptValue", SEVERAL),
    with(19, "000020B5", NotFound, "ReferenceNotFound", REFERENCE_GONE),
    any(19, Invalid, "ConstraintViolation", TOO_LONG),
    with(21, "0000200B", Invalid, "ConstraintViolation", TOO_LONG),
    any(21, Invalid, "InvalidAttributeSyntax", SYNTAX),
    with(16, "00000057", Invalid, NO_ATTRIBUTE, UNKNOWN_ATTRIBUTE),
    any(16, Invalid, NO_ATTRIBUTE, UNKNOWN_ATTRIBUTE).saying("not found in the schema"),
    any(17, Invalid, NO_ATTRIBUTE, UNKNOWN_ATTRIBUTE),
    any(65, Invalid, "MandatoryFieldsMissing", "an attribute is missing that the class demands, or is mapped that it does not allow"),

    // What was there before is there no more.
    any(16, Stale, "Conflict", OVERTAKEN),
    any(20, Invalid, "SchemaPropertyCanOnlyAcceptValue", SEVERAL).during(Add),
    any(20, Stale, "Conflict", OVERTAKEN),
    any(32, Invalid, "OperationsError", NO_PARENT).during(Add).at("parentDistinguishedName"),
    any(32, NotFound, "InvalidAnchor", GONE),
    with(53, "00000525", NotFound, "InvalidAnchor", GONE),

    // Places.
    with(1, "000020D6", Invalid, "OperationsError", NO_PARENT).at("parentDistinguishedName"),
    with(80, "00002089", Invalid, "OperationsError", NO_PARENT).at("parentDistinguishedName"),
    with(80, "00002095", Invalid, "OperationsError", NO_PARENT).at("parentDistinguishedName"),
    any(10, Invalid, "InvalidDomain", ELSEWHERE),
    any(71, Invalid, "InvalidDomain", ELSEWHERE),
    any(34, Invalid, "InvalidAttributeSyntax", BAD_DN),
    any(64, Invalid, "MethodNotAllowed", NO_CHILD).during(Add).at("parentDistinguishedName"),
    any(64, Invalid, "MethodNotAllowed", NO_CHILD).during(Rename).at("parentDistinguishedName"),
    any(64, Invalid, "MethodNotAllowed", BAD_DN),
    any(66, Conflict, "MethodNotAllowed", "the object has others below it and cannot be deleted: remove those first").during(Delete),
    any(67, Invalid, ON_RDN, "the object's own name is changed by renaming it, not as an attribute"),

    // Rights.
    any(50, Forbidden, "InsufficientRights", "the service account may not read this").during(During::Search),
    any(50, Forbidden, NO_ACCESS, NO_RIGHTS),
    with(53, "00000005", Forbidden, NO_ACCESS, NO_RIGHTS),
    with(53, "00002077", Invalid, "NotPermitted", "the directory keeps this attribute itself: remove the mapping"),
    any(53, Invalid, "NotPermitted", "the directory is unwilling to do this"),

    // The server itself.
    any(1, Internal, "InternalServerError", "the directory failed to work the request off"),
    any(2, Internal, "UnprocessableEntity", "the directory does not understand the request"),
    any(3, Unavailable, "Timeout", "the directory gave up searching: index the attributes people are matched by"),
    any(4, TooLarge, "InternalServerError", "the directory returns fewer entries than were asked for: lower page_size"),
    any(8, Invalid, "Unauthorized", NOT_ENCRYPTED),
    any(11, Unavailable, "Timeout", "an administrative limit of the directory was exceeded: lower page_size"),
    any(12, Unsupported, "NotImplemented", "the directory lacks a feature this needs"),
    any(13, Invalid, "Unauthorized", NOT_ENCRYPTED),
    any(18, Unsupported, "NotImplemented", "the directory cannot compare values of this attribute"),
    any(51, Unavailable, "EndpointUnavailable", BUSY),
    any(52, Unavailable, "EndpointUnavailable", BUSY),
    any(80, Unavailable, "EndpointUnavailable", BUSY),
];

/// Results that no row knows.
const UNLISTED: Row = any(
    0,
    Internal,
    "UnprocessableEntity",
    "the directory refused for a reason unknown to Muster",
);

fn row(during: During, refusal: &Refusal) -> &'static Row {
    let code = refusal.windows_code();
    let lower = refusal.text.to_lowercase();
    ROWS.iter()
        .find(|row| row.fits(during, refusal, code, &lower))
        .unwrap_or(&UNLISTED)
}

/// What stands before and after an attribute's name in a text.
const NAMED: &[(&str, &str)] = &[
    // Windows: `Att 90290 (userPrincipalName)`.
    ("Att ", ")"),
    // Samba: `attribute 'company' on entry`, `SINGLE-VALUE attribute title on`, `Attribute manager doesn't`.
    ("attribute '", "'"),
    ("SINGLE-VALUE attribute ", " "),
    ("Attribute ", " "),
];

/// The attribute that a text names.
fn attribute(text: &str) -> Option<String> {
    NAMED.iter().find_map(|(before, after)| {
        let (_, rest) = text.split_once(before)?;
        let (found, _) = rest.split_once(after)?;
        let name = found.split_once('(').map_or(found, |(_, name)| name);
        super::wire::is_attribute_name(name).then(|| name.to_string())
    })
}

/// Why a bind failed, by the `data` code of the text (Windows and Samba alike).
#[rustfmt::skip]
const BINDS: &[(&str, Kind, &str)] = &[
    ("525", Kind::Unauthenticated, "the directory knows no such service account: correct bind_dn"),
    ("52e", Kind::Unauthenticated, "the service account's name or password is wrong: correct bind_dn or password"),
    ("52f", Kind::Unauthenticated, "the service account is restricted from signing in"),
    ("530", Kind::Unavailable,     "the service account may not sign in at this hour"),
    ("531", Kind::Unauthenticated, "the service account may not sign in from this machine"),
    ("532", Kind::Unauthenticated, "the service account's password has expired: set a new one"),
    ("533", Kind::Unauthenticated, "the service account is disabled: enable it"),
    ("701", Kind::Unauthenticated, "the service account has expired: extend it"),
    ("773", Kind::Unauthenticated, "the service account must change its password first: set one that need not be changed"),
    ("775", Kind::Unavailable,     "the service account is locked out: unlock it, and find out who tried wrong passwords"),
];

/// A bind's refusal. Unauthenticated means that trying again can only lock the account out (B25).
pub(super) fn bind(refusal: Refusal) -> Error {
    let (kind, message) = match refusal.result {
        49 => BINDS
            .iter()
            .find(|(data, ..)| refusal.text.contains(&format!("data {data}")))
            .map_or(
                (
                    Kind::Unauthenticated,
                    "the service account's name or password is wrong: correct bind_dn or password",
                ),
                |&(_, kind, message)| (kind, message),
            ),
        7 | 48 => (
            Kind::Unauthenticated,
            "the directory does not let this account bind with a password",
        ),
        _ => return refusal.into_error(During::Search),
    };
    Error::new(kind, message).code("Unauthorized")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(during: During, result: u32, text: &str, kind: Kind, code: &str, attribute: Option<&str>) {
        let error = Refusal {
            result,
            text: text.to_string(),
        }
        .into_error(during);
        assert_eq!((error.kind, error.code.as_ref()), (kind, code), "{text}");
        assert_eq!(error.target.as_deref(), attribute, "{text}");
        assert!(!error.message.contains("CN="), "{}", error.message);
    }

    #[test]
    fn the_same_trouble_in_the_words_of_windows_and_of_samba() {
        let sam = Some("sAMAccountName");
        says(
            Add,
            68,
            "00000524: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0\n\0",
            Conflict,
            "EntryConflict",
            sam,
        );
        says(
            Add,
            68,
            "00002071: samldb: sAMAccountName 'ada' already in use!",
            Conflict,
            "EntryConflict",
            sam,
        );
        says(
            Modify,
            68,
            "00002071: samldb: samAccountName 'ADA' already in use!",
            Conflict,
            "EntryConflict",
            sam,
        );

        let cn = Some("cn");
        says(
            Add,
            68,
            "00002071: UpdErr: DSID-0305038D, problem 6005 (ENTRY_EXISTS), data 0",
            Conflict,
            "EntryConflict",
            cn,
        );
        says(
            Add,
            68,
            "Entry CN=Ada,OU=Staff,DC=x already exists",
            Conflict,
            "EntryConflict",
            cn,
        );
        says(Add, 68, "", Conflict, "EntryConflict", cn);

        let upn = Some("userPrincipalName");
        let windows = "000021C8: AtrErr: DSID-03200BBA, #1:\n\t0: 000021C8: DSID-03200BBA, problem 1005 \
                       (CONSTRAINT_ATT_TYPE), data 0, Att 90290 (userPrincipalName)";
        says(Add, 19, windows, Conflict, NOT_UNIQUE, upn);
        says(
            Add,
            19,
            "0000202F: samldb: userPrincipalName 'a@x' is already in use ",
            Conflict,
            NOT_UNIQUE,
            upn,
        );

        let windows = "00002082: AtrErr: DSID-03151E49, #1:\n\t0: 00002082: DSID-03151E49, problem 1005 \
                       (CONSTRAINT_ATT_TYPE), data 0, Att 20092 (company):len 140";
        says(
            Modify,
            19,
            windows,
            Invalid,
            "ConstraintViolation",
            Some("company"),
        );
        let samba = "0000200B: objectclass_attrs: attribute 'company' on entry 'CN=Ada,OU=Staff,DC=x' contains \
                     at least one invalid value!";
        says(Modify, 21, samba, Invalid, "ConstraintViolation", Some("company"));

        let windows = "00000057: LdapErr: DSID-0C091027, comment: Error in attribute conversion operation, data 0, v3839";
        says(Modify, 21, windows, Invalid, "InvalidAttributeSyntax", None);
        says(Modify, 16, windows, Invalid, NO_ATTRIBUTE, None);
        let samba = "acl_modify: attribute 'nonsense' on entry 'CN=Ada,DC=x' was not found in the schema!";
        says(Modify, 16, samba, Invalid, NO_ATTRIBUTE, Some("nonsense"));
    }

    #[test]
    fn a_value_that_moved_on_is_stale() {
        let windows = "00002085: AtrErr: DSID-03151817, #1:\n\t0: 00002085: DSID-03151817, problem 1001 \
                       (NO_ATTRIBUTE_OR_VAL), data 0, Att 8d (department)";
        says(Modify, 16, windows, Stale, "Conflict", Some("department"));
        let samba =
            "attribute 'department': no matching attribute value while deleting attribute on 'CN=Ada,DC=x'";
        says(Modify, 16, samba, Stale, "Conflict", Some("department"));
        let samba = "0000200D: SINGLE-VALUE attribute department on CN=Ada,DC=x specified more than once";
        says(Modify, 20, samba, Stale, "Conflict", Some("department"));
        says(
            Add,
            20,
            samba,
            Invalid,
            "SchemaPropertyCanOnlyAcceptValue",
            Some("department"),
        );
    }

    #[test]
    fn missing_means_the_parent_in_an_add_and_the_account_elsewhere() {
        let place = Some("parentDistinguishedName");
        says(
            Add,
            32,
            "0000208D: NameErr: DSID-03100241, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'DC=x'",
            Invalid,
            "OperationsError",
            place,
        );
        says(
            Add,
            32,
            "00002030: objectclass: Cannot add CN=A,OU=M,DC=x, parent does not exist!",
            Invalid,
            "OperationsError",
            place,
        );
        says(
            Rename,
            80,
            "00002095: objectclass: Cannot rename CN=A,DC=x, parent does not exist!",
            Invalid,
            "OperationsError",
            place,
        );
        says(
            Add,
            1,
            "000020D6: SvcErr: DSID-031007DB, problem 5012 (DIR_ERROR), data 0",
            Invalid,
            "OperationsError",
            place,
        );
        says(
            Modify,
            32,
            "00002030: No such Base DN: CN=Ada,DC=x",
            NotFound,
            "InvalidAnchor",
            None,
        );
    }

    #[test]
    fn rights_and_patience() {
        says(
            Modify,
            50,
            "00002098: SecErr: DSID-03150E8A, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
            Forbidden,
            NO_ACCESS,
            None,
        );
        says(
            Add,
            50,
            "acl: unable to get access to CN=New,CN=Users,DC=x",
            Forbidden,
            NO_ACCESS,
            None,
        );
        says(
            Modify,
            51,
            "0000200E: SvcErr: DSID-0, problem 5001 (BUSY), data 0",
            Unavailable,
            "EndpointUnavailable",
            None,
        );
        says(Modify, 99, "what?", Internal, "UnprocessableEntity", None);
    }

    #[test]
    fn password_policy_is_known_in_both_tongues() {
        for (result, text) in [
            (
                53,
                "0000052D: SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0",
            ),
            (
                19,
                "0000052D: Constraint violation - check_password_restrictions: the password does not meet the complexity criteria!",
            ),
        ] {
            assert!(
                Refusal {
                    result,
                    text: text.to_string()
                }
                .is_password_policy()
            );
        }
        let else_wise = Refusal {
            result: 53,
            text: "00002035: unwilling".to_string(),
        };
        assert!(!else_wise.is_password_policy());
    }

    #[test]
    fn a_failed_bind_says_why_and_whether_trying_again_is_safe() {
        let failed = |data: &str| {
            let text = format!(
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1"
            );
            bind(Refusal { result: 49, text })
        };
        assert_eq!(failed("52e").kind, Kind::Unauthenticated);
        assert!(failed("533").message.contains("disabled"));
        assert_eq!(failed("775").kind, Kind::Unavailable);
        assert_eq!(
            bind(Refusal {
                result: 49,
                text: String::new()
            })
            .kind,
            Kind::Unauthenticated
        );
        assert_eq!(
            bind(Refusal {
                result: 8,
                text: "BindSimple: Transport encryption required.".into()
            })
            .kind,
            Invalid
        );
    }
}
