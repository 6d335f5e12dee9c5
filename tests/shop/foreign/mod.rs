//! `feira gateway`: the edge of services that are not ours, in front of real servers with contracts of their own.

mod follows;
mod hostile;
mod protocols;
mod server;
mod starts;

use std::path::Path;

use reqwest::Response;
use serde_json::Value;

use self::server::{Foreign, Reflects};
use crate::support::process::{Process, Start};

/// A gateway in front of these, with more flags.
fn gateway(upstreams: &[&str], more: &str) -> Start {
    Start::of(&format!("gateway --listen 127.0.0.1:0 --log-format text {more}"))
        .arg("--upstream", &upstreams.join(","))
}

/// A running gateway.
struct Edge {
    process: Process,
    url: String,
    client: reqwest::Client,
}

impl Edge {
    fn start(start: &Start, folder: &Path) -> Self {
        let process = Process::start(start, folder);
        let (url, grpc) = process.ready();
        assert_eq!(grpc, "", "one port is enough");
        Self { process, url, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    async fn status(&self, path: &str) -> u16 {
        self.get(path).await.status().as_u16()
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    async fn post(&self, path: &str, media: &str, body: impl Into<reqwest::Body>) -> Response {
        let request = self.client.post(format!("{}{path}", self.url)).header("content-type", media);
        request.body(body).send().await.unwrap()
    }

    /// Waits for an event in its log.
    async fn logs(&self, event: &str) {
        crate::support::until(event, || async { self.process.stderr().contains(event).then_some(()) }).await;
    }
}
