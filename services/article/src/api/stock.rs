//! StockService.

use std::sync::Arc;

use contracts::article::{
    AdjustStockRequest, CommitReservationRequest, GetStockRequest, ListStockMovementsRequest,
    ListStockMovementsResponse, ReleaseReservationRequest, RenewReservationRequest, Reservation,
    ReserveStockRequest, RestockOrderRequest, Stock, stock_service_server::StockService,
};
use kit::{Call, Db, Fault, Tx, Writer, telemetry::metrics::Counter};
use tonic::{Request, Response, Status};

use super::{read, render, states};
use crate::{
    domain::{
        acts,
        caps::Caps,
        stock::{self as domain, Attempt, Reason, Return},
    },
    error::Error,
    store::{
        failpoints::{self, Asked, Place},
        reservations, stock,
    },
};

static SHORTAGES: Counter = Counter::new(
    "feira.stock.shortages",
    "{article}",
    "Articles that orders were refused for, as there were too few",
);

/// The handlers.
pub struct Stocks {
    db: Writer<Error>,
    caps: Caps,
}

impl Stocks {
    /// Handlers on a database.
    pub fn new(db: Db, caps: Caps) -> Self {
        SHORTAGES.begin(&[&[]]);
        Self { db: db.into(), caps }
    }

    /// Takes a reservation one step on.
    async fn step<I, F, Fut>(
        &self,
        call: &Call,
        (asked, key): (Asked, Attempt),
        input: I,
        step: F,
    ) -> Result<Response<Reservation>, Status>
    where
        I: Send + Sync + 'static,
        F: Fn(Tx, Arc<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<domain::Reservation, Error>> + Send + 'static,
    {
        let written = self.db.write(call, input, move |tx, input| {
            let step = step(tx, input);
            async move {
                failpoints::reach(asked, Place::Before, key).await?;
                let reservation = step.await?;
                failpoints::reach(asked, Place::Changed, key).await?;
                Ok(render::reservation(reservation))
            }
        });
        let written = written.await.inspect_err(|error| {
            if let Error::OutOfStock(short) = error {
                SHORTAGES.add(short.len() as u64, &[]);
            }
        })?;
        failpoints::reach(asked, Place::Committed, key).await?;
        Ok(written.into())
    }
}

#[tonic::async_trait]
impl StockService for Stocks {
    async fn get_stock(&self, request: Request<GetStockRequest>) -> Result<Response<Stock>, Status> {
        let id = read::article_id(&request.get_ref().article_id, "article_id")?;
        Ok(Response::new(render::stock(&stock::find(self.db.read(), id).await?)))
    }

    async fn adjust_stock(&self, request: Request<AdjustStockRequest>) -> Result<Response<Stock>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let id = read::article_id(&request.article_id, "article_id")?;
        let reason = states::reason(request.reason())?;
        domain::check_delta(reason, request.delta).map_err(Error::from)?;
        let delta = request.delta;
        let order_id = request.order_id.as_deref().filter(|text| !text.is_empty());
        let back = order_id
            .map(|text| {
                read::order_id(text).map(|order_id| Return { article_id: id, order_id, units: delta })
            })
            .transpose()?;
        if back.is_some() && reason != Reason::Returned {
            return Err(Fault::invalid("order_id", "is for what came back (STOCK_REASON_RETURNED)").into());
        }
        let written = self.db.write(&call, request.note, move |tx, note| async move {
            let stock = match back {
                Some(back) => reservations::take_back(&tx, back, &note).await?,
                None => stock::adjust(&tx, id, delta, reason, &note).await?,
            };
            if reason == Reason::Correction {
                tx.audit(&acts::corrected(id, delta));
            }
            Ok(render::stock(&stock))
        });
        Ok(written.await?.into())
    }

    async fn list_stock_movements(
        &self,
        request: Request<ListStockMovementsRequest>,
    ) -> Result<Response<ListStockMovementsResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let id = read::article_id(&request.article_id, "article_id")?;
        let page = self.db.page::<i64>(&call, &request)?;
        let rows = stock::movements(self.db.read(), id, page.after, page.limit()).await?;
        let render = |row| Ok::<_, Status>(render::movement(row));
        let (movements, next_page_token) = page.make(rows, |row| row.sequence, render)?;
        Ok(Response::new(ListStockMovementsResponse { movements, next_page_token }))
    }

    async fn reserve_stock(
        &self,
        request: Request<ReserveStockRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let key = read::attempt(&request.order_id, request.attempt)?;
        let expire_time = read::expire_time(request.expire_time, self.db.clock().now())?;
        let owned = (read::owner(&request.user_id)?, self.caps);
        let lines = read::lines(&request.lines)?;
        self.step(&call, (Asked::Reserve, key), lines, move |tx, lines| async move {
            reservations::reserve(&tx, key, owned, &lines, expire_time).await
        })
        .await
    }

    async fn renew_reservation(
        &self,
        request: Request<RenewReservationRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let key = read::attempt(&request.order_id, request.attempt)?;
        let expire_time = read::expire_time(request.expire_time, self.db.clock().now())?;
        self.step(&call, (Asked::Renew, key), (), move |tx, _| async move {
            reservations::renew(&tx, key, expire_time).await
        })
        .await
    }

    async fn commit_reservation(
        &self,
        request: Request<CommitReservationRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let call = Call::of(&request)?;
        let key = read::attempt(&request.get_ref().order_id, request.get_ref().attempt)?;
        let asked = (Asked::Commit, key);
        self.step(&call, asked, (), move |tx, _| async move { reservations::commit(&tx, key).await }).await
    }

    async fn release_reservation(
        &self,
        request: Request<ReleaseReservationRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let call = Call::of(&request)?;
        let key = read::attempt(&request.get_ref().order_id, request.get_ref().attempt)?;
        let asked = (Asked::Release, key);
        self.step(&call, asked, (), move |tx, _| async move { reservations::release(&tx, key).await }).await
    }

    async fn restock_order(
        &self,
        request: Request<RestockOrderRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let call = Call::of(&request)?;
        let key = read::attempt(&request.get_ref().order_id, request.get_ref().attempt)?;
        let asked = (Asked::Restock, key);
        self.step(&call, asked, (), move |tx, _| async move { reservations::restock(&tx, key).await }).await
    }
}
