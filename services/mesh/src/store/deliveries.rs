//! Deliveries: made of events, and what became of each.

use kit::{
    Db, Time, Tx,
    id::{DeliveryId, Id as _, WebhookId},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait as _},
};

use super::entities::{
    delivery::{self, Column, Model},
    event, webhook,
};
use crate::{domain::DeliveryState, error::Error};

/// How many are forgotten at a time.
const AT_ONCE: i64 = 2_000;
/// How many of a webhook are kept at the most.
const KEPT: i64 = 100_000;
/// Of so many of a webhook's newest the answer is kept, and of all that wait; of others what status it had.
const ANSWERS: i64 = 1_000;
/// How many wait to be sent to a webhook at the most; other events wait in the log.
pub const WAITING: usize = 1_000;
/// How many of those that wait are read at a time: there are more where many were begun anew.
pub const READ: usize = 2 * WAITING;

/// Makes deliveries of events for a webhook whose row is locked, in their order, and moves it on to `until`.
pub async fn insert(
    tx: &Tx,
    webhook: &webhook::Model,
    events: &[event::Model],
    until: i64,
) -> Result<Vec<Model>, DbErr> {
    let now = tx.now();
    let made: Vec<Model> = events
        .iter()
        .zip(webhook.sequences + 1..)
        .map(|(event, sequence)| Model {
            id: DeliveryId::new(),
            webhook_id: webhook.id,
            sequence,
            event_id: event.id,
            position: event.position,
            kind: event.kind.clone(),
            subject: event.subject.clone(),
            parent: event.parent.clone(),
            event_time: event.create_time,
            state: DeliveryState::Pending,
            attempts: 0,
            status_code: 0,
            response: String::new(),
            first_try: None,
            next_try: now,
            create_time: now,
            update_time: now,
        })
        .collect();
    for some in made.chunks(200) {
        let rows = some.iter().cloned().map(sea_orm::IntoActiveModel::into_active_model);
        delivery::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    }
    let sequences = webhook.sequences + made.len() as i64;
    webhook::Entity::update_many()
        .col_expr(webhook::Column::Sequences, Expr::value(sequences))
        .col_expr(webhook::Column::Position, Expr::value(until))
        .filter(webhook::Column::Id.eq(webhook.id))
        .exec(&**tx)
        .await?;
    forget_answers(tx, webhook.id, webhook.sequences, sequences).await?;
    Ok(made)
}

/// Writes one that was sent already.
pub async fn insert_one(tx: &Tx, mut webhook: webhook::Model, mut model: Model) -> Result<Model, Error> {
    webhook.sequences += 1;
    model.sequence = webhook.sequences;
    delivery::Entity::insert(model.clone().into_active_model()).exec_without_returning(&**tx).await?;
    count(tx, &webhook).await?;
    Ok(model)
}

async fn count(tx: &Tx, webhook: &webhook::Model) -> Result<(), DbErr> {
    let counted = webhook::Entity::update_many()
        .col_expr(webhook::Column::Sequences, Expr::value(webhook.sequences))
        .col_expr(webhook::Column::Revision, Expr::col(webhook::Column::Revision).add(1));
    counted.filter(webhook::Column::Id.eq(webhook.id)).exec(&**tx).await?;
    forget_answers(tx, webhook.id, webhook.sequences - 1, webhook.sequences).await
}

