//! Access tokens: ES256, signed with a key that is made once, sealed in the database, and shared by replicas.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::secret::Sealer;
use crate::store::{Store, settings};

const SETTING: &str = "token-signing-key";
pub const AUDIENCE: &str = "https://graph.microsoft.com";

pub struct Signer {
    id: String,
    sign: EncodingKey,
    verify: DecodingKey,
    /// The public point's coordinates, for the key set.
    x: String,
    y: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    pub aud: String,
    pub iss: String,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
    pub appid: String,
    pub sub: String,
    pub tid: String,
    pub roles: Vec<String>,
    pub ver: String,
}

impl Signer {
    pub async fn load(store: &Store, sealer: &Sealer) -> Result<Signer> {
        let found = store.read(|conn| settings::find(conn, SETTING)).await?;
        let sealed = match found {
            Some(sealed) => sealed,
            None => {
                let fresh =
                    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                        .map_err(|_| unusable())?;
                let sealed = sealer.seal(fresh.as_ref())?;
                store
                    .write(move |conn| settings::keep_first(conn, SETTING, &sealed))
                    .await?
            }
        };
        Signer::from_pkcs8(&sealer.open(&sealed)?)
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Signer> {
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| unusable())?;
        // An uncompressed point: 04, x, y (SEC 1 §2.3.3).
        let point = pair.public_key().as_ref();
        let (x, y) = (
            point.get(1..33).ok_or_else(unusable)?,
            point.get(33..65).ok_or_else(unusable)?,
        );
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let verify = DecodingKey::from_ec_components(&x, &y).map_err(|_| unusable())?;
        let id = x.chars().take(16).collect();
        Ok(Signer {
            id,
            sign: EncodingKey::from_ec_der(pkcs8),
            verify,
            x,
            y,
        })
    }

    pub fn sign(&self, claims: &Claims) -> Result<String> {
        let header = Header {
            kid: Some(self.id.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, claims, &self.sign)
            .map_err(|error| Error::internal("a token could not be signed").because(error))
    }

    /// The claims of a token that is ours and valid now.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims> {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[AUDIENCE]);
        // The gateway's own clock decides, below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verify, &validation)
            .map_err(|_| refused("Access token validation failure: it was not issued here."))?
            .claims;
        let now = now.as_second();
        if now >= claims.exp || now + CLOCK_SKEW < claims.nbf {
            return Err(refused("Access token has expired or is not yet valid."));
        }
        Ok(claims)
    }

    /// RFC 7517: the public key, for those who verify tokens themselves.
    pub fn key_set(&self) -> serde_json::Value {
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.id, "x": self.x, "y": self.y,
        }] })
    }
}

/// Seconds by which another machine's clock may be ahead.
const CLOCK_SKEW: i64 = 300;

fn refused(message: &str) -> Error {
    Error::new(Kind::Unauthenticated, message)
}

fn unusable() -> Error {
    Error::internal("the token-signing key cannot be used")
}
