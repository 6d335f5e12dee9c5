//! How many checkouts are under way at the same time: as many as end soon. A few more wait for a moment; the others
//! are refused at once, before anything is written.
//!
//! The limit follows from what is measured: while checkouts are quick it grows, once they slow each other down it
//! shrinks. The time that the payment service takes does not count: a slow provider is no reason to begin fewer.

use std::{
    collections::VecDeque,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kit::{Fault, telemetry::metrics::figures};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

/// A checkout that takes longer of its own, as a multiple of what the quickest lately took, was slowed down by others.
/// The bounds: little is noise, and from some hundreds of milliseconds on a caller waits for too long, however slow the
/// database is by itself.
const SLOWED: u32 = 4;
const SLOW: RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_millis(500);
/// For how long the quickest is remembered: once to twice that.
const LATELY: Duration = Duration::from_secs(60);
/// How long a call waits for its turn.
const WAIT: Duration = Duration::from_millis(300);
/// The limit at first, and the least.
const FIRST: f64 = 16.0;
const LEAST: f64 = 8.0;
/// By how much a quick checkout moves the limit, until the first slow one and from then on, and by which part of it a
/// slow one does: a burst is met in as many checkouts as are under way, and of a steady load few are slow.
const START: f64 = 0.5;
const UP: f64 = 0.1;
const DOWN: f64 = 0.03;
/// How often the log says that calls are turned away.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Who may begin; cheap to clone.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limit: Limit,
    running: usize,
    waiting: VecDeque<oneshot::Sender<Place>>,
    refused: u64,
    logged: Option<Instant>,
}

impl Admission {
    /// Never more than `most` at the same time.
    pub fn new(most: u32) -> Self {
        let limit = Limit::new(most);
        let (waiting, refused, logged) = (VecDeque::new(), 0, None);
        Self(Arc::new(Mutex::new(State { limit, running: 0, waiting, refused, logged })))
    }

