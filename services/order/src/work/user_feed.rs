//! `order.feed.user`: the erasure of users.

use contracts::{mesh::FeedEvent, user::UserErased};
use kit::{
    Role, Scope, Tx, follow,
    id::{OrderId, UserId},
};

use super::feeds::{Passed, own};
use crate::{
    checkout::{ClaimEnd, settle},
    domain::{Event, State, notes},
    error::Error,
    orders::Orders,
    store::{self, Record},
};

/// A user was erased: what the user has not paid for is cancelled, addresses go as soon as they are not needed.
pub(super) async fn handle(orders: &Orders, passed: &Passed, event: FeedEvent) -> Result<(), Error> {
    let position = event.position;
    let erased = follow::event::<UserErased>(&event);
    let Some(user) = erased.and_then(|erased| erased.user_id.parse::<UserId>().ok()) else {
        return passed.go_past(orders, position).await;
    };
    let call = own();
    let erased = orders.db.transact(&call, (), move |tx, _| async move {
        follow::advance(&tx, Role::User.name(), position).await?;
        erase(&tx, user).await
    });
    for (id, events) in erased.await? {
        orders.watchers.notify(id, events);
        let of_task = orders.clone();
        orders.tasks.spawn(async move { of_task.compensate(&own(), id).await });
    }
    Ok(())
}

async fn erase(tx: &Tx, user: UserId) -> Result<Vec<(OrderId, i64)>, Error> {
    let mut cancelled = Vec::new();
    tx.forget_answers(user).await?;
    for id in store::of_user(&**tx, user).await? {
        let mut record = Record::lock(tx, id, Scope::All).await?;
        record.order.user_erased = true;
        store::forget_words(tx, id).await?;
        match record.order.state {
            State::Open | State::CheckingOut | State::AwaitingPayment => {
                record.forget_unpaid();
                record.apply(Event::Cancel, notes::ACCOUNT_CLOSED)?;
                // As a cancellation does: a driver that is at work loses its lease.
                record.lease(tx.now());
                store::mark_all(tx, id).await?;
                let view = settle(tx, record, ClaimEnd::Answer).await?;
                cancelled.push((id, view.order.events));
            }
            state => {
                // What is on its way still needs its address; it goes with the final state (`Record::apply`).
                if state.is_final() {
                    record.order.address = None;
                }
                record.save().await?;
            }
        }
    }
    Ok(cancelled)
}
