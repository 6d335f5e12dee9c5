//! The payments whose checkouts this process drives, so that it spends nothing on their events.
//!
//! A driver has each answer of the payment service at first hand. What its payment's feed brings meanwhile is held, and
//! looked at when the driver has ended; what it brings later, the driver has mostly stored already. The feed's position
//! stays before an event that is held: if the process dies, it is read again, and judged by the order that is stored.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kit::{Time, id::PaymentId};

use crate::domain::Payment;

/// Payments of which it is known what was stored last.
const STORED: usize = 4_096;

/// The payments whose checkouts this process drives; cheap to clone.
#[derive(Clone)]
pub struct Driven(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    stored: quick_cache::sync::Cache<PaymentId, Time>,
}

#[derive(Default)]
struct State {
    driven: HashMap<PaymentId, Entry>,
    /// The positions of events that are held.
    held: BTreeSet<i64>,
}

#[derive(Default)]
struct Entry {
    /// More than one where a lease was lost and taken over by the same process.
    drivers: usize,
    newest: Option<Payment>,
    positions: Vec<i64>,
}

impl Default for Driven {
    fn default() -> Self {
        Self(Arc::new(Inner { state: Mutex::default(), stored: quick_cache::sync::Cache::new(STORED) }))
    }
}

impl Driven {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A driver begins; it has ended when the guard is dropped, also by a panic.
    pub fn begin(&self, payment: PaymentId) -> Driver {
        self.state().driven.entry(payment).or_default().drivers += 1;
        Driver { driven: self.clone(), payment, ended: false }
    }

    /// A driver has committed what an update of a payment means.
    pub fn stored(&self, payment: PaymentId, update_time: Time) {
        self.0.stored.insert(payment, update_time);
    }

    fn is_stored(&self, payment: &Payment) -> bool {
        self.0.stored.get(&payment.id).is_some_and(|stored| stored >= payment.update_time)
    }

    /// Whether an event of a payment's feed changes nothing now: its update was stored, or a driver is at the payment's
    /// checkout, which gets it when it ends.
    pub fn takes(&self, payment: &Payment, position: i64) -> bool {
        if self.is_stored(payment) {
            return true;
        }
        let mut state = self.state();
        let State { driven, held } = &mut *state;
        let Some(entry) = driven.get_mut(&payment.id) else { return false };
        if entry.newest.as_ref().is_none_or(|newest| newest.update_time <= payment.update_time) {
            entry.newest = Some(payment.clone());
        }
        entry.positions.push(position);
        held.insert(position);
        true
    }

    /// How far a feed counts as followed that has come to a position: not past what is held.
    pub fn followed(&self, position: i64) -> i64 {
        let first = self.state().held.first().copied();
        first.map_or(position, |first| position.min(first - 1))
    }
}

/// One driver of a payment's checkout.
pub struct Driver {
    driven: Driven,
    payment: PaymentId,
    ended: bool,
}

impl Driver {
    /// It has ended: the newest update of the payment that came meanwhile, unless that was stored.
    pub fn end(mut self) -> Option<Held> {
        self.ended = true;
        let held = self.leave()?;
        (!self.driven.is_stored(&held.payment)).then_some(held)
    }

    fn leave(&self) -> Option<Held> {
        let mut state = self.driven.state();
        let entry = state.driven.get_mut(&self.payment)?;
        entry.drivers -= 1;
        let (newest, positions) = (entry.newest.take(), std::mem::take(&mut entry.positions));
        if entry.drivers == 0 {
            state.driven.remove(&self.payment);
        }
        Some(Held { driven: self.driven.clone(), payment: newest?, positions })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A driver that panicked: what it held keeps the position where it is, until the process starts anew.
        if !self.ended
            && let Some(held) = self.leave()
        {
            std::mem::forget(held);
        }
    }
}

/// An update of a payment that no driver has stored. Its event counts as followed once this is dropped.
pub struct Held {
    driven: Driven,
    pub payment: Payment,
    positions: Vec<i64>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.driven.state();
        for position in &self.positions {
            state.held.remove(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PaymentState;

    #[test]
    fn what_comes_while_a_payment_is_driven_is_there_at_the_end() {
        let driven = Driven::default();
        let first = Payment { update_time: Time(1), ..Payment::in_state(PaymentState::Captured) };
        let of = |time| Payment { update_time: Time(time), ..first.clone() };
        assert!(!driven.takes(&first, 1));
        let (one, other) = (driven.begin(first.id), driven.begin(first.id));
        assert!(driven.takes(&of(3), 11) && driven.takes(&of(2), 12));
        assert!(!driven.takes(&Payment::in_state(PaymentState::Captured), 13), "another payment");
        assert_eq!((driven.followed(5), driven.followed(20)), (5, 10), "not past what is held");
        let held = one.end().unwrap();
        assert_eq!((held.payment.update_time, driven.followed(20)), (Time(3), 10));
        drop(held);
        assert_eq!(driven.followed(20), 20);
        assert!(driven.takes(&of(4), 21));
        driven.stored(first.id, Time(4));
        assert!(other.end().is_none(), "it was stored");
        assert_eq!(driven.followed(30), 30);
        assert!(driven.takes(&of(4), 31) && !driven.takes(&of(5), 32));
        assert!(driven.state().driven.is_empty());
    }

    #[test]
    fn what_a_driver_held_that_broke_is_read_again() {
        let driven = Driven::default();
        let payment = Payment::in_state(PaymentState::Captured);
        let broken = driven.begin(payment.id);
        assert!(driven.takes(&payment, 7));
        drop(broken);
        assert_eq!(driven.followed(20), 6);
        assert!(!driven.takes(&payment, 8));
    }
}
