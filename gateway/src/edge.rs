//! One request's way through the edge.

use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};

use axum::{
    body::Body as HttpBody,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use contracts::errors::Reason;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode, header, request::Parts};
use http_body::Body as _;
use prost::Message as _;
use prost_reflect::DescriptorPool;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};

use crate::{
    answer,
    base::{Base, Reach},
    binding::{Binding, Body},
    call, coding, cookie, current,
    error::{Failure, allow},
    etag, headers, linger, merge,
    mount::Mount,
    options::Options,
    pages::Pages,
    request,
    routes::{Found, Routes, with_implied},
    stream, upload,
    web::Subject,
};

/// What all requests share.
pub struct Edge {
    /// The contract's routes.
    pub routes: Routes<Arc<Binding>>,
    /// The contract.
    pub pool: DescriptorPool,
    /// The edge's own pages.
    pub pages: Pages,
    /// How long a call may take that is no stream.
    pub timeout: Duration,
    /// Where clients reach the edge.
    pub reach: Reach,
    /// Who may call what, as far as headers tell.
    pub guard: Option<Guard>,
    /// Pages of another component's.
    pub mount: Option<Mount>,
    /// What reads the things of a type one by one, by the type's name.
    readers: HashMap<String, Arc<Binding>>,
}

/// Says of a call's headers and the path of its gRPC method whether it is let in. The services decide that, whatever is
/// said here: this spares refused callers sending their body.
pub type Guard = Arc<dyn Fn(HeaderMap, &str) -> BoxFuture<'static, Result<(), Status>> + Send + Sync>;

/// Bodies of so many bytes are not read before the guard was asked; nor are those of unknown length, and those that
/// are sent only when they are asked for.
const SMALL: u64 = 64 * 1024;

/// The template of the route that a request took; in the extensions of its answer.
#[derive(Debug, Clone)]
pub struct MatchedRoute(pub Arc<str>);

/// In the extensions of answers of methods that sign in: what they refuse is not the caller's token.
#[derive(Debug, Clone, Copy)]
pub struct SignsIn;

