//! Measures what JSON costs at the edge: an answer's, as it is written from the message's bytes, and a request's, as it is
//! read into them; each also by way of prost-reflect, which both are held against. Prints nanoseconds, the best of some
//! rounds, and how often memory is asked for.
//!
//!   cargo run --release -p gateway --example answers

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use gateway::json::{Reader, Tables, Writer};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

type Failure = Box<dyn std::error::Error>;

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(100);

const ARTICLE: &str = r#"{"id":"art_01k5x7m2qf8vnb3yd6hz4rw9ct","code":"TEA-1","name":"Chá verde",
    "description":"Green tea, 100 g. Picked by hand, \"first flush\", from the north of the island.","category":"Tea",
    "price":{"currencyCode":"EUR","units":"12","nanos":990000000},"taxRateBasisPoints":2300,
    "imageUrl":"/v1/articles/art_01k5x7m2qf8vnb3yd6hz4rw9ct/image?v=3","active":true,"available":"40",
    "lowStockThreshold":"5","etag":"7","createTime":"2026-01-31T12:00:00.123456Z","updateTime":"2026-02-01T08:30:00Z"}"#;

fn main() -> Result<(), Failure> {
    let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto");
    let mut compiler = protox::Compiler::new([proto])?;
    compiler.include_imports(true).open_file("feira/article/v1/article.proto")?;
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice())?;
    let tables = Arc::new(Tables::new(&pool, |_| false));
    let list =
        format!("{{\"articles\":[{}],\"nextPageToken\":\"eyJpZCI6MX0\"}}", vec![ARTICLE; 50].join(","));
    for (what, name, json) in [
        ("an article", "feira.article.v1.Article", ARTICLE),
        ("a list of 50", "feira.article.v1.ListArticlesResponse", &list),
    ] {
        let desc = pool.get_message_by_name(name).ok_or("there is no such message")?;
        let reader = Reader::new(&tables, &desc).ok_or("there is no table")?;
        let writer = Writer::new(&tables, &desc).ok_or("there is no table")?;
        let read = || -> Result<Vec<u8>, Failure> {
            let mut out = Vec::with_capacity(json.len());
            reader.message(json.as_bytes(), &mut out).map_err(|error| format!("{error:?}"))?;
            Ok(out)
        };
        let read_before = || -> Result<Vec<u8>, Failure> {
            let mut json = serde_json::Deserializer::from_str(json);
            Ok(DynamicMessage::deserialize(desc.clone(), &mut json)?.encode_to_vec())
        };
        let bytes = read()?;
        let write = || -> Result<Vec<u8>, Failure> {
            let mut out = Vec::with_capacity(512 + bytes.len() * 2);
            writer.message(&bytes, None, &mut out)?;
            Ok(out)
        };
        let write_before = || -> Result<Vec<u8>, Failure> {
            let mut out = Vec::with_capacity(512 + bytes.len() * 2);
            let message = DynamicMessage::decode(desc.clone(), bytes.as_slice())?;
            let options = SerializeOptions::new().skip_default_fields(false);
            message.serialize_with_options(&mut serde_json::Serializer::new(&mut out), &options)?;
            Ok(out)
        };
        // Fields come in the order of the text, which here is the contract's.
        if read()? != read_before()? || write()? != write_before()? {
            return Err("they make different things".into());
        }
        let sizes = format!("{} bytes, {} of JSON", bytes.len(), write()?.len());
        compare(&format!("{what} read ({sizes})"), read, read_before)?;
        compare(&format!("{what} written ({sizes})"), write, write_before)?;
    }
    Ok(())
}

/// Measures two ways in turns, so that both have the same machine.
fn compare(
    what: &str,
    direct: impl Fn() -> Result<Vec<u8>, Failure>,
    reflected: impl Fn() -> Result<Vec<u8>, Failure>,
) -> Result<(), Failure> {
    let (mut best, mut before) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        best = best.min(nanos(&direct)?);
        before = before.min(nanos(&reflected)?);
    }
    println!(
        "{what}: {best:.0} ns, {} allocations; by prost-reflect {before:.0} ns, {:.1} times as long, {} allocations",
        allocations(&direct)?,
        before / best,
        allocations(&reflected)?,
    );
    Ok(())
}

/// How often one of them asks for memory.
fn allocations(make: impl Fn() -> Result<Vec<u8>, Failure>) -> Result<u64, Failure> {
    let mut made = Ok(Vec::new());
    let counted = allocation_counter::measure(|| made = make());
    made.map(|_| counted.count_total)
}

/// Nanoseconds that one of them takes.
fn nanos(make: impl Fn() -> Result<Vec<u8>, Failure>) -> Result<f64, Failure> {
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < ROUND {
        for _ in 0..10 {
            black_box(make()?);
        }
        count += 10;
    }
    Ok(start.elapsed().as_nanos() as f64 / f64::from(count))
}
