//! Processes of the order service over one database, and one customer's dealings with them.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use clap::Parser;
use contracts::{
    order::{
        AddLineRequest, CancelOrderRequest, CheckoutRequest, CreateOrderRequest, Order, OrderLine,
        ReopenOrderRequest, checkout_request, create_order_request, order_service_server::OrderService,
    },
    user::Address,
};
use kit::{
    Call, Clock, Role, Scope, Tasks, Time,
    headers::IDEMPOTENCY_REPLAYED,
    id::{ArticleId, Id, OrderId, UserId},
    payment_types::PaymentTypesOptions,
    testing::{Database, customer, keyed},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use tokio::sync::Semaphore;
use tonic::{Response, Status};

use super::world::World;
use crate::{
    Options,
    api::OrderApi,
    checkout::{Driven, admission::Admission},
    domain::{State, Step},
    orders::Orders,
    remote::Remote,
    store::{self, View, order, payment, reservation},
    work::{sweep, watch::Watchers},
};

/// For how long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    options: Options,
}

/// A process of the order service; cheap to clone.
#[derive(Clone)]
pub struct Process {
    orders: Orders,
    slots: Arc<Semaphore>,
}

impl Process {
    /// Starts one on a migrated database.
    pub async fn start(database: &Database, world: &World) -> Self {
        let options = Settings::parse_from(["order"]).options;
        let conn = world.conn();
        let orders = Orders {
            db: database.open(Clock::system()).await.into(),
            remote: Remote::over(conn.clone(), conn.clone(), conn),
            watchers: Watchers::default(),
            driven: Driven::default(),
            admission: Admission::new(options.max_checkouts),
            options: Arc::new(options),
            payment_types: Arc::new(PaymentTypesOptions::default().types().unwrap()),
            tasks: Tasks::default(),
        };
        Self { orders, slots: Arc::new(Semaphore::new(16)) }
    }

    /// Another one on the same connections, which sees this world.
    pub fn with(other: &Self, world: &World) -> Self {
        let conn = world.conn();
        let orders = Orders {
            remote: Remote::over(conn.clone(), conn.clone(), conn),
            watchers: Watchers::default(),
            driven: Driven::default(),
            ..other.orders.clone()
        };
        Self { orders, slots: other.slots.clone() }
    }

    /// Every connection is closed, as when it ends.
    pub async fn close(self) {
        self.orders.db.close().await;
    }

    /// One look of the sweeper, as if all leases had run out, all pauses were over, and no call of long ago could still be
    /// under way.
    pub async fn sweep(&self) {
        let own = own();
        let due = self.orders.db.transact(&own, (), |tx, _| async move {
            store::end_leases(&tx).await?;
            payment::Entity::update_many()
                .col_expr(payment::Column::NextTry, Expr::value(Time(0)))
                .col_expr(payment::Column::CreateTime, Expr::value(Time(0)))
                .exec(&*tx)
                .await?;
            reservation::Entity::update_many()
                .col_expr(reservation::Column::NextTry, Expr::value(Time(0)))
                .exec(&*tx)
                .await?;
            // Of those that are under way nothing is judged by it.
            order::Entity::update_many()
                .col_expr(order::Column::UpdateTime, Expr::value(Time(0)))
                .filter(order::Column::Step.eq(Step::Idle))
                .exec(&*tx)
                .await?;
            Ok(())
        });
        due.await.unwrap();
        sweep::sweep(&self.orders, &self.slots).await.unwrap();
    }

    /// The time to pay an order is over.
    pub async fn run_out_of_time(&self, id: OrderId) {
        let own = own();
        let over = self.orders.db.transact(&own, (), move |tx, _| async move {
            order::Entity::update_many()
                .col_expr(order::Column::ExpireTime, Expr::value(Time(1)))
                .filter(order::Column::Id.eq(id))
                .exec(&*tx)
                .await?;
            Ok(())
        });
        over.await.unwrap();
    }

    /// The order as it is stored.
    pub async fn view(&self, id: OrderId) -> View {
        let row = store::by_id(self.orders.db.read(), id, Scope::All).await.unwrap();
        store::view(self.orders.db.read(), row).await.unwrap()
    }

    /// A user's orders.
    pub async fn orders_of(&self, user: UserId) -> Vec<OrderId> {
        store::of_user(self.orders.db.read(), user).await.unwrap()
    }

