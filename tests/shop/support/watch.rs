//! Streams: events, an order's live one, and the exports of orders and of a user's data, over gRPC, as NDJSON, and as server-sent events.

use std::pin::Pin;

use contracts::{
    event::{Event, StreamEventsRequest, event_service_client::EventServiceClient},
    mesh::{ExportUserRequest, ExportUserResponse, mesh_service_client::MeshServiceClient},
    order::{
        ExportOrdersRequest, Order, OrderEvent, WatchOrderRequest, order_service_client::OrderServiceClient,
    },
};
use futures::{Stream, StreamExt, stream};
use http::Method;
use prost::{Message, Name};
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

use super::{
    client::{Client, Edge},
    outcome::Refusal,
    transcode,
    wait::PATIENCE,
};

/// Messages as they come.
pub struct Messages<T>(Pin<Box<dyn Stream<Item = Result<T, Refusal>> + Send>>);

impl<T> Messages<T> {
    /// The next message; `None` where the stream has ended.
    pub async fn next(&mut self) -> Option<Result<T, Refusal>> {
        timeout(PATIENCE, self.0.next()).await.expect("a message or the end of the stream")
    }

    /// All messages up to the end of the stream.
    pub async fn rest(&mut self) -> Vec<T> {
        let mut messages = Vec::new();
        while let Some(message) = self.next().await {
            messages.push(message.expect("a message"));
        }
        messages
    }
}

impl Client {
    /// Watches an order: at the REST edge, by NDJSON.
    pub async fn watch(&self, id: &str, after_sequence: i64) -> Messages<OrderEvent> {
        let request = WatchOrderRequest { id: id.into(), after_sequence };
        match self.edge {
            Edge::Grpc => {
                let mut client = OrderServiceClient::new(self.channel("feira.order.v1"));
                streamed(client.watch_order(self.endless(request)).await)
            }
            Edge::Rest => {
                self.ndjson(&transcode::request(&request, &["/v1/orders/{id}:watch"], "").path).await
            }
        }
    }

    /// Exports orders: at the REST edge, by NDJSON.
    pub async fn export_orders(&self, request: ExportOrdersRequest) -> Messages<Order> {
        match self.edge {
            Edge::Grpc => {
                let mut client = OrderServiceClient::new(self.channel("feira.order.v1"));
                streamed(client.export_orders(self.endless(request)).await)
            }
            Edge::Rest => self.ndjson(&transcode::request(&request, &["/v1/orders:export"], "").path).await,
        }
    }

    /// Exports what is held about a user: at the REST edge, by NDJSON.
    pub async fn export_user(&self, request: ExportUserRequest) -> Messages<ExportUserResponse> {
        match self.edge {
            Edge::Grpc => {
                let mut client = MeshServiceClient::new(self.channel("feira.mesh.v1"));
                streamed(client.export_user(self.endless(request)).await)
            }
            Edge::Rest => {
                self.ndjson(&transcode::request(&request, &["/v1/users/{id}:export"], "").path).await
            }
        }
    }

    /// Streams what happens in the shop: at the REST edge, by NDJSON.
    pub async fn stream_events(&self, request: StreamEventsRequest) -> Messages<Event> {
        match self.edge {
            Edge::Grpc => {
                let mut client = EventServiceClient::new(self.channel("feira.event.v1"));
                streamed(client.stream_events(self.endless(request)).await)
            }
            Edge::Rest => self.ndjson(&transcode::request(&request, &["/v1/events:stream"], "").path).await,
        }
    }

    /// A request without a deadline.
    fn endless<M>(&self, message: M) -> Request<M> {
        let mut request = self.sign(message);
        request.metadata_mut().remove("grpc-timeout");
        request
    }

    async fn ndjson<T: Message + Name + Default + 'static>(&self, path: &str) -> Messages<T> {
        let lines = match self.lines(path, &[]).await {
            Ok(lines) => lines,
            Err(body) => Box::pin(stream::iter([body])),
        };
        // A stream that is silent says by empty lines that it is alive.
        let lines = lines.filter(|line| std::future::ready(!line.is_empty()));
        Messages(Box::pin(lines.map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
            match line.get("result") {
                Some(message) => Ok(transcode::answer(&message.to_string())),
                None => {
                    let http = line["error"]["code"].as_u64().unwrap().try_into().unwrap();
                    let http = http::StatusCode::from_u16(http).unwrap();
                    Err(Refusal::of_json(http, &line))
                }
            }
        })))
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
        self.server_sent(&format!("/v1/orders/{id}:watch"), last.as_deref(), count).await
    }

    /// The same of any stream.
    pub async fn server_sent(
        &self,
        path: &str,
        last_event_id: Option<&str>,
        count: usize,
    ) -> Vec<(String, String, String)> {
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(last_event_id.map(|id| ("last-event-id", id)));
        let mut lines = self.lines(path, &headers).await.expect("a stream");
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

fn streamed<T: Send + 'static>(answer: Result<Response<Streaming<T>>, Status>) -> Messages<T> {
    match answer {
        Ok(messages) => {
            let messages = messages.into_inner();
            Messages(Box::pin(messages.map(|it| it.map_err(|status| Refusal::of_status(&status)))))
        }
        Err(status) => Messages(Box::pin(stream::iter([Err(Refusal::of_status(&status))]))),
    }
}
