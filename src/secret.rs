//! Secrets that the database keeps, sealed.

use std::path::Path;

use secrecy::SecretString;

use crate::error::{Error, Result};

/// Seals what the database keeps secret: AES-256-GCM under the store's key, a fresh nonce each time.
pub struct Sealer {
    key: aws_lc_rs::aead::RandomizedNonceKey,
}

impl Sealer {
    /// Any text is a key; what counts is its digest.
    pub fn new(key: &SecretString) -> Result<Sealer> {
        use secrecy::ExposeSecret;
        let digest = <sha2::Sha256 as sha2::Digest>::digest(key.expose_secret().as_bytes());
        let key = aws_lc_rs::aead::RandomizedNonceKey::new(&aws_lc_rs::aead::AES_256_GCM, &digest)
            .map_err(|_| Error::internal("the store's key cannot be used"))?;
        Ok(Sealer { key })
    }

    /// The key of an embedded database lies beside it, made on first use and readable by its owner alone.
    pub fn beside(database: &Path) -> Result<Sealer> {
        let path = database.with_file_name("muster.key");
        match std::fs::read_to_string(&path) {
            Ok(text) => Sealer::new(&SecretString::from(text.trim().to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = random_text()?;
                write_private(&path, &text).map_err(|error| {
                    Error::invalid(format!("cannot write the key file {}: {error}", path.display()))
                })?;
                Sealer::new(&SecretString::from(text))
            }
            Err(error) => Err(Error::invalid(format!(
                "cannot read the key file {}: {error}",
                path.display()
            ))),
        }
    }

    pub fn seal(&self, plain: &[u8]) -> Result<String> {
        use base64::Engine;
        let mut sealed = plain.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(aws_lc_rs::aead::Aad::empty(), &mut sealed)
            .map_err(|_| Error::internal("a secret cannot be sealed"))?;
        let mut whole = nonce.as_ref().to_vec();
        whole.append(&mut sealed);
        Ok(base64::engine::general_purpose::STANDARD.encode(whole))
    }

    pub fn open(&self, sealed: &str) -> Result<Vec<u8>> {
        use base64::Engine;
        let wrong =
            || Error::invalid("a stored secret does not open with this key: use the key it was sealed with");
        let whole = base64::engine::general_purpose::STANDARD
            .decode(sealed)
            .map_err(|_| wrong())?;
        let (nonce, sealed) = whole
            .split_at_checked(aws_lc_rs::aead::NONCE_LEN)
            .ok_or_else(wrong)?;
        let nonce = aws_lc_rs::aead::Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut sealed = sealed.to_vec();
        let plain = self
            .key
            .open_in_place(nonce, aws_lc_rs::aead::Aad::empty(), &mut sealed)
            .map_err(|_| wrong())?;
        Ok(plain.to_vec())
    }
}

fn random_text() -> Result<String> {
    use base64::Engine;
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::internal("the system gives no random numbers"))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_key_only() {
        let sealer = Sealer::new(&SecretString::from("one")).unwrap();
        let sealed = sealer.seal(b"hello").unwrap();
        assert_eq!(sealer.open(&sealed).unwrap(), b"hello");
        assert_ne!(sealed, sealer.seal(b"hello").unwrap());
        let other = Sealer::new(&SecretString::from("two")).unwrap();
        assert!(other.open(&sealed).is_err());
        assert!(sealer.open("AAAA").is_err());
    }

    #[test]
    fn the_key_file_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("muster.db");
        let sealed = Sealer::beside(&database).unwrap().seal(b"hello").unwrap();
        assert_eq!(
            Sealer::beside(&database).unwrap().open(&sealed).unwrap(),
            b"hello"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join("muster.key"))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
