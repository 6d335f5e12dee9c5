//! The other services, as the order service needs them.

mod wire;

pub use wire::{payment as read_payment, refusing_state};

use std::{collections::BTreeSet, time::Duration};

use contracts::{
    article::{
        BatchGetArticlesRequest, CommitReservationRequest, GetArticleRequest, ReleaseReservationRequest,
        RenewReservationRequest, ReservationLine, ReserveStockRequest, RestockOrderRequest,
        article_service_client::ArticleServiceClient, get_article_request,
        stock_service_client::StockServiceClient,
    },
    payment::{
        CapturePaymentRequest, CheckPaymentMethodRequest, CreatePaymentRequest, GetPaymentRequest,
        ListRefundsRequest, Refund, RefundPaymentRequest, VoidPaymentRequest,
        payment_service_client::PaymentServiceClient,
    },
    user::{
        Address, FindUsersRequest, FindUsersResponse, GetAddressRequest, GetUserRequest, User,
        user_service_client::UserServiceClient,
    },
};
use kit::{
    Call, Conn, Context, Fault, Role, Time,
    headers::{IDEMPOTENCY_KEY, WAITED},
    id::{ArticleId, OrderId, PaymentId, UserId},
};
use tonic::{Code, Request, Response};

use crate::{
    domain::{Article, Line, Payment},
    store::order,
};

/// The ways to the other services.
#[derive(Clone)]
pub struct Remote {
    user: Conn,
    article: Conn,
    payment: Conn,
}

/// What another service answered, or why it did not.
pub type Answer<T> = Result<T, Fault>;

impl Remote {
    /// Ways out of this role.
    pub fn new(context: &Context) -> Self {
        let to = |role| context.mesh.conn(Role::Order, role);
        Self { user: to(Role::User), article: to(Role::Article), payment: to(Role::Payment) }
    }

    /// Over these ways.
    #[cfg(test)]
    pub fn over(user: Conn, article: Conn, payment: Conn) -> Self {
        Self { user, article, payment }
    }

    /// One of a user's addresses.
    pub async fn address(&self, call: &Call, user: UserId, id: &str) -> Answer<Address> {
        let request = call.request(GetAddressRequest { user_id: user.to_string(), id: id.to_owned() });
        UserServiceClient::new(self.user.clone())
            .get_address(request)
            .await
            .map(tonic::Response::into_inner)
            .map_err(fault(Role::User))
    }

    /// A user: NOT_FOUND where there is none, or none any more.
    pub async fn user(&self, call: &Call, user: UserId) -> Answer<User> {
        let request = call.request(GetUserRequest { id: user.to_string() });
        UserServiceClient::new(self.user.clone())
            .get_user(request)
            .await
            .map(tonic::Response::into_inner)
            .map_err(fault(Role::User))
    }

    /// The users whom a search means: of these, or of all where none are given.
    pub async fn customers(
        &self,
        call: &Call,
        query: &str,
        among: &BTreeSet<UserId>,
    ) -> Answer<FindUsersResponse> {
        let user_ids = among.iter().map(UserId::to_string).collect();
        let request = call.request(FindUsersRequest { query: query.to_owned(), user_ids });
        UserServiceClient::new(self.user.clone())
            .find_users(request)
            .await
            .map(tonic::Response::into_inner)
            .map_err(fault(Role::User))
    }

    /// Whether there is such a user: NOT_FOUND otherwise.
    pub async fn user_exists(&self, call: &Call, user: UserId) -> Answer<()> {
        self.user(call, user).await.map(|_| ())
    }

    /// One article, for sale or not.
    pub async fn article(&self, call: &Call, id: ArticleId) -> Answer<Article> {
        let key = Some(get_article_request::Key::Id(id.to_string()));
        let request = call.request(GetArticleRequest { key });
        let answer = ArticleServiceClient::new(self.article.clone()).get_article(request).await;
        wire::article(&answer.map_err(fault(Role::Article))?.into_inner())
    }

    /// Articles, for sale or not, in the order asked for.
    pub async fn articles(&self, call: &Call, ids: impl Iterator<Item = ArticleId>) -> Answer<Vec<Article>> {
        let request = call.request(BatchGetArticlesRequest { ids: ids.map(|id| id.to_string()).collect() });
        let answer = ArticleServiceClient::new(self.article.clone()).batch_get_articles(request).await;
        answer.map_err(fault(Role::Article))?.into_inner().articles.iter().map(wire::article).collect()
    }

    /// Sets the stock of an order aside.
    pub async fn reserve(
        &self,
        call: &Call,
        order: &order::Model,
        lines: &[Line],
        until: Time,
    ) -> Answer<()> {
        let request = ReserveStockRequest {
            order_id: order.id.to_string(),
            attempt: order.attempt,
            lines: lines
                .iter()
                .map(|line| ReservationLine {
                    article_id: line.article_id.to_string(),
                    quantity: line.quantity.into(),
                })
                .collect(),
            expire_time: Some(until.into()),
            user_id: order.user_id.to_string(),
        };
        self.stock().reserve_stock(call.request(request)).await.map(|_| ()).map_err(fault(Role::Article))
    }

    /// Keeps a reservation alive.
    pub async fn renew(&self, call: &Call, order: &order::Model, until: Time) -> Answer<()> {
        let (order_id, attempt) = (order.id.to_string(), order.attempt);
        let request = RenewReservationRequest { order_id, attempt, expire_time: Some(until.into()) };
        self.stock().renew_reservation(call.request(request)).await.map(|_| ()).map_err(fault(Role::Article))
    }

