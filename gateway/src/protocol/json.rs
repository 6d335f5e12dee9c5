//! Messages of a method in JSON and back, for Connect.

use bytes::Bytes;

use super::Codec;
use crate::{answer::unreadable, error::Failure, rpc::Rpc};

/// A message of a request as gRPC has it.
pub fn request(codec: Codec, rpc: &Rpc, message: Bytes) -> Result<Bytes, Failure> {
    match codec {
        Codec::Proto => Ok(message),
        Codec::Json => {
            let mut read = Vec::with_capacity(message.len());
            rpc.reader.message(&message, &mut read)?;
            rpc.complete(read.into())
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
