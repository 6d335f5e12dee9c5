//! The rules of baskets and orders: pure, without a database or a clock.

pub mod adjustment;
pub mod basket;
pub mod mail;
pub mod notes;
pub mod number;
pub mod payment;
pub mod pricing;
pub mod refund;
pub mod state;
pub mod step;
pub mod tax;
pub mod totals;

pub use adjustment::{Adjustment, AdjustmentKind};
pub use basket::{Article, Line, Offer};
pub use mail::{MailKind, MailState};
pub use payment::{Payment, PaymentState};
pub use refund::{GivenBack, Refunds};
pub use state::{Event, State};
pub use step::Step;
pub use totals::{Totals, totals};
