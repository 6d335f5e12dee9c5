//! Reading and writing events.

pub mod entities;
pub mod events;
pub mod lists;
pub mod outlets;

pub use entities::event;
