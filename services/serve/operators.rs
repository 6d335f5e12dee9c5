//! The admin listener: what operators, their tools and their orchestrators read of a process. It asks for no password, so it
//! is on no port that others reach.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use kit::{
    listen::Peer,
    telemetry::{Level, Telemetry},
};

/// The longest filter that is taken, in bytes.
const LONGEST: usize = 4_096;

/// Whether the process takes calls; why not, otherwise.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What is there.
pub fn router(telemetry: Arc<Telemetry>, ready: Ready) -> Router {
    let level = get(log_level).put(set_log_level);
    // That it answers says that the process runs.
    let alive = get(|| async { "ok\n" });
    let probes = Router::new().route("/livez", alive).route("/readyz", get(readyz)).with_state(ready);
    Router::new()
        .route("/metrics", get(metrics))
        .route("/log-level", level)
        .with_state(telemetry)
        .merge(probes)
}

/// Whether calls should be sent to the process.
async fn readyz(State(ready): State<Ready>) -> Response {
    match ready() {
        Ok(()) => "ok\n".into_response(),
        Err(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")).into_response(),
    }
}

/// All metrics, as Prometheus's text or, for whoever asks for it, OpenMetrics.
async fn metrics(State(telemetry): State<Arc<Telemetry>>, headers: HeaderMap) -> Response {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accept = accepts.collect::<Vec<_>>().join(",");
    match telemetry.metrics(&accept) {
        Ok((media_type, text)) => ([(header::CONTENT_TYPE, media_type)], text).into_response(),
        Err(problem) => (StatusCode::INTERNAL_SERVER_ERROR, problem).into_response(),
    }
}

/// By which level the process logs.
async fn log_level(State(telemetry): State<Arc<Telemetry>>) -> String {
    telemetry.level()
}

/// Logs by another level until the settings are read again. For this machine alone: what is logged may be much, and may
/// say much.
async fn set_log_level(
    State(telemetry): State<Arc<Telemetry>>,
    Extension(Peer(peer)): Extension<Peer>,
    filter: String,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return (StatusCode::FORBIDDEN, "the log level is set from this machine alone").into_response();
    }
    if filter.len() > LONGEST {
        return (StatusCode::PAYLOAD_TOO_LARGE, "a filter is shorter than that").into_response();
    }
    let set = filter.trim().parse::<Level>().and_then(|level| telemetry.set_level(&level).map(|()| level));
    match set {
        Ok(level) => {
            tracing::info!(log_level = %level, "log_level.set");
            StatusCode::NO_CONTENT.into_response()
        }
        Err(problem) => (StatusCode::BAD_REQUEST, problem).into_response(),
    }
}
