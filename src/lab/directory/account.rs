//! Accounts: the rules that the account database adds to those of the schema ([MS-SAMR] 3.1.1.8, [MS-ADTS] 3.1.1.5).

use jiff::Timestamp;

use super::domain::Domain;
use super::refusal::{
    Answer, ERROR_GROUP_EXISTS, ERROR_INVALID_ACCOUNT_NAME, ERROR_INVALID_PARAMETER,
    ERROR_PASSWORD_RESTRICTION, ERROR_USER_EXISTS, Refusal,
};
use super::schema::KNOWN;
use super::tree::{Entry, Id};
use super::value;

// userAccountControl ([MS-ADTS] 2.2.16).
pub const DISABLED: i64 = 0x2;
pub const LOCKED_OUT: i64 = 0x10;
pub const NO_PASSWORD_NEEDED: i64 = 0x20;
pub const NORMAL: i64 = 0x200;
pub const WORKSTATION: i64 = 0x1000;
const SERVER: i64 = 0x2000;
pub const PASSWORD_NEVER_EXPIRES: i64 = 0x1_0000;
pub const TRUSTED_FOR_DELEGATION: i64 = 0x8_0000;
pub const PASSWORD_EXPIRED: i64 = 0x80_0000;
pub const TRUSTED_TO_DELEGATE: i64 = 0x100_0000;

/// An account is one of these.
const TYPES: i64 = NORMAL | 0x800 | WORKSTATION | SERVER;
/// Told by the computed attribute, and dropped when written.
const COMPUTED: i64 = LOCKED_OUT | 0x40 | PASSWORD_EXPIRED;
/// HOMEDIR_REQUIRED to PARTIAL_SECRETS: everything that may be stored.
const STORED: i64 = TYPES
    | DISABLED
    | NO_PASSWORD_NEEDED
    | PASSWORD_NEVER_EXPIRES
    | TRUSTED_FOR_DELEGATION
    | TRUSTED_TO_DELEGATE
    | 0x1
    | 0x8
    | 0x80
    | 0x2_0000
    | 0x4_0000
    | 0x10_0000
    | 0x20_0000
    | 0x40_0000
    | 0x400_0000;

/// The longest name of a user that Windows' own tools take ([MS-SAMR] 3.1.1.6).
const LONGEST_USER: usize = 20;
const FORBIDDEN: &str = "\"/\\[]:;|=,+*?<>@";

/// What is stored when this is written for an account that is a computer, or is not. A bit of no meaning, two types,
/// or one of another kind of account are refused; no type is the usual one.
pub fn control(written: i64, is_computer: bool) -> Answer<i64> {
    let (usual, fitting) = match is_computer {
        true => (WORKSTATION, WORKSTATION | SERVER),
        false => (NORMAL, NORMAL),
    };
    let kept = written & !COMPUTED;
    let kept = if kept & TYPES == 0 { kept | usual } else { kept };
    let kind = kept & TYPES;
    match kind.count_ones() == 1 && kind & fitting != 0 && kept & !STORED == 0 {
        true => Ok(kept),
        false => Err(Refusal::new(53, ERROR_INVALID_PARAMETER)),
    }
}

/// `SAM_USER_OBJECT` and the like ([MS-SAMR] 2.2.1.9).
pub fn account_type(class: &str) -> i64 {
    match class {
        "group" => 0x1000_0000,
        "computer" => 0x3000_0001,
        _ => 0x3000_0000,
    }
}

/// A `sAMAccountName` that Windows takes ([MS-SAMR] 3.1.1.6).
pub fn check_name(name: &str, is_user: bool) -> Answer {
    let only = |these: &str| name.chars().all(|it| these.contains(it));
    let too_long = is_user && name.encode_utf16().count() > LONGEST_USER;
    let forbidden = name.contains(|it: char| FORBIDDEN.contains(it) || it.is_control());
    match too_long || forbidden || name.ends_with('.') || only(" .") {
        true => Err(Refusal::new(53, ERROR_INVALID_ACCOUNT_NAME)),
        false => Ok(()),
    }
}

