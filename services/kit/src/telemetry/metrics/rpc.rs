//! Calls by gRPC, as they are served and as other roles are called, by the semantic conventions.
//! <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/>

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use contracts::errors::code_name;
use tonic::Code;

use super::{CALLS, Label, Seconds, Series};

static SERVED: Seconds = Seconds::new(
    "rpc.server.call.duration",
    "How long calls took that were served; of streams, until they began",
    CALLS,
);
static CALLED: Seconds = Seconds::new(
    "rpc.client.call.duration",
    "How long calls of other roles took; of streams, until they began",
    CALLS,
);

const CODES: usize = 17;

/// The series of one method; cheap to clone.
#[derive(Clone, Default)]
pub struct Rpc(Arc<Both>);

#[derive(Default)]
struct Both {
    served: OnceLock<OfMethod>,
    called: OnceLock<OfMethod>,
}

/// By code; made when they are needed, as most methods have one or two.
type OfMethod = Box<[OnceLock<Series>; CODES]>;

impl fmt::Debug for Rpc {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Rpc")
    }
}

impl Rpc {
    /// A call of this method (`/package.Service/Method`) was served.
    pub fn served(&self, path: &str, code: Code, took: Duration) {
        record(&SERVED, &self.0.served, (path, code, took), super::super::is_server_fault(code));
    }

    /// A call of this method was answered by another role.
    pub fn called(&self, path: &str, code: Code, took: Duration) {
        record(&CALLED, &self.0.called, (path, code, took), code != Code::Ok);
    }
}

fn record(
    metric: &'static Seconds,
    series: &OnceLock<OfMethod>,
    (path, code, took): (&str, Code, Duration),
    failed: bool,
) {
    if !super::on() {
        return;
    }
    let series = series.get_or_init(|| Box::new([const { OnceLock::new() }; CODES]));
    let Some(series) = series.get(code as usize) else { return };
    if series.get().is_none() {
        let code = code_name(code);
        let error: Label<'_> = ("error.type", code);
        let labels = [
            ("rpc.system.name", "grpc"),
            ("rpc.method", path.trim_start_matches('/')),
            ("rpc.response.status_code", code),
            error,
        ];
        let labels = if failed { &labels[..] } else { &labels[..3] };
        if let Some(made) = metric.series(labels) {
            let _ = series.set(made);
        }
    }
    if let Some(series) = series.get() {
        series.record(took);
    }
}
