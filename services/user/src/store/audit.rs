//! The audit log: rows are added, listed, and swept when they are old; none is ever changed.

use std::{collections::BTreeSet, time::Duration};

use contracts::user::AuditRecord;
use kit::{
    Caller, Fault, Time, Tx,
    audit_log::Act,
    id::{AuditId, UserId},
    insert_new,
    newest::{Newest, unindexed},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};

use super::entities::{
    audit_event::{Column, Entity, Model},
    user,
};
use crate::domain::reports;

/// The kind of the act that erases a user.
pub const ERASED: &str = "user.erased";
/// How far the clock of the process that reports may be ahead.
const CLOCKS: Duration = Duration::from_secs(300);
/// The actor who is nobody that is known.
const ANONYMOUS: &str = "anonymous";

/// Which events to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub actor: String,
    pub user: Option<UserId>,
    pub kinds: Vec<String>,
    /// From this time on.
    pub after: Option<Time>,
    pub before: Option<Time>,
}

/// Records an act with the write that does it.
pub async fn record(tx: &Tx, act: &Act) -> Result<(), DbErr> {
    let row = row(act.record(tx.call(), tx.now())).map_err(|fault| DbErr::Custom(fault.message))?;
    Entity::insert(row.into_active_model().reset_all()).exec_without_returning(&**tx).await.map(|_| ())
}

/// Takes what other services recorded, unless it is there; answers with what was not. Of users who are gone meanwhile nothing is kept but ids. What is
/// not a role's to report is left out and told in the operator's log: an error would have it sent again for ever.
pub async fn take<'a>(
    tx: &Tx,
    records: &'a [AuditRecord],
) -> Result<Vec<&'a AuditRecord>, crate::error::Error> {
    let mut taken = Vec::new();
    let latest = tx.now() + CLOCKS;
    let counts = |record: &&'a AuditRecord| {
        let by = match tx.call().caller() {
            Caller::Service { role, .. } => *role,
            _ => return false,
        };
        let at = record.create_time.map_or(Time(0), Time::from);
        // An id is made of its time: one of another time would stand elsewhere in the log than it says.
        let fits = record.id.parse().is_ok_and(|id: AuditId| {
            (AuditId::first_at(at)..AuditId::first_at(at + MILLISECOND)).contains(&id)
        });
        let counts = reports::is_of(by, &record.kind) && fits && at <= latest;
        if !counts {
            tracing::warn!(role = %by, kind = record.kind, id = record.id, "audit.not_taken");
        }
        counts
    };
    let records: Vec<&'a AuditRecord> = records.iter().filter(counts).collect();
    let actors: BTreeSet<UserId> = records.iter().filter_map(|record| record.actor.parse().ok()).collect();
    let there = user::Entity::find().select_only().column(user::Column::Id);
    let there: Vec<UserId> =
        there.filter(user::Column::Id.is_in(actors.iter().copied())).into_tuple().all(&**tx).await?;
    for record in records {
        let mut row = row(AuditRecord::clone(record))?;
        if row.actor.parse().is_ok_and(|actor: UserId| !there.contains(&actor)) {
            (row.ip_address, row.user_agent, row.request_id) = Default::default();
        }
        if insert_new(&**tx, row.into_active_model().reset_all(), [Column::Id]).await? {
            taken.push(record);
        }
    }
    Ok(taken)
}

/// Forgets where an erased user acted from, and by what program; and of others who tried to be that user. What was done
/// stays, by ids.
pub async fn forget(tx: &Tx, user: UserId) -> Result<(), DbErr> {
    let own = Column::Actor.eq(user.to_string());
    let tried = Condition::all().add(Column::UserId.eq(user)).add(Column::Actor.eq(ANONYMOUS));
    for of in [Condition::all().add(own), tried] {
        let mut update = Entity::update_many();
        for column in [Column::IpAddress, Column::UserAgent, Column::RequestId] {
            update = update.col_expr(column, Expr::value(""));
        }
        update.filter(of).exec(&**tx).await?;
    }
    Ok(())
}

/// Those who were erased after a time, and are gone.
pub async fn erased_since(tx: &Tx, time: Time) -> Result<Vec<UserId>, DbErr> {
    let there = user::Entity::find().select_only().column(user::Column::Id).into_query();
    let erased = Entity::find()
        .select_only()
        .column(Column::UserId)
        .filter(Column::Kind.eq(ERASED))
        .filter(Column::UserId.not_in_subquery(there))
        .filter(Column::Id.gte(AuditId::first_at(time)));
    let ids: Vec<Option<UserId>> = erased.into_tuple().all(&**tx).await?;
    Ok(ids.into_iter().flatten().collect())
}

fn row(record: AuditRecord) -> Result<Model, Fault> {
    let user = Some(record.user_id).filter(|id| !id.is_empty());
    Ok(Model {
        id: record.id.parse().map_err(Fault::internal)?,
        kind: record.kind,
        actor: record.actor,
        user_id: user.map(|id| id.parse()).transpose().map_err(Fault::internal)?,
        ip_address: record.ip_address,
        user_agent: record.user_agent,
        request_id: record.request_id,
        target: record.target,
        detail: record.detail,
        create_time: record.create_time.map(Time::from).unwrap_or(Time(0)),
    })
}

/// The events before `after`, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    filter: &Filter,
    after: Option<AuditId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    // An id is made of its time, so that the bounds are bounds of the index; to the millisecond. What is finer is
    // compared by the time itself.
    let within = Condition::all()
        .add_option(filter.after.map(|time| Column::Id.gte(AuditId::first_at(time))))
        .add_option(filter.before.map(|time| Column::Id.lt(AuditId::first_at(time + MILLISECOND))));
    // The first of them that is given is sought by its index, a seek for each kind; the others are looked at.
    let seeks = if let Some(user) = filter.user {
        vec![within.add(Column::UserId.eq(user))]
    } else if !filter.actor.is_empty() {
        vec![within.add(Column::Actor.eq(filter.actor.as_str()))]
    } else if !filter.kinds.is_empty() {
        let mut kinds = filter.kinds.clone();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.into_iter().map(|kind| within.clone().add(Column::Kind.eq(kind))).collect()
    } else {
        vec![within]
    };
    let actor = (!filter.actor.is_empty()).then(|| unindexed(Column::Actor).eq(filter.actor.as_str()));
    let kinds = (!filter.kinds.is_empty()).then(|| unindexed(Column::Kind).is_in(filter.kinds.clone()));
    let fit = Condition::all()
        .add_option(actor)
        .add_option(kinds)
        .add_option(filter.after.map(|time| unindexed(Column::CreateTime).gte(time)))
        .add_option(filter.before.map(|time| unindexed(Column::CreateTime).lt(time)));
    let events = Newest::<Entity> { id: Column::Id, seeks, filter: fit, selective: None };
    events.page(db, after.map(Into::into), limit).await
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Forgets up to `limit` events of before a time, the oldest first; answers how many those were.
pub async fn prune(tx: &Tx, before: Time, limit: u64) -> Result<u64, DbErr> {
    let old = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.lt(AuditId::first_at(before)))
        .order_by_asc(Column::Id)
        .limit(limit);
    let last: Option<AuditId> = old.into_tuple().all(&**tx).await?.pop();
    let Some(last) = last else { return Ok(0) };
    let done = Entity::delete_many().filter(Column::Id.lte(last)).exec(&**tx).await?;
    Ok(done.rows_affected)
}
