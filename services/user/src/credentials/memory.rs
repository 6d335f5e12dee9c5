//! The memory in which passwords are hashed: at most as many pieces as there are turns, each used again by later turns.
//!
//! One hash fills 19 MiB. Allocated anew by each, they cost the kernel 4,900 page faults a hash, and an allocator may keep
//! what was freed for each thread that ever hashed. Here what is not used any more is given back, and nothing else is kept.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use argon2::Block;
use kit::Fault;

use super::queue::{PATIENCE, Queue, Slot, Standing};

/// Turns at hashing; cheap to clone.
#[derive(Clone)]
pub struct Turns {
    queue: Queue,
    /// Pieces that no turn uses now, the one used last at the end.
    idle: Arc<Mutex<Vec<Piece>>>,
    /// Blocks of a piece that is kept.
    size: usize,
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
    _slot: Slot,
}

impl Turns {
    /// So many at once, with pieces of so many blocks (1 KiB each).
    pub fn new(count: usize, size: usize) -> Self {
        Self::with_patience(count, size, PATIENCE)
    }

    fn with_patience(count: usize, size: usize, patience: Duration) -> Self {
        Self { queue: Queue::new(count, patience), idle: Arc::default(), size }
    }

    /// Waits for a turn; OVERLOADED where it would not come soon.
    pub async fn next(&self, standing: Standing) -> Result<Turn, Fault> {
        let slot = self.queue.enter(standing).await?;
        // The piece used last: under little load the others are left alone, and are given back.
        let blocks = self.idle().pop().map_or_else(Vec::new, |piece| piece.blocks);
        Ok(Turn { blocks, of: self.clone(), since: Instant::now(), _slot: slot })
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
            // Before the slot, which is dropped after this: whoever gets the turn finds the piece, and makes no other.
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
        let (mut one, mut two) =
            (turns.next(Standing::OWN).await.unwrap(), turns.next(Standing::OWN).await.unwrap());
        assert_eq!((one.blocks(16).unwrap().len(), two.blocks(16).unwrap().len()), (16, 16));
        drop((one, two));
        assert_eq!(turns.kept(), 2);
        turns.release(Duration::from_secs(3600));
        assert_eq!(turns.kept(), 2);
        turns.release(Duration::ZERO);
        assert_eq!(turns.kept(), 0);
    }

    #[tokio::test]
    async fn turns_that_have_become_slow_are_not_waited_for() {
        let turns = Turns::with_patience(1, 16, Duration::from_millis(20));
        let _held = turns.next(Standing::OWN).await.unwrap();
        assert_eq!(turns.next(Standing::OWN).await.err().unwrap().reason, kit::Reason::Overloaded);
        assert_eq!(turns.queue.waiting(), 0);
    }

    #[tokio::test]
    async fn little_load_uses_one_piece_and_what_was_larger_is_not_kept() {
        let turns = Turns::new(2, 16);
        for _ in 0..3 {
            turns.next(Standing::OWN).await.unwrap().blocks(16).unwrap();
            assert_eq!(turns.kept(), 1);
        }
        turns.next(Standing::OWN).await.unwrap().blocks(17).unwrap();
        assert_eq!(turns.kept(), 0);
        drop(turns.next(Standing::OWN).await.unwrap());
        assert_eq!(turns.kept(), 0, "a turn that hashed nothing has nothing to give back");
    }
}
