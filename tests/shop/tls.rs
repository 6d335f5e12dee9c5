//! TLS for clients from outside.

use std::{fs, path::Path};

use contracts::article::{ListArticlesRequest, article_service_client::ArticleServiceClient};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::{
    doctor::network::certificate_for,
    support::{
        Setup,
        process::{Process, serve},
        scrape::Scrape,
        until,
    },
};

tests!(
    rest_is_served_by_tls_and_a_new_certificate_counts_without_a_restart,
    a_certificate_that_cannot_be_used_is_exit_code_2,
    a_certificate_that_ends_soon_is_told_while_there_is_time,
);

/// A certificate of one's own for this machine, and its key, as files.
pub fn certificate(folder: &Path) -> Vec<u8> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    cert.pem().into_bytes()
}

fn trusting(pem: &[u8]) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(pem).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([root]).build().unwrap()
}

/// Covers: mesh.tls.
async fn rest_is_served_by_tls_and_a_new_certificate_counts_without_a_restart(_: Setup) {
    let folder = tempfile::tempdir().unwrap();
    let first = certificate(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let start = serve(&folder.path().join("data"))
        .env("FEIRA_TLS_CERT", &path("cert.pem"))
        .env("FEIRA_TLS_KEY", &path("key.pem"))
        .env("FEIRA_HSTS", "1d")
        .env("FEIRA_ADMIN_PASSWORD", "correct horse battery");
    let process = Process::start(&start, folder.path());
    let (rest, grpc) = process.ready();
    assert!(rest.starts_with("https://127.0.0.1:"), "{rest}");
    let client = trusting(&first);
    let answer = client.get(format!("{rest}/v1/articles")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=86400; includeSubDomains");
    // A browser on this machine, too, gets a cookie for TLS alone.
    let sign_in = client.post(format!("{rest}/v1/auth:signIn")).header("x-feira-cookies", "1");
    let sign_in = sign_in.header("content-type", "application/json");
    let body = json!({"login": "admin", "password": "correct horse battery"}).to_string();
    let answer = sign_in.body(body).send().await.unwrap();
    assert!(answer.headers()["set-cookie"].to_str().unwrap().contains("; Secure"), "{answer:?}");
    // In the clear nothing is answered.
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(plain.get(rest.replace("https:", "http:")).send().await.is_err());

    // gRPC by the same certificate, and from this machine in the clear, too.
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&first)).domain_name("localhost");
    let by_tls = Endpoint::from_shared(grpc.clone()).unwrap().tls_config(tls).unwrap();
    let plain = Endpoint::from_shared(grpc.replace("https:", "http:")).unwrap();
    for endpoint in [by_tls, plain] {
        let mut articles = ArticleServiceClient::new(endpoint.connect().await.unwrap());
        articles.list_articles(ListArticlesRequest::default()).await.unwrap();
    }

    // Half of a change does not count, all of it does.
    let second = certificate(folder.path());
    assert_ne!(first, second);
    until("the new certificate is served", || async {
        trusting(&second).get(format!("{rest}/v1/articles")).send().await.ok().map(|_| ())
    })
    .await;
    fs::write(folder.path().join("cert.pem"), "nonsense").unwrap();
    until("it is noticed", || async {
        let _ = trusting(&second).get(format!("{rest}/v1/articles")).send().await;
        process.stderr().contains("certificate.not_reloaded").then_some(())
    })
    .await;
    trusting(&second).get(format!("{rest}/v1/articles")).send().await.expect("the one before still counts");
}

/// Covers: mesh.tls.
async fn a_certificate_that_cannot_be_used_is_exit_code_2(_: Setup) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    certificate(folder.path());
    fs::rename(folder.path().join("key.pem"), folder.path().join("other.pem")).unwrap();
    certificate(folder.path());
    for (certificate, key) in [
        ("cert.pem", "other.pem"),
        ("nothing.pem", "key.pem"),
        ("key.pem", "key.pem"),
        ("cert.pem", "cert.pem"),
    ] {
        let start = serve(&folder.path().join("data"))
            .env("FEIRA_TLS_CERT", &path(certificate))
            .env("FEIRA_TLS_KEY", &path(key));
        let ended = start.run(folder.path());
        assert_eq!(ended.code, Some(2), "{certificate} {key}: {ended:?}");
        assert!(ended.stderr.contains("--tls-cert"), "{}", ended.stderr);
    }
    let alone =
        serve(&folder.path().join("data")).env("FEIRA_TLS_CERT", &path("cert.pem")).run(folder.path());
    assert_eq!(alone.code, Some(2), "{alone:?}");
}

/// Covers: mesh.tls, mesh.metrics.
async fn a_certificate_that_ends_soon_is_told_while_there_is_time(_: Setup) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    for (days, is_told) in [(5, true), (90, false)] {
        let (certificate, key) = certificate_for("shop.example", days);
        fs::write(path("cert.pem"), certificate).unwrap();
        fs::write(path("key.pem"), key).unwrap();
        let start = serve(&folder.path().join("data"))
            .env("FEIRA_TLS_CERT", &path("cert.pem"))
            .env("FEIRA_TLS_KEY", &path("key.pem"))
            .env("FEIRA_ADMIN_LISTEN", "127.0.0.1:0");
        let process = Process::start(&start, folder.path());
        process.ready();
        let scrape = Scrape::of(&process.admin()).await;
        let left = scrape.value("feira_certificate_end_seconds{certificate=\"tls\"}") - now;
        assert!((left / 86_400.0 - days as f64).abs() < 0.1, "{days} days: {left}");
        process.stop();
        assert_eq!(process.stderr().contains("certificate.ends"), is_told, "{days} days");
    }
}
