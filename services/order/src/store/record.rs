//! An order being changed: loaded under lock, changed in memory by the domain, written back whole by
//! [`Record::save`].

use kit::{
    Scope, Time, Tx,
    id::{OrderId, PaymentId, UserId},
};

use super::{
    entities::{event, order, payment},
    find::{lock, locked_basket},
    mails,
    payments::{record_first_update, record_update},
    view::{View, view},
};
use crate::{
    domain::{
        Adjustment, AdjustmentKind, Event, GivenBack, Line, Payment, State, Step, Totals, notes, refund,
        totals,
    },
    error::Error,
};

/// An order under lock: from here to the end of the transaction nobody else changes it, in this process or another.
pub struct Record {
    pub(super) tx: Tx,
    pub(super) before: View,
    /// It has no row yet.
    pub(super) is_new: bool,
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

    /// Loads an order for change that was read as `view`; `None` where it has changed since.
    pub async fn lock_unchanged(tx: &Tx, view: &View) -> Result<Option<Self>, Error> {
        let order = lock(&**tx, view.order.id, Scope::All).await?;
        // Whatever changes lines or adjustments raises the version: those that were read are those of this version.
        let same = order.version == view.order.version;
        Ok(same.then(|| Self::from(tx, View { order, ..view.clone() })))
    }

    pub(super) fn from(tx: &Tx, before: View) -> Self {
        let View { order, lines, adjustments } = before.clone();
        Self { tx: tx.clone(), before, is_new: false, order, lines, adjustments, events: Vec::new() }
    }

    /// One that is inserted as it is saved, with the first event of its history.
    pub(super) fn new(tx: &Tx, order: order::Model, first: event::Model) -> Self {
        let before = View { order, lines: Vec::new(), adjustments: Vec::new() };
        Self { is_new: true, events: vec![first], ..Self::from(tx, before) }
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
        match payment.refunded {
            Some(refunded) if refunded.minor > known.refunded_minor => {
                mails::store_of_refund(&self.tx, self.order.id, id, refunded, seen).await?;
            }
            _ => {}
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

    /// The same for the answer that a checkout got. Mostly it is the first that is known of the payment, and then
    /// nothing has to be read for it; nothing was given back yet.
    pub async fn record_answer(&mut self, payment: &Payment) -> Result<(), Error> {
        let is_whole = GivenBack::of(payment) == GivenBack::NOTHING;
        if is_whole && record_first_update(&self.tx, payment.id, payment.state, payment.update_time).await? {
            return Ok(());
        }
        match self.record_payment(payment).await {
            // What the payment's feed has stored meanwhile is newer.
            Ok(_) | Err(Error::StaleUpdate) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Its stock is set aside: from CHECKING_OUT on it awaits its payment, until then. Where it awaits it already,
    /// nothing changes.
    pub fn set_aside(&mut self, until: Time) -> Result<(), Error> {
        if self.order.state == State::CheckingOut {
            self.apply(Event::Reserve, notes::RESERVED)?;
            self.order.expire_time = Some(until);
        }
        Ok(())
    }

    /// The payment that is stored for it, or nothing, is what is left to be done, until then.
    pub fn pay_by(&mut self, payment: Option<PaymentId>, until: Time) {
        self.await_payment(payment);
        let order = &mut self.order;
        order.payment_failure.clear();
        order.payment_action_url.clear();
        order.expire_time = Some(until);
        order.step = if payment.is_some() { Step::Pay } else { Step::Commit };
    }

    /// It is about to end. While it is checked out, nobody can say whether its payment was made: it shows none, and
    /// what comes of it is compensated.
    pub fn forget_unpaid(&mut self) {
        if self.order.state == State::CheckingOut {
            self.await_payment(None);
        }
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
