//! The simulated provider: an HTTP server of its own that plays a payment provider. What it knows is kept in
//! two tables of the payment database, so that it survives restarts and replicas share it.

mod actions;
mod api;
mod charge;
mod fault;
mod ports;
mod serve;
mod store;
mod webhook;

pub use api::{Simulator, Webhooks};
pub use charge::METHODS;
pub use ports::{PAGES_BELOW, Ports, Reach};
pub use serve::serve;
