//! Orders, found by number, customer and tracking code.

use contracts::{
    order::{CountOrdersRequest, ListOrdersRequest, Order, OrderState, ShipOrderRequest},
    user::{CreateUserRequest, DeleteUserRequest},
};

use crate::audit::tamper;
use crate::support::{
    Code, Mesh, Refused, Setup, Shopper, eur,
    shop::{PASSWORD, registration},
};

on_every_database!(
    orders_are_found_by_number_customer_and_tracking_code,
    what_is_to_be_shipped_is_counted_and_the_oldest_comes_first,
);
tests!(a_name_that_thousands_have_finds_their_orders);
on_both_edges!(what_is_to_be_shipped_is_counted_and_the_oldest_comes_first);

/// Somebody with a name.
async fn customer(mesh: &Mesh, username: &str, first: &str, last: &str, email: &str) -> Shopper {
    let request = CreateUserRequest {
        first_name: first.into(),
        last_name: last.into(),
        email: email.into(),
        ..registration(username)
    };
    mesh.client().create_user(request).await.unwrap();
    mesh.client().sign_in_as(username, PASSWORD).await.unwrap()
}

/// Covers: order.search.
async fn orders_are_found_by_number_customer_and_tracking_code(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 100).await;
    let buy = async |who: &Shopper| who.order(&article.id, 1, "sim_approve").await.unwrap().body;
    let anna = customer(&mesh, "anna", "Luísa", "Müller", "luisa@first.example").await;
    let kenji = customer(&mesh, "kenji", "健二", "山田太郎", "kenji.yamada@post.example").await;
    let (of_anna, of_kenji, again) = (buy(&anna).await, buy(&kenji).await, buy(&kenji).await);
    for number in 0..10 {
        let email = format!("bob{number}@other.example");
        buy(&customer(&mesh, &format!("anna{number}"), "Bob", "Smith", &email).await).await;
    }
    assert_eq!(of_anna.number, of_anna.id[of_anna.id.len() - 8..].to_uppercase());
    assert_eq!(anna.see(&of_anna.id).await.number, of_anna.number);
    let ship = ShipOrderRequest {
        id: of_kenji.id.clone(),
        carrier: "CTT".into(),
        tracking_code: "RR-123 456 785-PT".into(),
        ..Default::default()
    };
    staff.ship_order(ship).await.unwrap();
    let found = async |query: &str, page_size: i32| {
        let mut request = ListOrdersRequest { query: query.into(), page_size, ..Default::default() };
        let mut numbers = Vec::new();
        loop {
            let page = staff.list_orders(request.clone()).await.unwrap().body;
            numbers.extend(page.orders.into_iter().map(|order| order.number));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return numbers;
            }
        }
    };
    let both = [&*again.number, &*of_kenji.number];
    for (query, expected) in [
        (of_anna.number.as_str(), &[&*of_anna.number][..]),
        (&of_anna.number.to_lowercase(), &[&of_anna.number]),
        (&format!(" #{} ", of_anna.number), &[&of_anna.number]),
        (&of_anna.id, &[&of_anna.number]),
        // Exactly she, though ten others begin so.
        ("Anna", &[&of_anna.number]),
        ("LUISA@first.EXAMPLE", &[&of_anna.number]),
        ("luisa", &[&of_anna.number]),
        ("mueller", &[&of_anna.number]),
        ("kenji", &both),
        ("太郎", &both),
        ("山田太郎健二", &both),
        ("健二山田太郎", &both),
        ("yamada post", &both),
        ("RR123456785PT", &[&of_kenji.number]),
        ("rr-123456", &[&of_kenji.number]),
        ("luisa yamada", &[]),
        ("nobody", &[]),
        ("%", &[]),
    ] {
        assert_eq!(found(query, 1).await, expected, "{query}");
        assert_eq!(found(query, 50).await, expected, "{query}");
    }
    assert_eq!(found("smith", 3).await.len(), 10);
    let paid = ListOrdersRequest {
        query: "kenji".into(),
        state: vec![OrderState::Paid.into()],
        order_by: "place_time".into(),
        ..Default::default()
    };
    assert_eq!(staff.list_orders(paid).await.unwrap().orders[0].id, again.id);

    let query = ListOrdersRequest { query: of_anna.number.clone(), ..Default::default() };
    anna.list_orders(query).await.denied();
    // Who is gone is not found by her name, only her order by its number.
    staff.delete_user(DeleteUserRequest { id: anna.user.id.clone(), etag: String::new() }).await.unwrap();
    assert_eq!(found("luisa", 50).await, Vec::<String>::new());
    assert_eq!(found(&of_anna.number, 50).await, [of_anna.number.as_str()]);
}

