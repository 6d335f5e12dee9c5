//! What is around a shop: ports, certificates, mail, providers, other roles, database servers.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

use super::{Found, doctor, place};
use crate::support::{Backend, Mesh, Setup, mesh::MESH_SECRET, smtp};

tests!(
    ports_certificates_and_urls_that_are_not_right_are_found,
    a_mail_server_and_a_provider_that_are_not_there_are_found,
    other_roles_are_asked_whether_they_take_our_secret,
);
each!(on_postgres: Setup::default().on(Backend::Postgres); a_database_server_that_is_not_right_is_found);
each!(on_mysql: Setup::default().on(Backend::MySql); a_database_server_that_is_not_right_is_found);

/// Covers: mesh.doctor.
async fn ports_certificates_and_urls_that_are_not_right_are_found(_: Setup) {
    let (folder, data) = place();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address.to_string())).unwrap();
    let with = |more: &[(&str, &str)]| {
        let mut start = doctor(&data);
        start.args = ["doctor", "--json", "--grpc-listen", "127.0.0.1:0"].map(str::to_owned).into();
        more.iter().for_each(|(flag, value)| start.args.extend([(*flag).to_owned(), (*value).to_owned()]));
        Found::of(&start, folder.path())
    };
    with(&[("--rest-listen", taken.1.as_str())]).says(
        "port.rest",
        "problem",
        "take another by --rest-listen",
    );
    with(&[("--rest-listen", "192.0.2.1:80")]).says("port.rest", "problem", "--rest-listen");
    let open = ("--rest-listen", "0.0.0.0:0");
    with(&[open]).says("public url", "warning", "--public-url");
    with(&[open, ("--public-url", "http://shop.example")]).says("public url", "warning", "in the clear");
    with(&[open, ("--public-url", "https://shop.example")]).says(
        "public url",
        "warning",
        "--trusted-proxies",
    );
    with(&[open, ("--public-url", "https://shop.example"), ("--trusted-proxies", "10.0.0.0/8")]).says(
        "public url",
        "ok",
        "https://shop.example",
    );

    let certificate = |days: i64, name: &str| {
        let pair = certificate_for(name, days);
        let (file, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
        fs::write(&file, pair.0).unwrap();
        fs::write(&key, pair.1).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        (file.to_str().unwrap().to_owned(), key.to_str().unwrap().to_owned())
    };
    let by_tls = |url: &str, (file, key): (String, String)| {
        with(&[open, ("--public-url", url), ("--tls-cert", file.as_str()), ("--tls-key", key.as_str())])
    };
    let well = by_tls("https://shop.example", certificate(90, "shop.example"));
    well.says("tls certificate", "ok", "shop.example");
    well.says("public url", "ok", "https://shop.example");
    by_tls("https://shop.example", certificate(5, "shop.example")).says(
        "tls certificate",
        "warning",
        "renew",
    );
    by_tls("https://shop.example", certificate(-1, "shop.example")).says(
        "tls certificate",
        "problem",
        "renew",
    );
    by_tls("https://shop.example", certificate(90, "other.example")).says(
        "public url",
        "problem",
        "other.example alone",
    );
    let (file, _) = certificate(90, "shop.example");
    let other = folder.path().join("other.key");
    fs::write(&other, certificate_for("shop.example", 90).1).unwrap();
    by_tls("https://shop.example", (file, other.to_str().unwrap().to_owned())).says(
        "tls certificate",
        "problem",
        "tls.pem",
    );
}

/// A certificate for a name that counts for so many days more, and its key.
pub fn certificate_for(name: &str, days: i64) -> (String, String) {
    let pair = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let now = time::OffsetDateTime::now_utc();
    parameters.not_before = now - time::Duration::days(100);
    parameters.not_after = now + time::Duration::days(days);
    (parameters.self_signed(&pair).unwrap().pem(), pair.serialize_pem())
}

