//! The idempotency keys whose calls run in this process.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use super::idempotency;
use crate::{Db, Fault};

/// The idempotent calls under way in this process. A duplicate is refused by this set, before it takes a
/// connection: in the database it would wait for the row of the claim, holding a connection all the time, and a
/// client that repeats itself often enough would take the whole pool. Across processes, the unique key of the
/// claim and a lock timeout decide.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<HashSet<String>>>);

/// Holds a call's key for as long as the call is under way: through all its transactions, not only the first.
pub struct Guard(Option<(Running, String)>);

impl Guard {
    pub(super) fn take(db: &Db, claim: Option<&str>) -> Result<Self, Fault> {
        let Some(claim) = claim else { return Ok(Self(None)) };
        let running = db.0.running.clone();
        let fresh = running.0.lock().unwrap_or_else(PoisonError::into_inner).insert(claim.to_owned());
        if fresh { Ok(Self(Some((running, claim.to_owned())))) } else { Err(idempotency::in_progress()) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((running, claim)) = &self.0 {
            running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(claim);
        }
    }
}
