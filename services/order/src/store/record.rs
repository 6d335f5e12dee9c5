//! An order being changed: loaded under lock, changed in memory by the domain, written back whole.

use contracts::{order::AdjustmentType, payment::Payment};
use kit::{
    Fault, Money, Time, Tx,
    fault::unique_violation,
    id::{Id, OrderId, PaymentId, UserId},
    insert_new,
    words::fold_code,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
};

use super::{
    entities::{adjustment, event, line, order, payment},
    find::{View, lock, locked_basket, view},
    leases::note_payment,
    purchases,
};
use crate::{
    domain::{
        Adjustment, Event, GivenBack, Line, Refunds, State, Step, Totals, next, notes, number::number_of,
        refund, saga::has_basket_place, totals, totals::settle,
    },
    error::Error,
};

/// An order under lock. [`Record::save`] writes it back.
pub struct Record {
    tx: Tx,
    before: View,
    pub order: order::Model,
    pub lines: Vec<Line>,
    pub adjustments: Vec<Adjustment>,
    news: Vec<event::Model>,
}

impl Record {
    /// Loads an order for change.
    pub async fn lock(tx: &Tx, id: OrderId, scope: kit::Scope) -> Result<Self, Error> {
        Self::of(tx, lock(&**tx, id, scope).await?).await
    }

    /// Loads a user's basket for change.
    pub async fn lock_basket(tx: &Tx, user: UserId) -> Result<Self, Error> {
        Self::of(tx, locked_basket(&**tx, user).await?).await
    }

    /// Loads an order for its checkout's owner, who saw it last as `view`: a lost lease is an error. While the
    /// lease holds, nobody else has changed lines or adjustments.
    pub async fn lock_fenced(tx: &Tx, view: &View) -> Result<Self, Error> {
        let order = lock(&**tx, view.order.id, kit::Scope::All).await?;
        if order.fence != view.order.fence {
            return Err(Error::LeaseLost);
        }
        Ok(Self::from(tx, View { order, ..view.clone() }))
    }

    fn from(tx: &Tx, before: View) -> Self {
        let View { order, lines, adjustments } = before.clone();
        Self { tx: tx.clone(), before, order, lines, adjustments, news: Vec::new() }
    }

    async fn of(tx: &Tx, order: order::Model) -> Result<Self, Error> {
        Ok(Self::from(tx, view(&**tx, order).await?))
    }

    /// Refuses a stale etag; an empty one is no condition.
    pub fn check_etag(&self, etag: &str) -> Result<(), Error> {
        if etag.is_empty() || etag == self.before.order.version.to_string() {
            Ok(())
        } else {
            Err(Error::Stale)
        }
    }

    /// Moves the order on by the transition table and writes its history.
    pub fn happen(&mut self, event: Event, note: &str) -> Result<(), Error> {
        let state = next(self.order.state, event)?;
        self.order.state = state;
        if state.is_final() && self.order.user_erased {
            self.order.address = None;
        }
        self.tell(note);
        Ok(())
    }

    /// Writes something into the order's history without moving it.
    pub fn tell(&mut self, note: &str) {
        self.order.events += 1;
        self.news.push(event::Model {
            order_id: self.order.id,
            sequence: self.order.events,
            state: self.order.state,
            actor: self.tx.actor(),
            note: note.chars().take(600).collect(),
            create_time: self.tx.now(),
        });
    }

