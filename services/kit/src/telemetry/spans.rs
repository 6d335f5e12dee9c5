//! Spans: of calls that come in, and of what is done for them where that is exported. Those are for traces alone, and not for
//! the log; without an exporter they are not made.

use std::{net::IpAddr, time::Duration};

use contracts::errors::code_name;
use http::HeaderMap;
use tonic::Code;
use tracing::{Span, field::Empty};

use super::{child_of, export, is_server_fault, trace_id};
use crate::headers::TRACEPARENT;

/// The target of spans that the log leaves out.
pub(super) const TARGET: &str = "otel";
/// That of tasks that run for as long as the process.
pub(super) const KEPT: &str = "kit::kept";

/// The span of a call that came in, a child of the caller's if its headers name one. `known`: it is of a method.
pub fn server_span(path: &str, known: bool, request_id: &str, headers: &HeaderMap) -> Span {
    if export::active() {
        let method = if known { path.trim_start_matches('/') } else { "_OTHER" };
        let span = tracing::info_span!(
            "grpc",
            path,
            request_id,
            client.address = Empty,
            trace_id = Empty,
            otel.name = method,
            otel.kind = Empty,
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.method = method,
            rpc.response.status_code = Empty,
        );
        child_of(&span, headers);
        if let Some(id) = export::trace_id(&span) {
            span.record("trace_id", id);
        }
        return span;
    }
    let span = tracing::info_span!("grpc", path, request_id, client.address = Empty, trace_id = Empty);
    if let Some(id) = headers.get(TRACEPARENT).and_then(trace_id) {
        span.record("trace_id", id);
    }
    span
}

/// Says in the span of [`server_span`], or in one with such a field, where its call comes from.
pub fn from_client(address: Option<IpAddr>) {
    if let Some(address) = address {
        Span::current().record("client.address", tracing::field::display(address));
    }
}

/// A call was answered, in the span of [`server_span`]. Only our own failures deserve attention.
pub fn served(code: Code, took: Duration) {
    if export::active() {
        answered(&Span::current(), code, is_server_fault(code));
    }
    let took_us = took.as_micros() as u64;
    match code {
        Code::Ok => tracing::debug!(took_us, "call.served"),
        code if is_server_fault(code) => tracing::warn!(?code, took_us, "call.failed"),
        code => tracing::debug!(?code, took_us, "call.refused"),
    }
}

fn answered(span: &Span, code: Code, failed: bool) {
    span.record("rpc.response.status_code", code_name(code));
    if failed {
        span.record("otel.status_code", "ERROR");
    }
}

/// Whether spans are exported at all.
pub(crate) fn on() -> bool {
    export::active()
}

/// What a request over HTTP turns out to be for, in the current span: the route's template, if there is one.
pub fn request_of(method: &http::Method, route: &str) {
    if export::active() {
        let name = if route.is_empty() { method.to_string() } else { format!("{method} {route}") };
        export::rename(name);
    }
}

/// A call of another process, if what it is made for is exported.
pub(crate) fn client(path: &str) -> Span {
    if !export::is_traced() {
        return Span::none();
    }
    let method = path.trim_start_matches('/');
    tracing::info_span!(
        target: TARGET,
        "call",
        otel.name = method,
        otel.kind = "client",
        otel.status_code = Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
    )
}

/// A call of another process was answered.
pub(crate) fn client_answered(span: &Span, code: Code) {
    answered(span, code, code != Code::Ok);
}

/// A statement, if what it is for is exported. Its words say what is done to which table; no values.
pub(crate) fn statement(system: &'static str, role: &str, operation: &str, sql: &str) -> Span {
    if !export::is_traced() {
        return Span::none();
    }
    let table = table(sql);
    let name = table.map(|table| format!("{operation} {table}"));
    tracing::info_span!(
        target: TARGET,
        "db",
        otel.name = name.as_deref().unwrap_or(operation),
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = system,
        db.namespace = role,
        db.operation.name = operation,
        db.collection.name = table,
    )
}

/// The first table that a statement names.
fn table(sql: &str) -> Option<&str> {
    let words = ["FROM ", "INTO ", "UPDATE "];
    let place = words.iter().filter_map(|word| Some(sql.find(word)? + word.len())).min()?;
    let name = sql.get(place..)?.trim_start_matches(['"', '`', ' ']);
    let end =
        name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(name.len());
    name.get(..end).filter(|name| !name.is_empty())
}

/// A call of somebody else's service, if what it is made for is exported.
pub fn outside(service: &str, operation: &str) -> Span {
    if !export::is_traced() {
        return Span::none();
    }
    tracing::info_span!(
        target: TARGET,
        "outside",
        otel.name = format!("{service} {operation}"),
        otel.kind = "client",
        otel.status_code = Empty,
        peer.service = service,
    )
}

/// What a span is of has failed.
pub fn failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// A run of a background task.
pub(crate) fn task(name: &str) -> Span {
    if export::active() {
        tracing::info_span!("task", task = name, otel.name = name)
    } else {
        tracing::info_span!("task", task = name)
    }
}

/// A task that goes on for as long as the process does.
pub(crate) fn kept(name: &str) -> Span {
    tracing::info_span!(target: KEPT, "task", task = name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_its_table_and_no_value() {
        for (sql, found) in [
            (r#"SELECT "a"."id" FROM "articles" AS "a" WHERE "a"."code" = 'x'"#, Some("articles")),
            ("INSERT INTO `order_lines` (`id`) VALUES (?)", Some("order_lines")),
            ("UPDATE outbox SET position = CASE id WHEN 1 THEN 2 END", Some("outbox")),
            ("DELETE FROM \"idempotency\"", Some("idempotency")),
            ("COMMIT", None),
            ("SELECT 1", None),
        ] {
            assert_eq!(table(sql), found, "{sql}");
        }
    }
}
