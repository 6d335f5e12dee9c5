//! New orders.

use kit::{
    Tx,
    id::{Id, OrderId, UserId},
    insert_new,
};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::{
    Record,
    entities::{event, order},
    save::{refused, write_events},
};
use crate::{
    domain::{State, notes, number::number_of},
    error::Error,
};

/// The user's basket, made if there is none. When two calls make it at once, the unique index on `basket_of` keeps
/// one: the other's insert waits for that commit, inserts nothing, and locks the basket that is there.
pub async fn create_basket(tx: &Tx, user: UserId) -> Result<Record, Error> {
    match Record::lock_basket(tx, user).await {
        Err(Error::NotFound(_)) => {}
        basket => return basket,
    }
    let (id, number) = numbered(tx).await?;
    let model = order::Model::new(id, number, user, tx.now());
    let model = order::Model { basket_of: Some(user), direct: false, ..model };
    let first = first_event(tx, &model, notes::BASKET_BEGUN);
    let made = insert_new(&**tx, model.into_active_model(), [order::Column::BasketOf]).await;
    if made.map_err(refused)? {
        write_events(tx, None, vec![first]);
    }
    Record::lock_basket(tx, user).await
}

/// A new order that is placed in one call, to be inserted as it is saved: it begins where a basket's checkout begins.
/// Where another order has its number, saving it is refused ([`Error::NumberTaken`]).
pub fn direct(tx: &Tx, user: UserId) -> Record {
    let id = OrderId::new();
    let order = order::Model::new(id, number_of(id), user, tx.now());
    let order = order::Model { state: State::CheckingOut, ..order };
    let first = first_event(tx, &order, notes::ORDERED);
    Record::new(tx, order, first)
}

/// A new id, and the number that comes with it: one that no order has. Two transactions may find the same number free;
/// the unique index then refuses the second (`refused`).
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
