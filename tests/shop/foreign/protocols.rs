//! Every protocol on the one port: gRPC, gRPC-Web and Connect, in front of a server that speaks gRPC alone.

use tempfile::tempdir;
use tonic::{
    Code, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

use super::{Edge, Foreign, Reflects, gateway};
use crate::support::Setup;

tests!(one_port_speaks_grpc_and_grpc_web_and_connect);

/// Messages as they are.
#[derive(Debug, Clone, Copy, Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(out, &message);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = bytes::Buf::remaining(buffer);
        Ok(Some(bytes::Buf::copy_to_bytes(buffer, length).to_vec()))
    }
}

/// A book whose id is `b`.
pub const BOOK: &[u8] = b"\x0a\x01b";

/// A call that answers with the book that it is given.
pub async fn annotate(channel: Channel) -> Vec<u8> {
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/books.v1.Books/Annotate");
    client.unary(tonic::Request::new(BOOK.to_vec()), path, Bytes).await.unwrap().into_inner()
}

fn framed() -> Vec<u8> {
    [&[0, 0, 0, 0, 3], BOOK].concat()
}

/// Covers: mesh.protocols.
async fn one_port_speaks_grpc_and_grpc_web_and_connect(_: Setup) {
    let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", Reflects::V1).await);
    let edge = Edge::start(&gateway(&[&books.url], "--response-header x-shelf"), folder.path());
    // gRPC by its own client, unary and as a stream; what is not there is UNIMPLEMENTED.
    let channel = Channel::from_shared(edge.url.clone()).unwrap().connect().await.unwrap();
    let mut client = Grpc::new(channel);
    let call =
        |path: &'static str| (tonic::Request::new(BOOK.to_vec()), http::uri::PathAndQuery::from_static(path));
    client.ready().await.unwrap();
    let (request, path) = call("/books.v1.Books/Annotate");
    let answer = client.unary(request, path, Bytes).await.unwrap();
    assert_eq!(answer.metadata().get("x-shelf").unwrap(), "in the trailers");
    assert!(answer.metadata().get("x-secret").is_none());
    assert_eq!(answer.into_inner(), BOOK);
    client.ready().await.unwrap();
    let (request, path) = call("/books.v1.Books/WatchBook");
    let mut stream = client.server_streaming(request, path, Bytes).await.unwrap().into_inner();
    let mut count = 0;
    while let Some(book) = stream.message().await.unwrap() {
        assert_eq!(book, BOOK);
        count += 1;
    }
    assert_eq!(count, 3);
    client.ready().await.unwrap();
    let (request, path) = call("/books.v1.Books/Nobody");
    assert_eq!(client.unary(request, path, Bytes).await.unwrap_err().code(), Code::Unimplemented);

    let web = edge.post("/books.v1.Books/Annotate", "application/grpc-web+proto", framed()).await;
    let body = web.bytes().await.unwrap();
    let (message, trailers) = body.split_at(framed().len());
    assert_eq!((message, trailers[0]), (&framed()[..], 0x80));
    let trailers = String::from_utf8_lossy(&trailers[5..]).into_owned();
    assert!(
        trailers.contains("grpc-status: 0\r\n") && trailers.contains("x-shelf: in the trailers\r\n"),
        "{trailers}"
    );

    let connect = edge.post("/books.v1.Books/GetBook", "application/proto", BOOK).await;
    assert_eq!(connect.headers()["trailer-x-shelf"], "in the trailers");
    assert_eq!(connect.bytes().await.unwrap(), BOOK);
    let stream = [&[0, 0, 0, 0, 10][..], br#"{"id":"b"}"#].concat();
    let connect = edge.post("/books.v1.Books/WatchBook", "application/connect+json", stream).await;
    let text = String::from_utf8_lossy(&connect.bytes().await.unwrap()).into_owned();
    assert_eq!(text.matches(r#""id":"b""#).count(), 3, "{text}");
}
