//! Tests of writing: what prost-reflect, which the writer is held against, writes wrong or not at all, and what no
//! arbitrary message shows.

use std::sync::Arc;

use prost::encoding::{WireType, encode_key};
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::{
    differential::{desc, read, written},
    messages::{bytes, whole},
};
use crate::json::{Defaults, Error, Style, Tables, WriteError, Writer};

/// A message of these numbers.
fn wholes(values: &[(u32, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, value) in values {
        whole(*number, *value, &mut out);
    }
    out
}

/// A message of these texts, bytes or messages.
fn parts(values: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, value) in values {
        bytes(*number, value, &mut out);
    }
    out
}

/// What is written of a message, but for fields without presence that are not set.
fn said(name: &str, message: &[u8]) -> serde_json::Value {
    let all: serde_json::Value = serde_json::from_str(&written(&desc(name), message).unwrap()).unwrap();
    let nothing: serde_json::Value = serde_json::from_str(&written(&desc(name), b"").unwrap()).unwrap();
    match (all, nothing) {
        (serde_json::Value::Object(mut all), serde_json::Value::Object(nothing)) => {
            all.retain(|name, value| nothing.get(name) != Some(value));
            all.into()
        }
        (all, _) => all,
    }
}

fn is_unsayable(name: &str, message: &[u8]) -> bool {
    matches!(written(&desc(name), message), Err(WriteError::Unsayable(_)))
}

fn is_malformed(name: &str, message: &[u8]) -> bool {
    matches!(written(&desc(name), message), Err(WriteError::Malformed(_)))
}

