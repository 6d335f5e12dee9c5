//! When to come back, and how much was let in: headers of refusals.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use prost::Message as _;
use prost_types::Any;
use tonic_types::pb;

use crate::{
    details,
    headers::{RATE_LIMIT, RATE_LIMIT_POLICY},
};

/// Tells what the details of an error say of it.
pub fn tell(all: &[Any], headers: &mut HeaderMap) {
    let Some(delay) = all.iter().find_map(retry_delay) else { return };
    let seconds = (delay.as_secs() + u64::from(delay.subsec_nanos() > 0)).max(1);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    let Some((name, quota)) = all.iter().find_map(details::rate_limit) else { return };
    let limit = format!("\"{name}\";r=0;t={seconds}");
    headers.extend(HeaderValue::try_from(limit).map(|limit| (RATE_LIMIT, limit)));
    if let Some((count, window)) = quota {
        let policy = format!("\"{name}\";q={count};w={window}");
        headers.extend(HeaderValue::try_from(policy).map(|policy| (RATE_LIMIT_POLICY, policy)));
    }
}

fn retry_delay(detail: &Any) -> Option<Duration> {
    if !detail.type_url.ends_with("/google.rpc.RetryInfo") {
        return None;
    }
    pb::RetryInfo::decode(detail.value.as_slice()).ok()?.retry_delay?.try_into().ok()
}
