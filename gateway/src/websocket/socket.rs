//! A call over an open WebSocket: the client's half, the service's, and how it ends.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use contracts::errors::Reason;
use futures::{SinkExt as _, StreamExt as _, TryStreamExt as _, stream};
use kit::listen::{Io, Meter};
use tokio::{
    io::{AsyncWriteExt as _, copy, sink as nowhere},
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message as Frame,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tonic::{Status, metadata::MetadataMap};

use super::{
    messages::Messages,
    over::{Over, reason, wrong},
};
use crate::{
    binding::Body,
    call,
    edge::{Begin, begin},
    error::{BODY_LIMIT, Failure},
    upload,
};

/// How often a client is asked whether it is still there, and after how much silence it is not.
const PING: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(30);
/// How often what is waited for is looked at.
const LOOK: Duration = Duration::from_secs(3);
/// How long a client has to answer the close.
const CLOSING: Duration = Duration::from_secs(5);
/// What a frame has before its bytes, at most.
const HEAD: usize = 14;
/// Bytes that are read at a time.
const PIECE: usize = 8 << 10;

type Sink = stream::SplitSink<WebSocketStream<Io>, Frame>;
type Frames = stream::SplitStream<WebSocketStream<Io>>;

/// A call, as its handshake has it.
pub struct Call {
    pub messages: Messages,
    pub metadata: MetadataMap,
    pub deadline: Option<Instant>,
    /// How long the one message of a request may take.
    pub patience: Duration,
}

/// Carries a call through. `admitted` lets it begin.
pub async fn serve(call: Call, admitted: Option<Begin>, io: Io, meter: Meter) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(call.limit()))
        .max_frame_size(Some(call.limit()))
        .read_buffer_size(PIECE)
        .write_buffer_size(0);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (mut sink, mut frames) = socket.split();
    // A service that is slower than its client makes the client wait, not this process's memory grow.
    let (send, receive) = mpsc::channel(1);
    let over = tokio::select! {
        // What is wrong with what the client sends is the better answer than the service's, which saw only an end.
        biased;
        over = call.read(admitted, &mut frames, send, &meter) => over,
        over = call.write(receive, &mut sink, &meter) => over,
        over = call.leave(&meter) => over,
    };
    call.end(over, sink, frames).await;
}

impl Call {
    fn limit(&self) -> usize {
        self.messages.binding.rpc.body_limit.min(BODY_LIMIT)
    }

    fn takes_many(&self) -> bool {
        self.messages.binding.rpc.method.is_client_streaming()
    }

    /// Hands on what the client sends; ends when that is wrong, or the client has left.
    async fn read(
        &self,
        admitted: Option<Begin>,
        frames: &mut Frames,
        send: mpsc::Sender<Option<Bytes>>,
        meter: &Meter,
    ) -> Over {
        match self.hand_on(admitted, frames, send, meter).await {
            Ok(never) => match never {},
            Err(over) => over,
        }
    }

    async fn hand_on(
        &self,
        mut admitted: Option<Begin>,
        frames: &mut Frames,
        send: mpsc::Sender<Option<Bytes>>,
        meter: &Meter,
    ) -> Result<Infallible, Over> {
        let rpc = &self.messages.binding.rpc;
        let (mut number, mut open) = (0_usize, Some(send));
        if !self.takes_many() && self.messages.binding.body == Body::None {
            let _place = begin(admitted.take(), &rpc.service)?;
            give(&mut open, self.messages.empty()?, false).await;
        }
        // A stream may last, its request may not.
        let until = (!self.takes_many()).then(|| Instant::now() + self.patience);
        loop {
            let frame = self.next(frames, meter, until.filter(|_| open.is_some())).await?;
            let made = match frame {
                Frame::Ping(bytes) | Frame::Pong(bytes) => {
                    meter.spare(bytes.len() + HEAD);
                    continue;
                }
                Frame::Close(_) => return Err(Over::Gone),
                // Only ever written.
                Frame::Frame(_) => continue,
                // Said twice, it is still the end.
                Frame::Text(text) if text.is_empty() && open.is_none() => {
                    meter.clear();
                    continue;
                }
                Frame::Text(_) | Frame::Binary(_) if open.is_none() => {
                    return Err(Failure::invalid("all that this call takes has come").into());
                }
                Frame::Text(text) if text.is_empty() => {
                    meter.clear();
                    match (&open, self.takes_many()) {
                        (Some(send), true) => _ = send.send(None).await,
                        _ => give(&mut open, self.messages.empty()?, false).await,
                    }
                    open = None;
                    continue;
                }
                Frame::Text(text) => self.messages.of_text(text.into()),
                Frame::Binary(bytes) => self.messages.of_binary(bytes),
            };
            number += 1;
            let message = match made {
                Ok(message) => message,
                Err(failure) if self.takes_many() => return Err(failure.at("message", number).into()),
                Err(failure) => return Err(failure.into()),
            };
            let _place = begin(admitted.take().filter(|_| !self.takes_many()), &rpc.service)?;
            give(&mut open, message, self.takes_many()).await;
            meter.clear();
        }
    }

