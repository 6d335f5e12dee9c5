//! Mails that are to be sent, a row for each event, and what became of them.

use std::time::Duration;

use kit::{
    Call, Fault, Money, Role, StartError, Time, Tx, Writer,
    id::{OrderId, PaymentId},
};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    domain::{MailKind, MailState, State},
    error::Error,
};

/// How long a checkout gets to find its payment's outcome before the mail that it was placed is due.
const SETTLE: Duration = Duration::from_millis(500);
/// How long a claim keeps others away: longer than sending may take, so that no two replicas send a mail at the same
/// time. A process that dies with a claim delays its mails by as much.
const CLAIM: Duration = Duration::from_secs(120);

use super::entities::event;
pub use super::entities::mail::{self, Model as Row};

/// A mail that is to be sent from `due` on.
pub fn row(id: String, order_id: OrderId, kind: MailKind, happened: Time, due: Time) -> Row {
    Row {
        id,
        order_id,
        kind,
        payment_id: None,
        refunded_minor: 0,
        amount_minor: 0,
        currency: None,
        state: MailState::Waiting,
        tries: 0,
        next_try: due,
        claim: String::new(),
        problem: String::new(),
        create_time: happened,
        update_time: due,
    }
}

impl Row {
    /// What went back, of a refund.
    pub fn amount(&self) -> Result<Option<Money>, Error> {
        let currency = self.currency.as_deref().map(str::parse).transpose();
        let currency = currency.map_err(|()| Fault::internal("a stored currency is none"))?;
        Ok(currency.map(|currency| Money::new(self.amount_minor, currency)))
    }
}

/// Stores the mails that an order's new events ask for, in the transaction that stores the events: there is no event
/// without its mail, and no mail without its event, whenever the process dies. The order is locked, and an event has one
/// number: no two transactions store the same mail, and the key would refuse the second.
pub(super) async fn store_of_events(tx: &Tx, before: State, events: &[event::Model]) -> Result<(), Error> {
    let (mut rows, mut state, mut paid) = (Vec::new(), before, None);
    for event in events {
        if let Some(kind) = MailKind::of_step(state, event.state) {
            let name = format!("{}.{}.{}", kind.word(), event.order_id, event.sequence);
            let happened = event.create_time;
            let due = if kind == MailKind::Placed { happened + SETTLE } else { happened };
            rows.push(row(name, event.order_id, kind, happened, due));
        }
        if state != State::Paid && event.state == State::Paid {
            paid = Some(event);
        }
        state = event.state;
    }
    // Once it is paid, the mail that it was placed need wait no longer.
    if let Some(paid) = paid {
        match rows.iter_mut().find(|row| row.kind == MailKind::Placed) {
            Some(placed) => placed.next_try = paid.create_time,
            None => hasten(tx, paid.order_id).await?,
        }
    }
    if !rows.is_empty() {
        tx.write_last(mail::Entity::insert_many(rows.into_iter().map(Row::into_active_model)).into_query());
    }
    Ok(())
}

/// Stores the mail about a refund: a payment says how much of it went back in all, and what is more than mails have said
/// is this refund. Under the lock of its order, so that no two transactions take one refund for what was not said yet.
pub(super) async fn store_of_refund(
    tx: &Tx,
    order: OrderId,
    payment: PaymentId,
    refunded: Money,
    happened: Time,
) -> Result<(), Error> {
    let told = refunds_told(tx, payment).await?;
    if told >= refunded.minor {
        return Ok(());
    }
    let name = format!("{}.{payment}.{}", MailKind::Refunded.word(), refunded.minor);
    let row = Row {
        payment_id: Some(payment),
        refunded_minor: refunded.minor,
        amount_minor: refunded.minor - told,
        currency: Some(refunded.currency.to_string()),
        ..row(name, order, MailKind::Refunded, happened, happened)
    };
    tx.write_last(mail::Entity::insert(row.into_active_model()).into_query());
    Ok(())
}

