//! The simulated provider's tables. A key names one request: sent again, the charge is shown as it is and
//! nothing is done.

use kit::{Call, Role, Time, Tx, id, insert_new};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    QuerySelect, Select, prelude::Uuid,
};

use super::{
    api::Simulator,
    charge::{Act, ActiveModel, Column, Entity, Model, NewCharge, Status},
    fault::{Figure, Operation},
    webhook::{self, Event},
};
use crate::error::Error;

/// The requests that were done, by idempotency key.
mod key {
    use sea_orm::entity::prelude::*;

    use super::Time;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "simulator_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub idempotency_key: String,
        /// What was asked for.
        pub request: String,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A refund's own amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundAmount {
    pub minor: i64,
    pub currency: String,
}

impl RefundAmount {
    /// What a request had come to, from what was noted of it.
    fn read(noted: &str, request: &str) -> Option<Self> {
        let (minor, currency) = noted.strip_prefix(request)?.strip_prefix(" gave ")?.split_once(' ')?;
        Some(Self { minor: minor.parse().ok()?, currency: currency.to_owned() })
    }
}

/// What became of a request.
pub enum Done {
    /// Done, now or before.
    Charge(Model),
    /// Refunded, now or before.
    Refunded(Model, RefundAmount),
    /// The charge does not allow it.
    Illegal(Model),
    NotFound,
    /// The key was used for another request, or the charge's id for another charge.
    Taken,
}

fn call() -> Call {
    Call::of_service(Role::Payment, "simulator")
}

fn named(name: &str) -> Select<Entity> {
    Entity::find().filter(Condition::any().add(Column::Reference.eq(name)).add(Column::MerchantId.eq(name)))
}

/// A charge by its reference or its merchant's id.
pub async fn get(db: &impl ConnectionTrait, name: &str, now: Time) -> Result<Option<Model>, Error> {
    Ok(named(name).one(db).await?.map(|charge| charge.at(now)))
}

/// A charge by its action's token.
pub async fn of_token(db: &impl ConnectionTrait, token: &str) -> Result<Option<Model>, Error> {
    Ok(Entity::find().filter(Column::ActionToken.eq(token)).one(db).await?)
}

/// Makes a charge.
pub async fn create(simulator: &Simulator, key: String, new: NewCharge) -> Result<Done, Error> {
    let verb = if new.capture { "authorize and capture" } else { "authorize" };
    let request = format!("{verb} {} {} {} {}", new.id, new.amount_minor, new.currency, new.method);
    let figure = simulator.faults.figure(Operation::Authorize);
    let (held, currency) = (figure.amount_minor, figure.currency);
    let captured = if new.capture { simulator.faults.figure(Operation::Capture) } else { Figure::default() };
    let call = call();
    let input = (simulator.clone(), key, request, new);
    let create = simulator.db.transact(&call, input, move |tx, input| async move {
        let (this, key, request, new) = &*input;
        if !fresh(&tx, key, request).await? {
            return again(&tx, key, request, &new.id).await;
        }
        let reference = format!("sim_{}", String::from_utf8_lossy(&id::encode(Uuid::now_v7())));
        let token = format!("{:032x}", rand::random::<u128>());
        let new = match held {
            Some(held) => &NewCharge { amount_minor: held.max(0), ..new.clone() },
            None => new,
        };
        let mut charge = new.charge(reference, token, tx.now(), this.slow);
        charge.currency = currency.map_or(charge.currency, |currency| currency.code().to_owned());
        if charge.status == Status::Captured {
            charge.captured_faultily(captured);
        }
        let row: ActiveModel = charge.clone().into();
        if !insert_new(&*tx, row.reset_all(), [Column::MerchantId]).await? {
            key::Entity::delete_by_id(key.clone()).exec(&*tx).await?;
            return Ok(Done::Taken);
        }
        if this.sends_webhooks() {
            // What is slow is reported once it is ready.
            let at = if charge.status == Status::Processing { charge.ready_time } else { tx.now() };
            webhook::enqueue(&tx, &charge, Event::Charge, at, this.faults.next_webhook()).await?;
        }
        Ok(Done::Charge(charge))
    });
    let done = create.await;
    if !matches!(done, Ok(Done::Charge(_))) {
        simulator.faults.keep(Operation::Authorize, figure);
    }
    if !matches!(&done, Ok(Done::Charge(charge)) if charge.status == Status::Captured) {
        simulator.faults.keep(Operation::Capture, captured);
    }
    done
}

