//! A runtime for each core, for a process that hands calls on and does nothing else.
//!
//! A connection, and the calls that it makes, stay on one thread there: none wakes another core, and what many calls send to one
//! upstream goes out together. A process that works itself (databases, passwords) is better off with one runtime, whose
//! threads take each other's tasks.

use std::{
    cell::Cell,
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The most threads. Whoever has more cores runs more gateways.
const MOST: usize = 64;

thread_local! {
    /// Which worker's thread it is, from 1; 0 where it is no worker's.
    static PLACE: Cell<usize> = const { Cell::new(0) };
}

/// Threads that each run what is theirs; they end with the last clone.
#[derive(Clone)]
pub struct Workers(Arc<Inner>);

struct Inner {
    runtimes: Vec<Handle>,
    turn: AtomicUsize,
    _end: DropGuard,
}

impl Workers {
    /// Starts as many as there are cores for this process.
    pub fn start() -> io::Result<Self> {
        let end = CancellationToken::new();
        let count = thread::available_parallelism().map_or(1, usize::from).min(MOST);
        let start = |place: usize| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (handle, ended) = (runtime.handle().clone(), end.clone());
            let run = move || {
                PLACE.set(place);
                runtime.block_on(ended.cancelled());
                runtime.shutdown_background();
            };
            thread::Builder::new().name(format!("feira-worker-{place}")).spawn(run)?;
            Ok(handle)
        };
        let runtimes = (1..=count).map(start).collect::<io::Result<_>>()?;
        Ok(Self(Arc::new(Inner { runtimes, turn: AtomicUsize::new(0), _end: end.drop_guard() })))
    }

    /// The next in turn.
    pub(crate) fn next(&self) -> &Handle {
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        &self.0.runtimes[turn % self.0.runtimes.len()]
    }
}

/// Something that each worker has one of, made when it is first asked for; all threads that are no worker's share one.
pub struct PerWorker<T>(Box<[OnceLock<T>]>);

impl<T> Default for PerWorker<T> {
    fn default() -> Self {
        Self((0..=MOST).map(|_| OnceLock::new()).collect())
    }
}

impl<T> PerWorker<T> {
    /// That of the worker who asks.
    pub fn get(&self, make: impl FnOnce() -> T) -> &T {
        self.0[PLACE.get()].get_or_init(make)
    }
}

/// Whether a worker asks.
pub fn is_worker() -> bool {
    PLACE.get() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_worker_has_its_own() {
        let (workers, mine) = (Workers::start().unwrap(), Arc::new(PerWorker::default()));
        let count = workers.0.runtimes.len();
        let asks = |_| {
            let mine = mine.clone();
            workers.next().spawn(async move { mine.get(|| thread::current().id()).to_owned() })
        };
        let mut seen = Vec::new();
        for asked in (0..count * 3).map(asks).collect::<Vec<_>>() {
            seen.push(asked.await.unwrap());
        }
        // Each in its turn, and always what its own thread made.
        for (first, later) in seen[..count].iter().zip(seen[count..].chunks(count).flatten()) {
            assert!(seen[..count].iter().filter(|id| *id == first).count() == 1 && seen.contains(later));
        }
        assert!(*mine.get(|| thread::current().id()) == thread::current().id() && !is_worker());
    }
}
