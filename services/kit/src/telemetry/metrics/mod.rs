//! Metrics: instruments, each declared once where it is counted. They go to OpenTelemetry's meter provider, which hands
//! them to whoever reads: OTLP, and `/metrics` of the admin listener.
//!
//! Where nobody reads, an instrument costs a look at one word of memory. Where somebody does, what is counted with every
//! call has its series at hand ([`Series`], [`Tally`]): no labels are made and none are looked up.

mod exemplars;
pub mod figures;
mod process;
mod reader;
pub mod rpc;
mod text;
pub mod web;

use std::{sync::OnceLock, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{self as otel, AsyncInstrument, BoundCounter, BoundHistogram, Meter, MeterProvider},
};
use opentelemetry_sdk::metrics::SdkMeterProvider;

pub(super) use reader::Reader;

use self::exemplars::Exemplars;

/// A process has one. None, where nobody reads.
static METER: OnceLock<Meter> = OnceLock::new();

/// A label's name, and its value, of which there are few.
pub type Label<'l> = (&'static str, &'l str);

/// Bounds of histograms in seconds. Of calls: those of the semantic conventions, less three, and finer below 5 ms, where
/// most calls end.
pub const CALLS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Of statements: from what SQLite reads in place.
pub const STATEMENTS: &[f64] =
    &[0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
/// Of what may take minutes.
pub const LONG: &[f64] = &[0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];

/// Makes the provider's meter the process's.
pub(super) fn start(provider: &SdkMeterProvider) {
    let meter = METER.get_or_init(|| provider.meter("feira"));
    process::observe(meter);
    figures::begin();
}

/// Whether anybody reads.
pub fn on() -> bool {
    METER.get().is_some()
}

fn attributes(labels: &[Label<'_>]) -> Vec<KeyValue> {
    labels.iter().map(|(name, value)| KeyValue::new(*name, (*value).to_owned())).collect()
}

/// What only grows.
pub struct Counter {
    name: &'static str,
    unit: &'static str,
    about: &'static str,
    made: OnceLock<otel::Counter<u64>>,
}

impl Counter {
    /// `unit` as UCUM has it; in braces (`{order}`) what is counted, which is no part of the name.
    pub const fn new(name: &'static str, unit: &'static str, about: &'static str) -> Self {
        Self { name, unit, about, made: OnceLock::new() }
    }

    fn get(&self) -> Option<&otel::Counter<u64>> {
        let meter = METER.get()?;
        let make = || meter.u64_counter(self.name).with_unit(self.unit).with_description(self.about).build();
        Some(self.made.get_or_init(make))
    }

    /// Adds to the series of these labels.
    pub fn add(&self, number: u64, labels: &[Label<'_>]) {
        if let Some(counter) = self.get() {
            counter.add(number, &attributes(labels));
        }
    }

    /// Begins series at 0: what is there before the first event shows its increase.
    pub fn begin(&self, series: &[&[Label<'_>]]) {
        series.iter().for_each(|labels| self.add(0, labels));
    }
}

/// One series of a counter, which is found once.
pub struct Tally {
    of: &'static Counter,
    labels: &'static [Label<'static>],
    made: OnceLock<BoundCounter<u64>>,
}

impl Tally {
    pub const fn new(of: &'static Counter, labels: &'static [Label<'static>]) -> Self {
        Self { of, labels, made: OnceLock::new() }
    }

    /// Adds one.
    pub fn count(&self) {
        if let Some(counter) = self.of.get() {
            self.made.get_or_init(|| counter.bind(&attributes(self.labels))).add(1);
        }
    }
}

/// How long something takes, in seconds.
pub struct Seconds {
    name: &'static str,
    about: &'static str,
    bounds: &'static [f64],
    made: OnceLock<otel::Histogram<f64>>,
}

impl Seconds {
    pub const fn new(name: &'static str, about: &'static str, bounds: &'static [f64]) -> Self {
        Self { name, about, bounds, made: OnceLock::new() }
    }

    fn get(&self) -> Option<&otel::Histogram<f64>> {
        let meter = METER.get()?;
        let make = || {
            let histogram = meter.f64_histogram(self.name).with_unit("s").with_description(self.about);
            histogram.with_boundaries(self.bounds.to_vec()).build()
        };
        Some(self.made.get_or_init(make))
    }

    /// Takes note of one.
    pub fn record(&self, took: Duration, labels: &[Label<'_>]) {
        if let Some(histogram) = self.get() {
            histogram.record(took.as_secs_f64(), &attributes(labels));
        }
    }

    /// The series of these labels, to be kept.
    pub fn series(&self, labels: &[Label<'_>]) -> Option<Series> {
        let bound = self.get()?.bind(&attributes(labels));
        Some(Series { bound, exemplars: Exemplars::of(self.name, labels, self.bounds) })
    }
}

/// One series of a histogram. Its exemplars are the places of its latest values in their traces.
pub struct Series {
    bound: BoundHistogram<f64>,
    exemplars: Exemplars,
}

impl Series {
    /// Takes note of one, in the current span.
    pub fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.bound.record(seconds);
        self.exemplars.note(seconds);
    }
}

/// What goes up and down, as it was when it was looked at last.
pub struct Gauge {
    name: &'static str,
    unit: &'static str,
    about: &'static str,
    made: OnceLock<otel::Gauge<f64>>,
}

impl Gauge {
    pub const fn new(name: &'static str, unit: &'static str, about: &'static str) -> Self {
        Self { name, unit, about, made: OnceLock::new() }
    }

    /// Sets the series of these labels.
    pub fn set(&self, value: f64, labels: &[Label<'_>]) {
        let Some(meter) = METER.get() else { return };
        let make = || meter.f64_gauge(self.name).with_unit(self.unit).with_description(self.about).build();
        self.made.get_or_init(make).record(value, &attributes(labels));
    }
}

/// Somebody who says what there is, whenever it is read.
pub struct Watched {
    pub name: &'static str,
    pub unit: &'static str,
    pub about: &'static str,
}

impl Watched {
    /// Asks `look` at each reading, for as long as the process runs. It must not block.
    pub fn by(&self, look: impl Fn(&mut dyn FnMut(f64, &[Label<'_>])) + Send + Sync + 'static) {
        let Some(meter) = METER.get() else { return };
        let callback = move |observer: &dyn AsyncInstrument<f64>| {
            look(&mut |value, labels| observer.observe(value, &attributes(labels)));
        };
        let gauge = meter.f64_observable_gauge(self.name).with_unit(self.unit).with_description(self.about);
        gauge.with_callback(callback).build();
    }
}
