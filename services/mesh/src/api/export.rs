//! ExportUser: all that is held about a person, from every service, a page in memory at a time.
//!
//! It reads by the services' own methods, so a record is what the contract says of the resource, and a field that is added
//! to one is in the export by itself.

use std::time::Duration;

use contracts::{
    mesh::ExportUserResponse,
    order::{
        ListOrderEventsRequest, ListOrdersRequest, ListPurchasesRequest,
        order_service_client::OrderServiceClient,
    },
    payment::{ListPaymentsRequest, ListRefundsRequest, payment_service_client::PaymentServiceClient},
    user::{
        GetUserRequest, ListAddressesRequest, ListApiKeysRequest, ListSessionsRequest, User,
        auth_service_client::AuthServiceClient, user_service_client::UserServiceClient,
    },
};
use futures::Stream;
use kit::{Call, Conn, Fault, Mesh, Role, Tasks, id::UserId, permissions::Permissions};
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, SerializeOptions};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

/// Records that wait for a reader who is slower than the services.
const AHEAD: usize = 16;
/// Items of a page.
const PAGE: i32 = 100;
/// How long one service may take for one page.
const PATIENCE: Duration = Duration::from_secs(10);

type Answer<T> = Result<Response<T>, Status>;

/// Reads one user's data.
pub struct Export {
    mesh: Mesh,
    call: Call,
    user_id: String,
    to: mpsc::Sender<Result<ExportUserResponse, Status>>,
}

/// The reader has left, or a service failed.
enum Ended {
    Unread,
    Failed(Status),
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

/// Begins an export. Where there is no such user, nothing is begun.
pub async fn begin(
    mesh: &Mesh,
    tasks: &Tasks,
    call: &Call,
    user: UserId,
) -> Result<impl Stream<Item = Result<ExportUserResponse, Status>> + Send + use<>, Status> {
    let (to, mut records) = mpsc::channel(AHEAD);
    // The caller's deadline is for the first record: how long all of them take is the reader's own affair.
    let call = call.detached();
    let export = Export { mesh: mesh.clone(), call, user_id: user.to_string(), to };
    let user = export.user().await?;
    may_see(&export.call, &user)?;
    tasks.spawn_until_drain(export.run(user));
    Ok(futures::stream::poll_fn(move |context| records.poll_recv(context)))
}

/// What a colleague's account has is that colleague's, and whoever's business colleagues are.
fn may_see(call: &Call, user: &User) -> Result<(), Fault> {
    let caller = call.caller();
    let own = caller.user().is_some_and(|id| id.to_string() == user.id);
    let customer = user.roles.iter().all(|role| *role == i32::from(contracts::user::Role::Customer));
    let above = caller.is_admin() || caller.permissions().meets(Permissions::STAFF);
    if own || above || (customer && user.role_ids.is_empty()) {
        return Ok(());
    }
    Err(Fault::denied("a colleague's data are an administrator's to take"))
}

impl Export {
    async fn user(&self) -> Result<User, Status> {
        let request = self.ask(GetUserRequest { id: self.user_id.clone() });
        UserServiceClient::new(self.conn(Role::User)).get_user(request).await.map(Response::into_inner)
    }

    async fn run(self, user: User) {
        if let Err(Ended::Failed(status)) = self.all(&user).await {
            // There is nobody else to tell.
            let _ = self.to.send(Err(status)).await;
        }
    }

    async fn all(&self, user: &User) -> Result<(), Ended> {
        self.send("user", user).await?;
        self.account().await?;
        self.orders().await?;
        self.payments().await
    }

    /// What the user service holds.
    async fn account(&self) -> Result<(), Ended> {
        let (users, auth) =
            (UserServiceClient::new(self.conn(Role::User)), AuthServiceClient::new(self.conn(Role::User)));
        let mut token = Some(String::new());
        while let Some(page_token) = token {
            let request = ListAddressesRequest { user_id: self.user_id.clone(), page_size: PAGE, page_token };
            let page = of(users.clone().list_addresses(self.ask(request)).await)?;
            self.send_all("address", &page.addresses).await?;
            token = next(page.next_page_token);
        }
        token = Some(String::new());
        while let Some(page_token) = token {
            let request = ListSessionsRequest { user_id: self.user_id.clone(), page_size: PAGE, page_token };
            let page = of(auth.clone().list_sessions(self.ask(request)).await)?;
            self.send_all("session", &page.sessions).await?;
            token = next(page.next_page_token);
        }
        token = Some(String::new());
        while let Some(page_token) = token {
            let request = ListApiKeysRequest { user_id: self.user_id.clone(), page_size: PAGE, page_token };
            let page = of(auth.clone().list_api_keys(self.ask(request)).await)?;
            self.send_all("api_key", &page.api_keys).await?;
            token = next(page.next_page_token);
        }
        Ok(())
    }

