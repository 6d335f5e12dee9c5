//! Placing an order in one call: what is decided before the saga begins.

use contracts::order::{CreateOrderRequest, Order, OrderLine, create_order_request};
use kit::{
    Call, Fault, Written,
    id::{ArticleId, UserId},
};
use tokio::time::Instant;

use super::{
    Api,
    adjustments::up_to_date,
    checkout::{Begun, copy_of, given, no_address, offers, price_changed, start},
    parse,
};
use crate::{
    checkout::admission::Place,
    checkout::{ANSWER_WITHIN, CALL},
    domain::{Line, basket, totals},
    error::Error,
    store::{self, View},
};

impl Api {
    /// Places an order in one call.
    pub(crate) async fn place(
        &self,
        call: &Call,
        request: CreateOrderRequest,
    ) -> Result<Written<Order>, Error> {
        let place = self.saga.admission.enter().await?;
        self.once(call, self.try_place(call, request, place)).await
    }

    async fn try_place(
        &self,
        call: &Call,
        request: CreateOrderRequest,
        place: Place,
    ) -> Result<Written<Order>, Error> {
        let limit = Instant::now() + ANSWER_WITHIN;
        let user = match request.user_id.as_str() {
            "" => call.me()?,
            text => call.user_id(text, "user_id")?,
        };
        let terms =
            self.terms(request.payment_type, &request.payment_method, request.expected_total.as_ref())?;
        let wanted = merged(&request.lines)?;
        let remote = &self.saga.remote;
        let asked = call.within(CALL);
        let (address, offers, ()) = tokio::try_join!(
            self.destination(&asked, user, &request),
            async { offers(&remote.articles(&asked, wanted.iter().map(|(id, _)| *id)).await?) },
            remote.can_pay(&asked, terms.payment_type, &terms.payment_method),
        )?;
        let line = |(id, quantity): &(ArticleId, i32)| match offers.get(id) {
            Some(offer) => Ok(offer.line(*quantity)),
            None => Err(Fault::not_found("article")),
        };
        let lines = wanted.iter().map(line).collect::<Result<Vec<Line>, _>>()?;
        basket::one_currency(&lines, None)?;
        let adjustments = up_to_date(&lines, Vec::new(), &self.saga.options)?;
        let adjustments = self.with_fee(&lines, adjustments, terms.payment_type)?;
        let total = totals(&lines, &adjustments)?.ok_or(Error::Empty)?.total;
        if terms.expected_total.is_some_and(|expected| expected != total) {
            return Err(price_changed(total).into());
        }
        let window = self.saga.options.payment_window;
        let opened = kit::open::<Option<View>, Order, Error, _, _>(self.db(), call, move |tx, claim| {
            let (lines, adjustments, address) = (lines.clone(), adjustments.clone(), address.clone());
            let (method, kind) = (terms.payment_method.clone(), terms.payment_type);
            async move {
                let mut record = store::create_direct(&tx, user).await?;
                (record.lines, record.adjustments) = (lines, adjustments);
                record.order.address = Some(address);
                start(&tx, &mut record, claim, kind, method).await?;
                record.order.expire_time = Some(tx.now() + window);
                record.save().await.map(Some)
            }
        })
        .await?;
        match Begun::from(opened) {
            Begun::Changed => Err(Error::LeaseLost),
            Begun::Replayed(written) => Ok(*written),
            Begun::Over(message) => Ok(Written { message: *message, replayed: false }),
            Begun::Fresh(view, guard) => {
                let message = self.saga.run(call, *view, guard, Some(place), limit).await?;
                Ok(Written { message, replayed: false })
            }
        }
    }

    /// Where an order that is placed in one call goes; staff's customer must exist.
    async fn destination(
        &self,
        call: &Call,
        user: UserId,
        request: &CreateOrderRequest,
    ) -> Result<Vec<u8>, Fault> {
        match &request.destination {
            Some(create_order_request::Destination::AddressId(id)) => self
                .saga
                .remote
                .address(call, user, id)
                .await
                .map(|address| copy_of(&address))
                .map_err(no_address),
            Some(create_order_request::Destination::Address(address)) => {
                if call.me()? != user {
                    self.saga.remote.user_exists(call, user).await?;
                }
                given(address)
            }
            None => Err(Fault::invalid("address_id", "is required, or an address")),
        }
    }
}

/// The wanted articles, each once.
fn merged(lines: &[OrderLine]) -> Result<Vec<(ArticleId, i32)>, Fault> {
    let mut wanted: Vec<(ArticleId, i32)> = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let id: ArticleId = parse(&line.article_id, &format!("lines[{place}].article_id"))?;
        match wanted.iter_mut().find(|(known, _)| *known == id) {
            Some((_, quantity)) => {
                *quantity += line.quantity;
                if *quantity > basket::MOST_OF_ONE {
                    let problem = format!("makes more than {} of one article", basket::MOST_OF_ONE);
                    return Err(Fault::invalid(format!("lines[{place}].quantity"), problem));
                }
            }
            None => wanted.push((id, line.quantity)),
        }
    }
    Ok(wanted)
}
