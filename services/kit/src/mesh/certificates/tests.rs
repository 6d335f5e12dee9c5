//! Certificates as authorities make them, and who is taken for which role by them.

use std::{
    convert::Infallible,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
    SanType, SignatureAlgorithm, date_time_ymd,
};
use tonic::{body::Body, transport::Endpoint};
use tower::{ServiceExt, service_fn};

use super::*;
use crate::listen::{Ends, Limits, Listener, PeerRoles, Protocol, Tls};

/// Who issues certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    /// A new one, whose files are in a folder.
    pub fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "an authority of tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("ca.pem"), own.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), folder: folder.to_owned() }
    }

    /// A certificate with these URI names that ends in a year.
    pub fn issue_until(
        &self,
        name: &str,
        uris: &[&str],
        year: i32,
        kind: &'static SignatureAlgorithm,
    ) -> Files {
        let mut params = CertificateParams::default();
        params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
        params.not_after = date_time_ymd(year, 1, 1);
        let pair = KeyPair::generate_for(kind).unwrap();
        let certificate = params.signed_by(&pair, &self.issuer).unwrap();
        let at = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        fs::write(at("pem"), certificate.pem()).unwrap();
        fs::write(at("key"), pair.serialize_pem()).unwrap();
        Files { certificate: at("pem"), key: at("key"), authorities: self.folder.join("ca.pem") }
    }

    /// A certificate of a role.
    pub fn issue(&self, role: Role) -> Certificates {
        let uri = format!("spiffe://shop/role/{role}");
        Certificates::open(self.issue_until(role.name(), &[&uri], 2999, &PKCS_ECDSA_P256_SHA256)).unwrap()
    }
}

#[test]
fn a_certificate_says_which_roles_a_process_is() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (Authority::new(&folder.path().join("a")), Authority::new(&folder.path().join("b")));
    let open = |uris: &[&str]| Certificates::open(ours.issue_until("x", uris, 2999, &PKCS_ED25519));
    let two = open(&[
        "spiffe://shop/role/order",
        "https://x/",
        "spiffe://shop/role/user",
        "spiffe://shop/role/new",
    ]);
    assert_eq!(two.unwrap().current().roles, [Role::Order, Role::User]);
    for wrong in [
        &[][..],
        &["spiffe://shop/order"],
        &["spiffe://shop/role/nobody"],
        &["spiffe://shop/role/order", "spiffe://other/role/user"],
    ] {
        assert!(open(wrong).is_err(), "{wrong:?}");
    }
    let order = ["spiffe://shop/role/order"];
    let expired = ours.issue_until("x", &order, 2001, &PKCS_ED25519);
    assert!(Certificates::open(expired).unwrap_err().contains("vouches"));
    let mut foreign = others.issue_until("x", &order, 2999, &PKCS_ED25519);
    foreign.authorities = ours.folder.join("ca.pem");
    assert!(Certificates::open(foreign).is_err());
    let mut mixed = ours.issue_until("x", &order, 2999, &PKCS_ED25519);
    mixed.key = ours.issue_until("y", &order, 2999, &PKCS_ED25519).key;
    assert!(Certificates::open(mixed).is_err());
}

/// A port that answers with the roles of its client.
async fn serve(tls: Tls) -> (SocketAddr, Ends) {
    let listener = Listener::bind("127.0.0.1:0", Protocol::Grpc).await.unwrap().by_tls(Some(tls));
    let (address, ends) = (listener.address().unwrap(), Ends::default());
    let service = service_fn(|request: Request<Body>| async move {
        let roles = request.extensions().get::<PeerRoles>().map(|roles| format!("{:?}", roles.0));
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(roles.unwrap_or_default()))))
    });
    let second = std::time::Duration::from_secs(1);
    let limits = Limits::new(second, second, 8 << 20, 8 << 20);
    tokio::spawn(listener.serve(service, ends.clone(), limits));
    (address, ends)
}

/// What a client with a certificate is answered that asks for a role.
async fn asks(client: &Certificates, to: Option<Role>, address: SocketAddr) -> Option<String> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect_with_connector(client.connector(to).unwrap()).await.ok()?;
    let request = Request::post(format!("http://{address}/x")).body(Body::empty()).unwrap();
    let answer = channel.oneshot(request).await.ok()?;
    let bytes = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn both_ends_of_a_connection_are_the_roles_that_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(&folder.path().join("a"));
    let (order, payment) = (ours.issue(Role::Order), ours.issue(Role::Payment));
    let (address, _ends) = serve(Tls::of_mesh(payment.clone(), None).unwrap()).await;
    assert_eq!(asks(&order, Some(Role::Payment), address).await.as_deref(), Some("[Order]"));
    assert_eq!(asks(&order, None, address).await.as_deref(), Some("[Order]"));
    assert_eq!(asks(&order, Some(Role::User), address).await, None, "it is no user service");
    let stranger = Authority::new(&folder.path().join("b")).issue(Role::Order);
    assert_eq!(asks(&stranger, Some(Role::Payment), address).await, None);
    // In the clear.
    let plain = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let request = Request::post(format!("http://{address}/x")).body(Body::empty()).unwrap();
    assert!(plain.oneshot(request).await.is_err());
}

#[tokio::test]
async fn certificates_and_authorities_change_while_they_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let (old, new) = (Authority::new(&a), Authority::new(&b));
    let (server, client) = (old.issue(Role::Payment), old.issue(Role::Order));
    let (address, _ends) = serve(Tls::of_mesh(server, None).unwrap()).await;
    let works = async || asks(&client, Some(Role::Payment), address).await.is_some();
    assert!(works().await);
    // Both authorities, then certificates of the new one at one end after the other, then it alone.
    let both = [fs::read_to_string(a.join("ca.pem")).unwrap(), fs::read_to_string(b.join("ca.pem")).unwrap()];
    fs::write(a.join("ca.pem"), both.concat()).unwrap();
    assert!(works().await);
    for role in [Role::Order, Role::Payment] {
        new.issue(role);
        for ending in ["key", "pem"] {
            let file = format!("{role}.{ending}");
            fs::copy(b.join(&file), a.join(&file)).unwrap();
            assert!(works().await, "{file}");
        }
    }
    fs::write(a.join("ca.pem"), &both[1]).unwrap();
    assert!(works().await);
    assert!(asks(&new.issue(Role::Order), Some(Role::Payment), address).await.is_some());
    assert!(asks(&Authority::new(&a).issue(Role::User), Some(Role::Payment), address).await.is_none());
}
