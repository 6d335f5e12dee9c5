//! Roles that know each other by certificates, and what they know each other by being changed while they work.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use contracts::{
    payment::{CreatePaymentRequest, payment_service_client::PaymentServiceClient},
    user::GetUserRequest,
};
use kit::{Clock, Identity, Role, identity::MeshSecret, mesh::certificates::Certificates};
use tokio::time::sleep;
use tonic::{
    Request, Status,
    transport::{Channel, Endpoint},
};

use crate::support::{Code, Edge, KnownBy, Mesh, Setup, eur, process::Start, until};

tests!(
    roles_with_certificates_work_and_nobody_else_is_one,
    certificates_are_never_overwritten_silently,
    certificates_and_authorities_change_under_load,
    the_mesh_secret_changes_under_load,
);

const ROLES: [&str; 6] = ["user", "article", "payment", "order", "mesh", "gateway"];

/// A token by a role's certificate, as that role makes it.
fn token(of: &Certificates, from: Role, to: Role) -> String {
    let identity = Identity::new(MeshSecret::random(), Clock::system()).unwrap();
    identity.learn_certificate(of.current());
    identity.service_token(from, to, None).unwrap().to_string()
}

async fn create_payment(channel: Channel, token: &str) -> Status {
    let mut request = Request::new(CreatePaymentRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    PaymentServiceClient::new(channel).create_payment(request).await.expect_err("it is empty")
}

/// A connection to the payment service with a certificate.
async fn connected(mesh: &Mesh, by: &Certificates) -> Result<Channel, tonic::transport::Error> {
    let url = mesh.grpc_url("payment").replace("https:", "http:");
    let connector = by.connector(Some(Role::Payment)).unwrap();
    Endpoint::from_shared(url).unwrap().connect_with_connector(connector).await
}

/// Covers: mesh.identity, mesh.tls.
async fn roles_with_certificates_work_and_nobody_else_is_one(setup: Setup) {
    let mesh = Mesh::start(setup.split().known_by(KnownBy::Certificates));
    let url = mesh.grpc_url("payment");
    assert!(url.starts_with("https://"), "{url}");
    for edge in [Edge::Rest, Edge::Grpc] {
        let (admin, shopper) = (mesh.admin().await, mesh.shopper().await);
        let article = admin.client.over(edge).stocked(eur(10_00), 5).await;
        shopper.client.over(edge).order(&article.id, 2, "sim_approve").await.unwrap();
    }

    let (order, article) =
        (mesh.certificates("certs", Role::Order), mesh.certificates("certs", Role::Article));
    let channel = connected(&mesh, &order).await.unwrap();
    let good = token(&order, Role::Order, Role::Payment);
    assert_eq!(create_payment(channel.clone(), &good).await.code(), Code::InvalidArgument, "it is let in");
    let secret =
        Identity::new(MeshSecret::new("what the replicas of payment share"), Clock::system()).unwrap();
    let secret = secret.service_token(Role::Order, Role::Payment, None).unwrap();
    for (what, token) in [
        ("for another role", token(&order, Role::Order, Role::Article)),
        ("of another role than the certificate's", token(&order, Role::Mesh, Role::Payment)),
        ("of another certificate", token(&article, Role::Order, Role::Payment)),
        ("of the secret", secret.to_string()),
    ] {
        assert_eq!(create_payment(channel.clone(), &token).await.code(), Code::Unauthenticated, "{what}");
    }
    // Whoever got hold of a token has not its connection.
    let stolen = create_payment(connected(&mesh, &article).await.unwrap(), &good).await;
    assert_eq!(stolen.code(), Code::Unauthenticated, "{stolen:?}");
    let stolen = create_payment(mesh.channel(&url), &good).await;
    assert_eq!(stolen.code(), Code::Unauthenticated, "{stolen:?}");
    let own = token(&article, Role::Article, Role::Payment);
    let own = create_payment(connected(&mesh, &article).await.unwrap(), &own).await;
    assert_eq!(own.code(), Code::PermissionDenied);
    // Of another authority, and in the clear.
    mesh.certify("others", "");
    assert!(connected(&mesh, &mesh.certificates("others", Role::Order)).await.is_err());
    let plain = Endpoint::from_shared(url.replace("https:", "http:")).unwrap().connect_lazy();
    let in_the_clear = create_payment(plain, &good).await.code();
    assert!(![Code::InvalidArgument, Code::PermissionDenied].contains(&in_the_clear), "{in_the_clear:?}");

    let health = mesh.as_operator(Start::of("health").arg("--url", &url)).run(mesh.folder());
    assert_eq!((health.code, health.stdout.as_str()), (Some(0), "SERVING\n"), "{health:?}");
    let health = Start::of("health").arg("--url", &url).run(mesh.folder());
    assert_eq!(health.code, Some(2), "{health:?}");
    let status =
        mesh.as_operator(Start::of("status").arg("--url", &mesh.grpc_url("mesh"))).run(mesh.folder());
    assert_eq!(status.code, Some(0), "{status:?}");
}

/// Covers: mesh.identity.
async fn certificates_are_never_overwritten_silently(_: Setup) {
    let folder = tempfile::tempdir().unwrap();
    let run = |flags: &str| Start::of(&format!("certs made {flags}")).run(folder.path());
    let read = |name: &str| fs::read_to_string(folder.path().join("made").join(name)).unwrap();
    let made = run("--days 2 --together order,payment");
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.contains("order-payment") && made.stdout.contains("FEIRA_MESH_CERT="), "{made:?}");
    for key in ["ca.key", "user.key", "operator.key", "order-payment.key"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(folder.path().join("made").join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    let (authority, user) = (read("ca.pem"), read("user.pem"));
    let again = run("");
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.stderr.contains("--renew"), "{again:?}");
    assert_eq!(read("user.pem"), user);
    assert_eq!(run("--renew").code, Some(0));
    assert_eq!(read("ca.pem"), authority);
    assert_ne!(read("user.pem"), user);
    assert_eq!(run("--renew --trust-domain other").code, Some(2), "the authority is of the first domain");
    assert_eq!(run("--days 0").code, Some(2));
}

/// Calls as long as something is done, none of which is refused; answers with how many they were.
async fn under_load(mesh: &Mesh, doing: impl Future<Output = ()>) -> u32 {
    let (over, admin) = (AtomicBool::new(false), mesh.admin().await);
    let article = admin.stocked(eur(1_00), 10_000).await;
    let shopper = mesh.shopper().await;
    let orders = async {
        let mut count = 0;
        while !over.load(Ordering::Relaxed) {
            let edge = if count % 2 == 0 { Edge::Rest } else { Edge::Grpc };
            shopper
                .client
                .over(edge)
                .get_user(GetUserRequest { id: "me".into() })
                .await
                .expect("a valid call");
            shopper.client.over(edge).order(&article.id, 1, "sim_approve").await.expect("a valid order");
            count += 2;
            sleep(Duration::from_millis(20)).await;
        }
        count
    };
    let doing = async {
        doing.await;
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(orders, doing).0
}

/// Waits until every process has said this so many times.
async fn said(mesh: &Mesh, what: &str, times: usize) {
    for role in ROLES {
        until(&format!("{role} says {what}"), || async {
            (mesh.process(role).stderr().matches(what).count() >= times).then_some(())
        })
        .await;
    }
    // What was made just before is used up.
    sleep(Duration::from_secs(3)).await;
}

/// A file that is another one from now on, at no moment half of it.
fn replace(path: &Path, text: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(&draft, path).unwrap();
}

/// Covers: mesh.identity, mesh.tls.
async fn certificates_and_authorities_change_under_load(setup: Setup) {
    let mesh = Mesh::start(setup.split().known_by(KnownBy::Certificates));
    let (certs, others) = (mesh.folder().join("certs"), mesh.folder().join("others"));
    let changing = async {
        mesh.certify("certs", "--renew");
        said(&mesh, "mesh_certificate.reloaded", 1).await;
        // Another authority: first both count everywhere, then the new one's certificates are shown, then the old goes.
        mesh.certify("others", "");
        let [old, new] = [&certs, &others].map(|folder| fs::read_to_string(folder.join("ca.pem")).unwrap());
        replace(&certs.join("ca.pem"), &format!("{old}{new}"));
        said(&mesh, "mesh_certificate.reloaded", 2).await;
        for role in ROLES.iter().chain(&["operator"]) {
            for ending in ["key", "pem"] {
                let file = format!("{role}.{ending}");
                replace(&certs.join(&file), &fs::read_to_string(others.join(&file)).unwrap());
            }
        }
        said(&mesh, "mesh_certificate.reloaded", 3).await;
        replace(&certs.join("ca.pem"), &new);
        said(&mesh, "mesh_certificate.reloaded", 4).await;
    };
    let calls = under_load(&mesh, changing).await;
    println!("{calls} calls");
    assert!(calls > 20, "{calls}");
}

/// Covers: mesh.identity.
async fn the_mesh_secret_changes_under_load(setup: Setup) {
    let mesh = Mesh::start(setup.split().known_by(KnownBy::SecretFile));
    let file = mesh.folder().join("mesh.secret");
    let old = fs::read_to_string(&file).unwrap();
    let new = "another secret that all of them share";
    let changing = async {
        for (place, text) in [format!("{old}\n{new}\n"), format!("{new}\n{old}\n")].iter().enumerate() {
            replace(&file, text);
            said(&mesh, "mesh_secret.reloaded", place + 1).await;
        }
        // As long as a token lives that the old one has signed, and is taken while clocks differ, it would stay; calls here
        // use none that is older than the change.
        replace(&file, &format!("{new}\n"));
        said(&mesh, "mesh_secret.reloaded", 3).await;
    };
    let calls = under_load(&mesh, changing).await;
    println!("{calls} calls");
    assert!(calls > 20, "{calls}");
    // The secret of before is nobody's any more.
    let verify = Start::of("verify").arg("--url", &mesh.grpc_url("mesh")).env("FEIRA_MESH_SECRET", &old);
    let ended = verify.run(mesh.folder());
    assert_eq!(ended.code, Some(2), "{ended:?}");
}