#[test]
fn a_number_that_a_closed_enum_lacks_is_as_good_as_not_there() {
    let said = |message: &[u8]| said("closed.v1.Closed", message).to_string();
    // prost-reflect writes the number.
    assert_eq!(said(&wholes(&[(2, 4)])), "{}");
    assert_eq!(said(&wholes(&[(2, 5), (2, 4)])), r#"{"size":"SIZE_LARGE"}"#);
    assert_eq!(said(&wholes(&[(3, 3), (3, 4), (3, 5)])), r#"{"sizes":["SIZE_SMALL","SIZE_LARGE"]}"#);
    assert_eq!(said(&parts(&[(4, &[4, 3])])), r#"{"packedSizes":["SIZE_SMALL"]}"#);
    let entry = |key: &str, size: u64| [parts(&[(1, key.as_bytes())]), wholes(&[(2, size)])].concat();
    let map =
        parts(&[(5, &entry("a", 3)), (5, &entry("a", 4)), (5, &entry("b", 4)), (5, &parts(&[(1, b"c")]))]);
    assert_eq!(said(&map), r#"{"byName":{"a":"SIZE_SMALL","c":"SIZE_SMALL"}}"#);
    assert_eq!(said(&[parts(&[(10, b"a")]), wholes(&[(9, 4)])].concat()), r#"{"chosenText":"a"}"#);
    let json = br#"{"size":4}"#;
    let refused = read(&desc("closed.v1.Closed"), json);
    assert!(matches!(refused, Err(Error::Field(bad)) if bad.field == "size"));
}

#[test]
fn what_json_cannot_say_is_an_error() {
    for (name, pairs) in [
        ("Timestamp", [(0_i64, -1), (0, 1_000_000_000), (253_402_300_800, 0), (-62_135_596_801, 0)]),
        ("Duration", [(1, -1), (-1, 1), (315_576_000_001, 0), (0, 1_000_000_000)]),
    ] {
        for (seconds, nanos) in pairs {
            let message = wholes(&[(1, seconds as u64), (2, i64::from(nanos) as u64)]);
            assert!(is_unsayable(&format!("google.protobuf.{name}"), &message), "{name} {seconds} {nanos}");
        }
    }
    for path in ["", "fooBar", "foo_3", "foo__bar", "foo_", "a,b", "a_B"] {
        assert!(is_unsayable("google.protobuf.FieldMask", &parts(&[(1, path.as_bytes())])), "{path}");
    }
    for number in [f64::NAN, f64::INFINITY] {
        let mut value = Vec::new();
        encode_key(2, WireType::SixtyFourBit, &mut value);
        value.extend(number.to_le_bytes());
        assert!(is_unsayable("google.protobuf.Value", &value), "{number}");
    }
    for (url, value) in [("", "a"), ("x/nobody.Knows", ""), ("google.protobuf.Empty", "")] {
        assert!(
            is_unsayable("google.protobuf.Any", &parts(&[(1, url.as_bytes()), (2, value.as_bytes())])),
            "{url}"
        );
    }
}

#[test]
fn wrappers_have_every_number_and_an_any_every_type() {
    let wrapper = |number: f32| {
        let mut out = Vec::new();
        encode_key(1, WireType::ThirtyTwoBit, &mut out);
        out.extend(number.to_le_bytes());
        written(&desc("google.protobuf.FloatValue"), &out).unwrap()
    };
    assert_eq!(
        [f32::NAN, f32::INFINITY, f32::MAX, -0.0].map(wrapper),
        ["\"NaN\"", "\"Infinity\"", "3.4028235e+38", "-0.0"]
    );
    let any = |url: &str, value: &[u8]| {
        written(&desc("google.protobuf.Any"), &parts(&[(1, url.as_bytes()), (2, value)])).unwrap()
    };
    assert_eq!(any("", b""), "{}");
    assert_eq!(any("x/google.protobuf.Empty", b""), r#"{"@type":"x/google.protobuf.Empty","value":{}}"#);
}

#[test]
fn what_stands_there_twice_is_merged_or_the_last() {
    let said = |message: &[u8]| said("closed.v1.Closed", message).to_string();
    let nested = |message: &[u8]| parts(&[(13, message)]);
    let twice = [nested(&wholes(&[(1, 1), (2, 3)])), wholes(&[(1, 7)]), nested(&wholes(&[(1, 2)]))].concat();
    assert_eq!(
        said(&twice),
        r#"{"id":7,"nested":{"byName":{},"id":2,"many":[],"packedSizes":[],"size":"SIZE_SMALL","sizes":[]}}"#
    );
    // Of a oneof the last; and a message of it begins anew after another.
    let group = |count| [[0x5b].as_slice(), &wholes(&[(1, count)]), &[0x5c]].concat();
    assert_eq!(said(&[group(1), parts(&[(10, b"a")])].concat()), r#"{"chosenText":"a"}"#);
    let empty = [0x5b, 0x5c];
    assert_eq!(said(&[group(1), empty.to_vec()].concat()), r#"{"chosen":{"count":1}}"#);
    assert_eq!(said(&[group(1), parts(&[(10, b"a")]), empty.to_vec()].concat()), r#"{"chosen":{}}"#);
    // What is not written must be well-formed all the same.
    assert!(is_malformed("closed.v1.Closed", &parts(&[(6, b"\xff"), (6, b"a")])));
    assert!(is_malformed("closed.v1.Closed", &parts(&[(13, b"\x08"), (13, b"\x01")])));
    assert!(is_malformed(
        "closed.v1.Closed",
        &[[0x5b, 0x08, 0x5c].as_slice(), &parts(&[(10, b"a")])].concat()
    ));
}

#[test]
fn nesting_has_the_limit_that_prost_has() {
    let closed = desc("closed.v1.Closed");
    let mut message = Vec::new();
    for levels in 1..=101 {
        message = parts(&[(13, &message)]);
        let theirs = DynamicMessage::decode(closed.clone(), message.as_slice()).is_ok();
        assert_eq!((written(&closed, &message).is_ok(), theirs), (levels <= 100, levels <= 100), "{levels}");
    }
    // What is in an `Any` has what is left by the levels around it; prost-reflect begins to count again.
    let mut any = Vec::new();
    for _ in 0..1_000 {
        any = parts(&[(1, b"x/google.protobuf.Any"), (2, &any)]);
    }
    assert!(is_unsayable("google.protobuf.Any", &any));
    let mut group = Vec::new();
    for _ in 0..100_000 {
        encode_key(9_999, WireType::StartGroup, &mut group);
    }
    assert!(is_malformed("kinds.v1.Kinds", &group));
}

#[test]
fn one_field_is_written_as_its_message_would() {
    let pool = &*super::differential::POOL;
    let tables = std::sync::Arc::new(Tables::new(pool, |field| field.name() == "strings"));
    let writer = Writer::new(&tables, &desc("kinds.v1.Kinds")).unwrap();
    let message = [wholes(&[(22, 7)]), parts(&[(38, b"/a"), (38, b"b")])].concat();
    let base = |url: &str| url.strip_prefix('/').map(|rest| format!("https://x/{rest}"));
    let field = |number| {
        let mut out = Vec::new();
        writer.field(number, &message, Some(&base), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!([4, 17, 22, 23, 38].map(field), ["\"0\"", "null", "\"7\"", "null", r#"["https://x/a","b"]"#]);
    let cut = &message[..message.len() - 1];
    assert!(matches!(writer.field(22, cut, None, &mut Vec::new()), Err(WriteError::Malformed(_))));
}

#[test]
fn a_default_that_stands_on_the_wire_is_left_out_as_well_where_defaults_are() {
    let style = Style { defaults: Defaults::Omit, ..Style::default() };
    let tables = std::sync::Arc::new(Tables::styled(&super::differential::POOL, style, |_| false));
    let writer = Writer::new(&tables, &desc("kinds.v1.Kinds")).unwrap();
    let said = |message: &[u8]| {
        let mut out = Vec::new();
        writer.message(message, None, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let zero = |sign: u8| [9, 0, 0, 0, 0, 0, 0, 0, sign].to_vec();
    let numbers = wholes(&[(3, 0), (4, 0), (6, 0), (7, 0), (13, 0), (16, 0), (18, 0)]);
    let defaults = [zero(0), numbers, parts(&[(14, b""), (15, b""), (31, b""), (37, b"")])].concat();
    assert_eq!(said(&defaults), "{}");
    // Not what has presence, the zero below zero, nor what is in a map.
    let others = [zero(0x80), parts(&[(17, b"")]), wholes(&[(22, 0)]), parts(&[(23, b""), (51, b"")])];
    assert_eq!(
        said(&others.concat()),
        r#"{"aDouble":-0.0,"nested":{},"maybeInt64":"0","maybeString":"","byString":{"":""}}"#
    );
}

#[test]
fn a_map_is_written_by_its_keys() {
    let entries: Vec<_> = [9_u64, 10, 2].iter().map(|key| wholes(&[(1, *key)])).collect();
    let entries: Vec<_> = entries.iter().map(|entry| (55, entry.as_slice())).collect();
    let text = written(&desc("kinds.v1.Kinds"), &parts(&entries)).unwrap();
    assert!(text.contains(r#""byUint64":{"2":"","9":"","10":""}"#), "{text}");
    // An entry without key has the key that is nothing, and replaces another of it.
    for (field, key) in [
        (51, "\"\":"),
        (52, "\"0\":"),
        (53, "\"0\":"),
        (54, "\"0\":"),
        (55, "\"0\":"),
        (59, "\"0\":"),
        (62, "\"false\":"),
    ] {
        let wire = if field == 51 { parts(&[(1, b"")]) } else { wholes(&[(1, 0)]) };
        let wire = if field == 59 { [9, 0, 0, 0, 0, 0, 0, 0, 0].to_vec() } else { wire };
        let text = written(&desc("kinds.v1.Kinds"), &parts(&[(field, &wire), (field, b"")])).unwrap();
        assert_eq!(text.matches(key).count(), 1, "{field}: {text}");
    }
}

#[test]
fn extensions_are_read_by_their_names_in_brackets() {
    let closed = desc("closed.v1.Closed");
    let json =
        br#"{"[closed.v1.number]":"5","[closed.v1.words]":["a"],"[closed.v1.Scope.kinds]":{"aBool":true}}"#;
    let message = read(&closed, json).unwrap();
    let pool = closed.parent_pool();
    let number = pool.get_extension_by_name("closed.v1.number").unwrap();
    assert_eq!(message.get_extension(&number).as_i64(), Some(5));
    for (json, field) in [
        (r#"{"[closed.v1.number]":1,"[closed.v1.number]":1}"#, "[closed.v1.number]"),
        (r#"{"[closed.v1.nobody]":1}"#, "[closed.v1.nobody]"),
        (r#"{"closed.v1.number":1}"#, "closed.v1.number"),
        (r#"{"[closed.v1.words]":[1]}"#, "[closed.v1.words][0]"),
    ] {
        let refused = read(&closed, json.as_bytes());
        assert!(matches!(refused, Err(Error::Field(bad)) if bad.field == field), "{json}");
    }
}

#[test]
fn little_on_the_wire_does_not_become_endlessly_much() {
    let tables = Arc::new(Tables::new(contracts::pool(), |_| false));
    let written = |desc: &MessageDescriptor, bytes: &[u8]| {
        let mut out = Vec::new();
        Writer::new(&tables, desc).unwrap().message(bytes, None, &mut out).map(|()| out.len())
    };
    let list = contracts::pool().get_message_by_name("feira.user.v1.ListUsersResponse").unwrap();
    // Users without anything, of two bytes each: their JSON has all their fields.
    let users = |count: usize| [10_u8, 0].repeat(count);
    assert!(written(&list, &users(1_000)).unwrap() > 100_000);
    assert_eq!(written(&list, &users(1_000_000)), Err(WriteError::TooLarge));
    // A number of one byte whose JSON is a long name.
    let user = contracts::pool().get_message_by_name("feira.user.v1.User").unwrap();
    let roles = user.get_field_by_name("roles").unwrap();
    let mut packed = Vec::new();
    encode_key(roles.number(), WireType::LengthDelimited, &mut packed);
    prost::encoding::encode_varint(6_000_000, &mut packed);
    packed.resize(packed.len() + 6_000_000, 1);
    assert_eq!(written(&user, &packed), Err(WriteError::TooLarge));
}
