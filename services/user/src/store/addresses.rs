//! Address books.

use contracts::user::{AddressChange, AddressChanged};
use kit::{
    Scope, Tx,
    id::{AddressId, Id, UserId},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::LockType,
};

use crate::{
    domain::address::{Fields, MOST},
    error::Error,
    store::entities::address::{Column, Entity, Model},
};

impl Model {
    /// The address's own words.
    pub fn fields(&self) -> Fields {
        Fields {
            recipient: self.recipient.clone(),
            lines: self.street_lines.split('\n').map(str::to_owned).collect(),
            postal_code: self.postal_code.clone(),
            city: self.city.clone(),
            region: self.region.clone(),
            country_code: self.country_code.clone(),
            phone: self.phone.clone(),
        }
    }

    fn with(self, fields: Fields) -> Self {
        let Fields { recipient, lines, postal_code, city, region, country_code, phone } = fields;
        let street_lines = lines.join("\n");
        Self { recipient, street_lines, postal_code, city, region, country_code, phone, ..self }
    }
}

/// Adds an address to the book of a user whom the transaction has locked: that lock makes the count hold.
pub async fn insert(tx: &Tx, user_id: UserId, fields: Fields) -> Result<Model, Error> {
    let held = Entity::find().filter(Column::UserId.eq(user_id)).count(&**tx).await?;
    if held >= MOST {
        return Err(Error::AddressBookFull);
    }
    tx.belongs_to(user_id).await?;
    let now = tx.now();
    let address = Model {
        id: AddressId::new(),
        user_id,
        recipient: String::new(),
        street_lines: String::new(),
        postal_code: String::new(),
        city: String::new(),
        region: String::new(),
        country_code: String::new(),
        phone: String::new(),
        version: 1,
        create_time: now,
        update_time: now,
    }
    .with(fields);
    Entity::insert(address.clone().into_active_model().reset_all()).exec_without_returning(&**tx).await?;
    publish(tx, user_id, address.id, AddressChange::Created);
    Ok(address)
}

/// Reads an address of a user.
pub async fn find(
    db: &impl ConnectionTrait,
    scope: Scope,
    user: UserId,
    id: AddressId,
) -> Result<Model, Error> {
    let found = Entity::find_by_id(id).filter(Column::UserId.eq(user)).one(db).await?;
    found.filter(|address| scope.sees(address.user_id)).ok_or(Error::AddressNotFound)
}

/// Reads an address and keeps others from changing it until the transaction ends.
pub async fn lock(tx: &Tx, scope: Scope, user: UserId, id: AddressId) -> Result<Model, Error> {
    let found =
        Entity::find_by_id(id).filter(Column::UserId.eq(user)).lock(LockType::Update).one(&**tx).await?;
    found.filter(|address| scope.sees(address.user_id)).ok_or(Error::AddressNotFound)
}

/// The addresses of a user after `after`, the oldest first.
pub async fn list(
    db: &impl ConnectionTrait,
    scope: Scope,
    user: UserId,
    after: Option<AddressId>,
    limit: u64,
) -> Result<Vec<Model>, Error> {
    if !scope.sees(user) {
        return Err(Error::UserNotFound);
    }
    let mut addresses = Entity::find().filter(Column::UserId.eq(user)).order_by_asc(Column::Id).limit(limit);
    if let Some(after) = after {
        addresses = addresses.filter(Column::Id.gt(after));
    }
    Ok(addresses.all(db).await?)
}

/// Writes an address's new words; `before` is the row that [`lock`] read.
pub async fn change(tx: &Tx, before: Model, fields: Fields) -> Result<Model, Error> {
    let (version, update_time) = (before.version, tx.now().max(before.update_time));
    let after = Model { version: version + 1, update_time, ..before.with(fields) };
    tx.belongs_to(after.user_id).await?;
    let mut row = after.clone().into_active_model().reset_all();
    (row.id, row.user_id) = (ActiveValue::NotSet, ActiveValue::NotSet);
    let done = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(after.id))
        .filter(Column::Version.eq(version))
        .exec(&**tx)
        .await?;
    if done.rows_affected != 1 {
        return Err(Error::Stale);
    }
    publish(tx, after.user_id, after.id, AddressChange::Updated);
    Ok(after)
}

/// Removes an address.
pub async fn delete(tx: &Tx, user: UserId, id: AddressId) -> Result<(), DbErr> {
    publish(tx, user, id, AddressChange::Deleted);
    Entity::delete_by_id(id).exec(&**tx).await.map(|_| ())
}

/// Tells followers of a change. The user is locked, so that they get those of an address book in their order.
fn publish(tx: &Tx, user: UserId, address: AddressId, change: AddressChange) {
    let (user_id, address_id) = (user.to_string(), address.to_string());
    tx.publish(user, &AddressChanged { user_id, address_id, change: change.into() });
}
