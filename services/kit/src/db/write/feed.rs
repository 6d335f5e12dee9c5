//! The newest events of a database, in memory: each is read from the database at most once per process, however
//! many follow.
//!
//! They are offered by whoever knows them first: the write that numbered them (SQLite), or the publisher
//! ([`super::publisher`]). What another process numbered is read when the publisher looks for it. Only what comes
//! without a gap is taken, because two that commit one after the other may offer in the other order; where there
//! is a gap, the database is read.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::outbox::event::Model;

/// The most events that are kept.
const EVENTS: usize = 2_000;
/// The most bytes that they have; a follower further behind reads from the database.
const BYTES: usize = 2 << 20;
/// What an event takes beside its data.
const FRAME: usize = 200;

/// The newest events, and a signal for those who wait for more.
pub(crate) struct Feed {
    kept: Mutex<Kept>,
    /// The position of the last event known; -1 until the feed has begun.
    last: watch::Sender<i64>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Arc<Model>>,
    bytes: usize,
}

/// What the feed has after a position.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// These events; none, if there is nothing newer.
    Events(Vec<Arc<Model>>),
    /// Nobody knows without the database: it has not begun, or the position is too old.
    Database,
}

impl Default for Feed {
    fn default() -> Self {
        Self { kept: Mutex::default(), last: watch::Sender::new(-1) }
    }
}

impl Feed {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins after a position.
    pub fn begin(&self, last: i64) {
        let kept = self.kept();
        self.last.send_if_modified(|known| {
            let first = *known < 0;
            if first {
                *known = last;
            }
            first
        });
        drop(kept);
    }

    /// Begins anew after another position, if `last` is still the last event known: where the database itself lacks
    /// what comes next, or has gone back. Followers read from the database until they have caught up.
    pub fn restart(&self, last: i64, after: i64) {
        let mut kept = self.kept();
        if self.last() == Some(last) {
            *kept = Kept::default();
            self.last.send_replace(after);
        }
    }

    /// The position of the last event known, once it has begun.
    pub fn last(&self) -> Option<i64> {
        Some(*self.last.borrow()).filter(|last| *last >= 0)
    }

    /// Wakes whoever waits when there is more.
    pub fn changes(&self) -> watch::Receiver<i64> {
        self.last.subscribe()
    }

    /// Takes published events, in the order of their positions. False where one before them is missing, or where
    /// the feed has not begun: then they are to be read from the database.
    pub fn offer(&self, events: Vec<Model>) -> bool {
        // The lock is held until the position is sent: a follower sees the two together.
        let mut kept = self.kept();
        let Some(mut last) = self.last() else { return false };
        let mut whole = true;
        for event in events {
            match event.position {
                Some(position) if position <= last => continue,
                Some(position) if position == last + 1 => last = position,
                _ => {
                    whole = false;
                    break;
                }
            }
            kept.bytes += event.data.len() + FRAME;
            kept.events.push_back(Arc::new(event));
            while kept.events.len() > EVENTS || kept.bytes > BYTES {
                let Some(oldest) = kept.events.pop_front() else { break };
                kept.bytes -= oldest.data.len() + FRAME;
            }
        }
        self.last.send_if_modified(|known| std::mem::replace(known, last) != last);
        whole
    }

    /// Up to `limit` events after a position.
    pub fn after(&self, position: i64, limit: usize) -> After {
        let kept = self.kept();
        let Some(last) = self.last() else { return After::Database };
        if position >= last {
            return After::Events(Vec::new());
        }
        let oldest = kept.events.front().and_then(|event| event.position);
        match oldest {
            // They are without gaps, so the place of each follows from its position.
            Some(oldest) if oldest <= position + 1 => {
                let skip = usize::try_from(position + 1 - oldest).unwrap_or(0);
                After::Events(kept.events.iter().skip(skip).take(limit).cloned().collect())
            }
            _ => After::Database,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(position: i64) -> Model {
        Model {
            id: position,
            position: Some(position),
            aggregate_id: "a".into(),
            kind: "k".into(),
            data: vec![0; 10],
            create_time: 0,
        }
    }

    fn positions(after: After) -> Vec<i64> {
        match after {
            After::Events(events) => events.iter().filter_map(|event| event.position).collect(),
            After::Database => panic!("the database would be read"),
        }
    }

    #[test]
    fn what_comes_without_a_gap_is_taken_once() {
        let feed = Feed::default();
        assert!(!feed.offer(vec![event(1)]), "it has not begun");
        assert_eq!(feed.after(0, 10), After::Database);
        feed.begin(4);
        assert!(feed.offer(vec![event(5), event(6)]));
        assert!(!feed.offer(vec![event(8)]), "7 is missing");
        assert!(feed.offer(vec![event(6), event(7), event(8)]));
        assert_eq!(positions(feed.after(4, 10)), [5, 6, 7, 8]);
        assert_eq!(positions(feed.after(6, 1)), [7]);
        assert!(positions(feed.after(8, 10)).is_empty());
        assert_eq!(feed.after(3, 10), After::Database, "4 is older than what is kept");
        feed.begin(2);
        assert_eq!(feed.last(), Some(8));
    }

    #[test]
    fn it_begins_anew_where_the_database_has_a_gap_or_has_gone_back() {
        let feed = Feed::default();
        feed.begin(0);
        assert!(feed.offer(vec![event(1), event(2)]));
        feed.restart(1, 9);
        assert_eq!(feed.last(), Some(2), "it has moved on meanwhile");
        feed.restart(2, 9);
        assert_eq!(feed.after(2, 10), After::Database);
        assert!(feed.offer(vec![event(10)]));
        assert_eq!(positions(feed.after(9, 10)), [10]);
        feed.restart(10, 1);
        assert_eq!(feed.after(0, 10), After::Database);
        assert!(feed.offer(vec![event(2)]));
        assert_eq!(positions(feed.after(1, 10)), [2]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let feed = Feed::default();
        feed.begin(0);
        assert!(feed.offer((1..=EVENTS as i64 + 5).map(event).collect()));
        assert_eq!(feed.after(4, 1), After::Database);
        assert_eq!(positions(feed.after(5, 1)), [6]);
        let large = Model { data: vec![0; BYTES], ..event(EVENTS as i64 + 6) };
        assert!(feed.offer(vec![large]));
        assert_eq!(feed.after(EVENTS as i64 + 5, 1), After::Database);
        assert!(positions(feed.after(EVENTS as i64 + 6, 1)).is_empty());
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let feed = Feed::default();
        feed.begin(0);
        let mut changes = feed.changes();
        changes.mark_unchanged();
        assert!(feed.offer(vec![event(1)]));
        changes.changed().await.unwrap();
        assert_eq!(positions(feed.after(0, 10)), [1]);
    }
}
