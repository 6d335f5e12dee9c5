//! Takes those files of Swagger UI that the page at `/docs` shows out of its published package, and leaves
//! them compressed for `src/swagger.rs` to embed.
use std::{
    env,
    error::Error,
    fs::File,
    io::{Cursor, copy},
    path::PathBuf,
};

use flate2::{Compression, write::GzEncoder};

const FILES: [&str; 5] = [
    "index.css",
    "favicon-32x32.png",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
];

#[allow(clippy::disallowed_methods, reason = "cargo tells build scripts by environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let package = utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
    let mut archive = zip::ZipArchive::new(Cursor::new(package))?;
    for name in FILES {
        let inside = format!("/dist/{name}");
        let index = (0..archive.len())
            .find(|&index| {
                archive
                    .name_for_index(index)
                    .and_then(Result::ok)
                    .is_some_and(|path| path.ends_with(&inside) && !path.contains("/flavors/"))
            })
            .ok_or_else(|| format!("{name} is not in the package of Swagger UI"))?;
        let mut compressed =
            GzEncoder::new(File::create(out.join(format!("{name}.gz")))?, Compression::best());
        copy(&mut archive.by_index(index)?, &mut compressed)?;
        compressed.finish()?;
    }
    Ok(())
}
