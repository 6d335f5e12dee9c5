//! Webhooks: made, changed, and whose turn it is to send.

use std::time::Duration;

use kit::{Db, Time, Tx, id::WebhookId};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _,
    PaginatorTrait as _, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType},
};

use super::{
    deliveries,
    entities::{
        head,
        webhook::{self, Column, Model},
    },
};
use crate::error::Error;

/// How many webhooks there may be.
pub const MOST: u64 = 50;

/// One that is to be made.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    pub id: WebhookId,
    pub url: String,
    pub types: String,
    pub description: String,
    pub disabled: bool,
    pub wrapped_secret: String,
}

/// Makes a webhook, which is told of what happens from now on.
pub async fn insert(tx: &Tx, new: &NewWebhook) -> Result<Model, Error> {
    // The lock also makes those take turns who make webhooks, so that there are never too many.
    let head = head::Entity::find_by_id(1).lock(LockType::Update).one(&**tx).await?;
    if existing().count(&**tx).await? >= MOST {
        return Err(Error::TooMany);
    }
    let (now, new) = (tx.now(), new.clone());
    let model = Model {
        id: new.id,
        url: new.url,
        types: new.types,
        description: new.description,
        disabled: new.disabled,
        disabled_reason: String::new(),
        deleted: false,
        wrapped_secret: new.wrapped_secret,
        old_wrapped_secret: None,
        old_secret_until: None,
        version: 1,
        revision: 1,
        position: head.map_or(0, |head| head.position),
        sequences: 0,
        failing_since: None,
        lease_owner: String::new(),
        lease_until: Time(0),
        create_time: now,
        update_time: now,
    };
    webhook::Entity::insert(model.clone().into_active_model()).exec_without_returning(&**tx).await?;
    Ok(model)
}

fn existing() -> sea_orm::Select<webhook::Entity> {
    webhook::Entity::find().filter(Column::Deleted.eq(false))
}

/// A webhook.
pub async fn find(db: &impl ConnectionTrait, id: WebhookId) -> Result<Model, Error> {
    existing().filter(Column::Id.eq(id)).one(db).await?.ok_or(Error::NoWebhook)
}

/// A webhook that is to be changed.
pub async fn lock(tx: &Tx, id: WebhookId) -> Result<Model, Error> {
    let found = existing().filter(Column::Id.eq(id)).lock(LockType::Update).one(&**tx).await?;
    found.ok_or(Error::NoWebhook)
}

/// Writes one that was locked and changed: its caller sees another version, and whoever sends reads it again.
pub async fn save(tx: &Tx, mut model: Model) -> Result<Model, Error> {
    model.version += 1;
    model.update_time = tx.now();
    touch(tx, model).await
}

/// The same of what callers do not see.
pub async fn touch(tx: &Tx, mut model: Model) -> Result<Model, Error> {
    model.revision += 1;
    let row = model.clone().into_active_model().reset_all();
    webhook::Entity::update_many().set(row).filter(Column::Id.eq(model.id)).exec(&**tx).await?;
    Ok(model)
}

/// Ends what a webhook is told, and what waits for it.
pub async fn disable(tx: &Tx, model: &mut Model, reason: &str) -> Result<(), Error> {
    model.disabled = true;
    reason.clone_into(&mut model.disabled_reason);
    deliveries::give_up_all(tx, model.id).await
}

/// Goes on with what happens from now on.
pub async fn enable(tx: &Tx, model: &mut Model) -> Result<(), DbErr> {
    let head = head::Entity::find_by_id(1).one(&**tx).await?;
    model.position = head.map_or(model.position, |head| head.position);
    model.disabled = false;
    model.disabled_reason.clear();
    model.failing_since = None;
    Ok(())
}

/// The newest webhooks before one.
pub async fn list(db: &Db, before: Option<WebhookId>, limit: u64) -> Result<Vec<Model>, DbErr> {
    let before = before.map(|id| Column::Id.lt(id));
    let some = existing().filter(Condition::all().add_option(before));
    some.order_by_desc(Column::Id).limit(limit).all(db.read()).await
}

