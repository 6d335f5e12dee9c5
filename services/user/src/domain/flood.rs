//! How much anybody can add to the audit log without signing in: so many events from one source within a minute, and so
//! many of all together. What is more is counted, and the counts are told once the minute is over.

use std::{collections::HashMap, time::Duration};

use kit::Time;

/// Events from one source within a minute that are recorded each.
const OF_ONE: u64 = 10;
/// The same of all sources.
const OF_ALL: u64 = 300;
/// Sources that are told apart; the others count as one.
const SOURCES: usize = 2_000;
const MINUTE: Duration = Duration::from_secs(60);

/// What came within the minute that runs.
#[derive(Debug, Default)]
pub struct Minute {
    start: Option<Time>,
    recorded: u64,
    /// How many came from a source.
    sources: HashMap<String, u64>,
}

impl Minute {
    /// Counts an event about a known account that matters whatever else comes in: one of each account is recorded each
    /// minute, so that no flood of others keeps it out of the log.
    pub fn admit_of_account(&mut self, account: &str, now: Time) -> bool {
        if self.start.is_none_or(|start| now >= start + MINUTE) {
            *self = Self { start: Some(now), ..Self::default() };
        }
        self.sources.len() < SOURCES && self.sources.insert(account.to_owned(), 1).is_none()
    }

    /// Counts an event; whether it is to be recorded itself.
    pub fn admit(&mut self, source: &str, now: Time) -> bool {
        self.start.get_or_insert(now);
        let known = self.sources.contains_key(source) || self.sources.len() < SOURCES;
        let count = self.sources.entry(if known { source } else { "" }.to_owned()).or_default();
        *count += 1;
        let admitted = *count <= OF_ONE && self.recorded < OF_ALL;
        self.recorded += u64::from(admitted);
        admitted
    }

    /// Ends the minute, if it is over: says how many events from how many sources were counted and not recorded.
    pub fn end(&mut self, now: Time) -> Option<Uncounted> {
        let start = self.start?;
        if now < start + MINUTE {
            return None;
        }
        let ended = std::mem::take(self);
        let events = ended.sources.values().sum::<u64>() - ended.recorded;
        let mut most: Vec<(String, u64)> = ended
            .sources
            .into_iter()
            .filter(|(source, count)| *count > OF_ONE && !source.is_empty())
            .collect();
        most.sort_by(|(a, more), (b, less)| less.cmp(more).then(a.cmp(b)));
        most.truncate(MOST);
        (events > 0).then_some(Uncounted { events, most })
    }
}

/// How many sources are named.
const MOST: usize = 5;

/// What was not recorded of a minute.
#[derive(Debug, PartialEq, Eq)]
pub struct Uncounted {
    pub events: u64,
    /// The sources with the most events, recorded ones included.
    pub most: Vec<(String, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_fills_no_more_than_its_share_and_the_rest_is_counted() {
        let (mut minute, now) = (Minute::default(), Time(0));
        let admitted = (0..1_000).filter(|_| minute.admit("a", now)).count();
        assert_eq!(admitted as u64, OF_ONE);
        assert!(minute.admit("b", now));
        assert_eq!(minute.end(now + Duration::from_secs(59)), None);
        let ended = minute.end(now + MINUTE).unwrap();
        assert_eq!(ended, Uncounted { events: 990, most: vec![("a".to_owned(), 1_000)] });
        assert!(minute.admit("a", now + MINUTE), "another minute");
        assert_eq!(minute.end(now + MINUTE + MINUTE), None, "all of it was recorded");
    }

    #[test]
    fn neither_rows_nor_memory_follow_the_number_of_sources() {
        let (mut minute, now) = (Minute::default(), Time(0));
        let admitted = (0..100_000).filter(|number| minute.admit(&number.to_string(), now)).count();
        assert_eq!(admitted as u64, OF_ALL);
        assert!(minute.sources.len() <= SOURCES + 1);
        assert_eq!(minute.end(now + MINUTE).unwrap().events, 100_000 - OF_ALL);
    }
}
