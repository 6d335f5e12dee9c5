//! What becomes of payments and orders when SpaceCash's server fails.

use std::time::Duration;

use contracts::{
    order::{CreateOrderRequest, OrderState},
    payment::{AcknowledgePaymentRequest, ListPaymentsRequest, PaymentState, SettleOutcome},
};

use super::{FEES, open};
use crate::support::{Code, Refused, Setup, eur, shop::new_order, spacecash::Answer, until};

tests!(
    a_creation_without_an_id_is_a_failure,
    a_creation_that_may_have_happened_is_sent_once_and_stays_unknown,
    a_creation_is_patient_within_its_time_limit,
    a_server_out_of_reach_declines,
    a_refused_acknowledgement_changes_nothing,
    a_lost_acknowledgement_is_unknown_and_never_sent_again,
    whatever_a_good_acknowledgement_says_it_is_paid,
    acknowledgements_at_once_ask_once,
    an_order_that_is_not_paid_in_time_is_given_up,
    a_killed_process_does_not_create_a_payment_twice,
);

/// Covers: payment.spacecash.
async fn a_creation_without_an_id_is_a_failure(setup: Setup) {
    let shop = open(setup).await;
    for (answer, reason) in [
        (Answer::says("200 OK", ""), "DECLINED"),
        (Answer::says("200 OK", " \r\n"), "DECLINED"),
        (Answer::says("204 No Content", ""), "DECLINED"),
        (Answer::says("400 Bad Request", "no"), "HTTP_400"),
        (Answer::says("404 Not Found", "SC-1"), "HTTP_404"),
        (Answer::says("429 Too Many Requests", ""), "HTTP_429"),
    ] {
        shop.spacecash.plan([answer.clone()]);
        let (order, payment) = shop.order(PaymentState::Declined).await;
        assert_eq!(payment.failure_reason, reason, "{answer:?}");
        assert_eq!(payment.provider_reference, "");
        let order = shop.ada.at_rest(&order.id).await;
        assert_eq!((order.state(), order.payment_failure.as_str()), (OrderState::AwaitingPayment, reason));
    }
    assert_eq!(shop.spacecash.count(""), 6);
}

/// Covers: payment.spacecash, payment.create.
async fn a_creation_that_may_have_happened_is_sent_once_and_stays_unknown(setup: Setup) {
    let shop = open(setup).await;
    let answers = [
        Answer::says("500 Internal Server Error", ""),
        Answer::says("500 Internal Server Error", "SC-9"),
        Answer::says("503 Service Unavailable", "later"),
        Answer::Redirects,
        Answer::Hangs,
        Answer::Cuts,
        Answer::CutsBody,
        Answer::Slow(Duration::from_secs(3)),
        Answer::Endless,
        Answer::Nonsense,
        Answer::Says("200 OK", vec![b'S', b'C', 0xff, 0xfe]),
        Answer::Says("200 OK", b"SC\0-1".to_vec()),
        Answer::says("200 OK", "<html><body>Welcome</body></html>"),
        Answer::says("200 OK", r#"{"error":"no such customer"}"#),
        Answer::Says("200 OK", vec![b'9'; 129]),
        Answer::Says("200 OK", vec![b'9'; 8 << 20]),
    ];
    let mut payments = Vec::new();
    for answer in &answers {
        shop.spacecash.plan([answer.clone()]);
        let (order, payment) = shop.order(PaymentState::Unknown).await;
        payments.push((answer, order, payment));
    }
    for (answer, order, payment) in payments {
        let now = shop.see(&payment.id).await;
        assert_eq!((now.state(), now.captured), (PaymentState::Unknown, Some(eur(0))), "{answer:?}");
        assert_eq!(shop.ada.see(&order.id).await.state(), OrderState::AwaitingPayment, "{answer:?}");
        let refusal = shop.acknowledge(&payment.id).await;
        refusal.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    }
    assert_eq!(shop.spacecash.count("POST /CreatePayment"), answers.len(), "each sent once");
    assert_eq!(shop.spacecash.count(""), answers.len(), "and nothing else asked");
}

/// Covers: payment.spacecash.
async fn a_creation_is_patient_within_its_time_limit(setup: Setup) {
    let shop = open(setup).await;
    shop.spacecash.plan([Answer::Slow(Duration::from_millis(300))]);
    let (_, payment) = shop.order(PaymentState::Processing).await;
    assert_eq!(payment.provider_reference, "SC-1");
    shop.spacecash.plan([Answer::says("201 Created", "\r\n a/b?c=d&e \n")]);
    let (_, payment) = shop.order(PaymentState::Processing).await;
    assert_eq!(payment.provider_reference, "a/b?c=d&e");
    shop.acknowledge(&payment.id).await.unwrap();
    assert_eq!(
        shop.spacecash.asked().pop().unwrap().line,
        "GET /AcknolagePayment?PaymentID=a%2Fb%3Fc%3Dd%26e"
    );
}

/// Covers: payment.spacecash.
async fn a_server_out_of_reach_declines(setup: Setup) {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mesh = setup
        .env("FEIRA_PAYMENT_TYPES", FEES)
        .env("FEIRA_SPACECASH_URL", &format!("http://{closed}"))
        .start()
        .await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1299), 10).await.id;
    let request = CreateOrderRequest { payment_type: Some(2), ..new_order(&article, 1, "") };
    let order = ada.create_order(request).await.unwrap().body;
    let payment = ada.until_payment(&order.payment_id, PaymentState::Declined).await;
    assert_eq!(payment.failure_reason, "PROVIDER_UNAVAILABLE");
}

