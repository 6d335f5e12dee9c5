//! The codec of every method: protobuf, and requests are checked before any handler sees them.

use std::marker::PhantomData;

use bytes::Buf as _;
use prost::Message;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::check::{Check, malformed};

/// Encodes `T`, decodes and checks `U`. Servers and clients alike use it: answers have nothing to check.
#[derive(Clone, Debug)]
pub struct CheckedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for CheckedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for CheckedCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Check + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = SizedEncoder<T>;
    type Decoder = CheckedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        SizedEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        CheckedDecoder::default()
    }
}

/// Encodes `T` into space of its size: a page of a list would be moved a dozen times while its buffer grows.
#[derive(Clone, Debug)]
pub struct SizedEncoder<T>(PhantomData<T>);

impl<T> Default for SizedEncoder<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Message> Encoder for SizedEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, message: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(message.encoded_len());
        message.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

/// Decodes and checks `U`.
#[derive(Clone, Debug)]
pub struct CheckedDecoder<U>(PhantomData<U>);

impl<U> Default for CheckedDecoder<U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<U: Message + Default + Check> Decoder for CheckedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        if let Some(bounds) = U::bounds()
            && buffer.chunk().len() >= buffer.remaining()
        {
            bounds.check(buffer.chunk())?;
        }
        let message = U::decode(buffer).map_err(|error| {
            // A request that cannot be read is its sender's fault; an answer, our own.
            if U::REQUEST { malformed(&error) } else { Status::internal(error.to_string()) }
        })?;
        message.check()?;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut as _, Bytes, BytesMut};
    use http_body_util::Full;
    use tonic::{Code, Streaming};
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::{order, user};

    /// Decodes one message as a server or client would.
    async fn receive<U: Message + Default + Check + Send + 'static>(message: &[u8]) -> Result<U, Status> {
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).expect("a short message"));
        frame.put_slice(message);
        let decoder = CheckedCodec::<(), U>::default().decoder();
        let mut stream = Streaming::new_request(decoder, Full::new(Bytes::from(frame)), None, None);
        stream.message().await.map(|message| message.expect("one message"))
    }

    #[tokio::test]
    async fn a_good_request_arrives_as_it_was_sent() {
        let sent = order::GetOrderRequest { id: "open".into() };
        let received = receive::<order::GetOrderRequest>(&sent.encode_to_vec()).await;
        assert_eq!(received.expect("it is good"), sent);
    }

    #[tokio::test]
    async fn a_bad_request_is_refused_with_every_bad_field() {
        let sent = order::AddLineRequest { order_id: "open".into(), ..Default::default() };
        let status = receive::<order::AddLineRequest>(&sent.encode_to_vec()).await.expect_err("it is bad");
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "article_id: is required (and 1 more)");

        let details = status.get_error_details();
        let info = details.error_info().expect("an ErrorInfo");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("VALIDATION", "feira"));
        let fields = &details.bad_request().expect("a BadRequest").field_violations;
        let fields = fields.iter().map(|it| (it.field.as_str(), it.description.as_str())).collect::<Vec<_>>();
        assert_eq!(fields, [("article_id", "is required"), ("quantity", "must be at least 1")]);
    }

    #[tokio::test]
    async fn a_request_that_is_no_protobuf_is_its_senders_fault() {
        for message in [&[0x0a, 0x7f][..], &[0x0a, 0x01, 0xff], &[0x07]] {
            let status = receive::<order::GetOrderRequest>(message).await.expect_err("it cannot be read");
            assert_eq!(status.code(), Code::InvalidArgument);
            assert_eq!(status.get_error_details().error_info().expect("an ErrorInfo").reason, "VALIDATION");
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_no_protobuf_is_an_internal_error() {
        let status = receive::<order::Order>(&[0x0a, 0x7f]).await.expect_err("it cannot be read");
        assert_eq!(status.code(), Code::Internal);
    }

    #[tokio::test]
    async fn every_bad_field_of_a_full_order_is_told() {
        let line = order::OrderLine { article_id: "?".repeat(1000), quantity: 0 };
        let sent = order::CreateOrderRequest { lines: vec![line; 100], ..Default::default() };
        let status =
            receive::<order::CreateOrderRequest>(&sent.encode_to_vec()).await.expect_err("it is bad");
        let fields = status.get_error_details().bad_request().expect("a BadRequest").field_violations.len();
        assert_eq!(fields, 201, "two for each line, and where to send it");
        assert!(status.details().len() < 32_000, "{} bytes", status.details().len());
    }

    #[test]
    fn secrets_are_not_shown_by_debug() {
        let secret = "s3cret";
        let shown = [
            format!(
                "{:?}",
                user::SignInRequest { login: "ada".into(), password: secret.into(), ..Default::default() }
            ),
            format!("{:?}", user::RefreshRequest { refresh_token: secret.into() }),
            format!("{:?}", user::CreateUserRequest { password: secret.into(), ..Default::default() }),
            format!(
                "{:#?}",
                user::ChangePasswordRequest {
                    old_password: secret.into(),
                    new_password: secret.into(),
                    ..Default::default()
                }
            ),
            format!(
                "{:?}",
                user::Tokens {
                    access_token: secret.into(),
                    refresh_token: secret.into(),
                    ..Default::default()
                }
            ),
        ];
        for shown in shown {
            assert!(!shown.contains(secret) && shown.contains("[redacted]"), "{shown}");
        }
        let shown = format!(
            "{:?}",
            user::SignInRequest { login: "ada".into(), password: String::new(), ..Default::default() }
        );
        assert_eq!(shown, r#"SignInRequest { login: "ada", password: [redacted], code: [redacted] }"#);
    }
}
