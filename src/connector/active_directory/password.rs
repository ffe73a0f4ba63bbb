//! The password of a new account: random, told to nobody, gone from memory once sent.

use rand::Rng;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

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

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

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
