//! How the operator's commands reach the mesh service, and how they are known there.

use std::time::Duration;

use contracts::mesh::mesh_service_client::MeshServiceClient;
use kit::{Clock, Fault, Identity, Role, headers::AUTHORIZATION, identity::MeshSecret};
use prost_reflect::{DynamicMessage, SerializeOptions};
use tonic::{Code, Request, Status, metadata::MetadataValue, transport::Channel};

use crate::{
    channel, data,
    error::Error,
    health::url_of,
    settings::{ConfigFile, DataDir, MeshFiles, SharedSecret, role_url},
};

/// How long until a port must have answered.
const CONNECT: Duration = Duration::from_secs(3);

/// Where to ask, and as whom.
#[derive(clap::Args, Debug)]
pub struct Operator {
    /// Where to ask, as http://HOST:PORT (default: where --mesh-url says that the mesh service is, else where
    /// --grpc-listen says that gRPC is, on this machine)
    #[arg(long, value_name = "URL", value_parser = role_url)]
    url: Option<String>,

    /// Where the mesh service is reached by gRPC, where it runs elsewhere
    #[arg(long, env = "FEIRA_MESH_URL", value_name = "URL", value_parser = role_url)]
    mesh_url: Option<String>,

    /// Where the process listens for gRPC
    #[arg(long, env = "FEIRA_GRPC_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:50051")]
    grpc_listen: String,

    /// How long to wait for an answer
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = kit::duration)]
    timeout: Duration,

    #[command(flatten)]
    data: DataDir,

    #[command(flatten)]
    secret: SharedSecret,

    #[command(flatten)]
    files: MeshFiles,

    #[command(flatten)]
    _config: ConfigFile,
}

/// A way to a process of the mesh.
pub struct Way {
    /// The mesh service there, if it is one that runs it.
    pub client: MeshServiceClient<Channel>,
    pub channel: Channel,
    pub url: String,
    identity: Identity,
    /// The role that is called.
    to: Role,
    timeout: Duration,
}

impl Operator {
    /// Connects.
    pub async fn connect(&self) -> Result<Way, Error> {
        let url = match self.url.as_ref().or(self.mesh_url.as_ref()) {
            Some(url) => url.clone(),
            None => url_of(&self.grpc_listen, self.files.are_given())?,
        };
        Way::open(url, Role::Mesh, (&self.secret, &self.files), &self.data, self.timeout).await
    }
}

impl Way {
    /// Connects.
    pub async fn open(
        url: String,
        to: Role,
        (secret, files): (&SharedSecret, &MeshFiles),
        data: &DataDir,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let certificates = files.open()?;
        let secret = match &certificates {
            Some(_) => MeshSecret::random(),
            None => data::mesh_secret(secret, &data.path).map_err(|error| {
                Error::usage(format!("the operator is known by the mesh secret: {error}"))
            })?,
        };
        let identity = Identity::new(secret, Clock::system()).map_err(Error::other)?;
        if let Some(certificates) = &certificates {
            let certificate = certificates.current();
            if !certificate.roles.contains(&Role::Operator) {
                return Err(Error::usage("--mesh-cert: it does not name the role operator"));
            }
            identity.learn_certificate(certificate);
        }
        let channel = channel::connect(&url, certificates.as_ref(), Some(to), CONNECT.min(timeout)).await?;
        Ok(Self { client: MeshServiceClient::new(channel.clone()), channel, url, identity, to, timeout })
    }

    /// A call as the operator.
    pub fn request<M>(&self, message: M) -> Result<Request<M>, Error> {
        self.request_as(Role::Operator, message)
    }

    /// A call as a role, which the mesh secret lets whoever has it be.
    pub fn request_as<M>(&self, from: Role, message: M) -> Result<Request<M>, Error> {
        // One for each call: tokens live for a minute, `status --watch` for days.
        let token = self.identity.service_token(from, self.to, None).map_err(Error::other)?;
        let mut value = MetadataValue::try_from(format!("Bearer {token}")).map_err(Error::other)?;
        // Neither shown by debug output nor put into HPACK's table, from which sizes could tell it.
        value.set_sensitive(true);
        let mut request = Request::new(message);
        request.metadata_mut().insert(AUTHORIZATION, value);
        request.set_timeout(self.timeout);
        Ok(request)
    }

    /// Why there is no answer.
    pub fn failed(&self, status: &Status) -> Error {
        let (url, fault) = (&self.url, Fault::of(status));
        match status.code() {
            Code::Unauthenticated if fault.metadata.iter().any(|info| info.contains_key("audience")) => {
                Error::Unhealthy(format!("the {} service does not run at {url}", self.to))
            }
            Code::Unauthenticated => {
                let ours = if self.identity.has_certificates() { "certificate" } else { "mesh secret" };
                Error::usage(format!("{url} does not take our {ours}: is it that of another mesh?"))
            }
            Code::Unimplemented => Error::Unhealthy(format!("the {} service does not run at {url}", self.to)),
            Code::DeadlineExceeded | Code::Cancelled => {
                Error::Unhealthy(format!("no answer from {url} in time"))
            }
            _ => Error::Unhealthy(format!("{url}: {}", fault.message)),
        }
    }
}

/// A message as proto3 JSON, every field printed.
pub fn json<M: prost::Message + prost::Name>(message: &M) -> Result<String, Error> {
    let name = M::full_name();
    let kind = contracts::pool().get_message_by_name(&name).ok_or_else(|| Error::other(name))?;
    let mut dynamic = DynamicMessage::new(kind);
    dynamic.transcode_from(message).map_err(Error::other)?;
    let options = SerializeOptions::new().skip_default_fields(false);
    let value =
        dynamic.serialize_with_options(serde_json::value::Serializer, &options).map_err(Error::other)?;
    Ok(format!("{value:#}\n"))
}
