//! Background tasks, each by the name that logs, metrics and `ListInstances` show. Every replica runs all of them; what
//! keeps two of them apart is said at each.

pub(crate) mod article_feed;
mod feeds;
mod figures;
pub(crate) mod payment_feed;
mod send_mails;
pub(crate) mod sweep;
mod user_feed;
pub mod watch;

use kit::{Context, StartError};

use crate::orders::Orders;

/// Starts all of them.
///
/// | name | what |
/// |---|---|
/// | `order.watch` | finds what other replicas commit to orders that are watched here |
/// | `order.sweep` | goes on with checkouts, expiries and compensation that nobody is at |
/// | `order.feed.payment`, `.article`, `.user` | follows the other services |
/// | `order.mail` | sends mails that are due |
/// | `order.figures` | counts what waits, where metrics are read |
pub async fn start(orders: &Orders, context: &Context) -> Result<(), StartError> {
    watch::start(orders);
    feeds::start(orders, context);
    send_mails::start(orders).await?;
    sweep::start(orders);
    figures::start(orders);
    Ok(())
}
