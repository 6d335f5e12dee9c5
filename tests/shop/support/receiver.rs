//! A receiver of webhooks that fails in every way it could, on raw sockets. It checks signatures by itself, as the
//! specification of Standard Webhooks says, and not by the shop's own code.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::until;

/// What it does with one event.
#[derive(Debug, Clone)]
pub enum Takes {
    /// An answer of this status, with these headers.
    Says(u16, &'static str),
    /// No answer comes.
    Hangs,
    /// The connection ends.
    Cuts,
    /// A body without an end.
    Endless,
    /// What is no HTTP.
    Nonsense,
    /// A good answer, after so long.
    Slow(Duration),
}

/// An event as it came.
#[derive(Debug, Clone)]
pub struct Event {
    pub path: String,
    pub id: String,
    pub timestamp: i64,
    /// The header `webhook-signature`.
    pub signature: String,
    pub body: Vec<u8>,
    pub json: Value,
}

impl Event {
    pub fn kind(&self) -> &str {
        self.json["type"].as_str().expect("a type")
    }

    pub fn subject(&self) -> &str {
        self.json["subject"].as_str().expect("a subject")
    }

    /// Whether one of its signatures was made by this secret, and lately.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix")).expect("base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signed =
            [self.id.as_bytes(), b".", self.timestamp.to_string().as_bytes(), b".", &self.body].concat();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let right = |signature: &str| {
            let bytes = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
            bytes.is_some_and(|bytes| hmac::verify(&key, &signed, &bytes).is_ok())
        };
        (now - self.timestamp).abs() <= 300 && self.signature.split(' ').any(right)
    }
}

#[derive(Debug, Default)]
struct State {
    events: Mutex<Vec<Event>>,
    /// What comes next; after that, all is taken.
    next: Mutex<VecDeque<Takes>>,
    /// What is done with events of a type.
    of: Mutex<Vec<(&'static str, Takes)>>,
}

/// The server; it ends with it.
#[derive(Debug)]
pub struct Receiver {
    pub url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?of=test", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let of_task = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let state = of_task.clone();
                tokio::spawn(async move {
                    let _ = serve(socket, &state).await;
                });
            }
        });
        Self { url, state, task }
    }

    /// What is done with the next events, in turn.
    pub fn next(&self, takes: impl IntoIterator<Item = Takes>) {
        self.state.next.lock().unwrap().extend(takes);
    }

    /// What is done with all events of a type from now on.
    pub fn always(&self, kind: &'static str, takes: Takes) {
        let mut of = self.state.of.lock().unwrap();
        of.retain(|(known, _)| *known != kind);
        of.push((kind, takes));
    }

    /// Events as they came.
    pub fn events(&self) -> Vec<Event> {
        self.state.events.lock().unwrap().clone()
    }

    /// All that came of this type, once there are so many.
    pub async fn until(&self, kind: &str, count: usize) -> Vec<Event> {
        until(&format!("{count} of {kind} came"), || async {
            let of: Vec<Event> = self.events().into_iter().filter(|event| event.kind() == kind).collect();
            (of.len() >= count).then_some(of)
        })
        .await
    }
}

async fn serve(mut socket: TcpStream, state: &State) -> std::io::Result<()> {
    loop {
        let mut read = Vec::new();
        let end = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if socket.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&read[..end]).to_string();
        let header = |name: &str| {
            let of = |line: &str| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            };
            head.lines().find_map(of).unwrap_or_default()
        };
        let length: usize = header("content-length").parse().unwrap();
        while read.len() < end + length {
            if socket.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        let body = read[end..end + length].to_vec();
        assert_eq!(header("content-type"), "application/json");
        let event = Event {
            path: head.split(' ').nth(1).unwrap().to_owned(),
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp").parse().unwrap(),
            signature: header("webhook-signature"),
            json: serde_json::from_slice(&body).unwrap(),
            body,
        };
        let of =
            state.of.lock().unwrap().iter().find(|(kind, _)| *kind == event.kind()).map(|it| it.1.clone());
        let takes = of.or_else(|| state.next.lock().unwrap().pop_front()).unwrap_or(Takes::Says(204, ""));
        state.events.lock().unwrap().push(event);
        match takes {
            Takes::Says(status, headers) => {
                let body = if status == 204 { "" } else { "said by the receiver" };
                let answer =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len());
                socket.write_all(answer.as_bytes()).await?;
            }
            Takes::Slow(time) => {
                tokio::time::sleep(time).await;
                socket.write_all(b"HTTP/1.1 204 X\r\n\r\n").await?;
            }
            Takes::Hangs => std::future::pending().await,
            Takes::Cuts => return Ok(()),
            Takes::Endless => {
                socket.write_all(b"HTTP/1.1 500 X\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    socket.write_all(b"400\r\n").await?;
                    socket.write_all(&[b'x'; 0x400]).await?;
                    socket.write_all(b"\r\n").await?;
                }
            }
            Takes::Nonsense => return socket.write_all(b"\0\x01 hello\r\n\r\n").await,
        }
    }
}
