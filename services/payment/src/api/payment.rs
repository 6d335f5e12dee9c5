//! `PaymentService`.

use contracts::payment::{
    AcknowledgePaymentRequest, CapturePaymentRequest, CheckPaymentMethodRequest, CreatePaymentRequest,
    GetPaymentRequest, ListDisputesRequest, ListDisputesResponse, ListLedgerEntriesRequest,
    ListLedgerEntriesResponse, ListPaymentEventsRequest, ListPaymentEventsResponse, ListPaymentTypesRequest,
    ListPaymentTypesResponse, ListPaymentsRequest, ListPaymentsResponse, ListRefundsRequest,
    ListRefundsResponse, Payment, PaymentType, ReceiveProviderEventRequest, Refund, RefundPaymentRequest,
    SettleOutcome, SettlePaymentRequest, VoidPaymentRequest, payment_service_server::PaymentService,
};
use kit::{
    Call, Fault, Money,
    id::{DisputeId, EntryId, PaymentId, RefundId},
};
use tonic::{Request, Response, Status};

use super::{Payments, filter, id, render};
use crate::{
    domain::{Operation, Settlement},
    error::Error,
    store::{disputes, journal, lists, payments, refunds},
};

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
        let page = self.engine.db().page::<PaymentId>(&call, &request)?;
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
        let page = self.engine.db().page::<RefundId>(&call, &request)?;
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
        let page = self.engine.db().page::<DisputeId>(&call, &request)?;
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
        let page = self.engine.db().page::<i32>(&call, &request)?;
        let payment: PaymentId = id(&request.payment_id, "payment_id")?;
        let db = self.engine.db().read();
        payments::get(db, call.scope()?, payment).await?;
        let found = journal::events(db, payment, page.after.unwrap_or(0), page.limit()).await;
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
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let page = self.engine.db().page::<EntryId>(&call, &request)?;
        let filter = filter::ledger(&request)?;
        let rows = journal::entries(self.engine.db().read(), filter, page.after, page.limit()).await?;
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
