//! What happens in a shop, in a few words.

use std::{
    ops::Deref,
    sync::atomic::{AtomicU32, Ordering},
};

use contracts::{
    Money,
    article::get_article_request::Key,
    article::{
        AdjustStockRequest, Article, CreateArticleRequest, GetArticleRequest, GetStockRequest, Stock,
        StockReason,
    },
    order::{
        AddLineRequest, CancelOrderRequest, CheckoutRequest, CreateOrderRequest, DeliverOrderRequest,
        GetOrderRequest, ListOrderEventsRequest, Order, OrderEvent, OrderLine, OrderState, ShipOrderRequest,
        checkout_request, create_order_request,
    },
    payment::{GetPaymentRequest, ListPaymentsRequest, Payment, PaymentState},
    user::{Address, CreateUserRequest, SignInRequest, Tokens, User},
};

use super::{
    client::Client,
    mesh::{ADMIN_PASSWORD, Mesh},
    outcome::Outcome,
    wait::until,
};

/// The password of every user of the tests but the administrator.
pub const PASSWORD: &str = "long enough 1";

/// A number that no other call gives.
pub fn unique() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// An address to send things to.
pub fn address() -> Address {
    Address {
        recipient: "Ada Lovelace".into(),
        lines: vec!["Rua Augusta 1".into(), "3.º".into()],
        postal_code: "1100-048".into(),
        city: "Lisboa".into(),
        country_code: "PT".into(),
        phone: "+351 210 000 000".into(),
        ..Default::default()
    }
}

/// Somebody with an account, signed in.
#[derive(Debug, Clone)]
pub struct Shopper {
    pub client: Client,
    pub user: User,
    pub tokens: Tokens,
}

impl Deref for Shopper {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Shopper {
    /// The same with an idempotency key for every call.
    pub fn keyed(&self, key: &str) -> Self {
        Self { client: self.client.with_key(key), ..self.clone() }
    }

    /// The same with a patient client.
    pub fn patient(self) -> Self {
        Self { client: self.client.patient(), ..self }
    }
}

impl Mesh {
    /// The administrator, who is staff too.
    pub async fn admin(&self) -> Shopper {
        self.client().sign_in_as("admin", ADMIN_PASSWORD).await.expect("the administrator signs in")
    }

    /// A new customer with an address.
    pub async fn shopper(&self) -> Shopper {
        self.client().register(&format!("shopper-{}", unique())).await
    }

    /// So many new customers.
    pub async fn shoppers(&self, count: usize) -> Vec<Shopper> {
        let client = self.client();
        super::at_once(count, |_| {
            let client = client.clone();
            async move { client.register(&format!("shopper-{}", unique())).await }
        })
        .await
    }
}

/// What registers a user, with an address.
pub fn registration(username: &str) -> CreateUserRequest {
    CreateUserRequest {
        username: username.into(),
        email: format!("{username}@example.com"),
        password: PASSWORD.into(),
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        address: Some(address()),
    }
}

impl Client {
    /// Registers a customer and signs in.
    pub async fn register(&self, username: &str) -> Shopper {
        self.create_user(registration(username)).await.expect("registration");
        self.sign_in_as(username, PASSWORD).await.expect("sign-in")
    }

    /// Signs in.
    pub async fn sign_in_as(&self, login: &str, password: &str) -> Result<Shopper, super::Refusal> {
        let anonymous = self.anonymous();
        let request = SignInRequest { login: login.into(), password: password.into(), ..Default::default() };
        let tokens = anonymous.sign_in(request).await?.body;
        let user = tokens.user.clone().expect("the user comes with the tokens");
        Ok(Shopper { client: anonymous.signed_in(&tokens.access_token), user, tokens })
    }

    /// Reads an article.
    pub async fn article(&self, id: &str) -> Outcome<Article> {
        self.get_article(GetArticleRequest { key: Some(Key::Id(id.into())) }).await
    }

    /// Staff: a new active article with so many free.
    pub async fn stocked(&self, price: Money, free: i64) -> Article {
        let number = unique();
        let article = Article {
            code: format!("A-{number}"),
            name: format!("Article {number}"),
            price: Some(price),
            tax_rate_basis_points: 2300,
            active: true,
            ..Default::default()
        };
        let article = self.create_article(CreateArticleRequest { article: Some(article) }).await;
        let article = article.expect("an article").body;
        if free > 0 {
            self.adjust(&article.id, free, StockReason::Received).await.expect("stock");
        }
        article
    }

    /// Staff: moves stock.
    pub async fn adjust(&self, article_id: &str, delta: i64, reason: StockReason) -> Outcome<Stock> {
        let note = String::new();
        self.adjust_stock(AdjustStockRequest {
            article_id: article_id.into(),
            delta,
            reason: reason.into(),
            note,
            order_id: None,
        })
        .await
    }

