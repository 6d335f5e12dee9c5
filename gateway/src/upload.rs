//! Client streams over HTTP: a body of JSON lines (`application/x-ndjson`), of JSON values (`application/json`,
//! `application/json-seq`) or of a table's rows (`text/csv`), each a message, or a raw body whose pieces are the
//! messages of a method that takes `google.api.HttpBody`.

mod source;

use std::time::Duration;

use axum::{body::Body as HttpBody, response::Response};
use bytes::Bytes;
use futures::{Stream, stream};
use http::request::Parts;
use prost_reflect::Kind;
use serde_json::Value as Json;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tonic::Status;

use self::source::{Refused, Source, row_type};
use crate::{
    answer, base::Base, binding::Binding, call, draft::Draft, error::Failure, metadata, request,
    template::Piece,
};

/// Characters at most of a bad line's description, as a service gets it.
const MOST_SHOWN: usize = 500;

/// Calls a method with the messages of a body and answers with its one answer.
pub async fn answer(
    binding: &Binding,
    segments: &[Piece<'_>],
    parts: &Parts,
    body: HttpBody,
    timeout: Option<Duration>,
) -> Result<Response, Failure> {
    // What is wrong with path, query or headers is not the lines' fault.
    let empty = request::make(binding, segments, parts, &Bytes::new())?;
    let conditional = empty.condition.is_some();
    if empty.condition.is_some_and(|condition| condition.tags > 1) {
        // The body can be sent but once.
        return Err(Failure::invalid("this method takes one entity tag only"));
    }
    let empty = empty.message;
    let make = |line: &Bytes| match request::make(binding, segments, parts, line) {
        Ok(request) => Ok(request.message),
        Err(failure) => Err(Refused::new(failure, plain_texts(binding, &empty, line))),
    };
    let metadata = metadata::of(parts, &binding.rpc, timeout)?;
    // Few: a service that is slower than its client makes the client wait, not this process's memory grow.
    let (send, receive) = mpsc::channel(4);
    let call = call::client_streaming(&binding.rpc, metadata, messages(receive));
    let feed = async {
        // The call is under way already: a caller whom the service refuses gets its refusal before a byte is waited for.
        let mut source = Source::open(binding, parts, body).await?;
        let mut number = 0_usize;
        loop {
            let message = match source.next(binding, &empty, &make).await? {
                Some(message) => message,
                // What has no rows is one message at least: that of path and query.
                None if number == 0 && !source.has_rows() => Ok(empty.clone()),
                None => break,
            };
            number += 1;
            let message = message.and_then(|message| {
                // Rows of a table are not made as requests are.
                let message = match &binding.rpc.own_urls {
                    Some(own) => own.inward(message.to_vec(), Base::of(parts)).into(),
                    None => message,
                };
                binding.rpc.complete(message.clone()).map_err(|failure| Refused::new(failure, message))
            });
            let message = match message {
                Ok(message) => message,
                Err(refused) => match bad_line(binding, *refused) {
                    Ok(message) => message,
                    Err(failure) => return Err(source.at(failure, number)),
                },
            };
            if send.send(Some(message)).await.is_err() {
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
            // Reading first: where both are ready, the body's own fault is the better answer than the service's, which
            // saw only that the lines ended.
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
            answer::make(binding, None, parts, None, &metadata, message)
        }
        Err(status) => {
            let failure = Failure::from_status(&status, &binding.rpc.service);
            Err(if conditional { failure.with_condition() } else { failure })
        }
    }
}

/// The message that one text of JSON is, or that tells the service of a bad one.
pub fn message(
    binding: &Binding,
    segments: &[Piece<'_>],
    parts: &Parts,
    text: &Bytes,
) -> Result<Bytes, Failure> {
    let text = if binding.takes_http_body() { text.clone() } else { unwrapped(binding, text.clone())? };
    let made = request::make(binding, segments, parts, &text);
    let failure = match made.and_then(|request| binding.rpc.complete(request.message)) {
        Ok(message) => return Ok(message),
        Err(failure) => failure,
    };
    let empty = request::make(binding, segments, parts, &Bytes::new())?.message;
    bad_line(binding, *Refused::new(failure, plain_texts(binding, &empty, &text)))
}

/// Takes a line of a stream's answer for what is in it, so that what one method gave can be sent to another.
/// Where the line is the failure that ended that stream, there is something missing: it breaks the call off.
fn unwrapped(binding: &Binding, line: Bytes) -> Result<Bytes, Failure> {
    let target = row_type(binding);
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

/// The strings of a line of JSON that is not what it must be otherwise.
fn plain_texts(binding: &Binding, empty: &Bytes, line: &[u8]) -> Bytes {
    let mut message = Draft::new(empty.to_vec());
    let desc = row_type(binding);
    let target = binding.body.of(&mut message);
    if let (Some(desc), Some(target), Ok(Json::Object(fields))) = (desc, target, serde_json::from_slice(line))
    {
        for (name, value) in fields {
            let field = desc.get_field_by_json_name(&name).or_else(|| desc.get_field_by_name(&name));
            if let (Some(field), Json::String(text)) = (field, value)
                && field.kind() == Kind::String
                && !field.is_list()
            {
                target.set_text(&field, &text);
            }
        }
    }
    message.finish().into()
}

/// The message that reports a bad line to the service, where the method has a field for it.
fn bad_line(binding: &Binding, refused: Refused) -> Result<Bytes, Failure> {
    let Refused { failure, known } = refused;
    let mut message = Draft::new(known.to_vec());
    let Some(place) = &binding.rpc.bad_line else { return Err(failure) };
    let Some(bad) = message.within(place) else { return Err(failure) };
    let (field, description) = failure.bad_field();
    let kind = place.kind();
    for (name, text) in [("field", field), ("description", description)] {
        if let Some(field) = kind.as_message().and_then(|kind| kind.get_field_by_name(name)) {
            bad.set_text(&field, &text.chars().take(MOST_SHOWN).collect::<String>());
        }
    }
    Ok(message.finish().into())
}

/// The messages that come by a channel, until `None` ends them well. A sender that is dropped before, since
/// the body is bad or its sender has gone, breaks the call off: half an upload is never taken for all of it.
pub fn messages(
    receive: mpsc::Receiver<Option<Bytes>>,
) -> impl Stream<Item = call::Outgoing> + Send + 'static {
    stream::unfold(Some(receive), |receive| async move {
        let mut receive = receive?;
        match receive.recv().await {
            Some(message) => message.map(|message| (Ok(message), Some(receive))),
            None => Some((Err(Status::cancelled("the upload broke off")), None)),
        }
    })
}