/// Covers: order.search.
async fn a_name_that_thousands_have_finds_their_orders(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 100).await;
    let mut placed = Vec::new();
    let maria = customer(&mesh, "mia", "Maria", "Silva", "mia@first.example").await;
    let other = customer(&mesh, "mary", "Mária", "Costa", "mary@first.example").await;
    let bob = customer(&mesh, "bob", "Bob", "Smith", "bob@first.example").await;
    for who in [&maria, &bob, &other, &maria, &bob] {
        placed.push(who.order(&article.id, 1, "sim_approve").await.unwrap().body);
    }
    // Bob's last one is found by its tracking code.
    let (id, tracking_code) = (placed[4].id.clone(), "MARIA-77".to_owned());
    staff.ship_order(ShipOrderRequest { id, tracking_code, ..Default::default() }).await.unwrap();
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2001) \
        INSERT INTO users (id, username, username_folded, email, email_folded, password_hash, first_name, \
        first_name_folded, last_name, last_name_folded, customer, staff, admin, disabled, token_version, version, \
        create_time, update_time) \
        SELECT randomblob(16), 'many' || i, 'many' || i, 'many' || i || '@x.example', 'many' || i || '@x.example', \
        password_hash, first_name, first_name_folded, last_name, last_name_folded, customer, staff, admin, disabled, \
        token_version, version, create_time, update_time FROM users, n WHERE username = 'mia'";
    tamper(&mesh, "user", many).await;
    let words = "INSERT INTO user_words (user_id, word) \
        SELECT id, 'maria' FROM users WHERE username LIKE 'many%'";
    tamper(&mesh, "user", words).await;

    let found = async |mut request: ListOrdersRequest| {
        let mut ids = Vec::new();
        loop {
            let page = staff.list_orders(request.clone()).await.unwrap().body;
            ids.extend(page.orders.into_iter().map(|order| order.id));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return ids;
            }
        }
    };
    let ids = |numbers: &[usize]| numbers.iter().map(|number| placed[*number].id.clone()).collect::<Vec<_>>();
    for page_size in [1, 50] {
        let maria = ListOrdersRequest { query: "maria".into(), page_size, ..Default::default() };
        assert_eq!(found(maria.clone()).await, ids(&[4, 3, 2, 0]));
        let oldest_first = ListOrdersRequest { order_by: "place_time".into(), ..maria.clone() };
        assert_eq!(found(oldest_first).await, ids(&[0, 2, 3, 4]));
        let to_ship = ListOrdersRequest { to_ship: true, ..maria };
        assert_eq!(found(to_ship).await, ids(&[3, 2, 0]));
    }
}

/// Covers: order.search.
async fn what_is_to_be_shipped_is_counted_and_the_oldest_comes_first(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 100).await;
    // Begun first, but placed last.
    let basket = ada.add(&article.id, 1).await.unwrap().body.id;
    let mut placed: Vec<Order> = Vec::new();
    for _ in 0..7 {
        placed.push(bob.order(&article.id, 1, "sim_approve").await.unwrap().body);
    }
    placed.push(ada.pay(&basket, "sim_approve").await.unwrap().body);
    let mut ids: Vec<String> = placed.into_iter().map(|order| order.id).collect();
    let shipped = ids.remove(3);
    staff.ship_order(ShipOrderRequest { id: shipped.clone(), ..Default::default() }).await.unwrap();
    bob.add(&article.id, 1).await.unwrap();

    let list = async |order_by: &str, state: &[OrderState]| {
        let mut request = ListOrdersRequest {
            order_by: order_by.into(),
            state: state.iter().map(|state| (*state).into()).collect(),
            page_size: 2,
            ..Default::default()
        };
        let mut ids = Vec::new();
        loop {
            let page = staff.list_orders(request.clone()).await.unwrap().body;
            ids.extend(page.orders.into_iter().map(|order| order.id));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return ids;
            }
        }
    };
    assert_eq!(list("place_time", &[OrderState::Paid]).await, ids);
    let newest: Vec<_> = ids.iter().rev().cloned().collect();
    assert_eq!(list("place_time desc", &[OrderState::Paid]).await, newest);
    let mut all = ids.clone();
    all.insert(3, shipped);
    assert_eq!(list("place_time", &[OrderState::Paid, OrderState::Shipped]).await, all);
    assert_eq!(list("place_time", &[]).await, all, "without baskets");
    let count = async |state: &[OrderState]| {
        let state = state.iter().map(|state| (*state).into()).collect();
        staff.count_orders(CountOrdersRequest { state, to_ship: false }).await.unwrap().count
    };
    assert_eq!(count(&[OrderState::Paid]).await, 7);
    assert_eq!(count(&[OrderState::Paid, OrderState::Open]).await, 8);
    assert_eq!(count(&[]).await, 9);
    assert_eq!(list("", &[]).await.len(), 9);
    let bad = ListOrdersRequest { order_by: "total".into(), ..Default::default() };
    staff.list_orders(bad).await.names("order_by");
    bob.count_orders(CountOrdersRequest::default()).await.denied();
    let owing = ListOrdersRequest { owing: true, ..Default::default() };
    assert_eq!(staff.list_orders(owing.clone()).await.unwrap().orders, []);
    bob.list_orders(owing).await.refused(Code::PermissionDenied, "PERMISSION_DENIED");
}
