//! The checkouts that this process drives, so that it spends nothing on the events of their payments.
//!
//! A driver has each answer of the payment service at first hand. What its payment's feed brings meanwhile is kept, and
//! looked at when the driver has ended; what it brings later, the driver has mostly stored already. Both are known in
//! memory alone: another replica, or this one after a restart, judges an event by the order that is stored.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kit::{
    Time,
    id::{OrderId, PaymentId},
};

use crate::domain::Payment;

/// Payments of which it is known what was stored last.
const STORED: usize = 4_096;

/// The checkouts that this process drives; cheap to clone.
#[derive(Clone)]
pub struct Driven(Arc<Inner>);

struct Inner {
    orders: Mutex<HashMap<OrderId, Entry>>,
    stored: quick_cache::sync::Cache<PaymentId, Time>,
}

#[derive(Default)]
struct Entry {
    /// More than one where a lease was lost and taken over by the same process.
    drivers: usize,
    newest: Option<Payment>,
}

impl Default for Driven {
    fn default() -> Self {
        Self(Arc::new(Inner { orders: Mutex::default(), stored: quick_cache::sync::Cache::new(STORED) }))
    }
}

impl Driven {
    fn orders(&self) -> MutexGuard<'_, HashMap<OrderId, Entry>> {
        self.0.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A driver begins; it has ended when the guard is dropped, also by a panic.
    pub fn begin(&self, order: OrderId) -> Driver {
        self.orders().entry(order).or_default().drivers += 1;
        Driver { driven: self.clone(), order, ended: false }
    }

    /// A driver has committed what an update of a payment means.
    pub fn stored(&self, payment: PaymentId, update_time: Time) {
        self.0.stored.insert(payment, update_time);
    }

    /// Whether an event of a payment's feed changes nothing now: its update was stored, or a driver is at the payment's
    /// order, which gets it when it ends.
    pub fn takes(&self, payment: &Payment) -> bool {
        if self.0.stored.get(&payment.id).is_some_and(|stored| stored >= payment.update_time) {
            return true;
        }
        let mut orders = self.orders();
        let Some(entry) = orders.get_mut(&payment.order_id) else { return false };
        if entry.newest.as_ref().is_none_or(|newest| newest.update_time <= payment.update_time) {
            entry.newest = Some(payment.clone());
        }
        true
    }
}

/// One driver of an order's checkout.
pub struct Driver {
    driven: Driven,
    order: OrderId,
    ended: bool,
}

impl Driver {
    /// It has ended: the newest update of the payment that came meanwhile, unless that was stored.
    pub fn end(mut self) -> Option<Payment> {
        self.ended = true;
        let newest = self.leave()?;
        let stored = self.driven.0.stored.get(&newest.id);
        (stored.is_none_or(|stored| stored < newest.update_time)).then_some(newest)
    }

    fn leave(&self) -> Option<Payment> {
        let mut orders = self.driven.orders();
        let entry = orders.get_mut(&self.order)?;
        entry.drivers -= 1;
        let newest = entry.newest.take();
        if entry.drivers == 0 {
            orders.remove(&self.order);
        }
        newest
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.ended {
            self.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PaymentState;

    #[test]
    fn what_comes_while_an_order_is_driven_is_there_at_the_end() {
        let driven = Driven::default();
        let at = |time| Payment { update_time: Time(time), ..Payment::in_state(PaymentState::Captured) };
        let first = at(1);
        let of = |time| Payment { update_time: Time(time), ..first.clone() };
        assert!(!driven.takes(&of(1)));
        let (one, other) = (driven.begin(first.order_id), driven.begin(first.order_id));
        assert!(driven.takes(&of(3)) && driven.takes(&of(2)));
        assert!(!driven.takes(&at(9)), "of another order");
        assert_eq!(one.end().map(|payment| payment.update_time), Some(Time(3)));
        assert!(driven.takes(&of(4)));
        driven.stored(first.id, Time(4));
        assert!(other.end().is_none(), "it was stored");
        assert!(driven.takes(&of(4)) && !driven.takes(&of(5)));
        let dropped = driven.begin(first.order_id);
        assert!(driven.takes(&of(6)));
        drop(dropped);
        assert!(!driven.takes(&of(6)));
        assert!(driven.orders().is_empty());
    }
}
