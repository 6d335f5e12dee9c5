//! An order's live stream, over gRPC, as NDJSON, and as server-sent events.

use std::pin::Pin;

use contracts::order::{OrderEvent, WatchOrderRequest, order_service_client::OrderServiceClient};
use futures::{Stream, StreamExt, stream};
use http::Method;
use tokio::time::timeout;

use super::{
    client::{Client, Edge},
    outcome::Refusal,
    transcode,
    wait::PATIENCE,
};

/// Events as they come.
pub struct Watch(Pin<Box<dyn Stream<Item = Result<OrderEvent, Refusal>> + Send>>);

impl Watch {
    /// The next event; `None` where the stream has ended.
    pub async fn next(&mut self) -> Option<Result<OrderEvent, Refusal>> {
        timeout(PATIENCE, self.0.next()).await.expect("an event or the end of the stream")
    }

    /// All events up to the end of the stream.
    pub async fn rest(&mut self) -> Vec<OrderEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event.expect("an event"));
        }
        events
    }
}

impl Client {
    /// Watches an order: at the REST edge, by NDJSON.
    pub async fn watch(&self, id: &str, after_sequence: i64) -> Watch {
        match self.edge {
            Edge::Grpc => {
                let mut client = OrderServiceClient::new(self.channel("feira.order.v1"));
                let mut request = self.sign(WatchOrderRequest { id: id.into(), after_sequence });
                request.metadata_mut().remove("grpc-timeout");
                match client.watch_order(request).await {
                    Ok(events) => {
                        let events = events.into_inner();
                        Watch(Box::pin(events.map(|it| it.map_err(|status| Refusal::of_status(&status)))))
                    }
                    Err(status) => Watch(Box::pin(stream::iter([Err(Refusal::of_status(&status))]))),
                }
            }
            Edge::Rest => {
                let path = format!("/v1/orders/{id}:watch?afterSequence={after_sequence}");
                let lines = match self.lines(&path, &[]).await {
                    Ok(lines) => lines,
                    Err(body) => Box::pin(stream::iter([body])),
                };
                Watch(Box::pin(lines.map(|line| {
                    let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
                    match line.get("result") {
                        Some(event) => Ok(transcode::answer(&event.to_string())),
                        None => {
                            let http = line["error"]["code"].as_u64().unwrap().try_into().unwrap();
                            let http = http::StatusCode::from_u16(http).unwrap();
                            Err(Refusal::of_json(http, &line))
                        }
                    }
                })))
            }
        }
    }

    /// The lines of a streamed HTTP answer; its whole body where it is refused.
    pub async fn lines(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Pin<Box<dyn Stream<Item = String> + Send>>, String> {
        let mut request = self.http().request(Method::GET, path).timeout(PATIENCE * 3);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        if !response.status().is_success() {
            return Err(response.text().await.unwrap());
        }
        let chunks = Box::pin(response.bytes_stream());
        Ok(Box::pin(stream::unfold((chunks, Vec::new()), |(mut chunks, mut rest)| async move {
            loop {
                if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let line = rest.drain(..=end).take(end).collect::<Vec<u8>>();
                    return Some((String::from_utf8(line).unwrap(), (chunks, rest)));
                }
                rest.extend_from_slice(&chunks.next().await?.ok()?);
            }
        })))
    }

    /// Server-sent events of an order as (id, event, data), up to `count` or the end of the stream.
    pub async fn events(
        &self,
        id: &str,
        last_event_id: Option<i64>,
        count: usize,
    ) -> Vec<(String, String, String)> {
        let last = last_event_id.map(|id| id.to_string());
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(last.as_deref().map(|id| ("last-event-id", id)));
        let mut lines = self.lines(&format!("/v1/orders/{id}:watch"), &headers).await.expect("a stream");
        let (mut events, mut event) = (Vec::new(), (String::new(), String::new(), String::new()));
        while events.len() < count {
            let line = timeout(PATIENCE, lines.next()).await.expect("a line or the end of the stream");
            let Some(line) = line else { break };
            match line.split_once(": ") {
                Some(("id", id)) => event.0 = id.to_owned(),
                Some(("event", name)) => event.1 = name.to_owned(),
                Some(("data", data)) => event.2 = data.to_owned(),
                _ if line.is_empty() && !event.2.is_empty() => events.push(std::mem::take(&mut event)),
                _ => {}
            }
        }
        events
    }
}
