//! Every type of event on the page `docs/events.md` comes of a change from outside, and no other does.

use std::collections::BTreeSet;

use contracts::{
    event::ListEventsRequest,
    order::{CreateOrderRequest, OrderState, ReopenOrderRequest},
    payment::{PaymentState, RefundPaymentRequest},
    user::{
        Address, CreateAddressRequest, DeleteAddressRequest, DeleteUserRequest, DisableUserRequest,
        EnableUserRequest, UpdateAddressRequest, UpdateUserRequest, User,
    },
};

use crate::support::{
    Client, Setup, Shopper, eur,
    shop::{address, new_order},
    spacecash::{Answer, SpaceCash},
    stripe::{self, deliver},
    until,
};

tests!(every_type_on_the_page_comes_of_a_change);

/// The types that the page has.
fn page() -> BTreeSet<String> {
    let page = include_str!("../../docs/events.md");
    let types = page.split("\n## Types\n").nth(1).expect("a section of types");
    let types = types.split("\n## ").next().unwrap();
    let rows = types.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(kind, _)| kind.to_owned()).collect()
}

/// The types that a shop has told.
async fn told(staff: &Client) -> BTreeSet<String> {
    let (mut kinds, mut request) =
        (BTreeSet::new(), ListEventsRequest { page_size: 1_000, ..Default::default() });
    loop {
        let page = staff.list_events(request.clone()).await.expect("events").body;
        for event in page.events {
            // Accounts and articles are gone by now, some of them.
            let stays =
                ["order.", "payment.", "refund.", "dispute."].iter().any(|it| event.r#type.starts_with(it));
            assert!(event.data.is_some() || !stays, "{event:?}");
            kinds.insert(event.r#type);
        }
        if page.next_page_token.is_empty() {
            return kinds;
        }
        request.page_token = page.next_page_token;
    }
}

/// The types that a shop has told, once these are among them.
async fn until_told(staff: &Client, wanted: &[&str]) -> BTreeSet<String> {
    until(&format!("{wanted:?} are told"), || async {
        let told = told(staff).await;
        wanted.iter().all(|kind| told.contains(*kind)).then_some(told)
    })
    .await
}

/// Covers: mesh.events.
async fn every_type_on_the_page_comes_of_a_change(setup: Setup) {
    let mut all = simulated(setup.clone()).await;
    all.extend(by_spacecash(setup.clone()).await);
    all.extend(by_stripe(setup).await);
    assert_eq!(all, page());
}

async fn simulated(setup: Setup) -> BTreeSet<String> {
    let mesh = setup.env("FEIRA_PAYMENT_WINDOW", "3s").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    let renamed = contracts::article::Article { name: "Another".into(), ..article.clone() };
    let update = contracts::article::UpdateArticleRequest { article: Some(renamed), update_mask: None };
    staff.update_article(update).await.unwrap();
    accounts(&mesh.shopper().await, &staff).await;

    let declined = ada.order(&article.id, 1, "sim_decline").await.unwrap().body;
    ada.reopen_order(ReopenOrderRequest { id: declined.id.clone(), etag: String::new() }).await.unwrap();
    let waiting = ada.order(&article.id, 1, "sim_action").await.unwrap().body;
    ada.cancel(&waiting.id).await.unwrap();
    let expiring = ada.order(&article.id, 1, "sim_decline").await.unwrap().body;
    let paid = ada.order(&article.id, 2, "sim_approve").await.unwrap().body;
    let paid = ada.until(&paid.id, OrderState::Paid).await;
    for amount in [Some(eur(500)), None] {
        let request =
            RefundPaymentRequest { id: paid.payment_id.clone(), amount, reason: "scratched".into() };
        staff.refund_payment(request).await.unwrap();
    }
    let sent = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    ada.until(&sent.id, OrderState::Paid).await;
    staff.ship(&sent.id).await.unwrap();
    staff.deliver(&sent.id).await.unwrap();
    ada.until(&expiring.id, OrderState::Expired).await;
    let request = contracts::article::DeleteArticleRequest { id: article.id, etag: String::new() };
    staff.delete_article(request).await.unwrap();
    until_told(
        &staff,
        &["article.deleted", "order.expired", "order.delivered", "payment.refunded", "user.deleted"],
    )
    .await
}

/// What becomes of an account.
async fn accounts(bia: &Shopper, staff: &Shopper) {
    let me = || "me".to_owned();
    let named = User { id: me(), first_name: "Bia".into(), ..Default::default() };
    let user =
        bia.update_user(UpdateUserRequest { user: Some(named), update_mask: None }).await.unwrap().body;
    let request = CreateAddressRequest { user_id: me(), address: Some(address()) };
    let made = bia.create_address(request).await.unwrap().body;
    let moved = Address { id: made.id.clone(), user_id: me(), recipient: "Bia".into(), ..Default::default() };
    bia.update_address(UpdateAddressRequest { address: Some(moved), update_mask: None }).await.unwrap();
    let request = DeleteAddressRequest { user_id: me(), id: made.id, etag: String::new() };
    bia.delete_address(request).await.unwrap();
    staff.disable_user(DisableUserRequest { id: user.id.clone() }).await.unwrap();
    staff.enable_user(EnableUserRequest { id: user.id.clone() }).await.unwrap();
    staff.delete_user(DeleteUserRequest { id: user.id, etag: String::new() }).await.unwrap();
}

/// A provider whose answers are lost, and that cannot be asked.
async fn by_spacecash(setup: Setup) -> BTreeSet<String> {
    let spacecash = SpaceCash::start().await;
    let mesh = setup
        .env("FEIRA_PAYMENT_TYPES", "1=simulated;2=spacecash")
        .env("FEIRA_SPACECASH_URL", &format!("{}/", spacecash.url))
        .env("FEIRA_PROVIDER_TIMEOUT", "1s")
        .start()
        .await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    let order = || CreateOrderRequest { payment_type: Some(2), ..new_order(&article.id, 1, "") };
    spacecash.plan([Answer::Cuts]);
    for state in [PaymentState::Unknown, PaymentState::Processing] {
        let placed = ada.create_order(order()).await.unwrap().body;
        ada.until_payment(&placed.payment_id, state).await;
    }
    until_told(&staff, &["payment.unknown", "payment.processing"]).await
}

/// Money that is held first, a refund that comes back, and banks that take money back.
async fn by_stripe(setup: Setup) -> BTreeSet<String> {
    let shop = stripe::Shop::open(setup).await;
    let held = shop.paid_on_page().await;
    shop.ada.until(&held.id, OrderState::Paid).await;
    let refunded = shop.paid().await;
    shop.refund(&refunded.id, 1000).await;
    shop.stripe.return_refund(&refunded.id);
    let edge = shop.mesh.http();
    let event = shop.stripe.events_of(&refunded.id, "refund.updated").pop().unwrap();
    deliver(&edge, &event).await.expect(204);
    for end in ["won", "lost"] {
        let payment = shop.paid().await;
        let booking = stripe::Booking { amount: -1000, fee: 0, currency: "eur" };
        for event in [
            shop.stripe.dispute(&payment.id, "created", "needs_response", None),
            shop.stripe.dispute(&payment.id, "funds_withdrawn", "needs_response", Some(booking)),
            shop.stripe.dispute(&payment.id, "closed", end, None),
        ] {
            deliver(&edge, &event).await.expect(204);
        }
    }
    until_told(&shop.staff, &["payment.authorized", "refund.failed", "dispute.won", "dispute.lost"]).await
}