    /// Whether nothing of an order is under way or to be compensated.
    pub async fn is_at_rest(&self, id: OrderId) -> bool {
        self.view(id).await.order.step == Step::Idle
            && store::marked_payments(&self.orders.db, id).await.unwrap().is_empty()
            && store::marked_reservations(&self.orders.db, id).await.unwrap().is_empty()
    }

    /// Waits until the drivers of this process have brought an order to rest, if they can.
    pub async fn comes_to_rest(&self, id: OrderId, within: Duration) -> bool {
        let rest = async {
            while !self.is_at_rest(id).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(within, rest).await.is_ok()
    }

    /// Goes on with an order, as sweepers do, until it is at rest.
    pub async fn bring_to_rest(&self, id: OrderId) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while !self.is_at_rest(id).await {
            self.sweep().await;
            self.comes_to_rest(id, Duration::from_millis(300)).await;
            assert!(tokio::time::Instant::now() < until, "{:?}", self.view(id).await.order);
        }
    }

    /// An order's history: numbers and states.
    pub async fn history(&self, id: OrderId) -> Vec<(i64, State)> {
        let page = store::events_after(self.orders.db.read(), id, 0).await.unwrap();
        page.into_iter().map(|event| (event.sequence, event.state)).collect()
    }
}

fn own() -> Call {
    Call::of_service(Role::Order, "test")
}

/// A customer who buys two units of one article, and says so under one idempotency key.
#[derive(Debug, Clone)]
pub struct Customer {
    pub id: UserId,
    article: ArticleId,
    method: &'static str,
    key: String,
}

type Reply = Result<Response<Order>, Status>;

impl Customer {
    /// Somebody new, who pays by this method.
    pub fn new(method: &'static str) -> Self {
        static ARTICLE: OnceLock<ArticleId> = OnceLock::new();
        let article = *ARTICLE.get_or_init(ArticleId::new);
        Self { id: UserId::new(), article, method, key: "k".to_owned() }
    }

    /// The same, whose next call has another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    fn request<M>(&self, message: M) -> tonic::Request<M> {
        keyed(&customer(self.id), &self.key, message)
    }

    /// The basket.
    pub async fn fill(&self, process: &Process) -> OrderId {
        let message = AddLineRequest {
            order_id: "open".to_owned(),
            article_id: self.article.to_string(),
            quantity: 2,
            ..Default::default()
        };
        let order = OrderApi(process.orders.clone()).add_line(self.request(message)).await.unwrap();
        order.get_ref().id.parse().unwrap()
    }

    pub async fn check_out(&self, process: &Process, id: OrderId) -> Reply {
        let message = CheckoutRequest {
            id: id.to_string(),
            payment_method: self.method.to_owned(),
            destination: Some(checkout_request::Destination::Address(address())),
            ..Default::default()
        };
        OrderApi(process.orders.clone()).checkout(self.request(message)).await
    }

    pub async fn create(&self, process: &Process) -> Reply {
        let message = CreateOrderRequest {
            lines: vec![OrderLine { article_id: self.article.to_string(), quantity: 2 }],
            payment_method: self.method.to_owned(),
            destination: Some(create_order_request::Destination::Address(address())),
            ..Default::default()
        };
        OrderApi(process.orders.clone()).create_order(self.request(message)).await
    }

    pub async fn reopen(&self, process: &Process, id: OrderId) -> Reply {
        let message = ReopenOrderRequest { id: id.to_string(), ..Default::default() };
        OrderApi(process.orders.clone()).reopen_order(self.request(message)).await
    }

    pub async fn cancel(&self, process: &Process, id: OrderId) -> Reply {
        let message = CancelOrderRequest { id: id.to_string(), ..Default::default() };
        OrderApi(process.orders.clone()).cancel_order(self.request(message)).await
    }
}

/// Whether an answer is that of an earlier call.
pub fn is_replayed(reply: &Response<Order>) -> bool {
    reply.metadata().contains_key(IDEMPOTENCY_REPLAYED)
}

fn address() -> Address {
    Address {
        recipient: "Maria Silva".to_owned(),
        lines: vec!["Rua do Ouro 1".to_owned()],
        postal_code: "1100-060".to_owned(),
        city: "Lisboa".to_owned(),
        country_code: "PT".to_owned(),
        ..Default::default()
    }
}
