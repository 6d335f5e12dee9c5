//! A mail server that keeps what it is given, and answers as a test wants it to.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use mail_parser::{Message, MessageParser};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use super::wait::until;

/// What becomes of a mail when all of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is kept, and that is said.
    Kept,
    /// It is refused with this line.
    Refused(&'static str),
    /// It is kept, but the connection ends without a word.
    Lost,
}

/// One mail as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    pub raw: Vec<u8>,
}

impl Received {
    pub fn parsed(&self) -> Message<'_> {
        MessageParser::default().parse(&self.raw).expect("a mail")
    }

    pub fn subject(&self) -> String {
        self.parsed().subject().expect("a subject").to_owned()
    }

    pub fn text(&self) -> String {
        self.parsed().body_text(0).expect("a text").into_owned()
    }

    /// The token in its text that begins so.
    pub fn token(&self, prefix: &str) -> String {
        let text = self.text();
        let mut lines = text.lines().map(str::trim);
        lines.find(|line| line.starts_with(prefix)).expect("a token on a line of its own").to_owned()
    }

    /// What tells a mail from every other.
    pub fn id(&self) -> String {
        self.parsed().message_id().expect("an id").to_owned()
    }
}

#[derive(Debug)]
struct Shared {
    received: Mutex<Vec<Received>>,
    answers: Mutex<VecDeque<Answer>>,
    /// While it is shut, no mail is answered.
    open: watch::Sender<bool>,
}

/// A running mail server; it ends when it is dropped.
#[derive(Debug)]
pub struct MailServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

impl MailServer {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            answers: Mutex::default(),
            open: watch::Sender::new(true),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = Some(tokio::spawn(accept(listener, shared.clone())));
        Self { address, shared, task }
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Nothing listens any more; connections break.
    pub async fn down(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Listens again where it did.
    pub async fn up(&mut self) {
        let address = self.address;
        let listener =
            until("the port is free again", || async { TcpListener::bind(address).await.ok() }).await;
        self.task = Some(tokio::spawn(accept(listener, self.shared.clone())));
    }

    /// How the next mails are answered; those after them are kept.
    pub fn next(&self, answers: &[Answer]) {
        self.shared.answers.lock().unwrap().extend(answers);
    }

    /// Answers no mail until it is opened again.
    pub fn shut(&self) {
        self.shared.open.send_replace(false);
    }

    pub fn open(&self) {
        self.shared.open.send_replace(true);
    }

    /// What has arrived and was not refused, in that order.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// How many answers are still to be given of those that a test named.
    pub fn answers_left(&self) -> usize {
        self.shared.answers.lock().unwrap().len()
    }

    /// Waits for the mail to an address whose id begins with a word, and takes it away.
    pub async fn take(&self, word: &str, address: &str) -> Received {
        let (word, address) = (format!("{word}."), format!("<{address}>"));
        until(&format!("a mail {word} to {address} has arrived"), || async {
            let mut received = self.shared.received.lock().unwrap();
            let fits = |mail: &Received| mail.id().starts_with(&word) && mail.to[0].contains(&address);
            received.iter().position(fits).map(|place| received.remove(place))
        })
        .await
    }

    /// Waits until so many mails have arrived.
    pub async fn until(&self, count: usize) -> Vec<Received> {
        until(&format!("{count} mails have arrived"), || async {
            let received = self.received();
            (received.len() >= count).then_some(received)
        })
        .await
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Aborted with it.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        connections.spawn(async move {
            let _ = serve(stream, &shared).await;
        });
    }
}

/// One connection, as RFC 5321 has it.
async fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.test ESMTP\r\n").await?;
    let (mut from, mut to) = (String::new(), Vec::new());
    while let Some(line) = lines.next_line().await? {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match word.as_str() {
            "EHLO" => "250-mail.test\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned(),
            "MAIL" => {
                (from, to) = (line, Vec::new());
                "250 go on".to_owned()
            }
            "RCPT" => {
                to.push(line);
                "250 go on".to_owned()
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut raw = Vec::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    raw.extend_from_slice(line.strip_prefix('.').unwrap_or(&line).as_bytes());
                    raw.extend_from_slice(b"\r\n");
                }
                let mut open = shared.open.subscribe();
                let _ = open.wait_for(|open| *open).await;
                let answer = shared.answers.lock().unwrap().pop_front().unwrap_or(Answer::Kept);
                if !matches!(answer, Answer::Refused(_)) {
                    let mail = Received { from: from.clone(), to: to.clone(), raw };
                    shared.received.lock().unwrap().push(mail);
                }
                match answer {
                    Answer::Kept => "250 kept".to_owned(),
                    Answer::Refused(line) => line.to_owned(),
                    Answer::Lost => return Ok(()),
                }
            }
            "RSET" | "NOOP" => "250 fine".to_owned(),
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 unknown".to_owned(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
