//! PaymentService.

use std::time::{Duration, Instant};

use contracts::{
    order::{Order, OrderState},
    payment::{
        AcknowledgePaymentRequest, CapturePaymentRequest, GetPaymentRequest, ListPaymentTypesRequest,
        ListPaymentsRequest, ListRefundsRequest, PaymentState, RefundPaymentRequest, RefundState,
        VoidPaymentRequest,
    },
};

use crate::support::{Code, Refused, Setup, Shopper, eur, money, money::cents, until};

on_both_edges!(
    payments_are_their_owners_to_see_and_staffs_to_move,
    a_payment_is_refunded_in_parts_and_never_beyond_what_was_captured,
    payments_are_filtered_within_inclusive_bounds,
    what_is_captured_is_not_voided_and_what_is_voided_not_captured,
    a_waiting_payment_is_voided_by_staff,
    anybody_may_see_how_orders_can_be_paid,
);

tests!(a_checkout_does_not_wait_longer_than_five_seconds, a_lost_answer_is_asked_for_and_never_charged_again);

async fn paid(ada: &Shopper, staff: &Shopper, cents: i64) -> Order {
    let article = staff.stocked(eur(cents), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await
}

fn refund(id: &str, cents: i64) -> RefundPaymentRequest {
    RefundPaymentRequest { id: id.into(), amount: Some(eur(cents)), reason: "scratched".into() }
}

/// Covers: access, payment.acknowledge.
async fn payments_are_their_owners_to_see_and_staffs_to_move(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, eve) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let order = paid(&ada, &staff, 1000).await;
    let id = order.payment_id.clone();
    let payment = ada.get_payment(GetPaymentRequest { id: id.clone() }).await.unwrap();
    assert_eq!((&payment.user_id, payment.provider.as_str()), (&ada.user.id, "simulated"));
    assert_eq!(
        (cents(&payment.authorized), cents(&payment.captured), cents(&payment.refunded)),
        (1000, 1000, 0)
    );
    eve.get_payment(GetPaymentRequest { id: id.clone() }).await.missing();
    eve.list_refunds(ListRefundsRequest { payment_id: id.clone(), ..Default::default() }).await.missing();
    assert!(eve.list_payments(ListPaymentsRequest::default()).await.unwrap().payments.is_empty());
    assert_eq!(ada.list_payments(ListPaymentsRequest::default()).await.unwrap().payments.len(), 1);
    ada.capture_payment(CapturePaymentRequest { id: id.clone() }).await.denied();
    ada.void_payment(VoidPaymentRequest { id: id.clone(), ..Default::default() }).await.denied();
    ada.acknowledge_payment(AcknowledgePaymentRequest { id: id.clone() }).await.denied();
    ada.refund_payment(refund(&id, 1)).await.denied();
    let nobody = mesh.client();
    nobody.get_payment(GetPaymentRequest { id }).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    staff.get_payment(GetPaymentRequest { id: "pay_01h455vb4pex5vsknk084sn02q".into() }).await.missing();
}

/// Covers: payment.types.
async fn anybody_may_see_how_orders_can_be_paid(setup: Setup) {
    let types = "1=simulated;3=simulated,flat=0.50 EUR,flat=80 JPY,percent=1.5";
    let mesh = setup.env("FEIRA_PAYMENT_TYPES", types).start().await;
    let listed =
        mesh.client().list_payment_types(ListPaymentTypesRequest {}).await.unwrap().body.payment_types;
    let [plain, dear] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((plain.payment_type, plain.provider.as_str()), (1, "simulated"));
    assert_eq!((plain.flat_fees.len(), plain.fee_percent_basis_points), (0, 0));
    assert_eq!(plain.payment_methods.first().map(String::as_str), Some("sim_approve"), "the default first");
    assert_eq!(plain.payment_methods.len(), 5);
    assert_eq!((dear.payment_type, dear.fee_percent_basis_points), (3, 150));
    assert_eq!(dear.flat_fees, [money(50, 2, "EUR"), money(80, 0, "JPY")]);
}

