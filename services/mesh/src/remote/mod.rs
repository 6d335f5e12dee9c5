//! What events are about, as it is now: read from the services by their own methods. And whom they are handed on to.

pub mod body;
pub mod nats;
mod receiver;

use std::{collections::HashMap, time::Duration};

use contracts::{
    article::{
        GetArticleRequest, GetStockRequest, article_service_client::ArticleServiceClient,
        get_article_request::Key, stock_service_client::StockServiceClient,
    },
    order::{GetOrderRequest, order_service_client::OrderServiceClient},
    payment::{
        GetPaymentRequest, ListDisputesRequest, ListRefundsRequest,
        payment_service_client::PaymentServiceClient,
    },
    user::{GetAddressRequest, GetUserRequest, user_service_client::UserServiceClient},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kit::{Call, Conn, Fault, Mesh, Role, telemetry::metrics::Counter};
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, SerializeOptions};
use prost_types::Any;
use tonic::{Code, Response, Status};

pub use self::receiver::{Receivers, Sent};

use crate::{domain::Of, store::event};

/// How long reading one thing may take, whatever calls that takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many things are read at the same time for one caller.
const AT_ONCE: usize = 8;
/// Refunds or disputes on a page.
const PAGE: i32 = 100;

static UNREADABLE: Counter = Counter::new(
    "feira.events.unreadable",
    "{read}",
    "Reads of what events are about that a service failed at by its own fault",
);

/// Begins what is counted at 0.
pub fn begin_figures() {
    UNREADABLE.begin(&[&[]]);
}

/// Reads things; cheap to clone.
#[derive(Clone)]
pub struct Resources {
    mesh: Mesh,
}

/// Things that were read, by what they are and their ids; those that there are no more are missing.
#[derive(Debug, Default)]
pub struct Contents(HashMap<(Of, String), Any>);

impl Contents {
    /// What an event is about.
    pub fn of(&self, event: &event::Model) -> Option<&Any> {
        self.0.get(&(Of::kind(&event.kind)?, event.subject.clone()))
    }
}

impl Resources {
    pub fn new(mesh: &Mesh) -> Self {
        Self { mesh: mesh.clone() }
    }

    /// What some events are about, each thing read once. Fails where a service cannot be asked now.
    pub async fn of(&self, call: &Call, events: &[event::Model]) -> Result<Contents, Fault> {
        let mut wanted = HashMap::new();
        for event in events {
            if let Some(of) = Of::kind(&event.kind) {
                wanted.insert((of, event.subject.clone()), event.parent.clone());
            }
        }
        let read = |((of, id), parent): ((Of, String), Option<String>)| async move {
            let found = self.read(call, of, &id, parent).await;
            found.map(|found| found.map(|any| ((of, id), any)))
        };
        let found: Vec<_> = stream::iter(wanted).map(read).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(Contents(found.into_iter().flatten().collect()))
    }

    /// What one event is about; nothing where it is not there, or the type is none of the shop's.
    pub async fn one(
        &self,
        call: &Call,
        kind: &str,
        subject: &str,
        parent: Option<String>,
    ) -> Result<Option<Any>, Fault> {
        match Of::kind(kind) {
            Some(of) => self.read(call, of, subject, parent).await,
            None => Ok(None),
        }
    }

    /// What the service itself fails at reading would fail the next time, too, and hold up all that is behind it: that event is
    /// told without what it is about.
    async fn read(
        &self,
        call: &Call,
        of: Of,
        id: &str,
        parent: Option<String>,
    ) -> Result<Option<Any>, Fault> {
        match self.ask(call, of, id, parent).await {
            Ok(found) => Ok(Some(found)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) if Fault::is_services_own(&status) => {
                tracing::warn!(kind = ?of, subject = id, "event.unreadable");
                UNREADABLE.add(1, &[]);
                Ok(None)
            }
            Err(status) => Err(Fault::of(&status)),
        }
    }

