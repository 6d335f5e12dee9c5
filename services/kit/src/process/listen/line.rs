//! What one connection's answers hold, and whether its reader takes them.
//!
//! A client that asks and does not read costs memory for as long as it is let: HTTP/2 by a window of nothing,
//! HTTP/1.1 by leaving its socket alone. So the bytes of answers under way are counted, by connection and in
//! all; calls wait while there are too many, and a reader that takes nothing for too long is let go.

mod room;

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout_at};

pub(super) use self::room::Room;
use super::{HEAD, HEAD_SPARED, Held, Limits, waiting::Waiting};

/// How long a reader may take nothing while others wait for the memory that its answers hold.
const UNDER_PRESSURE: Duration = Duration::from_secs(3);
/// What is not worth letting a reader go for.
const LITTLE: usize = 256 << 10;
/// How long a call may wait until there is room for its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// An answer that is no more is small.
const SMALL: usize = 64 << 10;
/// A connection may have this part of what all may have; over REST, so may an address with all of its connections.
const PART: usize = 4;

/// One connection.
pub(super) struct Line {
    limits: Limits,
    /// Whether others may call by it too, as a gateway's clients do: then it is let go later than any one answer.
    shared: bool,
    bytes: AtomicUsize,
    /// What all connections of its client's address hold; `None` where others call from that address, too.
    client: Option<Arc<AtomicUsize>>,
    /// Whose heads are counted together; `None` likewise.
    address: Option<IpAddr>,
    state: Mutex<State>,
}

struct State {
    /// When something of an answer was taken last, or a first one was there to be taken.
    taken: Instant,
    /// Answers that may wait to be taken.
    answers: Vec<Weak<dyn Waits>>,
    /// Since when the socket takes nothing.
    blocked: Option<Instant>,
    /// Since when a head is on its way, how much of it has come, and what that takes of the memory for requests.
    head: Option<Instant>,
    head_bytes: usize,
    head_held: Option<Held>,
    /// Requests that are not answered to the end, and when there was the last.
    calls: usize,
    last_call: Instant,
    called: bool,
    /// Whether something of an answer may still be on its way to the socket.
    unflushed: bool,
}

/// An answer, seen by its connection.
pub(super) trait Waits: Send + Sync {
    /// Since when a piece of it waits to be taken.
    fn since(&self) -> Option<Instant>;
    /// Lets go of all that it holds; it breaks off where it is.
    fn abandon(&self);
}

impl Line {
    pub(super) fn new(limits: &Limits, client: IpAddr, shared: bool) -> Arc<Self> {
        // Processes of the mesh call for everybody, and so does a proxy.
        let alone = !shared && !limits.proxies.trust(client);
        let state = State {
            taken: Instant::now(),
            answers: Vec::new(),
            blocked: None,
            head: None,
            head_bytes: 0,
            head_held: None,
            calls: 0,
            last_call: Instant::now(),
            called: false,
            unflushed: false,
        };
        Arc::new(Self {
            limits: limits.clone(),
            shared,
            bytes: AtomicUsize::new(0),
            client: alone.then(|| limits.all.of(client)),
            address: alone.then_some(client),
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for an answer of about so many bytes; `None` where that takes too long. One
    /// answer is always let, however large.
    pub(super) async fn admit(self: &Arc<Self>, bytes: usize) -> Option<Room> {
        if let Some(room) = self.try_admit(bytes) {
            return Some(room);
        }
        let until = Instant::now() + PATIENCE;
        let all = &self.limits.all;
        let _counted = Waiting::count(&all.waiting);
        loop {
            let mut room = std::pin::pin!(all.room.notified());
            room.as_mut().enable();
            if let Some(room) = self.try_admit(bytes) {
                return Some(room);
            }
            timeout_at(until, room).await.ok()?;
        }
    }

    /// Room for a refusal, which is always to be had.
    pub(super) fn spare(self: &Arc<Self>) -> Room {
        Room::take(self, 0)
    }

    fn try_admit(self: &Arc<Self>, bytes: usize) -> Option<Room> {
        if bytes == 0 {
            return Some(self.spare());
        }
        let (own, all) = (self.bytes.load(Ordering::Relaxed), self.limits.all.bytes.load(Ordering::Relaxed));
        // What is small finds room when large answers have none.
        let most = self.limits.all.most;
        let most = if bytes <= SMALL { most + most / 4 } else { most };
        let fits = |held: usize, most: usize| held == 0 || held + bytes <= most;
        let client = self.client.as_ref().map_or(0, |client| client.load(Ordering::Relaxed));
        let part = fits(own, most / PART) && fits(client, most / PART);
        (part && fits(all, most)).then(|| Room::take(self, bytes))
    }

    /// A request begins.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        (state.head, state.head_bytes, state.head_held) = (None, 0, None);
        state.calls += 1;
        state.called = true;
        state.unflushed = true;
    }

    /// And its answer has ended.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.calls = state.calls.saturating_sub(1);
        state.last_call = Instant::now();
    }

    /// All that was to be written is.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        state.unflushed &= state.calls > 0;
    }