    /// A place, at once or after a moment's wait. Otherwise OVERLOADED, and when to come again.
    pub async fn enter(&self) -> Result<Place, Fault> {
        let turn = {
            let mut state = self.state();
            if state.running < state.limit.whole() {
                state.running += 1;
                return Ok(Place::new(self));
            }
            state.waiting.retain(|turn| !turn.is_closed());
            if state.waiting.len() >= state.limit.whole() {
                return Err(state.refuse());
            }
            let (send, turn) = oneshot::channel();
            state.waiting.push_back(send);
            turn
        };
        // A place that is sent in the moment in which its waiter gives up is dropped with the channel, and so free again.
        match timeout(WAIT, turn).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(self.state().refuse()),
        }
    }

    /// Gives a place to whoever waits longest, or keeps it free.
    fn leave(&self, own: Option<Duration>) {
        let mut state = self.state();
        if let Some(own) = own {
            let full = state.running >= state.limit.whole();
            state.limit.learn(own, full, Instant::now());
        }
        state.running -= 1;
        while state.running < state.limit.whole() {
            let Some(turn) = state.waiting.pop_front() else { return };
            match turn.send(Place::new(self)) {
                Ok(()) => state.running += 1,
                // It waits no longer. The place is emptied before it is dropped, because its drop takes the lock that is
                // held here.
                Err(mut place) => drop(place.admission.take()),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refuse(&mut self) -> Fault {
        self.refused += 1;
        figures::limited("checkouts");
        if self.logged.is_none_or(|logged| logged.elapsed() >= LOG_EVERY) {
            self.logged = Some(Instant::now());
            let (under_way, refused) = (self.running, std::mem::take(&mut self.refused));
            tracing::warn!(under_way, refused, "checkout.overloaded");
        }
        // Not all at the same moment.
        let again = Duration::from_millis(rand::random_range(1_000..2_000));
        let mut fault = Fault::overloaded("more orders are placed than can be handled: try again soon");
        fault.retry_after = Some(again);
        fault
    }
}

/// A checkout's place among those under way; free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    admission: Option<Admission>,
    since: Instant,
    own: Option<Duration>,
}

impl Place {
    fn new(admission: &Admission) -> Self {
        Self { admission: Some(admission.clone()), since: Instant::now(), own: None }
    }

    /// The checkout has come to rest, after so much time that others took.
    pub fn done(mut self, elsewhere: Duration) {
        self.own = Some(self.since.elapsed().saturating_sub(elsewhere));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(admission) = self.admission.take() {
            admission.leave(self.own);
        }
    }
}

/// How many may be under way.
#[derive(Debug)]
struct Limit {
    now: f64,
    least: f64,
    most: f64,
    /// None was slow yet.
    starting: bool,
    /// The quickest since then, and of the time before.
    since: Instant,
    quickest: [Duration; 2],
}

impl Limit {
    fn new(most: u32) -> Self {
        let most = f64::from(most.max(1));
        let (since, quickest) = (Instant::now(), [Duration::MAX; 2]);
        Self { now: FIRST.min(most), least: LEAST.min(most), most, starting: true, since, quickest }
    }

    fn whole(&self) -> usize {
        self.now as usize
    }

    /// One took so long of its own; `full` is whether as many were under way as may be.
    fn learn(&mut self, own: Duration, full: bool, now: Instant) {
        if now.duration_since(self.since) >= LATELY {
            (self.since, self.quickest) = (now, [Duration::MAX, self.quickest[0]]);
        }
        self.quickest[0] = self.quickest[0].min(own);
        let slow = self.quickest[0].min(self.quickest[1]).saturating_mul(SLOWED);
        let step = match (own > slow.clamp(*SLOW.start(), *SLOW.end()), full) {
            (true, _) => {
                self.starting = false;
                -DOWN * self.now
            }
            (false, true) if self.starting => START,
            (false, true) => UP,
            // Nobody knows what more would do.
            (false, false) => 0.0,
        };
        self.now = (self.now + step).clamp(self.least, self.most);
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn so_many_enter_as_many_wait_and_the_others_are_refused_at_once() {
        let admission = Admission::new(2);
        let places = [admission.enter().await.unwrap(), admission.enter().await.unwrap()];
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let admission = admission.clone();
                tokio::spawn(async move { admission.enter().await })
            })
            .collect();
        while admission.state().waiting.len() < 2 {
            tokio::task::yield_now().await;
        }
        let asked = Instant::now();
        let refused = admission.enter().await.unwrap_err();
        assert_eq!((refused.code, refused.reason.as_str()), (Code::Unavailable, "OVERLOADED"));
        assert!(refused.retry_after.is_some() && asked.elapsed() < WAIT / 2);
        drop(places);
        for turn in waiting {
            drop(turn.await.unwrap().unwrap());
        }
        assert_eq!(admission.state().running, 0);
    }

    #[tokio::test]
    async fn whoever_waits_in_vain_is_refused_and_takes_no_place() {
        let admission = Admission::new(1);
        let place = admission.enter().await.unwrap();
        assert_eq!(admission.enter().await.unwrap_err().reason.as_str(), "OVERLOADED");
        drop(place);
        assert_eq!(admission.state().running, 0);
        admission.enter().await.unwrap();
    }

    /// Learns from a thousand checkouts.
    fn learn(limit: &mut Limit, own: impl Fn(u32) -> u64, full: bool) {
        (0..1_000).for_each(|turn| limit.learn(Duration::from_millis(own(turn)), full, limit.since));
    }

    #[tokio::test]
    async fn the_limit_grows_while_checkouts_are_quick_and_shrinks_when_they_are_slow() {
        let mut limit = Limit::new(100);
        learn(&mut limit, |_| 20, true);
        assert_eq!(limit.whole(), 100);
        learn(&mut limit, |_| 1_000, true);
        assert_eq!(limit.whole(), LEAST as usize);
        learn(&mut limit, |_| 20, false);
        assert_eq!(limit.whole(), LEAST as usize, "a few that are quick say nothing of many");
        // Where every eighth is slow it comes to what 7 × UP and DOWN balance at.
        learn(&mut limit, |turn| if turn % 8 == 0 { 500 } else { 20 }, true);
        assert!((limit.now - 7.0 * UP / DOWN).abs() < 2.0, "{limit:?}");
    }

    #[tokio::test]
    async fn a_database_that_is_far_away_is_no_overload() {
        let mut limit = Limit::new(100);
        learn(&mut limit, |_| 400, true);
        assert_eq!(limit.whole(), 100);
        learn(&mut limit, |_| 501, true);
        assert_eq!(limit.whole(), LEAST as usize, "nobody waits for longer");
        // What was quick long ago says nothing any more.
        let mut limit = Limit::new(100);
        learn(&mut limit, |_| 20, true);
        for _ in 0..2 {
            limit.learn(Duration::from_millis(300), true, limit.since + LATELY);
        }
        let before = limit.now;
        limit.learn(Duration::from_millis(300), true, limit.since);
        assert!(limit.now >= before, "{limit:?}");
    }
}
