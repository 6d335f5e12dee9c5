//! Messages of a method in JSON and back, for Connect.

use bytes::Bytes;
use prost::Message as _;

use super::Codec;
use crate::{answer::unreadable, error::Failure, json, rpc::Rpc};

/// A message of a request as gRPC has it.
pub fn request(codec: Codec, rpc: &Rpc, message: Bytes) -> Result<Bytes, Failure> {
    match codec {
        Codec::Proto => Ok(message),
        Codec::Json => {
            let decoded = json::decode(&rpc.input, &message, &rpc.bounds)?;
            rpc.complete(decoded.value.encode_to_vec().into())
        }
    }
}

/// A message of an answer as the client wants it.
pub fn answer(codec: Codec, rpc: &Rpc, message: Bytes) -> Result<Bytes, Failure> {
    if codec == Codec::Proto {
        return Ok(message);
    }
    let mut out = Vec::with_capacity(256 + message.len());
    rpc.canonical.message(&message, None, &mut out).map_err(|error| unreadable(rpc, error))?;
    Ok(out.into())
}
