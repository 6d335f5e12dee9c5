//! `NodeService`: what a process offers the others about the roles that it runs.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use contracts::mesh::{
    CheckEquationsRequest, CheckEquationsResponse, FeedEvent, ListNodeInstancesRequest,
    ListNodeInstancesResponse, OrderFigures, ReadFiguresRequest, ReadFiguresResponse, SubscribeRequest,
    node_service_server::NodeService,
};
use futures::Stream;
use prost_types::Any;
use tonic::{Request, Response, Status};

use crate::{
    Call, Caller, Db, Fault, Service, Time,
    audit::{Audit, Span},
    db::write::feed::After,
    id::{Malformed, OrderId},
    instance::Instances,
    outbox,
};

const BATCH: u64 = 200;
/// How long a follower waits for the feed to begin.
const POLL: Duration = Duration::from_millis(250);

/// What a process offers of its roles.
#[derive(Clone)]
pub struct Node {
    roles: Arc<HashMap<&'static str, Here>>,
    instances: Instances,
}

/// A role that runs here.
#[derive(Clone)]
struct Here {
    db: Db,
    audit: Option<Arc<dyn Audit>>,
}

impl Node {
    /// A node of these services.
    pub fn new<'a>(services: impl IntoIterator<Item = &'a Service>, instances: Instances) -> Self {
        let here = |service: &Service| Here { db: service.db.clone(), audit: service.audit.clone() };
        let roles = services.into_iter().map(|service| (service.role.name(), here(service))).collect();
        Self { roles: Arc::new(roles), instances }
    }

    fn role(&self, name: &str) -> Result<Here, Fault> {
        self.roles.get(name).cloned().ok_or_else(|| Fault::unavailable(name))
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl NodeService for Node {
    type SubscribeStream = Answers<FeedEvent>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let caller = Call::of_stream(&request)?.caller().clone();
        let request = request.into_inner();
        let db = self.role(&request.role)?.db;
        // One feed holds what another role has no business with.
        if let Caller::Service { role, .. } = caller
            && !role.may_follow(db.role())
        {
            return Err(Fault::denied(format!("the role {role} does not follow this feed")).into());
        }
        let reached = outbox::reached(&db).await.map_err(Fault::from)?;
        let start = match request.after_position {
            -1 => outbox::last(&db).await.map_err(Fault::from)?,
            // What happens until it is that far again would be skipped without a word.
            position if position > reached => return Err(went_back(position, reached).into()),
            position => position,
        };
        Ok(Response::new(Box::pin(feed(db, start))))
    }

    async fn list_node_instances(
        &self,
        request: Request<ListNodeInstancesRequest>,
    ) -> Result<Response<ListNodeInstancesResponse>, Status> {
        let here = self.role(&request.into_inner().role)?;
        let instances = self.instances.list(&here.db).await.map_err(Fault::from)?;
        Ok(Response::new(ListNodeInstancesResponse { instances }))
    }

    async fn check_equations(
        &self,
        request: Request<CheckEquationsRequest>,
    ) -> Result<Response<CheckEquationsResponse>, Status> {
        let (checked, violations) = match self.role(&request.into_inner().role)?.audit {
            Some(audit) => audit.check().await?,
            None => (0, Vec::new()),
        };
        Ok(Response::new(CheckEquationsResponse { checked, violations }))
    }

    type ReadFiguresStream = Answers<ReadFiguresResponse>;

    async fn read_figures(
        &self,
        request: Request<ReadFiguresRequest>,
    ) -> Result<Response<Self::ReadFiguresStream>, Status> {
        let request = request.into_inner();
        let Some(audit) = self.role(&request.role)?.audit else {
            return Ok(Response::new(Box::pin(futures::stream::empty())));
        };
        if request.order_ids.is_empty() {
            return Ok(Response::new(Box::pin(all_figures(audit))));
        }
        let parse = |(place, text): (usize, &String)| {
            text.parse().map_err(|problem: Malformed| {
                Fault::invalid(format!("order_ids[{place}]"), problem.to_string())
            })
        };
        let ids = request.order_ids.iter().enumerate().map(parse).collect::<Result<Vec<OrderId>, Fault>>()?;
        let orders = audit.figures(&Span::These(ids)).await?;
        Ok(Response::new(Box::pin(futures::stream::iter([Ok(ReadFiguresResponse { orders })]))))
    }
}

/// What a role knows of all orders: a page is read when the one before it was taken.
fn all_figures(audit: Arc<dyn Audit>) -> impl Stream<Item = Result<ReadFiguresResponse, Status>> + Send {
    futures::stream::try_unfold((audit, OrderId::FIRST), |(audit, after)| async move {
        let Some(last) = audit.page(after).await? else { return Ok(None) };
        let orders: Vec<OrderFigures> = audit.figures(&Span::Between(after, last)).await?;
        Ok(Some((ReadFiguresResponse { orders }, (audit, last))))
    })
}

/// A follower knows more than the feed: its database is of an earlier time than the follower's.
fn went_back(follower: i64, feed: i64) -> Fault {
    let message = format!("the feed has gone back to {feed}, and was followed up to {follower}");
    Fault::illegal_state(message, "EARLIER")
}

/// The events after a position, then those that follow, without end but by a failure.
pub(crate) fn feed(db: Db, start: i64) -> impl Stream<Item = Result<FeedEvent, Status>> + Send {
    let changes = db.0.feed.changes();
    let highest = *changes.borrow();
    let at = (db, changes, start, highest);
    let batches = futures::stream::unfold(at, |(db, mut changes, position, mut highest)| async move {
        loop {
            // Marked before looking: what is published in between ends the wait at once.
            let last = *changes.borrow_and_update();
            if last < highest {
                let failed = vec![Err(went_back(highest, last).into())];
                return Some((failed, (db, changes, position, last)));
            }
            highest = last;
            let events = match db.0.feed.after(position, BATCH as usize) {
                After::Events(events) => events,
                After::Database => match outbox::after(&db, position, BATCH).await {
                    Ok(rows) => rows.into_iter().map(Arc::new).collect(),
                    Err(error) => {
                        let failed = vec![Err(Fault::from(error).into())];
                        return Some((failed, (db, changes, position, highest)));
                    }
                },
            };
            let Some(last) = events.last().and_then(|event| event.position) else {
                // The time limit is for a process that has not begun to publish: it has no feed yet.
                let _ = tokio::time::timeout(POLL, changes.changed()).await;
                continue;
            };
            let events: Vec<Result<FeedEvent, Status>> =
                events.iter().map(|event| Ok(render(event))).collect();
            return Some((events, (db, changes, last, highest)));
        }
    });
    futures::StreamExt::flat_map(batches, futures::stream::iter)
}

fn render(event: &outbox::event::Model) -> FeedEvent {
    FeedEvent {
        position: event.position.unwrap_or(0),
        aggregate_id: event.aggregate_id.clone(),
        data: Some(Any {
            type_url: format!("type.googleapis.com/{}", event.kind),
            value: event.data.clone(),
        }),
        create_time: Some(Time(event.create_time).into()),
    }
}
