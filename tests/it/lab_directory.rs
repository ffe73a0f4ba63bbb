//! The lab's directory, judged by other people's clients: the ldap3 crate, OpenLDAP's tools, Python's ldap3; and by
//! the gateway. The connector's own stories run on it in `active_directory.rs`.

use std::collections::HashSet;
use std::sync::Arc;

use ldap3::controls::RawControl;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapResult, Mod, Scope, SearchEntry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value as Json;

use crate::support::lab::{Lab, directory, directory_with};

mod gateway;
mod judges;
mod naming;
mod searching;
mod serving;
mod signing_in;
mod writing;

const BASE: &str = "DC=example,DC=test";
const STAFF: &str = "OU=Staff,DC=example,DC=test";

const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
const TREE_DELETE: &str = "1.2.840.113556.1.4.805";
const PERMISSIVE: &str = "1.2.840.113556.1.4.1413";

/// Nobody yet.
async fn connect(lab: &Lab, url: &str, starttls: bool) -> ldap3::result::Result<Ldap> {
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(&lab.directory.ca_file).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let settings = LdapConnSettings::new()
        .set_starttls(starttls)
        .set_config(Arc::new(config));
    let (connection, ldap) = LdapConnAsync::with_settings(settings, url).await?;
    tokio::spawn(connection.drive());
    Ok(ldap)
}

async fn signed_in(lab: &Lab, user: &str, password: &str) -> Ldap {
    let mut ldap = connect(lab, &lab.directory.url, false).await.unwrap();
    ldap.simple_bind(user, password).await.unwrap().success().unwrap();
    ldap
}

async fn service(lab: &Lab) -> Ldap {
    signed_in(lab, &lab.upn, &lab.directory.password).await
}

async fn admin(lab: &Lab) -> Ldap {
    signed_in(lab, &lab.directory.admin_user, &lab.directory.admin_password).await
}

fn control(oid: &str, value: Option<&[u8]>) -> Vec<RawControl> {
    vec![RawControl {
        ctype: oid.to_string(),
        crit: true,
        val: value.map(<[u8]>::to_vec),
    }]
}

type Attributes<'a> = &'a [(&'a str, &'a [&'a str])];

fn attributes(given: Attributes) -> Vec<(Vec<u8>, HashSet<Vec<u8>>)> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    given
        .iter()
        .map(|(name, values)| (bytes(name), values.iter().map(|it| bytes(it)).collect()))
        .collect()
}

async fn add(ldap: &mut Ldap, dn: &str, given: Attributes<'_>) -> LdapResult {
    ldap.add(dn, attributes(given)).await.unwrap()
}

/// A user of this name below Staff.
async fn user(ldap: &mut Ldap, name: &str, given: Attributes<'_>) -> String {
    let dn = format!("CN={name},{STAFF}");
    let names: &[&str] = &[name];
    let given = [
        &[("objectClass", &["user"][..]), ("sAMAccountName", names)][..],
        given,
    ]
    .concat();
    add(ldap, &dn, &given).await.success().unwrap();
    dn
}

/// `Mod::Add`, `Mod::Delete` or `Mod::Replace`.
type Kind = fn(Vec<u8>, HashSet<Vec<u8>>) -> Mod<Vec<u8>>;

fn replace(name: &str, values: &[&str]) -> Mod<Vec<u8>> {
    change(Mod::Replace, name, values)
}

fn change(kind: Kind, name: &str, values: &[&str]) -> Mod<Vec<u8>> {
    kind(
        name.as_bytes().to_vec(),
        values.iter().map(|it| it.as_bytes().to_vec()).collect(),
    )
}

/// `unicodePwd`, as it is written.
fn coded(password: &str) -> Vec<u8> {
    format!("\"{password}\"")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect()
}

fn password(kind: Kind, password: &str) -> Mod<Vec<u8>> {
    kind(b"unicodePwd".to_vec(), HashSet::from([coded(password)]))
}

/// The result, and how its text begins.
#[track_caller]
fn refused(result: LdapResult, rc: u32, text: &str) {
    assert_eq!(result.rc, rc, "{result:?}");
    assert!(result.text.starts_with(text), "{text}: {result:?}");
    // Windows' texts end with a NUL.
    assert!(result.text.ends_with('\0'), "{result:?}");
}

async fn search(ldap: &mut Ldap, base: &str, filter: &str, names: &[&str]) -> Vec<SearchEntry> {
    let found = ldap
        .search(base, Scope::Subtree, filter, names.to_vec())
        .await
        .unwrap();
    let (entries, _) = found.success().unwrap();
    entries
        .into_iter()
        .filter(|it| !it.is_ref())
        .map(SearchEntry::construct)
        .collect()
}

/// The one object at this place.
async fn read(ldap: &mut Ldap, dn: &str, names: &[&str]) -> SearchEntry {
    let found = ldap
        .search(dn, Scope::Base, "(objectClass=*)", names.to_vec())
        .await
        .unwrap();
    let (mut entries, _) = found.success().unwrap();
    assert_eq!(entries.len(), 1, "{dn}");
    SearchEntry::construct(entries.remove(0))
}

/// The one value of an attribute.
async fn value(ldap: &mut Ldap, dn: &str, name: &str) -> Option<String> {
    let entry = read(ldap, dn, &[name]).await;
    let values = entry.attrs.get(name)?;
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values.first().cloned()
}
