//! The open ports of a process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use kit::{
    Role,
    client::Proxies,
    listen::{Ends, Limits, Listener, Outward, Protocol, Tls, Workers, raise_open_files},
    mesh::certificates::Certificates,
    telemetry::Telemetry,
    wire::Wire,
};

use super::{Process, operators};
use crate::{
    error::Error,
    settings::{Listening, Settings},
};

/// How long operators may take nothing of an answer, and how long their connections may be silent: a reader of metrics
/// comes every minute at least.
const OPERATORS_SEND: Duration = Duration::from_secs(30);
const OPERATORS_IDLE: Duration = Duration::from_secs(90);
/// Bytes of answers to operators that are under way at the most, and of their requests.
const OPERATORS_MEMORY: usize = 16 << 20;

/// The open ports. Clients queue at them until the process is ready.
pub struct Ports {
    rest: Option<Listener>,
    grpc: Listener,
    admin: Option<Listener>,
    limits: Limits,
    operators_limits: Limits,
}

/// Where the open ports are.
pub struct Addresses {
    pub rest: Option<SocketAddr>,
    pub grpc: Option<SocketAddr>,
    pub admin: Option<SocketAddr>,
}

impl Ports {
    /// Opens them.
    pub async fn open(settings: &Settings, certificates: Option<&Certificates>) -> Result<Self, Error> {
        let (process, listening) = (&settings.process, &settings.process.listening);
        raise_open_files();
        let outward = outward(listening)?;
        let tls = outward.clone().map(Tls::outward).transpose().map_err(Error::other)?;
        // The operator's commands and probes of a process without a certificate of the mesh come from its own machine.
        let grpc_tls = match (certificates, outward) {
            (Some(certificates), outward) => Some(Tls::of_mesh(certificates.clone(), outward)),
            (None, outward) => outward.map(Tls::outward_or_here),
        };
        let grpc_tls = grpc_tls.transpose().map_err(Error::other)?;
        let rest = match process.roles.get().contains(&Role::Gateway) {
            true => {
                let listener = open_rest(listening, tls, settings.gateway.proxy_protocol).await?;
                Some(listener.on(workers(&process.roles.get())?))
            }
            false => None,
        };
        let grpc = open(&process.grpc_listen, "--grpc-listen", Protocol::Grpc).await?.by_tls(grpc_tls);
        let admin = open_admin(listening).await?;
        let limits = limits(listening, settings.gateway.proxies());
        Ok(Self { rest, grpc, admin, limits, operators_limits: operators_limits(listening) })
    }

    /// Where they are.
    pub fn addresses(&self) -> Result<Addresses, Error> {
        let of =
            |listener: Option<&Listener>| listener.map(Listener::address).transpose().map_err(Error::other);
        Ok(Addresses {
            rest: of(self.rest.as_ref())?,
            grpc: of(Some(&self.grpc))?,
            admin: of(self.admin.as_ref())?,
        })
    }

    /// Lets clients in until the ports close; ends when the last has left.
    pub fn serve(
        self,
        process: &Process,
        telemetry: Arc<Telemetry>,
        ends: Ends,
    ) -> impl Future<Output = ()> + use<> {
        let (services, edge) = (process.services.clone(), process.edge.clone());
        let operators = operators::router(telemetry, process.readiness());
        async move {
            let rest = async {
                if let (Some(listener), Some(edge)) = (self.rest, edge) {
                    listener.serve(edge, ends.clone(), self.limits.clone()).await;
                }
            };
            let admin = async {
                if let Some(listener) = self.admin {
                    listener.serve(operators, ends.clone(), self.operators_limits).await;
                }
            };
            let services = Wire::new(services, contracts::pool());
            tokio::join!(rest, admin, self.grpc.serve(services, ends.clone(), self.limits.clone()));
        }
    }
}

/// What serves the edge where nothing else runs that would need its cores.
fn workers(roles: &[Role]) -> Result<Option<Workers>, Error> {
    (roles == [Role::Gateway]).then(Workers::start).transpose().map_err(Error::other)
}

/// The certificate that clients from outside are shown.
pub fn outward(listening: &Listening) -> Result<Option<Outward>, Error> {
    let (Some(certificate), Some(key)) = (&listening.tls_cert, &listening.tls_key) else { return Ok(None) };
    let opened = Outward::open(certificate, key);
    opened.map(Some).map_err(|problem| Error::usage(format!("--tls-cert, --tls-key: {problem}")))
}

/// What clients may cost.
pub fn limits(listening: &Listening, proxies: Proxies) -> Limits {
    let memory = listening.answer_memory as usize * (1 << 20);
    let requests = listening.request_memory as usize * (1 << 20);
    let mut limits = Limits::new(listening.send_timeout, listening.idle_timeout, memory, requests);
    limits.connections = listening.connections_per_address as usize;
    limits.proxies = proxies;
    limits
}

/// What operators and their tools may cost. It is counted by itself: metrics are read and probes answered, whatever
/// clients make the process hold.
pub fn operators_limits(listening: &Listening) -> Limits {
    let mut limits = Limits::new(OPERATORS_SEND, OPERATORS_IDLE, OPERATORS_MEMORY, OPERATORS_MEMORY);
    limits.connections = listening.connections_per_address as usize;
    limits
}

/// Opens the port of the edge.
pub async fn open_rest(
    listening: &Listening,
    tls: Option<Tls>,
    proxy_protocol: bool,
) -> Result<Listener, Error> {
    let listener = open(&listening.rest_listen, "--rest-listen", Protocol::Rest).await?;
    Ok(listener.by_tls(tls).proxied(proxy_protocol))
}

/// Opens the port of operators, where there is to be one.
pub async fn open_admin(listening: &Listening) -> Result<Option<Listener>, Error> {
    match &listening.admin_listen {
        Some(address) => Ok(Some(open(address, "--admin-listen", Protocol::Rest).await?)),
        None => Ok(None),
    }
}

async fn open(address: &str, flag: &'static str, protocol: Protocol) -> Result<Listener, Error> {
    let opened = Listener::bind(address, protocol).await;
    opened.map_err(|cause| Error::Listen { address: address.to_owned(), flag, cause })
}
