//! `order.feed.article`: units that come back to stock.

use std::sync::Arc;

use contracts::{article::StockReturned, mesh::FeedEvent};
use kit::{
    Fault, Role, Scope, Tx, follow,
    id::{ArticleId, OrderId},
};

use super::{
    feeds::{Passed, own},
    payment_feed::Changed,
};
use crate::{error::Error, orders::Orders, store::Record};

/// Units of an order came back to stock.
pub(super) async fn handle(orders: &Orders, passed: &Passed, event: FeedEvent) -> Result<(), Error> {
    let position = event.position;
    let Some(returned) = follow::event::<StockReturned>(&event) else {
        return passed.go_past(orders, position).await;
    };
    let work =
        move |tx: Tx, returned: Arc<StockReturned>| async move { apply(&tx, position, &returned).await };
    if let Some((id, events)) = orders.db.transact(&own(), returned, work).await? {
        orders.watchers.notify(id, events);
    }
    Ok(())
}

/// Counts them, unless the event was handled before.
pub async fn apply(tx: &Tx, position: i64, returned: &StockReturned) -> Result<Changed, Error> {
    // So many more than before: what another replica has counted is not counted again. The position's row stays locked
    // until the commit, so of replicas that handle the event at the same time one moves it.
    if !follow::advance(tx, Role::Article.name(), position).await? {
        return Ok(None);
    }
    take_back(tx, returned).await
}

async fn take_back(tx: &Tx, returned: &StockReturned) -> Result<Changed, Error> {
    let order_id: OrderId = returned.order_id.parse().map_err(Fault::internal)?;
    let article_id: ArticleId = returned.article_id.parse().map_err(Fault::internal)?;
    let mut record = match Record::lock(tx, order_id, Scope::All).await {
        Ok(record) => record,
        Err(Error::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(line) = record.lines.iter_mut().find(|line| line.article_id == article_id) else {
        return Ok(None);
    };
    // The article service has counted them: they are never more than were sold.
    let units = i32::try_from(returned.quantity).map_err(Fault::internal)?;
    line.returned = (line.returned + units).min(line.quantity);
    let note = format!("We have {units} × {} back.", line.name);
    record.note(&note);
    let view = record.save().await?;
    Ok(Some((order_id, view.order.events)))
}
