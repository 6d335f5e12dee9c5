//! What the tests of this crate and of the services share: throwaway databases, callers, requests as the layers
//! hand them on. No program reaches it, so none contains it. It panics where a test cannot go on.

mod calls;
#[cfg(feature = "database")]
mod database;
pub mod fail_points;

pub use calls::{anonymous, customer, keyed, request, service, staff};
#[cfg(feature = "database")]
pub use database::{Database, Server};
