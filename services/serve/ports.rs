//! The open ports of a process.

use std::net::SocketAddr;

use kit::{
    Role,
    listen::{Ends, Limits, Listener, Outward, Protocol, Tls, raise_open_files},
    mesh::certificates::Certificates,
    wire::Wire,
};

use super::Process;
use crate::{error::Error, settings::Settings};

/// The open ports. Clients queue at them until the process is ready.
pub struct Ports {
    rest: Option<Listener>,
    grpc: Listener,
    limits: Limits,
}

impl Ports {
    /// Opens them.
    pub async fn open(settings: &Settings, certificates: Option<&Certificates>) -> Result<Self, Error> {
        let process = &settings.process;
        raise_open_files();
        let outward = match (&process.tls_cert, &process.tls_key) {
            (Some(certificate), Some(key)) => Some(
                Outward::open(certificate, key)
                    .map_err(|problem| Error::usage(format!("--tls-cert, --tls-key: {problem}")))?,
            ),
            _ => None,
        };
        let tls = outward.clone().map(Tls::outward).transpose().map_err(Error::other)?;
        // The operator's commands and probes of a process without a certificate of the mesh come from its own machine.
        let grpc_tls = match (certificates, outward) {
            (Some(certificates), outward) => Some(Tls::of_mesh(certificates.clone(), outward)),
            (None, outward) => outward.map(Tls::outward_or_here),
        };
        let grpc_tls = grpc_tls.transpose().map_err(Error::other)?;
        let rest = match process.roles.get().contains(&Role::Gateway) {
            true => Some(open(&process.rest_listen, "--rest-listen", Protocol::Rest).await?.by_tls(tls)),
            false => None,
        };
        let grpc = open(&process.grpc_listen, "--grpc-listen", Protocol::Grpc).await?.by_tls(grpc_tls);
        let memory = process.answer_memory as usize * (1 << 20);
        let requests = process.request_memory as usize * (1 << 20);
        let mut limits = Limits::new(process.send_timeout, process.idle_timeout, memory, requests);
        limits.connections = process.connections_per_address as usize;
        limits.proxies = settings.gateway.proxies();
        Ok(Self { rest, grpc, limits })
    }

    /// Where they are: that of REST, and that of gRPC.
    pub fn addresses(&self) -> Result<(Option<SocketAddr>, Option<SocketAddr>), Error> {
        let rest = self.rest.as_ref().map(Listener::address).transpose().map_err(Error::other)?;
        Ok((rest, Some(self.grpc.address().map_err(Error::other)?)))
    }

    /// Lets clients in until the ports close; ends when the last has left.
    pub fn serve(self, process: &Process, ends: Ends) -> impl Future<Output = ()> + use<> {
        let (services, edge) = (process.services.clone(), process.edge.clone());
        async move {
            let rest = async {
                if let (Some(listener), Some(edge)) = (self.rest, edge) {
                    listener.serve(edge, ends.clone(), self.limits.clone()).await;
                }
            };
            let services = Wire::new(services, contracts::pool());
            tokio::join!(rest, self.grpc.serve(services, ends.clone(), self.limits.clone()));
        }
    }
}

async fn open(address: &str, flag: &'static str, protocol: Protocol) -> Result<Listener, Error> {
    let opened = Listener::bind(address, protocol).await;
    opened.map_err(|cause| Error::Listen { address: address.to_owned(), flag, cause })
}
