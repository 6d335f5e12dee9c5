//! An upstream that speaks gRPC by descriptors alone, and a client for the router.

use std::{
    convert::Infallible,
    sync::{Arc, LazyLock, Mutex},
};

use axum::{Router, body::Body};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures::{FutureExt as _, StreamExt as _, stream, stream::BoxStream};
use gateway::{Extras, Options, Page};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage as _};
use serde_json::Value as Json;
use tonic::Status;
use tower::{ServiceExt as _, service_fn};

/// The foreign contract.
pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| compile("library.proto"));

/// Compiles a proto of this folder.
pub fn compile(file: &str) -> DescriptorPool {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/edge");
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto");
    let mut compiler = protox::Compiler::new([here, contracts]).unwrap();
    compiler.include_imports(true).include_source_info(true).open_file(file).unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

/// What the upstream was asked.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub metadata: HeaderMap,
    pub messages: Vec<DynamicMessage>,
    /// Whether the stream of messages broke off.
    pub broken: bool,
}

/// What it answers.
pub enum Answer {
    Messages(Vec<DynamicMessage>),
    Stream(BoxStream<'static, Result<DynamicMessage, Status>>),
    Status(Status),
    /// The connection's own failure, as a transport reports it.
    Transport(Status),
    Never,
    Panic,
}

pub type Handler = dyn Fn(&Call) -> Answer + Send + Sync;

/// A router before an upstream, with what the upstream was asked last.
pub struct Shop {
    router: Router,
    pub calls: Arc<Mutex<Vec<Call>>>,
}

/// Answers with what came, where the types allow it.
pub fn echo(call: &Call) -> Answer {
    Answer::Messages(call.messages.clone())
}

pub fn shop() -> Shop {
    shop_with(Options::default(), echo)
}

pub fn shop_with(options: Options, handler: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Shop {
    shop_paged(options, Page::default(), handler)
}

/// The same with another page at its root.
pub fn shop_paged(
    options: Options,
    page: Page,
    handler: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Shop {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let conn = upstream(calls.clone(), Arc::new(handler));
    Shop { router: library(options, conn, Extras { page: Some(page), ..Extras::default() }), calls }
}

/// A router before any transport.
pub fn shop_of(options: Options, conn: kit::Conn, calls: Arc<Mutex<Vec<Call>>>) -> Shop {
    Shop {
        router: library(options, conn, Extras { page: Some(Page::default()), ..Extras::default() }),
        calls,
    }
}

fn library(options: Options, conn: kit::Conn, extras: Extras) -> Router {
    let upstream = |service: &str| (service == "library.v1.Library").then(|| conn.clone());
    gateway::router(&options, &POOL, upstream, extras).unwrap()
}

/// A transport to the handler.
pub fn upstream(calls: Arc<Mutex<Vec<Call>>>, handler: Arc<Handler>) -> kit::Conn {
    kit::Conn::new(service_fn(move |request: Request<tonic::body::Body>| {
        let (calls, handler) = (calls.clone(), handler.clone());
        async move {
            let (parts, body) = request.into_parts();
            let (_, method) = parts.uri.path().rsplit_once('/').unwrap();
            let service = POOL.get_service_by_name("library.v1.Library").unwrap();
            let descriptor = service.methods().find(|there| there.name() == method).unwrap();
            let mut body = body;
            let (mut bytes, mut broken) = (BytesMut::new(), false);
            while let Some(frame) = body.frame().await {
                match frame.map(Frame::into_data) {
                    Ok(Ok(data)) => bytes.put(data),
                    Ok(Err(_)) => {}
                    Err(_) => {
                        broken = true;
                        break;
                    }
                }
            }
            let mut messages = Vec::new();
            while bytes.has_remaining() {
                assert_eq!(bytes.get_u8(), 0, "not compressed");
                let length = bytes.get_u32() as usize;
                messages.push(DynamicMessage::decode(descriptor.input(), bytes.split_to(length)).unwrap());
            }
            let call = Call { method: method.to_owned(), metadata: parts.headers, messages, broken };
            calls.lock().unwrap().push(call.clone());
            let stream = match handler(&call) {
                Answer::Messages(messages) => stream::iter(messages.into_iter().map(Ok)).boxed(),
                Answer::Stream(messages) => messages,
                Answer::Status(status) => return Ok(status.into_http()),
                Answer::Transport(status) => return Err(status),
                Answer::Never => futures::future::pending().await,
                Answer::Panic => panic!("the upstream's transport panics"),
            };
            Ok(answered(stream))
        }
    }))
}

fn answered(messages: BoxStream<'static, Result<DynamicMessage, Status>>) -> Response<tonic::body::Body> {
    let frames = messages.map(|message| {
        let frame = match message {
            Ok(message) => {
                let mut frame = BytesMut::new();
                frame.put_u8(0);
                frame.put_u32(message.encoded_len() as u32);
                message.encode(&mut frame).unwrap();
                Frame::data(frame.freeze())
            }
            Err(status) => {
                let mut trailers = HeaderMap::new();
                status.add_header(&mut trailers).unwrap();
                Frame::trailers(trailers)
            }
        };
        Ok::<_, Infallible>(frame)
    });
    let mut end = HeaderMap::new();
    end.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = frames.chain(stream::once(async { Ok(Frame::trailers(end)) }));
    Response::builder()
        .header("content-type", "application/grpc")
        .header("idempotency-replayed", "true")
        .header("x-internal", "stays inside")
        .header("etag", "\"of the cover\"")
        .header("cache-control", "max-age=60")
        .body(tonic::body::Body::new(StreamBody::new(frames)))
        .unwrap()
}

/// A message of the foreign contract from JSON.
pub fn message(name: &str, json: Json) -> DynamicMessage {
    let desc = POOL.get_message_by_name(&format!("library.v1.{name}")).unwrap();
    DynamicMessage::deserialize(desc, json).unwrap()
}

/// A whole answer.
#[derive(Debug)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answered {
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {:?}", self.bytes))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that it is an error in the contract's form, and gives its reason and its bad field.
    pub fn error(&self) -> (u16, String, String) {
        let json = self.json();
        let error = &json["error"];
        assert_eq!(error["code"], self.status.as_u16(), "{json}");
        assert!(error["message"].is_string(), "{json}");
        assert_eq!(self.header("content-type"), "application/json");
        assert!(!self.header("x-request-id").is_empty());
        let info = &error["details"][0];
        assert_eq!(info["@type"], "type.googleapis.com/google.rpc.ErrorInfo", "{json}");
        assert!(info["domain"].is_string() && info["metadata"].is_object(), "{json}");
        let details = error["details"].as_array().unwrap();
        let field = details.iter().find_map(|detail| detail["fieldViolations"][0]["field"].as_str());
        let status = error["status"].as_str().unwrap().to_owned();
        assert!(!status.is_empty());
        (
            self.status.as_u16(),
            info["reason"].as_str().unwrap().to_owned(),
            field.unwrap_or_default().to_owned(),
        )
    }

    /// The field that an INVALID_ARGUMENT names.
    pub fn bad_field(&self) -> String {
        let (code, reason, field) = self.error();
        assert_eq!((code, reason.as_str()), (400, "VALIDATION"), "{}", self.text());
        field
    }
}

impl Shop {
    pub fn of_router(router: Router) -> Self {
        Self { router, calls: Arc::default() }
    }

    pub async fn send(&self, request: Request<Body>) -> Answered {
        let (parts, body) = self.open(request).await.into_parts();
        let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Answered { status: parts.status, headers: parts.headers, bytes }
    }

    pub fn router(&self) -> Router {
        self.router.clone()
    }

    pub async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.router().oneshot(request).map(Result::unwrap).await
    }

    pub async fn call(&self, method: &str, path: &str) -> Answered {
        self.send(request(method, path, &[], Body::empty())).await
    }

    pub async fn get(&self, path: &str) -> Answered {
        self.call("GET", path).await
    }

    pub async fn json(&self, method: &str, path: &str, json: impl Into<String>) -> Answered {
        self.json_with(method, path, &[], json).await
    }

    pub async fn json_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        json: impl Into<String>,
    ) -> Answered {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.send(request(method, path, &headers, Body::from(json.into()))).await
    }

    /// The last call that the upstream got.
    pub fn last(&self) -> Call {
        self.calls.lock().unwrap().last().cloned().expect("the upstream was called")
    }

    pub fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

impl Call {
    /// Its only message as JSON, what is not set left out.
    pub fn json(&self) -> Json {
        assert_eq!(self.messages.len(), 1);
        let options = prost_reflect::SerializeOptions::new();
        let message = &self.messages[0];
        assert!(!message.descriptor().name().is_empty());
        message.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
    }
}

pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}
