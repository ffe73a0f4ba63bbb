//! How Windows says no: an LDAP result, a Windows error, and a text of a fixed form. Clients read all three.
//!
//! `<8 hex>: <class>Err: DSID-<8 hex>, problem <n> (<NAME>), data <n>`, with a line end and a NUL behind it
//! ([MS-ADTS] 3.1.1.3.1.9). Where in Windows' source a refusal stood is of no meaning to anybody, so every class has
//! one DSID here.

use super::schema::Att;

pub type Answer<T = ()> = std::result::Result<T, Refusal>;

/// A result that is not success (RFC 4511 §4.1.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub result: u32,
    pub text: String,
    /// The closest object there is.
    pub matched: String,
    pub referral: Option<String>,
}

/// Of a bind, as `data` of its text (B9).
pub const WRONG_PASSWORD: &str = "52e";

/// The build that Windows Server 2016 tells in its texts, in hexadecimal.
const BUILD: &str = "v3839";

/// What a problem is called, and whose words it is told in.
struct Problem {
    result: u32,
    class: &'static str,
    number: u32,
    name: &'static str,
}

#[rustfmt::skip]
const PROBLEMS: &[Problem] = &[
    Problem { result: 1,  class: "Svc",  number: 5012, name: "DIR_ERROR" },
    Problem { result: 16, class: "Atr",  number: 1001, name: "NO_ATTRIBUTE_OR_VAL" },
    Problem { result: 19, class: "Atr",  number: 1005, name: "CONSTRAINT_ATT_TYPE" },
    Problem { result: 20, class: "Atr",  number: 1006, name: "ATT_OR_VALUE_EXISTS" },
    Problem { result: 21, class: "Atr",  number: 1002, name: "INVALID_ATT_SYNTAX" },
    Problem { result: 32, class: "Name", number: 2001, name: "NO_OBJECT" },
    Problem { result: 34, class: "Name", number: 2006, name: "BAD_NAME" },
    Problem { result: 50, class: "Sec",  number: 4003, name: "INSUFF_ACCESS_RIGHTS" },
    Problem { result: 51, class: "Svc",  number: 5001, name: "BUSY" },
    Problem { result: 52, class: "Svc",  number: 5002, name: "UNAVAILABLE" },
    Problem { result: 53, class: "Svc",  number: 5003, name: "WILL_NOT_PERFORM" },
    Problem { result: 64, class: "Upd",  number: 6001, name: "NAMING_VIOLATION" },
    Problem { result: 65, class: "Upd",  number: 6002, name: "OBJ_CLASS_VIOLATION" },
    Problem { result: 66, class: "Upd",  number: 6003, name: "CANT_ON_NON_LEAF" },
    Problem { result: 67, class: "Upd",  number: 6004, name: "CANT_ON_RDN" },
    Problem { result: 68, class: "Upd",  number: 6005, name: "ENTRY_EXISTS" },
    Problem { result: 71, class: "Upd",  number: 6008, name: "AFFECTS_MULTIPLE_DSAS" },
    Problem { result: 80, class: "Svc",  number: 5012, name: "DIR_ERROR" },
];

/// One place in the source a class.
const DSIDS: &[(&str, &str)] = &[
    ("Atr", "031519D3"),
    ("Name", "0310028B"),
    ("Sec", "03150F94"),
    ("Svc", "031A12D2"),
    ("Upd", "0305038D"),
];

impl Refusal {
    /// In the words that belong to the result.
    pub fn new(result: u32, windows: u32) -> Refusal {
        let Some(problem) = PROBLEMS.iter().find(|it| it.result == result) else {
            return Refusal::comment(result, windows, "Error processing the request");
        };
        let Problem {
            class, number, name, ..
        } = problem;
        let text = format!(
            "{windows:08X}: {class}Err: DSID-{}, problem {number} ({name}), data 0",
            dsid(class)
        );
        Refusal::plain(result, &format!("{text}\n"))
    }

    /// About one attribute of the request ([MS-ADTS] 3.1.1.3.1.9, attribute errors).
    pub fn attribute(result: u32, windows: u32, att: Att) -> Refusal {
        let problem = PROBLEMS.iter().find(|it| it.result == result);
        let (number, name) = problem.map_or((1005, "CONSTRAINT_ATT_TYPE"), |it| (it.number, it.name));
        let dsid = dsid("Atr");
        let text = format!(
            "{windows:08X}: AtrErr: DSID-{dsid}, #1:\n\t0: {windows:08X}: DSID-{dsid}, problem {number} ({name}), \
             data 0, Att {:x} ({})\n",
            att.identifier(),
            att.name
        );
        Refusal::plain(result, &text)
    }

    /// In the words of the protocol's own layer.
    pub fn comment(result: u32, windows: u32, comment: &str) -> Refusal {
        let text = format!("{windows:08X}: LdapErr: DSID-0C090D8A, comment: {comment}, data 0, {BUILD}");
        Refusal::plain(result, &text)
    }

    /// A value or a name that is none: an unknown attribute (16), a value that does not fit its syntax (21).
    pub fn conversion(result: u32) -> Refusal {
        Refusal::comment(
            result,
            ERROR_INVALID_PARAMETER,
            "Error in attribute conversion operation",
        )
    }

