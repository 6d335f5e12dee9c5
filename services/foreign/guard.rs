//! What keeps a gateway from being asked for more than it can do. Who may call what is the services' to say.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use axum::http::HeaderMap;
use futures::future::BoxFuture;
use gateway::Admitted;
use kit::{
    Fault,
    client::Client,
    limits::{Limiter, OpenStream, Quota, Rate},
};
use tokio::sync::Semaphore;
use tonic::Status;

use super::settings::Limits;

/// Documents and files that one address may have made for it in a minute.
const PAGES: NonZeroU32 = NonZeroU32::MIN.saturating_add(599);

/// Counts requests by their addresses, and calls under way.
pub struct Guard {
    limits: Limiter,
    calls: Arc<Semaphore>,
}

impl Guard {
    /// With these limits.
    pub fn new(limits: &Limits) -> Self {
        let pages = Rate(Some(Quota { count: PAGES, window: Duration::from_secs(60) }));
        Self {
            limits: Limiter::of_addresses(limits.rate_limit_address, pages, limits.streams_per_address),
            calls: Arc::new(Semaphore::new(limits.max_calls as usize)),
        }
    }

    /// Counts a stream of an address, for as long as what is answered lives.
    pub fn opens(&self, address: Option<IpAddr>) -> Result<Option<OpenStream>, Status> {
        Ok(self.limits.open_at(address)?)
    }
}

impl gateway::Guard for Guard {
    fn arrives(&self, headers: &HeaderMap) -> Result<(), Status> {
        Ok(self.limits.arrives(Client::handed_on(headers).address)?)
    }

    fn reads_page(&self, headers: &HeaderMap) -> Result<(), Status> {
        Ok(self.limits.reads_page(Client::handed_on(headers).address)?)
    }

    fn admit<'a>(&'a self, _: &'a HeaderMap, _: &'a str) -> BoxFuture<'a, Result<Admitted, Status>> {
        let calls = self.calls.clone();
        let begin = move || match calls.try_acquire_owned() {
            Ok(place) => Ok(Box::new(place) as Box<dyn std::any::Any + Send>),
            Err(_) => Err(Fault::overloaded("too many calls at the same time").into()),
        };
        Box::pin(async move { Ok(Admitted { begin: Box::new(begin), who: None }) })
    }
}
