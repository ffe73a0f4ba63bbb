//! What every simulator can be told at its `admin` address: the time, the faults, and to show its state.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web::{Data, Json, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer, Responder, web};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::faults::{Fault, Repertoire, Script};
use crate::error::{Error, Result};

/// A simulator's clock and faults; shared with whoever started it in the same process.
pub struct Controls {
    repertoire: Repertoire,
    /// How far the simulated time is ahead of the real one.
    ahead: Mutex<SignedDuration>,
    pub faults: Script,
}

impl Controls {
    pub fn new(repertoire: Repertoire) -> Controls {
        Controls {
            repertoire,
            ahead: Mutex::default(),
            faults: Script::default(),
        }
    }

    /// Puts a script in force that this simulator can play.
    pub fn script(&self, faults: Vec<Fault>) -> Result<(), String> {
        self.repertoire.check(&faults)?;
        self.faults.replace(faults);
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "a simulator has a clock of its own")]
    pub fn now(&self) -> Timestamp {
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        Timestamp::now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// Sets the time; it goes on from there.
    pub fn set_now(&self, now: Timestamp) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::disallowed_methods, reason = "a simulator has a clock of its own")]
        let real = Timestamp::now();
        *ahead = now.duration_since(real);
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Time {
    now: Timestamp,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Faults {
    faults: Vec<Fault>,
}

/// `GET` and `POST /lab/clock`, `GET` and `POST /lab/faults`.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/lab/clock", web::get().to(clock))
        .route("/lab/clock", web::post().to(set_clock))
        .route("/lab/faults", web::get().to(faults))
        .route("/lab/faults", web::post().to(set_faults));
}

async fn clock(controls: Data<Controls>) -> impl Responder {
    Json(Time { now: controls.now() })
}

async fn set_clock(controls: Data<Controls>, time: Json<Time>) -> impl Responder {
    controls.set_now(time.now);
    Json(Time { now: controls.now() })
}

async fn faults(controls: Data<Controls>) -> impl Responder {
    Json(Faults {
        faults: controls.faults.faults(),
    })
}

async fn set_faults(controls: Data<Controls>, script: Json<Faults>) -> HttpResponse {
    match controls.script(script.into_inner().faults) {
        Ok(()) => HttpResponse::Ok().json(Faults {
            faults: controls.faults.faults(),
        }),
        Err(why) => HttpResponse::BadRequest().body(why),
    }
}

/// Serves the controls, and whatever `more` adds, on a listener of its own until `stop`.
pub async fn serve(
    controls: Arc<Controls>,
    listener: TcpListener,
    stop: CancellationToken,
    more: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> Result<()> {
    let data = Data::from(controls);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .configure(routes)
            .configure(more.clone())
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)
    .map_err(|error| Error::internal(format!("cannot serve the controls: {error}")).because(error))?
    .run();
    let handle = server.handle();
    tokio::select! {
        outcome = server => outcome.map_err(|error| Error::internal(format!("the controls: {error}")).because(error)),
        () = stop.cancelled() => { handle.stop(false).await; Ok(()) }
    }
}
