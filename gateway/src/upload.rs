//! Client streams over HTTP: a body of JSON lines (`application/x-ndjson`), each a message, or a raw body
//! whose pieces are the messages of a method that takes `google.api.HttpBody`.

use std::{borrow::Cow, time::Duration};

use axum::{body::Body as HttpBody, response::Response};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream};
use http::{HeaderValue, header, request::Parts};
use prost::Message as _;
use prost_reflect::{DynamicMessage, Value};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tonic::Status;

use crate::{
    answer,
    binding::{Binding, Body},
    call,
    error::Failure,
    headers,
    options::BODY_LIMIT,
    request,
};

/// Characters that a service is told of what is wrong with a line.
const TOLD: usize = 500;

/// Calls a method with the messages of a body and answers with its one answer.
pub async fn answer(
    binding: &Binding,
    segments: &[Cow<'_, str>],
    parts: &Parts,
    body: HttpBody,
    timeout: Option<Duration>,
) -> Result<Response, Failure> {
    let mut lines = match &binding.body {
        Body::None => Lines::pieces(body),
        _ if binding.takes_http_body() => Lines::pieces(body),
        _ => {
            check_type(parts)?;
            Lines::new(body)
        }
    };
    // What is wrong with path, query or headers is not the lines' fault.
    request::make(binding, segments, parts, &Bytes::new())?;
    let metadata = headers::metadata(&parts.headers, &binding.rpc, timeout)?;
    let (send, receive) = mpsc::channel(4);
    let call = call::client_streaming(&binding.rpc, metadata, messages(receive));
    let feed = async {
        let mut number = 0_usize;
        loop {
            let line = match lines.next().await? {
                Some(line) => line,
                // What has no lines is one message at least: that of path and query.
                None if number == 0 && !lines.split => Bytes::new(),
                None => break,
            };
            number += 1;
            let line = if lines.split { unwrapped(binding, line)? } else { line };
            let message = match request::make(binding, segments, parts, &line) {
                Ok(request) => request.message,
                Err(failure) => match bad_line(binding, failure) {
                    Ok(message) => message,
                    Err(failure) if lines.split => return Err(failure.in_line(number)),
                    Err(failure) => return Err(failure),
                },
            };
            if send.send(Some(message.encode_to_vec().into())).await.is_err() {
                // The service has answered already, or failed: the call says which.
                return Ok::<_, Failure>(());
            }
        }
        let _ = send.send(None).await;
        Ok(())
    };
    let both = async {
        tokio::pin!(call);
        tokio::select! {
            biased;
            fed = feed => {
                fed?;
                Ok::<_, Failure>(call.await)
            }
            answered = &mut call => Ok(answered),
        }
    };
    let answered = match timeout {
        Some(timeout) => timeout_at(Instant::now() + timeout, both).await.map_err(|_| Failure::deadline())?,
        None => both.await,
    };
    match answered? {
        Ok(response) => {
            let (metadata, message, _) = response.into_parts();
            answer::make(binding, &metadata, message)
        }
        Err(status) => Err(Failure::from_status(&status, &binding.rpc.service)),
    }
}

/// Takes a line of a stream's answer for what is in it, so that what one method gave can be sent to another.
/// Where the line is the failure that ended that stream, there is something missing: it breaks the call off.
fn unwrapped(binding: &Binding, line: Bytes) -> Result<Bytes, Failure> {
    let target = match &binding.body {
        Body::Field(field) => field.kind().as_message().cloned(),
        _ => Some(binding.rpc.input.clone()),
    };
    let has = |name| target.as_ref().is_some_and(|target| target.get_field_by_json_name(name).is_some());
    let inner = line.strip_prefix(b"{\"result\":").and_then(|rest| rest.strip_suffix(b"}"));
    match inner {
        Some(inner) if !has("result") => Ok(line.slice_ref(inner)),
        _ if line.starts_with(b"{\"error\":") && !has("error") => {
            Err(Failure::invalid("the lines end with the failure of the stream that they come from"))
        }
        _ => Ok(line),
    }
}

/// The message that tells the service of a line that cannot be read, where it wants to be told.
fn bad_line(binding: &Binding, failure: Failure) -> Result<DynamicMessage, Failure> {
    let Some(place) = &binding.rpc.bad_line else { return Err(failure) };
    let mut message = DynamicMessage::new(binding.rpc.input.clone());
    let Some(bad) = message.get_field_mut(place).as_message_mut() else { return Err(failure) };
    let (field, description) = failure.bad_field();
    let cut = |text: String| Value::String(text.chars().take(TOLD).collect());
    let _ = bad.try_set_field_by_name("field", cut(field));
    let _ = bad.try_set_field_by_name("description", cut(description));
    Ok(message)
}

/// The messages that come by a channel, until `None` ends them well. A sender that is dropped before, since
/// the body is bad or its sender has gone, breaks the call off: half an upload is never taken for all of it.
fn messages(receive: mpsc::Receiver<Option<Bytes>>) -> impl Stream<Item = call::Outgoing> + Send + 'static {
    stream::unfold(Some(receive), |receive| async move {
        let mut receive = receive?;
        match receive.recv().await {
            Some(message) => message.map(|message| (Ok(message), Some(receive))),
            None => Some((Err(Status::cancelled("the upload broke off")), None)),
        }
    })
}

fn check_type(parts: &Parts) -> Result<(), Failure> {
    let media = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let media = media.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if media.eq_ignore_ascii_case(b"application/x-ndjson") || media.eq_ignore_ascii_case(b"application/jsonl")
    {
        Ok(())
    } else {
        Err(Failure::unsupported_media_type("application/x-ndjson"))
    }
}

/// The parts of a body that become messages.
struct Lines {
    body: axum::body::BodyDataStream,
    buffer: BytesMut,
    /// How far the buffer has no line's end.
    searched: usize,
    split: bool,
    begun: bool,
    ended: bool,
}

impl Lines {
    fn new(body: HttpBody) -> Self {
        Self {
            body: body.into_data_stream(),
            buffer: BytesMut::new(),
            searched: 0,
            split: true,
            begun: false,
            ended: false,
        }
    }

    fn pieces(body: HttpBody) -> Self {
        Self { split: false, ..Self::new(body) }
    }

    /// The next line that is not empty, without its end.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if self.split
                && let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n')
            {
                let line = self.buffer.split_to(self.searched + at + 1);
                self.searched = 0;
                match self.trimmed(line) {
                    Some(line) => return Ok(Some(line)),
                    None => continue,
                }
            }
            self.searched = self.buffer.len();
            if self.ended {
                let last = self.buffer.split();
                self.searched = 0;
                return Ok(self.trimmed(last));
            }
            if self.searched > BODY_LIMIT {
                return Err(Failure::too_large());
            }
            match self.body.next().await {
                None => self.ended = true,
                Some(Ok(chunk)) if !self.split && !chunk.is_empty() => return Ok(Some(chunk)),
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(_)) => return Err(Failure::invalid("the request's body ended too early")),
            }
        }
    }

    /// A line without white space around it, nor the byte-order mark with which some programs begin a file;
    /// `None` where nothing is left.
    fn trimmed(&mut self, line: BytesMut) -> Option<Bytes> {
        let line = line.freeze();
        let mut text: &[u8] = &line;
        if !std::mem::replace(&mut self.begun, true) {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        let text = text.trim_ascii();
        (!text.is_empty()).then(|| line.slice_ref(text))
    }
}