/// Covers: payment.refund.
async fn a_payment_is_refunded_in_parts_and_never_beyond_what_was_captured(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let id = paid(&ada, &staff, 1000).await.payment_id;
    for wrong in [eur(0), eur(-1), money(5, 3, "EUR")] {
        let request = RefundPaymentRequest { id: id.clone(), amount: Some(wrong), ..Default::default() };
        staff.refund_payment(request).await.refused(Code::InvalidArgument, "VALIDATION");
    }
    let request =
        RefundPaymentRequest { id: id.clone(), amount: Some(money(5, 0, "JPY")), ..Default::default() };
    staff.refund_payment(request).await.refused(Code::FailedPrecondition, "CURRENCY_MISMATCH");
    let refusal =
        staff.refund_payment(refund(&id, 1001)).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(refusal.info("state"), "PAYMENT_STATE_CAPTURED");
    let first = staff.refund_payment(refund(&id, 300)).await.unwrap();
    assert_eq!((cents(&first.amount), first.reason.as_str()), (300, "scratched"));
    ada.until_payment(&id, PaymentState::PartiallyRefunded).await;
    staff.refund_payment(refund(&id, 701)).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    let rest =
        staff.refund_payment(RefundPaymentRequest { id: id.clone(), ..Default::default() }).await.unwrap();
    assert_eq!(cents(&rest.amount), 700);
    assert_eq!(cents(&ada.until_payment(&id, PaymentState::Refunded).await.refunded), 1000);
    staff.refund_payment(refund(&id, 1)).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    let request = ListRefundsRequest { payment_id: id, ..Default::default() };
    let refunds = ada.list_refunds(request).await.unwrap().body.refunds;
    assert_eq!(
        refunds.iter().map(|it| cents(&it.amount)).collect::<Vec<_>>(),
        [300, 700],
        "the oldest first"
    );
    assert!(refunds.iter().all(|it| it.state() == RefundState::Succeeded));
}

/// Covers: payment.list.
async fn payments_are_filtered_within_inclusive_bounds(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    for price in [1000, 2000, 3000] {
        paid(&ada, &staff, price).await;
    }
    let article = staff.stocked(eur(500), 10).await;
    let waiting = bob.order(&article.id, 1, "sim_action").await.unwrap();
    let list = async |request: ListPaymentsRequest| {
        let payments = staff.list_payments(request).await.unwrap().body.payments;
        payments.iter().map(|it| cents(&it.amount)).collect::<Vec<_>>()
    };
    let all = ListPaymentsRequest::default;
    assert_eq!(list(all()).await, [500, 3000, 2000, 1000], "the newest first");
    let bounds =
        |low, high| ListPaymentsRequest { min_amount: Some(eur(low)), max_amount: Some(eur(high)), ..all() };
    assert_eq!(list(bounds(1000, 2000)).await, [2000, 1000]);
    assert_eq!(list(bounds(1001, 1999)).await, [0; 0]);
    staff.list_payments(bounds(2, 1)).await.refused(Code::InvalidArgument, "VALIDATION");
    assert_eq!(list(ListPaymentsRequest { pending: Some(true), ..all() }).await, [500]);
    assert_eq!(list(ListPaymentsRequest { pending: Some(false), ..all() }).await, [3000, 2000, 1000]);
    assert_eq!(list(ListPaymentsRequest { user_id: bob.user.id.clone(), ..all() }).await, [500]);
    assert_eq!(list(ListPaymentsRequest { order_id: waiting.id.clone(), ..all() }).await, [500]);
    assert_eq!(list(ListPaymentsRequest { payment_type: Some(2), ..all() }).await, [0; 0]);
    let state = vec![PaymentState::Captured.into()];
    let first = staff
        .list_payments(ListPaymentsRequest { state: state.clone(), page_size: 2, ..all() })
        .await
        .unwrap();
    assert_eq!(first.payments.len(), 2);
    let page_token = first.next_page_token.clone();
    assert_eq!(list(ListPaymentsRequest { state, page_token: page_token.clone(), ..all() }).await, [1000]);
    staff.list_payments(ListPaymentsRequest { page_token, ..all() }).await.names("page_token");
    let hers = ListPaymentsRequest { user_id: ada.user.id.clone(), ..all() };
    assert!(bob.list_payments(hers).await.map(|it| it.body.payments).unwrap_or_default().is_empty());
}

