//! An error as it fits into headers. Its details travel in one (`grpc-status-details-bin`), and clients bound
//! the headers that they take: grpc-java 8 KiB in all, and what is longer ends the call with INTERNAL, its
//! reason lost. So what does not fit is left out, and the first ErrorInfo says how many details.

use http::HeaderMap;
use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;

use contracts::errors::{DOMAIN, Reason};

/// Bytes that message and details may have in headers.
pub const MOST: usize = 6_000;
/// The same for who asks for all of them.
pub const WHOLE: usize = 48 * 1024;
/// The longest message that is kept whole, in bytes as it is sent.
const LONGEST_MESSAGE: usize = 1_024;
/// Characters of a value that are kept where the first ErrorInfo alone is too much.
const VALUE: usize = 100;
/// The key of the first ErrorInfo's metadata that says how many details were left out.
pub const OMITTED: &str = "details_omitted";

/// Makes the error that is in headers or trailers fit; where it has no details it gets an ErrorInfo.
pub fn fit(headers: &mut HeaderMap, most: usize) {
    let code = headers
        .get(Status::GRPC_STATUS)
        .and_then(|code| code.to_str().ok())
        .and_then(|code| code.parse().ok());
    if code.is_none_or(|code: i32| code == 0) {
        return;
    }
    let length = |name| headers.get(name).map_or(0, |value| value.len());
    if headers.contains_key(Status::GRPC_STATUS_DETAILS)
        && length(Status::GRPC_MESSAGE) <= LONGEST_MESSAGE
        && length(Status::GRPC_MESSAGE) + length(Status::GRPC_STATUS_DETAILS) <= most
    {
        return;
    }
    let Some(status) = Status::from_header_map(headers) else { return };
    let fitted = fitted(&status, most);
    for name in [Status::GRPC_STATUS, Status::GRPC_MESSAGE, Status::GRPC_STATUS_DETAILS] {
        headers.remove(name);
    }
    // Made of valid parts, it can always be written.
    let _ = fitted.add_header(headers);
}

fn fitted(status: &Status, most: usize) -> Status {
    let message = shortened(status.message(), LONGEST_MESSAGE);
    let mut given = pb::Status::decode(status.details()).map(|given| given.details).unwrap_or_default();
    let mut code = status.code();
    if !given.iter().any(|detail| is(detail, "ErrorInfo")) {
        let reason = unexplained(code);
        if reason == Reason::RequestTooLarge {
            code = reason.code();
        }
        let info = pb::ErrorInfo { reason: reason.to_string(), domain: DOMAIN.into(), ..Default::default() };
        given.insert(0, packed("ErrorInfo", &info));
    }
    // Base64 makes four bytes of three, and the message is in there too.
    let room = (most.saturating_sub(escaped(&message)) / 4 * 3).saturating_sub(message.len() + 64);
    let details = chosen(given, room);
    let all = pb::Status { code: code as i32, message: message.clone(), details };
    Status::with_details(code, message, all.encode_to_vec().into())
}

/// The details that fit into so many bytes, the most telling first: one ErrorInfo, what is neither ErrorInfo
/// nor BadRequest (when to try again), then the others as they come.
fn chosen(given: Vec<Any>, room: usize) -> Vec<Any> {
    let (mut first, mut others, mut rest) = (None, Vec::new(), Vec::new());
    for detail in given {
        if is(&detail, "ErrorInfo") && first.is_none() {
            first = pb::ErrorInfo::decode(&*detail.value).ok();
        } else if is(&detail, "ErrorInfo") {
            rest.push(detail);
        } else if is(&detail, "BadRequest") {
            // Each bad field by itself, so that some may stay.
            let bad = pb::BadRequest::decode(&*detail.value).unwrap_or_default();
            rest.extend(
                bad.field_violations
                    .into_iter()
                    .map(|field| packed("BadRequest", &pb::BadRequest { field_violations: vec![field] })),
            );
        } else {
            others.push(detail);
        }
    }
    let mut first = first.unwrap_or_default();
    if first.encoded_len() > room / 2 {
        for value in first.metadata.values_mut() {
            *value = shortened(value, VALUE);
        }
    }
    let taken = |detail: &Any| detail.encoded_len() + 4;
    // The count that may come into it takes some too.
    let mut left = room.saturating_sub(first.encoded_len() + 64 + OMITTED.len());
    let mut omitted = 0;
    let mut keep = |detail: &Any| {
        let fits = taken(detail) <= left;
        left = left.saturating_sub(if fits { taken(detail) } else { 0 });
        omitted += usize::from(!fits);
        fits
    };
    others.retain(&mut keep);
    rest.retain(&mut keep);
    if omitted > 0 {
        first.metadata.insert(OMITTED.to_owned(), omitted.to_string());
    }
    let (infos, bad): (Vec<Any>, Vec<Any>) = rest.into_iter().partition(|detail| is(detail, "ErrorInfo"));
    let fields = bad.iter().filter_map(|bad| pb::BadRequest::decode(&*bad.value).ok());
    let fields: Vec<_> = fields.flat_map(|bad| bad.field_violations).collect();
    let mut details = vec![packed("ErrorInfo", &first)];
    details.extend(infos);
    if !fields.is_empty() {
        details.push(packed("BadRequest", &pb::BadRequest { field_violations: fields }));
    }
    details.extend(others);
    details
}