    /// Turns a reservation into a sale.
    pub async fn commit(&self, call: &Call, order: &order::Model) -> Answer<()> {
        let request = CommitReservationRequest { order_id: order.id.to_string(), attempt: order.attempt };
        self.stock().commit_reservation(call.request(request)).await.map(|_| ()).map_err(fault(Role::Article))
    }

    /// Gives reserved stock back.
    pub async fn release(&self, call: &Call, order_id: OrderId, attempt: i32) -> Answer<()> {
        let request = ReleaseReservationRequest { order_id: order_id.to_string(), attempt };
        self.stock()
            .release_reservation(call.request(request))
            .await
            .map(|_| ())
            .map_err(fault(Role::Article))
    }

    /// Gives sold stock back.
    pub async fn restock(&self, call: &Call, order_id: OrderId, attempt: i32) -> Answer<()> {
        let request = RestockOrderRequest { order_id: order_id.to_string(), attempt };
        self.stock().restock_order(call.request(request)).await.map(|_| ()).map_err(fault(Role::Article))
    }

    fn stock(&self) -> StockServiceClient<Conn> {
        StockServiceClient::new(self.article.clone())
    }

    /// Whether a payment could be made now, by this type and method.
    pub async fn can_pay(&self, call: &Call, payment_type: i32, payment_method: &str) -> Answer<()> {
        let message = CheckPaymentMethodRequest { payment_type, payment_method: payment_method.to_owned() };
        match self.payments().check_payment_method(call.request(message)).await.map_err(fault(Role::Payment))
        {
            Err(fault) if is_passing(&fault) => Err(Fault::unavailable(Role::Payment.name())),
            other => other.map(|_| ()),
        }
    }

    /// Reads a payment.
    pub async fn payment(&self, call: &Call, id: PaymentId) -> Answer<Payment> {
        let request = call.request(GetPaymentRequest { id: id.to_string() });
        let answer = self.payments().get_payment(request).await.map_err(fault(Role::Payment))?;
        wire::payment(answer.get_ref())
    }

    /// Has a payment made; the same id again answers with the payment as it is by then. With how long its provider
    /// took, where that is known.
    pub async fn pay(
        &self,
        call: &Call,
        request: CreatePaymentRequest,
    ) -> Answer<(Payment, Option<Duration>)> {
        let answer = self.payments().create_payment(call.request(request)).await;
        with_waited(&answer.map_err(fault(Role::Payment))?)
    }

    /// Takes what is authorised. With how long its provider took, where that is known.
    pub async fn capture(&self, call: &Call, id: PaymentId) -> Answer<(Payment, Option<Duration>)> {
        let request = call.request(CapturePaymentRequest { id: id.to_string() });
        let answer = self.payments().capture_payment(request).await;
        with_waited(&answer.map_err(fault(Role::Payment))?)
    }

    /// Gives a payment up.
    pub async fn void(&self, call: &Call, id: PaymentId, reason: &str) -> Answer<Payment> {
        let request = call.request(VoidPaymentRequest { id: id.to_string(), reason: reason.to_owned() });
        let answer = self.payments().void_payment(request).await.map_err(fault(Role::Payment))?;
        wire::payment(answer.get_ref())
    }

    /// Gives all of a payment's money back, once however often it is asked: the key is the same for all repeats, of
    /// every process and version.
    pub async fn refund(&self, call: &Call, id: PaymentId, reason: &str) -> Answer<Refund> {
        let message = RefundPaymentRequest { id: id.to_string(), amount: None, reason: reason.to_owned() };
        let mut request: Request<_> = call.request(message);
        let key = format!("undo:{id}").parse().map_err(Fault::internal)?;
        request.metadata_mut().insert(IDEMPOTENCY_KEY, key);
        self.payments()
            .refund_payment(request)
            .await
            .map(tonic::Response::into_inner)
            .map_err(fault(Role::Payment))
    }

    /// A payment's refunds, the oldest first, as far as one page has them.
    pub async fn refunds(&self, call: &Call, id: PaymentId) -> Answer<Vec<Refund>> {
        let message =
            ListRefundsRequest { payment_id: id.to_string(), page_size: 1_000, ..Default::default() };
        let answer = self.payments().list_refunds(call.request(message)).await;
        answer.map(|answer| answer.into_inner().refunds).map_err(fault(Role::Payment))
    }

    fn payments(&self) -> PaymentServiceClient<Conn> {
        PaymentServiceClient::new(self.payment.clone())
    }
}

/// What a service's refusal means here. One that takes too long cannot be reached.
fn fault(role: Role) -> impl Fn(tonic::Status) -> Fault {
    move |status| match status.code() {
        Code::DeadlineExceeded => Fault::unavailable(role.name()),
        _ => Fault::of(&status),
    }
}

/// An answer of the payment service, and for how long of its time a provider was waited for.
fn with_waited(answer: &Response<contracts::payment::Payment>) -> Answer<(Payment, Option<Duration>)> {
    let waited = answer.metadata().get(WAITED).and_then(|waited| waited.to_str().ok()?.parse().ok());
    Ok((wire::payment(answer.get_ref())?, waited.map(Duration::from_micros)))
}

/// Whether the same call may go better in a while. Only what the callee says on purpose is an answer;
/// anything else says nothing about what was asked.
pub fn is_passing(fault: &Fault) -> bool {
    !matches!(
        fault.code,
        Code::FailedPrecondition
            | Code::NotFound
            | Code::InvalidArgument
            | Code::OutOfRange
            | Code::AlreadyExists
    )
}

/// How long to wait before asking again.
pub fn pause(tries: u32) -> Duration {
    Duration::from_millis(50 << tries.min(5))
}
