//! What tests see of fail points: how often each was reached, who waits at one, and whose work they concern.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Mutex, PoisonError},
};

use tokio::sync::Semaphore;

static HITS: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());
static CONCERNED: Mutex<Option<String>> = Mutex::new(None);
static ARRIVED: Semaphore = Semaphore::const_new(0);
static GO_ON: Semaphore = Semaphore::const_new(0);

/// From now on fail points are those of this work alone.
pub fn concern(of: &impl Display) {
    *CONCERNED.lock().unwrap_or_else(PoisonError::into_inner) = Some(of.to_string());
}

/// Whether they are those of this work. As long as a test has not said whose they are, they are everybody's.
pub fn concerns(of: &impl Display) -> bool {
    let concerned = CONCERNED.lock().unwrap_or_else(PoisonError::into_inner);
    concerned.as_ref().is_none_or(|concerned| *concerned == of.to_string())
}

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