/// Webhooks that nobody sends for, or that `owner` does.
pub async fn without_owner(db: &Db, owner: &str, now: Time) -> Result<Vec<WebhookId>, DbErr> {
    let free = Condition::any().add(Column::LeaseUntil.lt(now)).add(Column::LeaseOwner.eq(owner));
    let ids = existing().filter(Column::Disabled.eq(false)).filter(free);
    ids.select_only().column(Column::Id).limit(MOST).into_tuple().all(db.read()).await
}

/// Takes or keeps the right to send for a webhook; none where it is another's, or nothing is to be sent.
pub async fn hold(tx: &Tx, id: WebhookId, owner: &str, lease: Duration) -> Result<Option<Model>, Error> {
    let now = tx.now();
    let free = Condition::any().add(Column::LeaseUntil.lt(now)).add(Column::LeaseOwner.eq(owner));
    let done = webhook::Entity::update_many()
        .col_expr(Column::LeaseOwner, Expr::value(owner))
        .col_expr(Column::LeaseUntil, Expr::value(now + lease))
        .filter(Column::Id.eq(id))
        .filter(Column::Disabled.eq(false))
        .filter(Column::Deleted.eq(false))
        .filter(free)
        .exec(&**tx)
        .await?;
    match done.rows_affected {
        0 => Ok(None),
        _ => Ok(Some(find(&**tx, id).await?)),
    }
}

/// Gives the right back, so that another can go on at once.
pub async fn release(tx: &Tx, id: WebhookId, owner: &str) -> Result<(), DbErr> {
    let mine = webhook::Entity::update_many().col_expr(Column::LeaseUntil, Expr::value(Time(0)));
    let mine = mine.filter(Column::Id.eq(id)).filter(Column::LeaseOwner.eq(owner));
    mine.exec(&**tx).await.map(|_| ())
}

/// Ends all rights: of processes that cannot be there any more.
pub async fn end_leases(tx: &Tx) -> Result<(), DbErr> {
    webhook::Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(Time(0)))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Notes since when nothing was taken, or that something was.
pub async fn note_failing(tx: &Tx, id: WebhookId, since: Option<Time>) -> Result<(), DbErr> {
    let noted = webhook::Entity::update_many().col_expr(Column::FailingSince, Expr::value(since));
    noted.filter(Column::Id.eq(id)).exec(&**tx).await.map(|_| ())
}

/// Notes how far events were looked at, of a webhook whose row is locked.
pub async fn note_position(tx: &Tx, id: WebhookId, position: i64) -> Result<(), DbErr> {
    let noted = webhook::Entity::update_many().col_expr(Column::Position, Expr::value(position));
    noted.filter(Column::Id.eq(id)).exec(&**tx).await.map(|_| ())
}

/// Stores a secret anew, if it is still the same.
pub async fn rewrap(tx: &Tx, id: WebhookId, old: &str, new: &str) -> Result<(), DbErr> {
    for column in [Column::WrappedSecret, Column::OldWrappedSecret] {
        let same = webhook::Entity::update_many().col_expr(column, Expr::value(new));
        same.filter(Column::Id.eq(id)).filter(column.eq(old)).exec(&**tx).await?;
    }
    Ok(())
}

/// One that is deleted and not yet gone.
pub async fn deleted(db: &Db) -> Result<Option<WebhookId>, DbErr> {
    let first = webhook::Entity::find().filter(Column::Deleted.eq(true)).select_only().column(Column::Id);
    first.limit(1).into_tuple().one(db.read()).await
}

/// Deletes its row.
pub async fn forget(tx: &Tx, id: WebhookId) -> Result<(), DbErr> {
    webhook::Entity::delete_many()
        .filter(Column::Id.eq(id))
        .filter(Column::Deleted.eq(true))
        .exec(&**tx)
        .await
        .map(|_| ())
}
