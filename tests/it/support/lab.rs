//! The simulated directory, in this process, on a runtime of its own: tests share it, and their runtimes end.

use std::net::TcpListener;

pub use muster::lab::directory::Options;
use muster::lab::directory::{self, Directory};
use tokio_util::sync::CancellationToken;

use super::ldap::Client;

/// Runs as long as its value.
pub struct Lab {
    pub directory: Directory,
    /// What the service account is called in full.
    pub upn: String,
    _stop: tokio_util::sync::DropGuard,
}

/// A domain with nobody in it but whom every domain has.
pub fn directory() -> Lab {
    directory_with(Options::default())
}

/// With more than one unit delegated to the service account.
pub fn rome() -> Options {
    Options {
        delegated: vec![
            "OU=Staff,DC=example,DC=test".into(),
            "OU=Rome,DC=example,DC=test".into(),
        ],
        ..Options::default()
    }
}

pub fn directory_with(options: Options) -> Lab {
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let directory = directory::start(options, listener, stop.clone()).await.unwrap();
            tell.send(directory).unwrap();
            stop.cancelled().await;
        });
    });
    let directory = told.recv().unwrap();
    let domain = directory.base_dn.replace("DC=", "").replace(',', ".");
    Lab {
        upn: format!("svc-muster@{domain}"),
        directory,
        _stop: guard,
    }
}

impl Lab {
    /// OpenLDAP's tools, as the service account.
    pub fn client(&self) -> Client {
        self.client_of(&self.directory.user, &self.directory.password)
    }

    /// OpenLDAP's tools, as the administrator.
    pub fn admin(&self) -> Client {
        self.client_of(&self.directory.admin_user, &self.directory.admin_password)
    }

    /// Requests of one operation that were answered, by result code; `none` for those that were cut.
    pub async fn answers(&self, operation: &str) -> serde_json::Value {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let asked = http.get(format!("{}/lab/state", self.directory.admin)).send();
        let state: serde_json::Value = asked.await.unwrap().json().await.unwrap();
        state["answers"][operation].clone()
    }

    pub fn client_of(&self, user: &str, password: &str) -> Client {
        Client {
            url: self.directory.url.clone(),
            user: user.to_string(),
            password: password.to_string(),
            ca_file: self.directory.ca_file.clone(),
            base_dn: self.directory.base_dn.clone(),
        }
    }
}
