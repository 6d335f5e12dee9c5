//! The log of events on a fresh database.

mod events;
mod outlets;
