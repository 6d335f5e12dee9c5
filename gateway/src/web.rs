//! The page at `/`: a folder of static files, embedded by `build.rs` as compressed as they travel, or read
//! from the folder that the options name. Which page it is plays no part here.
//!
//! Files stand under `/web/{version}/`, where the version is a hash of them all: browsers keep them for good,
//! and relative imports between modules just work. Only the page itself is asked for again, by its entity tag.
//! It is answered at `/`, and, to those who ask for HTML, at the paths that the folder's file `paths.txt` lists: the page
//! routes these itself. At every other path it says that there is nothing, with status 404.

mod folder;
mod paths;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hasher as _},
    io::{self, Read as _, Write as _},
    sync::LazyLock,
};

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

pub use self::paths::Subject;
use self::{folder::Folder, paths::Paths};
use crate::{accept, etag, options::Page, swagger::reads_gzip};

/// Names and compressed bytes of all files.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// What the page may do: run its own scripts, call this very origin, show pictures of elsewhere. lit-html makes
/// its templates through the one policy that it names.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; \
     connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html";

/// Headers of the page beside that.
const GUARDS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// In the page, stands for the folder of this version's files.
const BASE: &str = "{base}";

/// Where the page comes from.
#[derive(Debug, Clone)]
pub enum Web {
    /// There is none.
    None,
    /// What is embedded.
    Embedded,
    /// A folder, read anew for each request.
    Folder(Folder),
}

impl Web {
    /// As the options say.
    pub fn new(page: Option<&Page>) -> Self {
        match page {
            Some(Page { web: true, web_dir: Some(folder) }) => Self::Folder(Folder::new(folder.clone())),
            Some(Page { web: true, web_dir: None }) => Self::Embedded,
            Some(Page { web: false, .. }) | None => Self::None,
        }
    }

    /// What is at a path, for a client that sent these headers and reaches it below a prefix.
    pub fn get(&self, path: &str, headers: &HeaderMap, prefix: &str) -> Option<Response> {
        self.with(|site, lasting| site.get(path, headers, prefix, lasting))
    }

    /// The page at a path where nothing is, for those who ask for HTML; at files of its own there is none.
    pub fn missing(&self, path: &str, headers: &HeaderMap, prefix: &str) -> Option<Response> {
        if path.starts_with("/web/") || !accepts_page(headers) {
            return None;
        }
        // Not what somebody has already: that is another page, with another status.
        let mut headers = headers.clone();
        headers.remove(header::IF_NONE_MATCH);
        self.with(|site, _| {
            let mut response = site.page(&headers, prefix);
            *response.status_mut() = StatusCode::NOT_FOUND;
            response.headers_mut().remove(header::ETAG);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Some(response)
        })
    }

    /// Looks into the folder; answers also whether its files may be cached for long.
    fn with(&self, look: impl FnOnce(&Site, bool) -> Option<Response>) -> Option<Response> {
        static EMBEDDED: LazyLock<Option<Site>> = LazyLock::new(|| {
            let files = FILES.iter().map(|(name, bytes)| ((*name).to_owned(), Bytes::from_static(bytes)));
            Site::new(files.collect()).inspect_err(|error| tracing::error!(%error, "web.unreadable")).ok()
        });
        match self {
            Self::None => None,
            Self::Embedded => look(EMBEDDED.as_ref()?, true),
            Self::Folder(folder) => match Site::read(folder) {
                Ok(site) => look(&site, false),
                Err(error) => {
                    tracing::warn!(%error, folder = %folder.path().display(), "web.unreadable");
                    None
                }
            },
        }
    }
}

/// A page with its files.
struct Site {
    version: String,
    /// The page itself, its files' folder still to be filled in.
    text: String,
    paths: Paths,
    others: Others,
}

/// Its other files.
enum Others {
    /// Those that are embedded, by their names and compressed, and the page where there is no prefix.
    Embedded { files: HashMap<String, Bytes>, page: Bytes },
    /// In a folder.
    In(Folder),
}

impl Site {
    fn new(mut files: HashMap<String, Bytes>) -> io::Result<Self> {
        let mut sorted: Vec<_> = files.iter().collect();
        sorted.sort();
        let version = hash(&sorted);
        let mut text = |name: &str| {
            let file = files.remove(name);
            let file = file.ok_or_else(|| io::Error::other(format!("there is no {name}")))?;
            String::from_utf8(plain(&file)?).map_err(io::Error::other)
        };
        let (text, paths) = (text("index.html")?, text("paths.txt")?);
        let page = compressed(text.replace(BASE, &format!("/web/{version}")).as_bytes())?;
        Ok(Self { version, text, paths: Paths::read(&paths), others: Others::Embedded { files, page } })
    }

