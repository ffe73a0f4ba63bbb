//! The password of a new account: drawn when it is written, told to nobody, gone from memory once sent (B29).

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rand::Rng;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use uuid::Uuid;

use crate::domain::expression::{Context, Expression, Outcome, Seed};
use crate::domain::plan::Recipe;
use crate::error::{Error, Result};

/// The four classes that complexity rules count. Look-alikes may stay: nobody types these.
const CLASSES: [&[u8]; 4] = [
    b"abcdefghijklmnopqrstuvwxyz",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    b"0123456789",
    b"!#$%&()*+,-./:;=?@[]^_{|}~",
];

/// Draws the password that a recipe asks for. Error: its expression has no value, which is the mapping's fault.
pub(crate) fn draw(recipe: &Recipe) -> Result<SecretString> {
    if let Some(drawn) = &recipe.drawn {
        return Ok(drawn.password.clone());
    }
    match &recipe.expression {
        None => Ok(random(recipe.length.max(CLASSES.len()))),
        Some(expression) => evaluated(expression),
    }
}

fn evaluated(text: &str) -> Result<SecretString> {
    let failed = |why: String| {
        Error::invalid(format!("the initial password cannot be drawn: {why}")).code("MissingValues")
    };
    let expression = Expression::parse(text).map_err(|error| failed(error.message))?;
    // Dice of its own: those of the plan are stored with it.
    let context = Context {
        attributes: &BTreeMap::new(),
        now: Timestamp::UNIX_EPOCH,
        seed: Seed::new(Uuid::new_v4(), "", ""),
        taken: &|_| false,
        default_domain: None,
        directory_domain: None,
    };
    match expression
        .evaluate(&context)
        .map_err(|error| failed(error.message))?
    {
        Outcome::Value { value, .. } => match value.to_text() {
            Some(text) if !text.is_empty() => Ok(SecretString::from(text.as_ref())),
            _ => Err(failed("the expression gives nothing".into())),
        },
        _ => Err(failed("the expression gives nothing".into())),
    }
}

/// Draws a password with all four classes in it. Every third character is none that names are made of: Active Directory refuses
/// passwords in which three letters of the person's name follow each other.
fn random(length: usize) -> SecretString {
    let mut random = rand::rng();
    let every = CLASSES.concat();
    loop {
        let drawn: Zeroizing<String> = Zeroizing::new(
            (0..length)
                .map(|at| {
                    let class = if at % 3 == 2 { CLASSES[3] } else { every.as_slice() };
                    char::from(class[random.random_range(0..class.len())])
                })
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
    fn an_expression_draws_anew_each_time() {
        let recipe = Recipe {
            expression: Some("RandomString(20, 2, 2, 2, 2, )".into()),
            ..Recipe::default()
        };
        let (one, other) = (draw(&recipe).unwrap(), draw(&recipe).unwrap());
        assert_eq!(one.expose_secret().len(), 20);
        assert_ne!(one.expose_secret(), other.expose_secret());
        let nothing = Recipe {
            expression: Some("[mail]".into()),
            ..recipe
        };
        assert_eq!(draw(&nothing).unwrap_err().code, "MissingValues");
    }

    #[test]
    fn every_class_is_in_every_password_and_no_two_are_alike() {
        let drawn: Vec<SecretString> = (0..200).map(|_| random(32)).collect();
        for password in &drawn {
            let text = password.expose_secret();
            assert_eq!(text.len(), 32);
            assert!(
                CLASSES
                    .iter()
                    .all(|class| text.bytes().any(|byte| class.contains(&byte)))
            );
            assert!(!format!("{password:?}").contains(text));
            let longest = text.split(|it: char| !it.is_alphanumeric()).map(str::len).max();
            assert!(longest.unwrap() < 3, "a part of somebody's name: {text}");
        }
        assert_ne!(drawn[0].expose_secret(), drawn[1].expose_secret());
    }
}
