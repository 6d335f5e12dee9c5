//! A request's body as the messages in it: each a flag, a length and so many bytes. Only what keeps to that
//! reaches a handler.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body};

use crate::{Fault, Reason};

/// The largest message that is taken, in bytes as it is sent; decompressed it has the same limit (tonic's).
pub const LARGEST: u32 = 4 << 20;
/// A flag and a length.
const HEAD: usize = 5;

/// A body that is looked at as it passes.
pub struct Frames {
    body: Body,
    /// Whether there must be exactly one message.
    single: bool,
    /// Bytes that a message may have.
    largest: u32,
    head: [u8; HEAD],
    /// How much of the head is there.
    begun: usize,
    /// How much of the message is still to come.
    left: u32,
    messages: u64,
    over: bool,
}

impl Frames {
    /// Around a request's body.
    pub fn new(body: Body, single: bool, largest: u32) -> Self {
        Self { body, single, largest, head: [0; HEAD], begun: 0, left: 0, messages: 0, over: false }
    }

    fn pass(&mut self, mut data: &[u8]) -> Result<(), Fault> {
        while !data.is_empty() {
            if self.left > 0 {
                let here = data.len().min(self.left as usize);
                data = &data[here..];
                self.left -= here as u32;
                continue;
            }
            self.head[self.begun] = data[0];
            self.begun += 1;
            data = &data[1..];
            if self.begun == HEAD {
                self.begun = 0;
                self.message()?;
            }
        }
        Ok(())
    }

    /// A message begins.
    fn message(&mut self) -> Result<(), Fault> {
        let [flag, length @ ..] = self.head;
        self.left = u32::from_be_bytes(length);
        self.messages += 1;
        if flag > 1 {
            return Err(malformed("a message begins with a flag that is neither 0 nor 1"));
        }
        if self.left > self.largest {
            return Err(too_large(self.left, self.largest));
        }
        if self.single && self.messages > 1 {
            return Err(malformed("this method takes one message, and more were sent"));
        }
        Ok(())
    }

    fn end(&self) -> Result<(), Fault> {
        if self.begun > 0 || self.left > 0 {
            return Err(malformed("the request ends in the middle of a message"));
        }
        if self.single && self.messages == 0 {
            return Err(malformed("this method takes one message, and none was sent"));
        }
        Ok(())
    }
}

fn malformed(message: &str) -> Fault {
    Fault::new(Reason::Validation, message)
}

fn too_large(length: u32, largest: u32) -> Fault {
    let message = format!("a message of {length} bytes is larger than {largest}");
    Fault::new(Reason::RequestTooLarge, message).with("limit", largest)
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                self.over = true;
                return Poll::Ready(Some(Err(error)));
            }
            None => {
                self.over = true;
                return Poll::Ready(self.end().err().map(|fault| Err(fault.into())));
            }
        };
        let passed = match frame.data_ref() {
            Some(data) => {
                let data = data.clone();
                self.pass(&data)
            }
            None => self.end(),
        };
        match passed {
            Ok(()) => Poll::Ready(Some(Ok(frame))),
            Err(fault) => {
                self.over = true;
                Poll::Ready(Some(Err(fault.into())))
            }
        }
    }

    /// Never known before the end: a body without a message is to be refused, not passed over.
    fn is_end_stream(&self) -> bool {
        self.over
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};
    use proptest::prelude::*;
    use tonic::Code;

    use super::*;

    fn frame(flag: u8, length: u32, bytes: usize) -> Vec<u8> {
        [vec![flag], length.to_be_bytes().to_vec(), vec![7; bytes]].concat()
    }

    /// Sends a body in pieces.
    async fn send(body: &[u8], piece: usize, single: bool) -> Result<Bytes, Status> {
        let pieces = body
            .chunks(piece.max(1))
            .map(|piece| Ok::<_, Status>(Frame::data(Bytes::copy_from_slice(piece))));
        let body = Body::new(StreamBody::new(futures::stream::iter(pieces.collect::<Vec<_>>())));
        Frames::new(body, single, LARGEST).collect().await.map(|all| all.to_bytes())
    }

    proptest! {
        #[test]
        fn whole_messages_pass_however_they_are_cut(
            lengths in prop::collection::vec(0_usize..40, 0..5), piece in 1_usize..60, cut in 1_usize..10,
        ) {
            let body = lengths.iter().flat_map(|it| frame(0, *it as u32, *it)).collect::<Vec<_>>();
            let run = |body: &[u8], single| futures::executor::block_on(send(body, piece, single));
            prop_assert_eq!(run(&body, false).unwrap().to_vec(), body.clone());
            prop_assert_eq!(run(&body, true).is_ok(), lengths.len() == 1);
            let last = lengths.last().map_or(0, |it| it + HEAD);
            if cut < last {
                let short = &body[..body.len() - cut];
                prop_assert_eq!(run(short, false).unwrap_err().code(), Code::InvalidArgument);
            }
        }
    }

    #[tokio::test]
    async fn what_is_too_large_or_marked_otherwise_is_refused_at_its_head() {
        let refused = send(&frame(0, LARGEST + 1, 0), 3, false).await.unwrap_err();
        let fault = Fault::of(&refused);
        assert_eq!((fault.code, fault.reason), (Code::ResourceExhausted, Reason::RequestTooLarge));
        assert_eq!(send(&frame(2, 1, 1), 9, true).await.unwrap_err().code(), Code::InvalidArgument);
    }
}
