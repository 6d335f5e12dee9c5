//! The database's clock: what replicas of a role measure by.
//!
//! Leases, heartbeats and due times are written by one replica and compared by another. By their machines' clocks a
//! replica that is behind would have its checkouts taken from it while it works on them, and would count as dead; so
//! all of them follow their database server's clock, as far ahead of the machine's as it was last seen to be. What
//! other processes read (tokens, signatures of webhooks) stays with the machine's: there the two ends allow for a
//! difference (`--clock-leeway`). An embedded database has no clock but the machine's.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, Statement};

use super::Db;
use crate::{Clock, Time};

/// How often the clocks are compared.
pub(crate) const COMPARE: Duration = Duration::from_secs(10);
/// An answer that took longer says too little about when it was given.
const PROMPT: Duration = Duration::from_millis(250);
/// What is tried at the start before one that took longer counts all the same.
const TRIES: u32 = 3;

impl Db {
    /// Looks how far the server's clock is from the machine's. `start`: whatever is found counts.
    pub(crate) async fn compare_clocks(&self, start: bool) -> Result<(), DbErr> {
        let query = match self.0.backend {
            DatabaseBackend::Postgres => "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint",
            DatabaseBackend::MySql => "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
            _ => return Ok(()),
        };
        for attempt in 1..=TRIES {
            let (asked, here) = (Instant::now(), Clock::system().now());
            let answer = self.read().query_one_raw(Statement::from_string(self.0.backend, query)).await?;
            let took = asked.elapsed();
            if took > PROMPT && !(start && attempt == TRIES) {
                continue;
            }
            if let Some(row) = answer {
                // It was said somewhere in between.
                self.0.clock.adjust(Time(row.try_get_by_index(0)?), here + took / 2);
            }
            break;
        }
        Ok(())
    }
}
