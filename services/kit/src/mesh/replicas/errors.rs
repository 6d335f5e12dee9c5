//! What the failure of a call says about its connection.

use std::{error::Error, io, iter, net::SocketAddr};

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

/// Why a call by a worker's own connection failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Unconnected(#[from] Unconnected),
    #[error("the connection has ended")]
    NeverSent(#[source] h2::Error),
    #[error(transparent)]
    Silent(Silent),
    #[error(transparent)]
    Broken(h2::Error),
}

/// There is no connection.
#[derive(Debug, thiserror::Error)]
#[error("it cannot be connected: {0}")]
pub(super) struct Unconnected(pub io::Error);

/// Nothing was received on the connection for too long.
#[derive(Debug, thiserror::Error)]
#[error("its connection was silent")]
pub(super) struct Silent;

/// Whether a call failed because there is no connection.
pub(super) fn is_unconnected(error: &(dyn Error + 'static)) -> bool {
    error.is::<ConnectError>() || matches!(error.downcast_ref(), Some(Failed::Unconnected(_)))
}

/// Whether a connection ended because nothing was received on it for too long.
pub(super) fn is_silence(error: &(dyn Error + 'static)) -> bool {
    if matches!(error.downcast_ref(), Some(Failed::Silent(_))) {
        return true;
    }
    error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout)
}

/// Whether a call that failed cannot have reached anybody: there was no connection, or it was closed before the
/// call went out, or the other end said that it did not look at it (RFC 9113, 6.8 and 8.7).
pub(super) fn never_sent(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        is_unconnected(cause)
            || matches!(cause.downcast_ref(), Some(Failed::NeverSent(_)))
            || cause
                .downcast_ref::<hyper::Error>()
                .is_some_and(|error| error.is_canceled() || error.is_closed())
            || h2_error(cause).is_some_and(|error| {
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

/// What HTTP/2 says of it: an error that is handed on as it is ("transparent") is no source of its own.
fn h2_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a h2::Error> {
    match error.downcast_ref() {
        Some(Failed::Broken(error)) => Some(error),
        _ => error.downcast_ref(),
    }
}
