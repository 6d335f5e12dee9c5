//! A payment service with its simulated provider, and callers.

use std::time::Duration;

use contracts::google::api::HttpBody;
use contracts::payment::{
    AcknowledgePaymentRequest, CapturePaymentRequest, CreatePaymentRequest, GetPaymentRequest, Payment,
    PaymentState, ReceiveProviderEventRequest, Refund, RefundPaymentRequest, VoidPaymentRequest,
    payment_service_server::PaymentService,
};
use kit::{
    Caller, Clock, Db, Fault, Money, Role, Tasks,
    id::{Id, OrderId, PaymentId, UserId},
    testing::{self, Database},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use tonic::{Response, Status};

use crate::{
    Migrator, Options,
    api::{Payments, states},
    domain::Pace,
    provider::signature,
    store::entities::{ledger_entry, payment, payment_event},
};

/// Signs the simulated provider's webhooks.
pub const WEBHOOK_SECRET: [u8; 32] = [9; 32];

pub use kit::testing::{customer, keyed, request, staff};

pub struct Shop {
    pub payments: Payments,
    pub db: Db,
    pub tasks: Tasks,
    /// Where the simulated provider listens.
    pub provider: String,
    options: Options,
    http: reqwest::Client,
    _database: Database,
}

pub fn options() -> Options {
    Options { simulator_slow: Duration::from_millis(600), ..Options::default() }
}

pub fn pace() -> Pace {
    Pace { answer_within: Duration::from_secs(1), ..Pace::new(Duration::from_millis(50)) }
}

/// Another service, in this test the order service.
pub fn mesh() -> Caller {
    testing::service(Role::Order)
}

pub fn eur(minor: i64) -> contracts::Money {
    Money::new(minor, "EUR".parse().unwrap()).into()
}

pub fn fault(status: &Status) -> Fault {
    Fault::of(status)
}

/// A new payment of 12.99 EUR.
pub fn new(method: &str) -> CreatePaymentRequest {
    CreatePaymentRequest {
        id: PaymentId::new().to_string(),
        order_id: OrderId::new().to_string(),
        user_id: UserId::new().to_string(),
        amount: Some(eur(1299)),
        fee: Some(eur(99)),
        payment_type: 1,
        payment_method: method.to_owned(),
        capture: false,
    }
}

impl Shop {
    pub async fn open() -> Self {
        Self::with(pace()).await
    }

    pub async fn with(pace: Pace) -> Self {
        Self::set(pace, options()).await
    }

    pub async fn set(pace: Pace, options: Options) -> Self {
        Self::at(Database::new(Role::Payment).await, pace, options).await
    }

    /// On a database that is new.
    pub async fn at(database: Database, pace: Pace, options: Options) -> Self {
        let db = database.migrated::<Migrator>(Clock::system()).await;
        Self::on(db, database, pace, options).await
    }

    async fn on(db: Db, database: Database, pace: Pace, options: Options) -> Self {
        let tasks = Tasks::default();
        let types = "1=simulated;2=simulated,percent=1".parse().unwrap();
        let reach =
            crate::Reach { ports: crate::Ports::open(&options).await.unwrap(), ..crate::Reach::default() };
        let (payments, _) =
            crate::build(&options, pace, db.clone(), tasks.clone(), types, WEBHOOK_SECRET, reach).unwrap();
        let provider = payments.engine.providers().get("simulated").unwrap().action_url("");
        Self {
            payments,
            db,
            tasks,
            provider,
            options,
            http: reqwest::Client::builder().tls_certs_only([]).build().unwrap(),
            _database: database,
        }
    }

    /// Another replica on the same database.
    pub async fn replica(&self) -> Self {
        let pace = self.payments.engine.pace();
        Self::on(self.db.clone(), self._database.clone(), pace, self.options.clone()).await
    }

    pub async fn create(&self, new: CreatePaymentRequest) -> Result<Payment, Status> {
        self.payments.create_payment(request(&mesh(), new)).await.map(Response::into_inner)
    }

    pub async fn capture(&self, id: &str) -> Result<Payment, Status> {
        let message = CapturePaymentRequest { id: id.to_owned() };
        self.payments.capture_payment(request(&mesh(), message)).await.map(Response::into_inner)
    }

    pub async fn void(&self, id: &str, reason: &str) -> Result<Payment, Status> {
        let message = VoidPaymentRequest { id: id.to_owned(), reason: reason.to_owned() };
        self.payments.void_payment(request(&mesh(), message)).await.map(Response::into_inner)
    }

    pub async fn acknowledge(&self, id: &str) -> Result<Payment, Status> {
        let message = AcknowledgePaymentRequest { id: id.to_owned() };
        self.payments.acknowledge_payment(request(&staff(), message)).await.map(Response::into_inner)
    }

    pub async fn refund(&self, id: &str, amount: Option<i64>) -> Result<Refund, Status> {
        let message = RefundPaymentRequest {
            id: id.to_owned(),
            amount: amount.map(eur),
            reason: "returned".to_owned(),
        };
        self.payments.refund_payment(request(&staff(), message)).await.map(Response::into_inner)
    }

    pub async fn get(&self, id: &str) -> Payment {
        let message = GetPaymentRequest { id: id.to_owned() };
        self.payments.get_payment(request(&mesh(), message)).await.unwrap().into_inner()
    }

    pub async fn captured(&self) -> Payment {
        let payment = self.create(new("")).await.unwrap();
        self.capture(&payment.id).await.unwrap()
    }

    /// Waits until a payment is in a state.
    pub async fn becomes(&self, id: &str, state: PaymentState) -> Payment {
        let wait = async {
            loop {
                let payment = self.get(id).await;
                if payment.state() == state {
                    return payment;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(10), wait).await {
            Ok(payment) => payment,
            Err(_) => panic!("{id} is {:?}, not {state:?}", self.get(id).await),
        }
    }

    pub async fn faults(&self, plan: Value) {
        let answer = self.http.put(format!("{}/faults", self.provider)).json(&plan).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// What a customer does; the answer's status code.
    pub async fn act(&self, url: &str, outcome: &str) -> u16 {
        let answer = self.http.post(url).json(&json!({ "outcome": outcome })).send().await.unwrap();
        answer.status().as_u16()
    }

    /// Delivers a webhook of the simulated provider.
    pub async fn deliver(&self, body: &Value) -> Result<(), Status> {
        let body = body.to_string();
        let signed =
            signature::sign(&signature::key(&WEBHOOK_SECRET), self.db.clock().now(), body.as_bytes());
        self.receive("simulated", Some(&signed), body.as_bytes()).await
    }

    pub async fn receive(&self, provider: &str, signed: Option<&str>, body: &[u8]) -> Result<(), Status> {
        let event = HttpBody { data: body.to_vec(), ..HttpBody::default() };
        let message = ReceiveProviderEventRequest { provider: provider.to_owned(), event: Some(event) };
        let mut request = request(&Caller::Anonymous, message);
        if let Some(signed) = signed {
            request.metadata_mut().insert("x-simulated-signature", signed.parse().unwrap());
        }
        self.payments.receive_provider_event(request).await.map(|_| ())
    }

    /// The charge at the provider.
    pub async fn charge(&self, id: &str) -> Value {
        self.http.get(format!("{}/charges/{id}", self.provider)).send().await.unwrap().json().await.unwrap()
    }

    pub async fn post(&self, path: &str, key: &str, body: Value) -> u16 {
        let request = self.http.post(format!("{}{path}", self.provider)).header("idempotency-key", key);
        request.json(&body).send().await.unwrap().status().as_u16()
    }

    /// The states that a payment came to; checks that its history has no gaps.
    pub async fn history(&self, id: &str) -> Vec<String> {
        let id: PaymentId = id.parse().unwrap();
        let rows = payment_event::Entity::find()
            .filter(payment_event::Column::PaymentId.eq(id))
            .order_by_asc(payment_event::Column::Sequence)
            .all(self.db.read())
            .await
            .unwrap();
        assert!(rows.iter().map(|row| row.sequence).eq(1..=rows.len() as i32));
        rows.iter()
            .map(|row| states::name(row.state).trim_start_matches("PAYMENT_STATE_").to_owned())
            .collect()
    }

    /// What the provider's account holds of a payment; checks that its ledger sums to zero.
    pub async fn ledger(&self, id: &str) -> i64 {
        let id: PaymentId = id.parse().unwrap();
        let rows = ledger_entry::Entity::find()
            .filter(ledger_entry::Column::PaymentId.eq(id))
            .all(self.db.read())
            .await
            .unwrap();
        assert_eq!(rows.iter().map(|row| row.amount_minor).sum::<i64>(), 0);
        rows.iter().filter(|row| row.account == "provider:simulated").map(|row| row.amount_minor).sum()
    }

    pub async fn row(&self, id: &str) -> payment::Model {
        let id: PaymentId = id.parse().unwrap();
        payment::Entity::find_by_id(id).one(self.db.read()).await.unwrap().unwrap()
    }

    /// How many payments there are.
    pub async fn count(&self) -> usize {
        payment::Entity::find().all(self.db.read()).await.unwrap().len()
    }
}
