//! Which protocol a client speaks, by its first bytes.

use std::time::Duration;

use tokio::{net::TcpStream, time::sleep};

/// What an HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Waits for a client's first bytes: whether they are the preface of HTTP/2.
pub(super) async fn speaks_http2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut seen).await?;
        if length == 0 || seen[..length] != PREFACE[..length] {
            return Ok(false);
        }
        if length == PREFACE.len() {
            return Ok(true);
        }
        // What has been seen stays readable, so there is no event to wait for.
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for a client's first byte: whether it is not that of a TLS handshake (RFC 8446, 5.1).
pub(super) async fn is_plain(stream: &TcpStream) -> std::io::Result<bool> {
    const HANDSHAKE: u8 = 22;
    let mut first = [0];
    Ok(stream.peek(&mut first).await? == 0 || first[0] != HANDSHAKE)
}
