//! How many calls clients may make: token buckets by class of method and by whose they are, for what comes from outside
//! the mesh, at the edge and at the gRPC port alike.
//!
//! Every request counts against its address. A call also counts against its class: by the caller's user, or, for
//! nobody known and for whatever tests a password, by address; and one by an API key against that key. Addresses of IPv6 count as the networks of 64 bits that
//! a client has whole.

mod buckets;
mod load;
mod quota;
mod streams;

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use contracts::access::Limit as OfContract;

use self::{
    buckets::{Buckets, Seldom},
    load::Load,
    streams::OpenStreams,
};
use crate::{
    Caller, Fault,
    access::Method,
    id::{ApiKeyId, UserId},
    telemetry::metrics::figures,
};

pub(crate) use self::load::Begins;
pub use self::{
    load::{Place, Ticket},
    quota::{Quota, Rate},
    streams::OpenStream,
};

/// Buckets of a class at most: some 2 MiB.
const MOST: usize = 20_000;
/// How often it is logged that a limit was reached.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The limits, each a number of calls and a time: so many at once, and as many again in each such time.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct RateLimits {
    /// Requests of one client address, of all kinds and callers together: `COUNT/TIME`, or `off`. Behind a reverse proxy
    /// name that by --trusted-proxies, or all its clients are one
    #[arg(long, env = "FEIRA_RATE_LIMIT_ADDRESS", value_name = "COUNT/TIME", default_value = "30000/1m")]
    pub rate_limit_address: Rate,

    /// Sign-ins, registrations and whatever else tests a password or sends a mail, of one client address
    #[arg(long, env = "FEIRA_RATE_LIMIT_SIGN_IN", value_name = "COUNT/TIME", default_value = "300/1m")]
    pub rate_limit_sign_in: Rate,

    /// Calls that change nothing, of one user, or of one address where nobody is signed in
    #[arg(long, env = "FEIRA_RATE_LIMIT_READS", value_name = "COUNT/TIME", default_value = "6000/1m")]
    pub rate_limit_reads: Rate,

    /// Calls that change something, likewise
    #[arg(long, env = "FEIRA_RATE_LIMIT_WRITES", value_name = "COUNT/TIME", default_value = "3000/1m")]
    pub rate_limit_writes: Rate,

    /// Orders that are placed (CreateOrder, Checkout), likewise; they count as changes, too
    #[arg(long, env = "FEIRA_RATE_LIMIT_ORDERS", value_name = "COUNT/TIME", default_value = "2000/1h")]
    pub rate_limit_orders: Rate,

    /// Streams: imports, exports, watched orders, likewise
    #[arg(long, env = "FEIRA_RATE_LIMIT_STREAMS", value_name = "COUNT/TIME", default_value = "300/1m")]
    pub rate_limit_streams: Rate,

    /// Calls by one API key, of all kinds; they count against its user's limits, too
    #[arg(long, env = "FEIRA_RATE_LIMIT_API_KEY", value_name = "COUNT/TIME", default_value = "6000/1m")]
    pub rate_limit_api_key: Rate,

    /// Calls from outside that one process works on at the same time, streams aside. One more is refused at once: of
    /// nobody known from 60 of 100 on, of users from 85, checkouts last
    #[arg(long, env = "FEIRA_MAX_CALLS", value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_calls: u32,

    /// Streams that one user may have open at the same time in one process
    #[arg(long, env = "FEIRA_STREAMS_PER_USER", value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub streams_per_user: u32,
}

/// Who a bucket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    Address(IpAddr),
    User(UserId),
    Key(ApiKeyId),
}

struct Limit {
    name: &'static str,
    buckets: Buckets<Whose>,
    logged: Seldom,
}

/// The limits of a process; cheap to clone.
#[derive(Clone, Default)]
pub struct Limiter(Arc<Limits>);

#[derive(Default)]
struct Limits {
    address: Option<Limit>,
    sign_in: Option<Limit>,
    reads: Option<Limit>,
    writes: Option<Limit>,
    orders: Option<Limit>,
    streams: Option<Limit>,
    api_key: Option<Limit>,
    load: Arc<Load>,
    open: OpenStreams,
    most_open: Option<u32>,
}

