//! What Checkout and CreateOrder have in common: what is agreed to, and how the first transaction ends.

use std::collections::HashMap;

use contracts::order::Order;
use kit::{
    Call, Fault, Money, Opened, Reason, Tx, Written, id::ArticleId, payment_types::PaymentType, replayed,
};

use crate::{
    checkout::{LEASE, figures, plan_payment},
    domain::{Article, Offer, Step},
    error::Error,
    orders::Orders,
    store::{self, Record, View},
};

/// How a checkout is to be paid, and what is agreed to.
pub(super) struct Terms {
    pub(super) payment_type: i32,
    pub(super) payment_method: String,
    pub(super) expected_total: Option<Money>,
}

impl Terms {
    /// Reads how it is to be paid.
    pub(super) fn read(
        orders: &Orders,
        payment_type: Option<i32>,
        payment_method: &str,
        expected_total: Option<&contracts::Money>,
    ) -> Result<Self, Fault> {
        let payment_type = payment_type.unwrap_or(1);
        if orders.payment_types.get(payment_type).is_none() {
            return Err(Fault::invalid("payment_type", "is none of the shop's payment types"));
        }
        let expected_total = expected_total.map(|wire| Money::read(wire, "expected_total")).transpose()?;
        Ok(Self { payment_type, payment_method: payment_method.to_owned(), expected_total })
    }

    /// The payment type.
    pub(super) fn kind<'a>(&self, orders: &'a Orders) -> Result<&'a PaymentType, Fault> {
        let kind = orders.payment_types.get(self.payment_type);
        kind.ok_or_else(|| Fault::internal("a payment type is gone"))
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

/// Answers a call whose key is known already as it was answered then. Asked again after a refusal: the same call may
/// be under way in another process, and this one was refused for what that one has changed (its basket is gone, say).
pub(super) async fn once(
    orders: &Orders,
    call: &Call,
    work: impl Future<Output = Result<Written<Order>, Error>>,
) -> Result<Written<Order>, Error> {
    if let Some(written) = replayed(&orders.db, call).await? {
        return Ok(written);
    }
    match work.await {
        Err(error) => replayed(&orders.db, call).await?.ok_or(error),
        written => written,
    }
}

/// Stores a checkout that is about to begin: its first step, and by which ids it reserves its stock and pays. So no
/// step after it needs a transaction of its own before it is taken: whoever goes on after a crash asks the other
/// services for the same reservation and the same payment.
pub(super) fn store_first_step(
    tx: &Tx,
    record: &mut Record,
    claim: Option<String>,
    terms: &Terms,
    total: Money,
) {
    let payment_id = plan_payment(tx, record.order.id, total);
    record.await_payment(payment_id);
    let order = &mut record.order;
    // A number of its own for each try: what is left of the one before is released under the old number, however
    // late, and never takes this one's stock away.
    order.attempt += 1;
    order.claim = claim;
    (order.payment_type, order.payment_method) = (terms.payment_type, terms.payment_method.clone());
    order.payment_failure.clear();
    order.place_time = Some(tx.now());
    order.step = Step::Reserve;
    let (id, attempt) = (order.id, order.attempt);
    record.lease(tx.now() + LEASE);
    store::plan_reservation(tx, id, attempt);
}

/// Frees the call's key: nothing was begun.
pub(super) async fn unclaim(tx: &Tx, claim: Option<String>) -> Result<(), Error> {
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
        match &article.offer {
            Some(offer) => {
                offers.insert(article.id, offer.clone());
            }
            None => inactive.push(HashMap::from([("article_id".to_owned(), article.id.to_string())])),
        }
    }
    if inactive.is_empty() {
        return Ok(offers);
    }
    figures::refused(Reason::ArticleInactive.as_str());
    let mut fault = Fault::new(Reason::ArticleInactive, "an article is no longer for sale");
    fault.metadata = inactive;
    Err(fault)
}

pub(super) fn price_changed(total: Money) -> Fault {
    figures::refused(Reason::PriceChanged.as_str());
    let message = format!("the total is {total} now: look at it, then check out again");
    Fault::new(Reason::PriceChanged, message).with("total", total)
}
