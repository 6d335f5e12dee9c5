//! `NodeService`: what a process offers the others about the roles that it runs.

use std::{collections::HashMap, pin::Pin, sync::Arc};

use contracts::mesh::{FeedEvent, SubscribeRequest, node_service_server::NodeService};
use futures::Stream;
use prost_types::Any;
use tonic::{Request, Response, Status};

use crate::{Db, Fault, Time, outbox};

const BATCH: u64 = 200;

/// Serves the feeds of this process's roles.
#[derive(Clone)]
pub struct Node {
    roles: Arc<HashMap<&'static str, Db>>,
}

impl Node {
    /// A node of these roles' databases.
    pub fn new(databases: impl IntoIterator<Item = Db>) -> Self {
        Self { roles: Arc::new(databases.into_iter().map(|db| (db.role().name(), db)).collect()) }
    }
}

#[tonic::async_trait]
impl NodeService for Node {
    type SubscribeStream = Pin<Box<dyn Stream<Item = Result<FeedEvent, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let request = request.into_inner();
        let db = self
            .roles
            .get(request.role.as_str())
            .cloned()
            .ok_or_else(|| Fault::unavailable(&request.role))?;
        let start = match request.after_position {
            -1 => outbox::last(&db).await.map_err(Fault::from)?,
            position => position,
        };
        Ok(Response::new(Box::pin(feed(db, start))))
    }
}

/// The events after a position, then those that follow, without end.
fn feed(db: Db, start: i64) -> impl Stream<Item = Result<FeedEvent, Status>> + Send {
    let batches = futures::stream::unfold((db, start), |(db, position)| async move {
        loop {
            // Listen before looking: what commits in between wakes the wait.
            let woken = db.0.committed.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            match outbox::after(&db, position, BATCH).await {
                Ok(rows) if rows.is_empty() => outbox::idle(woken).await,
                Ok(rows) => {
                    let last = rows.last().and_then(|row| row.position).unwrap_or(position);
                    let events: Vec<Result<FeedEvent, Status>> =
                        rows.into_iter().map(|row| Ok(render(row))).collect();
                    return Some((events, (db.clone(), last)));
                }
                Err(error) => return Some((vec![Err(Fault::from(error).into())], (db.clone(), position))),
            }
        }
    });
    futures::StreamExt::flat_map(batches, futures::stream::iter)
}

fn render(row: outbox::event::Model) -> FeedEvent {
    FeedEvent {
        position: row.position.unwrap_or(0),
        aggregate_id: row.aggregate_id,
        data: Some(Any { type_url: format!("type.googleapis.com/{}", row.kind), value: row.data }),
        create_time: Some(Time(row.create_time).into()),
    }
}
