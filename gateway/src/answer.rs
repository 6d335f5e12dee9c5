//! Makes an HTTP answer of a method's.

use axum::{
    Extension,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use kit::listen::Holds;
use prost_reflect::{DynamicMessage, FieldDescriptor, Value};
use tonic::metadata::MetadataMap;

use crate::{
    base::Base,
    binding::Binding,
    cookie::Cookie,
    error::Failure,
    etag, json, metadata,
    percent::encode,
    raw,
    template::{self, Path},
};

/// Answers a request with the one message of a unary call. `made` is the route to what
/// it made, `cookie` the method's, where the caller asks for it.
pub fn make(
    binding: &Binding,
    made: Option<&Binding>,
    request: &Parts,
    cookie: Option<&Cookie>,
    metadata: &MetadataMap,
    message: Bytes,
) -> Result<Response, Failure> {
    let rpc = &binding.rpc;
    let mut out = metadata::returned(metadata, rpc);
    if rpc.success == StatusCode::NO_CONTENT || rpc.output.full_name() == "google.protobuf.Empty" {
        if let Some(end) = cookie.and_then(|cookie| cookie.end(request)) {
            out.insert(header::SET_COOKIE, end);
        }
        return Ok((rpc.success, out).into_response());
    }
    let size = message.len();
    let mut message = decode(binding, message)?;
    if let Some(kept) = cookie.and_then(|cookie| cookie.keep(request, &mut message)) {
        out.insert(header::SET_COOKIE, kept);
    }
    let version = rpc.etag.as_ref().and_then(|etag| version(&message, etag));
    let base = Base::of(request);
    let named = made.is_some() || is_named(binding, request.uri.path(), &message);
    if let Some(path) = made.and_then(|made| path_to(made, &message)) {
        insert(&mut out, header::LOCATION, base.url(&path));
    }
    if let Some(next) = next_page(binding, request, &message) {
        insert(&mut out, header::LINK, format!("<{}>; rel=\"next\"", base.url(&next)));
    }
    if rpc.private || rpc.access_token.is_some() || rpc.cookie.is_some() {
        // RFC 6749, 5.1; and what is somebody's own is to be kept by nobody else, not even the disk of their browser.
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(own) = &rpc.own_urls {
        own.outward(&mut message, base);
    }
    let body = body(binding, &message, size, &mut out)?;
    drop(message);
    if let Some(version) = version {
        let counts_all = named && rpc.versions_all;
        let tag = etag::text(&version, (!counts_all).then_some(body.as_ref()));
        insert(&mut out, header::ETAG, format!("\"{tag}\""));
    }
    let holds = Holds(body.len());
    Ok((rpc.success, out, Extension(holds), body).into_response())
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// Where a thing is read that was made just now: the path of `route`, which reads such things, with its fields.
fn path_to(route: &Binding, thing: &DynamicMessage) -> Option<String> {
    route.template.fill(|index| {
        let [field] = route.variables.get(index)?.as_slice() else { return None };
        let value = thing.get_field_by_name(field.name())?;
        value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    })
}

/// The next page of a list (RFC 8288): the same request with the token that its answer has.
fn next_page(binding: &Binding, request: &Parts, page: &DynamicMessage) -> Option<String> {
    let token = page.get_field_by_name("next_page_token")?;
    let token = token.as_str().filter(|token| !token.is_empty() && !binding.mutates())?;
    let field = binding.rpc.input.get_field_by_name("page_token")?;
    let others = request.uri.query().unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !name.is_empty() && name != field.name() && name != field.json_name()
    });
    let token = format!("{}={}", field.json_name(), encode(token));
    let query: Vec<_> = others.chain([token.as_str()]).collect();
    Some(format!("{}?{}", request.uri.path(), query.join("&")))
}

/// Reads a message of the method's answer.
pub fn decode(binding: &Binding, message: Bytes) -> Result<DynamicMessage, Failure> {
    DynamicMessage::decode(binding.rpc.output.clone(), message).map_err(|error| {
        tracing::warn!(path = %binding.rpc.path, %error, "upstream answered with another message");
        Failure::internal()
    })
}

/// Writes the JSON of an answer, or of the field of it that is answered.
pub fn write(binding: &Binding, message: &DynamicMessage, out: &mut Vec<u8>) -> Result<(), Failure> {
    match &binding.response_body {
        Some(field) => json::encode_field(message, field, out),
        None => json::encode(message, out),
    }
    .map_err(|error| {
        tracing::warn!(path = %binding.rpc.path, %error, "an answer has no JSON");
        Failure::internal()
    })
}

/// The answer, or the field of it that is answered, where that is raw bytes.
pub fn raw_body(binding: &Binding, message: &DynamicMessage) -> Option<raw::Raw> {
    match &binding.response_body {
        None if raw::is(&binding.rpc.output) => Some(raw::get(message)),
        Some(field) if raw::is_field(field) => message.get_field(field).as_message().map(raw::get),
        _ => None,
    }
}

/// The body of an answer whose message had `size` bytes.
fn body(
    binding: &Binding,
    message: &DynamicMessage,
    size: usize,
    headers: &mut HeaderMap,
) -> Result<Bytes, Failure> {
    if let Some(raw) = raw_body(binding, message) {
        headers.insert(header::CONTENT_TYPE, media_type(&raw.content_type));
        return Ok(raw.data);
    }
    // Large answers are mostly text, which is as long in JSON: one allocation, and none of it unused while it waits for
    // a slow reader.
    let mut out = Vec::with_capacity(512 + size + size / 8);
    write(binding, message, &mut out)?;
    out.shrink_to_fit();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(out.into())
}

/// A header's value of the type that a service gives.
pub fn media_type(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// Whether a path names the very thing that is answered, by an id of its own: `me` is somebody else for
/// each caller.
fn is_named(binding: &Binding, path: &str, message: &DynamicMessage) -> bool {
    let Some(Path { segments, verb }) = template::split(path) else { return false };
    let pieces = || segments.iter().chain(verb.iter().map(|(before, _)| before));
    binding.variables.iter().filter_map(|variable| variable.last()).any(|field| {
        let own = message.get_field_by_name(field.name());
        let own = own.as_deref().and_then(Value::as_str).filter(|own| !own.is_empty());
        own.is_some_and(|own| pieces().any(|piece| piece.text == own))
    })
}

/// A message's etag, for its strong entity tag (RFC 9110); none where it is empty or cannot stand in one.
fn version(message: &DynamicMessage, field: &FieldDescriptor) -> Option<String> {
    let value = message.get_field(field);
    let etag = value.as_str().filter(|etag| !etag.is_empty() && !etag.contains('"'))?;
    etag.bytes().all(|byte| byte.is_ascii_graphic()).then(|| etag.to_owned())
}
