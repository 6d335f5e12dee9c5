//! How many mails a shopper got.

use std::time::Duration;

use kit::{Time, id::UserId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait,
};

use super::entities::{mail, order};
use crate::domain::MailState;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How many mails about a user's orders were sent within the last day.
pub async fn within_a_day(db: &impl ConnectionTrait, user: UserId, now: Time) -> Result<u64, DbErr> {
    let orders = order::Entity::find()
        .select_only()
        .column(order::Column::Id)
        .filter(order::Column::UserId.eq(user))
        .filter(order::Column::UpdateTime.gt(now - DAY));
    mail::Entity::find()
        .filter(mail::Column::OrderId.in_subquery(orders.into_query()))
        .filter(mail::Column::State.eq(MailState::Sent))
        .filter(mail::Column::UpdateTime.gt(now - DAY))
        .count(db)
        .await
}
