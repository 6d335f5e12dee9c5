//! Certificates that end: told by metrics, and by the log while there is time to renew them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use kit::{Tasks, mesh::certificates::Facts, telemetry::metrics::Watched};

/// Before a certificate ends, somebody should know.
pub const SOON: Duration = Duration::from_secs(14 * 24 * 3_600);
/// How often files are read: they are renewed while the process runs.
const LOOK: Duration = Duration::from_secs(60);
/// How often it is warned of one that ends.
const WARN: Duration = Duration::from_secs(12 * 3_600);

/// When certificates end, by what they are for, as their files were read last.
#[derive(Clone, Default)]
struct Ends(Arc<Mutex<BTreeMap<&'static str, SystemTime>>>);

/// Watches the certificate by which other roles know the process, and the one that clients are shown, as far as there are any.
pub fn watch(mesh: Option<&Path>, tls: Option<&Path>, tasks: &Tasks) {
    let named = [("mesh", mesh), ("tls", tls)].into_iter();
    let files: Vec<(&'static str, PathBuf)> =
        named.filter_map(|(name, file)| Some((name, file?.to_owned()))).collect();
    if files.is_empty() {
        return;
    }
    let ends = Ends::default();
    ends.read(&files);
    ends.warn(&files);
    let watched = ends.clone();
    let about = "When a certificate ends, since 1970, by what it is for: other roles (mesh), clients (tls)";
    Watched { name: "feira.certificate.end", unit: "s", about }.by(move |see| {
        for (name, end) in watched.known().iter() {
            if let Ok(since) = end.duration_since(SystemTime::UNIX_EPOCH) {
                see(since.as_secs_f64(), &[("certificate", *name)]);
            }
        }
    });
    tasks.spawn_until_drain(async move {
        let mut warned = Instant::now();
        loop {
            tokio::time::sleep(LOOK).await;
            ends.read(&files);
            if warned.elapsed() >= WARN {
                ends.warn(&files);
                warned = Instant::now();
            }
        }
    });
}

impl Ends {
    fn known(&self) -> MutexGuard<'_, BTreeMap<&'static str, SystemTime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What cannot be read now counts as it was.
    fn read(&self, files: &[(&'static str, PathBuf)]) {
        for (name, file) in files {
            if let Ok(facts) = Facts::read(file, None) {
                self.known().insert(name, facts.until);
            }
        }
    }

    fn warn(&self, files: &[(&'static str, PathBuf)]) {
        for (name, file) in files {
            let Some(until) = self.known().get(name).copied() else { continue };
            if until <= SystemTime::now() + SOON {
                let until = humantime::format_rfc3339_seconds(until);
                tracing::warn!(certificate = name, file = %file.display(), %until, "certificate.ends");
            }
        }
    }
}
