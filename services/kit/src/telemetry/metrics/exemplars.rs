//! Exemplars: for each bucket of a histogram's series the trace of a call that fell into it lately. OpenTelemetry's SDK for
//! Rust keeps none, so they are kept beside it, where traces are exported.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{Label, text};
use crate::telemetry::place;

/// How long one is kept before another takes its place.
const AGAIN: Duration = Duration::from_secs(1);

/// All of the process, by the series' name and labels as they are written.
static ALL: Mutex<Option<HashMap<String, Arc<Kept>>>> = Mutex::new(None);

/// Those of one series.
pub(super) struct Exemplars(Option<Arc<Kept>>);

pub(super) struct Kept {
    bounds: &'static [f64],
    buckets: Mutex<Vec<Option<Exemplar>>>,
}

#[derive(Clone)]
struct Exemplar {
    trace_id: String,
    span_id: String,
    value: f64,
    time: SystemTime,
    since: Instant,
}

impl Exemplars {
    pub fn of(name: &'static str, labels: &[Label<'_>], bounds: &'static [f64]) -> Self {
        if !place::active() {
            return Self(None);
        }
        let kept = Kept { bounds, buckets: Mutex::new(vec![None; bounds.len() + 1]) };
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        let labels = text::labels(labels.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let kept = all.get_or_insert_default().entry(key(name, &labels)).or_insert_with(|| Arc::new(kept));
        Self(Some(kept.clone()))
    }

    /// A value, of the current span where that is exported.
    pub fn note(&self, value: f64) {
        let Some(kept) = &self.0 else { return };
        // Whoever comes at the same moment is as good an example.
        let Ok(mut buckets) = kept.buckets.try_lock() else { return };
        let place = kept.bounds.partition_point(|bound| *bound < value);
        let Some(bucket) = buckets.get_mut(place) else { return };
        if bucket.as_ref().is_some_and(|exemplar| exemplar.since.elapsed() < AGAIN) {
            return;
        }
        let Some((trace_id, span_id)) = place::sampled() else { return };
        let (time, since) = (SystemTime::now(), Instant::now());
        *bucket = Some(Exemplar { trace_id, span_id, value, time, since });
    }
}

/// Those of a series, to be written.
pub(super) fn of_series(name: &str, labels: &str) -> Option<Arc<Kept>> {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.as_ref()?.get(&key(name, labels)).cloned()
}

fn key(name: &str, labels: &str) -> String {
    format!("{name}\n{labels}")
}

impl Kept {
    /// The exemplar of a bucket, as OpenMetrics writes it; nothing, where there is none.
    pub fn written(&self, bucket: usize) -> String {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Exemplar { trace_id, span_id, value, time, .. }) = buckets.get(bucket).cloned().flatten()
        else {
            return String::new();
        };
        let at = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        format!(" # {{trace_id=\"{trace_id}\",span_id=\"{span_id}\"}} {value} {at:.3}")
    }
}
