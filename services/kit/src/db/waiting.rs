//! Those who wait for a connection, the first first: how long, and whether it is worth another's while.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

/// Those who wait at one place.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    since: BTreeMap<u64, Instant>,
    /// When somebody's work came to a good end last.
    served: Option<Instant>,
}

/// One of them, until it is served or gives up.
pub(super) struct Waiter<'w> {
    of: &'w Waiting,
    number: u64,
    since: Instant,
}

impl Waiting {
    /// One more, who would wait for so long at the most. Where the first of those before has waited for most of that, it
    /// would wait in vain: it is refused at once.
    pub fn join(&self, within: Duration) -> Result<Waiter<'_>, DbErr> {
        let (mut state, since) = (self.state(), Instant::now());
        if let Some(first) = state.since.values().next().copied()
            && since - first >= within / 4 * 3
        {
            return Err(state.missed(first));
        }
        let number = state.next;
        state.next += 1;
        state.since.insert(number, since);
        drop(state);
        Ok(Waiter { of: self, number, since })
    }

    /// Somebody's work has come to a good end.
    pub fn served(&self) {
        let mut state = self.state();
        // Read by those who wait alone.
        if !state.since.is_empty() {
            state.served = Some(Instant::now());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What has come of waiting since then: too many are at work, or nobody has been served, as nobody answers.
    fn missed(&self, since: Instant) -> DbErr {
        match self.served {
            Some(served) if served > since => busy(),
            _ => DbErr::Conn(RuntimeErr::SqlxError(sqlx::Error::PoolTimedOut.into())),
        }
    }
}

impl Waiter<'_> {
    /// The error of one who has waited in vain.
    pub fn missed(&self) -> DbErr {
        self.of.state().missed(self.since)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.of.state().since.remove(&self.number);
    }
}

/// The database works, and for so many that there is no room for more.
pub(super) fn busy() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;
    use crate::{Fault, Reason};

    const WITHIN: Duration = Duration::from_millis(200);

    fn refusal(waiting: &Waiting) -> Option<Reason> {
        waiting.join(WITHIN).err().map(|error| Fault::from(error).reason)
    }

    #[tokio::test]
    async fn whoever_would_wait_in_vain_is_refused_at_once_and_told_why() {
        let waiting = Waiting::default();
        let first = waiting.join(WITHIN).ok().unwrap();
        let second = waiting.join(WITHIN).ok().unwrap();
        assert_eq!(refusal(&waiting), None, "the first has not waited for long");
        sleep(WITHIN / 4 * 3).await;
        assert_eq!(refusal(&waiting), Some(Reason::UpstreamUnavailable), "nobody is served");
        assert_eq!(Fault::from(first.missed()).reason, Reason::UpstreamUnavailable);
        waiting.served();
        assert_eq!(refusal(&waiting), Some(Reason::Overloaded), "others are served");
        assert_eq!(Fault::from(second.missed()).reason, Reason::Overloaded);
        drop(first);
        assert!(refusal(&waiting).is_some(), "the second has waited as long");
        drop(second);
        assert_eq!(refusal(&waiting), None);
        assert!(waiting.state().since.is_empty());
    }
}
