//! The edge at a port, and clients by bare connections.

use std::net::SocketAddr;

use kit::listen::{Ends, Limits, Listener, Protocol};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::Shop;

/// A port, open for as long as this lives.
pub struct Port {
    pub address: SocketAddr,
    pub ends: Ends,
}

impl Port {
    /// Serves a shop's edge as the program does.
    pub async fn of(shop: &Shop) -> Self {
        Self::with(shop, Limits::default()).await
    }

    pub async fn with(shop: &Shop, limits: Limits) -> Self {
        let listener = Listener::bind("127.0.0.1:0", Protocol::Rest).await.unwrap();
        let (address, ends) = (listener.address().unwrap(), Ends::default());
        tokio::spawn(listener.serve(shop.router(), ends.clone(), limits));
        Self { address, ends }
    }

    /// Sends a request, with nothing after it.
    pub async fn open(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// All that is answered to a request until the connection ends.
    pub async fn ask(&self, request: &str) -> String {
        let (mut stream, mut answer) = (self.open(request).await, Vec::new());
        // A reset ends it, too.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.ends.close();
    }
}
