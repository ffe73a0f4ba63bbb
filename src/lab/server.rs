//! What the simulators that speak HTTP have in common: they listen, tell their controls apart, and cut connections when a
//! fault says so.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::controls::{self, Controls};
use crate::error::{Error, Result};

/// A second handle on the caller's connection, to cut it with.
struct Line(TcpStream);

/// Serves on this listener in the background until `stop`.
pub fn serve(
    tasks: &TaskTracker,
    listener: TcpListener,
    stop: CancellationToken,
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> Result<()> {
    let server = HttpServer::new(move || App::new().configure(configure.clone()))
        .on_connect(|connection, extensions| {
            let stream = connection.downcast_ref::<actix_web::rt::net::TcpStream>();
            if let Some(stream) = stream {
                // Or the end of a long answer waits for the caller to acknowledge its beginning.
                let _ = stream.set_nodelay(true);
            }
            let copy = stream.and_then(|stream| stream.as_fd().try_clone_to_owned().ok());
            if let Some(copy) = copy {
                extensions.insert(Line(copy.into()));
            }
        })
        .workers(2)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)
        .map_err(|error| Error::internal(format!("the simulator cannot listen: {error}")).because(error))?
        .run();
    let handle = server.handle();
    tasks.spawn(async move {
        tokio::select! {
            outcome = server => if let Err(error) = outcome {
                tracing::error!("the simulator stopped: {error}");
            },
            () = stop.cancelled() => handle.stop(false).await,
        }
    });
    Ok(())
}

/// Serves what only whoever runs the simulator may do, on a listener of its own.
pub fn serve_controls(
    tasks: &TaskTracker,
    controls: Arc<Controls>,
    listener: TcpListener,
    stop: CancellationToken,
    more: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) {
    tasks.spawn(async move {
        if let Err(error) = controls::serve(controls, listener, stop, more).await {
            tracing::error!("{error}");
        }
    });
}

/// Cuts the caller's connection. What this gives is never sent.
pub fn cut(request: &HttpRequest) -> HttpResponse {
    if let Some(Line(line)) = request.conn_data::<Line>() {
        // It may be cut already, by the other side.
        let _ = line.shutdown(Shutdown::Both);
    }
    HttpResponse::new(StatusCode::BAD_GATEWAY)
}
