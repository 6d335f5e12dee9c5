//! What the process is known by to other roles, as it changes while the process runs.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kit::{Fault, Identity, Role, Tasks, mesh::certificates::Certificates, process::reread::Reread};

use crate::{data, error::Error, settings::Settings};

/// How often it is looked whether there is something new.
const LOOK: Duration = Duration::from_secs(2);

/// Finds roles that run here and are not named by the certificate.
pub fn check(certificates: Option<&Certificates>, here: &[Role]) -> Result<(), Error> {
    let Some(certificates) = certificates else { return Ok(()) };
    let named = certificates.current();
    let missing: Vec<&str> =
        here.iter().filter(|role| !named.roles.contains(role)).map(|role| role.name()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(Error::usage(format!("--mesh-cert: it does not name {missing}, which this process is to run")))
}

/// Tells the process's identity of its certificate, or of its mesh secret, now and whenever that is another one.
pub fn start(settings: &Settings, identity: &Identity, certificates: Option<&Certificates>, tasks: &Tasks) {
    if let Some(certificates) = certificates.cloned() {
        let identity = identity.clone();
        identity.learn_certificate(certificates.current());
        let learn = move |certificate| {
            identity.learn_certificate(certificate);
            Ok(())
        };
        return follow(tasks, "mesh.certificate", move || certificates.current(), learn);
    }
    if !settings.process.roles.get().iter().eq(&Role::ALL) && !is_loopback(&settings.process.grpc_listen) {
        tracing::warn!(
            "roles know each other by the mesh secret, and talk in the clear over a network: \
             --mesh-cert gives each a certificate"
        );
    }
    let (given, folder) = (settings.secrets.mesh.clone(), settings.process.data.path.clone());
    let Some(file) = data::mesh_secret_file(&given, &folder) else { return };
    let told = |read: Result<(), String>| match read {
        Ok(()) => tracing::info!("mesh_secret.reloaded"),
        Err(error) => tracing::warn!(error, "mesh_secret.not_reloaded"),
    };
    let read = move || data::mesh_secret(&given, &folder).map_err(|error| error.to_string());
    // Where there is none, none is used: the secret is random, and nobody else has it.
    let Ok(secret) = Reread::open(vec![file], told, read) else { return };
    let identity = identity.clone();
    follow(tasks, "mesh.secret", move || secret.current(), move |secret| identity.learn_secret(&secret));
}

/// Looks every few seconds whether there is another one.
fn follow<T: Send + Sync + 'static>(
    tasks: &Tasks,
    name: &'static str,
    current: impl Fn() -> Arc<T> + Send + Sync + 'static,
    learn: impl Fn(Arc<T>) -> Result<(), Fault> + Send + Sync + 'static,
) {
    let last = Mutex::new(current());
    tasks.every(name, LOOK, move || {
        let now = current();
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = if Arc::ptr_eq(&now, &last) { Ok(()) } else { learn(now.clone()) };
        *last = now;
        std::future::ready(learned)
    });
}

fn is_loopback(listen: &str) -> bool {
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
