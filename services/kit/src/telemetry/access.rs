//! The access log: a line for each request over REST and each call over gRPC that comes from outside.
//!
//! There are as many lines as calls, so they are made here and handed to the writer, and pass none of tracing's layers.

use std::{
    fmt::{Display, Write},
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contracts::errors::code_name;
use http::{HeaderMap, Method, StatusCode};
use tonic::Code;
use tracing::Span;
use tracing_subscriber::fmt::{
    format,
    time::{FormatTime, SystemTime},
};

use super::{Format, json::Quoted, place, trace_id, writer::Writer};
use crate::{Caller, headers::TRACEPARENT};

/// What its lines are filtered by.
pub(super) const TARGET: &str = "feira::access";

/// Whether the filter lets it through.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Whether somebody wants it.
pub fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// Somebody does, or not any more.
pub(super) fn want(wanted: bool) {
    WANTED.store(wanted, Ordering::Relaxed);
}

/// Who calls, as far as a line says it.
#[derive(Debug, Clone, Default)]
pub struct Who {
    kind: &'static str,
    id: String,
}

impl From<&Caller> for Who {
    fn from(caller: &Caller) -> Self {
        let (kind, id) = match caller {
            Caller::Anonymous => ("anonymous", String::new()),
            Caller::User { id, .. } => ("user", id.to_string()),
            Caller::ApiKey { key, .. } => ("api_key", key.to_string()),
            Caller::Service { role, .. } => ("service", role.name().to_owned()),
        };
        Self { kind, id }
    }
}

/// Where a layer further in leaves who calls, once that is known.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<OnceLock<Who>>);

impl Seen {
    /// It is them.
    pub fn is(&self, who: Who) {
        let _ = self.0.set(who);
    }

    fn who(&self) -> Who {
        self.0.get().cloned().unwrap_or(Who { kind: "unknown", id: String::new() })
    }
}

/// What a line says of where its call comes from, taken while its headers are there.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub seen: Seen,
    pub client: Option<IpAddr>,
    pub request_id: String,
    pub trace_id: String,
}

impl Origin {
    /// The trace of a span, or of the headers that came in.
    pub fn with_trace(mut self, span: &Span, headers: &HeaderMap) -> Self {
        let own = place::trace_id(span);
        let given = || headers.get(TRACEPARENT).and_then(trace_id).map(str::to_owned);
        self.trace_id = own.or_else(given).unwrap_or_default();
        self
    }
}

/// A request over HTTP was answered, with so many bytes where that is known.
pub fn request(
    from: &Origin,
    (method, route): (&Method, &str),
    status: StatusCode,
    took: Duration,
    bytes: Option<u64>,
) {
    from.write("request", took, |line| {
        line.text("method", method.as_str());
        line.text("route", route);
        line.number("status", status.as_u16());
        if let Some(bytes) = bytes {
            line.number("bytes", bytes);
        }
    });
}

/// A call over gRPC was answered.
pub fn call(from: &Origin, path: &str, code: Code, took: Duration) {
    from.write("call", took, |line| {
        line.text("route", path);
        line.text("status", code_name(code));
    });
}

impl Origin {
    fn write(&self, what: &str, took: Duration, answer: impl FnOnce(&mut Line)) {
        let Some(writer) = Writer::get() else { return };
        let Who { kind, id } = self.seen.who();
        let mut line = Line::new(writer.format(), what);
        answer(&mut line);
        line.number("duration_ms", format_args!("{:.3}", took.as_secs_f64() * 1e3));
        line.text("caller", kind);
        line.text("caller_id", &id);
        if let Some(address) = self.client {
            line.text("client.address", &address.to_string());
        }
        line.text("request_id", &self.request_id);
        line.text("trace_id", &self.trace_id);
        writer.push_one_of_many(line.end().as_bytes());
    }
}

/// A line on its way, as tracing's layers would write it.
struct Line {
    format: Format,
    text: String,
}

impl Line {
    fn new(format: Format, what: &str) -> Self {
        let mut text = String::with_capacity(512);
        let _ = match format {
            Format::Json => {
                text.push_str("{\"timestamp\":\"");
                let timed = SystemTime.format_time(&mut format::Writer::new(&mut text));
                timed.and_then(|()| {
                    write!(text, "\",\"level\":\"INFO\",\"target\":\"{TARGET}\",\"message\":\"{what}\"")
                })
            }
            Format::Text => {
                let timed = SystemTime.format_time(&mut format::Writer::new(&mut text));
                timed.and_then(|()| write!(text, "  INFO {TARGET}: {what}"))
            }
        };
        Self { format, text }
    }

    fn text(&mut self, name: &str, value: &str) {
        self.number(name, Quoted(value));
    }

    fn number(&mut self, name: &str, value: impl Display) {
        let _ = match self.format {
            Format::Json => write!(self.text, ",\"{name}\":{value}"),
            Format::Text => write!(self.text, " {name}={value}"),
        };
    }

    fn end(mut self) -> String {
        self.text.push_str(if self.format == Format::Json { "}\n" } else { "\n" });
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object_or_words_for_people() {
        let mut line = Line::new(Format::Json, "request");
        line.text("route", "/v1/\"x\"\n");
        line.number("status", 200);
        let read: serde_json::Value = serde_json::from_str(line.end().strip_suffix('\n').unwrap()).unwrap();
        assert_eq!(
            (&read["message"], &read["level"], &read["target"]),
            (&"request".into(), &"INFO".into(), &TARGET.into())
        );
        assert_eq!((&read["route"], &read["status"]), (&"/v1/\"x\"\n".into(), &200.into()));
        assert!(read["timestamp"].as_str().unwrap().ends_with('Z'));
        let mut line = Line::new(Format::Text, "call");
        line.text("status", "OK");
        assert!(line.end().ends_with("Z  INFO feira::access: call status=\"OK\"\n"));
    }
}
