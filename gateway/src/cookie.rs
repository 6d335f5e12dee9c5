//! Secrets that a browser keeps as cookies, out of reach of its scripts (`feira.http.v1.Cookie`).
//!
//! Only for callers that ask by [`ASKED`]: a page of another site can send no such header (a form never, a
//! script not without being let in by CORS, which does not list it), so a cookie is never used behind its
//! owner's back.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts, uri::Authority};
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor};
use tonic::Code;

use crate::{
    annotation,
    base::Base,
    error::Failure,
    fields::is_text,
    headers::{FORWARDED_PROTO, single},
    wire::{self, Malformed},
};

/// The header by which a caller asks for cookies; its value is `1`.
pub static ASKED: HeaderName = HeaderName::from_static("x-feira-cookies");

/// What a method does with a cookie.
#[derive(Debug, Clone)]
pub struct Cookie {
    name: String,
    path: String,
    max_age: i32,
    /// The field of the request that it fills.
    taken: Option<FieldDescriptor>,
    /// The field of the answer that it is set from.
    given: Option<FieldDescriptor>,
}

impl Cookie {
    /// Reads the option of a method with these messages. The error says what is wrong with it.
    pub fn new(
        option: &DynamicMessage,
        input: &MessageDescriptor,
        output: &MessageDescriptor,
    ) -> Result<Self, String> {
        let name = annotation::text(option, "name");
        let path = annotation::text(option, "path");
        let field = annotation::text(option, "field");
        let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || !name.bytes().all(token) {
            return Err(format!("`{name}` is no name for a cookie"));
        }
        if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';') {
            return Err(format!("`{path}` is no path for a cookie"));
        }
        let text = |message: &MessageDescriptor| match message.get_field_by_name(&field) {
            Some(field) if !is_text(&field) => Err(format!("`{}` is no text for a cookie", field.name())),
            field => Ok(field),
        };
        let max_age = annotation::set(option, "max_age_seconds").and_then(|value| value.as_i32());
        Ok(Self {
            name,
            path,
            max_age: max_age.unwrap_or_default(),
            taken: text(input)?,
            given: text(output)?,
        })
    }

    /// Fills the request's field, where the caller left it empty.
    pub fn fill(&self, headers: &HeaderMap, message: &mut Bytes) {
        // The body goes first: a program that sends a token means that one, whatever cookies come along.
        if let Some(field) = &self.taken
            && let Ok(None) = wire::last(message, field.number())
            && let Some(value) = self.sent(headers)
        {
            let mut filled = message.to_vec();
            wire::put(field.number(), wire::Raw::Bytes(value.as_bytes()), &mut filled);
            *message = filled.into();
        }
    }

    /// The cookie of a good answer, whose field is left empty.
    pub fn keep(&self, request: &Parts, answer: &mut Bytes) -> Result<Option<HeaderValue>, Malformed> {
        let Some(field) = &self.given else { return Ok(self.end(request)) };
        let value = wire::text(answer, field).unwrap_or_default().to_owned();
        // Out of the body whatever becomes of it: what a script can read there is no secret kept from scripts.
        *answer = wire::without(answer, field.number())?;
        let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\');
        let cookie = (!value.is_empty() && value.bytes().all(fits)).then_some(value);
        Ok(cookie.and_then(|value| self.header(&value, self.max_age, request)))
    }

    /// The cookie's end after a good answer that has no field for it.
    pub fn end(&self, request: &Parts) -> Option<HeaderValue> {
        (self.taken.is_none() && self.given.is_none()).then(|| self.header("", 0, request))?
    }

    /// The cookie's end after a refusal.
    pub fn refused(&self, code: Code, request: &Parts) -> Option<HeaderValue> {
        // A sign-in that is refused says nothing of the session whose cookie came along, so it does not end that.
        let only_given = self.taken.is_none() && self.given.is_some();
        (code == Code::Unauthenticated && !only_given).then(|| self.header("", 0, request))?
    }

    /// What the browser sent.
    fn sent<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let lists = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut values = lists
            .flat_map(|list| list.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter_map(|(name, value)| (name == self.name).then_some(value));
        let first = values.next().filter(|value| !value.is_empty())?;
        // Of two, one is somebody else's: a host below the same domain can plant one, and which comes first is for its path
        // and age to decide (RFC 6265, 5.4). Signing in again is better than going on as that one's user.
        values.all(|other| other == first).then_some(first)
    }

    fn header(&self, value: &str, max_age: i32, request: &Parts) -> Option<HeaderValue> {
        let Self { name, path, .. } = self;
        let secure = if on_this_machine(request) { "" } else { "; Secure" };
        let path = Base::of(request).path(path);
        let text =
            // Without `Domain`, for this host alone (RFC 6265, 5.3). Strict: no link or form of another site brings
            // it along.
            format!("{name}={value}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::try_from(text).ok()
    }
}

/// Whether a caller asks for cookies.
pub fn asked(headers: &HeaderMap) -> Result<bool, Failure> {
    match single(headers, &ASKED)? {
        None => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(Failure::invalid(format!("the header `{ASKED}` must be `1`"))),
    }
}

/// Whether the browser reaches the edge on its own machine and without TLS: only then may the cookie travel
/// in the clear. TLS may end before the edge, which therefore cannot know it by the connection; a name that
/// is not the machine's own always counts as TLS, and a browser there does not keep the cookie without it.
fn on_this_machine(request: &Parts) -> bool {
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    let host: Option<Authority> = host.or_else(|| request.uri.authority().cloned());
    let Some(host) = host else { return false };
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    let own = name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    own && !Base::of(request).is_https()
        && request.headers.get(FORWARDED_PROTO).is_none_or(|proto| proto != "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(host: &str, proto: Option<&str>) -> bool {
        let mut request = http::Request::builder().header("host", host);
        if let Some(proto) = proto {
            request = request.header(FORWARDED_PROTO, proto);
        }
        on_this_machine(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn of_two_cookies_that_differ_none_is_taken() {
        let pool = contracts::pool();
        let method = pool.get_service_by_name("feira.user.v1.AuthService").unwrap();
        let method = method.methods().find(|method| method.name() == "Refresh").unwrap();
        let cookie = Cookie {
            name: "t".to_owned(),
            path: "/".to_owned(),
            max_age: 1,
            taken: method.input().get_field_by_name("refresh_token"),
            given: None,
        };
        for (sent, taken) in [
            (vec!["t=a"], Some("a")),
            (vec!["x=1; t=a; t=a"], Some("a")),
            (vec!["t=a; t=b"], None),
            (vec!["t=a", "t=b"], None),
            (vec!["t=; t=b"], None),
            (vec!["x=1"], None),
        ] {
            let mut headers = HeaderMap::new();
            for list in &sent {
                headers.append(header::COOKIE, list.parse().unwrap());
            }
            assert_eq!(cookie.sent(&headers), taken, "{sent:?}");
        }
    }

    #[test]
    fn only_this_machine_does_without_tls() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "shop.localhost"] {
            assert!(plain(host, None), "{host}");
            assert!(plain(host, Some("http")), "{host}");
            assert!(!plain(host, Some("https")), "{host}");
        }
        for host in ["shop.example", "192.168.0.2:8080", "localhost.example", "127.0.0.1.example", "", "["] {
            assert!(!plain(host, None), "{host}");
        }
    }
}
