//! A NATS server with JetStream: the real one, `tests/nats-server`.

use std::{
    fs,
    io::Write,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, pull},
    stream::Stream,
};
use futures::StreamExt as _;
use serde_json::Value;
use tempfile::TempDir;

use super::until;

/// A server; killed when it is dropped.
#[derive(Debug)]
pub struct Nats {
    folder: TempDir,
    port: u16,
    /// Who may call it; anybody, if nobody is named.
    login: Option<(&'static str, &'static str)>,
    child: Mutex<Option<Child>>,
}

/// An event as a consumer gets it.
#[derive(Debug, Clone)]
pub struct Received {
    pub subject: String,
    pub id: String,
    pub content_type: String,
    pub body: Value,
}

impl Received {
    pub fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }

    pub fn position(&self) -> i64 {
        self.body["position"].as_str().unwrap().parse().unwrap()
    }
}

/// Where the program is, if it is installed.
fn program() -> Option<PathBuf> {
    #[allow(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
    let given = std::env::var_os("FEIRA_TEST_NATS_SERVER").map(PathBuf::from);
    let installed =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/nats-server-v2.15.2/nats-server");
    given.or(Some(installed)).filter(|path| path.is_file())
}

impl Nats {
    /// Starts one, unless this machine has none, which it then says.
    pub async fn start() -> Option<Self> {
        Self::start_for(None).await
    }

    /// The same for one user, by a password.
    pub async fn start_for(login: Option<(&'static str, &'static str)>) -> Option<Self> {
        if program().is_none() {
            eprintln!("SKIPPED: there is no nats-server; run the tests by ./tests/run");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let nats = Self { folder: tempfile::tempdir().unwrap(), port, login, child: Mutex::default() };
        nats.run().await;
        Some(nats)
    }

    /// Starts it again on what it has stored.
    pub async fn run(&self) {
        let configuration = self.folder.path().join("nats.conf");
        let store = self.folder.path().join("store");
        let mut file = fs::File::create(&configuration).unwrap();
        writeln!(file, "listen: \"127.0.0.1:{}\"", self.port).unwrap();
        // Whatever is acknowledged is on the disk.
        writeln!(file, "jetstream {{ store_dir: {store:?}, sync_interval: always }}").unwrap();
        if let Some((user, password)) = self.login {
            writeln!(file, "authorization {{ users: [{{ user: {user:?}, password: {password:?} }}] }}")
                .unwrap();
        }
        let log = fs::File::create(self.folder.path().join("nats.log")).unwrap();
        let mut command = Command::new(program().unwrap());
        command.arg("-c").arg(&configuration).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        *self.child.lock().unwrap() = Some(command.spawn().unwrap());
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "NATS does not start: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("nats.log")).unwrap_or_default()
    }

    /// Kills it as a power cut would.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is, for somebody with these words before the host (`ana:secret@`).
    pub fn url(&self, who: &str) -> String {
        format!("nats://{who}127.0.0.1:{}", self.port)
    }

    /// JetStream, as whoever may call.
    pub async fn context(&self) -> jetstream::Context {
        let options = async_nats::ConnectOptions::new();
        let options = match self.login {
            Some((user, password)) => options.user_and_password(user.to_owned(), password.to_owned()),
            None => options,
        };
        jetstream::new(options.connect(self.url("")).await.unwrap())
    }

    /// The stream of events, once there is one.
    pub async fn stream(&self) -> Stream {
        let context = self.context().await;
        until("there is a stream of events", || async { context.get_stream("FEIRA").await.ok() }).await
    }

    /// The first events of the stream, so many, in its order.
    pub async fn all(&self, count: usize) -> Vec<Received> {
        let stream = self.stream().await;
        let consumer = stream
            .create_consumer(pull::Config { ack_policy: AckPolicy::None, ..Default::default() })
            .await
            .unwrap();
        let mut messages = consumer.messages().await.unwrap();
        let mut all = Vec::new();
        let deadline = Instant::now() + super::wait::PATIENCE;
        while all.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            let next = tokio::time::timeout(left, messages.next()).await;
            let message = next.unwrap_or_else(|_| panic!("{} events came", all.len())).unwrap().unwrap();
            let header = |name: &str| {
                message.headers.as_ref().and_then(|headers| headers.get(name)).unwrap().as_str().to_owned()
            };
            all.push(Received {
                subject: message.subject.to_string(),
                id: header("Nats-Msg-Id"),
                content_type: header("Content-Type"),
                body: serde_json::from_slice(&message.payload).unwrap(),
            });
        }
        all
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}
