//! How the roles of a mesh find each other.

#[cfg(feature = "database")]
pub mod audit_log;
pub mod certificates;
pub mod conn;
pub mod follow;
#[cfg(feature = "database")]
pub mod node;
mod not_grpc;
pub mod refusals;
pub(crate) mod replicas;
pub mod role;

use std::{collections::HashMap, sync::Arc};

use tonic::transport::Endpoint;

use certificates::Certificates;
use replicas::Replicas;

use crate::{
    Conn, Identity, Role,
    access::Methods,
    conn::{Hop, Local, Target},
};

/// A URL under which a role cannot be found.
#[derive(Debug, thiserror::Error)]
#[error("the URL of the {role} service is not one: {problem}")]
pub struct BadUrl {
    role: Role,
    problem: String,
}

/// The ways to every role; cheap to clone.
#[derive(Clone)]
pub struct Mesh(Arc<Inner>);

struct Inner {
    targets: HashMap<Role, Target>,
    urls: HashMap<Role, String>,
    identity: Identity,
    methods: Methods,
}

impl Mesh {
    /// `here` are the roles of this process, reached through `local`; `urls` say where the others are.
    pub fn new(
        here: &[Role],
        local: &Local,
        urls: &HashMap<Role, String>,
        identity: Identity,
        methods: Methods,
    ) -> Result<Self, BadUrl> {
        Self::by(here, local, urls, (identity, methods), None)
    }

    /// The same, by TLS where the process has a certificate of the mesh.
    pub fn by(
        here: &[Role],
        local: &Local,
        urls: &HashMap<Role, String>,
        (identity, methods): (Identity, Methods),
        certificates: Option<&Certificates>,
    ) -> Result<Self, BadUrl> {
        let target = |role: Role| match urls.get(&role) {
            _ if here.contains(&role) => Ok(Target::Local(local.clone())),
            Some(url) => Ok(Target::Remote(remote(role, url, certificates)?)),
            None => Ok(Target::Nowhere),
        };
        let targets = Role::SERVICES
            .into_iter()
            .map(|role| Ok((role, target(role)?)))
            .collect::<Result<_, BadUrl>>()?;
        Ok(Self(Arc::new(Inner { targets, urls: urls.clone(), identity, methods })))
    }

    /// The way from one role to another.
    pub fn conn(&self, from: Role, to: Role) -> Conn {
        let target = self.0.targets.get(&to).cloned().unwrap_or(Target::Nowhere);
        let (identity, methods) = (self.0.identity.clone(), self.0.methods.clone());
        Conn::new(Hop { from, to, target, identity, methods, hands_on: from == Role::Gateway })
    }

    /// The way by which a role calls for itself: the gateway too, which otherwise hands on its callers' calls.
    pub fn own_conn(&self, from: Role, to: Role) -> Conn {
        let target = self.0.targets.get(&to).cloned().unwrap_or(Target::Nowhere);
        let (identity, methods) = (self.0.identity.clone(), self.0.methods.clone());
        Conn::new(Hop { from, to, target, identity, methods, hands_on: false })
    }

    /// Where a role is looked for that does not run here; empty where nobody said.
    pub fn address(&self, role: Role) -> &str {
        // The first of several says enough.
        let urls = self.0.urls.get(&role).map(String::as_str).unwrap_or_default();
        let url = urls.split(',').next().unwrap_or_default().trim();
        url.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/')
    }

    /// Whether a role can be called from here at all.
    pub fn knows(&self, role: Role) -> bool {
        !matches!(self.0.targets.get(&role), None | Some(Target::Nowhere))
    }
}

/// The way to a role behind a URL, or behind several with commas in between.
fn remote(role: Role, urls: &str, certificates: Option<&Certificates>) -> Result<Replicas, BadUrl> {
    let bad = |problem: String| BadUrl { role, problem };
    let scheme = if certificates.is_some() { "https://" } else { "http://" };
    let endpoint = |url: &str| {
        let Some(rest) = url.strip_prefix(scheme) else {
            return Err(bad(match certificates {
                Some(_) => format!("{url:?} does not begin with https://, and the process has a certificate"),
                None => format!("{url:?} does not begin with http://; https:// takes --mesh-cert"),
            }));
        };
        // TLS is spoken below the channel, which knows nothing of it.
        let endpoint =
            Endpoint::from_shared(format!("http://{rest}")).map_err(|error| bad(error.to_string()))?;
        if endpoint.uri().host().is_none() {
            return Err(bad(format!("{url:?} names no host")));
        }
        Ok(endpoint)
    };
    let endpoints = urls.split(',').map(|url| endpoint(url.trim())).collect::<Result<_, _>>()?;
    let connector = certificates.map(|certificates| certificates.connector(Some(role))).transpose();
    Ok(Replicas::of(endpoints, connector.map_err(bad)?))
}
