//! The password of a new account: random, told to nobody, gone from memory once sent.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Longer than any policy asks for; the chance that a part of the person's name turns up is nil.
const LENGTH: usize = 32;

/// The four classes that complexity rules count. Look-alikes may stay: nobody types these.
const CLASSES: [&[u8]; 4] = [
    b"abcdefghijklmnopqrstuvwxyz",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    b"0123456789",
    b"!#$%&()*+,-./:;=?@[]^_{|}~",
];

/// Draws a password with all four classes in it.
pub(super) fn random() -> SecretString {
    let mut random = rand::rng();
    let every = CLASSES.concat();
    loop {
        let drawn: Zeroizing<String> = Zeroizing::new(
            (0..LENGTH)
                .map(|_| char::from(every[random.random_range(0..every.len())]))
                .collect(),
        );
        if CLASSES
            .iter()
            .all(|class| drawn.bytes().any(|byte| class.contains(&byte)))
        {
            return SecretString::from(drawn.as_str());
        }
    }
}

/// Salted SHA-1 (`{SSHA}`), the one scheme that every server of this kind knows. What makes it safe is the password:
/// two hundred random bits are not found by trying.
pub(super) fn hashed(password: &SecretString) -> String {
    let salt: [u8; 16] = rand::rng().random();
    let mut context = digest::Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(password.expose_secret().as_bytes());
    context.update(&salt);
    let salted = [context.finish().as_ref(), &salt].concat();
    format!("{{SSHA}}{}", STANDARD.encode(salted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_carries_its_salt_and_differs_each_time() {
        let password = SecretString::from("secret");
        let hash = hashed(&password);
        let salted = STANDARD.decode(hash.strip_prefix("{SSHA}").unwrap()).unwrap();
        let (sum, salt) = salted.split_at(20);
        let again = digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, &[b"secret", salt].concat());
        assert_eq!(sum, again.as_ref());
        assert_ne!(hash, hashed(&password));
    }

    #[test]
    fn every_class_is_in_every_password_and_no_two_are_alike() {
        let drawn: Vec<SecretString> = (0..200).map(|_| random()).collect();
        for password in &drawn {
            let text = password.expose_secret();
            assert_eq!(text.len(), LENGTH);
            assert!(
                CLASSES
                    .iter()
                    .all(|class| text.bytes().any(|byte| class.contains(&byte)))
            );
            assert!(!format!("{password:?}").contains(text));
        }
        assert_ne!(drawn[0].expose_secret(), drawn[1].expose_secret());
    }
}
