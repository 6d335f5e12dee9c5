//! The background tasks.

pub mod sweep;
