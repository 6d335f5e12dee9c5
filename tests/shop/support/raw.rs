//! HTTP/1.1 as bytes: what no client library would send, and the very bytes of the answers.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::Mesh;

/// An answer as it came.
#[derive(Debug)]
pub struct Raw {
    pub head: String,
    pub body: Vec<u8>,
}

impl Raw {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut named = lines.filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value)
    }
}

/// A connection to the REST port.
pub async fn connect(mesh: &Mesh) -> TcpStream {
    let url = mesh.http().url("");
    TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap()
}

/// Sends bytes, and reads until the connection is at its end; `half` says that nothing more is sent.
pub async fn exchange(mesh: &Mesh, request: &str, half: bool) -> Raw {
    let mut stream = connect(mesh).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    if half {
        stream.shutdown().await.unwrap();
    }
    let mut all = Vec::new();
    // With bytes unread the kernel may say "reset" for "closed".
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut all)).await.expect("an end");
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    Raw { head, body: all[end + 4..].to_vec() }
}

/// Asks for an answer, with these headers.
pub async fn ask(mesh: &Mesh, line: &str, headers: &str) -> Raw {
    exchange(mesh, &format!("{line} HTTP/1.1\r\n{headers}connection: close\r\n\r\n"), false).await
}