    /// Whether no answer is under way: over HTTP/1.1, what is written now answers no call.
    pub(super) fn is_silent(&self) -> bool {
        let state = self.state();
        state.calls == 0 && !state.unflushed && !self.shared
    }

    /// Looks after an answer.
    pub(super) fn watch(&self, answer: Weak<dyn Waits>) {
        let mut state = self.state();
        if state.answers.is_empty() {
            state.taken = Instant::now();
        }
        if state.answers.len() == state.answers.capacity() {
            state.answers.retain(|answer| answer.strong_count() > 0);
        }
        state.answers.push(answer);
    }

    /// Something of an answer was taken.
    pub(super) fn took(&self) {
        self.state().taken = Instant::now();
    }

    /// So much was read. False where it is of a head for which there is no room: a head counts among what is on its way
    /// in, or those who begin requests and never end them would fill the memory beside it.
    pub(super) fn read(&self, bytes: usize) -> bool {
        let mut state = self.state();
        if state.calls > 0 {
            return true;
        }
        state.head.get_or_insert_with(Instant::now);
        let more = (state.head_bytes + bytes).saturating_sub(HEAD_SPARED).min(bytes);
        state.head_bytes += bytes;
        if more == 0 {
            return true;
        }
        let held = state.head_held.get_or_insert_with(|| {
            let held = Held::new(&self.limits.intake);
            held.is_of(self.address);
            held
        });
        held.grow(more)
    }

    /// Something was to be written, and could be or not.
    pub(super) fn wrote(&self, could: bool) {
        let mut state = self.state();
        if could {
            state.blocked = None;
        } else {
            state.blocked.get_or_insert_with(Instant::now);
        }
    }

    /// Whether there was any call.
    pub(super) fn has_called(&self) -> bool {
        self.state().called
    }

    /// Since when there is no call, if there is none.
    pub(super) fn idle(&self) -> Option<Duration> {
        let state = self.state();
        (state.calls == 0).then(|| state.last_call.elapsed())
    }

    /// Ends when the client is to be let go; says why.
    pub(super) async fn hopeless(&self, heads: bool) -> &'static str {
        let tick = (self.limits.send_timeout / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
        loop {
            sleep(tick).await;
            if let Some(why) = self.look(heads) {
                return why;
            }
        }
    }

    fn look(&self, heads: bool) -> Option<&'static str> {
        let (now, limit) = (Instant::now(), self.limits.send_timeout);
        let mut state = self.state();
        if heads && state.head.is_some_and(|since| now - since > HEAD) {
            return Some("the head of a request took too long");
        }
        if state.blocked.is_some_and(|since| now - since > limit) {
            return Some("nothing of what was sent was taken for too long");
        }
        state.answers.retain(|answer| answer.strong_count() > 0);
        let answers: Vec<_> = state.answers.iter().filter_map(Weak::upgrade).collect();
        let (taken, blocked) = (state.taken, state.blocked);
        // An answer that is dropped here must find the state free.
        drop(state);
        let oldest = answers.iter().filter_map(|answer| answer.since()).chain(blocked).min()?;
        let stalled = (now - oldest).min(now - taken);
        let times = 1 + u32::from(self.shared);
        if stalled > limit * times {
            return Some("no answer was read for too long");
        }
        let pressure = self.limits.all.waiting.load(Ordering::Relaxed) > 0;
        if pressure && stalled > UNDER_PRESSURE * times && self.bytes.load(Ordering::Relaxed) > LITTLE {
            return Some("no answer was read while others wait for the memory");
        }
        // Where other answers are read, only the one that is not has to go.
        for answer in answers {
            if answer.since().is_some_and(|since| now - since > limit) {
                answer.abandon();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
