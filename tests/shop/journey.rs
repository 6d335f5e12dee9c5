//! The main job, from registration to a delivered order, over each edge, on each database, in one process
//! and in six.

use contracts::{
    article::{Article, CreateArticleRequest, ListArticlesRequest},
    order::{
        AdjustmentType, CheckoutRequest, GetOpenOrderRequest, GetOrderRequest, ListOrdersRequest, OrderState,
        RemoveLineRequest, UpdateLineRequest, checkout_request::Destination,
    },
    payment::PaymentState,
    user::{CheckUsernameRequest, GetUserRequest, ListAddressesRequest, Role},
};

use crate::support::{
    Backend, Code, Edge, Mesh, Refused, Setup, Shopper, eur, money,
    money::cents,
    shop::{PASSWORD, act, registration},
    until,
};

each!(in_one_process: Setup::default(); the_journey_over_grpc, the_journey_over_rest);
each!(in_one_process_on_postgres: Setup::default().on(Backend::Postgres); the_journey_over_grpc, the_journey_over_rest);
each!(in_one_process_on_mysql: Setup::default().on(Backend::MySql); the_journey_over_grpc, the_journey_over_rest);
each!(in_six_processes: Setup::default().split(); the_journey_over_grpc, the_journey_over_rest);
each!(in_six_processes_on_postgres: Setup::default().split().on(Backend::Postgres);
    the_journey_over_grpc, the_journey_over_rest);
each!(in_six_processes_on_mysql: Setup::default().split().on(Backend::MySql);
    the_journey_over_grpc, the_journey_over_rest);

/// Covers: user.register, user.who-am-i, user.sign-in, article.change, order.basket, order.checkout.
/// Covers: payment.simulated, order.ship, order.history, order.cancel, mesh.split, mesh.databases.
async fn the_journey_over_grpc(setup: Setup) {
    the_journey(setup.over(Edge::Grpc).start().await).await;
}

/// Covers: user.register, user.who-am-i, user.sign-in, article.change, order.basket, order.checkout.
/// Covers: payment.simulated, order.ship, order.history, order.cancel, mesh.split, mesh.databases.
async fn the_journey_over_rest(setup: Setup) {
    the_journey(setup.over(Edge::Rest).start().await).await;
}

async fn the_journey(mesh: Mesh) {
    let ada = she_registers_and_signs_in(&mesh).await;
    let staff = mesh.admin().await;
    let (lamp, cable) = staff_creates_articles(&staff).await;
    she_searches(&ada).await;
    let order = she_fills_her_basket(&ada, &lamp, &cable).await;
    she_pays_and_receives(&ada, &staff, &order, &lamp, &cable).await;
    declined_then_paid_by_another_method(&ada, &staff, &cable).await;
    a_payment_that_needs_an_action(&ada, &staff, &cable).await;
    cancelled_before_payment(&ada, &staff, &cable).await;
    cancelled_after_payment(&ada, &staff, &cable).await;

    let orders = ada.list_orders(ListOrdersRequest::default()).await.unwrap();
    assert_eq!(orders.orders.len(), 5);
    assert_eq!(staff.stock(&cable.id).await, (94, 0, 6), "2 delivered, 1 paid late, 3 paid by an action");
}

async fn she_registers_and_signs_in(mesh: &Mesh) -> Shopper {
    let anybody = mesh.client();
    let free = |name: &str| CheckUsernameRequest { username: name.into() };
    assert!(anybody.check_username(free("Ada")).await.unwrap().available);
    let user = anybody.create_user(registration("Ada")).await.unwrap();
    assert_eq!((user.username.as_str(), user.email.as_str()), ("Ada", "Ada@example.com"));
    assert_eq!(user.roles, [i32::from(Role::Customer)]);
    assert!(!anybody.check_username(free("aDa")).await.unwrap().available);

    anybody
        .get_user(GetUserRequest { id: "me".into() })
        .await
        .refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let ada = anybody.sign_in_as("ada@EXAMPLE.com", PASSWORD).await.unwrap();
    assert_eq!((ada.tokens.token_type.as_str(), ada.tokens.expires_in), ("Bearer", 600));
    let me = ada.get_user(GetUserRequest { id: "me".into() }).await.unwrap();
    assert_eq!(me.body, user.body);
    ada
}

