//! The ports of the simulated provider, opened before anything else is done.

use std::{io, net::SocketAddr, time::Duration};

use axum::Router;
use kit::{StartError, Tasks};
use tokio::net::TcpListener;

use super::serve;
use crate::{Options, Pages};

/// The ports that the options name, open; none where the simulated provider runs elsewhere.
#[derive(Debug, Default)]
pub struct Ports {
    pub(crate) simulator: Option<Port>,
    pub(crate) actions: Option<Port>,
}

impl Ports {
    /// Opens them.
    pub async fn open(options: &Options) -> Result<Self, StartError> {
        if options.simulator_url.is_some() {
            return Ok(Self::default());
        }
        let actions = match options.simulator_actions_listen {
            Some(wanted) => Some(Port::open(wanted).await?),
            None => None,
        };
        Ok(Self { simulator: Some(Port::open(options.simulator_listen).await?), actions })
    }
}

/// How the service and its customers reach each other, beside its RPCs.
#[derive(Debug, Default)]
pub struct Reach {
    pub ports: Ports,
    /// Where providers send customers back to.
    pub pages: Pages,
    /// Where customers reach this process's REST interface, if that is known and can have the simulated provider's
    /// pages among its own ([`Started::pages`](crate::Started)).
    pub edge: Option<String>,
}

/// The path below which the edge has the simulated provider's pages.
pub const PAGES_BELOW: &str = "/simulator";

/// An open port.
#[derive(Debug)]
pub(crate) struct Port {
    listener: TcpListener,
    /// Under which this process reaches it.
    address: SocketAddr,
}

impl Port {
    async fn open(wanted: SocketAddr) -> Result<Self, StartError> {
        let failed = |cause: io::Error| StartError::Listen {
            what: "the simulated payment provider",
            address: wanted.to_string(),
            cause,
        };
        let listener = kit::listen::open(wanted).await.map_err(failed)?;
        let mut address = listener.local_addr().map_err(failed)?;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                [127, 0, 0, 1].into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        Ok(Self { listener, address })
    }

    /// Answers there from now on; says where that is.
    pub(crate) fn serve(self, router: Router, tasks: &Tasks, grace: Duration) -> SocketAddr {
        let Self { listener, address } = self;
        tracing::info!(%address, "the simulated payment provider listens");
        // What is under way when the process drains still needs its provider.
        let tasks = tasks.clone();
        tokio::spawn(serve(listener, router, async move {
            tasks.draining().await;
            tokio::time::sleep(grace).await;
        }));
        address
    }
}
