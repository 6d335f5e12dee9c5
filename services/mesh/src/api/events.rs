//! `EventService`: what the contract promises.

use std::pin::Pin;

use contracts::event::{
    Event, ListEventsRequest, ListEventsResponse, StreamEventsRequest, event_service_server::EventService,
};
use futures::{Stream, StreamExt as _, stream};
use kit::{Call, Fault};
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::render;
use crate::{
    domain::Types,
    error::Error,
    log::Log,
    store::{event, lists},
};

/// How many events are read at a time, with what they are about.
const AT_ONCE: usize = 50;
/// Bytes after which a page is full, whatever it was to have.
const ROOM: usize = 4 << 20;

/// The service.
pub struct EventApi(pub Log);

#[tonic::async_trait]
impl EventService for EventApi {
    async fn list_events(
        &self,
        request: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(self.list(&call, request.into_inner()).await?))
    }

    type StreamEventsStream = Pin<Box<dyn Stream<Item = Result<Event, Status>> + Send>>;

    async fn stream_events(
        &self,
        request: Request<StreamEventsRequest>,
    ) -> Result<Response<Self::StreamEventsStream>, Status> {
        let call = Call::of(&request)?.detached();
        let request = request.into_inner();
        let types = Types::of(request.r#type.iter().map(String::as_str));
        // Subscribed before the first read: a commit in between is either read or notified.
        let news = self.0.news();
        let start = match request.after_position {
            -1 => self.0.head().await.map_err(Error::from)?,
            position => position,
        };
        Ok(Response::new(Box::pin(follow(self.0.clone(), call, types, news, start))))
    }
}

impl EventApi {
    async fn list(&self, call: &Call, request: ListEventsRequest) -> Result<ListEventsResponse, Error> {
        let page = self.0.db.page::<i64>(call, &request)?;
        let types = Types::of(request.r#type.iter().map(String::as_str));
        let after = page.after.unwrap_or(request.after_position);
        let found = lists::after(&self.0.db, &types, after, page.limit()).await?;
        let (mut events, mut size) = (Vec::new(), 0);
        for some in found.events.chunks(AT_ONCE) {
            let more = self.render(call, some).await?;
            size += more.iter().map(Event::encoded_len).sum::<usize>();
            events.extend(more);
            // What does not fit is read for the next page.
            if size > ROOM {
                break;
            }
        }
        let (events, next_page_token) = page.make(events, |event| event.position, Ok::<_, Error>)?;
        let next_page_token = match found.until {
            // So many were looked at, and there may be more of these types behind them.
            Some(until) if next_page_token.is_empty() => page.token(&until),
            _ => next_page_token,
        };
        Ok(ListEventsResponse { events, next_page_token })
    }

    async fn render(&self, call: &Call, events: &[event::Model]) -> Result<Vec<Event>, Fault> {
        render_all(&self.0, call, events).await
    }
}

async fn render_all(log: &Log, call: &Call, events: &[event::Model]) -> Result<Vec<Event>, Fault> {
    let contents = log.resources.of(call, events).await?;
    Ok(events.iter().map(|event| render::event(event, &contents)).collect())
}

/// Where a stream is.
enum At {
    After(i64),
    /// It has failed.
    End,
}

/// The events after a position, then those that follow, without end.
fn follow(
    log: Log,
    call: Call,
    types: Types,
    news: tokio::sync::watch::Receiver<i64>,
    start: i64,
) -> impl Stream<Item = Result<Event, Status>> + Send {
    let batches = stream::unfold((At::After(start), news), move |(at, mut news)| {
        let (log, call, types) = (log.clone(), call.clone(), types.clone());
        async move {
            let At::After(mut after) = at else { return None };
            loop {
                // Before the read: a change that comes during it wakes the wait below.
                news.mark_unchanged();
                let read = async {
                    // Before the events: what comes after it is read the next time, and what is of other types not again.
                    let head = log.head().await?;
                    let found = lists::after(&log.db, &types, after, AT_ONCE as u64).await?;
                    let last = found.events.last().map_or(after, |last| last.position);
                    let events = render_all(&log, &call, &found.events).await?;
                    Ok::<_, Error>((events, found.until.unwrap_or(head).max(last), found.until.is_some()))
                };
                let (events, until, more) = match read.await {
                    Ok(found) => found,
                    Err(error) => return Some((vec![Err(Status::from(error))], (At::End, news))),
                };
                after = until;
                if !events.is_empty() {
                    return Some((events.into_iter().map(Ok).collect::<Vec<_>>(), (At::After(after), news)));
                }
                if more {
                    continue;
                }
                tokio::select! {
                    () = log.tasks.draining() => {
                        let gone = Status::from(Fault::unavailable("mesh"));
                        return Some((vec![Err(gone)], (At::End, news)));
                    }
                    changed = news.changed() => if changed.is_err() { return None },
                }
            }
        }
    });
    batches.flat_map(stream::iter)
}
