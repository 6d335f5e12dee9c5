//! What the other services' messages mean to an order. What none of them should say is this mesh's own fault, and says
//! nothing about what was asked.

use contracts::{article, payment as wire};
use kit::{Fault, Money, Time};

use crate::domain::{Article, Offer, Payment, PaymentState};

/// A payment.
pub fn payment(payment: &wire::Payment) -> Result<Payment, Fault> {
    Ok(Payment {
        id: payment.id.parse().map_err(Fault::internal)?,
        order_id: payment.order_id.parse().map_err(Fault::internal)?,
        state: payment.state().into(),
        captured: payment.captured.as_ref().map(money).transpose()?,
        refunded: payment.refunded.as_ref().map(money).transpose()?,
        refund_pending: payment.refund_pending.as_ref().map(money).transpose()?,
        flags: payment.flags.clone(),
        failure_reason: payment.failure_reason.clone(),
        action_url: payment.action_url.clone(),
        update_time: payment.update_time.map_or(Time(0), Time::from),
    })
}

/// The state of its payment for which the payment service refused a call.
pub fn refusing_state(fault: &Fault) -> Option<PaymentState> {
    fault.value("state").and_then(wire::PaymentState::from_str_name).map(PaymentState::from)
}

/// An article of the catalogue.
pub fn article(article: &article::Article) -> Result<Article, Fault> {
    let article_id = article.id.parse().map_err(Fault::internal)?;
    let price = article.price.as_ref().filter(|_| article.active).map(money).transpose()?;
    let offer = price.map(|price| Offer {
        article_id,
        code: article.code.clone(),
        name: article.name.clone(),
        price,
        tax_rate_basis_points: article.tax_rate_basis_points,
    });
    Ok(Article { id: article_id, offer })
}

fn money(wire: &contracts::Money) -> Result<Money, Fault> {
    Money::read(wire, "money").map_err(|fault| Fault::internal(fault.message))
}
