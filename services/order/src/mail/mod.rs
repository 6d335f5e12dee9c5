//! Mails to shoppers: placed, shipped, cancelled, refunded.
//!
//! The feeds of order and payment say what happened ([`queue_mails`]). Each event that a shopper is to hear of becomes a
//! row of its own before anything is sent ([`mails`]), so it is told once however often it is heard, and not
//! forgotten when the process dies. Any replica claims rows that are due, writes the mail ([`text`]) from the
//! order as it is then, and hands it to the [`Notifier`] ([`send_mails`]).

pub mod notifier;
mod options;
mod plain;
mod smtp;
pub mod text;

use std::sync::Arc;

use kit::{Context, StartError};
use tokio::sync::Notify;

pub use options::MailOptions;

use crate::{
    checkout::Saga,
    store::mails,
    work::{queue_mails, send_mails},
};

/// Starts following the feeds, and sending.
pub async fn start(saga: &Saga, context: &Context) -> Result<(), StartError> {
    let (options, news) = (&saga.options.mail, Arc::new(Notify::new()));
    let notifier = options.notifier()?;
    mails::release(&saga.db).await?;
    queue_mails::follow(saga, context, &news);
    let deliver = send_mails::Deliver {
        db: saga.db.clone(),
        remote: saga.remote.clone(),
        tasks: saga.tasks.clone(),
        signature: options.signature(),
        give_up: options.mail_give_up,
        notifier,
        news,
    };
    saga.tasks.keep("order.mail", deliver.run());
    Ok(())
}
