//! What a process does once: starts, listens, runs background tasks, reports its health, drains.

pub mod boot;
pub mod drain;
pub mod fail_point;
#[cfg(feature = "database")]
pub mod health;
#[cfg(feature = "database")]
pub mod instance;
pub mod listen;
pub mod reread;
#[cfg(feature = "database")]
pub mod service;
pub mod start;
pub mod tasks;
