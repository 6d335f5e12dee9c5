//! AddLine, UpdateLine, RemoveLine: changing an open order.

use contracts::order::{AddLineRequest, Order, RemoveLineRequest, UpdateLineRequest};
use kit::{
    Call, Fault, Money, Written,
    id::{ArticleId, LineId},
    replayed,
};

use super::{Named, lock, named, parse};
use crate::{
    checkout::CALL,
    domain::{State, basket, pricing::with_shipping, state::Illegal},
    error::Error,
    orders::Orders,
    store::{self, Record},
};

/// Adds an article; the first line added to `open` makes the basket.
pub async fn add_line(
    orders: &Orders,
    call: &Call,
    request: AddLineRequest,
) -> Result<Written<Order>, Error> {
    // Before the article is asked for: a repeat is answered as it was, whatever has become of the article.
    if let Some(written) = replayed(&orders.db, call).await? {
        return Ok(written);
    }
    let (named, scope) = (named(call, &request.order_id, "order_id")?, call.scope()?);
    let article_id: ArticleId = parse(&request.article_id, "article_id")?;
    let article = orders.remote.article(&call.within(CALL), article_id).await;
    let article = article.map_err(|fault| match fault.code {
        tonic::Code::NotFound => Fault::not_found("article"),
        _ => fault,
    })?;
    let offer = article.offer.ok_or_else(|| Fault::not_found("article"))?;
    let input = (offer, request, orders.options.clone());
    let write = orders.write(call, input, move |tx, input| async move {
        let (offer, request, options) = &*input;
        let mut record = match named {
            Named::Open(user) => store::create_basket(&tx, user).await?,
            Named::Id(_) => lock(&tx, named, scope).await?,
        };
        must_be_open(&record)?;
        record.check_etag(&request.etag)?;
        basket::add(&mut record.lines, offer, request.quantity)?;
        update_shipping(&mut record, &options.shipping);
        record.save().await
    });
    write.await
}

/// Changes a line's quantity.
pub async fn update_line(
    orders: &Orders,
    call: &Call,
    request: UpdateLineRequest,
) -> Result<Written<Order>, Error> {
    let (named, scope) = (named(call, &request.order_id, "order_id")?, call.scope()?);
    let line_id: LineId = parse(&request.line_id, "line_id")?;
    let write = orders.write(call, request, move |tx, request| async move {
        let mut record = lock(&tx, named, scope).await?;
        let line = record.lines.iter_mut().find(|line| line.id == line_id).ok_or(Error::NotFound("line"))?;
        line.quantity = request.quantity;
        must_be_open(&record)?;
        record.check_etag(&request.etag)?;
        record.save().await
    });
    write.await
}

/// Removes a line.
pub async fn remove_line(
    orders: &Orders,
    call: &Call,
    request: RemoveLineRequest,
) -> Result<Written<Order>, Error> {
    let (named, scope) = (named(call, &request.order_id, "order_id")?, call.scope()?);
    let line_id: LineId = parse(&request.line_id, "line_id")?;
    let input = (request.etag, orders.options.clone());
    let write = orders.write(call, input, move |tx, input| async move {
        let (etag, options) = &*input;
        let mut record = lock(&tx, named, scope).await?;
        let place = record.lines.iter().position(|line| line.id == line_id).ok_or(Error::NotFound("line"))?;
        must_be_open(&record)?;
        record.check_etag(etag)?;
        record.lines.remove(place);
        update_shipping(&mut record, &options.shipping);
        record.save().await
    });
    write.await
}

/// Brings the shipping that the configuration sets up to date with the lines.
fn update_shipping(record: &mut Record, rates: &[Money]) {
    record.adjustments = with_shipping(&record.lines, std::mem::take(&mut record.adjustments), rates);
}

/// Lines and adjustments change only while the order is open. Judged under the lock: a checkout that begins at the same
/// time either finds the change, or has it refused.
pub(super) fn must_be_open(record: &Record) -> Result<(), Error> {
    let state = record.order.state;
    if state == State::Open { Ok(()) } else { Err(Illegal { state }.into()) }
}