/// Covers: payment.acknowledge.
async fn what_is_captured_is_not_voided_and_what_is_voided_not_captured(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let id = paid(&ada, &staff, 1000).await.payment_id;
    let again = staff.capture_payment(CapturePaymentRequest { id: id.clone() }).await.unwrap();
    assert_eq!((again.state(), cents(&again.captured)), (PaymentState::Captured, 1000));
    let void = VoidPaymentRequest { id, ..Default::default() };
    let refusal = staff.void_payment(void).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(refusal.info("state"), "PAYMENT_STATE_CAPTURED");

    let article = staff.stocked(eur(500), 10).await;
    let order = ada.order(&article.id, 1, "sim_decline").await.unwrap();
    let id = ada.at_rest(&order.id).await.payment_id;
    staff
        .capture_payment(CapturePaymentRequest { id: id.clone() })
        .await
        .refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    staff.refund_payment(refund(&id, 1)).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
}

/// Covers: payment.acknowledge.
async fn a_waiting_payment_is_voided_by_staff(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(500), 10).await;
    let order = ada.order(&article.id, 1, "sim_action").await.unwrap();
    let id = ada.payments(&order.id).await.remove(0).id;
    let void = VoidPaymentRequest { id: id.clone(), ..Default::default() };
    assert_eq!(staff.void_payment(void.clone()).await.unwrap().state(), PaymentState::Voided);
    assert_eq!(staff.void_payment(void).await.unwrap().state(), PaymentState::Voided, "again, the same");
    staff
        .acknowledge_payment(AcknowledgePaymentRequest { id })
        .await
        .refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    ada.pay(&order.id, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    staff.until_stock(&article.id, (9, 0, 1)).await;
}

/// Covers: order.checkout.
async fn a_checkout_does_not_wait_longer_than_five_seconds(setup: Setup) {
    let mesh = setup.env("FEIRA_SIMULATOR_SLOW", "7s").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(500), 10).await;
    let start = Instant::now();
    let order = ada.order(&article.id, 1, "sim_slow").await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert_eq!(order.state(), OrderState::AwaitingPayment, "what is true by then");
    let refusal = ada.pay(&order.id, "sim_approve").await.unwrap_err();
    assert!(matches!(refusal.code, Code::FailedPrecondition | Code::Aborted), "not twice: {refusal:?}");
    ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(ada.payments(&order.id).await.len(), 1);
}

/// Covers: payment.create.
async fn a_lost_answer_is_asked_for_and_never_charged_again(setup: Setup) {
    let mesh = setup
        .env("FEIRA_SIMULATOR_SLOW", "2s")
        .env("FEIRA_PROVIDER_TIMEOUT", "500ms")
        .env("FEIRA_PROVIDER_POLL_INTERVAL", "100ms")
        .start()
        .await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(500), 10).await;
    let order = ada.order(&article.id, 1, "sim_slow").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    let payments = ada.payments(&order.id).await;
    assert_eq!(payments.len(), 1);
    assert_eq!((payments[0].state(), cents(&payments[0].captured)), (PaymentState::Captured, 500));

    // Given up while nobody knows: cancelled at once, and the money goes back as soon as it is known.
    let order = ada.order(&article.id, 2, "sim_slow").await.unwrap();
    if order.state() != OrderState::Paid {
        assert_eq!(ada.cancel(&order.id).await.unwrap().state(), OrderState::Cancelled);
        until("the money is given back", || async {
            let payment = ada.payments(&order.id).await.remove(0);
            matches!(payment.state(), PaymentState::Voided | PaymentState::Refunded).then_some(())
        })
        .await;
        staff.until_stock(&article.id, (9, 0, 1)).await;
    }
}
