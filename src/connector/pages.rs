//! The pages of a read, as they are told.

use futures::channel::mpsc;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, SinkExt, StreamExt};

use super::{End, Page};
use crate::domain::worker::Statement;
use crate::error::{Error, Result};

/// Whoever reads a source tells it page by page, and gets on as fast as somebody listens.
pub(super) struct Teller(mpsc::Sender<Page>);

impl Teller {
    pub(super) async fn tell(&mut self, page: Page) -> Result<()> {
        // Nobody listens any more: then this is never asked to go on.
        self.0
            .send(page)
            .await
            .map_err(|_| Error::internal("nobody listens to this read any more"))
    }

    pub(super) async fn statements(&mut self, statements: Vec<Statement>) -> Result<()> {
        self.tell(Page {
            statements,
            ..Page::default()
        })
        .await
    }

    pub(super) async fn end(&mut self, end: End) -> Result<()> {
        self.tell(Page {
            end: Some(end),
            ..Page::default()
        })
        .await
    }
}

/// The pages that a reader tells, and its error if it fails.
pub(super) fn told<'r, R>(read: impl FnOnce(Teller) -> R) -> BoxStream<'r, Result<Page>>
where
    R: Future<Output = Result<()>> + Send + 'r,
{
    let (tell, told) = mpsc::channel(0);
    let failure = read(Teller(tell)).into_stream();
    // Whoever tells is woken only while somebody listens.
    let failure = failure.filter_map(async |outcome| outcome.err().map(Err));
    stream::select(told.map(Ok), failure).boxed()
}
