//! Money is given back at most once.

use contracts::{
    order::{Order, OrderState},
    payment::{
        AcknowledgePaymentRequest, CapturePaymentRequest, PaymentState, RefundPaymentRequest,
        VoidPaymentRequest,
    },
};

use super::winners;
use crate::support::{Setup, Shopper, at_once, eur, money::cents, until};

on_every_database!(
    refunds_at_once_never_give_back_more_than_was_captured,
    one_key_thirty_times_at_once_refunds_once,
    voiding_and_acknowledging_at_once_agree_with_the_order,
);

async fn paid(ada: &Shopper, staff: &Shopper) -> Order {
    let article = staff.stocked(eur(1000), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await
}

fn refund(id: &str, cents: i64) -> RefundPaymentRequest {
    RefundPaymentRequest { id: id.into(), amount: Some(eur(cents)), reason: "scratched".into() }
}

/// Covers: payment.refund.
async fn refunds_at_once_never_give_back_more_than_was_captured(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let order = paid(&ada, &staff).await;
    let outcomes = at_once(12, |number| {
        let (staff, id) = (staff.at(number), order.payment_id.clone());
        async move { staff.refund_payment(refund(&id, 300)).await }
    })
    .await;
    assert_eq!(winners(outcomes, &["ILLEGAL_STATE"]).len(), 3);
    let payment = until("the refunds are through", || async {
        let payment = ada.payments(&order.id).await.remove(0);
        (cents(&payment.refunded) == 900).then_some(payment)
    })
    .await;
    assert_eq!(payment.state(), PaymentState::PartiallyRefunded);

    // The rest, by refunds of all that is left.
    let outcomes = at_once(4, |number| {
        let (staff, id) = (staff.at(number), order.payment_id.clone());
        async move { staff.refund_payment(RefundPaymentRequest { id, ..Default::default() }).await }
    })
    .await;
    let given = winners(outcomes, &["ILLEGAL_STATE"]);
    assert_eq!(given.iter().map(|refund| cents(&refund.amount)).collect::<Vec<_>>(), [100]);
    ada.until_payment(&order.payment_id, PaymentState::Refunded).await;
}

/// Covers: idempotency.
async fn one_key_thirty_times_at_once_refunds_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let order = paid(&ada, &staff).await;
    let outcomes = at_once(30, |number| {
        let (staff, id) = (staff.at(number).with_key("refund-1"), order.payment_id.clone());
        async move { staff.refund_payment(refund(&id, 10)).await }
    })
    .await;
    let refunds = winners(outcomes, &["IDEMPOTENCY_IN_PROGRESS"]);
    assert!(!refunds.is_empty() && refunds.iter().all(|refund| refund.id == refunds[0].id));
    let payment = until("the refund is through", || async {
        let payment = ada.payments(&order.id).await.remove(0);
        (cents(&payment.refunded) > 0).then_some(payment)
    })
    .await;
    assert_eq!(cents(&payment.refunded), 10);
}

/// Covers: payment.acknowledge.
async fn voiding_and_acknowledging_at_once_agree_with_the_order(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    for _ in 0..5 {
        let order = ada.order(&article.id, 1, "sim_action").await.unwrap();
        let payment = ada.payments(&order.id).await.remove(0);
        at_once(6, |number| {
            let (staff, id) = (staff.at(number), payment.id.clone());
            async move {
                let refused = match number % 3 {
                    0 => staff.void_payment(VoidPaymentRequest { id, ..Default::default() }).await.err(),
                    1 => staff.acknowledge_payment(AcknowledgePaymentRequest { id }).await.err(),
                    _ => staff.capture_payment(CapturePaymentRequest { id }).await.err(),
                };
                if let Some(refusal) = refused {
                    assert_eq!(refusal.code, crate::support::Code::FailedPrecondition, "{refusal:?}");
                }
            }
        })
        .await;
        let paid = until("payment and order agree", || async {
            let payment = ada.payments(&order.id).await.remove(0);
            let order = ada.see(&order.id).await;
            match (payment.state(), order.state()) {
                (PaymentState::Captured, OrderState::Paid) => Some(true),
                (PaymentState::Voided | PaymentState::Declined, OrderState::AwaitingPayment) => Some(false),
                _ => None,
            }
        })
        .await;
        if !paid {
            ada.cancel(&order.id).await.unwrap();
        }
    }
    until("nothing is reserved any more", || async {
        let (free, reserved, sold) = staff.stock(&article.id).await;
        (free + sold == 10 && reserved == 0).then_some(())
    })
    .await;
}
