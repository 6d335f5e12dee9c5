//! What the tests of this crate and of the services share: throwaway databases, callers, requests as the layers
//! hand them on. No program reaches it, so none contains it. It panics where a test cannot go on.

mod calls;
mod database;
pub mod fail_points;

pub use calls::{anonymous, customer, keyed, request, service, staff};
pub use database::{Database, Server};
