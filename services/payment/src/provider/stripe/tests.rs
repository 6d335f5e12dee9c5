//! Against `stripe-mock`, Stripe's own server that checks requests against the schema of its interface. It
//! remembers nothing and declines nothing: what becomes of payments is tested from outside, in tests/shop.

use kit::{
    Clock,
    id::{Id, OrderId, PaymentId, RefundId, UserId},
};

use super::{
    object::{Refund, Session},
    refund::made,
    *,
};

/// Where stripe-mock listens: `http://HOST:PORT`.
const VARIABLE: &str = "FEIRA_TEST_STRIPE_MOCK";
const NOW: Time = Time(1_800_000_000_000_000);

#[allow(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
fn server() -> Option<String> {
    let url = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        eprintln!("SKIPPED: there is no stripe-mock; run the tests by ./tests/run");
    }
    url
}

fn stripe(url: &str, key: &str, return_url: Option<&str>) -> Stripe {
    stripe_of(url, key, return_url, &Pages::default())
}

fn stripe_of(url: &str, key: &str, return_url: Option<&str>, pages: &Pages) -> Stripe {
    let options = StripeOptions {
        stripe_url: url.to_owned(),
        stripe_secret_key: kit::SecretSource::text(key.parse().unwrap()),
        stripe_return_url: return_url.map(str::to_owned),
        ..StripeOptions::default()
    };
    Stripe::new(&options, pages, Duration::from_secs(5), Clock::manual(NOW)).unwrap().unwrap()
}

fn charge(amount: i64, currency: &str) -> Charge {
    Charge {
        payment_id: PaymentId::new(),
        order_id: OrderId::new(),
        user_id: UserId::new(),
        payment_type: 1,
        reference: String::new(),
        amount: Money::new(amount, currency.parse().unwrap()),
        fee: Money::zero(currency.parse().unwrap()),
        method: "pm_card_visa".to_owned(),
        capture: false,
        create_time: NOW,
    }
}

#[tokio::test]
async fn stripes_own_schema_takes_every_request() {
    let Some(url) = server() else { return };
    for return_url in [None, Some("https://shop.example/paid")] {
        let stripe = stripe(&url, "sk_test_123", return_url);
        for (amount, currency) in [(1299, "EUR"), (500, "JPY"), (5120, "KWD"), (5, "ISK")] {
            let mut charge = charge(amount, currency);
            let key = |step: &str| format!("{}:{step}", charge.payment_id);
            let (authorize, capture, void) = (key("authorize"), key("capture"), key("void"));
            // It finds some charge, which is not ours.
            assert_eq!(stripe.query(&charge).await, Ok(None));
            assert_eq!(stripe.list(&charge).await, Ok(None));
            charge.reference = stripe.authorize(&authorize, &charge).await.unwrap().reference;
            assert!(charge.reference.starts_with("pi_"), "{}", charge.reference);
            stripe.query(&charge).await.unwrap().unwrap();
            stripe.capture(&capture, &charge).await.unwrap();
            stripe.void(&void, &charge).await.unwrap();
            let refund = RefundId::new().to_string();
            assert_eq!(stripe.find_refund(&refund, &charge.reference).await.unwrap().map(|it| it.id), None);
            let snapshot = stripe.refund(&refund, &charge, charge.amount).await.unwrap();
            assert_eq!(
                (snapshot.reference, snapshot.status),
                (charge.reference.clone(), ChargeStatus::Captured)
            );
            let found: Refund = stripe.api.get("/v1/refunds/re_1", &[]).await.unwrap();
            assert!(found.id.starts_with("re_"), "{}", found.id);
            for last in [None, Some("evt_1".to_owned())] {
                let read = Cursor(vec![last.clone(), last]);
                assert_eq!(stripe.list_events(NOW, &read).await.unwrap().events, [], "none is about ours");
            }
        }
    }
}

