//! Server streams over HTTP: lines of JSON (`{"result":…}`, a failure last as `{"error":…}`); server-sent events, one
//! JSON array, a sequence (RFC 7464) or a table (`text/csv`) for those who accept them; or raw bytes for
//! `google.api.HttpBody`.

mod written;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use tokio::time::{Instant, timeout, timeout_at};
use tonic::{Status, metadata::MetadataMap};

use self::written::Written;
use crate::{
    accept::{self, Media},
    answer,
    base::Base,
    binding::Binding,
    call,
    error::Failure,
    headers::LAST_EVENT_ID,
    marks::Streamed,
    metadata, table,
};

/// How long an answer waits for the first message, so that a failure before it can still become the
/// answer's status. After that the stream is begun, and a failure is its last line.
const FIRST_MESSAGE: Duration = Duration::from_secs(1);
/// How often a stream without messages says that it is alive: within 25 seconds, whatever delays it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How a stream is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Lines,
    Events,
    Array,
    Sequence,
    Table(table::Style),
    Raw,
}

/// Calls a method and answers with its stream. It ends by itself at `deadline`, if there is one.
pub async fn answer(
    binding: Arc<Binding>,
    request: &Parts,
    metadata: MetadataMap,
    message: Bytes,
    deadline: Option<Instant>,
) -> Result<Response, Failure> {
    let request_headers = &request.headers;
    let accepted = accept::ranges(request_headers);
    let style = table::Style::asked(&accepted, request.uri.query())?;
    let format = format(&binding, &accepted, style);
    let (meta, receive_meta) = tokio::sync::oneshot::channel();
    let call = {
        let binding = binding.clone();
        async move {
            let (metadata, messages, _) =
                call::server_streaming(&binding.rpc, metadata, message).await?.into_parts();
            let _ = meta.send(metadata::returned(&metadata, &binding.rpc));
            Ok::<_, Status>(messages)
        }
    };
    let upstream = until(deadline, stream::once(call).try_flatten());
    let mut messages = Box::pin({
        let binding = binding.clone();
        upstream.map(move |message| match message {
            Ok(Ok(message)) => Ok(message),
            Ok(Err(status)) => Err(Failure::from_status(&status, &binding.rpc.service)),
            Err(_) => Err(Failure::deadline()),
        })
    })
    .fuse();
    let table = match format {
        Format::Table(style) => Some(table::Writer::new(&binding.rpc.output, style)),
        _ => None,
    };
    let written = Written { format, binding, base: Base::of(request).clone(), table };

    let mut headers = HeaderMap::new();
    let first = match format {
        // A raw body's type is in its first message, and headers go before it: there is nothing to send until it
        // comes.
        Format::Raw => messages.next().await,
        _ => match timeout(FIRST_MESSAGE, messages.next()).await {
            Ok(None) if format == Format::Events && request_headers.contains_key(&LAST_EVENT_ID) => {
                // Nothing came after the last event, and nothing will: this ends the browser's retries.
                return Ok(StatusCode::NO_CONTENT.into_response());
            }
            Ok(first) => first,
            Err(_) => {
                let body = written.body(messages);
                return Ok(respond(format, HeaderMap::new(), body));
            }
        },
    };
    let first = first.transpose()?;
    // Does not wait: a message, or a good end, comes after the metadata, and a failure has returned above.
    if let Ok(returned) = receive_meta.await {
        headers.extend(returned);
    }
    if format == Format::Raw {
        let raw = first.as_ref().and_then(|first| answer::raw_body(&written.binding, first)).transpose()?;
        let content_type = raw.as_ref().map_or("application/octet-stream", |raw| &raw.content_type);
        headers.insert(header::CONTENT_TYPE, answer::media_type(content_type));
    }
    let all = stream::iter(first.map(Ok)).chain(messages);
    let body = written.body(all);
    Ok(respond(format, headers, body))
}

fn respond(format: Format, mut headers: HeaderMap, body: Body) -> Response {
    let kind = match format {
        Format::Lines => Some("application/x-ndjson"),
        Format::Events => Some("text/event-stream"),
        Format::Array => Some("application/json"),
        Format::Sequence => Some("application/json-seq"),
        Format::Table(_) => Some("text/csv; charset=utf-8"),
        Format::Raw => None,
    };
    if let Some(kind) = kind {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.append(header::VARY, HeaderValue::from_static("accept"));
        // Asks proxies not to hold lines back (nginx's own header, understood by others).
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    let mut response = (StatusCode::OK, headers, body).into_response();
    if matches!(format, Format::Array | Format::Sequence) {
        response.extensions_mut().insert(Streamed);
    }
    response
}

/// Puts what says nothing wherever there is nothing else for a while: proxies and load balancers end what is
/// silent for too long, and a reader that is gone shows only when it is written to.
fn keep_alive<E: Send + 'static>(
    chunks: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    nothing: &'static [u8],
) -> impl Stream<Item = Result<Bytes, E>> + Send {
    stream::unfold(Box::pin(chunks), move |mut chunks| async move {
        match timeout(KEEP_ALIVE, chunks.next()).await {
            Ok(Some(chunk)) => Some((chunk, chunks)),
            Ok(None) => None,
            Err(_) => Some((Ok(Bytes::from_static(nothing)), chunks)),
        }
    })
    .fuse()
}

/// Ends a stream at a deadline by an error.
fn until<T>(
    deadline: Option<Instant>,
    items: impl Stream<Item = T>,
) -> impl Stream<Item = Result<T, tokio::time::error::Elapsed>> {
    stream::unfold((Box::pin(items), false), move |(mut items, over)| async move {
        if over {
            return None;
        }
        let next = match deadline {
            Some(deadline) => timeout_at(deadline, items.next()).await,
            None => Ok(items.next().await),
        };
        match next {
            Ok(Some(item)) => Some((Ok(item), (items, false))),
            Ok(None) => None,
            Err(elapsed) => Some((Err(elapsed), (items, true))),
        }
    })
}

/// How a caller wants a stream written: what `Accept` wants most. What it names goes before what its ranges mean. Of
/// those named and wanted as much, what is made to be read as it comes goes first; of those that only a range means, the
/// plainest. Lines are also for who wants none of them.
fn format(binding: &Binding, accepted: &[Media], style: table::Style) -> Format {
    if binding.answers_http_body() {
        return Format::Raw;
    }
    let tables = binding.response_body.is_none().then_some((Format::Table(style), table::MEDIA_TYPE, (3, 1)));
    let offers = [
        (Format::Events, "text/event-stream", (4, 0)),
        (Format::Lines, "application/x-ndjson", (2, 4)),
        (Format::Sequence, "application/json-seq", (1, 2)),
        (Format::Array, "application/json", (0, 3)),
    ];
    let wanted = offers.into_iter().chain(tables).filter_map(|(format, media, (named, meant))| {
        let wish = accept::wish(accepted, media)?;
        let rank = if wish.named { named } else { meant };
        Some(((wish, rank), format))
    });
    wanted.max_by_key(|(wanted, _)| *wanted).map_or(Format::Lines, |(_, format)| format)
}
