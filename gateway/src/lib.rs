//! The edge: REST and JSON to gRPC, from descriptors alone.
//!
//! It knows no service. Which paths there are, what they take and what they answer follows from the
//! `google.api.http` options of whatever contract it is given, so it also serves contracts that are not
//! Feira's: [`Contract`] reads it from a file or asks a server for it, [`Switch`] changes it while requests are under way.
//!
//! ```no_run
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use gateway::{Conn, Contract, Extras, Options, Served, Way};
//! use tower::ServiceExt as _;
//!
//! let channel = tonic::transport::Channel::from_static("http://127.0.0.1:50051").connect_lazy();
//! let conn = Conn::new(channel.map_err(|error| tonic::Status::from_error(error.into())));
//! let contract = Contract::reflect(&conn).await?;
//! let way = Way { conn, forward: Default::default() };
//! let served = contract.services(&[])?.into_iter().map(|service| Served { service, way: way.clone() });
//! let router = gateway::router_of(&Options::default(), served.collect(), Extras::default())?;
//! axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, router).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What there is
//!
//! | | |
//! |---|---|
//! | [`Contract`] | services with all that their messages need, read from a `FileDescriptorSet` or asked of a server; [`ContractError`] says why there is none |
//! | [`Served`], [`Way`], [`Forward`] | a service, the transport to it, and the headers that pass |
//! | [`router_of`], [`router`] | an axum `Router` of services with contracts of their own, or of those of one pool; [`Error`] names the method that cannot be served, and says why |
//! | [`Options`], [`Extras`] | what can be set: time, origins, proxies; and the style of answers ([`json::Style`]), a [`Guard`] before all calls, a [`Mount`] of other pages |
//! | [`Switch`] | a service that hands requests to the router of the moment |
//! | [`json`] | proto3 JSON by descriptors: reading into messages, writing from bytes |
//!
//! A router answers each request with one response, and never fails: failures are answers, `{"error": {"code", "status",
//! "message", "details"}}` with the HTTP status that the gRPC code has (AIP-193), and in the form of each protocol where a call
//! came by that. It keeps no state but what it is made of, so it can be cloned, nested and put behind layers. Behind a
//! server of one's own it sees no peer addresses: `kit::listen` gives them.
//!
//! `examples/serve.rs` is a whole program.
//!
//! # Inside
//!
//! One request's way: [`access`] (id, span, log) → [`edge`] (finds the route) → [`request`] (path,
//! query, body) → [`call`] → [`answer`] or [`stream`]; where it comes by gRPC, gRPC-Web or Connect, [`edge`] →
//! [`protocol`].

use std::{collections::HashSet, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderName, Method, StatusCode, Version, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use prost_reflect::DescriptorPool;
use tower::ServiceExt as _;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate as _, SizeAbove},
    },
};

mod accept;
mod access;
mod access_rule;
mod annotation;
mod answer;
mod base;
mod binding;
mod call;
mod coding;
mod contract;
mod cookie;
mod cors;
mod details;
mod draft;
mod edge;
mod error;
mod etag;
mod fields;
mod forwarded;
mod headers;
pub mod json;
mod limited;
mod lines;
mod linger;
mod marks;
mod mask;
mod merge;
mod metadata;
mod mount;
mod multipart;
mod openapi;
mod options;
mod own_urls;
mod pages;
mod percent;
mod proto;
mod protocol;
mod query;
mod raw;
mod request;
mod routes;
mod rpc;
mod serving;
mod stream;
mod swagger;
mod switch;
mod table;
mod template;
mod upload;
mod values;
mod web;
mod websocket;
mod wire;

pub use contract::{Contract, ContractError};
pub use edge::{Admitted, Guard};
pub use error::BODY_LIMIT;
pub use kit::Conn;
pub use metadata::{Allowed, Forward};
pub use mount::Mount;
pub use options::{Options, Page};
pub use serving::{Served, Way};
pub use switch::Switch;

