//! HTTP clients for providers.

use std::time::Duration;

use kit::StartError;
use reqwest::{Client, ClientBuilder, Response, Url, redirect::Policy};

use super::Failure;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(1);
/// The same, where TLS comes on top and the provider is on another continent.
const CONNECT_TLS: Duration = Duration::from_secs(5);
/// How long a connection is kept for the next call: not as long as servers keep theirs, or a call would now
/// and then meet one that is being closed, and its outcome be unknown.
const KEEP: Duration = Duration::from_secs(10);
/// No answer of a provider is longer, in bytes.
const LONGEST: usize = 1 << 20;

/// A client of the provider at `url`. It follows no redirects: whatever is sent is for that provider only.
/// For `https`, the system's certificates count (also SSL_CERT_FILE); for `http` none are even read.
pub fn client(url: &Url, timeout: Duration) -> Result<Client, StartError> {
    build(url, timeout, Client::builder().pool_idle_timeout(KEEP))
}

/// The same for a provider without idempotency: every call has a connection of its own, and nothing sends one
/// again.
pub fn client_that_sends_once(url: &Url, timeout: Duration) -> Result<Client, StartError> {
    let builder = Client::builder().pool_max_idle_per_host(0).http1_only().retry(reqwest::retry::never());
    build(url, timeout, builder)
}

fn build(url: &Url, timeout: Duration, builder: ClientBuilder) -> Result<Client, StartError> {
    let builder = builder.timeout(timeout).redirect(Policy::none()).no_proxy();
    let builder = match url.scheme() {
        "https" => builder.connect_timeout(CONNECT_TLS),
        _ => builder.connect_timeout(CONNECT).tls_certs_only([]),
    };
    builder
        .build()
        .map_err(|error| StartError::Settings(format!("there can be no connections to {url}: {error}")))
}

/// A provider's URL: one of `http` or `https` with a host. `what` says whose it is.
pub fn url(what: &str, text: &str) -> Result<Url, StartError> {
    let wrong =
        |problem: String| StartError::Settings(format!("{what}'s URL {text:?} is not one: {problem}"));
    let url: Url = text.parse().map_err(|error| wrong(format!("{error}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("it does not begin with http:// or https:// and a host".to_owned()));
    }
    Ok(url)
}

/// What it means that no answer came. Only a connection that never came about proves that nothing happened.
pub fn failure(error: reqwest::Error) -> Failure {
    let never_sent = error.is_connect() || error.is_builder();
    let problem = error.without_url().to_string();
    if never_sent { Failure::NotSent { problem } } else { Failure::Unknown { problem } }
}

/// The body of an answer, unless it is too long or breaks off.
pub async fn body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let unknown = |error: reqwest::Error| Failure::Unknown { problem: error.without_url().to_string() };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unknown)? {
        if body.len() + chunk.len() > LONGEST {
            return Err(Failure::Unknown { problem: "the answer is too long".to_owned() });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