async fn staff_creates_articles(staff: &Shopper) -> (Article, Article) {
    let lamp = Article {
        code: "LAMP-1".into(),
        name: "Candeeiro de secretária".into(),
        description: "Made of cork".into(),
        category: "lights".into(),
        price: Some(eur(3999)),
        tax_rate_basis_points: 2300,
        active: true,
        ..Default::default()
    };
    let lamp = staff.create_article(CreateArticleRequest { article: Some(lamp) }).await.unwrap().body;
    assert_eq!((lamp.price.clone(), lamp.available), (Some(eur(3999)), 0));
    staff.adjust(&lamp.id, 5, contracts::article::StockReason::Received).await.unwrap();
    let cable = staff.stocked(eur(10), 100).await;
    let yen = staff.stocked(money(1200, 0, "JPY"), 1).await;
    assert_eq!(yen.price.unwrap().units, 1200);
    (lamp, cable)
}

async fn she_searches(ada: &Shopper) {
    let search = |query: &str| ListArticlesRequest { query: query.into(), ..Default::default() };
    for query in ["secretaria", "CAND", "cork light", "lamp-1"] {
        let found = ada.list_articles(search(query)).await.unwrap();
        assert_eq!(
            found.articles.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(),
            ["LAMP-1"],
            "{query}"
        );
    }
    assert!(ada.list_articles(search("cork stone")).await.unwrap().articles.is_empty());
}

