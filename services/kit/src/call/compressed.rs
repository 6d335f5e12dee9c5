//! Compression of messages over gRPC.

/// A generated server that reads gzip and zstd, and writes either where the caller accepts it
/// (`grpc-accept-encoding`). Calls within a process and between roles do not ask for it.
#[macro_export]
macro_rules! compressed {
    ($server:expr) => {
        $server
            .accept_compressed($crate::CompressionEncoding::Gzip)
            .accept_compressed($crate::CompressionEncoding::Zstd)
            .send_compressed($crate::CompressionEncoding::Gzip)
            .send_compressed($crate::CompressionEncoding::Zstd)
    };
}

#[doc(hidden)]
pub use tonic::codec::CompressionEncoding;
