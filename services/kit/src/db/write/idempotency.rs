//! The records behind idempotency keys: a key, its call's fingerprint, and its answer.

use aws_lc_rs::hmac;
use sea_orm::{ActiveValue::Set, Condition, QueryTrait, entity::prelude::*, sea_query::UpdateStatement};
use tonic::{Code, Status};

use crate::{
    Call, Caller, Db, Fault, Reason, Role, Time,
    id::UserId,
    insert_new,
    telemetry::metrics::Counter,
    write::{Failure, Tx, Written},
};

/// The table.
pub mod record {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency")]
    pub struct Model {
        /// SHA-256 of caller, method and key, in hexadecimal.
        #[sea_orm(primary_key, auto_increment = false)]
        pub claim: String,
        pub fingerprint: String,
        /// Whose data the answer holds: goes when the user is erased.
        pub owner: Option<crate::id::UserId>,
        /// The encoded answer, once there is one.
        pub answer: Option<Vec<u8>>,
        /// The encoded refusal, for the few that are kept.
        pub refusal: Option<Vec<u8>>,
        pub create_time: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a claim found.
pub enum Found<V> {
    Fresh(V),
    Answered(Vec<u8>),
}

static REPLAYS: Counter = Counter::new(
    "feira.idempotency.replays",
    "{call}",
    "Calls that got the answer of an earlier one with their key, by service",
);

/// Begins a service's replays at 0.
pub(crate) fn begin_replays(role: Role) {
    REPLAYS.add(0, &[("service", role.name())]);
}

pub(super) fn count_replay(role: Role) {
    REPLAYS.add(1, &[("service", role.name())]);
}

/// The call is still under way.
pub fn in_progress() -> Fault {
    let mut fault = Fault::new(
        Reason::IdempotencyInProgress,
        "a call with this idempotency key is under way: ask again for its answer",
    );
    fault.retry_after = Some(std::time::Duration::from_secs(1));
    fault
}

/// The id of a claim, keyed as the fingerprint is. Callers without an identity share no keys: their requests
/// are part of the id.
pub fn claim_id(db: &Db, call: &Call, key: &str) -> String {
    let mut context = hmac::Context::with_key(&db.0.fingerprints);
    let caller = match call.caller() {
        Caller::Anonymous => None,
        Caller::User { id, .. } | Caller::ApiKey { id, .. } => Some(id.to_string()),
        Caller::Service { role, on_behalf_of } => Some(format!("{role} {on_behalf_of:?}")),
    };
    let scope = match &caller {
        Some(caller) => caller.as_bytes(),
        None => call.digest(),
    };
    for part in [scope, call.method().as_bytes(), key.as_bytes()] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    hex::encode(context.sign())
}

/// The keyed fingerprint of the call's request: the database alone reveals nothing of its content.
fn fingerprint(call: &Call, db: &Db) -> String {
    hex::encode(hmac::sign(&db.0.fingerprints, call.digest()))
}

/// Claims a key within a transaction. Another call's key of the same caller and method is
/// IDEMPOTENCY_KEY_REUSED, an unanswered one IDEMPOTENCY_IN_PROGRESS.
pub async fn claim<E: Failure>(tx: &Tx, claim: &str) -> Result<Found<()>, E> {
    let fingerprint = fingerprint(tx.call(), tx.db());
    let row = record::ActiveModel {
        claim: Set(claim.to_owned()),
        fingerprint: Set(fingerprint.clone()),
        owner: Set(tx.call().caller().user()),
        answer: Set(None),
        refusal: Set(None),
        create_time: Set(tx.now().0),
    };
    // The unique key decides between processes: a second INSERT of the same claim waits for the first transaction.
    // If that commits, the row is there and says what became of the call; if it rolls back, the claim is ours; if
    // it takes longer than the lock timeout, the call is in progress.
    let made = insert_new(&**tx, row, [record::Column::Claim]).await.map_err(|error| {
        if Fault::is_database_conflict(&error) { in_progress().into() } else { E::from(error) }
    })?;
    if made {
        return Ok(Found::Fresh(()));
    }
    // Not there any more: it was taken back (`unclaim`) or pruned between the two statements.
    let found = record::Entity::find_by_id(claim.to_owned()).one(&**tx).await?.ok_or_else(in_progress)?;
    Ok(read(found, &fingerprint)?)
}

/// The answer that the call's key has already, if any: for handlers that ask other services before they
/// write, so that a repeat is answered whatever has become of what they ask for.
pub async fn replayed<T: prost::Message + Default>(
    db: &Db,
    call: &Call,
) -> Result<Option<Written<T>>, Fault> {
    let Some(key) = call.key() else { return Ok(None) };
    let Some(found) = record::Entity::find_by_id(claim_id(db, call, key)).one(db.read()).await? else {
        return Ok(None);
    };
    match read(found, &fingerprint(call, db))? {
        Found::Fresh(()) => Ok(None),
        Found::Answered(bytes) => {
            count_replay(db.role());
            let message =
                T::decode(bytes.as_slice()).map_err(|_| Fault::internal("a stored answer cannot be read"))?;
            Ok(Some(Written { message, replayed: true }))
        }
    }
}

/// What a record says to a call with this fingerprint.
fn read(found: record::Model, fingerprint: &str) -> Result<Found<()>, Fault> {
    if found.fingerprint != fingerprint {
        return Err(Fault::new(
            Reason::IdempotencyKeyReused,
            "this idempotency key was used for another request",
        ));
    }
    match (found.answer, found.refusal) {
        (Some(answer), _) => Ok(Found::Answered(answer)),
        (None, Some(refusal)) => Err(decode_refusal(&refusal)),
        (None, None) => Err(in_progress()),
    }
}

/// What stores a claim's answer.
pub(super) fn answer(claim: &str, answer: Vec<u8>) -> UpdateStatement {
    record::Entity::update_many()
        .col_expr(record::Column::Answer, Expr::value(answer))
        .filter(record::Column::Claim.eq(claim))
        .into_query()
}

/// Stores a claim's refusal.
pub async fn refuse(tx: &Tx, claim: &str, refusal: &Fault) -> Result<(), DbErr> {
    record::Entity::update_many()
        .col_expr(record::Column::Refusal, Expr::value(encode_refusal(refusal)))
        .filter(record::Column::Claim.eq(claim))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Says whose data a claim's answer will hold, where that is not the caller.
pub async fn belongs_to(tx: &Tx, claim: &str, owner: UserId) -> Result<(), DbErr> {
    record::Entity::update_many()
        .col_expr(record::Column::Owner, Expr::value(owner))
        .filter(record::Column::Claim.eq(claim))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Deletes every answer that holds a user's data. A claim without an answer stays: its call is under way.
pub async fn forget(tx: &Tx, owner: UserId) -> Result<(), DbErr> {
    let of_owner = record::Entity::delete_many().filter(record::Column::Owner.eq(owner));
    of_owner.filter(record::Column::Answer.is_not_null()).exec(&**tx).await.map(|_| ())
}

/// Forgets a claim.
pub async fn unclaim(tx: &Tx, claim: &str) -> Result<(), DbErr> {
    record::Entity::delete_by_id(claim.to_owned()).exec(&**tx).await.map(|_| ())
}

/// Deletes the records made before a time that have an answer or a refusal. One without either belongs to a call
/// of several steps that is under way, or that a replica resumes.
pub async fn prune(db: &Db, before: Time) -> Result<u64, DbErr> {
    let done = record::Entity::delete_many()
        .filter(record::Column::CreateTime.lt(before.0))
        .filter(
            Condition::any()
                .add(record::Column::Answer.is_not_null())
                .add(record::Column::Refusal.is_not_null()),
        )
        .exec(&db.0.writer)
        .await?;
    Ok(done.rows_affected)
}

/// Code, message and details, as JSON.
fn encode_refusal(fault: &Fault) -> Vec<u8> {
    let status = Status::from(fault.clone());
    serde_json::to_vec(&(status.code() as i32, status.message(), status.details())).unwrap_or_default()
}

fn decode_refusal(bytes: &[u8]) -> Fault {
    match serde_json::from_slice::<(i32, String, Vec<u8>)>(bytes) {
        Ok((code, message, details)) => {
            Fault::of(&Status::with_details(Code::from(code), message, details.into()))
        }
        Err(error) => Fault::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_storage() {
        let fault = Fault::new(Reason::OutOfStock, "short").with("article_id", "art_1");
        let again = decode_refusal(&encode_refusal(&fault));
        assert_eq!((again.reason, again.metadata), (fault.reason, fault.metadata));
    }
}
