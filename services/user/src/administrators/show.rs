//! A generated password is shown before it counts: what was stored and never shown would lock everybody out.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use kit::Fault;

use crate::Secret;

/// Shows a generated password to whoever asked for it; fails where it cannot be shown.
pub type Show = Arc<dyn Fn(&Secret) -> Result<(), Fault> + Send + Sync>;

/// A password, and how it is shown within the transaction that stores it, last before its COMMIT.
#[derive(Clone)]
pub struct Showing {
    password: Secret,
    /// `None` where it was given, so that it need not be shown.
    show: Option<Show>,
    shown: Arc<AtomicBool>,
}

impl Showing {
    pub fn new(password: Secret, show: Option<Show>) -> Self {
        Self { password, show, shown: Arc::default() }
    }

    /// Shows it, once however often the transaction is tried again.
    pub async fn once(&self) -> Result<(), Fault> {
        let Some(show) = self.show.clone() else { return Ok(()) };
        if self.shown.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let password = self.password.clone();
        // Who reads it may be slow.
        tokio::task::spawn_blocking(move || show(&password)).await.map_err(Fault::internal)?
    }

    /// Whether it was tried.
    pub fn was_shown(&self) -> bool {
        self.shown.load(Ordering::Relaxed)
    }
}
