//! Streams that are open: so many for one user.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Fault, id::UserId};

/// The open streams of a process by whose they are; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct OpenStreams(Arc<Mutex<HashMap<UserId, u32>>>);

/// One of them, for as long as it lives.
#[derive(Debug)]
pub struct OpenStream {
    of: OpenStreams,
    user: UserId,
}

impl OpenStreams {
    /// One more, unless the user has so many.
    pub fn open(&self, user: UserId, most: u32) -> Result<OpenStream, Fault> {
        let mut open = self.lock();
        let count = open.entry(user).or_default();
        if *count >= most {
            let message = format!("{most} streams are open: close one first");
            return Err(Fault::limit_exceeded("open_streams", most, message));
        }
        *count += 1;
        drop(open);
        Ok(OpenStream { of: self.clone(), user })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.of.lock();
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reason, id::Id};

    #[test]
    fn a_user_has_so_many_at_once() {
        let (streams, ada) = (OpenStreams::default(), UserId::new());
        let held = [streams.open(ada, 2).unwrap(), streams.open(ada, 2).unwrap()];
        let refused = streams.open(ada, 2).unwrap_err();
        assert_eq!((refused.reason, refused.value("limit")), (Reason::LimitExceeded, Some("open_streams")));
        assert!(streams.open(UserId::new(), 2).is_ok());
        drop(held);
        assert!(streams.lock().is_empty() && streams.open(ada, 2).is_ok());
    }
}
