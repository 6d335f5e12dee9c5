//! Connections that are taken over: what is spoken on one after `101 Switching Protocols` (RFC 9110, 7.8) stays a part
//! of it. It ends with the connection, the port waits for it, and what waits in it counts as requests and answers do.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    BoxError, Held, Limits,
    intake::{LEAST, LOOK, SMALL},
    line::{Line, Room},
};
use crate::{Fault, Reason};

/// What is going to be done with a connection.
type Work = BoxFuture<'static, ()>;

/// Where whoever answers leaves what is going to be done.
#[derive(Clone)]
pub(super) struct Slot {
    work: Arc<Mutex<Option<Work>>>,
    line: Arc<Line>,
    limits: Limits,
    close: CancellationToken,
}

impl Slot {
    pub(super) fn new(line: Arc<Line>, limits: &Limits, close: CancellationToken) -> Self {
        Self { work: Arc::default(), line, limits: limits.clone(), close }
    }

    /// That of a request which asks for another protocol.
    pub(super) fn of(&self, upgrade: OnUpgrade) -> Takeover {
        Takeover { slot: self.clone(), upgrade }
    }

    /// Does what is to be done, if there is anything.
    pub(super) async fn run(&self) -> Result<(), BoxError> {
        let Some(work) = lock(&self.work).take() else { return Ok(()) };
        self.line.begin();
        let done = tokio::select! {
            () = work => Ok(()),
            why = self.line.hopeless(false) => Err(why.into()),
        };
        self.line.end();
        done
    }

    /// Lets go of what was to be done.
    pub(super) fn clear(&self) {
        lock(&self.work).take();
    }
}

/// In the extensions of a request over HTTP/1.1 that asks for another protocol: by this, who answers 101 goes on.
#[derive(Clone)]
pub struct Takeover {
    slot: Slot,
    upgrade: OnUpgrade,
}

impl Takeover {
    /// Does this with the connection once the answer was sent. What waits to be understood counts against the client.
    pub fn then<F>(self, client: Option<IpAddr>, work: impl FnOnce(Io, Meter) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { slot: Slot { work: place, line, limits, close }, upgrade } = self;
        let work = async move {
            match upgrade.await {
                Ok(upgraded) => {
                    let meter = Meter::new(line, limits, close, client);
                    let io = Io { stream: TokioIo::new(upgraded), meter: meter.clone() };
                    work(io, meter).await;
                }
                Err(error) => tracing::debug!(%error, "connection.not_taken_over"),
            }
        };
        *lock(&place) = Some(Box::pin(work));
    }
}

/// A connection that was taken over.
pub struct Io {
    stream: TokioIo<Upgraded>,
    meter: Meter,
}

/// Counts what has come by a connection that was taken over; cheap to clone.
#[derive(Clone)]
pub struct Meter {
    state: Arc<Mutex<State>>,
    line: Arc<Line>,
    limits: Limits,
    close: CancellationToken,
    client: Option<IpAddr>,
}

/// Room for an answer, for as long as it lives.
pub struct Reserved {
    _room: Room,
}

struct State {
    /// What has come and belongs to a message that is not whole.
    held: Held,
    bytes: usize,
    last: Instant,
    /// Since when the rate of a message is measured, and how much has come since.
    since: Instant,
    come: usize,
    full: bool,
}

impl Meter {
    fn new(line: Arc<Line>, limits: Limits, close: CancellationToken, client: Option<IpAddr>) -> Self {
        let now = Instant::now();
        let held = held(&limits, client);
        let state = State { held, bytes: 0, last: now, since: now, come: 0, full: false };
        Self { state: Arc::new(Mutex::new(state)), line, limits, close, client }
    }

    /// A message is whole, and was handed on.
    pub fn clear(&self) {
        let held = held(&self.limits, self.client);
        let mut state = lock(&self.state);
        (state.bytes, state.held, state.last) = (0, held, Instant::now());
    }

    /// So many bytes of what has come were no part of a message.
    pub fn spare(&self, bytes: usize) {
        let held = held(&self.limits, self.client);
        let mut state = lock(&self.state);
        let left = state.bytes.saturating_sub(bytes);
        state.full |= !held.grow(left);
        (state.bytes, state.held) = (left, held);
    }

    fn came(&self, bytes: usize) {
        let mut state = lock(&self.state);
        if state.bytes == 0 {
            (state.since, state.come) = (Instant::now(), 0);
        }
        state.bytes += bytes;
        state.come += bytes;
        state.last = Instant::now();
        state.full |= !state.held.grow(bytes);
    }

    /// For how long nothing has come at all.
    pub fn silent(&self) -> Duration {
        lock(&self.state).last.elapsed()
    }

    /// Why a message that has begun is not to be waited for: there is no room for it, or it comes too slowly.
    pub fn check(&self) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        let short = state.bytes > SMALL && self.limits.intake.is_short();
        if state.full || short && state.last.elapsed() >= LOOK {
            return Err(Fault::overloaded("too much is being sent at the same time"));
        }
        if state.bytes > 0 && state.since.elapsed() >= self.limits.send_timeout {
            if state.come < LEAST {
                return Err(Fault::new(Reason::DeadlineExceeded, "a message came too slowly"));
            }
            (state.since, state.come) = (Instant::now(), 0);
        }
        Ok(())
    }

    /// Waits until there is room for an answer of so many bytes, which it has for as long as that lives.
    pub async fn room(&self, bytes: usize) -> Result<Reserved, Fault> {
        let room = self.line.admit(bytes).await;
        let room = room.ok_or_else(|| Fault::overloaded("too many answers wait to be read"))?;
        Ok(Reserved { _room: room })
    }

    /// Waits until the port closes.
    pub async fn closing(&self) {
        self.close.cancelled().await;
    }
}

fn held(limits: &Limits, client: Option<IpAddr>) -> Held {
    let held = Held::new(&limits.intake);
    held.is_of(client);
    held
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        let bytes = into.filled().len() - before;
        if bytes > 0 {
            self.meter.came(bytes);
        }
        read
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