/// Forgets what was answered to deliveries that are over and have left the newest, as the last sequence went from `before` to
/// `now`: receivers decide how long their answers are, and of most nobody asks any more.
async fn forget_answers(tx: &Tx, webhook: WebhookId, before: i64, now: i64) -> Result<(), DbErr> {
    if now <= ANSWERS {
        return Ok(());
    }
    delivery::Entity::update_many()
        .col_expr(Column::Response, Expr::value(""))
        .filter(Column::WebhookId.eq(webhook))
        .filter(Column::Sequence.gt(before - ANSWERS))
        .filter(Column::Sequence.lte(now - ANSWERS))
        .filter(Column::State.ne(DeliveryState::Pending))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// What waits to be sent to a webhook, in its order: the first [`READ`].
pub async fn waiting(db: &Db, webhook: WebhookId) -> Result<Vec<Model>, DbErr> {
    let waiting = of(webhook).filter(Column::State.eq(DeliveryState::Pending));
    waiting.order_by_asc(Column::Sequence).limit(READ as u64).all(db.read()).await
}

fn of(webhook: WebhookId) -> sea_orm::Select<delivery::Entity> {
    delivery::Entity::find().filter(Column::WebhookId.eq(webhook))
}

/// The newest deliveries of a webhook before one.
pub async fn list(db: &Db, webhook: WebhookId, before: Option<i64>, limit: u64) -> Result<Vec<Model>, DbErr> {
    let before = before.map(|sequence| Column::Sequence.lt(sequence));
    let some = of(webhook).filter(Condition::all().add_option(before));
    some.order_by_desc(Column::Sequence).limit(limit).all(db.read()).await
}

/// A delivery of a webhook.
pub async fn find(db: &impl ConnectionTrait, webhook: WebhookId, id: DeliveryId) -> Result<Model, Error> {
    of(webhook).filter(Column::Id.eq(id)).one(db).await?.ok_or(Error::NoDelivery)
}

/// Begins one anew, for a webhook whose row is locked: behind what waits, unless it waits itself.
pub async fn begin_anew(tx: &Tx, mut webhook: webhook::Model, id: DeliveryId) -> Result<Model, Error> {
    let mut model = find(&**tx, webhook.id, id).await?;
    if model.state != DeliveryState::Pending {
        webhook.sequences += 1;
        model.sequence = webhook.sequences;
    }
    (model.state, model.first_try) = (DeliveryState::Pending, None);
    (model.next_try, model.update_time) = (tx.now(), tx.now());
    let again = delivery::Entity::update_many()
        .col_expr(Column::Sequence, Expr::value(model.sequence))
        .col_expr(Column::State, Expr::value(model.state))
        .col_expr(Column::FirstTry, Expr::value(model.first_try))
        .col_expr(Column::NextTry, Expr::value(model.next_try))
        .col_expr(Column::UpdateTime, Expr::value(model.update_time));
    again.filter(Column::Id.eq(id)).exec(&**tx).await?;
    count(tx, &webhook).await?;
    Ok(model)
}

/// Writes what became of one that was sent, unless it was ended meanwhile. `newest` is its webhook's last sequence.
pub async fn record(tx: &Tx, model: &Model, newest: i64) -> Result<(), DbErr> {
    let is_kept = model.state == DeliveryState::Pending || model.sequence > newest - ANSWERS;
    let response = if is_kept { model.response.clone() } else { String::new() };
    let row = delivery::ActiveModel {
        state: Set(model.state),
        attempts: Set(model.attempts),
        status_code: Set(model.status_code),
        response: Set(response),
        first_try: Set(model.first_try),
        next_try: Set(model.next_try),
        update_time: Set(tx.now()),
        ..Default::default()
    };
    let waiting = delivery::Entity::update_many().set(row).filter(Column::Id.eq(model.id));
    waiting.filter(Column::State.eq(DeliveryState::Pending)).exec(&**tx).await.map(|_| ())
}

/// Ends all that waits for a webhook.
pub async fn give_up_all(tx: &Tx, webhook: WebhookId) -> Result<(), Error> {
    delivery::Entity::update_many()
        .col_expr(Column::State, Expr::value(DeliveryState::Failed))
        .col_expr(Column::UpdateTime, Expr::value(tx.now()))
        .filter(Column::WebhookId.eq(webhook))
        .filter(Column::State.eq(DeliveryState::Pending))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Forgets some deliveries of a webhook from before a time, and of those that are too many, but none that waits. Says whether
/// there may be more.
pub async fn forget(tx: &Tx, webhook: WebhookId, before: Option<Time>) -> Result<bool, DbErr> {
    let edge = |such: Expr, descending: bool| {
        let some = of(webhook).select_only().column(Column::Sequence).filter(such).limit(1);
        if descending { some.order_by_desc(Column::Sequence) } else { some.order_by_asc(Column::Sequence) }
    };
    let first = edge(Column::Sequence.gt(0_i64), false).into_tuple::<i64>().one(&**tx).await?;
    let newest = edge(Column::Sequence.gt(0_i64), true).into_tuple::<i64>().one(&**tx).await?;
    let (Some(first), Some(newest)) = (first, newest) else { return Ok(false) };
    let end = first.saturating_add(AT_ONCE);
    // All of one that is deleted.
    let until = match before {
        None => end,
        Some(before) => {
            let kept = Column::State
                .eq(DeliveryState::Pending)
                .or(Column::CreateTime.gte(before).and(Column::Sequence.gt(newest - KEPT)));
            let kept = edge(Column::Sequence.lt(end).and(kept), false).into_tuple::<i64>().one(&**tx).await?;
            kept.unwrap_or(end)
        }
    };
    let old = delivery::Entity::delete_many().filter(Column::WebhookId.eq(webhook));
    old.filter(Column::Sequence.lt(until)).exec(&**tx).await?;
    Ok(until == end)
}
