//! What a payment provider is to us: a few operations, each idempotent by a key of ours where the provider
//! has that, and answers that say what is certain and what is not.

mod event;
pub mod http;
pub mod signature;
mod simulated;
mod spacecash;
pub mod stripe;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::http::HeaderMap;
use kit::{
    Money, Time,
    id::{OrderId, PaymentId, UserId},
};

pub use event::{About, Cursor, DisputeNews, LONGEST_ID, News, ProviderEvent, Recalled, Rejection, single};
pub use http::url;
pub use simulated::{SIGNATURE, Simulated};
pub use spacecash::{NAME as SPACECASH, SpaceCash};
pub use stripe::Stripe;

/// What a provider can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The same key again is the same operation: what was lost may be sent again.
    pub idempotent: bool,
    /// It can be asked what became of a charge.
    pub can_ask: bool,
    pub can_void: bool,
    pub can_refund: bool,
    /// Refunds of less than all.
    pub partial_refund: bool,
    /// Waiting charges can be acknowledged.
    pub can_acknowledge: bool,
}

/// A charge as we know it.
#[derive(Debug, Clone)]
pub struct Charge {
    pub payment_id: PaymentId,
    pub order_id: OrderId,
    /// Who pays.
    pub user_id: UserId,
    pub payment_type: i32,
    /// The provider's own id; empty until it told us.
    pub reference: String,
    /// With the fee in it.
    pub amount: Money,
    pub fee: Money,
    /// One that the provider accepts.
    pub method: String,
    /// When the payment was made.
    pub create_time: Time,
}

/// Where a charge stands at its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The provider is still at work.
    Working,
    /// It waits: for the customer, whom [`Provider::action_url`] leads on from `action`, or for an
    /// acknowledgement.
    Waiting {
        action: String,
    },
    Authorized,
    Captured,
    Declined {
        reason: String,
    },
    Voided,
}

/// A charge as its provider knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub reference: String,
    pub standing: Standing,
    /// How much is held or taken, or went back with a refund, where the provider says so.
    pub size: Option<Money>,
}

impl Told {
    /// Without a word of the size.
    pub fn new(reference: impl Into<String>, standing: Standing) -> Self {
        Self { reference: reference.into(), standing, size: None }
    }
}

/// Why an operation was not answered with a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Refused for good, with the provider's reason; how the charge stands, where the provider says so.
    Refused { reason: String, told: Option<Told> },
    /// It cannot have reached the provider, or was turned away unread: nothing happened.
    NotSent { problem: String },
    /// It may have happened: the answer was lost, late or unreadable.
    Unknown { problem: String },
}

/// What an operation came to.
pub type Outcome = Result<Told, Failure>;

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

    /// Where the customer must act, from what [`Standing::Waiting`] said.
    fn action_url(&self, action: &str) -> String {
        action.to_owned()
    }

    /// Holds the money.
    async fn authorize(&self, key: &str, charge: &Charge) -> Outcome;

    /// Takes all of the money held.
    async fn capture(&self, key: &str, charge: &Charge) -> Outcome;

    /// Lets go of a charge that is not captured.
    async fn void(&self, key: &str, charge: &Charge) -> Outcome;

    /// Acknowledges a waiting charge.
    async fn acknowledge(&self, key: &str, charge: &Charge) -> Outcome;

    /// Gives money of a captured charge back.
    async fn refund(&self, key: &str, charge: &Charge, amount: Money) -> Outcome;

    /// What became of a charge; `None` where the provider has never heard of it.
    async fn ask(&self, charge: &Charge) -> Result<Option<Told>, Failure>;

    /// How often its record of events is to be read, where it keeps one.
    fn recalls_every(&self) -> Option<Duration> {
        None
    }

    /// What it has told of, or meant to, of captures, refunds and disputes: after what was `read` before, or since a
    /// time. A bounded number; where there are more since a time, the newest.
    async fn recall(&self, _since: Time, _read: &Cursor) -> Result<Recalled, Failure> {
        Ok(Recalled::default())
    }

    /// Reads a webhook: checks that the provider signed this body not long ago ([`signature`]), and says what
    /// it means; `None`, where that is nothing to us. A provider that sends webhooks must be one that can be
    /// asked: what may have been overtaken is asked for.
    fn receive(
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
        Self(Arc::new(providers.into_iter().map(|provider| (provider.name(), provider)).collect()))
    }

    pub fn get(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.0.values()
    }
}
