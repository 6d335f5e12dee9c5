//! The background tasks.

pub mod sweep;

use kit::{Db, Tasks};

use crate::Options;

/// Starts them.
pub fn start(options: &Options, db: Db, tasks: &Tasks) {
    sweep::start(tasks, db, options.reservation_sweep);
}
