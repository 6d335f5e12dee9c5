//! The roles in a certificate's names, and the names by which roles are asked for in a TLS handshake.

use rustls::pki_types::{CertificateDer, DnsName, ServerName};
use webpki::EndEntityCert;

use crate::Role;

/// The end of the names by which parts of a mesh ask each other for their certificates of the mesh. They are in no DNS:
/// the server picks a certificate by them.
const SUFFIX: &str = ".mesh.feira.internal";
/// Asks for any role.
const ANY: &str = "any";

/// A certificate's trust domain and the roles that it names there.
pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<(String, Vec<Role>), String> {
    let certificate = EndEntityCert::try_from(certificate).map_err(|error| error.to_string())?;
    let (mut domain, mut roles) = (None::<&str>, Vec::new());
    for uri in certificate.valid_uri_names() {
        let Some((of, role)) = uri.strip_prefix("spiffe://").and_then(|rest| rest.split_once("/role/"))
        else {
            continue;
        };
        if domain.replace(of).is_some_and(|other| other != of) {
            return Err("its roles are of several domains".to_owned());
        }
        roles.extend(Role::part(role));
    }
    match domain {
        Some(domain) if !roles.is_empty() && !domain.contains('/') => Ok((domain.to_owned(), roles)),
        _ => Err("it names no role, such as spiffe://feira/role/order".to_owned()),
    }
}

/// The name by which a role is asked for.
pub(super) fn asking_for(role: Option<Role>) -> Option<ServerName<'static>> {
    let name = format!("{}{SUFFIX}", role.map_or(ANY, Role::name));
    DnsName::try_from(name).ok().map(ServerName::DnsName)
}

/// Whether a name asks for a certificate of the mesh.
pub(crate) fn is_of_mesh(name: &str) -> bool {
    name.ends_with(SUFFIX)
}

/// Whether a callee that is these roles is the one that was asked for.
pub(super) fn is_asked_for(name: &ServerName<'_>, roles: &[Role]) -> bool {
    let ServerName::DnsName(name) = name else { return false };
    match name.as_ref().strip_suffix(SUFFIX) {
        Some(ANY) => !roles.is_empty(),
        Some(role) => Role::part(role).is_some_and(|role| roles.contains(&role)),
        None => false,
    }
}
