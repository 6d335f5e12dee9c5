//! Holds the reader against prost-reflect by JSON that says something, and by what comes of it when some of it is changed.

use std::ops::Range;

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::{POOL, TABLES, desc, for_some_time, read, written};
use crate::json::{
    Error, Reader,
    tests::{messages::Maker, same::same},
};

/// What may stand for a value, with bars or lines between.
const VALUES: &str = r#"null|true|false|0|-0|-0.0|1|-1|5|77|1.5|1e2|12.0|120e-1|1e-1|0.1e1|1e400|3.5e38|2147483648|-2147483649
4294967296|9007199254740993|9223372036854775808|18446744073709551616|""|"0"|"1"|"-1"|"1e1"|"1.0"|"01"|" 1"|"true"|"NaN"
"Infinity"|"-Infinity"|"a"|"a_b"|"aB,c"|"_-8"|"+/8="|"COLOUR_RUDDY"|"NULL_VALUE"|"2026-01-31T12:00:00.5+01:00"|"-1.5s"|[]|{}
[null,{"a":[1,"b"]}]"#;
/// What may stand for a name, beside the names of fields.
const NAMES: &str =
    "@type|value|nobody||1|true|[closed.v1.number]|[closed.v1.Scope.kinds]|[closed.v1.nobody]";

fn of(all: &'static str, by: usize) -> &'static str {
    let all: Vec<_> = all.split(['|', '\n']).collect();
    all[by % all.len()]
}

/// Where in a text are names, and values that are neither objects nor arrays.
fn tokens(json: &str) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    let bytes = json.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let from = at;
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                // Changed, the text may end within it, or within a character.
                at = (at + 1).min(bytes.len());
                if !json.is_char_boundary(at) {
                    break;
                }
                let of = if bytes.get(at) == Some(&b':') { &mut names } else { &mut values };
                of.push(from..at);
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' => at += 1,
            _ => {
                while at < bytes.len() && !b"{}[]:,\"".contains(&bytes[at]) {
                    at += 1;
                }
                values.push(from..at);
            }
        }
    }
    (names, values)
}

/// A change of a text: what of it, where, and by what.
type Change = (u8, usize, usize);

fn change(desc: &MessageDescriptor, json: &mut String, (what, place, by): Change) {
    let (names, values) = tokens(json);
    let pick = |all: &[Range<usize>]| (!all.is_empty()).then(|| all[place % all.len()].clone());
    match what {
        // Another value; another name; something twice.
        0..=3 => {
            if let Some(at) = pick(&values) {
                json.replace_range(at, of(VALUES, by));
            }
        }
        4 | 5 => {
            if let Some(at) = pick(&names) {
                let fields: Vec<_> = desc.fields().collect();
                let field = &fields[by / 3 % fields.len()];
                let name = [field.name(), field.json_name(), of(NAMES, by / 3)][by % 3];
                json.replace_range(at, &serde_json::to_string(name).unwrap());
            }
        }
        6 => {
            if let Some(at) = pick(&names) {
                let again = format!("{}:{},", &json[at.clone()], of(VALUES, by));
                json.insert_str(at.start, &again);
            }
        }
        // A character that is taken away, or put there.
        _ => {
            let ends: Vec<_> = json.char_indices().collect();
            let Some((at, there)) = ends.get(place % ends.len().max(1)).copied() else { return };
            match by % 2 {
                0 => json.replace_range(at..at + there.len_utf8(), ""),
                _ => json.insert(at, ['"', '\\', ',', ':', '{', ']', '0', 'e', ' ', 'é'][by / 2 % 10]),
            }
        }
    }
}

/// What prost-reflect makes of JSON.
fn theirs(desc: &MessageDescriptor, json: &str) -> Result<DynamicMessage, String> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let message =
        DynamicMessage::deserialize(desc.clone(), &mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(message)
}

/// What is refused here that prost-reflect takes: how what is said of it begins, and what is in the text then.
const STRICTER: [(&str, &str); 7] = [
    ("given more than once", ""),
    // JSON has no numbers that begin with a zero and go on, in quotes or not.
    ("expected a number within range", r#""0"#),
    ("expected a number within range", r#""-0"#),
    ("expected a whole number", r#""0"#),
    ("expected a whole number", r#""-0"#),
    // It reads what is beyond 64 bits as a real number, which it takes for one that fits.
    ("expected a whole number", "1844674407370955"),
    // It has no closed enums.
    ("expected one of SIZE_SMALL, SIZE_LARGE", ""),
];
/// What is taken here that prost-reflect refuses: what is in what it says, and in the text then.
const MORE_LENIENT: [(&str, &str); 5] = [
    ("expected '@type'", "{}"),
    // It rounds twice.
    ("float value out of range", "e+38"),
    // Numbers in quotes may have a point and an exponent, too.
    ("invalid digit found in string", ""),
    // A whole number for an enum's value may have them, too, and that of null may be any.
    ("expected a string or integer", ""),
    ("expected null", ""),
];

#[test]
fn what_is_read_is_what_prost_reflect_reads() {
    let changes = prop::collection::vec((0..8_u8, any::<usize>(), any::<usize>()), 0..4);
    for_some_time(changes, |desc, choices, changes| {
        let mut maker = Maker { pool: &POOL, choices, plain: false, has_entries: false };
        let bytes = maker.message(desc, 0);
        let mut json = written(desc, &bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for one in changes {
            change(desc, &mut json, one);
        }
        match (read(desc, json.as_bytes()), theirs(desc, &json)) {
            (Ok(ours), Ok(theirs)) => prop_assert!(same(&ours, &theirs), "{}", json),
            (Err(_), Err(_)) => {}
            (Ok(_), Err(why)) => {
                let known = |(said, there): &(&str, &str)| why.contains(said) && json.contains(there);
                prop_assert!(MORE_LENIENT.iter().any(known), "{}: {}", json, why);
            }
            (Err(Error::Field(bad)), Ok(_)) => {
                let known =
                    |(said, there): &(&str, &str)| bad.description.starts_with(said) && json.contains(there);
                prop_assert!(STRICTER.iter().any(known), "{}: {:?}", json, bad);
            }
            (Err(error), Ok(_)) => prop_assert!(false, "{}: {:?}", json, error),
        }
        Ok(())
    });
}

#[test]
fn lengths_of_every_size_stand_before_what_they_count() {
    let kinds = desc("kinds.v1.Kinds");
    for length in [0, 1, 100, 127, 128, 16_000, 16_383, 16_384, 300_000] {
        for depth in [0, 1, 2, 3, 40, 97] {
            let text = "x".repeat(length);
            let within = format!(
                r#"{{"kinds":[{{}},{{"aString":"{text}"}}],"int32s":[1],"doubles":[],"maybeInt64":1}}"#
            );
            let json = format!("{}{within}{}", r#"{"nested":"#.repeat(depth), "}".repeat(depth));
            let mut ours = Vec::new();
            Reader::new(&TABLES, &kinds).unwrap().message(json.as_bytes(), &mut ours).unwrap();
            let ours = DynamicMessage::decode(kinds.clone(), ours.as_slice()).unwrap();
            // Encoded, because comparing would go through what messages within themselves have by default.
            let theirs = theirs(&kinds, &json).unwrap();
            assert_eq!(ours.encode_to_vec(), theirs.encode_to_vec(), "{length} {depth}");
        }
    }
}
