//! Checkout, from OPEN: what is decided before the saga begins.

use contracts::order::{CheckoutRequest, Order, checkout_request};
use kit::{Call, Fault, Scope, Written};
use tokio::time::Instant;

use super::{
    address,
    begin::{Begun, Terms, offers, once, price_changed, store_first_step, unclaim},
    find_view, named,
    pay_again::pay_again,
};
use crate::{
    checkout::{ANSWER_WITHIN, CALL, Checkout, admission::Place},
    domain::{
        Event, Line, State, Step, basket, notes,
        pricing::{priced_for, up_to_date, with_shipping},
    },
    error::Error,
    orders::Orders,
    store::{Record, View},
};

/// How often a checkout begins anew because the order changed while it was being prepared.
const TRIES: usize = 5;

/// Checks an order out: from OPEN, or from AWAITING_PAYMENT to pay by another method.
pub async fn checkout(
    orders: &Orders,
    call: &Call,
    request: CheckoutRequest,
) -> Result<Written<Order>, Error> {
    // First of all: whoever is turned away leaves nothing, and costs next to nothing.
    let place = orders.admission.enter().await?;
    once(orders, call, try_to_check_out(orders, call, request, place)).await
}

async fn try_to_check_out(
    orders: &Orders,
    call: &Call,
    request: CheckoutRequest,
    place: Place,
) -> Result<Written<Order>, Error> {
    let limit = Instant::now() + ANSWER_WITHIN;
    let named = named(call, &request.id, "id")?;
    let terms =
        Terms::read(orders, request.payment_type, &request.payment_method, request.expected_total.as_ref())?;
    let terms = std::sync::Arc::new(terms);
    // Prices, address and payment method are asked for without a lock, because no transaction waits for the network.
    // The first transaction then compares the order's version; where that changed meanwhile, all is asked for anew.
    for _ in 0..TRIES {
        let view = find_view(orders, call, named).await?;
        view.order.state.next(Event::CheckOut)?;
        if view.order.step != Step::Idle {
            return Err(Error::Busy { state: view.order.state });
        }
        if !request.etag.is_empty() && request.etag != view.order.version.to_string() {
            return Err(Error::Stale);
        }
        let address = match &request.destination {
            None if view.order.address.is_some() => None,
            None => return Err(Fault::invalid("address_id", "is required, or an address").into()),
            Some(checkout_request::Destination::Address(address)) => Some(address::given(address)?),
            Some(checkout_request::Destination::AddressId(id)) => {
                Some(address::of_book(orders, call, view.order.user_id, id).await?)
            }
        };
        let begun = match view.order.state {
            State::Open => begin(orders, call, &view, address, &terms).await?,
            _ => pay_again(orders, call, &view, address, &terms).await?,
        };
        match begun {
            Begun::Changed => {}
            Begun::Replayed(written) => return Ok(*written),
            Begun::Over(message) => return Ok(Written { message: *message, replayed: false }),
            Begun::Fresh(view, guard) => {
                orders.watchers.notify(view.order.id, view.order.events);
                let message = Checkout::run(orders, call, *view, guard, Some(place), limit).await?;
                return Ok(Written { message, replayed: false });
            }
        }
    }
    Err(Error::LeaseLost)
}

/// OPEN → CHECKING_OUT: freezes lines, prices and address, and stores the first step.
async fn begin(
    orders: &Orders,
    call: &Call,
    view: &View,
    address: Option<Vec<u8>>,
    terms: &std::sync::Arc<Terms>,
) -> Result<Begun, Error> {
    if view.lines.is_empty() {
        return Err(Error::Empty);
    }
    let articles = view.lines.iter().map(|line| line.article_id);
    let (remote, asked) = (&orders.remote, call.within(CALL));
    let (offers, ()) = tokio::try_join!(
        async { offers(&remote.articles(&asked, articles).await?) },
        remote.can_pay(&asked, terms.payment_type, &terms.payment_method),
    )?;
    let mut lines = view.lines.clone();
    let mut drifted = false;
    for line in &mut lines {
        let offer = offers.get(&line.article_id).ok_or_else(|| Fault::not_found("article"))?;
        drifted |= line.refresh(offer);
    }
    let so_far = view.order.currency.as_deref().and_then(|code| code.parse().ok());
    basket::one_currency(&lines, so_far)?;
    let adjustments = up_to_date(&lines, view.adjustments.clone(), &orders.options.shipping)?;
    drifted |= adjustments != view.adjustments;
    let priced = priced_for(terms.kind(orders)?, &lines, adjustments)?;
    let (adjustments, total) = priced.ok_or(Error::Empty)?;
    if terms.expected_total.map_or(drifted, |expected| expected != total) {
        if drifted {
            refresh(orders, call, view, lines).await?;
        }
        return Err(price_changed(total).into());
    }
    let window = orders.options.payment_window;
    let input = (view.clone(), lines, adjustments, address, terms.clone());
    let opened = orders.db.open(call, input, move |tx, input, claim| async move {
        let (view, lines, adjustments, address, terms) = &*input;
        // The version that was priced, under the lock: a line that came in meanwhile is not sold at no price, and of
        // two checkouts of one basket the second finds it changed.
        let Some(mut record) = Record::lock_unchanged(&tx, view).await? else {
            unclaim(&tx, claim).await?;
            return Ok(None);
        };
        (record.lines, record.adjustments) = (lines.clone(), adjustments.clone());
        if address.is_some() {
            record.order.address.clone_from(address);
        }
        record.apply(Event::CheckOut, notes::ORDERED)?;
        store_first_step(&tx, &mut record, claim, terms, total);
        record.order.expire_time = Some(tx.now() + window);
        record.save().await.map(Some)
    });
    Ok(opened.await?.into())
}

/// Takes the new prices over into an open order.
async fn refresh(orders: &Orders, call: &Call, view: &View, lines: Vec<Line>) -> Result<(), Error> {
    let (id, version) = (view.order.id, view.order.version);
    let input = (lines, orders.options.clone());
    let refreshed = orders.transact(call, input, move |tx, input| async move {
        let (lines, options) = &*input;
        let mut record = Record::lock(&tx, id, Scope::All).await?;
        if record.order.version == version && record.order.state == State::Open {
            record.lines.clone_from(lines);
            let adjustments = std::mem::take(&mut record.adjustments);
            record.adjustments = with_shipping(&record.lines, adjustments, &options.shipping);
        }
        record.save().await
    });
    refreshed.await.map(|_| ())
}
