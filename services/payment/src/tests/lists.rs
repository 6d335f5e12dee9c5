//! Who sees what, and the filters.

use contracts::payment::{
    GetPaymentRequest, ListPaymentsRequest, ListPaymentsResponse, ListRefundsRequest, PaymentState,
    payment_service_server::PaymentService,
};
use kit::{
    Caller,
    id::{Id, PaymentId, UserId},
};
use sea_orm::EntityTrait;
use tonic::{Code, Status};

use super::support::*;
use crate::{domain::State, store::entities::payment};

async fn list(
    shop: &Shop,
    caller: &Caller,
    list: ListPaymentsRequest,
) -> Result<ListPaymentsResponse, Status> {
    Ok(shop.payments.list_payments(request(caller, list)).await?.into_inner())
}

async fn ids(shop: &Shop, filter: ListPaymentsRequest) -> Vec<String> {
    let listed = list(shop, &staff(), filter).await.unwrap();
    listed.payments.into_iter().map(|payment| payment.id).collect()
}

#[tokio::test]
async fn a_foreign_payment_looks_like_a_missing_one() {
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    let owner = customer(payment.user_id.parse().unwrap());
    let stranger = customer(UserId::new());
    let get = |caller: &Caller| {
        shop.payments.get_payment(request(caller, GetPaymentRequest { id: payment.id.clone() }))
    };
    let refunds = |caller: &Caller| {
        let message = ListRefundsRequest { payment_id: payment.id.clone(), ..Default::default() };
        shop.payments.list_refunds(request(caller, message))
    };
    assert!(get(&owner).await.is_ok() && refunds(&owner).await.is_ok());
    assert_eq!(get(&stranger).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(refunds(&stranger).await.unwrap_err().code(), Code::NotFound);
    let own = ListPaymentsRequest { user_id: "me".to_owned(), ..Default::default() };
    assert_eq!(list(&shop, &owner, own.clone()).await.unwrap().payments.len(), 1);
    assert_eq!(list(&shop, &stranger, own).await.unwrap().payments.len(), 0);
    assert_eq!(list(&shop, &stranger, Default::default()).await.unwrap().payments.len(), 0);
    let foreign = ListPaymentsRequest { user_id: payment.user_id.clone(), ..Default::default() };
    assert_eq!(list(&shop, &stranger, foreign).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn lists_are_filtered_and_the_newest_comes_first() {
    let shop = Shop::open().await;
    let authorized = shop.create(new("")).await.unwrap();
    let declined = shop.create(new("sim_decline")).await.unwrap();
    let mut cheap = new("");
    (cheap.amount, cheap.fee, cheap.payment_type) = (Some(eur(500)), None, 2);
    let cheap = shop.create(cheap).await.unwrap();
    let none = ListPaymentsRequest::default;
    let [a, d, c] = [&authorized, &declined, &cheap].map(|payment| payment.id.as_str());
    assert_eq!(ids(&shop, none()).await, [c, d, a]);
    let state = vec![PaymentState::Declined.into()];
    assert_eq!(ids(&shop, ListPaymentsRequest { state, ..none() }).await, [d]);
    assert_eq!(ids(&shop, ListPaymentsRequest { pending: Some(true), ..none() }).await, [c, a]);
    assert_eq!(ids(&shop, ListPaymentsRequest { pending: Some(false), ..none() }).await, [d]);
    assert_eq!(ids(&shop, ListPaymentsRequest { payment_type: Some(2), ..none() }).await, [c]);
    let order_id = authorized.order_id.clone();
    assert_eq!(ids(&shop, ListPaymentsRequest { order_id, ..none() }).await, [a]);
    let user_id = declined.user_id.clone();
    assert_eq!(ids(&shop, ListPaymentsRequest { user_id, ..none() }).await, [d]);
    let bounds = |least, most| ListPaymentsRequest { min_amount: least, max_amount: most, ..none() };
    assert_eq!(ids(&shop, bounds(Some(eur(1299)), Some(eur(1299)))).await, [d, a]);
    assert_eq!(ids(&shop, bounds(None, Some(eur(1298)))).await, [c]);
    let mut dollars = eur(0);
    dollars.currency_code = "USD".to_owned();
    assert_eq!(ids(&shop, bounds(Some(dollars.clone()), None)).await, Vec::<String>::new());
    for (least, most) in [(eur(2), eur(1)), (dollars, eur(1))] {
        let refused = list(&shop, &staff(), bounds(Some(least), Some(most))).await.unwrap_err();
        assert_eq!(
            (refused.code(), fault(&refused).fields[0].0.as_str()),
            (Code::InvalidArgument, "min_amount")
        );
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    let shop = Shop::open().await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, shop.create(new("")).await.unwrap().id);
    }
    let mut request = ListPaymentsRequest { page_size: 2, ..Default::default() };
    let (mut seen, staff) = (Vec::new(), staff());
    loop {
        let page = list(&shop, &staff, request.clone()).await.unwrap();
        seen.extend(page.payments.into_iter().map(|payment| payment.id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn what_is_rare_is_found_however_many_newer_payments_there_are() {
    let shop = Shop::open().await;
    let rare = || {
        let mut rare = new("sim_decline");
        (rare.amount, rare.payment_type) = (Some(eur(9_999)), 2);
        shop.create(rare)
    };
    let rare = [rare().await.unwrap(), rare().await.unwrap()];
    let like = payment::Entity::find().one(shop.db.read()).await.unwrap().unwrap();
    // More than are looked through on the way; neighbours differ.
    let newer = (0..2_100).map(|number: i32| payment::Model {
        id: PaymentId::new(),
        state: if number % 2 == 0 { State::Voided } else { State::Captured },
        payment_type: 1 + number % 2 * 2,
        amount_minor: 1_000,
        fee_minor: 0,
        ..like.clone()
    });
    let newer: Vec<_> = newer.map(payment::ActiveModel::from).collect();
    for some in newer.chunks(300) {
        let rows = payment::Entity::insert_many(some.iter().cloned());
        rows.exec_without_returning(shop.db.read()).await.unwrap();
    }
    let expected = [rare[1].id.as_str(), rare[0].id.as_str()];
    let none = ListPaymentsRequest::default;
    let state = vec![PaymentState::Declined.into(), PaymentState::Refunded.into()];
    let most =
        vec![PaymentState::Declined.into(), PaymentState::Voided.into(), PaymentState::Captured.into()];
    for request in [
        ListPaymentsRequest { state: state.clone(), ..none() },
        ListPaymentsRequest { payment_type: Some(2), ..none() },
        ListPaymentsRequest { payment_type: Some(2), pending: Some(false), ..none() },
        ListPaymentsRequest { payment_type: Some(2), state: most.clone(), ..none() },
        ListPaymentsRequest { min_amount: Some(eur(2_000)), ..none() },
        ListPaymentsRequest { min_amount: Some(eur(2_000)), state: most, payment_type: Some(2), ..none() },
        ListPaymentsRequest { min_amount: Some(eur(2_000)), max_amount: Some(eur(9_999)), state, ..none() },
    ] {
        assert_eq!(ids(&shop, request.clone()).await, expected, "{request:?}");
        let staff = staff();
        let first =
            list(&shop, &staff, ListPaymentsRequest { page_size: 1, ..request.clone() }).await.unwrap();
        assert_eq!(first.payments[0].id, expected[0]);
        let second = ListPaymentsRequest { page_size: 1, page_token: first.next_page_token, ..request };
        assert_eq!(list(&shop, &staff, second).await.unwrap().payments[0].id, expected[1]);
    }
    for request in [
        ListPaymentsRequest { min_amount: Some(eur(10_000)), ..none() },
        ListPaymentsRequest { payment_type: Some(4), ..none() },
        ListPaymentsRequest { payment_type: Some(1), state: vec![PaymentState::Captured.into()], ..none() },
        ListPaymentsRequest { pending: Some(true), state: vec![PaymentState::Captured.into()], ..none() },
    ] {
        assert_eq!(ids(&shop, request.clone()).await, Vec::<String>::new(), "{request:?}");
    }
}
