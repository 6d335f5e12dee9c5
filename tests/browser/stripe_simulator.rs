//! The simulated Stripe of tests/shop as a program, for tests that pay in a browser: prints its URL, and serves until
//! its standard input ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a tool of the tests")]

#[allow(dead_code, unused_imports, reason = "what tests/shop alone needs of it")]
#[path = "../shop/support/stripe/server/mod.rs"]
mod server;

use std::io;

use tokio::{net::TcpListener, task::spawn_blocking};

#[tokio::main]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(server::serve(listener, Default::default()));
    let _ = spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
}
