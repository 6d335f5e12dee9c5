//! How a call over a WebSocket ends.

use contracts::errors::code_name;
use tokio_tungstenite::tungstenite::{Error, error::ProtocolError, protocol::frame::coding::CloseCode};

use crate::error::Failure;

/// The longest reason of a close (RFC 6455, 5.5).
const LONGEST_REASON: usize = 123;

/// How it ends.
pub enum Over {
    /// The service has answered.
    Done,
    /// The client has left.
    Gone,
    /// By a failure; by a code of the protocol's own, where it has one for it.
    Failed(Failure, Option<CloseCode>),
}

impl From<Failure> for Over {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure, None)
    }
}

/// What becomes of what is no frame, or one of more than so many bytes.
pub fn wrong(error: &Error, limit: usize) -> Over {
    match error {
        Error::Capacity(_) => Over::Failed(Failure::too_large(limit), Some(CloseCode::Size)),
        Error::Utf8(_) => {
            Over::Failed(Failure::invalid("a text frame is not UTF-8"), Some(CloseCode::Invalid))
        }
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Over::Gone,
        Error::Protocol(problem) => {
            Over::Failed(Failure::invalid(problem.to_string()), Some(CloseCode::Protocol))
        }
        _ => Over::Gone,
    }
}

/// A failure as the reason of a close.
pub fn reason(failure: &Failure) -> String {
    let mut reason = format!("{}: {}", code_name(failure.code), failure.message);
    reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
    reason
}
