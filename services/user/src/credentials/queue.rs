//! Who waits for a turn at hashing, in two lines: whoever is known at where the call comes from, or signed in, goes before
//! strangers. So a flood of guesses makes guessers wait, and nobody else.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kit::{Call, Fault};
use tokio::{sync::oneshot, time::timeout};

/// How long somebody may wait for a turn. Whoever would wait longer is refused at once: a queue that grows makes
/// everybody wait and then answers nobody in time.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Those who wait at most in each line, however quick turns are.
const WAITING: usize = 2_000;
/// Of so many turns one is a stranger's, however many are known: nobody is kept out for good.
const SHARE: u32 = 4;

/// Who wants a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Goes before strangers.
    known: bool,
    /// For how long there is somebody who waits for the answer.
    left: Option<Duration>,
}

impl Standing {
    /// Of the shop itself.
    pub const OWN: Self = Self { known: true, left: None };

    /// Of a caller: whoever is signed in is known.
    pub fn of(call: &Call) -> Self {
        Self::of_stranger(call).known_if(call.caller().user().is_some() || call.caller().is_service())
    }

    /// Of a caller of whom nothing counts that they say: being signed in says nothing of somebody else's password.
    pub fn of_stranger(call: &Call) -> Self {
        Self { known: false, left: call.time_left() }
    }

    /// The same of somebody who is known otherwise.
    #[must_use]
    pub fn known_if(self, known: bool) -> Self {
        Self { known: self.known || known, ..self }
    }
}

/// Turns, and those who wait for them; cheap to clone.
#[derive(Clone)]
pub struct Queue(Arc<Mutex<State>>);

struct State {
    /// Turns at once.
    turns: usize,
    running: usize,
    patience: Duration,
    known: VecDeque<oneshot::Sender<Slot>>,
    strangers: VecDeque<oneshot::Sender<Slot>>,
    /// Turns that known ones have had while strangers waited.
    before: u32,
    /// Microseconds that turns took lately; 0 before the first.
    took: u64,
}

/// A turn; the next one's when it is dropped.
pub struct Slot(Option<Queue>);

impl Queue {
    /// So many turns at once, each waited for as long as that.
    pub fn new(turns: usize, patience: Duration) -> Self {
        let (known, strangers) = (VecDeque::new(), VecDeque::new());
        Self(Arc::new(Mutex::new(State {
            turns,
            running: 0,
            patience,
            known,
            strangers,
            before: 0,
            took: 0,
        })))
    }

