//! Room for an answer, counted by connection, by address and in all.

use std::sync::{Arc, atomic::Ordering};

use super::Line;

/// Bytes that are counted, for as long as this lives.
pub(in crate::process::listen) struct Room {
    line: Arc<Line>,
    bytes: usize,
}

impl Room {
    pub(super) fn take(line: &Arc<Line>, bytes: usize) -> Self {
        let mut room = Self { line: line.clone(), bytes: 0 };
        room.set(bytes);
        room
    }

    /// It is so many from now on.
    pub(in crate::process::listen) fn set(&mut self, bytes: usize) {
        let all = &self.line.limits.all;
        let counts = [&self.line.bytes, &all.bytes].into_iter().chain(self.line.client.as_deref());
        if bytes >= self.bytes {
            counts.for_each(|count| _ = count.fetch_add(bytes - self.bytes, Ordering::Relaxed));
        } else {
            counts.for_each(|count| _ = count.fetch_sub(self.bytes - bytes, Ordering::Relaxed));
            if all.waiting.load(Ordering::Relaxed) > 0 {
                all.room.notify_waiters();
            }
        }
        self.bytes = bytes;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.set(0);
    }
}