impl Limiter {
    /// With full buckets.
    pub fn new(rates: &RateLimits) -> Self {
        Self(Arc::new(Limits {
            address: limit("address", rates.rate_limit_address),
            sign_in: limit("sign-in", rates.rate_limit_sign_in),
            reads: limit("reads", rates.rate_limit_reads),
            writes: limit("writes", rates.rate_limit_writes),
            orders: limit("orders", rates.rate_limit_orders),
            streams: limit("streams", rates.rate_limit_streams),
            api_key: limit("api-key", rates.rate_limit_api_key),
            load: Load::new(rates.max_calls),
            open: OpenStreams::default(),
            most_open: Some(rates.streams_per_user),
        }))
    }

    /// With limits on addresses alone: on all of their requests, on the edge's own pages, and on streams that are open.
    /// For whoever knows neither users nor what calls do.
    pub fn of_addresses(requests: Rate, pages: Rate, streams: u32) -> Self {
        let (address, reads) = (limit("address", requests), limit("reads", pages));
        Self(Arc::new(Limits { address, reads, most_open: Some(streams), ..Limits::default() }))
    }

    /// Counts a request, whatever it is.
    pub fn arrives(&self, address: Option<IpAddr>) -> Result<(), Fault> {
        take(self.0.address.as_ref(), address.map(|address| Whose::Address(network(address))))
    }

    /// Counts a stream of a user's, for as long as what is answered lives.
    pub fn open(&self, user: UserId) -> Result<OpenStream, Fault> {
        self.0.open.open(Whose::User(user), self.0.most_open.unwrap_or(u32::MAX))
    }

    /// The same of a stream that anybody may open.
    pub fn open_at(&self, address: Option<IpAddr>) -> Result<Option<OpenStream>, Fault> {
        let of = address.map(|address| Whose::Address(network(address)));
        of.map(|of| self.0.open.open(of, self.0.most_open.unwrap_or(u32::MAX))).transpose()
    }

    /// Counts a page of the edge's own that costs as much as a read.
    pub fn reads_page(&self, address: Option<IpAddr>) -> Result<(), Fault> {
        take(self.0.reads.as_ref(), address.map(|address| Whose::Address(network(address))))
    }

    /// Counts a call of a method. What it answers is to be begun once the request is there as a whole.
    pub fn admit(&self, method: &Method, caller: &Caller, address: Option<IpAddr>) -> Result<Ticket, Fault> {
        self.count(method, caller, address)?;
        Ok(self.0.load.ticket(method, caller))
    }

    fn count(&self, method: &Method, caller: &Caller, address: Option<IpAddr>) -> Result<(), Fault> {
        let limits = &*self.0;
        if let Caller::ApiKey { key, .. } = caller {
            take(limits.api_key.as_ref(), Some(Whose::Key(*key)))?;
        }
        let class = match method.limit {
            OfContract::SignIn => &limits.sign_in,
            OfContract::Address => return Ok(()),
            _ if method.streams || method.takes_stream => &limits.streams,
            _ if method.read => &limits.reads,
            _ => &limits.writes,
        };
        let of_address = || address.map(|address| Whose::Address(network(address)));
        let whose = match caller {
            Caller::Service { .. } => return Ok(()),
            // Whoever tries passwords must not get more tries by signing in.
            _ if method.limit == OfContract::SignIn => of_address(),
            caller => caller.user().map(Whose::User).or_else(of_address),
        };
        take(class.as_ref(), whose)?;
        match method.limit {
            OfContract::Orders => take(limits.orders.as_ref(), whose),
            _ => Ok(()),
        }
    }
}

fn limit(name: &'static str, rate: Rate) -> Option<Limit> {
    let buckets = Buckets::new(rate.0?, MOST)?;
    Some(Limit { name, buckets, logged: Seldom::default() })
}

fn take(limit: Option<&Limit>, whose: Option<Whose>) -> Result<(), Fault> {
    let (Some(limit), Some(whose)) = (limit, whose) else { return Ok(()) };
    let Err(wait) = limit.buckets.take(&whose) else { return Ok(()) };
    let quota = limit.buckets.quota;
    figures::limited(limit.name);
    if limit.logged.now(LOG_EVERY) {
        tracing::warn!(limit = limit.name, %quota, "limit.reached");
    }
    let message = format!("too many requests: at most {quota} of this kind ({})", limit.name);
    Err(Fault::rate_limited(message, wait)
        .with("limit", limit.name)
        .with("quota", quota.count)
        .with("window_seconds", quota.window.as_secs()))
}

/// What one client has of the address space.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests;
