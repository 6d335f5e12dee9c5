//! The rules of baskets and orders: pure, without a database or a clock.

pub mod basket;
pub mod saga;
pub mod state;

pub use basket::{Adjustment, Line, Offer, Totals};
pub use saga::Step;
pub use state::{Event, State, next};