/// What mails say in all of a payment's refunds, those to be sent included, in minor units.
async fn refunds_told(tx: &Tx, payment: PaymentId) -> Result<i64, Error> {
    let last = mail::Entity::find()
        .filter(mail::Column::PaymentId.eq(payment))
        .order_by_desc(mail::Column::RefundedMinor)
        .limit(1)
        .one(&**tx)
        .await?;
    Ok(last.map_or(0, |row| row.refunded_minor))
}

/// Has the mail that an order was placed sent at once, unless a sender is at it: that one has the row as it needs it.
async fn hasten(tx: &Tx, order: OrderId) -> Result<(), Error> {
    mail::Entity::update_many()
        .col_expr(mail::Column::NextTry, Expr::value(tx.now()))
        .filter(mail::Column::OrderId.eq(order))
        .filter(mail::Column::State.eq(MailState::Waiting))
        .filter(mail::Column::Kind.eq(MailKind::Placed))
        .filter(mail::Column::Claim.eq(""))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// An embedded database has one process at a time: what another one had claimed when it died is due at once.
pub async fn release(db: &Writer<Error>) -> Result<(), StartError> {
    if db.backend() != sea_orm::DatabaseBackend::Sqlite {
        return Ok(());
    }
    let own = own();
    let released = db.transact(&own, (), |tx, _| async move {
        mail::Entity::update_many()
            .col_expr(mail::Column::NextTry, Expr::value(tx.now()))
            .col_expr(mail::Column::Claim, Expr::value(""))
            .filter(mail::Column::State.eq(MailState::Waiting))
            .filter(mail::Column::Claim.ne(""))
            .exec(&*tx)
            .await?;
        Ok(())
    });
    released.await.map_err(StartError::of)
}

/// Takes up to so many mails that are due. Of replicas that try at once each row goes to one: the second
/// UPDATE waits for the first and then finds the row not due any more.
pub async fn claim(db: &Writer<Error>, count: u64) -> Result<Vec<Row>, Error> {
    let due = mail::Entity::find()
        .select_only()
        .column(mail::Column::Id)
        .filter(mail::Column::State.eq(MailState::Waiting))
        .filter(mail::Column::NextTry.lte(db.clock().now()))
        .order_by_asc(mail::Column::NextTry)
        .limit(count);
    let ids: Vec<String> = due.into_tuple().all(db.read()).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let claim = uuid::Uuid::now_v7().to_string();
    db.transact(&own(), (ids, claim), |tx, input| async move {
        let (ids, claim) = &*input;
        mail::Entity::update_many()
            .col_expr(mail::Column::Claim, Expr::value(claim.as_str()))
            .col_expr(mail::Column::NextTry, Expr::value(tx.now() + CLAIM))
            .col_expr(mail::Column::Tries, Expr::col(mail::Column::Tries).add(1))
            .filter(mail::Column::Id.is_in(ids.iter().map(String::as_str)))
            .filter(mail::Column::State.eq(MailState::Waiting))
            .filter(mail::Column::NextTry.lte(tx.now()))
            .exec(&*tx)
            .await?;
        Ok(mail::Entity::find().filter(mail::Column::Claim.eq(claim.as_str())).all(&*tx).await?)
    })
    .await
}

/// Ends a try. `due` says when the next one is, for a mail that waits on. The claim stands in the condition: a sender
/// that was so slow that another one claimed the mail changes nothing.
pub async fn settle(tx: &Tx, row: &Row, state: MailState, due: Time, problem: &str) -> Result<(), Error> {
    mail::Entity::update_many()
        .col_expr(mail::Column::State, Expr::value(state))
        .col_expr(mail::Column::Claim, Expr::value(""))
        .col_expr(mail::Column::NextTry, Expr::value(due))
        .col_expr(mail::Column::Tries, Expr::value(row.tries))
        .col_expr(mail::Column::Problem, Expr::value(problem.chars().take(300).collect::<String>()))
        .col_expr(mail::Column::UpdateTime, Expr::value(tx.now()))
        .filter(mail::Column::Id.eq(row.id.clone()))
        .filter(mail::Column::Claim.eq(row.claim.clone()))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// What the mailer does, it does for the service.
pub fn own() -> Call {
    Call::of_service(Role::Order, "mail")
}
