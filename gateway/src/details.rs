//! The details of an error (google.rpc.Status): made, found and rendered as JSON.

use std::sync::{LazyLock, OnceLock};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::errors::{DOMAIN, Reason};
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::Any;
use serde_json::{Value, json};
use tonic_types::pb;

use crate::json::{Style, Tables};

/// Makes an ErrorInfo.
pub fn error_info<'a>(reason: Reason, metadata: impl IntoIterator<Item = (&'a str, &'a str)>) -> Any {
    let info = pb::ErrorInfo {
        reason: reason.to_string(),
        domain: DOMAIN.to_owned(),
        metadata: metadata.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
    };
    pack("google.rpc.ErrorInfo", &info)
}

/// Makes a BadRequest about one field.
pub fn bad_field(field: String, description: String) -> Any {
    let violation = pb::bad_request::FieldViolation { field, description, ..Default::default() };
    pack("google.rpc.BadRequest", &pb::BadRequest { field_violations: vec![violation] })
}

/// Makes a RetryInfo.
pub fn retry_in(delay: std::time::Duration) -> Any {
    let retry_delay = prost_types::Duration::try_from(delay).ok();
    pack("google.rpc.RetryInfo", &pb::RetryInfo { retry_delay })
}

/// The first bad field of a BadRequest.
pub fn bad_field_of(detail: &Any) -> Option<(String, String)> {
    if !detail.type_url.ends_with("/google.rpc.BadRequest") {
        return None;
    }
    let bad = pb::BadRequest::decode(detail.value.as_slice()).ok()?;
    bad.field_violations.into_iter().next().map(|it| (it.field, it.description))
}

fn pack(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

/// Reads `grpc-status-details-bin`. What cannot be read is no detail; what is meant for developers of the
/// service alone (DebugInfo) is left out.
pub fn decode(status: &[u8]) -> Vec<Any> {
    let Ok(status) = pb::Status::decode(status) else { return Vec::new() };
    status.details.into_iter().filter(|detail| !detail.type_url.ends_with("/google.rpc.DebugInfo")).collect()
}

/// Whether a detail is an ErrorInfo.
pub fn is_error_info(detail: &Any) -> bool {
    detail.type_url.ends_with("/google.rpc.ErrorInfo")
}

/// The reason in a detail that is an ErrorInfo of ours; none where it is another, or younger than this binary.
pub fn reason(detail: &Any) -> Option<Reason> {
    let info = pb::ErrorInfo::decode(detail.value.as_slice()).ok().filter(|_| is_error_info(detail))?;
    // Another domain's reason may bear one of our names and mean something else.
    Reason::read(&info.reason).filter(|_| info.domain == DOMAIN)
}

/// What the ErrorInfo of a limit on rates tells: its name, and how many calls it lets come in how many seconds.
pub fn rate_limit(detail: &Any) -> Option<(String, Option<(u64, u64)>)> {
    let info = pb::ErrorInfo::decode(detail.value.as_slice()).ok().filter(|_| is_error_info(detail))?;
    if info.reason != Reason::RateLimited.as_str() || info.domain != DOMAIN {
        return None;
    }
    let number = |key: &str| info.metadata.get(key)?.parse().ok();
    let name = info
        .metadata
        .get("limit")
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
    Some((
        name.cloned().unwrap_or_else(|| "default".to_owned()),
        number("quota").zip(number("window_seconds")),
    ))
}

/// Whether one of some details is an ErrorInfo with a reason.
pub fn has_reason(details: &[Any], wanted: Reason) -> bool {
    details.iter().any(|detail| reason(detail) == Some(wanted))
}

/// A detail's JSON, with its type under `@type`. One of a type that nobody here knows is its bytes in base64.
pub fn json(detail: &Any, tables: &Tables) -> Option<Value> {
    // Ours before the contract's: a contract may bring a copy of google.rpc that has fewer fields.
    let known = render(detail, of_rpc(tables.style())).or_else(|| render(detail, tables));
    Some(
        known.unwrap_or_else(
            || json!({"@type": detail.type_url, "value": BASE64_STANDARD.encode(&detail.value)}),
        ),
    )
}

fn render(detail: &Any, tables: &Tables) -> Option<Value> {
    let mut json = Vec::new();
    tables.any(&detail.type_url, &detail.value, &mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

/// google.rpc's own types, as they are written in a style.
fn of_rpc(style: Style) -> &'static Tables {
    static POOL: LazyLock<Option<DescriptorPool>> =
        LazyLock::new(|| DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).ok());
    static TABLES: [OnceLock<Tables>; Style::COUNT] = [const { OnceLock::new() }; Style::COUNT];
    TABLES[style.index()].get_or_init(|| match &*POOL {
        Some(pool) => Tables::styled(pool, style, |_| false),
        None => Tables::empty(style),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_google_rpc_are_known() {
        let rpc = of_rpc(Style::default());
        for name in ["ErrorInfo", "BadRequest", "RetryInfo", "PreconditionFailure", "QuotaFailure", "Help"] {
            assert!(rpc.any(&format!("x/google.rpc.{name}"), b"", &mut Vec::new()).is_ok(), "{name}");
        }
    }

    #[test]
    fn details_are_proto3_json_with_their_type() {
        let tables = Tables::default();
        let info = error_info(Reason::OutOfStock, [("article_id", "art_1")]);
        assert_eq!(
            json(&info, &tables),
            Some(json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "OUT_OF_STOCK", "domain": "feira", "metadata": {"article_id": "art_1"}
            }))
        );
        let bad = json(&bad_field("lines[0].quantity".into(), "too many".into()), &tables).unwrap();
        assert_eq!(bad["fieldViolations"][0]["field"], "lines[0].quantity");
        let unknown = Any { type_url: "example.com/a.B".into(), value: vec![1, 2] };
        assert_eq!(json(&unknown, &tables), Some(json!({"@type": "example.com/a.B", "value": "AQI="})));
    }
}
