//! Makes a method's request of an HTTP one: path, query, body, and the headers that mean fields.

use axum::body::Body as HttpBody;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use http_body::Body as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Value};

use crate::{
    base::Base,
    binding::{Binding, Body},
    coding,
    error::Failure,
    etag::{self, Tag, Tags},
    fields::dotted,
    headers,
    json::{self, Bounds},
    mask, merge, multipart, proto, query, raw,
    slot::{excluded_by, get, slot},
    template::Piece,
};

/// A method's request, and what else the HTTP one said.
#[derive(Debug)]
pub struct Request {
    /// The message to send.
    pub message: DynamicMessage,
    /// The etags that a condition (`If-Match`) leaves to try, one after the other: each as the last.
    pub condition: Option<Condition>,
    /// Whether it is to be made only unless the version is one that `If-None-Match` lists.
    pub unless: bool,
    /// Whether it is bound to the version that was read for it, which its caller did not name.
    pub bound: bool,
}

/// What a condition means for the request's etag.
#[derive(Debug)]
pub struct Condition {
    path: Vec<FieldDescriptor>,
    /// One of them must be the version that there is; those still to be tried.
    versions: std::vec::IntoIter<String>,
    /// How many tags it lists.
    pub tags: usize,
}

impl Request {
    /// Sets the next version that the condition allows; false where there is none left.
    pub fn try_next_version(&mut self) -> bool {
        let Some(condition) = &mut self.condition else { return false };
        let Some(version) = condition.versions.next() else { return false };
        let Some((target, field)) = slot(&mut self.message, &condition.path) else { return false };
        target.set_field(field, Value::String(version));
        true
    }
}

/// Makes the request. `segments` are the path's, which the binding's template matches.
pub fn make(
    binding: &Binding,
    segments: &[Piece<'_>],
    parts: &Parts,
    body: &Bytes,
) -> Result<Request, Failure> {
    // Body, then path, then query: what is set already is what the next is compared with. A field in body and path
    // must be the same in both; one that the query would set again is refused.
    let (mut message, named) = of_body(binding, parts, body)?;
    for (variable, path) in binding.template.variables.iter().zip(&binding.variables) {
        set_variable(&mut message, path, &binding.template.value(variable, segments))?;
    }
    if let Some(query) = parts.uri.query() {
        query::apply(query, binding, &mut message)?;
    }
    if let Some(resume) = &binding.rpc.resume
        && let Some(id) = headers::single(&parts.headers, &headers::LAST_EVENT_ID)?
    {
        // A browser that reconnects repeats the query as it was: the header is newer.
        let value = json::from_text(&resume.kind(), id)
            .map_err(|description| Failure::field(resume.name(), format!("last-event-id: {description}")))?;
        message.set_field(resume, value);
    }
    if let Some(own) = &binding.rpc.own_urls {
        own.inward(&mut message, Base::of(parts));
    }
    let (condition, unless) = condition(binding, &parts.headers, &message)?;
    mask::fill(binding, &mut message, &named, body)?;
    let mut request = Request { message, condition, unless, bound: false };
    request.try_next_version();
    Ok(request)
}

/// Reads a body of at most so many bytes.
pub async fn read(body: HttpBody, limit: usize) -> Result<Bytes, Failure> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    // A length that is declared is judged before a byte is read; one that is not is counted as it comes.
    if body.size_hint().lower() > limit as u64 {
        return Err(Failure::too_large(limit));
    }
    // The declared length is not reserved: whoever declares much and sends nothing would hold it.
    let mut pieces = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| coding::broken(&error))?;
        if whole.len() + piece.len() > limit {
            return Err(Failure::too_large(limit));
        }
        // Copied, not collected: of a body in pieces of a byte each, every piece would keep what it was read into.
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// The request as far as the body makes it, and the numbers of the fields that the body names.
fn of_body(binding: &Binding, parts: &Parts, body: &Bytes) -> Result<(DynamicMessage, Vec<u32>), Failure> {
    let input = &binding.rpc.input;
    // In an update whose mask is given apart, what it leaves out need not keep to any rule: the service tells.
    let masked = binding.update_mask.is_some() && parts.uri.query().is_some();
    let bounds = if masked { &Bounds::default() } else { &*binding.rpc.bounds };
    let mut message = DynamicMessage::new(input.clone());
    if body.is_empty() && !binding.takes_http_body() {
        return Ok((message, Vec::new()));
    }
    match &binding.body {
        Body::None => Err(Failure::invalid("this method takes no body")),
        _ if binding.takes_http_body() => {
            let form = match &binding.rpc.method {
                // A stream hands on what comes as it is.
                method if method.is_client_streaming() => None,
                _ => multipart::read(&parts.headers, body)?,
            };
            let (body, query) = match form {
                Some(form) => (form.file, form.query),
                None => (raw::read(parts.headers.get(header::CONTENT_TYPE), body.clone()), String::new()),
            };
            if let Some(target) = binding.body.of(&mut message) {
                raw::set(target, body);
            }
            if !query.is_empty() && parts.uri.query().is_some() {
                return Err(Failure::invalid("a form that has other fields than its file takes no query"));
            }
            query::apply(&query, binding, &mut message)?;
            Ok((message, Vec::new()))
        }
        _ if proto::is(&parts.headers) => {
            let request = proto::request(binding, body)?;
            let message = DynamicMessage::decode(input.clone(), request.as_slice());
            Ok((message.map_err(|error| Failure::invalid(error.to_string()))?, Vec::new()))
        }
        Body::Whole => {
            let decoded = json::decode(input, body, bounds)?;
            Ok((decoded.value, decoded.named))
        }
        Body::Field(field) => {
            let decoded = json::decode_field(field, body, bounds)?;
            if let Some(value) = decoded.value {
                message.set_field(field, value);
            }
            Ok((message, decoded.named))
        }
    }
}

