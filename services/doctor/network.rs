//! Ports, certificates, the public URL, and roles that run elsewhere.

use std::{io::ErrorKind, net::TcpListener, path::Path, time::Duration};

use contracts::mesh::{ListNodeInstancesRequest, node_service_client::NodeServiceClient};
use kit::{Fault, Reason, Role, mesh::certificates::Facts};
use tonic::Code;

use super::{Patient, report::Report};
use crate::{
    calls::calls,
    operator::Way,
    serve::{expiry::SOON, renewal},
};

/// How long another role may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

pub async fn check(patient: &Patient<'_>, report: &mut Report) {
    let process = &patient.settings.process;
    if patient.has(Role::Gateway) {
        port(patient, &process.listening.rest_listen, "rest", "--rest-listen", report);
    }
    port(patient, &process.grpc_listen, "grpc", "--grpc-listen", report);
    if let Some(admin) = &process.listening.admin_listen {
        port(patient, admin, "admin", "--admin-listen", report);
    }
    let shown = certificates(patient, report);
    if patient.has(Role::Gateway) {
        public_url(patient, shown.as_ref(), report);
    }
    // They would be asked as somebody else.
    if patient.settings.secrets.files.are_given() && patient.certificates.is_none() {
        return;
    }
    for role in Role::SERVICES {
        let called = patient.here.iter().any(|here| calls(*here).contains(&role));
        if !patient.has(role) && (called || patient.settings.urls.of(role).is_some()) {
            elsewhere(patient, role, report).await;
        }
    }
}

