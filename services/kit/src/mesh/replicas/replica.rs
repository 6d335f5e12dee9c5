//! One replica: where it is, and the connections to it.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt as _, Full};
use tonic::{body::Body, transport::Channel};
use tower::ServiceExt as _;

use super::{BoxError, near::Near, vitals::Vitals};
use crate::{
    listen::workers::{PerWorker, is_worker},
    mesh::certificates::Connector,
};

/// A replica; cheap to clone.
#[derive(Clone)]
pub(super) struct Replica {
    pub address: SocketAddr,
    /// The connection by which it was found, and is asked whether it lives; calls that are no worker's go by it.
    pub channel: Channel,
    near: Arc<PerWorker<Near>>,
    connector: Option<Connector>,
    pub vitals: Arc<Vitals>,
}

impl Replica {
    pub fn new(address: SocketAddr, channel: Channel, connector: Option<Connector>) -> Self {
        let (near, vitals) = Default::default();
        Self { address, channel, near, connector, vitals }
    }

    /// Sends a call that has one message: a worker by a connection of its own.
    pub async fn send(&self, parts: &Parts, message: &Bytes) -> Result<Response<Body>, BoxError> {
        if is_worker() {
            let near = self.near.get(|| Near::new(self.address, self.connector.clone()));
            return Ok(near.send(parts, message).await?);
        }
        let body = Full::new(message.clone()).map_err(|never| match never {});
        let request = Request::from_parts(parts.clone(), Body::new(body));
        Ok(self.channel.clone().oneshot(request).await?)
    }
}
