//! Changing an open order.

use contracts::order::{AddLineRequest, Order, RemoveLineRequest, UpdateLineRequest};
use kit::{
    Call, Fault, Written,
    id::{ArticleId, LineId},
    replayed,
};

use super::{Api, Named, adjustments::carriage, lock, named, parse};
use crate::{
    checkout::CALL,
    domain::{Offer, State, basket, state::Illegal},
    error::Error,
    store::{self, Record},
};

impl Api {
    /// Adds an article; the first line added to `open` makes the basket.
    pub(crate) async fn add(&self, call: &Call, request: AddLineRequest) -> Result<Written<Order>, Error> {
        if let Some(written) = replayed(self.db(), call).await? {
            return Ok(written);
        }
        let (named, scope) = (named(call, &request.order_id, "order_id")?, call.scope()?);
        let article_id: ArticleId = parse(&request.article_id, "article_id")?;
        let article = self.saga.remote.article(&call.within(CALL), article_id).await.map_err(|fault| {
            match fault.code {
                tonic::Code::NotFound => Fault::not_found("article"),
                _ => fault,
            }
        })?;
        let offer = Offer::of(&article)?.ok_or_else(|| Fault::not_found("article"))?;
        let options = self.saga.options.clone();
        let write = move |tx: kit::Tx| {
            let (offer, options, etag) = (offer.clone(), options.clone(), request.etag.clone());
            async move {
                let mut record = match named {
                    Named::Open(user) => store::create_basket(&tx, user).await?,
                    Named::Id(_) => lock(&tx, named, scope).await?,
                };
                must_be_open(&record)?;
                record.check_etag(&etag)?;
                basket::add(&mut record.lines, &offer, request.quantity)?;
                carriage(&mut record, &options);
                record.save().await
            }
        };
        self.saga.write(call, write).await
    }

    /// Changes a line's quantity.
    pub(crate) async fn change_quantity(
        &self,
        call: &Call,
        request: UpdateLineRequest,
    ) -> Result<Written<Order>, Error> {
        let (named, scope) = (named(call, &request.order_id, "order_id")?, call.scope()?);
        let line_id: LineId = parse(&request.line_id, "line_id")?;
        let write = move |tx: kit::Tx| {
            let etag = request.etag.clone();
            async move {
                let mut record = lock(&tx, named, scope).await?;
                let line =
                    record.lines.iter_mut().find(|line| line.id == line_id).ok_or(Error::NotFound("line"))?;
                line.quantity = request.quantity;
                must_be_open(&record)?;
                record.check_etag(&etag)?;
                record.save().await
            }
        };
        self.saga.write(call, write).await
    }

    /// Removes a line.
    pub(crate) async fn remove(
        &self,
        call: &Call,
        request: RemoveLineRequest,
    ) -> Result<Written<Order>, Error> {
        let (named, scope) = (named(call, &request.order_id, "order_id")?, call.scope()?);
        let line_id: LineId = parse(&request.line_id, "line_id")?;
        let options = self.saga.options.clone();
        let write = move |tx: kit::Tx| {
            let (etag, options) = (request.etag.clone(), options.clone());
            async move {
                let mut record = lock(&tx, named, scope).await?;
                let place =
                    record.lines.iter().position(|line| line.id == line_id).ok_or(Error::NotFound("line"))?;
                must_be_open(&record)?;
                record.check_etag(&etag)?;
                record.lines.remove(place);
                carriage(&mut record, &options);
                record.save().await
            }
        };
        self.saga.write(call, write).await
    }

    pub(crate) fn db(&self) -> &kit::Db {
        &self.saga.db
    }
}

/// Lines and adjustments change only while the order is open.
pub(super) fn must_be_open(record: &Record) -> Result<(), Error> {
    let state = record.order.state;
    if state == State::Open { Ok(()) } else { Err(Illegal { state }.into()) }
}
