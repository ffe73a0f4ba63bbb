//! A proxy before a server, which can fall silent or hang up as a network does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Directory;

#[derive(Clone, Copy, PartialEq)]
enum Line {
    Open,
    Frozen,
    Cut,
    Closed,
}

pub struct Proxy {
    pub url: String,
    line: watch::Sender<Line>,
    /// How many there have been.
    pub connections: Arc<AtomicUsize>,
}

impl Proxy {
    /// On the server's own address, which its certificate holds.
    pub async fn before(directory: &Directory) -> Proxy {
        let (scheme, place) = directory.urls[0].split_once("://").unwrap();
        let (host, port) = place.split_once(':').unwrap_or((place, "636"));
        let behind = format!("{host}:{port}");
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (line, state) = watch::channel(Line::Open);
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        tokio::spawn(async move {
            let listener = Arc::new(listener);
            let mut closed = state.clone();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = closed.wait_for(|line| *line == Line::Closed) => return,
                };
                let (client, behind, state) = (accepted.unwrap().0, behind.clone(), state.clone());
                counter.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(relay(client, behind, state));
            }
        });
        Proxy {
            url,
            line,
            connections,
        }
    }

    pub fn freeze(&self) {
        self.line.send_replace(Line::Frozen);
    }

    pub fn thaw(&self) {
        self.line.send_replace(Line::Open);
    }

    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    pub fn close(&self) {
        self.line.send_replace(Line::Closed);
    }
}

/// Passes bytes on while the line is open. A frozen connection stays frozen, as one to a dead host does.
async fn relay(mut client: TcpStream, behind: String, mut state: watch::Receiver<Line>) {
    let _ = state.wait_for(|line| *line != Line::Frozen).await;
    let Ok(mut server) = TcpStream::connect(behind).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = state.wait_for(|line| *line != Line::Open) => {}
    }
    if *state.borrow() == Line::Frozen {
        std::future::pending::<()>().await;
    }
}
