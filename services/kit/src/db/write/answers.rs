//! How much of the database one user's stored answers may take: so many bytes a day, in each process. An answer is kept for
//! a day for whoever repeats the call, so whoever calls with ever new keys would fill the disk. Counted in memory, because
//! a count in the database would be a statement of every call.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;

use crate::{Caller, Fault, id::UserId};

/// For how long answers are kept, and so what they are counted over.
pub(crate) const KEPT: Duration = Duration::from_secs(24 * 3600);
/// What a claim takes beside its answer, with its indexes.
const ROW: u64 = 1 << 10;
/// Users who are told apart; of those beyond, whoever was not heard of for longest is forgotten.
const USERS: usize = 20_000;

/// What users have stored lately.
pub(crate) struct Answers {
    /// Bytes a day; none is without limit.
    most: Option<u64>,
    spent: Cache<UserId, Arc<Mutex<Spent>>>,
}

/// What counts at a time. It becomes less as time passes, by a day's worth in a day.
#[derive(Debug, Clone, Copy)]
struct Spent {
    bytes: f64,
    at: Instant,
}

impl Spent {
    fn now(self, most: u64, now: Instant) -> f64 {
        let back = most as f64 * now.saturating_duration_since(self.at).as_secs_f64() / KEPT.as_secs_f64();
        (self.bytes - back).max(0.0)
    }
}

impl Answers {
    /// So many bytes a day for each user; 0 is without limit.
    pub fn new(most: u64) -> Self {
        Self { most: (most > 0).then_some(most), spent: Cache::new(USERS) }
    }

    /// Refuses a call with a key of somebody who has stored too much. Calls between services are those of whoever they are
    /// made for, and whoever is nobody makes few that have keys.
    pub fn admit(&self, caller: &Caller, now: Instant) -> Result<(), Fault> {
        let (Some(most), Some(user)) = (self.most, user(caller)) else { return Ok(()) };
        let Some(spent) = self.spent.get(&user) else { return Ok(()) };
        let over = spent.lock().unwrap_or_else(PoisonError::into_inner).now(most, now) - most as f64;
        if over < 0.0 {
            return Ok(());
        }
        let wait = KEPT.mul_f64((over + 1.0) / most as f64).max(Duration::from_secs(1));
        let message = "too many answers are kept for calls with idempotency keys: wait, or call without one";
        Err(Fault::rate_limited(message, wait)
            .with("limit", "idempotency-answers")
            .with("quota", most)
            .with("window_seconds", KEPT.as_secs()))
    }

    /// Counts an answer.
    pub fn count(&self, caller: &Caller, bytes: usize, now: Instant) {
        let (Some(most), Some(user)) = (self.most, user(caller)) else { return };
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(Spent { bytes: 0.0, at: now })));
        let spent = match self.spent.get_or_insert_with(&user, fresh) {
            Ok(spent) => spent,
            Err(never) => match never {},
        };
        let mut spent = spent.lock().unwrap_or_else(PoisonError::into_inner);
        *spent = Spent { bytes: spent.now(most, now) + (bytes as u64 + ROW) as f64, at: now };
    }
}

fn user(caller: &Caller) -> Option<UserId> {
    caller.is_user().then(|| caller.user())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reason, Role, id::Id, testing::customer};

    #[test]
    fn a_user_has_so_many_bytes_a_day_and_others_have_theirs() {
        let (answers, now) = (Answers::new(10 * ROW), Instant::now());
        let (eve, ada) = (customer(UserId::new()), customer(UserId::new()));
        let mut stored = 0;
        while answers.admit(&eve, now).is_ok() {
            answers.count(&eve, ROW as usize, now);
            stored += 1;
        }
        assert_eq!(stored, 5, "a row and an answer each");
        let refused = answers.admit(&eve, now).unwrap_err();
        assert_eq!(refused.reason, Reason::RateLimited);
        let wait = refused.retry_after.unwrap();
        assert!(wait <= Duration::from_secs(60), "{wait:?}: one byte is there again soon");
        assert!(answers.admit(&eve, now + wait).is_ok());
        answers.count(&ada, 0, now);
        assert!(answers.admit(&ada, now).is_ok());
        let later = now + KEPT;
        assert!((0..5).all(|_| {
            answers.count(&eve, ROW as usize - 1, later);
            answers.admit(&eve, later).is_ok()
        }));
    }

    #[test]
    fn services_are_not_counted_and_nobody_is_where_there_is_no_limit() {
        let now = Instant::now();
        let (eve, limited, free) = (customer(UserId::new()), Answers::new(1), Answers::new(0));
        let service = Caller::Service { role: Role::Order, on_behalf_of: eve.user() };
        limited.count(&service, 1 << 20, now);
        assert!(limited.admit(&service, now).is_ok() && limited.admit(&eve, now).is_ok());
        free.count(&eve, 1 << 30, now);
        assert!(free.admit(&eve, now).is_ok());
    }
}
