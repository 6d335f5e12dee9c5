//! An answer's body, handed out in small pieces: what waits for a slow reader waits here, where it is counted
//! and can be let go of, and not in the buffers of the connection.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::{
    BoxError,
    line::{Line, Room, Waits},
};

/// In the extensions of an answer: how many bytes it holds until its end, whatever its frames show of them. What is
/// compressed while it is sent waits uncompressed.
#[derive(Debug, Clone, Copy)]
pub struct Holds(pub usize);

/// How much is handed out at once: what HTTP/2 sends in a frame.
const PIECE: usize = 16 << 10;

/// A body on its way through a connection.
pub(super) struct Answer<B> {
    held: Arc<Mutex<Held<B>>>,
    line: Arc<Line>,
}

struct Held<B> {
    /// None once it was let go of.
    body: Option<Pin<Box<B>>>,
    /// What is left of the body's last frame. It is one allocation, which a piece keeps as the whole does: so all of
    /// it is counted until the next.
    left: Bytes,
    /// What the body holds behind its frames.
    holds: usize,
    room: Option<Room>,
    since: Option<Instant>,
}

impl<B> Answer<B>
where
    B: Body<Data = Bytes> + Send + 'static,
{
    /// A body that is answered on a connection, which holds so much behind its frames, and the room that was kept
    /// for it.
    pub(super) fn new(body: B, holds: usize, line: Arc<Line>, room: Room) -> Self {
        let held =
            Held { body: Some(Box::pin(body)), left: Bytes::new(), holds, room: Some(room), since: None };
        let held = Arc::new(Mutex::new(held));
        let seen: Arc<dyn Waits> = held.clone();
        line.watch(Arc::downgrade(&seen));
        Self { held, line }
    }
}

impl<B> Held<B> {
    fn count(&mut self, frame: usize) {
        if let Some(room) = &mut self.room {
            room.set(frame.max(self.holds));
        }
    }

    fn piece(&mut self) -> Frame<Bytes> {
        let piece = self.left.split_to(PIECE.min(self.left.len()));
        self.since = Some(Instant::now());
        Frame::data(piece)
    }
}

fn lock<B>(held: &Mutex<Held<B>>) -> MutexGuard<'_, Held<B>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Send> Waits for Mutex<Held<B>> {
    fn since(&self) -> Option<Instant> {
        lock(self).since
    }

    fn abandon(&self) {
        let mut held = lock(self);
        let (body, room) = (held.body.take(), held.room.take());
        held.left = Bytes::new();
        drop(held);
        drop((body, room));
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut held = lock(&self.held);
        let held = &mut *held;
        // Who asks for more has taken what was there.
        if held.since.take().is_some() {
            self.line.took();
        }
        let Some(body) = &mut held.body else {
            return Poll::Ready(Some(Err("nobody has read it for too long".into())));
        };
        if held.left.is_empty() {
            let Poll::Ready(frame) = body.as_mut().poll_frame(cx) else {
                // A stream that is silent holds nothing.
                held.count(0);
                return Poll::Pending;
            };
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        held.count(data.len());
                        held.left = data;
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
        }
        Poll::Ready(Some(Ok(held.piece())))
    }

    fn is_end_stream(&self) -> bool {
        let held = lock(&self.held);
        held.left.is_empty() && held.body.as_ref().is_some_and(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let held = lock(&self.held);
        let Some(body) = &held.body else { return SizeHint::default() };
        let (rest, left) = (body.size_hint(), held.left.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + left);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + left);
        }
        hint
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        self.line.end();
    }
}
