//! Calls a method: by the way that its streams ask for.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{body::Body as HttpBody, response::Response};
use contracts::errors::Reason;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use http_body::Body as _;
use kit::telemetry::access::Seen;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::{Admitted, Begin, Edge, deadline::within};
use crate::{
    answer,
    binding::{Binding, Body},
    call, coding, cookie,
    error::Failure,
    etag, headers, merge, metadata, request,
    rpc::Rpc,
    stream,
    template::Piece,
    upload,
};

/// How often a change is made anew of what is there, because somebody else changed that in between.
const TRIES: u32 = 4;

impl Edge {
    /// Refuses a call that can be refused before its body has come.
    pub async fn admit(&self, rpc: &Rpc, parts: &Parts) -> Result<Option<Begin>, Failure> {
        let Some(guard) = &self.guard else { return Ok(None) };
        let admitted = guard.admit(&parts.headers, rpc.path.path()).await;
        let Admitted { begin, who } =
            admitted.map_err(|status| Failure::from_status(&status, &rpc.service))?;
        if let (Some(who), Some(seen)) = (who, parts.extensions.get::<Seen>()) {
            seen.is(who);
        }
        Ok(Some(begin))
    }

    /// Answers a request of a route.
    pub(super) async fn call(
        &self,
        binding: &Arc<Binding>,
        segments: &[Piece<'_>],
        parts: &Parts,
        body: HttpBody,
    ) -> Result<Response, Failure> {
        let method = &binding.rpc.method;
        let asks = parts.headers.contains_key(header::EXPECT) && !body.is_end_stream();
        let admitted = self.admit(&binding.rpc, parts).await?;
        // Whoever waits for 100 (RFC 9110, 10.1.1) can be spared the body. An upload judges its own type.
        if asks && !method.is_client_streaming() {
            request::check_type(binding, &parts.headers, false)?;
        }
        let body = coding::decoded(&parts.headers, body)?;
        match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, false) => self.unary(binding, segments, parts, body, admitted).await,
            (false, true) => {
                let timeout = headers::caller_timeout(&parts.headers);
                let deadline = timeout.map(|timeout| Instant::now() + timeout);
                // The stream may last, its request may not: a byte a minute would hold the connection for ever.
                let body = within(Instant::now() + self.timeout, request::read(body, binding.rpc.body_limit))
                    .await??;
                request::check_type(binding, &parts.headers, body.is_empty())?;
                let _place = begin(admitted, &binding.rpc.service)?;
                let request = request::make(binding, segments, parts, &body)?;
                let metadata = metadata::of(parts, &binding.rpc, timeout)?;
                let message = binding.rpc.complete(request.message)?;
                stream::answer(binding.clone(), parts, metadata, message, deadline).await
            }
            (true, false) => {
                upload::answer(binding, segments, parts, body, headers::caller_timeout(&parts.headers)).await
            }
            (true, true) => Err(Failure::new(
                Reason::Unimplemented,
                "streams in both directions at once are to be had by a WebSocket, or by gRPC",
            )),
        }
    }

    async fn unary(
        &self,
        binding: &Binding,
        segments: &[Piece<'_>],
        parts: &Parts,
        body: HttpBody,
        admitted: Option<Begin>,
    ) -> Result<Response, Failure> {
        let asked = headers::caller_timeout(&parts.headers).unwrap_or(Duration::MAX);
        // One deadline for the body and all tries: what one used up the next does not have.
        let deadline = Instant::now() + self.timeout.min(asked);
        let body = within(deadline, request::read(body, binding.rpc.body_limit)).await??;
        request::check_type(binding, &parts.headers, body.is_empty())?;
        let _place = begin(admitted, &binding.rpc.service)?;
        let resource = match &binding.body {
            Body::Field(field) => field.kind().as_message().cloned(),
            Body::None | Body::Whole => None,
        };
        let patch = merge::patch(binding, resource.as_ref(), &parts.headers, &body);
        // What a patch takes away (null) is no value of a map's.
        let body = patch.as_ref().map_or(body, |patch| patch.onto(b""));
        let mut request = request::make(binding, segments, parts, &body)?;
        let cookie = match &binding.rpc.cookie {
            Some(cookie) if cookie::asked(&parts.headers)? => Some(cookie),
            _ => None,
        };
        if let Some(cookie) = cookie {
            cookie.fill(&parts.headers, &mut request.message);
        }
        let depends = request.unless || patch.is_some();
        let conditional = request.unless || request.condition.is_some();
        let mut tries = 1;
        if depends {
            self.fit(binding, segments, parts, patch.as_ref(), &mut request, deadline).await?;
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let metadata = metadata::of(parts, &binding.rpc, Some(left))?;
            let message = binding.rpc.complete(request.message.clone())?;
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
                    if request.bound && failure.is_about_version() && tries < TRIES {
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

/// Begins a call that was let in.
pub fn begin(admitted: Option<Begin>, service: &str) -> Result<Option<Box<dyn Any + Send>>, Failure> {
    let begun = admitted.map(|begin| begin()).transpose();
    begun.map_err(|status| Failure::from_status(&status, service))
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
    // The service judged a change's condition, in the transaction that made it. Here it would be too late.
    if binding.mutates() {
        return Ok(answer);
    }
    // `If-Match` before `If-None-Match` (RFC 9110, 13.2.2).
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
        // As of an answer that may be compressed (RFC 9110, 15.4.5).
        answer.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    Ok(answer)
}
