//! What the process itself takes, by the names that Prometheus's own clients use, so that everybody's dashboards know them.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::{KeyValue, metrics::Meter};
use rustix::time::{ClockId, clock_gettime};

use super::Watched;

/// What is read of `/proc/self/status`, in kB or as a number.
fn status(field: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

pub(super) fn observe(meter: &Meter) {
    let cpu = meter.f64_observable_counter("process.cpu").with_unit("s");
    cpu.with_description("CPU time that the process has taken")
        .with_callback(|observer| {
            let time = clock_gettime(ClockId::ProcessCPUTime);
            observer.observe(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9, &[]);
        })
        .build();
    let memory = |field: &'static str| {
        move |see: &mut dyn FnMut(f64, &[super::Label<'_>])| {
            if let Some(kib) = status(field) {
                see(kib * 1024.0, &[]);
            }
        }
    };
    Watched { name: "process.resident_memory", unit: "By", about: "Memory of the process that is in RAM" }
        .by(memory("VmRSS"));
    Watched { name: "process.virtual_memory", unit: "By", about: "Address space of the process" }
        .by(memory("VmSize"));
    Watched { name: "process.threads", unit: "{thread}", about: "Threads of the process" }.by(|see| {
        if let Some(threads) = status("Threads") {
            see(threads, &[]);
        }
    });
    Watched { name: "process.open_fds", unit: "{file}", about: "Open files and connections of the process" }
        .by(|see| {
            if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
                see(files.count() as f64, &[]);
            }
        });
    Watched { name: "process.max_fds", unit: "{file}", about: "How many files the process may have open" }
        .by(|see| {
            let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
            if let Some(limit) = limit {
                see(limit as f64, &[]);
            }
        });
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    Watched { name: "process.start_time", unit: "s", about: "When the process was started, since 1970" }
        .by(move |see| see(started, &[]));
    let info = meter.u64_observable_gauge("feira.build_info").with_description("Which version runs");
    let version = KeyValue::new("version", env!("CARGO_PKG_VERSION"));
    info.with_callback(move |observer| observer.observe(1, std::slice::from_ref(&version))).build();
}
