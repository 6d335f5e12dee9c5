//! `PaymentService`.

mod filter;
pub mod render;

use std::sync::Arc;

use axum::http::HeaderMap;
use contracts::payment::{
    AcknowledgePaymentRequest, CapturePaymentRequest, CheckPaymentMethodRequest, CreatePaymentRequest,
    GetPaymentRequest, ListDisputesRequest, ListDisputesResponse, ListLedgerEntriesRequest,
    ListLedgerEntriesResponse, ListPaymentEventsRequest, ListPaymentEventsResponse, ListPaymentTypesRequest,
    ListPaymentTypesResponse, ListPaymentsRequest, ListPaymentsResponse, ListRefundsRequest,
    ListRefundsResponse, Payment, PaymentType, ReceiveProviderEventRequest, Refund, RefundPaymentRequest,
    SettleOutcome, SettlePaymentRequest, VoidPaymentRequest, payment_service_server::PaymentService,
};
use kit::{
    Call, Fault, Money, Page, Time,
    headers::WAITED,
    id::{DisputeId, EntryId, Id, PaymentId, RefundId},
    payment_types::PaymentTypes,
};
use tonic::{Request, Response, Status};

use crate::{
    domain::{Operation, Settlement, State},
    engine::Engine,
    error::Error,
    provider::{LONGEST_ID, Rejection},
    store,
    store::{disputes, history, ledger, lists, payments, refunds},
};

/// So many bytes of a webhook are read.
const LARGEST_EVENT: usize = 1 << 20;

/// The service; cheap to clone.
#[derive(Clone)]
pub struct Payments {
    pub(crate) engine: Engine,
    types: Arc<PaymentTypes>,
}

impl Payments {
    pub fn new(engine: Engine, types: PaymentTypes) -> Self {
        Self { engine, types: Arc::new(types) }
    }

    /// The name of the provider of a payment type, if it takes the method.
    fn provider(&self, payment_type: i32, method: &str) -> Result<String, Error> {
        let kind = self.types.get(payment_type).ok_or(Error::PaymentType)?;
        let provider = self.engine.providers().get(&kind.provider).ok_or(Error::PaymentType)?;
        let name = kind.provider.clone();
        if provider.accepts(method) { Ok(name) } else { Err(Error::PaymentMethod { provider: name }) }
    }

    /// Takes a provider's webhook.
    async fn receive(&self, provider: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Error> {
        let provider = self.engine.providers().get(provider).ok_or(Error::Provider)?;
        if body.len() > LARGEST_EVENT {
            return Err(Rejection::Unreadable("is larger than 1 MiB".to_owned()).into());
        }
        let Some(event) = provider.receive(headers, body, self.engine.db().machine_clock().now())? else {
            return Ok(());
        };
        if !(1..=LONGEST_ID).contains(&event.id.chars().count()) {
            let problem = format!("its id must have 1 to {LONGEST_ID} characters");
            return Err(Rejection::Unreadable(problem).into());
        }
        self.engine.hear(provider.name(), event).await
    }

    /// An answer about a payment with how long its provider took: the caller's own time is the rest.
    fn with_waited(&self, id: PaymentId, mut answer: Response<Payment>) -> Response<Payment> {
        if let Some(waited) = self.engine.waited(id) {
            answer.metadata_mut().insert(WAITED, (waited.as_micros() as u64).into());
        }
        answer
    }

    /// The row that a request asks for.
    fn new_payment(&self, request: &CreatePaymentRequest) -> Result<store::Payment, Error> {
        let amount = Money::read(&request.amount.clone().unwrap_or_default(), "amount")?;
        let fee = match &request.fee {
            Some(fee) => Money::read(fee, "fee")?,
            None => Money::zero(amount.currency),
        };
        if amount.minor < 0 {
            return Err(Fault::invalid("amount", "must not be negative").into());
        }
        if fee.currency != amount.currency {
            return Err(Error::Currency);
        }
        if !(0..=amount.minor).contains(&fee.minor) {
            return Err(Fault::invalid("fee", "must be from zero to the amount").into());
        }
        let provider = self.provider(request.payment_type, &request.payment_method)?;
        Ok(store::Payment {
            id: id(&request.id, "id")?,
            order_id: id(&request.order_id, "order_id")?,
            user_id: id(&request.user_id, "user_id")?,
            state: State::Pending,
            payment_type: request.payment_type,
            provider,
            method: request.payment_method.clone(),
            currency: amount.currency.to_string(),
            amount_minor: amount.minor,
            fee_minor: fee.minor,
            authorized_minor: 0,
            captured_minor: 0,
            voided_minor: 0,
            refunded_minor: 0,
            refund_pending_minor: 0,
            failure_reason: String::new(),
            action: String::new(),
            provider_reference: String::new(),
            flags: String::new(),
            asked_minor: None,
            asked_currency: None,
            disputed_minor: 0,
            operation: None,
            operation_reason: String::new(),
            operation_claim: None,
            attempts: 0,
            next_poll_time: None,
            last_sequence: 1,
            version: 1,
            create_time: Time(0),
            update_time: Time(0),
        })
    }
}

/// Reads a typed id; `field` is its proto path.
pub(crate) fn id<I: Id>(text: &str, field: &str) -> Result<I, Fault> {
    text.parse().map_err(|problem: kit::id::Malformed| Fault::invalid(field, problem.to_string()))
}

#[tonic::async_trait]
impl PaymentService for Payments {
    /// Idempotent by the payment's id, so an idempotency key has no part in it.
    async fn create_payment(
        &self,
        request: Request<CreatePaymentRequest>,
    ) -> Result<Response<Payment>, Status> {
        let call = Call::of(&request)?;
        let payment = self.new_payment(request.get_ref())?;
        let id = payment.id;
        let answer = Response::new(self.engine.create(&call, payment).await?);
        Ok(self.with_waited(id, answer))
    }

