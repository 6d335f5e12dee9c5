//! What tests see of fail points: how often each was reached, and who waits at one.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::Semaphore;

static HITS: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());
static ARRIVED: Semaphore = Semaphore::const_new(0);
static GO_ON: Semaphore = Semaphore::const_new(0);

/// How often one was reached.
pub fn hits(name: &str) -> u64 {
    HITS.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or(0)
}

/// One was reached.
pub fn count(name: &'static str) {
    *HITS.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
}

/// Waits at a fail point, until a test lets it go on.
pub async fn wait() {
    ARRIVED.add_permits(1);
    take(&GO_ON).await;
}

/// Until somebody waits at a fail point.
pub async fn arrived() {
    take(&ARRIVED).await;
}

/// Whoever waits at a fail point goes on.
pub fn go_on() {
    GO_ON.add_permits(1);
}

async fn take(permits: &Semaphore) {
    // Nobody closes it.
    if let Ok(permit) = permits.acquire().await {
        permit.forget();
    }
}
