//! The JSON values of a body, one after the other: of an array, or with white space or nothing between them
//! (concatenated JSON, RFC 7464). Values are cut out as they come and not understood: what is in them is for the decoder.

use axum::body::Body;
use bytes::{Buf as _, Bytes, BytesMut};
use futures::StreamExt as _;

use crate::{
    coding,
    error::{BODY_LIMIT, Failure},
};

/// What stands before each text of a sequence (RFC 7464).
const SEPARATOR: u8 = 0x1e;
/// With which some programs begin a file.
const BYTE_ORDER_MARK: &[u8; 3] = b"\xef\xbb\xbf";

/// The values of a body.
pub struct Values {
    body: axum::body::BodyDataStream,
    /// What has come and belongs to no value that was given out.
    buffer: BytesMut,
    /// How far the buffer was looked at, as parts of the value at its beginning.
    seen: usize,
    scan: Scan,
    place: Place,
    /// How many were given out.
    given: usize,
    /// How much of a byte-order mark has come.
    mark: usize,
    /// Whether values have a separator before them.
    sequence: bool,
    ended: bool,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Anything: nothing has come yet.
    Start,
    /// The first value of an array, or its end.
    First,
    /// Another value of an array.
    Item,
    /// A comma, or the end of an array.
    Comma,
    /// A value, or the end of the body.
    Free,
    /// Nothing but the end of the body.
    Over,
}

/// How far a value is.
#[derive(Debug, Clone, Copy, Default)]
struct Scan {
    /// Brackets and braces that are open.
    depth: usize,
    quoted: bool,
    escaped: bool,
    /// It has begun, and is a number or a word: what comes next shows where it ends.
    bare: bool,
}

impl Scan {
    /// Looks at the next byte of a value; says whether the value ends with it, or has ended before it.
    fn look(&mut self, byte: u8) -> Ends {
        if self.quoted {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.quoted = false;
                    return if self.depth == 0 { Ends::With } else { Ends::Not };
                }
                _ => {}
            }
            return Ends::Not;
        }
        let ends_bare = is_space(byte) || b",[]{}\":\x1e".contains(&byte);
        match byte {
            _ if self.bare && ends_bare => return Ends::Before,
            b'"' => self.quoted = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth <= 1 => return Ends::With,
            b'}' | b']' => self.depth -= 1,
            _ => self.bare = self.depth == 0,
        }
        Ends::Not
    }
}

/// Where a value ends, as seen from a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Not,
    With,
    Before,
}

