//! Compiles `proto/` into the crate `contracts` (whose manifest names this file): messages, clients and
//! servers by tonic, the checks of requests by our own generator.
use std::{env, error::Error, fs, path::PathBuf};

#[path = "proto/generate/mod.rs"]
mod generate;

#[allow(clippy::disallowed_methods, reason = "cargo tells build scripts by environment")]
fn main() -> Result<(), Box<dyn Error>> {
    for input in ["feira", "google", "grpc", "buf", "generate", "../build.rs"] {
        println!("cargo:rerun-if-changed={input}");
    }
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files([
        "feira/user/v1/audit.proto",
        "feira/user/v1/passkey.proto",
        "feira/user/v1/user.proto",
        "feira/article/v1/article.proto",
        "feira/order/v1/order.proto",
        "feira/payment/v1/payment.proto",
        "feira/mesh/v1/mesh.proto",
        "feira/event/v1/event.proto",
        "feira/event/v1/webhook.proto",
        "feira/errors/v1/errors.proto",
        "google/api/httpbody.proto",
        "grpc/health/v1/health.proto",
    ])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    let generated = generate::generate(&compiler.descriptor_pool())?;
    fs::write(out.join("checks.rs"), generated.source)?;
    fs::write(out.join("reasons.rs"), generated.reasons)?;
    let mut config = tonic_prost_build::Config::new();
    // `prost::Name`, for the events that travel as `Any`.
    config.enable_type_names();
    tonic_prost_build::configure()
        .codec_path("crate::codec::CheckedCodec")
        .skip_debug(generated.own_debug.iter().map(|name| format!(".{name}")))
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}
