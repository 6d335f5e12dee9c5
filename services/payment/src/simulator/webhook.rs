//! The simulated provider's webhooks: stored in the transaction of the change that they report, and sent until they are
//! accepted.

use std::time::Duration;

use aws_lc_rs::hmac;
use kit::{Call, Role, Tasks, Time, Tx, Writer, id};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, prelude::Uuid,
    sea_query::Expr,
};
use serde_json::{Value, json};

use super::{api::json_of, charge::Model as Charge, fault::WebhookFate, store::RefundAmount};
use crate::{
    error::Error,
    provider::{SIGNATURE, signature},
};

/// How often is looked for webhooks that are due.
const TICK: Duration = Duration::from_millis(100);
/// How long a replica that sends one may take before another sends it again.
const LEASE: Duration = Duration::from_secs(15);
/// How long the receiver may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// So many are sent at a time.
const AT_ONCE: u64 = 16;
/// After so many tries it is deleted: about four hours.
const TRIES: i32 = 16;
/// The longest pause between two tries.
const SLOWEST: Duration = Duration::from_secs(3600);
/// How long after a later one that overtakes it a webhook is sent.
const OVERTAKEN: Duration = Duration::from_millis(300);

/// The table.
pub mod row {
    use sea_orm::entity::prelude::*;

    use super::Time;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "simulator_webhooks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The charge's.
        pub reference: String,
        #[sea_orm(column_type = "Text")]
        pub body: String,
        pub attempts: i32,
        /// When to send it; never, until a later one of its charge is written down.
        pub next_time: Option<Time>,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity, Model};

/// What a webhook reports.
pub enum Event {
    /// The charge as it is now.
    Charge,
    /// A refund under a key.
    Refund { key: String, amount: RefundAmount },
}

/// Stores a webhook to be sent. `at` is when what it reports is so.
pub async fn enqueue(
    tx: &Tx,
    charge: &Charge,
    event: Event,
    at: Time,
    fate: WebhookFate,
) -> Result<(), DbErr> {
    if fate.lost {
        return Ok(());
    }
    let now = tx.now();
    release(tx, &charge.reference).await?;
    let id = String::from_utf8_lossy(&id::encode(Uuid::now_v7())).into_owned();
    let body = body(&format!("evt_{id}"), &charge.clone().at(at), event, at);
    let copies = if fate.duplicate { 2 } else { 1 };
    let row = || Model {
        id: Uuid::now_v7(),
        reference: charge.reference.clone(),
        body: body.to_string(),
        attempts: 0,
        next_time: (!fate.reorder).then(|| at.max(now) + fate.delay),
        create_time: now,
    };
    let rows = (0..copies).map(|_| ActiveModel::from(row()).reset_all());
    Entity::insert_many(rows).exec_without_returning(&**tx).await.map(|_| ())
}

/// Lets go of the webhooks of a charge that were held back to be overtaken.
async fn release(tx: &Tx, reference: &str) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::NextTime, Expr::value(Some(tx.now() + OVERTAKEN)))
        .filter(Column::Reference.eq(reference))
        .filter(Column::NextTime.is_null())
        .exec(&**tx)
        .await
        .map(|_| ())
}

fn body(id: &str, charge: &Charge, event: Event, at: Time) -> Value {
    let mut body = json!({ "id": id, "create_time": at.seconds(), "charge": json_of(charge) });
    match event {
        Event::Charge => body["type"] = json!(format!("charge.{}", charge.status.name())),
        Event::Refund { key, amount: RefundAmount { minor, currency } } => {
            body["type"] = json!("refund.succeeded");
            body["refund"] =
                json!({ "key": key, "amount_minor": minor, "currency": currency, "status": "succeeded" });
        }
    }
    body
}

/// Sends webhooks to one address.
#[derive(Clone)]
pub struct Sender {
    pub db: Writer<Error>,
    pub url: reqwest::Url,
    pub key: hmac::Key,
    pub client: reqwest::Client,
}

impl Sender {
    /// Sends what is due until the process drains.
    pub fn start(self, tasks: &Tasks) {
        tasks.every("payment.simulator", TICK, move || {
            let sender = self.clone();
            async move { sender.send_due().await }
        });
    }

    async fn send_due(&self) -> Result<(), Error> {
        let now = self.db.clock().now();
        let due = Entity::find().filter(Column::NextTime.lte(now)).order_by_asc(Column::NextTime);
        let due = due.order_by_asc(Column::Id).limit(AT_ONCE).all(self.db.read()).await?;
        let sent = futures::future::join_all(due.into_iter().map(|webhook| self.send(webhook))).await;
        sent.into_iter().collect()
    }

    async fn send(&self, mut webhook: Model) -> Result<(), Error> {
        if !self.moved(&webhook, webhook.attempts + 1, LEASE).await? {
            return Ok(());
        }
        webhook.attempts += 1;
        let body = webhook.body.clone().into_bytes();
        let signed = signature::sign(&self.key, self.db.machine_clock().now(), &body);
        let request = self.client.post(self.url.clone()).header(SIGNATURE, signed);
        let answer = request.header("content-type", "application/json").body(body).send().await;
        if answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
            return self.remove(webhook.id).await;
        }
        let problem = match answer {
            Ok(answer) => format!("answered {}", answer.status()),
            Err(error) => error.without_url().to_string(),
        };
        if webhook.attempts >= TRIES {
            tracing::warn!(webhook = %webhook.id, problem, "a webhook of the simulated provider is not sent any more");
            return self.remove(webhook.id).await;
        }
        tracing::debug!(webhook = %webhook.id, problem, "a webhook of the simulated provider was not taken");
        self.moved(&webhook, webhook.attempts, pause(webhook.attempts)).await.map(|_| ())
    }

    /// Sets after which pause a webhook is due again, and how often it was tried. Several replicas find the same one due:
    /// the number of tries that they read decides, and it is `false` for all but the first.
    async fn moved(&self, webhook: &Model, tried: i32, pause: Duration) -> Result<bool, Error> {
        let (id, attempts) = (webhook.id, webhook.attempts);
        let call = call();
        let set = self.db.transact(&call, (), move |tx, _| async move {
            let done = Entity::update_many()
                .col_expr(Column::NextTime, Expr::value(Some(tx.now() + pause)))
                .col_expr(Column::Attempts, Expr::value(tried))
                .filter(Column::Id.eq(id))
                .filter(Column::Attempts.eq(attempts))
                .exec(&*tx)
                .await?;
            Ok(done.rows_affected == 1)
        });
        set.await
    }

    async fn remove(&self, id: Uuid) -> Result<(), Error> {
        let call = call();
        let delete = self.db.transact(&call, (), move |tx, _| async move {
            Entity::delete_by_id(id).exec(&*tx).await?;
            Ok(())
        });
        delete.await
    }
}

/// The pause after so many tries.
fn pause(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0);
    Duration::from_millis(500).saturating_mul(1 << doublings.min(16)).min(SLOWEST)
}

fn call() -> Call {
    Call::of_service(Role::Payment, "simulator")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour() {
        let pauses: Vec<_> = (1..8).map(|attempts| pause(attempts).as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
        assert_eq!(pause(TRIES), SLOWEST);
        let all: Duration = (1..TRIES).map(pause).sum();
        assert!((3..5).contains(&(all.as_secs() / 3600)), "{all:?}");
    }
}