/// Answers a request.
pub async fn handle(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = linger::over(parts.version, parts.headers.contains_key(header::EXPECT), body);
    let failed = |failure: Failure| failure.response(&edge.pool);
    if parts.extensions.get::<kit::listen::Crowded>().is_some() {
        return failed(Failure::overloaded());
    }
    if parts.method == Method::CONNECT {
        return failed(Failure::invalid("this is no proxy: it opens no tunnels"));
    }
    if parts.uri.path() == "*" {
        return everywhere(&parts.method).unwrap_or_else(failed);
    }
    match edge.routes.find(&parts.method, parts.uri.path()) {
        Found::Route(binding, segments) => {
            let answer = edge.call(binding, &segments, &parts, body).await;
            let mut answer = answer.unwrap_or_else(failed);
            answer.extensions_mut().insert(MatchedRoute(binding.route.clone()));
            if binding.rpc.access_token.is_some() {
                answer.extensions_mut().insert(SignsIn);
            }
            answer
        }
        Found::OtherMethods(methods) => other_method(&parts.method, methods).unwrap_or_else(failed),
        Found::Nothing => match edge.mount.as_ref().filter(|mount| mount.has(parts.uri.path())) {
            Some(mount) => mount.answer(&parts, body).await.unwrap_or_else(|| edge.missing(&parts)),
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
        match self.pages.get(parts.uri.path(), &parts.headers, Base::of(parts)) {
            Some(page) if reads(&parts.method) => match page.extensions().get::<Subject>() {
                Some(subject) if self.is_missing(subject, &parts.headers).await => self.missing(parts),
                _ => page,
            },
            Some(_) => other_method(&parts.method, vec![Method::GET])
                .unwrap_or_else(|failure| failure.response(&self.pool)),
            None => self.missing(parts),
        }
    }

    /// There is nothing: a page for people, JSON for programs.
    fn missing(&self, parts: &Parts) -> Response {
        let page = reads(&parts.method)
            .then(|| self.pages.missing(parts.uri.path(), &parts.headers, Base::of(parts)))
            .flatten();
        page.unwrap_or_else(|| Failure::not_found().response(&self.pool))
    }

    /// Whether what a page is about is not there, for everybody: the API says so. Where it cannot tell, the page may.
    async fn is_missing(&self, subject: &Subject, headers: &HeaderMap) -> bool {
        let mut asking = http::Request::new(());
        if let Ok(path) = subject.0.parse() {
            *asking.uri_mut() = path;
        }
        if let Some(id) = headers.get(&headers::REQUEST_ID) {
            asking.headers_mut().insert(&headers::REQUEST_ID, id.clone());
        }
        let (parts, ()) = asking.into_parts();
        match self.routes.find(&Method::GET, parts.uri.path()) {
            Found::Route(binding, segments) => {
                let answer = self.call(binding, &segments, &parts, HttpBody::empty()).await;
                let answer = answer.unwrap_or_else(|failure| failure.response(&self.pool));
                // An id that is none names nothing.
                matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST)
            }
            Found::OtherMethods(_) | Found::Nothing | Found::Malformed => false,
        }
    }

    /// An edge of these routes.
    pub fn new(routes: Routes<Arc<Binding>>, pool: DescriptorPool, pages: Pages, options: &Options) -> Self {
        let mut readers = HashMap::new();
        for binding in routes.iter() {
            if binding.reads_by_fields() {
                readers.entry(binding.rpc.output.full_name().to_owned()).or_insert_with(|| binding.clone());
            }
        }
        let (timeout, reach) = (options.rest_timeout, Reach::new(options));
        Self { routes, pool, pages, timeout, reach, guard: None, mount: None, readers }
    }

    /// The route to what a call makes.
    fn reader(&self, binding: &Binding) -> Option<&Binding> {
        let creates = binding.rpc.success == StatusCode::CREATED && binding.response_body.is_none();
        self.readers.get(binding.rpc.output.full_name()).filter(|_| creates).map(|reader| &**reader)
    }

    /// Refuses what can be refused before the body has come.
    async fn admit(&self, binding: &Binding, parts: &Parts, early: bool) -> Result<(), Failure> {
        if !early {
            return Ok(());
        }
        if let Some(guard) = &self.guard {
            let admitted = guard(parts.headers.clone(), binding.rpc.path.path()).await;
            admitted.map_err(|status| Failure::from_status(&status, &binding.rpc.service))?;
        }
        if parts.headers.contains_key(header::EXPECT) && !binding.rpc.method.is_client_streaming() {
            request::check_type(binding, &parts.headers, false)?;
        }
        Ok(())
    }

    async fn call(
        &self,
        binding: &Arc<Binding>,
        segments: &[Cow<'_, str>],
        parts: &Parts,
        body: HttpBody,
    ) -> Result<Response, Failure> {
        let method = &binding.rpc.method;
        let expected = parts.headers.contains_key(header::EXPECT);
        let long = body.size_hint().exact().is_none_or(|length| length > SMALL);
        self.admit(binding, parts, !body.is_end_stream() && (expected || long && self.guard.is_some()))
            .await?;
        let body = coding::decoded(&parts.headers, body)?;
        match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, false) => self.unary(binding, segments, parts, body).await,
            (false, true) => {
                let timeout = headers::caller_timeout(&parts.headers);
                let deadline = timeout.map(|timeout| Instant::now() + timeout);
                let body = within(Instant::now() + self.timeout, request::read(body)).await??;
                request::check_type(binding, &parts.headers, body.is_empty())?;
                let request = request::make(binding, segments, parts, &body)?;
                let metadata = headers::metadata(&parts.headers, &binding.rpc, timeout)?;
                let message = request.message.encode_to_vec().into();
                stream::answer(binding.clone(), self.pool.clone(), parts, metadata, message, deadline).await
            }
            (true, false) => {
                upload::answer(binding, segments, parts, body, headers::caller_timeout(&parts.headers)).await
            }
            (true, true) => Err(Failure::new(
                Reason::Unimplemented,
                "streams in both directions at once are to be had by gRPC only",
            )),
        }
    }

    async fn unary(
        &self,
        binding: &Binding,
        segments: &[Cow<'_, str>],
        parts: &Parts,
        body: HttpBody,
    ) -> Result<Response, Failure> {
        let asked = headers::caller_timeout(&parts.headers).unwrap_or(Duration::MAX);
        let deadline = Instant::now() + self.timeout.min(asked);
        let body = within(deadline, request::read(body)).await??;
        request::check_type(binding, &parts.headers, body.is_empty())?;
        let mut request = request::make(binding, segments, parts, &body)?;
        let cookie = match &binding.rpc.cookie {
            Some(cookie) if cookie::asked(&parts.headers)? => Some(cookie),
            _ => None,
        };
        if let Some(cookie) = cookie {
            cookie.fill(&parts.headers, &mut request.message);
        }
        let resource = match &binding.body {
            Body::Field(field) => field.kind().as_message().cloned(),
            Body::None | Body::Whole => None,
        };
        let patch = merge::patch(binding, resource.as_ref(), &parts.headers, &body);
        let depends = request.unless || patch.is_some();
        let conditional = request.unless || request.condition.is_some();
        let mut tries = 1;
        if depends {
            self.fit(binding, segments, parts, patch.as_ref(), &mut request, deadline).await?;
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let metadata = headers::metadata(&parts.headers, &binding.rpc, Some(left))?;
            let message = Bytes::from(request.message.encode_to_vec());
            match within(deadline, call::unary(&binding.rpc, metadata, message)).await? {
                Ok(response) => {
                    let (metadata, message, _) = response.into_parts();
                    let answer =
                        answer::make(binding, self.reader(binding), parts, cookie, &metadata, message)?;
                    return only_if_wanted(binding, &parts.headers, answer);
                }
                Err(status) => {
                    let failure = refused(binding, &status, deadline, conditional);
                    // A refused change has changed nothing: the next version that the condition allows may be there.
                    if failure.is_about_version() && request.try_next_version() {
                        continue;
                    }
                    if request.bound && failure.is_about_version() && tries < current::TRIES {
                        tries += 1;
                        self.fit(binding, segments, parts, patch.as_ref(), &mut request, deadline).await?;
                        continue;
                    }
                    let end = cookie.and_then(|cookie| cookie.refused(status.code(), parts));
                    return Err(failure.with_cookie(end));
                }
            }
        }
    }
}

