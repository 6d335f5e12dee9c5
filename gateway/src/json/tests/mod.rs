//! Tests of reading and writing proto3 JSON.

mod differential;
mod messages;
mod same;
mod writing;

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage as _};

use super::*;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(test_pool);

static READER: LazyLock<Reader> =
    LazyLock::new(|| Reader::new(&Arc::new(Tables::new(&POOL, |_| false)), &everything()).unwrap());

/// The foreign contract of the tests.
pub fn test_pool() -> DescriptorPool {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut compiler =
        protox::Compiler::new([format!("{root}/tests/edge"), format!("{root}/../proto")]).unwrap();
    compiler.include_imports(true).include_source_info(true).open_file("library.proto").unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

fn everything() -> MessageDescriptor {
    POOL.get_message_by_name("library.v1.Everything").unwrap()
}

fn read(json: &str) -> Result<DynamicMessage, Error> {
    let mut out = Vec::new();
    READER.message(json.as_bytes(), &mut out)?;
    Ok(DynamicMessage::decode(everything(), out.as_slice()).unwrap())
}

fn bad(json: &str) -> String {
    match read(json) {
        Err(Error::Field(bad) | Error::Rule(bad)) => bad.field,
        Err(Error::Syntax(problem)) => format!("syntax: {problem}"),
        Ok(value) => format!("accepted: {value}"),
    }
}

#[test]
fn errors_name_the_field_by_its_proto_path() {
    for (json, field) in [
        (r#"{"colour":1}"#, "colour"),
        (r#"{"innerPart":{"colour":1}}"#, "inner_part.colour"),
        (r#"{"parts":[{},{"units":"x"}]}"#, "parts[1].units"),
        (r#"{"parts":[null]}"#, "parts[0]"),
        (r#"{"parts":{}}"#, "parts"),
        (r#"{"parts":5}"#, "parts"),
        (r#"{"words":["a",1]}"#, "words[1]"),
        (r#"{"words":[["a"]]}"#, "words[0]"),
        (r#"{"byName":{"a b":{"units":1.5}}}"#, r#"by_name["a b"].units"#),
        (r#"{"byName":{"a":null}}"#, r#"by_name["a"]"#),
        (r#"{"byName":[]}"#, "by_name"),
        (r#"{"byNumber":{"x":"y"}}"#, r#"by_number["x"]"#),
        (r#"{"innerPart":[]}"#, "inner_part"),
        (r#"{"innerPart":"x"}"#, "inner_part"),
        (r#"{"nested":{"nested":{"number":"1e"}}}"#, "nested.nested.number"),
        (r#"{"kinds":["KIND_POEM","POEM"]}"#, "kinds[1]"),
        (r#"{"kind":true}"#, "kind"),
        (r#"{"time":"2026-02-30T00:00:00Z"}"#, "time"),
        (r#"{"time":"2026-01-31T12:00:00.0000000001Z"}"#, "time"),
        (r#"{"time":5}"#, "time"),
        (r#"{"time":{}}"#, "time"),
        (r#"{"length":"1.5"}"#, "length"),
        (r#"{"mask":"a_b"}"#, "mask"),
        (r#"{"wrapped":{"value":1}}"#, "wrapped"),
        (r#"{"wrapped":1.5}"#, "wrapped"),
        (r#"{"name":1}"#, "name"),
        (r#"{"object":[]}"#, "object"),
        (r#"{"list":{}}"#, "list"),
        (r#"{"data":"*"}"#, "data"),
        (r#"{"flag":"true"}"#, "flag"),
        (r#"{"text":1}"#, "text"),
        (r#"{"any":{"units":1}}"#, "any"),
        (r#"{"any":{"@type":"x/library.v1.Nothing"}}"#, "any"),
        (r#"{"any":{"@type":"x/library.v1.Inner","units":"x"}}"#, "any.units"),
        (r#"{"any":{"@type":"x/google.protobuf.Timestamp","value":"x"}}"#, "any"),
        (r#"{"left":"a","right":{}}"#, "right"),
    ] {
        assert_eq!(bad(json), field, "{json}");
    }
}

#[test]
fn a_field_given_twice_is_found_in_either_spelling_and_at_any_depth() {
    for (json, field) in [
        (r#"{"number":1,"number":1}"#, "number"),
        (r#"{"number":null,"number":1}"#, "number"),
        (r#"{"innerPart":{},"inner_part":{}}"#, "inner_part"),
        (r#"{"parts":[{"currencyCode":"","currency_code":""}]}"#, "parts[0].currency_code"),
        (r#"{"byName":{"a":{},"a":{}}}"#, r#"by_name["a"]"#),
        (r#"{"byNumber":{"1":"a","1":"b"}}"#, r#"by_number["1"]"#),
        (r#"{"object":{"a":{"b":1,"b":2}}}"#, "object.a.b"),
        (r#"{"value":[{"b":1,"b":2}]}"#, "value[0].b"),
        (
            r#"{"any":{"@type":"x/library.v1.Inner","currencyCode":"","currency_code":""}}"#,
            "any.currency_code",
        ),
    ] {
        assert_eq!(bad(json), field, "{json}");
    }
}

#[test]
fn integers_are_exact_and_within_their_range() {
    for json in [
        "1",
        "1.0",
        "1e2",
        "-0",
        "\"1\"",
        "\"-1\"",
        "\"1.0\"",
        "\"1e2\"",
        "2147483647",
        "-2147483648",
        "null",
    ] {
        assert!(read(&format!(r#"{{"number":{json}}}"#)).is_ok(), "{json}");
    }
    for json in [
        "2147483648",
        "-2147483649",
        "1.5",
        "1e10",
        "9223372036854775808",
        "true",
        "\"\"",
        "\" 1\"",
        "\"1 \"",
        "\"+1\"",
        "\"0x1\"",
        "\"1.5\"",
        "\"NaN\"",
        "[]",
        "{}",
        "\"01\"",
        "\"1_0\"",
    ] {
        assert_eq!(bad(&format!(r#"{{"number":{json}}}"#)), "number", "{json}");
    }
    let big = |json: &str| read(&format!(r#"{{"big":{json}}}"#)).ok()?.get_field_by_name("big")?.as_i64();
    assert_eq!(big("9223372036854775807"), Some(i64::MAX));
    assert_eq!(big("\"-9223372036854775808\""), Some(i64::MIN));
    for json in ["9223372036854775808", "\"9223372036854775808\"", "9223372036854775808.0", "1e19", "-1e19"] {
        assert_eq!(big(json), None, "{json}");
    }
    let huge = |json: &str| read(&format!(r#"{{"huge":{json}}}"#)).ok()?.get_field_by_name("huge")?.as_u64();
    assert_eq!(huge("18446744073709551615"), Some(u64::MAX));
    assert_eq!((huge("18446744073709551616"), huge("-1")), (None, None));
    assert_eq!(bad(r#"{"count":-1}"#), "count");
    assert_eq!(bad(r#"{"number":1e999}"#), "number");
    for (json, exact) in [
        ("9007199254740993.0", Some(9_007_199_254_740_993)),
        ("\"9007199254740993e0\"", Some(9_007_199_254_740_993)),
        ("-9223372036854775809", None),
        ("12.0000000000000001", None),
        ("0.12e2", Some(12)),
    ] {
        assert_eq!(big(json), exact, "{json}");
        let wrapped = read(&format!(r#"{{"wrapped":{json}}}"#)).ok();
        let inner = |it: DynamicMessage| {
            it.get_field_by_name("wrapped")?.as_message()?.get_field_by_name("value")?.as_i64()
        };
        assert_eq!(wrapped.and_then(inner), exact, "{json}");
        let any = format!(r#"{{"any":{{"units":{json},"@type":"x/library.v1.Inner"}}}}"#);
        assert_eq!(read(&any).is_ok(), exact.is_some(), "{json}");
    }
    assert!(bad(r#"{"number":01}"#).starts_with("syntax"));
}

#[test]
fn floats_may_be_named() {
    for json in ["1", "-1.5e300", "\"1.5\"", "\"NaN\"", "\"Infinity\"", "\"-Infinity\""] {
        assert!(read(&format!(r#"{{"ratio":{json}}}"#)).is_ok(), "{json}");
    }
    for json in ["\"nan\"", "\"inf\"", "\"1e999\"", "\"\"", "true"] {
        assert_eq!(bad(&format!(r#"{{"ratio":{json}}}"#)), "ratio", "{json}");
    }
    assert_eq!(bad(r#"{"share":3.5e38}"#), "share");
}

#[test]
fn null_means_not_given() {
    let message =
        read(r#"{"number":null,"words":null,"byName":null,"innerPart":null,"time":null,"wrapped":null}"#);
    assert_eq!(message.unwrap(), DynamicMessage::new(everything()));
    let message = read(r#"{"value":null,"left":null,"right":{}}"#).unwrap();
    assert!(message.has_field_by_name("value") && message.has_field_by_name("right"));
}

#[test]
fn nesting_has_a_limit() {
    let nested = |levels: usize| format!("{}{{}}{}", r#"{"nested":"#.repeat(levels), "}".repeat(levels));
    assert!(read(&nested(98)).is_ok());
    assert!(bad(&nested(100)).starts_with("nested.nested."));
    let list = |levels: usize| format!(r#"{{"value":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(read(&list(30)).is_ok());
    assert!(bad(&list(60)).starts_with("value[0]"));
    assert!(bad(&list(100_000)).starts_with("value[0]"));
    assert!(bad(&"{\"nested\":".repeat(100_000)).starts_with("nested."));
}

#[test]
fn what_the_outermost_object_names_is_told() {
    let json = br#"{"text":"x","nested":{"flag":true},"number":null}"#;
    assert_eq!(READER.message(json, &mut Vec::new()), Ok(vec![8, 28, 1]));
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| value.to_string()),
        "[a-z0-9.:TZ-]{0,12}".prop_map(|text| format!("{text:?}")),
    ];
    let names: Vec<String> = everything().fields().map(|field| field.json_name().to_owned()).collect();
    leaf.prop_recursive(4, 32, 4, move |inner| {
        let name = proptest::sample::select(names.clone());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::vec((name, inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

/// A message's JSON.
pub fn encode(message: &DynamicMessage) -> Result<Vec<u8>, WriteError> {
    let desc = message.descriptor();
    let tables = Arc::new(Tables::new(desc.parent_pool(), |_| false));
    let mut out = Vec::new();
    Writer::new(&tables, &desc).unwrap().message(&message.encode_to_vec(), None, &mut out)?;
    Ok(out)
}

proptest! {
    #[test]
    fn reading_never_panics(text in ".*", json in any_json()) {
        let _ = read(&text);
        let _ = read(&json);
    }

    /// Whatever is accepted is written so that reading it gives the same, and prost-reflect, which is more lenient but for an `Any` of no type and an enum's number `-0`, which serde reads as a float, agrees.
    #[test]
    fn what_is_accepted_comes_back(json in any_json()) {
        if let Ok(message) = read(&json) {
            let text = String::from_utf8(encode(&message).unwrap()).unwrap();
            let again = read(&text);
            prop_assert!(again.is_ok_and(|again| same::same(&again, &message)), "{}", text);
            let theirs: serde_json::Value = serde_json::from_str(&json).unwrap();
            let theirs = DynamicMessage::deserialize(everything(), theirs);
            let known = ["expected '@type'", "floating point `-0.0`"];
            let differs = theirs.as_ref().is_err_and(|error| known.iter().any(|it| error.to_string().contains(it)));
            prop_assert!(theirs.is_ok() || differs, "{json}: {theirs:?}");
        }
    }
}

#[test]
fn an_any_names_its_type_once_wherever_that_stands() {
    let empty = r#"{"any":{"@type":"x/google.protobuf.Empty","value":{}}}"#;
    assert_eq!(read(empty), read(r#"{"any":{"@type":"x/google.protobuf.Empty"}}"#));
    assert!(read(empty).is_ok());
    assert_eq!(bad(r#"{"any":{"@type":"x/google.protobuf.Empty","value":{"a":1}}}"#), "any.a");
    assert_eq!(bad(r#"{"any":{"@type":"x/google.protobuf.Timestamp","value":"","value":""}}"#), "any.value");
    assert_eq!(bad(r#"{"any":{"@type":"x/library.v1.Inner","@type":"x/library.v1.Inner"}}"#), "any.@type");
}
