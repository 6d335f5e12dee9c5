//! Mails to shoppers: placed, shipped, cancelled, refunded.
//!
//! The feeds of order and payment say what happened (`work::queue_mails`). Each event that a shopper is to hear of becomes
//! a row of its own before anything is sent (`store::mails`), so it is said once however often its event is handled, and
//! not forgotten when the process dies. Any replica claims rows that are due, writes the mail ([`text`]) from the order as
//! it is then, and hands it to the [`notifier`] (`work::send_mails`).

pub mod text;

pub use kit::mail::{AT_ONCE, MailOptions, notifier};
