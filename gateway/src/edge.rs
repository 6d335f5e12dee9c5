//! One request's way through the edge.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    body::Body as HttpBody,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header, request::Parts};
use prost::Message as _;
use prost_reflect::DescriptorPool;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};

use crate::{
    answer,
    binding::Binding,
    call, cookie,
    error::{Failure, allow},
    headers, linger,
    pages::Pages,
    request,
    routes::{Found, Routes, with_implied},
    stream, upload,
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
}

/// The template of the route that a request took; in the extensions of its answer.
#[derive(Debug, Clone)]
pub struct MatchedRoute(pub Arc<str>);

/// Answers a request.
pub async fn handle(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = linger::over(parts.version, body);
    let failed = |failure: Failure| failure.response(&edge.pool);
    match edge.routes.find(&parts.method, parts.uri.path()) {
        Found::Route(binding, segments) => {
            let answer = edge.call(binding, &segments, &parts, body).await;
            let mut answer = answer.unwrap_or_else(failed);
            answer.extensions_mut().insert(MatchedRoute(binding.route.clone()));
            answer
        }
        Found::OtherMethods(methods) => other_method(&parts.method, methods).unwrap_or_else(failed),
        Found::Nothing => match edge.pages.get(parts.uri.path(), &parts.headers) {
            Some(page) if matches!(parts.method, Method::GET | Method::HEAD) => page,
            Some(_) => other_method(&parts.method, vec![Method::GET]).unwrap_or_else(failed),
            None => failed(Failure::not_found()),
        },
        Found::Malformed => failed(Failure::invalid("the path has a broken percent encoding")),
    }
}

/// Answers a method that a path does not have: OPTIONS with those it has, all others with a refusal.
fn other_method(method: &Method, methods: Vec<Method>) -> Result<Response, Failure> {
    let methods = with_implied(methods);
    if method == Method::OPTIONS {
        return Ok((StatusCode::NO_CONTENT, [(header::ALLOW, allow(&methods))]).into_response());
    }
    Err(Failure::method_not_allowed(&methods))
}

impl Edge {
    async fn call(
        &self,
        binding: &Arc<Binding>,
        segments: &[Cow<'_, str>],
        parts: &Parts,
        body: HttpBody,
    ) -> Result<Response, Failure> {
        let method = &binding.rpc.method;
        match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, false) => self.unary(binding, segments, parts, body).await,
            (false, true) => {
                let timeout = headers::caller_timeout(&parts.headers);
                let deadline = timeout.map(|timeout| Instant::now() + timeout);
                let body = within(Instant::now() + self.timeout, request::read(body)).await??;
                request::check_type(binding, &parts.headers, &body)?;
                let request = request::make(binding, segments, parts, &body)?;
                let metadata = headers::metadata(&parts.headers, &binding.rpc, timeout)?;
                let message = request.message.encode_to_vec().into();
                stream::answer(
                    binding.clone(),
                    self.pool.clone(),
                    &parts.headers,
                    metadata,
                    message,
                    deadline,
                )
                .await
            }
            (true, false) => {
                upload::answer(binding, segments, parts, body, headers::caller_timeout(&parts.headers)).await
            }
            (true, true) => Err(Failure::new(
                Code::Unimplemented,
                "UNIMPLEMENTED",
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
        request::check_type(binding, &parts.headers, &body)?;
        let mut request = request::make(binding, segments, parts, &body)?;
        let cookie = match &binding.rpc.cookie {
            Some(cookie) if cookie::asked(&parts.headers)? => Some(cookie),
            _ => None,
        };
        if let Some(cookie) = cookie {
            cookie.fill(&parts.headers, &mut request.message);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let metadata = headers::metadata(&parts.headers, &binding.rpc, Some(left))?;
        let message = Bytes::from(request.message.encode_to_vec());
        match within(deadline, call::unary(&binding.rpc, metadata, message)).await? {
            Ok(response) => {
                let (metadata, message, _) = response.into_parts();
                let answer = answer::make(binding, parts, cookie, &metadata, message)?;
                Ok(unless_there_already(binding, &parts.headers, answer))
            }
            Err(status) => {
                let end = cookie.and_then(|cookie| cookie.refused(status.code(), parts));
                Err(refused(binding, &status, deadline, request.conditional).with_cookie(end))
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

/// The answer, or 304 where its reader has it.
fn unless_there_already(binding: &Binding, headers: &HeaderMap, mut answer: Response) -> Response {
    let tag = answer.headers().get(header::ETAG);
    if binding.answers_304() && tag.is_some_and(|tag| headers::has_already(headers, tag)) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.body_mut() = HttpBody::empty();
        answer.headers_mut().remove(header::CONTENT_TYPE);
    }
    answer
}

/// Waits for something until a deadline.
pub async fn within<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Failure> {
    timeout_at(deadline, work).await.map_err(|_| Failure::deadline())
}
