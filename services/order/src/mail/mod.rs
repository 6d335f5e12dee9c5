//! Mails to shoppers: placed, shipped, cancelled, refunded.
//!
//! The feeds of order and payment say what happened ([`news`]). Each event that a shopper is to hear of becomes a
//! row of its own before anything is sent ([`store`]), so it is told once however often it is heard, and not
//! forgotten when the process dies. Any replica claims rows that are due, writes the mail ([`text`]) from the
//! order as it is then, and hands it to the [`Notifier`] ([`deliver`]).

mod deliver;
mod news;
mod notifier;
mod options;
mod plain;
mod smtp;
mod store;
mod text;

use std::sync::Arc;

use kit::{Context, StartError};
use tokio::sync::Notify;

pub use options::MailOptions;

use crate::saga::Saga;

/// Starts following the feeds, and sending.
pub async fn start(saga: &Saga, context: &Context) -> Result<(), StartError> {
    let (options, news) = (&saga.options.mail, Arc::new(Notify::new()));
    let notifier = options.notifier()?;
    store::release(&saga.db).await?;
    news::follow(saga, context, &news);
    let deliver = deliver::Deliver {
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
