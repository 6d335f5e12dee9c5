//! Where a call comes from: from outside, or from a part of the mesh, and whether its connection says so, too.

use http::{Extensions, HeaderMap, Request};

use crate::{
    Caller, Fault, Identity, Role,
    access::Method,
    client::{Client, Proxies},
    limits::Limiter,
    listen::{Held, Peer, PeerRoles},
};

/// Counts a call against its client's address before anything of it is looked at: what proves who calls may be a question to
/// the user service. Says whether it did; whoever says to be another role has to prove that first.
pub(super) fn arrives_first<B>(
    request: &Request<B>,
    identity: &Identity,
    proxies: &Proxies,
    limits: &Limiter,
) -> Result<bool, Fault> {
    let Some(Peer(peer)) = request.extensions().get::<Peer>() else { return Ok(false) };
    if may_be_role(identity, request.extensions()) && identity.names_a_role(request.headers()) {
        return Ok(false);
    }
    arrives(request, &Client::at(peer.ip(), request.headers(), proxies), limits)?;
    Ok(true)
}

/// Counts a call, and what it sends, against its client's address.
pub(super) fn arrives<B>(request: &Request<B>, client: &Client, limits: &Limiter) -> Result<(), Fault> {
    if let Some(held) = request.extensions().get::<Held>() {
        held.is_of(client.address);
    }
    limits.arrives(client.address)
}

/// Where a call comes from. What its headers say of that counts from other parts of the mesh alone: from within this
/// process, from a service, and from the edge, which calls with its client's credentials and proves itself beside them.
/// Says also whether it comes from none of these.
pub(super) fn client<B>(
    request: &Request<B>,
    identity: &Identity,
    caller: Option<&Caller>,
    proxies: &Proxies,
) -> (Client, bool) {
    let headers = request.headers();
    match request.extensions().get::<Peer>() {
        Some(peer) if !caller.is_some_and(Caller::is_service) && !is_edge(request, identity) => {
            (Client::at(peer.0.ip(), headers, proxies), true)
        }
        _ => (Client::handed_on(headers), false),
    }
}

/// Counts what is no method of the contract (health, reflection, paths that there are not) against its client's address; of a
/// part of the mesh nothing is counted. Says whose it is, where it is a stranger's.
pub(super) fn arrives_beside<B>(
    request: &Request<B>,
    identity: &Identity,
    proxies: &Proxies,
    limits: &Limiter,
) -> Result<Option<Client>, Fault> {
    let Some(Peer(peer)) = request.extensions().get::<Peer>() else { return Ok(None) };
    if request.extensions().get::<PeerRoles>().is_some()
        || (may_be_role(identity, request.extensions()) && identity.proves_a_role(request.headers()))
    {
        return Ok(None);
    }
    let client = Client::at(peer.ip(), request.headers(), proxies);
    arrives(request, &client, limits)?;
    Ok(Some(client))
}

/// Who calls a method. Where roles have certificates, a role's token by a connection without one counts for nothing whatever
/// it says: its chain, which anybody can make up and is dear to verify, is not looked at.
pub(super) async fn caller(
    method: &Method,
    identity: &Identity,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Caller, Fault> {
    if !may_be_role(identity, extensions) && identity.says_a_role(headers) {
        return Err(Fault::unauthenticated("the connection has no certificate of a role"));
    }
    connected(method.caller(identity, headers).await?, identity, extensions)
}

/// Whether a call is from the gateway of this mesh, whoever its client is.
fn is_edge<B>(request: &Request<B>, identity: &Identity) -> bool {
    is_by(Role::Gateway, identity, request.extensions()) && identity.is_edge(request.headers())
}

/// Whether a call can be a role's, by its connection.
fn may_be_role(identity: &Identity, extensions: &Extensions) -> bool {
    extensions.get::<Peer>().is_none()
        || !identity.has_certificates()
        || extensions.get::<PeerRoles>().is_some()
}

/// Lets a part of the mesh be what its token says if its connection says so, too: a token that somebody else got hold of
/// opens nothing.
fn connected(caller: Caller, identity: &Identity, extensions: &Extensions) -> Result<Caller, Fault> {
    match caller {
        Caller::Service { role, .. } if !is_by(role, identity, extensions) => {
            let message = format!("the connection has no certificate of the role {role}");
            Err(Fault::unauthenticated(message))
        }
        caller => Ok(caller),
    }
}

/// Whether a call that says it is a role's came from this process, or by a connection with that role's certificate, where
/// the mesh has certificates.
fn is_by(role: Role, identity: &Identity, extensions: &Extensions) -> bool {
    extensions.get::<Peer>().is_none()
        || !identity.has_certificates()
        || extensions.get::<PeerRoles>().is_some_and(|peer| peer.0.contains(&role))
}
