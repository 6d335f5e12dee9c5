//! What a call came to: the failure that a gRPC status is.

use contracts::errors::{Reason, http_status};
use http::{HeaderMap, HeaderName, header};
use tonic::{Code, Status, TimeoutExpired};

use super::{Failure, status_of};
use crate::details;

/// Metadata of a failed call that becomes headers: when to come back, and how to prove who one is. `RetryInfo`
/// says the first more precisely, and counts where both are there.
const OF_UPSTREAM: [HeaderName; 2] = [header::RETRY_AFTER, header::WWW_AUTHENTICATE];

impl Failure {
    /// What a service answered, or what became of the call. What only operators may know, such as the
    /// addresses in a transport's errors, stays in the log; details are meant for callers.
    pub fn from_status(status: &Status, service: &str) -> Self {
        let given = details::decode(status.details());
        let explained = given.iter().any(details::is_error_info);
        let hidden = if explained { None } else { Self::unexplained(status, service) };
        let mut failure = hidden.unwrap_or_else(|| {
            let code = status.code();
            let reason = given.iter().find_map(details::reason).filter(|reason| reason.code() == code);
            let http = reason.map_or_else(|| http_status(code), Reason::http_status);
            Self { code, http: status_of(http), ..Self::new(Reason::of(code), status.message()) }
        });
        if explained {
            failure.details.clear();
        }
        // Whatever else there is comes behind the error's reason.
        failure.details.extend(given);
        failure.details.sort_by_key(|detail| !details::is_error_info(detail));
        let metadata: &HeaderMap = status.metadata().as_ref();
        for name in OF_UPSTREAM {
            for value in metadata.get_all(&name) {
                failure.headers.get_or_insert_default().append(&name, value.clone());
            }
        }
        failure
    }

    /// What is said in place of a status without a reason; `None` where its own message may be told.
    fn unexplained(status: &Status, service: &str) -> Option<Self> {
        if timed_out(status) {
            return Some(Self::deadline());
        }
        let transport = std::error::Error::source(status).is_some();
        match status.code() {
            Code::Unavailable => {
                tracing::warn!(service, error = %status, "upstream unavailable");
                Some(Self::unavailable(service))
            }
            _ if transport => {
                tracing::warn!(service, error = ?status, "upstream connection failed");
                Some(Self::unavailable(service))
            }
            code @ (Code::Internal | Code::Unknown | Code::DataLoss) => {
                tracing::warn!(service, error = %status, "upstream failed");
                Some(Self { code, ..Self::internal() })
            }
            _ => None,
        }
    }
}

/// Whether a call ended because its time had passed. tonic says so by CANCELLED; what a server says so of is found out
/// by the clock, where the call had a deadline.
fn timed_out(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<TimeoutExpired>() {
            return true;
        }
        source = error.source();
    }
    false
}
