//! Reading and writing events, webhooks and deliveries.

pub mod deliveries;
pub mod entities;
pub mod events;
pub mod lists;
pub mod outlets;
pub mod webhooks;

pub use entities::event;
