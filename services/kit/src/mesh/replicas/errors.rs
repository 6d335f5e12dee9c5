//! What the failure of a call says about its connection.

use std::{error::Error, iter, net::SocketAddr};

use tonic::ConnectError;

/// A call that was not answered.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Unanswered {
    /// Nobody can have seen it, so it may be sent again whatever it does.
    pub never_sent: bool,
    /// The one that it was sent to has not answered it in time, or does not answer at all any more.
    pub given_up: bool,
    /// Whom it was sent to, to try somebody else.
    pub by: Option<SocketAddr>,
    pub(super) cause: Box<dyn Error + Send + Sync>,
}

/// Whether a connection ended because nothing was received on it for too long.
pub(super) fn is_silence(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout)
}

/// Whether a call that failed cannot have reached anybody: there was no connection, or it was closed before the
/// call went out, or the other end said that it did not look at it (RFC 9113, 6.8 and 8.7).
pub(super) fn never_sent(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        cause.is::<ConnectError>()
            || cause
                .downcast_ref::<hyper::Error>()
                .is_some_and(|error| error.is_canceled() || error.is_closed())
            || cause.downcast_ref::<h2::Error>().is_some_and(|error| {
                let reason = error.reason();
                error.is_remote()
                    && (reason == Some(h2::Reason::REFUSED_STREAM)
                        || (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR)))
            })
    })
}

pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| (*error).source())
}
