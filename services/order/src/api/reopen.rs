//! Taking an order back: what is decided before the saga begins.

use contracts::order::{Order, ReopenOrderRequest};
use kit::{Call, Opened, Written};
use tokio::time::Instant;

use super::{Api, named};
use crate::{
    checkout::{ANSWER_WITHIN, LEASE},
    domain::{Event, State, Step, next},
    error::Error,
    store::{Record, View},
};

impl Api {
    /// Takes an order back that waits for its payment: it is the basket then.
    pub(crate) async fn reopen(
        &self,
        call: &Call,
        request: ReopenOrderRequest,
    ) -> Result<Written<Order>, Error> {
        self.once(call, self.try_reopen(call, request)).await
    }

    async fn try_reopen(&self, call: &Call, request: ReopenOrderRequest) -> Result<Written<Order>, Error> {
        let limit = Instant::now() + ANSWER_WITHIN;
        let scope = call.scope()?;
        let row = self.find(call, named(call, &request.id, "id")?).await?;
        may_be_reopened(row.state, row.step)?;
        self.saga.must_be_decided(call, row.payment_id).await?;
        let id = row.id;
        let opened = kit::open::<View, Order, Error, _, _>(self.db(), call, move |tx, claim| {
            let etag = request.etag.clone();
            async move {
                let mut record = Record::lock(&tx, id, scope).await?;
                record.check_etag(&etag)?;
                may_be_reopened(record.order.state, record.order.step)?;
                record.order.claim = claim;
                // From here on it has the basket's place: another basket is found out before anything is voided.
                record.order.step = Step::Reopen;
                record.lease(tx.now() + LEASE);
                record.save().await
            }
        })
        .await?;
        match opened {
            Opened::Replayed(written) => Ok(written),
            Opened::Fresh { value, guard, .. } => {
                let message = self.saga.run(call, value, guard, None, limit).await?;
                Ok(Written { message, replayed: false })
            }
        }
    }
}

fn may_be_reopened(state: State, step: Step) -> Result<(), Error> {
    next(state, Event::Reopen)?;
    if step == Step::Idle { Ok(()) } else { Err(Error::Busy { state }) }
}
