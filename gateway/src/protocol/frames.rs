//! Messages with five bytes before each: a flag, and the message's length (gRPC; Connect calls them envelopes).

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::error::Failure;

/// The flag of a message that is compressed.
pub const COMPRESSED: u8 = 1;
/// The bytes before a message.
pub const HEAD: usize = 5;

/// A message with what stands before it.
pub fn frame(flag: u8, message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD + message.len());
    out.put_u8(flag);
    // Whatever is written here is bounded to far less.
    out.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    out.put_slice(message);
    out.freeze()
}

/// Takes messages out of bytes that come in pieces of any length.
#[derive(Debug)]
pub struct Frames {
    buffer: BytesMut,
    limit: usize,
}

impl Frames {
    /// Of messages that have so many bytes at most.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit }
    }

    /// The next bytes.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The flag and the bytes of the next message; nothing, where it is not there as a whole.
    pub fn next(&mut self) -> Result<Option<(u8, Bytes)>, Failure> {
        let Some((mut head, _)) = self.buffer.split_at_checked(HEAD) else { return Ok(None) };
        let (flag, length) = (head.get_u8(), head.get_u32() as usize);
        if length > self.limit {
            return Err(Failure::too_large(self.limit));
        }
        if self.buffer.len() < HEAD + length {
            return Ok(None);
        }
        self.buffer.advance(HEAD);
        Ok(Some((flag, self.buffer.split_to(length).freeze())))
    }

    /// Whether a message has begun and not ended.
    pub fn is_within(&self) -> bool {
        !self.buffer.is_empty()
    }
}

/// The only message of a body, which is not compressed.
pub fn only(body: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut frames = Frames::new(limit);
    frames.push(body);
    match frames.next()? {
        Some((0, message)) if !frames.is_within() => Ok(message),
        Some((COMPRESSED, _)) => Err(compressed()),
        Some((0, _)) => Err(Failure::invalid("this method takes one message")),
        Some((flag, _)) => {
            Err(Failure::invalid(format!("a message has the flag {flag}, which means nothing")))
        }
        None => Err(Failure::invalid("the request's body is no message: each has five bytes before it")),
    }
}

/// Messages that are compressed one by one are not read here.
pub fn compressed() -> Failure {
    Failure::new(contracts::errors::Reason::Unimplemented, "messages are taken as they are, not compressed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_are_found_however_they_are_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6),
            piece in 1_usize..9,
        ) {
            let bytes: Vec<u8> = messages.iter().flat_map(|message| frame(0, message)).collect();
            let (mut frames, mut found) = (Frames::new(20), Vec::new());
            for piece in bytes.chunks(piece) {
                frames.push(piece);
                while let Some((flag, message)) = frames.next().unwrap() {
                    prop_assert_eq!(flag, 0);
                    found.push(message.to_vec());
                }
            }
            prop_assert_eq!(found, messages);
            prop_assert!(!frames.is_within());
        }
    }

    #[test]
    fn a_message_that_says_it_is_too_long_is_refused_before_it_comes() {
        let mut frames = Frames::new(10);
        frames.push(&[0, 0, 0, 0, 11]);
        assert!(frames.next().is_err());
        assert!(only(&frame(0, b"ab"), 10).is_ok());
        for wrong in [
            &b""[..],
            b"abc",
            &frame(1, b"a"),
            &frame(2, b"a"),
            &[&frame(0, b"a")[..], &frame(0, b"b")].concat(),
        ] {
            assert!(only(wrong, 10).is_err(), "{wrong:?}");
        }
    }
}
