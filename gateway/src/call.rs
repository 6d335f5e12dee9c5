//! Calls a service with messages that are bytes already.

use bytes::{Buf as _, BufMut as _, Bytes};
use futures::Stream;
use tonic::{
    Response, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
};

use crate::rpc::Rpc;

/// The largest answer taken from a service. Its own limits are tighter; this one only bounds memory.
pub const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// A message to send; an error breaks the call off, so that what was sent is never taken for all.
pub type Outgoing = Result<Bytes, Status>;

/// Hands messages on as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Outgoing;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Outgoing;
    type Error = Status;

    fn encode(&mut self, message: Outgoing, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message?);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

fn client(rpc: &Rpc) -> Grpc<kit::Conn> {
    Grpc::new(rpc.way.conn.clone()).max_decoding_message_size(ANSWER_LIMIT)
}

fn request<T>(metadata: MetadataMap, message: T) -> tonic::Request<T> {
    tonic::Request::from_parts(metadata, tonic::Extensions::default(), message)
}

/// Calls a method that answers once.
pub async fn unary(rpc: &Rpc, metadata: MetadataMap, message: Bytes) -> Result<Response<Bytes>, Status> {
    let mut client = client(rpc);
    client.ready().await?;
    client.unary(request(metadata, Ok(message)), rpc.path.clone(), Raw).await
}

/// Calls a method that takes many messages and answers once.
pub async fn client_streaming(
    rpc: &Rpc,
    metadata: MetadataMap,
    messages: impl Stream<Item = Outgoing> + Send + 'static,
) -> Result<Response<Bytes>, Status> {
    let mut client = client(rpc);
    client.ready().await?;
    client.client_streaming(request(metadata, messages), rpc.path.clone(), Raw).await
}

/// Calls a method that answers many times.
pub async fn server_streaming(
    rpc: &Rpc,
    metadata: MetadataMap,
    message: Bytes,
) -> Result<Response<Streaming<Bytes>>, Status> {
    let mut client = client(rpc);
    client.ready().await?;
    client.server_streaming(request(metadata, Ok(message)), rpc.path.clone(), Raw).await
}

/// Calls a method in the one way that is good for all: with many messages, and many answers.
pub async fn streaming(
    rpc: &Rpc,
    metadata: MetadataMap,
    messages: impl Stream<Item = Outgoing> + Send + 'static,
) -> Result<Response<Streaming<Bytes>>, Status> {
    let mut client = client(rpc);
    client.ready().await?;
    client.streaming(request(metadata, messages), rpc.path.clone(), Raw).await
}
