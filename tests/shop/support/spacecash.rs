//! A server of SpaceCash's protocol that fails in every way it could. Raw sockets, because no HTTP library
//! would send what broken servers send.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the server does with one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// As it should: a new payment's id, or an empty 200 for an acknowledgement.
    Good,
    /// This status line and this body.
    Says(&'static str, Vec<u8>),
    /// A redirect to where it would be answered well.
    Redirects,
    /// It takes effect, and no answer comes.
    Hangs,
    /// It takes effect, and the connection ends.
    Cuts,
    /// The connection ends in the middle of the body.
    CutsBody,
    /// The answer comes in pieces, over so long.
    Slow(Duration),
    /// A body without an end.
    Endless,
    /// What is no HTTP.
    Nonsense,
}

impl Answer {
    pub fn says(status: &'static str, body: &str) -> Self {
        Self::Says(status, body.into())
    }
}

/// What was asked of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method and target.
    pub line: String,
    /// In lower case.
    pub head: String,
    pub body: String,
}

/// The server; it ends with it.
#[derive(Debug)]
pub struct SpaceCash {
    pub url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    plan: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Asked>>,
}

impl SpaceCash {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<State>::default();
        let serving = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = serving.clone();
                tokio::spawn(async move { state.serve(stream).await });
            }
        });
        Self { url, state, task }
    }

    /// What it does with the next requests; after them it is good.
    pub fn plan(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.plan.lock().unwrap().extend(answers);
    }

    /// Everything that it was asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// How often something was asked that begins so.
    pub fn count(&self, line: &str) -> usize {
        self.asked().iter().filter(|asked| asked.line.starts_with(line)).count()
    }
}

impl Drop for SpaceCash {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let asked = read(&mut stream).await?;
        let number = {
            let mut all = self.asked.lock().unwrap();
            all.push(asked.clone());
            all.len()
        };
        let good = match asked.line.split([' ', '?']).nth(1) {
            Some("/CreatePayment") => format!("SC-{number}"),
            Some("/AcknolagePayment") => String::new(),
            _ => return write(&mut stream, &response("404 Not Found", b"")).await,
        };
        let answer = self.plan.lock().unwrap().pop_front().unwrap_or(Answer::Good);
        match answer {
            Answer::Good => write(&mut stream, &response("200 OK", good.as_bytes())).await,
            Answer::Says(status, body) => write(&mut stream, &response(status, &body)).await,
            Answer::Redirects => {
                let target = asked.line.split(' ').nth(1)?;
                let head = format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
                write(&mut stream, head.as_bytes()).await
            }
            Answer::Hangs => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                None
            }
            Answer::Cuts => None,
            Answer::CutsBody => write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\nSC-").await,
            Answer::Slow(time) => {
                let whole = response("200 OK", good.as_bytes());
                for byte in &whole {
                    write(&mut stream, &[*byte]).await?;
                    tokio::time::sleep(time / whole.len() as u32).await;
                }
                None
            }
            Answer::Endless => {
                write(&mut stream, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                let piece = format!("10000\r\n{}\r\n", "9".repeat(0x10000));
                loop {
                    write(&mut stream, piece.as_bytes()).await?;
                }
            }
            Answer::Nonsense => write(&mut stream, b"SSH-2.0-OpenSSH_9.6\r\n\r\n").await,
        }
    }
}

fn response(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()
}

/// Reads one request.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                let line = text.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
                return Some(Asked { line, head, body: body.to_owned() });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
