//! `order.feed.*`: following the feeds of the other services.
//!
//! Every replica follows every feed, and all share one position, which only moves forward (`follow::advance`). An event is
//! handled and the position moved in one transaction. An event may still be handled more than once: by several replicas,
//! or again after a restart. Its effect then is there already: each handler judges by the order as it is, under its lock.
//!
//! Most of what feeds tell is for others: then only the position is written, and that now and then.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use contracts::mesh::FeedEvent;
use kit::{Call, Context, Fault, Role, Tx, follow};

use super::{article_feed, payment_feed, user_feed};
use crate::{error::Error, orders::Orders};

/// How long a position may stay unwritten while events change nothing.
const KEEP_POSITION: Duration = Duration::from_secs(1);

/// The position in a feed, as far as events change nothing.
pub(super) struct Passed {
    role: Role,
    /// When the position was written last.
    written: Mutex<Instant>,
}

impl Passed {
    pub fn new(role: Role) -> Self {
        Self { role, written: Mutex::new(Instant::now()) }
    }

    /// Goes past an event that changes nothing. It changes nothing after a restart, either: its position can wait.
    pub async fn go_past(&self, orders: &Orders, position: i64) -> Result<(), Error> {
        if !self.is_due() {
            return Ok(());
        }
        let name = self.role.name();
        let work =
            move |tx: Tx, _| async move { Ok(follow::advance(&tx, name, position).await.map(|_| ())?) };
        orders.db.transact(&own(), (), work).await
    }

    fn is_due(&self) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let due = written.elapsed() >= KEEP_POSITION;
        if due {
            *written = Instant::now();
        }
        due
    }
}

/// Starts following.
pub fn start(orders: &Orders, context: &Context) {
    for role in [Role::Payment, Role::Article, Role::User] {
        let (orders, tasks) = (orders.clone(), context.tasks.clone());
        let conn = context.mesh.conn(Role::Order, role);
        context.tasks.keep(format!("order.feed.{role}"), async move {
            let passed = Passed::new(role);
            let start = |_| async { follow::position(&orders.db, role.name()).await.map_err(Fault::from) };
            let handle = |event: FeedEvent| async {
                let handled = match role {
                    Role::Payment => payment_feed::handle(&orders, &passed, event).await,
                    Role::Article => article_feed::handle(&orders, &passed, event).await,
                    _ => user_feed::handle(&orders, &passed, event).await,
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
