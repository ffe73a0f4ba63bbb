//! A certificate for this machine, and the authority that vouches for it; both last as long as the directory.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};

/// Whom the certificate names.
const NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

/// What connections are accepted with, and the authority in PEM.
pub fn authority() -> Result<(TlsAcceptor, String)> {
    let (certificates, key, pem) = certificates().map_err(failed)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(failed)?;
    Ok((TlsAcceptor::from(Arc::new(config)), pem))
}

type Certificates = (
    Vec<rustls::pki_types::CertificateDer<'static>>,
    PrivateKeyDer<'static>,
    String,
);

fn certificates() -> std::result::Result<Certificates, rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, "Muster lab authority");
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?;

    let mut server = CertificateParams::new(NAMES.iter().map(|it| it.to_string()).collect::<Vec<_>>())?;
    server
        .distinguished_name
        .push(DnType::CommonName, "Muster lab directory");
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok((
        vec![certificate.der().clone(), root.der().clone()],
        private,
        root.pem(),
    ))
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal(format!("no certificate can be made: {error}")).because(error)
}