    /// Notes what is heard of one of its payments, and tells what was given back of it since. Answers with what was
    /// known before; `None`: no order had it made. What is older than what is known is [`Error::OldNews`].
    pub async fn hear(&mut self, payment: &Payment) -> Result<Option<payment::Model>, Error> {
        let id: PaymentId = payment.id.parse().map_err(Fault::internal)?;
        let seen = payment.update_time.map_or(Time(0), Time::from);
        let refunded = payment.refunded.as_ref().map(|wire| Money::read(wire, "refunded")).transpose()?;
        let given_back = GivenBack::of(payment)?;
        let known = note_payment(&self.tx, id, payment.state(), given_back.minor, seen).await?;
        let Some(known) = known else { return Ok(None) };
        if known.seen_time > seen {
            return Err(Error::OldNews);
        }
        if known.seen_time == seen {
            return Ok(Some(known));
        }
        let told = |now| refund::told(known.refunded_minor, now, given_back.refunds);
        if let Some(note) = refunded.and_then(told) {
            self.tell(&note);
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
    pub fn has_news(&self) -> bool {
        !self.news.is_empty() || self.order != self.before.order
    }

    /// At rest, and this payment is what it waits for.
    pub fn waits_for(&self, payment: PaymentId) -> bool {
        let order = &self.order;
        order.state == State::AwaitingPayment && order.step == Step::Idle && order.payment_id == Some(payment)
    }

    /// Takes the checkout's lease, until `until`; whoever had it before can change nothing any more.
    pub fn lease(&mut self, until: Time) {
        self.order.fence += 1;
        self.order.lease_until = until;
    }

    /// It is back among the lines of a basket: neither placed nor priced for a payment any more. What becomes of
    /// the money that it was to be paid with is no figure of what it will be paid with.
    pub fn unplace(&mut self) {
        self.await_payment(None);
        (self.order.place_time, self.order.expire_time) = (None, None);
        self.adjustments.retain(|adjustment| !adjustment.is_automatic(AdjustmentType::Fee));
    }

    /// The order has come to rest.
    pub fn rest(&mut self) {
        self.order.step = Step::Idle;
        self.order.lease_until = Time(0);
    }

    /// What it costs; `None` without lines.
    pub fn totals(&self) -> Result<Option<Totals>, Error> {
        Ok(totals(&self.lines, &self.adjustments)?)
    }

    /// Writes everything back and answers with the order as it is now. What adjustments come to follows the
    /// lines: no discount that staff gave ever stands in the way of a change.
    pub async fn save(mut self) -> Result<View, Error> {
        self.order.tracking_folded = fold_code(&self.order.tracking_code, 100);
        // As they are read: which discount is the first does not depend on who writes.
        self.adjustments.sort_by_key(|adjustment| adjustment.id);
        settle(&self.lines, &mut self.adjustments)?;
        let totals = self.totals()?;
        self.order.total_minor = totals.map_or(0, |totals| totals.total.minor);
        self.order.currency = totals.map(|totals| totals.total.currency.to_string());
        let order = &mut self.order;
        order.basket_of = has_basket_place(order.state, order.step, order.direct).then_some(order.user_id);
        if self.is_seen() {
            self.order.version += 1;
            self.order.update_time = self.tx.now();
        }
        let tx = &*self.tx;
        changed(&self.before.order, &self.order).update(tx).await.map_err(refused)?;
        self.tx.belongs_to(self.order.user_id).await?;
        self.save_lines().await?;
        self.save_adjustments().await?;
        for event in std::mem::take(&mut self.news) {
            write_event(&self.tx, event).await?;
        }
        let after = View { order: self.order, lines: self.lines, adjustments: self.adjustments };
        purchases::follow(&self.tx, &self.before, &after).await?;
        Ok(after)
    }

    /// Whether a reader of the order sees that it changed: who is at its checkout, and until when, is not shown.
    fn is_seen(&self) -> bool {
        let (before, order) = (&self.before.order, &self.order);
        let unseen = order::Model {
            basket_of: order.basket_of,
            direct: order.direct,
            payment_method: order.payment_method.clone(),
            attempt: order.attempt,
            step: order.step,
            lease_until: order.lease_until,
            fence: order.fence,
            claim: order.claim.clone(),
            expire_time: order.expire_time,
            ..before.clone()
        };
        unseen != *order || self.lines != self.before.lines || self.adjustments != self.before.adjustments
    }

    async fn save_lines(&self) -> Result<(), Error> {
        let (tx, before) = (&*self.tx, &self.before.lines);
        let gone: Vec<_> =
            before.iter().filter(|old| !self.lines.iter().any(|line| line.id == old.id)).collect();
        if !gone.is_empty() {
            let ids = gone.iter().map(|line| line.id);
            line::Entity::delete_many().filter(line::Column::Id.is_in(ids)).exec(tx).await?;
        }
        let mut new = Vec::new();
        for line in &self.lines {
            match before.iter().find(|old| old.id == line.id) {
                Some(old) if old == line => {}
                Some(_) => {
                    line_row(self.order.id, line).reset_all().update(tx).await?;
                }
                None => new.push(line_row(self.order.id, line)),
            }
        }
        if !new.is_empty() {
            line::Entity::insert_many(new).exec_without_returning(tx).await?;
        }
        Ok(())
    }

    async fn save_adjustments(&self) -> Result<(), Error> {
        let tx = &*self.tx;
        if self.adjustments == self.before.adjustments {
            return Ok(());
        }
        adjustment::Entity::delete_many()
            .filter(adjustment::Column::OrderId.eq(self.order.id))
            .exec(tx)
            .await?;
        if !self.adjustments.is_empty() {
            let rows = self.adjustments.iter().map(|adjustment| adjustment::ActiveModel {
                id: Set(adjustment.id),
                order_id: Set(self.order.id),
                kind: Set(adjustment.kind as i16),
                label: Set(adjustment.label.clone()),
                amount_minor: Set(adjustment.amount.minor),
                currency: Set(adjustment.amount.currency.to_string()),
                given_minor: Set(adjustment.given.minor),
                given_currency: Set(adjustment.given.currency.to_string()),
                automatic: Set(adjustment.automatic),
            });
            adjustment::Entity::insert_many(rows).exec_without_returning(tx).await?;
        }
        Ok(())
    }
}

/// The unique index on baskets decides who has its user's.
fn refused(error: DbErr) -> Error {
    match unique_violation(&error) {
        Some(what) if what.contains("basket_of") => Error::BasketExists,
        // Two took one number at once.
        Some(what) if what.contains("number") => Error::NumberTaken,
        _ => error.into(),
    }
}

/// Only the columns that differ.
fn changed(before: &order::Model, after: &order::Model) -> order::ActiveModel {
    use sea_orm::{ActiveModelTrait, Iterable};
    let (old, mut new) = (before.clone().into_active_model(), after.clone().into_active_model());
    for column in order::Column::iter() {
        if old.get(column).into_value() != new.get(column).into_value() {
            new.reset(column);
        }
    }
    new
}

/// A row of history, and the same for those who follow.
async fn write_event(tx: &Tx, event: event::Model) -> Result<(), Error> {
    let told = crate::api::render::event(&event);
    event::Entity::insert(event.into_active_model()).exec_without_returning(&**tx).await?;
    Ok(tx.publish(&told.order_id, &told).await?)
}

fn line_row(order_id: OrderId, line: &Line) -> line::ActiveModel {
    line::ActiveModel {
        id: Set(line.id),
        order_id: Set(order_id),
        article_id: Set(line.article_id),
        code: Set(line.code.clone()),
        name: Set(line.name.clone()),
        quantity: Set(line.quantity),
        unit_price_minor: Set(line.unit_price.minor),
        currency: Set(line.unit_price.currency.to_string()),
        tax_rate_basis_points: Set(line.tax_rate_basis_points),
        returned: Set(line.returned),
    }
}

/// The user's basket, made if there is none; when two make it at once, the unique index keeps one.
pub async fn create_basket(tx: &Tx, user: UserId) -> Result<Record, Error> {
    match Record::lock_basket(tx, user).await {
        Err(Error::NotFound(_)) => {}
        basket => return basket,
    }
    let model = blank(tx, user, false).await?;
    let first = first_event(tx, &model, notes::BASKET_BEGUN);
    let made = insert_new(&**tx, model.into_active_model(), [order::Column::BasketOf]).await;
    if made.map_err(refused)? {
        write_event(tx, first).await?;
    }
    Record::lock_basket(tx, user).await
}

/// An order that is placed in one call: it begins where a basket's checkout begins.
pub async fn create_direct(tx: &Tx, user: UserId) -> Result<Record, Error> {
    let mut model = blank(tx, user, true).await?;
    model.state = State::CheckingOut;
    let first = first_event(tx, &model, notes::ORDERED);
    let row = order::Entity::insert(model.clone().into_active_model());
    row.exec_without_returning(&**tx).await.map_err(refused)?;
    write_event(tx, first).await?;
    Ok(Record::from(tx, View { order: model, lines: Vec::new(), adjustments: Vec::new() }))
}

/// A new id, and the number that comes with it: one that no order has.
async fn numbered(tx: &Tx) -> Result<(OrderId, String), Error> {
    loop {
        let id = OrderId::new();
        let number = number_of(id);
        let known = order::Entity::find().filter(order::Column::Number.eq(number.as_str()));
        if known.one(&**tx).await?.is_none() {
            return Ok((id, number));
        }
    }
}

async fn blank(tx: &Tx, user: UserId, direct: bool) -> Result<order::Model, Error> {
    let (id, number) = numbered(tx).await?;
    Ok(order::Model {
        id,
        number: Some(number),
        user_id: user,
        state: State::Open,
        basket_of: (!direct).then_some(user),
        direct,
        currency: None,
        total_minor: 0,
        address: None,
        user_erased: false,
        payment_id: None,
        refunded_minor: 0,
        refunded_currency: None,
        refunds: Refunds::None,
        refunding: false,
        payment_type: 0,
        payment_method: String::new(),
        payment_failure: String::new(),
        payment_action_url: String::new(),
        carrier: String::new(),
        tracking_code: String::new(),
        tracking_folded: String::new(),
        attempt: 0,
        step: Step::Idle,
        lease_until: Time(0),
        fence: 0,
        claim: None,
        expire_time: None,
        events: 1,
        version: 1,
        create_time: tx.now(),
        place_time: None,
        update_time: tx.now(),
    })
}

fn first_event(tx: &Tx, order: &order::Model, note: &str) -> event::Model {
    event::Model {
        order_id: order.id,
        sequence: 1,
        state: order.state,
        actor: tx.actor(),
        note: note.to_owned(),
        create_time: tx.now(),
    }
}
