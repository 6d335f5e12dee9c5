//! The handshake of a WebSocket (RFC 6455, 4.2).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::errors::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header, request::Parts};

use crate::{base::Base, error::Failure, headers::single};

/// What is hashed behind the key of a client, so that no server of another protocol answers as this one does.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The version of RFC 6455, and the only one.
const VERSION: &str = "13";
/// Answers as JSON in text frames, or as protobuf in binary ones.
const JSON: &str = "json";
const PROTO: &str = "proto";
/// Says that the next protocol is an access token, for browsers, which can send no header of their own.
const BEARER: &str = "bearer";

/// A handshake that is as it should be.
pub struct Handshake {
    accept: String,
    protocol: Option<&'static str>,
    /// Whether answers are to be protobuf.
    pub binary: bool,
    /// The value of `Authorization` that the protocols say.
    pub token: Option<HeaderValue>,
}

/// Whether a request asks for a WebSocket.
pub fn is_asked(parts: &Parts) -> bool {
    parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && values(&parts.headers, &header::UPGRADE).any(|it| it.eq_ignore_ascii_case("websocket"))
        && values(&parts.headers, &header::CONNECTION).any(|it| it.eq_ignore_ascii_case("upgrade"))
}

/// The values of a header that is a list; what is not ASCII is none.
fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|value| !value.is_empty())
}

impl Handshake {
    /// Reads it. `origins` are those of elsewhere whose pages may call, as CORS has it.
    pub fn read(parts: &Parts, origins: &[HeaderValue]) -> Result<Self, Failure> {
        let headers = &parts.headers;
        if single(headers, &header::SEC_WEBSOCKET_VERSION)? != Some(VERSION) {
            let failure = Failure::invalid("`sec-websocket-version` must be 13");
            return Err(failure.with(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION)));
        }
        let key = single(headers, &header::SEC_WEBSOCKET_KEY)?.unwrap_or_default().trim();
        if !BASE64_STANDARD.decode(key).is_ok_and(|key| key.len() == 16) {
            return Err(Failure::invalid("`sec-websocket-key` must be 16 bytes in base64"));
        }
        if !is_welcome(parts, origins) {
            let message = "pages of this origin may open no WebSockets here";
            return Err(Failure::new(Reason::PermissionDenied, message));
        }
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
        let accept = BASE64_STANDARD.encode(hash);
        let mut read = Self { accept, protocol: None, binary: false, token: None };
        read.protocols(headers)?;
        Ok(read)
    }

    /// Reads `Sec-WebSocket-Protocol`. Who offers some must be answered with one, and never with a token.
    fn protocols(&mut self, headers: &HeaderMap) -> Result<(), Failure> {
        let mut offered = values(headers, &header::SEC_WEBSOCKET_PROTOCOL);
        let (mut any, mut kind) = (false, None);
        while let Some(name) = offered.next() {
            any = true;
            match name {
                JSON => _ = kind.get_or_insert(JSON),
                PROTO => _ = kind.get_or_insert(PROTO),
                BEARER => {
                    let token =
                        offered.next().ok_or_else(|| Failure::invalid("behind `bearer` comes a token"))?;
                    if self.token.is_some() || headers.contains_key(header::AUTHORIZATION) {
                        return Err(Failure::invalid("a token is given more than once"));
                    }
                    let mut token = HeaderValue::try_from(format!("Bearer {token}"))
                        .map_err(|_| Failure::invalid("behind `bearer` comes a token"))?;
                    token.set_sensitive(true);
                    self.token = Some(token);
                }
                _ => {}
            }
        }
        self.binary = kind == Some(PROTO);
        self.protocol = kind.or(self.token.as_ref().map(|_| BEARER));
        match self.protocol {
            None if any => {
                Err(Failure::invalid("the WebSocket protocols here are `json`, `proto` and `bearer`"))
            }
            _ => Ok(()),
        }
    }

    /// The headers of its answer.
    pub fn answer(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers
            .extend(HeaderValue::try_from(&self.accept).map(|accept| (header::SEC_WEBSOCKET_ACCEPT, accept)));
        if let Some(protocol) = self.protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        headers
    }
}

/// Whether whoever asks is no page of elsewhere's. Browsers ask servers by WebSockets without CORS, and leave it to them
/// whom they answer.
fn is_welcome(parts: &Parts, origins: &[HeaderValue]) -> bool {
    let Some(origin) = parts.headers.get(header::ORIGIN) else { return true };
    if origins.iter().any(|allowed| allowed == "*" || allowed == origin) {
        return true;
    }
    let Ok(origin) = origin.to_str() else { return false };
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    Base::of(parts).origin() == Some(origin)
        || origin
            .split_once("://")
            .is_some_and(|(_, of)| host.is_some_and(|host| host.eq_ignore_ascii_case(of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &'static str)]) -> Result<Handshake, Failure> {
        let usual = [
            ("host", "shop.example"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut request = http::Request::builder();
        let left = usual.iter().filter(|(name, _)| headers.iter().all(|(other, _)| other != name));
        for (name, value) in left.chain(headers) {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Handshake::read(&parts, &[HeaderValue::from_static("https://app.example")])
    }

    #[test]
    fn the_answer_is_that_of_the_standards_example() {
        let answer = read(&[]).unwrap().answer();
        assert_eq!(answer["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!answer.contains_key("sec-websocket-protocol"));
    }

    #[test]
    fn a_token_comes_by_the_protocols_and_never_goes_back() {
        let protocols = |text| read(&[("sec-websocket-protocol", text)]);
        for (offered, chosen, token, binary) in [
            ("json", "json", None, false),
            ("proto, json", "proto", None, true),
            ("bearer, a.b-c_d", "bearer", Some("Bearer a.b-c_d"), false),
            ("json,bearer,json", "json", Some("Bearer json"), false),
            ("bearer, t, other, proto", "proto", Some("Bearer t"), true),
        ] {
            let read = protocols(offered).unwrap();
            assert_eq!(read.answer()["sec-websocket-protocol"], chosen, "{offered}");
            let token: Option<HeaderValue> = token.map(HeaderValue::from_static);
            assert_eq!((read.token.clone(), read.binary), (token, binary), "{offered}");
        }
        for wrong in ["graphql-ws", "bearer", "json, bearer", "bearer, a, bearer, b"] {
            assert!(protocols(wrong).is_err(), "{wrong}");
        }
        assert!(read(&[("sec-websocket-protocol", "bearer, a"), ("authorization", "Bearer b")]).is_err());
    }

    #[test]
    fn pages_of_elsewhere_are_those_that_cors_lets_in() {
        let from = |origin| read(&[("origin", origin)]).is_ok();
        assert!(from("https://app.example") && from("https://shop.example") && from("http://Shop.example"));
        for other in ["https://evil.example", "https://shop.example.evil.example", "null", "", "https://"] {
            assert!(!from(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_handshake_is_refused() {
        let old = read(&[("sec-websocket-version", "8")]).err().unwrap();
        let (parts, _) = old.response(&crate::json::Tables::default()).into_parts();
        assert_eq!(
            (parts.status.as_u16(), &parts.headers["sec-websocket-version"]),
            (400, &HeaderValue::from_static("13"))
        );
        for key in ["", "dGhlIHNhbXBsZQ==", "not base64"] {
            assert!(read(&[("sec-websocket-key", key)]).is_err(), "{key}");
        }
    }
}
