//! Idempotency keys, on every kind of mutation.

use contracts::{
    article::StockReason,
    order::{CancelOrderRequest, GetOpenOrderRequest, ListOrdersRequest, OrderState, RemoveLineRequest},
    payment::{ListRefundsRequest, RefundPaymentRequest},
    user::{CreateAddressRequest, CreateUserRequest, ListAddressesRequest, RefreshRequest, SignInRequest},
};

use crate::support::{
    Code, Refused, Setup, eur,
    shop::{PASSWORD, address, checkout, new_order, registration, unique},
};

on_both_edges!(
    an_answer_is_given_again_and_says_so,
    a_checkout_is_answered_again,
    a_shortage_is_refused_again,
    a_key_belongs_to_one_request_of_one_caller_and_one_method,
    a_refusal_is_not_kept,
    a_key_that_is_none_is_refused,
    tokens_are_never_given_again,
    a_key_outlives_a_restart,
);

/// Covers: idempotency.
async fn an_answer_is_given_again_and_says_so(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;

    let anybody = mesh.client().with_key("register");
    let first = anybody.create_user(registration("grace")).await.unwrap();
    let again = anybody.create_user(registration("grace")).await.unwrap();
    assert_eq!((first.replayed(), again.replayed()), (false, true));
    assert_eq!(first.body, again.body);
    assert_eq!(first.http, again.http, "201 both times");

    let keyed = staff.with_key("receive");
    keyed.adjust(&article.id, 5, StockReason::Received).await.unwrap();
    assert!(keyed.adjust(&article.id, 5, StockReason::Received).await.unwrap().replayed());
    assert_eq!(staff.stock(&article.id).await, (105, 0, 0));

    let request = CreateAddressRequest { user_id: "me".into(), address: Some(address()) };
    let keyed = ada.with_key("address");
    let first = keyed.create_address(request.clone()).await.unwrap();
    assert_eq!(keyed.create_address(request).await.unwrap().body, first.body);
    let list = ListAddressesRequest { user_id: "me".into(), ..Default::default() };
    assert_eq!(ada.list_addresses(list).await.unwrap().addresses.len(), 2);

    let keyed = ada.with_key("add");
    keyed.add(&article.id, 2).await.unwrap();
    let basket = keyed.add(&article.id, 2).await.unwrap();
    assert!(basket.replayed() && basket.lines[0].quantity == 2);
    let (order_id, line_id) = (basket.id.clone(), basket.lines[0].id.clone());
    let remove = RemoveLineRequest { order_id, line_id, etag: String::new() };
    ada.with_key("remove").remove_line(remove.clone()).await.unwrap();
    assert!(ada.with_key("remove").remove_line(remove).await.unwrap().replayed());

    let request = new_order(&article.id, 1, "sim_approve");
    let first = ada.with_key("order").create_order(request.clone()).await.unwrap();
    let again = ada.with_key("order").create_order(request).await.unwrap();
    assert!(again.replayed() && again.id == first.id);
    let order = ada.until(&first.id, OrderState::Paid).await;

    let refund =
        RefundPaymentRequest { id: order.payment_id.clone(), amount: Some(eur(1)), ..Default::default() };
    let first = staff.with_key("refund").refund_payment(refund.clone()).await.unwrap();
    let again = staff.with_key("refund").refund_payment(refund).await.unwrap();
    assert!(again.replayed() && again.id == first.id);
    let list = ListRefundsRequest { payment_id: order.payment_id, ..Default::default() };
    assert_eq!(staff.list_refunds(list).await.unwrap().refunds.len(), 1);

    let cancel = CancelOrderRequest { id: order.id, ..Default::default() };
    ada.with_key("cancel").cancel_order(cancel.clone()).await.unwrap();
    assert!(ada.with_key("cancel").cancel_order(cancel).await.unwrap().replayed());
}

/// Covers: idempotency.
async fn a_checkout_is_answered_again(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    ada.add(&article.id, 1).await.unwrap();
    let keyed = ada.with_key("pay");
    let first = keyed.checkout(checkout("open", "sim_approve")).await.unwrap();
    ada.until(&first.id, OrderState::Paid).await;
    let again = keyed.checkout(checkout("open", "sim_approve")).await.unwrap();
    assert!(again.replayed() && again.id == first.id);
    assert_eq!(ada.payments(&first.id).await.len(), 1);
    ada.get_open_order(GetOpenOrderRequest {}).await.missing();
}