    async fn check_payment_method(
        &self,
        request: Request<CheckPaymentMethodRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        self.provider(request.payment_type, &request.payment_method)?;
        self.engine.db().answers().await?;
        Ok(Response::new(()))
    }

    async fn list_payment_types(
        &self,
        _: Request<ListPaymentTypesRequest>,
    ) -> Result<Response<ListPaymentTypesResponse>, Status> {
        let providers = self.engine.providers();
        let payment_types = self.types.iter().map(|(number, kind)| {
            let provider = providers.get(&kind.provider);
            let methods = provider.map(|provider| provider.methods()).unwrap_or_default();
            let name = match (kind.name.as_str(), provider) {
                ("", Some(provider)) => provider.title(),
                ("", None) => &kind.provider,
                (name, _) => name,
            };
            PaymentType {
                payment_type: number,
                name: name.to_owned(),
                provider: kind.provider.clone(),
                flat_fees: kind.flat.iter().copied().map(Into::into).collect(),
                fee_percent_basis_points: kind.percent_basis_points,
                payment_methods: methods.iter().map(|&method| method.to_owned()).collect(),
                hosted_page: provider.is_some_and(|provider| provider.has_page()),
            }
        });
        Ok(Response::new(ListPaymentTypesResponse { payment_types: payment_types.collect() }))
    }

    async fn get_payment(&self, request: Request<GetPaymentRequest>) -> Result<Response<Payment>, Status> {
        let call = Call::of(&request)?;
        let id = id(&request.get_ref().id, "id")?;
        let payment = payments::get(self.engine.db().read(), call.scope()?, id).await?;
        Ok(Response::new(self.engine.render(&payment)?))
    }

    async fn list_payments(
        &self,
        request: Request<ListPaymentsRequest>,
    ) -> Result<Response<ListPaymentsResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let page = Page::<PaymentId>::of(&request)?;
        let filter = filter::payments(&call, &request)?;
        let rows =
            lists::list(self.engine.db().read(), call.scope()?, filter, page.after, page.limit()).await?;
        let render = |row: &_| self.engine.render(row);
        let (payments, next_page_token) = page.make(&rows, |row| row.id, render)?;
        Ok(Response::new(ListPaymentsResponse { payments, next_page_token }))
    }

    async fn acknowledge_payment(
        &self,
        request: Request<AcknowledgePaymentRequest>,
    ) -> Result<Response<Payment>, Status> {
        let call = Call::of(&request)?;
        let id = id(&request.get_ref().id, "id")?;
        Ok(self.engine.carry_out(&call, id, Operation::Acknowledge, "").await?.into())
    }

    async fn capture_payment(
        &self,
        request: Request<CapturePaymentRequest>,
    ) -> Result<Response<Payment>, Status> {
        let call = Call::of(&request)?;
        let id = id(&request.get_ref().id, "id")?;
        let answer = self.engine.carry_out(&call, id, Operation::Capture, "").await?.into();
        Ok(self.with_waited(id, answer))
    }

