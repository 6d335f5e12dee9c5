//! Holds writer and reader against prost-reflect, and the reader against the writer, by arbitrary messages. Each test runs for
//! some seconds, or as many as `FEIRA_TEST_FUZZ_SECONDS` says.

mod reading;

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use prost_types::{DescriptorProto, FileDescriptorSet};

use super::{messages::Maker, same::same};
use crate::json::{Defaults, EnumValues, Error, FieldNames, Reader, Style, Tables, WriteError, Writer};

pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/json/tests");
    let mut compiler = protox::Compiler::new([folder]).unwrap();
    compiler.include_imports(true).open_file("closed.proto").unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
});

/// The same with lists of entries for maps, which are the same bytes: of a map prost-reflect takes any number for the
/// length of an entry.
static WITHOUT_MAPS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    fn open(message: &mut DescriptorProto) {
        if let Some(options) = &mut message.options {
            options.map_entry = None;
        }
        message.nested_type.iter_mut().for_each(open);
    }
    let mut files = FileDescriptorSet::decode(POOL.encode_to_vec().as_slice()).unwrap();
    files.file.iter_mut().flat_map(|file| &mut file.message_type).for_each(open);
    DescriptorPool::from_file_descriptor_set(files).unwrap()
});

static TABLES: LazyLock<Arc<Tables>> = LazyLock::new(|| Arc::new(Tables::new(&POOL, |_| false)));

/// The same in each style.
static STYLED: LazyLock<Vec<Arc<Tables>>> = LazyLock::new(|| {
    let mut styles = Vec::new();
    for defaults in [Defaults::Print, Defaults::Omit] {
        for names in [FieldNames::Camel, FieldNames::Proto] {
            for enums in [EnumValues::Names, EnumValues::Numbers] {
                styles.push(Style { defaults, names, enums });
            }
        }
    }
    assert_eq!(styles.iter().map(|style| style.index()).max(), Some(Style::COUNT - 1));
    styles.into_iter().map(|style| Arc::new(Tables::styled(&POOL, style, |_| false))).collect()
});

pub fn desc(name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(name).unwrap()
}

/// What the writer makes of bytes.
pub fn written(desc: &MessageDescriptor, bytes: &[u8]) -> Result<String, WriteError> {
    written_by(&TABLES, desc, bytes)
}

fn written_by(tables: &Arc<Tables>, desc: &MessageDescriptor, bytes: &[u8]) -> Result<String, WriteError> {
    let mut out = Vec::new();
    Writer::new(tables, desc).unwrap().message(bytes, None, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

/// What the reader makes of JSON.
pub fn read(desc: &MessageDescriptor, json: &[u8]) -> Result<DynamicMessage, Error> {
    let mut out = Vec::new();
    Reader::new(&TABLES, desc).unwrap().message(json, &mut out)?;
    Ok(DynamicMessage::decode(desc.clone(), out.as_slice()).unwrap())
}

/// What prost-reflect makes of a message.
pub fn theirs(message: &DynamicMessage) -> Result<String, String> {
    let mut out = Vec::new();
    let options = SerializeOptions::new().skip_default_fields(false);
    message
        .serialize_with_options(&mut serde_json::Serializer::new(&mut out), &options)
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

/// Tries what comes of choices, for some time.
fn for_some_time<S: Strategy + Clone>(
    more: S,
    test: impl Fn(&MessageDescriptor, &[u32], S::Value) -> Result<(), TestCaseError>,
) {
    let seconds =
        std::env::var_os("FEIRA_TEST_FUZZ_SECONDS").and_then(|it| it.to_str()?.parse().ok()).unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(seconds);
    let types = [desc("kinds.v1.Kinds"), desc("closed.v1.Closed")];
    let strategy = (0..types.len(), prop::collection::vec(any::<u32>(), 0..300), more);
    while Instant::now() < end {
        let mut runner =
            TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
        let run = runner.run(&strategy, |(kind, choices, more)| test(&types[kind], &choices, more));
        if let Err(failure) = run {
            panic!("{failure}");
        }
    }
}

#[test]
fn what_is_written_is_what_prost_reflect_writes() {
    for_some_time(Just(()), |desc, choices, ()| {
        let mut maker = Maker { pool: &POOL, choices, plain: true, has_entries: false };
        let bytes = maker.message(desc, 0);
        let message = DynamicMessage::decode(desc.clone(), bytes.as_slice());
        let message = message.map_err(|error| TestCaseError::fail(format!("{bytes:?}: {error}")))?;
        let theirs = theirs(&message).map_err(|error| TestCaseError::fail(format!("{bytes:?}: {error}")))?;
        let ours =
            written(desc, &bytes).map_err(|error| TestCaseError::fail(format!("{theirs}: {error}")))?;
        // prost-reflect writes a map's entries in any order.
        if maker.has_entries {
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            prop_assert_eq!(parse(&ours), parse(&theirs), "{} {}", ours, theirs);
        } else {
            prop_assert_eq!(ours, theirs);
        }
        Ok(())
    });
}

#[test]
fn what_is_no_message_is_none_to_prost_reflect() {
    let changes = prop::collection::vec((any::<usize>(), any::<u8>(), 0..3_u8), 0..4);
    for_some_time(changes, |desc, choices, changes| {
        let mut maker = Maker { pool: &POOL, choices, plain: true, has_entries: false };
        let mut bytes = maker.message(desc, 0);
        for (place, byte, change) in changes {
            let place = place % (bytes.len() + 1);
            match change {
                0 if place < bytes.len() => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => bytes.truncate(place),
            }
        }
        let opened = WITHOUT_MAPS.get_message_by_name(desc.full_name()).unwrap();
        let theirs = DynamicMessage::decode(opened, bytes.as_slice());
        match written(desc, &bytes) {
            Err(WriteError::Malformed(why)) => prop_assert!(theirs.is_err(), "{:?}: {}", bytes, why),
            // Whatever comes after that is not looked at.
            Err(WriteError::Unsayable(_) | WriteError::TooLarge) => {}
            Ok(text) => {
                prop_assert!(theirs.is_ok(), "{:?}: {:?}", bytes, theirs.err());
                prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{}", text);
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_written_is_read_as_the_same() {
    for_some_time(Just(()), |desc, choices, ()| {
        let mut maker = Maker { pool: &POOL, choices, plain: false, has_entries: false };
        let bytes = maker.message(desc, 0);
        let message = DynamicMessage::decode(desc.clone(), bytes.as_slice()).unwrap();
        let text = written(desc, &bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let again = read(desc, text.as_bytes());
        let again = again.map_err(|error| TestCaseError::fail(format!("{text}: {error:?}")))?;
        prop_assert!(same(&message, &again), "{}", text);
        let mut out = Vec::new();
        Reader::new(&TABLES, desc).unwrap().message(text.as_bytes(), &mut out).unwrap();
        prop_assert_eq!(written(desc, &out), Ok(text));
        Ok(())
    });
}

#[test]
fn every_style_says_the_same() {
    for_some_time(0..Style::COUNT, |desc, choices, style| {
        let mut maker = Maker { pool: &POOL, choices, plain: false, has_entries: false };
        let bytes = maker.message(desc, 0);
        let message = DynamicMessage::decode(desc.clone(), bytes.as_slice()).unwrap();
        let text = written_by(&STYLED[style], desc, &bytes);
        let text = text.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let again = read(desc, text.as_bytes());
        let again = again.map_err(|error| TestCaseError::fail(format!("{text}: {error:?}")))?;
        prop_assert!(same(&message, &again), "{}", text);
        Ok(())
    });
}