/// Covers: payment.spacecash, payment.acknowledge.
async fn a_refused_acknowledgement_changes_nothing(setup: Setup) {
    let shop = open(setup).await;
    let (order, payment) = shop.order(PaymentState::Processing).await;
    for status in ["400 Bad Request", "402 Payment Required", "404 Not Found", "409 Conflict", "422 No"] {
        shop.spacecash.plan([Answer::says(status, "not paid yet")]);
        let refusal = shop.acknowledge(&payment.id).await;
        let refusal = refusal.refused(Code::FailedPrecondition, "PROVIDER_REFUSED");
        assert_eq!(refusal.info("refusal"), format!("HTTP_{}", &status[..3]));
        assert_eq!(shop.see(&payment.id).await, payment, "{status}");
    }
    assert_eq!(shop.ada.see(&order.id).await.state(), OrderState::AwaitingPayment);
    assert_eq!(shop.acknowledge(&payment.id).await.unwrap().state(), PaymentState::Captured);
    shop.ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: payment.spacecash, payment.settle.
async fn a_lost_acknowledgement_is_unknown_and_never_sent_again(setup: Setup) {
    let shop = open(setup).await;
    for (answer, outcome) in [
        (Answer::says("500 Internal Server Error", ""), SettleOutcome::Captured),
        (Answer::Hangs, SettleOutcome::Failed),
        (Answer::Cuts, SettleOutcome::Captured),
        (Answer::Redirects, SettleOutcome::Failed),
        (Answer::Nonsense, SettleOutcome::Captured),
    ] {
        let (order, payment) = shop.order(PaymentState::Processing).await;
        shop.spacecash.plan([answer.clone()]);
        assert_eq!(shop.acknowledge(&payment.id).await.unwrap().state(), PaymentState::Unknown, "{answer:?}");
        shop.acknowledge(&payment.id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
        let line = format!("GET /AcknolagePayment?PaymentID={}", payment.provider_reference);
        assert_eq!(shop.spacecash.count(&line), 1, "{answer:?}");
        let settled = shop.settle(&payment.id, outcome).await.unwrap();
        match outcome {
            SettleOutcome::Captured => drop(shop.ada.until(&order.id, OrderState::Paid).await),
            _ => {
                assert_eq!(settled.state(), PaymentState::Declined);
                assert_eq!(shop.ada.at_rest(&order.id).await.payment_failure, "SETTLED_AS_FAILED");
            }
        }
    }
}

/// Covers: payment.spacecash.
async fn whatever_a_good_acknowledgement_says_it_is_paid(setup: Setup) {
    let shop = open(setup).await;
    for answer in [
        Answer::says("200 OK", "false"),
        Answer::says("202 Accepted", ""),
        Answer::says("204 No Content", ""),
        Answer::says("299 Whatever", "x"),
        Answer::CutsBody,
        Answer::Endless,
        Answer::Says("200 OK", vec![0xff; 100]),
    ] {
        let (_, payment) = shop.order(PaymentState::Processing).await;
        shop.spacecash.plan([answer.clone()]);
        assert_eq!(
            shop.acknowledge(&payment.id).await.unwrap().state(),
            PaymentState::Captured,
            "{answer:?}"
        );
    }
}

/// Covers: payment.spacecash, payment.acknowledge.
async fn acknowledgements_at_once_ask_once(setup: Setup) {
    let shop = open(setup).await;
    let (order, payment) = shop.order(PaymentState::Processing).await;
    shop.spacecash.plan([Answer::Slow(Duration::from_millis(300))]);
    let answers = crate::support::at_once(8, |_| {
        let (staff, id) = (shop.staff.clone(), payment.id.clone());
        async move { staff.acknowledge_payment(AcknowledgePaymentRequest { id }).await }
    });
    for answer in answers.await {
        assert_eq!(answer.unwrap().state(), PaymentState::Captured);
    }
    assert_eq!(shop.spacecash.count("GET /AcknolagePayment"), 1);
    shop.ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: payment.spacecash, order.expire.
async fn an_order_that_is_not_paid_in_time_is_given_up(setup: Setup) {
    let shop = open(setup.env("FEIRA_PAYMENT_WINDOW", "2s")).await;
    shop.spacecash.plan([Answer::Good, Answer::Cuts]);
    let (expiring, payment) = shop.order(PaymentState::Processing).await;
    let (unknown, lost) = shop.order(PaymentState::Unknown).await;
    shop.ada.until(&expiring.id, OrderState::Expired).await;
    assert_eq!(shop.see(&payment.id).await.state(), PaymentState::Voided);
    shop.acknowledge(&payment.id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    shop.staff.until_stock(&shop.article, (99, 1, 0)).await;
    // Its outcome is unknown, so it waits for staff, however long.
    assert_eq!(shop.ada.see(&unknown.id).await.state(), OrderState::AwaitingPayment);
    shop.settle(&lost.id, SettleOutcome::Captured).await.unwrap();
    shop.ada.until(&unknown.id, OrderState::Paid).await;
    shop.staff.until_stock(&shop.article, (99, 0, 1)).await;
}

/// Covers: payment.spacecash, payment.create.
async fn a_killed_process_does_not_create_a_payment_twice(setup: Setup) {
    let mut shop = open(setup.split()).await;
    shop.spacecash.plan([Answer::Hangs]);
    let placing = tokio::spawn({
        let (ada, request) = (shop.ada.clone(), shop.request());
        async move { ada.create_order(request).await }
    });
    until("SpaceCash is asked", || async { (shop.spacecash.count("POST") == 1).then_some(()) }).await;
    shop.mesh.kill("payment");
    shop.mesh.restart("payment");
    let _ = placing.await.unwrap();
    let payment = until("the payment is known", || async {
        let all = shop.ada.list_payments(ListPaymentsRequest::default()).await.ok()?;
        all.payments.first().cloned()
    })
    .await;
    shop.ada.until_payment(&payment.id, PaymentState::Unknown).await;
    assert_eq!(shop.spacecash.count("POST"), 1);
    shop.settle(&payment.id, SettleOutcome::Captured).await.unwrap();
    shop.ada.until(&payment.order_id, OrderState::Paid).await;
}
