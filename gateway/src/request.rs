//! Makes a method's request of an HTTP one: path, query, body, and the headers that mean fields.

use axum::body::Body as HttpBody;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use http_body::Body as _;
use prost_reflect::FieldDescriptor;

use crate::{
    base::Base,
    binding::{Binding, Body},
    coding,
    draft::{self, Draft},
    error::Failure,
    etag::{self, Tag, Tags},
    fields::dotted,
    headers, mask, merge, multipart, proto, query, raw,
    template::Piece,
    wire::{self, Raw},
};

/// A method's request, and what else the HTTP one said.
#[derive(Debug)]
pub struct Request {
    /// The message to send.
    pub message: Bytes,
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
        let path = condition.path.clone();
        self.set_text(&path, &version)
    }

    /// Whether a field is set.
    pub fn has(&self, path: &[FieldDescriptor]) -> bool {
        draft::get(&self.message, path).is_some()
    }

    /// Sets a text; false where no path leads to it.
    pub fn set_text(&mut self, path: &[FieldDescriptor], text: &str) -> bool {
        let mut draft = Draft::new(self.message.to_vec());
        let Some((target, field)) = draft.slot(path) else { return false };
        target.set_text(field, text);
        self.message = draft.finish().into();
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
    let (message, named) = of_body(binding, parts, body)?;
    let mut message = Draft::new(message);
    for (variable, path) in binding.template.variables.iter().zip(&binding.variables) {
        set_variable(binding, &mut message, path, &binding.template.value(variable, segments))?;
    }
    if let Some(query) = parts.uri.query() {
        query::apply(query, binding, &mut message)?;
    }
    if let Some(resume) = &binding.rpc.resume
        && let Some(id) = headers::single(&parts.headers, &headers::LAST_EVENT_ID)?
    {
        // A browser that reconnects repeats the query as it was: the header is newer.
        let value = binding.rpc.reader.tables().field_of_text(resume, id);
        let wrong =
            |description: String| Failure::field(resume.name(), format!("last-event-id: {description}"));
        message.set(resume, &value.map_err(wrong)?);
    }
    let (condition, unless) = condition(binding, &parts.headers, &message)?;
    mask::fill(binding, &mut message, &named, body)?;
    let mut message = message.finish();
    if let Some(own) = &binding.rpc.own_urls {
        message = own.inward(message, Base::of(parts));
    }
    let message = message.into();
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
fn of_body(binding: &Binding, parts: &Parts, body: &Bytes) -> Result<(Vec<u8>, Vec<u32>), Failure> {
    if body.is_empty() && !binding.takes_http_body() {
        return Ok((Vec::new(), Vec::new()));
    }
    // In an update whose mask is given apart, what it leaves out need not keep to any rule: the service tells.
    let masked = binding.update_mask.is_some() && parts.uri.query().is_some();
    let reader = &binding.rpc.reader;
    let reader = if masked { &reader.without_bounds() } else { reader };
    // Few messages are longer than their JSON; a raw body has its type beside it.
    let mut message = Vec::with_capacity(body.len() + 128);
    let named = match &binding.body {
        Body::None => return Err(Failure::invalid("this method takes no body")),
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
            match &binding.body {
                Body::Field(field) => {
                    wire::begin(field.number(), false, &mut message);
                    let from = message.len();
                    raw::encode(&body, &mut message);
                    wire::end(field.number(), false, from, &mut message);
                }
                _ => raw::encode(&body, &mut message),
            }
            if !query.is_empty() {
                if parts.uri.query().is_some() {
                    return Err(Failure::invalid(
                        "a form that has other fields than its file takes no query",
                    ));
                }
                let mut draft = Draft::new(message);
                query::apply(&query, binding, &mut draft)?;
                message = draft.finish();
            }
            Vec::new()
        }
        _ if proto::is(&parts.headers) => {
            message = proto::request(binding, body)?;
            Vec::new()
        }
        Body::Whole => reader.message(body, &mut message)?,
        Body::Field(field) => reader.field(field.number(), body, &mut message)?,
    };
    Ok((message, named))
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
    binding: &Binding,
    message: &mut Draft,
    path: &[FieldDescriptor],
    text: &str,
) -> Result<(), Failure> {
    let wrong = |description: &str| Failure::field(dotted(path), description);
    if let Some(other) = message.excluded_by(path) {
        return Err(wrong(&format!("excludes `{}`", other.name())));
    }
    let field = path.last().ok_or_else(|| wrong("cannot be set by the path"))?;
    let value =
        query::value(binding.rpc.reader.tables(), field, text).map_err(|description| wrong(&description))?;
    let of_path = wire::next(&mut value.as_slice(), wire::DEPTH).ok().flatten().map(|(_, raw)| raw);
    if message.get(path).is_some_and(|of_body| Some(of_body) != of_path) {
        return Err(wrong("contradicts the path"));
    }
    let (target, field) = message.slot(path).ok_or_else(|| wrong("cannot be set by the path"))?;
    target.set(field, &value);
    Ok(())
}

/// What `If-Match` and `If-None-Match` say of a change (RFC 9110, 13.2.2), and whether it depends on the version that
/// there is not being one of the latter's. Of what only reads, see [`crate::edge`].
fn condition(
    binding: &Binding,
    headers: &HeaderMap,
    message: &Draft,
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
    let versions = match message.get(path) {
        Some(Raw::Bytes(there)) if versions.iter().any(|version| version.as_bytes() == there) => {
            versions.into_iter().filter(|version| version.as_bytes() == there).take(1).collect()
        }
        Some(_) => return Err(Failure::field(dotted(path), "contradicts the header `if-match`")),
        None => versions,
    };
    Ok((Some(Condition { path: path.clone(), versions: versions.into_iter(), tags }), false))
}