/// The reason of an error without an ErrorInfo. Such errors are tonic's own: what services refuse has one. With these
/// two codes tonic refuses messages that are too large, as they come and once they are decompressed.
fn unexplained(code: Code) -> Reason {
    match code {
        Code::OutOfRange | Code::ResourceExhausted => Reason::RequestTooLarge,
        code => Reason::of(code),
    }
}

fn is(detail: &Any, name: &str) -> bool {
    detail.type_url.strip_suffix(name).is_some_and(|rest| rest.ends_with("/google.rpc."))
}

fn packed(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/google.rpc.{name}"), value: message.encode_to_vec() }
}

/// How long a text is in a header: what is not visible ASCII takes three bytes for one.
fn escaped(text: &str) -> usize {
    text.bytes().map(|byte| if (b' '..=b'~').contains(&byte) && byte != b'%' { 1 } else { 3 }).sum()
}

/// The beginning of a text that takes at most so many bytes in a header.
fn shortened(text: &str, most: usize) -> String {
    if escaped(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut left = most.saturating_sub(escaped("…"));
    for character in text.chars() {
        let takes = escaped(character.encode_utf8(&mut [0; 4]));
        if takes > left {
            break;
        }
        left -= takes;
        kept.push(character);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::Fault;

    fn headers(status: &Status) -> HeaderMap {
        let mut headers = HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        headers
    }

    fn size(headers: &HeaderMap) -> usize {
        [Status::GRPC_MESSAGE, Status::GRPC_STATUS_DETAILS]
            .iter()
            .map(|name| headers.get(name).map_or(0, |value| value.len()))
            .sum()
    }

    fn short_of(count: usize) -> Status {
        let mut fault = Fault::new(Reason::OutOfStock, "nicht genügend auf Lager ✗");
        fault.metadata = (0..count)
            .map(|at| {
                HashMap::from([
                    ("article_id".to_owned(), format!("art_{at:026}")),
                    ("free".to_owned(), at.to_string()),
                ])
            })
            .collect();
        fault.fields = (0..count).map(|at| (format!("lines[{at}]"), "is wrong".to_owned())).collect();
        fault.retry_after = Some(std::time::Duration::from_secs(1));
        fault.into()
    }

    #[test]
    fn whatever_there_is_fits_and_what_is_missing_is_counted() {
        for count in [1, 20, 35, 100] {
            for most in [MOST, WHOLE] {
                let mut fitted = headers(&short_of(count));
                fit(&mut fitted, most);
                assert!(size(&fitted) <= most, "{count}: {}", size(&fitted));
                let fault = Fault::of(&Status::from_header_map(&fitted).unwrap());
                let omitted = fault.value(OMITTED).map_or(0, |count| count.parse::<usize>().unwrap());
                assert_eq!(fault.metadata.len() + fault.fields.len() + omitted, 2 * count, "{count} {most}");
                assert!(fault.retry_after.is_some());
                assert_eq!(omitted > 0, count >= 35 && most == MOST, "{count}");
            }
        }
    }

    #[test]
    fn a_long_message_and_a_huge_first_detail_are_cut() {
        let long = "ж%\n".repeat(5_000);
        let status = Status::from(Fault::new(Reason::IllegalState, &*long).with("state", &long));
        let mut fitted = headers(&status);
        fit(&mut fitted, MOST);
        assert!(size(&fitted) <= MOST, "{}", size(&fitted));
        assert_eq!(Fault::of(&Status::from_header_map(&fitted).unwrap()).reason.as_str(), "ILLEGAL_STATE");
    }

    #[test]
    fn what_has_no_details_gets_a_reason() {
        for (status, code, reason) in [
            (Status::unimplemented(""), Code::Unimplemented, Reason::Unimplemented),
            (Status::out_of_range("x"), Code::ResourceExhausted, Reason::RequestTooLarge),
            (Status::resource_exhausted("x"), Code::ResourceExhausted, Reason::RequestTooLarge),
            (Status::internal("x"), Code::Internal, Reason::Internal),
        ] {
            let mut fitted = headers(&status);
            fit(&mut fitted, MOST);
            let fault = Fault::of(&Status::from_header_map(&fitted).unwrap());
            assert_eq!((fault.code, fault.reason), (code, reason));
        }
        let mut fine = headers(&Status::ok(""));
        fit(&mut fine, MOST);
        assert!(!fine.contains_key(Status::GRPC_STATUS_DETAILS));
    }
}
