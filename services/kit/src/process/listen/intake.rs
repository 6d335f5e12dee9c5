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
const SMALL: usize = 16 << 10;
/// How often a body that is waited for is looked at; so long it may bring nothing while memory is short.
const LOOK: Duration = if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(3) };
/// The least that must come of a body in the time that a client may be silent.
const LEAST: usize = 1 << 10;

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

    fn is_short(&self) -> bool {
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
}

impl Held {
    pub(super) fn new(intake: &Arc<Intake>) -> Self {
        Self(Arc::new(Mutex::new(Share { intake: intake.clone(), client: None, bytes: 0 })))
    }

    /// Says whose it is, before any of it is read: it counts against that client's part, too.
    pub fn is_of(&self, client: Option<IpAddr>) {
        let mut share = self.share();
        if share.bytes == 0 {
            share.client = client.map(network);
        }
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
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Status::from_error(error.into())))),
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
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    /// A body of which so many bytes come, and then nothing.
    fn stalled(bytes: usize) -> impl Body<Data = Bytes, Error = Status> + Unpin {
        let piece = futures::stream::iter([Ok::<_, Status>(Frame::data(Bytes::from(vec![0; bytes])))]);
        let never = futures::stream::pending();
        StreamBody::new(Box::pin(futures::StreamExt::chain(piece, never)))
    }

    async fn first(
        intake: &Arc<Intake>,
        client: &str,
        bytes: usize,
    ) -> Result<Received<impl Body<Data = Bytes, Error = Status> + Unpin>, Fault> {
        let held = Held::new(intake);
        held.is_of(Some(client.parse().unwrap()));
        let mut body = Received::new(stalled(bytes), held, None);
        match body.frame().await {
            Some(Ok(_)) => Ok(body),
            Some(Err(status)) => Err(Fault::of(&status)),
            None => panic!("there is a first piece"),
        }
    }

    #[tokio::test]
    async fn one_client_has_a_part_and_all_have_the_whole() {
        let intake = Intake::new(16 << 20);
        let one = first(&intake, "192.0.2.1", 3 << 20).await.ok().unwrap();
        let refused = first(&intake, "192.0.2.1", 2 << 20).await.err().unwrap();
        assert_eq!(refused.reason, Reason::Overloaded);
        assert!(first(&intake, "192.0.2.1", 1 << 20).await.is_ok(), "it was let go of at once");
        let mut others = Vec::new();
        for client in ["192.0.2.2", "192.0.2.3", "192.0.2.4"] {
            others.push(first(&intake, client, 4 << 20).await.ok().unwrap());
        }
        assert!(first(&intake, "192.0.2.5", 2 << 20).await.is_err(), "all of it is taken");
        assert!(first(&intake, "192.0.2.5", SMALL).await.is_ok(), "what is small finds room");
        drop((one, others));
        assert_eq!(intake.bytes.load(Ordering::Relaxed), 0);
        assert!(intake.clients().is_empty());
    }

    #[tokio::test]
    async fn what_comes_too_slowly_is_cut_off() {
        let intake = Intake::new(16 << 20);
        let mut body = Received::new(stalled(100), Held::new(&intake), Some(3 * LOOK));
        body.frame().await.unwrap().unwrap();
        let began = Instant::now();
        let fault = Fault::of(&body.frame().await.unwrap().unwrap_err());
        assert_eq!(fault.reason, Reason::DeadlineExceeded);
        assert!(began.elapsed() >= 2 * LOOK && body.frame().await.is_none());
    }

    #[tokio::test]
    async fn while_memory_is_short_nobody_may_pause_with_much_of_it() {
        let intake = Intake::new(16 << 20);
        let mut bodies = Vec::new();
        for client in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            bodies.push(first(&intake, client, 4 << 20).await.ok().unwrap());
        }
        assert!(bodies[0].frame().await.is_some_and(|piece| piece.is_err()));
        drop(bodies.pop());
        drop(bodies.remove(0));
        let waiting = tokio::time::timeout(4 * LOOK, bodies[0].frame()).await;
        assert!(waiting.is_err(), "there is enough again");
    }
}
