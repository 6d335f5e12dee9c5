//! A provider whose calls are measured.

use std::{future::Future, sync::Arc, time::Duration};

use axum::http::HeaderMap;
use kit::{
    Money, Time,
    telemetry::{
        metrics::{CALLS, Seconds},
        spans,
    },
};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{Capabilities, Charge, ChargeSnapshot, Cursor, EventPage, Failure, Outcome, Provider};
use super::{ProviderEvent, Rejection};

static DURATION: Seconds = Seconds::new(
    "feira.provider.call.duration",
    "How long calls of payment providers took, by provider, operation and what came of them",
    CALLS,
);

/// Around another provider.
pub(super) struct Measured(Arc<dyn Provider>);

impl Measured {
    pub fn around(provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
        Arc::new(Self(provider))
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let (began, span) = (Instant::now(), spans::outside(self.0.name(), operation));
        let done = work.instrument(span.clone()).await;
        let outcome = match &done {
            Ok(_) => "done",
            Err(Failure::Refused { .. }) => "refused",
            Err(Failure::NotSent { .. }) => "not_sent",
            Err(Failure::Unknown { .. }) => "unknown",
        };
        if outcome != "done" {
            spans::failed(&span);
        }
        let labels = [("provider", self.0.name()), ("operation", operation), ("outcome", outcome)];
        DURATION.record(began.elapsed(), &labels);
        done
    }
}

#[async_trait::async_trait]
impl Provider for Measured {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn title(&self) -> &'static str {
        self.0.title()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn accepts(&self, method: &str) -> bool {
        self.0.accepts(method)
    }

    fn methods(&self) -> &'static [&'static str] {
        self.0.methods()
    }

    fn has_page(&self) -> bool {
        self.0.has_page()
    }

    fn action_url(&self, action: &str) -> String {
        self.0.action_url(action)
    }

    async fn authorize(&self, key: &str, charge: &Charge) -> Outcome {
        self.call("authorize", self.0.authorize(key, charge)).await
    }

    async fn capture(&self, key: &str, charge: &Charge) -> Outcome {
        self.call("capture", self.0.capture(key, charge)).await
    }

    async fn void(&self, key: &str, charge: &Charge) -> Outcome {
        self.call("void", self.0.void(key, charge)).await
    }

    async fn acknowledge(&self, key: &str, charge: &Charge) -> Outcome {
        self.call("acknowledge", self.0.acknowledge(key, charge)).await
    }

    async fn refund(&self, key: &str, charge: &Charge, amount: Money) -> Outcome {
        self.call("refund", self.0.refund(key, charge, amount)).await
    }

    async fn query(&self, charge: &Charge) -> Result<Option<ChargeSnapshot>, Failure> {
        self.call("query", self.0.query(charge)).await
    }

    fn events_interval(&self) -> Option<Duration> {
        self.0.events_interval()
    }

    async fn list_events(&self, since: Time, read: &Cursor) -> Result<EventPage, Failure> {
        self.call("list_events", self.0.list_events(since, read)).await
    }

    fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Time,
    ) -> Result<Option<ProviderEvent>, Rejection> {
        self.0.read_webhook(headers, body, now)
    }
}
