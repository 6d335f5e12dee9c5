//! Connections that are kept at hand between one statement and the next.
//!
//! The driver's pool asks a connection whether it still lives before it takes it back: a round trip for every statement
//! outside a transaction, in a task of its own, which takes three times the statement's own time. Here a connection whose
//! statement succeeded, or whose transaction has ended, is put aside instead, for the next one. Up to half of the pool's connections are; whoever begins a
//! transaction and finds the pool empty gets them first. One that was not used for a while, or is not to be trusted,
//! goes back to the pool, which knows what to do with it.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{ConnAcquireErr, DatabaseBackend, DatabaseConnection, DbErr};

use super::{
    connection::Lent,
    pool::{IDLE, Trust},
    timing::Timing,
    waiting::Waiting,
};

/// How long one is kept at hand before the pool may look at it: for how old it is, above all.
const LONGEST: Duration = Duration::from_secs(60);

/// Does the same with the driver's pool.
macro_rules! with_pool {
    ($connections:expr, $it:ident => $work:expr) => {
        match $connections.get_database_backend() {
            DatabaseBackend::Postgres => {
                let $it = $connections.get_postgres_connection_pool();
                $work
            }
            DatabaseBackend::MySql => {
                let $it = $connections.get_mysql_connection_pool();
                $work
            }
            _ => {
                let $it = $connections.get_sqlite_connection_pool();
                $work
            }
        }
    };
}

/// The connections at hand.
#[derive(Debug)]
pub(super) struct Held {
    /// How many at the most.
    most: usize,
    state: Mutex<State>,
    /// How many wait for a connection of the pool.
    beginning: AtomicUsize,
    /// The same, and for how long.
    waiting: Waiting,
    /// How long anybody does.
    patience: Duration,
    timing: Timing,
}

/// How a pool's connections are used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Use {
    pub most: usize,
    pub idle: usize,
    pub used: usize,
    /// How many wait for one.
    pub waiting: usize,
}

#[derive(Debug, Default)]
struct State {
    free: Vec<Free>,
    closed: bool,
}

struct Free {
    lent: Lent,
    used: Instant,
}

impl std::fmt::Debug for Free {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "used {:?} ago", self.used.elapsed())
    }
}

impl Held {
    /// For a pool.
    pub fn of(connections: &DatabaseConnection, timing: Timing) -> Self {
        let (most, patience) = with_pool!(connections, pool => {
            (pool.options().get_max_connections(), pool.options().get_acquire_timeout())
        });
        let (state, beginning, waiting) = (Mutex::default(), AtomicUsize::new(0), Waiting::default());
        // The one writer of an embedded database, too.
        Self { most: (most as usize / 2).max(1), state, beginning, waiting, patience, timing }
    }

    /// A connection: one that is at hand, else one from the pool.
    pub async fn lend(&self, connections: &DatabaseConnection, trust: &Trust) -> Result<Lent, DbErr> {
        if let Some(lent) = self.at_hand(trust) {
            return Ok(lent);
        }
        // From here on none is put aside: where the pool has none left, the next that ends its work goes there, to
        // whoever waits. One that was put aside just before is found by this second look.
        let _waiting = Beginning::of(self);
        if let Some(lent) = self.at_hand(trust) {
            return Ok(lent);
        }
        let waiter = self.waiting.join(self.patience)?;
        match Lent::acquire(connections, &self.timing).await {
            Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) => Err(waiter.missed()),
            acquired => acquired,
        }
    }

    fn at_hand(&self, trust: &Trust) -> Option<Lent> {
        while let Some(free) = self.take() {
            // Out of the pool came only what was made after trust was lost: so the time since then will do for its age.
            let since = free.lent.age();
            if since < LONGEST && free.used.elapsed() < IDLE && trust.covers(since) {
                return Some(free.lent);
            }
        }
        None
    }

    /// Puts a connection aside whose statement succeeded.
    pub fn keep(&self, lent: Lent) {
        let mut state = self.state();
        // Under the lock: who waits for a connection says so first and looks here afterwards, so that a connection which is
        // put aside is seen, or is not put aside.
        let waiting = self.beginning.load(Ordering::SeqCst) > 0;
        if waiting {
            self.waiting.served();
        }
        let wanted = state.closed || waiting;
        if !wanted && state.free.len() < self.most {
            state.free.push(Free { lent, used: Instant::now() });
        }
    }

    /// Begins a transaction of the driver's own on a connection from the pool, which is not kept from those at hand.
    pub async fn beginning<T>(
        &self,
        connections: &DatabaseConnection,
        begin: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let beginning = Beginning::of(self);
        let (idle, size, most) = with_pool!(connections, pool => {
            (pool.num_idle(), pool.size() as usize, pool.options().get_max_connections() as usize)
        });
        let there = idle + most.saturating_sub(size);
        self.release(beginning.number.saturating_sub(there));
        begin.await
    }

    /// How the pool's connections are used right now.
    pub fn usage(&self, connections: &DatabaseConnection) -> Use {
        let (idle, size, most) = with_pool!(connections, pool => {
            (pool.num_idle(), pool.size() as usize, pool.options().get_max_connections() as usize)
        });
        let idle = (idle + self.state().free.len()).min(size);
        Use { most, idle, used: size - idle, waiting: self.beginning.load(Ordering::SeqCst) }
    }

    /// Gives so many of those at hand back to the pool.
    fn release(&self, number: usize) {
        let mut state = self.state();
        let left = state.free.len().saturating_sub(number);
        let released = state.free.split_off(left);
        drop(state);
        drop(released);
    }

    /// Gives all back to the pool, and keeps none from now on.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.free.clear();
    }

    fn take(&self) -> Option<Free> {
        self.state().free.pop()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The driver gives a connection back in a task, and panics where there is no runtime for it: at the very end of a
        // process, which closes its connections anyway.
        if tokio::runtime::Handle::try_current().is_err() {
            let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            state.free.drain(..).for_each(std::mem::forget);
        }
    }
}

/// Somebody who waits for a connection of the pool, until it is there or is given up.
struct Beginning<'h> {
    held: &'h Held,
    /// How many do.
    number: usize,
}

impl<'h> Beginning<'h> {
    fn of(held: &'h Held) -> Self {
        Self { held, number: held.beginning.fetch_add(1, Ordering::SeqCst) + 1 }
    }
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        self.held.beginning.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests;