impl Values {
    /// The values of a body: of an array, where it begins with one.
    pub fn new(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            buffer: BytesMut::new(),
            seen: 0,
            scan: Scan::default(),
            place: Place::Start,
            given: 0,
            mark: 0,
            sequence: false,
            ended: false,
        }
    }

    /// Those of a sequence.
    pub fn sequence(body: Body) -> Self {
        Self { sequence: true, place: Place::Free, ..Self::new(body) }
    }

    /// The next value. What is wrong with the body is an error; what is wrong with a value is seen by who reads that.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(value) = self.cut()? {
                return Ok(Some(value));
            }
            if self.ended {
                return self.last();
            }
            if self.buffer.len() > BODY_LIMIT {
                return Err(Failure::too_large(BODY_LIMIT));
            }
            match self.body.next().await {
                None => self.ended = true,
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => return Err(coding::broken(&error)),
            }
        }
    }

    /// Cuts the first value out of what has come, if it is there as a whole.
    fn cut(&mut self) -> Result<Option<Bytes>, Failure> {
        while let Some(byte) = self.buffer.get(self.seen).copied() {
            // Between two values.
            if self.seen == 0 && !self.begins(byte)? {
                self.buffer.advance(1);
                continue;
            }
            match self.scan.look(byte) {
                Ends::Not => self.seen += 1,
                Ends::With => return Ok(Some(self.take(self.seen + 1))),
                Ends::Before => return Ok(Some(self.take(self.seen))),
            }
        }
        Ok(None)
    }

    fn take(&mut self, length: usize) -> Bytes {
        (self.seen, self.scan) = (0, Scan::default());
        self.given += 1;
        self.place = if self.place == Place::Free { Place::Free } else { Place::Comma };
        self.buffer.split_to(length).freeze()
    }

    /// Whether a byte between two values begins one; it says nothing where it does not.
    fn begins(&mut self, byte: u8) -> Result<bool, Failure> {
        let is_space = is_space(byte) || byte == SEPARATOR && self.sequence;
        if self.place == Place::Start && BYTE_ORDER_MARK.get(self.mark) == Some(&byte) {
            self.mark += 1;
            return Ok(false);
        }
        if !matches!(self.mark, 0 | 3) {
            return Err(self.unexpected("a value", byte));
        }
        self.place = match (self.place, byte) {
            _ if is_space => return Ok(false),
            (Place::Start, b'[') => Place::First,
            (Place::First | Place::Comma, b']') => Place::Over,
            (Place::Comma, b',') => Place::Item,
            (Place::Comma, _) => return Err(self.unexpected("`,` or `]`", byte)),
            (Place::Over, _) => return Err(self.unexpected("nothing after the array", byte)),
            (_, b'}' | b']' | b',' | b':') => return Err(self.unexpected("a value", byte)),
            (Place::Start, _) => {
                self.place = Place::Free;
                return Ok(true);
            }
            _ => return Ok(true),
        };
        Ok(false)
    }

    fn unexpected(&self, expected: &str, byte: u8) -> Failure {
        self.wrong(&format!("expected {expected}, not `{}`", byte.escape_ascii()))
    }

    /// Something is wrong with the next value, or before it.
    fn wrong(&self, problem: &str) -> Failure {
        Failure::invalid(problem).at("element", self.given + 1)
    }

    /// What is left where the body ends.
    fn last(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.place {
            Place::Free if self.scan.bare => Ok(Some(self.take(self.seen))),
            Place::Start | Place::Free | Place::Over if self.buffer.is_empty() => Ok(None),
            Place::First | Place::Item | Place::Comma => Err(self.wrong("the array has no end")),
            Place::Start | Place::Free | Place::Over => Err(self.wrong("the request's body ends within it")),
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use proptest::prelude::*;

    use super::*;

    async fn read(body: &str, piece: usize) -> Result<Vec<String>, String> {
        let pieces: Vec<_> = body.as_bytes().chunks(piece).map(Bytes::copy_from_slice).collect();
        let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)));
        let (mut values, mut all) = (Values::new(body), Vec::new());
        loop {
            match values.next().await {
                Ok(Some(value)) => all.push(String::from_utf8(value.to_vec()).unwrap()),
                Ok(None) => return Ok(all),
                Err(failure) => return Err(failure.message),
            }
        }
    }

    #[tokio::test]
    async fn values_are_found_in_an_array_and_beside_each_other() {
        for (body, values) in [
            ("[]", &[][..]),
            ("", &[]),
            (" \n", &[]),
            (
                "[{\"a\":\"]\\\"}\"} , [1,[2]],\"x,\" ,-1.5e3,true]\n",
                &["{\"a\":\"]\\\"}\"}", "[1,[2]]", "\"x,\"", "-1.5e3", "true"],
            ),
            ("{\"a\":1}{\"b\":\n2}  {}", &["{\"a\":1}", "{\"b\":\n2}", "{}"]),
            ("1 2\"x\"3{}null", &["1", "2", "\"x\"", "3", "{}", "null"]),
            // What is in a value is not looked at.
            ("{]", &["{]"]),
            ("{}\u{1e}{}", &["{}", "\u{1e}", "{}"]),
            ("\u{feff} [1]", &["1"]),
        ] {
            for piece in [1, 3, 1_000] {
                let read = read(body, piece).await;
                assert_eq!(read.unwrap(), values, "{body} by {piece}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_array_and_no_values_is_refused() {
        for (body, why) in [
            ("[{}", "element 2: the array has no end"),
            ("[", "element 1: the array has no end"),
            ("[{},", "element 2: the array has no end"),
            ("[{\"a\":1", "element 1: the array has no end"),
            ("[{}{}]", "element 2: expected `,` or `]`, not `{`"),
            ("[,{}]", "element 1: expected a value, not `,`"),
            ("[{},]", "element 2: expected a value, not `]`"),
            ("[{}]{}", "element 2: expected nothing after the array, not `{`"),
            ("{},{}", "element 2: expected a value, not `,`"),
            ("\u{fefe}{}", "element 1: expected a value, not `\\xbe`"),
            ("]", "element 1: expected a value, not `]`"),
            ("{}{\"a\":\"", "element 2: the request's body ends within it"),
            ("{\"a\":[", "element 1: the request's body ends within it"),
        ] {
            for piece in [1, 1_000] {
                assert_eq!(read(body, piece).await.unwrap_err(), why, "{body} by {piece}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_serde_writes_is_read_however_it_is_cut(
            texts in prop::collection::vec(any::<String>(), 0..5),
            piece in 1_usize..9,
            array in any::<bool>(),
        ) {
            let values: Vec<_> = texts.iter().map(|text| serde_json::json!({"a": [text, {"b": text}]}).to_string()).collect();
            let body = if array { format!("[{}]", values.join(",")) } else { values.concat() };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            prop_assert_eq!(runtime.block_on(read(&body, piece)).unwrap(), values);
        }
    }
}
