//! Measures what an answer's JSON costs: as it is written from the message's bytes, and by way of prost-reflect, which is
//! what that is held against. Prints nanoseconds an answer, the best of some rounds.
//!
//!   cargo run --release --example answers

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use gateway::json::{Bounds, Tables, Writer, decode};
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
        let message =
            decode(&desc, json.as_bytes(), &Bounds::default()).map_err(|error| format!("{error:?}"))?;
        let bytes = message.value.encode_to_vec();
        let writer = Writer::new(&tables, &desc).ok_or("there is no table")?;
        let direct = || -> Result<Vec<u8>, Failure> {
            let mut out = Vec::with_capacity(512 + bytes.len() * 2);
            writer.message(&bytes, None, &mut out)?;
            Ok(out)
        };
        let reflected = || -> Result<Vec<u8>, Failure> {
            let mut out = Vec::with_capacity(512 + bytes.len() * 2);
            let message = DynamicMessage::decode(desc.clone(), bytes.as_slice())?;
            let options = SerializeOptions::new().skip_default_fields(false);
            message.serialize_with_options(&mut serde_json::Serializer::new(&mut out), &options)?;
            Ok(out)
        };
        if direct()? != reflected()? {
            return Err("they write different JSON".into());
        }
        // In turns, so that both have the same machine.
        let (mut best, mut before) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            best = best.min(nanos(direct)?);
            before = before.min(nanos(reflected)?);
        }
        println!(
            "{what} ({} bytes, {} of JSON): {best:.0} ns; by prost-reflect {before:.0} ns, {:.1} times as long",
            bytes.len(),
            direct()?.len(),
            before / best,
        );
    }
    Ok(())
}

/// Nanoseconds that one answer takes.
fn nanos(write: impl Fn() -> Result<Vec<u8>, Failure>) -> Result<f64, Failure> {
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < ROUND {
        for _ in 0..10 {
            black_box(write()?);
        }
        count += 10;
    }
    Ok(start.elapsed().as_nanos() as f64 / f64::from(count))
}
