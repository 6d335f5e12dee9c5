//! The PROXY protocol, versions 1 and 2: a proxy that hands on bytes says whose they are before the first of them.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::{
    io::{Error, ErrorKind},
    net::SocketAddr,
    time::Duration,
};

use ppp::{HeaderResult, PartialResult, v1, v2};
use tokio::{io::AsyncReadExt, net::TcpStream, time::sleep};

/// A header is no longer, whatever it says beside the addresses.
const LONGEST: usize = 2 << 10;

/// Reads the header that a proxy's connection begins with: the client that it says, or the proxy itself where it says that
/// the connection is its own. Without a header the connection is nobody's: taking it for the proxy's would let clients in
/// whose address nobody knows.
pub(super) async fn client(stream: &mut TcpStream, proxy: SocketAddr) -> Result<SocketAddr, Error> {
    let mut seen = [0; LONGEST];
    loop {
        let length = stream.peek(&mut seen).await?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let header = HeaderResult::parse(&seen[..length]);
        if header.is_complete() {
            let (client, length) = read(header, proxy)?;
            stream.read_exact(&mut seen[..length]).await?;
            return Ok(client);
        }
        if length == LONGEST {
            return Err(invalid("it is too long"));
        }
        // What has been seen stays readable, so there is no event to wait for.
        sleep(Duration::from_millis(10)).await;
    }
}

/// Who a header says it is, and its length.
fn read(header: HeaderResult<'_>, proxy: SocketAddr) -> Result<(SocketAddr, usize), Error> {
    let (client, length) = match header {
        HeaderResult::V1(header) => {
            let header = header.map_err(invalid)?;
            let client = match header.addresses {
                v1::Addresses::Tcp4(of) => Some((of.source_address, of.source_port).into()),
                v1::Addresses::Tcp6(of) => Some((of.source_address, of.source_port).into()),
                v1::Addresses::Unknown => None,
            };
            (client, header.header.len())
        }
        HeaderResult::V2(header) => {
            let header = header.map_err(invalid)?;
            let client = match (header.command, header.addresses) {
                // Its own check whether this port is alive.
                (v2::Command::Local, _) => None,
                (v2::Command::Proxy, v2::Addresses::IPv4(of)) => {
                    Some((of.source_address, of.source_port).into())
                }
                (v2::Command::Proxy, v2::Addresses::IPv6(of)) => {
                    Some((of.source_address, of.source_port).into())
                }
                (v2::Command::Proxy, _) => None,
            };
            (client, header.len())
        }
    };
    Ok((client.unwrap_or(proxy), length))
}

fn invalid(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the header of the PROXY protocol: {why}"))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::AsyncWriteExt,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    const V2: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

    /// What is read of these pieces, and what is left behind the header.
    async fn sent(pieces: &[&[u8]]) -> (Result<String, ErrorKind>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pieces = pieces.iter().map(|piece| piece.to_vec()).collect::<Vec<_>>();
        let sending = tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            for piece in pieces {
                if stream.write_all(&piece).await.is_err() {
                    break;
                }
                sleep(Duration::from_millis(30)).await;
            }
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        let client = client(&mut stream, "10.0.0.1:99".parse().unwrap()).await;
        let mut rest = Vec::new();
        if client.is_ok() {
            stream.read_to_end(&mut rest).await.unwrap();
        }
        drop(stream);
        sending.await.unwrap();
        (client.map(|it| it.to_string()).map_err(|error| error.kind()), rest)
    }

    #[tokio::test]
    async fn a_client_is_who_its_proxy_says() {
        let ip4 = [&V2[..], &[0x21, 0x11, 0, 12], &[192, 0, 2, 7, 127, 0, 0, 1, 0x12, 0x34, 0, 80]].concat();
        let mut with_more = ip4.clone();
        with_more[15] += 4;
        with_more.extend([0x04, 0, 1, 0]);
        let ip6 =
            [&V2[..], &[0x21, 0x21, 0, 36], &[0x20, 1, 0xd, 0xb8], &[0; 11], &[5], &[0; 16], &[0, 9, 0, 80]];
        let local = [&V2[..], &[0x20, 0, 0, 0]].concat();
        for (header, client) in [
            (b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 80\r\n".to_vec(), "192.0.2.7:4660"),
            (b"PROXY TCP6 2001:db8::5 ::1 9 80\r\n".to_vec(), "[2001:db8::5]:9"),
            (b"PROXY UNKNOWN\r\n".to_vec(), "10.0.0.1:99"),
            (ip4, "192.0.2.7:4660"),
            (with_more, "192.0.2.7:4660"),
            (ip6.concat(), "[2001:db8::5]:9"),
            (local, "10.0.0.1:99"),
        ] {
            let client = Ok(client.to_owned());
            let whole = [&header[..], b"GET /"].concat();
            assert_eq!(sent(&[&whole]).await, (client.clone(), b"GET /".to_vec()));
            let (one, other) = header.split_at(header.len() / 2);
            assert_eq!(sent(&[one, other, b"GET /"]).await, (client, b"GET /".to_vec()), "in pieces");
        }
    }

    #[tokio::test]
    async fn without_a_header_it_is_nobody() {
        let long = [&V2[..], &[0x21, 0x11, 0xff, 0xff], &[0; 4_000]].concat();
        let udp = [&V2[..], &[0x31, 0x11, 0, 0]].concat();
        for wrong in
            [&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], b"PROXY TCP4 x y 1 2\r\n", &[b' '; 300], &long, &udp]
        {
            assert_eq!(sent(&[wrong]).await.0, Err(ErrorKind::InvalidData), "{wrong:?}");
        }
    }
}
