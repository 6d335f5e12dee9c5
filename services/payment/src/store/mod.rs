//! The tables, and the queries over them.

pub mod dispute;
pub mod entry;
pub mod history;
pub mod ledger;
pub mod listing;
pub mod payment;
pub mod payments;
pub mod provider_event;
pub mod refund;
pub mod refunds;

pub use dispute::Dispute;
pub use payment::Model as Payment;
pub use refund::Model as Refund;
