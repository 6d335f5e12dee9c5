//! `order.watch`: who watches which order.
//!
//! A commit in this process wakes its watchers at once. What other replicas commit is found by one query
//! every 250 ms over all the orders watched here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kit::{Db, id::OrderId};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use tokio::sync::watch;

use crate::{orders::Orders, store::order};

const POLL: Duration = Duration::from_millis(250);

/// Starts looking for what other replicas commit.
pub fn start(orders: &Orders) {
    let (watchers, db) = (orders.watchers.clone(), Db::clone(&orders.db));
    orders.tasks.every("order.watch", POLL, move || {
        let (watchers, db) = (watchers.clone(), db.clone());
        async move { watchers.poll(&db).await }
    });
}

/// The orders watched in this process, and the newest event known of each.
#[derive(Clone, Default)]
pub struct Watchers(Arc<Mutex<HashMap<OrderId, watch::Sender<i64>>>>);

impl Watchers {
    fn orders(&self) -> MutexGuard<'_, HashMap<OrderId, watch::Sender<i64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches an order: the receiver sees the number of its newest event.
    pub fn subscribe(&self, id: OrderId) -> watch::Receiver<i64> {
        self.orders().entry(id).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// An order has so many events now. The number never goes back, whichever of two commits is notified first.
    pub fn notify(&self, id: OrderId, events: i64) {
        let mut orders = self.orders();
        if let Some(sender) = orders.get(&id) {
            if sender.receiver_count() == 0 {
                orders.remove(&id);
            } else {
                sender.send_if_modified(|newest| {
                    let newer = events > *newest;
                    *newest = events.max(*newest);
                    newer
                });
            }
        }
    }

    async fn poll(&self, db: &Db) -> Result<(), DbErr> {
        let ids: Vec<OrderId> = {
            let mut orders = self.orders();
            orders.retain(|_, sender| sender.receiver_count() > 0);
            orders.keys().copied().collect()
        };
        for some in ids.chunks(500) {
            let query = order::Entity::find()
                .select_only()
                .columns([order::Column::Id, order::Column::Events])
                .filter(order::Column::Id.is_in(some.iter().copied()));
            let rows = query.into_tuple::<(OrderId, i64)>().all(db.read()).await?;
            rows.into_iter().for_each(|(id, events)| self.notify(id, events));
        }
        Ok(())
    }
}