async fn she_fills_her_basket(ada: &Shopper, lamp: &Article, cable: &Article) -> String {
    ada.get_open_order(GetOpenOrderRequest {}).await.missing();
    let basket = ada.add(&lamp.id, 1).await.unwrap();
    assert_eq!((basket.state(), cents(&basket.total)), (OrderState::Open, 3999));
    ada.add(&cable.id, 3).await.unwrap();
    let basket = ada.add(&lamp.id, 1).await.unwrap();
    assert_eq!(basket.lines.iter().map(|it| it.quantity).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(cents(&basket.subtotal), 2 * 3999 + 3 * 10);

    let [lamps, cables] = [&basket.lines[0], &basket.lines[1]].map(|line| line.id.clone());
    let change =
        UpdateLineRequest { order_id: "open".into(), line_id: cables, quantity: 2, ..Default::default() };
    let basket = ada.update_line(change).await.unwrap();
    assert_eq!(cents(&basket.total), 2 * 3999 + 2 * 10);
    let remove = RemoveLineRequest { order_id: basket.id.clone(), line_id: lamps, ..Default::default() };
    ada.remove_line(remove).await.unwrap();
    let basket = ada.add(&lamp.id, 1).await.unwrap();
    assert_eq!(ada.get_open_order(GetOpenOrderRequest {}).await.unwrap().body, basket.body);
    assert_eq!(ada.get_order(GetOrderRequest { id: "open".into() }).await.unwrap().body, basket.body);
    assert_eq!(cents(&basket.total), 3999 + 2 * 10);
    basket.body.id
}

async fn she_pays_and_receives(ada: &Shopper, staff: &Shopper, id: &str, lamp: &Article, cable: &Article) {
    let mut watch = ada.watch(id, 0).await;
    let addresses = ListAddressesRequest { user_id: "me".into(), ..Default::default() };
    let home = ada.list_addresses(addresses).await.unwrap().addresses[0].clone();
    let pay = CheckoutRequest {
        id: "open".into(),
        destination: Some(Destination::AddressId(home.id)),
        ..Default::default()
    };
    let order = ada.checkout(pay).await.unwrap();
    assert_eq!(order.id, id);
    let order =
        if order.state() == OrderState::Paid { order.body } else { ada.until(id, OrderState::Paid).await };
    assert_eq!(order.address.as_ref().unwrap().recipient, "Ada Lovelace");
    let adjustments: i64 = order.adjustments.iter().map(|it| cents(&it.amount)).sum();
    assert!(order.adjustments.iter().all(|it| it.r#type() != AdjustmentType::Unspecified));
    assert_eq!(cents(&order.total), 3999 + 2 * 10 + adjustments);
    // 23 % within 39.99 and within 0.20, each rounded once.
    assert_eq!(cents(&order.tax_included), 748 + 4);
    assert!(order.place_time.is_some());
    assert_eq!(staff.stock(&lamp.id).await, (4, 0, 1));
    assert_eq!(staff.stock(&cable.id).await, (98, 0, 2));
    let payment = ada.until_payment(&order.payment_id, PaymentState::Captured).await;
    assert_eq!((payment.order_id.as_str(), &payment.amount), (id, &order.total));
    assert_eq!(payment.captured, order.total);

    ada.get_open_order(GetOpenOrderRequest {}).await.missing();
    let shipped = staff.ship(id).await.unwrap();
    assert_eq!((shipped.state(), shipped.tracking_code.as_str()), (OrderState::Shipped, "RR123456785PT"));
    ada.cancel(id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(staff.deliver(id).await.unwrap().state(), OrderState::Delivered);

    // The stream has all of it, ends by itself, and is the history.
    let seen = watch.rest().await;
    let history = ada.history(id).await;
    assert_eq!(seen, history);
    let states = history.iter().map(|event| event.state()).collect::<Vec<_>>();
    let mut way = states.clone();
    way.dedup();
    let expected = [
        OrderState::Open,
        OrderState::CheckingOut,
        OrderState::AwaitingPayment,
        OrderState::Paid,
        OrderState::Shipped,
        OrderState::Delivered,
    ];
    assert_eq!(way, expected);
    let sequences = history.iter().map(|event| event.sequence).collect::<Vec<_>>();
    assert_eq!(sequences, (1..=history.len() as i64).collect::<Vec<_>>());
    assert_eq!(history[0].actor, ada.user.id);
    assert_eq!(history.last().unwrap().actor, staff.user.id);
    assert_eq!(ada.watch(id, sequences[1]).await.rest().await, history[2..]);
}

async fn declined_then_paid_by_another_method(ada: &Shopper, staff: &Shopper, cable: &Article) {
    ada.add(&cable.id, 1).await.unwrap();
    let declined = ada.pay("open", "sim_decline").await.unwrap();
    let declined = ada.at_rest(&declined.id).await;
    assert_eq!(
        (declined.state(), declined.payment_failure.as_str()),
        (OrderState::AwaitingPayment, "DECLINED")
    );
    assert_eq!(staff.stock(&cable.id).await, (97, 1, 2));
    ada.until_payment(&declined.payment_id, PaymentState::Declined).await;

    let poor = ada.pay(&declined.id, "sim_insufficient").await.unwrap();
    let poor = ada.at_rest(&poor.id).await;
    assert_eq!(poor.payment_failure, "INSUFFICIENT_FUNDS");
    ada.pay(&declined.id, "sim_approve").await.unwrap();
    let paid = ada.until(&declined.id, OrderState::Paid).await;
    assert_eq!((paid.total, paid.payment_failure.as_str()), (declined.total, ""));
    assert_eq!(ada.payments(&paid.id).await.len(), 3);
    assert_eq!(staff.stock(&cable.id).await, (97, 0, 3));
}

async fn a_payment_that_needs_an_action(ada: &Shopper, staff: &Shopper, cable: &Article) {
    let order = ada.order(&cable.id, 3, "sim_action").await.unwrap();
    let order = until("there is something to act on", || async {
        Some(ada.see(&order.id).await).filter(|order| !order.payment_action_url.is_empty())
    })
    .await;
    assert_eq!(order.state(), OrderState::AwaitingPayment);
    assert_eq!(staff.stock(&cable.id).await, (94, 3, 3));
    act(ada, &order, "approve").await;
    let paid = ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(paid.payment_action_url, "");
}

async fn cancelled_before_payment(ada: &Shopper, staff: &Shopper, cable: &Article) {
    let order = ada.order(&cable.id, 10, "sim_action").await.unwrap();
    assert_eq!(ada.cancel(&order.id).await.unwrap().state(), OrderState::Cancelled);
    let payment = ada.payments(&order.id).await.remove(0);
    ada.until_payment(&payment.id, PaymentState::Voided).await;
    staff.until_stock(&cable.id, (94, 0, 6)).await;
}

async fn cancelled_after_payment(ada: &Shopper, staff: &Shopper, cable: &Article) {
    let order = ada.order(&cable.id, 10, "sim_approve").await.unwrap();
    let order = ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(staff.stock(&cable.id).await, (84, 0, 16));
    assert_eq!(ada.cancel(&order.id).await.unwrap().state(), OrderState::Cancelled);
    let payment = ada.until_payment(&order.payment_id, PaymentState::Refunded).await;
    assert_eq!(payment.refunded, order.total);
    staff.until_stock(&cable.id, (94, 0, 6)).await;
    assert_eq!(ada.article(&cable.id).await.unwrap().available, 94);
}
