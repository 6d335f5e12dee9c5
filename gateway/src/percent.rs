//! Percent encoding (RFC 3986), and queries.

use std::borrow::Cow;

use crate::error::Failure;

/// Decodes percent encodings (RFC 3986); `None` where one is broken or the result is not UTF-8.
pub fn decode(text: &str) -> Option<Cow<'_, str>> {
    decode_but(None, text)
}

/// The same, but that an encoded slash stays as it was sent.
pub fn decode_but_slashes(text: &str) -> Option<Cow<'_, str>> {
    decode_but(Some(b'/'), text)
}

fn decode_but(kept: Option<u8>, text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    String::from_utf8(bytes_but(kept, text)?).ok().map(Cow::Owned)
}

/// What `application/x-www-form-urlencoded` has of a value that may be any bytes; `None` where an encoding is broken.
pub fn form_bytes(text: &str) -> Option<Vec<u8>> {
    bytes_but(None, &text.replace('+', " "))
}

fn bytes_but(kept: Option<u8>, text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (high, low) = (bytes.next()?, bytes.next()?);
        match hex(high)? << 4 | hex(low)? {
            byte if kept == Some(byte) => out.extend([b'%', high, low]),
            byte => out.push(byte),
        }
    }
    Some(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent-encodes all that may not stand in a segment as it is.
pub fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The parameters of a query in its order, decoded.
pub fn pairs(query: &str) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), Failure>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        unescape(name)
            .zip(unescape(text))
            .ok_or_else(|| Failure::invalid("the query has a broken percent encoding"))
    })
}

/// Decodes `application/x-www-form-urlencoded`.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('+') {
        return decode(text);
    }
    decode(&text.replace('+', " ")).map(|text| Cow::Owned(text.into_owned()))
}
