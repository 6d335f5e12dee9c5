//! Checking an order out: what is decided before the saga begins.

use std::collections::HashMap;

use contracts::{
    article::Article,
    order::{CheckoutRequest, Order, checkout_request},
    payment::PaymentState,
    user::Address,
};
use kit::{Call, Fault, Money, Opened, Reason, Written, id::ArticleId, replayed};
use prost::Message;
use tokio::time::Instant;

use super::{
    Api,
    adjustments::{carriage, up_to_date},
    named,
};
use crate::{
    checkout::admission::Place,
    checkout::{ANSWER_WITHIN, CALL, LEASE, pays_for_nothing, plan_payment, take_news},
    domain::{Event, Line, Offer, State, Step, basket, next, notes, totals},
    error::Error,
    store::{self, Record, View},
};

/// How often a checkout begins anew because the order changed while it was being prepared.
const TRIES: usize = 5;

/// Trying other payments keeps an order's stock held for so many payment windows at most.
const LONGEST: u32 = 4;

/// How a checkout is to be paid, and what is agreed to.
pub(super) struct Terms {
    pub(super) payment_type: i32,
    pub(super) payment_method: String,
    pub(super) expected_total: Option<Money>,
}

impl Api {
    /// Checks an order out: from OPEN, or from AWAITING_PAYMENT to pay by another method.
    pub(crate) async fn check_out(
        &self,
        call: &Call,
        request: CheckoutRequest,
    ) -> Result<Written<Order>, Error> {
        // First of all: whoever is turned away leaves nothing, and costs next to nothing.
        let place = self.saga.admission.enter().await?;
        self.once(call, self.try_check_out(call, request, place)).await
    }

    /// Answers a call whose key is known already as it was answered then; also where the same call is under
    /// way elsewhere, and this one was refused for what that one has changed.
    pub(super) async fn once(
        &self,
        call: &Call,
        work: impl Future<Output = Result<Written<Order>, Error>>,
    ) -> Result<Written<Order>, Error> {
        if let Some(written) = replayed(self.db(), call).await? {
            return Ok(written);
        }
        match work.await {
            Err(error) => replayed(self.db(), call).await?.ok_or(error),
            written => written,
        }
    }

    async fn try_check_out(
        &self,
        call: &Call,
        request: CheckoutRequest,
        place: Place,
    ) -> Result<Written<Order>, Error> {
        let limit = Instant::now() + ANSWER_WITHIN;
        let named = named(call, &request.id, "id")?;
        let terms =
            self.terms(request.payment_type, &request.payment_method, request.expected_total.as_ref())?;
        for _ in 0..TRIES {
            let row = self.find(call, named).await?;
            let view = store::view(self.db().read(), row).await?;
            next(view.order.state, Event::CheckOut)?;
            if view.order.step != Step::Idle {
                return Err(Error::Busy { state: view.order.state });
            }
            if !request.etag.is_empty() && request.etag != view.order.version.to_string() {
                return Err(Error::Stale);
            }
            let address = match &request.destination {
                None if view.order.address.is_some() => None,
                None => return Err(Fault::invalid("address_id", "is required, or an address").into()),
                Some(checkout_request::Destination::Address(address)) => Some(given(address)?),
                Some(checkout_request::Destination::AddressId(id)) => Some(copy_of(
                    &self
                        .saga
                        .remote
                        .address(&call.within(CALL), view.order.user_id, id)
                        .await
                        .map_err(no_address)?,
                )),
            };
            let begun = match view.order.state {
                State::Open => self.begin(call, &view, address, &terms).await?,
                _ => self.begin_again(call, &view, address, &terms).await?,
            };
            match begun {
                Begun::Changed => {}
                Begun::Replayed(written) => return Ok(*written),
                Begun::Over(message) => return Ok(Written { message: *message, replayed: false }),
                Begun::Fresh(view, guard) => {
                    self.saga.watch.changed(view.order.id, view.order.events);
                    let message = self.saga.run(call, *view, guard, Some(place), limit).await?;
                    return Ok(Written { message, replayed: false });
                }
            }
        }
        Err(Error::LeaseLost)
    }

