//! Streams that are open: so many for one user, and for one address where nobody has to sign in.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Whose;
use crate::Fault;

/// The open streams of a process by whose they are; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct OpenStreams(Arc<Mutex<HashMap<Whose, u32>>>);

/// One of them, for as long as it lives.
#[derive(Debug)]
pub struct OpenStream {
    of: OpenStreams,
    whose: Whose,
}

impl OpenStreams {
    /// One more, unless there are so many.
    pub(super) fn open(&self, whose: Whose, most: u32) -> Result<OpenStream, Fault> {
        let mut open = self.lock();
        let count = open.entry(whose).or_default();
        if *count >= most {
            let message = format!("{most} streams are open: close one first");
            return Err(Fault::limit_exceeded("open_streams", most, message));
        }
        *count += 1;
        drop(open);
        Ok(OpenStream { of: self.clone(), whose })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Whose, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.of.lock();
        if let Some(count) = open.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Reason,
        id::{Id, UserId},
    };

    #[test]
    fn a_user_has_so_many_at_once() {
        let (streams, ada) = (OpenStreams::default(), Whose::User(UserId::new()));
        let held = [streams.open(ada, 2).unwrap(), streams.open(ada, 2).unwrap()];
        let refused = streams.open(ada, 2).unwrap_err();
        assert_eq!((refused.reason, refused.value("limit")), (Reason::LimitExceeded, Some("open_streams")));
        assert!(streams.open(Whose::User(UserId::new()), 2).is_ok());
        drop(held);
        assert!(streams.lock().is_empty() && streams.open(ada, 2).is_ok());
    }
}