    fn read(folder: &Folder) -> io::Result<Self> {
        let text = |name| String::from_utf8(folder.read(name)?).map_err(io::Error::other);
        let (page, paths) = (text("index.html")?, text("paths.txt")?);
        // Nothing of it is kept, so that there are no versions.
        let (version, others) = ("now".to_owned(), Others::In(folder.clone()));
        Ok(Self { version, text: page, paths: Paths::read(&paths), others })
    }

    /// A file by its name, compressed; none of another version, which would not fit to the others.
    fn file(&self, version: &str, name: &str) -> Option<Bytes> {
        match &self.others {
            Others::Embedded { files, .. } => files.get(name).filter(|_| version == self.version).cloned(),
            Others::In(folder) => compressed(&folder.read(name).ok()?).ok(),
        }
    }

    fn get(&self, path: &str, headers: &HeaderMap, prefix: &str, lasting: bool) -> Option<Response> {
        if let Some(path) = path.strip_prefix("/web/") {
            let (version, name) = path.split_once('/')?;
            let file = self.file(version, name)?;
            let keep = if lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
            return Some(answer(content_type(name), &file, keep, headers));
        }
        if path == "/" {
            return wants_page(headers).then(|| self.page(headers, prefix));
        }
        let subject = self.paths.find(path).filter(|_| accepts_page(headers))?;
        let mut response = self.page(headers, prefix);
        if let Some(subject) = subject {
            response.extensions_mut().insert(subject);
        }
        Some(response)
    }

    fn page(&self, headers: &HeaderMap, prefix: &str) -> Response {
        let page = match (&self.others, prefix) {
            (Others::Embedded { page, .. }, "") => Ok(page.clone()),
            // Few, and small: not worth being kept for each prefix that a proxy may name.
            _ => compressed(self.text.replace(BASE, &format!("{prefix}/web/{}", self.version)).as_bytes()),
        };
        let page = page.unwrap_or_default();
        let mut response = answer("text/html; charset=utf-8", &page, "no-cache", headers);
        for (name, value) in GUARDS {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
        response
    }
}

/// Whether who asks for `/` wants the page: everybody but who wants JSON more than HTML.
fn wants_page(headers: &HeaderMap) -> bool {
    let (html, json) = named(headers);
    html >= json
}

/// Whether `Accept` names HTML, and not JSON as what is wanted more.
fn accepts_page(headers: &HeaderMap) -> bool {
    let (html, json) = named(headers);
    html.is_some() && html >= json
}

/// How much `Accept` wants HTML and JSON, by their names.
fn named(headers: &HeaderMap) -> (Option<u16>, Option<u16>) {
    let ranges = accept::ranges(headers);
    (accept::named(&ranges, "text/html"), accept::named(&ranges, "application/json"))
}

/// A compressed file, or 304 where its reader has it.
fn answer(content_type: &'static str, file: &Bytes, keep: &'static str, headers: &HeaderMap) -> Response {
    // The two encodings are two representations, each with its tag (RFC 9110, 8.8.3.3).
    let gzip = reads_gzip(headers);
    let tag = format!("\"{}{}\"", hash(file), if gzip { "-gz" } else { "" });
    let tag = HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""));
    let mut response = if etag::has_already(headers, &tag).is_some() {
        StatusCode::NOT_MODIFIED.into_response()
    } else if gzip {
        ([(header::CONTENT_ENCODING, "gzip")], file.clone()).into_response()
    } else {
        plain(file).unwrap_or_default().into_response()
    };
    let out = response.headers_mut();
    if out.contains_key(header::CONTENT_TYPE) {
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    out.insert(header::ETAG, tag);
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("woff2") => "font/woff2",
        Some("webmanifest") => "application/manifest+json",
        _ => "text/plain; charset=utf-8",
    }
}

/// Tells versions apart; against nobody who wants two to look the same.
fn hash(what: &impl std::hash::Hash) -> String {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn plain(compressed: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut plain)?;
    Ok(plain)
}

fn compressed(plain: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?.into())
}
