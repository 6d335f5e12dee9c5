//! NATS JetStream: the connection, the stream that takes events, and what it has of them.

mod address;

use std::{future::IntoFuture as _, sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap,
    jetstream::{
        self, Context,
        context::{ContextBuilder, PublishAckFuture, PublishErrorKind},
        message::PublishMessage,
        stream::{Config, DiscardPolicy, LastRawMessageErrorKind, StorageType},
    },
};
use tokio::sync::Notify;

pub use self::address::Address;
use self::address::Caller;

/// The stream, and the subjects that it takes.
pub const STREAM: &str = "FEIRA";
pub const SUBJECTS: &str = "feira.>";
/// The header that JetStream knows repeats by, and the one that has an event's position.
const ID: &str = "Nats-Msg-Id";
const POSITION: &str = "Feira-Position";

/// How long NATS may take to let a connection in, and to acknowledge.
const CONNECT: Duration = Duration::from_secs(5);
pub const ACKNOWLEDGE: Duration = Duration::from_secs(5);
/// For how long a stream that is made knows repeats.
const REPEATS: Duration = Duration::from_secs(120);

/// Why events cannot be handed on, as operators read it.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    BadAddress(String),
    #[error("{file}: {problem}")]
    File { file: String, problem: std::io::Error },
    #[error("NATS at {0} refuses who calls: look at the user, the token or the credentials")]
    Refused(String),
    #[error("NATS at {at} cannot be reached: {problem}")]
    Unreachable { at: String, problem: String },
    #[error("NATS has no stream FEIRA and does not let one be made: {0}")]
    NoStream(String),
    #[error("the stream FEIRA cannot be read: {0}")]
    Unreadable(String),
    #[error("NATS does not take an event: {0}")]
    NotTaken(String),
    #[error("NATS has not acknowledged within {} s", ACKNOWLEDGE.as_secs())]
    Late,
    #[error("the connection to NATS has ended")]
    Ended,
}

/// The bounds of a stream that is made.
#[derive(Debug, Clone)]
pub struct Bounds {
    pub age: Duration,
    pub bytes: i64,
    pub replicas: usize,
}

/// A connection, with the stream at its end.
pub struct Connection {
    client: Client,
    context: Context,
    /// Which stream it is: another one of the same name is another.
    pub stream: String,
    /// The last event that the stream has, if it has any.
    pub last: Option<Last>,
    ended: Arc<Notify>,
}

/// The last event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    pub position: i64,
    pub id: String,
}

impl Address {
    /// Connects once, and makes the stream if there is none.
    pub async fn connect(&self, bounds: &Bounds) -> Result<Connection, Problem> {
        let ended = Arc::new(Notify::new());
        let tell = ended.clone();
        let mut options = ConnectOptions::new()
            .name("feira")
            .connection_timeout(CONNECT)
            // Whoever hands events on begins anew where the acknowledgements end.
            .max_reconnects(1)
            .event_callback(move |event| {
                let tell = tell.clone();
                async move {
                    if matches!(event, Event::Disconnected | Event::Closed | Event::LameDuckMode) {
                        tell.notify_one();
                    }
                }
            });
        options = match &self.caller {
            Caller::Anybody => options,
            Caller::User(user, password) => {
                options.user_and_password(user.clone(), password.expose().to_owned())
            }
            Caller::Token(token) => options.token(token.expose().to_owned()),
        };
        if let Some(file) = &self.credentials {
            let read = options.credentials_file(file).await;
            options = read.map_err(|problem| Problem::File { file: file.display().to_string(), problem })?;
        }
        if let Some(file) = &self.authorities {
            options = options.add_root_certificates(file.clone());
        }
        let connected = options.connect(self.servers.clone()).await;
        let client = connected.map_err(|error| match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                Problem::Refused(self.shown.clone())
            }
            _ => Problem::Unreachable { at: self.shown.clone(), problem: error.to_string() },
        })?;
        let context =
            ContextBuilder::new().timeout(ACKNOWLEDGE).ack_timeout(ACKNOWLEDGE).build(client.clone());
        let (stream, last) = open(&context, bounds).await?;
        Ok(Connection { client, context, stream, last, ended })
    }
}

/// Finds the stream, or makes it, and says which it is and what it ends with.
async fn open(context: &Context, bounds: &Bounds) -> Result<(String, Option<Last>), Problem> {
    let config = Config {
        name: STREAM.to_owned(),
        description: Some("What happens in the shop, as CloudEvents".to_owned()),
        subjects: vec![SUBJECTS.to_owned()],
        max_age: bounds.age,
        max_bytes: bounds.bytes,
        num_replicas: bounds.replicas,
        duplicate_window: REPEATS,
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        ..Default::default()
    };
    let stream = context.get_or_create_stream(config).await;
    let stream = stream.map_err(|error| Problem::NoStream(error.to_string()))?;
    let created = stream.cached_info().created.unix_timestamp_nanos();
    let last = match stream.get_last_raw_message_by_subject(SUBJECTS).await {
        Ok(message) => {
            let header = |name: &str| message.headers.get(name).map(|value| value.as_str().to_owned());
            // Whoever else may publish to the stream may say anything.
            let position =
                header(POSITION).and_then(|text| text.parse().ok()).filter(|position| *position > 0);
            position.zip(header(ID)).map(|(position, id)| Last { position, id })
        }
        Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => None,
        Err(error) => return Err(Problem::Unreadable(error.to_string())),
    };
    Ok((format!("{STREAM} {created}"), last))
}

impl Connection {
    /// Sends an event; its acknowledgement is to be waited for. `after`: only if that is the stream's last event.
    pub async fn send(
        &self,
        kind: &str,
        (id, position): (&str, i64),
        after: Option<&str>,
        message: Vec<u8>,
    ) -> Result<PublishAckFuture, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(ID, id);
        if let Some(after) = after {
            headers.insert("Nats-Expected-Last-Msg-Id", after);
        }
        headers.insert(POSITION, position.to_string());
        headers.insert("Nats-Expected-Stream", STREAM);
        headers.insert("Content-Type", crate::domain::cloud_event::MEDIA_TYPE);
        let message = PublishMessage::build().headers(headers).payload(message.into());
        let sent = tokio::select! {
            sent = self.context.send_publish(format!("feira.{kind}"), message) => sent,
            () = self.ended.notified() => return Err(Problem::Ended),
        };
        sent.map_err(problem)
    }

    /// Waits for an acknowledgement: whether the stream has the event from before.
    pub async fn acknowledged(&self, sent: PublishAckFuture) -> Result<bool, Problem> {
        let acknowledged = tokio::select! {
            acknowledged = sent.into_future() => acknowledged,
            () = self.ended.notified() => return Err(Problem::Ended),
        };
        acknowledged.map(|answer| answer.duplicate).map_err(problem)
    }

    /// Ends with the connection.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// How large a message may be.
    pub fn most_bytes(&self) -> usize {
        self.client.server_info().max_payload
    }
}

fn problem(error: jetstream::context::PublishError) -> Problem {
    match error.kind() {
        PublishErrorKind::TimedOut => Problem::Late,
        PublishErrorKind::BrokenPipe => Problem::Ended,
        _ => Problem::NotTaken(error.to_string()),
    }
}