#[tokio::test]
async fn stripes_own_schema_takes_every_request_about_its_page() {
    let Some(url) = server() else { return };
    let pages = Pages { own: Some("http://127.0.0.1:8080".to_owned()), ..Pages::default() };
    let stripe = stripe_of(&url, "sk_test_123", None, &pages);
    for (amount, currency) in [(1299, "EUR"), (500, "JPY"), (5, "ISK")] {
        for method in ["", "checkout"] {
            let mut charge = charge(amount, currency);
            method.clone_into(&mut charge.method);
            let key = |step: &str| format!("{}:{step}", charge.payment_id);
            assert_eq!(
                stripe.find_session(&charge).await,
                Ok(None),
                "it finds some session, which is not ours"
            );
            let units = amount::minor_units(charge.amount).unwrap();
            let form = stripe.session_form(&charge, units, stripe.pages.as_ref().unwrap());
            let made =
                stripe.api.post::<Session>(&key("authorize"), "/v1/checkout/sessions", &form).await.unwrap();
            assert!(is_session(&made.object.id), "{}", made.object.id);
            let path = format!("/v1/checkout/sessions/{}/expire", made.object.id);
            stripe.api.post::<Session>(&key("void"), &path, &[]).await.unwrap();
            let expand = [("expand[]", "payment_intent".to_owned())];
            let path = format!("/v1/checkout/sessions/{}", made.object.id);
            let found: Session = stripe.api.get(&path, &expand).await.unwrap();
            assert_eq!(found.id, made.object.id);
        }
    }
}

#[tokio::test]
async fn stripes_own_schema_refuses_what_is_not_in_it() {
    let Some(url) = server() else { return };
    let stripe = stripe(&url, "sk_test_123", None);
    let wrong = [("amount", "1".to_owned()), ("currency", "eur".to_owned()), ("colour", "red".to_owned())];
    let answer = stripe.api.post::<Intent>("key", "/v1/payment_intents", &wrong).await;
    assert!(matches!(answer, Err(Problem::Refused { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_key_that_stripe_does_not_accept_is_not_shown() {
    let Some(url) = server() else { return };
    let answer = stripe(&url, "hunter22", None).authorize("key", &charge(1299, "EUR")).await;
    let Err(Failure::NotSent { problem }) = answer else { panic!("{answer:?}") };
    assert!(problem.contains("secret key") && !problem.contains("hunter22"), "{problem}");
}

#[tokio::test]
async fn what_stripe_cannot_charge_exactly_is_not_sent() {
    let stripe = stripe("http://127.0.0.1:1", "sk_test_123", None);
    assert_eq!(stripe.authorize("key", &charge(5124, "KWD")).await, Err(not_exact()));
    assert_eq!(stripe.authorize("key", &charge(1000, "IQD")).await, Err(not_exact()));
}

#[tokio::test]
async fn nothing_to_pay_needs_no_stripe() {
    let stripe = stripe("http://127.0.0.1:1", "sk_test_123", None);
    let nothing = charge(0, "EUR");
    assert_eq!(stripe.authorize("key", &nothing).await, Ok(free(ChargeStatus::Authorized)));
    assert_eq!(stripe.capture("key", &nothing).await, Ok(free(ChargeStatus::Captured)));
    assert_eq!(stripe.void("key", &nothing).await, Ok(free(ChargeStatus::Voided)));
}

#[tokio::test]
async fn a_charge_is_not_sent_an_hour_late() {
    // Nobody listens: a request would have failed for certain.
    let stripe = stripe("http://127.0.0.1:1", "sk_test_123", None);
    let mut late = charge(1299, "EUR");
    assert!(matches!(stripe.authorize("key", &late).await, Err(Failure::NotSent { .. })));
    late.create_time = NOW - SEND_WITHIN;
    assert!(matches!(stripe.authorize("key", &late).await, Err(Failure::Unknown { .. })), "it may have been");
}

#[test]
fn only_what_may_be_stripes_payment_method_is_taken() {
    let stripe = stripe("http://127.0.0.1:1", "sk_test_123", None);
    for good in ["pm_card_visa", "pm_1N4abcXYZ", "card_1", "src_1"] {
        assert!(stripe.accepts(good), "{good}");
    }
    let pages = Pages { own: Some("http://127.0.0.1:8080".to_owned()), ..Pages::default() };
    let with_page = stripe_of("http://127.0.0.1:1", "sk_test_123", None, &pages);
    for page in ["", "checkout"] {
        assert!(
            with_page.accepts(page) && !stripe.accepts(page),
            "{page:?}: there is nowhere to come back to"
        );
    }
    for bad in ["pm_", "sim_approve", "tok_visa", "pm_card-visa", "pm_../x", "PM_1"] {
        assert!(!stripe.accepts(bad), "{bad}");
    }
}

#[test]
fn a_refund_knows_when_it_was_made() {
    let time = made(&RefundId::new().to_string()).unwrap();
    assert!(Clock::system().now().since(time) < Duration::from_secs(60));
    assert!(made("nonsense").is_err());
}