    /// Staff: an article's free, reserved and sold units.
    pub async fn stock(&self, article_id: &str) -> (i64, i64, i64) {
        let stock = self.get_stock(GetStockRequest { article_id: article_id.into() }).await.expect("stock");
        (stock.free, stock.reserved, stock.sold)
    }

    /// Staff: waits until an article's free, reserved and sold units are these.
    pub async fn until_stock(&self, article_id: &str, expected: (i64, i64, i64)) {
        until(&format!("the stock is {expected:?}"), || async {
            (self.stock(article_id).await == expected).then_some(())
        })
        .await;
    }

    /// Adds to the basket.
    pub async fn add(&self, article_id: &str, quantity: i32) -> Outcome<Order> {
        let (order_id, article_id) = ("open".into(), article_id.into());
        self.add_line(AddLineRequest { order_id, article_id, quantity, etag: String::new() }).await
    }

    /// Pays an order by a method of the simulated provider.
    pub async fn pay(&self, id: &str, method: &str) -> Outcome<Order> {
        self.checkout(checkout(id, method)).await
    }

    /// Places an order in one call.
    pub async fn order(&self, article_id: &str, quantity: i32, method: &str) -> Outcome<Order> {
        self.create_order(new_order(article_id, quantity, method)).await
    }

    pub async fn cancel(&self, id: &str) -> Outcome<Order> {
        self.cancel_order(CancelOrderRequest {
            id: id.into(),
            reason: "changed my mind".into(),
            ..Default::default()
        })
        .await
    }

    /// Staff.
    pub async fn ship(&self, id: &str) -> Outcome<Order> {
        let (carrier, tracking_code) = ("CTT".into(), "RR123456785PT".into());
        self.ship_order(ShipOrderRequest { id: id.into(), carrier, tracking_code, ..Default::default() })
            .await
    }

    /// Staff.
    pub async fn deliver(&self, id: &str) -> Outcome<Order> {
        self.deliver_order(DeliverOrderRequest { id: id.into(), ..Default::default() }).await
    }

    /// Reads an order that must be there.
    pub async fn see(&self, id: &str) -> Order {
        self.get_order(GetOrderRequest { id: id.into() }).await.expect("an order").body
    }

    /// Waits until an order is in a state.
    pub async fn until(&self, id: &str, state: OrderState) -> Order {
        until(&format!("the order is {}", state.as_str_name()), || async {
            Some(self.see(id).await).filter(|order| order.state() == state)
        })
        .await
    }

    /// Waits until an order has come to rest: nothing is under way any more.
    pub async fn at_rest(&self, id: &str) -> Order {
        until("the order comes to rest", || async {
            let order = self.see(id).await;
            let waits = order.state() == OrderState::AwaitingPayment
                && order.payment_failure.is_empty()
                && order.payment_action_url.is_empty();
            Some(order).filter(|order| order.state() != OrderState::CheckingOut && !waits)
        })
        .await
    }

    /// An order's history.
    pub async fn history(&self, id: &str) -> Vec<OrderEvent> {
        let request = ListOrderEventsRequest { order_id: id.into(), page_size: 1000, ..Default::default() };
        self.list_order_events(request).await.expect("a history").body.events
    }

    /// The payments of an order, the newest first.
    pub async fn payments(&self, order_id: &str) -> Vec<Payment> {
        let request =
            ListPaymentsRequest { order_id: order_id.into(), page_size: 1000, ..Default::default() };
        self.list_payments(request).await.expect("payments").body.payments
    }

    /// Waits until a payment is in a state.
    pub async fn until_payment(&self, id: &str, state: PaymentState) -> Payment {
        until(&format!("the payment is {}", state.as_str_name()), || async {
            let payment =
                self.get_payment(GetPaymentRequest { id: id.into() }).await.expect("a payment").body;
            Some(payment).filter(|payment| payment.state() == state)
        })
        .await
    }
}

/// A checkout to an address of its own.
pub fn checkout(id: &str, method: &str) -> CheckoutRequest {
    CheckoutRequest {
        id: id.into(),
        destination: Some(checkout_request::Destination::Address(address())),
        payment_method: method.into(),
        ..Default::default()
    }
}

/// An order of one line in one call.
pub fn new_order(article_id: &str, quantity: i32, method: &str) -> CreateOrderRequest {
    CreateOrderRequest {
        lines: vec![OrderLine { article_id: article_id.into(), quantity }],
        destination: Some(create_order_request::Destination::Address(address())),
        payment_method: method.into(),
        ..Default::default()
    }
}

/// Answers the simulated provider's question, as the customer does on her bank's page.
pub async fn act(client: &Client, order: &Order, outcome: &str) {
    assert!(!order.payment_action_url.is_empty(), "there is something to act on: {order:?}");
    let reply = client
        .anonymous()
        .http()
        .post(&order.payment_action_url, serde_json::json!({"outcome": outcome}))
        .await;
    assert!(reply.status.is_success(), "{} {}", reply.status, reply.text());
}
