//! The admin listener: what operators and their tools read of a process. It asks for no password, so it is on no port that
//! others reach.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use kit::telemetry::Telemetry;

/// What is there.
pub fn router(telemetry: Arc<Telemetry>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(telemetry)
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
