//! SpaceCash, against a server of its protocol that fails in every way it could.

mod failures;

use contracts::{
    order::{CreateOrderRequest, Order, OrderState},
    payment::{
        AcknowledgePaymentRequest, CapturePaymentRequest, GetPaymentRequest, ListLedgerEntriesRequest,
        Payment, PaymentState, RefundPaymentRequest, RefundState, SettleOutcome, SettlePaymentRequest,
        VoidPaymentRequest,
    },
};
use serde_json::Value;

use crate::support::{
    Code, Mesh, Outcome, Refused, Setup, Shopper, eur,
    money::cents,
    shop::new_order,
    spacecash::{Answer, SpaceCash},
};

on_both_edges!(
    a_payment_waits_until_staff_acknowledges_it,
    what_spacecash_cannot_do_is_recorded_as_made_by_hand,
    staff_settles_what_nobody_can_ask_about,
);

tests!(other_methods_types_and_urls_are_refused);

const FEES: &str = "1=simulated;2=spacecash,flat=0.30 EUR,percent=1.5";

/// A shop that takes SpaceCash as its payment type 2.
struct Shop {
    mesh: Mesh,
    spacecash: SpaceCash,
    staff: Shopper,
    ada: Shopper,
    article: String,
}

async fn open(setup: Setup) -> Shop {
    let spacecash = SpaceCash::start().await;
    let mesh = setup
        .env("FEIRA_PAYMENT_TYPES", FEES)
        .env("FEIRA_SPACECASH_URL", &format!("{}/", spacecash.url))
        .env("FEIRA_PROVIDER_TIMEOUT", "1s")
        .start()
        .await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1299), 100).await.id;
    Shop { mesh, spacecash, staff, ada, article }
}

impl Shop {
    fn request(&self) -> CreateOrderRequest {
        CreateOrderRequest { payment_type: Some(2), ..new_order(&self.article, 1, "") }
    }

    /// Places an order; it and its payment once that is in a state.
    async fn order(&self, state: PaymentState) -> (Order, Payment) {
        let order = self.ada.create_order(self.request()).await.unwrap().body;
        let payment = self.ada.until_payment(&order.payment_id, state).await;
        (order, payment)
    }

    async fn acknowledge(&self, id: &str) -> Outcome<Payment> {
        self.staff.acknowledge_payment(AcknowledgePaymentRequest { id: id.into() }).await
    }

    async fn settle(&self, id: &str, outcome: SettleOutcome) -> Outcome<Payment> {
        self.staff.settle_payment(SettlePaymentRequest { id: id.into(), outcome: outcome.into() }).await
    }

    async fn see(&self, id: &str) -> Payment {
        self.ada.get_payment(GetPaymentRequest { id: id.into() }).await.unwrap().body
    }

    /// What each account gained by a payment.
    async fn ledger(&self, id: &str) -> Vec<(String, i64)> {
        let request = ListLedgerEntriesRequest { payment_id: id.into(), ..Default::default() };
        let entries = self.staff.list_ledger_entries(request).await.unwrap().body.entries;
        entries.iter().map(|entry| (entry.account.clone(), cents(&entry.amount))).collect()
    }
}

/// Covers: payment.spacecash, payment.acknowledge, payment.types, payment.ledger.
async fn a_payment_waits_until_staff_acknowledges_it(setup: Setup) {
    let shop = open(setup).await;
    let (order, payment) = shop.order(PaymentState::Processing).await;
    assert_eq!((order.state(), cents(&order.total)), (OrderState::AwaitingPayment, 1348));
    assert_eq!((payment.provider.as_str(), payment.provider_reference.as_str()), ("spacecash", "SC-1"));
    let asked = shop.spacecash.asked().remove(0);
    assert_eq!(asked.line, "POST /CreatePayment");
    assert!(asked.head.contains("content-type: application/json"), "{}", asked.head);
    let sent = format!(
        r#"{{"CustomerId":"{}","PaymentTypeId":2,"TotalAmount":13.48,"Fee":0.49,"IsPaid":false}}"#,
        shop.ada.user.id
    );
    assert_eq!(asked.body, sent);
    let json: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(json["TotalAmount"].as_f64(), Some(13.48));

    shop.ada.acknowledge_payment(AcknowledgePaymentRequest { id: payment.id.clone() }).await.denied();
    let paid = shop.acknowledge(&payment.id).await.unwrap();
    assert_eq!((paid.state(), cents(&paid.captured)), (PaymentState::Captured, 1348));
    shop.ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(shop.acknowledge(&payment.id).await.unwrap().state(), PaymentState::Captured, "the same");
    assert_eq!(shop.spacecash.count("GET /AcknolagePayment?PaymentID=SC-1"), 1);
    assert_eq!(shop.spacecash.count(""), 2);
    let expected = [("customer".to_owned(), -1348), ("provider:spacecash".to_owned(), 1348)];
    assert_eq!(shop.ledger(&payment.id).await, expected);
}

