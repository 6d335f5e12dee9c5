//! Mails to shoppers: placed, shipped, cancelled, refunded.
//!
//! Each event that a shopper is to hear of has a row of its own, stored in the transaction that records the event
//! (`store::mails`), so it is said once, and not forgotten when the process dies. Any replica claims rows that are due, writes the mail ([`text`]) from the order as
//! it is then, and hands it to the [`notifier`] (`work::send_mails`).

pub mod text;

pub use kit::mail::{AT_ONCE, MailOptions, notifier};