    /// OPEN → CHECKING_OUT: freezes lines, prices and address, and writes the first step down.
    async fn begin(
        &self,
        call: &Call,
        view: &View,
        address: Option<Vec<u8>>,
        terms: &Terms,
    ) -> Result<Begun, Error> {
        if view.lines.is_empty() {
            return Err(Error::Empty);
        }
        let articles = view.lines.iter().map(|line| line.article_id);
        let (remote, asked) = (&self.saga.remote, call.within(CALL));
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
        let adjustments = up_to_date(&lines, view.adjustments.clone(), &self.saga.options)?;
        drifted |= adjustments != view.adjustments;
        let adjustments = self.with_fee(&lines, adjustments, terms.payment_type)?;
        let total = totals(&lines, &adjustments)?.ok_or(Error::Empty)?.total;
        if terms.expected_total.map_or(drifted, |expected| expected != total) {
            if drifted {
                self.refresh(call, view, &lines).await?;
            }
            return Err(price_changed(total).into());
        }
        let (id, version, window) = (view.order.id, view.order.version, self.saga.options.payment_window);
        let (method, kind) = (terms.payment_method.clone(), terms.payment_type);
        let opened = kit::open::<Option<View>, Order, Error, _, _>(self.db(), call, move |tx, claim| {
            let (lines, adjustments) = (lines.clone(), adjustments.clone());
            let (address, method) = (address.clone(), method.clone());
            async move {
                let mut record = Record::lock(&tx, id, kit::Scope::All).await?;
                if record.order.version != version {
                    unclaim(&tx, claim).await?;
                    return Ok(None);
                }
                (record.lines, record.adjustments) = (lines, adjustments);
                if address.is_some() {
                    record.order.address = address;
                }
                record.happen(Event::CheckOut, notes::ORDERED)?;
                start(&tx, &mut record, claim, kind, method).await?;
                record.order.expire_time = Some(tx.now() + window);
                record.save().await.map(Some)
            }
        })
        .await?;
        Ok(opened.into())
    }

    /// AWAITING_PAYMENT: gives the old payment up and writes another one down.
    async fn begin_again(
        &self,
        call: &Call,
        view: &View,
        address: Option<Vec<u8>>,
        terms: &Terms,
    ) -> Result<Begun, Error> {
        let adjustments = self.with_fee(&view.lines, view.adjustments.clone(), terms.payment_type)?;
        let total = totals(&view.lines, &adjustments)?.ok_or(Error::Empty)?.total;
        if terms.expected_total.is_some_and(|expected| expected != total) {
            return Err(price_changed(total).into());
        }
        let old = view.order.payment_id.ok_or_else(|| Fault::internal("an order awaits no payment"))?;
        let remote = &self.saga.remote;
        remote.can_pay(&call.within(CALL), terms.payment_type, &terms.payment_method).await?;
        match remote.void(&call.within(CALL), old, "").await {
            Ok(_) => {}
            Err(fault) if fault.code == tonic::Code::NotFound => {}
            Err(fault) if is_taken(&fault) => {
                let payment = remote.payment(&call.within(CALL), old).await?;
                // What pays for nothing is undone once another one is begun.
                if !pays_for_nothing(&payment) {
                    return self.already_paid(call, view, payment).await;
                }
            }
            Err(fault) => return Err(fault.into()),
        }
        let (id, window) = (view.order.id, self.saga.options.payment_window);
        let (method, kind) = (terms.payment_method.clone(), terms.payment_type);
        let opened = kit::open::<Option<View>, Order, Error, _, _>(self.db(), call, move |tx, claim| {
            let (adjustments, address, method) = (adjustments.clone(), address.clone(), method.clone());
            async move {
                let mut record = Record::lock(&tx, id, kit::Scope::All).await?;
                if !record.waits_for(old) {
                    unclaim(&tx, claim).await?;
                    return Ok(None);
                }
                record.happen(Event::CheckOut, notes::PAYING_AGAIN)?;
                record.adjustments = adjustments;
                if address.is_some() {
                    record.order.address = address;
                }
                // What was never made must not come to be made late.
                store::undo_payment(&tx, old).await?;
                record.order.claim = claim;
                (record.order.payment_type, record.order.payment_method) = (kind, method);
                record.lease(tx.now() + LEASE);
                let until = record.order.place_time.map_or(tx.now(), |placed| placed + window * LONGEST);
                plan_payment(&tx, &mut record, until.min(tx.now() + window)).await?;
                record.save().await.map(Some)
            }
        })
        .await?;
        Ok(opened.into())
    }

    /// The old payment was captured meanwhile: the order is paid by it.
    async fn already_paid(
        &self,
        call: &Call,
        view: &View,
        payment: contracts::payment::Payment,
    ) -> Result<Begun, Error> {
        let id = view.order.id;
        let view = self
            .saga
            .transact(call, move |tx| {
                let payment = payment.clone();
                async move {
                    let mut record = Record::lock(&tx, id, kit::Scope::All).await?;
                    if record.order.state != State::AwaitingPayment || record.order.step != Step::Idle {
                        return record.save().await;
                    }
                    record.lease(tx.now() + LEASE);
                    take_news(&tx, record, &payment).await
                }
            })
            .await?;
        if view.order.step != Step::Idle {
            let _ = self.saga.drive(&call.detached(), view).await;
        }
        Ok(Begun::Over(Box::new(self.saga.current(id).await?)))
    }

