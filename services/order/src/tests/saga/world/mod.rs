//! The other services, as far as a checkout needs them: the same rules, in memory, and calls that are lost on demand.

mod article;
mod payment;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contracts::{article::ReservationState, check::Check, codec::CheckedCodec, payment as wire};
use kit::{Conn, Fault};
use prost::Message;
use tonic::{Request, Response, Status, body::Body, server::Grpc};

/// Units in stock at first.
pub const UNITS: i64 = 1_000_000;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It does not arrive.
    Request,
    /// It has its effect, and nobody learns of it.
    Answer,
}

/// A payment, and how often its provider was asked to do what.
#[derive(Debug, Clone)]
pub struct Paid {
    pub shown: wire::Payment,
    pub captures: u32,
    pub refunds: BTreeMap<String, wire::Refund>,
}

/// The books of the other services.
#[derive(Debug, Clone)]
pub struct Books {
    /// In stock.
    pub free: i64,
    /// Of a unit, in cents.
    pub price: i64,
    pub reservations: HashMap<(String, i32), (ReservationState, i64)>,
    pub payments: HashMap<String, Paid>,
    /// The next call of this method is lost.
    lost: Option<(&'static str, Loss)>,
    /// The stock of reservations is gone when they are to be committed.
    pub gone: bool,
    changes: i64,
}

/// Article and payment; cheap to clone.
#[derive(Debug, Clone)]
pub struct World(Arc<Mutex<Books>>);

impl World {
    pub fn new() -> Self {
        let (reservations, payments) = (HashMap::new(), HashMap::new());
        let books =
            Books { free: UNITS, price: 250, reservations, payments, lost: None, gone: false, changes: 0 };
        Self(Arc::new(Mutex::new(books)))
    }

    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loses the next call of a method.
    pub fn lose(&self, method: &'static str, loss: Loss) {
        self.books().lost = Some((method, loss));
    }

    /// Whether what was to be lost still is not.
    pub fn is_to_be_lost(&self) -> bool {
        self.books().lost.is_some()
    }

    /// The way to all of them.
    pub fn conn(&self) -> Conn {
        let world = self.clone();
        Conn::new(tower::service_fn(move |request: http::Request<Body>| {
            let world = world.clone();
            async move { Ok::<_, Status>(world.serve(request).await) }
        }))
    }

    async fn serve(self, request: http::Request<Body>) -> http::Response<Body> {
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let method = method.as_str();
        match method {
            "BatchGetArticles" => self.unary(method, request, Books::articles).await,
            "GetArticle" => self.unary(method, request, Books::article).await,
            "ReserveStock" => self.unary(method, request, Books::reserve).await,
            "CommitReservation" => self.unary(method, request, Books::commit).await,
            "ReleaseReservation" => self.unary(method, request, Books::release).await,
            "RestockOrder" => self.unary(method, request, Books::restock).await,
            "CheckPaymentMethod" => self.unary(method, request, Books::can_pay).await,
            "CreatePayment" => self.unary(method, request, Books::pay).await,
            "CapturePayment" => self.unary(method, request, Books::capture).await,
            "VoidPayment" => self.unary(method, request, Books::void).await,
            "GetPayment" => self.unary(method, request, Books::payment).await,
            "RefundPayment" => self.unary(method, request, Books::refund).await,
            "ListRefunds" => self.unary(method, request, Books::refunds).await,
            _ => Status::unimplemented(method).into_http(),
        }
    }

    async fn unary<Q, A>(
        &self,
        method: &str,
        request: http::Request<Body>,
        work: fn(&mut Books, &Request<Q>) -> Result<A, Fault>,
    ) -> http::Response<Body>
    where
        Q: Message + Default + Check + Send + 'static,
        A: Message + Send + 'static,
    {
        let (world, method) = (self.clone(), method.to_owned());
        let service = tower::service_fn(move |request: Request<Q>| {
            let answer = world.books().answer(&method, |books| work(books, &request));
            async move { answer.map(Response::new).map_err(Status::from) }
        });
        Grpc::new(CheckedCodec::<A, Q>::default()).unary(service, request).await
    }
}

impl Books {
    fn answer<A>(
        &mut self,
        method: &str,
        work: impl FnOnce(&mut Self) -> Result<A, Fault>,
    ) -> Result<A, Fault> {
        let lost = self.lost.filter(|(lost, _)| *lost == method).map(|(_, loss)| loss);
        if lost.is_some() {
            self.lost = None;
        }
        if lost == Some(Loss::Request) {
            return Err(Fault::unavailable(method));
        }
        let answer = work(self);
        if lost == Some(Loss::Answer) { Err(Fault::unavailable(method)) } else { answer }
    }
}
