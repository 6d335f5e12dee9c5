//! The parts of a body that become messages: lines, or the pieces in which it comes.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

use crate::{
    coding,
    error::{BODY_LIMIT, Failure},
};

/// The parts of a body that become messages.
pub struct Lines {
    body: axum::body::BodyDataStream,
    buffer: BytesMut,
    /// How far the buffer has no line's end.
    searched: usize,
    /// Whether it is lines.
    pub split: bool,
    begun: bool,
    ended: bool,
}

impl Lines {
    /// The lines of a body.
    pub fn new(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            buffer: BytesMut::new(),
            searched: 0,
            split: true,
            begun: false,
            ended: false,
        }
    }

    /// A body as it comes.
    pub fn pieces(body: Body) -> Self {
        Self { split: false, ..Self::new(body) }
    }

    /// The next line that is not empty, without its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if self.split
                && let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n')
            {
                let line = self.buffer.split_to(self.searched + at + 1);
                self.searched = 0;
                match self.trimmed(line) {
                    Some(line) => return Ok(Some(line)),
                    None => continue,
                }
            }
            self.searched = self.buffer.len();
            if self.ended {
                let last = self.buffer.split();
                self.searched = 0;
                return Ok(self.trimmed(last));
            }
            if self.searched > BODY_LIMIT {
                return Err(Failure::too_large(BODY_LIMIT));
            }
            match self.body.next().await {
                None => self.ended = true,
                Some(Ok(chunk)) if !self.split && !chunk.is_empty() => return Ok(Some(chunk)),
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => return Err(coding::broken(&error)),
            }
        }
    }

    /// A line without white space around it, nor the byte-order mark with which some programs begin a file;
    /// `None` where nothing is left.
    fn trimmed(&mut self, line: BytesMut) -> Option<Bytes> {
        let line = line.freeze();
        let mut text: &[u8] = &line;
        if !std::mem::replace(&mut self.begun, true) {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        let text = text.trim_ascii();
        (!text.is_empty()).then(|| line.slice_ref(text))
    }
}
