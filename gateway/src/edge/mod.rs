//! One request's way through the edge.

mod call;
mod current;
mod deadline;

use std::{any::Any, collections::HashMap, sync::Arc, time::Duration};

use axum::{
    body::Body as HttpBody,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use contracts::errors::Reason;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use kit::telemetry::{access::Who, metrics::web::Route};
use tokio::time::Instant;
use tonic::Status;

pub use self::{call::begin, deadline::within};
use crate::{
    base::{Base, Reach},
    binding::Binding,
    error::{BODY_LIMIT, Failure, allow},
    headers,
    json::Tables,
    linger,
    marks::{MatchedRoute, SignsIn},
    mount::Mount,
    options::Options,
    pages::Pages,
    protocol::{self, Native, Protocol},
    request,
    routes::{Found, Routes, with_implied},
    serving::Table,
    web::Subject,
    websocket,
};

/// What all requests share.
pub struct Edge {
    /// The contract's routes.
    pub routes: Routes<Arc<Binding>>,
    /// The contract's methods, by the paths that gRPC gives them.
    pub methods: HashMap<String, Arc<Native>>,
    /// Whether there are services whose contracts are not known yet.
    pub incomplete: bool,
    /// How the details of the edge's own errors are written.
    pub tables: Arc<Tables>,
    /// The edge's own pages.
    pub pages: Pages,
    /// How long a call may take that is no stream.
    pub timeout: Duration,
    /// Where clients reach the edge.
    pub reach: Reach,
    /// Tells browsers to come by TLS alone (RFC 6797).
    pub hsts: Option<HeaderValue>,
    /// Who may call what, as far as headers show.
    pub guard: Option<Arc<dyn Guard>>,
    /// Pages of another component's.
    pub mount: Option<Mount>,
    /// How requests are measured that no route is for.
    pub others: Route,
    /// The origins whose pages may call.
    pub origins: Vec<HeaderValue>,
    /// What reads the things of a type one by one, by the type's name.
    readers: HashMap<String, Arc<Binding>>,
}

/// Says whether requests are let in, before their bodies are read.
pub trait Guard: Send + Sync {
    /// Counts a request with these headers.
    fn arrives(&self, headers: &HeaderMap) -> Result<(), Status>;

    /// Counts a page of the edge's own that is dear to make: a document, or a file that is compressed for its reader.
    fn reads_page(&self, headers: &HeaderMap) -> Result<(), Status>;

    /// Judges a call with these headers by the path of its gRPC method. Who may call it is decided by the services,
    /// whatever is said here.
    fn admit<'a>(&'a self, headers: &'a HeaderMap, path: &'a str) -> BoxFuture<'a, Result<Admitted, Status>>;
}

/// Begins a call that was let in, once its request is there as a whole. What that gives is kept until there is an answer.
pub type Begin = Box<dyn FnOnce() -> Result<Box<dyn Any + Send>, Status> + Send>;

/// A call that was let in.
pub struct Admitted {
    pub begin: Begin,
    /// Who calls, where somebody wants to know.
    pub who: Option<Who>,
}

