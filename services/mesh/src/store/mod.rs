//! Reading and writing events.

pub mod entities;
pub mod events;
pub mod lists;

pub use entities::event;
