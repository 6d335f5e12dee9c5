//! The time that a request has.

use tokio::time::{Instant, timeout_at};

use crate::error::Failure;

/// Waits for something until a deadline.
pub async fn within<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Failure> {
    timeout_at(deadline, work).await.map_err(|_| Failure::deadline())
}
