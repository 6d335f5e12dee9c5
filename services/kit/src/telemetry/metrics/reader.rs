//! Reads the metrics when somebody asks for them.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        InstrumentKind, ManualReader, Pipeline, Temporality, data::ResourceMetrics, reader::MetricReader,
    },
};

use super::text::{self, Exposition};

/// A reader; cheap to clone. Each reads all that was counted since the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, _: InstrumentKind) -> Temporality {
        Temporality::Cumulative
    }
}

impl Reader {
    /// What there is, as whoever sends this `accept` takes it: the media type, and the text.
    pub fn read(&self, accept: &str) -> Result<(&'static str, String), String> {
        let mut metrics = ResourceMetrics::default();
        self.0.collect(&mut metrics).map_err(|error| error.to_string())?;
        let exposition = Exposition::asked_for(accept);
        Ok((exposition.media_type(), text::write(&metrics, exposition)))
    }
}