    /// Waits for a turn; OVERLOADED at once where it would come too late.
    pub async fn enter(&self, standing: Standing) -> Result<Slot, Fault> {
        let overloaded = || Fault::overloaded("too many passwords wait to be checked");
        let (turn, patience) = {
            let mut state = self.state();
            if state.running < state.turns {
                state.running += 1;
                return Ok(Slot(Some(self.clone())));
            }
            let patience = standing.left.unwrap_or(Duration::MAX).min(state.patience);
            if !state.has_room(standing.known, patience) {
                return Err(overloaded());
            }
            let (send, turn) = oneshot::channel();
            state.line(standing.known).push_back(send);
            (turn, patience)
        };
        // By the clock, too: turns may have become slower. A slot that is sent as the wait ends is dropped with the channel,
        // and so goes to the next.
        match timeout(patience, turn).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(overloaded()),
        }
    }

    /// A turn took so long: an eighth of what is known from now on.
    pub fn learn(&self, took: Duration) {
        let (mut state, took) = (self.state(), took.as_micros() as u64);
        let known = if state.took == 0 { took } else { state.took - state.took / 8 + took / 8 };
        state.took = known.max(1);
    }

    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        let state = self.state();
        state.known.iter().chain(&state.strangers).filter(|turn| !turn.is_closed()).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn line(&mut self, known: bool) -> &mut VecDeque<oneshot::Sender<Slot>> {
        if known { &mut self.known } else { &mut self.strangers }
    }

    /// Whether a turn would come in time for one more.
    fn has_room(&mut self, known: bool, patience: Duration) -> bool {
        for line in [&mut self.known, &mut self.strangers] {
            // Whoever waits no longer is before nobody.
            line.retain(|turn| !turn.is_closed());
        }
        let strangers = self.strangers.len() as u64;
        let before = match known {
            // A turn of each `SHARE` goes to a stranger in between.
            true => {
                let own = self.known.len() as u64;
                own + (own / u64::from(SHARE - 1)).min(strangers)
            }
            false => self.known.len() as u64 + strangers,
        };
        let wait = before.saturating_mul(self.took) / self.turns.max(1) as u64;
        self.line(known).len() < WAITING && u128::from(wait) <= patience.as_micros()
    }

    /// Whose turn it is.
    fn next(&mut self) -> Option<oneshot::Sender<Slot>> {
        let strangers_turn = self.known.is_empty() || self.before + 1 >= SHARE;
        if strangers_turn && let Some(next) = self.strangers.pop_front() {
            self.before = 0;
            return Some(next);
        }
        let next = self.known.pop_front();
        self.before = if self.strangers.is_empty() { 0 } else { self.before + 1 };
        next
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(queue) = self.0.take() else { return };
        let mut state = queue.state();
        while let Some(next) = state.next() {
            match next.send(Slot(Some(queue.clone()))) {
                Ok(()) => return,
                // It waits no longer. The slot is emptied before it is dropped, because its drop takes the lock that is held
                // here.
                Err(mut slot) => drop(slot.0.take()),
            }
        }
        state.running -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use kit::Reason;
    use tokio::{sync::mpsc, task::yield_now};

    use super::*;

    const STRANGER: Standing = Standing { known: false, left: None };

    fn within(standing: Standing, milliseconds: u64) -> Standing {
        Standing { left: Some(Duration::from_millis(milliseconds)), ..standing }
    }

    /// Has somebody wait, who says so when the turn has come.
    async fn wait(
        queue: &Queue,
        standing: Standing,
        name: &'static str,
        say: &mpsc::UnboundedSender<&'static str>,
    ) {
        let (queue, say, before) = (queue.clone(), say.clone(), queue.waiting());
        let waiting = queue.clone();
        tokio::spawn(async move {
            let slot = queue.enter(standing).await;
            let _ = say.send(if slot.is_ok() { name } else { "refused" });
        });
        while waiting.waiting() == before {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_is_known_goes_before_strangers_but_not_for_ever() {
        let queue = Queue::new(1, PATIENCE);
        let held = queue.enter(STRANGER).await.unwrap();
        let (say, mut heard) = mpsc::unbounded_channel();
        for _ in 0..3 {
            wait(&queue, STRANGER, "stranger", &say).await;
        }
        for _ in 0..7 {
            wait(&queue, Standing::OWN, "known", &say).await;
        }
        drop((held, say));
        let mut order = Vec::new();
        while let Some(name) = heard.recv().await {
            order.push(name);
        }
        let (known, stranger) = ("known", "stranger");
        let expected = [known, known, known, stranger, known, known, known, stranger, known, stranger];
        assert_eq!(order, expected);
        assert_eq!((queue.waiting(), queue.state().running), (0, 0));
    }

    #[tokio::test]
    async fn a_line_of_strangers_keeps_nobody_known_waiting() {
        let queue = Queue::new(2, PATIENCE);
        queue.learn(Duration::from_millis(100));
        let held = [queue.enter(STRANGER).await.unwrap(), queue.enter(STRANGER).await.unwrap()];
        let (say, mut heard) = mpsc::unbounded_channel();
        // 40 turns of 100 ms, two at once, are 2 s.
        for _ in 0..=40 {
            wait(&queue, STRANGER, "stranger", &say).await;
        }
        let began = Instant::now();
        assert_eq!(queue.enter(STRANGER).await.err().unwrap().reason, Reason::Overloaded);
        assert!(began.elapsed() < PATIENCE / 2);
        wait(&queue, Standing::OWN, "known", &say).await;
        drop(held);
        assert_eq!(heard.recv().await, Some("known"));
    }

    #[tokio::test]
    async fn whoever_would_be_answered_too_late_is_refused_at_once() {
        let queue = Queue::new(1, PATIENCE);
        queue.learn(Duration::from_millis(300));
        let held = queue.enter(STRANGER).await.unwrap();
        let (say, mut heard) = mpsc::unbounded_channel();
        wait(&queue, STRANGER, "stranger", &say).await;
        let began = Instant::now();
        assert!(queue.enter(within(STRANGER, 200)).await.is_err(), "one before it takes 300 ms");
        assert!(began.elapsed() < Duration::from_millis(100));
        wait(&queue, within(STRANGER, 1_000), "in time", &say).await;
        // Nobody known is before this one; but the turn that runs does not end.
        assert!(queue.enter(within(Standing::OWN, 20)).await.is_err());
        drop(held);
        assert_eq!([heard.recv().await, heard.recv().await], [Some("stranger"), Some("in time")]);
        assert_eq!((queue.waiting(), queue.state().running), (0, 0));
    }
}
