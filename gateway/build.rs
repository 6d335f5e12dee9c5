//! Leaves compressed what the edge embeds: those files of Swagger UI that the page at `/docs` shows, out of its
//! published package, for `src/swagger.rs`; and all of `web/` with a table of it, for `src/web`.
use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs::{self, File},
    io::{Cursor, Read, copy},
    path::{Path, PathBuf},
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
    println!("cargo:rerun-if-changed=web");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    swagger(&out)?;
    web(&Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("web"), &out)
}

fn swagger(out: &Path) -> Result<(), Box<dyn Error>> {
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
        compress(archive.by_index(index)?, &out.join(format!("{name}.gz")))?;
    }
    Ok(())
}

/// Compresses every file of the page, and writes the table of them: a slice of names and bytes.
fn web(from: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut names = Vec::new();
    list(from, "", &mut names)?;
    names.sort();
    fs::create_dir_all(out.join("web"))?;
    let mut table = String::from("&[\n");
    for (number, name) in names.iter().enumerate() {
        let compressed = out.join("web").join(format!("{number}.gz"));
        compress(File::open(from.join(name))?, &compressed)?;
        writeln!(table, "    ({name:?}, include_bytes!({compressed:?}).as_slice()),")?;
    }
    table.push_str("]\n");
    Ok(fs::write(out.join("web.rs"), table)?)
}

/// The names of all files under a folder, but for what is about them.
fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("{name:?} is no UTF-8"))?;
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{prefix}{name}/"), names)?;
        } else if !name.ends_with(".md") && !name.starts_with('.') {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

fn compress(mut from: impl Read, to: &Path) -> Result<(), Box<dyn Error>> {
    let mut compressed = GzEncoder::new(File::create(to)?, Compression::best());
    copy(&mut from, &mut compressed)?;
    compressed.finish()?;
    Ok(())
}
