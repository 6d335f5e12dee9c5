//! Why calls fail: the reasons of `feira.errors.v1`, and the one table of gRPC codes, HTTP statuses and reasons.

use tonic::Code;

pub use crate::feira::errors::v1::Reason;

/// The domain of all our reasons, in `ErrorInfo`.
pub const DOMAIN: &str = "feira";

include!(concat!(env!("OUT_DIR"), "/reasons.rs"));

impl Reason {
    /// The reason of this name; `None` for one that is younger than this binary, or another domain's.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == name)
    }

    /// The reason that goes with a code where nothing more is known.
    pub const fn of(code: Code) -> Self {
        match code {
            Code::InvalidArgument | Code::OutOfRange => Self::Validation,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::FailedPrecondition => Self::IllegalState,
            Code::Aborted => Self::Aborted,
            Code::ResourceExhausted => Self::RateLimited,
            Code::Unavailable => Self::UpstreamUnavailable,
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            Code::Cancelled => Self::Cancelled,
            Code::Unimplemented => Self::Unimplemented,
            // What it was is nobody's business but the operator's.
            Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => Self::Internal,
        }
    }

    /// Its HTTP status.
    pub fn http_status(self) -> u16 {
        self.own_http_status().unwrap_or_else(|| http_status(self.code()))
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The name of a code, as google.rpc.Code has it.
pub const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The HTTP status of a code, as google.rpc.Code's documentation says.
pub const fn http_status(code: Code) -> u16 {
    match code {
        Code::Ok => 200,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::Unauthenticated => 401,
        Code::PermissionDenied => 403,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::ResourceExhausted => 429,
        // "Client closed request"; it has no name in any RFC.
        Code::Cancelled => 499,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::DeadlineExceeded => 504,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_known_by_its_name_on_the_wire() {
        assert_eq!(Reason::OutOfStock.as_str(), "OUT_OF_STOCK");
        for reason in Reason::ALL {
            assert_eq!(Reason::read(reason.as_str()), Some(*reason));
            assert_eq!(format!("REASON_{reason}"), reason.as_str_name());
        }
        for unknown in ["", "REASON_NOT_FOUND", "not_found", "UNSPECIFIED", "FROM_TOMORROW"] {
            assert_eq!(Reason::read(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_code_alone_has_a_reason_of_the_same_code() {
        for code in (1..=16).map(Code::from_i32) {
            let reason = Reason::of(code);
            match code {
                Code::OutOfRange | Code::Unknown | Code::DataLoss => {
                    assert_eq!(reason.http_status(), http_status(code), "{code:?}");
                }
                _ => assert_eq!(reason.code(), code),
            }
        }
    }

    #[test]
    fn a_reason_has_its_codes_status_unless_it_says_otherwise() {
        for (reason, status) in [
            (Reason::OutOfStock, 400),
            (Reason::EtagMismatch, 409),
            (Reason::RequestTooLarge, 413),
            (Reason::MethodNotAllowed, 405),
            (Reason::UnsupportedMediaType, 415),
            (Reason::RateLimited, 429),
        ] {
            assert_eq!(reason.http_status(), status, "{reason}");
        }
    }
}
