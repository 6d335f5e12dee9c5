//! Makes an HTTP answer of a method's.

use axum::{
    Extension,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use kit::listen::Holds;
use prost_reflect::FieldDescriptor;
use tonic::metadata::MetadataMap;

use crate::{
    base::Base,
    binding::Binding,
    cookie::Cookie,
    error::Failure,
    etag,
    json::{Style, Writer},
    metadata, own_urls,
    percent::encode,
    proto::{self, Wanted},
    raw,
    rpc::Rpc,
    template::{self, Path},
    wire,
};

/// Answers a request with the one message of a unary call. `made` is the route to what
/// it made, `cookie` the method's, where the caller asks for it.
pub fn make(
    binding: &Binding,
    made: Option<&Binding>,
    request: &Parts,
    cookie: Option<&Cookie>,
    metadata: &MetadataMap,
    mut message: Bytes,
) -> Result<Response, Failure> {
    let rpc = &binding.rpc;
    let mut out = metadata::returned(metadata, rpc);
    if rpc.success == StatusCode::NO_CONTENT || rpc.output.full_name() == "google.protobuf.Empty" {
        if let Some(end) = cookie.and_then(|cookie| cookie.end(request)) {
            out.insert(header::SET_COOKIE, end);
        }
        return Ok((rpc.success, out).into_response());
    }
    if let Some(cookie) = cookie {
        let kept = cookie.keep(request, &mut message).map_err(|error| unreadable(&binding.rpc, error))?;
        out.extend(kept.map(|kept| (header::SET_COOKIE, kept)));
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
    let binary = proto::wanted(&request.headers) != Wanted::Less;
    let body = body(binding, message, (base, binary), &mut out)?;
    if let Some(version) = version {
        // Of two answers of one version at least one must have a tag of its own: another format, or another style.
        let counts_all = named && rpc.versions_all && !binary && rpc.tables.style() == Style::default();
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
fn path_to(route: &Binding, thing: &[u8]) -> Option<String> {
    route.template.fill(|index| {
        let [field] = route.variables.get(index)?.as_slice() else { return None };
        // It is of the type that the route answers with.
        let own = route.rpc.output.get_field_by_name(field.name())?;
        wire::text(thing, &own).map(str::to_owned)
    })
}

/// The next page of a list (RFC 8288): the same request with the token that its answer has.
fn next_page(binding: &Binding, request: &Parts, page: &[u8]) -> Option<String> {
    let token = binding.rpc.output.get_field_by_name("next_page_token").filter(|_| !binding.mutates())?;
    let token = wire::text(page, &token)?;
    let field = binding.rpc.input.get_field_by_name("page_token")?;
    let others = request.uri.query().unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !name.is_empty() && name != field.name() && name != field.json_name()
    });
    let token = format!("{}={}", field.json_name(), encode(token));
    let query: Vec<_> = others.chain([token.as_str()]).collect();
    Some(format!("{}?{}", request.uri.path(), query.join("&")))
}

/// Writes the JSON of an answer, or of the field of it that is answered.
pub fn write(binding: &Binding, message: &[u8], base: &Base, out: &mut Vec<u8>) -> Result<(), Failure> {
    write_by(&binding.rpc.writer, binding, message, base, out)
}

/// The same as proto3 JSON, in whatever style it is answered.
pub fn canonical(binding: &Binding, message: &[u8], base: &Base) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(512 + message.len());
    write_by(&binding.rpc.canonical, binding, message, base, &mut out)?;
    Ok(out)
}

fn write_by(
    writer: &Writer,
    binding: &Binding,
    message: &[u8],
    base: &Base,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let own_url = |url: &str| own_urls::outward(url, base);
    match &binding.response_body {
        Some(field) => writer.field(field.number(), message, Some(&own_url), out),
        None => writer.message(message, Some(&own_url), out),
    }
    .map_err(|error| unreadable(&binding.rpc, error))
}

/// The failure that an answer is which cannot be answered.
pub fn unreadable(rpc: &Rpc, error: impl std::fmt::Display) -> Failure {
    tracing::warn!(path = %rpc.path, %error, "an answer has no JSON");
    Failure::internal()
}

/// The answer, or the field of it that is answered, where that is raw bytes.
pub fn raw_body(binding: &Binding, message: &Bytes) -> Option<Result<raw::Raw, Failure>> {
    let raw = match &binding.response_body {
        None if raw::is(&binding.rpc.output) => raw::get(message),
        Some(field) if raw::is_field(field) => raw::get_field(message, field),
        _ => return None,
    };
    Some(raw.map_err(|error| unreadable(&binding.rpc, error)))
}

/// The body of an answer, which is `binary` for who wants protobuf.
fn body(
    binding: &Binding,
    message: Bytes,
    (base, binary): (&Base, bool),
    headers: &mut HeaderMap,
) -> Result<Bytes, Failure> {
    if let Some(raw) = raw_body(binding, &message) {
        let raw = raw?;
        headers.insert(header::CONTENT_TYPE, media_type(&raw.content_type));
        return Ok(raw.data);
    }
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    if binary {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(proto::MEDIA_TYPE));
        return proto::answer(binding, &message).map_err(|error| unreadable(&binding.rpc, error));
    }
    // Large answers are mostly text, which is as long in JSON: one allocation, and none of it unused while it waits for
    // a slow reader.
    let mut out = Vec::with_capacity(512 + message.len() + message.len() / 8);
    write(binding, &message, base, &mut out)?;
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
fn is_named(binding: &Binding, path: &str, message: &[u8]) -> bool {
    let Some(Path { segments, verb }) = template::split(path) else { return false };
    let pieces = || segments.iter().chain(verb.iter().map(|(before, _)| before));
    binding.variables.iter().filter_map(|variable| variable.last()).any(|field| {
        let own = binding.rpc.output.get_field_by_name(field.name());
        let own = own.and_then(|own| wire::text(message, &own)).filter(|own| !own.is_empty());
        own.is_some_and(|own| pieces().any(|piece| piece.text == own))
    })
}

/// A message's etag, for its strong entity tag (RFC 9110); none where it is empty or cannot stand in one.
fn version(message: &[u8], field: &FieldDescriptor) -> Option<String> {
    let etag = wire::text(message, field).filter(|etag| !etag.contains('"'))?;
    etag.bytes().all(|byte| byte.is_ascii_graphic()).then(|| etag.to_owned())
}
