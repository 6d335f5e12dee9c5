//! An order being changed: loaded under lock, changed in memory by the domain, written back whole by
//! [`Record::save`].

use kit::{
    Scope, Time, Tx,
    id::{OrderId, PaymentId, UserId},
};

use super::{
    entities::{event, order, payment},
    find::{lock, locked_basket},
    payments::record_update,
    view::{View, view},
};
use crate::{
    domain::{
        Adjustment, AdjustmentKind, Event, GivenBack, Line, Payment, State, Step, Totals, refund, totals,
    },
    error::Error,
};

/// An order under lock: from here to the end of the transaction nobody else changes it, in this process or another.
pub struct Record {
    pub(super) tx: Tx,
    pub(super) before: View,
    pub order: order::Model,
    pub lines: Vec<Line>,
    pub adjustments: Vec<Adjustment>,
    /// What happened to it since it was loaded.
    pub(super) events: Vec<event::Model>,
}

impl Record {
    /// Loads an order for change.
    pub async fn lock(tx: &Tx, id: OrderId, scope: Scope) -> Result<Self, Error> {
        Self::of(tx, lock(&**tx, id, scope).await?).await
    }

    /// Loads a user's basket for change.
    pub async fn lock_basket(tx: &Tx, user: UserId) -> Result<Self, Error> {
        Self::of(tx, locked_basket(&**tx, user).await?).await
    }

    /// Loads an order for its checkout's owner, who saw it last as `view`: a lost lease is an error.
    ///
    /// Whoever takes an order from its owner (the sweeper, a cancellation, the erasure of its user) raises the
    /// fencing number in its own transaction. The row is locked first, so the comparison holds until the commit: an
    /// owner that was paused for longer than its lease changes nothing, however late it wakes up.
    pub async fn lock_fenced(tx: &Tx, view: &View) -> Result<Self, Error> {
        let order = lock(&**tx, view.order.id, Scope::All).await?;
        if order.fence != view.order.fence {
            return Err(Error::LeaseLost);
        }
        // Only the row is read again: while a step is under way, nobody but its owner changes lines or adjustments.
        Ok(Self::from(tx, View { order, ..view.clone() }))
    }

    pub(super) fn from(tx: &Tx, before: View) -> Self {
        let View { order, lines, adjustments } = before.clone();
        Self { tx: tx.clone(), before, order, lines, adjustments, events: Vec::new() }
    }

    // The lines are read after the order's row is locked, so they are those of the version that is locked.
    async fn of(tx: &Tx, order: order::Model) -> Result<Self, Error> {
        Ok(Self::from(tx, view(&**tx, order).await?))
    }

    /// Refuses a stale etag; an empty one is no condition. Compared under the lock: of two callers with the same etag
    /// one finds it changed.
    pub fn check_etag(&self, etag: &str) -> Result<(), Error> {
        if etag.is_empty() || etag == self.before.order.version.to_string() {
            Ok(())
        } else {
            Err(Error::Stale)
        }
    }

    /// Moves the order on by the transition table and writes its history.
    pub fn apply(&mut self, event: Event, note: &str) -> Result<(), Error> {
        let state = self.order.state.next(event)?;
        self.order.state = state;
        if state.is_final() && self.order.user_erased {
            self.order.address = None;
        }
        self.note(note);
        Ok(())
    }

    /// Adds a note to the order's history without moving it. The number comes from the locked row, so a history has
    /// no gaps and no number twice.
    pub fn note(&mut self, note: &str) {
        self.order.events += 1;
        self.events.push(event::Model {
            order_id: self.order.id,
            sequence: self.order.events,
            state: self.order.state,
            actor: self.tx.actor(),
            note: note.chars().take(600).collect(),
            create_time: self.tx.now(),
        });
    }

    /// Stores the state of one of its payments, and adds what was given back of it since to the history. Answers with
    /// what was known before; `None`: no order had it made. What is older than what is known is
    /// [`Error::StaleUpdate`].
    ///
    /// Answers of the payment service and events of its feed arrive in any order and by any replica. All of them pass
    /// here, under the order's lock; the payment's update time, which each of its changes raises, decides.
    pub async fn record_payment(&mut self, payment: &Payment) -> Result<Option<payment::Model>, Error> {
        let (id, seen) = (payment.id, payment.update_time);
        let given_back = GivenBack::of(payment);
        let known = record_update(&self.tx, id, payment.state, given_back.minor, seen).await?;
        let Some(known) = known else { return Ok(None) };
        if known.seen_time > seen {
            return Err(Error::StaleUpdate);
        }
        if known.seen_time == seen {
            return Ok(Some(known));
        }
        let note = |now| refund::note(known.refunded_minor, now, given_back.refunds);
        if let Some(note) = payment.refunded.and_then(note) {
            self.note(&note);
        }
        if self.order.payment_id == Some(id) {
            self.set_given_back(given_back);
        }
        Ok(Some(known))
    }

    /// It awaits another payment, or none.
    pub fn await_payment(&mut self, payment: Option<PaymentId>) {
        self.order.payment_id = payment;
        self.set_given_back(GivenBack::NOTHING);
    }

    fn set_given_back(&mut self, given_back: GivenBack) {
        let GivenBack { minor, currency, refunds, refunding } = given_back;
        let order = &mut self.order;
        (order.refunded_minor, order.refunds, order.refunding) = (minor, refunds, refunding);
        order.refunded_currency = currency.map(|currency| currency.to_string());
    }

    /// Whether there is something that is not saved yet.
    pub fn is_changed(&self) -> bool {
        !self.events.is_empty() || self.order != self.before.order
    }

    /// Settled, and this payment is what it waits for.
    pub fn waits_for(&self, payment: PaymentId) -> bool {
        let order = &self.order;
        order.state == State::AwaitingPayment && order.step == Step::Idle && order.payment_id == Some(payment)
    }

    /// Takes the checkout's lease, until `until`; whoever had it before can change nothing any more.
    pub fn lease(&mut self, until: Time) {
        self.order.fence += 1;
        self.order.lease_until = until;
    }

    /// Back in its user's basket: neither placed nor priced for a payment any more. What becomes of the money that it
    /// was to be paid with is no figure of what it will be paid with.
    pub fn return_to_basket(&mut self) {
        self.await_payment(None);
        (self.order.place_time, self.order.expire_time) = (None, None);
        self.adjustments.retain(|adjustment| !adjustment.is_automatic(AdjustmentKind::Fee));
    }

    /// Its checkout has no step left, and nobody has its lease.
    pub fn settle(&mut self) {
        self.order.step = Step::Idle;
        self.order.lease_until = Time(0);
    }

    /// What it costs; `None` without lines.
    pub fn totals(&self) -> Result<Option<Totals>, Error> {
        Ok(totals(&self.lines, &self.adjustments)?)
    }
}
