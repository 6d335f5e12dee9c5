//! The thing that a change is about, as it is now. Some changes depend on it: merge patches, and those that
//! `If-None-Match` allows for all versions but some. It is read as its path is read, with the caller's rights.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, header, request::Parts};
use tokio::time::Instant;
use tonic::Code;

use super::{Edge, deadline::within};
use crate::{
    answer,
    base::Base,
    binding::Binding,
    call,
    error::Failure,
    etag::{self, Tags},
    merge::Patch,
    metadata,
    request::{self, Request},
    routes::Found,
    template::Piece,
};

/// Headers of a change that say nothing of reading what it changes.
const OF_CHANGES: [HeaderName; 9] = [
    header::ACCEPT,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::TRANSFER_ENCODING,
    HeaderName::from_static(kit::headers::IDEMPOTENCY_KEY),
];

/// A thing as it is now.
struct Current {
    /// The full name of its type.
    kind: String,
    tag: HeaderValue,
    json: Vec<u8>,
}

impl Edge {
    /// Makes a request one that fits what is there now, or refuses it for that. Where it is bound to the version that
    /// was read, it may be made anew when there is another.
    ///
    /// Not with an idempotency key: a repeated call must be the same request, and what it finds is another version.
    /// Patching twice is the same as once, so a repeat comes out the same.
    pub async fn fit(
        &self,
        binding: &Binding,
        segments: &[Piece<'_>],
        parts: &Parts,
        patch: Option<&Patch<'_>>,
        request: &mut Request,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let Some(current) = self.current(parts, deadline).await? else {
            // The service says why there is nothing to be seen.
            return Ok(());
        };
        if request.unless && etag::is_excluded(&parts.headers, &current.tag) {
            return Err(Failure::excluded());
        }
        // Between this read and the change somebody else may change the thing. Bound to the version that was read,
        // the change is refused then, and made anew of what is there.
        let bind = !parts.headers.contains_key(kit::headers::IDEMPOTENCY_KEY);
        if let Some(patch) = patch.filter(|patch| patch.resource() == current.kind) {
            let wanted = etag::condition(&parts.headers, &header::IF_MATCH).map_err(Failure::invalid)?;
            if let Some(Tags::Listed(_)) = &wanted
                && bind
                && !wanted.is_some_and(|wanted| etag::is_wanted(&wanted, Some(&current.tag)))
            {
                return Err(Failure::not_wanted());
            }
            *request = request::make(binding, segments, parts, &patch.onto(&current.json))?;
        }
        let Some(path) = binding.if_match.as_ref().filter(|_| bind) else { return Ok(()) };
        if request.condition.is_none() && !request.bound && request.has(path) {
            // The body names the version that it is about.
            return Ok(());
        }
        if let Some(version) = etag::version(&current.tag)
            && request.set_text(path, &version)
        {
            request.condition = None;
            request.bound = true;
        }
        Ok(())
    }

    /// Reads what is at the path of a change, or before its verb; nothing where the caller sees nothing there.
    async fn current(&self, change: &Parts, deadline: Instant) -> Result<Option<Current>, Failure> {
        let path = change.uri.path();
        let without_verb = path.rfind(':').filter(|colon| !path[*colon..].contains('/'));
        let paths = [Some(path), without_verb.map(|colon| &path[..colon])];
        let found = paths.into_iter().flatten().find_map(|path| match self.routes.find(&Method::GET, path) {
            Found::Route(reader, segments) if reader.rpc.etag.is_some() => Some((path, reader, segments)),
            _ => None,
        });
        let Some((path, reader, segments)) = found else { return Ok(None) };
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.uri = path.parse::<Uri>().map_err(|_| Failure::not_found())?;
        parts.extensions = change.extensions.clone();
        parts.headers = change.headers.clone();
        for name in OF_CHANGES {
            parts.headers.remove(name);
        }
        let request = request::make(reader, &segments, &parts, &Bytes::new())?;
        let left = deadline.saturating_duration_since(Instant::now());
        let metadata = metadata::of(&parts, &reader.rpc, Some(left))?;
        let calling = call::unary(&reader.rpc, metadata, request.message);
        let (metadata, message) = match within(deadline, calling).await? {
            Ok(response) => {
                let (metadata, message, _) = response.into_parts();
                (metadata, message)
            }
            Err(status) => {
                // Whether a caller who may not read may change is the service's to say, in the answer to the
                // change.
                let unseen =
                    [Code::InvalidArgument, Code::NotFound, Code::PermissionDenied, Code::Unauthenticated];
                return if unseen.contains(&status.code()) {
                    Ok(None)
                } else {
                    Err(Failure::from_status(&status, &reader.rpc.service))
                };
            }
        };
        let json = answer::canonical(reader, &message, Base::of(&parts))?;
        let answer = answer::make(reader, None, &parts, None, &metadata, message)?;
        let Some(tag) = answer.headers().get(header::ETAG).cloned() else { return Ok(None) };
        Ok(Some(Current { kind: reader.rpc.output.full_name().to_owned(), tag, json }))
    }
}
