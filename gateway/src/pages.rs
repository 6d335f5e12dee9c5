//! The edge's own pages: the OpenAPI document, its page to try things out, and what stands at the root.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{binding::Binding, openapi, swagger, web::Web};

/// What the page at `/docs` may do: run its own scripts and call this very origin. Swagger UI styles
/// elements directly and has its icons inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
     form-action 'none'";

/// The pages, made when they are first asked for.
pub struct Pages {
    bindings: Vec<Arc<Binding>>,
    whole: OnceLock<Document>,
    /// The script that starts Swagger UI.
    initializer: Bytes,
    web: Web,
}

/// An OpenAPI document in both forms.
struct Document {
    json: Bytes,
    yaml: Bytes,
}

impl Pages {
    /// Pages about some routes, and the one at the root.
    pub fn new(bindings: Vec<Arc<Binding>>, web: Web) -> Self {
        let initializer = initializer(&bindings).into();
        Self { bindings, whole: OnceLock::new(), initializer, web }
    }

    /// The page at a path, for a client that sent these headers.
    pub fn get(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        if let Some(page) = self.web.get(path, headers) {
            return Some(page);
        }
        match path {
            "/" => Some(root()),
            "/docs" => Some((StatusCode::FOUND, [(header::LOCATION, "/docs/")]).into_response()),
            "/openapi.json" => Some(file("application/json", self.whole().json.clone())),
            "/openapi.yaml" => Some(file("application/yaml", self.whole().yaml.clone())),
            _ => match path.strip_prefix("/docs/") {
                Some(name) => self.docs(name, headers),
                None => self.of_service(path.strip_prefix("/openapi/")?),
            },
        }
    }

    fn whole(&self) -> &Document {
        self.whole.get_or_init(|| document(&self.bindings))
    }

    /// `/openapi/package.Service.json`: the document of one service.
    fn of_service(&self, name: &str) -> Option<Response> {
        let (service, form) = name.rsplit_once('.')?;
        let bindings: Vec<_> =
            self.bindings.iter().filter(|binding| binding.rpc.service == service).cloned().collect();
        if bindings.is_empty() {
            return None;
        }
        match form {
            "json" => Some(file("application/json", document(&bindings).json)),
            "yaml" => Some(file("application/yaml", document(&bindings).yaml)),
            _ => None,
        }
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

fn document(bindings: &[Arc<Binding>]) -> Document {
    let document = openapi::document(bindings);
    Document {
        json: serde_json::to_vec(&document).unwrap_or_default().into(),
        yaml: yaml_serde::to_string(&document).unwrap_or_default().into(),
    }
}

/// Starts Swagger UI with the whole document and with that of each service to choose from.
fn initializer(bindings: &[Arc<Binding>]) -> String {
    let services: BTreeSet<_> = bindings.iter().map(|binding| binding.rpc.service.as_str()).collect();
    let mut urls = vec![json!({"name": "All services", "url": "/openapi.json"})];
    urls.extend(services.iter().map(|name| json!({"name": name, "url": format!("/openapi/{name}.json")})));
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
fn root() -> Response {
    let links = json!({"docs": "/docs", "openapi": "/openapi.json"});
    file("application/json", links.to_string().into())
}

fn file(content_type: &str, bytes: Bytes) -> Response {
    let content_type =
        HeaderValue::from_str(content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    ([(header::CONTENT_TYPE, content_type)], bytes).into_response()
}
