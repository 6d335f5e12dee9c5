//! Copies under way: one at a time for each caller. A copy asks other services once for each order and each payment, so that
//! many at once would multiply whatever a caller may ask.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kit::{Fault, id::UserId};

/// Who is taking a copy; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Exports(Arc<Mutex<HashSet<UserId>>>);

/// A copy under way, for as long as this lives.
#[derive(Debug)]
pub struct UnderWay {
    of: Exports,
    caller: UserId,
}

impl Exports {
    /// One for this caller, unless there is one.
    pub fn begin(&self, caller: UserId) -> Result<UnderWay, Fault> {
        if self.callers().insert(caller) {
            return Ok(UnderWay { of: self.clone(), caller });
        }
        Err(Fault::limit_exceeded("exports", 1, "a copy is being made: wait for its end"))
    }

    fn callers(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.of.callers().remove(&self.caller);
    }
}

#[cfg(test)]
mod tests {
    use kit::id::Id;

    use super::*;

    #[test]
    fn a_caller_takes_one_copy_at_a_time() {
        let (exports, ada) = (Exports::default(), UserId::new());
        let first = exports.begin(ada).unwrap();
        let refused = exports.begin(ada).unwrap_err();
        assert_eq!(refused.value("limit"), Some("exports"));
        assert!(exports.begin(UserId::new()).is_ok());
        drop(first);
        assert!(exports.begin(ada).is_ok() && exports.callers().is_empty());
    }
}
