//! Sealing a text for one recipient: JSON Web Encryption in its compact form (RFC 7516 §3.1), RSA-OAEP-256 for the key and A256GCM
//! for the text (RFC 7518 §4.3, §5.3), which libraries of every language open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::zeroize::Zeroizing;
use serde_json::json;

use crate::error::{Error, Result};

/// What the word of today's authorities asks of RSA (NIST SP 800-57).
const BITS: usize = 2048;

/// A recipient's public key.
#[derive(Clone)]
pub struct Recipient {
    der: Vec<u8>,
    /// Tells the recipient which of several keys it was: SHA-256 of the key.
    id: String,
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recipient({})", self.id)
    }
}

impl Recipient {
    /// Reads `-----BEGIN PUBLIC KEY-----`, as `openssl pkey -pubout` writes it. The error says what is wrong with the key.
    pub fn parse(pem: &str) -> Result<Recipient> {
        let wrong = |why: &str| {
            Error::invalid(format!(
                "{why}: give an RSA key of at least {BITS} bits, as `openssl pkey -in private.pem -pubout` writes it"
            ))
        };
        if pem.contains("PRIVATE KEY") {
            return Err(wrong(
                "this is a private key, which the recipient alone should have",
            ));
        }
        let body = pem
            .split_once("-----BEGIN PUBLIC KEY-----")
            .and_then(|(_, rest)| rest.split_once("-----END PUBLIC KEY-----"))
            .map(|(body, _)| body.split_whitespace().collect::<String>())
            .ok_or_else(|| wrong("no public key is in it"))?;
        let der = STANDARD.decode(body).map_err(|_| wrong("it is no PEM"))?;
        let key = PublicEncryptingKey::from_der(&der).map_err(|_| wrong("it is no RSA key, or too short"))?;
        if key.key_size_bits() < BITS {
            return Err(wrong("it is too short"));
        }
        let id = URL_SAFE_NO_PAD.encode(digest::digest(&SHA256, &der));
        Ok(Recipient { der, id })
    }

    /// The text, readable for the recipient alone.
    pub fn seal(&self, text: &str) -> Result<String> {
        self.try_seal(text)
            .map_err(|_| Error::internal("a text could not be sealed"))
    }

    fn try_seal(&self, text: &str) -> Result<String, aws_lc_rs::error::Unspecified> {
        let header = json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": self.id });
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(key.as_mut_slice())?;
        let public = PublicEncryptingKey::from_der(&self.der)?;
        let public = OaepPublicEncryptingKey::new(public)?;
        let mut wrapped = vec![0; public.ciphertext_size()];
        let wrapped = public.encrypt(&OAEP_SHA256_MGF1SHA256, key.as_slice(), &mut wrapped, None)?;
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.as_slice())?;
        // Encrypted in place, so that nothing clear is left of it.
        let mut sealed = text.as_bytes().to_vec();
        let (nonce, tag) = cipher.seal_in_place_separate_tag(Aad::from(header.as_bytes()), &mut sealed)?;
        let parts = [wrapped as &[u8], nonce.as_ref(), &sealed, tag.as_ref()];
        let parts: Vec<String> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        Ok(format!("{header}.{}", parts.join(".")))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey};

    use super::*;

    fn pem(private: &PrivateDecryptingKey) -> String {
        let der: PublicKeyX509Der<'_> = private.public_key().as_der().unwrap();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der.as_ref())
        )
    }

    #[test]
    fn b29_what_is_sealed_is_opened_by_the_private_key_and_different_each_time() {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let recipient = Recipient::parse(&pem(&private)).unwrap();
        let sealed = recipient.seal("open sesame").unwrap();
        assert_ne!(sealed, recipient.seal("open sesame").unwrap());
        let parts: Vec<&str> = sealed.split('.').collect();
        let bytes = |at: usize| URL_SAFE_NO_PAD.decode(parts[at]).unwrap();
        let private = OaepPrivateDecryptingKey::new(private).unwrap();
        let mut room = vec![0; private.min_output_size()];
        let key = private
            .decrypt(&OAEP_SHA256_MGF1SHA256, &bytes(1), &mut room, None)
            .unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
        let mut text = [bytes(3), bytes(4)].concat();
        let nonce = Nonce::try_assume_unique_for_key(&bytes(2)).unwrap();
        let clear = key
            .open_in_place(nonce, Aad::from(parts[0].as_bytes()), &mut text)
            .unwrap();
        assert_eq!(clear, b"open sesame");
    }

    #[test]
    fn b29_keys_that_will_not_do_are_refused() {
        for (text, why) in [
            ("", "no public key"),
            (
                "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----",
                "private key",
            ),
            (
                "-----BEGIN PUBLIC KEY-----\n???\n-----END PUBLIC KEY-----",
                "no PEM",
            ),
            (
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
                "no RSA key",
            ),
        ] {
            let error = Recipient::parse(text).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
