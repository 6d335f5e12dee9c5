//! The memory in which passwords are hashed: at most as many pieces as there are turns, each used again by later turns.
//!
//! One hash fills 19 MiB. Allocated anew by each, they cost the kernel 4,900 page faults a hash, and an allocator may keep
//! what was freed for each thread that ever hashed. Here what is not used any more is given back, and nothing else is kept.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use argon2::Block;
use kit::Fault;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How long somebody may wait for a turn. Whoever would wait longer is refused at once: a queue that grows makes
/// everybody wait and then answers nobody in time.
const PATIENCE: Duration = Duration::from_secs(2);
/// Those who wait at most, however quick turns are.
const WAITING: usize = 2_000;

/// Turns at hashing; cheap to clone.
#[derive(Clone)]
pub struct Turns {
    turns: Arc<Semaphore>,
    /// Pieces that no turn uses now, the one used last at the end.
    idle: Arc<Mutex<Vec<Piece>>>,
    /// Blocks of a piece that is kept.
    size: usize,
    queue: Arc<Queue>,
}

/// Those who wait for a turn.
struct Queue {
    /// Turns at once.
    turns: usize,
    patience: Duration,
    waiting: AtomicUsize,
    /// Microseconds that turns took lately; 0 before the first.
    took: AtomicU64,
}

/// Somebody who waits, for as long as this lives.
struct Place<'a>(&'a Queue);

impl Queue {
    /// A place at the end, unless its turn would come too late.
    fn enter(&self) -> Option<Place<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(self);
        let wait = before as u64 * self.took.load(Ordering::Relaxed) / self.turns.max(1) as u64;
        (before < WAITING && wait <= self.patience.as_micros() as u64).then_some(place)
    }

    /// A turn took so long: an eighth of what is known from now on.
    fn learn(&self, took: Duration) {
        let (took, known) = (took.as_micros() as u64, self.took.load(Ordering::Relaxed));
        let known = if known == 0 { took } else { known - known / 8 + took / 8 };
        self.took.store(known.max(1), Ordering::Relaxed);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One hash's memory.
struct Piece {
    blocks: Vec<Block>,
    used: Instant,
}

/// A turn with its memory, which goes back when it ends.
pub struct Turn {
    blocks: Vec<Block>,
    of: Turns,
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    /// So many at once, with pieces of so many blocks (1 KiB each).
    pub fn new(count: usize, size: usize) -> Self {
        Self::with_patience(count, size, PATIENCE)
    }

    fn with_patience(count: usize, size: usize, patience: Duration) -> Self {
        let queue = Queue { turns: count, patience, waiting: AtomicUsize::new(0), took: AtomicU64::new(0) };
        let (turns, queue) = (Arc::new(Semaphore::new(count)), Arc::new(queue));
        Self { turns, idle: Arc::default(), size, queue }
    }

    /// Waits for a turn; OVERLOADED where it would not come soon.
    pub async fn next(&self) -> Result<Turn, Fault> {
        let overloaded = || Fault::overloaded("too many passwords wait to be checked");
        let place = self.queue.enter().ok_or_else(overloaded)?;
        // By the clock, too: turns may have become slower.
        let permit = timeout(self.queue.patience, self.turns.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| overloaded())?.map_err(Fault::internal)?;
        drop(place);
        // The piece used last: under little load the others are left alone, and are given back.
        let blocks = self.idle().pop().map_or_else(Vec::new, |piece| piece.blocks);
        Ok(Turn { blocks, of: self.clone(), since: Instant::now(), _permit: permit })
    }

    /// Gives back what no turn has used for so long.
    pub fn release(&self, unused: Duration) {
        self.idle().retain(|piece| piece.used.elapsed() < unused);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Piece>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub fn kept(&self) -> usize {
        self.idle().len()
    }
}

impl Turn {
    /// At least so many blocks, with whatever is in them: hashing writes each before it reads it.
    pub fn blocks(&mut self, count: usize) -> Result<&mut [Block], Fault> {
        if self.blocks.len() < count {
            // The smaller ones go first, so that no turn ever has two pieces.
            self.blocks = Vec::new();
            self.blocks.try_reserve_exact(count).map_err(Fault::internal)?;
            self.blocks.resize(count, Block::new());
        }
        Ok(&mut self.blocks)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.of.queue.learn(self.since.elapsed());
        // A hash that was made under other settings may have needed more: that is not kept.
        let blocks = std::mem::take(&mut self.blocks);
        if !blocks.is_empty() && blocks.len() <= self.of.size {
            // Before the permit, which is dropped after this: whoever gets the turn finds the piece, and makes no other.
            self.of.idle().push(Piece { blocks, used: Instant::now() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_used_any_more_is_given_back() {
        let turns = Turns::new(2, 16);
        let (mut one, mut two) = (turns.next().await.unwrap(), turns.next().await.unwrap());
        assert_eq!((one.blocks(16).unwrap().len(), two.blocks(16).unwrap().len()), (16, 16));
        drop((one, two));
        assert_eq!(turns.kept(), 2);
        turns.release(Duration::from_secs(3600));
        assert_eq!(turns.kept(), 2);
        turns.release(Duration::ZERO);
        assert_eq!(turns.kept(), 0);
    }

    #[tokio::test]
    async fn whoever_would_wait_too_long_is_refused_at_once_and_the_others_have_their_turn() {
        let turns = Turns::new(2, 16);
        turns.queue.learn(Duration::from_millis(100));
        let held = [turns.next().await.unwrap(), turns.next().await.unwrap()];
        // 40 turns of 100 ms, two at once, are 2 s.
        let waiting: Vec<_> = (0..=40)
            .map(|_| {
                let turns = turns.clone();
                tokio::spawn(async move { turns.next().await.map(drop) })
            })
            .collect();
        while turns.queue.waiting.load(Ordering::Relaxed) < 41 {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        let refused = turns.next().await.err().unwrap();
        assert_eq!(refused.reason, kit::Reason::Overloaded);
        assert!(began.elapsed() < PATIENCE / 2);
        drop(held);
        for turn in waiting {
            turn.await.unwrap().unwrap();
        }
        assert_eq!(turns.queue.waiting.load(Ordering::Relaxed), 0);
        turns.next().await.unwrap();
    }

    #[tokio::test]
    async fn turns_that_have_become_slow_are_not_waited_for() {
        let turns = Turns::with_patience(1, 16, Duration::from_millis(20));
        let _held = turns.next().await.unwrap();
        assert_eq!(turns.next().await.err().unwrap().reason, kit::Reason::Overloaded);
        assert_eq!(turns.queue.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn little_load_uses_one_piece_and_what_was_larger_is_not_kept() {
        let turns = Turns::new(2, 16);
        for _ in 0..3 {
            turns.next().await.unwrap().blocks(16).unwrap();
            assert_eq!(turns.kept(), 1);
        }
        turns.next().await.unwrap().blocks(17).unwrap();
        assert_eq!(turns.kept(), 0);
        drop(turns.next().await.unwrap());
        assert_eq!(turns.kept(), 0, "a turn that hashed nothing has nothing to give back");
    }
}
