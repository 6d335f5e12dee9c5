//! Named background tasks. All of them run in every replica: what decides who does a piece of work is in each task.

mod announce;
mod events;
mod poll;
mod prune;

use crate::engine::Engine;

/// Starts them; they run until the process drains. `announce`: action URLs lead to this process.
pub fn start(engine: &Engine, announce: bool) {
    events::start(engine);
    prune::start(engine);
    poll::start(engine);
    if announce {
        announce::start(engine);
    }
}