/// Does something with a charge, once for each key; actions have none.
pub async fn act(simulator: &Simulator, key: Option<String>, name: String, act: Act) -> Result<Done, Error> {
    let operation = act.operation();
    let figure = operation.map_or_else(Figure::default, |operation| simulator.faults.figure(operation));
    let call = call();
    let input = (simulator.clone(), key, name);
    let work = simulator.db.transact(&call, input, move |tx, input| async move {
        let (this, key, name) = &*input;
        let found = match act {
            Act::Approve | Act::Decline => Entity::find().filter(Column::ActionToken.eq(name)),
            _ => named(name),
        };
        // The charge's lock decides between two requests, such as a capture and a void: the second finds what the first
        // has made of it.
        let Some(charge) = found.lock_exclusive().one(&*tx).await? else {
            return Ok((Done::NotFound, false));
        };
        let before = charge.clone().at(tx.now());
        let mut charge = before.clone();
        let request = format!("{act:?} {}", charge.reference);
        if let Some(key) = key
            && let Some(found) = key::Entity::find_by_id(key.clone()).one(&*tx).await?
        {
            let done = match RefundAmount::read(&found.request, &request) {
                Some(amount) => Done::Refunded(before, amount),
                None if found.request == request => Done::Charge(before),
                None => Done::Taken,
            };
            return Ok((done, false));
        }
        let Ok((minor, currency)) = charge.act_faultily(act, figure) else {
            return Ok((Done::Illegal(before), false));
        };
        let refunded = matches!(act, Act::Refund(_)).then_some(RefundAmount { minor, currency });
        if let Some(key) = key {
            let noted = match &refunded {
                Some(RefundAmount { minor, currency }) => format!("{request} gave {minor} {currency}"),
                None => request,
            };
            fresh(&tx, key, &noted).await?;
        }
        let row: ActiveModel = charge.clone().into();
        Entity::update_many()
            .set(row.reset_all())
            .filter(Column::Reference.eq(charge.reference.clone()))
            .exec(&*tx)
            .await?;
        if this.sends_webhooks() && charge != before {
            let event = match (&refunded, key) {
                (Some(amount), Some(key)) => Event::Refund { key: key.clone(), amount: amount.clone() },
                _ => Event::Charge,
            };
            webhook::enqueue(&tx, &charge, event, tx.now(), this.faults.next_webhook()).await?;
        }
        let done = match refunded {
            Some(amount) => Done::Refunded(charge, amount),
            None => Done::Charge(charge),
        };
        Ok((done, true))
    });
    let done: Result<(Done, bool), Error> = work.await;
    if let (Some(operation), Err(_) | Ok((_, false))) = (operation, &done) {
        simulator.faults.keep(operation, figure);
    }
    done.map(|(done, _)| done)
}

/// Records a request under its key; `false` where the key was used before. The key is the primary key: of two requests
/// with the same one, the second waits here for the first, and is answered as a repeat.
async fn fresh(tx: &Tx, key: &str, request: &str) -> Result<bool, Error> {
    let row = key::ActiveModel {
        idempotency_key: Set(key.to_owned()),
        request: Set(request.to_owned()),
        create_time: Set(tx.now()),
    };
    Ok(insert_new(&**tx, row, [key::Column::IdempotencyKey]).await?)
}

async fn again(tx: &Tx, key: &str, request: &str, name: &str) -> Result<Done, Error> {
    let same = key::Entity::find_by_id(key.to_owned())
        .one(&**tx)
        .await?
        .is_some_and(|found| found.request == request);
    match named(name).one(&**tx).await? {
        Some(charge) if same => Ok(Done::Charge(charge.at(tx.now()))),
        _ => Ok(Done::Taken),
    }
}
