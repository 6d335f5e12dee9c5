//! What a process does once: starts, listens, runs background tasks, reports its health, drains.

pub mod boot;
pub mod drain;
pub mod fail_point;
pub mod health;
pub mod instance;
pub mod listen;
pub mod reread;
pub mod start;
pub mod tasks;