    async fn void_payment(&self, request: Request<VoidPaymentRequest>) -> Result<Response<Payment>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let id = id(&request.id, "id")?;
        Ok(self.engine.carry_out(&call, id, Operation::Void, &request.reason).await?.into())
    }

    async fn refund_payment(
        &self,
        request: Request<RefundPaymentRequest>,
    ) -> Result<Response<Refund>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let id = id(&request.id, "id")?;
        let amount = request.amount.as_ref().map(|amount| Money::read(amount, "amount")).transpose()?;
        if amount.is_some_and(|amount| amount.minor <= 0) {
            return Err(Fault::invalid("amount", "must be more than zero").into());
        }
        Ok(self.engine.refund(&call, id, amount, &request.reason).await?.into())
    }

    async fn list_refunds(
        &self,
        request: Request<ListRefundsRequest>,
    ) -> Result<Response<ListRefundsResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let page = Page::<RefundId>::of(&request)?;
        let payment: PaymentId = id(&request.payment_id, "payment_id")?;
        let db = self.engine.db().read();
        payments::get(db, call.scope()?, payment).await?;
        let rows = refunds::list(db, payment, page.after, page.limit()).await?;
        let (refunds, next_page_token) = page.make(&rows, |row| row.id, render::refund)?;
        Ok(Response::new(ListRefundsResponse { refunds, next_page_token }))
    }

    async fn list_disputes(
        &self,
        request: Request<ListDisputesRequest>,
    ) -> Result<Response<ListDisputesResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let page = Page::<DisputeId>::of(&request)?;
        let payment: PaymentId = id(&request.payment_id, "payment_id")?;
        let db = self.engine.db().read();
        payments::get(db, call.scope()?, payment).await?;
        let rows = disputes::list(db, payment, page.after, page.limit()).await?;
        let (disputes, next_page_token) = page.make(&rows, |row| row.id, render::dispute)?;
        Ok(Response::new(ListDisputesResponse { disputes, next_page_token }))
    }

    async fn list_payment_events(
        &self,
        request: Request<ListPaymentEventsRequest>,
    ) -> Result<Response<ListPaymentEventsResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let page = Page::<i32>::of(&request)?;
        let payment: PaymentId = id(&request.payment_id, "payment_id")?;
        let db = self.engine.db().read();
        payments::get(db, call.scope()?, payment).await?;
        let found = history::list(db, payment, page.after.unwrap_or(0), page.limit()).await;
        let rows = found.map_err(Error::from)?;
        let render = |row| Ok::<_, Status>(render::event(row));
        let (events, next_page_token) = page.make(&rows, |row| row.sequence, render)?;
        Ok(Response::new(ListPaymentEventsResponse { events, next_page_token }))
    }

    async fn settle_payment(
        &self,
        request: Request<SettlePaymentRequest>,
    ) -> Result<Response<Payment>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let settlement = match request.outcome() {
            SettleOutcome::Captured => Settlement::Captured,
            SettleOutcome::Failed => Settlement::Failed,
            SettleOutcome::Unspecified => return Err(Fault::invalid("outcome", "is required").into()),
        };
        Ok(self.engine.settle(&call, id(&request.id, "id")?, settlement).await?.into())
    }

    async fn list_ledger_entries(
        &self,
        request: Request<ListLedgerEntriesRequest>,
    ) -> Result<Response<ListLedgerEntriesResponse>, Status> {
        let request = request.into_inner();
        let page = Page::<EntryId>::of(&request)?;
        let filter = filter::ledger(&request)?;
        let rows = ledger::list(self.engine.db().read(), filter, page.after, page.limit()).await?;
        let (entries, next_page_token) = page.make(&rows, |row| row.id, render::entry)?;
        Ok(Response::new(ListLedgerEntriesResponse { entries, next_page_token }))
    }

    async fn receive_provider_event(
        &self,
        request: Request<ReceiveProviderEventRequest>,
    ) -> Result<Response<()>, Status> {
        let (headers, _, request) = request.into_parts();
        let body = request.event.unwrap_or_default().data;
        self.receive(&request.provider, headers.as_ref(), &body).await?;
        Ok(Response::new(()))
    }
}
