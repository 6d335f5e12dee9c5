//! Background tasks.

pub mod feeds;
pub mod queue_mails;
pub mod send_mails;
pub mod sweep;
pub mod watch;
