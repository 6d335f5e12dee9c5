//! Messages with five bytes before each: a flag, and the message's length (gRPC; Connect calls them envelopes).

use std::io::Read as _;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flate2::read::GzDecoder;

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

/// The only message of a body. `gzip` says whether it may be compressed so.
pub fn only(body: &[u8], gzip: bool, limit: usize) -> Result<Bytes, Failure> {
    let mut frames = Frames::new(limit);
    frames.push(body);
    match frames.next()? {
        Some((flag, message)) if !frames.is_within() => plain(flag, message, gzip, limit),
        Some(_) => Err(Failure::invalid("this method takes one message")),
        None => Err(Failure::invalid("the request's body is no message: each has five bytes before it")),
    }
}

/// A message as it is, whatever its flag says.
pub fn plain(flag: u8, message: Bytes, gzip: bool, limit: usize) -> Result<Bytes, Failure> {
    match flag {
        0 => Ok(message),
        COMPRESSED if gzip => gunzip(&message, limit),
        COMPRESSED => Err(Failure::invalid("a message is compressed, and the request does not say how")),
        _ => Err(Failure::invalid(format!("a message has the flag {flag}, which means nothing"))),
    }
}

/// What was compressed by gzip, up to a limit.
pub fn gunzip(message: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut out = Vec::new();
    let mut bounded = GzDecoder::new(message).take(limit as u64 + 1);
    bounded.read_to_end(&mut out).map_err(|_| Failure::invalid("a message is not the gzip that it says"))?;
    if out.len() > limit {
        return Err(Failure::too_large(limit));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
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
        assert!(only(&frame(0, b"ab"), false, 10).is_ok());
        for wrong in [
            &b""[..],
            b"abc",
            &frame(1, b"a"),
            &frame(2, b"a"),
            &[&frame(0, b"a")[..], &frame(0, b"b")].concat(),
        ] {
            assert!(only(wrong, false, 10).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_compressed_message_has_the_limit_of_a_plain_one() {
        let packed = |length: usize| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&vec![b'x'; length]).unwrap();
            frame(COMPRESSED, &encoder.finish().unwrap())
        };
        assert_eq!(only(&packed(1_000), true, 1_000).unwrap().len(), 1_000);
        assert!(only(&packed(1_001), true, 1_000).is_err(), "too long");
        assert!(only(&packed(10), false, 1_000).is_err(), "nobody said how");
        assert!(only(&frame(COMPRESSED, b"none"), true, 1_000).is_err());
    }
}
