//! Named background tasks.

mod events;
mod poll;
