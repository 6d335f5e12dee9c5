//! The REST edge as any HTTP client sees it.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::outcome::Refusal;

/// How long any single call may take.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP client of one REST address.
#[derive(Debug, Clone)]
pub struct Rest {
    base: String,
    http: reqwest::Client,
    headers: HeaderMap,
}

impl Rest {
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none());
        let http = http.pool_idle_timeout(Duration::from_secs(5)).build().unwrap();
        Self { base: base.trim_end_matches('/').to_owned(), http, headers: HeaderMap::new() }
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The same with a header.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut rest = self.clone();
        rest.headers.append(name, value.parse().unwrap());
        rest
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path)).headers(self.headers.clone()).timeout(TIMEOUT)
    }

    /// A path's URL; a whole URL stays what it is.
    pub fn url(&self, path: &str) -> String {
        if path.starts_with("http://") { path.to_owned() } else { format!("{}{path}", self.base) }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Reply::read(request).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    /// Posts text that need not be JSON.
    pub async fn post_text(&self, path: &str, text: impl Into<reqwest::Body>) -> Reply {
        Reply::read(self.request(Method::POST, path).header("content-type", "application/json").body(text))
            .await
    }
}

/// A whole HTTP answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    /// Null where the body is not JSON.
    pub json: Value,
}

impl Reply {
    pub async fn read(request: reqwest::RequestBuilder) -> Self {
        Self::try_read(request).await.expect("an HTTP answer")
    }

    pub async fn try_read(request: reqwest::RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?.to_vec();
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Self { status, headers, bytes, json })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// It has this status; answers the JSON.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        &self.json
    }

    /// It is an error of this HTTP status, code and reason, in the form that every error has.
    #[track_caller]
    pub fn refused(&self, http: u16, status: &str, reason: &str) -> Refusal {
        self.expect(http);
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.json["error"]["status"], status, "{}", self.json);
        let refusal = Refusal::of_json(self.status, &self.json);
        assert_eq!(refusal.reason, reason, "{}", self.json);
        assert!(!refusal.message.is_empty(), "{}", self.json);
        refusal
    }
}
