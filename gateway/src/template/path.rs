//! Paths of requests, by their segments.

use std::borrow::Cow;

use crate::percent::{decode, decode_but_slashes};

/// A request's path.
#[derive(Debug)]
pub struct Path<'p> {
    /// Its segments.
    pub segments: Vec<Piece<'p>>,
    /// Where the last one has an unescaped `:`: what stands before the last such, and behind it. That is a verb where a
    /// route has one of this name, and else no more than a part of the segment.
    pub verb: Option<(Piece<'p>, Cow<'p, str>)>,
}

/// One segment of a path.
#[derive(Debug, Clone)]
pub struct Piece<'p> {
    /// As it was sent.
    raw: &'p str,
    /// Decoded.
    pub text: Cow<'p, str>,
}

impl<'p> Piece<'p> {
    fn of(raw: &'p str) -> Option<Self> {
        Some(Self { raw, text: decode(raw)? })
    }

    /// Decoded but for its encoded slashes.
    pub fn with_slashes(&self) -> Cow<'p, str> {
        // What can be decoded wholly can be in part, too.
        decode_but_slashes(self.raw).unwrap_or_default()
    }
}

/// Splits a request's path. `None` where a percent encoding is broken or does not give UTF-8.
pub fn split(path: &str) -> Option<Path<'_>> {
    let path = path.strip_prefix('/')?;
    if path.is_empty() {
        return Some(Path { segments: Vec::new(), verb: None });
    }
    let mut segments = Vec::with_capacity(8);
    for raw in path.split('/') {
        segments.push(Piece::of(raw)?);
    }
    let last = segments.last().and_then(|last| last.raw.rsplit_once(':'));
    let verb = match last {
        Some((before, verb)) => Some((Piece::of(before)?, decode(verb)?)),
        None => None,
    };
    Some(Path { segments, verb })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_colon_of_the_last_segment_may_start_a_verb_unless_it_is_escaped() {
        let verb = |path| {
            split(path).unwrap().verb.map(|(before, verb)| (before.text.into_owned(), verb.into_owned()))
        };
        let split = |before: &str, verb: &str| Some((before.to_owned(), verb.to_owned()));
        assert_eq!(verb("/v1/a:b"), split("a", "b"));
        assert_eq!(verb("/v1/a:b:c"), split("a:b", "c"));
        assert_eq!(verb("/v1/a%3Ab:c%20d"), split("a:b", "c d"));
        assert_eq!(verb("/v1/a:"), split("a", ""));
        assert_eq!(verb("/v1/:b"), split("", "b"));
        assert_eq!(verb("/v1/a%3Ab"), None);
        assert_eq!(verb("/v1/a:b/c"), None);
        assert_eq!(verb("/"), None);
    }

    #[test]
    fn the_segment_itself_keeps_its_colons() {
        let last = |path| split(path).unwrap().segments.pop().unwrap().text.into_owned();
        assert_eq!(last("/v1/urn:isbn:1"), "urn:isbn:1");
        assert_eq!(last("/v1/2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn broken_encodings_are_found() {
        for path in ["/%", "/%1", "/%zz", "/a/%ff/b", "/a:%", ""] {
            assert!(split(path).is_none(), "{path}");
        }
    }
}
