//! The rules of baskets and orders: pure, without a database or a clock.

pub mod adjustment;
pub mod basket;
pub mod notes;
pub mod number;
pub mod refund;
pub mod saga;
pub mod state;
pub mod tax;
pub mod totals;

pub use adjustment::Adjustment;
pub use basket::{Line, Offer};
pub use refund::{GivenBack, Refunds};
pub use saga::Step;
pub use state::{Event, State, next};
pub use totals::{Totals, totals};