    /// The next frame of a client, who must be there, and send what it has begun to send.
    async fn next(&self, frames: &mut Frames, meter: &Meter, until: Option<Instant>) -> Result<Frame, Over> {
        loop {
            let frame = timeout(LOOK, frames.next()).await;
            meter.check().map_err(|fault| Failure::from_status(&fault.into(), ""))?;
            match frame {
                Ok(Some(Ok(frame))) => return Ok(frame),
                Ok(Some(Err(error))) => return Err(wrong(&error, self.limit())),
                Ok(None) => return Err(Over::Gone),
                Err(_) if until.is_some_and(|until| Instant::now() >= until) => {
                    return Err(Failure::deadline().into());
                }
                Err(_) if meter.silent() > SILENCE => return Err(Over::Gone),
                Err(_) => {}
            }
        }
    }

    /// Calls the service and hands on what it answers.
    async fn write(&self, receive: mpsc::Receiver<Option<Bytes>>, sink: &mut Sink, meter: &Meter) -> Over {
        let rpc = &self.messages.binding.rpc;
        let called = async {
            let messages = upload::messages(receive);
            let answered = call::streaming(rpc, self.metadata.clone(), messages).await?;
            Ok::<_, Status>(answered.into_inner())
        };
        let mut answers = std::pin::pin!(stream::once(called).try_flatten());
        let mut ping = interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let frame = tokio::select! {
                answer = within(self.deadline, answers.next()) => match answer {
                    Ok(Some(Ok(message))) => match self.messages.frame(message) {
                        Ok(frame) => frame,
                        Err(failure) => return failure.into(),
                    },
                    Ok(Some(Err(status))) => return Failure::from_status(&status, &rpc.service).into(),
                    Ok(None) => return Over::Done,
                    Err(failure) => return failure.into(),
                },
                _ = ping.tick() => Frame::Ping(Bytes::new()),
            };
            let room = match meter.room(frame.len()).await {
                Ok(room) => room,
                Err(fault) => return Failure::from_status(&fault.into(), "").into(),
            };
            if sink.send(frame).await.is_err() {
                return Over::Gone;
            }
            drop(room);
        }
    }

    /// Waits until the process is to end. What answers once may still do so.
    async fn leave(&self, meter: &Meter) -> Over {
        meter.closing().await;
        if !self.messages.binding.rpc.method.is_server_streaming() {
            std::future::pending::<()>().await;
        }
        let failure = Failure::new(Reason::UpstreamUnavailable, "this process is about to end; come back");
        Over::Failed(failure, Some(CloseCode::Away))
    }

    /// Tells the client how it ended.
    async fn end(&self, over: Over, mut sink: Sink, mut frames: Frames) {
        let (code, reason) = match over {
            Over::Gone => {
                tracing::debug!("websocket.left");
                // The answer to a close, where one came.
                let _ = timeout(CLOSING, sink.flush()).await;
                return;
            }
            Over::Done => (CloseCode::Normal, "OK".to_owned()),
            Over::Failed(failure, code) => {
                if let Ok(frame) = self.messages.failure(&failure) {
                    let _ = sink.send(frame).await;
                }
                let code = code.unwrap_or_else(|| CloseCode::from(4_000 + failure.http().as_u16()));
                (code, reason(&failure))
            }
        };
        tracing::debug!(code = u16::from(code), "websocket.closed");
        let close = CloseFrame { code, reason: reason.into() };
        let _ = sink.send(Frame::Close(Some(close))).await;
        let broken = matches!(code, CloseCode::Size | CloseCode::Protocol | CloseCode::Invalid);
        // A connection that is closed with something unread would take back what is on its way. Where there are no frames
        // any more, there are still bytes.
        let rest = async {
            if !broken {
                while let Some(Ok(_)) = frames.next().await {}
            } else if let Ok(socket) = sink.reunite(frames) {
                let mut io = socket.into_inner();
                let _ = io.shutdown().await;
                let _ = copy(&mut io, &mut nowhere()).await;
            }
        };
        let _ = timeout(CLOSING, rest).await;
    }
}

/// Gives a message to the service, which may have ended the call already; says whether more may come.
async fn give(open: &mut Option<mpsc::Sender<Option<Bytes>>>, message: Bytes, more: bool) {
    let Some(send) = open else { return };
    let _ = send.send(Some(message)).await;
    if !more {
        let _ = send.send(None).await;
        *open = None;
    }
}

async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Result<T, Failure> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work).await.map_err(|_| Failure::deadline()),
        None => Ok(work.await),
    }
}
