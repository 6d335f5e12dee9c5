//! Instances: which processes run a role, as the role's own database knows it.
//!
//! A process knows its own roles without asking anybody. What replicas must know of each other stands in the
//! database: a row that each writes again every few seconds, deletes when it ends, and that grows stale when
//! it is killed. An embedded database has one process, so there is nothing to write: an idle shop stays idle.
//! Whether a heartbeat is recent is decided by the database's clock, which all of them share (`db/clock.rs`): machines' clocks differ.

use std::{sync::Arc, time::Duration};

use contracts::mesh as wire;
use prost::Message;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseBackend, DbErr, EntityTrait, QueryFilter, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{Db, Role, Tasks, Time};

/// The table.
pub mod row {
    use sea_orm::entity::prelude::*;

    use crate::Time;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "instances")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub role: String,
        pub version: String,
        pub address: String,
        pub start_time: Time,
        pub database_kind: String,
        pub database_location: String,
        pub schema_version: String,
        /// The last heartbeat, by the database's clock.
        pub beat_time: Time,
        /// How its background tasks fared by then: the contract's `Instance` with nothing else.
        pub tasks: Option<Vec<u8>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use row::Model as Instance;

/// The period of heartbeats, and what follows when they fail to come.
#[derive(Debug, Clone, Copy)]
pub struct Pace(pub Duration);

impl Pace {
    /// Whether its heartbeat is recent: two may be missed.
    fn is_fresh(self, last: Time, now: Time) -> bool {
        now.since(last) <= self.0 * 3
    }

    /// Whether it is not worth showing any more.
    fn is_forgotten(self, last: Time, now: Time) -> bool {
        now.since(last) > self.shown()
    }

    /// How long after its last heartbeat it is still listed.
    pub fn shown(self) -> Duration {
        self.0 * 12
    }
}

/// The roles that this process runs; cheap to clone.
#[derive(Clone)]
pub struct Instances {
    own: Arc<Vec<Instance>>,
    tasks: Tasks,
    pub pace: Pace,
}

impl Instances {
    /// Of a process that has just started.
    pub fn new(own: Vec<Instance>, tasks: Tasks, pace: Pace) -> Self {
        Self { own: Arc::new(own), tasks, pace }
    }

    /// This process's own instance of a role.
    pub fn own(&self, role: Role) -> Option<&Instance> {
        self.own.iter().find(|instance| instance.role == role.name())
    }

    /// What a role's database knows, and this process of itself. The mesh's knows the gateways too.
    pub async fn list(&self, db: &Db) -> Result<Vec<wire::Instance>, DbErr> {
        let now = db.clock().now();
        let here = |instance: &&Instance| {
            instance.role == db.role().name()
                || (db.role() == Role::Mesh && instance.role == Role::Gateway.name())
        };
        let mut all: Vec<wire::Instance> =
            self.own.iter().filter(here).map(|own| self.render_own(own, now)).collect();
        for row in row::Entity::find().all(db.read()).await? {
            let known = self.own.iter().any(|own| own.id == row.id);
            if !known && !self.pace.is_forgotten(row.beat_time, now) {
                all.push(render(&row, self.pace.is_fresh(row.beat_time, now), row.beat_time));
            }
        }
        Ok(all)
    }

    /// An instance of this process, as the contract has it.
    pub fn render_own(&self, own: &Instance, now: Time) -> wire::Instance {
        let tasks = own.role.parse().map(|role| self.tasks.of(role)).unwrap_or_default();
        wire::Instance { tasks, ..render(own, true, now) }
    }

    /// Says in a database server, as long as the process runs, that an instance does.
    pub fn announce(&self, tasks: &Tasks, db: Db, instance: Instance) {
        if db.backend() == DatabaseBackend::Sqlite {
            return;
        }
        let (interval, draining, instances) = (self.pace.0, tasks.clone(), self.clone());
        tasks.keep(format!("{}.announce", instance.role), async move {
            loop {
                let now = db.clock().now();
                let fare = Some(encode(instances.render_own(&instance, now).tasks));
                let row = Instance { beat_time: now, tasks: fare, ..instance.clone() };
                if let Err(error) = save(&db, row).await {
                    tracing::debug!(%error, role = instance.role, "an instance cannot be announced");
                }
                tokio::select! {
                    () = draining.draining() => break,
                    () = tokio::time::sleep(interval) => {}
                }
            }
            if let Err(error) = remove(&db, instance.id).await {
                tracing::debug!(%error, role = instance.role, "an instance cannot take its leave");
            }
        });
    }
}

/// Writes an instance's heartbeat.
pub async fn save(db: &Db, instance: Instance) -> Result<(), DbErr> {
    let row = row::ActiveModel {
        id: Set(instance.id),
        role: Set(instance.role),
        version: Set(instance.version),
        address: Set(instance.address),
        start_time: Set(instance.start_time),
        database_kind: Set(instance.database_kind),
        database_location: Set(instance.database_location),
        schema_version: Set(instance.schema_version),
        beat_time: Set(instance.beat_time),
        tasks: Set(instance.tasks),
    };
    let moved = [row::Column::BeatTime, row::Column::Tasks];
    row::Entity::insert(row)
        .on_conflict(OnConflict::column(row::Column::Id).update_columns(moved).to_owned())
        .exec_without_returning(&db.0.writer)
        .await
        .map(|_| ())
}

/// Forgets an instance that ends.
pub async fn remove(db: &Db, id: Uuid) -> Result<(), DbErr> {
    row::Entity::delete_by_id(id).exec(&db.0.writer).await.map(|_| ())
}

/// Deletes instances whose last heartbeat is long ago.
pub(crate) async fn prune(db: &Db, before: Time) -> Result<(), DbErr> {
    row::Entity::delete_many().filter(row::Column::BeatTime.lt(before)).exec(&db.0.writer).await.map(|_| ())
}

/// As the contract has it.
pub fn render(instance: &Instance, healthy: bool, last_seen: Time) -> wire::Instance {
    wire::Instance {
        role: instance.role.clone(),
        version: instance.version.clone(),
        address: instance.address.clone(),
        start_time: Some(instance.start_time.into()),
        database_kind: instance.database_kind.clone(),
        database_location: instance.database_location.clone(),
        schema_version: instance.schema_version.clone(),
        healthy,
        last_seen_time: Some(last_seen.into()),
        id: instance.id.to_string(),
        tasks: instance.tasks.as_deref().map(decode).unwrap_or_default(),
    }
}

/// Tasks as a row has them.
pub fn encode(tasks: Vec<wire::Task>) -> Vec<u8> {
    wire::Instance { tasks, ..Default::default() }.encode_to_vec()
}

/// A later version may have written them.
fn decode(tasks: &[u8]) -> Vec<wire::Task> {
    wire::Instance::decode(tasks).map(|instance| instance.tasks).unwrap_or_default()
}

/// What a database is called in the contract.
pub fn kind(backend: DatabaseBackend) -> &'static str {
    match backend {
        DatabaseBackend::Sqlite => "sqlite",
        DatabaseBackend::Postgres => "postgres",
        DatabaseBackend::MySql => "mysql",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_beats_may_be_missed_and_after_twelve_it_is_forgotten() {
        let (pace, last) = (Pace(Duration::from_secs(5)), Time(0));
        let after = |seconds: u64| last + Duration::from_secs(seconds);
        assert!(pace.is_fresh(last, after(15)) && !pace.is_fresh(last, after(16)));
        assert!(!pace.is_forgotten(last, after(60)) && pace.is_forgotten(last, after(61)));
        assert!(pace.is_fresh(after(10), last), "written since the time was read");
    }
}
