//! Requests by HTTP, by the semantic conventions.
//! <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::{Method, StatusCode};

use super::{CALLS, Label, Seconds, Series};

static REQUESTS: Seconds =
    Seconds::new("http.server.request.duration", "How long requests took until their answers began", CALLS);

/// The series of one route; cheap to clone. Those of the default are of all requests that no route is for.
#[derive(Clone, Default)]
pub struct Route(Arc<RwLock<Vec<(Key, Series)>>>);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    method: &'static str,
    status: u16,
    https: bool,
}

impl fmt::Debug for Route {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Route")
    }
}

impl Route {
    /// A request of this route's template was answered; an empty one is that of no route.
    pub fn answered(&self, template: &str, method: &Method, status: StatusCode, https: bool, took: Duration) {
        if !super::on() {
            return;
        }
        let key = Key { method: word(method), status: status.as_u16(), https };
        let series = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, series)) = series.iter().find(|(of, _)| *of == key) {
            return series.record(took);
        }
        drop(series);
        let status = key.status.to_string();
        let mut labels: Vec<Label<'_>> = vec![
            ("http.request.method", key.method),
            ("http.response.status_code", &status),
            ("url.scheme", if https { "https" } else { "http" }),
        ];
        if !template.is_empty() {
            labels.push(("http.route", template));
        }
        if key.status >= 500 {
            labels.push(("error.type", &status));
        }
        if let Some(made) = REQUESTS.series(&labels) {
            made.record(took);
            let mut series = self.0.write().unwrap_or_else(PoisonError::into_inner);
            // Somebody else may have made it meanwhile: both are the same series.
            if !series.iter().any(|(of, _)| *of == key) {
                series.push((key, made));
            }
        }
    }
}

/// A method by its name, if it is a known one.
fn word(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("_OTHER")
}
