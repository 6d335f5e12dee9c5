//! Contracts before a server that answers each call with the bytes that it was asked with, whatever they mean.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures::stream;
use gateway::{Contract, Extras, Options, Served, Way, json::Style};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use prost_reflect::DescriptorPool;
use tower::service_fn;

use crate::support::Shop;

/// What the last call was asked with: messages in their frames.
pub type Asked = Arc<Mutex<Bytes>>;

fn conn(last: Asked) -> kit::Conn {
    kit::Conn::new(service_fn(move |request: Request<tonic::body::Body>| {
        let last = last.clone();
        async move {
            let asked = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            *last.lock().unwrap() = asked.clone();
            let ok = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
            let frames = [Frame::data(asked), Frame::trailers(HeaderMap::from_iter([ok]))];
            let frames = stream::iter(frames.map(Ok::<Frame<Bytes>, Infallible>));
            let answer = Response::builder().header("content-type", "application/grpc");
            Ok(answer.body(tonic::body::Body::new(StreamBody::new(frames))).unwrap())
        }
    }))
}

/// The services of a contract, answered for in a style.
pub fn serve(contract: &Contract, json: Style) -> (Shop, Asked) {
    let (router, asked) = router(contract, json);
    (Shop::of_router(router), asked)
}

/// The same as a router.
pub fn router(contract: &Contract, json: Style) -> (Router, Asked) {
    let asked = Asked::default();
    let way = Way { conn: conn(asked.clone()), forward: Default::default() };
    let services = contract.services(&[]).unwrap().into_iter();
    let served = services.map(|service| Served { service, way: way.clone() }).collect();
    let extras = Extras { json, ..Extras::default() };
    (gateway::router_of(&Options::default(), served, extras).unwrap(), asked)
}

/// Those of a pool, as proto3 JSON.
pub fn serve_pool(pool: &DescriptorPool) -> Shop {
    serve(&Contract::of_set(&pool.encode_to_vec()).unwrap(), Style::default()).0
}

/// The body of a Connect stream's request: these messages.
pub fn enveloped(messages: &[&str]) -> Body {
    let mut out = Vec::new();
    for message in messages {
        out.push(0);
        out.extend_from_slice(&(message.len() as u32).to_be_bytes());
        out.extend_from_slice(message.as_bytes());
    }
    out.into()
}
