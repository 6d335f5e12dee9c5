//! Following another role's feed, from where one left off, for as long as the process runs.

#[cfg(feature = "database")]
mod position;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use contracts::mesh::{FeedEvent, SubscribeRequest, node_service_client::NodeServiceClient};
use prost::{Message, Name};
use tonic::{Code, Request, Status};

use crate::{
    Clock, Conn, Role, Tasks, Time, tasks,
    telemetry::metrics::{self, Gauge, LONG, Seconds},
};

#[cfg(feature = "database")]
pub use self::position::{advance, position};

/// How long a role that is followed may take to be there, after the start.
const START: Duration = Duration::from_secs(5);

static LAG: Seconds = Seconds::new(
    "feira.feed.lag",
    "How old events were when they had been followed, by the task that follows and the service",
    LONG,
);
static FOLLOWED: Gauge = Gauge::new(
    "feira.feed.followed.position",
    "{event}",
    "The position of the last event that was followed, by the task that follows and the service",
);

/// An event has been followed by the current task.
fn followed(role: Role, position: i64, made: Option<prost_types::Timestamp>) {
    let Some(task) = metrics::on().then(tasks::current).flatten() else { return };
    let labels = [("task", &*task), ("service", role.name())];
    FOLLOWED.set(position as f64, &labels);
    if let Some(made) = made {
        let lag = Clock::system().now().since(Time::from(made));
        LAG.record(lag, &labels);
    }
}

/// Reads an event as a message, if that is what it holds.
pub fn event<M: Message + Name + Default>(event: &FeedEvent) -> Option<M> {
    let data = event.data.as_ref()?;
    let name = data.type_url.rsplit('/').next()?;
    (name == M::full_name()).then(|| M::decode(data.value.as_slice()).ok()).flatten()
}

/// Follows `role`'s feed: asks `start` where to begin (and tells it whether the feed has gone back before), hands `handle`
/// one event after the other, and begins anew whenever the stream or the handler fails. Ends when the process drains. A feed
/// that has gone back (its database was restored, or a standby promoted that lacked the last commits) is not followed until
/// it is further than it was.
pub async fn follow<S, SF, H, HF, E>(tasks: Tasks, conn: Conn, role: Role, start: S, handle: H)
where
    S: Fn(bool) -> SF,
    SF: Future<Output = Result<i64, E>>,
    H: Fn(FeedEvent) -> HF,
    HF: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let (begun, mut got_through) = (Instant::now(), false);
    let mut pause = Duration::from_millis(100);
    let mut went_back = false;
    loop {
        let round = async {
            // Read anew at each connection: another replica may have followed further meanwhile.
            let after_position =
                start(went_back).await.map_err(|error| Status::unavailable(error.to_string()))?;
            let request = SubscribeRequest { role: role.name().to_owned(), after_position };
            let mut events =
                NodeServiceClient::new(conn.clone()).subscribe(Request::new(request)).await?.into_inner();
            tasks.handled();
            (got_through, went_back) = (true, false);
            while let Some(event) = events.message().await? {
                let (position, made) = (event.position, event.create_time);
                tasks.received(made.map(Time::from));
                handle(event).await.map_err(|error| Status::aborted(error.to_string()))?;
                tasks.handled();
                followed(role, position, made);
                pause = Duration::from_millis(100);
            }
            Ok::<(), Status>(())
        };
        tokio::select! {
            () = tasks.draining() => return,
            ended = round => if let Err(status) = ended {
                // Where all start together, each waits for the others.
                if got_through || begun.elapsed() >= START {
                    tasks.interrupted(&status.message());
                }
                // That does not pass by itself soon, and what happens meanwhile is not followed.
                if status.code() == Code::FailedPrecondition && !std::mem::replace(&mut went_back, true) {
                    tracing::warn!(%role, problem = status.message(), "feed.not_followed");
                }
                tracing::debug!(%role, code = ?status.code(), message = status.message(), "following a feed was interrupted");
            },
        }
        tokio::select! {
            () = tasks.draining() => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(2)),
        }
    }
}
