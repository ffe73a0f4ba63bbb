//! Passwords: how they come, what the policy wants of them, and what is kept ([MS-ADTS] 3.1.1.3.1.5).

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::refusal::{Answer, ERROR_GEN_FAILURE, Refusal};
use super::value::fold;

/// Enough to tell whether a password is the right one; the password itself is not kept.
#[derive(Clone, PartialEq)]
pub struct Hashed {
    salt: Uuid,
    digest: [u8; 32],
}

impl Hashed {
    pub fn new(password: &str, salt: Uuid) -> Hashed {
        let digest = Sha256::new_with_prefix(salt)
            .chain_update(password)
            .finalize()
            .into();
        Hashed { salt, digest }
    }

    pub fn is(&self, password: &str) -> bool {
        Hashed::new(password, self.salt) == *self
    }
}

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// The password in a value of `unicodePwd`: UTF-16, little-endian, between quotation marks.
pub fn decoded(value: &[u8]) -> Answer<String> {
    let refused = || Refusal::new(53, ERROR_GEN_FAILURE);
    let (units, rest) = value.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let text = String::from_utf16(&units).map_err(|_| refused())?;
    let inside = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside
        .filter(|_| rest.is_empty())
        .map(str::to_string)
        .ok_or_else(refused)
}

/// `PASSWORD_COMPLEX` and the shortest length, as the domain's root says them ([MS-SAMR] 3.1.1.7.2).
pub struct Policy {
    pub length: usize,
    pub complex: bool,
}

impl Policy {
    /// Whether the domain takes this password for the owner of these names.
    pub fn allows(&self, password: &str, account_name: &str, display_name: &str) -> bool {
        if password.chars().count() < self.length {
            return false;
        }
        !self.complex || is_varied(password) && !holds_a_name(password, account_name, display_name)
    }
}

/// Three of five: capitals, small letters, digits, other letters, everything else.
fn is_varied(password: &str) -> bool {
    let kinds: [fn(char) -> bool; 5] = [
        char::is_uppercase,
        char::is_lowercase,
        |it| it.is_ascii_digit(),
        |it| it.is_alphabetic() && !it.is_uppercase() && !it.is_lowercase(),
        |it| !it.is_alphanumeric(),
    ];
    kinds.iter().filter(|kind| password.chars().any(**kind)).count() >= 3
}

/// Names of up to two letters are too short to count.
fn holds_a_name(password: &str, account_name: &str, display_name: &str) -> bool {
    let password = fold(password);
    let parts = display_name.split([',', '.', '-', '_', ' ', '#', '\t']);
    parts
        .chain([account_name])
        .filter(|name| name.chars().count() > 2)
        .any(|name| password.contains(&fold(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_comes_in_quotes() {
        let coded = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        assert_eq!(decoded(&coded("\"Passw0rd\"")).unwrap(), "Passw0rd");
        for wrong in [coded("Passw0rd"), b"\"Passw0rd\"".to_vec(), vec![34], vec![]] {
            assert_eq!(decoded(&wrong).unwrap_err().result, 53);
        }
    }

    #[test]
    fn the_policy_is_that_of_windows() {
        let policy = Policy {
            length: 7,
            complex: true,
        };
        let allows = |password| policy.allows(password, "ada.king", "Ada King, Countess");
        assert!(allows("Passw0rd") && allows("пароль-1"));
        for weak in ["Pa5s!", "password1", "Xada.king1!", "Countess2020", "xKING1234"] {
            assert!(!allows(weak), "{weak}");
        }
    }

    #[test]
    fn what_is_kept_tells_right_from_wrong() {
        let kept = Hashed::new("secret", Uuid::from_u128(1));
        assert!(kept.is("secret") && !kept.is("Secret"));
        assert!(!format!("{kept:?}").contains("secret"));
    }
}
