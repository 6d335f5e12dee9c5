//! A connection's socket, which records when something is read, and since when nothing can be written, and replaces
//! what hyper refuses without a body.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{line::Line, refusal};

/// How many bytes more are read of a client whose request was refused, so that it reads the answer: a socket that is
/// closed with something unread resets the connection.
const LINGER: usize = 1 << 20;

pub(super) struct Watched<T> {
    stream: T,
    line: Arc<Line>,
    refused: Refused,
}

/// How far the answer is that stands in for hyper's.
enum Refused {
    No,
    /// What is left to be written of it.
    Writing(Bytes),
    /// It was written; so many bytes are still read.
    Ending(usize),
}

impl<T: AsyncRead + AsyncWrite + Unpin> Watched<T> {
    pub(super) fn new(stream: T, line: Arc<Line>) -> Self {
        Self { stream, line, refused: Refused::No }
    }

    fn wrote<R>(&self, written: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        self.line.wrote(written.is_ready());
        written
    }

    /// Writes what stands in for a refusal of hyper's that has `length` bytes; nothing where this is none.
    fn refuse(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        length: usize,
    ) -> Option<Poll<io::Result<usize>>> {
        if matches!(self.refused, Refused::No) && self.line.is_silent() {
            self.refused = Refused::Writing(refusal::instead_of(bytes)?);
            // Lingering is part of the head's time. A head that came in one piece with the request before it has no
            // clock yet: nothing was read of the socket since.
            self.line.read(0);
        }
        let Refused::Writing(left) = &mut self.refused else { return None };
        while !left.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, left);
            self.line.wrote(written.is_ready());
            match written {
                Poll::Ready(Ok(0)) => return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Ok(count)) => left.advance(count),
                other => return Some(other),
            }
        }
        self.refused = Refused::Ending(LINGER);
        Some(Poll::Ready(Ok(length)))
    }

    /// Reads what a refused client goes on sending.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Refused::Ending(left) = &mut self.refused else { return Poll::Ready(Ok(())) };
        let mut space = [0; 4096];
        while *left > 0 {
            let mut into = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut into))?;
            if into.filled().is_empty() {
                break;
            }
            *left = left.saturating_sub(into.filled().len());
        }
        self.refused = Refused::No;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        let bytes = into.filled().len() - before;
        if bytes > 0 && !self.line.read(bytes) {
            return Poll::Ready(Err(io::Error::other("there is no room for the head of a request")));
        }
        read
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(refused) = self.refuse(cx, bytes, bytes.len()) {
            return refused;
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bytes.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        let length = bytes.iter().map(|slice| slice.len()).sum();
        if let Some(refused) = self.refuse(cx, first, length) {
            return refused;
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            self.line.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.poll_linger(cx)
    }
}
