//! Work that keeps a thread: a query, the plans of a whole page.

use crate::error::{Error, Result};

/// Where such work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// On threads of its own, so that it keeps nobody waiting.
    Beside,
    /// Where it is asked for, after everybody else who is ready has had a turn: all there is happens on one thread and in one
    /// order, the same each time.
    Here,
}

impl Blocking {
    /// `what` names the work, should it end early.
    pub async fn run<T: Send + 'static>(
        self,
        what: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        match self {
            Blocking::Beside => tokio::task::spawn_blocking(work)
                .await
                .map_err(|error| Error::internal(format!("{what} ended early")).because(error)),
            Blocking::Here => {
                tokio::task::yield_now().await;
                Ok(work())
            }
        }
    }
}
