//! Active Directory on loopback: a real LDAP server, in memory, that keeps the rules of Windows' domain controllers.
//!
//! It is one domain, a forest of its own, with one controller, and speaks LDAP with and without TLS on one port
//! ([MS-ADTS]; RFC 4511). What Samba does otherwise than Windows is done as Windows does it: error codes and texts,
//! lengths, comparison without accents, pages, ranges, the Recycle Bin.
//!
//! The service account may make, change, move and delete users below `OU=Staff` (or what is delegated instead), and
//! nothing anywhere else; accounts with `adminCount` 1 and critical objects are out of its reach. `Administrator` may
//! do everything.
//!
//! Kinds of faults: `bind`, `search`, `add`, `modify`, `modifydn`, `delete`, `compare`, `extended`, whose subject is the
//! DN (and what the request said in its place), or the OID; and `connect`, which is cut or slow, and whose subject is the
//! client's address.

mod account;
mod add;
mod bind;
mod controls;
mod dirsync;
mod dn;
mod domain;
mod draft;
mod filter;
mod modify;
mod name;
mod password;
mod place;
mod refusal;
mod root;
mod schema;
mod search;
mod seed;
mod session;
mod show;
mod state;
mod tls;
mod tree;
mod value;
mod wire;

use std::fmt;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use rand::Rng;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::controls::Controls;
use super::faults::{Fault, Repertoire};
use crate::error::{Error, Result};
use session::Shared;

/// What a directory starts with.
pub struct Options {
    /// The same company, GUIDs and SIDs for the same seed.
    pub seed: u64,
    /// People of the invented company; those at an office have accounts.
    pub workers: usize,
    /// `DC=…,DC=…`.
    pub base_dn: String,
    /// DNs of the units that are delegated to the service account, made where missing; `OU=Staff` when empty.
    pub delegated: Vec<String>,
    /// The service account's; a random one when absent.
    pub password: Option<String>,
    /// `Administrator`'s; a random one when absent.
    pub admin_password: Option<String>,
    /// Where `ca.pem` is written; when absent, a folder that goes with the directory.
    pub ca_folder: Option<PathBuf>,
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 1,
            workers: 0,
            base_dn: "DC=example,DC=test".to_string(),
            delegated: Vec::new(),
            password: None,
            admin_password: None,
            ca_folder: None,
            faults: Vec::new(),
        }
    }
}

/// A running directory, and how to get in.
pub struct Directory {
    /// `ldaps://127.0.0.1:PORT`.
    pub url: String,
    /// The same port without TLS, for StartTLS.
    pub ldap_url: String,
    /// Where its clock and its faults are set, and its state is shown: `http://127.0.0.1:PORT`.
    pub admin: String,
    pub base_dn: String,
    /// The DN of the service account.
    pub user: String,
    pub password: String,
    /// The DN of `Administrator`.
    pub admin_user: String,
    pub admin_password: String,
    /// The authority that signed the server's certificate, in PEM.
    pub ca_file: PathBuf,
    pub controls: Arc<Controls>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("url", &self.url)
            .field("admin", &self.admin)
            .field("base_dn", &self.base_dn)
            .field("user", &self.user)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

/// Serves until `stop`. It is up when this returns.
///
/// # Errors
/// A base DN that is no domain's, a fault that is HTTP's, a folder or a port that cannot be had.
pub async fn start(options: Options, listener: TcpListener, stop: CancellationToken) -> Result<Directory> {
    let controls = Arc::new(Controls::new(repertoire()));
    let scripted = controls.script(options.faults);
    scripted.map_err(|why| Error::invalid(why).at("faults"))?;
    let password = options.password.unwrap_or_else(random_password);
    let admin_password = options.admin_password.unwrap_or_else(random_password);
    let plan = seed::Plan {
        seed: options.seed,
        workers: options.workers,
        base_dn: &options.base_dn,
        delegated: &options.delegated,
        password: &password,
        admin_password: &admin_password,
    };
    let domain = seed::domain(&plan, controls.now())?;
    let base_dn = domain.tree.dn(domain.tree.root());
    let (tls, authority) = tls::authority()?;
    let folder = Folder::new(options.ca_folder)?;
    let ca_file = folder.path.join("ca.pem");
    std::fs::write(&ca_file, authority).map_err(|error| unwritable(&ca_file, error))?;

    let no_port = |error: std::io::Error| Error::unavailable(format!("no port: {error}")).because(error);
    listener.set_nonblocking(true).map_err(no_port)?;
    let address = listener.local_addr().map_err(no_port)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(no_port)?;
    let shared = Arc::new(Shared {
        domain: RwLock::new(domain),
        controls: controls.clone(),
        tls,
        answers: Mutex::default(),
    });
    let admin = TcpListener::bind("127.0.0.1:0").map_err(no_port)?;
    let admin_address = admin.local_addr().map_err(no_port)?;
    let state = state::routes(shared.clone());
    let served = super::controls::serve(controls.clone(), admin, stop.clone(), state);
    tokio::spawn(async move {
        if let Err(error) = served.await {
            tracing::error!("the directory's controls: {error}");
        }
    });
    tokio::spawn(accept(listener, shared, stop, folder));
    Ok(Directory {
        url: format!("ldaps://{address}"),
        ldap_url: format!("ldap://{address}"),
        admin: format!("http://{admin_address}"),
        user: format!("CN={},CN=Users,{base_dn}", seed::SERVICE_ACCOUNT),
        password,
        admin_user: format!("CN=Administrator,CN=Users,{base_dn}"),
        admin_password,
        base_dn,
        ca_file,
        controls,
    })
}

/// What faults call the beginning of a connection.
const CONNECT: &str = "connect";

/// Faults that make sense in LDAP.
fn repertoire() -> Repertoire {
    let operations = wire::Kind::ALL.iter().map(|kind| kind.name());
    Repertoire {
        kinds: operations.chain([CONNECT]).collect(),
        mute: &[CONNECT],
        says: wire::is_result,
        codes: "the results of LDAP (RFC 4511, appendix A), such as 0, 1, 10, 32, 49, 50, 51, 52, 53, 68, 80",
        has_html: false,
        spoils: &[],
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    stop: CancellationToken,
    _folder: Folder,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        // A connection that broke before it was accepted is nobody's; neither is one for which there is no room.
        let Ok((stream, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let (shared, stop) = (shared.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                ended = session::converse(shared, stream) => {
                    if let Err(error) = ended {
                        tracing::debug!("a connection broke: {error}");
                    }
                }
                () = stop.cancelled() => {}
            }
        });
    }
}

/// A folder, and whether it goes with the directory.
struct Folder {
    path: PathBuf,
    is_ours: bool,
}

impl Folder {
    fn new(given: Option<PathBuf>) -> Result<Folder> {
        let is_ours = given.is_none();
        let path = given.unwrap_or_else(|| {
            std::env::temp_dir().join(format!("muster-directory-{}", Uuid::new_v4().simple()))
        });
        std::fs::create_dir_all(&path).map_err(|error| unwritable(&path, error))?;
        Ok(Folder { path, is_ours })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_ours {
            // Left behind, it harms nobody.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::invalid(format!("cannot write {}: {error}", path.display())).because(error)
}

/// Of all the kinds of characters that the policy wants.
fn random_password() -> String {
    let mut rng = rand::rng();
    let letters = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    let random: String = (0..20)
        .map(|_| char::from(letters[rng.random_range(0..letters.len())]))
        .collect();
    format!("{random}-Aa1")
}
