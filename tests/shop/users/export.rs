//! All that is held about a person, as a copy.

use std::collections::BTreeMap;

use contracts::{
    mesh::{ExportUserRequest, ExportUserResponse},
    order::OrderState,
    payment::PaymentState,
};
use prost_types::{Struct, value::Kind};

use crate::support::{Client, Code, Setup, eur};

on_both_edges!(
    a_copy_has_all_that_is_held_about_a_person_and_nothing_of_others,
    a_copy_is_for_its_person_and_staff
);

fn text<'a>(record: &'a ExportUserResponse, field: &str) -> &'a str {
    let fields = record.record.as_ref().map(|Struct { fields }| fields);
    match fields.and_then(|fields| fields.get(field)).and_then(|value| value.kind.as_ref()) {
        Some(Kind::StringValue(text)) => text,
        other => panic!("{field} is {other:?} in {record:?}"),
    }
}

fn of(id: &str) -> ExportUserRequest {
    ExportUserRequest { id: id.into() }
}

/// Covers: user.export.
async fn a_copy_has_all_that_is_held_about_a_person_and_nothing_of_others(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 50).await;
    let paid = ada.order(&article.id, 2, "sim_approve").await.unwrap();
    ada.until(&paid.id, OrderState::Paid).await;
    let cancelled = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.cancel(&cancelled.id).await.unwrap();
    let refunded = ada.until(&cancelled.id, OrderState::Cancelled).await;
    ada.until_payment(&refunded.payment_id, PaymentState::Refunded).await;
    let basket = ada.add(&article.id, 1).await.unwrap();
    bob.order(&article.id, 1, "sim_approve").await.unwrap();

    let records = ada.export_user(of("me")).await.rest().await;
    let mut kinds: BTreeMap<&str, Vec<&ExportUserResponse>> = BTreeMap::new();
    for record in &records {
        kinds.entry(&record.kind).or_default().push(record);
    }
    assert_eq!(records[0].kind, "user");
    assert_eq!(text(&records[0], "id"), ada.user.id);
    assert_eq!(text(&records[0], "email"), ada.user.email);
    assert_eq!((kinds["user"].len(), kinds["address"].len(), kinds["session"].len()), (1, 1, 1));
    assert_eq!(text(kinds["address"][0], "city"), "Lisboa");
    let orders: Vec<&str> = kinds["order"].iter().map(|order| text(order, "id")).collect();
    assert_eq!(orders, [&*basket.id, &*cancelled.id, &*paid.id], "the newest first, as lists have them");
    let events = kinds["order_event"].iter().filter(|event| text(event, "orderId") == paid.id).count();
    assert_eq!(events, ada.history(&paid.id).await.len());
    assert_eq!((kinds["purchase"].len(), kinds["payment"].len(), kinds["refund"].len()), (1, 2, 1));
    assert_eq!(text(kinds["refund"][0], "paymentId"), refunded.payment_id);
    assert!(records.iter().all(|record| !format!("{record:?}").contains(&bob.user.id)));
    // Staff have the same copy of anybody; Bob's has nothing of Ada's.
    let by_staff = staff.export_user(of(&ada.user.id)).await.rest().await;
    let stays = |record: &&ExportUserResponse| record.kind != "session" && record.kind != "user";
    assert!(by_staff.iter().filter(stays).eq(records.iter().filter(stays)));
    let bobs = bob.export_user(of("me")).await.rest().await;
    assert!(bobs.iter().all(|record| !format!("{record:?}").contains(&ada.user.id)));
}

/// Covers: user.export, access.
async fn a_copy_is_for_its_person_and_staff(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let refused = async |client: &Client, id: &str| {
        let first = client.export_user(of(id)).await.next().await;
        first.expect("an answer").map(|_| ()).expect_err("a refusal")
    };
    assert_eq!(refused(&bob, &ada.user.id).await.code, Code::NotFound);
    assert_eq!(refused(&mesh.client(), &ada.user.id).await.code, Code::Unauthenticated);
    assert_eq!(refused(&staff, "usr_01h455vb4pex5vsknk084sn02q").await.code, Code::NotFound);
    assert_eq!(refused(&staff, "nobody").await.code, Code::InvalidArgument);
}
