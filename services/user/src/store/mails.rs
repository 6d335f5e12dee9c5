//! Mails to users, a row for each, and what became of them.

use std::time::Duration;

use kit::{Call, Role, StartError, Time, Tx, Writer, id::UserId};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, prelude::Uuid, sea_query::Expr,
};

pub use super::entities::user_mail::Model as Row;
use super::entities::user_mail::{Column, Entity};
use crate::{
    domain::{
        mail::{DAY, MailKind, MailState},
        names,
    },
    error::Error,
};

/// How long a claim keeps others away: longer than sending may take.
const CLAIM: Duration = Duration::from_secs(120);

/// Adds a mail; its id is that of its token.
pub async fn add(tx: &Tx, kind: MailKind, user: Option<UserId>, address: &str) -> Result<Uuid, DbErr> {
    let id = Uuid::now_v7();
    let row = Row {
        id,
        user_id: user,
        kind,
        address: address.to_owned(),
        state: MailState::Waiting,
        tries: 0,
        next_try: tx.now(),
        claim: String::new(),
        problem: String::new(),
        create_time: tx.now(),
    };
    Entity::insert(row.into_active_model().reset_all()).exec_without_returning(&**tx).await?;
    Ok(id)
}

/// How many mails a user was to get within the last day.
pub async fn within_a_day(tx: &Tx, user: UserId) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::UserId.eq(user))
        .filter(Column::CreateTime.gt(tx.now() - DAY))
        .count(&**tx)
        .await
}

/// How many mails wait to be sent.
pub async fn waiting(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find().filter(Column::State.eq(MailState::Waiting)).count(db).await
}

/// A page of the mails of a user: those before one, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Row>, DbErr> {
    let mut mails = Entity::find().filter(Column::UserId.eq(user));
    if let Some(before) = before {
        mails = mails.filter(Column::Id.lt(before));
    }
    mails.order_by_desc(Column::Id).limit(limit).all(db).await
}

/// An embedded database has one process at a time: what another one had claimed when it died is due at once.
pub async fn release(db: &Writer<Error>) -> Result<(), StartError> {
    if db.backend() != sea_orm::DatabaseBackend::Sqlite {
        return Ok(());
    }
    let own = own();
    let released = db.transact(&own, (), |tx, _| async move {
        Entity::update_many()
            .col_expr(Column::NextTry, Expr::value(tx.now()))
            .col_expr(Column::Claim, Expr::value(""))
            .filter(Column::State.eq(MailState::Waiting))
            .filter(Column::Claim.ne(""))
            .exec(&*tx)
            .await?;
        Ok(())
    });
    released.await.map_err(StartError::of)
}

/// Takes up to so many mails that are due. Of replicas that try at once each row goes to one: the second UPDATE waits for
/// the first and then finds the row not due any more.
pub async fn claim(db: &Writer<Error>, count: u64) -> Result<Vec<Row>, Error> {
    let due = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::State.eq(MailState::Waiting))
        .filter(Column::NextTry.lte(db.clock().now()))
        .order_by_asc(Column::NextTry)
        .limit(count);
    let ids: Vec<Uuid> = due.into_tuple().all(db.read()).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let claim = Uuid::now_v7().to_string();
    db.transact(&own(), (ids, claim), |tx, input| async move {
        let (ids, claim) = &*input;
        Entity::update_many()
            .col_expr(Column::Claim, Expr::value(claim.as_str()))
            .col_expr(Column::NextTry, Expr::value(tx.now() + CLAIM))
            .col_expr(Column::Tries, Expr::col(Column::Tries).add(1))
            .filter(Column::Id.is_in(ids.iter().copied()))
            .filter(Column::State.eq(MailState::Waiting))
            .filter(Column::NextTry.lte(tx.now()))
            .exec(&*tx)
            .await?;
        Ok(Entity::find().filter(Column::Claim.eq(claim.as_str())).all(&*tx).await?)
    })
    .await
}

/// Ends a try. The claim stands in the condition: a sender that was so slow that another one claimed the mail changes
/// nothing. The address is kept only while the mail waits.
pub async fn settle(tx: &Tx, row: &Row, state: MailState, due: Time, problem: &str) -> Result<(), DbErr> {
    let address = if state == MailState::Waiting { row.address.as_str() } else { "" };
    Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::Claim, Expr::value(""))
        .col_expr(Column::NextTry, Expr::value(due))
        .col_expr(Column::Address, Expr::value(address))
        .col_expr(Column::Problem, Expr::value(problem.chars().take(300).collect::<String>()))
        .filter(Column::Id.eq(row.id))
        .filter(Column::Claim.eq(row.claim.as_str()))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Forgets resets that were asked for by an address and not sent yet. One that was written otherwise goes when its token
/// expires, within the hour.
pub async fn forget_resets(tx: &Tx, email: &str) -> Result<(), DbErr> {
    let written = [email.to_owned(), names::canonical(email), names::fold(email)];
    Entity::delete_many()
        .filter(Column::UserId.is_null())
        .filter(Column::State.eq(MailState::Waiting))
        .filter(Column::Address.is_in(written))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Forgets what is done and older than a time.
pub async fn prune(tx: &Tx, before: Time) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::CreateTime.lt(before))
        .filter(Column::State.ne(MailState::Waiting))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// What the mailer does, it does for the service.
pub fn own() -> Call {
    Call::of_service(Role::User, "mail")
}