    async fn ask(&self, call: &Call, of: Of, id: &str, parent: Option<String>) -> Result<Any, Status> {
        let (call, id) = (&call.within(PATIENCE), id.to_owned());
        match of {
            Of::User => {
                let request = call.request(GetUserRequest { id });
                packed(UserServiceClient::new(self.conn(Role::User)).get_user(request).await)
            }
            Of::Article => {
                let request = call.request(GetArticleRequest { key: Some(Key::Id(id)) });
                packed(ArticleServiceClient::new(self.conn(Role::Article)).get_article(request).await)
            }
            Of::Stock => {
                let request = call.request(GetStockRequest { article_id: id });
                packed(StockServiceClient::new(self.conn(Role::Article)).get_stock(request).await)
            }
            Of::Order => {
                let request = call.request(GetOrderRequest { id });
                packed(OrderServiceClient::new(self.conn(Role::Order)).get_order(request).await)
            }
            Of::Payment => {
                let request = call.request(GetPaymentRequest { id });
                packed(PaymentServiceClient::new(self.conn(Role::Payment)).get_payment(request).await)
            }
            Of::Refund => self.refund(call, &id, parent).await,
            Of::Dispute => self.dispute(call, &id, parent).await,
            Of::Address => {
                let user_id = parent.ok_or_else(gone)?;
                let request = call.request(GetAddressRequest { user_id, id });
                packed(UserServiceClient::new(self.conn(Role::User)).get_address(request).await)
            }
        }
    }

    /// A refund, which is read among those of its payment.
    async fn refund(&self, call: &Call, id: &str, payment: Option<String>) -> Result<Any, Status> {
        let payment_id = payment.ok_or_else(gone)?;
        let mut payments = PaymentServiceClient::new(self.conn(Role::Payment));
        let mut page_token = String::new();
        loop {
            let request = ListRefundsRequest { payment_id: payment_id.clone(), page_size: PAGE, page_token };
            let page = payments.list_refunds(call.request(request)).await?.into_inner();
            if let Some(refund) = page.refunds.iter().find(|refund| refund.id == id) {
                return Ok(pack(refund));
            }
            if page.next_page_token.is_empty() {
                return Err(gone());
            }
            page_token = page.next_page_token;
        }
    }

    /// A dispute, likewise.
    async fn dispute(&self, call: &Call, id: &str, payment: Option<String>) -> Result<Any, Status> {
        let payment_id = payment.ok_or_else(gone)?;
        let mut payments = PaymentServiceClient::new(self.conn(Role::Payment));
        let mut page_token = String::new();
        loop {
            let request = ListDisputesRequest { payment_id: payment_id.clone(), page_size: PAGE, page_token };
            let page = payments.list_disputes(call.request(request)).await?.into_inner();
            if let Some(dispute) = page.disputes.iter().find(|dispute| dispute.id == id) {
                return Ok(pack(dispute));
            }
            if page.next_page_token.is_empty() {
                return Err(gone());
            }
            page_token = page.next_page_token;
        }
    }

    fn conn(&self, role: Role) -> Conn {
        self.mesh.conn(Role::Mesh, role)
    }
}

/// Something that was read, as REST answers it.
pub fn json(any: &Any) -> Result<serde_json::Value, Fault> {
    let name = any.type_url.rsplit('/').next().unwrap_or_default();
    let kind = contracts::pool().get_message_by_name(name);
    let kind = kind.ok_or_else(|| Fault::internal("what an event is about is in no contract"))?;
    let message = DynamicMessage::decode(kind, any.value.as_slice()).map_err(Fault::internal)?;
    let options = SerializeOptions::new().skip_default_fields(false);
    message.serialize_with_options(serde_json::value::Serializer, &options).map_err(Fault::internal)
}

fn packed<M: Message + Name>(answer: Result<Response<M>, Status>) -> Result<Any, Status> {
    answer.map(|message| pack(message.get_ref()))
}

/// There is no such thing.
fn gone() -> Status {
    Fault::not_found("what an event is about").into()
}

fn pack<M: Message + Name>(message: &M) -> Any {
    Any { type_url: format!("type.googleapis.com/{}", M::full_name()), value: message.encode_to_vec() }
}
