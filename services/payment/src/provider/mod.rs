//! The interface to payment providers: a few operations, each idempotent by a key of ours where the provider supports
//! that, and outcomes that say what is certain and what is not.

mod event;
pub mod http;
mod measured;
pub mod signature;
mod simulated;
mod spacecash;
pub mod stripe;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::http::HeaderMap;
use kit::{Money, Time};

pub use event::{
    Content, Cursor, DisputeSnapshot, EventPage, LONGEST_ID, ProviderEvent, Rejection, Subject, single,
};
pub use http::url;
use measured::Measured;
pub use simulated::{SIGNATURE, Simulated};
pub use spacecash::{NAME as SPACECASH, SpaceCash};
pub use stripe::Stripe;

use crate::domain::{Capabilities, Charge, ChargeSnapshot, Failure, Outcome};

/// A payment provider. `key` names an operation; sent again, it is the same operation.
#[async_trait::async_trait]
pub trait Provider: Send + Sync {
    /// Its name in configuration, payments and the ledger.
    fn name(&self) -> &'static str;

    /// What shoppers know it by where the configuration names its payment type nothing else.
    fn title(&self) -> &'static str;

    fn capabilities(&self) -> Capabilities;

    /// Whether it takes a payment method; the empty one is its default.
    fn accepts(&self, method: &str) -> bool;

    /// All methods that it takes, its default first; none where they are countless, such as cards.
    fn methods(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether its default method is a page of its own, to which the customer is sent to pay.
    fn has_page(&self) -> bool {
        false
    }

    /// Where the customer must act, from the `action` of [`ChargeStatus::Waiting`](crate::domain::ChargeStatus::Waiting).
    fn action_url(&self, action: &str) -> String {
        action.to_owned()
    }

    /// Holds the money; takes it at once where the charge says so and the provider can.
    async fn authorize(&self, key: &str, charge: &Charge) -> Outcome;

    /// Takes all of the money held.
    async fn capture(&self, key: &str, charge: &Charge) -> Outcome;

    /// Lets go of a charge that is not captured.
    async fn void(&self, key: &str, charge: &Charge) -> Outcome;

    /// Acknowledges a waiting charge.
    async fn acknowledge(&self, key: &str, charge: &Charge) -> Outcome;

    /// Refunds money of a captured charge.
    async fn refund(&self, key: &str, charge: &Charge, amount: Money) -> Outcome;

    /// The charge as it is now; `None` where the provider does not have it.
    async fn query(&self, charge: &Charge) -> Result<Option<ChargeSnapshot>, Failure>;

    /// Asks it for something that changes nothing: what it says, or why it cannot be used.
    async fn reach(&self) -> Result<String, String> {
        Ok(self.title().to_owned())
    }

    /// How often its record of events is to be read, where it keeps one.
    fn events_interval(&self) -> Option<Duration> {
        None
    }

    /// Its record of captures, refunds and disputes, whether or not webhooks were sent: after what was `read` before,
    /// or since a time. A bounded number; where there are more since a time, the newest.
    async fn list_events(&self, _since: Time, _read: &Cursor) -> Result<EventPage, Failure> {
        Ok(EventPage::default())
    }

    /// Reads a webhook: checks that the provider signed this body not long ago ([`signature`]), and says what
    /// it means; `None`, where it is about nothing of ours. A provider that sends webhooks must be one that can be
    /// queried: what may be outdated is reconciled by a query.
    fn read_webhook(
        &self,
        _headers: &HeaderMap,
        _body: &[u8],
        _now: Time,
    ) -> Result<Option<ProviderEvent>, Rejection> {
        Err(Rejection::NoEvents)
    }
}

/// The providers of this process, by name.
#[derive(Clone, Default)]
pub struct Providers(Arc<BTreeMap<&'static str, Arc<dyn Provider>>>);

impl Providers {
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        let measured = providers.into_iter().map(Measured::around);
        Self(Arc::new(measured.map(|provider| (provider.name(), provider)).collect()))
    }

    pub fn get(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.0.values()
    }
}