/// Covers: payment.spacecash, payment.refund, payment.ledger.
async fn what_spacecash_cannot_do_is_recorded_as_made_by_hand(setup: Setup) {
    let shop = open(setup).await;
    let (order, payment) = shop.order(PaymentState::Processing).await;
    let capture = CapturePaymentRequest { id: payment.id.clone() };
    shop.staff.capture_payment(capture).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    let void = VoidPaymentRequest { id: payment.id.clone(), ..Default::default() };
    assert_eq!(shop.staff.void_payment(void).await.unwrap().state(), PaymentState::Voided);
    let refusal = shop.acknowledge(&payment.id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(refusal.info("state"), "PAYMENT_STATE_VOIDED");
    shop.ada.cancel(&order.id).await.unwrap();

    let (order, payment) = shop.order(PaymentState::Processing).await;
    shop.acknowledge(&payment.id).await.unwrap();
    shop.ada.until(&order.id, OrderState::Paid).await;
    let refund = |amount| RefundPaymentRequest {
        id: payment.id.clone(),
        amount: Some(eur(amount)),
        reason: "in cash".into(),
    };
    let part = shop.staff.refund_payment(refund(348)).await.unwrap();
    assert_eq!((part.state(), part.by_hand), (RefundState::Succeeded, true));
    shop.staff.refund_payment(refund(1001)).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    // A cancelled order gives the rest back, and its stock.
    shop.ada.cancel(&order.id).await.unwrap();
    let refunded = shop.ada.until_payment(&payment.id, PaymentState::Refunded).await;
    assert_eq!(cents(&refunded.refunded), 1348);
    let expected = [
        ("customer", -1348),
        ("provider:spacecash", 1348),
        ("customer", 348),
        ("by_hand", -348),
        ("customer", 1000),
        ("by_hand", -1000),
    ];
    assert_eq!(shop.ledger(&payment.id).await, expected.map(|(account, cents)| (account.to_owned(), cents)));
    shop.staff.until_stock(&shop.article, (100, 0, 0)).await;
    assert_eq!(shop.spacecash.count(""), 3, "two creations and an acknowledgement");
}

/// Covers: payment.settle, payment.ledger.
async fn staff_settles_what_nobody_can_ask_about(setup: Setup) {
    let shop = open(setup).await;
    shop.spacecash.plan([Answer::Cuts, Answer::Cuts]);
    let (order, payment) = shop.order(PaymentState::Unknown).await;
    let request =
        |outcome: SettleOutcome| SettlePaymentRequest { id: payment.id.clone(), outcome: outcome.into() };
    shop.ada.settle_payment(request(SettleOutcome::Captured)).await.denied();
    shop.staff.settle_payment(request(SettleOutcome::Unspecified)).await.names("outcome");
    let settled = shop.settle(&payment.id, SettleOutcome::Captured).await.unwrap();
    assert_eq!((settled.state(), cents(&settled.captured)), (PaymentState::Captured, 1348));
    shop.ada.until(&order.id, OrderState::Paid).await;
    let expected = [("customer".to_owned(), -1348), ("provider:spacecash".to_owned(), 1348)];
    assert_eq!(shop.ledger(&payment.id).await, expected);
    for outcome in [SettleOutcome::Captured, SettleOutcome::Failed] {
        let refusal = shop.settle(&payment.id, outcome).await;
        let refusal = refusal.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
        assert_eq!(refusal.info("state"), "PAYMENT_STATE_CAPTURED");
    }

    let (order, payment) = shop.order(PaymentState::Unknown).await;
    let key = shop.staff.with_key("settle:1");
    let failed = SettlePaymentRequest { id: payment.id.clone(), outcome: SettleOutcome::Failed.into() };
    let first = key.settle_payment(failed.clone()).await.unwrap();
    assert_eq!((first.state(), first.failure_reason.as_str()), (PaymentState::Declined, "SETTLED_AS_FAILED"));
    let again = key.settle_payment(failed).await.unwrap();
    assert!(again.replayed() && again.body == first.body);
    let order = shop.ada.at_rest(&order.id).await;
    assert_eq!(
        (order.state(), order.payment_failure.as_str()),
        (OrderState::AwaitingPayment, "SETTLED_AS_FAILED")
    );
    assert!(shop.ledger(&payment.id).await.is_empty());
    // She pays by another one; the fee of its type replaces the old one.
    let mut other = crate::support::shop::checkout(&order.id, "sim_approve");
    other.payment_type = Some(1);
    shop.ada.checkout(other).await.unwrap();
    let order = shop.ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(cents(&order.total), 1299);

    let simulated = shop.ada.order(&shop.article, 1, "sim_action").await.unwrap().body;
    let waiting = shop.ada.payments(&simulated.id).await.remove(0).id;
    let refusal = shop.settle(&waiting, SettleOutcome::Captured).await;
    let refusal = refusal.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(refusal.info("state"), "PAYMENT_STATE_PROCESSING");
    shop.settle("pay_01h455vb4pex5vsknk084sn02q", SettleOutcome::Failed).await.missing();
}

/// Covers: payment.types.
async fn other_methods_types_and_urls_are_refused(setup: Setup) {
    let shop = open(setup).await;
    let method = CreateOrderRequest { payment_method: "sim_approve".into(), ..shop.request() };
    shop.ada.create_order(method).await.names("payment_method");
    let kind = CreateOrderRequest { payment_type: Some(3), ..shop.request() };
    shop.ada.create_order(kind).await.names("payment_type");
    assert_eq!(shop.spacecash.count(""), 0);
    for (types, url, problem) in [
        ("1=spacecash", "", "--spacecash-url"),
        ("1=spacecash", "ftp://x", "SpaceCash"),
        ("1=spacecash", "localhost:80", "SpaceCash"),
        ("1=spacecash", "http://x/?a=b", "SpaceCash"),
        ("1=spacecache", "http://x", "spacecache"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut start = crate::support::process::Start::of("serve")
            .arg("--rest-listen", "127.0.0.1:0")
            .arg("--grpc-listen", "127.0.0.1:0")
            .env("FEIRA_PAYMENT_TYPES", types);
        if !url.is_empty() {
            start = start.env("FEIRA_SPACECASH_URL", url);
        }
        let ended = tokio::task::spawn_blocking(move || start.run(folder.path())).await.unwrap();
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(problem), "{types} {url}: {}", ended.stderr);
    }
}