/// Why a contract cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A method's options do not fit its messages, or another method's.
    #[error("{method}: {problem}")]
    Method {
        /// The method's full name.
        method: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Answers shorter than this are not worth compressing.
const COMPRESS_ABOVE: u64 = 1024;

/// What the edge has beside a contract's routes.
#[derive(Default)]
pub struct Extras {
    /// Refuses callers by their headers, before their bodies are asked for.
    pub guard: Option<Arc<dyn Guard>>,
    /// Pages of another component's.
    pub mount: Option<Mount>,
    /// The shop's page, if there is to be one.
    pub page: Option<Page>,
    /// Whether there are services whose contracts are not known yet: what leads nowhere may lead somewhere soon.
    pub incomplete: bool,
    /// How REST answers in JSON.
    pub json: json::Style,
}

/// Makes the REST interface of a contract.
///
/// `upstream` gives the transport to a service by its full name; one for which it gives none has no
/// routes. The error says which method's rule is wrong and why.
pub fn router(
    options: &Options,
    pool: &DescriptorPool,
    upstream: impl Fn(&str) -> Option<kit::Conn>,
    extras: Extras,
) -> Result<Router, Error> {
    make(options, Served::of_pool(pool, upstream), Some(pool), extras)
}

/// Makes the interface of some services, each with a contract of its own. The error says which method is wrong and
/// why, or which two have the same route.
pub fn router_of(options: &Options, served: Vec<Served>, extras: Extras) -> Result<Router, Error> {
    make(options, served, None, extras)
}

/// `own` has the types that the details of the edge's own errors may be of.
fn make(
    options: &Options,
    served: Vec<Served>,
    own: Option<&DescriptorPool>,
    extras: Extras,
) -> Result<Router, Error> {
    let Extras { guard, mount, page, incomplete, json } = extras;
    let mut table = serving::Table::of(&served, json)?;
    let named = |of: fn(&Forward) -> &[Allowed]| -> HashSet<HeaderName> {
        let all = served.iter().flat_map(|served| of(&served.way.forward));
        all.filter_map(Allowed::name).cloned().collect()
    };
    let cors = cors::layer(&options.cors_origins, named(|it| &it.request), named(|it| &it.response));
    let tables = match own {
        Some(pool) => table.forms(pool).answers,
        None => Arc::new(json::Tables::empty(json)),
    };
    let bindings = table.routes.iter().cloned().collect();
    let pages = pages::Pages::new(bindings, json, web::Web::new(page.as_ref()));
    let mut edge = edge::Edge::new(table, tables.clone(), pages, options);
    (edge.guard, edge.mount, edge.incomplete) = (guard, mount, incomplete);
    let edge = Arc::new(edge);

    // A compressor holds back what does not fill a block: whoever watches would see events late. Images are
    // compressed already, and of other bytes nobody knows.
    let compressed = SizeAbove::new(COMPRESS_ABOVE)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new("application/x-ndjson"))
        .and(NotForContentType::const_new("application/octet-stream"))
        // gRPC-Web among them: messages are not to be held back.
        .and(NotForContentType::const_new("application/grpc"))
        .and(NotForContentType::const_new("application/connect+"))
        .and(is_whole);
    let panicked = CatchPanicLayer::custom(move |_| error::Failure::internal().response(&tables));
    // Each layer wraps those before it. `access` is the outermost, so that what a panic or a preflight becomes has
    // an id, a line in the log and our headers, too.
    let mut router = Router::new()
        .fallback(edge::handle)
        .with_state(edge.clone())
        .layer(CompressionLayer::new().compress_when(compressed));
    if !options.cors_origins.is_empty() {
        let routes = router.clone();
        router = router.layer(cors).layer(from_fn_with_state((edge.clone(), routes), own_options));
    }
    Ok(router.layer(panicked).layer(from_fn_with_state(edge, access::access)))
}

/// Whether an answer is not one whose messages go out as they come, by what its own type does not say.
fn is_whole(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<marks::Streamed>().is_none()
}

/// Hands OPTIONS to the route that a contract has for it: the layer of CORS answers every one itself. A browser's
/// question before a request is still that layer's.
async fn own_options(
    State((edge, routes)): State<(Arc<edge::Edge>, Router)>,
    request: Request,
    next: Next,
) -> Response {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() == Method::OPTIONS && !asks && edge.has_route(&Method::OPTIONS, request.uri().path())
    {
        return routes.oneshot(request).await.unwrap_or_else(|never| match never {});
    }
    next.run(request).await
}
