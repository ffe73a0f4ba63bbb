//! Who calls, and what they may do. A handler names its right in its signature, so one without a right does
//! not compile.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};

use super::Gateway;
use super::problem::Problem;
use crate::config::{App, Client};
use crate::error::{Error, Kind, Result};

/// A right, by the roles that give it.
pub trait Right {
    const ROLES: &'static [&'static str];
}

macro_rules! right {
    ($(#[$doc:meta])* $name:ident: $($role:literal),+) => {
        $(#[$doc])*
        pub struct $name;
        impl Right for $name {
            const ROLES: &'static [&'static str] = &[$($role),+];
        }
    };
}

right!(
    /// To post uploads.
    Upload: "SynchronizationData-User.Upload", "SynchronizationData-User.Upload.OwnedBy"
);
right!(
    /// To send callbacks.
    CallBack: "Writeback.Upload"
);
right!(
    /// To read what became of callbacks.
    ReadCallbacks: "Writeback.Upload", "Synchronization.Read.All", "Synchronization.ReadWrite.All"
);
right!(
    /// To read what happened.
    ReadLogs: "ProvisioningLog.Read.All", "AuditLog.Read.All"
);
right!(
    /// To look apps up.
    ReadApps: "Application.Read.All", "Application.ReadWrite.OwnedBy", "Synchronization.Read.All", "Synchronization.ReadWrite.All"
);
right!(
    /// To see jobs and their state.
    ReadJobs: "Synchronization.Read.All", "Synchronization.ReadWrite.All", "Application.ReadWrite.OwnedBy"
);
right!(
    /// To start, pause and restart jobs.
    WriteJobs: "Synchronization.ReadWrite.All", "Application.ReadWrite.OwnedBy"
);

/// An authenticated client that has the right `R`.
pub struct Caller<R> {
    pub client: Client,
    right: PhantomData<R>,
}

impl<R: Right> Caller<R> {
    /// The app, if this client's roles reach it (B32).
    pub fn app<'g>(&self, gateway: &'g Gateway, id: &str) -> Result<&'g App> {
        let app = gateway.engine.config().app(id).ok_or_else(|| {
            Error::new(Kind::NotFound, format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present."))
        })?;
        if self.reaches(app) {
            Ok(app)
        } else {
            Err(Error::new(
                Kind::Forbidden,
                "Insufficient privileges to complete the operation: this client is not allowed this app.",
            ))
        }
    }

    pub fn reaches(&self, app: &App) -> bool {
        self.client
            .apps
            .as_ref()
            .is_none_or(|apps| apps.contains(&app.id))
    }
}

impl<R: Right> FromRequest for Caller<R> {
    type Error = Problem;
    type Future = Ready<Result<Caller<R>, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate::<R>(request).map_err(Problem))
    }
}

fn authenticate<R: Right>(request: &HttpRequest) -> Result<Caller<R>> {
    let gateway = request
        .app_data::<web::Data<Gateway>>()
        .ok_or_else(|| Error::internal("the gateway's state is missing"))?;
    let empty = || Error::new(Kind::Unauthenticated, "Access token is empty.");
    let header = request.headers().get(header::AUTHORIZATION).ok_or_else(empty)?;
    let token = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty())
        .map(|(_, token)| token.trim())
        .ok_or_else(empty)?;
    let claims = gateway.signer.verify(token, gateway.engine.clock().now())?;
    // The config decides, not the token: a client that was taken out has no rights from then on.
    let client = gateway
        .engine
        .config()
        .clients
        .iter()
        .find(|client| client.id == claims.appid)
        .ok_or_else(|| {
            Error::new(
                Kind::Unauthenticated,
                "Access token validation failure: this client is not known any more.",
            )
        })?;
    if !client.roles.iter().any(|role| R::ROLES.contains(&role.as_str())) {
        return Err(Error::new(
            Kind::Forbidden,
            format!(
                "Insufficient privileges to complete the operation: it needs one of the roles {}.",
                R::ROLES.join(", ")
            ),
        ));
    }
    Ok(Caller {
        client: client.clone(),
        right: PhantomData,
    })
}
