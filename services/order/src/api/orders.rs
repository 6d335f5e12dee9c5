//! The service's methods: each has a function of its name in the module of its topic.

use std::pin::Pin;

use contracts::order::{
    AddAdjustmentRequest, AddLineRequest, CancelOrderRequest, CheckoutRequest, CountOrdersRequest,
    CountOrdersResponse, CreateOrderRequest, DeliverOrderRequest, ExportOrdersRequest, GetOpenOrderRequest,
    GetOrderRequest, ListOrderEventsRequest, ListOrderEventsResponse, ListOrdersRequest, ListOrdersResponse,
    ListPurchasesRequest, ListPurchasesResponse, Order, OrderEvent, RemoveAdjustmentRequest,
    RemoveLineRequest, ReopenOrderRequest, ShipOrderRequest, UpdateLineRequest, WatchOrderRequest,
    order_service_server::OrderService,
};
use futures::Stream;
use kit::Call;
use tonic::{Request, Response, Status};

use super::{adjustments, checkout, create, export, fulfil, lines, list, read, reopen, watch};
use crate::orders::Orders;

/// The service.
#[derive(Clone)]
pub struct OrderApi(pub Orders);

type Reply<T> = Result<Response<T>, Status>;
type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl OrderService for OrderApi {
    async fn get_open_order(&self, request: Request<GetOpenOrderRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(Response::new(read::get_open_order(&self.0, &call).await?))
    }

    async fn add_line(&self, request: Request<AddLineRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(lines::add_line(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn update_line(&self, request: Request<UpdateLineRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(lines::update_line(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn remove_line(&self, request: Request<RemoveLineRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(lines::remove_line(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn checkout(&self, request: Request<CheckoutRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(checkout::checkout(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn create_order(&self, request: Request<CreateOrderRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(create::create_order(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn reopen_order(&self, request: Request<ReopenOrderRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(reopen::reopen_order(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn get_order(&self, request: Request<GetOrderRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(Response::new(read::get_order(&self.0, &call, request.into_inner()).await?))
    }

    async fn list_orders(&self, request: Request<ListOrdersRequest>) -> Reply<ListOrdersResponse> {
        let call = Call::of(&request)?;
        Ok(Response::new(list::list_orders(&self.0, &call, request.into_inner()).await?))
    }

    async fn count_orders(&self, request: Request<CountOrdersRequest>) -> Reply<CountOrdersResponse> {
        Ok(Response::new(read::count_orders(&self.0, request.into_inner()).await?))
    }

    async fn cancel_order(&self, request: Request<CancelOrderRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(fulfil::cancel_order(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn add_adjustment(&self, request: Request<AddAdjustmentRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(adjustments::add_adjustment(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn remove_adjustment(&self, request: Request<RemoveAdjustmentRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(adjustments::remove_adjustment(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn ship_order(&self, request: Request<ShipOrderRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(fulfil::ship_order(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn deliver_order(&self, request: Request<DeliverOrderRequest>) -> Reply<Order> {
        let call = Call::of(&request)?;
        Ok(fulfil::deliver_order(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn list_order_events(
        &self,
        request: Request<ListOrderEventsRequest>,
    ) -> Reply<ListOrderEventsResponse> {
        let call = Call::of(&request)?;
        Ok(Response::new(read::list_order_events(&self.0, &call, request.into_inner()).await?))
    }

    async fn list_purchases(&self, request: Request<ListPurchasesRequest>) -> Reply<ListPurchasesResponse> {
        let call = Call::of(&request)?;
        Ok(Response::new(read::list_purchases(&self.0, &call, request.into_inner()).await?))
    }

    type ExportOrdersStream = Streamed<Order>;

    async fn export_orders(&self, request: Request<ExportOrdersRequest>) -> Reply<Self::ExportOrdersStream> {
        let call = Call::of(&request)?;
        let orders = export::export_orders(&self.0, &call, request.into_inner())?;
        Ok(Response::new(Box::pin(orders)))
    }

    type WatchOrderStream = Streamed<OrderEvent>;

    async fn watch_order(&self, request: Request<WatchOrderRequest>) -> Reply<Self::WatchOrderStream> {
        let call = Call::of(&request)?;
        let events = watch::watch_order(&self.0, &call, request.into_inner()).await?;
        Ok(Response::new(Box::pin(events)))
    }
}
