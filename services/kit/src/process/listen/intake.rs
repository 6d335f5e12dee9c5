//! Requests' bodies on their way in: what they hold is counted, in all and by client, and one that trickles in is cut
//! off.
//!
//! A body is held from its first byte until its call is answered, wherever it waits to be whole. Whoever sends much of
//! many bodies and the end of none would fill the memory before anybody has asked who it is.

use std::{
    collections::HashMap,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};
use tonic::Status;

use crate::{Fault, Reason, limits::network};

/// What a body holds at most: a message. A stream gives up one for the next.
const LARGEST: usize = 4 << 20;
/// A client may have this part of what all may have.
const PART: usize = 4;
/// What is not more is small: it finds room when large bodies have none, and is not worth being cut off for.
pub(super) const SMALL: usize = 16 << 10;
/// How often a body that is waited for is looked at; so long it may bring nothing while memory is short.
pub(super) const LOOK: Duration =
    if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(3) };
/// The least that must come of a body in the time that a client may be silent.
pub(super) const LEAST: usize = 1 << 10;

/// The bodies of a process.
#[derive(Debug)]
pub(super) struct Intake {
    most: usize,
    bytes: AtomicUsize,
    clients: Mutex<HashMap<IpAddr, usize>>,
}

impl Intake {
    /// So many bytes in all.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, bytes: AtomicUsize::new(0), clients: Mutex::default() })
    }

    pub(super) fn is_short(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > self.most / 2
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the extensions of a request: what its body holds, for as long as one of these lives.
#[derive(Debug, Clone)]
pub struct Held(Arc<Mutex<Share>>);

#[derive(Debug)]
struct Share {
    intake: Arc<Intake>,
    client: Option<IpAddr>,
    bytes: usize,
    /// The request's head, which is held as long as its body is; counted with the first of that.
    head: usize,
    /// There was no room for its head: nothing more of it is taken.
    full: bool,
}

impl Held {
    pub(super) fn new(intake: &Arc<Intake>) -> Self {
        Self::with_head(intake, 0)
    }

    /// Of a request with so many bytes of head.
    pub(super) fn with_head(intake: &Arc<Intake>, head: usize) -> Self {
        Self(Arc::new(Mutex::new(Share {
            intake: intake.clone(),
            client: None,
            bytes: 0,
            head,
            full: false,
        })))
    }

    /// Says whose it is, before any of it is read: it counts against that client's part, too.
    pub fn is_of(&self, client: Option<IpAddr>) {
        let mut share = self.share();
        if share.bytes == 0 {
            share.client = client.map(network);
            let head = std::mem::take(&mut share.head);
            share.full = !share.grow(head);
        }
    }

    /// So many bytes more are held; false where there is no room for them.
    pub(super) fn grow(&self, more: usize) -> bool {
        self.share().grow(more)
    }

    fn share(&self) -> MutexGuard<'_, Share> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// So many more have come; false where there is no room for them.
    fn grow(&mut self, more: usize) -> bool {
        let bytes = (self.bytes + more).min(LARGEST);
        let (more, intake) = (bytes - self.bytes, &self.intake);
        if self.full {
            return false;
        }
        if more == 0 {
            return true;
        }
        let most = if bytes <= SMALL { intake.most + intake.most / 4 } else { intake.most };
        if intake.bytes.load(Ordering::Relaxed) + more > most {
            return false;
        }
        if let Some(client) = self.client {
            let mut clients = intake.clients();
            let held = clients.get(&client).copied().unwrap_or_default() + more;
            if held > intake.most / PART {
                return false;
            }
            clients.insert(client, held);
        }
        intake.bytes.fetch_add(more, Ordering::Relaxed);
        self.bytes = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.intake.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if let Some(client) = self.client.filter(|_| self.bytes > 0) {
            let mut clients = self.intake.clients();
            let left = clients.get(&client).copied().unwrap_or_default().saturating_sub(self.bytes);
            if left == 0 {
                clients.remove(&client);
            } else {
                clients.insert(client, left);
            }
        }
    }
}

/// A body that is counted as it comes.
pub(super) struct Received<B> {
    body: B,
    held: Held,
    /// How long it may bring next to nothing; `None` where silence is part of the protocol.
    patience: Option<Duration>,
    look: Option<Pin<Box<Sleep>>>,
    last: Instant,
    /// Since when its rate is measured, and how much has come since.
    since: Instant,
    come: usize,
    over: bool,
}

impl<B> Received<B> {
    pub(super) fn new(body: B, held: Held, patience: Option<Duration>) -> Self {
        let now = Instant::now();
        Self { body, held, patience, look: None, last: now, since: now, come: 0, over: false }
    }

    /// Whether it is to be cut off; else looks again in a while.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let look = self.look.get_or_insert_with(|| Box::pin(sleep(LOOK)));
            if look.as_mut().poll(cx).is_pending() {
                return false;
            }
            look.as_mut().reset(Instant::now() + LOOK);
            let short = {
                let share = self.held.share();
                share.bytes > SMALL && share.intake.is_short()
            };
            if short && self.last.elapsed() >= LOOK {
                return true;
            }
            if self.patience.is_some_and(|patience| self.since.elapsed() >= patience) {
                if self.come < LEAST {
                    return true;
                }
                (self.since, self.come) = (Instant::now(), 0);
            }
        }
    }

    fn end(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.over = true;
        Poll::Ready(Some(Err(fault.into())))
    }
}

impl<B> Body for Received<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<super::BoxError>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.come += length;
                self.last = Instant::now();
                if !self.held.share().grow(length) {
                    return self.end(Fault::overloaded("too much is being sent at the same time"));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            // The client left in the middle, or broke the protocol: no failure of ours.
            Poll::Ready(Some(Err(_))) => {
                Poll::Ready(Some(Err(Status::cancelled("the request's body broke off"))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if self.is_late(cx) => {
                self.end(Fault::new(Reason::DeadlineExceeded, "the request's body came too slowly"))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