    /// Reads how it is to be paid.
    pub(super) fn terms(
        &self,
        kind: Option<i32>,
        method: &str,
        expected: Option<&contracts::Money>,
    ) -> Result<Terms, Fault> {
        let payment_type = kind.unwrap_or(1);
        if self.payment_types.get(payment_type).is_none() {
            return Err(Fault::invalid("payment_type", "is none of the shop's payment types"));
        }
        let expected_total = expected.map(|wire| Money::read(wire, "expected_total")).transpose()?;
        Ok(Terms { payment_type, payment_method: method.to_owned(), expected_total })
    }

    /// Takes the new prices over into an open order.
    async fn refresh(&self, call: &Call, view: &View, lines: &[Line]) -> Result<(), Error> {
        let (id, version, lines) = (view.order.id, view.order.version, lines.to_vec());
        let options = self.saga.options.clone();
        self.saga
            .transact(call, move |tx| {
                let (lines, options) = (lines.clone(), options.clone());
                async move {
                    let mut record = Record::lock(&tx, id, kit::Scope::All).await?;
                    if record.order.version == version && record.order.state == State::Open {
                        record.lines = lines;
                        carriage(&mut record, &options);
                    }
                    record.save().await
                }
            })
            .await
            .map(|_| ())
    }
}

/// How the first transaction of a checkout ended.
pub(super) enum Begun {
    Fresh(Box<View>, kit::write::Guard),
    Replayed(Box<Written<Order>>),
    /// There was nothing to begin: this is how the order stands.
    Over(Box<Order>),
    /// The order changed while the checkout was being prepared.
    Changed,
}

impl From<Opened<Option<View>, Order>> for Begun {
    fn from(opened: Opened<Option<View>, Order>) -> Self {
        match opened {
            Opened::Fresh { value: Some(view), guard, .. } => Begun::Fresh(Box::new(view), guard),
            Opened::Fresh { value: None, .. } => Begun::Changed,
            Opened::Replayed(written) => Begun::Replayed(Box::new(written)),
        }
    }
}

/// Writes the first step of a checkout down: the reservation.
pub(super) async fn start(
    tx: &kit::Tx,
    record: &mut Record,
    claim: Option<String>,
    kind: i32,
    method: String,
) -> Result<(), Error> {
    let order = &mut record.order;
    order.attempt += 1;
    order.claim = claim;
    (order.payment_type, order.payment_method) = (kind, method);
    order.payment_failure.clear();
    order.place_time = Some(tx.now());
    order.step = Step::Reserve;
    let (id, attempt) = (order.id, order.attempt);
    record.lease(tx.now() + LEASE);
    store::plan_reservation(tx, id, attempt).await
}

async fn unclaim(tx: &kit::Tx, claim: Option<String>) -> Result<(), Error> {
    if let Some(claim) = claim {
        tx.unclaim(&claim).await?;
    }
    Ok(())
}

/// What can be bought of these articles; one that cannot is refused, every one by name.
pub(super) fn offers(articles: &[Article]) -> Result<HashMap<ArticleId, Offer>, Fault> {
    let mut offers = HashMap::new();
    let mut inactive = Vec::new();
    for article in articles {
        match Offer::of(article)? {
            Some(offer) => {
                offers.insert(offer.article_id, offer);
            }
            None => inactive.push(HashMap::from([("article_id".to_owned(), article.id.clone())])),
        }
    }
    if inactive.is_empty() {
        return Ok(offers);
    }
    let mut fault = Fault::new(Reason::ArticleInactive, "an article is no longer for sale");
    fault.metadata = inactive;
    Err(fault)
}

/// The copy of an address that is in no address book, if somebody could deliver to it.
pub(super) fn given(address: &Address) -> Result<Vec<u8>, Fault> {
    kit::postal::check(address)
        .map_err(|bad| Fault::invalid(format!("address.{}", bad.field), bad.problem))?;
    Ok(copy_of(address))
}

/// An order keeps its own copy of an address, without what belongs to the address book.
pub(super) fn copy_of(address: &Address) -> Vec<u8> {
    Address { id: String::new(), user_id: String::new(), etag: String::new(), ..address.clone() }
        .encode_to_vec()
}

pub(super) fn no_address(fault: Fault) -> Fault {
    if fault.code == tonic::Code::NotFound { Fault::not_found("address") } else { fault }
}

fn is_taken(fault: &Fault) -> bool {
    let states = [PaymentState::Captured, PaymentState::PartiallyRefunded, PaymentState::Refunded];
    fault.value("state").is_some_and(|state| states.iter().any(|taken| taken.as_str_name() == state))
}

pub(super) fn price_changed(total: Money) -> Fault {
    let message = format!("the total is {total} now: look at it, then check out again");
    Fault::new(Reason::PriceChanged, message).with("total", total)
}
