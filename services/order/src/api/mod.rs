//! `OrderService`: what the contract promises, in terms of the domain and the store.

mod adjustments;
mod checkout;
mod create;
pub(crate) mod export;
mod fulfil;
mod lines;
mod list;
mod read;
pub(crate) mod render;
mod reopen;

use std::{pin::Pin, sync::Arc};

use contracts::order::{
    AddAdjustmentRequest, AddLineRequest, CancelOrderRequest, CheckoutRequest, CountOrdersRequest,
    CountOrdersResponse, CreateOrderRequest, DeliverOrderRequest, ExportOrdersRequest, GetOpenOrderRequest,
    GetOrderRequest, ListOrderEventsRequest, ListOrderEventsResponse, ListOrdersRequest, ListOrdersResponse,
    ListPurchasesRequest, ListPurchasesResponse, Order, OrderEvent, RemoveAdjustmentRequest,
    RemoveLineRequest, ReopenOrderRequest, ShipOrderRequest, UpdateLineRequest, WatchOrderRequest,
    order_service_server::OrderService,
};
use futures::Stream;
use kit::{
    Call, Fault, Scope, Tx,
    id::{Id, OrderId, UserId},
    payment_types::PaymentTypes,
};
use tonic::{Request, Response, Status};

use crate::{error::Error, saga::Saga, store::Record};

/// The service.
#[derive(Clone)]
pub struct Api {
    pub(crate) saga: Saga,
    pub(crate) payment_types: Arc<PaymentTypes>,
}

/// What an order's id names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named {
    /// The caller's basket.
    Open(UserId),
    Id(OrderId),
}

/// Reads an order's id: `open` is the caller's basket. `field` is the id's proto path.
pub(crate) fn named(call: &Call, text: &str, field: &str) -> Result<Named, Fault> {
    match text {
        "open" => call.me().map(Named::Open),
        _ => parse(text, field).map(Named::Id),
    }
}

/// Reads an id; `field` is its proto path.
pub(crate) fn parse<I: Id>(text: &str, field: &str) -> Result<I, Fault> {
    text.parse().map_err(|problem: kit::id::Malformed| Fault::invalid(field, problem.to_string()))
}

/// Loads what an id names for change, if it is in the caller's sight.
pub(crate) async fn lock(tx: &Tx, named: Named, scope: Scope) -> Result<Record, Error> {
    match named {
        Named::Open(user) => Record::lock_basket(tx, user).await,
        Named::Id(id) => Record::lock(tx, id, scope).await,
    }
}

#[tonic::async_trait]
impl OrderService for Api {
    async fn get_open_order(&self, request: Request<GetOpenOrderRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(self.read(&call, Named::Open(call.me()?)).await?))
    }

    async fn add_line(&self, request: Request<AddLineRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.add(&call, request.into_inner()).await?.into())
    }

    async fn update_line(&self, request: Request<UpdateLineRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.change_quantity(&call, request.into_inner()).await?.into())
    }

    async fn remove_line(&self, request: Request<RemoveLineRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.remove(&call, request.into_inner()).await?.into())
    }

    async fn checkout(&self, request: Request<CheckoutRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.check_out(&call, request.into_inner()).await?.into())
    }

    async fn create_order(&self, request: Request<CreateOrderRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.place(&call, request.into_inner()).await?.into())
    }

    async fn reopen_order(&self, request: Request<ReopenOrderRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.reopen(&call, request.into_inner()).await?.into())
    }

    async fn get_order(&self, request: Request<GetOrderRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        let named = named(&call, &request.get_ref().id, "id")?;
        Ok(Response::new(self.read(&call, named).await?))
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(self.list(&call, request.into_inner()).await?))
    }

    async fn count_orders(
        &self,
        request: Request<CountOrdersRequest>,
    ) -> Result<Response<CountOrdersResponse>, Status> {
        Ok(Response::new(self.count(request.into_inner()).await?))
    }

    async fn cancel_order(&self, request: Request<CancelOrderRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.cancel(&call, request.into_inner()).await?.into())
    }

    async fn add_adjustment(
        &self,
        request: Request<AddAdjustmentRequest>,
    ) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.adjust(&call, request.into_inner()).await?.into())
    }

    async fn remove_adjustment(
        &self,
        request: Request<RemoveAdjustmentRequest>,
    ) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.take_back(&call, request.into_inner()).await?.into())
    }

    async fn ship_order(&self, request: Request<ShipOrderRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.ship(&call, request.into_inner()).await?.into())
    }

    async fn deliver_order(&self, request: Request<DeliverOrderRequest>) -> Result<Response<Order>, Status> {
        let call = Call::of(&request)?;
        Ok(self.deliver(&call, request.into_inner()).await?.into())
    }

    async fn list_order_events(
        &self,
        request: Request<ListOrderEventsRequest>,
    ) -> Result<Response<ListOrderEventsResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(self.list_events(&call, request.into_inner()).await?))
    }

    async fn list_purchases(
        &self,
        request: Request<ListPurchasesRequest>,
    ) -> Result<Response<ListPurchasesResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(self.purchases(&call, request.into_inner()).await?))
    }

    type ExportOrdersStream = Pin<Box<dyn Stream<Item = Result<Order, Status>> + Send>>;

    async fn export_orders(
        &self,
        request: Request<ExportOrdersRequest>,
    ) -> Result<Response<Self::ExportOrdersStream>, Status> {
        let call = Call::of(&request)?;
        let orders = self.export(&call, request.into_inner()).await?;
        Ok(Response::new(Box::pin(orders)))
    }

    type WatchOrderStream = Pin<Box<dyn Stream<Item = Result<OrderEvent, Status>> + Send>>;

    async fn watch_order(
        &self,
        request: Request<WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        let call = Call::of(&request)?;
        let events = self.watch(&call, request.into_inner()).await?;
        Ok(Response::new(Box::pin(events)))
    }
}
