//! Writes the OpenAPI document of a contract to standard output, as the edge would answer it.
//!
//! ```sh
//! cargo run -p gateway --example openapi -- [--json-names proto …] FILE.proto FOLDER…
//! ```
//!
//! The folders are where the file and what it imports are found.

use std::error::Error;

use axum::{body::Body, http::Request};
use clap::Parser as _;
use http_body_util::BodyExt as _;
use prost_reflect::DescriptorPool;
use tonic::Status;
use tower::{ServiceExt as _, service_fn};

#[derive(clap::Parser)]
struct Arguments {
    #[command(flatten)]
    json: gateway::json::Style,
    file: String,
    #[arg(required = true)]
    folders: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { json, file, folders } = Arguments::parse();
    let mut compiler = protox::Compiler::new(folders)?;
    compiler.include_imports(true).include_source_info(true).open_file(&file)?;
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice())?;

    // The document comes of the contract alone: nothing is called.
    let nowhere = kit::Conn::new(service_fn(|_| async { Err(Status::unavailable("this only describes")) }));
    let upstream = |_: &str| Some(nowhere.clone());
    let extras = gateway::Extras { json, ..gateway::Extras::default() };
    let router = gateway::router(&gateway::Options::default(), &pool, upstream, extras)?;
    let answer = router.oneshot(Request::get("/openapi.json").body(Body::empty())?).await?;
    let document = answer.into_body().collect().await?.to_bytes();
    println!("{}", str::from_utf8(&document)?);
    Ok(())
}
