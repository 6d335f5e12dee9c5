//! The edge's own pages: the OpenAPI document, its page to try things out, and what stands at the root.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{base::Base, binding::Binding, json::Style, openapi, swagger, web::Web};

/// What the page at `/docs` may do: run its own scripts and call this very origin. Swagger UI styles
/// elements directly and has its icons inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
     form-action 'none'";

/// Whether what is at a path costs as much as a read of data: it is large, and compressed for each reader.
pub fn are_dear(path: &str) -> bool {
    path.starts_with("/openapi") || path.starts_with("/docs/")
}

/// The pages, made when they are first asked for.
pub struct Pages {
    bindings: Vec<Arc<Binding>>,
    style: Style,
    whole: OnceLock<Document>,
    /// The documents of some services, by the names of these.
    parts: Mutex<HashMap<String, Document>>,
    /// The script that starts Swagger UI.
    initializer: Bytes,
    web: Web,
}

/// An OpenAPI document in both forms, cheap to clone.
#[derive(Clone)]
struct Document {
    json: Bytes,
    yaml: Bytes,
}

impl Pages {
    /// Pages about some routes that are answered for in a style, and the one at the root.
    pub fn new(bindings: Vec<Arc<Binding>>, style: Style, web: Web) -> Self {
        let initializer = initializer(&bindings).into();
        Self { bindings, style, whole: OnceLock::new(), parts: Mutex::default(), initializer, web }
    }

    /// The page at a path, for a client that sent these headers.
    pub fn get(&self, path: &str, headers: &HeaderMap, base: &Base) -> Option<Response> {
        if let Some(page) = self.web.get(path, headers, base.prefix()) {
            return Some(page);
        }
        match path {
            "/" => Some(root(base)),
            "/docs" => Some((StatusCode::FOUND, [(header::LOCATION, base.path("/docs/"))]).into_response()),
            "/openapi.json" => Some(file("application/json", for_base(&self.whole().json, base))),
            "/openapi.yaml" => Some(file("application/yaml", for_base(&self.whole().yaml, base))),
            _ => match path.strip_prefix("/docs/") {
                Some(name) => self.docs(name, headers),
                None => self.of_service(path.strip_prefix("/openapi/")?, base),
            },
        }
    }

    /// The page that says to people that there is nothing at a path.
    pub fn missing(&self, path: &str, headers: &HeaderMap, base: &Base) -> Option<Response> {
        self.web.missing(path, headers, base.prefix())
    }

    fn whole(&self) -> &Document {
        self.whole.get_or_init(|| document(&self.bindings, self.style))
    }

    /// `/openapi/package.Service.json`: the document of one service; `/openapi/order.json`, that of all services whose
    /// package, without what is before it and its version, is `order`.
    fn of_service(&self, name: &str, base: &Base) -> Option<Response> {
        let (name, form) = name.rsplit_once('.')?;
        let bindings: Vec<_> =
            self.bindings.iter().filter(|binding| is_called(&binding.rpc.service, name)).cloned().collect();
        if bindings.is_empty() {
            return None;
        }
        match form {
            "json" => Some(file("application/json", for_base(&self.part(&bindings).json, base))),
            "yaml" => Some(file("application/yaml", for_base(&self.part(&bindings).yaml, base))),
            _ => None,
        }
    }

    /// The document of some routes: there are no more of them than services and packages. Made once: of two who ask at the
    /// same time one waits.
    fn part(&self, bindings: &[Arc<Binding>]) -> Document {
        let services: BTreeSet<_> = bindings.iter().map(|binding| binding.rpc.service.as_str()).collect();
        let name = Vec::from_iter(services).join(" ");
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.entry(name).or_insert_with(|| document(bindings, self.style)).clone()
    }

    fn docs(&self, name: &str, headers: &HeaderMap) -> Option<Response> {
        let mut response = match name {
            "" | "index.html" => file("text/html", Bytes::from_static(swagger::PAGE.as_bytes())),
            "swagger-initializer.js" => file("text/javascript", self.initializer.clone()),
            _ => swagger::file(name, headers)?,
        };
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        Some(response)
    }
}

/// A document with the server that its reader reaches.
fn for_base(document: &[u8], base: &Base) -> Bytes {
    // What a server's URL can be made of means nothing in JSON and YAML.
    match std::str::from_utf8(document) {
        Ok(text) => text.replacen(openapi::SERVER, &base.root(), 1).into(),
        Err(_) => Bytes::copy_from_slice(document),
    }
}

/// Whether a service is meant by a name: its own, its package's, or what is left of that without version.
fn is_called(service: &str, name: &str) -> bool {
    let Some((package, own)) = service.rsplit_once('.') else { return service == name };
    let is_version = |part: &&str| {
        part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let short = package.rsplit('.').find(|part| !is_version(part));
    [service, own, package].contains(&name) || short == Some(name)
}

fn document(bindings: &[Arc<Binding>], style: Style) -> Document {
    let document = openapi::document(bindings, style);
    Document {
        json: serde_json::to_vec(&document).unwrap_or_default().into(),
        yaml: yaml_serde::to_string(&document).unwrap_or_default().into(),
    }
}

/// Starts Swagger UI with the whole document and with that of each service to choose from.
fn initializer(bindings: &[Arc<Binding>]) -> String {
    let services: BTreeSet<_> = bindings.iter().map(|binding| binding.rpc.service.as_str()).collect();
    // Seen from `/docs/`, wherever that is.
    let mut urls = vec![json!({"name": "All services", "url": "../openapi.json"})];
    urls.extend(services.iter().map(|name| json!({"name": name, "url": format!("../openapi/{name}.json")})));
    let settings = json!({
        "urls": urls,
        "dom_id": "#swagger-ui",
        "layout": "StandaloneLayout",
        "deepLinking": true,
        "docExpansion": "list",
        "defaultModelsExpandDepth": 0,
        "displayRequestDuration": true,
        "filter": true,
        // Tokens stay in the page's memory.
        "persistAuthorization": false,
        "tryItOutEnabled": true,
        // Each call as `curl`, for several shells.
        "requestSnippetsEnabled": true,
        // Otherwise the page would have a validator on the internet look at the document.
        "validatorUrl": null,
    });
    format!(
        "window.onload = function () {{\n  window.ui = SwaggerUIBundle(Object.assign({settings}, {{\n    \
         presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],\n  }}));\n}};\n"
    )
}

/// Says where to go from here.
fn root(base: &Base) -> Response {
    let links = json!({"docs": base.path("/docs"), "openapi": base.path("/openapi.json")});
    file("application/json", links.to_string().into())
}

fn file(content_type: &str, bytes: Bytes) -> Response {
    let content_type =
        HeaderValue::from_str(content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    ([(header::CONTENT_TYPE, content_type)], bytes).into_response()
}