/// Covers: idempotency.
async fn a_shortage_is_refused_again(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 1).await;
    let keyed = ada.with_key("order");
    let first = keyed.order(&article.id, 2, "").await.refused(Code::FailedPrecondition, "OUT_OF_STOCK");
    staff.adjust(&article.id, 10, StockReason::Received).await.unwrap();
    let again = keyed.order(&article.id, 2, "").await.refused(Code::FailedPrecondition, "OUT_OF_STOCK");
    assert_eq!(first.info("order_id"), again.info("order_id"));
    assert!(!first.info("order_id").is_empty());
    assert_eq!(ada.list_orders(ListOrdersRequest::default()).await.unwrap().orders.len(), 1);
}

/// Covers: idempotency.
async fn a_key_belongs_to_one_request_of_one_caller_and_one_method(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    let key = "the-same-key";
    let hers = ada.with_key(key).add(&article.id, 2).await.unwrap();
    let refusal = ada.with_key(key).add(&article.id, 3).await;
    refusal.refused(Code::InvalidArgument, "IDEMPOTENCY_KEY_REUSED");
    let his = bob.with_key(key).add(&article.id, 2).await.unwrap();
    assert!(!his.replayed() && his.id != hers.id);
    let other = ada.with_key(key).order(&article.id, 2, "").await.unwrap();
    assert!(!other.replayed(), "another method");
    // Of callers without an identity, the request itself tells who it is.
    let anybody = mesh.client().with_key(key);
    let one = anybody.create_user(registration(&format!("one-{}", unique()))).await.unwrap();
    let other = anybody.create_user(registration(&format!("other-{}", unique()))).await.unwrap();
    assert!(!other.replayed() && one.id != other.id);
}

/// Covers: idempotency.
async fn a_refusal_is_not_kept(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 0).await;
    ada.add(&article.id, 1).await.unwrap();
    let keyed = ada.with_key("pay");
    keyed.checkout(checkout("open", "")).await.refused(Code::FailedPrecondition, "OUT_OF_STOCK");
    staff.adjust(&article.id, 1, StockReason::Received).await.unwrap();
    let order = keyed.checkout(checkout("open", "")).await.unwrap();
    assert!(!order.replayed());
    ada.until(&order.id, OrderState::Paid).await;
    let taken = CreateUserRequest { email: "taken@example.com".into(), ..registration(&ada.user.username) };
    let keyed = mesh.client().with_key("register");
    keyed.create_user(taken.clone()).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
    keyed.create_user(taken).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
}

/// Covers: idempotency.
async fn a_key_that_is_none_is_refused(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 0).await;
    for key in [String::new(), "a b".to_owned(), "x".repeat(256)] {
        ada.with_key(&key).add(&article.id, 1).await.refused(Code::InvalidArgument, "VALIDATION");
    }
    ada.get_open_order(GetOpenOrderRequest {}).await.missing();
    ada.with_key(&"x".repeat(255)).add(&article.id, 1).await.unwrap();
}

/// Covers: idempotency.
async fn tokens_are_never_given_again(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let keyed = mesh.client().with_key("sign-in");
    let request =
        SignInRequest { login: ada.user.username.clone(), password: PASSWORD.into(), ..Default::default() };
    let first = keyed.sign_in(request.clone()).await.unwrap();
    let again = keyed.sign_in(request).await.unwrap();
    assert!(!again.replayed());
    assert_ne!(first.refresh_token, again.refresh_token);
    let refresh = |token: &str| keyed.refresh(RefreshRequest { refresh_token: token.into() });
    let next = refresh(&again.refresh_token).await.unwrap();
    // A refresh is repeated as such, not as a stored answer: for some seconds, and until its answer is used.
    let repeated = refresh(&again.refresh_token).await.unwrap();
    assert!(!repeated.replayed());
    assert_eq!(repeated.refresh_token, next.refresh_token);
    refresh(&next.refresh_token).await.unwrap();
    refresh(&again.refresh_token).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
}

/// Covers: idempotency.
async fn a_key_outlives_a_restart(setup: Setup) {
    let mut mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    let first = ada.with_key("order").order(&article.id, 1, "").await.unwrap();
    drop((staff, ada.clone()));
    mesh.stop("feira-0");
    mesh.restart("feira-0");
    let ada = mesh.client().signed_in(&ada.tokens.access_token);
    let again = ada.with_key("order").order(&article.id, 1, "").await.unwrap();
    assert!(again.replayed() && again.id == first.id);
}