/// Bodies are JSON in UTF-8, or protobuf, and say so; `empty` ones need not.
pub fn check_type(binding: &Binding, headers: &HeaderMap, empty: bool) -> Result<(), Failure> {
    if empty || binding.body == Body::None || binding.takes_http_body() || proto::is(headers) {
        return Ok(());
    }
    // Parameters have no meaning for JSON (RFC 8259, 11), a charset's neither: it is UTF-8 or it cannot be read.
    let patch = binding.method == Method::PATCH;
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (Some(only), None)
            if merge::is(only, "application/json") || patch && merge::is(only, merge::MEDIA_TYPE) =>
        {
            Ok(())
        }
        _ if patch => {
            // RFC 5789, 2.2.
            let types = HeaderValue::from_static("application/json, application/merge-patch+json");
            let failure =
                Failure::unsupported_media_type("application/json` or `application/merge-patch+json");
            Err(failure.with(HeaderName::from_static("accept-patch"), types))
        }
        _ => Err(Failure::unsupported_media_type("application/json")),
    }
}

fn set_variable(
    message: &mut DynamicMessage,
    path: &[prost_reflect::FieldDescriptor],
    text: &str,
) -> Result<(), Failure> {
    let wrong = |description: &str| Failure::field(dotted(path), description);
    let in_body = get(message, path);
    if let Some(other) = excluded_by(message, path) {
        return Err(wrong(&format!("excludes `{}`", other.name())));
    }
    let (target, field) = slot(message, path).ok_or_else(|| wrong("cannot be set by the path"))?;
    let value = query::value(field, text).map_err(|description| wrong(&description))?;
    if in_body.is_some_and(|there| there != value) {
        return Err(wrong("contradicts the path"));
    }
    target.set_field(field, value);
    Ok(())
}

/// What `If-Match` and `If-None-Match` say of a change (RFC 9110, 13.2.2), and whether it depends on the version that
/// there is not being one of the latter's. Of what only reads, see [`crate::edge`].
fn condition(
    binding: &Binding,
    headers: &HeaderMap,
    message: &DynamicMessage,
) -> Result<(Option<Condition>, bool), Failure> {
    if !binding.mutates() {
        return Ok((None, false));
    }
    let read = |name| etag::condition(headers, name).map_err(Failure::invalid);
    let (versions, tags): (Vec<String>, _) = match (read(&header::IF_MATCH)?, read(&header::IF_NONE_MATCH)?) {
        // Nothing can be changed that is not there.
        (None | Some(Tags::Any), None) => return Ok((None, false)),
        (Some(Tags::Listed(tags)), None) => (tags.iter().flat_map(Tag::versions).collect(), tags.len()),
        // Only what is not there yet: a version that nothing has.
        (_, Some(Tags::Any)) => (vec!["*".to_owned()], 1),
        (None | Some(Tags::Any), Some(Tags::Listed(_))) if binding.if_match.is_some() => {
            return Ok((None, true));
        }
        (None | Some(Tags::Any), Some(Tags::Listed(_))) => (Vec::new(), 1),
        (Some(Tags::Listed(tags)), Some(Tags::Listed(others))) => {
            let excluded: Vec<String> = others.iter().flat_map(|tag| tag.strong().versions()).collect();
            let versions = tags.iter().flat_map(Tag::versions).filter(|it| !excluded.contains(it));
            (versions.collect(), tags.len())
        }
    };
    let Some(path) = &binding.if_match else {
        return Err(Failure::invalid("this method takes no condition"));
    };
    if versions.is_empty() {
        return Err(Failure::excluded());
    }
    let versions = match get(message, path) {
        Some(Value::String(there)) if versions.contains(&there) => vec![there],
        Some(_) => return Err(Failure::field(dotted(path), "contradicts the header `if-match`")),
        None => versions,
    };
    Ok((Some(Condition { path: path.clone(), versions: versions.into_iter(), tags }), false))
}
