//! `order.feed.*`: following the feeds of the other services.
//!
//! Every replica follows every feed, and all share one position, which only moves forward (`follow::advance`). An event is
//! handled and the position moved in one transaction. An event may still be handled more than once: by several replicas,
//! or again after a restart. Its effect then is there already: each handler judges by the order as it is, under its lock.

use contracts::mesh::FeedEvent;
use kit::{Call, Context, Fault, Role, follow};

use super::{article_feed, payment_feed, user_feed};
use crate::orders::Orders;

/// Starts following.
pub fn start(orders: &Orders, context: &Context) {
    for role in [Role::Payment, Role::Article, Role::User] {
        let (orders, tasks) = (orders.clone(), context.tasks.clone());
        let conn = context.mesh.conn(Role::Order, role);
        context.tasks.keep(format!("order.feed.{role}"), async move {
            let payments = payment_feed::Handler::new(&orders);
            let start = || async { follow::position(&orders.db, role.name()).await.map_err(Fault::from) };
            let handle = |event: FeedEvent| async {
                let handled = match role {
                    Role::Payment => payments.handle(event).await,
                    Role::Article => article_feed::handle(&orders, event).await,
                    _ => user_feed::handle(&orders, event).await,
                };
                handled.map_err(Fault::from)
            };
            follow::follow(tasks, conn, role, start, handle).await;
        });
    }
}

pub(super) fn own() -> Call {
    Call::of_service(Role::Order, "feed")
}
