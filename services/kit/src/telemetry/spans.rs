//! Spans: of calls that come in, and of what is done for them where that is exported. Those are for traces alone, and not for
//! the log; without an exporter they are not made.

use std::{net::IpAddr, time::Duration};

use contracts::errors::code_name;
use http::HeaderMap;
use opentelemetry::trace::SpanKind;
use tonic::Code;
use tracing::{Span, field::Empty, info_span};

pub(crate) use super::place::Place;
use super::{is_server_fault, place, trace_id};
use crate::headers::TRACEPARENT;

/// The target of spans that the log leaves out.
pub(super) const TARGET: &str = "otel";
/// That of tasks that run for as long as the process.
pub(super) const KEPT: &str = "kit::kept";

/// The span of a call that came in, a child of the caller's if its headers name one. `known`: it is of a method.
pub fn server_span(path: &str, known: bool, request_id: &str, headers: &HeaderMap) -> Span {
    let given = headers.get(TRACEPARENT).and_then(trace_id);
    if !place::active() {
        return info_span!("grpc", path, request_id, client.address = Empty, trace_id = given);
    }
    let method = if known { path.trim_start_matches('/') } else { "_OTHER" };
    let place = Place::after(method.to_owned(), SpanKind::Server, Some(headers));
    let own = place.as_ref().filter(|_| given.is_none()).map(|place| place.context().trace_id().to_string());
    let trace_id = given.or(own.as_deref());
    let span = info_span!("grpc", path, request_id, client.address = Empty, trace_id);
    if let Some(mut place) = place {
        if place.is_recorded() {
            place.note("rpc.system.name", "grpc");
            place.note("rpc.method", method.to_owned());
            place.note("request_id", request_id.to_owned());
        }
        place.of(&span);
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
    place::current(|place| answered(place, code, is_server_fault(code)));
    let took_us = took.as_micros() as u64;
    match code {
        Code::Ok => tracing::debug!(took_us, "call.served"),
        code if is_server_fault(code) => tracing::warn!(?code, took_us, "call.failed"),
        code => tracing::debug!(?code, took_us, "call.refused"),
    }
}

fn answered(place: &mut Place, code: Code, failed: bool) {
    place.note("rpc.response.status_code", code_name(code));
    if failed {
        place.failed();
    }
}

/// Whether spans are exported at all.
pub(crate) fn on() -> bool {
    place::active()
}

/// What a request over HTTP turns out to be for, in the current span: the route's template, if there is one.
pub fn request_of(method: &http::Method, route: &str) {
    place::current(|place| {
        if place.is_recorded() {
            place.note("http.request.method", method.to_string());
            place.rename(if route.is_empty() { method.to_string() } else { format!("{method} {route}") });
        }
    });
}

/// A call of another process, if what it is made for is exported.
pub(crate) fn client(path: &str) -> Span {
    let method = path.trim_start_matches('/');
    let Some(mut place) = Place::below(|| method.to_owned().into(), SpanKind::Client) else {
        return Span::none();
    };
    place.note("rpc.system.name", "grpc");
    place.note("rpc.method", method.to_owned());
    let span = info_span!(target: TARGET, "call");
    place.of(&span);
    span
}

/// A call of another process was answered.
pub(crate) fn client_answered(span: &Span, code: Code) {
    place::of(span, |place| answered(place, code, code != Code::Ok));
}

/// A statement, if what it is for is exported. Its words say what is done to which table; no values. Nothing is done within it, so
/// it is no span of the log's.
pub(crate) fn statement(
    system: &'static str,
    role: &'static str,
    operation: &'static str,
    sql: &str,
) -> Option<Place> {
    let mut found = None;
    let name = || {
        found = table(operation, sql);
        found.map_or(operation.into(), |table| format!("{operation} {table}").into())
    };
    let mut place = Place::below(name, SpanKind::Client)?;
    place.note("db.system.name", system);
    place.note("db.namespace", role);
    place.note("db.operation.name", operation);
    if let Some(table) = found {
        place.note("db.collection.name", table.to_owned());
    }
    Some(place)
}

/// The first table that a statement names.
fn table<'s>(operation: &str, sql: &'s str) -> Option<&'s str> {
    let words: &[&str] = match operation {
        "SELECT" | "DELETE" => &["FROM "],
        "INSERT" => &["INTO "],
        "UPDATE" => &["UPDATE "],
        "WITH" => &["FROM ", "INTO ", "UPDATE "],
        _ => return None,
    };
    let place = words.iter().filter_map(|word| Some(sql.find(word)? + word.len())).min()?;
    let name = sql.get(place..)?.trim_start_matches(['"', '`', ' ']);
    let end =
        name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(name.len());
    name.get(..end).filter(|name| !name.is_empty())
}

/// A call of somebody else's service, if what it is made for is exported.
pub fn outside(service: &'static str, operation: &str) -> Span {
    let Some(mut place) = Place::below(|| format!("{service} {operation}").into(), SpanKind::Client) else {
        return Span::none();
    };
    place.note("peer.service", service);
    let span = info_span!(target: TARGET, "outside");
    place.of(&span);
    span
}

/// What a span is of has failed.
pub fn failed(span: &Span) {
    place::of(span, Place::failed);
}

/// A run of a background task.
pub(crate) fn task(name: &str) -> Span {
    let span = info_span!("task", task = name);
    if place::active()
        && let Some(mut place) = Place::after(name.to_owned(), SpanKind::Internal, None)
    {
        place.note("task", name.to_owned());
        place.of(&span);
    }
    span
}

/// A task that goes on for as long as the process does.
pub(crate) fn kept(name: &str) -> Span {
    info_span!(target: KEPT, "task", task = name)
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
            ("WITH part AS (UPDATE stock SET free = 1) SELECT * FROM part", Some("stock")),
            ("COMMIT", None),
            ("SELECT 1", None),
        ] {
            let operation = sql.split(' ').next().unwrap();
            assert_eq!(table(operation, sql), found, "{sql}");
        }
    }
}