/// Somebody of the domain has this name already.
pub fn name_taken(by: &Entry) -> Refusal {
    let error = if by.is_a("group") {
        ERROR_GROUP_EXISTS
    } else {
        ERROR_USER_EXISTS
    };
    Refusal::new(68, error)
}

/// Whether an account may be enabled: it needs a password, unless it is said to need none.
pub fn check_enabled(control: i64, has_password: bool) -> Answer {
    match control & (DISABLED | NO_PASSWORD_NEEDED) != 0 || has_password {
        true => Ok(()),
        false => Err(Refusal::new(53, ERROR_PASSWORD_RESTRICTION)),
    }
}

impl Domain {
    /// `msDS-User-Account-Control-Computed` ([MS-ADTS] 3.1.1.4.5.17).
    pub fn computed_control(&self, id: Id, now: Timestamp) -> i64 {
        let entry = self.tree.entry(id);
        let locked = entry.number(KNOWN.lockout_time).is_some_and(|time| time != 0);
        let expired = self
            .password_expiry(id)
            .is_some_and(|expiry| expiry <= value::filetime(now));
        i64::from(locked) * LOCKED_OUT + i64::from(expired) * PASSWORD_EXPIRED
    }

    /// When the password expires, as a FILETIME; 0 where it must be changed first, `None` where it never does.
    pub fn password_expiry(&self, id: Id) -> Option<i64> {
        const EXEMPT: i64 = PASSWORD_NEVER_EXPIRES | 0x4_0000;
        let entry = self.tree.entry(id);
        if entry.number(KNOWN.control)? & EXEMPT != 0 {
            return None;
        }
        let age = self.tree.entry(self.tree.root()).number(KNOWN.max_password_age)?;
        match entry.number(KNOWN.password_set)? {
            0 => Some(0),
            // Spans are told as negative times.
            set => (age != 0 && age != i64::MIN).then(|| set.saturating_sub(age)),
        }
    }

    /// Why an account with the right password is not let in, as the code of a bind's text (B1, B9).
    pub fn sign_in_refusal(&self, id: Id, now: Timestamp) -> Option<&'static str> {
        let entry = self.tree.entry(id);
        let control = entry.number(KNOWN.control).unwrap_or(DISABLED);
        let expires = entry.number(KNOWN.account_expires).unwrap_or(0);
        let now = value::filetime(now);
        let has_come = |time: i64| time != 0 && time <= now;
        if entry.number(KNOWN.lockout_time).is_some_and(|time| time != 0) {
            return Some("775");
        }
        if control & DISABLED != 0 {
            return Some("533");
        }
        if has_come(expires) {
            return Some("701");
        }
        match self.password_expiry(id) {
            Some(0) => Some("773"),
            Some(expiry) if expiry <= now => Some("532"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_bits_are_what_windows_stores() {
        for (written, is_computer, stored) in [
            (514, false, 514),
            (2, false, 514),
            (512 | LOCKED_OUT | PASSWORD_EXPIRED, false, 512),
            (4098, true, 4098),
            (8192, true, 8192),
            (2, true, 4098),
        ] {
            assert_eq!(control(written, is_computer), Ok(stored), "{written}");
        }
        for (wrong, is_computer) in [
            (512 | 4096, false),
            (512 | 0x4, false),
            (512 | 0x8000_0000, false),
            (4098, false),
            (8194, false),
            (2050, false),
            (512, true),
        ] {
            assert_eq!(control(wrong, is_computer).unwrap_err().result, 53, "{wrong}");
        }
    }

    #[test]
    fn names_of_accounts_have_rules() {
        assert!(check_name("ada.king", true).is_ok());
        assert!(check_name(&"x".repeat(21), false).is_ok());
        for wrong in [&"x".repeat(21), "a@b", "a/b", "ada.", " . "] {
            assert!(check_name(wrong, true).is_err(), "{wrong}");
        }
    }
}
