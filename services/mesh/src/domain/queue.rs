//! What waits to be sent to one webhook: what happened to one thing in its order, different things beside each other.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use kit::{Time, id::DeliveryId};

/// Something that waits.
#[derive(Debug, Clone)]
struct Waiting<T> {
    id: DeliveryId,
    sequence: i64,
    due: Time,
    item: T,
}

/// What waits, by what it is about.
#[derive(Debug)]
pub struct Queue<T> {
    /// Of each thing the first one is next; the others wait for it.
    of: HashMap<String, VecDeque<Waiting<T>>>,
    /// Those that are next and not under way, by when they are due.
    next: BTreeMap<(Time, i64), String>,
    /// Things of which one is under way.
    under_way: HashSet<String>,
    count: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { of: HashMap::new(), next: BTreeMap::new(), under_way: HashSet::new(), count: 0 }
    }
}

impl<T: Clone> Queue<T> {
    /// How many there are, with those under way.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Adds one behind the others of its subject.
    pub fn push(&mut self, subject: &str, sequence: i64, id: DeliveryId, due: Time, item: T) {
        let waiting = self.of.entry(subject.to_owned()).or_default();
        waiting.push_back(Waiting { id, sequence, due, item });
        self.count += 1;
        if waiting.len() == 1 && !self.under_way.contains(subject) {
            self.next.insert((due, sequence), subject.to_owned());
        }
    }

    /// Takes one that is due; it stays the first of its subject until [`settle`](Self::settle) or [`later`](Self::later).
    pub fn take(&mut self, now: Time) -> Option<T> {
        let entry = self.next.first_entry()?;
        if entry.key().0 > now {
            return None;
        }
        let subject = entry.remove();
        let item = self.of.get(&subject)?.front()?.item.clone();
        self.under_way.insert(subject);
        Some(item)
    }

    /// When the first of those that are not under way is due.
    pub fn next_due(&self) -> Option<Time> {
        self.next.first_key_value().map(|((due, _), _)| *due)
    }

    /// One is done with, however it ended: the next of its subject may go.
    pub fn settle(&mut self, subject: &str, id: DeliveryId) {
        self.under_way.remove(subject);
        let Some(waiting) = self.of.get_mut(subject) else { return };
        if waiting.front().is_some_and(|first| first.id == id) {
            waiting.pop_front();
            self.count -= 1;
        }
        match waiting.front() {
            Some(first) => {
                self.next.insert((first.due, first.sequence), subject.to_owned());
            }
            None => {
                self.of.remove(subject);
            }
        }
    }

    /// One is to be sent again: those behind it wait.
    pub fn later(&mut self, subject: &str, id: DeliveryId, due: Time, item: T) {
        self.under_way.remove(subject);
        let Some(first) = self.of.get_mut(subject).and_then(VecDeque::front_mut) else { return };
        if first.id == id {
            (first.due, first.item) = (due, item);
        }
        let key = (first.due, first.sequence);
        self.next.insert(key, subject.to_owned());
    }

    /// The same queue of what is stored now, `rows` in the order of their sequences; what is under way stays so.
    pub fn reload(&mut self, rows: impl IntoIterator<Item = (String, i64, DeliveryId, Time, T)>) {
        let under_way = std::mem::take(&mut self.under_way);
        *self = Self { under_way, ..Self::default() };
        for (subject, sequence, id, due, item) in rows {
            self.push(&subject, sequence, id, due, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use kit::id::Id;
    use proptest::prelude::*;

    use super::*;

    fn queue(subjects: &[u8]) -> (Queue<usize>, Vec<DeliveryId>) {
        let (mut queue, mut ids) = (Queue::default(), Vec::new());
        for (place, subject) in subjects.iter().enumerate() {
            let id = DeliveryId::new();
            queue.push(&subject.to_string(), place as i64, id, Time(0), place);
            ids.push(id);
        }
        (queue, ids)
    }

    #[test]
    fn what_waits_behind_one_that_failed_waits_for_it() {
        let (mut queue, ids) = queue(&[1, 1, 2]);
        assert_eq!((queue.take(Time(0)), queue.take(Time(0)), queue.take(Time(0))), (Some(0), Some(2), None));
        queue.later("1", ids[0], Time(9), 0);
        queue.settle("2", ids[2]);
        assert_eq!((queue.take(Time(8)), queue.next_due(), queue.len()), (None, Some(Time(9)), 2));
        assert_eq!(queue.take(Time(9)), Some(0));
        queue.settle("1", ids[0]);
        assert_eq!(queue.take(Time(9)), Some(1));
        queue.settle("1", ids[1]);
        assert_eq!((queue.len(), queue.next_due()), (0, None));
    }

    #[test]
    fn what_is_read_again_keeps_what_is_under_way() {
        let (mut queue, ids) = queue(&[1, 1]);
        assert_eq!(queue.take(Time(0)), Some(0));
        let rows =
            |from: usize| (from..2).map(|place| ("1".to_owned(), place as i64, ids[place], Time(0), place));
        queue.reload(rows(0).collect::<Vec<_>>());
        assert_eq!(queue.take(Time(0)), None, "the first is under way");
        // Somebody ended it meanwhile.
        queue.reload(rows(1).collect::<Vec<_>>());
        assert_eq!(queue.take(Time(0)), None);
        queue.settle("1", ids[0]);
        assert_eq!((queue.take(Time(0)), queue.len()), (Some(1), 1));
    }

    proptest! {
        #[test]
        fn the_order_of_each_subject_is_kept_and_all_come_to_an_end(
            subjects in proptest::collection::vec(0u8..4, 1..40),
            turns in proptest::collection::vec((0usize..8, any::<bool>()), 0..200),
        ) {
            let (mut queue, ids) = queue(&subjects);
            let (mut sent, mut under_way, mut now) = (Vec::new(), Vec::new(), 0);
            let turns = turns.into_iter().chain(std::iter::repeat((0, true))).take(2_000);
            for (which, well) in turns {
                now += 1;
                while under_way.len() < 3 {
                    let Some(place) = queue.take(Time(now)) else { break };
                    prop_assert!(under_way.iter().all(|other: &usize| subjects[*other] != subjects[place]));
                    under_way.push(place);
                }
                if under_way.is_empty() {
                    if queue.len() == 0 { break }
                    continue;
                }
                let place = under_way.remove(which % under_way.len());
                let subject = subjects[place].to_string();
                if well {
                    sent.push(place);
                    queue.settle(&subject, ids[place]);
                } else {
                    queue.later(&subject, ids[place], Time(now + 3), place);
                }
            }
            prop_assert_eq!(sent.len(), subjects.len());
            for subject in 0..4u8 {
                let of: Vec<_> = sent.iter().filter(|place| subjects[**place] == subject).collect();
                prop_assert!(of.is_sorted());
            }
        }
    }
}