    /// Nobody of that name, and how far the name was right.
    pub fn no_object(matched: &str) -> Refusal {
        let text = format!(
            "0000208D: NameErr: DSID-{}, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'{matched}'\n",
            dsid("Name")
        );
        Refusal {
            matched: matched.to_string(),
            ..Refusal::plain(32, &text)
        }
    }

    /// A name of another forest's: whoever wants it is sent there.
    pub fn elsewhere(host: &str, dn: &str) -> Refusal {
        let text = format!("0000202B: RefErr: DSID-0310084A, data 0, 1 access points\n\tref 1: '{host}'\n");
        Refusal {
            referral: Some(format!("ldap://{host}/{dn}")),
            ..Refusal::plain(10, &text)
        }
    }

    /// Why nobody was let in: `data` is one of B9's codes, the Windows error of the sign-in in hexadecimal.
    pub fn bind(data: &str) -> Refusal {
        let text = format!(
            "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {data}, {BUILD}"
        );
        Refusal::plain(49, &text)
    }

    /// A text, with the NUL that Windows ends it with.
    pub fn plain(result: u32, text: &str) -> Refusal {
        Refusal {
            result,
            text: format!("{text}\0"),
            matched: String::new(),
            referral: None,
        }
    }
}

fn dsid(class: &str) -> &'static str {
    DSIDS
        .iter()
        .find(|(name, _)| *name == class)
        .map_or("00000000", |(_, dsid)| dsid)
}

// Windows errors ([MS-ERREF] 2.2), by their names there.
pub const ERROR_ACCESS_DENIED: u32 = 0x5;
pub const ERROR_GEN_FAILURE: u32 = 0x1F;
pub const ERROR_INVALID_PASSWORD: u32 = 0x56;
pub const ERROR_INVALID_PARAMETER: u32 = 0x57;
pub const ERROR_NOT_AUTHENTICATED: u32 = 0x4DC;
pub const ERROR_INVALID_ACCOUNT_NAME: u32 = 0x523;
pub const ERROR_USER_EXISTS: u32 = 0x524;
pub const ERROR_GROUP_EXISTS: u32 = 0x526;
pub const ERROR_PASSWORD_RESTRICTION: u32 = 0x52D;
pub const ERROR_MEMBER_NOT_IN_ALIAS: u32 = 0x561;
pub const ERROR_MEMBER_IN_ALIAS: u32 = 0x562;
pub const ERROR_DS_CANT_ON_NON_LEAF: u32 = 0x2015;
pub const ERROR_DS_CANT_ON_RDN: u32 = 0x2016;
pub const ERROR_DS_OBJ_CLASS_VIOLATION: u32 = 0x2014;
pub const ERROR_DS_ADMIN_LIMIT_EXCEEDED: u32 = 0x2024;
pub const ERROR_DS_STRONG_AUTH_REQUIRED: u32 = 0x2028;
pub const ERROR_DS_UNWILLING_TO_PERFORM: u32 = 0x2035;
pub const ERROR_DS_INVALID_DN_SYNTAX: u32 = 0x2032;
pub const ERROR_DS_NAMING_VIOLATION: u32 = 0x2037;
pub const ERROR_DS_OBJ_STRING_NAME_EXISTS: u32 = 0x2071;
pub const ERROR_DS_ILLEGAL_MOD_OPERATION: u32 = 0x2077;
pub const ERROR_DS_ATT_NOT_DEF_FOR_CLASS: u32 = 0x207D;
pub const ERROR_DS_SINGLE_VALUE_CONSTRAINT: u32 = 0x2081;
pub const ERROR_DS_RANGE_CONSTRAINT: u32 = 0x2082;
pub const ERROR_DS_ATT_VAL_ALREADY_EXISTS: u32 = 0x2083;
pub const ERROR_DS_CANT_REM_MISSING_ATT_VAL: u32 = 0x2085;
pub const ERROR_DS_NAME_REFERENCE_INVALID: u32 = 0x20B5;
pub const ERROR_DS_INSUFF_ACCESS_RIGHTS: u32 = 0x2098;
pub const ERROR_DS_MISSING_SUPREF: u32 = 0x20D6;
pub const ERROR_DS_DRA_ACCESS_DENIED: u32 = 0x2105;
pub const ERROR_DS_DST_NC_MISMATCH: u32 = 0x2126;
pub const ERROR_DS_SPN_VALUE_NOT_UNIQUE_IN_FOREST: u32 = 0x21C7;
pub const ERROR_DS_UPN_VALUE_NOT_UNIQUE_IN_FOREST: u32 = 0x21C8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::directory::schema;

    #[test]
    fn refusals_read_as_on_windows() {
        let taken = Refusal::new(68, ERROR_USER_EXISTS);
        assert_eq!(
            taken.text,
            "00000524: UpdErr: DSID-0305038D, problem 6005 (ENTRY_EXISTS), data 0\n\0"
        );
        let name = schema::find("userPrincipalName").unwrap();
        let taken = Refusal::attribute(19, ERROR_DS_UPN_VALUE_NOT_UNIQUE_IN_FOREST, name);
        assert!(
            taken
                .text
                .ends_with("problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 90290 (userPrincipalName)\n\0"),
            "{taken:?}"
        );
    }
}