fn port(patient: &Patient<'_>, address: &str, name: &str, flag: &str, report: &mut Report) {
    let name = format!("port.{name}");
    match TcpListener::bind(address) {
        Ok(_) => report.ok(name, format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && patient.runs => {
            report.ok(name, format!("{address} is in use, and so are the databases: the shop runs"));
        }
        Err(error) => {
            let advice = match error.kind() {
                ErrorKind::AddrInUse => format!("end whoever has it (`ss -ltnp`), or take another by {flag}"),
                ErrorKind::PermissionDenied => {
                    format!("ports below 1024 take a right (CAP_NET_BIND_SERVICE): take another by {flag}")
                }
                _ => format!("name an address of this machine by {flag}"),
            };
            report.problem(name, format!("{address}: {error}"), advice);
        }
    }
}

/// The certificate that clients are shown, where there is one.
fn certificates(patient: &Patient<'_>, report: &mut Report) -> Option<Facts> {
    let process = &patient.settings.process;
    let files = &patient.settings.secrets.files;
    if files.are_given() {
        let name = "mesh certificate";
        let usable = files.open().and_then(|opened| renewal::check(opened.as_ref(), &patient.here));
        let shown = files.certificate().map(|file| Facts::read(file, None)).transpose();
        match (usable.map_err(|error| error.to_string()), shown) {
            (Err(problem), _) | (_, Err(problem)) => {
                let advice = "`feira certs` makes certificates for the roles, and with --renew new ones of their authority";
                report.problem(name, problem, advice);
            }
            (Ok(()), Ok(Some(shown))) => age(name, &shown, report),
            (Ok(()), Ok(None)) => {}
        }
    }
    let (Some(certificate), Some(key)) = (&process.listening.tls_cert, &process.listening.tls_key) else {
        return None;
    };
    let name = "tls certificate";
    match Facts::read(certificate, Some(key as &Path)) {
        Ok(shown) => {
            age(name, &shown, report);
            Some(shown)
        }
        Err(problem) => {
            report.problem(name, problem, "give the certificate with those above it, and its key, in PEM");
            None
        }
    }
}

fn age(name: &str, shown: &Facts, report: &mut Report) {
    let (names, until) = (shown.names.join(", "), humantime::format_rfc3339_seconds(shown.until));
    let found = format!("for {names}, until {until}");
    let advice = "renew it; the files are read again when they change";
    let now = std::time::SystemTime::now();
    if shown.until <= now || shown.from > now {
        report.problem(name, format!("{found}: it does not count now"), advice);
    } else if shown.until <= now + SOON {
        report.warning(name, found, advice);
    } else {
        report.ok(name, found);
    }
}

fn public_url(patient: &Patient<'_>, shown: Option<&Facts>, report: &mut Report) {
    let (name, settings) = ("public url", patient.settings);
    let Some(url) = &settings.gateway.public_url else {
        if is_local(&settings.process.listening.rest_listen) {
            return report.ok(name, "none; the shop is for this machine alone");
        }
        let advice =
            "say by --public-url how clients reach the shop: links in mails and cookies are made for it";
        return report.warning(
            name,
            format!("none, though {} is open to others", settings.process.listening.rest_listen),
            advice,
        );
    };
    let host = url.host_str().unwrap_or_default();
    if url.scheme() != "https" {
        if is_local(&format!("{host}:0")) {
            return report.ok(name, url);
        }
        return report.warning(
            name,
            url,
            "passwords travel in the clear: use https://, with --tls-cert or a proxy in front",
        );
    }
    match shown {
        Some(shown) if !shown.is_for(host) => {
            let found = format!("{url}: the certificate is for {} alone", shown.names.join(", "));
            report.problem(name, found, "get a certificate for that name, or change --public-url");
        }
        None if settings.gateway.trusted_proxies.is_empty() => {
            let advice = "set --tls-cert, or --trusted-proxies where a proxy in front speaks TLS: else all clients count as one";
            report.warning(name, format!("{url}, but no TLS here and no proxy that is trusted"), advice);
        }
        _ => report.ok(name, url),
    }
}

fn is_local(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a role answers that runs elsewhere, and takes our tokens.
async fn elsewhere(patient: &Patient<'_>, role: Role, report: &mut Report) {
    let name = format!("role.{role}");
    let Some(urls) = patient.settings.urls.of(role) else { return };
    for url in urls.split(',') {
        match tokio::time::timeout(ANSWER, ask(patient, role, url.trim())).await {
            Ok(Ok(said)) => report.ok(&name, format!("{url}: {said}")),
            Ok(Err((found, advice))) => report.problem(&name, format!("{url}: {found}"), advice),
            Err(_) => report.problem(
                &name,
                format!("{url}: no answer in {ANSWER:?}"),
                "see whether it runs, and what is in between",
            ),
        }
    }
}

async fn ask(patient: &Patient<'_>, role: Role, url: &str) -> Result<&'static str, (String, &'static str)> {
    let settings = patient.settings;
    let (secrets, data) = (&settings.secrets, &settings.process.data);
    if patient.certificates.is_some() {
        let connected = crate::channel::connect(url, patient.certificates.as_ref(), Some(role), ANSWER).await;
        connected.map_err(|error| {
            (error.to_string(), "see whether it runs, and whether its certificate is of the same authority")
        })?;
        return Ok("it answers, and its certificate is that of the role");
    }
    let way = Way::open(url.to_owned(), role, (&secrets.mesh, &secrets.files), data, ANSWER).await;
    let way =
        way.map_err(|error| (error.to_string(), "see whether it runs there, and what is in between"))?;
    let message = ListNodeInstancesRequest { role: role.name().to_owned() };
    let request = way
        .request_as(Role::Mesh, message)
        .map_err(|error| (error.to_string(), "the secret cannot be used"))?;
    match NodeServiceClient::new(way.channel.clone()).list_node_instances(request).await {
        Ok(_) => Ok("it answers, and has the same mesh secret"),
        Err(status) => Err(refusal(role, &status)),
    }
}

fn refusal(role: Role, status: &tonic::Status) -> (String, &'static str) {
    let fault = Fault::of(status);
    match status.code() {
        _ if fault.reason == Reason::ClockSkew => {
            (fault.message, "have both machines follow a time server (NTP), or raise --clock-leeway")
        }
        Code::Unauthenticated if fault.metadata.iter().any(|info| info.contains_key("audience")) => {
            (format!("the {role} service does not run there"), "say by its --ROLE-url where it runs")
        }
        Code::Unauthenticated => (
            "it does not take our mesh secret".to_owned(),
            "give all processes the same FEIRA_MESH_SECRET_FILE",
        ),
        _ => (fault.message, "see its log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        for local in ["127.0.0.1:8080", "[::1]:1", "localhost:80"] {
            assert!(is_local(local), "{local}");
        }
        for open in ["0.0.0.0:8080", "[::]:1", "shop.example:443", "10.0.0.1:1"] {
            assert!(!is_local(open), "{open}");
        }
    }
}