/// The failure that a unary call's status is.
fn refused(binding: &Binding, status: &Status, deadline: Instant, conditional: bool) -> Failure {
    // Some transports say only that the call was cancelled when its time is over.
    if status.code() == Code::Cancelled && Instant::now() >= deadline {
        return Failure::deadline();
    }
    let failure = Failure::from_status(status, &binding.rpc.service);
    if conditional { failure.with_condition() } else { failure }
}

/// The answer to a reader, but 412 where it is not the version that it wants, and 304 where it has it.
fn only_if_wanted(binding: &Binding, headers: &HeaderMap, mut answer: Response) -> Result<Response, Failure> {
    if binding.mutates() {
        return Ok(answer);
    }
    let tag = answer.headers().get(header::ETAG);
    let wanted = etag::condition(headers, &header::IF_MATCH).map_err(Failure::invalid)?;
    if wanted.is_some_and(|wanted| !etag::is_wanted(&wanted, tag)) {
        return Err(Failure::not_wanted());
    }
    let there = tag.filter(|_| binding.answers_304()).and_then(|tag| etag::has_already(headers, tag));
    if let Some(there) = there {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.body_mut() = HttpBody::empty();
        answer.headers_mut().remove(header::CONTENT_TYPE);
        answer.headers_mut().insert(header::ETAG, there);
    }
    Ok(answer)
}

/// Waits for something until a deadline.
pub async fn within<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Failure> {
    timeout_at(deadline, work).await.map_err(|_| Failure::deadline())
}