/// Covers: mesh.doctor.
async fn a_mail_server_and_a_provider_that_are_not_there_are_found(_: Setup) {
    let (folder, data) = place();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let look = |more: &[(&str, &str)]| {
        let start = more.iter().fold(doctor(&data), |start, (name, value)| start.env(name, value));
        Found::of(&start, folder.path())
    };
    let from = ("FEIRA_MAIL_FROM", "Loja <loja@shop.example>");
    let url = format!("smtp://{closed}");
    look(&[("FEIRA_SMTP_URL", url.as_str()), from]).says("mail", "problem", "--smtp-url");
    let server = smtp::MailServer::start().await;
    look(&[("FEIRA_SMTP_URL", server.url().as_str()), from]).says("mail", "ok", "lets us in");
    // What contradicts itself is said as `serve` says it.
    look(&[("FEIRA_SMTP_URL", url.as_str())]).says("settings", "problem", "--mail-from");

    let url = format!("http://{closed}");
    let stripe = [
        ("FEIRA_PAYMENT_TYPES", "1=stripe:Card"),
        ("FEIRA_STRIPE_SECRET_KEY", "sk_test_hunter22"),
        ("FEIRA_STRIPE_URL", url.as_str()),
    ];
    let found = look(&stripe);
    found.says("payments.stripe", "problem", "see its keys");
    assert!(!found.report.to_string().contains("hunter22"), "no secret is shown");
    let spacecash = [("FEIRA_PAYMENT_TYPES", "1=spacecash"), ("FEIRA_SPACECASH_URL", url.as_str())];
    look(&spacecash).says("payments.spacecash", "problem", &closed.to_string());
    look(&[("FEIRA_PAYMENT_TYPES", "1=stripe:Card")]).says("settings", "problem", "stripe");
}

/// Covers: mesh.doctor.
async fn other_roles_are_asked_whether_they_take_our_secret(setup: Setup) {
    let mesh = setup.split().start().await;
    let look = |secret: &str, more: &[(&str, String)]| {
        let start = doctor(&mesh.folder().join("another"));
        let mut start = start.env("FEIRA_ROLE", "gateway").env("FEIRA_MESH_SECRET", secret);
        for role in ["user", "article", "order", "payment"] {
            start = start.env(&format!("FEIRA_{}_URL", role.to_uppercase()), &mesh.grpc_url(role));
        }
        start = more.iter().fold(start, |start, (name, value)| start.env(name, value));
        Found::of(&start, mesh.folder())
    };
    let well = look(MESH_SECRET, &[]);
    for role in ["user", "article", "order", "payment"] {
        well.says(&format!("role.{role}"), "ok", "has the same mesh secret");
    }
    look("another secret of another mesh", &[]).says(
        "role.order",
        "problem",
        "does not take our mesh secret",
    );
    look(MESH_SECRET, &[("FEIRA_ORDER_URL", mesh.grpc_url("payment"))]).says(
        "role.order",
        "problem",
        "does not run there",
    );
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    look(MESH_SECRET, &[("FEIRA_ORDER_URL", format!("http://{closed}"))]).says(
        "role.order",
        "problem",
        "see whether it runs",
    );
}

/// Covers: mesh.doctor.
async fn a_database_server_that_is_not_right_is_found(setup: Setup) {
    let mesh: Mesh = setup.start().await;
    let folder = mesh.folder();
    let url = mesh.database_url("order");
    let look = |url: &str, wait: &str| {
        let start = doctor(&folder.join("another")).env("FEIRA_ROLE", "order").env("FEIRA_DATABASE_URL", url);
        let start = start.env("FEIRA_MESH_SECRET", MESH_SECRET).env("FEIRA_DATABASE_WAIT", wait);
        let other = "http://127.0.0.1:1";
        let start = ["USER", "ARTICLE", "PAYMENT"]
            .iter()
            .fold(start, |start, role| start.env(&format!("FEIRA_{role}_URL"), other));
        Found::of(&start, folder)
    };
    let well = look(&url, "1s");
    well.says("database.order", "ok", "schema m0000");
    well.says("database.order clock", "ok", "apart");
    // Nothing is left of looking.
    let probe = "SELECT table_name FROM information_schema.tables WHERE table_name = 'feira_doctor'";
    assert!(mesh.ask("order", probe).await.is_empty());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = url.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap().1;
    let gone = look(&url.replace(port, &closed.port().to_string()), "100ms");
    gone.says("database.order", "problem", "see whether it is up");
    // A schema of which this program has never heard.
    mesh.tell("order", "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m999999_later', 1)")
        .await;
    look(&url, "1s").says("database.order", "problem", "newer program");
    mesh.tell("order", "DELETE FROM seaql_migrations WHERE version = 'm999999_later'").await;
    let newest = "(SELECT * FROM (SELECT MAX(version) FROM seaql_migrations) AS newest)";
    mesh.tell("order", &format!("DELETE FROM seaql_migrations WHERE version = {newest}")).await;
    look(&url, "1s").says("database.order", "warning", "feira migrate");
}