    /// Orders, each with its history, and what was bought.
    async fn orders(&self) -> Result<(), Ended> {
        let orders = OrderServiceClient::new(self.conn(Role::Order));
        let mut token = Some(String::new());
        while let Some(page_token) = token {
            let request = ListOrdersRequest {
                user_id: self.user_id.clone(),
                page_size: PAGE,
                page_token,
                ..Default::default()
            };
            let page = of(orders.clone().list_orders(self.ask(request)).await)?;
            for order in &page.orders {
                self.send("order", order).await?;
                self.history(&orders, &order.id).await?;
            }
            token = next(page.next_page_token);
        }
        token = Some(String::new());
        while let Some(page_token) = token {
            let request = ListPurchasesRequest { user_id: self.user_id.clone(), page_size: PAGE, page_token };
            let page = of(orders.clone().list_purchases(self.ask(request)).await)?;
            self.send_all("purchase", &page.purchases).await?;
            token = next(page.next_page_token);
        }
        Ok(())
    }

    async fn history(&self, orders: &OrderServiceClient<Conn>, order_id: &str) -> Result<(), Ended> {
        let mut token = Some(String::new());
        while let Some(page_token) = token {
            let request =
                ListOrderEventsRequest { order_id: order_id.to_owned(), page_size: PAGE, page_token };
            let page = of(orders.clone().list_order_events(self.ask(request)).await)?;
            self.send_all("order_event", &page.events).await?;
            token = next(page.next_page_token);
        }
        Ok(())
    }

    /// Payments, each with its refunds.
    async fn payments(&self) -> Result<(), Ended> {
        let payments = PaymentServiceClient::new(self.conn(Role::Payment));
        let mut token = Some(String::new());
        while let Some(page_token) = token {
            let request = ListPaymentsRequest {
                user_id: self.user_id.clone(),
                page_size: PAGE,
                page_token,
                ..Default::default()
            };
            let page = of(payments.clone().list_payments(self.ask(request)).await)?;
            for payment in &page.payments {
                self.send("payment", payment).await?;
                self.refunds(&payments, &payment.id).await?;
            }
            token = next(page.next_page_token);
        }
        Ok(())
    }

    async fn refunds(&self, payments: &PaymentServiceClient<Conn>, payment_id: &str) -> Result<(), Ended> {
        let mut token = Some(String::new());
        while let Some(page_token) = token {
            let request =
                ListRefundsRequest { payment_id: payment_id.to_owned(), page_size: PAGE, page_token };
            let page = of(payments.clone().list_refunds(self.ask(request)).await)?;
            self.send_all("refund", &page.refunds).await?;
            token = next(page.next_page_token);
        }
        Ok(())
    }

    fn conn(&self, role: Role) -> Conn {
        self.mesh.conn(Role::Mesh, role)
    }

    fn ask<M>(&self, message: M) -> Request<M> {
        self.call.within(PATIENCE).request(message)
    }

    async fn send_all<M: Message + Name>(&self, kind: &str, messages: &[M]) -> Result<(), Ended> {
        for message in messages {
            self.send(kind, message).await?;
        }
        Ok(())
    }

    async fn send<M: Message + Name>(&self, kind: &str, message: &M) -> Result<(), Ended> {
        let record = record(kind, message).map_err(Status::from)?;
        self.to.send(Ok(record)).await.map_err(|_| Ended::Unread)
    }
}

fn of<T>(answer: Answer<T>) -> Result<T, Status> {
    answer.map(Response::into_inner)
}

/// The page after one.
fn next(token: String) -> Option<String> {
    Some(token).filter(|token| !token.is_empty())
}

/// A resource as REST has it.
fn record<M: Message + Name>(kind: &str, message: &M) -> Result<ExportUserResponse, Fault> {
    let descriptor = contracts::pool().get_message_by_name(&M::full_name());
    let descriptor = descriptor.ok_or_else(|| Fault::internal("a resource that is in no contract"))?;
    let message =
        DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map_err(Fault::internal)?;
    let options = SerializeOptions::new().skip_default_fields(false);
    let json =
        message.serialize_with_options(serde_json::value::Serializer, &options).map_err(Fault::internal)?;
    let record = match value(json).kind {
        Some(prost_types::value::Kind::StructValue(record)) => record,
        _ => return Err(Fault::internal("a resource that is no object")),
    };
    Ok(ExportUserResponse { kind: kind.to_owned(), record: Some(record) })
}

fn value(json: serde_json::Value) -> prost_types::Value {
    use prost_types::{ListValue, Struct, value::Kind};
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        // Whole numbers of 64 bits are strings in JSON of protobuf.
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.into_iter().map(value).collect() })
        }
        serde_json::Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, field)| (name, value(field))).collect();
            Kind::StructValue(Struct { fields })
        }
    };
    prost_types::Value { kind: Some(kind) }
}
