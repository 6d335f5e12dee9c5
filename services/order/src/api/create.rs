//! CreateOrder: what is decided before the saga begins.

use contracts::order::{CreateOrderRequest, Order, OrderLine, create_order_request};
use kit::{
    Call, Fault, Written,
    id::{ArticleId, UserId},
};
use tokio::time::Instant;

use super::{
    address,
    begin::{Begun, Terms, offers, once, price_changed, store_first_step},
    parse,
};
use crate::{
    checkout::{ANSWER_WITHIN, CALL, Checkout, admission::Place},
    domain::{
        Line, basket,
        pricing::{priced_for, up_to_date},
    },
    error::Error,
    orders::Orders,
    store,
};

/// How many numbers are tried. One in a million million is taken, for each order that there is.
const NUMBERS: usize = 4;

/// Places an order in one call.
pub async fn create_order(
    orders: &Orders,
    call: &Call,
    request: CreateOrderRequest,
) -> Result<Written<Order>, Error> {
    let place = orders.admission.enter().await?;
    once(orders, call, try_to_create(orders, call, request, place)).await
}

async fn try_to_create(
    orders: &Orders,
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
        Terms::read(orders, request.payment_type, &request.payment_method, request.expected_total.as_ref())?;
    let wanted = merged(&request.lines)?;
    let remote = &orders.remote;
    let asked = call.within(CALL);
    let (address, offers, ()) = tokio::try_join!(
        destination(orders, &asked, user, &request),
        async { offers(&remote.articles(&asked, wanted.iter().map(|(id, _)| *id)).await?) },
        remote.can_pay(&asked, terms.payment_type, &terms.payment_method),
    )?;
    let line = |(id, quantity): &(ArticleId, i32)| match offers.get(id) {
        Some(offer) => Ok(offer.line(*quantity)),
        None => Err(Fault::not_found("article")),
    };
    let lines = wanted.iter().map(line).collect::<Result<Vec<Line>, _>>()?;
    basket::one_currency(&lines, None)?;
    let adjustments = up_to_date(&lines, Vec::new(), &orders.options.shipping)?;
    let priced = priced_for(terms.kind(orders)?, &lines, adjustments)?;
    let (adjustments, total) = priced.ok_or(Error::Empty)?;
    if terms.expected_total.is_some_and(|expected| expected != total) {
        return Err(price_changed(total).into());
    }
    let window = orders.options.payment_window;
    let input = std::sync::Arc::new((lines, adjustments, address, terms));
    let mut tries = 0;
    let opened = loop {
        tries += 1;
        let opened = orders.db.open(call, input.clone(), move |tx, input, claim| async move {
            let (lines, adjustments, address, terms) = &**input;
            let mut record = store::direct(&tx, user);
            (record.lines, record.adjustments) = (lines.clone(), adjustments.clone());
            record.order.address = Some(address.clone());
            store_first_step(&tx, &mut record, claim, terms, total);
            record.order.expire_time = Some(tx.now() + window);
            record.save().await.map(Some)
        });
        match opened.await {
            // Another order has the number: the next id has another one.
            Err(Error::NumberTaken) if tries < NUMBERS => {}
            opened => break opened?,
        }
    };
    match Begun::from(opened) {
        Begun::Changed => Err(Error::LeaseLost),
        Begun::Replayed(written) => Ok(*written),
        Begun::Over(message) => Ok(Written { message: *message, replayed: false }),
        Begun::Fresh(view, guard) => {
            let message = Checkout::run(orders, call, *view, guard, Some(place), limit).await?;
            Ok(Written { message, replayed: false })
        }
    }
}

/// Where an order that is placed in one call goes; staff's customer must exist.
async fn destination(
    orders: &Orders,
    call: &Call,
    user: UserId,
    request: &CreateOrderRequest,
) -> Result<Vec<u8>, Fault> {
    match &request.destination {
        Some(create_order_request::Destination::AddressId(id)) => {
            address::of_book(orders, call, user, id).await
        }
        Some(create_order_request::Destination::Address(address)) => {
            if call.me()? != user {
                orders.remote.user_exists(call, user).await?;
            }
            address::given(address)
        }
        None => Err(Fault::invalid("address_id", "is required, or an address")),
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
