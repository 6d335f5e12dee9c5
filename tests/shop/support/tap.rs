//! A proxy in front of PostgreSQL that writes down every statement that a process has it execute, in the protocol's own
//! terms: what the server is told to execute, whatever the driver calls it. Needs no setting of the server.

use std::{
    collections::{BTreeMap, HashMap},
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

/// A statement that was executed.
#[derive(Debug, Clone)]
pub struct Executed {
    /// The number of the connection, in the order in which they were made.
    pub connection: u32,
    /// The end of the database's name: `order` of `feira_1_0_order`.
    pub role: String,
    pub text: String,
}

/// The proxy. Ends with the test.
#[derive(Debug)]
pub struct Tap {
    port: u16,
    seen: Arc<Mutex<Vec<Executed>>>,
}

impl Tap {
    /// In front of a server, `postgres://USER@HOST:PORT`.
    pub fn before(server: &str) -> Self {
        let behind = server.rsplit_once('@').map_or(server, |(_, address)| address).to_owned();
        let behind = behind.trim_start_matches("postgres://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Self { port: listener.local_addr().unwrap().port(), seen: Arc::default() };
        let seen = tap.seen.clone();
        thread::spawn(move || {
            let count = AtomicU32::new(0);
            while let Ok((client, _)) = listener.accept() {
                let (behind, seen) = (behind.clone(), seen.clone());
                let connection = count.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || carry(client, &behind, connection, &seen));
            }
        });
        tap
    }

    /// The same URL by way of the proxy.
    pub fn url(&self, url: &str) -> String {
        let (_, rest) = url.split_once('@').expect("USER@HOST");
        let (_, database) = rest.split_once('/').expect("HOST/DATABASE");
        let user = url.trim_start_matches("postgres://").split('@').next().unwrap();
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// How many were executed until now.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// What was executed after the first so many.
    pub fn since(&self, count: usize) -> Vec<Executed> {
        self.seen.lock().unwrap()[count..].to_vec()
    }
}

/// Carries bytes both ways until either end has enough.
fn carry(mut client: TcpStream, behind: &str, connection: u32, seen: &Mutex<Vec<Executed>>) {
    let Ok(mut server) = TcpStream::connect(behind) else { return };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (mut answers, mut answered) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut answered);
        let _ = answered.shutdown(Shutdown::Both);
    });
    let mut talk = Talk::new(connection);
    let mut chunk = [0; 16 << 10];
    while let Ok(count @ 1..) = client.read(&mut chunk) {
        let (executed, refused) = talk.hear(&chunk[..count]);
        // Before the server has it: whoever sees an answer sees what it took, too.
        seen.lock().unwrap().extend(executed);
        let done = if refused { client.write_all(b"N") } else { server.write_all(&chunk[..count]) };
        if done.is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

/// What a client has said on one connection (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
struct Talk {
    connection: u32,
    /// The end of its database's name, once it has begun.
    role: Option<String>,
    bytes: Vec<u8>,
    statements: HashMap<String, String>,
    portals: HashMap<String, String>,
}

impl Talk {
    fn new(connection: u32) -> Self {
        let (statements, portals) = Default::default();
        Self { connection, role: None, bytes: Vec::new(), statements, portals }
    }

    /// What it has executed with these bytes, and whether they ask for encryption, which the proxy refuses.
    fn hear(&mut self, bytes: &[u8]) -> (Vec<Executed>, bool) {
        const TLS: u32 = 80_877_103;
        const GSS: u32 = 80_877_104;
        let mut executed = Vec::new();
        self.bytes.extend_from_slice(bytes);
        loop {
            // The first message has no kind.
            let kind = usize::from(self.role.is_some());
            let Some(length) = self.bytes.get(kind..kind + 4) else { break };
            let length = kind + u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if self.bytes.len() < length {
                break;
            }
            let message = self.bytes.drain(..length).collect::<Vec<_>>();
            let body = &message[kind + 4..];
            if kind == 1 {
                executed.extend(self.message(message[0], body));
            } else {
                let code = u32::from_be_bytes(body[..4].try_into().unwrap());
                if [TLS, GSS].contains(&code) {
                    return (executed, true);
                }
                let words = texts(&body[4..]);
                let options = words.chunks(2).filter_map(|pair| Some((pair.first()?.as_str(), pair.get(1)?)));
                let name = options.collect::<BTreeMap<_, _>>()["database"];
                self.role = name.rsplit('_').next().map(str::to_owned);
            }
        }
        (executed, false)
    }

    fn message(&mut self, kind: u8, body: &[u8]) -> Option<Executed> {
        let texts = texts(body);
        let first = texts.first().cloned().unwrap_or_default();
        let text = match kind {
            b'P' => {
                self.statements.insert(first, texts[1].clone());
                return None;
            }
            b'B' => {
                let statement = self.statements.get(&texts[1]).expect("what is bound was parsed").clone();
                self.portals.insert(first, statement);
                return None;
            }
            b'Q' => first,
            b'E' => self.portals.get(&first).expect("what is executed was bound").clone(),
            _ => return None,
        };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Executed { connection: self.connection, role: self.role.clone().unwrap_or_default(), text })
    }
}

/// The texts at the beginning of a message, each of which ends with a zero.
fn texts(bytes: &[u8]) -> Vec<String> {
    bytes.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}
