//! Tests of setting fields in bytes.

use std::sync::LazyLock;

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};

use super::*;
use crate::{fields::field_path, json::test_pool};

fn everything() -> MessageDescriptor {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(test_pool);
    POOL.get_message_by_name("library.v1.Everything").unwrap()
}

fn path(text: &str) -> Vec<FieldDescriptor> {
    field_path(&everything(), text).unwrap()
}

fn set(draft: &mut Draft, at: &str, value: i64) {
    let path = path(at);
    let (target, field) = draft.slot(&path).unwrap();
    target.set_whole(field, value);
}

fn json(draft: Draft) -> serde_json::Value {
    let message = DynamicMessage::decode(everything(), draft.finish().as_slice()).unwrap();
    serde_json::to_value(&message).unwrap()
}

#[test]
fn what_is_set_in_a_message_leaves_the_rest_of_it() {
    let mut draft = Draft::default();
    set(&mut draft, "nested.number", 5);
    set(&mut draft, "nested.nested.number", 6);
    set(&mut draft, "number", 4);
    let mut draft = Draft::new(draft.finish());
    assert_eq!(draft.get(&path("nested.nested.number")), Some(Raw::Varint(6)));
    set(&mut draft, "nested.number", 7);
    assert_eq!(draft.get(&path("nested.nested.number")), Some(Raw::Varint(6)));
    assert_eq!(draft.get(&path("nested.number")), Some(Raw::Varint(7)));
    assert_eq!((draft.get(&path("nested.big")), draft.get(&path("big"))), (None, None));
    let expected = serde_json::json!({"number": 4, "nested": {"number": 7, "nested": {"number": 6}}});
    assert_eq!(json(draft), expected);
}

proptest! {
    #[test]
    fn what_is_set_is_set_as_in_a_message_object(
        sets in prop::collection::vec((0..6_usize, -2..3_i32, any::<bool>()), 0..12),
    ) {
        const PATHS: [&str; 6] = [
            "number", "maybe", "nested.number", "nested.maybe", "nested.nested.number", "nested.nested.nested.maybe",
        ];
        let (mut draft, mut message) = (Draft::default(), DynamicMessage::new(everything()));
        for (at, value, again) in sets {
            if again {
                draft = Draft::new(draft.finish());
            }
            set(&mut draft, PATHS[at], value.into());
            let path = path(PATHS[at]);
            let (last, way) = path.split_last().unwrap();
            let target = way.iter().fold(&mut message, |message, field| {
                message.get_field_mut(field).as_message_mut().unwrap()
            });
            target.set_field(last, Value::I32(value));
            let is_set = target.has_field(last);
            prop_assert_eq!(draft.get(&path), is_set.then_some(Raw::Varint(i64::from(value) as u64)));
        }
        // To compare them as they are would compare what is in messages within themselves that are not there.
        let drafted = DynamicMessage::decode(everything(), draft.finish().as_slice()).unwrap();
        prop_assert_eq!(drafted.encode_to_vec(), message.encode_to_vec());
    }
}

#[test]
fn zero_is_nothing_but_the_message_that_it_is_set_in_is_there() {
    let mut draft = Draft::default();
    set(&mut draft, "nested.number", 0);
    assert_eq!(json(draft.clone()), serde_json::json!({"nested": {}}));
    set(&mut draft, "nested.number", 1);
    draft.clear(&path("nested")[0]);
    assert!(!draft.has(&path("nested")[0]));
    assert_eq!(draft.finish(), b"");
}

#[test]
fn what_stands_there_again_and_again_is_merged() {
    let part = |at: &str, value: i64| {
        let mut draft = Draft::default();
        set(&mut draft, at, value);
        draft.finish()
    };
    let parts = [part("nested.number", 5), part("nested.maybe", 0), part("nested.nested.number", 6)];
    let mut draft = Draft::new(parts.concat());
    assert_eq!(draft.get(&path("nested.number")), Some(Raw::Varint(5)));
    assert_eq!(draft.get(&path("nested.maybe")), Some(Raw::Varint(0)));
    set(&mut draft, "nested.maybe", 7);
    let expected = serde_json::json!({"nested": {"number": 5, "maybe": 7, "nested": {"number": 6}}});
    assert_eq!(json(draft), expected);
    let mut zero = Vec::new();
    wire::put(path("number")[0].number(), Raw::Varint(0), &mut zero);
    let number = part("number", 5);
    assert_eq!(get(&[&number[..], &zero].concat(), &path("number")), None, "the last is zero");
    assert_eq!(get(&[zero, number].concat(), &path("number")), Some(Raw::Varint(5)));
}

#[test]
fn a_path_goes_through_single_messages_only() {
    let mut draft = Draft::default();
    for through in ["parts", "by_name", "number"] {
        assert!(draft.within(&path(through)[0]).is_none(), "{through}");
    }
    assert_eq!(draft.finish(), b"");
}

#[test]
fn what_excludes_a_path_is_found_however_deep() {
    let mut draft = Draft::default();
    let left = path("nested.left");
    let (target, field) = draft.slot(&left).unwrap();
    target.set_text(field, "a");
    for draft in [draft.clone(), Draft::new(draft.finish())] {
        let excluded = draft.excluded_by(&path("nested.right"));
        assert_eq!(excluded.map(|field| field.name().to_owned()).as_deref(), Some("left"));
        assert_eq!(draft.excluded_by(&left), None);
        assert_eq!(draft.excluded_by(&path("right")), None);
    }
}