/// Answers a request.
pub async fn handle(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = linger::over(parts.version, parts.headers.contains_key(header::EXPECT), body);
    let failed = |failure: Failure| failure.response_to(&parts.headers, &edge.tables);
    if parts.extensions.get::<kit::listen::Crowded>().is_some() {
        kit::telemetry::metrics::figures::limited("answers");
        return failed(Failure::overloaded());
    }
    if let Some(Err(status)) = edge.guard.as_ref().map(|guard| guard.arrives(&parts.headers)) {
        return failed(Failure::from_status(&status, ""));
    }
    if parts.method == Method::CONNECT {
        return failed(Failure::invalid("this is no proxy: it opens no tunnels"));
    }
    if parts.uri.path() == "*" {
        return everywhere(&parts.method).unwrap_or_else(failed);
    }
    if let Some(binding) = websocket::asked(&edge, &parts) {
        let opened = websocket::open(&edge, &binding, parts, body).await;
        let mut answer = opened.unwrap_or_else(|failure| failure.response(&binding.rpc.tables));
        answer.extensions_mut().insert(MatchedRoute(binding.route.clone(), binding.measured.clone()));
        return answer;
    }
    let protocol = Protocol::of(&parts.method, &parts.headers, parts.uri.query());
    match (edge.methods.get(parts.uri.path()), protocol) {
        (Some(native), Some(protocol)) => {
            let mut answer = protocol::answer(&edge, native, protocol, &parts, body).await;
            answer.extensions_mut().insert(MatchedRoute(native.route.clone(), native.measured.clone()));
            if native.rpc.access_token.is_some() {
                answer.extensions_mut().insert(SignsIn);
            }
            return answer;
        }
        (None, Some(protocol)) if protocol.is_certain() => return protocol.refuse(&edge.no_method()),
        _ => {}
    }
    // The contract's routes first: no page and no mounted component can take a path from it.
    match edge.routes.find(&parts.method, parts.uri.path()) {
        Found::Route(binding, segments) => {
            let answer = edge.call(binding, &segments, &parts, body).await;
            // What the details of an error mean is in the contract of who made it.
            let failed = |failure: Failure| failure.response_to(&parts.headers, &binding.rpc.tables);
            let mut answer = answer.unwrap_or_else(failed);
            answer.extensions_mut().insert(MatchedRoute(binding.route.clone(), binding.measured.clone()));
            if binding.rpc.access_token.is_some() {
                answer.extensions_mut().insert(SignsIn);
            }
            answer
        }
        Found::OtherMethods(methods) => other_method(&parts.method, methods).unwrap_or_else(failed),
        Found::Nothing if edge.methods.contains_key(parts.uri.path()) => failed(match parts.method {
            Method::POST => Failure::unsupported_media_type("application/json"),
            _ => Failure::method_not_allowed(&[Method::POST]),
        }),
        Found::Nothing => match edge.mount.as_ref().filter(|mount| mount.has(parts.uri.path())) {
            Some(mount) => edge.mounted(mount, &parts, body).await.unwrap_or_else(failed),
            None => edge.page(&parts).await,
        },
        Found::Malformed => failed(Failure::invalid("the path has a broken percent encoding")),
    }
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Answers `OPTIONS *`, which asks of no path (RFC 9110, 9.3.7).
fn everywhere(method: &Method) -> Result<Response, Failure> {
    match *method {
        Method::OPTIONS => Ok((StatusCode::NO_CONTENT, [(header::ALLOW, allow(&ALL))]).into_response()),
        _ => Err(Failure::invalid("`*` is no path of any method but OPTIONS")),
    }
}

/// All methods that some path has.
pub const ALL: [Method; 7] =
    [Method::DELETE, Method::GET, Method::HEAD, Method::OPTIONS, Method::PATCH, Method::POST, Method::PUT];

/// Answers a method that a path does not have: OPTIONS with those it has, all others with a refusal.
fn other_method(method: &Method, methods: Vec<Method>) -> Result<Response, Failure> {
    let methods = with_implied(methods);
    if method == Method::OPTIONS {
        return Ok((StatusCode::NO_CONTENT, [(header::ALLOW, allow(&methods))]).into_response());
    }
    Err(Failure::method_not_allowed(&methods))
}

impl Edge {
    /// What is at a path that is no route's.
    async fn page(&self, parts: &Parts) -> Response {
        if let (true, Some(guard)) = (crate::pages::are_dear(parts.uri.path()), &self.guard)
            && let Err(status) = guard.reads_page(&parts.headers)
        {
            return Failure::from_status(&status, "").response(&self.tables);
        }
        match self.pages.get(parts.uri.path(), &parts.headers, Base::of(parts)) {
            Some(page) if reads(&parts.method) => match page.extensions().get::<Subject>() {
                Some(subject) if self.is_missing(subject, &parts.headers).await => self.missing(parts),
                _ => page,
            },
            Some(_) => other_method(&parts.method, vec![Method::GET])
                .unwrap_or_else(|failure| failure.response(&self.tables)),
            None => self.missing(parts),
        }
    }

    /// What a mounted component answers: its body has the bounds of every other, and both have the edge's time.
    async fn mounted(&self, mount: &Mount, parts: &Parts, body: HttpBody) -> Result<Response, Failure> {
        let deadline = Instant::now() + self.timeout;
        let body = within(deadline, request::read(body, BODY_LIMIT)).await??;
        let answer = within(deadline, mount.answer(parts, body.into())).await?;
        Ok(answer.unwrap_or_else(|| self.missing(parts)))
    }

    /// There is no method at a path, or none that is known yet.
    fn no_method(&self) -> Failure {
        if self.incomplete {
            return Failure::incomplete();
        }
        Failure::new(Reason::Unimplemented, "there is no method at this path")
    }

    /// There is nothing: a page for people, JSON for programs.
    fn missing(&self, parts: &Parts) -> Response {
        let page = reads(&parts.method)
            .then(|| self.pages.missing(parts.uri.path(), &parts.headers, Base::of(parts)))
            .flatten();
        // What is not known yet may be there.
        let nothing = if self.incomplete { Failure::incomplete } else { Failure::not_found };
        page.unwrap_or_else(|| nothing().response_to(&parts.headers, &self.tables))
    }

    /// Whether what a page is about is not there, for everybody: the API says so. Where it cannot say, the page may.
    async fn is_missing(&self, subject: &Subject, headers: &HeaderMap) -> bool {
        // As nobody: the page is the same for all, and may be kept by caches. What only its owner may see shows
        // itself after signing in, and must not tell strangers that it is there.
        let mut asking = http::Request::new(());
        if let Ok(path) = subject.0.parse() {
            *asking.uri_mut() = path;
        }
        for name in [&headers::REQUEST_ID, &headers::CLIENT_ADDRESS] {
            if let Some(value) = headers.get(name) {
                asking.headers_mut().insert(name, value.clone());
            }
        }
        let (parts, ()) = asking.into_parts();
        match self.routes.find(&Method::GET, parts.uri.path()) {
            Found::Route(binding, segments) => {
                let answer = self.call(binding, &segments, &parts, HttpBody::empty()).await;
                let answer = answer.unwrap_or_else(|failure| failure.response(&self.tables));
                // An id that is none names nothing.
                matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST)
            }
            Found::OtherMethods(_) | Found::Nothing | Found::Malformed => false,
        }
    }

    /// An edge of these routes.
    pub fn new(table: Table, tables: Arc<Tables>, pages: Pages, options: &Options) -> Self {
        let Table { routes, methods, .. } = table;
        let mut readers = HashMap::new();
        for binding in routes.iter() {
            if binding.reads_by_fields() {
                readers.entry(binding.rpc.output.full_name().to_owned()).or_insert_with(|| binding.clone());
            }
        }
        let timeout = options.rest_timeout;
        let reach =
            Reach::new(options.public_url.as_ref(), options.proxies()).always_secure(options.secure_cookies);
        Self {
            routes,
            methods,
            incomplete: false,
            tables,
            pages,
            timeout,
            reach,
            hsts: options.hsts_header(),
            guard: None,
            mount: None,
            others: Route::default(),
            origins: options.cors_origins.clone(),
            readers,
        }
    }

    /// Whether a route is for a method at a path.
    pub fn has_route(&self, method: &Method, path: &str) -> bool {
        matches!(self.routes.find(method, path), Found::Route(..))
    }

    /// The route to what a call makes.
    fn reader(&self, binding: &Binding) -> Option<&Binding> {
        let creates = binding.rpc.success == StatusCode::CREATED && binding.response_body.is_none();
        self.readers.get(binding.rpc.output.full_name()).filter(|_| creates).map(|reader| &**reader)
    }
}
