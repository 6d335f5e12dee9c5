//! Payments: rows and queries.

use kit::{Fault, Money, Scope, Time, Tx, id::PaymentId, insert_new};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{LockBehavior, LockType},
};

pub use super::entities::payment::Model as Payment;
use super::entities::payment::{ActiveModel, Column, Entity};
use crate::{
    domain::{Balance, Charge, Flag, Flags, State},
    error::Error,
};

impl Payment {
    /// Whether an operation is under way, or about to be. Its end is a matter of time.
    pub fn is_under_way(&self) -> bool {
        match self.state {
            State::Pending => true,
            State::Unknown => false,
            _ => self.operation.is_some(),
        }
    }

    pub fn balance(&self) -> Balance {
        Balance {
            amount: self.amount_minor,
            authorized: self.authorized_minor,
            captured: self.captured_minor,
            voided: self.voided_minor,
            refunded: self.refunded_minor,
            refund_pending: self.refund_pending_minor,
        }
    }

    pub fn set_balance(&mut self, balance: Balance) {
        let Balance { amount, authorized, captured, voided, refunded, refund_pending } = balance;
        self.amount_minor = amount;
        self.authorized_minor = authorized;
        self.captured_minor = captured;
        self.voided_minor = voided;
        self.refunded_minor = refunded;
        self.refund_pending_minor = refund_pending;
    }

    /// An amount in the payment's currency.
    pub fn money(&self, minor: i64) -> Result<Money, Fault> {
        super::money(&self.id, minor, &self.currency)
    }

    pub fn flags(&self) -> Flags {
        self.flags.parse().unwrap_or_default()
    }

    /// Raises a flag, or takes it down.
    pub fn flag(&mut self, flag: Flag, on: bool) {
        let mut flags = self.flags();
        flags.set(flag, on);
        self.flags = flags.to_string();
    }

    /// What the provider was asked for.
    pub fn asked(&self) -> Result<Money, Fault> {
        match (self.asked_minor, &self.asked_currency) {
            (Some(minor), Some(currency)) => Self { currency: currency.clone(), ..self.clone() }.money(minor),
            _ => self.money(self.amount_minor),
        }
    }

    /// What its provider gets of it.
    pub fn charge(&self) -> Result<Charge, Fault> {
        Ok(Charge {
            payment_id: self.id,
            order_id: self.order_id,
            user_id: self.user_id,
            payment_type: self.payment_type,
            reference: self.provider_reference.clone(),
            amount: self.money(self.amount_minor)?,
            fee: self.money(self.fee_minor)?,
            method: self.method.clone(),
            capture: self.capture,
            create_time: self.create_time,
        })
    }
}

fn visible(scope: Scope, id: PaymentId) -> Select<Entity> {
    match scope {
        Scope::All => Entity::find_by_id(id),
        Scope::Owner(user) => Entity::find_by_id(id).filter(Column::UserId.eq(user)),
    }
}

/// A payment in the caller's sight.
pub async fn get(db: &impl ConnectionTrait, scope: Scope, id: PaymentId) -> Result<Payment, Error> {
    visible(scope, id).one(db).await?.ok_or(Error::NotFound)
}

/// The same, locked until the transaction ends: transactions about one payment run one after the other. SQLite has no row
/// locks; there, one transaction writes at a time.
pub async fn lock(tx: &Tx, scope: Scope, id: PaymentId) -> Result<Payment, Error> {
    visible(scope, id).lock_exclusive().one(&**tx).await?.ok_or(Error::NotFound)
}

/// The payment that a provider knows by a reference, locked until the transaction ends.
pub async fn lock_by_reference(tx: &Tx, provider: &str, reference: &str) -> Result<Option<Payment>, Error> {
    let found = Entity::find()
        .filter(Column::ProviderReference.eq(reference))
        .filter(Column::Provider.eq(provider))
        .lock_exclusive();
    Ok(found.one(&**tx).await?)
}

/// Records a new payment; `false` where the id is taken.
pub async fn insert(tx: &Tx, payment: Payment) -> Result<bool, Error> {
    let row: ActiveModel = payment.into();
    Ok(insert_new(&**tx, row.reset_all(), [Column::Id]).await?)
}

/// Writes a change of a row that had the version before it; fails where somebody else changed it meanwhile.
pub async fn update(tx: &Tx, payment: &Payment) -> Result<(), Error> {
    let row: ActiveModel = payment.clone().into();
    let mut row = row.reset_all();
    row.id = NotSet;
    let done = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(payment.id))
        .filter(Column::Version.eq(payment.version - 1))
        .exec(&**tx)
        .await?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Error::Changed) }
}

/// Sets when a payment is due again, without changing it or its version; `false` where it is not of this version any more.
/// A lease is renewed so, which must not make its owner's version an old one.
pub async fn postpone(
    tx: &Tx,
    id: PaymentId,
    version: i64,
    until: Option<Time>,
    attempts: i32,
) -> Result<bool, Error> {
    let done = Entity::update_many()
        .col_expr(Column::NextPollTime, sea_orm::sea_query::Expr::value(until))
        .col_expr(Column::Attempts, sea_orm::sea_query::Expr::value(attempts))
        .filter(Column::Id.eq(id))
        .filter(Column::Version.eq(version))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

fn due(now: Time, limit: u64) -> Select<Entity> {
    Entity::find().filter(Column::NextPollTime.lte(now)).order_by_asc(Column::NextPollTime).limit(limit)
}

/// Whether some payment is due.
pub async fn any_due(db: &impl ConnectionTrait, now: Time) -> Result<bool, Error> {
    Ok(due(now, 1).one(db).await?.is_some())
}

/// Payments that are due, locked; those that another replica has locked are left to it.
pub async fn lock_due(tx: &Tx, limit: u64) -> Result<Vec<Payment>, Error> {
    let rows = due(tx.now(), limit).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Ok(rows.all(&**tx).await?)
}
