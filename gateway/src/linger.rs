//! What becomes of a request's body that nobody reads to its end.
//!
//! A caller who is refused early (too large, no such path, not signed in) may still be sending. If the
//! connection were closed then, the reset could overtake the answer, and the caller would see a broken
//! connection in its place. So over HTTP/1 the rest is read and thrown away for a while, as servers do that
//! call it lingering (nginx, `lingering_close`). HTTP/2 says by a frame that nothing more is wanted.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body as HttpBody;
use bytes::Bytes;
use futures::StreamExt as _;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use tokio::time::timeout;

/// How much of it is read.
const MOST: usize = 32 << 20;
/// For how long.
const TIME: Duration = Duration::from_secs(5);

/// Lets the caller finish sending where a body is dropped before its end. One who waits to be asked for it
/// (`expected`) is not asked just to throw it away.
pub fn over(version: Version, expected: bool, body: HttpBody) -> HttpBody {
    if version > Version::HTTP_11 || body.is_end_stream() {
        return body;
    }
    HttpBody::new(Lingering { body: Some(body), sent: !expected })
}

/// A body that is read on after it is dropped.
struct Lingering {
    body: Option<HttpBody>,
    /// Whether its sender sends it.
    sent: bool,
}

impl Body for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.sent = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| self.sent && !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (unread, tokio::runtime::Handle::try_current()) {
            runtime.spawn(timeout(TIME, discard(body)));
        }
    }
}

async fn discard(body: HttpBody) {
    let mut pieces = body.into_data_stream();
    let mut read = 0;
    while let Some(Ok(piece)) = pieces.next().await {
        read += piece.len();
        if read > MOST {
            return;
        }
    }
}
