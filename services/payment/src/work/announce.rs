//! Once at start: publishes payments again that wait for their customer, because their action URLs begin with the address
//! of this process's simulated provider, which may have moved.

use kit::Scope;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    domain::State,
    engine::{Engine, background},
    error::Error,
    store::{
        entities::payment::{Column, Entity},
        payments,
    },
};

/// So many are published.
const MOST: u64 = 1_000;

pub fn start(engine: &Engine) {
    let work = engine.clone();
    engine.tasks().spawn_until_drain(async move {
        if let Err(error) = announce(&work).await {
            tracing::warn!(%error, "waiting payments were not announced");
        }
    });
}

pub async fn announce(engine: &Engine) -> Result<(), Error> {
    let call = background("announce");
    let waiting = Entity::find().filter(Column::State.eq(State::Processing)).filter(Column::Action.ne(""));
    for found in waiting.limit(MOST).all(engine.db().read()).await? {
        let publish = engine.db().transact(&call, engine.clone(), move |tx, engine| async move {
            // Locked and read again: the customer may have acted since, and an old event must not follow a newer one.
            let payment = payments::lock(&tx, Scope::All, found.id).await?;
            if payment.state == State::Processing {
                engine.publish(&tx, &payment, Some(payment.state))?;
            }
            Ok(())
        });
        publish.await?;
    }
    Ok(())
}
