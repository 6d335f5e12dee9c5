//! What is to be said to shoppers, a row for each event, and what became of it.

use std::time::Duration;

use kit::{
    Call, Db, Fault, Money, Role, StartError, Time, Tx,
    id::{OrderId, PaymentId},
    insert_new,
};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use crate::error::Error;

/// How long a claim keeps others away: longer than sending may take.
const CLAIM: Duration = Duration::from_secs(120);

/// What a mail tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Kind {
    Placed = 1,
    Shipped = 2,
    Cancelled = 3,
    /// Not paid in time.
    Expired = 4,
    Refunded = 5,
}

impl Kind {
    /// The first part of a mail's id.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Placed => "placed",
            Kind::Shipped => "shipped",
            Kind::Cancelled => "cancelled",
            Kind::Expired => "expired",
            Kind::Refunded => "refunded",
        }
    }
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Fate {
    Waiting = 1,
    Sent = 2,
    /// There is nobody, or nothing any more, to tell.
    Dropped = 3,
    /// It could not be sent.
    GivenUp = 4,
}

pub mod mail {
    use kit::{
        Time,
        id::{OrderId, PaymentId},
    };
    use sea_orm::entity::prelude::*;

    use super::{Fate, Kind};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_mails")]
    pub struct Model {
        /// Names the event: the same event is the same row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub order_id: OrderId,
        pub kind: Kind,
        /// Of a refund: the payment, what had gone back of it by then in all, and what of that by this refund.
        pub payment_id: Option<PaymentId>,
        pub refunded_minor: i64,
        pub amount_minor: i64,
        pub currency: Option<String>,
        pub state: Fate,
        pub tries: i32,
        /// When it is due; while it is claimed, when others may take it.
        pub next_try: Time,
        /// Who is at it; empty while nobody is.
        pub claim: String,
        /// Why it was not sent the last time.
        pub problem: String,
        /// When the event happened.
        pub create_time: Time,
        pub update_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use mail::Model as Row;

/// A mail that is to be sent from `due` on.
pub fn row(id: String, order_id: OrderId, kind: Kind, happened: Time, due: Time) -> Row {
    Row {
        id,
        order_id,
        kind,
        payment_id: None,
        refunded_minor: 0,
        amount_minor: 0,
        currency: None,
        state: Fate::Waiting,
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

/// Writes a mail down, unless it is known.
pub async fn add(tx: &Tx, row: Row) -> Result<(), Error> {
    insert_new(&**tx, row.into_active_model(), [mail::Column::Id]).await?;
    Ok(())
}

/// What shoppers have been told in all, or will be, of a payment's refunds, in minor units.
pub async fn refunds_told(tx: &Tx, payment: PaymentId) -> Result<i64, Error> {
    let last = mail::Entity::find()
        .filter(mail::Column::PaymentId.eq(payment))
        .order_by_desc(mail::Column::RefundedMinor)
        .limit(1)
        .one(&**tx)
        .await?;
    Ok(last.map_or(0, |row| row.refunded_minor))
}

/// An order is paid: what waits to tell that it was placed need wait no longer.
pub async fn hasten(db: &Db, order: OrderId) -> Result<(), Error> {
    let waits = |now: Time| {
        mail::Entity::find()
            .filter(mail::Column::OrderId.eq(order))
            .filter(mail::Column::State.eq(Fate::Waiting))
            .filter(mail::Column::Kind.eq(Kind::Placed))
            .filter(mail::Column::NextTry.gt(now))
            .filter(mail::Column::Claim.eq(""))
    };
    let Some(row) = waits(db.clock().now()).one(db.read()).await? else { return Ok(()) };
    kit::transact(db, &own(), move |tx| {
        let id = row.id.clone();
        async move {
            mail::Entity::update_many()
                .col_expr(mail::Column::NextTry, Expr::value(tx.now()))
                .filter(mail::Column::Id.eq(id))
                .filter(mail::Column::State.eq(Fate::Waiting))
                .filter(mail::Column::Claim.eq(""))
                .exec(&*tx)
                .await?;
            Ok::<_, Error>(())
        }
    })
    .await
}

/// An embedded database has one process at a time: what another one was at when it died is due at once.
pub async fn release(db: &Db) -> Result<(), StartError> {
    if db.backend() != sea_orm::DatabaseBackend::Sqlite {
        return Ok(());
    }
    kit::transact::<_, Error, _, _>(db, &own(), |tx| async move {
        mail::Entity::update_many()
            .col_expr(mail::Column::NextTry, Expr::value(tx.now()))
            .col_expr(mail::Column::Claim, Expr::value(""))
            .filter(mail::Column::State.eq(Fate::Waiting))
            .filter(mail::Column::Claim.ne(""))
            .exec(&*tx)
            .await?;
        Ok(())
    })
    .await
    .map_err(StartError::of)
}

/// Takes up to so many mails that are due. Of replicas that try at once each row goes to one: the second
/// UPDATE waits for the first and then finds the row not due any more.
pub async fn claim(db: &Db, count: u64) -> Result<Vec<Row>, Error> {
    let due = mail::Entity::find()
        .select_only()
        .column(mail::Column::Id)
        .filter(mail::Column::State.eq(Fate::Waiting))
        .filter(mail::Column::NextTry.lte(db.clock().now()))
        .order_by_asc(mail::Column::NextTry)
        .limit(count);
    let ids: Vec<String> = due.into_tuple().all(db.read()).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let claim = uuid::Uuid::now_v7().to_string();
    kit::transact(db, &own(), move |tx| {
        let (ids, claim) = (ids.clone(), claim.clone());
        async move {
            mail::Entity::update_many()
                .col_expr(mail::Column::Claim, Expr::value(claim.clone()))
                .col_expr(mail::Column::NextTry, Expr::value(tx.now() + CLAIM))
                .col_expr(mail::Column::Tries, Expr::col(mail::Column::Tries).add(1))
                .filter(mail::Column::Id.is_in(ids))
                .filter(mail::Column::State.eq(Fate::Waiting))
                .filter(mail::Column::NextTry.lte(tx.now()))
                .exec(&*tx)
                .await?;
            Ok(mail::Entity::find().filter(mail::Column::Claim.eq(claim)).all(&*tx).await?)
        }
    })
    .await
}

/// Ends a try. `due` says when the next one is, for a mail that waits on; whoever claimed the mail
/// meanwhile is left alone.
pub async fn settle(tx: &Tx, row: &Row, fate: Fate, due: Time, problem: &str) -> Result<(), Error> {
    mail::Entity::update_many()
        .col_expr(mail::Column::State, Expr::value(fate))
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
